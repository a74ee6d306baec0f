//! The record of one released window.

use super::codec::{Reader, Writer};
use super::committed::SensorId;
use super::counters::Counters;
use crate::analysis::clip::OnceBits;
use crate::analysis::window::Window;
use crate::observation::PublicTriple;
use crate::release::budget::Line;
use crate::release::plan::ConfigHash;

/// The version of the format and of the meaning of cells.
pub(crate) const SCHEMA: u8 = 2;

const WINDOW: u8 = 2;

/// Stands for a principal in the ledger of one period: a hash under that period's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Tag(pub(crate) [u8; 16]);

/// The key of a period's tags. It goes when the period does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TagKey(pub(crate) [u8; 16]);

/// A key does not print.
impl std::fmt::Debug for TagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TagKey").finish_non_exhaustive()
    }
}

/// Released integers, by cell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Numbers {
    /// Counts with noise.
    pub(crate) volume: Vec<i64>,
    /// On the grid of the once-a-day families.
    pub(crate) once: Vec<i64>,
    /// On the grids of integrations; counts where they are exact.
    pub(crate) partners: Vec<i64>,
}

/// The record of one released window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WindowRecord {
    pub(crate) window: Window,
    pub(crate) config: ConfigHash,
    /// Micro-rho this record charges, by line: the whole period's at its first release, then nothing.
    pub(crate) charges: [u64; Line::COUNT],
    /// Windows that were never released, in all.
    pub(crate) skipped: u64,
    /// Whether the correlated noise begins anew with it.
    pub(crate) segment: bool,
    /// The key of the period's tags.
    pub(crate) key: TagKey,
    /// Principals that count in once-a-day cells from this window on, and in which.
    pub(crate) tags: Vec<(Tag, OnceBits)>,
    /// Released integers.
    pub(crate) released: Numbers,
    /// Triples that were learned with it, in order of their noisy counts; in force from the next window but one on.
    pub(crate) selection: Option<Vec<PublicTriple>>,
}

impl WindowRecord {
    /// The payload of a frame. Kind and window come first at fixed places, so that they can be read from a torn frame.
    pub(super) fn encode(&self, sensor: SensorId, after: &Counters) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.byte(WINDOW);
        writer.bytes(&self.window.period.to_le_bytes());
        writer.bytes(&self.window.index.to_le_bytes());
        writer.byte(SCHEMA);
        writer.bytes(&sensor.0);
        writer.bytes(&self.config.0);
        for charge in self.charges {
            writer.varint(charge);
        }
        writer.varint(self.skipped);
        writer.byte(u8::from(self.segment) | u8::from(self.selection.is_some()) << 1);
        writer.bytes(&self.key.0);
        writer.varint(self.tags.len() as u64);
        for (tag, bits) in &self.tags {
            writer.bytes(&tag.0);
            writer.varint(bits.0.into());
        }
        writer.numbers(&self.released.volume);
        writer.numbers(&self.released.once);
        writer.numbers(&self.released.partners);
        if let Some(selection) = &self.selection {
            writer.triples(selection);
        }
        writer.bytes(&after.digest().to_le_bytes());
        writer.into_bytes()
    }

    /// The record, its sensor, and the checksum of the counters after it.
    pub(super) fn decode(payload: &[u8]) -> Option<(Self, SensorId, u32)> {
        let window = Self::peek(payload)?;
        let mut reader = Reader(payload);
        reader.bytes(13)?;
        if reader.byte()? != SCHEMA {
            return None;
        }
        let sensor = SensorId(reader.array()?);
        let config = ConfigHash(reader.array()?);
        let mut charges = [0; Line::COUNT];
        for charge in &mut charges {
            *charge = reader.varint()?;
        }
        let skipped = reader.varint()?;
        let flags = reader.byte()?;
        let key = TagKey(reader.array()?);
        let tags = (0..reader.count()?)
            .map(|_| {
                let tag = Tag(reader.array()?);
                Some((tag, OnceBits(u32::try_from(reader.varint()?).ok()?)))
            })
            .collect::<Option<_>>()?;
        let released = Numbers {
            volume: reader.numbers()?,
            once: reader.numbers()?,
            partners: reader.numbers()?,
        };
        let selection = if flags & 2 == 0 {
            None
        } else {
            Some(reader.triples()?)
        };
        let digest = u32::from_le_bytes(reader.array()?);
        reader.end()?;
        let record = Self {
            window,
            config,
            charges,
            skipped,
            segment: flags & 1 == 1,
            key,
            tags,
            released,
            selection,
        };
        (flags <= 3).then_some((record, sensor, digest))
    }

    /// The window that a payload is about, however much of the rest is missing.
    pub(super) fn peek(payload: &[u8]) -> Option<Window> {
        let mut reader = Reader(payload);
        (reader.byte()? == WINDOW).then_some(())?;
        Some(Window {
            period: u64::from_le_bytes(reader.array()?),
            index: u32::from_le_bytes(reader.array()?),
        })
    }

    /// Whether a payload was written by another version.
    pub(super) fn is_of_other_version(payload: &[u8]) -> bool {
        payload.first() == Some(&WINDOW) && payload.get(13).is_some_and(|v| *v != SCHEMA)
    }
}

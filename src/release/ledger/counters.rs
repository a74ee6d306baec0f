//! The counters: a function of the released integers alone.

use super::codec::{Reader, Writer};
use super::record::Numbers;
use crate::analysis::clip::{OnceFamily, PartnerFamily};
use crate::release::layout::Layout;
use crate::release::mechanism::blt::{Blt, Decoder};

/// Everything that released integers add up to.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Counters {
    /// Sum of all released integers of the volume families, by cell; may fall.
    pub(crate) cum: Vec<i64>,
    /// What is published of them: the running maximum of `cum` and 0, so it never falls.
    pub(crate) published: Vec<i64>,
    /// The released integers of the last window, by cell.
    pub(crate) window: Vec<i64>,
    /// The once-a-day families, by cell: since the start of the period.
    pub(crate) once: Vec<Series>,
    /// Integrations, by cell: since ever.
    pub(crate) partners: Vec<Series>,
    /// What is published of integrations: the running maximum, rounded.
    pub(crate) partners_published: Vec<i64>,
}

/// A running total under the BLT mechanism, as far as it can be known.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Series {
    decoder: Decoder,
    pub(crate) total: f64,
}

impl Series {
    /// A total whose mechanism begins anew.
    pub(super) fn at(total: f64) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }

    fn step(&mut self, blt: &Blt, released: i64) {
        self.total += self.decoder.step(blt, released);
    }
}

impl Counters {
    pub(crate) fn zero(layout: &Layout) -> Self {
        let (cells, partners) = (layout.cells(), layout.partner_cells());
        Self {
            cum: vec![0; cells],
            published: vec![0; cells],
            window: vec![0; cells],
            once: vec![Series::default(); OnceFamily::CELLS],
            partners: vec![Series::default(); partners],
            partners_published: vec![0; partners],
        }
    }

    /// Whether it has as many numbers as the layout has cells.
    pub(super) fn fits(&self, layout: &Layout) -> bool {
        let (cells, partners) = (layout.cells(), layout.partner_cells());
        let volume = [&self.cum, &self.published, &self.window];
        volume.iter().all(|values| values.len() == cells)
            && self.once.len() == OnceFamily::CELLS
            && self.partners.len() == partners
            && self.partners_published.len() == partners
    }

    /// Begins the mechanism of correlated noise anew: what comes was encoded by a process that remembers nothing.
    pub(super) fn start_segment(&mut self) {
        for series in self.once.iter_mut().chain(&mut self.partners) {
            series.decoder = Decoder::default();
        }
    }

    /// Begins to count principals anew.
    pub(super) fn start_period(&mut self) {
        self.once.fill(Series::default());
    }

    /// Adds the released integers of a window.
    pub(super) fn apply(&mut self, layout: &Layout, released: &Numbers) {
        let places = self.cum.iter_mut().zip(&mut self.published);
        for ((cum, published), y) in places.zip(&released.volume) {
            *cum = cum.saturating_add(*y);
            *published = (*published).max(*cum);
        }
        released.volume.clone_into(&mut self.window);
        let once = layout.once();
        for (series, y) in self.once.iter_mut().zip(&released.once) {
            series.step(&once, *y);
        }
        let blts = PartnerFamily::ALL.map(|family| layout.partner(family));
        let exact = layout.exact_cells();
        let places = self.partners.iter_mut().zip(&mut self.partners_published);
        for (cell, ((series, published), y)) in places.zip(&released.partners).enumerate() {
            if exact.get(cell) == Some(&true) {
                #[allow(clippy::cast_precision_loss, reason = "exact to 2^53")]
                let count = *y as f64;
                series.total += count;
            } else if let Some(blt) = blts.get(PartnerFamily::of(cell) as usize) {
                series.step(blt, *y);
            }
            *published = (*published).max(rounded(series.total));
        }
    }

    /// A checksum of what is published, so that a restart proves it restored what was served.
    pub(super) fn digest(&self) -> u32 {
        let whole = self.published.iter().chain(&self.partners_published);
        let crc = whole.fold(0, |crc, value| {
            crc32c::crc32c_append(crc, &value.to_le_bytes())
        });
        self.once.iter().fold(crc, |crc, series| {
            crc32c::crc32c_append(crc, &series.total.to_bits().to_le_bytes())
        })
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.numbers(&self.cum);
        writer.numbers(&self.published);
        writer.numbers(&self.window);
        for all in [&self.once, &self.partners] {
            writer.varint(all.len() as u64);
            for series in all {
                series.decoder.0.iter().for_each(|b| writer.float(*b));
                writer.float(series.total);
            }
        }
        writer.numbers(&self.partners_published);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let series = |reader: &mut Reader<'_>| {
            let mut decoder = Decoder::default();
            for buffer in &mut decoder.0 {
                *buffer = reader.float()?;
            }
            let total = reader.float()?;
            Some(Series { decoder, total })
        };
        let all = |reader: &mut Reader<'_>| {
            let count = reader.count()?;
            (0..count)
                .map(|_| series(reader))
                .collect::<Option<Vec<_>>>()
        };
        Some(Self {
            cum: reader.numbers()?,
            published: reader.numbers()?,
            window: reader.numbers()?,
            once: all(reader)?,
            partners: all(reader)?,
            partners_published: reader.numbers()?,
        })
    }
}

/// The nearest integer.
#[allow(
    clippy::cast_possible_truncation,
    reason = "saturates, and nothing counts that far"
)]
pub(crate) fn rounded(value: f64) -> i64 {
    libm::round(value) as i64
}

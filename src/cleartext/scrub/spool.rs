//! Masked stretches of streams on disk, and where each lies.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;

use ahash::RandomState;

use super::FILLER;
use crate::cleartext::engine::Place;
use crate::observation::FlowId;

/// Which direction of which flow.
type Key = (FlowId, bool);

/// A stretch of a stream in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    /// Position in the stream.
    offset: u64,
    len: u64,
    /// Position in the file.
    at: u64,
}

impl Extent {
    const fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Extents of a direction, by position, disjoint.
pub(super) type Index = HashMap<Key, Vec<Extent>, RandomState>;

/// Masked streams, to be read.
pub(super) struct Spool {
    file: File,
    index: Index,
}

/// Masked streams, being written.
pub(super) struct Writer {
    file: BufWriter<File>,
    len: u64,
    index: Index,
}

impl Spool {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            index: Index::default(),
        }
    }

    /// Starts writing, at the front.
    pub(super) fn writer(&self) -> io::Result<Writer> {
        self.file.set_len(0)?;
        Ok(Writer {
            file: BufWriter::with_capacity(1 << 18, self.file.try_clone()?),
            len: 0,
            index: Index::default(),
        })
    }

    /// Takes over what a writer has written.
    pub(super) fn index(&mut self, index: Index) {
        self.index = index;
    }

    /// Replaces a payload by its masked bytes, and by filler where there are none. Gives the number of masked bytes.
    pub(super) fn fill(&self, place: Option<Place>, payload: &mut [u8]) -> io::Result<u64> {
        let known = place.and_then(|place| Some((place, place.offset?)));
        let known = known.and_then(|(place, first)| {
            Some((first, self.index.get(&(place.flow, place.from_low))?))
        });
        let Some((first, extents)) = known else {
            payload.fill(FILLER);
            return Ok(0);
        };
        blank(payload);
        let end = first.saturating_add(wide(payload.len()));
        let from = extents.partition_point(|extent| extent.end() <= first);
        let mut kept = 0_u64;
        for extent in extents
            .iter()
            .skip(from)
            .take_while(|extent| extent.offset < end)
        {
            let (start, stop) = (extent.offset.max(first), extent.end().min(end));
            let into = narrow(start.saturating_sub(first))..narrow(stop.saturating_sub(first));
            let at = extent
                .at
                .saturating_add(start.saturating_sub(extent.offset));
            if let Some(part) = payload.get_mut(into) {
                self.file.read_exact_at(part, at)?;
                kept = kept.saturating_add(wide(part.len()));
            }
        }
        Ok(kept)
    }
}

/// Filler between messages: line ends stay, or a start line behind it would not begin a line.
fn blank(payload: &mut [u8]) {
    for byte in payload {
        if !matches!(byte, b'\r' | b'\n') {
            *byte = FILLER;
        }
    }
}

impl Writer {
    /// Appends a stretch. One that begins before the end of the last of its direction is left out (it was seen already).
    pub(super) fn put(&mut self, key: Key, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let len = wide(bytes.len());
        let extents = self.index.entry(key).or_default();
        if len == 0 || extents.last().is_some_and(|last| last.end() > offset) {
            return Ok(());
        }
        self.file.write_all(bytes)?;
        match extents.last_mut() {
            Some(last) if last.end() == offset && last.at.saturating_add(last.len) == self.len => {
                last.len = last.len.saturating_add(len);
            }
            _ => extents.push(Extent {
                offset,
                len,
                at: self.len,
            }),
        }
        self.len = self.len.saturating_add(len);
        Ok(())
    }

    pub(super) fn finish(&mut self) -> io::Result<Index> {
        self.file.flush()?;
        Ok(std::mem::take(&mut self.index))
    }
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn narrow(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

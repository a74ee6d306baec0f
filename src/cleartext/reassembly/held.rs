//! Segments that came before their turn: disjoint pieces by position, bounded by the caller.
//!
//! Invariant: pieces do not overlap, and each begins behind the position up to which the stream was delivered.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::Overlap;
use crate::clock::EventTime;
use crate::tally::{Tally, TallySheet};

/// What a piece costs beside its bytes: the allocation and its place in the tree.
const OVERHEAD: usize = 96;

/// Bytes held behind a hole.
#[derive(Default)]
pub(super) struct Held {
    pieces: BTreeMap<u64, Piece>,
    memory: usize,
    payload: u64,
    /// When the oldest hole opened, as far as it is still open.
    pub(super) since: EventTime,
    /// When the receiver was first seen to have acknowledged the first hole.
    pub(super) passed: Option<Passed>,
}

/// Since when the first hole counts as acknowledged.
#[derive(Clone, Copy)]
pub(super) struct Passed {
    pub(super) time: EventTime,
    pub(super) packets: u32,
}

/// Part of a segment.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Bytes behind `bytes` that the snaplen cut off.
    pub(super) missing: u64,
    pub(super) time: EventTime,
    pub(super) acked: Option<u64>,
    /// Another copy of some of its bytes differed.
    pub(super) conflict: bool,
}

/// A segment to be held, from `start` on.
#[derive(Clone, Copy)]
pub(super) struct Early<'a> {
    pub(super) start: u64,
    pub(super) bytes: &'a [u8],
    pub(super) missing: u64,
    pub(super) time: EventTime,
    pub(super) acked: Option<u64>,
    /// Another copy of some of its bytes differed.
    pub(super) conflict: bool,
}

/// What became of the bytes of a segment that was to be held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Outcome {
    /// Bytes that were held already.
    pub(super) duplicate: u64,
    /// Whether these differed from the first copy.
    pub(super) conflict: bool,
}

impl Piece {
    fn len(&self) -> u64 {
        wide(self.bytes.len()).saturating_add(self.missing)
    }

    /// Puts other bytes in place of those from position `at` on; the piece begins at `start`.
    fn overwrite(&mut self, start: u64, bytes: &[u8], at: u64) {
        let skip = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        for (place, byte) in self.bytes.iter_mut().skip(skip).zip(bytes) {
            *place = *byte;
        }
    }
}

impl Early<'_> {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.missing == 0
    }

    /// Without its first `n` bytes, which were handed on before; `start` stays.
    pub(super) fn without(mut self, n: u64, tally: &TallySheet) -> Self {
        if n > 0 {
            let cut = usize::try_from(n)
                .unwrap_or(usize::MAX)
                .min(self.bytes.len());
            tally.add(Tally::StreamBytesDuplicate, wide(cut));
            self.bytes = self.bytes.get(cut..).unwrap_or_default();
            self.missing = self.missing.saturating_sub(n.saturating_sub(wide(cut)));
        }
        self
    }

    pub(super) fn end(&self) -> u64 {
        self.start
            .saturating_add(wide(self.bytes.len()))
            .saturating_add(self.missing)
    }

    /// The captured bytes at positions `from..to`.
    fn between(&self, from: u64, to: u64) -> &[u8] {
        let at = |position: u64| {
            let offset = position.saturating_sub(self.start);
            usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(self.bytes.len())
        };
        self.bytes.get(at(from)..at(to)).unwrap_or_default()
    }
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn segments(&self) -> usize {
        self.pieces.len()
    }

    /// Heap bytes.
    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    /// Captured bytes held.
    pub(super) const fn payload(&self) -> u64 {
        self.payload
    }

    /// Where the first piece begins: the end of the first hole.
    pub(super) fn first(&self) -> Option<u64> {
        self.pieces.first_key_value().map(|(start, _)| *start)
    }

    /// Keeps what is new of a segment. Of what is there already the policy says which copy stays.
    pub(super) fn insert(&mut self, early: &Early<'_>, policy: Overlap) -> Outcome {
        let end = early.end();
        let mut outcome = Outcome::default();
        let mut fresh: SmallVec<[(u64, u64); 4]> = SmallVec::new();
        let mut at = early.start;
        let from = self
            .pieces
            .range(..=early.start)
            .next_back()
            .map_or(early.start, |(start, _)| *start);
        for (start, piece) in self.pieces.range_mut(from..end) {
            let piece_end = start.saturating_add(piece.len());
            if piece_end <= at {
                continue;
            }
            if *start > at {
                fresh.push((at, *start));
                at = *start;
            }
            let stop = piece_end.min(end);
            if outcome.compare(piece, *start, early, (at, stop)) {
                piece.conflict = true;
                if policy.later_wins((*start, piece_end), (early.start, end)) {
                    piece.overwrite(*start, early.between(at, stop), at);
                }
            }
            at = stop;
        }
        if at < end {
            fresh.push((at, end));
        }
        for (from, to) in fresh {
            self.put(early, from, to);
        }
        outcome
    }

    fn put(&mut self, early: &Early<'_>, from: u64, to: u64) {
        let bytes = early.between(from, to).to_vec();
        let kept = wide(bytes.len());
        self.memory = self
            .memory
            .saturating_add(bytes.len())
            .saturating_add(OVERHEAD);
        self.payload = self.payload.saturating_add(kept);
        let piece = Piece {
            missing: to.saturating_sub(from).saturating_sub(kept),
            bytes,
            time: early.time,
            acked: early.acked,
            conflict: false,
        };
        self.pieces.insert(from, piece);
    }

    /// The first hole is another one now: it has been open since the piece behind it came.
    pub(super) fn restart(&mut self) {
        self.passed = None;
        if let Some((_, piece)) = self.pieces.first_key_value() {
            self.since = piece.time;
        }
    }

    /// Takes the first piece out if it begins at or before `position`.
    pub(super) fn take(&mut self, position: u64) -> Option<Piece> {
        let first = self.pieces.first_entry()?;
        if *first.key() > position {
            return None;
        }
        let piece = first.remove();
        self.memory = self
            .memory
            .saturating_sub(piece.bytes.len())
            .saturating_sub(OVERHEAD);
        self.payload = self.payload.saturating_sub(wide(piece.bytes.len()));
        Some(piece)
    }
}

impl Outcome {
    /// Compares the second copy of `range` with the first; true if they differ.
    fn compare(&mut self, piece: &Piece, start: u64, early: &Early<'_>, range: (u64, u64)) -> bool {
        let second = early.between(range.0, range.1);
        let skip = usize::try_from(range.0.saturating_sub(start)).unwrap_or(usize::MAX);
        let first = piece.bytes.get(skip..).unwrap_or_default();
        self.duplicate = self.duplicate.saturating_add(wide(second.len()));
        let differ = first.iter().zip(second).any(|(a, b)| a != b);
        self.conflict |= differ;
        differ
    }
}

pub(super) fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

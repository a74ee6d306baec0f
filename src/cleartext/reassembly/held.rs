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
    /// Another copy of it had other content.
    pub(super) conflict: bool,
    /// It is an urgent byte, and no part of the stream.
    pub(super) urgent: bool,
}

/// A segment to be held, from `start` on.
#[derive(Clone, Copy)]
pub(super) struct Early<'a> {
    pub(super) start: u64,
    pub(super) bytes: &'a [u8],
    pub(super) missing: u64,
    pub(super) time: EventTime,
    pub(super) acked: Option<u64>,
    pub(super) conflict: bool,
    pub(super) urgent: bool,
}

/// What became of the bytes of a segment that was to be held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Outcome {
    /// Bytes of which there are two copies, one of which is dropped.
    pub(super) duplicate: u64,
    /// Whether the copies differed.
    pub(super) conflict: bool,
}

impl Piece {
    fn len(&self) -> u64 {
        wide(self.bytes.len()).saturating_add(self.missing)
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

    /// Keeps what is new of a segment, and of what is there already the copy that counts by `policy`.
    pub(super) fn insert(&mut self, early: &Early<'_>, policy: Overlap) -> Outcome {
        let end = early.end();
        let mut outcome = Outcome::default();
        if policy != Overlap::First {
            self.yield_to(early, policy, &mut outcome);
        }
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
            outcome.drop_copy(early.between(at, stop));
            piece.conflict |= outcome.compare(piece, *start, early, (at, stop));
            at = stop;
        }
        if at < end {
            fresh.push((at, end));
        }
        let early = Early {
            conflict: early.conflict || outcome.conflict,
            ..*early
        };
        for (from, to) in fresh {
            self.put(&early, from, to);
        }
        outcome
    }

    /// Takes out what the segment replaces. Bytes it lacks itself (cut by the snaplen) it does not replace.
    fn yield_to(&mut self, early: &Early<'_>, policy: Overlap, outcome: &mut Outcome) {
        let end = early.start.saturating_add(wide(early.bytes.len()));
        let from = self
            .pieces
            .range(..=early.start)
            .next_back()
            .map_or(early.start, |(start, _)| *start);
        let losers: SmallVec<[u64; 4]> = self
            .pieces
            .range(from..end)
            .map(|(start, piece)| (*start, start.saturating_add(piece.len())))
            .filter(|first| first.1 > early.start)
            .filter(|first| policy.second_wins(*first, (early.start, end)))
            .map(|first| first.0)
            .collect();
        for start in losers {
            let Some(piece) = self.remove(start) else {
                continue;
            };
            let shared = (
                early.start.max(start),
                end.min(start.saturating_add(piece.len())),
            );
            let conflict = outcome.compare(&piece, start, early, shared) || piece.conflict;
            let old = Early {
                start,
                bytes: &piece.bytes,
                missing: piece.missing,
                time: piece.time,
                acked: piece.acked,
                conflict,
                urgent: piece.urgent,
            };
            outcome.drop_copy(old.between(shared.0, shared.1));
            for (from, to) in [(start, shared.0), (shared.1, old.end())] {
                if from < to {
                    self.put(&old, from, to);
                }
            }
        }
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
            conflict: early.conflict,
            urgent: early.urgent,
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
        let start = self.first().filter(|start| *start <= position)?;
        self.remove(start)
    }

    fn remove(&mut self, start: u64) -> Option<Piece> {
        let piece = self.pieces.remove(&start)?;
        self.memory = self
            .memory
            .saturating_sub(piece.bytes.len())
            .saturating_sub(OVERHEAD);
        self.payload = self.payload.saturating_sub(wide(piece.bytes.len()));
        Some(piece)
    }
}

impl Outcome {
    fn drop_copy(&mut self, bytes: &[u8]) {
        self.duplicate = self.duplicate.saturating_add(wide(bytes.len()));
    }

    /// Compares the second copy of `range` with the first, and says whether they differ.
    fn compare(&mut self, piece: &Piece, start: u64, early: &Early<'_>, range: (u64, u64)) -> bool {
        let second = early.between(range.0, range.1);
        let skip = usize::try_from(range.0.saturating_sub(start)).unwrap_or(usize::MAX);
        let first = piece.bytes.get(skip..).unwrap_or_default();
        let differs = first.iter().zip(second).any(|(a, b)| a != b);
        self.conflict |= differs;
        differs
    }
}

pub(super) fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

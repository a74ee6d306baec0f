//! IP datagrams in fragments: rewritten as a whole, so that what the fragments carry is masked and their checksum verifies.
//!
//! A pass of its own gathers them, since the first fragment cannot be written before the last one is known. What does not
//! become whole, or exceeds the limits, becomes filler.

use std::collections::HashMap;

use ahash::RandomState;

use super::packet::{Key, Part};

/// Bytes of fragments held at a time.
const MOST_HELD: usize = 16 << 20;
/// Bytes of rewritten fragments held for the last pass.
const MOST_KEPT: usize = 64 << 20;
/// Longest payload of a datagram.
const LONGEST: usize = 65_535;

/// A fragment: in which packet it came, and what of the datagram it is.
struct Piece {
    packet: u64,
    start: usize,
    bytes: Vec<u8>,
}

/// A datagram in the making.
#[derive(Default)]
struct Datagram {
    pieces: Vec<Piece>,
    /// Known once the last fragment was seen.
    len: Option<usize>,
}

/// A datagram that is whole.
pub(super) struct Whole {
    pub(super) payload: Vec<u8>,
    places: Vec<(u64, usize, usize)>,
}

/// Fragments gathered, and fragments rewritten.
#[derive(Default)]
pub(super) struct Fragments {
    open: HashMap<Key, Datagram, RandomState>,
    held: usize,
    done: HashMap<u64, Vec<u8>, RandomState>,
    kept: usize,
}

impl Fragments {
    /// Takes a fragment; gives the datagram if it is whole now.
    pub(super) fn gather(&mut self, packet: u64, part: &Part<'_>) -> Option<Whole> {
        self.held = self.held.saturating_add(part.bytes.len());
        if self.held > MOST_HELD {
            // What waits is given up; this one may still become whole.
            self.open.clear();
            self.held = part.bytes.len();
        }
        let datagram = self.open.entry(part.key).or_default();
        let end = part.start.saturating_add(part.bytes.len());
        if !part.more {
            datagram.len = Some(end);
        }
        datagram.pieces.push(Piece {
            packet,
            start: part.start,
            bytes: part.bytes.to_vec(),
        });
        if !datagram.is_whole() {
            return None;
        }
        let datagram = self.open.remove(&part.key)?;
        let size = |piece: &Piece| piece.bytes.len();
        let all: usize = datagram.pieces.iter().map(size).sum();
        self.held = self.held.saturating_sub(all);
        datagram.join()
    }

    /// Keeps a rewritten datagram for the last pass.
    pub(super) fn keep(&mut self, whole: &Whole) {
        self.kept = self.kept.saturating_add(whole.payload.len());
        if self.kept > MOST_KEPT {
            return;
        }
        for (packet, start, end) in &whole.places {
            let bytes = whole.payload.get(*start..*end).unwrap_or_default();
            self.done.insert(*packet, bytes.to_vec());
        }
    }

    /// Overwrites a fragment by what it was rewritten to; false if it was not.
    pub(super) fn fill(&mut self, packet: u64, part: &mut Part<'_>) -> bool {
        match self.done.remove(&packet) {
            Some(bytes) if bytes.len() == part.bytes.len() => {
                part.bytes.copy_from_slice(&bytes);
                true
            }
            Some(_) | None => false,
        }
    }
}

impl Datagram {
    /// Whether nothing is missing. Copies and overlaps do no harm: what they hold is the same, or some of it is not shown.
    fn is_whole(&mut self) -> bool {
        let Some(len) = self.len.filter(|len| *len <= LONGEST) else {
            return false;
        };
        self.pieces.sort_by_key(|piece| piece.start);
        let mut covered = 0_usize;
        for piece in &self.pieces {
            if piece.start > covered {
                return false;
            }
            covered = covered.max(piece.start.saturating_add(piece.bytes.len()));
        }
        covered == len
    }

    fn join(self) -> Option<Whole> {
        let mut payload = vec![0; self.len?];
        let mut places = Vec::new();
        for piece in self.pieces.iter().rev() {
            let end = piece.start.checked_add(piece.bytes.len())?;
            payload
                .get_mut(piece.start..end)?
                .copy_from_slice(&piece.bytes);
            places.push((piece.packet, piece.start, end));
        }
        Some(Whole { payload, places })
    }
}

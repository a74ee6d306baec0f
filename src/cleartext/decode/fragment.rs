//! IP fragments, put together within limits.
//!
//! On overlap the first copy wins, for IPv6 as well (RFC 5722 would drop the datagram; some hosts do not, and a tap must not
//! lose what the host took); it is counted. Time is packet time. Read first: RFC 791 section 3.2, RFC 815, RFC 8200 section
//! 4.5, RFC 5722.

use std::collections::{BTreeMap, HashMap, VecDeque};

use ahash::RandomState;

use crate::cleartext::raw::Raw;
use crate::clock::{EventTime, NANOS_PER_SECOND};
use crate::tally::{Tally, TallySheet};

/// A datagram is no longer than this (bytes).
const LONGEST: u32 = 65_535;
/// What a piece costs beside its bytes.
const OVERHEAD: usize = 96;

/// What bounds the putting together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of all pieces held.
    pub max_memory: usize,
    /// Pieces of one datagram.
    pub max_pieces: usize,
    /// A datagram is given up after so many nanoseconds of packet time.
    pub timeout_nanos: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_memory: 16 << 20,
            max_pieces: 512,
            timeout_nanos: 30 * NANOS_PER_SECOND,
        }
    }
}

/// Which datagram.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::cleartext) struct Key {
    pub(super) from: [u8; 16],
    pub(super) to: [u8; 16],
    pub(super) id: u32,
    pub(super) protocol: u8,
}

/// Part of a datagram.
pub(in crate::cleartext) struct Fragment<'a> {
    pub(super) key: Key,
    /// What the datagram carries, as this fragment says.
    pub(super) protocol: u8,
    /// Where it begins in the payload of the datagram.
    pub(super) start: u32,
    /// Whether more follow.
    pub(super) more: bool,
    /// Bytes the snaplen cut off.
    pub(super) missing: u32,
    pub(super) bytes: &'a [u8],
    pub(super) depth: u8,
    pub(super) doubtful: bool,
}

/// A datagram that is whole.
pub(in crate::cleartext) struct Whole {
    pub(super) key: Key,
    pub(super) protocol: u8,
    pub(super) payload: Raw<Vec<u8>>,
    /// Time of the packet that completed it.
    pub(super) time: EventTime,
    pub(super) depth: u8,
    pub(super) doubtful: bool,
}

/// Datagrams that are not whole yet.
#[derive(Default)]
pub(in crate::cleartext) struct Fragments {
    datagrams: HashMap<Key, Datagram, RandomState>,
    /// In order of their first fragment; a number tells datagrams apart that use a key again.
    order: VecDeque<(Key, u64)>,
    opened: u64,
    memory: usize,
}

#[derive(Default)]
struct Datagram {
    number: u64,
    since: EventTime,
    protocol: u8,
    /// Disjoint pieces by where they begin.
    pieces: BTreeMap<u32, Vec<u8>>,
    /// Bytes in them.
    held: u32,
    /// Length of the payload, once the last fragment is there.
    length: Option<u32>,
}

impl Fragments {
    /// Takes a fragment; gives the datagram if that completes it.
    pub(in crate::cleartext) fn add(
        &mut self,
        fragment: &Fragment<'_>,
        now: EventTime,
        limits: &Limits,
        tally: &TallySheet,
    ) -> Option<Whole> {
        self.expire(now, limits, tally);
        let len = u32::try_from(fragment.bytes.len()).ok()?;
        let end = fragment
            .start
            .checked_add(len)
            .filter(|end| *end <= LONGEST);
        let Some(end) = end.filter(|_| len > 0 && fragment.missing == 0) else {
            tally.one(Tally::FragmentsUnusable);
            return None;
        };
        let datagram = match self.datagrams.entry(fragment.key) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                self.opened = self.opened.wrapping_add(1);
                self.order.push_back((fragment.key, self.opened));
                free.insert(Datagram {
                    number: self.opened,
                    since: now,
                    ..Datagram::default()
                })
            }
        };
        if fragment.start == 0 {
            datagram.protocol = fragment.protocol;
        }
        if !fragment.more {
            datagram.length.get_or_insert(end);
        }
        if datagram.pieces.len() >= limits.max_pieces {
            tally.one(Tally::LimitFragments);
            self.drop_datagram(fragment.key);
            return None;
        }
        let (added, overlaps) = datagram.insert(fragment.start, fragment.bytes);
        if overlaps {
            tally.one(Tally::FragmentsOverlap);
        }
        self.memory = self.memory.saturating_add(added);
        if datagram.is_whole() {
            return self.complete(fragment, now);
        }
        while self.memory > limits.max_memory {
            tally.one(Tally::LimitFragments);
            self.drop_oldest()?;
        }
        None
    }

    /// Memory of all pieces, in bytes.
    pub(in crate::cleartext) const fn memory(&self) -> usize {
        self.memory
    }

    fn complete(&mut self, last: &Fragment<'_>, now: EventTime) -> Option<Whole> {
        let datagram = self.drop_datagram(last.key)?;
        let length = usize::try_from(datagram.length?).ok()?;
        let mut payload = Vec::with_capacity(length);
        for piece in datagram.pieces.into_values() {
            payload.extend_from_slice(&piece);
        }
        payload.truncate(length);
        Some(Whole {
            key: last.key,
            protocol: datagram.protocol,
            payload: Raw::new(payload),
            time: now,
            depth: last.depth,
            doubtful: last.doubtful,
        })
    }

    /// Gives up datagrams that waited too long.
    fn expire(&mut self, now: EventTime, limits: &Limits, tally: &TallySheet) {
        while let Some((key, number)) = self.order.front().copied() {
            match self.datagrams.get(&key) {
                Some(known) if known.number == number => {
                    if now.nanos_since(known.since) < limits.timeout_nanos {
                        return;
                    }
                    tally.one(Tally::FragmentsTimedOut);
                    self.drop_datagram(key);
                }
                // Completed or dropped before.
                _ => {}
            }
            self.order.pop_front();
        }
    }

    fn drop_oldest(&mut self) -> Option<()> {
        loop {
            let (key, number) = self.order.pop_front()?;
            if self
                .datagrams
                .get(&key)
                .is_some_and(|known| known.number == number)
            {
                self.drop_datagram(key);
                return Some(());
            }
        }
    }

    fn drop_datagram(&mut self, key: Key) -> Option<Datagram> {
        let datagram = self.datagrams.remove(&key)?;
        let memory: usize = datagram.pieces.values().map(|piece| cost(piece)).sum();
        self.memory = self.memory.saturating_sub(memory);
        Some(datagram)
    }
}

impl Datagram {
    /// Puts in what of the bytes is new. Gives the memory added, and whether some was there already with other content.
    fn insert(&mut self, start: u32, bytes: &[u8]) -> (usize, bool) {
        let mut added = 0_usize;
        let mut overlaps = false;
        let mut at = start;
        let mut rest = bytes;
        while !rest.is_empty() {
            // What covers `at`, else what comes next.
            let covering = self.pieces.range(..=at).next_back();
            let covered = covering.map_or(0, |(from, piece)| {
                from.saturating_add(wide(piece.len())).saturating_sub(at)
            });
            if covered > 0 {
                let skip = usize::try_from(covered)
                    .unwrap_or(usize::MAX)
                    .min(rest.len());
                overlaps |= covering.is_some_and(|(from, piece)| {
                    let from = usize::try_from(at.saturating_sub(*from)).unwrap_or(0);
                    let to = from.saturating_add(skip);
                    piece.get(from..to) != rest.get(..skip)
                });
                rest = rest.get(skip..).unwrap_or_default();
                at = at.saturating_add(wide(skip));
                continue;
            }
            let room = self
                .pieces
                .range(at..)
                .next()
                .map_or(rest.len(), |(from, _)| {
                    usize::try_from(from.saturating_sub(at)).unwrap_or(usize::MAX)
                });
            let (new, later) = rest.split_at(room.min(rest.len()));
            let piece = new.to_vec();
            added = added.saturating_add(cost(&piece));
            self.held = self.held.saturating_add(wide(new.len()));
            self.pieces.insert(at, piece);
            at = at.saturating_add(wide(new.len()));
            rest = later;
        }
        (added, overlaps)
    }

    /// Whether every byte up to the end is there.
    fn is_whole(&self) -> bool {
        let Some(length) = self.length.filter(|length| self.held >= *length) else {
            return false;
        };
        let mut reached = 0_u32;
        for (from, piece) in &self.pieces {
            if *from > reached {
                return false;
            }
            reached = from.saturating_add(wide(piece.len()));
            if reached >= length {
                return true;
            }
        }
        false
    }
}

const fn cost(piece: &[u8]) -> usize {
    piece.len().saturating_add(OVERHEAD)
}

fn wide(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

//! Packets that a mirror shows twice.
//!
//! A SPAN of two ports, or of both directions of one, repeats a packet within a few milliseconds: as it was, or as it looks
//! behind a router (another link header, time to live, header checksum). A sender that repeats a segment gives it another
//! IPv4 identification or at least waits for a round trip, so that the span of [`WINDOW_NANOS`] tells the two apart.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;

use crate::cleartext::capture::{LinkType, Packet};
use crate::clock::EventTime;

/// A copy comes this soon or never (nanoseconds).
const WINDOW_NANOS: u64 = 5_000_000;
/// Packets remembered at most.
pub(super) const MAX_RECENT: usize = 16_384;
/// VLAN tags looked through.
const MAX_TAGS: usize = 4;

/// In which way a packet repeats another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Copy {
    /// Byte for byte.
    Exact,
    /// But for what a router or switch changes.
    Routed,
}

/// Recent packets, by a hash of what no router changes.
pub(super) struct Copies {
    recent: HashMap<u64, u64, RandomState>,
    order: VecDeque<(EventTime, u64)>,
    hasher: RandomState,
}

impl Default for Copies {
    fn default() -> Self {
        // Fixed keys: the same capture gives the same numbers. Nothing but a count depends on a collision.
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        Self {
            recent: HashMap::with_hasher(hasher.clone()),
            order: VecDeque::new(),
            hasher,
        }
    }
}

impl Copies {
    /// Whether a packet repeats a recent one. Only IPv4 is looked at beyond exact copies: IPv6 has no identification.
    pub(super) fn see(&mut self, packet: &Packet<'_>) -> Option<Copy> {
        let data = packet.data.expose();
        let whole = self.hasher.hash_one((packet.wire_len, data));
        let inner = internet(packet.link, data).and_then(|ip| self.unchanged(ip))?;
        self.forget(packet.time);
        if let Some(before) = self.recent.get(&inner) {
            return Some(if *before == whole {
                Copy::Exact
            } else {
                Copy::Routed
            });
        }
        if self.order.len() >= MAX_RECENT
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        self.recent.insert(inner, whole);
        self.order.push_back((packet.time, inner));
        None
    }

    /// A hash of what no router changes. None where repeating oneself means nothing.
    fn unchanged(&self, ip: &[u8]) -> Option<u64> {
        match ip {
            // Version and length, service, total length | identification, flags | time to live | protocol | checksum | rest.
            [
                v,
                _,
                l0,
                l1,
                i0,
                i1,
                f0,
                f1,
                _ttl,
                protocol,
                _c0,
                _c1,
                rest @ ..,
            ] if v >> 4 == 4 && (*i0, *i1) != (0, 0) => {
                let fixed = [*v, *l0, *l1, *i0, *i1, *f0, *f1, *protocol];
                Some(self.hasher.hash_one((fixed, rest)))
            }
            // Version, class, flow label | payload length, next header | hop limit | rest. Without an identification only
            // packets with payload can be told from each other; 60 bytes are headers of TCP alone.
            [v, _, _, _, l0, l1, next, _hops, rest @ ..]
                if v >> 4 == 6 && u16::from_be_bytes([*l0, *l1]) > 60 =>
            {
                Some(self.hasher.hash_one(([*v, *l0, *l1, *next], rest)))
            }
            _ => None,
        }
    }

    fn forget(&mut self, now: EventTime) {
        while let Some((time, key)) = self.order.front()
            && now.nanos_since(*time) > WINDOW_NANOS
        {
            self.recent.remove(key);
            self.order.pop_front();
        }
    }
}

/// The IP header, behind an Ethernet header with its tags or where the link has none.
fn internet(link: LinkType, data: &[u8]) -> Option<&[u8]> {
    match link.0 {
        1 => {
            let mut rest = data.get(12..)?;
            for _ in 0..MAX_TAGS {
                match rest {
                    [0x08, 0x00, ip @ ..] | [0x86, 0xdd, ip @ ..] => return Some(ip),
                    [0x81, 0x00, _, _, more @ ..] | [0x88, 0xa8, _, _, more @ ..] => rest = more,
                    _ => return None,
                }
            }
            None
        }
        12 | 14 | 101 | 228 | 229 => Some(data),
        113 => data.get(16..),
        276 => data.get(20..),
        _ => None,
    }
}

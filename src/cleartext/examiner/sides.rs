//! Both sides of TCP flows: which were seen, whether one is tagged and the other not, and what was acknowledged unseen.
//!
//! A byte that its receiver acknowledged and the capture never showed was lost on the way to the capture, not on the way to
//! the receiver (RFC 9293 section 3.4): that is what tells loss of the mirror from loss of the network.

use std::collections::HashMap;

use ahash::RandomState;

use super::{Facts, count};
use crate::cleartext::decode::{FlowKey, Segment};

/// Flows watched; later ones are not looked at.
pub(super) const MAX_FLOWS: usize = 65_536;
/// An acknowledgement further ahead than this is no loss but another connection (bytes).
const MAX_UNSEEN: u32 = 64 << 20;

/// All flows watched.
pub(super) struct Sides {
    flows: HashMap<FlowKey, [Side; 2], RandomState>,
}

impl Default for Sides {
    fn default() -> Self {
        Self {
            flows: HashMap::with_hasher(RandomState::with_seeds(5, 6, 7, 8)),
        }
    }
}

/// One direction of a flow.
#[derive(Clone, Copy, Default)]
struct Side {
    segments: u64,
    payload: u64,
    tagged: bool,
    untagged: bool,
    /// The sequence number behind the last byte seen or accounted for.
    next: Option<u32>,
    /// Towards the lower port.
    to_low_port: bool,
}

impl Sides {
    pub(super) fn see(&mut self, segment: &Segment<'_>, tagged: bool, facts: &mut Facts) {
        if self.flows.len() >= MAX_FLOWS && !self.flows.contains_key(&segment.key) {
            return;
        }
        let [low, high] = self.flows.entry(segment.key).or_default();
        let (own, other, to) = if segment.from_low {
            (low, high, (segment.key.high.port, segment.key.low.port))
        } else {
            (high, low, (segment.key.low.port, segment.key.high.port))
        };
        own.to_low_port = to.0 < to.1;
        own.send(segment, tagged, facts);
        if segment.flags.ack && !segment.flags.rst {
            other.acknowledged(segment.ack, facts);
        }
    }

    /// Adds what only whole flows tell.
    pub(super) fn sum_up(&self, facts: &mut Facts) {
        #[allow(clippy::iter_over_hash_type, reason = "sums do not depend on order")]
        for sides in self.flows.values() {
            count(&mut facts.flows);
            let [low, high] = sides;
            let tags = |side: &Side| (side.tagged && !side.untagged, side.untagged && !side.tagged);
            let ((a, not_a), (b, not_b)) = (tags(low), tags(high));
            if a && not_b || b && not_a {
                count(&mut facts.flows_half_tagged);
            }
            if low.segments > 0 && high.segments > 0 || low.payload == 0 && high.payload == 0 {
                continue;
            }
            count(&mut facts.flows_one_sided);
            if sides
                .iter()
                .any(|side| side.segments > 0 && side.to_low_port)
            {
                count(&mut facts.flows_requests_only);
            }
        }
    }
}

impl Side {
    fn send(&mut self, segment: &Segment<'_>, tagged: bool, facts: &mut Facts) {
        count(&mut self.segments);
        if tagged {
            self.tagged = true;
        } else {
            self.untagged = true;
        }
        let seen = u32::try_from(segment.payload.expose().len()).unwrap_or(u32::MAX);
        let len = seen.saturating_add(segment.missing);
        self.payload = self.payload.saturating_add(u64::from(len));
        facts.payload_bytes = facts.payload_bytes.saturating_add(u64::from(len));
        if len > 0 {
            count(&mut facts.data_segments);
        }
        // SYN and FIN take a number each.
        let flags = u32::from(segment.flags.syn).wrapping_add(u32::from(segment.flags.fin));
        let end = segment.seq.wrapping_add(len).wrapping_add(flags);
        match self.next {
            Some(_) if segment.flags.syn => self.next = Some(end),
            Some(next) if end.wrapping_sub(next).cast_signed() > 0 => self.next = Some(end),
            // A keep-alive repeats one byte at most (RFC 9293 section 3.8.4).
            Some(_) if len > 1 => count(&mut facts.repeated_segments),
            Some(_) => {}
            None => self.next = Some(end),
        }
    }

    /// The other side has everything before `ack`.
    fn acknowledged(&mut self, ack: u32, facts: &mut Facts) {
        let Some(next) = self.next else { return };
        let unseen = ack.wrapping_sub(next);
        if unseen.cast_signed() > 0 && unseen <= MAX_UNSEEN {
            facts.unseen_bytes = facts.unseen_bytes.saturating_add(u64::from(unseen));
            self.next = Some(ack);
        }
    }
}

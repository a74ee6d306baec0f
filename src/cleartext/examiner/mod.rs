//! What the packets say about the mirror that sends them: cut, copied, one-sided, untagged, stamped badly.
//!
//! Sees every packet once, beside the engine, keeps numbers only, and is bounded: [`sides::MAX_FLOWS`] flows,
//! [`copies::MAX_RECENT`] recent packets. What the numbers mean, and what to do, is said by [`doctor`](crate::doctor).
//! Not on the path of the daemon: this hashes whole packets.

mod copies;
mod sides;

use super::capture::{LinkType, Packet};
use super::decode;
use crate::clock::{EventTime, NANOS_PER_SECOND};
use copies::{Copies, Copy};
use sides::Sides;

/// Longest frame of an ordinary Ethernet with two VLAN tags, without its checksum (bytes).
const ETHERNET_FRAME: u32 = 1_522;
/// Longest frame any real link carries (jumbo, with tunnel headers, in bytes): what is longer was put together by offload.
const LONGEST_FRAME: u32 = 9_300;
/// A stamp that goes back by less than this is the ordinary disorder of several queues (nanoseconds).
const DISORDER_NANOS: u64 = 1_000_000;
/// A silence longer than this inside a capture counts as a pause (nanoseconds).
const PAUSE_NANOS: u64 = 60 * NANOS_PER_SECOND;

/// What was found, as numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Packets seen.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Stamp of the first packet.
    pub first: Option<EventTime>,
    /// Latest stamp.
    pub last: Option<EventTime>,
    /// Packets of which the capture holds less than was on the wire.
    pub cut: u64,
    /// The most bytes the capture holds of a cut packet: its snaplen.
    pub cut_to: u32,
    /// Longest packet on the wire, in bytes.
    pub longest: u32,
    /// Packets longer than an ordinary Ethernet frame.
    pub jumbo: u64,
    /// Packets longer than any link carries: put together by the network card.
    pub super_packets: u64,
    /// Packets that are the same, byte for byte, as one just before.
    pub copies: u64,
    /// Packets that are the same but for link header, time to live and header checksum.
    pub routed_copies: u64,
    /// Stamps more than a millisecond earlier than one before.
    pub backwards: u64,
    /// By how much at most, in nanoseconds.
    pub backwards_nanos: u64,
    /// Silences of more than a minute.
    pub pauses: u64,
    /// Stamps that are no multiple of 1 ms.
    pub fine_stamps: u64,
    /// Ethernet frames to a group address (broadcast, multicast).
    pub group_frames: u64,
    /// Ethernet frames to one station.
    pub station_frames: u64,
    /// Frames with a VLAN tag.
    pub tagged: u64,
    /// TCP flows looked at.
    pub flows: u64,
    /// Flows with a VLAN tag in one direction only.
    pub flows_half_tagged: u64,
    /// Flows with payload or acknowledgements from one side only.
    pub flows_one_sided: u64,
    /// Of these, flows of which only what goes to the lower port, most often the server's, was seen.
    pub flows_requests_only: u64,
    /// Bytes that were acknowledged by their receiver and never seen.
    pub unseen_bytes: u64,
    /// TCP payload bytes seen.
    pub payload_bytes: u64,
    /// TCP segments whose payload starts before the highest byte of their direction: sent again, or out of order.
    pub repeated_segments: u64,
    /// TCP segments with payload.
    pub data_segments: u64,
}

/// Collects [`Facts`].
#[derive(Default)]
pub struct Examiner {
    facts: Facts,
    copies: Copies,
    sides: Sides,
}

impl Examiner {
    /// Takes the next packet.
    pub fn packet(&mut self, packet: &Packet<'_>) {
        self.size(packet);
        self.stamp(packet.time);
        let tagged = self.frame(packet);
        match self.copies.see(packet) {
            // A copy says nothing about loss or sides.
            Some(Copy::Exact) => count(&mut self.facts.copies),
            Some(Copy::Routed) => count(&mut self.facts.routed_copies),
            None => {
                if let Ok(segment) = decode::decode(packet) {
                    self.sides.see(&segment, tagged, &mut self.facts);
                }
            }
        }
    }

    /// What was found so far.
    pub fn facts(&self) -> Facts {
        let mut facts = self.facts;
        self.sides.sum_up(&mut facts);
        facts
    }

    fn size(&mut self, packet: &Packet<'_>) {
        let facts = &mut self.facts;
        count(&mut facts.packets);
        facts.bytes = facts.bytes.saturating_add(u64::from(packet.wire_len));
        let captured = u32::try_from(packet.data.expose().len()).unwrap_or(u32::MAX);
        if captured < packet.wire_len {
            count(&mut facts.cut);
            facts.cut_to = facts.cut_to.max(captured);
        }
        facts.longest = facts.longest.max(packet.wire_len);
        if packet.wire_len > LONGEST_FRAME {
            count(&mut facts.super_packets);
        } else if packet.wire_len > ETHERNET_FRAME {
            count(&mut facts.jumbo);
        }
    }

    fn stamp(&mut self, time: EventTime) {
        let facts = &mut self.facts;
        facts.first.get_or_insert(time);
        let last = facts.last.unwrap_or(time);
        let back = last.nanos_since(time);
        if back > DISORDER_NANOS {
            count(&mut facts.backwards);
            facts.backwards_nanos = facts.backwards_nanos.max(back);
        }
        if time.nanos_since(last) > PAUSE_NANOS {
            count(&mut facts.pauses);
        }
        if !time.nanos().is_multiple_of(1_000_000) {
            count(&mut facts.fine_stamps);
        }
        facts.last = Some(last.max(time));
    }

    /// Looks at an Ethernet header; says whether it has a VLAN tag.
    fn frame(&mut self, packet: &Packet<'_>) -> bool {
        if packet.link != LinkType::ETHERNET {
            return false;
        }
        let [to, _, _, _, _, _, _, _, _, _, _, _, kind @ ..] = packet.data.expose() else {
            return false;
        };
        // The lowest bit of the first byte marks a group address (IEEE 802 section 8).
        if to & 1 == 1 {
            count(&mut self.facts.group_frames);
        } else {
            count(&mut self.facts.station_frames);
        }
        let tagged = matches!(kind, [0x81 | 0x91, 0x00, ..] | [0x88, 0xa8, ..]);
        if tagged {
            count(&mut self.facts.tagged);
        }
        tagged
    }
}

fn count(field: &mut u64) {
    *field = field.saturating_add(1);
}

/// Takes any bytes for a capture and examines it, for fuzzing.
#[doc(hidden)]
pub fn fuzz_examiner(bytes: &[u8]) -> Facts {
    let mut examiner = Examiner::default();
    super::capture::for_each_record(bytes, &mut |packet| examiner.packet(&packet));
    examiner.facts()
}

#[cfg(test)]
mod tests;

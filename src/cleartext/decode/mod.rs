//! Packet to segment: through link layer, tags, tunnels and IP to TCP.
//!
//! ```text
//!  Packet -> link        the first header, by link type                         (link, radio)
//!            walk        one header after the other, nested in any order        (walk, inet, tunnel)
//!         -> Segment     TCP, by the innermost addresses
//!         -> Fragment    part of an IP datagram: fragments holds it until the rest is there
//!         -> Tally       what else it is: every packet has exactly one outcome
//! ```
//! Lengths come from the innermost IP header (so padding of short Ethernet frames is cut, RFC 894), from the capture where
//! that says 0 (segmentation offload); what the snaplen cut off is known by its length. TCP checksums are counted, not judged,
//! unless told so: offloading leaves them unfinished in many captures ([`Checksums`]). Flows are those of the innermost addresses, whatever is around them.

mod fragment;
mod inet;
mod link;
mod radio;
mod segment;
mod tunnel;
mod walk;

pub use fragment::Limits;
pub(in crate::cleartext) use fragment::{Fragment, Fragments, Whole};
pub use link::name;
pub use segment::{Flags, FlowInfo, FlowKey, Peer, Segment, Side};
pub(in crate::cleartext) use walk::Decoded;

use super::capture::{LinkType, Packet};
use crate::tally::{Tally, TallySheet};
use walk::Walk;

/// What bounds decoding, and which UDP ports carry tunnels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Headers looked through on one packet, tags and tunnels alike.
    pub max_depth: u8,
    /// VXLAN (RFC 7348).
    pub vxlan: Ports,
    /// VXLAN with a protocol field (VXLAN-GPE).
    pub vxlan_gpe: Ports,
    /// Geneve (RFC 8926).
    pub geneve: Ports,
    /// GTP-U (3GPP TS 29.281).
    pub gtpu: Ports,
    /// Teredo (RFC 4380).
    pub teredo: Ports,
    /// AYIYA.
    pub ayiya: Ports,
    /// GRE in UDP (RFC 8086).
    pub gre: Ports,
    /// MPLS in UDP (RFC 7510).
    pub mpls: Ports,
    /// L2TP (RFC 2661).
    pub l2tp: Ports,
    /// IP fragments.
    pub fragments: Limits,
    /// What becomes of TCP segments whose checksum does not verify.
    pub checksums: Checksums,
}

/// What becomes of TCP segments whose checksum does not verify (RFC 9293 section 3.1). Offload leaves checksums unfinished in
/// captures made on the sending host, so that dropping is wrong there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksums {
    /// They are not looked at.
    Ignore,
    /// They are counted and analysed.
    #[default]
    Count,
    /// They are counted and dropped: the host dropped them too.
    Drop,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_depth: 48,
            // The second is what Linux used before the number was assigned.
            vxlan: Ports::new(&[4_789, 8_472]),
            vxlan_gpe: Ports::new(&[4_790]),
            geneve: Ports::new(&[6_081]),
            gtpu: Ports::new(&[2_152]),
            teredo: Ports::new(&[3_544]),
            ayiya: Ports::new(&[5_072, 8_374]),
            gre: Ports::new(&[4_754]),
            mpls: Ports::new(&[6_635]),
            l2tp: Ports::new(&[1_701]),
            fragments: Limits::default(),
            checksums: Checksums::Count,
        }
    }
}

/// A handful of UDP ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ports([u16; Self::MOST]);

impl Ports {
    /// Ports of one kind of tunnel at most.
    pub const MOST: usize = 8;

    /// From a list; what is beyond [`Ports::MOST`] is left out.
    pub fn new(list: &[u16]) -> Self {
        let mut ports = Self::default();
        for (place, port) in ports.0.iter_mut().zip(list) {
            *place = *port;
        }
        ports
    }

    /// As a list.
    pub fn list(self) -> Vec<u16> {
        self.0.into_iter().filter(|port| *port != 0).collect()
    }

    /// Whether a port is among them. Port 0 never is.
    fn has(self, port: u16) -> bool {
        port != 0 && self.0.contains(&port)
    }
}

/// Whether packets of this link type can be decoded at all.
pub const fn supports(link: LinkType) -> bool {
    link::supports(link)
}

/// Reads the headers of a packet. `tally` counts facts beside the outcome.
pub(in crate::cleartext) fn walk<'a>(
    packet: &Packet<'a>,
    settings: &Settings,
    tally: &TallySheet,
) -> Decoded<'a> {
    Walk::new(packet, settings, tally).run(packet)
}

/// Goes on with a datagram that was put together from fragments.
pub(in crate::cleartext) fn resume<'a>(
    whole: &'a Whole,
    settings: &Settings,
    tally: &TallySheet,
) -> Decoded<'a> {
    Walk::within(whole, settings, tally).finish(whole)
}

/// Reads the headers of a packet that stands alone, under default settings.
pub(in crate::cleartext) fn decode<'a>(packet: &Packet<'a>) -> Result<Segment<'a>, Tally> {
    match walk(packet, &Settings::default(), &TallySheet::default()) {
        Decoded::Segment(segment) => Ok(segment),
        Decoded::Fragment(_) => Err(Tally::PacketFragment),
        Decoded::Quic(..) => Err(Tally::PacketNotTcp),
        Decoded::Other(reason) => Err(reason),
    }
}

/// Takes any bytes for a packet of the link type in the first two, for fuzzing.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext) fn fuzz_decode(bytes: &[u8]) {
    use super::raw::Raw;
    use crate::clock::EventTime;
    let Some((link, data)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let (settings, tally) = (Settings::default(), TallySheet::default());
    let mut fragments = Fragments::default();
    let packet = Packet {
        time: EventTime::from_secs(1),
        link: LinkType(u16::from_be_bytes(*link) % 300),
        wire_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
        data: Raw::new(data),
    };
    // Twice: what is a fragment may complete itself.
    for _ in 0..2 {
        let mut whole = match walk(&packet, &settings, &tally) {
            Decoded::Fragment(fragment) => {
                fragments.add(&fragment, packet.time, &settings.fragments, &tally)
            }
            Decoded::Segment(_) | Decoded::Quic(..) | Decoded::Other(_) => None,
        };
        while let Some(datagram) = whole.take() {
            if let Decoded::Fragment(fragment) = resume(&datagram, &settings, &tally) {
                whole = fragments.add(&fragment, packet.time, &settings.fragments, &tally);
            }
        }
    }
}

/// A number of two bytes in network order.
fn u16_at(data: &[u8], at: usize) -> Result<u16, Tally> {
    let pair = data.get(at..).and_then(<[u8]>::first_chunk::<2>);
    pair.map(|pair| u16::from_be_bytes(*pair))
        .ok_or(Tally::PacketMalformed)
}

fn u8_at(data: &[u8], at: usize) -> Result<u8, Tally> {
    data.get(at).copied().ok_or(Tally::PacketMalformed)
}

fn rest(data: &[u8], at: usize) -> Result<&[u8], Tally> {
    data.get(at..).ok_or(Tally::PacketMalformed)
}

#[cfg(test)]
mod tests;

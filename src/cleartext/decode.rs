//! Packet to segment: link layer, VLAN tags, IP and TCP headers, by etherparse's lax slicing.
//!
//! Every packet has exactly one outcome: a [`Segment`], or the [`Tally`] under which it is counted. Lengths come from the IP
//! header (so padding of short Ethernet frames is cut, RFC 894), from the capture where that says 0 (segmentation offload);
//! what the snaplen cut off is known by its length. Checksums are not looked at: offloading leaves them unset in most captures.
//! Read first: IEEE 802.1Q, RFC 791, RFC 8200 section 4, RFC 9293 section 3.1.

use etherparse::{IpNumber, LaxIpv4Slice, LaxIpv6Slice, TcpSlice};

use super::capture::{LinkType, Packet};
use super::raw::Raw;
use crate::clock::EventTime;
use crate::observation::FlowId;
use crate::tally::Tally;

/// VLAN tags (and the like) looked through on one packet.
const MAX_TAGS: usize = 8;

/// Whether packets of this link type can be decoded at all.
pub const fn supports(link: LinkType) -> bool {
    matches!(link.0, 0 | 1 | 12 | 14 | 101 | 108 | 113 | 228 | 229 | 276)
}

/// Reads the headers of a packet.
pub(in crate::cleartext) fn decode<'a>(packet: &Packet<'a>) -> Result<Segment<'a>, Tally> {
    let data: &'a [u8] = packet.data.expose();
    let ip = match packet.link.0 {
        1 => ethernet(data)?,
        0 | 108 => loopback(data)?,
        12 | 14 | 101 | 228 | 229 => data,
        113 => by_type(u16_at(data, 14)?, rest(data, 16)?)?,
        276 => by_type(u16_at(data, 0)?, rest(data, 20)?)?,
        _ => return Err(Tally::PacketUnsupportedLink),
    };
    // Bytes cut from the end of the packet, padding included.
    let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let cut = packet.wire_len.saturating_sub(captured);
    segment(packet.time, &internet(ip, cut)?)
}

fn ethernet(frame: &[u8]) -> Result<&[u8], Tally> {
    by_type(u16_at(frame, 12)?, rest(frame, 14)?)
}

/// BSD loopback: an address family in the byte order of the machine that captured.
fn loopback(frame: &[u8]) -> Result<&[u8], Tally> {
    let family: [u8; 4] = frame.first_chunk().copied().ok_or(Tally::PacketMalformed)?;
    // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30.
    match (u32::from_le_bytes(family), u32::from_be_bytes(family)) {
        (2 | 10 | 24 | 28 | 30, _) | (_, 2 | 10 | 24 | 28 | 30) => rest(frame, 4),
        _ => Err(Tally::PacketNotIp),
    }
}

/// Looks through tags until IP comes.
fn by_type(mut kind: u16, mut payload: &[u8]) -> Result<&[u8], Tally> {
    for _ in 0..MAX_TAGS {
        match kind {
            0x0800 | 0x86dd => return Ok(payload),
            // 802.1Q, 802.1ad, and the numbers used for them before.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                kind = u16_at(payload, 2)?;
                payload = rest(payload, 4)?;
            }
            // 802.3 length instead of a type: LLC; with SNAP a type follows (RFC 1042).
            0..=1500 => match payload {
                [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, inner @ ..] => {
                    kind = u16::from_be_bytes([*high, *low]);
                    payload = inner;
                }
                _ => return Err(Tally::PacketNotIp),
            },
            // MPLS, PPPoE, provider backbone bridges: carry IP, but are not decoded.
            0x8847 | 0x8848 | 0x8864 | 0x88e7 => return Err(Tally::PacketUnsupportedLink),
            _ => return Err(Tally::PacketNotIp),
        }
    }
    Err(Tally::PacketMalformed)
}

/// What the IP header says: who sends to whom, and a TCP segment.
struct Internet<'a> {
    from: [u8; 16],
    to: [u8; 16],
    /// TCP header and payload as captured.
    tcp: &'a [u8],
    /// Bytes of it that were not captured.
    missing: u32,
}

fn internet(data: &[u8], cut: u32) -> Result<Internet<'_>, Tally> {
    match data.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(data, cut),
        Some(6) => ipv6(data, cut),
        Some(_) => Err(Tally::PacketNotIp),
        None => Err(Tally::PacketMalformed),
    }
}

fn ipv4(data: &[u8], cut: u32) -> Result<Internet<'_>, Tally> {
    let (ip, error) = LaxIpv4Slice::from_slice(data).map_err(|_| Tally::PacketMalformed)?;
    let payload = ip.payload();
    if payload.fragmented {
        return Err(Tally::PacketFragment);
    }
    if error.is_some() {
        return Err(Tally::PacketMalformed);
    }
    if payload.ip_number != IpNumber::TCP {
        return Err(Tally::PacketNotTcp);
    }
    let header = ip.header();
    let total = usize::from(header.total_len());
    let missing = if total < header.slice().len() {
        cut
    } else {
        saturate(total.saturating_sub(data.len()))
    };
    Ok(Internet {
        from: mapped(header.source()),
        to: mapped(header.destination()),
        tcp: payload.payload,
        missing,
    })
}

fn ipv6(data: &[u8], cut: u32) -> Result<Internet<'_>, Tally> {
    let (ip, error) = LaxIpv6Slice::from_slice(data).map_err(|_| Tally::PacketMalformed)?;
    let payload = ip.payload();
    if payload.fragmented {
        return Err(Tally::PacketFragment);
    }
    if error.is_some() {
        return Err(Tally::PacketMalformed);
    }
    if payload.ip_number != IpNumber::TCP {
        return Err(Tally::PacketNotTcp);
    }
    let header = ip.header();
    // Length 0: a jumbogram, or offload that had not filled it in yet.
    let missing = match usize::from(header.payload_length()) {
        0 => cut,
        length => saturate(length.saturating_add(40).saturating_sub(data.len())),
    };
    Ok(Internet {
        from: header.source(),
        to: header.destination(),
        tcp: payload.payload,
        missing,
    })
}

fn segment<'a>(time: EventTime, ip: &Internet<'a>) -> Result<Segment<'a>, Tally> {
    let tcp = TcpSlice::from_slice(ip.tcp).map_err(|_| Tally::PacketMalformed)?;
    let from = Peer {
        addr: ip.from,
        port: tcp.source_port(),
    };
    let to = Peer {
        addr: ip.to,
        port: tcp.destination_port(),
    };
    let from_low = from <= to;
    let (low, high) = if from_low { (from, to) } else { (to, from) };
    Ok(Segment {
        time,
        key: FlowKey { low, high },
        from_low,
        seq: tcp.sequence_number(),
        ack: tcp.acknowledgment_number(),
        flags: Flags {
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
        },
        payload: Raw::new(tcp.payload()),
        missing: ip.missing,
    })
}

/// An IPv4 address as mapped IPv6 (RFC 4291 section 2.5.5.2).
const fn mapped([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

fn u16_at(data: &[u8], at: usize) -> Result<u16, Tally> {
    let bytes = data.get(at..at.saturating_add(2));
    let bytes: [u8; 2] = bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Tally::PacketMalformed)?;
    Ok(u16::from_be_bytes(bytes))
}

fn rest(data: &[u8], at: usize) -> Result<&[u8], Tally> {
    data.get(at..).ok_or(Tally::PacketMalformed)
}

fn saturate(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// One endpoint of a flow: address and port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// IPv4 as mapped IPv6, or IPv6.
    pub(in crate::cleartext) addr: [u8; 16],
    /// TCP port.
    pub(in crate::cleartext) port: u16,
}

/// Both endpoints of a flow in a fixed order, so that both directions have one key. Holds addresses: no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The smaller peer.
    pub(in crate::cleartext) low: Peer,
    /// The larger peer.
    pub(in crate::cleartext) high: Peer,
}

/// One TCP segment with its payload borrowed from the packet.
pub struct Segment<'a> {
    /// Capture time.
    pub time: EventTime,
    /// The flow.
    pub key: FlowKey,
    /// Whether `key.low` sent it.
    pub from_low: bool,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number; meaningful where `flags.ack`.
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// Payload as far as it was captured.
    pub payload: Raw<&'a [u8]>,
    /// Payload bytes the snaplen cut off behind `payload`: a hole of known length.
    pub missing: u32,
}

/// TCP control bits (RFC 9293 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent bits on the wire"
)]
pub struct Flags {
    /// Synchronise.
    pub syn: bool,
    /// Acknowledgement field is valid.
    pub ack: bool,
    /// No more data from sender.
    pub fin: bool,
    /// Reset.
    pub rst: bool,
}

/// Who sends in one direction of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// From initiator to responder, as far as known.
    Client,
    /// From responder to initiator.
    Server,
}

/// What a flow tells the layers above when it hands them bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowInfo {
    /// Its number.
    pub id: FlowId,
    /// Joined without a handshake.
    pub midstream: bool,
}

#[cfg(test)]
mod tests;

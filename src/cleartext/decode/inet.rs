//! IPv4, IPv6 with its chain of extension headers, and what they carry.
//!
//! Read first: RFC 791 section 3.1, RFC 8200 section 4, RFC 4302 (AH), RFC 4303 (ESP).

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::fragment::{Fragment, Key};
use super::walk::{Hosts, Layer, Step, Walk, next};
use super::{rest, tunnel, u8_at, u16_at};
use crate::tally::Tally;

/// Bytes of an IPv6 header.
const IPV6_HEADER: usize = 40;

pub(super) fn ipv4<'a>(walk: &Walk<'_>, data: &'a [u8]) -> Result<Step<'a>, Tally> {
    let header = Ipv4HeaderSlice::from_slice(data).map_err(|_| Tally::PacketMalformed)?;
    let length = header.slice().len();
    let total = usize::from(header.total_len());
    let intact = checksum(header.slice()) == 0xffff;
    if !intact {
        walk.tally.one(Tally::IpChecksums);
        if walk.doubtful {
            return Err(Tally::PacketMalformed);
        }
    }
    // Length 0: segmentation offload had not filled it in.
    let (end, missing) = if total < length {
        if walk.doubtful {
            return Err(Tally::PacketMalformed);
        }
        (data.len(), walk.cut)
    } else {
        (
            total.min(data.len()),
            saturate(total.saturating_sub(data.len())),
        )
    };
    if walk.doubtful && missing > walk.cut {
        return Err(Tally::PacketMalformed);
    }
    let payload = data.get(length..end).ok_or(Tally::PacketMalformed)?;
    let hosts = Hosts {
        from: mapped(header.source()),
        to: mapped(header.destination()),
        missing,
    };
    let protocol = header.protocol().0;
    if header.is_fragmenting_payload() {
        return Ok(Step::Fragment(Fragment {
            key: Key {
                from: hosts.from,
                to: hosts.to,
                id: u32::from(header.identification()),
                protocol,
            },
            protocol,
            start: u32::from(header.fragments_offset().value()).saturating_mul(8),
            more: header.more_fragments(),
            missing,
            bytes: payload,
            depth: 0,
            doubtful: false,
        }));
    }
    Ok(Step::Next(Layer::Transport(hosts, protocol), payload))
}

pub(super) fn ipv6<'a>(walk: &Walk<'_>, data: &'a [u8]) -> Result<Step<'a>, Tally> {
    let header = Ipv6HeaderSlice::from_slice(data).map_err(|_| Tally::PacketMalformed)?;
    let length = usize::from(header.payload_length());
    // Length 0: a jumbogram, or offload that had not filled it in yet.
    let (end, missing) = if length == 0 {
        (data.len(), walk.cut)
    } else {
        let total = length.saturating_add(IPV6_HEADER);
        (
            total.min(data.len()),
            saturate(total.saturating_sub(data.len())),
        )
    };
    if walk.doubtful && (missing > walk.cut || length == 0) {
        return Err(Tally::PacketMalformed);
    }
    let payload = data.get(IPV6_HEADER..end).ok_or(Tally::PacketMalformed)?;
    let hosts = Hosts {
        from: header.source(),
        to: header.destination(),
        missing,
    };
    Ok(Step::Next(
        Layer::Transport(hosts, header.next_header().0),
        payload,
    ))
}

/// By the protocol number: TCP, an extension header, or another header that carries packets.
pub(super) fn transport<'a>(
    walk: &mut Walk<'_>,
    hosts: Hosts,
    protocol: u8,
    data: &'a [u8],
) -> Result<Step<'a>, Tally> {
    match protocol {
        6 => Ok(Step::Tcp(hosts, data)),
        17 => tunnel::udp(walk, hosts, data),
        // Hop-by-hop options, routing, destination options, host identity, shim6: length in units of 8 bytes, the first not
        // counted.
        0 | 43 | 60 | 135 | 139 | 140 => {
            let length = usize::from(u8_at(data, 1)?)
                .saturating_add(1)
                .saturating_mul(8);
            next(Layer::Transport(hosts, u8_at(data, 0)?), data, length)
        }
        44 => fragment(hosts, data),
        // AH counts in units of 4 bytes, the first two not counted (RFC 4302 section 2.2).
        51 => {
            let length = usize::from(u8_at(data, 1)?)
                .saturating_add(2)
                .saturating_mul(4);
            next(Layer::Transport(hosts, u8_at(data, 0)?), data, length)
        }
        50 => Err(Tally::PacketEncrypted),
        4 | 41 => next(Layer::Ip, data, 0),
        47 => next(Layer::Gre, data, 0),
        97 => next(Layer::Ethernet, data, 2),
        137 => next(Layer::Mpls, data, 0),
        115 => tunnel::l2tpv3(data),
        _ => Err(Tally::PacketNotTcp),
    }
}

/// The fragment header of IPv6 (RFC 8200 section 4.5). One that says offset 0 and no more is no fragment (RFC 6946).
fn fragment(hosts: Hosts, data: &[u8]) -> Result<Step<'_>, Tally> {
    let protocol = u8_at(data, 0)?;
    let place = u16_at(data, 2)?;
    let (high, low) = (u16_at(data, 4)?, u16_at(data, 6)?);
    let payload = rest(data, 8)?;
    if place & 0xfff9 == 0 {
        return Ok(Step::Next(Layer::Transport(hosts, protocol), payload));
    }
    Ok(Step::Fragment(Fragment {
        key: Key {
            from: hosts.from,
            to: hosts.to,
            id: u32::from(high) << 16 | u32::from(low),
            // All fragments of a datagram have one identification, whatever they say of what follows.
            protocol: 44,
        },
        protocol,
        start: u32::from(place & 0xfff8),
        more: place & 1 == 1,
        missing: hosts.missing,
        bytes: payload,
        depth: 0,
        doubtful: false,
    }))
}

/// The ones' complement sum of a header with its checksum: 0xffff if it verifies (RFC 1071).
fn checksum(header: &[u8]) -> u32 {
    let (words, _) = header.as_chunks::<2>();
    let mut sum = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .fold(0, u32::wrapping_add);
    while sum > 0xffff {
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    sum
}

/// Whether the checksum of a TCP segment verifies (RFC 9293 section 3.1, RFC 8200 section 8.1). The sum of RFC 1071 does not
/// depend on the order of bytes within words, so it is taken in that of the machine, four bytes at a time.
pub(super) fn verifies(hosts: &Hosts, data: &[u8]) -> bool {
    let words = |bytes: &[u8]| {
        let (words, rest) = bytes.as_chunks::<4>();
        let sum = words
            .iter()
            .map(|word| u64::from(u32::from_ne_bytes(*word)))
            .fold(0_u64, u64::wrapping_add);
        let mut last = [0; 4];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        sum.wrapping_add(u64::from(u32::from_ne_bytes(last)))
    };
    let Ok(length) = u32::try_from(data.len()) else {
        return true;
    };
    // A mapped IPv4 address has twelve bytes before it whose sum is 0.
    let mut sum = words(&hosts.from)
        .wrapping_add(words(&hosts.to))
        .wrapping_add(u64::from(length.to_be()))
        .wrapping_add(u64::from(6_u32.to_be()))
        .wrapping_add(words(data));
    while sum > 0xffff {
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    sum == 0xffff
}

/// An IPv4 address as mapped IPv6 (RFC 4291 section 2.5.5.2).
const fn mapped([a, b, c, d]: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

fn saturate(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

//! One packet written anew: headers keep their shape, addresses are mapped, payload is handed out to be replaced, checksums
//! are made to verify.
//!
//! Looks through what carries other packets (VLAN, MPLS, `PPPoE`, IP in IP, GRE, VXLAN, Geneve). What it does not know it
//! overwrites. A packet cut by the snaplen keeps what its headers say of lengths; its transport checksum cannot verify and
//! is set to 0. Read first: RFC 791 section 3.1, RFC 1071, RFC 8200 section 8.1, RFC 9293 section 3.1, RFC 768.

mod checksum;
mod link;
mod tunnel;

use super::address::Addresses;
use super::{FILLER, dns};
use crate::cleartext::capture::LinkType;
use checksum::{checksum, seal};

pub(super) use checksum::Sum;

/// Headers looked through on one packet.
const MAX_DEPTH: u8 = 12;

/// What comes next.
#[derive(Clone, Copy)]
enum Layer {
    Ethernet,
    /// By this `EtherType`.
    Type(u16),
    Ip,
    Ppp,
    Unknown,
}

/// Part of an IP datagram, to be rewritten by who knows the rest of it.
pub(super) struct Part<'a> {
    pub(super) key: Key,
    /// Where it begins in the payload of the datagram.
    pub(super) start: usize,
    /// Whether more follow.
    pub(super) more: bool,
    /// Addresses, for checksums.
    pub(super) pseudo: Sum,
    pub(super) bytes: &'a mut [u8],
}

/// Which datagram: mapped addresses, identification, protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) from: [u8; 16],
    pub(super) to: [u8; 16],
    pub(super) id: u32,
    pub(super) protocol: u8,
}

/// Rewrites the packet in place. `tcp` is handed the payload of its innermost TCP segment and must overwrite all of it;
/// `part` is handed fragments and says whether it did so.
pub(super) fn rewrite(
    packet: &mut [u8],
    link: LinkType,
    addresses: &mut Addresses,
    tcp: &mut dyn FnMut(&mut [u8]),
    part: &mut dyn FnMut(&mut Part<'_>) -> bool,
) {
    let mut rewriter = Rewriter {
        addresses,
        tcp,
        part,
        depth: 0,
    };
    rewriter.link(packet, link);
}

/// Rewrites the payload of a whole datagram that came in fragments.
pub(super) fn rewrite_datagram(
    payload: &mut [u8],
    protocol: u8,
    pseudo: Sum,
    addresses: &mut Addresses,
    tcp: &mut dyn FnMut(&mut [u8]),
) {
    let mut rewriter = Rewriter {
        addresses,
        tcp,
        part: &mut |_| false,
        depth: 1,
    };
    rewriter.transport(payload, protocol, pseudo, true);
}

struct Rewriter<'a> {
    addresses: &'a mut Addresses,
    tcp: &'a mut dyn FnMut(&mut [u8]),
    part: &'a mut dyn FnMut(&mut Part<'_>) -> bool,
    depth: u8,
}

impl Rewriter<'_> {
    /// Goes on behind a header.
    fn behind(&mut self, packet: &mut [u8], header: usize, layer: Layer) {
        match packet.get_mut(header..) {
            Some(rest) => self.layer(rest, layer),
            // Shorter than its header: it may be anything.
            None => packet.fill(FILLER),
        }
    }

    fn layer(&mut self, bytes: &mut [u8], layer: Layer) {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            bytes.fill(FILLER);
            return;
        }
        match layer {
            Layer::Ethernet => {
                if bytes.len() < 14 {
                    bytes.fill(FILLER);
                    return;
                }
                self.station(bytes, 0);
                self.station(bytes, 6);
                let kind = u16_at(bytes, 12);
                self.behind(bytes, 14, Layer::Type(kind));
            }
            Layer::Type(kind) => self.by_type(bytes, kind),
            Layer::Ip => match bytes.first().map(|byte| byte >> 4) {
                Some(4) => self.ipv4(bytes),
                Some(6) => self.ipv6(bytes),
                _ => bytes.fill(FILLER),
            },
            Layer::Ppp => self.ppp(bytes),
            Layer::Unknown => bytes.fill(FILLER),
        }
    }

    fn station(&self, bytes: &mut [u8], at: usize) {
        if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<6>) {
            *place = self.addresses.link(*place);
        }
    }

    fn host4(&mut self, bytes: &mut [u8], at: usize) {
        if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) {
            *place = self.addresses.v4(*place);
        }
    }

    fn host6(&mut self, bytes: &mut [u8], at: usize) {
        if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<16>) {
            *place = self.addresses.v6(*place);
        }
    }

    fn ipv4(&mut self, bytes: &mut [u8]) {
        let header = usize::from(bytes.first().map_or(0, |byte| byte & 15)).saturating_mul(4);
        if header < 20 || bytes.len() < header {
            bytes.fill(FILLER);
            return;
        }
        self.host4(bytes, 12);
        self.host4(bytes, 16);
        // Options may record routes: they become no-operation, the last one the end of options.
        if let Some(options) = bytes.get_mut(20..header) {
            options.fill(1);
        }
        put(bytes, 10, 0);
        let sum = checksum(0, bytes.get(..header).unwrap_or_default());
        put(bytes, 10, sum);
        let total = match usize::from(u16_at(bytes, 2)) {
            // Segmentation offload had not filled it in.
            total if total < header => bytes.len(),
            total => total,
        };
        let fragment = u16_at(bytes, 6);
        let protocol = bytes.get(9).copied().unwrap_or_default();
        let mut pseudo = Sum::default();
        pseudo.add(bytes.get(12..20).unwrap_or_default());
        // Neither a later fragment nor more to come (RFC 791: the top two bits are reserved and "don't fragment").
        let whole = total <= bytes.len() && matches!(fragment, 0 | 0x4000);
        let end = total.min(bytes.len());
        if let Some(padding) = bytes.get_mut(end..) {
            padding.fill(0);
        }
        let id = u32::from(u16_at(bytes, 4));
        let addresses = v4_pair(bytes);
        let Some(payload) = bytes.get_mut(header..end) else {
            return;
        };
        let (start, more) = (usize::from(fragment & 0x1fff), fragment & 0x2000 != 0);
        if (start > 0 || more) && total == end {
            let (from, to) = addresses;
            let mut part = Part {
                key: Key {
                    from,
                    to,
                    id,
                    protocol,
                },
                start: start.saturating_mul(8),
                more,
                pseudo,
                bytes: payload,
            };
            if (self.part)(&mut part) {
                return;
            }
        }
        if start > 0 {
            payload.fill(FILLER);
            return;
        }
        self.transport(payload, protocol, pseudo, whole);
    }

    fn ipv6(&mut self, bytes: &mut [u8]) {
        if bytes.len() < 40 {
            bytes.fill(FILLER);
            return;
        }
        self.host6(bytes, 8);
        self.host6(bytes, 24);
        let mut pseudo = Sum::default();
        pseudo.add(bytes.get(8..40).unwrap_or_default());
        let total = match usize::from(u16_at(bytes, 4)) {
            0 => bytes.len(),
            payload => payload.saturating_add(40),
        };
        let end = total.min(bytes.len());
        let mut whole = total <= bytes.len();
        if let Some(padding) = bytes.get_mut(end..) {
            padding.fill(0);
        }
        let mut next = bytes.get(6).copied().unwrap_or_default();
        let addresses = v6_pair(bytes);
        let mut at = 40_usize;
        for _ in 0..MAX_DEPTH {
            let Some(rest) = bytes.get_mut(at..end) else {
                return;
            };
            let skip = match (next, &*rest) {
                // Hop-by-hop, routing, destination options: content may hold addresses.
                (0 | 43 | 60, [_, len, ..]) => {
                    usize::from(*len).saturating_add(1).saturating_mul(8)
                }
                (44, [protocol, _, hi, lo, a, b, c, d, ..]) => {
                    let place = u16::from_be_bytes([*hi, *lo]);
                    let (id, protocol) = (u32::from_be_bytes([*a, *b, *c, *d]), *protocol);
                    if place & 0xfff9 != 0 && total == end {
                        let (from, to) = addresses;
                        let mut part = Part {
                            key: Key {
                                from,
                                to,
                                id,
                                protocol,
                            },
                            start: usize::from(place & 0xfff8),
                            more: place & 1 == 1,
                            pseudo,
                            bytes: rest.get_mut(8..).unwrap_or_default(),
                        };
                        if (self.part)(&mut part) {
                            return;
                        }
                    }
                    whole &= place & 0xfff9 == 0;
                    if place & 0xfff8 != 0 {
                        if let Some(data) = rest.get_mut(8..) {
                            data.fill(FILLER);
                        }
                        return;
                    }
                    8
                }
                (0 | 43 | 44 | 60, _) => {
                    rest.fill(FILLER);
                    return;
                }
                _ => {
                    let protocol = next;
                    self.transport(rest, protocol, pseudo, whole);
                    return;
                }
            };
            let inner = rest.first().copied().unwrap_or_default();
            if next != 44
                && let Some(options) = rest.get_mut(2..skip.min(rest.len()))
            {
                // PadN over the whole of it (RFC 8200 section 4.2).
                options.fill(0);
            }
            next = inner;
            at = at.saturating_add(skip);
        }
        if let Some(rest) = bytes.get_mut(at.min(end)..end) {
            rest.fill(FILLER);
        }
    }

    /// What IP carries. `whole`: all of it is there, so that its checksum can be made to verify.
    fn transport(&mut self, bytes: &mut [u8], protocol: u8, mut pseudo: Sum, whole: bool) {
        pseudo.add(&[0, protocol]);
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        pseudo.add(&len.to_be_bytes());
        match protocol {
            6 => self.tcp(bytes, pseudo, whole),
            17 => self.udp(bytes, pseudo, whole),
            1 => {
                // Type and code say what went wrong; the rest quotes a packet.
                if let Some(quoted) = bytes.get_mut(8..) {
                    quoted.fill(FILLER);
                }
                seal(bytes, 2, Sum::default(), whole);
            }
            58 => {
                if let Some(rest) = bytes.get_mut(4..) {
                    rest.fill(FILLER);
                }
                seal(bytes, 2, pseudo, whole);
            }
            4 | 41 => self.layer(bytes, Layer::Ip),
            47 => self.gre(bytes),
            _ => bytes.fill(FILLER),
        }
    }

    fn tcp(&mut self, bytes: &mut [u8], pseudo: Sum, whole: bool) {
        let header = usize::from(bytes.get(12).map_or(0, |byte| byte >> 4)).saturating_mul(4);
        if header < 20 || bytes.len() < header {
            // Cut within the header: ports and numbers may stay, options not.
            if let Some(rest) = bytes.get_mut(20..) {
                rest.fill(FILLER);
            }
            return;
        }
        if let Some(payload) = bytes.get_mut(header..) {
            (self.tcp)(payload);
        }
        seal(bytes, 16, pseudo, whole);
    }

    fn udp(&mut self, bytes: &mut [u8], pseudo: Sum, whole: bool) {
        if bytes.len() < 8 {
            bytes.fill(FILLER);
            return;
        }
        let (from, to) = (u16_at(bytes, 0), u16_at(bytes, 2));
        let had_checksum = u16_at(bytes, 6) != 0;
        let ports = [from, to];
        if let Some(payload) = bytes.get_mut(8..) {
            if ports.contains(&53) || ports.contains(&5353) {
                dns::rewrite(payload, self.addresses);
            } else if to == 4789 && payload.first().is_some_and(|flags| flags & 8 != 0) {
                self.behind(payload, 8, Layer::Ethernet);
            } else if to == 6081 && payload.len() >= 8 {
                self.geneve(payload);
            } else if to == 4790 {
                let inner = match payload.get(3) {
                    Some(1 | 2) => Layer::Ip,
                    Some(3) => Layer::Ethernet,
                    Some(_) | None => Layer::Unknown,
                };
                self.behind(payload, 8, inner);
            } else if to == 4754 {
                self.gre(payload);
            } else if ports.contains(&1701) {
                self.l2tp(payload);
            } else if ports.contains(&2152) {
                self.gtp(payload);
            } else {
                payload.fill(FILLER);
            }
        }
        if had_checksum {
            seal(bytes, 6, pseudo, whole);
        }
    }
}

/// Source and destination of an IPv4 header.
fn v4_pair(bytes: &[u8]) -> ([u8; 16], [u8; 16]) {
    let at = |place: usize| {
        let mut wide = [0; 16];
        let address = bytes.get(place..).and_then(<[u8]>::first_chunk::<4>);
        if let (Some(to), Some(from)) = (wide.first_chunk_mut(), address) {
            *to = *from;
        }
        wide
    };
    (at(12), at(16))
}

/// Source and destination of an IPv6 header.
fn v6_pair(bytes: &[u8]) -> ([u8; 16], [u8; 16]) {
    let at = |place: usize| {
        let address = bytes.get(place..).and_then(<[u8]>::first_chunk::<16>);
        address.copied().unwrap_or_default()
    };
    (at(8), at(24))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk::<2>)
        .map_or(0, |pair| u16::from_be_bytes(*pair))
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        *place = value.to_be_bytes();
    }
}

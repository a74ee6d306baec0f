//! One packet written anew: headers keep their shape, addresses are mapped, payload is handed out to be replaced, checksums
//! are made to verify.
//!
//! Looks through what carries other packets (VLAN, MPLS, `PPPoE`, IP in IP, GRE, VXLAN, Geneve). What it does not know it
//! overwrites. A packet cut by the snaplen keeps what its headers say of lengths; its transport checksum cannot verify and
//! is set to 0. Read first: RFC 791 section 3.1, RFC 1071, RFC 8200 section 8.1, RFC 9293 section 3.1, RFC 768.

use super::address::Addresses;
use super::{FILLER, dns};
use crate::cleartext::capture::LinkType;

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

/// Rewrites the packet in place. `tcp` is handed the payload of its innermost TCP segment and must overwrite all of it.
pub(super) fn rewrite(
    packet: &mut [u8],
    link: LinkType,
    addresses: &mut Addresses,
    tcp: &mut dyn FnMut(&mut [u8]),
) {
    let mut rewriter = Rewriter {
        addresses,
        tcp,
        depth: 0,
    };
    rewriter.link(packet, link);
}

struct Rewriter<'a> {
    addresses: &'a mut Addresses,
    tcp: &'a mut dyn FnMut(&mut [u8]),
    depth: u8,
}

impl Rewriter<'_> {
    fn link(&mut self, packet: &mut [u8], link: LinkType) {
        match link.0 {
            1 => self.layer(packet, Layer::Ethernet),
            0 | 108 => self.behind(packet, 4, Layer::Ip),
            12 | 14 | 101 | 228 | 229 => self.layer(packet, Layer::Ip),
            113 => {
                let kind = u16_at(packet, 14);
                self.station(packet, 6);
                self.behind(packet, 16, Layer::Type(kind));
            }
            276 => {
                let kind = u16_at(packet, 0);
                self.station(packet, 12);
                self.behind(packet, 20, Layer::Type(kind));
            }
            _ => packet.fill(FILLER),
        }
    }

    /// Goes on behind a header.
    fn behind(&mut self, packet: &mut [u8], header: usize, layer: Layer) {
        if let Some(rest) = packet.get_mut(header..) {
            self.layer(rest, layer);
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

    /// Address and control may be left out, and the first byte of the protocol (RFC 1661 sections 2 and 6.5).
    fn ppp(&mut self, bytes: &mut [u8]) {
        let control = if bytes.starts_with(&[0xff, 3]) { 2 } else { 0 };
        let first = bytes.get(control).copied().unwrap_or_default();
        let (protocol, header) = if first & 1 == 1 {
            (u16::from(first), 1_usize)
        } else {
            (u16_at(bytes, control), 2)
        };
        let inner = match protocol {
            0x21 | 0x57 => Layer::Ip,
            _ => Layer::Unknown,
        };
        self.behind(bytes, header.saturating_add(control), inner);
    }

    fn by_type(&mut self, bytes: &mut [u8], kind: u16) {
        match kind {
            0x0800 | 0x86dd => self.layer(bytes, Layer::Ip),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let inner = u16_at(bytes, 2);
                self.behind(bytes, 4, Layer::Type(inner));
            }
            0x0806 => self.arp(bytes),
            0x8864 => self.behind(bytes, 6, Layer::Ppp),
            0x8847 | 0x8848 => self.mpls(bytes),
            0x6558 => self.layer(bytes, Layer::Ethernet),
            // 802.3 with a SNAP header.
            0..=1500 if bytes.starts_with(&[0xaa, 0xaa, 3, 0, 0, 0]) => {
                let inner = u16_at(bytes, 6);
                self.behind(bytes, 8, Layer::Type(inner));
            }
            _ => bytes.fill(FILLER),
        }
    }

    fn mpls(&mut self, bytes: &mut [u8]) {
        let labels = bytes
            .chunks_exact(4)
            .take(usize::from(MAX_DEPTH))
            .position(|label| label.get(2).is_some_and(|byte| byte & 1 == 1));
        match labels.and_then(|last| last.checked_add(1)?.checked_mul(4)) {
            Some(header) => self.behind(bytes, header, Layer::Ip),
            None => bytes.fill(FILLER),
        }
    }

    /// Hardware and protocol addresses of both sides (RFC 826).
    fn arp(&mut self, bytes: &mut [u8]) {
        if bytes.len() < 28 || bytes.get(..6) != Some(&[0, 1, 8, 0, 6, 4]) {
            bytes.fill(FILLER);
            return;
        }
        for (station, host) in [(8, 14), (18, 24)] {
            self.station(bytes, station);
            self.host4(bytes, host);
        }
        if let Some(padding) = bytes.get_mut(28..) {
            padding.fill(0);
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
        let Some(payload) = bytes.get_mut(header..end) else {
            return;
        };
        if fragment & 0x1fff != 0 {
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
                (44, [_, _, hi, lo, ..]) => {
                    let place = u16::from_be_bytes([*hi, *lo]);
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
            } else if to == 4754 {
                self.gre(payload);
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

    fn geneve(&mut self, bytes: &mut [u8]) {
        let options = usize::from(bytes.first().map_or(0, |byte| byte & 63)).saturating_mul(4);
        let kind = u16_at(bytes, 2);
        let header = options.saturating_add(8).min(bytes.len());
        if let Some(options) = bytes.get_mut(8..header) {
            options.fill(0);
        }
        self.behind(bytes, header, Layer::Type(kind));
    }

    /// GTP-U (3GPP TS 29.281 section 5.1): a packet of the user behind the header and its extensions.
    fn gtp(&mut self, bytes: &mut [u8]) {
        let [flags, kind, ..] = *bytes else {
            bytes.fill(FILLER);
            return;
        };
        let plain = flags.trailing_zeros() >= 3;
        let mut header = if plain { 8_usize } else { 12 };
        // The last byte of each header names the next; the first of an extension is its length in words.
        for _ in 0..MAX_DEPTH {
            let next = header.checked_sub(1).and_then(|last| bytes.get(last));
            if flags & 4 == 0 || next.is_none_or(|next| *next == 0) {
                break;
            }
            let words = usize::from(bytes.get(header).copied().unwrap_or_default());
            let content = header.saturating_add(1)
                ..header
                    .saturating_add(words.saturating_mul(4))
                    .saturating_sub(1);
            if let Some(content) = bytes.get_mut(content) {
                content.fill(0);
            }
            header = header.saturating_add(words.max(1).saturating_mul(4));
        }
        // Version 1, type 255: user data. All else is signalling.
        if flags >> 4 == 3 && kind == 255 && header <= bytes.len() {
            self.behind(bytes, header, Layer::Ip);
        } else {
            bytes.fill(FILLER);
        }
    }

    fn gre(&mut self, bytes: &mut [u8]) {
        let flags = u16_at(bytes, 0);
        let kind = u16_at(bytes, 2);
        // Checksum, key and sequence number (RFC 2784, RFC 2890).
        let fields: usize = [0x8000_u16, 0x2000, 0x1000]
            .iter()
            .map(|flag| if flags & flag == 0 { 0 } else { 4 })
            .sum();
        let header = fields.saturating_add(4);
        let inner = match kind {
            // ERSPAN type I has no header of its own, type II one of 8 bytes.
            0x88be if flags & 0x1000 == 0 => (header, Layer::Ethernet),
            0x88be => (header.saturating_add(8), Layer::Ethernet),
            // Type III: 12 bytes, and 8 more if the last bit says so.
            0x22eb => {
                let last = bytes.get(header.saturating_add(11)).copied();
                let extra = if last.unwrap_or_default() & 1 == 1 {
                    20
                } else {
                    12
                };
                (header.saturating_add(extra), Layer::Ethernet)
            }
            0x880b => (header, Layer::Ppp),
            0x0800 | 0x86dd | 0x6558 | 0x8847 => (header, Layer::Type(kind)),
            _ => (4, Layer::Unknown),
        };
        if flags & 0x8000 != 0 {
            // Its checksum would have to cover what is rewritten inside; 0 is what senders without one write.
            put(bytes, 4, 0);
        }
        self.behind(bytes, inner.0, inner.1);
    }
}

/// Writes a transport checksum, or 0 where not all of the data is there.
fn seal(bytes: &mut [u8], at: usize, pseudo: Sum, whole: bool) {
    put(bytes, at, 0);
    if whole {
        let mut sum = pseudo;
        sum.add(bytes);
        let value = match sum.finish() {
            0 if at == 6 => u16::MAX,
            value => value,
        };
        put(bytes, at, value);
    }
}

/// A ones' complement sum in the making (RFC 1071). Parts must be of even length, save the last.
#[derive(Clone, Copy, Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<2>();
        let words = words
            .iter()
            .map(|word| u64::from(u16::from_be_bytes(*word)));
        self.0 = self.0.wrapping_add(words.fold(0, u64::wrapping_add));
        if let [last] = rest {
            self.0 = self
                .0
                .wrapping_add(u64::from(u16::from_be_bytes([*last, 0])));
        }
    }

    fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff).wrapping_add(sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

fn checksum(start: u64, bytes: &[u8]) -> u16 {
    let mut sum = Sum(start);
    sum.add(bytes);
    sum.finish()
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

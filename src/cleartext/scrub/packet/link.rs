//! What stands before IP: link layers, tags, PPP, MPLS, ARP.

use super::{Layer, MAX_DEPTH, Rewriter, u16_at};
use crate::cleartext::capture::LinkType;
use crate::cleartext::scrub::FILLER;

impl Rewriter<'_> {
    pub(super) fn link(&mut self, packet: &mut [u8], link: LinkType) {
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
            7 => self.arcnet(packet, 2),
            // The same behind an offset of two bytes.
            129 => self.arcnet(packet, 4),
            9 => self.layer(packet, Layer::Ppp),
            50 if packet.first() == Some(&0xff) => self.layer(packet, Layer::Ppp),
            51 => self.behind(packet, 6, Layer::Ppp),
            // Cisco HDLC: address, control, type.
            50 | 104 => {
                let kind = u16_at(packet, 2);
                self.behind(packet, 4, Layer::Type(kind));
            }
            109 => self.behind(packet, 12, Layer::Ip),
            239 => self.nflog(packet),
            _ => packet.fill(FILLER),
        }
    }

    /// ARCNET (RFC 1201, RFC 1051): stations of one byte, and the code of what is carried at `at`. Frames that are split are
    /// not put together.
    fn arcnet(&mut self, packet: &mut [u8], at: usize) {
        let byte = |ahead: usize| packet.get(at.saturating_add(ahead)).copied();
        let header = match (byte(0), byte(1)) {
            (Some(212), Some(0)) => Some(4_usize),
            // An exception frame has the flag twice.
            (Some(212), Some(0xff)) => Some(8),
            (Some(240), _) => Some(1),
            _ => None,
        };
        match header {
            Some(header) => self.behind(packet, at.saturating_add(header), Layer::Ip),
            None => packet.fill(FILLER),
        }
    }

    /// Netfilter log: attributes in the byte order of the host, of which one is the packet. The rest may name interfaces,
    /// users and stations, and is blanked.
    pub(super) fn nflog(&mut self, packet: &mut [u8]) {
        let mut at = 4_usize;
        while let Some(&[low, high, kind, _]) = packet.get(at..).and_then(<[u8]>::first_chunk::<4>)
        {
            let len = usize::from(u16::from_le_bytes([low, high]));
            let (start, end) = (at.saturating_add(4), at.saturating_add(len.max(4)));
            let stop = end.min(packet.len());
            let Some(content) = packet.get_mut(start..stop) else {
                break;
            };
            if kind == 9 {
                self.layer(content, Layer::Ip);
            } else {
                content.fill(0);
            }
            at = end.saturating_add(3) & !3;
        }
        if let Some(rest) = packet.get_mut(at..) {
            rest.fill(FILLER);
        }
    }

    pub(super) fn by_type(&mut self, bytes: &mut [u8], kind: u16) {
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

    /// Address and control may be left out, and the first byte of the protocol (RFC 1661 sections 2 and 6.5).
    pub(super) fn ppp(&mut self, bytes: &mut [u8]) {
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

    pub(super) fn mpls(&mut self, bytes: &mut [u8]) {
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
    pub(super) fn arp(&mut self, bytes: &mut [u8]) {
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
}

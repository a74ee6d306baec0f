//! Packets within packets: GRE and its kin, Geneve, GTP-U.

use super::{Layer, MAX_DEPTH, Rewriter, put, u16_at};
use crate::cleartext::scrub::FILLER;

impl Rewriter<'_> {
    pub(super) fn geneve(&mut self, bytes: &mut [u8]) {
        let options = usize::from(bytes.first().map_or(0, |byte| byte & 63)).saturating_mul(4);
        let kind = u16_at(bytes, 2);
        let header = options.saturating_add(8).min(bytes.len());
        if let Some(options) = bytes.get_mut(8..header) {
            options.fill(0);
        }
        self.behind(bytes, header, Layer::Type(kind));
    }

    /// GTP-U (3GPP TS 29.281 section 5.1): a packet of the user behind the header and its extensions.
    pub(super) fn gtp(&mut self, bytes: &mut [u8]) {
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

    pub(super) fn gre(&mut self, bytes: &mut [u8]) {
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

    /// L2TP version 2 (RFC 2661 section 3.1): data messages carry PPP, control messages become filler.
    pub(super) fn l2tp(&mut self, bytes: &mut [u8]) {
        let flags = u16_at(bytes, 0);
        let field = |bit: u16, len: usize| if flags & bit == 0 { 0 } else { len };
        let mut header = field(0x4000, 2).saturating_add(field(0x0800, 4));
        header = header.saturating_add(6);
        if flags & 0x0200 != 0 {
            let offset = usize::from(u16_at(bytes, header));
            let start = header.saturating_add(2);
            header = start.saturating_add(offset);
            if let Some(padding) = bytes.get_mut(start..header) {
                padding.fill(0);
            }
        }
        if flags & 0x8000 == 0 && flags & 0x000f == 2 && header <= bytes.len() {
            self.behind(bytes, header, Layer::Ppp);
        } else {
            bytes.fill(FILLER);
        }
    }
}

//! The output file: pcap with nanosecond stamps, or pcapng where packets of several link types must go into one file.
//!
//! Read: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng sections 4.1 to 4.3. Comments, names and secrets of the input are
//! not taken over.

use std::io::{self, Write};

use crate::cleartext::capture::{LinkType, Packet};
use crate::clock::NANOS_PER_SECOND;

/// Bytes of a packet kept at most, as the header says.
const SNAPLEN: u32 = 262_144;

/// Link types of a capture, in order of appearance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    links: Vec<LinkType>,
}

impl Layout {
    /// Takes note of a packet that will be written.
    pub(super) fn note(&mut self, packet: &Packet<'_>) {
        if !self.links.contains(&packet.link) {
            self.links.push(packet.link);
        }
    }

    /// Writes the file header.
    pub(super) fn writer<'a>(&self, out: &'a mut dyn Write) -> io::Result<Writer<'a>> {
        let mut writer = Writer {
            out,
            links: self.links.clone(),
        };
        writer.header()?;
        Ok(writer)
    }
}

/// Writes packets.
pub(super) struct Writer<'a> {
    out: &'a mut dyn Write,
    links: Vec<LinkType>,
}

impl Writer<'_> {
    fn is_ng(&self) -> bool {
        self.links.len() > 1
    }

    fn header(&mut self) -> io::Result<()> {
        if !self.is_ng() {
            let link = self.links.first().map_or(1, |link| u32::from(link.0));
            return self.numbers(&[0xa1b2_3c4d, 0x0004_0002, 0, 0, SNAPLEN, link]);
        }
        self.numbers(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28])?;
        for link in self.links.clone() {
            // if_tsresol (9): 10^-9 s; then the end of options.
            let link = u32::from(link.0);
            self.numbers(&[1, 32, link, SNAPLEN, 0x0001_0009, 9, 0, 32])?;
        }
        Ok(())
    }

    pub(super) fn packet(&mut self, packet: &Packet<'_>, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let nanos = packet.time.nanos();
        if self.is_ng() {
            let interface = self.links.iter().position(|link| *link == packet.link);
            let interface = u32::try_from(interface.unwrap_or(0)).unwrap_or(0);
            let padding = len.wrapping_neg() & 3;
            let total = len.saturating_add(padding).saturating_add(32);
            let (high, low) = (nanos >> 32, nanos & 0xffff_ffff);
            let half = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
            self.numbers(&[
                6,
                total,
                interface,
                half(high),
                half(low),
                len,
                packet.wire_len,
            ])?;
            self.out.write_all(bytes)?;
            let zeros = usize::try_from(padding).unwrap_or(0);
            self.out
                .write_all([0; 3].get(..zeros).unwrap_or_default())?;
            return self.numbers(&[total]);
        }
        let part = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let seconds = nanos.checked_div(NANOS_PER_SECOND).unwrap_or(0);
        let rest = nanos.checked_rem(NANOS_PER_SECOND).unwrap_or(0);
        self.numbers(&[part(seconds), part(rest), len, packet.wire_len])?;
        self.out.write_all(bytes)
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.out.flush()
    }

    fn numbers(&mut self, numbers: &[u32]) -> io::Result<()> {
        numbers
            .iter()
            .try_for_each(|number| self.out.write_all(&number.to_le_bytes()))
    }
}

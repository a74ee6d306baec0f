//! Where packets come from: a NIC, or capture files merged by time.

use super::raw::Raw;
use crate::clock::EventTime;

/// A link-layer header type, by its number in libpcap's registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkType(pub u16);

/// One captured packet. Borrows the source's buffer and dies within a turn of the capture loop.
pub struct Packet<'a> {
    /// Capture time.
    pub time: EventTime,
    /// How to read the first header.
    pub link: LinkType,
    /// Bytes the packet had on the wire; more than `data` holds where the snaplen cut it.
    pub wire_len: u32,
    /// The captured bytes.
    pub data: Raw<&'a [u8]>,
}

/// What a [`Source`] has to offer right now.
pub enum Polled<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Nothing within the poll interval (live links only): time to run timeouts.
    Idle,
    /// The capture has ended.
    End,
}

/// Anything packets can be read from. Tests use a fake.
pub trait Source {
    /// The next packet, or why there is none. After an error the source is at its end.
    fn poll(&mut self) -> Result<Polled<'_>, SourceError>;
    /// Kernel and interface drops so far (live only).
    fn drops(&mut self) -> Drops {
        Drops::default()
    }
}

/// What the capture source itself lost, as totals since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drops {
    /// Packets the kernel dropped for want of buffer space.
    pub kernel: u64,
    /// Packets the interface dropped.
    pub interface: u64,
}

/// Why a source failed. Owns no traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceError {
    /// The file is damaged from this offset on (of the uncompressed bytes); all packets before it were delivered.
    Damaged {
        /// Index of the file on the command line.
        file: usize,
        /// Offset of the damage in bytes.
        offset: u64,
        /// What is wrong, from a fixed list.
        what: &'static str,
    },
    /// The interface is gone or the read failed.
    Interface {
        /// Index of the interface on the command line.
        interface: usize,
        /// What is wrong, from a fixed list.
        what: &'static str,
    },
}

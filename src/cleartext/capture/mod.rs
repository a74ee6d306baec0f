//! Where packets come from: a NIC, or capture files merged by time.
//!
//! [`mod@file`] reads pcap and pcapng (also compressed, also from standard input), [`mod@live`] reads a network interface. Both are a
//! [`Source`]; what is behind it does not matter to the rest. Nothing here looks into a packet: see [`decode`](super::decode).

pub mod file;
mod filter;
mod input;
#[cfg(feature = "live")]
pub mod live;
mod records;
pub mod udp;

pub use file::{FileOptions, FileSource, FileSummary, Progress};
#[cfg(feature = "live")]
pub use live::{InterfaceInfo, LiveOptions, LiveSource, interfaces};

use super::raw::Raw;
use crate::clock::EventTime;

/// A link-layer header type, by its number in libpcap's registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkType(pub u16);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// A VXLAN header first, as a socket of our own receives it. Ours: no file has it.
    pub const VXLAN: Self = Self(0xff00);
    /// A Geneve header first. Ours: no file has it.
    pub const GENEVE: Self = Self(0xff01);

    /// Its name in libpcap's registry (without `LINKTYPE_`), for messages; `?` if it is none of the usual ones.
    pub fn name(self) -> &'static str {
        super::decode::name(self)
    }
}

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

/// Reads a capture from memory, as far as it is one.
pub(in crate::cleartext) fn for_each_record(bytes: &[u8], take: &mut dyn FnMut(Packet<'_>)) {
    let read = std::io::Cursor::new(bytes.to_vec());
    let Ok(input) = input::from_reader(Box::new(read)) else {
        return;
    };
    let Ok(mut records) = records::Records::new(input, 0) else {
        return;
    };
    while let Ok(records::Step::Record(record)) = records.step() {
        take(Packet {
            time: record.time,
            link: record.link,
            wire_len: record.wire_len,
            data: Raw::new(records.bytes(&record)),
        });
    }
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

/// Why a source could not be opened. Owns no traffic and no path: `index` says which argument it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenError {
    /// Index of the file (in the list that [`file::expand`] made) or of the interface.
    pub index: usize,
    /// What is wrong.
    pub fault: OpenFault,
}

/// What is wrong with something that could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenFault {
    /// No such file, or a directory without any file.
    NotFound,
    /// The file or interface may not be read by this user.
    NoPermission,
    /// Reading failed.
    Unreadable(std::io::ErrorKind),
    /// The file has no byte at all.
    Empty,
    /// Neither pcap nor pcapng, also not after decompression.
    NotCapture,
    /// The file is compressed, and damaged or cut right at its start.
    BadCompression,
    /// The file ends inside its header.
    HeaderCut,
    /// Nothing in the file is of a link type that can be decoded.
    UnsupportedLink(LinkType),
    /// The BPF filter does not compile for this link type.
    BadFilter,
    /// Filters need libpcap, which this program was built without.
    FilterUnavailable,
    /// There is no such interface.
    NoSuchInterface,
    /// The interface exists, but is down.
    InterfaceDown,
    /// libpcap refused for another reason.
    Refused,
}

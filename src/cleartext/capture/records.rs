//! One capture file as a sequence of packet records: pcap and pcapng through `pcap-parser`, in constant memory.
//!
//! Knows the formats, not the packets. Read first: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng section 4. The obsolete
//! Packet Block (type 2), which `pcap-parser` passes over, is read here. Every block must fit into [`MAX_BLOCK`].

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, PcapBlockOwned, PcapError, SecretsType};

use super::input::{self, Input};
use super::{LinkType, OpenFault};
use crate::cleartext::tls::KeyStore;
use crate::clock::{EventTime, NANOS_PER_SECOND};

/// No block or packet record may be longer (bytes): what says it is, is damage or an attack on memory.
pub(super) const MAX_BLOCK: usize = 16 * 1024 * 1024;
/// Interfaces one section may describe. Real files have up to some hundred.
const MAX_INTERFACES: usize = 65_536;
/// Type of the obsolete Packet Block.
const PACKET_BLOCK: u32 = 2;

/// A packet record; its bytes are at `start..start + len` of [`Records::bytes`].
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) time: EventTime,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    start: usize,
    len: usize,
}

/// What the next step through the file gave.
pub(super) enum Step {
    Record(Record),
    /// The file ends here for now, perhaps inside a record.
    Starved {
        inside: bool,
    },
}

/// The file is damaged from here on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Damage {
    pub(super) offset: u64,
    pub(super) what: &'static str,
}

/// Reads one file.
pub(super) struct Records {
    reader: Box<dyn PcapReaderIterator + Send>,
    compressed: bool,
    capacity: usize,
    /// Bytes of the record handed out last, to be consumed before the next.
    pending: usize,
    format: Format,
    interfaces: Vec<Interface>,
    last: EventTime,
    /// Where TLS secrets of the file go.
    keys: Option<KeyStore>,
}

enum Format {
    Pcap { big: bool, header: usize },
    Ng { big: bool },
}

/// How to read the packets of one interface.
#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    snaplen: u32,
    unit: Unit,
    offset: i64,
}

/// Unit of time stamps.
#[derive(Clone, Copy)]
enum Unit {
    /// 10^-n seconds.
    Decimal(u32),
    /// 2^-n seconds.
    Binary(u32),
}

impl Records {
    /// Begins to read. `capacity` is the size of the block buffer in bytes.
    pub(super) fn new(input: Input, capacity: usize) -> Result<Self, OpenFault> {
        let compressed = input.compressed;
        let capacity = capacity.max(MIN_CAPACITY);
        let mut reader = pcap_parser::create_reader(capacity, input.reader)
            .map_err(|_| OpenFault::NotCapture)?;
        let mut interfaces = Vec::new();
        let format = match reader.next() {
            Ok((_, PcapBlockOwned::LegacyHeader(header))) => {
                let nanos = header.is_nanosecond_precision();
                interfaces.push(Interface {
                    // Above the link type stand the FCS length and reserved bits.
                    link: LinkType(low_half(header.network.0)),
                    snaplen: u32::MAX,
                    unit: Unit::Decimal(if nanos { 9 } else { 6 }),
                    // `thiszone` is 0 in all files that tools write; readers ignore it.
                    offset: 0,
                });
                Format::Pcap {
                    big: header.is_bigendian(),
                    header: if header.is_modified_format() { 24 } else { 16 },
                }
            }
            Ok(_) => Format::Ng { big: false },
            Err(_) => return Err(OpenFault::NotCapture),
        };
        Ok(Self {
            reader,
            compressed,
            capacity,
            pending: 0,
            format,
            interfaces,
            last: EventTime::ZERO,
            keys: None,
        })
    }

    /// From now on TLS secrets of the file go there.
    pub(super) fn set_keys(&mut self, keys: Option<KeyStore>) {
        self.keys = keys;
    }

    /// Link types described so far.
    pub(super) fn links(&self) -> impl Iterator<Item = LinkType> {
        self.interfaces.iter().map(|interface| interface.link)
    }

    /// The bytes of a record, valid until [`Records::step`].
    pub(super) fn bytes(&self, record: &Record) -> &[u8] {
        let end = record.start.saturating_add(record.len);
        self.reader
            .data()
            .get(record.start..end)
            .unwrap_or_default()
    }

    /// Goes on to the next packet.
    pub(super) fn step(&mut self) -> Result<Step, Damage> {
        loop {
            self.reader.consume_noshift(self.pending);
            self.pending = 0;
            let found = match self.reader.next() {
                Ok((len, block)) => {
                    self.pending = len;
                    if let (Some(keys), PcapBlockOwned::NG(Block::DecryptionSecrets(secrets))) =
                        (&self.keys, &block)
                        && secrets.secrets_type == SecretsType::TlsKeyLog
                    {
                        let length = usize::try_from(secrets.secrets_len).unwrap_or(usize::MAX);
                        keys.add(secrets.data.get(..length).unwrap_or(secrets.data));
                    }
                    Found::of(&block)
                }
                Err(
                    PcapError::Eof
                    | PcapError::UnexpectedEof
                    | PcapError::Incomplete(_)
                    | PcapError::BufferTooSmall,
                ) => Found::Incomplete,
                Err(_) => return Err(self.damage("a block contradicts itself")),
            };
            match found {
                Found::Packet(packet) => return self.record(&packet).map(Step::Record),
                Found::Section { big } => {
                    self.format = Format::Ng { big };
                    self.interfaces.clear();
                }
                Found::Interface(interface) => self.describe(interface)?,
                Found::Nothing => {}
                Found::Incomplete => {
                    if let Some(inside) = self.refill()? {
                        return Ok(Step::Starved { inside });
                    }
                }
            }
        }
    }

    fn describe(&mut self, mut interface: Interface) -> Result<(), Damage> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(self.damage("too many interfaces"));
        }
        // pcap-parser reads this option as little-endian in either byte order.
        if matches!(self.format, Format::Ng { big: true }) {
            interface.offset = interface.offset.swap_bytes();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn record(&mut self, packet: &FoundPacket) -> Result<Record, Damage> {
        let start = match self.format {
            Format::Pcap { header, .. } => header,
            Format::Ng { .. } => packet.start,
        };
        let index = usize::try_from(packet.interface).unwrap_or(usize::MAX);
        let Some(interface) = self.interfaces.get(index) else {
            return Err(self.damage("a packet names an interface that was not described"));
        };
        let cut = usize::try_from(interface.snaplen).unwrap_or(usize::MAX);
        let len = match (packet.simple, cut) {
            // A Simple Packet Block does not say its captured length (section 4.4).
            (true, 1..) => packet.len.min(cut),
            _ => packet.len,
        };
        let time = match packet.stamp {
            Some(stamp) => interface.time(stamp),
            None => self.last,
        };
        self.last = time;
        Ok(Record {
            time,
            link: interface.link,
            wire_len: packet.wire_len.max(u32::try_from(len).unwrap_or(u32::MAX)),
            start,
            len,
        })
    }

    /// Reads on. `Some` if there is nothing more (for now): whether the file ends inside a block.
    fn refill(&mut self) -> Result<Option<bool>, Damage> {
        let have = self.reader.data().len();
        let need = self.declared_len()?;
        if need > MAX_BLOCK {
            return Err(self.damage("a block says it is longer than any packet may be"));
        }
        if need <= have {
            return Err(self.damage("a block contradicts its length"));
        }
        if need >= self.capacity {
            self.capacity = need.saturating_mul(2);
            self.reader.grow(self.capacity);
        }
        if self.reader.refill().is_err() {
            let what = if self.compressed {
                "the compressed data is damaged or cut"
            } else {
                "the file cannot be read on"
            };
            return Err(self.damage(what));
        }
        let data = self.reader.data().len();
        Ok((data == have && self.reader.reader_exhausted()).then_some(data > 0))
    }

    /// Length of the block at hand as far as it says so: at least its fixed header.
    fn declared_len(&self) -> Result<usize, Damage> {
        let data = self.reader.data();
        let word = |at: usize, big: bool| -> Option<usize> {
            let bytes: [u8; 4] = data.get(at..at.checked_add(4)?)?.try_into().ok()?;
            let value = if big {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            };
            usize::try_from(value).ok()
        };
        match self.format {
            Format::Pcap { big, header } => {
                Ok(word(8, big).map_or(header, |len| len.saturating_add(header)))
            }
            Format::Ng { .. } if data.len() < 12 => Ok(12),
            Format::Ng { .. } if data.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) => {
                input::section_length(data).ok_or_else(|| self.damage("a section header is broken"))
            }
            Format::Ng { big } => Ok(word(4, big).unwrap_or(12)),
        }
    }

    pub(super) fn damage(&self, what: &'static str) -> Damage {
        Damage {
            offset: u64::try_from(self.reader.consumed()).unwrap_or(u64::MAX),
            what,
        }
    }
}

/// Smallest useful block buffer: a maximal frame with its record header.
const MIN_CAPACITY: usize = 128 * 1024;

impl Interface {
    /// Nanoseconds since the epoch from a stamp in this interface's unit.
    fn time(&self, stamp: Stamp) -> EventTime {
        let nanos = match stamp {
            Stamp::Pcap { secs, fraction } => {
                let scale = if matches!(self.unit, Unit::Decimal(9)) {
                    1
                } else {
                    1_000
                };
                u64::from(secs)
                    .saturating_mul(NANOS_PER_SECOND)
                    .saturating_add(u64::from(fraction).saturating_mul(scale))
            }
            Stamp::Units(units) => self.unit.nanos(units),
        };
        let offset = self.offset.unsigned_abs().saturating_mul(NANOS_PER_SECOND);
        EventTime::from_nanos(if self.offset < 0 {
            nanos.saturating_sub(offset)
        } else {
            nanos.saturating_add(offset)
        })
    }
}

impl Unit {
    /// From the option `if_tsresol` (section 4.2): the top bit tells base 2 from base 10.
    fn from_option(value: u8) -> Self {
        let exponent = u32::from(value & 0x7f);
        if value & 0x80 == 0 {
            Self::Decimal(exponent)
        } else {
            Self::Binary(exponent)
        }
    }

    fn nanos(self, units: u64) -> u64 {
        match self {
            Self::Decimal(n @ 0..=9) => {
                let scale = 10_u64.saturating_pow(9_u32.saturating_sub(n));
                units.saturating_mul(scale)
            }
            Self::Decimal(n) => {
                let scale = 10_u64.saturating_pow(n.saturating_sub(9));
                units.checked_div(scale).unwrap_or(0)
            }
            Self::Binary(n) => {
                let product = u128::from(units).saturating_mul(u128::from(NANOS_PER_SECOND));
                u64::try_from(product.checked_shr(n).unwrap_or(0)).unwrap_or(u64::MAX)
            }
        }
    }
}

/// A time stamp as the file has it.
#[derive(Clone, Copy)]
enum Stamp {
    Pcap { secs: u32, fraction: u32 },
    Units(u64),
}

/// What a block is to us, without borrowing it.
enum Found {
    Packet(FoundPacket),
    Section { big: bool },
    Interface(Interface),
    Nothing,
    Incomplete,
}

struct FoundPacket {
    interface: u32,
    stamp: Option<Stamp>,
    wire_len: u32,
    /// Where the bytes start in the block; pcap records know it from the format.
    start: usize,
    len: usize,
    simple: bool,
}

impl Found {
    fn of(block: &PcapBlockOwned<'_>) -> Self {
        match block {
            PcapBlockOwned::Legacy(record) => Self::Packet(FoundPacket {
                interface: 0,
                stamp: Some(Stamp::Pcap {
                    secs: record.ts_sec,
                    fraction: record.ts_usec,
                }),
                wire_len: record.origlen,
                start: 0,
                len: record.data.len(),
                simple: false,
            }),
            PcapBlockOwned::LegacyHeader(_) => Self::Nothing,
            PcapBlockOwned::NG(block) => Self::of_ng(block),
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "all other blocks, known and unknown, are passed over alike"
    )]
    fn of_ng(block: &Block<'_>) -> Self {
        match block {
            Block::SectionHeader(section) => Self::Section {
                big: section.big_endian(),
            },
            Block::InterfaceDescription(description) => Self::Interface(Interface {
                link: LinkType(low_half(description.linktype.0)),
                snaplen: description.snaplen,
                unit: Unit::from_option(description.if_tsresol),
                offset: description.if_tsoffset,
            }),
            Block::EnhancedPacket(packet) => Self::Packet(FoundPacket {
                interface: packet.if_id,
                stamp: Some(Stamp::Units(join(packet.ts_high, packet.ts_low))),
                wire_len: packet.origlen,
                start: 28,
                len: usize::try_from(packet.caplen)
                    .unwrap_or(usize::MAX)
                    .min(packet.data.len()),
                simple: false,
            }),
            Block::SimplePacket(packet) => Self::Packet(FoundPacket {
                interface: 0,
                stamp: None,
                wire_len: packet.origlen,
                start: 12,
                len: usize::try_from(packet.origlen)
                    .unwrap_or(usize::MAX)
                    .min(packet.data.len()),
                simple: true,
            }),
            Block::Unknown(unknown) => obsolete_packet(unknown.block_type, unknown.data)
                .map_or(Self::Nothing, Self::Packet),
            _ => Self::Nothing,
        }
    }
}

/// The obsolete Packet Block (draft-ietf-opsawg-pcapng appendix A), in either byte order.
fn obsolete_packet(kind: u32, data: &[u8]) -> Option<FoundPacket> {
    let big = match kind {
        PACKET_BLOCK => false,
        _ if kind == PACKET_BLOCK.swap_bytes() => true,
        _ => return None,
    };
    let word = |at: usize| -> Option<u32> {
        let bytes: [u8; 4] = data.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    };
    let interface: [u8; 2] = data.get(..2)?.try_into().ok()?;
    let captured = usize::try_from(word(12)?).ok()?;
    Some(FoundPacket {
        interface: u32::from(if big {
            u16::from_be_bytes(interface)
        } else {
            u16::from_le_bytes(interface)
        }),
        stamp: Some(Stamp::Units(join(word(4)?, word(8)?))),
        wire_len: word(16)?,
        start: 28,
        len: captured.min(data.len().saturating_sub(20)),
        simple: false,
    })
}

fn join(high: u32, low: u32) -> u64 {
    u64::from(high).wrapping_shl(32) | u64::from(low)
}

/// The lower 16 bits, where the link type stands.
fn low_half(value: i32) -> u16 {
    u16::try_from(value & 0xffff).unwrap_or(u16::MAX)
}

//! The first header of a packet by its link type, and what EtherType, LLC and PPP say of the next one.
//!
//! Link types are those of libpcap's registry (pcap/dlt.h, draft-ietf-opsawg-pcaplinktype). Read also: IEEE 802.1Q, 802.1ah,
//! 802.1AE, 802.2, RFC 1042, RFC 1661, RFC 2516, RFC 2427, RFC 1201, RFC 1051.

use super::radio::{self, u16_le, u32_le};
use super::tunnel;
use super::walk::{Layer, Step, next};
use super::{rest, u8_at, u16_at};
use crate::cleartext::capture::LinkType;
use crate::tally::Tally;

/// Bytes of an NFLOG header before its attributes.
const NFLOG_HEADER: usize = 4;
/// Attributes of an NFLOG packet looked at.
const NFLOG_ATTRIBUTES: usize = 32;

/// Link types that are decoded, with their names in libpcap's registry.
const DECODED: &[(u16, &str)] = &[
    (0, "NULL"),
    (1, "ETHERNET"),
    (6, "IEEE802_5"),
    (7, "ARCNET_BSD"),
    (8, "SLIP"),
    (9, "PPP"),
    (10, "FDDI"),
    (11, "ATM_RFC1483"),
    (12, "RAW"),
    (14, "RAW"),
    (50, "PPP_HDLC"),
    (51, "PPP_ETHER"),
    (100, "ATM_RFC1483"),
    (101, "RAW"),
    (104, "C_HDLC"),
    (105, "IEEE802_11"),
    (106, "ATM_CLIP"),
    (107, "FRELAY"),
    (108, "LOOP"),
    (109, "ENC"),
    (113, "LINUX_SLL"),
    (117, "PFLOG"),
    (119, "IEEE802_11_PRISM"),
    (122, "IP_OVER_FC"),
    (123, "SUNATM"),
    (127, "IEEE802_11_RADIOTAP"),
    (129, "ARCNET_LINUX"),
    (138, "APPLE_IP_OVER_IEEE1394"),
    (149, "PKTAP"),
    (163, "IEEE802_11_AVS"),
    (166, "PPP_PPPD"),
    (178, "JUNIPER_ETHER"),
    (192, "PPI"),
    (197, "ERF"),
    (228, "IPV4"),
    (229, "IPV6"),
    (239, "NFLOG"),
    (242, "IPOIB"),
    (258, "PKTAP"),
    (276, "LINUX_SLL2"),
    (281, "DSA_TAG_BRCM"),
    (282, "DSA_TAG_BRCM_PREPEND"),
    (284, "DSA_TAG_DSA"),
    (285, "DSA_TAG_EDSA"),
];

/// Others one meets, for messages.
const NAMED: &[(u16, &str)] = &[
    (3, "AX25"),
    (103, "BSDOS_SLIP"),
    (114, "LTALK"),
    (130, "JUNIPER_MLPPP"),
    (131, "JUNIPER_MLFR"),
    (132, "JUNIPER_ES"),
    (133, "JUNIPER_GGSN"),
    (134, "JUNIPER_MFR"),
    (135, "JUNIPER_ATM2"),
    (136, "JUNIPER_SERVICES"),
    (137, "JUNIPER_ATM1"),
    (139, "MTP2_WITH_PHDR"),
    (140, "MTP2"),
    (141, "MTP3"),
    (142, "SCCP"),
    (143, "DOCSIS"),
    (144, "LINUX_IRDA"),
    (164, "JUNIPER_MONITOR"),
    (165, "BACNET_MS_TP"),
    (167, "JUNIPER_PPPOE"),
    (168, "JUNIPER_PPPOE_ATM"),
    (177, "LINUX_LAPD"),
    (179, "JUNIPER_PPP"),
    (180, "JUNIPER_FRELAY"),
    (181, "JUNIPER_CHDLC"),
    (182, "MFR"),
    (187, "BLUETOOTH_HCI_H4"),
    (189, "USB_LINUX"),
    (195, "IEEE802_15_4_WITHFCS"),
    (201, "BLUETOOTH_HCI_H4_WITH_PHDR"),
    (202, "AX25_KISS"),
    (203, "LAPD"),
    (210, "FLEXRAY"),
    (212, "LIN"),
    (214, "SITA"),
    (220, "USB_LINUX_MMAPPED"),
    (226, "IPNET"),
    (227, "CAN_SOCKETCAN"),
    (230, "IEEE802_15_4_NOFCS"),
    (231, "DBUS"),
    (235, "DVB_CI"),
    (240, "NETANALYZER"),
    (243, "MPEG_2_TS"),
    (245, "NFC_LLCP"),
    (248, "SCTP"),
    (249, "USBPCAP"),
    (251, "BLUETOOTH_LE_LL"),
    (252, "WIRESHARK_UPPER_PDU"),
    (253, "NETLINK"),
    (254, "BLUETOOTH_LINUX_MONITOR"),
    (256, "BLUETOOTH_LE_LL_WITH_PHDR"),
    (265, "NORDIC_BLE"),
    (273, "LORATAP"),
    (274, "VSOCK"),
];

/// Whether packets of this link type can be decoded.
pub(super) const fn supports(link: LinkType) -> bool {
    let mut n = 0;
    while n < DECODED.len() {
        if let Some((number, _)) = DECODED.split_at(n).1.first()
            && *number == link.0
        {
            return true;
        }
        n = n.saturating_add(1);
    }
    false
}

/// The name of a link type in libpcap's registry (without `LINKTYPE_`), for messages; `?` if it is none of the usual ones.
pub fn name(link: LinkType) -> &'static str {
    if (147..=162).contains(&link.0) && link.0 != 149 {
        return "USER";
    }
    let known = DECODED.iter().chain(NAMED);
    known
        .into_iter()
        .find_map(|(number, name)| (*number == link.0).then_some(*name))
        .unwrap_or("?")
}

/// The first header.
pub(super) fn start(link: LinkType, data: &[u8]) -> Result<Step<'_>, Tally> {
    match link.0 {
        1 => Ok(Step::Next(Layer::Ethernet, data)),
        0 | 108 => loopback(data),
        12 | 14 | 101 | 228 | 229 => Ok(Step::Next(Layer::Ip, data)),
        113 => next(cooked(u16_at(data, 14)?), data, 16),
        276 => next(cooked(u16_at(data, 0)?), data, 20),
        _ => start_rare(link, data),
    }
}

fn start_rare(link: LinkType, data: &[u8]) -> Result<Step<'_>, Tally> {
    match link.0 {
        // Access control and frame control; source routing if the first bit of the source says so.
        6 => {
            let routed = u8_at(data, 8)? & 0x80 != 0;
            let routing = if routed {
                usize::from(u8_at(data, 14)? & 0x1f)
            } else {
                0
            };
            next(Layer::Llc, data, routing.saturating_add(14))
        }
        7 => arcnet(u8_at(data, 2)?, rest(data, 3)?),
        // The same behind an offset of two bytes.
        129 => arcnet(u8_at(data, 4)?, rest(data, 5)?),
        // Direction, type, and a compressed header if it was one.
        8 => next(Layer::Ip, data, 16),
        9 => Ok(Step::Next(Layer::Ppp, data)),
        10 => next(Layer::Llc, data, 13),
        11 | 100 => Ok(Step::Next(Layer::Llc, data)),
        50 => match u8_at(data, 0)? {
            0xff => Ok(Step::Next(Layer::Ppp, data)),
            _ => next(Layer::Type(u16_at(data, 2)?), data, 4),
        },
        51 => next(Layer::Ppp, data, 6),
        104 => next(Layer::Type(u16_at(data, 2)?), data, 4),
        105 => Ok(Step::Next(Layer::Radio, data)),
        107 => frame_relay(data),
        // Classical IP over ATM, with LLC or without.
        106 if data.starts_with(&[0xaa, 0xaa]) => Ok(Step::Next(Layer::Llc, data)),
        106 => Ok(Step::Next(Layer::Ip, data)),
        109 => next(Layer::Ip, data, 12),
        117 => {
            let header = usize::from(u8_at(data, 0)?).next_multiple_of(4);
            next(Layer::Ip, data, header)
        }
        119 => radio::prism(data),
        122 => next(Layer::Llc, data, 16),
        123 => match u8_at(data, 0)? & 0x0f {
            2 => next(Layer::Llc, data, 4),
            _ => Err(Tally::PacketNotIp),
        },
        127 => radio::radiotap(data),
        // Two addresses of eight bytes; two of six and the tag of a switch chip.
        138 | 281 | 284 => next(Layer::Type(u16_at(data, 16)?), data, 18),
        149 | 258 => pktap(data),
        163 => radio::avs(data),
        // The direction stands where PPP has its address.
        166 => next(Layer::Ppp, data, 2),
        178 => juniper(data),
        192 => ppi(data),
        0xff00 => tunnel::vxlan(data),
        0xff01 => tunnel::geneve(data),
        197 => erf(data),
        239 => nflog(data),
        // InfiniBand: a global route header, then an EtherType and two reserved bytes.
        242 => next(Layer::Type(u16_at(data, 40)?), data, 44),
        // Tags of other switch chips: before the frame, or longer.
        282 => next(Layer::Ethernet, data, 4),
        285 => next(Layer::Type(u16_at(data, 20)?), data, 22),
        _ => Err(Tally::PacketUnsupportedLink),
    }
}

/// BSD loopback: an address family in the byte order of the machine that captured.
fn loopback(data: &[u8]) -> Result<Step<'_>, Tally> {
    let family: [u8; 4] = data.first_chunk().copied().ok_or(Tally::PacketMalformed)?;
    // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30.
    match (u32::from_le_bytes(family), u32::from_be_bytes(family)) {
        // Some put an EtherType there.
        (2 | 10 | 24 | 28 | 30, _) | (_, 2 | 10 | 24 | 28 | 30 | 0x0800 | 0x86dd) => {
            next(Layer::Ip, data, 4)
        }
        _ => Err(Tally::PacketNotIp),
    }
}

/// Linux cooked: an EtherType, or a number of Linux' own for what has none.
const fn cooked(kind: u16) -> Layer {
    match kind {
        1 | 4 => Layer::Llc,
        _ => Layer::Type(kind),
    }
}

/// ARCNET by system code: IP of RFC 1201 with its split flag, IP of RFC 1051 without.
fn arcnet(code: u8, data: &[u8]) -> Result<Step<'_>, Tally> {
    match code {
        // An exception frame has the flag twice.
        212 if u8_at(data, 0)? == 0xff => next(Layer::Ip, data, 7),
        212 => match u8_at(data, 0)? {
            0 => next(Layer::Ip, data, 3),
            _ => Err(Tally::PacketFragment),
        },
        240 => next(Layer::Ip, data, 0),
        _ => Err(Tally::PacketNotIp),
    }
}

/// Q.922 address of two to four bytes, then NLPID (RFC 2427) or, as Cisco does it, an EtherType.
fn frame_relay(data: &[u8]) -> Result<Step<'_>, Tally> {
    let end = data.iter().take(4).position(|byte| byte & 1 == 1);
    let at = end.ok_or(Tally::PacketMalformed)?.saturating_add(1);
    if u8_at(data, at)? != 0x03 {
        return next(Layer::Type(u16_at(data, at)?), data, at.saturating_add(2));
    }
    // One byte of padding may follow the control field.
    let id = match u8_at(data, at.saturating_add(1))? {
        0 => at.saturating_add(2),
        _ => at.saturating_add(1),
    };
    match u8_at(data, id)? {
        0xcc | 0x8e => next(Layer::Ip, data, id.saturating_add(1)),
        0x80 => next(
            Layer::Type(u16_at(data, id.saturating_add(4))?),
            data,
            id.saturating_add(6),
        ),
        0xcf => next(Layer::Ppp, data, id.saturating_add(1)),
        _ => Err(Tally::PacketNotIp),
    }
}

/// Apple's PKTAP: its own length and the link type of the packet inside.
fn pktap(data: &[u8]) -> Result<Step<'_>, Tally> {
    let length = usize::try_from(u32_le(data, 0)?).map_err(|_| Tally::PacketMalformed)?;
    inside(u32_le(data, 8)?, rest(data, length)?)
}

/// Per-packet information: version, flags, length and link type in little-endian order.
fn ppi(data: &[u8]) -> Result<Step<'_>, Tally> {
    let length = usize::from(u16_le(data, 2)?);
    inside(u32_le(data, 4)?, rest(data, length)?)
}

/// A packet of another link type within; not of one that says so again.
fn inside(link: u32, data: &[u8]) -> Result<Step<'_>, Tally> {
    match u16::try_from(link) {
        Ok(149 | 192 | 258) | Err(_) => Err(Tally::PacketUnsupportedLink),
        Ok(link) => start(LinkType(link), data),
    }
}

/// Juniper's header: a magic number, flags, perhaps extensions, perhaps no Ethernet header.
fn juniper(data: &[u8]) -> Result<Step<'_>, Tally> {
    let [b'M', b'G', b'C', flags, ..] = data else {
        return Err(Tally::PacketMalformed);
    };
    let header = if flags & 0x80 == 0 {
        4_usize
    } else {
        usize::from(u16_at(data, 4)?).saturating_add(6)
    };
    let layer = if flags & 0x02 == 0 {
        Layer::Ethernet
    } else {
        Layer::Ip
    };
    next(layer, data, header)
}

/// Endace's record: 16 bytes, extension headers of 8 while the first bit is set, two bytes of padding before Ethernet.
fn erf(data: &[u8]) -> Result<Step<'_>, Tally> {
    let kind = u8_at(data, 8)?;
    let mut at = 16_usize;
    let mut more = kind & 0x80 != 0;
    while more {
        more = u8_at(data, at)? & 0x80 != 0;
        at = at.saturating_add(8);
    }
    match kind & 0x7f {
        2 | 11 | 16 | 20 => next(Layer::Ethernet, data, at.saturating_add(2)),
        22 | 23 => next(Layer::Ip, data, at),
        _ => Err(Tally::PacketUnsupportedLink),
    }
}

/// Netlink log: attributes in the byte order of the host, the packet among them.
fn nflog(data: &[u8]) -> Result<Step<'_>, Tally> {
    const PAYLOAD: u16 = 9;
    let mut at = NFLOG_HEADER;
    for _ in 0..NFLOG_ATTRIBUTES {
        let (length, kind) = (u16_le(data, at)?, u16_le(data, at.saturating_add(2))?);
        // A length that is longer than the packet is one of the other byte order.
        let swapped = usize::from(length) > data.len();
        let (length, kind) = if swapped {
            (length.swap_bytes(), kind.swap_bytes())
        } else {
            (length, kind)
        };
        if length < 4 {
            return Err(Tally::PacketMalformed);
        }
        if kind & 0x7fff == PAYLOAD {
            let end = at.saturating_add(usize::from(length)).min(data.len());
            let payload = data.get(at.saturating_add(4)..end);
            return Ok(Step::Next(
                Layer::Ip,
                payload.ok_or(Tally::PacketMalformed)?,
            ));
        }
        at = at.saturating_add(usize::from(length).next_multiple_of(4));
    }
    Err(Tally::PacketNotIp)
}

/// By EtherType, or 802.3 length.
pub(super) fn by_type(kind: u16, data: &[u8]) -> Result<Step<'_>, Tally> {
    match kind {
        0x0800 | 0x86dd => Ok(Step::Next(Layer::Ip, data)),
        // 802.1Q, 802.1ad, and the numbers used for them before.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => next(Layer::Type(u16_at(data, 2)?), data, 4),
        0..=1500 => Ok(Step::Next(Layer::Llc, data)),
        0x8847 | 0x8848 => Ok(Step::Next(Layer::Mpls, data)),
        // PPPoE session (RFC 2516): version, code, session, length.
        0x8864 => next(Layer::Ppp, data, 6),
        0x880b => Ok(Step::Next(Layer::Ppp, data)),
        // Provider backbone bridges (802.1ah): service tag, then the customer's frame.
        0x88e7 => next(Layer::Ethernet, data, 4),
        0x6558 => Ok(Step::Next(Layer::Ethernet, data)),
        // VN-Tag: four bytes; Cisco metadata: six.
        0x8926 => next(Layer::Type(u16_at(data, 4)?), data, 6),
        0x8909 => next(Layer::Type(u16_at(data, 6)?), data, 8),
        0x894f => Ok(Step::Next(Layer::Nsh, data)),
        0x88e5 => macsec(data),
        // TRILL (RFC 6325 section 3): options in units of four bytes.
        0x22f3 => {
            let options = usize::from(u16_at(data, 0)? >> 6 & 0x1f).saturating_mul(4);
            next(Layer::Ethernet, data, options.saturating_add(6))
        }
        _ => Err(Tally::PacketNotIp),
    }
}

/// IEEE 802.1AE: encrypted, or only protected against changes.
fn macsec(data: &[u8]) -> Result<Step<'_>, Tally> {
    let control = u8_at(data, 0)?;
    if control & 0x08 != 0 {
        return Err(Tally::PacketEncrypted);
    }
    let header = if control & 0x20 == 0 { 6_usize } else { 14 };
    next(
        Layer::Type(u16_at(data, header)?),
        data,
        header.saturating_add(2),
    )
}

/// IEEE 802.2: SNAP with an EtherType (RFC 1042, also with the codes of bridges), IP itself, or NLPID.
pub(super) fn llc(data: &[u8]) -> Result<Step<'_>, Tally> {
    match data {
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, high, low, inner @ ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            if kind <= 1500 {
                return Err(Tally::PacketNotIp);
            }
            Ok(Step::Next(Layer::Type(kind), inner))
        }
        // Bridged Ethernet over ATM (RFC 2684): with or without its checksum.
        [0xaa, 0xaa, 0x03, 0, 0x80, 0xc2, 0, 1 | 7, _, _, frame @ ..] => {
            Ok(Step::Next(Layer::Ethernet, frame))
        }
        [0x06, 0x06, 0x03, ip @ ..] | [0xfe, 0xfe, 0x03, 0xcc | 0x8e, ip @ ..] => {
            Ok(Step::Next(Layer::Ip, ip))
        }
        [0xfe, 0xfe, 0x03, 0xcf, ppp @ ..] => Ok(Step::Next(Layer::Ppp, ppp)),
        _ => Err(Tally::PacketNotIp),
    }
}

/// RFC 1661 section 2, RFC 1662 section 3.1: address and control may be left out, the protocol compressed to a byte.
pub(super) fn ppp(data: &[u8]) -> Result<Step<'_>, Tally> {
    let data = match data {
        [0xff, 0x03, inner @ ..] => inner,
        _ => data,
    };
    let (protocol, header) = match u8_at(data, 0)? {
        short if short & 1 == 1 => (u16::from(short), 1),
        _ => (u16_at(data, 0)?, 2),
    };
    match protocol {
        0x21 | 0x57 => next(Layer::Ip, data, header),
        0x281 | 0x283 => next(Layer::Mpls, data, header),
        0x31 => next(Layer::Ethernet, data, header.saturating_add(2)),
        0x53 => Err(Tally::PacketEncrypted),
        _ => Err(Tally::PacketNotIp),
    }
}

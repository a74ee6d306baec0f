//! Packets inside packets: GRE and its kin, and what is carried in UDP.
//!
//! Any UDP payload may look like a tunnel. A port says which kind is tried, the header must be consistent, and everything
//! below must be too ([`Walk::doubtful`]): else it is plain UDP. Read first: RFC 2784, RFC 2890, RFC 2637 (GRE), RFC 7348
//! (VXLAN), RFC 8926 (Geneve), 3GPP TS 29.281 section 5 (GTP-U), RFC 4380 section 5.1.1 (Teredo), RFC 2661 section 3.1 (L2TP),
//! draft-foschiano-erspan.

use super::walk::{Hosts, Layer, Step, Walk, next};
use super::{rest, u8_at, u16_at};
use crate::cleartext::quic;
use crate::tally::Tally;

/// Bytes of a UDP header.
const UDP_HEADER: usize = 8;

/// GRE (RFC 2784, RFC 2890), version 1 as PPTP uses it (RFC 2637), and what vendors put into it.
pub(super) fn gre(data: &[u8]) -> Result<Step<'_>, Tally> {
    let flags = u16_at(data, 0)?;
    let kind = u16_at(data, 2)?;
    let field = |bit: u16| if flags & bit == 0 { 0_usize } else { 4 };
    let (key, sequence) = (field(0x2000), field(0x1000));
    if flags & 7 == 1 {
        // Payload length and call id, sequence number, acknowledgement number.
        let header = 4_usize
            .saturating_add(key)
            .saturating_add(sequence)
            .saturating_add(field(0x0080));
        return match kind {
            0x880b => next(Layer::Ppp, data, header),
            _ => Err(Tally::PacketNotTcp),
        };
    }
    // Checksum and routing share their word; a source route (RFC 1701) is not followed.
    if flags & 0x4000 != 0 {
        return Err(Tally::PacketNotTcp);
    }
    let header = 4_usize
        .saturating_add(field(0x8000))
        .saturating_add(key)
        .saturating_add(sequence);
    match kind {
        // ERSPAN type I has no header of its own, type II has one of 8 bytes; the sequence number tells them apart.
        0x88be if sequence == 0 => next(Layer::Ethernet, data, header),
        0x88be => next(Layer::Ethernet, data, header.saturating_add(8)),
        // Type III: 12 bytes, and 8 more if the last bit says so.
        0x22eb => {
            let optional = u8_at(data, header.saturating_add(11))? & 1;
            let extra = if optional == 1 { 20 } else { 12 };
            next(Layer::Ethernet, data, header.saturating_add(extra))
        }
        // Aruba access points.
        0x8200..=0x83ff | 0x9000 => next(Layer::Radio, data, header),
        // WCCP may put a redirect header of 4 bytes before the packet.
        0x883e => {
            let inside = rest(data, header)?;
            let redirect = if u8_at(inside, 0)? >> 4 == 4 { 0 } else { 4 };
            next(Layer::Ip, inside, redirect)
        }
        _ => next(Layer::Type(kind), data, header),
    }
}

/// Network service header (RFC 8300 section 2.2).
pub(super) fn nsh(data: &[u8]) -> Result<Step<'_>, Tally> {
    let header = usize::from(u8_at(data, 1)? & 0x3f).saturating_mul(4);
    if header < 8 {
        return Err(Tally::PacketMalformed);
    }
    let layer = match u8_at(data, 3)? {
        1 | 2 => Layer::Ip,
        3 => Layer::Ethernet,
        4 => Layer::Nsh,
        5 => Layer::Mpls,
        _ => return Err(Tally::PacketNotIp),
    };
    next(layer, data, header)
}

/// `L2TPv3` directly over IP (RFC 3931 section 4.1.1): session 0 is control; Ethernet is what is carried, after a cookie whose
/// length only the ends know.
pub(super) fn l2tpv3(data: &[u8]) -> Result<Step<'_>, Tally> {
    if data.get(..4).is_none_or(|session| session == [0; 4]) {
        return Err(Tally::PacketNotTcp);
    }
    for cookie in [4_usize, 8, 12, 16] {
        let frame = rest(data, cookie)?;
        if matches!(u16_at(frame, 12), Ok(0x0800))
            && frame.get(14).is_some_and(|byte| byte >> 4 == 4)
            || matches!(u16_at(frame, 12), Ok(0x86dd))
                && frame.get(14).is_some_and(|byte| byte >> 4 == 6)
        {
            return next(Layer::Ethernet, frame, 0);
        }
    }
    Err(Tally::PacketNotTcp)
}

/// A UDP datagram: a tunnel if the port says so and all of it fits.
pub(super) fn udp<'a>(
    walk: &mut Walk<'_>,
    hosts: Hosts,
    data: &'a [u8],
) -> Result<Step<'a>, Tally> {
    let (from, to) = (u16_at(data, 0)?, u16_at(data, 2)?);
    let length = usize::from(u16_at(data, 4)?);
    let whole = data.get(..length).filter(|_| length >= UDP_HEADER);
    let payload = rest(whole.unwrap_or(data), UDP_HEADER)?;
    let ports = walk.settings;
    let step = match () {
        () if ports.vxlan.has(to) => vxlan(payload),
        () if ports.geneve.has(to) => geneve(payload),
        () if ports.gtpu.has(to) || ports.gtpu.has(from) => gtpu(payload),
        () if ports.teredo.has(to) || ports.teredo.has(from) => teredo(payload),
        () if ports.vxlan_gpe.has(to) => vxlan_gpe(payload),
        () if ports.gre.has(to) => next(Layer::Gre, payload, 0),
        () if ports.mpls.has(to) => next(Layer::Mpls, payload, 0),
        () if ports.ayiya.has(to) || ports.ayiya.has(from) => ayiya(payload),
        () if ports.l2tp.has(to) || ports.l2tp.has(from) => l2tp(payload),
        // Gateways put it on ports of their own: its header and an IP header that agree on every length are no accident.
        () if is_gtpu_throughout(payload) => gtpu(payload),
        () if quic::is_long(payload) => return Ok(Step::Quic(hosts, (from, to), payload)),
        () => Err(Tally::PacketNotTcp),
    };
    walk.doubtful = true;
    step.map_err(|_| Tally::PacketNotTcp)
}

/// RFC 7348 section 5. Reserved bits must be ignored on receipt, and are.
pub(super) fn vxlan(data: &[u8]) -> Result<Step<'_>, Tally> {
    if u8_at(data, 0)? & 0x08 == 0 {
        return Err(Tally::PacketNotTcp);
    }
    next(Layer::Ethernet, data, 8)
}

/// draft-ietf-nvo3-vxlan-gpe section 3.
fn vxlan_gpe(data: &[u8]) -> Result<Step<'_>, Tally> {
    let flags = u8_at(data, 0)?;
    if flags & 0x04 == 0 {
        return vxlan(data);
    }
    let layer = match u8_at(data, 3)? {
        1 | 2 => Layer::Ip,
        3 => Layer::Ethernet,
        4 => Layer::Nsh,
        5 => Layer::Mpls,
        _ => return Err(Tally::PacketNotTcp),
    };
    next(layer, data, 8)
}

/// RFC 8926 section 3.4: version 0, options in units of 4 bytes.
pub(super) fn geneve(data: &[u8]) -> Result<Step<'_>, Tally> {
    let first = u8_at(data, 0)?;
    if first >> 6 != 0 {
        return Err(Tally::PacketNotTcp);
    }
    let header = usize::from(first & 0x3f)
        .saturating_mul(4)
        .saturating_add(8);
    next(Layer::Type(u16_at(data, 2)?), data, header)
}

/// 3GPP TS 29.281 section 5.1: version 1, a G-PDU, extension headers.
fn gtpu(data: &[u8]) -> Result<Step<'_>, Tally> {
    let flags = u8_at(data, 0)?;
    if flags & 0xf0 != 0x30 || u8_at(data, 1)? != 0xff {
        return Err(Tally::PacketNotTcp);
    }
    let mut at = 8_usize;
    if flags & 7 != 0 {
        at = 12;
        let mut extension = u8_at(data, 11)?;
        while flags & 4 != 0 && extension != 0 {
            let length = usize::from(u8_at(data, at)?).saturating_mul(4);
            if length == 0 {
                return Err(Tally::PacketNotTcp);
            }
            at = at.saturating_add(length);
            extension = u8_at(data, at.saturating_sub(1))?;
        }
    }
    next(Layer::Ip, data, at)
}

/// A GTP-U header and an IPv4 header that agree with each other and with the datagram to the byte.
fn is_gtpu_throughout(data: &[u8]) -> bool {
    let Ok(Step::Next(_, inside)) = gtpu(data) else {
        return false;
    };
    let says = u16_at(data, 2)
        .ok()
        .map(|length| usize::from(length).saturating_add(8));
    let inner = u16_at(inside, 2).ok().map(usize::from);
    says == Some(data.len())
        && inner == Some(inside.len())
        && inside
            .first()
            .is_some_and(|byte| matches!(byte, 0x45..=0x4f))
}

/// RFC 4380 section 5.1.1: authentication and origin indications may stand before the IPv6 packet.
fn teredo(data: &[u8]) -> Result<Step<'_>, Tally> {
    let mut at = 0_usize;
    if let [0, 1, id, auth, ..] = data {
        at = usize::from(*id)
            .saturating_add(usize::from(*auth))
            .saturating_add(13);
    }
    if u16_at(data, at)? == 0 {
        at = at.saturating_add(8);
    }
    if u8_at(data, at)? >> 4 != 6 {
        return Err(Tally::PacketNotTcp);
    }
    next(Layer::Ip, data, at)
}

/// draft-massar-v6ops-ayiya section 3: lengths in a nibble each, operation `forward`.
fn ayiya(data: &[u8]) -> Result<Step<'_>, Tally> {
    let identity = 1_usize << (u8_at(data, 0)? >> 4);
    let signature = usize::from(u8_at(data, 1)? >> 4).saturating_mul(4);
    let forward = u8_at(data, 2)? & 0x0f == 1;
    let layer = match u8_at(data, 3)? {
        4 | 41 => Layer::Ip,
        _ => return Err(Tally::PacketNotTcp),
    };
    if !forward {
        return Err(Tally::PacketNotTcp);
    }
    next(
        layer,
        data,
        identity.saturating_add(signature).saturating_add(8),
    )
}

/// RFC 2661 section 3.1, version 2, data messages: optional length, sequence numbers, offset; then PPP.
fn l2tp(data: &[u8]) -> Result<Step<'_>, Tally> {
    let flags = u16_at(data, 0)?;
    if flags & 0x8000 != 0 || flags & 0x000f != 2 {
        return Err(Tally::PacketNotTcp);
    }
    let mut at = 6_usize;
    if flags & 0x4000 != 0 {
        at = at.saturating_add(2);
    }
    if flags & 0x0800 != 0 {
        at = at.saturating_add(4);
    }
    if flags & 0x0200 != 0 {
        at = at
            .saturating_add(usize::from(u16_at(data, at)?))
            .saturating_add(2);
    }
    next(Layer::Ppp, data, at)
}

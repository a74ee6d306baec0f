//! IEEE 802.11 data frames, and the headers that capture programs put before them.
//!
//! Read: IEEE 802.11-2020 section 9.2.4 and 9.3.2, radiotap.org. Protected frames are counted as encrypted. Of an A-MSDU the
//! first subframe is read. Frames fragmented on the air are not put together.

use super::walk::{Layer, Step, next};
use super::{rest, u8_at};
use crate::tally::Tally;

/// A frame, from its frame control field on.
pub(super) fn frame(data: &[u8]) -> Result<Step<'_>, Tally> {
    let (control, flags) = (u8_at(data, 0)?, u8_at(data, 1)?);
    // Version 0, type data; the bit of subtypes without data.
    if control & 0x0f != 0x08 || control & 0x40 != 0 {
        return Err(Tally::PacketNotIp);
    }
    if flags & 0x40 != 0 {
        return Err(Tally::PacketEncrypted);
    }
    if flags & 0x04 != 0 || u8_at(data, 22)? & 0x0f != 0 {
        return Err(Tally::PacketFragment);
    }
    let mut header = 24_usize;
    if flags & 0x03 == 0x03 {
        header = header.saturating_add(6);
    }
    let mut aggregate = false;
    if control & 0x80 != 0 {
        aggregate = u8_at(data, header)? & 0x80 != 0;
        header = header.saturating_add(2);
        if flags & 0x80 != 0 {
            header = header.saturating_add(4);
        }
    }
    if aggregate {
        // Destination, source, length.
        header = header.saturating_add(14);
    }
    next(Layer::Llc, data, header)
}

/// Radiotap: a little-endian length, and fields of which only the flags matter.
pub(super) fn radiotap(data: &[u8]) -> Result<Step<'_>, Tally> {
    let length = usize::from(u16_le(data, 2)?);
    if length < 8 {
        return Err(Tally::PacketMalformed);
    }
    let frame = rest(data, length)?;
    // Bytes between header and payload, to a multiple of four.
    match radiotap_flags(data) {
        Some(flags) if flags & 0x20 != 0 => padded(frame),
        _ => next(Layer::Radio, frame, 0),
    }
}

/// The flags field: the second one, behind the time stamp if there is one.
fn radiotap_flags(data: &[u8]) -> Option<u8> {
    let mut at = 4_usize;
    let first = u32_le(data, at).ok()?;
    let mut present = first;
    while present & 0x8000_0000 != 0 {
        at = at.checked_add(4)?;
        present = u32_le(data, at).ok()?;
    }
    at = at.checked_add(4)?;
    if first & 1 != 0 {
        at = at.checked_next_multiple_of(8)?.checked_add(8)?;
    }
    if first & 2 == 0 {
        return None;
    }
    data.get(at).copied()
}

/// A frame whose header is padded: the payload begins two bytes later if the header is not a multiple of four.
fn padded(frame_bytes: &[u8]) -> Result<Step<'_>, Tally> {
    match frame(frame_bytes)? {
        Step::Next(layer, payload) => {
            let header = frame_bytes.len().saturating_sub(payload.len());
            let padding = header.wrapping_neg() & 3;
            next(layer, payload, padding)
        }
        other @ (Step::Fragment(_) | Step::Tcp(..) | Step::Quic(..)) => Ok(other),
    }
}

/// Prism, or AVS where its magic number says so.
pub(super) fn prism(data: &[u8]) -> Result<Step<'_>, Tally> {
    if data.starts_with(&[0x80, 0x21, 0x10]) {
        return avs(data);
    }
    let length = usize::try_from(u32_le(data, 4)?).map_err(|_| Tally::PacketMalformed)?;
    next(Layer::Radio, data, length)
}

/// AVS: a length in network order.
pub(super) fn avs(data: &[u8]) -> Result<Step<'_>, Tally> {
    let bytes = data.get(4..).and_then(<[u8]>::first_chunk::<4>);
    let length = bytes.map(|bytes| u32::from_be_bytes(*bytes));
    let length = length.and_then(|length| usize::try_from(length).ok());
    next(Layer::Radio, data, length.ok_or(Tally::PacketMalformed)?)
}

pub(super) fn u16_le(data: &[u8], at: usize) -> Result<u16, Tally> {
    let pair = data.get(at..).and_then(<[u8]>::first_chunk::<2>);
    pair.map(|pair| u16::from_le_bytes(*pair))
        .ok_or(Tally::PacketMalformed)
}

pub(super) fn u32_le(data: &[u8], at: usize) -> Result<u32, Tally> {
    let bytes = data.get(at..).and_then(<[u8]>::first_chunk::<4>);
    bytes
        .map(|bytes| u32::from_le_bytes(*bytes))
        .ok_or(Tally::PacketMalformed)
}

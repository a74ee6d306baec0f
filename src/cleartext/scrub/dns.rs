//! Names and addresses in DNS messages, mapped at equal length (RFC 1035 section 4). What is not understood becomes filler.

use super::FILLER;
use super::address::Addresses;

/// Length of the header.
const HEADER: usize = 12;
/// Records looked at in one message.
const MAX_RECORDS: u32 = 256;

/// Rewrites a message in place.
pub(super) fn rewrite(message: &mut [u8], addresses: &mut Addresses) {
    let done = sections(message, addresses).unwrap_or(0);
    if let Some(rest) = message.get_mut(done..) {
        rest.fill(FILLER);
    }
}

/// Gives how far the message was understood.
fn sections(message: &mut [u8], addresses: &mut Addresses) -> Option<usize> {
    let count = |at: usize| -> Option<u32> {
        let pair = message.get(at..)?.first_chunk::<2>()?;
        Some(u32::from(u16::from_be_bytes(*pair)))
    };
    let questions = count(4)?;
    let records = count(6)?.checked_add(count(8)?)?.checked_add(count(10)?)?;
    if questions.checked_add(records)? > MAX_RECORDS {
        return None;
    }
    let mut at = HEADER;
    for _ in 0..questions {
        let Some(end) = name(message, at, addresses).and_then(|end| end.checked_add(4)) else {
            return Some(at);
        };
        at = end;
    }
    for _ in 0..records {
        match record(message, at, addresses) {
            Some(end) => at = end,
            None => return Some(at.min(message.len())),
        }
    }
    Some(at.min(message.len()))
}

/// Maps the labels of a name; gives where it ends.
fn name(message: &mut [u8], mut at: usize, addresses: &Addresses) -> Option<usize> {
    loop {
        let length = usize::from(*message.get(at)?);
        let start = at.checked_add(1)?;
        match length {
            0 => return Some(start),
            // A pointer to labels that were mapped where they stand.
            192..=255 => return start.checked_add(1).filter(|end| *end <= message.len()),
            1..=63 => {
                let end = start.checked_add(length)?;
                addresses.label(message.get_mut(start..end)?);
                at = end;
            }
            _ => return None,
        }
    }
}

/// Maps a resource record; gives where it ends.
fn record(message: &mut [u8], at: usize, addresses: &mut Addresses) -> Option<usize> {
    let fixed = name(message, at, addresses)?;
    let [kind_hi, kind_lo, _, _, _, _, _, _, len_hi, len_lo] =
        *message.get(fixed..)?.first_chunk()?;
    let kind = u16::from_be_bytes([kind_hi, kind_lo]);
    let start = fixed.checked_add(10)?;
    let end = start.checked_add(usize::from(u16::from_be_bytes([len_hi, len_lo])))?;
    let data = message.get_mut(start..end)?;
    match (kind, data.len()) {
        (1, 4) => {
            let place = data.first_chunk_mut::<4>()?;
            *place = addresses.v4(*place);
        }
        (28, 16) => {
            let place = data.first_chunk_mut::<16>()?;
            *place = addresses.v6(*place);
        }
        // NS, CNAME, PTR: one name.
        (2 | 5 | 12, _) => {
            name(message, start, addresses).filter(|stop| *stop == end)?;
        }
        _ => data.fill(FILLER),
    }
    Some(end)
}

//! Certificates: the structure of DER stays (ITU-T X.690), with object identifiers; names and addresses are mapped, dates
//! become one date, and keys, serial numbers and signatures become filler.

use super::FILLER;
use super::address::Addresses;

/// Nesting looked into; what lies deeper becomes filler.
const DEEPEST: u8 = 24;
/// Integers up to this length are versions and public exponents, longer ones are serial numbers and moduli (bytes).
const LONGEST_NUMBER: usize = 3;
/// Longest object identifier that stays (bytes).
const LONGEST_IDENTIFIER: usize = 32;
/// What every date becomes: the whole of it in `GeneralizedTime`, all but the century in `UTCTime`.
const DATE: &[u8; 15] = b"20250101000000Z";

/// Rewrites values in place.
pub(super) fn rewrite(bytes: &mut [u8], addresses: &mut Addresses) {
    values(bytes, 0, addresses);
}

fn values(bytes: &mut [u8], depth: u8, addresses: &mut Addresses) {
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.get_mut(at..).unwrap_or_default();
        let Some((tag, start, end)) = header(rest).filter(|_| depth < DEEPEST) else {
            rest.fill(FILLER);
            return;
        };
        if let Some(content) = rest.get_mut(start..end) {
            value(tag, content, depth.saturating_add(1), addresses);
        }
        at = at.saturating_add(end);
    }
}

/// The tag, and where the content lies.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let [tag, first, rest @ ..] = bytes else {
        return None;
    };
    // Tags of several bytes do not occur in certificates.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (start, len) = match first {
        0..=127 => (2_usize, usize::from(*first)),
        129..=131 => {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count)?;
            let len = digits.iter().fold(0_usize, |sum, byte| {
                sum.wrapping_shl(8) | usize::from(*byte)
            });
            (count.checked_add(2)?, len)
        }
        _ => return None,
    };
    let end = start.checked_add(len)?;
    (end <= bytes.len()).then_some((*tag, start, end))
}

/// Whether these bytes are values of DER and nothing else.
fn is_der(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((_, _, end)) = header(rest) {
        rest = rest.get(end..).unwrap_or_default();
    }
    rest.is_empty() && !bytes.is_empty()
}

fn value(tag: u8, content: &mut [u8], depth: u8, addresses: &mut Addresses) {
    let len = content.len();
    match tag {
        // Constructed: of other values.
        _ if tag & 0x20 != 0 => values(content, depth, addresses),
        // BOOLEAN, NULL.
        1 | 5 if len <= 1 => {}
        // INTEGER, BIT STRING of flags.
        2 | 3 if len <= LONGEST_NUMBER => {}
        // A key, perhaps with its own structure behind the count of unused bits.
        3 => wrapped(content.get_mut(1..).unwrap_or_default(), depth, addresses),
        4 => wrapped(content, depth, addresses),
        6 if len <= LONGEST_IDENTIFIER => {}
        // Strings of all kinds; in names of the subject: mail, host, URI.
        12 | 18..=22 | 26..=30 | 0x81 | 0x82 | 0x86 => addresses.host(content),
        23 | 24 => date(content),
        0x87 => address(content, addresses),
        _ => content.fill(FILLER),
    }
}

fn wrapped(content: &mut [u8], depth: u8, addresses: &mut Addresses) {
    if is_der(content) {
        values(content, depth, addresses);
    } else {
        content.fill(FILLER);
    }
}

fn date(content: &mut [u8]) {
    let same = DATE.len().checked_sub(content.len());
    match same.and_then(|skip| DATE.get(skip..)) {
        Some(date) if matches!(date.len(), 13 | 15) => content.copy_from_slice(date),
        _ => content.fill(b'0'),
    }
}

fn address(content: &mut [u8], addresses: &mut Addresses) {
    if let Ok(v4) = <[u8; 4]>::try_from(&*content) {
        content.copy_from_slice(&addresses.v4(v4));
    } else if let Ok(v6) = <[u8; 16]>::try_from(&*content) {
        content.copy_from_slice(&addresses.v6(v6));
    } else {
        content.fill(FILLER);
    }
}

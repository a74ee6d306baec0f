//! Text that base64 or hex has wrapped: unwrapped if it is printable, then judged like any other text.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Found, Unwrapped};
use crate::cleartext::mask::bytes::{BASE62, Set, before, cut, hex, minus, plus, skip_set};

/// Shorter texts wrap nothing worth a look.
const SHORTEST: usize = 16;
/// Longer ones are looked into up to here.
const LONGEST: usize = 65_536;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// If the text at `start` wraps something sensitive, all of it.
pub(super) fn unwrap(text: &[u8], start: usize, unwrapped: Unwrapped<'_>) -> Option<Found> {
    // Only from the true start of such a run: from each of its words on, the work would be quadratic.
    if ALPHABET.has(before(text, start)) {
        return None;
    }
    let end = skip_set(text, start, ALPHABET, LONGEST);
    let run = cut(text, start, end);
    if run.len() < SHORTEST {
        return None;
    }
    let inner = decode(run)?;
    let slot = unwrapped(&inner)?;
    let padding = cut(text, end, plus(end, 2))
        .iter()
        .take_while(|b| **b == b'=')
        .count();
    Some(Found {
        start,
        end: plus(end, padding),
        slot,
    })
}

/// Of base64 and base64url (RFC 4648 sections 4 and 5); hex lies within.
const ALPHABET: Set = BASE62.and(Set::of(b"+/-_"));

/// The printable text inside, from base64, base64url or hex.
pub(in crate::cleartext::mask) fn decode(run: &[u8]) -> Option<Vec<u8>> {
    if run.len().is_multiple_of(2) && run.iter().all(u8::is_ascii_hexdigit) {
        let pair = |pair: &[u8]| Some(hex(*pair.first()?)? << 4 | hex(*pair.get(1)?)?);
        let probe = pair(run)?;
        if !is_text(probe) {
            return None;
        }
        let bytes: Option<Vec<u8>> = run.chunks_exact(2).map(pair).collect();
        return bytes.filter(|bytes| is_printable(bytes));
    }
    let url = run.iter().any(|b| matches!(b, b'-' | b'_'));
    let engine = if url { URL } else { PLAIN };
    // Twelve bytes tell random data from text; most candidates end here.
    let mut probe = [0_u8; 12];
    let probed = engine
        .decode_slice(cut(run, 0, SHORTEST), &mut probe)
        .ok()?;
    let head = cut(&probe, 0, probed);
    if head.iter().filter(|b| !is_text(**b)).count() > 1 {
        return None;
    }
    let whole = cut(run, 0, minus(run.len(), usize::from(run.len() % 4 == 1)));
    engine
        .decode(whole)
        .ok()
        .filter(|bytes| is_printable(bytes))
}

/// Any bytes inside base64 or base64url, with or without padding and line breaks.
pub(in crate::cleartext::mask) fn unwrap_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let run: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let end = run
        .iter()
        .rposition(|b| *b != b'=')
        .map_or(0, |i| plus(i, 1));
    let run = cut(&run, 0, end);
    let url = run.iter().any(|b| matches!(b, b'-' | b'_'));
    let engine = if url { URL } else { PLAIN };
    let whole = cut(run, 0, minus(run.len(), usize::from(run.len() % 4 == 1)));
    engine.decode(whole).ok()
}

const fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 128..)
}

/// At least 85 of 100 bytes are printable, and it is UTF-8.
fn is_printable(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|b| !is_text(**b)).count();
    std::str::from_utf8(bytes).is_ok() && odd.saturating_mul(100) <= bytes.len().saturating_mul(15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwraps_text_and_leaves_noise() {
        assert_eq!(
            decode(b"eyJuIjoxLCJhIjoiYiJ9").unwrap(),
            br#"{"n":1,"a":"b"}"#
        );
        assert_eq!(
            decode(b"68656c6c6f20776f726c64212121").unwrap(),
            b"hello world!!!"
        );
        assert_eq!(decode(b"7403c538163452c6bf46b67997b4957a"), None);
        assert_eq!(decode(b"kFj3Kd0sPq9ZxVb2LmN7"), None);
    }
}

//! Everything that a reader may take a text for, and the canaries in it. Written apart from the code under test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How every canary begins...
pub(crate) const HEAD: &str = "c4n7ry9wqk";
/// ...and ends: what leaves either behind leaks.
pub(crate) const TAIL: &str = "5vdyr7n4cz";

/// Rounds of decoding.
const ROUNDS: usize = 4;
/// What is shown around a finding (bytes).
const AROUND: usize = 60;

/// Canaries in any view of `text`, with what is around them.
pub(crate) fn canaries(text: &[u8]) -> Vec<String> {
    let needles: Vec<Vec<u8>> = [HEAD, TAIL].iter().flat_map(|word| forms(word)).collect();
    let (mut found, mut view) = (Vec::new(), text.to_vec());
    for _ in 0..=ROUNDS {
        for plain in [view.to_ascii_lowercase(), view.clone()] {
            for needle in &needles {
                for at in memchr::memmem::find_iter(&plain, needle) {
                    let from = at.saturating_sub(AROUND);
                    let to = (at + needle.len() + AROUND).min(plain.len());
                    found.push(String::from_utf8_lossy(&plain[from..to]).into_owned());
                }
            }
        }
        if !found.is_empty() {
            break;
        }
        for decode in [backslashes, percents, entities, quoted] {
            view = decode(&view);
        }
    }
    found
}

/// A word as it is, in hex, backwards, and within base64 at each of its places.
fn forms(word: &str) -> Vec<Vec<u8>> {
    let hex: String = word.bytes().map(|b| format!("{b:02x}")).collect();
    let backwards: String = word.chars().rev().collect();
    let mut all = vec![word.to_owned(), hex, backwards];
    for shift in 0..3 {
        let padded = [&"xx"[..shift], word].concat();
        let coded = STANDARD_NO_PAD.encode(&padded);
        // Only what depends on the word alone: not the bits it shares with what is before and behind.
        let end = padded.len() / 3 * 4;
        all.push(coded[(shift * 8).div_ceil(6)..end].to_owned());
    }
    all.into_iter().map(String::into_bytes).collect()
}

fn hex(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Decodes every escape that `escape` finds at a place: its character and its length.
fn decoded(text: &[u8], escape: impl Fn(&[u8]) -> Option<(u32, usize)>) -> Vec<u8> {
    let (mut out, mut i) = (Vec::with_capacity(text.len()), 0);
    while i < text.len() {
        match escape(&text[i..]) {
            Some((code, len)) => {
                let character = char::from_u32(code).unwrap_or('?');
                out.extend(character.to_string().bytes());
                i += len;
            }
            None => {
                out.push(text[i]);
                i += 1;
            }
        }
    }
    out
}

fn backslashes(text: &[u8]) -> Vec<u8> {
    decoded(text, |text| match text {
        [b'\\', b'u', a, b, c, d, ..] => Some((hex(&[*a, *b, *c, *d])?, 6)),
        [b'\\', b'x', a, b, ..] => Some((hex(&[*a, *b])?, 4)),
        [b'\\', b'n' | b'r' | b't', ..] => Some((10, 2)),
        [b'\\', other, ..] => Some((u32::from(*other), 2)),
        _ => None,
    })
}

fn percents(text: &[u8]) -> Vec<u8> {
    decoded(text, |text| match text {
        [b'%', a, b, ..] => Some((hex(&[*a, *b])?, 3)),
        _ => None,
    })
}

fn entities(text: &[u8]) -> Vec<u8> {
    decoded(text, |text| {
        let end = text.iter().take(10).position(|b| *b == b';')?;
        let code = match &text[..end] {
            [b'&', b'#', b'x' | b'X', digits @ ..] => hex(digits)?,
            [b'&', b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok()?,
            b"&amp" => u32::from(b'&'),
            b"&commat" => u32::from(b'@'),
            _ => return None,
        };
        Some((code, end + 1))
    })
}

fn quoted(text: &[u8]) -> Vec<u8> {
    decoded(text, |text| match text {
        [b'=', a, b, ..] => Some((hex(&[*a, *b])?, 3)),
        _ => None,
    })
}

#[test]
fn the_search_is_not_blind() {
    let word = format!("{HEAD}1234{TAIL}");
    for text in [
        word.clone(),
        word.to_uppercase(),
        word.bytes().map(|b| format!("%{b:02X}")).collect(),
        word.bytes().map(|b| format!("%25{b:02x}")).collect(),
        word.bytes().map(|b| format!("\\\\u{b:04x}")).collect(),
        word.bytes().map(|b| format!("&#x{b:x};")).collect(),
        word.bytes().map(|b| format!("&#{b};")).collect(),
        word.bytes().map(|b| format!("={b:02X}")).collect(),
        word.bytes().map(|b| format!("{b:02x}")).collect(),
        word.chars().rev().collect(),
        STANDARD_NO_PAD.encode(&word),
        STANDARD_NO_PAD.encode(format!("a{word}")),
        STANDARD_NO_PAD.encode(format!("ab{word}")),
        TAIL.to_owned(),
    ] {
        let found = canaries(format!("x {text} y").as_bytes());
        assert!(!found.is_empty(), "{text}");
    }
    assert!(canaries(b"nothing at all").is_empty());
}

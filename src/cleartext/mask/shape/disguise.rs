//! Digits and signs in disguise: full-width and Arabic digits, zero-width characters, spaces and dashes of other kinds.
//!
//! Such a text is looked at in its plain form; what is found there is found in the text.

use super::{Found, FoundList};
use crate::cleartext::mask::bytes::{HIGH, class, cut, minus, plus};

/// What stands for characters that are not to be seen at all.
const NOTHING: u8 = 0;

/// What a disguised character stands for.
fn plain(character: char) -> Option<u8> {
    let digit = |zero: u32| {
        u32::from(character)
            .checked_sub(zero)
            .and_then(|n| u8::try_from(n).ok())
            .map(|n| n.wrapping_add(b'0'))
    };
    match character {
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => Some(NOTHING),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => Some(b' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some(b'-'),
        '\u{660}'..='\u{669}' => digit(0x660),
        '\u{6f0}'..='\u{6f9}' => digit(0x6f0),
        '\u{966}'..='\u{96f}' => digit(0x966),
        // Full-width forms of U+0021 to U+007E.
        '\u{ff01}'..='\u{ff5e}' => u32::from(character)
            .checked_sub(0xfee0)
            .and_then(|code| u8::try_from(code).ok()),
        _ => None,
    }
}

/// The lead bytes of all of them.
const LEADS: [u8; 7] = [0xc2, 0xd9, 0xdb, 0xe0, 0xe2, 0xe3, 0xef];

/// Fewer digits than this are no number, whatever stands between them.
const FEWEST_DIGITS: usize = 2;

/// Whether a text that is not all ASCII has any character in disguise that may hide something by itself. Spaces and dashes
/// of other kinds do not: they are in every other text, and matter only between digits.
pub(super) fn is_in(text: &[u8]) -> bool {
    has(text, |byte| !matches!(byte, b' ' | b'-'))
}

fn has(text: &[u8], which: fn(u8) -> bool) -> bool {
    text.iter().any(|b| LEADS.contains(b))
        && text.utf8_chunks().any(|chunk| {
            let mut characters = chunk.valid().chars();
            characters.any(|character| plain(character).is_some_and(which))
        })
}

/// Whether a text reads differently in its plain form.
fn differs(text: &[u8]) -> bool {
    let digits = text
        .iter()
        .filter(|b| b.is_ascii_digit())
        .take(FEWEST_DIGITS);
    is_in(text) || (digits.count() >= FEWEST_DIGITS && has(text, |_| true))
}

/// A text in its plain form.
pub(super) struct Plain {
    pub(super) text: Vec<u8>,
    /// Where each byte of `text` stands in the original.
    from: Vec<usize>,
}

impl Plain {
    /// The plain form of `text`, if there is anything in disguise in it.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        if !text.iter().any(|b| class(*b) == HIGH) || !differs(text) {
            return None;
        }
        let mut all = Self {
            text: Vec::with_capacity(text.len()),
            from: Vec::with_capacity(text.len()),
        };
        let mut start = 0;
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                let len = character.len_utf8();
                match plain(character) {
                    Some(NOTHING) => {}
                    Some(byte) => all.push(&[byte], start),
                    None => all.push(cut(text, start, plus(start, len)), start),
                }
                start = plus(start, len);
            }
            all.push(chunk.invalid(), start);
            start = plus(start, chunk.invalid().len());
        }
        all.from.push(text.len());
        Some(all)
    }

    fn push(&mut self, bytes: &[u8], start: usize) {
        self.text.extend_from_slice(bytes);
        self.from.extend((0..bytes.len()).map(|i| plus(start, i)));
    }

    /// What was found in the plain form, as stretches of the original.
    pub(super) fn back(&self, found: &mut FoundList) {
        let place = |i: usize| self.from.get(i).copied().unwrap_or(0);
        for one in found.iter_mut() {
            let Found { start, end, slot } = *one;
            // Up to where the next character begins: what is not to be seen goes with the value before it.
            let last = self
                .from
                .get(end)
                .or(self.from.last())
                .copied()
                .unwrap_or(0);
            *one = Found {
                start: place(start),
                end: last.max(plus(place(minus(end, 1)), 1)),
                slot,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_forms_point_back() {
        let text = "a４１\u{200b}1".as_bytes();
        let plain = Plain::of(text).unwrap();
        assert_eq!(plain.text, b"a411");
        let mut found = FoundList::new();
        found.push(Found {
            start: 1,
            end: 4,
            slot: 0,
        });
        plain.back(&mut found);
        assert_eq!((found[0].start, found[0].end), (1, text.len()));
        assert!(Plain::of("größer".as_bytes()).is_none());
    }
}

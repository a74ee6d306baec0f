//! vCards (RFC 6350) and calendars (RFC 5545): properties whose short names say what they are only within a card.

use crate::cleartext::mask::bytes::{ALNUM, at, cut, is, minus, plus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::is_harmless;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::walk::{Stretch, Walk};

/// The longest name of a property with its group.
const LONGEST_NAME: usize = 64;

/// Properties about people, and the names under which they are judged.
const PROPERTIES: [(&[u8], &[u8]); 26] = [
    (b"FN", b"full_name"),
    (b"N", b"full_name"),
    (b"NICKNAME", b"full_name"),
    (b"SORT-STRING", b"full_name"),
    (b"X-PHONETIC-FIRST-NAME", b"full_name"),
    (b"X-PHONETIC-LAST-NAME", b"full_name"),
    (b"AGENT", b"full_name"),
    (b"RELATED", b"full_name"),
    (b"CONTACT", b"full_name"),
    (b"ATTENDEE", b"full_name"),
    (b"ORGANIZER", b"full_name"),
    (b"TEL", b"phone"),
    (b"IMPP", b"username"),
    (b"EMAIL", b"email"),
    (b"ADR", b"street_address"),
    (b"LABEL", b"street_address"),
    (b"BIRTHPLACE", b"street_address"),
    (b"DEATHPLACE", b"street_address"),
    (b"GEO", b"geo_location"),
    (b"BDAY", b"birth_date"),
    (b"DEATHDATE", b"birth_date"),
    (b"ANNIVERSARY", b"birth_date"),
    (b"PHOTO", b"photo"),
    (b"GENDER", b"gender"),
    (b"X-GENDER", b"gender"),
    // What somebody writes about a person.
    (b"NOTE", b"religion"),
];

/// Whether properties of a card are being read.
#[derive(Clone, Copy, Default)]
pub(in crate::cleartext::mask) struct Card {
    open: u8,
}

impl Card {
    /// Whether a card begins anywhere in `text`.
    pub(super) fn is_in(text: &[u8]) -> bool {
        memchr::memchr_iter(b':', text).any(|colon| {
            opens(cut(text, minus(colon, 5), plus(colon, 10)))
                && matches!(at(text, minus(colon, 6)), b'\n' | b'\r' | b'B' | b'b')
        })
    }

    /// Whether a line is part of a card: what opens, closes or is within one.
    pub(in crate::cleartext::mask) fn takes(&mut self, line: &[u8]) -> bool {
        if opens(line) {
            self.open = self.open.saturating_add(1);
            return true;
        }
        if self.open > 0 && starts(line, b"END:V") {
            self.open = self.open.saturating_sub(1);
            return true;
        }
        let fits =
            line.is_empty() || matches!(line.first(), Some(b' ' | b'\t')) || name_len(line) > 0;
        if !fits {
            self.open = 0;
        }
        self.open > 0
    }

    /// Whether lines that begin with white space belong to `line`; what opens or closes is whole.
    pub(in crate::cleartext::mask) fn folds(self, line: &[u8]) -> bool {
        self.open > 0 && !opens(line) && !starts(line, b"END:V")
    }

    /// Whether a card is open.
    pub(in crate::cleartext::mask) const fn is_open(self) -> bool {
        self.open > 0
    }
}

/// `BEGIN:VCARD`, `BEGIN:VEVENT`...
fn opens(line: &[u8]) -> bool {
    starts(line, b"BEGIN:V")
}

fn starts(line: &[u8], with: &[u8]) -> bool {
    cut(line, 0, with.len()).eq_ignore_ascii_case(with)
}

/// How long the name of a property is with its group; 0 if the line is none.
fn name_len(line: &[u8]) -> usize {
    let head = line.iter().take(LONGEST_NAME);
    let len = head
        .take_while(|b| is(**b, ALNUM) || matches!(b, b'-' | b'.' | b'_'))
        .count();
    if matches!(at(line, len), b':' | b';') {
        len
    } else {
        0
    }
}

/// Where the value begins: behind the first colon that is not in quotes.
fn value_start(line: &[u8], from: usize) -> usize {
    let mut quoted = false;
    for (n, byte) in cut(line, from, line.len()).iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b':' if !quoted => return plus(from, plus(n, 1)),
            _ => {}
        }
    }
    line.len()
}

impl Walk<'_> {
    /// A property with its parameters, folded or not.
    pub(in crate::cleartext::mask) fn property(&mut self, buffer: &[u8], line: Stretch) {
        let text = line.of(buffer);
        let len = name_len(text);
        let full = cut(text, 0, len);
        let name = full.rsplit(|b| *b == b'.').next().unwrap_or_default();
        let listed = PROPERTIES
            .iter()
            .find(|(property, _)| property.eq_ignore_ascii_case(name));
        let Some((property, says)) = listed.filter(|_| len > 0) else {
            return self.other_property(buffer, line);
        };
        // People at a meeting are named by parameters too.
        let at = if [&b"ATTENDEE"[..], b"ORGANIZER"].contains(property) {
            plus(len, 1)
        } else {
            value_start(text, len)
        };
        let value = Stretch::new(plus(line.start, at.min(text.len())), line.end);
        let parameters = Stretch::new(plus(line.start, len), value.start);
        self.looks(buffer, parameters);
        let key = self.classify(Space::Field, says);
        let raw = value.of(buffer);
        let says_more = raw.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 128);
        if !says_more || is_harmless(self.rules, raw) {
            return;
        }
        let mark = self.s.enter_name(property, true);
        if key.hits() {
            self.mask(value, key.slot, raw);
        } else {
            self.leaf(buffer, value, Codec::Plain, key);
        }
        self.s.leave(mark);
    }

    /// A property that says nothing by its name. If it is folded, what shows only in one piece masks all of its value.
    fn other_property(&mut self, buffer: &[u8], line: Stretch) {
        let text = line.of(buffer);
        if memchr::memchr2(b'\n', b'\r', text).is_some() {
            let start = plus(line.start, value_start(text, name_len(text)));
            let value = Stretch::new(start.min(line.end), line.end);
            let whole = unfolded(value.of(buffer));
            if let Some(slot) = self.peek(&whole) {
                return self.mask(value, slot, &whole);
            }
        }
        self.running_text(buffer, line, Key::NONE);
    }
}

/// Without the line ends and the white space behind them.
fn unfolded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut folded = false;
    for &byte in text {
        match byte {
            b'\r' | b'\n' => folded = true,
            b' ' | b'\t' if folded => folded = false,
            _ => {
                folded = false;
                out.push(byte);
            }
        }
    }
    out
}

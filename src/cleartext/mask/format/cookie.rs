//! Cookies (RFC 6265): every value is masked, except those of preference cookies. Names and attributes stay.

use crate::cleartext::mask::bytes::{at, minus, plus, rest};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::{Decision, decide};
use crate::cleartext::mask::names::{Key, NO_RULE, Space};
use crate::cleartext::mask::rules::Detector;
use crate::cleartext::mask::validate::opaque;
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

/// The longest value of a preference (bytes).
const LONGEST_PREFERENCE: usize = 32;

impl Walk<'_> {
    /// The value of `Cookie`.
    pub(in crate::cleartext::mask) fn cookies(&mut self, buffer: &[u8], at: Stretch) {
        let mut i = at.start;
        while i < at.end {
            let end = pair_end(buffer, i, at.end);
            self.cookie(buffer, trimmed(buffer, Stretch::new(i, end)));
            i = plus(end, 1);
        }
    }

    /// The value of `Set-Cookie`: the first pair is the cookie, the rest are its attributes.
    pub(in crate::cleartext::mask) fn set_cookie(&mut self, buffer: &[u8], at: Stretch) {
        let end = pair_end(buffer, at.start, at.end);
        self.cookie(buffer, trimmed(buffer, Stretch::new(at.start, end)));
    }

    /// What a cookie falls under. By default none is kept: neither one whose name says what its value does not look like,
    /// nor what calls itself a preference and looks like a key.
    fn cookie_key(&mut self, name: &[u8], value: &[u8]) -> Key {
        let key = self.classify(Space::Cookie, name);
        if key.is(Key::SAFE) {
            return key;
        }
        let any = self.rules.detector(Detector::Cookie);
        let by_default = any.is_some() && Some(key.slot) == any;
        if by_default && key.is(Key::PREFERENCE) && is_preference(value) {
            return Key {
                slot: NO_RULE,
                ..key
            };
        }
        match any {
            Some(slot) if key.hits() && decide(self.rules, key, value) == Decision::Look => {
                Key { slot, ..key }
            }
            _ => key,
        }
    }

    fn cookie(&mut self, buffer: &[u8], at: Stretch) {
        let text = at.of(buffer);
        let (name, value) = match memchr::memchr(b'=', text) {
            Some(equals) => (
                Stretch::new(at.start, plus(at.start, equals)),
                Stretch::new(plus(at.start, plus(equals, 1)), at.end),
            ),
            None => (Stretch::new(at.start, at.start), at),
        };
        let key = self.cookie_key(name.of(buffer), unquoted(buffer, value).of(buffer));
        let mark = self.s.enter(&[name.of(buffer)], key.is(Key::KNOWN));
        self.leaf(buffer, unquoted(buffer, value), Codec::Percent, key);
        self.s.leave(mark);
    }
}

/// Whether a value may be a choice somebody made: short, and not random.
fn is_preference(value: &[u8]) -> bool {
    value.len() <= LONGEST_PREFERENCE && !opaque(value)
}

fn pair_end(buffer: &[u8], start: usize, end: usize) -> usize {
    let len = rest(buffer, start)
        .iter()
        .take(minus(end, start))
        .take_while(|b| **b != b';')
        .count();
    plus(start, len)
}

fn unquoted(buffer: &[u8], stretch: Stretch) -> Stretch {
    let quoted = minus(stretch.end, stretch.start) >= 2
        && at(buffer, stretch.start) == b'"'
        && at(buffer, minus(stretch.end, 1)) == b'"';
    if quoted {
        Stretch::new(plus(stretch.start, 1), minus(stretch.end, 1))
    } else {
        stretch
    }
}

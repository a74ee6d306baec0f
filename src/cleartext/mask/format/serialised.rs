//! What `serialize` of PHP writes: `a:1:{s:8:"password";s:6:"hunter";}`, also piece by piece, and in sessions
//! (`password|s:6:"hunter";`).

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{ALNUM, JOIN, at, before, cut, find, is, minus, plus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::{Decision, decide};
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::walk::{Stretch, Walk};

use super::text::Taken;

/// The most digits of a length or a number that are read.
const MOST_DIGITS: usize = 24;
/// The longest string whose length is not what it says.
const LONGEST_VALUE: usize = 8_192;
/// So far the end of such a string is looked for in earnest.
const NEAR: usize = 256;
/// The longest name.
const LONGEST_NAME: usize = 96;
/// Arrays within arrays that are told apart.
const DEEPEST: usize = 32;

/// What stands at a place.
#[derive(Clone, Copy)]
enum Token {
    /// A string, between its quotes.
    Text(Stretch),
    /// A number.
    Number(Stretch),
    /// An array or object opens.
    Open,
}

/// An array or object that is open.
#[derive(Clone, Copy)]
struct Level {
    /// What it is named by.
    key: Key,
    /// What the key in it says about the next value; none where the key is next.
    own: Option<Key>,
}

impl Level {
    const fn new(key: Key) -> Self {
        Self { key, own: None }
    }
}

impl Walk<'_> {
    /// Values by the keys before them.
    pub(super) fn serialised(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        let Some(first) = find(all.of(buffer), 0, b":\"") else {
            return;
        };
        let known = taken.len();
        let mut i = plus(all.start, minus(first, MOST_DIGITS));
        let mut levels: SmallVec<[Level; 8]> = SmallVec::new();
        levels.push(Level::new(Key::NONE));
        while let Some(n) = memchr::memchr3(b':', b'}', b'|', cut(buffer, i, all.end)) {
            let sign = plus(i, n);
            i = plus(sign, 1);
            match at(buffer, sign) {
                b'}' => {
                    if levels.len() > 1 {
                        levels.pop();
                    }
                }
                // The name of a session's variable.
                b'|' => {
                    if let Some(level) = levels.last_mut() {
                        level.own = Some(self.session_name(buffer, all, sign));
                    }
                }
                _ => {
                    if let Some((token, end)) = token(buffer, all, sign) {
                        i = end.max(i);
                        self.token(buffer, token, &mut levels, taken);
                    }
                }
            }
        }
        if taken.len() > known {
            taken.sort_unstable_by_key(|t| (t.start, t.end));
        }
    }

    fn session_name(&mut self, buffer: &[u8], all: Stretch, sign: usize) -> Key {
        let head = cut(buffer, all.start, sign);
        let word = head.iter().rev().take(LONGEST_NAME);
        let len = word.take_while(|b| is(**b, ALNUM | JOIN)).count();
        self.classify(Space::Field, cut(buffer, minus(sign, len), sign))
    }

    fn token(
        &mut self,
        buffer: &[u8],
        token: Token,
        levels: &mut SmallVec<[Level; 8]>,
        taken: &mut Taken,
    ) {
        let Some(level) = levels.last_mut() else {
            return;
        };
        let own = level.own.take();
        let key = match own {
            Some(key) if key.hits() => key,
            _ => level.key,
        };
        match token {
            Token::Open => {
                if levels.len() < DEEPEST {
                    levels.push(Level::new(key));
                }
            }
            // A key: what it says counts for what comes next.
            Token::Text(at) if own.is_none() => {
                let name = at.of(buffer);
                let short = name.len() <= LONGEST_NAME;
                let says = if short {
                    self.classify(Space::Field, name)
                } else {
                    Key::NONE
                };
                level.own = Some(says);
            }
            Token::Number(_) if own.is_none() => level.own = Some(Key::NONE),
            Token::Text(at) | Token::Number(at) if key.hits() => {
                let raw = at.of(buffer);
                let slot = match decide(self.rules, key, raw) {
                    Decision::Mask(slot) => slot,
                    Decision::Keep | Decision::Look => return,
                };
                if matches!(token, Token::Text(_)) {
                    self.mask(at, slot, raw);
                } else {
                    self.mask_number(at, slot, raw);
                }
                taken.push(at);
            }
            // Pairs and looks are judged with the text around; a document only shows on its own.
            Token::Text(at) if matches!(at.of(buffer).first(), Some(b'{' | b'[')) => {
                let hits = self.s.hits.len();
                self.leaf(buffer, at, Codec::Plain, Key::NONE);
                if self.s.hits.len() > hits {
                    taken.push(at);
                }
            }
            Token::Text(_) | Token::Number(_) => {}
        }
    }
}

/// The token whose first colon stands at `sign`, and where it ends.
fn token(buffer: &[u8], all: Stretch, sign: usize) -> Option<(Token, usize)> {
    let kind = before(buffer, sign);
    let lead = if minus(sign, 1) > all.start {
        before(buffer, minus(sign, 1))
    } else {
        0
    };
    if sign == all.start || is(lead, ALNUM | JOIN) {
        return None;
    }
    let start = plus(sign, 1);
    let digits = cut(buffer, start, all.end)
        .iter()
        .take(MOST_DIGITS)
        .take_while(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'E'))
        .count();
    let end = plus(start, digits);
    match (kind, at(buffer, end)) {
        (b's', b':') if digits > 0 && at(buffer, plus(end, 1)) == b'"' => {
            let text = text(buffer, all, Stretch::new(start, end));
            Some((Token::Text(text), text.end))
        }
        (b'i' | b'd' | b'b', b';') if digits > 0 => {
            Some((Token::Number(Stretch::new(start, end)), end))
        }
        (b'a', b':') if digits > 0 && at(buffer, plus(end, 1)) == b'{' => {
            Some((Token::Open, plus(end, 2)))
        }
        // `O:4:"User":1:{`.
        (b'O' | b'C', b':') if digits > 0 => {
            let head = cut(buffer, end, all.end.min(plus(end, 200)));
            let open = memchr::memchr(b'{', head)?;
            Some((Token::Open, plus(end, plus(open, 1))))
        }
        _ => None,
    }
}

/// The string whose length stands at `length`: as long as it says, or, where that cannot be, up to the next end.
fn text(buffer: &[u8], all: Stretch, length: Stretch) -> Stretch {
    let start = plus(length.end, 2).min(all.end);
    let said = std::str::from_utf8(length.of(buffer)).ok();
    let said: Option<usize> = said.and_then(|digits| digits.parse().ok());
    let end = said.map_or(all.end, |len| plus(start, len));
    if end < all.end && at(buffer, end) == b'"' {
        return Stretch::new(start, end);
    }
    let rest = cut(buffer, start, all.end.min(plus(start, LONGEST_VALUE)));
    // Not far: strings may begin at every few bytes.
    let near = cut(rest, 0, rest.len().min(NEAR));
    let len = find(near, 0, b"\";").or_else(|| memchr::memchr(b'"', rest));
    Stretch::new(start, plus(start, len.unwrap_or(rest.len())))
}

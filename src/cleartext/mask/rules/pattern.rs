//! The notation for formats: it recognises values, and it generates examples, so that no realistic secret stands in a file.
//!
//! ```text
//! gh[pousr]_{base62:36}        literal bytes, one of a set, a class with a length
//! {digit:13-19}  {b64url:20-}  a range of lengths, an open end (at most 4,096)
//! \{ \[ \\                     the special bytes themselves
//! ```
//! Classes are greedy and never give back what they took, so matching is linear.

use crate::cleartext::mask::bytes::{ALNUM, BASE62, RUN, Set, at, class, plus, skip_set};

/// The longest a class with an open end may run.
const OPEN_END: usize = 4_096;
/// Literal bytes at the start from which a format is selective: a longer tail than it allows is then still a hit.
const SELECTIVE: usize = 4;

/// A compiled format.
#[derive(Clone, Debug)]
pub(in crate::cleartext::mask) struct Pattern {
    items: Vec<Item>,
}

#[derive(Clone, Debug)]
enum Item {
    Literal(Vec<u8>),
    Class { set: Set, min: usize, max: usize },
}

/// Why a pattern cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::mask) enum PatternError {
    /// A bracket or brace is not closed.
    Unclosed,
    /// The class name is not one of [`CLASSES`].
    UnknownClass,
    /// A length is no number, or the range is empty.
    BadLength,
    /// Nothing in it.
    Empty,
}

/// The class names, as error messages list them.
pub(in crate::cleartext::mask) const CLASSES: &str = "digit, lower, upper, alpha, base62, hex, HEX, b64, b64url, base32, base58, bech32, word, unreserved, any";

fn class_set(name: &[u8]) -> Option<Set> {
    let digit = Set::range(b'0', b'9');
    let lower = Set::range(b'a', b'z');
    let upper = Set::range(b'A', b'Z');
    let base62 = digit.and(lower).and(upper);
    Some(match name {
        b"digit" => digit,
        b"lower" => lower,
        b"upper" => upper,
        b"alpha" => lower.and(upper),
        b"base62" => base62,
        b"hex" => digit.and(Set::range(b'a', b'f')),
        b"HEX" => digit
            .and(Set::range(b'a', b'f'))
            .and(Set::range(b'A', b'F')),
        b"b64" => base62.and(Set::of(b"+/")),
        b"b64url" | b"word" => base62.and(Set::of(b"-_")),
        b"base32" => upper.and(Set::range(b'2', b'7')),
        b"base58" => Set::of(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"),
        b"bech32" => Set::of(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"),
        // RFC 3986 section 2.3: what needs no escape in an URL.
        b"unreserved" => base62.and(Set::of(b"-._~")),
        b"any" => Set::range(b'!', b'~'),
        _ => return None,
    })
}

impl Pattern {
    /// Reads the notation.
    pub(in crate::cleartext::mask) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = text.as_bytes();
        while let Some((&first, tail)) = bytes.split_first() {
            bytes = tail;
            match first {
                b'{' => {
                    let (inner, after) = split_at_byte(tail, b'}').ok_or(PatternError::Unclosed)?;
                    items.push(parse_class(inner)?);
                    bytes = after;
                }
                b'[' => {
                    let (inner, after) = split_at_byte(tail, b']').ok_or(PatternError::Unclosed)?;
                    items.push(Item::Class {
                        set: parse_set(inner),
                        min: 1,
                        max: 1,
                    });
                    bytes = after;
                }
                b'\\' => {
                    let (&byte, after) = tail.split_first().ok_or(PatternError::Unclosed)?;
                    push_literal(&mut items, byte);
                    bytes = after;
                }
                byte => push_literal(&mut items, byte),
            }
        }
        if items.is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(Self { items })
    }

    /// The fewest bytes a match has.
    pub(in crate::cleartext::mask) fn min_len(&self) -> usize {
        let lens = self.items.iter().map(|item| match item {
            Item::Literal(bytes) => bytes.len(),
            Item::Class { min, .. } => *min,
        });
        lens.sum()
    }

    /// Whether digits alone can have this format.
    pub(in crate::cleartext::mask) fn may_be_digits(&self) -> bool {
        self.items.iter().all(|item| match item {
            Item::Literal(bytes) => bytes.iter().all(u8::is_ascii_digit),
            Item::Class { set, .. } => (b'0'..=b'9').any(|b| set.has(b)),
        })
    }

    /// Of a format that starts with a class of run bytes: how long its first run is at least, and the byte behind that run
    /// where the format says so.
    pub(in crate::cleartext::mask) fn first_run(&self) -> (usize, Option<u8>) {
        match self.items.as_slice() {
            [Item::Class { set, min, .. }, tail @ ..] if set.and(RUN_SET) == RUN_SET => {
                match tail.first() {
                    Some(Item::Literal(bytes)) if !RUN_SET.has(at(bytes, 0)) => {
                        (*min, bytes.first().copied())
                    }
                    _ => (*min, None),
                }
            }
            _ => (1, None),
        }
    }

    /// The literal bytes it starts with; empty if it starts with a class.
    pub(in crate::cleartext::mask) fn prefix(&self) -> &[u8] {
        match self.items.first() {
            Some(Item::Literal(bytes)) => bytes,
            _ => b"",
        }
    }

    /// The end of a match that starts at `start`. A format with a selective prefix also takes a tail longer than it allows
    /// (a truncated or newer token is a token); any other must end where its last class ends.
    pub(in crate::cleartext::mask) fn match_at(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut i = start;
        let mut literal = 0_usize;
        let mut last = Set::EMPTY;
        for item in &self.items {
            match item {
                Item::Literal(bytes) => {
                    let end = plus(i, bytes.len());
                    if text.get(i..end)? != bytes.as_slice() {
                        return None;
                    }
                    literal = plus(literal, bytes.len());
                    last = Set::EMPTY;
                    i = end;
                }
                Item::Class { set, min, max } => {
                    let end = skip_set(text, i, *set, *max);
                    if end.wrapping_sub(i) < *min {
                        return None;
                    }
                    last = *set;
                    i = end;
                }
            }
        }
        let next = at(text, i);
        if class(next) & ALNUM != 0 || (last.has(next) && class(next) & RUN != 0) {
            if literal < SELECTIVE {
                return None;
            }
            i = skip_set(text, i, RUN_SET, OPEN_END);
        }
        Some(i)
    }

    /// Whether the whole of `text` has this format.
    #[cfg(test)]
    fn matches(&self, text: &[u8]) -> bool {
        self.match_at(text, 0) == Some(text.len())
    }

    /// Appends a value of this format; `pick(n)` draws a number below `n`.
    pub(in crate::cleartext::mask) fn generate(
        &self,
        pick: &mut dyn FnMut(usize) -> usize,
        out: &mut Vec<u8>,
    ) {
        for item in &self.items {
            match item {
                Item::Literal(bytes) => out.extend_from_slice(bytes),
                Item::Class { set, min, max } => {
                    let spread = max.saturating_sub(*min).min(8);
                    let len = plus(*min, pick(plus(spread, 1)));
                    let members: Vec<u8> = set.members().collect();
                    out.extend((0..len).map(|_| at(&members, pick(members.len()))));
                }
            }
        }
    }
}

/// Bytes of a run.
const RUN_SET: Set = BASE62.and(Set::of(b"-_"));

fn push_literal(items: &mut Vec<Item>, byte: u8) {
    if let Some(Item::Literal(bytes)) = items.last_mut() {
        bytes.push(byte);
    } else {
        items.push(Item::Literal(vec![byte]));
    }
}

fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let i = memchr::memchr(byte, text)?;
    Some((text.get(..i)?, text.get(plus(i, 1)..)?))
}

/// `a-cXY`: ranges and single bytes.
fn parse_set(inner: &[u8]) -> Set {
    let mut set = Set::EMPTY;
    let mut bytes = inner;
    while let Some((&first, tail)) = bytes.split_first() {
        bytes = if let [b'-', last, after @ ..] = tail {
            set = set.and(Set::range(first, *last));
            after
        } else {
            set = set.with(first);
            tail
        };
    }
    set
}

/// `name:length`, where the length is `n`, `n-m` or `n-`.
fn parse_class(inner: &[u8]) -> Result<Item, PatternError> {
    let (name, length) = split_at_byte(inner, b':').ok_or(PatternError::BadLength)?;
    let set = class_set(name).ok_or(PatternError::UnknownClass)?;
    let (min, max) = match split_at_byte(length, b'-') {
        None => {
            let exact = number(length)?;
            (exact, exact)
        }
        Some((min, b"")) => (number(min)?, OPEN_END),
        Some((min, max)) => (number(min)?, number(max)?),
    };
    if min > max || max > OPEN_END || max == 0 {
        return Err(PatternError::BadLength);
    }
    Ok(Item::Class { set, min, max })
}

fn number(text: &[u8]) -> Result<usize, PatternError> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(PatternError::BadLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_what_it_generates() {
        for text in [
            "gh[pousr]_{base62:36}",
            "SG.{b64url:22}.{b64url:43}",
            "{digit:8-10}:AA{b64url:33}",
            r"\{{any:1}",
        ] {
            let pattern = Pattern::parse(text).unwrap();
            let mut seed = 7_usize;
            let mut pick = |n: usize| {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) % n
            };
            for _ in 0..50 {
                let mut value = Vec::new();
                pattern.generate(&mut pick, &mut value);
                assert!(pattern.matches(&value), "{text}");
            }
        }
    }

    #[test]
    fn a_selective_prefix_takes_a_longer_tail_and_a_weak_one_does_not() {
        let strong = Pattern::parse("ghp_{base62:4}").unwrap();
        assert_eq!(strong.match_at(b"ghp_abcdef-x y", 0), Some(12));
        let weak = Pattern::parse("SK{hex:4}").unwrap();
        assert_eq!(weak.match_at(b"SKabcdef", 0), None);
        assert_eq!(weak.match_at(b"SKabcd ", 0), Some(6));
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(
            Pattern::parse("{digits:3}").unwrap_err(),
            PatternError::UnknownClass
        );
        assert_eq!(
            Pattern::parse("{digit:4-3}").unwrap_err(),
            PatternError::BadLength
        );
        assert_eq!(Pattern::parse("a[bc").unwrap_err(), PatternError::Unclosed);
        assert_eq!(Pattern::parse("").unwrap_err(), PatternError::Empty);
    }
}

//! Byte classes and small helpers that every scanner uses. Nothing here allocates.

/// A set of ASCII bytes: bits 0 to 63 and 64 to 127. Bytes from 128 up are never members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Set {
    low: u64,
    high: u64,
}

impl Set {
    /// No byte.
    pub(super) const EMPTY: Self = Self { low: 0, high: 0 };

    /// The bytes of `text`.
    pub(super) const fn of(text: &[u8]) -> Self {
        let (mut set, mut rest) = (Self::EMPTY, text);
        while let [first, tail @ ..] = rest {
            set = set.with(*first);
            rest = tail;
        }
        set
    }

    /// The bytes from `low` to `high`.
    pub(super) const fn range(low: u8, high: u8) -> Self {
        let (mut set, mut byte) = (Self::EMPTY, low);
        while byte <= high && byte < 128 {
            set = set.with(byte);
            byte = byte.wrapping_add(1);
        }
        set
    }

    /// This set and one byte more.
    #[must_use]
    pub(super) const fn with(self, byte: u8) -> Self {
        let bit = Self::bit(byte);
        match byte {
            0..=63 => Self {
                low: self.low | bit,
                ..self
            },
            64..=127 => Self {
                high: self.high | bit,
                ..self
            },
            _ => self,
        }
    }

    #[allow(
        clippy::as_conversions,
        reason = "widens in a const fn, where From is not to be had"
    )]
    const fn bit(byte: u8) -> u64 {
        1_u64.wrapping_shl(byte as u32)
    }

    /// Both sets together.
    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            low: self.low | other.low,
            high: self.high | other.high,
        }
    }

    /// Whether `byte` is a member.
    #[inline]
    pub(super) const fn has(self, byte: u8) -> bool {
        let half = if byte < 64 { self.low } else { self.high };
        byte < 128 && half & Self::bit(byte) != 0
    }

    /// The members in ascending order.
    pub(super) fn members(self) -> impl Iterator<Item = u8> {
        (0..128_u8).filter(move |&b| self.has(b))
    }
}

/// Letters and digits.
pub(super) const BASE62: Set = Set::range(b'0', b'9')
    .and(Set::range(b'a', b'z'))
    .and(Set::range(b'A', b'Z'));

/// Decimal digit.
pub(super) const DIGIT: u8 = 1;
/// Lower-case letter.
pub(super) const LOWER: u8 = 1 << 1;
/// Upper-case letter.
pub(super) const UPPER: u8 = 1 << 2;
/// `_` or `-`, which join words to one run.
pub(super) const JOIN: u8 = 1 << 3;
/// A byte that only a careful look can judge: `@ % & = : \ + ~ $`.
pub(super) const MARK: u8 = 1 << 4;
/// Any other byte of ASCII: `.`, `/`, space, brackets...
pub(super) const OTHER: u8 = 1 << 5;
/// Any byte from 128 up.
pub(super) const HIGH: u8 = 1 << 6;
/// `"`, `\` and control bytes: where a JSON string needs a look.
pub(super) const QUOTE: u8 = 1 << 7;
/// Letter or digit.
pub(super) const ALNUM: u8 = DIGIT | LOWER | UPPER;
/// A byte of a run.
pub(super) const RUN: u8 = ALNUM | JOIN;

static CLASS: [u8; 256] = classes();

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "evaluated by the compiler for each of the 256 bytes; cannot fail at run time"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0_u8; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'_' | b'-' => JOIN,
            b'@' | b'%' | b'&' | b'=' | b':' | b'+' | b'~' | b'$' => MARK,
            b'"' | 0..=31 => QUOTE,
            b'\\' => QUOTE | MARK,
            128..=255 => HIGH,
            _ => OTHER,
        };
        if byte == 255 {
            return table;
        }
        byte = byte.wrapping_add(1);
    }
}

/// The class of a byte.
#[inline]
pub(super) fn class(byte: u8) -> u8 {
    CLASS.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Whether `byte` is of one of `classes`.
#[inline]
pub(super) fn is(byte: u8, classes: u8) -> bool {
    class(byte) & classes != 0
}

/// The byte at `i`, 0 beyond the end.
#[inline]
pub(super) fn at(text: &[u8], i: usize) -> u8 {
    text.get(i).copied().unwrap_or(0)
}

/// The byte before `i`, 0 at the start.
#[inline]
pub(super) fn before(text: &[u8], i: usize) -> u8 {
    i.checked_sub(1).map_or(0, |i| at(text, i))
}

/// `text[start..end]`, empty where that is out of range.
#[inline]
pub(super) fn cut(text: &[u8], start: usize, end: usize) -> &[u8] {
    text.get(start..end).unwrap_or_default()
}

/// `text[start..]`, empty where that is out of range.
#[inline]
pub(super) fn rest(text: &[u8], start: usize) -> &[u8] {
    text.get(start..).unwrap_or_default()
}

/// `i + n`, saturating: an index beyond any text reads as its end.
#[inline]
pub(super) const fn plus(i: usize, n: usize) -> usize {
    i.saturating_add(n)
}

/// `i - n`, 0 at least.
#[inline]
pub(super) const fn minus(i: usize, n: usize) -> usize {
    i.saturating_sub(n)
}

/// The first index from `start` whose byte is not in `classes`.
#[inline]
pub(super) fn skip(text: &[u8], start: usize, classes: u8) -> usize {
    let run = rest(text, start).iter().take_while(|&&b| is(b, classes));
    plus(start, run.count())
}

/// The first index from `start` whose byte is not in `set`, at most `max` further.
#[inline]
pub(super) fn skip_set(text: &[u8], start: usize, set: Set, max: usize) -> usize {
    let run = rest(text, start).iter().take(max);
    plus(start, run.take_while(|&&b| set.has(b)).count())
}

/// A byte in every place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of the lowest byte of `word` that is zero; bits above that one say nothing.
#[inline]
const fn lowest_zero(word: u64) -> u64 {
    word.wrapping_sub(everywhere(1)) & !word & everywhere(0x80)
}

/// The first index from `start` of a `"` or `\`, the length of the text if there is none: eight bytes at a time.
#[inline]
pub(super) fn quote_or_backslash(text: &[u8], start: usize) -> usize {
    let (words, tail) = rest(text, start).as_chunks::<8>();
    let mut i = start;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let hit = lowest_zero(word ^ everywhere(b'"')) | lowest_zero(word ^ everywhere(b'\\'));
        if hit != 0 {
            return plus(i, usize::try_from(hit.trailing_zeros() / 8).unwrap_or(0));
        }
        i = plus(i, 8);
    }
    let end = tail.iter().position(|b| matches!(b, b'"' | b'\\'));
    plus(i, end.unwrap_or(tail.len())).min(text.len())
}

/// All classes that occur in `text`, and how many digits: eight bytes at a time.
#[inline]
pub(super) fn classes_and_digits(text: &[u8]) -> (u8, u32) {
    let (mut all, mut digits) = (0_u8, 0_u32);
    let (words, tail) = text.as_chunks::<8>();
    for word in words {
        all |= word.iter().fold(0, |all, byte| all | class(*byte));
        digits = digits.wrapping_add(digits_in(u64::from_le_bytes(*word)));
    }
    for &byte in tail {
        let class = class(byte);
        all |= class;
        digits = digits.wrapping_add(u32::from(class & DIGIT));
    }
    (all, digits)
}

/// How many of eight bytes are digits.
#[inline]
fn digits_in(word: u64) -> u32 {
    // Of a digit nothing but 0 to 9 is left, which with 0x76 stays below 0x80.
    let value = word ^ everywhere(b'0');
    let above = (value & everywhere(0x7f)).wrapping_add(everywhere(0x76)) | value;
    let digits = (!above & everywhere(0x80)).wrapping_shr(7);
    let [.., count] = digits.wrapping_mul(everywhere(1)).to_le_bytes();
    u32::from(count)
}

/// Where `needle` first occurs from `start` on.
pub(super) fn find(text: &[u8], start: usize, needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text.get(start..)?, needle).map(|i| plus(start, i))
}

/// Where `needle` first occurs between `start` and `end`.
pub(super) fn find_within(text: &[u8], start: usize, end: usize, needle: &[u8]) -> Option<usize> {
    find(cut(text, 0, end), start, needle)
}

/// The value of a digit, 0 for anything else.
#[inline]
pub(super) fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0')).min(10) % 10
}

/// The value of a hex digit.
pub(super) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(byte.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// The text without white space around it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_their_members() {
        let set = Set::range(b'a', b'c').and(Set::of(b"_-"));
        assert_eq!(set.members().collect::<Vec<_>>(), b"-_abc");
        assert!(!set.has(b'a' + 128));
    }

    #[test]
    fn eight_bytes_at_a_time_see_what_single_bytes_show() {
        for byte in 0..=255_u8 {
            for len in 0..20 {
                for place in 0..len {
                    let mut text = vec![b'/'; len];
                    text[place] = byte;
                    let end = text.iter().position(|b| matches!(b, b'"' | b'\\'));
                    assert_eq!(quote_or_backslash(&text, 0), end.unwrap_or(len));
                    let classes = text.iter().fold(0, |all, b| all | class(*b));
                    let digits = u32::from(byte.is_ascii_digit());
                    assert_eq!(classes_and_digits(&text), (classes, digits));
                }
            }
        }
        assert_eq!(classes_and_digits(b"0123456789").1, 10);
        assert_eq!(quote_or_backslash(b"\"abc\"", 1), 4);
    }

    #[test]
    fn skipping_stops_at_the_first_stranger() {
        assert_eq!(skip(b"ab-12 c", 0, RUN), 5);
        assert_eq!(cut(b"abc", 2, 9), b"");
    }
}

//! `Content-Disposition` (RFC 6266, RFC 7578): the names of files, in which words and numbers are joined by signs that
//! elsewhere would make them one thing: `ssn-536-45-1234.pdf`.

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{DIGIT, at, before, cut, find, is, minus, plus, skip};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::{Decision, decide};
use crate::cleartext::mask::names::{Key, Slot, Space};
use crate::cleartext::mask::rules::Detector;
use crate::cleartext::mask::validate;
use crate::cleartext::mask::walk::{Stretch, Walk};
use crate::observation::Category;

/// Longer names of files are cut off here for the look at their numbers.
const LONGEST: usize = 1_024;
/// What is before a number and may name it.
const LONGEST_WORDS: usize = 48;
/// Fewer digits behind a name are a version or a page.
const FEWEST_DIGITS: usize = 6;

impl Walk<'_> {
    /// The value of the field: names of files, and `rest` on what stands between them.
    pub(super) fn disposition(
        &mut self,
        buffer: &[u8],
        value: Stretch,
        rest: &dyn Fn(&mut Self, &[u8], Stretch),
    ) {
        let mut i = value.start;
        while let Some((file, codec)) = next_file(buffer, Stretch::new(i, value.end)) {
            rest(self, buffer, Stretch::new(i, file.start));
            self.file_name(buffer, file, codec);
            i = file.end;
        }
        if i < value.end {
            rest(self, buffer, Stretch::new(i, value.end));
        }
    }

    /// The name of a file.
    fn file_name(&mut self, buffer: &[u8], at: Stretch, codec: Codec) {
        if codec.applies(at.of(buffer)) {
            let mut decoded = Vec::new();
            codec.decode(at.of(buffer), &mut decoded);
            return self.within(&decoded, at, codec, |walk, text| {
                walk.file_name(text, Stretch::new(0, text.len()), Codec::Plain);
            });
        }
        let mut done = at.start;
        for (number, slot) in self.numbers(buffer, at) {
            self.leaf(
                buffer,
                Stretch::new(done, number.start),
                Codec::Plain,
                Key::NONE,
            );
            self.mask(number, slot, number.of(buffer));
            done = number.end;
        }
        if done < at.end {
            self.leaf(buffer, Stretch::new(done, at.end), Codec::Plain, Key::NONE);
        }
    }

    /// Numbers that count by their form, or by the words before them.
    fn numbers(&mut self, buffer: &[u8], file: Stretch) -> SmallVec<[(Stretch, Slot); 2]> {
        let end = file.end.min(plus(file.start, LONGEST));
        let mut found = SmallVec::new();
        let mut i = file.start;
        while i < end {
            if !is(at(buffer, i), DIGIT)
                || (i > file.start && before(buffer, i).is_ascii_alphanumeric())
            {
                i = plus(i, 1);
                continue;
            }
            let number = number(buffer, i, end);
            let ssn = is_ssn(number.of(buffer)).then(|| self.rules.detector(Detector::Ssn));
            if let Some(slot) = ssn.flatten().or_else(|| self.named(buffer, file, number)) {
                found.push((number, slot));
            }
            i = number.end.max(plus(i, 1));
        }
        found
    }

    /// By the words before a number, if they name a thing that has one.
    fn named(&mut self, buffer: &[u8], file: Stretch, number: Stretch) -> Option<Slot> {
        let raw = number.of(buffer);
        if raw.iter().filter(|b| b.is_ascii_digit()).count() < FEWEST_DIGITS {
            return None;
        }
        let from = minus(number.start, LONGEST_WORDS).max(file.start);
        let words = cut(buffer, from, number.start);
        if !words.iter().any(u8::is_ascii_alphabetic) {
            return None;
        }
        let key = self.classify(Space::Field, words);
        let numbered = self
            .rules
            .rule(key.slot)
            .is_some_and(|rule| rule.category != Category::Secret && rule.accept.is_none());
        match decide(self.rules, key, raw) {
            Decision::Mask(slot) if numbered && !is_date(raw) => Some(slot),
            Decision::Mask(_) | Decision::Keep | Decision::Look => None,
        }
    }
}

/// The next name of a file in the parameters at `at`.
fn next_file(buffer: &[u8], at_: Stretch) -> Option<(Stretch, Codec)> {
    let text = at_.of(buffer);
    let mut i = 0;
    loop {
        let equals = plus(i, memchr::memchr(b'=', cut(text, i, text.len()))?);
        i = plus(equals, 1);
        let head = cut(text, 0, equals).trim_ascii_end();
        let (head, codec) = match head {
            [head @ .., b'*'] => (head, Codec::Percent),
            _ => (head, Codec::Plain),
        };
        // Continued values are numbered (RFC 2231 section 3): `filename*0=`.
        let head = match head {
            [head @ .., b'*', b'0'..=b'9'] => head,
            _ => head,
        };
        let from = minus(head.len(), 8);
        if !cut(head, from, head.len()).eq_ignore_ascii_case(b"filename") {
            continue;
        }
        let value = cut(text, i, text.len());
        let gap = value
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let (start, len) = if at(value, gap) == b'"' {
            let inner = cut(value, plus(gap, 1), value.len());
            (plus(gap, 1), quoted_len(inner))
        } else {
            let inner = cut(value, gap, value.len());
            let stops = |b: &&u8| !matches!(b, b';' | b'\r' | b'\n');
            (gap, inner.iter().take_while(stops).count())
        };
        let start = plus(at_.start, plus(i, start));
        return Some((Stretch::new(start, plus(start, len)), codec));
    }
}

/// Up to the quote that closes.
fn quoted_len(text: &[u8]) -> usize {
    let mut i = 0;
    while let Some(n) = memchr::memchr2(b'"', b'\\', cut(text, i, text.len())) {
        i = plus(i, n);
        if at(text, i) == b'"' {
            return i;
        }
        i = plus(i, 2);
    }
    text.len()
}

/// Digits in groups with single signs between them.
fn number(buffer: &[u8], start: usize, end: usize) -> Stretch {
    let mut stop = skip(buffer, start, DIGIT).min(end);
    while matches!(at(buffer, stop), b'-' | b'_' | b'.' | b' ')
        && plus(stop, 1) < end
        && is(at(buffer, plus(stop, 1)), DIGIT)
    {
        stop = skip(buffer, plus(stop, 1), DIGIT).min(end);
    }
    Stretch::new(start, stop)
}

/// Three digits, two and four, whatever is between them.
fn is_ssn(number: &[u8]) -> bool {
    let mut groups = number.split(|b| !b.is_ascii_digit()).map(<[u8]>::len);
    let lengths = [groups.next(), groups.next(), groups.next(), groups.next()];
    lengths == [Some(3), Some(2), Some(4), None] && validate::ssn(number)
}

/// `20260104`, `2026-01-04`, also with a time behind it.
fn is_date(number: &[u8]) -> bool {
    let digits: SmallVec<[u8; 24]> = number.iter().copied().filter(u8::is_ascii_digit).collect();
    let century = [&b"19"[..], b"20"].contains(&cut(&digits, 0, 2));
    century
        && matches!(digits.len(), 6 | 8 | 12 | 14)
        && find(cut(&digits, 4, 6), 0, b"00").is_none()
}

//! Running text in which names and values stand apart: SQL that lists columns and values, options of a command line.

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{ALNUM, JOIN, at, before, cut, find_within, is, minus, plus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::rules::Detector;
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

use super::text::Taken;

/// The longest list of columns (bytes).
const LONGEST_COLUMNS: usize = 2_048;
/// The longest list of values (bytes).
const LONGEST_VALUES: usize = 8_192;
/// The longest value of an option.
const LONGEST_OPTION: usize = 1_024;

/// What stands between a list of names in parentheses and one of values.
const BETWEEN: [&[u8]; 3] = [b"VALUES", b"values", b"="];

impl Walk<'_> {
    /// `(a, b) VALUES ('x', 'y')`, `Key (a)=(x)`.
    pub(super) fn sql(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        let mut i = all.start;
        while let Some(close) = memchr::memchr(b')', cut(buffer, i, all.end)).map(|n| plus(i, n)) {
            i = plus(close, 1);
            let Some(mut values) = values_behind(buffer, i, all.end) else {
                continue;
            };
            let floor = minus(close, LONGEST_COLUMNS).max(all.start);
            let Some(open) = memchr::memrchr(b'(', cut(buffer, floor, close)) else {
                continue;
            };
            let columns = split(buffer, Stretch::new(plus(plus(floor, open), 1), close));
            let keys: SmallVec<[Key; 16]> = columns
                .iter()
                .map(|name| self.classify(Space::Field, name.of(buffer)))
                .collect();
            if !keys.iter().any(|key| key.hits()) {
                continue;
            }
            // Several rows: `(...), (...)`.
            loop {
                let end = closing(buffer, values, all.end);
                for ((cell, name), key) in split(buffer, Stretch::new(values, end))
                    .into_iter()
                    .zip(&columns)
                    .zip(&keys)
                {
                    if key.hits() {
                        let mark = self.s.enter_name(name.of(buffer), key.is(Key::KNOWN));
                        self.leaf(buffer, cell, Codec::Plain, *key);
                        self.s.leave(mark);
                        taken.push(cell);
                    }
                }
                i = end.max(i);
                match next_row(buffer, end, all.end) {
                    Some(next) => values = next,
                    None => break,
                }
            }
        }
    }

    /// `--password x`, `-u name:password`, and `"$name" got invalid value "x"` of GraphQL.
    pub(super) fn options(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        let mut i = all.start;
        while let Some(dash) = find_within(buffer, i, all.end, b" -") {
            i = plus(dash, 2);
            let long = at(buffer, i) == b'-';
            let start = if long { plus(i, 1) } else { i };
            let end = word_end(buffer, start, all.end);
            let value = plus(end, 1);
            if end == start || at(buffer, end) != b' ' || at(buffer, value) == b'-' {
                continue;
            }
            let name = cut(buffer, start, end);
            let key = if long {
                self.classify(Space::Field, name)
            } else if name == b"u" {
                self.rules
                    .detector(Detector::UrlPassword)
                    .map_or(Key::NONE, Key::of)
            } else {
                Key::NONE
            };
            if !key.hits() {
                continue;
            }
            let stop = value_end(buffer, value, all.end);
            let stretch = Stretch::new(value, stop);
            if value < stop && (long || memchr::memchr(b':', stretch.of(buffer)).is_some()) {
                self.leaf(buffer, stretch, Codec::Plain, key);
                taken.push(stretch);
                i = stop;
            }
        }
    }

    /// `Variable "$password" got invalid value "x"`.
    pub(super) fn echoed_variables(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        const SAYS: &[u8] = b" got invalid value ";
        let mut i = all.start;
        while let Some(says) = find_within(buffer, i, all.end, SAYS) {
            i = plus(says, SAYS.len());
            let floor = minus(says, 64).max(all.start);
            let head = cut(buffer, floor, says);
            let from = memchr::memrchr(b'$', head).map_or(head.len(), |n| plus(n, 1));
            let len = cut(head, from, head.len())
                .iter()
                .take_while(|b| is(**b, ALNUM | JOIN))
                .count();
            let key = self.classify(Space::Field, cut(head, from, plus(from, len)));
            let stop = value_end(buffer, i, all.end);
            if key.hits() && i < stop {
                let value = unquoted(buffer, Stretch::new(i, stop));
                self.leaf(buffer, value, Codec::Plain, key);
                taken.push(value);
                i = stop;
            }
        }
    }
}

/// Where the values begin, if what follows the names says that they come.
fn values_behind(buffer: &[u8], i: usize, end: usize) -> Option<usize> {
    let tail = cut(buffer, i, end.min(plus(i, 24)));
    let lead = tail.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let word = BETWEEN
        .iter()
        .find(|word| cut(tail, lead, tail.len()).starts_with(word))?;
    let after = plus(lead, word.len());
    let gap = cut(tail, after, tail.len())
        .iter()
        .take_while(|b| b.is_ascii_whitespace())
        .count();
    (at(tail, plus(after, gap)) == b'(').then_some(plus(i, plus(plus(after, gap), 1)))
}

/// The parenthesis that closes a list, or where to stop looking for it.
fn closing(buffer: &[u8], start: usize, end: usize) -> usize {
    let mut quoted = false;
    let limit = end.min(plus(start, LONGEST_VALUES));
    for (n, &byte) in cut(buffer, start, limit).iter().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b')' if !quoted => return plus(start, n),
            _ => {}
        }
    }
    limit
}

/// `), (`: where the next row begins.
fn next_row(buffer: &[u8], close: usize, end: usize) -> Option<usize> {
    let tail = cut(buffer, close, end.min(plus(close, 8)));
    let mut signs = tail
        .iter()
        .enumerate()
        .filter(|(_, b)| !b.is_ascii_whitespace());
    let shape = [signs.next(), signs.next(), signs.next()];
    match shape {
        [Some((_, b')')), Some((_, b',')), Some((n, b'('))] => Some(plus(close, plus(n, 1))),
        _ => None,
    }
}

/// The items of a list without white space and quotes around them.
fn split(buffer: &[u8], list: Stretch) -> SmallVec<[Stretch; 16]> {
    let mut all = SmallVec::new();
    let (mut start, mut quoted) = (list.start, false);
    for i in list.start..=list.end {
        let byte = if i < list.end { at(buffer, i) } else { b',' };
        if byte == b'\'' {
            quoted = !quoted;
        } else if (byte == b',' && !quoted) || i == list.end {
            all.push(unquoted(buffer, trimmed(buffer, Stretch::new(start, i))));
            start = plus(i, 1);
        }
    }
    all
}

fn unquoted(buffer: &[u8], item: Stretch) -> Stretch {
    let (first, last) = (at(buffer, item.start), before(buffer, item.end));
    let quoted = minus(item.end, item.start) >= 2 && first == last && b"'\"`".contains(&first);
    if quoted {
        Stretch::new(plus(item.start, 1), minus(item.end, 1))
    } else {
        item
    }
}

fn word_end(buffer: &[u8], start: usize, end: usize) -> usize {
    let word = cut(buffer, start, end).iter().take(64);
    plus(start, word.take_while(|b| is(**b, ALNUM | JOIN)).count())
}

/// The end of a word, or of what stands in quotes.
fn value_end(buffer: &[u8], start: usize, end: usize) -> usize {
    let text = cut(buffer, start, end.min(plus(start, LONGEST_OPTION)));
    let len = match text.first() {
        Some(quote @ (b'"' | b'\'')) => text
            .iter()
            .skip(1)
            .position(|b| b == quote)
            .map_or(text.len(), |n| plus(n, 2)),
        _ => text
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(text.len()),
    };
    plus(start, len)
}

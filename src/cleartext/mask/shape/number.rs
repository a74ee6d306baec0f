//! Numbers by their groups: cards, social security numbers, telephone numbers, IPv4 addresses, stripes, IBANs.

use super::{Found, continues_number, is_boundary};
use crate::cleartext::mask::bytes::{
    ALNUM, DIGIT, LOWER, UPPER, at, before, cut, is, minus, plus, rest, skip,
};
use crate::cleartext::mask::rules::{Detector, RuleSet};
use crate::cleartext::mask::validate;

/// More digits than this are no number anyone writes.
const MOST_DIGITS: usize = 24;

/// Digits in groups with one kind of separator.
struct Groups {
    /// Lengths of the groups.
    lengths: [usize; MOST_GROUPS],
    /// Where each ends.
    ends: [usize; MOST_GROUPS],
    count: usize,
    digits: usize,
    separator: u8,
}

/// More groups than this are no number anyone writes.
const MOST_GROUPS: usize = 8;

impl Groups {
    fn read(text: &[u8], start: usize) -> Self {
        let mut all = Self {
            lengths: [0; MOST_GROUPS],
            ends: [0; MOST_GROUPS],
            count: 0,
            digits: 0,
            separator: 0,
        };
        let mut i = start;
        for (length, end) in all.lengths.iter_mut().zip(&mut all.ends) {
            *end = skip(text, i, DIGIT);
            *length = minus(*end, i);
            all.count = plus(all.count, 1);
            all.digits = plus(all.digits, *length);
            let next = at(text, *end);
            if all.count == 1 && !starts_number(*length, next) {
                break;
            }
            let goes_on = matches!(next, b' ' | b'-' | b'.')
                && (all.separator == 0 || all.separator == next)
                && is(at(text, plus(*end, 1)), DIGIT)
                && all.digits < MOST_DIGITS;
            if !goes_on {
                break;
            }
            all.separator = next;
            i = plus(*end, 1);
        }
        all
    }

    fn end(&self, groups: usize) -> usize {
        self.ends.get(minus(groups, 1)).copied().unwrap_or(0)
    }

    fn lengths(&self) -> &[usize] {
        self.lengths.get(..self.count).unwrap_or_default()
    }
}

/// Whether a first group of this length before this separator can start any number in groups: cards 4 or 6, telephone
/// numbers 1 or 3, addresses with points.
const fn starts_number(length: usize, separator: u8) -> bool {
    match separator {
        b' ' => matches!(length, 4 | 6),
        b'-' => matches!(length, 1 | 3 | 4 | 6),
        _ => length <= 6,
    }
}

/// What a number that starts at `start` is by its looks alone.
pub(super) fn number(rules: &RuleSet, text: &[u8], start: usize) -> Option<Found> {
    let previous = before(text, start);
    let after_point = previous == b'.' && is(at(text, minus(start, 2)), DIGIT) && start >= 2;
    if after_point || is(previous, ALNUM) {
        return None;
    }
    let groups = Groups::read(text, start);
    card(rules, text, start, &groups)
        .or_else(|| ipv4(rules, text, start, &groups))
        .or_else(|| grouped(rules, text, start, &groups))
}

fn card(rules: &RuleSet, text: &[u8], start: usize, groups: &Groups) -> Option<Found> {
    let slot = rules.detector(Detector::Card)?;
    let lengths = groups.lengths();
    let count = lengths.len();
    let mut digits = groups.digits;
    if digits < 13 {
        return None;
    }
    for taken in (1..=count).rev() {
        let end = groups.end(taken);
        let head = lengths.get(..taken).unwrap_or_default();
        let usual = taken == 1
            || (matches!(head.first(), Some(4 | 6)) && head.iter().skip(1).all(|len| *len >= 3));
        let closed = taken < count || (is_boundary(at(text, end)) && !continues_number(text, end));
        let value = cut(text, start, end);
        if (13..=19).contains(&digits)
            && usual
            && closed
            && validate::card(value)
            && !(validate::gtin(value) && is_article(text, start))
        {
            return Some(Found { start, end, slot });
        }
        digits = minus(digits, head.last().copied().unwrap_or(0));
    }
    None
}

/// Whether the word right before `start` names a number of trade: `EAN 5018537331240`, `gtin-13: ...`.
fn is_article(text: &[u8], start: usize) -> bool {
    let head = text.get(minus(start, 24)..start).unwrap_or_default();
    let mut words = head
        .rsplit(|b| !is(*b, UPPER | LOWER))
        .filter(|word| !word.is_empty());
    let last = words.next().unwrap_or_default().to_ascii_lowercase();
    let code = [&b"code"[..], b"number", b"no", b"nr", b"id"].contains(&last.as_slice());
    let word = if code {
        words.next().unwrap_or_default().to_ascii_lowercase()
    } else {
        last
    };
    validate::is_article(&word)
}

/// `1.2.36.146` behind `urn:oid:` is an object identifier (RFC 3061).
fn is_identifier(text: &[u8], start: usize) -> bool {
    let head = text.get(minus(start, 4)..start).unwrap_or_default();
    head.get(..3)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"oid"))
        && head.len() == 4
}

/// `a.b.c.d` with each part at most 255 and no leading zero; loopback and unspecified survive, versions too.
fn ipv4(rules: &RuleSet, text: &[u8], start: usize, groups: &Groups) -> Option<Found> {
    if groups.separator != b'.' || groups.count != 4 {
        return None;
    }
    let slot = rules.detector(Detector::Ipv4)?;
    let end = groups.end(4);
    let address = cut(text, start, end);
    let parsed: std::net::Ipv4Addr = std::str::from_utf8(address).ok()?.parse().ok()?;
    let free = is_boundary(at(text, end)) && !continues_number(text, end);
    // `Chrome/126.0.0.0` is a product version (RFC 9110 section 10.1.5).
    let product = before(text, start) == b'/' && is(at(text, minus(start, 2)), ALNUM) && start >= 2;
    let harmless = parsed.is_loopback() || parsed.is_unspecified() || parsed.is_broadcast();
    (free && !product && !harmless && !is_identifier(text, start)).then_some(Found {
        start,
        end,
        slot,
    })
}

/// Social security and North American telephone numbers by their groups.
fn grouped(rules: &RuleSet, text: &[u8], start: usize, groups: &Groups) -> Option<Found> {
    let lengths = groups.lengths();
    let end = groups.end(lengths.len());
    if !is_boundary(at(text, end)) || is(at(text, end), super::JOIN) || before(text, start) == b'-'
    {
        return None;
    }
    let value = cut(text, start, end);
    match (lengths, groups.separator) {
        ([3, 2, 4], b'-') if validate::ssn(value) => rules
            .detector(Detector::Ssn)
            .map(|slot| Found { start, end, slot }),
        ([3, 3, 4] | [1, 3, 3, 4], b'-' | b'.') => {
            let area = if lengths.len() == 4 {
                plus(start, 2)
            } else {
                start
            };
            let (area, exchange) = (at(text, area), at(text, plus(area, 4)));
            let valid = (b'2'..=b'9').contains(&area) && (b'2'..=b'9').contains(&exchange);
            let slot = rules.detector(Detector::Phone)?;
            valid.then_some(Found { start, end, slot })
        }
        _ => None,
    }
}

/// `+49 30 1234567`: E.164, 8 to 15 digits with the usual separators.
pub(super) fn international(rules: &RuleSet, text: &[u8], start: usize) -> Option<Found> {
    if is(before(text, start), ALNUM) || !matches!(at(text, plus(start, 1)), b'1'..=b'9') {
        return None;
    }
    let slot = rules.detector(Detector::Phone)?;
    let end = phone_end(text, plus(start, 1));
    let digits = cut(text, start, end)
        .iter()
        .filter(|b| b.is_ascii_digit())
        .count();
    ((8..=15).contains(&digits) && is_boundary(at(text, end))).then_some(Found { start, end, slot })
}

/// `(030) 1234567`, `(555) 123-4567`.
pub(super) fn parenthesised(rules: &RuleSet, text: &[u8], start: usize) -> Option<Found> {
    let close = skip(text, plus(start, 1), DIGIT);
    if !(3..=6).contains(&minus(close, start))
        || at(text, close) != b')'
        || !is(at(text, plus(close, 2)), DIGIT)
    {
        return None;
    }
    let slot = rules.detector(Detector::Phone)?;
    let end = phone_end(text, start);
    let digits = cut(text, start, end)
        .iter()
        .filter(|b| b.is_ascii_digit())
        .count();
    ((9..=13).contains(&digits) && is_boundary(at(text, end))).then_some(Found { start, end, slot })
}

/// The end of digits with single separators, or `) `, between them; at most 15 digits.
fn phone_end(text: &[u8], start: usize) -> usize {
    let (mut end, mut digits, mut gap) = (start, 0_usize, 0_usize);
    for (offset, &byte) in rest(text, start).iter().enumerate().take(32) {
        if byte.is_ascii_digit() {
            digits = plus(digits, 1);
            gap = 0;
            end = plus(start, plus(offset, 1));
            if digits > 15 {
                return end;
            }
        } else if b" -.()/".contains(&byte) && gap < 3 {
            gap = plus(gap, 1);
        } else {
            break;
        }
    }
    end
}

/// A magnetic stripe (ISO/IEC 7813): `%B4111...^NAME^2512...?` or `;4111...=2512...?`.
pub(super) fn track(rules: &RuleSet, text: &[u8], start: usize) -> Option<Found> {
    let slot = rules.detector(Detector::Track)?;
    let first = at(text, start) == b'%';
    let pan = if first {
        plus(start, 2)
    } else {
        plus(start, 1)
    };
    if first && at(text, plus(start, 1)) != b'B' {
        return None;
    }
    let end = skip(text, pan, DIGIT);
    let separator = if first { b'^' } else { b'=' };
    if at(text, end) != separator
        || !(12..=19).contains(&minus(end, pan))
        || !validate::luhn(cut(text, pan, end))
    {
        return None;
    }
    let tail = rest(text, end).iter().take(100);
    let length = tail
        .take_while(|b| (b' '..=b'~').contains(*b) && !b"?\"<&".contains(*b))
        .count();
    let stop = plus(end, length);
    let end = if at(text, stop) == b'?' {
        plus(stop, 1)
    } else {
        stop
    };
    Some(Found { start, end, slot })
}

/// The end of an IBAN, in one run or in groups with single spaces or dashes.
pub(super) fn iban_end(text: &[u8], start: usize) -> Option<usize> {
    let head = cut(text, start, plus(start, 4));
    let shape = matches!(head, [a, b, c, d] if is(*a, UPPER | LOWER) && is(*b, UPPER | LOWER) && is(*c, DIGIT) && is(*d, DIGIT));
    if !shape {
        return None;
    }
    let wanted = validate::iban_length(head)?;
    let (mut i, mut seen) = (start, 0_usize);
    while seen < wanted {
        let byte = at(text, i);
        if is(byte, ALNUM) {
            seen = plus(seen, 1);
        } else if !matches!(byte, b' ' | b'-') || !is(at(text, plus(i, 1)), ALNUM) || seen < 4 {
            return None;
        }
        i = plus(i, 1);
    }
    (is_boundary(at(text, i)) && validate::iban(cut(text, start, i))).then_some(i)
}

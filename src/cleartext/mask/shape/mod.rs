//! What a value looks like, without knowing its name: one pass over runs of letters and digits, validators on candidates only.
//!
//! [`survey`] costs about a nanosecond a byte and lets most values go at once. The rest is scanned run by run: formats by
//! their first two bytes, numbers by their groups, and weaker shapes only beside context words.

mod address;
mod context;
mod disguise;
mod number;
mod wrapped;

use smallvec::SmallVec;

use super::bytes::{
    ALNUM, BASE62, DIGIT, HIGH, JOIN, LOWER, MARK, RUN, Set, UPPER, at, before, class,
    classes_and_digits, cut, find, is, minus, plus, rest, skip, skip_set,
};
use super::names::Slot;
use super::rules::{Detector, RuleSet};
use super::validate;
use context::Context;
pub(super) use wrapped::unwrap_bytes;

/// A sensitive stretch of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Found {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// The rule.
    pub(super) slot: Slot,
}

/// What a scan found, in order and without overlap.
pub(super) type FoundList = SmallVec<[Found; 8]>;

/// Looks into a text that base64 or hex had wrapped; gives the rule of what is in it.
pub(super) type Unwrapped<'a> = &'a mut dyn FnMut(&[u8]) -> Option<Slot>;

/// A first look at a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Survey {
    /// All byte classes that occur.
    pub(super) classes: u8,
    /// How many digits there are.
    pub(super) digits: u32,
}

impl Survey {
    /// Whether no shape can possibly be in `text`, which this is the survey of: no mark, too few digits for any number, no
    /// run long enough for a token.
    #[inline]
    pub(super) fn is_plain(self, text: &[u8]) -> bool {
        let few = if text.len() < PHRASE {
            FEWEST_DIGITS
        } else {
            FEWEST_BESIDE_A_WORD
        };
        self.classes & MARK == 0
            && self.digits < few
            && !has_long_run(text)
            && (self.classes & HIGH == 0 || !disguise::is_in(text))
    }
}

/// The shortest number that counts alone has this many digits (`1.2.3.4`).
const FEWEST_DIGITS: u32 = 4;
/// Beside a word that names it (`cvv 123`, `icd E11`), fewer are enough.
const FEWEST_BESIDE_A_WORD: u32 = 2;
/// A number and a word that names it take this many bytes.
const PHRASE: usize = 7;
/// The shortest identifier that is known by its structure alone.
const SHORTEST_ID: usize = 11;
/// The shortest run that can be part of a token.
const SHORTEST_TOKEN: usize = 16;

/// Surveys a value.
#[inline]
pub(super) fn survey(text: &[u8]) -> Survey {
    let (classes, digits) = classes_and_digits(text);
    Survey { classes, digits }
}

/// Whether there is a run of letters, digits, `_` and `-` that may be part of a token.
#[inline]
fn has_long_run(text: &[u8]) -> bool {
    let mut i = minus(SHORTEST_TOKEN, 1);
    // Such a run covers one of every so many bytes: only there it is looked for, backwards first.
    while let Some(head) = text.get(..=i) {
        let run = |b: &&u8| is(**b, RUN);
        let back = head.iter().rev().take_while(run).count();
        if back >= SHORTEST_TOKEN {
            return true;
        }
        if back > 0 {
            let end = skip(text, plus(i, 1), RUN);
            if minus(plus(end, back), plus(i, 1)) >= SHORTEST_TOKEN {
                return true;
            }
            // The run ends at `end`: the next one starts behind it.
            i = end;
        }
        i = plus(i, SHORTEST_TOKEN);
    }
    false
}

/// Everything sensitive in `text` by its looks.
pub(super) fn scan(rules: &RuleSet, text: &[u8], unwrapped: Unwrapped<'_>, out: &mut FoundList) {
    match disguise::Plain::of(text) {
        Some(plain) => {
            scan_plain(rules, &plain.text, unwrapped, out);
            plain.back(out);
        }
        None => scan_plain(rules, text, unwrapped, out),
    }
}

fn scan_plain(rules: &RuleSet, text: &[u8], unwrapped: Unwrapped<'_>, out: &mut FoundList) {
    let mut colons = memchr::memchr_iter(b':', text);
    if colons.next().is_some() {
        address::userinfo(rules, text, out);
        if colons.next().is_some() {
            address::colon_separated(rules, text, out);
        }
    }
    out.sort_unstable();
    address::emails(rules, text, out);
    Runs {
        rules,
        text,
        // A single token has no words beside it, but in some scripts none are set apart.
        in_words: memchr::memchr3(b' ', b'\n', b'\t', text).is_some() || !text.is_ascii(),
        context: Context::default(),
        out,
        unwrapped,
    }
    .walk();
    tidy(out);
}

/// Shapes of whole values so common that a look saves the scan: UUIDs, dates and times, hex digests.
pub(super) fn is_harmless_shape(text: &[u8]) -> bool {
    match text.len() {
        36 => is_uuid(text),
        10 | 19..=35 if is_timestamp(text) => true,
        32 | 40 | 64 => {
            // No early way out: so it goes many bytes at a time.
            let hex = |ok: bool, b: &u8| ok & matches!(b, b'0'..=b'9' | b'a'..=b'f');
            let highest = |highest: u8, b: &u8| highest.max(*b);
            text.iter().fold(true, hex) && text.iter().fold(0, highest) > b'9'
        }
        _ => false,
    }
}

/// `8-4-4-4-12` hex digits (RFC 9562 section 4).
fn is_uuid(text: &[u8]) -> bool {
    let Some(text) = text.first_chunk::<36>().filter(|_| text.len() == 36) else {
        return false;
    };
    let dashes = [8, 13, 18, 23];
    let digits = |n: u8, b: &u8| n.wrapping_add(u8::from(b.is_ascii_hexdigit()));
    dashes.iter().all(|i| at(text, *i) == b'-') && text.iter().fold(0, digits) == 32
}

/// `2026-01-04`, alone or with a time behind it (RFC 3339 section 5.6).
fn is_timestamp(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = text.iter().zip(SHAPE).all(|(b, kind)| match kind {
        b'0' => b.is_ascii_digit(),
        b'T' => matches!(b, b'T' | b't' | b' '),
        _ => b == kind,
    });
    let century = cut(text, 0, 2);
    let tail = rest(text, SHAPE.len());
    fits && (century == b"19" || century == b"20")
        && tail
            .iter()
            .all(|b| b.is_ascii_digit() || b"+-:.,Z".contains(b))
}

/// Sorts, and joins what overlaps: the first of them names it, and nothing of either stays.
fn tidy(out: &mut FoundList) {
    if out.len() < 2 {
        return;
    }
    out.sort_unstable_by_key(|found| (found.start, usize::MAX.wrapping_sub(found.end)));
    out.dedup_by(|next, kept| {
        let overlaps = next.start < kept.end;
        if overlaps {
            kept.end = kept.end.max(next.end);
        }
        overlaps
    });
}

/// The pass over runs.
struct Runs<'a, 'u> {
    rules: &'a RuleSet,
    text: &'a [u8],
    in_words: bool,
    context: Context,
    out: &'a mut FoundList,
    unwrapped: Unwrapped<'u>,
}

/// A run of letters, digits, `_` and `-`.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    classes: u8,
}

impl Runs<'_, '_> {
    fn walk(&mut self) {
        let mut i = 0;
        while i < self.text.len() {
            let byte = at(self.text, i);
            i = if is(byte, ALNUM) {
                self.run(i)
            } else {
                self.mark(i, byte)
            };
        }
    }

    /// A byte between runs; some of them start something.
    fn mark(&mut self, i: usize, byte: u8) -> usize {
        let found = match byte {
            b'+' => number::international(self.rules, self.text, i),
            b'(' => number::parenthesised(self.rules, self.text, i),
            b'-' => self.pem(i),
            b'\n' => {
                self.context.end_line();
                None
            }
            b'.' => {
                self.context.end_sentence(self.text, i);
                None
            }
            b'=' | b':' => {
                self.context.separator(i);
                None
            }
            128.. if self.in_words => return self.other_word(i),
            b'%' | b';' => number::track(self.rules, self.text, i),
            _ => None,
        };
        self.keep(found).unwrap_or_else(|| plus(i, 1))
    }

    /// A word that starts with a letter beyond ASCII, or goes on with one: it only counts as a context word.
    fn other_word(&mut self, start: usize) -> usize {
        let lead = before(self.text, start);
        let tail = rest(self.text, start).iter();
        if !is(lead, ALNUM) && lead < 128 {
            // Behind letters of other scripts a number may follow without a space.
            let letter = |b: &&u8| is(**b, UPPER | LOWER) || **b >= 128;
            let end = plus(start, tail.clone().take_while(letter).count());
            self.context.word(self.rules, self.text, start, end);
        }
        plus(start, tail.take_while(|b| **b >= 128).count())
    }

    fn keep(&mut self, found: Option<Found>) -> Option<usize> {
        let found = found?;
        self.out.push(found);
        Some(found.end.max(plus(found.start, 1)))
    }

    /// A run that starts at `start`; gives where to go on.
    fn run(&mut self, start: usize) -> usize {
        let run = read_run(self.text, start);
        let len = minus(run.end, run.start);
        if len == 6 && is_data_url(self.text, run) {
            return skip_set(self.text, plus(run.end, 1), BASE64, usize::MAX);
        }
        if len == 36 && is_uuid(cut(self.text, run.start, run.end)) {
            return run.end;
        }
        let long = self.long_run(run);
        if let Some(end) = self.keep(long) {
            return end;
        }
        let mut i = run.start;
        while i < run.end {
            let end = skip(self.text, i, ALNUM);
            let found = self.word(i, end);
            i = match self.keep(found) {
                Some(next) if next > run.end => return next,
                Some(next) => next,
                None => end,
            };
            i = skip(self.text, i, JOIN);
        }
        run.end.max(minus(i, 1)).max(plus(run.start, 1))
    }

    /// What a whole run may be: a JWT, an IBAN, a token that starts with a class, or something wrapped.
    fn long_run(&mut self, run: Run) -> Option<Found> {
        let len = minus(run.end, run.start);
        let (rules, text) = (self.rules, self.text);
        if let Some((slot, end)) = rules.format_at(text, run.start) {
            return Some(Found {
                start: run.start,
                end,
                slot,
            });
        }
        let next = at(text, run.end);
        if run.classes & (DIGIT | UPPER | LOWER) == LOWER {
            return self.base64_from(run, next);
        }
        if is(at(text, run.start), UPPER | LOWER)
            && let Some(slot) = rules.detector(Detector::Iban)
            && let Some(end) = number::iban_end(text, run.start)
        {
            return Some(Found {
                start: run.start,
                end,
                slot,
            });
        }
        if len >= 3
            && let Some(slot) = rules.detector(Detector::Jwt)
            && cut(text, run.start, plus(run.start, 3)) == b"eyJ"
            && validate::jwt(cut(text, run.start, text.len().min(plus(run.start, 1_100))))
        {
            let end = skip_set(text, run.start, CREDENTIAL, usize::MAX);
            return Some(Found {
                start: run.start,
                end,
                slot,
            });
        }
        // Base64 may do without digits: the first part of the token of a bot.
        let mixed = run.classes & (UPPER | LOWER) == UPPER | LOWER;
        let digits = run.classes & DIGIT != 0 || (mixed && next == b'.' && len >= SHORTEST_TOKEN);
        let telling =
            matches!(next, b'.' | b':' | b'~') || run.classes & JOIN != 0 || len >= SHORTEST_ID;
        // Base64 with `/` or `+` in it: only from its true start.
        let base64 = matches!(next, b'/' | b'+') && !BASE64.has(before(text, run.start));
        if ((digits && telling) || base64)
            && let Some((slot, end)) = rules.loose_format_at(text, run.start, run.end)
            && !within_base64(text, run.start, end)
        {
            return Some(Found {
                start: run.start,
                end,
                slot,
            });
        }
        wrapped::unwrap(text, run.start, self.unwrapped)
    }

    /// Long base64 that happens to begin with small letters before its first sign: a key of 64 bytes.
    fn base64_from(&self, run: Run, next: u8) -> Option<Found> {
        let (text, start) = (self.text, run.start);
        let begins = matches!(next, b'/' | b'+') && !BASE64.has(before(text, start));
        if !begins || minus(skip_set(text, start, BASE64, LONG_BASE64), start) < LONG_BASE64 {
            return None;
        }
        let (slot, end) = self.rules.loose_format_at(text, start, run.end)?;
        Some(Found { start, end, slot })
    }

    /// A word within a run: a format, a number, or a context word.
    fn word(&mut self, start: usize, end: usize) -> Option<Found> {
        let (rules, text) = (self.rules, self.text);
        if is(before(text, start), JOIN)
            && let Some((slot, end)) = rules.format_at(text, start)
        {
            return Some(Found { start, end, slot });
        }
        if is(at(text, start), DIGIT)
            && let Some(found) = number::number(rules, text, start)
        {
            return Some(found);
        }
        if !self.in_words {
            return None;
        }
        if let Some(found) = self.context.near(rules, text, start) {
            return Some(found);
        }
        if let Some(found) = self.credentials(start, end) {
            return Some(found);
        }
        // The rest of a word whose other letters are beyond ASCII counts no more.
        if before(text, start) < 128 {
            let letter = |b: &&u8| is(**b, ALNUM) || **b >= 128;
            let more = match at(text, end) {
                128.. => rest(text, end).iter().take_while(letter).count(),
                _ => 0,
            };
            self.context.word(rules, text, start, plus(end, more));
        }
        None
    }

    /// `Bearer abc`, `Basic abc` in running text.
    fn credentials(&self, start: usize, end: usize) -> Option<Found> {
        let word = cut(self.text, start, end);
        if !matches!(word.len(), 5 | 6)
            || !(word.eq_ignore_ascii_case(b"bearer") || word.eq_ignore_ascii_case(b"basic"))
            || at(self.text, end) != b' '
        {
            return None;
        }
        let from = plus(end, 1);
        let to = skip_set(self.text, from, CREDENTIAL, usize::MAX);
        let value = cut(self.text, from, to);
        // `token_type=bearer shipment=123` is two pairs.
        let behind = |i: usize| value.get(plus(i, 1)).is_some_and(|next| *next != b'=');
        let pair = memchr::memchr(b'=', value).is_some_and(behind);
        let looks = !pair
            && value.len() >= 8
            && value
                .iter()
                .any(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || *b == b'=');
        let slot = self.rules.detector(Detector::Bearer)?;
        looks.then_some(Found {
            start: from,
            end: to,
            slot,
        })
    }

    /// A PEM private key, also cut short (RFC 7468).
    fn pem(&self, i: usize) -> Option<Found> {
        let tail = rest(self.text, i);
        if !tail.starts_with(b"-----BEGIN ") {
            return None;
        }
        let slot = self.rules.detector(Detector::Pem)?;
        let label = cut(tail, 0, tail.len().min(80));
        find(label, 0, b"PRIVATE KEY").or_else(|| find(label, 0, b"PGP PRIVATE"))?;
        let end = find(tail, 11, b"-----END ")
            .and_then(|end| find(tail, plus(end, 9), b"-----"))
            .map_or(self.text.len(), |end| plus(i, plus(end, 5)));
        Some(Found {
            start: i,
            end,
            slot,
        })
    }
}

/// `data:image/png;base64,`: what follows is a picture, in which anything may seem to be.
fn is_data_url(text: &[u8], run: Run) -> bool {
    let media = [
        &b"data:image/"[..],
        b"data:font/",
        b"data:audio/",
        b"data:video/",
    ];
    let head = text
        .get(minus(run.start, 48)..run.start)
        .unwrap_or_default();
    cut(text, run.start, run.end) == b"base64"
        && at(text, run.end) == b','
        && media.iter().any(|kind| find(head, 0, kind).is_some())
}

fn read_run(text: &[u8], start: usize) -> Run {
    let mut classes = 0;
    let mut end = start;
    for &byte in rest(text, start) {
        let class = class(byte);
        if class & RUN == 0 {
            break;
        }
        classes |= class;
        end = plus(end, 1);
    }
    Run {
        start,
        end,
        classes,
    }
}

/// Whether `start..end` is a stretch of something longer in base64: a digest, a certificate.
fn within_base64(text: &[u8], start: usize, end: usize) -> bool {
    let joined = |sign: usize, other: u8| at(text, sign) == b'+' && is(other, ALNUM);
    let next = joined(end, at(text, plus(end, 1)));
    let previous = start > 1 && joined(minus(start, 1), at(text, minus(start, 2)));
    if !next && !previous {
        return false;
    }
    let head = text
        .get(minus(start, LONG_BASE64)..start)
        .unwrap_or_default();
    let back = head.iter().rev().take_while(|b| BASE64.has(**b)).count();
    let stop = skip_set(text, start, BASE64, LONG_BASE64);
    minus(plus(stop, back), start) >= LONG_BASE64
}

/// Text in base64 that is longer than an address or a key (bytes).
const LONG_BASE64: usize = 60;

/// Bytes of a `token68` (RFC 9110 section 11.2).
const CREDENTIAL: Set = BASE62.and(Set::of(b"-._~+/="));
/// Bytes of base64.
const BASE64: Set = BASE62.and(Set::of(b"+/"));

/// Whether a byte may stand beside a number without being part of it.
fn is_boundary(byte: u8) -> bool {
    !is(byte, ALNUM) && byte < 128
}

/// A point and more digits: a float, a date, a version.
fn continues_number(text: &[u8], end: usize) -> bool {
    at(text, end) == b'.' && is(at(text, plus(end, 1)), DIGIT)
}

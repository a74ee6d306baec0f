//! Running text: logs, configuration, messages. `name=value` and `name: value` pairs are judged by name, the rest by looks.

use smallvec::SmallVec;

use super::links::SHORTEST_PATH;
use super::url::Filing;
use crate::cleartext::mask::bytes::{
    ALNUM, JOIN, at, before, cut, find, hex, is, minus, plus, rest, trim,
};
use crate::cleartext::mask::codec::{Codec, is_track};
use crate::cleartext::mask::decide::{Decision, decide};
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::rules::Detector;
use crate::cleartext::mask::validate;
use crate::cleartext::mask::walk::{Stretch, Walk, is_url, trimmed};
use crate::observation::Category;

/// The longest name before a separator.
const LONGEST_NAME: usize = 64;
/// The longest value of a pair that is looked for an end.
const LONGEST_VALUE: usize = 8_192;

/// What stands before the password of a login in a log.
const LOGIN: &[u8] = b"password ";

/// So much of a long value tells whether it is what its name asks for.
const PROBE: usize = 128;

/// Stretches that are already decided, in order.
pub(super) type Taken = SmallVec<[Stretch; 8]>;

impl Walk<'_> {
    /// A text whose format says no more than that.
    pub(in crate::cleartext::mask) fn text(&mut self, buffer: &[u8], at: Stretch, key: Key) {
        if !self.records(buffer, at, key) {
            self.running_text(buffer, at, key);
        }
    }

    /// A text without records.
    pub(super) fn running_text(&mut self, buffer: &[u8], at: Stretch, key: Key) {
        let text = at.of(buffer);
        let mut taken = Taken::new();
        if memchr::memchr2(b'=', b':', text).is_some() {
            self.pairs(buffer, at, &mut taken);
            if memchr::memchr(b'"', text).is_some() && find(text, 0, b":\"").is_some() {
                self.serialised(buffer, at, &mut taken);
            }
        }
        let pairs = taken.len();
        if memchr::memchr(b' ', text).is_some() {
            self.apart(buffer, at, &mut taken);
        }
        if taken.len() > pairs {
            taken.sort_unstable_by_key(|t| (t.start, t.end));
        }
        if text.len() > SHORTEST_PATH && memchr::memchr(b'/', text).is_some() {
            self.paths(buffer, at, &mut taken);
        }
        if memchr::memchr2(b'%', b'\\', text).is_some() {
            self.escaped_tokens(buffer, at, &mut taken);
        }
        // Beside a name such as `version`, four numbers with points are no address.
        let no_address = key
            .is(Key::VERSION)
            .then(|| self.rules.detector(Detector::Ipv4))
            .flatten();
        let no_card = key
            .is(Key::ARTICLE)
            .then(|| self.rules.detector(Detector::Card))
            .flatten();
        let mut taken = taken.iter().peekable();
        for found in self.shapes(text) {
            if Some(found.slot) == no_address {
                continue;
            }
            let stretch = Stretch::new(plus(at.start, found.start), plus(at.start, found.end));
            if Some(found.slot) == no_card && validate::gtin(stretch.of(buffer)) {
                continue;
            }
            while taken.peek().is_some_and(|taken| taken.end <= stretch.start) {
                taken.next();
            }
            if taken.peek().is_none_or(|taken| taken.start >= stretch.end) {
                self.mask(stretch, found.slot, stretch.of(buffer));
            }
        }
    }

    /// Names and values that stand apart, each kind only where its sign is.
    fn apart(&mut self, buffer: &[u8], at: Stretch, taken: &mut Taken) {
        let text = at.of(buffer);
        if memchr::memchr(b'(', text).is_some() && memchr::memchr(b')', text).is_some() {
            self.sql(buffer, at, taken);
        }
        if memchr::memchr(b'-', text).is_some() && find(text, 0, b" -").is_some() {
            self.options(buffer, at, taken);
        }
        // Where nothing can stand behind it, it is not looked for.
        if text.len() > LOGIN.len() && find(text, 0, LOGIN).is_some() {
            self.logins(buffer, at, taken);
        }
        if memchr::memchr(b'$', text).is_some() {
            self.echoed_variables(buffer, at, taken);
        }
    }

    fn pairs(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        let mut i = all.start;
        // Up to here, values in queries hold no escape.
        let mut plain = all.start;
        while let Some(sign) =
            memchr::memchr2(b'=', b':', cut(buffer, i, all.end)).map(|n| plus(i, n))
        {
            i = plus(sign, 1);
            let Some(pair) = Pair::at(buffer, all, sign) else {
                continue;
            };
            let space = if pair.in_query {
                Space::Param
            } else {
                Space::Field
            };
            let name = pair.name.of(buffer);
            let key = self.classify(space, name);
            // Without a name that counts, the value is judged by its looks, or as an escaped token.
            if !key.hits() && (!pair.in_query || pair.start < plain) {
                continue;
            }
            if key.hits() && pair.repeats(buffer, sign) {
                continue;
            }
            if key.hits() && self.is_refused_early(buffer, all, &pair, key) {
                continue;
            }
            let value = pair.value(buffer, all, self.reach(key));
            if pair.leads_line && pair.separator == b':' && key.hits() {
                let cells = block(buffer, &pair, all, value);
                for cell in &cells {
                    self.leaf(buffer, *cell, Codec::Plain, key);
                }
                if let Some(last) = cells.last() {
                    i = last.end.max(i);
                    taken.extend(cells);
                    continue;
                }
            }
            if value.start >= value.end {
                continue;
            }
            let mark = self.s.enter_name(name, key.is(Key::KNOWN));
            let hits = self.s.hits.len();
            let whole = self.pair_value(buffer, value, key, pair.in_query);
            self.s.leave(mark);
            if whole || self.s.hits.len() > hits {
                taken.push(value);
                i = value.end.max(i);
            } else if !key.hits() {
                plain = value.end;
            }
        }
    }

    /// Whether a long value is, by its beginning, not what its name asks for. Values may lie in one another
    /// (`auth=auth=auth=`): to read each to its end would be quadratic.
    fn is_refused_early(&self, buffer: &[u8], all: Stretch, pair: &Pair, key: Key) -> bool {
        let asks = self
            .rules
            .rule(key.slot)
            .is_some_and(|rule| rule.accept.is_some());
        let head = Stretch::new(all.start, all.end.min(plus(pair.start, PROBE)));
        if !asks || head.end >= all.end {
            return false;
        }
        let value = pair.value(buffer, head, self.reach(key));
        let raw = value.of(buffer);
        value.end >= head.end && decide(self.rules, key, raw) == Decision::Look && !has_escape(raw)
    }

    /// How far the value of a pair in running text reaches.
    fn reach(&self, key: Key) -> Reach {
        match self.rules.rule(key.slot) {
            Some(rule) if key.hits() && rule.category != Category::Secret => Reach::Phrase,
            _ => Reach::Word,
        }
    }

    /// Judges the value of a pair; whether it is decided whole.
    fn pair_value(&mut self, buffer: &[u8], value: Stretch, key: Key, in_query: bool) -> bool {
        let raw = value.of(buffer);
        let codec = if in_query && Codec::Form.applies(raw) {
            Codec::Form
        } else {
            Codec::Plain
        };
        if key.hits() {
            match decide(self.rules, key, raw) {
                Decision::Mask(slot) => self.mask(value, slot, raw),
                Decision::Keep => return true,
                Decision::Look if codec != Codec::Plain => self.leaf(buffer, value, codec, key),
                Decision::Look if has_escape(raw) => self.leaf(buffer, value, Codec::Percent, key),
                Decision::Look => return false,
            }
            return true;
        }
        if codec != Codec::Plain && has_escape(raw) {
            self.leaf(buffer, value, codec, key);
            return true;
        }
        false
    }

    /// Tokens that carry percent or `\u` escapes, undone one by one so that the text around them keeps its form.
    fn escaped_tokens(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        // Both go through the text in order: what was decided is compared with each token once.
        let (known, mut next) = (taken.len(), 0_usize);
        let mut i = all.start;
        while let Some(sign) =
            memchr::memchr2(b'%', b'\\', cut(buffer, i, all.end)).map(|n| plus(i, n))
        {
            let codec = escape_at(buffer, sign);
            let token = token_around(buffer, all, sign, i);
            i = token.end.max(plus(sign, 1));
            while next < known && taken.get(next).is_some_and(|t| t.end <= token.start) {
                next = plus(next, 1);
            }
            let overlaps = next < known && taken.get(next).is_some_and(|t| t.start < token.end);
            let Some(codec) = codec else { continue };
            if overlaps {
                continue;
            }
            let hits = self.s.hits.len();
            if is_url(token.of(buffer)) {
                self.url(buffer, token, Filing::Inside);
            } else {
                self.leaf(buffer, token, codec, Key::NONE);
            }
            if self.s.hits.len() > hits {
                taken.push(token);
            }
        }
        taken.sort_unstable_by_key(|t| t.start);
    }
}

/// How far a value in running text reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To the next white space.
    Word,
    /// Over capitalised words and numbers that follow: names, addresses, dates.
    Phrase,
}

/// A name, a separator, and what stands around them.
struct Pair {
    name: Stretch,
    /// First byte behind the separator and white space.
    start: usize,
    separator: u8,
    /// `?name=` or `&name=`.
    in_query: bool,
    /// The name is the first thing in its line.
    leads_line: bool,
}

impl Pair {
    /// The pair around a `=` or `:` at `sign`.
    fn at(buffer: &[u8], all: Stretch, sign: usize) -> Option<Self> {
        let separator = at(buffer, sign);
        let mut end = sign;
        while end > all.start
            && matches!(before(buffer, end), b' ' | b'"' | b'\'' | b'\\')
            && minus(sign, end) < 4
        {
            end = minus(end, 1);
        }
        let head = buffer.get(all.start..end)?;
        let is_name =
            |b: &&u8| is(**b, ALNUM | JOIN) || **b >= 128 || matches!(**b, b'.' | b'[' | b']');
        let len = head
            .iter()
            .rev()
            .take(LONGEST_NAME)
            .take_while(is_name)
            .count();
        let name = Stretch::new(minus(end, len), end);
        let mut start = plus(sign, 1);
        if separator == b'=' && at(buffer, start) == b'>' {
            start = plus(start, 1);
        }
        let gap = cut(buffer, start, all.end)
            .iter()
            .take(4)
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let follows = at(buffer, plus(start, gap));
        let digits_only = name.of(buffer).iter().all(u8::is_ascii_digit);
        // `http://`, `12:30`, `a == b`, `std::x` are no pairs.
        let is_pair = len > 0
            && !digits_only
            && follows != b'='
            && follows != b':'
            && !(separator == b':' && is_group(buffer, name, sign))
            && cut(buffer, start, plus(start, 2)) != b"//";
        if !is_pair {
            return None;
        }
        let lead = line_before(buffer, all, name.start);
        Some(Self {
            name,
            start: plus(start, gap),
            separator,
            in_query: matches!(before(buffer, name.start), b'?' | b'&' | b';') && separator == b'=',
            leads_line: lead.is_some_and(|lead| {
                lead.is_empty() || matches!(lead, b"-" | b"export" | b"\"" | b"'" | b"set")
            }),
        })
    }

    /// Whether its value begins with the same name and sign once more (`auth=auth=x`): that pair is judged instead.
    fn repeats(&self, buffer: &[u8], sign: usize) -> bool {
        let own = cut(buffer, self.name.start, plus(sign, 1));
        cut(buffer, self.start, plus(self.start, own.len())) == own
    }

    /// Where its value stands.
    fn value(&self, buffer: &[u8], all: Stretch, reach: Reach) -> Stretch {
        let start = self.start;
        let limit = all.end.min(plus(start, LONGEST_VALUE));
        let text = cut(buffer, start, limit);
        if let Some(quoted) = quoted(text) {
            return Stretch::new(plus(start, quoted.start), plus(start, quoted.end));
        }
        let line = || memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len());
        let len = if self.in_query {
            text.iter()
                .take_while(|b| !b.is_ascii_whitespace() && !b"&\"'<>#;".contains(b))
                .count()
        } else if self.leads_line
            && (self.separator == b':' || !has_more_pairs(cut(text, 0, line())))
        {
            cut(text, 0, line()).trim_ascii_end().len()
        } else {
            unquoted_len(text, reach)
        };
        Stretch::new(start, plus(start, len))
    }
}

/// Whether a name before `:` is a group of an IPv6 address: up to four hexadecimal digits, between or before others.
fn is_group(buffer: &[u8], name: Stretch, sign: usize) -> bool {
    let hex_run = |text: &[u8]| text.iter().take_while(|b| hex(**b).is_some()).count();
    let own = name.of(buffer);
    let next = hex_run(cut(buffer, plus(sign, 1), plus(sign, 6)));
    let joined = before(buffer, name.start) == b':'
        || (next <= 4 && at(buffer, plus(sign, plus(next, 1))) == b':');
    own.len() <= 4 && hex_run(own) == own.len() && joined
}

/// A block scalar or a list under a name (YAML 1.2 sections 8.1 and 8.2.1): its values.
fn block(buffer: &[u8], pair: &Pair, all: Stretch, value: Stretch) -> Taken {
    let scalar = matches!(at(value.of(buffer), 0), b'|' | b'>') && value.of(buffer).len() <= 3;
    let end = memchr::memchr(b'\n', cut(buffer, pair.start, all.end))
        .map_or(all.end, |n| plus(pair.start, n));
    if !scalar && !cut(buffer, pair.start, end).trim_ascii().is_empty() {
        return Taken::new();
    }
    let floor = minus(pair.name.start, 64).max(all.start);
    let indent = match memchr::memrchr(b'\n', cut(buffer, floor, pair.name.start)) {
        Some(line) => minus(pair.name.start, plus(plus(floor, line), 1)),
        None => minus(pair.name.start, floor),
    };
    let (mut i, mut cells) = (plus(end, 1), Taken::new());
    while i < all.end {
        let stop = memchr::memchr(b'\n', cut(buffer, i, all.end)).map_or(all.end, |n| plus(i, n));
        let line = trimmed(buffer, Stretch::new(i, stop));
        let item = line.of(buffer).starts_with(b"- ");
        let deeper = minus(line.start, i) > indent || (item && minus(line.start, i) == indent);
        let pairs = memchr::memchr(b':', line.of(buffer)).is_some();
        if line.start < line.end && (!deeper || (!scalar && (!item || pairs))) {
            break;
        }
        let start = if scalar {
            line.start
        } else {
            plus(line.start, 2)
        };
        if start < line.end {
            cells.push(Stretch::new(start, line.end));
        }
        i = plus(stop, 1);
    }
    cells
}

/// What stands before `start` in its line, if that is short.
fn line_before(buffer: &[u8], all: Stretch, start: usize) -> Option<&[u8]> {
    const SHORT: usize = 40;
    let floor = minus(start, SHORT).max(all.start);
    let head = buffer.get(floor..start)?;
    match memchr::memrchr(b'\n', head) {
        Some(end) => Some(trim(cut(head, plus(end, 1), head.len()))),
        None if floor == all.start => Some(trim(head)),
        None => None,
    }
}

/// The inside of a quoted value; the quote may itself be escaped.
fn quoted(text: &[u8]) -> Option<Stretch> {
    let (open, quote) = match text {
        [b'\\', quote @ (b'"' | b'\''), ..] => (2, *quote),
        [quote @ (b'"' | b'\''), ..] => (1, *quote),
        _ => return None,
    };
    let escaped = open == 2;
    let mut i = open;
    while let Some(&byte) = text.get(i) {
        if byte == b'\\' {
            if escaped && at(text, plus(i, 1)) == quote {
                return Some(Stretch::new(open, i));
            }
            i = plus(i, 2);
            continue;
        }
        if byte == quote {
            return Some(Stretch::new(open, i));
        }
        i = plus(i, 1);
    }
    Some(Stretch::new(open, text.len()))
}

/// `a=1 b=2`: logfmt, not one value with spaces.
fn has_more_pairs(line: &[u8]) -> bool {
    memchr::memchr_iter(b'=', line).any(|equals| {
        let name = cut(line, 0, equals)
            .iter()
            .rev()
            .take_while(|b| is(**b, ALNUM | JOIN) || **b == b'.')
            .count();
        name > 0 && before(line, minus(equals, name)).is_ascii_whitespace()
    })
}

fn unquoted_len(line: &[u8], reach: Reach) -> usize {
    let word_len = |from: usize| {
        let tail = rest(line, from).iter();
        tail.take_while(|b| !b.is_ascii_whitespace() && !b",;&\"'<>|)}]".contains(b))
            .count()
    };
    let mut end = word_len(0);
    if reach == Reach::Word {
        // `Authorization: Bearer abc` in running text; credentials with parameters take the line (RFC 9110 section 11.4).
        let scheme = cut(line, 0, end);
        let lists = [
            &b"digest"[..],
            b"hawk",
            b"oauth",
            b"signature",
            b"aws4-hmac-sha256",
        ];
        if at(line, end) == b' ' && lists.iter().any(|s| s.eq_ignore_ascii_case(scheme)) {
            let len = memchr::memchr2(b'\n', b'\r', line).unwrap_or(line.len());
            return cut(line, 0, len).trim_ascii_end().len();
        }
        let is_scheme = [&b"bearer"[..], b"basic", b"token", b"digest"]
            .iter()
            .any(|s| s.eq_ignore_ascii_case(scheme));
        return if is_scheme {
            plus(plus(end, 1), word_len(plus(end, 1))).min(line.len())
        } else {
            end
        };
    }
    for _ in 0..5 {
        let next = plus(end, 1);
        let goes_on = at(line, end) == b' '
            && (at(line, next).is_ascii_uppercase()
                || at(line, next).is_ascii_digit()
                || at(line, next) >= 128);
        let len = word_len(next);
        // A long number with a full stop ends its sentence.
        let ends = cut(line, minus(end, 4), end);
        if ends.len() == 4 && ends.ends_with(b".") && cut(ends, 0, 3).iter().all(u8::is_ascii_digit)
        {
            break;
        }
        let is_pair = matches!(before(line, plus(next, len)), b':')
            || find(cut(line, next, plus(next, len)), 0, b"=").is_some();
        if !goes_on || len == 0 || is_pair {
            break;
        }
        end = plus(next, len);
    }
    // A full stop ends the sentence, not the value.
    let stop = cut(line, 0, end)
        .iter()
        .rev()
        .take_while(|b| **b == b'.')
        .count();
    minus(end, stop)
}

fn has_escape(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).any(|i| escape_at(text, i).is_some())
}

fn escape_at(text: &[u8], i: usize) -> Option<Codec> {
    let pair = |i: usize| hex(at(text, i)).is_some() && hex(at(text, plus(i, 1))).is_some();
    match at(text, i) {
        b'%' if pair(plus(i, 1)) && !is_track(text, i) => Some(Codec::Percent),
        b'\\' if at(text, plus(i, 1)) == b'u' && pair(plus(i, 2)) && pair(plus(i, 4)) => {
            Some(Codec::Json)
        }
        _ => None,
    }
}

/// The token around an escape, not reaching back before `floor`.
fn token_around(buffer: &[u8], all: Stretch, i: usize, floor: usize) -> Stretch {
    let inside = |b: &&u8| !b.is_ascii_whitespace() && !b"&=;\"'<>,()|".contains(*b);
    let back = buffer
        .get(floor.max(all.start)..i)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(LONGEST_VALUE)
        .take_while(inside)
        .count();
    let forth = cut(buffer, i, all.end)
        .iter()
        .take(LONGEST_VALUE)
        .take_while(inside)
        .count();
    Stretch::new(minus(i, back), plus(i, forth))
}

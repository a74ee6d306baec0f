//! URLs and forms: path segments, matrix parameters, query, fragment (RFC 3986; WHATWG URL for forms).

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{ALNUM, JOIN, at, cut, find, is, minus, plus, rest};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::rules::Detector;
use crate::cleartext::mask::shape;
use crate::cleartext::mask::walk::{Stretch, Walk};
use crate::observation::Part;

/// A segment longer than this names nothing.
const LONGEST_NAME: usize = 40;

/// How findings in an URL are filed: by part where it is the request target, else all under the field that held it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::mask) enum Filing {
    /// The request target: segments under the path, parameters under the query.
    Target,
    /// An URL inside something else.
    Inside,
}

impl Walk<'_> {
    /// An URL, a request target, or anything that looks like the tail of one.
    pub(in crate::cleartext::mask) fn url(&mut self, buffer: &[u8], at: Stretch, filing: Filing) {
        let text = at.of(buffer);
        let fragment = memchr::memchr(b'#', text).unwrap_or(text.len());
        let query = memchr::memchr(b'?', cut(text, 0, fragment)).unwrap_or(fragment);
        let path = plus(at.start, self.authority(buffer, at));
        let mark = self.s.enter(&[], true);
        if filing == Filing::Target {
            self.s.part = Part::RequestPath;
        }
        self.path(buffer, Stretch::new(path, plus(at.start, query)));
        if filing == Filing::Target {
            self.s.part = Part::RequestQuery;
        }
        if query < fragment {
            self.parameters(
                buffer,
                Stretch::new(plus(at.start, plus(query, 1)), plus(at.start, fragment)),
                b"&;",
            );
        }
        if fragment < text.len() {
            self.parameters(
                buffer,
                Stretch::new(plus(at.start, plus(fragment, 1)), at.end),
                b"&;",
            );
        }
        self.s.leave(mark);
    }

    /// Masks the user part; gives how many bytes scheme and authority take.
    fn authority(&mut self, buffer: &[u8], at: Stretch) -> usize {
        let text = at.of(buffer);
        let scheme = match find(cut(text, 0, text.len().min(24)), 0, b"//") {
            Some(slashes)
                if slashes == 0 || matches!(text.get(slashes.wrapping_sub(1)), Some(b':')) =>
            {
                plus(slashes, 2)
            }
            _ => return 0,
        };
        let len = rest(text, scheme)
            .iter()
            .take_while(|b| !matches!(b, b'/' | b'?' | b'#'))
            .count();
        let host = cut(text, scheme, plus(scheme, len));
        if let Some(sign) = memchr::memrchr(b'@', host)
            && let Some(slot) = self.rules.detector(Detector::UrlPassword)
        {
            let user = Stretch::new(plus(at.start, scheme), plus(at.start, plus(scheme, sign)));
            let mark = self.s.enter(&[b"{user}"], true);
            self.mask(user, slot, user.of(buffer));
            self.s.leave(mark);
        } else {
            let mark = self.s.enter(&[b"{host}"], true);
            let host = Stretch::new(plus(at.start, scheme), plus(at.start, plus(scheme, len)));
            self.looks(buffer, host);
            self.s.leave(mark);
        }
        plus(scheme, len)
    }

    /// Only the looks of a stretch: no documents, no pairs.
    pub(in crate::cleartext::mask) fn looks(&mut self, buffer: &[u8], at: Stretch) {
        let text = at.of(buffer);
        let survey = shape::survey(text);
        let short = self
            .rules
            .is_too_short(survey.classes, survey.digits, text.len());
        if survey.is_plain(text) || short || shape::is_harmless_shape(text) {
            return;
        }
        for found in self.shapes(text) {
            let at = Stretch::new(plus(at.start, found.start), plus(at.start, found.end));
            self.mask(at, found.slot, at.of(buffer));
        }
    }

    fn path(&mut self, buffer: &[u8], at: Stretch) {
        let text = at.of(buffer);
        if shape::survey(text).is_plain(text) {
            return;
        }
        let (mut i, mut key) = (at.start, Key::NONE);
        while i < at.end {
            let len = rest(buffer, i)
                .iter()
                .take(minus(at.end, i))
                .take_while(|b| **b != b'/')
                .count();
            let mut end = plus(i, len);
            // What takes several segments to know: `services/T.../B.../...`, whatever host the message names elsewhere.
            let wide = cut(buffer, 0, at.end);
            let narrow = cut(buffer, 0, end);
            if len > 0
                && let Some((slot, stop)) = self.rules.format_at(wide, i)
                && stop > end
                && self.rules.format_at(narrow, i).is_none()
            {
                let mark = self.s.enter(&[b"{segment}"], true);
                self.mask(Stretch::new(i, stop), slot, cut(buffer, i, stop));
                self.s.leave(mark);
                key = Key::NONE;
                end = stop;
            } else if len > 0 {
                key = self.segment(buffer, Stretch::new(i, end), key, at.end);
            }
            i = plus(end, 1);
        }
    }

    /// A segment with its matrix parameters; gives what it says as a name about the next one.
    fn segment(&mut self, buffer: &[u8], at: Stretch, key: Key, path_end: usize) -> Key {
        let text = at.of(buffer);
        let split = memchr::memchr(b';', text).unwrap_or(text.len());
        let own = Stretch::new(at.start, plus(at.start, split));
        let mark = self.s.enter(&[b"{segment}"], true);
        self.segment_value(buffer, own, key);
        self.s.leave(mark);
        if split < text.len() {
            self.parameters(buffer, Stretch::new(plus(own.end, 1), at.end), b";");
        }
        // Only what may be a name is one: identifiers would fill the cache of names.
        let name = own.of(buffer);
        let may_be_name = name.len() <= LONGEST_NAME && !name.iter().any(u8::is_ascii_digit);
        if may_be_name && at.end < path_end {
            self.classify(Space::Field, name)
        } else {
            Key::NONE
        }
    }

    fn segment_value(&mut self, buffer: &[u8], at: Stretch, key: Key) {
        let raw = at.of(buffer);
        // Behind a name such as `ssn` stands a value or a verb: verbs have no digits and no signs.
        let valued = raw
            .iter()
            .any(|b| b.is_ascii_digit() || matches!(b, b'%' | b'@' | b'='))
            || raw.len() >= 24;
        let key = if valued { key } else { Key::NONE };
        if !key.hits() && self.whole_segment(buffer, at) {
            return;
        }
        self.leaf(buffer, at, Codec::Percent, key);
    }

    /// Tokens that hold `:` or `=` would be cut apart as pairs; in a path they stand alone.
    fn whole_segment(&mut self, buffer: &[u8], at: Stretch) -> bool {
        let raw = at.of(buffer);
        if memchr::memchr2(b'%', b'=', raw).is_some() {
            return false;
        }
        self.looks(buffer, at);
        true
    }

    /// `name=value` pairs between any of `separators`.
    pub(in crate::cleartext::mask) fn parameters(
        &mut self,
        buffer: &[u8],
        at: Stretch,
        separators: &[u8],
    ) {
        let mut i = at.start;
        let mut pair = NamePair::default();
        while i < at.end {
            let own = parameter_at(buffer, i, at.end, separators);
            if own.start < own.end {
                let next = parameter_at(buffer, plus(own.end, 1), at.end, separators);
                self.parameter(buffer, own, next, &mut pair);
            }
            i = plus(own.end, 1);
        }
    }

    /// What the value of a pair falls under: `UserAttributes[0][Name]=birthdate&UserAttributes[0][Value]=...`, in any order.
    fn paired(&mut self, buffer: &[u8], key: Key, at: &Parameter<'_>, pair: &mut NamePair) -> Key {
        let Parameter { name, value, next } = *at;
        let stem = stem(name);
        if key.is(Key::PAIR_NAME) && !self.rules.is_sure(key) {
            pair.key = self.pair_name(value.of(buffer));
            pair.stem = SmallVec::from_slice(stem);
            return key;
        }
        if !key.is(Key::PAIR_VALUE) || key.hits() {
            return key;
        }
        if pair.key.hits() && pair.stem.as_slice() == stem {
            return pair.key;
        }
        let Some((name, value)) = split_parameter(buffer, next) else {
            return key;
        };
        let name = decoded_name(name.of(buffer));
        let follows = self.classify(Space::Param, &name).is(Key::PAIR_NAME)
            && self::stem(&name) == stem
            && !stem.is_empty();
        let named = if follows {
            self.pair_name(value.of(buffer))
        } else {
            Key::NONE
        };
        if named.hits() { named } else { key }
    }

    fn pair_name(&mut self, value: &[u8]) -> Key {
        if value.len() > LONGEST_NAME {
            return Key::NONE;
        }
        let name = decoded_name(value);
        self.classify(Space::Field, &name)
    }

    fn parameter(&mut self, buffer: &[u8], at: Stretch, next: Stretch, pair: &mut NamePair) {
        let Some((name, value)) = split_parameter(buffer, at) else {
            // No value: the name itself may be one.
            let mark = self.s.enter(&[b"{name}"], true);
            self.leaf(buffer, at, Codec::Form, Key::NONE);
            self.s.leave(mark);
            return;
        };
        let decoded = decoded_name(name.of(buffer));
        let key = self.classify(Space::Param, &decoded);
        let own = Parameter {
            name: &decoded,
            value,
            next,
        };
        let key = self.paired(buffer, key, &own, pair);
        self.sensitive_name(buffer, name);
        let mark = self.s.enter(&[&decoded], key.is(Key::KNOWN));
        self.leaf(buffer, value, Codec::Form, key);
        self.s.leave(mark);
    }

    /// A parameter whose name is the value.
    fn sensitive_name(&mut self, buffer: &[u8], at: Stretch) {
        if !shape::survey(at.of(buffer)).is_plain(at.of(buffer)) {
            let mark = self.s.enter(&[b"{name}"], true);
            self.leaf(buffer, at, Codec::Form, Key::NONE);
            self.s.leave(mark);
        }
    }

    /// A form body.
    pub(in crate::cleartext::mask) fn form(&mut self, buffer: &[u8], at: Stretch) {
        self.parameters(buffer, at, b"&");
    }
}

/// The name in a name/value pair that was seen last.
#[derive(Default)]
struct NamePair {
    key: Key,
    /// What its parameter's name begins with: `UserAttributes[0]`.
    stem: SmallVec<[u8; 64]>,
}

/// A parameter among others.
struct Parameter<'n> {
    /// Its name, decoded.
    name: &'n [u8],
    value: Stretch,
    /// The one behind it, name and value.
    next: Stretch,
}

/// The parameter that starts at `start`; empty behind the last.
fn parameter_at(buffer: &[u8], start: usize, end: usize, separators: &[u8]) -> Stretch {
    let start = start.min(end);
    let len = cut(buffer, start, end)
        .iter()
        .take_while(|b| !separators.contains(b))
        .count();
    Stretch::new(start, plus(start, len))
}

fn split_parameter(buffer: &[u8], at: Stretch) -> Option<(Stretch, Stretch)> {
    let equals = plus(at.start, memchr::memchr(b'=', at.of(buffer))?);
    let value = Stretch::new(plus(equals, 1), at.end);
    Some((Stretch::new(at.start, equals), value))
}

fn decoded_name(name: &[u8]) -> SmallVec<[u8; 64]> {
    if !Codec::Form.applies(name) {
        return SmallVec::from_slice(name);
    }
    let mut plain = Vec::new();
    Codec::Form.decode(name, &mut plain);
    if Codec::Percent.applies(&plain) {
        let once = std::mem::take(&mut plain);
        Codec::Percent.decode(&once, &mut plain);
    }
    SmallVec::from_vec(plain)
}

/// A name without its last word: `UserAttributes[0]` of `UserAttributes[0][Name]`.
fn stem(name: &[u8]) -> &[u8] {
    let letter = |b: &&u8| is(**b, ALNUM);
    let tail = name.iter().rev().take_while(|b| !is(**b, ALNUM)).count();
    let body = cut(name, 0, minus(name.len(), tail));
    let word = body.iter().rev().take_while(letter).count();
    cut(body, 0, minus(body.len(), word))
}

/// `a=b&c=d` and nothing else.
pub(super) fn is_form(text: &[u8]) -> bool {
    let pairs = text.split(|b| *b == b'&');
    let named = |pair: &[u8]| {
        let name = pair
            .iter()
            .take_while(|b| is(**b, ALNUM | JOIN) || matches!(b, b'.' | b'[' | b']' | b'%'))
            .count();
        name > 0 && at(pair, name) == b'='
    };
    memchr::memchr3(b' ', b'\n', b'"', text).is_none()
        && memchr::memchr(b'=', text).is_some()
        && pairs.into_iter().all(named)
}

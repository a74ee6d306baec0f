//! Header fields and whole messages (RFC 9110, RFC 9112 section 2).

use crate::cleartext::mask::bytes::{
    ALNUM, JOIN, at, before, cut, find, find_within, is, minus, plus, rest, trim,
};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::rules::Detector;
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};
use crate::observation::Part;

use super::Format;
use super::url::Filing;

impl Walk<'_> {
    /// One field.
    pub(in crate::cleartext::mask) fn field(
        &mut self,
        buffer: &[u8],
        name: Stretch,
        value: Stretch,
        response: bool,
    ) {
        let text = name.of(buffer);
        let key = self.classify(Space::Header, text);
        if value.start >= value.end {
            return;
        }
        self.s.part = if response {
            Part::ResponseHeader
        } else {
            Part::RequestHeader
        };
        if text.eq_ignore_ascii_case(b"cookie") {
            self.s.part = Part::RequestCookie;
            return self.cookies(buffer, value);
        }
        if text.eq_ignore_ascii_case(b"set-cookie") {
            self.s.part = Part::ResponseCookie;
            return self.set_cookie(buffer, value);
        }
        if key.hits() {
            self.field_value(buffer, name, value, key);
        } else {
            self.unless_clean(text, value.of(buffer), |walk| {
                walk.field_value(buffer, name, value, key);
            });
        }
    }

    fn field_value(&mut self, buffer: &[u8], name: Stretch, value: Stretch, key: Key) {
        let text = name.of(buffer);
        let mut lower = [0_u8; 64];
        for (to, from) in lower.iter_mut().zip(text) {
            *to = from.to_ascii_lowercase();
        }
        let shown = cut(&lower, 0, text.len().min(lower.len()));
        let mark = self.s.enter(&[shown], key.is(Key::KNOWN));
        if self.encoded_words(buffer, value) || self.challenge(buffer, text, value) {
            self.s.leave(mark);
            return;
        }
        let value = after_scheme(buffer, text, value);
        if text.len() > 4 && text.ends_with(b"-bin") && !key.hits() {
            self.binary_metadata(buffer, value);
        } else if text.eq_ignore_ascii_case(b"content-disposition") {
            self.disposition(buffer, value, &|walk, buffer, rest| {
                walk.leaf(buffer, rest, Codec::Plain, key);
            });
        } else if key.is(Key::URL) && !key.hits() {
            self.url(buffer, value, Filing::Inside);
        } else {
            self.leaf(buffer, value, Codec::Plain, key);
        }
        self.s.leave(mark);
    }

    /// `=?utf-8?Q?jane=40example.org?=` (RFC 2047): each word that holds something is masked whole; whether there is any.
    fn encoded_words(&mut self, buffer: &[u8], value: Stretch) -> bool {
        let mut i = value.start;
        let mut any = false;
        // In hardly any field.
        if memchr::memchr(b'?', value.of(buffer)).is_none() {
            return false;
        }
        while let Some(start) = find_within(buffer, i, value.end, b"=?") {
            i = plus(start, 2);
            let mut parts = cut(buffer, i, value.end).splitn(3, |b| *b == b'?');
            let (Some(charset), Some(kind), Some(tail)) =
                (parts.next(), parts.next(), parts.next())
            else {
                break;
            };
            let Some(len) = find(tail, 0, b"?=") else {
                break;
            };
            let codec = match kind {
                b"B" | b"b" => Codec::Base64,
                b"Q" | b"q" => Codec::Quoted,
                _ => continue,
            };
            let from = plus(i, plus(plus(charset.len(), kind.len()), 2));
            let word = Stretch::new(from, plus(from, len));
            let mut text = Vec::new();
            codec.decode(word.of(buffer), &mut text);
            if let Some(slot) = self.peek(&text) {
                self.mask(word, slot, &text);
                any = true;
            }
            i = plus(word.end, 2);
        }
        any
    }

    /// `WWW-Authenticate: NTLM <blob>`: what the server says in a handshake is nobody else's business.
    fn challenge(&mut self, buffer: &[u8], name: &[u8], value: Stretch) -> bool {
        let text = value.of(buffer);
        let challenges = name.eq_ignore_ascii_case(b"www-authenticate")
            || name.eq_ignore_ascii_case(b"proxy-authenticate");
        let space = memchr::memchr(b' ', text).unwrap_or(text.len());
        let blob = [&b"ntlm"[..], b"negotiate", b"kerberos"]
            .iter()
            .any(|scheme| scheme.eq_ignore_ascii_case(cut(text, 0, space)));
        let rest = trimmed(buffer, Stretch::new(plus(value.start, space), value.end));
        if !challenges || !blob || rest.start >= rest.end {
            return false;
        }
        if let Some(slot) = self.rules.detector(Detector::Bearer) {
            self.mask(rest, slot, rest.of(buffer));
        }
        true
    }

    /// A whole message as text: start line, fields, body.
    pub(in crate::cleartext::mask) fn message(&mut self, buffer: &[u8], at: Stretch) {
        let end = line_end(buffer, at.start, at.end);
        let line = trimmed(buffer, Stretch::new(at.start, end));
        let response = line.of(buffer).starts_with(b"HTTP/");
        if !response {
            self.request_line(buffer, line);
        }
        let mut i = plus(end, 1);
        let mut format = Format::Auto;
        while i < at.end {
            let end = folded_end(buffer, i, at.end);
            let line = trimmed(buffer, Stretch::new(i, end));
            i = plus(end, 1);
            if line.start >= line.end {
                break;
            }
            self.field_line(buffer, line, response, &mut format);
        }
        self.s.part = if response {
            Part::ResponseBody
        } else {
            Part::RequestBody
        };
        let body = Stretch::new(i.min(at.end), at.end);
        if body.start < body.end {
            self.body(buffer, body, format);
        }
    }

    fn field_line(&mut self, buffer: &[u8], line: Stretch, response: bool, format: &mut Format) {
        let text = line.of(buffer);
        let Some(colon) = memchr::memchr(b':', text) else {
            self.text(buffer, line, Key::NONE);
            return;
        };
        let name = trimmed(buffer, Stretch::new(line.start, plus(line.start, colon)));
        let value = trimmed(
            buffer,
            Stretch::new(plus(line.start, plus(colon, 1)), line.end),
        );
        if name.of(buffer).eq_ignore_ascii_case(b"content-type") {
            *format = Format::from_content_type(value.of(buffer));
        }
        self.field(buffer, name, value, response);
    }

    /// `GET /target HTTP/1.1`.
    fn request_line(&mut self, buffer: &[u8], line: Stretch) {
        let text = line.of(buffer);
        let first = memchr::memchr(b' ', text).map_or(text.len(), |i| plus(i, 1));
        let last = match memchr::memrchr(b' ', text) {
            Some(last) if last > first && rest(text, plus(last, 1)).starts_with(b"HTTP/") => last,
            _ => text.len(),
        };
        let target = Stretch::new(plus(line.start, first.min(last)), plus(line.start, last));
        self.target(buffer, target, text.starts_with(b"CONNECT "));
    }

    /// The request target; `*` has nothing to hide. The authority of CONNECT has no user part (RFC 9112 section 3.2.3): where
    /// there is one, it is masked.
    pub(in crate::cleartext::mask) fn target(&mut self, buffer: &[u8], at: Stretch, connect: bool) {
        if connect
            && let Some(sign) = memchr::memrchr(b'@', at.of(buffer))
            && let Some(slot) = self.rules.detector(Detector::UrlPassword)
        {
            let user = Stretch::new(at.start, plus(at.start, sign));
            self.s.part = Part::RequestPath;
            self.mask(user, slot, user.of(buffer));
            return;
        }
        self.url(buffer, at, Filing::Target);
    }
}

/// Whether a line starts a message.
pub(super) fn is_start_line(line: &[u8]) -> bool {
    let method = line
        .iter()
        .take(24)
        .take_while(|b| b.is_ascii_uppercase() || **b == b'-')
        .count();
    let request = method >= 3
        && at(line, method) == b' '
        && matches!(at(line, plus(method, 1)), b'/' | b'*' | b'h' | b'a'..=b'z' | b'0'..=b'9')
        && line.windows(6).any(|w| w == b" HTTP/");
    request
        || (line.starts_with(b"HTTP/")
            && memchr::memchr(b' ', cut(line, 0, line.len().min(10))).is_some())
}

fn line_end(buffer: &[u8], start: usize, end: usize) -> usize {
    memchr::memchr(b'\n', cut(buffer, start, end)).map_or(end, |i| plus(start, i))
}

/// The end of a field line with its obs-folds (RFC 9112 section 5.2).
fn folded_end(buffer: &[u8], start: usize, end: usize) -> usize {
    let mut stop = line_end(buffer, start, end);
    while stop < end
        && matches!(at(buffer, plus(stop, 1)), b' ' | b'\t')
        && !trim(cut(buffer, start, stop)).is_empty()
    {
        stop = line_end(buffer, plus(stop, 1), end);
    }
    stop
}

/// In credentials the scheme stays (RFC 9110 section 11.4): what is masked stands behind it.
fn after_scheme(buffer: &[u8], name: &[u8], value: Stretch) -> Stretch {
    if !(name.eq_ignore_ascii_case(b"authorization")
        || name.eq_ignore_ascii_case(b"proxy-authorization"))
    {
        return value;
    }
    let text = value.of(buffer);
    let scheme = text
        .iter()
        .take(24)
        .take_while(|b| is(**b, ALNUM | JOIN))
        .count();
    let known = scheme >= 3
        && at(text, scheme) == b' '
        && text.len() > plus(scheme, 1)
        && !before(text, scheme).is_ascii_digit();
    let digits = cut(text, 0, scheme)
        .iter()
        .filter(|b| b.is_ascii_digit())
        .count();
    if known && digits <= 3 {
        trimmed(
            buffer,
            Stretch::new(plus(value.start, plus(scheme, 1)), minus(value.end, 0)),
        )
    } else {
        value
    }
}

//! `multipart/form-data` and its kin (RFC 7578, RFC 2046 section 5.1): each part is a value under the name it carries.

use crate::cleartext::mask::bytes::{at, cut, find, minus, plus, rest, trim};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::placeholder;
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

use super::Format;

/// Parts within parts deeper than this are masked whole.
const DEEPEST: u8 = 4;
/// Parts beyond this number are masked whole.
const MOST_PARTS: usize = 1_000;

impl Walk<'_> {
    /// The body, whose first line is the delimiter.
    pub(in crate::cleartext::mask) fn multipart(&mut self, buffer: &[u8], at: Stretch) {
        let text = at.of(buffer);
        let Some(start) =
            find(text, 0, b"--").filter(|start| trim(cut(text, 0, *start)).is_empty())
        else {
            self.fail_closed(at, placeholder::UNPARSED);
            return;
        };
        let line = memchr::memchr(b'\n', rest(text, start)).map_or(text.len(), |n| plus(start, n));
        let delimiter = trim(cut(text, start, line));
        if delimiter.len() < 3 {
            self.fail_closed(at, placeholder::UNPARSED);
            return;
        }
        let mut i = plus(line, 1);
        for _ in 0..MOST_PARTS {
            if i >= text.len() {
                return;
            }
            let end = find(text, i, delimiter).unwrap_or(text.len());
            self.form_part(buffer, Stretch::new(plus(at.start, i), plus(at.start, end)));
            i = memchr::memchr(b'\n', rest(text, end))
                .map_or(text.len(), |n| plus(end, plus(n, 1)));
        }
        self.fail_closed(
            Stretch::new(plus(at.start, i), at.end),
            placeholder::UNPARSED,
        );
    }

    fn form_part(&mut self, buffer: &[u8], at: Stretch) {
        let text = at.of(buffer);
        let (head, body) = match (find(text, 0, b"\r\n\r\n"), find(text, 0, b"\n\n")) {
            (Some(wide), narrow) if narrow.is_none_or(|narrow| wide < narrow) => {
                (wide, plus(wide, 4))
            }
            (_, Some(narrow)) => (narrow, plus(narrow, 2)),
            _ => return,
        };
        let fields = cut(text, 0, head);
        let tail = rest(text, body)
            .iter()
            .rev()
            .take(2)
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        let value = Stretch::new(
            plus(at.start, body.min(text.len())),
            minus(at.end, tail).max(plus(at.start, body.min(text.len()))),
        );
        let name = parameter(fields, b" name=").map_or(&b""[..], |name| name.of(fields));
        self.part_fields(buffer, Stretch::new(at.start, plus(at.start, head)));
        let key = self.classify(Space::Param, name);
        let mark = self.s.enter(&[name], key.is(Key::KNOWN));
        let format = field(fields, b"content-type").map_or(Format::Auto, Format::from_content_type);
        let batch = field(fields, b"content-type")
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/http"));
        let format = if batch { Format::Http } else { format };
        match transfer_coding(fields) {
            Some(codec) if format != Format::Binary => {
                let mut decoded = Vec::new();
                codec.decode(value.of(buffer), &mut decoded);
                self.within(&decoded, value, codec, |walk, text| {
                    walk.part_value(text, Stretch::new(0, text.len()), key, format);
                });
            }
            _ => self.part_value(buffer, value, key, format),
        }
        self.s.leave(mark);
    }

    /// What the fields of a part hold besides its name.
    fn part_fields(&mut self, buffer: &[u8], at: Stretch) {
        let mut i = at.start;
        while i < at.end {
            let text = cut(buffer, i, at.end);
            let len = memchr::memchr(b'\n', text).unwrap_or(text.len());
            let line = Stretch::new(i, plus(i, len));
            i = plus(line.end, 1);
            let Some(colon) = memchr::memchr(b':', line.of(buffer)) else {
                self.looks(buffer, line);
                continue;
            };
            let name = trim(cut(line.of(buffer), 0, colon));
            let value = trimmed(
                buffer,
                Stretch::new(plus(line.start, plus(colon, 1)), line.end),
            );
            if name.eq_ignore_ascii_case(b"content-disposition") {
                // The name of the part is a name, whatever it is: no pair.
                self.disposition(buffer, value, &|walk, buffer, rest| {
                    walk.looks(buffer, rest);
                });
            } else if value.start < value.end {
                let key = self.classify(Space::Header, name);
                self.leaf(buffer, value, Codec::Plain, key);
            }
        }
    }

    fn part_value(&mut self, buffer: &[u8], value: Stretch, key: Key, format: Format) {
        let binary = format == Format::Binary || super::is_binary(value.of(buffer));
        if binary && !matches!(format, Format::Protobuf | Format::Grpc) {
            self.drop_binary(value);
        } else if key.hits() || format == Format::Auto {
            self.leaf(buffer, value, Codec::Plain, key);
        } else if format == Format::Multipart && self.s.parts >= DEEPEST {
            self.fail_closed(value, placeholder::UNPARSED);
        } else {
            self.s.parts = self.s.parts.saturating_add(1);
            self.body(buffer, value, format);
            self.s.parts = self.s.parts.saturating_sub(1);
        }
    }
}

/// The value of a field of the part.
fn field<'f>(fields: &'f [u8], wanted: &[u8]) -> Option<&'f [u8]> {
    fields.split(|b| *b == b'\n').find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let name = trim(cut(line, 0, colon));
        name.eq_ignore_ascii_case(wanted)
            .then(|| trim(rest(line, plus(colon, 1))))
    })
}

/// How the part is encoded (RFC 2045 section 6).
fn transfer_coding(fields: &[u8]) -> Option<Codec> {
    let coding = field(fields, b"content-transfer-encoding")?;
    if coding.eq_ignore_ascii_case(b"base64") {
        Some(Codec::Base64)
    } else if coding.eq_ignore_ascii_case(b"quoted-printable") {
        Some(Codec::Quoted)
    } else {
        None
    }
}

/// The quoted or plain value behind `name`.
fn parameter(fields: &[u8], name: &[u8]) -> Option<Stretch> {
    let start = plus(find(fields, 0, name)?, name.len());
    let (start, stops): (usize, &[u8]) = if at(fields, start) == b'"' {
        (plus(start, 1), b"\"\r\n")
    } else {
        (start, b";\r\n ")
    };
    let len = rest(fields, start)
        .iter()
        .take_while(|b| !stops.contains(b))
        .count();
    Some(Stretch::new(start, plus(start, len)))
}

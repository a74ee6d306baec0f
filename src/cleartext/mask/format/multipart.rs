//! `multipart/form-data` and its kin (RFC 7578, RFC 2046 section 5.1): each part is a value under the name it carries.

use crate::cleartext::mask::bytes::{at, cut, find, minus, plus, rest, trim};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::placeholder;
use crate::cleartext::mask::walk::{Stretch, Walk};

use super::Format;

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
        if let Some(file) = parameter(fields, b"filename=") {
            let file = Stretch::new(plus(at.start, file.start), plus(at.start, file.end));
            self.leaf(buffer, file, Codec::Plain, Key::NONE);
        }
        let key = self.classify(Space::Param, name);
        let mark = self.s.enter(&[name], key.is(Key::KNOWN));
        let json = find(fields, 0, b"json").is_some();
        if is_media(fields) || super::is_binary(value.of(buffer)) {
            self.drop_binary(value);
        } else if json && !key.hits() {
            self.body(buffer, value, Format::Json);
        } else {
            self.leaf(buffer, value, Codec::Plain, key);
        }
        self.s.leave(mark);
    }
}

/// Whether the part says that it is an image, a sound, a film or a font.
fn is_media(fields: &[u8]) -> bool {
    fields.split(|b| *b == b'\n').any(|line| {
        let (name, value) = line.split_at_checked(13).unwrap_or((line, b""));
        name.eq_ignore_ascii_case(b"content-type:")
            && Format::from_content_type(value) == Format::Binary
    })
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

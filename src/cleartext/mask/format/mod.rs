//! The formats that values come in. Each only finds values, their names and their encoding; none decides.

mod card;
mod carried;
mod cookie;
mod csv;
mod disposition;
mod header;
mod hl7;
pub(super) mod json;
mod links;
mod lists;
mod logins;
mod multipart;
mod protobuf;
mod records;
mod serialised;
mod sse;
mod text;
mod url;
mod xml;

pub(super) use carried::{Carried, GoesOn};
pub(super) use csv::{LONGEST_ROW, MOST_LINES};

use super::bytes::{cut, find, trim};
use super::walk::{Stretch, Walk};

/// What a body is, by its `Content-Type` or its looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Found out by looking.
    Auto,
    /// JSON, also several documents one after another.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// XML, SOAP, HTML.
    Xml,
    /// `multipart/form-data` and its kin.
    Multipart,
    /// Server-sent events.
    Sse,
    /// Text, logs, configuration.
    Text,
    /// An HTTP message: start line, fields, body.
    Http,
    /// Protocol Buffers.
    Protobuf,
    /// Protocol Buffers in gRPC frames.
    Grpc,
    /// Bytes that are no text.
    Binary,
}

impl Format {
    /// By the value of `Content-Type`.
    pub(super) fn from_content_type(value: &[u8]) -> Self {
        let kind = value
            .split(|b| *b == b';')
            .next()
            .map(trim)
            .unwrap_or_default();
        let mut lower = [0_u8; 64];
        for (to, from) in lower.iter_mut().zip(kind) {
            *to = from.to_ascii_lowercase();
        }
        let kind = cut(&lower, 0, kind.len().min(64));
        let has = |part: &[u8]| find(kind, 0, part).is_some();
        if has(b"json") || has(b"graphql") {
            Self::Json
        } else if has(b"grpc") {
            Self::Grpc
        } else if has(b"protobuf") {
            Self::Protobuf
        } else if has(b"x-www-form-urlencoded") {
            Self::Form
        } else if has(b"event-stream") {
            Self::Sse
        } else if kind.starts_with(b"multipart/") {
            Self::Multipart
        } else if has(b"xml") || has(b"html") {
            Self::Xml
        } else if kind.starts_with(b"text/") || has(b"yaml") || has(b"javascript") || has(b"csv") {
            Self::Text
        } else if MEDIA.iter().any(|family| kind.starts_with(family)) {
            Self::Binary
        } else {
            Self::Auto
        }
    }

    /// By the looks of a text.
    pub(super) fn guess(text: &[u8]) -> Self {
        let head = trim(cut(text, 0, text.len().min(4_096)));
        let line = head
            .split(|b| *b == b'\n')
            .next()
            .map(trim)
            .unwrap_or_default();
        match head {
            [b'{' | b'[', ..] => Self::Json,
            [b'<', ..] => Self::Xml,
            [b'-', b'-', ..] if find(head, 0, b"Content-Disposition").is_some() => Self::Multipart,
            _ if head.starts_with(b"data:") || head.starts_with(b"event:") => Self::Sse,
            _ if header::is_start_line(line) => Self::Http,
            _ if url::is_form(trim(text)) => Self::Form,
            _ => Self::Text,
        }
    }
}

impl Walk<'_> {
    /// Walks a whole buffer in the format it was said to have.
    pub(super) fn body(&mut self, buffer: &[u8], at: Stretch, format: Format) {
        let text = at.of(buffer);
        match format {
            Format::Auto => {
                let guess = if is_binary(text) {
                    Format::Binary
                } else {
                    Format::guess(text)
                };
                self.body(buffer, at, guess);
            }
            Format::Binary => self.drop_binary(at),
            Format::Protobuf => self.protobuf(buffer, at, false),
            Format::Grpc => self.protobuf(buffer, at, true),
            // The reader of JSON refuses what is none.
            Format::Json => self.json_body(buffer, at),
            _ if is_binary(text) && format != Format::Multipart => self.drop_binary(at),
            Format::Form => self.form(buffer, at),
            Format::Xml => self.xml(buffer, at),
            Format::Multipart => self.multipart(buffer, at),
            Format::Sse => self.sse(buffer, at),
            Format::Text => {
                if !self.table(buffer, at) {
                    self.plain(buffer, at);
                }
            }
            Format::Http => self.message(buffer, at),
        }
    }

    /// What is called text may be a document all the same; only what is sure to be one is read as that.
    fn plain(&mut self, buffer: &[u8], at: Stretch) {
        let text = at.of(buffer);
        match Format::guess(text) {
            Format::Json if opens_json(trim(text)) => return self.json_in_text(buffer, at),
            Format::Xml if opens_element(trim(text)) => return self.xml(buffer, at),
            Format::Http if opens_message(trim(text)) => return self.message(buffer, at),
            Format::Sse if opens_events(text.trim_ascii_start()) => return self.sse(buffer, at),
            sure @ (Format::Multipart | Format::Form) => return self.body(buffer, at, sure),
            Format::Auto
            | Format::Json
            | Format::Xml
            | Format::Sse
            | Format::Text
            | Format::Http
            | Format::Protobuf
            | Format::Grpc
            | Format::Binary => {}
        }
        self.text(buffer, at, super::names::Key::NONE);
    }
}

/// Whether a text opens an object, or an array of documents: a line of a log may begin with a bracket too.
fn opens_json(text: &[u8]) -> bool {
    let second = text.iter().skip(1).find(|b| !b.is_ascii_whitespace());
    matches!(
        (text.first(), second),
        (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'{' | b'[' | b'"' | b']'))
    )
}

/// Whether a text opens an element, a declaration or a comment: syslog puts a number in angle brackets.
fn opens_element(text: &[u8]) -> bool {
    matches!(
        text,
        [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'?' | b'!', ..]
    )
}

/// Whether the first line is a start line and nothing more: access logs quote one.
pub(super) fn opens_message(text: &[u8]) -> bool {
    let line = text.split(|b| *b == b'\n').next().map(trim);
    let line = line.unwrap_or_default();
    let last = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    header::is_start_line(line) && (line.starts_with(b"HTTP/") || last.starts_with(b"HTTP/"))
}

/// Whether a text is a stream of events: a mapping of YAML may begin with `data:` too.
fn opens_events(text: &[u8]) -> bool {
    text.starts_with(b"event: ")
        || (text.starts_with(b"data: ")
            && (find(text, 0, b"\n\n").is_some() || find(text, 0, b"\ndata: ").is_some()))
}

/// Families of types that hold no text, whatever their first bytes look like.
const MEDIA: [&[u8]; 4] = [b"image/", b"audio/", b"video/", b"font/"];

/// Neither text in UTF-8 nor in a one-byte charset: NUL bytes, many controls, or, where it is no UTF-8, any control or so
/// many high bytes that what remains is no text: a short piece of compressed data may have nothing else to show for it.
fn is_binary(text: &[u8]) -> bool {
    let head = cut(text, 0, text.len().min(1_024));
    let controls = head
        .iter()
        .filter(|b| **b < 32 && !b.is_ascii_whitespace() && **b != 27)
        .count();
    if controls.saturating_mul(20) > head.len() || memchr::memchr(0, head).is_some() {
        return true;
    }
    let high = head.iter().filter(|b| **b >= 128).count();
    high > 0
        && !super::charset::is_utf8(head)
        && (controls > 0 || high.saturating_mul(4) > head.len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cleartext::mask::{Filter, RuleSet};

    fn mask(text: &[u8], format: Format) -> String {
        let rules = Arc::new(RuleSet::built_in().unwrap());
        Filter::new(rules, [7; 32]).mask(text, format).0
    }

    #[test]
    fn a_wrong_type_hides_nothing() {
        for (text, shown) in [
            (
                "{\"pwd\": [\"dragon@799\"]}",
                "{\"pwd\": [\"MASKED-password\"]}",
            ),
            (
                "<a><passphrase>-B9KS</passphrase></a>",
                "<a><passphrase>MASKED-password</passphrase></a>",
            ),
            (
                "GET /v1?cvv=123 HTTP/1.1\r\nX-API-Key: abc\r\n\r\n",
                "GET /v1?cvv=MASKED-card-cvv HTTP/1.1\r\nX-API-Key: MASKED-api-key\r\n\r\n",
            ),
            ("cvv=123&a=1", "cvv=MASKED-card-cvv&a=1"),
            ("data: {\"cvv\": 123}\n\n", "data: {\"cvv\": 0}\n\n"),
            (
                "--B\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\nx\r\n--B--\r\n",
                "--B\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\nMASKED-password\r\n--B--\r\n",
            ),
            (
                "136.26.225.199 - - \"GET / HTTP/1.1\" 200",
                "MASKED-ip-address-4f6f31d951 - - \"GET / HTTP/1.1\" 200",
            ),
        ] {
            for format in [Format::Text, Format::Json, Format::Auto] {
                assert_eq!(mask(text.as_bytes(), format), shown, "{format:?}");
            }
        }
    }

    #[test]
    fn text_that_looks_like_a_document_is_still_text() {
        for (text, shown) in [
            (
                "[2026-11-22 10:00] password=hunter2 ok",
                "[2026-11-22 10:00] password=MASKED-password ok",
            ),
            (
                "<34>1 host app: password=hunter2",
                "<34>1 host app: password=MASKED-password",
            ),
            (
                "{\"a\": 1} password=hunter2",
                "{\"a\": 1} password=MASKED-password",
            ),
            (
                "data:\n  password: hunter2\n",
                "data:\n  password: MASKED-password\n",
            ),
        ] {
            assert_eq!(mask(text.as_bytes(), Format::Text), shown);
        }
    }

    #[test]
    fn short_compressed_data_is_no_text() {
        assert_eq!(
            mask(b"\x78\x9c\xab\x56\x2a\x48", Format::Auto),
            "MASKED-binary"
        );
        assert_eq!(
            mask(b"\xab\xcd\xefpwd\xd5\xf7", Format::Text),
            "MASKED-binary"
        );
        assert_eq!(mask("größe grün".as_bytes(), Format::Text), "größe grün");
    }
}

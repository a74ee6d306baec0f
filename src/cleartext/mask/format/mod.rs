//! The formats that values come in. Each only finds values, their names and their encoding; none decides.

mod cookie;
mod csv;
mod header;
mod json;
mod lists;
mod multipart;
mod protobuf;
mod sse;
mod text;
mod url;
mod xml;

pub(super) use url::Filing;

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
                    self.text(buffer, at, super::names::Key::NONE);
                }
            }
            Format::Http => self.message(buffer, at),
        }
    }
}

/// Families of types that hold no text, whatever their first bytes look like.
const MEDIA: [&[u8]; 4] = [b"image/", b"audio/", b"video/", b"font/"];

/// Neither text in UTF-8 nor in a one-byte charset: NUL bytes or many controls.
fn is_binary(text: &[u8]) -> bool {
    let head = cut(text, 0, text.len().min(1_024));
    let controls = head
        .iter()
        .filter(|b| **b < 32 && !b.is_ascii_whitespace() && **b != 27)
        .count();
    controls.saturating_mul(20) > head.len() || memchr::memchr(0, head).is_some()
}

//! Protocol Buffers, bare or in gRPC frames: no names, so every text in them is judged by its looks.
//!
//! A message is transcribed to JSON, with field numbers for names, and that is masked like any other JSON: the structure
//! stays, bytes that are no text are dropped, what is compressed or broken is masked whole. Read first: protobuf.dev,
//! "Encoding"; the gRPC protocol over HTTP/2, "Length-Prefixed-Message".

use crate::cleartext::mask::bytes::{cut, plus, rest};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::placeholder;
use crate::cleartext::mask::shape;
use crate::cleartext::mask::walk::{Stretch, Walk};

/// Messages nested deeper than this are taken for bytes.
const DEEPEST: usize = 24;
/// Fields of one body beyond this number are masked whole.
const MOST_FIELDS: usize = 65_536;
/// Bytes of a gRPC frame before its message: a flag and a length.
const FRAME_HEAD: usize = 5;

impl Walk<'_> {
    /// A message, or gRPC frames with a message in each.
    pub(in crate::cleartext::mask) fn protobuf(
        &mut self,
        buffer: &[u8],
        at: Stretch,
        framed: bool,
    ) {
        let sent = at.of(buffer);
        // Text, whatever it was said to be: a message holds lengths, and those are controls.
        if is_text(sent) && !(framed && shape::unwrap_bytes(sent).is_some_and(|b| framed_at(&b))) {
            let guess = super::Format::guess(sent);
            self.body(buffer, at, guess);
            return;
        }
        // A frame begins with 0 or 1, a message never does; gRPC-Web may wrap all of it in base64.
        let unwrapped = if framed && !framed_at(sent) {
            shape::unwrap_bytes(sent).filter(|bytes| framed_at(bytes))
        } else {
            None
        };
        let body = unwrapped.as_deref().unwrap_or(sent);
        let framed = framed && framed_at(body);
        let mut text = Vec::new();
        let mut writer = Writer {
            out: &mut text,
            fields: 0,
        };
        let whole = if framed {
            writer.frames(body)
        } else {
            writer.message(body, 0)
        };
        if whole.is_some() {
            self.transcribed(at, &text);
        } else {
            self.drop_binary(at);
        }
    }

    /// A `-bin` field of gRPC metadata: base64 of a message or of text (gRPC over HTTP/2, "Custom-Metadata").
    pub(super) fn binary_metadata(&mut self, buffer: &[u8], value: Stretch) {
        let Some(text) = metadata_text(value.of(buffer)) else {
            self.drop_binary(value);
            return;
        };
        if let Some(slot) = self.peek(&text) {
            self.mask(value, slot, value.of(buffer));
        }
    }
}

/// What a `-bin` field says, as JSON if it is a message. None if it can not be read.
fn metadata_text(value: &[u8]) -> Option<Vec<u8>> {
    let raw = shape::unwrap_bytes(value)?;
    let mut text = Vec::new();
    let mut writer = Writer {
        out: &mut text,
        fields: 0,
    };
    if writer.message(&raw, 0).is_none() {
        if !is_text(&raw) {
            return None;
        }
        text = raw;
    }
    Some(text)
}

/// Writes a message as JSON.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    fields: usize,
}

impl Writer<'_> {
    /// Frames one after another, one document a line. None if there is no whole frame head.
    fn frames(&mut self, body: &[u8]) -> Option<()> {
        let mut i = 0;
        while i < body.len() {
            let head = body.get(i..plus(i, FRAME_HEAD))?;
            let [flag, length @ ..] = head else {
                return None;
            };
            let length = u32::from_be_bytes(length.try_into().ok()?);
            let start = plus(i, FRAME_HEAD);
            let end = plus(start, usize::try_from(length).ok()?);
            let message = cut(body, start, end.min(body.len()));
            let before = self.out.len();
            // gRPC-Web puts its trailers into a last frame (flag 0x80), as field lines.
            let read = match flag {
                0 => self.message(message, 0),
                0x80 if is_text(message) => {
                    self.string(message);
                    Some(())
                }
                _ => None,
            };
            if read.is_none() {
                self.out.truncate(before);
                self.string(placeholder::BINARY);
            }
            self.out.push(b'\n');
            i = end;
        }
        Some(())
    }

    /// One message. None if it is none; what is written then does not count.
    fn message(&mut self, body: &[u8], depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        self.out.push(b'{');
        let mut i = 0;
        while i < body.len() {
            self.fields = plus(self.fields, 1);
            if self.fields > MOST_FIELDS {
                return None;
            }
            let (tag, next) = varint(body, i)?;
            let number = tag >> 3;
            if number == 0 || number >= 1 << 29 {
                return None;
            }
            if i > 0 {
                self.out.push(b',');
            }
            self.out.push(b'"');
            self.decimal(number);
            self.out.extend_from_slice(b"\":");
            i = self.value(body, next, tag & 7, depth)?;
        }
        self.out.push(b'}');
        Some(())
    }

    /// The value at `i`; gives where the next field starts.
    fn value(&mut self, body: &[u8], i: usize, kind: u64, depth: usize) -> Option<usize> {
        match kind {
            0 => {
                let (value, next) = varint(body, i)?;
                self.decimal(value);
                Some(next)
            }
            1 => {
                let bytes: [u8; 8] = body.get(i..plus(i, 8))?.try_into().ok()?;
                self.fixed(u64::from_le_bytes(bytes), f64::from_le_bytes(bytes));
                Some(plus(i, 8))
            }
            2 => {
                let (length, start) = varint(body, i)?;
                let end = plus(start, usize::try_from(length).ok()?);
                if end > body.len() {
                    // The capture ends in it, or this is no message at all.
                    if depth > 0 {
                        return None;
                    }
                    self.string(placeholder::UNPARSED);
                    return Some(body.len());
                }
                self.delimited(cut(body, start, end), depth);
                Some(end)
            }
            5 => {
                let bytes: [u8; 4] = body.get(i..plus(i, 4))?.try_into().ok()?;
                let float = f64::from(f32::from_le_bytes(bytes));
                self.fixed(u64::from(u32::from_le_bytes(bytes)), float);
                Some(plus(i, 4))
            }
            _ => None,
        }
    }

    /// Text, a message within, or bytes.
    fn delimited(&mut self, bytes: &[u8], depth: usize) {
        if is_text(bytes) && bytes.first().is_none_or(|first| *first >= b' ') {
            self.string(bytes);
            return;
        }
        let (before, fields) = (self.out.len(), self.fields);
        if self.message(bytes, plus(depth, 1)).is_some() {
            return;
        }
        self.out.truncate(before);
        // What failed is not read again by any other way: the work stays linear in depth.
        self.fields = fields;
        if is_text(bytes) {
            self.string(bytes);
        } else {
            self.string(placeholder::BINARY);
        }
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        Codec::Json.encode(text, self.out);
        self.out.push(b'"');
    }

    fn decimal(&mut self, value: u64) {
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    /// Eight or four bytes: a coordinate or a price is a float, anything else a number.
    fn fixed(&mut self, value: u64, float: f64) {
        if float.is_finite() && float.abs() >= 1e-4 && float.abs() < 1e12 {
            self.out.extend_from_slice(float.to_string().as_bytes());
        } else {
            self.decimal(value);
        }
    }
}

fn framed_at(body: &[u8]) -> bool {
    body.first().is_some_and(|flag| *flag <= 1)
}

/// A varint at `i` and where it ends.
fn varint(body: &[u8], i: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (n, &byte) in rest(body, i).iter().take(10).enumerate() {
        let shift = u32::try_from(n).ok()?.saturating_mul(7);
        value |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            return Some((value, plus(i, plus(n, 1))));
        }
    }
    None
}

/// UTF-8 without controls but white space.
fn is_text(bytes: &[u8]) -> bool {
    let odd = |b: &u8| (*b < b' ' && !b.is_ascii_whitespace()) || *b == 127;
    std::str::from_utf8(bytes).is_ok() && !bytes.iter().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(message: &[u8]) -> String {
        let mut out = Vec::new();
        let mut writer = Writer {
            out: &mut out,
            fields: 0,
        };
        writer.message(message, 0).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_becomes_json() {
        let message = b"\x0a\x05hello\x10\x96\x01\x1a\x04\x0a\x02ok\x22\x02\xff\xfe";
        assert_eq!(
            json(message),
            r#"{"1":"hello","2":150,"3":{"1":"ok"},"4":"MASKED-binary"}"#
        );
    }

    #[test]
    fn what_is_cut_off_is_masked() {
        assert_eq!(json(b"\x0a\x7fhel"), r#"{"1":"MASKED-unparsed"}"#);
    }
}

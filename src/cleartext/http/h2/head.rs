//! Field lists to heads (RFC 9113 section 8.3), written out as HTTP/1 would have them: everything behind this layer reads
//! start lines and fields as spans of bytes.
//!
//! `:authority` becomes `host`, cookie crumbs are joined (section 8.2.3), `:scheme` is left out. What is not known stands as `?`
//! in the text and as an empty span in the head.

use super::hpack::FieldList;
use crate::cleartext::http::framing::Framing;
use crate::cleartext::http::head::{Head, span};
use crate::cleartext::http::line::{MAX_METHOD, is_method};
use crate::cleartext::http::transaction::{Field, Span};
use crate::observation::Protocol;

/// Stands for what is not known.
const UNKNOWN: &[u8] = b"?";
/// Stands for a method that is no word: its text may be anything.
const NO_WORD: &[u8] = b"OTHER";

/// The pseudo-header fields of a list, the first of each.
#[derive(Clone, Copy, Default)]
pub(super) struct Pseudo<'a> {
    pub(super) method: Option<&'a [u8]>,
    pub(super) path: Option<&'a [u8]>,
    pub(super) authority: Option<&'a [u8]>,
    /// Of extended CONNECT (RFC 8441).
    pub(super) protocol: Option<&'a [u8]>,
    /// 0 if there is none, or none that can be read.
    pub(super) status: u16,
}

impl<'a> Pseudo<'a> {
    /// Picks them out.
    pub(super) fn of(list: &'a FieldList) -> Self {
        let mut out = Self::default();
        for (name, value) in list.iter() {
            match name {
                b":method" => first(&mut out.method, value),
                b":path" => first(&mut out.path, value),
                b":authority" => first(&mut out.authority, value),
                b":protocol" => first(&mut out.protocol, value),
                b":status" if out.status == 0 => out.status = status(value),
                _ => {}
            }
        }
        out
    }

    /// Whether this can be the head of a request.
    pub(super) const fn asks(&self) -> bool {
        self.method.is_some() || self.path.is_some() || self.authority.is_some()
    }
}

/// A head or trailer section in the making. Used again for the next one.
#[derive(Default)]
pub(super) struct Draft {
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl Draft {
    /// The text of the last one.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its fields, as spans of the text.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        let fields = self.fields.capacity().saturating_mul(size_of::<Field>());
        self.text.capacity().saturating_add(fields)
    }

    /// Writes the head of a request.
    pub(super) fn request(&mut self, list: &FieldList) -> Head {
        self.clear();
        let pseudo = Pseudo::of(list);
        let known =
            |method: &[u8]| method.len() <= MAX_METHOD && method.iter().all(|b| is_method(*b));
        let method = pseudo.method.map(|method| {
            let is_word = !method.is_empty() && known(method);
            if is_word { method } else { NO_WORD }
        });
        let first = self.part(method);
        self.text.push(b' ');
        // CONNECT has no path, but where to (RFC 9113 section 8.5).
        let connects = method == Some(b"CONNECT") && pseudo.path.is_none();
        let target = self.part(if connects {
            pseudo.authority
        } else {
            pseudo.path
        });
        self.text.extend_from_slice(b" HTTP/2\r\n");
        if let Some(authority) = pseudo.authority {
            self.field(b"host", authority);
        }
        if let Some(protocol) = pseudo.protocol {
            self.field(b":protocol", protocol);
        }
        self.regular(list);
        self.text.extend_from_slice(b"\r\n");
        self.head(first, target, 0)
    }

    /// Writes the head of a response.
    pub(super) fn response(&mut self, list: &FieldList) -> Head {
        self.clear();
        let status = Pseudo::of(list).status;
        self.text.extend_from_slice(b"HTTP/2 ");
        let digits = list.iter().find(|(name, _)| *name == b":status");
        self.part(digits.map(|(_, digits)| digits).filter(|_| status != 0));
        self.text.extend_from_slice(b"\r\n");
        self.regular(list);
        self.text.extend_from_slice(b"\r\n");
        self.head(Span::default(), Span::default(), status)
    }

    /// Writes a trailer section.
    pub(super) fn trailer(&mut self, list: &FieldList) {
        self.clear();
        self.regular(list);
        self.text.extend_from_slice(b"\r\n");
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    /// A part of a start line.
    fn part(&mut self, part: Option<&[u8]>) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(part.unwrap_or(UNKNOWN));
        match part {
            Some(_) => span(start, self.text.len()),
            None => Span::default(),
        }
    }

    /// The fields that are no pseudo-header fields.
    fn regular(&mut self, list: &FieldList) {
        let mut cookies_done = false;
        for (name, value) in list.iter() {
            match name {
                [b':', ..] | [] => {}
                b"cookie" if cookies_done => {}
                b"cookie" => {
                    cookies_done = true;
                    self.cookies(list);
                }
                _ => self.field(name, value),
            }
        }
    }

    /// All crumbs as one field.
    fn cookies(&mut self, list: &FieldList) {
        let start = self.text.len();
        self.text.extend_from_slice(b"cookie: ");
        let value = self.text.len();
        for (name, crumb) in list.iter() {
            if name == b"cookie" {
                if self.text.len() > value {
                    self.text.extend_from_slice(b"; ");
                }
                self.text.extend_from_slice(crumb);
            }
        }
        self.spans(start, b"cookie".len(), value);
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(b": ");
        let value_start = self.text.len();
        self.text.extend_from_slice(value);
        self.spans(start, name.len(), value_start);
    }

    /// Ends a field line whose value has just been written.
    fn spans(&mut self, start: usize, name_len: usize, value: usize) {
        self.fields.push(Field {
            name: span(start, start.saturating_add(name_len)),
            value: span(value, self.text.len()),
        });
        self.text.extend_from_slice(b"\r\n");
    }

    fn head(&self, first: Span, target: Span, status: u16) -> Head {
        Head {
            len: self.text.len(),
            first,
            target,
            status,
            protocol: Protocol::H2,
            // Frames say where a body ends.
            framing: Framing::default(),
            cut: false,
        }
    }
}

fn first<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) {
    slot.get_or_insert(value);
}

/// Three digits (RFC 9110 section 15).
fn status(value: &[u8]) -> u16 {
    match value {
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => value.iter().fold(0_u16, |sum, digit| {
            sum.wrapping_mul(10)
                .wrapping_add(u16::from(digit.wrapping_sub(b'0')))
        }),
        _ => 0,
    }
}

//! One HTTP/1 message: gathered piece by piece, masked at equal length, given back with its framing untouched.

use super::address::Addresses;
use super::{FILLER, host};
use crate::cleartext::http::{Part, Piece};
use crate::cleartext::mask::{Filter, Format};

/// A longer body is replaced whole (bytes).
const LONGEST_BODY: usize = 4 << 20;
/// Fields without which the message would be framed otherwise, or read as another protocol. Kept as far as they hold nothing
/// but tokens.
const FRAMING: [&[u8]; 9] = [
    b"content-length",
    b"transfer-encoding",
    b"content-encoding",
    b"connection",
    b"upgrade",
    b"te",
    b"trailer",
    b"expect",
    b"content-type",
];
/// Longest value of such a field that is kept (bytes).
const LONGEST_FRAMING: usize = 64;

/// A message in the making.
#[derive(Default)]
pub(super) struct Message {
    /// Head and body without transfer coding, as far as kept.
    text: Vec<u8>,
    head: usize,
    stretches: Vec<Stretch>,
    /// Transfer coding and trailers, already free of values.
    coding: Vec<u8>,
    /// Position behind the last piece.
    next: Option<u64>,
    /// The body cannot be looked into: too long, or with a hole.
    opaque: bool,
}

/// Where a piece went.
struct Stretch {
    offset: u64,
    len: usize,
    source: Source,
}

enum Source {
    /// From here on in the text.
    Text(usize),
    /// From here on in the coding.
    Coding(usize),
    /// Filler.
    Filler,
}

impl Message {
    /// Takes a piece; true if it was the last.
    pub(super) fn take(&mut self, piece: &Piece<'_>) -> bool {
        let bytes: &[u8] = piece.bytes.expose();
        if piece.part == Part::End {
            return true;
        }
        let len = bytes.len();
        let hole = self.next.is_some_and(|next| next != piece.offset);
        self.opaque |= hole && self.head > 0;
        self.next = Some(piece.offset.saturating_add(wide(len)));
        let source = match piece.part {
            Part::Head => {
                let start = self.text.len();
                self.text.extend_from_slice(bytes);
                self.head = self.text.len();
                Source::Text(start)
            }
            Part::Body if self.text.len().saturating_sub(self.head) < LONGEST_BODY => {
                let start = self.text.len();
                self.text.extend_from_slice(bytes);
                Source::Text(start)
            }
            Part::Body => {
                self.opaque = true;
                Source::Filler
            }
            Part::Coding => self.coded(bytes, chunk_line),
            Part::Trailer => self.coded(bytes, field_lines),
            Part::Blank => self.coded(bytes, line_ends),
            Part::End | Part::Sealed => return true,
        };
        self.stretches.push(Stretch {
            offset: piece.offset,
            len,
            source,
        });
        false
    }

    fn coded(&mut self, bytes: &[u8], clean: fn(&[u8], &mut Vec<u8>)) -> Source {
        let start = self.coding.len();
        clean(bytes, &mut self.coding);
        Source::Coding(start)
    }

    /// Masks it and hands every stretch to `put`, in order of the stream. Gives the number of values masked.
    pub(super) fn mask(
        mut self,
        filter: &mut Filter,
        addresses: &Addresses,
        put: &mut dyn FnMut(u64, &[u8]),
    ) -> u64 {
        let kept = self.framing();
        self.opaque |= is_coded(self.text.get(..self.head).unwrap_or_default());
        let shown = if self.opaque {
            self.head
        } else {
            self.text.len()
        };
        let spans = filter.spans(self.text.get(..shown).unwrap_or_default(), Format::Http);
        for (start, end) in &spans {
            if let Some(value) = self.text.get_mut(*start..*end) {
                blot(value);
            }
        }
        if let Some(body) = self.text.get_mut(shown..) {
            body.fill(FILLER);
        }
        for place in host::places(self.text.get(..self.head).unwrap_or_default()) {
            if let Some(name) = self.text.get_mut(place) {
                addresses.host(name);
            }
        }
        for (start, value) in kept {
            let end = start.saturating_add(value.len());
            if let Some(place) = self.text.get_mut(start..end) {
                place.copy_from_slice(&value);
            }
        }
        for stretch in &self.stretches {
            let end = |start: usize| start.saturating_add(stretch.len);
            let bytes = match stretch.source {
                Source::Text(start) => self.text.get(start..end(start)),
                Source::Coding(start) => self.coding.get(start..end(start)),
                Source::Filler => None,
            };
            put(stretch.offset, bytes.unwrap_or_default());
        }
        wide(spans.len())
    }

    /// Start line and framing fields, with where they stand: what must survive.
    fn framing(&self) -> Vec<(usize, Vec<u8>)> {
        let head = self.text.get(..self.head).unwrap_or_default();
        let mut kept = Vec::new();
        let mut at = 0_usize;
        for (number, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if number == 0 {
                keep_start_line(line, &mut kept);
            } else if let Some(colon) = memchr::memchr(b':', line) {
                let (name, value) = line.split_at(colon);
                let wanted = FRAMING
                    .iter()
                    .any(|one| name.trim_ascii().eq_ignore_ascii_case(one));
                if wanted && is_tokens(value) {
                    kept.push((at, line.to_vec()));
                }
            }
            // Line ends hold the head together.
            for (place, byte) in line.iter().enumerate().rev().take(2) {
                if matches!(byte, b'\r' | b'\n') {
                    kept.push((at.saturating_add(place), vec![*byte]));
                }
            }
            at = at.saturating_add(line.len());
        }
        kept
    }
}

/// Method and version of a request, version and status of a response.
fn keep_start_line(line: &[u8], kept: &mut Vec<(usize, Vec<u8>)>) {
    let text = line.trim_ascii_end();
    if text.starts_with(b"HTTP/") {
        let end = text.len().min(12);
        kept.push((0, text.get(..end).unwrap_or_default().to_vec()));
        return;
    }
    if let Some(space) = memchr::memchr(b' ', text) {
        kept.push((0, text.get(..=space).unwrap_or_default().to_vec()));
        if let Some(last) = memchr::memrchr(b' ', text).filter(|last| *last > space) {
            let version = text.get(last..).unwrap_or_default();
            if version.trim_ascii().starts_with(b"HTTP/") && version.len() <= 10 {
                kept.push((last, version.to_vec()));
            }
        }
    }
}

/// Whether a value is short and made of what tokens and media types are made of, and of controls.
fn is_tokens(value: &[u8]) -> bool {
    value.len() <= LONGEST_FRAMING
        && value.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || *byte < b' ' || b":;,=/+-.* \"".contains(byte)
        })
}

/// Whether the body has a content coding.
fn is_coded(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| {
        memchr::memchr(b':', line).is_some_and(|colon| {
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            name.trim_ascii().eq_ignore_ascii_case(b"content-encoding")
                && !value.is_empty()
                && !value.eq_ignore_ascii_case(b"identity")
        })
    })
}

/// Overwrites a value. A number stays one, so that JSON stays JSON.
fn blot(value: &mut [u8]) {
    let number = value
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'+'));
    value.fill(if number { b'1' } else { FILLER });
}

/// Keeps the size of a chunk and the line ends; an extension becomes filler.
fn chunk_line(bytes: &[u8], out: &mut Vec<u8>) {
    let mut extension = false;
    out.extend(bytes.iter().map(|byte| match byte {
        b'\r' | b'\n' => {
            extension = false;
            *byte
        }
        b';' => {
            extension = true;
            *byte
        }
        // What some readers pass over says nothing, and decides how others read the size.
        _ if !extension && (byte.is_ascii_hexdigit() || *byte <= b' ') => *byte,
        _ => FILLER,
    }));
}

/// Keeps names and line ends of trailer fields.
fn field_lines(bytes: &[u8], out: &mut Vec<u8>) {
    let mut value = false;
    out.extend(bytes.iter().map(|byte| match byte {
        b'\r' | b'\n' => {
            value = false;
            *byte
        }
        b':' => {
            value = true;
            *byte
        }
        _ if value && *byte != b' ' => FILLER,
        _ => *byte,
    }));
}

fn line_ends(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().map(|byte| match byte {
        b'\r' | b'\n' => *byte,
        _ => FILLER,
    }));
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

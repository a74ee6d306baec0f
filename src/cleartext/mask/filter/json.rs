//! A stream of JSON documents, cut into pieces that can be judged alone: a document, a line, or some elements of an array
//! that is too long to be kept.

use std::io::{self, BufRead as _, Read};

use super::{Filter, Job, LONGEST_DOCUMENT, LONGEST_LINE};
use crate::cleartext::mask::bytes::{cut, minus, plus, rest};
use crate::cleartext::mask::format::Format;

/// An array is given out in pieces of about this size (bytes).
const PIECE: usize = 1 << 20;

impl Filter {
    /// Masks JSON documents, one a line or over several lines, and what stands between them.
    pub(super) fn json<R: Read>(&mut self, job: &mut Job<'_, R>) -> io::Result<()> {
        let mut piece = Vec::new();
        let mut scan = Scan::default();
        let mut done = 0_usize;
        loop {
            if piece.is_empty() && scan.is_new() {
                let lines = self.whole_lines(job, done)?;
                done = plus(done, lines);
            }
            let chunk = job.input.fill_buf()?;
            let ended = chunk.is_empty();
            let (len, stop) = scan.take(chunk, piece.len());
            if !scan.dropping {
                piece.extend_from_slice(cut(chunk, 0, len));
            }
            job.input.consume(len);
            if stop.is_none() && !ended {
                continue;
            }
            self.line = plus(done, 1);
            done = plus(done, usize::from(stop == Some(Stop::Line)));
            self.piece(job, &mut piece, &mut scan, stop)?;
            if ended {
                return job.output.flush();
            }
            job.breathe()?;
        }
    }

    /// Masks lines of which each is a document, as far as they are at hand; gives how many. That a document is whole is seen
    /// while it is masked: no need to look for its end before.
    fn whole_lines<R: Read>(&mut self, job: &mut Job<'_, R>, done: usize) -> io::Result<usize> {
        let (mut lines, mut used) = (0, 0);
        let chunk = job.input.fill_buf()?;
        while let Some(len) = memchr::memchr(b'\n', rest(chunk, used)) {
            let line = cut(chunk, used, plus(used, len));
            if !looks_whole(line) {
                break;
            }
            let masked = self.masked(line, Format::Json);
            if masked.unfinished {
                break;
            }
            job.output.write_all(&masked.text)?;
            job.output.write_all(b"\n")?;
            lines = plus(lines, 1);
            self.line = plus(done, lines);
            self.explain(&mut job.explain)?;
            used = plus(used, plus(len, 1));
        }
        job.input.consume(used);
        if used > 0 {
            job.breathe()?;
        }
        Ok(lines)
    }

    fn piece<R: Read>(
        &mut self,
        job: &mut Job<'_, R>,
        piece: &mut Vec<u8>,
        scan: &mut Scan,
        stop: Option<Stop>,
    ) -> io::Result<()> {
        if stop == Some(Stop::TooLong) {
            scan.dropping = true;
            piece.clear();
            // As a string: what stands around it stays JSON.
            let quote: &[u8] = if scan.is_document() { b"\"" } else { b"" };
            let bracket: &[u8] = if scan.is_array() && !scan.inside {
                b"["
            } else {
                b""
            };
            job.output.write_all(bracket)?;
            job.output.write_all(quote)?;
            job.too_long(self)?;
            return job.output.write_all(quote);
        }
        if std::mem::take(&mut scan.dropping) {
            // The end of what was dropped: of an element, of an array, of a line.
            let end: &[u8] = match stop {
                Some(Stop::Element) => b",",
                Some(Stop::Line) if scan.is_array() => b"]\n",
                Some(Stop::Line) => b"\n",
                Some(Stop::TooLong) | None => b"",
            };
            job.output.write_all(end)?;
        } else if scan.inside || stop == Some(Stop::Element) {
            self.elements(job, piece, scan.inside, stop)?;
        } else {
            job.line(self, piece, Format::Json)?;
        }
        piece.clear();
        if stop == Some(Stop::Element) {
            scan.inside = true;
        } else {
            *scan = Scan::default();
        }
        Ok(())
    }

    /// A part of an array: made whole by brackets, which are taken off again.
    fn elements<R: Read>(
        &mut self,
        job: &mut Job<'_, R>,
        piece: &[u8],
        inside: bool,
        stop: Option<Stop>,
    ) -> io::Result<()> {
        let mut text = Vec::with_capacity(plus(piece.len(), 2));
        if inside {
            text.push(b'[');
        }
        text.extend_from_slice(piece);
        let comma = stop == Some(Stop::Element);
        if comma {
            text.pop();
            text.push(b']');
        }
        let masked = self.masked(&text, Format::Json).text;
        // What was broken in the middle is masked up to the end, with the bracket.
        let mut masked = masked.as_ref();
        if inside {
            masked = masked.strip_prefix(b"[").unwrap_or(masked);
        }
        if comma {
            masked = masked.strip_suffix(b"]").unwrap_or(masked);
        }
        job.output.write_all(masked)?;
        job.output.write_all(if comma { b"," } else { b"" })?;
        job.account(self)
    }
}

/// Why a piece ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// With a line, and everything is closed.
    Line,
    /// With the comma behind an element of the outermost array.
    Element,
    /// It is longer than what is kept.
    TooLong,
}

/// What a piece began with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Kind {
    /// White space so far.
    #[default]
    Blank,
    /// No bracket: some other line.
    Line,
    Object,
    Array,
}

/// Whether brackets count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Within {
    #[default]
    Structure,
    String,
    /// Behind a backslash.
    Escape,
}

/// Where in a document the input stands.
#[derive(Default)]
struct Scan {
    kind: Kind,
    within: Within,
    depth: usize,
    /// The piece begins within the array.
    inside: bool,
    /// What comes is dropped up to the end of the piece.
    dropping: bool,
}

impl Scan {
    /// Whether nothing was taken yet.
    fn is_new(&self) -> bool {
        self.kind == Kind::Blank && !self.dropping && !self.inside
    }

    const fn is_document(&self) -> bool {
        matches!(self.kind, Kind::Object | Kind::Array)
    }

    fn is_array(&self) -> bool {
        self.kind == Kind::Array
    }

    /// Goes through `chunk`, behind `before` bytes of the same piece; gives how much of it belongs to the piece, and why
    /// it ends there if it does.
    fn take(&mut self, chunk: &[u8], before: usize) -> (usize, Option<Stop>) {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            // The inside of a string of a document has no bytes that count but these.
            if self.within == Within::String && self.is_document() {
                let tail = rest(chunk, at);
                let skipped = memchr::memchr2(b'"', b'\\', tail).unwrap_or(tail.len());
                at = plus(at, skipped);
                if skipped > 0 {
                    if self.is_too_long(plus(before, at)) {
                        return (at, Some(Stop::TooLong));
                    }
                    continue;
                }
            }
            at = plus(at, 1);
            self.byte(byte);
            let size = plus(before, at);
            if byte == b'\n' && (self.depth == 0 || !self.is_document()) {
                return (at, Some(Stop::Line));
            }
            let element = byte == b','
                && self.depth == 1
                && self.is_array()
                && self.within == Within::Structure;
            if element && (self.dropping || size >= PIECE) {
                return (at, Some(Stop::Element));
            }
            if self.is_too_long(size) {
                return (at, Some(Stop::TooLong));
            }
        }
        (chunk.len(), None)
    }

    fn is_too_long(&self, size: usize) -> bool {
        let most = if self.is_document() {
            LONGEST_DOCUMENT
        } else {
            LONGEST_LINE
        };
        size >= most && !self.dropping
    }

    fn byte(&mut self, byte: u8) {
        if self.kind == Kind::Blank && !byte.is_ascii_whitespace() {
            self.kind = match byte {
                b'{' => Kind::Object,
                b'[' => Kind::Array,
                _ => Kind::Line,
            };
        }
        match (self.within, byte) {
            (Within::Escape, _) | (Within::Structure, b'"') => self.within = Within::String,
            (Within::String, b'\\') => self.within = Within::Escape,
            (Within::String, b'"') => self.within = Within::Structure,
            (Within::Structure, b'{' | b'[') => self.depth = plus(self.depth, 1),
            (Within::Structure, b'}' | b']') => self.depth = minus(self.depth, 1),
            (Within::String | Within::Structure, _) => {}
        }
    }
}

/// Whether a line may be a document: it begins and ends with the brackets of one.
fn looks_whole(line: &[u8]) -> bool {
    matches!(line.trim_ascii(), [b'{', .., b'}'] | [b'[', .., b']'])
}

/// Whether a line closes everything that it opens.
pub(super) fn is_whole(line: &[u8]) -> bool {
    let mut scan = Scan::default();
    scan.take(line, 0);
    scan.depth == 0 && !line.is_empty()
}

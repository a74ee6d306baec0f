//! HTTP messages in a row, as text: framed by what their heads say, or up to the next start line where they say nothing.
//!
//! Masking changes lengths, so what says how long a body is follows: `Content-Length` is written anew, chunks become one.

use std::io::{self, Read};

use super::lines::{read_line, skip_line};
use super::{Filter, Job, LONGEST_DOCUMENT};
use crate::cleartext::mask::bytes::{cut, find, plus, rest, trim};
use crate::cleartext::mask::charset;
use crate::cleartext::mask::format::{Format, opens_message};
use crate::cleartext::mask::placeholder;

/// Longer heads are masked whole, and what follows with them.
const LONGEST_HEAD: usize = 1 << 20;

/// Where a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    Length(usize),
    Chunks,
    /// At the next start line or the end of the input.
    Open,
}

/// What of a message was read.
#[derive(Default)]
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
    trailers: Vec<u8>,
    /// More body came than is kept.
    too_long: bool,
    /// The first line of what follows, which had to be read to find the end.
    next: Vec<u8>,
}

impl Filter {
    /// Masks messages until the input ends; lines between them are text.
    pub(super) fn messages<R: Read>(&mut self, job: &mut Job<'_, R>) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            if line.is_empty() && !read_line(&mut job.input, &mut line)? {
                job.too_long(self)?;
                if skip_line(&mut job.input)? {
                    job.output.write_all(b"\n")?;
                }
                continue;
            }
            if line.is_empty() {
                return job.output.flush();
            }
            self.line = self.line.saturating_add(1);
            if opens_message(trim(&line)) {
                line = self.message(job, std::mem::take(&mut line))?;
            } else {
                job.line(self, &line, Format::Text)?;
                line.clear();
            }
            job.breathe()?;
        }
    }

    /// Masks a message whose first line was read; gives the first line of the next, if that had to be read.
    fn message<R: Read>(&mut self, job: &mut Job<'_, R>, first: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut message = Message {
            head: first,
            ..Message::default()
        };
        if !read_head(job, &mut message.head)? {
            job.too_long(self)?;
            io::copy(&mut job.input, &mut io::sink())?;
            return Ok(Vec::new());
        }
        let framing = framing(&message.head);
        match framing {
            Framing::Length(length) => message.take(job, length)?,
            Framing::Chunks => message.chunks(job)?,
            Framing::Open => message.up_to_the_next(job)?,
        }
        let (head, body) = self.masked_message(&message);
        let whole = match framing {
            Framing::Length(length) if message.body.len() == length || message.too_long => true,
            Framing::Length(_) | Framing::Open => false,
            Framing::Chunks => true,
        };
        let head = if whole {
            with_length(&head, body.len())
        } else {
            head
        };
        job.account(self)?;
        job.output.write_all(&head)?;
        if framing == Framing::Chunks {
            if !body.is_empty() {
                job.output.write_all(&chunk_line(body.len()))?;
                job.output.write_all(&body)?;
                job.output.write_all(b"\r\n")?;
            }
            job.output.write_all(b"0\r\n")?;
            job.masked(self, &message.trailers, Format::Text)?;
        } else {
            job.output.write_all(&body)?;
        }
        Ok(message.next)
    }

    /// Head and body masked. They are looked at together: the head says what the body is.
    fn masked_message(&mut self, message: &Message) -> (Vec<u8>, Vec<u8>) {
        let replaced: &[u8] = if message.too_long {
            placeholder::UNPARSED
        } else if is_coded(&message.head) && !charset::is_utf8(&message.body) {
            placeholder::BINARY
        } else {
            b""
        };
        let mut text = message.head.clone();
        // Line ends behind a body are no part of its last value.
        let inner = message.body.trim_ascii_end();
        if replaced.is_empty() {
            text.extend_from_slice(inner);
        }
        let masked = self.masked(&text, Format::Http).text.into_owned();
        let end = head_end(&masked);
        let mut body = rest(&masked, end).to_vec();
        body.extend_from_slice(replaced);
        body.extend_from_slice(rest(&message.body, inner.len()));
        (cut(&masked, 0, end).to_vec(), body)
    }
}

impl Message {
    /// Takes so many bytes of body, of which a bounded number is kept.
    fn take<R: Read>(&mut self, job: &mut Job<'_, R>, length: usize) -> io::Result<()> {
        let room = LONGEST_DOCUMENT.saturating_sub(self.body.len());
        let kept = u64::try_from(length.min(room)).unwrap_or(0);
        job.input.by_ref().take(kept).read_to_end(&mut self.body)?;
        let more = u64::try_from(length.saturating_sub(room)).unwrap_or(0);
        let dropped = io::copy(&mut job.input.by_ref().take(more), &mut io::sink())?;
        self.too_long |= dropped > 0;
        Ok(())
    }

    /// RFC 9112 section 7.1. What is no chunk ends the body.
    fn chunks<R: Read>(&mut self, job: &mut Job<'_, R>) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if !read_line(&mut job.input, &mut line)? || line.is_empty() {
                return Ok(());
            }
            let size = trim(&line).split(|b| *b == b';').next().map(trim);
            let size = size.and_then(|size| std::str::from_utf8(size).ok());
            match size.and_then(|size| usize::from_str_radix(size, 16).ok()) {
                Some(0) => return self.trailers(job),
                Some(size) => self.take(job, size)?,
                None => {
                    self.next = line;
                    return Ok(());
                }
            }
            line.clear();
            read_line(&mut job.input, &mut line)?;
        }
    }

    fn trailers<R: Read>(&mut self, job: &mut Job<'_, R>) -> io::Result<()> {
        while self.trailers.len() < LONGEST_HEAD {
            let start = self.trailers.len();
            if !read_line(&mut job.input, &mut self.trailers)?
                || trim(rest(&self.trailers, start)).is_empty()
            {
                break;
            }
        }
        Ok(())
    }

    fn up_to_the_next<R: Read>(&mut self, job: &mut Job<'_, R>) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let whole = read_line(&mut job.input, &mut line)?;
            if whole && line.is_empty() {
                return Ok(());
            }
            if whole && opens_message(trim(&line)) {
                self.next = line;
                return Ok(());
            }
            self.too_long |= !whole || plus(self.body.len(), line.len()) > LONGEST_DOCUMENT;
            if !self.too_long {
                self.body.extend_from_slice(&line);
            }
            if !whole && !skip_line(&mut job.input)? {
                return Ok(());
            }
        }
    }
}

/// Reads up to the blank line behind the fields, or to the end of the input; false if that is too far.
fn read_head<R: Read>(job: &mut Job<'_, R>, head: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let start = head.len();
        if !read_line(&mut job.input, head)? || head.len() > LONGEST_HEAD {
            return Ok(false);
        }
        if trim(rest(head, start)).is_empty() {
            return Ok(true);
        }
    }
}

fn framing(head: &[u8]) -> Framing {
    let chunked = fields(head, b"transfer-encoding")
        .any(|value| find(&value.to_ascii_lowercase(), 0, b"chunked").is_some());
    if chunked {
        return Framing::Chunks;
    }
    let length = fields(head, b"content-length").next();
    length
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
        .map_or(Framing::Open, Framing::Length)
}

fn is_coded(head: &[u8]) -> bool {
    fields(head, b"content-encoding")
        .any(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"))
}

/// The values of a field.
fn fields<'a>(head: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    head.split(|b| *b == b'\n').skip(1).filter_map(move |line| {
        let colon = memchr::memchr(b':', line)?;
        trim(cut(line, 0, colon))
            .eq_ignore_ascii_case(name)
            .then(|| trim(rest(line, plus(colon, 1))))
    })
}

/// RFC 9112 section 7.1.
fn chunk_line(length: usize) -> Vec<u8> {
    let digits = (0..usize::BITS / 4).rev().filter_map(|place| {
        let digit = length.checked_shr(place.saturating_mul(4))? & 15;
        char::from_digit(u32::try_from(digit).ok()?, 16)
    });
    let digits: String = digits.skip_while(|digit| *digit == '0').collect();
    [digits.as_bytes(), b"\r\n"].concat()
}

/// The place behind the blank line.
fn head_end(message: &[u8]) -> usize {
    let mut at = 0;
    for line in message.split_inclusive(|b| *b == b'\n') {
        at = plus(at, line.len());
        if trim(line).is_empty() {
            break;
        }
    }
    at
}

/// The head with a `Content-Length` that is true again, where it has one.
fn with_length(head: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(plus(head.len(), 8));
    for (number, line) in head.split_inclusive(|b| *b == b'\n').enumerate() {
        let colon = memchr::memchr(b':', line).unwrap_or(0);
        if number == 0 || !trim(cut(line, 0, colon)).eq_ignore_ascii_case(b"content-length") {
            out.extend_from_slice(line);
            continue;
        }
        out.extend_from_slice(cut(line, 0, plus(colon, 1)));
        out.push(b' ');
        out.extend_from_slice(length.to_string().as_bytes());
        let end = line.iter().rev().take_while(|b| b.is_ascii_whitespace());
        out.extend_from_slice(rest(line, line.len().saturating_sub(end.count())));
    }
    out
}

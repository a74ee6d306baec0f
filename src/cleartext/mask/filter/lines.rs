//! Lines of text, each masked as it comes: with the further lines without which it cannot be judged, and with what the lines
//! before it say about it.

use std::io::{self, BufRead, Read};

use super::{Filter, Job, LONGEST_LINE};
use crate::cleartext::mask::bytes::{cut, find, minus, plus};
use crate::cleartext::mask::format::{Carried, Format, GoesOn, LONGEST_ROW, MOST_LINES};
use crate::cleartext::mask::walk::Stretch;

impl Filter {
    /// Goes through lines.
    pub(super) fn lines<R: Read>(
        &mut self,
        job: &mut Job<'_, R>,
        format: Format,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        let mut carried = Carried::default();
        let mut done = 0_usize;
        loop {
            line.clear();
            let mut whole = read_line(&mut job.input, &mut line)?;
            if line.is_empty() && whole {
                return job.output.flush();
            }
            self.line = plus(done, 1);
            let mut more = 0;
            if whole && format == Format::Text {
                (whole, more) = job.rest(&mut line, &carried)?;
            }
            done = plus(self.line, more);
            if !whole {
                carried = Carried::default();
                job.too_long(self)?;
                if skip_line(&mut job.input)? {
                    job.output.write_all(b"\n")?;
                }
            } else if format == Format::Text {
                job.text_line(self, &line, &mut carried)?;
            } else {
                job.line(self, &line, format)?;
            }
            job.breathe()?;
        }
    }
}

impl<R: Read> Job<'_, R> {
    /// Takes the lines that belong to `line`; whether that could be done, and how many they are.
    fn rest(&mut self, line: &mut Vec<u8>, carried: &Carried) -> io::Result<(bool, usize)> {
        if opens_key(line) {
            return self.rest_of_key(line);
        }
        let goes_on = carried.goes_on(line);
        let mut open = goes_on == GoesOn::Row;
        let mut more = 0_usize;
        while more < MOST_LINES && line.len() < LONGEST_ROW {
            let wanted = match goes_on {
                GoesOn::No => false,
                GoesOn::Row => open,
                GoesOn::Fold => {
                    self.breathe()?;
                    matches!(self.input.fill_buf()?.first(), Some(b' ' | b'\t'))
                }
            };
            let before = line.len();
            if !wanted {
                break;
            }
            let whole = read_line(&mut self.input, line)?;
            if line.len() == before {
                return Ok((whole, more));
            }
            open = carried.ends_open(cut(line, before, line.len()), open);
            more = plus(more, 1);
        }
        Ok((true, more))
    }

    /// A PEM block is taken whole, since its lines do not show what they are.
    fn rest_of_key(&mut self, line: &mut Vec<u8>) -> io::Result<(bool, usize)> {
        let mut more = 0_usize;
        while line.len() < LONGEST_LINE {
            let before = line.len();
            let whole = read_line(&mut self.input, line)?;
            if line.len() == before {
                return Ok((whole, more));
            }
            more = plus(more, 1);
            // Only in what is new: to look from the front each time would be quadratic.
            if find(line, minus(before, END.len()), END).is_some() {
                break;
            }
        }
        Ok((true, more))
    }

    /// Writes a line of text masked, and its end as it is.
    fn text_line(
        &mut self,
        filter: &mut Filter,
        line: &[u8],
        carried: &mut Carried,
    ) -> io::Result<()> {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        let mut walk = filter.anew();
        if !walk.carried(body, carried) {
            walk.body(body, Stretch::new(0, body.len()), Format::Text);
        }
        self.output.write_all(&filter.rendered(body).text)?;
        self.account(filter)?;
        self.output.write_all(cut(line, body.len(), line.len()))
    }
}

/// What ends a PEM block.
const END: &[u8] = b"-----END ";

/// Whether a private key begins in a line that does not end in it.
fn opens_key(text: &[u8]) -> bool {
    find(text, 0, b"-----BEGIN ").is_some_and(|begin| {
        let label = cut(text, begin, text.len().min(plus(begin, 80)));
        find(label, 0, b"PRIVATE KEY").is_some() && find(text, plus(begin, 11), END).is_none()
    })
}

/// Appends a line with its end; false if it is too long, and then what was read of it is dropped again.
pub(super) fn read_line<R: BufRead>(input: &mut R, line: &mut Vec<u8>) -> io::Result<bool> {
    let before = line.len();
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
    let read = input.by_ref().take(limit).read_until(b'\n', line)?;
    let whole = read < LONGEST_LINE || line.last() == Some(&b'\n');
    if !whole {
        line.truncate(before);
    }
    Ok(whole)
}

/// Skips to the next line; false if there is none.
pub(super) fn skip_line<R: BufRead>(input: &mut R) -> io::Result<bool> {
    loop {
        let chunk = input.fill_buf()?;
        let (end, len) = match memchr::memchr(b'\n', chunk) {
            Some(end) => (true, plus(end, 1)),
            None => (chunk.is_empty(), chunk.len()),
        };
        let found = end && len > 0;
        input.consume(len);
        if end {
            return Ok(found);
        }
    }
}

//! Server-sent events (WHATWG HTML section 9.2): each `data:` line is a value of its own.

use crate::cleartext::mask::bytes::{at, cut, plus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::Key;
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

impl Walk<'_> {
    /// A stream of events, or what was seen of it.
    pub(in crate::cleartext::mask) fn sse(&mut self, buffer: &[u8], at: Stretch) {
        let mut i = at.start;
        while i < at.end {
            let end = line_end(buffer, i, at.end);
            if let Some(last) = self.split_event(buffer, Stretch::new(i, end), at.end) {
                i = plus(last, 1);
                continue;
            }
            self.event_line(buffer, Stretch::new(i, end));
            i = plus(end, 1);
        }
    }

    /// A document over several `data:` lines: read as one, and put back over as many. Gives where the last of them ends.
    fn split_event(&mut self, buffer: &[u8], line: Stretch, end: usize) -> Option<usize> {
        let starts = |line: Stretch| data_of(buffer, line);
        let first = starts(line)?;
        // Each line a document of its own: nothing to join.
        let alone = first.of(buffer);
        if !matches!(alone.first(), Some(b'{' | b'[')) || is_balanced(alone) {
            return None;
        }
        let mut last = line.end;
        let mut joined = first.of(buffer).to_vec();
        while let Some(data) = starts(Stretch::new(
            plus(last, 1),
            line_end(buffer, plus(last, 1), end),
        )) {
            joined.push(b'\n');
            joined.extend_from_slice(data.of(buffer));
            last = line_end(buffer, plus(last, 1), end);
        }
        if last == line.end {
            return None;
        }
        let whole = Stretch::new(first.start, last);
        self.within(&joined, whole, Codec::Event, |walk, text| {
            walk.json_body(text, Stretch::new(0, text.len()));
        });
        Some(last)
    }

    fn event_line(&mut self, buffer: &[u8], line: Stretch) {
        let text = line.of(buffer);
        if !text.starts_with(b"data:") {
            self.text(buffer, line, Key::NONE);
            return;
        }
        let data = trimmed(buffer, Stretch::new(plus(line.start, 5), line.end));
        if matches!(at(buffer, data.start), b'{' | b'[') {
            self.json_body(buffer, data);
        } else {
            self.look(buffer, data, Key::NONE);
        }
    }
}

fn line_end(buffer: &[u8], start: usize, end: usize) -> usize {
    memchr::memchr(b'\n', cut(buffer, start, end)).map_or(end, |n| plus(start, n))
}

/// What a `data:` line holds.
fn data_of(buffer: &[u8], line: Stretch) -> Option<Stretch> {
    line.of(buffer)
        .starts_with(b"data:")
        .then(|| trimmed(buffer, Stretch::new(plus(line.start, 5), line.end)))
}

/// As many brackets open as close: a document, as far as can be told without reading it.
fn is_balanced(text: &[u8]) -> bool {
    let count = |signs: &[u8]| text.iter().filter(|b| signs.contains(b)).count();
    count(b"{[") == count(b"}]")
}

//! Server-sent events (WHATWG HTML section 9.2): each `data:` line is a value of its own.

use crate::cleartext::mask::bytes::{at, cut, plus};
use crate::cleartext::mask::names::Key;
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

impl Walk<'_> {
    /// A stream of events, or what was seen of it.
    pub(in crate::cleartext::mask) fn sse(&mut self, buffer: &[u8], at: Stretch) {
        let mut i = at.start;
        while i < at.end {
            let end = memchr::memchr(b'\n', cut(buffer, i, at.end)).map_or(at.end, |n| plus(i, n));
            self.event_line(buffer, Stretch::new(i, end));
            i = plus(end, 1);
        }
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

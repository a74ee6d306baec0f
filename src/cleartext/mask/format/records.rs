//! Records within running text whose lines say by their place, not by a name, what stands in them: segments of HL7 v2
//! messages ([`super::hl7`]), properties of vCards and calendars ([`super::card`]). The rest of the text is text.

use super::card::Card;
use super::hl7;
use crate::cleartext::mask::bytes::{at, cut, minus, plus};
use crate::cleartext::mask::names::Key;
use crate::cleartext::mask::walk::{Stretch, Walk};

/// The shortest record (bytes): `PID|1||a`.
const SHORTEST: usize = 8;

impl Walk<'_> {
    /// Reads a text that holds records, line by line; false, and nothing done, if there are none.
    pub(super) fn records(&mut self, buffer: &[u8], all: Stretch, key: Key) -> bool {
        let text = all.of(buffer);
        // Segments and properties have signs that most values lack altogether.
        if text.len() < SHORTEST || memchr::memchr3(b'|', b'\n', b'\r', text).is_none() {
            return false;
        }
        let cards = Card::is_in(text);
        if !cards && !hl7::may_be_in(text) {
            return false;
        }
        let separator = hl7::separator(text);
        let (mut i, mut plain) = (all.start, all.start);
        let mut card = Card::default();
        while i < all.end {
            let mut line = line(buffer, i, all.end);
            let segment = hl7::Segment::of(line.of(buffer), separator);
            let property = segment.is_none() && cards && card.takes(line.of(buffer));
            if property {
                line = folded(buffer, line, all.end);
            }
            i = after_line(buffer, line.end, all.end);
            if segment.is_none() && !property {
                continue;
            }
            let before = Stretch::new(plain, line.start);
            if before.start < before.end {
                self.running_text(buffer, before, key);
            }
            match segment {
                Some(segment) => self.segment_of_hl7(buffer, line, &segment),
                None => self.property(buffer, line),
            }
            plain = i;
        }
        if plain == all.start {
            return false;
        }
        if plain < all.end {
            self.running_text(buffer, Stretch::new(plain, all.end), key);
        }
        true
    }
}

/// The line at `start`; lines may end with a carriage return alone (HL7 v2.5 section 2.5.3).
fn line(buffer: &[u8], start: usize, end: usize) -> Stretch {
    let text = cut(buffer, start, end);
    let len = memchr::memchr2(b'\n', b'\r', text).unwrap_or(minus(end, start));
    Stretch::new(start, plus(start, len))
}

/// Where the next line begins.
fn after_line(buffer: &[u8], end_of_line: usize, end: usize) -> usize {
    let ends = cut(buffer, end_of_line, end.min(plus(end_of_line, 2)));
    let len = match ends {
        [b'\r', b'\n'] => 2,
        [] => 0,
        _ => 1,
    };
    plus(end_of_line, len)
}

/// A property with the lines it is folded to (RFC 6350 section 3.2, RFC 5545 section 3.1).
fn folded(buffer: &[u8], first: Stretch, end: usize) -> Stretch {
    let mut all = first;
    loop {
        let next = after_line(buffer, all.end, end);
        if next == all.end || !matches!(at(buffer, next), b' ' | b'\t') || next >= end {
            return all;
        }
        all.end = line(buffer, next, end).end;
    }
}

//! Lost and found: looking for the next start line in bytes that make no sense.

use memchr::memchr;

use super::{Direction, Session, State, to_u64};
use crate::cleartext::http::exchange::Mark;
use crate::cleartext::http::head::{self, Role};
use crate::cleartext::http::line::Verdict;

/// How long a first line is waited for.
const SCAN_LINE: usize = 4 << 10;

impl Session {
    pub(super) fn lose(&mut self, role: Role, boundary: Option<u64>) {
        self.holes = true;
        let direction = self.direction(role);
        direction.state = State::Scan;
        direction.buf.clear();
        direction.boundary = boundary;
        direction.hole_end = None;
        direction.strayed = true;
    }

    /// Looks for a start line at the front of the bytes and behind every line end.
    pub(super) fn scan_bytes(&mut self, role: Role, rest: &[u8], at: Mark) -> usize {
        self.lost = self.lost.saturating_add(to_u64(rest.len()));
        let direction = self.direction(role);
        if !direction.buf.is_empty() {
            return direction.scan_more(role, rest);
        }
        let mut from = 0_usize;
        while let Some(line) = rest.get(from..).filter(|line| !line.is_empty()) {
            match head::probe(role, line) {
                Verdict::Request | Verdict::Response => {
                    direction.state = State::Head;
                    return from;
                }
                Verdict::Maybe if line.len() < SCAN_LINE => {
                    direction.mark = Mark {
                        offset: at.offset.wrapping_add(to_u64(from)),
                        ..at
                    };
                    direction.scanned = 0;
                    direction.buf.extend_from_slice(line);
                    return rest.len();
                }
                Verdict::Maybe | Verdict::No => {}
            }
            let Some(newline) = memchr(b'\n', line) else {
                break;
            };
            from = from.saturating_add(newline).saturating_add(1);
        }
        rest.len()
    }
}

impl Direction {
    /// Goes on with a line that may become a start line.
    fn scan_more(&mut self, role: Role, rest: &[u8]) -> usize {
        let before = self.buf.len();
        let room = SCAN_LINE.saturating_sub(before);
        self.buf.extend_from_slice(rest.get(..room).unwrap_or(rest));
        match head::probe(role, &self.buf) {
            Verdict::Request | Verdict::Response => {
                // The head reader takes over the buffer as it was; these bytes come again.
                self.buf.truncate(before);
                self.state = State::Head;
                0
            }
            Verdict::Maybe if self.buf.len() < SCAN_LINE => rest.len().min(room),
            Verdict::Maybe | Verdict::No => {
                self.buf.clear();
                0
            }
        }
    }
}

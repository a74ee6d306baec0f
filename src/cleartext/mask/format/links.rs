//! Paths within running text, of links that mails and logs are full of: what stands behind a segment such as
//! `reset-password` is judged by that name. Queries are pairs, and looks are judged with the rest of the text.

use crate::cleartext::mask::bytes::{ALNUM, JOIN, cut, is, minus, plus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::{Decision, decide};
use crate::cleartext::mask::names::Space;
use crate::cleartext::mask::walk::{Stretch, Walk};

use super::text::Taken;

/// The longest segment that names something (bytes).
const LONGEST_NAME: usize = 40;
/// The longest segment that is a value.
const LONGEST_VALUE: usize = 2_048;
/// The shortest: in running text, `key/1` is more often a file than a secret.
const SHORTEST_VALUE: usize = 8;

/// A path with a name and a value in it is longer than this.
pub(super) const SHORTEST_PATH: usize = 10;

impl Walk<'_> {
    /// Values in paths by the names before them.
    pub(super) fn paths(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        let mut before: Option<usize> = None;
        let mut known = 0_usize;
        let decided = taken.len();
        for slash in memchr::memchr_iter(b'/', all.of(buffer)) {
            let slash = plus(all.start, slash);
            let name = before.map(|before| Stretch::new(plus(before, 1), slash));
            before = Some(slash);
            let Some(name) = name.filter(|name| is_name(name.of(buffer))) else {
                continue;
            };
            let value = segment(buffer, plus(slash, 1), all.end);
            if !is_value(value.of(buffer)) {
                continue;
            }
            // What was decided before comes in the order of the text, as do segments.
            while known < decided && taken.get(known).is_some_and(|t| t.end <= value.start) {
                known = plus(known, 1);
            }
            let overlaps = known < decided && taken.get(known).is_some_and(|t| t.start < value.end);
            let key = self.classify(Space::Param, name.of(buffer));
            if overlaps || !key.hits() {
                continue;
            }
            let mut decoded = Vec::new();
            Codec::Percent.decode(value.of(buffer), &mut decoded);
            match decide(self.rules, key, &decoded) {
                Decision::Mask(slot) => {
                    let mark = self.s.enter_name(b"{segment}", true);
                    self.mask(value, slot, &decoded);
                    self.s.leave(mark);
                }
                // A placeholder stays as a whole.
                Decision::Keep => {}
                Decision::Look => continue,
            }
            taken.push(value);
        }
        if taken.len() > decided {
            taken.sort_unstable_by_key(|t| (t.start, t.end));
        }
    }
}

/// The segment at `start`.
fn segment(buffer: &[u8], start: usize, end: usize) -> Stretch {
    let limit = end.min(plus(start, LONGEST_VALUE));
    let text = cut(buffer, start, limit);
    let len = text
        .iter()
        .take_while(|b| !b.is_ascii_whitespace() && !b"/?#&;,|\"'`<>()[]{}\\".contains(b))
        .count();
    // A full stop ends the sentence, not the link.
    let stops = cut(text, 0, len)
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b':' | b'!'))
        .count();
    Stretch::new(start, plus(start, minus(len, stops)))
}

/// Only what may be a name is one: identifiers would fill the cache of names, and hosts have points.
fn is_name(text: &[u8]) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text
            .iter()
            .all(|b| is(*b, ALNUM | JOIN) && !b.is_ascii_digit())
}

/// Behind a name stands a value or a verb: verbs are short, and have no digits and no signs.
fn is_value(text: &[u8]) -> bool {
    let telling = |b: &u8| b.is_ascii_digit() || matches!(b, b'%' | b'@' | b'=');
    text.len() >= SHORTEST_VALUE && (text.len() >= 24 || text.iter().any(telling))
}

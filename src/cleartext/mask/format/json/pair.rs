//! Names and values as a pair: `{"name": "password", "value": "x"}`, `[["x-api-key", "x"]]`.
//!
//! The name may come behind the value. A string or number is masked in place; an
//! object or array is looked at a second time, as often as the length of the document allows.

use super::table::{QUOTED_UNPARSED, Role};
use super::{Frame, Reader};
use crate::cleartext::mask::bytes::{ALNUM, JOIN, cut, is, minus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::{Decision, decide};
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::walk::{Hit, Stretch, Walk};

/// Values that wait in one object; more are no pair.
const MOST_WAITING: usize = 3;

/// What a value that waits is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// A string.
    Text,
    /// A number.
    Number,
    /// An object or array.
    Nested,
}

/// The values of an object that wait for the name of their pair.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    values: [Option<(Stretch, Wait)>; MOST_WAITING],
}

impl Waiting {
    /// None waits.
    pub(super) const NONE: Self = Self {
        values: [None; MOST_WAITING],
    };

    /// Lets one wait; the last of too many gives way.
    pub(super) fn push(&mut self, at: Stretch, kind: Wait) {
        let free = self.values.iter().position(Option::is_none);
        let place = free.unwrap_or(minus(MOST_WAITING, 1));
        if let Some(slot) = self.values.get_mut(place) {
            *slot = Some((at, kind));
        }
    }

    /// All that wait.
    pub(super) fn all(self) -> impl Iterator<Item = (Stretch, Wait)> {
        self.values.into_iter().flatten()
    }
}

/// What the first look has found already, by the first byte, in ascending order.
pub(super) struct Again {
    noted: Vec<Stretch>,
}

impl Again {
    /// Those of `hits` that lie in `at`. They come in the order of the text, but for those masked late.
    pub(super) fn noted(hits: &[Hit], at: Stretch) -> Self {
        let behind = hits.iter().rev().take_while(|hit| hit.at.start >= at.start);
        let mut noted: Vec<Stretch> = behind
            .map(|hit| hit.at)
            .filter(|hit| hit.end <= at.end)
            .collect();
        noted.sort_unstable_by_key(|hit| hit.start);
        Self { noted }
    }

    fn has(&self, at: Stretch) -> bool {
        let place = self.noted.partition_point(|hit| hit.start < at.start);
        self.noted.get(place) == Some(&at)
    }
}

impl Reader<'_, '_, '_> {
    /// `[["x-api-key", "x"]]`: a name and a value as an array within an array.
    pub(super) fn row(&mut self, at: Stretch, own: Key) -> Key {
        let is_row =
            matches!(self.stack.as_slice(), [.., outer, top] if !outer.object && !top.object);
        let Some(top) = self.stack.last().filter(|_| is_row) else {
            return own;
        };
        let raw = at.of(self.buffer);
        if top.pair.hits() {
            // Two names side by side are no pair: `["email", "asc"]`.
            let word = raw.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
            return if word && raw.len() < 12 {
                own
            } else {
                top.pair
            };
        }
        let name = cut(self.buffer, minus(at.start, 2), at.start).trim_ascii_start() == b"[\""
            && raw.len() <= 48
            && raw.iter().all(|b| is(*b, ALNUM | JOIN));
        if name {
            let named = self.walk.classify(Space::Header, raw);
            if let Some(top) = self.stack.last_mut() {
                top.pair = named;
            }
        }
        own
    }

    /// `{"name": "password", "value": "x"}`, in either order.
    pub(super) fn pair(&mut self, at: Stretch, text: bool, own: Key) -> Key {
        let Some(top) = self.stack.last_mut() else {
            return own;
        };
        if top.class.is(Key::PAIR_VALUE) && !own.hits() {
            if top.pair.hits() {
                return top.pair;
            }
            top.waiting
                .push(at, if text { Wait::Text } else { Wait::Number });
            return own;
        }
        if top.class.is(Key::PAIR_NAME) && text && !top.pair.hits() {
            let named = self.walk.classify(Space::Field, at.of(self.buffer));
            if let Some(top) = self.stack.last_mut() {
                top.pair = named;
                let waiting = std::mem::replace(&mut top.waiting, Waiting::NONE);
                if named.hits() {
                    for (at, kind) in waiting.all() {
                        self.late(at, kind, named);
                    }
                }
            }
        }
        own
    }

    /// The nested value of a pair whose name has not come yet waits for it.
    pub(super) fn value_closed(&mut self, frame: &Frame) {
        let at = Stretch::new(frame.start, self.i);
        if let Some(top) = self.stack.last_mut()
            && top.object
            && top.class.is(Key::PAIR_VALUE)
            && frame.inherit == super::NO_RULE
            && !top.pair.hits()
            && top.key.of(self.buffer).ends_with(b"alue")
        {
            top.waiting.push(at, Wait::Nested);
        }
    }

    /// Masks the value of a pair whose name came after it.
    pub(super) fn late(&mut self, at: Stretch, kind: Wait, key: Key) {
        if kind == Wait::Nested {
            return self.nested_again(at, key);
        }
        let noted = Again::noted(&self.walk.s.hits, at).has(at);
        if !noted {
            self.masked(|walk, buffer| by_name(walk, buffer, at, kind, key));
        }
    }

    /// Everything in the nested value of a pair whose name came after it.
    fn nested_again(&mut self, at: Stretch, key: Key) {
        let len = minus(at.end, at.start);
        if len > self.budget {
            return self.masked(|walk, _| walk.fail_closed(at, QUOTED_UNPARSED));
        }
        self.budget = minus(self.budget, len);
        let noted = Again::noted(&self.walk.s.hits, at);
        let mark = self.enter_path();
        let mut reader = Reader::new(self.walk, self.buffer, at);
        let around = Frame::new(false, key.slot, at.start, Role::Outside);
        reader.stack.push(around);
        reader.again = Some(noted);
        let read = reader.read().is_ok();
        if !read {
            self.walk.fail_closed(at, QUOTED_UNPARSED);
        }
        self.walk.s.leave(mark);
    }

    /// A value at the second look: only what lies around it counts, its looks were judged before.
    pub(super) fn value_again(&mut self, at: Stretch, text: bool) {
        let inherited = self.stack.last().map_or(super::NO_RULE, |top| top.inherit);
        let key = if inherited == super::NO_RULE {
            self.effective()
        } else {
            Key::of(inherited)
        };
        if !key.hits() {
            return;
        }
        let noted = self.again.as_ref().is_some_and(|again| again.has(at));
        let kind = if text { Wait::Text } else { Wait::Number };
        if !noted {
            self.masked(|walk, buffer| by_name(walk, buffer, at, kind, key));
        }
    }

    /// A key at the second look: it was judged before, and here it only names the value in paths.
    pub(super) fn key_again(&mut self, at: Stretch) {
        if let Some(top) = self.stack.last_mut() {
            top.key = at;
            top.class = Key::NONE;
            top.shown = super::Shown::Unknown;
            top.key_next = false;
        }
    }
}

/// Masks a value if its name asks for it.
fn by_name(walk: &mut Walk<'_>, buffer: &[u8], at: Stretch, kind: Wait, key: Key) {
    let raw = at.of(buffer);
    let mut decoded = Vec::new();
    let value = if Codec::Json.applies(raw) && kind == Wait::Text {
        Codec::Json.decode(raw, &mut decoded);
        &decoded
    } else {
        raw
    };
    match decide(walk.rules, key, value) {
        Decision::Mask(slot) if kind == Wait::Text => walk.mask(at, slot, value),
        Decision::Mask(slot) => walk.mask_number(at, slot, value),
        Decision::Keep | Decision::Look => {}
    }
}

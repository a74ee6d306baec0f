//! Names and values as a pair: `{"name": "password", "value": "x"}`, `[["x-api-key", "x"]]`.
//!
//! The name may come behind the value. A string or number is masked in place; an
//! object or array is looked at a second time, as often as the length of the document allows.

use smallvec::SmallVec;

use super::table::{QUOTED_UNPARSED, Role};
use super::{Frame, LONGEST_CODE, Reader};
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
    /// Rows whose columns are not named yet.
    Rows,
}

/// What waits for a name that comes behind it, the innermost last.
#[derive(Default)]
pub(super) struct Waits {
    all: SmallVec<[Waiting; 2]>,
}

#[derive(Clone, Copy)]
struct Waiting {
    /// How many objects and arrays are open inside the object it is a member of, that included.
    depth: usize,
    at: Stretch,
    kind: Wait,
}

impl Waits {
    /// Lets a member of the object at `depth` wait; the last of too many gives way.
    pub(super) fn push(&mut self, depth: usize, at: Stretch, kind: Wait) {
        self.forget(depth);
        let beside = self.all.iter().rev().take_while(|one| one.depth == depth);
        if beside.count() >= MOST_WAITING {
            self.all.pop();
        }
        self.all.push(Waiting { depth, at, kind });
    }

    /// Objects deeper than `depth` are closed: nothing in them waits any more.
    #[inline]
    pub(super) fn forget(&mut self, depth: usize) {
        while self.all.last().is_some_and(|one| one.depth > depth) {
            self.all.pop();
        }
    }

    /// The rows that wait for their columns at `depth`.
    pub(super) fn rows(&mut self, depth: usize) -> Option<Stretch> {
        self.forget(depth);
        let beside = self.all.iter().rev().take_while(|one| one.depth == depth);
        let rows = beside.into_iter().find(|one| one.kind == Wait::Rows)?.at;
        self.all
            .retain(|one| one.depth != depth || one.kind != Wait::Rows);
        Some(rows)
    }

    /// The values that wait for their name at `depth`.
    fn values(&mut self, depth: usize) -> SmallVec<[(Stretch, Wait); MOST_WAITING]> {
        self.forget(depth);
        let beside = self.all.iter().rev().take_while(|one| one.depth == depth);
        let found = beside
            .filter(|one| one.kind != Wait::Rows)
            .map(|one| (one.at, one.kind))
            .collect();
        self.all
            .retain(|one| one.depth != depth || one.kind == Wait::Rows);
        found
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

/// What a second look begins with.
pub(super) struct SecondLook {
    /// Stands for what the stretch lies in.
    pub(super) around: Frame,
    /// What was found there already.
    pub(super) noted: Again,
    /// What the columns say, if the stretch is rows.
    pub(super) columns: Option<SmallVec<[Key; 16]>>,
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
        let depth = self.stack.len();
        let Some(top) = self.stack.last() else {
            return own;
        };
        if top.class.is(Key::PAIR_VALUE) && !own.hits() {
            if top.pair.hits() {
                return top.pair;
            }
            let kind = if text { Wait::Text } else { Wait::Number };
            self.waits.push(depth, at, kind);
            return own;
        }
        if top.class.is(Key::PAIR_NAME) && text && !top.pair.hits() {
            let named = self.walk.classify(Space::Field, at.of(self.buffer));
            if let Some(top) = self.stack.last_mut() {
                top.pair = named;
            }
            if named.hits() {
                for (at, kind) in self.waits.values(depth) {
                    self.late(at, kind, named);
                }
            }
        }
        own
    }

    /// `"identifier": {"type": {"coding": [{"code": "MR"}]}, "value": "x"}`: the code names the identifier (HL7 table 0203).
    pub(super) fn identifier_type(&mut self, at: Stretch) {
        let code = at.of(self.buffer);
        let is_code =
            (2..=LONGEST_CODE).contains(&code.len()) && code.iter().all(u8::is_ascii_uppercase);
        let depth = self.stack.len();
        let key_of = |frame: &Frame| frame.key.of(self.buffer);
        if !is_code || self.stack.last().is_none_or(|top| key_of(top) != b"code") {
            return;
        }
        let outer = self.stack.iter().enumerate().rev().skip(1).take(3);
        let typed = outer
            .into_iter()
            .find(|(_, frame)| frame.object && key_of(frame) == b"type")
            .map(|(place, _)| place);
        let Some(place) = typed.filter(|place| *place < depth) else {
            return;
        };
        let names = &self.walk.rules.names;
        let named = self.walk.s.cache.under(names, b"identifier_type", code);
        let owner = self.stack.get_mut(place).filter(|_| named.hits());
        if let Some(owner) = owner {
            owner.pair = named;
            for (at, kind) in self.waits.values(place.saturating_add(1)) {
                self.late(at, kind, named);
            }
        }
    }

    /// The nested value of a pair whose name has not come yet waits for it.
    pub(super) fn value_closed(&mut self, frame: &Frame) {
        let at = Stretch::new(frame.start, self.i);
        let depth = self.stack.len();
        if let Some(top) = self.stack.last()
            && top.object
            && top.class.is(Key::PAIR_VALUE)
            && frame.inherit == super::NO_RULE
            && !top.pair.hits()
            && top.key.of(self.buffer).ends_with(b"alue")
        {
            self.waits.push(depth, at, Wait::Nested);
        }
    }

    /// Masks the value of a pair whose name came after it.
    #[cold]
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
        let around = Frame::new(false, key.slot, at.start, Role::Outside);
        self.look_again(
            at,
            SecondLook {
                around,
                noted,
                columns: None,
            },
        );
        self.walk.s.leave(mark);
    }

    /// Takes a second look at a stretch; what cannot be read is masked whole.
    pub(super) fn look_again(&mut self, at: Stretch, second: SecondLook) {
        let unfinished = self.walk.s.unfinished;
        let read = self.walk.json_within(self.buffer, at, Some(second));
        self.walk.s.unfinished = unfinished;
        if read.is_err() {
            self.walk.fail_closed(at, QUOTED_UNPARSED);
        }
    }

    /// Begins a second look.
    #[cold]
    pub(super) fn begin_again(&mut self, second: SecondLook) {
        let SecondLook {
            around,
            noted,
            columns,
        } = second;
        self.stack.push(around);
        if let Some(keys) = columns {
            self.tables.begin(keys);
        }
        self.again = Some(noted);
        self.special = true;
    }

    /// A value where there are columns, or at the second look; whether it is judged already.
    #[cold]
    pub(super) fn special_value(&mut self, at: Stretch, text: bool) -> bool {
        if self.again.is_some() {
            self.value_again(at, text);
            return true;
        }
        if text {
            self.column_name(at);
        }
        false
    }

    /// A value at the second look: only what lies around it counts, its looks were judged before.
    fn value_again(&mut self, at: Stretch, text: bool) {
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
    #[cold]
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

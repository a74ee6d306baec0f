//! What all formats share: leaf values, layers of encoding, hits, edits, and the path that says where a value stood.
//!
//! A format walks a buffer and hands each value to [`Walk::leaf`]. Hits are always noted; edits only where text is rendered.
//! Inside an encoded value the same walk runs over the decoded text, and what it replaced there is encoded again.

use std::borrow::Cow;
use std::sync::Arc;

use ahash::RandomState;
use smallvec::SmallVec;

use super::bytes::{ALNUM, MARK, at, cut, is, minus, plus, trim};
use super::codec::{Codec, layer};
use super::decide::{Decision, decide, is_placeholder};
use super::format::json::Frames;
use super::names::{Key, KeyCache, Slot, Space};
use super::placeholder;
use super::rules::{Exception, Rule, RuleSet};
use super::shape::{self, FoundList, Survey};
use super::validate::random;
use crate::observation::{Category, Part, TextId};

/// Layers of encoding that are undone within one value.
const MOST_LAYERS: u8 = 5;
/// Hits noted in one message; beyond it values are still masked, but no longer told apart.
const MOST_HITS: usize = 4_096;
/// Slots of the path cache; a power of two.
const PATH_SLOTS: usize = 1_024;

/// Slots of the cache of clean fields; a power of two.
const CLEAN_SLOTS: usize = 1_024;

/// Bytes by which placeholders lengthen a text, if it is short or little is replaced.
const ROOM: usize = 128;

/// Gives a field path its id; the worker's lexicon, or a list in `hushtap mask`. The flag: every part of it may be shown.
pub type PathNames = Box<dyn FnMut(&[u8], bool) -> TextId + Send>;

/// A stretch of the buffer at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Stretch {
    /// From `start` to `end`.
    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Its bytes in `buffer`.
    pub(super) fn of(self, buffer: &[u8]) -> &[u8] {
        cut(buffer, self.start, self.end)
    }
}

/// A sensitive value that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// Where, in the outermost buffer.
    pub(super) at: Stretch,
    /// By which rule.
    pub(super) slot: Slot,
    /// Under which path.
    pub(super) path: TextId,
    /// In which part of the message.
    pub(super) part: Part,
    /// In the header that tells the page before.
    pub(super) in_referer: bool,
    /// Looks random, as keys are; asked only where the rule makes a difference by it.
    pub(super) is_random: bool,
    /// Found by the name of a secret, and of the format of one too.
    pub(super) is_formatted: bool,
}

/// A replacement in the buffer at hand: `text` is a range of the arena.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    at: Stretch,
    text: Stretch,
}

/// Whether masked text is wanted, or only what was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Render {
    /// Nobody reads masked text: only findings.
    Count,
    /// Masked text and findings.
    Text,
}

/// What a worker keeps between values: caches and buffers, no traffic once [`State::clear`] has run.
pub(super) struct State {
    pub(super) cache: KeyCache,
    pub(super) hits: Vec<Hit>,
    pub(super) render: Render,
    /// Times a value was replaced whole because it could not be taken apart.
    pub(super) failed_closed: u64,
    /// What does not count at the endpoint at hand.
    pub(super) exception: Option<Arc<Exception>>,
    /// Values kept by it in this message.
    excepted: u64,
    /// Path of the value at hand, such as `$.card.number`.
    pub(super) path: Vec<u8>,
    /// The part of the message at hand.
    pub(super) part: Part,
    /// Whether every part of `path` may be shown.
    pub(super) path_known: bool,
    edits: Vec<Edit>,
    arena: Vec<u8>,
    pool: Vec<Vec<u8>>,
    depth: u8,
    /// The JSON read last broke off before its end.
    pub(super) unfinished: bool,
    pub(super) frames: Frames,
    /// Multipart bodies within multipart bodies that are open.
    pub(super) parts: u8,
    names: PathNames,
    path_hash: RandomState,
    path_cache: Box<[(u64, TextId)]>,
    /// Hashes of header fields that were found clean: clients send the same ones again and again.
    clean: Box<[u64]>,
    suffixes: placeholder::Suffixes,
    key: [u8; 32],
}

impl State {
    pub(super) fn new(key: [u8; 32], names: PathNames) -> Self {
        Self {
            cache: KeyCache::default(),
            hits: Vec::new(),
            render: Render::Count,
            failed_closed: 0,
            exception: None,
            excepted: 0,
            path: Vec::new(),
            part: Part::RequestBody,
            path_known: true,
            edits: Vec::new(),
            arena: Vec::new(),
            pool: Vec::new(),
            depth: 0,
            unfinished: false,
            frames: Frames::default(),
            parts: 0,
            names,
            path_hash: RandomState::new(),
            path_cache: vec![(0, TextId::NONE); PATH_SLOTS].into(),
            clean: vec![0; CLEAN_SLOTS].into(),
            suffixes: placeholder::Suffixes::default(),
            key,
        }
    }

    /// Forgets names under the rules that were in force so far.
    pub(super) fn forget(&mut self) {
        self.cache = KeyCache::default();
        self.suffixes = placeholder::Suffixes::default();
        self.clean.fill(0);
    }

    /// Forgets the ids of paths.
    pub(super) fn forget_paths(&mut self) {
        self.path_cache.fill((0, TextId::NONE));
    }

    /// Drops everything of the last message.
    pub(super) fn clear(&mut self, render: Render) {
        self.render = render;
        self.hits.clear();
        self.edits.clear();
        self.arena.clear();
        self.path.clear();
        self.path_known = true;
        self.depth = 0;
        self.unfinished = false;
        self.excepted = 0;
        self.parts = 0;
    }

    fn path_id(&mut self) -> TextId {
        let hash = self
            .path_hash
            .hash_one((self.path.as_slice(), self.path_known));
        let index = usize::try_from(hash & 0x3ff).unwrap_or(0);
        match self.path_cache.get_mut(index) {
            Some((seen, id)) if *seen == hash && hash != 0 => *id,
            Some(slot) => {
                let id = (self.names)(&self.path, self.path_known);
                *slot = (hash, id);
                id
            }
            None => TextId::NONE,
        }
    }

    /// Adds a part to the path until `undo`.
    pub(super) fn enter(&mut self, parts: &[&[u8]], known: bool) -> PathMark {
        let mark = PathMark {
            len: self.path.len(),
            known: self.path_known,
        };
        self.push(parts, known);
        mark
    }

    /// Adds a name to the path until `undo`: behind a point, unless it is the first.
    pub(super) fn enter_name(&mut self, name: &[u8], known: bool) -> PathMark {
        let point: &[u8] = if self.path.is_empty() { b"" } else { b"." };
        self.enter(&[point, name], known)
    }

    /// Adds a part to the path; an earlier mark undoes it.
    pub(super) fn push(&mut self, parts: &[&[u8]], known: bool) {
        for part in parts {
            self.path.extend_from_slice(part);
        }
        self.path_known &= known;
    }

    /// Takes the path back to where it was.
    pub(super) fn leave(&mut self, mark: PathMark) {
        self.path.truncate(mark.len);
        self.path_known = mark.known;
    }
}

/// Where the path stood before [`State::enter`].
#[derive(Clone, Copy)]
#[must_use]
pub(super) struct PathMark {
    len: usize,
    known: bool,
}

/// A place to go back to when a guess about a format was wrong.
#[derive(Clone, Copy)]
pub(super) struct Bookmark {
    hits: usize,
    edits: usize,
    arena: usize,
    failed_closed: u64,
}

/// A walk over one message under the rules in force.
pub(super) struct Walk<'r> {
    pub(super) rules: &'r RuleSet,
    pub(super) s: &'r mut State,
}

impl Walk<'_> {
    /// Classifies a name.
    #[inline]
    pub(super) fn classify(&mut self, space: Space, name: &[u8]) -> Key {
        self.s.cache.classify(&self.rules.names, space, name)
    }

    /// Masks a stretch whole by a rule. `value` is its decoded form.
    pub(super) fn mask(&mut self, at: Stretch, slot: Slot, value: &[u8]) {
        let Some(slot) = self.counts(slot, value) else {
            return;
        };
        self.hit(at, slot, value);
        if self.s.render == Render::Count {
            return;
        }
        let from = self.s.arena.len();
        match self.rules.rule(slot) {
            Some(rule) if rule.keyed => {
                let hash = self.s.path_hash.hash_one((slot, value));
                let suffix = self
                    .s
                    .suffixes
                    .get(hash, || placeholder::suffix(rule, &self.s.key, value));
                placeholder::write(rule, Some(suffix), &mut self.s.arena);
            }
            Some(rule) => placeholder::write(rule, None, &mut self.s.arena),
            None => self.s.arena.extend_from_slice(placeholder::UNPARSED),
        }
        self.push_edit(at, from);
    }

    /// Masks a number: it becomes `0`, so that the document keeps its shape.
    pub(super) fn mask_number(&mut self, at: Stretch, slot: Slot, digits: &[u8]) {
        if let Some(slot) = self.counts(slot, digits) {
            self.hit(at, slot, digits);
            self.replace(at, b"0");
        }
    }

    /// The rule that takes `value`: that of `slot`, or another one if an exception says that it does not count here.
    #[inline]
    fn counts(&mut self, slot: Slot, value: &[u8]) -> Option<Slot> {
        if self.s.exception.is_none() {
            return Some(slot);
        }
        self.counts_but_for_exceptions(slot, value)
    }

    fn counts_but_for_exceptions(&mut self, slot: Slot, value: &[u8]) -> Option<Slot> {
        let exception = self.s.exception.clone()?;
        match exception.at(&self.s.path) {
            // Too deep to look again: it stays masked.
            Some(lowering) if lowering.covers(slot) && self.s.depth < MOST_LAYERS => {
                self.s.excepted = self.s.excepted.saturating_add(1);
                let mut others = Walk {
                    rules: &lowering.others,
                    s: self.s,
                };
                others.peek(value)
            }
            Some(_) | None => Some(slot),
        }
    }

    /// Masks what could not be taken apart.
    pub(super) fn fail_closed(&mut self, at: Stretch, with: &[u8]) {
        self.s.failed_closed = self.s.failed_closed.saturating_add(1);
        self.replace(at, with);
    }

    /// Masks data that is no text: nothing failed, there is just nothing to read.
    pub(super) fn drop_binary(&mut self, at: Stretch) {
        self.replace(at, placeholder::BINARY);
    }

    /// Walks `text`, JSON that says what stands at `at` in a form that is not to be shown, and puts it there, masked.
    pub(super) fn transcribed(&mut self, at: Stretch, text: &[u8]) {
        let edits = self.s.edits.len();
        let whole = Stretch::new(0, text.len());
        self.within(text, at, Codec::Plain, |walk, text| {
            if walk.json(text, whole).is_err() {
                walk.fail_closed(whole, placeholder::UNPARSED);
            }
        });
        if self.s.edits.len() == edits {
            self.replace(at, text);
        }
    }

    fn replace(&mut self, at: Stretch, with: &[u8]) {
        if self.s.render == Render::Text {
            let from = self.s.arena.len();
            self.s.arena.extend_from_slice(with);
            self.push_edit(at, from);
        }
    }

    fn push_edit(&mut self, at: Stretch, from: usize) {
        let text = Stretch::new(from, self.s.arena.len());
        self.s.edits.push(Edit { at, text });
    }

    /// Whether a value that the name of a secret took is a key by its format as well: then it is no example and no switch.
    fn is_formatted(&self, slot: Slot, value: &[u8]) -> bool {
        let by_name = |rule: &Rule| rule.category == Category::Secret && !rule.exposed.sure;
        self.rules.rule(slot).is_some_and(by_name)
            && self
                .rules
                .format_at(value, 0)
                .filter(|(_, end)| *end == value.len())
                .and_then(|(slot, _)| self.rules.rule(slot))
                .is_some_and(|rule| rule.exposed.response)
    }

    fn hit(&mut self, at: Stretch, slot: Slot, value: &[u8]) {
        if self.s.hits.len() < MOST_HITS {
            let by_shape = |rule: &Rule| rule.exposed.by_shape && rule.exposed.url;
            let is_random = self.rules.rule(slot).is_some_and(by_shape) && random(value);
            let path = self.s.path_id();
            let part = self.s.part;
            self.s.hits.push(Hit {
                at,
                slot,
                path,
                part,
                in_referer: false,
                is_random,
                is_formatted: self.is_formatted(slot, value),
            });
        } else {
            self.s.failed_closed = self.s.failed_closed.saturating_add(1);
        }
    }

    /// Runs `look` over a field of a header, unless the same field was found clean before.
    pub(super) fn unless_clean(&mut self, name: &[u8], value: &[u8], look: impl FnOnce(&mut Self)) {
        let hash = self.s.path_hash.hash_one((name, value));
        let index = usize::try_from(hash & 0x3ff).unwrap_or(0);
        if hash != 0 && self.s.clean.get(index) == Some(&hash) {
            return;
        }
        // What only an exception keeps is not clean anywhere else.
        let marks = |s: &State| (s.hits.len(), s.edits.len(), s.failed_closed, s.excepted);
        let before = marks(self.s);
        look(self);
        if before == marks(self.s)
            && let Some(slot) = self.s.clean.get_mut(index)
        {
            *slot = hash;
        }
    }

    /// A value under a name: decided by the name, else by its looks.
    pub(super) fn leaf(&mut self, buffer: &[u8], at: Stretch, codec: Codec, key: Key) {
        let raw = at.of(buffer);
        if !codec.applies(raw) {
            match decide(self.rules, key, raw) {
                Decision::Keep => {}
                Decision::Mask(slot) => self.mask(at, slot, raw),
                Decision::Look => self.look(buffer, at, key),
            }
            return;
        }
        let mut decoded = self.s.pool.pop().unwrap_or_default();
        codec.decode(raw, &mut decoded);
        match decide(self.rules, key, &decoded) {
            Decision::Keep => {}
            Decision::Mask(slot) => self.mask(at, slot, &decoded),
            Decision::Look if self.rules.is_tiny(decoded.len()) => {}
            Decision::Look => self.within(&decoded, at, codec, |walk, text| {
                walk.look(text, Stretch::new(0, text.len()), key);
            }),
        }
        self.recycle(decoded);
    }

    fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.s.pool.len() < 8 && buffer.capacity() <= 1 << 20 {
            buffer.clear();
            self.s.pool.push(buffer);
        }
    }

    /// Walks `decoded`, the inside of `outer`; what is replaced in it is encoded by `codec` and replaces `outer`.
    pub(super) fn within(
        &mut self,
        decoded: &[u8],
        outer: Stretch,
        codec: Codec,
        walk: impl FnOnce(&mut Self, &[u8]),
    ) {
        if self.s.depth >= MOST_LAYERS {
            self.fail_closed(outer, placeholder::UNPARSED);
            return;
        }
        let (hits, edits) = (self.s.hits.len(), self.s.edits.len());
        self.s.depth = self.s.depth.saturating_add(1);
        walk(self, decoded);
        self.s.depth = self.s.depth.saturating_sub(1);
        for hit in self.s.hits.get_mut(hits..).unwrap_or_default() {
            hit.at = outer;
        }
        if self.s.edits.len() > edits {
            let out = self.s.pool.pop().unwrap_or_default();
            let inner = self.apply(decoded, edits, Stretch::new(0, decoded.len()), out);
            let from = self.s.arena.len();
            codec.encode(&inner, &mut self.s.arena);
            self.push_edit(outer, from);
            self.recycle(inner);
        }
    }

    /// The part of `text` at `at` with all edits applied, which are then forgotten: borrowed if there are none. Bytes that
    /// are no UTF-8 become U+FFFD.
    pub(super) fn apply_within<'t>(&mut self, text: &'t [u8], at: Stretch) -> Cow<'t, str> {
        let whole = Stretch::new(at.start.min(text.len()), at.end.min(text.len()));
        let kept = whole.of(text);
        if self.s.edits.is_empty() {
            return match std::str::from_utf8(kept) {
                Ok(kept) => Cow::Borrowed(kept),
                Err(_) => String::from_utf8_lossy(kept),
            };
        }
        let out = Vec::with_capacity(plus(kept.len(), ROOM));
        let masked = String::from_utf8(self.apply(text, 0, whole, out))
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Cow::Owned(masked)
    }

    /// The same, but the text itself if there is nothing to apply.
    pub(super) fn apply_if_needed<'t>(&mut self, text: &'t [u8], at: Stretch) -> Cow<'t, [u8]> {
        if self.s.edits.is_empty() {
            return Cow::Borrowed(at.of(text));
        }
        let room = plus(minus(at.end, at.start), ROOM);
        Cow::Owned(self.apply(text, 0, at, Vec::with_capacity(room)))
    }

    /// The ranges of `at` that would be replaced, disjoint and ascending; all edits are then forgotten.
    pub(super) fn edited(&mut self, at: Stretch) -> Vec<(usize, usize)> {
        let mut edits = std::mem::take(&mut self.s.edits);
        edits.sort_by_key(|edit| (edit.at.start, usize::MAX.wrapping_sub(edit.at.end)));
        let mut done = at.start;
        let mut spans = Vec::new();
        for edit in edits {
            let (start, end) = (edit.at.start.max(done), edit.at.end.min(at.end));
            if start < end {
                spans.push((start, end));
                done = end;
            }
        }
        spans
    }

    /// Appends `text` at `at` to `out`, with the edits from `first` on applied, which are then forgotten.
    fn apply(&mut self, text: &[u8], first: usize, at: Stretch, mut out: Vec<u8>) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.s.edits);
        let edits = all.get_mut(first..).unwrap_or_default();
        edits.sort_by_key(|edit| (edit.at.start, usize::MAX.wrapping_sub(edit.at.end)));
        let mut done = at.start;
        // An edit outside (a trailer, when the head is rendered) must not drag in what lies between.
        let inside = |edit: &&Edit| {
            edit.at.start < edit.at.end && edit.at.start >= at.start && edit.at.end <= at.end
        };
        for edit in edits.iter().filter(inside) {
            // What reaches out of the one before it goes with it.
            if edit.at.start < done {
                done = done.max(edit.at.end);
                continue;
            }
            out.extend_from_slice(cut(text, done, edit.at.start));
            out.extend_from_slice(edit.text.of(&self.s.arena));
            done = edit.at.end;
        }
        out.extend_from_slice(cut(text, done, at.end));
        all.truncate(first);
        self.s.edits = all;
        out
    }

    /// Where to go back to if a guess fails.
    pub(super) fn bookmark(&self) -> Bookmark {
        Bookmark {
            hits: self.s.hits.len(),
            edits: self.s.edits.len(),
            arena: self.s.arena.len(),
            failed_closed: self.s.failed_closed,
        }
    }

    /// Forgets everything since `mark`.
    pub(super) fn rewind(&mut self, mark: Bookmark) {
        self.s.hits.truncate(mark.hits);
        self.s.edits.truncate(mark.edits);
        self.s.arena.truncate(mark.arena);
        self.s.failed_closed = mark.failed_closed;
    }

    /// A value whose name says nothing: a document inside it, another layer of encoding, or its looks.
    pub(super) fn look(&mut self, buffer: &[u8], at: Stretch, key: Key) {
        self.look_surveyed(buffer, at, key, shape::survey(at.of(buffer)));
    }

    /// The same where the survey was already made.
    pub(super) fn look_surveyed(&mut self, buffer: &[u8], at: Stretch, key: Key, survey: Survey) {
        let text = at.of(buffer);
        if self.rules.is_tiny(text.len()) {
            return;
        }
        if survey.is_plain(text)
            || self
                .rules
                .is_too_short(survey.classes, survey.digits, text.len())
            || shape::is_harmless_shape(text)
            || is_placeholder(self.rules, text)
        {
            return;
        }
        if survey.classes & MARK != 0 {
            if self.document(buffer, at) {
                return;
            }
            if self.single_token(buffer, at, key) {
                return;
            }
        }
        self.text(buffer, at, key);
    }

    /// JSON inside a string.
    fn document(&mut self, buffer: &[u8], at: Stretch) -> bool {
        let text = trim(at.of(buffer));
        if !matches!(
            (text.first(), text.last()),
            (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
        ) {
            return false;
        }
        let mark = self.bookmark();
        let read = self.json(buffer, at).is_ok() && self.s.failed_closed == mark.failed_closed;
        if !read {
            self.rewind(mark);
        }
        read
    }

    /// One token that still has a layer of encoding on it, undone as a whole.
    fn single_token(&mut self, buffer: &[u8], at: Stretch, key: Key) -> bool {
        let text = at.of(buffer);
        if text
            .iter()
            .any(|b| matches!(b, b' ' | b'=' | b'\n' | b'"' | b'?'))
            || is_url(text)
        {
            return false;
        }
        let Some(codec) = layer(text) else {
            return false;
        };
        self.leaf(buffer, at, codec, key);
        true
    }

    /// Whether a text that was wrapped in base64 or hex holds anything sensitive, and by which rule.
    pub(super) fn peek(&mut self, inner: &[u8]) -> Option<Slot> {
        if self.s.depth >= MOST_LAYERS {
            return None;
        }
        let mark = self.bookmark();
        let render = std::mem::replace(&mut self.s.render, Render::Count);
        self.s.depth = self.s.depth.saturating_add(1);
        self.look(inner, Stretch::new(0, inner.len()), Key::NONE);
        self.s.depth = self.s.depth.saturating_sub(1);
        self.s.render = render;
        let slot = self.s.hits.get(mark.hits).map(|hit| hit.slot);
        self.rewind(mark);
        slot
    }

    /// Everything in `text` that its looks give away.
    pub(super) fn shapes(&mut self, text: &[u8]) -> FoundList {
        let mut found: FoundList = SmallVec::new();
        let rules = self.rules;
        shape::scan(rules, text, &mut |inner| self.peek(inner), &mut found);
        found
    }
}

/// `scheme://...`, or a path with something behind it.
pub(super) fn is_url(text: &[u8]) -> bool {
    let scheme = text
        .iter()
        .take(16)
        .take_while(|b| is(**b, ALNUM) || matches!(b, b'+' | b'-' | b'.'))
        .count();
    (scheme > 0 && cut(text, scheme, plus(scheme, 3)) == b"://")
        || (at(text, 0) == b'/' && text.len() > 1)
}

/// `stretch` without white space around it.
pub(super) fn trimmed(buffer: &[u8], stretch: Stretch) -> Stretch {
    let text = stretch.of(buffer);
    let lead = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let trail = text
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_whitespace())
        .count();
    let start = plus(stretch.start, lead).min(stretch.end);
    Stretch::new(start, minus(stretch.end, trail).max(start))
}

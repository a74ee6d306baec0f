//! JSON (RFC 8259), read byte by byte: nested, escaped, truncated, several documents in a row. Nothing is built.

mod pair;
mod table;

use smallvec::SmallVec;

use pair::{Again, SecondLook, Waits};
use table::{Role, Tables};

use crate::cleartext::mask::bytes::{
    DIGIT, QUOTE, at, class, cut, digit, is, minus, plus, quote_or_backslash, rest,
};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::{Decision, decide};
use crate::cleartext::mask::names::{Key, NO_RULE, Slot, Space};
use crate::cleartext::mask::placeholder;
use crate::cleartext::mask::rules::Detector;
use crate::cleartext::mask::shape::{self, Survey};
use crate::cleartext::mask::validate;
use crate::cleartext::mask::walk::{PathMark, Stretch, Walk, trimmed};

/// The longest code of a kind of identifier (bytes).
const LONGEST_CODE: usize = 5;

/// Nesting deeper than this is masked whole.
const DEEPEST: usize = 96;

/// Why a text is no JSON: where it stopped being it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::mask) struct NotJson {
    offset: usize,
}

/// An object or array that is open.
#[derive(Clone, Copy)]
struct Frame {
    object: bool,
    /// In an object: the next string is a key.
    key_next: bool,
    /// The rule that everything in here falls under, by the name of what it is in.
    inherit: Slot,
    /// The key at hand, as it stands in the buffer.
    key: Stretch,
    /// What the key says.
    class: Key,
    /// How the key appears in paths.
    shown: Shown,
    /// What the name in a name/value pair says.
    pair: Key,
    /// First byte.
    start: usize,
    /// Its part in a table.
    role: Role,
    /// In a row: the column at hand.
    column: u32,
}

impl Frame {
    const fn new(object: bool, inherit: Slot, start: usize, role: Role) -> Self {
        Self {
            object,
            key_next: object,
            inherit,
            key: Stretch::new(0, 0),
            class: Key::NONE,
            shown: Shown::Known,
            pair: Key::NONE,
            start,
            role,
            column: 0,
        }
    }
}

/// Room for what is open in a document, which a worker keeps from one to the next.
#[derive(Default)]
pub(in crate::cleartext::mask) struct Frames(Vec<Frame>);

/// How a key appears in paths.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Words of the vocabulary.
    Known,
    /// Other words: the lexicon shows them once enough principals have used them.
    Unknown,
    /// Sensitive itself.
    Never,
}

struct Reader<'w, 'r, 'b> {
    walk: &'w mut Walk<'r>,
    buffer: &'b [u8],
    i: usize,
    end: usize,
    stack: Vec<Frame>,
    values: usize,
    /// The last string has no end.
    cut: bool,
    tables: Tables,
    /// Values that came before their names.
    waits: Waits,
    /// There are columns, or this is a second look: values need more than one glance.
    special: bool,
    /// This is a second look, at what the names behind it say.
    again: Option<Again>,
    /// Bytes that may still be looked at twice.
    budget: usize,
}

/// A string as it stands between its quotes.
struct Text {
    at: Stretch,
    survey: Survey,
    closed: bool,
}

impl Walk<'_> {
    /// A body that says it is JSON. If it is not from its first byte on, it is judged by its looks; what breaks off in the
    /// middle is masked from there on.
    pub(super) fn json_body(&mut self, buffer: &[u8], at: Stretch) {
        let start = plus(at.start, prefix(at.of(buffer)));
        let inner = Stretch::new(start.min(at.end), at.end);
        let mark = self.bookmark();
        let read = if is_other(inner.of(buffer)) {
            Err(NotJson {
                offset: inner.start,
            })
        } else {
            self.json(buffer, inner)
        };
        let Err(NotJson { offset }) = read else {
            return;
        };
        let guess = super::Format::guess(inner.of(buffer));
        // A number at the front of something else is no document either.
        if offset <= inner.start || guess != super::Format::Json {
            self.rewind(mark);
            if guess == super::Format::Json {
                self.text(buffer, inner, Key::NONE);
            } else {
                self.body(buffer, inner, guess);
            }
        } else {
            self.fail_closed(Stretch::new(offset, inner.end), placeholder::UNPARSED);
        }
    }

    /// Text that opens as JSON: behind whole documents more text may follow, but what breaks off within one is masked.
    pub(super) fn json_in_text(&mut self, buffer: &[u8], at: Stretch) {
        let mark = self.bookmark();
        let Err(NotJson { offset }) = self.json(buffer, at) else {
            return;
        };
        if offset <= at.start {
            self.rewind(mark);
            return self.text(buffer, at, Key::NONE);
        }
        let rest = Stretch::new(offset.min(at.end), at.end);
        if is_closed(cut(buffer, at.start, rest.start)) {
            self.text(buffer, rest, Key::NONE);
        } else {
            self.fail_closed(rest, placeholder::UNPARSED);
        }
    }

    /// Reads a stretch as JSON.
    pub(in crate::cleartext::mask) fn json(
        &mut self,
        buffer: &[u8],
        at: Stretch,
    ) -> Result<(), NotJson> {
        let at = trimmed(buffer, at);
        let root = if self.s.path.is_empty() {
            Some(self.s.enter(&[b"$"], true))
        } else {
            None
        };
        let read = self.json_within(buffer, at, None);
        if let Some(root) = root {
            self.s.leave(root);
        }
        read
    }

    /// Reads a stretch, or takes a second look at it. One function for both: the hot loop is to stand in it once, and whole.
    fn json_within(
        &mut self,
        buffer: &[u8],
        at: Stretch,
        second: Option<SecondLook>,
    ) -> Result<(), NotJson> {
        let mut reader = Reader::new(self, buffer, at);
        if let Some(second) = second {
            reader.begin_again(second);
        }
        let read = reader.read();
        let unfinished = reader.cut || !reader.stack.is_empty();
        let mut stack = reader.stack;
        stack.clear();
        self.s.frames = Frames(stack);
        self.s.unfinished = unfinished;
        read
    }
}

/// Whether this begins with a number and is more than one: a line of a log, a delimiter.
fn is_other(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let number = |text: &[u8]| std::str::from_utf8(text).is_ok_and(|s| s.parse::<f64>().is_ok());
    matches!(text.first(), Some(b'-' | b'0'..=b'9')) && !number(text)
}

/// Whether every bracket is closed again, those in strings aside.
fn is_closed(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth = plus(depth, 1),
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth == 0 && !in_string
}

/// A number that is a card number, also as `4.111111111111111e15` or with a needless `.0`.
fn is_card(raw: &[u8]) -> bool {
    let all_digits = |text: &[u8]| text.iter().all(|b| digit(*b) > 0 || *b == b'0');
    if raw.len() < 13 || all_digits(raw) {
        return raw.len() >= 13 && validate::card(raw);
    }
    if let Some(whole) = raw.strip_suffix(b".0") {
        return all_digits(whole) && validate::card(whole);
    }
    let Some(sign) = raw.iter().position(|b| matches!(b, b'e' | b'E')) else {
        return false;
    };
    let mantissa: SmallVec<[u8; 24]> = cut(raw, 0, sign)
        .iter()
        .copied()
        .filter(|b| *b != b'.')
        .collect();
    all_digits(&mantissa) && validate::card(&mantissa)
}

/// Bytes before the document: a byte order mark, a guard against inclusion, a JSONP call.
fn prefix(text: &[u8]) -> usize {
    let head = cut(text, 0, text.len().min(80));
    for guard in [
        &b"\xef\xbb\xbf"[..],
        b")]}',\n",
        b")]}'\n",
        b")]}'",
        b"for(;;);",
        b"while(1);",
    ] {
        if head.starts_with(guard) {
            return guard.len();
        }
    }
    let name = head
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$'))
        .count();
    if name > 0 && at(head, name) == b'(' {
        plus(name, 1)
    } else {
        0
    }
}

impl<'w, 'r, 'b> Reader<'w, 'r, 'b> {
    fn new(walk: &'w mut Walk<'r>, buffer: &'b [u8], at: Stretch) -> Self {
        // A document within a document finds none and takes room of its own.
        let Frames(stack) = std::mem::take(&mut walk.s.frames);
        Self {
            walk,
            buffer,
            i: at.start,
            end: at.end,
            stack,
            values: 0,
            cut: false,
            tables: Tables::default(),
            waits: Waits::default(),
            special: false,
            again: None,
            budget: minus(at.end, at.start),
        }
    }

    /// Reads to the end.
    fn read(&mut self) -> Result<(), NotJson> {
        while self.i < self.end {
            let byte = at(self.buffer, self.i);
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' | b':' => self.i = plus(self.i, 1),
                b'"' => self.string(),
                b'{' => self.open(true)?,
                b'[' => self.open(false)?,
                b'}' => self.close(true)?,
                b']' => self.close(false)?,
                b',' => self.comma()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' | b'f' | b'n' => self.literal()?,
                // The end of a JSONP call.
                b')' | b';' if self.stack.is_empty() && self.values > 0 => self.i = plus(self.i, 1),
                _ => return self.fault(),
            }
        }
        if self.values == 0 {
            self.fault()
        } else {
            Ok(())
        }
    }

    fn fault<T>(&self) -> Result<T, NotJson> {
        Err(NotJson { offset: self.i })
    }

    fn comma(&mut self) -> Result<(), NotJson> {
        match self.stack.last_mut() {
            Some(top) => {
                top.key_next = top.object;
                top.column = top.column.saturating_add(1);
            }
            None => return self.fault(),
        }
        self.i = plus(self.i, 1);
        Ok(())
    }

    fn open(&mut self, object: bool) -> Result<(), NotJson> {
        if self.stack.len() >= DEEPEST || self.stack.last().is_some_and(|top| top.key_next) {
            return self.fault();
        }
        let key = self.effective();
        let key = match self.stack.last() {
            // `{"key": "password", "value": {"stringValue": "x"}}`.
            Some(top)
                if top.object
                    && top.class.is(Key::PAIR_VALUE)
                    && !key.hits()
                    && top.key.of(self.buffer).ends_with(b"alue") =>
            {
                top.pair
            }
            _ => key,
        };
        let own = self.stack.last().is_some_and(|top| top.class.hits());
        let shallow = own
            && object
            && self
                .walk
                .rules
                .rule(key.slot)
                .is_some_and(|rule| rule.shallow);
        let role = self.role(object);
        let inherit = if shallow { NO_RULE } else { key.slot };
        let mut frame = Frame::new(object, inherit, self.i, role);
        if !object {
            frame.class = key.kind();
        }
        self.stack.push(frame);
        self.values = plus(self.values, 1);
        self.i = plus(self.i, 1);
        Ok(())
    }

    fn close(&mut self, object: bool) -> Result<(), NotJson> {
        match self.stack.pop() {
            Some(frame) if frame.object == object => {
                self.i = plus(self.i, 1);
                self.closed(&frame);
                Ok(())
            }
            _ => self.fault(),
        }
    }

    /// What the names above say about the value at hand: its own name first, then what it lies in.
    #[inline]
    fn effective(&self) -> Key {
        match self.stack.last() {
            None => Key::NONE,
            Some(top) if top.object && (top.class.hits() || top.class.is(Key::NEUTRAL)) => {
                top.class
            }
            Some(top) if top.inherit != NO_RULE => Key::of(top.inherit),
            Some(top) if self.special && top.role == Role::Row => {
                self.tables.key(self.stack.len(), top.column)
            }
            Some(top) => top.class,
        }
    }

    /// Finds the end of a string; also whether anything in it is escaped.
    #[inline]
    fn scan_text(&self) -> (Text, bool) {
        let text = cut(self.buffer, 0, self.end);
        let start = plus(self.i, 1);
        let (mut i, mut escaped) = (start, false);
        loop {
            i = quote_or_backslash(text, i);
            let closed = match text.get(i) {
                Some(b'"') => true,
                Some(_) => {
                    escaped = true;
                    i = plus(i, 2);
                    continue;
                }
                None => false,
            };
            let end = if closed { i } else { self.end };
            let text = Text {
                at: Stretch::new(start, end),
                survey: Survey::default(),
                closed,
            };
            return (text, escaped);
        }
    }

    /// The same for a value, which is surveyed as well.
    #[inline]
    fn scan_string(&self) -> Text {
        let (mut text, escaped) = self.scan_text();
        text.survey = shape::survey(text.at.of(self.buffer));
        text.survey.classes &= !QUOTE;
        if escaped {
            text.survey.classes |= class(b'\\');
        }
        text
    }

    /// The same for a key: what it says about itself is remembered with what it says about its value.
    #[inline]
    fn scan_key(&self) -> Text {
        self.scan_text().0
    }

    fn string(&mut self) {
        let is_key = self.stack.last().is_some_and(|top| top.key_next);
        let text = if is_key {
            self.scan_key()
        } else {
            self.scan_string()
        };
        self.cut = !text.closed;
        self.i = if text.closed {
            plus(text.at.end, 1)
        } else {
            self.end
        };
        if is_key {
            self.key(&text);
        } else {
            self.values = plus(self.values, 1);
            self.value(&text);
        }
    }

    fn key(&mut self, text: &Text) {
        if self.special && self.again.is_some() {
            return self.key_again(text.at);
        }
        let raw = text.at.of(self.buffer);
        let mut class = self.walk.classify(Space::Field, raw);
        let plain = class.is(Key::PLAIN);
        if !plain && Codec::Json.applies(raw) {
            let mut name = Vec::new();
            Codec::Json.decode(raw, &mut name);
            class = self.walk.classify(Space::Field, &name);
        }
        if class.is(Key::WEAK)
            && let Some(parent) = self.parent_key()
            && !self.walk.rules.is_sure(class)
        {
            let names = &self.walk.rules.names;
            let under = self.walk.s.cache.under(names, parent.of(self.buffer), raw);
            if under.hits() {
                class = under.below(class);
            }
        }
        let mut shown = if class.is(Key::KNOWN) {
            Shown::Known
        } else {
            Shown::Unknown
        };
        // A sensitive value may itself be a key: `{"jane@example.org": {...}}`.
        if !plain {
            let before = self.walk.s.hits.len();
            let mark = self.walk.s.enter(&[b".{key}"], true);
            self.walk.leaf(self.buffer, text.at, Codec::Json, Key::NONE);
            self.walk.s.leave(mark);
            if self.walk.s.hits.len() > before {
                shown = Shown::Never;
            }
        }
        if let Some(top) = self.stack.last_mut() {
            top.key = text.at;
            top.class = class;
            top.shown = shown;
            top.key_next = false;
        }
    }

    /// The key of the object or array at hand, through arrays, if it may be the first part of a name.
    fn parent_key(&self) -> Option<Stretch> {
        let outer = self.stack.iter().rev().skip(1);
        outer
            .filter(|frame| frame.object)
            .map(|frame| (frame.key, frame.class))
            .next()
            .filter(|(_, class)| class.is(Key::PARENT))
            .map(|(key, _)| key)
    }

    fn value(&mut self, text: &Text) {
        if text.at.start >= text.at.end {
            return;
        }
        if self.special && self.special_value(text.at, true) {
            return;
        }
        if self.stack.len() > 2 && minus(text.at.end, text.at.start) <= LONGEST_CODE {
            self.identifier_type(text.at);
        }
        let mut key = self.effective();
        if let Some(top) = self.stack.last()
            && top.object
            && top.class.is(Key::PAIR_NAME | Key::PAIR_VALUE)
        {
            key = self.pair(text.at, true, key);
        } else if !key.hits() {
            key = self.row(text.at, key);
        }
        // Cut off in the middle: what is left of a sensitive value may no longer show what it was.
        if !text.closed && !key.hits() {
            if self.stack.is_empty() || text.at.end.saturating_sub(text.at.start) >= 4 {
                self.masked(|walk, _| walk.fail_closed(text.at, placeholder::UNPARSED));
            }
            return;
        }
        if !key.hits() && text.survey.is_plain(text.at.of(self.buffer)) {
            return;
        }
        let raw = text.at.of(self.buffer);
        let short = || {
            self.walk
                .rules
                .is_too_short(text.survey.classes, text.survey.digits, raw.len())
        };
        if !key.hits() && (short() || shape::is_harmless_shape(raw)) {
            return;
        }
        let plain = !key.hits() && !Codec::Json.applies(text.at.of(self.buffer));
        self.masked(|walk, buffer| {
            if plain {
                walk.look_surveyed(buffer, text.at, key, text.survey);
            } else {
                walk.leaf(buffer, text.at, Codec::Json, key);
            }
        });
    }

    fn number(&mut self) -> Result<(), NotJson> {
        if self.stack.last().is_some_and(|top| top.key_next) {
            return self.fault();
        }
        let start = self.i;
        let tail = rest(self.buffer, start)
            .iter()
            .take(self.end.saturating_sub(start));
        let len = tail
            .take_while(|b| is(**b, DIGIT) || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let stretch = Stretch::new(start, plus(start, len));
        self.i = stretch.end;
        self.values = plus(self.values, 1);
        if self.special && self.special_value(stretch, false) {
            return Ok(());
        }
        let mut key = self.effective();
        if self
            .stack
            .last()
            .is_some_and(|top| top.object && top.class.is(Key::PAIR_VALUE))
        {
            key = self.pair(stretch, false, key);
        }
        let raw = stretch.of(self.buffer);
        let slot = match decide(self.walk.rules, key, raw) {
            Decision::Mask(slot) => Some(slot),
            Decision::Keep => None,
            Decision::Look => (is_card(raw) && !(key.is(Key::ARTICLE) && validate::gtin(raw)))
                .then(|| self.walk.rules.detector(Detector::Card))
                .flatten(),
        };
        if let Some(slot) = slot {
            self.masked(|walk, buffer| walk.mask_number(stretch, slot, stretch.of(buffer)));
        }
        Ok(())
    }

    fn literal(&mut self) -> Result<(), NotJson> {
        let word = [&b"true"[..], b"false", b"null"]
            .into_iter()
            .find(|word| cut(self.buffer, self.i, plus(self.i, word.len())) == *word);
        let tail = cut(self.buffer, self.i, self.end);
        match word {
            Some(word) if !self.stack.last().is_some_and(|top| top.key_next) => {
                self.i = plus(self.i, word.len());
            }
            // The capture may end within a word.
            None if [&b"true"[..], b"false", b"null"]
                .iter()
                .any(|word| word.starts_with(tail)) =>
            {
                self.i = self.end;
            }
            _ => return self.fault(),
        }
        self.values = plus(self.values, 1);
        Ok(())
    }

    /// Runs `act` with the path of the value at hand.
    fn masked(&mut self, act: impl FnOnce(&mut Walk<'_>, &[u8])) {
        let mark = self.enter_path();
        act(self.walk, self.buffer);
        self.walk.s.leave(mark);
    }

    fn enter_path(&mut self) -> PathMark {
        let mark = self.walk.s.enter(&[], true);
        for frame in &self.stack {
            let key = frame.key.of(self.buffer);
            if frame.role == Role::Outside {
                continue;
            }
            match (frame.object, frame.shown) {
                (false, _) => self.walk.s.push(&[b"[]"], true),
                (true, Shown::Known) => self.walk.s.push(&[b".", key], true),
                (true, Shown::Unknown) => self.walk.s.push(&[b".", key], false),
                (true, Shown::Never) => self.walk.s.push(&[b".{key}"], true),
            }
        }
        mark
    }
}

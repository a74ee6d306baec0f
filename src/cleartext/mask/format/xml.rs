//! XML, SOAP and HTML, leniently: elements, attributes, CDATA, comments. Entities of a DTD are never expanded.

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{at, cut, find, minus, plus, rest};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, NO_RULE, Slot, Space};
use crate::cleartext::mask::placeholder;
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

/// Nesting deeper than this is masked whole.
const DEEPEST: usize = 96;
/// A text longer than this names nothing.
const LONGEST_NAME: usize = 64;

/// Elements that only hold what belongs to the one around them.
const WRAPPERS: [&[u8]; 8] = [
    b"field",
    b"item",
    b"entry",
    b"row",
    b"record",
    b"attribute",
    b"property",
    b"element",
];

/// An element that is open.
#[derive(Clone, Copy)]
struct Element {
    name: Stretch,
    class: Key,
    inherit: Slot,
    /// What a `name` attribute or element says about the `value` beside it.
    pair: Key,
}

struct Reader<'w, 'r, 'b> {
    walk: &'w mut Walk<'r>,
    buffer: &'b [u8],
    end: usize,
    stack: SmallVec<[Element; 8]>,
}

impl Walk<'_> {
    /// A document, or what was seen of it.
    pub(in crate::cleartext::mask) fn xml(&mut self, buffer: &[u8], at: Stretch) {
        Reader {
            walk: self,
            buffer,
            end: at.end,
            stack: SmallVec::new(),
        }
        .read(at.start);
    }
}

impl Reader<'_, '_, '_> {
    fn read(&mut self, start: usize) {
        let mut i = start;
        while i < self.end {
            let open = memchr::memchr(b'<', cut(self.buffer, i, self.end))
                .map_or(self.end, |n| plus(i, n));
            self.content(Stretch::new(i, open), Codec::Xml);
            if open >= self.end {
                return;
            }
            let next = self.markup(open);
            if self.stack.len() > DEEPEST {
                self.walk
                    .fail_closed(Stretch::new(next, self.end), placeholder::UNPARSED);
                return;
            }
            i = next.max(plus(open, 1));
        }
    }

    /// Anything that starts with `<`; gives where it ends.
    fn markup(&mut self, open: usize) -> usize {
        let tail = cut(self.buffer, open, self.end);
        if tail.starts_with(b"<![CDATA[") {
            let start = plus(open, 9);
            let stop = find(tail, 9, b"]]>").map_or(self.end, |n| plus(open, n));
            self.content(Stretch::new(start.min(stop), stop), Codec::Plain);
            return plus(stop, 3);
        }
        if tail.starts_with(b"<!--") {
            let stop = find(tail, 4, b"-->").map_or(self.end, |n| plus(open, n));
            self.walk.text(
                self.buffer,
                Stretch::new(plus(open, 4).min(stop), stop),
                Key::NONE,
            );
            return plus(stop, 3);
        }
        let close = tag_end(self.buffer, open, self.end);
        match at(tail, 1) {
            b'/' => self.close(Stretch::new(plus(open, 2).min(close), close)),
            b'!' if tail.get(2..).is_some_and(declares_entity) => {
                self.entity(Stretch::new(plus(open, 2).min(close), close));
            }
            b'!' | b'?' => self
                .walk
                .looks(self.buffer, Stretch::new(plus(open, 2).min(close), close)),
            _ => self.tag(Stretch::new(plus(open, 1), close)),
        }
        plus(close, 1)
    }

    /// `!ENTITY name "value"`, also at the start of an internal subset: never expanded, but a value under a name.
    fn entity(&mut self, at: Stretch) {
        let text = at.of(self.buffer);
        let start = find(text, 0, b"ENTITY").map_or(0, |start| plus(start, 6));
        let Some(quote) = memchr::memchr2(b'"', b'\'', rest(text, start)) else {
            return;
        };
        let name = trimmed(
            self.buffer,
            Stretch::new(plus(at.start, start), plus(at.start, plus(start, quote))),
        );
        let class = self.walk.classify(Space::Field, name.of(self.buffer));
        let value = attribute_value(self.buffer, plus(at.start, plus(start, quote)), at.end);
        self.masked(Some((name, class)), |walk, buffer| {
            walk.leaf(buffer, value, Codec::Xml, class);
        });
    }

    /// A start tag, between its brackets.
    fn tag(&mut self, at: Stretch) {
        let text = at.of(self.buffer);
        let len = text
            .iter()
            .take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>'))
            .count();
        let name = Stretch::new(at.start, plus(at.start, len));
        let class = self.name_class(name);
        let parent = self.stack.last();
        let inherit = match parent {
            _ if class.hits() => class.slot,
            _ if class.is(Key::NEUTRAL) => NO_RULE,
            Some(parent) => {
                let shallow = parent.class.hits()
                    && self
                        .walk
                        .rules
                        .rule(parent.class.slot)
                        .is_some_and(|rule| rule.shallow);
                if shallow { NO_RULE } else { parent.inherit }
            }
            None => NO_RULE,
        };
        // `<name>password</name><value>x</value>`.
        let inherit = match parent {
            Some(parent) if class.is(Key::PAIR_VALUE) && !class.hits() && parent.pair.hits() => {
                parent.pair.slot
            }
            _ => inherit,
        };
        let element = Element {
            name,
            class,
            inherit,
            pair: Key::NONE,
        };
        let closed = text.last() == Some(&b'/') || is_void(name.of(self.buffer));
        self.stack.push(element);
        self.attributes(Stretch::new(name.end, at.end));
        if closed {
            self.stack.pop();
        }
    }

    /// An end tag closes the innermost element of its name, and what was left open in it: `</meta>` of a `<meta>` that counts
    /// as closed already must not close what is around it.
    fn close(&mut self, name: Stretch) {
        let name = name.of(self.buffer).trim_ascii_end();
        let open = self.stack.iter();
        if let Some(place) = open
            .into_iter()
            .rposition(|one| one.name.of(self.buffer) == name)
        {
            self.stack.truncate(place);
        }
    }

    fn name_class(&mut self, name: Stretch) -> Key {
        let raw = name.of(self.buffer);
        let class = self.walk.classify(Space::Field, raw);
        if !class.is(Key::WEAK) || self.walk.rules.is_sure(class) {
            return class;
        }
        let names = &self.walk.rules.names;
        let is_wrapper = |one: &&Element| {
            let name = one.name.of(self.buffer);
            WRAPPERS
                .iter()
                .any(|wrapper| wrapper.eq_ignore_ascii_case(name))
        };
        let pair = class.is(Key::PAIR_NAME | Key::PAIR_VALUE);
        let wrapped = usize::from(!pair && self.stack.last().as_ref().is_some_and(is_wrapper));
        let parents = self.stack.iter().rev().take(plus(wrapped, 1));
        for parent in parents {
            let parent = parent.name.of(self.buffer);
            let under = self.walk.s.cache.under(names, parent, raw);
            if under.hits() {
                return under;
            }
        }
        class
    }

    /// `<identifier><type>...<code>MR</code>...</type><value>x</value>`: the code names the identifier (HL7 table 0203).
    fn identifier_type(&mut self, at: Stretch) {
        let code = at.of(self.buffer);
        if !(2..=5).contains(&code.len()) || !code.iter().all(u8::is_ascii_uppercase) {
            return;
        }
        let name = |one: &Element| local(one.name.of(self.buffer));
        let place = match self.stack.as_slice() {
            [.., kind, _, top] if name(kind) == b"type" && name(top) == b"code" => 3,
            [.., kind, top] if name(kind) == b"type" && name(top) == b"code" => 2,
            _ => return,
        };
        let names = &self.walk.rules.names;
        let named = self.walk.s.cache.under(names, b"identifier_type", code);
        let owner = minus(self.stack.len(), plus(place, 1));
        if named.hits()
            && self.stack.len() > place
            && let Some(owner) = self.stack.get_mut(owner)
        {
            owner.pair = named;
        }
    }

    /// The attributes of a tag: first those that name what others hold, in whatever order they stand.
    fn attributes(&mut self, at: Stretch) {
        let all = self.read_attributes(at);
        for (name, value) in &all {
            self.pair_name(*name, *value);
        }
        for (name, value) in all {
            self.attribute(name, value);
        }
    }

    fn read_attributes(&self, at: Stretch) -> SmallVec<[(Stretch, Stretch); 8]> {
        let mut all = SmallVec::new();
        let mut i = at.start;
        while i < at.end {
            let lead = rest(self.buffer, i)
                .iter()
                .take(minus(at.end, i))
                .take_while(|b| b.is_ascii_whitespace() || **b == b'/')
                .count();
            let start = plus(i, lead);
            let len = rest(self.buffer, start)
                .iter()
                .take(minus(at.end, start))
                .take_while(|b| !b.is_ascii_whitespace() && !matches!(b, b'=' | b'/'))
                .count();
            let name = Stretch::new(start, plus(start, len));
            let equals = rest(self.buffer, name.end)
                .iter()
                .take(8)
                .take_while(|b| b.is_ascii_whitespace())
                .count();
            let mut value = plus(name.end, equals);
            if len == 0 || value >= at.end {
                return all;
            }
            if crate::cleartext::mask::bytes::at(self.buffer, value) != b'=' {
                i = value;
                continue;
            }
            value = plus(value, 1);
            let stretch = attribute_value(self.buffer, value, at.end);
            all.push((name, stretch));
            i = plus(stretch.end, 1);
        }
        all
    }

    /// `name="password"` says what `value` holds, and what stands within the element.
    fn pair_name(&mut self, name: Stretch, value: Stretch) {
        let key = self.name_class(name);
        if !key.is(Key::PAIR_NAME) || key.hits() {
            return;
        }
        let raw = value.of(self.buffer);
        let mut named = self.walk.classify(Space::Field, raw);
        if let [.., outer, _] = self.stack.as_slice()
            && named.is(Key::WEAK)
            && !named.hits()
        {
            let names = &self.walk.rules.names;
            let outer = outer.name.of(self.buffer);
            let under = self.walk.s.cache.under(names, outer, raw);
            named = if under.hits() { under } else { named };
        }
        if let Some(top) = self.stack.last_mut()
            && (named.hits() || !top.pair.hits())
        {
            top.pair = named;
            top.inherit = match named.slot {
                // `<Property name="TokenType">`: no secret, whatever it lies in.
                NO_RULE if !named.is(Key::NEUTRAL) => top.inherit,
                slot => slot,
            };
        }
    }

    fn attribute(&mut self, name: Stretch, value: Stretch) {
        self.identifier_type(value);
        let mut key = self.name_class(name);
        if key.is(Key::PAIR_VALUE)
            && !key.hits()
            && let Some(top) = self.stack.last()
        {
            key = if top.pair.hits() {
                top.pair
            } else {
                Key::of(top.inherit)
            };
        }
        self.masked(Some((name, key)), |walk, buffer| {
            walk.leaf(buffer, value, Codec::Xml, key);
        });
    }

    fn content(&mut self, at: Stretch, codec: Codec) {
        let at = trimmed(self.buffer, at);
        if at.start >= at.end {
            return;
        }
        self.identifier_type(at);
        let key = self.stack.last().map_or(Key::NONE, |top| {
            if top.inherit == NO_RULE {
                top.class
            } else {
                Key::of(top.inherit)
            }
        });
        self.masked(None, |walk, buffer| walk.leaf(buffer, at, codec, key));
        let names = self
            .stack
            .last()
            .is_some_and(|top| top.class.is(Key::PAIR_NAME) && !key.hits());
        if names && at.of(self.buffer).len() <= LONGEST_NAME {
            let named = self.walk.classify(Space::Field, at.of(self.buffer));
            let parent = minus(self.stack.len(), 2);
            if let Some(parent) = self.stack.get_mut(parent)
                && named.hits()
            {
                parent.pair = named;
            }
        }
    }

    /// Runs `act` with the path of the element or attribute at hand.
    fn masked(
        &mut self,
        attribute: Option<(Stretch, Key)>,
        act: impl FnOnce(&mut Walk<'_>, &[u8]),
    ) {
        let mark = self.walk.s.enter(&[], true);
        for element in &self.stack {
            self.walk.s.push(
                &[b"/", element.name.of(self.buffer)],
                element.class.is(Key::KNOWN),
            );
        }
        if let Some((name, key)) = attribute {
            self.walk
                .s
                .push(&[b"/@", name.of(self.buffer)], key.is(Key::KNOWN));
        }
        act(self.walk, self.buffer);
        self.walk.s.leave(mark);
    }
}

/// A name without its namespace.
fn local(name: &[u8]) -> &[u8] {
    memchr::memrchr(b':', name).map_or(name, |colon| rest(name, plus(colon, 1)))
}

/// The `>` that ends a tag; quotes may hold others.
fn tag_end(buffer: &[u8], open: usize, end: usize) -> usize {
    let mut quote = 0_u8;
    for (i, &byte) in cut(buffer, open, end).iter().enumerate() {
        match byte {
            b'"' | b'\'' if quote == 0 => quote = byte,
            _ if quote != 0 && byte == quote => quote = 0,
            b'>' if quote == 0 => return plus(open, i),
            _ => {}
        }
    }
    // An odd quote must not hide the rest of the document.
    memchr::memchr(b'>', cut(buffer, open, end)).map_or(end, |n| plus(open, n))
}

fn attribute_value(buffer: &[u8], start: usize, end: usize) -> Stretch {
    let space = rest(buffer, start)
        .iter()
        .take(8)
        .take_while(|b| b.is_ascii_whitespace())
        .count();
    let start = plus(start, space);
    let quote = at(buffer, start);
    let text = cut(buffer, plus(start, 1), end);
    match quote {
        b'"' | b'\'' => {
            let len = memchr::memchr(quote, text).unwrap_or(text.len());
            Stretch::new(plus(start, 1), plus(plus(start, 1), len))
        }
        _ => {
            let len = cut(buffer, start, end)
                .iter()
                .take_while(|b| !b.is_ascii_whitespace())
                .count();
            Stretch::new(start, plus(start, len))
        }
    }
}

/// Whether what stands behind `<!` declares an entity, maybe as the first thing in a document type.
fn declares_entity(tail: &[u8]) -> bool {
    let head = cut(tail, 0, tail.len().min(256));
    head.starts_with(b"ENTITY")
        || (head.starts_with(b"DOCTYPE") && find(head, 0, b"<!ENTITY").is_some())
}

/// Elements of HTML that have no end tag.
fn is_void(name: &[u8]) -> bool {
    [&b"input"[..], b"br", b"img", b"meta", b"link", b"hr"]
        .iter()
        .any(|void| void.eq_ignore_ascii_case(name))
}

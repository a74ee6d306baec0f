//! Batches of lines with their places in the order, and the references to texts inside them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::json;
use crate::observation::{Admitted, Element, Names, Route, ServiceId, TextId};

/// Where a line belongs: (end, flow, index) of a record, (time, id, update) of an alert.
pub type Key = [u64; 3];

/// Lines in one buffer.
#[derive(Default)]
pub struct Lines {
    /// Key, and start and end of the line in `bytes`, without line feed.
    entries: Vec<(Key, usize, usize)>,
    bytes: Vec<u8>,
}

impl Lines {
    /// Adds what `write` appends as one line.
    pub(super) fn add(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.entries.push((key, start, self.bytes.len()));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all lines.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all lines and keeps the room.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
    }

    /// Puts the lines into order. Equal keys keep a fixed order too: that of their bytes.
    pub(super) fn sort(&mut self) {
        let Self { entries, bytes } = self;
        let line = |entry: &(Key, usize, usize)| bytes.get(entry.1..entry.2).unwrap_or_default();
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| line(a).cmp(line(b))));
    }

    /// The lines in their present order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &[u8])> {
        self.entries.iter().map(|(key, start, end)| {
            let line = self.bytes.get(*start..*end).unwrap_or_default();
            (*key, line)
        })
    }
}

/// Marks a reference inside a line. JSON text never holds the byte itself: control characters are escaped.
const MARK: u8 = 0;
/// Hexadecimal digits behind the mark.
const DIGITS: usize = 16;

/// Writes a reference to a text. It stands inside quotes, alone or with fixed text around it.
pub(super) fn refer(out: &mut Vec<u8>, id: TextId) {
    out.push(MARK);
    hex(out, id.0, DIGITS);
}

/// Marks a reference to a path, whose template may be learned later. Digits behind it: service and number of pieces, then
/// 16 for each piece.
const PATH_MARK: u8 = 1;
/// Digits before the pieces.
const PATH_HEAD: usize = 6;

/// Writes a reference to the template of a path.
pub(super) fn refer_path(out: &mut Vec<u8>, service: ServiceId, route: &Route) {
    out.push(PATH_MARK);
    let elements = route.elements();
    hex(out, u64::from(service.0), 4);
    hex(out, u64::try_from(elements.len()).unwrap_or_default(), 2);
    for element in elements {
        hex(out, element.to_bits(), DIGITS);
    }
}

fn hex(out: &mut Vec<u8>, number: u64, digits: usize) {
    for place in (0..digits).rev() {
        let nibble = (number >> (place * 4)) & 0xf;
        let digit = char::from_digit(u32::try_from(nibble).unwrap_or_default(), 16);
        out.push(u8::try_from(digit.unwrap_or('0')).unwrap_or(b'0'));
    }
}

/// Takes a reference to a path off `rest`, which starts with its mark.
fn take_path(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let count = number(rest.get(5..=PATH_HEAD)?)?;
    let pieces = DIGITS.checked_mul(usize::try_from(count).ok()?)?;
    rest.split_at_checked(1 + PATH_HEAD + pieces)
}

fn parse_path(reference: &[u8]) -> Option<(ServiceId, Route)> {
    let service = u16::try_from(number(reference.get(1..5)?)?).ok()?;
    let mut route = Route::NONE;
    for piece in reference.get(1 + PATH_HEAD..)?.chunks(DIGITS) {
        route.push(Element::from_bits(number(piece)?));
    }
    Some((ServiceId(service), route))
}

/// Puts texts in the place of references.
pub struct Resolver {
    names: Arc<dyn Names>,
    admitted: Admitted,
    known: BTreeMap<TextId, Box<[u8]>>,
    paths: BTreeMap<(ServiceId, Route), Box<[u8]>>,
}

impl Resolver {
    /// Texts remembered ready to write; beyond it they are made anew.
    const REMEMBERED: usize = 65_536;

    /// With what may be shown now.
    pub fn new(names: Arc<dyn Names>, admitted: Admitted) -> Self {
        Self {
            names,
            admitted,
            known: BTreeMap::new(),
            paths: BTreeMap::new(),
        }
    }

    /// A line with its texts in place, without line feed; empty if it is damaged.
    pub fn line(&mut self, line: &[u8]) -> String {
        let mut whole = Vec::new();
        if self.write(line, &mut whole).is_err() {
            whole.clear();
        }
        let whole = whole.strip_suffix(b"\n").unwrap_or(&whole);
        String::from_utf8_lossy(whole).into_owned()
    }

    /// Writes a line and its line feed.
    pub(super) fn write(&mut self, line: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let mut rest = line;
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        while let Some(at) = memchr::memchr2(MARK, PATH_MARK, rest) {
            let (head, tail) = rest.split_at(at);
            out.write_all(head)?;
            rest = if tail.first() == Some(&PATH_MARK) {
                let (reference, tail) = take_path(tail).ok_or_else(damaged)?;
                let (service, route) = parse_path(reference).ok_or_else(damaged)?;
                out.write_all(self.path(service, route))?;
                tail
            } else {
                let (reference, tail) = tail.split_at_checked(1 + DIGITS).ok_or_else(damaged)?;
                let id = parse(reference).ok_or_else(damaged)?;
                out.write_all(self.text(id))?;
                tail
            };
        }
        out.write_all(rest)?;
        out.write_all(b"\n")
    }

    fn path(&mut self, service: ServiceId, route: Route) -> &[u8] {
        if self.paths.len() >= Self::REMEMBERED {
            self.paths.clear();
        }
        let (names, templates) = (&self.names, self.admitted.templates());
        self.paths.entry((service, route)).or_insert_with(|| {
            let mut escaped = Vec::new();
            let template = templates.template(service, &route);
            json::escape(&mut escaped, &template.text(names.as_ref()));
            escaped.into()
        })
    }

    fn text(&mut self, id: TextId) -> &[u8] {
        if self.known.len() >= Self::REMEMBERED {
            self.known.clear();
        }
        let (names, admitted) = (&self.names, &self.admitted);
        self.known.entry(id).or_insert_with(|| {
            let mut escaped = Vec::new();
            json::escape(&mut escaped, &names.text(id, admitted));
            escaped.into()
        })
    }
}

fn parse(reference: &[u8]) -> Option<TextId> {
    number(reference.get(1..)?).map(TextId)
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

//! Tables as text (RFC 4180 and its kin): the first line names the columns, and a column judges its cells.

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{ALNUM, JOIN, at, cut, find, is, minus, plus, trim};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

/// Columns looked at.
const MOST_COLUMNS: usize = 256;
/// The longest name of a column.
const LONGEST_NAME: usize = 48;
/// A cell in quotes goes over at most so many lines...
pub(in crate::cleartext::mask) const MOST_LINES: usize = 16;
/// ...and a row that does is at most so long (bytes).
pub(in crate::cleartext::mask) const LONGEST_ROW: usize = 16_384;
/// The longest head that is remembered.
const LONGEST_HEAD: usize = 8_192;
/// The separators tried, the likeliest first.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The cells of a line.
type Cells = SmallVec<[Stretch; 16]>;

impl Walk<'_> {
    /// Reads a stretch as a table if its first line names a column that counts; whether it did.
    pub(super) fn table(&mut self, buffer: &[u8], at: Stretch) -> bool {
        let head = line(buffer, at.start, at.end);
        let after = plus(head.end, 1);
        if after >= at.end {
            return false;
        }
        let columns = SEPARATORS.iter().find_map(|separator| {
            let names = names(buffer, head, *separator)?;
            let second = cells(buffer, row(buffer, after, at.end, *separator), *separator);
            let table = names.len() == second.len() || is_rule(buffer, &second);
            table.then(|| self.columns(buffer, *separator, names))
        });
        let Some(columns) = columns.flatten() else {
            return false;
        };
        self.rows(buffer, Stretch::new(after, at.end), buffer, &columns);
        true
    }

    /// What the names of columns say, if any of them counts.
    fn columns(&mut self, buffer: &[u8], separator: u8, names: Cells) -> Option<Columns> {
        let keys: SmallVec<[Key; 16]> = names
            .iter()
            .map(|name| self.classify(Space::Field, name.of(buffer)))
            .collect();
        keys.iter().any(|key| key.hits()).then_some(Columns {
            separator,
            names,
            keys,
        })
    }

    /// Reads a line as the head of a table whose rows are still to come. Only `first` of all lines may be spaced like prose.
    pub(super) fn head_of_table(&mut self, line: &[u8], first: bool) -> Option<Columns> {
        let allowed = |b: &u8| is(*b, ALNUM | JOIN) || *b >= 128 || b" .#/()\",\t;|".contains(b);
        if line.len() > LONGEST_HEAD || !line.iter().all(allowed) {
            return None;
        }
        let spaced = find(line, 0, b", ").is_some() || line.ends_with(b".");
        if spaced && !first {
            return None;
        }
        let whole = Stretch::new(0, line.len());
        SEPARATORS.iter().find_map(|separator| {
            let names = names(line, whole, *separator)?;
            self.columns(line, *separator, names)
        })
    }

    /// The rows in a stretch; `head` holds the names of the columns.
    pub(super) fn rows(&mut self, buffer: &[u8], at: Stretch, head: &[u8], columns: &Columns) {
        let mut i = at.start;
        while i < at.end {
            let row = row(buffer, i, at.end, columns.separator);
            i = plus(row.end, 1);
            let cells = cells(buffer, row, columns.separator);
            if is_rule(buffer, &cells) {
                continue;
            }
            for (column, cell) in cells.into_iter().enumerate() {
                let key = columns.keys.get(column).copied().unwrap_or(Key::NONE);
                let name = columns.names.get(column);
                let name = name.map_or(&b"{column}"[..], |name| name.of(head));
                let mark = self.s.enter_name(name, key.is(Key::KNOWN));
                self.leaf(buffer, cell, Codec::Plain, key);
                self.s.leave(mark);
            }
        }
    }
}

/// What the head of a table says.
pub(super) struct Columns {
    separator: u8,
    names: Cells,
    keys: SmallVec<[Key; 16]>,
}

impl Columns {
    /// Whether a line ends within quotes; `open` says whether it began so.
    pub(super) fn ends_open(&self, line: &[u8], open: bool) -> bool {
        ends_open(line, self.separator, open)
    }

    /// Whether every row in a stretch has as many cells as the head.
    pub(super) fn fits(&self, buffer: &[u8], at: Stretch) -> bool {
        let mut i = at.start;
        while i < at.end {
            let row = row(buffer, i, at.end, self.separator);
            let cells = cells(buffer, row, self.separator);
            if cells.len() != self.names.len() && !is_rule(buffer, &cells) {
                return false;
            }
            i = plus(row.end, 1);
        }
        true
    }
}

/// The names of at least two columns.
fn names(buffer: &[u8], head: Stretch, separator: u8) -> Option<Cells> {
    memchr::memchr(separator, head.of(buffer))?;
    let names = cells(buffer, head, separator);
    let table = names.len() > 1 && names.iter().all(|name| is_name(name.of(buffer)));
    table.then_some(names)
}

/// The line at `start`.
fn line(buffer: &[u8], start: usize, end: usize) -> Stretch {
    let len = memchr::memchr(b'\n', cut(buffer, start, end)).unwrap_or(minus(end, start));
    Stretch::new(start, plus(start, len))
}

/// The row at `start`: a line, or several if a cell in quotes goes over line ends (RFC 4180 section 2).
fn row(buffer: &[u8], start: usize, end: usize, separator: u8) -> Stretch {
    let first = line(buffer, start, end);
    let mut row = first;
    let mut open = ends_open(first.of(buffer), separator, false);
    for _ in 0..MOST_LINES {
        if !open || row.end >= end || minus(row.end, start) > LONGEST_ROW {
            break;
        }
        let next = line(buffer, plus(row.end, 1), end);
        open = ends_open(next.of(buffer), separator, true);
        row.end = next.end;
    }
    // A lone quote: no cell goes on for so long.
    if open { first } else { row }
}

/// Whether a line ends within quotes; `open` says whether it began so.
fn ends_open(text: &[u8], separator: u8, open: bool) -> bool {
    if !open && memchr::memchr(b'"', text).is_none() {
        return false;
    }
    let mut quotes = Quotes { open, lead: true };
    for &byte in text {
        quotes.take(byte, separator);
    }
    quotes.open
}

/// Where quotes count: one that begins a cell opens it, the next one closes it. Two in a row close and open it again.
#[derive(Clone, Copy)]
struct Quotes {
    open: bool,
    /// Nothing of the cell was seen yet but quotes and white space.
    lead: bool,
}

impl Quotes {
    fn take(&mut self, byte: u8, separator: u8) {
        match byte {
            b'"' if self.open => {
                self.open = false;
                self.lead = true;
            }
            b'"' if self.lead => self.open = true,
            _ if self.open => {}
            _ if byte == separator => self.lead = true,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.lead = false,
        }
    }
}

/// The cells of a line without the quotes around them.
fn cells(buffer: &[u8], row: Stretch, separator: u8) -> Cells {
    let row = trimmed_of_ends(buffer, row, separator);
    // A quote that nothing closes is a sign like any other.
    let quoted = !ends_open(row.of(buffer), separator, false);
    let mut all = Cells::new();
    let mut quotes = Quotes {
        open: false,
        lead: quoted,
    };
    let mut start = row.start;
    for i in row.start..row.end {
        let byte = at(buffer, i);
        if quoted {
            quotes.take(byte, separator);
        }
        if byte == separator && !quotes.open {
            if all.len() >= MOST_COLUMNS {
                return all;
            }
            all.push(unquoted(buffer, trimmed(buffer, Stretch::new(start, i))));
            start = plus(i, 1);
        }
    }
    if all.len() < MOST_COLUMNS {
        all.push(unquoted(
            buffer,
            trimmed(buffer, Stretch::new(start, row.end)),
        ));
    }
    all
}

/// Tables in Markdown begin and end their lines with the separator.
fn trimmed_of_ends(buffer: &[u8], row: Stretch, separator: u8) -> Stretch {
    let row = trimmed(buffer, row);
    if separator != b'|' || at(buffer, row.start) != b'|' {
        return row;
    }
    let end = if at(buffer, minus(row.end, 1)) == b'|' {
        minus(row.end, 1)
    } else {
        row.end
    };
    Stretch::new(plus(row.start, 1).min(end), end)
}

fn unquoted(buffer: &[u8], cell: Stretch) -> Stretch {
    let text = cell.of(buffer);
    match text {
        [b'"', inner @ .., b'"'] => {
            let start = plus(cell.start, 1);
            Stretch::new(start, plus(start, inner.len()))
        }
        _ => cell,
    }
}

fn is_name(text: &[u8]) -> bool {
    let text = trim(text);
    (1..=LONGEST_NAME).contains(&text.len())
        && text
            .iter()
            .all(|b| is(*b, ALNUM | JOIN) || *b >= 128 || b" .#/()".contains(b))
        && text.iter().any(|b| !b.is_ascii_digit())
}

/// `---|---`: the line under the head of a table in Markdown.
fn is_rule(buffer: &[u8], cells: &Cells) -> bool {
    !cells.is_empty()
        && cells
            .iter()
            .all(|cell| cell.of(buffer).iter().all(|b| b"-: ".contains(b)))
}

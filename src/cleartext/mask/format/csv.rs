//! Tables as text (RFC 4180 and its kin): the first line names the columns, and a column judges its cells.

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{ALNUM, JOIN, at, cut, is, minus, plus, trim};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::walk::{Stretch, Walk, trimmed};

/// Columns looked at.
const MOST_COLUMNS: usize = 256;
/// The longest name of a column.
const LONGEST_NAME: usize = 48;
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
        let Some((separator, names)) = SEPARATORS.iter().find_map(|separator| {
            let names = cells(buffer, head, *separator);
            let second = cells(buffer, line(buffer, after, at.end), *separator);
            let table = names.len() > 1
                && (names.len() == second.len() || is_rule(buffer, &second))
                && names.iter().all(|name| is_name(name.of(buffer)));
            table.then_some((*separator, names))
        }) else {
            return false;
        };
        let keys: SmallVec<[Key; 16]> = names
            .iter()
            .map(|name| self.classify(Space::Field, name.of(buffer)))
            .collect();
        if !keys.iter().any(|key| key.hits()) {
            return false;
        }
        let mut i = after;
        while i < at.end {
            let row = line(buffer, i, at.end);
            for (column, cell) in cells(buffer, row, separator).into_iter().enumerate() {
                let key = keys.get(column).copied().unwrap_or(Key::NONE);
                let name = names.get(column).map_or(&b"{column}"[..], |n| n.of(buffer));
                let mark = self.s.enter_name(name, key.is(Key::KNOWN));
                self.leaf(buffer, cell, Codec::Plain, key);
                self.s.leave(mark);
            }
            i = plus(row.end, 1);
        }
        true
    }
}

/// The line at `start`.
fn line(buffer: &[u8], start: usize, end: usize) -> Stretch {
    let len = memchr::memchr(b'\n', cut(buffer, start, end)).unwrap_or(minus(end, start));
    Stretch::new(start, plus(start, len))
}

/// The cells of a line without the quotes around them.
fn cells(buffer: &[u8], row: Stretch, separator: u8) -> Cells {
    let row = trimmed_of_ends(buffer, row, separator);
    let mut all = Cells::new();
    let (mut start, mut quoted) = (row.start, false);
    for i in row.start..=row.end {
        let byte = if i < row.end {
            at(buffer, i)
        } else {
            separator
        };
        if byte == b'"' && i < row.end {
            quoted = !quoted;
        } else if (byte == separator && !quoted) || i == row.end {
            if all.len() >= MOST_COLUMNS {
                return all;
            }
            all.push(unquoted(buffer, trimmed(buffer, Stretch::new(start, i))));
            start = plus(i, 1);
        }
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

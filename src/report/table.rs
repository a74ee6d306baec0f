//! Aligned columns, and text made safe for a terminal.

use std::fmt::Write as _;

/// How a column is aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table. Columns are as wide as they must be; a column that is empty in all rows is left out.
pub(super) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub(super) fn row(&mut self, cells: &[String]) {
        self.rows
            .push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// Appends the table with two spaces in front of every line.
    pub(super) fn write(&self, out: &mut String) {
        let cell = |row: &'_ [String], column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(column, (title, _))| {
                let widest = self
                    .rows
                    .iter()
                    .map(|row| cell(row, column).chars().count())
                    .max()
                    .unwrap_or(0);
                if widest == 0 {
                    0
                } else {
                    widest.max(title.chars().count())
                }
            })
            .collect();
        let titles: Vec<String> = self.columns.iter().map(|(t, _)| (*t).to_owned()).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            for (column, ((_, align), width)) in self.columns.iter().zip(&widths).enumerate() {
                if *width == 0 {
                    continue;
                }
                let text = cell(row, column);
                match align {
                    Align::Left => write!(line, "  {text:<width$}").unwrap_or_default(),
                    Align::Right => write!(line, "  {text:>width$}").unwrap_or_default(),
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// Control characters and those that turn the direction of writing become `?`: names may come from the wire.
pub fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if c.is_control() || turns(c) { '?' } else { c })
        .collect()
}

/// With a comma between thousands.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As a count, empty where there is none.
pub(super) fn unless_zero(value: u64) -> String {
    if value == 0 {
        String::new()
    } else {
        grouped(value)
    }
}

/// In the largest unit that leaves at least one digit in front, with three digits.
pub fn size(bytes: u64) -> String {
    scaled(
        bytes,
        1024,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"],
    )
}

/// Microseconds in the fitting unit.
pub(super) fn duration(micros: u64) -> String {
    scaled(micros, 1000, &["µs", "ms", "s", "ks"])
}

fn scaled(value: u64, step: u64, units: &[&str]) -> String {
    let mut factor = 1_u64;
    let mut chosen = units.first().copied().unwrap_or_default();
    for unit in units.iter().skip(1) {
        let Some(next) = factor.checked_mul(step).filter(|next| value >= *next) else {
            break;
        };
        factor = next;
        chosen = unit;
    }
    let whole = value / factor;
    let thousandths = u128::from(value % factor) * 1000 / u128::from(factor);
    match (factor, whole) {
        (1, _) => format!("{value} {chosen}"),
        (_, 0..10) => format!("{whole}.{:02} {chosen}", thousandths / 10),
        (_, 10..100) => format!("{whole}.{} {chosen}", thousandths / 100),
        (_, _) => format!("{whole} {chosen}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(size(512), "512 B");
        assert_eq!(size(1536), "1.50 KiB");
        assert_eq!(size(20 << 20), "20.0 MiB");
        assert_eq!(size(u64::MAX), "15.9 EiB");
        assert_eq!(duration(999), "999 µs");
        assert_eq!(duration(1_234), "1.23 ms");
        assert_eq!(duration(61_000_000), "61.0 s");
    }

    #[test]
    fn nothing_reaches_the_terminal_raw() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}c\n"), "a?[31mb?c?");
    }

    #[test]
    fn empty_columns_vanish() {
        let mut table = Table::new(&[("a", Align::Left), ("b", Align::Right), ("c", Align::Right)]);
        table.row(&["x".to_owned(), String::new(), "10".to_owned()]);
        let mut out = String::new();
        table.write(&mut out);
        assert_eq!(out, "  a   c\n  x  10\n");
    }
}

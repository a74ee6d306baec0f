//! Faults of a TOML file in words: file, line, key, what is allowed, and the nearest thing that would be right.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Error;

/// Turns what the TOML reader said about `text` into an error with exit 78.
pub fn describe(file: &str, text: &str, fault: &toml::de::Error) -> Error {
    let message = fault.message().trim();
    let key = fault.span().and_then(|span| key_at(text, &span));
    let place = match fault.span() {
        Some(span) => format!("{file}:{}", line_of(text, span.start)),
        None => file.to_owned(),
    };
    explain(message, key.as_deref()).at(place)
}

/// The message with its key and a hint; the place is the caller's.
pub(super) fn explain(message: &str, key: Option<&str>) -> Error {
    let (fault, allowed) = split_expected(message);
    let wrong = quoted(fault).next().unwrap_or_default();
    if fault.starts_with("unknown field") {
        let section = key.and_then(|key| key.rsplit_once('.')).map(|(s, _)| s);
        let full = |name: &str| section.map_or_else(|| name.to_owned(), |s| format!("{s}.{name}"));
        return Error::config(format!("unknown key `{}`", full(wrong)))
            .hint(suggest(wrong, &allowed, full));
    }
    let subject = key.map_or_else(String::new, |key| format!("`{key}`: "));
    if fault.starts_with("unknown variant") {
        return Error::config(format!("{subject}`{wrong}` is not a value it can take"))
            .hint(suggest(wrong, &allowed, str::to_owned));
    }
    let error = Error::config(format!("{subject}{}", message.replace('\n', "; ")));
    match fault {
        fault if fault.contains("the unit is missing") || fault.contains("unknown unit") => error
            .hint(
                "sizes take B, KiB, MiB, GiB; times take ms, s, min, h, days; both stand in quotes",
            ),
        fault if fault.contains("with a unit") => {
            error.hint("write the number with its unit in quotes, such as \"64 MiB\" or \"10 s\"")
        }
        _ => error.hint("`hushtap check` shows every key with its value and where it comes from"),
    }
}

/// `did you mean ...?` where something is near, then all that is allowed.
fn suggest(wrong: &str, allowed: &[&str], full: impl Fn(&str) -> String) -> String {
    let list = allowed
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match nearest(wrong, allowed) {
        Some(near) => format!("did you mean `{}`? allowed here: {list}", full(near)),
        None if list.is_empty() => "nothing is allowed here".to_owned(),
        None => format!("allowed here: {list}"),
    }
}

/// serde says ``unknown field `x`, expected one of `a`, `b` `` (or ``expected `a` or `b` ``).
fn split_expected(message: &str) -> (&str, Vec<&str>) {
    match message.split_once(", expected ") {
        Some((head, tail)) => (head, quoted(tail).collect()),
        None => (message, Vec::new()),
    }
}

/// The words in back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The candidate with the smallest edit distance, if that is at most a third of the word's length (at least 1).
pub fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: insertions, deletions and replacements of characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The line, from 1, that this byte stands in.
fn line_of(text: &str, offset: usize) -> usize {
    let head = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    memchr::memchr_iter(b'\n', head).count() + 1
}

/// The line of a key, or of one item of its value, in one table of a list of tables; that of the table if it lacks the key.
pub(super) fn line_of_entry(
    text: &str,
    list: &[&str],
    (number, key, item): (usize, &str, Option<usize>),
) -> Option<usize> {
    let (document, _) = DeTable::parse_recoverable(text);
    let (last, sections) = list.split_last()?;
    let mut table = document.get_ref();
    for section in sections {
        table = table.get(*section)?.get_ref().as_table()?;
    }
    let entry = table.get(*last)?.get_ref().as_array()?.get(number)?;
    let value = entry.get_ref().as_table().and_then(|entry| entry.get(key));
    let part = item.and_then(|item| value?.get_ref().as_array()?.get(item));
    let span = part.or(value).map_or(entry.span(), Spanned::span);
    Some(line_of(text, span.start))
}

/// The dotted key whose name or value covers `span`, looked up in the document itself.
fn key_at(text: &str, span: &Range<usize>) -> Option<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    let mut path = Vec::new();
    descend(document.get_ref(), span, &mut path).then(|| path.join("."))
}

fn descend(table: &DeTable<'_>, span: &Range<usize>, path: &mut Vec<String>) -> bool {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        if covers(&key.span(), span) || inside(value, span, path) {
            return true;
        }
        path.pop();
    }
    false
}

fn inside(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut Vec<String>) -> bool {
    let deeper = match value.get_ref() {
        DeValue::Table(table) => descend(table, span, path),
        DeValue::Array(items) => items.iter().any(|item| inside(item, span, path)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => false,
    };
    // A section's own span is its header line: a fault there (a missing key) belongs to the section.
    deeper || covers(&value.span(), span)
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && outer.start < outer.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(
            nearest("bodi_limit", &["max_head", "body_limit"]),
            Some("body_limit")
        );
        assert_eq!(nearest("zzz", &["max_head", "body_limit"]), None);
    }

    #[test]
    fn unknown_keys_are_named_in_full() {
        let error = explain(
            "unknown field `bodi_limit`, expected one of `body_limit`, `max_head`",
            Some("http.bodi_limit"),
        );
        assert_eq!(
            error.to_string(),
            "unknown key `http.bodi_limit`\n\nhint: did you mean `http.body_limit`? allowed here: `body_limit`, `max_head`"
        );
    }
}

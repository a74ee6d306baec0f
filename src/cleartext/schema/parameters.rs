//! Parameters in path, query and header against the document. Their values are text: a value is taken for whatever it may
//! be read as, and breaks a rule only if it does so in every reading.

use std::borrow::Cow;

use serde_json::Value;

use super::check::{Broken, Checker};
use super::model::{Book, Operation, Parameter, Place, Schema, SchemaId};
use super::trail::Trail;
use crate::cleartext::anonymize::endpoint::path::decode_into;
use crate::observation::{JsonTypes, SchemaRule};

/// Most parameters of a query that are looked at.
pub(super) const MAX_PARAMETERS: usize = 128;
/// Longest value that is looked at.
const MAX_VALUE: usize = 1_024;
/// Most elements of a list in one value.
const MAX_ELEMENTS: usize = 64;

/// The parameters of a query, decoded: name and value.
pub(super) fn of_query(query: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let parts = query.split(|b| *b == b'&').filter(|part| !part.is_empty());
    parts.take(MAX_PARAMETERS).map(|part| {
        let equals = memchr::memchr(b'=', part).unwrap_or(part.len());
        let (name, value) = part.split_at_checked(equals).unwrap_or((part, &[]));
        (decoded(name), decoded(value.get(1..).unwrap_or_default()))
    })
}

/// As forms and queries write text (WHATWG URL, `application/x-www-form-urlencoded`).
fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Cow<'_, [u8]> = if text.contains(&b'+') {
        let spaces = text.iter().map(|b| if *b == b'+' { b' ' } else { *b });
        Cow::Owned(spaces.collect())
    } else {
        Cow::Borrowed(text)
    };
    let mut out = Vec::with_capacity(text.len());
    decode_into(&spaced, &mut out);
    out
}

/// The name before the brackets: `filter[status]` and `ids[]` are parts of `filter` and `ids`.
pub(super) fn stem(name: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'[', name).filter(|at| *at > 0);
    name.get(..end.unwrap_or(name.len())).unwrap_or(name)
}

/// Holds a value that is text against its schema.
pub(super) fn check(book: &Book, id: SchemaId, value: &[u8]) -> Option<SchemaRule> {
    let text = std::str::from_utf8(value).ok()?;
    // No value at all may mean a flag, or that nothing is asked for.
    if text.is_empty() || text.len() > MAX_VALUE {
        return None;
    }
    let schemas = book.expanded(&[id])?;
    if schemas.iter().any(|schema| schema.open) {
        return None;
    }
    if is_object(&schemas) {
        return None;
    }
    if schemas
        .iter()
        .any(|schema| schema.types.has(JsonTypes::ARRAY))
    {
        let items = items(&schemas)?;
        // How an object is written as text is for client and server to agree.
        if is_object(&book.expanded(&[items])?) {
            return None;
        }
        let mut elements = text.split(',').filter(|one| !one.is_empty());
        return elements
            .by_ref()
            .take(MAX_ELEMENTS)
            .find_map(|element| scalar(book, items, element));
    }
    scalar(book, id, text)
}

impl Parameter {
    /// The rule that a value of the parameter breaks.
    pub(super) fn breaks(&self, book: &Book, value: &[u8]) -> Option<SchemaRule> {
        check(book, self.schema?, value)
    }
}

/// Whether a value of these schemas may be an object.
fn is_object(schemas: &[&Schema]) -> bool {
    let mut all = schemas.iter();
    all.any(|schema| schema.types.has(JsonTypes::OBJECT) || !schema.properties.is_empty())
}

/// The one schema of the elements; none if there are several.
fn items(schemas: &[&Schema]) -> Option<SchemaId> {
    let mut all = schemas.iter().filter_map(|schema| schema.items);
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

fn scalar(book: &Book, id: SchemaId, text: &str) -> Option<SchemaRule> {
    let mut worst = None;
    for reading in readings(text) {
        let mut broken = Broken::new();
        Checker::new(book).check(&reading, id, &mut Trail::root(), &mut broken);
        // That the value is none of those allowed says more than that it is of another type.
        worst = worst.max(Some(broken.first()?.0));
    }
    worst
}

/// Everything that a text may mean.
fn readings(text: &str) -> Vec<Value> {
    let mut readings = vec![Value::from(text)];
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => readings.push(Value::Bool(true)),
        "false" | "0" | "no" | "off" | "f" | "n" => readings.push(Value::Bool(false)),
        "null" | "none" | "nil" => readings.push(Value::Null),
        _ => {}
    }
    let digits = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    if text.bytes().all(digits) {
        if let Ok(whole) = text.parse::<i64>() {
            readings.push(Value::from(whole));
        } else if let Ok(whole) = text.parse::<u64>() {
            readings.push(Value::from(whole));
        } else if let Ok(number) = text.parse::<f64>() {
            readings.push(Value::from(number));
        }
    }
    readings
}

/// The required parameters of a place that `is_there` does not find.
pub(super) fn missing<'a>(
    book: &'a Book,
    operation: &'a Operation,
    place: Place,
    is_there: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &'a str> {
    let required = operation.parameters.iter();
    let required = required.filter(move |one| one.place == place && one.required);
    required
        .filter(move |one| !is_there(&one.name) && is_sent_by_name(book, one.schema))
        .map(|one| one.name.as_ref())
}

/// Whether what has this schema appears under its own name: the members of an object may not.
pub(super) fn is_sent_by_name(book: &Book, schema: Option<SchemaId>) -> bool {
    let schemas = schema.and_then(|id| book.expanded(&[id]));
    schemas.is_some_and(|schemas| {
        schemas.iter().all(|schema| {
            !schema.is_open()
                && !schema.types.has(JsonTypes::OBJECT)
                && schema.properties.is_empty()
        })
    })
}

/// Whether a parameter of the query may be part of one that is written otherwise.
pub(super) fn is_open(book: &Book, operation: &Operation) -> bool {
    let mut query = operation.parameters.iter();
    operation.open_query
        || query.any(|one| {
            one.place == Place::Query && !is_sent_by_name(book, one.schema) && {
                let schemas = one.schema.and_then(|id| book.expanded(&[id]));
                schemas.is_none_or(|schemas| {
                    let object =
                        |s: &&Schema| s.types.has(JsonTypes::OBJECT) || !s.properties.is_empty();
                    schemas.iter().any(object)
                })
            }
        })
}

//! Bodies that are forms (also those in parts), and cookies, against the document: their values are text, as those of parameters are.
//!
//! Said only where it is beyond doubt: what an alternative asks for may not be meant, a field that is an object may be
//! written in several ways, and a form that is longer than is read may have what seems to be missing.

use super::check::{Broken, MAX_BROKEN};
use super::fields::Undocumented;
use super::model::{Book, Schema, SchemaId};
use super::parameters::{self, MAX_PARAMETERS};
use super::trail::Trail;
use crate::observation::{JsonTypes, SchemaRule};

/// The media type of forms (WHATWG URL).
pub(super) const MEDIA: &str = "application/x-www-form-urlencoded";

/// The fields of a form, decoded: name and value.
pub(super) type Form = Vec<(Vec<u8>, Vec<u8>)>;

/// What a form breaks.
pub(super) fn check(book: &Book, id: SchemaId, form: &Form) -> Broken {
    let mut broken = Broken::new();
    let Some(schemas) = book.certain(id) else {
        return broken;
    };
    let is_object = |types: JsonTypes| types.is_empty() || types.has(JsonTypes::OBJECT);
    if !schemas.iter().all(|(_, schema)| is_object(schema.types)) {
        return broken;
    }
    let cut = form.len() >= MAX_PARAMETERS;
    let is_there = |wanted: &str| {
        let wanted = wanted.as_bytes();
        let mut names = form.iter().map(|(name, _)| name.as_slice());
        names.any(|name| name == wanted || parameters::stem(name) == wanted)
    };
    for (id, schema) in schemas {
        let missing = schema.required.iter().filter(|_| !cut);
        for name in missing.filter(|name| !is_there(name)) {
            let property = schema.properties.get(name).copied();
            // One of which only the name is known is text.
            let by_name = property.is_none_or(|id| parameters::is_sent_by_name(book, Some(id)));
            if by_name && book.is_for_requests(schema, name) {
                tell(&mut broken, SchemaRule::Required, name.as_bytes(), true);
            }
        }
        let closed = book.is_closed(id);
        for (name, value) in form {
            let text = std::str::from_utf8(name).unwrap_or_default();
            if let Some(property) = schema.properties.get(text) {
                if let Some(rule) = parameters::check(book, *property, value) {
                    tell(&mut broken, rule, name, true);
                }
            } else if closed && !has_stem(schema, name) {
                tell(&mut broken, SchemaRule::UnknownField, name, false);
            }
        }
    }
    broken
}

/// The fields of a form that the document does not have.
pub(super) fn undocumented<'a>(
    book: &'a Book,
    id: SchemaId,
    form: &'a Form,
) -> impl Iterator<Item = Trail> + 'a {
    let known = Undocumented::new(book).known(id);
    let names = form.iter().map(|(name, _)| name.as_slice());
    let unknown = names.filter(move |name| {
        let has = |name: &[u8]| {
            let name = std::str::from_utf8(name).unwrap_or_default();
            known.as_ref().is_none_or(|known| known.has(name))
        };
        !has(name) && !has(parameters::stem(name))
    });
    unknown.map(|name| Trail::of(parameters::stem(name), false))
}

/// The cookies of one field (RFC 6265 section 4.2.1), as they are written: name and value.
pub(super) fn cookies(field: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = field.split(|b| *b == b';').take(MAX_PARAMETERS);
    pairs.filter_map(|pair| {
        let (name, value) = pair.split_at_checked(memchr::memchr(b'=', pair)?)?;
        Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
    })
}

fn has_stem(schema: &Schema, name: &[u8]) -> bool {
    let stem = std::str::from_utf8(parameters::stem(name));
    stem.is_ok_and(|stem| schema.properties.contains_key(stem))
}

fn tell(broken: &mut Broken, rule: SchemaRule, name: &[u8], documented: bool) {
    if broken.len() < MAX_BROKEN {
        broken.insert((rule, Trail::of(name, documented)));
    }
}

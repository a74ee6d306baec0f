//! Which fields a body has: those the document does not have, and, where the API is to be described, all of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check::type_of;
use super::model::{Additional, Book, Schema, SchemaId};
use super::trail::Trail;
use crate::observation::JsonTypes;

/// Most distinct fields of one body.
const MAX_FIELDS: usize = 256;
/// Most elements of a list that are looked into.
const MAX_ELEMENTS: usize = 32;
/// Deepest nesting that is looked into.
const MAX_DEPTH: usize = 12;

/// Fields, with the types of their values.
pub(super) type Fields = BTreeMap<Trail, JsonTypes>;

/// Adds every field of a body, and the body itself.
pub(super) fn all(value: &Value, trail: &mut Trail, fields: &mut Fields) {
    walk(value, trail, fields, MAX_DEPTH);
}

fn walk(value: &Value, trail: &mut Trail, fields: &mut Fields, depth: usize) {
    note(trail, type_of(value), fields);
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let mark = trail.field(name.as_bytes(), false);
                walk(value, trail, fields, depth);
                trail.leave(mark);
            }
        }
        Value::Array(elements) => {
            let mark = trail.elements();
            for value in elements.iter().take(MAX_ELEMENTS) {
                walk(value, trail, fields, depth);
            }
            trail.leave(mark);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn note(trail: &Trail, types: JsonTypes, fields: &mut Fields) {
    if let Some(known) = fields.get_mut(trail) {
        *known = known.or(types);
    } else if fields.len() < MAX_FIELDS {
        fields.insert(trail.clone(), types);
    }
}

/// What the document says of a field.
enum Said {
    /// It has these schemas.
    Of(Vec<SchemaId>),
    /// It may be anything.
    Anything,
    /// Nothing.
    Nothing,
}

/// Finds the fields that the document does not have. What lies below such a field is not looked at.
pub(super) struct Undocumented<'a> {
    book: &'a Book,
}

impl<'a> Undocumented<'a> {
    pub(super) const fn new(book: &'a Book) -> Self {
        Self { book }
    }

    /// The fields that a value of this schema may have; none where it may have any.
    pub(super) fn known(&self, id: SchemaId) -> Option<Known<'a>> {
        let schemas = self.book.expanded(&[id])?;
        let is_open = schemas.iter().any(|schema| schema.is_open());
        (!is_open).then_some(Known(schemas))
    }

    /// Adds those of a value that has these schemas.
    pub(super) fn find(
        &self,
        value: &Value,
        schemas: &[SchemaId],
        trail: &mut Trail,
        fields: &mut Fields,
    ) {
        self.walk(value, (schemas, MAX_DEPTH), trail, fields);
    }

    fn walk(
        &self,
        value: &Value,
        (ids, depth): (&[SchemaId], usize),
        trail: &mut Trail,
        fields: &mut Fields,
    ) {
        let (Some(depth), Some(schemas)) = (depth.checked_sub(1), self.book.expanded(ids)) else {
            return;
        };
        if schemas.is_empty() || schemas.iter().any(|schema| schema.is_open()) {
            return;
        }
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match said(&schemas, name) {
                        Said::Of(ids) => {
                            let mark = trail.field(name.as_bytes(), true);
                            self.walk(value, (&ids, depth), trail, fields);
                            trail.leave(mark);
                        }
                        Said::Anything => {}
                        Said::Nothing => {
                            let mark = trail.field(name.as_bytes(), false);
                            note(trail, type_of(value), fields);
                            trail.leave(mark);
                        }
                    }
                }
            }
            Value::Array(elements) => {
                let ids: Vec<_> = schemas.iter().filter_map(|schema| schema.items).collect();
                let mark = trail.elements();
                for value in elements.iter().take(MAX_ELEMENTS) {
                    self.walk(value, (&ids, depth), trail, fields);
                }
                trail.leave(mark);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// The schemas of a value, references and combinations followed: one walk through the document serves all of its fields.
pub(super) struct Known<'a>(Vec<&'a Schema>);

impl Known<'_> {
    /// Whether there may be a field of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        !matches!(said(&self.0, name), Said::Nothing)
    }
}

fn said(schemas: &[&Schema], name: &str) -> Said {
    // An object that names nothing is any object.
    if schemas.iter().all(|schema| schema.properties.is_empty()) {
        return Said::Anything;
    }
    let named = schemas
        .iter()
        .filter_map(|s| s.properties.get(name).copied());
    let ids: Vec<_> = named.collect();
    if !ids.is_empty() {
        return Said::Of(ids);
    }
    // What is required may be there, even if nothing else is said about it.
    let free = |schema: &&Schema| {
        matches!(schema.additional, Additional::Free | Additional::Of(_))
            || schema
                .required
                .iter()
                .any(|required| required.as_ref() == name)
    };
    if schemas.iter().any(free) {
        Said::Anything
    } else {
        Said::Nothing
    }
}

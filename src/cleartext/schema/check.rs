//! Holds values against schemas. Says that a rule is broken only where that is beyond doubt: a keyword that is not
//! understood, a limit that is reached, an alternative that may fit, and nothing is said.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::{Additional, Book, Schema, SchemaId};
use super::trail::Trail;
use crate::observation::{JsonTypes, SchemaRule};

/// Values looked at for one request, every alternative counted.
const MAX_STEPS: u32 = 20_000;
/// Deepest nesting of values and combined schemas.
const MAX_DEPTH: u32 = 40;
/// Most broken rules told of one request.
pub(super) const MAX_BROKEN: usize = 32;
/// Of them, those about more than the kind of a value leave this many to the others.
const MAX_FACETS: usize = 16;

/// A broken rule, and where.
pub(super) type Broken = BTreeSet<(SchemaRule, Trail)>;

/// Holds the values of one request against the schemas of a book.
pub(super) struct Checker<'a> {
    book: &'a Book,
    steps: u32,
    depth: u32,
}

impl<'a> Checker<'a> {
    pub(super) const fn new(book: &'a Book) -> Self {
        Self {
            book,
            steps: MAX_STEPS,
            depth: 0,
        }
    }

    /// Adds to `broken` what the value breaks.
    pub(super) fn check(
        &mut self,
        value: &Value,
        id: SchemaId,
        trail: &mut Trail,
        broken: &mut Broken,
    ) {
        let Some(schema) = self.book.schema(id) else {
            return;
        };
        if self.steps == 0 || self.depth >= MAX_DEPTH || broken.len() >= MAX_BROKEN {
            return;
        }
        self.steps = self.steps.saturating_sub(1);
        self.depth = self.depth.saturating_add(1);
        self.one(value, (id, schema), trail, broken);
        self.depth = self.depth.saturating_sub(1);
    }

    fn one(
        &mut self,
        value: &Value,
        (id, schema): (SchemaId, &Schema),
        trail: &mut Trail,
        broken: &mut Broken,
    ) {
        if schema.nullable && value.is_null() {
            return;
        }
        if !schema.types.is_empty() && !schema.types.has(type_of(value)) {
            tell(broken, SchemaRule::Type, trail);
            return;
        }
        if !schema.values.is_empty() && !schema.values.iter().any(|one| is_same(one, value)) {
            tell(broken, SchemaRule::Enum, trail);
            return;
        }
        for rule in schema.facets.iter().flat_map(|facets| facets.broken(value)) {
            if broken.len() < MAX_FACETS {
                tell(broken, rule, trail);
            }
        }
        match value {
            Value::Object(_) => self.object(value, (id, schema), trail, broken),
            Value::Array(elements) => {
                if let Some(items) = schema.items {
                    let mark = trail.elements();
                    for element in elements {
                        self.check(element, items, trail, broken);
                    }
                    trail.leave(mark);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        for part in &schema.all_of {
            self.check(value, *part, trail, broken);
        }
        for choice in &schema.choices {
            self.choice(value, choice, trail, broken);
        }
    }

    fn object(
        &mut self,
        value: &Value,
        (id, schema): (SchemaId, &Schema),
        trail: &mut Trail,
        broken: &mut Broken,
    ) {
        let Some(fields) = value.as_object() else {
            return;
        };
        let closed = self.book.is_closed(id);
        for name in &schema.required {
            if !fields.contains_key(name.as_ref()) && self.book.is_for_requests(schema, name) {
                let mark = trail.field(name.as_bytes(), true);
                tell(broken, SchemaRule::Required, trail);
                trail.leave(mark);
            }
        }
        for (name, value) in fields {
            if let Some(id) = schema.properties.get(name.as_str()) {
                let mark = trail.field(name.as_bytes(), true);
                self.check(value, *id, trail, broken);
                trail.leave(mark);
            } else if let Additional::Of(id) = schema.additional {
                if !schema.open {
                    let mark = trail.key();
                    self.check(value, id, trail, broken);
                    trail.leave(mark);
                }
            } else if closed {
                let mark = trail.field(name.as_bytes(), false);
                tell(broken, SchemaRule::UnknownField, trail);
                trail.leave(mark);
            }
        }
    }

    /// At least one alternative must fit. That several do is not looked at: what tells them apart may not be understood.
    fn choice(
        &mut self,
        value: &Value,
        choice: &[SchemaId],
        trail: &mut Trail,
        broken: &mut Broken,
    ) {
        let (mut common, mut nearly): (Option<Broken>, Option<Broken>) = (None, None);
        for id in choice {
            let mut own = Broken::new();
            self.check(value, *id, trail, &mut own);
            if own.is_empty() || self.steps == 0 {
                return;
            }
            // One that fits but for a length or a form is the one that was meant.
            let fits_nearly = own.iter().all(|(rule, _)| rule.is_facet());
            let slot = if fits_nearly {
                &mut nearly
            } else {
                &mut common
            };
            *slot = Some(match slot.take() {
                None => own,
                Some(common) => common.intersection(&own).cloned().collect(),
            });
        }
        // If several were, and each lacks something else, nothing is beyond doubt.
        if let Some(nearly) = nearly {
            broken.extend(nearly);
            return;
        }
        match common {
            Some(common) if common.is_empty() => {
                tell(broken, SchemaRule::NoAlternative, trail);
            }
            Some(common) => broken.extend(common),
            None => {}
        }
    }
}

fn tell(broken: &mut Broken, rule: SchemaRule, trail: &Trail) {
    if broken.len() < MAX_BROKEN {
        broken.insert((rule, trail.clone()));
    }
}

/// The type of a value. A number without a fraction is an integer, however it is written (JSON Schema 2020-12, 6.1.1).
pub(super) fn type_of(value: &Value) -> JsonTypes {
    match value {
        Value::Null => JsonTypes::NULL,
        Value::Bool(_) => JsonTypes::BOOLEAN,
        Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_i64() && !number.is_u64() && float.fract() != 0.0 => {
                JsonTypes::NUMBER
            }
            _ => JsonTypes::INTEGER,
        },
        Value::String(_) => JsonTypes::STRING,
        Value::Array(_) => JsonTypes::ARRAY,
        Value::Object(_) => JsonTypes::OBJECT,
    }
}

/// Whether two values are the same: numbers by their worth.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        // Numbers within are compared as they are written; a list of allowed lists is too rare for more.
        _ => a == b,
    }
}

//! From an OpenAPI document (3.0 and 3.1) to a [`Book`] of rules.
//!
//! Refuses nothing: what is not understood, lies in another file, or is beyond the limits says nothing, so that no request
//! can break it. Version 2.0 has no rules here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::facets::Facets;
use super::model::{
    Additional, Answer, Book, Content, Media, Operation, Parameter, Place, Schema, SchemaId,
};
use super::pattern::Pattern;
use crate::observation::{JsonTypes, Method};

/// Most schemas of one document.
const MAX_SCHEMAS: usize = 200_000;
/// Most references that lead to one another.
const MAX_HOPS: usize = 16;
/// Most values on one list of allowed values; a longer list says nothing.
const MAX_VALUES: usize = 4_096;
/// Most patterns that are compiled for one document; all others are left out.
const MAX_PATTERNS: usize = 512;
/// The schema that anything fits, in the first place of every book.
const ANYTHING: SchemaId = SchemaId(0);

impl Book {
    /// Compiles a document.
    pub fn compile(document: &Value) -> Self {
        let version = document.get("openapi").and_then(Value::as_str);
        let is_31 = match version {
            Some(version) if version.starts_with("3.0") => false,
            Some(version) if version.starts_with("3.") => true,
            // YAML reads `openapi: 3.1` as a number.
            None => match document.get("openapi").and_then(Value::as_f64) {
                Some(number) if (3.0..4.0).contains(&number) => number > 3.05,
                _ => return Self::default(),
            },
            Some(_) => return Self::default(),
        };
        let mut compiler = Compiler {
            document,
            is_31,
            book: Self::default(),
            named: BTreeMap::new(),
            patterns: BTreeMap::new(),
            waiting: Vec::new(),
        };
        compiler.book.schemas.push(Schema {
            open: true,
            ..Schema::default()
        });
        compiler.credentials();
        compiler.paths();
        compiler.finish()
    }
}

struct Compiler<'a> {
    document: &'a Value,
    is_31: bool,
    book: Book,
    /// Schemas behind references, by pointer.
    named: BTreeMap<&'a str, SchemaId>,
    /// Patterns by what they are written as; none where one is not understood.
    patterns: BTreeMap<&'a str, Option<Arc<Pattern>>>,
    /// Schemas that have a place and are to be read.
    waiting: Vec<(SchemaId, &'a Value)>,
}

impl<'a> Compiler<'a> {
    fn credentials(&mut self) {
        let schemes = self.document.pointer("/components/securitySchemes");
        let schemes = schemes.and_then(Value::as_object);
        for scheme in schemes.into_iter().flat_map(Map::values) {
            let Some(scheme) = self.resolved(scheme) else {
                continue;
            };
            let name = text(scheme, "name").unwrap_or_default();
            let found = match text(scheme, "in") {
                Some("query") => (Place::Query, name.into()),
                Some("header") => (Place::Header, name.to_ascii_lowercase().into()),
                _ => continue,
            };
            self.book.credentials.insert(found);
        }
    }

    fn paths(&mut self) {
        let document = self.document;
        let paths = document.get("paths").and_then(Value::as_object);
        for (path, item) in paths.into_iter().flatten() {
            let Some(item) = item.as_object() else {
                continue;
            };
            for (key, described) in item {
                let method = Method::from_wire(key.to_ascii_uppercase().as_bytes());
                let Some(described) = described.as_object() else {
                    continue;
                };
                if method == Method::Other || method == Method::Unknown {
                    continue;
                }
                let operation = self.operation(item, described);
                let key = (path.as_str().into(), method);
                self.book.operations.insert(key, operation);
            }
        }
    }

    fn operation(
        &mut self,
        item: &'a Map<String, Value>,
        described: &'a Map<String, Value>,
    ) -> Operation {
        let mut operation = Operation {
            parameters: Vec::new(),
            open_query: false,
            body_required: false,
            body: Content::default(),
            answers: Vec::new(),
            any_status: false,
        };
        // Those of the operation come first: they replace those of the path.
        let lists = [described.get("parameters"), item.get("parameters")];
        for parameter in lists.into_iter().flatten().filter_map(Value::as_array) {
            for parameter in parameter {
                self.parameter(parameter, &mut operation);
            }
        }
        let body = described.get("requestBody");
        if let Some(body) = body.and_then(|body| self.resolved(body)) {
            operation.body_required = flag(body, "required");
            operation.body = self.content(body);
        }
        let answers = described.get("responses").and_then(Value::as_object);
        let extension = |status: &str| status.starts_with("x-");
        for (status, answer) in answers.into_iter().flatten() {
            if let Some(kind) = answer_of(status) {
                // Of one behind a reference that leads nowhere the status is known all the same.
                let answer = self.resolved(answer);
                let content = answer.map_or_else(Content::default, |answer| self.content(answer));
                operation.answers.push((kind, content));
            } else if !extension(status) {
                operation.any_status = true;
            }
        }
        operation.any_status |= operation.answers.is_empty();
        operation
    }

    fn parameter(&mut self, parameter: &'a Value, operation: &mut Operation) {
        let Some(parameter) = self.resolved(parameter) else {
            // It may be any: none is unknown.
            operation.open_query = true;
            return;
        };
        let name = text(parameter, "name").unwrap_or_default();
        let (place, name): (_, Box<str>) = match text(parameter, "in") {
            Some("path") => (Place::Path, name.into()),
            Some("query") => (Place::Query, name.into()),
            Some("header") => (Place::Header, name.to_ascii_lowercase().into()),
            Some("cookie") => (Place::Cookie, name.into()),
            _ => return,
        };
        // OpenAPI 3.0.3, "Parameter Object": definitions of these headers are to be ignored.
        let ignored = ["accept", "content-type", "authorization"];
        if place == Place::Header && ignored.contains(&name.as_ref()) {
            return;
        }
        if operation.parameter(place, &name).is_some() {
            return;
        }
        let plain = matches!(text(parameter, "style"), None | Some("form" | "simple"));
        let described = parameter.get("schema");
        let has_default = described.is_some_and(|schema| schema.get("default").is_some());
        let schema = described.map(|schema| self.schema(schema));
        operation.parameters.push(Parameter {
            name,
            place,
            required: flag(parameter, "required") && !has_default,
            schema: schema.filter(|_| plain),
        });
    }

    fn content(&mut self, holder: &'a Value) -> Content {
        let mut content = Content::default();
        let kinds = holder.get("content").and_then(Value::as_object);
        for (media, described) in kinds.into_iter().flatten() {
            let Some(schema) = described.get("schema") else {
                continue;
            };
            let media = media.split(';').next().unwrap_or_default();
            let media = media.trim().to_ascii_lowercase();
            let media = match media.strip_suffix('*') {
                Some("*/") => Media::Any,
                Some(prefix) => Media::Prefix(prefix.into()),
                None => Media::Exact(media.into()),
            };
            content.0.push((media, self.schema(schema)));
        }
        content
    }

    /// What a `$ref` leads to, or the value itself; none if it leads out of the document or nowhere.
    fn resolved(&self, value: &'a Value) -> Option<&'a Value> {
        let mut value = value;
        for _ in 0..MAX_HOPS {
            let Some(target) = text(value, "$ref") else {
                return Some(value);
            };
            value = self.target(target)?;
        }
        None
    }

    fn target(&self, reference: &str) -> Option<&'a Value> {
        let pointer = reference.strip_prefix('#')?;
        let found = self.document.pointer(pointer);
        // A pointer in a reference may be percent-coded (RFC 6901 section 6).
        found.or_else(|| {
            let mut decoded = Vec::new();
            crate::cleartext::anonymize::endpoint::path::decode_into(
                pointer.as_bytes(),
                &mut decoded,
            );
            self.document.pointer(std::str::from_utf8(&decoded).ok()?)
        })
    }

    /// Gives a schema a place; it is read later, so that no chain of references is deep.
    fn schema(&mut self, value: &'a Value) -> SchemaId {
        let id = SchemaId(self.book.schemas.len());
        if id.0 >= MAX_SCHEMAS {
            return ANYTHING;
        }
        self.book.schemas.push(Schema::default());
        self.waiting.push((id, value));
        id
    }

    fn referred(&mut self, reference: &'a str) -> SchemaId {
        if let Some(id) = self.named.get(reference) {
            return *id;
        }
        let target = self.target(reference);
        let id = target.map_or(ANYTHING, |target| self.schema(target));
        self.named.insert(reference, id);
        id
    }

    fn finish(mut self) -> Book {
        while let Some((id, value)) = self.waiting.pop() {
            let schema = self.read(value);
            if let Some(place) = self.book.schemas.get_mut(id.0) {
                *place = schema;
            }
        }
        self.mark_combined();
        self.note_read_only();
        self.book
    }

    fn read(&mut self, value: &'a Value) -> Schema {
        let mut schema = Schema::default();
        let Some(map) = value.as_object() else {
            schema.open = true;
            return schema;
        };
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            let target = self.referred(reference);
            schema.all_of.push(target);
            schema.nullable = flag(value, "nullable");
            schema.read_only = flag(value, "readOnly");
            // In 3.0 what stands beside a reference is to be ignored.
            if !self.is_31 {
                return schema;
            }
        }
        self.read_values(map, &mut schema);
        self.read_object(map, &mut schema);
        let pattern = map.get("pattern").and_then(Value::as_str);
        let pattern = pattern.and_then(|source| self.pattern(source));
        schema.facets = Facets::read(map, pattern);
        if let Some(items) = map
            .get("items")
            .filter(|_| !map.contains_key("prefixItems"))
        {
            schema.items = Some(self.schema(items));
        }
        let list = |key| map.get(key).and_then(Value::as_array);
        for part in list("allOf").into_iter().flatten() {
            let id = self.schema(part);
            schema.all_of.push(id);
        }
        for choice in [list("anyOf"), list("oneOf")].into_iter().flatten() {
            let ids: Vec<_> = choice.iter().map(|part| self.schema(part)).collect();
            if !ids.is_empty() {
                schema.choices.push(ids);
            }
        }
        schema
    }

    fn pattern(&mut self, source: &'a str) -> Option<Arc<Pattern>> {
        if let Some(known) = self.patterns.get(source) {
            return known.clone();
        }
        let has_room = self.patterns.len() < MAX_PATTERNS;
        let compiled = Some(source).filter(|_| has_room).and_then(Pattern::compile);
        let pattern = compiled.map(Arc::new);
        let odd = usize::from(pattern.is_none());
        self.book.odd_patterns = self.book.odd_patterns.saturating_add(odd);
        if has_room {
            self.patterns.insert(source, pattern.clone());
        }
        pattern
    }

    fn read_values(&self, map: &'a Map<String, Value>, schema: &mut Schema) {
        let names: Vec<_> = match map.get("type") {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let types: Option<Vec<_>> = names.iter().map(|name| JsonTypes::named(name)).collect();
        // With a type that nobody knows, any may be meant.
        for one in types.unwrap_or_default() {
            schema.types = schema.types.or(one);
        }
        if schema.types.has(JsonTypes::NUMBER) {
            schema.types = schema.types.or(JsonTypes::INTEGER);
        }
        let nullable = map.get("nullable").and_then(Value::as_bool);
        schema.nullable |= nullable.unwrap_or(false);
        schema.read_only |= map.get("readOnly").and_then(Value::as_bool) == Some(true);
        match map.get("enum").and_then(Value::as_array) {
            Some(values) if values.len() <= MAX_VALUES => schema.values.clone_from(values),
            _ => {}
        }
        if let Some(value) = map.get("const").filter(|_| self.is_31) {
            schema.values = vec![value.clone()];
        }
    }

    fn read_object(&mut self, map: &'a Map<String, Value>, schema: &mut Schema) {
        let required = map.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        schema.required = required.map(Box::from).collect();
        let properties = map.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let id = self.schema(property);
            schema.properties.insert(name.as_str().into(), id);
        }
        schema.additional = match map.get("additionalProperties") {
            None => Additional::Unsaid,
            Some(Value::Bool(false)) => Additional::Forbidden,
            Some(inner) if inner.as_object().is_some_and(|inner| !inner.is_empty()) => {
                Additional::Of(self.schema(inner))
            }
            Some(_) => Additional::Free,
        };
        let patterns = [
            "patternProperties",
            "unevaluatedProperties",
            "dependentSchemas",
            "if",
            "$dynamicRef",
            "$recursiveRef",
        ];
        schema.open = patterns.iter().any(|key| map.contains_key(*key));
    }

    /// Marks every schema that stands in an `allOf` with others, however many references lie between.
    fn mark_combined(&mut self) {
        let schemas = &self.book.schemas;
        let combines = |schema: &&Schema| schema.all_of.len() > 1 || is_more(schema);
        let starts = schemas.iter().filter(combines);
        let mut waiting: Vec<SchemaId> = starts.flat_map(|schema| schema.all_of.clone()).collect();
        while let Some(id) = waiting.pop() {
            if let Some(schema) = self.book.schemas.get(id.0)
                && self.book.combined.insert(id)
            {
                waiting.extend(&schema.all_of);
                waiting.extend(schema.choices.iter().flatten());
            }
        }
    }

    fn note_read_only(&mut self) {
        let Book {
            schemas, read_only, ..
        } = &mut self.book;
        for (name, id) in schemas.iter().flat_map(|schema| &schema.properties) {
            if is_read_only(schemas, *id) {
                read_only.insert(name.clone());
            }
        }
    }
}

/// Whether something stands beside the `allOf` of a schema.
fn is_more(schema: &Schema) -> bool {
    !schema.all_of.is_empty()
        && (!schema.properties.is_empty()
            || !schema.choices.is_empty()
            || schema.additional != Additional::Unsaid)
}

/// Whether a property is for answers alone.
fn is_read_only(schemas: &[Schema], id: SchemaId) -> bool {
    let mut waiting = vec![id];
    for _ in 0..MAX_HOPS {
        let Some(schema) = waiting.pop().and_then(|id| schemas.get(id.0)) else {
            return false;
        };
        if schema.read_only {
            return true;
        }
        waiting.extend(&schema.all_of);
    }
    // Who knows.
    true
}

fn answer_of(status: &str) -> Option<Answer> {
    if status == "default" {
        return Some(Answer::Default);
    }
    if let Some(class) = status.strip_suffix("XX").or(status.strip_suffix("xx")) {
        return class.parse().ok().map(Answer::Class);
    }
    status.parse().ok().map(Answer::Exact)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

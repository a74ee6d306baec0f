//! The API as it was observed, as the skeleton of an OpenAPI 3.1 document: paths, methods, names of parameters and fields
//! with their types, statuses. No value, and only names that may be shown.
//!
//! What only ever was refused (4xx, 5xx) is no part of it: that may be anybody's guess.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Outcome;
use crate::analysis::inventory::InventoryEntry;
use crate::observation::{EndpointId, EndpointName, JsonTypes, Names, Part, Remark};

/// The methods that an OpenAPI 3.1 document may have.
const METHODS: [&str; 8] = [
    "GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE",
];
/// Stands for a name that is data.
const KEY: &str = "{key}";

/// The document, pretty-printed.
pub(super) fn render(outcome: &Outcome) -> String {
    let mut observed = Observed::default();
    let words = Words(outcome);
    let mut left_out = 0_u64;
    for endpoint in &outcome.summary.endpoints {
        let [informed, good, moved, ..] = endpoint.by_class;
        let name = endpoint.name(outcome.names.as_ref());
        let name = name.filter(|_| informed + good + moved > 0);
        if let Some((path, method, service)) = name.and_then(place) {
            observed.add(endpoint.endpoint, (path, method), service);
        } else {
            left_out += 1;
        }
    }
    for entry in &outcome.summary.inventory {
        let learned = outcome.summary.renamed.get(&entry.endpoint);
        let learned = learned.and_then(|learned| place(learned.name(outcome.names.as_ref())));
        for operation in observed.operations(entry.endpoint, learned) {
            operation.note(entry, &words);
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Observed API",
            "version": "0",
            "description": "A skeleton, as observed by hushtap: what was answered with success. Names that may not be shown are left out.",
            "x-endpoints-left-out": left_out,
        },
        "paths": observed.paths(),
    });
    // Only strings as keys: this cannot fail, and an empty document would be seen at once.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Where an endpoint stands in the document, if it can: path, method, service.
fn place(name: EndpointName) -> Option<(Path, &'static str, String)> {
    let path = Path::of(&name.template)?;
    METHODS
        .contains(&name.method)
        .then_some((path, name.method, name.service))
}

/// Gives words to fields.
struct Words<'a>(&'a Outcome);

impl Words<'_> {
    /// The name of a field, if it may be shown.
    fn field(&self, entry: &InventoryEntry) -> Option<String> {
        let Outcome { names, summary, .. } = self.0;
        let names: &dyn Names = names.as_ref();
        let text = names.text(entry.field, &summary.admitted);
        // The class that stands for a name that may not be shown.
        (text != "{field}" && !text.is_empty()).then(|| text.into_owned())
    }
}

/// A path template as OpenAPI wants it: every parameter has a name of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Path {
    /// With nameless parameters: two paths that differ in names alone are one.
    shape: String,
    text: String,
    parameters: Vec<(String, &'static str)>,
}

impl Path {
    fn of(template: &str) -> Option<Self> {
        if !template.starts_with('/') {
            return None;
        }
        let mut path = Self {
            shape: String::new(),
            text: String::new(),
            parameters: Vec::new(),
        };
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}')?;
            path.literal(before);
            path.parameter(name);
            rest = tail;
        }
        path.literal(rest);
        Some(path)
    }

    fn literal(&mut self, text: &str) {
        // What is no letter of a path would not be valid in the key.
        let text: String = text
            .chars()
            .filter(|c| !matches!(c, '?' | '#' | '}'))
            .collect();
        self.shape.push_str(&text);
        self.text.push_str(&text);
    }

    fn parameter(&mut self, class: &str) {
        let letters = class
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_');
        let mut base: String = letters.collect();
        if base.is_empty() {
            base.push_str("value");
        }
        let is_free = |name: &String| self.parameters.iter().all(|(known, _)| known != name);
        let numbered = (2..).map(|number: u32| format!("{base}_{number}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let name = names.find(is_free).unwrap_or(base);
        self.shape.push_str("{}");
        self.text.push('{');
        self.text.push_str(&name);
        self.text.push('}');
        let kind = match class {
            "int" => "integer",
            "uuid" => "uuid",
            "date" => "date",
            _ => "string",
        };
        self.parameters.push((name, kind));
    }

    fn objects(&self) -> Vec<Value> {
        let parameters = self.parameters.iter().map(|(name, kind)| {
            let schema = match *kind {
                "uuid" | "date" => json!({"type": "string", "format": kind}),
                kind => json!({"type": kind}),
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        });
        parameters.collect()
    }
}

/// One method on one path.
#[derive(Debug, Default)]
struct Operation {
    services: BTreeSet<String>,
    query: BTreeMap<String, JsonTypes>,
    body: Node,
    form: BTreeMap<String, JsonTypes>,
    answers: BTreeMap<u16, Node>,
}

/// Everything that was observed, by shape of path and method.
#[derive(Debug, Default)]
struct Observed {
    paths: BTreeMap<String, Path>,
    operations: BTreeMap<(String, &'static str), Operation>,
    /// Endpoints by what they were made as: several where their paths were learned to be several templates.
    endpoints: BTreeMap<EndpointId, BTreeSet<(String, &'static str)>>,
}

impl Observed {
    fn add(&mut self, id: EndpointId, (path, method): (Path, &'static str), service: String) {
        let place = (path.shape.clone(), method);
        let operation = self.operations.entry(place.clone()).or_default();
        operation.services.insert(service);
        self.endpoints.entry(id).or_default().insert(place);
        // Of several spellings the first in the alphabet, whichever was seen first.
        self.paths
            .entry(path.shape.clone())
            .and_modify(|known| {
                if path < *known {
                    known.clone_from(&path);
                }
            })
            .or_insert(path);
    }

    /// What an endpoint was learned to be, else all that it was made as.
    fn operations(
        &mut self,
        id: EndpointId,
        learned: Option<(Path, &'static str, String)>,
    ) -> impl Iterator<Item = &mut Operation> {
        let learned = learned.map(|(path, method, _)| BTreeSet::from([(path.shape, method)]));
        let places = learned.or_else(|| self.endpoints.get(&id).cloned());
        let places = places.unwrap_or_default();
        let all = self.operations.iter_mut();
        all.filter(move |(place, _)| places.contains(*place))
            .map(|(_, operation)| operation)
    }

    fn paths(&self) -> Value {
        let mut paths = Map::new();
        let mut ids = BTreeSet::new();
        for (shape, path) in &self.paths {
            let mut item = Map::new();
            if !path.parameters.is_empty() {
                item.insert("parameters".to_owned(), path.objects().into());
            }
            let operations = self.operations.iter();
            for ((_, method), operation) in operations.filter(|((own, _), _)| own == shape) {
                let key = method.to_ascii_lowercase();
                let id = free_id(&key, &path.text, &mut ids);
                item.insert(key, operation.object(&id));
            }
            paths.insert(path.text.clone(), item.into());
        }
        paths.into()
    }
}

/// A name for an operation that no other has.
fn free_id(method: &str, path: &str, ids: &mut BTreeSet<String>) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = std::iter::once(method).chain(words.filter(|word| !word.is_empty()));
    let base = words.collect::<Vec<_>>().join("_");
    let numbered = (2..).map(|number: u32| format!("{base}_{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    let id = names.find(|name| !ids.contains(name)).unwrap_or(base);
    ids.insert(id.clone());
    id
}

impl Operation {
    fn note(&mut self, entry: &InventoryEntry, words: &Words<'_>) {
        let status = entry.status.0;
        if entry.remark == Remark::Answered {
            self.answers.entry(status).or_default();
            return;
        }
        let (Remark::Seen(_) | Remark::SeenInForm(_), Some(name)) =
            (entry.remark, words.field(entry))
        else {
            return;
        };
        let place = match (entry.part, entry.remark) {
            (Part::RequestQuery, _) => self.query.entry(name).or_default(),
            (Part::RequestBody, Remark::SeenInForm(_)) => self.form.entry(name).or_default(),
            (Part::RequestBody, _) => return self.body.add(&name, entry.types),
            (Part::ResponseBody, _) => {
                let answer = self.answers.entry(status).or_default();
                return answer.add(&name, entry.types);
            }
            (
                Part::RequestPath
                | Part::RequestHeader
                | Part::RequestCookie
                | Part::ResponseHeader
                | Part::ResponseCookie,
                _,
            ) => return,
        };
        *place = place.or(entry.types);
    }

    fn object(&self, id: &str) -> Value {
        let mut object = Map::new();
        object.insert("operationId".to_owned(), id.into());
        let services: Vec<_> = self.services.iter().cloned().collect();
        object.insert("tags".to_owned(), services.into());
        let query = self.query.iter().filter(|(name, _)| name.as_str() != KEY);
        let query: Vec<_> = query
            .map(|(name, types)| json!({"name": name, "in": "query", "schema": typed(*types)}))
            .collect();
        if !query.is_empty() {
            object.insert("parameters".to_owned(), query.into());
        }
        let mut content = Map::new();
        if !self.body.is_empty() {
            content.insert(
                "application/json".to_owned(),
                json!({"schema": self.body.schema()}),
            );
        }
        if !self.form.is_empty() {
            let mut form = Node::default();
            for (name, types) in &self.form {
                form.add(&format!("$.{name}"), *types);
            }
            content.insert(
                "application/x-www-form-urlencoded".to_owned(),
                json!({"schema": form.schema()}),
            );
        }
        if !content.is_empty() {
            object.insert("requestBody".to_owned(), json!({"content": content}));
        }
        let mut answers = Map::new();
        for (status, answer) in &self.answers {
            let mut response = Map::new();
            response.insert("description".to_owned(), "observed".into());
            if !answer.is_empty() {
                let content = json!({"application/json": {"schema": answer.schema()}});
                response.insert("content".to_owned(), content);
            }
            answers.insert(status.to_string(), response.into());
        }
        if !answers.is_empty() {
            object.insert("responses".to_owned(), answers.into());
        }
        object.into()
    }
}

/// A value within a body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Node {
    types: JsonTypes,
    fields: BTreeMap<String, Self>,
    elements: Option<Box<Self>>,
}

impl Node {
    /// Adds the value behind a path of names: `$.lines[].sku`.
    fn add(&mut self, path: &str, types: JsonTypes) {
        let mut node = self;
        let mut rest = path.strip_prefix('$').unwrap_or(path);
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("[]") {
                node = node.elements.get_or_insert_default();
                rest = after;
                continue;
            }
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end).unwrap_or((name, ""));
            node = node.fields.entry(name.to_owned()).or_default();
            // A name that begins with a bracket would stand still.
            rest = if end == 0 { "" } else { after };
        }
        node.types = node.types.or(types);
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn schema(&self) -> Value {
        let mut types = self.types;
        if !self.fields.is_empty() {
            types = types.or(JsonTypes::OBJECT);
        }
        if self.elements.is_some() {
            types = types.or(JsonTypes::ARRAY);
        }
        let mut schema = typed(types);
        let Some(map) = schema.as_object_mut() else {
            return schema;
        };
        let named = self.fields.iter().filter(|(name, _)| name.as_str() != KEY);
        let properties: Map<_, _> = named
            .map(|(name, node)| (name.clone(), node.schema()))
            .collect();
        if !properties.is_empty() {
            map.insert("properties".to_owned(), properties.into());
        }
        if let Some(any) = self.fields.get(KEY) {
            map.insert("additionalProperties".to_owned(), any.schema());
        }
        if let Some(elements) = &self.elements {
            map.insert("items".to_owned(), elements.schema());
        }
        schema
    }
}

/// A schema that allows these types; any where there is none.
fn typed(types: JsonTypes) -> Value {
    let names: Vec<_> = types.names().collect();
    match names.as_slice() {
        [] => json!({}),
        [one] => json!({"type": one}),
        several => json!({"type": several}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_names_of_their_own() {
        let path = Path::of("/users/{id}/orders/{id}/{int}.{format}/{proxy+}").unwrap();
        assert_eq!(
            path.text,
            "/users/{id}/orders/{id_2}/{int}.{format}/{proxy}"
        );
        assert_eq!(path.shape, "/users/{}/orders/{}/{}.{}/{}");
        assert_eq!(path.objects().len(), 5);
        assert_eq!(path.parameters[2], ("int".to_owned(), "integer"));
        assert_eq!(Path::of("{authority}"), None);
    }

    #[test]
    fn paths_of_names_become_a_schema() {
        let mut node = Node::default();
        node.add("$", JsonTypes::OBJECT);
        node.add("$.lines[].sku", JsonTypes::STRING);
        node.add("$.lines[].sku", JsonTypes::NULL);
        node.add("$.prices.{key}", JsonTypes::INTEGER.or(JsonTypes::NUMBER));
        let expected = json!({"type": "object", "properties": {
            "lines": {"type": "array", "items": {"type": "object", "properties": {
                "sku": {"type": ["null", "string"]}}}},
            "prices": {"type": "object", "additionalProperties": {"type": "number"}}}});
        assert_eq!(node.schema(), expected);
    }

    #[test]
    fn operations_have_ids_of_their_own() {
        let mut ids = BTreeSet::new();
        assert_eq!(free_id("get", "/a/{b}", &mut ids), "get_a_b");
        assert_eq!(free_id("get", "/a/b", &mut ids), "get_a_b_2");
    }
}

//! A light reader of OpenAPI documents: 2.0, 3.0 and 3.1, JSON or YAML. It reads `servers` (or `host` and `basePath`),
//! `paths` and `deprecated`. The rest of 3.0 and 3.1 are rules for parameters and bodies: [`Book`] has them.
//!
//! Refuses: documents that are too long, have no `paths`, or are no OpenAPI. Path items behind a `$ref` are passed over
//! and counted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::cleartext::schema::{self, Book};
use crate::observation::Method;

/// Longest document.
const MAX_DOCUMENT: usize = 32 << 20;
/// Most operations (method on a path) of one document; what is beyond is refused.
const MAX_OPERATIONS: usize = 20_000;

/// Why a document was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OpenApiError {
    /// Longer than 32 MiB.
    TooLong,
    /// Neither JSON nor YAML; the reader's own words, with line and column.
    Syntax(String),
    /// Has neither `openapi` nor `swagger`, or no `paths`.
    NotOpenApi,
    /// More than 20,000 operations.
    TooManyOperations,
}

impl fmt::Display for OpenApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the document is longer than 32 MiB"),
            Self::Syntax(detail) => {
                f.write_str("the document is neither JSON nor YAML: ")?;
                f.write_str(detail)
            }
            Self::NotOpenApi => f.write_str(
                "this is no OpenAPI document: it needs `openapi` or `swagger`, and `paths`",
            ),
            Self::TooManyOperations => f.write_str("the document has more than 20,000 operations"),
        }
    }
}

impl std::error::Error for OpenApiError {}

/// What an OpenAPI document says about where requests go.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct OpenApi {
    /// Host names of its servers, lower case, without port: only real names, no addresses, no `localhost`.
    pub hosts: Vec<String>,
    /// Every operation, base path included, sorted.
    pub operations: Vec<Operation>,
    /// Path items that were passed over because they stand behind a `$ref`.
    pub skipped: usize,
    /// Rules for parameters and bodies; empty for version 2.0.
    pub book: Arc<Book>,
}

/// One method on one path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Operation {
    /// Base path and path, as the document prints them: `/v1/users/{id}`.
    pub template: String,
    /// The method.
    pub method: Method,
    /// Whether the document calls it deprecated.
    pub deprecated: bool,
    /// The path alone, as the document prints it.
    pub path: String,
}

impl OpenApi {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, OpenApiError> {
        if text.len() > MAX_DOCUMENT {
            return Err(OpenApiError::TooLong);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut value: Value = read(text)?;
        put_in_path_items(&mut value);
        let document =
            Document::deserialize(&value).map_err(|e| OpenApiError::Syntax(e.to_string()))?;
        if document.openapi.or(document.swagger).is_none() {
            return Err(OpenApiError::NotOpenApi);
        }
        let paths = document.paths.ok_or(OpenApiError::NotOpenApi)?;
        let mut servers = document.servers.0;
        servers.extend(document.host.map(|host| Server {
            url: ["//", &host].concat(),
            ..Server::default()
        }));
        let base = document.base_path.unwrap_or_default();
        let mut out = Self::default();
        for (path, item) in paths.0 {
            out.skipped = out.skipped.saturating_add(usize::from(item.reference));
            let here = if item.servers.0.is_empty() {
                &servers
            } else {
                &item.servers.0
            };
            for prefix in base_paths(here, &base) {
                let template = joined(&prefix, &path);
                out.operations
                    .extend(item.methods.iter().map(|(method, deprecated)| Operation {
                        template: template.clone(),
                        method: *method,
                        deprecated: *deprecated,
                        path: path.clone(),
                    }));
            }
            out.hosts
                .extend(item.servers.0.iter().filter_map(Server::host));
            if out.operations.len() > MAX_OPERATIONS {
                return Err(OpenApiError::TooManyOperations);
            }
        }
        out.hosts
            .splice(0..0, servers.iter().filter_map(Server::host));
        dedup_in_order(&mut out.hosts);
        out.operations.sort_unstable();
        out.operations.dedup();
        out.book = Arc::new(Book::compile(&value));
        Ok(out)
    }
}

impl OpenApi {
    /// Operations whose parameters or bodies have rules that requests are held against.
    pub fn with_rules(&self) -> usize {
        let has_rules = |operation: &&Operation| {
            let rules = self.book.operation(&operation.path, operation.method);
            rules.is_some_and(schema::Operation::binds)
        };
        self.operations.iter().filter(has_rules).count()
    }
}

impl OpenApi {
    /// Patterns of its rules that are not held to: not understood, or too many.
    pub fn odd_patterns(&self) -> usize {
        self.book.odd_patterns
    }
}

/// Puts path items of the document itself in the place of references to them (OpenAPI 3.1, `components.pathItems`). What
/// stands beside the reference is kept; references to other files stay.
fn put_in_path_items(document: &mut Value) {
    let paths = document.get("paths").and_then(Value::as_object);
    let mut found = Vec::new();
    for (path, item) in paths.into_iter().flatten() {
        let reference = item.get("$ref").and_then(Value::as_str);
        let pointer = reference.and_then(|text| text.strip_prefix('#'));
        let target = pointer.and_then(|pointer| document.pointer(pointer));
        if let (Some(target), Some(item)) = (target.and_then(Value::as_object), item.as_object()) {
            // One step is enough: a path item that leads on is passed over and counted.
            let mut whole = target.clone();
            let beside = item.iter().filter(|(key, _)| *key != "$ref");
            whole.extend(beside.map(|(key, value)| (key.clone(), value.clone())));
            found.push((path.clone(), whole));
        }
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    if let Some(paths) = paths {
        for (path, item) in found {
            paths.insert(path, Value::Object(item));
        }
    }
}

/// Reads JSON or YAML.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, OpenApiError> {
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|e| OpenApiError::Syntax(e.to_string()))
    } else {
        serde_saphyr::from_str_with_options(text, yaml_options())
            .map_err(|e| OpenApiError::Syntax(e.to_string()))
    }
}

/// The reader's limits, wide enough for the largest public documents.
fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: 4_000_000,
            max_events: 16_000_000,
        },
    }
}

/// The distinct base paths of the servers; just `base` where there are none.
fn base_paths(servers: &[Server], base: &str) -> Vec<String> {
    let mut paths: Vec<String> = servers.iter().map(|s| joined(&s.path(), base)).collect();
    if paths.is_empty() {
        paths.push(joined("", base));
    }
    dedup_in_order(&mut paths);
    paths
}

fn dedup_in_order(list: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|item| seen.insert(item.clone()));
}

/// Two paths as one, with exactly one slash between them and none at the end of the first.
fn joined(base: &str, path: &str) -> String {
    let base = base.trim_end_matches('/');
    let path = path.trim_start_matches('/');
    let mut out = String::with_capacity(base.len().saturating_add(path.len()).saturating_add(2));
    if !base.starts_with('/') && !base.is_empty() {
        out.push('/');
    }
    out.push_str(base);
    if !path.is_empty() || out.is_empty() {
        out.push('/');
        out.push_str(path);
    }
    out
}

#[derive(Deserialize)]
struct Document {
    openapi: Option<IgnoredAny>,
    swagger: Option<IgnoredAny>,
    #[serde(default)]
    servers: Servers,
    host: Option<String>,
    #[serde(rename = "basePath")]
    base_path: Option<String>,
    paths: Option<Paths>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Server {
    #[serde(default)]
    url: String,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Variable {
    #[serde(default)]
    default: Scalar,
}

impl Server {
    /// The URL with its variables' defaults put in.
    fn filled(&self) -> String {
        self.variables
            .iter()
            .fold(self.url.clone(), |url, (name, variable)| {
                url.replace(&["{", name, "}"].concat(), &variable.default.0)
            })
    }

    /// Authority and path of the URL; the authority is empty in a relative one.
    fn split(&self) -> (String, String) {
        let url = self.filled();
        let after = url
            .find("//")
            .and_then(|at| url.get(at.saturating_add(2)..));
        let Some(rest) = after else {
            return (String::new(), url);
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        (authority.to_owned(), path.to_owned())
    }

    fn path(&self) -> String {
        let (_, path) = self.split();
        path.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    /// The host name, if it is one that tells services apart.
    fn host(&self) -> Option<String> {
        let (authority, _) = self.split();
        super::service::public_name(authority.as_bytes())
    }
}

/// A string, or a number or boolean written as one.
#[derive(Clone, Debug, Default)]
struct Scalar(String);

/// `servers`, read leniently: entries that are no objects are passed over.
#[derive(Clone, Debug, Default)]
struct Servers(Vec<Server>);

/// `paths`, in document order.
#[derive(Default)]
struct Paths(Vec<(String, Item)>);

#[derive(Default)]
struct Item {
    methods: Vec<(Method, bool)>,
    servers: Servers,
    reference: bool,
}

#[derive(Default)]
struct Described {
    deprecated: bool,
}

/// A visitor that takes one kind of node and turns every other kind into the default: vendor extensions may put anything
/// anywhere. The body handles the map or sequence it is for.
macro_rules! lenient {
    ($target:ty, $visitor:ident, { $($body:tt)* }) => {
        struct $visitor;

        impl<'de> Visitor<'de> for $visitor {
            type Value = $target;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a node of an OpenAPI document")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Default::default())
            }

            $($body)*
        }

        impl<'de> Deserialize<'de> for $target {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($visitor)
            }
        }
    };
}

/// Every scalar becomes the default.
macro_rules! ignore_scalars {
    () => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Default::default())
        }
    };
}

/// Sequences are read to their end and become the default.
macro_rules! ignore_seq {
    () => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

/// Maps are read to their end and become the default.
macro_rules! ignore_map {
    () => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

lenient!(Paths, PathsVisitor, {
    ignore_scalars!();
    ignore_seq!();
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut paths = Vec::new();
        while let Some(path) = map.next_key::<String>()? {
            if path.starts_with('/') {
                paths.push((path, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Paths(paths))
    }
});

lenient!(Item, ItemVisitor, {
    ignore_scalars!();
    ignore_seq!();
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut item = Item::default();
        while let Some(key) = map.next_key::<String>()? {
            let method = Method::from_wire(key.to_ascii_uppercase().as_bytes());
            if method != Method::Other {
                let operation: Described = map.next_value()?;
                item.methods.push((method, operation.deprecated));
            } else if key == "servers" {
                item.servers = map.next_value()?;
            } else {
                item.reference |= key == "$ref";
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(item)
    }
});

lenient!(Described, DescribedVisitor, {
    ignore_scalars!();
    ignore_seq!();
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut described = Described::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "deprecated" {
                let Scalar(text) = map.next_value()?;
                described.deprecated = text == "true";
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(described)
    }
});

lenient!(Servers, ServersVisitor, {
    ignore_scalars!();
    ignore_map!();
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut servers = Vec::new();
        while let Some(server) = seq.next_element()? {
            servers.push(server);
        }
        Ok(Servers(servers))
    }
});

lenient!(Scalar, ScalarVisitor, {
    ignore_seq!();
    ignore_map!();
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar(value.to_string()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar(value.to_string()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar(value.to_owned()))
    }
});

/// Reads anything without harm; called by the fuzzer.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext::anonymize) fn fuzz_openapi(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(document) = OpenApi::parse(text)
    {
        assert!(
            document
                .operations
                .iter()
                .all(|o| o.template.starts_with('/'))
        );
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listed(document: &OpenApi) -> Vec<String> {
        document
            .operations
            .iter()
            .map(|o| [o.method.name(), " ", &o.template].concat())
            .collect()
    }

    #[test]
    fn path_items_of_the_document_itself_are_followed() {
        let document = OpenApi::parse(
            r##"{"openapi": "3.1.0", "paths": {
                "/a": {"$ref": "#/components/pathItems/A", "post": {}},
                "/b": {"$ref": "other.json"}, "/c": {"$ref": "#/nowhere"}},
                "components": {"pathItems": {"A": {"get": {"parameters": [
                    {"name": "q", "in": "query", "schema": {"type": "integer"}}]}}}}}"##,
        )
        .unwrap();
        assert_eq!(listed(&document), ["GET /a", "POST /a"]);
        assert_eq!((document.skipped, document.with_rules()), (2, 1));
    }

    #[test]
    fn version_3_in_yaml() {
        let document = OpenApi::parse(
            r"
openapi: 3.1.0
info: {title: Shop, version: 1.0}
servers:
  - url: https://{env}.Shop.test:8443/{base}/
    variables:
      env: {default: api}
      base: {default: v1, enum: [v1, v2]}
  - url: http://localhost:8080/v1
paths:
  x-note: anything
  /users/{id}:
    summary: A user
    parameters: [{name: id, in: path}]
    get:
      responses: {200: {description: ok}, '404': {description: none}}
    delete: {deprecated: true}
    x-internal: true
  /health:
    servers: [{url: /}]
    get: {}
  /elsewhere:
    $ref: other.yaml
",
        )
        .unwrap();
        assert_eq!(document.hosts, ["api.shop.test"]);
        assert_eq!(
            listed(&document),
            ["GET /health", "GET /v1/users/{id}", "DELETE /v1/users/{id}"]
        );
        assert_eq!(document.skipped, 1);
        let deprecated = document.operations.iter().filter(|o| o.deprecated);
        assert_eq!(deprecated.count(), 1);
    }

    #[test]
    fn version_2_in_json() {
        let document = OpenApi::parse(
            r#"{"swagger":"2.0","host":"api.shop.test","basePath":"/v2/","schemes":["https"],
                "paths":{"/pets/":{"get":{"tags":["a"]},"post":null},"x-y":[1,{"a":2}]}}"#,
        )
        .unwrap();
        assert_eq!(document.hosts, ["api.shop.test"]);
        assert_eq!(listed(&document), ["GET /v2/pets/", "POST /v2/pets/"]);
    }

    #[test]
    fn what_is_no_openapi_is_refused() {
        assert_eq!(OpenApi::parse("{}"), Err(OpenApiError::NotOpenApi));
        assert_eq!(
            OpenApi::parse(r#"{"openapi":"3.0.0"}"#),
            Err(OpenApiError::NotOpenApi)
        );
        assert!(matches!(
            OpenApi::parse("{nonsense"),
            Err(OpenApiError::Syntax(_))
        ));
        assert!(OpenApi::parse("a: [1").is_err());
        assert!(OpenApi::parse("").is_err());
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_openapi(&data);
        }

        #[test]
        fn anything_in_a_path_item_is_read_or_refused(node in "[a-z0-9{}\\[\\]:,\"' \n-]{0,80}") {
            let text = ["openapi: 3.0.0\npaths:\n  /a:\n    get: ", &node].concat();
            fuzz_openapi(text.as_bytes());
        }
    }

    #[test]
    fn mutations_of_openapis() {
        let seeds: [&[u8]; 1] =
            [b"openapi: 3.0.0\npaths:\n  /a/{b}:\n    get:\n      deprecated: true\n"];
        crate::cleartext::mutation::run("openapi", fuzz_openapi, &seeds);
    }
}

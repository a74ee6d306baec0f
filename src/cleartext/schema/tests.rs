//! What breaks a rule, and, more important, what does not.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cleartext::anonymize::endpoint::openapi::OpenApi;
use crate::cleartext::http::transaction::{Field, Span};
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::observation::{FlowId, Method, Protocol, TxState};

const V30: &str = r"
openapi: 3.0.3
info: {title: Shop, version: '1'}
paths:
  /orders/{order_id}:
    parameters:
      - {name: order_id, in: path, required: true, schema: {type: integer}}
    post:
      parameters:
        - {name: dry_run, in: query, schema: {type: boolean}}
        - {name: status, in: query, required: true, schema: {type: string, enum: [open, paid]}}
        - {name: ids, in: query, schema: {type: array, items: {type: integer}}}
        - {name: X-Tenant, in: header, required: true, schema: {type: string}}
        - {name: theme, in: cookie, schema: {type: string, enum: [dark, light]}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Order'}
      responses:
        200:
          description: done
          content:
            application/json:
              schema: {$ref: '#/components/schemas/Order'}
        default: {description: refused}
components:
  securitySchemes:
    key: {type: apiKey, in: query, name: api_key}
  schemas:
    Order:
      type: object
      required: [id, lines, currency]
      properties:
        id: {type: string, readOnly: true}
        currency: {type: string, enum: [EUR, USD]}
        note: {type: string, nullable: true}
        amount: {type: number}
        lines:
          type: array
          items: {$ref: '#/components/schemas/Line'}
        payment:
          oneOf:
            - {$ref: '#/components/schemas/Card'}
            - {$ref: '#/components/schemas/Transfer'}
        buyer:
          allOf:
            - {$ref: '#/components/schemas/Closed'}
            - {type: object, properties: {email: {type: string}}}
        labels: {type: object, additionalProperties: {type: string}}
        anything: {}
    Line:
      type: object
      additionalProperties: false
      required: [sku]
      properties:
        sku: {type: string}
        quantity: {type: integer}
        inner: {$ref: '#/components/schemas/Line'}
    Card: {type: object, required: [number], properties: {number: {type: string}}}
    Transfer: {type: object, required: [iban], properties: {iban: {type: string}}}
    Closed: {type: object, additionalProperties: false, properties: {name: {type: string}}}
";

struct Exchange<'a> {
    target: &'a str,
    fields: &'a [(&'a str, &'a str)],
    body: &'a str,
    status: u16,
    answer: &'a str,
}

const SOUND: Exchange<'_> = Exchange {
    target: "/orders/7?status=open",
    fields: &[("X-Tenant", "acme"), ("Content-Type", "application/json")],
    body: r#"{"lines":[{"sku":"a"}],"currency":"EUR"}"#,
    status: 200,
    answer: "{}",
};

/// Lays texts one behind the other.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn span(&mut self, text: &str) -> Span {
        let start = u32::try_from(self.0.len()).unwrap();
        self.0.extend_from_slice(text.as_bytes());
        let end = u32::try_from(self.0.len()).unwrap();
        Span { start, end }
    }
}

fn transaction(of: &Exchange<'_>) -> Transaction {
    let (mut bytes, mut fields) = (Bytes::default(), Vec::new());
    for (name, value) in of
        .fields
        .iter()
        .chain(&[("Content-Type", "application/json")])
    {
        let (name, value) = (bytes.span(name), bytes.span(value));
        fields.push(Field { name, value });
    }
    let sent = of.fields.len();
    let mut message = |target: &str, body: &str, status, fields| Message {
        head: Span::default(),
        first: Span::default(),
        target: bytes.span(target),
        status,
        protocol: Protocol::Http11,
        fields,
        trailers: 0,
        body: bytes.span(body),
        body_bytes: body.len() as u64,
        body_whole: true,
    };
    let request = message(of.target, of.body, 0, 0..sent);
    let response = message("", of.answer, of.status, sent..sent + 1);
    Transaction {
        flow: FlowId(1),
        index: 0,
        client: Raw::new(IpAddr::from([198, 51, 100, 7])),
        claimed: None,
        server: Raw::new((IpAddr::from([192, 0, 2, 1]), 80)),
        request: Some(request),
        response: Some(response),
        protocol: Protocol::Http11,
        start: EventTime::ZERO,
        request_end: None,
        response_start: None,
        end: EventTime::ZERO,
        state: TxState::Complete,
        notes: Notes::default(),
        grpc: None,
        fields,
        bytes: Raw::new(bytes.0),
    }
}

fn rules(document: &str) -> Rules {
    let document = OpenApi::parse(document).unwrap();
    let operation = document.operations.first().unwrap().clone();
    let found = document.book.operation(&operation.path, operation.method);
    Rules {
        operation: found.unwrap().clone(),
        template: operation.template,
        number: 0,
        book: document.book,
    }
}

/// The notes in words, with an exclamation mark behind names that may be shown whoever sent them.
fn survey(depth: Depth, rules: Option<&Rules>, exchange: &Exchange<'_>) -> Vec<String> {
    let texts: Arc<Mutex<BTreeMap<TextId, String>>> = Arc::default();
    let own = Arc::clone(&texts);
    let names = move |path: &[u8], known: bool| {
        let mark = if known { "!" } else { "" };
        let text = String::from_utf8(path.to_vec()).unwrap() + mark;
        let mut texts = own.lock().unwrap();
        let next = TextId(texts.len() as u64 + 1);
        let known = texts.iter().find(|(_, one)| **one == text);
        let id = known.map_or(next, |(id, _)| *id);
        texts.insert(id, text);
        id
    };
    let mut surveyor = Surveyor::new(depth, Box::new(names));
    let tx = transaction(exchange);
    let body = |text| Some(str::as_bytes(text)).filter(|bytes| !bytes.is_empty());
    let bodies = Decoded {
        request: body(exchange.body),
        response: body(exchange.answer),
    };
    surveyor.survey(rules, &tx, bodies);
    let texts = texts.lock().unwrap();
    let mut lines: Vec<_> = surveyor
        .notes()
        .iter()
        .map(|note| {
            let name = texts.get(&note.field).map_or("", String::as_str);
            let what = match note.remark {
                Remark::Breaks(rule) => rule.name().to_owned(),
                Remark::Undocumented => "undocumented".to_owned(),
                Remark::Seen(types) => types.names().collect::<Vec<_>>().join("|"),
                Remark::SeenInForm(types) => {
                    "form ".to_owned() + &types.names().collect::<Vec<_>>().join("|")
                }
                Remark::Answered => "answered".to_owned(),
                Remark::UndocumentedStatus => "status ".to_owned() + &note.status.0.to_string(),
            };
            format!("{what} {}:{name}", note.part.name())
        })
        .collect();
    lines.sort();
    lines
}

fn broken(exchange: &Exchange<'_>) -> Vec<String> {
    survey(Depth::Violations, Some(&rules(V30)), exchange)
}

fn broken_body(body: &str) -> Vec<String> {
    broken(&Exchange { body, ..SOUND })
}

#[test]
fn what_keeps_to_the_document_breaks_nothing() {
    assert!(broken(&SOUND).is_empty());
    for target in [
        "/orders/0007?status=paid&dry_run=TRUE&ids=1,2&ids=3",
        "/orders/7?status=open&dry_run=0&ids[]=4",
        "/orders/7?status=open&dry_run=&unheard=1",
        "/orders/7?status=&ids=",
    ] {
        assert!(broken(&Exchange { target, ..SOUND }).is_empty(), "{target}");
    }
    for body in [
        r#"{"lines":[],"currency":"USD","note":null,"amount":1,"id":"x"}"#,
        r#"{"lines":[],"currency":"USD","amount":1.5,"anything":{"a":[1]},"labels":{"a":"b"}}"#,
        r#"{"lines":[{"sku":"a","quantity":2.0,"inner":{"sku":"b"}}],"currency":"EUR","new":1}"#,
        r#"{"lines":[],"currency":"EUR","payment":{"iban":"x"}}"#,
        // The closed part of an `allOf` would forbid what its sibling has: hardly meant.
        r#"{"lines":[],"currency":"EUR","buyer":{"name":"a","email":"b","more":1}}"#,
        // Cut off: who knows what else there was.
        r#"{"lines":[{"sku":1"#,
    ] {
        assert!(broken_body(body).is_empty(), "{body}");
    }
}

#[test]
fn parameters_break_rules() {
    let target = "/orders/seven?dry_run=maybe&ids=1,two";
    let found = broken(&Exchange {
        target,
        fields: &[("Content-Type", "application/json")],
        ..SOUND
    });
    let expected = [
        "required request.header:x-tenant!",
        "required request.query:status!",
        "type request.path:order_id!",
        "type request.query:dry_run!",
        "type request.query:ids!",
    ];
    assert_eq!(found, expected);
    let target = "/orders/7?status=lost";
    assert_eq!(
        broken(&Exchange { target, ..SOUND }),
        ["enum request.query:status!"]
    );
}

#[test]
fn cookies_break_rules() {
    let sent = |cookies: &[&str]| {
        let mut fields = SOUND.fields.to_vec();
        fields.extend(cookies.iter().map(|value| ("Cookie", *value)));
        let fields = &fields;
        broken(&Exchange { fields, ..SOUND })
    };
    assert!(sent(&["session=1; theme=dark"]).is_empty());
    assert!(sent(&["theme", "Theme=red;;=", "theme="]).is_empty());
    assert_eq!(
        sent(&["session=1", "theme=jane"]),
        ["enum request.cookie:theme!"]
    );
}

const FORM: &str = r"
openapi: 3.0.3
paths:
  /logins:
    post:
      parameters:
        - {name: csrf, in: cookie, required: true, schema: {type: string}}
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              allOf:
                - {$ref: '#/components/schemas/Login'}
                - {type: object, required: [scope], properties: {scope: {type: string, enum: [read, write]}}}
components:
  schemas:
    Login:
      type: object
      required: [grant_type, id, address, choice]
      properties:
        grant_type: {type: string}
        id: {type: integer, readOnly: true}
        age: {type: integer}
        tags: {type: array, items: {type: integer}}
        lines: {type: array, items: {type: object, properties: {sku: {type: string}}}}
        address: {type: object, properties: {city: {type: string}}}
";

/// What is found in a form that is sent with a cookie.
fn form(document: &str, body: &str, cookie: &str) -> Vec<String> {
    let exchange = Exchange {
        target: "/logins",
        fields: &[
            (
                "Content-Type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("Cookie", cookie),
        ],
        body,
        ..SOUND
    };
    survey(Depth::Inventory, Some(&rules(document)), &exchange)
}

#[test]
fn forms_break_rules() {
    for body in [
        "grant_type=code&scope=read&choice=1&age=7&tags=1&tags=2,3&address[city]=Rome&lines={\"sku\":1}",
        "scope=write&choice=&grant_type=a+b%20c&age=&address.city=Rome",
    ] {
        let found = form(FORM, body, "csrf=1");
        let broken: Vec<_> = found
            .iter()
            .filter(|one| !one.starts_with("undoc"))
            .collect();
        assert!(broken.is_empty(), "{body}: {broken:?}");
    }
    let body = "grant_type=code&scope=all&age=old&tags=1&tags=two&colour=red&4111111111111111=1";
    assert_eq!(
        form(FORM, body, "session=1"),
        [
            "enum request.body:scope!",
            "required request.body:choice!",
            "required request.cookie:csrf!",
            "type request.body:age!",
            "type request.body:tags!",
            "undocumented request.body:colour",
            "undocumented request.body:{key}!",
        ]
    );
}

#[test]
fn a_closed_form_has_no_other_fields() {
    let closed = FORM.replace(
        "Login:\n      type: object",
        "Login:\n      type: object\n      additionalProperties: false",
    );
    // Beside another part of an `allOf` it would forbid what that has: hardly meant.
    let found = form(
        &closed,
        "grant_type=a&choice=b&scope=read&zqcolour=red",
        "csrf=1",
    );
    assert_eq!(found, ["undocumented request.body:zqcolour"]);
    let closed = closed.replace(", choice]", "]");
    let alone = closed.replace("                - {type: object, required: [scope], properties: {scope: {type: string, enum: [read, write]}}}\n", "");
    let alone = alone
        .replace("allOf:\n                - {$ref", "{$ref")
        .replace("schema:\n              {", "schema: {");
    let found = form(&alone, "grant_type=a&zqcolour=red&tags[]=1", "csrf=1");
    assert_eq!(
        found,
        [
            "undocumented request.body:zqcolour",
            "unknown_field request.body:zqcolour"
        ]
    );
}

/// A body in parts, as curl writes it: a text each, and a file.
fn in_parts(fields: &[(&str, &str)]) -> String {
    let mark = "------------------------d74496d66958873e";
    let texts = fields.iter().map(|(name, value)| {
        format!("--{mark}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    });
    let file = "Content-Disposition: form-data; name=\"avatar\"; filename=\"zq.png\"\r\nContent-Type: image/png";
    texts.collect::<String>() + &format!("--{mark}\r\n{file}\r\n\r\n\u{1}PNG\r\n--{mark}--\r\n")
}

fn sent_in_parts(document: &str, body: &str) -> Vec<String> {
    let document = document.replace("application/x-www-form-urlencoded", "multipart/form-data");
    let kind = "multipart/form-data; boundary=------------------------d74496d66958873e";
    let exchange = Exchange {
        target: "/logins",
        fields: &[("Content-Type", kind), ("Cookie", "csrf=1")],
        body,
        ..SOUND
    };
    survey(Depth::Inventory, Some(&rules(&document)), &exchange)
}

#[test]
fn bodies_in_parts_break_rules() {
    let document = FORM.replace(
        "age: {type: integer}",
        "age: {type: integer}\n        avatar: {type: string, format: binary}",
    );
    let sound = [
        ("grant_type", "code"),
        ("scope", "read"),
        ("choice", "[1]"),
        ("tags", "1"),
        ("tags", "2"),
        ("address", "{\"city\":\"Rome\"}"),
    ];
    let found = sent_in_parts(&document, &in_parts(&sound));
    assert!(found.is_empty(), "{found:?}");
    let broken = [
        ("scope", "all"),
        ("age", "old"),
        ("tags", "one"),
        ("colour", "red"),
        ("jane@example.com", "1"),
    ];
    let found = sent_in_parts(&document, &in_parts(&broken));
    let expected = [
        "enum request.body:scope!",
        "required request.body:choice!",
        "required request.body:grant_type!",
        "type request.body:age!",
        "type request.body:tags!",
        "undocumented request.body:colour",
        "undocumented request.body:{key}!",
    ];
    assert_eq!(found, expected);
    // One that is cut says nothing, nor does one of another kind.
    let cut = in_parts(&broken).replace("73e--", "73e");
    assert!(sent_in_parts(&document, &cut).is_empty());
    assert!(
        sent_in_parts(
            &FORM.replace("x-www-form-urlencoded", "json"),
            &in_parts(&broken)
        )
        .is_empty()
    );
}

#[test]
fn bodies_break_rules() {
    let cases: [(&str, &[&str]); 8] = [
        (r#"{"currency":"EUR"}"#, &["required request.body:$.lines!"]),
        (
            r#"{"lines":[{"sku":1},{"sku":2}],"currency":"XXX"}"#,
            &[
                "enum request.body:$.currency!",
                "type request.body:$.lines[].sku!",
            ],
        ),
        (
            r#"{"lines":[{"sku":"a","zqcolour":"red"}],"currency":"EUR"}"#,
            &["unknown_field request.body:$.lines[].zqcolour"],
        ),
        (
            r#"{"lines":[{"sku":"a","inner":{}}],"currency":"EUR","amount":"1"}"#,
            &[
                "required request.body:$.lines[].inner.sku!",
                "type request.body:$.amount!",
            ],
        ),
        (
            r#"{"lines":[],"currency":"EUR","payment":{}}"#,
            &["no_alternative request.body:$.payment!"],
        ),
        (
            r#"{"lines":[],"currency":"EUR","payment":7}"#,
            &["type request.body:$.payment!"],
        ),
        (
            r#"{"lines":[],"currency":"EUR","labels":{"jane@example.com":1}}"#,
            &["type request.body:$.labels.{key}!"],
        ),
        ("", &["required request.body:$!"]),
    ];
    for (body, expected) in cases {
        assert_eq!(broken_body(body), expected, "{body}");
    }
}

#[test]
fn lengths_ranges_and_forms_break_rules() {
    let document = json!({"openapi": "3.0.3", "paths": {"/a": {"post": {
        "parameters": [
            {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
            {"name": "day", "in": "query", "schema": {"type": "string", "format": "date"}},
            {"name": "tags", "in": "query", "schema": {"type": "array", "maxItems": 1, "items": {"type": "string", "maxLength": 3}}},
            {"name": "q", "in": "query", "schema": {"type": "string", "minLength": 2}}],
        "requestBody": {"content": {
            "application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/A"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}},
        "components": {"schemas": {
            "A": {"type": "object", "properties": {
                "sku": {"type": "string", "pattern": "^[A-Z]{2}-\\d+$"},
                "odd": {"type": "string", "pattern": "(?=a)a"},
                "count": {"type": "integer", "format": "int32", "minimum": 0, "exclusiveMinimum": true},
                "name": {"type": "string", "maxLength": 5, "nullable": true},
                "lines": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "uuid"}},
                "way": {"oneOf": [{"$ref": "#/components/schemas/Card"}, {"$ref": "#/components/schemas/Bank"}]}}},
            "Card": {"type": "object", "required": ["card"], "properties": {"card": {"type": "string", "minLength": 12}}},
            "Bank": {"type": "object", "required": ["iban"], "properties": {"iban": {"type": "string", "maxLength": 34}}}}}});
    let parsed = OpenApi::parse(&document.to_string()).unwrap();
    assert_eq!(parsed.odd_patterns(), 1);
    let rules = rules(&document.to_string());
    let find = |target: &str, kind: &str, body: &str| {
        let fields = [("Content-Type", kind)];
        let exchange = Exchange {
            target,
            fields: &fields,
            body,
            ..SOUND
        };
        survey(Depth::Violations, Some(&rules), &exchange)
    };
    let json = "application/json";
    for (target, body) in [
        (
            "/a?page=1&day=2026-01-05&tags=abc&tags=def&q=ab",
            r#"{"sku":"AB-1","odd":"b","count":1,"name":"abcde","lines":["9b2c6f3e-7d41-4c55-8a11-0123456789ab"]}"#,
        ),
        (
            "/a?page=&day=&tags=&q=",
            r#"{"sku":"\u00e4","name":null,"way":{"iban":"x"}}"#,
        ),
        // One that was meant lacks something, another fits.
        ("/a", r#"{"way":{"card":"1","iban":"x"}}"#),
    ] {
        assert!(find(target, json, body).is_empty(), "{target} {body}");
    }
    let found = find(
        "/a?page=0&day=today&tags=abcd&q=a",
        json,
        r#"{"sku":"ab","count":0,"name":"abcdef","lines":[],"way":{"card":"1"}}"#,
    );
    let expected = [
        "format request.query:day!",
        "max_length request.body:$.name!",
        "max_length request.query:tags!",
        "min_items request.body:$.lines!",
        "min_length request.body:$.way.card!",
        "min_length request.query:q!",
        "minimum request.body:$.count!",
        "minimum request.query:page!",
        "pattern request.body:$.sku!",
    ];
    assert_eq!(found, expected);
    assert_eq!(
        find(
            "/a?page=101",
            "application/x-www-form-urlencoded",
            "sku=ab&count=3000000000"
        ),
        [
            "format request.body:count!",
            "maximum request.query:page!",
            "pattern request.body:sku!"
        ]
    );
}

#[test]
fn what_the_server_takes_says_nothing_about_who_sent_it() {
    let document = json!({"openapi": "3.0.3", "paths": {"/a": {"post": {
        "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}]}}}});
    let rules = rules(&document.to_string());
    let mut surveyor = Surveyor::new(Depth::Violations, Box::new(|_, _| TextId::NONE));
    let mut violations = |target, status| {
        let tx = transaction(&Exchange {
            target,
            status,
            ..SOUND
        });
        surveyor.clear();
        surveyor
            .survey(Some(&rules), &tx, Decoded::default())
            .violations
    };
    assert_eq!(
        [200, 404, 500, 0].map(|status| violations("/a?page=0", status)),
        [0; 4]
    );
    assert_eq!(
        [400, 422].map(|status| violations("/a?page=0", status)),
        [1; 2]
    );
    // Of the kind of a value there is no doubt.
    assert_eq!(
        [200, 404, 422].map(|status| violations("/a?page=x", status)),
        [1; 3]
    );
}

#[test]
fn version_31_has_its_own_null_and_siblings() {
    let document = json!({"openapi": "3.1.0", "paths": {"/a": {"post": {
        "requestBody": {"content": {"application/*": {"schema": {"$ref": "#/components/schemas/A"}}}}}}},
        "components": {"schemas": {
            "A": {"type": "object", "properties": {
                "name": {"type": ["string", "null"]},
                "kind": {"const": "a"},
                "pair": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
                "base": {"$ref": "#/components/schemas/B", "required": ["x"]},
                "odd": {"not": {}},
                "lost": {"$ref": "other.yaml#/X"},
                "any": {"anyOf": [{"type": "string"}, {"type": "integer", "enum": [1]}]}}},
            "B": {"type": "object", "properties": {"x": {"type": "integer"}}}}}});
    let rules = rules(&document.to_string());
    let find = |body: &str| {
        let exchange = Exchange {
            target: "/a",
            body,
            ..SOUND
        };
        survey(Depth::Violations, Some(&rules), &exchange)
    };
    let fits =
        r#"{"name":null,"kind":"a","pair":["x",1,"y"],"base":{"x":1},"odd":1,"lost":[],"any":1}"#;
    assert!(find(fits).is_empty());
    let breaks = r#"{"name":1,"kind":"b","base":{},"any":2}"#;
    let expected = [
        "enum request.body:$.kind!",
        "no_alternative request.body:$.any!",
        "required request.body:$.base.x!",
        "type request.body:$.name!",
    ];
    assert_eq!(find(breaks), expected);
    let type_only = survey(
        Depth::Violations,
        Some(&rules),
        &Exchange {
            target: "/a",
            fields: &[("Content-Type", "application/merge-patch+json")],
            body: breaks,
            ..SOUND
        },
    );
    assert!(type_only.is_empty());
}

#[test]
fn loops_end() {
    let document = json!({"openapi": "3.1.0", "paths": {"/a": {"post": {
        "parameters": [{"$ref": "#/components/parameters/p"}],
        "requestBody": {"content": {"*/*": {"schema": {"$ref": "#/components/schemas/A"}}}}}}},
        "components": {
            "parameters": {"p": {"$ref": "#/components/parameters/p"}},
            "schemas": {"A": {"allOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}],
                "anyOf": [{"$ref": "#/components/schemas/B"}, {"$ref": "#/components/schemas/A"}]},
            "B": {"$ref": "#/components/schemas/A"}}}});
    let exchange = Exchange {
        target: "/a?x=1",
        fields: &[("Content-Type", "application/json")],
        ..SOUND
    };
    let found = survey(
        Depth::Inventory,
        Some(&rules(&document.to_string())),
        &exchange,
    );
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn fields_and_parameters_that_the_document_lacks() {
    let exchange = Exchange {
        target: "/orders/7?status=open&zqdebug=1&api_key=k&ids[]=1&filter[a]=2",
        fields: &[
            ("X-Tenant", "acme"),
            ("X-Shop-Trace", "1"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("Content-Type", "application/json; charset=utf-8"),
        ],
        body: r#"{"lines":[{"sku":"a"}],"currency":"EUR","coupon":{"code":1},"anything":{"x":1},"labels":{"x":"y"}}"#,
        answer: r#"{"id":"1","lines":[],"currency":"EUR","zqcost":[{"a":1}],"payment":{"iban":"a","number":"b","bic":"c"}}"#,
        status: 200,
    };
    let found = survey(Depth::Inventory, Some(&rules(V30)), &exchange);
    let expected = [
        "undocumented request.body:$.coupon!",
        "undocumented request.header:x-shop-trace",
        "undocumented request.query:filter!",
        "undocumented request.query:zqdebug",
        "undocumented response.body:$.payment.bic!",
        "undocumented response.body:$.zqcost",
    ];
    assert_eq!(found, expected);
    let refused = Exchange {
        status: 404,
        ..exchange
    };
    assert!(survey(Depth::Inventory, Some(&rules(V30)), &refused).is_empty());
    assert!(survey(Depth::Violations, Some(&rules(V30)), &exchange).is_empty());
}

#[test]
fn while_it_runs_requests_are_all_read_and_answers_from_a_sample() {
    let answer = format!(r#"{{"zqcost":"{}"}}"#, "x".repeat(10_000));
    let exchange = Exchange {
        target: "/orders/7?status=open&zqdebug=1",
        answer: &answer,
        ..SOUND
    };
    let rules = rules(V30);
    let mut surveyor = Surveyor::new(Depth::Sampled, Box::new(|_, _| TextId(1)));
    let (mut asked, mut answered, mut passed_over) = (0, 0, 0);
    for _ in 0..100 {
        let tx = transaction(&exchange);
        let bodies = Decoded {
            request: Some(exchange.body.as_bytes()),
            response: Some(answer.as_bytes()),
        };
        surveyor.clear();
        let surveyed = surveyor.survey(Some(&rules), &tx, bodies);
        let parts = surveyor.notes().iter().map(|note| note.part);
        let parts: Vec<_> = parts.collect();
        asked += usize::from(parts.contains(&Part::RequestQuery));
        answered += usize::from(parts.contains(&Part::ResponseBody));
        passed_over += usize::from(surveyed.passed_over);
    }
    // 256 KiB at once, and no time passes.
    assert_eq!((asked, answered, passed_over), (100, 25, 75));
}

#[test]
fn statuses_that_the_document_does_not_list() {
    let found = |responses: &str, status| {
        let document = FORM.replace(
            "      requestBody:",
            &("      responses: ".to_owned() + responses + "\n      requestBody:"),
        );
        let exchange = Exchange {
            target: "/logins",
            fields: &[("Cookie", "csrf=1")],
            body: "",
            status,
            answer: "",
        };
        let all = survey(Depth::Violations, Some(&rules(&document)), &exchange);
        all.iter().any(|one| one.starts_with("status"))
    };
    let listed = "{200: {description: a}, '302': {description: b}, 4XX: {description: c}}";
    for status in [200, 302, 400, 404, 499, 0] {
        assert!(!found(listed, status), "{status}");
    }
    for status in [201, 301, 304, 500, 599] {
        assert!(found(listed, status), "{status}");
    }
    // All others; nothing at all; a key that is none; one behind a reference that leads nowhere.
    for responses in [
        "{default: {description: a}}",
        "{}",
        "{x-note: a}",
        "{20x: {description: a}}",
        "{200: {description: a}, 418: {$ref: 'other.yaml#/teapot'}}",
    ] {
        assert!(!found(responses, 418), "{responses}");
    }
    assert!(found("{200: {description: a}, x-418: {}}", 418));
}

#[test]
fn of_an_answer_that_may_be_another_requests_nothing_is_said() {
    let rules = rules(&V30.replace("        default: {description: refused}\n", ""));
    let mut surveyor = Surveyor::new(Depth::Violations, Box::new(|_, _| TextId::NONE));
    let mut tx = transaction(&Exchange {
        status: 500,
        ..SOUND
    });
    for doubtful in [false, true] {
        if doubtful {
            tx.notes.insert(Notes::PAIR_DOUBTFUL);
        }
        surveyor.clear();
        surveyor.survey(Some(&rules), &tx, Decoded::default());
        assert_eq!(surveyor.notes().is_empty(), doubtful);
    }
}

#[test]
fn everything_there_is() {
    let exchange = Exchange {
        target: "/orders?page=2&zqkey=on",
        fields: &[("Content-Type", "application/x-www-form-urlencoded")],
        body: "name=Jane+Doe&amount=1.5",
        answer: r#"{"lines":[{"price":1},{"price":1.5}],"jane@example.com":null}"#,
        status: 201,
    };
    let expected = [
        "answered response.body:",
        "array response.body:$.lines!",
        "form number request.body:amount!",
        "form string request.body:name!",
        "integer request.query:page!",
        "null response.body:$.{key}!",
        "number response.body:$.lines[].price!",
        "object response.body:$!",
        "object response.body:$.lines[]!",
        "string request.query:zqkey",
    ];
    assert_eq!(survey(Depth::Everything, None, &exchange), expected);
}

/// A schema, and a value that fits it.
fn fitting() -> impl Strategy<Value = (Value, Value)> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|n| (json!({"type": "integer"}), json!(n))),
        any::<f64>()
            .prop_map(|n| (json!({"type": "number"}), json!(n)))
            .prop_filter("a number", |(_, n)| n.is_number()),
        "[a-z]{0,4}".prop_map(|s| (json!({"type": "string"}), json!(s))),
        any::<bool>().prop_map(|b| (json!({"type": "boolean"}), json!(b))),
        "[a-z]{0,4}".prop_map(|s| (json!({"enum": ["x", 1, s]}), json!(s))),
        Just((json!({"type": ["string", "null"]}), json!(null))),
        Just((json!({}), json!({"a": [1, "b"]}))),
        Just((json!({"type": "string", "nullable": true}), json!(null))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let object = (
            proptest::collection::btree_map("[a-c]", inner.clone(), 0..3),
            any::<bool>(),
        );
        prop_oneof![
            (inner.clone(), 0..3_usize).prop_map(|((schema, value), count)| {
                (
                    json!({"type": "array", "items": schema}),
                    json!(vec![value; count]),
                )
            }),
            object.prop_map(|(fields, closed)| {
                let names: Vec<_> = fields.keys().cloned().collect();
                let schemas: BTreeMap<_, _> = fields.iter().map(|(n, (s, _))| (n, s)).collect();
                let values: BTreeMap<_, _> = fields.iter().map(|(n, (_, v))| (n, v)).collect();
                let schema = json!({"type": "object", "required": names, "properties": schemas,
                    "additionalProperties": !closed});
                (schema, json!(values))
            }),
            (inner.clone(), inner.clone(), any::<bool>()).prop_map(|((a, value), (b, _), one)| {
                let key = if one { "oneOf" } else { "anyOf" };
                (json!({key: [b, a]}), value)
            }),
            inner
                .clone()
                .prop_map(|(schema, value)| (json!({"allOf": [schema, {}]}), value)),
            inner.prop_map(|(schema, value)| {
                (
                    json!({"allOf": [schema.clone(), {"anyOf": [schema]}]}),
                    value,
                )
            }),
        ]
    })
}

fn held(version: &str, schema: &Value, value: &Value) -> Broken {
    let document = json!({"openapi": version, "paths": {"/a": {"post": {
        "requestBody": {"content": {"application/json": {"schema": schema}}}}}}});
    let book = Book::compile(&document);
    let operation = book.operation("/a", Method::Post).unwrap();
    let id = operation.body.of("application/json").unwrap();
    let mut broken = Broken::new();
    Checker::new(&book).check(value, id, &mut Trail::root(), &mut broken);
    broken
}

proptest! {
    #[test]
    fn a_value_that_fits_breaks_nothing((schema, value) in fitting()) {
        for version in ["3.0.3", "3.1.0"] {
            // Each version has its own way to allow null; both are read under both.
            let broken = held(version, &schema, &value);
            prop_assert!(broken.is_empty(), "{broken:?}");
        }
    }

    #[test]
    fn a_query_that_fits_breaks_nothing(
        page in any::<i32>(), ids in proptest::collection::vec(any::<u16>(), 1..4), dry in any::<bool>(),
        status in proptest::sample::select(vec!["open", "paid"]), junk in "[a-z]{1,6}=[ -~&&[^&#]]{0,8}",
    ) {
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let target = format!("/orders/{page}?{junk}&status={status}&dry_run={dry}&ids={}", ids.join(","));
        let keeps = ["status", "dry_run", "ids"].iter().all(|name| !junk.starts_with(&format!("{name}=")));
        prop_assume!(keeps);
        let found = broken(&Exchange { target: &target, ..SOUND });
        prop_assert!(found.is_empty(), "{target}: {found:?}");
    }

    #[test]
    fn a_value_of_another_type_breaks_the_rule(name in "[a-z]{1,8}", value in any::<i32>()) {
        let schema = json!({"type": "object", "properties": {name.clone(): {"type": "string"}}});
        let broken = held("3.1.0", &schema, &json!({name.clone(): value}));
        prop_assert_eq!(broken.len(), 1);
        prop_assert_eq!(broken.first().unwrap().0, SchemaRule::Type);
        let path = format!("$.{name}").into_bytes();
        prop_assert_eq!(&broken.first().unwrap().1.text, &path);
    }
}

#[test]
fn mutations_of_bodies_against_documents() {
    let document = serde_json::to_string(&json!({"openapi": "3.0.0", "paths": {"/a": {"post": {
        "parameters": [{"name": "q", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}},
        "components": {"schemas": {"A": {"type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/A"}]},
                "c": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$", "format": "date-time"},
                "d": {"type": "number", "minimum": 1, "exclusiveMaximum": 9, "format": "int32"},
                "b": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"enum": [1, "x"]}}}}}}})).unwrap();
    let seeds: Vec<String> = [
        r#"{"a":{"a":"x"},"b":[1,"x",2]}"#,
        "[[[[1]]]]",
        r#"{"a":"b","c":"2026-01-05T10:00:00+01:00","d":9}"#,
        r"^[\w.+-]+@(a|b)*\.[a-z]{2,9}$",
        "a=1&b[]=2",
        "7,8",
        "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"b\"; filename=c\r\n\r\n2\r\n--b--\r\n",
    ]
    .iter()
    .map(|body| format!("{document}\n{body}"))
    .collect();
    let seeds: Vec<&[u8]> = seeds.iter().map(String::as_bytes).collect();
    crate::cleartext::mutation::run("schema", fuzz::schema, &seeds);
}

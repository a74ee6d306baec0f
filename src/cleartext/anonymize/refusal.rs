//! The field that a 4xx answer names as the reason: a name of the API's schema, never a value.
//!
//! Read from JSON error bodies in the shapes that frameworks write: RFC 9457 problem details with `errors` or
//! `invalid-params`, JSON:API `source.pointer`, `FastAPI` `loc`, Rails and Laravel `errors: {field: [..]}`, Stripe `param`.
//! What has not the shape of a field's name is refused.

use serde_json::Value;

/// Longest body that is looked at, in bytes.
const MAX_BODY: usize = 16_384;
/// How deep it is looked into.
const MAX_DEPTH: usize = 6;
/// Members and elements that are looked at on each level.
const MAX_WIDTH: usize = 32;
/// Longest name of a field.
const MAX_NAME: usize = 64;

/// Members whose value is the name of a field, or a path to it.
const NAMING: [&str; 13] = [
    "field",
    "param",
    "parameter",
    "pointer",
    "loc",
    "property",
    "attribute",
    "fieldname",
    "field_name",
    "invalid_field",
    "propertypath",
    "instancepath",
    "name",
];
/// Members that hold objects whose members are the fields.
const KEYED: [&str; 5] = [
    "errors",
    "fields",
    "field_errors",
    "fielderrors",
    "validation_errors",
];

/// The first field that the body names.
pub(in crate::cleartext) fn field(body: &[u8]) -> Option<String> {
    if body.len() > MAX_BODY || !matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    find(&value, false, 0)
}

/// `listed`: inside a list of faults, where a bare `name` is that of a field.
fn find(value: &Value, listed: bool, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let deeper = depth.saturating_add(1);
    match value {
        Value::Object(members) => {
            let members = || members.iter().take(MAX_WIDTH);
            let named = members().find_map(|(key, value)| {
                let key = key.to_ascii_lowercase();
                let naming = NAMING.contains(&key.as_str()) && (key != "name" || listed);
                naming.then(|| name_in(value)).flatten()
            });
            let keyed = || {
                members().find_map(|(key, value)| {
                    let key = key.to_ascii_lowercase();
                    KEYED
                        .contains(&key.as_str())
                        .then(|| key_of(value))
                        .flatten()
                })
            };
            let inside = || members().find_map(|(_, value)| find(value, value.is_array(), deeper));
            named.or_else(keyed).or_else(inside)
        }
        Value::Array(elements) => elements
            .iter()
            .take(MAX_WIDTH)
            .find_map(|element| find(element, listed, deeper)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// `"email"`, `"/data/attributes/email"`, `["body", "email"]`.
fn name_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => last_name(text),
        Value::Array(parts) => parts
            .iter()
            .take(MAX_WIDTH)
            .rev()
            .find_map(|part| part.as_str().and_then(last_name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// `{"email": ["is taken"]}`: the first member whose value is about it.
fn key_of(value: &Value) -> Option<String> {
    let members = value.as_object()?;
    members
        .iter()
        .take(MAX_WIDTH)
        .filter(|(_, about)| about.is_array() || about.is_string())
        .find_map(|(key, _)| last_name(key))
}

/// The last part of a path that is a name. What has other letters than a path is a value.
fn last_name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./[]$#".contains(&byte);
    if text.len() > MAX_BODY || !text.bytes().all(fits) {
        return None;
    }
    let parts = text.rsplit(['/', '.', '[', ']', '$', '#']);
    let name = parts
        .filter(|part| !part.is_empty())
        .find(|part| !part.bytes().all(|byte| byte.is_ascii_digit()))?;
    is_name(name).then(|| name.to_ascii_lowercase())
}

/// The shape of a field's name: letters, few digits.
fn is_name(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    name.len() <= MAX_NAME
        && digits <= 2
        && name
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
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

    #[test]
    fn the_shapes_of_frameworks_name_their_field() {
        for body in [
            r#"{"error":{"code":"x","field":"email","message":"invalid value"}}"#,
            r#"{"errors":[{"status":"422","source":{"pointer":"/data/attributes/email"}}]}"#,
            r#"{"detail":[{"loc":["body","user","email"],"msg":"m","type":"t"}]}"#,
            r#"{"message":"m","errors":{"email":["is taken"]}}"#,
            r#"{"title":"Bad","invalid-params":[{"name":"email","reason":"r"}]}"#,
            r#"{"error":{"message":"m","param":"user[email]","type":"t"}}"#,
            r#"{"instancePath":"/items/0/Email"}"#,
        ] {
            assert_eq!(field(body.as_bytes()).as_deref(), Some("email"), "{body}");
        }
    }

    #[test]
    fn what_names_no_field_says_nothing() {
        for body in [
            r#"{"error":"not found","name":"Ann"}"#,
            r#"{"field":"ann@x.test"}"#,
            r#"{"field":"4f1d2a9930"}"#,
            r#"{"field":7}"#,
            "email is invalid",
            "{",
        ] {
            assert_eq!(field(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_come(body in "[\\[{][ -~]{0,200}") {
            let _ = field(body.as_bytes());
        }
    }
}

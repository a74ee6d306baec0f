//! What a transaction holds that can be held against a document: the query, and bodies that are JSON or a form.

use serde_json::Value;

use super::check::type_of;
use super::fields::Fields;
use super::form::{self, Form};
use super::multipart;
use super::parameters;
use super::trail::Trail;
use crate::cleartext::anonymize::endpoint::path::query_of;
use crate::cleartext::http::transaction::{Message, Transaction};
use crate::observation::{JsonTypes, TxState};

/// Longest body that is looked into (bytes after content coding).
const MAX_BODY: usize = 512 << 10;

/// What a client sent, as far as it is read here.
pub(super) struct Sent<'a> {
    pub(super) request: &'a Message,
    pub(super) target: &'a [u8],
    pub(super) query: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body, where it is JSON.
    pub(super) body: Option<Body>,
    /// The body, where it is a form.
    pub(super) form: Option<FormBody>,
    /// Nothing of the head is missing.
    pub(super) is_whole: bool,
}

impl<'a> Sent<'a> {
    pub(super) fn of(tx: &'a Transaction, request: &'a Message, body: Option<&'a [u8]>) -> Self {
        let target = tx.slice(request.target);
        let whole = matches!(tx.state, TxState::Complete | TxState::NoResponse);
        Self {
            request,
            target,
            query: parameters::of_query(query_of(target)).collect(),
            body: json_body(tx, request, body),
            form: form_body(tx, request, body),
            is_whole: whole && !target.is_empty(),
        }
    }
}

impl Sent<'_> {
    /// Whether the client sent no body, and did not announce one that was never asked for.
    pub(super) fn has_no_body(&self, tx: &Transaction) -> bool {
        let announced = tx.field(self.request, "content-length");
        self.request.body_bytes == 0
            && self.request.body_whole
            && announced.is_none_or(|length| length == b"0")
            && tx.field(self.request, "transfer-encoding").is_none()
    }
}

/// A body that is JSON.
pub(super) struct Body {
    pub(super) media: String,
    pub(super) value: Value,
}

/// Reads a body that says it is JSON. One that is cut or broken says nothing.
pub(super) fn json_body(tx: &Transaction, message: &Message, bytes: Option<&[u8]>) -> Option<Body> {
    let bytes = bytes?;
    let media = json_media(tx, message, bytes)?;
    let value = serde_json::from_slice(bytes).ok()?;
    Some(Body { media, value })
}

/// Whether a body says it is JSON, and is not too long to be read.
pub(super) fn is_json(tx: &Transaction, message: &Message, bytes: &[u8]) -> bool {
    json_media(tx, message, bytes).is_some()
}

fn json_media(tx: &Transaction, message: &Message, bytes: &[u8]) -> Option<String> {
    if !message.body_whole || bytes.len() > MAX_BODY {
        return None;
    }
    let media = media(tx.field(message, "content-type")?);
    (media == "application/json" || media.ends_with("+json")).then_some(media)
}

/// A body that is a form, written in one of two ways.
pub(super) struct FormBody {
    pub(super) media: &'static str,
    pub(super) fields: Form,
}

/// Reads a body that says it is a form.
fn form_body(tx: &Transaction, message: &Message, bytes: Option<&[u8]>) -> Option<FormBody> {
    let bytes = bytes.filter(|bytes| message.body_whole && bytes.len() <= MAX_BODY)?;
    let kind = tx.field(message, "content-type")?;
    let (media, fields) = match media(kind).as_str() {
        form::MEDIA => (form::MEDIA, parameters::of_query(bytes).collect()),
        multipart::MEDIA => (multipart::MEDIA, multipart::read(kind, bytes)?),
        _ => return None,
    };
    Some(FormBody { media, fields })
}

/// The media type of a `Content-Type`, without parameters, in lower case.
pub(super) fn media(field: &[u8]) -> String {
    let media = field.split(|b| *b == b';').next().unwrap_or_default();
    let media = media.trim_ascii().to_ascii_lowercase();
    String::from_utf8(media).unwrap_or_default()
}

/// A value that came as text, with the type that it looks like.
pub(super) fn text_field(name: &[u8], value: &[u8], fields: &mut Fields) {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let read: Option<Value> = serde_json::from_str(text).ok();
    let types = match read {
        Some(value @ (Value::Bool(_) | Value::Number(_))) => type_of(&value),
        _ => JsonTypes::STRING,
    };
    let known = fields.entry(Trail::of(name, false)).or_default();
    *known = known.or(types);
}

/// Whether a header is of the API rather than of HTTP, of a browser or of what lies between: those are no news.
pub(super) fn is_own_header(name: &[u8]) -> bool {
    const BETWEEN: [&str; 17] = [
        // Credentials, however they are called: they are counted as tokens.
        "x-api-key",
        "x-apikey",
        "x-auth",
        "x-access-token",
        "x-csrf",
        "x-xsrf",
        "x-amz-",
        "x-forwarded-",
        "x-real-ip",
        "x-request-id",
        "x-correlation-id",
        "x-b3-",
        "x-amzn-",
        "x-cloud-trace",
        "x-envoy-",
        "x-requested-with",
        "x-original-",
    ];
    let starts = |start: &&str| name.starts_with(start.as_bytes());
    name.starts_with(b"x-") && !BETWEEN.iter().any(starts)
}

//! Fuzz entry: a document and a body, both anything at all.

#![allow(clippy::missing_panics_doc, reason = "a fuzz entry fails by panicking")]

use serde_json::Value;

use super::check::{Broken, Checker, MAX_BROKEN};
use super::fields::{self, Fields, Undocumented};
use super::form;
use super::model::Book;
use super::multipart;
use super::parameters;
use super::pattern::Pattern;
use super::trail::Trail;

/// Compiles the first line as a document (with the body for a pattern where it has one of its own), and holds the rest against all of its schemas.
pub fn schema(data: &[u8]) {
    let at = memchr::memchr(b'\n', data).unwrap_or(data.len());
    let (document, body) = data.split_at_checked(at).unwrap_or((data, &[]));
    let Ok(document) = serde_json::from_slice::<Value>(document) else {
        return;
    };
    let book = Book::compile(&document);
    let body = body.trim_ascii();
    let value = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    for operation in book.operations.values() {
        let schemas = operation.body.0.iter().map(|(_, schema)| *schema);
        for schema in schemas {
            let (mut broken, mut fields) = (Broken::new(), Fields::new());
            let mut trail = Trail::root();
            Checker::new(&book).check(&value, schema, &mut trail, &mut broken);
            Undocumented::new(&book).find(&value, &[schema], &mut trail, &mut fields);
            let parts = multipart::read(b"multipart/form-data; boundary=b", body);
            for form in [Some(parameters::of_query(body).collect()), parts] {
                let form = form.unwrap_or_default();
                assert!(form::check(&book, schema, &form).len() <= MAX_BROKEN);
                for _ in form::undocumented(&book, schema, &form) {}
            }
            assert!(trail == Trail::root());
            // A list of broken rules may go over its limit by those of one alternative.
            assert!(broken.len() <= MAX_BROKEN.saturating_mul(2));
        }
        for parameter in &operation.parameters {
            parameter.breaks(&book, body);
        }
    }
    if let Some(pattern) = std::str::from_utf8(body).ok().and_then(Pattern::compile) {
        pattern.fits(std::str::from_utf8(data).unwrap_or_default());
    }
    let mut fields = Fields::new();
    fields::all(&value, &mut Trail::root(), &mut fields);
    for _ in form::cookies(body) {}
    // What the body says of itself may be anything too.
    multipart::read(body, body);
}

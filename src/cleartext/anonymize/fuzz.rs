//! Fuzz entries: every reader of this module on anything at all. `fuzz/` is a thin shell around them.

use super::answer;
use super::endpoint::{candidate, openapi, operation, path, segment};
use super::identity::{credential, jwt};

/// A `Authorization` field, query, cookie or certificate.
pub fn credentials(data: &[u8]) {
    credential::fuzz_credential(data);
}

/// A JWT.
pub fn token(data: &[u8]) {
    jwt::fuzz_jwt(data);
}

/// A field of an answer.
pub fn answer(data: &[u8]) {
    answer::fuzz_answer(data);
}

/// An OpenAPI document.
pub fn document(data: &[u8]) {
    openapi::fuzz_openapi(data);
}

/// A path segment.
pub fn segment_of_path(data: &[u8]) {
    segment::fuzz_segment(data);
}

/// A request target and the body of an operation.
pub fn target(data: &[u8]) {
    path::fuzz_path(data);
    candidate::fuzz_candidate(data);
    operation::fuzz_operation(data);
}

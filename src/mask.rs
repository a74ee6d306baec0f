//! The masking engine as a library, for gateways, middleware and log shippers: the same rules as on the wire and in
//! `hushtap mask`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use hushtap::mask::{Format, Masker, Rules};
//!
//! # fn main() -> Result<(), hushtap::mask::RuleError> {
//! // The rules that are compiled in; `Rules::load(dir, None)` adds others, in the form of `rules/*.toml`.
//! let rules = Arc::new(Rules::built_in()?);
//! // One masker a thread. The key makes equal values recognisable by equal placeholders, and nothing else.
//! let mut masker = Masker::new(rules, [7; 32]);
//!
//! let masked = masker.json(r#"{"user": {"password": "hunter2", "theme": "dark"}}"#);
//! assert_eq!(masked.text, r#"{"user": {"password": "MASKED-password", "theme": "dark"}}"#);
//! let found = &masked.found[0];
//! assert_eq!((found.kind.as_str(), found.location.as_str()), ("password", "$.user.password"));
//!
//! let line = masker.text("login ok, api_key=0123456789abcdef", Format::Text);
//! assert_eq!(line.text, "login ok, api_key=MASKED-api-key");
//!
//! // A body as it goes over the wire: content codings and charsets are undone first. What cannot be read is masked whole.
//! let body = masker.body("application/json", "gzip", b"no gzip at all \xff\xff");
//! assert_eq!(body.text, "MASKED-binary");
//! # Ok(())
//! # }
//! ```
//!
//! A [`Masker`] keeps nothing of what it has masked but caches of field names. It never fails: text that claims a format it
//! does not have is judged by its looks, and what breaks off or cannot be taken apart is replaced from there on.

pub use crate::cleartext::mask::{
    BodyMasker as Masker, Format, FoundValue as Found, MaskedValue as Masked, RuleError,
    RuleSet as Rules,
};

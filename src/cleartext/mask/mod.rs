//! The masking engine: rules, the one decision function, and the formats that feed it.
//!
//! ```text
//! Transaction -> request line, fields, cookies, bodies   (format/*: find values, their names and their encoding)
//!                    | name, value
//!                decide: by name (names), else by looks (shape)
//!                    | rule
//!                Finding {part, path, type, rule}, and where text is wanted, the placeholder in its place
//! ```
//! It fails closed: what cannot be taken apart (broken documents, nesting or layers beyond the limits, unknown codings,
//! binary data) is replaced whole and counted. Read RFC 9110 sections 5 and 11, RFC 8259, RFC 6265 first.

mod bytes;
mod charset;
mod codec;
mod decide;
mod exposure;
mod filter;
mod format;
pub mod fuzz;
mod library;
mod names;
mod placeholder;
mod rules;
mod shape;
mod spelling;
mod transaction;
mod validate;
mod walk;

#[cfg(test)]
mod tests;

pub use filter::{As, EnvelopeError, Filter, FoundValue, Masked};
pub use format::Format;
pub use library::{BodyMasker, MaskedValue};
pub use rules::{
    Confidence, ExampleFailure, Exception, ExceptionText, RuleError, RuleOrigin, RuleSet,
    UnknownRule,
};
pub use transaction::{Bodies, Body, Masker};
pub use walk::{PathNames, Render};

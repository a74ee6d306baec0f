//! Room 1: the only code that sees traffic bytes.
//!
//! ```text
//! capture -> decode -> flow -> reassembly -> http     (capture thread: everything that needs order)
//!                                   mask, anonymize   (workers: one transaction at a time)
//! ```
//! What leaves is an [`Observation`](crate::observation::Observation) and, where asked for, masked text. Bytes are held in
//! [`raw::Raw`], which cannot be printed, serialised, compared or cloned. Nothing here logs, formats or panics: malformed
//! traffic is counted in a [`Tally`](crate::tally::Tally).
#![deny(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::use_debug,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_macros,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::string_slice,
        clippy::use_debug,
        reason = "tests write their own traffic; what they cover is linted without `test`"
    )
)]

pub mod anonymize;
pub mod capture;
pub mod decode;
pub mod engine;
pub mod examiner;
pub mod flow;
pub mod http;
pub mod mask;
#[cfg(test)]
mod mutation;
mod quic;
pub mod raw;
pub mod reassembly;
pub mod schema;
pub mod scrub;
pub mod tls;
pub mod worker;

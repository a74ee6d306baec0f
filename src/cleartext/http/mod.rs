//! HTTP from in-order bytes: heads, framing, bodies, and the pairing of requests with responses.

pub mod transaction;

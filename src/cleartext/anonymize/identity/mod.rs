//! Who sent a request: the token it presented and the client it came from.

pub mod client;
pub(super) mod credential;
pub(super) mod fields;
pub(super) mod grant;
pub(super) mod jwt;

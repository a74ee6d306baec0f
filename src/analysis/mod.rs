//! Room 2: baselines, scores and sums. No bytes, no text, no wall clock; never names `cleartext`.
#![deny(clippy::disallowed_types)]

pub mod alert;
pub mod clip;
pub mod country;
pub mod explain;
pub mod row;
pub mod summary;
pub mod window;

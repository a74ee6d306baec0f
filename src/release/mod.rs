//! Room 3: the only way out. Clipped sums of a window become a [`Release`](releaser::Release); see `deploy/PRIVACY.md`.
//!
//! ```text
//! plan (public: cells, bounds, budget)    budget (micro-rho)
//! analysis::clip -> releaser + mechanism (noise) -> ledger (fsync) -> Release -> render -> exporter
//! ```
#![deny(clippy::disallowed_types)]

pub mod budget;
pub mod exporter;
mod layout;
pub mod ledger;
pub mod mechanism;
pub mod metric;
pub mod outlook;
pub mod plan;
pub mod releaser;
pub mod render;
pub mod trials;

//! Room 3: the only way out. Clip, noise, ledger, release; see `deploy/PRIVACY.md`.
#![deny(clippy::disallowed_types)]

pub mod exporter;

//! The token-local signals of the public flags: from one principal's own observations of one period.
//!
//! Thresholds are public constants from the configuration. Baselines, the population, learned templates, other principals
//! and alert state never enter: through them one token would move the flags of others.

use super::once::OnceBits;
use crate::observation::{Finding, Observation};

/// When a signal shows. Public constants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlagLimits {}

/// What is remembered of one principal in one period, a few dozen bytes at most.
#[derive(Clone, Debug, Default)]
pub(super) struct FlagState {}

impl FlagState {
    /// Looks at one observation of the principal and says which signals it shows now.
    pub(super) fn observe(
        &mut self,
        _limits: &FlagLimits,
        _observation: &Observation,
        _findings: &[Finding],
        _is_token: bool,
    ) -> OnceBits {
        OnceBits::default()
    }
}

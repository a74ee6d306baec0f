//! One observation on its way to the records, after its principal was settled and in final order.

use crate::masked::MaskedText;
use crate::observation::{FieldNote, Finding, Observation};

/// What a record line is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The observation.
    pub observation: Observation,
    /// Whether it counts to its token (else to its client).
    pub counts_to_token: bool,
    /// Sensitive values found in it, sorted.
    pub findings: Vec<Finding>,
    /// What is noted of the shape of the API.
    pub notes: Vec<FieldNote>,
    /// Masked text, with `--bodies`.
    pub text: Option<Box<MaskedText>>,
}

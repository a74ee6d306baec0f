//! One worker's part of the cleartext room: a transaction goes in, an observation comes out, the bytes end here.

use std::sync::Arc;

use super::anonymize::{Anonymizer, AnonymizerShared, Facts};
use super::http::transaction::Transaction;
use crate::masked::MaskedText;
use crate::observation::{Finding, Observation};
use crate::tally::TallySheet;

/// What all workers share.
pub struct WorkerShared {
    /// Identity, endpoints, names.
    pub anonymizer: Arc<AnonymizerShared>,
}

/// One worker's tools. Keeps nothing of a transaction but caches of keyed hashes.
pub struct Worker {
    anonymizer: Anonymizer,
    findings: Vec<Finding>,
    _tally: Arc<TallySheet>,
}

/// What becomes of a transaction.
pub struct Seen<'a> {
    /// The observation.
    pub observation: Observation,
    /// Sensitive values found in it.
    pub findings: &'a [Finding],
    /// Masked text, where it was asked for.
    pub text: Option<Box<MaskedText>>,
}

impl Worker {
    /// A worker that counts in `tally`, which belongs to its thread.
    pub fn new(shared: &WorkerShared, tally: Arc<TallySheet>) -> Self {
        Self {
            anonymizer: Anonymizer::new(Arc::clone(&shared.anonymizer)),
            findings: Vec::new(),
            _tally: tally,
        }
    }

    /// Identifies, masks and forgets a transaction.
    pub fn see(&mut self, transaction: Transaction) -> Seen<'_> {
        self.findings.clear();
        let identity = self.anonymizer.identify(&transaction);
        drop(transaction);
        Seen {
            observation: identity.observe(Facts::default()),
            findings: &self.findings,
            text: None,
        }
    }
}

//! What the operator may know of TLS flows: how many by service, protocol and result, and which client libraries.
//!
//! A server name is looked up in the configured host groups at once and forgotten: one that is in none counts to `default`.
//! A fingerprint is shown once enough flows have it; it is that of a library, not of a user.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Outcome;

/// Rows kept of each table.
const MOST_ROWS: usize = 1_024;
/// Flows that must have a fingerprint before it is shown.
const FEWEST: u64 = 5;

/// Finds the host group of a name.
type Group = Box<dyn Fn(&[u8]) -> String + Send + Sync>;

/// Tables of TLS flows. Written once a flow.
pub struct Book {
    group: Group,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    flows: BTreeMap<(String, &'static str, Outcome), u64>,
    clients: BTreeMap<String, u64>,
}

/// A row: service, protocol, result, flows.
pub type BookEntry = (String, &'static str, Outcome, u64);

impl Book {
    /// `group` gives the service of a host name.
    pub fn new(group: impl Fn(&[u8]) -> String + Send + Sync + 'static) -> Self {
        Self {
            group: Box::new(group),
            tables: Mutex::default(),
        }
    }

    /// Counts a flow.
    pub(super) fn note(&self, name: &[u8], protocol: &[u8], ja4: Option<&[u8]>, outcome: Outcome) {
        let service = (self.group)(name);
        let protocol = match protocol {
            b"" => "none",
            b"h2" => "h2",
            b"http/1.1" => "http/1.1",
            b"h3" => "h3",
            _ => "other",
        };
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let row = (service, protocol, outcome);
        if tables.flows.len() < MOST_ROWS || tables.flows.contains_key(&row) {
            let count = tables.flows.entry(row).or_default();
            *count = count.saturating_add(1);
        }
        let Some(ja4) = ja4.and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
            return;
        };
        if tables.clients.len() < MOST_ROWS || tables.clients.contains_key(ja4) {
            let count = tables.clients.entry(ja4.to_owned()).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Flows by service, protocol and result.
    pub fn flows(&self) -> Vec<BookEntry> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = tables.flows.iter();
        rows.map(|((service, protocol, outcome), count)| {
            (service.clone(), *protocol, *outcome, *count)
        })
        .collect()
    }

    /// Client fingerprints (JA4) that enough flows have, with their numbers.
    pub fn clients(&self) -> Vec<(String, u64)> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = tables.clients.iter().filter(|(_, count)| **count >= FEWEST);
        rows.map(|(ja4, count)| (ja4.clone(), *count)).collect()
    }
}

//! Endpoints, parameters and fields against the OpenAPI documents.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::analysis::summary::{EndpointSummary, Summary};
use crate::catalog::Documented;
use crate::observation::{Names, Remark, TextId};

/// What documents and traffic say of each other.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct InventoryView {
    /// Described and seen.
    pub(crate) documented: Vec<String>,
    /// Answered with success and not described.
    pub(crate) shadow: Vec<String>,
    /// Described and not seen.
    pub(crate) unused: Vec<String>,
    /// Described as deprecated, and seen.
    pub(crate) deprecated: Vec<String>,
    /// Parameters and fields that are not described, of endpoints that are.
    pub(crate) undocumented_fields: Vec<UndocumentedView>,
    /// Statuses that answers had and that are not described.
    pub(crate) undocumented_statuses: Vec<StatusView>,
    /// Rules that requests broke.
    pub(crate) schema_violations: Vec<ViolationView>,
}

/// Parameters or fields at one place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UndocumentedView {
    pub(crate) endpoint: String,
    #[serde(rename = "where")]
    pub(crate) place: String,
    /// How many: more than one where their names may not be shown.
    pub(crate) fields: u64,
    /// Transactions, counted once a field.
    pub(crate) count: u64,
}

/// A status that the documents do not list for an endpoint.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StatusView {
    pub(crate) endpoint: String,
    pub(crate) status: u16,
    /// Answers.
    pub(crate) count: u64,
}

/// A rule broken at one place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ViolationView {
    pub(crate) endpoint: String,
    #[serde(rename = "where")]
    pub(crate) place: String,
    pub(crate) rule: &'static str,
    /// As of undocumented fields.
    pub(crate) fields: u64,
    /// Requests, counted once a field.
    pub(crate) count: u64,
    /// Those among them that were answered 2xx.
    pub(crate) accepted: u64,
}

/// Endpoints by what the documents say of them.
pub(crate) fn of(documents: &[Documented], summary: &Summary, names: &dyn Names) -> InventoryView {
    let named = |endpoint: &EndpointSummary| super::named(endpoint.name(names)).1;
    // A document without servers speaks for every service, so the service is no part of the comparison.
    let seen = summary.endpoints.iter();
    let found: BTreeSet<_> = seen.filter(|one| one.documented).map(named).collect();
    let is_seen = |document: &&Documented| found.contains(&document.endpoint);
    let names_of = |items: &mut dyn Iterator<Item = &Documented>| {
        let names: BTreeSet<_> = items.map(|document| document.endpoint.clone()).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let seen = summary.endpoints.iter();
    let shadow = seen.filter(|one| !one.documented && is_real(one));
    let shadow: BTreeSet<_> = shadow.map(named).collect();
    let (undocumented_fields, schema_violations) = fields(summary, names);
    InventoryView {
        documented: names_of(&mut documents.iter().filter(is_seen)),
        shadow: shadow.into_iter().collect(),
        unused: names_of(&mut documents.iter().filter(|document| !is_seen(document))),
        deprecated: names_of(
            &mut documents
                .iter()
                .filter(|document| document.deprecated)
                .filter(is_seen),
        ),
        undocumented_fields,
        undocumented_statuses: statuses(summary, names),
        schema_violations,
    }
}

fn statuses(summary: &Summary, names: &dyn Names) -> Vec<StatusView> {
    let mut sums: BTreeMap<(String, u16), u64> = BTreeMap::new();
    let entries = summary.inventory.iter();
    for entry in entries.filter(|entry| entry.remark == Remark::UndocumentedStatus) {
        let endpoint = super::named(summary.endpoint_name(entry.endpoint, names)).1;
        *sums.entry((endpoint, entry.status.0)).or_default() += entry.count;
    }
    let sums = sums.into_iter();
    sums.map(|((endpoint, status), count)| StatusView {
        endpoint,
        status,
        count,
    })
    .collect()
}

/// Whether it ever answered with success: what never did may be anybody's guess.
fn is_real(endpoint: &EndpointSummary) -> bool {
    let [_, ok, redirected, ..] = endpoint.by_class;
    ok + redirected > 0
}

/// Fields, transactions, accepted ones.
type Sums = (BTreeSet<TextId>, u64, u64);

/// Places that read the same (because their names may not be shown) are one line.
fn fields(summary: &Summary, names: &dyn Names) -> (Vec<UndocumentedView>, Vec<ViolationView>) {
    let mut undocumented: BTreeMap<(String, String), Sums> = BTreeMap::new();
    let mut broken: BTreeMap<(String, String, &'static str), Sums> = BTreeMap::new();
    for entry in &summary.inventory {
        let endpoint = super::named(summary.endpoint_name(entry.endpoint, names)).1;
        let text = if entry.field.is_some() {
            names.text(entry.field, &summary.admitted)
        } else {
            // One of those that count together.
            "{field}".into()
        };
        let place = format!("{}:{text}", entry.part.name());
        let sums = match entry.remark {
            Remark::Undocumented => undocumented.entry((endpoint, place)).or_default(),
            Remark::Breaks(rule) => broken.entry((endpoint, place, rule.name())).or_default(),
            Remark::Seen(_)
            | Remark::SeenInForm(_)
            | Remark::Answered
            | Remark::UndocumentedStatus => continue,
        };
        sums.0.insert(entry.field);
        sums.1 += entry.count;
        sums.2 += entry.accepted;
    }
    let count = |fields: &BTreeSet<TextId>| u64::try_from(fields.len()).unwrap_or(u64::MAX);
    let undocumented = undocumented.into_iter();
    let undocumented = undocumented.map(|((endpoint, place), sums)| UndocumentedView {
        endpoint,
        place,
        fields: count(&sums.0),
        count: sums.1,
    });
    let broken = broken.into_iter();
    let broken = broken.map(|((endpoint, place, rule), sums)| ViolationView {
        endpoint,
        place,
        rule,
        fields: count(&sums.0),
        count: sums.1,
        accepted: sums.2,
    });
    (undocumented.collect(), broken.collect())
}

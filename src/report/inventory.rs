//! Endpoints, parameters and fields against the OpenAPI documents.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::Documented;
use super::table::{Align, Table, grouped, printable};
use super::view::EndpointView;
use crate::analysis::summary::Summary;
use crate::observation::{Names, Remark, TextId};

/// Rows of each list; the JSON report has all.
const ROWS: usize = 30;

/// What documents and traffic say of each other.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct InventoryView {
    /// Described and seen.
    pub(super) documented: Vec<String>,
    /// Answered with success and not described.
    pub(super) shadow: Vec<String>,
    /// Described and not seen.
    pub(super) unused: Vec<String>,
    /// Described as deprecated, and seen.
    pub(super) deprecated: Vec<String>,
    /// Parameters and fields that are not described, of endpoints that are.
    pub(super) undocumented_fields: Vec<UndocumentedView>,
    /// Rules that requests broke.
    pub(super) schema_violations: Vec<ViolationView>,
}

/// Parameters or fields at one place.
#[derive(Clone, Debug, Serialize)]
pub(super) struct UndocumentedView {
    pub(super) endpoint: String,
    #[serde(rename = "where")]
    pub(super) place: String,
    /// How many: more than one where their names may not be shown.
    pub(super) fields: u64,
    /// Transactions, counted once a field.
    pub(super) count: u64,
}

/// A rule broken at one place.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ViolationView {
    pub(super) endpoint: String,
    #[serde(rename = "where")]
    pub(super) place: String,
    pub(super) rule: &'static str,
    /// As of undocumented fields.
    pub(super) fields: u64,
    /// Requests, counted once a field.
    pub(super) count: u64,
    /// Those among them that were answered 2xx.
    pub(super) accepted: u64,
}

/// Endpoints by what the documents say of them.
pub(super) fn of(
    documents: &[Documented],
    seen: &[EndpointView],
    (summary, names): (&Summary, &dyn Names),
) -> InventoryView {
    // A document without servers speaks for every service, so the service is no part of the comparison.
    let found: BTreeSet<&str> = seen
        .iter()
        .filter(|view| view.documented)
        .map(|view| view.endpoint.as_str())
        .collect();
    let is_seen = |document: &&Documented| found.contains(document.endpoint.as_str());
    let names_of = |items: &mut dyn Iterator<Item = &Documented>| {
        let names: BTreeSet<_> = items.map(|document| document.endpoint.clone()).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let shadow: BTreeSet<_> = seen
        .iter()
        .filter(|view| !view.documented && is_real(view))
        .map(|view| view.endpoint.clone())
        .collect();
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
        schema_violations,
    }
}

/// Whether it ever answered with success: what never did may be anybody's guess.
fn is_real(view: &EndpointView) -> bool {
    ["2xx", "3xx"]
        .iter()
        .any(|class| view.by_code.contains_key(*class))
}

/// Fields, transactions, accepted ones.
type Sums = (BTreeSet<TextId>, u64, u64);

/// Places that read the same (because their names may not be shown) are one line.
fn fields(summary: &Summary, names: &dyn Names) -> (Vec<UndocumentedView>, Vec<ViolationView>) {
    let mut undocumented: BTreeMap<(String, String), Sums> = BTreeMap::new();
    let mut broken: BTreeMap<(String, String, &'static str), Sums> = BTreeMap::new();
    for entry in &summary.inventory {
        let endpoint = crate::sinks::named(summary.endpoint_name(entry.endpoint, names));
        let text = names.text(entry.field, &summary.admitted);
        let place = format!("{}:{text}", entry.part.name());
        let sums = match entry.remark {
            Remark::Undocumented => undocumented.entry((endpoint, place)).or_default(),
            Remark::Breaks(rule) => broken.entry((endpoint, place, rule.name())).or_default(),
            Remark::Seen(_) | Remark::SeenInForm(_) | Remark::Answered => continue,
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

/// The section of the report for people.
pub(super) fn text(out: &mut String, inventory: &InventoryView) {
    for (name, endpoints) in [
        ("documented", &inventory.documented),
        ("shadow", &inventory.shadow),
        ("unused", &inventory.unused),
        ("deprecated", &inventory.deprecated),
    ] {
        writeln!(out, "  {name:<10} {}", endpoints.len()).unwrap_or_default();
        // Documented ones are in the table of endpoints.
        if name != "documented" {
            for endpoint in endpoints.iter().take(ROWS) {
                writeln!(out, "    {}", printable(endpoint)).unwrap_or_default();
            }
        }
    }
    if !inventory.undocumented_fields.is_empty() {
        writeln!(
            out,
            "\nParameters and fields that the documents do not have"
        )
        .unwrap_or_default();
        undocumented(out, &inventory.undocumented_fields);
    }
    if !inventory.schema_violations.is_empty() {
        writeln!(out, "\nRequests that break the documents").unwrap_or_default();
        violations(out, &inventory.schema_violations);
    }
}

fn undocumented(out: &mut String, views: &[UndocumentedView]) {
    let mut busiest: Vec<_> = views.iter().collect();
    busiest.sort_by_key(|view| std::cmp::Reverse(view.count));
    let mut table = Table::new(&[
        ("seen", Align::Right),
        ("fields", Align::Right),
        ("endpoint", Align::Left),
        ("where", Align::Left),
    ]);
    for view in busiest.into_iter().take(ROWS) {
        table.row(&[
            grouped(view.count),
            grouped(view.fields),
            view.endpoint.clone(),
            view.place.clone(),
        ]);
    }
    table.write(out);
    more(out, views.len());
}

fn violations(out: &mut String, views: &[ViolationView]) {
    let mut busiest: Vec<_> = views.iter().collect();
    busiest.sort_by_key(|view| std::cmp::Reverse(view.count));
    let mut table = Table::new(&[
        ("requests", Align::Right),
        ("accepted", Align::Right),
        ("rule", Align::Left),
        ("endpoint", Align::Left),
        ("where", Align::Left),
    ]);
    for view in busiest.into_iter().take(ROWS) {
        table.row(&[
            grouped(view.count),
            grouped(view.accepted),
            view.rule.to_owned(),
            view.endpoint.clone(),
            view.place.clone(),
        ]);
    }
    table.write(out);
    more(out, views.len());
}

fn more(out: &mut String, all: usize) {
    if all > ROWS {
        let left = u64::try_from(all - ROWS).unwrap_or(u64::MAX);
        writeln!(out, "  ... {} more; --report json has all", grouped(left)).unwrap_or_default();
    }
}

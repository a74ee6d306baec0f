//! The section on endpoints, parameters and fields against the OpenAPI documents.

use std::fmt::Write as _;

use super::table::{Align, Table, grouped, printable};
use crate::views::inventory::{InventoryView, StatusView, UndocumentedView, ViolationView};

/// Rows of each list; the JSON report has all.
const ROWS: usize = 30;

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
    if !inventory.undocumented_statuses.is_empty() {
        writeln!(out, "\nStatuses that the documents do not list").unwrap_or_default();
        statuses(out, &inventory.undocumented_statuses);
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

fn statuses(out: &mut String, views: &[StatusView]) {
    let mut busiest: Vec<_> = views.iter().collect();
    busiest.sort_by_key(|view| std::cmp::Reverse(view.count));
    let mut table = Table::new(&[
        ("answers", Align::Right),
        ("status", Align::Right),
        ("endpoint", Align::Left),
    ]);
    for view in busiest.into_iter().take(ROWS) {
        table.row(&[
            grouped(view.count),
            view.status.to_string(),
            view.endpoint.clone(),
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

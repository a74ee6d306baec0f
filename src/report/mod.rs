//! The local report of a replay: text or a page for people, JSON for programs, the observed API as an `OpenAPI` document. Masked and pseudonymous; never served.
//!
//! [`View`] is the report in words; both forms are made from it, so that they cannot disagree. Its bytes depend on the
//! capture, the config and the pseudonym key alone.

mod analytics;
mod html;
mod inventory;
mod json;
mod openapi;
mod table;
mod text;
mod view;

use std::sync::Arc;

use crate::analysis::summary::Summary;
use crate::catalog::{Catalog, Documented};
use crate::cleartext::tls::Book;
use crate::clock::EventTime;
use crate::observation::Names;
use crate::tally::Tallies;

pub use table::{grouped, printable, size};
pub use view::View;

/// What a replay has found.
pub struct Outcome {
    /// The files that were read, in the order of the command line.
    pub captures: Vec<Capture>,
    /// What analysis knows at the end.
    pub summary: Summary,
    /// What was counted on the way.
    pub tallies: Tallies,
    /// Words for the ids of the summary.
    pub names: Arc<dyn Names>,
    /// Endpoints of the OpenAPI documents; none where no document was given.
    pub documents: Option<Vec<Documented>>,
    /// Tags and costs.
    pub catalog: Catalog,
    /// TLS flows.
    pub tls: Option<Arc<Book>>,
    /// What the outputs are narrowed to, if they are (`--select`).
    pub select: Option<String>,
}

/// One capture file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    /// As given on the command line; `-` is standard input.
    pub file: String,
    /// Packets read, filtered ones included.
    pub packets: u64,
    /// Bytes these had on the wire.
    pub bytes: u64,
    /// Stamp of the first packet and the latest one.
    pub time_range: Option<(EventTime, EventTime)>,
    /// Where the file is damaged, if it is.
    pub damage: Option<Damage>,
}

/// Damage of a capture file. Everything before it was analysed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Offset in the uncompressed bytes.
    pub offset: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// The report for people.
pub fn text(view: &View) -> String {
    text::render(view)
}

/// The report for programs.
pub fn json(view: &View) -> String {
    json::render(view)
}

/// The report as a page.
pub fn html(view: &View) -> String {
    html::render(view)
}

/// The observed API as an `OpenAPI` document.
pub fn openapi(outcome: &Outcome) -> String {
    openapi::render(outcome)
}

#[cfg(test)]
mod tests;

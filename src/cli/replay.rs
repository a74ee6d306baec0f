//! `hushtap replay`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::CommonArgs;
use crate::analysis::alert::Severity;

/// `hushtap replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Capture files (pcap, pcapng, plain or gzip or zstd), directories of them, or - for standard input.
    #[arg(value_name = "FILE|DIR", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Which report to make [default: text, or none where records or alerts go to standard output].
    #[arg(long, value_enum, value_name = "KIND")]
    pub report: Option<ReportKind>,
    /// Write the report here (mode 0600) instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write one JSON line an HTTP transaction here (- is standard output).
    #[arg(long, value_name = "FILE|-")]
    pub records: Option<PathBuf>,
    /// Records also carry the masked heads and bodies.
    #[arg(long, requires = "records")]
    pub bodies: bool,
    /// Write one JSON line an alert here (- is standard output).
    #[arg(long, value_name = "FILE|-")]
    pub alerts: Option<PathBuf>,
    /// Exit 4 if there is an alert of this severity or above.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// Leave out packets before this moment (RFC 3339, or seconds since 1970).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Leave out packets from this moment on.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Narrow report, records and alerts, e.g. 'endpoint=/v1/users/{id} and status=5xx'.
    #[arg(long, value_name = "EXPR")]
    pub select: Option<String>,
    /// No progress bar, even on a terminal.
    #[arg(long)]
    pub no_progress: bool,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Kinds of report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportKind {
    /// For people.
    Text,
    /// For programs, with stable keys.
    Json,
    /// One page for people, with all that the JSON has; loads nothing.
    Html,
    /// The observed API as the skeleton of an OpenAPI 3.1 document.
    Openapi,
    /// None.
    None,
}

/// Severities that `--fail-on` takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FailOn {
    Info,
    Low,
    Medium,
    High,
}

impl From<FailOn> for Severity {
    fn from(level: FailOn) -> Self {
        match level {
            FailOn::Info => Self::Info,
            FailOn::Low => Self::Low,
            FailOn::Medium => Self::Medium,
            FailOn::High => Self::High,
        }
    }
}

/// Shown under `hushtap replay --help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  hushtap replay monday.pcapng tuesday.pcap.gz           one report over both, merged by time
  hushtap replay --report json -o report.json captures/
  hushtap replay --report openapi -o api.json x.pcap     the API as it was used, without values
  hushtap replay --records - --bodies x.pcap | jq .      masked transactions
  hushtap replay --records - --select 'token=tk_7f3a* and status=5xx' x.pcap
  hushtap replay --fail-on high --report none x.pcap     for CI: exit 4 if there is a high alert

--select narrows report, records and alerts; it takes token=, client=, flow=, endpoint=, status=, time=, alert= joined by 'and'; a value may end in * (status: 404 or 4xx; time: FROM..TO with either left out, or the beginning of a time; alert: an id or a signal, for what is behind it; endpoint: as report and records name it). alert= and endpoint= read the input twice; from standard input, which is read once, endpoint= does not know templates that were learned from names in paths.
A damaged file is analysed up to the damage, and the exit code is 3.";

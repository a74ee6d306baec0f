//! `hushtap scrub`.

use std::path::PathBuf;

use clap::Args;

use super::CommonArgs;

/// `hushtap scrub`.
#[derive(Args, Debug)]
pub struct ScrubArgs {
    /// Capture file to read (pcap or pcapng, plain or gzip or zstd).
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Capture file to write (mode 0600), or - for standard output.
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// Only the packets of these flows, e.g. 'flow=17' or 'endpoint=/v1/users/{id} and status=5xx'.
    #[arg(long, value_name = "EXPR")]
    pub select: Option<String>,
    /// Leave out packets before this moment (RFC 3339, or seconds since 1970).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Leave out packets from this moment on.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// No progress bar, even on a terminal.
    #[arg(long)]
    pub no_progress: bool,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Shown under `hushtap scrub --help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  hushtap scrub monday.pcap for-the-vendor.pcap
  hushtap scrub --select flow=17 monday.pcap flow-17.pcap         the packets of one flow of a report
  hushtap scrub --pseudonym-key ./key a.pcap b.pcap               addresses mapped as in other files under this key

Packets, times and lengths stay; checksums verify. In clear-text HTTP/1 every sensitive value is overwritten at equal
length. All other payload (TLS, HTTP/2, compressed bodies, other protocols) is replaced by filler; names in DNS are mapped.
IP addresses are mapped one to one, keeping common prefixes; so are link-layer addresses. IP options are erased.
Look at the result before you share it: rules can miss a value that looks like nothing in particular.";

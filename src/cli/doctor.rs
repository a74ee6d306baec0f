//! `hushtap doctor`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::CommonArgs;

/// `hushtap doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Capture file to look at, or - for standard input.
    #[arg(value_name = "FILE", conflicts_with = "doctor_interface")]
    pub file: Option<PathBuf>,
    /// Interface to watch; may be given several times.
    #[arg(
        id = "doctor_interface",
        short = 'i',
        long = "interface",
        value_name = "IFACE"
    )]
    pub interfaces: Vec<String>,
    /// How long to watch the interface.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// How the findings are written.
    #[arg(long, value_enum, value_name = "KIND", default_value = "text")]
    pub report: DoctorFormat,
    /// No progress bar, even on a terminal.
    #[arg(long)]
    pub no_progress: bool,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Forms of the findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DoctorFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Shown under `hushtap doctor --help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  hushtap doctor -i eth1 --seconds 30      watch a mirror port for half a minute
  hushtap doctor -i tap0 -i tap1           both halves of a split tap together
  hushtap doctor monday.pcap               look at a capture
  hushtap doctor --report json x.pcap      for scripts

Each check says what was seen; a FAULT also what it does to the results, and how to mend it.
Exit code 0: nothing is wrong; 4: there is a fault; 3: the file is damaged.";

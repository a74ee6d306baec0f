//! `hushtap privacy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::CommonArgs;

/// `hushtap privacy`.
#[derive(Subcommand, Debug)]
pub enum PrivacyCommand {
    /// Say how noisy every metric will be, and what to choose
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(Box<PlanArgs>),
    /// For auditors: simulate whole budget days and print everything that is released
    #[command(after_help = TRIALS_EXAMPLES)]
    Trials(TrialsArgs),
}

/// `hushtap privacy plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Tokens (and clients without one) that are active at a time.
    #[arg(long, value_name = "N", default_value = "300")]
    pub tokens: u32,
    /// Requests a minute that one of them sends, on average while it is active.
    #[arg(long, value_name = "N", default_value = "20")]
    pub rate: f64,
    /// Part of its requests that goes to the endpoint you look at, more than 0 and at most 1.
    #[arg(long, value_name = "PART", default_value = "0.5")]
    pub on_endpoint: f64,
    /// Requests a minute that your API allows one token, if it has such a limit.
    #[arg(long, value_name = "N")]
    pub rate_limit: Option<f64>,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// `hushtap privacy trials`.
#[derive(Args, Debug)]
pub struct TrialsArgs {
    /// What happens in the day, one JSON object a line.
    #[arg(long, value_name = "OBS.ndjson")]
    pub input: PathBuf,
    /// Windows of the day.
    #[arg(long, value_name = "T", default_value = "4")]
    pub windows: u32,
    /// How many days to simulate, each with fresh randomness of the operating system.
    #[arg(long, value_name = "N", default_value = "1000")]
    pub trials: u64,
    /// Which family to print (repeatable); `all` are those of the crowd, without integrations.
    #[arg(long, value_name = "F", default_value = "all")]
    pub family: Vec<String>,
    /// Budget of a family, such as requests=0.5 (repeatable).
    #[arg(long, value_name = "F=RHO")]
    pub rho: Vec<String>,
    /// Squared L2 allowance of a principal in one window, such as requests=400 (repeatable).
    #[arg(long, value_name = "F=N")]
    pub u2: Vec<String>,
    /// The public cells: a JSON array of {"service","endpoint","method"}.
    #[arg(long, value_name = "CELLS.json")]
    pub public: Option<PathBuf>,
    /// Restart the process before this window.
    #[arg(long, value_name = "W")]
    pub restart_before: Option<u32>,
    /// Print the names of the columns first.
    #[arg(long)]
    pub header: bool,
    /// Plant a fault that an audit must catch.
    #[cfg(feature = "planted-faults")]
    #[arg(long, value_name = "NAME")]
    pub plant_fault: Option<String>,
}

const PLAN_EXAMPLES: &str = "\
Examples:
  hushtap privacy plan --tokens 300 --rate 20          300 active tokens, 20 requests a minute each
  hushtap privacy plan --tokens 40 --rate-limit 600    few tokens, and an API with a published limit
  hushtap privacy plan -c /etc/hushtap/hushtap.toml    with the budget, unit and window of a config

The numbers depend on the configuration and on what you say of your traffic, never on traffic that was seen.";

const TRIALS_EXAMPLES: &str = "\
Examples:
  hushtap privacy trials --input with.ndjson --public cells.json --family requests --rho requests=0.5 \\
    --u2 requests=400 --trials 20000 > with.tsv
  hushtap privacy trials --input with.ndjson --restart-before 3 --header --trials 1

A line of input is a number of equal requests of one principal in one window (1 to T):
  {\"window\":1,\"principal\":\"p\",\"service\":\"shop\",\"endpoint\":\"/v1/orders\",\"method\":\"GET\",\"code\":\"2xx\",\"count\":20}
and optionally of each: \"duration_us\", \"request_kib\", \"response_kib\", \"country\", \"integration\",
  \"sensitive\":[{\"category\":\"pii\",\"where\":\"response\",\"n\":1}], and \"signals\":[\"volume\"] that the principal shows.
Families: requests, latency, bytes, countries, sensitive_values, tokens_today, tokens_anomalous_today,
  tokens_exposed_today; of integrations, one request being the unit: integration_requests, integration_latency,
  integration_bytes.
Output is one line a trial, separated by tabs: the raw released value of every cell in every window, then what was published
after every window. Raw values of correlated families are those that the noise was added to, in counts; bytes are in KiB,
of integrations in units of 16 KiB. Cells that are not in CELLS.json count as `other`.";

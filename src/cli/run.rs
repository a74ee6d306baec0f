//! `hushtap run` and `hushtap demo`.

use std::path::PathBuf;

use clap::Args;

use super::CommonArgs;

/// `hushtap run`.
#[derive(Args, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub struct RunArgs {
    /// Interface to capture from; may be given several times.
    #[arg(
        short,
        long,
        value_name = "IFACE",
        env = "HUSHTAP_INTERFACE",
        hide_env_values = true,
        value_delimiter = ',',
        conflicts_with = "read"
    )]
    pub interface: Vec<String>,
    /// Receive VXLAN (a cloud mirror) on this address instead of capturing: HOST:PORT or HOST [port: 4789]; repeatable.
    #[arg(
        long,
        value_name = "ADDR",
        env = "HUSHTAP_LISTEN_VXLAN",
        hide_env_values = true,
        value_delimiter = ',',
        conflicts_with_all = ["read", "interface", "filter"]
    )]
    pub listen_vxlan: Vec<String>,
    /// Receive Geneve (a cloud mirror) on this address: HOST:PORT or HOST [port: 6081]; repeatable.
    #[arg(
        long,
        value_name = "ADDR",
        env = "HUSHTAP_LISTEN_GENEVE",
        hide_env_values = true,
        value_delimiter = ',',
        conflicts_with_all = ["read", "interface", "filter"]
    )]
    pub listen_geneve: Vec<String>,
    /// Read a capture file instead of a NIC.
    #[arg(short, long, value_name = "FILE")]
    pub read: Option<PathBuf>,
    /// How fast to read the file: realtime, max, or N times real time.
    #[arg(
        long,
        value_name = "SPEED",
        default_value = "realtime",
        requires = "read"
    )]
    pub speed: String,
    /// Keep reading as the file grows.
    #[arg(short, long, requires = "read")]
    pub follow: bool,
    /// Capture filter in libpcap's language (BPF), such as: tcp port 80.
    #[arg(value_name = "BPF", trailing_var_arg = true)]
    pub filter: Vec<String>,
    /// Where metrics are served.
    #[command(flatten)]
    pub serving: ServingArgs,
    /// Write masked records here, one JSON line a transaction (rotated, mode 0600).
    #[arg(long = "records", value_name = "FILE", help_heading = "Local files")]
    pub live_records: Option<PathBuf>,
    /// Write alerts here as they happen, one JSON line each (rotated, mode 0600).
    #[arg(long = "alerts", value_name = "FILE", help_heading = "Local files")]
    pub live_alerts: Option<PathBuf>,
    /// Start a privacy ledger where there is none.
    #[arg(long, help_heading = "Privacy budget")]
    pub init_ledger: bool,
    /// With -r: release again from a capture that was released under another config (spends a new budget).
    #[arg(long, help_heading = "Privacy budget", requires = "read")]
    pub new_budget: bool,
    /// As root: keep its capabilities once the sockets are open (otherwise all are given up).
    #[arg(long, help_heading = "Privileges")]
    pub allow_root: bool,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Where the two listeners are.
#[derive(Args, Debug)]
#[command(next_help_heading = "Listeners")]
pub struct ServingArgs {
    /// Address of the public metrics [default: 127.0.0.1:9843].
    #[arg(
        long,
        value_name = "ADDR",
        env = "HUSHTAP_LISTEN",
        hide_env_values = true
    )]
    pub listen: Option<String>,
    /// Address of the operator page and metrics, always authenticated [default: 127.0.0.1:9844].
    #[arg(
        long,
        value_name = "ADDR",
        env = "HUSHTAP_OPERATOR_LISTEN",
        hide_env_values = true
    )]
    pub operator_listen: Option<String>,
    /// TLS and authentication of the public listener: a web config file as Prometheus exporters take it.
    #[arg(
        long,
        value_name = "FILE",
        env = "HUSHTAP_WEB_CONFIG",
        hide_env_values = true
    )]
    pub web_config: Option<PathBuf>,
    /// Directory of keys, ledger and baselines [default: /var/lib/hushtap].
    #[arg(
        long,
        value_name = "DIR",
        env = "HUSHTAP_STATE_DIR",
        hide_env_values = true
    )]
    pub state_dir: Option<PathBuf>,
}

/// `hushtap demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Write the capture, OpenAPI document and config here [default: a new directory under the temporary one].
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Seed of the synthetic traffic: the same seed makes the same capture.
    #[arg(long, value_name = "N", default_value_t = 2026)]
    pub seed: u64,
    /// How many tokens call the API.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub tokens: u32,
    /// How much faster than real time the day runs.
    #[arg(long, value_name = "SPEED", default_value = "720")]
    pub speed: String,
    /// Make the capture and stop there.
    #[arg(long)]
    pub generate_only: bool,
    /// What the capture is like: a day, or small calls over kept connections to measure speed on.
    #[arg(
        long,
        value_enum,
        default_value = "day",
        hide = true,
        requires_if("keepalive", "generate_only")
    )]
    pub shape: DemoShape,
    /// About how many requests; exactly so many for `--shape keepalive`.
    #[arg(long, value_name = "N", default_value_t = 180_000)]
    pub transactions: u64,
    /// Where metrics are served.
    #[command(flatten)]
    pub serving: ServingArgs,
    /// As root: keep its capabilities once the sockets are open (otherwise all are given up).
    #[arg(long, help_heading = "Privileges")]
    pub allow_root: bool,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Shown under `hushtap run --help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  hushtap run -i eth1                                    a mirror port
  hushtap run -i eth1 -i eth2 tcp port 80 or port 8080   the two directions of a split tap
  hushtap run -r day.pcap --speed max                    a capture in place of a NIC
  hushtap run -i eth1 --alerts /var/log/hushtap/alerts.ndjson

Capturing needs CAP_NET_RAW:  sudo setcap cap_net_raw=ep $(command -v hushtap)
SIGHUP reloads the masking rules and opens the local files anew; SIGTERM drains and saves; a second SIGTERM stops at once.";

/// Shown under `hushtap demo --help`.
pub(super) const DEMO_EXAMPLES: &str = "\
Examples:
  hushtap demo
  hushtap demo --generate-only -o ./demo         only make the capture";

/// Kinds of synthetic traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum DemoShape {
    /// A day of an API.
    Day,
    /// The capture that speed is measured on.
    Keepalive,
}

//! The command line: flags only, no logic. What a flag *means* is decided in [`crate::config`] and [`crate::commands`].
//!
//! A flag that sets a configuration key carries the argument id that [`crate::config::FLAGS`] maps to that key.

mod doctor;
mod forget;
mod privacy;
mod replay;
mod run;
mod scrub;
mod version;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::logging::LogFormat;

pub use doctor::{DoctorArgs, DoctorFormat};
pub use forget::{ForgetArgs, ForgetKind};
pub use privacy::{PlanArgs, PrivacyCommand, TrialsArgs};
pub use replay::{FailOn, ReplayArgs, ReportKind};
pub use run::{DemoArgs, DemoShape, RunArgs};
pub use scrub::ScrubArgs;
pub use version::version;

/// The whole command line.
#[derive(Parser, Debug)]
#[command(
    name = "hushtap",
    about = "Shows how APIs and their tokens behave, from a mirror port, without showing who the users are",
    long_about = "hushtap reads mirrored HTTP traffic (a NIC, a SPAN port or capture files), masks every secret and personal \
                  value before anything else, learns what is usual for each token and endpoint, and serves Prometheus \
                  metrics under a differential-privacy guarantee.",
    version = env!("CARGO_PKG_VERSION"),
    long_version = version(),
    propagate_version = false,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 110,
    after_help = EXIT_CODES,
    after_long_help = EXAMPLES
)]
pub struct Cli {
    /// Where log lines go and how many.
    #[command(flatten)]
    pub logging: LoggingArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Capture, analyse, and serve metrics: the daemon
    #[command(after_help = run::EXAMPLES)]
    Run(Box<RunArgs>),
    /// Analyse capture files and print a report
    #[command(after_help = replay::EXAMPLES)]
    Replay(Box<ReplayArgs>),
    /// Copy standard input to standard output with every sensitive value replaced
    #[command(after_help = MASK_EXAMPLES)]
    Mask(MaskArgs),
    /// Write a copy of a capture that may be shared: same packets, no values, other addresses
    #[command(after_help = scrub::EXAMPLES)]
    Scrub(ScrubArgs),
    /// Say what is wrong with a mirror (one-sided, lossy, cut, copied...) and how to mend it
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
    /// Validate config, rules, OpenAPI documents and GeoIP database, and show what is in force
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// See it work: a synthetic day of API traffic with a few attacks, fed to the daemon at high speed
    #[command(after_help = run::DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// Give the pseudonym of each value on standard input
    #[command(after_help = PSEUDONYM_EXAMPLES)]
    Pseudonym(PseudonymArgs),
    /// Erase what the state directory knows of a token or a client
    #[command(after_help = forget::EXAMPLES)]
    Forget(ForgetArgs),
    /// Plan the noise of the public metrics, or audit it
    Privacy {
        /// Which of the two.
        #[command(subcommand)]
        command: PrivacyCommand,
    },
    /// List the interfaces that can be captured from
    #[cfg(feature = "live")]
    Interfaces,
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the manual page (troff), or write one page a command
    Man {
        /// Write hushtap.1 and a page for each command into this directory.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Logging flags, the same for every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Logging")]
pub struct LoggingArgs {
    /// How log lines look on standard error.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        env = "HUSHTAP_LOG_FORMAT",
        hide_env_values = true,
        value_name = "FORMAT",
        display_order = 900
    )]
    pub log_format: LogFormat,
    /// Log more (repeat for more still).
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 901)]
    pub verbose: u8,
    /// Log less (repeat for errors only).
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "verbose", display_order = 902)]
    pub quiet: u8,
}

impl LoggingArgs {
    /// `-v` up, `-q` down.
    pub fn verbosity(&self) -> i8 {
        let count = |n: u8| i8::try_from(n).unwrap_or(i8::MAX);
        count(self.verbose).saturating_sub(count(self.quiet))
    }
}

/// Flags of every command that analyses or masks traffic.
#[derive(Args, Debug)]
#[command(next_help_heading = "Common options")]
pub struct CommonArgs {
    /// Configuration file [default: /etc/hushtap/hushtap.toml, if it is there].
    #[arg(
        short,
        long,
        env = "HUSHTAP_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub config: Option<PathBuf>,
    /// Masking rules besides the built-in ones: every *.toml in DIR.
    ///
    /// A file named like a built-in pack (pci.toml) stands in its place, and so does a rule with the id of a built-in one.
    /// With `mask.built_in = false` in the configuration the rules of DIR are the only ones.
    #[arg(
        long,
        env = "HUSHTAP_RULES",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub rules: Option<PathBuf>,
    /// Worker threads [default: cores - 1, at least 1].
    #[arg(
        long,
        env = "HUSHTAP_WORKERS",
        hide_env_values = true,
        value_name = "N"
    )]
    pub workers: Option<String>,
    /// Key file for pseudonyms, so that they are the same in every run.
    #[arg(
        long,
        env = "HUSHTAP_PSEUDONYM_KEY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub pseudonym_key: Option<PathBuf>,
    /// TLS key log (SSLKEYLOGFILE form); may be given several times.
    #[arg(long, env = "HUSHTAP_KEYLOG",
        hide_env_values = true, value_name = "FILE", value_delimiter = None)]
    pub keylog: Vec<PathBuf>,
    /// Country database in MaxMind format.
    #[arg(
        long,
        env = "HUSHTAP_GEOIP",
        hide_env_values = true,
        value_name = "FILE.mmdb"
    )]
    pub geoip: Option<PathBuf>,
    /// OpenAPI document that names the endpoints; may be given several times.
    #[arg(
        long,
        env = "HUSHTAP_OPENAPI",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub openapi: Vec<PathBuf>,
}

/// `hushtap mask`.
#[derive(Args, Debug)]
pub struct MaskArgs {
    /// What the input is. Text in UTF-16 is read as well; output is UTF-8.
    #[arg(long = "as", value_enum, default_value = "auto", value_name = "FORMAT")]
    pub format: MaskFormat,
    /// Say on standard error what was replaced, by which rule (never the value).
    #[arg(long)]
    pub explain: bool,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Formats that `hushtap mask` reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum MaskFormat {
    /// Each line as what it looks like.
    Auto,
    /// Plain text such as log lines.
    Text,
    /// JSON, one or more documents.
    Json,
    /// HTTP messages as sent.
    Http,
    /// application/x-www-form-urlencoded.
    Form,
    /// XML.
    Xml,
    /// Lines of {"id":...,"text":"..."}; answers {"id":...,"masked":"...","found":[...]}.
    NdjsonEnvelope,
}

/// `hushtap check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// `hushtap pseudonym`.
#[derive(Args, Debug)]
pub struct PseudonymArgs {
    /// The key file that --pseudonym-key was given.
    #[arg(
        long,
        value_name = "FILE",
        env = "HUSHTAP_PSEUDONYM_KEY",
        hide_env_values = true
    )]
    pub key: PathBuf,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 input damaged but analysed, 4 findings, 77 no permission, 78 bad config or rule.
See 'hushtap COMMAND --help' for examples.";

const EXAMPLES: &str = "\
Examples:
  hushtap demo                                   see it work on synthetic traffic
  hushtap replay capture.pcap                    report on a capture
  hushtap run -i eth1 tcp port 80                watch a mirror port
  hushtap doctor -i eth1 --seconds 10            is the mirror sound?
  hushtap check -c /etc/hushtap/hushtap.toml     what is in force, and where it comes from

Every key of hushtap.toml can be set from the environment: http.body_limit is HUSHTAP_HTTP_BODY_LIMIT.
A flag wins over the environment, the environment over the file, the file over the default.

Exit codes:
   0  done
   1  failed at run time
   2  usage
   3  the input was damaged or truncated, but a result was produced
   4  findings: at or above --fail-on, or by the doctor
  77  no permission to capture (the message says the fix)
  78  bad config, rule or document (file, line, key, allowed values)

Results go to standard output, logs to standard error.";

const MASK_EXAMPLES: &str = "\
Examples:
  journalctl -u shop | hushtap mask              mask a log
  hushtap mask --as json < order.json            mask a document
  hushtap mask --explain < access.log >/dev/null say what would be replaced";

const CHECK_EXAMPLES: &str = "\
Examples:
  hushtap check
  hushtap check -c ./hushtap.toml --rules ./rules
  HUSHTAP_HTTP_BODY_LIMIT='2 MiB' hushtap check  see that a variable is taken";

const PSEUDONYM_EXAMPLES: &str = "\
Input is KIND<TAB>VALUE a line; output adds <TAB>PSEUDONYM. Kinds: token (as sent, or a whole Authorization
value), client (an IP address), object (an id in a path or body), integration (as token; prints the digest that
[[integration]] tokens lists).

Examples:
  printf 'client\\t192.0.2.7\\n' | hushtap pseudonym --key ./pseudonym.key";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  hushtap completions bash > /etc/bash_completion.d/hushtap
  hushtap completions zsh  > \"${fpath[1]}/_hushtap\"";

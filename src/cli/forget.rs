//! Flags of `hushtap forget`.

use std::path::PathBuf;

use clap::Args;

use super::CommonArgs;

/// `hushtap forget`.
#[derive(Args, Debug)]
pub struct ForgetArgs {
    /// What VALUE is.
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: ForgetKind,
    /// The token as it is sent (or a whole Authorization value), or the client's IP address; - reads it from standard input.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub value: String,
    /// Where the habits are [default: /var/lib/hushtap].
    #[arg(
        long,
        value_name = "DIR",
        env = "HUSHTAP_STATE_DIR",
        hide_env_values = true
    )]
    pub state_dir: Option<PathBuf>,
    /// Flags of every command.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Kinds of principals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum ForgetKind {
    /// A token, API key, session or user.
    Token,
    /// A token of a listed integration.
    Integration,
    /// A client without a token.
    Client,
}

impl ForgetKind {
    /// As `hushtap pseudonym` writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Integration => "integration",
            Self::Client => "client",
        }
    }
}

pub(super) const EXAMPLES: &str = "\
The daemon must not be running: it holds the habits in memory and would save them again.

Examples:
  hushtap forget --kind token - < token.txt      keep the token off the command line
  hushtap forget --kind client 192.0.2.7 --state-dir ~/hushtap";

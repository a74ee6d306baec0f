//! `hushtap privacy`: what the noise will be, and trials for auditors.

mod plan;
mod trials;

use clap::ArgMatches;

use crate::cli::PrivacyCommand;
use crate::error::{Error, Exit};

/// Does what the subcommand says.
pub(super) fn run(command: &PrivacyCommand, matches: &ArgMatches) -> Result<Exit, Error> {
    match command {
        PrivacyCommand::Plan(args) => {
            let own = matches.subcommand().map_or(matches, |(_, own)| own);
            plan::run(args, own)
        }
        PrivacyCommand::Trials(args) => trials::run(args),
    }
}

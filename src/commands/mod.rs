//! The commands: one short file each. A command turns arguments and config into options, does the work through the
//! library, and prints results to standard output.

mod check;
pub mod demo;
mod doctor;
pub mod faults;
mod forget;
#[cfg(feature = "live")]
mod interfaces;
mod man;
mod mask;
mod options;
mod privacy;
mod progress;
mod pseudonym;
pub mod replay;
pub mod run;
mod scrub;
mod select;

use std::io::{self, Write as _};

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use crate::cli::{Cli, Command};
use crate::error::{Error, Exit};
use crate::pipeline;

pub use options::{
    DoctorOptions, DoctorSource, LiveOptions, LiveSource, ReplayOptions, ScrubOptions, Speed,
    TimeRange, expand,
};
pub use progress::Progress;
pub use select::{AlertScopes, Beforehand, Select, Selector};

/// Parses the command line. A wrong one ends the process with exit 2 here.
pub fn parse() -> (Cli, ArgMatches) {
    let mut matches = Cli::command().get_matches();
    match Cli::from_arg_matches_mut(&mut matches.clone()) {
        Ok(cli) => {
            let own = matches
                .remove_subcommand()
                .map_or_else(ArgMatches::default, |(_, matches)| matches);
            (cli, own)
        }
        Err(error) => error.exit(),
    }
}

/// Does what the command line says.
pub fn run(cli: Cli, matches: &ArgMatches) -> Result<Exit, Error> {
    match cli.command {
        Command::Check(_) => check::run(matches),
        Command::Run(args) => run::run(&args, matches, |options| pipeline::run(&options)),
        Command::Replay(args) => replay::run(&args, matches, |options, outputs| {
            pipeline::replay(&options, outputs)
        }),
        Command::Doctor(args) => doctor::run(&args, matches, |options| pipeline::examine(&options)),
        Command::Scrub(args) => scrub::run(&args, matches, |options, out| {
            pipeline::scrub(&options, out)
        }),
        Command::Demo(args) => demo::run(&args, matches, |options| pipeline::run(&options)),
        Command::Mask(args) => mask::run(&args, matches),
        Command::Forget(args) => forget::run(&args, matches),
        Command::Pseudonym(args) => pseudonym::run(&args),
        Command::Privacy { command } => privacy::run(&command, matches),
        #[cfg(feature = "live")]
        Command::Interfaces => interfaces::run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "hushtap", &mut script);
            print(&script)
        }
        Command::Man { dir } => man::run(dir.as_deref()),
    }
}

/// Writes a result to standard output.
fn print(bytes: &[u8]) -> Result<Exit, Error> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("cannot write", "standard output", &error))?;
    Ok(Exit::Done)
}

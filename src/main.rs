//! The `hushtap` binary: parse, run one command, map the outcome to an exit code.

use std::io::Write as _;
use std::process::ExitCode;

use hushtap::error::{Error, Exit};
use hushtap::{commands, logging, process};

fn main() -> ExitCode {
    let hardening = process::harden();
    let (cli, matches) = commands::parse();
    logging::start(cli.logging.log_format, cli.logging.verbosity());
    if !hardening.no_core || !hardening.not_dumpable {
        tracing::warn!("core dumps could not be switched off entirely");
    }
    let exit = match commands::run(cli, &matches) {
        Ok(exit) => exit,
        Err(error) => report(&error),
    };
    exit.into()
}

/// Prints `error: ...` and its hint. If standard error is gone, the exit code still tells.
fn report(error: &Error) -> Exit {
    if !error.is_quiet() {
        let _told = writeln!(std::io::stderr(), "error: {error}").is_ok();
    }
    error.exit()
}

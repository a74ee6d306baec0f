//! `hushtap run`: where packets come from. The work itself is the pipeline's.

use clap::ArgMatches;

use super::options::{LiveOptions, LiveSource, Speed};
use crate::cli::RunArgs;
use crate::config::Config;
use crate::error::{Error, Exit};

/// Runs `work` until it is told to stop.
pub fn run(
    args: &RunArgs,
    matches: &ArgMatches,
    work: impl FnOnce(LiveOptions) -> Result<Exit, Error>,
) -> Result<Exit, Error> {
    let config = Config::load(matches)?;
    let source = match &args.read {
        Some(path) => LiveSource::File {
            path: path.clone(),
            speed: Speed::parse(&args.speed)?,
            follow: args.follow,
        },
        None => interfaces(&config)?,
    };
    work(LiveOptions {
        config,
        source,
        init_ledger: args.init_ledger,
        new_budget: args.new_budget,
        show_login: false,
    })
}

fn interfaces(config: &Config) -> Result<LiveSource, Error> {
    let capture = &config.settings.capture;
    if capture.interfaces.is_empty() {
        return Err(Error::usage("no interface to capture from").hint(
            "name one with -i (`hushtap interfaces` lists them), set capture.interfaces, or read a file with -r",
        ));
    }
    Ok(LiveSource::Interfaces {
        names: capture.interfaces.clone(),
        filter: capture.filter.clone(),
    })
}

//! `hushtap doctor`: what to look at and how to say it.

use clap::ArgMatches;

use super::options::{DoctorOptions, DoctorSource};
use super::progress::{Bar, Progress};
use crate::cli::{DoctorArgs, DoctorFormat};
use crate::config::Config;
use crate::doctor::{self, Evidence};
use crate::error::{Error, Exit};

/// Has `work` collect the evidence, and prints the findings.
pub(super) fn run(
    args: &DoctorArgs,
    matches: &ArgMatches,
    work: impl FnOnce(DoctorOptions) -> Result<Evidence, Error>,
) -> Result<Exit, Error> {
    let source = match &args.file {
        Some(path) => DoctorSource::File(path.clone()),
        None if args.interfaces.is_empty() => {
            return Err(Error::usage("nothing to look at").hint(
                "name an interface with -i (`hushtap interfaces` lists them), or give a capture file",
            ));
        }
        None => DoctorSource::Interfaces {
            names: args.interfaces.clone(),
            seconds: args.seconds,
        },
    };
    let options = DoctorOptions {
        config: Config::load(matches)?,
        source,
        progress: Progress::default(),
    };
    let bar = Bar::start(&options.progress, !args.no_progress);
    let evidence = work(options)?;
    drop(bar);
    let checks = doctor::examine(&evidence);
    let text = match args.report {
        DoctorFormat::Text => doctor::text(&evidence, &checks),
        DoctorFormat::Json => doctor::json(&evidence, &checks),
    };
    super::print(text.as_bytes())?;
    Ok(if evidence.damage.is_some() {
        Exit::Damaged
    } else if doctor::has_fault(&checks) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

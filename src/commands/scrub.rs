//! `hushtap scrub`: where it reads and writes. The work itself is the pipeline's.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::options::{ReplayOptions, ScrubOptions, TimeRange};
use super::progress::{Bar, Progress};
use super::select::Select;
use crate::cleartext::schema::Depth;
use crate::cleartext::scrub::Outcome;
use crate::cli::ScrubArgs;
use crate::config::Config;
use crate::error::{Error, Exit};
use crate::report::{Damage, grouped, size};
use crate::sinks::create_private;

/// Runs `work`, which writes to the output it is given.
pub(super) fn run(
    args: &ScrubArgs,
    matches: &ArgMatches,
    work: impl FnOnce(ScrubOptions, &mut dyn Write) -> Result<(Outcome, Option<Damage>), Error>,
) -> Result<Exit, Error> {
    if args.input == Path::new("-") {
        return Err(
            Error::usage("scrub reads its input twice and cannot take standard input")
                .hint("write the capture to a file first"),
        );
    }
    let options = ScrubOptions {
        replay: ReplayOptions {
            report: false,
            range: TimeRange::parse(args.from.as_deref(), args.to.as_deref())?,
            select: args
                .select
                .as_deref()
                .map_or_else(|| Ok(Select::default()), Select::parse)?,
            config: Config::load(matches)?,
            inputs: vec![args.input.clone()],
            survey: Depth::default(),
            records: false,
            bodies: false,
            progress: Progress::default(),
        },
        scratch: scratch(&args.output),
        place: args.output.display().to_string(),
    };
    let to_stdout = args.output == Path::new("-");
    if !to_stdout {
        super::replay::refuse_overwriting(&options.replay.inputs, std::iter::once(&args.output))?;
    }
    let bar = Bar::start(&options.replay.progress, !args.no_progress);
    let done = if to_stdout {
        work(options, &mut io::stdout().lock())
    } else {
        into_file(&args.output, |out| work(options, out))
    };
    drop(bar);
    let (outcome, damage) = done?;
    tell(&outcome);
    let Some(damage) = damage else {
        return Ok(Exit::Done);
    };
    tracing::error!(
        "{}: damaged at byte offset {}: {}; everything before it was written",
        args.input.display(),
        damage.offset,
        damage.what
    );
    Ok(Exit::Damaged)
}

/// Writes beside the output and renames: what stands there is a whole result or none.
fn into_file<T>(
    path: &Path,
    work: impl FnOnce(&mut dyn Write) -> Result<T, Error>,
) -> Result<T, Error> {
    let place = path.display().to_string();
    let fault = |error| Error::io("cannot write", &place, &error);
    if path.exists() && !path.is_file() {
        // A pipe or a device is written as it is.
        return work(&mut create_private(path).map_err(fault)?);
    }
    let mut file = tempfile::NamedTempFile::new_in(folder(path)).map_err(fault)?;
    let done = work(file.as_file_mut())?;
    file.persist(path).map_err(|error| fault(error.error))?;
    Ok(done)
}

/// Says on standard error what was done.
fn tell(outcome: &Outcome) {
    let left_out = match outcome.left_out {
        0 => String::new(),
        n => format!(", {} of other flows left out", grouped(n)),
    };
    tracing::info!(
        "{} packets written{left_out}; {} of HTTP with {} values masked, {} of other payload replaced by filler",
        grouped(outcome.packets),
        size(outcome.kept_bytes),
        grouped(outcome.values),
        size(outcome.filler_bytes)
    );
}

/// Where the output goes, or where temporary files go.
fn scratch(output: &Path) -> PathBuf {
    if output.is_file() || folder(output).is_dir() && output != Path::new("-") {
        folder(output)
    } else {
        std::env::temp_dir()
    }
}

fn folder(path: &Path) -> PathBuf {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

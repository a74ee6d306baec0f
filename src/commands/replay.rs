//! `hushtap replay`: what to read and where the results go. The work itself is the pipeline's.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ArgMatches;

use super::options::{ReplayOptions, TimeRange};
use super::progress::{Bar, Progress};
use super::select::Select;
use crate::cleartext::schema::Depth;
use crate::cli::{ReplayArgs, ReportKind};
use crate::config::Config;
use crate::error::{Error, Exit};
use crate::report::{self, Outcome, View};
use crate::sinks::{Outputs, Resolver, create_private};

/// Runs `work` over the files and writes report, records and alerts.
pub fn run(
    args: &ReplayArgs,
    matches: &ArgMatches,
    work: impl FnOnce(ReplayOptions, &mut Outputs) -> Result<Outcome, Error>,
) -> Result<Exit, Error> {
    let kind = report_kind(args)?;
    let options = ReplayOptions {
        range: TimeRange::parse(args.from.as_deref(), args.to.as_deref())?,
        select: args
            .select
            .as_deref()
            .map_or_else(|| Ok(Select::default()), Select::parse)?,
        config: Config::load(matches)?,
        inputs: super::expand(&args.inputs)?,
        survey: match kind {
            ReportKind::Openapi => Depth::Everything,
            ReportKind::None => Depth::Violations,
            ReportKind::Text | ReportKind::Json | ReportKind::Html => Depth::Inventory,
        },
        report: kind != ReportKind::None,
        records: args.records.is_some(),
        bodies: args.bodies,
        progress: Progress::default(),
    };
    let written = [&args.records, &args.alerts, &args.output];
    refuse_overwriting(&options.inputs, written.into_iter().flatten())?;
    // All files are created first: what cannot be written shall not cost an hour of reading.
    let mut records = args.records.as_deref().map(Target::open).transpose()?;
    let mut alerts = args.alerts.as_deref().map(Target::open).transpose()?;
    let mut report = match kind {
        ReportKind::None => None,
        ReportKind::Text | ReportKind::Json | ReportKind::Html | ReportKind::Openapi => Some(
            Target::open(args.output.as_deref().unwrap_or(STDOUT.as_ref()))?,
        ),
    };
    let mut outputs = Outputs::sorted(records.is_some(), alerts.is_some(), &scratch(args));
    let bar = Bar::start(&options.progress, !args.no_progress);
    let outcome = work(options, &mut outputs)?;
    drop(bar);
    for target in [&records, &alerts, &report].into_iter().flatten() {
        target.begin()?;
    }

    let admitted = outcome.summary.admitted.clone();
    let mut resolver = Resolver::new(Arc::clone(&outcome.names), admitted);
    if let Some(target) = &mut records {
        outputs.finish_records(&mut resolver, &mut target.out, &target.place)?;
    }
    if let Some(target) = &mut alerts {
        outputs.finish_alerts(&mut resolver, &mut target.out, &target.place)?;
    }
    if let Some(target) = &mut report {
        let text = match kind {
            ReportKind::Json => report::json(&View::of(&outcome)),
            ReportKind::Html => report::html(&View::of(&outcome)),
            ReportKind::Openapi => report::openapi(&outcome),
            ReportKind::Text | ReportKind::None => report::text(&View::of(&outcome)),
        };
        target.write(text.as_bytes())?;
    }
    Ok(verdict(args, &outcome))
}

/// Damage wins over findings: who automates on findings must know that some may be missing.
fn verdict(args: &ReplayArgs, outcome: &Outcome) -> Exit {
    let mut exit = Exit::Done;
    if let Some(level) = args.fail_on
        && outcome
            .summary
            .alerts
            .iter()
            .any(|alert| alert.severity >= level.into())
    {
        exit = Exit::Findings;
    }
    for capture in &outcome.captures {
        if let Some(damage) = capture.damage {
            tracing::error!(
                "{}: damaged at byte offset {}: {}; everything before it was analysed",
                capture.file,
                damage.offset,
                damage.what
            );
            exit = Exit::Damaged;
        }
    }
    exit
}

/// The name of standard output, and of standard input.
const STDOUT: &str = "-";

/// Which report, seen that standard output can carry one thing only.
fn report_kind(args: &ReplayArgs) -> Result<ReportKind, Error> {
    let is_stdout = |path: &Option<PathBuf>| path.as_deref() == Some(STDOUT.as_ref());
    let lines = [is_stdout(&args.records), is_stdout(&args.alerts)];
    let taken = lines.iter().filter(|taken| **taken).count();
    let report_there = args.output.is_none() || is_stdout(&args.output);
    let kind = match args.report {
        None if taken > 0 && report_there => ReportKind::None,
        None => ReportKind::Text,
        Some(kind) => kind,
    };
    let report = usize::from(kind != ReportKind::None && report_there);
    if taken + report > 1 {
        return Err(Error::usage(
            "standard output can take one of report, records and alerts only",
        )
        .hint("give the others a file: --records FILE, --alerts FILE, -o FILE"));
    }
    Ok(kind)
}

/// Where lines are sorted that do not fit into memory: beside the records, which are as long; else where `TMPDIR` says, else
/// on disk rather than in a /tmp that may be memory.
fn scratch(args: &ReplayArgs) -> PathBuf {
    let beside = args
        .records
        .as_deref()
        .filter(|path| *path != Path::new(STDOUT) && path.is_file())
        .and_then(Path::parent);
    match beside {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        Some(_) => PathBuf::from("."),
        None if std::env::var_os("TMPDIR").is_some() => std::env::temp_dir(),
        None => Some(PathBuf::from("/var/tmp"))
            .filter(|dir| dir.is_dir())
            .unwrap_or_else(std::env::temp_dir),
    }
}

/// An output that is an input, or another output, would destroy it: a capture may be the only copy of what happened.
pub(super) fn refuse_overwriting<'a>(
    inputs: &[PathBuf],
    outputs: impl Iterator<Item = &'a PathBuf>,
) -> Result<(), Error> {
    let identity = |path: &Path| {
        let known = fs::metadata(path).ok().filter(fs::Metadata::is_file);
        known.map(|meta| (meta.dev(), meta.ino()))
    };
    let mut taken: Vec<(PathBuf, Option<(u64, u64)>)> = inputs
        .iter()
        .map(|path| (path.clone(), identity(path)))
        .collect();
    for path in outputs.filter(|path| path.as_path() != Path::new(STDOUT)) {
        let own = identity(path);
        let same = taken
            .iter()
            .find(|(other, known)| (own.is_some() && *known == own) || other == path);
        if let Some((other, _)) = same {
            return Err(Error::usage(format!(
                "{} would be written over {}",
                path.display(),
                other.display()
            ))
            .hint("give every output a file of its own, and none of them that of an input"));
        }
        taken.push((path.clone(), own));
    }
    Ok(())
}

/// A file of mode 0600, or standard output.
struct Target {
    out: Box<dyn Write>,
    /// The file, to be emptied when there is something to write.
    file: Option<File>,
    place: String,
}

impl Target {
    fn open(path: &Path) -> Result<Self, Error> {
        if path == Path::new(STDOUT) {
            return Ok(Self {
                out: Box::new(BufWriter::new(io::stdout())),
                file: None,
                place: "standard output".to_owned(),
            });
        }
        let place = path.display().to_string();
        let fault = |error| Error::io("cannot write", &place, &error);
        let file = create_private(path).map_err(fault)?;
        let regular = file.metadata().map_err(fault)?.is_file();
        let again = if regular {
            Some(file.try_clone().map_err(fault)?)
        } else {
            None
        };
        Ok(Self {
            out: Box::new(BufWriter::with_capacity(1 << 17, file)),
            file: again,
            place,
        })
    }

    /// Empties the file. Until the work is done and there is something to write, what it held stays.
    fn begin(&self) -> Result<(), Error> {
        let emptied = self.file.as_ref().map_or(Ok(()), |file| file.set_len(0));
        emptied.map_err(|error| Error::io("cannot write", &self.place, &error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .map_err(|error| Error::io("cannot write", &self.place, &error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;
    use crate::analysis::alert::Severity;
    use crate::analysis::summary::Summary;
    use crate::observation::Admitted;
    use crate::report::{Capture, Damage};
    use crate::sinks::tests::{Plain, alert};
    use crate::sinks::{AlertEncoder, Lines};
    use crate::tally::Tallies;

    /// Runs the command on a file, with a pipeline that finds one alert, and damage if asked.
    fn replay(flags: &[&str], damage: Option<Damage>) -> Result<Exit, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let words = ["replay", path].into_iter().chain(flags.iter().copied());
        let matches = ReplayArgs::augment_args(Command::new("replay")).get_matches_from(words);
        let args = ReplayArgs::from_arg_matches(&matches).unwrap();
        run(&args, &matches, |options, outputs| {
            let names: Arc<dyn crate::observation::Names> = Arc::new(Plain);
            let mut alert = alert();
            alert.severity = Severity::Medium;
            let mut lines = Lines::default();
            AlertEncoder::new(Arc::clone(&names)).encode(&alert, &mut lines);
            let mut resolver = Resolver::new(Arc::clone(&names), Admitted::default());
            outputs.alerts(&mut lines, &mut resolver)?;
            Ok(Outcome {
                tls: None,
                select: None,
                captures: vec![Capture {
                    file: options.inputs[0].display().to_string(),
                    packets: 1,
                    bytes: 60,
                    time_range: None,
                    damage,
                }],
                summary: Summary {
                    alerts: vec![alert],
                    ..Summary::default()
                },
                tallies: Tallies::default(),
                names,
                documents: None,
                catalog: crate::catalog::Catalog::default(),
            })
        })
    }

    const DAMAGE: Option<Damage> = Some(Damage {
        offset: 24,
        what: "cut off",
    });

    #[test]
    fn exit_codes() {
        let none = ["--report", "none"];
        let with = |level| ["--report", "none", "--fail-on", level];
        assert_eq!(replay(&none, None).unwrap(), Exit::Done);
        assert_eq!(replay(&with("high"), None).unwrap(), Exit::Done);
        assert_eq!(replay(&with("medium"), None).unwrap(), Exit::Findings);
        assert_eq!(replay(&none, DAMAGE).unwrap(), Exit::Damaged);
        assert_eq!(replay(&with("low"), DAMAGE).unwrap(), Exit::Damaged);
    }

    #[test]
    fn standard_output_takes_one_thing() {
        for flags in [
            &["--records", "-", "--alerts", "-"][..],
            &["--records", "-", "--report", "text"],
            &["--alerts", "-", "--report", "json", "-o", "-"],
        ] {
            let error = replay(flags, None).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage, "{flags:?}");
        }
    }

    #[test]
    fn files_are_private_and_written_even_if_the_input_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let (report, alerts) = (dir.path().join("r.json"), dir.path().join("a.ndjson"));
        let flags = [
            "--report",
            "json",
            "-o",
            report.to_str().unwrap(),
            "--alerts",
            alerts.to_str().unwrap(),
        ];
        assert_eq!(replay(&flags, DAMAGE).unwrap(), Exit::Damaged);
        for path in [&report, &alerts] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let report: serde_json::Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
        let alert: serde_json::Value = serde_json::from_slice(&fs::read(alerts).unwrap()).unwrap();
        assert_eq!(report["alerts"][0], alert);
        assert_eq!(report["captures"][0]["damage"]["offset"], 24);
    }

    #[test]
    fn what_cannot_be_written_is_told_before_the_work() {
        let error = replay(&["-o", "/nonexistent/r.txt"], None).unwrap_err();
        assert_eq!(error.exit(), Exit::Failed);
        assert!(
            error
                .to_string()
                .starts_with("/nonexistent/r.txt: cannot write")
        );
    }
}

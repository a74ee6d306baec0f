//! The records and alerts of one run, wherever they go.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Lines, LiveFile, Resolver, Rotation, Sorter};
use crate::config::Config;
use crate::error::Error;

/// Takes batches of lines. What is not wanted is not taken: ask first, and save the encoding.
#[derive(Default)]
pub struct Outputs {
    records: Option<Output>,
    alerts: Option<Output>,
}

enum Output {
    /// Sorted over the whole run, written at its end.
    Sorted(Sorter),
    /// Written tick by tick.
    Live(LiveFile, PathBuf),
}

impl Outputs {
    /// For a replay. Lines that do not fit into memory go to a file without a name in `scratch`.
    pub fn sorted(records: bool, alerts: bool, scratch: &Path) -> Self {
        let sorter = |wanted: bool| wanted.then(|| Output::Sorted(Sorter::new(scratch)));
        Self {
            records: sorter(records),
            alerts: sorter(alerts),
        }
    }

    /// For the daemon: the files that `[export]` names.
    pub fn live(config: &Config) -> Result<Self, Error> {
        let export = &config.settings.export;
        let rotation = Rotation {
            size: export.rotate_size.bytes(),
            keep: export.rotate_keep,
        };
        let open = |path: &Option<PathBuf>| {
            path.as_deref()
                .map(|path| {
                    LiveFile::open(path, rotation)
                        .map(|file| Output::Live(file, path.to_owned()))
                        .map_err(|error| cannot_write(path, &error))
                })
                .transpose()
        };
        Ok(Self {
            records: open(&export.records)?,
            alerts: open(&export.alerts)?,
        })
    }

    /// Whether records are wanted.
    pub const fn wants_records(&self) -> bool {
        self.records.is_some()
    }

    /// Whether alerts are wanted.
    pub const fn wants_alerts(&self) -> bool {
        self.alerts.is_some()
    }

    /// Takes records. Live they are written at once, with the texts `resolver` may show now.
    pub fn records(&mut self, lines: &mut Lines, resolver: &mut Resolver) -> Result<(), Error> {
        take(&mut self.records, lines, resolver)
    }

    /// Takes alerts.
    pub fn alerts(&mut self, lines: &mut Lines, resolver: &mut Resolver) -> Result<(), Error> {
        take(&mut self.alerts, lines, resolver)
    }

    /// Opens the live files anew, after a log rotator moved them.
    pub fn reopen(&mut self) -> Result<(), Error> {
        for output in [&mut self.records, &mut self.alerts].into_iter().flatten() {
            if let Output::Live(file, path) = output {
                file.reopen().map_err(|error| cannot_write(path, &error))?;
            }
        }
        Ok(())
    }

    /// Writes the sorted records to `out`, whose name is `place`.
    pub fn finish_records(
        &mut self,
        resolver: &mut Resolver,
        out: &mut dyn Write,
        place: &str,
    ) -> Result<(), Error> {
        finish(self.records.take(), resolver, out, place)
    }

    /// Writes the sorted alerts to `out`, whose name is `place`.
    pub fn finish_alerts(
        &mut self,
        resolver: &mut Resolver,
        out: &mut dyn Write,
        place: &str,
    ) -> Result<(), Error> {
        finish(self.alerts.take(), resolver, out, place)
    }
}

fn take(
    output: &mut Option<Output>,
    lines: &mut Lines,
    resolver: &mut Resolver,
) -> Result<(), Error> {
    match output {
        Some(Output::Sorted(sorter)) => sorter.take(lines).map_err(|error| {
            Error::io("cannot sort records and alerts", "the scratch file", &error)
                .hint("TMPDIR names the directory it is made in")
        }),
        Some(Output::Live(file, path)) => file
            .write(lines, resolver)
            .map_err(|error| cannot_write(path, &error)),
        None => {
            lines.clear();
            Ok(())
        }
    }
}

fn finish(
    output: Option<Output>,
    resolver: &mut Resolver,
    out: &mut dyn Write,
    place: &str,
) -> Result<(), Error> {
    let Some(Output::Sorted(sorter)) = output else {
        return Ok(());
    };
    sorter
        .finish(resolver, out)
        .and_then(|_| out.flush())
        .map_err(|error| Error::io("cannot write", place, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::io("cannot write", &path.display().to_string(), error)
}

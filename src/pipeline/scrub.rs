//! `hushtap scrub`: twice over the input, once for what to mask and once to write.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use crate::cleartext::capture::{FileSource, SourceError};
use crate::cleartext::scrub::{Outcome, ScrubError, Scrubber};
use crate::commands::{ScrubOptions, faults};
use crate::error::Error;
use crate::observation::FlowId;
use crate::report::Damage;
use crate::tally::TallySheet;

/// Writes a scrubbed copy of the input to `out`. What is damaged of the input is told beside what was done.
pub fn scrub(
    options: &ScrubOptions,
    out: &mut dyn Write,
) -> Result<(Outcome, Option<Damage>), Error> {
    let replay = &options.replay;
    let flows = if replay.select.is_empty() {
        BTreeSet::new()
    } else {
        let flows = super::replay::flows(replay)?;
        if flows.is_empty() {
            return Err(Error::failed("--select admits no transaction of this capture").hint(
                "`hushtap replay --records - --select EXPR` shows what it admits; pseudonyms need the same --pseudonym-key",
            ));
        }
        flows
    };
    let spool = tempfile::tempfile_in(&options.scratch).map_err(|error| {
        Error::io(
            "cannot write",
            &options.scratch.display().to_string(),
            &error,
        )
    })?;
    let keys = replay.config.keys(&replay.config.passing_key()?);
    let mut scrubber = Scrubber::new(
        replay.config.engine(),
        Arc::new(replay.config.rules(None)?),
        &keys.placeholder_key(),
        spool,
    );
    scrubber.flows = flows.into_iter().collect::<Vec<FlowId>>();
    let [input] = replay.inputs.as_slice() else {
        return Err(Error::internal());
    };
    let fault = |error: ScrubError| match error {
        ScrubError::Write(error) => Error::io("cannot write", &options.place, &error),
        ScrubError::Read(error) => faults::source(&[input.display().to_string()], error),
    };
    let mut source = open(options, input)?;
    let meter = source.progress();
    replay.progress.attach(move || (meter.read(), meter.total));
    scrubber.read(&mut source).map_err(fault)?;
    if scrubber.is_fragmented() {
        let mut source = open(options, input)?;
        scrubber.gather(&mut source).map_err(fault)?;
    }
    let mut source = open(options, input)?;
    let mut out = BufWriter::with_capacity(1 << 18, out);
    let (outcome, damage) = scrubber.write(&mut source, &mut out).map_err(fault)?;
    out.flush()
        .map_err(|error| Error::io("cannot write", &options.place, &error))?;
    Ok((outcome, damage.and_then(told)))
}

fn told(error: SourceError) -> Option<Damage> {
    faults::damage(error).map(|(_, damage)| damage)
}

fn open(options: &ScrubOptions, input: &Path) -> Result<FileSource, Error> {
    let range = options.replay.range;
    let how = options
        .replay
        .config
        .file_capture(range.from, range.to, false);
    let tally = Arc::new(TallySheet::default());
    FileSource::open(&[input.to_owned()], how, tally)
        .map_err(|error| faults::file(input, error.fault))
}

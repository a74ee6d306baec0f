//! `hushtap doctor`: one source through examiner and engine on one thread; transactions are counted and forgotten.

use std::path::Path;
use std::sync::Arc;

use super::signals::Signals;
use crate::cleartext::capture::{FileOptions, FileSource, Polled, Source, SourceError};
use crate::cleartext::engine::Engine;
use crate::cleartext::examiner::Examiner;
use crate::cleartext::http::transaction::Transaction;
use crate::cleartext::tls;
use crate::clock::{EventTime, NANOS_PER_SECOND, wall_now};
use crate::commands::{DoctorOptions, DoctorSource, faults};
use crate::doctor::Evidence;
use crate::error::Error;
use crate::tally::{Tallies, TallySheet};

/// Looks at a source to its end, or for as long as was asked for.
pub fn examine(options: &DoctorOptions) -> Result<Evidence, Error> {
    let tallies = Tallies::default();
    let tally = tallies.sheet();
    let signals = Signals::install()?;
    let tls = tls::Shared::default();
    options.config.key_logs(&tls.keys)?;
    let room = (&signals, &tally, &tls);
    match &options.source {
        DoctorSource::File(path) => {
            let mut source = open(options, path, &tls, &tally)?;
            let meter = source.progress();
            options.progress.attach(move || (meter.read(), meter.total));
            let seen = watch(options, &mut source, room, None);
            let damage = seen
                .fault
                .and_then(faults::damage)
                .map(|(_, damage)| damage);
            Ok(evidence(
                path.display().to_string(),
                false,
                &seen,
                tallies,
                damage,
            ))
        }
        DoctorSource::Interfaces { names, seconds } => {
            let mut source = super::live::open_interfaces(&options.config, names, &signals)?;
            let start = wall_now();
            let span = seconds.saturating_mul(NANOS_PER_SECOND);
            options
                .progress
                .attach(move || (wall_now().nanos_since(start).min(span), Some(span)));
            let until = start.plus_nanos(span);
            let mut seen = watch(options, source.as_mut(), room, Some(until));
            if let Some(fault) = seen.fault.take() {
                return Err(faults::source(names, fault));
            }
            let label = format!("{}, watched for {} s", names.join(" and "), seen.watched);
            Ok(evidence(label, true, &seen, tallies, None))
        }
    }
}

/// What one look has given.
struct Seen {
    examiner: Examiner,
    drops: crate::cleartext::capture::Drops,
    fault: Option<SourceError>,
    watched: u64,
}

fn watch(
    options: &DoctorOptions,
    source: &mut dyn Source,
    (signals, tally, tls): (&Signals, &Arc<TallySheet>, &tls::Shared),
    until: Option<EventTime>,
) -> Seen {
    let mut engine = Engine::new(options.config.engine(), Arc::clone(tally));
    engine.set_tls(tls.clone());
    let mut examiner = Examiner::default();
    let mut forget = |transaction: Transaction| drop(transaction);
    let begun = wall_now();
    let mut fault = None;
    while !signals.is_stopping() && until.is_none_or(|until| wall_now() < until) {
        match source.poll() {
            Ok(Polled::Packet(packet)) => {
                examiner.packet(&packet);
                engine.packet(&packet, &mut forget);
            }
            Ok(Polled::Idle) => engine.idle(wall_now(), &mut forget),
            Ok(Polled::End) => break,
            Err(error) => {
                fault = Some(error);
                break;
            }
        }
    }
    engine.finish(&mut forget);
    Seen {
        examiner,
        drops: source.drops(),
        fault,
        watched: wall_now().nanos_since(begun).div_ceil(NANOS_PER_SECOND),
    }
}

fn evidence(
    source: String,
    live: bool,
    seen: &Seen,
    tallies: Tallies,
    damage: Option<crate::report::Damage>,
) -> Evidence {
    Evidence {
        source,
        live,
        facts: seen.examiner.facts(),
        tallies,
        drops: seen.drops,
        damage,
        watched_seconds: seen.watched,
    }
}

fn open(
    options: &DoctorOptions,
    path: &Path,
    tls: &tls::Shared,
    tally: &Arc<TallySheet>,
) -> Result<FileSource, Error> {
    let how = FileOptions {
        keys: Some(tls.keys.clone()),
        ..options.config.file_capture(None, None, false)
    };
    FileSource::open(&[path.to_owned()], how, Arc::clone(tally))
        .map_err(|error| faults::file(path, error.fault))
}

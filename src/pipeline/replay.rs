//! `hushtap replay`: capture files through all rooms, as fast as it goes, nothing dropped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder};

use crossbeam_channel::Receiver;

use super::capture::CaptureLoop;
use super::narrow::Narrow;
use super::queue::{self, WhenFull};
use super::rooms::Rooms;
use super::workers;
use crate::analysis::summary::Summary;
use crate::analysis::{self, Output};
use crate::cleartext::anonymize::keys::StateKey;
use crate::cleartext::capture::{FileOptions, FileSource, SourceError};
use crate::cleartext::engine::Engine;
use crate::cleartext::mask::Render;
use crate::cleartext::schema::Depth;
use crate::cleartext::tls::{self, Book};
use crate::commands::{Beforehand, ReplayOptions, Selector, faults};
use crate::config::Mode;
use crate::error::Error;
use crate::gauge::Gauges;
use crate::observation::FlowId;
use crate::report::{Capture, Outcome};
use crate::sinks::{AlertEncoder, Lines, Outputs, RecordEncoder, Resolver};
use crate::tally::{Tallies, TallySheet};

/// Fields of the API that a shard remembers where all of them are wanted.
const FIELDS_PER_SHARD: usize = 32_768;

/// Reads all inputs and hands records and alerts to `outputs`; what was found at the end is the outcome.
pub fn replay(options: &ReplayOptions, outputs: &mut Outputs) -> Result<Outcome, Error> {
    let key = options.config.passing_key()?;
    let known = beforehand(options, &key)?;
    let narrows = options.report && !options.select.is_empty();
    let wanted = outputs.wants_records() || narrows;
    let run = analyse(options, &key, wanted, |rooms, settings, results| {
        let mut selector = Selector::new(options.select.clone(), rooms.names());
        selector.know(known);
        let part = narrows.then(|| Narrow::new(settings)).transpose()?;
        collect(rooms, (selector, part), results, outputs)
    })?;
    Ok(Outcome {
        captures: captures(options, &run.source, &run.damage),
        summary: run.found,
        tallies: run.tallies,
        names: run.rooms.names(),
        documents: run.rooms.documents(),
        catalog: options.config.catalog(),
        tls: run.book,
        select: options.select.text().map(str::to_owned),
    })
}

/// The flows of the transactions that `options.select` admits.
pub(super) fn flows(options: &ReplayOptions) -> Result<BTreeSet<FlowId>, Error> {
    let key = options.config.passing_key()?;
    let known = beforehand(options, &key)?;
    let run = analyse(options, &key, true, |rooms, _, results| {
        let mut selector = Selector::new(options.select.clone(), rooms.names());
        selector.know(known);
        let mut flows = BTreeSet::new();
        for output in results {
            if let Output::Rows { rows, .. } = output {
                let admitted = rows.iter().filter(|row| selector.admits(&row.observation));
                flows.extend(admitted.map(|row| row.observation.flow));
            }
        }
        Ok(flows)
    })?;
    Ok(run.found)
}

/// What `options.select` needs to know beforehand, from a reading of its own; it needs `key` to be that of the next.
fn beforehand(options: &ReplayOptions, key: &StateKey) -> Result<Beforehand, Error> {
    let from_stdin = options.inputs.iter().any(|path| path.as_os_str() == "-");
    let alerts = options.select.asks_for_alerts();
    if alerts && from_stdin {
        return Err(Error::usage(
            "--select alert= reads the input twice, which standard input does not allow",
        )
        .hint("write the capture to a file first"));
    }
    if from_stdin || !(alerts || options.select.asks_for_endpoints()) {
        return Ok(Beforehand::default());
    }
    let run = analyse(options, key, false, |rooms, _, results| {
        let selector = Selector::new(options.select.clone(), rooms.names());
        let mut known = Beforehand::default();
        for output in results {
            match output {
                Output::Alerts(alerts) => {
                    let admitted = alerts.iter().filter(|alert| selector.names_alert(alert));
                    admitted.for_each(|alert| known.alerts.add(alert));
                }
                Output::Summary { summary, .. } => {
                    known.templates = summary.admitted.templates().clone();
                }
                Output::Rows { .. } | Output::Window { .. } | Output::State(_) => {}
            }
        }
        Ok(known)
    })?;
    Ok(run.found)
}

/// A replay that has ended.
struct Run<T> {
    found: T,
    rooms: Rooms,
    tallies: Tallies,
    source: FileSource,
    damage: Vec<SourceError>,
    book: Option<Arc<Book>>,
}

/// Runs all rooms over the inputs; `collect` reads what the analysis room hands out.
fn analyse<T>(
    options: &ReplayOptions,
    key: &StateKey,
    rows: bool,
    collect: impl FnOnce(&Rooms, &analysis::Settings, &Receiver<Output>) -> Result<T, Error>,
) -> Result<Run<T>, Error> {
    let tallies = Tallies::default();
    let gauges = Gauges::default();
    let render = if options.bodies {
        Render::Text
    } else {
        Render::Count
    };
    let rooms = Rooms::build(&options.config, key, (render, options.survey))?;
    let tally = tallies.sheet();
    let (tls, _) = Rooms::tls(&options.config, &rooms.worker)?;
    let mut source = open(options, &tls, Arc::clone(&tally))?;
    let mut settings = analysis::Settings {
        rows,
        ..options.config.analysis(Mode::Replay)
    };
    if options.survey == Depth::Everything {
        settings.max_texts_per_shard = settings.max_texts_per_shard.max(FIELDS_PER_SHARD);
        settings.max_inventory_per_shard = settings.max_inventory_per_shard.max(FIELDS_PER_SHARD);
    }
    let (sinks, results) = analysis::start(settings.clone(), rooms.workers, &tallies);
    let (feed, channels) = queue::feed(
        rooms.workers,
        WhenFull::Block,
        Arc::clone(&tally),
        gauges.clone(),
    );
    let stop = AtomicBool::new(false);
    let meter = source.progress();
    options.progress.attach(move || (meter.read(), meter.total));
    let mut engine = Engine::new(options.config.engine(), Arc::clone(&tally));
    let book = tls.book.clone();
    engine.set_tls(tls);
    let (damage, found) = thread::scope(|scope| {
        let capture = CaptureLoop {
            engine,
            feed,
            pace: None,
            live: false,
            stop: &stop,
            tally: &tally,
            gauges: &gauges,
            housekeeping: Box::new(|| {}),
        };
        let source = &mut source;
        let reader = Builder::new()
            .name("ht-capture-0".to_owned())
            .spawn_scoped(scope, move || capture.run(source))
            .map_err(|error| Error::io("cannot start a thread", "ht-capture", &error))?;
        let workers = workers::spawn(scope, &rooms.worker, &tallies, channels, sinks)?;
        let found = collect(&rooms, &settings, &results);
        // Without a reader the workers give up, and then so does the capture thread.
        drop(results);
        if found.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        let damage = reader.join().map_err(|_| Error::internal())?;
        workers::join(workers)?;
        Ok::<_, Error>((damage, found?))
    })?;
    Ok(Run {
        found,
        rooms,
        tallies,
        source,
        damage,
        book,
    })
}

/// Reads what the analysis room hands out, to the end.
fn collect(
    rooms: &Rooms,
    (mut selector, mut part): (Selector, Option<Narrow>),
    results: &Receiver<Output>,
    outputs: &mut Outputs,
) -> Result<Summary, Error> {
    let mut records = RecordEncoder::new(rooms.names());
    let mut alerts = AlertEncoder::new(rooms.names());
    let mut lines = Lines::default();
    // Texts are resolved when everything was seen: sorted outputs do not ask before.
    let mut resolver = Resolver::new(rooms.names(), crate::observation::Admitted::default());
    let mut last = None;
    for output in results {
        match output {
            Output::Rows { tick, rows } => {
                for row in rows.iter().filter(|row| selector.admits(&row.observation)) {
                    if outputs.wants_records() {
                        records.encode(row, &mut lines);
                    }
                    if let Some(part) = &mut part {
                        part.push(row);
                    }
                }
                if let Some(part) = &mut part {
                    part.end_tick(tick);
                }
                outputs.records(&mut lines, &mut resolver)?;
            }
            Output::Alerts(batch) if outputs.wants_alerts() => {
                for alert in batch.iter().filter(|alert| selector.admits_alert(alert)) {
                    alerts.encode(alert, &mut lines);
                }
                outputs.alerts(&mut lines, &mut resolver)?;
            }
            Output::Summary {
                summary,
                last: true,
            } => last = Some(*summary),
            Output::Alerts(_)
            | Output::Summary { .. }
            | Output::Window { .. }
            | Output::State(_) => {}
        }
    }
    let mut whole = last.ok_or_else(Error::internal)?;
    if let Some(part) = part {
        return part.finish(whole, &mut selector);
    }
    whole.alerts.retain(|alert| selector.admits_alert(alert));
    Ok(whole)
}

/// Opens the files; the first one that is no capture at all ends it.
fn open(
    options: &ReplayOptions,
    tls: &tls::Shared,
    tally: Arc<TallySheet>,
) -> Result<FileSource, Error> {
    let range = options.range;
    let how = FileOptions {
        keys: Some(tls.keys.clone()),
        ..options.config.file_capture(range.from, range.to, false)
    };
    FileSource::open(&options.inputs, how, tally).map_err(|error| {
        match options.inputs.get(error.index) {
            Some(path) => faults::file(path, error.fault),
            None => Error::internal(),
        }
    })
}

fn captures(options: &ReplayOptions, source: &FileSource, errors: &[SourceError]) -> Vec<Capture> {
    let found: Vec<_> = errors
        .iter()
        .filter_map(|error| faults::damage(*error))
        .collect();
    let files = options.inputs.iter().zip(source.summaries()).enumerate();
    let captures = files.map(|(index, (path, seen))| Capture {
        file: path.display().to_string(),
        packets: seen.packets,
        bytes: seen.bytes,
        time_range: seen.first.zip(seen.last),
        damage: found
            .iter()
            .find_map(|(file, damage)| (*file == index).then_some(*damage)),
    });
    captures.collect()
}

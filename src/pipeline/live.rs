//! `hushtap run`: a NIC or a capture in its place, through all rooms, to the two listeners and the local files.
//!
//! Everything that can fail for want of permission or for a wrong path is opened first; then the sandbox closes; then
//! threads start. Windows are released by this thread (`ht-closer`), one at a time, each on disk before it is served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder};
use std::time::Duration;

use super::capture::{CaptureLoop, Pace};
use super::closer::Closer;
use super::desk::Desk;
use super::keep::StateKeeper;
use super::listeners::Listeners;
use super::queue::{self, WhenFull};
use super::rooms::Rooms;
use super::signals::Signals;
use super::watch::{FileWatch, RulesWatch, anchors, folder};
use super::workers;
use crate::analysis;
use crate::analysis::save::SaveSettings;
use crate::cleartext::capture::udp::{Listen, UdpSource};
use crate::cleartext::capture::{FileOptions, FileSource, Source, SourceError};
use crate::cleartext::engine::Engine;
use crate::cleartext::mask::Render;
use crate::cleartext::schema::Depth;
use crate::cleartext::tls::{self, KeyLogFollower};
use crate::commands::{LiveOptions, LiveSource, Speed, faults};
use crate::config::{Config, Mode};
use crate::error::{Error, Exit};
use crate::gauge::{Gauge, Gauges};
use crate::operator::OperatorState;
use crate::release::exporter::PublicSite;
use crate::release::ledger::{Namespace, Opening};
use crate::sandbox;
use crate::sinks::Outputs;
use crate::tally::{Tallies, TallySheet};

/// How often key logs are looked at.
const KEY_LOG_PAUSE: Duration = Duration::from_millis(100);
/// Seconds of packet time between two pictures for the operator channel.
const SUMMARY_SECONDS: u64 = 5;

/// Runs until the source ends and the process is told to stop, or just until it is told to stop.
pub fn run(options: &LiveOptions) -> Result<Exit, Error> {
    let daemon = Daemon::open(options)?;
    daemon.run(options)
}

/// Everything open, nothing started.
struct Daemon {
    rooms: Rooms,
    closer: Closer,
    keeper: Option<StateKeeper>,
    source: Box<dyn Source + Send>,
    outputs: Outputs,
    operator: Arc<OperatorState>,
    public: Arc<PublicSite>,
    tallies: Tallies,
    gauges: Gauges,
    tally: Arc<TallySheet>,
    signals: Signals,
    watch: Option<RulesWatch>,
    countries: Option<FileWatch>,
    listeners: Listeners,
    tls: tls::Shared,
    logs: Vec<KeyLogFollower>,
}

impl Daemon {
    fn open(options: &LiveOptions) -> Result<Self, Error> {
        let config = &options.config;
        let signals = Signals::install()?;
        let state_dir = &config.settings.state.dir;
        make_state_dir(state_dir)?;
        let rooms = Rooms::build(
            config,
            &config.lasting_key()?,
            (Render::Count, Depth::Sampled),
        )?;
        let (tallies, gauges) = (Tallies::default(), Gauges::default());
        let tally = tallies.sheet();
        let (tls, logs) = Rooms::tls(config, &rooms.worker)?;
        let source = open_source(options, &tls, &signals, &tally)?;
        let opening = Opening {
            namespace: namespace(&options.source, options.new_budget)?,
            init: options.init_ledger,
        };
        let public = Arc::new(PublicSite::default());
        let is_capture = matches!(opening.namespace, Namespace::Capture { .. });
        let closer = Closer::open(config, &rooms, opening, Arc::clone(&public))?;
        let keeper = StateKeeper::open(config, &rooms, is_capture)?;
        let operator = OperatorState::new(
            rooms.names(),
            config.catalog(),
            tallies.clone(),
            gauges.clone(),
        );
        let operator = Arc::new(operator.with_documents(rooms.documents()));
        let outputs = Outputs::live(config)?;
        let listeners = Listeners::bind(options)?;
        let watch = config
            .settings
            .mask
            .rules
            .as_deref()
            .and_then(RulesWatch::start);
        let countries = config.settings.anonymize.geoip.as_deref();
        let countries = countries.and_then(FileWatch::start);
        let walls = sandbox::enter(&paths(options), config.settings.sandbox.allow_root);
        tracing::info!("sandbox: {walls}");
        Ok(Self {
            rooms,
            closer,
            keeper,
            source,
            outputs,
            operator,
            public,
            tallies,
            gauges,
            tally,
            signals,
            watch,
            countries,
            listeners,
            tls,
            logs,
        })
    }

    fn run(self, options: &LiveOptions) -> Result<Exit, Error> {
        let Self {
            rooms,
            closer,
            keeper,
            mut source,
            outputs,
            operator,
            public,
            tallies,
            gauges,
            tally,
            signals,
            watch,
            countries,
            listeners,
            tls,
            logs,
        } = self;
        let servers = listeners.serve(&public, &operator)?;
        let live = !matches!(options.source, LiveSource::File { .. });
        let settings = settings(options, outputs.wants_records(), &closer);
        let kept = keeper.as_ref().and_then(|keeper| keeper.restore(&rooms));
        let (sinks, results) = analysis::start_with(settings, rooms.workers, &tallies, kept);
        let when_full = if live {
            WhenFull::Drop
        } else {
            WhenFull::Block
        };
        let (feed, channels) =
            queue::feed(rooms.workers, when_full, Arc::clone(&tally), gauges.clone());
        let engine = options.config.engine();
        gauges.set(Gauge::FlowMemoryLimit, engine.flow.max_memory as u64);
        let mut engine = Engine::new(engine, Arc::clone(&tally));
        engine.set_tls(tls.clone());
        let pace = pace(&options.source);
        let mut desk = Desk::new(&rooms, options, outputs, operator, closer);
        desk.watch_rules(watch);
        desk.watch_countries(countries);
        let outcome = thread::scope(|scope| {
            let capture = CaptureLoop {
                engine,
                feed,
                pace,
                live,
                stop: signals.stop(),
                tally: &tally,
                gauges: &gauges,
                housekeeping: Box::new(|| {}),
            };
            let source = source.as_mut();
            let reader = Builder::new()
                .name("ht-capture-0".to_owned())
                .spawn_scoped(scope, move || capture.run(source))
                .map_err(|error| Error::io("cannot start a thread", "ht-capture", &error))?;
            let workers = workers::spawn(scope, &rooms.worker, &tallies, channels, sinks)?;
            let ended = Arc::new(AtomicBool::new(false));
            follow_keys(scope, logs, &tls, Arc::clone(&ended))?;
            let writer = desk.keep_state(scope, keeper)?;
            public.set_ready();
            desk.serve(&results, &signals);
            drop(results);
            desk.finish_state();
            let errors = reader.join().map_err(|_| Error::internal());
            ended.store(true, Ordering::Relaxed);
            let errors = errors?;
            workers::join(workers)?;
            if let Some(writer) = writer {
                writer.join().map_err(|_| Error::internal())?;
            }
            Ok::<_, Error>(errors)
        });
        let errors = outcome?;
        let exit = report(&errors, options);
        if !live && !signals.is_stopping() {
            tracing::info!("the capture has ended; its last release is served until SIGTERM");
            signals.wait();
        }
        drop(servers);
        exit
    }
}

/// How far a live clock may be set back and what is shown since the start still goes on.
const LIVE_OVERLAP_SECONDS: u64 = 3_600;

/// What the analysis room is told.
fn settings(options: &LiveOptions, rows: bool, closer: &Closer) -> analysis::Settings {
    analysis::Settings {
        rows,
        summary_seconds: Some(SUMMARY_SECONDS),
        release: Some(closer.clip()),
        save: options.config.save().map(|save| SaveSettings {
            // A capture that begins before the end of what was saved was fed before; a live clock was set back.
            overlap_seconds: if matches!(options.source, LiveSource::File { .. }) {
                0
            } else {
                LIVE_OVERLAP_SECONDS
            },
            ..save
        }),
        ..options.config.analysis(Mode::Live)
    }
}

/// How fast a source is fed, where it does not set its own pace.
const fn pace(source: &LiveSource) -> Option<Pace> {
    match source {
        LiveSource::File {
            speed: Speed::Times(factor),
            ..
        } => Some(Pace::new(*factor)),
        LiveSource::File { .. } | LiveSource::Interfaces { .. } | LiveSource::Sockets(_) => None,
    }
}

/// Reads what is added to the key logs until told to end.
fn follow_keys<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    mut logs: Vec<KeyLogFollower>,
    tls: &tls::Shared,
    ended: Arc<AtomicBool>,
) -> Result<(), Error> {
    if logs.is_empty() {
        return Ok(());
    }
    let keys = tls.keys.clone();
    keys.follow();
    let follow = move || {
        while !ended.load(Ordering::Relaxed) {
            for log in &mut logs {
                // A log that cannot be read just now is tried again.
                if let Err(error) = log.read(&keys, false) {
                    tracing::debug!("a key log cannot be read: {}", error.kind());
                }
            }
            thread::sleep(KEY_LOG_PAUSE);
        }
    };
    Builder::new()
        .name("ht-keylog".to_owned())
        .spawn_scoped(scope, follow)
        .map(drop)
        .map_err(|error| Error::io("cannot start a thread", "ht-keylog", &error))
}

fn make_state_dir(dir: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let place = dir.display().to_string();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)))
        .map_err(|error| {
            Error::io("cannot use the state directory", &place, &error)
                .hint("--state-dir names a directory that belongs to the user hushtap runs as")
        })
}

fn namespace(source: &LiveSource, new_budget: bool) -> Result<Namespace, Error> {
    match source {
        LiveSource::Interfaces { .. }
        | LiveSource::Sockets(_)
        | LiveSource::File { follow: true, .. } => Ok(Namespace::Live),
        LiveSource::File { path, .. } => {
            let place = path.display().to_string();
            let mut hasher = blake3::Hasher::new();
            std::fs::File::open(path)
                .and_then(|file| hasher.update_reader(file).map(|_| ()))
                .map_err(|error| Error::io("cannot read", &place, &error))?;
            Ok(Namespace::Capture {
                digest: *hasher.finalize().as_bytes(),
                new_budget,
            })
        }
    }
}

fn open_source(
    options: &LiveOptions,
    tls: &tls::Shared,
    signals: &Signals,
    tally: &Arc<TallySheet>,
) -> Result<Box<dyn Source + Send>, Error> {
    match &options.source {
        LiveSource::File { path, follow, .. } => {
            let how = FileOptions {
                keys: Some(tls.keys.clone()),
                ..options.config.file_capture(None, None, *follow)
            };
            FileSource::open(std::slice::from_ref(path), how, Arc::clone(tally))
                .map(|source| Box::new(source) as Box<dyn Source + Send>)
                .map_err(|error| faults::file(path, error.fault))
        }
        LiveSource::Interfaces { names, .. } => open_interfaces(&options.config, names, signals),
        LiveSource::Sockets(list) => open_sockets(&options.config, list, signals),
    }
}

fn open_sockets(
    config: &Config,
    list: &[Listen],
    signals: &Signals,
) -> Result<Box<dyn Source + Send>, Error> {
    let buffer = config.settings.capture.buffer.as_usize();
    UdpSource::open(list, buffer, signals.shared_stop())
        .map(|source| Box::new(source) as Box<dyn Source + Send>)
        .map_err(|error| match list.get(error.index) {
            Some(listen) => faults::socket(&listen.address.to_string(), error.fault),
            None => Error::internal(),
        })
}

#[cfg(feature = "live")]
pub(super) fn open_interfaces(
    config: &Config,
    names: &[String],
    signals: &Signals,
) -> Result<Box<dyn Source + Send>, Error> {
    use crate::cleartext::capture::live::{Interfaces, LiveSource as Interface};
    let how = config.live_capture();
    let opened = names.iter().enumerate().map(|(index, name)| {
        Interface::open(index, name, &how, signals.shared_stop())
            .map_err(|fault| faults::interface(name, fault))
    });
    Ok(Box::new(Interfaces::new(opened.collect::<Result<_, _>>()?)))
}

#[cfg(not(feature = "live"))]
pub(super) fn open_interfaces(
    _config: &Config,
    _names: &[String],
    _signals: &Signals,
) -> Result<Box<dyn Source + Send>, Error> {
    Err(Error::usage("this build reads files only")
        .hint("build with the default features to capture from interfaces"))
}

/// The directory of the rules and what holds the steps on the way to it: one that is moved away and made anew, or that a
/// swapped link leads to, is another directory, and only what holds it can be named beforehand. Never `/`, and for links
/// nothing right below it (`/var/run`): that would leave all but no sandbox.
fn rule_paths(dir: &Path) -> Vec<PathBuf> {
    let anchors = anchors(dir);
    let last = anchors.len().saturating_sub(1);
    let holders = anchors.into_iter().enumerate().filter(|(i, (holder, _))| {
        let depth = holder.components().count();
        depth > 2 || depth == 2 && *i == last
    });
    let holders = holders.map(|(_, (holder, _))| holder);
    std::iter::once(dir.to_owned()).chain(holders).collect()
}

/// Where the daemon may still go once everything is open.
fn paths(options: &LiveOptions) -> sandbox::Paths {
    let settings = &options.config.settings;
    let folder = |path: &PathBuf| folder(path);
    let write = [&settings.export.records, &settings.export.alerts]
        .into_iter()
        .flatten()
        .map(folder);
    let logs = settings.tls.keylogs.iter().map(folder);
    // SIGHUP reads the config again.
    let config = options.config.path.iter().map(folder);
    let read = settings.mask.rules.iter().flat_map(|dir| rule_paths(dir));
    // So is the country database, whenever it is replaced.
    let geoip = &settings.anonymize.geoip;
    let countries = geoip
        .iter()
        .flat_map(|file| rule_paths(&self::folder(file)));
    let read = read.chain(logs).chain(config).chain(countries);
    let capture = match &options.source {
        LiveSource::File { path, .. } => Some(folder(path)),
        LiveSource::Interfaces { .. } | LiveSource::Sockets(_) => None,
    };
    sandbox::Paths {
        read: read.chain(capture).collect(),
        write: std::iter::once(settings.state.dir.clone())
            .chain(write)
            .collect(),
    }
}

fn report(errors: &[SourceError], options: &LiveOptions) -> Result<Exit, Error> {
    let names = match &options.source {
        LiveSource::Interfaces { names, .. } => names.clone(),
        LiveSource::Sockets(list) => list.iter().map(|one| one.address.to_string()).collect(),
        LiveSource::File { .. } => Vec::new(),
    };
    for error in errors {
        let Some((_, damage)) = faults::damage(*error) else {
            return Err(faults::source(&names, *error));
        };
        tracing::error!(
            "the capture is damaged at byte offset {}: {}; everything before it was analysed",
            damage.offset,
            damage.what
        );
    }
    Ok(if errors.is_empty() {
        Exit::Done
    } else {
        Exit::Damaged
    })
}

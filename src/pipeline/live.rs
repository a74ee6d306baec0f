//! `hushtap run`: a NIC or a capture in its place, through all rooms, to the two listeners and the local files.
//!
//! Everything that can fail for want of permission or for a wrong path is opened first; then the sandbox closes; then
//! threads start. Windows are released by this thread (`ht-closer`), one at a time, each on disk before it is served.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, Builder};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::capture::{CaptureLoop, Pace};
use super::closer::Closer;
use super::queue::{self, WhenFull};
use super::rooms::Rooms;
use super::signals::Signals;
use super::workers;
use crate::analysis::summary::Summary;
use crate::analysis::{self, Output};
use crate::cleartext::capture::{FileSource, Source, SourceError};
use crate::cleartext::engine::Engine;
use crate::cleartext::mask::Render;
use crate::clock::{EventTime, wall_now};
use crate::commands::{LiveOptions, LiveSource, Speed, faults};
use crate::config::{Config, Mode};
use crate::error::{Error, Exit};
use crate::gauge::{Gauge, Gauges};
use crate::observation::{Admitted, Names};
use crate::operator::{OperatorSite, OperatorState, OperatorToken};
use crate::release::exporter::PublicSite;
use crate::release::ledger::{Namespace, Opening};
use crate::sandbox;
use crate::serve::{Auth, Credentials, Listener, Server, WebConfig};
use crate::sinks::{AlertEncoder, Lines, Outputs, RecordEncoder, Resolver};
use crate::tally::{Tallies, TallySheet};

/// Seconds of packet time between two pictures for the operator channel.
const SUMMARY_SECONDS: u64 = 5;
/// How often signals are looked at while there is nothing to do.
const LOOK: Duration = Duration::from_millis(100);

/// Runs until the source ends and the process is told to stop, or just until it is told to stop.
pub fn run(options: &LiveOptions) -> Result<Exit, Error> {
    let daemon = Daemon::open(options)?;
    daemon.run(options)
}

/// Everything open, nothing started.
struct Daemon {
    rooms: Rooms,
    closer: Closer,
    source: Box<dyn Source + Send>,
    outputs: Outputs,
    operator: Arc<OperatorState>,
    public: Arc<PublicSite>,
    tallies: Tallies,
    gauges: Gauges,
    tally: Arc<TallySheet>,
    signals: Signals,
    servers: Vec<Server>,
}

impl Daemon {
    fn open(options: &LiveOptions) -> Result<Self, Error> {
        let config = &options.config;
        let signals = Signals::install()?;
        let state_dir = &config.settings.state.dir;
        make_state_dir(state_dir)?;
        let rooms = Rooms::build(config, &config.lasting_key()?, Render::Count)?;
        let (tallies, gauges) = (Tallies::default(), Gauges::default());
        let tally = tallies.sheet();
        let source = open_source(options, &signals, &tally)?;
        let opening = Opening {
            namespace: namespace(&options.source, options.new_budget)?,
            init: options.init_ledger,
        };
        let public = Arc::new(PublicSite::default());
        let closer = Closer::open(config, &rooms, opening, Arc::clone(&public))?;
        let operator = Arc::new(OperatorState::new(
            rooms.names(),
            tallies.clone(),
            gauges.clone(),
        ));
        let outputs = Outputs::live(config)?;
        let servers = serve(options, &public, &operator)?;
        let walls = sandbox::enter(&paths(options));
        tracing::info!("sandbox: {walls}");
        Ok(Self {
            rooms,
            closer,
            source,
            outputs,
            operator,
            public,
            tallies,
            gauges,
            tally,
            signals,
            servers,
        })
    }

    fn run(self, options: &LiveOptions) -> Result<Exit, Error> {
        let Self {
            rooms,
            closer,
            mut source,
            outputs,
            operator,
            public,
            tallies,
            gauges,
            tally,
            signals,
            servers,
        } = self;
        let live = matches!(options.source, LiveSource::Interfaces { .. });
        let settings = analysis::Settings {
            rows: outputs.wants_records(),
            summary_seconds: Some(SUMMARY_SECONDS),
            release: Some(closer.clip()),
            ..options.config.analysis(Mode::Live)
        };
        let (sinks, results) = analysis::start(settings, rooms.workers, &tallies);
        let when_full = if live {
            WhenFull::Drop
        } else {
            WhenFull::Block
        };
        let (feed, channels) =
            queue::feed(rooms.workers, when_full, Arc::clone(&tally), gauges.clone());
        let engine = options.config.engine();
        gauges.set(Gauge::FlowMemoryLimit, engine.flow.max_memory as u64);
        let engine = Engine::new(engine, Arc::clone(&tally));
        let pace = match options.source {
            LiveSource::File {
                speed: Speed::Times(factor),
                ..
            } => Some(Pace::new(factor)),
            LiveSource::File { .. } | LiveSource::Interfaces { .. } => None,
        };
        let names = rooms.names();
        let mut desk = Desk {
            records: RecordEncoder::new(Arc::clone(&names)),
            alerts: AlertEncoder::new(Arc::clone(&names)),
            resolver: Resolver::new(Arc::clone(&names), Admitted::default()),
            lines: Lines::default(),
            outputs,
            operator,
            closer,
            names,
            live,
            rotates: options.config.settings.anonymize.pseudonym_key.is_none(),
            rooms: &rooms,
            config: &options.config,
        };
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
            public.set_ready();
            let served = desk.serve(&results, &signals);
            drop(results);
            if served.is_err() {
                signals.request_stop();
            }
            let errors = reader.join().map_err(|_| Error::internal())?;
            for worker in workers {
                // That the analysis was abandoned is a consequence; its cause is in `served` or a panic.
                drop(worker.join().map_err(|_| Error::internal())?);
            }
            served.map(|()| errors)
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

/// What this thread does with the outputs of the analysis room.
struct Desk<'a> {
    records: RecordEncoder,
    alerts: AlertEncoder,
    resolver: Resolver,
    lines: Lines,
    outputs: Outputs,
    operator: Arc<OperatorState>,
    closer: Closer,
    names: Arc<dyn Names>,
    live: bool,
    rotates: bool,
    rooms: &'a Rooms,
    config: &'a Config,
}

impl Desk<'_> {
    /// Reads outputs to their end.
    fn serve(&mut self, results: &Receiver<Output>, signals: &Signals) -> Result<(), Error> {
        loop {
            if signals.take_reload() {
                self.outputs.reopen()?;
                self.rooms.reload(self.config);
            }
            match results.recv_timeout(LOOK) {
                Ok(output) => self.take(output, signals)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn take(&mut self, output: Output, signals: &Signals) -> Result<(), Error> {
        match output {
            Output::Rows { rows, .. } => {
                for row in &rows {
                    self.records.encode(row, &mut self.lines);
                }
                self.outputs.records(&mut self.lines, &mut self.resolver)?;
            }
            Output::Alerts(alerts) => {
                for alert in &alerts {
                    self.alerts.encode(alert, &mut self.lines);
                }
                for (_, line) in self.lines.iter() {
                    self.operator.send_alert(&self.resolver.line(line));
                }
                self.outputs.alerts(&mut self.lines, &mut self.resolver)?;
            }
            Output::Window { window, sums, last } => {
                self.closer.close(window, &sums, last, self.live, signals)
            }
            Output::Summary { summary, .. } => self.publish(*summary),
        }
        Ok(())
    }

    fn publish(&mut self, summary: Summary) {
        let now = summary.time_range.map_or(EventTime::ZERO, |(_, last)| last);
        if self.rotates {
            self.rooms.worker.anonymizer().keys().advance(now);
        }
        self.resolver = Resolver::new(Arc::clone(&self.names), summary.admitted.clone());
        self.operator.publish(summary, now);
    }
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
        LiveSource::Interfaces { .. } | LiveSource::File { follow: true, .. } => {
            Ok(Namespace::Live)
        }
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
    signals: &Signals,
    tally: &Arc<TallySheet>,
) -> Result<Box<dyn Source + Send>, Error> {
    match &options.source {
        LiveSource::File { path, follow, .. } => {
            let how = options.config.file_capture(None, None, *follow);
            FileSource::open(std::slice::from_ref(path), how, Arc::clone(tally))
                .map(|source| Box::new(source) as Box<dyn Source + Send>)
                .map_err(|error| faults::file(path, error.fault))
        }
        LiveSource::Interfaces { names, .. } => open_interfaces(options, names, signals),
    }
}

#[cfg(feature = "live")]
fn open_interfaces(
    options: &LiveOptions,
    names: &[String],
    signals: &Signals,
) -> Result<Box<dyn Source + Send>, Error> {
    use crate::cleartext::capture::live::{Interfaces, LiveSource as Interface};
    let how = options.config.live_capture();
    let opened = names.iter().enumerate().map(|(index, name)| {
        Interface::open(index, name, &how, signals.shared_stop())
            .map_err(|fault| faults::interface(name, fault))
    });
    Ok(Box::new(Interfaces::new(opened.collect::<Result<_, _>>()?)))
}

#[cfg(not(feature = "live"))]
fn open_interfaces(
    _options: &LiveOptions,
    _names: &[String],
    _signals: &Signals,
) -> Result<Box<dyn Source + Send>, Error> {
    Err(Error::usage("this build reads files only")
        .hint("build with the default features to capture from interfaces"))
}

/// Binds and starts both listeners. Until the first release the public one serves what does not depend on traffic.
fn serve(
    options: &LiveOptions,
    public: &Arc<PublicSite>,
    operator: &Arc<OperatorState>,
) -> Result<Vec<Server>, Error> {
    let config = &options.config.settings;
    let web = web_config(config.export.web_config.as_deref())?;
    let listener = bind("export.listen", &config.export.listen)?;
    tracing::info!(
        "public metrics on {}",
        url(listener.address(), web.tls.is_some(), "/metrics")
    );
    let site = Arc::clone(public);
    let exporter = start(listener, "ht-exporter", web.tls, web.credentials, site)?;

    let web = web_config(config.operator.web_config.as_deref())?;
    let listener = bind("operator.listen", &config.operator.listen)?;
    let address = listener.address();
    if !address.ip().is_loopback() && web.tls.is_none() {
        return Err(Error::new(
            Exit::Config,
            "the operator listener is open to other machines without TLS",
        )
        .at("operator.listen")
        .hint("set operator.web_config to a file with tls_server_config, or listen on 127.0.0.1"));
    }
    let token = OperatorToken::open(&config.state.dir).map_err(|error| {
        Error::failed(error.to_string())
            .hint("the operator token is a private file of the state directory")
    })?;
    say_where(options, address, web.tls.is_some(), &token);
    let auth = auth(web.credentials)?;
    let hosts = config
        .operator
        .hosts
        .iter()
        .cloned()
        .chain([address.ip().to_string()])
        .collect();
    let site = Arc::new(OperatorSite::new(Arc::clone(operator), token, hosts, auth));
    let console = start(
        listener,
        "ht-operator",
        web.tls,
        Credentials::default(),
        site,
    )?;
    Ok(vec![exporter, console])
}

/// The login link is a credential: it goes to a terminal, never into a journal.
fn say_where(options: &LiveOptions, address: SocketAddr, tls: bool, token: &OperatorToken) {
    use std::io::{IsTerminal, Write};
    let file = options.config.settings.state.dir.join(OperatorToken::FILE);
    tracing::info!(
        "operator page on {}, with the token in {}",
        url(address, tls, "/"),
        file.display()
    );
    if options.show_login || std::io::stderr().is_terminal() {
        let link = url(address, tls, &format!("/login?token={}", token.expose()));
        // Nobody reads standard error any more: then there is nobody to tell.
        drop(writeln!(std::io::stderr(), "operator page: {link}"));
    }
}

fn url(address: SocketAddr, tls: bool, path: &str) -> String {
    format!("{}://{address}{path}", if tls { "https" } else { "http" })
}

fn web_config(path: Option<&Path>) -> Result<WebConfig, Error> {
    path.map_or_else(
        || Ok(WebConfig::default()),
        |path| WebConfig::load(path).map_err(|error| Error::new(Exit::Config, error.to_string())),
    )
}

fn bind(key: &str, text: &str) -> Result<Listener, Error> {
    let address = text.parse().map_err(|_| {
        Error::new(
            Exit::Config,
            format!("`{key}`: `{text}` is no address with a port"),
        )
        .hint("for example 127.0.0.1:9843 or [::1]:9843")
    })?;
    Listener::bind(address).map_err(|error| {
        Error::failed(error.to_string()).hint(format!("`{key}` names another address"))
    })
}

fn auth(credentials: Credentials) -> Result<Auth, Error> {
    Auth::new(credentials).map_err(|_| Error::failed("the operating system gives no random bytes"))
}

fn start(
    listener: Listener,
    name: &str,
    tls: Option<Arc<rustls::ServerConfig>>,
    credentials: Credentials,
    site: Arc<dyn crate::serve::Site>,
) -> Result<Server, Error> {
    listener
        .serve(name, tls, auth(credentials)?, site)
        .map_err(|error| Error::failed(error.to_string()))
}

/// Where the daemon may still go once everything is open.
fn paths(options: &LiveOptions) -> sandbox::Paths {
    let settings = &options.config.settings;
    let folder = |path: &PathBuf| {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
    };
    let write = [&settings.export.records, &settings.export.alerts]
        .into_iter()
        .flatten()
        .map(folder);
    let read = settings.mask.rules.iter().cloned();
    let capture = match &options.source {
        LiveSource::File { path, .. } => Some(folder(path)),
        LiveSource::Interfaces { .. } => None,
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
        LiveSource::Interfaces { names, .. } => names.as_slice(),
        LiveSource::File { .. } => &[],
    };
    for error in errors {
        let Some((_, damage)) = faults::damage(*error) else {
            return Err(faults::source(names, *error));
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

/// The wall clock at which a release is due: the schedule plus a fixed delay, never the moment the sums were ready.
pub(super) fn wait_until(due: EventTime, signals: &Signals) {
    while wall_now() < due && !signals.is_stopping() {
        thread::sleep(LOOK.min(Duration::from_nanos(due.nanos_since(wall_now()))));
    }
}

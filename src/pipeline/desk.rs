//! The `ht-closer`: takes what the analysis room hands out to files, listeners and the release room.

use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::closer::Closer;
use super::keep::{StateKeeper, StateSender};
use super::rooms::Rooms;
use super::signals::Signals;
use super::watch::{FileWatch, RulesWatch};
use crate::analysis::Output;
use crate::analysis::summary::Summary;
use crate::clock::{EventTime, wall_now};
use crate::commands::{LiveOptions, LiveSource};
use crate::config::Config;
use crate::error::Error;
use crate::observation::{Admitted, Names};
use crate::operator::OperatorState;
use crate::sinks::{AlertEncoder, Lines, Outputs, RecordEncoder, Resolver};

/// How often signals and due releases are looked at while nothing comes.
const LOOK: Duration = Duration::from_millis(100);

/// What the thread that reads outputs works with.
pub(super) struct Desk<'a> {
    records: RecordEncoder,
    alerts: AlertEncoder,
    resolver: Resolver,
    lines: Lines,
    outputs: Outputs,
    operator: Arc<OperatorState>,
    closer: Closer,
    /// When the last release is due on the public listener, by the wall clock.
    due: Option<EventTime>,
    names: Arc<dyn Names>,
    live: bool,
    is_failing: bool,
    rotates: bool,
    rooms: &'a Rooms,
    watch: Option<RulesWatch>,
    countries: Option<FileWatch>,
    states: Option<StateSender>,
    config: Config,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        rooms: &'a Rooms,
        options: &'a LiveOptions,
        outputs: Outputs,
        operator: Arc<OperatorState>,
        closer: Closer,
    ) -> Self {
        let names = rooms.names();
        Self {
            records: RecordEncoder::new(Arc::clone(&names)),
            alerts: AlertEncoder::new(Arc::clone(&names)),
            resolver: Resolver::new(Arc::clone(&names), Admitted::default()),
            lines: Lines::default(),
            outputs,
            operator,
            closer,
            due: None,
            names,
            live: !matches!(options.source, LiveSource::File { .. }),
            is_failing: false,
            rotates: options.config.settings.anonymize.pseudonym_key.is_none(),
            rooms,
            watch: None,
            countries: None,
            states: None,
            config: options.config.clone(),
        }
    }

    /// Reloads the rules whenever `watch` says that they have changed.
    pub(super) fn watch_rules(&mut self, watch: Option<RulesWatch>) {
        self.watch = watch;
    }

    /// Reads the country database anew whenever `watch` says that it was replaced.
    pub(super) fn watch_countries(&mut self, watch: Option<FileWatch>) {
        self.countries = watch;
    }

    /// Writes habits by `keeper`, in a thread of its own.
    pub(super) fn keep_state<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        keeper: Option<StateKeeper>,
    ) -> Result<Option<ScopedJoinHandle<'scope, ()>>, Error> {
        let Some(keeper) = keeper else {
            return Ok(None);
        };
        let (states, thread) = keeper.serve(scope, Arc::clone(&self.names))?;
        self.states = Some(states);
        Ok(Some(thread))
    }

    /// No more habits come: the thread that writes them may end.
    pub(super) fn finish_state(&mut self) {
        if let Some(states) = self.states.take() {
            states.finish();
        }
    }

    /// Reads outputs to their end.
    pub(super) fn serve(&mut self, results: &Receiver<Output>, signals: &Signals) {
        loop {
            if signals.take_reload() {
                let reopened = self.outputs.reopen();
                self.tell("the files stay as they were", reopened);
                self.config = reread(&self.config);
                self.rooms.reload(&self.config);
                self.rooms.reload_countries(&self.config);
            } else if self
                .watch
                .as_mut()
                .is_some_and(|watch| watch.is_due(wall_now()))
            {
                self.rooms.reload(&self.config);
            }
            let countries = self.countries.as_mut();
            if countries.is_some_and(|watch| watch.is_due(wall_now())) {
                self.rooms.reload_countries(&self.config);
            }
            // Of a capture that is read faster than real time only the newest release is worth rendering.
            if self.live || results.is_empty() {
                self.publish_if_due();
            }
            match results.recv_timeout(LOOK) {
                Ok(output) => self.take(output, signals),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.publish_if_due();
                    return;
                }
            }
        }
    }

    /// A file for a SIEM that cannot be written must not end the capture: it is told, once until it works again.
    fn tell(&mut self, what: &str, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    tracing::error!("{what}: {error}");
                }
                self.is_failing = true;
                self.lines.clear();
            }
        }
    }

    fn take(&mut self, output: Output, signals: &Signals) {
        match output {
            Output::Rows { rows, .. } => {
                for row in &rows {
                    self.records.encode(row, &mut self.lines);
                }
                let written = self.outputs.records(&mut self.lines, &mut self.resolver);
                self.tell("records are lost", written);
            }
            Output::Alerts(alerts) => {
                self.operator.count_alerts(&alerts);
                for alert in &alerts {
                    self.alerts.encode(alert, &mut self.lines);
                }
                for (_, line) in self.lines.iter() {
                    self.operator.send_alert(&self.resolver.line(line));
                }
                let written = self.outputs.alerts(&mut self.lines, &mut self.resolver);
                self.tell("alerts are lost", written);
            }
            // Told to stop, nobody waits for what is left of a capture to be released.
            Output::Window { .. } if !self.live && signals.is_stopping() => self.closer.stop(),
            Output::Window { window, sums, last } => {
                self.due = self.closer.close(window, &sums, last);
                if !self.live {
                    self.due = self.due.map(|_| EventTime::ZERO);
                }
            }
            Output::Summary { summary, .. } => self.publish(*summary),
            Output::State(saved) => {
                if let Some(states) = &mut self.states {
                    states.send(saved);
                }
            }
        }
    }

    /// A live release appears by schedule, whenever its sums were ready; that of a capture as soon as it is there.
    fn publish_if_due(&mut self) {
        if self.due.is_some_and(|due| wall_now() >= due) {
            self.due = None;
            self.closer.publish();
        }
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

/// The configuration with what a reload changes: exceptions from masking rules. A bad file changes nothing.
fn reread(old: &Config) -> Config {
    let new = match old.reread() {
        Ok(new) => new,
        Err(error) => {
            tracing::error!("the old config stays in force: {}", error.one_line());
            return old.clone();
        }
    };
    let mut config = old.clone();
    config
        .settings
        .mask
        .exception
        .clone_from(&new.settings.mask.exception);
    if config.settings != new.settings {
        tracing::warn!(
            "of the changed config, only [[mask.exception]] is in force before the next start"
        );
    }
    config
}

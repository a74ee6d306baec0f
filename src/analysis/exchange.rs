//! Where workers meet: batches for each other's shards, the sums of an epoch, and what goes out, in one order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;

use super::alert::Alert;
use super::clip::WindowSums;
use super::insight::{Keeper, Sealed};
use super::population::{Closed, Population, PopulationState};
use super::row::Row;
use super::save::{self, Saved, Sums};
use super::settings::Settings;
use super::shard::OwnShards;
use super::share::Share;
use super::summarize::Summarizer;
use super::summary::Summary;
use super::tick::{Abandoned, Batch};
use super::window::{Schedule, Window};
use crate::clock::{EventTime, Tick};
use crate::observation::{EndpointId, SHARDS, Templates};
use crate::tally::TallySheet;

/// What the analysis room hands out. Each kind comes in order; the same capture gives the same outputs.
#[derive(Clone, Debug)]
pub enum Output {
    /// Observations of one tick marker, sorted by (end, flow, index); many come in several outputs, so that those that wait
    /// for their reader are bounded in size. Only if [`Settings::rows`].
    Rows {
        /// The tick of the marker.
        tick: Tick,
        /// At least one.
        rows: Vec<Row>,
    },
    /// Alerts and updates of one tick marker or of the end of an epoch, by (signal, subject).
    Alerts(Vec<Alert>),
    /// A release window that every shard has passed. From the first one on every window comes once, in order, also those
    /// without traffic; only whole budget periods without a packet are left out. Only if [`Settings::release`].
    Window {
        /// Which.
        window: Window,
        /// The clipped sums of all shards.
        sums: WindowSums,
        /// Whether the capture ended inside it.
        last: bool,
    },
    /// The whole picture, at the end of an epoch.
    Summary {
        /// The picture.
        summary: Box<Summary>,
        /// Whether everything is in it and nothing will follow.
        last: bool,
    },
    /// What is to be kept over a restart, at the end of an epoch. Only if [`Settings::save`].
    State(Box<Saved>),
}

/// Rows in one output.
const MAX_ROWS: usize = 1_024;

/// Rows and alerts of one tick marker, from one worker or from all.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) marker: u64,
    pub(super) tick: Tick,
    pub(super) rows: Vec<Row>,
    pub(super) alerts: Vec<Alert>,
}

/// What a worker says at the end of an epoch.
pub(super) struct Contribution<'a> {
    pub(super) share: &'a mut Share,
    pub(super) shards: &'a OwnShards,
    /// The snapshot this worker used in the epoch.
    pub(super) closed: &'a Closed,
    /// Whether a summary is due.
    pub(super) summary: bool,
    /// Whether it is the last epoch of all.
    pub(super) last: bool,
    /// The end of the epoch.
    pub(super) end: EventTime,
    pub(super) tally: &'a TallySheet,
    /// Whether state is to be saved, and which time it is.
    pub(super) save: Option<u64>,
}

/// Shared by all workers.
#[derive(Debug)]
pub(super) struct Shared {
    exchange: Mutex<Exchange>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(
        settings: Arc<Settings>,
        workers: usize,
        outputs: Sender<Output>,
        kept: Option<(PopulationState, EventTime)>,
    ) -> Self {
        let (population, closed) = match kept {
            Some((state, time)) => Population::restore(&settings, state, time),
            None => (Population::new(&settings), Closed::default()),
        };
        Self {
            exchange: Mutex::new(Exchange {
                settings,
                outputs,
                version: 0,
                waiting: 0,
                abandoned: false,
                passed: vec![0; workers],
                applied: vec![0; workers],
                inboxes: (0..workers).map(|_| Vec::new()).collect(),
                contributed: 0,
                epochs: 0,
                closed,
                saves: BTreeMap::new(),
                sums: Sums::default(),
                population,
                summarizer: None,
                parts: BTreeMap::new(),
                windows: BTreeMap::new(),
                next_window: None,
                alerts: VecDeque::new(),
                templates: None,
            }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Exchange> {
        // A worker that panicked abandons the whole (`TickSink::drop`); what is in here is not used any further.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells waiting workers that `exchange` has changed.
    pub(super) fn announce(&self, mut exchange: MutexGuard<'_, Exchange>) {
        exchange.version += 1;
        let awaited = exchange.waiting > 0;
        drop(exchange);
        // To tell nobody would be a system call all the same.
        if awaited {
            self.changed.notify_all();
        }
    }

    /// Waits until something changed since `version`.
    pub(super) fn wait_beyond(&self, version: u64) -> Result<(), Abandoned> {
        let mut exchange = self.lock();
        exchange.waiting += 1;
        while exchange.version == version && !exchange.abandoned {
            exchange = self
                .changed
                .wait(exchange)
                .unwrap_or_else(PoisonError::into_inner);
        }
        exchange.waiting -= 1;
        if exchange.abandoned {
            Err(Abandoned)
        } else {
            Ok(())
        }
    }
}

/// A state on its way: it is whole once the rest and all shards are there.
#[derive(Debug, Default)]
struct Save {
    rest: Option<Rest>,
    shards: BTreeMap<usize, Vec<u8>>,
}

/// What the shards do not know: when it was and which endpoints there are, the population and the picture, the history.
type Rest = ((EventTime, Vec<EndpointId>), [Vec<u8>; 2], Sealed);

/// The state that workers share, under one lock.
#[derive(Debug)]
pub(super) struct Exchange {
    settings: Arc<Settings>,
    outputs: Sender<Output>,
    pub(super) version: u64,
    /// Workers that wait for another version.
    waiting: usize,
    pub(super) abandoned: bool,
    /// Markers that each worker has passed.
    passed: Vec<u64>,
    /// Markers whose observations each worker has applied to its shards.
    applied: Vec<u64>,
    inboxes: Vec<Vec<Batch>>,
    /// Workers that have added their sums of the open epoch.
    contributed: usize,
    /// Epochs closed so far.
    pub(super) epochs: u64,
    pub(super) closed: Closed,
    population: Population,
    summarizer: Option<Summarizer>,
    parts: BTreeMap<u64, Part>,
    /// What is being saved, by which time it is.
    saves: BTreeMap<u64, Save>,
    /// Totals of the workers that have given theirs, while state is being saved.
    sums: Sums,
    /// Workers that have passed each window.
    windows: BTreeMap<Window, (usize, WindowSums)>,
    next_window: Option<Window>,
    alerts: VecDeque<Alert>,
    /// Templates that the last summary is told by, instead of those learned here.
    pub(super) templates: Option<Templates>,
}

impl Exchange {
    /// Goes on with a picture: its alerts and its history.
    pub(super) fn resume(&mut self, alerts: VecDeque<Alert>, history: Option<Keeper>) {
        let over = alerts.len().saturating_sub(self.settings.max_alerts);
        self.alerts = alerts.into_iter().skip(over).collect();
        self.population.resume_history(&self.settings, history);
    }

    /// A worker has passed a marker and hands over its batches.
    pub(super) fn pass(
        &mut self,
        worker: usize,
        markers: u64,
        batches: impl Iterator<Item = (usize, Batch)>,
    ) {
        for (owner, batch) in batches {
            if let Some(inbox) = self.inboxes.get_mut(owner) {
                inbox.push(batch);
            }
        }
        if let Some(passed) = self.passed.get_mut(worker) {
            *passed = markers;
        }
    }

    /// Batches for a worker's shards, and how many markers every worker has passed.
    pub(super) fn collect(&mut self, worker: usize) -> (Vec<Batch>, u64) {
        let batches = self.inboxes.get_mut(worker).map(std::mem::take);
        let passed = self.passed.iter().copied().min().unwrap_or(0);
        (batches.unwrap_or_default(), passed)
    }

    /// A worker has applied all markers before `applied` and hands over what came of them.
    pub(super) fn deliver(
        &mut self,
        worker: usize,
        applied: u64,
        parts: impl Iterator<Item = Part>,
    ) {
        for part in parts {
            match self.parts.get_mut(&part.marker) {
                Some(sum) => {
                    sum.rows.extend(part.rows);
                    sum.alerts.extend(part.alerts);
                }
                None => {
                    self.parts.insert(part.marker, part);
                }
            }
        }
        if let Some(mine) = self.applied.get_mut(worker) {
            *mine = applied;
        }
        let complete = self.applied.iter().copied().min().unwrap_or(0);
        while let Some(first) = self.parts.first_entry()
            && *first.key() < complete
        {
            let mut part = first.remove();
            part.rows
                .sort_unstable_by_key(|row| row.observation.order());
            self.send_rows(part.tick, part.rows);
            self.send_alerts(part.alerts);
        }
    }

    /// A worker has applied everything inside release window `index`.
    pub(super) fn pass_window(
        &mut self,
        schedule: Schedule,
        window: Window,
        share: &WindowSums,
        last: bool,
    ) {
        let workers = self.passed.len();
        let (count, sums) = self.windows.entry(window).or_default();
        *count += 1;
        sums.merge(share);
        if *count < workers {
            return;
        }
        let sums = std::mem::take(sums);
        self.windows.remove(&window);
        let mut gap = self.next_window.unwrap_or(window);
        while gap < window && !self.abandoned {
            // Whole periods without a packet split the time range: releasing them one by one would take a capture with a
            // leap of years as long as those years have windows.
            if gap.index == 1 && gap.period < window.period {
                gap.period = window.period;
                continue;
            }
            self.send(Output::Window {
                window: gap,
                sums: WindowSums::default(),
                last: false,
            });
            gap = schedule.next(gap);
        }
        self.send(Output::Window { window, sums, last });
        self.next_window = Some(schedule.next(window));
    }

    /// A worker adds its sums of the open epoch; the last one closes it.
    pub(super) fn contribute(&mut self, from: &mut Contribution<'_>) {
        self.population.absorb(from.share);
        if from.save.is_some() {
            self.sums.add(from.share, &from.closed.snapshot);
        }
        let limit = self.settings.summary_principals;
        if from.summary {
            self.summarizer.get_or_insert_default().add(
                from.share,
                from.shards,
                &from.closed.snapshot,
                limit,
            );
        }
        self.contributed += 1;
        if self.contributed < self.passed.len() {
            return;
        }
        self.contributed = 0;
        self.epochs += 1;
        let mut alerts = Vec::new();
        let last = from.last;
        self.closed =
            self.population
                .close(&self.settings, (from.end, last), from.tally, &mut alerts);
        self.send_alerts(alerts);
        if let Some(templates) = self.templates.take_if(|_| last) {
            let snapshot = Arc::make_mut(&mut self.closed.snapshot);
            snapshot.templates = (templates, snapshot.templates.1 + 1);
        }
        if let Some(summarizer) = self.summarizer.take() {
            let alerts = self.alerts.iter().cloned().collect();
            let history = self.population.history();
            let summary =
                summarizer.build(&self.closed.snapshot, (alerts, history), &self.settings);
            self.send(Output::Summary {
                summary: Box::new(summary),
                last: from.last,
            });
        }
        if let Some(time) = from.save {
            self.begin_save(time, from.end);
        }
    }

    /// Keeps what the shards do not know, as it is at the end of this epoch.
    fn begin_save(&mut self, time: u64, end: EventTime) {
        let retain = self.settings.save.map_or(u64::MAX, |s| s.retain_seconds);
        let oldest = EventTime::from_secs(end.secs().saturating_sub(retain));
        self.population.expire(oldest);
        self.alerts.retain(|alert| alert.time >= oldest);
        let (endpoints, population) = self.population.save();
        let history = self.population.keeper();
        let sums = std::mem::take(&mut self.sums);
        let (picture, sealed) = save::encode_picture(&sums, &self.alerts, history);
        let save = self.saves.entry(time).or_default();
        save.rest = Some(((end, endpoints), [population, picture], sealed));
        self.send_state(time);
    }

    /// Shards that a worker has saved.
    pub(super) fn take_states(&mut self, time: u64, shards: Vec<(usize, Vec<u8>)>) {
        self.saves.entry(time).or_default().shards.extend(shards);
        self.send_state(time);
    }

    /// Hands out a state that is whole.
    fn send_state(&mut self, time: u64) {
        let whole = |save: &mut Save| save.rest.is_some() && save.shards.len() == SHARDS;
        let whole = self.saves.get_mut(&time).is_some_and(whole);
        let Some(Save { rest, shards }) = whole.then(|| self.saves.remove(&time)).flatten() else {
            return;
        };
        if let Some((of, first, sealed)) = rest {
            let saved = Saved::new(of, first, shards.into_values(), sealed);
            self.send(Output::State(Box::new(saved)));
        }
    }

    fn send_rows(&mut self, tick: Tick, rows: Vec<Row>) {
        let mut rows = rows.into_iter();
        loop {
            let rows: Vec<_> = rows.by_ref().take(MAX_ROWS).collect();
            if rows.is_empty() {
                return;
            }
            self.send(Output::Rows { tick, rows });
        }
    }

    fn send_alerts(&mut self, mut alerts: Vec<Alert>) {
        if alerts.is_empty() {
            return;
        }
        alerts.sort_by_key(|alert| (alert.signal, alert.subject, alert.update));
        for alert in &alerts {
            self.alerts.retain(|earlier| earlier.id != alert.id);
            if self.alerts.len() >= self.settings.max_alerts {
                self.alerts.pop_front();
            }
            self.alerts.push_back(alert.clone());
        }
        self.send(Output::Alerts(alerts));
    }

    fn send(&mut self, output: Output) {
        // Nobody reads any more: there is no point in going on, and `finish` says so.
        self.abandoned |= self.outputs.send(output).is_err();
    }
}

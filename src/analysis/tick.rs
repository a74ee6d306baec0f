//! Ticks: observations of many workers become one ordered sequence per shard.
//!
//! The capture thread broadcasts tick markers to all workers. What a worker pushes between two markers belongs to the later
//! one. A shard applies the observations of a marker when every worker has passed it, sorted by (end, flow, index), so the
//! result does not depend on who carried what. A marker usually closes a second, but the capture thread may send
//! several for one second, so that a burst does not pile up; only the sequence counts.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::alert::Alert;
use super::clip::{WindowSums, principal_of};
use super::exchange::{Contribution, Output, Part, Shared};
use super::population::{Closed, epoch_end, epoch_of};
use super::row::Row;
use super::save::{Kept, Picture, Sums};
use super::settings::Settings;
use super::shard::{Context, OwnShards, Seen, Shard};
use super::share::Share;
use super::window::Window;
use crate::clock::{EventTime, Tick};
use crate::masked::MaskedText;
use crate::observation::{FieldNote, Finding, FlowId, Observation, SHARDS, Templates};
use crate::tally::{Tallies, TallySheet};

/// Principals that a worker makes bytes of at each marker while state is being saved: some 5 ms.
const SAVED_AT_ONCE: usize = 1_024;

/// Starts the analysis room for a number of workers: a sink for each, and what comes out.
///
/// The receiver must be read all the time: at most [`Settings::max_outputs`] wait, then workers do.
pub fn start(
    settings: Settings,
    workers: usize,
    tallies: &Tallies,
) -> (Vec<TickSink>, Receiver<Output>) {
    start_with(settings, workers, tallies, None)
}

/// As [`start`], from the state of an earlier run. It does not matter how many workers that had.
pub fn start_with(
    settings: Settings,
    workers: usize,
    tallies: &Tallies,
    kept: Option<Kept>,
) -> (Vec<TickSink>, Receiver<Output>) {
    let (population, mut states, picture) = match kept {
        Some(kept) => {
            let population = (kept.population, kept.time);
            (Some(population), kept.shards, Some(kept.picture))
        }
        None => (None, Vec::new(), None),
    };
    let workers = workers.max(1);
    let settings = Arc::new(settings);
    let (sender, receiver) = crossbeam_channel::bounded(settings.max_outputs.max(1));
    let shared = Shared::new(Arc::clone(&settings), workers, sender, population);
    let closed = shared.lock().closed.clone();
    let shared = Arc::new(shared);
    let mut sinks: Vec<_> = (0..workers)
        .map(|worker| TickSink {
            worker,
            workers,
            shards: OwnShards::new(worker, workers, &settings),
            settings: Arc::clone(&settings),
            shared: Arc::clone(&shared),
            tally: tallies.sheet(),
            outgoing: (0..workers).map(|_| Batch::default()).collect(),
            spare: Vec::new(),
            arrived: VecDeque::new(),
            lists: Vec::new(),
            markers: VecDeque::new(),
            passed: 0,
            applied: 0,
            place: None,
            epochs: 0,
            contributed: false,
            closed: closed.clone(),
            share: Share::default(),
            touched: 0,
            parts: Vec::new(),
            order: Vec::new(),
            finished: false,
            save_due: false,
            saves: 0,
            saved: 0,
            resumed: None,
        })
        .collect();
    for (number, state) in states.drain(..).enumerate() {
        let sink = sinks.get_mut(number % workers);
        if let Some(shard) = sink.and_then(|sink| sink.shards.get_mut(number)) {
            shard.restore(state, &settings);
        }
    }
    if let Some(picture) = picture {
        resume(&mut sinks, picture);
    }
    (sinks, receiver)
}

/// Goes on with what summaries showed: the first worker takes the totals of all.
fn resume(sinks: &mut [TickSink], picture: Picture) {
    let last = picture.last();
    for sink in &mut *sinks {
        sink.resumed = Some(last);
    }
    if let Some(first) = sinks.first_mut() {
        let Sums { totals, endpoints } = picture.sums;
        let snapshot = &first.closed.snapshot;
        first.share.restore(totals, endpoints, snapshot);
        let mut exchange = first.shared.lock();
        exchange.resume(picture.alerts, picture.history);
    }
}

/// Another worker gave up (it went away without [`TickSink::finish`]), or nobody reads the outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the analysis was abandoned before its end")]
pub struct Abandoned;

/// One worker's way into the analysis room, and the shards that this worker owns.
#[derive(Debug)]
pub struct TickSink {
    worker: usize,
    workers: usize,
    settings: Arc<Settings>,
    shared: Arc<Shared>,
    tally: Arc<TallySheet>,
    /// By owner of the shard: what was pushed since the last marker.
    outgoing: Vec<Batch>,
    spare: Vec<Batch>,
    /// By marker, from `applied` on: what came for the shards of this worker.
    arrived: VecDeque<Vec<Batch>>,
    /// Lists without batches, to be used again.
    lists: Vec<Vec<Batch>>,
    /// Ticks of the markers from `applied` on.
    markers: VecDeque<Tick>,
    passed: u64,
    applied: u64,
    /// Where the shards stand: none before the first marker.
    place: Option<Place>,
    /// Epochs closed, as far as this worker has seen.
    epochs: u64,
    contributed: bool,
    closed: Closed,
    shards: OwnShards,
    share: Share,
    /// The shards that anything came to in the open epoch, one bit each.
    touched: u64,
    parts: Vec<Part>,
    order: Vec<Order>,
    finished: bool,
    /// Whether the end of the open epoch is one at which state is saved.
    save_due: bool,
    /// Times that saving was begun, and how many of them are done.
    saves: u64,
    saved: u64,
    /// Until the first marker: the last moment of the picture that it goes on with.
    resumed: Option<Tick>,
}

/// Where the shards of a worker stand in packet time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    tick: Tick,
    epoch: u64,
    window: Option<Window>,
    summary: u64,
    save: u64,
}

/// Observations pushed by one worker for the shards of one owner, between two markers.
#[derive(Debug, Default)]
pub(super) struct Batch {
    marker: u64,
    items: Vec<Item>,
    findings: Vec<Finding>,
    notes: Vec<FieldNote>,
    texts: Vec<Option<Box<MaskedText>>>,
}

#[derive(Debug)]
struct Item {
    observation: Observation,
    findings: std::ops::Range<usize>,
    notes: std::ops::Range<usize>,
    text: Option<usize>,
}

/// The sort key of an observation, and where it lies: batch and item.
type Order = (EventTime, FlowId, u32, usize, usize);

impl TickSink {
    /// Takes one observation of the tick that the next marker closes.
    pub fn push(
        &mut self,
        observation: Observation,
        findings: &[Finding],
        text: Option<Box<MaskedText>>,
    ) {
        self.push_noted(observation, (findings, &[]), text);
    }

    /// Takes one observation with what was found in it and what is noted of the shape of the API.
    pub fn push_noted(
        &mut self,
        observation: Observation,
        (findings, notes): (&[Finding], &[FieldNote]),
        text: Option<Box<MaskedText>>,
    ) {
        let owner = principal_of(&observation).shard() % self.workers;
        let Some(batch) = self.outgoing.get_mut(owner) else {
            return;
        };
        let start = batch.findings.len();
        batch.findings.extend_from_slice(findings);
        let first_note = batch.notes.len();
        batch.notes.extend_from_slice(notes);
        let text = text.map(|text| {
            batch.texts.push(Some(text));
            batch.texts.len() - 1
        });
        batch.items.push(Item {
            observation,
            findings: start..batch.findings.len(),
            notes: first_note..batch.notes.len(),
            text,
        });
    }

    /// This worker has pushed everything of the ticks up to `tick`. Every worker must see the same sequence of markers,
    /// in ascending order; the same tick may come several times.
    pub fn end_tick(&mut self, tick: Tick) {
        let marker = self.passed;
        self.passed += 1;
        self.markers.push_back(tick);
        let complete = if self.workers == 1 {
            self.keep_own_batch(marker);
            self.passed
        } else {
            self.hand_over(marker)
        };
        self.advance(complete);
    }

    /// Observations that wait for other workers.
    pub fn backlog(&self) -> usize {
        let batches = self.arrived.iter().flatten();
        batches.map(|batch| batch.items.len()).sum()
    }

    /// The capture has ended with `last`: waits for the other workers, applies what is left and hands out the rest. Every
    /// worker must call it, with the same tick.
    pub fn finish(mut self, last: Tick) -> Result<(), Abandoned> {
        self.end_tick(last);
        self.catch_up()?;
        // The last epoch may have put observations off: they get an epoch of their own.
        loop {
            let version = self.shared.lock().version;
            if self.end_epoch(last, false) {
                break;
            }
            self.shared.wait_beyond(version)?;
        }
        self.end_window(None, true);
        self.flush_last();
        self.contribute(true, true);
        self.finished = true;
        if self.shared.lock().abandoned {
            return Err(Abandoned);
        }
        Ok(())
    }

    /// As [`TickSink::finish`], with templates that were learned elsewhere. For one worker.
    pub fn finish_as(self, last: Tick, templates: &Templates) -> Result<(), Abandoned> {
        self.shared.lock().templates = Some(templates.clone());
        self.finish(last)
    }

    fn keep_own_batch(&mut self, marker: u64) {
        let Some(batch) = self.outgoing.get_mut(self.worker) else {
            return;
        };
        if batch.items.is_empty() {
            return;
        }
        let mut batch = std::mem::replace(batch, self.spare.pop().unwrap_or_default());
        batch.marker = marker;
        self.arrive(batch);
    }

    /// Gives the other workers their batches and takes own ones; returns how many markers all have passed.
    fn hand_over(&mut self, marker: u64) -> u64 {
        self.keep_own_batch(marker);
        let shared = Arc::clone(&self.shared);
        let mut exchange = shared.lock();
        let outgoing = self.outgoing.iter_mut().enumerate();
        let batches = outgoing.filter(|(_, batch)| !batch.items.is_empty());
        exchange.pass(
            self.worker,
            self.passed,
            batches.map(|(owner, batch)| {
                let mut batch = std::mem::replace(batch, self.spare.pop().unwrap_or_default());
                batch.marker = marker;
                (owner, batch)
            }),
        );
        let (batches, complete) = exchange.collect(self.worker);
        let abandoned = exchange.abandoned;
        shared.announce(exchange);
        if abandoned {
            // Nothing will ever be complete again: do not pile up what comes.
            self.arrived.clear();
            self.markers.clear();
            self.applied = self.passed;
            return self.passed;
        }
        self.take_in(batches);
        complete
    }

    fn take_in(&mut self, batches: Vec<Batch>) {
        for batch in batches {
            self.arrive(batch);
        }
    }

    fn arrive(&mut self, batch: Batch) {
        let at = batch.marker.saturating_sub(self.applied);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        while self.arrived.len() <= at {
            self.arrived.push_back(self.lists.pop().unwrap_or_default());
        }
        if let Some(list) = self.arrived.get_mut(at) {
            list.push(batch);
        }
    }

    /// Applies what may be applied: markers before `complete`, as far as snapshots exist.
    fn advance(&mut self, complete: u64) {
        while self.applied < complete
            && let Some(&tick) = self.markers.front()
            && self.enter(tick)
        {
            self.apply(tick);
            self.step_save(SAVED_AT_ONCE);
            self.markers.pop_front();
            self.applied += 1;
        }
        self.flush();
    }

    /// Moves the shards to `tick`, over the ends of windows and epochs; false if that is not possible yet.
    fn enter(&mut self, tick: Tick) -> bool {
        let Some(place) = self.place else {
            self.check_resumed(tick);
            let [summary, save] = self.spans_of(tick);
            self.place = Some(Place {
                tick,
                epoch: epoch_of(tick),
                window: self.window_of(tick),
                summary,
                save,
            });
            return true;
        };
        let window = self.window_of(tick);
        if window > place.window {
            self.end_window(window, false);
        }
        if epoch_of(tick) > place.epoch {
            let [summary, save] = self.spans_of(tick);
            let due = summary > place.summary;
            // Once: the end of an epoch is tried again until all have come there.
            if !self.contributed {
                self.save_due = save > place.save;
            }
            if !self.end_epoch(tick, due) {
                return false;
            }
            if let Some(place) = &mut self.place {
                place.epoch = epoch_of(tick);
                place.summary = summary;
                place.save = save;
            }
        }
        if let Some(place) = &mut self.place {
            place.tick = place.tick.max(tick);
        }
        true
    }

    /// Begins the picture anew if the run begins before its end: then the same is fed again.
    fn check_resumed(&mut self, first: Tick) {
        let overlap = self.settings.save.map_or(0, |save| save.overlap_seconds);
        let resumed = self.resumed.take();
        if resumed.is_none_or(|last| first.0 >= last.0.saturating_sub(overlap)) {
            return;
        }
        self.share.start_anew();
        for shard in self.shards.iter_mut() {
            shard.start_anew(&self.settings);
        }
        // Each worker does it before the first epoch closes, so it does not matter that it is done several times.
        self.shared.lock().resume(VecDeque::new(), None);
    }

    /// Spans between two summaries, and between two times that state is saved, before a tick.
    fn spans_of(&self, tick: Tick) -> [u64; 2] {
        let summary = self.settings.summary_seconds;
        let save = self.settings.save.map(|save| save.every_seconds);
        [summary, save].map(|seconds| seconds.map_or(0, |seconds| tick.0 / seconds.max(1)))
    }

    fn window_of(&self, tick: Tick) -> Option<Window> {
        let release = self.settings.release.as_ref()?;
        Some(release.plan.schedule().window_of(tick))
    }

    /// Closes the open release window of all shards; the next is `next`, if any.
    fn end_window(&mut self, next: Option<Window>, last: bool) {
        self.flush();
        let release = self.settings.release.as_ref();
        let (Some(release), Some(place)) = (release, &mut self.place) else {
            return;
        };
        let schedule = release.plan.schedule();
        let Some(window) = std::mem::replace(&mut place.window, next) else {
            return;
        };
        // Over a gap that leaps midnight the last window of the day stands for all that are missing.
        let midnight = Window {
            index: schedule.windows(),
            ..window
        };
        let leaps = next.is_some_and(|next| next.period > window.period) && midnight > window;
        for closing in [Some(window), leaps.then_some(midnight)]
            .into_iter()
            .flatten()
        {
            let mut sums = WindowSums::default();
            for shard in self.shards.iter_mut() {
                if let Some(share) = shard.close_window(closing) {
                    sums.merge(&share);
                }
            }
            let mut exchange = self.shared.lock();
            exchange.pass_window(schedule, closing, &sums, last);
        }
        if let Some(next) = next {
            self.shards
                .iter_mut()
                .for_each(|shard| shard.open_window(next));
        }
    }

    /// Adds the sums of the open epoch (once) and goes on if all have; false if the snapshot is not there yet.
    fn end_epoch(&mut self, tick: Tick, summary: bool) -> bool {
        if !self.contributed {
            self.flush();
            self.contribute(summary, false);
            self.contributed = true;
        }
        {
            let exchange = self.shared.lock();
            if exchange.epochs == self.epochs {
                return false;
            }
            self.epochs = exchange.epochs;
            self.closed = exchange.closed.clone();
        }
        self.contributed = false;
        self.share.settle(&self.closed.snapshot);
        let touched = std::mem::take(&mut self.touched);
        self.shards.for_touched(touched, Shard::start_epoch);
        self.apply_deferred(tick);
        true
    }

    fn contribute(&mut self, summary: bool, last: bool) {
        let sums = &mut self.share.epoch;
        self.shards.for_touched(self.touched, |shard| {
            shard.routes.drain_lessons(&mut sums.routes);
            if let Some(delta) = shard.ledger.take_delta() {
                sums.history.append(delta);
            }
        });
        let shared = Arc::clone(&self.shared);
        let epoch = self.place.map_or(0, |place| place.epoch);
        let save = self.begin_save(last);
        let mut exchange = shared.lock();
        exchange.contribute(&mut Contribution {
            share: &mut self.share,
            shards: &self.shards,
            closed: &self.closed,
            summary,
            last,
            end: epoch_end(epoch),
            tally: &self.tally,
            save,
        });
        shared.announce(exchange);
        if save.is_some() && last {
            self.step_save(usize::MAX);
        }
    }

    /// Begins to save the shards where state is due; which time it is.
    fn begin_save(&mut self, last: bool) -> Option<u64> {
        let due = std::mem::take(&mut self.save_due) || last;
        let save = self.settings.save.filter(|_| due)?;
        // One after the other, whatever comes fast.
        self.step_save(usize::MAX);
        let now = self.place.map_or(0, |place| place.tick.0);
        let oldest = Tick(now.saturating_sub(save.retain_seconds));
        for shard in self.shards.iter_mut() {
            shard.begin_save(oldest, &mut self.share);
        }
        self.saves += 1;
        Some(self.saves)
    }

    /// Goes on with saving, by at most `room` principals.
    fn step_save(&mut self, mut room: usize) {
        if self.saved == self.saves {
            return;
        }
        let numbers = (self.worker..SHARDS).step_by(self.workers);
        let mut done = Vec::new();
        for (number, shard) in numbers.zip(self.shards.iter_mut()) {
            done.extend(shard.step_save(&mut room).map(|bytes| (number, bytes)));
            if room == 0 {
                break;
            }
        }
        // With room to spare no shard has anything left.
        if room > 0 {
            self.saved = self.saves;
        }
        if !done.is_empty() {
            self.shared.lock().take_states(self.saves, done);
        }
    }

    fn apply_deferred(&mut self, tick: Tick) {
        let deferred = Arc::clone(&self.closed.deferred);
        if deferred.is_empty() {
            return;
        }
        let mut alerts = Vec::new();
        let mut cx = Context {
            settings: &self.settings,
            snapshot: &self.closed.snapshot,
            share: &mut self.share,
            tick,
            tally: &self.tally,
            alerts: &mut alerts,
        };
        let mut touched = 0_u64;
        let mine = |shard: usize| shard % self.workers == self.worker;
        for deferred in deferred.iter() {
            let number = deferred.observation.client.shard();
            if mine(number)
                && let Some(shard) = self.shards.get_mut(number)
            {
                touched |= 1 << number;
                shard.apply_deferred(deferred, &mut cx);
            }
        }
        self.shards.end_tick(touched, &mut cx);
        self.touched |= touched;
        self.keep_part(tick, Vec::new(), alerts);
    }

    /// Applies the observations of the first marker.
    fn apply(&mut self, tick: Tick) {
        let Some(mut batches) = self.arrived.pop_front() else {
            return;
        };
        if batches.is_empty() {
            self.recycle(batches);
            return;
        }
        self.order.clear();
        for (b, batch) in batches.iter().enumerate() {
            let keys = batch.items.iter().enumerate().map(|(i, item)| {
                let (end, flow, index) = item.observation.order();
                (end, flow, index, b, i)
            });
            self.order.extend(keys);
        }
        self.order.sort_unstable();
        let mut alerts = Vec::new();
        let mut cx = Context {
            settings: &self.settings,
            snapshot: &self.closed.snapshot,
            share: &mut self.share,
            tick,
            tally: &self.tally,
            alerts: &mut alerts,
        };
        let (mut rows, mut touched) = (Vec::new(), 0_u64);
        for &(.., b, i) in &self.order {
            let Some(batch) = batches.get_mut(b) else {
                continue;
            };
            let Some(item) = batch.items.get(i) else {
                continue;
            };
            let findings = batch
                .findings
                .get(item.findings.clone())
                .unwrap_or_default();
            let number = principal_of(&item.observation).shard();
            let Some(shard) = self.shards.get_mut(number) else {
                continue;
            };
            touched |= 1 << number;
            let seen = Seen {
                observation: &item.observation,
                findings,
                notes: batch.notes.get(item.notes.clone()).unwrap_or_default(),
            };
            let counts_to_token = shard.apply(seen, &mut cx);
            if self.settings.rows {
                rows.push(Row {
                    observation: item.observation,
                    counts_to_token,
                    findings: findings.to_vec(),
                    notes: seen.notes.to_vec(),
                    text: item.text.and_then(|at| batch.texts.get_mut(at)?.take()),
                });
            }
        }
        self.shards.end_tick(touched, &mut cx);
        self.touched |= touched;
        self.keep_part(tick, rows, alerts);
        self.recycle(batches);
    }

    /// What came of the marker being applied.
    fn keep_part(&mut self, tick: Tick, rows: Vec<Row>, alerts: Vec<Alert>) {
        if !rows.is_empty() || !alerts.is_empty() {
            self.parts.push(Part {
                marker: self.applied,
                tick,
                rows,
                alerts,
            });
        }
    }

    fn recycle(&mut self, mut batches: Vec<Batch>) {
        for mut batch in batches.drain(..) {
            if self.spare.len() < self.workers {
                batch.items.clear();
                batch.findings.clear();
                batch.notes.clear();
                batch.texts.clear();
                self.spare.push(batch);
            }
        }
        if self.lists.is_empty() {
            self.lists.push(batches);
        }
    }

    /// Hands out what came of the markers applied so far.
    fn flush(&mut self) {
        if self.parts.is_empty() && self.workers == 1 {
            return;
        }
        let mut exchange = self.shared.lock();
        exchange.deliver(self.worker, self.applied, self.parts.drain(..));
    }

    /// As [`TickSink::flush`], with what came after the last marker.
    fn flush_last(&mut self) {
        let mut exchange = self.shared.lock();
        exchange.deliver(self.worker, self.applied + 1, self.parts.drain(..));
    }

    /// Waits until all markers are applied.
    fn catch_up(&mut self) -> Result<(), Abandoned> {
        while self.applied < self.passed {
            self.wait()?;
        }
        Ok(())
    }

    /// Waits until there may be more to apply, and applies it.
    fn wait(&mut self) -> Result<(), Abandoned> {
        let shared = Arc::clone(&self.shared);
        let (batches, complete, version) = {
            let mut exchange = shared.lock();
            let (batches, complete) = exchange.collect(self.worker);
            (batches, complete, exchange.version)
        };
        self.take_in(batches);
        let before = (self.applied, self.epochs);
        self.advance(complete);
        if before == (self.applied, self.epochs) {
            shared.wait_beyond(version)?;
        }
        Ok(())
    }
}

/// A worker that goes away early (a panic) must not leave the others waiting.
impl Drop for TickSink {
    fn drop(&mut self) {
        if !self.finished {
            let mut exchange = self.shared.lock();
            exchange.abandoned = true;
            self.shared.announce(exchange);
        }
    }
}

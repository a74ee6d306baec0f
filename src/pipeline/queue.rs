//! From the capture thread to the workers: batches of transactions and tick markers over bounded channels.
//!
//! Every worker has a channel of its own, so that the markers reach each of them in the same order. A replay waits when a
//! channel is full and never drops; live capture sheds the batch and counts it, because otherwise the kernel's buffer would
//! lose packets blindly.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::cleartext::http::transaction::{Storage, Transaction};
use crate::clock::Tick;
use crate::gauge::{Gauge, Gauges};
use crate::tally::{Tally, TallySheet};

/// Transactions a batch holds at most.
const BATCH_TRANSACTIONS: usize = 256;
/// Bytes a batch holds at most, but for its last transaction.
const BATCH_BYTES: usize = 512 * 1024;
/// Batches in flight to one worker; with [`BATCH_BYTES`] this bounds the queue's memory.
const BATCHES_IN_FLIGHT: usize = 8;
/// Messages that may wait for a worker when live, before batches are shed: a stall of a second or so at any rate this can read.
const LIVE_IN_FLIGHT: usize = 64;
/// Room beyond that for markers, which are never shed: one a second while idle, more when busy.
const MARKERS_IN_FLIGHT: usize = 3_600;
/// A marker is sent after this many transactions even within a tick, so that a burst does not pile up in the sinks.
const MARKER_TRANSACTIONS: usize = 8_192;

/// What a worker receives.
pub(super) enum Message {
    /// Transactions of the tick that the next marker closes.
    Batch(Vec<Transaction>),
    /// Everything emitted so far belongs to ticks up to this one. All workers get the same markers.
    Over(Tick),
    /// The capture has ended in this tick.
    End(Tick),
}

/// What to do when a worker is behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WhenFull {
    /// Shed and count: live capture must not stand still.
    Drop,
    /// Wait: a replay loses nothing.
    Block,
}

/// No worker takes anything any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct WorkersGone;

/// A worker's end.
pub(super) struct Intake {
    pub(super) messages: Receiver<Message>,
    /// Takes the memory of forgotten transactions back to the capture thread.
    pub(super) spent: Sender<Vec<Storage>>,
}

/// The capture thread's end.
pub(super) struct Feed {
    spent: Receiver<Vec<Storage>>,
    workers: Vec<Sender<Message>>,
    next: usize,
    tick: Option<Tick>,
    batch: Vec<Transaction>,
    bytes: usize,
    since_marker: usize,
    when_full: WhenFull,
    tally: Arc<TallySheet>,
    gauges: Gauges,
}

/// Channels to `workers` workers, at least one.
pub(super) fn feed(
    workers: usize,
    when_full: WhenFull,
    tally: Arc<TallySheet>,
    gauges: Gauges,
) -> (Feed, Vec<Intake>) {
    let room = match when_full {
        WhenFull::Block => BATCHES_IN_FLIGHT,
        WhenFull::Drop => LIVE_IN_FLIGHT + MARKERS_IN_FLIGHT,
    };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers.max(1)).map(|_| bounded(room)).unzip();
    let limit = senders.len() * BATCHES_IN_FLIGHT * BATCH_BYTES;
    gauges.set(Gauge::QueueMemoryLimit, limit as u64);
    let (spent, returned) = bounded(senders.len() * BATCHES_IN_FLIGHT);
    let intakes = receivers
        .into_iter()
        .map(|messages| Intake {
            messages,
            spent: spent.clone(),
        })
        .collect();
    let feed = Feed {
        spent: returned,
        workers: senders,
        next: 0,
        tick: None,
        batch: Vec::with_capacity(BATCH_TRANSACTIONS),
        bytes: 0,
        since_marker: 0,
        when_full,
        tally,
        gauges,
    };
    (feed, intakes)
}

impl Feed {
    /// The capture clock stands in `tick`; transactions pushed from now on belong to it.
    pub(super) fn advance(&mut self, tick: Tick) -> Result<(), WorkersGone> {
        match self.tick {
            Some(current) if tick > current => {
                self.flush()?;
                self.mark(current)?;
                self.tick = Some(tick);
            }
            Some(_) => {}
            None => self.tick = Some(tick),
        }
        Ok(())
    }

    /// Hands over a transaction emitted in the current tick.
    pub(super) fn push(&mut self, transaction: Transaction) -> Result<(), WorkersGone> {
        self.bytes += transaction.memory();
        self.batch.push(transaction);
        self.since_marker += 1;
        if self.batch.len() >= BATCH_TRANSACTIONS || self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        match self.tick {
            Some(tick) if self.since_marker >= MARKER_TRANSACTIONS => {
                self.flush()?;
                self.mark(tick)
            }
            _ => Ok(()),
        }
    }

    /// Sends what is pending. Live capture calls this when idle, so that nothing waits for the next packet.
    pub(super) fn flush(&mut self) -> Result<(), WorkersGone> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_TRANSACTIONS));
        self.bytes = 0;
        self.next = (self.next + 1) % self.workers.len();
        let Some(worker) = self.workers.get(self.next) else {
            return Err(WorkersGone);
        };
        if self.when_full == WhenFull::Drop && worker.len() >= LIVE_IN_FLIGHT {
            self.tally.add(Tally::TransactionsShed, batch.len() as u64);
            return Ok(());
        }
        worker.send(Message::Batch(batch)).map_err(|_| WorkersGone)
    }

    /// Memory of forgotten transactions that came back since the last call.
    pub(super) fn returned(&self) -> impl Iterator<Item = Vec<Storage>> {
        self.spent.try_iter()
    }

    /// The capture has ended.
    pub(super) fn end(mut self) -> Result<(), WorkersGone> {
        self.flush()?;
        let tick = self.tick.unwrap_or_default();
        self.workers
            .iter()
            .try_for_each(|worker| worker.send(Message::End(tick)).map_err(|_| WorkersGone))
    }

    fn mark(&mut self, tick: Tick) -> Result<(), WorkersGone> {
        self.since_marker = 0;
        let waiting: usize = self.workers.iter().map(Sender::len).sum();
        self.gauges.set(
            Gauge::QueueTransactions,
            (waiting * BATCH_TRANSACTIONS) as u64,
        );
        self.gauges
            .set(Gauge::QueueMemory, (waiting * BATCH_BYTES) as u64);
        self.workers
            .iter()
            .try_for_each(|worker| worker.send(Message::Over(tick)).map_err(|_| WorkersGone))
    }
}

//! The capture thread: packets in, transactions out to the workers, in ticks of packet time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::queue::{Feed, WorkersGone};
use crate::cleartext::capture::{Polled, Source, SourceError};
use crate::cleartext::engine::Engine;
use crate::cleartext::http::transaction::Transaction;
use crate::clock::{EventTime, wall_now};
use crate::gauge::{Gauge, Gauges};
use crate::tally::{Tally, TallySheet};

/// Kernel drops and table levels are read after this many packets, and when idle.
const HOUSEKEEPING_PACKETS: u32 = 8_192;
/// A paced replay never sleeps longer than this at once, so that it can be stopped.
const PACE_STEP: Duration = Duration::from_millis(100);

/// What the capture thread works with.
pub(super) struct CaptureLoop<'a> {
    pub(super) engine: Engine,
    pub(super) feed: Feed,
    pub(super) pace: Option<Pace>,
    pub(super) live: bool,
    pub(super) stop: &'a AtomicBool,
    pub(super) tally: &'a TallySheet,
    pub(super) gauges: &'a Gauges,
    /// Called every few thousand packets and when idle (progress bar, watchdog).
    pub(super) housekeeping: Box<dyn FnMut() + Send + 'a>,
}

impl CaptureLoop<'_> {
    /// Reads `source` to its end or until told to stop, then ends all flows. What the source had to complain about comes
    /// back; everything before it was handed over.
    pub(super) fn run(mut self, source: &mut dyn Source) -> Vec<SourceError> {
        let mut faults = Vec::new();
        // Workers that are gone have said why themselves; the pipeline sees that when it joins them.
        let read = self.read(source, &mut faults);
        let mut rest = Vec::new();
        self.engine
            .finish(&mut |transaction| rest.push(transaction));
        let handed = read.and_then(|()| self.hand_over(&mut rest));
        self.levels(source);
        if handed.is_ok() {
            let _ended = self.feed.end().is_ok();
        }
        faults
    }

    fn read(
        &mut self,
        source: &mut dyn Source,
        faults: &mut Vec<SourceError>,
    ) -> Result<(), WorkersGone> {
        let mut emitted = Vec::new();
        let mut since = 0_u32;
        while !self.stop.load(Ordering::Relaxed) {
            let idle = match source.poll() {
                Ok(Polled::Packet(packet)) => {
                    if let Some(pace) = &mut self.pace {
                        pace.wait_for(packet.time, self.stop);
                    }
                    self.engine
                        .packet(&packet, &mut |transaction| emitted.push(transaction));
                    false
                }
                Ok(Polled::Idle) => {
                    if self.live {
                        self.engine
                            .idle(wall_now(), &mut |transaction| emitted.push(transaction));
                    }
                    true
                }
                Ok(Polled::End) => return Ok(()),
                // One damaged file of several: the source tells about each at its end.
                Err(fault @ SourceError::Damaged { .. }) => {
                    faults.push(fault);
                    continue;
                }
                Err(fault @ SourceError::Interface { .. }) => {
                    faults.push(fault);
                    return Ok(());
                }
            };
            self.hand_over(&mut emitted)?;
            if idle {
                self.feed.flush()?;
            }
            since += 1;
            if idle || since >= HOUSEKEEPING_PACKETS {
                since = 0;
                self.levels(source);
            }
        }
        Ok(())
    }

    /// What one packet completed belongs to the tick the clock now stands in.
    fn hand_over(&mut self, emitted: &mut Vec<Transaction>) -> Result<(), WorkersGone> {
        if emitted.is_empty() {
            return self.feed.advance(self.engine.now().tick());
        }
        self.feed.advance(self.engine.now().tick())?;
        for spent in self.feed.returned() {
            self.engine.reuse(spent);
        }
        emitted
            .drain(..)
            .try_for_each(|transaction| self.feed.push(transaction))
    }

    fn levels(&mut self, source: &mut dyn Source) {
        (self.housekeeping)();
        let drops = source.drops();
        self.tally.set(Tally::KernelDropped, drops.kernel);
        self.tally.set(Tally::InterfaceDropped, drops.interface);
        self.gauges
            .set(Gauge::FlowsOpen, self.engine.flows() as u64);
        self.gauges
            .set(Gauge::FlowMemory, self.engine.memory() as u64);
    }
}

/// Feeds a capture at so many times real time.
pub(super) struct Pace {
    factor: f64,
    start: Option<(EventTime, EventTime)>,
}

impl Pace {
    pub(super) const fn new(factor: f64) -> Self {
        Self {
            factor,
            start: None,
        }
    }

    /// Sleeps until the moment of the packet has come.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a pace needs no nanoseconds"
    )]
    fn wait_for(&mut self, stamp: EventTime, stop: &AtomicBool) {
        let (first, begun) = *self.start.get_or_insert_with(|| (stamp, wall_now()));
        let due = (stamp.nanos_since(first) as f64 / self.factor) as u64;
        while !stop.load(Ordering::Relaxed) {
            let elapsed = wall_now().nanos_since(begun);
            if elapsed >= due {
                return;
            }
            std::thread::sleep(PACE_STEP.min(Duration::from_nanos(due - elapsed)));
        }
    }
}

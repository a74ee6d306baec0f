//! The worker threads: messages in, observations out to the analysis room.

use std::sync::Arc;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::queue::{Intake, Message};
use crate::analysis::{Abandoned, TickSink};
use crate::cleartext::worker::{Worker, WorkerShared};
use crate::error::Error;
use crate::tally::Tallies;

/// Starts a thread for each channel.
pub(super) fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &Arc<WorkerShared>,
    tallies: &Tallies,
    intakes: Vec<Intake>,
    sinks: Vec<TickSink>,
) -> Result<Vec<ScopedJoinHandle<'scope, Result<(), Abandoned>>>, Error> {
    let threads = intakes
        .into_iter()
        .zip(sinks)
        .enumerate()
        .map(|(number, (intake, sink))| {
            let worker = Worker::new(shared, tallies.sheet());
            Builder::new()
                .name(format!("ht-worker-{number}"))
                .spawn_scoped(scope, move || work(worker, &intake, sink))
                .map_err(|error| Error::io("cannot start a thread", "ht-worker", &error))
        });
    threads.collect()
}

fn work(mut worker: Worker, intake: &Intake, mut sink: TickSink) -> Result<(), Abandoned> {
    for message in &intake.messages {
        match message {
            Message::Batch(transactions) => {
                for transaction in transactions {
                    let seen = worker.see(transaction);
                    let about = (seen.findings, seen.notes);
                    sink.push_noted(seen.observation, about, seen.text);
                }
                // If the capture thread has enough already, the allocator takes it.
                let _kept = intake.spent.try_send(worker.take_spent()).is_ok();
            }
            Message::Over(tick) => sink.end_tick(tick),
            Message::End(tick) => return sink.finish(tick),
        }
    }
    // The capture thread went away without an end: it has failed, and says so itself.
    Err(Abandoned)
}

/// Waits for all of them. That the analysis was abandoned is a consequence, told by whoever caused it; a panic is told here.
pub(super) fn join(threads: Vec<ScopedJoinHandle<'_, Result<(), Abandoned>>>) -> Result<(), Error> {
    for thread in threads {
        let _ended = thread.join().map_err(|_| Error::internal())?.is_ok();
    }
    Ok(())
}

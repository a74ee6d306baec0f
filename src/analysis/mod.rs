//! Room 2: baselines, scores and sums. No bytes, no text, no wall clock; never names `cleartext`.
//!
//! ```text
//!  worker 0  TickSink::push ─┐ batches by owner of the shard, handed over at every tick marker
//!  worker 1  TickSink::push ─┤
//!                            ▼ when every worker has passed the marker: sort by (end, flow, index)
//!  shards    one writer each: principals, endpoints used, texts waiting for admission, sensitive-data map
//!                            ▼ every 10 s (an epoch): integer sums of all workers, closed in the order of ids
//!  population                endpoints, admitted texts, baselines -> Snapshot for the next epoch
//!                            ▼
//!  Output                    rows, alerts, windows, summaries, in one order whatever the number of workers
//! ```
//!
//! # Threads
//! [`start`] makes one [`TickSink`] per worker and one channel of [`Output`]s. Shard s belongs to worker s mod workers,
//! which applies its observations inside its own calls of [`TickSink::end_tick`]; no thread of its own. Workers meet in a
//! mutex once per tick marker (never with one worker). A worker that may not go on yet (another has not passed the
//! marker, or the snapshot it needs is not closed) leaves its batches for a later call: only [`TickSink::finish`] waits.
//!
//! # Why the result does not depend on the number of workers
//! Which observations belong to a marker is decided by the capture thread. Within one, each shard sees its observations
//! sorted by a key that is unique. Everything that crosses shards is an integer sum, a minimum or a maximum, or a list
//! sorted by such a key. Limits are applied per shard or at the end of an epoch in the order of ids.
#![deny(clippy::disallowed_types)]

pub mod alert;
pub mod clip;
pub mod country;
pub mod endpoint;
pub mod exact;
pub mod explain;
pub mod insight;
pub mod inventory;
pub mod row;
pub mod save;
pub mod settings;
pub mod signals;
pub mod summary;
pub mod tick;
pub mod window;

mod admission;
mod baseline;
mod book;
mod exchange;
mod fixed;
mod histogram;
mod keyed;
mod look;
mod population;
mod principal;
mod routes;
mod sensitive;
mod shard;
mod share;
mod short;
mod summarize;
mod sums;
mod table;
mod toplist;

#[cfg(test)]
pub(crate) mod tests;

pub use exchange::Output;
pub use settings::Settings;
pub use tick::{Abandoned, TickSink, start, start_with};

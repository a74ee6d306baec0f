//! The wiring: which threads there are, what they hand to each other, and how it all ends. No domain logic.
//!
//! ```text
//!  ht-capture-0 --batches, tick markers--> ht-worker-N --outputs--> this thread (replay) or ht-closer (run)
//! ```
//! Everything ends by dropping the first sender: the capture thread ends the feed, workers finish their shards, and the
//! output channel closes behind the last of them.

mod capture;
mod closer;
mod desk;
mod examine;
mod keep;
mod listeners;
mod live;
mod narrow;
mod queue;
mod replay;
mod rooms;
mod scrub;
mod signals;
mod watch;
mod workers;

pub use examine::examine;
pub use live::run;
pub use replay::replay;
pub use scrub::scrub;

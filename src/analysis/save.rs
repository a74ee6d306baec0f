//! What is kept over a restart: the habits of principals and what all of them together have taught, as bytes.
//!
//! ```text
//!  end of an epoch ── each worker encodes its shards, the last one the population ──► Saved (one section each)
//!  Saved ── Kept::decode ──► start_with: the same state, for any number of workers
//! ```
//!
//! There are keyed hashes and numbers in it, no text. Sums that summaries show since the start, release windows and
//! observations put off to the next epoch are not kept: a picture begins with its run, the ledger keeps what was released,
//! and at a clean end nothing is put off.

pub(super) mod array;

#[cfg(test)]
mod tests;

use super::admission::TextChanges;
use super::population::PopulationState;
use super::shard::ShardState;
use crate::clock::EventTime;
use crate::observation::{EndpointId, PrincipalKey, SHARDS};

/// Raised whenever a type that is kept changes: state of another format is refused.
pub const FORMAT: u32 = 2;
/// The longest section in bytes: a full shard takes some 20 MB.
pub const MAX_SECTION: usize = 64 << 20;

/// When state is saved, and how long what is in it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaveSettings {
    /// Seconds of packet time between two times, rounded up to epochs; also once at the end.
    pub every_seconds: u64,
    /// Principals not seen for so many seconds are dropped, whenever state is saved.
    pub retain_seconds: u64,
}

/// State as bytes, at the end of an epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// The end of the epoch.
    pub time: EventTime,
    /// The endpoints in it, whose names are kept apart.
    pub endpoints: Vec<EndpointId>,
    /// The population, then the shards in order.
    pub sections: Vec<Vec<u8>>,
}

/// The bytes are no state: damaged, or of another format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("section {section} cannot be read")]
pub struct Unreadable {
    /// Which section: 0 is the population.
    pub section: usize,
}

/// State to start from.
#[derive(Debug)]
pub struct Kept {
    pub(super) time: EventTime,
    pub(super) population: PopulationState,
    pub(super) shards: Vec<ShardState>,
}

/// What was known of a principal, and is no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Forgotten {
    /// Its habits (as a token, as a client).
    pub habits: usize,
    /// Alerts that were held open for it.
    pub alerts: usize,
    /// Texts waiting for admission that named it among their users.
    pub texts: usize,
    /// Endpoints that named it as the first to call them.
    pub endpoints: usize,
}

impl Forgotten {
    /// Whether there was anything.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Kept {
    /// Reads what [`Self::encode`] or a run wrote.
    pub fn decode(saved: &Saved) -> Result<Self, Unreadable> {
        let unreadable = |section| Unreadable { section };
        if saved.sections.len() != 1 + SHARDS {
            return Err(unreadable(saved.sections.len()));
        }
        let mut sections = saved.sections.iter().enumerate();
        let first = sections.next().ok_or(unreadable(0))?.1;
        let population: PopulationState = decode(first).ok_or(unreadable(0))?;
        if !population.is_sound() {
            return Err(unreadable(0));
        }
        let shards = sections.map(|(at, bytes)| decode(bytes).ok_or(unreadable(at)));
        Ok(Self {
            time: saved.time,
            population,
            shards: shards.collect::<Result<_, _>>()?,
        })
    }

    /// The same as bytes.
    pub fn encode(&self) -> Saved {
        let shards = self.shards.iter().map(encode);
        Saved {
            time: self.time,
            endpoints: self.population.ids().to_vec(),
            sections: std::iter::once(encode(&self.population))
                .chain(shards)
                .collect(),
        }
    }

    /// Drops what is only true under the configuration it was learned with: services and types of values are numbers
    /// there, and words of the vocabulary in the build.
    pub fn drop_numbered(&mut self) {
        self.population.drop_numbered();
    }

    /// Tokens and clients known.
    pub fn principals(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(tokens, clients), shard| {
            let (t, c) = shard.principals();
            (tokens + t, clients + c)
        })
    }

    /// Drops whatever is known of a principal.
    pub fn forget(&mut self, key: PrincipalKey) -> Forgotten {
        let mut gone = Forgotten::default();
        let mut changes = TextChanges::new();
        for shard in &mut self.shards {
            shard.forget(key, &mut gone, &mut changes);
        }
        self.population.forget(key, &mut gone, &changes);
        gone
    }
}

/// A state as bytes. Memory is all it can lack, so there is no error to tell.
pub(super) fn encode(state: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_allocvec(state).unwrap_or_default()
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (state, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(state)
}

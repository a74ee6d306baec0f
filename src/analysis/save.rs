//! What is kept over a restart: the habits of principals and what all of them together have taught, as bytes.
//!
//! ```text
//!  end of an epoch ── the last worker encodes the population and the picture, each one its shards: principals in steps,
//!                     a few at each marker, those about to change before they do ──► Saved
//!  Saved ── Kept::decode ──► start_with: the same state, for any number of workers
//! ```
//!
//! There are keyed hashes and numbers in it, no text. The picture (what summaries show since the start) goes on where time
//! does: what is fed from before its end again is counted anew. Release windows and observations put off to the next epoch
//! are not kept: the ledger keeps what was released, and at a clean end nothing is put off.

pub(super) mod array;
mod evidence;
mod frozen;
mod numbers;
mod picture;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

pub use numbers::{Numbering, Renumbering};

pub(super) use frozen::Frozen;
pub(super) use picture::{Picture, Sums, encode as encode_picture};

use super::admission::TextChanges;
use super::insight::{Sealed, Segment};
use super::population::PopulationState;
use super::shard::ShardState;
use crate::clock::EventTime;
use crate::observation::{EndpointId, PrincipalKey, SHARDS};

/// Raised whenever a type that is kept changes: state of another format is refused.
pub const FORMAT: u32 = 5;
/// Sections before those of the shards: the population and the picture. The sealed parts of the history follow them.
const FIRST: usize = 2;

/// When state is saved, and how long what is in it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaveSettings {
    /// Seconds of packet time between two times, rounded up to epochs; also once at the end.
    pub every_seconds: u64,
    /// Principals not seen for so many seconds are dropped, whenever state is saved.
    pub retain_seconds: u64,
    /// How far before the end of what was saved a run may begin and still go on with its picture: clocks are set back.
    pub overlap_seconds: u64,
}

/// State as bytes, at the end of an epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// The end of the epoch.
    pub time: EventTime,
    /// The endpoints in it, whose names are kept apart.
    pub endpoints: Vec<EndpointId>,
    /// The population, the picture, the shards in order, then the sealed minutes and hours of the history.
    pub sections: Vec<Section>,
}

/// A part of a state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Section {
    /// As bytes.
    Bytes(Vec<u8>),
    /// A sealed part of the history, which is shared and never changes: whoever writes it makes bytes of it.
    Sealed(SealedPart),
}

/// One minute or hour of the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedPart(Arc<Segment>);

impl Section {
    /// As bytes.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
            Self::Sealed(SealedPart(part)) => Cow::Owned(encode(part.as_ref())),
        }
    }
}

impl Saved {
    /// Puts together what is kept.
    pub(super) fn new(
        (time, endpoints): (EventTime, Vec<EndpointId>),
        first: [Vec<u8>; FIRST],
        shards: impl Iterator<Item = Vec<u8>>,
        sealed: Sealed,
    ) -> Self {
        let bytes = first.into_iter().chain(shards).map(Section::Bytes);
        let sealed = sealed.into_iter().flatten();
        let sealed = sealed.map(|part| Section::Sealed(SealedPart(part)));
        Self {
            time,
            endpoints,
            sections: bytes.chain(sealed).collect(),
        }
    }
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
    pub(super) picture: Picture,
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
    /// Its profile: hours, endpoints, peaks.
    pub profiles: usize,
    /// Minutes and hours of its history, by endpoint and country.
    pub history: usize,
    /// Lists of who an integration is, or who uses a path, that named it.
    pub lists: usize,
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
        let all = &saved.sections;
        let Some(([population, picture], rest)) = all.split_first_chunk::<FIRST>() else {
            return Err(unreadable(all.len()));
        };
        let Some((shards, sealed)) = rest.split_at_checked(SHARDS) else {
            return Err(unreadable(all.len()));
        };
        let population: PopulationState = decode(population).ok_or(unreadable(0))?;
        if !population.is_sound() {
            return Err(unreadable(0));
        }
        let picture: Picture = decode(picture).ok_or(unreadable(1))?;
        let sealed = (FIRST + SHARDS..).zip(sealed);
        let sealed = sealed.map(|(at, bytes)| decode(bytes).ok_or(unreadable(at)));
        let picture = picture.with_sealed(sealed.collect::<Result<_, _>>()?);
        let shards = (FIRST..).zip(shards);
        let shards = shards.map(|(at, bytes)| decode(bytes).ok_or(unreadable(at)));
        Ok(Self {
            time: saved.time,
            population,
            picture: picture.ok_or(unreadable(all.len()))?,
            shards: shards.collect::<Result<_, _>>()?,
        })
    }

    /// The same as bytes.
    pub fn encode(&self) -> Saved {
        let Picture {
            sums,
            alerts,
            history,
            ..
        } = &self.picture;
        let (picture, sealed) = encode_picture(sums, alerts, history.as_ref());
        Saved::new(
            (self.time, self.population.ids().to_vec()),
            [encode(&self.population), picture],
            self.shards.iter().map(encode),
            sealed,
        )
    }

    /// Gives services, types, rules and integrations their numbers in another configuration.
    pub fn renumber(&mut self, numbers: &Renumbering) {
        self.population.renumber(numbers);
        self.picture.renumber(numbers);
        for shard in &mut self.shards {
            shard.renumber(numbers);
        }
    }

    /// Drops what is only true under the configuration it was learned with: what was told of exposed values, and what was
    /// learned of paths by services and words of the vocabulary. What was counted by path counts as single requests say.
    pub fn drop_numbered(&mut self) {
        self.population.drop_numbered();
        for shard in &mut self.shards {
            for (endpoint, totals) in shard.drop_routes() {
                let sums = self.picture.sums.endpoints.entry(endpoint);
                sums.or_default().merge(&totals);
            }
        }
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
        let mut changes = TextChanges::default();
        for shard in &mut self.shards {
            shard.forget(key, &mut gone, &mut changes);
        }
        self.population.forget(key, &mut gone, &mut changes);
        self.picture.forget(key, &mut gone);
        gone
    }
}

/// A state as bytes. Memory is all it can lack, so there is no error to tell.
pub(super) fn encode(state: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_allocvec(state).unwrap_or_default()
}

/// The same behind what is there already.
pub(super) fn encode_to(state: &impl serde::Serialize, bytes: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(state, bytes).unwrap_or_default()
}

fn decode<T: serde::de::DeserializeOwned>(section: &Section) -> Option<T> {
    let bytes = section.bytes();
    let (state, rest) = postcard::take_from_bytes(&bytes).ok()?;
    rest.is_empty().then_some(state)
}

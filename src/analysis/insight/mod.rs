//! Analytics: what is told about tokens, integrations and releases beyond what detection needs.
//!
//! ```text
//!  Ledger       one a shard: a single writer, in order                      (here)
//!    Profiles   the busiest tokens: heartbeat, endpoints, peaks, limits     (profile)
//!    Partners   named integrations, whole                                   (partner)
//!    Releases   of clients and of servers                                   (release)
//!    Delta      what one epoch adds to the history                          (history)
//!  History      minutes of a day, hours of a month: sums of all shards      (history)
//!  Insights     the picture of all this, in a summary                       (view)
//! ```
//!
//! Everything is bounded by a named limit and made of integers. What is kept of a token that is not among the busiest is in
//! its `Principal` alone.

pub mod history;
pub mod view;

mod adoption;
pub(super) mod credentials;
mod partner;
mod profile;
mod release;

#[cfg(test)]
mod tests;

pub use history::{Cell, History, HistoryLimits};
pub use view::{
    Advised, Heaviest, HygieneSummary, Insights, Load, PartnerSummary, Peaks, ProfileSummary,
    ReleaseSummary, Sensitive,
};

pub(super) use adoption::Adoption;
pub(super) use history::{Delta, Keeper, Sealed, Segment};
pub(super) use view::Collector;

use self::partner::Partners;
use self::profile::Profiles;
use self::release::Releases;
use super::save::Renumbering;
use super::settings::Settings;
use super::shard::{Seen, Who};
use crate::clock::{EventTime, NANOS_PER_SECOND, Tick};
use crate::observation::{EndpointId, Observation, PrincipalKey, RateLimit, SHARDS, TypeId};
use crate::tally::{Tally, TallySheet};

/// Hours of a week: bins of a heartbeat. The first is Monday, 00:00 to 01:00 UTC.
pub const HOURS_OF_WEEK: usize = 168;

/// Calls by hour of the week.
pub type Heartbeat = [u32; HOURS_OF_WEEK];

/// The bin of a heartbeat. The first of January 1970 was a Thursday.
pub(super) fn hour_of_week(time: EventTime) -> usize {
    let hours = time.secs() / 3_600 + 3 * 24;
    usize::try_from(hours % HOURS_OF_WEEK as u64).unwrap_or(0)
}

/// The day a tick lies in, counted from the epoch.
pub(super) fn day_of(tick: Tick) -> u16 {
    u16::try_from(tick.start().nanos() / (86_400 * NANOS_PER_SECOND)).unwrap_or(u16::MAX)
}

/// One call as the ledger sees it.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) who: Who,
    pub(super) endpoint: EndpointId,
    pub(super) seen: Seen<'a>,
    /// Calls of the principal so far.
    pub(super) total: u64,
    pub(super) tick: Tick,
}

/// What answers say of limits on requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Throttle {
    /// Calls answered 429.
    pub refused: u64,
    /// Answers that said that something is left of a limit.
    pub left: u64,
    /// Answers that said that nothing is left.
    pub spent: u64,
}

impl Throttle {
    pub(super) fn count(&mut self, observation: &Observation) {
        self.refused += u64::from(observation.outcome().0 == 429);
        match observation.rate_limit {
            RateLimit::Silent => {}
            RateLimit::Left => self.left += 1,
            RateLimit::Spent => self.spent += 1,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.refused += other.refused;
        self.left += other.left;
        self.spent += other.spent;
    }

    /// Whether no answer said anything.
    pub const fn is_silent(&self) -> bool {
        self.refused == 0 && self.left == 0 && self.spent == 0
    }
}

/// Sensitive types told apart for one token or integration; later ones are not counted here (the sensitive-data map has them).
const MAX_TYPES: usize = 16;

/// Sensitive values by type: sent and received.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Types(Vec<(TypeId, [u64; 2])>);

impl Types {
    pub(super) fn count(&mut self, call: Call<'_>) {
        for finding in call.seen.real() {
            let n = u64::from(finding.count);
            let counts = if finding.part.is_response() {
                [0, n]
            } else {
                [n, 0]
            };
            self.add(finding.kind, counts, MAX_TYPES);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for &(kind, counts) in &other.0 {
            // Without the limit: what is left out must not depend on the order in which shards come.
            self.add(kind, counts, usize::MAX);
        }
    }

    fn add(&mut self, kind: TypeId, counts: [u64; 2], limit: usize) {
        let room = self.0.len() < limit;
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, sums)) => {
                for (sum, more) in sums.iter_mut().zip(counts) {
                    *sum += more;
                }
            }
            None if room => self.0.push((kind, counts)),
            None => {}
        }
    }

    /// Gives types their numbers in another configuration, and drops those that are not in it.
    pub(super) fn renumber(&mut self, numbers: &Renumbering) {
        for (kind, counts) in std::mem::take(&mut self.0) {
            if let Some(kind) = numbers.kind(kind) {
                self.add(kind, counts, usize::MAX);
            }
        }
    }

    /// By type.
    pub(super) fn sorted(&self) -> Vec<Sensitive> {
        let mut list: Vec<_> = self
            .0
            .iter()
            .map(|&(kind, [sent, received])| Sensitive {
                kind,
                sent,
                received,
            })
            .collect();
        list.sort_unstable_by_key(|entry| entry.kind);
        list
    }
}

/// The analytics of one shard.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Ledger {
    profiles: Profiles,
    partners: Partners,
    clients: Releases,
    servers: Releases,
    #[serde(skip)]
    delta: Option<Delta>,
}

impl Ledger {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            profiles: Profiles::new(settings.max_profiles / SHARDS),
            partners: Partners::default(),
            clients: Releases::default(),
            servers: Releases::default(),
            delta: settings.history.map(|_| Delta::default()),
        }
    }

    /// Counts a call.
    pub(super) fn observe(&mut self, call: Call<'_>, tally: &TallySheet) {
        let observation = call.seen.observation;
        self.clients.count(observation.release, call);
        self.servers.count(observation.server, call);
        self.partners.count(call);
        if !call.who.is_token {
            return;
        }
        self.profiles.count(call);
        if let Some(delta) = &mut self.delta
            && !delta.count(call)
        {
            tally.one(Tally::LimitHistory);
        }
    }

    /// Goes on from what was kept.
    pub(super) fn restore(&mut self, kept: Self, settings: &Settings) {
        self.profiles = kept.profiles.limited(settings.max_profiles / SHARDS);
        self.partners = kept.partners;
        self.clients = kept.clients;
        self.servers = kept.servers;
    }

    /// Drops tokens that were last seen before `oldest`.
    pub(super) fn expire(&mut self, oldest: Tick) {
        self.profiles.expire(oldest.0);
        self.partners.expire(day_of(oldest));
    }

    /// Drops a token: whether it had a profile, and to how many integrations it belonged.
    pub(super) fn forget(&mut self, token: PrincipalKey) -> (bool, usize) {
        (self.profiles.forget(token), self.partners.forget(token))
    }

    /// Gives integrations and types their numbers in another configuration, and drops those that are not in it.
    pub(super) fn renumber(&mut self, numbers: &Renumbering) {
        self.profiles.renumber(numbers);
        self.partners.renumber(numbers);
    }

    /// What the epoch adds to the history, if one is kept; the ledger forgets it.
    pub(super) fn take_delta(&mut self) -> Option<Delta> {
        self.delta.as_mut().map(std::mem::take)
    }

    /// What is known of a token, if it is among the busiest.
    pub(super) fn profile(&self, token: PrincipalKey) -> Option<ProfileSummary> {
        self.profiles.get(token).map(profile::Profile::summary)
    }
}

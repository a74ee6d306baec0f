//! Templates of paths that no document or hint knows: counted by path, learned from all principals, named at the end.
//!
//! ```text
//! RouteBook   one a shard: totals by path, as long as a piece of it may still turn out to be a name;
//!             and what the open epoch teaches: requests and principals by path         (here)
//!   Lessons   what one epoch teaches, of all shards: sums and unions, in the order of paths
//! Learner     one for all, at the end of an epoch: a tree of paths                     (learner)
//!   verdict   which of the pieces that stand at one place are names                    (verdict)
//! Templates   what came of it, for whoever shows endpoints                             (observation::templates)
//! ```
//!
//! The identity of an endpoint ([`EndpointId`]) stays what the single request says: words of the vocabulary and classes.
//! Baselines and alerts go by it, so that learning a name raises no alert and forgets no habit. Learned templates regroup
//! what is counted and shown: totals are kept by path until a piece is certainly a value, so a report shows the requests of
//! the first second under the templates of the last.

mod elsewhere;
mod learner;
mod suffix;
mod verdict;
mod writing;

#[cfg(test)]
pub(super) mod tests;

pub(super) use learner::Learner;

use std::collections::{BTreeMap, BTreeSet};

use super::endpoint::{EndpointTotals, OTHER_ENDPOINT};
use super::exact::ExactBook;
use super::insight::Call;
use super::keyed::KeyedMap;
use super::principal::Firsts;
use super::summary::Learned;
use super::sums::KeyedSums;
use crate::observation::{EndpointId, Method, PrincipalKey, Route, ServiceId, Template, Templates};
use crate::tally::{Tally, TallySheet};

/// Paths that one shard tells apart; more count by their classes, and twice as many not at all by path.
const MAX_ROUTES: usize = 4_096;
/// Paths whose place one shard remembers.
const MAX_ROUTED: usize = 8_192;
/// Paths that one shard teaches in one epoch.
const MAX_LESSONS: usize = 1_024;
/// Principals that one shard counts apart by path.
const MAX_USERS: usize = 4_096;
/// Endpoints, by what single requests say, that are remembered by path.
const MAX_BASES: usize = 32;

/// A path with its method and service.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
pub(super) struct RouteKey {
    pub(super) service: ServiceId,
    pub(super) method: Method,
    pub(super) route: Route,
}

impl RouteKey {
    /// Mixes what is a keyed hash already, or a small number.
    fn hash(&self) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let head = u64::from(self.service.0) << 8 | self.method as u64;
        let elements = self.route.elements().iter().map(|e| e.to_bits());
        let mixed = elements.fold(head.wrapping_mul(ODD), |hash, bits| {
            (hash.rotate_left(29) ^ bits).wrapping_mul(ODD)
        });
        mixed ^ mixed >> 31
    }
}

impl std::hash::Hash for RouteKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(Self::hash(self));
    }
}

/// What requests for one path teach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Lesson {
    requests: u64,
    /// One bit for each principal, by its keyed hash: never more bits than principals, whoever adds them up.
    users: u128,
}

impl Lesson {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.users |= other.users;
    }
}

/// What one epoch teaches.
#[derive(Debug, Default)]
pub(super) struct Lessons(KeyedSums<RouteKey, Lesson>);

impl Lessons {
    /// Drops all: where nothing is learned.
    pub(super) fn clear(&mut self) {
        drop(self.0.drain());
    }

    /// Takes those of another; sums and unions, so the order does not matter.
    pub(super) fn absorb(&mut self, more: &mut Self) {
        self.0.drain_from(&mut more.0, Lesson::add);
    }
}

/// The totals of one path.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct RouteTotals {
    pub(super) totals: EndpointTotals,
    pub(super) users: BTreeSet<PrincipalKey>,
    /// What single requests call it.
    pub(super) bases: BTreeSet<EndpointId>,
}

impl RouteTotals {
    pub(super) fn new() -> Self {
        Self {
            totals: EndpointTotals::default(),
            users: BTreeSet::new(),
            bases: BTreeSet::new(),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.users.extend(other.users.iter().copied());
        self.bases.extend(other.bases.iter().copied());
    }
}

/// The paths seen by the principals of one shard.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct RouteBook {
    #[serde(skip)]
    index: KeyedMap<u64>,
    slots: Vec<(RouteKey, RouteTotals)>,
    #[serde(skip)]
    taught: KeyedMap<u64>,
    #[serde(skip)]
    lessons: Vec<(RouteKey, Lesson)>,
    /// Where each path counts, as long as the templates are these.
    #[serde(skip)]
    routed: KeyedMap<u64>,
    #[serde(skip)]
    routed_len: usize,
    /// The templates by which `slots` are settled.
    #[serde(skip)]
    version: u64,
    /// Counters for whoever scrapes; none where nobody does.
    exact: Option<ExactBook>,
}

impl RouteBook {
    /// A book; `exact`: with counters that never fall.
    pub(super) fn new(exact: bool) -> Self {
        Self {
            exact: exact.then(ExactBook::default),
            ..Self::default()
        }
    }

    /// Counters that never fall.
    pub(super) const fn exact(&self) -> Option<&ExactBook> {
        self.exact.as_ref()
    }

    /// Counts an observation whose path is to be learned.
    pub(super) fn observe(
        &mut self,
        call: Call<'_>,
        firsts: Firsts,
        (templates, version): &(Templates, u64),
        tally: &TallySheet,
    ) {
        let (who, observation) = (call.who.key, call.seen.observation);
        if self.version != *version {
            self.settle(templates);
            self.version = *version;
        }
        let raw = RouteKey {
            service: observation.service,
            method: observation.method,
            route: observation.route,
        };
        let hash = raw.hash();
        // What does not exist teaches nothing: scans would.
        if observation.status.0 != 404 {
            self.teach((raw, hash), who, tally);
        }
        let at = self.place((&raw, hash), templates, tally);
        let Some((key, slot)) = self.slots.get_mut(at) else {
            return;
        };
        if let Some(exact) = &mut self.exact {
            let label = || learned(key, templates);
            exact.count(at, label, observation);
        }
        // The days on which users came are those of what single requests call it: no more than came by this path.
        slot.totals.observe(call, firsts);
        if slot.users.len() < MAX_USERS {
            slot.users.insert(who);
        }
        if slot.bases.len() < MAX_BASES {
            slot.bases.insert(observation.endpoint);
        }
    }

    /// Hands over what the open epoch teaches.
    pub(super) fn drain_lessons(&mut self, into: &mut Lessons) {
        self.taught.clear();
        for (key, lesson) in self.lessons.drain(..) {
            into.0.of(key).add(lesson);
        }
    }

    /// Totals by path, in no order.
    pub(super) fn totals(&self) -> impl Iterator<Item = &(RouteKey, RouteTotals)> {
        self.slots.iter()
    }

    fn teach(&mut self, (key, hash): (RouteKey, u64), who: PrincipalKey, tally: &TallySheet) {
        let at = self.taught.get(hash).unwrap_or_else(|| {
            if self.lessons.len() < MAX_LESSONS {
                self.taught.insert(hash, self.lessons.len());
                self.lessons.push((key, Lesson::default()));
            }
            self.lessons.len().saturating_sub(1)
        });
        if let Some((of, lesson)) = self.lessons.get_mut(at)
            && *of == key
        {
            lesson.add(Lesson {
                requests: 1,
                // The lowest bits of the key are those of the shard.
                users: 1 << ((who.0 >> 64) % 128),
            });
        } else {
            tally.one(Tally::LimitRoutes);
        }
    }

    /// Where a path counts. The templates are walked once for each path.
    fn place(
        &mut self,
        (raw, hash): (&RouteKey, u64),
        templates: &Templates,
        tally: &TallySheet,
    ) -> usize {
        if let Some(at) = self.routed.get(hash) {
            return at;
        }
        let settled = RouteKey {
            route: templates.settle(raw.service, &raw.route),
            ..*raw
        };
        let at = self.slot(settled, tally);
        if self.routed_len >= MAX_ROUTED {
            self.routed = KeyedMap::default();
            self.routed_len = 0;
        }
        self.routed.insert(hash, at);
        self.routed_len += 1;
        at
    }

    fn slot(&mut self, key: RouteKey, tally: &TallySheet) -> usize {
        let known = |key: &RouteKey| self.index.get(key.hash());
        let coarse = || RouteKey {
            route: made_path(key.service, &key.route),
            ..key
        };
        let nowhere = || RouteKey {
            route: Route::NONE,
            ..key
        };
        let (key, at) = match known(&key) {
            Some(at) => (key, Some(at)),
            None if self.slots.len() < MAX_ROUTES => (key, None),
            None => {
                tally.one(Tally::LimitRoutes);
                let coarse = coarse();
                match known(&coarse) {
                    None if self.slots.len() >= 2 * MAX_ROUTES => (nowhere(), known(&nowhere())),
                    at => (coarse, at),
                }
            }
        };
        at.unwrap_or_else(|| {
            self.index.insert(key.hash(), self.slots.len());
            self.slots.push((key, RouteTotals::new()));
            self.slots.len() - 1
        })
    }

    /// What was kept, as it was; `exact` as in [`Self::new`].
    pub(super) fn restored(mut self, exact: bool) -> Self {
        let counters = self.exact.take();
        self.exact = exact.then(|| counters.unwrap_or_default());
        for (at, (key, _)) in self.slots.iter().enumerate() {
            self.index.insert(key.hash(), at);
        }
        self
    }

    /// Drops principals from the lists of users; returns in how many they were.
    pub(super) fn forget(&mut self, gone: &BTreeSet<PrincipalKey>) -> usize {
        if gone.is_empty() {
            return 0;
        }
        let slots = self.slots.iter_mut();
        let lists = slots.map(|(_, totals)| {
            let before = totals.users.len();
            totals.users.retain(|user| !gone.contains(user));
            before - totals.users.len()
        });
        lists.sum()
    }

    /// Gives services their numbers in another configuration.
    pub(super) fn renumber(&mut self, number: impl Fn(ServiceId) -> ServiceId) {
        self.regroup(|key| RouteKey {
            service: number(key.service),
            ..*key
        });
        for (key, totals) in &mut self.slots {
            totals.totals.service = key.service;
        }
        if let Some(exact) = &mut self.exact {
            exact.relabel(|label| Learned {
                service: number(label.service),
                ..label
            });
        }
    }

    /// Gives up what is known by path: the totals by what single requests call it.
    pub(super) fn into_totals(self) -> impl Iterator<Item = (EndpointId, EndpointTotals)> {
        self.slots.into_iter().map(|(_, mut totals)| {
            totals.totals.principals = totals.users.len() as u64;
            let base = totals.bases.first().copied();
            (base.unwrap_or(OTHER_ENDPOINT), totals.totals)
        })
    }

    /// Puts together what other templates no longer tell apart.
    fn settle(&mut self, templates: &Templates) {
        self.regroup(|key| RouteKey {
            route: templates.settle(key.service, &key.route),
            ..*key
        });
    }

    fn regroup(&mut self, new: impl Fn(&RouteKey) -> RouteKey) {
        let mut settled: BTreeMap<RouteKey, RouteTotals> = BTreeMap::new();
        for (key, totals) in self.slots.drain(..) {
            let key = new(&key);
            match settled.get_mut(&key) {
                Some(sum) => sum.merge(&totals),
                None => {
                    settled.insert(key, totals);
                }
            }
        }
        self.index = KeyedMap::default();
        self.routed = KeyedMap::default();
        self.routed_len = 0;
        if let Some(exact) = &mut self.exact {
            exact.renumber();
        }
        for (key, totals) in settled {
            self.index.insert(key.hash(), self.slots.len());
            self.slots.push((key, totals));
        }
    }
}

/// What a path is called under these templates; none where paths are no longer told apart.
pub(super) fn learned(key: &RouteKey, templates: &Templates) -> Option<Learned> {
    (!key.route.is_empty()).then(|| Learned {
        service: key.service,
        method: key.method,
        template: templates.template(key.service, &key.route),
    })
}

/// What a single request says of its path: words of the vocabulary and classes.
pub(super) fn made_path(service: ServiceId, route: &Route) -> Route {
    let template: Template = Templates::default().template(service, route);
    let mut made = Route::NONE;
    for element in template.elements() {
        made.push(*element);
    }
    made
}

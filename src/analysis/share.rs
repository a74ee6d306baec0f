//! One worker's share of the sums over all principals: integers only, so that it does not matter which worker counted what.

use std::collections::BTreeMap;

use super::admission::TextChanges;
use super::endpoint::{EndpointEpoch, EndpointTotals, OTHER_ENDPOINT};
use super::insight::Delta;
use super::population::Snapshot;
use super::routes::Lessons;
use super::shard::Deferred;
use super::signals::crowd::{CrowdSums, Number};
use super::signals::exposure::Exposures;
use super::signals::schema::SchemaSums;
use super::signals::shadow::ShadowCalls;
use super::summary::TransactionCounts;
use super::sums::KeyedSums;
use crate::clock::{EventTime, Tick};
use crate::observation::{Country, EndpointId, Finding, Observation, Protocol, Route, RuleId};

/// Sums of one worker: totals since the start, and what the current epoch adds.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Totals since the start, except those by endpoint.
    pub(super) totals: Totals,
    /// By number of the endpoint in the snapshot; 0 is [`OTHER_ENDPOINT`].
    endpoints: Vec<(EndpointTotals, EndpointEpoch)>,
    /// Endpoints that are not in the snapshot yet.
    newcomers: KeyedSums<EndpointId, (EndpointTotals, EndpointEpoch)>,
    /// Numbers of the endpoints called in this epoch.
    touched: Vec<usize>,
    /// What this epoch adds besides endpoints.
    pub(super) epoch: EpochSums,
}

/// What one epoch adds to the knowledge about the population, besides endpoints.
#[derive(Debug, Default)]
pub(super) struct EpochSums {
    /// First moment seen, if any.
    pub(super) first: Option<EventTime>,
    /// Principals behind texts.
    pub(super) texts: TextChanges,
    /// Observations put off to their client's shard.
    pub(super) deferred: Vec<Deferred>,
    /// What it teaches about tokens.
    pub(super) crowd: CrowdSums,
    /// Secrets where they must not be.
    pub(super) exposures: Exposures,
    /// Whether anything came inside TLS.
    pub(super) encrypted: bool,
    /// What the history is to hold of it.
    pub(super) history: Delta,
    /// Calls of endpoints that no document has.
    pub(super) shadows: ShadowCalls,
    /// Requests held against the rules of documents.
    pub(super) schema: SchemaSums,
    /// What paths teach.
    pub(super) routes: Lessons,
    /// The paths, in words of the vocabulary and classes, of endpoints that are not in the snapshot yet.
    pub(super) made: BTreeMap<EndpointId, Route>,
}

impl EpochSums {
    /// Notes when it came, and how.
    pub(super) fn note(&mut self, observation: &Observation, tick: Tick) {
        self.encrypted |= observation.encrypted;
        // By the clock, which one corrupt stamp does not move.
        let now = tick.start();
        self.first = Some(self.first.map_or(now, |first| first.min(now)));
    }
}

/// Keeps one path of an endpoint, whoever comes first.
pub(super) fn note_path(
    paths: &mut BTreeMap<EndpointId, Route>,
    endpoint: EndpointId,
    path: Route,
) {
    let kept = paths.entry(endpoint).or_insert(path);
    *kept = path.min(*kept);
}

/// Which endpoint an observation counts at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the snapshot, under this number.
    Known(usize),
    /// Not in the snapshot yet.
    Newcomer(EndpointId),
}

impl Place {
    /// The number in the snapshot, if there is one and it is short.
    pub(super) fn number(self) -> Option<Number> {
        match self {
            Self::Known(number) => Number::try_from(number).ok(),
            Self::Newcomer(_) => None,
        }
    }
}

impl Share {
    /// The sums of an endpoint.
    pub(super) fn endpoint(&mut self, place: Place) -> &mut (EndpointTotals, EndpointEpoch) {
        match place {
            Place::Newcomer(endpoint) => self.newcomers.of(endpoint),
            Place::Known(number) => {
                let sums = slot(&mut self.endpoints, number);
                if sums.1.seen == 0 {
                    self.touched.push(number);
                }
                sums
            }
        }
    }

    /// Hands over what the epoch adds about endpoints and forgets it.
    pub(super) fn drain_endpoints(&mut self, mut take: impl FnMut(Place, &mut EndpointEpoch)) {
        for number in self.touched.drain(..) {
            if let Some((_, epoch)) = self.endpoints.get_mut(number) {
                take(Place::Known(number), epoch);
                epoch.clear();
            }
        }
        for (endpoint, (_, epoch)) in self.newcomers.iter_mut() {
            take(Place::Newcomer(endpoint), epoch);
            epoch.clear();
        }
    }

    /// Files newcomers under the numbers that `snapshot` gave them, or under the overflow if it gave none.
    pub(super) fn settle(&mut self, snapshot: &Snapshot) {
        for (endpoint, (totals, _)) in self.newcomers.drain() {
            let number = snapshot.endpoint_number(endpoint).unwrap_or(0);
            slot(&mut self.endpoints, number).0.merge(&totals);
        }
    }

    /// Goes on from totals of an earlier run; those of endpoints that `snapshot` does not know count as the overflow.
    pub(super) fn restore(
        &mut self,
        totals: Totals,
        endpoints: BTreeMap<EndpointId, EndpointTotals>,
        snapshot: &Snapshot,
    ) {
        self.totals = totals;
        for (endpoint, totals) in endpoints {
            let number = snapshot.endpoint_number(endpoint).unwrap_or(0);
            slot(&mut self.endpoints, number).0.merge(&totals);
        }
    }

    /// Forgets all totals.
    pub(super) fn start_anew(&mut self) {
        self.totals = Totals::default();
        self.endpoints.clear();
    }

    /// Totals by endpoint.
    pub(super) fn endpoint_totals<'a>(
        &'a self,
        snapshot: &'a Snapshot,
    ) -> impl Iterator<Item = (EndpointId, &'a EndpointTotals)> {
        let numbered = self
            .endpoints
            .iter()
            .enumerate()
            .map(|(number, (totals, _))| {
                (
                    snapshot.endpoint_id(number).unwrap_or(OTHER_ENDPOINT),
                    totals,
                )
            });
        let new = self.newcomers.iter().map(|(id, (totals, _))| (*id, totals));
        numbered
            .chain(new)
            .filter(|(_, totals)| totals.requests > 0)
    }
}

fn slot(
    endpoints: &mut Vec<(EndpointTotals, EndpointEpoch)>,
    number: usize,
) -> &mut (EndpointTotals, EndpointEpoch) {
    if endpoints.len() <= number {
        endpoints.resize_with(number + 1, Default::default);
    }
    #[allow(clippy::indexing_slicing, reason = "resized just above")]
    &mut endpoints[number]
}

/// Totals since the start.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Totals {
    pub(super) first: Option<EventTime>,
    pub(super) last: EventTime,
    pub(super) protocols: [TransactionCounts; 4],
    pub(super) countries: BTreeMap<Country, u64>,
    pub(super) rules: Vec<u64>,
    /// The country of the observation before, which most often is that of the next.
    recent: (Country, u64),
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            first: None,
            last: EventTime::ZERO,
            protocols: [TransactionCounts::default(); 4],
            countries: BTreeMap::new(),
            rules: Vec::new(),
            recent: (Country::UNKNOWN, 0),
        }
    }
}

/// In the order of `Totals::protocols`.
pub(super) const PROTOCOLS: [Protocol; 4] = [
    Protocol::Http09,
    Protocol::Http10,
    Protocol::Http11,
    Protocol::H2,
];

impl Totals {
    pub(super) fn observe(&mut self, observation: &Observation, findings: &[Finding]) {
        let start = observation.start.min(observation.end);
        self.first = Some(self.first.map_or(start, |first| first.min(start)));
        self.last = self.last.max(observation.end);
        if let Some(counts) = self.protocols.get_mut(observation.protocol as usize) {
            counts.count(observation.state);
        }
        if self.recent.0 != observation.country {
            self.file_recent();
            self.recent.0 = observation.country;
        }
        self.recent.1 += 1;
        for finding in findings {
            let RuleId(rule) = finding.rule;
            self.add_hits(rule, u64::from(finding.count));
        }
    }

    /// Counts hits of a rule.
    pub(super) fn add_hits(&mut self, rule: u16, more: u64) {
        let rule = usize::from(rule);
        if self.rules.len() <= rule {
            self.rules.resize(rule + 1, 0);
        }
        if let Some(hits) = self.rules.get_mut(rule) {
            *hits += more;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.first = match (self.first, other.first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last = self.last.max(other.last);
        for (mine, others) in self.protocols.iter_mut().zip(other.protocols) {
            mine.merge(others);
        }
        for (&country, n) in &other.countries {
            *self.countries.entry(country).or_default() += n;
        }
        let (country, n) = other.recent;
        if n > 0 {
            *self.countries.entry(country).or_default() += n;
        }
        if self.rules.len() < other.rules.len() {
            self.rules.resize(other.rules.len(), 0);
        }
        for (n, m) in self.rules.iter_mut().zip(&other.rules) {
            *n += m;
        }
    }

    fn file_recent(&mut self) {
        let (country, n) = self.recent;
        if n > 0 {
            *self.countries.entry(country).or_default() += n;
        }
        self.recent.1 = 0;
    }
}

//! What is known about one token, or about one client without a token.

use std::cmp::Reverse;

use smallvec::SmallVec;

use super::histogram::LogHistogram;
use super::insight::credentials::Credentials;
use super::shard::{Context, Who};
use super::signals::crowd::Number;
use super::signals::{Habits, Scene};
use super::summary::{PrincipalSummary, Quantiles};
use super::toplist::{TOP, TopList};
use crate::clock::EventTime;
use crate::observation::{
    Country, EndpointId, Observation, PrincipalKey, Status, TextId, TokenKind,
};

/// State of one principal. With all its habits a token typically takes about 2.5 KiB, and under 12 KiB whatever it does: the
/// numbers of endpoints, steps, objects and buckets of the latency histogram that are kept are bounded.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Principal {
    kind: Option<TokenKind>,
    /// Whether an answer other than 401 and 403 was ever seen: then its 403s count to it too.
    pub(super) proven: bool,
    pub(super) first: EventTime,
    pub(super) last: EventTime,
    requests: u64,
    by_class: [u64; 6],
    request_bytes: u64,
    response_bytes: u64,
    latency: LogHistogram,
    endpoints: SmallVec<[EndpointUse; 4]>,
    countries: TopList<Country>,
    agents: TopList<TextId>,
    releases: TopList<TextId>,
    /// What the signals remember.
    pub(super) habits: Habits,
    /// The hygiene of its credentials, where there is anything to say.
    pub(super) credentials: Option<Box<Credentials>>,
}

/// Sorted by endpoint within a principal.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct EndpointUse {
    endpoint: EndpointId,
    calls: u32,
    succeeded: bool,
    /// The last day of use, counted from the epoch.
    day: u16,
}

/// What an observation was the first of its kind in, for its principal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub(super) struct Firsts {
    pub(super) endpoint: bool,
    pub(super) success: bool,
    pub(super) agent: bool,
    pub(super) release: bool,
    /// Of its calls there on this day.
    pub(super) today: bool,
}

impl Principal {
    pub(super) fn new(kind: Option<TokenKind>, first: EventTime) -> Self {
        Self {
            kind,
            proven: false,
            first,
            last: first,
            requests: 0,
            by_class: [0; 6],
            request_bytes: 0,
            response_bytes: 0,
            latency: LogHistogram::default(),
            endpoints: SmallVec::new(),
            countries: TopList::default(),
            agents: TopList::default(),
            releases: TopList::default(),
            habits: Habits::default(),
            credentials: None,
        }
    }

    /// Counts an observation at `endpoint` (its own or the overflow) on `day`, remembering at most `limit` endpoints.
    pub(super) fn observe(
        &mut self,
        observation: &Observation,
        endpoint: EndpointId,
        day: u16,
        limit: usize,
    ) -> Firsts {
        if self.kind.is_some() && Credentials::concern(observation) {
            self.credentials
                .get_or_insert_default()
                .observe(observation);
        }
        self.first = self.first.min(observation.end);
        self.last = self.last.max(observation.end);
        self.requests += 1;
        if let Some(n) = self.by_class.get_mut(observation.status.class_index()) {
            *n += 1;
        }
        self.request_bytes += observation.request_bytes;
        self.response_bytes += observation.response_bytes;
        if let Some(micros) = observation.duration_us {
            self.latency.add(coarse(micros));
        }
        if observation.country != Country::UNKNOWN {
            self.countries.add(observation.country);
        }
        let visit = self.visit(endpoint, observation.outcome(), day, limit);
        Firsts {
            endpoint: visit.endpoint,
            success: visit.success,
            today: visit.today,
            agent: observation.agent.is_some() && self.agents.add(observation.agent),
            release: observation.release.is_some() && self.releases.add(observation.release),
        }
    }

    /// What the signals look at: an observation that was just counted here.
    pub(super) fn scene<'a>(
        &mut self,
        who: Who,
        observation: &'a Observation,
        number: Option<Number>,
        cx: &Context<'a>,
    ) -> Scene<'a> {
        // Not beyond the tick: one corrupt stamp must not stop this principal's time.
        let now = self
            .habits
            .advance(observation.end.min(cx.tick.next().start()));
        let thresholds = &cx.settings.thresholds;
        Scene {
            observation,
            principal: who.key,
            is_token: who.is_token,
            now,
            warm: thresholds.warm(cx.snapshot.started, now),
            days: self.habits.days,
            calls: self.requests,
            thresholds,
            number,
            crowd: &cx.snapshot.crowd,
        }
    }

    /// Whether it is a token.
    pub(super) const fn is_token(&self) -> bool {
        self.kind.is_some()
    }

    /// Endpoints that answered it with success, and others it has called.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (EndpointId, bool)> + use<'_> {
        self.endpoints.iter().map(|e| (e.endpoint, e.succeeded))
    }

    /// Calls of one endpoint so far.
    pub(super) fn calls_at(&self, endpoint: EndpointId) -> u32 {
        let place = self
            .endpoints
            .binary_search_by_key(&endpoint, |e| e.endpoint);
        let known = place.ok().and_then(|at| self.endpoints.get(at));
        known.map_or(u32::MAX, |e| e.calls)
    }

    /// Transactions so far.
    pub(super) const fn requests(&self) -> u64 {
        self.requests
    }

    /// Returns what it is the first of there: call, success, call of the day.
    fn visit(&mut self, endpoint: EndpointId, status: Status, day: u16, limit: usize) -> Firsts {
        let success = matches!(status.0, 200..=299);
        match self
            .endpoints
            .binary_search_by_key(&endpoint, |e| e.endpoint)
        {
            Ok(at) => self
                .endpoints
                .get_mut(at)
                .map_or_else(Firsts::default, |e| {
                    e.calls = e.calls.saturating_add(1);
                    let first = success && !e.succeeded;
                    e.succeeded |= success;
                    let today = day > e.day;
                    e.day = e.day.max(day);
                    Firsts {
                        success: first,
                        today,
                        ..Firsts::default()
                    }
                }),
            Err(_) if self.endpoints.len() >= limit => Firsts::default(),
            Err(at) => {
                self.endpoints.insert(
                    at,
                    EndpointUse {
                        endpoint,
                        calls: 1,
                        succeeded: success,
                        day,
                    },
                );
                Firsts {
                    endpoint: true,
                    success,
                    today: true,
                    ..Firsts::default()
                }
            }
        }
    }

    pub(super) fn summary(&self, key: PrincipalKey) -> PrincipalSummary {
        let mut endpoints: Vec<_> = self
            .endpoints
            .iter()
            .map(|e| (e.endpoint, u64::from(e.calls)))
            .collect();
        endpoints.sort_unstable_by_key(|&(endpoint, calls)| (Reverse(calls), endpoint));
        endpoints.truncate(TOP);
        PrincipalSummary {
            key,
            kind: self.kind,
            requests: self.requests,
            by_class: self.by_class,
            latency: quantiles(&self.latency),
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            endpoints,
            countries: self.countries.ranked(),
            agents: self.agents.ranked(),
            releases: self.releases.ranked(),
            hygiene: self.credentials.as_ref().map(|known| known.summary()),
            profile: None,
            first: self.first,
            last: self.last,
        }
    }

    /// Heap bytes held beyond the struct itself.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let spilled = if self.endpoints.spilled() {
            self.endpoints.capacity() * size_of::<EndpointUse>()
        } else {
            0
        };
        let hygiene = self
            .credentials
            .as_ref()
            .map_or(0, |_| size_of::<Credentials>());
        self.latency.memory() + spilled + self.habits.heap() + hygiene
    }
}

/// A span of time with three significant bits behind the first: a token's quantiles need no more (they are within 6 %), and
/// its histogram takes a quarter of the room.
fn coarse(micros: u64) -> u64 {
    let bits = u64::BITS - micros.leading_zeros();
    let low = bits.saturating_sub(4);
    (micros >> low << low) + (1 << low >> 1)
}

/// The three quantiles that summaries show.
pub(super) fn quantiles(histogram: &LogHistogram) -> Quantiles {
    Quantiles {
        p50_us: histogram.quantile(500),
        p95_us: histogram.quantile(950),
        p99_us: histogram.quantile(990),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::observation;

    #[test]
    fn what_is_counted_about_a_typical_token_takes_under_1_5_kib() {
        let mut principal = Principal::new(None, EventTime::ZERO);
        for n in 0..1_000_u64 {
            let mut call = observation(n, n, 1);
            // 12 endpoints, latencies of 20 to 60 ms.
            call.duration_us = Some(20_000 + n * 7_919 % 40_000);
            principal.observe(&call, EndpointId(1 + n % 12), 0, 64);
        }
        let bytes = size_of::<Principal>() + principal.heap();
        assert!(bytes <= 1_536, "{bytes} bytes");
    }

    #[test]
    fn what_is_counted_about_a_hostile_token_stays_under_12_kib() {
        let mut principal = Principal::new(None, EventTime::ZERO);
        for n in 0..100_000_u64 {
            let mut call = observation(n, n, 1);
            call.duration_us = Some(1 << (n % 50) | (n * 31));
            call.agent = TextId(n);
            call.release = TextId(n);
            principal.observe(&call, EndpointId(n), 0, 64);
        }
        let bytes = size_of::<Principal>() + principal.heap();
        assert!(bytes <= 12 << 10, "{bytes} bytes");
        assert_eq!(principal.summary(PrincipalKey(1)).endpoints.len(), TOP);
    }
}

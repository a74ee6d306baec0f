//! What is known about one token, or about one client without a token.

mod endpoints;

use std::cmp::Reverse;

use self::endpoints::EndpointsUsed;
use super::histogram::{CoarseHistogram, LogHistogram};
use super::insight::credentials::Credentials;
use super::population::Snapshot;
use super::shard::{Context, Who};
use super::short::boxed;
use super::signals::crowd::Number;
use super::signals::{Habits, Own, Scene};
use super::summary::{PrincipalSummary, Quantiles};
use super::table::Table;
use super::toplist::{TOP, TopList};
use crate::clock::EventTime;
#[cfg(test)]
use crate::clock::Tick;
use crate::observation::{Country, EndpointId, Observation, PrincipalKey, TextId, TokenKind};

/// State of one principal. With all its habits a token typically takes less than 1.5 KiB, and at most 6 KiB whatever it does, by
/// arithmetic: that is what all lists take together if each is as full as it may be, with the place in the table and what the
/// allocator adds ([`MOST_BYTES_OF_TOKEN`]). A client without a token, which has fewer habits, takes at most 3 KiB.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Principal {
    kind: Option<TokenKind>,
    /// Whether an answer other than 401 and 403 was ever seen: then its 403s count to it too.
    pub(super) proven: bool,
    pub(super) first: EventTime,
    by_class: [u64; 6],
    request_bytes: u64,
    response_bytes: u64,
    latency: CoarseHistogram,
    endpoints: EndpointsUsed,
    countries: TopList<Country>,
    agents: TopList<TextId>,
    releases: TopList<TextId>,
    /// What the signals remember.
    pub(super) habits: Habits,
    /// The hygiene of its credentials, where there is anything to say.
    pub(super) credentials: Option<Box<Credentials>>,
}

/// Where and when an observation counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// Its endpoint, or the overflow.
    pub(super) endpoint: EndpointId,
    /// The number of that in the population, if it is known and short.
    pub(super) number: Option<Number>,
    /// Counted from the epoch.
    pub(super) day: u16,
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
    /// Its calls there so far; as many as can be where they are not counted.
    pub(super) calls: u32,
}

impl Principal {
    pub(super) fn new(kind: Option<TokenKind>, first: EventTime) -> Self {
        Self {
            kind,
            proven: false,
            first,
            by_class: [0; 6],
            request_bytes: 0,
            response_bytes: 0,
            latency: CoarseHistogram::default(),
            endpoints: EndpointsUsed::default(),
            countries: TopList::default(),
            agents: TopList::default(),
            releases: TopList::default(),
            habits: Habits::default(),
            credentials: None,
        }
    }

    /// Counts an observation, remembering at most `limit` endpoints.
    pub(super) fn observe(
        &mut self,
        observation: &Observation,
        visit: Visit,
        limit: usize,
        snapshot: &Snapshot,
    ) -> Firsts {
        if self.kind.is_some() && Credentials::concern(observation) {
            self.credentials
                .get_or_insert_default()
                .observe(observation);
        }
        self.first = self.first.min(observation.end);
        if let Some(n) = self.by_class.get_mut(observation.status.class_index()) {
            *n += 1;
        }
        self.request_bytes += observation.request_bytes;
        self.response_bytes += observation.response_bytes;
        if let Some(micros) = observation.duration_us {
            self.latency.add(micros);
        }
        if observation.country != Country::UNKNOWN {
            self.countries.add(observation.country);
        }
        let success = matches!(observation.outcome().0, 200..=299);
        let firsts = self.endpoints.count(visit, success, limit, snapshot);
        Firsts {
            agent: observation.agent.is_some() && self.agents.add(observation.agent),
            release: observation.release.is_some() && self.releases.add(observation.release),
            ..firsts
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
            days: self.habits.days(),
            calls: self.requests(),
            thresholds,
            number,
            crowd: &cx.snapshot.crowd,
        }
    }

    /// Whether it is a token.
    pub(super) const fn is_token(&self) -> bool {
        self.kind.is_some()
    }

    /// Numbers of the endpoints that answered it with success.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = u16> + use<'_> {
        self.endpoints.succeeded()
    }

    /// Transactions so far.
    pub(super) fn requests(&self) -> u64 {
        self.by_class.iter().sum()
    }

    pub(super) fn summary(&self, key: PrincipalKey, snapshot: &Snapshot) -> PrincipalSummary {
        let mut endpoints = self.endpoints.calls(snapshot);
        endpoints.sort_unstable_by_key(|&(endpoint, calls)| (Reverse(calls), endpoint));
        endpoints.truncate(TOP);
        PrincipalSummary {
            key,
            kind: self.kind,
            requests: self.requests(),
            by_class: self.by_class,
            latency: Quantiles {
                p50_us: self.latency.quantile(500),
                p95_us: self.latency.quantile(950),
                p99_us: self.latency.quantile(990),
            },
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            endpoints,
            countries: self.countries.ranked(),
            agents: self.agents.ranked(),
            releases: self.releases.ranked(),
            hygiene: self.credentials.as_ref().map(|known| known.summary()),
            profile: None,
            first: self.first,
            last: self.habits.now().max(self.first),
        }
    }

    /// Heap bytes held beyond the struct itself.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let hygiene = self.credentials.iter().map(|_| boxed::<Credentials>());
        let lists = self.countries.heap() + self.agents.heap() + self.releases.heap();
        let counted = self.latency.heap() + self.endpoints.heap() + lists;
        counted + self.habits.heap() + hygiene.sum::<usize>()
    }
}

/// Endpoints that are remembered of one principal, unless the settings say otherwise. Beyond, each takes 12 bytes more at most.
pub(super) const ENDPOINTS: usize = 64;

/// Most bytes of a client without a token: its place in the table, and everything on the heap with what the allocator adds.
pub(super) const MOST_BYTES_OF_CLIENT: usize = Table::<PrincipalKey, Principal>::MOST_BYTES_EACH
    + CoarseHistogram::MOST_BYTES
    + EndpointsUsed::most_bytes(ENDPOINTS)
    + TopList::<Country>::MOST_BYTES
    + 2 * TopList::<TextId>::MOST_BYTES
    + Habits::MOST_BYTES_OF_CLIENT;

/// Most bytes of a token: it has habits of its own and credentials besides.
pub(super) const MOST_BYTES_OF_TOKEN: usize =
    MOST_BYTES_OF_CLIENT + Own::MOST_BYTES + boxed::<Credentials>();

// Whoever raises a limit of any list must save as much elsewhere.
const _: () = assert!(
    MOST_BYTES_OF_TOKEN <= 6 << 10,
    "a token may take more than 6 KiB"
);
const _: () = assert!(
    MOST_BYTES_OF_CLIENT <= 3 << 10,
    "a client may take more than 3 KiB"
);

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

    /// With every list as full as can be.
    fn full(kind: Option<TokenKind>) -> Principal {
        let mut all = Principal::new(kind, EventTime::ZERO);
        all.latency.add(0);
        all.latency.add(u64::MAX);
        // The mix of endpoints with a number and without that takes most.
        let mixes = (0..=64).map(|named| EndpointsUsed::full(64 - named, u64::from(named)));
        all.endpoints = mixes.max_by_key(EndpointsUsed::heap).unwrap();
        for letter in 'A'..='Z' {
            all.countries.add(Country::from_code(&format!("A{letter}")));
            all.agents.add(TextId(u64::from(letter)));
            all.releases.add(TextId(u64::from(letter)));
        }
        all.habits = Habits::full(kind.is_some());
        all.credentials = kind.map(|_| Box::default());
        all
    }

    /// Bytes of a table of these alone, and of each of many.
    fn bytes(kind: Option<TokenKind>) -> [usize; 2] {
        [1, 20].map(|principals| {
            let mut table = Table::new(usize::MAX);
            for key in 0..principals {
                table.touch(PrincipalKey(key << 64), Tick(0), || full(kind));
            }
            table.bytes_each() + full(kind).heap()
        })
    }

    #[test]
    fn a_principal_takes_no_more_than_is_said_if_every_list_is_full() {
        let token = Some(TokenKind::ApiKey);
        let place = Table::<PrincipalKey, Principal>::MOST_BYTES_EACH;
        // To the byte: nothing is left out, and nothing is counted that is not there.
        assert_eq!(place + full(token).heap(), MOST_BYTES_OF_TOKEN);
        assert_eq!(place + full(None).heap(), MOST_BYTES_OF_CLIENT);
        for bytes in bytes(token) {
            assert!(bytes <= MOST_BYTES_OF_TOKEN, "{bytes}");
        }
        for bytes in bytes(None) {
            assert!(bytes <= MOST_BYTES_OF_CLIENT, "{bytes}");
        }
    }

    #[test]
    fn a_full_principal_takes_no_more_as_it_is_read_back() {
        let kept = postcard::to_allocvec(&full(Some(TokenKind::ApiKey))).unwrap();
        let read: Principal = postcard::from_bytes(&kept).unwrap();
        assert_eq!(read.heap(), full(Some(TokenKind::ApiKey)).heap());
    }
}

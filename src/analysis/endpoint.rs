//! What is counted by endpoint: totals for summaries, and what one epoch adds to the population's knowledge.
//!
//! Both are sums of integers, so that the shares of workers add up the same in any order.

use super::exact::Exact;
use super::fixed::Moments;
use super::histogram::LogHistogram;
use super::insight::{Adoption, Call, Throttle};
use super::principal::Firsts;
use super::signals::latency::LatencyEpoch;
use super::signals::newness::FirstCall;
use super::signals::{Counts, Scene};
use crate::clock::EventTime;
use crate::observation::{EndpointId, ServiceId};

/// Where observations count whose endpoint found no room in the table.
pub const OTHER_ENDPOINT: EndpointId = EndpointId(0);

/// Everything since the start about one endpoint: at most 6 KiB.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct EndpointTotals {
    pub(super) service: ServiceId,
    pub(super) documented: bool,
    pub(super) requests: u64,
    /// By status class and by latency.
    pub(super) counts: Exact,
    pub(super) principals: u64,
    pub(super) latency: LogHistogram,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) throttle: Throttle,
    pub(super) adoption: Adoption,
    pub(super) first: EventTime,
    pub(super) last: EventTime,
}

impl Default for EndpointTotals {
    fn default() -> Self {
        Self {
            service: ServiceId::default(),
            documented: false,
            requests: 0,
            counts: Exact::default(),
            principals: 0,
            latency: LogHistogram::default(),
            request_bytes: 0,
            response_bytes: 0,
            throttle: Throttle::default(),
            adoption: Adoption::default(),
            first: EventTime::from_nanos(u64::MAX),
            last: EventTime::ZERO,
        }
    }
}

/// Most bytes that a worker takes for one endpoint, by arithmetic: its totals with the widest histogram and all days, and its
/// share of an epoch, in a list with as much room again.
const MOST_BYTES: usize =
    2 * size_of::<(EndpointTotals, EndpointEpoch)>() + EndpointTotals::MOST_HEAP;

const _: () = assert!(
    size_of::<EndpointTotals>() + EndpointTotals::MOST_HEAP <= 6 << 10 && MOST_BYTES <= 7 << 10,
    "an endpoint may take more than is said"
);

impl EndpointTotals {
    /// Most heap bytes.
    const MOST_HEAP: usize = LogHistogram::MOST_BYTES + Adoption::MOST_BYTES;

    /// Counts a call; `firsts` are those of its principal there.
    pub(super) fn observe(&mut self, call: Call<'_>, firsts: Firsts) {
        let observation = call.seen.observation;
        self.throttle.count(observation);
        self.adoption.count(call, firsts);
        self.service = self.service.max(observation.service);
        self.documented |= observation.documented;
        self.requests += 1;
        self.counts.count(observation);
        self.principals += u64::from(firsts.endpoint);
        if let Some(micros) = observation.duration_us {
            self.latency.add(micros);
        }
        self.request_bytes += observation.request_bytes;
        self.response_bytes += observation.response_bytes;
        self.first = self.first.min(observation.end);
        self.last = self.last.max(observation.end);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.service = self.service.max(other.service);
        self.documented |= other.documented;
        self.requests += other.requests;
        self.counts.merge(&other.counts);
        self.principals += other.principals;
        self.latency.merge(&other.latency);
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
        self.throttle.merge(other.throttle);
        self.adoption.merge(&other.adoption);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// What one epoch adds to the knowledge about one endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct EndpointEpoch {
    /// All calls.
    pub(super) seen: u32,
    /// Calls, without those errors that are over the cap of their principal.
    pub(super) calls: u32,
    /// Errors among them: 4xx (without 404), 5xx.
    pub(super) errors: [u32; 2],
    /// Log sizes of bodies: request, response.
    pub(super) sizes: [Moments; 2],
    /// The largest of them in bytes.
    pub(super) most_bytes: [u64; 2],
    /// Principals that called it for the first time.
    pub(super) adopters: u32,
    /// Principals that were answered 2xx for the first time.
    pub(super) adopters_ok: u32,
    /// The first successful call, if there was one.
    pub(super) first_call: Option<FirstCall>,
    /// How long answers took.
    pub(super) latency: LatencyEpoch,
    /// Calls that say something about refusals for a field, and the refused ones among them.
    pub(super) refusable: [u32; 2],
    /// Calls that carried the name of an account and a password.
    pub(super) logins: u32,
    /// Its service.
    pub(super) service: ServiceId,
}

impl EndpointEpoch {
    /// Counts a call, apart from the sizes of its bodies.
    pub(super) fn count(&mut self, scene: &Scene<'_>, firsts: Firsts, counts: Counts) {
        let observation = scene.observation;
        self.seen += 1;
        self.logins += u32::from(observation.account.is_some());
        self.service = observation.service;
        if let Counts::As(class) = counts {
            self.calls += 1;
            if let Some(errors) = class.and_then(|class| self.errors.get_mut(class)) {
                *errors += 1;
            }
        }
        self.adopters += u32::from(firsts.endpoint);
        if firsts.success {
            self.adopters_ok += 1;
            let call = FirstCall {
                order: (scene.now, observation.flow, observation.index),
                token: Some(scene.principal).filter(|_| scene.is_token),
                client: observation.client,
                country: observation.country,
            };
            self.first_call = earlier(self.first_call, Some(call));
        }
    }

    /// Forgets everything, if there is anything.
    pub(super) fn clear(&mut self) {
        if self.seen > 0 {
            *self = Self::default();
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.seen += other.seen;
        self.calls += other.calls;
        for (n, m) in self.errors.iter_mut().zip(other.errors) {
            *n += m;
        }
        for (sum, more) in self.sizes.iter_mut().zip(&other.sizes) {
            sum.merge(more);
        }
        for (most, more) in self.most_bytes.iter_mut().zip(other.most_bytes) {
            *most = more.max(*most);
        }
        self.adopters += other.adopters;
        self.adopters_ok += other.adopters_ok;
        self.latency.merge(&other.latency);
        for (n, m) in self.refusable.iter_mut().zip(other.refusable) {
            *n += m;
        }
        self.logins += other.logins;
        self.first_call = earlier(self.first_call, other.first_call);
        self.service = self.service.max(other.service);
    }
}

/// The earlier of two first calls.
pub(super) fn earlier(a: Option<FirstCall>, b: Option<FirstCall>) -> Option<FirstCall> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_takes_no_more_than_is_said_if_everything_is_full() {
        let mut totals = EndpointTotals {
            adoption: Adoption::full(),
            ..EndpointTotals::default()
        };
        totals.latency.add(0);
        totals.latency.add(u64::MAX);
        let heap = |totals: &EndpointTotals| totals.latency.heap() + totals.adoption.heap();
        assert_eq!(heap(&totals), EndpointTotals::MOST_HEAP);
        let mut sum = EndpointTotals::default();
        sum.merge(&totals);
        sum.merge(&totals);
        assert_eq!(heap(&sum), EndpointTotals::MOST_HEAP);
    }

    #[test]
    fn what_an_epoch_adds_is_all_in_place() {
        fn flat<T: Copy>() {}
        flat::<EndpointEpoch>();
    }
}

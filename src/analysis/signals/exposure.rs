//! `secret_exposed`: a secret stands where it must not be. Said at once, without any learning: it is no question of habit.
//!
//! What is so by design of an endpoint (a key in every URL) would be said again and again: the same type in the same kind of
//! place at the same endpoint is told again only after a day.

#![allow(clippy::cast_precision_loss, reason = "counts of values")]

use std::collections::BTreeMap;

use super::evidence;
use super::newness::FirstCall;
use crate::analysis::alert::{Severity, Signal, Subject};
use crate::analysis::book::{Finding, Involved};
use crate::clock::{EventTime, NANOS_PER_SECOND, SECONDS_PER_DAY};
use crate::observation::TextId;
use crate::observation::{EndpointId, ExposedIn, Exposure, ServiceId, TypeId};

/// Exposures remembered as told; beyond it the oldest are forgotten.
const MOST_TOLD: usize = 16_384;
/// -ln of 1e-6: a format with a check, or a clear name.
const SURPRISE: f64 = 13.8;

/// What is exposed, and at which endpoint.
pub(in crate::analysis) type Key = (EndpointId, TypeId, Exposure);

/// Exposures of one epoch, by what and where.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct Exposures(BTreeMap<Key, Sum>);

#[derive(Clone, Copy, Debug)]
struct Sum {
    values: u64,
    service: ServiceId,
    first: FirstCall,
    /// The place of the first, with the path of names to it.
    place: ExposedIn,
}

impl Sum {
    fn merge(&mut self, other: Self) {
        self.values += other.values;
        self.service = self.service.max(other.service);
        if (other.first, other.place) < (self.first, self.place) {
            (self.first, self.place) = (other.first, other.place);
        }
    }
}

impl Exposures {
    /// Counts values. Fields are not told apart: a body may have any number of them.
    pub(in crate::analysis) fn add(
        &mut self,
        key: Key,
        values: u32,
        service: ServiceId,
        first: FirstCall,
    ) {
        let sum = Sum {
            values: u64::from(values),
            service,
            first,
            place: key.2.place,
        };
        let (endpoint, kind, exposure) = key;
        let place = exposure.place.anywhere();
        let key = (endpoint, kind, Exposure { place, ..exposure });
        self.0
            .entry(key)
            .and_modify(|known| known.merge(sum))
            .or_insert(sum);
    }

    /// Takes in what another worker counted, and clears it there.
    pub(in crate::analysis) fn absorb(&mut self, other: &mut Self) {
        if other.0.is_empty() {
            return;
        }
        for (key, sum) in std::mem::take(&mut other.0) {
            self.0
                .entry(key)
                .and_modify(|known| known.merge(sum))
                .or_insert(sum);
        }
    }
}

/// What was told already, when, and how grave it was.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Told(
    BTreeMap<(EndpointId, TypeId, ExposedIn), (EventTime, Severity)>,
);

impl Told {
    /// What is news in the exposures of an epoch that ends at `now`, by endpoint: of several the gravest, with the number of
    /// values of all.
    pub(in crate::analysis) fn news(
        &mut self,
        exposures: &mut Exposures,
        started: Option<EventTime>,
        now: EventTime,
    ) -> Vec<Finding> {
        if exposures.0.is_empty() {
            return Vec::new();
        }
        let day = SECONDS_PER_DAY.saturating_mul(NANOS_PER_SECOND);
        let mut findings: BTreeMap<EndpointId, Gravest> = BTreeMap::new();
        for (key, sum) in std::mem::take(&mut exposures.0) {
            let (endpoint, kind, exposure) = key;
            let place = (endpoint, kind, exposure.place);
            let severity = severity(exposure);
            let earlier = self.0.get(&place).copied();
            // Told again before its time only if it is graver now: a request that was answered after all.
            if earlier.is_some_and(|(told, grave)| {
                now != told && now.nanos_since(told) < day && severity <= grave
            }) {
                continue;
            }
            let gravest = earlier
                .filter(|(told, _)| *told == now)
                .map_or(severity, |(_, grave)| grave.max(severity));
            self.0.insert(place, (now, gravest));
            let this = Gravest {
                severity,
                kind,
                place: sum.place,
                sum,
            };
            findings
                .entry(endpoint)
                .and_modify(|known| known.merge(this))
                .or_insert(this);
        }
        self.make_room();
        let days = started.map_or(0, |started| now.nanos_since(started));
        let found = findings.into_iter();
        found
            .map(|(endpoint, gravest)| gravest.finding(endpoint, days, now))
            .collect()
    }

    fn make_room(&mut self) {
        while self.0.len() > MOST_TOLD {
            let oldest = self.0.iter().min_by_key(|(key, told)| (**told, **key));
            let Some((&oldest, _)) = oldest else { return };
            self.0.remove(&oldest);
        }
    }
}

/// A key by its format is a key; a name may be an example's. Keys in URLs are a habit of many an API, and a request that
/// nobody was seen to answer may have been refused.
const fn severity(exposure: Exposure) -> Severity {
    match (exposure.sure, exposure.place) {
        (true, ExposedIn::Url(_)) if !exposure.taken => Severity::Medium,
        (false, ExposedIn::Url(_)) if !exposure.taken => Severity::Info,
        (true, _) => Severity::High,
        (false, ExposedIn::Sink(_) | ExposedIn::Response(_)) => Severity::Medium,
        (false, ExposedIn::Url(_) | ExposedIn::Referer(_)) => Severity::Low,
    }
}

/// What an endpoint exposes: the gravest of it, and the values of all.
#[derive(Clone, Copy)]
struct Gravest {
    severity: Severity,
    kind: TypeId,
    place: ExposedIn,
    sum: Sum,
}

impl Gravest {
    fn merge(&mut self, other: Self) {
        if other.severity > self.severity {
            (self.severity, self.kind, self.place) = (other.severity, other.kind, other.place);
        }
        self.sum.merge(other.sum);
    }

    fn finding(self, endpoint: EndpointId, known: u64, now: EventTime) -> Finding {
        let sum = self.sum;
        let (first, ..) = sum.first.order;
        Finding {
            signal: Signal::SecretExposed,
            subject: Subject::Endpoint(endpoint),
            time: now,
            seconds: now.secs().saturating_sub(first.secs()),
            surprise: SURPRISE,
            severity: Some(self.severity),
            verdict: false,
            involved: Involved {
                field: TextId::NONE,
                token: sum.first.token,
                client: Some(sum.first.client),
                service: Some(sum.service),
                endpoint: Some(endpoint),
                country: sum.first.country,
                exposed: Some((self.kind, self.place)),
            },
            evidence: vec![
                evidence("observed_values", sum.values as f64),
                evidence("usual_values", 0.0),
                evidence("most_ever_values", 0.0),
                evidence("known_days", libm::round(known as f64 / 8_640e9) / 10.0),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Country, FlowId, PrincipalKey, Sink, SinkField, TextId};

    fn first(seconds: u64, client: u128) -> FirstCall {
        FirstCall {
            order: (EventTime::from_secs(seconds), FlowId(1), 0),
            token: None,
            client: PrincipalKey(client),
            country: Country::UNKNOWN,
        }
    }

    fn key(endpoint: u64, kind: u16, place: ExposedIn, sure: bool) -> Key {
        let taken = true;
        let exposure = Exposure { place, sure, taken };
        (EndpointId(endpoint), TypeId(kind), exposure)
    }

    #[test]
    fn an_endpoint_is_told_once_a_day_with_the_gravest_of_its_exposures() {
        let mut told = Told::default();
        let mut ask = |seconds: u64, keys: &[Key]| {
            let mut exposures = Exposures::default();
            for key in keys {
                exposures.add(*key, 2, ServiceId(0), first(seconds, 7));
            }
            told.news(&mut exposures, None, EventTime::from_secs(seconds))
        };
        let (url, body) = (
            key(1, 3, ExposedIn::Url(TextId(11)), false),
            key(1, 4, ExposedIn::Response(TextId(12)), true),
        );
        let found = ask(10_000, &[url, body]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Some(Severity::High));
        assert_eq!(
            found[0].involved.exposed,
            Some((TypeId(4), ExposedIn::Response(TextId(12))))
        );
        assert!(ask(50_000, &[url, body]).is_empty());
        assert_eq!(
            ask(60_000, &[key(1, 5, ExposedIn::Url(TextId(11)), false)])[0].severity,
            Some(Severity::Low)
        );
        assert_eq!(ask(110_000, &[url]).len(), 1);
    }

    #[test]
    fn shares_of_workers_add_up_whoever_comes_first() {
        let field = |path: u64| {
            let (sink, path) = (Sink::Loki, TextId(path));
            key(1, 3, ExposedIn::Sink(SinkField { sink, path }), false)
        };
        let sum = |order: [u64; 2]| {
            let mut all = Exposures::default();
            for seconds in order {
                let mut share = Exposures::default();
                share.add(
                    field(seconds),
                    1,
                    ServiceId(0),
                    first(seconds, u128::from(seconds)),
                );
                all.absorb(&mut share);
            }
            Told::default()
                .news(&mut all, None, EventTime::from_secs(99))
                .remove(0)
        };
        let (a, b) = (sum([5, 9]), sum([9, 5]));
        assert_eq!(a, b);
        assert_eq!(a.involved.client, Some(PrincipalKey(5)));
        let told = a.involved.exposed.map(|(_, place)| place.path());
        assert_eq!(told, Some(TextId(5)), "the field of the first");
        assert_eq!(a.evidence[0], evidence("observed_values", 2.0));
    }

    #[test]
    fn what_nobody_was_seen_to_answer_is_less_grave_until_it_is_answered() {
        let mut told = Told::default();
        let mut ask = |seconds: u64, sure: bool, taken: bool| {
            let mut exposures = Exposures::default();
            let place = ExposedIn::Url(TextId(11));
            let exposure = Exposure { place, sure, taken };
            let key = (EndpointId(1), TypeId(3), exposure);
            exposures.add(key, 1, ServiceId(0), first(seconds, 7));
            let found = told.news(&mut exposures, None, EventTime::from_secs(seconds));
            found.first().and_then(|finding| finding.severity)
        };
        assert_eq!(ask(10_000, false, false), Some(Severity::Info));
        assert_eq!(ask(10_010, true, false), Some(Severity::Medium));
        assert_eq!(ask(10_020, true, false), None);
        assert_eq!(ask(10_030, true, true), Some(Severity::High));
        assert_eq!(ask(10_040, false, true), None);
    }
}

//! `schema_violation`: a token (or client) whose requests to an endpoint break the rules of its document far more often than
//! is usual there and than it did itself.
//!
//! A broken rule by itself is counted, not told: documents are seldom exact. They are least exact about lengths, ranges,
//! forms and patterns, so that requests which break no other rules come here as sound unless the server refused them. What
//! many begin to break at the same time is a release or a wrong document, and is not told either. Requests of a principal
//! count for half an hour (fading), and are held against the share that is usual at the endpoint by the tail of a
//! beta-binomial.

#![allow(clippy::cast_precision_loss, reason = "numbers of requests")]

use std::collections::BTreeMap;

use super::{Scene, evidence};
use crate::analysis::alert::{Severity, Signal};
use crate::analysis::book::Finding;
use crate::analysis::look::Look;
use crate::analysis::principal::Principal;
use crate::analysis::short::{self, Uses};
use crate::analysis::sums::KeyedSums;
use crate::clock::{EventTime, NANOS_PER_SECOND, SECONDS_PER_DAY};
use crate::observation::EndpointId;

/// Seconds in which what a principal did fades to a half.
const HALF_SECONDS: f64 = 1_800.0;
/// Endpoints remembered per principal; the longest unused goes first.
const MOST_USES: usize = 8;
/// Requests of a principal that break a rule and are learned in one span: what one prober does is no habit of all.
const CAP: u8 = 2;
/// Seconds of such a span.
const CAP_SECONDS: u32 = 300;
/// Requests after which what is known of an endpoint is halved.
const MEMORY: f64 = 20_000.0;
/// What stands for an endpoint of which nothing is known: one in sixty.
const PRIOR: (f64, f64) = (1.0, 60.0);
/// How sure the usual share is: the weight of the beta distribution.
const WEIGHT: f64 = 30.0;
/// Requests that a principal must have broken a rule in lately to be one of many.
const PERSISTENT: f32 = 3.0;
/// So many other persistent breakers, and it is a release or the document.
const MANY: f64 = 2.5;
/// Seconds in which the number of persistent breakers fades to a half.
const BREAKERS_HALF_SECONDS: f64 = 21_600.0;

/// What a principal did at endpoints whose document has rules.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct SchemaHabit(Uses<[Use; 0], MOST_USES>);

/// 36 bytes.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Use {
    endpoint: Key,
    /// The second of the last request. The span that runs is that in which it lies.
    last: u32,
    /// Fading: requests, those that break a rule, those of them that were refused.
    calls: f32,
    broken: f32,
    refused: f32,
    /// The most of `broken` while it was usual.
    most: f32,
    /// All requests, and those that break a rule, as far as they are learned. Halved when they are too many to be told.
    learned: (u16, u16),
    /// The same before the span that runs.
    settled: (u16, u16),
    /// Requests of the span that runs that break a rule and were learned.
    spent: u8,
    persistent: bool,
}

/// Part of the keyed hash of an endpoint: enough to tell apart the few of one principal.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
struct Key(u32);

impl From<EndpointId> for Key {
    #[allow(clippy::cast_possible_truncation, reason = "part of a hash")]
    fn from(endpoint: EndpointId) -> Self {
        Self(endpoint.0 as u32)
    }
}

impl short::Use for Use {
    type Key = Key;

    fn key(&self) -> Key {
        self.endpoint
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Use {
    const fn new(endpoint: Key, last: u32) -> Self {
        Self {
            endpoint,
            last,
            calls: 0.0,
            broken: 0.0,
            refused: 0.0,
            most: 0.0,
            learned: (0, 0),
            settled: (0, 0),
            spent: 0,
            persistent: false,
        }
    }

    fn fade(&mut self, now: u32) {
        let idle = u64::from(now.saturating_sub(self.last));
        #[allow(clippy::cast_possible_truncation, reason = "a factor from 0 to 1")]
        let left = fading(idle * NANOS_PER_SECOND, HALF_SECONDS) as f32;
        self.calls *= left;
        self.broken *= left;
        self.refused *= left;
        self.persistent &= self.broken >= 1.0;
        if now / CAP_SECONDS != self.last / CAP_SECONDS {
            self.settled = self.learned;
            self.spent = 0;
        }
        self.last = now;
    }

    fn learn(&mut self, broken: bool) {
        if self.learned.0 == u16::MAX {
            self.learned.0 /= 2;
            self.learned.1 /= 2;
        }
        self.learned.0 += 1;
        self.learned.1 += u16::from(broken);
    }

    /// Whether a request is to be learned: none in a span behind the first few that break a rule. Sound ones neither, so
    /// that the share stays what it is.
    fn admits(&mut self, broken: bool) -> bool {
        let admitted = self.spent < CAP;
        self.spent += u8::from(admitted && broken);
        admitted
    }
}

impl SchemaHabit {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize = Uses::<[Use; 0], MOST_USES>::MOST_BYTES;

    /// Takes a request that was held against rules: adds to the epoch, and says whether the principal has gone astray.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        endpoint: EndpointId,
        norms: &SchemaNorms,
        epoch: &mut SchemaSums,
    ) -> Option<Finding> {
        let observation = scene.observation;
        let now = scene.seconds();
        let broken = observation.violations > 0;
        let key = endpoint.into();
        let used = self.0.of(key, || Use::new(key, now));
        used.fade(now);
        used.calls += 1.0;
        let sum = epoch.0.of(endpoint);
        if used.admits(broken) {
            sum.calls += 1;
            sum.broken += u32::from(broken);
            used.learn(broken);
        }
        if !broken {
            return None;
        }
        used.broken += 1.0;
        if observation.outcome().class_index() == 3 {
            used.refused += 1.0;
        }
        if used.broken >= PERSISTENT && !used.persistent {
            used.persistent = true;
            sum.breakers += 1;
        }
        let norm = norms.of(endpoint);
        let surprise = scene.warm.then(|| norm.surprise(used, scene));
        let Some(surprise) = surprise.flatten() else {
            used.most = used.most.max(used.broken);
            return None;
        };
        Some(finding(scene, used, norm, surprise))
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.0.heap()
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut habit = Self::default();
        for n in 0..2 * MOST_USES as u64 {
            let key = EndpointId(n).into();
            habit.0.of(key, || Use::new(key, 0));
        }
        habit
    }
}

impl Look<'_, '_> {
    /// What anybody may do against the documents, where there are any.
    pub(in crate::analysis) fn at_documents(
        &mut self,
        principal: &mut Principal,
        endpoint: EndpointId,
        has_documents: bool,
    ) {
        if !has_documents {
            return;
        }
        self.epoch.shadows.observe(self.scene, endpoint);
        let norms = &self.snapshot.schema;
        if !self.scene.observation.checked {
            return;
        }
        let habit = principal.habits.schema.get_or_insert_default();
        let found = habit.observe(self.scene, endpoint, norms, &mut self.epoch.schema);
        self.find(found);
    }
}

/// What one epoch adds by endpoint.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct SchemaSums(KeyedSums<EndpointId, Sum>);

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    calls: u32,
    broken: u32,
    breakers: u32,
}

impl SchemaSums {
    /// Takes in what another worker counted, and clears it there.
    pub(in crate::analysis) fn absorb(&mut self, other: &mut Self) {
        self.0.drain_from(&mut other.0, |sum, more| {
            sum.calls += more.calls;
            sum.broken += more.broken;
            sum.breakers += more.breakers;
        });
    }
}

/// What is usual at one endpoint.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Norm {
    calls: f64,
    broken: f64,
    /// Persistent breakers, fading.
    breakers: f64,
    since: EventTime,
    at: EventTime,
}

impl Norm {
    fn learn(&mut self, sum: Sum, now: EventTime) {
        if self.calls == 0.0 {
            self.since = now;
        }
        self.breakers *= fading(now.nanos_since(self.at), BREAKERS_HALF_SECONDS);
        self.breakers += f64::from(sum.breakers);
        self.at = now;
        self.calls += f64::from(sum.calls);
        self.broken += f64::from(sum.broken);
        if self.calls > MEMORY {
            self.calls *= 0.5;
            self.broken *= 0.5;
        }
    }

    /// -ln of the probability of what the principal did lately, if that is unusual enough to be told.
    fn surprise(&self, used: &Use, scene: &Scene<'_>) -> Option<f64> {
        let thresholds = scene.thresholds;
        let breakers =
            self.breakers * fading(scene.now.nanos_since(self.at), BREAKERS_HALF_SECONDS);
        if used.broken < f32::from(thresholds.schema_min_requests)
            || self.calls < thresholds.schema_min_known
            || breakers > MANY
        {
            return None;
        }
        let share = self.usual(used.settled);
        let (calls, broken) = (f64::from(used.calls), f64::from(used.broken));
        let p = tail(libm::round(broken), libm::round(calls), share);
        (p < thresholds.schema_p).then(|| -libm::log(p.max(1e-300)))
    }

    /// The share that is usual: at the endpoint, or for the principal itself if that is more.
    fn usual(&self, (own_calls, own_broken): (u16, u16)) -> f64 {
        let everybody = (self.broken + PRIOR.0) / (self.calls + PRIOR.1);
        let own = f64::from(own_broken) / (f64::from(own_calls) + WEIGHT);
        everybody.max(own).min(0.95)
    }
}

/// What is usual at each endpoint: learned in epochs. Endpoints are few: only those of documents have rules.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct SchemaNorms(BTreeMap<EndpointId, Norm>);

impl SchemaNorms {
    fn of(&self, endpoint: EndpointId) -> Norm {
        self.0.get(&endpoint).copied().unwrap_or_default()
    }

    /// Learns an epoch that ended at `now`; the endpoints of which something else is usual now go to `changed`.
    pub(in crate::analysis) fn learn(
        &mut self,
        sums: &mut SchemaSums,
        now: EventTime,
        changed: &mut Vec<EndpointId>,
    ) {
        for (endpoint, sum) in sums.0.drain() {
            self.0.entry(endpoint).or_default().learn(sum, now);
            changed.push(endpoint);
        }
    }

    /// Takes over what is usual at an endpoint.
    pub(in crate::analysis) fn follow(&mut self, endpoint: EndpointId, other: &Self) {
        if let Some(norm) = other.0.get(&endpoint) {
            self.0.insert(endpoint, *norm);
        }
    }
}

fn finding(scene: &Scene<'_>, used: &Use, norm: Norm, surprise: f64) -> Finding {
    let round = |x: f32| libm::round(f64::from(x) * 10.0) / 10.0;
    let share = norm.usual(used.settled);
    let usual = share * f64::from(used.calls);
    let days = scene.now.nanos_since(norm.since) as f64;
    let days = days / (SECONDS_PER_DAY * NANOS_PER_SECOND) as f64;
    // What the server takes is a client that is ahead of the document more often than a prober.
    let refused = used.refused * 2.0 >= used.broken;
    Finding {
        signal: Signal::SchemaViolation,
        subject: scene.subject(),
        time: scene.now,
        seconds: 1_800,
        surprise,
        severity: Some(if refused {
            Severity::Medium
        } else {
            Severity::Low
        }),
        verdict: false,
        involved: scene.involved(),
        evidence: vec![
            evidence("observed_requests", round(used.broken)),
            evidence("usual_requests", libm::round(usual * 10.0) / 10.0),
            evidence("most_ever_requests", round(used.most)),
            evidence("checked_requests", round(used.calls)),
            evidence("refused_requests", round(used.refused)),
            evidence("known_requests", libm::round(norm.calls)),
            evidence("known_days", libm::round(days * 10.0) / 10.0),
        ],
    }
}

/// What is left of one after some time.
fn fading(nanos: u64, half_seconds: f64) -> f64 {
    libm::exp2(-(nanos as f64 / NANOS_PER_SECOND as f64) / half_seconds)
}

/// The probability that of `calls` requests at least `broken` break a rule, where a share of about `share` does: the tail of
/// a beta-binomial with weight [`WEIGHT`].
fn tail(broken: f64, calls: f64, share: f64) -> f64 {
    let (a, b) = (share * WEIGHT, (1.0 - share) * WEIGHT);
    if broken > calls || broken <= calls * share {
        return 1.0;
    }
    let beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let choose =
        |n: f64, k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    let at = |k: f64| choose(calls, k) + beta(k + a, calls - k + b) - beta(a, b);
    let mut term = libm::exp(at(broken));
    let (mut sum, mut k) = (term, broken);
    // Each term follows from the one before it.
    while k < calls && term > sum * 1e-6 {
        term *= (calls - k) * (k + a) / ((k + 1.0) * (calls - k - 1.0 + b));
        sum += term;
        k += 1.0;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_keeps_its_share_however_much_it_is() {
        let mut used = Use::new(Key(1), 0);
        (0..1_000_000).for_each(|n| used.learn(n % 10 == 0));
        let (calls, broken) = used.learned;
        let share = f64::from(broken) / f64::from(calls);
        assert!(calls > 30_000 && (share - 0.1).abs() < 1e-3, "{used:?}");
    }

    #[test]
    fn the_tail_adds_up() {
        // Sums of the beta-binomial with a = 3, b = 27, n = 20, computed apart.
        for (k, expected) in [(3.0, 0.324_534), (10.0, 0.000_867_164)] {
            let p = tail(k, 20.0, 0.1);
            assert!((p - expected).abs() < expected * 1e-4, "{k}: {p}");
        }
        assert!((tail(1.0, 20.0, 0.1) - 1.0).abs() < 1e-9);
        assert!(tail(20.0, 20.0, 0.01) < 1e-6);
    }
}

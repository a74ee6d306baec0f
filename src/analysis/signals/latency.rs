//! `endpoint_latency`: an endpoint answers more slowly than it usually does.
//!
//! Logarithms of the times of successful answers, each as standard deviations from the endpoint's mean and clipped, add up
//! above a slack (CUSUM), fed per epoch. While the sum is high, nothing is learned.

#![allow(clippy::cast_precision_loss, reason = "counts of calls in ten seconds")]

use super::{Thresholds, evidence};
use crate::analysis::alert::{Signal, Subject};
use crate::analysis::baseline::Spread;
use crate::analysis::book::{Finding, Involved};
use crate::analysis::fixed::Moments;
use crate::clock::EventTime;
use crate::observation::{EndpointId, Observation};

/// Calls remembered.
const MEMORY: f64 = 3_000.0;
/// Calls needed before anything is unusual.
const MIN_CALLS: f64 = 60.0;
/// Least standard deviation of the logarithm.
const SD_FLOOR: f64 = 0.15;
/// A call counts as at most this many standard deviations.
const CLIP: f64 = 2.0;
/// It is learned as at most this many.
const LEARN_CLIP: f64 = 3.0;

/// What is usual at an endpoint.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(in crate::analysis) struct LatencyNorm {
    mean: f64,
    sd: f64,
    known: bool,
}

/// What one epoch adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::analysis) struct LatencyEpoch {
    /// Clipped deviations in standard deviations.
    deviations: Moments,
    /// Logarithms of microseconds, clipped.
    times: Moments,
}

impl LatencyEpoch {
    /// Adds a call: the time from the end of the request to the first byte of the answer, of successes only.
    pub(in crate::analysis) fn observe(&mut self, observation: &Observation, norm: LatencyNorm) {
        let time = observation.ttfb_us.or(observation.duration_us);
        let Some(micros) = time.filter(|_| matches!(observation.outcome().0, 200..=399)) else {
            return;
        };
        let x = libm::log(micros.max(50) as f64);
        if norm.known {
            let z = (x - norm.mean) / norm.sd;
            self.deviations.add(z.clamp(-CLIP, CLIP));
            self.times
                .add(norm.mean + norm.sd * z.clamp(-LEARN_CLIP, LEARN_CLIP));
        } else {
            self.times.add(x);
        }
    }

    pub(in crate::analysis) fn merge(&mut self, other: &Self) {
        self.deviations.merge(&other.deviations);
        self.times.merge(&other.times);
    }
}

/// What is known about the latency of one endpoint.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct LatencyModel {
    spread: Spread,
    sum: f64,
    /// Of the run since the sum was 0: calls, logarithms, start.
    run: (u64, f64, EventTime),
    since: Option<EventTime>,
    /// The highest sum that did not alert.
    most: f64,
}

impl LatencyModel {
    pub(in crate::analysis) fn norm(&self) -> LatencyNorm {
        LatencyNorm {
            mean: self.spread.mean,
            sd: self.spread.sd().max(SD_FLOOR),
            known: self.spread.n >= MIN_CALLS,
        }
    }

    /// Takes an epoch that ended at `now`.
    pub(in crate::analysis) fn observe(
        &mut self,
        endpoint: EndpointId,
        epoch: &LatencyEpoch,
        (now, warm): (EventTime, bool),
        (involved, thresholds): (Involved, &Thresholds),
    ) -> Option<Finding> {
        let (deviations, times) = (&epoch.deviations, &epoch.times);
        if times.count() == 0 {
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let calls = deviations.count() as f64;
        self.sum += calls * (deviations.mean() - thresholds.latency_slack);
        if self.sum <= 0.0 {
            self.sum = 0.0;
            self.run = (0, 0.0, now);
        } else {
            self.run.0 += times.count();
            self.run.1 += times.mean() * times.count() as f64;
        }
        let (run, logs, begun) = self.run;
        let mut found = None;
        if self.sum > thresholds.latency_limit {
            let observed = libm::exp(logs / run.max(1) as f64) / 1e3;
            let days = now.nanos_since(since) as f64 / 86_400e9;
            found = warm.then(|| Finding {
                signal: Signal::EndpointLatency,
                subject: Subject::Endpoint(endpoint),
                time: now,
                seconds: now.nanos_since(begun) / 1_000_000_000,
                surprise: self.sum,
                severity: None,
                verdict: false,
                involved,
                evidence: vec![
                    evidence("observed_ms", libm::round(observed * 10.0) / 10.0),
                    evidence(
                        "usual_ms",
                        libm::round(libm::exp(self.spread.mean) / 100.0) / 10.0,
                    ),
                    evidence("observed_calls", run as f64),
                    evidence("most_ever_sum", libm::round(self.most * 10.0) / 10.0),
                    evidence("observed_sum", libm::round(self.sum * 10.0) / 10.0),
                    evidence("calls_known", libm::round(self.spread.n)),
                    evidence("known_days", libm::round(days * 10.0) / 10.0),
                ],
            });
            self.sum = 0.0;
            self.run = (0, 0.0, now);
        } else if self.sum < thresholds.latency_limit * 0.5 {
            self.spread.absorb(times, MEMORY);
            self.most = self.most.max(self.sum);
        }
        found
    }
}

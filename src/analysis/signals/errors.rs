//! `endpoint_errors`: an endpoint answers many more calls with errors than it usually does.
//!
//! A cumulative sum (Page 1954) of the log-likelihood ratio between the usual error share and a clearly raised one, fed per
//! epoch. Errors of one principal count at most a few times in five minutes, so that one prober makes no incident. While the
//! sum is high, nothing is learned.

#![allow(clippy::cast_precision_loss, reason = "shares of counts of calls")]

use super::{Thresholds, evidence};
use crate::analysis::alert::{Signal, Subject};
use crate::analysis::book::{Finding, Involved};
use crate::analysis::short::Exact;
use crate::clock::EventTime;
use crate::observation::{EndpointId, Status};

/// Endpoints whose errors are capped at once, per principal; errors beyond do not count.
const MAX_CAPPED: usize = 32;
/// Calls after which old ones fade.
const MEMORY: f64 = 20_000.0;
/// Shares of errors that are usual anywhere. Without them a share learned while there were none would make every single error
/// suspect, and suspect errors are not learned.
const USUAL_5XX: f64 = 0.002;
const USUAL_4XX: f64 = 0.005;
/// Seconds of the spans whose highest share is remembered.
const SPAN_SECONDS: u64 = 300;
/// Calls that a span must have for its share to mean something.
const SPAN_MIN_CALLS: u32 = 20;

/// 0 for 4xx (but for 404, which clients cause), 1 for 5xx; none for what is no error.
pub(in crate::analysis) const fn error_class(status: Status) -> Option<usize> {
    match status.0 {
        404 => None,
        400..=499 => Some(0),
        500..=599 => Some(1),
        _ => None,
    }
}

/// The errors of one principal that counted in the current span.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct ErrorCap {
    span: u32,
    /// Of an endpoint 23 bits of its keyed hash, the class, and in the lowest byte how many.
    counted: Exact<u32>,
}

impl ErrorCap {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize = Exact::<u32>::most_bytes(MAX_CAPPED);

    /// Whether another error of this class still counts.
    pub(in crate::analysis) fn admit(
        &mut self,
        endpoint: EndpointId,
        class: usize,
        now: EventTime,
        thresholds: &Thresholds,
    ) -> bool {
        let span = now.secs() / thresholds.errors_cap_seconds.max(1);
        let span = u32::try_from(span).unwrap_or(u32::MAX);
        if span != self.span {
            self.span = span;
            self.counted.clear();
        }
        #[allow(clippy::cast_possible_truncation, reason = "part of a hash")]
        let what = (endpoint.0 as u32) << 1 & 0xff_ffff | u32::from(class == 1);
        let full = self.counted.len() >= MAX_CAPPED;
        match self.counted.iter_mut().find(|known| **known >> 8 == what) {
            Some(known) if *known & 0xff >= u32::from(thresholds.errors_cap) => false,
            Some(known) => {
                *known += 1;
                true
            }
            None if full => false,
            None => {
                self.counted.push(what << 8 | 1);
                true
            }
        }
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.counted.heap()
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut cap = Self::default();
        for endpoint in 0..2 * MAX_CAPPED as u64 {
            let (now, limits) = (EventTime::from_secs(1), Thresholds::default());
            cap.admit(EndpointId(endpoint), 0, now, &limits);
        }
        cap
    }
}

/// The errors of one class at one endpoint.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct ErrorModel {
    /// Errors and calls learned, fading, with a start of what is usual anywhere.
    errors: f64,
    calls: f64,
    sum: f64,
    /// Calls and errors since the sum was 0, and when that was.
    run_calls: u64,
    run_errors: u64,
    run_since: EventTime,
    /// The current span: number, calls, errors.
    span: (u64, u32, u32),
    /// The highest share of any closed span.
    worst: f64,
    since: EventTime,
}

impl ErrorModel {
    /// For class 0 (4xx) or 1 (5xx).
    pub(in crate::analysis) fn new(class: usize, since: EventTime) -> Self {
        Self {
            errors: if class == 1 { 0.3 } else { 0.8 },
            calls: 60.0,
            sum: 0.0,
            run_calls: 0,
            run_errors: 0,
            run_since: since,
            span: (0, 0, 0),
            worst: 0.0,
            since,
        }
    }

    /// Takes the calls and errors of an epoch that ended at `now`.
    pub(in crate::analysis) fn observe(
        &mut self,
        class: usize,
        counts: (u32, u32),
        now: EventTime,
        thresholds: &Thresholds,
    ) -> Option<Incident> {
        let (calls, errors) = counts;
        if calls == 0 {
            return None;
        }
        let floor = if class == 1 { USUAL_5XX } else { USUAL_4XX };
        let usual = (self.errors / self.calls).clamp(floor, 0.6);
        let raised = (4.0 * usual)
            .max(usual + if class == 1 { 0.035 } else { 0.12 })
            .min(0.95);
        let fine = f64::from(calls - errors.min(calls));
        // Mostly there are no errors: nothing, whatever its weight.
        let for_errors = if errors == 0 {
            0.0
        } else {
            f64::from(errors) * libm::log(raised / usual)
        };
        self.sum += for_errors + fine * libm::log((1.0 - raised) / (1.0 - usual));
        if self.sum <= 0.0 {
            self.sum = 0.0;
            (self.run_calls, self.run_errors, self.run_since) = (0, 0, now);
        } else {
            self.run_calls += u64::from(calls);
            self.run_errors += u64::from(errors);
        }
        self.advance_span(now, calls, errors);

        let enough = u64::from(thresholds.errors_min.get(class).copied().unwrap_or(1));
        if self.sum > thresholds.errors_limit
            && self.calls > thresholds.errors_min_calls
            && self.run_errors >= enough
        {
            let incident = Incident {
                class,
                sum: self.sum,
                calls: self.run_calls,
                errors: self.run_errors,
                since: self.run_since,
                usual,
                worst: self.worst,
                known_calls: self.calls,
                known_since: self.since,
            };
            self.sum = 0.0;
            (self.run_calls, self.run_errors, self.run_since) = (0, 0, now);
            return Some(incident);
        }
        if self.sum < thresholds.errors_limit * 0.4 {
            self.errors += f64::from(errors);
            self.calls += f64::from(calls);
            if self.calls > MEMORY {
                self.errors *= 0.5;
                self.calls *= 0.5;
            }
        }
        None
    }

    fn advance_span(&mut self, now: EventTime, calls: u32, errors: u32) {
        let number = now.secs() / SPAN_SECONDS;
        let (current, so_far, failed) = self.span;
        if number == current {
            self.span = (current, so_far + calls, failed + errors);
            return;
        }
        // A span that is part of an incident is no measure of what was normal before it.
        if so_far >= SPAN_MIN_CALLS && self.sum == 0.0 {
            self.worst = self.worst.max(f64::from(failed) / f64::from(so_far));
        }
        self.span = (number, calls, errors);
    }
}

/// A raised error share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::analysis) struct Incident {
    class: usize,
    sum: f64,
    calls: u64,
    errors: u64,
    since: EventTime,
    usual: f64,
    worst: f64,
    known_calls: f64,
    known_since: EventTime,
}

impl Incident {
    pub(in crate::analysis) fn finding(
        &self,
        endpoint: EndpointId,
        involved: Involved,
        now: EventTime,
    ) -> Finding {
        let percent = |share: f64| libm::round(share * 10_000.0) / 100.0;
        let days = now.nanos_since(self.known_since) as f64 / 86_400e9;
        Finding {
            signal: Signal::EndpointErrors,
            subject: Subject::Endpoint(endpoint),
            time: now,
            seconds: now.secs().saturating_sub(self.since.secs()),
            surprise: self.sum,
            severity: None,
            verdict: false,
            involved,
            evidence: vec![
                evidence(
                    "observed_percent",
                    percent(self.errors as f64 / self.calls.max(1) as f64),
                ),
                evidence("usual_percent", percent(self.usual)),
                evidence("most_ever_percent", percent(self.worst)),
                evidence("observed_calls", self.calls as f64),
                evidence("observed_errors", self.errors as f64),
                evidence("status_class", if self.class == 1 { 5.0 } else { 4.0 }),
                evidence("calls_known", libm::round(self.known_calls)),
                evidence("known_days", libm::round(days * 10.0) / 10.0),
                evidence("log_likelihood_ratio", libm::round(self.sum * 10.0) / 10.0),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_endpoint_stays_silent_and_a_broken_one_does_not() {
        let limits = Thresholds::default();
        let mut model = ErrorModel::new(1, EventTime::ZERO);
        let mut now = 0;
        let mut feed = |model: &mut ErrorModel, calls, errors| {
            now += 10;
            model.observe(1, (calls, errors), EventTime::from_secs(now), &limits)
        };
        // 0.5 % of 20 calls an epoch: one error in every tenth.
        for epoch in 0..200 {
            assert!(feed(&mut model, 20, u32::from(epoch % 10 == 0)).is_none());
        }
        // Then 20 %: the ratio of 4 errors in 20 against p0 = 0.005 and p1 = 0.04 is about 7.7 an epoch.
        assert!(feed(&mut model, 20, 4).is_none());
        let incident = feed(&mut model, 20, 4).unwrap();
        assert_eq!((incident.calls, incident.errors), (40, 8));
        assert!((incident.usual - 0.005).abs() < 0.001, "{incident:?}");
    }

    #[test]
    fn two_errors_of_a_principal_count_in_five_minutes() {
        let limits = Thresholds::default();
        let mut cap = ErrorCap::default();
        let mut at = |seconds| cap.admit(EndpointId(1), 1, EventTime::from_secs(seconds), &limits);
        assert_eq!([at(600), at(601), at(602)], [true, true, false]);
        assert!(at(900), "a new span");
    }

    #[test]
    fn not_found_is_no_error_of_the_endpoint() {
        assert_eq!(error_class(Status(404)), None);
        assert_eq!(error_class(Status(403)), Some(0));
        assert_eq!(error_class(Status(503)), Some(1));
        assert_eq!(error_class(Status(302)), None);
    }
}

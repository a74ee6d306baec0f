//! The signals: what is unusual, against which usual.
//!
//! Signals about one principal are scored where its state is, with the observation; signals about an endpoint when an epoch
//! is closed. All learn only what is not itself alarming (clipped or frozen), and none speaks before the warm-up is over.
//! The constants are those of a prototype measured on simulated attacks; every one that decides over alerts is a setting.

pub(super) mod crowd;
pub(super) mod errors;
pub(super) mod exposure;
pub(super) mod hygiene;
pub(super) mod latency;
pub(super) mod logins;
pub(super) mod newness;
pub(super) mod objects;
pub(super) mod origin;
pub(super) mod payload;
pub(super) mod reach;
pub(super) mod refusals;
pub(super) mod rhythm;
pub(super) mod scan;
pub(super) mod schema;
pub(super) mod sequence;
pub(super) mod shadow;
pub(super) mod skips;
pub(super) mod surprises;
pub(super) mod touched;
pub(super) mod volume;

#[cfg(test)]
mod tests;

use self::crowd::{CrowdNorms, Number};
use super::alert::{Evidence, Signal, Subject};
use super::book::{Finding, Involved};
use super::short::boxed;
use crate::clock::{EventTime, NANOS_PER_SECOND, SECONDS_PER_DAY};
use crate::observation::TextId;
use crate::observation::{EndpointId, Observation, PrincipalKey};

/// When a signal alerts.
#[derive(Clone, Debug)]
pub struct Thresholds {
    /// Seconds of learning from the first observation before anything alerts.
    pub warm_up_seconds: u64,
    /// Days on which a token must have been active before its own habits count.
    pub mature_days: u32,
    /// Calls that a token must have made before its own habits count.
    pub mature_calls: u64,
    /// An alert is held open, and updated rather than repeated, for this many seconds.
    pub alert_hold_seconds: u64,
    /// Seconds between two updates of an alert that does not get worse.
    pub update_seconds: u64,
    /// Volume: the probability below which a count alerts.
    pub volume_p: f64,
    /// Volume: calls in a window that are never too many.
    pub volume_min_calls: u32,
    /// Volume: how far the logarithm of a count must lie above the largest so far.
    pub volume_above_max: f64,
    /// Payload: bytes that are never too large.
    pub payload_min_bytes: u64,
    /// Payload: bodies that must have been seen at an endpoint.
    pub payload_min_samples: u32,
    /// Payload: standard deviations of the logarithm, for a well-known endpoint.
    pub payload_z: f64,
    /// Payload: how far the logarithm must lie above the largest so far (0.7: twice as large).
    pub payload_above_max: f64,
    /// Endpoint errors: the log-likelihood ratio at which an endpoint alerts.
    pub errors_limit: f64,
    /// Endpoint errors: calls that must have been learned, with the 60 that stand for what is usual anywhere.
    pub errors_min_calls: f64,
    /// Endpoint errors: errors that must be seen, of class 4xx and 5xx.
    pub errors_min: [u32; 2],
    /// Endpoint errors: errors of one principal that count in one span.
    pub errors_cap: u8,
    /// Endpoint errors: seconds of such a span.
    pub errors_cap_seconds: u64,
    /// Denied objects: refused or missing objects that are never too many, fading over a day.
    pub denied_min: f64,
    /// Denied objects: the probability below which a number alerts.
    pub denied_p: f64,
    /// Enumeration: the probability below which a number of new objects in an hour alerts.
    pub objects_hour_p: f64,
    /// Enumeration: new objects in an hour that are never too many.
    pub objects_hour_min: u16,
    /// Enumeration: the probability below which a number of new objects in a day alerts.
    pub objects_day_p: f64,
    /// Enumeration: new objects in a day that are never too many.
    pub objects_day_min: u16,
    /// Enumeration: the log-likelihood ratio of a walk through numbers that alerts.
    pub walk_limit: f64,
    /// Enumeration: steps to a neighbour that a walk must have.
    pub walk_min: u16,
    /// Novel endpoints: bits of information in an hour that alert.
    pub reach_bits: f64,
    /// Order of calls: the probability below which a sum alerts.
    pub sequence_p: f64,
    /// Order of calls: bits that are never too many.
    pub sequence_bits: f64,
    /// Order of calls: bits above its own mean that a call may carry and not add to the sum.
    pub sequence_drift: f64,
    /// Skipped steps: bits of information within a quarter of an hour that alert.
    pub skip_bits: f64,
    /// Skipped steps: different ones that must have been left out.
    pub skip_min: usize,
    /// Order of calls: calls that must be known.
    pub sequence_min_steps: f64,
    /// Place: active days after which a token that came from one country, or by one program, is settled there.
    pub origin_settled_days: u32,
    /// Hours: the probability below which a broken silence is noted.
    pub hours_p: f64,
    /// Hours: the probability, of a broken silence and of the order of calls together, below which it is an alert.
    pub hours_joint_p: f64,
    /// Refused fields: refusals that are never too many, fading over half an hour.
    pub field_min: f64,
    /// Refused fields: the probability below which a number alerts.
    pub field_p: f64,
    /// Logins: accounts given up in an hour that are never too many.
    pub accounts_min: u32,
    /// Logins: the probability below which a number alerts.
    pub accounts_p: f64,
    /// Paths: the probability below which a number of unknown paths alerts.
    pub scan_p: f64,
    /// Latency: standard deviations that a call may be slow and not add to the sum.
    pub latency_slack: f64,
    /// Latency: the sum that alerts.
    pub latency_limit: f64,
    /// New endpoints: seconds after which it is judged how a new one was taken up.
    pub newness_watch_seconds: u64,
    /// New endpoints: up to this many successful users after that time raise the severity.
    pub newness_few: u64,
    /// New endpoints: from this many successful users on it is a deploy, a note.
    pub newness_many: u64,
    /// Schema violations: the probability below which a principal alerts.
    pub schema_p: f64,
    /// Schema violations: requests lately that must break a rule.
    pub schema_min_requests: u8,
    /// Schema violations: requests that must be known of the endpoint.
    pub schema_min_known: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            warm_up_seconds: SECONDS_PER_DAY + SECONDS_PER_DAY / 2,
            mature_days: 3,
            mature_calls: 40,
            alert_hold_seconds: 3_600,
            update_seconds: 300,
            volume_p: 2e-6,
            volume_min_calls: 30,
            volume_above_max: 0.5,
            payload_min_bytes: 1_024,
            payload_min_samples: 20,
            payload_z: 4.6,
            payload_above_max: 0.7,
            errors_limit: 13.0,
            errors_min_calls: 150.0,
            errors_min: [12, 5],
            errors_cap: 2,
            errors_cap_seconds: 300,
            denied_min: 5.0,
            denied_p: 1e-8,
            objects_hour_p: 2e-6,
            objects_hour_min: 14,
            objects_day_p: 6e-6,
            objects_day_min: 20,
            walk_limit: 14.0,
            walk_min: 5,
            reach_bits: 11.0,
            sequence_p: 1e-4,
            sequence_bits: 24.0,
            sequence_drift: 2.5,
            skip_bits: 17.0,
            skip_min: 2,
            sequence_min_steps: 60.0,
            origin_settled_days: 5,
            hours_p: 1e-3,
            hours_joint_p: 1e-3,
            field_min: 4.5,
            field_p: 1e-6,
            accounts_min: 6,
            accounts_p: 1e-7,
            scan_p: 1e-7,
            latency_slack: 0.7,
            latency_limit: 26.0,
            newness_watch_seconds: 3_600,
            newness_few: 2,
            newness_many: 5,
            schema_p: 1e-6,
            schema_min_requests: 8,
            schema_min_known: 150.0,
        }
    }
}

impl Thresholds {
    /// The false alerts a day for every 1,000 tokens that the defaults were set for (`detection.md` 1.6).
    pub const BUDGET: f64 = 0.3;

    /// The defaults, for another budget of false alerts a day for every 1,000 tokens.
    ///
    /// The budget is shared by all signals alike: each probability below which one alerts is in proportion to it, and each sum
    /// of information or of log-likelihood ratios has so much more or less to reach. Where a population causes more tests a
    /// day than usual, the calibrated signals ask for so much more (`surprises`). What is expected is a number of false alerts
    /// near the budget, not a bound on it.
    pub fn of_budget(budget: f64) -> Self {
        let mut all = Self::default();
        let factor = (budget / Self::BUDGET).clamp(1e-3, 1e3);
        let probabilities = [
            &mut all.volume_p,
            &mut all.denied_p,
            &mut all.objects_hour_p,
            &mut all.objects_day_p,
            &mut all.sequence_p,
            &mut all.hours_p,
            &mut all.hours_joint_p,
            &mut all.field_p,
            &mut all.accounts_p,
            &mut all.scan_p,
        ];
        for p in probabilities {
            *p = (*p * factor).min(0.01);
        }
        let nats = libm::log(factor);
        for sum in [
            &mut all.errors_limit,
            &mut all.walk_limit,
            &mut all.latency_limit,
        ] {
            *sum = (*sum - nats).max(6.0);
        }
        let bits = libm::log2(factor);
        for sum in [
            &mut all.reach_bits,
            &mut all.sequence_bits,
            &mut all.skip_bits,
        ] {
            *sum = (*sum - bits).max(6.0);
        }
        all
    }

    /// Whether the warm-up is over at `now`, for a population first seen at `started`.
    pub(super) fn warm(&self, started: Option<EventTime>, now: EventTime) -> bool {
        let span = self.warm_up_seconds.saturating_mul(NANOS_PER_SECOND);
        started.is_some_and(|started| now.nanos_since(started) >= span)
    }
}

/// What the signals remember about one principal.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Habits {
    now: EventTime,
    /// Days on which it was active.
    days: u16,
    /// The last of them, counted from the epoch.
    day: u16,
    pub(super) volume: volume::VolumeHabit,
    pub(super) errors: errors::ErrorCap,
    /// Of those only whose requests were held against the rules of a document.
    pub(super) schema: Option<Box<schema::SchemaHabit>>,
    /// Of those only that ever tried to log in, or asked for what is not there.
    pub(super) source: Option<Box<Source>>,
    /// Of tokens only: behind one client address there may be anybody.
    pub(super) own: Option<Box<Own>>,
}

/// What the signals remember about one source of logins and scans.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Source {
    pub(super) logins: logins::LoginHabit,
    pub(super) scan: scan::ScanHabit,
}

/// What the signals remember about one token.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Own {
    pub(super) reach: reach::Reach,
    pub(super) sequence: sequence::SequenceHabit,
    pub(super) skips: skips::SkipHabit,
    pub(super) objects: objects::ObjectHabit,
    pub(super) origin: origin::Origin,
    pub(super) rhythm: rhythm::Rhythm,
    pub(super) refusals: refusals::RefusalHabit,
}

impl Habits {
    /// Notes that the principal is active at `time`; returns its own time, which never runs backwards.
    pub(super) fn advance(&mut self, time: EventTime) -> EventTime {
        self.now = self.now.max(time);
        let day = u16::try_from(self.now.secs() / SECONDS_PER_DAY).unwrap_or(u16::MAX);
        if day > self.day {
            self.day = day;
            self.days = self.days.saturating_add(1);
        }
        self.now
    }

    /// Days on which it was active.
    pub(super) fn days(&self) -> u32 {
        u32::from(self.days)
    }
}

/// How an observation counts in the error statistics of its endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counts {
    /// It is no error, or one that counts, of that class.
    As(Option<usize>),
    /// It is not answered, or an error over the cap of its principal.
    Not,
}

impl Own {
    /// Most heap bytes, with its own.
    pub(super) const MOST_BYTES: usize = boxed::<Self>()
        + sequence::SequenceHabit::MOST_BYTES
        + objects::ObjectHabit::MOST_BYTES
        + origin::Origin::MOST_BYTES
        + refusals::RefusalHabit::MOST_BYTES;

    /// Heap bytes held, with its own.
    #[cfg(test)]
    fn heap(&self) -> usize {
        let lists = self.sequence.heap() + self.objects.heap();
        boxed::<Self>() + lists + self.origin.heap() + self.refusals.heap()
    }
}

impl Source {
    /// Most heap bytes, with its own.
    const MOST_BYTES: usize =
        boxed::<Self>() + logins::LoginHabit::MOST_BYTES + scan::ScanHabit::MOST_BYTES;

    /// Heap bytes held, with its own.
    #[cfg(test)]
    fn heap(&self) -> usize {
        boxed::<Self>() + self.logins.heap() + self.scan.heap()
    }
}

impl Habits {
    /// Most heap bytes of a client without a token.
    pub(super) const MOST_BYTES_OF_CLIENT: usize = errors::ErrorCap::MOST_BYTES
        + boxed::<schema::SchemaHabit>()
        + schema::SchemaHabit::MOST_BYTES
        + Source::MOST_BYTES;

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let own = self.own.iter().map(|own| own.heap());
        let source = self.source.iter().map(|source| source.heap());
        let schema = self.schema.iter();
        let schema = schema.map(|schema| boxed::<schema::SchemaHabit>() + schema.heap());
        self.errors.heap() + own.chain(source).chain(schema).sum::<usize>()
    }

    /// With every list as full as can be.
    #[cfg(test)]
    pub(super) fn full(is_token: bool) -> Self {
        let own = || Own {
            sequence: sequence::SequenceHabit::full(),
            objects: objects::ObjectHabit::full(),
            origin: origin::Origin::full(),
            refusals: refusals::RefusalHabit::full(),
            ..Own::default()
        };
        let source = Source {
            logins: logins::LoginHabit::full(),
            scan: scan::ScanHabit::full(),
        };
        Self {
            errors: errors::ErrorCap::full(),
            schema: Some(Box::new(schema::SchemaHabit::full())),
            source: Some(Box::new(source)),
            own: is_token.then(|| Box::new(own())),
            ..Self::default()
        }
    }

    /// The principal's own time: that of its last call.
    pub(super) const fn now(&self) -> EventTime {
        self.now
    }

    /// How the observation counts in the error statistics of `endpoint`.
    pub(super) fn count_error(&mut self, scene: &Scene<'_>, endpoint: EndpointId) -> Counts {
        let status = scene.observation.outcome();
        if status.0 == 0 {
            return Counts::Not;
        }
        let class = errors::error_class(status);
        let admitted = class.is_none_or(|class| {
            self.errors
                .admit(endpoint, class, scene.now, scene.thresholds)
        });
        if admitted {
            Counts::As(class)
        } else {
            Counts::Not
        }
    }
}

/// One observation as the signals see it.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) observation: &'a Observation,
    pub(super) principal: PrincipalKey,
    pub(super) is_token: bool,
    /// The principal's own time, which never runs backwards.
    pub(super) now: EventTime,
    /// Whether the warm-up is over.
    pub(super) warm: bool,
    /// Days on which the principal was active, and its calls so far.
    pub(super) days: u32,
    pub(super) calls: u64,
    pub(super) thresholds: &'a Thresholds,
    /// The number of the endpoint, unless it is not known yet.
    pub(super) number: Option<Number>,
    /// What all tokens together have taught.
    pub(super) crowd: &'a CrowdNorms,
}

impl Scene<'_> {
    /// The principal's own time in seconds.
    pub(super) fn seconds(&self) -> u32 {
        u32::try_from(self.now.secs()).unwrap_or(u32::MAX)
    }

    /// Whether the warm-up is over and enough is known of the principal.
    pub(super) const fn ripe(&self) -> bool {
        self.warm && self.mature()
    }

    /// Whether the call was let through.
    pub(super) fn answered(&self) -> bool {
        matches!(self.observation.outcome().0, 200..=399)
    }

    /// A finding about this observation, without its evidence.
    pub(super) fn finding(&self, signal: Signal, surprise: f64, seconds: u64) -> Finding {
        Finding {
            signal,
            subject: self.subject(),
            time: self.now,
            seconds,
            surprise,
            severity: None,
            verdict: false,
            involved: self.involved(),
            evidence: Vec::new(),
        }
    }

    /// Whether enough is known of the principal to call something unlike it.
    pub(super) const fn mature(&self) -> bool {
        self.days >= self.thresholds.mature_days && self.calls >= self.thresholds.mature_calls
    }

    pub(super) const fn subject(&self) -> Subject {
        if self.is_token {
            Subject::Token(self.principal)
        } else {
            Subject::Client(self.principal)
        }
    }

    pub(super) fn involved(&self) -> Involved {
        Involved {
            token: Some(self.principal).filter(|_| self.is_token),
            client: Some(self.observation.client),
            service: Some(self.observation.service),
            endpoint: Some(self.observation.endpoint),
            country: self.observation.country,
            field: TextId::NONE,
            exposed: None,
        }
    }
}

pub(super) const fn evidence(name: &'static str, value: f64) -> Evidence {
    Evidence { name, value }
}

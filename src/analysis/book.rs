//! One alert per (signal, subject) and hour: what was raised lately, and whether more is worth an update.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::alert::{Alert, Evidence, Severity, Signal, Subject};
use super::signals::Thresholds;
use crate::clock::{EventTime, NANOS_PER_SECOND};
use crate::observation::{Country, EndpointId, ExposedIn, PrincipalKey, ServiceId, TextId, TypeId};

/// Alerts held open at once, per book; the oldest go first.
const MAX_OPEN: usize = 4_096;

/// Something unusual, before it is known whether it is news.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Finding {
    pub(super) signal: Signal,
    pub(super) subject: Subject,
    /// When, in packet time.
    pub(super) time: EventTime,
    /// Seconds before `time` that were looked at.
    pub(super) seconds: u64,
    /// -ln of the probability that this is nothing.
    pub(super) surprise: f64,
    /// Overrides the severity that follows from the surprise.
    pub(super) severity: Option<Severity>,
    /// Whether it is a verdict on the alert that is open, however old that is.
    pub(super) verdict: bool,
    pub(super) involved: Involved,
    pub(super) evidence: Vec<Evidence>,
}

/// Who and what else is involved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Involved {
    pub(super) token: Option<PrincipalKey>,
    pub(super) client: Option<PrincipalKey>,
    pub(super) service: Option<ServiceId>,
    pub(super) endpoint: Option<EndpointId>,
    pub(super) country: Country,
    /// The field that it is about.
    pub(super) field: TextId,
    /// What is exposed, and where.
    pub(super) exposed: Option<(TypeId, ExposedIn)>,
}

/// The open alerts of one writer (a shard, or the population).
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct AlertBook {
    open: BTreeMap<(Signal, Subject), Open>,
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Open {
    id: u64,
    update: u32,
    started: EventTime,
    told: EventTime,
    severity: Severity,
    /// The highest of its scores.
    score: f64,
}

impl AlertBook {
    /// Turns a finding into an alert or an update of one; none if it says nothing new.
    pub(super) fn raise(&mut self, finding: Finding, thresholds: &Thresholds) -> Option<Alert> {
        let score = score_of(finding.surprise);
        let severity = finding.severity.unwrap_or_else(|| severity_of(score));
        let key = (finding.signal, finding.subject);
        let hold = thresholds
            .alert_hold_seconds
            .saturating_mul(NANOS_PER_SECOND);
        let quiet = thresholds.update_seconds.saturating_mul(NANOS_PER_SECOND);
        let now = finding.time;
        let earlier = self
            .open
            .get(&key)
            .filter(|open| finding.verdict || now.nanos_since(open.started) < hold);
        let open = match earlier {
            Some(open) => {
                let news = severity > open.severity
                    || now.nanos_since(open.told) >= quiet
                    || finding.severity.is_some_and(|s| s != open.severity);
                if !news {
                    return None;
                }
                Open {
                    update: open.update + 1,
                    told: now,
                    severity: finding.severity.unwrap_or(severity.max(open.severity)),
                    score: score.max(open.score),
                    ..*open
                }
            }
            None => Open {
                id: id_of(finding.signal, finding.subject, now),
                update: 0,
                started: now,
                told: now,
                severity,
                score,
            },
        };
        self.open.insert(key, open);
        let risk = self.risk(finding.subject, now, hold);
        self.make_room(now, hold);
        Some(finding.into_alert(open, score, risk))
    }

    /// The noisy-or of the scores of all signals that were told about a subject within `hold` before `now`; notes do not count.
    ///
    /// A subject has all its alerts in one book, so that neither workers nor a restart change it.
    fn risk(&self, subject: Subject, now: EventTime, hold: u64) -> f64 {
        let mut scores: SmallVec<[_; 4]> = SmallVec::new();
        for signal in Signal::ALL {
            let open = self.open.get(&(signal, subject));
            let open = open.filter(|open| open.severity > Severity::Info);
            let open = open.filter(|open| now.nanos_since(open.told) < hold);
            scores.extend(open.map(|open| (open.score, signal.name())));
        }
        // In one order, so that the product of the same scores is the same to the bit.
        scores.sort_unstable_by(|(a, one), (b, other)| a.total_cmp(b).then(one.cmp(other)));
        let nothing: f64 = scores.iter().map(|(score, _)| 1.0 - score).product();
        libm::round((1.0 - nothing) * 1e4) / 1e4
    }

    /// Drops the alerts about a principal; returns how many those were.
    pub(super) fn forget(&mut self, key: PrincipalKey) -> usize {
        let before = self.open.len();
        self.open.retain(|(_, subject), _| match subject {
            Subject::Token(about) | Subject::Client(about) => *about != key,
            Subject::Endpoint(_) => true,
        });
        before - self.open.len()
    }

    /// Drops alerts that were told last before `oldest`.
    pub(super) fn expire(&mut self, oldest: EventTime) {
        self.open.retain(|_, open| open.told >= oldest);
    }

    fn make_room(&mut self, now: EventTime, hold: u64) {
        if self.open.len() <= MAX_OPEN {
            return;
        }
        self.open
            .retain(|_, open| now.nanos_since(open.started) < hold);
        while self.open.len() > MAX_OPEN {
            let oldest = self
                .open
                .iter()
                .min_by_key(|(key, open)| (open.started, **key));
            let Some((&oldest, _)) = oldest else { return };
            self.open.remove(&oldest);
        }
    }
}

impl Finding {
    fn into_alert(self, open: Open, score: f64, risk: f64) -> Alert {
        let span = self.seconds.saturating_mul(NANOS_PER_SECOND);
        Alert {
            id: open.id,
            update: open.update,
            time: self.time,
            window_start: EventTime::from_nanos(self.time.nanos().saturating_sub(span)),
            window_end: self.time,
            signal: self.signal,
            severity: open.severity,
            score,
            risk,
            subject: self.subject,
            token: self.involved.token,
            client: self.involved.client,
            service: self.involved.service,
            endpoint: self.involved.endpoint,
            template: None,
            country: self.involved.country,
            field: self.involved.field,
            exposed: self.involved.exposed,
            evidence: self.evidence,
        }
    }
}

/// 1 - 10^(0.9 log10(p) / 12), p not below 1e-12: 1e-6 gives 0.65, 1e-12 gives 0.87.
fn score_of(surprise: f64) -> f64 {
    let digits = (surprise / std::f64::consts::LN_10).clamp(0.0, 12.0);
    let score = 1.0 - libm::pow(10.0, -0.9 * digits / 12.0);
    libm::round(score * 1e4) / 1e4
}

fn severity_of(score: f64) -> Severity {
    if score >= 0.8 {
        Severity::High
    } else if score >= 0.55 {
        Severity::Medium
    } else {
        Severity::Low
    }
}

/// Cannot be turned back into the state key, which is never to be seen.
fn id_of(signal: Signal, subject: Subject, started: EventTime) -> u64 {
    let (tag, key) = match subject {
        Subject::Token(key) => (0_u8, key.0),
        Subject::Client(key) => (1, key.0),
        Subject::Endpoint(endpoint) => (2, u128::from(endpoint.0)),
    };
    let mut hasher = blake3::Hasher::new_derive_key("hushtap alert id");
    hasher.update(signal.name().as_bytes());
    hasher.update(&[tag]);
    hasher.update(&key.to_le_bytes());
    hasher.update(&(started.secs() / 3_600).to_le_bytes());
    let hash = hasher.finalize();
    let mut id = [0; 8];
    for (to, from) in id.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    u64::from_le_bytes(id)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::float_cmp,
        clippy::needless_for_each,
        reason = "exact values by construction; short scripts"
    )]

    use super::*;

    fn finding(seconds: u64, surprise: f64) -> Finding {
        Finding {
            signal: Signal::Volume,
            subject: Subject::Token(PrincipalKey(5)),
            time: EventTime::from_secs(seconds),
            seconds: 60,
            surprise,
            severity: None,
            verdict: false,
            involved: Involved::default(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn one_alert_an_hour_then_updates() {
        let mut book = AlertBook::default();
        let limits = Thresholds::default();
        let first = book.raise(finding(10_000, 14.0), &limits).unwrap();
        assert_eq!((first.update, first.severity), (0, Severity::Medium));
        assert!(book.raise(finding(10_030, 14.0), &limits).is_none());
        let worse = book.raise(finding(10_040, 30.0), &limits).unwrap();
        assert_eq!(
            (worse.id, worse.update, worse.severity),
            (first.id, 1, Severity::High)
        );
        let still = book.raise(finding(10_400, 30.0), &limits).unwrap();
        assert_eq!((still.id, still.update), (first.id, 2));
        let next = book.raise(finding(13_601, 14.0), &limits).unwrap();
        assert_ne!(next.id, first.id);
        assert_eq!(next.update, 0);
    }

    #[test]
    fn the_risk_of_a_subject_is_that_of_all_its_alerts_within_the_hour() {
        let (mut book, limits) = (AlertBook::default(), Thresholds::default());
        let mut raise = |signal, seconds, surprise, severity| {
            let finding = Finding {
                signal,
                severity,
                ..finding(seconds, surprise)
            };
            let alert = book.raise(finding, &limits).unwrap();
            // Over a restart it is the same.
            book = postcard::from_bytes(&postcard::to_allocvec(&book).unwrap()).unwrap();
            (alert.score, alert.risk)
        };
        let (volume, alone) = raise(Signal::Volume, 10_000, 14.0, None);
        assert_eq!(volume, alone);
        let (geo, both) = raise(Signal::Geo, 12_000, 9.0, None);
        let expected = 1.0 - (1.0 - volume) * (1.0 - geo);
        assert!((both - expected).abs() < 1e-4 && both > volume, "{both}");
        // A note adds nothing.
        let note = raise(Signal::Hours, 12_100, 9.0, Some(Severity::Info));
        assert_eq!(note.1, both);
        // What is less by now was as much within the hour.
        let (less, still) = raise(Signal::Geo, 13_000, 7.0, None);
        assert!(less < geo && still == both, "{still}");
        // The first is over an hour old; what is told of another subject was never in it.
        let mut other = finding(13_700, 30.0);
        other.subject = Subject::Client(PrincipalKey(5));
        let other_alert = AlertBook::default().raise(other, &limits).unwrap();
        assert_eq!(other_alert.risk, other_alert.score);
        let (agent, now) = raise(Signal::Agent, 13_700, 9.0, None);
        let expected = 1.0 - (1.0 - agent) * (1.0 - geo);
        assert!((now - expected).abs() < 1e-4, "{now}");
    }

    #[test]
    fn score_follows_the_probability() {
        assert!((score_of(13.815_5) - 0.645).abs() < 0.001);
        assert!((score_of(27.631) - 0.874).abs() < 0.001);
        assert_eq!(score_of(600.0), score_of(28.0));
        assert_eq!(score_of(0.0), 0.0);
    }

    #[test]
    fn a_full_book_forgets_the_oldest() {
        let mut book = AlertBook::default();
        for n in 0..5_000_u32 {
            let mut one = finding(10_000 + u64::from(n) / 10, 14.0);
            one.subject = Subject::Token(PrincipalKey(u128::from(n)));
            assert!(book.raise(one, &Thresholds::default()).is_some());
        }
        assert_eq!(book.open.len(), MAX_OPEN);
        assert!(
            !book
                .open
                .contains_key(&(Signal::Volume, Subject::Token(PrincipalKey(0))))
        );
    }
}

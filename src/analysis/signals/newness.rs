//! `new_endpoint`: an endpoint answers successfully for the first time after the learning time.
//!
//! Said at once at low severity. An hour later it is clear how it was taken up: by hardly anybody (raised), or by many with
//! success (a deploy: lowered to a note). Calls that never succeed make no endpoint: scans for paths that are not there.

#![allow(
    clippy::cast_precision_loss,
    reason = "numbers of days, principals and endpoints"
)]

use super::{Thresholds, evidence};
use crate::analysis::alert::{Severity, Signal, Subject};
use crate::analysis::book::{Finding, Involved};
use crate::clock::{EventTime, NANOS_PER_SECOND};
use crate::observation::TextId;
use crate::observation::{Country, EndpointId, FlowId, PrincipalKey};

/// -ln of 1e-4: a new endpoint is news, not a rarity.
const SURPRISE: f64 = 9.21;

/// Who called an endpoint successfully first. Ordered by time.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
pub(in crate::analysis) struct FirstCall {
    pub(in crate::analysis) order: (EventTime, FlowId, u32),
    pub(in crate::analysis) token: Option<PrincipalKey>,
    pub(in crate::analysis) client: PrincipalKey,
    pub(in crate::analysis) country: Country,
}

/// How far the news of an endpoint has gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) enum Newness {
    /// It has never succeeded.
    #[default]
    Unborn,
    /// It is new, and watched.
    Watched(FirstCall),
    /// It is known.
    Known,
}

/// What the population looks like when a new endpoint is judged.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) struct Surroundings<'a> {
    pub(in crate::analysis) started: Option<EventTime>,
    pub(in crate::analysis) now: EventTime,
    pub(in crate::analysis) endpoints: usize,
    pub(in crate::analysis) thresholds: &'a Thresholds,
}

impl Newness {
    /// Takes a principal's name off the first call; returns whether it was there.
    pub(in crate::analysis) fn forget(&mut self, key: PrincipalKey) -> bool {
        let Self::Watched(first) = self else {
            return false;
        };
        let named = first.token == Some(key) || first.client == key;
        first.token = first.token.filter(|token| *token != key);
        if first.client == key {
            first.client = PrincipalKey::default();
        }
        named
    }

    /// An endpoint has succeeded in this epoch (`first`, if so) and has `users` principals that ever did.
    pub(in crate::analysis) fn observe(
        &mut self,
        endpoint: EndpointId,
        first: Option<FirstCall>,
        users: u64,
        around: Surroundings<'_>,
    ) -> Option<Finding> {
        let thresholds = around.thresholds;
        match (*self, first) {
            (Self::Unborn, Some(call)) => {
                let (time, ..) = call.order;
                if !thresholds.warm(around.started, time) {
                    *self = Self::Known;
                    return None;
                }
                *self = Self::Watched(call);
                Some(finding(endpoint, call, users, around, None))
            }
            (Self::Watched(call), _) => {
                let age = around.now.nanos_since(call.order.0);
                let due = thresholds
                    .newness_watch_seconds
                    .saturating_mul(NANOS_PER_SECOND);
                let many = users >= thresholds.newness_many;
                if age < due && !many {
                    return None;
                }
                *self = Self::Known;
                let verdict = if many {
                    Severity::Info
                } else if users <= thresholds.newness_few {
                    Severity::Medium
                } else {
                    return None;
                };
                Some(finding(endpoint, call, users, around, Some(verdict)))
            }
            (Self::Unborn, None) | (Self::Known, _) => None,
        }
    }

    /// Whether time alone may bring a verdict.
    pub(in crate::analysis) const fn is_watched(&self) -> bool {
        matches!(self, Self::Watched(_))
    }
}

fn finding(
    endpoint: EndpointId,
    call: FirstCall,
    users: u64,
    around: Surroundings<'_>,
    verdict: Option<Severity>,
) -> Finding {
    let (first, ..) = call.order;
    let time = if verdict.is_some() { around.now } else { first };
    // Those known before it.
    let known = around.endpoints - usize::from(verdict.is_some()).min(around.endpoints);
    let learned = around
        .started
        .map_or(0, |started| first.nanos_since(started));
    Finding {
        signal: Signal::NewEndpoint,
        subject: Subject::Endpoint(endpoint),
        time,
        seconds: time.secs().saturating_sub(first.secs()),
        surprise: SURPRISE,
        severity: Some(verdict.unwrap_or(Severity::Low)),
        verdict: verdict.is_some(),
        involved: Involved {
            token: call.token,
            client: Some(call.client),
            service: None,
            endpoint: Some(endpoint),
            country: call.country,
            field: TextId::NONE,
            exposed: None,
        },
        evidence: vec![
            evidence("observed_users", users as f64),
            evidence("usual_users", 0.0),
            evidence("most_ever_users", 0.0),
            evidence("known_endpoints", known as f64),
            evidence("known_days", libm::round(learned as f64 / 8_640e9) / 10.0),
        ],
    }
}

//! The token-local signals of the public flags: from one principal's own observations of one period.
//!
//! Thresholds are public constants from the configuration. Baselines, the population, learned templates, other principals
//! and alert state never enter: through them one token would move the flags of others. So these signals are cruder than the
//! alerts of the same names: an alert asks what is unusual, a flag asks what is much.
//!
//! | signal | shows on | when, in one period |
//! |---|---|---|
//! | `volume` | both | more requests in one clock minute than the limit |
//! | `payload_request`, `payload_response` | both | one body longer than the limit |
//! | `field_errors` | both | that many answers 400 or 422 |
//! | `agent` | tokens | more distinct agents than the limit |
//! | `concurrent_use` | tokens | answers to two known countries in one clock minute |
//! | `enumeration` | both | more distinct objects than the limit, about |
//! | `denied_objects` | both | that many distinct objects answered 403 or 404, about |
//! | `auth_failures` | clients | that many answers 401 |
//! | `path_scan` | clients | that many answers 404 where nothing is documented |
//! | `secret_exposed` | both | a secret where it must not be |
//! | `shadow_endpoint` | both | an answer 2xx where nothing is documented, though there are documents |
//! | `schema_violation` | both | that many requests that break a rule of the OpenAPI document |
//!
//! Objects are the ones that paths name ([`ObjectKey`](crate::observation::ObjectKey)); ids in queries and bodies are not
//! looked at. Behind one client address there may be many people: hence no `agent` for clients. The clock is that of the
//! packets at the end of an exchange. Observations may come late by less than a minute without any difference, but for the
//! instant at which a signal shows first.

use super::distinct::Distinct;
use super::once::{OnceBits, Signal};
use crate::clock::NANOS_PER_SECOND;
use crate::observation::{Country, Finding, Observation, Status, TextId};

/// Requests of a principal in one clock minute.
const REQUESTS_PER_MINUTE: u32 = 600;
/// Bytes of a request body.
const REQUEST_BYTES: u64 = 1 << 20;
/// Bytes of a response body.
const RESPONSE_BYTES: u64 = 10 << 20;
/// Answers 400 or 422.
const FIELD_ERRORS: u32 = 50;
/// Distinct agents of a token.
const AGENTS: u32 = 3;
/// Distinct objects.
const OBJECTS: u32 = 1_000;
/// Distinct objects answered 403 or 404.
const DENIED_OBJECTS: u32 = 20;
/// Answers 401 to a client.
const AUTH_FAILURES: u32 = 20;
/// Answers 404 to a client where nothing is documented.
const UNKNOWN_PATHS: u32 = 30;
/// Requests that break a rule of the document.
const SCHEMA_VIOLATIONS: u32 = 20;

/// When a signal shows. Public constants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlagLimits {
    /// `volume`: most requests in one clock minute.
    pub requests_per_minute: u32,
    /// `payload_request`: most bytes of a request body.
    pub request_bytes: u64,
    /// `payload_response`: most bytes of a response body.
    pub response_bytes: u64,
    /// `field_errors`: so many answers 400 or 422.
    pub field_errors: u32,
    /// `agent`: most distinct agents, at most [`FlagLimits::MAX_AGENTS`].
    pub agents: u32,
    /// `enumeration`: most distinct objects.
    pub objects: u32,
    /// `denied_objects`: so many distinct objects answered 403 or 404.
    pub denied_objects: u32,
    /// `auth_failures`: so many answers 401.
    pub auth_failures: u32,
    /// `path_scan`: so many answers 404 where nothing is documented.
    pub unknown_paths: u32,
    /// `schema_violation`: so many requests that break a rule of the document.
    pub schema_violations: u32,
    /// Whether an OpenAPI document is loaded: without one, nothing is a `shadow_endpoint`.
    pub has_documents: bool,
}

impl FlagLimits {
    /// The largest limit of distinct agents.
    pub const MAX_AGENTS: u32 = 7;
    /// The largest limit of answers.
    pub const MAX_ANSWERS: u32 = 65_535;
    /// The largest limit of distinct objects.
    pub const MAX_OBJECTS: u32 = 1_000_000;
}

impl Default for FlagLimits {
    fn default() -> Self {
        Self {
            requests_per_minute: REQUESTS_PER_MINUTE,
            request_bytes: REQUEST_BYTES,
            response_bytes: RESPONSE_BYTES,
            field_errors: FIELD_ERRORS,
            agents: AGENTS,
            objects: OBJECTS,
            denied_objects: DENIED_OBJECTS,
            auth_failures: AUTH_FAILURES,
            unknown_paths: UNKNOWN_PATHS,
            schema_violations: SCHEMA_VIOLATIONS,
            has_documents: false,
        }
    }
}

/// What is remembered of one principal in one period.
#[derive(Clone, Debug, Default)]
pub(super) struct FlagState {
    objects: Distinct<8>,
    denied: Distinct<4>,
    agents: Agents,
    minutes: [Minute; 2],
    field_errors: u16,
    auth_failures: u16,
    unknown_paths: u16,
    violations: u16,
}

impl FlagState {
    /// Looks at one observation of the principal and says which signals it shows now.
    pub(super) fn observe(
        &mut self,
        limits: &FlagLimits,
        observation: &Observation,
        findings: &[Finding],
        is_token: bool,
    ) -> OnceBits {
        let mut shown = Shown::default();
        self.minute(limits, observation, is_token, &mut shown);
        self.answer(limits, observation, is_token, &mut shown);
        self.object(limits, observation, &mut shown);
        shown.when(
            is_token && self.agents.add(observation.agent) > limits.agents,
            Signal::Agent,
        );
        shown.when(
            observation.request_bytes > limits.request_bytes,
            Signal::PayloadRequest,
        );
        shown.when(
            observation.response_bytes > limits.response_bytes,
            Signal::PayloadResponse,
        );
        shown.when(findings.iter().any(is_exposed), Signal::SecretExposed);
        if observation.violations > 0 {
            let many = one_more(&mut self.violations) >= limits.schema_violations;
            shown.when(many, Signal::SchemaViolation);
        }
        shown.0
    }

    /// What happens at one time.
    fn minute(
        &mut self,
        limits: &FlagLimits,
        observation: &Observation,
        is_token: bool,
        shown: &mut Shown,
    ) {
        let minute = observation.end.nanos() / (60 * NANOS_PER_SECOND);
        // Even and odd minutes have a place each, so that who comes late finds the minute before.
        let [even, odd] = &mut self.minutes;
        let place = if minute.is_multiple_of(2) { even } else { odd };
        let minute = u32::try_from(minute).unwrap_or(u32::MAX);
        if place.number < minute {
            *place = Minute {
                number: minute,
                ..Minute::default()
            };
        } else if place.number > minute {
            return;
        }
        place.requests = place.requests.saturating_add(1);
        shown.when(place.requests > limits.requests_per_minute, Signal::Volume);
        if is_token && observation.status != Status::NONE {
            shown.when(
                place.is_elsewhere(observation.country),
                Signal::ConcurrentUse,
            );
        }
    }

    /// What was answered.
    fn answer(
        &mut self,
        limits: &FlagLimits,
        observation: &Observation,
        is_token: bool,
        shown: &mut Shown,
    ) {
        let documented = observation.documented;
        match observation.outcome().0 {
            400 | 422 => {
                let many = one_more(&mut self.field_errors) >= limits.field_errors;
                shown.when(many, Signal::FieldErrors);
            }
            401 if !is_token => {
                let many = one_more(&mut self.auth_failures) >= limits.auth_failures;
                shown.when(many, Signal::AuthFailures);
            }
            404 if !is_token && !documented => {
                let many = one_more(&mut self.unknown_paths) >= limits.unknown_paths;
                shown.when(many, Signal::PathScan);
            }
            200..=299 => shown.when(limits.has_documents && !documented, Signal::ShadowEndpoint),
            _ => {}
        }
    }

    /// What was asked for.
    fn object(&mut self, limits: &FlagLimits, observation: &Observation, shown: &mut Shown) {
        let Some(object) = observation.object else {
            return;
        };
        let seen = self.objects.add(object.key.0, limits.objects);
        shown.when(seen > limits.objects, Signal::Enumeration);
        if matches!(observation.outcome().0, 403 | 404) {
            let denied = self.denied.add(object.key.0, limits.denied_objects);
            shown.when(denied >= limits.denied_objects, Signal::DeniedObjects);
        }
    }
}

/// A secret where it must not be, by a rule in force.
fn is_exposed(finding: &Finding) -> bool {
    finding.exposure.is_some() && !finding.dry_run
}

fn one_more(count: &mut u16) -> u32 {
    *count = count.saturating_add(1);
    u32::from(*count)
}

/// The signals that one observation shows.
#[derive(Default)]
struct Shown(OnceBits);

impl Shown {
    fn when(&mut self, holds: bool, signal: Signal) {
        if holds {
            self.0 = self.0.with_signal(signal);
        }
    }
}

/// What there was in one minute of packet time.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    number: u32,
    requests: u32,
    country: Country,
}

impl Minute {
    /// Whether this country is known and not the first known one of this minute.
    fn is_elsewhere(&mut self, country: Country) -> bool {
        if country == Country::UNKNOWN {
            return false;
        }
        if self.country == Country::UNKNOWN {
            self.country = country;
        }
        self.country != country
    }
}

/// The first distinct agents, by the lower half of their keyed hashes; 0 where there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Agents([u32; FlagLimits::MAX_AGENTS as usize + 1]);

impl Agents {
    /// Adds an agent and says how many there are; as many as there is room for where there are more.
    fn add(&mut self, agent: TextId) -> u32 {
        let hash = u32::try_from(agent.0 & u64::from(u32::MAX)).unwrap_or(0);
        let hash = hash.max(1);
        if agent.is_some()
            && !self.0.contains(&hash)
            && let Some(free) = self.0.iter_mut().find(|place| **place == 0)
        {
            *free = hash;
        }
        self.0.iter().map(|place| u32::from(*place != 0)).sum()
    }
}

#[cfg(test)]
mod tests;

//! One token in detail.

use serde::Serialize;

use super::{Heartbeat, ThrottleView, Words, share};
use crate::analysis::insight::{HygieneSummary, Load, ProfileSummary, Sensitive};
use crate::analysis::summary::PrincipalSummary;
use crate::catalog::Tags;
use crate::observation::EndpointId;

/// What is told of a token beyond its counts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Details {
    /// The integration it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// Its tags: those of its integration.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Cost units, where its integration lists costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_units: Option<f64>,
    /// What it uses, busiest first; at most 64 endpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<LoadView>,
    /// Calls by hour of the week (UTC).
    #[serde(skip_serializing_if = "Heartbeat::is_empty")]
    pub heartbeat: Heartbeat,
    /// Sensitive values by type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<SensitiveCount>,
    /// Limits on its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<ThrottleView>,
    /// The hygiene of its credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hygiene: Option<HygieneView>,
}

/// One endpoint as a token or integration uses it.
#[derive(Clone, Debug, Serialize)]
pub struct LoadView {
    /// `METHOD template`.
    pub endpoint: String,
    /// Calls.
    pub requests: u64,
    /// Of all its calls.
    pub share: f64,
    /// Its part of the latency in sum of all tokens there.
    pub share_of_endpoint: f64,
    /// 4xx and 5xx.
    pub errors: u64,
    /// Sum of latencies in microseconds.
    pub latency_us: u64,
    /// Bytes of bodies, both ways.
    pub bytes: u64,
}

/// Sensitive values of one type.
#[derive(Clone, Debug, Serialize)]
pub struct SensitiveCount {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// In requests.
    pub sent: u64,
    /// In responses.
    pub received: u64,
}

/// The hygiene of a token's credentials.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct HygieneView {
    /// Seconds since it was first seen, at its last call.
    pub age_seconds: u64,
    /// Distinct JSON Web Tokens that stood for it: more than one is rotation.
    pub credentials: u8,
    /// The longest time from issue to expiry; none if no credential says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_seconds: Option<u32>,
    /// Whether one never expires.
    pub never_expires: bool,
    /// Whether one is bound to a key or certificate of its holder.
    pub sender_constrained: bool,
    /// Calls outside TLS, as the tap sees them.
    pub clear_text_calls: u64,
    /// Calls answered with success though expired.
    pub expired_accepted: u64,
    /// Calls answered with success though `alg` is `none`.
    pub unsigned_accepted: u64,
    /// Calls answered with success without the proof of possession that the credential demands.
    pub dpop_missing_accepted: u64,
    /// Calls answered with success where the certificate it is bound to was not seen: a proxy may have checked it.
    pub certificate_not_seen: u64,
}

impl HygieneView {
    fn of(hygiene: HygieneSummary, principal: &PrincipalSummary) -> Self {
        Self {
            age_seconds: principal.last.micros_since(principal.first) / 1_000_000,
            credentials: hygiene.credentials,
            lifetime_seconds: Some(hygiene.lifetime_seconds).filter(|seconds| *seconds > 0),
            never_expires: hygiene.endless,
            sender_constrained: hygiene.bound,
            clear_text_calls: hygiene.clear,
            expired_accepted: hygiene.expired,
            unsigned_accepted: hygiene.unsigned,
            dpop_missing_accepted: hygiene.unproven,
            certificate_not_seen: hygiene.uncertified,
        }
    }
}

impl Words<'_> {
    /// What is told of a token beyond its counts.
    pub fn details(&self, principal: &PrincipalSummary) -> Details {
        let hygiene = principal
            .hygiene
            .map(|hygiene| HygieneView::of(hygiene, principal));
        let Some(profile) = &principal.profile else {
            return Details {
                hygiene,
                ..Details::default()
            };
        };
        Details {
            hygiene,
            ..self.profile(profile, principal.requests)
        }
    }

    fn profile(&self, profile: &ProfileSummary, requests: u64) -> Details {
        let load = self.loads(&profile.loads, requests);
        let listed = profile
            .integration
            .and_then(|integration| self.catalog.integration(integration.0));
        let uses = load
            .iter()
            .map(|load| (load.endpoint.as_str(), load.requests));
        Details {
            integration: profile.integration.map(|id| self.names.integration(id)),
            tags: listed.map(|listed| listed.tags.clone()).unwrap_or_default(),
            cost_units: listed.and_then(|listed| listed.cost(uses)),
            heartbeat: Heartbeat::of(&profile.heartbeat),
            sensitive: self.sensitive_counts(&profile.sensitive),
            rate_limit: ThrottleView::of(profile.throttle),
            hygiene: None,
            load,
        }
    }

    /// Loads in words, of somebody with so many calls.
    pub(super) fn loads(&self, loads: &[Load], requests: u64) -> Vec<LoadView> {
        let mut views: Vec<_> = loads
            .iter()
            .map(|load| LoadView {
                endpoint: self.endpoint_name(load.endpoint),
                requests: load.calls,
                share: share(load.calls, requests),
                share_of_endpoint: share(load.latency_us, self.latency_of(load.endpoint)),
                errors: load.errors,
                latency_us: load.latency_us,
                bytes: load.bytes,
            })
            .collect();
        views.sort_by(|a, b| {
            let order = b.requests.cmp(&a.requests);
            order.then_with(|| a.endpoint.cmp(&b.endpoint))
        });
        views
    }

    /// The sum of latencies of an endpoint, of all tokens that are known in detail.
    fn latency_of(&self, id: EndpointId) -> u64 {
        let heaviest = &self.summary.insights.heaviest;
        let at = heaviest.binary_search_by_key(&id, |heavy| heavy.endpoint);
        let found = at.ok().and_then(|at| heaviest.get(at));
        found.map_or(0, |heavy| heavy.all.latency_us)
    }

    pub(super) fn sensitive_counts(&self, list: &[Sensitive]) -> Vec<SensitiveCount> {
        let mut views: Vec<_> = list
            .iter()
            .map(|entry| SensitiveCount {
                kind: self.names.sensitive_type(entry.kind),
                sent: entry.sent,
                received: entry.received,
            })
            .collect();
        views.sort_by(|a, b| a.kind.cmp(&b.kind));
        views
    }
}

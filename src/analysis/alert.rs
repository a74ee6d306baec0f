//! What the detectors say: who, from where, and what is unusual against which usual.

use crate::clock::EventTime;
use crate::observation::{
    Country, EndpointId, EndpointName, ExposedIn, Names, PrincipalKey, ServiceId, Template, TextId,
    TypeId,
};

/// Every signal there is a name for (`--alerts`, `hushtap_alerts_total{signal}`).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[allow(
    missing_docs,
    reason = "each is described in the README's table of signals"
)]
pub enum Signal {
    Volume,
    EndpointNovel,
    NewEndpoint,
    ShadowEndpoint,
    Sequence,
    PayloadRequest,
    PayloadResponse,
    FieldErrors,
    Geo,
    Agent,
    ConcurrentUse,
    Hours,
    Enumeration,
    DeniedObjects,
    AuthFailures,
    EndpointErrors,
    EndpointLatency,
    PathScan,
    SecretExposed,
    SchemaViolation,
    TokenHygiene,
}

impl Signal {
    /// All of them.
    pub(super) const ALL: [Self; 21] = [
        Self::Volume,
        Self::EndpointNovel,
        Self::NewEndpoint,
        Self::ShadowEndpoint,
        Self::Sequence,
        Self::PayloadRequest,
        Self::PayloadResponse,
        Self::FieldErrors,
        Self::Geo,
        Self::Agent,
        Self::ConcurrentUse,
        Self::Hours,
        Self::Enumeration,
        Self::DeniedObjects,
        Self::AuthFailures,
        Self::EndpointErrors,
        Self::EndpointLatency,
        Self::PathScan,
        Self::SecretExposed,
        Self::SchemaViolation,
        Self::TokenHygiene,
    ];

    /// The name in alerts and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::EndpointNovel => "endpoint_novel",
            Self::NewEndpoint => "new_endpoint",
            Self::ShadowEndpoint => "shadow_endpoint",
            Self::Sequence => "sequence",
            Self::PayloadRequest => "payload_request",
            Self::PayloadResponse => "payload_response",
            Self::FieldErrors => "field_errors",
            Self::Geo => "geo",
            Self::Agent => "agent",
            Self::ConcurrentUse => "concurrent_use",
            Self::Hours => "hours",
            Self::Enumeration => "enumeration",
            Self::DeniedObjects => "denied_objects",
            Self::AuthFailures => "auth_failures",
            Self::EndpointErrors => "endpoint_errors",
            Self::EndpointLatency => "endpoint_latency",
            Self::PathScan => "path_scan",
            Self::SecretExposed => "secret_exposed",
            Self::SchemaViolation => "schema_violation",
            Self::TokenHygiene => "token_hygiene",
        }
    }
}

/// How much an alert matters. `Info` is a note, not an alert.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
}

impl Severity {
    /// The name in alerts and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What an alert is about.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Subject {
    /// A token.
    Token(PrincipalKey),
    /// A client address.
    Client(PrincipalKey),
    /// An endpoint.
    Endpoint(EndpointId),
}

/// One number an explanation rests on. Names and units are fixed per signal.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Evidence {
    /// Such as `observed`, `usual`, `most_ever`, `window_seconds`.
    pub name: &'static str,
    /// The number.
    pub value: f64,
}

/// An alert or an update of one.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Alert {
    /// Stable id: signal, subject and hour.
    pub id: u64,
    /// 0 for the first, raised with every update.
    pub update: u32,
    /// When it fired, in packet time.
    pub time: EventTime,
    /// What it looked at: from.
    pub window_start: EventTime,
    /// What it looked at: to.
    pub window_end: EventTime,
    /// Which detector.
    pub signal: Signal,
    /// How much it matters.
    pub severity: Severity,
    /// 0 to 1.
    pub score: f64,
    /// 0 to 1: how much all signals that alerted about the subject within the hour say together, notes aside.
    pub risk: f64,
    /// What it is about.
    pub subject: Subject,
    /// The token involved, where one is.
    pub token: Option<PrincipalKey>,
    /// The client involved, where one is.
    pub client: Option<PrincipalKey>,
    /// The service.
    pub service: Option<ServiceId>,
    /// The endpoint involved, where one is.
    pub endpoint: Option<EndpointId>,
    /// What had been learned of its path when this fired; none where a document or a hint has it.
    pub template: Option<Template>,
    /// The country of the client.
    pub country: Country,
    /// Of a refused field: its name.
    pub field: TextId,
    /// Of an exposed secret: its type, and in what kind of place it stood.
    pub exposed: Option<(TypeId, ExposedIn)>,
    /// The numbers behind it: the explanation sentence is made from these at the edge.
    pub evidence: Vec<Evidence>,
}

impl Alert {
    /// The endpoint that it is about, or else the one involved.
    pub fn about(&self) -> Option<EndpointId> {
        match self.subject {
            Subject::Endpoint(id) => Some(id),
            Subject::Token(_) | Subject::Client(_) => self.endpoint,
        }
    }

    /// That endpoint in words: by the template that was learned for its path, else as it was made.
    pub fn endpoint_name(&self, names: &dyn Names) -> Option<EndpointName> {
        let name = names.endpoint(self.about()?)?;
        Some(match self.template {
            Some(template) => EndpointName {
                template: template.text(names),
                ..name
            },
            None => name,
        })
    }
}

//! What the analysis room knows at one moment, as reports and the operator channel show it. Ids only; words come from
//! [`Names`]. Everything is sorted by a key that does not depend on arrival.

use std::collections::BTreeMap;

use super::alert::Alert;
use super::exact::Exact;
use super::insight::{HygieneSummary, Insights, ProfileSummary, Throttle};
use super::inventory::InventoryEntry;
use crate::clock::EventTime;
use crate::observation::{
    Admitted, Category, Country, EndpointId, EndpointName, Method, Names, Part, PrincipalKey,
    Protocol, RuleId, ServiceId, Template, TextId, TokenKind, TxState, TypeId,
};

/// The whole picture. Built at the end of a replay and, live, every few seconds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// First and last moment covered.
    pub time_range: Option<(EventTime, EventTime)>,
    /// Transactions by state.
    pub transactions: TransactionCounts,
    /// Transactions by protocol.
    pub protocols: Vec<(Protocol, TransactionCounts)>,
    /// By endpoint, busiest first.
    pub endpoints: Vec<EndpointSummary>,
    /// Counters by endpoint that never fall, live only.
    pub exact: Vec<ExactSummary>,
    /// By principal, busiest first.
    pub principals: Vec<PrincipalSummary>,
    /// Requests by country, busiest first.
    pub countries: Vec<(Country, u64)>,
    /// Sensitive values by endpoint, place and type.
    pub sensitive: Vec<SensitiveEntry>,
    /// What is known of the shape of the API, by endpoint and field.
    pub inventory: Vec<InventoryEntry>,
    /// Hits by masking rule.
    pub rules: Vec<(RuleId, u64)>,
    /// Alerts in order of time; live: the last ones.
    pub alerts: Vec<Alert>,
    /// Endpoints all of whose paths have one learned template.
    pub renamed: BTreeMap<EndpointId, Learned>,
    /// Texts that may be shown.
    pub admitted: Admitted,
    /// Integrations, releases, peaks and history.
    pub insights: Insights,
}

/// Transactions by state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct TransactionCounts {
    /// Request and response whole.
    pub complete: u64,
    /// No response seen.
    pub no_response: u64,
    /// No request seen.
    pub no_request: u64,
    /// With a hole.
    pub truncated: u64,
}

impl TransactionCounts {
    /// Counts one more.
    pub const fn count(&mut self, state: TxState) {
        match state {
            TxState::Complete => self.complete += 1,
            TxState::NoResponse => self.no_response += 1,
            TxState::NoRequest => self.no_request += 1,
            TxState::Truncated => self.truncated += 1,
        }
    }

    /// Adds others.
    pub const fn merge(&mut self, other: Self) {
        self.complete += other.complete;
        self.no_response += other.no_response;
        self.no_request += other.no_request;
        self.truncated += other.truncated;
    }

    /// All of them.
    pub const fn total(self) -> u64 {
        self.complete + self.no_response + self.no_request + self.truncated
    }

    /// By state, as the `state` label has it.
    pub const fn by_state(self) -> [(TxState, u64); 4] {
        [
            (TxState::Complete, self.complete),
            (TxState::NoResponse, self.no_response),
            (TxState::NoRequest, self.no_request),
            (TxState::Truncated, self.truncated),
        ]
    }
}

/// Latency quantiles in microseconds, from a log histogram (relative error at most 2 %).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Quantiles {
    /// Median.
    pub p50_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
}

/// Upper bounds of the latency buckets in seconds, public constants of every latency histogram.
pub const LATENCY_BOUNDS: [f64; 12] = [
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    f64::INFINITY,
];

/// One endpoint.
#[derive(Clone, PartialEq, Debug)]
pub struct EndpointSummary {
    /// Which; where several are one template, the smallest of them.
    pub endpoint: EndpointId,
    /// The learned template that it is shown as, if its path was learned.
    pub learned: Option<Learned>,
    /// Its service.
    pub service: ServiceId,
    /// Whether it is in an OpenAPI document or a hint.
    pub documented: bool,
    /// Transactions.
    pub requests: u64,
    /// By status class, in the order of `Status::CLASSES`.
    pub by_class: [u64; 6],
    /// Distinct principals.
    pub principals: u64,
    /// Latency.
    pub latency: Quantiles,
    /// Sum of request body bytes.
    pub request_bytes: u64,
    /// Sum of response body bytes.
    pub response_bytes: u64,
    /// Limits on requests there.
    pub throttle: Throttle,
    /// Tokens by day (counted from the epoch): all that called it, and those that did so for the first time.
    pub adoption: Vec<(u16, [u64; 2])>,
    /// First seen.
    pub first: EventTime,
    /// Last seen.
    pub last: EventTime,
}

/// Counters of one endpoint that never fall: each request under the template that was in force when it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExactSummary {
    /// Which, where it was not learned.
    pub endpoint: EndpointId,
    /// The learned template.
    pub learned: Option<Learned>,
    /// The counters.
    pub counts: Exact,
}

impl ExactSummary {
    /// The endpoint in words.
    pub fn name(&self, names: &dyn Names) -> Option<EndpointName> {
        Learned::name_or(self.learned.as_ref(), self.endpoint, names)
    }
}

/// An endpoint as it was learned from all paths: what is shown of it. Its parts are hashes and classes.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Learned {
    /// The host group.
    pub service: ServiceId,
    /// The method.
    pub method: Method,
    /// The path template.
    pub template: Template,
}

impl Learned {
    /// In words.
    pub fn name(&self, names: &dyn Names) -> EndpointName {
        EndpointName {
            service: names.service(self.service),
            method: self.method.name(),
            template: self.template.text(names),
        }
    }

    /// What is shown of an endpoint: as it was learned, else as it was made.
    fn name_or(
        learned: Option<&Self>,
        made: EndpointId,
        names: &dyn Names,
    ) -> Option<EndpointName> {
        match learned {
            Some(learned) => Some(learned.name(names)),
            None => names.endpoint(made),
        }
    }
}

impl EndpointSummary {
    /// The endpoint in words: as it was learned, else as it was made.
    pub fn name(&self, names: &dyn Names) -> Option<EndpointName> {
        Learned::name_or(self.learned.as_ref(), self.endpoint, names)
    }
}

impl Summary {
    /// An endpoint in words: as it was learned if all its paths have one template, else as it was made.
    pub fn endpoint_name(&self, id: EndpointId, names: &dyn Names) -> Option<EndpointName> {
        Learned::name_or(self.renamed.get(&id), id, names)
    }
}

/// One token, or one client without a token.
#[derive(Clone, PartialEq, Debug)]
pub struct PrincipalSummary {
    /// Which.
    pub key: PrincipalKey,
    /// Its kind; none for a client.
    pub kind: Option<TokenKind>,
    /// Transactions.
    pub requests: u64,
    /// By status class.
    pub by_class: [u64; 6],
    /// Latency.
    pub latency: Quantiles,
    /// Sum of request body bytes.
    pub request_bytes: u64,
    /// Sum of response body bytes.
    pub response_bytes: u64,
    /// Endpoints used, busiest first, at most 8.
    pub endpoints: Vec<(EndpointId, u64)>,
    /// Countries it came from, busiest first, at most 8.
    pub countries: Vec<(Country, u64)>,
    /// Agents, busiest first, at most 8.
    pub agents: Vec<(TextId, u64)>,
    /// Releases, busiest first, at most 8.
    pub releases: Vec<(TextId, u64)>,
    /// The hygiene of its credentials, where there is anything to say.
    pub hygiene: Option<HygieneSummary>,
    /// More, if it is among the busiest tokens.
    pub profile: Option<ProfileSummary>,
    /// First seen.
    pub first: EventTime,
    /// Last seen.
    pub last: EventTime,
}

/// One line of the sensitive-data map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct SensitiveEntry {
    /// Where: endpoint.
    pub endpoint: EndpointId,
    /// Where: part of the transaction.
    pub part: Part,
    /// Where: path in the part.
    pub path: TextId,
    /// What.
    pub kind: TypeId,
    /// Its category.
    pub category: Category,
    /// How many values.
    pub count: u64,
    /// First seen.
    pub first: EventTime,
    /// Last seen.
    pub last: EventTime,
}

//! The report in words: ids resolved, what reads the same added up, everything in an order that no key decides.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Capture, Outcome};
use crate::analysis::alert::Alert;
use crate::analysis::summary::{EndpointSummary, PrincipalSummary, Summary};
use crate::catalog::{Catalog, Tags};
use crate::clock::EventTime;
use crate::observation::{Names, Part};
use crate::sinks::{AlertEncoder, Lines, Resolver};
use crate::tally::{Group, Tallies, Tally};
use crate::views::inventory::{self, InventoryView};
use crate::views::{
    AdviceView, Analytics, Counts, Details, IntegrationView, LatencyView, ThrottleView,
    Words as Analysed, add_up, by_code, error_share, latency,
};

/// The whole report. Field names and order are those of the JSON.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub(super) captures: Vec<CaptureView>,
    /// What the rest is narrowed to; packets, flows, TLS and losses are those of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) select: Option<String>,
    pub(super) time_range: Option<RangeView>,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) flows: u64,
    pub(super) flow_facts: Counts,
    pub(super) transactions: TransactionsView,
    pub(super) protocols: Counts,
    pub(super) tls: TlsView,
    pub(super) loss: LossView,
    pub(super) endpoints: Vec<EndpointView>,
    pub(super) tokens: Vec<PrincipalView>,
    pub(super) clients: Vec<PrincipalView>,
    pub(super) integrations: Vec<IntegrationView>,
    #[serde(flatten)]
    pub(super) analytics: Analytics,
    pub(super) countries: Counts,
    pub(super) sensitive_data_map: Vec<SensitiveView>,
    pub(super) inventory: InventoryView,
    /// Whether there was a document to hold the endpoints against.
    #[serde(skip)]
    pub(super) has_documents: bool,
    pub(super) advice: Vec<AdviceView>,
    pub(super) alerts: Vec<serde_json::Value>,
    pub(super) masking: Counts,
}

/// TLS flows.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct TlsView {
    /// By result.
    pub(super) flows: Counts,
    pub(super) services: Vec<TlsServiceView>,
    /// Client fingerprints that enough flows have.
    pub(super) ja4: Counts,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct TlsServiceView {
    pub(super) service: String,
    pub(super) alpn: &'static str,
    pub(super) result: &'static str,
    pub(super) flows: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct CaptureView {
    pub(super) file: String,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) time_range: Option<RangeView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) damage: Option<DamageView>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct DamageView {
    pub(super) offset: u64,
    pub(super) what: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct RangeView {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) seconds: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct TransactionsView {
    pub(super) complete: u64,
    pub(super) no_response: u64,
    pub(super) no_request: u64,
    pub(super) truncated: u64,
}

/// The loss account: `packets_in` is `analysed` plus all `reasons`, and so it is for the bytes of reassembled streams.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LossView {
    pub(super) packets_in: u64,
    pub(super) analysed: u64,
    pub(super) reasons: Counts,
    pub(super) bytes: StreamLossView,
    pub(super) limits: Counts,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct StreamLossView {
    pub(super) bytes_in: u64,
    pub(super) analysed: u64,
    pub(super) reasons: Counts,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct EndpointView {
    pub(super) service: String,
    pub(super) endpoint: String,
    pub(super) documented: bool,
    pub(super) requests: u64,
    pub(super) by_code: Counts,
    pub(super) principals: u64,
    #[serde(flatten)]
    pub(super) latency: LatencyView,
    pub(super) request_body_bytes: u64,
    pub(super) response_body_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate_limit: Option<ThrottleView>,
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub(super) tags: Tags,
    pub(super) first_seen: String,
    pub(super) last_seen: String,
}

/// A token or a client: `name` is written as `token` or `client`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PrincipalView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    pub(super) requests: u64,
    pub(super) by_code: Counts,
    pub(super) error_share: f64,
    #[serde(flatten)]
    pub(super) latency: LatencyView,
    pub(super) request_body_bytes: u64,
    pub(super) response_body_bytes: u64,
    pub(super) endpoints: Counts,
    pub(super) countries: Counts,
    pub(super) agents: Counts,
    pub(super) releases: Counts,
    /// Of tokens.
    #[serde(flatten)]
    pub(super) details: Option<Details>,
    pub(super) first_seen: String,
    pub(super) last_seen: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct SensitiveView {
    pub(super) service: String,
    pub(super) endpoint: String,
    #[serde(rename = "where")]
    pub(super) place: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) category: &'static str,
    pub(super) count: u64,
    pub(super) first_seen: String,
    pub(super) last_seen: String,
}

impl View {
    /// Puts an outcome into words.
    pub fn of(outcome: &Outcome) -> Self {
        let Outcome {
            captures,
            summary,
            tallies,
            names,
            documents,
            catalog,
            tls: _,
            select,
        } = outcome;
        let words = Words {
            names: names.as_ref(),
            summary,
            catalog,
        };
        let analysed = words.analysed();
        let endpoints = words.endpoints();
        let counts = summary.transactions;
        Self {
            captures: captures.iter().map(capture).collect(),
            select: select.clone(),
            time_range: summary.time_range.map(range),
            packets: tallies.total(Tally::PacketsIn),
            bytes: captures.iter().map(|capture| capture.bytes).sum(),
            flows: tallies.total(Tally::FlowsOpened),
            flow_facts: facts(tallies, Group::Flow),
            transactions: TransactionsView {
                complete: counts.complete,
                no_response: counts.no_response,
                no_request: counts.no_request,
                truncated: counts.truncated,
            },
            protocols: summary
                .protocols
                .iter()
                .map(|(protocol, counts)| (protocol.name().to_owned(), counts.total()))
                .collect(),
            tls: tls_flows(outcome),
            loss: loss(tallies),
            has_documents: documents.is_some(),
            inventory: documents
                .as_ref()
                .map(|documents| inventory::of(documents, summary, names.as_ref()))
                .unwrap_or_default(),
            endpoints,
            tokens: words.principals(true),
            clients: words.principals(false),
            integrations: analysed.integrations(),
            analytics: analysed.analytics(),
            countries: summary
                .countries
                .iter()
                .map(|(country, count)| (country.code().to_owned(), *count))
                .collect(),
            sensitive_data_map: words.sensitive(),
            advice: analysed.advice(),
            alerts: alerts(outcome),
            masking: add_up(summary.rules.iter().map(|(id, n)| (names.rule(*id), *n))),
        }
    }

    /// All transactions, whole or not.
    pub(super) fn all_transactions(&self) -> u64 {
        let t = self.transactions;
        t.complete + t.no_response + t.no_request + t.truncated
    }
}

/// Gives words to what a summary holds as ids.
struct Words<'a> {
    names: &'a dyn Names,
    summary: &'a Summary,
    catalog: &'a Catalog,
}

impl Words<'_> {
    fn analysed(&self) -> Analysed<'_> {
        Analysed {
            names: self.names,
            summary: self.summary,
            catalog: self.catalog,
        }
    }

    fn endpoints(&self) -> Vec<EndpointView> {
        let mut views: Vec<_> = self
            .summary
            .endpoints
            .iter()
            .map(|endpoint| self.endpoint(endpoint))
            .collect();
        views.sort_by(|a, b| {
            let order = b.requests.cmp(&a.requests);
            order.then_with(|| (&a.service, &a.endpoint).cmp(&(&b.service, &b.endpoint)))
        });
        views
    }

    fn endpoint(&self, endpoint: &EndpointSummary) -> EndpointView {
        EndpointView {
            service: self.names.service(endpoint.service),
            endpoint: crate::sinks::named(endpoint.name(self.names)),
            documented: endpoint.documented,
            requests: endpoint.requests,
            by_code: by_code(endpoint.by_class),
            principals: endpoint.principals,
            latency: latency(endpoint.latency),
            request_body_bytes: endpoint.request_bytes,
            response_body_bytes: endpoint.response_bytes,
            rate_limit: ThrottleView::of(endpoint.throttle),
            tags: self.analysed().endpoint_tags(endpoint),
            first_seen: endpoint.first.to_string(),
            last_seen: endpoint.last.to_string(),
        }
    }

    fn endpoint_name(&self, id: crate::observation::EndpointId) -> String {
        crate::sinks::named(self.summary.endpoint_name(id, self.names))
    }

    fn principals(&self, tokens: bool) -> Vec<PrincipalView> {
        let mut views: Vec<_> = self
            .summary
            .principals
            .iter()
            .filter(|principal| principal.kind.is_some() == tokens)
            .map(|principal| self.principal(principal))
            .collect();
        views.sort_by(|a, b| {
            let order = b.requests.cmp(&a.requests);
            order.then_with(|| (&a.token, &a.client).cmp(&(&b.token, &b.client)))
        });
        views
    }

    fn principal(&self, principal: &PrincipalSummary) -> PrincipalView {
        let is_token = principal.kind.is_some();
        let key = principal.key;
        let text = |(id, count): &(_, u64)| {
            let text = self.names.text(*id, &self.summary.admitted);
            (text.into_owned(), *count)
        };
        PrincipalView {
            token: is_token.then(|| self.names.token(key)),
            client: (!is_token).then(|| self.names.client(key)),
            kind: principal.kind.map(crate::observation::TokenKind::name),
            requests: principal.requests,
            by_code: by_code(principal.by_class),
            error_share: error_share(principal.by_class),
            latency: latency(principal.latency),
            request_body_bytes: principal.request_bytes,
            response_body_bytes: principal.response_bytes,
            endpoints: add_up(
                principal
                    .endpoints
                    .iter()
                    .map(|(id, count)| (self.endpoint_name(*id), *count)),
            ),
            countries: add_up(
                principal
                    .countries
                    .iter()
                    .map(|(country, count)| (country.code().to_owned(), *count)),
            ),
            agents: add_up(principal.agents.iter().map(text)),
            releases: add_up(principal.releases.iter().map(text)),
            details: is_token.then(|| self.analysed().details(principal)),
            first_seen: principal.first.to_string(),
            last_seen: principal.last.to_string(),
        }
    }

    /// Places that read the same (because their paths may not be shown) are one line.
    fn sensitive(&self) -> Vec<SensitiveView> {
        let mut lines = BTreeMap::new();
        for entry in &self.summary.sensitive {
            let name = self.summary.endpoint_name(entry.endpoint, self.names);
            let line = (
                name.map_or_else(|| "default".to_owned(), |name| name.service),
                self.endpoint_name(entry.endpoint),
                self.place(entry.part, entry.path),
                self.names.sensitive_type(entry.kind),
                entry.category.name(),
            );
            let (count, first, last) =
                lines
                    .entry(line)
                    .or_insert((0_u64, entry.first, entry.last));
            *count = count.saturating_add(entry.count);
            *first = (*first).min(entry.first);
            *last = (*last).max(entry.last);
        }
        lines
            .into_iter()
            .map(
                |((service, endpoint, place, kind, category), (count, first, last))| {
                    SensitiveView {
                        service,
                        endpoint,
                        place,
                        kind,
                        category,
                        count,
                        first_seen: first.to_string(),
                        last_seen: last.to_string(),
                    }
                },
            )
            .collect()
    }

    fn place(&self, part: Part, path: crate::observation::TextId) -> String {
        if path.is_some() {
            let path = self.names.text(path, &self.summary.admitted);
            format!("{}:{path}", part.name())
        } else {
            part.name().to_owned()
        }
    }
}

fn capture(capture: &Capture) -> CaptureView {
    CaptureView {
        file: capture.file.clone(),
        packets: capture.packets,
        bytes: capture.bytes,
        time_range: capture.time_range.map(range),
        damage: capture.damage.map(|damage| DamageView {
            offset: damage.offset,
            what: damage.what,
        }),
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a span shown in seconds; microseconds are exact up to 285 years"
)]
fn range((from, to): (EventTime, EventTime)) -> RangeView {
    RangeView {
        from: from.to_string(),
        to: to.to_string(),
        seconds: to.micros_since(from) as f64 / 1e6,
    }
}

/// Every counter of a group that is not zero.
fn facts(tallies: &Tallies, group: Group) -> Counts {
    Tally::ALL
        .iter()
        .filter(|tally| tally.group() == group)
        .map(|tally| (tally.name().to_owned(), tallies.total(*tally)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// TLS flows by what became of them; by service and protocol as the handshakes say.
fn tls_flows(outcome: &Outcome) -> TlsView {
    let book = outcome.tls.as_ref();
    let rows = book.map(|book| book.flows()).unwrap_or_default();
    let services = rows
        .into_iter()
        .map(|(service, alpn, result, flows)| TlsServiceView {
            service,
            alpn,
            result: result.tally().name(),
            flows,
        });
    TlsView {
        flows: facts(&outcome.tallies, Group::Tls),
        services: services.collect(),
        ja4: book
            .map(|book| book.clients().into_iter().collect())
            .unwrap_or_default(),
    }
}

fn loss(tallies: &Tallies) -> LossView {
    let reasons = |group, known: [Tally; 2]| {
        Tally::ALL
            .iter()
            .filter(|tally| tally.group() == group && !known.contains(tally))
            .map(|tally| (tally.name().to_owned(), tallies.total(*tally)))
            .collect()
    };
    LossView {
        packets_in: tallies.total(Tally::PacketsIn),
        analysed: tallies.total(Tally::PacketsAnalysed),
        reasons: reasons(Group::Packet, [Tally::PacketsIn, Tally::PacketsAnalysed]),
        bytes: StreamLossView {
            bytes_in: tallies.total(Tally::StreamBytesIn),
            analysed: tallies.total(Tally::StreamBytesAnalysed),
            reasons: reasons(
                Group::StreamByte,
                [Tally::StreamBytesIn, Tally::StreamBytesAnalysed],
            ),
        },
        limits: facts(tallies, Group::Limit),
    }
}

/// The same objects as in the alerts file.
fn alerts(outcome: &Outcome) -> Vec<serde_json::Value> {
    let mut sorted: Vec<&Alert> = outcome.summary.alerts.iter().collect();
    sorted.sort_by_key(|alert| (alert.time, alert.id, alert.update));
    let mut encoder = AlertEncoder::new(std::sync::Arc::clone(&outcome.names));
    let mut lines = Lines::default();
    for alert in sorted {
        encoder.encode(alert, &mut lines);
    }
    let admitted = outcome.summary.admitted.clone();
    let mut resolver = Resolver::new(std::sync::Arc::clone(&outcome.names), admitted);
    lines
        .iter()
        .filter_map(|(_, line)| serde_json::from_str(&resolver.line(line)).ok())
        .collect()
}

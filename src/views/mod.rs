//! What a summary shows, in words, for the report and the operator channel alike: tokens in detail, integrations, releases,
//! load, adoption, advice, and what documents say. Made from a [`Summary`] alone; names and tags come from [`Names`] and the [`Catalog`].

mod advice;
pub(crate) mod inventory;
mod token;

use std::collections::BTreeMap;

use serde::Serialize;

pub use advice::{AdviceView, LimitView};
pub use token::{Details, HygieneView, LoadView};

use crate::analysis::insight::{HOURS_OF_WEEK, Heaviest, PartnerSummary, ReleaseSummary, Throttle};
use crate::analysis::summary::{EndpointSummary, Quantiles, Summary};
use crate::catalog::{Catalog, Tags};
use crate::observation::{EndpointId, EndpointName, Names, PrincipalKey, Status, TextId};

/// Counts by name, in order of name.
pub type Counts = BTreeMap<String, u64>;

/// Quantiles of latency in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(
    clippy::struct_field_names,
    reason = "the unit belongs to the key in JSON"
)]
pub struct LatencyView {
    /// Median.
    pub p50_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
}

/// Words for ids.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// Names of ids.
    pub names: &'a dyn Names,
    /// What is shown.
    pub summary: &'a Summary,
    /// What the operator has said.
    pub catalog: &'a Catalog,
}

/// The part of the report that is more than counts: keys of the JSON.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Analytics {
    /// By release of client and server.
    pub releases: ReleasesView,
    /// By endpoint, the heaviest first.
    pub heaviest: Vec<HeaviestView>,
    /// Distinct tokens by endpoint and day.
    pub adoption: Vec<AdoptionView>,
}

/// Releases compared.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReleasesView {
    /// Of clients.
    pub clients: Vec<ReleaseView>,
    /// Of servers, as `Server` says.
    pub servers: Vec<ReleaseView>,
}

/// One release, or those that may not be shown together.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseView {
    /// `product/version`.
    pub release: String,
    /// Transactions.
    pub requests: u64,
    /// Share of 4xx and 5xx.
    pub error_share: f64,
    /// 4xx.
    pub client_errors: u64,
    /// 5xx.
    pub server_errors: u64,
    /// Latency; none where several releases are put together.
    #[serde(flatten)]
    pub latency: Option<LatencyView>,
    /// First seen.
    pub first_seen: String,
    /// Last seen.
    pub last_seen: String,
}

/// Who drives the load of one endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct HeaviestView {
    /// Its service.
    pub service: String,
    /// `METHOD template`.
    pub endpoint: String,
    /// Calls.
    pub requests: u64,
    /// Sum of latencies in microseconds.
    pub latency_us: u64,
    /// Bytes of bodies, both ways.
    pub bytes: u64,
    /// Share of the latency of all endpoints.
    pub share_of_latency: f64,
    /// Tokens with most latency in sum.
    pub by_latency: Vec<ShareView>,
    /// Tokens with most bytes.
    pub by_bytes: Vec<ShareView>,
}

/// A token's share.
#[derive(Clone, Debug, Serialize)]
pub struct ShareView {
    /// Pseudonym.
    pub token: String,
    /// Its calls there.
    pub requests: u64,
    /// Its part of the endpoint's sum.
    pub share: f64,
}

/// How an endpoint is taken up.
#[derive(Clone, Debug, Serialize)]
pub struct AdoptionView {
    /// Its service.
    pub service: String,
    /// `METHOD template`.
    pub endpoint: String,
    /// By day (UTC).
    pub days: Vec<DayView>,
}

/// One day.
#[derive(Clone, Debug, Serialize)]
pub struct DayView {
    /// Such as `2026-11-22`.
    pub day: String,
    /// Distinct tokens.
    pub tokens: u64,
    /// Of these for the first time.
    pub new: u64,
}

/// What answers said of limits.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ThrottleView {
    /// Calls answered 429.
    pub refused: u64,
    /// Answers that said that something is left of a limit.
    pub left: u64,
    /// Answers that said that nothing is left.
    pub spent: u64,
}

impl ThrottleView {
    /// None where no answer said anything.
    pub fn of(throttle: Throttle) -> Option<Self> {
        (!throttle.is_silent()).then_some(Self {
            refused: throttle.refused,
            left: throttle.left,
            spent: throttle.spent,
        })
    }
}

/// A named integration.
#[derive(Clone, Debug, Serialize)]
pub struct IntegrationView {
    /// Its name.
    pub integration: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Transactions.
    pub requests: u64,
    /// By status class.
    pub by_code: Counts,
    /// Share of 4xx and 5xx.
    pub error_share: f64,
    /// Distinct tokens.
    pub tokens: u64,
    /// Latency.
    #[serde(flatten)]
    pub latency: LatencyView,
    /// Sum of request bodies.
    pub request_body_bytes: u64,
    /// Sum of response bodies.
    pub response_body_bytes: u64,
    /// Cost units, where costs are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_units: Option<f64>,
    /// What it uses, busiest first.
    pub load: Vec<LoadView>,
    /// By country.
    pub countries: Counts,
    /// By agent.
    pub agents: Counts,
    /// By release.
    pub releases: Counts,
    /// Calls by hour of the week (UTC), such as `mon 07`; hours without any are left out.
    pub heartbeat: Heartbeat,
    /// Sensitive values by type.
    pub sensitive: Vec<token::SensitiveCount>,
    /// Limits on its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<ThrottleView>,
    /// First seen; none if never.
    pub first_seen: Option<String>,
    /// Last seen.
    pub last_seen: Option<String>,
}

/// Calls by hour of the week (UTC), such as `mon 07`, from Monday on; hours without any are left out.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat(pub Vec<(String, u32)>);

impl Heartbeat {
    pub(super) fn of(bins: &[u32; HOURS_OF_WEEK]) -> Self {
        const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days = DAYS.iter().zip(bins.chunks(24));
        let beats = days.flat_map(|(day, hours)| {
            let hours = hours.iter().enumerate().filter(|(_, calls)| **calls > 0);
            hours.map(move |(hour, calls)| (format!("{day} {hour:02}"), *calls))
        });
        Self(beats.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Heartbeat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(hour, calls)| (hour, calls)))
    }
}

impl Words<'_> {
    /// Everything but tokens and endpoints, which have places of their own.
    pub fn analytics(&self) -> Analytics {
        let insights = &self.summary.insights;
        Analytics {
            releases: ReleasesView {
                clients: self.releases(&insights.clients),
                servers: self.releases(&insights.servers),
            },
            heaviest: self.heaviest(&insights.heaviest),
            adoption: self.adoption(),
        }
    }

    /// Every listed integration, seen or not, in the order of the configuration.
    pub fn integrations(&self) -> Vec<IntegrationView> {
        let listed = self.catalog.integrations.iter().enumerate();
        listed
            .map(|(number, listed)| {
                let partners = &self.summary.insights.partners;
                let seen = partners
                    .iter()
                    .find(|partner| usize::from(partner.integration.0) == number);
                let mut view = seen.map_or_else(IntegrationView::unseen, |partner| {
                    self.integration(partner, listed)
                });
                view.integration.clone_from(&listed.name);
                view.tags.clone_from(&listed.tags);
                view
            })
            .collect()
    }

    fn integration(
        &self,
        partner: &PartnerSummary,
        listed: &crate::catalog::ListedIntegration,
    ) -> IntegrationView {
        let load = self.loads(&partner.loads, partner.requests);
        let uses = load
            .iter()
            .map(|load| (load.endpoint.as_str(), load.requests));
        IntegrationView {
            requests: partner.requests,
            by_code: by_code(partner.by_class),
            error_share: error_share(partner.by_class),
            tokens: partner.tokens,
            latency: latency(partner.latency),
            request_body_bytes: partner.request_bytes,
            response_body_bytes: partner.response_bytes,
            cost_units: listed.cost(uses),
            countries: add_up(
                partner
                    .countries
                    .iter()
                    .map(|(country, n)| (country.code().to_owned(), *n)),
            ),
            agents: self.texts(&partner.agents),
            releases: self.texts(&partner.releases),
            heartbeat: Heartbeat::of(&partner.heartbeat),
            sensitive: self.sensitive_counts(&partner.sensitive),
            rate_limit: ThrottleView::of(partner.throttle),
            first_seen: Some(partner.first.to_string()),
            last_seen: Some(partner.last.to_string()),
            load,
            ..IntegrationView::unseen()
        }
    }

    /// Advice on limits, and what is hardly used.
    pub fn advice(&self) -> Vec<AdviceView> {
        advice::advice(self)
    }

    pub(super) fn texts(&self, texts: &[(TextId, u64)]) -> Counts {
        add_up(texts.iter().map(|(id, n)| (self.text(*id), *n)))
    }

    fn text(&self, id: TextId) -> String {
        let admitted = &self.summary.admitted;
        self.names.text(id, admitted).into_owned()
    }

    /// `METHOD template`.
    pub fn endpoint_name(&self, id: EndpointId) -> String {
        self.endpoint(id).1
    }

    /// Service and `METHOD template`.
    pub fn endpoint(&self, id: EndpointId) -> (String, String) {
        named(self.summary.endpoint_name(id, self.names))
    }

    pub(super) fn endpoint_tags(&self, endpoint: &EndpointSummary) -> Tags {
        let (service, name) = named(endpoint.name(self.names));
        self.catalog.endpoint_tags(&service, &name)
    }

    /// Releases that may not be shown read the same and are put together.
    fn releases(&self, releases: &[ReleaseSummary]) -> Vec<ReleaseView> {
        let mut by_name: BTreeMap<String, (ReleaseSummary, bool)> = BTreeMap::new();
        for release in releases {
            let known = by_name.entry(self.text(release.release));
            known
                .and_modify(|(sum, several)| {
                    sum.requests += release.requests;
                    sum.client_errors += release.client_errors;
                    sum.server_errors += release.server_errors;
                    sum.first = sum.first.min(release.first);
                    sum.last = sum.last.max(release.last);
                    *several = true;
                })
                .or_insert((*release, false));
        }
        let mut views: Vec<_> = by_name
            .into_iter()
            .map(|(name, (sum, several))| ReleaseView {
                release: name,
                requests: sum.requests,
                error_share: share(sum.client_errors + sum.server_errors, sum.requests),
                client_errors: sum.client_errors,
                server_errors: sum.server_errors,
                latency: (!several).then(|| latency(sum.latency)),
                first_seen: sum.first.to_string(),
                last_seen: sum.last.to_string(),
            })
            .collect();
        views.sort_by(|a, b| {
            let order = b.requests.cmp(&a.requests);
            order.then_with(|| a.release.cmp(&b.release))
        });
        views
    }

    fn heaviest(&self, heaviest: &[Heaviest]) -> Vec<HeaviestView> {
        let total: u64 = heaviest.iter().map(|heavy| heavy.all.latency_us).sum();
        let mut views: Vec<_> =
            heaviest
                .iter()
                .map(|heavy| {
                    let (service, endpoint) = self.endpoint(heavy.endpoint);
                    let all = heavy.all;
                    HeaviestView {
                        service,
                        endpoint,
                        requests: all.calls,
                        latency_us: all.latency_us,
                        bytes: all.bytes,
                        share_of_latency: share(all.latency_us, total),
                        by_latency: self.shares(heavy.by_latency.iter().map(|(token, load)| {
                            (*token, load.calls, share(load.latency_us, all.latency_us))
                        })),
                        by_bytes: self.shares(heavy.by_bytes.iter().map(|(token, load)| {
                            (*token, load.calls, share(load.bytes, all.bytes))
                        })),
                    }
                })
                .collect();
        views.sort_by(|a, b| {
            let order = b.latency_us.cmp(&a.latency_us);
            order.then_with(|| (&a.service, &a.endpoint).cmp(&(&b.service, &b.endpoint)))
        });
        views
    }

    fn shares(&self, shares: impl Iterator<Item = (PrincipalKey, u64, f64)>) -> Vec<ShareView> {
        let mut views: Vec<_> = shares
            .map(|(token, requests, share)| ShareView {
                token: self.names.token(token),
                requests,
                share,
            })
            .collect();
        views.sort_by(|a, b| {
            let order = b.share.total_cmp(&a.share);
            order.then_with(|| a.token.cmp(&b.token))
        });
        views
    }

    fn adoption(&self) -> Vec<AdoptionView> {
        let endpoints = self.summary.endpoints.iter();
        let mut views: Vec<_> = endpoints
            .filter(|endpoint| !endpoint.adoption.is_empty())
            .map(|endpoint| {
                let days = endpoint.adoption.iter();
                let (service, endpoint) = named(endpoint.name(self.names));
                AdoptionView {
                    service,
                    endpoint,
                    days: days
                        .map(|(day, [tokens, new])| DayView {
                            day: day_name(*day),
                            tokens: *tokens,
                            new: *new,
                        })
                        .collect(),
                }
            })
            .collect();
        views.sort_by(|a, b| (&a.service, &a.endpoint).cmp(&(&b.service, &b.endpoint)));
        views
    }
}

impl IntegrationView {
    /// One that was never seen.
    fn unseen() -> Self {
        Self {
            integration: String::new(),
            tags: Tags::new(),
            requests: 0,
            by_code: Counts::new(),
            error_share: 0.0,
            tokens: 0,
            latency: latency(Quantiles::default()),
            request_body_bytes: 0,
            response_body_bytes: 0,
            cost_units: None,
            load: Vec::new(),
            countries: Counts::new(),
            agents: Counts::new(),
            releases: Counts::new(),
            heartbeat: Heartbeat::default(),
            sensitive: Vec::new(),
            rate_limit: None,
            first_seen: None,
            last_seen: None,
        }
    }
}

/// `2026-11-22` of a day counted from the epoch.
fn day_name(day: u16) -> String {
    let midnight = crate::clock::EventTime::from_secs(u64::from(day) * 86_400).to_string();
    midnight.get(..10).unwrap_or_default().to_owned()
}

/// A part of a whole, to four decimals; 0 of nothing.
#[allow(clippy::cast_precision_loss, reason = "a share for display")]
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 1e4).round() / 1e4
}

/// Share of 4xx and 5xx among all transactions.
pub fn error_share(by_class: [u64; 6]) -> f64 {
    let [_, _, _, client, server, _] = by_class;
    share(client + server, by_class.iter().sum())
}

/// In words.
pub const fn latency(quantiles: Quantiles) -> LatencyView {
    LatencyView {
        p50_us: quantiles.p50_us,
        p95_us: quantiles.p95_us,
        p99_us: quantiles.p99_us,
    }
}

/// By class, without those that are zero.
pub fn by_code(counts: [u64; 6]) -> Counts {
    Status::CLASSES
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| ((*class).to_owned(), count))
        .collect()
}

/// What reads the same is put together.
pub fn add_up(items: impl Iterator<Item = (String, u64)>) -> Counts {
    let mut counts = Counts::new();
    for (name, count) in items {
        let sum = counts.entry(name).or_default();
        *sum = sum.saturating_add(count);
    }
    counts
}

/// Service and `METHOD template`, or stand-ins where the name is no longer known.
pub fn named(name: Option<EndpointName>) -> (String, String) {
    name.map_or_else(
        || ("default".to_owned(), "OTHER {endpoint}".to_owned()),
        |name| {
            let endpoint = format!("{} {}", name.method, name.template);
            (name.service, endpoint)
        },
    )
}

//! Advice: limits on requests that would leave the usual alone, and integrations and endpoints that are hardly used.

use serde::Serialize;

use super::{Words, named, share};
use crate::analysis::insight::{Advised, Peaks};
use crate::observation::EndpointId;

/// Tokens that must have been seen at an endpoint before a limit is advised.
const LEAST_TOKENS: u64 = 5;
/// An endpoint is hardly used if at most this share of all requests goes there, by at most one in a hundred principals.
const LITTLE_SHARE: f64 = 0.001;
/// An integration is hardly used if it makes fewer requests than this share of the median one, or has been silent for the
/// last half of the time.
const LITTLE_OF_MEDIAN: u64 = 100;

/// One piece of advice.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AdviceView {
    /// A limit on requests of one token.
    RateLimit {
        /// The service.
        service: String,
        /// `METHOD template`.
        endpoint: String,
        /// By length of the window.
        windows: Vec<LimitView>,
    },
    /// An integration that is listed and was not seen.
    UnusedIntegration {
        /// Its name.
        integration: String,
    },
    /// An integration that is hardly used.
    UnderusedIntegration {
        /// Its name.
        integration: String,
        /// Its calls.
        requests: u64,
        /// When it was last seen.
        last_seen: String,
    },
    /// An endpoint that is hardly used.
    UnderusedEndpoint {
        /// The service.
        service: String,
        /// `METHOD template`.
        endpoint: String,
        /// Its calls.
        requests: u64,
        /// Who called it.
        principals: u64,
        /// When it was last seen.
        last_seen: String,
    },
}

/// What a limit on requests would do, by the most that each token ever made in such a window of the clock.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LimitView {
    /// The length of the window.
    pub window_seconds: u32,
    /// Tokens that were seen there.
    pub tokens: u64,
    /// Median of their peaks.
    pub p50: u32,
    /// 90th percentile.
    pub p90: u32,
    /// 99th percentile.
    pub p99: u32,
    /// The most.
    pub max: u32,
    /// A limit of at least twice the 99th percentile.
    pub suggested_limit: u32,
    /// Tokens that it would touch.
    pub tokens_touched: u64,
}

impl From<Advised> for LimitView {
    fn from(advised: Advised) -> Self {
        Self {
            window_seconds: advised.seconds,
            tokens: advised.tokens,
            p50: advised.p50,
            p90: advised.p90,
            p99: advised.p99,
            max: advised.max,
            suggested_limit: advised.limit,
            tokens_touched: advised.touched,
        }
    }
}

/// All advice: limits by endpoint, then what is hardly used.
pub(super) fn advice(words: &Words<'_>) -> Vec<AdviceView> {
    let mut list = limits(words);
    list.extend(integrations(words));
    list.extend(endpoints(words));
    list
}

fn limits(words: &Words<'_>) -> Vec<AdviceView> {
    let enough = |peaks: &&Peaks| {
        let tokens = peaks.by_window.iter().map(Vec::len).max();
        tokens.unwrap_or(0) as u64 >= LEAST_TOKENS && peaks.endpoint != EndpointId(0)
    };
    let mut named: Vec<_> = words
        .summary
        .insights
        .peaks
        .iter()
        .filter(enough)
        .map(|peaks| (words.endpoint(peaks.endpoint), peaks))
        .collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    named
        .into_iter()
        .map(|((service, endpoint), peaks)| AdviceView::RateLimit {
            service,
            endpoint,
            windows: peaks.advice().map(LimitView::from).collect(),
        })
        .collect()
}

fn integrations(words: &Words<'_>) -> Vec<AdviceView> {
    let partners = &words.summary.insights.partners;
    let mut counts: Vec<u64> = partners.iter().map(|partner| partner.requests).collect();
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
    let middle = words.summary.time_range.map(|(first, last)| {
        let half = last.nanos_since(first) / 2;
        first.plus_nanos(half)
    });
    let listed = words.catalog.integrations.iter().enumerate();
    listed
        .filter_map(|(number, listed)| {
            let integration = listed.name.clone();
            let seen = partners
                .iter()
                .find(|partner| usize::from(partner.integration.0) == number);
            let Some(seen) = seen else {
                return Some(AdviceView::UnusedIntegration { integration });
            };
            let silent = middle.is_some_and(|middle| seen.last < middle);
            let few = seen.requests.saturating_mul(LITTLE_OF_MEDIAN) < median;
            (silent || few).then(|| AdviceView::UnderusedIntegration {
                integration,
                requests: seen.requests,
                last_seen: seen.last.to_string(),
            })
        })
        .collect()
}

/// Of documented endpoints; what is documented and was never seen stands in the inventory.
fn endpoints(words: &Words<'_>) -> Vec<AdviceView> {
    let summary = words.summary;
    let requests: u64 = summary.endpoints.iter().map(|e| e.requests).sum();
    let principals = summary.principals.len() as u64;
    let mut list: Vec<_> = summary
        .endpoints
        .iter()
        .filter(|endpoint| {
            endpoint.documented
                && share(endpoint.requests, requests) <= LITTLE_SHARE
                && endpoint.principals.saturating_mul(100) <= principals
        })
        .map(|endpoint| (named(endpoint.name(words.names)), endpoint))
        .collect();
    list.sort_by(|(a, _), (b, _)| a.cmp(b));
    list.into_iter()
        .map(
            |((service, endpoint), seen)| AdviceView::UnderusedEndpoint {
                service,
                endpoint,
                requests: seen.requests,
                principals: seen.principals,
                last_seen: seen.last.to_string(),
            },
        )
        .collect()
}

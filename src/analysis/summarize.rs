//! Puts the shares of all workers together into a [`Summary`].

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::alert::Alert;
use super::endpoint::{EndpointTotals, OTHER_ENDPOINT};
use super::exact::ExactSum;
use super::insight::{Collector, History};
use super::inventory;
use super::population::Snapshot;
use super::principal::{Principal, quantiles};
use super::routes::{RouteKey, RouteTotals, learned};
use super::settings::Settings;
use super::shard::OwnShards;
use super::share::{PROTOCOLS, Share, Totals};
use super::summary::{
    EndpointSummary, ExactSummary, Learned, PrincipalSummary, SensitiveEntry, Summary,
    TransactionCounts,
};
use crate::observation::{EndpointId, Part, PrincipalKey, RuleId, TextId, TypeId};

/// Collects the shares; the order in which they come does not matter.
#[derive(Debug, Default)]
pub(super) struct Summarizer {
    totals: Totals,
    endpoints: BTreeMap<EndpointId, EndpointTotals>,
    routes: BTreeMap<RouteKey, RouteTotals>,
    principals: Vec<PrincipalSummary>,
    sensitive: BTreeMap<(EndpointId, Part, TextId, TypeId), SensitiveEntry>,
    insights: Collector,
    inventory: inventory::Sum,
    exact: Option<ExactSum>,
}

impl Summarizer {
    /// Adds the share of one worker and the busiest `limit` principals of its shards.
    pub(super) fn add(
        &mut self,
        share: &Share,
        shards: &OwnShards,
        snapshot: &Snapshot,
        limit: usize,
    ) {
        self.totals.merge(&share.totals);
        for (endpoint, totals) in share.endpoint_totals(snapshot) {
            self.endpoints.entry(endpoint).or_default().merge(totals);
        }
        for (key, totals) in shards.iter().flat_map(|shard| shard.routes.totals()) {
            match self.routes.get_mut(key) {
                Some(sum) => sum.merge(totals),
                None => {
                    self.routes.insert(*key, totals.clone());
                }
            }
        }
        for entry in shards.iter().flat_map(|shard| shard.sensitive.entries()) {
            self.add_sensitive(*entry);
        }
        for entry in shards.iter().flat_map(|shard| shard.inventory.entries()) {
            self.inventory.add(entry);
        }
        for book in shards.iter().filter_map(|shard| shard.routes.exact()) {
            book.add_to(self.exact.get_or_insert_default());
        }
        let mut busiest: Vec<_> = shards
            .iter()
            .flat_map(super::shard::Shard::principals)
            .collect();
        let rank =
            |&(key, principal): &(PrincipalKey, &Principal)| (Reverse(principal.requests()), key);
        if busiest.len() > limit {
            busiest.select_nth_unstable_by_key(limit, rank);
            busiest.truncate(limit);
        }
        for shard in shards.iter() {
            self.insights.add(&shard.ledger);
        }
        let summaries = busiest.into_iter().map(|(key, principal)| {
            let ledger = shards.get(key.shard()).map(|shard| &shard.ledger);
            let profile = ledger.filter(|_| principal.is_token());
            PrincipalSummary {
                profile: profile.and_then(|ledger| ledger.profile(key)),
                ..principal.summary(key, snapshot)
            }
        });
        self.principals.extend(summaries);
    }

    /// The summary as of `snapshot`: endpoints that found no room in it are put together.
    pub(super) fn build(
        mut self,
        snapshot: &Snapshot,
        (alerts, history): (Vec<Alert>, History),
        settings: &Settings,
    ) -> Summary {
        let (limit, most) = (settings.summary_principals, settings.max_endpoints);
        self.fold_overflow(snapshot);
        let exact = self.exact.take().map(|exact| self.exact(exact));
        let (by_path, overflow, renamed) =
            by_template(std::mem::take(&mut self.routes), snapshot, most);
        if overflow.requests > 0 {
            let other = self.endpoints.entry(OTHER_ENDPOINT).or_default();
            other.merge(&overflow);
        }
        let mut endpoints: Vec<_> = self.endpoints.iter().map(endpoint_summary).collect();
        endpoints.extend(by_path);
        endpoints.sort_by_key(|e| (Reverse(e.requests), e.endpoint, e.learned));
        self.principals
            .sort_by_key(|p| (Reverse(p.requests), p.key));
        self.principals.truncate(limit);
        let mut countries: Vec<_> = self.totals.countries.into_iter().collect();
        countries.sort_by_key(|&(country, n)| (Reverse(n), country));
        let mut transactions = TransactionCounts::default();
        for counts in self.totals.protocols {
            transactions.merge(counts);
        }
        let protocols = PROTOCOLS.into_iter().zip(self.totals.protocols);
        Summary {
            time_range: self.totals.first.map(|first| (first, self.totals.last)),
            transactions,
            protocols: protocols.filter(|(_, counts)| counts.total() > 0).collect(),
            endpoints,
            principals: self.principals,
            countries,
            sensitive: self.sensitive.into_values().collect(),
            inventory: self
                .inventory
                .finish(|endpoint| match snapshot.endpoint_number(endpoint) {
                    Some(_) => endpoint,
                    None => OTHER_ENDPOINT,
                }),
            rules: (0..)
                .map(RuleId)
                .zip(self.totals.rules)
                .filter(|&(_, hits)| hits > 0)
                .collect(),
            exact: exact.unwrap_or_default(),
            alerts,
            insights: self.insights.build(history),
            renamed,
            admitted: snapshot
                .admitted()
                .clone()
                .with_templates(snapshot.templates.0.clone()),
        }
    }

    /// Exact counters of all endpoints: those that single requests tell apart, and the learned ones.
    fn exact(&self, sum: ExactSum) -> Vec<ExactSummary> {
        let mut other = sum.rest;
        if let Some(totals) = self.endpoints.get(&OTHER_ENDPOINT) {
            other.merge(&totals.counts);
        }
        let of = |(endpoint, learned, counts)| ExactSummary {
            endpoint,
            learned,
            counts,
        };
        let told_apart = self.endpoints.iter();
        let told_apart = told_apart.filter(|(endpoint, _)| **endpoint != OTHER_ENDPOINT);
        let learned = sum.by_label.into_iter();
        told_apart
            .map(|(&endpoint, totals)| (endpoint, None, totals.counts))
            .chain(learned.map(|(learned, counts)| (OTHER_ENDPOINT, Some(learned), counts)))
            .chain([(OTHER_ENDPOINT, None, other)])
            .map(of)
            .collect()
    }

    fn add_sensitive(&mut self, entry: SensitiveEntry) {
        self.sensitive
            .entry((entry.endpoint, entry.part, entry.path, entry.kind))
            .and_modify(|sum| {
                sum.count += entry.count;
                sum.first = sum.first.min(entry.first);
                sum.last = sum.last.max(entry.last);
            })
            .or_insert(entry);
    }

    fn fold_overflow(&mut self, snapshot: &Snapshot) {
        let told_apart = |endpoint| snapshot.endpoint_number(endpoint).is_some();
        let all = std::mem::take(&mut self.endpoints);
        for (endpoint, totals) in all {
            let at = if told_apart(endpoint) {
                endpoint
            } else {
                OTHER_ENDPOINT
            };
            self.endpoints.entry(at).or_default().merge(&totals);
        }
        for mut entry in std::mem::take(&mut self.sensitive).into_values() {
            if !told_apart(entry.endpoint) {
                entry.endpoint = OTHER_ENDPOINT;
            }
            self.add_sensitive(entry);
        }
    }
}

/// The totals of paths by their templates, and which endpoints all have one template now. Beyond `most` templates the
/// least used are put together as the overflow.
fn by_template(
    routes: BTreeMap<RouteKey, RouteTotals>,
    snapshot: &Snapshot,
    most: usize,
) -> (
    Vec<EndpointSummary>,
    EndpointTotals,
    BTreeMap<EndpointId, Learned>,
) {
    let mut sums: BTreeMap<Learned, RouteTotals> = BTreeMap::new();
    let mut overflow = RouteTotals::new();
    let mut renamed: BTreeMap<EndpointId, Option<Learned>> = BTreeMap::new();
    for (key, totals) in routes {
        let learned = learned(&key, &snapshot.templates.0);
        for base in &totals.bases {
            let only = renamed.entry(*base).or_insert(learned);
            *only = only.filter(|only| Some(*only) == learned);
        }
        let Some(learned) = learned else {
            overflow.merge(&totals);
            continue;
        };
        match sums.get_mut(&learned) {
            Some(sum) => sum.merge(&totals),
            None => {
                sums.insert(learned, totals);
            }
        }
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(learned, sum)| (Reverse(sum.totals.requests), *learned));
    for (_, sum) in sums.drain(most.min(sums.len())..) {
        overflow.merge(&sum);
    }
    overflow.totals.principals = overflow.users.len() as u64;
    let summaries = sums.into_iter().map(|(learned, mut sum)| {
        sum.totals.principals = sum.users.len() as u64;
        let base = sum.bases.first().copied().unwrap_or(OTHER_ENDPOINT);
        EndpointSummary {
            learned: Some(learned),
            ..endpoint_summary((&base, &sum.totals))
        }
    });
    let renamed = renamed
        .into_iter()
        .filter_map(|(id, only)| Some((id, only?)));
    (summaries.collect(), overflow.totals, renamed.collect())
}

fn endpoint_summary((&endpoint, totals): (&EndpointId, &EndpointTotals)) -> EndpointSummary {
    EndpointSummary {
        endpoint,
        learned: None,
        service: totals.service,
        documented: totals.documented,
        requests: totals.requests,
        by_class: totals.counts.by_class,
        principals: totals.principals,
        latency: quantiles(&totals.latency),
        request_bytes: totals.request_bytes,
        response_bytes: totals.response_bytes,
        throttle: totals.throttle,
        adoption: totals.adoption.days(),
        first: totals.first,
        last: totals.last,
    }
}

//! Named integrations: every call of theirs, whichever token or client it counts to.

use std::collections::BTreeMap;

use super::profile::is_error;
use super::view::{Load, PartnerSummary};
use super::{Call, HOURS_OF_WEEK, Heartbeat, Throttle, Types, day_of, hour_of_week};
use crate::analysis::endpoint::OTHER_ENDPOINT;
use crate::analysis::histogram::LogHistogram;
use crate::analysis::principal::quantiles;
use crate::analysis::save::Renumbering;
use crate::clock::EventTime;
use crate::observation::{Country, EndpointId, IntegrationId, PrincipalKey, TextId};

/// Endpoints told apart in one shard for one integration; later ones count as the overflow.
const MAX_ENDPOINTS: usize = 256;
/// Tokens told apart in one shard for one integration; later ones are not counted.
const MAX_TOKENS: usize = 256;
/// Agents and releases told apart in one shard for one integration; later ones are not counted.
const MAX_TEXTS: usize = 32;
/// Agents and releases that are shown.
const SHOWN: usize = 8;

/// Sums by integration. Their number is bounded by the configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Partners(BTreeMap<IntegrationId, Box<Partner>>);

impl Partners {
    pub(super) fn count(&mut self, call: Call<'_>) {
        if let Some(integration) = call.seen.observation.integration {
            self.0.entry(integration).or_default().count(call);
        }
    }

    /// Adds those of another shard.
    pub(super) fn add(&mut self, shard: &Self) {
        for (integration, partner) in &shard.0 {
            self.0.entry(*integration).or_default().merge(partner);
        }
    }

    /// Drops a token from the lists of who they are; returns in how many it was.
    pub(super) fn forget(&mut self, token: PrincipalKey) -> usize {
        let lists = self.0.values_mut();
        lists
            .filter_map(|partner| partner.tokens.remove(&token))
            .count()
    }

    /// Drops tokens not seen since before that day.
    pub(super) fn expire(&mut self, oldest: u16) {
        for partner in self.0.values_mut() {
            partner.tokens.retain(|_, day| *day >= oldest);
        }
    }

    /// Gives integrations and types their numbers in another configuration, and drops those that are not in it.
    pub(super) fn renumber(&mut self, numbers: &Renumbering) {
        let partners = std::mem::take(&mut self.0).into_iter();
        self.0 = partners
            .filter_map(|(integration, mut partner)| {
                partner.types.renumber(numbers);
                Some((numbers.integration(integration)?, partner))
            })
            .collect();
    }

    /// In the order of the configuration.
    pub(super) fn summaries(&self) -> Vec<PartnerSummary> {
        self.0
            .iter()
            .map(|(&integration, partner)| partner.summary(integration))
            .collect()
    }
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Partner {
    requests: u64,
    by_class: [u64; 6],
    request_bytes: u64,
    response_bytes: u64,
    latency: LogHistogram,
    loads: BTreeMap<EndpointId, Load>,
    countries: BTreeMap<Country, u64>,
    agents: BTreeMap<TextId, u64>,
    releases: BTreeMap<TextId, u64>,
    /// Each with the last day it was seen on.
    tokens: BTreeMap<PrincipalKey, u16>,
    #[serde(with = "crate::analysis::save::array")]
    heartbeat: Heartbeat,
    types: Types,
    throttle: Throttle,
    first: EventTime,
    last: EventTime,
}

impl Default for Partner {
    fn default() -> Self {
        Self {
            requests: 0,
            by_class: [0; 6],
            request_bytes: 0,
            response_bytes: 0,
            latency: LogHistogram::default(),
            loads: BTreeMap::new(),
            countries: BTreeMap::new(),
            agents: BTreeMap::new(),
            releases: BTreeMap::new(),
            tokens: BTreeMap::new(),
            heartbeat: [0; HOURS_OF_WEEK],
            types: Types::default(),
            throttle: Throttle::default(),
            first: EventTime::from_nanos(u64::MAX),
            last: EventTime::ZERO,
        }
    }
}

impl Partner {
    fn count(&mut self, call: Call<'_>) {
        let observation = call.seen.observation;
        self.requests += 1;
        if let Some(n) = self.by_class.get_mut(observation.status.class_index()) {
            *n += 1;
        }
        self.request_bytes += observation.request_bytes;
        self.response_bytes += observation.response_bytes;
        if let Some(micros) = observation.duration_us {
            self.latency.add(micros);
        }
        self.add_load(Load {
            endpoint: call.endpoint,
            calls: 1,
            errors: u64::from(is_error(observation.outcome())),
            latency_us: observation.duration_us.unwrap_or(0),
            bytes: observation.request_bytes + observation.response_bytes,
        });
        if observation.country != Country::UNKNOWN {
            *self.countries.entry(observation.country).or_default() += 1;
        }
        add_text(&mut self.agents, observation.agent, 1);
        add_text(&mut self.releases, observation.release, 1);
        if call.who.is_token {
            self.note_token(call.who.key, day_of(call.tick));
        }
        if let Some(beats) = self.heartbeat.get_mut(hour_of_week(call.tick.start())) {
            *beats = beats.saturating_add(1);
        }
        self.types.count(call);
        self.throttle.count(observation);
        self.first = self.first.min(observation.end);
        self.last = self.last.max(observation.end);
    }

    fn note_token(&mut self, token: PrincipalKey, day: u16) {
        if let Some(last) = self.tokens.get_mut(&token) {
            *last = day.max(*last);
        } else if self.tokens.len() < MAX_TOKENS {
            self.tokens.insert(token, day);
        }
    }

    fn add_load(&mut self, mut load: Load) {
        if self.loads.len() >= MAX_ENDPOINTS && !self.loads.contains_key(&load.endpoint) {
            load.endpoint = OTHER_ENDPOINT;
        }
        self.loads
            .entry(load.endpoint)
            .and_modify(|sum| sum.merge(&load))
            .or_insert(load);
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        for (sum, more) in self.by_class.iter_mut().zip(other.by_class) {
            *sum += more;
        }
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
        self.latency.merge(&other.latency);
        for load in other.loads.values() {
            self.loads
                .entry(load.endpoint)
                .and_modify(|sum| sum.merge(load))
                .or_insert(*load);
        }
        for (&country, &n) in &other.countries {
            *self.countries.entry(country).or_default() += n;
        }
        for (mine, others) in [
            (&mut self.agents, &other.agents),
            (&mut self.releases, &other.releases),
        ] {
            for (&text, &n) in others {
                *mine.entry(text).or_default() += n;
            }
        }
        // No token is in two shards.
        self.tokens.extend(&other.tokens);
        for (sum, more) in self.heartbeat.iter_mut().zip(other.heartbeat) {
            *sum = sum.saturating_add(more);
        }
        self.types.merge(&other.types);
        self.throttle.merge(other.throttle);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    fn summary(&self, integration: IntegrationId) -> PartnerSummary {
        let mut loads: Vec<_> = self.loads.values().copied().collect();
        loads.sort_by_key(|load| (std::cmp::Reverse(load.calls), load.endpoint));
        PartnerSummary {
            integration,
            requests: self.requests,
            by_class: self.by_class,
            tokens: self.tokens.len() as u64,
            latency: quantiles(&self.latency),
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            loads,
            countries: ranked(&self.countries, usize::MAX),
            agents: ranked(&self.agents, SHOWN),
            releases: ranked(&self.releases, SHOWN),
            heartbeat: Box::new(self.heartbeat),
            sensitive: self.types.sorted(),
            throttle: self.throttle,
            first: self.first,
            last: self.last,
        }
    }
}

fn add_text(texts: &mut BTreeMap<TextId, u64>, text: TextId, n: u64) {
    if !text.is_some() || (texts.len() >= MAX_TEXTS && !texts.contains_key(&text)) {
        return;
    }
    *texts.entry(text).or_default() += n;
}

/// Busiest first.
fn ranked<T: Copy + Ord>(counts: &BTreeMap<T, u64>, most: usize) -> Vec<(T, u64)> {
    let mut list: Vec<_> = counts.iter().map(|(&value, &n)| (value, n)).collect();
    list.sort_by_key(|&(value, n)| (std::cmp::Reverse(n), value));
    list.truncate(most);
    list
}

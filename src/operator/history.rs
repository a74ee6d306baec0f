//! Tokens and time series from the history in memory, filtered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::query::Query;
use crate::analysis::insight::history::{Point, Resolution};
use crate::catalog::Tags;
use crate::clock::EventTime;
use crate::observation::{Country, EndpointId, PrincipalKey};
use crate::views::{Words, share};

/// Steps in one answer.
const MAX_STEPS: usize = 10_000;
/// From this length on a series is given by hours unless the query says otherwise, in seconds.
const LONG: u64 = 2 * 86_400;

/// Sums over cells.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) throttled: u64,
    pub(super) bytes: u64,
    pub(super) latency_ms: u64,
}

impl Sums {
    fn add(&mut self, point: &Point<'_>) {
        let cell = point.cell;
        self.requests += u64::from(cell.requests);
        self.errors += u64::from(cell.errors);
        self.throttled += u64::from(cell.throttled);
        self.bytes += cell.bytes;
        self.latency_ms += u64::from(cell.latency_ms);
    }

    /// Its members in JSON.
    fn json(self) -> serde_json::Map<String, Value> {
        let mean = self.latency_ms.checked_div(self.requests).unwrap_or(0);
        let members = [
            ("requests", json!(self.requests)),
            ("errors", json!(self.errors)),
            ("error_share", json!(share(self.errors, self.requests))),
            ("throttled", json!(self.throttled)),
            ("bytes", json!(self.bytes)),
            ("mean_latency_ms", json!(mean)),
        ];
        members
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }
}

/// One token in a range.
#[derive(Default)]
pub(super) struct TokenSums {
    pub(super) all: Sums,
    pub(super) endpoints: BTreeMap<EndpointId, u64>,
    pub(super) countries: BTreeMap<Country, u64>,
}

/// What a query asks of the history, with each id judged once.
pub(super) struct Filter<'a> {
    words: Words<'a>,
    query: &'a Query,
    /// Pseudonym, integration, and whether the token alone fulfils the tag.
    tokens: BTreeMap<PrincipalKey, (String, Option<u16>, bool)>,
    endpoints: BTreeMap<EndpointId, (bool, bool)>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(words: Words<'a>, query: &'a Query) -> Self {
        let mut tokens = BTreeMap::new();
        for (token, integration) in words.summary.insights.history.tokens() {
            let integration = integration.map(|id| id.0);
            let listed = integration.and_then(|number| words.catalog.integration(number));
            let name = words.names.token(*token);
            let wanted = query.token.as_ref().is_none_or(|pattern| {
                pattern.admits(&name) || listed.is_some_and(|listed| pattern.admits(&listed.name))
            });
            if wanted {
                let tagged = listed.is_some_and(|listed| fulfils(query, &listed.tags));
                tokens.insert(*token, (name, integration, tagged));
            }
        }
        Self {
            words,
            query,
            tokens,
            endpoints: BTreeMap::new(),
        }
    }

    /// The pseudonym and the number of the integration of a token that is wanted.
    pub(super) fn token(&self, token: PrincipalKey) -> Option<(&str, Option<u16>)> {
        let (name, integration, _) = self.tokens.get(&token)?;
        Some((name, *integration))
    }

    /// Whether an endpoint is wanted, and whether it fulfils the tag.
    fn endpoint(&mut self, id: EndpointId) -> (bool, bool) {
        let (words, query) = (self.words, self.query);
        *self.endpoints.entry(id).or_insert_with(|| {
            let (service, name) = words.endpoint(id);
            let template = name.split_once(' ').map_or(name.as_str(), |(_, t)| t);
            let wanted = query
                .endpoint
                .as_ref()
                .is_none_or(|pattern| pattern.admits(&name) || pattern.admits(template));
            let tags = words.catalog.endpoint_tags(&service, &name);
            (wanted, fulfils(query, &tags))
        })
    }

    /// Hands over every cell that is wanted.
    fn scan(&mut self, resolution: Resolution, mut take: impl FnMut(Point<'_>)) {
        let (words, query) = (self.words, self.query);
        // Known before the walk, which borrows both.
        let wanted: BTreeMap<PrincipalKey, bool> = self
            .tokens
            .iter()
            .map(|(token, (.., tagged))| (*token, *tagged))
            .collect();
        let country = query.country.as_deref();
        words.summary.insights.history.scan(
            query.range,
            resolution,
            |token| wanted.contains_key(&token),
            |point| {
                let by_country = country.is_none_or(|wanted| point.cell.country.code() == wanted);
                let by_token = wanted.get(&point.token).copied().unwrap_or(false);
                let (here, by_endpoint) = self.endpoint(point.cell.endpoint);
                if here && by_country && (query.tag.is_none() || by_token || by_endpoint) {
                    take(point);
                }
            },
        );
    }

    /// Sums by token.
    pub(super) fn by_token(&mut self) -> BTreeMap<PrincipalKey, TokenSums> {
        let mut tokens: BTreeMap<PrincipalKey, TokenSums> = BTreeMap::new();
        self.scan(Resolution::Finest, |point| {
            let sums = tokens.entry(point.token).or_default();
            sums.all.add(&point);
            let calls = u64::from(point.cell.requests);
            *sums.endpoints.entry(point.cell.endpoint).or_default() += calls;
            *sums.countries.entry(point.cell.country).or_default() += calls;
        });
        tokens
    }
}

fn fulfils(query: &Query, tags: &Tags) -> bool {
    query.tag.as_ref().is_some_and(|tag| tag.admits(tags))
}

/// `/api/tokens`: the tokens of a range, busiest first.
pub(super) fn tokens(words: Words<'_>, query: &Query) -> Value {
    let mut filter = Filter::new(words, query);
    let found = filter.by_token();
    let mut total = Sums::default();
    for sums in found.values() {
        total.requests += sums.all.requests;
        total.errors += sums.all.errors;
        total.throttled += sums.all.throttled;
        total.bytes += sums.all.bytes;
        total.latency_ms += sums.all.latency_ms;
    }
    let mut rows: Vec<_> = found
        .iter()
        .filter_map(|(token, sums)| Some((filter.token(*token)?, sums)))
        .collect();
    rows.sort_by(|((a, _), x), ((b, _), y)| {
        let order = y.all.requests.cmp(&x.all.requests);
        order.then_with(|| a.cmp(b))
    });
    let list: Vec<_> = rows
        .into_iter()
        .take(query.limit)
        .map(|((name, integration), sums)| row(words, (name, integration), sums, total.requests))
        .collect();
    json!({
        "kept": kept(words), "found": found.len(), "total": total.json(), "tokens": list,
    })
}

fn row(
    words: Words<'_>,
    (name, integration): (&str, Option<u16>),
    sums: &TokenSums,
    all: u64,
) -> Value {
    let mut members = sums.all.json();
    let endpoints = sums.endpoints.iter();
    let endpoints: BTreeMap<_, _> = endpoints
        .map(|(id, calls)| (words.endpoint_name(*id), *calls))
        .collect();
    let countries: BTreeMap<_, _> = sums
        .countries
        .iter()
        .map(|(country, calls)| (country.code(), *calls))
        .collect();
    members.insert("token".to_owned(), json!(name));
    members.insert("share".to_owned(), json!(share(sums.all.requests, all)));
    members.insert("endpoints".to_owned(), json!(endpoints));
    members.insert("countries".to_owned(), json!(countries));
    if let Some(listed) = integration.and_then(|number| words.catalog.integration(number)) {
        members.insert("integration".to_owned(), json!(listed.name));
        members.insert("tags".to_owned(), json!(listed.tags));
    }
    Value::Object(members)
}

/// `/api/history`: what is asked for as a series in time. Steps without a call are left out.
pub(super) fn series(words: Words<'_>, query: &Query) -> Value {
    let (first, last) = span(words, query);
    let step = query.step.unwrap_or(if last.saturating_sub(first) > LONG {
        3_600
    } else {
        60
    });
    let resolution = if step >= 3_600 {
        Resolution::Hours
    } else {
        Resolution::Finest
    };
    let mut steps: BTreeMap<(u64, u64), (Sums, std::collections::BTreeSet<PrincipalKey>)> =
        BTreeMap::new();
    Filter::new(words, query).scan(resolution, |point| {
        // What is kept by hours only is told by hours.
        let seconds = step.max(point.seconds);
        let (sums, tokens) = steps
            .entry((point.second / seconds * seconds, seconds))
            .or_default();
        sums.add(&point);
        tokens.insert(point.token);
    });
    let all = steps.len();
    let left_out = all.saturating_sub(MAX_STEPS);
    let list: Vec<_> = steps
        .into_iter()
        .skip(left_out)
        .map(|((second, seconds), (sums, tokens))| {
            let mut members = sums.json();
            members.insert(
                "time".to_owned(),
                json!(EventTime::from_secs(second).to_string()),
            );
            members.insert("seconds".to_owned(), json!(seconds));
            members.insert("tokens".to_owned(), json!(tokens.len()));
            Value::Object(members)
        })
        .collect();
    json!({"kept": kept(words), "step_seconds": step, "left_out": left_out, "series": list})
}

/// The part of the range that there is anything of.
fn span(words: Words<'_>, query: &Query) -> (u64, u64) {
    let (from, to) = query.range;
    let known = words.summary.time_range;
    let (first, last) = known.map_or((0, 0), |(first, last)| (first.secs(), last.secs()));
    (from.max(first), to.min(last.saturating_add(1)))
}

/// How far back the history goes, and what it takes.
fn kept(words: Words<'_>) -> Value {
    let history = &words.summary.insights.history;
    let (minutes, hours) = history.begins();
    let time = |second: Option<u64>| second.map(|second| EventTime::from_secs(second).to_string());
    json!({
        "minutes_from": time(minutes), "hours_from": time(hours),
        "tokens": history.tokens().len(), "memory_bytes": history.bytes(),
    })
}

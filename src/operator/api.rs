//! `/api/…`: what the console shows, as JSON, filtered by query parameters. Pseudonyms, templates and counts only.

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::query::{Fault, Query};
use super::{OperatorState, history, page};
use crate::analysis::insight::view::WINDOWS;
use crate::analysis::summary::{PrincipalSummary, Summary};
use crate::serve::Reply;
use crate::tally::Tally;
use crate::views::{AdviceView, Words};

/// The paths there are, for the answer to any other.
pub(super) const PATHS: &str = "/api/summary /api/tokens /api/token /api/history /api/integrations /api/analytics /api/advice /api/inventory";

/// The answer to a path below `/api/`; none if there is no such path.
pub(super) fn respond(state: &OperatorState, path: &str, query: &str) -> Option<Reply> {
    if path == "/api/summary" {
        return Some(json_reply(page::json(state)));
    }
    let summary = state.summary.load();
    if path == "/api/inventory" {
        return Some(match state.inventory(&summary) {
            Some(inventory) => {
                let mut found = json!(inventory);
                // Requests are all read for fields, answers are not.
                let passed_over = state.tallies.total(Tally::LimitAnswers);
                if let Some(sections) = found.as_object_mut() {
                    sections.insert("answers_passed_over".to_owned(), passed_over.into());
                }
                json_reply(found.to_string())
            }
            None => Reply::text(404, "No OpenAPI document was given: --openapi FILE.\n"),
        });
    }
    let words = words(state, &summary);
    let answer: fn(Words<'_>, &Query) -> Result<Value, Fault> = match path {
        "/api/tokens" => |words, query| Ok(history::tokens(words, query)),
        "/api/history" => |words, query| Ok(history::series(words, query)),
        "/api/token" => token,
        "/api/integrations" => |words, query| Ok(integrations(words, query)),
        "/api/analytics" => |words, _| Ok(json!(words.analytics())),
        "/api/advice" => advice,
        _ => return None,
    };
    let found = Query::parse(query).and_then(|query| answer(words, &query));
    Some(match found {
        Ok(value) => json_reply(value.to_string()),
        Err(Fault(what)) => Reply::text(400, format!("{what}\n")),
    })
}

/// Words for what is shown.
pub(super) fn words<'a>(state: &'a OperatorState, summary: &'a Summary) -> Words<'a> {
    Words {
        names: state.names.as_ref(),
        summary,
        catalog: &state.catalog,
    }
}

fn json_reply(text: String) -> Reply {
    Reply::bytes(200, "application/json", Bytes::from(text))
}

/// What is known of the tokens that a query names, for the console.
pub(super) fn respond_token(words: Words<'_>, query: &Query) -> Value {
    token(words, query).unwrap_or_default()
}

/// Everything that is known of the tokens that fit, busiest first: also of those without a history.
fn token(words: Words<'_>, query: &Query) -> Result<Value, Fault> {
    let Some(pattern) = &query.token else {
        return Err(Fault("`token` is missing".to_owned()));
    };
    let principals = words.summary.principals.iter();
    let found = principals
        .filter(|principal| principal.kind.is_some())
        .map(|principal| (words.names.token(principal.key), principal))
        .filter(|(name, _)| pattern.admits(name))
        .take(query.limit)
        .map(|(name, principal)| one(words, &name, principal));
    Ok(json!({"tokens": found.collect::<Vec<_>>()}))
}

fn one(words: Words<'_>, name: &str, principal: &PrincipalSummary) -> Value {
    let countries = principal.countries.iter();
    let countries: serde_json::Map<_, _> = countries
        .map(|(country, calls)| (country.code().to_owned(), json!(calls)))
        .collect();
    let text = |list: &[(crate::observation::TextId, u64)]| {
        let admitted = &words.summary.admitted;
        crate::views::add_up(
            list.iter()
                .map(|(id, calls)| (words.names.text(*id, admitted).into_owned(), *calls)),
        )
    };
    json!({
        "token": name, "kind": principal.kind.map(crate::observation::TokenKind::name),
        "requests": principal.requests, "by_code": crate::views::by_code(principal.by_class),
        "error_share": crate::views::error_share(principal.by_class),
        "latency": crate::views::latency(principal.latency),
        "request_body_bytes": principal.request_bytes, "response_body_bytes": principal.response_bytes,
        "countries": countries, "agents": text(&principal.agents), "releases": text(&principal.releases),
        "first_seen": principal.first.to_string(), "last_seen": principal.last.to_string(),
        "details": words.details(principal),
    })
}

fn integrations(words: Words<'_>, query: &Query) -> Value {
    let mut list = words.integrations();
    list.retain(|view| {
        let by_name = query
            .token
            .as_ref()
            .is_none_or(|t| t.admits(&view.integration));
        by_name && query.tag.as_ref().is_none_or(|tag| tag.admits(&view.tags))
    });
    json!({"integrations": list})
}

/// Advice; with `endpoint`, `window` and `requests`: how many tokens that very limit would touch.
fn advice(words: Words<'_>, query: &Query) -> Result<Value, Fault> {
    let wanted = |endpoint: &str| {
        let template = endpoint.split_once(' ').map_or(endpoint, |(_, t)| t);
        let pattern = query.endpoint.as_ref();
        pattern.is_none_or(|pattern| pattern.admits(endpoint) || pattern.admits(template))
    };
    let Some(limit) = query.requests else {
        let mut list = words.advice();
        list.retain(|advice| match advice {
            AdviceView::RateLimit { endpoint, .. }
            | AdviceView::UnderusedEndpoint { endpoint, .. } => wanted(endpoint),
            AdviceView::UnusedIntegration { .. } | AdviceView::UnderusedIntegration { .. } => {
                query.endpoint.is_none()
            }
        });
        return Ok(json!({"advice": list}));
    };
    let minutes = query.window.unwrap_or(60) / 60;
    let Some(window) = WINDOWS.iter().position(|known| *known == minutes) else {
        return Err(Fault("`window` is 60, 300 or 3600 seconds".to_owned()));
    };
    let peaks = words.summary.insights.peaks.iter();
    let list: Vec<_> = peaks
        .map(|peaks| (words.endpoint_name(peaks.endpoint), peaks))
        .filter(|(endpoint, _)| wanted(endpoint))
        .map(|(endpoint, peaks)| {
            let tokens = peaks.by_window.get(window).map_or(0, Vec::len);
            json!({
                "endpoint": endpoint, "window_seconds": minutes * 60, "limit": limit,
                "tokens": tokens, "tokens_touched": peaks.touched(window, limit),
            })
        })
        .collect();
    Ok(json!({"limits": list}))
}

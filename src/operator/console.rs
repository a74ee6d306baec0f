//! `/tokens`: tokens of a range with their course in time, filtered by a form.

use std::fmt::Write as _;

use serde_json::Value;

use super::page::Page;
use super::query::{Fault, Query, encoded};
use super::{OperatorState, api, history};
use crate::serve::Reply;

/// Rows of the table.
const ROWS: usize = 100;
/// Width of a bar and height of the chart, in pixels.
const BAR: usize = 4;
const HEIGHT: u64 = 80;
/// Bars of the chart; of a longer series the end is drawn.
const BARS: usize = 250;

/// The page, or what is wrong with the query.
pub(super) fn render(state: &OperatorState, text: &str) -> Reply {
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(Fault(what)) => return Reply::text(400, format!("{what}\n")),
    };
    let summary = state.summary.load();
    let words = api::words(state, &summary);
    let mut page = Page::begin("hushtap: tokens", None);
    page.raw("<h1><a href=\"/\">hushtap</a>: tokens</h1>");
    form(&mut page, &query, text);
    let series = history::series(words, &query);
    chart(&mut page, &series);
    let tokens = history::tokens(words, &query);
    kept(&mut page, &tokens);
    table(&mut page, &tokens);
    if query.token.is_some() {
        details(&mut page, &api::respond_token(words, &query));
    }
    page.raw("</body></html>");
    Reply::html(page.0)
}

fn form(page: &mut Page, query: &Query, text: &str) {
    let word = |pattern: &Option<super::query::Pattern>| {
        pattern.as_ref().map_or_else(String::new, |p| p.0.clone())
    };
    // Moments as they were typed: what is shown again is asked for again.
    let typed = |name: &str| {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.rev().find(|(known, _)| *known == name);
        found.map_or_else(String::new, |(_, value)| value.replace("%3A", ":"))
    };
    page.raw("<form action=\"/tokens\"><p>");
    let fields = [
        ("token", "token or integration", word(&query.token)),
        ("endpoint", "GET /v1/users/{id}", word(&query.endpoint)),
        ("country", "DE", query.country.clone().unwrap_or_default()),
        ("tag", "tier:gold", query.tag_text.clone()),
        ("from", "2026-11-22T06:00", typed("from")),
        ("to", "2026-11-22T18:00", typed("to")),
    ];
    for (name, example, value) in fields {
        page.raw(&format!(
            "<label>{name} <input name=\"{name}\" placeholder=\""
        ));
        page.text(example);
        page.raw("\" value=\"");
        page.text(&value);
        page.raw("\"></label> ");
    }
    page.raw("<button>Filter</button></p></form>");
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let found = value.get(name).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

fn kept(page: &mut Page, tokens: &Value) {
    let Some(kept) = tokens.get("kept") else {
        return;
    };
    page.raw("<p class=\"note\">");
    let or_none = |text: &str| {
        if text.is_empty() {
            "now".to_owned()
        } else {
            text.to_owned()
        }
    };
    page.text(&format!(
        "History of the {} busiest tokens in {} KiB: minutes from {}, hours from {}. The same as JSON: /api/tokens, /api/history.",
        number(kept, "tokens"),
        number(kept, "memory_bytes") / 1_024,
        or_none(word(kept, "minutes_from")),
        or_none(word(kept, "hours_from")),
    ));
    page.raw("</p>");
}

/// Requests as bars, with the errors among them.
fn chart(page: &mut Page, series: &Value) {
    let steps = list(series, "series");
    let steps = steps
        .get(steps.len().saturating_sub(BARS)..)
        .unwrap_or_default();
    let most = steps.iter().map(|step| number(step, "requests")).max();
    let Some(most) = most.filter(|most| *most > 0) else {
        page.raw("<p class=\"note\">Nothing in this range.</p>");
        return;
    };
    let mut svg = format!(
        "<svg role=\"img\" width=\"{}\" height=\"{HEIGHT}\"><title>requests, and errors among them</title>",
        steps.len() * BAR
    );
    for (at, step) in steps.iter().enumerate() {
        for (name, class) in [("requests", "bar"), ("errors", "bad")] {
            let height = number(step, name) * HEIGHT / most;
            if height > 0 {
                write!(
                    svg,
                    "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\"/>",
                    at * BAR,
                    HEIGHT - height,
                    BAR - 1
                )
                .unwrap_or_default();
            }
        }
    }
    svg.push_str("</svg>");
    page.raw(&svg);
    let end =
        |step: Option<&Value>| step.map_or_else(String::new, |step| word(step, "time").to_owned());
    page.raw("<p class=\"note\">");
    page.text(&format!(
        "From {} to {}, a bar for each {} s with a call; the highest is {most} requests.",
        end(steps.first()),
        end(steps.last()),
        number(series, "step_seconds")
    ));
    page.raw("</p>");
}

fn table(page: &mut Page, tokens: &Value) {
    let columns = [
        "token",
        "integration",
        "#requests",
        "#share",
        "#errors",
        "#429",
        "#bytes",
        "#mean ms",
        "countries",
        "busiest endpoint",
    ];
    page.table("tokens", "Tokens", &columns);
    let rows = list(tokens, "tokens");
    for row in rows.iter().take(ROWS) {
        let token = word(row, "token");
        page.raw(&format!(
            "<tr><td><code><a href=\"/tokens?token={}\">",
            encoded(token)
        ));
        page.text(token);
        page.raw("</a></code></td>");
        page.cell(word(row, "integration"));
        page.number(number(row, "requests"));
        let share = row.get("share").and_then(Value::as_f64).unwrap_or(0.0);
        page.number(format!("{:.1} %", share * 100.0));
        page.number(number(row, "errors"));
        page.number(number(row, "throttled"));
        page.number(number(row, "bytes"));
        page.number(number(row, "mean_latency_ms"));
        page.cell(&busiest(row, "countries", 3));
        page.code(&busiest(row, "endpoints", 1));
        page.raw("</tr>");
    }
    page.end_table(
        rows.len().min(ROWS),
        usize::try_from(number(tokens, "found")).unwrap_or(0),
    );
}

/// The busiest names of a map of counts.
fn busiest(row: &Value, name: &str, most: usize) -> String {
    let Some(counts) = row.get(name).and_then(Value::as_object) else {
        return String::new();
    };
    let mut sorted: Vec<_> = counts
        .iter()
        .map(|(name, count)| (std::cmp::Reverse(count.as_u64()), name.as_str()))
        .collect();
    sorted.sort_unstable();
    let names: Vec<_> = sorted.iter().take(most).map(|(_, name)| *name).collect();
    names.join(" ")
}

/// What is known of one token: heartbeat, hygiene, load, sensitive values.
fn details(page: &mut Page, found: &Value) {
    let [token] = list(found, "tokens") else {
        return;
    };
    let Some(Value::Object(details)) = token.get("details") else {
        return;
    };
    page.table("details", "This token", &["what", "value"]);
    for (name, value) in details {
        if name == "load" {
            continue;
        }
        page.raw("<tr>");
        page.cell(&name.replace('_', " "));
        page.cell(&flat(value));
        page.raw("</tr>");
    }
    page.end_table(0, 0);
    let columns = [
        "endpoint",
        "#requests",
        "#errors",
        "#latency ms in sum",
        "#bytes",
    ];
    page.table("load", "Its load", &columns);
    for load in details
        .get("load")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        page.raw("<tr>");
        page.code(word(load, "endpoint"));
        page.number(number(load, "requests"));
        page.number(number(load, "errors"));
        page.number(number(load, "latency_us") / 1_000);
        page.number(number(load, "bytes"));
        page.raw("</tr>");
    }
    page.end_table(0, 0);
}

/// JSON as a line of text.
fn flat(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let words: Vec<_> = members
                .map(|(name, value)| format!("{} {}", name.replace('_', " "), flat(value)))
                .collect();
            words.join(", ")
        }
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join("; "),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

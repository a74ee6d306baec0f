//! The operator's page: one plain HTML page that refreshes itself, and the same as JSON.

use serde_json::{Value, json};

use super::OperatorState;
use super::metrics::SubjectWords;
use crate::analysis::explain;
use crate::analysis::summary::{EndpointSummary, PrincipalSummary, Summary};
use crate::observation::{Names, Status, TokenKind};
use crate::tally::{Group, Tally};

/// Seconds between two loads of the page.
const REFRESH_SECONDS: u32 = 5;
/// Rows a table shows at most.
const ROWS: usize = 50;

pub(super) const STYLE: &str = "\
body{font:14px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:75rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d8dee4}
th{font-weight:600;background:#f6f8fa}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
code{font:12.5px ui-monospace,monospace}.high{color:#b42318;font-weight:600}.medium{color:#b54708}.low,.info{color:#475467}
.note{color:#57606a}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th{background:#161b22}th,td{border-color:#30363d}
.high{color:#ff7b72}.medium{color:#ffa657}.low,.info,.note{color:#9da7b1}}
";

/// The page.
pub(super) fn render(state: &OperatorState) -> String {
    let summary = state.summary.load();
    let names = state.names.as_ref();
    let mut page = Page::default();
    page.raw(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>hushtap</title>",
    );
    page.raw(&format!(
        "<meta http-equiv=\"refresh\" content=\"{REFRESH_SECONDS}\">"
    ));
    page.raw("<meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/style.css\"></head><body>");
    page.raw("<h1>hushtap</h1><p class=\"note\">Operator channel: pseudonymous, exact, and outside the privacy claim. ");
    page.raw("Packet time <time id=\"now\">");
    page.text(&state.now.load().to_string());
    page.raw("</time>.</p>");
    alerts(&mut page, names, &summary);
    endpoints(&mut page, names, &summary);
    tokens(&mut page, names, &summary);
    sensitive(&mut page, names, &summary);
    health(&mut page, state);
    page.raw("</body></html>");
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }

    /// A heading and the head of a table; names that begin with `#` are columns of numbers.
    fn table(&mut self, id: &str, title: &str, columns: &[&str]) {
        self.raw(&format!("<h2 id=\"{id}\">"));
        self.text(title);
        self.raw("</h2><table><thead><tr>");
        for column in columns {
            let (class, name) = column
                .strip_prefix('#')
                .map_or(("", *column), |name| (" class=\"n\"", name));
            self.raw(&format!("<th{class}>{name}</th>"));
        }
        self.raw("</tr></thead><tbody>");
    }

    fn cell(&mut self, text: &str) {
        self.raw("<td>");
        self.text(text);
        self.raw("</td>");
    }

    fn code(&mut self, text: &str) {
        self.raw("<td><code>");
        self.text(text);
        self.raw("</code></td>");
    }

    fn number(&mut self, number: impl std::fmt::Display) {
        self.raw(&format!("<td class=\"n\">{number}</td>"));
    }

    fn end_table(&mut self, shown: usize, all: usize) {
        self.raw("</tbody></table>");
        if all > shown {
            self.raw(&format!(
                "<p class=\"note\">{shown} of {all} shown; /api/summary has them all.</p>"
            ));
        }
    }
}

fn alerts(page: &mut Page, names: &dyn Names, summary: &Summary) {
    page.table(
        "alerts",
        "Alerts",
        &["time", "severity", "signal", "who", "what is unusual"],
    );
    for alert in summary.alerts.iter().rev().take(ROWS) {
        let words = SubjectWords::of(alert, names);
        let who = [words.token, words.client, words.endpoint]
            .into_iter()
            .find(|word| !word.is_empty());
        page.raw("<tr>");
        page.cell(&alert.time.to_string());
        page.raw(&format!(
            "<td class=\"{0}\">{0}</td>",
            alert.severity.name()
        ));
        page.cell(alert.signal.name());
        page.code(&who.unwrap_or_default());
        page.cell(&explain::sentence(alert, names));
        page.raw("</tr>");
    }
    page.end_table(summary.alerts.len().min(ROWS), summary.alerts.len());
}

fn endpoints(page: &mut Page, names: &dyn Names, summary: &Summary) {
    let columns = [
        "service",
        "endpoint",
        "#requests",
        "#4xx",
        "#5xx",
        "#principals",
        "#p50 ms",
        "#p95 ms",
        "#bytes out",
    ];
    page.table("endpoints", "Endpoints", &columns);
    for endpoint in summary.endpoints.iter().take(ROWS) {
        let Some(name) = endpoint.name(names) else {
            continue;
        };
        let [_, _, _, client_errors, server_errors, _] = endpoint.by_class;
        page.raw("<tr>");
        page.cell(&name.service);
        page.code(&format!("{} {}", name.method, name.template));
        page.number(endpoint.requests);
        page.number(client_errors);
        page.number(server_errors);
        page.number(endpoint.principals);
        page.number(millis(endpoint.latency.p50_us));
        page.number(millis(endpoint.latency.p95_us));
        page.number(endpoint.response_bytes);
        page.raw("</tr>");
    }
    page.end_table(summary.endpoints.len().min(ROWS), summary.endpoints.len());
}

fn tokens(page: &mut Page, names: &dyn Names, summary: &Summary) {
    let columns = [
        "token or client",
        "kind",
        "#requests",
        "#4xx",
        "#5xx",
        "#p50 ms",
        "countries",
        "last seen",
    ];
    page.table("tokens", "Tokens", &columns);
    for principal in summary.principals.iter().take(ROWS) {
        let [_, _, _, client_errors, server_errors, _] = principal.by_class;
        page.raw("<tr>");
        page.code(&pseudonym(principal, names));
        page.cell(principal.kind.map_or("client", TokenKind::name));
        page.number(principal.requests);
        page.number(client_errors);
        page.number(server_errors);
        page.number(millis(principal.latency.p50_us));
        let countries: Vec<_> = principal
            .countries
            .iter()
            .map(|(country, _)| country.code())
            .collect();
        page.cell(&countries.join(" "));
        page.cell(&principal.last.to_string());
        page.raw("</tr>");
    }
    page.end_table(summary.principals.len().min(ROWS), summary.principals.len());
}

fn sensitive(page: &mut Page, names: &dyn Names, summary: &Summary) {
    page.table(
        "sensitive",
        "Masked values",
        &[
            "endpoint",
            "where",
            "type",
            "category",
            "#values",
            "first seen",
            "last seen",
        ],
    );
    for entry in summary.sensitive.iter().take(ROWS) {
        let endpoint = summary.endpoint_name(entry.endpoint, names);
        page.raw("<tr>");
        page.code(
            &endpoint
                .map(|name| format!("{} {}", name.method, name.template))
                .unwrap_or_default(),
        );
        page.code(&format!(
            "{}:{}",
            entry.part.name(),
            names.text(entry.path, &summary.admitted)
        ));
        page.cell(&names.sensitive_type(entry.kind));
        page.cell(entry.category.name());
        page.number(entry.count);
        page.cell(&entry.first.to_string());
        page.cell(&entry.last.to_string());
        page.raw("</tr>");
    }
    page.end_table(summary.sensitive.len().min(ROWS), summary.sensitive.len());
}

fn health(page: &mut Page, state: &OperatorState) {
    page.table("health", "Sensor health", &["what", "#count"]);
    for tally in Tally::ALL {
        let count = state.tallies.total(*tally);
        if count > 0 || tally.group() == Group::Packet {
            page.raw("<tr>");
            page.cell(&format!(
                "{:?}: {}",
                tally.group(),
                tally.name().replace('_', " ")
            ));
            page.number(count);
            page.raw("</tr>");
        }
    }
    page.end_table(0, 0);
}

fn pseudonym(principal: &PrincipalSummary, names: &dyn Names) -> String {
    if principal.kind.is_some() {
        names.token(principal.key)
    } else {
        names.client(principal.key)
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{}", micros / 1_000, micros % 1_000 / 100)
}

/// The same as JSON, whole.
pub(super) fn json(state: &OperatorState) -> String {
    let summary = state.summary.load();
    let names = state.names.as_ref();
    let health: serde_json::Map<_, _> = Tally::ALL
        .iter()
        .map(|tally| {
            (
                format!("{:?}.{}", tally.group(), tally.name()),
                json!(state.tallies.total(*tally)),
            )
        })
        .collect();
    let alerts: Vec<_> = summary
        .alerts
        .iter()
        .map(|alert| {
            let words = SubjectWords::of(alert, names);
            json!({
                "time": alert.time.to_string(), "signal": alert.signal.name(), "severity": alert.severity.name(),
                "score": alert.score, "token": words.token, "client": words.client, "endpoint": words.endpoint,
                "explanation": explain::sentence(alert, names),
            })
        })
        .collect();
    let countries: Vec<_> = summary
        .countries
        .iter()
        .map(|(country, n)| json!({"country": country.code(), "requests": n}))
        .collect();
    let sensitive: Vec<_> = summary
        .sensitive
        .iter()
        .map(|entry| {
            let endpoint = summary.endpoint_name(entry.endpoint, names);
            json!({
                "endpoint": endpoint.map(|name| format!("{} {}", name.method, name.template)),
                "where": format!("{}:{}", entry.part.name(), names.text(entry.path, &summary.admitted)),
                "type": names.sensitive_type(entry.kind), "category": entry.category.name(), "count": entry.count,
                "first": entry.first.to_string(), "last": entry.last.to_string(),
            })
        })
        .collect();
    let masking: serde_json::Map<_, _> = summary
        .rules
        .iter()
        .map(|(rule, hits)| (names.rule(*rule), json!(hits)))
        .collect();
    let page = json!({
        "now": state.now.load().to_string(),
        "endpoints": summary.endpoints.iter().filter_map(|e| endpoint_json(e, names)).collect::<Vec<_>>(),
        "tokens": summary.principals.iter().map(|p| principal_json(p, &summary, names)).collect::<Vec<_>>(),
        "countries": countries,
        "sensitive": sensitive,
        "masking": masking,
        "alerts": alerts,
        "health": health,
    });
    page.to_string()
}

fn endpoint_json(endpoint: &EndpointSummary, names: &dyn Names) -> Option<Value> {
    let name = endpoint.name(names)?;
    Some(json!({
        "service": name.service, "method": name.method, "endpoint": name.template,
        "documented": endpoint.documented, "requests": endpoint.requests, "principals": endpoint.principals,
        "codes": codes(endpoint.by_class), "p50_us": endpoint.latency.p50_us, "p95_us": endpoint.latency.p95_us,
        "p99_us": endpoint.latency.p99_us, "request_bytes": endpoint.request_bytes,
        "response_bytes": endpoint.response_bytes, "first": endpoint.first.to_string(), "last": endpoint.last.to_string(),
    }))
}

fn principal_json(principal: &PrincipalSummary, summary: &Summary, names: &dyn Names) -> Value {
    let endpoints: Vec<_> = principal
        .endpoints
        .iter()
        .filter_map(|(id, n)| summary.endpoint_name(*id, names).map(|name| (name, n)))
        .map(|(name, n)| json!({"endpoint": format!("{} {}", name.method, name.template), "requests": n}))
        .collect();
    json!({
        "id": pseudonym(principal, names), "kind": principal.kind.map(TokenKind::name),
        "requests": principal.requests, "codes": codes(principal.by_class), "p50_us": principal.latency.p50_us,
        "request_bytes": principal.request_bytes, "response_bytes": principal.response_bytes, "endpoints": endpoints,
        "countries": principal.countries.iter().map(|(country, _)| country.code()).collect::<Vec<_>>(),
        "first": principal.first.to_string(), "last": principal.last.to_string(),
    })
}

fn codes(by_class: [u64; 6]) -> Value {
    let codes = Status::CLASSES.iter().zip(by_class).filter(|(_, n)| *n > 0);
    Value::Object(
        codes
            .map(|(class, n)| ((*class).to_owned(), json!(n)))
            .collect(),
    )
}

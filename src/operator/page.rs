//! The operator's page: one plain HTML page that refreshes itself, and the same as JSON.

use serde_json::{Value, json};

use super::OperatorState;
use super::metrics::SubjectWords;
use crate::analysis::explain;
use crate::analysis::summary::{EndpointSummary, PrincipalSummary, Summary};
use crate::observation::{Names, Status, TokenKind};
use crate::tally::{Group, Tally};
use crate::views::inventory::{InventoryView, StatusView, UndocumentedView};
use crate::views::{AdviceView, IntegrationView, ShareView, Words};

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
.note{color:#57606a}.bar{fill:#6e9bd1}.bad{fill:#b42318}label{display:inline-block;margin:.2rem .6rem .2rem 0}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th{background:#161b22}th,td{border-color:#30363d}
.high{color:#ff7b72}.medium{color:#ffa657}.low,.info,.note{color:#9da7b1}}
";

/// The page.
pub(super) fn render(state: &OperatorState) -> String {
    let summary = state.summary.load();
    let names = state.names.as_ref();
    let mut page = Page::begin("hushtap", Some(REFRESH_SECONDS));
    page.raw("<h1>hushtap</h1><p class=\"note\">Operator channel: pseudonymous, exact, and outside the privacy claim. ");
    page.raw("Packet time <time id=\"now\">");
    page.text(&state.now.load().to_string());
    page.raw("</time>. <a href=\"/tokens\">Tokens by time, endpoint, country and tag</a>.</p>");
    alerts(&mut page, names, &summary);
    endpoints(&mut page, names, &summary);
    tokens(&mut page, names, &summary);
    insights(&mut page, super::api::words(state, &summary));
    sensitive(&mut page, names, &summary);
    if let Some(view) = state.inventory(&summary) {
        inventory(&mut page, &view);
    }
    health(&mut page, state);
    page.raw("</body></html>");
    page.0
}

#[derive(Default)]
pub(super) struct Page(pub(super) String);

impl Page {
    /// The head, and the beginning of the body.
    pub(super) fn begin(title: &str, refresh: Option<u32>) -> Self {
        let mut page = Self::default();
        page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
        page.text(title);
        page.raw("</title>");
        if let Some(seconds) = refresh {
            page.raw(&format!(
                "<meta http-equiv=\"refresh\" content=\"{seconds}\">"
            ));
        }
        page.raw("<meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/style.css\"></head><body>");
        page
    }

    pub(super) fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    pub(super) fn text(&mut self, text: &str) {
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
    pub(super) fn table(&mut self, id: &str, title: &str, columns: &[&str]) {
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

    pub(super) fn cell(&mut self, text: &str) {
        self.raw("<td>");
        self.text(text);
        self.raw("</td>");
    }

    pub(super) fn code(&mut self, text: &str) {
        self.raw("<td><code>");
        self.text(text);
        self.raw("</code></td>");
    }

    pub(super) fn number(&mut self, number: impl std::fmt::Display) {
        self.raw(&format!("<td class=\"n\">{number}</td>"));
    }

    pub(super) fn end_table(&mut self, shown: usize, all: usize) {
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
        &[
            "time",
            "severity",
            "signal",
            "who",
            "risk",
            "what is unusual",
        ],
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
        page.number(alert.risk);
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

/// What documents and traffic say of each other.
fn inventory(page: &mut Page, view: &InventoryView) {
    let columns = ["what", "endpoint"];
    page.table("inventory", "Against the OpenAPI documents", &columns);
    let lists = [
        ("shadow", &view.shadow),
        ("deprecated, but used", &view.deprecated),
        ("unused", &view.unused),
    ];
    let all: usize = lists.iter().map(|(_, list)| list.len()).sum();
    let rows = lists
        .iter()
        .flat_map(|(what, list)| list.iter().map(move |one| (what, one)));
    for (what, endpoint) in rows.take(ROWS) {
        page.raw("<tr>");
        page.cell(what);
        page.code(endpoint);
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
    page.raw(&format!(
        "<p class=\"note\">{} documented endpoints are used; {} of {all} others shown; /api/inventory has them all.</p>",
        view.documented.len(),
        all.min(ROWS)
    ));
    undocumented(page, &view.undocumented_fields);
    statuses(page, &view.undocumented_statuses);
    violations(page, view);
}

fn undocumented(page: &mut Page, views: &[UndocumentedView]) {
    if views.is_empty() {
        return;
    }
    let columns = ["endpoint", "where", "#fields", "#seen"];
    let title = "Parameters and fields that the documents do not have";
    page.table("undocumented", title, &columns);
    let mut busiest: Vec<_> = views.iter().collect();
    busiest.sort_by_key(|one| std::cmp::Reverse(one.count));
    for one in busiest.iter().take(ROWS) {
        page.raw("<tr>");
        page.code(&one.endpoint);
        page.code(&one.place);
        page.number(one.fields);
        page.number(one.count);
        page.raw("</tr>");
    }
    page.raw("</tbody></table><p class=\"note\">In answers: of a sample of each endpoint.</p>");
    more(page, views.len());
}

fn statuses(page: &mut Page, views: &[StatusView]) {
    if views.is_empty() {
        return;
    }
    let columns = ["endpoint", "#status", "#answers"];
    page.table(
        "statuses",
        "Statuses that the documents do not list",
        &columns,
    );
    let mut busiest: Vec<_> = views.iter().collect();
    busiest.sort_by_key(|one| std::cmp::Reverse(one.count));
    for one in busiest.iter().take(ROWS) {
        page.raw("<tr>");
        page.code(&one.endpoint);
        page.number(one.status);
        page.number(one.count);
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
    more(page, views.len());
}

/// Says how many rows are not shown.
fn more(page: &mut Page, all: usize) {
    if all > ROWS {
        page.raw(&format!(
            "<p class=\"note\">{ROWS} of {all} shown; /api/inventory has them all.</p>"
        ));
    }
}

fn violations(page: &mut Page, view: &InventoryView) {
    if view.schema_violations.is_empty() {
        return;
    }
    let columns = ["rule", "endpoint", "where", "#requests", "#accepted"];
    page.table("violations", "Requests that break the documents", &columns);
    let mut busiest: Vec<_> = view.schema_violations.iter().collect();
    busiest.sort_by_key(|one| std::cmp::Reverse(one.count));
    for one in busiest.iter().take(ROWS) {
        page.raw("<tr>");
        page.cell(one.rule);
        page.code(&one.endpoint);
        page.code(&one.place);
        page.number(one.count);
        page.number(one.accepted);
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
    more(page, view.schema_violations.len());
}

/// Integrations, releases, heaviest operations and advice.
fn insights(page: &mut Page, words: Words<'_>) {
    let integrations = words.integrations();
    if !integrations.is_empty() {
        integration_rows(page, &integrations);
    }
    let analytics = words.analytics();
    let releases = [
        ("clients", "Client releases", &analytics.releases.clients),
        ("servers", "Server releases", &analytics.releases.servers),
    ];
    for (id, title, list) in releases.into_iter().filter(|(.., list)| !list.is_empty()) {
        let columns = [
            "release",
            "#requests",
            "#4xx",
            "#5xx",
            "#p95 ms",
            "first seen",
            "last seen",
        ];
        page.table(id, title, &columns);
        for view in list.iter().take(ROWS) {
            page.raw("<tr>");
            page.cell(&view.release);
            page.number(view.requests);
            page.number(view.client_errors);
            page.number(view.server_errors);
            page.number(view.latency.map_or_else(String::new, |l| millis(l.p95_us)));
            page.cell(&view.first_seen);
            page.cell(&view.last_seen);
            page.raw("</tr>");
        }
        page.end_table(list.len().min(ROWS), list.len());
    }
    let columns = [
        "endpoint",
        "#latency ms in sum",
        "#bytes",
        "most latency",
        "most bytes",
    ];
    page.table(
        "heaviest",
        "Heaviest operations, and the tokens that drive them",
        &columns,
    );
    let first = |list: &[ShareView]| {
        let first = list.first();
        first.map_or_else(String::new, |top| {
            format!("{} ({:.1} %)", top.token, top.share * 100.0)
        })
    };
    for view in analytics.heaviest.iter().take(ROWS) {
        page.raw("<tr>");
        page.code(&view.endpoint);
        page.number(view.latency_us / 1_000);
        page.number(view.bytes);
        page.cell(&first(&view.by_latency));
        page.cell(&first(&view.by_bytes));
        page.raw("</tr>");
    }
    page.end_table(analytics.heaviest.len().min(ROWS), analytics.heaviest.len());
    limits(page, &words.advice());
}

fn integration_rows(page: &mut Page, integrations: &[IntegrationView]) {
    let columns = [
        "name",
        "#requests",
        "#tokens",
        "#p95 ms",
        "#cost units",
        "tags",
        "last seen",
    ];
    page.table("integrations", "Integrations", &columns);
    for view in integrations.iter().take(ROWS) {
        let tags = view.tags.iter();
        let tags: Vec<_> = tags
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        page.raw("<tr>");
        page.cell(&view.integration);
        page.number(view.requests);
        page.number(view.tokens);
        page.number(millis(view.latency.p95_us));
        page.number(
            view.cost_units
                .map_or_else(String::new, |units| units.to_string()),
        );
        page.cell(&tags.join(" "));
        page.cell(view.last_seen.as_deref().unwrap_or("never"));
        page.raw("</tr>");
    }
    page.end_table(integrations.len().min(ROWS), integrations.len());
}

/// Advice on limits; the rest of the advice is in the report.
fn limits(page: &mut Page, advice: &[AdviceView]) {
    let columns = [
        "endpoint",
        "#window s",
        "#tokens",
        "#p50",
        "#p99",
        "#most",
        "#limit",
        "#would touch",
    ];
    page.table(
        "limits",
        "Limits on requests of one token that leave the usual alone",
        &columns,
    );
    let limits: Vec<_> = advice
        .iter()
        .filter_map(|view| match view {
            AdviceView::RateLimit {
                endpoint, windows, ..
            } => Some((endpoint, windows)),
            AdviceView::UnusedIntegration { .. }
            | AdviceView::UnderusedIntegration { .. }
            | AdviceView::UnderusedEndpoint { .. } => None,
        })
        .collect();
    for (endpoint, windows) in limits.iter().take(ROWS) {
        for limit in *windows {
            page.raw("<tr>");
            page.code(endpoint);
            page.number(limit.window_seconds);
            page.number(limit.tokens);
            page.number(limit.p50);
            page.number(limit.p99);
            page.number(limit.max);
            page.number(limit.suggested_limit);
            page.number(limit.tokens_touched);
            page.raw("</tr>");
        }
    }
    page.end_table(limits.len().min(ROWS), limits.len());
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
                "score": alert.score, "risk": alert.risk, "token": words.token, "client": words.client, "endpoint": words.endpoint,
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

//! The report for people: what an analyst asks first comes first, and every loss is named.

use std::fmt::Write as _;

use serde_json::Value;

use super::inventory;
use super::table::{Align, Table, duration, grouped, printable, size, unless_zero};
use super::view::{EndpointView, LossView, PrincipalView, SensitiveView, View};
use crate::views::Counts;

/// Rows of each table; the JSON report has all.
pub(super) const ROWS: usize = 30;

/// All sections. Those with nothing to say are left out, save the loss account.
pub(super) fn render(view: &View) -> String {
    let mut out = String::new();
    captures(&mut out, view);
    totals(&mut out, view);
    loss(&mut out, &view.loss);
    endpoints(&mut out, &view.endpoints);
    principals(&mut out, "Tokens", &view.tokens);
    principals(&mut out, "Clients without a token", &view.clients);
    super::analytics::write(&mut out, view);
    counts(
        &mut out,
        "Countries",
        "country",
        "requests",
        &view.countries,
    );
    sensitive(&mut out, &view.sensitive_data_map);
    if view.has_documents {
        heading(&mut out, "Inventory against the OpenAPI documents");
        inventory::text(&mut out, &view.inventory);
    }
    alerts(&mut out, &view.alerts);
    counts(&mut out, "Masking", "rule", "hits", &view.masking);
    out
}

pub(super) fn heading(out: &mut String, title: &str) {
    if !out.is_empty() {
        out.push('\n');
    }
    writeln!(out, "{title}").unwrap_or_default();
}

pub(super) fn more(out: &mut String, all: usize) {
    if all > ROWS {
        let left = u64::try_from(all - ROWS).unwrap_or(u64::MAX);
        writeln!(out, "  ... {} more; --report json has all", grouped(left)).unwrap_or_default();
    }
}

fn captures(out: &mut String, view: &View) {
    heading(out, "Captures");
    let mut table = Table::new(&[
        ("file", Align::Left),
        ("packets", Align::Right),
        ("bytes", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
        ("damage", Align::Left),
    ]);
    for capture in view.captures.iter().take(ROWS) {
        let range = capture.time_range.as_ref();
        table.row(&[
            capture.file.clone(),
            grouped(capture.packets),
            size(capture.bytes),
            range.map(|r| r.from.clone()).unwrap_or_default(),
            range.map(|r| r.to.clone()).unwrap_or_default(),
            capture.damage.as_ref().map_or_else(String::new, |damage| {
                format!(
                    "{} at byte {}; everything before it was analysed",
                    damage.what, damage.offset
                )
            }),
        ]);
    }
    table.write(out);
    more(out, view.captures.len());
}

fn totals(out: &mut String, view: &View) {
    heading(out, "Totals");
    let mut line = |name: &str, value: String| {
        writeln!(out, "  {name:<13} {value}").unwrap_or_default();
    };
    if let Some(select) = &view.select {
        let whole = "packets, bytes, flows and losses are those of the whole";
        line("narrowed to", format!("{} ({whole})", printable(select)));
    }
    if let Some(range) = &view.time_range {
        let span = format!("{} to {} ({:.1} s)", range.from, range.to, range.seconds);
        line("time range", span);
    }
    line("packets", grouped(view.packets));
    line(
        "bytes",
        format!("{} ({})", grouped(view.bytes), size(view.bytes)),
    );
    line(
        "flows",
        format!("{}{}", grouped(view.flows), flow_facts(view)),
    );
    let t = view.transactions;
    let states = [
        ("complete", t.complete),
        ("no response", t.no_response),
        ("no request", t.no_request),
        ("truncated", t.truncated),
    ];
    let states = join(
        states
            .iter()
            .map(|(name, n)| format!("{name} {}", grouped(*n))),
    );
    line(
        "transactions",
        format!("{} ({states})", grouped(view.all_transactions())),
    );
    if !view.protocols.is_empty() {
        line("protocols", listed(&view.protocols, usize::MAX));
    }
    if !view.tls.flows.is_empty() {
        line("TLS flows", listed(&view.tls.flows, usize::MAX));
    }
    line("alerts", alert_counts(&view.alerts));
}

fn flow_facts(view: &View) -> String {
    let facts = join(
        view.flow_facts
            .iter()
            .filter(|(name, _)| *name != "flows_opened")
            .map(|(name, n)| {
                let name = name.trim_start_matches("flows_").replace('_', " ");
                format!("{name} {}", grouped(*n))
            }),
    );
    if facts.is_empty() {
        facts
    } else {
        format!(" ({facts})")
    }
}

fn alert_counts(alerts: &[Value]) -> String {
    let severities: Vec<_> = ["high", "medium", "low", "info"]
        .iter()
        .map(|severity| {
            (
                severity,
                alerts.iter().filter(|a| field(a, "severity") == *severity),
            )
        })
        .map(|(severity, found)| (severity, found.count()))
        .filter(|(_, count)| *count > 0)
        .collect();
    if severities.is_empty() {
        return "none".to_owned();
    }
    join(severities.iter().map(|(name, n)| format!("{name} {n}")))
}

/// Shows that the account closes: in = analysed + each reason.
fn loss(out: &mut String, loss: &LossView) {
    heading(out, "Loss account");
    let mut table = Table::new(&[
        ("", Align::Left),
        ("packets", Align::Right),
        ("stream bytes", Align::Right),
    ]);
    let mut names: Vec<&String> = loss
        .reasons
        .keys()
        .chain(loss.bytes.reasons.keys())
        .collect();
    names.sort();
    names.dedup();
    let total = |reasons: &Counts, analysed: u64| analysed + reasons.values().sum::<u64>();
    table.row(&[
        "in".to_owned(),
        grouped(loss.packets_in),
        grouped(loss.bytes.bytes_in),
    ]);
    table.row(&[
        "= analysed".to_owned(),
        grouped(loss.analysed),
        grouped(loss.bytes.analysed),
    ]);
    for name in names {
        let (packets, bytes) = (loss.reasons.get(name), loss.bytes.reasons.get(name));
        if packets.is_some_and(|n| *n > 0) || bytes.is_some_and(|n| *n > 0) {
            let shown = |count: Option<&u64>| unless_zero(count.copied().unwrap_or(0));
            let name = format!("+ {}", name.replace('_', " "));
            table.row(&[name, shown(packets), shown(bytes)]);
        }
    }
    let open = |sum: u64, all: u64| {
        if sum == all {
            "closes"
        } else {
            "DOES NOT CLOSE"
        }
    };
    table.row(&[
        "account".to_owned(),
        open(total(&loss.reasons, loss.analysed), loss.packets_in).to_owned(),
        open(
            total(&loss.bytes.reasons, loss.bytes.analysed),
            loss.bytes.bytes_in,
        )
        .to_owned(),
    ]);
    table.write(out);
    if !loss.limits.is_empty() {
        let limits = join(
            loss.limits
                .iter()
                .map(|(name, n)| format!("{} {}", name.replace('_', " "), grouped(*n))),
        );
        writeln!(out, "  limits hit: {limits}").unwrap_or_default();
    }
}

fn endpoints(out: &mut String, endpoints: &[EndpointView]) {
    if endpoints.is_empty() {
        return;
    }
    heading(out, "Endpoints");
    let one_service = endpoints
        .first()
        .is_some_and(|first| endpoints.iter().all(|view| view.service == first.service));
    let mut table = Table::new(&[
        ("requests", Align::Right),
        ("2xx", Align::Right),
        ("3xx", Align::Right),
        ("4xx", Align::Right),
        ("5xx", Align::Right),
        ("none", Align::Right),
        ("principals", Align::Right),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("in", Align::Right),
        ("out", Align::Right),
        ("service", Align::Left),
        ("endpoint", Align::Left),
    ]);
    for view in endpoints.iter().take(ROWS) {
        let code = |class: &str| unless_zero(view.by_code.get(class).copied().unwrap_or(0));
        table.row(&[
            grouped(view.requests),
            code("2xx"),
            code("3xx"),
            code("4xx"),
            code("5xx"),
            code("none"),
            grouped(view.principals),
            duration(view.latency.p50_us),
            duration(view.latency.p95_us),
            size(view.request_body_bytes),
            size(view.response_body_bytes),
            if one_service {
                String::new()
            } else {
                view.service.clone()
            },
            view.endpoint.clone(),
        ]);
    }
    table.write(out);
    more(out, endpoints.len());
}

fn principals(out: &mut String, title: &str, views: &[PrincipalView]) {
    if views.is_empty() {
        return;
    }
    heading(out, title);
    let mut table = Table::new(&[
        ("pseudonym", Align::Left),
        ("kind", Align::Left),
        ("requests", Align::Right),
        ("4xx", Align::Right),
        ("5xx", Align::Right),
        ("p95", Align::Right),
        ("out", Align::Right),
        ("hours (UTC)", Align::Left),
        ("countries", Align::Left),
        ("agents", Align::Left),
        ("endpoints", Align::Left),
    ]);
    for view in views.iter().take(ROWS) {
        let code = |class: &str| unless_zero(view.by_code.get(class).copied().unwrap_or(0));
        let name = view.token.as_ref().or(view.client.as_ref());
        table.row(&[
            name.cloned().unwrap_or_default(),
            view.kind.unwrap_or_default().to_owned(),
            grouped(view.requests),
            code("4xx"),
            code("5xx"),
            duration(view.latency.p95_us),
            size(view.response_body_bytes),
            view.details.as_ref().map_or_else(String::new, |details| {
                super::analytics::day_bars(&details.heartbeat)
            }),
            words(&view.countries, 3),
            words(&view.agents, 2),
            words(&view.endpoints, 1),
        ]);
    }
    table.write(out);
    more(out, views.len());
}

fn sensitive(out: &mut String, views: &[SensitiveView]) {
    if views.is_empty() {
        return;
    }
    heading(out, "Sensitive data");
    let mut busiest: Vec<_> = views.iter().collect();
    busiest.sort_by_key(|view| std::cmp::Reverse(view.count));
    let mut table = Table::new(&[
        ("values", Align::Right),
        ("category", Align::Left),
        ("type", Align::Left),
        ("endpoint", Align::Left),
        ("where", Align::Left),
        ("last seen", Align::Left),
    ]);
    for view in busiest.into_iter().take(ROWS) {
        table.row(&[
            grouped(view.count),
            view.category.to_owned(),
            view.kind.clone(),
            view.endpoint.clone(),
            view.place.clone(),
            view.last_seen.clone(),
        ]);
    }
    table.write(out);
    more(out, views.len());
}

fn alerts(out: &mut String, alerts: &[Value]) {
    if alerts.is_empty() {
        return;
    }
    heading(out, "Alerts");
    for alert in alerts.iter().take(ROWS) {
        let subject = field(alert, field(alert, "subject"));
        writeln!(
            out,
            "  {}  {:<6}  {:<16}  {}  risk {:.2}",
            field(alert, "time"),
            field(alert, "severity"),
            field(alert, "signal"),
            printable(subject),
            alert
                .get("risk")
                .and_then(Value::as_f64)
                .unwrap_or_default()
        )
        .unwrap_or_default();
        writeln!(out, "    {}", printable(field(alert, "explanation"))).unwrap_or_default();
    }
    more(out, alerts.len());
}

fn counts(out: &mut String, title: &str, name: &'static str, unit: &'static str, counts: &Counts) {
    if counts.is_empty() {
        return;
    }
    heading(out, title);
    let mut table = Table::new(&[(unit, Align::Right), (name, Align::Left)]);
    for (name, count) in busiest(counts).into_iter().take(ROWS) {
        table.row(&[grouped(count), name.to_owned()]);
    }
    table.write(out);
    more(out, counts.len());
}

fn busiest(counts: &Counts) -> Vec<(&str, u64)> {
    let mut sorted: Vec<_> = counts.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    sorted
}

/// `name count, name count`, busiest first.
fn listed(counts: &Counts, most: usize) -> String {
    let shown = busiest(counts).into_iter().take(most);
    join(shown.map(|(name, count)| format!("{name} {}", grouped(count))))
}

/// The busiest names, at most so many, without their counts.
pub(super) fn words(counts: &Counts, most: usize) -> String {
    let names = busiest(counts).into_iter().take(most);
    let mut text = join(names.map(|(name, _)| name.to_owned()));
    if counts.len() > most {
        write!(text, " +{}", counts.len() - most).unwrap_or_default();
    }
    text
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn field<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

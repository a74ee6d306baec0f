//! Analytics in the report for people.

use std::fmt::Write as _;

use super::table::{Align, Table, duration, grouped, size, unless_zero};
use super::text::{ROWS, heading, more, words};
use super::view::{PrincipalView, View};
use crate::views::{AdviceView, Heartbeat, IntegrationView, LimitView, ReleaseView, ShareView};

/// Everything behind the tables of tokens and clients.
pub(super) fn write(out: &mut String, view: &View) {
    integrations(out, &view.integrations);
    hygiene(out, &view.tokens);
    let releases = &view.analytics.releases;
    compared(out, "Client releases", &releases.clients);
    compared(out, "Server releases", &releases.servers);
    heaviest(out, view);
    adoption(out, view);
    advice(out, &view.advice);
}

/// Calls by hour of the day (UTC), as 24 bars.
pub(super) fn day_bars(heartbeat: &Heartbeat) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut hours = [0_u64; 24];
    for (name, calls) in &heartbeat.0 {
        let hour = name.rsplit(' ').next().and_then(|hour| hour.parse().ok());
        if let Some(sum) = hour.and_then(|hour: usize| hours.get_mut(hour)) {
            *sum += u64::from(*calls);
        }
    }
    let most = hours.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return String::new();
    }
    let bar = |calls: &u64| {
        let step = usize::try_from(calls * 7 / most).unwrap_or(0);
        let bar = BARS.get(step).copied().unwrap_or('█');
        if *calls == 0 { '·' } else { bar }
    };
    hours.iter().map(bar).collect()
}

/// Seconds in the largest unit of which there are two.
fn span(seconds: u32) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let fitting = units.iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, name) = fitting.copied().unwrap_or((1, "s"));
    format!("{} {name}", grouped(u64::from(seconds / unit)))
}

fn percent(share: f64) -> String {
    if share == 0.0 {
        return String::new();
    }
    format!("{:.1} %", share * 100.0)
}

fn integrations(out: &mut String, views: &[IntegrationView]) {
    if views.is_empty() {
        return;
    }
    heading(out, "Integrations");
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("requests", Align::Right),
        ("errors", Align::Right),
        ("429", Align::Right),
        ("tokens", Align::Right),
        ("p95", Align::Right),
        ("out", Align::Right),
        ("cost units", Align::Right),
        ("hours (UTC)", Align::Left),
        ("countries", Align::Left),
        ("busiest endpoint", Align::Left),
        ("last seen", Align::Left),
    ]);
    for view in views.iter().take(ROWS) {
        let cost = view.cost_units.map(|units| format!("{units:.2}"));
        let busiest = view.load.first().map(|load| load.endpoint.clone());
        table.row(&[
            view.integration.clone(),
            grouped(view.requests),
            percent(view.error_share),
            unless_zero(view.rate_limit.map_or(0, |limit| limit.refused)),
            grouped(view.tokens),
            duration(view.latency.p95_us),
            size(view.response_body_bytes),
            cost.unwrap_or_default(),
            day_bars(&view.heartbeat),
            words(&view.countries, 3),
            busiest.unwrap_or_default(),
            view.last_seen.clone().unwrap_or_else(|| "never".to_owned()),
        ]);
    }
    table.write(out);
    more(out, views.len());
}

/// Tokens with something worth a look; that everything is in clear text is said once.
fn hygiene(out: &mut String, tokens: &[PrincipalView]) {
    let known: Vec<_> = tokens
        .iter()
        .filter_map(|token| Some((token, token.details.as_ref()?.hygiene?)))
        .collect();
    let clear = known.iter().filter(|(_, h)| h.clear_text_calls > 0).count();
    let wrong: Vec<_> = known
        .iter()
        .filter(|(_, h)| {
            h.expired_accepted + h.unsigned_accepted + h.dpop_missing_accepted > 0
                || h.never_expires
                || h.credentials > 1
        })
        .collect();
    if known.is_empty() {
        return;
    }
    heading(out, "Token hygiene");
    writeln!(
        out,
        "  {} of {} tokens were sent outside TLS, as the tap sees it",
        grouped(clear as u64),
        grouped(tokens.len() as u64)
    )
    .unwrap_or_default();
    if wrong.is_empty() {
        return;
    }
    let mut table = Table::new(&[
        ("token", Align::Left),
        ("credentials", Align::Right),
        ("lifetime", Align::Right),
        ("expired accepted", Align::Right),
        ("unsigned accepted", Align::Right),
        ("no DPoP proof", Align::Right),
        ("bound", Align::Left),
    ]);
    for (token, h) in wrong.iter().take(ROWS) {
        let lifetime = h.lifetime_seconds.map(span);
        table.row(&[
            token.token.clone().unwrap_or_default(),
            unless_zero(u64::from(h.credentials)),
            if h.never_expires {
                "endless".to_owned()
            } else {
                lifetime.unwrap_or_default()
            },
            unless_zero(h.expired_accepted),
            unless_zero(h.unsigned_accepted),
            unless_zero(h.dpop_missing_accepted),
            if h.sender_constrained { "yes" } else { "" }.to_owned(),
        ]);
    }
    table.write(out);
    more(out, wrong.len());
}

fn compared(out: &mut String, title: &str, views: &[ReleaseView]) {
    if views.is_empty() {
        return;
    }
    heading(out, title);
    let mut table = Table::new(&[
        ("release", Align::Left),
        ("requests", Align::Right),
        ("4xx", Align::Right),
        ("5xx", Align::Right),
        ("errors", Align::Right),
        ("p50", Align::Right),
        ("p95", Align::Right),
        ("first seen", Align::Left),
        ("last seen", Align::Left),
    ]);
    for view in views.iter().take(ROWS) {
        let latency = view.latency;
        table.row(&[
            view.release.clone(),
            grouped(view.requests),
            unless_zero(view.client_errors),
            unless_zero(view.server_errors),
            percent(view.error_share),
            latency.map(|l| duration(l.p50_us)).unwrap_or_default(),
            latency.map(|l| duration(l.p95_us)).unwrap_or_default(),
            view.first_seen.clone(),
            view.last_seen.clone(),
        ]);
    }
    table.write(out);
    more(out, views.len());
}

fn heaviest(out: &mut String, view: &View) {
    let views = &view.analytics.heaviest;
    if views.is_empty() {
        return;
    }
    heading(out, "Heaviest operations, and the tokens that drive them");
    let mut table = Table::new(&[
        ("latency in sum", Align::Right),
        ("share", Align::Right),
        ("bytes", Align::Right),
        ("endpoint", Align::Left),
        ("most latency", Align::Left),
        ("most bytes", Align::Left),
    ]);
    let first = |list: &[ShareView]| {
        let first = list.first();
        first.map_or_else(String::new, |top| {
            format!("{} ({})", top.token, percent(top.share))
        })
    };
    for view in views.iter().take(ROWS / 3) {
        table.row(&[
            duration(view.latency_us),
            percent(view.share_of_latency),
            size(view.bytes),
            view.endpoint.clone(),
            first(&view.by_latency),
            first(&view.by_bytes),
        ]);
    }
    table.write(out);
    more_than(out, views.len(), ROWS / 3);
}

/// Only where there is more than one day to compare.
fn adoption(out: &mut String, view: &View) {
    let views = &view.analytics.adoption;
    if views.iter().all(|view| view.days.len() < 2) {
        return;
    }
    heading(out, "Adoption: distinct tokens by day (new ones)");
    let mut table = Table::new(&[("endpoint", Align::Left), ("last seven days", Align::Left)]);
    for view in views.iter().take(ROWS) {
        let days = view.days.iter().rev().take(7).rev();
        let days = days.map(|day| format!("{}: {} ({})", day.day, day.tokens, day.new));
        table.row(&[view.endpoint.clone(), days.collect::<Vec<_>>().join("  ")]);
    }
    table.write(out);
    more(out, views.len());
}

fn advice(out: &mut String, views: &[AdviceView]) {
    if views.is_empty() {
        return;
    }
    heading(out, "Advice");
    let mut table = Table::new(&[
        ("endpoint", Align::Left),
        ("window", Align::Right),
        ("tokens", Align::Right),
        ("p50", Align::Right),
        ("p99", Align::Right),
        ("most", Align::Right),
        ("limit", Align::Right),
        ("would touch", Align::Right),
    ]);
    let (mut limits, mut others) = (Vec::new(), Vec::new());
    for view in views {
        match view {
            AdviceView::RateLimit {
                endpoint, windows, ..
            } => limits.push((endpoint, windows)),
            AdviceView::UnusedIntegration { integration } => {
                others.push(format!(
                    "integration {integration} is listed and was not seen"
                ));
            }
            AdviceView::UnderusedIntegration {
                integration,
                requests,
                last_seen,
            } => others.push(format!(
                "integration {integration} is hardly used: {} requests, the last at {last_seen}",
                grouped(*requests)
            )),
            AdviceView::UnderusedEndpoint {
                endpoint,
                requests,
                principals,
                ..
            } => others.push(format!(
                "{endpoint} is hardly used: {} requests of {}",
                grouped(*requests),
                grouped(*principals)
            )),
        }
    }
    // Where single tokens call most, a limit matters most.
    let most = |windows: &[LimitView]| windows.last().map_or(0, |hour| hour.max);
    limits.sort_by_key(|(_, windows)| std::cmp::Reverse(most(windows)));
    let rows = limits.len();
    for (endpoint, windows) in limits.iter().take(ROWS / 3) {
        for limit in *windows {
            table.row(&[
                (*endpoint).clone(),
                format!("{} min", limit.window_seconds / 60),
                grouped(limit.tokens),
                grouped(u64::from(limit.p50)),
                grouped(u64::from(limit.p99)),
                grouped(u64::from(limit.max)),
                grouped(u64::from(limit.suggested_limit)),
                grouped(limit.tokens_touched),
            ]);
        }
    }
    if rows > 0 {
        writeln!(
            out,
            "  limits on requests of one token that leave the usual alone:"
        )
        .unwrap_or_default();
        table.write(out);
        more_than(out, rows, ROWS / 3);
    }
    for line in others.iter().take(ROWS) {
        writeln!(out, "  {}", super::printable(line)).unwrap_or_default();
    }
    more(out, others.len());
}

fn more_than(out: &mut String, all: usize, shown: usize) {
    if all > shown {
        writeln!(
            out,
            "  ... {} more; --report json has all",
            grouped((all - shown) as u64)
        )
        .unwrap_or_default();
    }
}

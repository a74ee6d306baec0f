//! One English sentence an alert: what was observed, what is usual, the most ever seen, and over how long.
//!
//! Made at the edge (report, alerts file, console), from the alert's evidence alone, so that all of them say the same.

mod habits;

use super::alert::{Alert, Severity, Signal, Subject};
use crate::observation::{Country, ExposedIn, Names};

/// What there may be one of, as it is said of several and of one.
const COUNTED: [(&str, &str); 9] = [
    ("active days", "active day"),
    ("attempts", "attempt"),
    ("bodies", "body"),
    ("calls", "call"),
    ("days", "day"),
    ("different accounts", "account"),
    ("known endpoints", "known endpoint"),
    ("new objects", "new object"),
    ("steps", "step"),
];

/// The sentence.
pub fn sentence(alert: &Alert, names: &dyn Names) -> String {
    let sentence = counted(alert, names);
    COUNTED.iter().fold(sentence, |sentence, (many, one)| {
        sentence.replace(&format!(" 1 {many}"), &format!(" 1 {one}"))
    })
}

/// The sentence, where all there is one of is told as if there were more.
fn counted(alert: &Alert, names: &dyn Names) -> String {
    let who = who(alert, names);
    let place = endpoint(alert, names);
    match alert.signal {
        Signal::Volume => volume(alert, &who),
        Signal::PayloadRequest => payload(alert, &who, &place, "sent"),
        Signal::PayloadResponse => payload(alert, &who, &place, "received"),
        Signal::EndpointErrors => errors(alert, &place),
        Signal::NewEndpoint => newness(alert, &who, &place),
        Signal::SecretExposed => exposure(alert, &who, &place, names),
        Signal::TokenHygiene => hygiene(alert, &who),
        Signal::ShadowEndpoint => shadow(alert, &who, &place),
        Signal::SchemaViolation => schema(alert, &who, &place),
        Signal::EndpointNovel
        | Signal::Sequence
        | Signal::FieldErrors
        | Signal::Geo
        | Signal::Agent
        | Signal::ConcurrentUse
        | Signal::Hours
        | Signal::Enumeration
        | Signal::DeniedObjects
        | Signal::AuthFailures
        | Signal::EndpointLatency
        | Signal::PathScan => {
            habits::sentence(alert, &who, &place).unwrap_or_else(|| plain(alert, &who))
        }
    }
}

fn volume(alert: &Alert, who: &str) -> String {
    let span = span(fact(alert, "window_seconds"));
    format!(
        "{who} made {} calls in {span}; usual when it is active are {} and the most ever were {}, over {} active days and {} calls.",
        number(fact(alert, "observed_calls")),
        number(fact(alert, "usual_calls")),
        number(fact(alert, "most_ever_calls")),
        number(fact(alert, "active_days")),
        number(fact(alert, "calls_so_far")),
    )
}

fn shadow(alert: &Alert, who: &str, place: &str) -> String {
    format!(
        "{place}, which no OpenAPI document has, was called with success {} within ten seconds, first by {who}; usual and the most ever were 0, over {} days.",
        times(fact(alert, "observed_calls")),
        number(fact(alert, "known_days")),
    )
}

/// So many times, in words.
fn times(count: f64) -> String {
    if count <= 1.0 {
        "once".to_owned()
    } else {
        format!("{} times", number(count))
    }
}

fn schema(alert: &Alert, who: &str, place: &str) -> String {
    format!(
        "{who} sent {} of {} requests to {place} within the last half hour that break its OpenAPI document, {} of them refused; usual for as many are {} and the most ever were {}, over {} days and {} requests of all.",
        number(fact(alert, "observed_requests")),
        number(fact(alert, "checked_requests")),
        number(fact(alert, "refused_requests")),
        number(fact(alert, "usual_requests")),
        number(fact(alert, "most_ever_requests")),
        number(fact(alert, "known_days")),
        number(fact(alert, "known_requests")),
    )
}

fn payload(alert: &Alert, who: &str, place: &str, verb: &str) -> String {
    format!(
        "{who} {verb} a body of {} bytes at {place}; usual there are {} bytes and the most ever were {}, over {} bodies in {} days.",
        number(fact(alert, "observed_bytes")),
        number(fact(alert, "usual_bytes")),
        number(fact(alert, "most_ever_bytes")),
        number(fact(alert, "bodies_known")),
        number(fact(alert, "known_days")),
    )
}

fn errors(alert: &Alert, place: &str) -> String {
    format!(
        "{place} answered {} of the last {} calls ({} %) with {}xx; usual is {} % and the most ever in five minutes was {} %, over {} calls in {} days.",
        number(fact(alert, "observed_errors")),
        number(fact(alert, "observed_calls")),
        number(fact(alert, "observed_percent")),
        number(fact(alert, "status_class")),
        number(fact(alert, "usual_percent")),
        number(fact(alert, "most_ever_percent")),
        number(fact(alert, "calls_known")),
        number(fact(alert, "known_days")),
    )
}

fn newness(alert: &Alert, who: &str, place: &str) -> String {
    let users = fact(alert, "observed_users");
    let known = format!(
        "usual and most ever before were 0, over {} days and {} known endpoints",
        number(fact(alert, "known_days")),
        number(fact(alert, "known_endpoints")),
    );
    let seconds = alert.window_end.secs() - alert.window_start.secs().min(alert.window_end.secs());
    if alert.update == 0 {
        return format!("{place} answered with success for the first time, to {who}; {known}.");
    }
    let many = if users > 1.0 { "users" } else { "user" };
    let taken_up = if alert.severity == Severity::Info {
        "looks like a deploy"
    } else {
        "is not taken up like a deploy"
    };
    format!(
        "{place}, first seen {} before, has {} successful {many}, the first being {who}, and {taken_up}; {known}.",
        span(exact(seconds)),
        number(users),
    )
}

fn exposure(alert: &Alert, who: &str, place: &str, names: &dyn Names) -> String {
    let (kind, stood) = match alert.exposed {
        Some((kind, ExposedIn::Sink(sink))) => (
            names.sensitive_type(kind),
            format!("telemetry sent to {}", sink.name()),
        ),
        Some((kind, place)) => (names.sensitive_type(kind), format!("the {}", place.name())),
        None => ("secret".to_owned(), "a place it must not be in".to_owned()),
    };
    let values = fact(alert, "observed_values");
    let times = if values > 1.0 { "times" } else { "time" };
    format!(
        "{place} has a secret of type {kind} in {stood}, {} {times}, first with {who}; usual and most ever before were 0, over {} days.",
        number(values),
        number(fact(alert, "known_days")),
    )
}

fn hygiene(alert: &Alert, who: &str) -> String {
    let told = [
        (
            "unsigned_accepted",
            "accepted",
            "its JWT is not signed (alg=none)",
        ),
        ("expired_accepted", "accepted", "its JWT has expired"),
        (
            "unproven_accepted",
            "accepted",
            "no DPoP proof came with it",
        ),
        (
            "clear_text_calls",
            "sent in clear text",
            "other traffic is inside TLS",
        ),
    ];
    let told: Vec<_> = told
        .iter()
        .map(|(name, what, though)| (fact(alert, name), what, though))
        .filter(|(calls, ..)| *calls > 0.0)
        .map(|(calls, what, though)| {
            let times = if calls > 1.0 { "times" } else { "time" };
            format!("was {what} {} {times} though {though}", number(calls))
        })
        .collect();
    format!(
        "{who} {}; usual and most ever before were 0, over {} active days and {} calls.",
        told.join(" and "),
        number(fact(alert, "active_days")),
        number(fact(alert, "calls_so_far")),
    )
}

/// For signals without a sentence of their own.
fn plain(alert: &Alert, who: &str) -> String {
    let facts: Vec<_> = alert
        .evidence
        .iter()
        .map(|e| format!("{} {}", e.name.replace('_', " "), number(e.value)))
        .collect();
    format!(
        "{} of {who}: {}.",
        alert.signal.name().replace('_', " "),
        facts.join(", ")
    )
}

/// Who, and from where.
fn who(alert: &Alert, names: &dyn Names) -> String {
    let token = match alert.subject {
        Subject::Token(token) => Some(token),
        Subject::Client(_) => None,
        Subject::Endpoint(_) => alert.token,
    };
    let client = match alert.subject {
        Subject::Client(client) => Some(client),
        Subject::Token(_) | Subject::Endpoint(_) => alert.client,
    };
    let token = token.map(|token| format!("token {}", names.token(token)));
    let client = client.map(|client| format!("client {}", names.client(client)));
    let country = (alert.country != Country::UNKNOWN).then(|| alert.country.code().to_owned());
    let mut facts = token.into_iter().chain(client).chain(country);
    let first = facts.next().unwrap_or_else(|| "somebody".to_owned());
    let origin: Vec<_> = facts.collect();
    if origin.is_empty() {
        first
    } else {
        format!("{first} ({})", origin.join(", "))
    }
}

fn endpoint(alert: &Alert, names: &dyn Names) -> String {
    match alert.endpoint_name(names) {
        Some(name) => format!("{} {}", name.method, name.template),
        None => "an endpoint without a name".to_owned(),
    }
}

fn fact(alert: &Alert, name: &str) -> f64 {
    let found = alert.evidence.iter().find(|e| e.name == name);
    found.map_or(0.0, |e| e.value)
}

#[allow(clippy::cast_precision_loss, reason = "seconds of at most some hours")]
fn exact(seconds: u64) -> f64 {
    seconds as f64
}

/// At most two decimals, with commas between thousands.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.len();
    let mut out = String::with_capacity(text.len() + digits / 3);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (digits - at) % 3 == 0 && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A span of time in words.
fn span(seconds: f64) -> String {
    let (count, unit) = if seconds >= 7_200.0 {
        (seconds / 3_600.0, "hours")
    } else if seconds >= 3_600.0 {
        return "an hour".to_owned();
    } else if seconds >= 120.0 {
        (seconds / 60.0, "minutes")
    } else if seconds >= 60.0 {
        return "a minute".to_owned();
    } else {
        (seconds, "seconds")
    };
    format!("{} {unit}", number(libm::round(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let written = [0.0, 7.0, 1_234.0, 12_345_678.9, 0.25, 99.999, -1_500.0].map(number);
        assert_eq!(
            written,
            ["0", "7", "1,234", "12,345,678.9", "0.25", "100", "-1,500"]
        );
    }

    #[test]
    fn spans_read_well() {
        let written = [10.0, 60.0, 300.0, 3_600.0, 7_300.0].map(span);
        assert_eq!(
            written,
            ["10 seconds", "a minute", "5 minutes", "an hour", "2 hours"]
        );
    }
}

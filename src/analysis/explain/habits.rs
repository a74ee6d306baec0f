//! The sentences of signals about the habits of tokens, sources and endpoints.

use super::{fact, number, span};
use crate::analysis::alert::{Alert, Signal};

/// The sentence of a signal that has one here.
pub(super) fn sentence(alert: &Alert, who: &str, place: &str) -> Option<String> {
    Some(match alert.signal {
        Signal::EndpointNovel => reach(alert, who, place),
        Signal::Sequence => sequence(alert, who, place),
        Signal::FieldErrors => field(alert, who, place),
        Signal::Geo => geo(alert, who),
        Signal::Agent => agent(alert, who),
        Signal::ConcurrentUse => concurrent(alert, who),
        Signal::Hours => hours(alert, who),
        Signal::Enumeration => enumeration(alert, who, place),
        Signal::DeniedObjects => denied(alert, who, place),
        Signal::AuthFailures => logins(alert, who, place),
        Signal::EndpointLatency => latency(alert, place),
        Signal::PathScan => scan(alert, who),
        Signal::Volume
        | Signal::NewEndpoint
        | Signal::ShadowEndpoint
        | Signal::PayloadRequest
        | Signal::PayloadResponse
        | Signal::EndpointErrors
        | Signal::SecretExposed
        | Signal::SchemaViolation
        | Signal::TokenHygiene => return None,
    })
}

/// A fact as text.
fn n(alert: &Alert, name: &str) -> String {
    number(fact(alert, name))
}

fn has(alert: &Alert, name: &str) -> bool {
    alert.evidence.iter().any(|e| e.name == name)
}

fn country(alert: &Alert) -> String {
    match alert.country.code() {
        "unknown" => "an unknown country".to_owned(),
        code => code.to_owned(),
    }
}

fn reach(alert: &Alert, who: &str, place: &str) -> String {
    format!(
        "{who} called {} endpoints within an hour that it never used before, the last being {place}, which {} % of tokens use ({} bits of surprise); usual is none and the most ever were {} bits, over {} active days.",
        n(alert, "observed_endpoints"),
        n(alert, "users_percent"),
        n(alert, "observed_bits"),
        n(alert, "most_ever_bits"),
        n(alert, "active_days"),
    )
}

fn sequence(alert: &Alert, who: &str, place: &str) -> String {
    if has(alert, "left_out") {
        return format!(
            "{who} left out {} steps within a quarter of an hour that hardly anybody leaves out, the last before {place} ({} bits of surprise); usual is none and the most ever were {} bits, over {} active days.",
            n(alert, "left_out"),
            n(alert, "observed_skip_bits"),
            n(alert, "most_ever_skip_bits"),
            n(alert, "active_days"),
        );
    }
    format!(
        "{who} made {} calls in an order that is not its own and nearly nobody's, the last being {place} (a sum of {} bits); usual are {} bits a call, and the most ever was a sum of {} bits, over {} steps in {} active days.",
        n(alert, "calls"),
        n(alert, "observed_bits"),
        n(alert, "usual_bits"),
        n(alert, "most_ever_bits"),
        n(alert, "steps_known"),
        n(alert, "active_days"),
    )
}

fn field(alert: &Alert, who: &str, place: &str) -> String {
    format!(
        "{who} was refused {} times in {} calls of {place} within about half an hour, each time for the same field; usual there are {} % and the most ever of this token in a day were {}, over {} active days.",
        n(alert, "observed_refused"),
        n(alert, "observed_calls"),
        n(alert, "usual_percent"),
        n(alert, "most_ever_in_a_day"),
        n(alert, "active_days"),
    )
}

fn known_before(alert: &Alert, one: &str, many: &str) -> String {
    let known = fact(alert, "known_before");
    let what = if known > 1.0 { many } else { one };
    format!(
        "usual and most ever before were 0 calls from there, and {} other {what}, over {} active days and {} calls",
        number(known),
        n(alert, "active_days"),
        n(alert, "calls_so_far"),
    )
}

fn geo(alert: &Alert, who: &str) -> String {
    format!(
        "{who} came from {}, call number {} from there; {}.",
        country(alert),
        n(alert, "observed_calls"),
        known_before(alert, "country", "countries"),
    )
}

fn agent(alert: &Alert, who: &str) -> String {
    format!(
        "{who} was used by another kind of program, call number {} by it; {}.",
        n(alert, "observed_calls"),
        known_before(alert, "kind", "kinds").replace("from there", "by it"),
    )
}

fn concurrent(alert: &Alert, who: &str) -> String {
    format!(
        "{who} was used in turn from two places or by two kinds of program, of which one is new, the last time from {}: {} changes in {}; usual and most ever are 0, over {} active days and {} calls.",
        country(alert),
        n(alert, "observed_changes"),
        span(fact(alert, "window_seconds")),
        n(alert, "active_days"),
        n(alert, "calls_so_far"),
    )
}

fn hours(alert: &Alert, who: &str) -> String {
    let order = if has(alert, "order_p") {
        ", in an odd order"
    } else {
        ""
    };
    format!(
        "{who} made {} calls in the hour from {:02}:00 UTC{order}; usual and most ever at such hours are none to speak of, over {} active days (habits like this one are broken in {} % of such hours).",
        n(alert, "observed_calls"),
        fact(alert, "hour_utc"),
        n(alert, "active_days"),
        number(fact(alert, "p") * 100.0),
    )
}

fn enumeration(alert: &Alert, who: &str, place: &str) -> String {
    if has(alert, "observed_in_order") {
        return format!(
            "{who} went through {} objects at {place} in the order of their numbers, none of which it had touched before; usual there are {} % of steps to a neighbour, and the most ever were {} new objects in an hour, over {} active days.",
            n(alert, "observed_in_order"),
            n(alert, "usual_percent_in_order"),
            n(alert, "most_ever_objects"),
            n(alert, "active_days"),
        );
    }
    format!(
        "{who} touched {} objects at {place} in {} that it had not touched before; usual are {} and the most ever were {}, over {} active days.",
        n(alert, "observed_objects"),
        span(fact(alert, "window_seconds")),
        n(alert, "usual_objects"),
        n(alert, "most_ever_objects"),
        n(alert, "active_days"),
    )
}

fn denied(alert: &Alert, who: &str, place: &str) -> String {
    format!(
        "{who} asked for {} objects within about a day that it was refused or that are not there, the last at {place}; usual for its calls are {} and the most ever were {}, over {} active days.",
        n(alert, "observed_refused"),
        n(alert, "usual_refused"),
        n(alert, "most_ever_refused"),
        n(alert, "active_days"),
    )
}

fn logins(alert: &Alert, who: &str, place: &str) -> String {
    if has(alert, "status_class") {
        return format!(
            "{} of the last {} attempts to log in at {place} failed ({} %), from many sources; usual are {} % and the most ever in five minutes were {} %, over {} attempts in {} days.",
            n(alert, "observed_errors"),
            n(alert, "observed_calls"),
            n(alert, "observed_percent"),
            n(alert, "usual_percent"),
            n(alert, "most_ever_percent"),
            n(alert, "calls_known"),
            n(alert, "known_days"),
        );
    }
    format!(
        "{who} failed {} times within an hour to log in at {place}, to {} different accounts, {} of which it never got in to; usual is that {} % are given up, and the most ever of this source were {}, over the hours it was seen in.",
        n(alert, "failed_logins"),
        n(alert, "tried_accounts"),
        n(alert, "observed_accounts"),
        n(alert, "usual_percent"),
        n(alert, "most_ever_accounts"),
    )
}

fn latency(alert: &Alert, place: &str) -> String {
    format!(
        "{place} took {} ms to answer (geometric mean of the last {} successful calls); usual are {} ms, and the sum of slowness, now {}, was never more than {}, over {} calls in {} days.",
        n(alert, "observed_ms"),
        n(alert, "observed_calls"),
        n(alert, "usual_ms"),
        n(alert, "observed_sum"),
        n(alert, "most_ever_sum"),
        n(alert, "calls_known"),
        n(alert, "known_days"),
    )
}

fn scan(alert: &Alert, who: &str) -> String {
    format!(
        "{who} asked for {} different paths in {} at which nobody ever got anything; usual are {} and the most ever of this source were {}, over the time it was seen in.",
        n(alert, "observed_paths"),
        span(fact(alert, "window_seconds")),
        n(alert, "usual_paths"),
        n(alert, "most_ever_paths"),
    )
}

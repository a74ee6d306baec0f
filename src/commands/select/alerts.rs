//! `alert=`: the transactions behind an alert. Alerts come after what they are about, so whoever asks for them reads the
//! input twice: once for the alerts, once for the rest.

use std::collections::BTreeMap;

use super::Pattern;
use crate::analysis::alert::{Alert, Subject};
use crate::clock::EventTime;
use crate::observation::Observation;

/// Who and when an alert with its updates is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Scope {
    subject: Subject,
    from: EventTime,
    to: EventTime,
}

/// Alerts that were asked for, by id.
#[derive(Clone, Debug, Default)]
pub struct AlertScopes(BTreeMap<u64, Scope>);

impl AlertScopes {
    /// Takes in an alert or an update of one.
    pub fn add(&mut self, alert: &Alert) {
        let scope = Scope {
            subject: alert.subject,
            from: alert.window_start,
            to: alert.window_end,
        };
        self.0
            .entry(alert.id)
            .and_modify(|known| {
                known.from = known.from.min(scope.from);
                known.to = known.to.max(scope.to);
            })
            .or_insert(scope);
    }

    /// Whether a transaction lies in the time of one of them and is of its subject.
    pub(super) fn hold(&self, observation: &Observation) -> bool {
        let end = observation.end;
        self.0.values().any(|scope| {
            let is_subject = match scope.subject {
                Subject::Token(key) => observation.token == Some(key),
                Subject::Client(key) => observation.client == key,
                Subject::Endpoint(id) => observation.endpoint == id,
            };
            is_subject && (scope.from..=scope.to).contains(&end)
        })
    }
}

/// Whether an alert is meant: by its id or by its signal.
pub(super) fn is_meant(pattern: &Pattern, alert: &Alert) -> bool {
    pattern.matches(&format!("{:016x}", alert.id)) || pattern.matches(alert.signal.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{EndpointId, PrincipalKey};
    use crate::sinks::tests::alert;

    #[test]
    fn an_alert_covers_its_subject_in_its_time_with_all_updates() {
        let mut alert = alert();
        alert.subject = Subject::Token(PrincipalKey(7));
        (alert.window_start, alert.window_end) =
            (EventTime::from_secs(10), EventTime::from_secs(20));
        let mut scopes = AlertScopes::default();
        scopes.add(&alert);
        (alert.window_start, alert.window_end) =
            (EventTime::from_secs(15), EventTime::from_secs(30));
        scopes.add(&alert);
        let call = |token: u128, second: u64| Observation {
            token: Some(PrincipalKey(token)),
            endpoint: EndpointId(1),
            end: EventTime::from_secs(second),
            ..Observation::blank()
        };
        for (token, second, held) in [
            (7, 10, true),
            (7, 30, true),
            (7, 31, false),
            (7, 9, false),
            (8, 20, false),
        ] {
            assert_eq!(
                scopes.hold(&call(token, second)),
                held,
                "{token} at {second}"
            );
        }
    }

    #[test]
    fn alerts_are_named_by_id_or_signal() {
        let alert = alert();
        let id = format!("{:016x}", alert.id);
        for (text, meant) in [
            (id.as_str(), true),
            (alert.signal.name(), true),
            ("0*", id.starts_with('0')),
            ("hours", false),
        ] {
            assert_eq!(is_meant(&Pattern::parse(text), &alert), meant, "{text}");
        }
    }
}

//! An alert as one JSON object.

use std::sync::Arc;

use super::json::{Object, Stamps};
use super::line::{Lines, refer};
use crate::analysis::alert::{Alert, Subject};
use crate::analysis::explain;
use crate::observation::{Country, EndpointName, ExposedIn, Names};

/// Makes alert lines.
pub struct AlertEncoder {
    names: Arc<dyn Names>,
    stamps: Stamps,
}

impl AlertEncoder {
    /// With the names that are shown.
    pub fn new(names: Arc<dyn Names>) -> Self {
        Self {
            names,
            stamps: Stamps::default(),
        }
    }

    /// Adds the line of `alert`.
    pub fn encode(&mut self, alert: &Alert, lines: &mut Lines) {
        let key = [alert.time.nanos(), alert.id, u64::from(alert.update)];
        lines.add(key, |out| {
            let mut object = Object::begin(out);
            self.members(&mut object, alert);
            object.end();
        });
    }

    fn members(&mut self, object: &mut Object<'_>, alert: &Alert) {
        // Text, because 64 bits do not survive in the numbers of many JSON readers.
        object.word("id", &format!("{:016x}", alert.id));
        object.number("update", u64::from(alert.update));
        self.stamps.write(object.key("time"), alert.time);
        self.stamps
            .write(object.key("window_start"), alert.window_start);
        self.stamps
            .write(object.key("window_end"), alert.window_end);
        object.word("signal", alert.signal.name());
        object.word("severity", alert.severity.name());
        object.float("score", alert.score);
        object.float("risk", alert.risk);
        let who = Involved::of(alert);
        object.word("subject", who.subject);
        if let Some(token) = who.token {
            object.word("token", &self.names.token(token));
        }
        if let Some(client) = who.client {
            object.word("client", &self.names.client(client));
        }
        if let Some(service) = alert.service {
            object.text("service", &self.names.service(service));
        }
        if alert.about().is_some() {
            object.text("endpoint", &named(alert.endpoint_name(self.names.as_ref())));
        }
        if alert.country != Country::UNKNOWN {
            object.word("country", alert.country.code());
        }
        object.text(
            "explanation",
            &explain::sentence(alert, self.names.as_ref()),
        );
        let mut evidence = Object::begin(object.key("evidence"));
        if let Some((kind, place)) = alert.exposed {
            evidence.text("type", &self.names.sensitive_type(kind));
            evidence.text("where", place.name());
            if let ExposedIn::Sink(sink) = place {
                evidence.text("sink", sink.name());
            }
            // The names on the way to it, never a value; where they are not to be shown, what stands for them.
            if place.path().is_some() {
                let field = evidence.key("field");
                field.push(b'"');
                refer(field, place.path());
                field.push(b'"');
            }
        }
        if alert.field.is_some() {
            let field = evidence.key("field");
            field.push(b'"');
            refer(field, alert.field);
            field.push(b'"');
        }
        for item in &alert.evidence {
            evidence.float(item.name, item.value);
        }
        evidence.end();
    }
}

/// `METHOD template`, or a stand-in where the name is no longer known.
pub(crate) fn named(name: Option<EndpointName>) -> String {
    name.map_or_else(
        || "OTHER {endpoint}".to_owned(),
        |name| format!("{} {}", name.method, name.template),
    )
}

/// Who an alert is about: the one its subject names is always there.
pub(crate) struct Involved {
    pub(crate) subject: &'static str,
    pub(crate) token: Option<crate::observation::PrincipalKey>,
    pub(crate) client: Option<crate::observation::PrincipalKey>,
}

impl Involved {
    pub(crate) fn of(alert: &Alert) -> Self {
        let mut who = Self {
            subject: "",
            token: alert.token,
            client: alert.client,
        };
        match alert.subject {
            Subject::Token(key) => (who.subject, who.token) = ("token", Some(key)),
            Subject::Client(key) => (who.subject, who.client) = ("client", Some(key)),
            Subject::Endpoint(_) => who.subject = "endpoint",
        }
        who
    }
}

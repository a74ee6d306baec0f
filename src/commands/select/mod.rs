//! `--select`: `KEY=VALUE` joined by `and`, over what records and alerts show; it narrows the report as well. A value may end in `*`.

mod alerts;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use alerts::AlertScopes;

use super::options::moment;
use crate::analysis::alert::{Alert, Subject};
use crate::analysis::summary::Learned;
use crate::clock::EventTime;
use crate::error::Error;
use crate::observation::{
    EndpointId, EndpointName, Names, Observation, PrincipalKey, Status, Templates,
};

/// A parsed expression. The empty one admits everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Select {
    conditions: Vec<Condition>,
    text: String,
}

/// What was learned in a first reading.
#[derive(Clone, Debug, Default)]
pub struct Beforehand {
    /// The alerts that are asked for.
    pub alerts: AlertScopes,
    /// The templates by which paths are shown.
    pub templates: Templates,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Condition {
    Token(Pattern),
    Client(Pattern),
    Flow(u64),
    Endpoint(Pattern),
    Status(StatusIs),
    Time(TimeIs),
    Alert(Pattern),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StatusIs {
    Code(u16),
    Class(&'static str),
}

/// A span of time, or a moment as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
enum TimeIs {
    /// From the first on, and before the second.
    Within(Option<EventTime>, Option<EventTime>),
    Like(Pattern),
}

impl TimeIs {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((from, to)) = text.split_once("..") else {
            return Ok(Self::Like(Pattern::parse(text)));
        };
        let edge = |text: &str| {
            let text = text.trim();
            let given = !text.is_empty();
            let wrong = || {
                format!("`{text}` is no moment: write 2026-11-22T06:53:00Z or seconds since 1970")
            };
            given.then(|| moment(text).ok_or_else(wrong)).transpose()
        };
        let (from, to) = (edge(from)?, edge(to)?);
        match (from, to) {
            (None, None) => Err("`time=..` has neither beginning nor end".to_owned()),
            (Some(from), Some(to)) if from >= to => Err(format!("{from} is not before {to}")),
            _ => Ok(Self::Within(from, to)),
        }
    }

    fn admits(&self, time: EventTime) -> bool {
        match self {
            Self::Within(from, to) => {
                from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to)
            }
            Self::Like(pattern) => pattern.matches(&time.to_string()),
        }
    }
}

/// A text, or the beginning of one.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Pattern {
    fn parse(text: &str) -> Self {
        let prefix = text.strip_suffix('*');
        Self {
            text: prefix.unwrap_or(text).to_owned(),
            is_prefix: prefix.is_some(),
        }
    }

    fn matches(&self, text: &str) -> bool {
        if self.is_prefix {
            text.starts_with(&self.text)
        } else {
            text == self.text
        }
    }
}

impl Select {
    /// Whether it admits everything.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// As it was written; none if it is empty.
    pub fn text(&self) -> Option<&str> {
        (!self.is_empty()).then_some(self.text.as_str())
    }

    /// Whether it asks for what is behind alerts: then these must be known first ([`Selector::know`]).
    pub fn asks_for_alerts(&self) -> bool {
        let is_alert = |condition: &Condition| matches!(condition, Condition::Alert(_));
        self.conditions.iter().any(is_alert)
    }

    /// Whether it asks for endpoints: their templates may be learned from what comes later.
    pub fn asks_for_endpoints(&self) -> bool {
        let is_endpoint = |condition: &Condition| matches!(condition, Condition::Endpoint(_));
        self.conditions.iter().any(is_endpoint)
    }

    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fault = |what: String| {
            Error::usage(format!("--select: {what}")).hint(
                "for example: token=tk_7f3a* and status=5xx; \
                 keys are token, client, flow, endpoint, status, time, alert",
            )
        };
        let mut keys: Vec<String> = Vec::new();
        // The blank behind the end makes a dangling `and` visible.
        format!("{text} ")
            .split(" and ")
            .map(|part| {
                let part = part.trim();
                let (key, value) = part
                    .split_once('=')
                    .ok_or_else(|| fault(format!("`{part}` is not KEY=VALUE")))?;
                let (key, value) = (key.trim(), value.trim());
                if keys.iter().any(|known| known == key) {
                    return Err(fault(format!("`{key}` stands in it twice")));
                }
                keys.push(key.to_owned());
                condition(key, value).map_err(fault)
            })
            .collect::<Result<_, _>>()
            .map(|conditions| Self {
                conditions,
                text: text.trim().to_owned(),
            })
    }
}

fn condition(key: &str, value: &str) -> Result<Condition, String> {
    if value.is_empty() {
        return Err(format!("`{key}=` has no value"));
    }
    match key {
        "token" => Ok(Condition::Token(Pattern::parse(value))),
        "client" => Ok(Condition::Client(Pattern::parse(value))),
        "endpoint" => Ok(Condition::Endpoint(Pattern::parse(value))),
        "time" => TimeIs::parse(value).map(Condition::Time),
        "alert" => Ok(Condition::Alert(Pattern::parse(value))),
        "flow" => value
            .parse()
            .map(Condition::Flow)
            .map_err(|_| format!("`{value}` is no flow number")),
        "status" => status(value)
            .map(Condition::Status)
            .ok_or_else(|| format!("`{value}` is no status: 404, 4xx or none")),
        _ => Err(format!("unknown key `{key}`")),
    }
}

fn status(value: &str) -> Option<StatusIs> {
    let class = Status::CLASSES.into_iter().find(|class| *class == value);
    match class {
        Some(class) => Some(StatusIs::Class(class)),
        None => value
            .parse()
            .ok()
            .filter(|code| (100..=999).contains(code))
            .map(StatusIs::Code),
    }
}

/// Applies a [`Select`]. Pseudonyms and names are looked up once an id and remembered, up to [`Selector::REMEMBERED`].
pub struct Selector {
    select: Select,
    names: Arc<dyn Names>,
    tokens: BTreeMap<PrincipalKey, bool>,
    clients: BTreeMap<PrincipalKey, bool>,
    endpoints: BTreeMap<EndpointId, bool>,
    learned: BTreeMap<Learned, bool>,
    known: Beforehand,
}

impl Selector {
    /// Verdicts remembered by kind of id; beyond it they are forgotten and made anew.
    pub const REMEMBERED: usize = 65_536;

    /// For one thread.
    pub fn new(select: Select, names: Arc<dyn Names>) -> Self {
        Self {
            select,
            names,
            tokens: BTreeMap::new(),
            clients: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            learned: BTreeMap::new(),
            known: Beforehand::default(),
        }
    }

    /// Whether an alert is one whose transactions are asked for; what else is asked for narrows these.
    pub fn names_alert(&self, alert: &Alert) -> bool {
        self.select
            .conditions
            .iter()
            .all(|condition| match condition {
                Condition::Alert(pattern) => alerts::is_meant(pattern, alert),
                Condition::Token(_)
                | Condition::Client(_)
                | Condition::Flow(_)
                | Condition::Endpoint(_)
                | Condition::Status(_)
                | Condition::Time(_) => true,
            })
    }

    /// What a first reading found. Without it endpoints are known by what a single request says of them.
    pub fn know(&mut self, known: Beforehand) {
        self.known = known;
    }

    /// Whether a transaction belongs to what was asked for.
    pub fn admits(&mut self, observation: &Observation) -> bool {
        let conditions = std::mem::take(&mut self.select.conditions);
        let admitted = conditions.iter().all(|condition| match condition {
            Condition::Token(pattern) => observation
                .token
                .is_some_and(|key| self.is_token(pattern, key)),
            Condition::Client(pattern) => self.is_client(pattern, observation.client),
            Condition::Flow(flow) => observation.flow.0 == *flow,
            Condition::Endpoint(pattern) => {
                self.is_endpoint(pattern, observation.endpoint)
                    || self.is_learned(pattern, observation)
            }
            Condition::Status(StatusIs::Code(code)) => observation.status.0 == *code,
            Condition::Status(StatusIs::Class(class)) => observation.status.class() == *class,
            Condition::Time(time) => time.admits(observation.start),
            Condition::Alert(_) => self.known.alerts.hold(observation),
        });
        self.select.conditions = conditions;
        admitted
    }

    /// Whether an alert belongs to it. Alerts have no flow and no status: conditions on those let none through.
    pub fn admits_alert(&mut self, alert: &Alert) -> bool {
        let conditions = std::mem::take(&mut self.select.conditions);
        let (mut token, mut client) = (alert.token, alert.client);
        match alert.subject {
            Subject::Token(key) => token = Some(key),
            Subject::Client(key) => client = Some(key),
            Subject::Endpoint(_) => {}
        }
        let admitted = conditions.iter().all(|condition| match condition {
            Condition::Token(pattern) => token.is_some_and(|key| self.is_token(pattern, key)),
            Condition::Client(pattern) => client.is_some_and(|key| self.is_client(pattern, key)),
            Condition::Endpoint(pattern) => {
                let made = alert.about();
                let named = alert.endpoint_name(self.names.as_ref());
                made.is_some_and(|id| self.is_endpoint(pattern, id))
                    || named.is_some_and(|name| is_named(pattern, &name))
            }
            Condition::Time(time) => time.admits(alert.time),
            Condition::Alert(pattern) => alerts::is_meant(pattern, alert),
            Condition::Flow(_) | Condition::Status(_) => false,
        });
        self.select.conditions = conditions;
        admitted
    }

    fn is_token(&mut self, pattern: &Pattern, key: PrincipalKey) -> bool {
        let names = &self.names;
        remember(&mut self.tokens, key, || pattern.matches(&names.token(key)))
    }

    fn is_client(&mut self, pattern: &Pattern, key: PrincipalKey) -> bool {
        let names = &self.names;
        remember(&mut self.clients, key, || {
            pattern.matches(&names.client(key))
        })
    }

    /// By template alone, or by `METHOD template`.
    fn is_endpoint(&mut self, pattern: &Pattern, id: EndpointId) -> bool {
        let names = &self.names;
        remember(&mut self.endpoints, id, || {
            let name = names.endpoint(id);
            name.is_some_and(|name| is_named(pattern, &name))
        })
    }

    /// The same by the template that was learned for its path.
    fn is_learned(&mut self, pattern: &Pattern, observation: &Observation) -> bool {
        if observation.route.is_empty() {
            return false;
        }
        let (service, method) = (observation.service, observation.method);
        let templates = &self.known.templates;
        let learned = Learned {
            service,
            method,
            template: templates.template(service, &observation.route),
        };
        let names = &self.names;
        remember(&mut self.learned, learned, || {
            is_named(pattern, &learned.name(names.as_ref()))
        })
    }
}

fn is_named(pattern: &Pattern, name: &EndpointName) -> bool {
    pattern.matches(&name.template)
        || pattern.matches(&format!("{} {}", name.method, name.template))
}

/// One verdict an id holds for a whole expression, so each kind of key may stand in it once only; see [`Select::parse`].
fn remember<K: Ord + Copy>(
    known: &mut BTreeMap<K, bool>,
    key: K,
    decide: impl FnOnce() -> bool,
) -> bool {
    if let Some(verdict) = known.get(&key) {
        return *verdict;
    }
    if known.len() >= Selector::REMEMBERED {
        known.clear();
    }
    let verdict = decide();
    known.insert(key, verdict);
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_conditions() {
        let select = Select::parse("token=tk_7f* and status=5xx and flow=17").unwrap();
        assert_eq!(select.conditions.len(), 3);
        let select = Select::parse("endpoint=GET /v1/a=b").unwrap();
        assert_eq!(
            select.conditions,
            [Condition::Endpoint(Pattern {
                text: "GET /v1/a=b".to_owned(),
                is_prefix: false
            })]
        );
    }

    #[test]
    fn time_is_a_span_or_a_beginning() {
        let noon = EventTime::from_secs(1_795_348_800);
        assert_eq!(noon.to_string(), "2026-11-22T12:00:00.000000Z");
        for (text, admitted) in [
            ("2026-11-22T12:00:00Z..", true),
            ("..2026-11-22T12:00:00Z", false),
            ("2026-11-22T11:00:00Z..2026-11-22T12:00:01Z", true),
            ("1795348800..1795348801", true),
            ("2026-11-22T12*", true),
            ("2026-11-23*", false),
        ] {
            assert_eq!(
                TimeIs::parse(text).unwrap().admits(noon),
                admitted,
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_nonsense() {
        for text in [
            "",
            "token",
            "token=",
            "colour=red",
            "status=9",
            "status=7xx",
            "flow=x",
            "token=a and",
            "token=a and token=b",
            "time=..",
            "time=2026-11-22T07:00:00Z..2026-11-22T06:00:00Z",
            "time=now..",
        ] {
            let error = Select::parse(text).unwrap_err();
            assert_eq!(error.exit().code(), 2, "{text}");
        }
    }
}

//! A record: one HTTP transaction as one JSON object, fields in the documented order, absent ones left out.

use std::sync::Arc;

use ahash::AHashMap;

use super::json::{self, Object, Stamps};
use super::line::{Lines, refer, refer_path};
use crate::analysis::row::Row;
use crate::masked::{Masked, MaskedText};
use crate::observation::{
    Country, EndpointId, Finding, Method, Names, Observation, PrincipalKey, ServiceId, Status,
    TextId, TypeId,
};

/// Makes records out of rows. One a thread: it remembers names, which are pure functions of their ids.
pub struct RecordEncoder {
    names: Arc<dyn Names>,
    tokens: AHashMap<PrincipalKey, Box<str>>,
    clients: AHashMap<PrincipalKey, Box<str>>,
    templates: AHashMap<EndpointId, Box<str>>,
    services: AHashMap<ServiceId, Box<str>>,
    types: AHashMap<TypeId, Box<str>>,
    start: Stamps,
    end: Stamps,
}

impl RecordEncoder {
    /// Names remembered of each kind; beyond it they are looked up anew.
    const REMEMBERED: usize = 65_536;

    /// For one thread.
    pub fn new(names: Arc<dyn Names>) -> Self {
        Self {
            names,
            tokens: AHashMap::new(),
            clients: AHashMap::new(),
            templates: AHashMap::new(),
            services: AHashMap::new(),
            types: AHashMap::new(),
            start: Stamps::default(),
            end: Stamps::default(),
        }
    }

    /// Adds the record of `row`.
    pub fn encode(&mut self, row: &Row, lines: &mut Lines) {
        let observation = &row.observation;
        let key = [
            observation.end.nanos(),
            observation.flow.0,
            u64::from(observation.index),
        ];
        lines.add(key, |out| {
            let mut object = Object::begin(out);
            self.exchange(&mut object, observation);
            self.who(&mut object, row);
            self.findings(&mut object, &row.findings);
            object.word("state", observation.state.name());
            notes(&mut object, row);
            if let Some(text) = &row.text {
                bodies(&mut object, text);
            }
            object.end();
        });
    }

    /// What was asked and answered, and when.
    fn exchange(&mut self, object: &mut Object<'_>, seen: &Observation) {
        self.start.write(object.key("time"), seen.start);
        object.number("flow", seen.flow.0);
        object.number("index", u64::from(seen.index));
        object.word("protocol", seen.protocol.name());
        // An unknown method is left out, never guessed; one that was seen but is on no list is OTHER, since its text may be
        // anything.
        if seen.method != Method::Unknown {
            object.word("method", seen.method.name());
        }
        object.word("scheme", if seen.encrypted { "https" } else { "http" });
        text(object, "host", seen.host);
        if !seen.route.is_empty() {
            let out = object.key("endpoint");
            out.push(b'"');
            refer_path(out, seen.service, &seen.route);
            out.push(b'"');
        } else if let Some(template) = self.template(seen.endpoint) {
            object.text("endpoint", template);
        }
        if seen.status != Status::NONE {
            object.number("status", u64::from(seen.status.0));
        }
        object.number("request_body_bytes", seen.request_bytes);
        object.number("response_body_bytes", seen.response_bytes);
        optional(object, "response_decoded_bytes", seen.response_decoded);
        self.end.write(object.key("end"), seen.end);
        optional(object, "duration_us", seen.duration_us);
        optional(object, "ttfb_us", seen.ttfb_us);
        optional(object, "grpc_status", seen.grpc_status.map(u64::from));
        let messages = seen.request_messages.map(u64::from);
        optional(object, "request_messages", messages);
        let messages = seen.response_messages.map(u64::from);
        optional(object, "response_messages", messages);
    }

    /// Who asked, from where, with what.
    fn who(&mut self, object: &mut Object<'_>, row: &Row) {
        let seen = &row.observation;
        let names = &self.names;
        let service = remember(&mut self.services, seen.service, || {
            names.service(seen.service)
        });
        object.text("service", service);
        if let Some(token) = seen.token {
            let names = &self.names;
            let shown = remember(&mut self.tokens, token, || names.token(token));
            object.word("token", shown);
            if let Some(kind) = seen.token_kind {
                object.word("token_kind", kind.name());
            }
        }
        let names = &self.names;
        let shown = remember(&mut self.clients, seen.client, || names.client(seen.client));
        object.word("client", shown);
        if seen.country != Country::UNKNOWN {
            object.word("country", seen.country.code());
        }
        text(object, "agent", seen.agent);
        text(object, "release", seen.release);
        text(object, "operation", seen.operation);
        if let Some(integration) = seen.integration {
            object.text("integration", &self.names.integration(integration));
        }
    }

    fn findings(&mut self, object: &mut Object<'_>, findings: &[Finding]) {
        let mut real = findings.iter().filter(|one| !one.dry_run).peekable();
        if real.peek().is_none() {
            return;
        }
        let out = object.key("sensitive");
        for (number, finding) in real.enumerate() {
            out.push(if number == 0 { b'[' } else { b',' });
            let mut entry = Object::begin(out);
            let place = entry.key("where");
            place.push(b'"');
            place.extend_from_slice(finding.part.name().as_bytes());
            if finding.path.is_some() {
                place.push(b':');
                refer(place, finding.path);
            }
            place.push(b'"');
            let names = &self.names;
            let kind = remember(&mut self.types, finding.kind, || {
                names.sensitive_type(finding.kind)
            });
            entry.text("type", kind);
            entry.word("category", finding.category.name());
            entry.number("count", u64::from(finding.count));
            entry.end();
        }
        out.push(b']');
    }

    fn template(&mut self, id: EndpointId) -> Option<&str> {
        let names = &self.names;
        if !self.templates.contains_key(&id) {
            let name = names.endpoint(id)?;
            return Some(remember(&mut self.templates, id, || name.template));
        }
        self.templates.get(&id).map(AsRef::as_ref)
    }
}

fn remember<K: std::hash::Hash + Eq>(
    known: &mut AHashMap<K, Box<str>>,
    key: K,
    make: impl FnOnce() -> String,
) -> &str {
    if known.len() >= RecordEncoder::REMEMBERED {
        known.clear();
    }
    known.entry(key).or_insert_with(|| make().into())
}

fn text(object: &mut Object<'_>, key: &str, id: TextId) {
    if id.is_some() {
        let out = object.key(key);
        out.push(b'"');
        refer(out, id);
        out.push(b'"');
    }
}

fn optional(object: &mut Object<'_>, key: &str, value: Option<u64>) {
    if let Some(value) = value {
        object.number(key, value);
    }
}

/// Flags of the transaction, and one of the principal: a token that was presented but not proven counts to its client.
fn notes(object: &mut Object<'_>, row: &Row) {
    let unproven = row.observation.token.is_some() && !row.counts_to_token;
    let mut names = row
        .observation
        .notes
        .names()
        .chain(unproven.then_some("token-unproven"))
        .peekable();
    if names.peek().is_none() {
        return;
    }
    let out = object.key("notes");
    for (number, name) in names.enumerate() {
        out.push(if number == 0 { b'[' } else { b',' });
        json::word(out, name);
    }
    out.push(b']');
}

fn bodies(object: &mut Object<'_>, text: &MaskedText) {
    let mut part = |key: &str, value: &Option<Masked>| {
        if let Some(value) = value {
            object.text(key, value.as_str());
        }
    };
    part("request_head", &text.request_head);
    part("request_body", &text.request_body);
    part("response_head", &text.response_head);
    part("response_body", &text.response_body);
}

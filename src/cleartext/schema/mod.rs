//! Holds transactions against the OpenAPI documents, while their bytes are still there: rules that a request breaks,
//! parameters, fields and statuses that the document does not have, and, where the API is to be described, all there are.
//!
//! Owns the compiled rules ([`Book`]) and the walk over parameters, and bodies that are JSON or a form (as one text or in
//! parts). What leaves are [`FieldNote`]s: keyed hashes of names, types and counts, no value. Bounded: bodies to half a MiB,
//! and the limits of each part; what is beyond a limit breaks no rule. Refuses nothing: a body that is no JSON says nothing.
//!
//! ```text
//! model, compile    the rules of a document
//! check             values against schemas
//! facets, pattern   lengths, ranges and forms
//! parameters        path, query and header: values that are text
//! form              the same for bodies that are forms
//! multipart         reads those that come in parts
//! fields            which fields a body has
//! sent              what of a transaction is read
//! sample            which answers are read while the traffic runs
//! trail             the path of names to a field, and which names may be written
//! ```

mod check;
mod compile;
mod facets;
mod fields;
mod form;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod model;
mod multipart;
mod parameters;
mod pattern;
mod sample;
mod sent;
#[cfg(test)]
mod tests;
mod trail;

use std::sync::Arc;

use self::check::{Broken, Checker};
use self::fields::{Fields, Undocumented};
pub use self::model::Book;
pub(in crate::cleartext) use self::model::Operation;
use self::model::Place;
use self::sample::Sample;
use self::sent::{Body, Sent, is_own_header, json_body, text_field};
use self::trail::Trail;
use crate::cleartext::anonymize::endpoint::path::{Form, PathBuf};
use crate::cleartext::http::transaction::{Message, Transaction};
use crate::observation::{FieldNote, Notes, Part, Remark, SchemaRule, Status, TextId};

/// Most notes about one transaction.
const MAX_NOTES: usize = 512;

/// What is wanted of a survey.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Depth {
    /// Rules that requests break.
    #[default]
    Violations,
    /// Also parameters and fields that are not in the document; those of answers from a sample.
    Sampled,
    /// Also parameters and fields that are not in the document.
    Inventory,
    /// All parameters and fields, with or without a document.
    Everything,
}

/// The rules for one endpoint.
#[derive(Clone)]
pub(in crate::cleartext) struct Rules {
    /// The document.
    pub(in crate::cleartext) book: Arc<Book>,
    /// What it says about the endpoint.
    pub(in crate::cleartext) operation: Operation,
    /// The template, base path included.
    pub(in crate::cleartext) template: String,
    /// The number of the endpoint among those of all documents.
    pub(in crate::cleartext) number: usize,
}

impl Rules {
    /// Whether both say the same, word for word.
    pub(in crate::cleartext) fn is_like(&self, other: &Self) -> bool {
        self.template == other.template
            && self.operation == other.operation
            && (Arc::ptr_eq(&self.book, &other.book) || self.book == other.book)
    }
}

/// Both bodies after content coding; none where there is none, or it could not be decoded.
#[derive(Clone, Copy, Default)]
pub(in crate::cleartext) struct Decoded<'a> {
    pub(in crate::cleartext) request: Option<&'a [u8]>,
    pub(in crate::cleartext) response: Option<&'a [u8]>,
}

/// What a survey comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::cleartext) struct Surveyed {
    /// Whether the request was held against rules.
    pub(in crate::cleartext) checked: bool,
    /// Rules that it breaks, by field; those about more than the kind of a value only if the server refused it for what it is.
    pub(in crate::cleartext) violations: u8,
    /// Whether the answer would have been read, but for the sample.
    pub(in crate::cleartext) passed_over: bool,
}

/// What becomes of an answer.
enum Reading {
    Yes,
    No,
    /// The sample leaves it out.
    PassedOver,
}

/// Gives a path of names its id; the flag says whether it is known beforehand.
type NameIds = Box<dyn FnMut(&[u8], bool) -> TextId + Send>;

/// Surveys transactions. One a worker.
pub(in crate::cleartext) struct Surveyor {
    depth: Depth,
    names: NameIds,
    path: PathBuf,
    notes: Vec<FieldNote>,
    sample: Sample,
}

impl Surveyor {
    pub(in crate::cleartext) fn new(depth: Depth, names: NameIds) -> Self {
        Self {
            depth,
            names,
            path: PathBuf::default(),
            notes: Vec::new(),
            sample: Sample::default(),
        }
    }

    /// Whether a transaction without rules has to be looked at too.
    pub(in crate::cleartext) fn is_curious(&self) -> bool {
        self.depth == Depth::Everything
    }

    /// Forgets the notes about the transaction before.
    pub(in crate::cleartext) fn clear(&mut self) {
        self.notes.clear();
    }

    /// The notes about the last transaction, each once.
    pub(in crate::cleartext) fn notes(&self) -> &[FieldNote] {
        &self.notes
    }

    /// Looks at a transaction.
    pub(in crate::cleartext) fn survey(
        &mut self,
        rules: Option<&Rules>,
        tx: &Transaction,
        bodies: Decoded<'_>,
    ) -> Surveyed {
        let Some(request) = &tx.request else {
            return Surveyed::default();
        };
        let status = Status(tx.response.as_ref().map_or(0, |response| response.status));
        // Bodies are read only where somebody has something to say about them.
        let said = rules.is_some_and(|rules| !rules.operation.body.0.is_empty());
        let wanted = said || self.is_curious();
        let sent = Sent::of(tx, request, bodies.request.filter(|_| wanted));
        // What was refused may be anything: only what was accepted is part of the API.
        let accepted = (200..400).contains(&status.0);
        let mut out = Surveyed::default();
        let answer = match self.reads_answer(rules.filter(|_| accepted), tx, bodies) {
            Reading::Yes => tx.response.as_ref(),
            Reading::No => None,
            Reading::PassedOver => {
                out.passed_over = true;
                None
            }
        };
        let answer = answer.and_then(|message| json_body(tx, message, bodies.response));
        if let Some(rules) = rules {
            let broken = self.broken(rules, tx, &sent);
            out.checked = sent.is_whole;
            out.violations = violations(&broken, status);
            for (part, rule, trail) in broken {
                self.note(part, &trail, Remark::Breaks(rule), Status::NONE);
            }
            self.undocumented_status(rules, tx, status);
            if self.depth > Depth::Violations && accepted {
                self.undocumented(rules, (tx, request), &sent);
                self.undocumented_in_answer(rules, answer.as_ref(), status);
            }
        }
        if self.depth == Depth::Everything && status != Status::NONE {
            self.everything(&sent, status);
            if let Some(Body { value, .. }) = &answer {
                let mut all = Fields::new();
                fields::all(value, &mut Trail::root(), &mut all);
                self.seen(Part::ResponseBody, &all, false, status);
            }
        }
        self.notes.sort_unstable();
        self.notes.dedup();
        out
    }

    /// Whether the answer is read; `rules`: those that it is held against, should it be.
    fn reads_answer(
        &mut self,
        rules: Option<&Rules>,
        tx: &Transaction,
        bodies: Decoded<'_>,
    ) -> Reading {
        if self.is_curious() {
            return Reading::Yes;
        }
        let (Some(answer), Some(bytes)) = (&tx.response, bodies.response) else {
            return Reading::No;
        };
        let rules = rules.filter(|rules| rules.operation.describes(answer.status));
        let Some(rules) = rules.filter(|_| sent::is_json(tx, answer, bytes)) else {
            return Reading::No;
        };
        match self.depth {
            Depth::Violations => Reading::No,
            Depth::Sampled if !self.sample.admits(rules.number, bytes.len(), tx.end) => {
                Reading::PassedOver
            }
            Depth::Sampled | Depth::Inventory | Depth::Everything => Reading::Yes,
        }
    }

    fn broken(
        &mut self,
        rules: &Rules,
        tx: &Transaction,
        sent: &Sent<'_>,
    ) -> Vec<(Part, SchemaRule, Trail)> {
        let mut out = Vec::new();
        if !sent.is_whole {
            return out;
        }
        self.broken_parameters(rules, tx, sent, &mut out);
        let operation = &rules.operation;
        if operation.body_required && sent.has_no_body(tx) {
            out.push((Part::RequestBody, SchemaRule::Required, Trail::root()));
        }
        if let Some(body) = sent.body.as_ref()
            // Null has a meaning of its own there (RFC 7396), and nothing is required.
            && body.media != "application/merge-patch+json"
            && let Some(schema) = operation.body.of(&body.media)
        {
            let mut broken = Broken::new();
            let mut checker = Checker::new(&rules.book);
            checker.check(&body.value, schema, &mut Trail::root(), &mut broken);
            let found = broken.into_iter();
            out.extend(found.map(|(rule, trail)| (Part::RequestBody, rule, trail)));
        }
        if let Some(form) = sent.form.as_ref()
            && let Some(schema) = operation.body.of(form.media)
        {
            let found = form::check(&rules.book, schema, &form.fields).into_iter();
            out.extend(found.map(|(rule, trail)| (Part::RequestBody, rule, trail)));
        }
        out.truncate(check::MAX_BROKEN);
        out
    }

    fn broken_parameters(
        &mut self,
        rules: &Rules,
        tx: &Transaction,
        sent: &Sent<'_>,
        out: &mut Vec<(Part, SchemaRule, Trail)>,
    ) {
        let (book, operation) = (&rules.book, &rules.operation);
        let mut tell = |part, rule, name: &[u8]| out.push((part, rule, Trail::of(name, true)));
        for (name, value) in self.path_values(&rules.template, sent.target) {
            let Some(parameter) = operation.parameter(Place::Path, name) else {
                continue;
            };
            if let Some(rule) = parameter.breaks(book, value) {
                tell(Part::RequestPath, rule, name.as_bytes());
            }
        }
        for (name, value) in &sent.query {
            let stem = std::str::from_utf8(name).ok();
            let Some(parameter) = stem.and_then(|name| operation.parameter(Place::Query, name))
            else {
                continue;
            };
            if let Some(rule) = parameter.breaks(book, value) {
                tell(Part::RequestQuery, rule, name);
            }
        }
        let cut = sent.query.len() >= parameters::MAX_PARAMETERS;
        let in_query = |name: &str| {
            let mut all = sent.query.iter();
            cut || all.any(|(sent, _)| {
                sent == name.as_bytes()
                    || parameters::stem(sent) == parameters::stem(name.as_bytes())
            })
        };
        for name in parameters::missing(book, operation, Place::Query, in_query) {
            tell(Part::RequestQuery, SchemaRule::Required, name.as_bytes());
        }
        // A dynamic table joined midstream hides fields.
        if !tx.notes.contains(Notes::MIDSTREAM) {
            broken_fields(rules, tx, sent, out);
        }
    }

    /// The values of the parameters of a template that take a whole segment.
    fn path_values<'a>(
        &'a mut self,
        template: &'a str,
        target: &[u8],
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let is_path = self.path.read(target) == Form::Path && !self.path.deeper();
        let names = template.split('/').filter(|segment| !segment.is_empty());
        let same = is_path && names.clone().count() == self.path.segments().count();
        let both = names.zip(self.path.segments()).filter(move |_| same);
        both.filter_map(|(name, value)| {
            let name = name.strip_prefix('{')?.strip_suffix('}')?;
            (!name.contains(['{', '}', '+', '*'])).then_some((name, value))
        })
    }

    /// Where the answer may be another request's, nothing is said.
    fn undocumented_status(&mut self, rules: &Rules, tx: &Transaction, status: Status) {
        let known = status == Status::NONE || rules.operation.lists(status.0);
        if !known && !tx.notes.contains(Notes::PAIR_DOUBTFUL) && self.notes.len() < MAX_NOTES {
            self.notes.push(FieldNote {
                part: Part::ResponseBody,
                field: TextId::NONE,
                remark: Remark::UndocumentedStatus,
                status,
            });
        }
    }

    fn undocumented(
        &mut self,
        rules: &Rules,
        (tx, request): (&Transaction, &Message),
        sent: &Sent<'_>,
    ) {
        let (book, operation) = (&rules.book, &rules.operation);
        let has = |place, name: &[u8]| {
            let name = std::str::from_utf8(name).unwrap_or_default();
            operation.parameter(place, name).is_some()
                || book.credentials.contains(&(place, name.into()))
        };
        if !parameters::is_open(book, operation) {
            for (name, _) in &sent.query {
                let stem = parameters::stem(name);
                let lists = operation.parameters.iter();
                let mut stems = lists.filter(|p| p.place == Place::Query);
                let is_part = stems.any(|p| parameters::stem(p.name.as_bytes()) == stem);
                if !has(Place::Query, name) && !is_part {
                    let trail = Trail::of(stem, false);
                    self.note(
                        Part::RequestQuery,
                        &trail,
                        Remark::Undocumented,
                        Status::NONE,
                    );
                }
            }
        }
        // Most fields are of HTTP itself: seen before anything is copied.
        let own = |name: &[u8]| matches!(name, [b'x' | b'X', b'-', ..]);
        for (name, _) in tx.fields(request).filter(|(name, _)| own(name)) {
            let name = name.to_ascii_lowercase();
            if is_own_header(&name) && !has(Place::Header, &name) {
                let trail = Trail::of(&name, false);
                self.note(
                    Part::RequestHeader,
                    &trail,
                    Remark::Undocumented,
                    Status::NONE,
                );
            }
        }
        if let Some(body) = sent.body.as_ref()
            && let Some(schema) = operation.body.of(&body.media)
        {
            let mut found = Fields::new();
            let walk = Undocumented::new(book);
            walk.find(&body.value, &[schema], &mut Trail::root(), &mut found);
            for trail in found.keys() {
                self.note(Part::RequestBody, trail, Remark::Undocumented, Status::NONE);
            }
        }
        if let Some(form) = sent.form.as_ref()
            && let Some(schema) = operation.body.of(form.media)
        {
            for trail in form::undocumented(book, schema, &form.fields) {
                self.note(
                    Part::RequestBody,
                    &trail,
                    Remark::Undocumented,
                    Status::NONE,
                );
            }
        }
    }

    fn undocumented_in_answer(&mut self, rules: &Rules, body: Option<&Body>, status: Status) {
        let content = rules.operation.answer(status.0);
        if let Some(body) = body
            && let Some(schema) = content.and_then(|content| content.of(&body.media))
        {
            let mut found = Fields::new();
            let walk = Undocumented::new(&rules.book);
            walk.find(&body.value, &[schema], &mut Trail::root(), &mut found);
            for trail in found.keys() {
                self.note(
                    Part::ResponseBody,
                    trail,
                    Remark::Undocumented,
                    Status::NONE,
                );
            }
        }
    }

    fn everything(&mut self, sent: &Sent<'_>, status: Status) {
        self.notes.push(FieldNote {
            part: Part::ResponseBody,
            field: TextId::NONE,
            remark: Remark::Answered,
            status,
        });
        // What was refused may be anything.
        if status.0 >= 400 {
            return;
        }
        let mut query = Fields::new();
        for (name, value) in &sent.query {
            text_field(parameters::stem(name), value, &mut query);
        }
        self.seen(Part::RequestQuery, &query, false, Status::NONE);
        let mut fields = Fields::new();
        if let Some(body) = &sent.body {
            fields::all(&body.value, &mut Trail::root(), &mut fields);
        }
        self.seen(Part::RequestBody, &fields, false, Status::NONE);
        // One in parts would be described as what it is not.
        if let Some(body) = sent.form.as_ref().filter(|body| body.media == form::MEDIA) {
            let mut form = Fields::new();
            for (name, value) in &body.fields {
                text_field(parameters::stem(name), value, &mut form);
            }
            self.seen(Part::RequestBody, &form, true, Status::NONE);
        }
    }

    fn seen(&mut self, part: Part, fields: &Fields, form: bool, status: Status) {
        for (trail, types) in fields {
            let remark = if form {
                Remark::SeenInForm(*types)
            } else {
                Remark::Seen(*types)
            };
            self.note(part, trail, remark, status);
        }
    }

    fn note(&mut self, part: Part, trail: &Trail, remark: Remark, status: Status) {
        if self.notes.len() < MAX_NOTES {
            let field = (self.names)(&trail.text, trail.known);
            self.notes.push(FieldNote {
                part,
                field,
                remark,
                status,
            });
        }
    }
}

/// Broken rules that speak of whoever sent the request. What a length or a pattern forbids and the server takes all the same
/// says something about the document.
fn violations(broken: &[(Part, SchemaRule, Trail)], status: Status) -> u8 {
    let refused = matches!(status.0, 400 | 422);
    let meant = broken
        .iter()
        .filter(|(_, rule, _)| refused || !rule.is_facet());
    u8::try_from(meant.count()).unwrap_or(u8::MAX)
}

/// Adds what header fields and cookies break.
fn broken_fields(
    rules: &Rules,
    tx: &Transaction,
    sent: &Sent<'_>,
    out: &mut Vec<(Part, SchemaRule, Trail)>,
) {
    let (book, operation) = (&rules.book, &rules.operation);
    let mut tell =
        |part, rule, name: &str| out.push((part, rule, Trail::of(name.as_bytes(), true)));
    let in_header = |name: &str| tx.field(sent.request, name).is_some();
    for name in parameters::missing(book, operation, Place::Header, in_header) {
        tell(Part::RequestHeader, SchemaRule::Required, name);
    }
    let cookie = |wanted: &str| {
        // HTTP/2 may send each cookie in a field of its own (RFC 9113 section 8.2.3).
        let fields = tx.fields(sent.request);
        let fields = fields.filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie"));
        fields
            .flat_map(|(_, value)| form::cookies(value))
            .find(|(name, _)| *name == wanted.as_bytes())
            .map(|(_, value)| value)
    };
    let in_cookie = |name: &str| cookie(name).is_some();
    for name in parameters::missing(book, operation, Place::Cookie, in_cookie) {
        tell(Part::RequestCookie, SchemaRule::Required, name);
    }
    for parameter in &operation.parameters {
        let (part, value) = match parameter.place {
            Place::Header => (Part::RequestHeader, tx.field(sent.request, &parameter.name)),
            Place::Cookie => (Part::RequestCookie, cookie(&parameter.name)),
            Place::Path | Place::Query => continue,
        };
        if let Some(rule) = value.and_then(|value| parameter.breaks(book, value)) {
            tell(part, rule, &parameter.name);
        }
    }
}

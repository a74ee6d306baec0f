//! One worker's part of the cleartext room: a transaction goes in, an observation comes out, and the bytes end here.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::anonymize::lexicon::{Lexicon, TextKind};
use super::anonymize::{Anonymizer, AnonymizerShared, Facts, refusal};
use super::http::body::{self, DecodeLimits, Outcome, Scratch};
use super::http::transaction::{Message, Storage, Transaction};
use super::mask::{Bodies, Body, Exception, Masker, Render, RuleSet};
use super::schema::{Decoded, Depth, Surveyed, Surveyor};
use crate::masked::MaskedText;
use crate::observation::{EndpointId, FieldNote, Finding, Names as _, Notes, Observation, TextId};
use crate::tally::{Tally, TallySheet};

/// Endpoints whose exceptions a worker remembers.
const MAX_REMEMBERED: usize = 4_096;

/// What all workers share.
pub struct WorkerShared {
    anonymizer: Arc<AnonymizerShared>,
    rules: ArcSwap<RuleSet>,
    decoding: DecodeLimits,
    render: Render,
    survey: Depth,
}

impl WorkerShared {
    /// `render`: whether masked text is wanted, or counts only.
    pub fn new(
        anonymizer: Arc<AnonymizerShared>,
        rules: RuleSet,
        decoding: DecodeLimits,
        render: Render,
    ) -> Self {
        let rules = Arc::new(rules);
        let shared = Self {
            anonymizer,
            rules: ArcSwap::from(Arc::clone(&rules)),
            decoding,
            render,
            survey: Depth::default(),
        };
        shared.name(&rules);
        shared
    }

    /// How closely transactions are held against the documents.
    #[must_use]
    pub const fn with_survey(mut self, depth: Depth) -> Self {
        self.survey = depth;
        self
    }

    /// Identity, endpoints, names.
    pub const fn anonymizer(&self) -> &Arc<AnonymizerShared> {
        &self.anonymizer
    }

    /// The masking rules in force.
    pub fn rules(&self) -> Arc<RuleSet> {
        self.rules.load_full()
    }

    /// Puts other rules in force; every worker takes them up with its next transaction.
    pub fn set_rules(&self, rules: Arc<RuleSet>) {
        self.name(&rules);
        self.rules.store(rules);
    }

    fn name(&self, rules: &RuleSet) {
        let (types, names) = (rules.type_names().to_vec(), rules.rule_names().to_vec());
        self.anonymizer.lexicon().set_rules(types, names);
    }
}

/// One worker's tools. Keeps nothing of a transaction but caches of keyed hashes.
pub struct Worker {
    shared: Arc<WorkerShared>,
    rules: Cache<SharedRules, Arc<RuleSet>>,
    in_force: Arc<RuleSet>,
    anonymizer: Anonymizer,
    masker: Masker,
    surveyor: Surveyor,
    exceptions: HashMap<EndpointId, Option<Arc<Exception>>, ahash::RandomState>,
    request: Scratch,
    response: Scratch,
    findings: Vec<Finding>,
    tally: Arc<TallySheet>,
}

/// Lets a [`Cache`] keep the shared rules alive.
struct SharedRules(Arc<WorkerShared>);

impl std::ops::Deref for SharedRules {
    type Target = ArcSwap<RuleSet>;

    fn deref(&self) -> &Self::Target {
        &self.0.rules
    }
}

/// What becomes of a transaction.
pub struct Seen<'a> {
    /// The observation.
    pub observation: Observation,
    /// Sensitive values found in it.
    pub findings: &'a [Finding],
    /// What it says about the shape of the API.
    pub notes: &'a [FieldNote],
    /// Masked text, where it was asked for.
    pub text: Option<Box<MaskedText>>,
}

impl Worker {
    /// A worker that counts in `tally`, which belongs to its thread.
    pub fn new(shared: &Arc<WorkerShared>, tally: Arc<TallySheet>) -> Self {
        let in_force = shared.rules();
        let lexicon = Arc::clone(shared.anonymizer.lexicon());
        let own = Arc::clone(&lexicon);
        let names = move |path: &[u8], known: bool| lexicon.intern(TextKind::Field, path, known);
        let fields = move |path: &[u8], known: bool| own.intern(TextKind::Field, path, known);
        let key = shared.anonymizer.keys().placeholder_key();
        let masker = Masker::new(
            Arc::clone(&in_force),
            key,
            Box::new(names),
            Arc::clone(&tally),
        );
        Self {
            rules: Cache::new(SharedRules(Arc::clone(shared))),
            in_force,
            anonymizer: Anonymizer::new(Arc::clone(&shared.anonymizer)),
            masker,
            surveyor: Surveyor::new(shared.survey, Box::new(fields)),
            exceptions: HashMap::default(),
            request: Scratch::default(),
            response: Scratch::default(),
            findings: Vec::new(),
            tally,
            shared: Arc::clone(shared),
        }
    }

    /// Identifies, masks and forgets a transaction.
    pub fn see(&mut self, transaction: Transaction) -> Seen<'_> {
        self.take_up_rules();
        self.findings.clear();
        let identity = self.anonymizer.identify(&transaction);
        self.take_up_exceptions(identity.endpoint());
        let limits = &self.shared.decoding;
        let request = transaction.request.as_ref();
        let request = undo(
            &transaction,
            request,
            limits,
            &self.tally,
            &mut self.request,
        );
        let response = transaction.response.as_ref();
        let sent = transaction
            .response
            .as_ref()
            .map(|message| message.body_bytes);
        let response = undo(
            &transaction,
            response,
            limits,
            &self.tally,
            &mut self.response,
        );
        let mut facts = facts(&request, &response, sent);
        facts.refused_field = refused_field(
            &transaction,
            &response,
            &self.response,
            self.shared.anonymizer.lexicon(),
        );
        let bodies = Bodies {
            request: request.body(&self.request),
            response: response.body(&self.response),
        };
        self.surveyor.clear();
        let rules = self.shared.anonymizer.rules(&identity);
        if rules.is_some() || self.surveyor.is_curious() {
            let decoded = decoded(&transaction, bodies);
            let surveyed = self.surveyor.survey(rules, &transaction, decoded);
            let passed_over;
            Surveyed {
                checked: facts.checked,
                violations: facts.violations,
                passed_over,
            } = surveyed;
            if passed_over {
                self.tally.one(Tally::LimitAnswers);
            }
        }
        let text = self
            .masker
            .mask(transaction, bodies, self.shared.render, &mut self.findings);
        Seen {
            observation: identity.observe(facts),
            findings: &self.findings,
            notes: self.surveyor.notes(),
            text: text.map(Box::new),
        }
    }

    /// The memory of the transactions seen since the last call: the capture thread can use it again.
    pub fn take_spent(&mut self) -> Vec<Storage> {
        self.masker.take_spent()
    }

    fn take_up_rules(&mut self) {
        let rules = self.rules.load();
        if !Arc::ptr_eq(rules, &self.in_force) {
            self.in_force = Arc::clone(rules);
            self.masker.set_rules(Arc::clone(&self.in_force));
            self.masker.set_exception(None);
            self.exceptions.clear();
        }
    }

    /// An endpoint whose name is not remembered has no exceptions: its values are masked.
    fn take_up_exceptions(&mut self, endpoint: EndpointId) {
        if !self.in_force.has_exceptions() {
            return;
        }
        if self.exceptions.len() >= MAX_REMEMBERED {
            self.exceptions.clear();
        }
        let (rules, lexicon) = (&self.in_force, self.shared.anonymizer.lexicon());
        let exception = self.exceptions.entry(endpoint).or_insert_with(|| {
            let name = lexicon.endpoint(endpoint)?;
            rules.exception(name.method, &name.template)
        });
        self.masker.set_exception(exception.clone());
    }
}

/// A body after its content coding: where its bytes are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undone {
    None,
    AsSent,
    /// In the scratch space.
    Decoded(usize),
    /// Likewise, though no coding was declared: it counts as it was sent.
    Found,
    Undecodable,
}

impl Undone {
    fn body(self, scratch: &Scratch) -> Body<'_> {
        match self {
            Self::None => Body::None,
            Self::AsSent => Body::AsSent,
            Self::Decoded(_) | Self::Found => Body::Bytes(scratch.decoded()),
            Self::Undecodable => Body::Undecodable,
        }
    }
}

/// The bytes of both bodies, where they can be read.
fn decoded<'a>(transaction: &'a Transaction, bodies: Bodies<'a>) -> Decoded<'a> {
    let of = |body: Body<'a>, message: Option<&'a Message>| match body {
        Body::None | Body::Undecodable => None,
        Body::AsSent => message.map(|message| transaction.slice(message.body)),
        Body::Bytes(bytes) => Some(bytes),
    };
    Decoded {
        request: of(bodies.request, transaction.request.as_ref()),
        response: of(bodies.response, transaction.response.as_ref()),
    }
}

fn undo(
    transaction: &Transaction,
    message: Option<&Message>,
    limits: &DecodeLimits,
    tally: &TallySheet,
    scratch: &mut Scratch,
) -> Undone {
    let Some(message) = message else {
        return Undone::None;
    };
    let decoded = body::decode_body(transaction, message, limits, tally, scratch);
    if decoded.bytes.is_empty() && decoded.outcome != Outcome::Undecodable {
        return Undone::None;
    }
    match decoded.outcome {
        Outcome::Identity | Outcome::Mislabelled => Undone::AsSent,
        Outcome::Decoded | Outcome::Short | Outcome::Capped => Undone::Decoded(decoded.bytes.len()),
        Outcome::Found => Undone::Found,
        Outcome::Undecodable => Undone::Undecodable,
    }
}

/// What only decoding tells: flags, and how long the response was without its coding.
fn facts(request: &Undone, response: &Undone, sent: Option<u64>) -> Facts {
    let mut notes = Notes::default();
    if [request, response].contains(&&Undone::Undecodable) {
        notes.insert(Notes::UNDECODABLE);
    }
    let response_decoded = match response {
        Undone::Decoded(len) => u64::try_from(*len).ok(),
        Undone::AsSent | Undone::Found => sent,
        Undone::None | Undone::Undecodable => None,
    };
    Facts {
        response_decoded,
        notes,
        ..Facts::default()
    }
}

/// The field that the answer to a request at fault names.
fn refused_field(
    transaction: &Transaction,
    response: &Undone,
    scratch: &Scratch,
    lexicon: &Lexicon,
) -> TextId {
    let Some(message) = transaction.response.as_ref() else {
        return TextId::NONE;
    };
    if !matches!(message.status, 400 | 409 | 422) {
        return TextId::NONE;
    }
    let body = match response {
        Undone::AsSent => transaction.slice(message.body),
        Undone::Decoded(_) | Undone::Found => scratch.decoded(),
        Undone::None | Undone::Undecodable => return TextId::NONE,
    };
    refusal::field(body).map_or(TextId::NONE, |name| {
        lexicon.intern(TextKind::Field, name.as_bytes(), false)
    })
}

//! Who, where and what, without saying who: tokens, clients, endpoints, countries, agents and releases become keyed hashes.
//!
//! Owns the way from a [`Transaction`] to the identity part of an [`Observation`]. Everything it keeps between requests
//! is a pure function of what was sent, in bounded caches of each worker's own: credentials by their keyed hash only.
//! Refuses nothing: what cannot be read counts to the client and to typed classes.

mod agent;
mod answer;
pub mod endpoint;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod geo;
pub mod identity;
pub mod keys;
pub mod lexicon;
mod login;
pub mod net;
pub mod pseudonym;
pub(in crate::cleartext) mod refusal;
mod release;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use self::answer::Answer;
use arc_swap::ArcSwapOption;

use self::endpoint::openapi::OpenApi;
use self::endpoint::service::Service;
use self::endpoint::{Asked, Endpoints, Hint, Promised, Resolver, Sought, UnknownService};
use self::geo::Geo;
use self::identity::client::{TrustedProxy, client, sender};
use self::identity::credential::{Presented, Token, presented};
use self::identity::fields::Fields;
use self::identity::grant::{self, Grant, Shown};
use self::identity::jwt::Claims;
use self::keys::{Credential, Keys};
use self::lexicon::{Lexicon, TextKind};
use self::net::Range;
use super::http::transaction::{Message, Transaction};
use super::schema::Rules;
use crate::observation::{
    AgentClass, Country, Credential as CredentialFacts, EndpointId, IntegrationId, Method, Notes,
    ObjectKey, ObjectRef, Observation, PrincipalKey, Proof, Protocol, PublicTriple, RateLimit,
    Status, TextId, TokenKind,
};

/// Most credentials, clients and agents a worker remembers between requests, each.
const MAX_REMEMBERED: usize = 16_384;
/// Longest `User-Agent` that is remembered.
const MAX_AGENT: usize = 512;

/// What configuration says about identity.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Host groups, in order (`[[service]]`).
    pub services: Vec<Service>,
    /// Template hints (`[[endpoint]]`).
    pub hints: Vec<Hint>,
    /// Listed integrations, in order (`[[integration]]`).
    pub integrations: Vec<Integration>,
    /// Proxies that are believed (`[[trusted_proxy]]`).
    pub trusted_proxies: Vec<TrustedProxy>,
    /// How many texts and endpoints are remembered.
    pub limits: lexicon::Limits,
}

/// A listed integration and how its requests are recognised: by any one of the four ways.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Integration {
    /// Its name, the value of the label `integration`.
    pub name: String,
    /// Digests of its tokens, as `hushtap pseudonym` prints them for the kind `integration`.
    pub digests: Vec<String>,
    /// Claims of its JWTs, as (name, value): all must hold.
    pub claims: Vec<(String, String)>,
    /// Request fields, as (name, value): all must hold.
    pub fields: Vec<(String, String)>,
    /// Addresses of its clients.
    pub clients: Vec<Range>,
}

/// What all workers share. Immutable but for the lexicon, which only grows.
pub struct AnonymizerShared {
    keys: Arc<Keys>,
    lexicon: Arc<Lexicon>,
    endpoints: Endpoints,
    geo: ArcSwapOption<Geo>,
    integrations: Vec<Integration>,
    trusted_proxies: Vec<TrustedProxy>,
}

impl AnonymizerShared {
    /// Puts settings, documents and country database together. Fails if a hint names a service that is not configured.
    pub fn new(
        keys: Arc<Keys>,
        settings: Settings,
        documents: &[OpenApi],
        geo: Option<Geo>,
    ) -> Result<Arc<Self>, UnknownService> {
        let endpoints = Endpoints::new(&settings.services, documents, &settings.hints)?;
        let names = |list: &[Integration]| list.iter().map(|i| i.name.clone()).collect();
        let lexicon = Arc::new(Lexicon::new(
            Arc::clone(&keys),
            settings.limits,
            // The lexicon puts `default` in front itself.
            endpoints.names().iter().skip(1).cloned().collect(),
            names(&settings.integrations),
        ));
        // What documents promise has a name before it is first seen.
        for promised in endpoints.promised() {
            lexicon.intern_endpoint(&promised.name);
        }
        Ok(Arc::new(Self {
            keys,
            lexicon,
            endpoints,
            geo: ArcSwapOption::new(geo.map(Arc::new)),
            integrations: settings.integrations,
            trusted_proxies: settings.trusted_proxies,
        }))
    }

    /// Puts another country database in force; every worker takes it up with its next transaction.
    pub fn set_countries(&self, geo: Option<Geo>) {
        self.geo.store(geo.map(Arc::new));
    }

    /// The lexicon: gives names to ids at the edge.
    pub const fn lexicon(&self) -> &Arc<Lexicon> {
        &self.lexicon
    }

    /// The keys.
    pub const fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The frozen list of public triples, by [`PublicCell`](crate::observation::PublicCell); the last is `other`.
    pub fn triples(&self) -> &[PublicTriple] {
        self.endpoints.triples()
    }

    /// What documents and hints promise, sorted by name: the inventory.
    pub fn promised(&self) -> &[Promised] {
        self.endpoints.promised()
    }

    /// The rules of a document for a request.
    pub(in crate::cleartext) fn rules(&self, identity: &Identity) -> Option<&Rules> {
        self.endpoints.rules(identity.0.cell)
    }

    /// The names of the services by number; the first is `default`.
    pub fn services(&self) -> &[String] {
        self.endpoints.names()
    }

    /// The name of the service that a host belongs to.
    pub fn service_of(&self, host: &[u8]) -> &str {
        self.endpoints.service_of(host)
    }

    /// The first integration that one of the two kinds of sign names.
    fn integration(&self, fits: impl Fn(&Integration) -> bool) -> Option<IntegrationId> {
        let index = self.integrations.iter().position(fits)?;
        u16::try_from(index).ok().map(IntegrationId)
    }

    /// The integration a token belongs to, by digest or claim.
    fn integration_of(&self, token: &Token) -> Option<IntegrationId> {
        if self.integrations.is_empty() {
            return None;
        }
        let digest = self.keys.integration_digest(token.key);
        let claimed = |claims: &Claims, list: &[(String, String)]| {
            !list.is_empty() && list.iter().all(|(name, value)| claims.has(name, value))
        };
        self.integration(|integration| {
            integration.digests.contains(&digest)
                || token
                    .claims
                    .as_ref()
                    .is_some_and(|claims| claimed(claims, &integration.claims))
        })
    }

    /// The integration a request belongs to by the fields it carries.
    fn integration_by_field(&self, tx: &Transaction, request: &Message) -> Option<IntegrationId> {
        let carries =
            |(name, value): &(String, String)| tx.field(request, name) == Some(value.as_bytes());
        self.integration(|i| !i.fields.is_empty() && i.fields.iter().all(carries))
    }
}

/// What is remembered of a credential.
#[derive(Clone, Copy)]
struct KnownToken {
    key: PrincipalKey,
    kind: TokenKind,
    integration: Option<IntegrationId>,
    grant: Grant,
    /// Tells several credentials of one principal apart.
    mark: u32,
}

/// What is remembered of a client.
#[derive(Clone, Copy)]
struct KnownClient {
    key: PrincipalKey,
    country: Country,
    integration: Option<IntegrationId>,
}

/// What is remembered of a `User-Agent`.
#[derive(Clone, Copy, Default)]
struct KnownAgent {
    agent: TextId,
    class: AgentClass,
    release: TextId,
}

type Map<K, V> = HashMap<K, V, ahash::RandomState>;

/// One worker's anonymizer.
pub struct Anonymizer {
    shared: Arc<AnonymizerShared>,
    caches: Caches,
}

/// What a worker remembers between requests.
#[derive(Default)]
struct Caches {
    resolver: Resolver,
    tokens: Map<(u8, [u64; 2]), Option<KnownToken>>,
    clients: Map<IpAddr, KnownClient>,
    /// The country database that `clients` were looked up in.
    geo: Option<Arc<Geo>>,
    agents: Map<Vec<u8>, KnownAgent>,
    servers: Map<Vec<u8>, TextId>,
}

/// Everything about a transaction but its masked content: an observation without what only the masker knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity(Observation);

/// What becomes known while a transaction is decoded and masked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Bytes of the response body after content coding, where it was decoded.
    pub response_decoded: Option<u64>,
    /// Flags to add.
    pub notes: Notes,
    /// Whether the request was held against the rules of a document.
    pub checked: bool,
    /// Rules of the document that it breaks, by field.
    pub violations: u8,
    /// The field that the answer names as the reason of a refusal.
    pub refused_field: TextId,
}

impl Identity {
    /// Method, host group and path template.
    pub const fn endpoint(&self) -> EndpointId {
        self.0.endpoint
    }

    /// The observation.
    pub fn observe(&self, facts: Facts) -> Observation {
        let mut observation = self.0;
        observation.response_decoded = facts.response_decoded;
        observation.notes.insert(facts.notes);
        observation.checked = facts.checked;
        observation.violations = facts.violations;
        observation.refused_field = facts.refused_field;
        observation
    }
}

/// What the request part of a transaction comes down to.
struct Asker {
    method: Method,
    token: Option<KnownToken>,
    resolved: endpoint::Resolved,
    object: Option<ObjectRef>,
    refused_path: Option<ObjectKey>,
    account: Option<ObjectKey>,
    host: TextId,
    agent: KnownAgent,
    operation: TextId,
    by_field: Option<IntegrationId>,
    credential: CredentialFacts,
}

/// What the response part comes down to.
#[derive(Clone, Copy, Default)]
struct Answered {
    server: TextId,
    rate_limit: RateLimit,
}

impl Anonymizer {
    /// An anonymizer for one worker.
    pub fn new(shared: Arc<AnonymizerShared>) -> Self {
        Self {
            shared,
            caches: Caches::default(),
        }
    }

    /// Who sent this, where to, and with what.
    pub fn identify(&mut self, tx: &Transaction) -> Identity {
        let Self { shared, caches } = self;
        let peer = *tx.client.expose();
        let claimed = tx.claimed.as_ref().map(|address| *address.expose());
        let (asker, client) = if let Some(request) = &tx.request {
            let fields = Fields::of(tx, request);
            let address = client((peer, claimed), &fields, &shared.trusted_proxies);
            let asker = caches.asker(shared, tx, request, &fields);
            (asker, caches.client(shared, address))
        } else {
            let address = sender(peer, claimed, &shared.trusted_proxies);
            (caches.nobody(shared), caches.client(shared, address))
        };
        let answered = caches.answered(shared, tx);
        Identity(observation(tx, &asker, client, answered))
    }
}

impl Caches {
    fn asker<'a>(
        &mut self,
        shared: &AnonymizerShared,
        tx: &'a Transaction,
        request: &Message,
        fields: &Fields<'a>,
    ) -> Asker {
        let target = tx.slice(request.target);
        let method = Method::from_wire(tx.slice(request.first));
        let plain = fields
            .content_encoding
            .is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
        let asked = Asked {
            target,
            content_type: fields.content_type.unwrap_or_default(),
            soap_action: fields.soap_action,
            body: if plain { tx.slice(request.body) } else { &[] },
        };
        let host = self.resolver.host(
            &shared.endpoints,
            &shared.lexicon,
            authority(fields, target),
        );
        let grpc = asked.is_grpc();
        let resolved = self.resolver.resolve(
            &shared.endpoints,
            &shared.lexicon,
            Sought {
                host,
                method,
                target,
                grpc,
            },
        );
        let object = self.resolver.object(&shared.keys, resolved.service);
        let token = presented(fields, target, grpc).find_map(|place| self.token(shared, &place));
        let shown = || Shown {
            at: tx.start,
            proof: fields.proof,
            by_scheme: fields.is_bound_by_scheme(),
            certificate: fields.has_certificate(),
        };
        let refused = tx
            .response
            .as_ref()
            .is_some_and(|response| matches!(response.status, 400 | 403 | 404 | 405 | 410 | 501));
        let account = login::account(method, asked.content_type, asked.body)
            .map(|name| ObjectKey(shared.keys.account(&name)));
        Asker {
            method,
            object,
            refused_path: refused.then(|| self.resolver.path(&shared.keys, host.text)),
            account,
            credential: token
                .map(|token| token.grant.facts(token.mark, shown()))
                .unwrap_or_default(),
            token,
            resolved,
            host: host.text,
            agent: self.agent(shared, fields),
            operation: operation(&shared.lexicon, tx, request, &asked),
            by_field: shared.integration_by_field(tx, request),
        }
    }

    /// Where no request was seen.
    fn nobody(&mut self, shared: &AnonymizerShared) -> Asker {
        let host = self.resolver.host(&shared.endpoints, &shared.lexicon, b"");
        let sought = Sought {
            host,
            method: Method::Unknown,
            target: b"",
            grpc: false,
        };
        Asker {
            method: Method::Unknown,
            token: None,
            resolved: self
                .resolver
                .resolve(&shared.endpoints, &shared.lexicon, sought),
            object: None,
            refused_path: None,
            account: None,
            host: TextId::NONE,
            agent: KnownAgent::default(),
            operation: TextId::NONE,
            by_field: None,
            credential: CredentialFacts::default(),
        }
    }

    /// What the head of the response says.
    fn answered(&mut self, shared: &AnonymizerShared, tx: &Transaction) -> Answered {
        let Some(response) = &tx.response else {
            return Answered::default();
        };
        let answer = Answer::of(tx, response);
        let field = answer.server.unwrap_or_default();
        let field = field.get(..MAX_AGENT).unwrap_or(field);
        let server = if field.is_empty() {
            TextId::NONE
        } else if let Some(known) = self.servers.get(field) {
            *known
        } else {
            let release = answer::release(field);
            let known = release.map_or(TextId::NONE, |text| {
                shared.lexicon.intern(TextKind::Release, &text, false)
            });
            remember(&mut self.servers, field.to_vec(), known);
            known
        };
        Answered {
            server,
            rate_limit: answer.rate_limit,
        }
    }

    fn token(&mut self, shared: &AnonymizerShared, place: &Presented<'_>) -> Option<KnownToken> {
        let hash = shared.keys.cache.hash(place.raw);
        let key = (place.place(), hash);
        if let Some(known) = self.tokens.get(&key) {
            return *known;
        }
        let known = place.token(&shared.keys).map(|token| KnownToken {
            key: token.key,
            kind: token.kind,
            integration: shared.integration_of(&token),
            grant: token.grant,
            mark: grant::mark(hash),
        });
        remember(&mut self.tokens, key, known);
        known
    }

    fn client(&mut self, shared: &AnonymizerShared, address: IpAddr) -> KnownClient {
        let geo = shared.geo.load();
        if geo.as_ref().map(Arc::as_ptr) != self.geo.as_ref().map(Arc::as_ptr) {
            self.clients.clear();
            self.geo.clone_from(&geo);
        }
        if let Some(known) = self.clients.get(&address) {
            return *known;
        }
        let known = KnownClient {
            key: shared.keys.principal(Credential::Address(address)),
            country: geo
                .as_ref()
                .map_or(Country::UNKNOWN, |geo| geo.country(address)),
            integration: shared
                .integration(|i| i.clients.iter().any(|range| range.contains(address))),
        };
        remember(&mut self.clients, address, known);
        known
    }

    fn agent(&mut self, shared: &AnonymizerShared, fields: &Fields<'_>) -> KnownAgent {
        let field = fields.user_agent.unwrap_or_default();
        let field = field.get(..MAX_AGENT).unwrap_or(field);
        let mut known = if field.is_empty() {
            KnownAgent::default()
        } else if let Some(known) = self.agents.get(field) {
            *known
        } else {
            let known = read_agent(&shared.lexicon, field);
            remember(&mut self.agents, field.to_vec(), known);
            known
        };
        if let Some(version) = fields.release {
            let product = fields
                .product
                .unwrap_or_else(|| agent::parse(field).product);
            if let Some(text) = release::from_field(version, product) {
                known.release = shared.lexicon.intern(TextKind::Release, &text, false);
            }
        }
        known
    }
}

fn remember<K: std::hash::Hash + Eq, V>(map: &mut Map<K, V>, key: K, value: V) {
    if map.len() >= MAX_REMEMBERED {
        map.clear();
    }
    map.insert(key, value);
}

/// The authority of an absolute-form target, which replaces `Host` (RFC 9112 section 3.2.2), else `Host`.
fn authority<'a>(fields: &Fields<'a>, target: &'a [u8]) -> &'a [u8] {
    let absolute = match target.first() {
        None | Some(b'/' | b'*') => None,
        Some(_) => memchr::memmem::find(target.get(..16).unwrap_or(target), b"://")
            .and_then(|at| target.get(at.checked_add(3)?..))
            .and_then(|rest| rest.split(|b| matches!(b, b'/' | b'?' | b'#')).next()),
    };
    absolute.or(fields.host).unwrap_or_default()
}

fn read_agent(lexicon: &Lexicon, field: &[u8]) -> KnownAgent {
    let agent = agent::parse(field);
    let release = agent
        .version
        .filter(|_| agent.class == AgentClass::App && !agent.known)
        .and_then(|version| release::joined(agent.product, version));
    KnownAgent {
        agent: lexicon.intern(TextKind::Agent, agent.product, agent.known),
        class: agent.class,
        release: release.map_or(TextId::NONE, |text| {
            lexicon.intern(TextKind::Release, &text, false)
        }),
    }
}

fn operation(lexicon: &Lexicon, tx: &Transaction, request: &Message, asked: &Asked<'_>) -> TextId {
    let upgraded = tx
        .response
        .as_ref()
        .is_some_and(|response| response.status == 101)
        && tx
            .field(request, "upgrade")
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
    // Extended CONNECT (RFC 8441) does so over HTTP/2.
    let connected = request.protocol == Protocol::H2
        && tx
            .field(request, ":protocol")
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
    if upgraded || connected {
        return lexicon.intern(TextKind::Operation, b"websocket", true);
    }
    asked.operation().map_or(TextId::NONE, |text| {
        lexicon.intern(TextKind::Operation, &text, false)
    })
}

/// How far the answer proves the token.
const fn proof(token: Option<KnownToken>, status: Status) -> Proof {
    match (token, status.0) {
        (None, _) => Proof::NoToken,
        (Some(_), 401) => Proof::Refused,
        (Some(_), 403) => Proof::Forbidden,
        (Some(_), _) => Proof::Accepted,
    }
}

fn observation(
    tx: &Transaction,
    asker: &Asker,
    client: KnownClient,
    answered: Answered,
) -> Observation {
    let status = Status(tx.response.as_ref().map_or(0, |response| response.status));
    let grpc = tx.grpc.as_deref().copied().unwrap_or_default();
    let both = tx.request.is_some() && tx.response.is_some();
    let token = asker.token;
    let by_token = token.and_then(|token| token.integration);
    Observation {
        start: tx.start,
        end: tx.end,
        flow: tx.flow,
        index: tx.index,
        protocol: tx.protocol,
        method: asker.method,
        status,
        state: tx.state,
        notes: tx.notes,
        encrypted: tx.notes.contains(Notes::DECRYPTED),
        token: token.map(|token| token.key),
        token_kind: token.map(|token| token.kind),
        proof: proof(token, grpc.status.map_or(status, Status::of_grpc)),
        credential: asker.credential,
        server: answered.server,
        rate_limit: answered.rate_limit,
        client: client.key,
        country: client.country,
        service: asker.resolved.service,
        endpoint: asker.resolved.endpoint,
        route: asker.resolved.route,
        documented: asker.resolved.documented,
        cell: asker.resolved.cell,
        host: asker.host,
        agent: asker.agent.agent,
        agent_class: asker.agent.class,
        release: asker.agent.release,
        operation: asker.operation,
        // The first that is listed, whichever sign names it.
        integration: [by_token, asker.by_field, client.integration]
            .into_iter()
            .flatten()
            .min_by_key(|id| id.0),
        request_bytes: tx.request.as_ref().map_or(0, |request| request.body_bytes),
        response_bytes: tx
            .response
            .as_ref()
            .map_or(0, |response| response.body_bytes),
        response_decoded: None,
        duration_us: both.then(|| tx.end.micros_since(tx.start)),
        ttfb_us: tx
            .response_start
            .zip(tx.request_end)
            .map(|(response, request)| response.micros_since(request)),
        object: asker.object,
        refused_path: asker.refused_path,
        account: asker.account,
        refused_field: TextId::NONE,
        candidate: asker.resolved.candidate,
        grpc_status: grpc.status,
        request_messages: grpc.request_messages,
        response_messages: grpc.response_messages,
        checked: false,
        violations: 0,
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::string_slice,
    clippy::use_debug,
    reason = "tests hold no traffic"
)]
mod tests;

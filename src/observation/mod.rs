//! Door 1: what may pass from the cleartext room into the analysis room. Numbers, enums and keyed pseudonyms; no text.
//!
//! Where analysis must be able to *name* something that came from the wire (a host, a release, a field), it carries a
//! [`TextId`]: a keyed hash of the text. The text itself stays in the cleartext room's lexicon, which gives it back through
//! [`Names`] only for ids that are known from configuration or vocabulary, or were used by enough principals ([`Admitted`]).
//!
//! ```text
//! Observation      what analysis learns of one transaction                 (here)
//!   ids, Names     who and what is meant, and what may be shown of it       (names)
//!   ObjectRef      what a path names                                        (object)
//!   Finding        what sensitive values were found, and what is exposed    (finding)
//!   FieldNote      which parameters and fields there are, against the document (note)
//!   Method, ...    what HTTP says in words, as numbers                      (exchange)
//!   Credential     what is known of a token besides whom it stands for      (credential)
//!   Route          the pieces of a path, as classes and keyed hashes        (route)
//!   Templates      which of those pieces are names                          (templates)
//! ```

mod candidate;
mod credential;
mod exchange;
mod finding;
mod names;
mod note;
mod object;
mod route;
pub(crate) mod templates;
pub(crate) mod vocabulary;

pub use candidate::{Candidate, Class};
pub use credential::{Credential, CredentialTraits, RateLimit};
pub use exchange::{AgentClass, Country, Method, Notes, Protocol, Status, TxState};
pub use finding::{Category, ExposedIn, Exposure, Finding, Part, Sink, SinkField};
pub use names::{
    Admitted, EndpointId, EndpointName, FlowId, IntegrationId, Names, PrincipalKey, PublicCell,
    PublicTriple, RuleId, SHARDS, ServiceId, TextId, TokenKind, TypeId,
};
pub use note::{FieldNote, JsonTypes, Remark, SchemaRule};

pub use object::{CollectionKey, IdStep, ObjectKey, ObjectMark, ObjectRef};
pub use route::{Element, MAX_ELEMENTS, Route, Shape};
pub use templates::{Template, Templates};

use crate::clock::EventTime;

/// How far the token of a request is proven.
///
/// For detection, credentials answered 401, and those answered 403 before they were ever seen to succeed, count to the client
/// instead, so that forged tokens can not fill its tables. What is released goes by the single observation
/// (`analysis::clip::principal_of`): 401 counts to the client, anything else to the token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Proof {
    /// No token was presented.
    NoToken,
    /// Answered 401: counts to the client.
    Refused,
    /// Answered 403: counts to the token only if that token has succeeded before.
    Forbidden,
    /// Anything else: counts to the token.
    Accepted,
}

/// One HTTP transaction as the analysis room sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// First byte of the request (or of what was seen).
    pub start: EventTime,
    /// Last byte of the response (or of what was seen).
    pub end: EventTime,
    /// The flow it was on.
    pub flow: FlowId,
    /// Its number within the flow, from 0.
    pub index: u32,
    /// Protocol version.
    pub protocol: Protocol,
    /// Method.
    pub method: Method,
    /// Final status.
    pub status: Status,
    /// How whole it is.
    pub state: TxState,
    /// Flags.
    pub notes: Notes,
    /// Seen inside TLS or in clear text.
    pub encrypted: bool,
    /// The token presented, if any.
    pub token: Option<PrincipalKey>,
    /// Its kind.
    pub token_kind: Option<TokenKind>,
    /// How far it is proven.
    pub proof: Proof,
    /// What else is known of it.
    pub credential: Credential,
    /// The client: address behind trusted proxies, IPv6 as /56.
    pub client: PrincipalKey,
    /// The country of the client.
    pub country: Country,
    /// Host group.
    pub service: ServiceId,
    /// Method + host group + path template.
    pub endpoint: EndpointId,
    /// The pieces of the path, where no document or hint knows it.
    pub route: Route,
    /// Whether the endpoint is in an OpenAPI document or a hint.
    pub documented: bool,
    /// The public triple it counts in.
    pub cell: PublicCell,
    /// `Host` or authority.
    pub host: TextId,
    /// Agent product without version.
    pub agent: TextId,
    /// Agent class.
    pub agent_class: AgentClass,
    /// Client release, product/version.
    pub release: TextId,
    /// Release of the server, product/version, as its answer says.
    pub server: TextId,
    /// What the answer says of a limit on requests.
    pub rate_limit: RateLimit,
    /// GraphQL operation, gRPC method, WebSocket and the like.
    pub operation: TextId,
    /// The listed integration this token belongs to.
    pub integration: Option<IntegrationId>,
    /// Body bytes after transfer coding, before content coding.
    pub request_bytes: u64,
    /// Likewise of the response.
    pub response_bytes: u64,
    /// Body bytes of the response after content coding, where it was decoded.
    pub response_decoded: Option<u64>,
    /// End minus start, in microseconds; none for half transactions.
    pub duration_us: Option<u64>,
    /// First response byte minus last request byte, in microseconds.
    pub ttfb_us: Option<u64>,
    /// The object asked for, where the path names one.
    pub object: Option<ObjectRef>,
    /// The whole path, where the answer was that there is nothing, or nothing for this client (400, 403, 404, 405, 410, 501).
    pub refused_path: Option<ObjectKey>,
    /// The account that the request tried to log in to: a keyed hash of the name that came with a password.
    pub account: Option<ObjectKey>,
    /// The field that a 4xx answer names as the reason.
    pub refused_field: TextId,
    /// The label the request would have on the public listener if it were learned; none where it has one already.
    pub candidate: Option<Candidate>,
    /// `grpc-status` of a gRPC call.
    pub grpc_status: Option<u8>,
    /// Messages of the client in a gRPC call.
    pub request_messages: Option<u32>,
    /// Messages of the server in a gRPC call.
    pub response_messages: Option<u32>,
    /// Whether the request was held against the rules of a document.
    pub checked: bool,
    /// Rules of the document that it breaks, by field.
    pub violations: u8,
}

impl Observation {
    /// A request of nobody that says nothing, to be filled in.
    pub const fn blank() -> Self {
        Self {
            start: EventTime::ZERO,
            end: EventTime::ZERO,
            flow: FlowId(0),
            index: 0,
            protocol: Protocol::Http11,
            method: Method::Get,
            status: Status::NONE,
            state: TxState::Complete,
            notes: Notes(0),
            encrypted: false,
            token: None,
            token_kind: None,
            proof: Proof::NoToken,
            credential: Credential {
                mark: 0,
                lifetime_seconds: 0,
                traits: CredentialTraits(0),
            },
            server: TextId::NONE,
            rate_limit: RateLimit::Silent,
            client: PrincipalKey(0),
            country: Country::UNKNOWN,
            service: ServiceId(0),
            endpoint: EndpointId(0),
            route: Route::NONE,
            documented: false,
            candidate: None,
            object: None,
            refused_path: None,
            account: None,
            refused_field: TextId::NONE,
            cell: PublicCell(0),
            host: TextId::NONE,
            agent: TextId::NONE,
            agent_class: AgentClass::Unknown,
            release: TextId::NONE,
            operation: TextId::NONE,
            integration: None,
            request_bytes: 0,
            response_bytes: 0,
            response_decoded: None,
            duration_us: None,
            ttfb_us: None,
            grpc_status: None,
            request_messages: None,
            response_messages: None,
            checked: false,
            violations: 0,
        }
    }

    /// How the call came out: the status, but for gRPC, which answers 200 to everything and says in its trailer what became
    /// of it.
    pub const fn outcome(&self) -> Status {
        match (self.status.0, self.grpc_status) {
            (200, Some(code)) => Status::of_grpc(code),
            _ => self.status,
        }
    }

    /// The order in which observations of a tick are applied and records are written.
    pub const fn order(&self) -> (EventTime, FlowId, u32) {
        (self.end, self.flow, self.index)
    }
}

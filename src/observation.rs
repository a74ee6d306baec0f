//! Door 1: what may pass from the cleartext room into the analysis room. Numbers, enums and keyed pseudonyms; no text.
//!
//! Where analysis must be able to *name* something that came from the wire (a host, a release, a field), it carries a
//! [`TextId`]: a keyed hash of the text. The text itself stays in the cleartext room's lexicon, which gives it back through
//! [`Names`] only for ids that are known from configuration or vocabulary, or were used by enough principals ([`Admitted`]).

use std::borrow::Cow;
use std::sync::Arc;

use crate::clock::EventTime;

/// A number for a flow, counted by the capture thread. Never an address hash, which could be reversed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FlowId(pub u64);

/// A keyed 128-bit hash that stands for a token or a client everywhere outside the cleartext room. It is made with the state
/// key and never shown: what people see is derived from it per display epoch ([`Names::token`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PrincipalKey(pub u128);

impl PrincipalKey {
    /// The shard, of [`SHARDS`], that owns this principal's state.
    pub const fn shard(self) -> usize {
        (self.0 % SHARDS as u128) as usize
    }
}

/// The fixed number of shards of analysis state: independent of the number of workers, so that results are.
pub const SHARDS: usize = 64;

/// A token as it was presented, by what kind of credential.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TokenKind {
    /// `Authorization: Bearer`, opaque.
    Bearer,
    /// A JWT, counted by issuer and subject.
    BearerJwt,
    /// `Authorization: Basic`, by user name.
    Basic,
    /// `Authorization: Digest`, by user name.
    Digest,
    /// AWS Signature Version 4 and other signature schemes, by key id.
    Signature,
    /// `X-API-Key` and its relatives, `ApiKey` schemes, and key parameters in the query.
    ApiKey,
    /// A session cookie.
    Session,
    /// gRPC metadata.
    Metadata,
    /// A TLS client certificate passed on in a header.
    Certificate,
}

impl TokenKind {
    /// The name in records (`token_kind`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::BearerJwt => "bearer-jwt",
            Self::Basic => "basic",
            Self::Digest => "digest",
            Self::Signature => "signature",
            Self::ApiKey => "api-key",
            Self::Session => "session",
            Self::Metadata => "metadata",
            Self::Certificate => "certificate",
        }
    }
}

/// Method + host group + path template, as a keyed hash of all three. [`Names::endpoint`] gives the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EndpointId(pub u64);

/// An endpoint in words. Every part is vocabulary, configuration or a typed class: never a raw value from the wire.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EndpointName {
    /// The host group from config or OpenAPI, else `default`.
    pub service: String,
    /// The method from the allow-list, else `OTHER`.
    pub method: &'static str,
    /// The path template, such as `/v1/users/{id}`.
    pub template: String,
}

/// A keyed hash of a text from the wire; the top bit marks texts that are known from config, document or vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TextId(pub u64);

impl TextId {
    /// No text.
    pub const NONE: Self = Self(0);
    const KNOWN: u64 = 1 << 63;

    /// Marks the text as known beforehand: it may be shown whoever used it.
    #[must_use]
    pub const fn known(self) -> Self {
        Self(self.0 | Self::KNOWN)
    }

    /// Whether the text is known beforehand.
    pub const fn is_known(self) -> bool {
        self.0 & Self::KNOWN != 0
    }

    /// Whether there is a text at all.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// The texts that enough distinct principals have used (`anonymize.k`). Sorted, shared, immutable.
#[derive(Clone, Debug, Default)]
pub struct Admitted(Arc<[TextId]>);

impl Admitted {
    /// From ids in any order.
    pub fn new(mut ids: Vec<TextId>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self(ids.into())
    }

    /// Whether this text may be shown.
    pub fn admits(&self, id: TextId) -> bool {
        id.is_known() || self.0.binary_search(&id).is_ok()
    }
}

/// Gives names to ids, at the edge where something is shown. Implemented by the cleartext room's lexicon.
pub trait Names: Send + Sync {
    /// The endpoint in words, if its id was ever made in this process or restored.
    fn endpoint(&self, id: EndpointId) -> Option<EndpointName>;
    /// The text behind `id` if `admitted` lets it be shown, else its class (such as `{host}`).
    fn text(&self, id: TextId, admitted: &Admitted) -> Cow<'static, str>;
    /// The display pseudonym of a token: `tk_` and 16 base32 letters.
    fn token(&self, key: PrincipalKey) -> String;
    /// The display pseudonym of a client: `cl_` and 16 base32 letters.
    fn client(&self, key: PrincipalKey) -> String;
    /// The name of a service.
    fn service(&self, id: ServiceId) -> String;
    /// The name of a sensitive type, such as `card-number`.
    fn sensitive_type(&self, id: TypeId) -> String;
    /// The id of a masking rule, such as `secrets.aws-access-key-id`.
    fn rule(&self, id: RuleId) -> String;
    /// The name of an integration.
    fn integration(&self, id: IntegrationId) -> String;
}

/// A host group: index into the configured services, 0 = `default`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ServiceId(pub u16);

/// A listed integration: index into the configured integrations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IntegrationId(pub u16);

/// A sensitive type: index into the type names of the rules in force (append-only over reloads).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TypeId(pub u16);

/// A masking rule: index into the rules in force (append-only over reloads).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub u16);

/// The four categories of sensitive values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Category {
    /// Credentials and keys.
    Secret,
    /// Payment cards and bank data.
    Pci,
    /// Personal data.
    Pii,
    /// Health data.
    Hipaa,
}

impl Category {
    /// All, in label order.
    pub const ALL: [Self; 4] = [Self::Secret, Self::Pci, Self::Pii, Self::Hipaa];

    /// The label value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Pci => "pci",
            Self::Pii => "pii",
            Self::Hipaa => "hipaa",
        }
    }
}

/// Which part of a transaction a value stood in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// A path segment of the request target.
    RequestPath,
    /// A query parameter.
    RequestQuery,
    /// A request header.
    RequestHeader,
    /// A request cookie.
    RequestCookie,
    /// The request body.
    RequestBody,
    /// A response header.
    ResponseHeader,
    /// A `Set-Cookie` value.
    ResponseCookie,
    /// The response body.
    ResponseBody,
}

impl Part {
    /// The name in `where` fields, before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestPath => "request.path",
            Self::RequestQuery => "request.query",
            Self::RequestHeader => "request.header",
            Self::RequestCookie => "request.cookie",
            Self::RequestBody => "request.body",
            Self::ResponseHeader => "response.header",
            Self::ResponseCookie => "response.cookie",
            Self::ResponseBody => "response.body",
        }
    }

    /// Whether the value travelled from server to client.
    pub const fn is_response(self) -> bool {
        matches!(
            self,
            Self::ResponseHeader | Self::ResponseCookie | Self::ResponseBody
        )
    }
}

/// Where telemetry goes to, recognised on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "names of products and protocols")]
pub enum Sink {
    Elasticsearch,
    Splunk,
    Loki,
    Otlp,
    Datadog,
    NewRelic,
    Sentry,
    Zipkin,
    Gelf,
}

impl Sink {
    /// The name in alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::Splunk => "splunk",
            Self::Loki => "loki",
            Self::Otlp => "otlp",
            Self::Datadog => "datadog",
            Self::NewRelic => "new-relic",
            Self::Sentry => "sentry",
            Self::Zipkin => "zipkin",
            Self::Gelf => "gelf",
        }
    }
}

/// A field of what is sent to a store of telemetry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SinkField {
    /// The store.
    pub sink: Sink,
    /// The path of names to the field.
    pub path: TextId,
}

impl SinkField {
    /// The name of the store in alerts.
    pub const fn name(self) -> &'static str {
        self.sink.name()
    }
}

/// Where a secret was that must not be there, with the path of names to it, as findings have it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExposedIn {
    /// The body of a response, of an endpoint that does not hand out credentials.
    Response(TextId),
    /// The target of a request that was not refused: targets end up in logs and histories.
    Url(TextId),
    /// The address of the page before, which a browser tells to other sites.
    Referer(TextId),
    /// A body sent to a store of logs, traces or events.
    Sink(SinkField),
}

impl ExposedIn {
    /// The place in words, for alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response(_) => "response body",
            Self::Url(_) => "URL",
            Self::Referer(_) => "referer",
            Self::Sink(_) => "telemetry",
        }
    }

    /// The path of names to the field.
    pub const fn path(self) -> TextId {
        match self {
            Self::Response(path) | Self::Url(path) | Self::Referer(path) => path,
            Self::Sink(field) => field.path,
        }
    }

    /// The kind of place alone, whatever the field.
    #[must_use]
    pub const fn anywhere(self) -> Self {
        match self {
            Self::Response(_) => Self::Response(TextId::NONE),
            Self::Url(_) => Self::Url(TextId::NONE),
            Self::Referer(_) => Self::Referer(TextId::NONE),
            Self::Sink(SinkField { sink, path: _ }) => Self::Sink(SinkField {
                sink,
                path: TextId::NONE,
            }),
        }
    }
}

/// A secret in a place where it must not be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Exposure {
    /// The place.
    pub place: ExposedIn,
    /// It is one by its format, not by its name alone.
    pub sure: bool,
    /// The server is known to have taken the request; not so where no response was seen.
    pub taken: bool,
}

/// Sensitive values of one kind found in one place of one transaction. No value, no position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Finding {
    /// The part of the transaction.
    pub part: Part,
    /// The field path within the part, such as `$.card.number` or `x-api-key`.
    pub path: TextId,
    /// What it is.
    pub kind: TypeId,
    /// Its category.
    pub category: Category,
    /// The rule that found it.
    pub rule: RuleId,
    /// How many.
    pub count: u32,
    /// Whether it must not be there at all.
    pub exposure: Option<Exposure>,
    /// Found by a rule in dry run: counts to the rule, and nowhere else.
    pub dry_run: bool,
}

/// Request methods by allow-list; junk from the wire is `Other`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(
    missing_docs,
    reason = "the methods of the IANA registry speak for themselves"
)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Query,
    Propfind,
    Proppatch,
    Mkcol,
    Copy,
    Move,
    Lock,
    Unlock,
    Report,
    Search,
    Merge,
    Purge,
    /// Seen, but on no list.
    Other,
    /// No request was seen, or its method could not be read.
    Unknown,
}

impl Method {
    const NAMES: [(Self, &'static str); 22] = [
        (Self::Get, "GET"),
        (Self::Head, "HEAD"),
        (Self::Post, "POST"),
        (Self::Put, "PUT"),
        (Self::Delete, "DELETE"),
        (Self::Connect, "CONNECT"),
        (Self::Options, "OPTIONS"),
        (Self::Trace, "TRACE"),
        (Self::Patch, "PATCH"),
        (Self::Query, "QUERY"),
        (Self::Propfind, "PROPFIND"),
        (Self::Proppatch, "PROPPATCH"),
        (Self::Mkcol, "MKCOL"),
        (Self::Copy, "COPY"),
        (Self::Move, "MOVE"),
        (Self::Lock, "LOCK"),
        (Self::Unlock, "UNLOCK"),
        (Self::Report, "REPORT"),
        (Self::Search, "SEARCH"),
        (Self::Merge, "MERGE"),
        (Self::Purge, "PURGE"),
        (Self::Other, "OTHER"),
    ];

    /// From the bytes of a request line; methods are case-sensitive (RFC 9110 section 9.1). Without any it is unknown: HTTP/2,
    /// joined midstream, may hide it.
    pub fn from_wire(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Unknown;
        }
        Self::NAMES
            .iter()
            .find(|(method, name)| *method != Self::Other && name.as_bytes() == bytes)
            .map_or(Self::Other, |(method, _)| *method)
    }

    /// The name, `OTHER` for unlisted ones and the empty string where no request was seen.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(method, _)| *method == self)
            .map_or("", |(_, name)| name)
    }
}

/// A status code; 0 where no response was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Status(pub u16);

impl Status {
    /// No response was seen.
    pub const NONE: Self = Self(0);

    /// The label value of `code`: `1xx` to `5xx`, or `none`.
    pub const fn class(self) -> &'static str {
        match self.0 {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            500..=599 => "5xx",
            _ => "none",
        }
    }

    /// What a gRPC status code comes to as a status of HTTP, by the table of `google/rpc/code.proto`.
    pub const fn of_grpc(code: u8) -> Self {
        Self(match code {
            0 => 200,
            1 => 499,
            3 | 9 | 11 => 400,
            4 => 504,
            5 => 404,
            6 | 10 => 409,
            7 => 403,
            8 => 429,
            12 => 501,
            14 => 503,
            16 => 401,
            // UNKNOWN, INTERNAL, DATA_LOSS, and what is on no list.
            _ => 500,
        })
    }

    /// Label values of `code` in cell order.
    pub const CLASSES: [&'static str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

    /// Index into [`Self::CLASSES`].
    pub const fn class_index(self) -> usize {
        match self.0 {
            100..=199 => 0,
            200..=299 => 1,
            300..=399 => 2,
            400..=499 => 3,
            500..=599 => 4,
            _ => 5,
        }
    }
}

/// Two letters of ISO 3166-1, or [`Country::UNKNOWN`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Country([u8; 2]);

impl Country {
    /// No database, or the address is in none.
    pub const UNKNOWN: Self = Self([0, 0]);

    /// From a two-letter code; anything else is unknown.
    pub fn from_code(code: &str) -> Self {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
            }
            _ => Self::UNKNOWN,
        }
    }

    /// The two letters, or `unknown`.
    pub fn code(&self) -> &str {
        if *self == Self::UNKNOWN {
            "unknown"
        } else {
            std::str::from_utf8(&self.0).unwrap_or("unknown")
        }
    }
}

/// The application protocol, as `protocol` in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names are the protocol versions")]
pub enum Protocol {
    Http09,
    Http10,
    Http11,
    H2,
}

impl Protocol {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http09 => "http/0.9",
            Self::Http10 => "http/1.0",
            Self::Http11 => "http/1.1",
            Self::H2 => "h2",
        }
    }
}

/// How whole a transaction is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TxState {
    /// Request and response whole.
    Complete,
    /// No response was seen.
    NoResponse,
    /// No request was seen.
    NoRequest,
    /// A gap or the snaplen cut it.
    Truncated,
}

impl TxState {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::NoResponse => "no-response",
            Self::NoRequest => "no-request",
            Self::Truncated => "truncated",
        }
    }
}

/// Facts about a transaction worth a word in its record: a set of flags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Notes(pub u16);

impl Notes {
    /// The flow was joined midstream.
    pub const MIDSTREAM: Self = Self(1);
    /// A body was longer than the limit and only partly looked into.
    pub const BODY_CUT: Self = Self(1 << 1);
    /// A body could not be decoded and was masked whole.
    pub const UNDECODABLE: Self = Self(1 << 2);
    /// Framing headers contradicted each other.
    pub const ODD_FRAMING: Self = Self(1 << 3);
    /// Segments overlapped with different content.
    pub const OVERLAP_CONFLICT: Self = Self(1 << 4);
    /// The request came in pieces around its response, or the response before the request had ended.
    pub const EARLY_RESPONSE: Self = Self(1 << 5);
    /// The connection was upgraded to another protocol.
    pub const UPGRADED: Self = Self(1 << 6);
    /// Stands inside a CONNECT tunnel.
    pub const IN_TUNNEL: Self = Self(1 << 7);

    /// Was inside TLS and opened with a known key.
    pub const DECRYPTED: Self = Self(1 << 8);
    /// Packets were lost between messages of a pipelined flow: the response may be that of another request.
    pub const PAIR_DOUBTFUL: Self = Self(1 << 9);

    const NAMES: [(Self, &'static str); 10] = [
        (Self::MIDSTREAM, "midstream"),
        (Self::BODY_CUT, "body-cut"),
        (Self::UNDECODABLE, "undecodable"),
        (Self::ODD_FRAMING, "odd-framing"),
        (Self::OVERLAP_CONFLICT, "overlap-conflict"),
        (Self::EARLY_RESPONSE, "early-response"),
        (Self::UPGRADED, "upgraded"),
        (Self::IN_TUNNEL, "in-tunnel"),
        (Self::DECRYPTED, "decrypted"),
        (Self::PAIR_DOUBTFUL, "pair-doubtful"),
    ];

    /// Adds the flags of `other`.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
    }
}

/// What kind of program the client is, by its User-Agent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum AgentClass {
    /// None was sent, or it says nothing.
    #[default]
    Unknown,
    /// A web browser.
    Browser,
    /// An app on a phone, tablet or desktop.
    App,
    /// A library or command-line tool.
    Tool,
    /// A crawler, monitor or scanner that says so.
    Bot,
}

/// The public (service, endpoint, method) triple this request counts in: index into the frozen list, whose last entry is
/// `other`. A function of the single request and of the configuration alone (`privacy.md` 0.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PublicCell(pub u32);

/// What a [`PublicCell`] stands for: known from configuration and documents, so all of it may be shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PublicTriple {
    /// The service.
    pub service: String,
    /// The path template.
    pub endpoint: String,
    /// The method.
    pub method: String,
}

impl PublicTriple {
    /// What every request counts in that is on no list.
    pub fn other() -> Self {
        let other = || "other".to_owned();
        Self {
            service: other(),
            endpoint: other(),
            method: other(),
        }
    }
}

/// How far the token of a request is proven.
///
/// Credentials answered 401, and those answered 403 before they were ever seen to succeed, count to the client instead,
/// so that forged tokens can neither fill tables nor spend another's clip.
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
    /// The client: address behind trusted proxies, IPv6 as /56.
    pub client: PrincipalKey,
    /// The country of the client.
    pub country: Country,
    /// Host group.
    pub service: ServiceId,
    /// Method + host group + path template.
    pub endpoint: EndpointId,
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
    /// `grpc-status` of a gRPC call.
    pub grpc_status: Option<u8>,
    /// Messages of the client in a gRPC call.
    pub request_messages: Option<u32>,
    /// Messages of the server in a gRPC call.
    pub response_messages: Option<u32>,
}

impl Observation {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_errors_are_errors() {
        let classes: Vec<_> = (0..=17).map(|code| Status::of_grpc(code).class()).collect();
        assert_eq!(classes[0], "2xx");
        assert!(
            classes[1..]
                .iter()
                .all(|class| ["4xx", "5xx"].contains(class))
        );
        assert_eq!(Status::of_grpc(16), Status(401));
    }
}

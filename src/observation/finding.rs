//! What the masker found in a transaction: kinds of values, places, counts, and what stands where it must not be.

use super::{RuleId, TextId, TypeId};

/// The four categories of sensitive values.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
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
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
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
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
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
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
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
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
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

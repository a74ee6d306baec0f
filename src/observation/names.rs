//! Ids of what observations are about, and how the cleartext room names it: only what may be shown.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Element, Templates};

/// A number for a flow, counted by the capture thread. Never an address hash, which could be reversed.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct FlowId(pub u64);

/// A keyed 128-bit hash that stands for a token or a client everywhere outside the cleartext room. It is made with the state
/// key and never shown: what people see is derived from it per display epoch ([`Names::token`]).
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
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
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
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
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
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
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
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

/// What may be shown: the texts that enough distinct principals have used (`anonymize.k`), and the templates learned from
/// them. Sorted, shared, immutable.
#[derive(Clone, Debug, Default)]
pub struct Admitted {
    texts: Arc<[TextId]>,
    templates: Templates,
}

impl Admitted {
    /// From ids in any order.
    pub fn new(mut ids: Vec<TextId>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self {
            texts: ids.into(),
            templates: Templates::default(),
        }
    }

    /// The same with learned templates.
    #[must_use]
    pub fn with_templates(self, templates: Templates) -> Self {
        Self { templates, ..self }
    }

    /// The templates learned.
    pub const fn templates(&self) -> &Templates {
        &self.templates
    }

    /// Whether this text may be shown.
    pub fn admits(&self, id: TextId) -> bool {
        id.is_known() || self.texts.binary_search(&id).is_ok()
    }
}

/// Gives names to ids, at the edge where something is shown. Implemented by the cleartext room's lexicon.
pub trait Names: Send + Sync {
    /// The endpoint in words, if its id was ever made in this process or restored.
    fn endpoint(&self, id: EndpointId) -> Option<EndpointName>;
    /// The text of a piece of a path; none if it is not remembered. Only for pieces of a [`Template`](super::Template).
    fn segment(&self, _element: Element) -> Option<String> {
        None
    }
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
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct ServiceId(pub u16);

/// A listed integration: index into the configured integrations.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct IntegrationId(pub u16);

/// A sensitive type: index into the type names of the rules in force (append-only over reloads).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct TypeId(pub u16);

/// A masking rule: index into the rules in force (append-only over reloads).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub u16);

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

    /// The place of a triple that is not learned yet.
    pub const fn blank() -> Self {
        Self {
            service: String::new(),
            endpoint: String::new(),
            method: String::new(),
        }
    }

    /// Whether it is such a place.
    pub const fn is_blank(&self) -> bool {
        self.method.is_empty()
    }
}

//! How a request was vouched for and what its answer said of limits: facts about a credential and about quotas, as numbers
//! and flags.

/// What is known of a credential besides whom it stands for. Nothing here can be turned back into it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Credential {
    /// A keyed hash of the credential as it was sent: tells several credentials of one subject apart. 0 where none was sent.
    pub mark: u32,
    /// Seconds from issue to expiry; 0 where it does not say.
    pub lifetime_seconds: u32,
    /// Flags.
    pub traits: CredentialTraits,
}

/// Facts about a credential and the request it came with: a set of flags.
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
pub struct CredentialTraits(pub u8);

impl CredentialTraits {
    /// It is a JSON Web Token (RFC 7519): only of these the rest is known.
    pub const JWT: Self = Self(1);
    /// Its header says that it is not signed (`alg` is `none`, RFC 7518 section 3.6).
    pub const UNSIGNED: Self = Self(1 << 1);
    /// Its time was over when it was sent, by more than the leeway.
    pub const EXPIRED: Self = Self(1 << 2);
    /// It never expires.
    pub const ENDLESS: Self = Self(1 << 3);
    /// It says that it is bound to a key of the client: `DPoP` (RFC 9449), by claim or by scheme.
    pub const BOUND_DPOP: Self = Self(1 << 4);
    /// It says that it is bound to a client certificate (RFC 8705).
    pub const BOUND_MTLS: Self = Self(1 << 5);
    /// A `DPoP` proof came with it.
    pub const PROOF: Self = Self(1 << 6);
    /// A client certificate came with it, passed on by a proxy.
    pub const CERTIFICATE: Self = Self(1 << 7);

    /// Adds the flags of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Adds the flags of `other` where `condition` holds.
    #[must_use]
    pub const fn with_if(self, other: Self, condition: bool) -> Self {
        if condition { self.with(other) } else { self }
    }

    /// Whether all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What an answer says about the quota of who asked (`RateLimit-Remaining` and its relatives).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum RateLimit {
    /// Nothing.
    #[default]
    Silent,
    /// There is a limit, and something is left of it.
    Left,
    /// Nothing is left.
    Spent,
}

//! What a credential says of its own validity: when it was issued, how long it holds, whether it is signed, and whether it is
//! bound to a key of its holder. Facts for the hygiene of tokens; nothing here decides who somebody is.
//!
//! RFC 7519 (JWT), RFC 8725 (best practice), RFC 9449 (`DPoP`), RFC 8705 (certificate-bound tokens).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::jwt::Claims;
use crate::clock::EventTime;
use crate::observation::{Credential, CredentialTraits};

/// Longest header that is decoded, in base64 letters.
const MAX_HEADER: usize = 4 << 10;
/// Seconds behind its expiry in which a token still counts as good: clocks differ, and so do requests on their way.
const LEEWAY_SECONDS: u64 = 300;

/// What a credential says of itself. The default is that of one that says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::cleartext::anonymize) struct Grant {
    expires: Option<u64>,
    lifetime: u32,
    traits: CredentialTraits,
}

/// What a request shows along with its credential.
#[derive(Clone, Copy)]
pub(in crate::cleartext::anonymize) struct Shown {
    /// When it was sent.
    pub(in crate::cleartext::anonymize) at: EventTime,
    /// With a `DPoP` proof.
    pub(in crate::cleartext::anonymize) proof: bool,
    /// By the scheme `DPoP`.
    pub(in crate::cleartext::anonymize) by_scheme: bool,
    /// With a client certificate, passed on by a proxy.
    pub(in crate::cleartext::anonymize) certificate: bool,
}

impl Grant {
    /// Of a token in compact form whose payload was read.
    pub(in crate::cleartext::anonymize) fn of(token: &[u8], claims: &Claims) -> Self {
        let (issued, expires) = (claims.seconds("iat"), claims.seconds("exp"));
        let lifetime = issued
            .zip(expires)
            .map_or(0, |(issued, expires)| expires.saturating_sub(issued));
        let certificate = claims.confirms("x5t#S256");
        Self {
            expires,
            lifetime: u32::try_from(lifetime).unwrap_or(u32::MAX),
            traits: CredentialTraits::JWT
                .with_if(CredentialTraits::UNSIGNED, is_unsigned(token))
                .with_if(CredentialTraits::ENDLESS, expires.is_none())
                .with_if(CredentialTraits::BOUND_DPOP, claims.confirms("jkt"))
                .with_if(CredentialTraits::BOUND_MTLS, certificate),
        }
    }

    /// What is known of it in one request.
    pub(in crate::cleartext::anonymize) fn facts(self, mark: u32, shown: Shown) -> Credential {
        let over = self
            .expires
            .is_some_and(|end| shown.at.secs() > end.saturating_add(LEEWAY_SECONDS));
        Credential {
            mark,
            lifetime_seconds: self.lifetime,
            traits: self
                .traits
                .with_if(CredentialTraits::EXPIRED, over)
                .with_if(CredentialTraits::BOUND_DPOP, shown.by_scheme)
                .with_if(CredentialTraits::PROOF, shown.proof)
                .with_if(CredentialTraits::CERTIFICATE, shown.certificate),
        }
    }
}

/// A mark of a credential, never 0, from its keyed hash.
pub(in crate::cleartext::anonymize) fn mark([hash, _]: [u64; 2]) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(u32::MAX).max(1)
}

/// Whether the header says `"alg":"none"`, in any spelling: servers that take one often take all (RFC 8725 section 2.1).
fn is_unsigned(token: &[u8]) -> bool {
    let header = token.split(|b| *b == b'.').next().unwrap_or_default();
    if header.len() > MAX_HEADER {
        return false;
    }
    let header = header.split(|b| *b == b'=').next().unwrap_or_default();
    let Ok(json) = URL_SAFE_NO_PAD.decode(header).map(Zeroizing::new) else {
        return false;
    };
    let header: Option<Value> = serde_json::from_slice(&json).ok();
    let algorithm = header
        .as_ref()
        .and_then(|header| header.get("alg")?.as_str());
    algorithm.is_some_and(|name| name.eq_ignore_ascii_case("none"))
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(header: &str, payload: &str) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        [header, payload, String::new()].join(".")
    }

    fn facts(header: &str, payload: &str, second: u64) -> Credential {
        let token = token(header, payload);
        let claims = Claims::parse(token.as_bytes()).unwrap();
        let shown = Shown {
            at: EventTime::from_secs(second),
            proof: false,
            by_scheme: false,
            certificate: false,
        };
        Grant::of(token.as_bytes(), &claims).facts(7, shown)
    }

    #[test]
    fn a_token_is_over_only_behind_the_leeway() {
        let payload = r#"{"sub":"a","iat":1000,"exp":4600.5}"#;
        let at = |second| facts(r#"{"alg":"RS256"}"#, payload, second);
        assert_eq!(at(4_000).lifetime_seconds, 3_600);
        assert!(!at(4_900).traits.contains(CredentialTraits::EXPIRED));
        assert!(at(4_901).traits.contains(CredentialTraits::EXPIRED));
        assert!(!at(4_901).traits.contains(CredentialTraits::UNSIGNED));
    }

    #[test]
    fn unsigned_and_endless_and_bound_tokens_are_told() {
        let payload = r#"{"sub":"a","cnf":{"jkt":"0","x5t#S256":"1"}}"#;
        let found = facts(r#"{"alg":"NonE"}"#, payload, 9).traits;
        for flag in [
            CredentialTraits::JWT,
            CredentialTraits::UNSIGNED,
            CredentialTraits::ENDLESS,
            CredentialTraits::BOUND_DPOP,
            CredentialTraits::BOUND_MTLS,
        ] {
            assert!(found.contains(flag), "{flag:?}");
        }
        let plain = facts(r#"{"alg":"ES256"}"#, r#"{"sub":"a","exp":99}"#, 9).traits;
        assert_eq!(plain, CredentialTraits::JWT);
    }

    proptest! {
        #[test]
        fn any_token_is_read_or_left(
            header in "[\\[\\]{}:,\"a-z0-9]{0,40}",
            payload in "\\{(\"(iat|exp|cnf)\":(-?[0-9]{1,30}(\\.[0-9])?|\"x\"|\\{\\}|null),?){0,3}\\}",
        ) {
            let token = token(&header, &payload);
            if let Some(claims) = Claims::parse(token.as_bytes()) {
                let found = Grant::of(token.as_bytes(), &claims);
                prop_assert!(found.traits.contains(CredentialTraits::JWT));
            }
        }

        #[test]
        fn any_bytes_are_no_header(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _unsigned = is_unsigned(&data);
        }
    }
}

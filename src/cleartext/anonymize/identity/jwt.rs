//! Who a JSON Web Token speaks of (RFC 7519): issuer and subject, and the claims by which integrations are recognised.
//!
//! Signatures are not checked: whether a token is good is for the server to say, and its answer decides whether the
//! token counts at all. Nothing of the token is kept but what this returns; the decoded payload is wiped.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// Longest payload that is decoded, in base64 letters.
const MAX_PAYLOAD: usize = 16 << 10;
/// Claims that name whom the token speaks of, first found wins.
const SUBJECTS: [&str; 3] = ["sub", "client_id", "azp"];

/// The claims of a token.
pub(in crate::cleartext::anonymize) struct Claims(serde_json::Map<String, Value>);

impl Claims {
    /// Reads the payload of a token in compact form; none if it is no JWT.
    pub(in crate::cleartext::anonymize) fn parse(token: &[u8]) -> Option<Self> {
        let mut parts = token.split(|b| *b == b'.');
        let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        // Five parts are encrypted (JWE): nothing can be read there.
        if parts.next().is_some() || !header.starts_with(b"ey") || payload.len() > MAX_PAYLOAD {
            return None;
        }
        let payload = payload.split(|b| *b == b'=').next().unwrap_or_default();
        let json = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
        match serde_json::from_slice(&json) {
            Ok(Value::Object(claims)) => Some(Self(claims)),
            _ => None,
        }
    }

    /// Issuer (empty if there is none) and subject; none if the token names no subject.
    pub(in crate::cleartext::anonymize) fn identity(
        &self,
    ) -> Option<(Zeroizing<String>, Zeroizing<String>)> {
        let subject = SUBJECTS.iter().find_map(|name| self.scalar(name))?;
        let issuer = self.scalar("iss").unwrap_or_default();
        Some((issuer, subject))
    }

    /// Whether a claim has that value, alone or in a list.
    pub(in crate::cleartext::anonymize) fn has(&self, name: &str, value: &str) -> bool {
        let is = |claim: &Value| scalar(claim).is_some_and(|text| *text == value);
        match self.0.get(name) {
            Some(Value::Array(list)) => list.iter().any(is),
            Some(claim) => is(claim),
            None => false,
        }
    }

    /// A claim that is a number of seconds (RFC 7519 section 2, `NumericDate`), without its fraction.
    pub(in crate::cleartext::anonymize) fn seconds(&self, name: &str) -> Option<u64> {
        let claim = self.0.get(name)?;
        let text = claim.as_number()?.to_string();
        text.split(['.', 'e', 'E']).next()?.parse().ok()
    }

    /// Whether the token confirms a key of its holder in that way (`cnf`, RFC 7800).
    pub(in crate::cleartext::anonymize) fn confirms(&self, member: &str) -> bool {
        let confirmation = self.0.get("cnf").and_then(Value::as_object);
        confirmation.is_some_and(|members| members.contains_key(member))
    }

    fn scalar(&self, name: &str) -> Option<Zeroizing<String>> {
        self.0
            .get(name)
            .and_then(scalar)
            .filter(|text| !text.is_empty())
    }
}

fn scalar(value: &Value) -> Option<Zeroizing<String>> {
    match value {
        Value::String(text) => Some(Zeroizing::new(text.clone())),
        Value::Number(number) => Some(Zeroizing::new(number.to_string())),
        Value::Bool(flag) => Some(Zeroizing::new(flag.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            wipe(value);
        }
    }
}

/// Wipes every string of a value. The reader bounds the depth.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(map) => map.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads anything without harm; called by the fuzzer.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext::anonymize) fn fuzz_jwt(data: &[u8]) {
    if let Some(claims) = Claims::parse(data) {
        let _identity = claims.identity();
        assert!(!claims.has("sub", "\u{0}never"));
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
pub(in crate::cleartext::anonymize) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An unsigned token with this payload.
    pub(in crate::cleartext::anonymize) fn token(payload: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        [&header, &URL_SAFE_NO_PAD.encode(payload), "c2ln"]
            .map(ToOwned::to_owned)
            .join(".")
    }

    fn identity(payload: &str) -> Option<(String, String)> {
        let (issuer, subject) = Claims::parse(token(payload).as_bytes())?.identity()?;
        Some((issuer.to_string(), subject.to_string()))
    }

    #[test]
    fn the_subject_is_found() {
        let pair = |issuer: &str, subject: &str| Some((issuer.to_owned(), subject.to_owned()));
        assert_eq!(
            identity(r#"{"iss":"i","sub":"s","client_id":"c"}"#),
            pair("i", "s")
        );
        assert_eq!(identity(r#"{"client_id":"c","azp":"a"}"#), pair("", "c"));
        assert_eq!(identity(r#"{"iss":"i","azp":"a"}"#), pair("i", "a"));
        assert_eq!(identity(r#"{"sub":42}"#), pair("", "42"));
        assert_eq!(identity(r#"{"sub":"","azp":"a"}"#), pair("", "a"));
        assert_eq!(identity(r#"{"iss":"i"}"#), None);
    }

    #[test]
    fn what_is_no_jwt_is_left_alone() {
        for token in [
            "",
            "a.b.c",
            "eyJ.eyJ",
            "eyJ.!!.x",
            "ey.e30.a.b.c",
            "eyJ.bnVsbA.x",
        ] {
            assert!(Claims::parse(token.as_bytes()).is_none(), "{token}");
        }
        let long = ["ey.", &"a".repeat(MAX_PAYLOAD + 1), ".x"].concat();
        assert!(Claims::parse(long.as_bytes()).is_none());
    }

    #[test]
    fn claims_match_alone_or_in_a_list() {
        let claims =
            Claims::parse(token(r#"{"aud":["a","b"],"azp":"x","n":1}"#).as_bytes()).unwrap();
        assert!(claims.has("aud", "b") && claims.has("azp", "x") && claims.has("n", "1"));
        assert!(!claims.has("aud", "c") && !claims.has("iss", ""));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_left(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_jwt(&data);
        }

        #[test]
        fn any_payload_is_read_or_left(payload in "[\\[\\]{}:,\"a-z0-9]{0,80}") {
            fuzz_jwt(token(&payload).as_bytes());
        }
    }

    #[test]
    fn mutations_of_jwts() {
        let seeds: [&[u8]; 1] =
            [b"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIiwic3ViIjoiYiIsImV4cCI6MX0.c2ln"];
        crate::cleartext::mutation::run("jwt", fuzz_jwt, &seeds);
    }
}

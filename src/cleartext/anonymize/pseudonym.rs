//! From a value the user knows to the pseudonym that records show for it (`hushtap pseudonym`).
//!
//! | kind | accepted values |
//! |---|---|
//! | `token` | the credential as it is sent: an opaque token or API key, a session cookie's value, a signature's key id, a whole JWT (counted by issuer and subject); or a whole `Authorization` field (`Bearer …`, `Basic …`, `AWS4-HMAC-SHA256 …`); for users of Basic and Digest also `Basic NAME`, `Digest NAME` |
//! | `client` | an IPv4 or IPv6 address |
//! | `object` | an identifier as it stands in a path or body |
//! | `integration` | as `token`; prints the digest by which `[[integration]]` may name that token, the same in every epoch |

use super::identity::credential::{authorization, bearer};
use super::keys::{Credential, Keys};
use crate::observation::{PrincipalKey, TokenKind};

/// Kinds that have pseudonyms.
pub const KINDS: [&str; 4] = ["token", "client", "object", "integration"];

/// Why there is no pseudonym.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPseudonym {
    /// The kind is none of [`KINDS`].
    UnknownKind,
    /// The value is empty, or no address where one is needed.
    BadValue,
}

/// The pseudonym of a value, in the display epoch in force.
pub fn pseudonym(keys: &Keys, kind: &str, value: &[u8]) -> Result<String, NoPseudonym> {
    let value = value.trim_ascii();
    if value.is_empty() {
        return Err(NoPseudonym::BadValue);
    }
    match kind {
        "token" => Ok(keys.show_token(token(keys, value)?)),
        "integration" => Ok(keys.integration_digest(token(keys, value)?)),
        "object" => Ok(keys.show_object(value)),
        "client" => Ok(keys.show_client(client(keys, value)?)),
        _ => Err(NoPseudonym::UnknownKind),
    }
}

/// The key of a principal, which is never shown, from a value of kind `token`, `integration` or `client`.
pub fn principal(keys: &Keys, kind: &str, value: &[u8]) -> Result<PrincipalKey, NoPseudonym> {
    let value = value.trim_ascii();
    if value.is_empty() {
        return Err(NoPseudonym::BadValue);
    }
    match kind {
        "token" | "integration" => token(keys, value),
        "client" => client(keys, value),
        _ => Err(NoPseudonym::UnknownKind),
    }
}

fn client(keys: &Keys, value: &[u8]) -> Result<PrincipalKey, NoPseudonym> {
    let address = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(NoPseudonym::BadValue)?;
    Ok(keys.principal(Credential::Address(address)))
}

fn token(keys: &Keys, value: &[u8]) -> Result<PrincipalKey, NoPseudonym> {
    let by_field = || {
        value
            .contains(&b' ')
            .then(|| authorization(value, keys))
            .flatten()
    };
    by_field()
        .map(|token| token.key)
        .or_else(|| named_user(keys, value))
        .or_else(|| bearer(value, TokenKind::Bearer, keys).map(|token| token.key))
        .ok_or(NoPseudonym::BadValue)
}

/// `Basic NAME` or `Digest NAME`.
fn named_user(keys: &Keys, value: &[u8]) -> Option<PrincipalKey> {
    let at = memchr::memchr(b' ', value)?;
    let (scheme, name) = value.split_at_checked(at)?;
    let is = |text: &[u8]| scheme.eq_ignore_ascii_case(text);
    (is(b"basic") || is(b"digest")).then(|| keys.principal(Credential::User(name.trim_ascii())))
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
    use crate::cleartext::anonymize::keys::StateKey;

    fn keys() -> Keys {
        Keys::new(&StateKey::from_content(b"test"), None)
    }

    fn of(kind: &str, value: &str) -> Result<String, NoPseudonym> {
        pseudonym(&keys(), kind, value.as_bytes())
    }

    #[test]
    fn every_way_of_writing_a_token_is_one_token() {
        assert_eq!(of("token", "abc"), of("token", "Bearer abc"));
        assert_eq!(of("token", "abc"), of("token", " abc "));
        assert_eq!(
            of("token", "Basic alice"),
            of("token", "Basic YWxpY2U6cHc=")
        );
        assert_eq!(of("token", "Digest alice"), of("token", "Basic alice"));
        assert_ne!(of("token", "alice"), of("token", "Basic alice"));
        assert!(of("token", "abc").unwrap().starts_with("tk_"));
        assert!(of("integration", "abc").unwrap().starts_with("in_"));
    }

    #[test]
    fn clients_are_addresses() {
        assert!(of("client", "192.0.2.1").unwrap().starts_with("cl_"));
        assert_eq!(of("client", "2001:db8::1"), of("client", "2001:db8::2"));
        assert_eq!(of("client", "alice"), Err(NoPseudonym::BadValue));
        assert_eq!(of("token", ""), Err(NoPseudonym::BadValue));
        assert_eq!(of("person", "alice"), Err(NoPseudonym::UnknownKind));
        assert_eq!(
            principal(&keys(), "object", b"7"),
            Err(NoPseudonym::UnknownKind)
        );
        assert_eq!(
            principal(&keys(), "token", b"Bearer abc"),
            principal(&keys(), "integration", b"abc")
        );
    }
}

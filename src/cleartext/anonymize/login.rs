//! The account that a request tries to log in to: the name that stands beside a password in a JSON or form body.
//!
//! Owns the reading of login bodies; what leaves is the name's bytes, for a keyed hash. Recognised by its fields, not by its
//! path: names such as `username` and `email` beside names such as `password`. Refuses bodies that are longer than a login
//! ever is.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::observation::Method;

/// Longest body that can be a login.
const MAX_BODY: usize = 8_192;
/// Most members or fields that are looked at.
const MAX_FIELDS: usize = 64;
/// Longest account name that is hashed.
const MAX_NAME: usize = 320;

const ACCOUNTS: [&str; 15] = [
    "username",
    "user",
    "email",
    "login",
    "user_name",
    "account",
    "identifier",
    "phone",
    "mail",
    "userid",
    "user_id",
    "loginid",
    "e-mail",
    "emailaddress",
    "email_address",
];
const PASSWORDS: [&str; 9] = [
    "password",
    "passwd",
    "pass",
    "pwd",
    "passphrase",
    "passcode",
    "pin",
    "otp",
    "secret",
];

/// The account name in the body of a login; none where it is no login.
pub(super) fn account<'a>(
    method: Method,
    content_type: &[u8],
    body: &'a [u8],
) -> Option<Cow<'a, [u8]>> {
    if !matches!(method, Method::Post | Method::Put) || body.is_empty() || body.len() > MAX_BODY {
        return None;
    }
    let form = is_type(content_type, b"application/x-www-form-urlencoded");
    let found = if form {
        of_form(body)
    } else if body.trim_ascii_start().first() == Some(&b'{') && may_hold_password(body) {
        of_json(body)
    } else {
        return None;
    };
    let name = found.account.filter(|_| found.password)?;
    (!name.is_empty() && name.len() <= MAX_NAME).then_some(name)
}

fn is_type(content_type: &[u8], wanted: &[u8]) -> bool {
    let head = content_type.get(..wanted.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(wanted))
}

/// Whether a quoted name of a password stands anywhere, all looked for at once: most bodies end here.
fn may_hold_password(body: &[u8]) -> bool {
    static NAMES: LazyLock<Option<AhoCorasick>> =
        LazyLock::new(|| AhoCorasick::new(PASSWORDS).ok());
    // Where the search cannot be built, every body is read.
    NAMES.as_ref().is_none_or(|names| {
        // No name holds a quote, so none hides another that stands behind one.
        names
            .find_iter(body)
            .any(|name| body.get(name.start().wrapping_sub(1)) == Some(&b'"'))
    })
}

#[derive(Default)]
struct Found<'a> {
    account: Option<Cow<'a, [u8]>>,
    password: bool,
}

impl<'a> Found<'a> {
    fn note(&mut self, name: &str, value: impl FnOnce() -> Option<Cow<'a, [u8]>>) {
        let is = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is(&PASSWORDS) {
            self.password = true;
        } else if self.account.is_none() && is(&ACCOUNTS) {
            self.account = value();
        }
    }
}

fn of_form(body: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    for pair in body.split(|byte| *byte == b'&').take(MAX_FIELDS) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        if let Ok(name) = std::str::from_utf8(name) {
            found.note(name, || Some(decoded(value)));
        }
    }
    found
}

fn decoded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'%', b'+', value).is_none() {
        return Cow::Borrowed(value);
    }
    let spaced: Vec<u8> = value
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let mut out = Vec::with_capacity(spaced.len());
    super::endpoint::path::decode_into(&spaced, &mut out);
    Cow::Owned(out)
}

fn of_json(body: &[u8]) -> Found<'_> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    reader.deserialize_map(Members).unwrap_or_default()
}

/// The members of the outermost object.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Found::default();
        for _ in 0..MAX_FIELDS {
            let Some(name) = map.next_key::<Cow<'de, str>>()? else {
                return Ok(found);
            };
            let wanted = ACCOUNTS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name));
            if wanted && found.account.is_none() {
                let value: Scalar<'de> = map.next_value()?;
                found.note(&name, || value.0);
            } else {
                map.next_value::<IgnoredAny>()?;
                found.note(&name, || None);
            }
        }
        // The rest is of no interest, but must be passed over.
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// A string, or nothing.
struct Scalar<'a>(Option<Cow<'a, [u8]>>);

impl<'de> serde::Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Any<'a> {
            Text(#[serde(borrow)] Cow<'a, str>),
            Other(IgnoredAny),
        }
        Ok(match Any::deserialize(deserializer)? {
            Any::Text(Cow::Borrowed(text)) => Self(Some(Cow::Borrowed(text.as_bytes()))),
            Any::Text(Cow::Owned(text)) => Self(Some(Cow::Owned(text.into_bytes()))),
            Any::Other(IgnoredAny) => Self(None),
        })
    }
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

    const JSON: &[u8] = b"application/json";
    const FORM: &[u8] = b"application/x-www-form-urlencoded; charset=utf-8";

    fn read(kind: &[u8], body: &str) -> Option<String> {
        let name = account(Method::Post, kind, body.as_bytes())?;
        Some(String::from_utf8(name.into_owned()).unwrap())
    }

    #[test]
    fn the_name_beside_a_password_is_the_account() {
        for (kind, body) in [
            (JSON, r#"{"username":"ann@x.test","password":"p"}"#),
            (
                JSON,
                r#" {"remember":true,"password":"p","Email":"ann@x.test","a":[1,{}]}"#,
            ),
            (FORM, "grant_type=password&username=ann%40x.test&password=p"),
        ] {
            assert_eq!(read(kind, body).as_deref(), Some("ann@x.test"), "{body}");
        }
    }

    #[test]
    fn what_is_no_login_has_no_account() {
        for (kind, body) in [
            (JSON, r#"{"username":"ann"}"#),
            (JSON, r#"{"password":"p"}"#),
            (JSON, r#"{"username":7,"password":"p"}"#),
            (JSON, r#"{"username":"ann","password":"#),
            (JSON, r#"["username","password"]"#),
            (FORM, "q=username&page=1"),
            (b"text/plain", "username=ann&password=p"),
        ] {
            assert_eq!(read(kind, body), None, "{body}");
        }
        assert_eq!(account(Method::Get, FORM, b"user=a&pass=b"), None);
        let long = format!(r#"{{"user":"{}","pin":"1"}}"#, "a".repeat(MAX_NAME + 1));
        assert_eq!(read(JSON, &long), None);
    }

    proptest! {
        #[test]
        fn anything_may_come(body in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = account(Method::Post, JSON, &body);
            let _ = account(Method::Post, FORM, &body);
        }
    }
}

//! The credential of a request. The order of precedence is fixed:
//!
//! 1. `Authorization`, by scheme (below)
//! 2. `X-API-Key` and its relatives ([`KEY_FIELDS`](super::fields::KEY_FIELDS), in that order)
//! 3. query parameters ([`QUERY_KEYS`]; presigned URLs by their key id)
//! 4. session cookies ([`COOKIES`])
//! 5. gRPC metadata
//! 6. a client certificate passed on by a proxy
//!
//! Of each the first that holds a usable credential counts. `Authorization` schemes: Bearer and its relatives by value;
//! Basic and Digest by user name (by the secret where one of the two is a mere placeholder, as git and Stripe have it);
//! AWS Signature Version 4 and other signature schemes by key id; OAuth 1 by its token, else its consumer key. Negotiate
//! and NTLM change with every handshake and are passed over.
//!
//! A value that is a JWT counts by (issuer, subject), wherever it stands. Any other value counts by itself, whatever
//! field it came in.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use super::fields::Fields;
use super::grant::Grant;
use super::jwt::Claims;
use crate::cleartext::anonymize::endpoint::path::{decode_into, query_of};
use crate::cleartext::anonymize::keys::{Credential, Keys};
use crate::observation::{PrincipalKey, TokenKind};

/// Longest credential that is looked at; what is longer is cut, which still tells tokens apart.
const MAX_CREDENTIAL: usize = 32 << 10;
/// Most query parameters and cookies that are looked through.
const MAX_PAIRS: usize = 64;

/// Query parameters that carry a credential, in order of precedence, with how it is written there.
const QUERY_KEYS: [(&str, Form); 15] = [
    ("access_token", Form::Escaped),
    ("api_key", Form::Escaped),
    ("apikey", Form::Escaped),
    ("api-key", Form::Escaped),
    ("x-api-key", Form::Escaped),
    ("key", Form::Escaped),
    ("token", Form::Escaped),
    ("auth_token", Form::Escaped),
    ("private_token", Form::Escaped),
    ("subscription-key", Form::Escaped),
    ("appid", Form::Escaped),
    ("x-amz-credential", Form::KeyId),
    ("x-goog-credential", Form::KeyId),
    ("awsaccesskeyid", Form::KeyId),
    ("googleaccessid", Form::KeyId),
];

/// Session cookies, in order of precedence.
const COOKIES: [&str; 20] = [
    "session",
    "sessionid",
    "session_id",
    "sid",
    "connect.sid",
    "jsessionid",
    "phpsessid",
    "asp.net_sessionid",
    ".aspxauth",
    ".aspnetcore.session",
    ".aspnetcore.cookies",
    "auth_token",
    "access_token",
    "token",
    "jwt",
    "_session",
    "_session_id",
    "laravel_session",
    "__session",
    "next-auth.session-token",
];

/// User names and passwords of Basic that stand for nobody: the secret is in the other half.
const NOBODY: [&[u8]; 16] = [
    b"",
    b"x",
    b"X",
    b"x-access-token",
    b"x-oauth-basic",
    b"x-token-auth",
    b"oauth2",
    b"token",
    b"_token",
    b"__token__",
    b"api",
    b"apikey",
    b"api_key",
    b"api_token",
    b"bearer",
    b"api-key",
];

/// How a credential is written at some place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::anonymize) enum Form {
    /// The field `Authorization`: scheme and credentials.
    Authorization,
    /// The value itself.
    Value,
    /// The value with percent escapes, as queries and cookies have it.
    Escaped,
    /// The key id at the front, up to a slash.
    KeyId,
    /// A certificate as `X-Forwarded-Client-Cert` writes it, or a fingerprint or name.
    Certificate,
}

/// Where a credential was found, still as it was sent.
#[derive(Clone, Copy)]
pub(in crate::cleartext::anonymize) struct Presented<'a> {
    /// How it is written.
    pub(in crate::cleartext::anonymize) form: Form,
    /// The bytes as sent.
    pub(in crate::cleartext::anonymize) raw: &'a [u8],
    /// What kind it counts as, unless the scheme of `Authorization` says otherwise.
    pub(in crate::cleartext::anonymize) kind: TokenKind,
}

/// What a credential comes down to.
pub(in crate::cleartext::anonymize) struct Token {
    /// Its key.
    pub(in crate::cleartext::anonymize) key: PrincipalKey,
    /// What it was.
    pub(in crate::cleartext::anonymize) kind: TokenKind,
    /// Its claims, where it is a JWT.
    pub(in crate::cleartext::anonymize) claims: Option<Claims>,
    /// What it says of its own validity.
    pub(in crate::cleartext::anonymize) grant: Grant,
}

/// All places a credential may stand in, in order of precedence. Each is looked for only when those before it are used up.
pub(in crate::cleartext::anonymize) fn presented<'f, 'a: 'f>(
    fields: &'f Fields<'a>,
    target: &'a [u8],
    grpc: bool,
) -> impl Iterator<Item = Presented<'a>> + 'f {
    let at = |form, kind| move |raw: &'a [u8]| Presented { form, raw, kind };
    let metadata: &'f [Option<&'a [u8]>] = if grpc { &fields.metadata } else { &[] };
    fields
        .authorization
        .into_iter()
        .map(at(Form::Authorization, TokenKind::Bearer))
        .chain(
            fields
                .keys
                .iter()
                .flatten()
                .copied()
                .map(at(Form::Value, TokenKind::ApiKey)),
        )
        .chain(std::iter::once_with(move || in_query(target)).flatten())
        .chain(std::iter::once_with(|| in_cookies(fields)).flatten())
        .chain(
            metadata
                .iter()
                .flatten()
                .copied()
                .map(at(Form::Value, TokenKind::Metadata)),
        )
        .chain(
            fields
                .certificates
                .iter()
                .flatten()
                .copied()
                .map(at(Form::Certificate, TokenKind::Certificate)),
        )
}

fn in_query(target: &[u8]) -> Option<Presented<'_>> {
    let query = query_of(target);
    if query.is_empty() {
        return None;
    }
    let pairs = || query.split(|b| *b == b'&').take(MAX_PAIRS).filter_map(pair);
    QUERY_KEYS.iter().find_map(|(name, form)| {
        let (_, raw) = pairs().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))?;
        let kind = if *form == Form::KeyId {
            TokenKind::Signature
        } else {
            TokenKind::ApiKey
        };
        // A short value of a common name (`?key=name&token=1`) is no credential.
        (raw.len() >= MIN_QUERY_KEY).then_some(Presented {
            form: *form,
            raw,
            kind,
        })
    })
}

/// Shortest value of a query parameter that is taken for a credential.
const MIN_QUERY_KEY: usize = 8;

fn in_cookies<'a>(fields: &Fields<'a>) -> Option<Presented<'a>> {
    if fields.cookies.is_empty() {
        return None;
    }
    let pairs = || {
        fields
            .cookies
            .iter()
            .flat_map(|field| field.split(|b| *b == b';'))
            .take(MAX_PAIRS)
            .filter_map(|cookie| pair(cookie.trim_ascii()))
    };
    COOKIES.iter().find_map(|name| {
        pairs()
            .find(|(n, raw)| n.eq_ignore_ascii_case(name.as_bytes()) && !raw.is_empty())
            .map(|(_, raw)| Presented {
                form: Form::Escaped,
                raw: raw.trim_ascii(),
                kind: TokenKind::Session,
            })
    })
}

/// `name=value`.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', text)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

impl Presented<'_> {
    /// A number for how and as what it is written: equal bytes mean different things in different places.
    pub(in crate::cleartext::anonymize) const fn place(&self) -> u8 {
        let form = match self.form {
            Form::Authorization => 0,
            Form::Value => 1,
            Form::Escaped => 2,
            Form::KeyId => 3,
            Form::Certificate => 4,
        };
        let kind = match self.kind {
            TokenKind::Bearer | TokenKind::BearerJwt => 0,
            TokenKind::Basic | TokenKind::Digest => 1,
            TokenKind::Signature => 2,
            TokenKind::ApiKey => 3,
            TokenKind::Session => 4,
            TokenKind::Metadata => 5,
            TokenKind::Certificate => 6,
        };
        (form << 4) | kind
    }

    /// The token, if there is a usable one.
    pub(in crate::cleartext::anonymize) fn token(&self, keys: &Keys) -> Option<Token> {
        let raw = self
            .raw
            .get(..MAX_CREDENTIAL)
            .unwrap_or(self.raw)
            .trim_ascii();
        match self.form {
            Form::Authorization => authorization(raw, keys),
            Form::Value => bearer(raw, self.kind, keys),
            Form::Escaped => escaped(raw, self.kind, keys),
            Form::KeyId => opaque(until(raw, b"/%"), self.kind, keys),
            Form::Certificate => certificate(raw, keys),
        }
    }
}

/// A credential with its percent escapes undone.
fn escaped(raw: &[u8], kind: TokenKind, keys: &Keys) -> Option<Token> {
    // Decoding never lengthens, so the buffer does not move and leave a copy behind.
    let mut decoded = Zeroizing::new(Vec::with_capacity(raw.len()));
    decode_into(raw, &mut decoded);
    bearer(&decoded, kind, keys)
}

/// A JWT by issuer and subject, anything else by itself.
pub(in crate::cleartext::anonymize) fn bearer(
    raw: &[u8],
    kind: TokenKind,
    keys: &Keys,
) -> Option<Token> {
    let raw = unquoted(raw);
    let claims = if raw.starts_with(b"ey") {
        Claims::parse(raw)
    } else {
        None
    };
    let grant = claims
        .as_ref()
        .map_or_else(Grant::default, |claims| Grant::of(raw, claims));
    let Some((issuer, subject)) = claims.as_ref().and_then(Claims::identity) else {
        let token = opaque(raw, kind, keys)?;
        return Some(Token {
            claims,
            grant,
            ..token
        });
    };
    let key = keys.principal(Credential::Jwt {
        issuer: issuer.as_bytes(),
        subject: subject.as_bytes(),
    });
    let kind = if kind == TokenKind::Bearer {
        TokenKind::BearerJwt
    } else {
        kind
    };
    Some(Token {
        key,
        kind,
        claims,
        grant,
    })
}

fn opaque(raw: &[u8], kind: TokenKind, keys: &Keys) -> Option<Token> {
    (!raw.is_empty()).then(|| Token {
        key: keys.principal(Credential::Opaque(raw)),
        kind,
        claims: None,
        grant: Grant::default(),
    })
}

fn user(name: &[u8], kind: TokenKind, keys: &Keys) -> Option<Token> {
    (!name.is_empty()).then(|| Token {
        key: keys.principal(Credential::User(name)),
        kind,
        claims: None,
        grant: Grant::default(),
    })
}

/// Schemes whose credentials are one value, lower case.
const VALUE_SCHEMES: [&[u8]; 20] = [
    b"bearer",
    b"token",
    b"apikey",
    b"api-key",
    b"key",
    b"jwt",
    b"dpop",
    b"bot",
    b"oauth2",
    b"accesstoken",
    b"access-token",
    b"auth",
    b"ssws",
    b"geniekey",
    b"splunk",
    b"paseto",
    b"gnap",
    b"apitoken",
    b"private-token",
    b"app-token",
];
/// Schemes that change with every handshake, lower case.
const HANDSHAKES: [&[u8]; 4] = [b"negotiate", b"ntlm", b"kerberos", b"scram-sha-256"];
/// Parameters that name the key of a signature scheme, in order of precedence.
const KEY_PARAMETERS: [&[u8]; 12] = [
    b"credential",
    b"keyid",
    b"key_id",
    b"access_key",
    b"accesskeyid",
    b"client_token",
    b"oauth_token",
    b"oauth_consumer_key",
    b"token",
    b"username",
    b"id",
    b"key",
];

/// Longest scheme name.
const MAX_SCHEME: usize = 24;

/// `scheme credentials` (RFC 9110 section 11.6.2).
pub(in crate::cleartext::anonymize) fn authorization(raw: &[u8], keys: &Keys) -> Option<Token> {
    let Some(space) = memchr::memchr2(b' ', b'\t', raw) else {
        // No scheme: the whole field is the key.
        return bearer(raw, TokenKind::ApiKey, keys);
    };
    let (scheme, rest) = raw.split_at_checked(space)?;
    let rest = rest.trim_ascii();
    let mut lower = [0_u8; MAX_SCHEME];
    let lower = lower.get_mut(..scheme.len())?;
    lower.copy_from_slice(scheme);
    lower.make_ascii_lowercase();
    match &*lower {
        b"basic" => basic(rest, keys),
        b"digest" => user(parameter(rest, b"username")?, TokenKind::Digest, keys),
        scheme if VALUE_SCHEMES.contains(&scheme) => {
            let kind = match scheme {
                b"bearer" | b"dpop" | b"jwt" | b"oauth2" => TokenKind::Bearer,
                _ => TokenKind::ApiKey,
            };
            let plain = parameter(rest, b"token").unwrap_or(rest);
            bearer(plain, kind, keys)
        }
        scheme if HANDSHAKES.contains(&scheme) => None,
        _ => signature(rest, keys),
    }
}

/// `base64(user:password)` (RFC 7617).
fn basic(rest: &[u8], keys: &Keys) -> Option<Token> {
    let letters = until(rest, b"=");
    let decoded = Zeroizing::new(
        STANDARD_NO_PAD
            .decode(letters)
            .or_else(|_| STANDARD.decode(rest))
            .ok()?,
    );
    let at = memchr::memchr(b':', &decoded)?;
    let name = decoded.get(..at)?;
    let password = decoded.get(at.checked_add(1)?..)?;
    match (NOBODY.contains(&name), NOBODY.contains(&password)) {
        (true, false) => bearer(password, TokenKind::Basic, keys),
        (false, true) => bearer(name, TokenKind::Basic, keys),
        _ => user(name, TokenKind::Basic, keys),
    }
}

/// A signature scheme: by the parameter that names the key, else by what stands before the first colon or slash
/// (`AWS key:signature`, `SharedKey account:signature`).
fn signature(rest: &[u8], keys: &Keys) -> Option<Token> {
    let named = KEY_PARAMETERS.iter().find_map(|name| parameter(rest, name));
    let id = match named {
        Some(value) => until(value, b"/"),
        None if rest.contains(&b'=') && rest.contains(&b',') => return None,
        None => until(rest, b":/"),
    };
    opaque(id, TokenKind::Signature, keys)
}

/// A certificate: its fingerprint (`Hash=` of Envoy's XFCC), else its subject, else the value as it stands. Of a chain
/// the last element counts: the one the nearest proxy added.
fn certificate(raw: &[u8], keys: &Keys) -> Option<Token> {
    let element = raw.rsplit(|b| *b == b',').next().unwrap_or_default();
    let id = xfcc_part(element, b"hash")
        .or_else(|| xfcc_part(raw, b"hash"))
        .or_else(|| xfcc_part(raw, b"subject"))
        .unwrap_or(raw);
    opaque(unquoted(id), TokenKind::Certificate, keys)
}

fn xfcc_part<'a>(element: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    element
        .split(|b| *b == b';')
        .filter_map(|part| pair(part.trim_ascii()))
        .find(|(n, v)| n.eq_ignore_ascii_case(name) && !v.is_empty())
        .map(|(_, v)| v)
}

/// The value of `name=value` or `name="value"` in a list separated by commas.
fn parameter<'a>(list: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    list.split(|b| *b == b',')
        .take(MAX_PAIRS)
        .filter_map(|item| pair(item.trim_ascii()))
        .find(|(n, v)| n.eq_ignore_ascii_case(name) && !v.is_empty())
        .map(|(_, v)| unquoted(v.trim_ascii()))
        .filter(|v| !v.is_empty())
}

fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"")
        .and_then(|inner| inner.strip_suffix(b"\""))
        .unwrap_or(text)
}

/// What stands before the first of these bytes.
fn until<'a>(text: &'a [u8], stops: &[u8]) -> &'a [u8] {
    text.split(|b| stops.contains(b)).next().unwrap_or_default()
}

/// Reads anything without harm; called by the fuzzer.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext::anonymize) fn fuzz_credential(data: &[u8]) {
    let keys = Keys::new(
        &crate::cleartext::anonymize::keys::StateKey::from_content(b"fuzz"),
        None,
    );
    for form in [
        Form::Authorization,
        Form::Value,
        Form::Escaped,
        Form::KeyId,
        Form::Certificate,
    ] {
        let presented = Presented {
            form,
            raw: data,
            kind: TokenKind::Bearer,
        };
        let _token = presented.token(&keys);
    }
    let _found = in_query(data);
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::super::jwt::tests::token as jwt;
    use super::*;
    use crate::cleartext::anonymize::keys::StateKey;
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::new(&StateKey::from_content(b"test"), None)
    }

    fn opaque_key(value: &str) -> PrincipalKey {
        keys().principal(Credential::Opaque(value.as_bytes()))
    }

    fn user_key(value: &str) -> PrincipalKey {
        keys().principal(Credential::User(value.as_bytes()))
    }

    fn found(field: &str) -> Option<(PrincipalKey, TokenKind)> {
        authorization(field.as_bytes(), &keys()).map(|token| (token.key, token.kind))
    }

    #[test]
    fn schemes_come_down_to_what_lasts() {
        let basic = |text: &str| ["Basic ", &STANDARD.encode(text)].concat();
        let table: Vec<(String, PrincipalKey, TokenKind)> = vec![
            ("Bearer abc".into(), opaque_key("abc"), TokenKind::Bearer),
            ("bearer  abc ".into(), opaque_key("abc"), TokenKind::Bearer),
            ("Token token=\"abc\"".into(), opaque_key("abc"), TokenKind::ApiKey),
            ("ApiKey abc==".into(), opaque_key("abc=="), TokenKind::ApiKey),
            ("abc".into(), opaque_key("abc"), TokenKind::ApiKey),
            (basic("alice:pw"), user_key("alice"), TokenKind::Basic),
            (basic("alice:other"), user_key("alice"), TokenKind::Basic),
            (basic("sk_test_1:"), opaque_key("sk_test_1"), TokenKind::Basic),
            (basic("x-access-token:ghp"), opaque_key("ghp"), TokenKind::Basic),
            (
                "Digest username=\"alice\", realm=\"r\", nonce=\"1\"".into(),
                user_key("alice"),
                TokenKind::Digest,
            ),
            (
                "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu/s3/aws4_request, SignedHeaders=host, Signature=ff".into(),
                opaque_key("AKID"),
                TokenKind::Signature,
            ),
            ("AWS AKID:c2ln".into(), opaque_key("AKID"), TokenKind::Signature),
            ("SharedKey account:c2ln".into(), opaque_key("account"), TokenKind::Signature),
            (
                "Signature keyId=\"k1\",algorithm=\"hs2019\",signature=\"x\"".into(),
                opaque_key("k1"),
                TokenKind::Signature,
            ),
            (
                "Hawk id=\"h1\", ts=\"1\", nonce=\"n\", mac=\"m\"".into(),
                opaque_key("h1"),
                TokenKind::Signature,
            ),
            (
                "OAuth oauth_consumer_key=\"c\", oauth_token=\"t\", oauth_signature=\"s\"".into(),
                opaque_key("t"),
                TokenKind::Signature,
            ),
        ];
        for (field, key, kind) in table {
            assert_eq!(found(&field), Some((key, kind)), "{field}");
        }
        for field in [
            "Negotiate YII=",
            "NTLM TlRM",
            "Basic !!!",
            "Bearer ",
            "",
            "Other a=1, b=2",
        ] {
            assert_eq!(found(field), None, "{field}");
        }
    }

    #[test]
    fn a_jwt_counts_by_issuer_and_subject_wherever_it_stands() {
        let keys = keys();
        let key = keys.principal(Credential::Jwt {
            issuer: b"i",
            subject: b"s",
        });
        let first = jwt(r#"{"iss":"i","sub":"s","iat":1}"#);
        let rotated = jwt(r#"{"iss":"i","sub":"s","iat":2}"#);
        assert_ne!(first, rotated);
        for token in [&first, &rotated] {
            assert_eq!(
                found(&["Bearer ", token].concat()),
                Some((key, TokenKind::BearerJwt))
            );
            let session = escaped(token.as_bytes(), TokenKind::Session, &keys).unwrap();
            assert_eq!((session.key, session.kind), (key, TokenKind::Session));
        }
        let nobody = jwt(r#"{"iss":"i"}"#);
        assert_eq!(
            found(&["Bearer ", &nobody].concat()),
            Some((opaque_key(&nobody), TokenKind::Bearer))
        );
    }

    fn order<'a>(fields: &Fields<'a>, target: &'a str, grpc: bool) -> Vec<TokenKind> {
        presented(fields, target.as_bytes(), grpc)
            .filter_map(|p| p.token(&keys()))
            .map(|token| token.kind)
            .collect()
    }

    #[test]
    fn precedence_is_fixed() {
        let mut fields = Fields {
            authorization: Some(b"Bearer a"),
            ..Fields::default()
        };
        fields.keys[0] = Some(b"key-1");
        fields.cookies.push(b"theme=dark; sid=abc");
        fields.metadata[0] = Some(b"meta");
        fields.certificates[0] = Some(b"By=spiffe://a;Hash=ff00;Subject=\"CN=a\"");
        let target = "/x?page=1&api_key=0123456789";
        let all = [
            TokenKind::Bearer,
            TokenKind::ApiKey,
            TokenKind::ApiKey,
            TokenKind::Session,
            TokenKind::Metadata,
            TokenKind::Certificate,
        ];
        assert_eq!(order(&fields, target, true), all);
        fields.authorization = Some(b"Negotiate YII=");
        assert_eq!(order(&fields, target, true), all[1..]);
        assert_eq!(order(&fields, target, false).len(), 4);
    }

    #[test]
    fn one_value_is_one_token_in_every_place() {
        let keys = keys();
        let mut fields = Fields::default();
        fields.keys[0] = Some(b"0123456789");
        fields.cookies.push(b"session=0123456789");
        let target = b"/?access_token=0123456789";
        let mut found = 0;
        for place in presented(&fields, target, false) {
            assert_eq!(place.token(&keys).unwrap().key, opaque_key("0123456789"));
            found += 1;
        }
        assert_eq!(found, 3);
    }

    #[test]
    fn query_parameters_need_some_length_and_are_decoded() {
        assert!(in_query(b"/?key=name").is_none());
        let place = in_query(b"/?x=1&X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu&y").unwrap();
        let token = place.token(&keys()).unwrap();
        assert_eq!(
            (token.key, token.kind),
            (opaque_key("AKIDEXAMPLE"), TokenKind::Signature)
        );
        let place = in_query(b"/?api_key=a%2Bb%2Fc%3D%3D").unwrap();
        assert_eq!(place.token(&keys()).unwrap().key, opaque_key("a+b/c=="));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_left(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_credential(&data);
        }

        #[test]
        fn any_field_is_read_or_left(field in "[A-Za-z0-9]{0,8} [-A-Za-z0-9=:/,\" ]{0,60}") {
            fuzz_credential(field.as_bytes());
        }
    }

    #[test]
    fn mutations_of_credentials() {
        let seeds: [&[u8]; 4] = [b"Bearer abcdef0123456789", b"Basic amFuZTpzZWNyZXQ=", b"AWS4-HMAC-SHA256 Credential=AKID/20261122/eu/s3/aws4_request, SignedHeaders=host, Signature=00", b"Digest username=\"jane\", realm=\"x\""];
        crate::cleartext::mutation::run("credential", fuzz_credential, &seeds);
    }
}

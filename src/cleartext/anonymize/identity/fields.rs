//! One pass over the fields of a request, picking out what says who, where and with what.

use smallvec::SmallVec;

use crate::cleartext::http::transaction::{Message, Transaction};

/// API key fields, in order of precedence.
pub(super) const KEY_FIELDS: [&str; 14] = [
    "x-api-key",
    "x-apikey",
    "api-key",
    "apikey",
    "x-api-token",
    "x-auth-token",
    "x-access-token",
    "private-token",
    "x-goog-api-key",
    "x-functions-key",
    "ocp-apim-subscription-key",
    "x-rapidapi-key",
    "x-vault-token",
    "x-shopify-access-token",
];

/// gRPC metadata that carries credentials, in order of precedence. Looked at in gRPC requests only.
pub(super) const METADATA_FIELDS: [&str; 6] = [
    "access-token",
    "auth-token",
    "token",
    "jwt",
    "x-goog-iap-jwt-assertion",
    "x-jwt-assertion",
];

/// Fields by which proxies pass a client certificate on, in order of precedence.
pub(super) const CERTIFICATE_FIELDS: [&str; 6] = [
    "x-forwarded-client-cert",
    "x-ssl-client-fingerprint",
    "x-client-cert-fingerprint",
    "x-ssl-client-dn",
    "x-client-dn",
    "x-ssl-client-s-dn",
];

/// Fields that give the release of a client; `…-name` fields give its product.
const RELEASE_FIELDS: [&str; 4] = [
    "x-app-version",
    "x-client-version",
    "app-version",
    "client-version",
];
const PRODUCT_FIELDS: [&str; 4] = ["x-app-name", "x-client-name", "app-name", "client-name"];

/// The fields that matter, borrowed from the transaction. Of a field sent twice the first counts, except for those that
/// proxies append to.
#[derive(Default)]
pub(in crate::cleartext::anonymize) struct Fields<'a> {
    pub(super) authorization: Option<&'a [u8]>,
    pub(super) keys: [Option<&'a [u8]>; KEY_FIELDS.len()],
    pub(super) metadata: [Option<&'a [u8]>; METADATA_FIELDS.len()],
    pub(super) certificates: [Option<&'a [u8]>; CERTIFICATE_FIELDS.len()],
    pub(super) cookies: SmallVec<[&'a [u8]; 2]>,
    pub(super) forwarded_for: SmallVec<[&'a [u8]; 2]>,
    pub(super) forwarded: SmallVec<[&'a [u8]; 2]>,
    pub(in crate::cleartext::anonymize) host: Option<&'a [u8]>,
    pub(in crate::cleartext::anonymize) user_agent: Option<&'a [u8]>,
    pub(in crate::cleartext::anonymize) content_type: Option<&'a [u8]>,
    pub(in crate::cleartext::anonymize) content_encoding: Option<&'a [u8]>,
    pub(in crate::cleartext::anonymize) soap_action: Option<&'a [u8]>,
    pub(in crate::cleartext::anonymize) release: Option<&'a [u8]>,
    pub(in crate::cleartext::anonymize) product: Option<&'a [u8]>,
    /// A `DPoP` proof (RFC 9449 section 4).
    pub(in crate::cleartext::anonymize) proof: bool,
}

impl<'a> Fields<'a> {
    /// Reads the head of a request; what comes in a trailer is not believed.
    pub(in crate::cleartext::anonymize) fn of(tx: &'a Transaction, request: &Message) -> Self {
        let mut out = Self::default();
        let head = request.fields.len().saturating_sub(request.trailers);
        for (name, value) in tx.fields(request).take(head) {
            out.take(name, value);
        }
        out
    }

    /// Whether a proxy passed a client certificate on.
    pub(in crate::cleartext::anonymize) fn has_certificate(&self) -> bool {
        self.certificates.iter().any(Option::is_some)
    }

    /// Whether the credential is presented by the scheme `DPoP` (RFC 9449 section 7.1).
    pub(in crate::cleartext::anonymize) fn is_bound_by_scheme(&self) -> bool {
        let scheme = self.authorization.and_then(|field| field.get(..5));
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"dpop "))
    }

    /// Sorted by length first: most fields of a request are told apart by that alone.
    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        if value.is_empty() {
            return;
        }
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        match name.len() {
            // In nearly every request, and of no use here.
            6 if is("accept") => {}
            10 if is("connection") => {}
            4 if is("host") => first(&mut self.host, value),
            4 if is("dpop") => self.proof = true,
            6 if is("cookie") => self.cookies.push(value),
            9 if is("forwarded") => self.forwarded.push(value),
            10 if is("user-agent") => first(&mut self.user_agent, value),
            // The pseudo-field of HTTP/2 that stands for Host (RFC 9113 section 8.3.1).
            10 if is(":authority") => self.host = Some(value),
            10 if is("soapaction") => first(&mut self.soap_action, value),
            12 if is("content-type") => first(&mut self.content_type, value),
            13 if is("authorization") => first(&mut self.authorization, value),
            15 if is("x-forwarded-for") => self.forwarded_for.push(value),
            16 if is("content-encoding") => first(&mut self.content_encoding, value),
            _ => self.take_listed(name, value),
        }
    }

    fn take_listed(&mut self, name: &[u8], value: &'a [u8]) {
        if !may_be_listed(name) {
            return;
        }
        pick(&KEY_FIELDS, &mut self.keys, name, value);
        pick(&METADATA_FIELDS, &mut self.metadata, name, value);
        pick(&CERTIFICATE_FIELDS, &mut self.certificates, name, value);
        let listed = |list: &[&str]| list.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()));
        if listed(&RELEASE_FIELDS) {
            first(&mut self.release, value);
        } else if listed(&PRODUCT_FIELDS) {
            first(&mut self.product, value);
        }
    }
}

/// Whether first and last letter are those of a listed name: most others fall here.
fn may_be_listed(name: &[u8]) -> bool {
    let lower = |byte: Option<&u8>| byte.map_or(0, u8::to_ascii_lowercase);
    matches!(
        lower(name.first()),
        b'x' | b'a' | b'p' | b'o' | b't' | b'j' | b'c'
    ) && matches!(lower(name.last()), b'y' | b'n' | b't' | b'e')
}

fn first<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) {
    slot.get_or_insert(value);
}

fn pick<'a>(names: &[&str], slots: &mut [Option<&'a [u8]>], name: &[u8], value: &'a [u8]) {
    let found = names.iter().zip(slots).find(|(listed, _)| {
        listed.len() == name.len() && name.eq_ignore_ascii_case(listed.as_bytes())
    });
    if let Some((_, slot)) = found {
        first(slot, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_passes_the_first_look() {
        let lists: [&[&str]; 5] = [
            &KEY_FIELDS,
            &METADATA_FIELDS,
            &CERTIFICATE_FIELDS,
            &RELEASE_FIELDS,
            &PRODUCT_FIELDS,
        ];
        for name in lists.concat() {
            assert!(may_be_listed(name.as_bytes()), "{name}");
            assert!(may_be_listed(name.to_ascii_uppercase().as_bytes()));
        }
    }
}

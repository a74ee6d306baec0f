//! What the head of a response says: the release of the server, and what is left of a limit on requests.

use super::{agent, release};
use crate::cleartext::http::transaction::{Message, Transaction};
use crate::observation::RateLimit;

/// Beginnings of fields that say how many requests are left.
const REMAINING: [&str; 4] = [
    "ratelimit-remaining",
    "x-ratelimit-remaining",
    "x-rate-limit-remaining",
    "x-ratelimit-requests-remaining",
];

/// The fields that matter, borrowed from the transaction.
#[derive(Default)]
pub(super) struct Answer<'a> {
    pub(super) server: Option<&'a [u8]>,
    pub(super) rate_limit: RateLimit,
}

impl<'a> Answer<'a> {
    /// Reads the head of a response; what comes in a trailer is not believed.
    pub(super) fn of(tx: &'a Transaction, response: &Message) -> Self {
        let mut out = Self::default();
        let head = response.fields.len().saturating_sub(response.trailers);
        for (name, value) in tx.fields(response).take(head) {
            match name {
                [b'S' | b's', ..] if name.eq_ignore_ascii_case(b"server") => {
                    out.server.get_or_insert(value);
                }
                [b'R' | b'r' | b'X' | b'x', ..] => {
                    let told = rate_limit(name, value);
                    out.rate_limit = out.rate_limit.max(told);
                }
                _ => {}
            }
        }
        out
    }
}

/// What one field says of a limit. `RateLimit` (draft-ietf-httpapi-ratelimit-headers): `"policy";r=5;t=30` in its later form,
/// `limit=10, remaining=5, reset=30` in the earlier one; of several policies the one with least left counts.
fn rate_limit(name: &[u8], value: &[u8]) -> RateLimit {
    let begins = |text: &str| {
        let beginning = name.get(..text.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(text.as_bytes()))
    };
    if REMAINING.iter().any(|text| begins(text)) {
        return left(value);
    }
    if !name.eq_ignore_ascii_case(b"ratelimit") {
        return RateLimit::Silent;
    }
    let items = value.split(|b| matches!(b, b',' | b';'));
    let told = items.filter_map(|item| {
        let at = memchr::memchr(b'=', item)?;
        let (key, number) = item.split_at_checked(at)?;
        let key = key.trim_ascii();
        (key == b"r" || key == b"remaining").then(|| left(number.get(1..).unwrap_or_default()))
    });
    told.max().unwrap_or_default()
}

/// A number of requests; what is no number says nothing.
fn left(value: &[u8]) -> RateLimit {
    let digits = value.trim_ascii();
    let end = digits.iter().position(|b| !b.is_ascii_digit());
    let digits = digits
        .get(..end.unwrap_or(digits.len()))
        .unwrap_or_default();
    match digits {
        [] => RateLimit::Silent,
        digits if digits.iter().all(|b| *b == b'0') => RateLimit::Spent,
        _ => RateLimit::Left,
    }
}

/// `product/version` of a `Server` field, if both have the shape (RFC 9110 section 10.2.4).
pub(super) fn release(field: &[u8]) -> Option<release::Text> {
    let (product, version) = agent::first_product(field);
    release::joined(product, version?)
}

/// Reads any field value without harm; called by the fuzzer.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz_answer(data: &[u8]) {
    for name in [&b"RateLimit"[..], b"X-RateLimit-Remaining", data] {
        let _told = rate_limit(name, data);
    }
    let _release = release(data);
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

    #[test]
    fn what_is_left_of_a_limit() {
        for (name, value, told) in [
            ("RateLimit-Remaining", "0", RateLimit::Spent),
            ("X-RateLimit-Remaining", "17", RateLimit::Left),
            ("x-ratelimit-remaining-minute", "00", RateLimit::Spent),
            ("X-Rate-Limit-Remaining", " 5, 3", RateLimit::Left),
            (
                "RateLimit",
                "limit=100, remaining=0, reset=5",
                RateLimit::Spent,
            ),
            (
                "RateLimit",
                "\"hour\";r=9;t=30, \"minute\";r=0;t=3",
                RateLimit::Spent,
            ),
            ("RateLimit", "\"hour\";r=9;t=0", RateLimit::Left),
            ("RateLimit-Limit", "0", RateLimit::Silent),
            ("X-RateLimit-Remaining", "none", RateLimit::Silent),
            ("Retry-After", "0", RateLimit::Silent),
        ] {
            assert_eq!(
                rate_limit(name.as_bytes(), value.as_bytes()),
                told,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn servers_are_product_and_version() {
        for (field, text) in [
            ("nginx/1.25.3", Some("nginx/1.25.3")),
            ("Apache/2.4.58 (Debian) OpenSSL/3.0", Some("Apache/2.4.58")),
            ("nginx", None),
            ("api-7f3a9c2b/1.0-alice", None),
            ("", None),
        ] {
            let found =
                release(field.as_bytes()).map(|text| String::from_utf8(text.to_vec()).unwrap());
            assert_eq!(found.as_deref(), text, "{field}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read(name in "[A-Za-z-]{0,24}", value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _told = rate_limit(name.as_bytes(), &value);
            fuzz_answer(&value);
        }
    }

    #[test]
    fn mutations_of_answers() {
        let seeds: [&[u8]; 3] = [
            b"\"hour\";r=9;t=30, \"minute\";r=0;t=3",
            b"limit=100, remaining=0, reset=5",
            b"Apache/2.4.58 (Debian) OpenSSL/3.0",
        ];
        crate::cleartext::mutation::run("answer", fuzz_answer, &seeds);
    }
}

//! What a request would be called on the public listener if enough principals asked for the like.
//!
//! A pure function of the single request (host group, method, path) and of what is built in: no cache, template or other
//! request changes it. Documents and hints do not enter either: what they name has its own cell. gRPC calls have no
//! candidate, since the names of their packages are on no list.

use super::path::{Form, PathBuf};
use super::segment::class_of;
use crate::observation::{Candidate, Method, ServiceId};

/// The candidate for the segments of a decoded path.
pub(super) fn of_segments<'a>(
    service: ServiceId,
    method: Method,
    segments: impl Iterator<Item = &'a [u8]>,
) -> Option<Candidate> {
    Candidate::read(service, method, segments, |segment| Some(class_of(segment)))
}

/// The candidate for a request target as it was sent.
pub fn of_target(service: ServiceId, method: Method, target: &[u8]) -> Option<Candidate> {
    let mut path = PathBuf::default();
    match path.read(target) {
        Form::Path if !path.deeper() => of_segments(service, method, path.segments()),
        Form::Path | Form::Authority | Form::Asterisk | Form::Missing => None,
    }
}

/// Reads a target without harm; called by the fuzzer. What comes out is vocabulary and classes only, and is read again
/// from its text.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext::anonymize) fn fuzz_candidate(target: &[u8]) {
    let candidate = of_target(ServiceId(0), Method::Get, target);
    assert_eq!(candidate, of_target(ServiceId(0), Method::Get, target));
    if let Some(candidate) = candidate {
        let text = candidate.endpoint();
        // It parses only if every piece is a word of the vocabulary, a version or a class.
        let again = Candidate::parse(ServiceId(0), "GET", &text);
        assert_eq!(again, Some(candidate));
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
    use crate::cleartext::anonymize::endpoint::segment;
    use proptest::prelude::*;

    fn shown(target: &str) -> Option<String> {
        let candidate = of_target(ServiceId(0), Method::Get, target.as_bytes());
        candidate.map(|candidate| candidate.endpoint())
    }

    #[test]
    fn paths_become_words_and_classes() {
        for (target, text) in [
            ("/", "/"),
            ("/v1/users/42?token=x", "/v1/users/{int}"),
            (
                "/V2/Payment-Methods/cus_9s6XKzk/",
                "/v2/payment-methods/{id}",
            ),
            ("/users/alice/Orders", "/users/{word}/orders"),
            (
                "/users/a%40b.test/reports.pdf",
                "/users/{email}/reports.pdf",
            ),
            ("/orders/42:cancel", "/orders/{int}:cancel"),
            ("/users(42)/profile", "/users({key})/profile"),
            ("/zzyzx-corp/7.json", "/{slug}/{int}.json"),
            ("http://api.shop.test/v1/%7Bint%7D", "/v1/{text}"),
        ] {
            assert_eq!(shown(target).as_deref(), Some(text), "{target}");
        }
        for target in ["", "*", "db.test:5432", "/a/b/c/d/e/f/g/h/i"] {
            assert_eq!(shown(target), None, "{target}");
        }
        assert_eq!(shown(&"/a".repeat(20)), None);
    }

    /// A segment of an API, of a user, or of anything at all.
    fn any_segment() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(vec![
                "users",
                "v1",
                "Orders",
                "payment-methods",
                "getOrderStatus",
                "Sign-Up",
                "robots.txt",
                "42",
                "42:cancel",
                "users(7)",
                "ME",
                "a-b",
                "reports.pdf",
                "2026-11-22",
                "%7Bid%7D",
            ])
            .prop_map(str::to_owned),
            "[a-zA-Z]{1,12}([-_.:][a-zA-Z0-9]{1,8}){0,3}",
            "[ -~]{0,12}",
        ]
    }

    proptest! {
        #[test]
        fn nothing_that_was_sent_is_in_a_candidate(
            segments in proptest::collection::vec(any_segment(), 0..9),
        ) {
            fuzz_candidate(format!("/{}", segments.join("/")).as_bytes());
        }

        #[test]
        fn a_candidate_is_the_template_in_lower_case(
            segments in proptest::collection::vec(any_segment(), 1..5),
        ) {
            let target = format!("/{}", segments.join("/"));
            let mut path = PathBuf::default();
            path.read(target.as_bytes());
            let mut template = String::new();
            for segment in path.segments() {
                template.push('/');
                segment::describe(segment, &mut template);
            }
            if let Some(text) = shown(&target).filter(|_| !template.is_empty()) {
                prop_assert_eq!(text.to_ascii_lowercase(), template.to_ascii_lowercase());
            }
        }

        #[test]
        fn any_target_is_read(target in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_candidate(&target);
        }
    }

    #[test]
    fn mutations_of_targets() {
        let seeds: [&[u8]; 3] = [
            b"/v1/users/1234/payment-methods/getOrderStatus.json",
            b"/api/Record-Sets/9b2c6f3e-7d41-4d55-9d0a-1f2e3d4c5b6a:cancel",
            b"https://a.test:8443/users(7)//x/../%41",
        ];
        crate::cleartext::mutation::run("candidate", fuzz_candidate, &seeds);
    }
}

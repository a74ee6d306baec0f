//! Secrets where they must not be, and the same where they may.

use super::*;
use crate::observation::{ExposedIn, Exposure, Finding, Sink, SinkField, TextId};

/// A token of a code host, by its format.
fn key() -> String {
    format!("glpat-{}", "x7Yk2LmN9pQr4StV8wZa")
}

/// Wherever in the document it is.
fn exposures(findings: &[Finding]) -> Vec<Exposure> {
    let found = findings.iter().filter_map(|found| found.exposure);
    let anywhere = |exposure: Exposure| Exposure {
        place: exposure.place.anywhere(),
        ..exposure
    };
    found.map(anywhere).collect()
}

/// What is exposed by a request that got this answer.
fn exchange(
    head: &str,
    fields: &[(&str, &str)],
    bodies: (&str, &str),
    status: u16,
) -> Vec<Exposure> {
    let (request_body, response_body) = bodies;
    let text = format!("{request_body}{response_body}");
    let mut tx = transaction(head, fields, &text);
    if let Some(request) = &mut tx.request {
        let start = request.body.start;
        let middle = start + u32::try_from(request_body.len()).unwrap();
        let end = request.body.end;
        request.body.end = middle;
        tx.response = Some(Message {
            head: Span::default(),
            first: Span::default(),
            target: Span::default(),
            status,
            protocol: Protocol::Http11,
            fields: 0..0,
            trailers: 0,
            body: Span { start: middle, end },
            body_bytes: 0,
            body_whole: true,
        });
    }
    let bodies = Bodies {
        request: Body::AsSent,
        response: Body::AsSent,
    };
    let mut findings = Vec::new();
    masker().0.mask(tx, bodies, Render::Count, &mut findings);
    exposures(&findings)
}

const fn sure(place: ExposedIn) -> Exposure {
    Exposure {
        place,
        sure: true,
        taken: true,
    }
}

#[test]
fn a_key_in_a_response_is_exposed_unless_it_is_asked_for() {
    let body = format!(r#"{{"debug":"{}"}}"#, key());
    let get = |target: &str| {
        let head = format!("GET {target} HTTP/1.1\r\n");
        exchange(&head, &[], ("", &body), 200)
    };
    assert_eq!(get("/v1/config"), [sure(ExposedIn::Response(TextId::NONE))]);
    assert_eq!(get("/v1/projects/3/access_tokens"), []);
    // A name does not hide what the format tells.
    let body = format!(r#"{{"debug":{{"token":"{}"}}}}"#, key());
    let found = exchange("GET /v1/config HTTP/1.1\r\n", &[], ("", &body), 200);
    assert_eq!(found, [sure(ExposedIn::Response(TextId::NONE))]);
    // By its name alone it may be what the endpoint is for.
    let session = r#"{"session_id":"4f1d9a7c20b34be8"}"#;
    assert_eq!(
        exchange("GET /v1/me HTTP/1.1\r\n", &[], ("", session), 200),
        []
    );
}

#[test]
fn a_key_in_an_url_is_exposed_if_the_server_took_it() {
    let head = format!("GET /v1/x?private_token={} HTTP/1.1\r\n", key());
    let found = exchange(&head, &[], ("", ""), 200);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place, ExposedIn::Url(TextId::NONE));
    assert_eq!(exchange(&head, &[], ("", ""), 404), []);
}

#[test]
fn a_key_under_a_name_of_many_meanings_is_exposed_where_it_looks_like_one() {
    let get = |target: &str, status| {
        let head = format!("GET {target} HTTP/1.1\r\n");
        exchange(&head, &[], ("", ""), status)
    };
    let random = "f3Zk29QwLx81Tb7RmP4c";
    let unsure = |taken| Exposure {
        place: ExposedIn::Url(TextId::NONE),
        sure: false,
        taken,
    };
    for name in ["key", "code"] {
        assert_eq!(get(&format!("/v1/x?{name}={random}"), 200), [unsure(true)]);
    }
    // A login gets its code that way, and a cache or a signed link its hash.
    assert_eq!(get(&format!("/oauth/callback?code={random}"), 200), []);
    assert_eq!(get(&format!("/app.js?hash={random}"), 200), []);
    assert_eq!(get("/v1/x?key=weekly-meeting", 200), []);
    assert_eq!(get("/v1/x?code=200", 200), []);
    assert_eq!(get(&format!("/v1/x?key={random}"), 403), []);
    // No answer was seen: it may have been taken.
    assert_eq!(get(&format!("/v1/x?key={random}"), 0), [unsure(false)]);
}

#[test]
fn a_key_in_a_referer_is_exposed() {
    let page = format!("https://shop.test/page?v={}", key());
    let fields = [("Accept", "*/*"), ("Referer", page.as_str())];
    let found = exchange("GET /logo.png HTTP/1.1\r\n", &fields, ("", ""), 200);
    assert_eq!(found, [sure(ExposedIn::Referer(TextId::NONE))]);
    // Where a key belongs: in the header made for it.
    let key = key();
    let fields = [("PRIVATE-TOKEN", key.as_str())];
    assert_eq!(
        exchange("GET /v1/x HTTP/1.1\r\n", &fields, ("", ""), 200),
        []
    );
}

#[test]
fn a_password_in_telemetry_is_exposed() {
    let line = "{\"index\":{}}\n{\"message\":\"login\",\"password\":\"hunter2hunter2\"}\n";
    let fields = [("Content-Type", "application/x-ndjson")];
    let found = exchange("POST /logs/_bulk HTTP/1.1\r\n", &fields, (line, ""), 200);
    assert_eq!(
        found,
        [Exposure {
            place: ExposedIn::Sink(SinkField {
                sink: Sink::Elasticsearch,
                path: TextId::NONE
            }),
            sure: false,
            taken: true
        }]
    );
    assert_eq!(
        exchange("POST /v1/users HTTP/1.1\r\n", &fields, (line, ""), 200),
        []
    );
}

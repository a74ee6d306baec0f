//! What it costs to say who, where and what for one transaction, with warm caches and with new paths.
#![allow(clippy::unwrap_used, reason = "a bench may stop")]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hushtap::cleartext::anonymize::endpoint::candidate::of_target;
use hushtap::cleartext::anonymize::keys::{Keys, StateKey};
use hushtap::cleartext::anonymize::{Anonymizer, AnonymizerShared, Settings};
use hushtap::cleartext::http::transaction::{Field, Message, Span, Transaction};
use hushtap::cleartext::raw::Raw;
use hushtap::clock::EventTime;
use hushtap::observation::{FlowId, Method, Notes, Protocol, ServiceId, TxState};

const OPENAPI: &str = r#"{"openapi":"3.0.0","paths":{"/v1/users/{id}":{"get":{}},"/v1/users/{id}/orders":{"get":{}}}}"#;

/// A transaction from a head whose lines end in a single newline.
fn transaction(head: &str) -> Transaction {
    let span = |from: usize, to: usize| Span {
        start: u32::try_from(from).unwrap(),
        end: u32::try_from(to).unwrap(),
    };
    let mut at = 0;
    let mut fields = Vec::new();
    let (mut first, mut target) = (Span::default(), Span::default());
    for line in head.lines() {
        if let Some(colon) = line.find(": ") {
            fields.push(Field {
                name: span(at, at + colon),
                value: span(at + colon + 2, at + line.len()),
            });
        } else {
            let end = line.find(' ').unwrap();
            first = span(at, at + end);
            target = span(at + end + 1, at + line.len());
        }
        at += line.len() + 1;
    }
    let message = |status, fields| Message {
        head: Span::default(),
        first,
        target,
        status,
        protocol: Protocol::Http11,
        fields,
        trailers: 0,
        body: Span::default(),
        body_bytes: 0,
        body_whole: true,
    };
    let count = fields.len();
    Transaction {
        flow: FlowId(1),
        index: 0,
        client: Raw::new(IpAddr::from([198, 51, 100, 7])),
        claimed: None,
        server: Raw::new((IpAddr::from([192, 0, 2, 1]), 80)),
        request: Some(message(0, 0..count)),
        response: Some(message(200, count..count)),
        protocol: Protocol::Http11,
        start: EventTime::ZERO,
        request_end: None,
        response_start: None,
        end: EventTime::ZERO,
        state: TxState::Complete,
        notes: Notes::default(),
        grpc: None,
        fields,
        bytes: Raw::new(head.as_bytes().to_vec()),
    }
}

fn head(target: &str, authorization: &str) -> String {
    format!(
        "GET {target}\nHost: api.shop.test\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
         (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36\nAccept: application/json\nAccept-Encoding: gzip, br\n\
         Authorization: {authorization}\nX-Request-Id: 7f3a9c1b\nConnection: keep-alive"
    )
}

fn identify(c: &mut Criterion) {
    let keys = Arc::new(Keys::new(&StateKey::from_content(b"bench"), None));
    let document =
        hushtap::cleartext::anonymize::endpoint::openapi::OpenApi::parse(OPENAPI).unwrap();
    let shared = AnonymizerShared::new(keys, Settings::default(), &[document], None).unwrap();
    let opaque = "Bearer 9f86d081884c7d659a2feaa0c55ad015";
    let jwt = format!(
        "Bearer eyJhbGciOiJSUzI1NiJ9.{}.{}",
        "a".repeat(300),
        "b".repeat(342)
    );
    let paths = |form: fn(u32) -> String, authorization: &str| -> Vec<Transaction> {
        (0..1_000)
            .map(|i| transaction(&head(&form(i), authorization)))
            .collect()
    };
    for (name, set) in [
        (
            "documented path, opaque token",
            paths(|i| format!("/v1/users/{i}/orders?page=1"), opaque),
        ),
        (
            "path by vocabulary, opaque token",
            paths(
                |i| format!("/api/v2/customers/{i}/invoices/INV-{i}"),
                opaque,
            ),
        ),
        (
            "path of words, no token",
            paths(|i| format!("/a{i}b/cde/fgh-{i}/x"), "Negotiate x"),
        ),
        (
            "documented path, JWT",
            paths(|i| format!("/v1/users/{i}"), &jwt),
        ),
    ] {
        let mut worker = Anonymizer::new(Arc::clone(&shared));
        let mut turn = set.iter().cycle();
        c.bench_function(&format!("identify: {name}"), |b| {
            b.iter(|| worker.identify(black_box(turn.next().unwrap())));
        });
    }
}

/// The candidate for a label, without any cache: `identify` above has one by template.
fn candidate(c: &mut Criterion) {
    for (name, target) in [
        ("short", "/v1/users/42"),
        ("usual", "/api/v2/customers/42/invoices/INV-7?page=1"),
        ("compound", "/api/payment-methods/42/getOrderStatus.json"),
        ("words", "/a7b/cde/fgh-7/x"),
    ] {
        c.bench_function(&format!("candidate: {name}"), |b| {
            b.iter(|| of_target(ServiceId(1), Method::Get, black_box(target.as_bytes())));
        });
    }
}

criterion_group!(benches, identify, candidate);
criterion_main!(benches);

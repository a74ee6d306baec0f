//! Masking, all rules, by the engine of production. All inputs come from a seed: the same bytes at every run.
//!
//! ```text
//! cargo bench --bench mask                    everything
//! cargo bench --bench mask -- no-such-name    only the table
//! ```
//! First a table: API documents of 2.7 KB, one in five of which holds something to mask (`corpus.rs`: records of
//! identifiers and digests, nested orders, members under 300 names), with MB/s of CPU time and p50 and p99 of single calls;
//! then hostile inputs of a MiB, which may take at most ten times as long per KiB as the corpora on average. Then
//! criterion's groups: one keep-alive JSON transaction (514 B request with a JWT, 1.1 KB response), counted and rendered, and
//! the same documents.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_push_string,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench may panic, print and read a clock, and its inputs are short"
)]

mod corpus;
mod table;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use hushtap::cleartext::http::transaction::{Field, Message, Span, Transaction};
use hushtap::cleartext::mask::{Bodies, Body, Filter, Format, Masker, Render, RuleSet};
use hushtap::cleartext::raw::Raw;
use hushtap::clock::EventTime;
use hushtap::observation::{FlowId, Notes, Protocol, TextId, TxState};
use hushtap::tally::TallySheet;

const REQUEST: &str = "GET /v1/customers/8f14e45f-ceea-467f-a8b5-3c2d1e0f9a87/orders?limit=20&sort=created HTTP/1.1\r\n\
Host: api.shop.test\r\nUser-Agent: shop-android/4.2.1 (Android 14; okhttp/4.12.0)\r\nAccept: application/json\r\n\
Accept-Encoding: gzip\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI4NzIxNzY4ODYiLCJpYXQiOjE3MDM1Njg1MjAsImV4cCI6MTc5MDAwMDAwMH0.850gd5QAMe3jSG5iyRijAmGSLjlFACcO2PSAPaliVAm\r\n\
X-Request-Id: 18c35304-f42a-4d6c-863c-4d4a12cdfdbe\r\nCache-Control: no-cache\r\nConnection: keep-alive\r\n\r\n";

const RESPONSE_HEAD: &str = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 11:50:54 GMT\r\nContent-Type: application/json; charset=utf-8\r\n\
Content-Length: 1114\r\nConnection: keep-alive\r\nETag: W/\"45a-MTAmd0IYNj85AQArb3Hz6CCoZU\"\r\nX-Request-Id: 18c35304-f42a-4d6c-863c-4d4a12cdfdbe\r\n\r\n";

const RESPONSE_BODY: &str = r#"{"customer":{"id":"8f14e45f-ceea-467f-a8b5-3c2d1e0f9a87","status":"active","tier":"gold","created_at":"2024-03-11T09:21:44Z","email":"jane.miller@example.org","phone":"+49 30 5550 1234","address":{"street":"12 Example Street","city":"Springfield","postcode":"12345","country":"DE"},"card":{"brand":"visa","number":"4111111111111111","expiry":"12/29"}},"orders":[{"order_id":"ORD-570744","created_at":"2026-11-20T17:49:16Z","status":"shipped","currency":"EUR","total":7390.37,"items":[{"sku":"KMG-56077-SB","title":"Trail running shoes, blue","quantity":1,"price":129.90},{"sku":"HSK-68861-PU","title":"Merino base layer","quantity":2,"price":59.95}],"tracking":"7156012485"},{"order_id":"ORD-930589","created_at":"2026-10-02T08:03:31Z","status":"delivered","currency":"EUR","total":249.00,"items":[{"sku":"UAK-68028-MI","title":"Rain jacket","quantity":1,"price":249.00}],"tracking":"7787557630"}],"page":{"limit":20,"offset":0,"total":2,"next":null},"trace_id":"442e54c7-7f1e-46e5-afb7-c5b6cf08d933","version":"5.9.64","flags":["beta","newsletter"]}"#;

fn transaction() -> Transaction {
    let mut bytes = Vec::new();
    let mut fields = Vec::new();
    let (request, target) = head(REQUEST, &mut bytes, &mut fields);
    let first = fields.len();
    let (response, _) = head(RESPONSE_HEAD, &mut bytes, &mut fields);
    let body = Span {
        start: bytes.len() as u32,
        end: (bytes.len() + RESPONSE_BODY.len()) as u32,
    };
    bytes.extend_from_slice(RESPONSE_BODY.as_bytes());
    let message = |head, target, fields, status, body: Span| Message {
        head,
        first: Span::default(),
        target,
        status,
        protocol: Protocol::Http11,
        fields,
        trailers: 0,
        body,
        body_bytes: u64::from(body.end - body.start),
        body_whole: true,
    };
    Transaction {
        flow: FlowId(1),
        index: 0,
        client: Raw::new([192, 0, 2, 1].into()),
        claimed: None,
        server: Raw::new(([192, 0, 2, 2].into(), 80)),
        request: Some(message(request, target, 0..first, 0, Span::default())),
        response: Some(message(
            response,
            Span::default(),
            first..fields.len(),
            200,
            body,
        )),
        protocol: Protocol::Http11,
        start: EventTime::ZERO,
        request_end: None,
        response_start: None,
        end: EventTime::ZERO,
        state: TxState::Complete,
        notes: Notes::default(),
        grpc: None,
        fields,
        bytes: Raw::new(bytes),
    }
}

fn head(text: &str, bytes: &mut Vec<u8>, fields: &mut Vec<Field>) -> (Span, Span) {
    let base = bytes.len();
    bytes.extend_from_slice(text.as_bytes());
    let span = |start: usize, end: usize| Span {
        start: (base + start) as u32,
        end: (base + end) as u32,
    };
    let mut at = text.find("\r\n").unwrap() + 2;
    for line in text[at..].split("\r\n").take_while(|line| !line.is_empty()) {
        let colon = line.find(": ").unwrap();
        fields.push(Field {
            name: span(at, at + colon),
            value: span(at + colon + 2, at + line.len()),
        });
        at += line.len() + 2;
    }
    let first = text.find(' ').unwrap() + 1;
    let target = span(first, first + text[first..].find(' ').unwrap());
    (span(0, text.len()), target)
}

fn rules() -> Arc<RuleSet> {
    Arc::new(RuleSet::built_in().unwrap())
}

fn one_transaction(c: &mut Criterion) {
    let names = |path: &[u8], _: bool| TextId(path.len() as u64 + 1);
    let mut masker = Masker::new(
        rules(),
        [7; 32],
        Box::new(names),
        Arc::new(TallySheet::default()),
    );
    let mut findings = Vec::new();
    let mut group = c.benchmark_group("mask/transaction");
    group.throughput(Throughput::Bytes(
        (REQUEST.len() + RESPONSE_HEAD.len() + RESPONSE_BODY.len()) as u64,
    ));
    let bodies = Bodies {
        request: Body::None,
        response: Body::AsSent,
    };
    for (name, render) in [("count", Render::Count), ("render", Render::Text)] {
        group.bench_function(name, |b| {
            b.iter_batched(
                transaction,
                |tx| {
                    findings.clear();
                    black_box(masker.mask(tx, bodies, render, &mut findings))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    // Nothing runs where only another group was asked for.
    assert!(
        findings.is_empty() || findings.is_empty() || findings.len() >= 8,
        "the bench must find what it measures: {}",
        findings.len()
    );
}

fn corpora(c: &mut Criterion) {
    let mut filter = Filter::new(rules(), [7; 32]);
    let mut group = c.benchmark_group("mask/corpus");
    for (name, documents) in corpus::corpora() {
        let bytes: usize = documents.iter().map(String::len).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.sample_size(20);
        group.bench_function(name, |b| {
            b.iter(|| {
                documents
                    .iter()
                    .map(|text| filter.mask(text.as_bytes(), Format::Json).1.len())
                    .sum::<usize>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, one_transaction, corpora);

fn main() {
    // Cargo passes `--bench`; a test run, or one that only lists, has no use for the table.
    if std::env::args().any(|arg| arg == "--bench") {
        table::print();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}

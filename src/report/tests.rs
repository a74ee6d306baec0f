//! Both forms of the report on a summary made by hand.

use std::sync::Arc;

use super::*;
use crate::analysis::insight::{
    Heaviest, HygieneSummary, Insights, Load, PartnerSummary, Peaks, ProfileSummary,
    ReleaseSummary, Sensitive, Throttle,
};
use crate::analysis::inventory::InventoryEntry;
use crate::analysis::summary::{
    EndpointSummary, PrincipalSummary, Quantiles, SensitiveEntry, TransactionCounts,
};
use crate::catalog::{Catalog, ListedIntegration};
use crate::observation::{
    Category, Country, EndpointId, IntegrationId, JsonTypes, Part, PrincipalKey, Protocol, Remark,
    RuleId, SchemaRule, ServiceId, Status, TextId, TokenKind, TypeId,
};
use crate::sinks::tests::{Plain, alert};
use crate::tally::Tally;

const FIRST: EventTime = EventTime::from_secs(1_795_330_380);
const LAST: EventTime = EventTime::from_secs(1_795_330_980);

fn endpoint(id: u64, requests: u64, documented: bool) -> EndpointSummary {
    EndpointSummary {
        endpoint: EndpointId(id),
        learned: None,
        service: ServiceId(1),
        documented,
        requests,
        by_class: [0, requests - 2, 0, 1, 1, 0],
        principals: 3,
        latency: Quantiles {
            p50_us: 1_200,
            p95_us: 25_000,
            p99_us: 1_500_000,
        },
        request_bytes: 0,
        response_bytes: 5 << 20,
        throttle: Throttle {
            refused: 3,
            left: 20,
            spent: 4,
        },
        adoption: vec![(20_779, [2, 2]), (20_780, [3, 1])],
        first: FIRST,
        last: LAST,
    }
}

fn principal(key: u128, kind: Option<TokenKind>) -> PrincipalSummary {
    PrincipalSummary {
        key: PrincipalKey(key),
        kind,
        requests: 10,
        by_class: [0, 9, 0, 1, 0, 0],
        latency: Quantiles::default(),
        request_bytes: 0,
        response_bytes: 2_048,
        endpoints: vec![(EndpointId(3), 8), (EndpointId(4), 2)],
        countries: vec![(Country::from_code("DE"), 9), (Country::UNKNOWN, 1)],
        // Neither agent is admitted: they read the same and are added up.
        agents: vec![(TextId(1), 6), (TextId(2), 4)],
        releases: vec![(TextId(3).known(), 10)],
        hygiene: kind.map(|_| HygieneSummary {
            credentials: 2,
            lifetime_seconds: 3_600,
            clear: 10,
            expired: 4,
            ..HygieneSummary::default()
        }),
        profile: kind.map(|_| profile()),
        first: FIRST,
        last: LAST,
    }
}

fn load(endpoint: u64, calls: u64) -> Load {
    Load {
        endpoint: EndpointId(endpoint),
        calls,
        errors: 1,
        latency_us: calls * 1_500,
        bytes: calls * 256,
    }
}

fn heartbeat() -> Box<[u32; 168]> {
    let mut bins = Box::new([0; 168]);
    bins[7] = 4;
    bins[167] = 6;
    bins
}

fn profile() -> ProfileSummary {
    ProfileSummary {
        heartbeat: heartbeat(),
        loads: vec![load(3, 8), load(4, 2)],
        sensitive: vec![Sensitive {
            kind: TypeId(2),
            sent: 1,
            received: 5,
        }],
        throttle: Throttle {
            refused: 1,
            left: 2,
            spent: 1,
        },
        integration: Some(IntegrationId(0)),
    }
}

fn partner() -> PartnerSummary {
    PartnerSummary {
        integration: IntegrationId(0),
        requests: 10,
        by_class: [0, 9, 0, 1, 0, 0],
        tokens: 1,
        latency: Quantiles::default(),
        request_bytes: 0,
        response_bytes: 2_048,
        loads: vec![load(3, 8), load(4, 2)],
        countries: vec![(Country::from_code("DE"), 9)],
        agents: vec![(TextId(1), 10)],
        releases: Vec::new(),
        heartbeat: heartbeat(),
        sensitive: Vec::new(),
        throttle: Throttle::default(),
        first: FIRST,
        last: LAST,
    }
}

fn release(id: TextId, requests: u64) -> ReleaseSummary {
    ReleaseSummary {
        release: id,
        requests,
        client_errors: 2,
        server_errors: 1,
        latency: Quantiles::default(),
        first: FIRST,
        last: LAST,
    }
}

fn insights() -> Insights {
    let token = PrincipalKey(7);
    Insights {
        partners: vec![partner()],
        clients: vec![
            // Neither may be shown: they are one line.
            release(TextId(1), 5),
            release(TextId(2), 6),
            release(TextId(3).known(), 40),
        ],
        servers: vec![release(TextId(9).known(), 100)],
        peaks: vec![Peaks {
            endpoint: EndpointId(3),
            by_window: [vec![2, 3, 4, 90], vec![4, 6, 8, 200], vec![9, 9, 9, 900]],
        }],
        heaviest: vec![Heaviest {
            endpoint: EndpointId(3),
            all: load(3, 80),
            by_latency: vec![(token, load(3, 8))],
            by_bytes: vec![(token, load(3, 8))],
        }],
        profiles: 1,
        ..Insights::default()
    }
}

fn sensitive(path: TextId, count: u64) -> SensitiveEntry {
    SensitiveEntry {
        endpoint: EndpointId(3),
        part: Part::ResponseBody,
        path,
        kind: TypeId(2),
        category: Category::Pci,
        count,
        first: FIRST,
        last: LAST,
    }
}

/// Fields of endpoint 3: two that no principal but one has sent, and one of the document.
fn inventory() -> Vec<InventoryEntry> {
    let entry = |field, remark| InventoryEntry {
        endpoint: EndpointId(3),
        part: Part::RequestBody,
        field,
        remark,
        status: Status::NONE,
        types: JsonTypes::NONE,
        count: 7,
        accepted: 2,
    };
    let teapot = InventoryEntry {
        status: Status(418),
        ..entry(TextId::NONE, Remark::UndocumentedStatus)
    };
    vec![
        teapot,
        entry(TextId(1), Remark::Undocumented),
        entry(TextId(2), Remark::Undocumented),
        entry(TextId(4).known(), Remark::Breaks(SchemaRule::Enum)),
    ]
}

fn counts() -> TransactionCounts {
    TransactionCounts {
        complete: 1_500,
        no_response: 2,
        no_request: 0,
        truncated: 1,
    }
}

fn counted() -> Tallies {
    let tallies = Tallies::default();
    let sheet = tallies.sheet();
    for (tally, count) in [
        (Tally::PacketsIn, 1_234_567),
        (Tally::PacketsAnalysed, 1_234_000),
        (Tally::PacketNotIp, 567),
        (Tally::StreamBytesIn, 9_000),
        (Tally::StreamBytesAnalysed, 8_000),
        (Tally::StreamBytesDuplicate, 1_000),
        (Tally::FlowsOpened, 42),
        (Tally::FlowsMidstream, 2),
        (Tally::LimitBody, 1),
    ] {
        sheet.add(tally, count);
    }
    tallies
}

fn outcome() -> Outcome {
    Outcome {
        captures: vec![
            Capture {
                file: "monday.pcap".to_owned(),
                packets: 1_234_567,
                bytes: 3 << 30,
                time_range: Some((FIRST, LAST)),
                damage: None,
            },
            Capture {
                file: "bad\u{1b}name.pcap".to_owned(),
                packets: 0,
                bytes: 0,
                time_range: None,
                damage: Some(Damage {
                    offset: 24,
                    what: "packet header cut off",
                }),
            },
        ],
        summary: Summary {
            exact: Vec::new(),
            inventory: inventory(),
            time_range: Some((FIRST, LAST)),
            transactions: counts(),
            protocols: vec![(Protocol::Http11, counts())],
            endpoints: vec![endpoint(4, 500, false), endpoint(3, 1_003, true)],
            principals: vec![principal(7, Some(TokenKind::BearerJwt)), principal(9, None)],
            countries: vec![(Country::from_code("DE"), 1_500), (Country::UNKNOWN, 3)],
            sensitive: vec![
                sensitive(TextId(1), 1),
                sensitive(TextId(2), 2),
                sensitive(TextId(4).known(), 3),
            ],
            rules: vec![(RuleId(1), 6)],
            alerts: vec![alert()],
            renamed: std::collections::BTreeMap::new(),
            admitted: crate::observation::Admitted::default(),
            insights: insights(),
        },
        tallies: counted(),
        names: Arc::new(Plain),
        documents: Some(vec![
            Documented {
                service: "shop".to_owned(),
                endpoint: "GET /v1/users/{id}/e3".to_owned(),
                deprecated: true,
            },
            Documented {
                service: "shop".to_owned(),
                endpoint: "GET /v1/unused".to_owned(),
                deprecated: false,
            },
        ]),
        catalog: catalog(),
        tls: None,
        select: None,
    }
}

fn catalog() -> Catalog {
    let pair = |name: &str, value: &str| {
        std::collections::BTreeMap::from([(name.to_owned(), value.to_owned())])
    };
    let partner = |name: &str| ListedIntegration {
        name: name.to_owned(),
        tags: pair("tier", "gold"),
        costs: std::collections::BTreeMap::from([("GET /v1/users/{id}/e3".to_owned(), 0.5)]),
    };
    Catalog {
        integrations: vec![partner("acme"), partner("globex")],
        services: std::collections::BTreeMap::from([("shop".to_owned(), pair("team", "web"))]),
        endpoints: Vec::new(),
    }
}

/// How an alert is worded is tested where it is worded.
fn without_sentence(report: &str) -> String {
    let sentence = crate::analysis::explain::sentence(&alert(), &Plain);
    assert!(report.contains(&sentence));
    report.replace(&sentence, "[explanation]")
}

#[test]
fn the_text_report() {
    insta::assert_snapshot!(without_sentence(&text(&View::of(&outcome()))));
}

#[test]
fn the_json_report() {
    insta::assert_snapshot!(without_sentence(&json(&View::of(&outcome()))));
}

#[test]
fn the_loss_account_closes_and_says_when_it_does_not() {
    let closed = text(&View::of(&outcome()));
    assert!(!closed.contains("DOES NOT CLOSE"));
    let open = outcome();
    open.tallies.sheet().one(Tally::PacketsIn);
    assert!(text(&View::of(&open)).contains("DOES NOT CLOSE"));
}

#[test]
fn the_page_has_all_that_the_text_has_and_loads_nothing() {
    let page = html(&View::of(&outcome()));
    let report: serde_json::Value = serde_json::from_str(&json(&View::of(&outcome()))).unwrap();
    let mut texts = Vec::new();
    texts_of(&report, &mut texts);
    for text in texts {
        let text = printable(&text)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let text = text.replace('\'', "&#39;").replace('"', "&quot;");
        assert!(page.contains(&text), "{text}");
    }
    for (key, value) in report.as_object().unwrap() {
        let key = if value.is_number() { "totals" } else { key };
        assert!(page.contains(&format!("<h2 id=\"{key}\">")), "{key}");
    }
    for outside in [
        "<script", "<link", "<img", "http://", "https://", "url(", "@import",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

fn texts_of(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => texts.push(text.clone()),
        serde_json::Value::Array(all) => all.iter().for_each(|one| texts_of(one, texts)),
        serde_json::Value::Object(all) => all.values().for_each(|one| texts_of(one, texts)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

#[test]
fn the_stable_keys_are_there() {
    let value: serde_json::Value = serde_json::from_str(&json(&View::of(&outcome()))).unwrap();
    for key in [
        "captures",
        "time_range",
        "packets",
        "bytes",
        "flows",
        "transactions",
        "protocols",
        "loss",
        "endpoints",
        "tokens",
        "integrations",
        "countries",
        "sensitive_data_map",
        "inventory",
        "advice",
        "alerts",
        "masking",
    ] {
        assert!(value.get(key).is_some(), "{key}");
    }
    let loss = &value["loss"];
    let sum: u64 = loss["reasons"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!(
        loss["packets_in"].as_u64(),
        loss["analysed"].as_u64().map(|n| n + sum)
    );
}

#[test]
fn an_empty_capture_has_a_report() {
    let empty = Outcome {
        captures: Vec::new(),
        summary: Summary::default(),
        tallies: Tallies::default(),
        names: Arc::new(Plain),
        documents: None,
        catalog: crate::catalog::Catalog::default(),
        tls: None,
        select: None,
    };
    let shown = text(&View::of(&empty));
    assert!(shown.contains("transactions  0"));
    assert!(shown.contains("alerts        none"));
}

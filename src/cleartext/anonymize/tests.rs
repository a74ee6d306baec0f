//! Whole transactions through the anonymizer.

use std::net::IpAddr;

use proptest::prelude::*;

use super::identity::jwt::tests::token as jwt;
use super::keys::StateKey;
use super::pseudonym::pseudonym;
use super::*;
use crate::cleartext::http::transaction::{Field, Span};
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::observation::{Admitted, FlowId, Names, Protocol, ServiceId, TxState};

const OPENAPI: &str = r"
openapi: 3.0.0
servers: [{url: https://api.shop.test/v1}]
paths:
  /users/{userId}: {get: {}}
  /users/me: {get: {}}
  /orders: {get: {}, post: {}}
";

/// Builds a transaction from a request as it is written, and a status.
fn transaction(request: &str, status: u16) -> Transaction {
    let bytes = request.as_bytes().to_vec();
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut at = 0;
    let mut fields = Vec::new();
    let mut first = Span::default();
    let mut target = Span::default();
    for (number, line) in head.split('\n').enumerate() {
        let span = |from: usize, to: usize| Span {
            start: u32::try_from(at + from).unwrap(),
            end: u32::try_from(at + to).unwrap(),
        };
        if number == 0 {
            let end = line.find(' ').unwrap();
            first = span(0, end);
            target = span(end + 1, line.len());
        } else {
            let colon = line[1..].find(": ").unwrap() + 1;
            fields.push(Field {
                name: span(0, colon),
                value: span(colon + 2, line.len()),
            });
        }
        at += line.len() + 1;
    }
    let whole = u32::try_from(bytes.len()).unwrap();
    let message = |status, range| Message {
        head: Span::default(),
        first,
        target,
        status,
        protocol: Protocol::Http11,
        fields: range,
        trailers: 0,
        body: Span {
            start: whole - u32::try_from(body.len()).unwrap(),
            end: whole,
        },
        body_bytes: 7,
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
        response: Some(message(status, count..count)),
        protocol: Protocol::Http11,
        start: EventTime::from_nanos(1_000_000),
        request_end: Some(EventTime::from_nanos(2_000_000)),
        response_start: Some(EventTime::from_nanos(5_000_000)),
        end: EventTime::from_nanos(6_000_000),
        state: TxState::Complete,
        notes: Notes::default(),
        grpc: None,
        fields,
        bytes: Raw::new(bytes),
    }
}

fn shared(settings: Settings) -> Arc<AnonymizerShared> {
    let keys = Arc::new(Keys::new(&StateKey::from_content(b"test"), None));
    let documents = [OpenApi::parse(OPENAPI).unwrap()];
    AnonymizerShared::new(keys, settings, &documents, None).unwrap()
}

fn observe(shared: &Arc<AnonymizerShared>, request: &str, status: u16) -> Observation {
    Anonymizer::new(Arc::clone(shared))
        .identify(&transaction(request, status))
        .observe(Facts::default())
}

/// Every text an observation can be shown with, whatever is admitted.
fn shown(shared: &AnonymizerShared, observation: &Observation) -> String {
    let texts = [
        observation.host,
        observation.agent,
        observation.release,
        observation.operation,
    ];
    let lexicon = shared.lexicon();
    let none = Admitted::default();
    let mut out: Vec<String> = texts
        .iter()
        .map(|id| lexicon.text(*id, &none).into_owned())
        .collect();
    out.extend(lexicon.endpoint(observation.endpoint).map(|e| e.template));
    out.extend(observation.token.map(|key| lexicon.token(key)));
    out.push(lexicon.client(observation.client));
    out.push(format!("{observation:?}"));
    out.join("\n")
}

fn endpoint(shared: &AnonymizerShared, observation: &Observation) -> String {
    let name = shared.lexicon().endpoint(observation.endpoint).unwrap();
    format!("{} {} {}", name.service, name.method, name.template)
}

#[test]
fn a_request_becomes_an_observation() {
    let shared = shared(Settings::default());
    let observation = observe(
        &shared,
        "GET /v1/users/42?x=1\nHost: api.shop.test:443\nUser-Agent: ShopApp/5.2 (iOS)\nAuthorization: Bearer abc",
        200,
    );
    let service = "api.shop.test";
    assert_eq!(
        endpoint(&shared, &observation),
        [service, "GET /v1/users/{userId}"].join(" ")
    );
    assert!(observation.documented);
    let triple = &shared.triples()[observation.cell.0 as usize];
    assert_eq!(triple.endpoint, "/v1/users/{userId}");
    assert_eq!(observation.token_kind, Some(TokenKind::Bearer));
    assert_eq!(observation.proof, Proof::Accepted);
    assert_eq!(observation.agent_class, AgentClass::App);
    assert_eq!(observation.duration_us, Some(5_000));
    assert_eq!(observation.ttfb_us, Some(3_000));
    assert_eq!(
        (observation.request_bytes, observation.response_bytes),
        (7, 7)
    );
    let all = Admitted::new(vec![observation.release, observation.agent]);
    let text = |id| shared.lexicon().text(id, &all).into_owned();
    assert_eq!(text(observation.host), "api.shop.test");
    assert_eq!(text(observation.agent), "ShopApp");
    assert_eq!(text(observation.release), "ShopApp/5.2");
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn documents_hints_and_vocabulary_name_endpoints() {
    let shared = shared(Settings {
        services: vec![Service {
            name: "pay".to_owned(),
            hosts: vec!["*.pay.test".to_owned()],
        }],
        hints: vec![Hint {
            service: Some("pay".to_owned()),
            methods: vec![Method::Post],
            template: "/charge/{account}/zz9".to_owned(),
        }],
        ..Settings::default()
    });
    let table = [
        (
            "GET /v1/users/me",
            "api.shop.test",
            "api.shop.test GET /v1/users/me",
            true,
        ),
        (
            "DELETE /v1/users/7",
            "api.shop.test",
            "api.shop.test DELETE /v1/users/{userId}",
            false,
        ),
        (
            "GET /v1/users/me",
            "other.test",
            "default GET /v1/users/me",
            false,
        ),
        (
            "GET /v1/users/42",
            "10.0.0.1:80",
            "api.shop.test GET /v1/users/{userId}",
            true,
        ),
        (
            "GET /v1/users/42",
            "gateway",
            "api.shop.test GET /v1/users/{userId}",
            true,
        ),
        (
            "POST /charge/alice/zz9",
            "eu.pay.test",
            "pay POST /charge/{account}/zz9",
            true,
        ),
        (
            "GET /charge/alice/zz8",
            "eu.pay.test",
            "pay GET /charge/{word}/{id}",
            false,
        ),
        (
            "GET http://eu.pay.test/orders/7",
            "api.shop.test",
            "pay GET /orders/{int}",
            false,
        ),
        ("GET /", "gateway", "default GET /", false),
        ("OPTIONS *", "gateway", "default OPTIONS {server}", false),
        (
            "CONNECT db.test:5432",
            "gateway",
            "default CONNECT {authority}",
            false,
        ),
        ("BREW /users", "gateway", "default OTHER /users", false),
    ];
    for (line, host, name, documented) in table {
        let request = [line, "\nHost: ", host].concat();
        let observation = observe(&shared, &request, 200);
        assert_eq!(endpoint(&shared, &observation), name, "{line}");
        assert_eq!(observation.documented, documented, "{line}");
        let last = shared.triples().len() - 1;
        assert_eq!(observation.cell.0 as usize == last, !documented, "{line}");
    }
    assert_eq!(shared.triples().last(), Some(&PublicTriple::other()));
    assert_eq!(shared.triples().len(), 6);
    assert_eq!(shared.services(), ["default", "pay", "api.shop.test"]);
}

#[test]
fn the_service_of_an_observation_and_of_its_endpoint_have_one_name() {
    let service = Service {
        name: "shop".to_owned(),
        hosts: vec!["api.shop.test".to_owned()],
    };
    let shared = shared(Settings {
        services: vec![service],
        ..Settings::default()
    });
    for (host, name) in [("api.shop.test", "shop"), ("elsewhere.test", "default")] {
        let request = format!("GET /v1/orders\nHost: {host}");
        let seen = observe(&shared, &request, 200);
        assert_eq!(shared.lexicon().service(seen.service), name);
        let endpoint = shared.lexicon().endpoint(seen.endpoint).unwrap();
        assert_eq!(endpoint.service, name);
    }
}

#[test]
fn a_document_that_names_no_host_speaks_for_every_service() {
    let documents = [
        OpenApi::parse(OPENAPI).unwrap(),
        OpenApi::parse("openapi: 3.0.0\nservers: [{url: /v1}]\npaths:\n  /orders: {get: {}, put: {}}\n  /carts: {get: {}}\n").unwrap(),
    ];
    let keys = Arc::new(Keys::new(&StateKey::from_content(b"test"), None));
    let shared = AnonymizerShared::new(keys, Settings::default(), &documents, None).unwrap();
    for (line, service, documented) in [
        ("GET /v1/orders", "api.shop.test", true),
        ("PUT /v1/orders", "default", true),
        ("GET /v1/carts", "default", true),
        ("HEAD /v1/carts", "default", true),
        ("POST /v1/carts", "default", false),
        ("GET /v1/elsewhere", "api.shop.test", false),
    ] {
        let seen = observe(&shared, &format!("{line}\nHost: api.shop.test"), 200);
        assert_eq!(shared.lexicon().service(seen.service), service, "{line}");
        assert_eq!(seen.documented, documented, "{line}");
        let endpoint = shared.lexicon().endpoint(seen.endpoint).unwrap();
        assert_eq!(endpoint.service, service);
    }
}

#[test]
fn head_and_options_are_implied_by_a_document_but_count_in_other() {
    let shared = shared(Settings::default());
    for (line, implied) in [
        ("HEAD /v1/orders", true),
        ("OPTIONS /v1/orders", true),
        ("HEAD /v1/x", false),
    ] {
        let observation = observe(&shared, &[line, "\nHost: api.shop.test"].concat(), 200);
        assert_eq!(observation.documented, implied);
        assert_eq!(observation.cell.0 as usize, shared.triples().len() - 1);
    }
}

#[test]
fn templates_have_no_star() {
    let document = OpenApi::parse(
        r#"{"openapi":"3.0.0","paths":{"/files/{path*}":{"get":{}},"/raw/*":{"get":{}}}}"#,
    )
    .unwrap();
    let keys = Arc::new(Keys::new(&StateKey::from_content(b"test"), None));
    let shared = AnonymizerShared::new(keys, Settings::default(), &[document], None).unwrap();
    let name = |line: &str| {
        let observation = observe(&shared, &[line, "\nHost: a"].concat(), 200);
        endpoint(&shared, &observation)
    };
    assert_eq!(name("GET /files/a/b/c"), "default GET /files/{path+}");
    assert_eq!(name("GET /raw/a/b"), "default GET /raw/{rest+}");
}

#[test]
fn a_hint_for_an_unknown_service_is_refused() {
    let keys = Arc::new(Keys::new(&StateKey::from_content(b"test"), None));
    let settings = Settings {
        hints: vec![Hint {
            service: Some("nobody".to_owned()),
            methods: Vec::new(),
            template: "/a".to_owned(),
        }],
        ..Settings::default()
    };
    let error = AnonymizerShared::new(keys, settings, &[], None).err();
    assert_eq!(error, Some(UnknownService("nobody".to_owned())));
}

#[test]
fn the_command_prints_what_records_show() {
    let shared = shared(Settings::default());
    let token = jwt(r#"{"iss":"https://idp.test","sub":"user-1"}"#);
    for (field, value) in [
        ("Authorization: Bearer abc.def", "abc.def"),
        ("Authorization: abc", "abc"),
        ("X-API-Key: abc", "abc"),
        ("Cookie: a=b; SID=abc%3D", "abc="),
        ("Authorization: Basic YWxpY2U6cHc=", "Basic alice"),
        (&["Authorization: Bearer ", &token].concat(), &token),
        (&["Cookie: session=", &token].concat(), &token),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261122/eu/s3/aws4_request, Signature=ff",
            "AKID",
        ),
        (
            "X-Forwarded-Client-Cert: By=a;Hash=ab12;Subject=\"CN=x\"",
            "ab12",
        ),
    ] {
        let request = ["GET /\nHost: a.test\n", field].concat();
        let observation = observe(&shared, &request, 200);
        let key = observation.token.unwrap();
        assert_eq!(
            Ok(shared.lexicon().token(key)),
            pseudonym(shared.keys(), "token", value.as_bytes()),
            "{field}"
        );
    }
    let observation = observe(&shared, "GET /\nHost: a.test", 200);
    assert_eq!(
        Ok(shared.lexicon().client(observation.client)),
        pseudonym(shared.keys(), "client", b"198.51.100.7")
    );
}

#[test]
fn the_answer_decides_how_far_a_token_is_proven() {
    let shared = shared(Settings::default());
    let request = "GET /\nHost: a.test\nX-API-Key: abc";
    for (status, proof) in [
        (200, Proof::Accepted),
        (404, Proof::Accepted),
        (401, Proof::Refused),
        (403, Proof::Forbidden),
        (500, Proof::Accepted),
    ] {
        assert_eq!(observe(&shared, request, status).proof, proof);
    }
    assert_eq!(
        observe(&shared, "GET /\nHost: a.test", 401).proof,
        Proof::NoToken
    );
}

#[test]
fn half_transactions_are_identified_as_far_as_they_go() {
    let shared = shared(Settings::default());
    let mut worker = Anonymizer::new(Arc::clone(&shared));
    let mut tx = transaction("GET /v1/orders\nHost: api.shop.test\nX-API-Key: abc", 200);
    tx.response = None;
    tx.response_start = None;
    let half = worker.identify(&tx).observe(Facts::default());
    assert_eq!(
        (half.status, half.duration_us, half.ttfb_us),
        (Status::NONE, None, None)
    );
    assert!(half.token.is_some() && half.documented);
    tx.response = tx.request.take();
    let half = worker.identify(&tx).observe(Facts::default());
    assert_eq!(half.method, Method::Unknown);
    assert_eq!(half.endpoint, EndpointId::default());
    assert_eq!((half.token, half.service), (None, ServiceId(0)));
}

#[test]
fn integrations_are_recognised_by_each_sign() {
    let digest = pseudonym(shared(Settings::default()).keys(), "integration", b"abc").unwrap();
    let named = |name: &str| Integration {
        name: name.to_owned(),
        ..Integration::default()
    };
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let settings = |clients: &[&str]| Settings {
        integrations: vec![
            Integration {
                digests: vec![digest.clone()],
                ..named("a")
            },
            Integration {
                claims: pair("azp", "batch"),
                ..named("b")
            },
            Integration {
                fields: pair("x-partner", "acme"),
                ..named("c")
            },
            Integration {
                clients: clients.iter().map(|r| r.parse().unwrap()).collect(),
                ..named("d")
            },
        ],
        ..Settings::default()
    };
    let none = shared(settings(&[]));
    let of = |shared: &Arc<AnonymizerShared>, field: &str| {
        let request = ["GET /\nHost: a.test\n", field].concat();
        observe(shared, &request, 200)
            .integration
            .map(|id| shared.lexicon().integration(id))
    };
    let token = jwt(r#"{"sub":"x","azp":"batch"}"#);
    assert_eq!(of(&none, "X-API-Key: abc").as_deref(), Some("a"));
    assert_eq!(
        of(&none, &["Authorization: Bearer ", &token].concat()).as_deref(),
        Some("b")
    );
    assert_eq!(of(&none, "X-Partner: acme").as_deref(), Some("c"));
    assert_eq!(of(&none, "X-Partner: other"), None);
    let by_range = shared(settings(&["198.51.100.0/24"]));
    assert_eq!(of(&by_range, "Accept: */*").as_deref(), Some("d"));
    assert_eq!(of(&by_range, "X-API-Key: abc").as_deref(), Some("a"));
}

#[test]
fn addresses_in_host_are_not_shown() {
    let shared = shared(Settings::default());
    for host in ["192.0.2.77:8080", "[2001:db8::77]:80"] {
        let request = ["GET /users\nHost: ", host].concat();
        let observation = observe(&shared, &request, 200);
        let all = Admitted::new(vec![observation.host]);
        assert_eq!(shared.lexicon().text(observation.host, &all), "{ip}");
    }
}

#[test]
fn trusted_proxies_speak_for_clients() {
    let proxied = shared(Settings {
        trusted_proxies: vec![TrustedProxy {
            range: "198.51.100.0/24".parse().unwrap(),
            field: identity::client::ForwardedBy::XForwardedFor,
        }],
        ..Settings::default()
    });
    let request = "GET /\nHost: a.test\nX-Forwarded-For: 1.2.3.4, 203.0.113.5";
    let client = |shared: &Arc<AnonymizerShared>| observe(shared, request, 200).client;
    let key = |text: &[u8]| pseudonym(proxied.keys(), "client", text);
    assert_eq!(
        Ok(proxied.lexicon().client(client(&proxied))),
        key(b"203.0.113.5")
    );
    let direct = shared(Settings::default());
    assert_eq!(
        Ok(proxied.lexicon().client(client(&direct))),
        key(b"198.51.100.7")
    );
}

proptest! {
    /// No raw text reaches an output, whatever it stands in.
    #[test]
    fn nothing_sent_is_shown(canary in "[a-z]{6}[0-9]{2}[a-z]{8}", place in 0..10_usize) {
        let places: [String; 10] = [
            format!("GET /users/{canary}/orders\nHost: a.test"),
            format!("GET /users?q={canary}\nHost: a.test"),
            format!("GET /users/x-{canary}.json\nHost: a.test"),
            format!("GET /users\nHost: {canary}.test"),
            format!("GET /users\nUser-Agent: {canary}/1.0 ({canary})"),
            format!("GET /users\nAuthorization: Bearer {canary}"),
            format!("GET /users\nCookie: session={canary}; {canary}=1"),
            format!("GET /users\nX-App-Version: {canary}/1.2"),
            format!("POST /graphql\nContent-Type: application/json\n\n{{\"operationName\":\"{canary}\"}}"),
            format!("GET /users/%2e%2e/{canary}?api_key={canary}\nX-Forwarded-For: {canary}"),
        ];
        let shared = shared(Settings::default());
        let observation = observe(&shared, &places[place], 200);
        prop_assert!(!shown(&shared, &observation).contains(&canary));
    }

    /// What a worker saw before changes nothing: caches hold pure functions of their keys.
    #[test]
    fn workers_agree(order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let shared = shared(Settings::default());
        let requests: Vec<String> = (0..12)
            .map(|i| {
                let kind = ["Bearer", "ApiKey", "Token"][i % 3];
                format!("GET /users/{i}/orders\nHost: h{}.test\nUser-Agent: app{i}/1.{i}\nAuthorization: {kind} t{}", i % 4, i % 5)
            })
            .collect();
        let mut worker = Anonymizer::new(Arc::clone(&shared));
        for index in order {
            let request = &requests[index];
            let seen = worker.identify(&transaction(request, 200)).observe(Facts::default());
            prop_assert_eq!(seen, observe(&shared, request, 200));
        }
    }
}

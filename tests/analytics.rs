//! Token analytics from packets: on the operator listener of a running daemon, filtered by every condition, and in the
//! report of a replay, which is the same for any number of workers. No token is in anything that comes out.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::format_collect,
    clippy::cast_possible_truncation,
    reason = "a test may fail by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etherparse::PacketBuilder;
use serde_json::Value;

/// A whole hour.
const START: u64 = 1_790_002_800;
const TOKENS: u64 = 12;
/// Calls of each token, one every five minutes.
const CALLS: u64 = 36;
/// What is in every credential, and must be in nothing that comes out.
const CANARY: &str = "c4n7ryt0k3n";

const CONFIG: &str = r#"
[[service]]
name = "shop"
hosts = ["api.shop.test"]
tags = { team = "web" }

[[endpoint]]
template = "/v1/orders/{id}"
methods = ["GET"]
service = "shop"
tags = { team = "orders" }

[[integration]]
name = "acme"
headers = { x-partner = "acme" }
tags = { tier = "gold" }
costs = { "GET /v1/orders/{id}" = 0.25 }

[[integration]]
name = "globex"
headers = { x-partner = "globex" }
"#;

/// A capture file being written.
struct Capture(Vec<u8>);

impl Capture {
    fn new() -> Self {
        let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];
        Self(header.iter().flat_map(|n| n.to_le_bytes()).collect())
    }

    /// One request and its answer on a connection of their own.
    fn exchange(&mut self, second: u64, client: u8, port: u16, messages: [&str; 2]) {
        let mut next = [1_000_u32, 5_000];
        let mut segment = |millis: u32, from: usize, payload: &[u8], syn: bool| {
            let (ends, ports) = ([[10, 0, 0, client], [10, 0, 1, 1]], [port, 80]);
            let to = 1 - from;
            let tcp = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
                .ipv4(ends[from], ends[to], 64)
                .tcp(ports[from], ports[to], next[from], 65_535);
            let tcp = if syn { tcp.syn() } else { tcp };
            let acks = !syn || from == 1;
            let tcp = if acks { tcp.ack(next[to]) } else { tcp };
            let mut frame = Vec::new();
            tcp.write(&mut frame, payload).unwrap();
            let len = frame.len() as u32;
            for number in [second as u32, millis * 1_000, len, len] {
                self.0.extend(number.to_le_bytes());
            }
            self.0.extend(frame);
            next[from] += payload.len() as u32 + u32::from(syn);
        };
        segment(0, 0, b"", true);
        segment(1, 1, b"", true);
        segment(2, 0, messages[0].as_bytes(), false);
        segment(12, 1, messages[1].as_bytes(), false);
    }
}

fn jwt(header: &str, payload: &str) -> String {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    [&header, &payload, CANARY].map(str::to_owned).join(".")
}

/// The credential of a token: opaque, but for one that is a JWT, not signed, and made anew every hour.
fn credential(token: u64, second: u64) -> String {
    if token != 3 {
        return format!("{CANARY}-{token}-opaque");
    }
    let issued = second / 3_600 * 3_600;
    let payload = format!(
        r#"{{"iss":"{CANARY}","sub":"user-{CANARY}","iat":{issued},"exp":{}}}"#,
        issued + 7_200
    );
    // From the middle on it is not signed.
    let unsigned = second >= START + 5_400;
    jwt(
        if unsigned {
            r#"{"alg":"none"}"#
        } else {
            r#"{"alg":"ES256"}"#
        },
        &payload,
    )
}

fn request(token: u64, second: u64) -> String {
    let path = match token % 3 {
        0 => format!("/v1/orders/{}", 1_000 + second % 97),
        1 => "/v1/search?q=lamp".to_owned(),
        _ => "/v1/status".to_owned(),
    };
    // The first and the fourth belong to the integration.
    let partner = if token == 1 || token == 6 {
        "X-Partner: acme\r\n"
    } else {
        ""
    };
    let release = if second < START + 5_400 {
        "4.1.0"
    } else {
        "4.2.0"
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: api.shop.test\r\nAuthorization: Bearer {}\r\n{partner}X-App-Name: shop-android\r\nX-App-Version: {release}\r\n\r\n",
        credential(token, second)
    )
}

fn response(token: u64) -> &'static str {
    if token == 5 {
        "HTTP/1.1 429 Too Many Requests\r\nServer: nginx/1.25.3\r\nX-RateLimit-Remaining: 0\r\nContent-Length: 0\r\n\r\n"
    } else {
        "HTTP/1.1 200 OK\r\nServer: nginx/1.25.3\r\nContent-Length: 2\r\n\r\n{}"
    }
}

fn capture() -> Vec<u8> {
    let mut capture = Capture::new();
    for call in 0..CALLS {
        for token in 1..=TOKENS {
            let second = START + call * 300 + token;
            let port = 20_000 + (call * TOKENS + token) as u16;
            let messages = [&*request(token, second), response(token)];
            capture.exchange(second, token as u8, port, messages);
        }
    }
    capture.0
}

/// A directory with the capture and the configuration.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("in.pcap"), capture()).unwrap();
        fs::write(place.path("hushtap.toml"), CONFIG).unwrap();
        fs::write(place.path("key"), "0123456789abcdef").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn hushtap(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hushtap"));
        command.env_clear().current_dir(self.0.path());
        command
    }

    fn report(&self, flags: &[&str]) -> Vec<u8> {
        let output = self
            .hushtap()
            .args([
                "replay",
                "in.pcap",
                "-c",
                "hushtap.toml",
                "--pseudonym-key",
                "key",
            ])
            .args(["--no-progress"])
            .args(flags)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }
}

/// A daemon that has read the capture.
struct Daemon {
    child: Child,
    address: String,
    token: String,
}

impl Daemon {
    fn start(place: &Place) -> Self {
        Self::start_at(place, &["--speed", "max"], "the capture has ended")
    }

    /// With those flags; comes back when the log says `what`.
    fn start_at(place: &Place, flags: &[&str], what: &str) -> Self {
        let child = place
            .hushtap()
            .args([
                "run",
                "-r",
                "in.pcap",
                "-c",
                "hushtap.toml",
                "--pseudonym-key",
                "key",
            ])
            .args([
                "--state-dir",
                "state",
                "--init-ledger",
                "--allow-root",
                "--workers",
                "2",
            ])
            .args(flags)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--operator-listen",
                "127.0.0.1:0",
            ])
            .stdout(Stdio::null())
            .stderr(fs::File::create(place.path("log")).unwrap())
            .spawn()
            .unwrap();
        let log = || fs::read_to_string(place.path("log")).unwrap_or_default();
        for _ in 0..600 {
            if log().contains(what) {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        let log = log();
        let link = log.split("operator page on http://").nth(1);
        let address = link.unwrap_or_else(|| panic!("{log}")).split('/').next();
        let token = fs::read_to_string(place.path("state/operator.token")).unwrap();
        Self {
            child,
            address: address.unwrap().to_owned(),
            token: token.trim().to_owned(),
        }
    }

    /// Status and body.
    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path, &self.token);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body}"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }
}

/// Requests by token.
fn tokens(answer: &Value) -> BTreeMap<String, u64> {
    let list = answer["tokens"].as_array().unwrap().iter();
    list.map(|token| {
        (
            token["token"].as_str().unwrap().to_owned(),
            token["requests"].as_u64().unwrap(),
        )
    })
    .collect()
}

#[test]
fn the_operator_asks_for_any_part_of_the_history() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let found = |query: &str| tokens(&daemon.json(&format!("/api/tokens?{query}")));
    let all = found("");
    assert_eq!(all.len() as u64, TOKENS);
    assert!(all.values().all(|calls| *calls == CALLS), "{all:?}");

    for (query, count, calls) in [
        // By integration, and by the tag of it.
        ("token=acme", 2, CALLS),
        ("tag=tier:gold", 2, CALLS),
        ("tag=tier:silver", 0, 0),
        // By the tag of an endpoint, which stands over that of its service.
        ("tag=team:orders", 4, CALLS),
        ("tag=team:web", 8, CALLS),
        ("tag=team", 12, CALLS),
        ("endpoint=GET+/v1/orders/%7Bid%7D", 4, CALLS),
        ("endpoint=/v1/st*", 4, CALLS),
        ("country=unknown", 12, CALLS),
        ("country=DE", 0, 0),
        // The first hour, and the second up to its middle.
        (&format!("from={START}&to={}", START + 3_600), 12, 12),
        (
            &format!("from={}&to={}", START + 3_600, START + 5_400),
            12,
            6,
        ),
        (
            &format!("endpoint=/v1/status&tag=team:web&from={}", START + 7_200),
            4,
            12,
        ),
    ] {
        let found = found(query);
        assert_eq!(found.len(), count, "{query}: {found:?}");
        assert!(found.values().all(|n| *n == calls), "{query}: {found:?}");
    }
    let name = all.keys().next().unwrap();
    assert_eq!(found(&format!("token={name}")).len(), 1);

    let series = daemon.json("/api/history?step=hour");
    let hours: Vec<_> = series["series"].as_array().unwrap().iter().collect();
    assert_eq!(hours.len(), 3);
    assert!(
        hours
            .iter()
            .all(|hour| hour["requests"] == 12 * TOKENS && hour["tokens"] == TOKENS)
    );
    assert_eq!(
        daemon.json("/api/history")["series"]
            .as_array()
            .unwrap()
            .len() as u64,
        CALLS
    );

    let one = daemon.json(&format!("/api/token?token={name}"));
    let beats = one["tokens"][0]["details"]["heartbeat"]
        .as_object()
        .unwrap();
    assert_eq!(
        beats.values().map(|n| n.as_u64().unwrap()).sum::<u64>(),
        CALLS
    );
    let limits = daemon.json("/api/advice?requests=0&window=3600&endpoint=/v1/status");
    assert_eq!(limits["limits"][0]["tokens_touched"], 4);
    let limits = daemon.json("/api/advice?requests=12&window=3600&endpoint=/v1/status");
    assert_eq!(limits["limits"][0]["tokens_touched"], 0);

    let (status, page) = daemon.get("/tokens?tag=tier%3Agold", &daemon.token);
    assert_eq!(status, 200);
    assert!(
        page.contains("value=\"tier:gold\"") && page.contains("<rect class=\"bar\""),
        "{page}"
    );
    assert_eq!(daemon.get("/tokens?colour=red", &daemon.token).0, 400);
    assert_eq!(daemon.get("/api/history?from=x", &daemon.token).0, 400);
    assert_eq!(daemon.get("/api/nothing", &daemon.token).0, 404);
    assert_eq!(daemon.get("/api/tokens", "wrong").0, 401);
}

#[test]
fn the_report_tells_the_same_for_any_number_of_workers() {
    let place = Place::new();
    let json = place.report(&["--report", "json", "--workers", "1"]);
    assert_eq!(json, place.report(&["--report", "json", "--workers", "3"]));
    let report: Value = serde_json::from_slice(&json).unwrap();
    let acme = &report["integrations"][0];
    assert_eq!(
        (&acme["integration"], &acme["requests"]),
        (&"acme".into(), &(2 * CALLS).into())
    );
    // One of its two tokens calls what costs.
    assert_eq!(acme["cost_units"], 9.0);
    assert_eq!(report["integrations"][1]["requests"], 0);
    assert!(report["advice"].as_array().unwrap().iter().any(|advice| {
        advice["kind"] == "unused_integration" && advice["integration"] == "globex"
    }));

    let by = |list: &Value, key: &str, word: &str| {
        let mut found = list
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item[key] == word);
        found
            .next()
            .cloned()
            .unwrap_or_else(|| panic!("{word} in {list}"))
    };
    let server = by(&report["releases"]["servers"], "release", "nginx/1.25.3");
    assert_eq!(
        (&server["requests"], &server["client_errors"]),
        (&(TOKENS * CALLS).into(), &CALLS.into())
    );
    let [old, new] = ["4.1.0", "4.2.0"].map(|version| {
        let name = format!("shop-android/{version}");
        by(&report["releases"]["clients"], "release", &name)["requests"]
            .as_u64()
            .unwrap()
    });
    assert_eq!((old, new), (18 * TOKENS, 18 * TOKENS));

    let status = by(&report["endpoints"], "endpoint", "GET /v1/status");
    assert_eq!(status["rate_limit"]["refused"], CALLS);
    assert_eq!(status["rate_limit"]["spent"], CALLS);
    let tokens = report["tokens"].as_array().unwrap();
    let unsigned: Vec<_> = tokens
        .iter()
        .filter(|token| token["kind"] == "bearer-jwt")
        .collect();
    let hygiene = &unsigned[0]["hygiene"];
    assert_eq!(
        (&hygiene["unsigned_accepted"], &hygiene["credentials"]),
        (&(CALLS / 2).into(), &4.into())
    );
    assert_eq!(hygiene["lifetime_seconds"], 7_200);
    let alert = by(&report["alerts"], "signal", "token_hygiene");
    assert_eq!(
        (&alert["severity"], &alert["token"]),
        (&"high".into(), &unsigned[0]["token"])
    );
    assert!(
        alert["explanation"]
            .as_str()
            .unwrap()
            .contains("not signed (alg=none)"),
        "{alert}"
    );
    let text = String::from_utf8(place.report(&["--report", "text"])).unwrap();
    for heading in [
        "Integrations",
        "Token hygiene",
        "Server releases",
        "Heaviest operations",
        "Advice",
    ] {
        assert!(
            text.contains(&format!("\n{heading}")),
            "{heading} in {text}"
        );
    }
}

#[test]
fn no_token_is_in_anything_that_comes_out() {
    let place = Place::new();
    let daemon = Daemon::start(&place);
    let mut texts: Vec<String> = [
        "/",
        "/tokens",
        "/metrics",
        "/api/summary",
        "/api/tokens",
        "/api/token?token=tk_*",
        "/api/history",
        "/api/integrations",
        "/api/analytics",
        "/api/advice",
        "/api/inventory",
    ]
    .iter()
    .map(|path| daemon.get(path, &daemon.token).1)
    .collect();
    for report in ["text", "json"] {
        texts.push(String::from_utf8(place.report(&["--report", report])).unwrap());
    }
    texts.push(fs::read_to_string(place.path("log")).unwrap());
    let forms = [
        CANARY.to_owned(),
        URL_SAFE_NO_PAD.encode(CANARY)[..14].to_owned(),
        CANARY.bytes().map(|b| format!("{b:02x}")).collect(),
    ];
    for text in &texts {
        assert!(text.len() > 40, "{text}");
        for form in &forms {
            assert!(!text.contains(form), "{form} in {text}");
        }
    }
}

#[test]
fn records_behind_an_alert_and_in_a_time_are_selected() {
    let place = Place::new();
    let report: Value = serde_json::from_slice(&place.report(&["--report", "json"])).unwrap();
    let alerts = report["alerts"].as_array().unwrap().iter();
    let alert = alerts
        .rev()
        .find(|alert| alert["signal"] == "token_hygiene")
        .unwrap();
    let selected = |select: &str| -> Vec<Value> {
        let lines = place.report(&["--records", "-", "--select", select]);
        let lines = String::from_utf8(lines).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let id = alert["id"].as_str().unwrap();
    let behind = selected(&format!("alert={id}"));
    assert!(!behind.is_empty());
    assert!(
        behind
            .iter()
            .all(|record| record["token"] == alert["token"]),
        "{behind:?}"
    );
    assert_eq!(selected("alert=token_hygiene"), behind);
    assert_eq!(
        selected("alert=token_hygiene and status=404"),
        Vec::<Value>::new()
    );
    assert_eq!(selected("alert=volume"), Vec::<Value>::new());
    let first_hour = selected(&format!("time={START}..{}", START + 3_600));
    assert_eq!(first_hour.len() as u64, 12 * TOKENS);
    assert_eq!(selected("time=2026*").len() as u64, CALLS * TOKENS);
}

/// Orders are deprecated, what nobody asks for is unused; the rest is in no document.
const DOCUMENT: &str = r"
openapi: 3.0.3
paths:
  /v1/orders/{id}:
    get:
      deprecated: true
      parameters: [{name: id, in: path, required: true, schema: {type: string, enum: [none]}}]
      responses: {404: {description: there are none}}
  /v1/nothing:
    get: {}
";

#[test]
fn documents_and_traffic_are_compared_while_it_runs() {
    let place = Place::new();
    fs::write(place.path("api.yaml"), DOCUMENT).unwrap();
    let flags = ["--speed", "max", "--openapi", "api.yaml"];
    let daemon = Daemon::start_at(&place, &flags, "the capture has ended");
    let live = daemon.json("/api/inventory");
    let report = place.report(&["--report", "json", "--openapi", "api.yaml"]);
    let report: Value = serde_json::from_slice(&report).unwrap();
    for list in [
        "documented",
        "shadow",
        "unused",
        "deprecated",
        "undocumented_statuses",
        "schema_violations",
    ] {
        assert_eq!(live[list], report["inventory"][list], "{list}");
        assert!(!live[list].as_array().unwrap().is_empty(), "{list}: {live}");
    }
    assert_eq!(live["unused"][0], "GET /v1/nothing");
    assert_eq!(live["deprecated"][0], "GET /v1/orders/{id}");
    assert_eq!(live["schema_violations"][0]["rule"], "enum");
    let (_, page) = daemon.get("/", &daemon.token);
    assert!(page.contains("Against the OpenAPI documents"), "{page}");
    assert!(page.contains("Statuses that the documents do not list"));
    assert!(page.contains("GET /v1/nothing") && page.contains("request.path:id"));
    // Without a document there is nothing to compare.
    drop(daemon);
    let daemon = Daemon::start(&Place::new());
    assert_eq!(daemon.get("/api/inventory", &daemon.token).0, 404);
}

/// One operation with rules of every kind.
const ORDERS: &str = r"
openapi: 3.1.0
paths:
  /v1/orders:
    post:
      requestBody:
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          multipart/form-data: {schema: {$ref: '#/components/schemas/Order'}}
      responses:
        200: {description: made, content: {application/json: {schema: {type: object, properties: {id: {type: integer}}}}}}
components:
  schemas:
    Order:
      type: object
      required: [sku]
      properties:
        sku: {type: string, pattern: '^[a-z]+$'}
        day: {type: string, format: date}
        note: {type: string, maxLength: 4}
";

/// Orders of seven tokens, as JSON and in parts; each with a field, a parameter and an answer of which the document knows
/// nothing. The first sends names of its own.
fn orders() -> Vec<u8> {
    let mut capture = Capture::new();
    let json = format!(r#"{{"sku":"{CANARY}","day":"{CANARY}","note":"ok","zqextra":"{CANARY}"}}"#);
    let part = |name: &str| {
        format!("--{CANARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{CANARY}\r\n")
    };
    let parts = format!("{}{}--{CANARY}--\r\n", part("note"), part("zqpart"));
    let answer = format!(r#"{{"id":1,"zqprice":"{CANARY}"}}"#);
    let mut port = 20_000;
    for token in 1..=7_u8 {
        let own = if token == 1 {
            "&c4n7ryt0k3nname=1&zqownname=1"
        } else {
            ""
        };
        for (kind, body) in [
            ("application/json".to_owned(), &json),
            (format!("multipart/form-data; boundary={CANARY}"), &parts),
        ] {
            port += 1;
            let request = format!(
                "POST /v1/orders?zqshared={CANARY}{own} HTTP/1.1\r\nHost: api.shop.test\r\nAuthorization: Bearer {CANARY}-{token}\r\n\
                 Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            for status in ["200 OK", "202 Accepted"] {
                port += 1;
                let response = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
                    answer.len()
                );
                let second = START + u64::from(port - 20_000);
                capture.exchange(second, token, port, [&request, &response]);
            }
        }
    }
    capture.0
}

#[test]
fn fields_that_documents_lack_are_told_while_it_runs() {
    let place = Place::new();
    fs::write(place.path("in.pcap"), orders()).unwrap();
    fs::write(place.path("api.yaml"), ORDERS).unwrap();
    fs::write(place.path("hushtap.toml"), "[anonymize]\nk = 5\n").unwrap();
    let flags = ["--speed", "max", "--openapi", "api.yaml"];
    let daemon = Daemon::start_at(&place, &flags, "the capture has ended");
    let live = daemon.json("/api/inventory");
    let rows = |list: &str, keys: &[&str]| -> Vec<String> {
        let rows = live[list].as_array().unwrap().iter();
        rows.map(|row| keys.iter().map(|key| row[*key].to_string() + " ").collect())
            .collect()
    };
    assert_eq!(
        rows("undocumented_fields", &["where", "fields", "count"]),
        [
            r#""request.body:$.zqextra" 1 14 "#,
            r#""request.body:zqpart" 1 14 "#,
            r#""request.query:zqshared" 1 28 "#,
            // One token's own name, and one that does not look like a name.
            r#""request.query:{field}" 1 4 "#,
            r#""request.query:{key}" 1 4 "#,
            r#""response.body:$.zqprice" 1 14 "#,
        ]
    );
    assert_eq!(
        rows("schema_violations", &["where", "rule", "count"]),
        [
            r#""request.body:$.day" "format" 14 "#,
            r#""request.body:$.sku" "pattern" 14 "#,
            r#""request.body:note" "max_length" 14 "#,
            r#""request.body:sku" "required" 14 "#,
        ]
    );
    assert_eq!(
        rows("undocumented_statuses", &["status", "count"]),
        ["202 14 "]
    );
    assert_eq!(live["answers_passed_over"], 0);
    let report = place.report(&["--report", "json", "--openapi", "api.yaml"]);
    let report: Value = serde_json::from_slice(&report).unwrap();
    for list in [
        "undocumented_fields",
        "undocumented_statuses",
        "schema_violations",
    ] {
        assert_eq!(live[list], report["inventory"][list], "{list}");
    }
    let (_, page) = daemon.get("/", &daemon.token);
    assert!(page.contains("response.body:$.zqprice"), "{page}");
    for text in [page, live.to_string(), report.to_string()] {
        assert!(!text.to_ascii_lowercase().contains(CANARY), "{text}");
    }
}

#[test]
fn an_alert_comes_over_the_stream_as_it_happens() {
    let place = Place::new();
    // Three hours in six seconds; the alert comes in the middle.
    let daemon = Daemon::start_at(&place, &["--speed", "1800"], "operator page on");
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    let head = format!(
        "GET /alerts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        daemon.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let (mut text, mut piece) = (String::new(), [0; 4_096]);
    while !text.contains("\n\n") || !text.contains("event: alert\ndata: ") {
        let n = stream.read(&mut piece).expect("an alert within a minute");
        assert!(n > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&piece[..n]));
    }
    assert!(text.contains("text/event-stream"), "{text}");
    let line = text
        .split("event: alert\ndata: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let alert: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&alert["signal"], &alert["severity"]),
        (&"token_hygiene".into(), &"high".into())
    );
    assert!(!text.contains(CANARY));
    // A little later it is in the metrics too.
    for _ in 0..200 {
        let metrics = daemon.get("/metrics", &daemon.token).1;
        let active = metrics
            .lines()
            .find(|line| line.starts_with("hushtap_alert_active{"));
        if let Some(line) = active {
            assert!(line.contains(alert["token"].as_str().unwrap()), "{line}");
            assert!(
                metrics
                    .contains("hushtap_alerts_total{signal=\"token_hygiene\",severity=\"high\"} 1")
            );
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("no alert in the metrics");
}

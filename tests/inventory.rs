//! Traffic against an OpenAPI document, and the document that traffic makes: from packets to each report, with canaries in
//! every value and in names that may not be shown.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may fail by panicking, and writes its own packets"
)]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// A word that stands in values and in names that only one token sends: never to be seen.
const CANARY: &str = "zqcanary";
/// 2026-01-05, a Monday.
const START: u64 = 1_767_571_200;

/// A classic pcap, written exchange by exchange; each has a connection of its own. Checksums are left zero.
struct Capture {
    bytes: Vec<u8>,
    port: u16,
}

impl Capture {
    fn new() -> Self {
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
            bytes.extend(word.to_le_bytes());
        }
        Self {
            bytes,
            port: 20_000,
        }
    }

    /// One request and its answer, `at` seconds after the start.
    fn exchange(&mut self, at: u64, request: &str, response: &str) {
        self.port = if self.port == u16::MAX {
            20_000
        } else {
            self.port + 1
        };
        let (mut client, mut server) = (1_000_u32, 5_000_u32);
        let mut micros = (START + at) * 1_000_000;
        let mut send = |own: bool, flags: u8, text: &str| {
            let (from, to) = if own {
                (&mut client, &mut server)
            } else {
                (&mut server, &mut client)
            };
            self.packet(micros, own, (flags, *from, *to), text.as_bytes());
            *from = from.wrapping_add(text.len() as u32 + u32::from(flags & 3 != 0));
            micros += 1_000;
        };
        send(true, 0x02, "");
        send(false, 0x12, "");
        send(true, 0x18, request);
        send(false, 0x18, response);
        send(true, 0x11, "");
        send(false, 0x11, "");
    }

    fn packet(&mut self, micros: u64, own: bool, tcp: (u8, u32, u32), payload: &[u8]) {
        let (client, server) = (([198, 18, 0, 7], self.port), ([192, 0, 2, 10], 80_u16));
        let (from, to) = if own {
            (client, server)
        } else {
            (server, client)
        };
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([0x45, 0]);
        frame.extend((40 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        frame.extend(from.0);
        frame.extend(to.0);
        frame.extend(from.1.to_be_bytes());
        frame.extend(to.1.to_be_bytes());
        let (flags, sequence, acknowledged) = tcp;
        frame.extend(sequence.to_be_bytes());
        frame.extend(acknowledged.to_be_bytes());
        frame.extend([0x50, flags, 0xfa, 0, 0, 0, 0, 0]);
        frame.extend(payload);
        let length = frame.len() as u32;
        for word in [
            (micros / 1_000_000) as u32,
            (micros % 1_000_000) as u32,
            length,
            length,
        ] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(frame);
    }

    /// A call by a token; answered with JSON.
    fn call(
        &mut self,
        at: u64,
        token: &str,
        (line, body): (&str, &str),
        (status, answer): (u16, &str),
    ) {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: api.shop.test\r\nAuthorization: Bearer opaque-{token}\r\nUser-Agent: curl/8.0\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let response = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        self.exchange(at, &request, &response);
    }
}

/// What three tokens do in a minute.
fn busy_minute(capture: &mut Capture) {
    let order = r#"{"currency":"EUR","lines":[{"sku":"zqcanary-a","quantity":1}],"note":null,"payment":{"iban":"zqcanary"}}"#;
    let made = r#"{"id":7,"currency":"EUR","lines":[],"zqprice":12.5,"total":"zqcanary"}"#;
    for (number, token) in ["zqcanary1", "zqcanary2", "zqcanary3"]
        .into_iter()
        .enumerate()
    {
        let at = number as u64 * 10;
        let listed = ("GET /v1/orders?page=2&sort=zqcanary&zqflag=1", "");
        capture.call(
            at,
            token,
            listed,
            (
                200,
                r#"[{"id":1,"currency":"EUR","lines":[{"sku":"zqcanary"}]}]"#,
            ),
        );
        capture.call(at + 1, token, ("POST /v1/orders", order), (201, made));
        capture.call(at + 2, token, ("GET /v1/orders/17", ""), (200, "{}"));
        capture.call(
            at + 3,
            token,
            ("GET /v1/carts/17", ""),
            (200, r#"{"items":[],"owner":"zqcanary"}"#),
        );
    }
    // Breaks a rule each; who sends it is alone with it.
    let one = "zqcanary1";
    let broken = [
        ("GET /v1/orders?page=zqcanary", ""),
        ("GET /v1/orders/zqcanary", ""),
        ("POST /v1/orders", ""),
        ("POST /v1/orders", r#"{"currency":"zqcanary","lines":[]}"#),
        (
            "POST /v1/orders",
            r#"{"currency":"EUR","lines":[{"sku":7},{"zqcanary":1}]}"#,
        ),
        (
            "POST /v1/orders",
            r#"{"currency":"EUR","lines":[],"payment":{"other":"zqcanary"}}"#,
        ),
    ];
    for (number, call) in broken.into_iter().enumerate() {
        capture.call(40 + number as u64, one, call, (422, "{}"));
    }
    let odd = r#"{"currency":"EUR","lines":[],"zqcanaryname":1,"zqcanary@example.com":{"a":1}}"#;
    capture.call(
        50,
        one,
        ("POST /v1/orders?zqcanaryparameter=1", odd),
        (201, made),
    );
    capture.call(51, one, ("DELETE /v1/orders/17", ""), (204, ""));
    capture.call(52, one, ("GET /v1/zqcanary", ""), (404, "{}"));
    capture.call(53, one, ("GET /v1/orders?page=0", ""), (200, "[]"));
    let parts = "--zqcanary\r\nContent-Disposition: form-data; name=\"currency\"\r\n\r\nzqcanary\r\n\
                 --zqcanary\r\nContent-Disposition: form-data; name=\"zqcanarypart\"\r\n\r\nzqcanary\r\n--zqcanary--\r\n";
    let in_parts = "multipart/form-data; boundary=zqcanary";
    let request = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: api.shop.test\r\nAuthorization: Bearer opaque-{one}\r\nUser-Agent: curl/8.0\r\n\
         Content-Type: {in_parts}\r\nContent-Length: {}\r\n\r\n{parts}",
        parts.len()
    );
    let response = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    capture.exchange(54, &request, response);
}

struct Work(tempfile::TempDir);

impl Work {
    fn new(capture: &Capture) -> Self {
        let work = tempfile::tempdir().expect("a directory");
        fs::write(work.path().join("shop.pcap"), &capture.bytes).unwrap();
        fs::write(work.path().join("key"), "07".repeat(32)).unwrap();
        Self(work)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replays with these flags; the same for 1, 2 and 8 workers.
    fn replay(&self, flags: &[&str]) -> String {
        let outputs = ["1", "2", "8"].map(|workers| {
            let done = Command::new(env!("CARGO_BIN_EXE_hushtap"))
                .env_clear()
                .current_dir(self.0.path())
                .args(["-q", "replay", "--no-progress", "--pseudonym-key", "key"])
                .args(["--workers", workers])
                .args(flags)
                .arg("shop.pcap")
                .output()
                .expect("it runs");
            let errors = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{errors}");
            String::from_utf8(done.stdout).unwrap()
        });
        assert_eq!(outputs[0], outputs[1]);
        assert_eq!(outputs[0], outputs[2]);
        let [output, ..] = outputs;
        output
    }
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory/shop.yaml");
    path.to_str().unwrap().to_owned()
}

fn names<'a>(list: &'a Value, keys: &[&str]) -> Vec<Vec<&'a str>> {
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| keys.iter().map(|key| row[*key].as_str().unwrap()).collect())
        .collect()
}

#[test]
fn the_inventory_knows_what_is_documented_and_what_breaks_it() {
    let mut capture = Capture::new();
    busy_minute(&mut capture);
    let work = Work::new(&capture);
    let report = work.replay(&["--report", "json", "--openapi", &document()]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let inventory = &report["inventory"];
    let listed = |key: &str| inventory[key].as_array().unwrap().clone();
    assert_eq!(listed("documented").len(), 4);
    assert_eq!(listed("shadow"), ["GET /v1/carts/{int}"]);
    assert_eq!(listed("unused"), ["GET /v1/invoices"]);
    assert_eq!(listed("deprecated"), ["DELETE /v1/orders/{order_id}"]);
    let undocumented = names(&inventory["undocumented_fields"], &["endpoint", "where"]);
    let expected = [
        ["GET /v1/orders", "request.query:sort"],
        ["GET /v1/orders", "request.query:zqflag"],
        ["POST /v1/orders", "request.body:$.{key}"],
        ["POST /v1/orders", "request.body:{field}"],
        ["POST /v1/orders", "request.query:{field}"],
        ["POST /v1/orders", "response.body:$.total"],
        ["POST /v1/orders", "response.body:$.zqprice"],
    ];
    assert_eq!(undocumented, expected);
    // Each was asked for wrongly once; of other operations 422 is listed.
    let statuses = inventory["undocumented_statuses"].as_array().unwrap();
    let statuses: Vec<_> = statuses
        .iter()
        .map(|row| (&row["endpoint"], &row["status"], &row["count"]))
        .collect();
    let expected = ["GET /v1/orders", "GET /v1/orders/{order_id}"].map(Value::from);
    let (status, once) = (422.into(), 1.into());
    assert_eq!(
        statuses,
        expected
            .iter()
            .map(|one| (one, &status, &once))
            .collect::<Vec<_>>()
    );
    let broken = names(
        &inventory["schema_violations"],
        &["endpoint", "where", "rule"],
    );
    let expected = [
        ["GET /v1/orders", "request.query:page", "minimum"],
        ["GET /v1/orders", "request.query:page", "type"],
        ["GET /v1/orders/{order_id}", "request.path:order_id", "type"],
        ["POST /v1/orders", "request.body:$", "required"],
        ["POST /v1/orders", "request.body:$.currency", "enum"],
        ["POST /v1/orders", "request.body:$.lines[].sku", "required"],
        ["POST /v1/orders", "request.body:$.lines[].sku", "type"],
        [
            "POST /v1/orders",
            "request.body:$.payment",
            "no_alternative",
        ],
        ["POST /v1/orders", "request.body:currency", "enum"],
        ["POST /v1/orders", "request.body:lines", "required"],
        ["POST /v1/orders", "request.body:{field}", "unknown_field"],
    ];
    assert_eq!(broken, expected);
    for violation in inventory["schema_violations"].as_array().unwrap() {
        let taken = ["minimum"].contains(&violation["rule"].as_str().unwrap())
            || ["request.body:currency", "request.body:lines"]
                .contains(&violation["where"].as_str().unwrap());
        assert_eq!(violation["count"], 1);
        assert_eq!(violation["accepted"], u64::from(taken), "{violation}");
    }
    let alerts = names(&report["alerts"], &["signal", "endpoint"]);
    assert_eq!(alerts, [["shadow_endpoint", "GET /v1/carts/{int}"]]);
}

#[test]
fn no_value_and_no_name_of_one_token_is_in_any_output() {
    let mut capture = Capture::new();
    busy_minute(&mut capture);
    let work = Work::new(&capture);
    for report in ["text", "json", "html", "openapi"] {
        for openapi in [None, Some(document())] {
            let alerts = work.path("alerts").to_str().unwrap().to_owned();
            let mut flags = vec!["--report", report, "--alerts", &alerts];
            if let Some(path) = &openapi {
                flags.extend(["--openapi", path]);
            }
            let output = work.replay(&flags);
            assert!(output.contains("/v1/orders"), "{report}");
            let written = output + &fs::read_to_string(&alerts).unwrap();
            assert!(!written.to_ascii_lowercase().contains(CANARY), "{report}");
        }
    }
    let records = work.replay(&[
        "--report",
        "none",
        "--records",
        "-",
        "--openapi",
        &document(),
    ]);
    assert!(!records.to_ascii_lowercase().contains(CANARY));
}

#[test]
fn the_observed_api_is_an_openapi_document() {
    let mut capture = Capture::new();
    busy_minute(&mut capture);
    let work = Work::new(&capture);
    let api: Value = serde_json::from_str(&work.replay(&["--report", "openapi"])).unwrap();
    assert_eq!(api["openapi"], "3.1.0");
    let paths = &api["paths"];
    let listed: Vec<_> = paths.as_object().unwrap().keys().collect();
    // Of orders somebody asked for one by a word.
    assert_eq!(listed, ["/v1/carts/{int}", "/v1/orders", "/v1/orders/{id}"]);
    for (path, name, kind) in [
        ("/v1/carts/{int}", "int", "integer"),
        ("/v1/orders/{id}", "id", "string"),
    ] {
        let parameter = &paths[path]["parameters"][0];
        assert_eq!(parameter["name"], name);
        assert_eq!(parameter["in"], "path");
        assert_eq!(parameter["schema"]["type"], kind);
    }
    let query = names(&paths["/v1/orders"]["get"]["parameters"], &["name", "in"]);
    assert_eq!(
        query,
        [["page", "query"], ["sort", "query"], ["zqflag", "query"]]
    );
    let post = &paths["/v1/orders"]["post"];
    let sent = &post["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(sent["properties"]["note"]["type"], "null");
    let line = &sent["properties"]["lines"]["items"]["properties"];
    assert_eq!(line["quantity"]["type"], "integer");
    let statuses: Vec<_> = post["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["201", "422"]);
    let answer = &post["responses"]["201"]["content"]["application/json"]["schema"];
    assert_eq!(answer["properties"]["zqprice"]["type"], "number");
    // What it describes, it reads: with it as the document, nothing that was good is undocumented.
    fs::write(work.path("api.json"), api.to_string()).unwrap();
    let report = work.replay(&["--report", "json", "--openapi", "api.json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        report["inventory"]["documented"].as_array().unwrap().len(),
        5
    );
    assert_eq!(report["inventory"]["unused"], Value::Array(Vec::new()));
    let undocumented = names(&report["inventory"]["undocumented_fields"], &["where"]);
    assert!(
        undocumented.iter().all(|row| row[0].contains("{field}")),
        "{undocumented:?}"
    );
}

#[test]
fn a_token_that_suddenly_breaks_the_document_is_told() {
    let mut capture = Capture::new();
    let order = r#"{"currency":"EUR","lines":[]}"#;
    for minute in 0..400_u64 {
        let token = ["anna", "bert", "carl"][minute as usize % 3];
        capture.call(minute * 60, token, ("POST /v1/orders", order), (201, "{}"));
    }
    for n in 0..14_u64 {
        let body = format!(r#"{{"currency":"zqcanary{n}","lines":[]}}"#);
        capture.call(
            400 * 60 + n * 20,
            "carl",
            ("POST /v1/orders", &body),
            (422, "{}"),
        );
    }
    let work = Work::new(&capture);
    fs::write(work.path("hushtap.toml"), "[detect]\nwarm_up = \"1 h\"\n").unwrap();
    let flags = ["-c", "hushtap.toml", "--report", "none", "--alerts", "-"];
    let alerts = work.replay(&[&flags[..], &["--openapi", &document()]].concat());
    let alerts: Vec<Value> = alerts
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|alert: &Value| alert["signal"] == "schema_violation")
        .collect();
    let first = alerts.first().expect("an alert");
    assert_eq!(first["subject"], "token");
    assert_eq!(first["severity"], "medium");
    assert_eq!(first["endpoint"], "POST /v1/orders");
    assert!(first["token"].as_str().unwrap().starts_with("tk_"));
    assert!(first["evidence"]["observed_requests"].as_f64().unwrap() >= 8.0);
    let sentence = first["explanation"].as_str().unwrap();
    assert!(
        sentence.contains("that break its OpenAPI document"),
        "{sentence}"
    );
    assert!(alerts.iter().all(|alert| alert["id"] == first["id"]));
    // Without the document nobody knows.
    let silent = work.replay(&flags);
    assert!(!silent.contains("schema_violation"));
}

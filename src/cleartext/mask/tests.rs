//! What masking promises, tried on generated messages: nothing planted survives, nothing is masked twice, structure stays.

mod dictionary;
mod exceptions;
mod exposure;
mod heldout;
mod places;
mod unseen;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::codec::Codec;
use super::{Bodies, Body, Filter, Format, Masker, Render, RuleSet, fuzz};
use crate::cleartext::http::transaction::{Field, Message, Span, Transaction};
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::observation::{FlowId, Notes, Part, Protocol, TextId, TxState};
use crate::tally::{Tally, TallySheet};

fn rules() -> Arc<RuleSet> {
    static RULES: std::sync::OnceLock<Arc<RuleSet>> = std::sync::OnceLock::new();
    Arc::clone(RULES.get_or_init(|| Arc::new(RuleSet::built_in().unwrap())))
}

fn mask(text: &str, format: Format) -> String {
    Filter::new(rules(), [7; 32])
        .mask(text.as_bytes(), format)
        .0
}

fn encoded(codec: Codec, text: &str) -> String {
    let mut out = Vec::new();
    codec.encode(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

/// Every view of a text that a reader may take: decoded by any codec, up to three times, and unwrapped from base64.
fn views(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    let mut from = 0;
    for _ in 0..3 {
        let until = all.len();
        for i in from..until {
            for codec in [Codec::Percent, Codec::Form, Codec::Json, Codec::Xml] {
                let mut out = Vec::new();
                codec.decode(all[i].as_bytes(), &mut out);
                let view = String::from_utf8_lossy(&out).into_owned();
                if !all.contains(&view) {
                    all.push(view);
                }
            }
            let words = all[i]
                .split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
                .map(str::to_owned)
                .collect::<Vec<_>>();
            for word in words.iter().filter(|word| word.len() >= 16) {
                if let Ok(bytes) = STANDARD.decode(word) {
                    all.push(String::from_utf8_lossy(&bytes).into_owned());
                }
            }
        }
        from = until;
    }
    all
}

/// A place to plant a value in: how the message around it looks, and how the value is encoded there.
#[allow(clippy::too_many_lines, reason = "a table of places")]
fn planted(place: usize, secret: &str) -> (String, Format) {
    let json = encoded(Codec::Json, secret);
    let form = encoded(Codec::Form, secret);
    let inner = format!("{{\"a\":{{\"password\":\"{json}\"}}}}");
    let double = encoded(Codec::Percent, &encoded(Codec::Percent, secret));
    let wrapped = STANDARD.encode(format!(
        "{{\"secret\":\"{json}\",\"padding\":\"for the length\"}}"
    ));
    match place {
        0 => (
            format!("{{\"user\":{{\"new_password\":\"{json}\"}},\"n\":1}}"),
            Format::Json,
        ),
        1 => (
            format!("{{\"payload\":\"{}\"}}", encoded(Codec::Json, &inner)),
            Format::Json,
        ),
        2 => (
            format!("{{\"items\":[{{\"name\":\"api_key\",\"value\":\"{json}\"}}]}}"),
            Format::Json,
        ),
        3 => (
            format!("{{\"items\":[{{\"value\":\"{json}\",\"name\":\"api_key\"}}]}}"),
            Format::Json,
        ),
        4 => (
            format!("{{\"credentials\":{{\"list\":[\"{json}\",[\"{json}\"]]}}}}"),
            Format::Json,
        ),
        5 => (format!("a=1&access_token={form}&b=2"), Format::Form),
        6 => (format!("a=1&client%5Fsecret={form}"), Format::Form),
        7 => (
            format!(
                "<a><Password>{}</Password></a>",
                encoded(Codec::Xml, secret)
            ),
            Format::Xml,
        ),
        8 => (
            format!(
                "<a><p Name=\"password\" value=\"{}\"/></a>",
                encoded(Codec::Xml, secret)
            ),
            Format::Xml,
        ),
        9 => (
            format!("GET /x?otp={form} HTTP/1.1\r\nHost: a\r\n\r\n"),
            Format::Http,
        ),
        10 => (
            format!("GET /x HTTP/1.1\r\nCookie: theme=dark; sid={form}\r\n\r\n"),
            Format::Http,
        ),
        11 => (
            format!("GET /x HTTP/1.1\r\nReferer: https://a.test/p?x=1#access_token={form}\r\n\r\n"),
            Format::Http,
        ),
        12 => (
            format!("GET /x HTTP/1.1\r\nAuthorization: Bearer {form}\r\n\r\n"),
            Format::Http,
        ),
        13 => (
            format!("time=1 level=info password={form} x=1"),
            Format::Text,
        ),
        14 => (
            format!("config:\n  api_key: \"{json}\"\n  n: 1\n"),
            Format::Text,
        ),
        15 => (format!("token={double}"), Format::Form),
        16 => (format!("{{\"state\":\"{wrapped}\"}}"), Format::Json),
        17 => (
            format!("data: {{\"refresh_token\":\"{json}\"}}\n\n"),
            Format::Sse,
        ),
        _ => (
            format!(
                "--b1\r\nContent-Disposition: form-data; name=\"pin\"\r\n\r\n{form}\r\n--b1--\r\n"
            ),
            Format::Multipart,
        ),
    }
}

const PLACES: usize = 19;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_planted_survives(place in 0..PLACES, secret in "[A-Za-z0-9!@#%^*_=+.,:/-]{9,40}", mark in "[a-z]{4}[0-9]{4}") {
        let secret = format!("{secret}{mark}");
        let (text, format) = planted(place, &secret);
        let masked = mask(&text, format);
        for view in views(&masked) {
            prop_assert!(!view.contains(&secret) && !view.contains(&mark), "place {place}: {text} became {masked}");
        }
    }

    #[test]
    fn masking_twice_is_masking_once(place in 0..PLACES, secret in "[ -~]{0,40}") {
        let (text, format) = planted(place, &secret);
        let once = mask(&text, format);
        prop_assert_eq!(mask(&once, format), once);
    }

    #[test]
    fn anything_may_come(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz::stream(&data);
        fuzz::rule_file(&data);
    }

    #[test]
    fn json_stays_json(value in documents()) {
        let text = value.to_string();
        let masked: serde_json::Value = serde_json::from_str(&mask(&text, Format::Json)).unwrap();
        prop_assert!(same_shape(&value, &masked), "{text} became {masked}");
    }
}

fn documents() -> impl Strategy<Value = serde_json::Value> {
    let names = prop_oneof![
        "[a-z_]{1,10}",
        Just("password".to_owned()),
        Just("card".to_owned()),
        Just("email".to_owned()),
        Just("value".to_owned())
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        "[ -~]{0,30}".prop_map(serde_json::Value::from),
        Just(serde_json::Value::from("jane@example.org")),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(names.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Same keys, same lengths, and leaves of the same kind.
fn same_shape(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    match (a, b) {
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((_, a), (_, b))| same_shape(a, b))
        }
        (Array(a), Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (String(_), String(_)) | (Number(_), Number(_)) | (Bool(_), Bool(_)) | (Null, Null) => true,
        _ => false,
    }
}

#[test]
fn hostile_texts_take_linear_time() {
    // A quadratic scan of one of these would take hours.
    let units = [
        "1",
        "4111 ",
        "1 ",
        "\"",
        "%25",
        "\\",
        "QUJD",
        "a@",
        "@",
        "[",
        "{\"a\":",
        "a:",
        "a=",
        "eyJ.",
        "-----BEGIN PRIVATE KEY",
        "aB/",
        "token=1 ",
        "token=x %41 ",
        "auth=",
        "data: {}\n",
        "data: [\n",
        " --pin \"",
        "(a)=(b",
        "password:\n",
        "=?a?Q?b",
        "４",
        "pin,a\n",
        "<a '>",
        "&#64;",
        "://a:",
        "ssn 1 ",
        "token=x %41 ",
        "\\u0040",
        "a.b@c.d ",
        "{\"value\":1,\"name\":\"pin\"},",
    ];
    let mut filter = Filter::new(rules(), [7; 32]);
    for unit in units {
        let text = unit.repeat((1 << 18) / unit.len());
        for format in [
            Format::Auto,
            Format::Text,
            Format::Json,
            Format::Xml,
            Format::Form,
            Format::Http,
        ] {
            assert!(!filter.mask(text.as_bytes(), format).0.is_empty());
        }
    }
}

#[test]
fn mutations_of_bodies() {
    let seeds: Vec<Vec<u8>> = (0..PLACES)
        .flat_map(|place| {
            let (text, _) = planted(place, "s3cr3t-Value9");
            (0..11_u8).map(move |format| [&[format], text.as_bytes()].concat())
        })
        .collect();
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    crate::cleartext::mutation::run("masked body", fuzz::body, &seeds);
}

#[test]
fn mutations_of_streams() {
    let texts: Vec<_> = (0..PLACES).map(|n| planted(n, "s3cr3t-Value9").0).collect();
    let seeds: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    crate::cleartext::mutation::run("masked stream", fuzz::stream, &seeds);
}

#[test]
fn mutations_of_rule_files() {
    let seeds: [&[u8]; 3] = [
        b"[[rule]]\nid = \"x.y\"\ntype = \"y\"\ncategory = \"secret\"\nnames = [\"a_b\"]\ncombine = [\"a b + c d\"]\ntails = [\"e\"]\naccept = \"random\"\nformats = [\"ab{hex:8-}\"]\npositive = [\"a_b => {lower:5}\"]\nnegative = [\"c => {digit:3}\"]\n",
        b"[lists]\nneutral_tails = [\"policy\"]\nprefixes = [\"x\"]\n",
        b"[[rule]]\nid = \"x.z\"\nnear = [\"{digit:4}\"]\ncontext = [\"pin\"]\nvalidator = \"luhn\"\ndetector = \"card\"\n",
    ];
    crate::cleartext::mutation::run("rule file", fuzz::rule_file, &seeds);
}

#[test]
fn fuzz_entries_hold_on_what_formats_are_made_of() {
    let words: [&[u8]; 22] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b":",
        b",",
        b"password",
        b"=",
        b"&",
        b"%40",
        b"\\u0040",
        b"<a",
        b">",
        b"</a>",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"4111111111111111",
        b"jane@example.org",
        b"data: ",
        b"--b\r\n",
        b" ",
    ];
    let mut seed = 1_u64;
    for round in 0..3_000_u64 {
        let mut data = vec![u8::try_from(round % 9).unwrap()];
        for _ in 0..12 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            data.extend_from_slice(words[usize::try_from(seed >> 33).unwrap() % words.len()]);
        }
        fuzz::body(&data);
    }
}

#[test]
fn harmless_values_stay() {
    for text in [
        r#"{"id":"8f14e45f-ceea-467f-a8b5-3c2d1e0f9a87","sha":"7403c538163452c6bf46b67997b4957afa661230","ts":1760752598234,"total":7390.37}"#,
        r#"{"token_type":"bearer","max_tokens":4096,"expires_in":3600,"author":"release-bot","keyboard":"qwerty","primary_key":"created_at"}"#,
        r#"{"version":"5.9.64","firmware":"v1.1.5.52","bind":"0.0.0.0","etag":"W/\"4133-cUToHGCecZ9CyhLNFJGklcLs5B8\"","isbn":"9785027195026"}"#,
        r#"{"address_type":"home","email_verified":true,"password_policy":"strong","card_brand":"visa","license":"MIT","state":"express"}"#,
    ] {
        assert_eq!(mask(text, Format::Json), text);
    }
}

#[test]
fn every_english_looking_word_stays() {
    let words = "monkey author keyboard passenger compass hockey turnkey tokenizer pinned spinning discard cardinal accounting mapping emailing \
        secretary signal design addressing phonetic named citizen dateline codeword session passage";
    assert_eq!(mask(words, Format::Text), words);
}

fn transaction(head: &str, fields: &[(&str, &str)], body: &str) -> Transaction {
    let mut bytes = head.as_bytes().to_vec();
    let mut put = |text: &str| {
        let start = u32::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(text.as_bytes());
        Span {
            start,
            end: u32::try_from(bytes.len()).unwrap(),
        }
    };
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            let name = put(name);
            put(": ");
            let value = put(value);
            put("\r\n");
            Field { name, value }
        })
        .collect();
    let head_end = put("\r\n").end;
    let body = put(body);
    let target_start = u32::try_from(head.find(' ').unwrap() + 1).unwrap();
    let target_end = u32::try_from(head.rfind(' ').unwrap()).unwrap();
    let message = Message {
        head: Span {
            start: 0,
            end: head_end,
        },
        first: Span::default(),
        target: Span {
            start: target_start,
            end: target_end,
        },
        status: 0,
        protocol: Protocol::Http11,
        fields: 0..fields.len(),
        trailers: 0,
        body,
        body_bytes: 0,
        body_whole: true,
    };
    Transaction {
        flow: FlowId(1),
        index: 0,
        client: Raw::new([192, 0, 2, 1].into()),
        claimed: None,
        server: Raw::new(([192, 0, 2, 2].into(), 80)),
        request: Some(message),
        response: None,
        protocol: Protocol::Http11,
        start: EventTime::ZERO,
        request_end: None,
        response_start: None,
        end: EventTime::ZERO,
        state: TxState::NoResponse,
        notes: Notes::default(),
        grpc: None,
        fields,
        bytes: Raw::new(bytes),
    }
}

fn masker() -> (Masker, Arc<TallySheet>) {
    let tally = Arc::new(TallySheet::default());
    let names = |path: &[u8], known: bool| {
        TextId(u64::try_from(path.len()).unwrap() * 2 + u64::from(known))
    };
    (
        Masker::new(rules(), [7; 32], Box::new(names), Arc::clone(&tally)),
        tally,
    )
}

#[test]
fn a_transaction_is_masked_in_every_part() {
    let make = || {
        transaction(
            "POST /users/jane%40example.org?api_key=abc123def456 HTTP/1.1\r\n",
            &[
                ("Content-Type", "application/json"),
                ("Authorization", "Bearer abc.def.ghi"),
                ("Cookie", "theme=dark; sid=s3cr3t"),
            ],
            r#"{"card":{"number":"4111111111111111"},"n":1}"#,
        )
    };
    let bodies = Bodies {
        request: Body::AsSent,
        response: Body::None,
    };
    let (mut masker, _) = masker();
    let mut findings = Vec::new();
    let text = masker
        .mask(make(), bodies, Render::Text, &mut findings)
        .unwrap();
    let head = text.request_head.unwrap();
    assert!(
        head.as_str()
            .contains("Authorization: Bearer MASKED-authorization\r\n"),
        "{head:?}"
    );
    assert!(
        head.as_str()
            .contains("Cookie: theme=dark; sid=MASKED-session-id\r\n"),
        "{head:?}"
    );
    assert!(
        head.as_str().starts_with("POST /users/MASKED-email-"),
        "{head:?}"
    );
    assert!(
        head.as_str().contains("?api_key=MASKED-api-key HTTP/1.1"),
        "{head:?}"
    );
    let body = text.request_body.unwrap();
    assert!(
        body.as_str()
            .starts_with("{\"card\":{\"number\":\"MASKED-card-number-"),
        "{body:?}"
    );
    let parts: Vec<_> = findings.iter().map(|finding| finding.part).collect();
    assert_eq!(
        parts,
        [
            Part::RequestPath,
            Part::RequestQuery,
            Part::RequestHeader,
            Part::RequestCookie,
            Part::RequestBody
        ]
    );
    // Counting finds the same.
    let mut counted = Vec::new();
    assert!(
        masker
            .mask(make(), bodies, Render::Count, &mut counted)
            .is_none()
    );
    assert_eq!(counted, findings);
}

#[test]
fn what_breaks_off_is_masked_from_there_on() {
    let (mut masker, tally) = masker();
    let body = r#"{"a":1,"note":"the secret word is xyzzy"#;
    let tx = transaction(
        "POST / HTTP/1.1\r\n",
        &[("Content-Type", "application/json")],
        body,
    );
    let bodies = Bodies {
        request: Body::AsSent,
        response: Body::None,
    };
    let text = masker
        .mask(tx, bodies, Render::Text, &mut Vec::new())
        .unwrap();
    assert_eq!(
        text.request_body.unwrap().as_str(),
        r#"{"a":1,"note":"MASKED-unparsed"#
    );
    assert_eq!(tally.get(Tally::LimitMasking), 1);
}

#[test]
fn undecodable_and_binary_bodies_never_pass() {
    let (mut masker, _) = masker();
    for body in [
        Body::Undecodable,
        Body::Bytes(b"\x00\x01\x02PK\x03\x04secret"),
    ] {
        let tx = transaction("POST / HTTP/1.1\r\n", &[], "");
        let text = masker
            .mask(
                tx,
                Bodies {
                    request: body,
                    response: Body::None,
                },
                Render::Text,
                &mut Vec::new(),
            )
            .unwrap();
        assert_eq!(text.request_body.unwrap().as_str(), "MASKED-binary");
    }
}

#[test]
fn a_trailer_does_not_drag_the_body_into_the_head() {
    let mut tx = transaction("POST / HTTP/1.1\r\n", &[("A", "b")], "body with words");
    let bytes = tx.bytes.expose_mut();
    let start = u32::try_from(bytes.len()).unwrap();
    bytes.extend_from_slice(b"X-Api-Key: abcdef");
    tx.fields.push(Field {
        name: Span {
            start,
            end: start + 9,
        },
        value: Span {
            start: start + 11,
            end: start + 17,
        },
    });
    let message = tx.request.as_mut().unwrap();
    message.fields = 0..2;
    message.trailers = 1;
    let (mut masker, _) = masker();
    let mut findings = Vec::new();
    let bodies = Bodies {
        request: Body::None,
        response: Body::None,
    };
    let text = masker
        .mask(tx, bodies, Render::Text, &mut findings)
        .unwrap();
    assert_eq!(
        text.request_head.unwrap().as_str(),
        "POST / HTTP/1.1\r\nA: b\r\n\r\n"
    );
    assert_eq!(findings.len(), 1);
}

#[test]
fn the_path_of_a_finding_is_shown_only_where_its_words_are_known() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let names = move |path: &[u8], known: bool| {
        log.lock()
            .unwrap()
            .push((String::from_utf8_lossy(path).into_owned(), known));
        TextId(1)
    };
    let mut masker = Masker::new(
        rules(),
        [7; 32],
        Box::new(names),
        Arc::new(TallySheet::default()),
    );
    let body = r#"{"user":{"email":"a@b.example"},"xqzt":[{"email":"a@b.example"}],"jo@b.example":{"email":"a@b.example"}}"#;
    let tx = transaction("POST / HTTP/1.1\r\n", &[], body);
    masker.mask(
        tx,
        Bodies {
            request: Body::AsSent,
            response: Body::None,
        },
        Render::Count,
        &mut Vec::new(),
    );
    let seen = seen.lock().unwrap();
    let expect = [
        ("$.user.email", true),
        ("$.xqzt[].email", false),
        ("$.{key}", true),
        ("$.{key}.email", true),
    ];
    let expect: Vec<_> = expect
        .iter()
        .map(|(path, known)| ((*path).to_owned(), *known))
        .collect();
    assert_eq!(*seen, expect);
}

#[test]
fn a_bad_rule_names_file_line_and_what_is_allowed() {
    let text = "[[rule]]\nid = \"x.y\"\ntype = \"y\"\ncategory = \"secrets\"\npositive = [\"a\"]\nnegative = [\"b\"]\n";
    let error = RuleSet::from_texts(&[("my.toml", text)]).err().unwrap();
    assert_eq!((error.file.as_str(), error.line), ("my.toml", 4));
    assert!(error.hint.contains("secret, pci, pii, hipaa"), "{error}");
    let error = RuleSet::from_texts(&[("my.toml", "[[rule]]\nid = \"x\"\ncolour = 1\n")])
        .err()
        .unwrap();
    assert_eq!(error.line, 3);
    assert!(error.what.contains("colour"), "{error}");
}

#[test]
fn ids_keep_their_meaning_over_a_reload() {
    let first = rules();
    let dir = tempfile::tempdir().unwrap();
    let rule = "[[rule]]\nid = \"my.badge\"\ntype = \"badge\"\ncategory = \"pii\"\nnames = [\"badge_no\"]\npositive = [\"badge_no => {digit:5}\"]\nnegative = [\"badge => {lower:4}\"]\n";
    std::fs::write(dir.path().join("my.toml"), rule).unwrap();
    let second = Arc::new(RuleSet::load_alone(dir.path(), Some(&first)).unwrap());
    assert_eq!(second.check_examples(), []);
    assert_eq!(
        second.type_names().get(..first.type_names().len()),
        Some(first.type_names())
    );
    assert_eq!(
        second.type_names().last().map(String::as_str),
        Some("badge")
    );
    assert_eq!(second.len(), 1);
}

//! Exceptions lower what they name where they say, and nothing else; rules in dry run only count.

use super::*;
use crate::cleartext::mask::ExceptionText;

const BODY: &str =
    r#"{"contact":{"email":"jane@example.org"},"owner":{"email":"joe@example.org"}}"#;

fn excepted(field: Option<&str>, named: &[&str]) -> RuleSet {
    let text = ExceptionText {
        endpoint: "GET /v1/x".to_owned(),
        rules: named.iter().map(|name| (*name).to_owned()).collect(),
        field: field.map(str::to_owned),
    };
    RuleSet::clone(&rules()).with_exceptions(&[text]).unwrap()
}

/// Request head and body under `rules`, as sent to an endpoint, and what was found by rules in force and in dry run.
fn sent(rules: RuleSet, template: &str, head: &str, body: &str) -> (String, String, [u32; 2]) {
    let rules = Arc::new(rules);
    let tally = Arc::new(TallySheet::default());
    let names = Box::new(|_: &[u8], _: bool| TextId::NONE);
    let mut masker = Masker::new(Arc::clone(&rules), [7; 32], names, tally);
    let fields = [("Content-Type", "application/json"), ("X-Contact", head)];
    let bodies = Bodies {
        request: Body::AsSent,
        response: Body::None,
    };
    masker.set_exception(rules.exception("GET", template));
    let mut findings = Vec::new();
    let make = || transaction("GET /v1/x HTTP/1.1\r\n", &fields, body);
    let text = masker.mask(make(), bodies, Render::Text, &mut findings);
    let text = text.unwrap();
    let count = |dry_run: bool| {
        let found = findings.iter().filter(|found| found.dry_run == dry_run);
        found.map(|found| found.count).sum()
    };
    let found = [count(false), count(true)];
    let shown = |text: Option<crate::masked::Masked>| text.unwrap().as_str().to_owned();
    // What an exception kept is not taken for clean anywhere else.
    masker.set_exception(None);
    let mut all = Vec::new();
    let elsewhere = masker.mask(make(), bodies, Render::Text, &mut all).unwrap();
    for secret in ["jane@", "joe@", "sue@"] {
        assert!(!shown(elsewhere.request_head.clone()).contains(secret));
        assert!(!shown(elsewhere.request_body.clone()).contains(secret));
    }
    (shown(text.request_head), shown(text.request_body), found)
}

#[test]
fn an_exception_holds_at_its_endpoint_and_field_only() {
    let field = Some("$.contact.email");
    let (_, body, found) = sent(excepted(field, &["pii.email"]), "/v1/x", "none", BODY);
    assert!(body.contains("jane@example.org"), "{body}");
    assert!(!body.contains("joe@example.org"), "{body}");
    assert_eq!(found, [1, 0]);
    let (_, body, found) = sent(excepted(field, &["pii.email"]), "/v1/y", "none", BODY);
    assert!(!body.contains("@example.org"), "{body}");
    assert_eq!(found, [2, 0]);
}

#[test]
fn without_a_field_it_holds_at_the_whole_endpoint() {
    let head = "sue@example.org";
    let (head, body, found) = sent(excepted(None, &["pii.email"]), "/v1/x", head, BODY);
    assert!(head.contains("sue@example.org"), "{head}");
    assert_eq!((body.as_str(), found), (BODY, [0, 0]));
}

#[test]
fn other_rules_still_take_what_an_excepted_one_would() {
    let key = format!("AKIA{}", "QRSTUVWX23456723");
    let body = format!(
        r#"{{"contact":{{"email":"{key} {}"}}}}"#,
        "4111111111111111"
    );
    let field = Some("$.contact.email");
    let (_, body, _) = sent(excepted(field, &["pii.email"]), "/v1/x", "none", &body);
    assert!(!body.contains(&key) && !body.contains("4111"), "{body}");
}

#[test]
fn an_exception_from_an_unknown_rule_is_refused() {
    let text = ExceptionText {
        endpoint: "GET /v1/x".to_owned(),
        rules: vec!["pii.email".to_owned(), "pii.emial".to_owned()],
        field: None,
    };
    let list = [ExceptionText::default(), text];
    let error = RuleSet::clone(&rules()).with_exceptions(&list);
    let error = error.err().unwrap();
    assert_eq!((error.exception, error.place), (1, 1));
    assert_eq!(error.rule, "pii.emial");
}

const DRY: &str = "[[rule]]\nid = \"my.email\"\ntype = \"my-email\"\ncategory = \"pii\"\ndry_run = true\nnames = [\"email\", \"note\"]\nformats = [\"B-{digit:6}\"]\npositive = [\"note => {lower:5}\", \"B-{digit:6}\"]\nnegative = [\"C-{digit:6}\"]\n";

#[test]
fn a_rule_in_dry_run_counts_and_changes_nothing() {
    let pii = include_str!("../../../../rules/pii.toml");
    let lists = include_str!("../../../../rules/lists.toml");
    let with = |text| {
        RuleSet::from_texts(&[("my.toml", text), ("lists.toml", lists), ("pii.toml", pii)]).unwrap()
    };
    let rules = with(DRY);
    assert_eq!(rules.dry_runs(), 1);
    assert_eq!(rules.check_examples(), []);
    let body = r#"{"email":"joe@example.org","note":"harmless","x":"B-123456"}"#;
    let (_, masked, found) = sent(rules, "/v1/x", "none", body);
    // The rule comes first and claims `email`: the one in force takes the value all the same.
    assert!(!masked.contains("joe@"), "{masked}");
    assert!(masked.contains("harmless") && masked.contains("B-123456"));
    assert_eq!(found, [1, 3]);
    let active = DRY.replace("dry_run = true\n", "");
    let (_, masked, found) = sent(with(&active), "/v1/x", "none", body);
    assert!(!masked.contains("harmless"), "{masked}");
    assert_eq!(found, [3, 0]);
}

#[test]
fn a_rule_in_dry_run_needs_an_id_of_its_own() {
    let twin = DRY.replace("dry_run = true\n", "");
    let error = RuleSet::from_texts(&[("a.toml", DRY), ("b.toml", &twin)]);
    let error = error.err().unwrap();
    assert_eq!((error.file.as_str(), error.line), ("a.toml", 1));
}

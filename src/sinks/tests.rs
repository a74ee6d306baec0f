//! Records and alerts to the letter.

use std::borrow::Cow;
use std::sync::Arc;

use super::*;
use crate::analysis::alert::{Alert, Evidence, Severity, Signal, Subject};
use crate::analysis::row::Row;
use crate::clock::EventTime;
use crate::masked::{Masked, MaskedText};
use crate::observation::{
    Admitted, AgentClass, Category, Country, EndpointId, EndpointName, Finding, FlowId,
    IntegrationId, Method, Names, Notes, Observation, Part, PrincipalKey, Proof, Protocol,
    PublicCell, RuleId, ServiceId, Status, TextId, TokenKind, TxState, TypeId,
};

/// Names that are plain functions of their ids.
pub(crate) struct Plain;

impl Names for Plain {
    fn endpoint(&self, id: EndpointId) -> Option<EndpointName> {
        (id.0 != 0).then(|| EndpointName {
            service: "shop".to_owned(),
            method: "GET",
            template: format!("/v1/users/{{id}}/e{}", id.0),
        })
    }

    fn text(&self, id: TextId, admitted: &Admitted) -> Cow<'static, str> {
        if admitted.admits(id) {
            Cow::Owned(format!("text\"{}", id.0 & 0xff))
        } else {
            Cow::Borrowed("{host}")
        }
    }

    fn token(&self, key: PrincipalKey) -> String {
        format!("tk_{:016}", key.0)
    }

    fn client(&self, key: PrincipalKey) -> String {
        format!("cl_{:016}", key.0)
    }

    fn service(&self, _id: ServiceId) -> String {
        "shop".to_owned()
    }

    fn sensitive_type(&self, id: TypeId) -> String {
        format!("type-{}", id.0)
    }

    fn rule(&self, id: RuleId) -> String {
        format!("rule-{}", id.0)
    }

    fn integration(&self, _id: IntegrationId) -> String {
        "acme".to_owned()
    }
}

fn observation() -> Observation {
    Observation {
        start: EventTime::from_nanos(1_795_330_380_123_456_789),
        end: EventTime::from_nanos(1_795_330_380_124_690_000),
        flow: FlowId(17),
        index: 0,
        protocol: Protocol::Http11,
        method: Method::Get,
        status: Status(200),
        state: TxState::Complete,
        notes: Notes::MIDSTREAM,
        encrypted: false,
        token: Some(PrincipalKey(7)),
        token_kind: Some(TokenKind::BearerJwt),
        proof: Proof::Accepted,
        credential: crate::observation::Credential::default(),
        server: TextId::NONE,
        rate_limit: crate::observation::RateLimit::Silent,
        client: PrincipalKey(9),
        country: Country::from_code("DE"),
        service: ServiceId(1),
        endpoint: EndpointId(3),
        route: crate::observation::Route::NONE,
        documented: true,
        cell: PublicCell(0),
        host: TextId(5),
        agent: TextId(6).known(),
        agent_class: AgentClass::App,
        release: TextId(8).known(),
        operation: TextId(9).known(),
        integration: Some(IntegrationId(0)),
        request_bytes: 0,
        response_bytes: 512,
        response_decoded: Some(1490),
        duration_us: Some(1234),
        ttfb_us: Some(980),
        account: None,
        refused_field: TextId::NONE,
        refused_path: None,
        object: None,
        candidate: None,
        grpc_status: None,
        request_messages: None,
        response_messages: None,
        ..Observation::blank()
    }
}

fn record(row: &Row, admitted: Vec<TextId>) -> String {
    let mut lines = Lines::default();
    RecordEncoder::new(Arc::new(Plain)).encode(row, &mut lines);
    let mut sorter = Sorter::new(&std::env::temp_dir());
    sorter.take(&mut lines).unwrap();
    let mut out = Vec::new();
    let mut resolver = Resolver::new(Arc::new(Plain), Admitted::new(admitted));
    sorter.finish(&mut resolver, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_full_record() {
    let row = Row {
        observation: observation(),
        counts_to_token: true,
        findings: vec![Finding {
            part: Part::ResponseBody,
            path: TextId(4).known(),
            kind: TypeId(2),
            category: Category::Pci,
            rule: RuleId(1),
            count: 1,
            exposure: None,
            dry_run: false,
        }],
        notes: Vec::new(),
        text: Some(Box::new(MaskedText {
            request_head: Some(Masked::default()),
            ..MaskedText::default()
        })),
    };
    let line = record(&row, vec![TextId(5)]);
    assert_eq!(
        line,
        concat!(
            r#"{"time":"2026-11-22T06:53:00.123456Z","flow":17,"index":0,"protocol":"http/1.1","method":"GET","#,
            r#""scheme":"http","host":"text\"5","endpoint":"/v1/users/{id}/e3","status":200,"request_body_bytes":0,"#,
            r#""response_body_bytes":512,"response_decoded_bytes":1490,"end":"2026-11-22T06:53:00.124690Z","#,
            r#""duration_us":1234,"ttfb_us":980,"service":"shop","token":"tk_0000000000000007","#,
            r#""token_kind":"bearer-jwt","client":"cl_0000000000000009","country":"DE","agent":"text\"6","#,
            r#""release":"text\"8","operation":"text\"9","integration":"acme","sensitive":["#,
            r#"{"where":"response.body:text\"4","type":"type-2","category":"pci","count":1}],"#,
            r#""state":"complete","notes":["midstream"],"request_head":""}"#,
            "\n"
        )
    );
    serde_json::from_str::<serde_json::Value>(&line).unwrap();
}

#[test]
fn what_does_not_apply_is_left_out_and_texts_show_their_class_until_admitted() {
    let row = Row {
        observation: Observation {
            method: Method::Unknown,
            status: Status::NONE,
            state: TxState::NoResponse,
            notes: Notes::default(),
            token: None,
            token_kind: None,
            country: Country::UNKNOWN,
            endpoint: EndpointId(0),
            agent: TextId::NONE,
            release: TextId::NONE,
            operation: TextId::NONE,
            integration: None,
            response_decoded: None,
            duration_us: None,
            ttfb_us: None,
            object: None,
            candidate: None,
            grpc_status: None,
            request_messages: None,
            response_messages: None,
            ..observation()
        },
        counts_to_token: false,
        findings: Vec::new(),
        notes: Vec::new(),
        text: None,
    };
    assert_eq!(
        record(&row, Vec::new()),
        concat!(
            r#"{"time":"2026-11-22T06:53:00.123456Z","flow":17,"index":0,"protocol":"http/1.1","scheme":"http","#,
            r#""host":"{host}","request_body_bytes":0,"response_body_bytes":512,"end":"2026-11-22T06:53:00.124690Z","#,
            r#""service":"shop","client":"cl_0000000000000009","state":"no-response"}"#,
            "\n"
        )
    );
}

/// An alert with everything in it.
pub(crate) fn alert() -> Alert {
    Alert {
        id: 0xab,
        update: 1,
        time: EventTime::from_secs(1_795_330_380),
        window_start: EventTime::from_secs(1_795_330_320),
        window_end: EventTime::from_secs(1_795_330_380),
        signal: Signal::Volume,
        severity: Severity::High,
        score: 0.5,
        risk: 0.75,
        subject: Subject::Token(PrincipalKey(7)),
        token: None,
        client: Some(PrincipalKey(9)),
        service: Some(ServiceId(1)),
        endpoint: Some(EndpointId(3)),
        template: None,
        country: Country::from_code("DE"),
        field: TextId::NONE,
        exposed: None,
        evidence: vec![
            Evidence {
                name: "observed",
                value: 900.0,
            },
            Evidence {
                name: "usual",
                value: f64::NAN,
            },
        ],
    }
}

#[test]
fn an_alert_always_names_its_subject() {
    let mut lines = Lines::default();
    AlertEncoder::new(Arc::new(Plain)).encode(&alert(), &mut lines);
    let (key, line) = lines.iter().next().unwrap();
    assert_eq!(key, [1_795_330_380_000_000_000, 0xab, 1]);
    let value: serde_json::Value = serde_json::from_slice(line).unwrap();
    assert_eq!(value["id"], "00000000000000ab");
    assert_eq!(value["token"], "tk_0000000000000007");
    assert_eq!(value["endpoint"], "GET /v1/users/{id}/e3");
    assert_eq!(value["evidence"]["observed"], 900.0);
    assert_eq!(value["evidence"]["usual"], serde_json::Value::Null);
    assert!(!value["explanation"].as_str().unwrap().is_empty());
    let text = std::str::from_utf8(line).unwrap();
    assert!(text.starts_with(
        r#"{"id":"00000000000000ab","update":1,"time":"2026-11-22T06:53:00.000000Z","window_start":"#
    ));
}

//! Signals that hold traffic against OpenAPI documents.

use super::{DAY, HOUR, START, Story, value};
use crate::analysis::Settings;
use crate::analysis::alert::{Alert, Severity, Signal, Subject};
use crate::analysis::tests::run;
use crate::clock::EventTime;
use crate::observation::{EndpointId, Method, Observation, PrincipalKey, Status};

/// Alerts where there are documents, by 1 worker, after a check that 3 workers say the same.
fn alerts(mut story: Story) -> Vec<Alert> {
    story.0.sort_by_key(Observation::order);
    let markers = story.markers();
    let settings = Settings {
        has_documents: true,
        ..Settings::default()
    };
    let (one, ..) = run(&settings, 1, &markers, &|_| 0);
    let (three, ..) = run(&settings, 3, &markers, &|n| n * 7 / 3);
    assert_eq!(one.alerts, three.alerts);
    one.alerts
}

/// Six tokens that keep to the document, but for one request in a hundred.
fn office(days: u64) -> Story {
    let mut story = Story::default();
    let mut number = 0_u32;
    for day in 0..days {
        for hour in [9, 15] {
            for token in 1..=6 {
                for call in 0..6 {
                    let at = day * DAY + hour * HOUR + 60 * token + 10 * call;
                    number += 1;
                    story.call(at, u128::from(token), |o| {
                        o.documented = true;
                        o.checked = true;
                        o.violations = u8::from(number.is_multiple_of(100));
                    });
                }
            }
        }
    }
    story
}

fn probe(story: &mut Story, start: u64, token: u128, count: u64) {
    for n in 0..count {
        story.call(start + 40 * n, token, |o| {
            o.documented = true;
            o.checked = true;
            o.violations = 2;
            o.status = Status(422);
        });
    }
}

#[test]
fn an_office_that_errs_now_and_then_is_silent() {
    assert_eq!(alerts(office(8)), []);
}

#[test]
fn a_token_that_suddenly_breaks_the_document_alerts() {
    let mut story = office(6);
    let start = 6 * DAY + 10 * HOUR;
    probe(&mut story, start, 3, 14);
    let alerts = alerts(story);
    let first = alerts
        .iter()
        .find(|alert| alert.signal == Signal::SchemaViolation)
        .unwrap();
    assert_eq!(first.subject, Subject::Token(PrincipalKey(3)));
    assert_eq!(first.severity, Severity::Medium);
    assert!(first.time < EventTime::from_secs(START + start + 14 * 40));
    assert!(value(first, "observed_requests") >= 8.0);
    assert!(value(first, "usual_requests") < 1.0);
    assert!(value(first, "known_requests") > 300.0);
}

#[test]
fn few_broken_rules_only_count() {
    let mut story = office(6);
    probe(&mut story, 6 * DAY + 10 * HOUR, 3, 6);
    assert_eq!(alerts(story), []);
}

#[test]
fn a_token_that_always_breaks_the_document_does_not_alert() {
    let mut story = office(0);
    for day in 0..7 {
        for token in 1..=2 {
            for hour in 0..8 {
                probe(&mut story, day * DAY + (8 + hour) * HOUR, token, 12);
            }
        }
    }
    for alert in alerts(story) {
        assert_ne!(alert.signal, Signal::SchemaViolation, "{alert:?}");
    }
}

#[test]
fn a_lone_client_half_of_whose_requests_break_the_document_does_not_alert() {
    let mut story = Story::default();
    for day in 0..6 {
        for n in 0..400 {
            story.call(day * DAY + 8 * HOUR + 11 * n, 1, |o| {
                o.documented = true;
                o.checked = true;
                o.violations = u8::from(n % 2 == 0);
            });
        }
    }
    for alert in alerts(story) {
        assert_ne!(alert.signal, Signal::SchemaViolation, "{alert:?}");
    }
}

#[test]
fn a_release_that_many_take_up_does_not_alert_for_each() {
    let mut story = office(6);
    for token in 1..=6 {
        // One after the other, as updates come.
        probe(
            &mut story,
            6 * DAY + 9 * HOUR + 600 * u64::try_from(token).unwrap(),
            token,
            7,
        );
        probe(
            &mut story,
            6 * DAY + 14 * HOUR + 60 * u64::try_from(token).unwrap(),
            token,
            30,
        );
    }
    for alert in alerts(story) {
        assert_ne!(alert.signal, Signal::SchemaViolation, "{alert:?}");
    }
}

#[test]
fn what_no_document_has_is_a_shadow_once_and_no_new_endpoint() {
    let mut story = office(3);
    let shadow = |o: &mut Observation| {
        o.documented = false;
        o.endpoint = EndpointId(77);
        o.status = Status(302);
    };
    for hour in [1, 30, 50] {
        story.call(hour * HOUR, 1, shadow);
    }
    let late = |o: &mut Observation| {
        o.documented = false;
        o.endpoint = EndpointId(78);
    };
    story.call(60 * HOUR, 2, late);
    story.call(61 * HOUR, 2, late);
    story.call(60 * HOUR, 2, |o| {
        late(o);
        o.endpoint = EndpointId(79);
        o.status = Status(404);
    });
    story.call(60 * HOUR, 2, |o| {
        late(o);
        o.endpoint = EndpointId(80);
        o.method = Method::Options;
    });
    let alerts = alerts(story);
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.signal, alert.subject, alert.severity))
        .collect();
    let shadow = |id, severity| {
        let subject = Subject::Endpoint(EndpointId(id));
        (Signal::ShadowEndpoint, subject, severity)
    };
    assert_eq!(
        told,
        [shadow(77, Severity::Low), shadow(78, Severity::Medium)]
    );
    assert_eq!(alerts[0].token, Some(PrincipalKey(1)));
}

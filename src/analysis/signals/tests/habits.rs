//! Stories of tokens and sources that leave their habits, and of honest ones beside them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may panic like the tests themselves"
)]

use super::{DAY, HOUR, Letters, START, Story};
use crate::analysis::alert::{Alert, Severity, Signal, Subject};
use crate::analysis::explain;
use crate::observation::{
    AgentClass, CollectionKey, Country, EndpointId, Method, ObjectKey, ObjectRef, Observation,
    PrincipalKey, Proof, Status, TextId,
};

/// Days of an ordinary life before anything happens.
const ORDINARY: u64 = 8;
/// Tokens of a crowd.
const TOKENS: u64 = 40;

pub(super) fn mixed(n: u64) -> u64 {
    let n = (n ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

pub(super) fn object(collection: u32, number: u64) -> ObjectRef {
    let key = |n: u64| ObjectKey(mixed((u64::from(collection) << 48) | n));
    ObjectRef {
        key: key(number),
        collection: CollectionKey(collection),
        next: Some(key(number + 1)),
    }
}

/// Forty tokens that go through the same four steps (endpoints 1 to 4) at five hours of every day, and read two of their
/// own objects at endpoint 5; one of them also administers (endpoints 8 and 9).
fn crowd() -> Story {
    let mut story = Story::default();
    for day in 0..ORDINARY {
        for hour in 9..14 {
            for token in 1..=TOKENS {
                let start = day * DAY + hour * HOUR + 60 * token + mixed(token + hour + day) % 30;
                for step in 0..4 {
                    story.call(start + 5 * step, u128::from(token), |call| {
                        call.endpoint = EndpointId(1 + step);
                    });
                }
                for own in 0..2 {
                    story.call(start + 30 + own, u128::from(token), |call| {
                        call.endpoint = EndpointId(5);
                        call.object = Some(object(1, 1_000 * token + 17 * own));
                    });
                }
            }
            for step in 0..2 {
                story.call(day * DAY + hour * HOUR + step, 1, |call| {
                    call.endpoint = EndpointId(8 + step);
                });
            }
        }
    }
    story
}

/// The usual time of the day after the ordinary ones.
const NOON: u64 = ORDINARY * DAY + 12 * HOUR + 1_800;

/// The crowd, and what `attack` adds.
fn with(attack: impl FnOnce(&mut Story)) -> Vec<Alert> {
    let mut story = crowd();
    attack(&mut story);
    story.alerts()
}

fn only(alerts: &[Alert], signal: Signal, subject: Subject) -> &Alert {
    assert!(!alerts.is_empty(), "no alert");
    let strays: Vec<_> = alerts
        .iter()
        .filter(|a| a.signal != signal || a.subject != subject)
        .collect();
    assert!(strays.is_empty(), "{strays:?}");
    let sentence = explain::sentence(&alerts[0], &Letters);
    for word in ["usual", "most ever", "over"] {
        assert!(sentence.contains(word), "{sentence}");
    }
    &alerts[0]
}

fn token(number: u128) -> Subject {
    Subject::Token(PrincipalKey(number))
}

#[test]
fn an_ordinary_crowd_is_silent() {
    assert_eq!(with(|_| ()), []);
}

#[test]
fn a_country_never_seen_alerts_at_once_and_more_at_the_second_call() {
    let alerts = with(|story| {
        for n in 0..2 {
            story.call(NOON + 60 * n, 7, |call| {
                call.country = Country::from_code("RU");
                call.endpoint = EndpointId(1);
            });
        }
    });
    let first = only(&alerts, Signal::Geo, token(7));
    assert_eq!(first.severity, Severity::Low);
    assert_eq!(first.country, Country::from_code("RU"));
    assert_eq!(first.time.secs(), START + NOON);
    assert!(alerts[1].severity > Severity::Low && alerts[1].id == first.id);
}

#[test]
fn who_travels_often_does_not_alert() {
    let mut story = crowd();
    for day in 0..ORDINARY {
        let country =
            ["FR", "IT", "ES", "PT", "CH", "AT", "BE", "NL"][usize::try_from(day).unwrap()];
        for n in 0..6 {
            story.call(day * DAY + 13 * HOUR + 600 * n, 7, |call| {
                call.country = Country::from_code(country);
                call.endpoint = EndpointId(1);
            });
        }
    }
    story.call(NOON, 7, |call| {
        call.country = Country::from_code("DK");
    });
    let geo = story.alerts();
    assert!(
        geo.iter()
            .all(|a| a.signal != Signal::Geo || a.time.secs() < START + NOON)
    );
}

#[test]
fn another_kind_of_program_alerts() {
    let alerts = with(|story| {
        for n in 0..2 {
            story.call(NOON + 60 * n, 7, |call| {
                call.agent_class = AgentClass::Tool;
                call.agent = TextId(99);
                call.endpoint = EndpointId(1);
            });
        }
    });
    only(&alerts, Signal::Agent, token(7));
}

#[test]
fn a_token_used_in_two_places_in_turn_is_stolen() {
    let alerts = with(|story| {
        for n in 0..6 {
            story.call(NOON + 60 * n, 7, |call| {
                call.endpoint = EndpointId(1);
                if n % 2 == 0 {
                    call.country = Country::from_code("RU");
                }
            });
        }
    });
    let stolen = alerts.iter().find(|a| a.signal == Signal::ConcurrentUse);
    assert_eq!(stolen.unwrap().severity, Severity::High);
    assert!(alerts.iter().all(|a| a.subject == token(7)));
}

#[test]
fn endpoints_of_others_alert() {
    let alerts = with(|story| {
        for n in 0..2 {
            story.call(NOON + 60 * n, 7, |call| {
                call.endpoint = EndpointId(8 + n);
                call.status = Status(403);
                call.proof = Proof::Forbidden;
            });
        }
    });
    only(&alerts, Signal::EndpointNovel, token(7));
}

#[test]
fn a_walk_through_numbers_alerts() {
    let alerts = with(|story| {
        // Its usual steps before.
        for step in 0..4 {
            story.call(NOON - 100 + step, 7, |call| {
                call.endpoint = EndpointId(1 + step);
            });
        }
        for n in 0..12 {
            story.call(NOON + 20 * n, 7, |call| {
                call.endpoint = EndpointId(5);
                call.object = Some(object(1, 500_000 + n));
            });
        }
    });
    let first = only(&alerts, Signal::Enumeration, token(7));
    assert!(first.time.secs() <= START + NOON + 20 * 8, "{first:?}");
}

#[test]
fn objects_refused_again_and_again_alert() {
    let alerts = with(|story| {
        for n in 0..14 {
            story.call(NOON + 900 * n, 7, |call| {
                call.endpoint = EndpointId(5);
                call.status = Status(404);
                call.object = Some(object(1, 500_000 + 1_000 * n));
            });
        }
    });
    assert!(
        alerts
            .iter()
            .any(|a| a.signal == Signal::DeniedObjects && a.subject == token(7)),
        "{alerts:?}"
    );
}

#[test]
fn one_field_refused_again_and_again_alerts_and_is_named() {
    let alerts = with(|story| {
        for n in 0..15 {
            story.call(NOON + 60 * n, 7, |call| {
                call.endpoint = EndpointId(1);
                call.method = Method::Post;
                call.status = Status(422);
                call.refused_field = TextId(77);
            });
        }
    });
    let first = alerts.iter().find(|a| a.signal == Signal::FieldErrors);
    assert_eq!(first.unwrap().field, TextId(77));
}

fn login(call: &mut Observation, account: u64, status: u16) {
    call.token = None;
    call.token_kind = None;
    call.proof = Proof::NoToken;
    call.client = PrincipalKey(1 << 90);
    call.endpoint = EndpointId(3);
    call.method = Method::Post;
    call.status = Status(status);
    call.account = Some(ObjectKey(mixed(account)));
}

#[test]
fn many_accounts_tried_and_given_up_alert() {
    let alerts = with(|story| {
        for n in 0..20 {
            story.call(NOON + 30 * n, 0, |call| login(call, n, 401));
        }
    });
    let client = Subject::Client(PrincipalKey(1 << 90));
    assert!(
        alerts
            .iter()
            .any(|a| a.signal == Signal::AuthFailures && a.subject == client)
    );
}

#[test]
fn many_passwords_for_one_account_alert() {
    let alerts = with(|story| {
        for n in 0..80 {
            story.call(NOON + 5 * n, 0, |call| login(call, 1, 401));
        }
    });
    let client = Subject::Client(PrincipalKey(1 << 90));
    assert!(
        alerts
            .iter()
            .any(|a| a.signal == Signal::AuthFailures && a.subject == client)
    );
}

#[test]
fn an_office_that_mistypes_its_passwords_does_not_alert() {
    let alerts = with(|story| {
        for n in 0..20 {
            story.call(NOON + 30 * n, 0, |call| login(call, n, 401));
            story.call(NOON + 30 * n + 5, 0, |call| login(call, n, 200));
        }
    });
    let client = Subject::Client(PrincipalKey(1 << 90));
    assert!(alerts.iter().all(|a| a.subject != client), "{alerts:?}");
}

#[test]
fn many_paths_that_do_not_exist_alert_and_a_few_do_not() {
    for (paths, expected) in [(5, false), (40, true)] {
        let alerts = with(|story| {
            for n in 0..paths {
                story.call(NOON + n, 0, |call| {
                    call.token = None;
                    call.proof = Proof::NoToken;
                    call.client = PrincipalKey(1 << 91);
                    call.endpoint = EndpointId(1_000 + n % 3);
                    call.status = Status(404);
                    call.refused_path = Some(ObjectKey(mixed(n)));
                });
            }
        });
        let scan = alerts.iter().any(|a| a.signal == Signal::PathScan);
        assert_eq!(scan, expected, "{alerts:?}");
    }
}

#[test]
fn an_endpoint_that_slows_down_alerts() {
    let alerts = with(|story| {
        for n in 0..60 {
            story.call(NOON + 5 * n, u128::from(1 + n % TOKENS), |call| {
                call.ttfb_us = Some(9_000);
                call.endpoint = EndpointId(1);
            });
        }
    });
    let slow = alerts.iter().find(|a| a.signal == Signal::EndpointLatency);
    assert_eq!(slow.unwrap().subject, Subject::Endpoint(EndpointId(1)));
}

#[test]
fn steps_left_out_alert() {
    let alerts = with(|story| {
        for (n, endpoint) in [4, 3].into_iter().enumerate() {
            story.call(NOON + 10 * n as u64, 7, |call| {
                call.endpoint = EndpointId(endpoint);
            });
        }
    });
    let first = only(&alerts, Signal::Sequence, token(7));
    assert_eq!(first.evidence[0].name, "observed_skip_bits");
}

#[test]
fn one_step_that_was_not_seen_is_no_alert() {
    // An answer of 401 counts to the client: the token seems to have left out its second step.
    let alerts = with(|story| {
        for (n, endpoint) in [1, 3, 4].into_iter().enumerate() {
            story.call(NOON + 10 * n as u64, 7, |call| {
                call.endpoint = EndpointId(endpoint);
            });
        }
    });
    assert_eq!(alerts, []);
}

#[test]
fn unusual_hours_are_a_note() {
    let night = (ORDINARY + 1) * DAY + 2 * HOUR;
    let alerts = with(|story| {
        for n in 0..4 {
            for step in 0..4 {
                story.call(night + 300 * n + 5 * step, 7, |call| {
                    call.endpoint = EndpointId(1 + step);
                });
            }
        }
    });
    let first = only(&alerts, Signal::Hours, token(7));
    assert_eq!(first.severity, Severity::Info);
}

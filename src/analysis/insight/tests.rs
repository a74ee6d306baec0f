//! Analytics through the ticks: what a small population did, the same for any number of workers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may panic like the tests themselves"
)]

use super::HistoryLimits;
use super::history::Resolution;
use crate::analysis::Settings;
use crate::analysis::alert::{Alert, Severity, Signal, Subject};
use crate::analysis::summary::Summary;
use crate::analysis::tests::{Tagged, finding, observation, run};
use crate::clock::Tick;
use crate::observation::{
    Country, Credential, CredentialTraits, EndpointId, IntegrationId, Observation, PrincipalKey,
    RateLimit, Status, TextId,
};

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400;
/// A Tuesday, midnight.
const START: u64 = 20_781 * DAY;

/// Four days of forty tokens: token n calls endpoint n % 5 once every n + 10 minutes.
fn week() -> Vec<(Tick, Vec<Tagged>)> {
    let mut calls: Vec<Observation> = Vec::new();
    for token in 1..=40_u64 {
        let mut second = 7 * token;
        while second < 4 * DAY {
            let number = calls.len() as u64;
            let mut call = observation(
                (START + second) * SECOND + number % 997,
                number,
                token.into(),
            );
            call.endpoint = EndpointId(10 + token % 5);
            call.release = TextId(100 + second / (2 * DAY)).known();
            call.server = TextId(200).known();
            call.duration_us = Some(1_000 * token);
            call.encrypted = token % 2 == 0;
            call.integration = (token == 7).then_some(IntegrationId(0));
            if token == 9 {
                call.status = Status(429);
                call.rate_limit = RateLimit::Spent;
            }
            if token == 3 {
                call.credential = Credential {
                    mark: 1 + u32::try_from(second / DAY).unwrap(),
                    lifetime_seconds: 3_600,
                    traits: CredentialTraits::JWT.with(CredentialTraits::UNSIGNED),
                };
            }
            calls.push(call);
            second += (token + 10) * 60;
        }
    }
    calls.sort_by_key(Observation::order);
    let mut markers: Vec<(Tick, Vec<Tagged>)> = Vec::new();
    for call in calls {
        let tick = call.end.tick();
        if markers.last().is_none_or(|(last, _)| *last != tick) {
            markers.push((tick, Vec::new()));
        }
        markers.last_mut().unwrap().1.push((call, vec![finding(1)]));
    }
    markers
}

fn settings() -> Settings {
    Settings {
        history: Some(HistoryLimits::default()),
        summary_principals: usize::MAX,
        summary_seconds: Some(DAY),
        ..Settings::default()
    }
}

/// By one worker, after a check that others say the same.
fn picture(settings: &Settings) -> (Summary, Vec<Alert>) {
    let markers = week();
    let (one, summary, _) = run(settings, 1, &markers, &|_| 0);
    for workers in [2, 8] {
        let (more, ..) = run(settings, workers, &markers, &|n| n * 7 / 3);
        assert_eq!(one.alerts, more.alerts, "{workers} workers");
        assert_eq!(one.summaries, more.summaries, "{workers} workers");
    }
    (summary.unwrap(), one.alerts)
}

#[test]
fn what_a_population_did() {
    let (summary, _) = picture(&settings());
    let insights = &summary.insights;
    assert_eq!(insights.profiles, 40);
    let [partner] = insights.partners.as_slice() else {
        panic!("one integration")
    };
    let calls = 4 * 24 * 60 / 17 + 1;
    assert_eq!((partner.requests, partner.tokens), (calls, 1));
    assert_eq!(
        partner.heartbeat.iter().map(|n| u64::from(*n)).sum::<u64>(),
        calls
    );
    // From Tuesday on: nothing on Monday, and nothing from Saturday on.
    assert!(partner.heartbeat[..24].iter().all(|n| *n == 0));
    assert!(partner.heartbeat[24..120].iter().all(|n| *n >= 3));
    assert!(partner.heartbeat[120..].iter().all(|n| *n == 0));

    let ids: Vec<_> = insights.clients.iter().map(|r| r.release).collect();
    assert_eq!(ids, [TextId(100).known(), TextId(101).known()]);
    let all: u64 = insights.clients.iter().map(|r| r.requests).sum();
    assert_eq!(all, summary.transactions.total());
    assert_eq!(insights.servers[0].requests, all);
    let refused: u64 = summary.endpoints.iter().map(|e| e.throttle.refused).sum();
    assert_eq!(insights.servers[0].client_errors, refused);

    // Tokens 1, 6, 11, ... 36 call endpoint 11; every one of them does so on every day, and is new on the first.
    let endpoint = summary
        .endpoints
        .iter()
        .find(|e| e.endpoint == EndpointId(11))
        .unwrap();
    let days: Vec<_> = endpoint
        .adoption
        .iter()
        .map(|(_, counts)| *counts)
        .collect();
    assert_eq!(days, [[8, 8], [8, 0], [8, 0], [8, 0]]);
    let peaks = insights
        .peaks
        .iter()
        .find(|p| p.endpoint == EndpointId(11))
        .unwrap();
    assert_eq!(peaks.by_window[0], [1; 8]);
    assert_eq!(peaks.by_window[2].last(), Some(&6), "every eleven minutes");
    let heavy = insights
        .heaviest
        .iter()
        .find(|h| h.endpoint == EndpointId(11))
        .unwrap();
    assert_eq!(heavy.by_latency[0].0, PrincipalKey(36));
    assert_eq!(heavy.by_bytes[0].0, PrincipalKey(1));
}

#[test]
fn the_history_holds_every_call_once() {
    let (summary, _) = picture(&settings());
    let history = &summary.insights.history;
    for resolution in [Resolution::Finest, Resolution::Hours] {
        let (mut calls, mut errors, mut from) = (0_u64, 0_u64, std::collections::BTreeSet::new());
        history.scan(
            (0, u64::MAX),
            resolution,
            |_| true,
            |point| {
                calls += u64::from(point.cell.requests);
                errors += u64::from(point.cell.errors);
                from.insert(point.cell.country);
            },
        );
        assert_eq!(calls, summary.transactions.total());
        assert_eq!(errors, 4 * 24 * 60 / 19 + 1);
        assert_eq!(
            from.into_iter().collect::<Vec<_>>(),
            [Country::from_code("DE")]
        );
    }
    assert!(history.bytes() < 2 << 20, "{} bytes", history.bytes());
}

#[test]
fn limits_keep_the_picture_the_same_for_any_number_of_workers() {
    let few = Settings {
        max_profiles: 64,
        history: Some(HistoryLimits {
            tokens: 5,
            bytes: 20_000,
        }),
        ..settings()
    };
    let (summary, _) = picture(&few);
    assert_eq!(summary.insights.history.tokens().len(), 5);
    assert!(summary.insights.history.bytes() <= 20_000);
}

#[test]
fn an_unsigned_token_that_is_accepted_is_told_once_and_a_token_in_clear_text_is_noted() {
    let (summary, alerts) = picture(&settings());
    let hygiene: Vec<_> = alerts
        .iter()
        .filter(|a| a.signal == Signal::TokenHygiene)
        .collect();
    let unsigned: Vec<_> = hygiene
        .iter()
        .filter(|a| a.severity > Severity::Info)
        .collect();
    let [unsigned] = unsigned.as_slice() else {
        panic!("{unsigned:?}")
    };
    assert_eq!(unsigned.subject, Subject::Token(PrincipalKey(3)));
    assert_eq!((unsigned.severity, unsigned.update), (Severity::High, 0));
    // Half of the tokens are in clear text, among others that are not: a note each, but for that which has an alert.
    let mut noted: Vec<_> = hygiene
        .iter()
        .filter(|a| a.severity == Severity::Info)
        .map(|a| a.subject)
        .collect();
    noted.sort_unstable();
    let all = noted.len();
    noted.dedup();
    assert_eq!((all, noted.len()), (19, 19));
    let token = summary
        .principals
        .iter()
        .find(|p| p.key == PrincipalKey(3))
        .unwrap();
    let facts = token.hygiene.unwrap();
    assert_eq!((facts.credentials, facts.lifetime_seconds), (4, 3_600));
    assert_eq!(facts.unsigned, token.requests);
}

#[test]
fn where_everything_is_in_clear_text_nothing_is_noted() {
    let mut markers = week();
    for (call, _) in markers.iter_mut().flat_map(|(_, calls)| calls) {
        call.encrypted = false;
        call.credential = Credential::default();
    }
    let (outcome, ..) = run(&settings(), 1, &markers, &|_| 0);
    assert_eq!(
        outcome
            .alerts
            .iter()
            .filter(|a| a.signal == Signal::TokenHygiene)
            .count(),
        0
    );
}

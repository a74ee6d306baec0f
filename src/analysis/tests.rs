//! The whole room at work: the same outputs for any number of workers and any split of the observations.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "helpers of tests, which may panic like the tests themselves"
)]

use std::sync::Arc;
use std::thread;

use proptest::prelude::*;

use super::clip::{ClipPlan, WindowSums};
use super::endpoint::OTHER_ENDPOINT;
use super::settings::ReleaseSums;
use super::signals::Thresholds;
use super::summary::Summary;
use super::window::{Schedule, Unit, Window};
use super::{Abandoned, Output, Settings, start};
use crate::clock::{EventTime, Tick};
use crate::observation::{
    AgentClass, Category, Country, Credential, EndpointId, Finding, FlowId, Method, Notes,
    Observation, Part, PrincipalKey, Proof, Protocol, PublicCell, RateLimit, RuleId, ServiceId,
    Status, TextId, TokenKind, TxState, TypeId,
};
use crate::tally::{Tallies, Tally};

/// A plain GET by a token, one second into `tick`'s predecessor... at `nanos` of packet time.
pub(crate) fn observation(nanos: u64, flow: u64, token: u128) -> Observation {
    Observation {
        start: EventTime::from_nanos(nanos.saturating_sub(1_000_000)),
        end: EventTime::from_nanos(nanos),
        flow: FlowId(flow),
        index: 0,
        protocol: Protocol::Http11,
        method: Method::Get,
        status: Status(200),
        state: TxState::Complete,
        notes: Notes::default(),
        encrypted: false,
        token: Some(PrincipalKey(token)),
        token_kind: Some(TokenKind::Bearer),
        proof: Proof::Accepted,
        credential: Credential::default(),
        server: TextId::NONE,
        rate_limit: RateLimit::Silent,
        client: PrincipalKey((1 << 100) | token),
        country: Country::from_code("DE"),
        service: ServiceId(0),
        endpoint: EndpointId(7),
        route: crate::observation::Route::NONE,
        documented: false,
        cell: PublicCell(0),
        host: TextId(11),
        agent: TextId(12),
        agent_class: AgentClass::App,
        release: TextId(13),
        operation: TextId::NONE,
        integration: None,
        request_bytes: 100,
        response_bytes: 1_000,
        response_decoded: None,
        duration_us: Some(1_000),
        ttfb_us: Some(900),
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

pub(super) fn finding(path: u64) -> Finding {
    Finding {
        part: Part::ResponseBody,
        path: TextId(path),
        kind: TypeId(2),
        category: Category::Pii,
        rule: RuleId(3),
        count: 1,
        exposure: None,
        dry_run: false,
    }
}

pub(super) type Tagged = (Observation, Vec<Finding>);

/// Everything that came out, by kind.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<(Tick, super::row::Row)>,
    pub(super) alerts: Vec<super::alert::Alert>,
    pub(super) windows: Vec<(Window, WindowSums, bool)>,
    /// Printed, since summaries cannot be compared.
    pub(super) summaries: Vec<String>,
}

/// Runs markers (tick, observations) through `workers`; `split` says who carries which observation.
pub(super) fn run(
    settings: &Settings,
    workers: usize,
    markers: &[(Tick, Vec<Tagged>)],
    split: &(dyn Fn(usize) -> usize + Sync),
) -> (Outcome, Option<Summary>, Tallies) {
    let tallies = Tallies::default();
    let (sinks, outputs) = start(settings.clone(), workers, &tallies);
    let mut outcome = Outcome::default();
    let mut last = None;
    thread::scope(|scope| {
        for (worker, mut sink) in sinks.into_iter().enumerate() {
            scope.spawn(move || {
                let mut number = 0;
                for (tick, observations) in markers {
                    for (observation, findings) in observations {
                        if split(number) % workers == worker {
                            sink.push(*observation, findings, None);
                        }
                        number += 1;
                    }
                    sink.end_tick(*tick);
                }
                let end = markers.last().map_or(Tick(0), |(tick, _)| *tick);
                sink.finish(end).unwrap();
            });
        }
        for output in outputs {
            match output {
                Output::Rows { tick, rows } => {
                    outcome.rows.extend(rows.into_iter().map(|row| (tick, row)));
                }
                Output::State(_) => {}
                Output::Alerts(alerts) => outcome.alerts.extend(alerts),
                Output::Window { window, sums, last } => outcome.windows.push((window, sums, last)),
                Output::Summary { summary, last: end } => {
                    outcome.summaries.push(format!("{summary:?}"));
                    if end {
                        last = Some(*summary);
                    }
                }
            }
        }
    });
    (outcome, last, tallies)
}

fn release() -> ReleaseSums {
    let schedule = Schedule::new(Unit::PrincipalDay, 60).unwrap();
    let plan = ClipPlan::new(schedule, 1, [1_000; 5], 4, 8).unwrap();
    ReleaseSums {
        plan: Arc::new(plan),
        high_water: None,
        board: Arc::default(),
    }
}

/// Thresholds at which almost everything alerts.
fn nervous() -> Thresholds {
    Thresholds {
        warm_up_seconds: 3,
        mature_days: 0,
        mature_calls: 1,
        update_seconds: 2,
        volume_p: 2.0,
        volume_min_calls: 2,
        volume_above_max: -9.0,
        payload_min_bytes: 1,
        payload_min_samples: 2,
        payload_z: -9.0,
        payload_above_max: -9.0,
        errors_limit: 0.5,
        errors_min: [1, 1],
        errors_min_calls: 0.0,
        newness_watch_seconds: 10,
        ..Thresholds::default()
    }
}

#[test]
fn nervous_thresholds_make_every_signal_speak() {
    let mut seen = std::collections::BTreeSet::new();
    let mut markers = Vec::new();
    for n in 0..400_u64 {
        let mut o = observation((1_000 + n) * SECOND, n, u128::from(n % 3));
        o.endpoint = EndpointId(1 + n / 50);
        o.response_bytes = 100 + n * n;
        o.request_bytes = 100 + n * n * n;
        o.status = Status(if n % 4 == 0 { 500 } else { 200 });
        markers.push((Tick(1_000 + n), vec![(o, vec![])]));
    }
    let settings = Settings {
        thresholds: nervous(),
        ..Settings::default()
    };
    let (outcome, ..) = run(&settings, 1, &markers, &|_| 0);
    seen.extend(outcome.alerts.iter().map(|alert| alert.signal.name()));
    let all = [
        "endpoint_errors",
        "new_endpoint",
        "payload_request",
        "payload_response",
        "volume",
    ];
    assert_eq!(Vec::from_iter(seen), all);
}

fn with_rows() -> Settings {
    Settings {
        rows: true,
        ..Settings::default()
    }
}

/// A second of packet time in nanoseconds.
const SECOND: u64 = 1_000_000_000;

fn random_observation() -> impl Strategy<Value = Tagged> {
    let who = (0_u128..200, 0_u128..40, any::<bool>());
    let what = (0_u64..30, 0_usize..6, 0_u64..5_000_000, 0_u64..100_000);
    let texts = (0_u64..20, 0_u64..6, 0_usize..3);
    (who, what, texts, 0_u64..3 * SECOND).prop_map(|(who, what, texts, back)| {
        let (token, client, has_token) = who;
        let mut o = observation(back, 0, token * 0x1_0001_0001_0001);
        o.client = PrincipalKey((1 << 90) | (client * 77));
        if !has_token {
            o.token = None;
            o.token_kind = None;
            o.proof = Proof::NoToken;
        }
        o.endpoint = EndpointId(what.0 + 1);
        o.status = Status([200, 201, 404, 500, 401, 403][what.1]);
        if has_token {
            o.proof = match o.status.0 {
                401 => Proof::Refused,
                403 => Proof::Forbidden,
                _ => Proof::Accepted,
            };
        }
        o.duration_us = Some(what.2);
        o.response_bytes = what.3;
        o.host = TextId(100 + texts.0);
        o.release = TextId(200 + texts.1);
        o.country = Country::from_code(["DE", "US", "??"][texts.2]);
        let findings = (0..texts.2)
            .map(|n| finding(300 + texts.0 + n as u64))
            .collect();
        (o, findings)
    })
}

/// Markers with gaps between their ticks; times, flows and indices filled in so that the order key is unique.
fn random_markers() -> impl Strategy<Value = Vec<(Tick, Vec<Tagged>)>> {
    let marker = (
        0_u64..25,
        proptest::collection::vec(random_observation(), 0..40),
    );
    proptest::collection::vec(marker, 1..30).prop_map(|markers| {
        let mut tick = 1_000;
        let mut number = 0;
        let mut out = Vec::new();
        for (gap, mut observations) in markers {
            tick += gap;
            for (o, _) in &mut observations {
                let back = o.end.nanos();
                o.end = EventTime::from_nanos((tick + 1) * SECOND - 1 - back);
                o.flow = FlowId(number % 7);
                o.index = u32::try_from(number).unwrap();
                number += 1;
            }
            out.push((Tick(tick), observations));
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_number_of_workers_does_not_show(markers in random_markers(), seed in any::<u64>()) {
        let settings = Settings {
            summary_seconds: Some(20),
            max_tokens: 128,
            max_clients: 64,
            max_endpoints: 12,
            max_texts_per_shard: 4,
            max_sensitive_per_shard: 8,
            max_deferred_per_shard: 2,
            max_endpoints_per_principal: 3,
            release: Some(release()),
            thresholds: nervous(),
            ..with_rows()
        };
        let (one, ..) = run(&settings, 1, &markers, &|_| 0);
        for workers in [2, 8] {
            let split = |n: usize| {
                let mixed = (n as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                usize::try_from(mixed).unwrap()
            };
            let (many, ..) = run(&settings, workers, &markers, &split);
            prop_assert!(one.rows == many.rows, "rows differ with {} workers", workers);
            prop_assert_eq!(&one.alerts, &many.alerts);
            prop_assert_eq!(&one.windows, &many.windows);
            prop_assert_eq!(&one.summaries, &many.summaries);
        }
    }
}

#[test]
fn rows_come_sorted_within_their_marker() {
    let markers = vec![
        (
            Tick(10),
            vec![
                (observation(10 * SECOND + 5, 3, 1), vec![]),
                (observation(10 * SECOND + 1, 9, 2), vec![]),
            ],
        ),
        (
            Tick(10),
            vec![(observation(10 * SECOND + 3, 1, 3), vec![finding(5)])],
        ),
    ];
    let (outcome, ..) = run(&with_rows(), 2, &markers, &|n| n);
    let order: Vec<_> = outcome
        .rows
        .iter()
        .map(|(_, row)| row.observation.flow.0)
        .collect();
    assert_eq!(order, [9, 3, 1]);
    assert_eq!(outcome.rows[2].1.findings, [finding(5)]);
}

#[test]
fn every_window_comes_once_and_in_order_also_over_a_gap() {
    let ticks = [60, 119, 120, 121, 301, 86_400 + 61];
    let markers: Vec<_> = ticks.map(|tick| (Tick(tick), vec![])).into();
    let settings = Settings {
        release: Some(release()),
        ..Settings::default()
    };
    let schedule = release().plan.schedule();
    for workers in [1, 3] {
        let (outcome, ..) = run(&settings, workers, &markers, &|_| 0);
        assert_eq!(outcome.windows.len(), 1 + 1_440);
        let mut expected = schedule.window_of(Tick(60));
        for (window, sums, last) in outcome.windows {
            assert_eq!(window, expected);
            assert_eq!(sums, WindowSums::default());
            assert_eq!(last, window == schedule.window_of(Tick(86_461)));
            expected = schedule.next(window);
        }
    }
}

#[test]
fn a_leap_of_years_costs_two_days_of_windows_at_most() {
    let markers = [(Tick(60), vec![]), (Tick(20 * 365 * 86_400 + 61), vec![])];
    let settings = Settings {
        release: Some(release()),
        ..Settings::default()
    };
    let (outcome, ..) = run(&settings, 1, &markers, &|_| 0);
    let windows: Vec<_> = outcome.windows.iter().map(|(window, ..)| *window).collect();
    assert_eq!(windows.len(), 1_439 + 2);
    assert!(windows.is_sorted());
}

#[test]
fn a_403_counts_to_the_token_only_once_it_has_succeeded() {
    let call = |tick: u64, status: u16, proof| {
        let mut o = observation(tick * SECOND + 1, tick, 42);
        o.status = Status(status);
        o.proof = proof;
        (Tick(tick), vec![(o, vec![])])
    };
    let markers = vec![
        call(10, 403, Proof::Forbidden),
        call(11, 401, Proof::Refused),
        call(12, 200, Proof::Accepted),
        call(13, 403, Proof::Forbidden),
    ];
    let (outcome, summary, _) = run(&with_rows(), 2, &markers, &|n| n);
    let to_token: Vec<_> = outcome
        .rows
        .iter()
        .map(|(_, r)| r.counts_to_token)
        .collect();
    assert_eq!(to_token, [false, false, true, true]);
    let summary = summary.unwrap();
    let requests = |kind: Option<TokenKind>| {
        let of_kind = summary.principals.iter().filter(|p| p.kind == kind);
        of_kind.map(|p| p.requests).collect::<Vec<_>>()
    };
    assert_eq!(requests(Some(TokenKind::Bearer)), [2]);
    assert_eq!(requests(None), [2], "the client got the other two");
    assert_eq!(summary.transactions.complete, 4);
}

#[test]
fn a_summary_counts_what_was_pushed() {
    let markers: Vec<_> = (0..50_u64)
        .map(|n| {
            let mut o = observation((100 + n) * SECOND, n, u128::from(n % 5) * 64);
            o.duration_us = Some((n + 1) * 1_000);
            o.status = Status(if n % 10 == 0 { 500 } else { 200 });
            (Tick(100 + n), vec![(o, vec![finding(5)])])
        })
        .collect();
    let settings = Settings {
        k: 5,
        ..Settings::default()
    };
    let (_, summary, _) = run(&settings, 2, &markers, &|n| n);
    let summary = summary.unwrap();
    let endpoint = &summary.endpoints[0];
    assert_eq!((endpoint.requests, endpoint.principals), (50, 5));
    assert_eq!((endpoint.by_class[1], endpoint.by_class[4]), (45, 5));
    assert!(endpoint.latency.p50_us.abs_diff(25_000) < 500);
    assert_eq!(endpoint.response_bytes, 50_000);
    assert_eq!(summary.principals.len(), 5);
    assert_eq!(summary.principals[0].requests, 10);
    assert_eq!(summary.sensitive[0].count, 50);
    assert_eq!(summary.rules, [(RuleId(3), 50)]);
    assert_eq!(summary.countries, [(Country::from_code("DE"), 50)]);
    assert!(
        summary.admitted.admits(TextId(11)),
        "five principals used the host"
    );
    assert!(!summary.admitted.admits(TextId(99)));
}

#[test]
fn k_principals_are_needed_to_show_a_text() {
    let by = |users: u128| {
        let markers: Vec<_> = (0..users)
            .map(|user| {
                (
                    Tick(1_000),
                    vec![(
                        observation(1_000 * SECOND, user as u64, user),
                        vec![finding(5)],
                    )],
                )
            })
            .collect();
        run(&Settings::default(), 1, &markers, &|_| 0)
            .1
            .unwrap()
            .admitted
    };
    for text in [11, 12, 13, 5] {
        assert!(!by(4).admits(TextId(text)));
        assert!(by(5).admits(TextId(text)));
    }
}

#[test]
fn endpoints_beyond_the_limit_count_together() {
    let settings = Settings {
        max_endpoints: 3,
        ..Settings::default()
    };
    let markers: Vec<_> = (1..=10_u64)
        .map(|n| {
            let mut o = observation((100 + 20 * n) * SECOND, n, 1);
            o.endpoint = EndpointId(n);
            (Tick(100 + 20 * n), vec![(o, vec![])])
        })
        .collect();
    let (_, summary, tallies) = run(&settings, 2, &markers, &|n| n);
    let endpoints = summary.unwrap().endpoints;
    assert_eq!(endpoints.len(), 4);
    assert_eq!(
        (endpoints[0].endpoint, endpoints[0].requests),
        (OTHER_ENDPOINT, 7)
    );
    assert_eq!(tallies.total(Tally::LimitEndpoints), 7);
}

#[test]
fn tokens_beyond_the_limit_are_evicted_and_counted() {
    let settings = Settings {
        max_tokens: 640,
        summary_principals: 10_000,
        ..Settings::default()
    };
    let markers: Vec<_> = (0..2_000_u64)
        .map(|n| {
            (
                Tick(n),
                vec![(observation(n * SECOND, n, u128::from(n)), vec![])],
            )
        })
        .collect();
    let (_, summary, tallies) = run(&settings, 1, &markers, &|_| 0);
    let left = summary.unwrap().principals;
    assert!(left.len() <= 640, "{}", left.len());
    assert_eq!(tallies.total(Tally::LimitTokens), 2_000 - left.len() as u64);
    assert!(
        left.iter().all(|p| p.key.0 >= 1_200),
        "the longest unseen went"
    );
}

#[test]
fn a_worker_that_goes_away_does_not_leave_the_others_waiting() {
    let (mut sinks, _outputs) = start(Settings::default(), 2, &Tallies::default());
    drop(sinks.pop());
    let mut left = sinks.pop().unwrap();
    left.push(observation(SECOND, 1, 1), &[], None);
    left.end_tick(Tick(1));
    assert_eq!(left.backlog(), 0);
    assert_eq!(left.finish(Tick(2)), Err(Abandoned));
}

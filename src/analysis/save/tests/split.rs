//! One run in two parts, split anywhere: what operators see at the end is what a run in one go shows.

use std::thread;

use proptest::prelude::*;

use super::{DAY, SECOND, START};
use crate::analysis::alert::Alert;
use crate::analysis::insight::HistoryLimits;
use crate::analysis::routes::tests::route;
use crate::analysis::save::{Kept, SaveSettings, Saved};
use crate::analysis::signals::Thresholds;
use crate::analysis::tests::{finding, observation};
use crate::analysis::{Output, Settings, start_with};
use crate::clock::{EventTime, Tick};
use crate::observation::{
    Country, EndpointId, FieldNote, Finding, IntegrationId, JsonTypes, Observation, Part, Proof,
    RateLimit, Remark, Status, TextId, TypeId,
};
use crate::tally::Tallies;

/// An observation with what is told beside it.
type Call = (Observation, Vec<Finding>, Vec<FieldNote>);

/// What came of a run: alerts, the last picture, the last state.
struct Outcome {
    alerts: Vec<Alert>,
    /// In words, without its alerts, which are here.
    picture: String,
    shown: Vec<Alert>,
    state: Saved,
    /// When each state was saved.
    times: Vec<u64>,
}

fn settings() -> Settings {
    Settings {
        history: Some(HistoryLimits::default()),
        save: Some(SaveSettings {
            every_seconds: 600,
            retain_seconds: 90 * DAY,
            overlap_seconds: 0,
        }),
        thresholds: Thresholds {
            warm_up_seconds: 3_600,
            mature_days: 1,
            mature_calls: 5,
            ..Thresholds::default()
        },
        k: 2,
        ..Settings::default()
    }
}

fn run(calls: &[Call], workers: usize, saved: Option<&Saved>) -> Outcome {
    let kept = saved.map(|saved| Kept::decode(saved).unwrap());
    let (sinks, outputs) = start_with(settings(), workers, &Tallies::default(), kept);
    let (mut alerts, mut shown, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut picture, mut state) = (String::new(), Saved::default());
    thread::scope(|scope| {
        for (worker, mut sink) in sinks.into_iter().enumerate() {
            scope.spawn(move || {
                let mut last = Tick(0);
                for (number, (call, findings, notes)) in calls.iter().enumerate() {
                    let tick = call.end.tick();
                    if tick > last && number > 0 {
                        sink.end_tick(last);
                    }
                    last = tick;
                    if number % workers == worker {
                        sink.push_noted(*call, (findings, notes), None);
                    }
                }
                sink.finish(last).unwrap();
            });
        }
        for output in outputs {
            match output {
                Output::Alerts(more) => alerts.extend(more),
                Output::State(saved) => {
                    times.push(saved.time.secs());
                    state = *saved;
                    assert!(Kept::decode(&state).is_ok(), "it is whole");
                }
                Output::Summary { mut summary, .. } => {
                    shown = std::mem::take(&mut summary.alerts);
                    picture = format!("{summary:#?}");
                }
                Output::Rows { .. } | Output::Window { .. } => {}
            }
        }
    });
    Outcome {
        alerts,
        picture,
        shown,
        state,
        times,
    }
}

/// How long after the call before, in seconds.
fn gap() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => 0..4_u64,
        4 => 4..90_u64,
        2 => 90..4_000_u64,
        1 => 4_000..30_000_u64,
        1 => Just(86_400_u64),
    ]
}

prop_compose! {
    fn call()(
        token in 1..7_u64, endpoint in 1..6_u64, status in 0..12_usize, integration in 0..4_u16,
        country in 0..3_usize, seed in any::<u32>(),
    ) -> Call {
        let mut call = observation(0, 0, (u128::from(token) << 64) | u128::from(token));
        call.endpoint = EndpointId(endpoint);
        call.status = Status([200, 200, 201, 200, 204, 404, 401, 429, 500, 403, 200, 200][status]);
        call.country = Country::from_code(["DE", "DE", "NO"][country]);
        call.integration = (integration < 2 && token < 3).then_some(IntegrationId(integration));
        call.release = TextId(u64::from(seed % 3));
        call.server = TextId(u64::from(40 + seed % 2));
        call.duration_us = Some(u64::from(seed % 90_000));
        call.response_bytes = u64::from(seed % 5_000);
        call.rate_limit = if seed % 5 == 0 { RateLimit::Left } else { RateLimit::Silent };
        call.proof = match call.status.0 {
            401 => Proof::Refused,
            403 => Proof::Forbidden,
            _ => Proof::Accepted,
        };
        if endpoint > 3 {
            call.route = route(["/x/orders", "/x/parcels/7", "/y"][seed as usize % 3]);
        }
        let mut findings = Vec::new();
        if seed % 7 == 0 {
            findings.push(Finding { kind: TypeId(1 + u16::try_from(seed % 2).unwrap()), ..finding(90) });
        }
        let notes = if seed % 3 == 0 {
            vec![FieldNote {
                part: Part::RequestBody,
                field: TextId(70 + u64::from(seed % 4)),
                remark: Remark::Seen(JsonTypes::INTEGER),
                status: Status::NONE,
            }]
        } else {
            Vec::new()
        };
        (call, findings, notes)
    }
}

/// Traffic in order, from late in an evening on: midnight and full hours are in it.
fn traffic() -> impl Strategy<Value = Vec<Call>> {
    prop::collection::vec((gap(), call()), 60..400).prop_map(|list| {
        let mut time = START + 22 * 3_600;
        let mut number = 0;
        let list = list.into_iter();
        let calls = list.map(|(gap, (mut call, findings, notes))| {
            time += gap;
            number += 1;
            call.end = EventTime::from_nanos(time * SECOND + number);
            call.start = call.end;
            call.flow.0 = number;
            (call, findings, notes)
        });
        calls.collect()
    })
}

/// The first lines that differ.
fn difference(a: &str, b: &str) -> String {
    let pairs = a.lines().zip(b.lines()).enumerate();
    let mut differ = pairs.filter(|(_, (a, b))| a != b);
    let first = differ.next().map_or(0, |(at, _)| at);
    let around = |text: &str| {
        let lines = text.lines().skip(first.saturating_sub(12)).take(20);
        lines.collect::<Vec<_>>().join("\n")
    };
    format!(
        "line {first}:\n{}\n---- against ----\n{}",
        around(a),
        around(b)
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_restart_at_the_end_of_an_epoch_changes_nothing(
        calls in traffic(), at in any::<prop::sample::Index>(), workers in (1_usize..4, 1_usize..4),
    ) {
        let whole = run(&calls, 1, None);
        let border = calls[at.index(calls.len())].0.end.secs() / 10 * 10;
        let place = calls.partition_point(|(call, ..)| call.end < EventTime::from_secs(border));
        prop_assume!(place > 0);
        let (first, second) = calls.split_at(place);
        let before = run(first, workers.0, None);
        let after = run(second, workers.1, Some(&before.state));
        let alerts = [before.alerts, after.alerts].concat();
        prop_assert_eq!(&alerts, &whole.alerts);
        prop_assert_eq!(&after.shown, &whole.shown);
        prop_assert!(after.picture == whole.picture, "{}", difference(&after.picture, &whole.picture));
    }

    /// Within an epoch what is learned of everybody is learned in two steps, so that alerts may differ. Figures do not.
    #[test]
    fn a_restart_anywhere_changes_no_figure(
        calls in traffic(), at in any::<prop::sample::Index>(), workers in (1_usize..4, 1_usize..4),
    ) {
        let whole = run(&calls, 1, None);
        let (first, second) = calls.split_at(1 + at.index(calls.len() - 1));
        let before = run(first, workers.0, None);
        let after = run(second, workers.1, Some(&before.state));
        prop_assert!(after.picture == whole.picture, "{}", difference(&after.picture, &whole.picture));
    }

    /// What is fed again from its beginning is not counted twice.
    #[test]
    fn the_same_capture_again_shows_the_same_totals(calls in traffic(), workers in 1_usize..4) {
        let once = run(&calls, 1, None);
        let again = run(&calls, workers, Some(&once.state));
        prop_assert_eq!(again.times, once.times);
        let total = |picture: &str| picture.lines().take(12).map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(total(&again.picture), total(&once.picture));
    }
}

//! A run in two halves says what a run in one go says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may panic like the tests themselves"
)]

mod split;

use std::thread;

use proptest::prelude::*;

use super::{Kept, SaveSettings, Saved, Section};
use crate::analysis::alert::{Alert, Signal};
use crate::analysis::insight::HistoryLimits;
use crate::analysis::routes::tests::route;
use crate::analysis::tests::observation;
use crate::analysis::{Output, Settings, start_with};
use crate::clock::{EventTime, Tick};
use crate::observation::{
    Country, EndpointId, IntegrationId, Observation, PrincipalKey, SHARDS, Status,
};
use crate::tally::Tallies;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400;
/// A midnight.
const START: u64 = 20_000 * DAY;
/// Between the two halves: a full hour of the sixth day, before the attacks.
const SPLIT: u64 = 5 * DAY + 12 * 3_600;

fn settings() -> Settings {
    Settings {
        history: Some(HistoryLimits::default()),
        save: Some(SaveSettings {
            every_seconds: 600,
            retain_seconds: 90 * DAY,
            overlap_seconds: 0,
        }),
        ..Settings::default()
    }
}

fn call(
    calls: &mut Vec<Observation>,
    seconds: u64,
    token: u64,
    change: impl FnOnce(&mut Observation),
) {
    let number = calls.len() as u64;
    let nanos = (START + seconds) * SECOND + number % 1_000;
    // Tokens of several shards.
    let mut call = observation(nanos, number, (u128::from(token) << 64) | u128::from(token));
    change(&mut call);
    calls.push(call);
}

/// Six days of twelve tokens at work, then a burst, calls from abroad and a run through objects.
fn week() -> Vec<Observation> {
    let mut calls = Vec::new();
    for day in 0..6 {
        for hour in [9, 11, 15] {
            for token in 1..=12 {
                for n in 0..6 {
                    let at = day * DAY + hour * 3_600 + 60 * token + 7 * n;
                    call(&mut calls, at, token, |o| {
                        o.endpoint = EndpointId(7 + n % 3);
                        o.response_bytes = 1_000 + 50 * n;
                        if n % 3 == 1 {
                            o.status = Status(404);
                        }
                        o.integration = (token < 3).then_some(IntegrationId(1));
                        if n == 5 {
                            o.route = route("/x/orders");
                        }
                    });
                }
            }
        }
    }
    let attack = 5 * DAY + 16 * 3_600;
    for n in 0..300 {
        call(&mut calls, attack + n / 4, 1, |_| ());
        call(&mut calls, attack + 60 + n / 4, 2, |o| {
            o.country = Country::from_code("KP");
        });
        call(&mut calls, attack + 120 + n / 2, 3, |o| {
            o.status = Status(if n % 2 == 0 { 500 } else { 403 });
        });
    }
    calls.sort_by_key(Observation::order);
    calls
}

/// Runs `calls` from `saved`; the alerts, and every state that came.
fn run(calls: &[Observation], workers: usize, saved: Option<&Saved>) -> (Vec<Alert>, Vec<Saved>) {
    let kept = saved.map(|saved| Kept::decode(saved).unwrap());
    let (sinks, outputs) = start_with(settings(), workers, &Tallies::default(), kept);
    let (mut alerts, mut states) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        for (worker, mut sink) in sinks.into_iter().enumerate() {
            scope.spawn(move || {
                let mut last = Tick(0);
                for (number, call) in calls.iter().enumerate() {
                    let tick = call.end.tick();
                    if tick > last && number > 0 {
                        sink.end_tick(last);
                    }
                    last = tick;
                    if number % workers == worker {
                        sink.push(*call, &[], None);
                    }
                }
                sink.finish(last).unwrap();
            });
        }
        for output in outputs {
            match output {
                Output::Alerts(more) => alerts.extend(more),
                Output::State(state) => states.push(*state),
                Output::Rows { .. } | Output::Window { .. } | Output::Summary { .. } => {}
            }
        }
    });
    (alerts, states)
}

fn halves(calls: &[Observation]) -> (&[Observation], &[Observation]) {
    let split = EventTime::from_secs(START + SPLIT);
    calls.split_at(calls.partition_point(|call| call.end < split))
}

#[test]
fn two_halves_alert_as_one_run() {
    let calls = week();
    let (whole, _) = run(&calls, 1, None);
    let signals: std::collections::BTreeSet<_> = whole.iter().map(|alert| alert.signal).collect();
    assert!(signals.contains(&Signal::Volume), "{signals:?}");
    assert!(signals.contains(&Signal::Geo), "{signals:?}");
    let (first, second) = halves(&calls);
    for (before, after) in [(1, 1), (1, 3), (3, 2)] {
        let (mut alerts, states) = run(first, before, None);
        let (more, _) = run(second, after, states.last());
        alerts.extend(more);
        assert_eq!(alerts, whole, "{before} workers, then {after}");
    }
    // And the state does it: without it the second half is blind.
    assert!(run(second, 1, None).0.len() < whole.len() / 2);
}

#[test]
fn the_same_traffic_gives_the_same_bytes_for_any_number_of_workers() {
    let calls = week();
    let (_, one) = run(&calls, 1, None);
    let (_, three) = run(&calls, 3, None);
    assert!(
        one.len() > 6 * 3,
        "{}: every ten minutes of traffic",
        one.len()
    );
    assert_eq!(one, three);
    let last = one.last().unwrap();
    assert!(last.sections.len() > 2 + SHARDS, "with a history");
    assert_eq!(&Kept::decode(last).unwrap().encode(), last);
}

/// Whether a key is anywhere in a state.
fn holds(saved: &Saved, key: PrincipalKey) -> bool {
    let needle = postcard::to_allocvec(&key).unwrap();
    let mut sections = saved.sections.iter();
    sections.any(|section| {
        let bytes = section.bytes();
        bytes.windows(needle.len()).any(|part| part == needle)
    })
}

#[test]
fn a_principal_that_is_forgotten_is_gone() {
    let (_, states) = run(&week(), 1, None);
    let mut kept = Kept::decode(states.last().unwrap()).unwrap();
    let key = PrincipalKey((1 << 64) | 1);
    assert!(holds(&kept.encode(), key));
    let before = kept.principals();
    let gone = kept.forget(key);
    assert_eq!((gone.habits, gone.profiles), (1, 1));
    assert!(gone.history > 0 && gone.lists >= 2, "{gone:?}");
    assert!(gone.alerts >= 1, "{gone:?}");
    assert_eq!(kept.principals(), (before.0 - 1, before.1));
    assert!(!holds(&kept.encode(), key));
    assert!(kept.forget(key).is_nothing());
}

#[test]
fn what_was_not_seen_for_long_is_dropped() {
    let mut calls = week();
    call(&mut calls, 99 * DAY, 40, |_| ());
    let (_, states) = run(&calls, 1, None);
    let all = Kept::decode(&states[states.len() - 2]).unwrap();
    assert_eq!(all.principals().0, 12);
    let last = states.last().unwrap();
    assert_eq!(Kept::decode(last).unwrap().principals().0, 1);
    let (old, new) = [1, 40].map(|n| PrincipalKey((n << 64) | n)).into();
    assert!(holds(last, new) && !holds(last, old));
    assert!(holds(&states[states.len() - 2], old));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Damage that the checksum of the file would have found: it may be read as something else, but nothing panics.
    #[test]
    fn damaged_state_is_read_or_refused(
        section in 0..2 + SHARDS, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        static STATE: std::sync::LazyLock<Saved> = std::sync::LazyLock::new(|| {
            run(&week()[..400], 1, None).1.pop().unwrap()
        });
        let mut saved = STATE.clone();
        let mut bytes = saved.sections[section].bytes().into_owned();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        saved.sections[section] = Section::Bytes(bytes);
        if let Ok(mut kept) = Kept::decode(&saved) {
            kept.forget(PrincipalKey(1));
            kept.encode();
        } else {
            prop_assert_ne!(&saved, &*STATE);
        }
    }
}

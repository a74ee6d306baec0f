//! Signals end to end through the ticks, on scenarios small enough to follow by hand.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_for_each,
    reason = "helpers of tests, which may panic like the tests themselves"
)]

mod documents;
mod habits;
mod memory;

use std::borrow::Cow;

use super::Thresholds;
use crate::analysis::Settings;
use crate::analysis::alert::{Alert, Severity, Signal, Subject};
use crate::analysis::explain;
use crate::analysis::tests::{Tagged, observation, run};
use crate::clock::{EventTime, Tick};
use crate::observation::{
    Admitted, EndpointId, EndpointName, IntegrationId, Names, Observation, PrincipalKey, RuleId,
    ServiceId, Status, TextId, TypeId,
};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// A midnight.
const START: u64 = 20_000 * DAY;

/// A story: observations in any order.
#[derive(Default)]
struct Story(Vec<Observation>);

impl Story {
    /// A call of `token` at `seconds` after the start, changed by `change`.
    fn call(&mut self, seconds: u64, token: u128, change: impl FnOnce(&mut Observation)) {
        let number = self.0.len() as u64;
        let mut call = observation((START + seconds) * SECOND + number % 1_000, number, token);
        change(&mut call);
        self.0.push(call);
    }

    fn markers(self) -> Vec<(Tick, Vec<Tagged>)> {
        let mut markers: Vec<(Tick, Vec<Tagged>)> = Vec::new();
        for call in self.0 {
            let tick = call.end.tick();
            if markers.last().is_none_or(|(last, _)| *last != tick) {
                markers.push((tick, Vec::new()));
            }
            markers.last_mut().unwrap().1.push((call, Vec::new()));
        }
        markers
    }

    /// Alerts by 1 worker, after a check that 3 workers say the same.
    fn alerts(mut self) -> Vec<Alert> {
        self.0.sort_by_key(Observation::order);
        let markers = self.markers();
        let settings = Settings::default();
        let (one, ..) = run(&settings, 1, &markers, &|_| 0);
        let (three, ..) = run(&settings, 3, &markers, &|n| n * 7 / 3);
        assert_eq!(one.alerts, three.alerts);
        one.alerts
    }
}

/// Six tokens that each make 4 calls in a row at 9 and at 15 o'clock, for `days` days.
fn office(days: u64) -> Story {
    let mut story = Story::default();
    for day in 0..days {
        for hour in [9, 15] {
            for token in 1..=6 {
                for call in 0..4 {
                    let at = day * DAY + hour * HOUR + 60 * token + 10 * call;
                    story.call(at, u128::from(token), |o| {
                        o.response_bytes = 1_000 + 50 * call;
                    });
                }
            }
        }
    }
    story
}

fn value(alert: &Alert, name: &str) -> f64 {
    alert
        .evidence
        .iter()
        .find(|e| e.name == name)
        .unwrap()
        .value
}

#[test]
fn a_smaller_budget_is_stricter_everywhere() {
    let usual = Thresholds::of_budget(Thresholds::BUDGET);
    let strict = Thresholds::of_budget(Thresholds::BUDGET / 8.0);
    assert!((usual.volume_p - Thresholds::default().volume_p).abs() < 1e-12);
    assert!((strict.scan_p * 8.0 - usual.scan_p).abs() < 1e-12);
    assert!((strict.skip_bits - usual.skip_bits - 3.0).abs() < 1e-9);
    assert!(strict.walk_limit > usual.walk_limit && strict.errors_limit > usual.errors_limit);
}

#[test]
fn an_ordinary_week_is_silent() {
    assert_eq!(office(7).alerts(), []);
}

#[test]
fn a_burst_of_calls_alerts_while_it_runs() {
    let mut story = office(6);
    let burst = 6 * DAY + 9 * HOUR;
    (0..200).for_each(|n| story.call(burst + n / 4, 1, |_| ()));
    let alerts = story.alerts();
    assert!(
        alerts.iter().all(|a| a.signal == Signal::Volume),
        "{alerts:?}"
    );
    let first = &alerts[0];
    assert_eq!(first.subject, Subject::Token(PrincipalKey(1)));
    assert_eq!(first.update, 0);
    assert!(
        first.time.secs() < START + burst + 20,
        "before the burst was over"
    );
    assert!((value(first, "most_ever_calls") - 4.0).abs() < 1e-9);
    assert!((value(first, "active_days") - 7.0).abs() < 1e-9);
    assert!(value(first, "observed_calls") >= 30.0);
    assert!(
        alerts.iter().all(|a| a.id == first.id),
        "one alert, updated"
    );
}

#[test]
fn a_token_that_always_calls_much_does_not_alert() {
    let mut story = office(6);
    for day in 0..7 {
        (0..200).for_each(|n| story.call(day * DAY + 12 * HOUR + n / 4, 9, |_| ()));
    }
    assert_eq!(story.alerts(), []);
}

#[test]
fn a_new_token_has_no_habits_to_break() {
    let mut story = office(6);
    (0..200).for_each(|n| story.call(6 * DAY + n / 4, 77, |_| ()));
    assert_eq!(story.alerts(), []);
}

#[test]
fn a_huge_response_alerts_at_once() {
    let mut story = office(4);
    story.call(4 * DAY, 2, |o| o.response_bytes = 60_000);
    let alerts = story.alerts();
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!(alert.signal, Signal::PayloadResponse);
    assert_eq!(alert.subject, Subject::Token(PrincipalKey(2)));
    assert_eq!(alert.endpoint, Some(EndpointId(7)));
    assert!((value(alert, "observed_bytes") - 60_000.0).abs() < 1e-9);
    assert!(
        (value(alert, "usual_bytes") - 1_075.0).abs() < 5.0,
        "{alert:?}"
    );
    assert!((value(alert, "most_ever_bytes") - 1_150.0).abs() < 1e-9);
}

#[test]
fn a_huge_error_page_is_no_payload() {
    let mut story = office(4);
    story.call(4 * DAY, 2, |o| {
        o.response_bytes = 60_000;
        o.status = Status(500);
    });
    assert_eq!(story.alerts(), []);
}

#[test]
fn nothing_alerts_before_the_warm_up_is_over() {
    let mut story = office(1);
    story.call(DAY + 8 * HOUR, 2, |o| o.response_bytes = 60_000);
    story.call(DAY + 8 * HOUR, 2, |o| o.endpoint = EndpointId(99));
    assert_eq!(story.alerts(), []);
}

#[test]
fn a_new_endpoint_that_one_token_uses_is_raised_after_an_hour() {
    let mut story = office(4);
    story.call(3 * DAY + 10 * HOUR, 3, |o| o.endpoint = EndpointId(99));
    let alerts = story.alerts();
    let told: Vec<_> = alerts.iter().map(|a| (a.update, a.severity)).collect();
    assert_eq!(told, [(0, Severity::Low), (1, Severity::Medium)]);
    assert_eq!(alerts[0].subject, Subject::Endpoint(EndpointId(99)));
    assert_eq!(alerts[0].token, Some(PrincipalKey(3)));
    assert_eq!(alerts[0].time.secs(), START + 3 * DAY + 10 * HOUR);
    assert!((value(&alerts[0], "known_endpoints") - 1.0).abs() < 1e-9);
}

#[test]
fn a_new_endpoint_that_many_use_is_a_deploy() {
    let mut story = office(4);
    for token in 1..=6 {
        let at = 3 * DAY + 10 * HOUR + 120 * token;
        story.call(at, u128::from(token), |o| o.endpoint = EndpointId(99));
    }
    let told: Vec<_> = story
        .alerts()
        .iter()
        .map(|a| (a.update, a.severity))
        .collect();
    assert_eq!(told, [(0, Severity::Low), (1, Severity::Info)]);
}

#[test]
fn a_path_that_does_not_exist_is_no_new_endpoint() {
    let mut story = office(4);
    story.call(3 * DAY + 10 * HOUR, 3, |o| {
        o.endpoint = EndpointId(99);
        o.status = Status(404);
    });
    assert_eq!(story.alerts(), []);
}

#[test]
fn an_endpoint_that_breaks_for_everybody_alerts_and_one_prober_does_not() {
    let broken = |tokens: u128| {
        let mut story = office(4);
        for n in 0..60 {
            let at = 4 * DAY + 9 * HOUR + 5 * n;
            story.call(at, 100 + u128::from(n) % tokens, |o| o.status = Status(502));
        }
        story.alerts()
    };
    let alerts = broken(20);
    assert_eq!(alerts[0].signal, Signal::EndpointErrors);
    assert_eq!(alerts[0].subject, Subject::Endpoint(EndpointId(7)));
    assert!((value(&alerts[0], "observed_percent") - 100.0).abs() < 1e-9);
    assert!((value(&alerts[0], "most_ever_percent")).abs() < 1e-9);
    assert!(value(&alerts[0], "observed_errors") >= f64::from(Thresholds::default().errors_min[1]));
    assert_eq!(broken(1), []);
}

struct Letters;

impl Names for Letters {
    fn endpoint(&self, id: EndpointId) -> Option<EndpointName> {
        Some(EndpointName {
            service: "default".to_owned(),
            method: "GET",
            template: format!("/e{}", id.0),
        })
    }
    fn text(&self, _: TextId, _: &Admitted) -> Cow<'static, str> {
        "".into()
    }
    fn token(&self, key: PrincipalKey) -> String {
        format!("tk_{}", key.0)
    }
    fn client(&self, key: PrincipalKey) -> String {
        format!("cl_{}", key.0)
    }
    fn service(&self, _: ServiceId) -> String {
        String::new()
    }
    fn sensitive_type(&self, _: TypeId) -> String {
        String::new()
    }
    fn rule(&self, _: RuleId) -> String {
        String::new()
    }
    fn integration(&self, _: IntegrationId) -> String {
        String::new()
    }
}

#[test]
fn one_corrupt_stamp_does_not_silence_a_token() {
    let mut story = office(6);
    let burst = 6 * DAY + 9 * HOUR;
    (0..200).for_each(|n| story.call(burst + n / 4, 1, |_| ()));
    story.0.sort_by_key(Observation::order);
    let mut markers = story.markers();
    // Stamped in the year 2100, carried in a tick of the first day.
    assert_eq!(markers[2].1[0].0.token, Some(PrincipalKey(1)));
    markers[2].1[0].0.end = EventTime::from_secs(4_102_444_800);
    let (outcome, ..) = run(&Settings::default(), 1, &markers, &|_| 0);
    let volume = outcome.alerts.iter().filter(|a| a.signal == Signal::Volume);
    assert!(volume.count() > 0);
}

#[test]
fn a_verdict_on_a_new_endpoint_explains_itself() {
    let mut story = office(4);
    story.call(3 * DAY + 14 * HOUR, 3, |o| o.endpoint = EndpointId(99));
    let alerts = story.alerts();
    assert_eq!(
        explain::sentence(&alerts[1], &Letters),
        "GET /e99, first seen an hour before, has 1 successful user, the first being token tk_3 (client cl_1267650600228229401496703205379, DE), and is not taken up like a deploy; usual and most ever before were 0, over 3.2 days and 1 known endpoint."
    );
}

#[test]
fn every_alert_explains_itself() {
    let mut story = office(4);
    story.call(4 * DAY, 2, |o| o.response_bytes = 60_000);
    story.call(4 * DAY + 1, 3, |o| o.endpoint = EndpointId(99));
    (0..50).for_each(|n| story.call(4 * DAY + 9 * HOUR + n, 1, |_| ()));
    for n in 0..40 {
        story.call(4 * DAY + 20 * HOUR + 5 * n, 100 + u128::from(n), |o| {
            o.status = Status(502);
        });
    }
    let said: Vec<_> = story
        .alerts()
        .iter()
        .filter(|alert| alert.update == 0)
        .map(|alert| explain::sentence(alert, &Letters))
        .collect();
    assert_eq!(
        said,
        [
            "token tk_2 (client cl_1267650600228229401496703205378, DE) received a body of 60,000 bytes at GET /e7; usual there are 1,074 bytes and the most ever were 1,150, over 192 bodies in 3.6 days.",
            "GET /e99 answered with success for the first time, to token tk_3 (client cl_1267650600228229401496703205379, DE); usual and most ever before were 0, over 3.6 days and 1 known endpoint.",
            "token tk_1 (client cl_1267650600228229401496703205377, DE) made 33 calls in a minute; usual when it is active are 4 and the most ever were 4, over 5 active days and 65 calls.",
            "GET /e7 answered 6 of the last 6 calls (100 %) with 5xx; usual is 0.2 % and the most ever in five minutes was 0 %, over 303 calls in 4.5 days.",
        ]
    );
}

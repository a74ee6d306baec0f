//! Distinct principals, integrations and learned endpoints, from observations to what is released.

use super::*;
use crate::analysis::clip::{
    BODY_UNIT, ClipTable, LearnedBoard, OnceBits, OnceFamily, PartnerFamily, Signal,
};
use crate::analysis::tests::observation;
use crate::observation::{
    Candidate, IntegrationId, Observation, PrincipalKey, Proof, PublicCell, ServiceId, Status,
};
use crate::release::plan::Integration;

fn plan_of(settings: &Settings) -> Arc<Plan> {
    let split = Split::new(MicroRho::DEFAULT, 1_000_000).unwrap();
    let schedule = Schedule::shrunken(60, 4).unwrap();
    Arc::new(Plan::with_schedule(settings, schedule, split).unwrap())
}

/// A request of a token.
fn by(token: u128) -> Observation {
    observation(0, 0, token)
}

/// A process: table and releaser on one ledger.
struct Life {
    table: ClipTable,
    releaser: Releaser,
    board: Arc<LearnedBoard>,
}

impl Life {
    fn begin(dir: &Path, plan: &Arc<Plan>) -> Self {
        let (releaser, start) = open(dir, plan, LIVE);
        let board = Arc::new(LearnedBoard::default());
        board.post(None, Some(releaser.learned()));
        let table = ClipTable::new(plan.clip(), start.high_water).with_board(&board);
        Self {
            table,
            releaser,
            board,
        }
    }

    /// Closes and releases a window; the tags it commits.
    fn close(&mut self, at: Window) -> usize {
        let sums = self.table.close_window(at);
        let outcome = self.releaser.release(at, &sums);
        assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
        self.board.post(Some(at), Some(self.releaser.learned()));
        self.table
            .open_window(self.releaser.plan.schedule().next(at));
        self.releaser.last_record().unwrap().tags.len()
    }
}

#[test]
fn a_principal_counts_once_a_period_whatever_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan_of(&Settings::default());
    let mut life = Life::begin(dir.path(), &plan);
    life.table.observe(&by(1), &[]);
    life.table.observe(&by(2), &[]);
    life.table.observe(&by(1), &[]);
    assert_eq!(life.close(window(5, 1)), 2);
    life.table.observe(&by(1), &[]);
    assert_eq!(life.close(window(5, 2)), 0);
    drop(life);
    let mut life = Life::begin(dir.path(), &plan);
    assert!(life.releaser.last.is_none());
    life.table.observe(&by(2), &[]);
    life.table.observe(&by(3), &[]);
    assert_eq!(
        life.close(window(5, 3)),
        1,
        "2 was counted before the restart"
    );
    assert!(life.releaser.last_record().unwrap().segment);
    assert_eq!(life.close(window(5, 4)), 0);
    life.table.observe(&by(2), &[]);
    assert_eq!(life.close(window(6, 1)), 1, "another day");
}

#[test]
fn what_was_not_committed_counts_with_the_next_window_of_the_period_only() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan_of(&Settings::default());
    let mut life = Life::begin(dir.path(), &plan);
    assert_eq!(life.close(window(5, 1)), 0);
    for (next, expected) in [(window(5, 3), 2), (window(6, 1), 1)] {
        life.table.observe(&by(next.period.into()), &[]);
        let failing = Window {
            index: if next.index == 1 { 4 } else { 2 },
            period: 5,
        };
        life.releaser.ledger.as_mut().unwrap().fault = Some(Fault::Sync);
        let sums = life.table.close_window(failing);
        assert!(life.releaser.release(failing, &sums).fault.is_some());
        life.releaser.ledger.as_mut().unwrap().fault = None;
        life.table.observe(&by(99), &[]);
        assert_eq!(life.close(next), expected, "{next:?}");
    }
}

#[test]
fn signals_stop_at_two_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan_of(&Settings::default());
    let mut shown = OnceBits::default();
    for (index, signal) in [
        (1, Signal::Volume),
        (2, Signal::PathScan),
        (3, Signal::Agent),
    ] {
        let mut life = Life::begin(dir.path(), &plan);
        let bits = OnceBits::default().with_signal(signal);
        life.table.observe_equal(&by(1), &[], bits, 1);
        life.close(window(5, index));
        for (_, bits) in &life.releaser.last_record().unwrap().tags {
            shown = shown.or(*bits);
        }
    }
    let expected = OnceBits::SEEN
        .with_signal(Signal::Volume)
        .with_signal(Signal::PathScan);
    assert_eq!(shown, expected);
}

#[test]
fn who_was_refused_counts_as_a_client() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan_of(&Settings::default());
    let mut life = Life::begin(dir.path(), &plan);
    for (token, proof) in [
        (1, Proof::Refused),
        (2, Proof::Refused),
        (3, Proof::Forbidden),
        (4, Proof::Accepted),
    ] {
        let seen = Observation {
            proof,
            client: PrincipalKey(1 << 90),
            ..by(token)
        };
        life.table.observe(&seen, &[]);
    }
    assert_eq!(life.close(window(5, 1)), 3, "one client, two tokens");
}

#[test]
fn a_full_seen_set_leaves_newcomers_uncounted() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan_of(&Settings {
        max_principals: 64,
        ..Settings::default()
    });
    let mut life = Life::begin(dir.path(), &plan);
    for token in 0..100 {
        // One table has room for one of them; the process has 64 tables, and one seen-set.
        let mut table = ClipTable::new(plan.clip(), None);
        table.observe(&by(token), &[]);
        life.releaser
            .correlated
            .wait(window(5, 1), &table.close_window(window(5, 1)));
    }
    assert_eq!(life.close(window(5, 1)), 64);
}

#[test]
fn integrations_are_counted_apart_and_exact_where_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let named = |name: &str, exact| Integration {
        name: name.to_owned(),
        tags: [("tier".to_owned(), name.to_uppercase())].into(),
        costs: [("GET /a".to_owned(), 0.5)].into(),
        exact,
    };
    let plan = plan_of(&Settings {
        triples: in_order(vec![triple("/a"), triple("/b")]),
        integrations: vec![named("acme", true), named("bolt", false)],
        ..Settings::default()
    });
    let mut life = Life::begin(dir.path(), &plan);
    let request = |integration, cell| Observation {
        integration: Some(IntegrationId(integration)),
        cell: PublicCell(cell),
        status: Status(503),
        duration_us: Some(7_000),
        request_bytes: 10,
        response_bytes: 3 * BODY_UNIT,
        ..by(1)
    };
    for _ in 0..10 {
        life.table.observe(&request(0, 0), &[]);
    }
    life.table.observe(&request(1, 1), &[]);
    assert_eq!(life.close(window(5, 1)), 0, "no principal of the crowd");
    life.table.observe(&request(0, 1), &[]);
    life.close(window(5, 2));
    let text = |life: &Life| String::from_utf8(text(&life.releaser.current())).unwrap();
    let page = text(&life);
    for line in [
        "hushtap_integration_requests_total{integration=\"acme\",endpoint=\"/a\",method=\"GET\",code=\"5xx\",tier=\"ACME\"} 10",
        "hushtap_integration_requests_total{integration=\"acme\",endpoint=\"/b\",method=\"GET\",code=\"5xx\",tier=\"ACME\"} 1",
        "hushtap_integration_body_bytes_total{integration=\"acme\",endpoint=\"/a\",method=\"GET\",tier=\"ACME\"} 491520",
        "hushtap_integration_cost_units_total{integration=\"acme\",tier=\"ACME\"} 5",
        "hushtap_integration_request_duration_seconds_count{integration=\"acme\",endpoint=\"/a\",method=\"GET\",tier=\"ACME\"} 10",
    ] {
        assert!(
            page.contains(&format!("{line}\n")),
            "{line} is not in\n{page}"
        );
    }
    let cells = plan.layout().partner_cells();
    assert_eq!(cells, 2 * 3 * PartnerFamily::CELLS);
    drop(life);
    let life = Life::begin(dir.path(), &plan);
    assert_eq!(text(&life), page, "a restart serves the same");
}

#[test]
fn what_enough_principals_ask_for_is_learned_early_and_counted_from_the_next_window_but_one() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan_of(&Settings {
        max_learned: 3,
        proposal_key: [1; 32],
        bootstrap_windows: Some(2),
        ..Settings::default()
    });
    let users = Candidate::parse(ServiceId(0), "GET", "/v1/users/{int}").unwrap();
    let rare = Candidate::parse(ServiceId(0), "GET", "/v1/health").unwrap();
    let ask = |life: &mut Life, candidate| {
        for token in 0..300 {
            let seen = Observation {
                candidate: Some(candidate),
                ..by(token)
            };
            life.table.observe(&seen, &[]);
        }
    };
    let mut life = Life::begin(dir.path(), &plan);
    ask(&mut life, users);
    life.table.observe(
        &Observation {
            candidate: Some(rare),
            ..by(7)
        },
        &[],
    );
    life.close(window(5, 1));
    assert_eq!(life.releaser.last_record().unwrap().selection, None);
    life.close(window(5, 2));
    let record = life.releaser.last_record().unwrap().clone();
    let found: Vec<_> = record.selection.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].endpoint, "/v1/users/{int}");
    assert_eq!(record.charges[Line::LabelSelection as usize], 20_000);
    let place = u32::try_from(plan.triples().len()).unwrap();
    let cell = |sums: &WindowSums, triple: u32| sums.cell(usize::try_from(triple * 6 + 1).unwrap());
    for (index, expected) in [(3, 0), (4, 300)] {
        ask(&mut life, users);
        let sums = life.table.close_window(window(5, index));
        assert_eq!(cell(&sums, place), expected, "window {index}");
        assert!(
            life.releaser
                .release(window(5, index), &sums)
                .fault
                .is_none()
        );
        life.board
            .post(Some(window(5, index)), Some(life.releaser.learned()));
        life.table
            .open_window(plan.schedule().next(window(5, index)));
    }
    assert_eq!(
        life.releaser.last_record().unwrap().selection,
        None,
        "one a day"
    );
    let shown = String::from_utf8(text(&life.releaser.current())).unwrap();
    assert!(shown.contains("endpoint=\"/v1/users/{int}\""));
    assert!(!shown.contains("health"));
    // The day after: what is learned stays, and its own selection comes at the end.
    drop(life);
    let mut life = Life::begin(dir.path(), &plan);
    ask(&mut life, users);
    for index in 1..=4 {
        life.close(window(6, index));
        let selection = &life.releaser.last_record().unwrap().selection;
        assert_eq!(selection.is_some(), index == 4, "window {index}");
    }
    assert_eq!(
        life.releaser
            .current()
            .committed()
            .unwrap()
            .counters
            .once
            .len(),
        OnceFamily::CELLS
    );
}

#![allow(clippy::cast_precision_loss, reason = "statistics over small integers")]

use super::*;
use crate::analysis::window::Schedule;
use crate::observation::PublicTriple;
use crate::release::budget::MicroRho;
use crate::release::budget::Split;
use crate::release::ledger::{Fault, Namespace};
use crate::release::plan::{Settings, in_order};
use crate::release::render::Format;

const LIVE: Opening = Opening {
    namespace: Namespace::Live,
    init: true,
};

fn triple(endpoint: &str) -> PublicTriple {
    PublicTriple {
        service: "s".to_owned(),
        endpoint: endpoint.to_owned(),
        method: "GET".to_owned(),
    }
}

/// A period of four windows, so that rollovers are near.
fn plan(u2: u64, endpoints: &[&str]) -> Arc<Plan> {
    let settings = Settings {
        u2: [u2; VolumeFamily::COUNT],
        triples: in_order(endpoints.iter().map(|e| triple(e)).collect()),
        ..Settings::default()
    };
    let split = Split::new(MicroRho::DEFAULT, 1_000_000).unwrap();
    let schedule = Schedule::shrunken(60, 4).unwrap();
    Arc::new(Plan::with_schedule(&settings, schedule, split).unwrap())
}

fn open(dir: &Path, plan: &Arc<Plan>, opening: Opening) -> (Releaser, StartInfo) {
    Releaser::open(Arc::clone(plan), dir, opening).unwrap()
}

fn window(period: u64, index: u32) -> Window {
    Window { period, index }
}

fn release(releaser: &mut Releaser, window: Window) -> Outcome {
    releaser.release(window, &WindowSums::default())
}

fn text(release: &Release) -> Vec<u8> {
    release.render(Format::Text)
}

/// The published counters.
fn published(release: &Release) -> Vec<i64> {
    release.committed().unwrap().counters.published.clone()
}

#[test]
fn noise_has_the_variance_of_the_plan() {
    let plan = plan(400, &["/a", "/b", "/c", "/d"]);
    let mut noise = Noise::from_os().unwrap();
    let mut squares = [0.0; VolumeFamily::COUNT];
    let rounds = 400;
    for _ in 0..rounds {
        let drawn = draw(&mut noise, &plan).unwrap();
        assert_eq!(drawn.volume.len(), plan.clip().cells());
        for (sum, family) in squares.iter_mut().zip(VolumeFamily::ALL) {
            let cells = &drawn.volume[plan.layout().range(family)];
            let mean = cells.iter().map(|y| (*y as f64).powi(2)).sum::<f64>();
            *sum += mean / cells.len() as f64;
        }
    }
    for (sum, family) in squares.into_iter().zip(VolumeFamily::ALL) {
        let rho = plan.split().part(line(family)).micro() as f64 / 1e6;
        let expected = 400.0 * 4.0 / (2.0 * rho);
        let draws = (rounds * plan.layout().range(family).len()) as f64;
        let found = sum / rounds as f64;
        // Five standard errors: a false alarm in a million.
        let limit = 5.0 * (2.0 / draws).sqrt();
        assert!(
            (found / expected - 1.0).abs() < limit,
            "{family:?}: {found}"
        );
    }
}

#[test]
fn a_period_is_charged_whole_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let (mut releaser, _) = open(dir.path(), &plan, LIVE);
    let spent = |releaser: &Releaser| releaser.current().committed().unwrap().spent;
    assert_eq!(spent(&releaser), [0; Line::COUNT]);
    for index in 1..=4 {
        assert!(release(&mut releaser, window(5, index)).fault.is_none());
        let expected = [
            250_000, 100_000, 20_000, 20_000, 15_000, 25_000, 25_000, 20_000, 0, 0,
        ];
        assert_eq!(spent(&releaser), expected);
    }
    assert!(release(&mut releaser, window(6, 1)).fault.is_none());
    let current = releaser.current();
    assert_eq!(current.committed().unwrap().history, [(5, 475_000)]);
}

#[test]
fn counters_never_fall_over_restarts_rollovers_and_failures() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let mut last = vec![0; plan.clip().cells()];
    for day in 0..7 {
        for index in 1..=4 {
            let (mut releaser, start) = open(dir.path(), &plan, LIVE);
            assert!(start.fault.is_none());
            let restored = published(&releaser.current());
            assert_eq!(restored, last);
            if index == 3 {
                releaser.ledger.as_mut().unwrap().fault = Some(Fault::Write(30));
                assert!(release(&mut releaser, window(day, index)).fault.is_some());
                assert_eq!(published(&releaser.current()), last);
                continue;
            }
            assert!(release(&mut releaser, window(day, index)).fault.is_none());
            let next = published(&releaser.current());
            assert!(next.iter().zip(&last).all(|(next, last)| next >= last));
            last = next;
        }
    }
}

#[test]
fn a_restart_serves_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let (mut releaser, _) = open(dir.path(), &plan, LIVE);
    let served = release(&mut releaser, window(5, 2)).release;
    drop(releaser);
    let (releaser, start) = open(dir.path(), &plan, LIVE);
    assert_eq!(start.high_water, Some(window(5, 2)));
    assert_eq!(text(&releaser.current()), text(&served));
}

#[test]
fn a_window_is_never_released_twice() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let (mut releaser, _) = open(dir.path(), &plan, LIVE);
    let served = release(&mut releaser, window(5, 3)).release;
    for again in [window(5, 3), window(5, 1), window(4, 4)] {
        let outcome = release(&mut releaser, again);
        assert!(matches!(outcome.fault, Some(ReleaseError::Spent(_))));
        assert!(outcome.release.is_stale());
        assert_eq!(published(&outcome.release), published(&served));
    }
    let outcome = release(&mut releaser, window(5, 4));
    assert!(outcome.fault.is_none() && !outcome.release.is_stale());
}

#[test]
fn missed_windows_are_counted_and_never_filled_in() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let (mut releaser, _) = open(dir.path(), &plan, LIVE);
    for (at, skipped) in [(window(5, 2), 0), (window(5, 3), 0), (window(6, 3), 3)] {
        release(&mut releaser, at);
        let current = releaser.current();
        assert_eq!(current.committed().unwrap().skipped, skipped);
    }
    drop(releaser);
    let (releaser, _) = open(dir.path(), &plan, LIVE);
    assert_eq!(releaser.current().committed().unwrap().skipped, 3);
}

#[test]
fn a_failed_write_leaves_no_trace_and_the_next_window_goes_on() {
    for fault in [
        Fault::Write(0),
        Fault::Write(40),
        Fault::Sync,
        Fault::Rename,
    ] {
        for at in [2, 3] {
            let dir = tempfile::tempdir().unwrap();
            let plan = plan(400, &["/a"]);
            let (mut releaser, _) = open(dir.path(), &plan, LIVE);
            for index in 1..at {
                release(&mut releaser, window(5, index));
            }
            let before = published(&releaser.current());
            let set = |releaser: &mut Releaser, fault| {
                releaser.ledger.as_mut().unwrap().fault = fault;
            };
            // The first failure is in appending, the second in replacing, at a rollover or after a failure.
            for failing in [window(5, at), window(6, 1)] {
                set(&mut releaser, Some(fault));
                let outcome = release(&mut releaser, failing);
                if fault == Fault::Rename && failing.period == 5 {
                    assert!(outcome.fault.is_none());
                    continue;
                }
                assert!(outcome.fault.is_some() && outcome.release.is_stale());
                set(&mut releaser, None);
                let again = release(&mut releaser, failing);
                assert!(matches!(again.fault, Some(ReleaseError::Spent(_))));
            }
            if fault != Fault::Rename {
                assert_eq!(published(&releaser.current()), before);
            }
            set(&mut releaser, None);
            let outcome = release(&mut releaser, window(6, 2));
            assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
            assert!(!outcome.release.is_stale());
            drop(releaser);
            let (reopened, start) = open(dir.path(), &plan, LIVE);
            assert!(start.fault.is_none());
            assert_eq!(text(&reopened.current()), text(&outcome.release));
        }
    }
}

#[test]
fn a_changed_configuration_waits_for_the_next_period() {
    let dir = tempfile::tempdir().unwrap();
    let (mut releaser, _) = open(dir.path(), &plan(400, &["/a", "/b"]), LIVE);
    let before = release(&mut releaser, window(5, 1)).release;
    drop(releaser);
    let changed = plan(400, &["/b", "/c"]);
    let (mut releaser, start) = open(dir.path(), &changed, LIVE);
    assert!(start.fault.is_none());
    let shown = String::from_utf8(text(&releaser.current())).unwrap();
    assert!(shown.contains("endpoint=\"/a\"") && !shown.contains("endpoint=\"/c\""));
    let outcome = release(&mut releaser, window(5, 2));
    assert!(matches!(outcome.fault, Some(ReleaseError::ConfigChanged)));
    assert_eq!(published(&outcome.release), published(&before));
    let outcome = release(&mut releaser, window(6, 1));
    assert!(outcome.fault.is_none());
    let shown = String::from_utf8(text(&outcome.release)).unwrap();
    assert!(!shown.contains("endpoint=\"/a\"") && shown.contains("endpoint=\"/c\""));
    // The counters of /b go on where they were.
    let of_b = |release: &Release, triples: usize, place: usize| {
        let cells = VolumeFamily::Requests.per_triple();
        assert_eq!(release.committed().unwrap().layout.triples.len(), triples);
        published(release)[place * cells..(place + 1) * cells].to_vec()
    };
    let (old, new) = (of_b(&before, 3, 1), of_b(&outcome.release, 3, 0));
    assert!(new.iter().zip(&old).all(|(new, old)| new >= old));
}

#[test]
fn a_capture_is_released_once_however_often_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let capture = |new_budget| Opening {
        namespace: Namespace::Capture {
            digest: [3; 32],
            new_budget,
        },
        init: true,
    };
    let windows = [window(5, 3), window(5, 4), window(6, 1), window(6, 2)];
    let run = |windows: &[Window], opening| -> Vec<Vec<u8>> {
        let (mut releaser, start) = open(dir.path(), &plan, opening);
        assert!(start.fault.is_none());
        let serve = |at: &Window| {
            let outcome = release(&mut releaser, *at);
            assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
            text(&outcome.release)
        };
        windows.iter().map(serve).collect()
    };
    // The first run stops half way, the second goes on, the third repeats all.
    let half = run(&windows[..2], capture(false));
    let whole = run(&windows, capture(false));
    assert_eq!(half, whole[..2]);
    assert_eq!(run(&windows, capture(false)), whole);
    let other = self::plan(900, &["/a"]);
    let refused = Releaser::open(Arc::clone(&other), dir.path(), capture(false));
    assert!(matches!(
        refused.map(drop),
        Err(ReleaseError::Ledger(LedgerError::OtherConfig { .. }))
    ));
    let (mut fresh, start) = open(dir.path(), &other, capture(true));
    assert_eq!(start.high_water, None);
    let outcome = release(&mut fresh, windows[0]);
    assert!(outcome.fault.is_none());
    assert_ne!(text(&outcome.release), whole[0]);
    drop(fresh);
    // From now on the latest budget is the one that is served again.
    let (mut again, start) = open(dir.path(), &other, capture(false));
    assert_eq!(start.high_water, Some(windows[0]));
    assert_eq!(
        text(&release(&mut again, windows[0]).release),
        text(&outcome.release)
    );
    // Another capture, and live traffic, have ledgers of their own.
    drop(again);
    let (live, start) = open(dir.path(), &other, LIVE);
    assert_eq!((start.high_water, live.current().window()), (None, None));
}

#[test]
fn noise_may_be_drawn_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let (mut releaser, _) = open(dir.path(), &plan, LIVE);
    releaser.prepare().unwrap();
    let drawn = releaser.drawn.clone().unwrap();
    let released = release(&mut releaser, window(5, 1)).release;
    assert_eq!(released.committed().unwrap().counters.window, drawn.volume);
    assert!(releaser.drawn.is_none());
    let next = release(&mut releaser, window(5, 2)).release;
    assert_ne!(next.committed().unwrap().counters.window, drawn.volume);
}

#[test]
fn only_one_process_may_release() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(400, &["/a"]);
    let (_first, _) = open(dir.path(), &plan, LIVE);
    let (second, start) = open(dir.path(), &plan, LIVE);
    assert!(matches!(start.fault, Some(LedgerError::Locked(_))));
    assert!(second.current().is_stale());
}

mod principals;
mod utility;

//! Kills a process that releases windows, at random moments, again and again: no window may be released twice, and no
//! published counter may fall. `HUSHTAP_KILLS` sets how often (the nightly run does a thousand).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, whose child publishes on its standard output"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushtap::analysis::clip::WindowSums;
use hushtap::analysis::window::{Schedule, Window};
use hushtap::release::budget::{MicroRho, Split};
use hushtap::release::ledger::{Namespace, Opening};
use hushtap::release::plan::{Plan, Settings};
use hushtap::release::releaser::{Exportable, Release, Releaser};
use hushtap::release::render::Format;

const DIR: &str = "HUSHTAP_KILL_DIR";
const DEFAULT_KILLS: usize = 60;

/// Days of 20 windows, so that every life of the child sees rollovers.
fn plan() -> Arc<Plan> {
    let split = Split::new(MicroRho::DEFAULT, 1_000_000).unwrap();
    let schedule = Schedule::shrunken(60, 20).unwrap();
    Arc::new(Plan::with_schedule(&Settings::default(), schedule, split).unwrap())
}

/// What a scraper sees of a release: its window and all counters and buckets.
fn published(release: &Release) -> String {
    let text = String::from_utf8(release.render(Format::Text)).unwrap();
    let mut line = release.window().map_or_else(
        || "none".to_owned(),
        |w| format!("{},{}", w.period, w.index),
    );
    for sample in text.lines().filter(|sample| !sample.starts_with('#')) {
        let (series, value) = sample.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        if name.ends_with("_total") || name.ends_with("_bucket") || name.ends_with("_sum") {
            line.extend(["\t", &series.replace(' ', "_"), "=", value]);
        }
    }
    line
}

/// The child: serves what it finds, then releases window after window until it is killed.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let plan = plan();
    let opening = Opening {
        namespace: Namespace::Live,
        init: true,
    };
    let (mut releaser, start) =
        Releaser::open(Arc::clone(&plan), Path::new(&dir), opening).unwrap();
    assert!(start.fault.is_none(), "{:?}", start.fault);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nserved\t{}", published(&releaser.current())).unwrap();
    let first = Window {
        period: 1,
        index: 1,
    };
    let mut window = start
        .high_water
        .map_or(first, |mark| plan.schedule().next(mark));
    loop {
        let outcome = releaser.release(window, &WindowSums::default());
        assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
        writeln!(out, "released\t{}", published(&outcome.release)).unwrap();
        out.flush().unwrap();
        window = plan.schedule().next(window);
    }
}

/// What was seen so far, over all lives of the child.
#[derive(Default)]
struct Seen {
    last: Option<(u64, u32)>,
    counters: BTreeMap<String, f64>,
    releases: usize,
}

impl Seen {
    fn line(&mut self, line: &str) {
        let mut fields = line.split('\t');
        let what = fields.next().unwrap();
        if what != "released" && what != "served" {
            return;
        }
        let window = fields.next().unwrap();
        if what == "released" {
            let (period, index) = window.split_once(',').unwrap();
            let window = (period.parse().unwrap(), index.parse().unwrap());
            assert!(Some(window) > self.last, "{window:?} after {:?}", self.last);
            self.last = Some(window);
            self.releases += 1;
        }
        for field in fields {
            let (series, value) = field.rsplit_once('=').unwrap();
            let value: f64 = value.parse().unwrap();
            let before = self.counters.insert(series.to_owned(), value);
            assert!(
                Some(value) >= before,
                "{series} fell from {before:?} to {value}"
            );
        }
    }
}

#[test]
fn a_killed_process_releases_no_window_twice_and_no_counter_falls() {
    let kills = std::env::var("HUSHTAP_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(DEFAULT_KILLS);
    let dir = tempfile::tempdir().unwrap();
    let mut seen = Seen::default();
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path().join("ledger"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut lives = 0;
        // Let it come up and release a few, then kill it anywhere within the next ones.
        while lives < 3 && lines.read_line(&mut line).unwrap() > 0 {
            if let Some(whole) = line.strip_suffix('\n') {
                lives += usize::from(whole.starts_with("released"));
                seen.line(whole);
            }
            line.clear();
        }
        assert_eq!(lives, 3, "the child died by itself");
        std::thread::sleep(Duration::from_micros(rand::random_range(0..5_000)));
        child.kill().unwrap();
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some(whole) = line.strip_suffix('\n') {
                seen.line(whole);
            }
            line.clear();
        }
        child.wait().unwrap();
    }
    assert!(seen.releases >= 3 * kills);
    assert!(seen.counters.len() > 200);
}

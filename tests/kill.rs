//! Kills a process that releases windows, at random moments, again and again: no window may be released twice, no published
//! counter may fall, no budget may be refunded, and no principal may count twice in a day. `HUSHTAP_KILLS` sets how often (the nightly run does a thousand).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, whose child publishes on its standard output"
)]

mod requests;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushtap::analysis::clip::{ClipTable, WindowSums};
use hushtap::analysis::window::{Schedule, Window};
use hushtap::release::budget::{MicroRho, Split};
use hushtap::release::ledger::{Namespace, Opening};
use hushtap::release::plan::{Plan, Settings};
use hushtap::release::releaser::{Exportable, Release, Releaser};
use hushtap::release::render::Format;
use requests::request;

const DIR: &str = "HUSHTAP_KILL_DIR";
const TOKENS: &str = "hushtap_tokens_today";
const SPENT: &str = "hushtap_dp_rho_spent";
/// Principals of the child, all of them active in every window.
const PRINCIPALS: u32 = 1_000;
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
        let counts = ["_total", "_bucket", "_sum"];
        if counts.iter().any(|end| name.ends_with(end)) || name == SPENT || name == TOKENS {
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
    let mut table = ClipTable::new(plan.clip(), start.high_water);
    let mut life = 0;
    loop {
        // A few times in a life, since a process that only counts is seldom killed while it writes.
        if life < 2 {
            for principal in 0..PRINCIPALS {
                table.observe(&request(principal), &[]);
            }
        }
        life += 1;
        let sums: WindowSums = table.close_window(window);
        let outcome = releaser.release(window, &sums);
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
    /// The period that the last line was about.
    period: Option<u64>,
    /// The largest count of principals of a day.
    principals: f64,
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
        let period = window
            .split_once(',')
            .map(|(period, _)| period.parse().unwrap());
        if period != self.period {
            // What is spent is of a period.
            self.counters.retain(|series, _| !series.starts_with(SPENT));
            self.period = period;
        }
        for field in fields {
            let (series, value) = field.rsplit_once('=').unwrap();
            let value: f64 = value.parse().unwrap();
            if series == TOKENS {
                self.principals = self.principals.max(value);
                continue;
            }
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
    // The noise has a standard deviation of 10 or so; who counted twice would be another thousand.
    let counted = seen.principals;
    assert!((800.0..1_300.0).contains(&counted), "{counted} principals");
}

//! Seven simulated days with restarts, crashes of the disk and rollovers, as a real Prometheus sees them: `resets()` of every
//! public counter is 0.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that says when it is skipped"
)]

mod requests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushtap::analysis::clip::ClipTable;
use hushtap::analysis::window::{Schedule, Window};
use hushtap::observation::{Candidate, Observation, PublicTriple, ServiceId};
use hushtap::release::budget::{MicroRho, Split};
use hushtap::release::ledger::{Namespace, Opening};
use hushtap::release::plan::{Integration, Plan, Settings};
use hushtap::release::releaser::{Exportable, Release, Releaser};
use hushtap::release::render::Format;
use requests::request;

const DAYS: u64 = 7;
/// Windows of a day, a quarter of an hour each.
const WINDOWS: u32 = 96;
const WINDOW_SECONDS: u64 = 900;
const FIRST_DAY: u64 = 20_000;

fn plan() -> Arc<Plan> {
    let triple = PublicTriple {
        service: "shop".to_owned(),
        endpoint: "/v1/orders".to_owned(),
        method: "GET".to_owned(),
    };
    let settings = Settings {
        triples: vec![triple, PublicTriple::other()],
        max_learned: 4,
        bootstrap_windows: Some(3),
        integrations: vec![Integration {
            name: "acme".to_owned(),
            ..Integration::default()
        }],
        ..Settings::default()
    };
    let split = Split::new(MicroRho::DEFAULT, 1_000_000).unwrap();
    let schedule = Schedule::shrunken(WINDOW_SECONDS, WINDOWS).unwrap();
    Arc::new(Plan::with_schedule(&settings, schedule, split).unwrap())
}

/// Adds a release to a text of samples with times.
fn append(text: &mut String, release: &Release, seconds: u64) {
    let page = String::from_utf8(release.render(Format::Text)).unwrap();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        writeln!(text, "{line} {seconds}").unwrap();
    }
}

/// A process that starts.
fn begin(dir: &Path, plan: &Arc<Plan>) -> (Releaser, ClipTable) {
    let opening = Opening {
        namespace: Namespace::Live,
        init: true,
    };
    let ledger = dir.join("ledger");
    let (releaser, start) = Releaser::open(Arc::clone(plan), &ledger, opening).unwrap();
    assert!(start.fault.is_none());
    (releaser, ClipTable::new(plan.clip(), start.high_water))
}

/// What is released in seven days, with one restart a day.
fn simulate(dir: &Path) -> (String, u64) {
    let plan = plan();
    let learned = Candidate::parse(ServiceId(0), "GET", "/v1/users/{int}");
    let mut text = String::new();
    let mut end = 0;
    for day in FIRST_DAY..FIRST_DAY + DAYS {
        let restart = rand::random_range(2..WINDOWS);
        let mut life = None;
        for index in 1..=WINDOWS {
            let alive = life.take().filter(|_| index != restart);
            let (mut releaser, mut table) = alive.unwrap_or_else(|| begin(dir, &plan));
            for token in 0..100 {
                let candidate = learned.filter(|_| token % 2 == 0);
                let seen = Observation {
                    candidate,
                    ..request(token)
                };
                table.observe(&seen, &[]);
            }
            let window = Window { period: day, index };
            let outcome = releaser.release(window, &table.close_window(window));
            assert!(outcome.fault.is_none(), "{:?}", outcome.fault);
            end = plan.schedule().end(window).0;
            append(&mut text, &outcome.release, end);
            life = Some((releaser, table));
        }
    }
    text.push_str("# EOF\n");
    (text, end)
}

#[test]
fn resets_is_zero_over_seven_days_with_restarts() {
    let found = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if !found("promtool") || !found("prometheus") {
        println!(
            "SKIPPED: resets() over seven days: needs promtool and prometheus (tests/install.sh)"
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (text, end) = simulate(dir.path());
    let names: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split(['{', ' ']).next())
        .filter(|name| {
            let ends = ["_total", "_bucket", "_count", "_sum"];
            ends.iter().any(|end| name.ends_with(end))
        })
        .map(str::to_owned)
        .collect();
    let samples = dir.path().join("samples.txt");
    std::fs::write(&samples, text).unwrap();
    let blocks = dir.path().join("data");
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&samples, &blocks])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let config = dir.path().join("prometheus.yml");
    std::fs::write(&config, "global: {}\n").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut server = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", blocks.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--storage.tsdb.retention.time=100y")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let query = |expression: &str| {
        let out = Command::new("promtool")
            .args(["query", "instant", &format!("--time={end}")])
            .args([&format!("http://127.0.0.1:{port}"), expression])
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let mut looks = 0;
    while query("vector(1)").is_empty() && looks < 300 {
        std::thread::sleep(Duration::from_millis(200));
        looks += 1;
    }
    // One name at a time: `resets` drops the name, and buckets of two histograms would be the same series then.
    let (mut series, mut fallen) = (0, String::new());
    for name in &names {
        let count = query(&format!("count(count_over_time({name}[8d]))"));
        let count = count
            .split("=> ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        series += count.unwrap().parse::<u64>().unwrap();
        fallen += &query(&format!("resets({name}[8d]) > 0"));
    }
    let samples = query("count_over_time(hushtap_dp_window_index[8d])");
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(
        samples.contains(&format!("=> {}", DAYS * u64::from(WINDOWS))),
        "{samples}"
    );
    assert!(series > 300, "{series} counters");
    assert!(fallen.trim().is_empty(), "these fell:\n{fallen}");
}

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::analysis::clip::WindowSums;
use crate::analysis::window::Window;
use crate::release::ledger::{Namespace, Opening};
use crate::release::plan::{Settings, in_order};
use crate::release::releaser::{Exportable, Releaser};
use std::sync::Arc;

fn triples() -> Vec<PublicTriple> {
    let triple = |template: &str, method: &str| PublicTriple {
        service: "shop \"eu\"".to_owned(),
        endpoint: template.to_owned(),
        method: method.to_owned(),
    };
    in_order(vec![
        triple("/v1/users/{id}", "GET"),
        triple("/v1/a\\b\nc", "POST"),
    ])
}

fn releaser(dir: &std::path::Path) -> Releaser {
    let plan = Plan::new(&Settings {
        triples: triples(),
        ..Settings::default()
    });
    let opening = Opening {
        namespace: Namespace::Live,
        init: true,
    };
    let (releaser, start) = Releaser::open(Arc::new(plan.unwrap()), dir, opening).unwrap();
    assert!(start.fault.is_none());
    releaser
}

fn text(release: &Release, format: Format) -> String {
    String::from_utf8(release.render(format)).unwrap()
}

/// Name and labels of every sample, in order.
fn series(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' ').map(|(series, _)| series))
        .collect()
}

#[test]
fn the_series_are_there_from_the_first_scrape_and_never_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut releaser = releaser(dir.path());
    let before = text(&releaser.current(), Format::Text);
    let window = Window {
        period: 20_000,
        index: 7,
    };
    let after = releaser.release(window, &WindowSums::default());
    assert!(after.fault.is_none());
    let after = text(&after.release, Format::Text);
    assert_eq!(series(&before), series(&after));
    let plan = releaser.current().plan().clone();
    let expected = Plan::series(plan.triples().len());
    let found = series(&after).len();
    assert!(
        found <= expected && found + 40 > expected,
        "{found} series, {expected} reserved"
    );
    assert!(
        before.contains("hushtap_http_requests_total{code=\"2xx\"")
            || before.contains("code=\"2xx\"} 0\n")
    );
    assert!(before.contains("hushtap_dp_window_index 0\n"));
    assert!(after.contains("hushtap_dp_window_index 7\n"));
    assert!(after.contains("hushtap_dp_rho_spent{family=\"requests\"} 0.25\n"));
}

#[test]
fn only_names_of_the_catalogue_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let page = text(&releaser(dir.path()).current(), Format::Text);
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let spec = Metric::CATALOGUE.iter().find(|spec| spec.name == name);
        assert_eq!(format!("{:?}", spec.unwrap().kind).to_lowercase(), kind);
    }
}

#[test]
fn families_and_series_are_sorted() {
    let dir = tempfile::tempdir().unwrap();
    let page = text(&releaser(dir.path()).current(), Format::Text);
    let names: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert!(names.is_sorted());
    let countries: Vec<_> = series(&page)
        .into_iter()
        .filter(|series| series.starts_with("hushtap_country"))
        .collect();
    assert!(countries.is_sorted());
    assert_eq!(countries.len(), country::CELLS);
}

#[test]
fn without_a_ledger_nothing_about_traffic_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Arc::new(Plan::new(&Settings::default()).unwrap());
    let opening = Opening {
        namespace: Namespace::Live,
        init: false,
    };
    let (mut releaser, start) = Releaser::open(plan, &dir.path().join("none"), opening).unwrap();
    assert!(start.fault.is_some());
    let window = Window {
        period: 1,
        index: 1,
    };
    let outcome = releaser.release(window, &WindowSums::default());
    assert!(outcome.fault.is_some());
    let page = text(&outcome.release, Format::Text);
    assert!(page.contains("hushtap_dp_stale 1\n"));
    assert!(!page.contains("hushtap_http") && !page.contains("hushtap_country"));
}

#[test]
fn histograms_add_up() {
    let buckets = [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3];
    let sample = histogram(Metric::RequestDuration, &["s", "/", "GET"], &buckets);
    let found = sample.get_histogram();
    assert_eq!(found.get_sample_count(), 6);
    let counts: Vec<_> = found
        .get_bucket()
        .iter()
        .map(Bucket::cumulative_count)
        .collect();
    // The open bucket is the count itself.
    assert_eq!(counts, [1, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
    // 2.5 ms + 2 * 17.5 ms + 3 * 15 s
    assert!((found.get_sample_sum() - 45.0375).abs() < 1e-9);
    assert!(
        found
            .get_bucket()
            .iter()
            .all(|bucket| bucket.upper_bound().is_finite())
    );
}

#[test]
fn openmetrics_has_the_same_samples() {
    let dir = tempfile::tempdir().unwrap();
    let mut releaser = releaser(dir.path());
    let window = Window {
        period: 20_000,
        index: 7,
    };
    let release = releaser.release(window, &WindowSums::default()).release;
    let (plain, open) = (
        text(&release, Format::Text),
        text(&release, Format::OpenMetrics),
    );
    assert!(open.ends_with("# EOF\n"));
    assert!(open.contains("# TYPE hushtap_http_requests counter\n"));
    assert!(open.contains("# UNIT hushtap_http_request_body_bytes bytes\n"));
    assert!(open.contains("le=\"1.0\"") && open.contains("le=\"+Inf\""));
    let samples = |text: &str| {
        let mut lines: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.contains("le="))
            .map(str::to_owned)
            .collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(samples(&plain), samples(&open));
    assert_eq!(series(&plain).len(), series(&open).len());
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped check must be seen")]
fn promtool_accepts_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let mut releaser = releaser(dir.path());
    let window = Window {
        period: 20_000,
        index: 7,
    };
    let page = releaser
        .release(window, &WindowSums::default())
        .release
        .render(Format::Text);
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: promtool is not installed, the exposition was not checked by it");
        return;
    };
    child.stdin.take().unwrap().write_all(&page).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

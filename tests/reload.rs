//! Rules and country databases that change while traffic flows: no transaction is lost, none is seen without them, and the
//! change is in force.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use etherparse::PacketBuilder;
use hushtap::demo::country_database;
use serde_json::Value;

/// Requests in the capture, one a millisecond.
const REQUESTS: usize = 4_000;
const REQUEST: &[u8] = b"POST /v1/orders HTTP/1.1\r\nHost: api.shop.test\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"ticketnote\":\"harmles\"}";
const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A capture file being written.
struct Capture {
    bytes: Vec<u8>,
    next: [u32; 2],
}

impl Capture {
    /// Adds a segment of the client (0) or the server (1).
    fn segment(&mut self, micros: u64, from: usize, payload: &[u8], syn: bool) {
        let (ends, ports) = ([[198, 18, 0, 1], [10, 0, 0, 2]], [40_000, 80]);
        let to = 1 - from;
        let tcp = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4(ends[from], ends[to], 64)
            .tcp(ports[from], ports[to], self.next[from], 65_535);
        let tcp = if syn { tcp.syn() } else { tcp };
        let acks = !syn || from == 1;
        let tcp = if acks { tcp.ack(self.next[to]) } else { tcp };
        let mut frame = Vec::new();
        tcp.write(&mut frame, payload).unwrap();
        let len = frame.len() as u32;
        for number in [
            1_790_000_000 + (micros / 1_000_000) as u32,
            (micros % 1_000_000) as u32,
            len,
            len,
        ] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes.extend(frame);
        self.next[from] += payload.len() as u32 + u32::from(syn);
    }
}

fn capture() -> Vec<u8> {
    let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];
    let mut capture = Capture {
        bytes: header.iter().flat_map(|n| n.to_le_bytes()).collect(),
        next: [1_000, 5_000],
    };
    capture.segment(0, 0, b"", true);
    capture.segment(10, 1, b"", true);
    capture.segment(20, 0, b"", false);
    for request in 1..=REQUESTS as u64 {
        capture.segment(request * 1_000, 0, REQUEST, false);
        capture.segment(request * 1_000 + 300, 1, RESPONSE, false);
    }
    capture.bytes
}

/// A directory with the capture, rules, and a run that reads it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("in.pcap"), capture()).unwrap();
        fs::create_dir(place.path("rules")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a rule in force as editors do: a new file renamed over the old one.
    fn write_rule(&self, text: &str) {
        let new = self.path("rules/.own.toml.swp");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path("rules/own.toml")).unwrap();
    }

    fn run(&self, flags: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_hushtap"))
            .env_clear()
            .current_dir(self.0.path())
            .args(["run", "-r", "in.pcap"])
            .args(["--records", "records.ndjson", "--state-dir", "state"])
            .args(["--init-ledger", "--allow-root", "--workers", "2"])
            .args([
                "--listen",
                "127.0.0.1:0",
                "--operator-listen",
                "127.0.0.1:0",
            ])
            .args(flags)
            .args(if flags.contains(&"--rules") {
                &[][..]
            } else {
                &["--rules", "rules"][..]
            })
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("log")).unwrap())
            .spawn()
            .unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until the log says `what`.
    fn wait_for(&self, what: &str) {
        for _ in 0..600 {
            if self.log().contains(what) {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("no `{what}` in: {}", self.log());
    }

    /// The type found in each record, in order.
    fn types(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("records.ndjson")).unwrap();
        let kind = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let found = record["sensitive"].as_array().cloned().unwrap_or_default();
            assert_eq!(found.len(), 1, "{line}");
            found[0]["type"].as_str().unwrap().to_owned()
        };
        text.lines().map(kind).collect()
    }
}

fn rule(kind: &str) -> String {
    format!(
        "[[rule]]\nid = \"own.note\"\ntype = \"{kind}\"\ncategory = \"pii\"\nnames = [\"ticketnote\"]\npositive = [\"ticketnote => {{lower:6}}\"]\nnegative = [\"ticketcount => {{digit:3}}\"]\n"
    )
}

fn stop(mut child: Child) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    child.wait().unwrap();
}

fn changes(types: &[String]) -> usize {
    types.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn rules_that_are_rewritten_while_traffic_flows_lose_no_transaction() {
    let place = Place::new();
    place.write_rule(&rule("mark-start"));
    let child = place.run(&["--speed", "0.5"]);
    place.wait_for("sandbox:");
    // As long as the capture lasts (8 s), and faster than any of it is read.
    for round in 0..40 {
        sleep(Duration::from_millis(if round % 8 == 0 { 500 } else { 60 }));
        match round % 8 {
            5 => place.write_rule("[[rule]]\nid = \"own.note\"\nkindd = \"x\"\n"),
            _ => place.write_rule(&rule(&format!("mark-{round}"))),
        }
    }
    place.wait_for("the capture has ended");
    stop(child);
    let types = place.types();
    assert_eq!(types.len(), REQUESTS);
    assert_eq!(types[0], "mark-start");
    assert!(changes(&types) >= 3, "{}", place.log());
    assert!(types.iter().all(|kind| kind.starts_with("mark-")));
}

#[test]
fn a_bad_rule_file_is_told_with_its_line_and_the_old_rules_stay() {
    let place = Place::new();
    place.write_rule(&rule("mark-old"));
    let child = place.run(&["--speed", "0.5"]);
    place.wait_for("sandbox:");
    place.write_rule(&format!("{}\nkindd = 1\n", rule("mark-bad")));
    place.wait_for("the old masking rules stay in force: rules/own.toml:9: ");
    let log = place.log();
    let line = log.lines().find(|line| line.contains("stay in force"));
    assert!(line.unwrap().contains("(hint: "), "{log}");
    place.write_rule(&rule("mark-new"));
    place.wait_for("masking rules in force");
    place.wait_for("the capture has ended");
    stop(child);
    let types = place.types();
    assert_eq!(types.len(), REQUESTS);
    assert_eq!(types.first().unwrap(), "mark-old");
    assert_eq!(types.last().unwrap(), "mark-new");
    assert_eq!(changes(&types), 1, "nothing of the bad file was in force");
}

#[test]
fn sighup_reloads_too() {
    let place = Place::new();
    // A symbolic link to a file elsewhere: its directory is not watched, only the signal tells.
    fs::create_dir(place.path("rules/kept")).unwrap();
    let real: &Path = &place.path("rules/kept/own");
    fs::write(real, rule("mark-old")).unwrap();
    std::os::unix::fs::symlink("kept/own", place.path("rules/own.toml")).unwrap();
    let child = place.run(&["--speed", "0.5"]);
    place.wait_for("sandbox:");
    sleep(Duration::from_secs(1));
    fs::write(real, rule("mark-new")).unwrap();
    sleep(Duration::from_secs(1));
    assert!(!place.log().contains("masking rules in force"));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    place.wait_for("masking rules in force");
    place.wait_for("the capture has ended");
    stop(child);
    let types = place.types();
    assert_eq!((types.len(), changes(&types)), (REQUESTS, 1));
}

/// A rules directory as Kubernetes mounts a `ConfigMap`: `..data` leads to a directory of one version, files lead into it.
fn mount_version(base: &Path, version: &str, text: &str) {
    fs::create_dir_all(base.join(version)).unwrap();
    fs::write(base.join(version).join("own.toml"), text).unwrap();
    let (new, link) = (base.join("..data_tmp"), base.join("..data"));
    std::os::unix::fs::symlink(version, &new).unwrap();
    let old = fs::read_link(&link).ok();
    fs::rename(new, link).unwrap();
    if let Some(old) = old {
        fs::remove_dir_all(base.join(old)).unwrap();
    }
}

/// Runs over the capture; `swap` changes the rules in between, and they must come into force without a signal.
fn swapped_while_running(place: &Place, rules: &str, swap: impl Fn()) {
    let child = place.run(&["--speed", "0.5", "--rules", rules]);
    place.wait_for("sandbox:");
    sleep(Duration::from_secs(1));
    swap();
    place.wait_for("masking rules in force");
    place.wait_for("the capture has ended");
    stop(child);
    let types = place.types();
    assert_eq!((types.len(), changes(&types)), (REQUESTS, 1));
    assert_eq!(types.last().unwrap(), "mark-new");
    assert!(!place.log().contains("stay in force"), "{}", place.log());
}

#[test]
fn a_mounted_config_map_is_followed() {
    let place = Place::new();
    let base = place.path("mount");
    mount_version(&base, "..v1", &rule("mark-old"));
    std::os::unix::fs::symlink("..data/own.toml", base.join("own.toml")).unwrap();
    swapped_while_running(&place, "mount", || {
        mount_version(&base, "..v2", &rule("mark-new"));
    });
}

#[test]
fn a_link_to_the_rules_that_is_swapped_is_followed() {
    let place = Place::new();
    let base = place.path("mount");
    mount_version(&base, "..v1", &rule("mark-old"));
    swapped_while_running(&place, "mount/..data", || {
        mount_version(&base, "..v2", &rule("mark-new"));
    });
}

#[test]
fn rules_that_are_moved_away_and_made_anew_are_followed() {
    let place = Place::new();
    place.write_rule(&rule("mark-old"));
    swapped_while_running(&place, "rules", || {
        fs::rename(place.path("rules"), place.path("rules.old")).unwrap();
        sleep(Duration::from_millis(100));
        fs::create_dir(place.path("rules")).unwrap();
        place.write_rule(&rule("mark-new"));
    });
}

/// Puts a country database in force as updaters do: in it the client is in `country`.
fn write_countries(place: &Place, country: [u8; 2]) {
    let mut bytes = country_database();
    // A string of two letters, as the format has it.
    let germany = b"\x42DE";
    let at = bytes.windows(3).position(|found| found == germany).unwrap();
    bytes[at + 1..at + 3].copy_from_slice(&country);
    fs::write(place.path("countries.new"), bytes).unwrap();
    fs::rename(place.path("countries.new"), place.path("countries.mmdb")).unwrap();
}

#[test]
fn a_country_database_that_is_replaced_is_read_again() {
    let place = Place::new();
    place.write_rule(&rule("mark"));
    write_countries(&place, *b"DE");
    let child = place.run(&["--speed", "0.5", "--geoip", "countries.mmdb"]);
    place.wait_for("sandbox:");
    sleep(Duration::from_secs(1));
    write_countries(&place, *b"NO");
    place.wait_for("the country database was read again");
    sleep(Duration::from_millis(500));
    fs::write(place.path("countries.mmdb"), "no database").unwrap();
    place.wait_for("the old country database stays in force");
    place.wait_for("the capture has ended");
    stop(child);
    let text = fs::read_to_string(place.path("records.ndjson")).unwrap();
    let country = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["country"].as_str().unwrap_or_default().to_owned()
    };
    let countries: Vec<_> = text.lines().map(country).collect();
    assert_eq!((countries.len(), changes(&countries)), (REQUESTS, 1));
    assert_eq!((&*countries[0], &*countries[REQUESTS - 1]), ("DE", "NO"));
}

#[test]
fn exceptions_are_read_anew_on_sighup_and_bad_ones_change_nothing() {
    let place = Place::new();
    place.write_rule(&rule("mark"));
    let config = |text: &str| fs::write(place.path("hushtap.toml"), text).unwrap();
    let exception = |rule: &str| {
        format!(
            "[[mask.exception]]\nendpoint = \"POST /v1/orders\"\nrules = [\"{rule}\"]\nfield = \"$.ticketnote\"\n"
        )
    };
    config("");
    let child = place.run(&["--speed", "0.5", "-c", "hushtap.toml"]);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let hang_up = || nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    place.wait_for("sandbox:");
    sleep(Duration::from_secs(1));
    config(&exception("own.nota"));
    hang_up();
    place.wait_for("there is no rule `own.nota`");
    config(&exception("own.note"));
    hang_up();
    place.wait_for("masking rules in force");
    place.wait_for("the capture has ended");
    stop(child);
    let text = fs::read_to_string(place.path("records.ndjson")).unwrap();
    let found: Vec<bool> = text
        .lines()
        .map(|line| line.contains("\"sensitive\":["))
        .collect();
    assert_eq!(found.len(), REQUESTS);
    let kept = found.iter().filter(|found| **found).count();
    assert!(found[0] && kept > 100 && kept < REQUESTS, "{kept}");
    assert!(found[..kept].iter().all(|found| *found), "one change");
}

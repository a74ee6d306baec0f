//! `hushtap scrub` on real captures: what must stay stays, what must go is gone.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let files = fs::read_dir(folder).expect("captures");
    let mut files: Vec<_> = files
        .map(|entry| entry.unwrap().path())
        // HTTP/2 and TLS become filler; loopback addresses stay what they are.
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let other = ["h2-", "grpc", "tls-", "websocket"];
            path.extension() == Some("pcap".as_ref())
                && !other.iter().any(|prefix| name.starts_with(prefix))
        })
        .collect();
    files.sort();
    files
}

fn hushtap(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hushtap"))
        .env_clear()
        .args(arguments)
        .output()
        .expect("it runs")
}

/// Scrubs a capture under a fixed key.
fn scrub(input: &Path, flags: &[&str]) -> (tempfile::TempDir, PathBuf, Output) {
    let place = tempfile::tempdir().expect("a directory");
    let output = place.path().join("out.pcap");
    let key = place.path().join("key");
    fs::write(&key, "07".repeat(32)).expect("a key");
    let mut arguments = vec!["scrub", input.to_str().unwrap(), output.to_str().unwrap()];
    arguments.extend(["--pseudonym-key", key.to_str().unwrap()]);
    arguments.extend(flags);
    let done = hushtap(&arguments);
    (place, output, done)
}

/// Time, captured bytes and length on the wire of each packet.
fn packets(file: &[u8]) -> Vec<(u64, Vec<u8>, u32)> {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let unit = if number(0) == 0xa1b2_3c4d { 1 } else { 1_000 };
    let mut list = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let len = usize::try_from(number(at + 8)).unwrap();
        let nanos = u64::from(number(at)) * 1_000_000_000 + u64::from(number(at + 4)) * unit;
        list.push((
            nanos,
            file[at + 16..at + 16 + len].to_vec(),
            number(at + 12),
        ));
        at += 16 + len;
    }
    list
}

/// What a replay finds, without what a scrub may change.
fn transactions(file: &Path) -> Vec<Value> {
    let found = hushtap(&["-q", "replay", "--records", "-", file.to_str().unwrap()]);
    let text = String::from_utf8(found.stdout).expect("text");
    let kept = [
        "time",
        "end",
        "flow",
        "index",
        "protocol",
        "method",
        "status",
        "request_body_bytes",
        "response_body_bytes",
        "duration_us",
        "ttfb_us",
        "state",
    ];
    text.lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).expect("JSON");
            kept.iter().map(|key| record[*key].clone()).collect()
        })
        .collect()
}

fn sum(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
        .sum()
}

fn folds_to_ones(mut sum: u32) -> bool {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

/// Whether the checksums of an Ethernet frame with IPv4 or IPv6 and TCP verify.
fn checksums_verify(frame: &[u8]) -> bool {
    let ip = &frame[14..];
    if frame[12..14] == [0x86, 0xdd] && ip[6] != 6 {
        // Multicast listener reports of the hosts: no TCP, and addresses that stay.
        return true;
    }
    let (pseudo, segment) = if frame[12..14] == [0x86, 0xdd] {
        let len = usize::from(u16::from_be_bytes([ip[4], ip[5]]));
        (sum(&ip[8..40]), &ip[40..40 + len])
    } else {
        let len = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
        if !folds_to_ones(sum(&ip[..20])) {
            return false;
        }
        (sum(&ip[12..20]), &ip[20..len])
    };
    let len = u32::try_from(segment.len()).unwrap();
    folds_to_ones(pseudo + 6 + (len >> 16) + (len & 0xffff) + sum(segment))
}

#[test]
fn a_scrubbed_capture_replays_to_the_same_transactions() {
    for capture in captures() {
        let (_place, output, done) = scrub(&capture, &[]);
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let found = transactions(&capture);
        assert!(!found.is_empty());
        assert_eq!(found, transactions(&output), "{}", capture.display());
    }
}

#[test]
fn packets_keep_time_and_length_and_checksums_verify() {
    for capture in captures() {
        let (_place, output, _) = scrub(&capture, &[]);
        let (before, after) = (
            packets(&fs::read(&capture).unwrap()),
            packets(&fs::read(&output).unwrap()),
        );
        assert_eq!(before.len(), after.len());
        for ((time, bytes, wire), (new_time, new_bytes, new_wire)) in before.iter().zip(&after) {
            assert_eq!(
                (time, bytes.len(), wire),
                (new_time, new_bytes.len(), new_wire)
            );
            assert!(checksums_verify(new_bytes), "{}", capture.display());
            // Loopback addresses stay what they are.
            let is_mapped = bytes[12..14] == [8, 0] && bytes[26] != 127;
            assert!(
                !is_mapped || bytes[26..34] != new_bytes[26..34],
                "an address stayed"
            );
        }
    }
}

#[test]
fn no_value_survives() {
    let values = [
        "4111111111111111",
        "hunter2",
        "DE89370400440532013000",
        "078-05-1120",
        "+1-202-555-0143",
        "correct%20horse",
        "correct+horse",
        "@example.com",
        "%40example.com",
        "eyJhbGciOi",
    ];
    let mut present = 0;
    for capture in captures() {
        let (_place, output, _) = scrub(&capture, &[]);
        let (before, after) = (fs::read(&capture).unwrap(), fs::read(&output).unwrap());
        for value in values {
            let holds = |file: &[u8]| memchr::memmem::find(file, value.as_bytes()).is_some();
            present += u32::from(holds(&before));
            assert!(!holds(&after), "{value} in {}", output.display());
        }
    }
    assert!(present > 15, "there was something to find: {present}");
}

#[test]
fn the_same_key_gives_the_same_bytes() {
    let capture = &captures()[0];
    let (_a, first, _) = scrub(capture, &[]);
    let (_b, second, _) = scrub(capture, &[]);
    assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
}

#[test]
fn one_flow_is_cut_out() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/short.pcap");
    let (_place, output, done) = scrub(&capture, &["--select", "flow=7"]);
    assert!(done.status.success());
    let kept = packets(&fs::read(&output).unwrap());
    assert!((5..20).contains(&kept.len()), "{}", kept.len());
    assert_eq!(transactions(&output).len(), 1);
    let (_place, output, done) = scrub(&capture, &["--select", "flow=100000"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(!output.exists(), "nothing half done is left");
}

#[test]
fn an_input_is_never_overwritten() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("a.pcap");
    fs::copy(&captures()[0], &path).unwrap();
    let before = fs::read(&path).unwrap();
    let done = hushtap(&["scrub", path.to_str().unwrap(), path.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(2));
    assert_eq!(fs::read(&path).unwrap(), before);
    let done = hushtap(&["scrub", "-", path.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(2));
}

//! `hushtap doctor` on captures whose fault is known, because it was put there.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test may fail by panicking"
)]

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// A packet record of a pcap file: header (16 bytes) and data.
#[derive(Clone)]
struct Record {
    seconds: u32,
    fraction: u32,
    wire: u32,
    data: Vec<u8>,
}

impl Record {
    /// Whether it comes from port 8090 (IPv4 without options, no VLAN tag).
    fn is_answer(&self) -> bool {
        self.data.get(34..36) == Some(&8090_u16.to_be_bytes())
    }

    fn payload(&self) -> usize {
        let total = usize::from(u16::from_be_bytes([self.data[16], self.data[17]]));
        let header = usize::from(self.data[46] >> 4) * 4;
        total - 20 - header
    }
}

/// Splits a little-endian pcap file.
fn read(name: &str) -> (Vec<u8>, Vec<Record>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(name);
    let bytes = fs::read(path).expect("a capture");
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut records = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let len = usize::try_from(number(at + 8)).unwrap();
        records.push(Record {
            seconds: number(at),
            fraction: number(at + 4),
            wire: number(at + 12),
            data: bytes[at + 16..at + 16 + len].to_vec(),
        });
        at += 16 + len;
    }
    (bytes[..24].to_vec(), records)
}

/// The checks that `doctor` calls a fault, and its exit code, on json.pcap spoiled this way.
fn faults(spoil: impl Fn(Vec<Record>) -> Vec<Record>) -> (Vec<String>, i32) {
    let (mut file, records) = read("json.pcap");
    for record in spoil(records) {
        let len = u32::try_from(record.data.len()).unwrap();
        for number in [record.seconds, record.fraction, len, record.wire] {
            file.extend(number.to_le_bytes());
        }
        file.extend(record.data);
    }
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("spoiled.pcap");
    fs::write(&path, file).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_hushtap"))
        .env_clear()
        .args(["doctor", "--report", "json"])
        .arg(&path)
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks");
    let faulty = checks.iter().filter(|check| check["level"] == "fault");
    let names = faulty.map(|check| check["check"].as_str().unwrap().to_owned());
    (names.collect(), output.status.code().expect("a code"))
}

#[test]
fn a_sound_capture_is_called_sound() {
    assert_eq!(faults(|records| records), (vec![], 0));
}

#[test]
fn one_direction_is_missing() {
    let (found, code) = faults(|records| records.into_iter().filter(Record::is_answer).collect());
    assert!(found.contains(&"directions".to_owned()), "{found:?}");
    assert_eq!(code, 4);
}

#[test]
fn every_packet_comes_twice() {
    let twice = |records: Vec<Record>| {
        let pairs = records
            .into_iter()
            .flat_map(|record| [record.clone(), record]);
        pairs.collect()
    };
    assert_eq!(faults(twice), (vec!["copies".to_owned()], 4));
}

#[test]
fn every_packet_comes_again_from_behind_a_router() {
    let routed = |records: Vec<Record>| {
        let pairs = records.into_iter().flat_map(|record| {
            let mut behind = record.clone();
            behind.data[5] ^= 1;
            behind.data[22] -= 1;
            [record, behind]
        });
        pairs.collect()
    };
    assert_eq!(faults(routed), (vec!["copies".to_owned()], 4));
}

#[test]
fn packets_are_cut() {
    let cut = |mut records: Vec<Record>| {
        for record in &mut records {
            record.data.truncate(96);
        }
        records
    };
    let (found, code) = faults(cut);
    assert!(found.contains(&"cut".to_owned()), "{found:?}");
    assert_eq!(code, 4);
}

#[test]
fn packets_with_payload_are_lost() {
    let lossy = |records: Vec<Record>| {
        let kept = records
            .into_iter()
            .enumerate()
            .filter(|(n, record)| n % 7 != 0 || record.payload() == 0);
        kept.map(|(_, record)| record).collect()
    };
    assert_eq!(faults(lossy), (vec!["loss".to_owned()], 4));
}

#[test]
fn the_clock_goes_back_and_forth() {
    let wobbling = |mut records: Vec<Record>| {
        for record in records.iter_mut().skip(1).step_by(3) {
            record.seconds -= 20;
        }
        records
    };
    assert_eq!(faults(wobbling), (vec!["clock".to_owned()], 4));
}

#[test]
fn nothing_is_said_without_a_source() {
    let output = Command::new(env!("CARGO_BIN_EXE_hushtap"))
        .env_clear()
        .arg("doctor")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("\n\nhint: name an interface"), "{text}");
}

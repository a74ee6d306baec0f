//! Each fault is found from evidence that has it and from no other.

use super::*;
use crate::clock::EventTime;

/// A mirror with nothing wrong: 1,000 packets of 20 flows, 50 transactions.
fn sound() -> Evidence {
    let tallies = Tallies::default();
    let sheet = tallies.sheet();
    sheet.add(Tally::PacketsIn, 1_000);
    sheet.add(Tally::PacketsAnalysed, 980);
    sheet.add(Tally::PacketNotTcp, 20);
    sheet.add(Tally::TransactionsComplete, 50);
    let facts = Facts {
        packets: 1_000,
        bytes: 600_000,
        first: Some(EventTime::from_secs(100)),
        last: Some(EventTime::from_secs(110)),
        longest: 1_514,
        fine_stamps: 990,
        station_frames: 1_000,
        flows: 20,
        payload_bytes: 500_000,
        data_segments: 400,
        ..Facts::default()
    };
    Evidence {
        source: "eth1".to_owned(),
        live: true,
        facts,
        tallies,
        drops: Drops::default(),
        damage: None,
        watched_seconds: 10,
    }
}

fn faults(evidence: &Evidence) -> Vec<&'static str> {
    let checks = examine(evidence);
    let faulty = checks.iter().filter(|check| check.level == Level::Fault);
    faulty.map(|check| check.name).collect()
}

#[test]
fn nothing_is_wrong_with_a_sound_mirror() {
    assert!(faults(&sound()).is_empty());
    assert!(examine(&sound()).len() > 8, "all is looked at");
}

type Spoil = fn(&mut Evidence);

#[test]
fn each_fault_is_found_alone() {
    let cases: [(&str, Spoil); 9] = [
        ("dropped", |e| e.drops.kernel = 3),
        ("decoding", |e| {
            e.tallies.sheet().add(Tally::PacketUnsupportedLink, 200);
        }),
        ("directions", |e| {
            (e.facts.flows_one_sided, e.facts.flows_requests_only) = (12, 12);
        }),
        ("loss", |e| e.facts.unseen_bytes = 20_000),
        ("copies", |e| e.facts.copies = 480),
        ("cut", |e| (e.facts.cut, e.facts.cut_to) = (400, 96)),
        ("clock", |e| e.facts.backwards = 100),
        ("http", |e| e.tallies = Tallies::default()),
        ("traffic", |e| {
            e.facts = Facts::default();
            e.tallies.sheet().add(Tally::TransactionsComplete, 1);
        }),
    ];
    for (name, spoil) in cases {
        let mut evidence = sound();
        spoil(&mut evidence);
        assert_eq!(faults(&evidence), [name]);
    }
}

#[test]
fn every_fault_says_what_it_does_and_how_to_mend_it() {
    let mut evidence = sound();
    evidence.drops.interface = 1;
    evidence.facts = Facts {
        copies: 400,
        cut: 400,
        backwards: 400,
        unseen_bytes: 1 << 20,
        flows_one_sided: 20,
        flows_half_tagged: 20,
        tagged: 500,
        super_packets: 3,
        ..evidence.facts
    };
    for check in examine(&evidence) {
        if check.level != Level::Fine && check.name != "loss" {
            assert!(!check.remedy.is_empty(), "{}", check.name);
            assert!(!check.effect.is_empty(), "{}", check.name);
        }
    }
}

#[test]
fn findings_read_well() {
    let mut evidence = sound();
    evidence.facts.copies = 480;
    let checks = examine(&evidence);
    insta::assert_snapshot!(text(&evidence, &checks));
    let json: serde_json::Value = serde_json::from_str(&json(&evidence, &checks)).unwrap();
    assert_eq!(json["healthy"], false);
}

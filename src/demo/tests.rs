//! The written captures, checked against their own truth with a small reader of their own.

use std::collections::{BTreeMap, BTreeSet};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::*;

/// Counts requests and answers in a capture and checks that time never goes back and checksums are right.
fn survey(capture: &[u8]) -> (u64, u64, u64) {
    let mut rest = &capture[24..];
    let (mut requests, mut answers, mut packets) = (0, 0, 0);
    let mut last = 0;
    let mut next: BTreeMap<([u8; 4], u16, [u8; 4], u16), u32> = BTreeMap::new();
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let time = u64::from(word(0)) * 1_000_000 + u64::from(word(4));
        assert!(time >= last, "time goes back");
        last = time;
        let length = word(8) as usize;
        let frame = SlicedPacket::from_ethernet(&rest[16..16 + length]).unwrap();
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) =
            (frame.net, frame.transport)
        else {
            panic!("not TCP over IPv4")
        };
        assert_eq!(
            ip.header().header_checksum(),
            ip.header().to_header().calc_header_checksum()
        );
        assert_eq!(
            tcp.checksum(),
            tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination())
                .unwrap()
        );
        let key = (
            ip.header().source(),
            tcp.source_port(),
            ip.header().destination(),
            tcp.destination_port(),
        );
        let used = u32::try_from(tcp.payload().len()).unwrap() + u32::from(tcp.syn() || tcp.fin());
        if tcp.syn() {
            next.remove(&key);
        }
        let expected = next.entry(key).or_insert(tcp.sequence_number());
        assert_eq!(*expected, tcp.sequence_number(), "a hole in the sequence");
        *expected = expected.wrapping_add(used);
        let text = tcp.payload();
        requests += u64::from(text.windows(11).any(|at| at == b" HTTP/1.1\r\n"));
        answers += u64::from(text.starts_with(b"HTTP/1.1 "));
        packets += 1;
        rest = &rest[16 + length..];
    }
    (requests, answers, packets)
}

fn written(plan: &DemoPlan) -> (Vec<u8>, DemoTruth) {
    let mut capture = Vec::new();
    let truth = write_capture(&mut capture, plan).unwrap();
    (capture, truth)
}

#[test]
fn a_small_day_is_a_valid_capture_and_its_truth_is_true() {
    let plan = DemoPlan {
        transactions: 4_000,
        ..DemoPlan::default()
    };
    let (capture, truth) = written(&plan);
    let (requests, answers, packets) = survey(&capture);
    assert_eq!(requests, truth.transactions);
    assert_eq!(answers, truth.transactions);
    assert_eq!(packets, truth.packets);
    assert_eq!(capture.len() as u64, truth.bytes);
    assert!(truth.tokens > 150, "{} tokens", truth.tokens);
    assert_eq!(truth.attacks.len(), 8);
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let plan = DemoPlan {
        transactions: 1_000,
        ..DemoPlan::default()
    };
    assert!(written(&plan).0 == written(&plan).0);
    let other = DemoPlan { seed: 7, ..plan };
    assert!(written(&other).0 != written(&DemoPlan { seed: 8, ..other }).0);
}

#[test]
fn the_speed_capture_has_the_shape_it_promises() {
    let plan = DemoPlan {
        shape: Shape::KeepAlive,
        transactions: 5_000,
        ..DemoPlan::default()
    };
    let (capture, truth) = written(&plan);
    let (requests, answers, packets) = survey(&capture);
    assert_eq!((requests, answers), (5_000, 5_000));
    assert_eq!(packets, 2 * 5_000 + 64 * 6);
    let per_transaction = capture.len() as u64 / truth.transactions;
    assert!(
        (1_700..1_900).contains(&per_transaction),
        "{per_transaction}"
    );
}

#[test]
fn the_document_describes_the_operations_in_use() {
    #[derive(serde::Deserialize)]
    struct Document {
        paths: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    }
    let document: Document = serde_saphyr::from_str(OPENAPI).unwrap();
    let documented: BTreeSet<(String, String)> = document
        .paths
        .iter()
        .flat_map(|(path, item)| item.keys().map(move |method| (method, path)))
        .filter(|(method, _)| *method != "parameters")
        .map(|(method, path)| (method.to_uppercase(), path.clone()))
        .collect();
    for operation in api::OPERATIONS {
        let pair = (operation.method.to_owned(), operation.template.to_owned());
        assert!(documented.contains(&pair), "{pair:?} is not documented");
    }
    // One documented operation is deliberately never called.
    assert_eq!(documented.len(), api::OPERATIONS.len() + 1);
    assert!(!documented.contains(&("GET".to_owned(), api::SHADOW.template.to_owned())));
}

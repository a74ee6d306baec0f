//! Small captures, written packet by packet.

use proptest::prelude::*;

use super::*;
use crate::cleartext::mutation;
use crate::cleartext::raw::Raw;

/// An Ethernet frame with an IPv4 TCP segment. `id` is the IPv4 identification.
struct Frame {
    from_client: bool,
    seq: u32,
    ack: u32,
    flags: u8,
    payload: usize,
    id: u16,
    ttl: u8,
    tag: Option<u16>,
}

impl Frame {
    const fn data(from_client: bool, seq: u32, ack: u32, payload: usize, id: u16) -> Self {
        Self {
            from_client,
            seq,
            ack,
            flags: 0x18,
            payload,
            id,
            ttl: 64,
            tag: None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        if let Some(vlan) = self.tag {
            frame.extend([0x81, 0]);
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend([8, 0, 0x45, 0]);
        let total = u16::try_from(40 + self.payload).unwrap();
        frame.extend(total.to_be_bytes());
        frame.extend(self.id.to_be_bytes());
        frame.extend([0x40, 0, self.ttl, 6, 0, 0]);
        let (client, server) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        let ports: [u16; 2] = if self.from_client {
            [40_000, 80]
        } else {
            [80, 40_000]
        };
        frame.extend(if self.from_client { client } else { server });
        frame.extend(if self.from_client { server } else { client });
        frame.extend(ports.map(u16::to_be_bytes).concat());
        frame.extend(self.seq.to_be_bytes());
        frame.extend(self.ack.to_be_bytes());
        frame.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend(std::iter::repeat_n(b'x', self.payload));
        frame
    }
}

/// Examines frames that are 100 µs apart.
fn examine(frames: &[Frame]) -> Facts {
    let mut examiner = Examiner::default();
    for (n, frame) in frames.iter().enumerate() {
        let bytes = frame.bytes();
        examiner.packet(&Packet {
            time: EventTime::from_nanos(1_000_000_000 + 100_001 * u64::try_from(n).unwrap()),
            link: LinkType::ETHERNET,
            wire_len: u32::try_from(bytes.len()).unwrap(),
            data: Raw::new(&bytes),
        });
    }
    examiner.facts()
}

#[test]
fn a_healthy_flow_has_nothing_to_complain_about() {
    let facts = examine(&[
        Frame::data(true, 1, 1, 100, 1),
        Frame::data(false, 1, 101, 1_000, 2),
        Frame::data(true, 101, 1_001, 0, 3),
    ]);
    assert_eq!((facts.packets, facts.flows), (3, 1));
    assert_eq!(facts.flows_one_sided, 0);
    assert_eq!(facts.unseen_bytes, 0);
    assert_eq!((facts.copies, facts.routed_copies), (0, 0));
    assert_eq!((facts.cut, facts.backwards), (0, 0));
}

#[test]
fn copies_are_told_from_repetitions() {
    let twice = || Frame::data(true, 1, 1, 100, 7);
    let routed = Frame {
        ttl: 63,
        ..Frame::data(true, 1, 1, 100, 7)
    };
    let facts = examine(&[twice(), twice(), routed, Frame::data(true, 1, 1, 100, 8)]);
    assert_eq!(facts.copies, 1);
    assert_eq!(facts.routed_copies, 1);
    assert_eq!(
        facts.repeated_segments, 1,
        "another identification: sent again"
    );
}

#[test]
fn what_was_acknowledged_unseen_was_lost_by_the_mirror() {
    let facts = examine(&[
        Frame::data(true, 1, 1, 100, 1),
        Frame::data(false, 1, 101, 500, 2),
        // 1,000 bytes of the server are missing here.
        Frame::data(true, 101, 1_501, 0, 3),
        Frame::data(true, 101, 1_501, 0, 4),
    ]);
    assert_eq!(facts.unseen_bytes, 1_000, "counted once");
}

#[test]
fn one_side_only() {
    let facts = examine(&[
        Frame::data(true, 1, 1, 100, 1),
        Frame::data(true, 101, 900, 50, 2),
    ]);
    assert_eq!((facts.flows_one_sided, facts.flows_requests_only), (1, 1));
    let facts = examine(&[Frame::data(false, 1, 1, 100, 1)]);
    assert_eq!((facts.flows_one_sided, facts.flows_requests_only), (1, 0));
}

#[test]
fn a_tag_on_one_side_only() {
    let tagged = Frame {
        tag: Some(7),
        ..Frame::data(true, 1, 1, 100, 1)
    };
    let facts = examine(&[tagged, Frame::data(false, 1, 101, 10, 2)]);
    assert_eq!((facts.tagged, facts.flows_half_tagged), (1, 1));
}

#[test]
fn stamps_that_go_back_and_pauses() {
    let mut examiner = Examiner::default();
    let bytes = Frame::data(true, 1, 1, 10, 1).bytes();
    for seconds in [100_u64, 90, 91, 500] {
        examiner.packet(&Packet {
            time: EventTime::from_secs(seconds),
            link: LinkType::ETHERNET,
            wire_len: 20_000,
            data: Raw::new(&bytes),
        });
    }
    let facts = examiner.facts();
    assert_eq!((facts.backwards, facts.pauses), (2, 1));
    assert_eq!(facts.backwards_nanos, 10_000_000_000);
    assert_eq!(
        (facts.fine_stamps, facts.super_packets, facts.cut),
        (0, 4, 4)
    );
}

proptest! {
    #[test]
    fn anything_is_examined_without_harm(data in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        fuzz_examiner(&data);
        let mut examiner = Examiner::default();
        for link in [0_u16, 1, 101, 105, 113, 127, 276] {
            examiner.packet(&Packet {
                time: EventTime::from_secs(u64::from(link)),
                link: LinkType(link),
                wire_len: 100,
                data: Raw::new(&data),
            });
        }
        prop_assert_eq!(examiner.facts().packets, 7);
    }
}

#[test]
fn mutations_of_captures() {
    let seeds = [
        &include_bytes!("../../../captures/ipv6.pcap")[..],
        include_bytes!("../../../captures/midstream.pcap"),
    ];
    let entry = |data: &[u8]| {
        fuzz_examiner(data);
    };
    mutation::run("examiner", entry, &seeds);
}

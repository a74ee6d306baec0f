//! Packets of every kind that is decoded, and what becomes of the others.

use super::*;
use etherparse::{PacketBuilder, VlanId};

fn packet(link: u16, data: &[u8]) -> Packet<'_> {
    Packet {
        time: EventTime::from_secs(1),
        link: LinkType(link),
        wire_len: u32::try_from(data.len()).unwrap(),
        data: Raw::new(data),
    }
}

/// Ethernet, IPv4, TCP from 10.0.0.9:50000 to 10.0.0.1:80 with a payload.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([10, 0, 0, 9], [10, 0, 0, 1], 64)
        .tcp(50_000, 80, 7, 1_000)
        .ack(9)
        .write(&mut out, payload)
        .unwrap();
    out
}

fn payload_of(link: u16, data: &[u8]) -> Result<(Vec<u8>, u32), Tally> {
    decode(&packet(link, data)).map(|s| (s.payload.expose().to_vec(), s.missing))
}

#[test]
fn reads_both_directions_into_one_key() {
    let there = frame(b"GET");
    let mut back = there.clone();
    back[26..30].copy_from_slice(&[10, 0, 0, 1]);
    back[30..34].copy_from_slice(&[10, 0, 0, 9]);
    back[34..36].copy_from_slice(&80_u16.to_be_bytes());
    back[36..38].copy_from_slice(&50_000_u16.to_be_bytes());
    let (there, back) = (decode(&packet(1, &there)), decode(&packet(1, &back)));
    let (there, back) = (there.ok().unwrap(), back.ok().unwrap());
    assert!(there.key == back.key);
    assert_eq!((there.from_low, back.from_low), (false, true));
    assert_eq!((there.seq, there.ack), (7, 9));
    assert!(there.flags.ack && !there.flags.syn);
}

#[test]
fn padding_is_no_payload() {
    let mut padded = frame(b"x");
    padded.extend([0; 5]);
    assert_eq!(payload_of(1, &padded), Ok((b"x".to_vec(), 0)));
}

#[test]
fn what_the_snaplen_cut_is_missing() {
    let whole = frame(b"0123456789");
    let mut cut = packet(1, &whole[..whole.len() - 4]);
    cut.wire_len = u32::try_from(whole.len()).unwrap();
    let segment = decode(&cut).ok().unwrap();
    assert_eq!(*segment.payload.expose(), b"012345");
    assert_eq!(segment.missing, 4);
}

#[test]
fn length_zero_means_as_much_as_was_captured() {
    let mut offloaded = frame(b"0123456789");
    offloaded[16..18].copy_from_slice(&[0, 0]);
    assert_eq!(payload_of(1, &offloaded), Ok((b"0123456789".to_vec(), 0)));
    let mut cut = packet(1, &offloaded);
    cut.wire_len += 100;
    assert_eq!(decode(&cut).ok().unwrap().missing, 100);
}

#[test]
fn tags_are_looked_through() {
    let id = |n| VlanId::try_new(n).unwrap();
    let mut tagged = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .double_vlan(id(5), id(6))
        .ipv6([1; 16], [2; 16], 64)
        .tcp(50_000, 80, 7, 1_000)
        .write(&mut tagged, b"GET")
        .unwrap();
    assert_eq!(payload_of(1, &tagged), Ok((b"GET".to_vec(), 0)));
    let mut endless = vec![0; 12];
    endless.extend([0x81, 0, 0, 1].repeat(20));
    assert_eq!(payload_of(1, &endless), Err(Tally::PacketMalformed));
}

#[test]
fn other_link_types_lead_to_the_same() {
    let ethernet = frame(b"GET");
    let ip = &ethernet[14..];
    let expected = Ok((b"GET".to_vec(), 0));
    for link in [12, 14, 101, 228] {
        assert_eq!(payload_of(link, ip), expected);
    }
    assert_eq!(payload_of(0, &[&[2, 0, 0, 0], ip].concat()), expected);
    assert_eq!(payload_of(108, &[&[0, 0, 0, 2], ip].concat()), expected);
    assert_eq!(
        payload_of(113, &[&[0; 14][..], &[8, 0], ip].concat()),
        expected
    );
    assert_eq!(
        payload_of(276, &[&[8, 0], &[0; 18][..], ip].concat()),
        expected
    );
    let snap = [&[0; 12][..], &[0, 200, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ip].concat();
    assert_eq!(payload_of(1, &snap), expected);
}

#[test]
fn every_other_packet_has_its_reason() {
    let whole = frame(b"GET");
    let changed = |at: usize, value: u8| {
        let mut data = whole.clone();
        data[at] = value;
        payload_of(1, &data).unwrap_err()
    };
    assert_eq!(changed(13, 6), Tally::PacketNotIp);
    assert_eq!(changed(23, 17), Tally::PacketNotTcp);
    assert_eq!(changed(20, 0x20), Tally::PacketFragment);
    assert_eq!(changed(14, 0x41), Tally::PacketMalformed);
    assert_eq!(changed(46, 0x10), Tally::PacketMalformed);
    assert_eq!(payload_of(1, &whole[..10]), Err(Tally::PacketMalformed));
    assert_eq!(payload_of(189, &whole), Err(Tally::PacketUnsupportedLink));
}

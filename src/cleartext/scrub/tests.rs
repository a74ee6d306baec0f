//! The maps are one to one; captures keep their shape and lose their values.

use proptest::prelude::*;

use super::address::Addresses;
use super::*;
use crate::cleartext::capture::LinkType;
use crate::cleartext::{capture, mutation};

fn common(a: u128, b: u128) -> u32 {
    (a ^ b).leading_zeros()
}

proptest! {
    #[test]
    fn ip_prefixes_are_preserved(a: [u8; 4], b: [u8; 4], c: u128, d: u128) {
        let mut map = Addresses::new(&[7; 32]);
        let plain = |x: [u8; 4]| u128::from(u32::from_be_bytes(x)) << 96;
        let fixed = |x: [u8; 4]| x[0] >= 224 || x[0] == 127 || x == [0; 4];
        prop_assume!(!fixed(a) && !fixed(b));
        let (ma, mb) = (map.v4(a), map.v4(b));
        if !fixed(ma) && !fixed(mb) {
            prop_assert_eq!(common(plain(a), plain(b)).min(32), common(plain(ma), plain(mb)).min(32));
        }
        prop_assume!(c > 1 && d > 1 && c >> 120 != 0xff && d >> 120 != 0xff && c >> 48 != 0 && d >> 48 != 0);
        let (mc, md) = (map.v6(c.to_be_bytes()), map.v6(d.to_be_bytes()));
        prop_assert_eq!(common(c, d), common(u128::from_be_bytes(mc), u128::from_be_bytes(md)));
    }

    #[test]
    fn link_addresses_are_mapped_one_to_one(a: [u8; 6], b: [u8; 6]) {
        let map = Addresses::new(&[7; 32]);
        prop_assert_eq!(a == b, map.link(a) == map.link(b));
        prop_assert_eq!(a[0] & 1, map.link(a)[0] & 1);
    }

    #[test]
    fn any_packet_is_rewritten_at_its_length(data in proptest::collection::vec(any::<u8>(), 0..300), link in 0_u16..300) {
        let mut packet = data.clone();
        let mut map = Addresses::new(&[7; 32]);
        packet::rewrite(&mut packet, LinkType(link), &mut map, &mut |payload| payload.fill(FILLER), &mut |_| false);
        prop_assert_eq!(packet.len(), data.len());
    }
}

#[test]
fn the_whole_of_a_small_prefix_is_mapped_one_to_one() {
    let mut map = Addresses::new(&[1; 32]);
    let mut seen: Vec<_> = (0..=u16::MAX)
        .map(|n| map.v4([10, 1, (n >> 8) as u8, n as u8]))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 65_536);
}

/// Rewrites the packets of a capture as the second pass does, without any spool.
fn fuzz_packets(bytes: &[u8]) {
    let mut map = Addresses::new(&[3; 32]);
    capture::for_each_record(bytes, &mut |packet| {
        let mut copy = packet.data.expose().to_vec();
        let mut payload_bytes = 0;
        let tcp = &mut |payload: &mut [u8]| {
            payload_bytes += payload.len();
            payload.fill(FILLER);
        };
        packet::rewrite(&mut copy, packet.link, &mut map, tcp, &mut |_| false);
        assert_eq!(copy.len(), packet.data.expose().len());
        assert!(payload_bytes <= copy.len());
    });
}

#[test]
fn mutations_of_packets() {
    let seeds = [
        &include_bytes!("../../../captures/ipv6.pcap")[..],
        include_bytes!("../../../captures/midstream.pcap"),
    ];
    mutation::run("scrubbed packets", fuzz_packets, &seeds);
}

#[test]
fn mutations_of_names() {
    let query = b"\x12\x34\x01\0\0\x01\0\x01\0\0\0\0\x04shop\x04test\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
    let entry = |data: &[u8]| {
        let mut message = data.to_vec();
        dns::rewrite(&mut message, &mut Addresses::new(&[3; 32]));
        assert_eq!(message.len(), data.len());
    };
    mutation::run("dns", entry, &[query]);
    let mut message = query.to_vec();
    dns::rewrite(&mut message, &mut Addresses::new(&[3; 32]));
    let text = String::from_utf8_lossy(&message);
    assert!(!text.contains("shop") && !text.contains("test"), "{text}");
    assert_ne!(message[39..43], [0xc0, 0, 2, 1], "the address is mapped");
    assert_eq!(message[..12], query[..12]);
}

/// An IPv4 packet in a raw frame that carries `payload` from `start` on.
fn ipv4(payload: &[u8], start: usize, more: bool) -> Vec<u8> {
    let len = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let place = u16::try_from(start / 8).unwrap() | if more { 0x2000 } else { 0 };
    let [high, low] = place.to_be_bytes();
    let mut packet = vec![0x45, 0, len[0], len[1], 0, 7, high, low, 64, 6, 0, 0];
    packet.extend_from_slice(&[198, 51, 100, 1, 192, 0, 2, 1]);
    packet.extend_from_slice(payload);
    packet
}

#[test]
fn fragments_are_rewritten_as_the_datagram_that_they_are() {
    let mut datagram = vec![
        0x1f, 0x90, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 9, 9, 0, 0,
    ];
    datagram.extend_from_slice(b"POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\npassword=hunter2");
    let frames = [
        ipv4(&datagram[40..], 40, false),
        ipv4(&datagram[..24], 0, true),
        ipv4(&datagram[24..40], 24, true),
    ];
    let mut map = Addresses::new(&[7; 32]);
    let mut fragments = Fragments::default();
    let mut wholes = 0;
    for (number, frame) in (1..).zip(&frames) {
        let mut whole = None;
        let part = &mut |part: &mut packet::Part<'_>| {
            whole = fragments
                .gather(number, part)
                .map(|whole| (whole, part.pseudo));
            false
        };
        packet::rewrite(
            &mut frame.clone(),
            LinkType(101),
            &mut map,
            &mut |_| {},
            part,
        );
        if let Some((mut whole, pseudo)) = whole {
            let tcp = &mut |payload: &mut [u8]| payload.fill(b'm');
            packet::rewrite_datagram(&mut whole.payload, 6, pseudo, &mut map, tcp);
            fragments.keep(&whole);
            wholes += 1;
        }
    }
    assert_eq!(wholes, 1);
    let mut joined = vec![0; datagram.len()];
    let mut addresses = [0; 8];
    for (number, frame) in (1..).zip(&frames) {
        let mut copy = frame.clone();
        let part = &mut |part: &mut packet::Part<'_>| fragments.fill(number, part);
        packet::rewrite(&mut copy, LinkType(101), &mut map, &mut |_| {}, part);
        assert_eq!(copy.len(), frame.len());
        let start = usize::from(u16::from_be_bytes([copy[6] & 0x1f, copy[7]])) * 8;
        joined[start..start + copy.len() - 20].copy_from_slice(&copy[20..]);
        addresses.copy_from_slice(&copy[12..20]);
    }
    assert_eq!(joined[..16], datagram[..16]);
    assert!(joined[20..].iter().all(|byte| *byte == b'm'));
    let len = u8::try_from(joined.len()).unwrap();
    let mut sum: u32 = [&addresses[..], &[0, 6, 0, len], &joined]
        .concat()
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    assert_eq!(sum, 0xffff, "the checksum verifies");
}

//! Packets of every kind that is decoded, and what becomes of the others.

use super::*;
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
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

/// A TCP segment in IPv4 without any link layer.
fn inner_ip(payload: &[u8]) -> Vec<u8> {
    frame(payload)[14..].to_vec()
}

/// What is around a packet.
#[derive(Clone, Copy, Debug)]
enum Around {
    Vlan,
    QinQ,
    Pbb,
    Mpls,
    Pppoe,
    VnTag,
    Snap,
    Gre,
    GreTeb,
    Erspan1,
    Erspan2,
    Erspan3,
    IpIp,
    Vxlan,
    Geneve,
    Gtpu,
    GreInUdp,
    Nsh,
    Ah,
}

const AROUND: [Around; 19] = [
    Around::Vlan,
    Around::QinQ,
    Around::Pbb,
    Around::Mpls,
    Around::Pppoe,
    Around::VnTag,
    Around::Snap,
    Around::Gre,
    Around::GreTeb,
    Around::Erspan1,
    Around::Erspan2,
    Around::Erspan3,
    Around::IpIp,
    Around::Vxlan,
    Around::Geneve,
    Around::Gtpu,
    Around::GreInUdp,
    Around::Nsh,
    Around::Ah,
];

fn in_ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = etherparse::Ipv4Header::new(
        u16::try_from(payload.len()).unwrap(),
        64,
        etherparse::IpNumber(protocol),
        [172, 16, 0, 1],
        [172, 16, 0, 2],
    )
    .unwrap();
    header.header_checksum = header.calc_header_checksum();
    [header.to_bytes().as_slice(), payload].concat()
}

fn in_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    let header = [40_000_u16, port, length, 0].map(u16::to_be_bytes).concat();
    in_ipv4(17, &[&header, payload].concat())
}

fn in_ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..],
        &kind.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// Puts an IP packet into something; gives an IP packet again, or an Ethernet frame.
fn wrap(around: Around, ip: &[u8]) -> (bool, Vec<u8>) {
    let frame = in_ethernet(0x0800, ip);
    let ethernet =
        |kind: u16, head: &[u8], rest: &[u8]| (false, in_ethernet(kind, &[head, rest].concat()));
    let gre = |head: &[u8], rest: &[u8]| (true, in_ipv4(47, &[head, rest].concat()));
    match around {
        Around::Vlan => ethernet(0x8100, &[0, 7, 8, 0], ip),
        Around::QinQ => ethernet(0x88a8, &[0, 7, 0x81, 0, 0, 8, 8, 0], ip),
        Around::Pbb => ethernet(0x88e7, &[0, 0, 0, 9], &frame),
        Around::Mpls => ethernet(0x8847, &[0, 1, 0, 64, 0, 2, 1, 64], ip),
        Around::Pppoe => ethernet(0x8864, &[0x11, 0, 0, 1, 0, 0, 0, 0x21], ip),
        Around::VnTag => ethernet(0x8926, &[0, 0, 0, 0, 8, 0], ip),
        Around::Snap => ethernet(1_000, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], ip),
        Around::Gre => gre(&[0x30, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2], ip),
        Around::GreTeb => gre(&[0, 0, 0x65, 0x58], &frame),
        Around::Erspan1 => gre(&[0, 0, 0x88, 0xbe], &frame),
        Around::Erspan2 => gre(
            &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0],
            &frame,
        ),
        Around::Erspan3 => gre(
            &[
                0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
            &frame,
        ),
        Around::IpIp => (true, in_ipv4(4, ip)),
        Around::Vxlan => (
            true,
            in_udp(4_789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &frame].concat()),
        ),
        Around::Geneve => (
            true,
            in_udp(
                6_081,
                &[&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0][..], &frame].concat(),
            ),
        ),
        Around::Gtpu => {
            let length = u16::try_from(ip.len()).unwrap().to_be_bytes();
            (
                true,
                in_udp(
                    2_152,
                    &[&[0x30, 0xff][..], &length, &[0, 0, 0, 9], ip].concat(),
                ),
            )
        }
        Around::GreInUdp => (true, in_udp(4_754, &[&[0, 0, 8, 0][..], ip].concat())),
        Around::Nsh => ethernet(
            0x894f,
            &[0, 6, 1, 3, 0, 0, 0, 0].map(|b| if b == 6 { 2 } else { b }),
            &frame,
        ),
        Around::Ah => {
            let head = [
                4, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
            ];
            (true, in_ipv4(51, &[&head[..], ip].concat()))
        }
    }
}

/// Nests a segment; gives the link type and the packet.
fn nest(layers: &[Around], payload: &[u8]) -> (u16, Vec<u8>) {
    let mut is_ip = true;
    let mut bytes = inner_ip(payload);
    for around in layers {
        // A frame goes into IP as a bridge would put it there.
        let ip = if is_ip {
            bytes
        } else {
            in_ipv4(47, &[&[0, 0, 0x65, 0x58][..], &bytes].concat())
        };
        (is_ip, bytes) = wrap(*around, &ip);
    }
    (if is_ip { 101 } else { 1 }, bytes)
}

#[test]
fn looks_through_everything_it_knows() {
    for around in AROUND {
        let (link, bytes) = nest(&[around], b"GET / HTTP/1.1\r\n");
        let read = payload_of(link, &bytes);
        assert_eq!(read, Ok((b"GET / HTTP/1.1\r\n".to_vec(), 0)), "{around:?}");
    }
}

/// The segment on every link type that carries IP.
#[test]
fn reads_every_link_type() {
    let ip = inner_ip(b"hello");
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ip].concat();
    let radio = [&[0x08, 0x01][..], &[0; 22], &snap].concat();
    let cases: Vec<(u16, Vec<u8>)> = vec![
        (0, [&[2, 0, 0, 0][..], &ip].concat()),
        (108, [&[0, 0, 0, 2][..], &ip].concat()),
        (101, ip.clone()),
        (228, ip.clone()),
        (113, [&[0; 14][..], &[8, 0], &ip].concat()),
        (276, [&[8, 0][..], &[0; 18], &ip].concat()),
        (9, [&[0xff, 3, 0, 0x21][..], &ip].concat()),
        (9, [&[0x21][..], &ip].concat()),
        (50, [&[0x0f, 0, 8, 0][..], &ip].concat()),
        (51, [&[0x11, 0, 0, 1, 0, 0, 0, 0x21][..], &ip].concat()),
        (104, [&[0x0f, 0, 8, 0][..], &ip].concat()),
        (107, [&[0x18, 0x41, 3, 0xcc][..], &ip].concat()),
        (107, [&[0x18, 0x41, 8, 0][..], &ip].concat()),
        (105, radio.clone()),
        (127, [&[0, 0, 8, 0, 0, 0, 0, 0][..], &radio].concat()),
        (192, [&[0, 0, 8, 0, 105, 0, 0, 0][..], &radio].concat()),
        (
            119,
            [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136], &radio].concat(),
        ),
        (
            163,
            [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56], &radio].concat(),
        ),
        (6, [&[0x10, 0x40][..], &[0; 12], &snap].concat()),
        (10, [&[0x54][..], &[0; 12], &snap].concat()),
        (100, snap.clone()),
        (7, [&[1, 2, 212, 0, 0, 1][..], &ip].concat()),
        (129, [&[1, 2, 0, 0, 240][..], &ip].concat()),
        (138, [&[0; 16][..], &[8, 0], &ip].concat()),
        (239, {
            let length = u16::try_from(ip.len() + 4).unwrap().to_le_bytes();
            [
                &[2, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 0][..],
                &length,
                &[9, 0],
                &ip,
            ]
            .concat()
        }),
        (8, [&[0; 16][..], &ip].concat()),
        (106, snap.clone()),
        (
            178,
            [&b"MGC\x80\0\x02\0\0"[..], &in_ethernet(0x0800, &ip)].concat(),
        ),
        (242, [&[0; 40][..], &[8, 0, 0, 0], &ip].concat()),
        (281, [&[2; 16][..], &[8, 0], &ip].concat()),
        (282, [&[0; 4][..], &in_ethernet(0x0800, &ip)].concat()),
        (285, [&[2; 20][..], &[8, 0], &ip].concat()),
        (
            258,
            [&[12, 0, 0, 0, 1, 0, 0, 0, 101, 0, 0, 0][..], &ip].concat(),
        ),
    ];
    for (link, bytes) in cases {
        assert!(supports(LinkType(link)), "{link}");
        assert_eq!(
            payload_of(link, &bytes),
            Ok((b"hello".to_vec(), 0)),
            "{link}"
        );
    }
    assert!(!supports(LinkType(253)));
    assert_eq!(name(LinkType(253)), "NETLINK");
}

/// Cuts an IPv4 packet into fragments of `size` bytes.
fn fragments_of(ip: &[u8], size: usize) -> Vec<Vec<u8>> {
    let payload = &ip[20..];
    let pieces = payload.chunks(size).enumerate();
    pieces
        .map(|(n, piece)| {
            let mut header = ip[..20].to_vec();
            let total = u16::try_from(20 + piece.len()).unwrap();
            header[2..4].copy_from_slice(&total.to_be_bytes());
            header[4..6].copy_from_slice(&[9, 9]);
            let more = if (n + 1) * size < payload.len() {
                0x2000
            } else {
                0
            };
            let place = u16::try_from(n * size / 8).unwrap() | more;
            header[6..8].copy_from_slice(&place.to_be_bytes());
            [header.as_slice(), piece].concat()
        })
        .collect()
}

/// Feeds packets of one link type; gives the payloads that come out and how many outcomes there were.
fn feed(packets: &[(u16, Vec<u8>)]) -> Vec<Vec<u8>> {
    let (settings, tally) = (Settings::default(), TallySheet::default());
    let mut fragments = Fragments::default();
    let mut found = Vec::new();
    for (link, bytes) in packets {
        let packet = packet(*link, bytes);
        let mut whole = None;
        match walk(&packet, &settings, &tally) {
            Decoded::Segment(segment) => found.push(segment.payload.expose().to_vec()),
            Decoded::Fragment(fragment) => {
                whole = fragments.add(&fragment, packet.time, &settings.fragments, &tally);
            }
            Decoded::Quic(..) | Decoded::Other(_) => {}
        }
        while let Some(datagram) = whole.take() {
            match resume(&datagram, &settings, &tally) {
                Decoded::Segment(segment) => found.push(segment.payload.expose().to_vec()),
                Decoded::Fragment(fragment) => {
                    whole = fragments.add(&fragment, packet.time, &settings.fragments, &tally);
                }
                Decoded::Quic(..) | Decoded::Other(_) => {}
            }
        }
    }
    assert!(!found.is_empty() || fragments.memory() <= settings.fragments.max_memory);
    found
}

#[test]
fn fragments_inside_and_around_a_tunnel() {
    let payload: Vec<u8> = (0..3_000_u32).map(|n| n as u8).collect();
    let inside: Vec<_> = fragments_of(&inner_ip(&payload), 1_200)
        .into_iter()
        .map(|piece| (101, wrap(Around::Gre, &piece).1))
        .collect();
    assert_eq!(feed(&inside), std::slice::from_ref(&payload));
    let (_, outer) = wrap(Around::Vxlan, &inner_ip(&payload));
    let around: Vec<_> = fragments_of(&outer, 1_400)
        .into_iter()
        .map(|piece| (101, piece))
        .collect();
    assert_eq!(feed(&around), [payload]);
}

#[test]
fn on_overlap_the_first_copy_wins() {
    let mut pieces = fragments_of(&inner_ip(&[b'a'; 64]), 32);
    let mut other = pieces[1].clone();
    other[20..].fill(b'b');
    pieces.insert(2, other);
    let packets: Vec<_> = pieces.into_iter().map(|piece| (101, piece)).collect();
    assert_eq!(feed(&packets), [vec![b'a'; 64]]);
}

#[test]
fn checksums_are_counted_and_dropped_only_if_told() {
    let good = frame(b"odd length!");
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let outcome = |bytes: &[u8], checksums| {
        let settings = Settings {
            checksums,
            ..Settings::default()
        };
        let tally = TallySheet::default();
        let analysed = matches!(
            walk(&packet(1, bytes), &settings, &tally),
            Decoded::Segment(_)
        );
        (analysed, tally.get(Tally::TcpChecksums))
    };
    for policy in [Checksums::Ignore, Checksums::Count, Checksums::Drop] {
        assert_eq!(outcome(&good, policy), (true, 0), "{policy:?}");
    }
    assert_eq!(outcome(&bad, Checksums::Ignore), (true, 0));
    assert_eq!(outcome(&bad, Checksums::Count), (true, 1));
    assert_eq!(outcome(&bad, Checksums::Drop), (false, 1));
}

#[test]
fn an_atomic_fragment_is_none() {
    let tcp = inner_ip(b"x")[20..].to_vec();
    let header = [6, 0, 0, 0, 0, 0, 0, 1];
    let length = u16::try_from(tcp.len() + 8).unwrap();
    let ip = [
        &[0x60, 0, 0, 0][..],
        &length.to_be_bytes(),
        &[44, 64],
        &[0x20; 16],
        &[0x21; 16],
        &header,
        &tcp,
    ]
    .concat();
    assert_eq!(payload_of(101, &ip), Ok((b"x".to_vec(), 0)));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_nesting_gives_the_segment(
            layers in proptest::collection::vec(proptest::sample::select(AROUND.to_vec()), 0..4),
            payload in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let (link, bytes) = nest(&layers, &payload);
            prop_assert_eq!(payload_of(link, &bytes), Ok((payload, 0)));
        }

        #[test]
        fn fragments_come_in_any_order(
            payload in proptest::collection::vec(any::<u8>(), 100..2_000),
            size in (1_usize..40).prop_map(|n| n * 8),
            order in any::<u64>(),
        ) {
            let mut pieces = fragments_of(&inner_ip(&payload), size);
            let mut random = order;
            for n in (1..pieces.len()).rev() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                pieces.swap(n, (random >> 33) as usize % (n + 1));
            }
            let packets: Vec<_> = pieces.into_iter().map(|piece| (101, piece)).collect();
            prop_assert_eq!(feed(&packets), [payload]);
        }

        #[test]
        fn random_datagrams_are_no_tunnels(
            port in proptest::sample::select(vec![4_789_u16, 8_472, 4_790, 6_081, 2_152, 3_544, 5_072, 4_754, 6_635, 1_701, 53, 443]),
            payload in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = in_udp(port, &payload);
            prop_assert!(payload_of(101, &bytes).is_err());
        }

        #[test]
        fn almost_a_tunnel_is_none(flip in 8_usize..69, bit in 0_u8..8) {
            // A VXLAN packet with one bit wrong in its inner headers is either the same segment's or nothing.
            let (_, mut bytes) = wrap(Around::Vxlan, &inner_ip(b"payload"));
            bytes[28 + flip] ^= 1 << bit;
            if let Ok((payload, _)) = payload_of(101, &bytes) {
                prop_assert!(payload.len() <= 7 + 20);
            }
        }
    }

    #[test]
    fn mutations_of_frames() {
        let seeds: Vec<Vec<u8>> = AROUND
            .iter()
            .map(|around| {
                let (link, bytes) = nest(&[*around], b"GET");
                [&link.to_be_bytes()[..], &bytes].concat()
            })
            .chain(
                fragments_of(&inner_ip(&[7; 64]), 32)
                    .into_iter()
                    .map(|piece| [&[0, 101][..], &piece].concat()),
            )
            .collect();
        let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        crate::cleartext::mutation::run("decode", fuzz_decode, &seeds);
    }
}

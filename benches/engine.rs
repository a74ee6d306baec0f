//! What it costs to turn packets into transactions: decode, flow, reassembly and HTTP of a keep-alive JSON API, in memory.
#![allow(clippy::unwrap_used, reason = "a bench may stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hushtap::cleartext::capture::{LinkType, Packet};
use hushtap::cleartext::engine::{Engine, Settings};
use hushtap::cleartext::raw::Raw;
use hushtap::clock::EventTime;
use hushtap::tally::TallySheet;

/// Exchanges on the one connection.
const EXCHANGES: u32 = 1_000;

/// A connection of as many exchanges of a 514 byte request and a 1,114 byte response.
fn connection() -> Vec<Vec<u8>> {
    let request = padded(
        "POST /v1/orders/4711/items?page=2&sort=price HTTP/1.1\r\nHost: api.shop.test\r\nUser-Agent: okhttp/4.12.0\r\n\
         Accept: application/json\r\nAccept-Encoding: gzip\r\nAuthorization: Bearer 0123456789abcdef0123456789abcdef\r\n\
         Content-Type: application/json\r\nX-Request-Id: 5f2c91d0-7a11-4c3e-9f00-0123456789ab\r\nConnection: keep-alive\r\n",
        514,
    );
    let response = padded(
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 06:53:00 GMT\r\nContent-Type: application/json\r\n\
         Cache-Control: no-store\r\nVary: Accept-Encoding\r\nX-Request-Id: 5f2c91d0-7a11-4c3e-9f00-0123456789ab\r\n\
         Connection: keep-alive\r\n",
        1_114,
    );
    let (mut client, mut server) = (1_000_u32, 5_000_u32);
    let mut packets = vec![
        packet(true, client - 1, 0, 0x02, b""),
        packet(false, server - 1, client, 0x12, b""),
        packet(true, client, server, 0x10, b""),
    ];
    for _ in 0..EXCHANGES {
        packets.push(packet(true, client, server, 0x18, &request));
        client += u32::try_from(request.len()).unwrap();
        packets.push(packet(false, server, client, 0x18, &response));
        server += u32::try_from(response.len()).unwrap();
        packets.push(packet(true, client, server, 0x10, b""));
    }
    packets
}

/// A message of that length: the head, then a JSON body.
fn padded(head: &str, len: usize) -> Vec<u8> {
    let mut body_len = len - head.len() - "Content-Length: 000\r\n\r\n".len();
    if body_len < 100 {
        body_len += 1;
    }
    let mut message = format!("{head}Content-Length: {body_len}\r\n\r\n").into_bytes();
    message.extend_from_slice(b"{\"items\":\"");
    message.resize(len - 2, b'x');
    message.extend_from_slice(b"\"}");
    message
}

/// Ethernet, IPv4, TCP.
fn packet(from_client: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0_u8; 12];
    bytes.extend_from_slice(&[0x08, 0x00, 0x45, 0]);
    bytes.extend_from_slice(&u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    let (client, server) = (([10, 0, 0, 1], 40_000_u16), ([10, 0, 0, 2], 8_080_u16));
    let (from, to) = if from_client {
        (client, server)
    } else {
        (server, client)
    };
    bytes.extend_from_slice(&from.0);
    bytes.extend_from_slice(&to.0);
    bytes.extend_from_slice(&from.1.to_be_bytes());
    bytes.extend_from_slice(&to.1.to_be_bytes());
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&ack.to_be_bytes());
    bytes.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend_from_slice(payload);
    bytes
}

fn engine(c: &mut Criterion) {
    let packets = connection();
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(u64::from(EXCHANGES)));
    group.bench_function("keep-alive JSON exchange", |b| {
        b.iter(|| {
            let mut engine = Engine::new(Settings::default(), Arc::new(TallySheet::default()));
            let mut count = 0_u32;
            let mut emit = |tx| {
                count += 1;
                drop(black_box(tx));
            };
            for (at, bytes) in packets.iter().enumerate() {
                let packet = Packet {
                    time: EventTime::from_nanos(u64::try_from(at).unwrap() * 1_000),
                    link: LinkType::ETHERNET,
                    wire_len: u32::try_from(bytes.len()).unwrap(),
                    data: Raw::new(bytes.as_slice()),
                };
                engine.packet(&packet, &mut emit);
            }
            engine.finish(&mut emit);
            assert_eq!(count, EXCHANGES);
        });
    });
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);

//! One TCP connection written packet by packet, for tests that cut, lose and reorder.

use std::sync::Arc;

use etherparse::{PacketBuilder, TcpHeader};

use crate::cleartext::capture::{LinkType, Packet};
use crate::cleartext::engine::{Engine, Settings};
use crate::cleartext::http::transaction::Transaction;
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::tally::TallySheet;

/// Initial sequence numbers of client and server; the server's wraps soon.
const STARTS: [u32; 2] = [1_000, u32::MAX - 5_000];

/// A connection and what was made of it.
pub(super) struct Connection<T, F: FnMut(&Transaction) -> T> {
    engine: Engine,
    now: u64,
    seen: Vec<T>,
    tell: F,
}

impl<T, F: FnMut(&Transaction) -> T> Connection<T, F> {
    /// Shakes hands. `tell` says of each transaction what the test wants to keep.
    pub(super) fn open(tell: F) -> Self {
        let mut connection = Self {
            engine: Engine::new(Settings::default(), Arc::new(TallySheet::default())),
            now: 1_000_000_000_000,
            seen: Vec::new(),
            tell,
        };
        connection.packet(true, (STARTS[0], None), "S", b"");
        let ack = Some(STARTS[0].wrapping_add(1));
        connection.packet(false, (STARTS[1], ack), "S", b"");
        connection
    }

    /// A segment, or an acknowledgement alone if `payload` is empty: `offset` in the sender's stream, `acked` in the other.
    pub(super) fn send(&mut self, from_client: bool, offset: usize, acked: usize, payload: &[u8]) {
        let (own, other) = if from_client { (0, 1) } else { (1, 0) };
        let ack = Some(place(other, acked));
        self.packet(from_client, (place(own, offset), ack), "", payload);
    }

    /// Both sides say goodbye after having sent so many bytes; gives what was told of all transactions.
    pub(super) fn close(mut self, sent: [usize; 2]) -> Vec<T> {
        let (client, server) = (place(0, sent[0]), place(1, sent[1]));
        self.packet(false, (server, Some(client)), "F", b"");
        let ack = Some(server.wrapping_add(1));
        self.packet(true, (client, ack), "F", b"");
        let Self {
            engine, seen, tell, ..
        } = &mut self;
        engine.finish(&mut |tx| seen.push(tell(&tx)));
        self.seen
    }

    fn packet(
        &mut self,
        from_client: bool,
        (seq, ack): (u32, Option<u32>),
        flags: &str,
        bytes: &[u8],
    ) {
        self.now += 100_000;
        let (mut ports, mut hosts) = ((40_000, 80), ([10, 0, 0, 9], [10, 0, 0, 1]));
        if !from_client {
            ports = (ports.1, ports.0);
            hosts = (hosts.1, hosts.0);
        }
        let mut tcp = TcpHeader::new(ports.0, ports.1, seq, 65_000);
        tcp.syn = flags.contains('S');
        tcp.fin = flags.contains('F');
        tcp.ack = ack.is_some();
        tcp.acknowledgment_number = ack.unwrap_or(0);
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4(hosts.0, hosts.1, 64)
            .tcp_header(tcp)
            .write(&mut frame, bytes)
            .unwrap();
        let packet = Packet {
            time: EventTime::from_nanos(self.now),
            link: LinkType::ETHERNET,
            wire_len: u32::try_from(frame.len()).unwrap(),
            data: Raw::new(&frame),
        };
        let Self {
            engine, seen, tell, ..
        } = self;
        engine.packet(&packet, &mut |tx| seen.push(tell(&tx)));
    }
}

fn place(side: usize, offset: usize) -> u32 {
    let offset = u32::try_from(offset).unwrap();
    STARTS[side].wrapping_add(1).wrapping_add(offset)
}

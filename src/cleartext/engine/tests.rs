//! The engine on packet scripts and on whole captures.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod connection;
mod lossy;
mod scrambled;

use super::*;
use crate::cleartext::capture::{
    FileOptions, FileSource, LinkType, OpenError, Polled, Source, SourceError,
};
use crate::cleartext::raw::Raw;
use crate::clock::NANOS_PER_SECOND;
use crate::observation::TxState;
use etherparse::{PacketBuilder, TcpHeader};
use std::path::{Path, PathBuf};

/// An engine and a clock; packets are written with a client port and TCP fields.
struct Script {
    engine: Engine,
    tally: Arc<TallySheet>,
    now: u64,
    /// (flow, status) of each transaction.
    seen: Vec<(u64, Option<u16>)>,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Client,
    Server,
}
use Who::{Client, Server};

impl Script {
    #[allow(clippy::large_types_passed_by_value, reason = "once a test")]
    fn new(settings: Settings) -> Self {
        let tally = Arc::new(TallySheet::default());
        Self {
            engine: Engine::new(settings, Arc::clone(&tally)),
            tally,
            now: 1_000 * NANOS_PER_SECOND,
            seen: Vec::new(),
        }
    }

    fn send(
        &mut self,
        (from, port): (Who, u16),
        (seq, ack): (u32, u32),
        flags: &str,
        payload: &str,
    ) {
        self.now += 1_000_000;
        let mut tcp = TcpHeader::new(port, 80, seq, 65_000);
        let (mut source, mut target) = ([10, 0, 0, 9], [10, 0, 0, 1]);
        if from == Server {
            (tcp.source_port, tcp.destination_port) = (80, port);
            (source, target) = (target, source);
        }
        tcp.acknowledgment_number = ack;
        tcp.syn = flags.contains('S');
        tcp.ack = flags.contains('A');
        tcp.fin = flags.contains('F');
        tcp.rst = flags.contains('R');
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4(source, target, 64)
            .tcp_header(tcp)
            .write(&mut frame, payload.as_bytes())
            .unwrap();
        self.packet(&frame);
    }

    fn packet(&mut self, frame: &[u8]) {
        let packet = Packet {
            time: EventTime::from_nanos(self.now),
            link: LinkType::ETHERNET,
            wire_len: u32::try_from(frame.len()).unwrap(),
            data: Raw::new(frame),
        };
        let seen = &mut self.seen;
        self.engine.packet(&packet, &mut |tx| {
            seen.push((tx.flow.0, tx.response.as_ref().map(|r| r.status)));
        });
    }

    fn connect(&mut self, port: u16, (client, server): (u32, u32)) {
        self.send((Client, port), (client, 0), "S", "");
        self.send((Server, port), (server, client + 1), "SA", "");
        self.send((Client, port), (client + 1, server + 1), "A", "");
    }

    /// A request and its response; the next sequence numbers.
    fn exchange(&mut self, port: u16, (client, server): (u32, u32)) -> (u32, u32) {
        let (there, back) = (
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        );
        let after = (client + there.len() as u32, server + back.len() as u32);
        self.send((Client, port), (client, server), "A", there);
        self.send((Server, port), (server, after.0), "A", back);
        after
    }

    fn wait(&mut self, seconds: u64) {
        self.now += seconds * NANOS_PER_SECOND;
        let now = EventTime::from_nanos(self.now);
        let seen = &mut self.seen;
        self.engine.idle(now, &mut |tx| {
            seen.push((tx.flow.0, tx.response.as_ref().map(|r| r.status)));
        });
    }

    fn finish(&mut self) {
        let seen = &mut self.seen;
        self.engine.finish(&mut |tx| {
            seen.push((tx.flow.0, tx.response.as_ref().map(|r| r.status)));
        });
        assert_account_closes(&self.tally, "the script");
        assert_eq!(self.engine.memory(), 0);
    }

    fn count(&self, tally: Tally) -> u64 {
        self.tally.get(tally)
    }
}

#[test]
fn a_connection_is_a_flow_and_an_exchange_a_transaction() {
    let mut s = Script::new(Settings::default());
    s.connect(5_000, (100, 900));
    let (client, server) = s.exchange(5_000, (101, 901));
    s.exchange(5_000, (client, server));
    assert_eq!(s.seen, [(1, Some(200)), (1, Some(200))]);
    s.finish();
    assert_eq!(s.count(Tally::FlowsOpened), 1);
    assert_eq!(s.count(Tally::FlowsMidstream), 0);
    assert_eq!(s.count(Tally::PacketsAnalysed), 7);
}

#[test]
fn a_new_handshake_on_the_same_ports_is_a_new_flow() {
    let mut s = Script::new(Settings::default());
    s.connect(5_000, (100, 900));
    let (client, server) = s.exchange(5_000, (101, 901));
    s.send((Client, 5_000), (client, server), "FA", "");
    s.send((Server, 5_000), (server, client + 1), "FA", "");
    s.send((Server, 5_000), (server, client + 1), "FA", "");
    s.connect(5_000, (70_000, 80_000));
    s.exchange(5_000, (70_001, 80_001));
    // Also without any farewell.
    s.connect(5_000, (170_000, 180_000));
    s.exchange(5_000, (170_001, 180_001));
    s.finish();
    assert_eq!(s.seen, [(1, Some(200)), (2, Some(200)), (3, Some(200))]);
}

#[test]
fn a_repeated_syn_and_a_late_one_change_nothing() {
    let mut s = Script::new(Settings::default());
    s.send((Client, 5_000), (100, 0), "S", "");
    s.connect(5_000, (100, 900));
    let (client, server) = s.exchange(5_000, (101, 901));
    s.send((Client, 5_000), (100, 0), "S", "");
    s.exchange(5_000, (client, server));
    // The SYN of another flow is captured after its first request.
    s.send(
        (Client, 6_000),
        (101, 901),
        "A",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    s.send((Client, 6_000), (100, 0), "S", "");
    s.send(
        (Server, 6_000),
        (901, 128),
        "A",
        "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    );
    s.finish();
    assert_eq!(s.seen, [(1, Some(200)), (1, Some(200)), (2, Some(404))]);
}

#[test]
fn a_connection_whose_handshake_was_missed_is_found_again() {
    let mut s = Script::new(Settings::default());
    s.connect(5_000, (100, 900));
    let mut at = s.exchange(5_000, (101, 901));
    at = (
        at.0.wrapping_add(2_000_000_000),
        at.1.wrapping_add(2_000_000_000),
    );
    for _ in 0..6 {
        at = s.exchange(5_000, at);
    }
    s.finish();
    assert_eq!(s.count(Tally::FlowsOpened), 2);
    assert!(s.seen.len() >= 5, "{}", s.seen.len());
}

#[test]
fn flows_end_by_timeout_on_packet_time() {
    let mut s = Script::new(Settings::default());
    s.send((Client, 5_000), (100, 0), "S", "");
    s.connect(5_001, (100, 900));
    s.send(
        (Client, 5_001),
        (101, 901),
        "A",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(s.engine.flows(), 2);
    s.wait(31);
    assert_eq!((s.engine.flows(), s.seen.len()), (1, 0));
    s.wait(300);
    assert_eq!(s.engine.flows(), 0);
    assert_eq!(s.seen, [(2, None)]);
    assert_eq!(s.count(Tally::FlowsTimedOut), 2);
    assert_eq!(s.engine.memory(), 0);
}

#[test]
fn closed_flows_linger_only_briefly() {
    let mut s = Script::new(Settings::default());
    s.connect(5_000, (100, 900));
    s.send(
        (Client, 5_000),
        (101, 901),
        "A",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    s.send((Server, 5_000), (901, 128), "R", "");
    assert_eq!(s.engine.flows(), 1);
    s.wait(6);
    assert_eq!((s.engine.flows(), s.seen.as_slice()), (0, &[(1, None)][..]));
    assert_eq!(s.count(Tally::FlowsTimedOut), 0);
}

#[test]
fn the_table_stays_inside_its_limits_and_says_what_it_gave_up() {
    let mut s = Script::new(Settings {
        flow: flow::Settings {
            max_flows: 10,
            ..flow::Settings::default()
        },
        ..Settings::default()
    });
    for port in 0..100 {
        s.send((Client, 5_000 + port), (100, 0), "S", "");
    }
    assert_eq!(s.engine.flows(), 10);
    assert_eq!(s.count(Tally::FlowsEvicted), 90);
    s.finish();

    let limit = 64 << 10;
    let mut s = Script::new(Settings {
        flow: flow::Settings {
            max_memory: limit,
            ..flow::Settings::default()
        },
        ..Settings::default()
    });
    for port in 0..100 {
        s.connect(5_000 + port, (100, 900));
        // Behind a hole, so that it is held.
        s.send(
            (Client, 5_000 + port),
            (1_101, 901),
            "A",
            &"x".repeat(1_000),
        );
        assert!(s.engine.memory() <= limit);
    }
    assert!(s.count(Tally::FlowsEvicted) > 20);
    s.finish();
}

#[test]
fn flows_cost_little() {
    let entry = Table::<Flow>::ENTRY;
    assert!(entry <= 256, "a flow without payload costs {entry} bytes");
    let mut s = Script::new(Settings::default());
    s.connect(5_000, (100, 900));
    s.exchange(5_000, (101, 901));
    let memory = s.engine.memory();
    assert!(memory <= 2_560, "after a transaction: {memory} bytes");
}

#[test]
fn payload_that_is_no_http_is_passed_over() {
    let mut s = Script::new(Settings::default());
    s.connect(5_000, (100, 900));
    let mut seq = 101;
    for _ in 0..50 {
        let noise = "\x16\x03\x01\x02 nothing of interest ".repeat(40);
        s.send((Client, 5_000), (seq, 901), "A", &noise);
        seq += noise.len() as u32;
    }
    assert!(s.count(Tally::StreamBytesNotHttp) > 20_000);
    assert!(s.engine.memory() < 512);
    s.finish();
}

#[test]
fn one_packet_from_the_far_future_ends_nothing() {
    let mut s = Script::new(Settings::default());
    s.connect(5_000, (100, 900));
    let now = s.now;
    s.now += 1_000_000 * NANOS_PER_SECOND;
    s.send((Client, 6_000), (1, 0), "S", "");
    s.now = now;
    s.exchange(5_000, (101, 901));
    assert_eq!(s.seen, [(1, Some(200))]);
    assert_eq!(s.count(Tally::FlowsTimedOut), 0);
}

/// What became of a capture.
struct Replayed {
    damage: Option<SourceError>,
    packets: u64,
    transactions: u64,
}

/// Runs the first `most` packets of a file through an engine. What goes in must come out under some name.
fn replay(path: &Path, most: u64) -> Result<Replayed, OpenError> {
    let tally = Arc::new(TallySheet::default());
    let files = [path.to_owned()];
    let mut source = FileSource::open(&files, FileOptions::default(), Arc::clone(&tally))?;
    let mut engine = Engine::new(Settings::default(), Arc::clone(&tally));
    let mut states = [0_u64; STATES.len()];
    let mut emit = |tx: Transaction| {
        let state = STATES.iter().position(|(state, _)| *state == tx.state);
        states[state.unwrap()] += 1;
    };
    let mut packets = 0;
    let damage = loop {
        if packets >= most {
            break None;
        }
        match source.poll() {
            Ok(Polled::Packet(packet)) => {
                packets += 1;
                engine.packet(&packet, &mut emit);
            }
            Ok(Polled::Idle) => {}
            Ok(Polled::End) => break None,
            Err(error) => break Some(error),
        }
    };
    engine.finish(&mut emit);
    let name = format!("{} up to packet {packets}", path.display());
    assert_account_closes(&tally, &name);
    for ((_, counter), emitted) in STATES.iter().zip(states) {
        assert_eq!(tally.get(*counter), emitted, "{counter:?} in {name}");
    }
    Ok(Replayed {
        damage,
        packets,
        transactions: states.iter().sum(),
    })
}

/// Each state of a transaction and where it is counted.
const STATES: [(TxState, Tally); 4] = [
    (TxState::Complete, Tally::TransactionsComplete),
    (TxState::NoResponse, Tally::TransactionsNoResponse),
    (TxState::NoRequest, Tally::TransactionsNoRequest),
    (TxState::Truncated, Tally::TransactionsTruncated),
];

fn corpus() -> Vec<PathBuf> {
    let caps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wire/caps");
    let Ok(entries) = std::fs::read_dir(&caps) else {
        eprintln!("SKIPPED: no conformance captures at {}", caps.display());
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What goes in must come out under some name.
fn assert_account_closes(tally: &TallySheet, name: &str) {
    use crate::tally::Group;
    for (total, group) in [
        (Tally::PacketsIn, Group::Packet),
        (Tally::StreamBytesIn, Group::StreamByte),
    ] {
        let parts: u64 = Tally::ALL
            .iter()
            .filter(|t| t.group() == group && **t != total)
            .map(|t| tally.get(*t))
            .sum();
        assert_eq!(tally.get(total), parts, "{total:?} in {name}");
    }
}

#[test]
fn the_account_closes_on_every_capture_and_its_beginnings() {
    let (mut read, mut refused, mut damaged, mut transactions) = (0, 0, 0, 0);
    let mut beginnings = 0;
    for path in corpus() {
        let Ok(whole) = replay(&path, u64::MAX) else {
            refused += 1;
            continue;
        };
        transactions += whole.transactions;
        match whole.damage {
            None => read += 1,
            Some(_) => damaged += 1,
        }
        // Every one of a short capture, some of a long one.
        let step = usize::try_from(whole.packets / 24).unwrap().max(1);
        for most in (1..whole.packets).step_by(step) {
            replay(&path, most).unwrap();
            beginnings += 1;
        }
    }
    eprintln!(
        "{read} read, {damaged} damaged, {refused} refused, {beginnings} beginnings, {transactions} transactions"
    );
}

#[test]
fn damaged_captures_do_no_harm() {
    let mut files: Vec<Vec<u8>> = corpus()
        .iter()
        .step_by(40)
        .map(|path| std::fs::read(path).unwrap())
        .filter(|bytes| bytes.len() < 20_000)
        .collect();
    // Something to damage where the captures are absent.
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/pipelined.pcap");
    files.extend(std::fs::read(own).ok());
    let mut random = 88_172_645_463_325_252_u64;
    for bytes in files {
        for _ in 0..20 {
            let mut damaged = bytes.clone();
            for _ in 0..8 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = (random >> 8) as usize % damaged.len();
                damaged[at] = random as u8;
            }
            assert!(fuzz_capture(&damaged));
        }
    }
}

#[test]
fn mutations_of_captures() {
    let seeds = [
        &include_bytes!("../../../captures/ipv6.pcap")[..],
        include_bytes!("../../../captures/midstream.pcap"),
    ];
    let entry = |data: &[u8]| assert!(fuzz_capture(data), "the account is open");
    crate::cleartext::mutation::run("capture", entry, &seeds);
}

/// Captures of real programs that are small enough to be cut in many places.
const SMALL: [&[u8]; 9] = [
    include_bytes!("../../../captures/compressed.pcap"),
    include_bytes!("../../../captures/errors.pcap"),
    include_bytes!("../../../captures/ipv6.pcap"),
    include_bytes!("../../../captures/midstream.pcap"),
    include_bytes!("../../../captures/pipelined.pcap"),
    include_bytes!("../../../captures/h2-tls.pcapng"),
    include_bytes!("../../../captures/tls-sessions.pcapng"),
    include_bytes!("../../../captures/grpc.pcap"),
    include_bytes!("../../../captures/websocket.pcap"),
];

#[test]
fn the_account_closes_on_every_prefix() {
    for (n, capture) in SMALL.iter().enumerate() {
        let step = (capture.len() / 150).max(1);
        for cut in (24..=capture.len()).step_by(step) {
            assert!(fuzz_capture(&capture[..cut]), "capture {n} cut at {cut}");
        }
    }
}

//! Real connections by rustls, opened from their key log; known values; anything at all.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rustls::crypto::ring::cipher_suite as suites;
use rustls::pki_types::PrivateKeyDer;
use rustls::{
    ClientConfig, ClientConnection, KeyLog, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion, version,
};

use super::connection::Plain;
use super::*;
use crate::cleartext::mutation;

/// A key log in memory.
#[derive(Debug, Default)]
struct Log(Mutex<String>);

impl KeyLog for Log {
    fn log(&self, label: &str, random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        };
        let line = format!("{label} {} {}\n", hex(random), hex(secret));
        self.0.lock().unwrap().push_str(&line);
    }
}

const REQUEST: &[u8] = b"GET /secret?token=abc HTTP/1.1\r\nHost: example.test\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Bytes of both directions in the order in which they were sent, and the key log.
struct Talk {
    flights: Vec<(bool, Vec<u8>)>,
    log: String,
}

fn talk(
    suite: SupportedCipherSuite,
    version: &'static SupportedProtocolVersion,
    update: bool,
) -> Talk {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites = vec![suite];
    let provider = Arc::new(provider);
    let made = rcgen::generate_simple_self_signed(vec!["example.test".into()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let log = Arc::new(Log::default());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    server.key_log = Arc::<Log>::clone(&log);
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client =
        ClientConnection::new(Arc::new(client), "example.test".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut flights = Vec::new();
    client.writer().write_all(REQUEST).unwrap();
    for turn in 0..8 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        flights.push((true, bytes.clone()));
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets().unwrap();
        }
        let mut taken = vec![0; 4_096];
        if server
            .reader()
            .read(&mut taken)
            .is_ok_and(|count| count > 0)
        {
            server.writer().write_all(RESPONSE).unwrap();
        }
        if update && turn == 4 {
            server.refresh_traffic_keys().unwrap();
            client.refresh_traffic_keys().unwrap();
            client.writer().write_all(REQUEST).unwrap();
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        flights.push((false, bytes.clone()));
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    let log = log.0.lock().unwrap().clone();
    Talk { flights, log }
}

/// What comes out of a connection: client's bytes, server's bytes, result.
fn open(flights: &[(bool, Vec<u8>)], shared: &Shared) -> (Vec<u8>, Vec<u8>, Outcome) {
    let mut connection = Connection::new(true);
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    for (from_client, bytes) in flights {
        connection.data(*from_client, bytes, shared, &mut |from_low, plain| {
            let side = if from_low { &mut sent } else { &mut answered };
            if let Plain::Data(bytes) = plain {
                side.extend_from_slice(bytes);
            }
        });
    }
    let outcome = connection.finish(shared);
    (sent, answered, outcome)
}

fn with_keys(log: &str) -> Shared {
    let shared = Shared::default();
    shared.keys.add(log.as_bytes());
    shared
}

const ALL: [(SupportedCipherSuite, &SupportedProtocolVersion); 6] = [
    (suites::TLS13_AES_128_GCM_SHA256, &version::TLS13),
    (suites::TLS13_AES_256_GCM_SHA384, &version::TLS13),
    (suites::TLS13_CHACHA20_POLY1305_SHA256, &version::TLS13),
    (
        suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        &version::TLS12,
    ),
    (
        suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        &version::TLS12,
    ),
    (
        suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        &version::TLS12,
    ),
];

#[test]
fn every_suite_of_rustls_is_opened() {
    for (suite, version) in ALL {
        let talk = talk(suite, version, false);
        let (sent, answered, outcome) = open(&talk.flights, &with_keys(&talk.log));
        assert_eq!(outcome, Outcome::Decrypted, "{suite:?}");
        assert_eq!(sent, REQUEST, "{suite:?}");
        assert_eq!(answered, RESPONSE, "{suite:?}");
    }
}

#[test]
fn key_updates_are_followed() {
    let talk = talk(suites::TLS13_AES_256_GCM_SHA384, &version::TLS13, true);
    let (sent, answered, _) = open(&talk.flights, &with_keys(&talk.log));
    assert_eq!(sent, [REQUEST, REQUEST].concat());
    assert_eq!(answered, [RESPONSE, RESPONSE].concat());
}

#[test]
fn without_handshake_secrets_application_data_are_opened_all_the_same() {
    let talk = talk(suites::TLS13_AES_128_GCM_SHA256, &version::TLS13, false);
    let kept: String = talk
        .log
        .lines()
        .filter(|line| line.contains("TRAFFIC_SECRET_0"))
        .fold(String::new(), |text, line| text + line + "\n");
    let (sent, answered, _) = open(&talk.flights, &with_keys(&kept));
    assert_eq!((sent.as_slice(), answered.as_slice()), (REQUEST, RESPONSE));
}

#[test]
fn each_flow_that_stays_shut_says_why() {
    let talk = talk(suites::TLS13_AES_128_GCM_SHA256, &version::TLS13, false);
    let why = |flights: &[(bool, Vec<u8>)], log: &str| open(flights, &with_keys(log)).2;
    assert_eq!(open(&talk.flights, &Shared::default()).2, Outcome::NoKeyLog);
    assert_eq!(why(&talk.flights, "# nothing"), Outcome::NoKeys);
    assert_eq!(why(&talk.flights[..1], &talk.log), Outcome::Incomplete);
    let broken: Vec<_> = talk
        .flights
        .iter()
        .map(|(from_client, bytes)| {
            (
                *from_client,
                if *from_client {
                    bytes.clone()
                } else {
                    vec![0xff; 40]
                },
            )
        })
        .collect();
    assert_eq!(why(&broken, &talk.log), Outcome::Failed);
    let wrong = talk.log.replace(['0', '1', '2'], "3");
    assert_eq!(why(&talk.flights, &wrong), Outcome::NoKeys);
}

#[test]
fn keys_that_come_late_open_what_waited() {
    for (suite, version) in ALL {
        let talk = talk(suite, version, false);
        let shared = Shared::default();
        shared.keys.follow();
        let mut connection = Connection::new(true);
        let (mut sent, mut answered) = (Vec::new(), Vec::new());
        let last = talk
            .flights
            .iter()
            .rposition(|(_, bytes)| !bytes.is_empty())
            .unwrap();
        for (n, (from_client, bytes)) in talk.flights.iter().enumerate() {
            if n == last {
                shared.keys.add(talk.log.as_bytes());
            }
            connection.data(*from_client, bytes, &shared, &mut |from_low, plain| {
                let side = if from_low { &mut sent } else { &mut answered };
                if let Plain::Data(bytes) = plain {
                    side.extend_from_slice(bytes);
                }
            });
        }
        assert_eq!(
            (sent.as_slice(), answered.as_slice()),
            (REQUEST, RESPONSE),
            "{suite:?}"
        );
    }
}

/// The same with a record a piece.
fn one_by_one(flights: &[(bool, Vec<u8>)]) -> Vec<(bool, Vec<u8>)> {
    let mut records = Vec::new();
    for (from_client, bytes) in flights {
        let mut rest = bytes.as_slice();
        while let [_, _, _, high, low, ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])) + 5;
            let (record, more) = rest.split_at(length);
            records.push((*from_client, record.to_vec()));
            rest = more;
        }
    }
    records
}

#[test]
fn a_hole_inside_a_record_costs_that_record() {
    let talk = talk(suites::TLS13_AES_128_GCM_SHA256, &version::TLS13, true);
    let shared = with_keys(&talk.log);
    let mut connection = Connection::new(true);
    let mut gaps = Vec::new();
    let mut answered = Vec::new();
    let mut holed = false;
    for (from_client, bytes) in &one_by_one(&talk.flights) {
        let mut sink = |from_low: bool, plain: Plain<'_>| match plain {
            Plain::Data(bytes) if !from_low => answered.extend_from_slice(bytes),
            Plain::Gap(len) => gaps.push(len),
            Plain::Data(_) => {}
        };
        // The first answer: one record, of which ten bytes are lost.
        let is_answer = !from_client && bytes.len() == RESPONSE.len() + 22 && !holed;
        if is_answer {
            holed = true;
            connection.data(false, &bytes[..20], &shared, &mut sink);
            connection.gap(false, 10, &mut sink);
            connection.data(false, &bytes[30..], &shared, &mut sink);
        } else {
            connection.data(*from_client, bytes, &shared, &mut sink);
        }
    }
    assert!(holed, "the answer is a record of its own");
    assert_eq!(gaps, [u64::try_from(RESPONSE.len()).unwrap()]);
    assert_eq!(answered, RESPONSE, "the second answer is opened");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_segmentation_gives_the_same(cuts in proptest::collection::vec(1_usize..200, 1..40), n in 0_usize..6) {
        let (suite, version) = ALL[n];
        let talk = talk(suite, version, false);
        let mut pieces = Vec::new();
        let mut sizes = cuts.iter().cycle();
        for (from_client, bytes) in &talk.flights {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, more) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                pieces.push((*from_client, piece.to_vec()));
                rest = more;
            }
        }
        let (sent, answered, outcome) = open(&pieces, &with_keys(&talk.log));
        prop_assert_eq!(outcome, Outcome::Decrypted);
        prop_assert_eq!(sent, REQUEST);
        prop_assert_eq!(answered, RESPONSE);
    }
}

#[test]
fn ja4_is_that_of_its_authors() {
    // From the published description of JA4: Chrome on TLS 1.3.
    let suites: [u16; 15] = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
        0x009c, 0x009d, 0x002f, 0x0035,
    ];
    let extensions: [u16; 16] = [
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
        0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
    ];
    let signatures: [u16; 8] = [
        0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
    ];
    let hello = hello::ClientHello {
        version: 0x0303,
        suites: [0x0a0a].into_iter().chain(suites).collect(),
        extensions: [0x1a1a]
            .into_iter()
            .chain(extensions)
            .chain([0x2a2a])
            .collect(),
        versions: [0x3a3a, 0x0304, 0x0303].into_iter().collect(),
        signatures: signatures.into_iter().collect(),
        protocol: b"h2".to_vec(),
        ..hello::ClientHello::default()
    };
    assert_eq!(
        fingerprint::ja4(&hello, b't').as_slice(),
        b"t13d1516h2_8daaf6152771_e5627efa2ab1"
    );
}

#[test]
fn the_first_bytes_tell() {
    assert_eq!(looks(&[22, 3, 1, 2, 0, 1]), Looks::Hello);
    assert_eq!(looks(&[22]), Looks::Maybe);
    assert_eq!(looks(&[23, 3, 3, 0, 40, 9]), Looks::Joined);
    assert_eq!(looks(b"GET / "), Looks::No);
    assert_eq!(looks(&[22, 4]), Looks::No);
}

#[test]
fn nothing_of_a_key_store_can_be_printed() {
    static_assertions::assert_not_impl_any!(keylog::Secrets: std::fmt::Debug, std::fmt::Display);
    let keys = KeyStore::default();
    keys.add(format!("CLIENT_RANDOM {} {}\n", "ab".repeat(32), "cd".repeat(48)).as_bytes());
    assert_eq!(format!("{keys:?}"), "KeyStore");
}

/// Any bytes for both directions of a connection, in turns of up to 64 bytes.
fn fuzz_connection(data: &[u8]) {
    let shared = with_keys(&format!(
        "CLIENT_RANDOM {} {}\n",
        "00".repeat(32),
        "cd".repeat(48)
    ));
    let mut connection = Connection::new(true);
    for (n, piece) in data.chunks(64).enumerate() {
        if n % 7 == 6 {
            connection.gap(n % 2 == 0, u64::from(piece[0]), &mut |_, _| {});
        }
        connection.data(n % 2 == 0, piece, &shared, &mut |_, _| {});
        assert!(connection.memory() < 2 << 20);
    }
    connection.finish(&shared);
    if let Some(hello) = hello::client(data) {
        assert_eq!(fingerprint::ja4(&hello, b't').len(), 36);
    }
    hello::server(data);
}

#[test]
fn mutations_of_connections() {
    let talk = talk(
        suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        &version::TLS12,
        false,
    );
    let seeds: Vec<&[u8]> = talk
        .flights
        .iter()
        .map(|(_, bytes)| bytes.as_slice())
        .collect();
    let bodies: Vec<&[u8]> = seeds.iter().filter_map(|bytes| bytes.get(9..)).collect();
    mutation::run("tls connection", fuzz_connection, &[seeds, bodies].concat());
}

#[test]
fn mutations_of_key_logs() {
    let line = format!(
        "CLIENT_RANDOM {} {}\n# x\nSERVER_TRAFFIC_SECRET_0 {} {}\n",
        "ab".repeat(32),
        "cd".repeat(48),
        "ab".repeat(32),
        "cd".repeat(32)
    );
    mutation::run("key log", keylog::fuzz_keylog, &[line.as_bytes()]);
}

#[test]
fn a_key_log_is_followed_and_may_be_rotated() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("keys");
    let line = |n: u8| {
        format!(
            "CLIENT_RANDOM {} {}\n",
            format!("{n:02x}").repeat(32),
            "cd".repeat(48)
        )
    };
    std::fs::write(&path, line(1)).unwrap();
    let keys = KeyStore::default();
    let mut log = KeyLogFollower::open(path.clone()).unwrap();
    log.read(&keys, false).unwrap();
    assert!(keys.secrets(&[1; 32]).is_some());
    let second = line(2);
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(&second.as_bytes()[..50]).unwrap();
    log.read(&keys, false).unwrap();
    assert!(keys.secrets(&[2; 32]).is_none(), "half a line is none");
    file.write_all(&second.as_bytes()[50..]).unwrap();
    log.read(&keys, false).unwrap();
    assert!(keys.secrets(&[2; 32]).is_some());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, line(3)).unwrap();
    log.read(&keys, false).unwrap();
    assert!(keys.secrets(&[3; 32]).is_some());
}

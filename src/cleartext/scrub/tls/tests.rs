//! Handshakes of rustls, whole and in pieces.

use std::io::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use rustls::pki_types::PrivateKeyDer;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

use super::*;

/// What client and server send to each other, with a secret name in hello and certificate.
fn talk(version: &'static SupportedProtocolVersion) -> [Vec<u8>; 2] {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let names = vec!["secretname.internal.test".into(), "192.0.2.77".into()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec(), b"secretproto".to_vec()];
    let name = "secretname.internal.test".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    client
        .writer()
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .unwrap();
    let mut sent = [Vec::new(), Vec::new()];
    for _ in 0..6 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        sent[0].extend_from_slice(&bytes);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets().unwrap();
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        sent[1].extend_from_slice(&bytes);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    sent
}

/// The direction as a copy shows it, taken in steps.
fn copy(sent: &[u8], step: usize) -> Vec<u8> {
    let mut addresses = Addresses::new(&[7; 32]);
    let mut stream = Stream::default();
    let mut out = vec![FILLER; sent.len()];
    let mut put = |offset: u64, bytes: &[u8]| {
        let start = usize::try_from(offset).unwrap() - 100;
        out[start..start + bytes.len()].copy_from_slice(bytes);
    };
    for (number, piece) in sent.chunks(step).enumerate() {
        stream.take(wide(100 + number * step), piece, &mut addresses, &mut put);
    }
    stream.finish(&mut addresses, &mut put);
    out
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(bytes, word).is_some()
}

#[test]
fn handshakes_keep_their_shape_and_lose_their_names() {
    let addresses = Addresses::new(&[7; 32]);
    let mut name = *b"secretname.internal.test";
    addresses.host(&mut name);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (side, sent) in talk(version).into_iter().enumerate() {
            let whole = copy(&sent, 1 << 20);
            for step in [1, 5, 7, 100, 1_460] {
                assert!(copy(&sent, step) == whole, "{side} {step}");
            }
            assert!(!holds(&whole, b"secret") && !holds(&whole, b"internal"));
            assert!(!holds(&whole, &[192, 0, 2, 77]));
            let shape = |bytes: &[u8]| -> Vec<_> {
                records(bytes)
                    .map(|one| (one.kind, one.start, one.end))
                    .collect()
            };
            assert_eq!(shape(&sent), shape(&whole));
            assert_eq!(shape(&sent).last().unwrap().2, sent.len());
            let names_it = side == 0 || version.version == rustls::ProtocolVersion::TLSv1_2;
            assert_eq!(holds(&whole, &name), names_it, "{side}");
            assert_eq!(holds(&whole, b"http/1.1"), side == 0);
            // The keys are gone: what is the same are lists of numbers.
            let same = sent
                .windows(24)
                .filter(|window| holds(&whole, window))
                .count();
            assert!(same * 3 < sent.len(), "{same} of {}", sent.len());
        }
    }
}

#[test]
fn a_hole_within_a_record_is_passed_over_and_one_elsewhere_ends_it() {
    let sent: Vec<u8> = [&[22, 3, 3, 0, 4, 14, 0, 0, 0, 20, 3, 3, 0, 1, 1][..]]
        .into_iter()
        .chain([&[23, 3, 3, 0, 50][..], &[7; 50], &[23, 3, 3, 0, 2, 9, 9]])
        .flatten()
        .copied()
        .collect();
    for (hole, headers) in [(25..40, 4), (16..30, 2), (30..75, 3)] {
        let mut addresses = Addresses::new(&[7; 32]);
        let (mut stream, mut count) = (Stream::default(), 0);
        let mut put = |_: u64, bytes: &[u8]| count += bytes.chunks(5).filter(|c| c[1] == 3).count();
        stream.take(0, &sent[..hole.start], &mut addresses, &mut put);
        stream.take(wide(hole.end), &sent[hole.end..], &mut addresses, &mut put);
        stream.finish(&mut addresses, &mut put);
        assert!(count <= headers, "{hole:?}: {count}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_rewritten_at_their_length(bytes in proptest::collection::vec(any::<u8>(), 0..400), step in 1_usize..50) {
        let bytes = [&[22, 3, 1, 0, 200][..], &bytes].concat();
        prop_assert_eq!(copy(&bytes, step).len(), bytes.len());
        let mut certificate = bytes.clone();
        der::rewrite(&mut certificate, &mut Addresses::new(&[7; 32]));
        prop_assert_eq!(certificate.len(), bytes.len());
    }
}

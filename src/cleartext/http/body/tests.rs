//! Every coding, whole, cut, wrong and hostile.

use super::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use std::io::Write;

const JSON: &[u8] = br#"{"name":"Wikipedia","tags":["a","a","a","a","a","a"]}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// `printf hello | brotli`.
const BROTLI_HELLO: &[u8] = &[0x0f, 0x02, 0x80, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x03];

fn undo(codings: &[&str], body: &[u8]) -> (Vec<u8>, Outcome) {
    let mut scratch = Scratch::default();
    // Twice, so that nothing of the first body is left in the decoders.
    let [first, second] = [(); 2].map(|()| {
        let decoded = decode(
            codings.iter().map(|c| c.as_bytes()),
            body,
            &DecodeLimits::default(),
            &TallySheet::default(),
            &mut scratch,
        );
        (decoded.bytes.to_vec(), decoded.outcome)
    });
    assert_eq!(first, second);
    first
}

#[test]
fn undoes_every_coding() {
    for (coding, body) in [
        ("gzip", gzip(JSON)),
        ("x-gzip", gzip(JSON)),
        ("GZIP", gzip(JSON)),
        ("deflate", zlib(JSON)),
        ("deflate", raw_deflate(JSON)),
        ("zstd", zstd(JSON)),
        ("identity, gzip", gzip(JSON)),
        ("gzip, deflate", zlib(&gzip(JSON))),
        ("deflate, zstd, gzip", gzip(&zstd(&raw_deflate(JSON)))),
    ] {
        assert_eq!(
            undo(&[coding], &body),
            (JSON.to_vec(), Outcome::Decoded),
            "{coding}"
        );
    }
    assert_eq!(
        undo(&["br"], BROTLI_HELLO),
        (b"hello".to_vec(), Outcome::Decoded)
    );
    assert_eq!(undo(&["gzip", "deflate"], &zlib(&gzip(JSON))).0, JSON);
    assert_eq!(
        undo(&["gzip"], &[gzip(b"ab"), gzip(b"cd")].concat()).0,
        b"abcd"
    );
    assert_eq!(
        undo(&["zstd"], &[zstd(b"ab"), zstd(b"cd")].concat()).0,
        b"abcd"
    );
}

#[test]
fn without_coding_the_body_itself_is_given() {
    let mut scratch = Scratch::default();
    let tally = TallySheet::default();
    let decoded = decode(
        std::iter::empty(),
        JSON,
        &DecodeLimits::default(),
        &tally,
        &mut scratch,
    );
    assert!(std::ptr::eq(decoded.bytes, JSON));
    assert_eq!(
        (decoded.outcome, scratch.out.capacity()),
        (Outcome::Identity, 0)
    );
}

#[test]
fn a_coding_that_was_not_applied() {
    for coding in [
        "gzip",
        "deflate",
        "br",
        "zstd",
        "gzip, br",
        "lzma",
        "gzip, gzip, gzip, gzip, gzip",
    ] {
        assert_eq!(
            undo(&[coding], JSON),
            (JSON.to_vec(), Outcome::Mislabelled),
            "{coding}"
        );
    }
    // Its first bytes are a whole stream of bare deflate.
    let yaml = b"config:\n  asset: \"/static/js/main.bba194c8.chunk.js\"\n";
    assert_eq!(
        undo(&["deflate"], yaml),
        (yaml.to_vec(), Outcome::Mislabelled)
    );
    // One of two layers was left out.
    assert_eq!(
        undo(&["gzip, deflate"], &zlib(JSON)),
        (JSON.to_vec(), Outcome::Decoded)
    );
}

#[test]
fn what_cannot_be_undone_gives_nothing() {
    let binary = [0x89, b'P', b'N', b'G', 0, 1, 2, 0xff, 0xfe];
    for coding in ["gzip", "zstd", "lzma", "gzip, zstd"] {
        assert_eq!(
            undo(&[coding], &binary),
            (Vec::new(), Outcome::Undecodable),
            "{coding}"
        );
    }
    assert_eq!(
        undo(&["zstd, gzip"], &gzip(&binary)).1,
        Outcome::Undecodable
    );
}

#[test]
fn a_stream_that_ends_early_gives_its_front() {
    let long: Vec<u8> = (0..50_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    for (coding, body) in [
        ("gzip", gzip(&long)),
        ("deflate", zlib(&long)),
        ("zstd", zstd(&long)),
    ] {
        let (front, outcome) = undo(&[coding], &body[..body.len() / 2]);
        // A block of Zstandard comes out whole or not at all, and then there is nothing to show.
        let expected = if front.is_empty() {
            Outcome::Undecodable
        } else {
            Outcome::Short
        };
        // The ratio cap is far away, and the size cap as well.
        assert_eq!(outcome, expected, "{coding}");
        assert!(long.starts_with(&front), "{coding}");
        assert!(coding == "zstd" || !front.is_empty(), "{coding}");
    }
}

#[test]
fn bombs_stop_at_the_cap() {
    let zeros = vec![b'0'; 20 << 20];
    for (coding, body) in [
        ("gzip", gzip(&zeros)),
        ("deflate", raw_deflate(&zeros)),
        ("zstd", zstd(&zeros)),
        ("gzip, gzip", gzip(&gzip(&zeros))),
    ] {
        let (front, outcome) = undo(&[coding], &body);
        assert_eq!(outcome, Outcome::Capped, "{coding}");
        assert!(
            front.len() <= DecodeLimits::default().max_decoded,
            "{coding}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        fuzz_decode(&data);
    }

    #[test]
    fn broken_streams_are_survived(at in 0_usize..60, with: u8, pick: u8) {
        let mut body = match pick & 3 {
            0 => gzip(JSON),
            1 => zlib(JSON),
            2 => BROTLI_HELLO.to_vec(),
            _ => zstd(JSON),
        };
        let len = body.len();
        body[at % len] = with;
        body.insert(0, pick & 3);
        fuzz_decode(&body);
    }
}

#[test]
fn a_coding_under_a_wrong_name() {
    for (coding, body) in [
        ("br", gzip(JSON)),
        ("gzip", zlib(JSON)),
        ("gzip", zstd(JSON)),
        ("zstd", gzip(JSON)),
        ("br", zlib(JSON)),
        // Twice applied, once declared; once applied, twice declared.
        ("gzip", gzip(&gzip(JSON))),
        ("deflate", zlib(&zstd(JSON))),
        ("gzip, gzip", gzip(JSON)),
    ] {
        assert_eq!(
            undo(&[coding], &body),
            (JSON.to_vec(), Outcome::Decoded),
            "{coding}"
        );
    }
}

#[test]
fn a_coding_that_nobody_declared() {
    for body in [gzip(JSON), zstd(JSON), gzip(&zstd(JSON))] {
        assert_eq!(undo(&[], &body), (JSON.to_vec(), Outcome::Found));
    }
    let broken = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff];
    assert_eq!(undo(&[], &broken), (broken.to_vec(), Outcome::Identity));
    let broken = gzip(&broken);
    assert_eq!(undo(&["gzip"], &broken).1, Outcome::Decoded);
}

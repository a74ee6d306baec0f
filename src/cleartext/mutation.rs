//! Runs a fuzz entry over a corpus and its mutations, on stable Rust, as part of the tests.
//!
//! Every parser has an entry `fuzz_*(&[u8])` beside it that must hold on any input. A test beside each hands it over here:
//! some thousand mutations with every change, `HUSHTAP_FUZZ_SECONDS` of them in the nightly run (`tests/nightly.sh`). The
//! generator is seeded by the name of the entry, so that a short run is the same everywhere; a finding prints the input.

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::clock::{NANOS_PER_SECOND, wall_now};

/// Mutations tried with every change.
const SHORT_RUN: u64 = 3_000;
/// Longest input made, in bytes.
const LONGEST: usize = 16 << 10;
/// Inputs grown during a run that are kept beside the seeds.
const KEPT: usize = 256;

/// Numbers on which length fields break.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x3fff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x3fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Feeds `entry` the seeds, then mutations of them. Panics with the input if the entry does.
pub(in crate::cleartext) fn run(name: &str, entry: impl Fn(&[u8]), seeds: &[&[u8]]) {
    let seconds: u64 = std::env::var("HUSHTAP_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let start = wall_now();
    let seed = if seconds > 0 { start.nanos() } else { 0 };
    let mut random = ChaCha8Rng::from_seed(
        *blake3::keyed_hash(
            blake3::hash(name.as_bytes()).as_bytes(),
            &seed.to_le_bytes(),
        )
        .as_bytes(),
    );
    let mut corpus: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    corpus.push(Vec::new());
    for seed in &corpus {
        hold(name, &entry, seed);
    }
    let mut done = 0_u64;
    let more = |done: u64| {
        if seconds == 0 {
            done < SHORT_RUN
        } else {
            !done.is_multiple_of(64) || wall_now().nanos_since(start) < seconds * NANOS_PER_SECOND
        }
    };
    while more(done) {
        done += 1;
        let mut input = corpus[random.random_range(0..corpus.len())].clone();
        for _ in 0..random.random_range(1..=6) {
            mutate(&mut input, &corpus, &mut random);
        }
        input.truncate(LONGEST);
        hold(name, &entry, &input);
        // Without coverage any input is as good as another: some are kept, so that mutations pile up.
        if random.random_range(0..32) == 0 {
            if corpus.len() < seeds.len() + 1 + KEPT {
                corpus.push(input);
            } else {
                let first = seeds.len() + 1;
                let slot = random.random_range(first..corpus.len());
                corpus[slot] = input;
            }
        }
    }
    if seconds > 0 {
        #[allow(clippy::print_stdout, reason = "a nightly run says what it did")]
        {
            println!("{name}: {done} mutations in {seconds} s without a finding");
        }
    }
}

fn hold(name: &str, entry: &impl Fn(&[u8]), input: &[u8]) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| entry(input)));
    assert!(
        outcome.is_ok(),
        "{name}: the entry does not hold on {input:02x?}"
    );
}

/// One change at a random place.
fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut ChaCha8Rng) {
    let len = input.len();
    let at = random.random_range(0..=len);
    match random.random_range(0..9) {
        0 if len > 0 => input[at % len] ^= 1 << random.random_range(0..8),
        1 if len > 0 => input[at % len] = random.random(),
        2 => input.truncate(at),
        3 => {
            let end = (at + random.random_range(1..64)).min(len);
            input.drain(at..end);
        }
        4 => {
            let mut noise = vec![0; random.random_range(1..32)];
            random.fill_bytes(&mut noise);
            input.splice(at..at, noise);
        }
        5 => {
            // A number on the edge, in either order of bytes and any width.
            let width = 1 << random.random_range(0..4);
            let edge = EDGES[random.random_range(0..EDGES.len())];
            let big = edge.to_be_bytes();
            let mut bytes = big[8 - width..].to_vec();
            if random.random() {
                bytes.reverse();
            }
            let end = (at + width).min(len);
            input.splice(at..end, bytes);
        }
        6 => {
            let other = &corpus[random.random_range(0..corpus.len())];
            let from = random.random_range(0..=other.len());
            let to = random.random_range(from..=other.len()).min(from + 512);
            input.splice(at..at, other[from..to].iter().copied());
        }
        7 => {
            // Repeats a piece: length chains, nesting, floods.
            let end = (at + random.random_range(1..48)).min(len);
            let piece = input[at..end].to_vec();
            let times = random.random_range(1..24);
            input.splice(at..at, piece.repeat(times));
        }
        _ => {
            if let Some(other) = corpus.get(random.random_range(0..corpus.len())) {
                let from = random.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
}

//! No canary survives the wire: a unique secret is planted in every place in which a secret hides
//! (`src/cleartext/mask/tests/places.ndjson`), in one of the encodings it takes there, inside an HTTP message with a length or
//! in chunks, compressed or not. The stream is cut anywhere, and its packets come late, early or twice. The capture goes
//! through `hushtap replay` in this process, and the secret must be in no view of anything that comes out.
//!
//! `HUSHTAP_FUZZ_SECONDS=300 cargo test --release --test canary -- --show-output` goes on for longer, with other seeds.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_collect,
    clippy::single_match_else,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and says what it did"
)]

mod views;
mod wire;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::{Args as _, Command, FromArgMatches as _};
use hushtap::cli::ReplayArgs;
use hushtap::error::Exit;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use views::HEAD;
use wire::{Capture, Message};

/// Captures tried with every change.
const CAPTURES: u64 = 3;
/// Outputs of a run: bodies and heads as text, and what never holds any.
const RUNS: [&[&str]; 2] = [&["--report", "text", "--bodies"], &["--report", "json"]];

#[derive(serde::Deserialize)]
struct Place {
    what: String,
    format: String,
    text: String,
    gone: String,
}

fn places() -> Vec<Place> {
    include_str!("../../src/cleartext/mask/tests/places.ndjson")
        .lines()
        .map(|line| serde_json::from_str::<Place>(line).unwrap())
        .filter(|place| place.gone == "{S}" || place.gone == "{E}")
        .collect()
}

/// A value as a format takes it.
fn encoded(place: &Place, value: &str, random: &mut impl Rng) -> String {
    // Where the template itself is encoded already, the value stands as it is.
    if place.text.contains('%') || place.text.contains("\\\\") {
        return value.to_owned();
    }
    let each = |prefix: &str, width: usize, suffix: &str| {
        let one = |b: u8| format!("{prefix}{b:0width$x}{suffix}");
        value.bytes().map(one).collect::<String>()
    };
    match (place.format.as_str(), random.random_range(0..3)) {
        ("json" | "ndjson" | "sse", 1) => each("\\u", 4, ""),
        ("xml", 1) => each("&#x", 2, ";"),
        ("form" | "http", 1) => each("%", 2, ""),
        ("form" | "http", 2) => each("%25", 2, ""),
        ("json" | "ndjson" | "xml", 2) => value.replace('@', "%40"),
        _ => value.to_owned(),
    }
}

/// The message of a place, with a canary of its own in it.
fn planted(place: &Place, random: &mut impl Rng) -> Message {
    let middle: String = (0..8)
        .map(|_| char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[random.random_range(0..32)]))
        .collect();
    let secret = format!("{HEAD}{middle}{}", views::TAIL);
    let email = format!("{secret}@example.org");
    let text = place
        .text
        .replace("{S}", &encoded(place, &secret, random))
        .replace("{E}", &encoded(place, &email, random));
    wire::message(&place.format, text.as_bytes(), random)
}

/// A capture with every place in it, each in a connection of its own.
fn capture(places: &[Place], seed: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut capture = Capture::default();
    for place in places {
        let message = planted(place, &mut random);
        capture.conversation(&message, &mut random);
    }
    capture.bytes()
}

/// Replays a capture; everything that came out, by name.
fn replayed(folder: &Path, capture: &[u8], flags: &[&str]) -> Vec<(String, Vec<u8>)> {
    fs::write(folder.join("in.pcap"), capture).unwrap();
    let mut all = Vec::new();
    for run in RUNS {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let outputs = ["records", "alerts", "report"];
        let mut words = vec![
            "replay".to_owned(),
            path("in.pcap"),
            "--no-progress".to_owned(),
        ];
        for (flag, name) in ["--records", "--alerts", "-o"].iter().zip(outputs) {
            words.extend([(*flag).to_owned(), path(name)]);
        }
        words.extend(run.iter().chain(flags).map(|word| (*word).to_owned()));
        let matches = ReplayArgs::augment_args(Command::new("replay")).get_matches_from(words);
        let args = ReplayArgs::from_arg_matches(&matches).unwrap();
        let done = hushtap::commands::replay::run(&args, &matches, |options, outputs| {
            hushtap::pipeline::replay(&options, outputs)
        });
        assert_eq!(done.unwrap(), Exit::Done);
        for name in outputs {
            let bytes = fs::read(folder.join(name)).unwrap();
            all.push((format!("{name} of {run:?}"), bytes));
        }
    }
    all
}

/// Where canaries were found, with what is around them; and how many messages were recorded with their text.
fn leaks(places: &[Place], seed: u64, flags: &[&str]) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let outputs = replayed(folder.path(), &capture(places, seed), flags);
    let recorded = memchr::memmem::find_iter(&outputs[0].1, b"\"request_head\"").count();
    let found = outputs.iter().flat_map(|(name, bytes)| {
        let found = views::canaries(bytes);
        found
            .into_iter()
            .map(move |around| format!("{name}: {around}"))
    });
    (found.collect(), recorded)
}

#[test]
fn no_canary_survives_the_wire() {
    let seconds = std::env::var("HUSHTAP_FUZZ_SECONDS").ok();
    let seconds: u64 = seconds.and_then(|text| text.parse().ok()).unwrap_or(0);
    let start = Instant::now();
    let places = places();
    let mut seed = if seconds > 0 { rand::random() } else { 0 };
    let mut done = 0;
    while done < CAPTURES || start.elapsed() < Duration::from_secs(seconds) {
        let (found, recorded) = leaks(&places, seed, &[]);
        assert!(
            recorded * 10 >= places.len() * 9,
            "{recorded} messages seen: nothing was tested"
        );
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        seed = seed.wrapping_add(1);
        done += 1;
    }
    println!(
        "canary: {done} captures of {} places without a finding",
        places.len()
    );
}

/// Without rules the same search finds the canaries, wherever they are and however encoded: it can fail.
#[test]
fn without_rules_canaries_are_found() {
    let rules = tempfile::tempdir().unwrap();
    let rule = "[[rule]]\nid = \"own.none\"\ntype = \"none\"\ncategory = \"secret\"\nexact = [\"nothing_at_all\"]\npositive = [\"nothing_at_all => {lower:5}\"]\nnegative = [\"other => {lower:5}\"]\n";
    fs::write(rules.path().join("none.toml"), rule).unwrap();
    let config = tempfile::NamedTempFile::new().unwrap();
    fs::write(config.path(), "[mask]\nbuilt_in = false\n").unwrap();
    let places = places();
    let flags = [
        "-c",
        config.path().to_str().unwrap(),
        "--rules",
        rules.path().to_str().unwrap(),
    ];
    let blind: Vec<&str> = places
        .iter()
        .filter(|place| leaks(std::slice::from_ref(*place), 1, &flags).0.is_empty())
        .map(|place| place.what.as_str())
        .collect();
    // What breaks a document off, or is no text, is masked whole whatever the rules.
    assert!(
        blind.len() * 5 < places.len(),
        "{} of {}: {blind:#?}",
        blind.len(),
        places.len()
    );
}

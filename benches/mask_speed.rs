//! How fast whole documents are masked, rules and all: `cargo bench --bench mask_speed`.
//!
//! API JSON of about 2.7 KB a document (UUIDs, hashes, SKUs, times, prices, words), one in five of which holds something to
//! mask, from a seed. Text comes out as from `hushtap mask`; one thread, its CPU time; p50 and p99 are of single documents by
//! the wall clock. Then hostile inputs of a MiB, with how much slower a KiB of them is than a KiB of the corpus.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench may panic, prints its table, and reads clocks"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushtap::cleartext::mask::{Filter, Format, RuleSet};
use nix::time::{ClockId, clock_gettime};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Passes over the corpus; the fastest counts.
const PASSES: usize = 9;
/// Documents in a corpus.
const DOCUMENTS: usize = 2_000;
/// A hostile input may cost so many times what normal text does.
const MOST_TIMES: f64 = 10.0;

/// CPU time of this thread.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

fn hex(random: &mut ChaCha8Rng, len: usize) -> String {
    (0..len)
        .map(|_| char::from(b"0123456789abcdef"[random.random_range(0..16)]))
        .collect()
}

fn uuid(random: &mut ChaCha8Rng) -> String {
    let mut part = |len| hex(random, len);
    let (a, b, c, d) = (part(8), part(4), part(3), part(3));
    format!("{a}-{b}-4{c}-a{d}-{}", part(12))
}

const WORDS: [&str; 16] = [
    "blue", "shoes", "for", "long", "walks", "in", "the", "rain", "merino", "layer", "of", "soft",
    "wool", "made", "to", "last",
];

fn words(random: &mut ChaCha8Rng, n: usize) -> String {
    let words: Vec<_> = (0..n).map(|_| WORDS[random.random_range(0..16)]).collect();
    words.join(" ")
}

/// One entry of a list, as an API of a shop might give it.
fn entry(random: &mut ChaCha8Rng) -> String {
    let (day, hour, minute) = (
        random.random_range(1..29),
        random.random_range(0..24),
        random.random_range(0..60),
    );
    let (cents, euros, count) = (
        random.random_range(0..100),
        random.random_range(1..900),
        random.random_range(1..9),
    );
    let (sku, order): (u32, u32) = (
        random.random_range(10_000..99_999),
        random.random_range(100_000..999_999),
    );
    let (id, trace, sha) = (uuid(random), uuid(random), hex(random, 40));
    let n = random.random_range(3..12);
    let title = words(random, n);
    format!(
        r#"{{"id":"{id}","order_id":"ORD-{order}","status":"shipped","created_at":"2026-11-{day:02}T{hour:02}:{minute:02}:00Z","currency":"EUR","total":{euros}.{cents:02},"items":[{{"sku":"KMG-{sku}-SB","title":"{title}","quantity":{count},"price":{euros}.{cents:02},"in_stock":true,"image":"/static/img/{sku}.{}.webp"}}],"trace_id":"{trace}","revision":"{sha}","version":"5.{count}.{cents}","links":{{"self":"https://api.shop.test/v1/orders/{order}","next":null}}}}"#,
        hex(random, 8)
    )
}

const SENSITIVE: [&str; 6] = [
    r#","contact":{"email":"jane.miller@example.org","phone":"+49 30 5550 1234"}"#,
    r#","card":{"brand":"visa","number":"4111111111111111","expiry":"12/29"}"#,
    r#","note":"please write to jane.miller@example.org about the shoes""#,
    r#","session_token":"9f2c7be1a04d4b6f8e21c3d4""#,
    r#","client_ip":"203.0.113.77""#,
    r#","address":{"street":"12 Example Street","city":"Springfield","postcode":"12345"}"#,
];

/// The corpus: keys are always the same, or every tenth of many.
fn corpus(many_keys: bool) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(22);
    (0..DOCUMENTS)
        .map(|n| {
            let mut text = String::from("{\"data\":[");
            while text.len() < 2_300 {
                text += &entry(&mut random);
                text.push(',');
            }
            text.pop();
            text.push(']');
            for k in 0..if many_keys { 12 } else { 0 } {
                let key = (n * 7 + k * 31) % 300;
                let value = random.random_range(0..1_000);
                write!(
                    text,
                    r#","{}_{}_{key}":{value}"#,
                    WORDS[key % 16],
                    WORDS[key % 13]
                )
                .unwrap();
            }
            if n % 5 == 0 {
                text += SENSITIVE[n / 5 % SENSITIVE.len()];
            }
            text + "}"
        })
        .collect()
}

/// Microseconds of CPU a KiB over the whole corpus, printed with the rest.
fn documents(name: &str, texts: &[String]) -> f64 {
    let rules = Arc::new(RuleSet::built_in().unwrap());
    let mut filter = Filter::new(rules, [7; 32]);
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut best = Duration::MAX;
    let mut found = 0;
    for _ in 0..PASSES {
        let start = cpu();
        found = 0;
        for text in texts {
            found += black_box(filter.masked(text.as_bytes(), Format::Json)).found;
        }
        best = best.min(cpu().saturating_sub(start));
    }
    assert!(found >= texts.len() / 5, "what is measured must be found");
    let mut each: Vec<f64> = texts
        .iter()
        .map(|text| {
            let nanos = (0..3).map(|_| {
                let start = Instant::now();
                black_box(filter.masked(text.as_bytes(), Format::Json));
                start.elapsed().as_nanos()
            });
            nanos.min().unwrap() as f64 / 1e3 / (text.len() as f64 / 1_024.0)
        })
        .collect();
    each.sort_by(f64::total_cmp);
    let micros = best.as_secs_f64() * 1e6 / (bytes as f64 / 1_024.0);
    println!(
        "{name:22} {:7.1} MB/s  {micros:6.2} us/KiB  p50 {:5.2}  p99 {:5.2}  ({} documents of {} B, {found} values)",
        bytes as f64 / 1e6 / best.as_secs_f64(),
        each[each.len() / 2],
        each[each.len() * 99 / 100],
        texts.len(),
        bytes / texts.len(),
    );
    micros
}

fn hostile(normal: f64) {
    let rules = Arc::new(RuleSet::built_in().unwrap());
    let mut filter = Filter::new(rules, [7; 32]);
    for unit in [
        "1",
        "4111 ",
        "\"",
        "%25",
        "\\",
        "QUJD",
        "a@",
        "[",
        "{\"a\":",
        "a:",
        "eyJ.",
        "-----BEGIN PRIVATE KEY",
        "aB/",
        "token=1 ",
        "token=x %41 ",
        "<a '>",
        "&#64;",
        "1.",
        "1-",
        "::",
        "=",
        "&a=",
        "%",
        "+1 ",
        "Bearer ",
        "\\u0040",
        "sk_live_",
        "\u{ff11}",
        "a.b@c.",
        "0a",
        "data: x\n",
        "eyJhbGciOiJub25lIn0",
    ] {
        let text = unit.repeat((1 << 20) / unit.len());
        let best = (0..3)
            .map(|_| {
                let start = cpu();
                black_box(filter.masked(text.as_bytes(), Format::Auto));
                cpu().saturating_sub(start)
            })
            .min()
            .unwrap();
        let micros = best.as_secs_f64() * 1e6 / 1_024.0;
        let times = micros / normal;
        let verdict = if times > MOST_TIMES { "  TOO SLOW" } else { "" };
        println!("hostile {unit:24?} {micros:6.2} us/KiB  {times:5.1} times{verdict}");
    }
}

fn main() {
    let normal = documents("API JSON", &corpus(false));
    documents("API JSON, 300 keys", &corpus(true));
    hostile(normal);
}

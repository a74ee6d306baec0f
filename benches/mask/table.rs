//! The figures as a table: throughput by the CPU time of the thread, latency of each call by the wall clock.

use std::hint::black_box;
use std::time::Instant;

use hushtap::cleartext::mask::{Filter, Format};
use nix::sys::resource::{UsageWho, getrusage};

use crate::{corpus, rules};

/// Passes over a corpus; the first only warms caches.
const PASSES: usize = 20;
/// A hostile input may take this many times as long per KiB as the corpora on average.
const MOST_TIMES: f64 = 10.0;

/// The account of CPU time moves in steps of some milliseconds: measured for at least this many microseconds.
const LEAST_TIME: f64 = 100_000.0;

/// CPU time of this thread, in microseconds.
fn cpu_time() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let micros =
        |time: nix::sys::time::TimeVal| (time.tv_sec() * 1_000_000 + time.tv_usec()) as f64;
    micros(usage.user_time()) + micros(usage.system_time())
}

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1_024.0
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

/// Masks each document of a corpus over and over; gives microseconds per KiB.
fn documents(name: &str, documents: &[String]) -> f64 {
    let mut filter = Filter::new(rules(), [7; 32]);
    let bytes: usize = documents.iter().map(String::len).sum();
    let mut calls = Vec::new();
    let mut start = 0.0;
    let mut dirty = 0;
    for pass in 0..=PASSES {
        dirty = 0;
        if pass == 1 {
            start = cpu_time();
        }
        for text in documents {
            let call = Instant::now();
            let (masked, found) = filter.mask(text.as_bytes(), Format::Json);
            let micros = call.elapsed().as_secs_f64() * 1e6;
            dirty += usize::from(!found.is_empty());
            black_box(masked);
            if pass > 0 {
                calls.push(micros / kib(text.len()));
            }
        }
    }
    let spent = (cpu_time() - start) / kib(bytes * PASSES);
    assert_eq!(dirty, documents.len() / 5, "one in five holds something");
    calls.sort_by(f64::total_cmp);
    println!(
        "{name:<16} {:>8} {:>8.0} {:>8.2} {:>8.2} {:>8.2}",
        bytes / documents.len(),
        1_024.0 / spent,
        spent,
        quantile(&calls, 0.5),
        quantile(&calls, 0.99)
    );
    spent
}

/// Prints everything.
pub(crate) fn print() {
    println!(
        "CPU time of one thread, whole masking with text and findings; p50 and p99 of the calls by the wall clock"
    );
    println!(
        "{:<16} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "corpus", "B/doc", "MB/s", "us/KiB", "p50", "p99"
    );
    let corpora = corpus::corpora();
    let all = corpora.iter().map(|(name, texts)| documents(name, texts));
    let normal = all.sum::<f64>() / corpora.len() as f64;
    println!(
        "\n{:<16} {:>8} {:>8} {:>8}",
        "hostile MiB", "MB/s", "us/KiB", "times"
    );
    let mut filter = Filter::new(rules(), [7; 32]);
    for (name, text) in corpus::hostile() {
        let start = cpu_time();
        let mut runs = 0;
        let mut spent = 0.0;
        while spent < LEAST_TIME {
            black_box(filter.mask(text.as_bytes(), Format::Auto).0.len());
            runs += 1;
            spent = cpu_time() - start;
        }
        let spent = spent / kib(text.len() * runs);
        let times = spent / normal;
        let over = if times > MOST_TIMES {
            "  over the limit"
        } else {
            ""
        };
        println!(
            "{name:<16} {:>8.0} {:>8.2} {times:>8.1}{over}",
            1_024.0 / spent,
            spent
        );
    }
    println!();
}

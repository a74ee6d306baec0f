//! State of many tokens: how long saving holds a worker up, how long writing and reading take, and how long the file is.
//!
//! `cargo bench --bench state` for 90,000 tokens and 10,000 clients on one worker, or `-- PRINCIPALS WORKERS`. Not a criterion
//! bench: one run says it, and takes a minute.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a bench may panic, prints what it measures, and has no users"
)]

use std::thread;
use std::time::{Duration, Instant};

use hushtap::analysis::insight::HistoryLimits;
use hushtap::analysis::save::{Kept, SaveSettings, Saved};
use hushtap::analysis::{Output, Settings, TickSink, start_with};
use hushtap::clock::{EventTime, Tick};
use hushtap::observation::{
    Country, EndpointId, IntegrationId, Observation, PrincipalKey, Proof, Status, TextId, TokenKind,
};
use hushtap::state::{Meaning, Seal, StateDir};
use hushtap::tally::Tallies;

const START: u64 = 20_000 * 86_400;
/// Calls of each token, over so many days.
const CALLS: u64 = 40;
const DAYS: u64 = 4;
const SEAL: Seal = Seal {
    key: [1; 16],
    numbering: [2; 16],
};

fn mixed(n: u64) -> u64 {
    let n = (n ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn key(n: u64) -> PrincipalKey {
    PrincipalKey((u128::from(mixed(n)) << 64) | u128::from(mixed(n + 1)))
}

/// The call of that number: of a token; one principal in ten is a client without one.
fn call(n: u64, tokens: u64, second: u64) -> Observation {
    let random = mixed(n);
    let who = random % tokens;
    let nanos = (START + second) * 1_000_000_000 + n % 1_000_000_000;
    let is_client = random.is_multiple_of(10);
    Observation {
        start: EventTime::from_nanos(nanos - 1_000_000),
        end: EventTime::from_nanos(nanos),
        token: (!is_client).then(|| key(who)),
        token_kind: (!is_client).then_some(TokenKind::Bearer),
        client: key(who + (1 << 40)),
        proof: Proof::Accepted,
        status: Status(if random.is_multiple_of(17) { 404 } else { 200 }),
        country: Country::from_code(if who.is_multiple_of(3) { "DE" } else { "FR" }),
        endpoint: EndpointId(mixed((who + random % 7) % 200)),
        agent: TextId(mixed(who % 50)),
        release: TextId(mixed(who % 9)),
        integration: (who < 40).then_some(IntegrationId(u16::try_from(who % 4).unwrap())),
        request_bytes: random % 900,
        response_bytes: random % 20_000,
        duration_us: Some(2_000 + random % 60_000),
        ..Observation::blank()
    }
}

fn settings() -> Settings {
    Settings {
        history: Some(HistoryLimits::default()),
        save: Some(SaveSettings {
            every_seconds: 12 * 3_600,
            retain_seconds: 90 * 86_400,
            overlap_seconds: 0,
        }),
        ..Settings::default()
    }
}

/// How long single calls of the sink took at most: those after which state was due, and all others.
#[derive(Clone, Copy, Default)]
struct Held {
    saving: Duration,
    other: Duration,
    end: Duration,
}

fn feed(mut sink: TickSink, (worker, workers): (u64, u64), tokens: u64) -> Held {
    let calls = tokens * CALLS;
    let mut held = Held::default();
    let mut last = 0;
    for n in 0..calls {
        let second = n * (DAYS * 86_400) / calls;
        if second > last {
            let begun = Instant::now();
            sink.end_tick(Tick(START + last));
            let took = begun.elapsed();
            // The marker of the first tick of a new span saves, and so does what follows of it.
            if last > 3_600 && last % (12 * 3_600) < 600 {
                held.saving = held.saving.max(took);
            } else {
                held.other = held.other.max(took);
            }
            last = second;
        }
        if n % workers == worker {
            sink.push(call(n, tokens, second), &[], None);
        }
    }
    let begun = Instant::now();
    sink.finish(Tick(START + last)).unwrap();
    held.end = begun.elapsed();
    held
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse::<u64>().ok());
    let tokens = arguments.next().unwrap_or(100_000);
    let workers = arguments.next().unwrap_or(1);
    let (sinks, outputs) = start_with(
        settings(),
        usize::try_from(workers).unwrap(),
        &Tallies::default(),
        None,
    );
    let (mut saved, mut states) = (Saved::default(), 0);
    let mut held = Held::default();
    thread::scope(|scope| {
        let feeds: Vec<_> = (0..)
            .zip(sinks)
            .map(|(worker, sink)| scope.spawn(move || feed(sink, (worker, workers), tokens)))
            .collect();
        for output in outputs {
            if let Output::State(state) = output {
                saved = *state;
                states += 1;
            }
        }
        for feed in feeds {
            let one = feed.join().unwrap();
            held.saving = held.saving.max(one.saving);
            held.other = held.other.max(one.other);
            held.end = held.end.max(one.end);
        }
    });
    println!("{tokens} principals, {workers} workers, {states} states");
    println!("longest tick while saving:  {:?}", held.saving);
    println!("longest tick else:          {:?}", held.other);
    println!("the end, with a last state: {:?}", held.end);
    measure_file(&saved);
}

fn measure_file(saved: &Saved) {
    let folder = tempfile::tempdir().unwrap();
    let dir = StateDir::lock(folder.path()).unwrap();
    let begun = Instant::now();
    let bytes = dir
        .write("live.state", SEAL, saved, &Meaning::default())
        .unwrap();
    println!("written: {} MB in {:?}", bytes / 1_000_000, begun.elapsed());
    let begun = Instant::now();
    let state = dir.read("live.state", SEAL.key).unwrap().unwrap();
    println!(
        "read in {:?}: {:?}",
        begun.elapsed(),
        state.kept.principals()
    );
    let begun = Instant::now();
    let again: Saved = Kept::encode(&state.kept);
    println!("encoded in {:?}", begun.elapsed());
    assert_eq!(again.sections.len(), saved.sections.len());
}

//! Kills a process that saves state, at random moments, again and again: the next start finds the whole of an older or of a
//! newer state, never a broken one. `HUSHTAP_KILLS` sets how often.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, whose child tells its standard output how far it came"
)]

mod requests;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hushtap::analysis::insight::HistoryLimits;
use hushtap::analysis::save::{SaveSettings, Saved};
use hushtap::analysis::{Output, Settings, start};
use hushtap::clock::EventTime;
use hushtap::observation::TokenKind;
use hushtap::state::{FILES, Meaning, Seal, StateDir};
use hushtap::tally::Tallies;
use requests::request;

const DIR: &str = "HUSHTAP_SAVE_DIR";
/// Tokens of the child; those of every second state are half as many.
const TOKENS: u32 = 4_000;
const DEFAULT_KILLS: usize = 40;
const SEAL: Seal = Seal {
    key: [3; 16],
    numbering: [4; 16],
};

/// The state of so many tokens.
fn saved(tokens: u32) -> Saved {
    let settings = Settings {
        history: Some(HistoryLimits::default()),
        save: Some(SaveSettings {
            every_seconds: 600,
            retain_seconds: 86_400,
            overlap_seconds: 0,
        }),
        ..Settings::default()
    };
    let (mut sinks, outputs) = start(settings, 1, &Tallies::default());
    let mut sink = sinks.pop().unwrap();
    for token in 0..tokens {
        let mut call = request(token.wrapping_mul(2_654_435_761));
        call.token_kind = Some(TokenKind::Bearer);
        call.end = EventTime::from_secs(1_800_000_000);
        call.start = call.end;
        sink.push(call, &[], None);
    }
    sink.finish(EventTime::from_secs(1_800_000_000).tick())
        .unwrap();
    let mut states = outputs.into_iter().filter_map(|output| match output {
        Output::State(state) => Some(*state),
        Output::Rows { .. }
        | Output::Alerts(_)
        | Output::Window { .. }
        | Output::Summary { .. } => None,
    });
    states.next().unwrap()
}

/// The child: saves one state after the other, numbered by their time, until it is killed.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let mut states = [saved(TOKENS), saved(TOKENS / 2)];
    let dir = StateDir::lock(Path::new(&dir)).unwrap();
    let found = dir.read(FILES[0], SEAL.key).unwrap();
    let mut number = found.map_or(0, |state| state.time.secs());
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nsaved\t{number}").unwrap();
    loop {
        number += 1;
        let state = &mut states[usize::from(number % 2 == 1)];
        state.time = EventTime::from_secs(number);
        let written = dir.write(FILES[0], SEAL, state, &Meaning::default());
        assert!(written.unwrap() > 100_000);
        writeln!(out, "saved\t{number}").unwrap();
        out.flush().unwrap();
    }
}

/// Lets the child live for so long after it is ready; the number of the last state that it called saved.
fn life(dir: &Path, micros: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("saved\t").map(|n| n.parse().unwrap());
    let mut last: u64 = lines
        .by_ref()
        .find_map(|line| number(line.unwrap()))
        .unwrap();
    std::thread::sleep(Duration::from_micros(micros));
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines {
        // The last line may be cut.
        last = number(line.unwrap_or_default()).unwrap_or(last).max(last);
    }
    last
}

#[test]
fn a_kill_in_mid_save_leaves_a_whole_state() {
    let kills = std::env::var("HUSHTAP_KILLS").map_or(DEFAULT_KILLS, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (mut drafts, mut states) = (0, 0);
    for kill in 0..kills as u64 {
        let told = life(folder.path(), kill.wrapping_mul(7_919) % 60_000);
        let dir = StateDir::lock(folder.path()).unwrap();
        let state = dir.read(FILES[0], SEAL.key).unwrap();
        let (found, tokens) = state.map_or((0, 0), |state| {
            (state.time.secs(), state.kept.principals().0)
        });
        assert!(found == told || found == told + 1, "{found} after {told}");
        let expected = if found % 2 == 1 { TOKENS / 2 } else { TOKENS };
        assert!(found == 0 || tokens == expected as usize, "{tokens} tokens");
        drafts += usize::from(folder.path().join("live.new").exists());
        states = found;
    }
    println!("{kills} kills, {states} states saved, {drafts} found in mid-save");
    assert!(drafts > 0, "no kill came in mid-save: nothing was tested");
}

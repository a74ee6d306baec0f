//! The engine on whole captures.

use super::*;
use crate::cleartext::capture::{FileOptions, FileSource, OpenError, Polled, Source, SourceError};
use std::path::{Path, PathBuf};

/// Runs a file through an engine; gives how reading ended.
fn replay(
    path: &Path,
    tally: &Arc<TallySheet>,
    emit: &mut dyn FnMut(Transaction),
) -> Result<Option<SourceError>, OpenError> {
    let files = [path.to_owned()];
    let mut source = FileSource::open(&files, FileOptions::default(), Arc::clone(tally))?;
    let mut engine = Engine::new(Settings::default(), Arc::clone(tally));
    let damage = loop {
        match source.poll() {
            Ok(Polled::Packet(packet)) => engine.packet(&packet, emit),
            Ok(Polled::Idle) => {}
            Ok(Polled::End) => break None,
            Err(error) => break Some(error),
        }
    };
    engine.finish(emit);
    Ok(damage)
}

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
fn the_account_closes_on_every_capture() {
    let (mut read, mut refused, mut damaged, mut transactions) = (0, 0, 0, 0_u64);
    for path in corpus() {
        let tally = Arc::new(TallySheet::default());
        match replay(&path, &tally, &mut |_| transactions += 1) {
            Ok(None) => read += 1,
            Ok(Some(_)) => damaged += 1,
            Err(_) => refused += 1,
        }
        assert_account_closes(&tally, &path.display().to_string());
    }
    eprintln!("{read} read, {damaged} damaged, {refused} refused, {transactions} transactions");
}

/// A tool for development: prints the transactions of `HUSHTAP_PCAP` as the scorer of the captures reads them.
#[test]
#[ignore = "a tool, not a test"]
fn print_transactions() {
    let path = PathBuf::from(std::env::var_os("HUSHTAP_PCAP").unwrap());
    let tally = Arc::new(TallySheet::default());
    let end = replay(&path, &tally, &mut |tx| {
        let method = tx
            .request
            .as_ref()
            .map(|m| String::from_utf8_lossy(tx.slice(m.first)));
        let body = |m: &Option<crate::cleartext::http::transaction::Message>| {
            m.as_ref().map(|m| m.body_bytes)
        };
        println!(
            "\n{}",
            serde_json::json!({
                "method": method, "status": tx.response.as_ref().map(|m| m.status),
                "protocol": tx.protocol.name(), "state": format!("{:?}", tx.state), "flow": tx.flow.0,
                "request_body_bytes": body(&tx.request), "response_body_bytes": body(&tx.response),
            })
        );
    });
    eprintln!("{end:?}");
    for t in Tally::ALL {
        if tally.get(*t) > 0 {
            eprintln!("{:?}={}", t, tally.get(*t));
        }
    }
}

//! What a packet costs: reading it from a file, and taking it through decoding, flow table, reassembly and HTTP.
#![allow(clippy::unwrap_used, reason = "a bench may stop")]

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hushtap::cleartext::capture::{FileOptions, FileSource, Polled, Source};
use hushtap::cleartext::engine::{Engine, Settings};
use hushtap::demo::{DemoPlan, Shape, write_capture};
use hushtap::tally::TallySheet;

/// Transactions in the capture: small keep-alive JSON calls on 64 connections, about two packets each.
const TRANSACTIONS: u64 = 50_000;

fn open(path: &Path) -> FileSource {
    let files = [path.to_owned()];
    FileSource::open(&files, FileOptions::default(), Arc::default())
        .map_err(|e| e.fault)
        .unwrap()
}

/// Reads to the end and gives the number of packets.
fn read(mut source: FileSource) -> u64 {
    let mut packets = 0;
    while let Ok(Polled::Packet(packet)) = source.poll() {
        black_box(packet.wire_len);
        packets += 1;
    }
    packets
}

/// Takes all packets through an engine and gives the number of transactions.
fn analyse(mut source: FileSource) -> u64 {
    let mut transactions = 0;
    let mut engine = Engine::new(Settings::default(), Arc::new(TallySheet::default()));
    let mut emit = |transaction| {
        black_box(&transaction);
        transactions += 1;
    };
    while let Ok(Polled::Packet(packet)) = source.poll() {
        engine.packet(&packet, &mut emit);
    }
    engine.finish(&mut emit);
    transactions
}

fn capture(directory: &Path) -> PathBuf {
    let path = directory.join("keep-alive.pcap");
    let plan = DemoPlan {
        shape: Shape::KeepAlive,
        transactions: TRANSACTIONS,
        ..DemoPlan::default()
    };
    write_capture(BufWriter::new(File::create(&path).unwrap()), &plan).unwrap();
    path
}

fn wire(c: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let path = capture(directory.path());
    let packets = read(open(&path));
    assert_eq!(analyse(open(&path)), TRANSACTIONS);
    let mut group = c.benchmark_group("wire");
    group.sample_size(10);
    group.throughput(Throughput::Elements(packets));
    group.bench_function("read a packet", |b| {
        b.iter_batched(|| open(&path), read, BatchSize::PerIteration);
    });
    group.throughput(Throughput::Elements(TRANSACTIONS));
    group.bench_function("read to transaction", |b| {
        b.iter_batched(|| open(&path), analyse, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);

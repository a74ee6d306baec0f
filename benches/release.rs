//! What a release costs: one draw of noise, one observation in the clip, closing a window, releasing 10,000 series.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench stops where it cannot go on"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hushtap::analysis::clip::{ClipTable, WindowSums};
use hushtap::analysis::window::Window;
use hushtap::observation::{Country, Observation, PrincipalKey, PublicCell, PublicTriple, Status};
use hushtap::release::budget::Variance;
use hushtap::release::exporter::Exposition;
use hushtap::release::ledger::{Namespace, Opening};
use hushtap::release::mechanism::Noise;
use hushtap::release::plan::{Integration, Plan, Settings};
use hushtap::release::releaser::Releaser;

fn observation(cell: u32) -> Observation {
    Observation {
        status: Status(200),
        client: PrincipalKey(1),
        country: Country::from_code("DE"),
        cell: PublicCell(cell),
        request_bytes: 514,
        response_bytes: 1_114,
        duration_us: Some(7_000),
        ..Observation::blank()
    }
}

/// As many triples as the default ceiling lets through: just under 10,000 series.
fn plan() -> Arc<Plan> {
    let mut triples: Vec<_> = (0..264)
        .map(|number| PublicTriple {
            service: "shop".to_owned(),
            endpoint: format!("/v1/things/{number:03}/{{id}}"),
            method: "GET".to_owned(),
        })
        .collect();
    triples.push(PublicTriple::other());
    let settings = Settings {
        triples,
        ..Settings::default()
    };
    Arc::new(Plan::new(&settings).unwrap())
}

fn sampler(c: &mut Criterion) {
    let mut group = c.benchmark_group("noise");
    for s2 in [400, 1_152_000, 1 << 52] {
        let mut noise = Noise::from_os().unwrap();
        let variance = Variance::new(s2).unwrap();
        group.bench_function(format!("gauss s2={s2}"), |bench| {
            bench.iter(|| noise.gauss(black_box(variance)).unwrap());
        });
    }
    group.finish();
}

fn clip(c: &mut Criterion) {
    const PRINCIPALS: u64 = 2_000;
    const REQUESTS: u64 = 20_000;
    let plan = plan();
    let seen: Vec<_> = (0..8).map(observation).collect();
    let keys: Vec<_> = (0..PRINCIPALS)
        .map(|id| PrincipalKey(u128::from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64))
        .collect();
    let mut group = c.benchmark_group("clip");
    group.throughput(Throughput::Elements(REQUESTS));
    group.bench_function("observe and close, 2,000 principals", |bench| {
        let mut table = ClipTable::new(plan.clip(), None);
        let mut index = 0;
        bench.iter(|| {
            for (key, seen) in keys.iter().cycle().zip(seen.iter().cycle()).take(20_000) {
                table.observe(
                    &Observation {
                        client: *key,
                        ..*seen
                    },
                    &[],
                );
            }
            index += 1;
            table.close_window(Window {
                period: index,
                index: 1,
            })
        });
    });
    group.finish();
}

fn window(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let opening = Opening {
        namespace: Namespace::Live,
        init: true,
    };
    let (mut releaser, _) = Releaser::open(plan(), dir.path(), opening).unwrap();
    let mut period = 0;
    let mut group = c.benchmark_group("release");
    group.sample_size(20);
    group.bench_function("a window of 10,000 series, synced", |bench| {
        bench.iter(|| {
            period += 1;
            let window = Window { period, index: 1 };
            let outcome = releaser.release(window, &WindowSums::default());
            assert!(outcome.fault.is_none());
        });
    });
    let release = releaser.current();
    group.bench_function("its exposition, both formats, compressed", |bench| {
        bench.iter(|| Exposition::of(&release));
    });
    group.finish();
}

/// 50,000 series of correlated noise: 25 integrations on 99 endpoints and `other`, at 20 cells each.
fn correlated(c: &mut Criterion) {
    let mut triples: Vec<_> = (0..99)
        .map(|number| PublicTriple {
            service: "shop".to_owned(),
            endpoint: format!("/v1/things/{number:03}/{{id}}"),
            method: "GET".to_owned(),
        })
        .collect();
    triples.push(PublicTriple::other());
    let settings = Settings {
        triples,
        max_series: usize::MAX,
        integrations: (0..25)
            .map(|number| Integration {
                name: format!("partner-{number:02}"),
                ..Integration::default()
            })
            .collect(),
        ..Settings::default()
    };
    let plan = Arc::new(Plan::new(&settings).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let opening = Opening {
        namespace: Namespace::Live,
        init: true,
    };
    let (mut releaser, _) = Releaser::open(plan, dir.path(), opening).unwrap();
    let mut index = 0;
    let mut group = c.benchmark_group("release");
    group.sample_size(20);
    group.bench_function(
        "a window of 50,000 series of integrations, noise, ledger and sync",
        |bench| {
            bench.iter(|| {
                index += 1;
                let window = Window {
                    period: 1 + index / 1_440,
                    index: u32::try_from(index % 1_440).unwrap() + 1,
                };
                let outcome = releaser.release(window, &WindowSums::default());
                assert!(outcome.fault.is_none());
            });
        },
    );
    group.finish();
}

criterion_group!(benches, sampler, clip, window, correlated);
criterion_main!(benches);

//! Cost of the analysis room per observation: ticks, shards, sums, baselines and signals, with one worker.
//!
//! `busy`: 20,000 observations in a tick, as in a fast replay; `sparse`: one in a tick, as over two weeks, where nearly every
//! call closes a window of the volume signal.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench may panic, and has no users"
)]

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hushtap::analysis::{Settings, start};
use hushtap::clock::{EventTime, Tick};
use hushtap::observation::{
    AgentClass, Category, Country, Credential, EndpointId, Finding, FlowId, Method, Notes,
    Observation, Part, PrincipalKey, Proof, Protocol, PublicCell, RateLimit, RuleId, ServiceId,
    Status, TextId, TokenKind, TxState, TypeId,
};
use hushtap::tally::Tallies;

/// Observations of one run.
const RUN: u64 = 200_000;
const TOKENS: u64 = 200;

fn mixed(n: u64) -> u64 {
    let n = (n ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn observation(n: u64, nanos: u64) -> Observation {
    let random = mixed(n);
    let token = mixed(random % TOKENS);
    Observation {
        start: EventTime::from_nanos(nanos - 1_000_000),
        end: EventTime::from_nanos(nanos),
        flow: FlowId(random % 64),
        index: u32::try_from(n % (1 << 31)).unwrap(),
        protocol: Protocol::Http11,
        method: Method::Get,
        status: Status(if random.is_multiple_of(20) { 404 } else { 200 }),
        state: TxState::Complete,
        notes: Notes::default(),
        encrypted: false,
        token: Some(PrincipalKey(
            (u128::from(token) << 64) | u128::from(mixed(token)),
        )),
        token_kind: Some(TokenKind::Bearer),
        proof: Proof::Accepted,
        credential: Credential::default(),
        server: TextId::NONE,
        rate_limit: RateLimit::Silent,
        client: PrincipalKey(u128::from(random % 64) << 70),
        country: Country::from_code("DE"),
        service: ServiceId(0),
        endpoint: EndpointId(mixed(random % 40)),
        documented: false,
        cell: PublicCell(0),
        host: TextId(mixed(1)),
        agent: TextId(mixed(2 + random % 3)),
        agent_class: AgentClass::App,
        release: TextId(mixed(9 + random % 5)),
        operation: TextId::NONE,
        integration: None,
        request_bytes: 200 + random % 300,
        response_bytes: 800 + random % 600,
        response_decoded: None,
        duration_us: Some(2_000 + random % 60_000),
        ttfb_us: Some(1_500),
        account: None,
        refused_field: TextId::NONE,
        refused_path: None,
        object: None,
        candidate: None,
        grpc_status: None,
        request_messages: None,
        response_messages: None,
        ..Observation::blank()
    }
}

/// Three sensitive values in every exchange.
fn findings(endpoint: EndpointId) -> [Finding; 3] {
    [1, 2, 3].map(|n| Finding {
        exposure: None,
        part: Part::ResponseBody,
        path: TextId(mixed(endpoint.0.wrapping_add(n))),
        kind: TypeId(u16::try_from(n).unwrap()),
        category: Category::Pii,
        rule: RuleId(u16::try_from(n).unwrap()),
        count: 1,
        dry_run: false,
    })
}

fn run(all: &[(Observation, [Finding; 3])], per_tick: usize) {
    let (mut sinks, outputs) = start(Settings::default(), 1, &Tallies::default());
    let mut sink = sinks.pop().unwrap();
    let reader = thread::spawn(move || outputs.iter().count());
    let mut tick = Tick(0);
    for chunk in all.chunks(per_tick) {
        for (observation, findings) in chunk {
            sink.push(*observation, findings, None);
            tick = observation.end.tick();
        }
        sink.end_tick(tick);
    }
    sink.finish(tick).unwrap();
    black_box(reader.join().unwrap());
}

fn analysis(c: &mut Criterion) {
    let mut group = c.benchmark_group("analysis");
    group
        .throughput(Throughput::Elements(RUN))
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    for (name, per_tick, nanos) in [("busy", 20_000, 50_000), ("sparse", 1, 6_000_000_000)] {
        let start = 1_760_000_000_000_000_000;
        let all: Vec<_> = (0..RUN)
            .map(|n| observation(n, start + n * nanos))
            .map(|o| (o, findings(o.endpoint)))
            .collect();
        group.bench_function(name, |b| b.iter(|| run(&all, per_tick)));
    }
    group.bench_function("idle_ticks", |b| {
        b.iter(|| {
            let (mut sinks, _outputs) = start(Settings::default(), 1, &Tallies::default());
            let mut sink = sinks.pop().unwrap();
            (0..RUN).for_each(|tick| sink.end_tick(Tick(1_760_000_000 + tick)));
            sink.finish(Tick(1_760_000_000 + RUN))
        });
    });
    group.finish();
}

criterion_group!(benches, analysis);
criterion_main!(benches);

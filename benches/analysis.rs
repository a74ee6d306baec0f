//! Cost of the analysis room per observation: ticks, shards, sums, baselines and signals, with one worker.
//!
//! The traffic is that of an API: 200 tokens, each at home in one country and with a program of its own, make visits of a
//! dozen calls, over 40 endpoints in an order that is mostly the same. Two in three calls name an object, mostly one of the
//! token's own; half of the endpoints are in no document, so that their paths are learned; some calls fail. With every
//! exchange come three sensitive values.
//!
//! `busy`: 20,000 observations in a tick, as in a fast replay; `sparse`: one in a tick, 6 s apart, as over two weeks, where
//! nearly every call closes a window of the volume signal, and three in five an epoch.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
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
    AgentClass, Category, Class, CollectionKey, Country, Element, EndpointId, Finding, FlowId,
    Method, ObjectKey, ObjectRef, Observation, Part, PrincipalKey, Proof, Protocol, Route, RuleId,
    Shape, Status, TextId, TokenKind, TxState, TypeId,
};
use hushtap::tally::Tallies;

/// Observations of one run.
const RUN: u64 = 200_000;
const TOKENS: u64 = 200;
/// Calls of one visit.
const VISIT: u64 = 12;
const ENDPOINTS: u64 = 40;
const COUNTRIES: [&str; 8] = ["DE", "FR", "US", "GB", "JP", "BR", "IN", "PL"];

fn mixed(n: u64) -> u64 {
    let n = (n ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Who makes the `n`-th call, and which of its own it is: visits overlap, 16 at a time.
fn visit(n: u64) -> (u64, u64, u64) {
    let (round, place) = (n / (16 * VISIT), n % 16);
    let number = round * 16 + place;
    (mixed(number) % TOKENS, number, n / 16 % VISIT)
}

/// The endpoint of a call: a way through ten of them, that a token goes with some turns.
fn endpoint(token: u64, call: u64, random: u64) -> u64 {
    let turn = if random.is_multiple_of(8) {
        random >> 8
    } else {
        call
    };
    (token % 4 * 10 + turn % 10) % ENDPOINTS
}

fn object(token: u64, endpoint: u64, random: u64) -> Option<ObjectRef> {
    if endpoint.is_multiple_of(3) {
        return None;
    }
    let own = token * 1_000 + random % 25;
    let number = if random.is_multiple_of(30) {
        random >> 32
    } else {
        own
    };
    let key = |number: u64| ObjectKey(mixed((number << 8) | (endpoint / 8)));
    Some(ObjectRef {
        key: key(number),
        collection: CollectionKey(u32::try_from(endpoint / 8).unwrap()),
        next: Some(key(number + 1)),
    })
}

/// The path of an endpoint that no document knows.
fn route(endpoint: u64, object: bool) -> Route {
    let mut route = Route::NONE;
    if endpoint.is_multiple_of(2) {
        return route;
    }
    let name = |n| Element::text(Class::Word, Shape::Plural, mixed(n));
    route.push(Element::text(Class::Word, Shape::Prefix, mixed(77)).known());
    route.push(name(endpoint / 8 + 100));
    if object {
        route.push(Element::class_only(Class::Int));
    }
    route.push(name(endpoint + 200));
    route
}

fn observation(n: u64, nanos: u64) -> Observation {
    let (token, visit, call) = visit(n);
    let random = mixed(n);
    let endpoint = endpoint(token, call, random);
    let object = object(token, endpoint, random);
    let key = mixed(token + 1);
    let failed = random.is_multiple_of(20);
    let status = if failed {
        [404, 403, 422, 500][usize::try_from(random >> 8 & 3).unwrap()]
    } else {
        200
    };
    Observation {
        start: EventTime::from_nanos(nanos - 1_000_000),
        end: EventTime::from_nanos(nanos),
        flow: FlowId(visit),
        index: u32::try_from(call).unwrap(),
        protocol: Protocol::Http11,
        method: Method::Get,
        status: Status(status),
        state: TxState::Complete,
        token: Some(PrincipalKey(
            (u128::from(key) << 64) | u128::from(mixed(key)),
        )),
        token_kind: Some(TokenKind::Bearer),
        proof: Proof::Accepted,
        encrypted: true,
        client: PrincipalKey(u128::from(mixed(visit % 300)) << 3),
        country: Country::from_code(COUNTRIES[usize::try_from(token % 8).unwrap()]),
        endpoint: EndpointId(mixed(endpoint)),
        route: route(endpoint, object.is_some()),
        documented: endpoint.is_multiple_of(2),
        host: TextId(mixed(1)),
        agent: TextId(mixed(2 + token % 9)),
        agent_class: [AgentClass::App, AgentClass::Browser, AgentClass::Tool]
            [usize::try_from(token % 3).unwrap()],
        release: TextId(mixed(50 + token % 9 + visit % 2)),
        request_bytes: 200 + random % 300,
        response_bytes: 800 + random % 600,
        duration_us: Some(2_000 + random % 60_000),
        ttfb_us: Some(1_500 + random % 50_000),
        refused_field: if status == 422 {
            TextId(mixed(7 + endpoint))
        } else {
            TextId::NONE
        },
        refused_path: failed.then_some(ObjectKey(random >> 16)),
        object,
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

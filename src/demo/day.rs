//! The synthetic day: visits planned ahead for every caller, then played in order of time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::weighted::WeightedIndex;
use rand_distr::{Distribution, Exp, Poisson};

use super::capture::CaptureWriter;
use super::message;
use super::population::{self, Caller, Habits, KINDS, Kind};
use super::tcp::{Connection, ROUND_TRIP_NANOS, Side};
use super::visit::{Caprice, Outage, Purpose, Step};
use super::{DemoPlan, DemoTruth, PlantedAttack};
use crate::clock::{EventTime, NANOS_PER_SECOND, SECONDS_PER_DAY};

/// Writes the day.
pub(super) fn write<W: Write>(
    mut sink: CaptureWriter<W>,
    plan: &DemoPlan,
) -> io::Result<DemoTruth> {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut stage = Stage::new(plan, &mut rng);
    while let Some(Reverse((at, number))) = stage.agenda.pop() {
        sink.flush_until(at)?;
        stage.turn(at, number, &mut rng, &mut sink);
    }
    let (packets, bytes) = sink.finish()?;
    Ok(DemoTruth {
        packets,
        bytes,
        tokens: stage.tokens(),
        attacks: attacks(plan.start),
        ..stage.truth
    })
}

/// Everybody and everything that is still to happen.
struct Stage {
    callers: Vec<Caller>,
    visits: Vec<Visit>,
    /// When each visit acts next; ties in time keep the order of the visits.
    agenda: BinaryHeap<Reverse<(EventTime, usize)>>,
    caprice: Caprice,
    /// No call begins after this.
    last_call: EventTime,
    /// Callers that made a call.
    active: BTreeSet<usize>,
    truth: DemoTruth,
}

struct Visit {
    caller: usize,
    purpose: Purpose,
    /// Calls made.
    done: u32,
    /// Calls still to make.
    left: u32,
    connection: Option<Connection>,
}

impl Stage {
    fn new(plan: &DemoPlan, rng: &mut ChaCha8Rng) -> Self {
        let callers = population::make(plan.tokens, rng);
        let mut stage = Self {
            callers,
            visits: Vec::new(),
            agenda: BinaryHeap::new(),
            caprice: Caprice::new(OUTAGE.in_day(plan.start)),
            last_call: plan
                .start
                .plus_nanos((SECONDS_PER_DAY - 120) * NANOS_PER_SECOND),
            active: BTreeSet::new(),
            truth: DemoTruth::default(),
        };
        stage.plan_habits(plan, rng);
        stage.plan_attacks(plan.start);
        stage
    }

    /// Visits of every caller over the day, by the rhythm of its kind and the clock where it lives.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand calls of a model"
    )]
    fn plan_habits(&mut self, plan: &DemoPlan, rng: &mut ChaCha8Rng) {
        let scale =
            plan.transactions as f64 * 400.0 / f64::from(plan.tokens.max(1)) / ordinary_calls();
        for number in 0..self.callers.len() {
            let Some((habits, activity, ahead)) = self.callers.get(number).and_then(|caller| {
                let habits = KINDS.get(caller.kind.column())?;
                Some((habits, caller.activity, caller.hours_ahead))
            }) else {
                continue;
            };
            let mean = habits.calls_per_day * activity * scale / habits.calls_per_visit;
            let visits = Poisson::new(mean.max(0.5)).map_or(1.0, |model| model.sample(rng)) as u32;
            for _ in 0..visits {
                let at = plan.start.plus_nanos(moment(habits, ahead, rng));
                let calls =
                    Exp::new(1.0 / habits.calls_per_visit).map_or(1.0, |model| model.sample(rng));
                self.plan(at, number, Purpose::Habit, calls.ceil().max(1.0) as u32);
            }
        }
    }

    fn plan_attacks(&mut self, start: EventTime) {
        for attack in &ATTACKS {
            let caller = match attack.by {
                By::Nobody => continue,
                By::Caller(kind, number) => self
                    .callers
                    .iter()
                    .enumerate()
                    .filter(|(_, caller)| caller.kind == kind)
                    .cycle()
                    .nth(number)
                    .map_or(0, |(position, _)| position),
                By::Stranger(octet, agent) => {
                    self.callers.push(Caller::stranger(octet, agent));
                    self.callers.len() - 1
                }
            };
            let at = attack.span.in_day(start).from;
            self.plan(at, caller, attack.purpose, attack.calls);
        }
    }

    fn plan(&mut self, at: EventTime, caller: usize, purpose: Purpose, calls: u32) {
        self.agenda.push(Reverse((at, self.visits.len())));
        self.visits.push(Visit {
            caller,
            purpose,
            done: 0,
            left: calls,
            connection: None,
        });
    }

    /// Lets one visit act: open, call once, or close.
    fn turn<W: Write>(
        &mut self,
        at: EventTime,
        number: usize,
        rng: &mut ChaCha8Rng,
        sink: &mut CaptureWriter<W>,
    ) {
        let Some(visit) = self.visits.get_mut(number) else {
            return;
        };
        let Some(caller) = self.callers.get(visit.caller) else {
            return;
        };
        let Some(mut connection) = visit.connection.take() else {
            if at < self.last_call {
                self.truth.connections += 1;
                visit.connection = Some(open(caller, at, rng, sink));
                let ready = at.plus_nanos(ROUND_TRIP_NANOS);
                self.agenda.push(Reverse((ready, number)));
            }
            return;
        };
        if visit.left == 0 || at >= self.last_call {
            connection.close(at, sink);
            return;
        }
        let step = Step {
            purpose: visit.purpose,
            done: visit.done,
        };
        let call = self.caprice.next_call(step, caller, at, rng);
        let request = message::request(caller, &call, rng);
        let sent = connection.send(Side::Client, &request, at, sink);
        let answering = sent.plus_nanos(call.latency_nanos);
        let response = message::response(caller, &call, answering, rng);
        let answered = connection.send(Side::Server, &response, answering, sink);
        connection.acknowledge(Side::Client, answered.plus_nanos(ROUND_TRIP_NANOS), sink);
        visit.connection = Some(connection);
        visit.done += 1;
        visit.left -= 1;
        self.truth.transactions += 1;
        self.active.insert(visit.caller);
        let pause = call.think_nanos.max(2 * ROUND_TRIP_NANOS);
        self.agenda
            .push(Reverse((answered.plus_nanos(pause), number)));
    }

    fn tokens(&self) -> u64 {
        let with_credential = |number: &&usize| {
            self.callers.get(**number).is_some_and(|caller| {
                !matches!(caller.credential, population::Credential::Anonymous)
            })
        };
        self.active.iter().filter(with_credential).count() as u64
    }
}

fn open<W: Write>(
    caller: &Caller,
    at: EventTime,
    rng: &mut impl Rng,
    sink: &mut CaptureWriter<W>,
) -> Connection {
    let client = SocketAddrV4::new(caller.address, rng.random_range(20_000..=65_000));
    Connection::open(client, SERVER, (rng.random(), rng.random()), at, sink)
}

/// The shop's only server: an address set aside for documentation (RFC 5737).
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 10), 80);

/// A moment of the day in nanoseconds, by the hours in which this kind is awake.
fn moment(habits: &Habits, hours_ahead: u8, rng: &mut impl Rng) -> u64 {
    let local = WeightedIndex::new(habits.hours).map_or(12, |model| model.sample(rng));
    let utc = (local + 24 - usize::from(hours_ahead)) % 24;
    let within = rng.random_range(0..3_600 * NANOS_PER_SECOND);
    u64::try_from(utc).unwrap_or(0) * 3_600 * NANOS_PER_SECOND + within
}

/// The calls of an average day of 400 callers.
fn ordinary_calls() -> f64 {
    KINDS
        .iter()
        .map(|habits| f64::from(habits.callers) * habits.calls_per_day)
        .sum()
}

/// Seconds of the day.
#[derive(Clone, Copy)]
struct Span {
    from: u64,
    until: u64,
}

impl Span {
    const fn of(from: (u64, u64), minutes: u64) -> Self {
        let from = from.0 * 3_600 + from.1 * 60;
        Self {
            from,
            until: from + minutes * 60,
        }
    }

    const fn in_day(self, start: EventTime) -> Outage {
        Outage {
            from: start.plus_nanos(self.from * NANOS_PER_SECOND),
            until: start.plus_nanos(self.until * NANOS_PER_SECOND),
        }
    }
}

/// Who does it.
#[derive(Clone, Copy)]
enum By {
    /// Nobody: it happens to the ordinary calls.
    Nobody,
    /// The n-th caller of a kind.
    Caller(Kind, usize),
    /// A source without a token: last octet and agent.
    Stranger(u8, &'static str),
}

struct Attack {
    signal: &'static str,
    what: &'static str,
    endpoint: &'static str,
    span: Span,
    by: By,
    purpose: Purpose,
    calls: u32,
}

/// The payment gateway's bad quarter of an hour.
const OUTAGE: Span = Span::of((20, 30), 20);

/// Everything planted, in the order it begins. The spans are long enough for the calls.
const ATTACKS: [Attack; 8] = [
    Attack {
        signal: "volume",
        what: "a partner's key reads the catalogue many times faster than it ever did",
        endpoint: "GET /v1/products/{product_id}",
        span: Span::of((19, 30), 20),
        by: By::Caller(Kind::Partner, 7),
        purpose: Purpose::Spike,
        calls: 2_800,
    },
    Attack {
        signal: "endpoint_errors",
        what: "six in ten payments fail with 503",
        endpoint: "POST /v1/payments",
        span: OUTAGE,
        by: By::Nobody,
        purpose: Purpose::Habit,
        calls: 0,
    },
    Attack {
        signal: "secret_exposed",
        what: "the error answers of that outage print an access key and a database password",
        endpoint: "POST /v1/payments",
        span: OUTAGE,
        by: By::Nobody,
        purpose: Purpose::Habit,
        calls: 0,
    },
    Attack {
        signal: "payload_response",
        what: "one export answer is a hundred times larger than any before it",
        endpoint: "GET /v1/exports/customers",
        span: Span::of((21, 15), 1),
        by: By::Caller(Kind::Partner, 21),
        purpose: Purpose::Steal,
        calls: 1,
    },
    Attack {
        signal: "shadow_endpoint",
        what: "an undocumented debug endpoint answers with user data",
        endpoint: "GET /v1/internal/debug/users",
        span: Span::of((21, 40), 6),
        by: By::Caller(Kind::Ci, 3),
        purpose: Purpose::Shadow,
        calls: 12,
    },
    Attack {
        signal: "enumeration",
        what: "a mobile token reads user after user",
        endpoint: "GET /v1/users/{user_id}",
        span: Span::of((22, 0), 20),
        by: By::Caller(Kind::Mobile, 40),
        purpose: Purpose::Enumerate,
        calls: 500,
    },
    Attack {
        signal: "auth_failures",
        what: "one address tries passwords",
        endpoint: "POST /v1/login",
        span: Span::of((22, 30), 18),
        by: By::Stranger(7, "python-requests/2.31.0"),
        purpose: Purpose::Stuff,
        calls: 600,
    },
    Attack {
        signal: "path_scan",
        what: "one address asks for what is not there",
        endpoint: "GET {unknown}",
        span: Span::of((23, 0), 5),
        by: By::Stranger(9, "Mozilla/5.0 (compatible; scanner/1.0)"),
        purpose: Purpose::Scan,
        calls: 200,
    },
];

fn attacks(start: EventTime) -> Vec<PlantedAttack> {
    let planted = |attack: &Attack| {
        let span = attack.span.in_day(start);
        PlantedAttack {
            signal: attack.signal,
            what: attack.what,
            endpoint: attack.endpoint,
            from: span.from,
            until: span.until,
        }
    };
    ATTACKS.iter().map(planted).collect()
}

//! What a caller does on one connection: an ordinary visit by the habits of its kind, or a planted attack.

use rand::{Rng, RngExt};
use rand_distr::weighted::WeightedIndex;
use rand_distr::{Distribution, LogNormal};

use super::api::{self, OPERATIONS, Operation, SHADOW, STOLEN_EXPORT};
use super::bodies::payment_id;
use super::people::{Person, alphanumeric, choose, owned_uuid};
use super::population::{Caller, KINDS};
use crate::clock::EventTime;

/// One call to be made.
pub(super) struct Call {
    pub(super) operation: &'static Operation,
    /// Path and query.
    pub(super) target: String,
    pub(super) status: u16,
    /// Whether the error body prints credentials.
    pub(super) leaks: bool,
    /// From the request to the first byte of the answer.
    pub(super) latency_nanos: u64,
    /// From the end of the answer to the next request of the visit.
    pub(super) think_nanos: u64,
}

/// Why somebody came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// The habits of the kind.
    Habit,
    /// One token reads the catalogue far faster than it ever did.
    Spike,
    /// One token takes the whole customer list in a single answer.
    Steal,
    /// An undocumented endpoint is used.
    Shadow,
    /// One token reads user after user.
    Enumerate,
    /// Passwords are tried for one account after the other.
    Stuff,
    /// Paths that are not there are tried.
    Scan,
}

/// Where a visit stands.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) purpose: Purpose,
    /// Calls made so far.
    pub(super) done: u32,
}

/// The payment gateway is down between these two, and says too much.
#[derive(Clone, Copy)]
pub(super) struct Outage {
    pub(super) from: EventTime,
    pub(super) until: EventTime,
}

/// Decides calls; made once, since the weighted tables are.
pub(super) struct Caprice {
    /// Which operation, a table a kind.
    choices: Vec<Option<WeightedIndex<u32>>>,
    outage: Outage,
}

impl Caprice {
    pub(super) fn new(outage: Outage) -> Self {
        let table = |column: usize| {
            WeightedIndex::new(
                OPERATIONS
                    .iter()
                    .map(|operation| operation.share.get(column).copied().unwrap_or(0)),
            )
            .ok()
        };
        Self {
            choices: (0..KINDS.len()).map(table).collect(),
            outage,
        }
    }

    /// The next call of a visit.
    pub(super) fn next_call(
        &self,
        step: Step,
        caller: &Caller,
        at: EventTime,
        rng: &mut impl Rng,
    ) -> Call {
        match step.purpose {
            Purpose::Habit => self.habitual(caller, at, rng),
            Purpose::Spike => {
                let mut call = scripted("/v1/products/{product_id}", 200, seconds(0.35, rng));
                call.target = format!("/v1/products/{}", rng.random_range(1..5_000));
                call
            }
            Purpose::Steal => Call {
                operation: &STOLEN_EXPORT,
                target: "/v1/exports/customers?format=json&all=true".to_owned(),
                ..scripted("", 200, 0)
            },
            Purpose::Shadow => Call {
                operation: &SHADOW,
                target: SHADOW.template.to_owned(),
                ..scripted("", 200, seconds(20.0, rng))
            },
            Purpose::Enumerate => {
                let status = if step.done.is_multiple_of(3) {
                    403
                } else {
                    200
                };
                let mut call = scripted("/v1/users/{user_id}", status, seconds(2.0, rng));
                call.target = format!("/v1/users/{}", 4_000 + step.done);
                call
            }
            Purpose::Stuff => Call {
                operation: api::find("POST", "/v1/login").unwrap_or(&SHADOW),
                target: "/v1/login".to_owned(),
                ..scripted("", 401, seconds(1.5, rng))
            },
            Purpose::Scan => {
                let mut call = scripted("", 404, seconds(1.2, rng));
                call.target = format!("{}{}", choose(rng, &SCANNED), alphanumeric(rng, 4));
                call
            }
        }
    }

    fn habitual(&self, caller: &Caller, at: EventTime, rng: &mut impl Rng) -> Call {
        let column = caller.kind.column();
        let number = match self.choices.get(column) {
            Some(Some(table)) => table.sample(rng),
            _ => 0,
        };
        let operation = OPERATIONS.get(number).unwrap_or(&SHADOW);
        let median_think = KINDS.get(column).map_or(1.0, |habits| habits.think_seconds);
        let down = operation.template == "/v1/payments"
            && operation.method == "POST"
            && (self.outage.from..self.outage.until).contains(&at);
        let status = if down && rng.random_bool(0.6) {
            503
        } else {
            ordinary_status(operation, rng)
        };
        Call {
            operation,
            target: target(operation, caller.user, rng),
            status,
            leaks: down && status == 503 && rng.random_bool(0.3),
            latency_nanos: spread(operation.median_ms / 1_000.0, 0.35, rng),
            think_nanos: spread(median_think, 0.8, rng),
        }
    }
}

/// A call of an attack: of the GET operation with this template, or of none in the table.
fn scripted(template: &str, status: u16, think_nanos: u64) -> Call {
    Call {
        operation: api::find("GET", template).unwrap_or(&SHADOW),
        target: String::new(),
        status,
        leaks: false,
        latency_nanos: 12_000_000,
        think_nanos,
    }
}

fn ordinary_status(operation: &Operation, rng: &mut impl Rng) -> u16 {
    let (refusal, in_ten_thousand) = operation.refusal;
    let draw = rng.random_range(0..10_000);
    if draw < in_ten_thousand {
        refusal
    } else if draw < in_ten_thousand + 12 {
        429
    } else if draw < in_ten_thousand + 27 {
        500
    } else {
        operation.success
    }
}

/// Fills a template and adds the query the operation is used with.
fn target(operation: &Operation, user: u32, rng: &mut impl Rng) -> String {
    let mut target = String::with_capacity(operation.template.len() + 40);
    let mut rest = operation.template;
    while let Some((before, behind)) = rest.split_once('{') {
        target.push_str(before);
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        target.push_str(&parameter(name, user, rng));
        rest = after;
    }
    target.push_str(rest);
    target.push_str(&query(operation, user, rng));
    target
}

fn parameter(name: &str, user: u32, rng: &mut impl Rng) -> String {
    match name {
        "order_id" | "shipment_id" => owned_uuid(user, rng.random_range(0..12)),
        "user_id" => user.to_string(),
        "sku" => format!("A-{:05}", rng.random_range(0..5_000)),
        "payment_id" => payment_id(rng),
        _ => rng.random_range(1..5_000).to_string(),
    }
}

fn query(operation: &Operation, user: u32, rng: &mut impl Rng) -> String {
    match (operation.method, operation.template) {
        ("GET", "/v1/products") => format!("?page={}&limit=20", rng.random_range(1..30)),
        ("GET", "/v1/search") => format!(
            "?q={}&sort=price",
            choose(rng, &["lamp", "bottle", "bag", "headphones", "charger"])
        ),
        ("GET", "/v1/orders") if rng.random_bool(0.2) => {
            let email = Person::numbered(user).email.replace('@', "%40");
            format!("?email={email}&limit=10")
        }
        ("GET", "/v1/reports/sales") => "?from=2026-01-01&to=2026-01-04".to_owned(),
        _ => String::new(),
    }
}

/// A log-normal time with this median in seconds.
fn spread(median: f64, sigma: f64, rng: &mut impl Rng) -> u64 {
    let drawn = LogNormal::new(median.ln(), sigma).map_or(median, |model| model.sample(rng));
    nanos(drawn.min(LONGEST_SECONDS))
}

/// About so many seconds, evenly spread over half to one and a half.
fn seconds(mean: f64, rng: &mut impl Rng) -> u64 {
    nanos(mean * rng.random_range(0.5..1.5))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and a minute"
)]
fn nanos(seconds: f64) -> u64 {
    (seconds.clamp(0.0, LONGEST_SECONDS) * 1e9) as u64
}

/// No latency and no pause is longer, so that connections stay open.
const LONGEST_SECONDS: f64 = 55.0;

const SCANNED: [&str; 8] = [
    "/.env.",
    "/wp-login.php?x=",
    "/admin/config-",
    "/backup/db-",
    "/.git/objects/",
    "/phpmyadmin/",
    "/actuator/",
    "/old/api/keys-",
];

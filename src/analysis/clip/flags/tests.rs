//! Each signal at its limit, and that order does not matter.

use proptest::prelude::*;

use super::*;
use crate::clock::EventTime;
use crate::observation::{
    Category, CollectionKey, ExposedIn, Exposure, ObjectKey, ObjectRef, Part, RuleId, TypeId,
};

const TOKEN: bool = true;
const CLIENT: bool = false;

/// An answer 200 to a documented endpoint in minute 100, `second` seconds into it.
fn seen(second: u64) -> Observation {
    let mut observation = crate::analysis::tests::observation(0, 1, 1);
    observation.end = EventTime::from_secs(100 * 60 + second);
    observation.documented = true;
    observation.country = Country::UNKNOWN;
    observation
}

fn answered(status: u16) -> Observation {
    Observation {
        status: Status(status),
        ..seen(0)
    }
}

/// A keyed hash, as it were.
fn hash(number: u64) -> u64 {
    let mixed = (number ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}

fn object(number: u64, status: u16) -> Observation {
    Observation {
        object: Some(ObjectRef {
            key: ObjectKey(hash(number)),
            collection: CollectionKey(1),
            next: None,
        }),
        ..answered(status)
    }
}

fn exposed() -> Finding {
    Finding {
        part: Part::ResponseBody,
        path: TextId::NONE,
        kind: TypeId(0),
        category: Category::Secret,
        rule: RuleId(0),
        count: 1,
        exposure: Some(Exposure {
            place: ExposedIn::Response(TextId::NONE),
            sure: true,
            taken: true,
        }),
        dry_run: false,
    }
}

fn run(limits: &FlagLimits, all: &[Observation], is_token: bool) -> OnceBits {
    let mut state = FlagState::default();
    all.iter().fold(OnceBits::default(), |bits, observation| {
        bits.or(state.observe(limits, observation, &[], is_token))
    })
}

fn shown(all: &[Observation], is_token: bool) -> OnceBits {
    run(&FlagLimits::default(), all, is_token)
}

fn only(signal: Signal) -> OnceBits {
    OnceBits::default().with_signal(signal)
}

const NONE: OnceBits = OnceBits(0);

#[test]
fn a_principal_takes_few_bytes() {
    assert!(size_of::<FlagState>() <= 128, "{}", size_of::<FlagState>());
}

#[test]
fn what_is_usual_shows_nothing() {
    let day: Vec<_> = (0..2_000).map(|n| seen(n * 40)).collect();
    assert_eq!(shown(&day, TOKEN), NONE);
    assert_eq!(shown(&day, CLIENT), NONE);
}

#[test]
fn volume_is_by_the_clock_minute() {
    let minute: Vec<_> = (0..600).map(|n| seen(n / 10)).collect();
    assert_eq!(shown(&minute, TOKEN), NONE);
    let across: Vec<_> = (0..1_200).map(|n| seen(30 + n / 20)).collect();
    assert_eq!(shown(&across, TOKEN), NONE);
    let more: Vec<_> = (0..=600).map(|n| seen(n / 11)).collect();
    assert_eq!(shown(&more, TOKEN), only(Signal::Volume));
    assert_eq!(shown(&more, CLIENT), only(Signal::Volume));
}

#[test]
fn payloads_are_by_the_body() {
    let mut request = seen(0);
    request.request_bytes = 1 << 20;
    let mut response = seen(0);
    response.response_bytes = 10 << 20;
    assert_eq!(shown(&[request, response], TOKEN), NONE);
    request.request_bytes += 1;
    assert_eq!(shown(&[request], TOKEN), only(Signal::PayloadRequest));
    response.response_bytes += 1;
    assert_eq!(shown(&[response], CLIENT), only(Signal::PayloadResponse));
}

#[test]
fn field_errors_count_400_and_422() {
    let mut errors = vec![answered(400); 25];
    errors.extend([answered(422); 24]);
    errors.extend([answered(409); 24]);
    assert_eq!(shown(&errors, TOKEN), NONE);
    // INVALID_ARGUMENT.
    errors.push(Observation {
        grpc_status: Some(3),
        ..answered(200)
    });
    assert_eq!(shown(&errors, TOKEN), only(Signal::FieldErrors));
}

#[test]
fn agents_are_of_tokens() {
    let with = |agent| Observation {
        agent: TextId(agent),
        ..seen(0)
    };
    let mut agents: Vec<_> = [0, 1 << 40, 2, 3, 2, 3].map(with).to_vec();
    assert_eq!(shown(&agents, TOKEN), NONE);
    agents.push(with(4));
    assert_eq!(shown(&agents, TOKEN), only(Signal::Agent));
    assert_eq!(shown(&agents, CLIENT), NONE);
    let limits = FlagLimits {
        agents: FlagLimits::MAX_AGENTS,
        ..FlagLimits::default()
    };
    let many: Vec<_> = (1..=20).map(with).collect();
    assert_eq!(run(&limits, &many[..7], TOKEN), NONE);
    assert_eq!(run(&limits, &many, TOKEN), only(Signal::Agent));
}

#[test]
fn concurrent_use_is_from_two_known_countries_in_a_minute() {
    let from = |country: &str, second| Observation {
        country: Country::from_code(country),
        ..seen(second)
    };
    let quiet = [from("DE", 0), from("", 1), from("DE", 59), from("FR", 60)];
    assert_eq!(shown(&quiet, TOKEN), NONE);
    let both = [from("DE", 0), from("", 1), from("FR", 59)];
    assert_eq!(shown(&both, TOKEN), only(Signal::ConcurrentUse));
    assert_eq!(shown(&both, CLIENT), NONE);
    let unanswered = Observation {
        status: Status::NONE,
        ..from("FR", 2)
    };
    assert_eq!(shown(&[from("DE", 0), unanswered], TOKEN), NONE);
}

#[test]
fn objects_are_counted_once() {
    let mut objects: Vec<_> = (0..2_000).map(|n| object(n % 700, 200)).collect();
    assert_eq!(shown(&objects[..500], TOKEN), NONE);
    assert_eq!(shown(&objects, TOKEN).0 & !only(Signal::Volume).0, 0);
    objects.extend((0..1_500).map(|n| object(n, 200)));
    let bits = shown(&objects, TOKEN).0 & !only(Signal::Volume).0;
    assert_eq!(bits, only(Signal::Enumeration).0);
}

#[test]
fn denied_objects_are_distinct() {
    let same = vec![object(1, 403); 100];
    assert_eq!(shown(&same, TOKEN), NONE);
    let served: Vec<_> = (0..100).map(|n| object(n, 200)).collect();
    assert_eq!(shown(&served, TOKEN), NONE);
    let nameless = vec![answered(403); 100];
    assert_eq!(shown(&nameless, TOKEN), NONE);
    let mixed: Vec<_> = (0..40)
        .map(|n| object(n, if n % 2 == 0 { 403 } else { 404 }))
        .collect();
    assert_eq!(shown(&mixed[..12], TOKEN), NONE);
    assert_eq!(shown(&mixed, TOKEN), only(Signal::DeniedObjects));
}

#[test]
fn failures_and_scans_are_of_clients() {
    let failures = vec![answered(401); 20];
    assert_eq!(shown(&failures[1..], CLIENT), NONE);
    assert_eq!(shown(&failures, CLIENT), only(Signal::AuthFailures));
    assert_eq!(shown(&failures, TOKEN), NONE);
    let mut scan = vec![answered(404); 30];
    assert_eq!(shown(&scan, CLIENT), NONE);
    for observation in &mut scan {
        observation.documented = false;
    }
    assert_eq!(shown(&scan[1..], CLIENT), NONE);
    assert_eq!(shown(&scan, CLIENT), only(Signal::PathScan));
    assert_eq!(shown(&scan, TOKEN), NONE);
}

#[test]
fn exposed_secrets_show_unless_in_dry_run() {
    let observe = |finding| {
        let limits = FlagLimits::default();
        FlagState::default().observe(&limits, &seen(0), &[finding], TOKEN)
    };
    assert_eq!(observe(exposed()), only(Signal::SecretExposed));
    let mut finding = exposed();
    finding.dry_run = true;
    assert_eq!(observe(finding), NONE);
    finding = exposed();
    finding.exposure = None;
    assert_eq!(observe(finding), NONE);
}

#[test]
fn shadows_need_documents() {
    let mut shadow = answered(204);
    shadow.documented = false;
    let documents = FlagLimits {
        has_documents: true,
        ..FlagLimits::default()
    };
    assert_eq!(shown(&[shadow], TOKEN), NONE);
    assert_eq!(
        run(&documents, &[shadow], TOKEN),
        only(Signal::ShadowEndpoint)
    );
    assert_eq!(run(&documents, &[seen(0)], TOKEN), NONE);
    shadow.status = Status(404);
    assert_eq!(run(&documents, &[shadow], TOKEN), NONE);
}

#[test]
fn broken_rules_of_documents_show_when_they_are_many() {
    let broken = Observation {
        violations: 3,
        ..seen(0)
    };
    let limit = FlagLimits::default().schema_violations as usize;
    let many = vec![broken; limit];
    assert_eq!(shown(&many[1..], TOKEN), NONE);
    assert_eq!(shown(&many, TOKEN), only(Signal::SchemaViolation));
    assert_eq!(shown(&many, CLIENT), only(Signal::SchemaViolation));
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let codes = proptest::sample::select(vec![0, 200, 400, 401, 403, 404, 422]);
    let places = proptest::sample::select(vec!["", "DE", "FR"]);
    (0_u64..120, codes, places, 0_u64..40, any::<bool>()).prop_map(
        |(second, status, country, number, documented)| Observation {
            end: seen(second).end,
            country: Country::from_code(country),
            agent: TextId(number % 5),
            documented,
            violations: u8::from(number % 7 == 0),
            ..object(number, status)
        },
    )
}

proptest! {
    #[test]
    fn order_within_two_minutes_does_not_matter(
        all in proptest::collection::vec(any_observation(), 0..120),
        is_token in any::<bool>(),
        turn in 0_usize..120,
    ) {
        let limits = FlagLimits {
            requests_per_minute: 40,
            field_errors: 10,
            objects: 20,
            denied_objects: 8,
            auth_failures: 8,
            unknown_paths: 8,
            schema_violations: 8,
            ..FlagLimits::default()
        };
        let mut other = all.clone();
        other.reverse();
        other.rotate_left(turn.min(all.len()));
        prop_assert_eq!(run(&limits, &all, is_token), run(&limits, &other, is_token));
    }
}

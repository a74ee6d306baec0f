//! Templates learned from made-up paths: what is a name, what a value, and that nobody's order matters.

use std::sync::Arc;

use super::super::tests::observation;
use super::super::{Output, Settings};
use super::*;
use crate::analysis::shard::{Seen, Who};
use crate::analysis::signals::Thresholds;
use crate::clock::Tick;
use crate::observation::{Class, Element, Observation, Shape, Status};
use crate::tally::Tallies;

const MILLI: u64 = 1_000_000;

/// The keyed hash of a word in these tests.
fn hash(word: &str) -> u64 {
    let folded = word.bytes().fold(7_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    folded & 0xf_ffff_ffff_ffff
}

/// `users` is a word of the vocabulary, `?gizmo` is not, `#7` is a number, `=3` one that may be a version, and `?gizmo.js`
/// has an extension.
pub(in crate::analysis) fn route(path: &str) -> Route {
    let mut route = Route::NONE;
    for piece in path.split('/').filter(|piece| !piece.is_empty()) {
        if let Some((name, extension)) = piece.split_once('.') {
            route.push(Element::text(Class::Word, Shape::Plain, hash(name)));
            let joined = Element::text(Class::Text, Shape::Plain, hash(extension));
            route.push(joined.known().joined());
            continue;
        }
        let shape = if piece.contains(|letter: char| letter.is_ascii_uppercase()) {
            Shape::Title
        } else if piece.ends_with('s') {
            Shape::Plural
        } else {
            Shape::Plain
        };
        route.push(match piece.as_bytes() {
            [b'#', ..] => Element::class_only(Class::Int),
            [b'=', ..] => Element::text(Class::Int, Shape::Digits, hash(piece)),
            [b'?', ..] => Element::text(Class::Word, shape, hash(piece)),
            b"api" => Element::text(Class::Word, Shape::Prefix, hash(piece)).known(),
            b"search" => Element::text(Class::Word, Shape::Action, hash(piece)).known(),
            _ => Element::text(Class::Word, shape, hash(piece)).known(),
        });
    }
    route
}

/// One request each, by principal and path.
fn traffic() -> Vec<(u128, String)> {
    let mut out = Vec::new();
    for n in 0..600_u32 {
        let user = u128::from(n % 24) << 64 | u128::from(n % 24 * 0x9e37);
        let name = n * 7 % 90;
        let path = match n % 8 {
            0 => format!("/api/?gizmos/#{n}"),
            1 => "/api/?gizmos".to_owned(),
            2 => format!("/api/?rafters/#{n}/parts"),
            3 => "/api/users/search".to_owned(),
            4 => format!("/api/users/?name{name}/orders"),
            5 => format!("/api/users/?name{name}"),
            6 => format!("/api/users/?name{name}/cards/#{n}"),
            _ => "/api/orders".to_owned(),
        };
        out.push((user, path));
    }
    out
}

/// All endpoints at the end, and how often each was asked for. What `!` stands before is not found.
fn learned(workers: usize, k: usize, traffic: &[(u128, String)]) -> Vec<(Template, u64, u64)> {
    let settings = Settings {
        k,
        ..Settings::default()
    };
    let (sinks, results) = crate::analysis::start(settings, workers, &Tallies::default());
    let traffic: Arc<[(u128, String)]> = traffic.into();
    let threads: Vec<_> = sinks
        .into_iter()
        .enumerate()
        .map(|(worker, mut sink)| {
            let traffic = Arc::clone(&traffic);
            std::thread::spawn(move || {
                let mut second = 0;
                for (n, (user, path)) in (0_u64..).zip(traffic.iter()) {
                    let nanos = n * 100 * MILLI;
                    while second < nanos / 1_000 / MILLI {
                        sink.end_tick(Tick(second));
                        second += 1;
                    }
                    if usize::try_from(n).unwrap() % workers == worker {
                        let mut seen = observation(nanos, n, *user);
                        let there = path.strip_prefix('!');
                        seen.status = there.map_or(seen.status, |_| Status(404));
                        seen.route = route(there.unwrap_or(path));
                        sink.push(seen, &[], None);
                    }
                }
                sink.finish(Tick(second)).unwrap();
            })
        })
        .collect();
    let mut found = Vec::new();
    for output in results {
        if let Output::Summary {
            summary,
            last: true,
        } = output
        {
            for endpoint in summary.endpoints {
                let learned = endpoint.learned.unwrap();
                found.push((learned.template, endpoint.requests, endpoint.principals));
            }
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    found
}

/// The template as it is shown when names are written as they are.
fn shown(template: &Template, words: &[&str]) -> String {
    let piece = |element: &Element| {
        let name = words.iter().find(|word| hash(word) == element.hash());
        match name {
            Some(name) if element.has_text() => (*name).to_owned(),
            _ => element.class().text().to_owned(),
        }
    };
    let pieces: Vec<_> = template.elements().iter().map(piece).collect();
    format!("/{}", pieces.join("/"))
}

const WORDS: [&str; 9] = [
    "api", "?gizmos", "?rafters", "parts", "users", "search", "orders", "cards", "?name0",
];

#[test]
fn names_are_told_from_values() {
    let mut rows: Vec<_> = learned(1, 2, &traffic())
        .into_iter()
        .map(|(template, requests, principals)| (shown(&template, &WORDS), requests, principals))
        .collect();
    rows.sort();
    let names: Vec<_> = rows.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "/api/?gizmos",
            "/api/?gizmos/{int}",
            "/api/?rafters/{int}/parts",
            "/api/orders",
            "/api/users/search",
            "/api/users/{word}",
            "/api/users/{word}/cards/{int}",
            "/api/users/{word}/orders",
        ]
    );
    assert!(rows.iter().all(|(_, requests, _)| *requests == 75));
    // 24 principals, of which every third asks for each path.
    assert!(rows.iter().all(|(.., principals)| *principals == 3));
}

#[test]
fn the_number_of_workers_does_not_matter() {
    let one = learned(1, 2, &traffic());
    for workers in [2, 8] {
        assert_eq!(learned(workers, 2, &traffic()), one);
    }
}

#[test]
fn a_name_that_fewer_than_k_used_is_not_shown() {
    let few = |k| {
        let rows = learned(1, k, &traffic());
        let names = rows.iter().map(|(template, ..)| shown(template, &WORDS));
        names.filter(|name| name.contains('?')).count()
    };
    assert_eq!(few(3), 3);
    assert_eq!(
        few(4),
        2,
        "three principals asked for rafters, six for gizmos"
    );
    assert_eq!(few(7), 0);
}

fn observe(
    book: &mut RouteBook,
    observation: &Observation,
    templates: &Templates,
    tally: &TallySheet,
) {
    let call = Call {
        seen: Seen {
            observation,
            findings: &[],
            notes: &[],
        },
        who: Who {
            key: PrincipalKey(1),
            is_token: true,
        },
        endpoint: observation.endpoint,
        total: 1,
        tick: Tick(1),
    };
    book.observe(call, Firsts::default(), &(templates.clone(), 0), tally);
}

#[test]
fn what_does_not_exist_teaches_nothing() {
    let mut book = RouteBook::default();
    let tallies = Tallies::default();
    let tally = tallies.sheet();
    let mut seen = observation(0, 1, 1);
    seen.route = route("/?wp/?admin");
    seen.status.0 = 404;
    let templates = Templates::default();
    observe(&mut book, &seen, &templates, &tally);
    let mut lessons = Lessons::default();
    book.drain_lessons(&mut lessons);
    assert!(lessons.0.is_empty());
    assert_eq!(book.totals().count(), 1, "it is counted all the same");
}

#[test]
fn a_scan_is_bounded() {
    let mut book = RouteBook::default();
    let tallies = Tallies::default();
    let tally = tallies.sheet();
    let templates = Templates::default();
    for n in 0..3 * MAX_ROUTES {
        let mut seen = observation(0, n as u64, 1);
        seen.route = route(&format!("/?x{n}/?y{n}"));
        observe(&mut book, &seen, &templates, &tally);
    }
    assert!(book.totals().count() <= 2 * MAX_ROUTES + 1);
    assert!(book.lessons.len() <= MAX_LESSONS);
    let requests: u64 = book.totals().map(|(_, sum)| sum.totals.requests).sum();
    assert_eq!(requests, 3 * MAX_ROUTES as u64, "nothing is lost");
}

#[test]
fn counters_do_not_fall_when_a_name_is_learned() {
    let settings = Settings {
        k: 3,
        summary_seconds: Some(10),
        max_outputs: 1_000,
        ..Settings::default()
    };
    let (mut sinks, results) = crate::analysis::start(settings, 1, &Tallies::default());
    let mut sink = sinks.pop().unwrap();
    let traffic = traffic();
    for (n, (user, path)) in (0_u64..).zip(&traffic) {
        let nanos = n * 700 * MILLI;
        let mut seen = observation(nanos, n, *user);
        seen.route = route(path);
        sink.push(seen, &[], None);
        sink.end_tick(Tick(nanos / 1_000 / MILLI));
    }
    sink.finish(Tick(420)).unwrap();
    let (mut counted, mut shown) = (BTreeMap::new(), BTreeMap::new());
    let mut fell = 0;
    for output in results {
        let Output::Summary { summary, .. } = output else {
            continue;
        };
        for one in &summary.exact {
            let requests: u64 = one.counts.by_class.iter().sum();
            let before = counted.insert((one.endpoint, one.learned), requests);
            assert!(before.unwrap_or(0) <= requests, "{one:?} after {before:?}");
        }
        let now: BTreeMap<_, _> = summary
            .endpoints
            .iter()
            .map(|e| (e.learned, e.requests))
            .collect();
        fell += shown
            .iter()
            .filter(|(name, before)| now.get(*name).unwrap_or(&0) < *before)
            .count();
        shown = now;
    }
    assert_eq!(counted.values().sum::<u64>(), traffic.len() as u64);
    assert!(
        fell > 0,
        "what is shown moves under other names, or this test says nothing"
    );
}

#[test]
fn an_alert_tells_its_endpoint_by_what_was_learned() {
    let settings = Settings {
        k: 3,
        thresholds: Thresholds {
            warm_up_seconds: 30,
            ..Thresholds::default()
        },
        ..Settings::default()
    };
    let (mut sinks, results) = crate::analysis::start(settings, 1, &Tallies::default());
    let mut sink = sinks.pop().unwrap();
    let traffic = traffic();
    let mut last = 0;
    for (n, (user, path)) in (0_u64..).zip(&traffic) {
        last = n * 100 * MILLI;
        let mut seen = observation(last, n, *user);
        seen.route = route(path);
        sink.push(seen, &[], None);
        sink.end_tick(Tick(last / 1_000 / MILLI));
    }
    // Somebody is called like a word of the vocabulary, so that this is an endpoint of its own to baselines.
    let mut seen = observation(last + 20_000 * MILLI, 9_999, 5);
    seen.endpoint = EndpointId(99);
    seen.route = route("/api/users/parts/cards/#7");
    sink.push(seen, &[], None);
    sink.finish(Tick(last / 1_000 / MILLI + 40)).unwrap();
    let mut alerts = Vec::new();
    for output in results {
        if let Output::Alerts(more) = output {
            alerts.extend(more);
        }
    }
    alerts.retain(|alert| alert.about() == Some(EndpointId(99)));
    assert!(!alerts.is_empty());
    for alert in &alerts {
        let template = shown(
            &alert.template.unwrap(),
            &["api", "users", "parts", "cards"],
        );
        assert_eq!(template, "/api/users/{word}/cards/{int}", "{alert:?}");
    }
}

fn templates_of(traffic: &[(u128, String)], words: &[&str]) -> Vec<String> {
    let found = learned(1, 3, traffic);
    found.iter().map(|(t, ..)| shown(t, words)).collect()
}

#[test]
fn what_everybody_sends_is_a_name_even_a_number() {
    let by = |n: u32| u128::from(n % 20) << 64;
    let traffic: Vec<_> = (0..200_u32)
        .map(|n| match n % 4 {
            0 => (by(n / 4), "/api/=3/orders".to_owned()),
            1 => (by(n / 4), "/api/=3/?zx/users".to_owned()),
            _ => (by(n / 4), format!("/users/={}/orders", n % 7)),
        })
        .collect();
    let found = templates_of(&traffic, &["api", "=3", "?zx", "users", "orders"]);
    let expected = ["/api/=3/?zx/users", "/api/=3/orders", "/users/{int}/orders"];
    assert_eq!(sorted(found), expected);
}

#[test]
fn files_of_several_kinds_are_one_parameter() {
    let by = |n: u32| u128::from(n % 20) << 64;
    let traffic: Vec<_> = (0..600_u32)
        .map(|n| match n % 3 {
            // Whatever its extension, what stands within a path is told without.
            0 if n % 2 == 0 => (by(n / 3), format!("/users/?u{}.js/orders", n % 40)),
            0 => (by(n / 3), format!("/users/?u{}/orders", n % 40)),
            1 => {
                let kind = ["png", "gif", "doc", "mov"][n as usize / 3 % 4];
                (by(n / 3), format!("/files/?f{}.{kind}", n % 50))
            }
            _ => (by(n / 3), format!("/reports/?r{}.doc", n % 50)),
        })
        .collect();
    let found = templates_of(&traffic, &["users", "orders", "files", "reports", "doc"]);
    let expected = [
        "/files/{word}",
        "/reports/{word}/doc",
        "/users/{word}/orders",
    ];
    assert_eq!(sorted(found), expected);
}

#[test]
fn a_word_among_a_few_values_is_one_whoever_used_it() {
    let by = |n: u32, users: u32| u128::from(n % users) << 64;
    // Hardly anybody came, and one value is a word of the vocabulary.
    let mut traffic: Vec<_> = (0..8_u32)
        .map(|n| (by(n, 4), format!("/users/?u{n}/orders/?Z{n}")))
        .collect();
    traffic.push((by(1, 4), "/users/?u1/orders/Parts".to_owned()));
    let words = ["users", "orders", "Parts", "files", "cards"];
    assert_eq!(
        sorted(templates_of(&traffic, &words)),
        ["/users/{word}/orders/{word}"]
    );

    // A word that was never found teaches nothing.
    let mut traffic: Vec<_> = (0..60_u32)
        .map(|n| (by(n, 20), format!("/files/?f{}", n % 5)))
        .collect();
    traffic.push((by(1, 20), "!/files/cards".to_owned()));
    assert_eq!(sorted(templates_of(&traffic, &words)), ["/files/{word}"]);
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all.dedup();
    all
}

//! How much room a token takes with all its habits.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which may panic like the tests themselves"
)]

use std::sync::Arc;

use super::habits::{mixed, object};
use super::{DAY, HOUR, Story};
use crate::analysis::Settings;
use crate::analysis::population::{Closed, Population, epoch_end, epoch_of};
use crate::analysis::principal::MOST_BYTES_OF_TOKEN;
use crate::analysis::shard::{Context, Seen, Shard};
use crate::analysis::share::Share;
use crate::observation::{AgentClass, Country, EndpointId, Observation, TextId};
use crate::tally::Tallies;

/// Bytes of every token of one shard that a story was told to: its place in the table, and what it holds on the heap with
/// what the allocator adds.
fn sizes(mut story: Story) -> Vec<usize> {
    story.0.sort_by_key(Observation::order);
    let settings = Settings {
        has_documents: true,
        ..Settings::default()
    };
    let tallies = Tallies::default();
    let tally = tallies.sheet();
    let mut shard = Shard::new(&settings);
    let (mut population, mut share) = (Population::new(&settings), Share::default());
    let (mut closed, mut alerts) = (Closed::default(), Vec::new());
    let mut epoch = 0;
    for observation in &story.0 {
        let tick = observation.end.tick();
        if epoch_of(tick) != epoch {
            population.absorb(&mut share);
            closed = population.close(&settings, (epoch_end(epoch), false), &tally, &mut alerts);
            share.settle(&closed.snapshot);
            shard.start_epoch();
            epoch = epoch_of(tick);
        }
        let snapshot = Arc::clone(&closed.snapshot);
        let mut cx = Context {
            settings: &settings,
            snapshot: &snapshot,
            share: &mut share,
            tick,
            tally: &tally,
            alerts: &mut alerts,
        };
        let seen = Seen {
            observation,
            findings: &[],
            notes: &[],
        };
        shard.apply(seen, &mut cx);
    }
    shard.token_bytes()
}

#[test]
fn a_typical_token_with_all_its_habits_takes_under_1_5_kib() {
    let mut story = Story::default();
    // Two weeks of people: three visits a day, of twelve calls at 16 endpoints, some of them about objects of three kinds.
    for day in 0..14 {
        for visit in 0..3 {
            for token in 1..=20_u64 {
                let seed = mixed(token * 1_000 + day * 10 + visit);
                let at = day * DAY + (9 + 3 * visit) * HOUR + seed % 3_000;
                for call in 0..12 {
                    let random = mixed(seed + call);
                    story.call(at + 7 * call, u128::from(token), |seen| {
                        seen.endpoint = EndpointId(1 + (call + random % 3) % 16);
                        seen.ttfb_us = Some(20_000 + random % 40_000);
                        seen.duration_us = Some(25_000 + random % 60_000);
                        seen.encrypted = true;
                        // An app, and an update of it.
                        seen.agent_class = AgentClass::App;
                        seen.agent = TextId(1 + token % 3);
                        seen.release = TextId(10 + token % 3 + day / 8);
                        if random.is_multiple_of(3) {
                            let kind = u32::try_from(random % 4).unwrap();
                            seen.object = Some(object(kind, token * 1_000 + random % 60));
                        }
                    });
                }
            }
        }
    }
    let sizes = sizes(story);
    let median = sizes[sizes.len() / 2];
    assert!(median <= 1_536, "{median} bytes in the median");
}

#[test]
fn a_hostile_token_stays_under_6_kib_with_all_its_habits() {
    let mut story = Story::default();
    for n in 0..60_000_u64 {
        let random = mixed(n);
        // The last ones all at once, and at endpoints that nobody has numbered yet.
        let (at, endpoints) = if n < 58_000 {
            (n * 20, 3_000)
        } else {
            (58_000 * 20 + n % 300, 1_000_000)
        };
        story.call(at, 1, |seen| {
            seen.endpoint = EndpointId(1 + random % endpoints);
            seen.duration_us = Some(1 << (random % 40) | (n * 31));
            seen.agent = TextId(random);
            seen.release = TextId(random >> 3);
            seen.agent_class = AgentClass::Tool;
            let country = usize::try_from(random % 10).unwrap();
            let codes = ["DE", "FR", "US", "RU", "BR", "IN", "CN", "GB", "PL", "JP"];
            seen.country = Country::from_code(codes[country]);
            let kind = u32::try_from((random >> 7) % 50).unwrap();
            seen.object = Some(object(kind, random >> 9));
            seen.refused_path = Some(seen.object.unwrap().key);
            seen.account = Some(seen.object.unwrap().key);
            seen.status.0 = [200, 403, 404, 422][usize::try_from((random >> 5) % 4).unwrap()];
            seen.refused_field = TextId(random >> 11);
            seen.checked = true;
            seen.violations = 1;
        });
    }
    let most = *sizes(story).last().unwrap();
    assert!(most <= MOST_BYTES_OF_TOKEN, "{most} bytes");
}

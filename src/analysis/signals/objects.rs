//! `enumeration` and `denied_objects`: a token goes through objects that are not its own.
//!
//! Three ways to tell, each against the token's own habit, the collection's norm and the population's tail:
//!
//! - more objects never touched before in an hour or a day than ever (calibrated, as volume is);
//! - objects never touched before that stand next to each other in number: a cumulative sum of the log-likelihood ratio
//!   between a walk through numbers and what is usual in the collection;
//! - objects refused or missing (403, 404), fading over a day: a negative binomial tail. It finds the slow walk.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of objects in at most a day and bounded logarithms"
)]

use super::crowd::CrowdSums;
use super::surprises::Model;
use super::touched::Touched;
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::baseline::{Baseline, log_count};
use crate::analysis::book::Finding;
use crate::analysis::short::{Use, Uses};
use crate::observation::{CollectionKey, IdStep, ObjectMark, ObjectRef};

/// Collections remembered per token; the longest unused goes first.
const MAX_COLLECTIONS: usize = 8;
/// Of an hour, so many turns must pass until the walks of a token that alerted are learned again: a day at least.
const FREEZE_HOURS: u8 = 25;
/// Parts of one in which sums of log-likelihood ratios are kept, and bounds them by 64.
const WALK_UNITS: f64 = 1_024.0;
/// Parts of one in which what is usual is kept: it is halved at 500.
const USUAL_UNITS: u16 = 64;
/// Objects to which the next one may be next: tabs and parallel runs interleave.
const RECENT: usize = 3;
/// Seconds after which a walk is over.
const WALK_SECONDS: u32 = 12 * 3_600;
/// Up to this sum a step teaches: one step may be chance, and whoever takes them one by one must be able to teach it.
const LEARNED_WALK: f64 = 4.2;
/// Active days without which a count of the day has nothing to be held against.
const MIN_DAYS: u32 = 3;
/// New objects within the hour without which a count of the day says nothing about now.
const LATELY: u16 = 4;
/// Share of steps to a neighbour in a walk.
const WALKING: f64 = 0.6;

/// New objects of one span.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Count {
    n: u16,
    /// The count that is tested next.
    next: u16,
    most: u16,
    baseline: Baseline,
}

/// What is remembered of one collection: 56 bytes.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Collection {
    key: CollectionKey,
    /// The second of the last call: it says which hour and day are counted. 0 before the first.
    last: u32,
    hour: Count,
    day: Count,
    recent: [ObjectMark; RECENT],
    /// Log-likelihood ratio of a walk in [`WALK_UNITS`], and the steps of the run it comes from.
    walk: u16,
    run: u8,
    /// Hours until something is learned again: a walk has alerted.
    frozen: u8,
    /// What is usual, in [`USUAL_UNITS`]: new objects and steps to neighbours among them, fading.
    new: u16,
    steps: u16,
}

impl Use for Collection {
    type Key = CollectionKey;

    fn key(&self) -> CollectionKey {
        self.key
    }

    fn last(&self) -> u32 {
        self.last
    }
}

/// A token's objects.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct ObjectHabit {
    touched: Touched,
    collections: Uses<[Collection; 0], MAX_COLLECTIONS>,
    denied: f32,
    denied_at: u32,
    /// The most within a day that did not alert.
    denied_most: f32,
}

impl ObjectHabit {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize =
        Touched::MOST_BYTES + Uses::<[Collection; 0], MAX_COLLECTIONS>::MOST_BYTES;

    /// Looks at an object asked for; returns what is unusual about it.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let object = scene.observation.object?;
        let now = scene.seconds();
        let denied = self.count_denied(scene, now, sums);
        let new = self.touched.add(object.key.0, now);
        let key = object.collection;
        let collection = self.collections.of(key, || Collection::new(key));
        let before = std::mem::replace(&mut collection.last, now);
        collection.turn(scene, before, sums);
        let mut found = None;
        if new {
            hear(&mut found, collection.walk(scene, &object, before, sums));
            hear(&mut found, collection.hour_test(scene));
            hear(&mut found, collection.day_test(scene));
        }
        collection.remember(object.mark());
        hear(&mut found, denied);
        found
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.collections.heap() + self.touched.heap()
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut habit = Self {
            touched: Touched::full(),
            ..Self::default()
        };
        for key in 0..2 * MAX_COLLECTIONS as u32 {
            let key = CollectionKey(key);
            habit.collections.of(key, || Collection::new(key));
        }
        habit
    }

    fn count_denied(
        &mut self,
        scene: &Scene<'_>,
        now: u32,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let mut denied = f64::from(self.denied);
        if denied > 0.0 {
            let fading = f64::from(now.saturating_sub(self.denied_at)) / 86_400.0;
            denied *= libm::exp(-fading);
        }
        self.denied_at = now;
        let refused = matches!(scene.observation.outcome().0, 403 | 404);
        denied += f64::from(u8::from(refused));
        // Who is refused again and again teaches nothing about others.
        if denied < 4.0 {
            sums.named.0 += 1;
            sums.named.1 += u64::from(refused);
        }
        self.denied = denied as f32;
        let thresholds = scene.thresholds;
        let most = f64::from(self.denied_most);
        if !refused || !scene.ripe() || denied < thresholds.denied_min {
            if denied < thresholds.denied_min {
                self.denied_most = self.denied_most.max(self.denied);
            }
            return None;
        }
        let calls = (scene.calls as f64 / f64::from(scene.days.max(1))).max(10.0);
        let usual = scene.crowd.denied_rate * calls * 1.5;
        let surprise = negative_binomial_surprise(denied, usual);
        let limit = -libm::log(thresholds.denied_p);
        if surprise < limit {
            // What is well on its way to an alert is not what is usual.
            if surprise < limit / 2.0 {
                self.denied_most = self.denied_most.max(self.denied);
            }
            return None;
        }
        self.denied *= 0.2;
        Some(Finding {
            evidence: vec![
                evidence("observed_refused", libm::round(denied)),
                evidence("usual_refused", libm::round(usual * 100.0) / 100.0),
                evidence("most_ever_refused", libm::round(most)),
                evidence("window_seconds", 86_400.0),
                evidence("active_days", f64::from(scene.days)),
            ],
            ..scene.finding(Signal::DeniedObjects, surprise, 86_400)
        })
    }
}

/// Of several findings the most unusual speaks, and the first of those that are alike.
fn hear(loudest: &mut Option<Finding>, found: Option<Finding>) {
    if let Some(found) = found
        && !loudest
            .as_ref()
            .is_some_and(|f| found.surprise <= f.surprise)
    {
        *loudest = Some(found);
    }
}

/// -ln of the probability of k or more events where `mean` are usual, by a negative binomial with r = 2: bursts are usual.
pub(super) fn negative_binomial_surprise(k: f64, mean: f64) -> f64 {
    let q = mean / (2.0 + mean);
    let k = libm::floor(k);
    -(k * libm::log(q) + libm::log1p(k * (1.0 - q)))
}

impl Collection {
    fn new(key: CollectionKey) -> Self {
        Self {
            key,
            last: 0,
            hour: Count::default(),
            day: Count::default(),
            recent: [ObjectMark::default(); RECENT],
            walk: 0,
            run: 0,
            frozen: 0,
            new: 0,
            steps: 0,
        }
    }

    fn remember(&mut self, mark: ObjectMark) {
        if self.recent.first() != Some(&mark) {
            self.recent.rotate_right(1);
            if let Some(first) = self.recent.first_mut() {
                *first = mark;
            }
        }
    }

    /// Closes spans that are over since `before`, the time of the call before.
    fn turn(&mut self, scene: &Scene<'_>, before: u32, sums: &mut CrowdSums) {
        let (key, now) = (self.key, scene.seconds());
        let hours = now / 3_600 - (before / 3_600).min(now / 3_600);
        self.frozen = self
            .frozen
            .saturating_sub(u8::try_from(hours).unwrap_or(u8::MAX));
        let spans = [
            (&mut self.hour, 3_600, 0, Model::HourObjects, 2),
            (&mut self.day, 86_400, 1, Model::DayObjects, 3),
        ];
        for (count, seconds, number, model, days) in spans {
            if now / seconds <= before / seconds {
                continue;
            }
            if before > 0 && (number == 0 || count.n > 0) {
                let expected = count.baseline.expect(scene.crowd.objects(key, number));
                let x = log_count(u32::from(count.n));
                if scene.days >= days && count.n >= 3 {
                    sums.surprises.add_step(model, expected.step(x));
                }
                count.baseline.learn(x, expected);
                sums.objects.of((key, number)).add(x);
                count.most = count.most.max(count.n);
            }
            (count.n, count.next) = (0, 0);
        }
    }

    fn hour_test(&mut self, scene: &Scene<'_>) -> Option<Finding> {
        let thresholds = scene.thresholds;
        let (p, min) = (thresholds.objects_hour_p, thresholds.objects_hour_min);
        let test = (Model::HourObjects, 0, 3_600, p, 0.35);
        let key = self.key;
        self.hour.test(key, scene, test, min)
    }

    fn day_test(&mut self, scene: &Scene<'_>) -> Option<Finding> {
        let thresholds = scene.thresholds;
        let (p, min) = (thresholds.objects_day_p, thresholds.objects_day_min);
        let test = (Model::DayObjects, 1, 86_400, p, 0.5);
        let (key, lately) = (self.key, self.hour.n);
        let found = self.day.test(key, scene, test, min);
        // Some more of its own objects, long after it went through those of others, are no news.
        found.filter(|_| lately >= LATELY && scene.days >= MIN_DAYS)
    }

    /// Whether new objects follow each other in number.
    fn walk(
        &mut self,
        scene: &Scene<'_>,
        object: &ObjectRef,
        before: u32,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        object.next?;
        let mark = object.mark();
        let next = |step| matches!(step, IdStep::Up | IdStep::Down);
        let stepped = self
            .recent
            .iter()
            .any(|&recent| next(mark.step_from(recent)));
        let sum = sums.steps.of(self.key);
        sum.0 += 1;
        if self.last.saturating_sub(before) > WALK_SECONDS {
            (self.walk, self.run) = (0, 0);
        }
        let whole = |n: u16| f64::from(n) / f64::from(USUAL_UNITS);
        let own = (whole(self.steps) + 0.4) / (whole(self.new) + 20.0);
        let usual = scene.crowd.step_rate(self.key).max(own).clamp(0.01, 0.5);
        let ratio = if stepped {
            libm::log(WALKING / usual)
        } else {
            libm::log((1.0 - WALKING) / (1.0 - usual))
        };
        let walk = f64::from(self.walk) / WALK_UNITS + ratio;
        if walk <= 0.0 {
            (self.walk, self.run) = (0, 0);
        } else {
            self.walk = libm::round(walk * WALK_UNITS).min(65_535.0) as u16;
            self.run = self.run.saturating_add(u8::from(stepped));
        }
        // A walk under suspicion teaches nothing, to nobody.
        if walk < LEARNED_WALK && self.frozen == 0 {
            sum.1 += u32::from(stepped);
            if self.new > 500 * USUAL_UNITS {
                self.new /= 2;
                self.steps /= 2;
            }
            self.new += USUAL_UNITS;
            self.steps += USUAL_UNITS * u16::from(stepped);
        }
        let thresholds = scene.thresholds;
        if !scene.ripe()
            || walk < thresholds.walk_limit
            || u16::from(self.run) < thresholds.walk_min
        {
            return None;
        }
        let run = self.run;
        (self.walk, self.run, self.frozen) = (0, 0, FREEZE_HOURS);
        Some(Finding {
            evidence: vec![
                evidence("observed_in_order", f64::from(run)),
                evidence("usual_percent_in_order", libm::round(usual * 1e4) / 1e2),
                evidence("most_ever_objects", f64::from(self.hour.most)),
                evidence("active_days", f64::from(scene.days)),
                evidence("log_likelihood_ratio", libm::round(walk * 10.0) / 10.0),
            ],
            ..scene.finding(Signal::Enumeration, walk, 3_600)
        })
    }
}

/// Model, number of the span, its seconds, the probability that alerts, and how far above the largest so far.
type Test = (Model, u8, u64, f64, f64);

impl Count {
    fn test(
        &mut self,
        key: CollectionKey,
        scene: &Scene<'_>,
        (model, number, seconds, limit, above): Test,
        min: u16,
    ) -> Option<Finding> {
        self.n = self.n.saturating_add(1);
        if self.n < self.next.max(min) {
            return None;
        }
        self.next = (f64::from(self.n) * 1.12) as u16 + 1;
        let x = libm::log1p(f64::from(self.n));
        if !scene.ripe() || x <= self.baseline.max() + above {
            return None;
        }
        let expected = self.baseline.expect(scene.crowd.objects(key, number));
        let p = scene.crowd.curves.p(model, expected.surprise(x));
        if p >= limit {
            return None;
        }
        // What follows an alert must be news: some more of its own objects are not.
        self.next = (f64::from(self.n) * 1.5) as u16 + 1;
        Some(Finding {
            evidence: vec![
                evidence("observed_objects", f64::from(self.n)),
                evidence("usual_objects", libm::round(libm::expm1(expected.mean))),
                evidence("most_ever_objects", f64::from(self.most)),
                evidence("window_seconds", seconds as f64),
                evidence("active_days", f64::from(scene.days)),
                evidence("p", p),
            ],
            ..scene.finding(Signal::Enumeration, -libm::log(p.max(1e-300)), seconds)
        })
    }
}

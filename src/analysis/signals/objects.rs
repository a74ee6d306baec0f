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

use smallvec::SmallVec;

use super::crowd::CrowdSums;
use super::surprises::Model;
use super::touched::Touched;
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::baseline::Baseline;
use crate::analysis::book::Finding;
use crate::observation::{CollectionKey, IdStep, ObjectMark, ObjectRef};

/// Collections remembered per token; the longest unused goes first.
const MAX_COLLECTIONS: usize = 8;
/// Objects to which the next one may be next: tabs and parallel runs interleave.
const RECENT: usize = 3;
/// Seconds after which a walk is over.
const WALK_SECONDS: u32 = 12 * 3_600;
/// Seconds in which nothing is learned about the walks of a token that alerted.
const FREEZE_SECONDS: u32 = 86_400;
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
    /// The span: hours or days since the epoch; 0 before the first.
    span: u32,
    n: u16,
    /// The count that is tested next.
    next: u16,
    most: u16,
    baseline: Baseline,
}

/// What is remembered of one collection.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Collection {
    key: CollectionKey,
    last: u32,
    hour: Count,
    day: Count,
    recent: [ObjectMark; RECENT],
    /// Log-likelihood ratio of a walk, and the steps of the run it comes from.
    walk: f32,
    run: u16,
    /// Nothing is learned until then: a walk has alerted.
    frozen: u32,
    /// What is usual: new objects and steps to neighbours among them, fading.
    new: f32,
    steps: f32,
}

/// A token's objects.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct ObjectHabit {
    touched: Touched,
    collections: SmallVec<[Collection; 1]>,
    denied: f32,
    denied_at: u32,
    /// The most within a day that did not alert.
    denied_most: f32,
}

impl ObjectHabit {
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
        let collection = self.collection(object.collection, now);
        collection.turn(scene, now, sums);
        let found = if new {
            [
                collection.walk(scene, &object, sums),
                collection.hour_test(scene),
                collection.day_test(scene),
            ]
        } else {
            [None, None, None]
        };
        collection.remember(object.mark());
        let mut all = found.into_iter().flatten().chain(denied);
        let first = all.next()?;
        Some(all.fold(first, |a, b| if b.surprise > a.surprise { b } else { a }))
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        let spilled = if self.collections.spilled() {
            self.collections.capacity() * size_of::<Collection>()
        } else {
            0
        };
        spilled + self.touched.heap()
    }

    fn collection(&mut self, key: CollectionKey, now: u32) -> &mut Collection {
        let list = &mut self.collections;
        let at = list.iter().position(|c| c.key == key).unwrap_or_else(|| {
            let fresh = Collection::new(key);
            if list.len() < MAX_COLLECTIONS {
                // Few have many: no room for twice as many.
                list.reserve_exact(1);
                list.push(fresh);
                return list.len() - 1;
            }
            let oldest = list.iter().enumerate().min_by_key(|(_, c)| (c.last, c.key));
            let at = oldest.map_or(0, |(at, _)| at);
            if let Some(place) = list.get_mut(at) {
                *place = fresh;
            }
            at
        });
        #[allow(clippy::indexing_slicing, reason = "found or put there just above")]
        let collection = &mut list[at];
        collection.last = now;
        collection
    }

    fn count_denied(
        &mut self,
        scene: &Scene<'_>,
        now: u32,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let fading = f64::from(now.saturating_sub(self.denied_at)) / 86_400.0;
        let mut denied = f64::from(self.denied) * libm::exp(-fading);
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
            walk: 0.0,
            run: 0,
            frozen: 0,
            new: 0.0,
            steps: 0.0,
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

    /// Closes spans that are over.
    fn turn(&mut self, scene: &Scene<'_>, now: u32, sums: &mut CrowdSums) {
        let key = self.key;
        let spans = [
            (&mut self.hour, now / 3_600, 0, Model::HourObjects, 2),
            (&mut self.day, now / 86_400, 1, Model::DayObjects, 3),
        ];
        for (count, span, number, model, days) in spans {
            if span <= count.span {
                continue;
            }
            if count.span > 0 && (number == 0 || count.n > 0) {
                let prior = scene.crowd.objects(key, number);
                let x = libm::log1p(f64::from(count.n));
                if scene.days >= days && count.n >= 3 {
                    let tail = count.baseline.tail(x, prior);
                    sums.surprises.add(model, tail.surprise);
                }
                count.baseline.learn(x, prior);
                sums.objects.entry((key, number)).or_default().add(x);
                count.most = count.most.max(count.n);
            }
            (count.span, count.n, count.next) = (span, 0, 0);
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
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        object.neighbours?;
        let mark = object.mark();
        let next = |step| matches!(step, IdStep::Up | IdStep::Down);
        let stepped = self
            .recent
            .iter()
            .any(|&recent| next(mark.step_from(recent)));
        let sum = sums.steps.entry(self.key).or_default();
        sum.0 += 1;
        let now = scene.seconds();
        if now.saturating_sub(self.last) > WALK_SECONDS {
            (self.walk, self.run) = (0.0, 0);
        }
        let own = f64::from(self.steps + 0.4) / f64::from(self.new + 20.0);
        let usual = scene.crowd.step_rate(self.key).max(own).clamp(0.01, 0.5);
        let ratio = if stepped {
            libm::log(WALKING / usual)
        } else {
            libm::log((1.0 - WALKING) / (1.0 - usual))
        };
        let walk = f64::from(self.walk) + ratio;
        if walk <= 0.0 {
            (self.walk, self.run) = (0.0, 0);
        } else {
            self.walk = walk as f32;
            self.run += u16::from(stepped);
        }
        // A walk under suspicion teaches nothing, to nobody.
        if walk < LEARNED_WALK && now >= self.frozen {
            sum.1 += u32::from(stepped);
            if self.new > 500.0 {
                self.new *= 0.5;
                self.steps *= 0.5;
            }
            self.new += 1.0;
            self.steps += f32::from(u8::from(stepped));
        }
        let thresholds = scene.thresholds;
        if !scene.ripe() || walk < thresholds.walk_limit || self.run < thresholds.walk_min {
            return None;
        }
        let run = self.run;
        (self.walk, self.run) = (0.0, 0);
        self.frozen = now.saturating_add(FREEZE_SECONDS);
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
        let tail = self.baseline.tail(x, scene.crowd.objects(key, number));
        let p = scene.crowd.curves.p(model, tail.surprise);
        if p >= limit {
            return None;
        }
        // What follows an alert must be news: some more of its own objects are not.
        self.next = (f64::from(self.n) * 1.5) as u16 + 1;
        Some(Finding {
            evidence: vec![
                evidence("observed_objects", f64::from(self.n)),
                evidence("usual_objects", libm::round(libm::expm1(tail.mean))),
                evidence("most_ever_objects", f64::from(self.most)),
                evidence("window_seconds", seconds as f64),
                evidence("active_days", f64::from(scene.days)),
                evidence("p", p),
            ],
            ..scene.finding(Signal::Enumeration, -libm::log(p.max(1e-300)), seconds)
        })
    }
}

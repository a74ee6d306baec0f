//! `sequence`: a token's calls follow each other in an order that nobody's do.
//!
//! A Markov chain of the token with back-off to the population's (tokens of its kind of program), of which the best of the
//! last three calls predicts the next: tabs and parallel runs interleave. The information above the token's own mean adds up
//! (CUSUM); the hourly peaks of the population calibrate it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "bounded sums of bits, counts up to 65,535"
)]

use super::crowd::{CrowdNorms, CrowdSums, Number};
use super::surprises::Model;
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::book::Finding;
use crate::analysis::short::Exact;
use crate::observation::AgentClass;

/// Steps remembered per token; the rarest goes first.
const MAX_STEPS: usize = 160;
/// Endpoints that they are steps between. Where nothing is free for another, its steps are not remembered.
const MAX_PLACES: usize = 80;
/// Calls further apart do not follow each other.
const APART_SECONDS: u32 = 1_800;
/// Calls further apart than this are the end of a run for all but the next.
const RUN_SECONDS: u32 = 600;
/// How much the population's chain weighs, in steps of the token's own.
const BACK_OFF: f64 = 8.0;
/// Most bits of one step.
const MAX_BITS: f64 = 12.0;
/// How often one token's step counts in the population: so often that the rare is told from the usual, and no token alone
/// makes a step usual.
const MAX_COUNTED: u8 = 16;
/// Steps that are enough to know a token's own mean.
const MEMORY: f64 = 200.0;
/// From here on nothing is learned from the calls.
const SUSPECT_BITS: f32 = 12.0;
/// The sum in the scale of the calibration.
const SCALE: f64 = 0.3;

/// Where an endpoint stands in the list of those of one token.
type Place = u8;

/// Three bytes each.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
struct Step {
    from: Place,
    to: Place,
    /// How often, up to 255: what is this frequent is as good as certain.
    n: u8,
}

/// What is remembered of the order of a token's calls.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct SequenceHabit {
    /// Endpoints, at most [`MAX_PLACES`].
    places: Exact<Number>,
    /// Steps between them, sorted by (from, to), at most [`MAX_STEPS`].
    steps: Exact<Step>,
    /// The last calls, newest first; 0 before there are as many.
    recent: [Number; 3],
    /// Calls since the sum was 0.
    run: u16,
    learned: u16,
    /// The second of the last call. The peak is that of its hour.
    last: u32,
    sum: f32,
    usual: f32,
    peak: f32,
    /// The highest sum ever that did not alert.
    most: f32,
}

impl Default for SequenceHabit {
    fn default() -> Self {
        Self {
            places: Exact::default(),
            steps: Exact::default(),
            recent: [0; 3],
            run: 0,
            learned: 0,
            last: 0,
            sum: 0.0,
            usual: 3.0,
            peak: 0.0,
            most: 0.0,
        }
    }
}

impl SequenceHabit {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize =
        Exact::<Number>::most_bytes(MAX_PLACES) + Exact::<Step>::most_bytes(MAX_STEPS);

    /// Looks at a call; returns what is unusual about its place in the order.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let number = scene.number?;
        let now = scene.seconds();
        let gap = now.saturating_sub(self.last);
        let human = is_human(scene);
        if now / 3_600 != self.last / 3_600 && self.peak > 0.0 {
            let peak = f64::from(std::mem::take(&mut self.peak));
            sums.surprises.add(Model::Order, peak * SCALE);
        }
        let mut found = None;
        let [before, second, _] = self.recent;
        if gap >= APART_SECONDS {
            self.sum *= 0.3;
        } else if before != 0 {
            let places = [before, number].map(|number| self.place(number));
            let bits = self.bits(number, places, human, scene.crowd);
            found = self.add(scene, bits, gap);
            self.learn((before, number), places, (bits, human), sums);
        }
        self.recent = if gap > RUN_SECONDS {
            [number, 0, 0]
        } else {
            [number, before, second]
        };
        self.last = now;
        found
    }

    /// -ln of the probability of a sum as high as it is now.
    pub(in crate::analysis) fn surprise(&self, crowd: &CrowdNorms) -> f64 {
        let sum = f64::from(self.peak) * SCALE;
        -libm::log(crowd.curves.p(Model::Order, sum).max(1e-300))
    }

    /// The information in a call of `to`, given the last calls; the places of the last and of this one are known.
    fn bits(
        &self,
        to: Number,
        [before, place]: [Option<Place>; 2],
        human: bool,
        crowd: &CrowdNorms,
    ) -> f64 {
        let weights = [1.0, 0.1, 0.03];
        let mut best = 1e-9_f64;
        let share = (crowd.users(to) + 0.5) / (crowd.all_users + crowd.endpoints() + 1.0);
        let known = self.recent.iter().take_while(|&&from| from != 0);
        for (at, (&from, weight)) in known.zip(weights).enumerate() {
            // Nothing is likelier than certain.
            if weight <= best {
                break;
            }
            let own = if at == 0 { before } else { self.place(from) };
            let (these, all) = self.steps_from(own, place);
            let (others, tokens) = crowd.follows(human, from, to);
            let population = (others + 3.0 * share) / (tokens + 3.0);
            let chance = (these + BACK_OFF * population) / (all.min(60.0).max(these) + BACK_OFF);
            best = best.max(weight * chance);
        }
        (-libm::log2(best)).min(MAX_BITS)
    }

    /// Its own steps from an endpoint: those to a place, and all.
    fn steps_from(&self, from: Option<Place>, to: Option<Place>) -> (f64, f64) {
        let Some(from) = from else {
            return (0.0, 0.0);
        };
        let start = self.steps.partition_point(|step| step.from < from);
        let steps = self.steps.get(start..).unwrap_or_default();
        let (mut these, mut all) = (0, 0);
        for step in steps.iter().take_while(|step| step.from == from) {
            all += u32::from(step.n);
            if Some(step.to) == to {
                these = step.n;
            }
        }
        (f64::from(these), f64::from(all))
    }

    fn place(&self, number: Number) -> Option<Place> {
        // Eight at once.
        let (chunks, rest) = self.places.as_chunks::<8>();
        let holds = |chunk: &[Number; 8]| chunk.iter().filter(|&&n| n == number).count() > 0;
        let at = match chunks.iter().position(holds) {
            Some(chunk) => {
                let start = chunk * 8;
                let chunk = chunks.get(chunk)?;
                start + chunk.iter().position(|&n| n == number)?
            }
            None => chunks.len() * 8 + rest.iter().position(|&n| n == number)?,
        };
        Place::try_from(at).ok()
    }

    /// The place of an endpoint, found for it if need be; `other` stays what it is.
    fn place_for(&mut self, number: Number, other: Option<Place>) -> Option<Place> {
        if let Some(at) = self.place(number) {
            return Some(at);
        }
        if self.places.len() < MAX_PLACES {
            self.places.push(number);
            return Place::try_from(self.places.len() - 1).ok();
        }
        let used = |at: Place| {
            self.steps
                .iter()
                .any(|step| step.from == at || step.to == at)
        };
        let places = 0..Place::try_from(MAX_PLACES).unwrap_or(Place::MAX);
        let mut free = places.filter(|&at| Some(at) != other && !used(at));
        let free = free.next()?;
        *self.places.get_mut(usize::from(free))? = number;
        Some(free)
    }

    fn add(&mut self, scene: &Scene<'_>, bits: f64, gap: u32) -> Option<Finding> {
        let thresholds = scene.thresholds;
        let age = scene.number.map_or(0, |number| {
            scene.crowd.age(number, u64::from(scene.seconds()))
        });
        let known = f64::from(self.learned) >= thresholds.sequence_min_steps;
        if !known || !scene.mature() || age < 2 * 86_400 {
            return None;
        }
        let fade = if gap > 300 { 0.9 } else { 1.0 };
        let usual = f64::from(self.usual).max(1.0) + thresholds.sequence_drift;
        let sum = f64::from(self.sum) * fade + bits - usual;
        if sum <= 0.0 {
            (self.sum, self.run) = (0.0, 0);
            return None;
        }
        self.sum = sum as f32;
        self.run = self.run.saturating_add(1);
        self.peak = self.peak.max(self.sum);
        let p = scene.crowd.curves.p(Model::Order, sum * SCALE);
        if !scene.ripe() || p >= thresholds.sequence_p || sum <= thresholds.sequence_bits {
            return None;
        }
        let most = f64::from(self.most);
        self.sum = 0.0;
        Some(Finding {
            evidence: vec![
                evidence("observed_bits", libm::round(sum * 10.0) / 10.0),
                evidence(
                    "usual_bits",
                    libm::round(f64::from(self.usual) * 10.0) / 10.0,
                ),
                evidence("most_ever_bits", libm::round(most * 10.0) / 10.0),
                evidence("calls", f64::from(self.run)),
                evidence("steps_known", f64::from(self.learned)),
                evidence("active_days", f64::from(scene.days)),
                evidence("p", p),
            ],
            ..scene.finding(
                Signal::Sequence,
                -libm::log(p.max(1e-300)),
                u64::from(self.run) * 10,
            )
        })
    }

    fn learn(
        &mut self,
        (from, to): (Number, Number),
        places: [Option<Place>; 2],
        (bits, human): (f64, bool),
        sums: &mut CrowdSums,
    ) {
        self.learned = self.learned.saturating_add(1);
        let weight = f64::from(self.learned).min(MEMORY);
        self.usual += ((bits.min(10.0) - f64::from(self.usual)) / weight) as f32;
        if self.sum >= SUSPECT_BITS {
            return;
        }
        self.most = self.most.max(self.sum);
        let (before, after) = if let [Some(before), Some(after)] = places {
            (before, after)
        } else {
            // A place found for one may be that which the other had: it is looked for again.
            let before = self.place_for(from, None);
            let (Some(before), Some(after)) = (before, self.place_for(to, before)) else {
                return;
            };
            (before, after)
        };
        let place = |step: &Step| (step.from, step.to);
        let known = self.steps.binary_search_by_key(&(before, after), place);
        let n = match known {
            Ok(at) => self.steps.get_mut(at).map_or(u8::MAX, |step| {
                let n = step.n;
                step.n = n.saturating_add(1);
                n
            }),
            Err(at) => {
                let step = Step {
                    from: before,
                    to: after,
                    n: 1,
                };
                if self.steps.len() < MAX_STEPS {
                    self.steps.insert(at, step);
                } else if let Some(rarest) = self.steps.iter_mut().min_by_key(|s| (s.n, **s)) {
                    *rarest = step;
                    self.steps.sort_unstable_by_key(place);
                }
                0
            }
        };
        if n < MAX_COUNTED {
            *sums.follows.of((human, from, to)) += 1;
        }
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.places.heap() + self.steps.heap()
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let (mut habit, mut sums) = (Self::default(), CrowdSums::default());
        for from in 1..=2 * MAX_PLACES as Number {
            for to in 1..=4 {
                habit.learn((from, to), [None; 2], (1.0, true), &mut sums);
            }
        }
        habit
    }
}

/// Whether people stand behind a call, by its program.
pub(super) const fn is_human(scene: &Scene<'_>) -> bool {
    matches!(
        scene.observation.agent_class,
        AgentClass::Browser | AgentClass::App
    )
}

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
use crate::observation::AgentClass;

/// Steps remembered per token; the rarest goes first.
const MAX_STEPS: usize = 160;
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
const MAX_COUNTED: u16 = 16;
/// Steps that are enough to know a token's own mean.
const MEMORY: f64 = 200.0;
/// From here on nothing is learned from the calls.
const SUSPECT_BITS: f32 = 12.0;
/// The sum in the scale of the calibration.
const SCALE: f64 = 0.3;

#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
struct Step {
    from: Number,
    to: Number,
    n: u16,
}

/// What is remembered of the order of a token's calls.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct SequenceHabit {
    /// Sorted by (from, to).
    steps: Vec<Step>,
    /// The last calls, newest first.
    recent: [Option<Number>; 3],
    last: u32,
    sum: f32,
    /// Calls since the sum was 0.
    run: u16,
    usual: f32,
    learned: u16,
    peak: f32,
    peak_hour: u32,
    /// The highest sum ever that did not alert.
    most: f32,
}

impl Default for SequenceHabit {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            recent: [None; 3],
            last: 0,
            sum: 0.0,
            run: 0,
            usual: 3.0,
            learned: 0,
            peak: 0.0,
            peak_hour: 0,
            most: 0.0,
        }
    }
}

impl SequenceHabit {
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
        if now / 3_600 != self.peak_hour {
            if self.peak > 0.0 {
                sums.surprises
                    .add(Model::Order, f64::from(self.peak) * SCALE);
            }
            (self.peak, self.peak_hour) = (0.0, now / 3_600);
        }
        let mut found = None;
        if gap >= APART_SECONDS {
            self.sum *= 0.3;
            self.recent = [None; 3];
        } else if let [Some(before), ..] = self.recent {
            let bits = self.bits(number, human, scene.crowd);
            found = self.add(scene, bits, gap);
            self.learn((before, number), bits, human, sums);
        }
        if gap > RUN_SECONDS {
            self.recent = [None; 3];
        }
        self.recent.rotate_right(1);
        if let Some(first) = self.recent.first_mut() {
            *first = Some(number);
        }
        self.last = now;
        found
    }

    /// -ln of the probability of a sum as high as it is now.
    pub(in crate::analysis) fn surprise(&self, crowd: &CrowdNorms) -> f64 {
        let sum = f64::from(self.peak) * SCALE;
        -libm::log(crowd.curves.p(Model::Order, sum).max(1e-300))
    }

    /// The information in a call of `to`, given the last calls.
    fn bits(&self, to: Number, human: bool, crowd: &CrowdNorms) -> f64 {
        let weights = [1.0, 0.1, 0.03];
        let mut best = 1e-9_f64;
        let mut seen = [None; 3];
        for ((from, weight), place) in self.recent.iter().zip(weights).zip(&mut seen) {
            let Some(from) = *from else { break };
            *place = Some(from);
            best = best.max(weight * self.chance(from, to, human, crowd));
        }
        (-libm::log2(best)).min(MAX_BITS)
    }

    fn chance(&self, from: Number, to: Number, human: bool, crowd: &CrowdNorms) -> f64 {
        let start = self.steps.partition_point(|step| step.from < from);
        let (mut all, mut these) = (0.0, 0.0);
        for step in self.steps.iter().skip(start).take_while(|s| s.from == from) {
            all += f64::from(step.n);
            if step.to == to {
                these = f64::from(step.n);
            }
        }
        let share = (crowd.users(to) + 0.5) / (crowd.all_users + crowd.endpoints() + 1.0);
        let (others, tokens) = crowd.follows(human, from, to);
        let population = (others + 3.0 * share) / (tokens + 3.0);
        (these + BACK_OFF * population) / (all.min(60.0).max(these) + BACK_OFF)
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
        bits: f64,
        human: bool,
        sums: &mut CrowdSums,
    ) {
        self.learned = self.learned.saturating_add(1);
        let weight = f64::from(self.learned).min(MEMORY);
        self.usual += ((bits.min(10.0) - f64::from(self.usual)) / weight) as f32;
        if self.sum >= SUSPECT_BITS {
            return;
        }
        self.most = self.most.max(self.sum);
        let place = self
            .steps
            .binary_search_by_key(&(from, to), |s| (s.from, s.to));
        match place {
            Ok(at) => {
                if let Some(step) = self.steps.get_mut(at) {
                    if step.n < MAX_COUNTED {
                        *sums.follows.entry((human, from, to)).or_default() += 1;
                    }
                    step.n = step.n.saturating_add(1);
                }
            }
            Err(at) => {
                *sums.follows.entry((human, from, to)).or_default() += 1;
                let step = Step { from, to, n: 1 };
                if self.steps.len() < MAX_STEPS {
                    if self.steps.len() == self.steps.capacity() {
                        self.steps.reserve_exact(16);
                    }
                    self.steps.insert(at, step);
                } else {
                    self.replace_rarest(step);
                }
            }
        }
    }

    fn replace_rarest(&mut self, step: Step) {
        let rarest = self
            .steps
            .iter()
            .enumerate()
            .min_by_key(|(_, s)| (s.n, **s));
        if let Some((at, _)) = rarest {
            self.steps.remove(at);
        }
        if let Err(at) = self
            .steps
            .binary_search_by_key(&(step.from, step.to), |s| (s.from, s.to))
        {
            self.steps.insert(at, step);
        }
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.steps.capacity() * size_of::<Step>()
    }
}

/// Whether people stand behind a call, by its program.
pub(super) const fn is_human(scene: &Scene<'_>) -> bool {
    matches!(
        scene.observation.agent_class,
        AgentClass::Browser | AgentClass::App
    )
}

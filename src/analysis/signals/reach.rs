//! `endpoint_novel`: a token calls endpoints outside of its path.
//!
//! Each endpoint called for the first time weighs the information in it: how few of all tokens use it, and how few of those
//! that use what this token uses. Sums of an hour count, and a refusal weighs more.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "sums of bits far below 2^24"
)]

use super::crowd::{CrowdSums, Number};
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::book::Finding;
use crate::analysis::short::Few;

/// Seconds over which new endpoints add up.
const SPAN_SECONDS: u32 = 3_600;
/// New endpoints of a span that are told apart.
const MAX_NEW: usize = 8;
/// Users that an endpoint must have for it to say what its users do.
const MIN_USERS: f64 = 25.0;
/// An endpoint that is younger is being rolled out.
const ROLLOUT_SECONDS: u64 = 7 * 86_400;
/// An endpoint that is younger says nothing: nobody could know it.
const YOUNG_SECONDS: u64 = 86_400;
/// Most bits of one endpoint.
const MAX_BITS: f64 = 10.0;

/// What is remembered of a token's way.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Reach {
    bits: f32,
    since: u32,
    new: Few<Number, MAX_NEW>,
    /// How often it came to new endpoints lately, fading.
    novelty: f32,
    /// The most bits of any span so far.
    most: f32,
}

impl Reach {
    /// A call of `number` by a token that has used `known`; `first`: never before.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        first: bool,
        known: impl Iterator<Item = Number>,
    ) -> Option<Finding> {
        let number = scene.number.filter(|_| first)?;
        let now = scene.seconds();
        let found = self.weigh(scene, number, now, known);
        // What it came to while it was not known yet says nothing about how restless it is.
        if scene.ripe() {
            self.novelty = self.novelty * 0.98 + 1.0;
        }
        found
    }

    fn weigh(
        &mut self,
        scene: &Scene<'_>,
        number: Number,
        now: u32,
        known: impl Iterator<Item = Number>,
    ) -> Option<Finding> {
        let crowd = scene.crowd;
        let age = crowd.age(number, u64::from(now));
        if !scene.ripe() || age < YOUNG_SECONDS {
            return None;
        }
        let users = crowd.users(number);
        let alone = bits((users + 0.5) / (crowd.active + 1.0));
        let beside = known
            .filter(|&other| other != number && crowd.users(other) >= MIN_USERS)
            .map(|other| bits((crowd.together(number, other) + 0.5) / (crowd.users(other) + 1.0)))
            .fold(0.0, f64::max);
        let days = f64::from(scene.days);
        let restless = (f64::from(self.novelty) / days.max(1.0)).min(0.9);
        let rollout = age < ROLLOUT_SECONDS && users >= 4.0;
        let refused = matches!(scene.observation.outcome().0, 401 | 403);
        let weight = alone.max(beside).min(MAX_BITS)
            * (1.0 - restless / 2.0)
            * if rollout { 0.25 } else { 1.0 }
            + if refused { 3.0 } else { 0.0 };
        if now.saturating_sub(self.since) > SPAN_SECONDS {
            self.most = self.most.max(self.bits);
            self.bits = 0.0;
            self.new.clear();
        }
        self.since = now;
        self.bits += weight as f32;
        if !self.new.contains(&number) {
            self.new.push(number);
        }
        let bits = f64::from(self.bits) * days / (days + 1.0);
        if bits <= scene.thresholds.reach_bits || self.new.len() < 2 {
            return None;
        }
        let percent = 100.0 * users / (crowd.active + 1.0);
        Some(Finding {
            evidence: vec![
                evidence("observed_endpoints", self.new.len() as f64),
                evidence("observed_bits", libm::round(bits * 10.0) / 10.0),
                evidence("usual_endpoints", 0.0),
                evidence(
                    "most_ever_bits",
                    libm::round(f64::from(self.most) * 10.0) / 10.0,
                ),
                evidence("users_percent", libm::round(percent * 10.0) / 10.0),
                evidence("active_days", days),
            ],
            ..scene.finding(
                Signal::EndpointNovel,
                bits * std::f64::consts::LN_2 + 4.6,
                u64::from(SPAN_SECONDS),
            )
        })
    }
}

/// Tells the population that a token succeeded at `number` for the first time, besides `known`.
pub(in crate::analysis) fn adopt(
    number: Number,
    known: impl Iterator<Item = Number>,
    sums: &mut CrowdSums,
) {
    for other in known.filter(|&other| other != number) {
        let pair = (number.min(other), number.max(other));
        *sums.together.of(pair) += 1;
    }
}

/// The information in something of this probability.
fn bits(p: f64) -> f64 {
    -libm::log2(p.clamp(1e-9, 1.0))
}

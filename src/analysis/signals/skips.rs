//! `sequence`, its other half: a token skips steps that everybody takes.
//!
//! Some calls hardly ever come without another before them: a payment is confirmed after a checkout. Which, and how rarely
//! they are left out, is counted over the population by kind of program. Two calls or more in a short time, each without
//! what it needs, add up.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "bounded sums of bits, and minutes of half an hour"
)]

use super::crowd::{CrowdSums, Number};
use super::sequence::is_human;
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::book::Finding;
use crate::analysis::short::Few;

/// Endpoints whose last call is remembered.
const MAX_RECENT: usize = 16;
/// Seconds for which a call counts as before another.
const BEFORE_SECONDS: u32 = 1_800;
/// To how many seconds it is remembered when.
const CLOCK_SECONDS: u32 = 8;
/// Seconds over which skipped steps add up.
const SPAN_SECONDS: u32 = 900;
/// Calls of one endpoint by one token that teach what comes before it.
const MAX_TAUGHT: u32 = 16;
/// Steps left out in a span that are told apart.
const MAX_LEFT_OUT: usize = 6;

/// What is remembered of a token's steps.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct SkipHabit {
    /// Newest last.
    recent: Few<Recent, MAX_RECENT>,
    left_out: Few<Number, MAX_LEFT_OUT>,
    last: u32,
    bits: f32,
    since: u32,
    /// The most bits of any span so far.
    most: f32,
}

/// An endpoint, and when it was called last: 3 bytes.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Recent {
    number: [u8; 2],
    /// Units of [`CLOCK_SECONDS`], of which the highest bits are left out: none is half an hour before the last call.
    at: u8,
}

impl Recent {
    const fn number(self) -> Number {
        Number::from_le_bytes(self.number)
    }
}

impl SkipHabit {
    /// Looks at a call, the `calls`-th of the token at this endpoint.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        calls: u32,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let number = scene.number?;
        let now = scene.seconds();
        if now.saturating_sub(self.last) >= BEFORE_SECONDS {
            self.recent.clear();
        }
        self.last = now;
        let clock = (now / CLOCK_SECONDS) as u8;
        let age = |call: Recent| u32::from(clock.wrapping_sub(call.at)) * CLOCK_SECONDS;
        // The oldest come first.
        while let Some(&first) = self.recent.first()
            && age(first) >= BEFORE_SECONDS
        {
            self.recent.remove(0);
        }
        let human = is_human(scene);
        // A call that was not let through skipped nothing.
        let found = if scene.ripe() && scene.answered() {
            self.weigh(scene, number, human)
        } else {
            None
        };
        if calls <= MAX_TAUGHT && found.is_none() && self.bits < 12.0 {
            *sums.reached.of((human, number)) += 1;
            let before = self.recent.iter().map(|call| call.number());
            for before in before.filter(|&before| before != number) {
                *sums.before.of((human, before, number)) += 1;
            }
        }
        // Each endpoint is there once.
        let known = self.recent.iter().position(|call| call.number() == number);
        if let Some(at) = known.or((self.recent.len() == MAX_RECENT).then_some(0)) {
            self.recent.remove(at);
        }
        self.recent.push(Recent {
            number: number.to_le_bytes(),
            at: clock,
        });
        found
    }

    fn weigh(&mut self, scene: &Scene<'_>, number: Number, human: bool) -> Option<Finding> {
        let now = scene.seconds();
        let needs = scene.crowd.needs(human, number);
        let taken = |wanted: Number| self.recent.iter().any(|call| call.number() == wanted);
        if now.saturating_sub(self.since) > SPAN_SECONDS {
            self.most = self.most.max(self.bits);
            self.bits = 0.0;
            self.left_out.clear();
            self.since = now;
        }
        // One step left out may be one answer not seen, or refused for an old credential: it counts once, however many calls
        // need it. The rarest speaks for the call.
        let mut missing = needs.iter().filter(|&&(before, _)| !taken(before));
        let &(before, bits) = missing.find(|&&(before, _)| !self.left_out.contains(&before))?;
        if !self.left_out.push(before) {
            return None;
        }
        self.bits += bits as f32;
        let sum = f64::from(self.bits);
        if sum < scene.thresholds.skip_bits || self.left_out.len() < scene.thresholds.skip_min {
            return None;
        }
        Some(Finding {
            evidence: vec![
                evidence("observed_skip_bits", libm::round(sum * 10.0) / 10.0),
                evidence("usual_skip_bits", 0.0),
                evidence(
                    "most_ever_skip_bits",
                    libm::round(f64::from(self.most) * 10.0) / 10.0,
                ),
                evidence("left_out", self.left_out.len() as f64),
                evidence("active_days", f64::from(scene.days)),
            ],
            ..scene.finding(
                Signal::Sequence,
                sum * std::f64::consts::LN_2,
                u64::from(SPAN_SECONDS),
            )
        })
    }
}

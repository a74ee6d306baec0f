//! `field_errors`: a token is refused again and again because of one field: it tries values.
//!
//! Two tails must agree that it is no accident: refusals among its calls of that endpoint (beta-binomial, by the endpoint's
//! own rate), or refusals in half an hour whatever the rate (negative binomial, by the token's own habit).

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small counts"
)]

use super::crowd::Number;
use super::objects::negative_binomial_surprise;
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::book::{Finding, Involved};
use crate::analysis::short::{Use, Uses, boxed};
use crate::observation::TextId;

/// Fields remembered per token; the longest unused goes first.
const MAX_FIELDS: usize = 8;
/// Seconds in which what happened fades to 1/e.
const FADING_SECONDS: f64 = 1_800.0;
/// How many calls the endpoint's rate is worth.
const WEIGHT: f64 = 30.0;
/// What is usual in half an hour for anybody.
const USUAL: f64 = 0.15;
/// From here on refusals teach nothing about the endpoint.
const SUSPECT: f32 = 4.0;

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Tried {
    endpoint: Number,
    field: Field,
    refused: f32,
    /// Calls of the endpoint since the first refusal.
    calls: f32,
    last: u32,
}

/// Part of the keyed hash of a field's name: enough to tell apart the few of one token.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
struct Field(u32);

impl From<TextId> for Field {
    fn from(field: TextId) -> Self {
        Self(field.0 as u32)
    }
}

impl Use for Tried {
    type Key = (Number, Field);

    fn key(&self) -> Self::Key {
        (self.endpoint, self.field)
    }

    fn last(&self) -> u32 {
        self.last
    }
}

impl Tried {
    const fn new(endpoint: Number, field: Field, now: u32) -> Self {
        Self {
            endpoint,
            field,
            refused: 0.0,
            calls: 1.0,
            last: now,
        }
    }

    fn fade(&mut self, now: u32) {
        let gap = f64::from(now.saturating_sub(self.last));
        let kept = libm::exp(-gap / FADING_SECONDS) as f32;
        self.refused *= kept;
        self.calls *= kept;
        self.last = now;
    }
}

/// What is remembered of a token that was ever refused for a field.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct RefusalHabit(Option<Box<Refused>>);

/// The fields a token was refused for lately.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Refused {
    tried: Uses<[Tried; 0], MAX_FIELDS>,
    /// Refusals by active day, fading.
    daily: f32,
    today: u16,
    day: u16,
    most: u16,
}

/// What a call teaches about the endpoint's refusals: none if it is suspect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::analysis) struct Teaches {
    pub(in crate::analysis) call: bool,
    pub(in crate::analysis) refused: bool,
}

impl Teaches {
    /// Of clients without a token.
    pub(in crate::analysis) const NOTHING: Self = Self {
        call: false,
        refused: false,
    };
}

impl RefusalHabit {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize =
        boxed::<Refused>() + Uses::<[Tried; 0], MAX_FIELDS>::MOST_BYTES;

    /// Looks at a call; `rate`: the share of calls that the endpoint refuses for a field.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        rate: f64,
    ) -> (Teaches, Option<Finding>) {
        let fine = Teaches {
            call: true,
            refused: false,
        };
        let Some(number) = scene.number else {
            return (fine, None);
        };
        let now = scene.seconds();
        if let Some(known) = &mut self.0 {
            for tried in known.tried.iter_mut().filter(|t| t.endpoint == number) {
                tried.fade(now);
                tried.calls += 1.0;
            }
        }
        if !scene.observation.refused_field.is_some() {
            return (fine, None);
        }
        let known = self.0.get_or_insert_default();
        known.observe(scene, number, rate)
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        let known = self.0.as_ref();
        known.map_or(0, |known| boxed::<Refused>() + known.tried.heap())
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut known = Refused::default();
        for n in 0..2 * MAX_FIELDS as Number {
            let field = TextId(u64::from(n)).into();
            known.tried.of((n, field), || Tried::new(n, field, 0));
        }
        Self(Some(Box::new(known)))
    }
}

impl Refused {
    /// Looks at a call of an endpoint that was refused for a field.
    fn observe(
        &mut self,
        scene: &Scene<'_>,
        number: Number,
        rate: f64,
    ) -> (Teaches, Option<Finding>) {
        let (now, field) = (scene.seconds(), scene.observation.refused_field);
        self.turn((now / 86_400) as u16);
        self.today = self.today.saturating_add(1);
        let daily = self.daily;
        let most = self.most;
        let key = (number, field.into());
        let tried = self.tried.of(key, || Tried::new(number, key.1, now));
        tried.refused += 1.0;
        let (refused, calls) = (f64::from(tried.refused), f64::from(tried.calls));
        let suspect = tried.refused >= SUSPECT;
        let teaches = Teaches {
            call: !suspect,
            refused: !suspect,
        };
        let thresholds = scene.thresholds;
        if !scene.warm || refused < thresholds.field_min {
            return (teaches, None);
        }
        let rate = rate.clamp(0.001, 0.9);
        let among = beta_binomial_surprise(
            libm::round(refused) as u32,
            libm::round(calls.max(refused)) as u32,
            (rate * WEIGHT, (1.0 - rate) * WEIGHT),
        );
        let usual = USUAL + f64::from(daily) / 8.0;
        let often = negative_binomial_surprise(libm::round(refused), usual);
        let surprise = among.max(if refused >= thresholds.field_min + 1.0 {
            often
        } else {
            0.0
        });
        if surprise < -libm::log(thresholds.field_p) {
            return (teaches, None);
        }
        let finding = Finding {
            involved: Involved {
                field,
                ..scene.involved()
            },
            evidence: vec![
                evidence("observed_refused", libm::round(refused)),
                evidence("observed_calls", libm::round(calls)),
                evidence("usual_percent", libm::round(rate * 1e4) / 1e2),
                evidence("most_ever_in_a_day", f64::from(most)),
                evidence("active_days", f64::from(scene.days)),
            ],
            ..scene.finding(Signal::FieldErrors, surprise, 1_800)
        };
        (teaches, Some(finding))
    }

    fn turn(&mut self, day: u16) {
        if day > self.day {
            // A day without any counts as one.
            let idle = i32::from((day - self.day - 1).min(64));
            self.daily = (self.daily * 0.8 + f32::from(self.today) * 0.2) * 0.8_f32.powi(idle);
            self.most = self.most.max(self.today.min(50));
            (self.day, self.today) = (day, 0);
        }
    }
}

/// -ln of the probability of k or more of n by a beta-binomial distribution.
#[allow(
    clippy::many_single_char_names,
    reason = "the names of the usual formula"
)]
pub(super) fn beta_binomial_surprise(k: u32, n: u32, (a, b): (f64, f64)) -> f64 {
    let lg = libm::lgamma;
    let n_f = f64::from(n);
    let front = lg(n_f + 1.0) - lg(n_f + a + b) + lg(a + b) - lg(a) - lg(b);
    let mut sum = 0.0;
    // The terms fall fast: what comes after 60 of them is nothing.
    for i in k..=n.min(k.saturating_add(60)) {
        let i = f64::from(i);
        sum += libm::exp(front - lg(i + 1.0) - lg(n_f - i + 1.0) + lg(i + a) + lg(n_f - i + b));
    }
    -libm::log(sum.clamp(1e-300, 1.0))
}

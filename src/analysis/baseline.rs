//! The statistics that signals share: a predictive baseline of logarithms, and the calibration of a score on the population.
//!
//! Floating point is used where one writer works in a fixed order. `sqrt` is exact by IEEE 754; everything transcendental
//! comes from `libm`, so that two machines agree to the bit.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "statistics of counts far below 2^24 and of bounded logarithms"
)]

use std::sync::LazyLock;

use super::fixed::Moments;

/// What is expected of somebody unknown: mean and standard deviation of a logarithm.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Prior {
    pub(super) mean: f64,
    pub(super) sd: f64,
}

/// How many observations of its own a prior is worth.
const PRIOR_WEIGHT: f64 = 3.0;
/// No habit is more regular than this (sd of a logarithm).
const SD_FLOOR: f64 = 0.22;
/// Observations after which old ones fade.
const MEMORY: u8 = 60;
/// A value is learned as at most this many standard deviations above the mean: a flood must not become the norm at once.
const CLIP: f64 = 3.0;
/// What remains of the largest value after every observation.
const MAX_FADES: f64 = 0.98;

/// Normal-inverse-gamma baseline of logarithms of counts, with forgetting: 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Baseline {
    /// How many values it rests on, at most [`MEMORY`].
    n: u8,
    /// In units of 1 / [`LOG_UNITS`].
    mean: u16,
    max: u16,
    /// In units of 1 / [`SQUARE_UNITS`].
    spread: u16,
}

/// A logarithm of a count is below 32, and told to one part in 2,000: far finer than anything it is compared to.
const LOG_UNITS: f64 = 2_048.0;
/// No more than 60 squares; less than one unit of them is nothing beside [`SD_FLOOR`].
const SQUARE_UNITS: f64 = 64.0;

/// In whole units, half a unit up.
fn units(x: f64, of: f64) -> u16 {
    let x = (x * of).clamp(0.0, 65_535.0);
    let whole = x as u16;
    whole + u16::from(x - f64::from(whole) >= 0.5)
}

/// What a baseline and a prior expect of the next value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Expected {
    pub(super) mean: f64,
    sd: f64,
}

impl Expected {
    /// -ln of the probability of `x` or a larger value; 0 at or under the mean.
    pub(super) fn surprise(&self, x: f64) -> f64 {
        normal_surprise((x - self.mean) / self.sd)
    }

    /// The step of a calibration histogram that the surprise of `x` falls in.
    pub(super) fn step(&self, x: f64) -> usize {
        surprise_step((x - self.mean) / self.sd)
    }
}

/// The natural logarithm of one more than a count: that of a small one is looked up.
pub(super) fn log_count(n: u32) -> f64 {
    static SMALL: LazyLock<[f64; 64]> =
        LazyLock::new(|| std::array::from_fn(|n| libm::log1p(n as f64)));
    let small = SMALL.get(n as usize).copied();
    small.unwrap_or_else(|| libm::log1p(f64::from(n)))
}

/// Least step of a surprise above the mean: ln 2 in [`STEPS`].
const FIRST_STEP: usize = 3;
/// So near to a bound, in standard deviations, the surprise is worked out: far more than what it may be off by.
const NEAR: f64 = 1e-9;

/// The step of [`normal_surprise`]. Hardly any value is far out: the bounds of the lower steps are worked out once.
fn surprise_step(z: f64) -> usize {
    static BOUNDS: LazyLock<[f64; 37]> =
        LazyLock::new(|| std::array::from_fn(|n| bound_of(FIRST_STEP + 1 + n)));
    if z <= 0.0 {
        return 0;
    }
    let above = BOUNDS.partition_point(|&bound| bound <= z);
    let (lower, upper) = (above.checked_sub(1), Some(above));
    let near = |at: Option<usize>| {
        let bound = at.and_then(|at| BOUNDS.get(at));
        bound.is_some_and(|bound| (z - bound).abs() < NEAR)
    };
    if above == BOUNDS.len() || near(lower) || near(upper) {
        return calibration_step(normal_surprise(z));
    }
    FIRST_STEP + above
}

/// Where a step begins, in standard deviations: 10 are more than any of the lower steps needs.
fn bound_of(step: usize) -> f64 {
    let (mut below, mut above) = (0.0, 10.0);
    for _ in 0..60 {
        let middle = f64::midpoint(below, above);
        if calibration_step(normal_surprise(middle)) < step {
            below = middle;
        } else {
            above = middle;
        }
    }
    above
}

impl Baseline {
    /// What is expected of the next value.
    pub(super) fn expect(self, prior: Prior) -> Expected {
        let (own, mean, spread) = (
            f64::from(self.n),
            f64::from(self.mean) / LOG_UNITS,
            f64::from(self.spread) / SQUARE_UNITS,
        );
        let n = own + PRIOR_WEIGHT;
        let apart = mean - prior.mean;
        let centre = (own * mean + PRIOR_WEIGHT * prior.mean) / n;
        let squares = spread
            + PRIOR_WEIGHT * prior.sd * prior.sd
            + own * PRIOR_WEIGHT / n * apart * apart * 0.25;
        let sd = (squares / n * (1.0 + 1.0 / n)).sqrt().max(SD_FLOOR);
        Expected { mean: centre, sd }
    }

    /// Learns `x`, clipped by what was `expected`.
    pub(super) fn learn(&mut self, x: f64, expected: Expected) {
        let x = if self.n >= 4 {
            x.min(expected.mean + CLIP * expected.sd)
        } else {
            x
        };
        let mut spread = f64::from(self.spread) / SQUARE_UNITS;
        if self.n >= MEMORY {
            spread *= f64::from(MEMORY) / f64::from(MEMORY + 1);
        } else {
            self.n += 1;
        }
        let mean = f64::from(self.mean) / LOG_UNITS;
        let moved = mean + (x - mean) / f64::from(self.n);
        self.spread = units(spread + (x - mean) * (x - moved), SQUARE_UNITS);
        self.mean = units(moved, LOG_UNITS);
        self.max = units((self.max() * MAX_FADES).max(x), LOG_UNITS);
    }

    /// How many values it rests on, fading.
    pub(super) const fn count(self) -> u8 {
        self.n
    }

    /// The largest value, fading.
    pub(super) fn max(self) -> f64 {
        f64::from(self.max) / LOG_UNITS
    }
}

/// -ln of the upper tail of the standard normal distribution, 0 for z <= 0, at most 690.
pub(super) fn normal_surprise(z: f64) -> f64 {
    if z <= 0.0 {
        return 0.0;
    }
    let p = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
    -libm::log(p.max(1e-300))
}

/// Steps of a calibration histogram per unit of surprise.
const STEPS: f64 = 5.0;
/// Surprises from here on share the last step.
const MAX_SURPRISE: f64 = 200.0;
/// Steps of a calibration histogram.
pub(super) const CALIBRATION_STEPS: usize = 1_001;

/// The step of a calibration histogram that a surprise falls in.
pub(super) fn calibration_step(surprise: f64) -> usize {
    (surprise.clamp(0.0, MAX_SURPRISE) * STEPS) as usize
}

/// How often the population exceeds a surprise: bends a model's tail to what really happens.
///
/// The tail above the 92 % point is taken as exponential; its slope comes from there to the 98.8 % point, so the top percent
/// of windows, where attacks are, cannot bend it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Calibration {
    histogram: Vec<f64>,
    n: f64,
    /// Tests of the day so far.
    tests: u64,
    curve: Curve,
}

/// The exponential tail in force.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Curve {
    from: f64,
    slope: f64,
    share: f64,
    /// How many times the usual number of tests a day there are, at least 1.
    crowding: f64,
}

/// Tests a day that tighten the limits no further, in multiples of what is usual: nobody may blind a signal with tests.
const MOST_CROWDING: f64 = 16.0;

impl Curve {
    /// Before the population has taught anything: somewhat heavier than the model's own tail.
    pub(super) const START: Self = Self {
        from: 5.0,
        slope: 1.3,
        share: 0.03,
        crowding: 1.0,
    };

    /// The probability of a surprise this large or larger, by as many tests a day as are usual: with more of them, each one
    /// must be so much rarer for as many false alerts a day (`detection.md` 1.6).
    pub(super) fn p(&self, surprise: f64) -> f64 {
        if surprise <= self.from {
            return 1.0;
        }
        let tail = libm::exp(-(surprise - self.from) / self.slope);
        (self.share * self.crowding * tail).min(1.0)
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            histogram: vec![0.0; CALIBRATION_STEPS],
            n: 0.0,
            tests: 0,
            curve: Curve::START,
        }
    }
}

impl Calibration {
    pub(super) fn add(&mut self, step: usize, n: u32) {
        if let Some(count) = self.histogram.get_mut(step) {
            *count += f64::from(n);
            self.n += f64::from(n);
            self.tests += u64::from(n);
        }
    }

    pub(super) const fn curve(&self) -> Curve {
        self.curve
    }

    /// Fits the curve anew, if there is enough to go by.
    pub(super) fn fit(&mut self) {
        if self.n < 300.0 {
            return;
        }
        let (mut above, mut upper) = (0.0, None);
        // Most of the high steps never see anything.
        let is_empty = |steps: &&[f64]| steps.iter().fold(0, |any, n| any | n.to_bits()) == 0;
        let empty = 8 * self.histogram.rchunks_exact(8).take_while(is_empty).count();
        let used = self.histogram.iter().enumerate();
        for (step, count) in used.rev().skip(empty) {
            if *count == 0.0 {
                continue;
            }
            above += count;
            if upper.is_none() && above >= 0.012 * self.n + 1.0 {
                upper = Some((step as f64 / STEPS, above));
            }
            if above >= 0.08 * self.n + 5.0 {
                self.curve = self.curve_from(step as f64 / STEPS, above, upper);
                return;
            }
        }
    }

    /// A day is over: what was counted so far weighs 5 % less from now on, and the tests of the day say how rare an alert
    /// must be on the next. `principals` were there; each is usually tested `usual` times.
    pub(super) fn age(&mut self, principals: u32, usual: f64) {
        self.histogram.iter_mut().for_each(|count| *count *= 0.95);
        self.n *= 0.95;
        let each = std::mem::take(&mut self.tests) as f64 / f64::from(principals.max(1));
        self.curve.crowding = (each / usual).clamp(1.0, MOST_CROWDING);
    }

    fn curve_from(&self, from: f64, above: f64, upper: Option<(f64, f64)>) -> Curve {
        const DEFAULT: f64 = 1.3;
        let measured = match upper {
            Some((at, count)) if count < above => (at - from) / libm::log(above / count),
            Some(_) | None => DEFAULT,
        };
        let weight = self.n / (self.n + 1_500.0);
        Curve {
            from,
            slope: (weight * measured + (1.0 - weight) * DEFAULT).clamp(0.35, 8.0),
            share: above / self.n,
            crowding: self.curve.crowding,
        }
    }
}

/// Mean and spread of a population's logarithms, fading.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Spread {
    pub(super) n: f64,
    pub(super) mean: f64,
    squares: f64,
}

impl Spread {
    /// Adds a batch (Chan et al. 1979); never remembers more than `memory` values.
    pub(super) fn absorb(&mut self, batch: &Moments, memory: f64) {
        let more = batch.count() as f64;
        if more == 0.0 {
            return;
        }
        let room = (memory - more).max(0.0);
        if self.n > room {
            self.squares *= room / self.n;
            self.n = room;
        }
        let n = self.n + more;
        let apart = batch.mean() - self.mean;
        self.squares += batch.spread() + apart * apart * self.n * more / n;
        self.mean += apart * more / n;
        self.n = n;
    }

    /// Standard deviation; 0 without values.
    pub(super) fn sd(&self) -> f64 {
        (self.squares / self.n.max(1.0)).sqrt()
    }
}

/// -ln of the upper tail of Student's t distribution with `nu` degrees of freedom, for t > 0.
///
/// The tail is half the regularized incomplete beta function at nu / (nu + t^2), here by its continued fraction
/// (Lentz's method, Press et al., Numerical Recipes, 6.4).
#[allow(
    clippy::many_single_char_names,
    reason = "the names of the cited formulas"
)]
pub(super) fn student_surprise(t: f64, nu: f64) -> f64 {
    if t <= 0.0 || nu <= 0.0 {
        return 0.0;
    }
    let (a, b) = (nu / 2.0, 0.5);
    let x = nu / (nu + t * t);
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log1p(-x);
    // The fraction converges fast below this point, above it for the mirrored arguments.
    let p = if x < (a + 1.0) / (a + b + 2.0) {
        libm::exp(log_front) * beta_fraction(a, b, x) / a
    } else {
        1.0 - libm::exp(log_front) * beta_fraction(b, a, 1.0 - x) / b
    };
    -libm::log((0.5 * p).max(1e-300))
}

#[allow(
    clippy::many_single_char_names,
    reason = "the names of the cited formulas"
)]
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let nonzero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..=100 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            h *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-12 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::float_cmp,
        clippy::needless_for_each,
        reason = "exact values by construction; short scripts"
    )]

    use super::*;

    const PRIOR: Prior = Prior { mean: 2.0, sd: 1.0 };

    #[test]
    fn without_own_values_the_prior_speaks() {
        let expected = Baseline::default().expect(PRIOR);
        assert!((expected.mean - 2.0).abs() < 1e-12);
        // sqrt((3 * 1) / 3 * (1 + 1/3))
        assert!((expected.sd - 1.154_700_538).abs() < 1e-6);
        assert_eq!(expected.surprise(2.0), 0.0);
    }

    fn after(times: usize, x: f64) -> Baseline {
        let mut baseline = Baseline::default();
        (0..times).for_each(|_| baseline.learn(x, baseline.expect(PRIOR)));
        baseline
    }

    #[test]
    fn a_habit_that_changes_is_followed_to_the_end() {
        let mut baseline = after(100, 3.0);
        (0..400).for_each(|_| baseline.learn(2.5, baseline.expect(PRIOR)));
        // No step is too small to be told.
        assert!((f64::from(baseline.mean) / LOG_UNITS - 2.5).abs() < 0.02);
    }

    #[test]
    fn own_values_outweigh_the_prior() {
        let expected = after(50, 3.0).expect(PRIOR);
        assert!((expected.mean - 2.943).abs() < 0.01, "{expected:?}");
        assert!(expected.sd < 0.35, "{expected:?}");
        assert!(expected.surprise(5.0) > 15.0, "{expected:?}");
    }

    #[test]
    fn a_flood_is_learned_clipped() {
        let mut baseline = after(30, 2.0);
        let before = baseline.expect(PRIOR);
        baseline.learn(9.0, before);
        assert!(baseline.expect(PRIOR).mean - before.mean < 0.1);
        assert!(baseline.max() < 4.0);
    }

    #[test]
    fn normal_tail_matches_the_table() {
        // 1 - Phi(1.644854) = 0.05, 1 - Phi(4.753424) = 1e-6
        assert!((libm::exp(-normal_surprise(1.644_854)) - 0.05).abs() < 1e-6);
        assert!((normal_surprise(4.753_424) - 13.815_51).abs() < 1e-4);
        assert_eq!(normal_surprise(-1.0), 0.0);
    }

    #[test]
    fn steps_looked_up_are_those_worked_out() {
        for n in -1_000..120_000 {
            let z = f64::from(n) / 10_000.0;
            assert_eq!(
                surprise_step(z),
                calibration_step(normal_surprise(z)),
                "{z}"
            );
        }
        for step in FIRST_STEP + 1..40 {
            for off in [-2e-9, -1e-10, -1e-15, 0.0, 1e-15, 1e-10, 2e-9] {
                let z = bound_of(step) + off;
                assert_eq!(
                    surprise_step(z),
                    calibration_step(normal_surprise(z)),
                    "{z}"
                );
            }
        }
        assert_eq!(log_count(7).to_bits(), libm::log1p(7.0).to_bits());
        assert_eq!(log_count(900).to_bits(), libm::log1p(900.0).to_bits());
    }

    #[test]
    fn student_tail_matches_the_table() {
        // Upper tails: t(30) 2.042272 -> 0.025, t(5) 4.032143 -> 0.005, t(1) 1 -> 0.25.
        for (t, nu, p) in [
            (2.042_272, 30.0, 0.025),
            (4.032_143, 5.0, 0.005),
            (1.0, 1.0, 0.25),
        ] {
            assert!(
                (libm::exp(-student_surprise(t, nu)) - p).abs() < 1e-6,
                "{t} {nu}"
            );
        }
        assert!(student_surprise(12.0, 30.0) > 25.0);
    }

    #[test]
    fn calibration_recovers_an_exponential_tail() {
        // Surprises of a model whose tail is twice too light: share above L is exp(-L / 2).
        let mut calibration = Calibration::default();
        for step in 0..CALIBRATION_STEPS {
            let at = |step: usize| 1e6 * libm::exp(-(step as f64) / STEPS / 2.0);
            calibration.add(step, (at(step) - at(step + 1)) as u32);
        }
        calibration.fit();
        let p = calibration.curve().p(20.0);
        assert!((libm::log(p) + 10.0).abs() < 0.5, "{p}");
        assert_eq!(calibration.curve().p(1.0), 1.0);
    }

    #[test]
    fn with_more_tests_a_day_each_must_be_rarer() {
        let p_after = |tests| {
            let mut calibration = Calibration::default();
            calibration.add(0, tests);
            calibration.age(100, 6.0);
            calibration.curve().p(15.0)
        };
        let usual = Curve::START.p(15.0);
        assert_eq!(p_after(600), usual);
        assert!((p_after(1_800) / usual - 3.0).abs() < 1e-9);
        // A quiet day loosens nothing, and no number of tests blinds a signal.
        assert_eq!(p_after(6), usual);
        assert!((p_after(6_000_000) / usual - MOST_CROWDING).abs() < 1e-9);
        let heavy = Curve {
            share: 0.5,
            crowding: 4.0,
            ..Curve::START
        };
        assert_eq!(heavy.p(5.01), 1.0, "it stays a probability");
    }

    #[test]
    fn too_few_windows_leave_the_default() {
        let mut calibration = Calibration::default();
        calibration.add(100, 200);
        calibration.fit();
        assert_eq!(calibration.curve(), Curve::START);
    }

    #[test]
    fn spread_of_batches_is_the_spread_of_all() {
        let mut spread = Spread::default();
        for batch in [[1.0, 2.0], [3.0, 6.0]] {
            let mut moments = Moments::default();
            batch.into_iter().for_each(|x| moments.add(x));
            spread.absorb(&moments, 1e9);
        }
        assert!((spread.mean - 3.0).abs() < 1e-5);
        assert!((spread.sd() - 3.5_f64.sqrt()).abs() < 1e-4);
    }
}

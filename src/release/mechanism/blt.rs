//! Noise that is correlated over time: the buffered linear Toeplitz (BLT) mechanism of degree 4 on integers.
//!
//! For counts in which a unit takes part in one window of a period only, running totals with independent noise would be ten
//! times as noisy as they must be. Here `y = C x + z` is released, with `C` a lower-triangular Toeplitz matrix close to the
//! square root of the matrix of prefix sums, and the running total is estimated from `y` alone.
//!
//! Read first: Denisov, `McMahan`, Rush, Smith and Thakurta, "Improved Differential Privacy for SGD via Optimal Private Linear
//! Operators on Adaptive Streams" (NeurIPS 2022), for the factorisation and adaptive streams; `McMahan`, Pillutla and Steinke,
//! "A Hassle-free Algorithm for Private Learning in Practice" (2024), for the buffers.
//!
//! Everything up to and including the noise is an integer: `C x` is computed on a grid of `2^-F`, where every buffer is
//! rounded down by a shift, and the sensitivity is raised by what these shifts can move (`eta`). What follows from the
//! released `y` is a float and may be: it is post-processing.

#![allow(
    clippy::cast_precision_loss,
    reason = "grids and counts lie far below 2^53, and what is released is never computed with floats"
)]

use super::super::budget::{BudgetError, MicroRho, Variance};

/// Buffers of a series.
const DEGREE: usize = 4;
/// Theta and omega are integers over this.
const SCALE: u32 = 32;
/// Bits of the grid for counts of at most one; a unit that counts up to `cap` has `ceil(log2 cap)` fewer.
const GRID: u32 = 22;

/// Parameters by windows of a period, from `benches/blt_parameters.py` (1440 and 8640: of the published mechanism).
#[rustfmt::skip]
const TABLE: [Entry; 8] = [
    (12, [4_203_378_810, 3_483_799_040, 2_165_548_603, 695_840_835], [788_869_926, 697_146_976, 484_872_335, 176_596_640]),
    (60, [4_260_654_929, 3_947_800_604, 3_063_076_053, 1_282_401_612], [493_407_480, 566_090_239, 667_277_499, 420_624_607]),
    (120, [4_275_055_472, 4_078_489_476, 3_393_315_501, 1_588_347_680], [379_498_942, 488_866_606, 711_384_896, 567_215_517]),
    (288, [4_285_133_326, 4_175_863_552, 3_684_517_708, 1_940_369_078], [270_161_024, 404_108_488, 725_332_488, 745_209_250]),
    (360, [4_286_806_604, 4_193_136_482, 3_743_583_170, 2_026_778_719], [246_917_191, 383_954_022, 723_143_468, 789_714_170]),
    (1_440, [4_292_516_766, 4_257_953_844, 4_010_791_632, 2_536_789_101], [137_948_791, 270_704_805, 668_724_718, 1_050_271_163]),
    (2_880, [4_293_643_413, 4_272_898_979, 4_093_090_461, 2_764_098_258], [102_351_169, 224_232_559, 624_323_450, 1_160_023_197]),
    (8_640, [4_294_470_467, 4_285_225_852, 4_177_654_393, 3_076_521_011], [63_673_718, 164_991_979, 545_724_873, 1_294_931_446]),
];

type Entry = (u32, [u64; DEGREE], [u64; DEGREE]);

/// The mechanism for periods of a number of windows and units that count up to a cap.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Blt {
    windows: u32,
    theta: [u64; DEGREE],
    omega: [u64; DEGREE],
    grid: u32,
    cap: u64,
}

impl Blt {
    /// For periods of `windows` windows, and units that add at most `cap` (1 or more) to a cell of one window. Any
    /// parameters keep the claim; those of the next longer tabulated period are close to the best.
    pub fn new(windows: u32, cap: u64) -> Self {
        let [.., last] = TABLE;
        let (_, theta, omega) = TABLE
            .into_iter()
            .find(|(tabulated, ..)| windows <= *tabulated)
            .unwrap_or(last);
        let cap = cap.max(1);
        let bits = u64::BITS - (cap - 1).leading_zeros();
        Self {
            windows: windows.max(1),
            theta,
            omega,
            grid: GRID.saturating_sub(bits),
            cap,
        }
    }

    /// Grid steps in a count of one.
    pub const fn unit(&self) -> f64 {
        (1_u64 << self.grid) as f64
    }

    /// What a unit of one adds to the released values, as L2 norm: the norm of the first column of `C`.
    pub fn sensitivity(&self) -> f64 {
        let (theta, omega) = (floats(self.theta), floats(self.omega));
        let mut powers = omega;
        let mut square = 1.0;
        for _ in 1..self.windows {
            let c: f64 = powers.iter().sum();
            square += c * c;
            for (power, theta) in powers.iter_mut().zip(theta) {
                *power *= theta;
            }
        }
        libm::sqrt(square)
    }

    /// The variance of noise on the grid with which a unit that is in at most `cells` cells (squared L0 norm) costs `rho` a
    /// period. The rounding of floats on the way is covered by a billionth.
    pub fn variance(&self, cells: u32, rho: MicroRho) -> Result<Variance, BudgetError> {
        let (theta, omega) = (floats(self.theta), floats(self.omega));
        let buffers: f64 = omega.iter().zip(theta).map(|(o, t)| o / (1.0 - t)).sum();
        let eta = libm::sqrt(f64::from(self.windows)) * (DEGREE as f64 + buffers) / self.unit();
        let reach = self.cap as f64 * self.sensitivity() + eta;
        let micro = rho.micro() as f64 / 1e6;
        let s2 = f64::from(cells) * reach * reach * self.unit() * self.unit() / (2.0 * micro);
        let s2 = libm::ceil(s2 * (1.0 + 1e-9));
        if !(s2 >= 1.0 && s2 <= Variance::MAX as f64) {
            return Err(BudgetError::Variance);
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, and within range"
        )]
        Variance::new(s2 as u64)
    }

    /// The standard deviation of the running total after `windows` windows, in counts.
    pub fn stddev(&self, variance: Variance, windows: u32) -> f64 {
        self.range_stddev(variance, windows, windows)
    }

    /// The standard deviation of what the last `range` of `windows` windows added to the running total, in counts.
    pub fn range_stddev(&self, variance: Variance, windows: u32, range: u32) -> f64 {
        let mut decoder = Decoder::default();
        let mut prefix = 0.0;
        let response: Vec<f64> = (0..windows.max(1))
            .map(|window| {
                prefix += decoder.step_float(self, f64::from(u8::from(window == 0)));
                prefix
            })
            .collect();
        // Noise of a window that lies before the range is in both totals.
        let before = std::iter::repeat_n(0.0, range as usize).chain(response.iter().copied());
        let square: f64 = response
            .iter()
            .zip(before)
            .map(|(now, then)| (now - then) * (now - then))
            .sum();
        variance.stddev() / self.unit() * libm::sqrt(square)
    }
}

fn floats(values: [u64; DEGREE]) -> [f64; DEGREE] {
    values.map(|value| value as f64 / (1_u64 << SCALE) as f64)
}

/// The exact state of a series: what `C` remembers of true counts. Never to leave, never to be stored; a restart begins a new
/// one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Encoder([i64; DEGREE]);

/// Exact counts do not print.
impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// The released integer of a window in which `count` was added, with `noise` drawn for it. None: out of range.
    pub(crate) fn step(&mut self, blt: &Blt, count: u64, noise: i64) -> Option<i64> {
        let x = i64::try_from(count).ok()?.checked_mul(1 << blt.grid)?;
        let scaled = |factor: u64, buffer: i64| {
            i64::try_from((i128::from(factor) * i128::from(buffer)) >> SCALE).ok()
        };
        let mut y = x;
        for ((buffer, theta), omega) in self.0.iter_mut().zip(blt.theta).zip(blt.omega) {
            y = y.checked_add(scaled(omega, *buffer)?)?;
            *buffer = scaled(theta, *buffer)?.checked_add(x)?;
        }
        y.checked_add(noise)
    }
}

/// The public state of a series: a function of released integers.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Decoder(pub(crate) [f64; DEGREE]);

impl Decoder {
    /// The estimate of what a window added, from its released integer.
    pub(crate) fn step(&mut self, blt: &Blt, released: i64) -> f64 {
        self.step_float(blt, released as f64 / blt.unit())
    }

    fn step_float(&mut self, blt: &Blt, y: f64) -> f64 {
        let (theta, omega) = (floats(blt.theta), floats(blt.omega));
        let before: f64 = self.0.iter().zip(omega).map(|(b, o)| b * o).sum();
        let v = y - before;
        for (buffer, theta) in self.0.iter_mut().zip(theta) {
            *buffer = *buffer * theta + v;
        }
        v
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::mechanism::Noise;

    /// Largest and root mean square error over prefixes of the square-root Toeplitz matrix at sensitivity 1: the bound.
    fn toeplitz(windows: u32) -> (f64, f64) {
        let mut f = 1.0;
        let (mut square, mut sum) = (0.0, 0.0);
        for k in 1..=windows {
            square += f * f;
            sum += square;
            f *= 1.0 - 1.0 / (2.0 * f64::from(k));
        }
        let root = square.sqrt();
        (root * root, root * (sum / f64::from(windows)).sqrt())
    }

    /// Root mean square error over prefixes of a binary tree at sensitivity 1: the prefix after `t` windows is a sum of as
    /// many nodes as `t` has ones, each with the noise of all levels.
    fn tree(windows: u32) -> f64 {
        let levels = f64::from(u32::BITS - windows.leading_zeros());
        let nodes: u32 = (1..=windows).map(u32::count_ones).sum();
        levels.sqrt() * (f64::from(nodes) / f64::from(windows)).sqrt()
    }

    fn errors(blt: &Blt) -> (f64, f64) {
        let mut decoder = Decoder::default();
        let (mut prefix, mut square, mut sum) = (0.0, 0.0, 0.0);
        for window in 0..blt.windows {
            prefix += decoder.step_float(blt, f64::from(u8::from(window == 0)));
            square += prefix * prefix;
            sum += square;
        }
        let mean: f64 = sum / f64::from(blt.windows);
        (
            blt.sensitivity() * square.sqrt(),
            blt.sensitivity() * mean.sqrt(),
        )
    }

    #[test]
    fn errors_are_at_the_bound() {
        for (windows, sensitivity) in [(1_440, 1.838_5), (8_640, 1.988)] {
            let found = Blt::new(windows, 1).sensitivity();
            assert!((found - sensitivity).abs() < 3e-3, "{windows}: {found}");
        }
        for (windows, ..) in TABLE {
            let (largest, rms) = errors(&Blt::new(windows, 1));
            let bound = toeplitz(windows);
            assert!(rms <= 1.005 * bound.1, "{windows}: {rms} of {}", bound.1);
            assert!(largest <= 1.005 * bound.0, "{windows}: {largest}");
        }
        let (_, rms) = errors(&Blt::new(1_440, 1));
        assert!(rms <= 0.45 * tree(1_440), "{rms} of {}", tree(1_440));
        // Periods that are not in the table borrow from the next longer one.
        for windows in [1, 2, 4, 24, 96, 1_000] {
            let (_, rms) = errors(&Blt::new(windows, 1));
            assert!(rms <= 1.05 * toeplitz(windows).1, "{windows}: {rms}");
        }
    }

    #[test]
    fn without_noise_the_running_total_is_exact() {
        for cap in [1, 64] {
            let blt = Blt::new(1_440, cap);
            let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
            let (mut total, mut estimate) = (0, 0.0);
            for window in 0..1_440_u64 {
                let count = window * 7_919 % 11;
                total += count;
                let y = encoder.step(&blt, count, 0).unwrap();
                estimate += decoder.step(&blt, y);
            }
            let off = (estimate - total as f64).abs();
            assert!(off < 0.05, "cap {cap}: {off}");
        }
    }

    /// One unit more moves the released values by at most what the noise was scaled to, wherever it is added.
    #[test]
    fn the_sensitivity_covers_what_the_grid_rounds() {
        let blt = Blt::new(288, 64);
        let rho = MicroRho::new(500_000).unwrap();
        let s2 = blt.variance(1, rho).unwrap().get() as f64;
        for at in [0, 1, 100, 286] {
            let (mut one, mut other) = (Encoder::default(), Encoder::default());
            let mut square = 0.0;
            for window in 0..288_u64 {
                let base = window * 104_729 % 97;
                let more = if window == at { 64 } else { 0 };
                let a = one.step(&blt, base, 0).unwrap();
                let b = other.step(&blt, base + more, 0).unwrap();
                square += ((b - a) as f64).powi(2);
            }
            // rho = square / (2 s2), and the worst case is close to it.
            assert!(square / (2.0 * s2) <= 0.5, "window {at}");
            if at == 0 {
                assert!(square / (2.0 * s2) > 0.49, "{}", square / (2.0 * s2));
            }
        }
    }

    #[test]
    fn measured_errors_are_those_promised() {
        let blt = Blt::new(288, 1);
        let variance = blt.variance(1, MicroRho::new(50_000).unwrap()).unwrap();
        let promised = blt.stddev(variance, 288);
        let mut noise = Noise::from_os().unwrap();
        let rounds = 400;
        let mut square = 0.0;
        for _ in 0..rounds {
            let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
            let mut estimate = 0.0;
            for _ in 0..288 {
                let y = encoder.step(&blt, 1, noise.gauss(variance).unwrap());
                estimate += decoder.step(&blt, y.unwrap());
            }
            square += (estimate - 288.0).powi(2);
        }
        let ratio = (square / f64::from(rounds)).sqrt() / promised;
        // The standard error of the ratio is 1 / sqrt(2 * 400) = 3.5 %; five of them.
        assert!((0.82..1.18).contains(&ratio), "{ratio}");
    }

    #[test]
    fn what_leaves_the_range_is_refused() {
        let blt = Blt::new(1_440, 1);
        let mut encoder = Encoder::default();
        assert_eq!(encoder.step(&blt, u64::MAX, 0), None);
        assert_eq!(encoder.step(&blt, 1 << 45, 0), None);
        let tiny = MicroRho::new(1).unwrap();
        assert_eq!(
            Blt::new(8_640, 1).variance(2, tiny),
            Err(BudgetError::Variance)
        );
    }
}

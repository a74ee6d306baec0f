//! The noise: an exact discrete Gaussian sampler on integers, and the only random number generator of the program.
//!
//! Read first: Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (NeurIPS 2020), Algorithms 1 to
//! 3. No float touches a count: rounding a float Gaussian is attackable (Mironov, CCS 2012; Jin et al., IEEE S&P 2022), and
//! `rand_distr::Normal` is a float sampler. Every uniform draw is exact rejection (`rand_distr::Uniform`; `random_range` is
//! slightly biased by default). Products are checked: with a variance of at most 2^56 they fit u128 except with a
//! probability that no hardware will ever see, and then the draw fails instead of being wrong.
//!
//! The generator is ChaCha20, seeded from the operating system, reseeded for every window and never persisted, so that a
//! restored snapshot of the machine does not repeat noise for longer than one window.

pub mod blt;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, Uniform};

use super::budget::Variance;
use crate::fault::{Fault, planted};

/// Why no noise could be drawn. Nothing is released then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoiseError {
    /// The operating system gave no seed.
    #[error("the operating system gave no random seed")]
    Entropy,
    /// A product left u128, or a bound was zero.
    #[error("a draw left the range of exact arithmetic")]
    Range,
}

/// The source of all noise.
pub struct Noise {
    rng: ChaCha20Rng,
}

/// The state of the generator does not print.
impl std::fmt::Debug for Noise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Noise").finish_non_exhaustive()
    }
}

impl Noise {
    /// Seeded from the operating system. There is no other way to make one outside tests.
    pub fn from_os() -> Result<Self, NoiseError> {
        Ok(Self {
            rng: ChaCha20Rng::from_seed(random_id()?),
        })
    }

    /// A fresh seed from the operating system.
    pub fn reseed(&mut self) -> Result<(), NoiseError> {
        *self = Self::from_os()?;
        Ok(())
    }

    /// For regression tests only.
    #[cfg(test)]
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            rng: ChaCha20Rng::seed_from_u64(seed),
        }
    }

    /// One draw of the discrete Gaussian with variance parameter `s2` (Algorithm 3): mass at `x` proportional to
    /// exp(-x^2 / (2 s2)).
    pub fn gauss(&mut self, s2: Variance) -> Result<i64, NoiseError> {
        let mut s2 = u128::from(s2.get());
        if planted(Fault::HalfNoise) {
            s2 = s2.div_ceil(4);
        }
        let t = s2.isqrt() + 1;
        loop {
            let (magnitude, negative) = self.laplace(t)?;
            let offset = magnitude
                .checked_mul(t)
                .ok_or(NoiseError::Range)?
                .abs_diff(s2);
            let num = offset.checked_mul(offset).ok_or(NoiseError::Range)?;
            let den = (2 * s2)
                .checked_mul(t)
                .and_then(|product| product.checked_mul(t))
                .ok_or(NoiseError::Range)?;
            if self.bernoulli_exp(num, den)? {
                let value = i64::try_from(magnitude).map_err(|_| NoiseError::Range)?;
                return Ok(if negative { -value } else { value });
            }
        }
    }

    /// One draw of the discrete Laplace with scale `t` (Algorithm 2), as magnitude and sign.
    fn laplace(&mut self, t: u128) -> Result<(u128, bool), NoiseError> {
        loop {
            let u = self.below(t)?;
            if !self.bernoulli_exp(u, t)? {
                continue;
            }
            let mut v: u128 = 0;
            while self.bernoulli_exp(1, 1)? {
                v += 1;
            }
            let magnitude = t
                .checked_mul(v)
                .and_then(|whole| whole.checked_add(u))
                .ok_or(NoiseError::Range)?;
            let negative = self.rng.next_u32() & 1 == 1;
            // -0 is rejected, or zero would have twice its mass.
            if magnitude != 0 || !negative {
                return Ok((magnitude, negative));
            }
        }
    }

    /// True with probability exp(-num/den) (Algorithm 1; whole units are peeled off while num > den).
    fn bernoulli_exp(&mut self, num: u128, den: u128) -> Result<bool, NoiseError> {
        let mut num = num;
        while num > den {
            if !self.bernoulli_exp_below_one(den, den)? {
                return Ok(false);
            }
            num -= den;
        }
        self.bernoulli_exp_below_one(num, den)
    }

    /// True with probability exp(-num/den), for num at most den.
    fn bernoulli_exp_below_one(&mut self, num: u128, den: u128) -> Result<bool, NoiseError> {
        let mut k: u128 = 1;
        loop {
            let bound = den.checked_mul(k).ok_or(NoiseError::Range)?;
            if self.below(bound)? >= num {
                return Ok(k % 2 == 1);
            }
            k += 1;
        }
    }

    /// Exactly uniform over 0 to `bound - 1`.
    fn below(&mut self, bound: u128) -> Result<u128, NoiseError> {
        if let Ok(small) = u64::try_from(bound) {
            let uniform = Uniform::new(0, small).map_err(|_| NoiseError::Range)?;
            return Ok(u128::from(uniform.sample(&mut self.rng)));
        }
        let uniform = Uniform::new(0, bound).map_err(|_| NoiseError::Range)?;
        Ok(uniform.sample(&mut self.rng))
    }
}

/// Random bytes from the operating system, for seeds and ids.
pub(super) fn random_id<const N: usize>() -> Result<[u8; N], NoiseError> {
    let mut id = [0; N];
    getrandom::fill(&mut id).map_err(|_| NoiseError::Entropy)?;
    Ok(id)
}

#[cfg(test)]
mod tests;

//! Goodness of fit with fresh seeds from the operating system. Each test fails on sound noise with probability 1e-3, and is
//! then run once more with fresh draws at 1e-4: only both together are a failure.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "statistics over small integers"
)]

use super::*;

/// Draws of each variance; `HUSHTAP_DRAWS` sets another number (the nightly run draws a million).
fn draws_wanted() -> usize {
    std::env::var("HUSHTAP_DRAWS")
        .ok()
        .and_then(|draws| draws.parse().ok())
        .unwrap_or(200_000)
}

/// Variances from one that is hardly Gaussian to the default of production (u = 20, T = 1440, rho 0.25).
const VARIANCES: [u64; 5] = [1, 9, 400, 1_000_000, 1_152_000];
/// Upper quantiles of the normal distribution at 1e-3 and 1e-4, one-sided.
const Z: [f64; 2] = [3.090, 3.719];
/// Likewise two-sided.
const Z_TWO_SIDED: [f64; 2] = [3.291, 3.891];

fn draws(s2: u64) -> Vec<i64> {
    let mut noise = Noise::from_os().unwrap();
    let s2 = Variance::new(s2).unwrap();
    (0..draws_wanted())
        .map(|_| noise.gauss(s2).unwrap())
        .collect()
}

/// Runs a test that says whether it is content at a level (0: 1e-3, 1: 1e-4).
fn passes(test: impl Fn(usize) -> Result<(), String>) {
    if test(0).is_err() {
        test(1).unwrap();
    }
}

fn within(what: &str, z: f64, limit: f64) -> Result<(), String> {
    if z.abs() <= limit {
        Ok(())
    } else {
        Err(format!("{what}: z = {z:.2}, limit {limit}"))
    }
}

/// The exact distribution out to 12 standard deviations, from -reach.
struct Exact {
    mass: Vec<f64>,
    reach: i64,
}

impl Exact {
    fn new(s2: u64) -> Self {
        let s2 = s2 as f64;
        let reach = (12.0 * s2.sqrt()).ceil() as i64 + 2;
        let mass: Vec<f64> = (-reach..=reach)
            .map(|x| (-(x as f64).powi(2) / (2.0 * s2)).exp())
            .collect();
        let total: f64 = mass.iter().sum();
        Self {
            mass: mass.into_iter().map(|m| m / total).collect(),
            reach,
        }
    }

    fn expect(&self, value: impl Fn(i64) -> f64) -> f64 {
        (-self.reach..=self.reach)
            .zip(&self.mass)
            .map(|(x, mass)| value(x) * mass)
            .sum()
    }

    /// z of Pearson's statistic over about `bins` bins of equal mass (Wilson and Hilferty 1931).
    fn chi_square(&self, draws: &[i64], bins: usize) -> f64 {
        let mut bin_of = vec![0; self.mass.len()];
        let mut expected = vec![0.0];
        for (index, mass) in self.mass.iter().enumerate() {
            if *expected.last().unwrap() >= 1.0 / bins as f64 {
                expected.push(0.0);
            }
            *expected.last_mut().unwrap() += mass;
            bin_of[index] = expected.len() - 1;
        }
        if *expected.last().unwrap() < 0.2 / bins as f64 {
            let rest = expected.pop().unwrap();
            *expected.last_mut().unwrap() += rest;
        }
        let last = expected.len() - 1;
        let mut found = vec![0.0; expected.len()];
        for draw in draws {
            let place = (draw + self.reach).clamp(0, 2 * self.reach) as usize;
            found[bin_of[place].min(last)] += 1.0;
        }
        let n = draws.len() as f64;
        let statistic: f64 = found
            .iter()
            .zip(&expected)
            .map(|(found, mass)| (found - n * mass).powi(2) / (n * mass))
            .sum();
        let df = last as f64;
        ((statistic / df).cbrt() - (1.0 - 2.0 / (9.0 * df))) / (2.0 / (9.0 * df)).sqrt()
    }

    /// z of the sample variance.
    fn variance(&self, draws: &[i64]) -> f64 {
        let second = self.expect(|x| (x as f64).powi(2));
        let fourth = self.expect(|x| (x as f64).powi(4));
        let n = draws.len() as f64;
        let found = draws.iter().map(|x| (*x as f64).powi(2)).sum::<f64>() / n;
        (found - second) / ((fourth - second * second) / n).sqrt()
    }

    /// z of the sign, the parity and the lag-1 product.
    fn shape(&self, draws: &[i64]) -> [f64; 3] {
        let n = draws.len() as f64;
        let signs: Vec<f64> = draws.iter().map(|x| x.signum() as f64).collect();
        let non_zero = self.expect(|x| f64::from(u8::from(x != 0)));
        let even = self.expect(|x| f64::from(u8::from(x % 2 == 0)));
        let found_even = draws.iter().filter(|x| *x % 2 == 0).count() as f64;
        let second = self.expect(|x| (x as f64).powi(2));
        let lagged: f64 = draws.windows(2).map(|w| w[0] as f64 * w[1] as f64).sum();
        [
            signs.iter().sum::<f64>() / (n * non_zero).sqrt(),
            (found_even - n * even) / (n * even * (1.0 - even)).sqrt(),
            lagged / (second * (n - 1.0).sqrt()),
        ]
    }
}

#[test]
fn draws_follow_the_discrete_gaussian() {
    for s2 in VARIANCES {
        let exact = Exact::new(s2);
        passes(|level| {
            let draws = draws(s2);
            within("chi-square", exact.chi_square(&draws, 40), Z[level])?;
            within("variance", exact.variance(&draws), Z_TWO_SIDED[level])?;
            let shape = exact.shape(&draws);
            for (what, z) in ["sign", "parity", "lag 1"].into_iter().zip(shape) {
                within(what, z, Z_TWO_SIDED[level])?;
            }
            Ok(())
        });
    }
}

#[test]
fn the_tests_see_noise_that_is_three_percent_off() {
    let draws = draws(400);
    for wrong in [388, 412] {
        let exact = Exact::new(wrong);
        assert!(exact.variance(&draws).abs() > Z_TWO_SIDED[1]);
    }
    assert!(Exact::new(430).chi_square(&draws, 40) > Z[1]);
    // Zero with twice its mass, as when -0 is not rejected.
    let doubled: Vec<i64> = draws
        .iter()
        .map(|x| if x.abs() == 1 { 0 } else { *x })
        .collect();
    assert!(Exact::new(400).chi_square(&doubled, 40) > Z[1]);
    let sorted = {
        let mut sorted = draws.clone();
        sorted.sort_unstable();
        sorted
    };
    assert!(Exact::new(400).shape(&sorted)[2] > Z_TWO_SIDED[1]);
    let even: Vec<i64> = draws.iter().map(|x| x / 2 * 2).collect();
    assert!(Exact::new(400).shape(&even)[1] > Z_TWO_SIDED[1]);
    let shifted: Vec<i64> = draws.iter().map(|x| x + 1).collect();
    assert!(Exact::new(400).shape(&shifted)[0] > Z_TWO_SIDED[1]);
}

#[test]
fn the_largest_variance_does_not_overflow() {
    let mut noise = Noise::from_os().unwrap();
    let s2 = Variance::new(Variance::MAX).unwrap();
    let sigma = s2.stddev();
    let n = 20_000;
    let mean_square = (0..n)
        .map(|_| (noise.gauss(s2).unwrap() as f64 / sigma).powi(2))
        .sum::<f64>()
        / f64::from(n);
    // The standard error is 0.01.
    assert!((mean_square - 1.0).abs() < 0.05, "{mean_square}");
}

#[test]
fn uniform_draws_cover_what_they_should() {
    let mut noise = Noise::from_os().unwrap();
    for bound in [1_u128, 3, u128::from(u64::MAX) + 7] {
        for _ in 0..1_000 {
            assert!(noise.below(bound).unwrap() < bound);
        }
    }
    assert_eq!(noise.below(0), Err(NoiseError::Range));
}

#[test]
fn bernoulli_has_the_probability_it_says() {
    let n = 100_000;
    for (num, den) in [(0, 5), (1, 2), (1, 1), (5, 2)] {
        passes(|level| {
            let mut noise = Noise::from_os().unwrap();
            let hits = (0..n)
                .filter(|_| noise.bernoulli_exp(num, den).unwrap())
                .count() as f64;
            let p = (-(num as f64) / den as f64).exp();
            let spread = (f64::from(n) * p * (1.0 - p)).sqrt().max(1e-9);
            within(
                "hits",
                (hits - f64::from(n) * p) / spread,
                Z_TWO_SIDED[level],
            )
        });
    }
}

#[test]
fn seeds_are_fresh_and_tests_may_fix_them() {
    let s2 = Variance::new(1 << 40).unwrap();
    let mut first = Noise::from_os().unwrap();
    let mut second = Noise::from_os().unwrap();
    let draw = |noise: &mut Noise| [noise.gauss(s2), noise.gauss(s2)];
    assert_ne!(draw(&mut first), draw(&mut second));
    let before = draw(&mut first);
    first.reseed().unwrap();
    assert_ne!(draw(&mut first), before);
    assert_eq!(draw(&mut Noise::seeded(7)), draw(&mut Noise::seeded(7)));
}

//! Fixed-point sums of logarithms. Integer additions commute, floating-point ones do not: with these, the shares of any
//! number of workers add up to the same bits.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "logarithms of counts and sizes are below 64, so they fit with room to spare"
)]

/// Fractional bits: a logarithm is kept to one part in a million.
const SCALE: f64 = (1_u64 << 20) as f64;

/// Number, sum, sum of squares and maximum of a sample of logarithms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Moments {
    n: u64,
    sum: i64,
    squares: i128,
    max: i64,
}

impl Moments {
    /// Adds one value.
    pub(super) fn add(&mut self, x: f64) {
        let fixed = (x.clamp(-64.0, 64.0) * SCALE) as i64;
        self.max = if self.n == 0 {
            fixed
        } else {
            self.max.max(fixed)
        };
        self.n += 1;
        self.sum += fixed;
        // Below 2^52.
        self.squares += i128::from(fixed * fixed);
    }

    /// Adds a whole sample.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        self.max = if self.n == 0 {
            other.max
        } else {
            self.max.max(other.max)
        };
        self.n += other.n;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// How many values.
    pub(super) const fn count(&self) -> u64 {
        self.n
    }

    /// Their mean; 0 if there are none.
    pub(super) fn mean(&self) -> f64 {
        self.sum as f64 / SCALE / self.n.max(1) as f64
    }

    /// The sum of squared distances from the mean.
    pub(super) fn spread(&self) -> f64 {
        let mean = self.mean();
        let squares = i64::try_from(self.squares).map_or_else(|_| many(self.squares), |n| n as f64);
        (squares / (SCALE * SCALE) - self.n as f64 * mean * mean).max(0.0)
    }

    /// The largest.
    pub(super) fn max(&self) -> f64 {
        self.max as f64 / SCALE
    }
}

/// The same as from 64 bits, which the processor does by itself: apart, or it would be done each time.
#[cold]
#[inline(never)]
fn many(squares: i128) -> f64 {
    squares as f64
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::float_cmp,
        clippy::needless_for_each,
        reason = "exact values by construction; short scripts"
    )]

    use super::*;

    #[test]
    fn mean_spread_and_maximum() {
        let mut moments = Moments::default();
        [1.0, 2.0, 6.0].into_iter().for_each(|x| moments.add(x));
        assert_eq!(moments.count(), 3);
        assert!((moments.mean() - 3.0).abs() < 1e-6);
        assert!((moments.spread() - 14.0).abs() < 1e-4);
        assert!((moments.max() - 6.0).abs() < 1e-6);
    }

    #[test]
    fn parts_add_up_to_the_same_bits() {
        let values = [0.1, 13.7, 5.5, 2.25];
        let (mut whole, mut a, mut b) = <(Moments, Moments, Moments)>::default();
        for (n, &x) in values.iter().enumerate() {
            whole.add(x);
            if n % 2 == 0 { a.add(x) } else { b.add(x) }
        }
        b.merge(&a);
        assert_eq!(whole, b);
    }
}

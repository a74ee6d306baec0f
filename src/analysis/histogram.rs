//! A histogram of spans of time with a bounded relative error, made of integers only, so that shares of it add up the same
//! in any order.
//!
//! Bucket bounds are linear within each power of two (32 steps an octave), as in HDR histograms: the middle of a bucket is
//! at most 1/64 (1.6 %) away from any value in it, and finding the bucket takes no logarithm.

use super::short::Exact;

/// Steps in an octave, as a power of two.
const STEP_BITS: u32 = 5;
const STEPS: u64 = 1 << STEP_BITS;
/// Values from 2^40 up (12 days in microseconds) share the last bucket.
const MAX_VALUE: u64 = (1 << 40) - 1;

/// How many buckets that makes.
const BUCKETS: usize = bucket_of(MAX_VALUE) as usize + 1;

/// Counts by bucket: 4 bytes for each from the lowest to the highest that was hit, at most 1,152.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct LogHistogram {
    /// The bucket of the first count. That and the last are not 0.
    first: u16,
    counts: Exact<u32>,
}

impl LogHistogram {
    /// Most heap bytes.
    pub(super) const MOST_BYTES: usize = Exact::<u32>::most_bytes(BUCKETS);

    /// Counts one value.
    pub(super) fn add(&mut self, value: u64) {
        let bucket = bucket_of(value);
        let place = bucket.checked_sub(self.first).map(usize::from);
        if let Some(count) = place.and_then(|at| self.counts.get_mut(at)) {
            *count = count.saturating_add(1);
        } else {
            self.cover(bucket, bucket);
            self.add_to(bucket, 1);
        }
    }

    /// Adds all counts of `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        let Some((last, _)) = other.buckets().last() else {
            return;
        };
        self.cover(other.first, last);
        for (bucket, count) in other.buckets() {
            self.add_to(bucket, count);
        }
    }

    /// How many values were counted.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().map(|&n| u64::from(n)).sum()
    }

    /// The value below which `thousandths` of 1,000 of the values lie, within 1.6 %; 0 if there are none.
    pub(super) fn quantile(&self, thousandths: u64) -> u64 {
        let count = self.count();
        let rank = (count * thousandths).div_ceil(1_000).max(1);
        let mut below = 0;
        for (bucket, n) in self.buckets() {
            below += u64::from(n);
            if below >= rank {
                return middle_of(bucket);
            }
        }
        0
    }

    fn buckets(&self) -> impl Iterator<Item = (u16, u32)> + use<'_> {
        (self.first..).zip(self.counts.iter().copied())
    }

    /// Makes room for buckets that are about to be added to, and no more.
    fn cover(&mut self, from: u16, to: u16) {
        if self.counts.is_empty() {
            self.first = from;
        }
        let before = usize::from(self.first.saturating_sub(from));
        let end = usize::from(self.first) + self.counts.len();
        let after = (usize::from(to) + 1).saturating_sub(end);
        if before + after == 0 {
            return;
        }
        self.first = self.first.min(from);
        self.counts.change(|list| {
            let len = before + list.len() + after;
            let mut all = Vec::with_capacity(len);
            all.resize(before, 0);
            all.append(list);
            all.resize(len, 0);
            *list = all;
        });
    }

    fn add_to(&mut self, bucket: u16, n: u32) {
        let at = bucket.checked_sub(self.first).map(usize::from);
        if let Some(count) = at.and_then(|at| self.counts.get_mut(at)) {
            *count = count.saturating_add(n);
        }
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.counts.heap()
    }
}

/// Steps in an octave of [`CoarseHistogram`], as a power of two.
const COARSE_BITS: u32 = 3;
/// Values up to 16, and from 2^34 up (4.7 hours in microseconds), share its first and last bucket.
const COARSE_MIN: u64 = 16;
const COARSE_MAX: u64 = (1 << 34) - 1;
/// How many buckets that makes.
const COARSE_BUCKETS: usize = (coarse_bucket(COARSE_MAX) - coarse_bucket(COARSE_MIN)) as usize + 1;

/// A histogram for one token: within 8 %, and 2 bytes a bucket from the lowest to the highest that was hit, 240 at most.
///
/// The number of the first bucket, then its count and those of the next.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct CoarseHistogram(Exact<u16>);

impl CoarseHistogram {
    /// Most heap bytes.
    pub(super) const MOST_BYTES: usize = Exact::<u16>::most_bytes(1 + COARSE_BUCKETS);

    /// Counts one value.
    pub(super) fn add(&mut self, value: u64) {
        let bucket = coarse_bucket(value);
        let first = self.0.first().copied().unwrap_or(bucket);
        if self.0.is_empty() || bucket < first {
            let missing = usize::from(first - bucket) + usize::from(self.0.len() < 2);
            self.0.change(|list| {
                let counts = list.drain(..).skip(1);
                let counts = std::iter::repeat_n(0, missing).chain(counts);
                *list = std::iter::once(bucket).chain(counts).collect();
            });
        }
        let at = 1 + usize::from(bucket - first.min(bucket));
        if at >= self.0.len() {
            self.0.change(|list| {
                list.reserve_exact(at + 1 - list.len());
                list.resize(at + 1, 0);
            });
        }
        let Some(count) = self.0.get_mut(at) else {
            return;
        };
        *count += 1;
        if *count == u16::MAX {
            // Shares are all that is told, and half of everything has the same.
            let counts = self.0.iter_mut().skip(1);
            counts.for_each(|count| *count -= *count / 2);
        }
    }

    /// The value below which `thousandths` of 1,000 of the values lie, within 8 %; 0 if there are none.
    pub(super) fn quantile(&self, thousandths: u64) -> u64 {
        let first = self.0.first().copied().unwrap_or(0);
        let counts = self.0.iter().skip(1);
        let count: u64 = counts.clone().map(|&n| u64::from(n)).sum();
        let rank = (count * thousandths).div_ceil(1_000).max(1);
        let mut below = 0;
        for (bucket, &n) in (first..).zip(counts) {
            below += u64::from(n);
            if below >= rank {
                return coarse_middle(bucket);
            }
        }
        0
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        self.0.heap()
    }
}

/// Every octave has eight.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the value is capped below 2^34, so the bucket is under 256"
)]
const fn coarse_bucket(value: u64) -> u16 {
    let value = if value < COARSE_MIN {
        COARSE_MIN
    } else if value > COARSE_MAX {
        COARSE_MAX
    } else {
        value
    };
    let low = (u64::BITS - value.leading_zeros()).saturating_sub(COARSE_BITS + 1);
    (low << COARSE_BITS) as u16 + (value >> low) as u16
}

fn coarse_middle(bucket: u16) -> u64 {
    let low = (u32::from(bucket) >> COARSE_BITS).saturating_sub(1);
    let start = (u64::from(bucket) - u64::from(low << COARSE_BITS)) << low;
    // On the scale of all other quantiles.
    middle_of(bucket_of(start + (1 << low >> 1)))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    reason = "the value is capped below 2^40, so the bucket is under 1,152; `from` is not for constants"
)]
const fn bucket_of(value: u64) -> u16 {
    let value = if value < MAX_VALUE { value } else { MAX_VALUE };
    if value < STEPS {
        return value as u16;
    }
    let shift = value.ilog2() - STEP_BITS;
    ((shift as u64 + 1) * STEPS + ((value >> shift) & (STEPS - 1))) as u16
}

fn middle_of(bucket: u16) -> u64 {
    let (octave, step) = (u64::from(bucket) / STEPS, u64::from(bucket) % STEPS);
    match octave.checked_sub(1) {
        None => step,
        Some(shift) => ((STEPS + step) << shift) + ((1 << shift) >> 1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::float_cmp,
        clippy::needless_for_each,
        reason = "exact values by construction; short scripts"
    )]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_of_a_ramp() {
        let mut histogram = LogHistogram::default();
        (1..=1_000).for_each(|n| histogram.add(n * 1_000));
        assert_eq!(histogram.count(), 1_000);
        for (q, exact) in [(500, 500_000_u64), (950, 950_000), (990, 990_000)] {
            let got = histogram.quantile(q);
            assert!(got.abs_diff(exact) * 50 <= exact, "{got} for {exact}");
        }
    }

    #[test]
    fn small_values_are_exact_and_empty_is_zero() {
        assert_eq!(LogHistogram::default().quantile(500), 0);
        let mut histogram = LogHistogram::default();
        histogram.add(7);
        assert_eq!(histogram.quantile(990), 7);
    }

    #[test]
    fn a_coarse_histogram_tells_shares_however_many_values_there_are() {
        let mut histogram = CoarseHistogram::default();
        assert_eq!(histogram.quantile(500), 0);
        for n in 0..300_000_u64 {
            histogram.add([40_000, 900, 40_000, 5_000_000][usize::try_from(n % 4).unwrap()]);
        }
        for (q, exact) in [(200, 900_u64), (500, 40_000), (990, 5_000_000)] {
            let got = histogram.quantile(q);
            assert!(got.abs_diff(exact) * 12 <= exact, "{got} for {exact}");
        }
    }

    proptest! {
        #[test]
        fn every_value_is_within_eight_percent_of_a_coarse_bucket(value in COARSE_MIN..=COARSE_MAX) {
            let middle = coarse_middle(coarse_bucket(value));
            prop_assert!(u128::from(middle.abs_diff(value)) * 12 <= u128::from(value));
        }

        #[test]
        fn every_value_is_within_two_percent(value in 0..=MAX_VALUE) {
            let middle = middle_of(bucket_of(value));
            prop_assert!(u128::from(middle.abs_diff(value)) * 50 <= u128::from(value));
        }

        #[test]
        fn shares_add_up_to_the_whole(values in proptest::collection::vec(0_u64..1 << 45, 0..300), split in any::<u64>()) {
            let (mut whole, mut a, mut b) = <(LogHistogram, LogHistogram, LogHistogram)>::default();
            for (n, &value) in values.iter().enumerate() {
                whole.add(value);
                if split >> (n % 64) & 1 == 0 { a.add(value) } else { b.add(value) }
            }
            b.merge(&a);
            prop_assert_eq!(whole, b);
        }
    }
}

//! A histogram of spans of time with a bounded relative error, made of integers only, so that shares of it add up the same
//! in any order.
//!
//! Bucket bounds are linear within each power of two (32 steps an octave), as in HDR histograms: the middle of a bucket is
//! at most 1/64 (1.6 %) away from any value in it, and finding the bucket takes no logarithm.

/// Steps in an octave, as a power of two.
const STEP_BITS: u32 = 5;
const STEPS: u64 = 1 << STEP_BITS;
/// Values from 2^40 up (12 days in microseconds) share the last bucket.
const MAX_VALUE: u64 = (1 << 40) - 1;

/// Counts by bucket, sorted. Only buckets that were hit take room (8 bytes each), at most 1,152.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct LogHistogram {
    buckets: Vec<(u16, u32)>,
}

impl LogHistogram {
    /// Counts one value.
    pub(super) fn add(&mut self, value: u64) {
        self.add_to(bucket_of(value), 1);
    }

    /// Adds all counts of `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.buckets {
            self.add_to(bucket, count);
        }
    }

    /// How many values were counted.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().map(|&(_, n)| u64::from(n)).sum()
    }

    /// The value below which `thousandths` of 1,000 of the values lie, within 1.6 %; 0 if there are none.
    pub(super) fn quantile(&self, thousandths: u64) -> u64 {
        let count = self.count();
        let rank = (count * thousandths).div_ceil(1_000).max(1);
        let mut below = 0;
        for &(bucket, n) in &self.buckets {
            below += u64::from(n);
            if below >= rank {
                return middle_of(bucket);
            }
        }
        0
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.buckets.capacity() * size_of::<(u16, u32)>()
    }

    fn add_to(&mut self, bucket: u16, n: u32) {
        match self.buckets.binary_search_by_key(&bucket, |&(b, _)| b) {
            Ok(at) => {
                if let Some((_, count)) = self.buckets.get_mut(at) {
                    *count = count.saturating_add(n);
                }
            }
            Err(at) => self.buckets.insert(at, (bucket, n)),
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the value is capped below 2^40, so the bucket is under 1,152"
)]
fn bucket_of(value: u64) -> u16 {
    let value = value.min(MAX_VALUE);
    if value < STEPS {
        return value as u16;
    }
    let shift = value.ilog2() - STEP_BITS;
    (u64::from(shift + 1) * STEPS + ((value >> shift) & (STEPS - 1))) as u16
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

    proptest! {
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

//! How an endpoint is taken up: distinct tokens by day, exact as long as tokens remember the endpoint.

use super::{Call, day_of};
use crate::analysis::principal::Firsts;
use crate::analysis::short::Exact;

/// Days that are kept.
const MAX_DAYS: u16 = 35;

/// Tokens by day: all that called it, and those that did so for the first time. In order, none [`MAX_DAYS`] before the last.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Adoption(Exact<(u16, [u64; 2])>);

impl Adoption {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize =
        Exact::<(u16, [u64; 2])>::most_bytes(MAX_DAYS as usize);

    pub(in crate::analysis) fn count(&mut self, call: Call<'_>, firsts: Firsts) {
        if call.who.is_token && firsts.today {
            self.add(day_of(call.tick), [1, u64::from(firsts.endpoint)]);
        }
    }

    pub(in crate::analysis) fn merge(&mut self, other: &Self) {
        for &(day, counts) in &*other.0 {
            self.add(day, counts);
        }
    }

    /// The last days, in order.
    pub(in crate::analysis) fn days(&self) -> Vec<(u16, [u64; 2])> {
        self.0.to_vec()
    }

    /// Adds to a day, if it is one of the last: by the day, not by the number of entries, so that shares of workers add up the
    /// same in any order.
    fn add(&mut self, day: u16, counts: [u64; 2]) {
        let last = self.0.last().map_or(day, |(last, _)| day.max(*last));
        let oldest = last.saturating_sub(MAX_DAYS - 1);
        if self.0.first().is_some_and(|(first, _)| *first < oldest) {
            self.0.change(|list| list.retain(|(day, _)| *day >= oldest));
        }
        match self.0.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(at) => {
                let sums = self.0.get_mut(at).map(|(_, sums)| sums);
                for (sum, more) in sums.into_iter().flatten().zip(counts) {
                    *sum += more;
                }
            }
            Err(at) if day >= oldest => self.0.insert(at, (day, counts)),
            Err(_) => {}
        }
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.0.heap()
    }

    /// With as many days as are kept.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut all = Self::default();
        (0..3 * MAX_DAYS).for_each(|day| all.add(day, [1, 0]));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_different_days_add_up_in_any_order() {
        let share = |days: &[u16]| {
            let mut share = Adoption::default();
            for &day in days {
                share.add(day, [2, 1]);
            }
            share
        };
        let shares = [share(&[1, 5, 30]), share(&[40, 70]), share(&[36, 40])];
        let sum = |order: [usize; 3]| {
            let mut sum = Adoption::default();
            for at in order {
                sum.merge(&shares[at]);
            }
            sum.days()
        };
        assert_eq!(sum([0, 1, 2]), [(36, [2, 1]), (40, [4, 2]), (70, [2, 1])]);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(sum(order), sum([0, 1, 2]));
        }
    }
}

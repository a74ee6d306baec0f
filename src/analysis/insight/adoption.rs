//! How an endpoint is taken up: distinct tokens by day, exact as long as tokens remember the endpoint.

use std::collections::BTreeMap;

use super::{Call, day_of};
use crate::analysis::principal::Firsts;

/// Days that are kept.
const MAX_DAYS: u16 = 35;

/// Tokens by day: all that called it, and those that did so for the first time.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Adoption(BTreeMap<u16, [u64; 2]>);

impl Adoption {
    pub(in crate::analysis) fn count(&mut self, call: Call<'_>, firsts: Firsts) {
        if !call.who.is_token || !firsts.today {
            return;
        }
        let day = day_of(call.tick);
        let [all, new] = self.0.entry(day).or_default();
        *all += 1;
        *new += u64::from(firsts.endpoint);
        // By the day, not by the number of entries: shares of workers must keep the same days.
        let oldest = day.saturating_sub(MAX_DAYS - 1);
        while self
            .0
            .first_key_value()
            .is_some_and(|(first, _)| *first < oldest)
        {
            self.0.pop_first();
        }
    }

    pub(in crate::analysis) fn merge(&mut self, other: &Self) {
        for (&day, counts) in &other.0 {
            let sums = self.0.entry(day).or_default();
            for (sum, more) in sums.iter_mut().zip(counts) {
                *sum += more;
            }
        }
    }

    /// The last days, in order.
    pub(in crate::analysis) fn days(&self) -> Vec<(u16, [u64; 2])> {
        let last = self.0.last_key_value().map_or(0, |(day, _)| *day);
        let oldest = last.saturating_sub(MAX_DAYS - 1);
        let days = self.0.range(oldest..);
        days.map(|(&day, &counts)| (day, counts)).collect()
    }
}

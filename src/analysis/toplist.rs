//! The few values of one kind that a principal uses: its countries, agents and releases.

use smallvec::SmallVec;

/// How many values are kept.
pub(super) const TOP: usize = 8;

/// At most [`TOP`] values with their counts. When it is full, the rarest makes room, so a count may be too low, never too high.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct TopList<T> {
    entries: SmallVec<[(T, u32); 2]>,
}

impl<T> Default for TopList<T> {
    fn default() -> Self {
        Self {
            entries: SmallVec::new(),
        }
    }
}

impl<T: Copy + Ord> TopList<T> {
    /// Counts one use; returns whether the value was not in the list.
    pub(super) fn add(&mut self, value: T) -> bool {
        if let Some((_, count)) = self.entries.iter_mut().find(|(v, _)| *v == value) {
            *count = count.saturating_add(1);
            return false;
        }
        if self.entries.len() >= TOP
            && let Some(rarest) = self.entries.iter_mut().min_by_key(|(v, n)| (*n, *v))
        {
            *rarest = (value, 1);
        } else {
            self.entries.push((value, 1));
        }
        true
    }

    /// Busiest first.
    pub(super) fn ranked(&self) -> Vec<(T, u64)> {
        let mut list: Vec<_> = self
            .entries
            .iter()
            .map(|&(value, count)| (value, u64::from(count)))
            .collect();
        list.sort_unstable_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
        list
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

    #[test]
    fn the_rarest_makes_room() {
        let mut list = TopList::default();
        for value in 0..TOP {
            list.add(value);
            list.add(value);
        }
        assert!(list.add(99));
        assert!(!list.add(99));
        assert!(!list.ranked().iter().any(|&(value, _)| value == 0));
        assert_eq!(list.ranked().len(), TOP);
    }
}

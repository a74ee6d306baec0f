//! The few values of one kind that a principal uses: its countries, agents and releases.

use smallvec::SmallVec;

use super::short::allocated;

/// How many values are kept.
pub(super) const TOP: usize = 8;

/// At most [`TOP`] values with their counts. When it is full, the rarest makes room, so a count may be too low, never too high.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(
    serialize = "T: Copy + serde::Serialize",
    deserialize = "T: Copy + serde::Deserialize<'de>"
))]
pub(super) struct TopList<T: Copy> {
    entries: SmallVec<[Entry<T>; 2]>,
}

/// Without the gap that two bytes, or eight, and four would leave.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(
    serialize = "T: Copy + serde::Serialize",
    deserialize = "T: Copy + serde::Deserialize<'de>"
))]
#[repr(Rust, packed(2))]
struct Entry<T: Copy> {
    value: T,
    count: u32,
}

impl<T: Copy> Default for TopList<T> {
    fn default() -> Self {
        Self {
            entries: SmallVec::new(),
        }
    }
}

impl<T: Copy + Ord> TopList<T> {
    /// Most heap bytes. As it is read back, a list may have room for a power of two.
    pub(super) const MOST_BYTES: usize = allocated(TOP.next_power_of_two() * size_of::<Entry<T>>());

    /// Counts one use; returns whether the value was not in the list.
    pub(super) fn add(&mut self, value: T) -> bool {
        if let Some(known) = self.entries.iter_mut().find(|e| { e.value } == value) {
            known.count = known.count.saturating_add(1);
            return false;
        }
        let fresh = Entry { value, count: 1 };
        if self.entries.len() < TOP {
            // Few have many: no room for twice as many.
            self.entries.reserve_exact(1);
            self.entries.push(fresh);
        } else if let Some(rarest) = self.entries.iter_mut().min_by_key(|e| (e.count, e.value)) {
            *rarest = fresh;
        }
        true
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        if self.entries.spilled() {
            allocated(self.entries.capacity() * size_of::<Entry<T>>())
        } else {
            0
        }
    }

    /// Busiest first.
    pub(super) fn ranked(&self) -> Vec<(T, u64)> {
        let mut list: Vec<_> = self
            .entries
            .iter()
            .map(|&Entry { value, count }| (value, u64::from(count)))
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

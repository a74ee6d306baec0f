//! A table as it was at one moment, made bytes in steps while the table goes on: what is about to change is made bytes
//! before it does.

use std::hash::Hash;
use std::ops::Range;

use serde::Serialize;

use crate::analysis::table::Table;

/// The bytes so far. They come to what the whole table would have given at that moment.
#[derive(Debug)]
pub(in crate::analysis) struct Frozen<K> {
    /// In order, each with where its bytes are.
    entries: Vec<(K, Option<Range<usize>>)>,
    bytes: Vec<u8>,
    /// Entries before this one have their bytes.
    next: usize,
}

impl<K: Copy + Ord + Hash + Serialize> Frozen<K> {
    /// Of a table, whose every change from now on is to be announced by [`Self::keep`] or [`Self::step`].
    pub(in crate::analysis) fn new<V: Serialize>(table: &Table<K, V>) -> Self {
        let mut entries: Vec<_> = table.iter().map(|(key, _)| (key, None)).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        Self {
            entries,
            bytes: Vec::new(),
            next: 0,
        }
    }

    /// The entry of `key` is about to change.
    pub(in crate::analysis) fn keep<V: Serialize>(&mut self, table: &Table<K, V>, key: K) {
        if let Ok(at) = self.entries.binary_search_by_key(&key, |(key, _)| *key) {
            self.encode(table, at);
        }
    }

    /// Makes bytes of so many more entries at most; returns how many were still to be done.
    pub(in crate::analysis) fn step<V: Serialize>(
        &mut self,
        table: &Table<K, V>,
        most: usize,
    ) -> usize {
        let mut done = 0;
        while done < most && self.next < self.entries.len() {
            done += usize::from(self.encode(table, self.next));
            self.next += 1;
        }
        done
    }

    /// Whether every entry has its bytes.
    pub(in crate::analysis) const fn is_whole(&self) -> bool {
        self.next >= self.entries.len()
    }

    /// Adds the table to `section`, as if it had been encoded whole.
    pub(in crate::analysis) fn append_to(self, mut section: Vec<u8>) -> Vec<u8> {
        section.reserve(self.bytes.len() + 10);
        section = super::encode_to(&self.entries.len(), section);
        let ranges = self.entries.into_iter().filter_map(|(_, range)| range);
        for range in ranges {
            section.extend_from_slice(self.bytes.get(range).unwrap_or_default());
        }
        section
    }

    /// False if it was done before.
    fn encode<V: Serialize>(&mut self, table: &Table<K, V>, at: usize) -> bool {
        let Some((key, range @ None)) = self.entries.get_mut(at) else {
            return false;
        };
        let from = self.bytes.len();
        self.bytes = table.encode_slot(*key, std::mem::take(&mut self.bytes));
        *range = Some(from..self.bytes.len());
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::save::encode;
    use crate::clock::Tick;

    proptest! {
        #[test]
        fn what_changes_meanwhile_does_not_show(
            keys in prop::collection::btree_set(any::<u64>(), 0..60),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 0_usize..4), 0..80),
        ) {
            let mut table = Table::new(1_000);
            for &key in &keys {
                table.touch(key, Tick(1), || key);
            }
            let before = encode(&(7_u8, &table));
            let mut frozen = Frozen::new(&table);
            for (at, fresh, steps) in changes {
                let key = if keys.is_empty() { fresh } else { *at.get(&Vec::from_iter(keys.clone())) };
                for key in [key, fresh] {
                    frozen.keep(&table, key);
                    if let Some(value) = table.touch(key, Tick(2), || 5) {
                        *value = fresh;
                    }
                }
                frozen.step(&table, steps);
            }
            frozen.step(&table, usize::MAX);
            prop_assert!(frozen.is_whole());
            prop_assert_eq!(frozen.append_to(vec![7]), before);
        }
    }
}

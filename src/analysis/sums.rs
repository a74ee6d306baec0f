//! Sums by key: what an epoch adds, mostly few keys, and what all epochs have added.

use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::keyed::Places;

/// Up to so many keys are looked for one by one: that is cheaper than to index them, and an epoch seldom has more.
const FEW: usize = 8;

/// Sums by key, found by an index where there are many. They keep their room when they are handed over.
///
/// Everything that leaves it comes in the order of keys.
#[derive(Clone, Debug)]
pub(super) struct KeyedSums<K, V> {
    entries: Vec<(K, V)>,
    /// Of all keys, or of none while they are few.
    index: Places,
}

impl<K, V> Default for KeyedSums<K, V> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            index: Places::default(),
        }
    }
}

impl<K: Copy + Ord + Hash, V> KeyedSums<K, V> {
    /// Keys that have a sum.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The place of a key. Places do not move until all is handed over.
    pub(super) fn place(&self, key: K) -> Option<usize> {
        if self.entries.len() <= FEW {
            return self.entries.iter().position(|(known, _)| *known == key);
        }
        self.index
            .find(key, |at| self.entries.get(at).map(|(key, _)| *key))
    }

    /// The key and sum at a place.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut (K, V)> {
        self.entries.get_mut(place)
    }

    /// The sum of a key.
    pub(super) fn get(&self, key: K) -> Option<&V> {
        let (_, sum) = self.entries.get(self.place(key)?)?;
        Some(sum)
    }

    /// Begins a sum for a key that has none; its place.
    pub(super) fn begin(&mut self, key: K, sum: V) -> usize {
        let at = self.entries.len();
        self.entries.push((key, sum));
        let entries = &self.entries;
        let of = |at: usize| entries.get(at).map(|(key, _)| *key);
        match at {
            ..FEW => {}
            FEW => {
                for (at, (key, _)) in entries.iter().enumerate() {
                    self.index.insert(*key, at, of);
                }
            }
            _ => self.index.insert(key, at, of),
        }
        at
    }

    /// All sums by key, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.entries.iter()
    }

    /// The same, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.entries.iter_mut().map(|(key, sum)| (*key, sum))
    }

    /// Hands over everything, in the order of keys.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (K, V)> {
        if self.entries.len() > FEW {
            self.index.clear();
        }
        self.entries.sort_unstable_by_key(|(key, _)| *key);
        self.entries.drain(..)
    }
}

impl<K: Copy + Ord + Hash, V: Default> KeyedSums<K, V> {
    /// The sum of a key.
    #[allow(clippy::indexing_slicing, reason = "the place was found just above")]
    pub(super) fn of(&mut self, key: K) -> &mut V {
        let known = self.place(key);
        let at = known.unwrap_or_else(|| self.begin(key, V::default()));
        &mut self.entries[at].1
    }

    /// Takes everything out of `other` and adds it.
    pub(super) fn drain_from(&mut self, other: &mut Self, mut add: impl FnMut(&mut V, V)) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        for (key, more) in other.drain() {
            add(self.of(key), more);
        }
    }
}

/// As a map, in the order of keys: the same sums give the same bytes.
impl<K: Copy + Ord + Serialize, V: Serialize> Serialize for KeyedSums<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        to.collect_map(entries.into_iter().map(|(key, sum)| (key, sum)))
    }
}

/// Of a key that comes twice the first counts.
impl<'de, K, V> Deserialize<'de> for KeyedSums<K, V>
where
    K: Copy + Ord + Hash + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut entries = Vec::<(K, V)>::deserialize(from)?;
        entries.sort_by_key(|(key, _)| *key);
        entries.dedup_by_key(|(key, _)| *key);
        let mut sums = Self::default();
        for (key, sum) in entries {
            sums.begin(key, sum);
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_an_ordered_map(epochs in prop::collection::vec(prop::collection::vec((0_u16..40, 1_u32..9), 0..60), 1..6)) {
            let (mut whole, mut epoch) = <(KeyedSums<u16, u32>, KeyedSums<u16, u32>)>::default();
            let mut expected = BTreeMap::new();
            for adds in epochs {
                for (key, n) in adds {
                    *epoch.of(key) += n;
                    *expected.entry(key).or_insert(0) += n;
                }
                whole.drain_from(&mut epoch, |sum, n| *sum += n);
                prop_assert!(epoch.is_empty());
            }
            prop_assert_eq!(whole.len(), expected.len());
            prop_assert!((0..40).all(|key| whole.get(key) == expected.get(&key)));
            let bytes = postcard::to_allocvec(&whole).unwrap();
            prop_assert_eq!(&bytes, &postcard::to_allocvec(&expected).unwrap());
            let again: KeyedSums<u16, u32> = postcard::from_bytes(&bytes).unwrap();
            prop_assert!((0..40).all(|key| again.get(key) == expected.get(&key)));
            prop_assert!(whole.drain().eq(expected));
        }
    }
}

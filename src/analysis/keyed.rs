//! Maps keyed by ids that are already keyed hashes, so that hashing them again would be waste. Iterated only to be saved,
//! in the order of keys: the order of a hash map must not reach any output.

#![allow(
    clippy::disallowed_types,
    reason = "the maps are private to this module, which offers no iteration"
)]
#![allow(clippy::cast_possible_truncation, reason = "a hash may lose bits")]

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher};

use hashbrown::HashTable;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::short::allocated;

/// Bytes of an index that are looked at in one step, and follow it.
const GROUP: usize = 16;

/// A map from an id to a small number. Lookup only.
#[derive(Clone, Debug)]
pub(super) struct KeyedMap<K>(HashMap<K, u32, BuildHasherDefault<TakeHash>>);

impl<K> Default for KeyedMap<K> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Copy + Eq + Hash> KeyedMap<K> {
    pub(super) fn get(&self, key: K) -> Option<usize> {
        self.0.get(&key).map(|&number| number as usize)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn insert(&mut self, key: K, number: usize) {
        self.0
            .insert(key, u32::try_from(number).unwrap_or(u32::MAX));
    }
}

/// Where entries of a list lie, by keys that are kept in the list alone: 5 bytes for each place.
///
/// `key` tells the key of the entry at a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(HashTable<u32>);

impl Places {
    /// Most bytes of each place: that of the first, which has four and a group of the index, and what the allocator takes.
    pub(super) const MOST_BYTES_EACH: usize = allocated(5 * 4 + GROUP);

    /// The place of `key`.
    pub(super) fn find<K: Copy + Eq + Hash>(
        &self,
        key: K,
        of: impl Fn(usize) -> Option<K>,
    ) -> Option<usize> {
        let found = self.0.find(hash(key), |&at| of(at as usize) == Some(key));
        found.map(|&at| at as usize)
    }

    /// Notes the place of a key that has none yet.
    pub(super) fn insert<K: Copy + Eq + Hash>(
        &mut self,
        key: K,
        at: usize,
        of: impl Fn(usize) -> Option<K>,
    ) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let hash_at = |&at: &u32| of(at as usize).map_or(0, hash);
        self.0.insert_unique(hash(key), at, hash_at);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets a key; returns its place.
    pub(super) fn remove<K: Copy + Eq + Hash>(
        &mut self,
        key: K,
        of: impl Fn(usize) -> Option<K>,
    ) -> Option<usize> {
        let entry = self
            .0
            .find_entry(hash(key), |&at| of(at as usize) == Some(key));
        let (at, _) = entry.ok()?.remove();
        Some(at as usize)
    }

    /// The entry of `key` moves from one place to another.
    pub(super) fn moved<K: Copy + Eq + Hash>(&mut self, key: K, from: usize, to: usize) {
        let place = self.0.find_mut(hash(key), |&at| at as usize == from);
        if let Some(at) = place {
            *at = u32::try_from(to).unwrap_or(u32::MAX);
        }
    }

    /// Heap bytes held: 4 and one for each place, of which seven in eight are used before there are twice as many.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        match self.0.capacity() {
            0 => 0,
            most => allocated(5 * (most * 8 / 7).next_power_of_two() + GROUP),
        }
    }
}

fn hash<K: Hash>(key: K) -> u64 {
    BuildHasherDefault::<TakeHash>::default().hash_one(key)
}

/// In the order of keys, so that the same map gives the same bytes.
impl<K: Copy + Ord + Serialize> Serialize for KeyedMap<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<_> = self.0.iter().map(|(&key, &n)| (key, n)).collect();
        entries.sort_unstable();
        entries.serialize(to)
    }
}

impl<'de, K: Eq + Hash + Deserialize<'de>> Deserialize<'de> for KeyedMap<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let entries = Vec::<(K, u32)>::deserialize(from)?;
        Ok(Self(entries.into_iter().collect()))
    }
}

/// Takes what is fed to it as the hash; several numbers are mixed with a multiplication.
#[derive(Clone, Copy, Default)]
pub(super) struct TakeHash(u64);

impl Hasher for TakeHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        // 2^64 / golden ratio: spreads the small numbers of composite keys over all bits.
        self.0 = self.0.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n;
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n.cast_unsigned() as u64);
    }

    fn write_u128(&mut self, n: u128) {
        // The lowest bits choose the shard: within a shard they are all the same.
        self.write_u64(((n >> 64) as u64) ^ ((n as u64) >> 6));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_place_of_a_key() {
        let keys: Vec<_> = (0..100_u64).map(|n| n << 32 | n).collect();
        let of = |at: usize| keys.get(at).copied();
        let mut places = Places::default();
        for (at, &key) in keys.iter().enumerate() {
            places.insert(key, at, of);
        }
        assert_eq!(places.find(keys[70], of), Some(70));
        assert_eq!(places.remove(keys[70], of), Some(70));
        assert_eq!(places.find(keys[70], of), None);
        places.moved(keys[99], 99, 3);
        assert_eq!(
            places.remove(keys[99], |at| keys
                .get(if at == 3 { 99 } else { at })
                .copied()),
            Some(3)
        );
    }

    #[test]
    fn finds_what_was_put_in() {
        let mut map = KeyedMap::default();
        for n in 0..1_000_u64 {
            map.insert((n, 3_u16), usize::try_from(n).unwrap());
        }
        assert_eq!(map.get((999, 3)), Some(999));
        assert_eq!(map.get((7, 4)), None);
    }
}

//! Maps keyed by ids that are already keyed hashes, so that hashing them again would be waste. Never iterated: the order
//! of a hash map must not reach any output.

#![allow(
    clippy::disallowed_types,
    reason = "the maps are private to this module, which offers no iteration"
)]
#![allow(clippy::cast_possible_truncation, reason = "a hash may lose bits")]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

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

    pub(super) fn insert(&mut self, key: K, number: usize) {
        self.0
            .insert(key, u32::try_from(number).unwrap_or(u32::MAX));
    }

    pub(super) fn remove(&mut self, key: K) {
        self.0.remove(&key);
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
    fn finds_what_was_put_in() {
        let mut map = KeyedMap::default();
        for n in 0..1_000_u64 {
            map.insert((n, 3_u16), usize::try_from(n).unwrap());
        }
        map.remove((7, 3));
        assert_eq!(map.get((999, 3)), Some(999));
        assert_eq!(map.get((7, 3)), None);
    }
}

//! Finds a principal's entry. A hash map, but one that is never iterated, so that no order comes from it.
#![allow(
    clippy::disallowed_types,
    reason = "looked up by key and cleared, never iterated"
)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::observation::PrincipalKey;

/// From principal to the number of its entry.
#[derive(Debug, Default)]
pub(super) struct PrincipalIndex(HashMap<PrincipalKey, u32, BuildHasherDefault<KeyHasher>>);

impl PrincipalIndex {
    pub(super) fn get(&self, key: PrincipalKey) -> Option<u32> {
        self.0.get(&key).copied()
    }

    pub(super) fn insert(&mut self, key: PrincipalKey, id: u32) {
        self.0.insert(key, id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes of heap held: an entry, its padding and its control byte.
    pub(super) fn memory(&self) -> usize {
        self.0.capacity() * (size_of::<(PrincipalKey, u32)>() + 1)
    }
}

/// Principal keys are keyed hashes already; their lower bits choose the shard, so the upper half is the hash.
#[derive(Clone, Copy, Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = u64::try_from(key >> 64).unwrap_or_default();
    }
}

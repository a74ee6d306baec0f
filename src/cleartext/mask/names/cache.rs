//! What a worker remembers of names it has seen.

use std::hash::{BuildHasher as _, Hasher as _};

use ahash::RandomState;

use super::{Key, NameTable, Space};

/// A worker's memory of names it has seen, by keyed hash: the common case costs one hash and one look.
pub(in crate::cleartext::mask) struct KeyCache {
    state: RandomState,
    /// Pairs of entries; within a pair the newer one stands first.
    sets: Box<[[(u64, Key); 2]]>,
}

/// Pairs of the cache; a power of two.
const CACHE_SETS: usize = 2_048;
/// Where in a hash the space goes: above the bits that select a pair.
const SPACE_BITS: u32 = 32;
/// Selects a pair.
const CACHE_MASK: u64 = 0x7ff;

impl Default for KeyCache {
    fn default() -> Self {
        Self {
            state: RandomState::new(),
            sets: vec![[(0, Key::NONE); 2]; CACHE_SETS].into(),
        }
    }
}

impl KeyCache {
    /// What `raw` says.
    #[inline]
    pub(in crate::cleartext::mask) fn classify(
        &mut self,
        names: &NameTable,
        space: Space,
        raw: &[u8],
    ) -> Key {
        let mut hasher = self.state.build_hasher();
        hasher.write(raw);
        // The same name in another space differs by a fixed amount, so it never meets itself.
        let hash = hasher.finish() ^ u64::from(space.number()).wrapping_shl(SPACE_BITS);
        self.remember(hash, || names.classify(space, raw))
    }

    /// What `raw` says under `parent`.
    pub(in crate::cleartext::mask) fn under(
        &mut self,
        names: &NameTable,
        parent: &[u8],
        raw: &[u8],
    ) -> Key {
        let hash = self.state.hash_one((parent, raw));
        self.remember(hash, || names.under(parent, raw))
    }

    #[inline]
    fn remember(&mut self, hash: u64, decide: impl FnOnce() -> Key) -> Key {
        // 0 marks a free place; a name that hashes to it is simply never remembered.
        let index = usize::try_from(hash & CACHE_MASK).unwrap_or(0);
        let Some([first, second]) = self.sets.get_mut(index) else {
            return decide();
        };
        if first.0 == hash && hash != 0 {
            return first.1;
        }
        if second.0 != hash || hash == 0 {
            *second = (hash, decide());
        }
        std::mem::swap(first, second);
        first.1
    }
}

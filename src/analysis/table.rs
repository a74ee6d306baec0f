//! A bounded table of state by keyed hash (of principals, of texts): found by key, kept densely, evicted by least recent use.

use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::keyed::Places;
use super::save;
#[cfg(test)]
use super::short::allocated;
use crate::clock::Tick;

/// State by key. One writer.
///
/// Between two ticks it may grow over its limit (by at most the observations of a tick); [`Table::shrink`] brings it back.
/// What goes depends on (last seen tick, key) alone, never on insertion order.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    index: Places,
    slots: Vec<Slot<K, V>>,
    limit: usize,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Slot<K, V> {
    key: K,
    last: Tick,
    value: V,
}

impl<K: Copy + Ord + Hash, V> Table<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            index: Places::default(),
            slots: Vec::new(),
            limit: limit.max(1),
        }
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        let slot = self.place(key)?;
        self.slots.get(slot).map(|slot| &slot.value)
    }

    /// The state of `key`, made by `fresh` if there is none, and marked as seen in `tick`.
    pub(super) fn touch(
        &mut self,
        key: K,
        tick: Tick,
        fresh: impl FnOnce() -> V,
    ) -> Option<&mut V> {
        let at = if let Some(at) = self.place(key) {
            at
        } else {
            if self.slots.len() == self.slots.capacity() {
                // Not by doubling: a slot is large.
                self.slots.reserve_exact(self.slots.len() / 16 + 1);
            }
            self.slots.push(Slot {
                key,
                last: tick,
                value: fresh(),
            });
            let at = self.slots.len() - 1;
            let slots = &self.slots;
            self.index
                .insert(key, at, |at| slots.get(at).map(|s| s.key));
            at
        };
        let slot = self.slots.get_mut(at)?;
        slot.last = tick;
        Some(&mut slot.value)
    }

    /// Evicts the least recently seen if there are more than the limit; returns how many went. A sixteenth more than
    /// needed goes, so that a table under pressure does not sort itself in every tick.
    pub(super) fn shrink(&mut self) -> usize {
        self.shrink_with(|_, _| ())
    }

    /// As [`Table::shrink`], and shows what goes.
    pub(super) fn shrink_with(&mut self, mut gone: impl FnMut(K, V)) -> usize {
        if self.slots.len() <= self.limit {
            return 0;
        }
        let keep = self.limit - self.limit / 16;
        let mut ages: Vec<_> = self.slots.iter().map(|s| (s.last, s.key)).collect();
        ages.sort_unstable();
        let victims = ages.len() - keep;
        for &(_, key) in ages.iter().take(victims) {
            if let Some(value) = self.remove(key) {
                gone(key, value);
            }
        }
        victims
    }

    /// Most bytes of each entry without what its value holds on the heap, in a table from which nothing has gone: its slot, a
    /// sixteenth of a spare one, and its places in the index.
    pub(super) const MOST_BYTES_EACH: usize =
        (size_of::<Slot<K, V>>() * 17).div_ceil(16) + Places::MOST_BYTES_EACH;

    /// Bytes taken for each entry, without what its value holds on the heap.
    #[cfg(test)]
    pub(super) fn bytes_each(&self) -> usize {
        let slots = allocated(self.slots.capacity() * size_of::<Slot<K, V>>());
        (slots + self.index.heap()).div_ceil(self.slots.len().max(1))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.slots.iter().map(|slot| (slot.key, &slot.value))
    }

    /// Whether [`Self::shrink`] would evict.
    pub(super) const fn is_over(&self) -> bool {
        self.slots.len() > self.limit
    }

    /// Drops what was last seen before `oldest`, and shows what goes.
    pub(super) fn expire(&mut self, oldest: Tick, mut gone: impl FnMut(K, V)) {
        let old = self.slots.iter().filter(|slot| slot.last < oldest);
        let mut old: Vec<_> = old.map(|slot| slot.key).collect();
        old.sort_unstable();
        for key in old {
            if let Some(value) = self.remove(key) {
                gone(key, value);
            }
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.slots
            .iter_mut()
            .map(|slot| (slot.key, &mut slot.value))
    }

    /// The same with another limit, which takes effect at the next [`Self::shrink`].
    pub(super) fn limited(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let slots = &self.slots;
        let at = self.index.remove(key, |at| slots.get(at).map(|s| s.key))?;
        // The last takes its place.
        if let Some(last) = self.slots.last() {
            self.index.moved(last.key, self.slots.len() - 1, at);
        }
        Some(self.slots.swap_remove(at).value)
    }

    fn place(&self, key: K) -> Option<usize> {
        self.index
            .find(key, |at| self.slots.get(at).map(|slot| slot.key))
    }
}

impl<K: Copy + Ord + Hash + Serialize, V: Serialize> Table<K, V> {
    /// Adds an entry to `bytes`, as it stands in the bytes of the whole.
    pub(super) fn encode_slot(&self, key: K, bytes: Vec<u8>) -> Vec<u8> {
        match self.place(key).and_then(|at| self.slots.get(at)) {
            Some(slot) => save::encode_to(slot, bytes),
            None => bytes,
        }
    }
}

/// By key, so that the same state gives the same bytes.
impl<K: Copy + Ord + Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut slots: Vec<_> = self.slots.iter().collect();
        slots.sort_unstable_by_key(|slot| slot.key);
        to.collect_seq(slots)
    }
}

/// Without a limit: see [`Table::limited`]. Of a key that comes twice the first counts.
impl<'de, K, V> Deserialize<'de> for Table<K, V>
where
    K: Copy + Ord + Hash + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut slots = Vec::<Slot<K, V>>::deserialize(from)?;
        slots.sort_by_key(|slot| slot.key);
        slots.dedup_by_key(|slot| slot.key);
        // Without what was left over as the list grew.
        slots.shrink_to_fit();
        let mut index = Places::default();
        for (at, slot) in slots.iter().enumerate() {
            index.insert(slot.key, at, |at| slots.get(at).map(|s| s.key));
        }
        Ok(Self {
            index,
            slots,
            limit: usize::MAX,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::PrincipalKey;

    #[test]
    fn an_entry_takes_no_more_than_is_said_however_many_there_are() {
        let mut table = Table::<_, [u64; 40]>::new(usize::MAX);
        for key in 0..20_000_u64 {
            let key = u128::from(key) << 64;
            table.touch(PrincipalKey(key), Tick(1), || [0; 40]);
            let each = table.bytes_each();
            assert!(
                each <= Table::<PrincipalKey, [u64; 40]>::MOST_BYTES_EACH,
                "{each}"
            );
        }
        let table: Table<PrincipalKey, u64> =
            postcard::from_bytes(&postcard::to_allocvec(&small(1_000)).unwrap()).unwrap();
        assert!(table.bytes_each() <= small(1_000).bytes_each());
    }

    fn small(entries: u128) -> Table<PrincipalKey, u64> {
        let mut table = Table::new(usize::MAX);
        for key in 0..entries {
            table.touch(PrincipalKey(key << 64), Tick(1), || 0);
        }
        table
    }

    #[test]
    fn the_least_recent_go_first_and_ties_by_key() {
        let mut table = Table::new(4);
        for (key, tick) in [(9, 1), (3, 1), (5, 2), (1, 3), (7, 3)] {
            table.touch(PrincipalKey(key), Tick(tick), || key);
        }
        table.touch(PrincipalKey(9), Tick(4), || 0);
        assert_eq!(table.shrink(), 1);
        let mut left: Vec<_> = table.iter().map(|(key, _)| key.0).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 5, 7, 9]);
        assert_eq!(table.get(PrincipalKey(9)), Some(&9));
        assert_eq!(table.get(PrincipalKey(3)), None);
        assert_eq!(table.shrink(), 0);
    }
}

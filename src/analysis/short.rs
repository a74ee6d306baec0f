//! Short lists that every token has several of, in no more room than they need.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::{Array, SmallVec};

/// A list without spare room: 16 bytes, and what is in it. Whatever is added moves it, so it suits what seldom grows.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Exact<T>(Box<[T]>);

impl<T> Default for Exact<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T> Deref for Exact<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Exact<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Exact<T> {
    /// Adds an entry before the one at `at`, or at the end.
    pub(super) fn insert(&mut self, at: usize, value: T) {
        self.change(|list| {
            list.reserve_exact(1);
            list.insert(at.min(list.len()), value);
        });
    }

    /// Adds an entry at the end.
    pub(super) fn push(&mut self, value: T) {
        self.insert(self.len(), value);
    }

    /// Changes it in any way.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Vec<T>)) {
        let mut list = std::mem::take(&mut self.0).into_vec();
        change(&mut list);
        self.0 = list.into_boxed_slice();
    }

    /// Drops all entries.
    pub(super) fn clear(&mut self) {
        self.0 = Box::default();
    }

    /// Most heap bytes of a list of up to `most` entries.
    pub(super) const fn most_bytes(most: usize) -> usize {
        allocated(most * size_of::<T>())
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        allocated(size_of_val(&*self.0))
    }
}

/// At most `N` small values in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Few<T, const N: usize> {
    /// 0..=N.
    len: u8,
    items: [T; N],
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self {
            len: 0,
            items: [T::default(); N],
        }
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.items.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl<T: Copy, const N: usize> Few<T, N> {
    /// Adds a value at the end; false if there is no room.
    pub(super) fn push(&mut self, value: T) -> bool {
        let Some(place) = self.items.get_mut(usize::from(self.len)) else {
            return false;
        };
        *place = value;
        self.len += 1;
        true
    }

    /// Drops the one at a place, if there is one: those behind it move up.
    pub(super) fn remove(&mut self, at: usize) {
        let len = usize::from(self.len);
        if at < len {
            self.items.copy_within(at + 1..len, at);
            self.len -= 1;
        }
    }

    /// Drops all.
    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }
}

impl<T: Serialize, const N: usize> Serialize for Few<T, N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de, T: Copy + Default + Deserialize<'de>, const N: usize> Deserialize<'de> for Few<T, N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let list = Vec::<T>::deserialize(from)?;
        let mut few = Self::default();
        let len = list.len();
        if list.into_iter().all(|value| few.push(value)) {
            Ok(few)
        } else {
            Err(D::Error::invalid_length(len, &"fewer entries"))
        }
    }
}

/// Something of which a token uses several: found by what it is, and forgotten if it is the longest unused.
pub(super) trait Use {
    /// What it is.
    type Key: Copy + Ord;

    fn key(&self) -> Self::Key;

    /// When it was used last.
    fn last(&self) -> u32;
}

/// What a token used, up to `MOST`: beyond that the longest unused makes room. As many as fit into `A` are kept in place.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(bound(
    serialize = "A::Item: Serialize",
    deserialize = "A::Item: Deserialize<'de>"
))]
pub(super) struct Uses<A: Array, const MOST: usize>(SmallVec<A>);

impl<A: Array<Item: Clone>, const MOST: usize> Clone for Uses<A, MOST> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Array<Item: fmt::Debug>, const MOST: usize> fmt::Debug for Uses<A, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<A: Array, const MOST: usize> Default for Uses<A, MOST> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<A: Array, const MOST: usize> Deref for Uses<A, MOST> {
    type Target = [A::Item];

    fn deref(&self) -> &[A::Item] {
        &self.0
    }
}

impl<A: Array, const MOST: usize> DerefMut for Uses<A, MOST> {
    fn deref_mut(&mut self) -> &mut [A::Item] {
        &mut self.0
    }
}

impl<A: Array<Item: Use>, const MOST: usize> Uses<A, MOST> {
    /// Most heap bytes. As it is read back, a list may have room for a power of two.
    pub(super) const MOST_BYTES: usize = allocated(MOST.next_power_of_two() * size_of::<A::Item>());

    /// The entry of `key`, made by `fresh` if there is none.
    pub(super) fn of(
        &mut self,
        key: <A::Item as Use>::Key,
        fresh: impl FnOnce() -> A::Item,
    ) -> &mut A::Item {
        let list = &mut self.0;
        let known = list.iter().position(|used| used.key() == key);
        let at = known.unwrap_or_else(|| {
            if list.len() < MOST {
                // Few have many: no room for twice as many.
                list.reserve_exact(1);
                list.push(fresh());
                return list.len() - 1;
            }
            let uses = list.iter().enumerate();
            let oldest = uses.min_by_key(|(_, used)| (used.last(), used.key()));
            let at = oldest.map_or(0, |(at, _)| at);
            if let Some(place) = list.get_mut(at) {
                *place = fresh();
            }
            at
        });
        #[allow(clippy::indexing_slicing, reason = "found or put there just above")]
        &mut list[at]
    }

    /// Whether there is an entry of `key`.
    pub(super) fn has(&self, key: <A::Item as Use>::Key) -> bool {
        self.0.iter().any(|used| used.key() == key)
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        if self.0.spilled() {
            allocated(self.0.capacity() * size_of::<A::Item>())
        } else {
            0
        }
    }
}

/// What the allocator takes for a `T`.
pub(super) const fn boxed<T>() -> usize {
    allocated(size_of::<T>())
}

/// What the allocator takes for so many bytes: a word of its own, in steps of 16 bytes, at least 32 (glibc).
pub(super) const fn allocated(bytes: usize) -> usize {
    if bytes == 0 {
        return 0;
    }
    let taken = (bytes + 8).next_multiple_of(16);
    if taken < 32 { 32 } else { taken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
    struct Seen(u16, u32);

    impl Use for Seen {
        type Key = u16;

        fn key(&self) -> u16 {
            self.0
        }

        fn last(&self) -> u32 {
            self.1
        }
    }

    #[test]
    fn the_longest_unused_makes_room() {
        let mut uses = Uses::<[Seen; 1], 3>::default();
        for (key, now) in [(1, 10), (2, 20), (3, 30), (1, 40), (4, 50)] {
            uses.of(key, || Seen(key, 0)).1 = now;
        }
        assert_eq!(*uses, [Seen(1, 40), Seen(4, 50), Seen(3, 30)]);
        assert!(uses.has(4) && !uses.has(2));
        assert_eq!(uses.heap(), allocated(3 * size_of::<Seen>()));
    }

    #[test]
    fn few_values_come_and_go_in_order() {
        let mut few = Few::<u16, 4>::default();
        assert!((1..=4).all(|n| few.push(n)));
        assert!(!few.push(5));
        few.remove(1);
        assert_eq!(*few, [1, 3, 4]);
        few.remove(0);
        assert_eq!(*few, [3, 4]);
        let bytes = postcard::to_allocvec(&few).unwrap();
        let read: Few<u16, 4> = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(*read, [3, 4]);
        assert!(postcard::from_bytes::<Few<u16, 1>>(&bytes).is_err());
    }

    #[test]
    fn a_list_without_spare_room() {
        let mut list = Exact::default();
        for n in [5_u8, 1, 3] {
            let at = list.partition_point(|&m| m < n);
            list.insert(at, n);
        }
        assert_eq!(*list, [1, 3, 5]);
        list.change(|list| {
            list.remove(1);
        });
        assert_eq!(*list, [1, 5]);
        assert_eq!(list.heap(), 32);
    }
}

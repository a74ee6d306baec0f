//! Which objects a token has touched before, in bounded memory: exact while they are few, a Bloom filter beyond.
//!
//! Two generations: what was not touched again for one to two weeks, or for as long as it takes to fill a filter by half, is
//! forgotten.

use crate::analysis::short::{Exact, boxed};

/// Seconds after which a generation becomes the older one.
const GENERATION_SECONDS: u32 = 7 * 86_400;
/// Short hashes kept as such in a generation: 2 bytes each, mistaken once in 65,536 / 256 objects at most.
const MAX_EXACT: usize = 256;
/// Words of a filter: 512 bytes.
const WORDS: usize = 64;
/// Bits a filter may have set before it is full: half.
const MAX_BITS: u32 = 2_048;

/// The objects touched in one generation.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
enum Generation {
    /// Sorted.
    Exact(Exact<u16>),
    Filter(Box<Filter>),
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Filter {
    #[serde(with = "crate::analysis::save::array")]
    words: [u64; WORDS],
    /// Bits that are set.
    set: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            words: [0; WORDS],
            set: 0,
        }
    }
}

impl Default for Generation {
    fn default() -> Self {
        Self::Exact(Exact::default())
    }
}

/// Places of a hash in a filter: four, of 16 bits each.
#[allow(clippy::cast_possible_truncation, reason = "below the number of words")]
fn places(hash: u64) -> [(usize, u64); 4] {
    [0, 16, 32, 48].map(|shift| {
        let part = hash >> shift & 0xffff;
        let bit = (part * (64 * WORDS as u64)) >> 16;
        ((bit >> 6) as usize, 1 << (bit & 63))
    })
}

#[allow(clippy::cast_possible_truncation, reason = "16 bits are wanted")]
const fn short(hash: u64) -> u16 {
    hash as u16
}

impl Generation {
    fn holds(&self, hash: u64) -> bool {
        match self {
            Self::Exact(list) => list.binary_search(&short(hash)).is_ok(),
            Self::Filter(filter) => places(hash)
                .into_iter()
                .all(|(word, bit)| filter.words.get(word).is_some_and(|w| w & bit != 0)),
        }
    }

    fn add(&mut self, hash: u64) {
        match self {
            Self::Exact(list) => {
                if let Err(at) = list.binary_search(&short(hash)) {
                    list.insert(at, short(hash));
                }
            }
            Self::Filter(filter) => {
                for (word, bit) in places(hash) {
                    if let Some(word) = filter.words.get_mut(word) {
                        filter.set += u32::from(*word & bit == 0);
                        *word |= bit;
                    }
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Exact(list) => list.len() >= MAX_EXACT,
            Self::Filter(filter) => filter.set >= MAX_BITS,
        }
    }
}

/// What a token has touched.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Touched {
    now: Generation,
    before: Generation,
    /// When `now` began, in seconds.
    since: u32,
}

impl Touched {
    /// Most heap bytes: of two generations, each either a list or a filter.
    pub(in crate::analysis) const MOST_BYTES: usize = {
        let (list, filter) = (Exact::<u16>::most_bytes(MAX_EXACT), boxed::<Filter>());
        2 * if list > filter { list } else { filter }
    };

    /// Notes an object; returns whether it was never touched as far as is remembered.
    pub(in crate::analysis) fn add(&mut self, hash: u64, seconds: u32) -> bool {
        if self.since == 0 {
            self.since = seconds;
        }
        if self.now.holds(hash) {
            return false;
        }
        let new = !self.before.holds(hash);
        if self.now.is_full() || seconds.saturating_sub(self.since) > GENERATION_SECONDS {
            // Many objects in a generation: the next one starts as a filter.
            let next = if self.now.is_full() {
                Generation::Filter(Box::default())
            } else {
                Generation::default()
            };
            self.before = std::mem::replace(&mut self.now, next);
            self.since = seconds;
        }
        self.now.add(hash);
        new
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        [&self.now, &self.before]
            .map(|generation| match generation {
                Generation::Exact(list) => list.heap(),
                Generation::Filter(_) => boxed::<Filter>(),
            })
            .iter()
            .sum()
    }

    /// Both generations in the form that is larger.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut touched = Self::default();
        (0..20_000_u64).for_each(|n| {
            touched.add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1);
        });
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        let n = (n ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn few_objects_are_told_apart() {
        let mut touched = Touched::default();
        let new = (0..200).filter(|&n| touched.add(hash(n), 100)).count();
        assert!(new >= 198, "{new}");
        assert!((0..200).all(|n| !touched.add(hash(n), 200)));
    }

    #[test]
    fn many_objects_are_mostly_told_apart_in_bounded_memory() {
        let mut touched = Touched::default();
        let new = (0..20_000).filter(|&n| touched.add(hash(n), 100)).count();
        assert!(new >= 17_500, "{new}");
        assert!(touched.heap() <= Touched::MOST_BYTES);
        assert!(!touched.add(hash(19_999), 100));
    }

    #[test]
    fn what_is_not_touched_for_two_weeks_is_forgotten() {
        let mut touched = Touched::default();
        touched.add(hash(1), 86_400);
        touched.add(hash(2), 86_400 + GENERATION_SECONDS + 1);
        assert!(
            !touched.add(hash(1), 86_400 + GENERATION_SECONDS + 2),
            "a week ago"
        );
        let mut touched = Touched::default();
        touched.add(hash(1), 86_400);
        touched.add(hash(2), 86_400 + GENERATION_SECONDS + 1);
        touched.add(hash(3), 86_400 + 2 * GENERATION_SECONDS + 2);
        assert!(touched.add(hash(1), 86_400 + 2 * GENERATION_SECONDS + 3));
    }
}

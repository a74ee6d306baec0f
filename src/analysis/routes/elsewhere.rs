//! The same values at several places: who is a user in one path is one in another, and a ticker that has a quote has news.
//!
//! Places share a parameter if they share values. A piece that stands at both is then a value too, however often it is used;
//! and one that would have come up at the other, were it a value, is a name.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::{Value, number};
use crate::observation::{Element, Shape};

/// Places of one value that are remembered.
const MAX_PLACES: usize = 16;
/// Values that must be shared.
const SHARED: usize = 3;
/// To say of a piece that it would have come up, more.
const SHARED_MORE: usize = 6;

/// A place, by the names and parameters before it.
pub(super) type Path = u64;

/// The pieces at one place.
#[derive(Debug)]
struct Pool {
    path: Path,
    /// All pieces, and those that are values.
    pieces: BTreeSet<u64>,
    values: usize,
    requests: u64,
}

/// All places where values stand.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    pools: Vec<Pool>,
    /// Where each value stands.
    places: BTreeMap<u64, Vec<usize>>,
}

impl Elsewhere {
    /// Remembers what stands at a place.
    pub(super) fn add(&mut self, path: Path, names: &[Value], values: &[Value]) {
        let texts = || values.iter().filter(|value| !value.is_class());
        if texts().count() < SHARED {
            return;
        }
        for value in texts() {
            let places = self.places.entry(value.element.hash()).or_default();
            if places.len() < MAX_PLACES {
                places.push(self.pools.len());
            }
        }
        let all = names
            .iter()
            .filter(|v| !v.element.is_joined())
            .chain(texts());
        self.pools.push(Pool {
            path,
            pieces: all.map(|value| value.element.hash()).collect(),
            values: texts().count(),
            requests: texts().map(Value::requests).sum(),
        });
    }

    /// The places that share values with these pieces.
    pub(super) fn sharing<'a>(
        &self,
        path: Path,
        all: impl Iterator<Item = &'a Value>,
    ) -> Sharing<'_> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        let (mut pieces, mut requests) = (0, 0);
        for value in all.filter(|value| !value.is_class()) {
            pieces += 1;
            requests += value.requests();
            for at in self.places.get(&value.element.hash()).into_iter().flatten() {
                *counts.entry(*at).or_default() += 1;
            }
        }
        let pools = counts.into_iter().filter_map(|(at, shared)| {
            let pool = self.pools.get(at).filter(|pool| pool.path != path)?;
            let enough = shared >= SHARED && shared * 10 >= pieces.min(pool.values);
            enough.then_some((pool, shared))
        });
        Sharing {
            pools: pools.collect(),
            requests,
        }
    }
}

/// Places that share values with one.
pub(super) struct Sharing<'a> {
    pools: Vec<(&'a Pool, usize)>,
    requests: u64,
}

impl Sharing<'_> {
    /// Whether there is no such place: then nothing is said about any piece.
    pub(super) const fn is_nothing(&self) -> bool {
        self.pools.is_empty()
    }

    /// How much more likely a piece is a name, as it stands at those places or does not (logarithm).
    pub(super) fn for_name(&self, value: &Value) -> f64 {
        let element: Element = value.element;
        let mut absent = 0.0;
        for (pool, shared) in &self.pools {
            let own = pool.pieces.contains(&element.hash());
            if own && *shared > SHARED {
                // Some names stand beside the same values anywhere: `me`, `search`.
                return if element.shape() == Shape::Action {
                    -1.0
                } else {
                    -4.0
                };
            }
            if *shared >= SHARED_MORE {
                let here = number(self.requests.saturating_sub(value.requests()).max(1));
                absent += number(value.requests()) * number(pool.requests) / here;
            }
        }
        if value.requests() < 8 {
            return 0.0;
        }
        (0.5 * absent).min(2.5)
    }
}

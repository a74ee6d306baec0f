//! Requests by endpoint as they came: counters for whoever scrapes, which must never fall.
//!
//! A report tells all requests by the templates of its end. A counter cannot: what it said stays said. So each request counts
//! once, under the template that was in force when it came, and nothing moves when a name is learned.

use std::collections::BTreeMap;

use super::clip::{LATENCY_BOUNDS_US, LATENCY_BUCKETS};
use super::summary::Learned;
use crate::observation::Observation;

/// Templates that one shard counts apart; all others together.
const MAX_LABELS: usize = 1_024;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Exact {
    /// Requests by status class, in the order of `Status::CLASSES`.
    pub by_class: [u64; 6],
    /// Requests by latency: not cumulative, bucket `i` up to `LATENCY_BOUNDS[i]`, the last one open.
    pub latency_buckets: [u64; LATENCY_BUCKETS],
    /// Sum of latencies in microseconds.
    pub latency_sum_us: u64,
}

impl Exact {
    /// Counts a request.
    pub(super) fn count(&mut self, observation: &Observation) {
        if let Some(n) = self.by_class.get_mut(observation.status.class_index()) {
            *n += 1;
        }
        if let Some(micros) = observation.duration_us {
            let bucket = LATENCY_BOUNDS_US.partition_point(|&bound| bound < micros);
            if let Some(n) = self.latency_buckets.get_mut(bucket) {
                *n += 1;
            }
            self.latency_sum_us = self.latency_sum_us.saturating_add(micros);
        }
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        for (n, m) in self.by_class.iter_mut().zip(other.by_class) {
            *n += m;
        }
        for (n, m) in self.latency_buckets.iter_mut().zip(other.latency_buckets) {
            *n += m;
        }
        self.latency_sum_us = self.latency_sum_us.saturating_add(other.latency_sum_us);
    }
}

/// The counters of one shard.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct ExactBook {
    labels: BTreeMap<Learned, usize>,
    counts: Vec<Exact>,
    rest: Exact,
    /// By path, as the shard numbers them: where it counts under the templates in force.
    #[serde(skip)]
    places: Vec<Option<Place>>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Label(usize),
    Rest,
}

impl ExactBook {
    /// Counts a request for path number `path`; `label` says what it is called, if it is told apart at all.
    pub(super) fn count(
        &mut self,
        path: usize,
        label: impl FnOnce() -> Option<Learned>,
        observation: &Observation,
    ) {
        if self.places.len() <= path {
            self.places.resize(path + 1, None);
        }
        let known = self.places.get(path).copied().flatten();
        let place = known.unwrap_or_else(|| self.place(label()));
        if let Some(known) = self.places.get_mut(path) {
            *known = Some(place);
        }
        let counts = match place {
            Place::Label(at) => self.counts.get_mut(at),
            Place::Rest => None,
        };
        counts.unwrap_or(&mut self.rest).count(observation);
    }

    /// Paths have other numbers or other templates from now on.
    pub(super) fn renumber(&mut self) {
        self.places.clear();
    }

    /// Gives labels other names; those that become one are put together.
    pub(super) fn relabel(&mut self, new: impl Fn(Learned) -> Learned) {
        let old = std::mem::take(self);
        self.rest = old.rest;
        for (label, at) in old.labels {
            let counts = old.counts.get(at).copied().unwrap_or_default();
            let sum = match self.place(Some(new(label))) {
                Place::Label(at) => self.counts.get_mut(at),
                Place::Rest => None,
            };
            sum.unwrap_or(&mut self.rest).merge(&counts);
        }
    }

    /// Adds everything to the sums of all shards.
    pub(super) fn add_to(&self, sum: &mut ExactSum) {
        sum.rest.merge(&self.rest);
        for (label, at) in &self.labels {
            if let Some(counts) = self.counts.get(*at) {
                sum.by_label.entry(*label).or_default().merge(counts);
            }
        }
    }

    fn place(&mut self, label: Option<Learned>) -> Place {
        let Some(label) = label else {
            return Place::Rest;
        };
        if let Some(at) = self.labels.get(&label) {
            return Place::Label(*at);
        }
        if self.counts.len() >= MAX_LABELS {
            return Place::Rest;
        }
        self.labels.insert(label, self.counts.len());
        self.counts.push(Exact::default());
        Place::Label(self.counts.len() - 1)
    }
}

/// The counters of all shards.
#[derive(Debug, Default)]
pub(super) struct ExactSum {
    pub(super) by_label: BTreeMap<Learned, Exact>,
    pub(super) rest: Exact,
}

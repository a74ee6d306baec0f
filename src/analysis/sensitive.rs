//! The sensitive-data map of one shard: which type was found where, how often, first and last.

use super::keyed::KeyedMap;
use super::save::Renumbering;
use super::summary::SensitiveEntry;
use crate::observation::{EndpointId, Finding, Observation, Part, TextId, TypeId};

type Place = (EndpointId, TextId, TypeId, Part);

/// Counts by (endpoint, part, path, type); full means that new places are not added.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct SensitiveMap {
    #[serde(skip)]
    index: KeyedMap<Place>,
    entries: Vec<SensitiveEntry>,
}

impl SensitiveMap {
    /// Counts a finding; false if there was no room for its place.
    pub(super) fn add(
        &mut self,
        endpoint: EndpointId,
        observation: &Observation,
        finding: &Finding,
        limit: usize,
    ) -> bool {
        let place = (endpoint, finding.path, finding.kind, finding.part);
        if let Some(entry) = self
            .index
            .get(place)
            .and_then(|at| self.entries.get_mut(at))
        {
            entry.count += u64::from(finding.count);
            entry.first = entry.first.min(observation.end);
            entry.last = entry.last.max(observation.end);
            return true;
        }
        if self.entries.len() >= limit {
            return false;
        }
        self.index.insert(place, self.entries.len());
        self.entries.push(SensitiveEntry {
            endpoint,
            part: finding.part,
            path: finding.path,
            kind: finding.kind,
            category: finding.category,
            count: u64::from(finding.count),
            first: observation.end,
            last: observation.end,
        });
        true
    }

    /// What was kept, as it was.
    pub(super) fn restored(mut self) -> Self {
        for (at, entry) in self.entries.iter().enumerate() {
            let place = (entry.endpoint, entry.path, entry.kind, entry.part);
            self.index.insert(place, at);
        }
        self
    }

    /// Gives types their numbers in another configuration, and drops those that are not in it.
    pub(super) fn renumber(&mut self, numbers: &Renumbering) {
        self.entries.retain_mut(|entry| {
            let kind = numbers.kind(entry.kind);
            entry.kind = kind.unwrap_or(entry.kind);
            kind.is_some()
        });
    }

    /// All entries, in no order.
    pub(super) fn entries(&self) -> &[SensitiveEntry] {
        &self.entries
    }
}

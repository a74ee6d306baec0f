//! The sensitive-data map of one shard: which type was found where, how often, first and last.

use super::keyed::KeyedMap;
use super::summary::SensitiveEntry;
use crate::observation::{EndpointId, Finding, Observation, Part, TextId, TypeId};

type Place = (EndpointId, TextId, TypeId, Part);

/// Counts by (endpoint, part, path, type); full means that new places are not added.
#[derive(Debug, Default)]
pub(super) struct SensitiveMap {
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

    /// All entries, in no order.
    pub(super) fn entries(&self) -> &[SensitiveEntry] {
        &self.entries
    }
}

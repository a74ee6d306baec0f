//! What is known of the shape of the API, as far as transactions told: by endpoint and field, how often.

use std::collections::BTreeMap;

use super::keyed::KeyedMap;
use crate::observation::{
    EndpointId, FieldNote, JsonTypes, Observation, Part, Remark, Status, TextId,
};

/// Which line of the inventory a note counts in.
pub(super) type Line = (EndpointId, Part, TextId, Remark, Status);

/// One line of the inventory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct InventoryEntry {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Where the field stands.
    pub part: Part,
    /// The field.
    pub field: TextId,
    /// What is said of it, without types.
    pub remark: Remark,
    /// In answers: the status; else none.
    pub status: Status,
    /// Types of its values.
    pub types: JsonTypes,
    /// Transactions.
    pub count: u64,
    /// Those among them that were answered 2xx.
    pub accepted: u64,
}

impl InventoryEntry {
    pub(super) const fn line(&self) -> Line {
        (
            self.endpoint,
            self.part,
            self.field,
            self.remark,
            self.status,
        )
    }

    /// Adds another of the same line.
    pub(super) const fn add(&mut self, other: &Self) {
        self.types = self.types.or(other.types);
        self.count += other.count;
        self.accepted += other.accepted;
    }
}

/// The inventory of one shard; full means that new lines are not added.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Inventory {
    #[serde(skip)]
    index: KeyedMap<Line>,
    entries: Vec<InventoryEntry>,
}

impl Inventory {
    /// Counts a note; false if there was no room for its line.
    pub(super) fn add(
        &mut self,
        endpoint: EndpointId,
        observation: &Observation,
        note: &FieldNote,
        limit: usize,
    ) -> bool {
        let (remark, types) = note.remark.split();
        let entry = InventoryEntry {
            endpoint,
            part: note.part,
            field: note.field,
            remark,
            status: note.status,
            types,
            count: 1,
            accepted: u64::from(observation.outcome().class_index() == 1),
        };
        let line = entry.line();
        let known = self.index.get(line);
        if let Some(known) = known.and_then(|at| self.entries.get_mut(at)) {
            known.add(&entry);
            return true;
        }
        if self.entries.len() >= limit {
            return false;
        }
        self.index.insert(line, self.entries.len());
        self.entries.push(entry);
        true
    }

    /// What was kept, as it was.
    pub(super) fn restored(mut self) -> Self {
        for (at, entry) in self.entries.iter().enumerate() {
            self.index.insert(entry.line(), at);
        }
        self
    }

    /// All entries, in no order.
    pub(super) fn entries(&self) -> &[InventoryEntry] {
        &self.entries
    }
}

/// Puts the inventories of shards together.
#[derive(Debug, Default)]
pub(super) struct Sum(BTreeMap<Line, InventoryEntry>);

impl Sum {
    pub(super) fn add(&mut self, entry: &InventoryEntry) {
        let sum = self.0.entry(entry.line());
        sum.and_modify(|sum| sum.add(entry)).or_insert(*entry);
    }

    /// All lines in order; endpoints that `name` does not tell apart are put together.
    pub(super) fn finish(self, name: impl Fn(EndpointId) -> EndpointId) -> Vec<InventoryEntry> {
        let mut named = Self::default();
        for mut entry in self.0.into_values() {
            entry.endpoint = name(entry.endpoint);
            named.add(&entry);
        }
        named.0.into_values().collect()
    }
}

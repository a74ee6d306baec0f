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

    /// Where it counts as a name that somebody may have made up; none for all that documents and vocabulary know.
    fn unknown_at(&self) -> Option<(EndpointId, Part, Remark)> {
        let made_up = match self.remark {
            Remark::Undocumented | Remark::Breaks(_) => {
                self.field.is_some() && !self.field.is_known()
            }
            // A description of the API has to be whole.
            Remark::Seen(_)
            | Remark::SeenInForm(_)
            | Remark::Answered
            | Remark::UndocumentedStatus => false,
        };
        made_up.then_some((self.endpoint, self.part, self.remark))
    }

    /// Adds another of the same line.
    pub(super) const fn add(&mut self, other: &Self) {
        self.types = self.types.or(other.types);
        self.count += other.count;
        self.accepted += other.accepted;
    }
}

/// Most names that neither document nor vocabulary knows, of one endpoint, part and remark in one shard: what a client makes
/// up shall not fill the inventory. More of them count together, nameless.
const MAX_UNKNOWN: u32 = 64;

/// The inventory of one shard; full means that new lines are not added.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Inventory {
    #[serde(skip)]
    index: KeyedMap<Line>,
    entries: Vec<InventoryEntry>,
    #[serde(skip)]
    unknown: BTreeMap<(EndpointId, Part, Remark), u32>,
}

impl Inventory {
    /// Counts a note; false if there was no room for its line, or none for its name.
    pub(super) fn add(
        &mut self,
        endpoint: EndpointId,
        observation: &Observation,
        note: &FieldNote,
        limit: usize,
    ) -> bool {
        let (remark, types) = note.remark.split();
        let mut entry = InventoryEntry {
            endpoint,
            part: note.part,
            field: note.field,
            remark,
            status: note.status,
            types,
            count: 1,
            accepted: u64::from(observation.outcome().class_index() == 1),
        };
        if self.count(&entry) {
            return true;
        }
        let unknown = entry.unknown_at();
        let held = unknown.and_then(|place| self.unknown.get(&place).copied());
        let crowded = held.is_some_and(|held| held >= MAX_UNKNOWN);
        if crowded {
            entry.field = TextId::NONE;
        }
        if !self.count(&entry) {
            if self.entries.len() >= limit {
                return false;
            }
            self.push(entry);
        }
        !crowded
    }

    /// Adds to a line that is there; false if it is not.
    fn count(&mut self, entry: &InventoryEntry) -> bool {
        let known = self.index.get(entry.line());
        let known = known.and_then(|at| self.entries.get_mut(at));
        known.map(|known| known.add(entry)).is_some()
    }

    fn push(&mut self, entry: InventoryEntry) {
        self.index.insert(entry.line(), self.entries.len());
        self.note_unknown(&entry);
        self.entries.push(entry);
    }

    fn note_unknown(&mut self, entry: &InventoryEntry) {
        if let Some(place) = entry.unknown_at() {
            *self.unknown.entry(place).or_default() += 1;
        }
    }

    /// What was kept, as it was.
    pub(super) fn restored(mut self) -> Self {
        for entry in std::mem::take(&mut self.entries) {
            self.push(entry);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn note(field: TextId, remark: Remark) -> FieldNote {
        FieldNote {
            part: Part::RequestQuery,
            field,
            remark,
            status: Status::NONE,
        }
    }

    fn add(inventory: &mut Inventory, endpoint: u64, field: TextId, remark: Remark) -> bool {
        let observation = Observation::blank();
        let note = note(field, remark);
        inventory.add(EndpointId(endpoint), &observation, &note, 1_000)
    }

    #[test]
    fn made_up_names_take_no_room_from_others() {
        let mut inventory = Inventory::default();
        let named = (1..=500).filter(|n| add(&mut inventory, 1, TextId(*n), Remark::Undocumented));
        assert_eq!(named.count(), MAX_UNKNOWN as usize);
        // What is kept goes on where it was.
        let mut inventory = inventory.restored();
        assert!(!add(&mut inventory, 1, TextId(501), Remark::Undocumented));
        assert!(add(&mut inventory, 1, TextId(1), Remark::Undocumented));
        assert!(add(&mut inventory, 2, TextId(501), Remark::Undocumented));
        for n in 1..=100 {
            assert!(add(
                &mut inventory,
                1,
                TextId(n).known(),
                Remark::Undocumented
            ));
            assert!(add(
                &mut inventory,
                1,
                TextId(n),
                Remark::Seen(JsonTypes::NULL)
            ));
        }
        let nameless = inventory
            .entries()
            .iter()
            .find(|one| one.field == TextId::NONE);
        assert_eq!(nameless.unwrap().count, 501 - u64::from(MAX_UNKNOWN));
    }
}

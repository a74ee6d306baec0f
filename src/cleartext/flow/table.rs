//! A keyed table with three ages: half-open, open, closed. Lookup, touch, removal and the search for the oldest are O(1).
//!
//! Entries live in a slab; a map with a randomly keyed hash (addresses are chosen by attackers) finds them; each is in one of
//! three doubly linked lists, oldest first. As packet time never runs backwards, list order is order of expiry. Nothing
//! depends on the order of the map, so results do not depend on its keys.

use std::collections::HashMap;

use ahash::RandomState;

use crate::cleartext::decode::FlowKey;
use crate::clock::EventTime;

/// Index of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::cleartext) struct Slot(u32);

/// Which timeout applies to a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext) enum Age {
    /// Seen, but not yet known to be a connection.
    HalfOpen,
    /// Carries, or may carry, data.
    Open,
    /// Closed by FIN or RST.
    Closed,
}

impl Age {
    /// In the order in which flows are sacrificed when memory runs out.
    pub(in crate::cleartext) const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];
}

/// No entry.
const NONE: u32 = u32::MAX;

/// The table. `T` is the state of a flow.
pub(in crate::cleartext) struct Table<T> {
    map: HashMap<FlowKey, u32, RandomState>,
    slots: Vec<Entry<T>>,
    free: u32,
    half_open: List,
    open: List,
    closed: List,
}

struct Entry<T> {
    /// None while the slot is free; `next` then leads to the next free one.
    flow: Option<(FlowKey, T)>,
    last: EventTime,
    age: Age,
    previous: u32,
    next: u32,
}

/// Oldest entry first.
#[derive(Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
}

impl<T> Table<T> {
    /// Bytes one flow costs in the table, its place in the map included.
    pub(in crate::cleartext) const ENTRY: usize = size_of::<Entry<T>>().saturating_add(64);

    pub(in crate::cleartext) fn new() -> Self {
        let empty = List {
            head: NONE,
            tail: NONE,
        };
        Self {
            map: HashMap::with_hasher(RandomState::new()),
            slots: Vec::new(),
            free: NONE,
            half_open: empty,
            open: empty,
            closed: empty,
        }
    }

    /// Flows in the table.
    pub(in crate::cleartext) fn len(&self) -> usize {
        self.map.len()
    }

    /// Finds a flow.
    pub(in crate::cleartext) fn find(&self, key: &FlowKey) -> Option<Slot> {
        self.map.get(key).copied().map(Slot)
    }

    /// Adds a flow that is not there; none if slot numbers have run out.
    pub(in crate::cleartext) fn insert(
        &mut self,
        key: FlowKey,
        state: T,
        now: EventTime,
    ) -> Option<Slot> {
        let entry = Entry {
            flow: Some((key, state)),
            last: now,
            age: Age::HalfOpen,
            previous: NONE,
            next: NONE,
        };
        let index = if self.free == NONE {
            let index = u32::try_from(self.slots.len())
                .ok()
                .filter(|i| *i != NONE)?;
            self.slots.push(entry);
            index
        } else {
            let index = self.free;
            let slot = self.slots.get_mut(at(index))?;
            self.free = slot.next;
            *slot = entry;
            index
        };
        self.map.insert(key, index);
        self.push(index);
        Some(Slot(index))
    }

    /// Key and state of a flow.
    pub(in crate::cleartext) fn get_mut(&mut self, slot: Slot) -> Option<(&FlowKey, &mut T)> {
        let (key, state) = self.slots.get_mut(at(slot.0))?.flow.as_mut()?;
        Some((key, state))
    }

    /// Moves a flow to the young end of the list of its age.
    pub(in crate::cleartext) fn touch(&mut self, slot: Slot, age: Age, now: EventTime) {
        let Some(entry) = self.slots.get(at(slot.0)) else {
            return;
        };
        let is_last = entry.next == NONE && entry.age == age;
        if !is_last {
            self.unlink(slot.0);
        }
        if let Some(entry) = self.slots.get_mut(at(slot.0)) {
            entry.last = now;
            entry.age = age;
        }
        if !is_last {
            self.push(slot.0);
        }
    }

    /// Takes a flow out.
    pub(in crate::cleartext) fn remove(&mut self, slot: Slot) -> Option<(FlowKey, T)> {
        self.slots.get(at(slot.0))?.flow.as_ref()?;
        self.unlink(slot.0);
        let free = self.free;
        let entry = self.slots.get_mut(at(slot.0))?;
        let (key, state) = entry.flow.take()?;
        entry.next = free;
        self.free = slot.0;
        self.map.remove(&key);
        Some((key, state))
    }

    /// The flow of that age that was idle for longest, and since when.
    pub(in crate::cleartext) fn oldest(&self, age: Age) -> Option<(Slot, EventTime)> {
        let head = self.list(age).head;
        let entry = self.slots.get(at(head))?;
        Some((Slot(head), entry.last))
    }

    const fn list(&self, age: Age) -> &List {
        match age {
            Age::HalfOpen => &self.half_open,
            Age::Open => &self.open,
            Age::Closed => &self.closed,
        }
    }

    const fn list_mut(&mut self, age: Age) -> &mut List {
        match age {
            Age::HalfOpen => &mut self.half_open,
            Age::Open => &mut self.open,
            Age::Closed => &mut self.closed,
        }
    }

    fn push(&mut self, index: u32) {
        let Some(age) = self.slots.get(at(index)).map(|entry| entry.age) else {
            return;
        };
        let list = self.list_mut(age);
        let before = list.tail;
        list.tail = index;
        if before == NONE {
            list.head = index;
        }
        if let Some(entry) = self.slots.get_mut(at(before)) {
            entry.next = index;
        }
        if let Some(entry) = self.slots.get_mut(at(index)) {
            entry.previous = before;
            entry.next = NONE;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.slots.get(at(index)) else {
            return;
        };
        let (age, before, after) = (entry.age, entry.previous, entry.next);
        if let Some(entry) = self.slots.get_mut(at(before)) {
            entry.next = after;
        } else {
            self.list_mut(age).head = after;
        }
        if let Some(entry) = self.slots.get_mut(at(after)) {
            entry.previous = before;
        } else {
            self.list_mut(age).tail = before;
        }
    }
}

/// A slab index; [`NONE`] is beyond any slab.
fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

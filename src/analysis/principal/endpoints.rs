//! The endpoints that a principal uses: 8 bytes each.

use super::{Firsts, Visit};
use crate::analysis::population::Snapshot;
use crate::analysis::short::Exact;
#[cfg(test)]
use crate::analysis::short::allocated;
use crate::observation::EndpointId;

/// The flag among the calls of an endpoint that it has answered with success.
const SUCCEEDED: u32 = 1 << 31;

/// Endpoints by their number in the population, sorted; those that have none yet by their name.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct EndpointsUsed {
    numbered: Exact<(u16, Used)>,
    /// Named in the open epoch, or not told apart by the population for lack of room.
    named: Option<Box<Exact<Named>>>,
}

/// Without the gap that eight bytes and six would leave.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[repr(Rust, packed(2))]
struct Named {
    name: EndpointId,
    used: Used,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Used {
    /// Two halves of a number: calls, and the flag [`SUCCEEDED`]. As such they need no gap beside other small numbers.
    calls: [u16; 2],
    /// The last day of use, counted from the epoch.
    day: u16,
}

impl Used {
    const fn get(self) -> (u32, bool) {
        let [high, low] = self.calls;
        let calls = (high as u32) << 16 | low as u32;
        (calls & !SUCCEEDED, calls & SUCCEEDED != 0)
    }

    #[allow(clippy::cast_possible_truncation, reason = "two halves of a number")]
    fn set(&mut self, calls: u32, succeeded: bool) {
        let calls = calls.min(!SUCCEEDED) | if succeeded { SUCCEEDED } else { 0 };
        self.calls = [(calls >> 16) as u16, calls as u16];
    }

    /// Counts a call; returns what it is the first of, besides the first of all.
    fn count(&mut self, success: bool, day: u16) -> Firsts {
        let (calls, succeeded) = self.get();
        self.set(calls + 1, succeeded || success);
        let today = day > self.day;
        self.day = self.day.max(day);
        Firsts {
            success: success && !succeeded,
            today,
            calls: calls + 1,
            ..Firsts::default()
        }
    }
}

impl EndpointsUsed {
    /// Counts a call, if its endpoint is among the first `limit`.
    pub(super) fn count(
        &mut self,
        visit: Visit,
        success: bool,
        limit: usize,
        snapshot: &Snapshot,
    ) -> Firsts {
        if self.named.is_some() {
            self.settle(snapshot);
        }
        let full = self.len() >= limit;
        let (used, first) = if let Some(number) = visit.number {
            let known = self.numbered.binary_search_by_key(&number, |(n, _)| *n);
            if let Err(at) = known
                && !full
            {
                self.numbered.insert(at, (number, Used::default()));
            }
            let (Ok(at) | Err(at)) = known;
            let used = self.numbered.get_mut(at).filter(|_| known.is_ok() || !full);
            (used.map(|(_, used)| used), known.is_err())
        } else {
            let list = self.named.get_or_insert_default();
            let known = list.iter().position(|n| { n.name } == visit.endpoint);
            if known.is_none() && !full {
                list.push(Named {
                    name: visit.endpoint,
                    used: Used::default(),
                });
            }
            let used = match known {
                Some(at) => list.get_mut(at),
                None => list.last_mut().filter(|_| !full),
            };
            (used.map(|named| &mut named.used), known.is_none())
        };
        let Some(used) = used else {
            return Firsts {
                calls: u32::MAX,
                ..Firsts::default()
            };
        };
        let firsts = used.count(success, visit.day);
        Firsts {
            endpoint: first,
            today: firsts.today || first,
            ..firsts
        }
    }

    /// Files those that have a number by now under it.
    fn settle(&mut self, snapshot: &Snapshot) {
        let mut named = self.named.take().map_or_else(Exact::default, |list| *list);
        named.change(|list| {
            list.retain(|&Named { name, used }| {
                let Some(number) = short(snapshot, name) else {
                    return true;
                };
                let place = self.numbered.binary_search_by_key(&number, |(n, _)| *n);
                if let Err(at) = place {
                    self.numbered.insert(at, (number, used));
                }
                false
            });
        });
        self.named = (!named.is_empty()).then(|| Box::new(named));
    }

    fn len(&self) -> usize {
        self.numbered.len() + self.named.as_ref().map_or(0, |list| list.len())
    }

    /// Numbers of those that answered with success.
    pub(super) fn succeeded(&self) -> impl Iterator<Item = u16> + use<'_> {
        let succeeded = self.numbered.iter().filter(|(_, used)| used.get().1);
        succeeded.map(|(number, _)| *number)
    }

    /// All of them by name, with their calls.
    pub(super) fn calls(&self, snapshot: &Snapshot) -> Vec<(EndpointId, u64)> {
        let name = |number: u16| snapshot.endpoint_id(usize::from(number));
        let numbered = self.numbered.iter();
        let numbered = numbered.filter_map(|&(number, used)| Some((name(number)?, used)));
        let named = self.named.iter().flat_map(|list| list.iter());
        let named = named.map(|&Named { name, used }| (name, used));
        let all = numbered.chain(named);
        all.map(|(name, used)| (name, u64::from(used.get().0)))
            .collect()
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let named = self.named.as_ref();
        let named = named.map_or(0, |list| allocated(size_of::<Exact<Named>>()) + list.heap());
        self.numbered.heap() + named
    }
}

/// The number of an endpoint, if it is known and short.
fn short(snapshot: &Snapshot, endpoint: EndpointId) -> Option<u16> {
    u16::try_from(snapshot.endpoint_number(endpoint)?).ok()
}

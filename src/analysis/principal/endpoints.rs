//! The endpoints that a principal uses: 8 bytes each, and 12 until they have a number.

use super::{Firsts, Visit};
use crate::analysis::population::Snapshot;
use crate::analysis::short::{Exact, boxed};
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

/// Without the gap that eight bytes and four would leave.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[repr(Rust, packed(4))]
struct Named {
    name: EndpointId,
    used: Lately,
}

/// A [`Used`] in four bytes: the lowest 8 bits of the day, the flag, and up to [`MAX_CALLS`] calls.
///
/// An endpoint has a number ten seconds after it is first called, unless there are too many of them.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Lately(u32);

/// Calls that are counted of an endpoint without a number.
const MAX_CALLS: u32 = (1 << 23) - 1;

impl Lately {
    /// `day`: that of the call at hand, less than 256 days after the last.
    fn get(self, day: u16) -> Used {
        let [low, ..] = self.0.to_be_bytes();
        let [_, today] = day.to_be_bytes();
        let mut used = Used {
            day: day.saturating_sub(u16::from(today.wrapping_sub(low))),
            ..Used::default()
        };
        used.set(self.calls(), self.0 & (MAX_CALLS + 1) != 0);
        used
    }

    const fn calls(self) -> u32 {
        self.0 & MAX_CALLS
    }
}

impl From<Used> for Lately {
    fn from(used: Used) -> Self {
        let (calls, succeeded) = used.get();
        let flag = u32::from(succeeded) * (MAX_CALLS + 1);
        Self(u32::from(used.day) << 24 | flag | calls.min(MAX_CALLS))
    }
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
    /// Most heap bytes of up to `limit` endpoints, whichever of them have a number.
    pub(super) const fn most_bytes(limit: usize) -> usize {
        let (mut most, mut named) = (Exact::<(u16, Used)>::most_bytes(limit), 1);
        while named <= limit {
            let numbered = Exact::<(u16, Used)>::most_bytes(limit - named);
            let sum = numbered + boxed::<Exact<Named>>() + Exact::<Named>::most_bytes(named);
            if sum > most {
                most = sum;
            }
            named += 1;
        }
        most
    }

    /// Counts a call, if its endpoint is among the first `limit`.
    pub(super) fn count(
        &mut self,
        visit: Visit,
        success: bool,
        limit: usize,
        snapshot: &Snapshot,
    ) -> Firsts {
        if self.named.is_some() {
            self.settle(snapshot, visit.day);
        }
        let full = self.len() >= limit;
        let counted = match visit.number {
            Some(number) => self.count_numbered(number, visit.day, success, full),
            None => self.count_named(visit, success, full),
        };
        let Some((firsts, first)) = counted else {
            return Firsts {
                calls: u32::MAX,
                ..Firsts::default()
            };
        };
        Firsts {
            endpoint: first,
            today: firsts.today || first,
            ..firsts
        }
    }

    /// What a call is the first of, and whether it is the first there; none if it is not counted.
    fn count_numbered(
        &mut self,
        number: u16,
        day: u16,
        success: bool,
        full: bool,
    ) -> Option<(Firsts, bool)> {
        let known = self.numbered.binary_search_by_key(&number, |(n, _)| *n);
        if let Err(at) = known {
            if full {
                return None;
            }
            self.numbered.insert(at, (number, Used::default()));
        }
        let (Ok(at) | Err(at)) = known;
        let (_, used) = self.numbered.get_mut(at)?;
        Some((used.count(success, day), known.is_err()))
    }

    /// As [`Self::count_numbered`].
    fn count_named(&mut self, visit: Visit, success: bool, full: bool) -> Option<(Firsts, bool)> {
        let list = self.named.as_ref();
        let known = list.and_then(|list| list.iter().position(|n| { n.name } == visit.endpoint));
        if known.is_none() && full {
            return None;
        }
        let list = self.named.get_or_insert_default();
        if known.is_none() {
            list.push(Named {
                name: visit.endpoint,
                used: Lately::default(),
            });
        }
        let at = known.unwrap_or(list.len() - 1);
        let named = list.get_mut(at)?;
        let mut used = { named.used }.get(visit.day);
        let firsts = used.count(success, visit.day);
        named.used = used.into();
        Some((firsts, known.is_none()))
    }

    /// Files those that have a number by now under it.
    fn settle(&mut self, snapshot: &Snapshot, day: u16) {
        let mut named = self.named.take().map_or_else(Exact::default, |list| *list);
        named.change(|list| {
            list.retain(|&Named { name, used }| {
                let Some(number) = short(snapshot, name) else {
                    return true;
                };
                let place = self.numbered.binary_search_by_key(&number, |(n, _)| *n);
                if let Err(at) = place {
                    self.numbered.insert(at, (number, used.get(day)));
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
        let numbered = numbered.filter_map(|&(number, used)| Some((name(number)?, used.get().0)));
        let named = self.named.iter().flat_map(|list| list.iter());
        let named = named.map(|&Named { name, used }| (name, used.calls()));
        let all = numbered.chain(named);
        all.map(|(name, calls)| (name, u64::from(calls))).collect()
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let named = self.named.as_ref();
        let named = named.map_or(0, |list| boxed::<Exact<Named>>() + list.heap());
        self.numbered.heap() + named
    }

    /// So many with a number, and so many without.
    #[cfg(test)]
    pub(super) fn full(numbered: u16, named: u64) -> Self {
        let mut all = Self::default();
        for number in 0..numbered {
            all.count_numbered(number, 1, true, false);
        }
        for name in 0..named {
            let visit = Visit {
                endpoint: EndpointId(name),
                number: None,
                day: 1,
            };
            all.count_named(visit, true, false);
        }
        all
    }
}

/// The number of an endpoint, if it is known and short.
fn short(snapshot: &Snapshot, endpoint: EndpointId) -> Option<u16> {
    u16::try_from(snapshot.endpoint_number(endpoint)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_number_is_counted_as_well() {
        let mut named = EndpointsUsed::default();
        let mut numbered = EndpointsUsed::default();
        let calls = [
            (255, false),
            (255, true),
            (256, true),
            (400, false),
            (400, true),
        ];
        for (day, success) in calls {
            let visit = |number| Visit {
                endpoint: EndpointId(7),
                number,
                day,
            };
            let snapshot = Snapshot::default();
            assert_eq!(
                named.count(visit(None), success, 64, &snapshot),
                numbered.count(visit(Some(7)), success, 64, &snapshot),
                "on day {day}"
            );
        }
    }

    #[test]
    fn calls_of_an_endpoint_without_a_number_are_counted_up_to_a_limit() {
        let mut used = Used::default();
        used.set(MAX_CALLS - 1, true);
        used.day = 300;
        let mut lately = Lately::from(used);
        for _ in 0..3 {
            let mut used = lately.get(301);
            assert!(used.day >= 300);
            used.count(false, 301);
            lately = used.into();
        }
        assert_eq!(lately.get(301).get(), (MAX_CALLS, true));
        assert_eq!(lately.get(301).day, 301);
    }

    #[test]
    fn no_mix_of_endpoints_takes_more_than_is_said() {
        let most = EndpointsUsed::most_bytes(64);
        let all = (0..=64).map(|named| EndpointsUsed::full(64 - named, u64::from(named)).heap());
        assert_eq!(all.max(), Some(most));
    }
}

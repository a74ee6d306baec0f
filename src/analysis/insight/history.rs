//! The history of the busiest tokens: a day by minutes, 31 days by hours, by token, endpoint and country.
//!
//! Shards collect what one epoch adds ([`Delta`]); at its end the sums of all shards are filed in the order of keys
//! ([`Keeper`]). Whole minutes and hours are sealed and never change again, so that a reader ([`History`]) shares them. A cell
//! takes 32 bytes, and each token that is active in a minute or hour 32 more; [`HistoryLimits`] bounds the sum. Sealed parts
//! are also what state is saved from: whoever writes it encodes them, not whoever files.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::Call;
use super::profile::is_error;
use crate::analysis::save::Renumbering;
use crate::clock::{EventTime, SECONDS_PER_DAY};
use crate::observation::{Country, EndpointId, IntegrationId, PrincipalKey};

/// Cells that one shard may add in one epoch; what finds no room is not in the history.
const MAX_CELLS_PER_EPOCH: usize = 4_096;
/// How long minutes are kept, in seconds.
const MINUTES_KEPT: u64 = SECONDS_PER_DAY;
/// How long hours are kept, in seconds.
const HOURS_KEPT: u64 = 31 * SECONDS_PER_DAY;
/// Minutes up to this age, in seconds, go last when room is short: the open hour is made of them.
const MINUTES_NEEDED: u64 = 3_600;
/// Bytes of the limit for each cell that the open hour may hold: sums that are not sealed yet take about 100.
const OPEN_CELL: usize = 256;
/// A token takes another's place when it has made so many quarters of its calls.
const QUARTERS: u64 = 5;

/// How much history is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryLimits {
    /// Tokens, the busiest.
    pub tokens: usize,
    /// Memory in bytes; beyond it the oldest go.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            tokens: 2_000,
            bytes: 64 << 20,
        }
    }
}

/// What one token did at one endpoint from one country, in one minute or hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Cell {
    /// Where.
    pub endpoint: EndpointId,
    /// Bytes of bodies, both ways.
    pub bytes: u64,
    /// Calls.
    pub requests: u32,
    /// Of these 4xx and 5xx.
    pub errors: u32,
    /// Sum of latencies in milliseconds.
    pub latency_ms: u32,
    /// Calls answered 429, at most 65,535.
    pub throttled: u16,
    /// From where.
    pub country: Country,
}

/// Sums of an open minute or epoch: exact where a [`Cell`] is not.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Sums {
    requests: u32,
    errors: u32,
    throttled: u32,
    bytes: u64,
    latency_us: u64,
}

impl Sums {
    fn merge(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.throttled = self.throttled.saturating_add(other.throttled);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.latency_us = self.latency_us.saturating_add(other.latency_us);
    }

    fn cell(self, endpoint: EndpointId, country: Country) -> Cell {
        Cell {
            endpoint,
            bytes: self.bytes,
            requests: self.requests,
            errors: self.errors,
            latency_ms: u32::try_from(self.latency_us / 1_000).unwrap_or(u32::MAX),
            throttled: u16::try_from(self.throttled).unwrap_or(u16::MAX),
            country,
        }
    }
}

type Key = (PrincipalKey, EndpointId, Country);

/// What one epoch adds, of one shard or of several.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Delta {
    cells: BTreeMap<Key, Sums>,
    /// Calls so far and integration, by token.
    tokens: BTreeMap<PrincipalKey, (u64, Option<IntegrationId>)>,
}

impl Delta {
    /// Counts a call; false if there was no room.
    pub(super) fn count(&mut self, call: Call<'_>) -> bool {
        let observation = call.seen.observation;
        let key = (call.who.key, call.endpoint, observation.country);
        if self.cells.len() >= MAX_CELLS_PER_EPOCH && !self.cells.contains_key(&key) {
            return false;
        }
        let status = observation.outcome();
        self.cells.entry(key).or_default().merge(Sums {
            requests: 1,
            errors: u32::from(is_error(status)),
            throttled: u32::from(status.0 == 429),
            bytes: observation.request_bytes + observation.response_bytes,
            latency_us: observation.duration_us.unwrap_or(0),
        });
        let (total, integration) = self.tokens.entry(call.who.key).or_default();
        *total = call.total;
        *integration = observation.integration.or(*integration);
        true
    }

    /// Takes in what another shard adds: no token is in two.
    pub(in crate::analysis) fn append(&mut self, mut other: Self) {
        self.cells.append(&mut other.cells);
        self.tokens.append(&mut other.tokens);
    }
}

/// One sealed minute or hour.
#[derive(PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Segment {
    /// Its first second.
    start: u64,
    /// Tokens in the order of keys, each with where its cells end.
    tokens: Box<[(PrincipalKey, u32)]>,
    cells: Box<[Cell]>,
}

impl Segment {
    /// From cells in the order of keys.
    fn seal(start: u64, sums: BTreeMap<Key, Sums>) -> Self {
        let mut tokens: Vec<(PrincipalKey, u32)> = Vec::new();
        let mut cells = Vec::with_capacity(sums.len());
        for ((token, endpoint, country), sum) in sums {
            cells.push(sum.cell(endpoint, country));
            let end = u32::try_from(cells.len()).unwrap_or(u32::MAX);
            match tokens.last_mut() {
                Some((last, to)) if *last == token => *to = end,
                _ => tokens.push((token, end)),
            }
        }
        Self {
            start,
            tokens: tokens.into(),
            cells: cells.into(),
        }
    }

    /// The same without a token, and how many cells that had; none if it is not in it.
    fn without(&self, token: PrincipalKey) -> Option<(Self, usize)> {
        let known = |(other, _): &(PrincipalKey, u32)| *other == token;
        if !self.tokens.iter().any(known) {
            return None;
        }
        let (mut tokens, mut cells) = (Vec::new(), Vec::new());
        for (other, own) in self.by_token().filter(|(other, _)| *other != token) {
            cells.extend_from_slice(own);
            tokens.push((other, u32::try_from(cells.len()).unwrap_or(u32::MAX)));
        }
        let gone = self.cells.len() - cells.len();
        let rest = Self {
            start: self.start,
            tokens: tokens.into(),
            cells: cells.into(),
        };
        Some((rest, gone))
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.tokens) + size_of_val(&*self.cells)
    }

    fn by_token(&self) -> impl Iterator<Item = (PrincipalKey, &[Cell])> {
        let mut from = 0;
        self.tokens.iter().map(move |&(token, end)| {
            let end = end as usize;
            let cells = self.cells.get(from..end).unwrap_or_default();
            from = end;
            (token, cells)
        })
    }
}

/// Files what epochs bring, and keeps it within limits. One writer.
///
/// Sealed parts are saved apart ([`Keeper::sealed`]).
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Keeper {
    #[serde(skip)]
    limits: HistoryLimits,
    tokens: BTreeMap<PrincipalKey, Standing>,
    #[serde(skip)]
    ranks: BTreeSet<(u64, PrincipalKey)>,
    /// The open minute and the open hour, by their first second.
    minute: (u64, BTreeMap<Key, Sums>),
    hour: (u64, BTreeMap<Key, Sums>),
    #[serde(skip)]
    minutes: VecDeque<Arc<Segment>>,
    #[serde(skip)]
    hours: VecDeque<Arc<Segment>>,
    /// The first second of the last minute that went.
    lost: Option<u64>,
    #[serde(skip)]
    bytes: usize,
}

/// A token that has a history.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Standing {
    /// Its calls so far.
    total: u64,
    integration: Option<IntegrationId>,
    /// The last second in which it was seen, as epochs have it.
    last: u64,
}

/// The sealed minutes and hours of a history.
pub(in crate::analysis) type Sealed = [Vec<Arc<Segment>>; 2];

impl Keeper {
    pub(in crate::analysis) fn new(limits: HistoryLimits) -> Self {
        Self {
            limits,
            tokens: BTreeMap::new(),
            ranks: BTreeSet::new(),
            minute: Default::default(),
            hour: Default::default(),
            minutes: VecDeque::new(),
            hours: VecDeque::new(),
            lost: None,
            bytes: 0,
        }
    }

    /// Files an epoch that ends at `end`; returns how many segments had to go before their time, and how
    /// many cells found no room.
    pub(in crate::analysis) fn close_epoch(&mut self, delta: Delta, end: EventTime) -> u64 {
        let second = end.secs().saturating_sub(1);
        self.open(second);
        for (token, (total, integration)) in delta.tokens {
            self.rank(
                token,
                Standing {
                    total,
                    integration,
                    last: second,
                },
            );
        }
        let room = self.limits.bytes / OPEN_CELL;
        let mut lost = 0;
        for (key, sums) in delta.cells {
            if !self.tokens.contains_key(&key.0) {
                continue;
            }
            if self.hour.1.len() >= room && !self.hour.1.contains_key(&key) {
                lost += 1;
                continue;
            }
            self.minute.1.entry(key).or_default().merge(sums);
            self.hour.1.entry(key).or_default().merge(sums);
        }
        lost + self.make_room(second)
    }

    /// Moves to the minute and hour of `second`.
    fn open(&mut self, second: u64) {
        // Never back: clocks are.
        let minute = (second / 60 * 60).max(self.minute.0);
        let hour = (second / 3_600 * 3_600).max(self.hour.0);
        for (open, sealed, now) in [
            (&mut self.minute, &mut self.minutes, minute),
            (&mut self.hour, &mut self.hours, hour),
        ] {
            if open.0 == now {
                continue;
            }
            let (start, sums) = std::mem::replace(open, (now, BTreeMap::new()));
            if !sums.is_empty() {
                let segment = Segment::seal(start, sums);
                self.bytes += segment.memory();
                sealed.push_back(Arc::new(segment));
            }
        }
    }

    /// Admits a token if it is among the busiest.
    fn rank(&mut self, token: PrincipalKey, now: Standing) {
        let total = now.total;
        if let Some(known) = self.tokens.get_mut(&token) {
            self.ranks.remove(&(known.total, token));
            *known = Standing {
                integration: now.integration.or(known.integration),
                ..now
            };
            self.ranks.insert((total, token));
            return;
        }
        if self.tokens.len() >= self.limits.tokens.max(1) {
            let Some(&(fewest, other)) = self.ranks.first() else {
                return;
            };
            if total <= fewest.saturating_mul(QUARTERS) / 4 {
                return;
            }
            self.ranks.remove(&(fewest, other));
            self.tokens.remove(&other);
        }
        self.tokens.insert(token, now);
        self.ranks.insert((total, token));
    }

    fn make_room(&mut self, second: u64) -> u64 {
        let older = |segments: &VecDeque<Arc<Segment>>, age: u64| {
            let oldest = segments.front();
            oldest.is_some_and(|oldest| second.saturating_sub(oldest.start) >= age)
        };
        while older(&self.minutes, MINUTES_KEPT) {
            self.drop_oldest(true);
        }
        while older(&self.hours, HOURS_KEPT) {
            self.drop_oldest(false);
        }
        let mut early = 0;
        while self.bytes > self.limits.bytes {
            let minutes = older(&self.minutes, MINUTES_NEEDED) || self.hours.is_empty();
            if minutes && self.minutes.is_empty() {
                break;
            }
            self.drop_oldest(minutes);
            early += 1;
        }
        early
    }

    fn drop_oldest(&mut self, minutes: bool) {
        let segments = if minutes {
            &mut self.minutes
        } else {
            &mut self.hours
        };
        if let Some(gone) = segments.pop_front() {
            self.bytes = self.bytes.saturating_sub(gone.memory());
            self.lost = Some(gone.start).filter(|_| minutes).or(self.lost);
        }
    }

    /// The sealed minutes and hours, shared.
    pub(in crate::analysis) fn sealed(&self) -> Sealed {
        let shared = |parts: &VecDeque<Arc<Segment>>| parts.iter().map(Arc::clone).collect();
        [shared(&self.minutes), shared(&self.hours)]
    }

    /// Puts back what was saved apart.
    pub(in crate::analysis) fn with_sealed(mut self, [minutes, hours]: Sealed) -> Self {
        let all = minutes.iter().chain(&hours);
        self.bytes = all.map(|segment| segment.memory()).sum();
        (self.minutes, self.hours) = (minutes.into(), hours.into());
        self
    }

    /// The same within other limits: the busiest tokens stay. Memory follows at the end of the next epoch.
    pub(in crate::analysis) fn limited(mut self, limits: HistoryLimits) -> Self {
        self.limits = limits;
        let tokens = self.tokens.iter();
        self.ranks = tokens.map(|(&token, known)| (known.total, token)).collect();
        while self.ranks.len() > limits.tokens.max(1)
            && let Some((_, token)) = self.ranks.pop_first()
        {
            self.tokens.remove(&token);
        }
        self
    }

    /// Drops what began before that second, and tokens not seen since.
    pub(in crate::analysis) fn expire(&mut self, oldest: u64) {
        let old = |segments: &VecDeque<Arc<Segment>>| {
            segments
                .front()
                .is_some_and(|segment| segment.start < oldest)
        };
        while old(&self.minutes) {
            self.drop_oldest(true);
        }
        while old(&self.hours) {
            self.drop_oldest(false);
        }
        let ranks = &mut self.ranks;
        self.tokens.retain(|&token, known| {
            let stays = known.last >= oldest;
            if !stays {
                ranks.remove(&(known.total, token));
            }
            stays
        });
    }

    /// Drops a token; returns how many cells it had.
    pub(in crate::analysis) fn forget(&mut self, token: PrincipalKey) -> usize {
        if let Some(known) = self.tokens.remove(&token) {
            self.ranks.remove(&(known.total, token));
        }
        let mut gone = 0;
        for (_, open) in [&mut self.minute, &mut self.hour] {
            let before = open.len();
            open.retain(|(other, ..), _| *other != token);
            gone += before - open.len();
        }
        for segment in self.minutes.iter_mut().chain(&mut self.hours) {
            if let Some((rest, cells)) = segment.without(token) {
                self.bytes = self.bytes.saturating_sub(segment.memory()) + rest.memory();
                *segment = Arc::new(rest);
                gone += cells;
            }
        }
        gone
    }

    /// Gives integrations their numbers in another configuration.
    pub(in crate::analysis) fn renumber(&mut self, numbers: &Renumbering) {
        for known in self.tokens.values_mut() {
            known.integration = known.integration.and_then(|old| numbers.integration(old));
        }
    }

    /// What is there to be read, the open minute included; the open hour is in the minutes.
    pub(in crate::analysis) fn view(&self) -> History {
        let mut minutes: Vec<_> = self.minutes.iter().map(Arc::clone).collect();
        let (start, open) = &self.minute;
        if !open.is_empty() {
            minutes.push(Arc::new(Segment::seal(*start, open.clone())));
        }
        let tokens = self.tokens.iter();
        History {
            minutes,
            hours: self.hours.iter().map(Arc::clone).collect(),
            tokens: tokens
                .map(|(&token, known)| (token, known.integration))
                .collect(),
            lost: self.lost,
            bytes: self.bytes,
        }
    }
}

/// The history as it is read. Sealed parts are shared, not copied.
#[derive(Clone, Debug, Default)]
pub struct History {
    minutes: Vec<Arc<Segment>>,
    hours: Vec<Arc<Segment>>,
    tokens: Vec<(PrincipalKey, Option<IntegrationId>)>,
    lost: Option<u64>,
    bytes: usize,
}

/// How finely a history is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// Minutes where they are kept, hours before.
    Finest,
    /// Hours, and minutes for what is not yet a whole hour.
    Hours,
}

/// One cell with when and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// The first second.
    pub second: u64,
    /// How many seconds: 60 or 3,600.
    pub seconds: u64,
    /// Whose.
    pub token: PrincipalKey,
    /// What.
    pub cell: &'a Cell,
}

impl History {
    /// Tokens that have a history, in the order of keys, each with its integration.
    pub fn tokens(&self) -> &[(PrincipalKey, Option<IntegrationId>)] {
        &self.tokens
    }

    /// Memory of the sealed parts in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first second of the oldest minute and of the oldest hour that is kept.
    pub fn begins(&self) -> (Option<u64>, Option<u64>) {
        let first = |segments: &[Arc<Segment>]| segments.first().map(|segment| segment.start);
        (first(&self.minutes), first(&self.hours))
    }

    /// Every cell whose minute or hour begins in `from..to` (seconds since the epoch), in the order of time; nothing is told twice.
    pub fn scan<'a>(
        &'a self,
        (from, to): (u64, u64),
        resolution: Resolution,
        mut wants: impl FnMut(PrincipalKey) -> bool,
        mut take: impl FnMut(Point<'a>),
    ) {
        let border = self.border(resolution);
        let hours = self.hours.iter().filter(|hour| hour.start < border);
        let minutes = self.minutes.iter().filter(|minute| minute.start >= border);
        let all = hours
            .map(|segment| (segment, 3_600))
            .chain(minutes.map(|segment| (segment, 60)));
        for (segment, seconds) in all {
            // An hour belongs to the range if it begins in it: the same cells whatever else is asked.
            if segment.start < from || segment.start >= to {
                continue;
            }
            for (token, cells) in segment.by_token() {
                if !wants(token) {
                    continue;
                }
                for cell in cells {
                    take(Point {
                        second: segment.start,
                        seconds,
                        token,
                        cell,
                    });
                }
            }
        }
    }

    /// From when on minutes are read: a whole hour, so that none is read half.
    fn border(&self, resolution: Resolution) -> u64 {
        match resolution {
            Resolution::Hours => self.hours.last().map_or(0, |hour| hour.start + 3_600),
            // An hour that has lost a minute is read whole.
            Resolution::Finest => self.lost.map_or(0, |lost| lost / 3_600 * 3_600 + 3_600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::shard::{Seen, Who};
    use crate::analysis::tests::observation;
    use crate::clock::Tick;

    fn delta(tokens: &[(u128, u64)]) -> Delta {
        let mut delta = Delta::default();
        for &(token, total) in tokens {
            let seen = observation(0, 1, token);
            assert!(delta.count(Call {
                who: Who {
                    key: PrincipalKey(token),
                    is_token: true,
                },
                endpoint: EndpointId(7),
                seen: Seen {
                    observation: &seen,
                    findings: &[],
                    notes: &[],
                },
                total,
                tick: Tick(0),
            }));
        }
        delta
    }

    fn at(second: u64) -> EventTime {
        EventTime::from_secs(second)
    }

    fn requests(history: &History, range: (u64, u64), resolution: Resolution) -> u32 {
        let mut sum = 0;
        history.scan(
            range,
            resolution,
            |_| true,
            |point| sum += point.cell.requests,
        );
        sum
    }

    #[test]
    fn every_call_is_found_once_at_either_resolution() {
        let mut keeper = Keeper::new(HistoryLimits::default());
        // Three days, a call every ten minutes.
        let (start, calls) = (864_000, 432_u64);
        for n in 0..calls {
            let early = keeper.close_epoch(delta(&[(5, n + 1)]), at(start + n * 600 + 10));
            assert_eq!(early, 0);
        }
        let history = keeper.view();
        let all = (0, u64::MAX);
        assert_eq!(requests(&history, all, Resolution::Finest), 432);
        assert_eq!(requests(&history, all, Resolution::Hours), 432);
        let day = (start, start + 86_400);
        assert_eq!(requests(&history, day, Resolution::Finest), 144);
        let (minutes, hours) = history.begins();
        assert_eq!(hours, Some(start));
        assert!(minutes.is_some_and(|first| first > start + 86_400));
    }

    #[test]
    fn the_oldest_goes_when_room_is_short() {
        let limits = HistoryLimits {
            tokens: 4,
            bytes: 12_000,
        };
        let mut keeper = Keeper::new(limits);
        let mut early = 0;
        for n in 0..500_u64 {
            early += keeper.close_epoch(delta(&[(5, n + 1)]), at(864_000 + n * 600 + 10));
        }
        assert!(early > 0);
        let history = keeper.view();
        assert!(history.bytes() <= 12_000);
        // What is left is the end, without a hole.
        let end = 864_000 + 499 * 600;
        assert_eq!(
            requests(&history, (end - 7_200, u64::MAX), Resolution::Finest),
            13
        );
    }

    #[test]
    fn the_busiest_tokens_have_a_history() {
        let limits = HistoryLimits {
            tokens: 2,
            bytes: 1 << 20,
        };
        let mut keeper = Keeper::new(limits);
        for (second, tokens) in [(10, [(1, 10), (2, 20)]), (20, [(3, 12), (4, 13)])] {
            keeper.close_epoch(delta(&tokens), at(second));
        }
        let history = keeper.view();
        let tokens: Vec<_> = history.tokens().iter().map(|(token, _)| token.0).collect();
        assert_eq!(tokens, [2, 4]);
    }

    #[test]
    fn a_cell_takes_32_bytes() {
        assert_eq!(size_of::<Cell>(), 32);
        assert_eq!(size_of::<(PrincipalKey, u32)>(), 32);
    }
}

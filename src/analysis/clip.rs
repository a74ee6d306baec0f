//! The contribution bound of the volume families: the streaming L2 clip.
//!
//! What one principal adds to all cells of a family over a whole budget period is an integer vector per window whose
//! squared L2 norms sum to at most `u2 * T`, whatever it does and whenever the process restarts. The noise of
//! `release::mechanism` is scaled to exactly that. The rules, each of which was shown to void the claim when bent:
//! - `allow = u2 * (w - s0 + 1) - spent`, where `s0` is 1 after a rollover and `max(first window, high water + 1)` after a
//!   start; the scaled vector is floored, and `spent` grows by what was counted *after* flooring.
//! - A principal is never evicted within the period. When the table is full, a newcomer stays uncounted for the rest of it.
//! - Only the principal's own counts and the clock enter: nothing another principal does moves what it adds (but for the
//!   full table, where at most one principal is displaced by another).
//!
//! Bytes are summed exactly per principal, window, triple and direction, and then rounded to the nearest KiB (half up).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::country;
use super::window::{Schedule, Window};
use crate::observation::{Finding, Observation, PrincipalKey, Status};

/// A family of cells that is clipped, noised and charged on its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VolumeFamily {
    /// Requests by status class: 6 cells a triple.
    Requests,
    /// Requests by duration bucket, not cumulative: 12 cells a triple.
    Latency,
    /// Body KiB, request and response: 2 cells a triple.
    Bytes,
    /// Requests by country: 250 cells in all.
    Countries,
    /// Sensitive values by category and direction: 8 cells a triple.
    Sensitive,
}

impl VolumeFamily {
    /// How many families there are.
    pub const COUNT: usize = 5;
    /// All, in the order in which their cells are laid out.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Requests,
        Self::Latency,
        Self::Bytes,
        Self::Countries,
        Self::Sensitive,
    ];

    /// Cells a public triple has; 0 for countries, which are not crossed with triples.
    pub const fn per_triple(self) -> usize {
        match self {
            Self::Requests => Status::CLASSES.len(),
            Self::Latency => LATENCY_BUCKETS,
            Self::Bytes => 2,
            Self::Countries => 0,
            Self::Sensitive => 8,
        }
    }

    /// Cells of the family, given the number of public triples.
    pub const fn cells(self, triples: usize) -> usize {
        match self {
            Self::Countries => country::CELLS,
            Self::Requests | Self::Latency | Self::Bytes | Self::Sensitive => {
                self.per_triple().saturating_mul(triples)
            }
        }
    }

    /// Where the family's cells begin within a principal's counts for one triple.
    const fn slot(self) -> usize {
        match self {
            Self::Requests => 0,
            Self::Latency => 6,
            Self::Bytes => 18,
            Self::Countries | Self::Sensitive => 20,
        }
    }
}

/// Buckets of the latency histogram, the last of which is open.
pub const LATENCY_BUCKETS: usize = 12;
/// Upper bounds of all buckets but the last, in microseconds: 5 ms to 10 s, 1-2.5-5 steps. A bound belongs to its bucket.
pub const LATENCY_BOUNDS_US: [u64; LATENCY_BUCKETS - 1] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];
/// Counts a principal has for one triple: the families' cells one after another.
const SLOTS: usize = 28;
/// Ends a chain.
const NONE: u32 = u32::MAX;

/// The public parameters of the clip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClipPlan {
    schedule: Schedule,
    triples: u32,
    u2: [u64; VolumeFamily::COUNT],
    max_principals: usize,
    max_triples: u32,
}

/// Why a [`ClipPlan`] cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClipPlanError {
    /// There is always at least `other`.
    #[error("there must be 1 to 65536 public triples, `other` included")]
    Triples,
    /// The bound is outside the range in which all products fit their integers.
    #[error(
        "a contribution bound must be at least 1, and its square times the windows of a period at most 2^60"
    )]
    Bound,
    /// No principal could be counted.
    #[error("room for at least one principal and one triple is needed")]
    Room,
}

impl ClipPlan {
    /// The largest `u2 * T`: everything computed from it then fits u64, and products fit u128.
    const MAX_PERIOD_BOUND: u64 = 1 << 60;

    /// Checks and builds a plan: `u2` is the squared L2 allowance a window, by family; `max_principals` is for one shard;
    /// `max_triples` is how many triples one principal may touch in one window, what exceeds it is not counted.
    pub fn new(
        schedule: Schedule,
        triples: usize,
        u2: [u64; VolumeFamily::COUNT],
        max_principals: usize,
        max_triples: u32,
    ) -> Result<Self, ClipPlanError> {
        let triples = u32::try_from(triples)
            .ok()
            .filter(|count| (1..=65_536).contains(count))
            .ok_or(ClipPlanError::Triples)?;
        let fits = |bound: u64| {
            bound
                .checked_mul(u64::from(schedule.windows()))
                .is_some_and(|sum| (1..=Self::MAX_PERIOD_BOUND).contains(&sum))
        };
        if !u2.into_iter().all(fits) {
            return Err(ClipPlanError::Bound);
        }
        if max_principals == 0 || max_triples == 0 {
            return Err(ClipPlanError::Room);
        }
        Ok(Self {
            schedule,
            triples,
            u2,
            max_principals,
            max_triples,
        })
    }

    /// The windows.
    pub const fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Public triples, `other` included.
    pub const fn triples(&self) -> usize {
        self.triples as usize
    }

    /// The squared L2 allowance of a principal in one window.
    pub fn u2(&self, family: VolumeFamily) -> u64 {
        self.u2.get(family as usize).copied().unwrap_or(1)
    }

    /// All cells of all families.
    pub fn cells(&self) -> usize {
        VolumeFamily::ALL
            .iter()
            .map(|family| family.cells(self.triples()))
            .sum()
    }

    /// Where the cells of `family` begin among all cells.
    pub fn offset(&self, family: VolumeFamily) -> usize {
        VolumeFamily::ALL
            .iter()
            .take_while(|other| **other != family)
            .map(|other| other.cells(self.triples()))
            .sum()
    }
}

/// Clipped sums over principals of one window: exact, and therefore never to leave but through the releaser.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WindowSums {
    /// By cell; empty where nothing was counted.
    cells: Vec<u64>,
}

/// Exact counts do not print.
impl std::fmt::Debug for WindowSums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WindowSums").finish_non_exhaustive()
    }
}

impl WindowSums {
    /// Adds the sums of another shard. Integers: the order does not matter.
    pub fn merge(&mut self, other: &Self) {
        if self.cells.len() < other.cells.len() {
            self.cells.resize(other.cells.len(), 0);
        }
        for (sum, more) in self.cells.iter_mut().zip(&other.cells) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// The sum of one cell.
    pub(crate) fn cell(&self, cell: usize) -> u64 {
        self.cells.get(cell).copied().unwrap_or(0)
    }

    fn add(&mut self, cell: usize, count: u64) {
        if let Some(sum) = self.cells.get_mut(cell) {
            *sum = sum.saturating_add(count);
        }
    }
}

/// The clip's state for the principals of one shard. Apart from detection state: nothing here is ever evicted within a period.
#[derive(Debug)]
pub struct ClipTable {
    plan: Arc<ClipPlan>,
    /// The last window released before this start, if any: nothing up to it may be counted again.
    high_water: Option<Window>,
    /// The first window of this session, known at its first close.
    session: Option<Window>,
    /// The period that `spent` belongs to.
    period: Option<u64>,
    #[allow(
        clippy::disallowed_types,
        reason = "keyed by a keyed hash and never iterated"
    )]
    index: HashMap<PrincipalKey, u32, BuildHasherDefault<KeyHasher>>,
    principals: Vec<Principal>,
    /// Principals seen in the open window.
    active: Vec<u32>,
    /// Counts of the open window, chained per principal.
    blocks: Vec<Block>,
    countries: Vec<CountryCount>,
}

/// One principal in this period.
#[derive(Clone, Debug)]
struct Principal {
    /// Squared norm counted so far in this period; invariant: at most `u2 * (w - s0 + 1)`.
    spent: [u64; VolumeFamily::COUNT],
    /// First block of the open window, most recently used first.
    blocks: u32,
    /// How many blocks there are.
    triples: u32,
    /// First country of the open window.
    countries: u32,
}

/// Counts of one principal for one triple in the open window.
#[derive(Clone, Debug)]
struct Block {
    triple: u32,
    next: u32,
    /// By slot; those of [`VolumeFamily::Bytes`] are filled from `bytes` at close.
    counts: [u32; SLOTS],
    /// Exact bytes, request and response.
    bytes: [u64; 2],
}

#[derive(Clone, Copy, Debug)]
struct CountryCount {
    cell: u16,
    next: u32,
    count: u32,
}

impl ClipTable {
    /// A new table. `high_water` is what the ledger says was released last.
    pub fn new(plan: Arc<ClipPlan>, high_water: Option<Window>) -> Self {
        Self {
            plan,
            high_water,
            session: None,
            period: None,
            index: HashMap::default(),
            principals: Vec::new(),
            active: Vec::new(),
            blocks: Vec::new(),
            countries: Vec::new(),
        }
    }

    /// Counts one observation of `principal` in the open window. Listed integrations are outside the crowd.
    pub fn observe(
        &mut self,
        principal: PrincipalKey,
        observation: &Observation,
        findings: &[Finding],
    ) {
        if observation.integration.is_some() {
            return;
        }
        let Some(id) = self.admit(principal) else {
            return;
        };
        self.count_country(id, country::cell(observation.country));
        let triple = observation.cell.0.min(self.plan.triples.saturating_sub(1));
        if let Some(block) = self.block(id, triple) {
            block.observe(observation, findings);
        }
    }

    /// Closes `window`: clips what every principal did in it, and returns the sums. Windows must come in order; what is
    /// observed from now on belongs to the next.
    pub fn close_window(&mut self, window: Window) -> WindowSums {
        self.session.get_or_insert(window);
        if self.period != Some(window.period) {
            for principal in &mut self.principals {
                principal.spent = [0; VolumeFamily::COUNT];
            }
            self.period = Some(window.period);
        }
        let mut sums = WindowSums::default();
        let age = self.age(window);
        if !self.active.is_empty() && age > 0 {
            sums.cells.resize(self.plan.cells(), 0);
            for block in &mut self.blocks {
                block.round_bytes();
            }
            for id in &self.active {
                if let Some(principal) = self.principals.get_mut(*id as usize) {
                    principal.clip(&self.plan, age, &self.blocks, &self.countries, &mut sums);
                }
            }
        }
        self.forget_window();
        if window.index >= self.plan.schedule.windows() {
            self.forget_period();
        }
        sums
    }

    /// Bytes of heap held.
    pub fn memory(&self) -> usize {
        const INDEX_ENTRY: usize = size_of::<PrincipalKey>() * 2 + 1;
        self.index.capacity() * INDEX_ENTRY
            + self.principals.capacity() * size_of::<Principal>()
            + self.active.capacity() * size_of::<u32>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.countries.capacity() * size_of::<CountryCount>()
    }

    /// `w - s0 + 1`: windows of this session in this period up to `window`; 0 where nothing may be counted.
    fn age(&self, window: Window) -> u64 {
        let first = |start: Window| match start.period.cmp(&window.period) {
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => u64::from(start.index),
            std::cmp::Ordering::Greater => u64::MAX,
        };
        let session = self.session.map_or(1, first);
        let released = self
            .high_water
            .map_or(1, |mark| first(self.plan.schedule.next(mark)));
        let s0 = session.max(released);
        u64::from(window.index)
            .checked_sub(s0)
            .map_or(0, |past| past.saturating_add(1))
    }

    /// The principal's entry, a new one if there is room, none otherwise: as entries only ever go at rollover, a newcomer
    /// to a full table stays uncounted until then.
    fn admit(&mut self, key: PrincipalKey) -> Option<u32> {
        let id = if let Some(id) = self.index.get(&key) {
            *id
        } else {
            if self.principals.len() >= self.plan.max_principals {
                return None;
            }
            let id = u32::try_from(self.principals.len()).ok()?;
            self.principals.push(Principal {
                spent: [0; VolumeFamily::COUNT],
                blocks: NONE,
                triples: 0,
                countries: NONE,
            });
            self.index.insert(key, id);
            id
        };
        if self.principals.get(id as usize)?.countries == NONE {
            self.active.push(id);
        }
        Some(id)
    }

    fn count_country(&mut self, id: u32, cell: usize) {
        let Some(principal) = self.principals.get_mut(id as usize) else {
            return;
        };
        let cell = u16::try_from(cell).unwrap_or(u16::MAX);
        let mut at = principal.countries;
        while let Some(entry) = self.countries.get_mut(at as usize) {
            if entry.cell == cell {
                entry.count = entry.count.saturating_add(1);
                return;
            }
            at = entry.next;
        }
        let Some(new) = chain_id(self.countries.len()) else {
            return;
        };
        self.countries.push(CountryCount {
            cell,
            next: principal.countries,
            count: 1,
        });
        principal.countries = new;
    }

    /// The principal's counts for `triple`, moved to the front of its chain; none beyond `max_triples`.
    fn block(&mut self, id: u32, triple: u32) -> Option<&mut Block> {
        let principal = self.principals.get_mut(id as usize)?;
        let mut before = NONE;
        let mut at = principal.blocks;
        while let Some(block) = self.blocks.get(at as usize) {
            if block.triple == triple {
                break;
            }
            before = at;
            at = block.next;
        }
        if at == NONE {
            if principal.triples >= self.plan.max_triples {
                return None;
            }
            at = chain_id(self.blocks.len())?;
            self.blocks.push(Block::new(triple, principal.blocks));
            principal.triples = principal.triples.saturating_add(1);
            principal.blocks = at;
        } else if before != NONE {
            let after = self.blocks.get(at as usize)?.next;
            self.blocks.get_mut(before as usize)?.next = after;
            self.blocks.get_mut(at as usize)?.next = principal.blocks;
            principal.blocks = at;
        }
        self.blocks.get_mut(at as usize)
    }

    fn forget_window(&mut self) {
        for id in self.active.drain(..) {
            if let Some(principal) = self.principals.get_mut(id as usize) {
                principal.blocks = NONE;
                principal.triples = 0;
                principal.countries = NONE;
            }
        }
        self.blocks.clear();
        self.countries.clear();
    }

    fn forget_period(&mut self) {
        self.index.clear();
        self.principals.clear();
        self.period = None;
    }
}

impl Principal {
    /// Clips the principal's vector of the window, family by family, and adds it to the sums.
    fn clip(
        &mut self,
        plan: &ClipPlan,
        age: u64,
        blocks: &[Block],
        countries: &[CountryCount],
        sums: &mut WindowSums,
    ) {
        let mut offset = 0;
        for family in VolumeFamily::ALL {
            let per_triple = family.per_triple();
            let slot = family.slot();
            let vector = || {
                let of_blocks =
                    Chain(blocks, self.blocks, |block: &Block| block.next).flat_map(move |block| {
                        let cell = (block.triple as usize) * per_triple;
                        let counts = block.counts.iter().skip(slot).take(per_triple);
                        (cell..).zip(counts.copied())
                    });
                let first = if family == VolumeFamily::Countries {
                    self.countries
                } else {
                    NONE
                };
                let of_countries = Chain(countries, first, |entry: &CountryCount| entry.next)
                    .map(|entry| (usize::from(entry.cell), entry.count));
                of_blocks.chain(of_countries)
            };
            let spent = self.spent.get(family as usize).copied().unwrap_or(u64::MAX);
            let allow = plan.u2(family).saturating_mul(age).saturating_sub(spent);
            let counted = add_clipped(allow, vector, |cell, count| {
                sums.add(offset + cell, count);
            });
            if let Some(spent) = self.spent.get_mut(family as usize) {
                *spent = spent.saturating_add(counted);
            }
            offset += family.cells(plan.triples());
        }
    }
}

/// Scales a vector so that its squared norm is at most `allow`, hands its non-zero entries to `add`, and returns the squared
/// norm of what was handed over.
fn add_clipped<I: Iterator<Item = (usize, u32)>>(
    allow: u64,
    vector: impl Fn() -> I,
    mut add: impl FnMut(usize, u64),
) -> u64 {
    let norm: u128 = vector()
        .map(|(_, count)| u128::from(count) * u128::from(count))
        .sum();
    if allow == 0 || norm == 0 {
        return 0;
    }
    let mut counted: u128 = 0;
    for (cell, count) in vector().filter(|(_, count)| *count > 0) {
        let exact = u128::from(count);
        // floor(x * sqrt(allow / norm)) = isqrt(floor(x^2 * allow / norm)): x^2 < 2^64 and allow <= 2^60, so u128 holds it.
        let kept = if norm <= u128::from(allow) {
            exact
        } else {
            (exact * exact * u128::from(allow) / norm).isqrt()
        };
        counted += kept * kept;
        add(cell, u64::try_from(kept).unwrap_or(u64::MAX));
    }
    debug_assert!(counted <= u128::from(allow));
    u64::try_from(counted).unwrap_or(u64::MAX)
}

impl Block {
    const fn new(triple: u32, next: u32) -> Self {
        Self {
            triple,
            next,
            counts: [0; SLOTS],
            bytes: [0; 2],
        }
    }

    fn observe(&mut self, observation: &Observation, findings: &[Finding]) {
        self.add(
            VolumeFamily::Requests.slot() + observation.status.class_index(),
            1,
        );
        if let Some(duration) = observation.duration_us {
            self.add(VolumeFamily::Latency.slot() + latency_bucket(duration), 1);
        }
        let [request, response] = &mut self.bytes;
        *request = request.saturating_add(observation.request_bytes);
        *response = response.saturating_add(observation.response_bytes);
        for finding in findings {
            let cell = (finding.category as usize) * 2 + usize::from(finding.part.is_response());
            self.add(VolumeFamily::Sensitive.slot() + cell, finding.count);
        }
    }

    fn add(&mut self, slot: usize, count: u32) {
        if let Some(sum) = self.counts.get_mut(slot) {
            *sum = sum.saturating_add(count);
        }
    }

    fn round_bytes(&mut self) {
        let slots = self.counts.iter_mut().skip(VolumeFamily::Bytes.slot());
        for (slot, bytes) in slots.zip(self.bytes) {
            *slot = u32::try_from(bytes.saturating_add(512) / 1_024).unwrap_or(u32::MAX);
        }
    }
}

/// The bucket of a duration: the first whose upper bound is not below it.
fn latency_bucket(duration_us: u64) -> usize {
    LATENCY_BOUNDS_US.partition_point(|bound| *bound < duration_us)
}

/// The id of the next entry of an arena, while ids last.
fn chain_id(len: usize) -> Option<u32> {
    u32::try_from(len).ok().filter(|id| *id != NONE)
}

/// Walks a chain through an arena.
struct Chain<'a, T, N>(&'a [T], u32, N);

impl<'a, T, N: Fn(&T) -> u32> Iterator for Chain<'a, T, N> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        let item = self.0.get(self.1 as usize)?;
        self.1 = (self.2)(item);
        Some(item)
    }
}

/// Principal keys are keyed hashes already; their lower bits choose the shard, so the upper half is the hash.
#[derive(Clone, Copy, Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = u64::try_from(key >> 64).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;

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

mod distinct;
mod flags;
mod index;
mod learned;
mod once;
mod partner;
mod plan;
mod principal;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::country;
use super::window::Window;
use crate::fault::{CROWD, Fault, planted};
use crate::observation::{Candidate, Finding, Observation, PrincipalKey, Proof};
pub use flags::FlagLimits;
use index::PrincipalIndex;
pub use learned::{LearnedBoard, LearnedMap};
pub use once::{OnceBits, OnceFamily, Signal};
use partner::PartnerSums;
pub use partner::{BODY_UNIT, PartnerFamily, PartnerPlan};
pub use plan::{ClipPlan, ClipPlanError, LATENCY_BOUNDS_US, LATENCY_BUCKETS, VolumeFamily};
use principal::{Block, CountryCount, NONE, Principal};

/// Clipped sums over principals of one window: exact, and therefore never to leave but through the releaser.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WindowSums {
    /// By cell; empty where nothing was counted.
    cells: Vec<u64>,
    /// Principals with what was first seen of them.
    once: BTreeMap<PrincipalKey, OnceBits>,
    /// Of integrations.
    partners: PartnerSums,
    /// Principals that propose each candidate for a label, in a window of selection.
    candidates: BTreeMap<Candidate, u64>,
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
        for (principal, bits) in &other.once {
            let seen = self.once.entry(*principal).or_default();
            *seen = seen.or(*bits);
        }
        self.partners.merge(&other.partners);
        for (candidate, count) in &other.candidates {
            *self.candidates.entry(*candidate).or_default() += count;
        }
    }

    /// Principals that propose each candidate for a label: in windows of selection only.
    pub(crate) const fn candidates(&self) -> &BTreeMap<Candidate, u64> {
        &self.candidates
    }

    /// What was first seen of principals.
    pub(crate) fn first_seen(&self) -> impl Iterator<Item = (PrincipalKey, OnceBits)> {
        self.once
            .iter()
            .map(|(principal, bits)| (*principal, *bits))
    }

    /// The count of one cell of integrations.
    pub(crate) fn partner_cell(&self, cell: usize) -> u64 {
        self.partners.cell(cell)
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

/// The principal that an observation counts to under the claim: its token, unless it has none or the answer was 401, else its
/// client. A function of the single observation: what a token did before, or what is remembered of it, must not move it.
pub const fn principal_of(observation: &Observation) -> PrincipalKey {
    match (observation.token, observation.proof) {
        (Some(token), Proof::Forbidden | Proof::Accepted) => token,
        (_, Proof::NoToken | Proof::Refused) | (None, _) => observation.client,
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
    index: PrincipalIndex,
    principals: Vec<Principal>,
    /// Principals seen in the open window.
    active: Vec<u32>,
    /// Counts of the open window, chained per principal.
    blocks: Vec<Block>,
    countries: Vec<CountryCount>,
    partners: PartnerSums,
    board: Arc<LearnedBoard>,
    learned: Arc<LearnedMap>,
    /// A window of selection whose outcome is not in `learned` yet.
    selecting: Option<Window>,
}

impl ClipTable {
    /// A new table. `high_water` is what the ledger says was released last.
    pub fn new(plan: Arc<ClipPlan>, high_water: Option<Window>) -> Self {
        Self {
            learned: Arc::default(),
            board: Arc::default(),
            selecting: None,
            plan,
            high_water,
            session: None,
            period: None,
            index: PrincipalIndex::default(),
            principals: Vec::new(),
            active: Vec::new(),
            blocks: Vec::new(),
            countries: Vec::new(),
            partners: PartnerSums::default(),
        }
    }

    /// With a board on which stands what was learned.
    #[must_use]
    pub fn with_board(self, board: &Arc<LearnedBoard>) -> Self {
        Self {
            learned: board.current(),
            board: Arc::clone(board),
            ..self
        }
    }

    /// Counts one observation in the open window, to its principal ([`principal_of`]) or, if it is one's, to a listed
    /// integration, which is outside the crowd.
    pub fn observe(&mut self, observation: &Observation, findings: &[Finding]) {
        let is_token = observation.token == Some(principal_of(observation));
        if let Some(id) = self.count(observation, findings, 1)
            && let Some(entry) = self.principals.get_mut(id as usize)
        {
            let shown = entry
                .flags
                .observe(&self.plan.flags, observation, findings, is_token);
            entry.see(shown);
        }
    }

    /// Likewise a number of equal observations, for auditors, who say which signals the principal shows.
    pub(crate) fn observe_equal(
        &mut self,
        observation: &Observation,
        findings: &[Finding],
        signals: OnceBits,
        times: u32,
    ) {
        if let Some(id) = self.count(observation, findings, times)
            && let Some(entry) = self.principals.get_mut(id as usize)
        {
            entry.see(signals);
        }
        if planted(Fault::CrossTokenFlag) && self.principals.len() >= CROWD {
            let others = self.principals.iter_mut();
            others.for_each(|entry| entry.see(OnceBits::default().with_signal(Signal::Volume)));
        }
    }

    /// The principal's entry; none where it counts to none.
    fn count(
        &mut self,
        observation: &Observation,
        findings: &[Finding],
        times: u32,
    ) -> Option<u32> {
        if let Some(integration) = observation.integration {
            self.partners
                .observe(&self.plan.partners, (integration, times), observation);
            return None;
        }
        let id = self.admit(principal_of(observation))?;
        if let Some(entry) = self.principals.get_mut(id as usize) {
            let real = findings.iter().filter(|finding| !finding.dry_run);
            entry.see(real.fold(OnceBits::SEEN, |bits, finding| {
                bits.with_category(finding.category)
            }));
        }
        self.count_country(id, country::cell(observation.country), times);
        let mut triple = self.triple(id, observation);
        if planted(Fault::TemplateShift) && self.principals.len() >= CROWD {
            triple = self.plan.other();
        }
        if let Some(block) = self.block(id, triple) {
            block.observe(observation, findings, times);
        }
        Some(id)
    }

    /// Where an observation counts: the configured triple, else the learned one, else `other`; what is in neither is
    /// proposed.
    fn triple(&mut self, id: u32, observation: &Observation) -> u32 {
        let other = self.plan.other();
        let configured = observation.cell.0.min(other);
        let Some(candidate) = observation.candidate.filter(|_| configured == other) else {
            return configured;
        };
        if let Some(key) = &self.plan.proposal_key
            && let Some(entry) = self.principals.get_mut(id as usize)
        {
            entry.proposals.add(key, entry.key, candidate);
        }
        self.learned.get(&candidate).copied().unwrap_or(other)
    }

    /// To be called when `window` opens, once the windows before it are closed and handed on: learned endpoints take effect.
    pub fn open_window(&mut self, window: Window) {
        if let Some(selection) = self.selecting
            && self.plan.schedule.between(selection, window) >= 1
        {
            self.learned = self.board.after(selection);
            self.selecting = None;
        }
    }

    /// Closes `window`: clips what every principal did in it, and returns the sums. Windows must come in order; what is
    /// observed from now on belongs to the next.
    pub fn close_window(&mut self, window: Window) -> WindowSums {
        self.session.get_or_insert(window);
        if self.period != Some(window.period) {
            for principal in &mut self.principals {
                principal.start_period();
            }
            self.period = Some(window.period);
        }
        if planted(Fault::EvictionRefund) {
            let principals = self.principals.iter_mut();
            principals.for_each(|principal| principal.spent = [0; VolumeFamily::COUNT]);
        }
        let mut sums = WindowSums::default();
        let age = self.age(window);
        sums.partners = std::mem::take(&mut self.partners);
        if self.plan.is_selection(window, age) {
            self.selecting = Some(window);
            let principals = self.principals.iter();
            for candidate in principals.flat_map(|entry| entry.proposals.iter()) {
                *sums.candidates.entry(candidate).or_default() += 1;
            }
        }
        for id in &self.active {
            if let Some(entry) = self.principals.get_mut(*id as usize)
                && age > 0
            {
                sums.once.extend(entry.take_fresh());
            }
        }
        if !self.active.is_empty() && age > 0 {
            sums.cells.resize(self.plan.cells(), 0);
            for block in &mut self.blocks {
                block.round_bytes();
            }
            for id in &self.active {
                if let Some(principal) = self.principals.get_mut(*id as usize) {
                    principal.clip(&self.plan, age, (&self.blocks, &self.countries), &mut sums);
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
        self.index.memory()
            + self.principals.capacity() * size_of::<Principal>()
            + self.active.capacity() * size_of::<u32>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.countries.capacity() * size_of::<CountryCount>()
    }

    /// `w - s0 + 1`: windows of this session in this period up to `window`; 0 where nothing may be counted.
    fn age(&self, window: Window) -> u64 {
        if planted(Fault::CrashRefund) {
            return window.index.into();
        }
        if planted(Fault::RolloverBank) {
            return u64::from(window.index).saturating_add(self.plan.schedule.windows().into());
        }
        self.plan
            .schedule
            .age(window, self.session, self.high_water)
    }

    /// The principal's entry, a new one if there is room, none otherwise: as entries only ever go at rollover, a newcomer
    /// to a full table stays uncounted until then.
    fn admit(&mut self, key: PrincipalKey) -> Option<u32> {
        let id = if let Some(id) = self.index.get(key) {
            id
        } else {
            if self.principals.len() >= self.plan.max_principals {
                return None;
            }
            let id = u32::try_from(self.principals.len()).ok()?;
            self.principals.push(Principal::new(key));
            self.index.insert(key, id);
            id
        };
        if self.principals.get(id as usize)?.countries == NONE {
            self.active.push(id);
        }
        Some(id)
    }

    fn count_country(&mut self, id: u32, cell: usize, times: u32) {
        let Some(principal) = self.principals.get_mut(id as usize) else {
            return;
        };
        let cell = u16::try_from(cell).unwrap_or(u16::MAX);
        let mut at = principal.countries;
        while let Some(entry) = self.countries.get_mut(at as usize) {
            if entry.cell == cell {
                entry.count = entry.count.saturating_add(times);
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
            count: times,
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

/// The id of the next entry of an arena, while ids last.
fn chain_id(len: usize) -> Option<u32> {
    u32::try_from(len).ok().filter(|id| *id != NONE)
}

#[cfg(test)]
mod tests;

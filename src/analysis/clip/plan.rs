//! The cells that principals are counted in, and the public parameters that bound what each may add to them.

use super::flags::FlagLimits;
use super::partner::PartnerPlan;
use crate::analysis::country;
use crate::analysis::window::{Schedule, Window};
use crate::observation::Status;

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
    pub(super) const fn slot(self) -> usize {
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
/// The public parameters of the clip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClipPlan {
    pub(super) schedule: Schedule,
    pub(super) triples: u32,
    u2: [u64; VolumeFamily::COUNT],
    pub(super) max_principals: usize,
    pub(super) max_triples: u32,
    /// Places for learned endpoints, behind `other`.
    slots: u32,
    pub(super) flags: FlagLimits,
    pub(super) partners: PartnerPlan,
    /// The key under which a principal's proposals are chosen; none where nothing is learned.
    pub(super) proposal_key: Option<[u8; 32]>,
    bootstrap_windows: Option<u32>,
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
            slots: 0,
            flags: FlagLimits::default(),
            partners: PartnerPlan::default(),
            proposal_key: None,
            bootstrap_windows: None,
        })
    }

    /// With room for learned endpoints: that many of the triples, the last ones.
    #[must_use]
    pub fn with_slots(self, slots: u32) -> Self {
        Self {
            slots: slots.min(self.triples.saturating_sub(1)),
            ..self
        }
    }

    /// With a selection of learned endpoints every period: at its end, or so many windows after a start with none. The key is
    /// secret and drawn at every start.
    #[must_use]
    pub fn with_selection(self, key: [u8; 32], bootstrap_windows: Option<u32>) -> Self {
        Self {
            proposal_key: (self.slots > 0).then_some(key),
            bootstrap_windows,
            ..self
        }
    }

    /// Whether a selection may be made with `window`, the `age`th of its session: a function of the schedule alone.
    pub fn is_selection(&self, window: Window, age: u64) -> bool {
        let is_early = self.bootstrap_windows.is_some_and(|n| age == u64::from(n));
        self.slots > 0 && (window.index == self.schedule.windows() || is_early)
    }

    /// With the thresholds of the public flags.
    #[must_use]
    pub fn with_flags(self, flags: FlagLimits) -> Self {
        Self { flags, ..self }
    }

    /// With named integrations.
    #[must_use]
    pub fn with_partners(self, partners: PartnerPlan) -> Self {
        Self { partners, ..self }
    }

    /// Where integrations are counted.
    pub const fn partners(&self) -> &PartnerPlan {
        &self.partners
    }

    /// The triple `other`.
    pub(super) const fn other(&self) -> u32 {
        self.triples.saturating_sub(self.slots).saturating_sub(1)
    }

    /// The windows.
    pub const fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Public triples, `other` and the places for learned ones included.
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

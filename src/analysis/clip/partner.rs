//! Counts of named integrations: outside the crowd and its claim, protected request by request.
//!
//! Every request adds at most one to one cell of the codes, one to one bucket, and each of its bodies at most
//! [`PartnerPlan::body_units`] units to a cell of bytes. Bytes are summed exactly over a window, each body cut off first,
//! and rounded once: a request then moves a cell by at most that many units, and small bodies are not lost.

use std::collections::BTreeMap;

use super::plan::LATENCY_BUCKETS;
use super::principal::latency_bucket;
use crate::observation::{IntegrationId, Observation, Status};

/// Bytes in a unit of body size.
pub const BODY_UNIT: u64 = 16 << 10;

/// A family of cells of integrations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PartnerFamily {
    /// Requests by status class.
    Requests,
    /// Requests by duration bucket, not cumulative.
    Latency,
    /// Body bytes, request and response, in units of [`BODY_UNIT`].
    Bytes,
}

impl PartnerFamily {
    /// All, in the order in which their cells are laid out for one integration and endpoint.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Latency, Self::Bytes];
    /// Cells of one integration and endpoint.
    pub const CELLS: usize = Status::CLASSES.len() + LATENCY_BUCKETS + 2;

    /// The family's cells, among those of one integration and endpoint.
    pub const fn cells(self) -> std::ops::Range<usize> {
        let (codes, buckets) = (Status::CLASSES.len(), LATENCY_BUCKETS);
        match self {
            Self::Requests => 0..codes,
            Self::Latency => codes..codes + buckets,
            Self::Bytes => codes + buckets..Self::CELLS,
        }
    }

    /// In how many of its cells one request counts at most.
    pub const fn cells_per_request(self) -> u32 {
        match self {
            Self::Requests | Self::Latency => 1,
            Self::Bytes => 2,
        }
    }

    /// The family of a cell.
    pub fn of(cell: usize) -> Self {
        match cell % Self::CELLS {
            at if at < Self::Latency.cells().start => Self::Requests,
            at if at < Self::Bytes.cells().start => Self::Latency,
            _ => Self::Bytes,
        }
    }
}

/// Where integrations are counted. Public.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartnerPlan {
    /// By public triple: the number of its (endpoint, method), which services share.
    pub pair_of_triple: Vec<u32>,
    /// How many (endpoint, method) pairs there are.
    pub pairs: u32,
    /// By integration: whether its numbers are exact, by the operator's choice.
    pub exact: Vec<bool>,
    /// What one body counts at most, in units of [`BODY_UNIT`].
    pub body_units: u64,
}

impl PartnerPlan {
    /// All cells.
    pub fn cells(&self) -> usize {
        (self.pairs as usize)
            .saturating_mul(self.exact.len())
            .saturating_mul(PartnerFamily::CELLS)
    }

    /// Whether a cell's integration is exact.
    pub fn is_exact(&self, cell: usize) -> bool {
        let per_integration = (self.pairs as usize).saturating_mul(PartnerFamily::CELLS);
        cell.checked_div(per_integration)
            .and_then(|integration| self.exact.get(integration))
            .copied()
            .unwrap_or(false)
    }
}

/// Exact counts of integrations in a window, bytes unrounded.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct PartnerSums(BTreeMap<u32, u64>);

/// Exact counts do not print.
impl std::fmt::Debug for PartnerSums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartnerSums").finish_non_exhaustive()
    }
}

impl PartnerSums {
    /// Counts a number of equal requests of an integration.
    pub(super) fn observe(
        &mut self,
        plan: &PartnerPlan,
        (id, times): (IntegrationId, u32),
        seen: &Observation,
    ) {
        let times = u64::from(times);
        let (Some(exact), Some(pair)) = (
            plan.exact.get(usize::from(id.0)),
            plan.pair_of_triple
                .get(seen.cell.0 as usize)
                .or(plan.pair_of_triple.last()),
        ) else {
            return;
        };
        let first =
            (usize::from(id.0) * plan.pairs as usize + *pair as usize) * PartnerFamily::CELLS;
        self.add(first + seen.status.class_index(), times);
        if let Some(duration) = seen.duration_us {
            let bucket = PartnerFamily::Latency.cells().start + latency_bucket(duration);
            self.add(first + bucket, times);
        }
        let most = if *exact {
            u64::MAX
        } else {
            plan.body_units.saturating_mul(BODY_UNIT)
        };
        for (cell, bytes) in PartnerFamily::Bytes
            .cells()
            .zip([seen.request_bytes, seen.response_bytes])
        {
            self.add(first + cell, bytes.min(most).saturating_mul(times));
        }
    }

    fn add(&mut self, cell: usize, count: u64) {
        if let (Ok(cell), 1..) = (u32::try_from(cell), count) {
            let sum = self.0.entry(cell).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (cell, count) in &other.0 {
            let sum = self.0.entry(*cell).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// The count of a cell: requests, or units of bytes rounded half up.
    pub(super) fn cell(&self, cell: usize) -> u64 {
        let exact = u32::try_from(cell)
            .ok()
            .and_then(|cell| self.0.get(&cell))
            .copied()
            .unwrap_or(0);
        match PartnerFamily::of(cell) {
            PartnerFamily::Requests | PartnerFamily::Latency => exact,
            PartnerFamily::Bytes => exact.saturating_add(BODY_UNIT / 2) / BODY_UNIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_body_moves_a_cell_by_at_most_its_units() {
        for before in (0..BODY_UNIT * 3).step_by(1_021) {
            let cell = PartnerFamily::Bytes.cells().start;
            let mut sums = PartnerSums::default();
            sums.add(cell, before);
            let without = sums.cell(cell);
            sums.add(cell, 64 * BODY_UNIT);
            assert_eq!(sums.cell(cell), without + 64);
        }
    }

    #[test]
    fn every_cell_has_its_family() {
        for family in PartnerFamily::ALL {
            for cell in family.cells() {
                assert_eq!(PartnerFamily::of(cell), family);
                assert_eq!(PartnerFamily::of(cell + 5 * PartnerFamily::CELLS), family);
            }
        }
    }
}

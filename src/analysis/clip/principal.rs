//! One principal's counts in the open window, and the clip itself.
//!
//! The counts of all principals of a shard lie in two arenas and are chained per principal, so that a window costs no
//! allocation of its own.

use super::WindowSums;
use super::flags::FlagState;
use super::learned::Proposals;
use super::once::OnceBits;
use super::plan::{ClipPlan, LATENCY_BOUNDS_US, VolumeFamily};
use crate::fault::{Fault, planted};
use crate::observation::{Finding, Observation, PrincipalKey};

/// Counts a principal has for one triple: the families' cells one after another.
const SLOTS: usize = 28;
/// Ends a chain.
pub(super) const NONE: u32 = u32::MAX;

/// One principal in this period.
#[derive(Clone, Debug)]
pub(super) struct Principal {
    pub(super) key: PrincipalKey,
    /// Squared norm counted so far in this period; invariant: at most `u2 * (w - s0 + 1)`.
    pub(super) spent: [u64; VolumeFamily::COUNT],
    /// First block of the open window, most recently used first.
    pub(super) blocks: u32,
    /// How many blocks there are.
    pub(super) triples: u32,
    /// First country of the open window.
    pub(super) countries: u32,
    /// What its own observations of this period show.
    pub(super) flags: FlagState,
    /// What it proposes to be learned, this period.
    pub(super) proposals: Proposals,
    /// Once-a-day cells it counts in, this period.
    seen: OnceBits,
    /// Those of them that are new in the open window.
    fresh: OnceBits,
}

/// Counts of one principal for one triple in the open window.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) triple: u32,
    pub(super) next: u32,
    /// By slot; those of [`VolumeFamily::Bytes`] are filled from `bytes` at close.
    counts: [u32; SLOTS],
    /// Exact bytes, request and response.
    bytes: [u64; 2],
}

/// Requests of one principal from one country in the open window.
#[derive(Clone, Copy, Debug)]
pub(super) struct CountryCount {
    pub(super) cell: u16,
    pub(super) next: u32,
    pub(super) count: u32,
}

impl Principal {
    /// Seen for the first time.
    pub(super) fn new(key: PrincipalKey) -> Self {
        Self {
            key,
            spent: [0; VolumeFamily::COUNT],
            blocks: NONE,
            triples: 0,
            countries: NONE,
            flags: FlagState::default(),
            proposals: Proposals::default(),
            seen: OnceBits::default(),
            fresh: OnceBits::default(),
        }
    }

    /// Its first window of a period.
    pub(super) fn start_period(&mut self) {
        self.spent = [0; VolumeFamily::COUNT];
        self.seen = self.fresh;
    }

    /// Counts it in once-a-day cells, as far as it may be.
    pub(super) fn see(&mut self, bits: OnceBits) {
        let added = self.seen.admit(bits);
        self.seen = self.seen.or(added);
        self.fresh = self.fresh.or(added);
    }

    /// What was first seen in the window that closes.
    pub(super) fn take_fresh(&mut self) -> Option<(PrincipalKey, OnceBits)> {
        let bits = std::mem::take(&mut self.fresh);
        (!bits.is_empty()).then_some((self.key, bits))
    }

    /// Clips the principal's vector of the window, family by family, and adds it to the sums.
    pub(super) fn clip(
        &mut self,
        plan: &ClipPlan,
        age: u64,
        counts: (&[Block], &[CountryCount]),
        sums: &mut WindowSums,
    ) {
        let (blocks, countries) = counts;
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
                if planted(Fault::CumulativeBuckets) && family == VolumeFamily::Latency {
                    let rest = per_triple - cell % per_triple;
                    (1..rest).for_each(|later| sums.add(offset + cell + later, count));
                }
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
    let allow = if planted(Fault::NoClip) {
        u64::MAX
    } else {
        allow
    };
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
    pub(super) const fn new(triple: u32, next: u32) -> Self {
        Self {
            triple,
            next,
            counts: [0; SLOTS],
            bytes: [0; 2],
        }
    }

    /// Counts a number of equal observations.
    pub(super) fn observe(&mut self, observation: &Observation, findings: &[Finding], times: u32) {
        self.add(
            VolumeFamily::Requests.slot() + observation.status.class_index(),
            times,
        );
        if let Some(duration) = observation.duration_us {
            self.add(
                VolumeFamily::Latency.slot() + latency_bucket(duration),
                times,
            );
        }
        let [request, response] = &mut self.bytes;
        for (sum, bytes) in [
            (request, observation.request_bytes),
            (response, observation.response_bytes),
        ] {
            *sum = sum.saturating_add(bytes.saturating_mul(times.into()));
        }
        for finding in findings.iter().filter(|finding| !finding.dry_run) {
            let cell = (finding.category as usize) * 2 + usize::from(finding.part.is_response());
            self.add(
                VolumeFamily::Sensitive.slot() + cell,
                finding.count.saturating_mul(times),
            );
        }
    }

    fn add(&mut self, slot: usize, count: u32) {
        if let Some(sum) = self.counts.get_mut(slot) {
            *sum = sum.saturating_add(count);
        }
    }

    pub(super) fn round_bytes(&mut self) {
        let slots = self.counts.iter_mut().skip(VolumeFamily::Bytes.slot());
        for (slot, bytes) in slots.zip(self.bytes) {
            *slot = u32::try_from(bytes.saturating_add(512) / 1_024).unwrap_or(u32::MAX);
        }
    }
}

/// The bucket of a duration: the first whose upper bound is not below it.
pub(super) fn latency_bucket(duration_us: u64) -> usize {
    LATENCY_BOUNDS_US.partition_point(|bound| *bound < duration_us)
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

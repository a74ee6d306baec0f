//! Families with correlated noise: principals that count once a period, and integrations.
//!
//! What is remembered here is exact and never leaves or is stored: a restart begins anew, and says so in the ledger.

use std::collections::BTreeMap;

use crate::analysis::clip::{OnceBits, OnceFamily, PartnerFamily, WindowSums};
use crate::analysis::window::Window;
use crate::fault::{Fault, planted};
use crate::observation::PrincipalKey;
use crate::release::ledger::{Committed, Numbers, Tag, TagKey};
use crate::release::mechanism::blt::Encoder;
use crate::release::plan::Plan;

/// The exact state between two windows.
#[derive(Debug, Default)]
pub(super) struct Correlated {
    /// The period the encoders belong to; none: they remember nothing.
    period: Option<u64>,
    once: Vec<Encoder>,
    partners: Vec<Encoder>,
    /// What was first seen of principals in a period and is not committed yet.
    waiting: BTreeMap<PrincipalKey, OnceBits>,
    waiting_of: u64,
}

/// What a window does, to be kept once it is on disk.
pub(super) struct Step {
    pub(super) segment: bool,
    pub(super) tags: Vec<(Tag, OnceBits)>,
    pub(super) once: Vec<i64>,
    pub(super) partners: Vec<i64>,
    next: (u64, Vec<Encoder>, Vec<Encoder>),
}

impl Correlated {
    /// Takes what tables have seen in a window. It counts with the next window of the period that is committed; what a period
    /// has left behind counts never.
    pub(super) fn wait(&mut self, window: Window, sums: &WindowSums) {
        if self.waiting_of != window.period {
            self.waiting.clear();
            self.waiting_of = window.period;
        }
        for (principal, seen) in sums.first_seen() {
            let bits = self.waiting.entry(principal).or_default();
            *bits = bits.or(seen);
        }
    }

    /// Computes the released integers of a window. None: a number left the range of integers.
    pub(super) fn step(
        &mut self,
        plan: &Plan,
        committed: &Committed,
        (window, key): (Window, TagKey),
        (sums, noise): (&WindowSums, &Numbers),
    ) -> Option<Step> {
        let layout = plan.layout();
        let segment = self.period != Some(window.period);
        let fresh = |old: &[Encoder], cells: usize| {
            if segment || old.len() != cells {
                vec![Encoder::default(); cells]
            } else {
                old.to_vec()
            }
        };
        let mut once_encoders = fresh(&self.once, OnceFamily::CELLS);
        let mut partner_encoders = fresh(&self.partners, layout.partner_cells());
        let (tags, counts) = self.admit(plan, committed, (window, key));
        let blt = layout.once();
        let once = once_encoders
            .iter_mut()
            .zip(counts)
            .zip(&noise.once)
            .map(|((encoder, count), noise)| encoder.step(&blt, count, *noise))
            .collect::<Option<Vec<_>>>()?;
        let blts = PartnerFamily::ALL.map(|family| layout.partner(family));
        let exact = layout.exact_cells();
        let partners = partner_encoders
            .iter_mut()
            .zip(&noise.partners)
            .enumerate()
            .map(|(cell, (encoder, noise))| {
                let count = sums.partner_cell(cell);
                if exact.get(cell) == Some(&true) {
                    return i64::try_from(count).ok();
                }
                let blt = blts.get(PartnerFamily::of(cell) as usize)?;
                encoder.step(blt, count, *noise)
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Step {
            segment,
            tags,
            once,
            partners,
            next: (window.period, once_encoders, partner_encoders),
        })
    }

    /// The step is on disk.
    pub(super) fn commit(&mut self, step: Step) {
        let (period, once, partners) = step.next;
        self.period = Some(period);
        self.once = once;
        self.partners = partners;
        self.waiting.clear();
    }

    /// Which of the waiting principals count, in which cells, and how many there are by cell. One beyond the limit stays
    /// uncounted for the rest of the period.
    fn admit(
        &self,
        plan: &Plan,
        committed: &Committed,
        (window, key): (Window, TagKey),
    ) -> (Vec<(Tag, OnceBits)>, [u64; OnceFamily::CELLS]) {
        let mut counts = [0_u64; OnceFamily::CELLS];
        let mut tags = Vec::new();
        let known = match committed.released {
            Some(last) if last.period == window.period => committed.seen.len(),
            _ => 0,
        };
        let mut room = plan.max_principals().saturating_sub(known);
        for (principal, bits) in &self.waiting {
            let tag = tag(key, *principal);
            let mut seen = committed.seen_in(window.period, tag);
            if planted(Fault::OnceRecount) {
                seen = OnceBits::default();
            }
            let added = seen.admit(*bits);
            if added.is_empty() {
                continue;
            }
            if seen.is_empty() {
                let Some(left) = room.checked_sub(1) else {
                    continue;
                };
                room = left;
            }
            for cell in added.cells() {
                if let Some(count) = counts.get_mut(cell) {
                    *count += 1;
                }
            }
            tags.push((tag, added));
        }
        (tags, counts)
    }
}

/// A principal as the ledger of one period knows it.
fn tag(key: TagKey, principal: PrincipalKey) -> Tag {
    let mut long = [0; 32];
    for (to, from) in long.iter_mut().zip(key.0) {
        *to = from;
    }
    let hash = blake3::keyed_hash(&long, &principal.0.to_le_bytes());
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    Tag(short)
}

//! One observation before all signals about its principal.

use smallvec::SmallVec;

use super::book::Finding;
use super::population::Snapshot;
use super::principal::{Firsts, Principal};
use super::share::EpochSums;
use super::signals::refusals::Teaches;
use super::signals::{Scene, reach};

/// Calls after which a token counts as active.
const ACTIVE_CALLS: u64 = 20;

/// What the signals work with besides the principal's own state.
pub(super) struct Look<'a, 'b> {
    pub(super) scene: &'b Scene<'a>,
    pub(super) snapshot: &'a Snapshot,
    pub(super) epoch: &'b mut EpochSums,
    pub(super) findings: SmallVec<[Finding; 2]>,
}

impl Look<'_, '_> {
    /// What anybody may do, with a token or without.
    pub(super) fn at_source(&mut self, principal: &mut Principal) {
        let seen = self.scene.observation;
        if seen.refused_path.is_none() && seen.account.is_none() {
            return;
        }
        let source = principal.habits.source.get_or_insert_default();
        let scan = source.scan.observe(self.scene);
        let logins = source.logins.observe(self.scene, &mut self.epoch.crowd);
        self.findings.extend(scan.into_iter().chain(logins));
    }

    /// What only a token has: habits of its own. `refused`: the share of calls that the endpoint refuses for a field.
    pub(super) fn at_token(
        &mut self,
        principal: &mut Principal,
        firsts: Firsts,
        refused: f64,
    ) -> Teaches {
        let (scene, sums) = (self.scene, &mut self.epoch.crowd);
        if scene.calls == ACTIVE_CALLS {
            sums.active += 1;
        }
        let mut own = principal.habits.own.take().unwrap_or_default();
        if firsts.endpoint || firsts.success {
            let numbers = principal
                .endpoints()
                .filter(|&(_, succeeded)| succeeded)
                .filter_map(|(id, _)| self.snapshot.endpoint_number(id))
                .filter_map(|number| u16::try_from(number).ok());
            let numbers: SmallVec<[u16; 32]> = numbers.collect();
            let novel = own
                .reach
                .observe(scene, firsts.endpoint, numbers.iter().copied());
            self.findings.extend(novel);
            if let Some(number) = scene.number.filter(|_| firsts.success) {
                reach::adopt(number, numbers.iter().copied(), sums);
            }
        }
        let [place, program] = own.origin.observe(scene);
        self.findings.extend(place.into_iter().chain(program));
        self.findings.extend(own.sequence.observe(scene, sums));
        let calls = principal.calls_at(scene.observation.endpoint);
        self.findings.extend(own.skips.observe(scene, calls, sums));
        self.findings.extend(own.objects.observe(scene, sums));
        let hours = own.rhythm.observe(scene, sums);
        let order = || own.sequence.surprise(scene.crowd);
        let hours = own.rhythm.joined(scene, order).or(hours);
        self.findings.extend(hours);
        let (teaches, tried) = own.refusals.observe(scene, refused);
        self.findings.extend(tried);
        principal.habits.own = Some(own);
        let volume = &mut principal.habits.volume;
        let volume = volume.observe(scene, &self.snapshot.volume, &mut self.epoch.volume);
        self.findings.extend(volume);
        teaches
    }
}

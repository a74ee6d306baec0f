//! One observation before all signals about its principal.

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
    /// Mostly none, so that they are cheap to hand on.
    pub(super) findings: Vec<Finding>,
}

impl Look<'_, '_> {
    /// Keeps a finding. Nearly always there is none, and nothing is moved.
    #[inline]
    pub(super) fn find(&mut self, finding: Option<Finding>) {
        if let Some(finding) = finding {
            self.findings.push(finding);
        }
    }

    /// What anybody may do, with a token or without.
    pub(super) fn at_source(&mut self, principal: &mut Principal) {
        let seen = self.scene.observation;
        if seen.refused_path.is_none() && seen.account.is_none() {
            return;
        }
        let source = principal.habits.source.get_or_insert_default();
        let scan = source.scan.observe(self.scene);
        let logins = source.logins.observe(self.scene, &mut self.epoch.crowd);
        self.find(scan);
        self.find(logins);
    }

    /// What only a token has: habits of its own. `refused`: the share of calls that the endpoint refuses for a field.
    pub(super) fn at_token(
        &mut self,
        principal: &mut Principal,
        firsts: Firsts,
        refused: f64,
    ) -> Teaches {
        let scene = self.scene;
        if scene.calls == ACTIVE_CALLS {
            self.epoch.crowd.active += 1;
        }
        let mut own = principal.habits.own.take().unwrap_or_default();
        if firsts.endpoint || firsts.success {
            let known = principal.endpoints();
            self.find(own.reach.observe(scene, firsts.endpoint, known));
            if let Some(number) = scene.number.filter(|_| firsts.success) {
                reach::adopt(number, principal.endpoints(), &mut self.epoch.crowd);
            }
        }
        own.origin.observe(scene, &mut self.findings);
        let sums = &mut self.epoch.crowd;
        let order = own.sequence.observe(scene, sums);
        let skips = own.skips.observe(scene, firsts.calls, sums);
        let objects = own.objects.observe(scene, sums);
        let hours = own.rhythm.observe(scene, sums);
        let volume = principal.habits.volume.observe(scene, sums);
        self.find(order);
        self.find(skips);
        self.find(objects);
        let order = || own.sequence.surprise(scene.crowd);
        self.find(own.rhythm.joined(scene, order).or(hours));
        let (teaches, tried) = own.refusals.observe(scene, refused);
        self.find(tried);
        self.find(volume);
        principal.habits.own = Some(own);
        teaches
    }
}

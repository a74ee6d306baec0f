//! `volume`: a token makes far more calls in a minute, five minutes or an hour than it ever does.
//!
//! Only windows with calls count, so idle time and the hours of presence drop out. The logarithm of the count is held
//! against the token's own baseline, which starts from the population's; the surprise is calibrated on how often the whole
//! population is that surprising. A count is tested while its window is open, whenever it has grown by 15 %.

#![allow(
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of calls in at most an hour and bounded logarithms"
)]

use super::crowd::CrowdSums;
use super::surprises::Model;
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::baseline::{Baseline, Prior, Spread, log_count};
use crate::analysis::book::Finding;
use crate::clock::SECONDS_PER_DAY;

/// The models of the windows, and their lengths in seconds. Each is part of the next.
const SCALES: [(Model, u32); 3] = [
    (Model::MinuteCalls, 60),
    (Model::FiveMinuteCalls, 300),
    (Model::HourCalls, 3_600),
];
const DAY: u32 = SECONDS_PER_DAY as u32;
/// Windows of the population needed to move the prior from its start.
const PRIOR_MIN: f64 = 30.0;
/// Windows of the population remembered for the prior.
pub(in crate::analysis) const PRIOR_MEMORY: f64 = 5_000.0;

/// Counts at which an open window is tested: 8, and whenever it has grown by 15 %.
const TESTED: [u32; 144] = {
    let mut counts = [8; 144];
    let mut at = 1;
    while at < counts.len() {
        #[allow(clippy::indexing_slicing, reason = "from 1 to below the length")]
        let next = (counts[at - 1] as f64 * 1.15) as u32;
        #[allow(clippy::indexing_slicing, reason = "from 1 to below the length")]
        {
            counts[at] = next.saturating_add(1);
        }
        at += 1;
    }
    counts
};

/// Those below 4,096 as bits.
const TESTED_BITS: [u64; 64] = {
    let mut bits = [0; 64];
    let mut at = 0;
    while at < TESTED.len() {
        #[allow(clippy::indexing_slicing, reason = "below the length")]
        let n = TESTED[at] as usize;
        if n < 4_096 {
            #[allow(clippy::indexing_slicing, reason = "below 4,096")]
            {
                bits[n / 64] |= 1 << (n % 64);
            }
        }
        at += 1;
    }
    bits
};

/// Whether an open window with so many calls is tested.
fn is_tested(calls: u32) -> bool {
    match TESTED_BITS.get((calls / 64) as usize) {
        Some(bits) => bits >> (calls % 64) & 1 == 1,
        None => TESTED.binary_search(&calls).is_ok(),
    }
}

/// A token's calls by window.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct VolumeHabit {
    /// The second of the last call: it says which windows are open.
    last: u32,
    scales: [Scale; 3],
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Scale {
    /// In the open window.
    calls: u32,
    /// The most calls in any closed window.
    most: u32,
    baseline: Baseline,
}

impl VolumeHabit {
    /// Counts a call; returns what is unusual about it.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let (before, now) = (
            std::mem::replace(&mut self.last, scene.seconds()),
            scene.seconds(),
        );
        sums.present += u32::from(before / DAY != now / DAY);
        let mut finding: Option<Finding> = None;
        for (at, (scale, (model, seconds))) in self.scales.iter_mut().zip(SCALES).enumerate() {
            if now / seconds > before / seconds {
                scale.close(at, scene, sums);
            }
            scale.calls = scale.calls.saturating_add(1);
            let enough = scale.calls >= scene.thresholds.volume_min_calls;
            if enough && scene.ripe() && is_tested(scale.calls) {
                let found = scale.test(scene, (model, seconds), scene.crowd.calls(at));
                // The scale on which it is least likely speaks.
                if found.as_ref().map(|f| f.surprise) > finding.as_ref().map(|f| f.surprise) {
                    finding = found;
                }
            }
        }
        finding
    }
}

impl Scale {
    /// The window is over.
    fn close(&mut self, at: usize, scene: &Scene<'_>, sums: &mut CrowdSums) {
        let calls = std::mem::take(&mut self.calls);
        if calls == 0 {
            return;
        }
        let x = log_count(calls);
        let expected = self.baseline.expect(scene.crowd.calls(at));
        if self.baseline.count() >= 3
            && let Some((model, _)) = SCALES.get(at)
        {
            sums.surprises.add_step(*model, expected.step(x));
        }
        if let Some(windows) = sums.windows.get_mut(at) {
            windows.add(x);
        }
        self.baseline.learn(x, expected);
        self.most = self.most.max(calls);
    }

    fn test(
        &self,
        scene: &Scene<'_>,
        (model, seconds): (Model, u32),
        prior: Prior,
    ) -> Option<Finding> {
        let thresholds = scene.thresholds;
        let x = libm::log1p(f64::from(self.calls));
        if x <= self.baseline.max() + thresholds.volume_above_max {
            return None;
        }
        let expected = self.baseline.expect(prior);
        let p = scene.crowd.curves.p(model, expected.surprise(x));
        if p >= thresholds.volume_p {
            return None;
        }
        Some(Finding {
            evidence: vec![
                evidence("observed_calls", f64::from(self.calls)),
                evidence("usual_calls", libm::round(libm::expm1(expected.mean))),
                evidence("most_ever_calls", f64::from(self.most)),
                evidence("window_seconds", f64::from(seconds)),
                evidence("active_days", f64::from(scene.days)),
                evidence("calls_so_far", scene.calls as f64),
                evidence("p", p),
            ],
            ..scene.finding(
                Signal::Volume,
                -libm::log(p.max(1e-300)),
                u64::from(seconds),
            )
        })
    }
}

/// What is expected of anybody, once a population of active windows has been seen.
pub(in crate::analysis) fn priors(windows: &[Spread; 3]) -> [Prior; 3] {
    let mut priors = START;
    for (prior, windows) in priors.iter_mut().zip(windows) {
        if windows.n > PRIOR_MIN {
            prior.mean = windows.mean;
            prior.sd = windows.sd().max(0.5);
        }
    }
    priors
}

/// Before anything is known: most active windows hold around 8, 11 or 15 calls.
pub(in crate::analysis) const START: [Prior; 3] = [
    Prior { mean: 2.2, sd: 0.8 },
    Prior { mean: 2.5, sd: 0.9 },
    Prior { mean: 2.8, sd: 1.0 },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_an_open_window_lie_15_percent_apart_to_the_end() {
        assert_eq!(TESTED[..6], [8, 10, 12, 14, 17, 20]);
        assert_eq!(TESTED[143], u32::MAX);
        assert!(TESTED.is_sorted());
        assert!((0..20_000).all(|n| is_tested(n) == TESTED.contains(&n)));
    }
}

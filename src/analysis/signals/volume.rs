//! `volume`: a token makes far more calls in a minute, five minutes or an hour than it ever does.
//!
//! Only windows with calls count, so idle time and the hours of presence drop out. The logarithm of the count is held
//! against the token's own baseline, which starts from the population's; the surprise is calibrated on how often the whole
//! population is that surprising. A count is tested while its window is open, whenever it has grown by 15 %.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of calls in at most an hour and bounded logarithms"
)]

use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::baseline::{
    Baseline, CALIBRATION_STEPS, Calibration, Curve, Prior, Spread, calibration_step,
};
use crate::analysis::book::Finding;
use crate::analysis::fixed::Moments;

/// Lengths of the windows in seconds.
pub(in crate::analysis) const SCALES: [u64; 3] = [60, 300, 3_600];
/// The first count that is tested.
const FIRST_TEST: u32 = 8;
/// Population windows remembered for the prior.
const PRIOR_MEMORY: f64 = 5_000.0;
/// Population windows needed to move the prior from its start.
const PRIOR_MIN: f64 = 30.0;

/// A token's calls by window.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct VolumeHabit {
    scales: [Scale; 3],
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Scale {
    /// The window with calls seen last, counted from the epoch; 0 before the first.
    window: u32,
    calls: u32,
    /// The count that is tested next.
    next: u32,
    /// The most calls in any closed window.
    most: u32,
    baseline: Baseline,
}

/// What the population says about volume: for each scale.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct VolumeNorm {
    prior: Prior,
    curve: Curve,
}

impl VolumeHabit {
    /// Counts a call; returns what is unusual about it.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        norms: &[VolumeNorm; 3],
        sums: &mut VolumeSums,
    ) -> Option<Finding> {
        let mut finding: Option<Finding> = None;
        for (number, ((scale, seconds), norm)) in
            self.scales.iter_mut().zip(SCALES).zip(norms).enumerate()
        {
            let window = u32::try_from(scene.now.secs() / seconds).unwrap_or(u32::MAX);
            if window > scale.window {
                if scale.calls > 0 {
                    scale.close(norm.prior, number, sums);
                }
                (scale.window, scale.calls, scale.next) = (window, 0, FIRST_TEST);
            }
            scale.calls = scale.calls.saturating_add(1);
            if scale.calls < scale.next {
                continue;
            }
            scale.next = (f64::from(scale.calls) * 1.15) as u32 + 1;
            let enough = scale.calls >= scene.thresholds.volume_min_calls;
            if scene.warm && scene.mature() && enough {
                let found = scale.test(scene, seconds, norm);
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
    fn close(&mut self, prior: Prior, number: usize, sums: &mut VolumeSums) {
        let x = libm::log1p(f64::from(self.calls));
        if self.baseline.count() >= 3.0 {
            sums.add_surprise(number, self.baseline.tail(x, prior).surprise);
        }
        sums.add_window(number, x);
        self.baseline.learn(x, prior);
        self.most = self.most.max(self.calls);
    }

    fn test(&self, scene: &Scene<'_>, seconds: u64, norm: &VolumeNorm) -> Option<Finding> {
        let thresholds = scene.thresholds;
        let x = libm::log1p(f64::from(self.calls));
        if x <= self.baseline.max() + thresholds.volume_above_max {
            return None;
        }
        let tail = self.baseline.tail(x, norm.prior);
        let p = norm.curve.p(tail.surprise);
        if p >= thresholds.volume_p {
            return None;
        }
        Some(Finding {
            signal: Signal::Volume,
            subject: scene.subject(),
            time: scene.now,
            seconds,
            surprise: -libm::log(p.max(1e-300)),
            severity: None,
            verdict: false,
            involved: scene.involved(),
            evidence: vec![
                evidence("observed_calls", f64::from(self.calls)),
                evidence("usual_calls", libm::round(libm::expm1(tail.mean))),
                evidence("most_ever_calls", f64::from(self.most)),
                evidence("window_seconds", seconds as f64),
                evidence("active_days", f64::from(scene.days)),
                evidence("calls_so_far", scene.calls as f64),
                evidence("p", p),
            ],
        })
    }
}

/// Closed windows of one epoch: how surprising they were, and how long.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct VolumeSums {
    /// By scale and step; empty until there is one.
    surprises: Vec<u32>,
    /// Which of them are not 0; may hold one twice.
    touched: Vec<usize>,
    windows: [Moments; 3],
}

impl VolumeSums {
    fn add_surprise(&mut self, scale: usize, surprise: f64) {
        self.add_at(scale * CALIBRATION_STEPS + calibration_step(surprise), 1);
    }

    fn add_window(&mut self, scale: usize, x: f64) {
        if let Some(windows) = self.windows.get_mut(scale) {
            windows.add(x);
        }
    }

    fn add_at(&mut self, at: usize, n: u32) {
        if self.surprises.is_empty() {
            self.surprises.resize(SCALES.len() * CALIBRATION_STEPS, 0);
        }
        if let Some(count) = self.surprises.get_mut(at) {
            if *count == 0 {
                self.touched.push(at);
            }
            *count += n;
        }
    }

    /// Takes everything out of `other` and adds it.
    pub(in crate::analysis) fn drain_from(&mut self, other: &mut Self) {
        for at in other.touched.drain(..) {
            if let Some(count) = other.surprises.get_mut(at) {
                self.add_at(at, std::mem::take(count));
            }
        }
        for (sum, more) in self.windows.iter_mut().zip(&mut other.windows) {
            sum.merge(&std::mem::take(more));
        }
    }
}

/// What the population teaches about volume.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct VolumeModel {
    calibrations: [Calibration; 3],
    spreads: [Spread; 3],
}

impl VolumeModel {
    /// Learns the windows of an epoch and forgets them there.
    pub(in crate::analysis) fn learn(&mut self, sums: &mut VolumeSums) {
        sums.touched.sort_unstable();
        for at in sums.touched.drain(..) {
            let calibration = self.calibrations.get_mut(at / CALIBRATION_STEPS);
            if let (Some(calibration), Some(count)) = (calibration, sums.surprises.get_mut(at)) {
                calibration.add(at % CALIBRATION_STEPS, std::mem::take(count));
            }
        }
        for (spread, windows) in self.spreads.iter_mut().zip(&mut sums.windows) {
            spread.absorb(&std::mem::take(windows), PRIOR_MEMORY);
        }
    }

    /// Once an hour: what applies from now on.
    pub(in crate::analysis) fn norms(&mut self) -> [VolumeNorm; 3] {
        let mut norms = START;
        let models = self.calibrations.iter_mut().zip(&self.spreads);
        for (norm, (calibration, spread)) in norms.iter_mut().zip(models) {
            calibration.fit();
            norm.curve = calibration.curve();
            if spread.n > PRIOR_MIN {
                norm.prior.mean = spread.mean;
                norm.prior.sd = spread.sd().max(0.5);
            }
        }
        norms
    }

    /// Once a day.
    pub(in crate::analysis) fn age(&mut self) {
        self.calibrations.iter_mut().for_each(Calibration::age);
    }
}

/// Before anything is known: most active windows hold around 8, 11 or 15 calls.
pub(in crate::analysis) const START: [VolumeNorm; 3] =
    [start(2.2, 0.8), start(2.5, 0.9), start(2.8, 1.0)];

const fn start(mean: f64, sd: f64) -> VolumeNorm {
    VolumeNorm {
        prior: Prior { mean, sd },
        curve: Curve::START,
    }
}

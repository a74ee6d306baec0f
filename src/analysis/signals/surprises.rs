//! How surprising the population is by the models of its signals: histograms that workers add up, and the curves fitted to
//! them.

use crate::analysis::baseline::{CALIBRATION_STEPS, Calibration, Curve, calibration_step};

/// Models that are calibrated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::analysis) enum Model {
    /// Calls in a minute.
    MinuteCalls,
    /// Calls in five minutes.
    FiveMinuteCalls,
    /// Calls in an hour.
    HourCalls,
    /// Objects never touched before, in an hour.
    HourObjects,
    /// Likewise, in a day.
    DayObjects,
    /// The hourly peak of the sum over the order of calls.
    Order,
}

const MODELS: usize = 6;

/// By model: tests of a principal on a day on which it is there. The limits of the signals are made for as many: a third
/// more than people and programs at work cause. Programs that never rest cause several times as many.
const USUAL_TESTS: [f64; MODELS] = [36.0, 24.0, 6.5, 2.5, 1.5, 2.0];

/// Counts of one epoch by model and step.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct SurpriseSums {
    /// Empty until there is one.
    counts: Vec<u32>,
    /// Which of them are not 0.
    touched: Vec<usize>,
}

impl SurpriseSums {
    pub(in crate::analysis) fn add(&mut self, model: Model, surprise: f64) {
        self.add_step(model, calibration_step(surprise));
    }

    /// As [`Self::add`], of a surprise that falls in that step.
    pub(in crate::analysis) fn add_step(&mut self, model: Model, step: usize) {
        self.add_at(model as usize * CALIBRATION_STEPS + step, 1);
    }

    fn add_at(&mut self, at: usize, n: u32) {
        if self.counts.is_empty() {
            self.counts.resize(MODELS * CALIBRATION_STEPS, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            if *count == 0 {
                self.touched.push(at);
            }
            *count += n;
        }
    }

    /// Takes everything out of `other` and adds it.
    pub(in crate::analysis) fn drain_from(&mut self, other: &mut Self) {
        for at in other.touched.drain(..) {
            if let Some(count) = other.counts.get_mut(at) {
                self.add_at(at, std::mem::take(count));
            }
        }
    }
}

/// The calibrations of all models.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Calibrations([Calibration; MODELS]);

impl Calibrations {
    /// Learns the counts of an epoch and forgets them there.
    pub(in crate::analysis) fn learn(&mut self, sums: &mut SurpriseSums) {
        sums.touched.sort_unstable();
        for at in sums.touched.drain(..) {
            let calibration = self.0.get_mut(at / CALIBRATION_STEPS);
            if let (Some(calibration), Some(count)) = (calibration, sums.counts.get_mut(at)) {
                calibration.add(at % CALIBRATION_STEPS, std::mem::take(count));
            }
        }
    }

    /// The curves as of now.
    pub(in crate::analysis) fn fit(&mut self) -> Curves {
        let mut curves = Curves::default();
        for (curve, calibration) in curves.0.iter_mut().zip(&mut self.0) {
            calibration.fit();
            *curve = calibration.curve();
        }
        curves
    }

    /// Once a day, on which so many principals were there: what was counted so far weighs less.
    pub(in crate::analysis) fn age(&mut self, principals: u32) {
        for (calibration, usual) in self.0.iter_mut().zip(USUAL_TESTS) {
            calibration.age(principals, usual);
        }
    }
}

/// The curves in force.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Curves([Curve; MODELS]);

impl Default for Curves {
    fn default() -> Self {
        Self([Curve::START; MODELS])
    }
}

impl Curves {
    /// The probability that the population is this surprising by a model, or more.
    pub(in crate::analysis) fn p(&self, model: Model, surprise: f64) -> f64 {
        self.0
            .get(model as usize)
            .map_or(1.0, |curve| curve.p(surprise))
    }
}

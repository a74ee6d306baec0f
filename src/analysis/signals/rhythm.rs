//! `hours`: a token is active at hours at which it never is. A note; an alert only together with another signal.
//!
//! A token's habit is how often it is active in each hour of working days and of weekends. An hour is silent if it hardly ever
//! is; the longer the silence around it and the deeper inside it, the rarer it is broken. How rarely is counted over the
//! population, by stratum: length, depth, and how regular the token is.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bounded shares of hours, and indices below 256"
)]

use super::crowd::CrowdSums;
use super::{Scene, evidence};
use crate::analysis::alert::{Severity, Signal};
use crate::analysis::book::Finding;

/// Number of strata.
pub(in crate::analysis) const STRATA: usize = 256;
/// The silence of a whole weekend.
const WEEKEND: u8 = 15;
/// One active hour in a bin.
const UNIT: f64 = 256.0;
/// What a habit keeps over a day. Whoever is active every day comes to less than 15 hours, and 16 fit.
const FADING: f64 = 0.93;
/// Calls in an hour that break a silence.
const BREAK_CALLS: u16 = 8;
/// Least surprise (-ln p) of either of two that are taken together.
const MIN_EACH: f64 = 3.0;
/// Hours that are looked back at most.
const MAX_HOURS: u32 = 14 * 24;

/// Length, depth and regularity of a silence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::analysis) struct Stratum(pub(in crate::analysis) u8);

impl Stratum {
    fn new((run, depth): (u8, u8), regularity: u8) -> Self {
        let (run, depth) = if run == WEEKEND {
            (WEEKEND, 0)
        } else {
            (run.min(7), depth.min(4))
        };
        Self(run << 4 | depth.min(3) << 2 | regularity | if depth == 4 { 3 << 2 } else { 0 })
    }

    /// Those much like it, where it is rarely seen: silences about as long, as deep as can be.
    fn kin(self) -> impl Iterator<Item = Self> {
        let (run, rest) = (self.0 >> 4, self.0 & 15);
        let deep = run != WEEKEND && rest >> 2 == 3;
        let from = if deep {
            run.saturating_sub(1).max(4)
        } else {
            run
        };
        let to = if deep { 7 } else { run };
        (from..=to.max(from)).map(move |run| Self(run << 4 | rest))
    }
}

/// Active hours by bin, in [`UNIT`]: 12 bits each, two in three bytes.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Bins(#[serde(with = "crate::analysis::save::array")] [[u8; 3]; 24]);

impl Bins {
    /// All of them in order.
    fn iter(&self) -> impl Iterator<Item = u16> + use<'_> {
        self.0.iter().flat_map(|&three| split(three))
    }

    fn get(&self, bin: usize) -> u16 {
        let [first, second] = self.0.get(bin / 2).copied().map_or([0; 2], split);
        if bin.is_multiple_of(2) { first } else { second }
    }

    fn add(&mut self, bin: usize, n: u16) {
        if let Some(three) = self.0.get_mut(bin / 2) {
            let [first, second] = split(*three);
            *three = if bin.is_multiple_of(2) {
                join([first + n, second])
            } else {
                join([first, second + n])
            };
        }
    }

    fn fade(&mut self) {
        for three in &mut self.0 {
            *three = join(split(*three).map(|n| (f64::from(n) * FADING) as u16));
        }
    }
}

fn split([a, b, c]: [u8; 3]) -> [u16; 2] {
    let (a, b, c) = (u16::from(a), u16::from(b), u16::from(c));
    [a << 4 | b >> 4, (b & 15) << 8 | c]
}

fn join(two: [u16; 2]) -> [u8; 3] {
    let [first, second] = two.map(|n| n.min(0xfff));
    [
        (first >> 4) as u8,
        ((first & 15) << 4 | second >> 8) as u8,
        second as u8,
    ]
}

/// A token's hours.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Rhythm {
    /// 24 hours (UTC) of working days, then of weekends.
    bins: Bins,
    /// The hour being counted, since the epoch; 0 before the first.
    hour: u32,
    calls: u16,
    /// Days on which it was active.
    days: u16,
    noted: bool,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            bins: Bins([[0; 3]; 24]),
            hour: 0,
            calls: 0,
            days: 0,
            noted: false,
        }
    }
}

/// The hour of the day and whether it is a weekend (the epoch was a Thursday).
const fn place(hour: u32) -> (usize, bool) {
    let day = hour / 24;
    ((hour % 24) as usize, (day + 3) % 7 >= 5)
}

impl Rhythm {
    /// Counts a call; returns a note if the hour is unusual.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let hour = scene.seconds() / 3_600;
        if hour > self.hour {
            if self.hour > 0 {
                self.catch_up(hour, scene.calls >= scene.thresholds.mature_calls, sums);
            }
            self.days += u16::from(hour / 24 != self.hour / 24 || self.hour == 0);
            (self.hour, self.calls, self.noted) = (hour, 0, false);
        }
        self.calls = self.calls.saturating_add(1);
        if !matches!(self.calls, 8 | 14 | 25 | 50) || !scene.ripe() || self.days < 6 {
            return None;
        }
        let total = self.total();
        let stratum = self.stratum(hour, total)?;
        if total < 3.0 * f64::from(self.days) {
            return None;
        }
        let p = scene.crowd.silence_broken(stratum);
        if p >= scene.thresholds.hours_p {
            return None;
        }
        self.noted = true;
        Some(Finding {
            severity: Some(Severity::Info),
            evidence: vec![
                evidence("observed_calls", f64::from(self.calls)),
                evidence("usual_calls", 0.0),
                evidence("most_ever_calls", 0.0),
                evidence("hour_utc", f64::from(hour % 24)),
                evidence("active_days", f64::from(scene.days)),
                evidence("p", p),
            ],
            ..scene.finding(Signal::Hours, -libm::log(p), 3_600)
        })
    }

    /// A broken silence together with an odd order of calls (`order`: its surprise): neither need be rare enough alone.
    pub(in crate::analysis) fn joined(
        &self,
        scene: &Scene<'_>,
        order: impl FnOnce() -> f64,
    ) -> Option<Finding> {
        // Most calls end here.
        if self.calls < BREAK_CALLS || !scene.ripe() {
            return None;
        }
        let order = order();
        if order < MIN_EACH || self.days < 6 {
            return None;
        }
        let total = self.total();
        if total < 3.0 * f64::from(self.days) {
            return None;
        }
        let p = scene.crowd.silence_broken(self.stratum(self.hour, total)?);
        let surprise = order - libm::log(p);
        if -libm::log(p) < MIN_EACH || surprise < -libm::log(scene.thresholds.hours_joint_p) {
            return None;
        }
        Some(Finding {
            severity: Some(Severity::Low),
            evidence: vec![
                evidence("observed_calls", f64::from(self.calls)),
                evidence("usual_calls", 0.0),
                evidence("most_ever_calls", 0.0),
                evidence("hour_utc", f64::from(self.hour % 24)),
                evidence("active_days", f64::from(scene.days)),
                evidence("p", p),
                evidence("order_p", libm::exp(-order)),
            ],
            ..scene.finding(Signal::Hours, surprise, 3_600)
        })
    }

    fn total(&self) -> f64 {
        f64::from(self.bins.iter().map(u32::from).sum::<u32>()) / UNIT
    }

    /// Counts the hours since the last one, and learns it.
    fn catch_up(&mut self, now: u32, known: bool, sums: &mut CrowdSums) {
        let from = self.hour.max(now.saturating_sub(MAX_HOURS));
        let known = known && self.days >= 5;
        let mut total = self.total();
        for hour in from..now {
            if known && let Some(stratum) = self.stratum(hour, total) {
                let broken = hour == self.hour && self.calls >= BREAK_CALLS && !self.noted;
                let sum = sums.silences.of(stratum);
                sum.0 += 1;
                sum.1 += u32::from(broken);
            }
            if hour == self.hour {
                let (at, weekend) = place(hour);
                let share = (f64::from(self.calls) / 3.0).min(1.0) * UNIT;
                let bin = at + if weekend { 24 } else { 0 };
                self.bins.add(bin, share as u16);
                total = self.total();
            }
            if hour % 24 == 23 {
                self.bins.fade();
                total = self.total();
            }
        }
    }

    /// The silence that an hour lies in; none if it lies in none or too little is known. `total`: of all bins.
    fn stratum(&self, hour: u32, total: f64) -> Option<Stratum> {
        if total < 12.0 {
            return None;
        }
        let days = f64::from(self.days);
        let regularity = if total < 3.0 * days {
            0
        } else if total < 5.0 * days {
            1
        } else {
            2
        };
        Some(Stratum::new(self.silence(hour, total)?, regularity))
    }

    fn silence(&self, hour: u32, total: f64) -> Option<(u8, u8)> {
        let (at, weekend) = place(hour);
        let bin = |n: usize| f64::from(self.bins.get(n)) / UNIT;
        if weekend && total >= 20.0 {
            let of_weekend: f64 = (24..48).map(bin).sum();
            if of_weekend < 0.003 * total {
                return Some((WEEKEND, 0));
            }
        }
        let limit = (0.012 * total).max(0.25);
        let silent = |at: usize| bin(at % 24) + bin(24 + at % 24) < limit;
        if !silent(at) {
            return None;
        }
        let before = (0..23).take_while(|&n| silent(at + 24 - n)).count();
        let after = (0..23).take_while(|&n| silent(at + n)).count();
        let depth = before.min(after);
        (depth >= 2).then_some((((before + after - 1) / 2).min(8) as u8, depth as u8))
    }
}

impl super::crowd::CrowdNorms {
    /// The probability that a token speaks in a silent hour of this stratum.
    fn silence_broken(&self, stratum: Stratum) -> f64 {
        let of = |Stratum(at): Stratum| self.silences.get(usize::from(at)).copied();
        let (mut hours, mut broken) = of(stratum).unwrap_or_default();
        if hours < 1_500.0 {
            (hours, broken) = stratum
                .kin()
                .filter_map(of)
                .fold((0.0, 0.0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
        }
        (broken + 0.5) / (hours + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_do_not_touch_each_other() {
        let mut bins = Bins([[0; 3]; 24]);
        for bin in 0..48 {
            bins.add(bin, 80 * u16::try_from(bin).unwrap());
        }
        bins.add(7, 4_000);
        let expected = |bin: u16| if bin == 7 { 0xfff } else { 80 * bin };
        assert!(bins.iter().eq((0..48).map(expected)));
        bins.fade();
        assert_eq!((bins.get(1), bins.get(47)), (74, 3_496));
    }
}

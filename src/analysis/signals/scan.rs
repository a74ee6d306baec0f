//! `path_scan`: a source asks for many paths that do not exist.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "short hashes and small counts"
)]

use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::book::Finding;
use crate::analysis::short::Exact;

/// Paths told apart in a span; more are as good as these: from 24 on the score is as high as can be.
const MAX_PATHS: usize = 36;
/// Seconds of a span.
const SPAN_SECONDS: u32 = 900;
/// What stray scanners ask for in a span, which everybody on the Internet sees.
const USUAL: f64 = 3.0;

/// Paths without an endpoint that one source asked for.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct ScanHabit {
    paths: Exact<u16>,
    since: u32,
    most: u16,
}

impl ScanHabit {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize = Exact::<u16>::most_bytes(MAX_PATHS);

    /// Looks at a call that was refused at an endpoint nobody ever succeeded at.
    pub(in crate::analysis) fn observe(&mut self, scene: &Scene<'_>) -> Option<Finding> {
        let path = scene.observation.refused_path?.0 as u16;
        if scene
            .number
            .is_some_and(|number| scene.crowd.users(number) > 0.0)
        {
            return None;
        }
        let now = scene.seconds();
        if now.saturating_sub(self.since) > SPAN_SECONDS {
            self.most = self.most.max(self.paths.len() as u16);
            self.paths.clear();
            self.since = now;
        }
        if self.paths.contains(&path) || self.paths.len() >= MAX_PATHS {
            return None;
        }
        self.paths.push(path);
        let n = self.paths.len() as f64;
        let surprise = if n > 2.0 * USUAL {
            n * libm::log(n / USUAL) - n + USUAL
        } else {
            0.0
        };
        let thresholds = scene.thresholds;
        if !scene.warm || surprise < -libm::log(thresholds.scan_p) {
            return None;
        }
        Some(Finding {
            evidence: vec![
                evidence("observed_paths", n),
                evidence("usual_paths", USUAL),
                evidence("most_ever_paths", f64::from(self.most)),
                evidence("window_seconds", f64::from(SPAN_SECONDS)),
            ],
            ..scene.finding(Signal::PathScan, surprise, u64::from(SPAN_SECONDS))
        })
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.paths.heap()
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut habit = Self::default();
        (0..MAX_PATHS).for_each(|path| habit.paths.push(path as u16));
        habit
    }
}

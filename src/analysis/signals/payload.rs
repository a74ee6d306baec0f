//! `payload_request`, `payload_response`: a body far larger than an endpoint ever takes or gives. Said at once.

#![allow(clippy::cast_precision_loss, reason = "sizes enter as logarithms")]

use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::baseline::{Spread, student_surprise};
use crate::analysis::book::Finding;
use crate::analysis::endpoint::EndpointEpoch;
use crate::analysis::fixed::Moments;
use crate::clock::EventTime;

/// Bodies remembered per endpoint and direction.
const MEMORY: f64 = 3_000.0;
/// Bodies smaller than this say nothing about sizes.
const MIN_BYTES: u64 = 64;
/// No endpoint's sizes are more regular than this (sd of the logarithm).
const SD_FLOOR: f64 = 0.3;
/// A size is learned as at most this many standard deviations above the mean.
const CLIP: f64 = 3.5;
/// How fast the largest logarithm fades, per body.
const MAX_FADES: f64 = 1e-6;

/// Log sizes of the bodies of one endpoint in one direction.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct SizeModel {
    spread: Spread,
    /// The largest that was learned (clipped), fading.
    max: f64,
    /// The largest ever, in bytes.
    most: u64,
    /// When the first body was seen.
    since: EventTime,
}

impl SizeModel {
    /// Learns the bodies of an epoch.
    pub(in crate::analysis) fn learn(&mut self, sizes: &Moments, most: u64, now: EventTime) {
        if sizes.count() == 0 {
            return;
        }
        if self.spread.n == 0.0 {
            self.since = now;
        }
        self.spread.absorb(sizes, MEMORY);
        self.max = (self.max - MAX_FADES * sizes.count() as f64).max(sizes.max());
        self.most = self.most.max(most);
    }

    /// As how much the logarithm of a size is learned at most.
    pub(in crate::analysis) fn most_learned(&self) -> f64 {
        self.spread.mean + CLIP * self.sd()
    }

    fn sd(&self) -> f64 {
        self.spread.sd().max(SD_FLOOR)
    }
}

/// Looks at both bodies of an exchange: adds their sizes to the epoch, and returns the more unusual of them. `models`: each
/// with its [`SizeModel::most_learned`].
pub(in crate::analysis) fn observe(
    scene: &Scene<'_>,
    models: &[(SizeModel, f64); 2],
    epoch: &mut EndpointEpoch,
) -> Option<Finding> {
    let observation = scene.observation;
    let failed = observation.outcome().0 >= 400;
    let response = if failed {
        0
    } else {
        observation.response_bytes
    };
    let bodies = [
        (Signal::PayloadRequest, observation.request_bytes),
        (Signal::PayloadResponse, response),
    ];
    let mut finding: Option<Finding> = None;
    for (((signal, bytes), (model, most_learned)), (sizes, most)) in bodies
        .into_iter()
        .zip(models)
        .zip(epoch.sizes.iter_mut().zip(&mut epoch.most_bytes))
    {
        if bytes < MIN_BYTES {
            continue;
        }
        let x = libm::log(bytes as f64);
        *most = (*most).max(bytes);
        if model.spread.n < f64::from(scene.thresholds.payload_min_samples) {
            sizes.add(x);
            continue;
        }
        sizes.add(x.min(*most_learned));
        // Most bodies end here.
        if !scene.warm || bytes <= scene.thresholds.payload_min_bytes {
            continue;
        }
        let found = test(scene, signal, (bytes, x), model);
        if found.as_ref().map(|f| f.surprise) > finding.as_ref().map(|f| f.surprise) {
            finding = found;
        }
    }
    finding
}

/// Of a body of so many bytes, of which `x` is the logarithm.
fn test(
    scene: &Scene<'_>,
    signal: Signal,
    (bytes, x): (u64, f64),
    model: &SizeModel,
) -> Option<Finding> {
    let thresholds = scene.thresholds;
    if x <= model.max + thresholds.payload_above_max {
        return None;
    }
    let z = (x - model.spread.mean) / model.sd();
    if z <= thresholds.payload_z + 6.0 / model.spread.n.sqrt() {
        return None;
    }
    let days = scene.now.nanos_since(model.since) as f64 / 86_400e9;
    Some(Finding {
        signal,
        subject: scene.subject(),
        time: scene.now,
        seconds: 0,
        surprise: student_surprise(z, model.spread.n.min(30.0)),
        severity: None,
        verdict: false,
        involved: scene.involved(),
        evidence: vec![
            evidence("observed_bytes", bytes as f64),
            evidence("usual_bytes", libm::round(libm::exp(model.spread.mean))),
            evidence("most_ever_bytes", model.most as f64),
            evidence("bodies_known", libm::round(model.spread.n)),
            evidence("known_days", libm::round(days * 10.0) / 10.0),
            evidence("z", libm::round(z * 100.0) / 100.0),
        ],
    })
}

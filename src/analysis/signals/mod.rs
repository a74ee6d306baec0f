//! The signals: what is unusual, against which usual.

/// When a signal alerts.
#[derive(Clone, Debug, Default)]
pub struct Thresholds {}

/// What the signals remember about one principal.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {}

/// Closed windows of the volume signal in one epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct VolumeSums {}

impl VolumeSums {
    pub(super) fn merge(&mut self, _other: &Self) {}
}

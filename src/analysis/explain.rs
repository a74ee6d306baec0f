//! One English sentence an alert: what was observed, what is usual, the most ever seen, and over how long.

use super::alert::Alert;
use crate::observation::Names;

/// The sentence, from the alert's evidence alone.
pub fn sentence(alert: &Alert, _names: &dyn Names) -> String {
    let facts: Vec<_> = alert
        .evidence
        .iter()
        .map(|evidence| format!("{} {}", evidence.name.replace('_', " "), evidence.value))
        .collect();
    format!(
        "{}: {}",
        alert.signal.name().replace('_', " "),
        facts.join(", ")
    )
}

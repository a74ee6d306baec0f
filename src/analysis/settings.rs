//! What the analysis room may be told: limits with their units, and the thresholds of the signals.

use std::sync::Arc;

use super::clip::{ClipPlan, LearnedBoard};
use super::insight::HistoryLimits;
use super::principal;
use super::save::SaveSettings;
use super::signals::Thresholds;
use super::window::Window;

/// Settings of the analysis room.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether [`Output::Rows`](super::Output::Rows) are wanted (records).
    pub rows: bool,
    /// Tokens whose habits are kept at once; the least recently seen go first.
    pub max_tokens: usize,
    /// Clients without a token whose habits are kept at once. Apart from tokens, so that a scan from many addresses
    /// cannot push tokens out.
    pub max_clients: usize,
    /// Endpoints that are told apart; later ones count as [`OTHER_ENDPOINT`](super::endpoint::OTHER_ENDPOINT).
    pub max_endpoints: usize,
    /// Endpoints remembered per principal. Beyond it a principal no longer counts among the users of an endpoint.
    pub max_endpoints_per_principal: usize,
    /// Tokens that are known in detail, the busiest: heartbeat, peaks, load by endpoint (0.9 KiB each, and 64 bytes an endpoint).
    pub max_profiles: usize,
    /// How much history is kept; none where nobody reads it.
    pub history: Option<HistoryLimits>,
    /// Lines of the sensitive-data map per shard.
    pub max_sensitive_per_shard: usize,
    /// Lines of the inventory (fields by endpoint) per shard.
    pub max_inventory_per_shard: usize,
    /// Whether templates are learned from paths; not where they are known from elsewhere.
    pub learn_templates: bool,
    /// Whether there are documents: then an endpoint that none of them has is a shadow, and not just new.
    pub has_documents: bool,
    /// Texts waiting for admission per shard; the longest unused go first.
    pub max_texts_per_shard: usize,
    /// Observations answered 403 that a shard may put off to their client's shard in one epoch.
    pub max_deferred_per_shard: usize,
    /// Distinct principals that must have used a text before it may be shown (`anonymize.k`).
    pub k: usize,
    /// What public metrics are made of; none where nothing is released (`replay`): then there are no
    /// [`Output::Window`](super::Output::Window)s.
    pub release: Option<ReleaseSums>,
    /// Seconds of packet time between two summaries, rounded up to epochs; none: only the last one.
    pub summary_seconds: Option<u64>,
    /// When state is saved; none: never, and there is no [`Output::State`](super::Output::State).
    pub save: Option<SaveSettings>,
    /// Principals listed in a summary.
    pub summary_principals: usize,
    /// Alerts remembered for summaries; the oldest go first.
    pub max_alerts: usize,
    /// Outputs that may wait for their reader; beyond it, workers wait.
    pub max_outputs: usize,
    /// When a signal alerts.
    pub thresholds: Thresholds,
}

/// What the clip of each shard starts from.
#[derive(Clone, Debug)]
pub struct ReleaseSums {
    /// Public parameters.
    pub plan: Arc<ClipPlan>,
    /// The last window that the ledger knows, if any.
    pub high_water: Option<Window>,
    /// Where learned endpoints are posted.
    pub board: Arc<LearnedBoard>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rows: false,
            max_tokens: 100_000,
            max_clients: 100_000,
            max_endpoints: 4_096,
            max_endpoints_per_principal: principal::ENDPOINTS,
            max_profiles: 8_192,
            history: None,
            max_sensitive_per_shard: 2_048,
            max_inventory_per_shard: 4_096,
            learn_templates: true,
            has_documents: false,
            max_texts_per_shard: 2_048,
            max_deferred_per_shard: 1_024,
            k: 5,
            release: None,
            summary_seconds: None,
            save: None,
            summary_principals: 1_000,
            max_alerts: 10_000,
            max_outputs: 16,
            thresholds: Thresholds::default(),
        }
    }
}

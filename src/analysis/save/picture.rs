//! What summaries show since the start, over a restart: totals, the last alerts, and the history.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Forgotten, Renumbering};
use crate::analysis::alert::{Alert, Subject};
use crate::analysis::endpoint::EndpointTotals;
use crate::analysis::insight::{Keeper, Sealed, Segment};
use crate::analysis::population::Snapshot;
use crate::analysis::share::{Share, Totals};
use crate::clock::Tick;
use crate::observation::{EndpointId, PrincipalKey, RuleId};

/// What is kept of the picture, except what shards know and the sealed parts of the history.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Picture {
    pub(in crate::analysis) sums: Sums,
    pub(in crate::analysis) alerts: VecDeque<Alert>,
    pub(in crate::analysis) history: Option<Keeper>,
    /// Sealed minutes and hours, which follow in sections of their own.
    sealed: (u32, u32),
}

/// The same in the same order, at work.
#[derive(serde::Serialize)]
struct Borrowed<'a> {
    sums: &'a Sums,
    alerts: &'a VecDeque<Alert>,
    history: Option<&'a Keeper>,
    sealed: (u32, u32),
}

/// Totals of all workers.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Sums {
    pub(in crate::analysis) totals: Totals,
    pub(in crate::analysis) endpoints: BTreeMap<EndpointId, EndpointTotals>,
}

impl Sums {
    /// Adds those of one worker; the order in which they come does not matter.
    pub(in crate::analysis) fn add(&mut self, share: &Share, snapshot: &Snapshot) {
        self.totals.merge(&share.totals);
        for (endpoint, totals) in share.endpoint_totals(snapshot) {
            self.endpoints.entry(endpoint).or_default().merge(totals);
        }
    }
}

/// The picture as bytes, and the sealed parts of its history.
pub(in crate::analysis) fn encode(
    sums: &Sums,
    alerts: &VecDeque<Alert>,
    history: Option<&Keeper>,
) -> (Vec<u8>, Sealed) {
    let sealed = history.map(Keeper::sealed).unwrap_or_default();
    let [minutes, hours] = sealed.each_ref().map(|parts| number(parts.len()));
    let bytes = super::encode(&Borrowed {
        sums,
        alerts,
        history,
        sealed: (minutes, hours),
    });
    (bytes, sealed)
}

impl Picture {
    /// Puts back the sealed parts of the history; none if these are not as many as there were.
    pub(in crate::analysis) fn with_sealed(mut self, parts: Vec<Segment>) -> Option<Self> {
        let (minutes, hours) = self.sealed;
        if number(parts.len()) != minutes.checked_add(hours)? {
            return None;
        }
        let mut parts = parts.into_iter().map(Arc::new);
        let minutes = parts.by_ref().take(minutes as usize).collect();
        let sealed = [minutes, parts.collect()];
        self.history = self.history.map(|keeper| keeper.with_sealed(sealed));
        Some(self)
    }

    /// The last moment that it covers.
    pub(in crate::analysis) fn last(&self) -> Tick {
        self.sums.totals.last.tick()
    }

    pub(in crate::analysis) fn forget(&mut self, key: PrincipalKey, gone: &mut Forgotten) {
        let before = self.alerts.len();
        self.alerts.retain(|alert| !concerns(alert, key));
        gone.alerts += before - self.alerts.len();
        if let Some(history) = &mut self.history {
            gone.history += history.forget(key);
        }
    }

    pub(in crate::analysis) fn renumber(&mut self, numbers: &Renumbering) {
        let rules = std::mem::take(&mut self.sums.totals.rules);
        for (rule, hits) in (0..).map(RuleId).zip(rules) {
            if let Some(RuleId(rule)) = numbers.rule(rule) {
                self.sums.totals.add_hits(rule, hits);
            }
        }
        for totals in self.sums.endpoints.values_mut() {
            totals.service = numbers.service(totals.service);
        }
        for alert in &mut self.alerts {
            alert.service = alert.service.map(|old| numbers.service(old));
            let exposed = alert.exposed.take();
            alert.exposed = exposed.and_then(|(kind, place)| Some((numbers.kind(kind)?, place)));
        }
        if let Some(history) = &mut self.history {
            history.renumber(numbers);
        }
    }
}

fn concerns(alert: &Alert, key: PrincipalKey) -> bool {
    let about = match alert.subject {
        Subject::Token(about) | Subject::Client(about) => about == key,
        Subject::Endpoint(_) => false,
    };
    about || alert.token == Some(key) || alert.client == Some(key)
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

//! What all principals together teach: endpoints, admitted texts, baselines. It moves in epochs of [`EPOCH_SECONDS`].
//!
//! Within an epoch every worker adds integer sums; they commute, so it does not matter who adds first. When all have added
//! theirs, the epoch is closed by whoever came last, in the order of ids, and an immutable [`Snapshot`] is published.
//! Observations of epoch k are scored against the snapshot of epoch k-1.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::admission::{Admissions, AdmittedTexts};
use super::alert::Alert;
use super::endpoint::{EndpointEpoch, OTHER_ENDPOINT};
use super::keyed::KeyedMap;
use super::settings::Settings;
use super::shard::Deferred;
use super::share::{EpochSums, Place, Share};
use crate::clock::{EventTime, Tick};
use crate::observation::{Admitted, EndpointId};
use crate::tally::{Tally, TallySheet};

/// Seconds of an epoch.
pub(super) const EPOCH_SECONDS: u64 = 10;

/// The number of the epoch a tick lies in.
pub(super) const fn epoch_of(tick: Tick) -> u64 {
    tick.0 / EPOCH_SECONDS
}

/// The population at the end of an epoch. Shared, immutable.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// First moment ever seen.
    pub(super) started: Option<EventTime>,
    /// Texts that may be shown.
    pub(super) texts: AdmittedTexts,
    numbers: Arc<KeyedMap<EndpointId>>,
    ids: Arc<[EndpointId]>,
}

impl Snapshot {
    /// The number of an endpoint that is told apart.
    pub(super) fn endpoint_number(&self, endpoint: EndpointId) -> Option<usize> {
        self.numbers.get(endpoint)
    }

    /// The endpoint behind a number.
    pub(super) fn endpoint_id(&self, number: usize) -> Option<EndpointId> {
        self.ids.get(number).copied()
    }

    /// Texts that may be shown.
    pub(super) fn admitted(&self) -> &Admitted {
        &self.texts.list
    }
}

/// What an epoch leaves behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Closed {
    /// Knowledge for the next epoch.
    pub(super) snapshot: Arc<Snapshot>,
    /// Observations that count to their client in the next epoch, in order.
    pub(super) deferred: Arc<[Deferred]>,
}

/// The knowledge about the population and the sums of the open epoch.
#[derive(Debug, Default)]
pub(super) struct Population {
    started: Option<EventTime>,
    ids: Vec<EndpointId>,
    numbers: KeyedMap<EndpointId>,
    sums: Vec<EndpointEpoch>,
    touched: BTreeSet<usize>,
    newcomers: BTreeMap<EndpointId, EndpointEpoch>,
    texts: Admissions,
    epoch: EpochSums,
    snapshot: Arc<Snapshot>,
}

impl Population {
    pub(super) fn new() -> Self {
        let mut population = Self::default();
        population.enlist(OTHER_ENDPOINT);
        population
    }

    /// Adds a worker's share of the open epoch and clears it there.
    pub(super) fn absorb(&mut self, share: &mut Share) {
        let (sums, touched, newcomers) = (&mut self.sums, &mut self.touched, &mut self.newcomers);
        share.drain_endpoints(|place, epoch| match place {
            Place::Known(number) => {
                if let Some(sum) = sums.get_mut(number) {
                    sum.merge(epoch);
                    touched.insert(number);
                }
            }
            Place::Newcomer(endpoint) => newcomers.entry(endpoint).or_default().merge(epoch),
        });
        let more = std::mem::take(&mut share.epoch);
        self.epoch.first = match (self.epoch.first, more.first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        for (text, change) in more.texts {
            *self.epoch.texts.entry(text).or_default() += change;
        }
        self.epoch.deferred.extend(more.deferred);
        self.epoch.volume.merge(&more.volume);
    }

    /// Closes the epoch: learns, scores what concerns everybody, publishes.
    pub(super) fn close(
        &mut self,
        settings: &Settings,
        tally: &TallySheet,
        _alerts: &mut Vec<Alert>,
    ) -> Closed {
        let epoch = std::mem::take(&mut self.epoch);
        self.started = self.started.or(epoch.first);
        let known = self.ids.len();
        self.admit_newcomers(settings, tally);
        let texts_changed = self.texts.absorb(&epoch.texts, settings.k);
        for number in std::mem::take(&mut self.touched) {
            if let Some(sum) = self.sums.get_mut(number) {
                *sum = EndpointEpoch::default();
            }
        }
        self.publish(self.ids.len() != known, texts_changed);
        let mut deferred = epoch.deferred;
        deferred.sort_unstable_by_key(|deferred| deferred.observation.order());
        Closed {
            snapshot: Arc::clone(&self.snapshot),
            deferred: deferred.into(),
        }
    }

    fn admit_newcomers(&mut self, settings: &Settings, tally: &TallySheet) {
        let mut newcomers: Vec<_> = std::mem::take(&mut self.newcomers).into_iter().collect();
        // The first to succeed find room first: scans for paths that do not exist must not fill the table.
        newcomers.sort_by_key(|(endpoint, epoch)| (epoch.first_ok, *endpoint));
        for (endpoint, epoch) in newcomers {
            let number = if self.ids.len() <= settings.max_endpoints {
                self.enlist(endpoint)
            } else {
                tally.one(Tally::LimitEndpoints);
                0
            };
            if let Some(sum) = self.sums.get_mut(number) {
                sum.merge(&epoch);
                self.touched.insert(number);
            }
        }
    }

    fn enlist(&mut self, endpoint: EndpointId) -> usize {
        let number = self.ids.len();
        self.ids.push(endpoint);
        self.numbers.insert(endpoint, number);
        self.sums.push(EndpointEpoch::default());
        number
    }

    fn publish(&mut self, endpoints_changed: bool, texts_changed: bool) {
        let mut snapshot = Snapshot::clone(&self.snapshot);
        snapshot.started = self.started;
        if endpoints_changed {
            snapshot.ids = self.ids.clone().into();
            snapshot.numbers = Arc::new(self.numbers.clone());
        }
        if texts_changed {
            snapshot.texts = self.texts.publish();
        }
        self.snapshot = Arc::new(snapshot);
    }
}

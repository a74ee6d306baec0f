//! The population's state over a restart.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::{Changes, Closed, EndpointModel, Population, Snapshot};
use crate::analysis::admission::{Admissions, TextChanges};
use crate::analysis::book::AlertBook;
use crate::analysis::endpoint::{EndpointEpoch, OTHER_ENDPOINT};
use crate::analysis::keyed::KeyedMap;
use crate::analysis::routes::Learner;
use crate::analysis::save::{self, Forgotten, Renumbering};
use crate::analysis::settings::Settings;
use crate::analysis::signals::crowd::{Crowd, CrowdNorms};
use crate::analysis::signals::exposure::Told;
use crate::analysis::signals::schema::SchemaNorms;
use crate::analysis::signals::shadow::Shadows;
use crate::clock::EventTime;
use crate::observation::{EndpointId, PrincipalKey};

/// What is kept of the population.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct PopulationState {
    started: Option<EventTime>,
    ids: Vec<EndpointId>,
    endpoints: Vec<EndpointModel>,
    born: usize,
    watched: BTreeSet<usize>,
    crowd_norms: CrowdNorms,
    crowd: Crowd,
    hour: Option<u64>,
    book: AlertBook,
    told: Told,
    shadows: Shadows,
    schema: SchemaNorms,
    texts: Admissions,
    routes: Learner,
    encrypted: bool,
}

/// The same in the same order, of a population at work.
#[derive(Serialize)]
struct Borrowed<'a> {
    started: Option<EventTime>,
    ids: &'a [EndpointId],
    endpoints: &'a [EndpointModel],
    born: usize,
    watched: &'a BTreeSet<usize>,
    crowd_norms: &'a CrowdNorms,
    crowd: &'a Crowd,
    hour: Option<u64>,
    book: &'a AlertBook,
    told: &'a Told,
    shadows: &'a Shadows,
    schema: &'a SchemaNorms,
    texts: &'a Admissions,
    routes: &'a Learner,
    encrypted: bool,
}

impl Population {
    /// The endpoints that are told apart, and the state as bytes.
    pub(in crate::analysis) fn save(&self) -> (Vec<EndpointId>, Vec<u8>) {
        let state = Borrowed {
            started: self.started,
            ids: &self.ids,
            endpoints: &self.endpoints,
            born: self.born,
            watched: &self.watched,
            crowd_norms: &self.snapshot.crowd,
            crowd: &self.crowd,
            hour: self.hour,
            book: &self.book,
            told: &self.told,
            shadows: &self.shadows,
            schema: &self.schema,
            texts: &self.texts,
            routes: &self.routes,
            encrypted: self.encrypted,
        };
        (self.ids.clone(), save::encode(&state))
    }

    /// One that goes on from `state`, and what it has published.
    pub(in crate::analysis) fn restore(
        settings: &Settings,
        state: PopulationState,
        time: EventTime,
    ) -> (Self, Closed) {
        let mut restored = Self::new(settings);
        restored.numbers = KeyedMap::default();
        for (number, &id) in state.ids.iter().enumerate() {
            restored.numbers.insert(id, number);
        }
        restored.sums = state.ids.iter().map(|_| EndpointEpoch::default()).collect();
        restored.started = state.started;
        restored.ids = state.ids;
        restored.endpoints = state.endpoints;
        restored.born = state.born;
        restored.watched = state.watched;
        restored.crowd = state.crowd;
        restored.book = state.book;
        restored.told = state.told;
        restored.shadows = state.shadows;
        restored.schema = state.schema;
        restored.texts = state.texts;
        restored.encrypted = state.encrypted;
        restored.routes = state.routes;
        let templates = Some(restored.routes.in_force());
        restored.hour = state.hour;
        restored.snapshot = Arc::new(Snapshot {
            crowd: Arc::new(state.crowd_norms),
            schema: restored.schema.clone(),
            ..Snapshot::default()
        });
        // The norms in force stay until the next full hour.
        let end = state.hour.map_or(time, |hour| {
            EventTime::from_secs(hour.saturating_mul(3_600))
        });
        restored.publish(Changes {
            endpoints: true,
            texts: true,
            templates,
            end,
        });
        let closed = Closed {
            snapshot: Arc::clone(&restored.snapshot),
            ..Closed::default()
        };
        (restored, closed)
    }
}

impl PopulationState {
    /// Whether its lists belong together.
    pub(in crate::analysis) fn is_sound(&self) -> bool {
        self.ids.len() == self.endpoints.len()
            && self.ids.first() == Some(&OTHER_ENDPOINT)
            && self.routes.is_sound()
    }

    pub(in crate::analysis) fn ids(&self) -> &[EndpointId] {
        &self.ids
    }

    pub(in crate::analysis) fn drop_numbered(&mut self) {
        self.told = Told::default();
        self.routes = Learner::default();
    }

    pub(in crate::analysis) fn renumber(&mut self, numbers: &Renumbering) {
        for model in &mut self.endpoints {
            model.service = numbers.service(model.service);
        }
    }

    pub(in crate::analysis) fn forget(
        &mut self,
        key: PrincipalKey,
        gone: &mut Forgotten,
        changes: &mut TextChanges,
    ) {
        // Users only go: nothing can be admitted by it.
        gone.texts += changes.len();
        self.texts.absorb(changes, usize::MAX);
        gone.alerts += self.book.forget(key);
        for model in &mut self.endpoints {
            gone.endpoints += usize::from(model.newness.forget(key));
        }
    }
}

//! What all principals together teach: endpoints, admitted texts, baselines. It moves in epochs of [`EPOCH_SECONDS`].
//!
//! Within an epoch every worker adds integer sums; they commute, so it does not matter who adds first. When all have added
//! theirs, the epoch is closed by whoever came last, in the order of ids, and an immutable [`Snapshot`] is published.
//! Observations of epoch k are scored against the snapshot of epoch k-1.

mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) use state::PopulationState;

use super::admission::{Admissions, AdmittedTexts};
use super::alert::{Alert, Signal};
use super::book::{AlertBook, Finding, Involved};
use super::endpoint::{EndpointEpoch, OTHER_ENDPOINT};
use super::insight::{History, Keeper};
use super::keyed::KeyedMap;
use super::routes::Learner;
use super::settings::Settings;
use super::shard::Deferred;
use super::share::{EpochSums, Place, Share, note_path};
use super::signals::Thresholds;
use super::signals::crowd::{Crowd, CrowdNorms};
use super::signals::errors::ErrorModel;
use super::signals::exposure::Told;
use super::signals::latency::{LatencyModel, LatencyNorm};
use super::signals::newness::{Newness, Surroundings};
use super::signals::payload::SizeModel;
use super::signals::schema::SchemaNorms;
use super::signals::shadow::Shadows;
use crate::clock::{EventTime, Tick};
use crate::observation::{Admitted, EndpointId, Route, ServiceId, Templates};
use crate::tally::{Tally, TallySheet};

/// Seconds of an epoch.
pub(super) const EPOCH_SECONDS: u64 = 10;

/// The number of the epoch a tick lies in.
pub(super) const fn epoch_of(tick: Tick) -> u64 {
    tick.0 / EPOCH_SECONDS
}

/// The end of an epoch.
pub(super) const fn epoch_end(epoch: u64) -> EventTime {
    EventTime::from_secs(epoch.saturating_add(1).saturating_mul(EPOCH_SECONDS))
}

/// The population at the end of an epoch. Shared, immutable.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// First moment ever seen.
    pub(super) started: Option<EventTime>,
    /// Texts that may be shown.
    pub(super) texts: AdmittedTexts,
    /// Whether any traffic was inside TLS.
    pub(super) encrypted: bool,
    /// What is usual where documents have rules.
    pub(super) schema: SchemaNorms,
    /// What was learned about paths, and how often that changed.
    pub(super) templates: (Templates, u64),
    /// What all tokens together have taught, hourly.
    pub(super) crowd: Arc<CrowdNorms>,
    endpoints: Vec<EndpointNorm>,
    /// Of an endpoint of which nothing is known.
    unknown: EndpointNorm,
    numbers: Arc<KeyedMap<EndpointId>>,
    ids: Arc<[EndpointId]>,
}

/// What is known about an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndpointNorm {
    /// Sizes of bodies: request, response. Each with the most that is learned.
    pub(super) sizes: [(SizeModel, f64); 2],
    /// How long answers take.
    pub(super) latency: LatencyNorm,
    /// The share of calls that are refused for a field.
    pub(super) refused: f64,
}

impl Default for EndpointNorm {
    fn default() -> Self {
        Self {
            sizes: Default::default(),
            latency: LatencyNorm::default(),
            refused: 1.0 / 12.0,
        }
    }
}

impl Snapshot {
    /// What is known about an endpoint.
    pub(super) fn norm(&self, place: Place) -> &EndpointNorm {
        let known = match place {
            Place::Known(number) => self.endpoints.get(number),
            Place::Newcomer(_) => None,
        };
        known.unwrap_or(&self.unknown)
    }

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

/// What is learned about one endpoint, all of it in place.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct EndpointModel {
    sizes: [SizeModel; 2],
    errors: [ErrorModel; 2],
    newness: Newness,
    latency: LatencyModel,
    /// Calls that say something about refusals for a field, and refused ones, fading.
    refusals: [f64; 2],
    /// Calls, and attempts to log in among them.
    logins: (u64, u64),
    /// When it was first called, in seconds.
    born: u64,
    /// Principals that ever succeeded.
    users: u64,
    service: ServiceId,
    /// Its path in words of the vocabulary and classes; none where a document or a hint has it.
    path: Route,
}

/// Most bytes of one endpoint: what is learned, what it says and the sums of the open epoch, in lists with as much room again;
/// in the snapshot what it says; in both its name, and its number in an index of which 7 in 16 places are used at least.
const MOST_BYTES_OF_ENDPOINT: usize = 2
    * (size_of::<EndpointModel>() + size_of::<EndpointNorm>() + size_of::<EndpointEpoch>())
    + size_of::<EndpointNorm>()
    + 3 * size_of::<EndpointId>()
    + 2 * (1 + size_of::<(EndpointId, u32)>()) * 16 / 7;

const _: () = assert!(
    MOST_BYTES_OF_ENDPOINT <= 3 << 10,
    "an endpoint may take more than is said"
);

/// The knowledge about the population and the sums of the open epoch.
#[derive(Debug, Default)]
pub(super) struct Population {
    started: Option<EventTime>,
    ids: Vec<EndpointId>,
    numbers: KeyedMap<EndpointId>,
    endpoints: Vec<EndpointModel>,
    sums: Vec<EndpointEpoch>,
    /// Endpoints that ever answered with success.
    born: usize,
    /// Endpoints whose newness is still to be judged.
    watched: BTreeSet<usize>,
    crowd: Crowd,
    /// Hours since the epoch when the norms of the crowd were made last.
    hour: Option<u64>,
    book: AlertBook,
    told: Told,
    shadows: Shadows,
    schema: SchemaNorms,
    /// Numbers of the endpoints called in the open epoch, in any order.
    touched: Vec<usize>,
    newcomers: BTreeMap<EndpointId, EndpointEpoch>,
    texts: Admissions,
    routes: Learner,
    epoch: EpochSums,
    snapshot: Arc<Snapshot>,
    /// The snapshot before: nobody needs it any more, so it is brought up to date and becomes the next one.
    spare: Option<Arc<Snapshot>>,
    /// What this epoch changed, and the last one, which the spare lacks.
    changed: ByEndpoint,
    lately: ByEndpoint,
    /// Nothing put off.
    nothing: Arc<[Deferred]>,
    encrypted: bool,
    history: Option<Keeper>,
}

impl Population {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut population = Self {
            history: settings.history.map(Keeper::new),
            ..Self::default()
        };
        population.enlist(OTHER_ENDPOINT, Route::NONE, EventTime::ZERO);
        population
    }

    /// Adds a worker's share of the open epoch and clears it there.
    pub(super) fn absorb(&mut self, share: &mut Share) {
        let (sums, touched, newcomers) = (&mut self.sums, &mut self.touched, &mut self.newcomers);
        share.drain_endpoints(|place, epoch| match place {
            Place::Known(number) => {
                if let Some(sum) = sums.get_mut(number) {
                    if sum.seen == 0 {
                        std::mem::swap(sum, epoch);
                    } else {
                        sum.merge(epoch);
                    }
                    touched.push(number);
                }
            }
            Place::Newcomer(endpoint) => newcomers.entry(endpoint).or_default().merge(epoch),
        });
        let more = &mut share.epoch;
        self.epoch.first = match (self.epoch.first, more.first.take()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let texts = &mut self.epoch.texts;
        texts.drain_from(&mut more.texts, |sum, change| *sum += change);
        self.epoch.deferred.append(&mut more.deferred);
        self.epoch.crowd.drain_from(&mut more.crowd);
        self.epoch.exposures.absorb(&mut more.exposures);
        self.epoch.shadows.absorb(&mut more.shadows);
        self.epoch.schema.absorb(&mut more.schema);
        self.epoch.routes.absorb(&mut more.routes);
        for (endpoint, path) in std::mem::take(&mut more.made) {
            note_path(&mut self.epoch.made, endpoint, path);
        }
        self.encrypted |= std::mem::take(&mut more.encrypted);
        if self.history.is_some() {
            self.epoch.history.append(std::mem::take(&mut more.history));
        }
    }

    /// The history so far, if one is kept.
    pub(super) fn history(&self) -> History {
        self.history.as_ref().map(Keeper::view).unwrap_or_default()
    }

    /// Drops alerts and history from before `oldest`.
    pub(super) fn expire(&mut self, oldest: EventTime) {
        self.book.expire(oldest);
        if let Some(keeper) = &mut self.history {
            keeper.expire(oldest.secs());
        }
    }

    /// The history, if one is kept.
    pub(super) const fn keeper(&self) -> Option<&Keeper> {
        self.history.as_ref()
    }

    /// Goes on with a history, if one is kept; none: it begins.
    pub(super) fn resume_history(&mut self, settings: &Settings, kept: Option<Keeper>) {
        self.history = settings.history.map(|limits| match kept {
            Some(kept) => kept.limited(limits),
            None => Keeper::new(limits),
        });
    }

    /// Closes the epoch: learns, scores what concerns everybody, publishes. `last` says that it is the last.
    pub(super) fn close(
        &mut self,
        settings: &Settings,
        (end, last): (EventTime, bool),
        tally: &TallySheet,
        alerts: &mut Vec<Alert>,
    ) -> Closed {
        self.started = self.started.or(self.epoch.first.take());
        let known = self.ids.len();
        self.admit_newcomers(settings, end, tally);
        let texts_changed = self.texts.absorb(&mut self.epoch.texts, settings.k);
        self.tell_shadows(&settings.thresholds, end, alerts);
        let schema = &mut self.epoch.schema;
        self.schema.learn(schema, end, &mut self.changed.rules);
        self.learn_endpoints(end, &settings.thresholds, alerts);
        let lessons = &mut self.epoch.routes;
        let templates = if settings.learn_templates {
            self.routes.learn(lessons, (settings.k, last), tally)
        } else {
            lessons.clear();
            None
        };
        self.crowd.learn(&mut self.epoch.crowd);
        let exposed = self.told.news(&mut self.epoch.exposures, self.started, end);
        for finding in exposed {
            alerts.extend(self.raise(finding, &settings.thresholds));
        }
        if let Some(keeper) = &mut self.history {
            let history = std::mem::take(&mut self.epoch.history);
            tally.add(Tally::LimitHistory, keeper.close_epoch(history, end));
        }
        self.publish(Changes {
            endpoints: self.ids.len() != known,
            texts: texts_changed,
            templates,
            end,
        });
        Closed {
            snapshot: Arc::clone(&self.snapshot),
            deferred: self.put_off(),
        }
    }

    /// What was put off to the next epoch, in order.
    fn put_off(&mut self) -> Arc<[Deferred]> {
        if self.epoch.deferred.is_empty() {
            return Arc::clone(&self.nothing);
        }
        let mut deferred = std::mem::take(&mut self.epoch.deferred);
        deferred.sort_unstable_by_key(|deferred| deferred.observation.order());
        deferred.into()
    }

    fn tell_shadows(&mut self, thresholds: &Thresholds, end: EventTime, alerts: &mut Vec<Alert>) {
        let learned = thresholds.warm(self.started, end);
        let news = self
            .shadows
            .news(&mut self.epoch.shadows, self.started, learned);
        for finding in news {
            alerts.extend(self.raise(finding, thresholds));
        }
    }

    /// Turns a finding into an alert, if it is news; its endpoint is told by what was learned up to the last epoch.
    fn raise(&mut self, finding: Finding, thresholds: &Thresholds) -> Option<Alert> {
        let mut alert = self.book.raise(finding, thresholds)?;
        let number = alert.about().and_then(|id| self.numbers.get(id));
        let model = number.and_then(|number| self.endpoints.get(number));
        let (templates, _) = &self.snapshot.templates;
        alert.template = model
            .filter(|model| !model.path.is_empty())
            .map(|model| templates.template(model.service, &model.path));
        Some(alert)
    }

    fn admit_newcomers(&mut self, settings: &Settings, end: EventTime, tally: &TallySheet) {
        if self.newcomers.is_empty() {
            return;
        }
        let mut newcomers: Vec<_> = std::mem::take(&mut self.newcomers).into_iter().collect();
        // The first to succeed find room first: scans for paths that do not exist must not fill the table.
        newcomers.sort_by_key(|(endpoint, epoch)| {
            (epoch.first_call.is_none(), epoch.first_call, *endpoint)
        });
        let made = std::mem::take(&mut self.epoch.made);
        for (endpoint, epoch) in newcomers {
            let number = if self.ids.len() <= settings.max_endpoints {
                let path = made.get(&endpoint).copied();
                self.enlist(endpoint, path.unwrap_or(Route::NONE), end)
            } else {
                tally.one(Tally::LimitEndpoints);
                0
            };
            if let Some(sum) = self.sums.get_mut(number) {
                sum.merge(&epoch);
                self.touched.push(number);
            }
        }
    }

    fn enlist(&mut self, endpoint: EndpointId, path: Route, since: EventTime) -> usize {
        let number = self.ids.len();
        self.ids.push(endpoint);
        self.numbers.insert(endpoint, number);
        self.sums.push(EndpointEpoch::default());
        let model = EndpointModel {
            sizes: [SizeModel::default(); 2],
            errors: [ErrorModel::new(0, since), ErrorModel::new(1, since)],
            newness: Newness::default(),
            latency: LatencyModel::default(),
            refusals: [12.0, 1.0],
            logins: (0, 0),
            born: since.secs(),
            users: 0,
            service: ServiceId::default(),
            path,
        };
        self.endpoints.push(model);
        number
    }

    /// Scores and learns what the epoch brought, in the order of endpoint numbers.
    fn learn_endpoints(
        &mut self,
        end: EventTime,
        thresholds: &Thresholds,
        alerts: &mut Vec<Alert>,
    ) {
        let around = Surroundings {
            started: self.started,
            now: end,
            endpoints: self.born,
            thresholds,
        };
        let mut numbers = std::mem::take(&mut self.touched);
        numbers.extend(&self.watched);
        numbers.sort_unstable();
        numbers.dedup();
        for &number in &numbers {
            let id = self.ids.get(number).copied();
            let model = self.endpoints.get_mut(number);
            let (Some(id), Some(model), Some(sum)) = (id, model, self.sums.get_mut(number)) else {
                continue;
            };
            if id == OTHER_ENDPOINT {
                sum.clear();
                continue;
            }
            self.born += usize::from(model.newness == Newness::Unborn && sum.first_call.is_some());
            let findings = model.learn(id, sum, around);
            sum.clear();
            if model.newness.is_watched() {
                self.watched.insert(number);
            } else if !self.watched.is_empty() {
                self.watched.remove(&number);
            }
            // What no document has is no news again as a new endpoint.
            let shadow = self.shadows.has(id);
            let told = |finding: &Finding| shadow && finding.signal == Signal::NewEndpoint;
            for finding in findings.into_iter().filter(|f| !told(f)) {
                alerts.extend(self.raise(finding, thresholds));
            }
        }
        self.changed.norms.append(&mut numbers);
        self.touched = numbers;
    }

    /// What all tokens together have taught so far.
    fn crowd_norms(&mut self) -> CrowdNorms {
        let users = |model: &EndpointModel| u32::try_from(model.users).unwrap_or(u32::MAX);
        let endpoints = self.endpoints.iter();
        let endpoints: Vec<_> = endpoints.map(|model| (users(model), model.born)).collect();
        self.crowd.norms(&self.snapshot.crowd, &endpoints)
    }

    fn publish(&mut self, changes: Changes) {
        let mut next = self.spare.take();
        let spare = next.as_mut().and_then(Arc::get_mut);
        match spare {
            Some(spare) => spare.follow(&self.snapshot, &self.lately),
            None => next = Some(Arc::new(Snapshot::clone(&self.snapshot))),
        }
        let mut next = next.unwrap_or_default();
        // Nobody else has it.
        let snapshot = Arc::make_mut(&mut next);
        snapshot.started = self.started;
        snapshot.encrypted = self.encrypted;
        for &endpoint in &self.changed.rules {
            snapshot.schema.follow(endpoint, &self.schema);
        }
        if changes.endpoints {
            snapshot.ids = self.ids.clone().into();
            snapshot.numbers = Arc::new(self.numbers.clone());
            let known = snapshot.endpoints.len();
            let new = self.endpoints.iter().skip(known);
            snapshot.endpoints.extend(new.map(EndpointModel::norm));
        }
        for &number in &self.changed.norms {
            if let Some(norm) = snapshot.endpoints.get_mut(number)
                && let Some(model) = self.endpoints.get(number)
            {
                *norm = model.norm();
            }
        }
        if changes.texts {
            snapshot.texts = self.texts.publish();
        }
        if let Some(templates) = changes.templates {
            snapshot.templates = (templates, snapshot.templates.1 + 1);
        }
        let hour = changes.end.secs() / 3_600;
        if self.hour != Some(hour) {
            snapshot.crowd = Arc::new(self.crowd_norms());
            if self.hour.is_some_and(|before| before / 24 != hour / 24) {
                self.crowd.age();
            }
            self.hour = Some(hour);
        }
        self.spare = Some(std::mem::replace(&mut self.snapshot, next));
        std::mem::swap(&mut self.changed, &mut self.lately);
        self.changed.clear();
    }
}

/// What an epoch changed.
#[derive(Debug)]
struct Changes {
    endpoints: bool,
    texts: bool,
    templates: Option<Templates>,
    end: EventTime,
}

/// Of which endpoints an epoch changed what is known: numbers, and those whose document has rules.
#[derive(Debug, Default)]
struct ByEndpoint {
    norms: Vec<usize>,
    rules: Vec<EndpointId>,
}

impl ByEndpoint {
    fn clear(&mut self) {
        self.norms.clear();
        self.rules.clear();
    }
}

impl Snapshot {
    /// Becomes the same as `now`, which is one epoch ahead: `changed` says by what.
    fn follow(&mut self, now: &Self, changed: &ByEndpoint) {
        self.started = now.started;
        self.encrypted = now.encrypted;
        for &endpoint in &changed.rules {
            self.schema.follow(endpoint, &now.schema);
        }
        if self.templates.1 != now.templates.1 {
            self.templates = now.templates.clone();
        }
        if !self.texts.is(&now.texts) {
            self.texts = now.texts.clone();
        }
        follow(&mut self.crowd, &now.crowd);
        follow(&mut self.numbers, &now.numbers);
        follow(&mut self.ids, &now.ids);
        let new = now.endpoints.iter().skip(self.endpoints.len());
        self.endpoints.extend(new);
        for &number in &changed.norms {
            if let Some(norm) = self.endpoints.get_mut(number)
                && let Some(now) = now.endpoints.get(number)
            {
                *norm = *now;
            }
        }
    }
}

fn follow<T: ?Sized>(part: &mut Arc<T>, now: &Arc<T>) {
    if !Arc::ptr_eq(part, now) {
        *part = Arc::clone(now);
    }
}

impl EndpointModel {
    fn norm(&self) -> EndpointNorm {
        let [calls, refused] = self.refusals;
        EndpointNorm {
            sizes: self.sizes.map(|model| (model, model.most_learned())),
            latency: self.latency.norm(),
            refused: refused / calls,
        }
    }

    /// Whether it is where people log in.
    const fn is_login(&self) -> bool {
        let (calls, logins) = self.logins;
        logins * 2 > calls
    }

    fn learn(
        &mut self,
        id: EndpointId,
        sum: &EndpointEpoch,
        around: Surroundings<'_>,
    ) -> Vec<Finding> {
        let thresholds = around.thresholds;
        self.logins.0 += u64::from(sum.seen);
        self.logins.1 += u64::from(sum.logins);
        for (total, more) in self.refusals.iter_mut().zip(sum.refusable) {
            *total += f64::from(more);
        }
        self.service = self.service.max(sum.service);
        self.users += u64::from(sum.adopters_ok);
        for ((model, sizes), most) in self.sizes.iter_mut().zip(&sum.sizes).zip(sum.most_bytes) {
            model.learn(sizes, most, around.now);
        }
        let warm = thresholds.warm(around.started, around.now);
        let involved = Involved {
            service: Some(self.service),
            endpoint: Some(id),
            ..Involved::default()
        };
        let mut findings = Vec::new();
        let is_login = self.is_login();
        for (class, (model, errors)) in self.errors.iter_mut().zip(sum.errors).enumerate() {
            let incident = model.observe(class, (sum.calls, errors), around.now, thresholds);
            if let Some(incident) = incident.filter(|_| warm) {
                let mut finding = incident.finding(id, involved, around.now);
                // Errors of clients where they log in are attempts to get in.
                if class == 0 && is_login {
                    finding.signal = Signal::AuthFailures;
                }
                // One incident an endpoint: failures of the server say more.
                findings.clear();
                findings.push(finding);
            }
        }
        findings.extend(self.newness.observe(id, sum.first_call, self.users, around));
        let (now, latency) = ((around.now, warm), &sum.latency);
        let slow = self
            .latency
            .observe(id, latency, now, (involved, thresholds));
        findings.extend(slow);
        findings
    }
}

//! One shard of the state by principal: a single writer applies observations in order.

mod state;

use std::sync::Arc;

pub(super) use state::{Saving, ShardState, Users};

use super::admission::WaitingTexts;
use super::alert::Alert;
use super::book::AlertBook;
use super::clip::{ClipTable, WindowSums};
use super::endpoint::OTHER_ENDPOINT;
use super::insight::{Call, Ledger, day_of};
use super::inventory::Inventory;
use super::look::Look;
use super::population::Snapshot;
use super::principal::{Firsts, Principal, Visit};
use super::routes::{RouteBook, made_path};
use super::sensitive::SensitiveMap;
use super::settings::Settings;
use super::share::{Place, Share, note_path};
use super::signals::newness::FirstCall;
use super::signals::refusals::Teaches;
use super::signals::{Scene, hygiene, payload};
use super::table::Table;
use super::window::Window;
use crate::clock::Tick;
use crate::observation::{
    EndpointId, FieldNote, Finding, Observation, PrincipalKey, Proof, SHARDS,
};
use crate::tally::{Tally, TallySheet};

/// Endpoints not in the snapshot that one shard may name in one epoch; the rest count as the overflow.
const NEW_ENDPOINTS_PER_EPOCH: usize = 256;

/// An observation of an unproven token, on its way to its client's shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Deferred {
    pub(super) observation: Observation,
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<FieldNote>,
}

/// An observation with the sensitive values found in it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) observation: &'a Observation,
    pub(super) findings: &'a [Finding],
    pub(super) notes: &'a [FieldNote],
}

impl<'a> Seen<'a> {
    /// What rules in force found: rules in dry run count their hits, and nothing else may depend on them.
    pub(super) fn real(&self) -> impl Iterator<Item = &'a Finding> + use<'a> {
        self.findings.iter().filter(|finding| !finding.dry_run)
    }
}

/// The principal that an observation counts to.
#[derive(Clone, Copy)]
pub(super) struct Who {
    pub(super) key: PrincipalKey,
    pub(super) is_token: bool,
}

impl Who {
    const fn token(key: PrincipalKey) -> Self {
        Self {
            key,
            is_token: true,
        }
    }

    const fn client(key: PrincipalKey) -> Self {
        Self {
            key,
            is_token: false,
        }
    }
}

/// What a shard works with besides its own state.
pub(super) struct Context<'a> {
    pub(super) settings: &'a Settings,
    pub(super) snapshot: &'a Snapshot,
    pub(super) share: &'a mut Share,
    pub(super) tick: Tick,
    pub(super) tally: &'a TallySheet,
    pub(super) alerts: &'a mut Vec<Alert>,
}

/// State of the principals that hash to this shard.
#[derive(Debug)]
pub(super) struct Shard {
    tokens: Table<PrincipalKey, Principal>,
    clients: Table<PrincipalKey, Principal>,
    texts: WaitingTexts,
    pub(super) routes: RouteBook,
    pub(super) sensitive: SensitiveMap,
    pub(super) inventory: Inventory,
    newcomers: Vec<EndpointId>,
    deferred: usize,
    clip: Option<ClipTable>,
    book: AlertBook,
    pub(super) ledger: Ledger,
    notes: hygiene::Notes,
    /// Its state as it was, while that is being saved.
    saving: Option<Box<Saving>>,
}

impl Shard {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            tokens: Table::new(settings.max_tokens / SHARDS),
            clients: Table::new(settings.max_clients / SHARDS),
            texts: WaitingTexts::new(settings.max_texts_per_shard, settings.k),
            routes: RouteBook::new(settings.summary_seconds.is_some()),
            sensitive: SensitiveMap::default(),
            inventory: Inventory::default(),
            newcomers: Vec::new(),
            deferred: 0,
            book: AlertBook::default(),
            ledger: Ledger::new(settings),
            notes: hygiene::Notes::default(),
            saving: None,
            clip: settings.release.as_ref().map(|release| {
                ClipTable::new(Arc::clone(&release.plan), release.high_water)
                    .with_board(&release.board)
            }),
        }
    }

    /// Closes a release window: what was clipped in it.
    pub(super) fn close_window(&mut self, window: Window) -> Option<WindowSums> {
        Some(self.clip.as_mut()?.close_window(window))
    }

    /// Opens a release window, once those before it are handed on.
    pub(super) fn open_window(&mut self, window: Window) {
        if let Some(clip) = &mut self.clip {
            clip.open_window(window);
        }
    }

    /// Applies an observation whose principal lives here; returns whether it counts to its token.
    pub(super) fn apply(&mut self, seen: Seen<'_>, cx: &mut Context<'_>) -> bool {
        let observation = seen.observation;
        // First, and by its own rule of who is who: what is released must not depend on what detection remembers.
        if let Some(clip) = &mut self.clip {
            clip.observe(observation, seen.findings);
        }
        let Some(token) = observation
            .token
            .filter(|_| observation.proof != Proof::Refused)
        else {
            self.count(Who::client(observation.client), seen, cx);
            return false;
        };
        let forbidden = observation.proof == Proof::Forbidden;
        if forbidden && !self.tokens.get(token).is_some_and(|known| known.proven) {
            self.defer(seen, cx);
            return false;
        }
        self.count(Who::token(token), seen, cx);
        true
    }

    /// Applies an observation that another shard has put off: it counts to its client.
    pub(super) fn apply_deferred(&mut self, deferred: &Deferred, cx: &mut Context<'_>) {
        let seen = Seen {
            observation: &deferred.observation,
            findings: &deferred.findings,
            notes: &deferred.notes,
        };
        self.count(Who::client(deferred.observation.client), seen, cx);
    }

    /// Brings tables back to their limits. To be called at the end of a tick that brought observations.
    fn end_tick(&mut self, cx: &mut Context<'_>) {
        if self.tokens.is_over() || self.clients.is_over() {
            self.keep_all_saved();
            let gone = self.tokens.shrink() + self.clients.shrink();
            cx.tally.add(Tally::LimitTokens, gone as u64);
        }
        let forgotten = self.texts.shrink(&mut cx.share.epoch.texts);
        if forgotten > 0 {
            cx.tally.add(Tally::LimitTexts, forgotten as u64);
        }
    }

    /// To be called at the start of an epoch, if anything came in the one before.
    pub(super) fn start_epoch(&mut self) {
        self.newcomers.clear();
        self.deferred = 0;
    }

    /// Tokens, then clients, in no order.
    pub(super) fn principals(&self) -> impl Iterator<Item = (PrincipalKey, &Principal)> {
        self.tokens.iter().chain(self.clients.iter())
    }

    /// Bytes of each token, least first: with its place in the table, and all it holds on the heap.
    #[cfg(test)]
    pub(super) fn token_bytes(&self) -> Vec<usize> {
        let each = self.tokens.bytes_each();
        let mut bytes: Vec<_> = self.tokens.iter().map(|(_, t)| each + t.heap()).collect();
        bytes.sort_unstable();
        bytes
    }

    fn defer(&mut self, seen: Seen<'_>, cx: &mut Context<'_>) {
        if self.deferred >= cx.settings.max_deferred_per_shard {
            cx.tally.one(Tally::LimitDeferred);
            return;
        }
        self.deferred += 1;
        cx.share.epoch.deferred.push(Deferred {
            observation: *seen.observation,
            findings: seen.findings.to_vec(),
            notes: seen.notes.to_vec(),
        });
    }

    fn count(&mut self, who: Who, seen: Seen<'_>, cx: &mut Context<'_>) {
        let observation = seen.observation;
        let (endpoint, place) = self.place(observation.endpoint, cx.snapshot);
        self.keep_saved(who);
        let table = if who.is_token {
            &mut self.tokens
        } else {
            &mut self.clients
        };
        let kind = observation.token_kind.filter(|_| who.is_token);
        let fresh = || Principal::new(kind, observation.end);
        let Some(principal) = table.touch(who.key, cx.tick, fresh) else {
            return;
        };
        principal.proven |= observation.proof == Proof::Accepted && observation.status.0 != 0;
        let limit = cx.settings.max_endpoints_per_principal;
        let visit = Visit {
            endpoint,
            number: place.number(),
            day: day_of(cx.tick),
        };
        let firsts = principal.observe(observation, visit, limit, cx.snapshot);
        let number = visit.number.filter(|&number| number > 0);
        let scene = principal.scene(who, observation, number, cx);

        cx.share.totals.observe(observation, seen.findings);
        let call = Call {
            who,
            endpoint,
            seen,
            total: principal.requests(),
            tick: cx.tick,
        };
        self.ledger.observe(call, cx.tally);
        let epoch = &mut cx.share.epoch;
        epoch.note(observation, cx.tick);
        let norm = cx.snapshot.norm(place);
        let mut look = Look {
            scene: &scene,
            snapshot: cx.snapshot,
            epoch,
            findings: Vec::new(),
        };
        look.at_source(principal);
        look.at_documents(principal, endpoint, cx.settings.has_documents);
        let teaches = if who.is_token {
            look.at_token(principal, firsts, norm.refused)
        } else {
            Teaches::NOTHING
        };
        let mut findings = look.findings;
        let (totals, sums) = cx.share.endpoint(place);
        // Where the path is to be learned, its totals are kept by path.
        let by_path = !observation.route.is_empty();
        if !by_path {
            totals.observe(call, firsts);
        }
        sums.count(
            &scene,
            firsts,
            principal.habits.count_error(&scene, endpoint),
        );
        sums.latency.observe(observation, norm.latency);
        sums.refusable[0] += u32::from(teaches.call);
        sums.refusable[1] += u32::from(teaches.refused);
        if let Some(finding) = payload::observe(&scene, &norm.sizes, sums) {
            findings.push(finding);
        }
        if by_path {
            note_made(place, observation, cx.share);
            self.routes
                .observe(call, firsts, &cx.snapshot.templates, cx.tally);
        }
        let told = cx.alerts.len();
        let findings = findings.into_iter();
        let alerts = findings.filter_map(|finding| self.book.raise(finding, scene.thresholds));
        cx.alerts.extend(alerts);
        tell_hygiene(principal, &scene, (&mut self.book, &mut self.notes), cx);
        name_alerts(told, observation, cx);
        self.map_findings(endpoint, seen, cx);
        self.list_notes(endpoint, seen, cx);
        note_exposures(who, endpoint, seen, cx);
        self.note_texts(who.key, seen, firsts, cx);
    }

    fn map_findings(&mut self, endpoint: EndpointId, seen: Seen<'_>, cx: &Context<'_>) {
        let limit = cx.settings.max_sensitive_per_shard;
        for finding in seen.real() {
            if !self
                .sensitive
                .add(endpoint, seen.observation, finding, limit)
            {
                cx.tally.one(Tally::LimitSensitiveMap);
            }
        }
    }

    fn list_notes(&mut self, endpoint: EndpointId, seen: Seen<'_>, cx: &Context<'_>) {
        let limit = cx.settings.max_inventory_per_shard;
        for note in seen.notes {
            if !self.inventory.add(endpoint, seen.observation, note, limit) {
                cx.tally.one(Tally::LimitInventory);
            }
        }
    }

    /// Where an observation of this endpoint counts.
    fn place(&mut self, endpoint: EndpointId, snapshot: &Snapshot) -> (EndpointId, Place) {
        if let Some(number) = snapshot.endpoint_number(endpoint) {
            return (endpoint, Place::Known(number));
        }
        if let Err(at) = self.newcomers.binary_search(&endpoint) {
            if self.newcomers.len() >= NEW_ENDPOINTS_PER_EPOCH {
                return (OTHER_ENDPOINT, Place::Known(0));
            }
            self.newcomers.insert(at, endpoint);
        }
        (endpoint, Place::Newcomer(endpoint))
    }

    fn note_texts(
        &mut self,
        user: PrincipalKey,
        seen: Seen<'_>,
        firsts: Firsts,
        cx: &mut Context<'_>,
    ) {
        let observation = seen.observation;
        let mut note = |text| {
            if !cx.snapshot.texts.settled(text) {
                self.texts
                    .note(text, user, cx.tick, &mut cx.share.epoch.texts);
            }
        };
        note(observation.host);
        note(observation.operation);
        note(observation.server);
        note(observation.refused_field);
        // Those in the principal's own list were counted when they came there.
        if firsts.agent {
            note(observation.agent);
        }
        if firsts.release {
            note(observation.release);
        }
        seen.real().for_each(|finding| note(finding.path));
        seen.notes.iter().for_each(|found| note(found.field));
    }
}

/// Raises what is wrong with the credentials of a principal, once.
fn tell_hygiene(
    principal: &mut Principal,
    scene: &Scene<'_>,
    (book, notes): (&mut AlertBook, &mut hygiene::Notes),
    cx: &mut Context<'_>,
) {
    let Some(credentials) = &mut principal.credentials else {
        return;
    };
    let Some(news) = hygiene::observe(credentials, scene, cx.snapshot.encrypted, notes) else {
        return;
    };
    let told = news.told();
    if let Some(alert) = book.raise(news.finding, scene.thresholds) {
        hygiene::News::tell(told, scene.now, credentials, notes);
        cx.alerts.push(alert);
    }
}

/// Alerts on an observation, from number `told` on, tell its path as it was learned.
fn name_alerts(told: usize, observation: &Observation, cx: &mut Context<'_>) {
    if observation.route.is_empty() {
        return;
    }
    let (templates, _) = &cx.snapshot.templates;
    for alert in cx.alerts.iter_mut().skip(told) {
        alert.template = Some(templates.template(observation.service, &observation.route));
    }
}

/// Keeps the path of an endpoint that is not in the snapshot yet: alerts about it are told by what is learned of that.
fn note_made(place: Place, observation: &Observation, share: &mut Share) {
    if let Place::Newcomer(endpoint) = place {
        let path = made_path(observation.service, &observation.route);
        note_path(&mut share.epoch.made, endpoint, path);
    }
}

fn note_exposures(who: Who, endpoint: EndpointId, seen: Seen<'_>, cx: &mut Context<'_>) {
    let observation = seen.observation;
    for finding in seen.findings {
        let Some(exposure) = finding.exposure else {
            continue;
        };
        let first = FirstCall {
            order: observation.order(),
            token: Some(who.key).filter(|_| who.is_token),
            client: observation.client,
            country: observation.country,
        };
        let key = (endpoint, finding.kind, exposure);
        cx.share
            .epoch
            .exposures
            .add(key, finding.count, observation.service, first);
    }
}

/// The shards one worker owns, in ascending order.
#[derive(Debug)]
pub(super) struct OwnShards {
    workers: usize,
    shards: Vec<Shard>,
}

impl OwnShards {
    pub(super) fn new(worker: usize, workers: usize, settings: &Arc<Settings>) -> Self {
        let count = (worker..SHARDS).step_by(workers).count();
        Self {
            workers,
            shards: (0..count).map(|_| Shard::new(settings)).collect(),
        }
    }

    /// The shard of that number, which must belong to this worker.
    pub(super) fn get_mut(&mut self, shard: usize) -> Option<&mut Shard> {
        self.shards.get_mut(shard / self.workers)
    }

    /// The shard of that number, if it belongs to this worker.
    pub(super) fn get(&self, shard: usize) -> Option<&Shard> {
        self.shards.get(shard / self.workers)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter()
    }

    /// Brings the shards of `touched` (one bit each) back to their limits at the end of a tick.
    pub(super) fn end_tick(&mut self, touched: u64, cx: &mut Context<'_>) {
        self.for_touched(touched, |shard| shard.end_tick(cx));
    }

    /// Does something with the shards of `touched` (one bit each, all of this worker), in ascending order.
    pub(super) fn for_touched(&mut self, mut touched: u64, mut act: impl FnMut(&mut Shard)) {
        while touched != 0 {
            let number = touched.trailing_zeros() as usize;
            touched &= touched - 1;
            if let Some(shard) = self.get_mut(number) {
                act(shard);
            }
        }
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.shards.iter_mut()
    }
}

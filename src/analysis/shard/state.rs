//! A shard's state over a restart.

use std::collections::BTreeSet;

use serde::Serialize;
use smallvec::SmallVec;

use super::{Shard, Who};
use crate::analysis::admission::TextChanges;
use crate::analysis::book::AlertBook;
use crate::analysis::endpoint::EndpointTotals;
use crate::analysis::insight::Ledger;
use crate::analysis::inventory::Inventory;
use crate::analysis::principal::Principal;
use crate::analysis::routes::RouteBook;
use crate::analysis::save::{self, Forgotten, Frozen, Renumbering};
use crate::analysis::sensitive::SensitiveMap;
use crate::analysis::settings::Settings;
use crate::analysis::share::Share;
use crate::analysis::signals::hygiene;
use crate::analysis::table::Table;
use crate::clock::Tick;
use crate::observation::{EndpointId, PrincipalKey, SHARDS, TextId};

/// Principals that used a text.
pub(in crate::analysis) type Users = SmallVec<[PrincipalKey; 2]>;

/// What is kept of a shard.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct ShardState {
    texts: Table<TextId, Users>,
    book: AlertBook,
    notes: hygiene::Notes,
    ledger: Ledger,
    routes: RouteBook,
    sensitive: SensitiveMap,
    inventory: Inventory,
    tokens: Table<PrincipalKey, Principal>,
    clients: Table<PrincipalKey, Principal>,
}

/// The same in the same order without principals, of a shard at work.
#[derive(Serialize)]
struct Borrowed<'a> {
    texts: &'a Table<TextId, Users>,
    book: &'a AlertBook,
    notes: &'a hygiene::Notes,
    ledger: &'a Ledger,
    routes: &'a RouteBook,
    sensitive: &'a SensitiveMap,
    inventory: &'a Inventory,
}

/// A shard as it was at one moment, on its way to bytes.
#[derive(Debug)]
pub(in crate::analysis) struct Saving {
    /// All but principals.
    bytes: Vec<u8>,
    tokens: Frozen<PrincipalKey>,
    clients: Frozen<PrincipalKey>,
}

impl Shard {
    /// Begins to save the state as it is now, once what was last seen before `oldest` is dropped.
    pub(in crate::analysis) fn begin_save(&mut self, oldest: Tick, share: &mut Share) {
        let mut gone = BTreeSet::new();
        for table in [&mut self.tokens, &mut self.clients] {
            table.expire(oldest, |key, _| {
                gone.insert(key);
            });
        }
        self.routes.forget(&gone);
        self.ledger.expire(oldest);
        self.book.expire(oldest.start());
        self.texts.expire(oldest, &mut share.epoch.texts);
        self.saving = Some(Box::new(Saving {
            bytes: save::encode(&Borrowed {
                texts: self.texts.table(),
                book: &self.book,
                notes: &self.notes,
                ledger: &self.ledger,
                routes: &self.routes,
                sensitive: &self.sensitive,
                inventory: &self.inventory,
            }),
            tokens: Frozen::new(&self.tokens),
            clients: Frozen::new(&self.clients),
        }));
    }

    /// Goes on with saving: at most `room` principals, which it counts down. The state as bytes once it is whole.
    pub(in crate::analysis) fn step_save(&mut self, room: &mut usize) -> Option<Vec<u8>> {
        let saving = self.saving.as_mut()?;
        *room -= saving.tokens.step(&self.tokens, *room);
        *room -= saving.clients.step(&self.clients, *room);
        if !saving.tokens.is_whole() || !saving.clients.is_whole() {
            return None;
        }
        let saving = *self.saving.take()?;
        let bytes = saving.tokens.append_to(saving.bytes);
        Some(saving.clients.append_to(bytes))
    }

    /// A principal is about to change.
    pub(super) fn keep_saved(&mut self, who: Who) {
        if let Some(saving) = &mut self.saving {
            if who.is_token {
                saving.tokens.keep(&self.tokens, who.key);
            } else {
                saving.clients.keep(&self.clients, who.key);
            }
        }
    }

    /// Principals are about to be evicted.
    pub(super) fn keep_all_saved(&mut self) {
        if let Some(saving) = &mut self.saving {
            saving.tokens.step(&self.tokens, usize::MAX);
            saving.clients.step(&self.clients, usize::MAX);
        }
    }

    /// Goes on from `state`. A smaller limit than then takes effect at the end of the first tick.
    pub(in crate::analysis) fn restore(&mut self, state: ShardState, settings: &Settings) {
        self.tokens = state.tokens.limited(settings.max_tokens / SHARDS);
        self.clients = state.clients.limited(settings.max_clients / SHARDS);
        self.texts.restore(state.texts);
        self.book = state.book;
        self.notes = state.notes;
        self.ledger.restore(state.ledger, settings);
        self.routes = state.routes.restored(settings.summary_seconds.is_some());
        self.sensitive = state.sensitive.restored();
        self.inventory = state.inventory.restored();
    }

    /// Forgets what summaries show since the start, except of principals.
    pub(in crate::analysis) fn start_anew(&mut self, settings: &Settings) {
        self.ledger = Ledger::new(settings);
        self.routes = RouteBook::new(settings.summary_seconds.is_some());
        self.sensitive = SensitiveMap::default();
        self.inventory = Inventory::default();
    }
}

impl ShardState {
    /// Tokens and clients.
    pub(in crate::analysis) fn principals(&self) -> (usize, usize) {
        (self.tokens.iter().count(), self.clients.iter().count())
    }

    pub(in crate::analysis) fn renumber(&mut self, numbers: &Renumbering) {
        self.ledger.renumber(numbers);
        self.routes.renumber(|service| numbers.service(service));
        self.sensitive.renumber(numbers);
    }

    /// Gives up what is known by path, and returns its totals by what single requests call it.
    pub(in crate::analysis) fn drop_routes(
        &mut self,
    ) -> impl Iterator<Item = (EndpointId, EndpointTotals)> + use<> {
        std::mem::take(&mut self.routes).into_totals()
    }

    /// Drops a principal; `changes` are the texts that have one user less.
    pub(in crate::analysis) fn forget(
        &mut self,
        key: PrincipalKey,
        gone: &mut Forgotten,
        changes: &mut TextChanges,
    ) {
        gone.habits += usize::from(self.tokens.remove(key).is_some());
        gone.habits += usize::from(self.clients.remove(key).is_some());
        gone.alerts += self.book.forget(key);
        let (profile, partners) = self.ledger.forget(key);
        gone.profiles += usize::from(profile);
        gone.lists += partners + self.routes.forget(&BTreeSet::from([key]));
        for (text, users) in self.texts.iter_mut() {
            let before = users.len();
            users.retain(|user| *user != key);
            if users.len() < before {
                *changes.of(text) -= 1;
            }
        }
    }
}

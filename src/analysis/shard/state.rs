//! A shard's state over a restart.

use serde::Serialize;
use smallvec::SmallVec;

use super::Shard;
use crate::analysis::admission::TextChanges;
use crate::analysis::book::AlertBook;
use crate::analysis::principal::Principal;
use crate::analysis::save::{self, Forgotten};
use crate::analysis::settings::Settings;
use crate::analysis::share::Share;
use crate::analysis::signals::hygiene;
use crate::analysis::table::Table;
use crate::clock::Tick;
use crate::observation::{PrincipalKey, SHARDS, TextId};

/// Principals that used a text.
pub(in crate::analysis) type Users = SmallVec<[PrincipalKey; 2]>;

/// What is kept of a shard.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct ShardState {
    tokens: Table<PrincipalKey, Principal>,
    clients: Table<PrincipalKey, Principal>,
    texts: Table<TextId, Users>,
    book: AlertBook,
    notes: hygiene::Notes,
}

/// The same in the same order, of a shard at work.
#[derive(Serialize)]
struct Borrowed<'a> {
    tokens: &'a Table<PrincipalKey, Principal>,
    clients: &'a Table<PrincipalKey, Principal>,
    texts: &'a Table<TextId, Users>,
    book: &'a AlertBook,
    notes: &'a hygiene::Notes,
}

impl Shard {
    /// The state as bytes, once what was last seen before `oldest` is dropped.
    pub(in crate::analysis) fn save(&mut self, oldest: Tick, share: &mut Share) -> Vec<u8> {
        self.tokens.expire(oldest, |_, _| ());
        self.clients.expire(oldest, |_, _| ());
        self.texts.expire(oldest, &mut share.epoch.texts);
        save::encode(&Borrowed {
            tokens: &self.tokens,
            clients: &self.clients,
            texts: self.texts.table(),
            book: &self.book,
            notes: &self.notes,
        })
    }

    /// Goes on from `state`. A smaller limit than then takes effect at the end of the first tick.
    pub(in crate::analysis) fn restore(&mut self, state: ShardState, settings: &Settings) {
        self.tokens = state.tokens.limited(settings.max_tokens / SHARDS);
        self.clients = state.clients.limited(settings.max_clients / SHARDS);
        self.texts.restore(state.texts);
        self.book = state.book;
        self.notes = state.notes;
    }
}

impl ShardState {
    /// Tokens and clients.
    pub(in crate::analysis) fn principals(&self) -> (usize, usize) {
        (self.tokens.iter().count(), self.clients.iter().count())
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
        for (text, users) in self.texts.iter_mut() {
            let before = users.len();
            users.retain(|user| *user != key);
            if users.len() < before {
                *changes.entry(text).or_default() -= 1;
            }
        }
    }
}

//! Which texts may be shown: those that k distinct principals have used (`design.md` 2.6).
//!
//! A shard keeps, for each text that is not admitted yet, the principals of its own that used it (at most k). A principal
//! lives in one shard, so the counts of shards add up without overlap. What a shard forgets it takes back, so that one
//! principal cannot reach k by being forgotten and seen again.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::keyed::KeyedMap;
use super::shard::Users;
use super::sums::KeyedSums;
use super::table::Table;
use crate::clock::Tick;
use crate::observation::{Admitted, PrincipalKey, TextId};

/// Changes of the number of principals behind texts, from one epoch.
pub(super) type TextChanges = KeyedSums<TextId, i64>;

/// The texts of one shard that wait for admission.
#[derive(Debug)]
pub(super) struct WaitingTexts {
    table: Table<TextId, Users>,
    limit: usize,
    k: usize,
}

impl WaitingTexts {
    pub(super) fn new(limit: usize, k: usize) -> Self {
        Self {
            table: Table::new(limit),
            limit,
            k,
        }
    }

    /// Notes that `user` used `text`.
    pub(super) fn note(
        &mut self,
        text: TextId,
        user: PrincipalKey,
        tick: Tick,
        changes: &mut TextChanges,
    ) {
        let Some(users) = self.table.touch(text, tick, SmallVec::new) else {
            return;
        };
        if users.len() < self.k && !users.contains(&user) {
            users.push(user);
            *changes.of(text) += 1;
        }
    }

    /// Forgets the longest unused if there are too many; returns how many went.
    pub(super) fn shrink(&mut self, changes: &mut TextChanges) -> usize {
        self.table
            .shrink_with(|text, users| take_back(text, &users, changes))
    }

    /// Forgets those unused since before `oldest`.
    pub(super) fn expire(&mut self, oldest: Tick, changes: &mut TextChanges) {
        self.table
            .expire(oldest, |text, users| take_back(text, &users, changes));
    }

    /// What is to be kept.
    pub(super) const fn table(&self) -> &Table<TextId, Users> {
        &self.table
    }

    /// Goes on from what was kept.
    pub(super) fn restore(&mut self, table: Table<TextId, Users>) {
        self.table = table.limited(self.limit);
    }
}

fn take_back(text: TextId, users: &Users, changes: &mut TextChanges) {
    *changes.of(text) -= i64::try_from(users.len()).unwrap_or(i64::MAX);
}

/// The texts of all shards: how many principals used each, and which are admitted. Admission is for good.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Admissions {
    waiting: BTreeMap<TextId, i64>,
    admitted: Vec<TextId>,
}

/// Texts that may be shown, beyond those known beforehand. More than these are refused: names are for people.
const MAX_ADMITTED: usize = 65_536;

impl Admissions {
    /// Takes the changes of one epoch and forgets them there; returns whether anything was admitted.
    pub(super) fn absorb(&mut self, changes: &mut TextChanges, k: usize) -> bool {
        let before = self.admitted.len();
        let k = i64::try_from(k).unwrap_or(i64::MAX);
        for (text, change) in changes.drain() {
            let users = self.waiting.get(&text).copied().unwrap_or(0) + change;
            if self.admitted.binary_search(&text).is_ok() {
                continue;
            }
            if users >= k && self.admitted.len() < MAX_ADMITTED {
                self.waiting.remove(&text);
                if let Err(at) = self.admitted.binary_search(&text) {
                    self.admitted.insert(at, text);
                }
            } else if users <= 0 {
                self.waiting.remove(&text);
            } else {
                self.waiting.insert(text, users);
            }
        }
        self.admitted.len() > before
    }

    pub(super) fn publish(&self) -> AdmittedTexts {
        let mut index = KeyedMap::default();
        for &text in &self.admitted {
            index.insert(text, 0);
        }
        AdmittedTexts {
            list: Admitted::new(self.admitted.clone()),
            index: Arc::new(index),
        }
    }
}

/// The admitted texts at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct AdmittedTexts {
    /// For whoever shows them.
    pub(super) list: Admitted,
    index: Arc<KeyedMap<TextId>>,
}

impl AdmittedTexts {
    /// Whether these are the very same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.index, &other.index)
    }

    /// Whether users of this text need not be counted: there is none, it is known, or it is admitted.
    pub(super) fn settled(&self, text: TextId) -> bool {
        !text.is_some() || text.is_known() || self.index.get(text).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: TextId = TextId(77);

    fn note(shard: &mut WaitingTexts, user: u128) -> TextChanges {
        let mut changes = TextChanges::default();
        shard.note(TEXT, PrincipalKey(user), Tick(1), &mut changes);
        changes
    }

    #[test]
    fn k_principals_of_several_shards_admit_a_text() {
        let (mut a, mut b) = (WaitingTexts::new(10, 3), WaitingTexts::new(10, 3));
        let mut all = Admissions::default();
        assert!(!all.absorb(&mut note(&mut a, 1), 3));
        assert!(
            !all.absorb(&mut note(&mut a, 1), 3),
            "the same principal again"
        );
        assert!(!all.absorb(&mut note(&mut b, 2), 3));
        assert!(!all.publish().settled(TEXT));
        assert!(all.absorb(&mut note(&mut a, 3), 3));
        assert!(all.publish().settled(TEXT));
        assert!(all.publish().list.admits(TEXT));
    }

    #[test]
    fn being_forgotten_and_seen_again_does_not_count_twice() {
        let mut shard = WaitingTexts::new(1, 2);
        let mut all = Admissions::default();
        for tick in 0..6 {
            let mut changes = TextChanges::default();
            shard.note(TEXT, PrincipalKey(1), Tick(2 * tick), &mut changes);
            shard.note(
                TextId(5 + tick),
                PrincipalKey(1),
                Tick(2 * tick + 1),
                &mut changes,
            );
            shard.shrink(&mut changes);
            assert!(!all.absorb(&mut changes, 2));
        }
        assert!(!all.publish().settled(TEXT));
    }

    #[test]
    fn known_texts_need_nobody() {
        assert!(AdmittedTexts::default().settled(TextId(9).known()));
        assert!(AdmittedTexts::default().settled(TextId::NONE));
        assert!(!AdmittedTexts::default().settled(TextId(9)));
    }
}

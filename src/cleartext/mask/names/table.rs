//! The names of all rules and the shared lists, compiled, and what they say of a name.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;
use smallvec::SmallVec;

use super::split::{joined, without_digits};
use super::{Key, Slot, Space, Split};
use crate::cleartext::mask::bytes::{cut, find, minus, plus};
use crate::cleartext::mask::shape;
use crate::cleartext::mask::validate::is_article;

#[derive(Clone, Copy)]
struct Entry {
    slot: Slot,
    /// Whether it also counts as whole words inside a longer name.
    inside: bool,
}

/// The shortest word for people that is known by its end (bytes).
const SHORTEST_AGENT: usize = 5;

/// The shortest ending of a word that says anything (bytes).
const SHORTEST_ENDING: usize = 3;

/// Words of names that hold a version or an object identifier.
const VERSION_WORDS: [&[u8]; 9] = [
    b"version",
    b"versions",
    b"ver",
    b"build",
    b"release",
    b"firmware",
    b"semver",
    b"revision",
    b"oid",
];

/// Members that list the columns of a table: of data frames, SQL gateways, time series, spreadsheets.
const COLUMN_NAMES: [&str; 12] = [
    "columns",
    "column",
    "cols",
    "fields",
    "header",
    "headers",
    "head",
    "column_names",
    "field_names",
    "row_type",
    "meta",
    "schema",
];
/// Members that list the rows.
const ROW_NAMES: [&str; 12] = [
    "rows",
    "values",
    "data",
    "records",
    "data_array",
    "row_set",
    "cells",
    "items",
    "result",
    "results",
    "body",
    "points",
];

/// The lists that all rule files share.
#[derive(Clone, Debug, Default)]
pub(in crate::cleartext::mask) struct Lists {
    /// Tails that cancel a hit inside a longer name.
    pub(in crate::cleartext::mask) neutral_tails: Vec<String>,
    /// Words that say whose a thing is, not what.
    pub(in crate::cleartext::mask) prefixes: Vec<String>,
    /// Names of the name in a name/value pair.
    pub(in crate::cleartext::mask) pair_names: Vec<String>,
    /// Names of the value in a name/value pair.
    pub(in crate::cleartext::mask) pair_values: Vec<String>,
    /// Fields and headers that hold URLs.
    pub(in crate::cleartext::mask) url_names: Vec<String>,
    /// Headers that are not looked into.
    pub(in crate::cleartext::mask) safe_headers: Vec<String>,
    /// Cookies whose values are kept if nothing sensitive shows.
    pub(in crate::cleartext::mask) preference_cookies: Vec<String>,
    /// Words that end like those for people, but mean things: `container`.
    pub(in crate::cleartext::mask) technical_agents: Vec<String>,
    /// Words that make a cookie a preference, if its other words are fillers.
    pub(in crate::cleartext::mask) preference_words: Vec<String>,
    /// Words beside those that say no more than whose or which preference it is.
    pub(in crate::cleartext::mask) preference_fillers: Vec<String>,
    /// Words of field names that may be shown.
    pub(in crate::cleartext::mask) vocabulary: Vec<String>,
}

type Map<V> = HashMap<Box<[u8]>, V, RandomState>;
type Words = HashSet<Box<[u8]>, RandomState>;

/// Adds a word, which most of the time is there already.
fn learn(words: &mut Words, word: &[u8]) {
    if !words.contains(word) {
        words.insert(word.into());
    }
}

/// The compiled name tables of a rule set.
#[derive(Clone, Default)]
pub(in crate::cleartext::mask) struct NameTable {
    common: Map<Entry>,
    /// Words that say it at the end of a longer name only: `unseal_key`.
    tails: Map<Slot>,
    /// What says it at the end of a last word that holds more: `benutzerkennwort`.
    endings: Map<Slot>,
    /// Ends of words for people, before `name`.
    agents: Map<Slot>,
    technical_agents: Words,
    special: HashMap<(Space, Box<[u8]>), Slot, RandomState>,
    weak: Words,
    /// What names of several words begin with, up to three words of it.
    heads: Words,
    words: Words,
    vocabulary: Words,
    neutral: Words,
    prefixes: Words,
    preferences: Words,
    beside_preferences: Words,
    flagged: HashMap<(Space, Box<[u8]>), u16, RandomState>,
    roles: Map<u16>,
    cookie_rule: Option<Slot>,
}

impl NameTable {
    /// A table with the shared lists in it.
    pub(in crate::cleartext::mask) fn new(lists: &Lists) -> Self {
        let mut table = Self::default();
        table
            .neutral
            .extend(lists.neutral_tails.iter().map(|name| joined(name)));
        table
            .prefixes
            .extend(lists.prefixes.iter().map(|name| joined(name)));
        for (names, role) in [
            (&lists.pair_names, Key::PAIR_NAME),
            (&lists.pair_values, Key::PAIR_VALUE),
            (&lists.url_names, Key::URL),
        ] {
            for name in names {
                *table.roles.entry(joined(name)).or_default() |= role;
            }
        }
        for (names, role) in [(&COLUMN_NAMES, Key::COLUMNS), (&ROW_NAMES, Key::ROWS)] {
            for name in names {
                *table.roles.entry(joined(name)).or_default() |= role;
            }
        }
        for (names, space) in [
            (&lists.safe_headers, Space::Header),
            (&lists.preference_cookies, Space::Cookie),
        ] {
            table
                .flagged
                .extend(names.iter().map(|name| ((space, joined(name)), Key::SAFE)));
            table.learn_words(names);
        }
        for (names, words) in [
            (&lists.technical_agents, &mut table.technical_agents),
            (&lists.preference_words, &mut table.preferences),
            (&lists.preference_fillers, &mut table.beside_preferences),
        ] {
            words.extend(names.iter().map(|name| joined(name)));
        }
        table.learn_words(&lists.vocabulary);
        table.learn_words(&lists.neutral_tails);
        table.learn_words(&lists.prefixes);
        table
    }

    fn learn_words(&mut self, names: &[String]) {
        for name in names {
            for word in Split::of(name.as_bytes()).words() {
                learn(&mut self.vocabulary, word);
            }
        }
    }

    /// Adds a name that triggers `slot` in every space; `inside` also as whole words of longer names. The first rule wins.
    pub(in crate::cleartext::mask) fn add(&mut self, name: &str, slot: Slot, inside: bool) {
        let split = Split::of(name.as_bytes());
        let entry = self
            .common
            .entry(joined(name))
            .or_insert(Entry { slot, inside });
        entry.inside |= inside && entry.slot == slot;
        if let Some(short) = split.without_fillers() {
            self.common
                .entry(short.whole())
                .or_insert(Entry { slot, inside });
        }
        for from in 1..split.len() {
            learn(&mut self.weak, &split.join(from, split.len()));
            if from <= 3 {
                learn(&mut self.heads, &split.join(0, from));
            }
        }
        for word in split.words() {
            learn(&mut self.vocabulary, word);
            learn(&mut self.words, word);
        }
    }

    /// Adds a word that triggers `slot` where a longer name ends with it. The first rule wins.
    pub(in crate::cleartext::mask) fn add_tail(&mut self, word: &str, slot: Slot) {
        self.tails.entry(joined(word)).or_insert(slot);
        self.learn_words(&[word.to_owned()]);
    }

    /// Adds an end of words for people: what is called their name triggers `slot`. The first rule wins.
    pub(in crate::cleartext::mask) fn add_agent(&mut self, ending: &str, slot: Slot) {
        self.agents.entry(joined(ending)).or_insert(slot);
    }

    /// Adds an ending that triggers `slot` where the last word of a name is longer than it. The first rule wins.
    pub(in crate::cleartext::mask) fn add_ending(&mut self, ending: &str, slot: Slot) {
        self.endings.entry(joined(ending)).or_insert(slot);
    }

    /// Adds a name that triggers `slot` in one space only.
    pub(in crate::cleartext::mask) fn add_in(&mut self, space: Space, name: &str, slot: Slot) {
        self.special.entry((space, joined(name))).or_insert(slot);
        let split = Split::of(name.as_bytes());
        self.vocabulary.extend(split.words().map(Box::from));
    }

    /// The rule of every cookie that no other rule or list names.
    pub(in crate::cleartext::mask) const fn set_cookie_rule(&mut self, slot: Slot) {
        self.cookie_rule = Some(slot);
    }

    /// What a name says on its own.
    pub(in crate::cleartext::mask) fn classify(&self, space: Space, raw: &[u8]) -> Key {
        let plain = shape::survey(raw).is_plain(raw) && memchr::memchr(b'\\', raw).is_none();
        self.by_words(space, raw)
            .with(if plain { Key::PLAIN } else { 0 })
    }

    fn by_words(&self, space: Space, raw: &[u8]) -> Key {
        // A key that was sensitive itself and is masked already says nothing about its value.
        if find(raw, 0, b"MASKED-").is_some() {
            return self.fallback(space, Key::NONE);
        }
        let split = Split::of(raw);
        if split.len() == 0 {
            return self.fallback(space, Key::NONE);
        }
        let all = split.join(0, split.len());
        let flags = self.flags(space, &split, &all);
        if let Some(&slot) = self.special.get(&(space, Box::from(all.as_slice()))) {
            return Key { slot, flags };
        }
        if flags & Key::SAFE != 0 {
            return Key::NONE.with(flags);
        }
        let mut key = self.common_key(&split, true);
        if !key.hits()
            && let Some(short) = split.without_fillers()
        {
            let again = self.common_key(&short, false);
            key = if again.hits() { again } else { key };
        }
        if key == Key::NONE
            && split.len() > 1
            && let Some(long) = split.written_out()
        {
            let again = self.common_key(&long, false);
            key = if again.hits() { again } else { key };
        }
        if key == Key::NONE
            && let Some(slot) = self.tail(&split).or_else(|| self.word_ending(&split))
        {
            key = Key::of(slot);
        }
        if !key.hits()
            && let Some(slot) = self.agent_name(&split)
        {
            key = Key::of(slot);
        }
        self.fallback(space, key.with(flags))
    }

    /// `bailiff_name`: by its end, the word before `name` may be one for a person.
    fn agent_name(&self, split: &Split) -> Option<Slot> {
        let names = [&b"name"[..], b"names", b"nm"];
        let is_name = names.contains(&without_digits(split.word(minus(split.len(), 1))));
        (split.len() > 1 && is_name)
            .then(|| self.agent(split.word(minus(split.len(), 2))))
            .flatten()
    }

    fn agent(&self, word: &[u8]) -> Option<Slot> {
        let word = without_digits(word);
        if word.len() < SHORTEST_AGENT || self.technical_agents.contains(word) {
            return None;
        }
        (2..word.len())
            .find_map(|start| self.agents.get(cut(word, start, word.len())))
            .copied()
    }

    fn flags(&self, space: Space, split: &Split, all: &[u8]) -> u16 {
        let plain = || split.join_plain(0, split.len());
        let mut flags = self
            .flagged
            .get(&(space, Box::from(all)))
            .or_else(|| self.flagged.get(&(space, Box::from(plain().as_slice()))))
            .copied()
            .unwrap_or(0);
        flags |= self.roles.get(all).copied().unwrap_or(0);
        flags |= self
            .roles
            .get(split.word(minus(split.len(), 1)))
            .copied()
            .unwrap_or(0)
            & Key::URL;
        // `ParameterKey` beside `ParameterValue`.
        if split.len() > 1 {
            flags |= match split.word(minus(split.len(), 1)) {
                b"key" | b"name" => Key::PAIR_NAME,
                b"value" => Key::PAIR_VALUE,
                _ => 0,
            };
        }
        if self.weak.contains(all) {
            flags |= Key::WEAK;
        }
        if self.is_parent(split) {
            flags |= Key::PARENT;
        }
        if split.words().any(|word| VERSION_WORDS.contains(&word)) {
            flags |= Key::VERSION;
        }
        if split.words().any(is_article) {
            flags |= Key::ARTICLE;
        }
        if space == Space::Cookie && self.is_preference(split) {
            flags |= Key::PREFERENCE;
        }
        if split.words().all(|word| {
            self.vocabulary.contains(word) || self.vocabulary.contains(without_digits(word))
        }) {
            flags |= Key::KNOWN;
        }
        flags
    }

    /// Whether a cookie's name is that of a preference with words around it that only say whose or which.
    fn is_preference(&self, split: &Split) -> bool {
        let known = |word: &[u8]| self.preferences.contains(word);
        let beside = |word: &[u8]| self.beside_preferences.contains(word);
        let words = || split.words().map(without_digits);
        words().all(|word| known(word) || beside(word)) && words().any(known)
    }

    fn fallback(&self, space: Space, key: Key) -> Key {
        match self.cookie_rule {
            Some(slot) if space == Space::Cookie && !key.hits() && !key.is(Key::SAFE) => {
                Key { slot, ..key }
            }
            _ => key,
        }
    }

    fn common_key(&self, split: &Split, segment: bool) -> Key {
        if let Some(slot) = self.whole(split) {
            return Key::of(slot);
        }
        // What ends with a whole name of several words is that, even if its last word alone would say nothing:
        // `ship_to_contact_name`.
        if let Some(slot) = self.ending(split) {
            return Key::of(slot);
        }
        if self.has_neutral_tail(split) {
            return Key::NONE.with(Key::NEUTRAL);
        }
        if let Some(slot) = self.inside(split) {
            return Key::of(slot);
        }
        // A compound without any split, such as `useremail`: known words end to end.
        match split.len() {
            1 if segment => self
                .segment(split.word(0))
                .map_or(Key::NONE, |split| self.common_key(&split, false)),
            _ => Key::NONE,
        }
    }

    /// The whole name, then the name without leading prefixes, each also without trailing digits of its words.
    fn whole(&self, split: &Split) -> Option<Slot> {
        let mut from = 0;
        loop {
            let name = split.join(from, split.len());
            let plain = split.join_plain(from, split.len());
            let found = self
                .common
                .get(name.as_slice())
                .or_else(|| self.common.get(plain.as_slice()));
            if let Some(entry) = found {
                return Some(entry.slot);
            }
            let is_prefix = self.prefixes.contains(without_digits(split.word(from)));
            if !is_prefix || plus(from, 1) >= split.len() {
                return None;
            }
            from = plus(from, 1);
        }
    }

    fn has_neutral_tail(&self, split: &Split) -> bool {
        let len = split.len();
        let one = without_digits(split.word(minus(len, 1)));
        let two = split.join(minus(len, 2), len);
        len > 1 && (self.neutral.contains(one) || self.neutral.contains(two.as_slice()))
    }

    /// The longest, then the last, run of whole words that is a name.
    fn inside(&self, split: &Split) -> Option<Slot> {
        let len = split.len();
        (1..=len.min(4)).rev().find_map(|size| {
            let from = (0..=minus(len, size)).rev();
            from.into_iter()
                .find_map(|from| self.run(split, from, plus(from, size)))
        })
    }

    /// The longest run of two or more words at the end that is a name.
    fn ending(&self, split: &Split) -> Option<Slot> {
        let len = split.len();
        let sizes = (2..=minus(len, 1).min(4)).rev();
        sizes
            .into_iter()
            .find_map(|size| self.run(split, minus(len, size), len))
    }

    /// Words `from..to`, if together they are a name that counts inside others.
    fn run(&self, split: &Split, from: usize, to: usize) -> Option<Slot> {
        let exact = split.join(from, to);
        let entry = self
            .common
            .get(exact.as_slice())
            .or_else(|| self.common.get(split.join_plain(from, to).as_slice()));
        entry.filter(|entry| entry.inside).map(|entry| entry.slot)
    }

    /// What the last word says at the end of a longer name.
    fn tail(&self, split: &Split) -> Option<Slot> {
        let last = split.word(minus(split.len(), 1));
        let known = self
            .tails
            .get(last)
            .or_else(|| self.tails.get(without_digits(last)));
        known.copied().filter(|_| split.len() > 1)
    }

    /// What the end of the last word says: names that are written without any break are no words of any vocabulary.
    fn word_ending(&self, split: &Split) -> Option<Slot> {
        let last = without_digits(split.word(minus(split.len(), 1)));
        let starts = 1..=minus(last.len(), SHORTEST_ENDING);
        let longer = last.len() > SHORTEST_ENDING;
        starts
            .filter(|_| longer)
            .find_map(|start| self.endings.get(cut(last, start, last.len())))
            .copied()
    }

    /// Whether its last words may be the first of a name: `card` of `card_number`.
    fn is_parent(&self, split: &Split) -> bool {
        let len = split.len();
        let heads = |from: usize| {
            self.heads.contains(split.join(from, len).as_slice())
                || self.heads.contains(split.join_plain(from, len).as_slice())
        };
        let starts = (0..len).rev().take(3);
        starts.into_iter().any(heads) || self.agent(split.word(minus(len, 1))).is_some()
    }

    /// What a weak name says under its parent: `number` under `card`, `value` under `patient_identifier`.
    pub(in crate::cleartext::mask) fn under(&self, parent: &[u8], raw: &[u8]) -> Key {
        let (parent, split) = (Split::of(parent), Split::of(raw));
        let tail = split.join(0, split.len());
        for from in (0..parent.len()).rev().take(3) {
            for mut name in [
                parent.join(from, parent.len()),
                parent.join_plain(from, parent.len()),
            ] {
                name.extend_from_slice(&tail);
                if let Some(entry) = self.common.get(name.as_slice()) {
                    return Key::of(entry.slot);
                }
            }
        }
        match self.agent(parent.word(minus(parent.len(), 1))) {
            Some(slot) if tail.as_slice() == b"name" => Key::of(slot),
            _ => Key::NONE,
        }
    }

    /// Cuts a long lower-case word into known words, fewest first; nothing if that is not possible without rest.
    fn segment(&self, word: &[u8]) -> Option<Split> {
        if !(7..=40).contains(&word.len()) || !word.iter().all(u8::is_ascii_lowercase) {
            return None;
        }
        // best[i]: start of the last word of the best cut of word[..i], and how many words that takes.
        let mut best: SmallVec<[Option<(usize, usize)>; 64]> =
            SmallVec::from_elem(None, plus(word.len(), 1));
        for end in 2..=word.len() {
            let mut found: Option<(usize, usize)> = None;
            for start in 0..=minus(end, 2) {
                let before = if start == 0 {
                    Some(0)
                } else {
                    best.get(start).copied().flatten().map(|(_, n)| n)
                };
                let Some(words) = before else { continue };
                let part = cut(word, start, end);
                let long = part.len() > 2 || [&b"id"[..], b"ip", b"no"].contains(&part);
                let known = long
                    && (self.words.contains(part)
                        || self.prefixes.contains(part)
                        || self.neutral.contains(part));
                if known && found.is_none_or(|(_, n)| plus(words, 1) < n) {
                    found = Some((start, plus(words, 1)));
                }
            }
            if let Some(slot) = best.get_mut(end) {
                *slot = found;
            }
        }
        let mut spans = SmallVec::new();
        let mut end = word.len();
        while end > 0 {
            let (start, _) = best.get(end).copied().flatten()?;
            spans.insert(0, (start, end));
            end = start;
        }
        Some(Split {
            text: SmallVec::from_slice(word),
            spans,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleartext::mask::names::NO_RULE;

    fn table() -> NameTable {
        let lists = Lists {
            neutral_tails: vec!["policy".into(), "last_changed".into(), "type".into()],
            prefixes: vec!["user".into(), "x".into()],
            ..Lists::default()
        };
        let mut table = NameTable::new(&lists);
        table.add("password", 1, true);
        table.add("card_number", 2, true);
        table.add("api_key", 3, true);
        table.add("ip", 4, false);
        table.add("email", 5, true);
        table
    }

    #[test]
    fn decides_by_whole_words() {
        let table = table();
        let slot = |name: &str| table.classify(Space::Field, name.as_bytes()).slot;
        assert_eq!(slot("password"), 1);
        assert_eq!(slot("newPassword2"), 1);
        assert_eq!(slot("x-user-ip"), 4);
        assert_eq!(slot("billing_card_number"), 2);
        assert_eq!(slot("stripeApiKey"), 3);
        assert_eq!(slot("useremail"), 5);
        for harmless in [
            "monkey",
            "keyboard",
            "passwordPolicy",
            "password_last_changed",
            "zip",
            "ipsum",
            "description_ip_x",
        ] {
            assert_eq!(slot(harmless), NO_RULE, "{harmless}");
        }
    }

    #[test]
    fn a_weak_name_is_completed_by_its_parent() {
        let table = table();
        assert!(table.classify(Space::Field, b"number").is(Key::WEAK));
        assert_eq!(table.under(b"creditCard", b"number").slot, 2);
        assert_eq!(table.under(b"order", b"number").slot, NO_RULE);
    }
}

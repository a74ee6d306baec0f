//! What follows a piece, and how well that agrees with what follows its siblings.
//!
//! The values of one parameter are followed by the same things in the same shares; a name is followed by things of its own,
//! and mostly by few. What follows is told by kinds: two levels of words, as far as many siblings share them, and classes;
//! where a request ends, also its method. Words that only some siblings have are taken for values: else the repositories of
//! each organisation would make every organisation a case of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::learner::{Learner, Node};
use super::verdict::{Value, number};
use crate::observation::{Element, Method, Shape};

/// Requests of one value that count for what follows the values together: no value is to be all of them.
const CAP: f64 = 20.0;
/// The same of all values of which only the class is known.
const CAP_CLASS: f64 = 200.0;
/// How alike the values of a parameter are used: as many requests as would outweigh what is common to them.
const LIKE: f64 = 40.0;
/// The same of a name, against what is common anywhere.
const OWN: f64 = 1.0;
/// What is common anywhere, in requests, beside what follows the values around.
const ANYWHERE: f64 = 2.0;

/// Kinds that are more than a custom, and requests of which one is seen at all.
const SEVERAL: usize = 3;
const LEAST: f64 = 0.01;

/// How far a kind is held to be more than its two parts together, in requests.
const APART: f64 = 10.0;

/// A kind of what follows: what the first level is, and what follows that.
type Kind = (u64, u64);

/// Parts and kinds above this are of words: those below of classes and methods.
const PARTS: u64 = (1 << 12) - 1;
/// Nothing on that level.
const END: u64 = 0;
/// Where a `GET` ends.
const GET: u64 = 1 + Method::Get as u64;

/// A word at a level behind a place.
type Key = (u64, u64);

/// The words behind one piece.
pub(super) struct Words {
    /// Those that are names there by themselves.
    local: BTreeSet<u64>,
    /// All of them, and how often each was seen.
    seen: BTreeMap<Key, u64>,
    requests: f64,
}

impl Words {
    pub(super) fn of(value: &Value, learner: &Learner) -> Self {
        let mut seen: BTreeMap<Key, u64> = BTreeMap::new();
        let mut note = |level, element: Element, n| {
            if element.has_text() {
                *seen.entry((level, element.hash())).or_default() += n;
            }
        };
        for (first, child) in nodes(value, learner).flat_map(|n| children(n, learner)) {
            note(1, first, child.lesson.requests);
            for (second, child) in children(child, learner) {
                note(2, second, child.lesson.requests);
            }
        }
        Self {
            local: local(value, learner),
            seen,
            requests: number(value.requests()),
        }
    }
}

/// The words that stand behind many siblings: wherever they would if they did not depend on them.
#[derive(PartialEq, Eq)]
pub(super) struct Shared(BTreeSet<Key>);

impl Shared {
    /// Of siblings, and whether each is held to be a value.
    pub(super) fn of<'a>(siblings: impl Iterator<Item = (&'a Words, bool)>) -> Self {
        let mut requests = Vec::new();
        let mut names = BTreeSet::new();
        let mut behind: BTreeMap<Key, (u64, u64)> = BTreeMap::new();
        for (words, is_value) in siblings {
            names.extend(words.local.iter().map(|hash| (2, *hash)));
            if !is_value {
                continue;
            }
            for (key, n) in &words.seen {
                let (siblings, all) = behind.entry(*key).or_default();
                *siblings += 1;
                *all += n;
            }
            requests.push(words.requests);
        }
        let whole: f64 = requests.iter().sum();
        let least = if requests.len() < 4 { 2 } else { 3 };
        behind.retain(|_, (siblings, all)| {
            let rate = number(*all) / whole.max(1.0);
            let presence = |n: &f64| 1.0 - libm::exp(-n * rate);
            *siblings >= least
                && number(*siblings) >= 0.6 * requests.iter().map(presence).sum::<f64>()
        });
        names.extend(behind.into_keys());
        Self(names)
    }

    fn part(&self, level: u64, element: Element) -> u64 {
        if element.is_joined() || self.0.contains(&(level, element.hash())) {
            element.hash() | (PARTS + 1)
        } else if element.has_text() {
            1 + u64::from(element.shape() == Shape::Locale)
                + 2 * u64::from(element.shape() == Shape::Upper)
        } else {
            32 + element.class() as u64
        }
    }
}

/// Requests by what follows.
#[derive(Clone, Debug, Default)]
pub(super) struct Suffixes {
    kinds: Weights<Kind>,
    /// By the first level alone, and by what follows it.
    heads: Weights<u64>,
    tails: Weights<u64>,
    total: f64,
}

/// How much there is of each of a few things, in their order. They are made by the hundred: a list is cheaper than a tree.
#[derive(Clone, Debug)]
struct Weights<K>(Vec<(K, f64)>);

impl<K> Default for Weights<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + Ord> Weights<K> {
    fn add(&mut self, key: K, n: f64) {
        match self.0.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, sum)) = self.0.get_mut(at) {
                    *sum += n;
                }
            }
            Err(at) => self.0.insert(at, (key, n)),
        }
    }

    fn get(&self, key: K) -> Option<f64> {
        let at = self.0.binary_search_by_key(&key, |(known, _)| *known);
        self.0.get(at.ok()?).map(|(_, n)| *n)
    }
}

impl Suffixes {
    /// Of one piece. Requests of one principal do not say it all anew.
    pub(super) fn of(value: &Value, learner: &Learner, shared: &Shared) -> Self {
        let mut kinds: Vec<(Kind, u64)> = Vec::new();
        let mut add = |head, tail, n| kinds.push(((head, tail), n));
        for node in nodes(value, learner) {
            ends(node, |tail, n| add(END, tail, n));
            for (first, child) in children(node, learner) {
                let head = shared.part(1, first);
                for child in with_extensions(child, learner) {
                    ends(child, |tail, n| add(head, tail, n));
                    for (second, child) in children(child, learner) {
                        let part = shared.part(2, second);
                        deeper(child, learner, |tail, n| add(head, tail_of(part, tail), n));
                    }
                }
            }
        }
        kinds.sort_unstable();
        kinds.dedup_by(|(kind, n), (before, sum)| {
            let same = kind == before;
            *sum += if same { *n } else { 0 };
            same
        });
        let requests = number(kinds.iter().map(|(_, n)| n).sum());
        let scale = if value.is_class() {
            1.0
        } else {
            (2.0 * number(value.users() as u64) / requests.max(1.0)).min(1.0)
        };
        let mut out = Self::default();
        for (kind, n) in kinds {
            out.note(kind, number(n) * scale);
        }
        out
    }

    fn note(&mut self, kind: Kind, n: f64) {
        self.kinds.add(kind, n);
        self.heads.add(kind.0, n);
        self.tails.add(kind.1, n);
        self.total += n;
    }

    /// Adds what follows a value to what follows all.
    pub(super) fn add(&mut self, value: &Value, own: &Self) {
        let scale = own.weight(value);
        for (kind, n) in &own.kinds.0 {
            self.note(*kind, n * scale);
        }
    }

    /// By how much it counts for what follows all.
    fn weight(&self, value: &Value) -> f64 {
        let cap = if value.is_class() { CAP_CLASS } else { CAP };
        (cap / self.total.max(1.0)).min(1.0)
    }

    /// Whether there is anything but what `own` added, if it did.
    pub(super) fn is_some(&self, own: &Self, added: Option<&Value>) -> bool {
        let mine = added.map_or(0.0, |value| own.total * own.weight(value));
        self.total - mine > 1.0
    }

    /// Whether several things follow, or one word, and nothing but what follows the values around as well. `added`
    /// as in [`Suffixes::for_name`].
    pub(super) fn is_among(&self, around: &Self, added: Option<&Value>) -> bool {
        let mine = added.map_or(0.0, |value| self.weight(value));
        let follows_others = |(kind, own): &(Kind, f64)| {
            let seen = around.kinds.get(*kind).unwrap_or(0.0);
            seen - mine * own > LEAST
        };
        let kinds = &self.kinds.0;
        let several = kinds.len() >= SEVERAL || kinds.iter().all(|(kind, _)| kind.0 > PARTS);
        several && !kinds.is_empty() && kinds.iter().all(follows_others)
    }

    /// How much more likely this is of a name than of a value, where this follows the values around (logarithm). `added`:
    /// it is held to be one of these itself.
    pub(super) fn for_name(&self, around: &Self, added: Option<&Value>) -> f64 {
        let single = match *self.kinds.0 {
            [(kind, _)] => libm::log(0.5 * only(kind)),
            _ => f64::MIN,
        };
        let name = self.likelihood(OWN, |kind| anywhere(*kind)).max(single);
        let mine = added.map_or(0.0, |value| self.weight(value));
        let others = (around.total - mine * self.total).max(0.0);
        // What is common to the values is known the better the more of them are known.
        let like = OWN + LIKE * others / (others + CAP);
        name - self.likelihood(like, |kind| self.share(around, mine, *kind))
    }

    /// The share of a kind among others: what was seen, and where it was not, whether its two parts were. What is of this
    /// piece itself does not count, as far as it was added.
    fn share(&self, around: &Self, mine: f64, kind: Kind) -> f64 {
        let total = (around.total - mine * self.total).max(0.0);
        let of = |seen: Option<f64>, own: Option<f64>, known: f64, usual: f64| {
            let seen = (seen.unwrap_or(0.0) - mine * own.unwrap_or(0.0)).max(0.0);
            (seen + known * usual) / (total + known)
        };
        let (a, b) = kind;
        let heads = (around.heads.get(a), self.heads.get(a));
        let head = of(heads.0, heads.1, ANYWHERE, head(kind));
        let tails = (around.tails.get(b), self.tails.get(b));
        let tail = of(tails.0, tails.1, ANYWHERE, tail(kind));
        let kinds = (around.kinds.get(kind), self.kinds.get(kind));
        of(kinds.0, kinds.1, APART + total / 4.0, head * tail)
    }

    /// The share of the requests whose path goes on with a word that several share.
    pub(super) fn by_words(&self) -> f64 {
        let word = |(kind, _): &&(Kind, f64)| kind.0 > PARTS || kind.1 > PARTS;
        let worded: f64 = self.kinds.0.iter().filter(word).map(|(_, n)| n).sum();
        worded / self.total.max(1.0)
    }

    /// Of drawing this where shares are known as well as by so many requests (Dirichlet-multinomial).
    fn likelihood(&self, known: f64, share: impl Fn(&Kind) -> f64) -> f64 {
        let kinds = self.kinds.0.iter().map(|(kind, n)| {
            let prior = known * share(kind);
            libm::lgamma(prior + n) - libm::lgamma(prior)
        });
        kinds.sum::<f64>() + libm::lgamma(known) - libm::lgamma(known + self.total)
    }
}

/// Words of the second level that are names there though no sibling has them: they stand behind several pieces of the first,
/// or are much of what stands behind a class.
fn local(value: &Value, learner: &Learner) -> BTreeSet<u64> {
    let mut behind: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
    for (first, child) in nodes(value, learner).flat_map(|n| children(n, learner)) {
        for (second, grandchild) in children(child, learner) {
            let n = grandchild.lesson.requests;
            let much = !first.has_text() && n >= 4 && n * 10 >= child.lesson.requests;
            let (times, is_much) = behind.entry(second.hash()).or_default();
            *times += 1;
            *is_much |= much;
        }
    }
    behind.retain(|hash, (times, much)| *hash != 0 && (*times >= 3 || *much));
    behind.into_keys().collect()
}

/// How common a kind is anywhere.
fn anywhere(kind: Kind) -> f64 {
    head(kind) * tail(kind)
}

/// The same if nothing else follows.
fn only(kind: Kind) -> f64 {
    if kind.0 == END {
        1.4 * tail(kind)
    } else {
        anywhere(kind)
    }
}

fn head(kind: Kind) -> f64 {
    match kind.0 {
        END => 0.45,
        1..=PARTS => 0.15,
        _ => 0.02,
    }
}

fn tail(kind: Kind) -> f64 {
    match kind.1 {
        GET => 0.5,
        ..=PARTS => 0.15,
        _ => 0.02,
    }
}

/// Behind a part of the second level.
fn tail_of(part: u64, tail: u64) -> u64 {
    if part > PARTS {
        mixed(part, tail)
    } else {
        part << 5 | tail
    }
}

/// Where a path ends, by method, and how often it goes on.
fn deeper(node: &Node, learner: &Learner, mut add: impl FnMut(u64, u64)) {
    let mut on = node.lesson.requests;
    for node in with_extensions(node, learner) {
        ends(node, |tail, n| {
            on = on.saturating_sub(n);
            add(tail, n);
        });
    }
    if on > 0 {
        add(END, on);
    }
}

/// Where a path ends, by method.
fn ends(node: &Node, mut add: impl FnMut(u64, u64)) {
    for (method, n) in &node.ends {
        add(1 + *method as u64, *n);
    }
}

fn mixed(part: u64, tail: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let hash = (part.rotate_left(29) ^ tail).wrapping_mul(ODD);
    (hash ^ hash >> 31) | (PARTS + 1)
}

/// Where a value leads. An extension says nothing: with it or without, it is the same value.
fn nodes<'a>(value: &'a Value, learner: &'a Learner) -> impl Iterator<Item = &'a Node> {
    let nodes = value.nodes.iter().filter_map(|at| learner.node(*at));
    nodes.flat_map(|node| with_extensions(node, learner))
}

fn with_extensions<'a>(node: &'a Node, learner: &'a Learner) -> impl Iterator<Item = &'a Node> {
    let extensions = node.children.iter().filter(|(e, _)| e.is_extension());
    let extended = extensions.filter_map(|(_, at)| learner.node(*at));
    std::iter::once(node).chain(extended)
}

fn children<'a>(node: &'a Node, learner: &'a Learner) -> impl Iterator<Item = (Element, &'a Node)> {
    let child = |(element, at): (&Element, &usize)| Some((*element, learner.node(*at)?));
    let children = node.children.iter().filter(|(e, _)| !e.is_extension());
    children.filter_map(child)
}

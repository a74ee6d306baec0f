//! Which of the pieces that stand at one place are names: a sum of what speaks for and against it, for each piece.
//!
//! Number of siblings alone never decides. What does: how many distinct principals use a piece, how it compares with the
//! values around it in use and in what follows it, whether it stands behind many values of the parameter before it, how it is
//! written, and what stands before it. A piece outside the vocabulary is a name only if `k` principals used it.

use std::collections::{BTreeMap, BTreeSet};

use super::Lesson;
use super::elsewhere::Sharing;
use super::learner::{Context, Learner, Node, Spot};
use super::suffix::{Shared, Suffixes, Words};
use super::writing::{Writing, as_values};
use crate::observation::{Class, Element, Shape};

/// Values at a place from which on a word never seen there is a value too.
const FEW: usize = 3;
/// Values at a place from which on a piece that is followed by the same is one too, whoever uses it.
const OPEN: usize = 8;
/// Values at a place from which on a word of the vocabulary that is followed by the same is one too.
const CROWD: usize = 20;
/// Values at a place from which on they need not be told apart any more.
const FULL: usize = 256;

/// Principals that came to a place before how many use a word of the vocabulary counts there, and requests before one may be
/// taken for a value where mostly names stand.
const FEWEST_USERS: u32 = 5;
const FEWEST_REQUESTS: u64 = 50;

/// Principals and requests from which on what always stands at a place is a name.
const CONSTANT_USERS: usize = 8;
const CONSTANT_REQUESTS: u64 = 20;
/// Requests below which a piece is hardly used, and what that says against a name among many values (logarithm): any word
/// may come up once among hundreds.
const HARDLY_USED: u64 = 6;
const HARDLY_USED_AMONG_MANY: f64 = 2.0;
/// What has to speak for a word of the vocabulary that is followed by all that follows so many values (logarithm).
const CERTAIN: f64 = 4.0;
/// Values that are on no list, from which on words of the vocabulary are compared with them.
const STRANGERS: usize = 3;
/// What `_bulk` says for a name beside others like it (logarithm).
const SIGNED: f64 = 2.0;
/// Versions of an API side by side.
const MAX_VERSIONS: usize = 3;

/// Whether there are more numbers than there are ever versions.
pub(super) fn has_many_numbers(all: &[Value]) -> bool {
    let numbers = all.iter().filter(|value| value.element.is_numeric());
    numbers.count() > MAX_VERSIONS
}

/// Takes numbers for what they mostly are: values of which only the class matters. Where all that ever stood behind names
/// are a few that everybody uses, they are versions.
pub(super) fn settle_numbers(all: Vec<Value>, k: usize, place: Place) -> Vec<Value> {
    let most = match place {
        Place::Prefix => MAX_VERSIONS,
        Place::Root | Place::Name | Place::Plural => 1,
        Place::Parameter => 0,
    };
    let is_version = |value: &Value| value.element.is_numeric() && value.is_constant(k);
    if !all.iter().any(|value| value.element.is_numeric())
        || all.len() <= most && all.iter().all(is_version)
    {
        return all;
    }
    let mut settled: BTreeMap<Element, Value> = BTreeMap::new();
    for mut value in all {
        if value.element.is_numeric() {
            value.element = Element::class_only(value.element.class());
        }
        match settled.get_mut(&value.element) {
            Some(same) => same.absorb(value),
            None => {
                settled.insert(value.element, value);
            }
        }
    }
    settled.into_values().collect()
}

/// What stands before a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// Nothing.
    Root,
    /// A version, `api` and the like: names follow.
    Prefix,
    /// A name of many things: values follow.
    Plural,
    /// Another name.
    Name,
    /// A parameter: names follow.
    Parameter,
}

impl Place {
    /// The place behind a name.
    pub(super) fn behind(name: Element) -> Self {
        let (shape, class) = (name.shape(), name.class());
        let version = shape == Shape::Digits && (name.is_known() || class == Class::Version);
        if version || matches!(shape, Shape::Prefix | Shape::Sign) {
            Self::Prefix
        } else if shape == Shape::Plural {
            Self::Plural
        } else {
            Self::Name
        }
    }

    /// Whether mostly names stand there.
    const fn is_of_names(self) -> bool {
        matches!(self, Self::Root | Self::Prefix)
    }
}

/// One piece at a place.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) element: Element,
    /// Where it leads: one node for each beginning that was seen before it.
    pub(super) nodes: BTreeSet<usize>,
    lesson: Lesson,
}

impl Value {
    pub(super) fn new(element: Element) -> Self {
        Self {
            element,
            nodes: BTreeSet::new(),
            lesson: Lesson::default(),
        }
    }

    pub(super) fn add(&mut self, node: &Node) {
        self.lesson.add(node.lesson);
    }

    /// Takes another of the same class.
    fn absorb(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
        self.lesson.add(other.lesson);
    }

    /// Whether so many principals used it so often that it says something where it stands alone.
    fn is_constant(&self, k: usize) -> bool {
        self.element.has_text()
            && self.users() >= k.max(CONSTANT_USERS)
            && self.requests() >= CONSTANT_REQUESTS
    }

    pub(super) const fn requests(&self) -> u64 {
        self.lesson.requests
    }

    pub(super) fn users(&self) -> usize {
        self.lesson.users.count_ones() as usize
    }

    /// Whether only its class is known: many values in one.
    pub(super) const fn is_class(&self) -> bool {
        !self.element.has_text()
    }
}

/// Times that names and values are told apart anew, each time by the values found before.
const ROUNDS: usize = 5;
/// Siblings up to which values are looked for that are few beside names, and pieces that are tried for that.
const MAX_SEEDED: usize = 64;
const MAX_SEEDS: usize = 12;

/// What was found, by where paths have come to and what stands before it.
pub(super) type Known = BTreeMap<(BTreeSet<usize>, Place), Standing>;

/// What stands at one place, put together.
#[derive(Clone)]
pub(super) struct Standing {
    names: BTreeSet<Element>,
    /// Distinct values.
    values: f64,
}

impl Standing {
    pub(super) fn of(
        all: &[Value],
        context: Context<'_>,
        group: &BTreeSet<usize>,
        spot: Spot,
    ) -> Self {
        let apart = || all.iter().filter(|value| !value.element.is_joined());
        let sharing = context.elsewhere.sharing(spot.path, apart());
        if !sharing.is_nothing() {
            return Self::beside(&sharing, all, context, group, spot);
        }
        let place = (group.clone(), spot.place);
        if let Some(known) = context.known.borrow().get(&place) {
            return known.clone();
        }
        let found = Self::beside(&sharing, all, context, group, spot);
        let mut known = context.known.borrow_mut();
        known.insert(place, found.clone());
        found
    }

    fn beside(
        sharing: &Sharing<'_>,
        all: &[Value],
        context: Context<'_>,
        group: &BTreeSet<usize>,
        spot: Spot,
    ) -> Self {
        let Context { learner, k, .. } = context;
        let apart = || all.iter().filter(|value| !value.element.is_joined());
        let elsewhere = |value: &&Value| sharing.for_name(value);
        let elsewhere = apart().map(|value| (value, elsewhere(&value))).collect();
        let mut pool = Pool::new(context, elsewhere, shares(group, learner), spot.place);
        pool.part(k);
        let values = pool.writing.count();
        let mut names = pool.names();
        // Where so few ever came, hardly anything is to be learned: the words of the vocabulary are names as anywhere else.
        let mut came = Lesson::default();
        for value in all {
            came.add(value.lesson);
        }
        if came.users.count_ones() < FEWEST_USERS {
            let new = came.requests < FEWEST_REQUESTS && spot.place.is_of_names();
            let known = apart().filter(|value| value.element.is_known());
            let likely = known.filter(|value| new || pool.is_likely_name(value.element));
            names.extend(likely.map(|value| value.element));
        }
        // What is the same for everybody is no parameter.
        if apart().count() == 1 || apart().all(|value| value.element.is_numeric()) {
            let constant = apart().filter(|value| value.is_constant(k));
            names.extend(constant.map(|value| value.element));
        }
        names.extend(all.iter().map(|v| v.element).filter(|e| e.is_joined()));
        Self { names, values }
    }

    /// Whether so many values stand here that a word is likely one too.
    pub(super) fn is_open(&self) -> bool {
        self.values >= number(FEW as u64)
    }

    /// Whether they need not be told apart any more.
    pub(super) fn is_full(&self) -> bool {
        self.values >= number(FULL as u64)
    }

    /// Whether a piece that stands here is a name.
    pub(super) fn is_name(&self, value: &Value) -> bool {
        self.names.contains(&value.element)
    }
}

/// A sibling, and what was found of it.
struct Sibling<'a> {
    value: &'a Value,
    /// What other places say for a name.
    elsewhere: f64,
    words: Words,
    suffixes: Suffixes,
    is_name: bool,
}

/// Which siblings are names.
type Parted = Vec<bool>;

/// How often values are used.
#[derive(Default)]
struct Use {
    count: u64,
    all: u64,
    /// Of the most used, and of the next.
    most: (u64, u64),
}

impl Use {
    fn add(&mut self, requests: u64) {
        self.count += 1;
        self.all += requests;
        let (first, second) = self.most;
        self.most = (first.max(requests), second.max(first.min(requests)));
    }

    /// Number, requests, and those of the most used, but for one.
    fn without(&self, own: Option<u64>) -> (f64, f64, f64) {
        let (count, all) = match own {
            Some(own) => (self.count - 1, self.all - own),
            None => (self.count, self.all),
        };
        let (first, second) = self.most;
        let most = if own == Some(first) { second } else { first };
        (number(count), number(all), number(most))
    }
}

/// The siblings at a place, and of those that are held to be values of one parameter what is common to them.
struct Pool<'a> {
    learner: &'a Learner,
    siblings: Vec<Sibling<'a>>,
    /// Whether the rest is of the siblings as they are parted now.
    is_gathered: bool,
    shared: Option<Shared>,
    /// Parted so before: how they are parted next, and what speaks for the values. One seed often leads where another did.
    next: BTreeMap<Parted, Parted>,
    scores: BTreeMap<Parted, f64>,
    beginnings: Vec<f64>,
    place: Place,
    use_: Use,
    suffixes: Suffixes,
    /// Without those of which only the class is known: they may be of another parameter.
    texts: Suffixes,
    /// Without words of the vocabulary: several names of the same kind speak for each other.
    strangers: Suffixes,
    strange: usize,
    writing: Writing,
}

impl<'a> Pool<'a> {
    fn new(
        context: Context<'a>,
        values: Vec<(&'a Value, f64)>,
        beginnings: Vec<f64>,
        place: Place,
    ) -> Self {
        let learner = context.learner;
        let sibling = |(value, elsewhere)| Sibling {
            value,
            elsewhere,
            words: Words::of(value, learner),
            suffixes: Suffixes::default(),
            is_name: false,
        };
        Self {
            learner,
            siblings: values.into_iter().map(sibling).collect(),
            is_gathered: false,
            shared: None,
            next: BTreeMap::new(),
            scores: BTreeMap::new(),
            beginnings,
            place,
            use_: Use::default(),
            suffixes: Suffixes::default(),
            texts: Suffixes::default(),
            strangers: Suffixes::default(),
            strange: 0,
            writing: Writing::default(),
        }
    }

    /// Tells names from values.
    fn part(&mut self, k: usize) {
        self.settle(k);
        let mut best = self.score();
        if best.is_infinite() {
            self.gather();
            return;
        }
        let mut names = self.names();
        for seed in self.seeds() {
            let all = self.siblings.iter();
            let parted = all.map(|sibling| sibling.value.element != seed);
            self.become_parted(&parted.collect::<Parted>());
            self.settle(k);
            let found = self.score();
            if found > best {
                best = found;
                names = self.names();
            }
        }
        let all = self.siblings.iter().map(|sibling| {
            let value = sibling.value;
            let shown = !value.is_class() && (value.element.is_known() || value.users() >= k);
            shown && (best <= 0.0 || names.contains(&value.element))
        });
        self.become_parted(&all.collect::<Parted>());
        self.gather();
    }

    /// How the siblings are parted.
    fn parted(&self) -> Parted {
        self.siblings.iter().map(|s| s.is_name).collect()
    }

    /// Parts them so; returns whether that changes anything.
    fn become_parted(&mut self, parted: &[bool]) -> bool {
        let mut changed = false;
        for (sibling, is_name) in self.siblings.iter_mut().zip(parted) {
            changed |= sibling.is_name != *is_name;
            sibling.is_name = *is_name;
        }
        self.is_gathered &= !changed;
        changed
    }

    /// Pieces of which the values may be found if they are few beside names: one by one, those most used.
    fn seeds(&self) -> Vec<Element> {
        if self.siblings.len() > MAX_SEEDED {
            return Vec::new();
        }
        let unknown = self.siblings.iter().filter(|s| !s.value.element.is_known());
        let mut seeds: Vec<_> = unknown
            .map(|s| (std::cmp::Reverse(s.value.requests()), s.value.element))
            .collect();
        seeds.sort_unstable();
        seeds.truncate(MAX_SEEDS);
        seeds.into_iter().map(|(_, element)| element).collect()
    }

    /// Parts again by what is common to those that are values now, until nothing changes.
    fn settle(&mut self, k: usize) {
        for _ in 0..ROUNDS {
            let now = self.parted();
            let next = self.next.get(&now).cloned();
            let next = next.unwrap_or_else(|| {
                self.gather();
                let all = self.siblings.iter();
                let next: Parted = all.map(|sibling| self.is_name(sibling, k)).collect();
                self.next.insert(now, next.clone());
                next
            });
            if !self.become_parted(&next) {
                break;
            }
        }
    }

    /// What speaks for those held to be values.
    fn score(&mut self) -> f64 {
        let now = self.parted();
        if let Some(score) = self.scores.get(&now) {
            return *score;
        }
        self.gather();
        let score = self.for_parameter();
        self.scores.insert(now, score);
        score
    }

    fn names(&self) -> BTreeSet<Element> {
        let names = self.siblings.iter().filter(|s| s.is_name);
        names.map(|sibling| sibling.value.element).collect()
    }

    /// What is common to the values.
    fn gather(&mut self) {
        if self.is_gathered {
            return;
        }
        self.is_gathered = true;
        let words = self.siblings.iter().map(|s| (&s.words, !s.is_name));
        let shared = Some(Shared::of(words));
        if self.shared != shared {
            self.shared = shared;
            let shared = self.shared.iter();
            for (sibling, shared) in self.siblings.iter_mut().zip(shared.cycle()) {
                sibling.suffixes = Suffixes::of(sibling.value, self.learner, shared);
            }
        }
        self.use_ = Use::default();
        self.suffixes = Suffixes::default();
        self.texts = Suffixes::default();
        self.strangers = Suffixes::default();
        self.strange = 0;
        self.writing = Writing::default();
        for sibling in &self.siblings {
            if !sibling.is_name {
                self.suffixes.add(sibling.value, &sibling.suffixes);
                if !sibling.value.is_class() {
                    self.use_.add(sibling.value.requests());
                    self.texts.add(sibling.value, &sibling.suffixes);
                    if !sibling.value.element.is_known() {
                        self.strangers.add(sibling.value, &sibling.suffixes);
                        self.strange += 1;
                    }
                }
                self.writing
                    .add(sibling.value.element, weight(sibling.value));
            }
        }
    }

    /// What is common to the values but for this one, and what that says for a name.
    fn by_siblings(&self, sibling: &Sibling<'_>) -> f64 {
        let own = (!sibling.is_name).then_some(sibling.value);
        let mut suffix = sibling.suffixes.for_name(&self.suffixes, own);
        if self.texts.is_some(&sibling.suffixes, own) {
            suffix = suffix.min(sibling.suffixes.for_name(&self.texts, own) + 0.7);
        }
        suffix
            + self
                .writing
                .for_name(sibling.value.element, !sibling.is_name)
    }

    /// The same for a word of the vocabulary by the values that are on no list; none if there are too few.
    fn by_strangers(&self, sibling: &Sibling<'_>) -> Option<f64> {
        let element = sibling.value.element;
        (element.is_known() && self.strange >= STRANGERS).then(|| {
            let suffix = sibling.suffixes.for_name(&self.strangers, None);
            suffix + self.writing.for_name(element, !sibling.is_name)
        })
    }

    /// Values beside it.
    fn others(&self, sibling: &Sibling<'_>) -> f64 {
        self.writing.count() - if sibling.is_name { 0.0 } else { 1.0 }
    }

    /// Of so many, half a name (logarithm).
    fn prior(&self, sibling: &Sibling<'_>) -> f64 {
        libm::log(0.5 / self.others(sibling).max(1.0)).max(-4.5)
    }

    /// Whether it is, as it is written and by what follows it, whoever uses it.
    fn is_likely_name(&self, element: Element) -> bool {
        let mut all = self.siblings.iter();
        let sibling = all.find(|sibling| sibling.value.element == element);
        sibling.is_some_and(|sibling| {
            let by = self.by_siblings(sibling);
            let by = self.by_strangers(sibling).map_or(by, |more| by.max(more));
            sibling.is_name || by + sibling.elsewhere + self.prior(sibling) > 0.0
        })
    }

    fn is_name(&self, sibling: &Sibling<'_>, k: usize) -> bool {
        let value = sibling.value;
        let known = value.element.is_known();
        if value.is_class() || (!known && value.users() < k) {
            return false;
        }
        let others = self.others(sibling);
        let own = (!sibling.is_name).then_some(value);
        let is_among = || sibling.suffixes.is_among(&self.suffixes, own);
        // However many use it, what may be the name of somebody is not shown: followed by all that follows the values.
        if !known && others >= number(OPEN as u64) && is_among() {
            return false;
        }
        let mut rest = self.by_use(sibling)
            + self.by_beginnings(value)
            + sibling.elsewhere
            + self.prior(sibling);
        let many = others >= number(CROWD as u64);
        if value.requests() < HARDLY_USED && many && !self.place.is_of_names() {
            rest -= HARDLY_USED_AMONG_MANY;
        }
        let score = self.by_siblings(sibling) + rest;
        if !known || score >= CERTAIN {
            return score > 0.0;
        }
        let score = self
            .by_strangers(sibling)
            .map_or(score, |by| score.max(by + rest));
        let (texts, ..) = self.use_.without(own.map(Value::requests));
        // A word of the vocabulary may be shown even so, where enough speaks for it.
        let doubtful = score < CERTAIN && texts >= number(CROWD as u64);
        score > 0.0 && !(doubtful && is_among())
    }

    /// Whether those held to be values are, all of them together: above 0 if so.
    fn for_parameter(&self) -> f64 {
        let values = || self.siblings.iter().filter(|s| !s.is_name);
        if values().any(|sibling| sibling.value.is_class()) {
            return f64::INFINITY;
        }
        let mut score = match self.place {
            Place::Root => -4.0,
            Place::Prefix => -5.0,
            // Several things behind a name of many are its members.
            Place::Plural => (number(values().count() as u64) - 1.5).clamp(0.5, 3.5),
            Place::Name => -1.0,
            Place::Parameter => -2.0,
        };
        let (mut suffixes, mut writing) = (Suffixes::default(), Writing::default());
        for sibling in values() {
            let value = sibling.value;
            if writing.count() > 0.0 {
                // Names look alike too, as it is the custom.
                let least = -1.0 - 3.0 * sibling.suffixes.by_words();
                score -= sibling.suffixes.for_name(&suffixes, None).max(least);
            }
            let mut written = writing.for_name(value.element, false);
            if value.element.shape() == Shape::Sign {
                // Several of these together are a custom of the API, and no parameter.
                written = written.max(SIGNED);
            }
            score -= written
                + if value.element.is_known() {
                    0.0
                } else {
                    rarity(value)
                }
                + self.by_beginnings(value)
                + sibling.elsewhere.min(0.0);
            suffixes.add(value, &sibling.suffixes);
            writing.add(value.element, 1.0);
        }
        score
    }

    /// Use by principals, and against the values around.
    fn by_use(&self, sibling: &Sibling<'_>) -> f64 {
        let own = sibling.value;
        let (count, all, most) = self
            .use_
            .without((!sibling.is_name).then_some(own.requests()));
        let requests = number(own.requests());
        let against = if count < 4.0 {
            0.0
        } else if requests > 2.0 * most + 2.0 {
            // A name is likely the most used of all, and far ahead; any of the values may be that, but not so far: where use
            // falls with the rank the first is hardly three times the second.
            libm::log(count) - 1.0
                + (1.5 * libm::log(requests / (most + 1.0) / 4.0)).clamp(-3.0, 3.0)
        } else if requests * count <= all {
            -1.0
        } else {
            0.0
        };
        // What is hardly used is not worth a risk.
        let few = if own.requests() < HARDLY_USED {
            -2.0
        } else {
            0.0
        };
        rarity(own) + against + few
    }

    /// Behind how many values of the parameter before it the piece was seen: a name stands behind all of them, but so do
    /// the values of an independent parameter. That behind which it was seen most does not count: it may be a class.
    fn by_beginnings(&self, value: &Value) -> f64 {
        if self.place != Place::Parameter || self.beginnings.len() < 4 {
            return 0.0;
        }
        let nodes = value.nodes.iter().filter_map(|at| self.learner.node(*at));
        let most = nodes.map(|node| node.lesson.requests).max().unwrap_or(0);
        let requests = number(value.requests() - most);
        let whole: f64 = self.beginnings.iter().sum();
        if requests < 4.0 {
            return 0.0;
        }
        let presence = |share: &f64| 1.0 - libm::exp(-requests * share / whole);
        let expected: f64 = self.beginnings.iter().map(presence).sum();
        let seen = number(value.nodes.len() as u64 - 1);
        if seen <= 0.5 * expected {
            -4.0
        } else if seen >= 0.8 * expected {
            1.0
        } else {
            0.0
        }
    }
}

/// Hardly anybody used it.
fn rarity(value: &Value) -> f64 {
    match (value.requests(), value.users()) {
        (1, _) => -2.0,
        (_, 1) => -1.5,
        (2, _) => -1.0,
        _ => 0.0,
    }
}

/// As how many values it counts.
fn weight(value: &Value) -> f64 {
    if value.is_class() {
        as_values(value.requests())
    } else {
        1.0
    }
}

/// The share of the requests that came by each beginning, but for the most used.
fn shares(group: &BTreeSet<usize>, learner: &Learner) -> Vec<f64> {
    let nodes = || group.iter().filter_map(|at| learner.node(*at));
    let requests = |node: &Node| number(node.lesson.requests);
    let all: f64 = nodes().map(requests).sum();
    let mut shares: Vec<f64> = nodes().map(|node| requests(node) / all.max(1.0)).collect();
    shares.sort_by(f64::total_cmp);
    shares.pop();
    shares
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(super) fn number(n: u64) -> f64 {
    n as f64
}

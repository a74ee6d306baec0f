//! Which of the pieces that stand at one place are names: a sum of what speaks for and against it, for each piece.
//!
//! Number of siblings alone never decides. What does: how many distinct principals use a piece, how it compares with the
//! values around it in use and in what follows it, whether it stands behind many values of the parameter before it, how it is
//! written, and what stands before it. A piece outside the vocabulary is a name only if `k` principals used it.

use std::collections::{BTreeMap, BTreeSet};

use super::Lesson;
use super::learner::{Learner, Node};
use crate::observation::{Class, Element, Method, Shape};

/// Values at a place from which on a word never seen there is a value too.
const OPEN: usize = 8;
/// Values at a place from which on they need not be told apart any more.
const FULL: usize = 256;

/// What stands before a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
        if version || shape == Shape::Prefix {
            Self::Prefix
        } else if shape == Shape::Plural {
            Self::Plural
        } else {
            Self::Name
        }
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

    fn users(&self) -> usize {
        self.lesson.users.count_ones() as usize
    }

    /// Whether it may turn out a name though it is no word of the vocabulary.
    fn is_unknown(&self) -> bool {
        self.element.has_text() && !self.element.is_known()
    }
}

/// What may follow a piece.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Next {
    End(Method),
    Word(u64),
    Action(u64),
    Value,
}

type Profile = BTreeMap<Next, u64>;

/// Whether the words that follow are so many, and each so rare, that they are values.
fn are_values(after: &Profile) -> bool {
    let words = || {
        after
            .iter()
            .filter(|(next, _)| matches!(next, Next::Word(_)))
    };
    let total: u64 = after.values().sum();
    words().count() >= OPEN && words().all(|(_, n)| *n * 5 <= total)
}

/// The same with all words as values.
fn without_words(profile: Profile) -> Profile {
    let mut out = Profile::new();
    for (next, n) in profile {
        let next = match next {
            Next::Word(_) => Next::Value,
            Next::End(_) | Next::Action(_) | Next::Value => next,
        };
        *out.entry(next).or_default() += n;
    }
    out
}

/// Whether the same follows many pieces, and several things do: then they are values, though many principals use each.
fn is_even<'a>(profiles: impl Iterator<Item = &'a Profile> + Clone) -> bool {
    let mut sum = Profile::new();
    for (next, n) in profiles.clone().flatten() {
        *sum.entry(*next).or_default() += n;
    }
    let total: u64 = sum.values().sum();
    let most = sum.values().max().copied().unwrap_or(0);
    if profiles.clone().count() < OPEN || total < 40 || most * 7 > total * 6 {
        return false;
    }
    let surprise: f64 = profiles
        .map(|own| {
            let mine: u64 = own.values().sum();
            let gains = own.iter().map(|(next, n)| {
                let usual = number(sum.get(next).copied().unwrap_or(1));
                number(*n) * libm::log(number(*n) / number(mine) * number(total) / usual)
            });
            // By chance alone it is half the degrees of freedom, as far as there are requests for them.
            let chance = 0.5 * number((sum.len() as u64 - 1).min(mine));
            gains.sum::<f64>() - chance
        })
        .sum();
    surprise < 0.06 * number(total)
}

/// How the values of one parameter are written, roughly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Form {
    Words,
    Short,
    Joined,
    Locale,
    Upper,
    Digits,
    Noise,
}

impl Form {
    fn of(element: Element) -> Self {
        match element.shape() {
            Shape::Plain
            | Shape::Plural
            | Shape::Title
            | Shape::Camel
            | Shape::Prefix
            | Shape::Action => Self::Words,
            Shape::Short => Self::Short,
            Shape::Snake | Shape::Pair | Shape::Phrase => Self::Joined,
            Shape::Locale => Self::Locale,
            Shape::Upper => Self::Upper,
            Shape::Digits => Self::Digits,
            Shape::Noise => Self::Noise,
        }
    }
}

/// Siblings behind which the same words stand, from which on they are values.
const ALIKE: usize = 4;

/// The pieces behind which the same two words or more stand as behind many of their siblings: `/{org}/issues`,
/// `/{org}/members`. Names have words of their own, but for those that stand anywhere ([`Shape::Action`]).
fn alike(all: &[(&Value, Profile)]) -> BTreeSet<Element> {
    // Siblings, requests for the word, requests for those siblings.
    let mut behind: BTreeMap<Next, (usize, u64, u64)> = BTreeMap::new();
    let words = |profile: &Profile| -> Vec<Next> {
        let words = profile.keys().filter(|next| matches!(next, Next::Word(_)));
        words.copied().collect()
    };
    for (value, profile) in all {
        for word in words(profile) {
            let (siblings, own, whole) = behind.entry(word).or_default();
            *siblings += 1;
            *own += profile.get(&word).copied().unwrap_or(0);
            *whole += value.lesson.requests;
        }
    }
    // Words that are rare behind each of them are more likely values themselves.
    behind.retain(|_, (siblings, own, whole)| *siblings >= ALIKE && *own * 30 >= *whole);
    let shares = |profile: &Profile| profile.keys().any(|next| behind.contains_key(next));
    let sharing = all.iter().filter(|(_, profile)| shares(profile));
    let whole: u64 = sharing.map(|(value, _)| value.lesson.requests).sum();
    let own: u64 = behind.values().map(|(_, own, _)| own).sum();
    let many = behind.values().any(|(siblings, ..)| *siblings >= ALIKE + 2);
    if own * 7 < whole || !(many || behind.len() >= 2) {
        return BTreeSet::new();
    }
    let alike = all.iter().filter(|(_, profile)| shares(profile));
    alike.map(|(value, _)| value.element).collect()
}

/// What stands at one place, put together.
pub(super) struct Standing {
    place: Place,
    /// The shares of the requests that came by each beginning seen before this place.
    beginnings: Vec<f64>,
    /// Of unknown pieces: behind how many beginnings they were seen, and would be if they were names.
    spread: (f64, f64),
    /// Distinct unknown pieces, their requests, and those that hardly anybody uses.
    unknown: usize,
    unknown_requests: u64,
    weak: usize,
    /// Whether the same follows all unknown pieces.
    even: bool,
    /// Unknown pieces by how they are written.
    forms: BTreeMap<Form, usize>,
    /// Pieces behind which the same words stand.
    alike: BTreeSet<Element>,
    /// Requests whose piece is only a class.
    classed: u64,
    users: u128,
    /// What follows values: unknown pieces and classes.
    after: Profile,
}

impl Standing {
    pub(super) fn of(
        all: &[Value],
        learner: &Learner,
        group: &BTreeSet<usize>,
        place: Place,
    ) -> Self {
        let mut out = Self {
            place,
            beginnings: shares(group, learner),
            spread: (0.0, 0.0),
            unknown: 0,
            unknown_requests: 0,
            weak: 0,
            even: false,
            forms: BTreeMap::new(),
            alike: BTreeSet::new(),
            classed: 0,
            users: 0,
            after: Profile::new(),
        };
        let most = all.iter().map(Value::users).max().unwrap_or(0);
        let apart = all.iter().filter(|value| !value.element.is_joined());
        let profiles: Vec<_> = apart
            .map(|value| (value, profile(value, learner)))
            .collect();
        out.alike = alike(&profiles);
        let unknown = profiles.iter().filter(|(value, _)| value.is_unknown());
        out.even = is_even(unknown.map(|(_, profile)| profile));
        for (value, profile) in profiles {
            out.users |= value.lesson.users;
            if value.is_unknown() {
                out.unknown += 1;
                *out.forms.entry(Form::of(value.element)).or_default() += 1;
                out.unknown_requests += value.lesson.requests;
                out.weak += usize::from(out.even || value.users() <= 2.max(most / 3));
                if value.lesson.requests >= 2 {
                    let (seen, expected) = out.spread_of(value);
                    out.spread.0 += seen;
                    out.spread.1 += expected;
                }
            } else if !value.element.has_text() {
                out.classed += value.lesson.requests;
            }
            let form = Form::of(value.element);
            if value.element.is_known() && !matches!(form, Form::Words | Form::Short | Form::Joined)
            {
                *out.forms.entry(form).or_default() += 1;
            }
            if out.is_around(value) {
                for (next, n) in profile {
                    *out.after.entry(next).or_default() += n;
                }
            }
        }
        out
    }

    /// Whether what follows a piece is held to follow values.
    fn is_around(&self, value: &Value) -> bool {
        !value.element.is_known() || self.alike.contains(&value.element)
    }

    /// Whether so many values stand here that a word is likely one too.
    pub(super) fn is_open(&self) -> bool {
        self.weak >= OPEN || self.alike.len() >= 2 * ALIKE
    }

    /// Whether they need not be told apart any more.
    pub(super) const fn is_full(&self) -> bool {
        self.weak >= FULL
    }

    /// Whether a piece that stands here is a name.
    pub(super) fn is_name(&self, value: &Value, learner: &Learner, k: usize) -> bool {
        let element = value.element;
        if element.is_joined() {
            return true;
        }
        if !element.has_text() || (!element.is_known() && value.users() < k) {
            return false;
        }
        let use_ = self.by_use(value);
        let follow = self.by_what_follows(value, learner);
        let written = by_writing(element, self.place) + self.by_form(element);
        written + use_ + self.by_beginnings(value) + follow > 0.0
    }

    /// Whether it is written otherwise than nearly all values around it, which are written as values are.
    fn by_form(&self, element: Element) -> f64 {
        let (own, known) = (Form::of(element), element.is_known());
        let mut forms = self.forms.clone();
        if !known && let Some(n) = forms.get_mut(&own) {
            *n -= 1;
        }
        let all: usize = forms.values().sum();
        let (form, most) = forms
            .into_iter()
            .max_by_key(|(_, n)| *n)
            .unwrap_or((Form::Words, 0));
        let apart = !matches!(form, Form::Words | Form::Joined) && own == Form::Words;
        if most < 4 || most * 5 < all * 4 || !apart {
            0.0
        } else if known {
            15.0
        } else {
            40.0
        }
    }

    /// Use by principals, against the values around it.
    fn by_use(&self, value: &Value) -> f64 {
        let own = value.is_unknown();
        let all = self.users.count_ones() as usize;
        let others = self.unknown - usize::from(own);
        let mut requests = self.unknown_requests;
        if !own {
            requests += value.lesson.requests;
        }
        let mut score = match (others, self.classed) {
            // The only text, alone or beside what is certainly a value.
            (0, 0) if own && value.lesson.requests >= 5 => 20.0,
            (0, _) if own && value.lesson.requests >= 4 => 30.0,
            (0..3, _) => 0.0,
            _ => {
                // The most used of so many values, where use falls with the rank (Zipf).
                let head = number(requests) / harmonic(others + 1);
                let ratio = number(value.lesson.requests) / head;
                let least = match self.weak {
                    0..OPEN => -5.0,
                    _ if value.users() * 3 >= all => -10.0,
                    _ => -20.0,
                };
                (10.0 * libm::log2(ratio / 2.0)).clamp(least, 25.0)
            }
        };
        if all >= 4 && self.weak < OPEN && value.users() * 2 >= all {
            score += 10.0;
        }
        // Many principals use each of few pieces.
        let leads = !matches!(self.place, Place::Plural | Place::Name);
        if own && leads && self.weak < OPEN && value.users() * 3 >= all {
            score += 15.0;
        }
        if self.classed > 0 {
            score -= 10.0;
        }
        let against = match (self.weak, value.element.is_known()) {
            (20.., true) => 35.0,
            (OPEN.., true) => 25.0,
            (OPEN.., false) => 15.0,
            _ => 0.0,
        };
        let against = match self.alike.len() {
            // No name that stands anywhere has words of its own behind it.
            _ if self.alike.contains(&value.element) => {
                if value.element.shape() == Shape::Action {
                    75.0
                } else {
                    50.0
                }
            }
            ALIKE.. => f64::max(against, 30.0),
            _ => against,
        };
        // A word that is used no more than the values around it.
        let usual = number(self.unknown_requests) / number(self.unknown.max(1) as u64);
        let common = self.unknown >= 3 && number(value.lesson.requests) <= 2.0 * usual;
        let against = if common && !own {
            f64::max(against, 20.0)
        } else {
            against
        };
        // Hardly anybody used it, where values stand.
        let rare = self.is_open() && value.users() <= 2;
        score - against - if rare { 25.0 } else { 0.0 }
    }

    /// Behind how many values of the parameter before it the piece was seen: a name stands behind all of them, but so do
    /// the values of an independent parameter.
    fn by_beginnings(&self, value: &Value) -> f64 {
        if self.place != Place::Parameter || self.beginnings.len() < 4 || value.lesson.requests < 8
        {
            return 0.0;
        }
        let (seen, expected) = self.spread_of(value);
        let (mut all_seen, mut all_expected) = self.spread;
        if value.is_unknown() {
            all_seen -= seen;
            all_expected -= expected;
        }
        let shown = all_expected >= 10.0;
        let independent = if self.weak >= OPEN && value.is_unknown() {
            !shown || all_seen >= 0.75 * all_expected
        } else {
            shown && all_seen >= 0.75 * all_expected
        };
        if seen <= 0.5 * expected {
            -30.0
        } else if seen >= 0.75 * expected && !independent {
            30.0
        } else {
            0.0
        }
    }

    /// Behind how many beginnings a piece was seen, and would be if it did not depend on them.
    fn spread_of(&self, value: &Value) -> (f64, f64) {
        let requests = number(value.lesson.requests);
        let expected = self
            .beginnings
            .iter()
            .map(|share| 1.0 - libm::exp(-requests * share))
            .sum();
        (number(value.nodes.len() as u64), expected)
    }

    /// Whether what follows the piece is what follows the values around it.
    fn by_what_follows(&self, value: &Value, learner: &Learner) -> f64 {
        let mut own = profile(value, learner);
        let mut around = self.after.clone();
        if are_values(&around) {
            (own, around) = (without_words(own), without_words(around));
        }
        if self.is_around(value) {
            for (next, n) in &own {
                if let Some(all) = around.get_mut(next) {
                    *all -= n;
                }
            }
        }
        let total: u64 = around.values().sum();
        let mine: u64 = own.values().sum();
        if total < 10 || mine < 4 {
            return 0.0;
        }
        let kinds = own.len() + around.len();
        let whole = number(total) + 0.5 * number(kinds as u64);
        let surprise: f64 = own
            .iter()
            .map(|(next, n)| {
                let usual = number(around.get(next).copied().unwrap_or(0)) + 0.5;
                number(*n) * libm::log(number(*n) / number(mine) * whole / usual)
            })
            .sum();
        // Where one thing nearly always follows, it says nothing that it follows here too.
        let usual = around.values().max().copied().unwrap_or(0);
        match self.unknown.max(self.alike.len()) {
            // Much evidence, and of a large difference; among values that do not differ it says more.
            _ if surprise >= 8.0 && surprise >= 0.25 * number(mine) && self.even => {
                (3.0 * surprise).min(80.0)
            }
            _ if surprise >= 8.0 && surprise >= 0.25 * number(mine) => (1.5 * surprise).min(60.0),
            _ if mine < 5 || usual * 10 >= total * 9 => 0.0,
            // Names of collections are all followed by values.
            _ if self.weak < OPEN && self.alike.is_empty() => -5.0,
            5.. if mine >= 10 => -40.0,
            5.. => -25.0,
            _ => -15.0,
        }
    }
}

/// What the way it is written and what stands before it say.
fn by_writing(element: Element, place: Place) -> f64 {
    let (known, shape) = (element.is_known(), element.shape());
    let before = match place {
        Place::Root | Place::Prefix | Place::Parameter => 15.0,
        Place::Plural => -20.0,
        Place::Name => -5.0,
    };
    if known {
        let written = match shape {
            Shape::Upper => -30.0,
            Shape::Action => 20.0,
            Shape::Phrase => -25.0,
            Shape::Locale | Shape::Pair => -10.0,
            Shape::Plain
            | Shape::Plural
            | Shape::Title
            | Shape::Camel
            | Shape::Snake
            | Shape::Noise
            | Shape::Digits
            | Shape::Short
            | Shape::Prefix => 0.0,
        };
        return 30.0 + before / 2.0 + written;
    }
    let written = match shape {
        _ if element.class() == Class::Version => 40.0,
        _ if element.class() == Class::Handle => -10.0,
        Shape::Plural => 10.0,
        Shape::Camel => 15.0,
        Shape::Snake => 8.0,
        Shape::Action => 20.0,
        Shape::Plain | Shape::Short | Shape::Prefix => 0.0,
        Shape::Pair => -2.0,
        Shape::Title => -5.0,
        Shape::Phrase => -12.0,
        Shape::Digits => -25.0,
        Shape::Upper | Shape::Locale | Shape::Noise => -40.0,
    };
    before + written - 15.0
}

fn profile(value: &Value, learner: &Learner) -> Profile {
    let mut profile = Profile::new();
    for node in value.nodes.iter().filter_map(|at| learner.node(*at)) {
        for (method, n) in &node.ends {
            *profile.entry(Next::End(*method)).or_default() += n;
        }
        for (element, child) in &node.children {
            let next = match (element.is_known(), element.shape() == Shape::Action) {
                (true, true) => Next::Action(element.hash()),
                (true, false) => Next::Word(element.hash()),
                (false, _) => Next::Value,
            };
            let requests = learner.node(*child).map_or(0, |node| node.lesson.requests);
            *profile.entry(next).or_default() += requests;
        }
    }
    profile
}

/// The share of the requests that came by each beginning.
fn shares(group: &BTreeSet<usize>, learner: &Learner) -> Vec<f64> {
    let nodes = || group.iter().filter_map(|at| learner.node(*at));
    let requests = |node: &Node| number(node.lesson.requests);
    let all: f64 = nodes().map(requests).sum();
    nodes().map(|node| requests(node) / all.max(1.0)).collect()
}

/// The sum of 1/n for n up to `count`.
fn harmonic(count: usize) -> f64 {
    let count = number(count as u64);
    libm::log(count) + 0.577 + 0.5 / count
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn number(n: u64) -> f64 {
    n as f64
}

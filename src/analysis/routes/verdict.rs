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
const FULL: usize = 64;

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
        match name.shape() {
            Shape::Prefix => Self::Prefix,
            Shape::Digits if name.is_known() || name.class() == Class::Version => Self::Prefix,
            Shape::Plural => Self::Plural,
            _ => Self::Name,
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
    Value,
}

type Profile = BTreeMap<Next, u64>;

/// What stands at one place, put together.
pub(super) struct Standing {
    place: Place,
    /// Beginnings that were seen before this place.
    beginnings: usize,
    /// Distinct unknown pieces, their requests, and those that hardly anybody uses.
    unknown: usize,
    unknown_requests: u64,
    weak: usize,
    /// Requests whose piece is only a class.
    classed: u64,
    users: u128,
    /// What follows values: unknown pieces and classes.
    after: Profile,
}

impl Standing {
    pub(super) fn of(all: &[Value], learner: &Learner, beginnings: usize, place: Place) -> Self {
        let mut out = Self {
            place,
            beginnings,
            unknown: 0,
            unknown_requests: 0,
            weak: 0,
            classed: 0,
            users: 0,
            after: Profile::new(),
        };
        let most = all.iter().map(Value::users).max().unwrap_or(0);
        for value in all {
            out.users |= value.lesson.users;
            if value.is_unknown() {
                out.unknown += 1;
                out.unknown_requests += value.lesson.requests;
                out.weak += usize::from(value.users() <= 2.max(most / 3));
            } else if !value.element.has_text() {
                out.classed += value.lesson.requests;
            } else {
                continue;
            }
            for (next, n) in profile(value, learner) {
                *out.after.entry(next).or_default() += n;
            }
        }
        out
    }

    /// Whether so many values stand here that a word is likely one too.
    pub(super) const fn is_open(&self) -> bool {
        self.weak >= OPEN
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
        by_writing(element, self.place) + use_ + self.by_beginnings(value) + follow > 0.0
    }

    /// Use by principals, against the values around it.
    fn by_use(&self, value: &Value) -> f64 {
        let own = value.is_unknown();
        let others = self.unknown - usize::from(own);
        let mut requests = self.unknown_requests;
        if own {
            requests -= value.lesson.requests;
        }
        let mut score = match (others, self.classed) {
            (0, 0) if own && value.lesson.requests >= 5 => 20.0,
            (0..3, _) => 0.0,
            _ => {
                let ratio =
                    number(value.lesson.requests) * number(others as u64) / number(requests.max(1));
                (10.0 * libm::log2(ratio / 4.0)).clamp(-15.0, 35.0)
            }
        };
        let all = self.users.count_ones() as usize;
        if all >= 4 && value.users() * 2 >= all {
            score += 10.0;
        }
        if self.classed > 0 {
            score -= 10.0;
        }
        let weak = self.weak;
        score
            - match (weak, element_is_known(value)) {
                (20.., true) => 35.0,
                (OPEN.., true) => 25.0,
                (OPEN.., false) => 15.0,
                _ => 0.0,
            }
    }

    /// Behind how many values of the parameter before it the piece was seen.
    fn by_beginnings(&self, value: &Value) -> f64 {
        let (requests, seen) = (value.lesson.requests, value.nodes.len());
        if self.place != Place::Parameter || self.beginnings < 4 || requests < 3 {
            return 0.0;
        }
        let most = self
            .beginnings
            .min(usize::try_from(requests).unwrap_or(usize::MAX));
        match seen {
            1 => -30.0,
            3.. if seen * 2 >= most => 35.0,
            _ => 0.0,
        }
    }

    /// Whether what follows the piece is what follows the values around it.
    fn by_what_follows(&self, value: &Value, learner: &Learner) -> f64 {
        let own = profile(value, learner);
        let mut around = self.after.clone();
        if value.is_unknown() {
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
        match self.unknown {
            _ if surprise >= 6.0 => (3.0 * surprise).min(40.0),
            _ if mine < 5 => 0.0,
            5.. => -25.0,
            _ => -15.0,
        }
    }
}

fn element_is_known(value: &Value) -> bool {
    value.element.is_known()
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
            Shape::Locale | Shape::Pair | Shape::Phrase => -10.0,
            _ => 0.0,
        };
        return 30.0 + before / 2.0 + written;
    }
    let written = match shape {
        _ if element.class() == Class::Version => 40.0,
        _ if element.class() == Class::Handle => -10.0,
        Shape::Plural => 10.0,
        Shape::Camel => 15.0,
        Shape::Snake => 8.0,
        Shape::Plain | Shape::Prefix => 0.0,
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
            let next = if element.is_known() {
                Next::Word(element.hash())
            } else {
                Next::Value
            };
            let requests = learner.node(*child).map_or(0, |node| node.lesson.requests);
            *profile.entry(next).or_default() += requests;
        }
    }
    profile
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn number(n: u64) -> f64 {
    n as f64
}

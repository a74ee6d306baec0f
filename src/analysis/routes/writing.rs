//! What the way pieces are written says: how likely names are written so, and how likely values, of which those around tell.

use std::collections::BTreeMap;

use super::verdict::number;
use crate::observation::{Class, Element, Shape};

/// How much is known beforehand of how the values of one parameter are written, in values.
const BEFORE: f64 = 6.0;
/// The same of whether they are words of the vocabulary.
const BEFORE_KNOWN: f64 = 20.0;
/// Of values anywhere, that many are words of the vocabulary.
const KNOWN_VALUES: f64 = 0.1;
/// Of names.
const KNOWN_NAMES: f64 = 0.6;

/// The values around, by how they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Writing {
    shapes: BTreeMap<Shape, f64>,
    known: f64,
    all: f64,
}

impl Writing {
    /// Adds a value that counts so much.
    pub(super) fn add(&mut self, element: Element, weight: f64) {
        if element.has_text() {
            *self.shapes.entry(shape(element)).or_default() += weight;
            if element.is_known() {
                self.known += weight;
            }
        }
        self.all += weight;
    }

    /// How much more likely a name is written so than a value (logarithm). `added`: it is one of these values itself.
    pub(super) fn for_name(&self, element: Element, added: bool) -> f64 {
        let own = if added { 1.0 } else { 0.0 };
        let value = self.of_values(shape(element), own);
        let known = self.known - if element.is_known() { own } else { 0.0 };
        let known = (known + BEFORE_KNOWN * KNOWN_VALUES) / (self.all - own + BEFORE_KNOWN);
        let by_list = if element.is_known() {
            KNOWN_NAMES / known
        } else {
            (1.0 - KNOWN_NAMES) / (1.0 - known)
        };
        libm::log(of_names(shape(element)) / value) + libm::log(by_list)
    }

    /// The share of the other values that are written so. Parameters are of a few sorts, of which the values around tell.
    fn of_values(&self, own: Shape, added: f64) -> f64 {
        let sorts = Sort::ALL.map(|sort| {
            let fit = self
                .shapes
                .iter()
                .map(|(shape, n)| n * libm::log(sort.share(*shape)));
            let fit = fit.sum::<f64>() - added * libm::log(sort.share(own));
            (sort, libm::log(sort.before()) + fit)
        });
        let best = sorts.iter().map(|(_, fit)| *fit).fold(f64::MIN, f64::max);
        let seen = self.shapes.get(&own).copied().unwrap_or(0.0) - added;
        let (mut sum, mut whole) = (0.0, 0.0);
        for (sort, fit) in sorts {
            let weight = libm::exp(fit - best);
            let share = (seen + BEFORE * sort.share(own)) / (self.all - added + BEFORE);
            whole += weight;
            sum += weight * share;
        }
        sum / whole
    }

    /// Distinct values.
    pub(super) fn count(&self) -> f64 {
        self.all
    }
}

/// As it counts here: a version is written as nothing else is.
fn shape(element: Element) -> Shape {
    if element.class() == Class::Version {
        Shape::Prefix
    } else {
        element.shape()
    }
}

/// Sorts of parameters.
#[derive(Clone, Copy)]
enum Sort {
    /// What people call things, and each other.
    Words,
    /// Languages and regions.
    Locales,
    /// Symbols and constants.
    Symbols,
}

impl Sort {
    const ALL: [Self; 3] = [Self::Words, Self::Locales, Self::Symbols];

    /// Of all parameters, so many are of this sort.
    const fn before(self) -> f64 {
        match self {
            Self::Words => 0.8,
            Self::Locales | Self::Symbols => 0.1,
        }
    }

    /// Of its values, so many are written so.
    const fn share(self, shape: Shape) -> f64 {
        match (self, shape) {
            (Self::Locales, Shape::Locale) | (Self::Symbols, Shape::Upper) => 0.85,
            (Self::Locales, Shape::Short | Shape::Pair) => 0.05,
            (Self::Symbols, Shape::Digits | Shape::Noise | Shape::Snake) => 0.04,
            (_, Shape::Sign) => 0.0001,
            (Self::Locales | Self::Symbols, _) => 0.0005,
            (Self::Words, Shape::Plain) => 0.30,
            (Self::Words, Shape::Pair | Shape::Phrase | Shape::Digits) => 0.12,
            (Self::Words, Shape::Plural | Shape::Short | Shape::Snake | Shape::Title) => 0.07,
            (Self::Words, Shape::Noise | Shape::Camel) => 0.02,
            (Self::Words, Shape::Action | Shape::Locale) => 0.012,
            (Self::Words, Shape::Upper | Shape::Prefix) => 0.006,
        }
    }
}

/// Of names, so many are written so.
const fn of_names(shape: Shape) -> f64 {
    match shape {
        Shape::Plain => 0.30,
        Shape::Plural => 0.33,
        Shape::Action => 0.12,
        Shape::Pair => 0.08,
        Shape::Short => 0.05,
        Shape::Camel => 0.04,
        Shape::Snake | Shape::Sign => 0.02,
        Shape::Title | Shape::Phrase | Shape::Digits | Shape::Prefix => 0.01,
        Shape::Upper | Shape::Locale => 0.003,
        Shape::Noise => 0.001,
    }
}

/// As a number of values, of which only a class is known, and their requests.
pub(super) fn as_values(requests: u64) -> f64 {
    number(requests.min(20))
}

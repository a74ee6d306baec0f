//! The shape of one request path: for each piece its class and, where it may be a name, a keyed hash of it. No text.
//!
//! Made by the cleartext room for paths that no document or hint knows; the analysis room learns from many of them which
//! pieces are names and which are parameters (`analysis::routes`).

use super::Class;

/// Most pieces of a path; deeper paths are not learned.
pub const MAX_ELEMENTS: usize = 10;

/// How a piece is written: what speaks for a name or for a value, whoever sent it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Shape {
    /// Small letters, or anything that is no other shape.
    #[default]
    Plain,
    /// Small letters that end in `s`, at least four.
    Plural,
    /// Capital letters only.
    Upper,
    /// A capital, then small letters.
    Title,
    /// `getOrders`, `GetOrders`.
    Camel,
    /// A language, alone or with a region or script: `de`, `pt-BR`.
    Locale,
    /// Small letters joined by `_`.
    Snake,
    /// Two words joined by `-`.
    Pair,
    /// More words joined by `-`.
    Phrase,
    /// Letters that make no word.
    Noise,
    /// With digits.
    Digits,
    /// A word of the vocabulary behind which names stand: `api`, `admin`.
    Prefix,
    /// What commonly stands beside values: some words of the vocabulary (`me`, `search`, `latest`) and single letters.
    Action,
    /// At most four small letters.
    Short,
    /// Begins with `_`, has no letter or digit, or joins words of the vocabulary by dots: `_bulk`, `-`, `users.list`.
    Sign,
}

impl Shape {
    const ALL: [Self; 15] = [
        Self::Plain,
        Self::Plural,
        Self::Upper,
        Self::Title,
        Self::Camel,
        Self::Locale,
        Self::Snake,
        Self::Pair,
        Self::Phrase,
        Self::Noise,
        Self::Digits,
        Self::Prefix,
        Self::Action,
        Self::Short,
        Self::Sign,
    ];
}

/// One piece of a path: its class, and a keyed hash of its text where that may be a name.
///
/// Bits from below: 52 of the hash (0: only the class is known), 4 of the shape, 5 of the class, and two flags.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Element(u64);

const HASH: u64 = (1 << 52) - 1;
const KNOWN: u64 = 1 << 61;
const JOINED: u64 = 1 << 62;

impl Element {
    /// A value of a class that is never a name, such as `{int}`.
    pub const fn class_only(class: Class) -> Self {
        Self((class as u64) << 56)
    }

    /// A piece that may be a name, by the keyed hash of its text.
    pub const fn text(class: Class, shape: Shape, hash: u64) -> Self {
        let hash = hash & HASH;
        let hash = if hash == 0 { 1 } else { hash };
        Self((class as u64) << 56 | (shape as u64) << 52 | hash)
    }

    /// Marks it as built from the vocabulary.
    #[must_use]
    pub const fn known(self) -> Self {
        Self(self.0 | KNOWN)
    }

    /// Marks it as standing behind the piece before without a slash: `.json`, `:cancel`, `({key})`.
    #[must_use]
    pub const fn joined(self) -> Self {
        Self(self.0 | JOINED)
    }

    /// The class of what stood there.
    pub fn class(self) -> Class {
        let index = usize::try_from(self.0 >> 56 & 31).unwrap_or_default();
        Class::ALL.get(index).copied().unwrap_or(Class::Text)
    }

    /// How it is written.
    pub fn shape(self) -> Shape {
        let index = usize::try_from(self.0 >> 52 & 15).unwrap_or_default();
        Shape::ALL.get(index).copied().unwrap_or_default()
    }

    /// Whether there is a text that may be a name.
    pub const fn has_text(self) -> bool {
        self.0 & HASH != 0
    }

    /// Whether it is built from the vocabulary.
    pub const fn is_known(self) -> bool {
        self.0 & KNOWN != 0
    }

    /// A number or date that may be a name nevertheless: the version of an API.
    pub fn is_numeric(self) -> bool {
        self.has_text() && matches!(self.class(), Class::Int | Class::Number | Class::Date)
    }

    /// Whether it is the extension of a file, or of a format: it says nothing of what it stands behind.
    pub fn is_extension(self) -> bool {
        self.is_joined() && matches!(self.shape(), Shape::Plain | Shape::Prefix)
    }

    /// Whether it stands behind the piece before without a slash.
    pub const fn is_joined(self) -> bool {
        self.0 & JOINED != 0
    }

    /// The keyed hash of the text; 0 if there is none.
    pub const fn hash(self) -> u64 {
        self.0 & HASH
    }

    /// As a number, to be written down for a while.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From that number.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// The pieces of one path. Empty where there is nothing to learn: a document or hint knows the path, it is too deep, or
/// it is no path.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Route {
    len: u8,
    elements: [Element; MAX_ELEMENTS],
}

impl Route {
    /// No path.
    pub const NONE: Self = Self {
        len: 0,
        elements: [Element(0); MAX_ELEMENTS],
    };

    /// Adds a piece; false if there is no room.
    pub fn push(&mut self, element: Element) -> bool {
        match self.elements.get_mut(usize::from(self.len)) {
            Some(slot) => {
                *slot = element;
                self.len = self.len.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// The pieces in order.
    pub fn elements(&self) -> &[Element] {
        self.elements.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Whether there is no piece.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_gives_back_what_it_was_made_of() {
        for class in Class::ALL {
            for shape in Shape::ALL {
                let element = Element::text(*class, shape, u64::MAX).known();
                assert_eq!((element.class(), element.shape()), (*class, shape));
                assert!(element.has_text() && element.is_known() && !element.is_joined());
                assert!(element.joined().is_joined());
                assert!(!Element::class_only(*class).has_text());
                assert_eq!(Element::class_only(*class).class(), *class);
            }
        }
        assert!(Element::text(Class::Word, Shape::Plain, 1 << 52).has_text());
    }

    #[test]
    fn a_route_is_bounded() {
        let mut route = Route::NONE;
        for _ in 0..MAX_ELEMENTS {
            assert!(route.push(Element::class_only(Class::Int)));
        }
        assert!(!route.push(Element::class_only(Class::Int)));
        assert_eq!(route.elements().len(), MAX_ELEMENTS);
    }
}

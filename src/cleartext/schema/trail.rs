//! The path of names to a field while a body is walked, as findings write it: `$.lines[].sku`.
//!
//! A name that a document or the vocabulary knows is written as it is; any other too, but then the whole path is shown only
//! once enough principals have sent it. What does not look like a name at all (an id, an address as a key) never gets into a
//! path: it is written `{key}`.

use crate::observation::vocabulary;

/// Longest name that is written.
const MAX_NAME: usize = 48;
/// Most digits in a name that no document has.
const MAX_DIGITS: usize = 3;
/// What stands for a name that is none.
const KEY: &[u8] = b"{key}";

/// A path of names, and whether all of them are known beforehand.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Trail {
    pub(super) text: Vec<u8>,
    pub(super) known: bool,
}

/// Where a trail stood.
#[derive(Clone, Copy)]
#[must_use]
pub(super) struct Mark(usize, bool);

impl Trail {
    /// The path to a whole body.
    pub(super) fn root() -> Self {
        Self {
            text: b"$".to_vec(),
            known: true,
        }
    }

    /// The name of a parameter.
    pub(super) fn of(name: &[u8], documented: bool) -> Self {
        let mut trail = Self {
            text: Vec::new(),
            known: true,
        };
        trail.write(name, documented);
        trail
    }

    /// Goes down to a field.
    pub(super) fn field(&mut self, name: &[u8], documented: bool) -> Mark {
        let mark = Mark(self.text.len(), self.known);
        self.text.push(b'.');
        self.write(name, documented);
        mark
    }

    /// Goes down to a field whose name is data.
    pub(super) fn key(&mut self) -> Mark {
        self.field(b"", false)
    }

    /// Goes down to the elements of a list.
    pub(super) fn elements(&mut self) -> Mark {
        let mark = Mark(self.text.len(), self.known);
        self.text.extend_from_slice(b"[]");
        mark
    }

    /// Goes back up.
    pub(super) fn leave(&mut self, mark: Mark) {
        let Mark(len, known) = mark;
        self.text.truncate(len);
        self.known = known;
    }

    fn write(&mut self, name: &[u8], documented: bool) {
        if documented && name.len() <= MAX_NAME {
            self.text.extend_from_slice(name);
        } else if is_name(name) {
            self.known &= vocabulary::is_literal(name);
            self.text.extend_from_slice(name);
        } else {
            self.text.extend_from_slice(KEY);
        }
    }
}

/// Whether it is written as names of fields are.
fn is_name(name: &[u8]) -> bool {
    let starts = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$' | b'@');
    let goes_on = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':');
    let digits = name.iter().filter(|b| b.is_ascii_digit()).count();
    name.len() <= MAX_NAME
        && digits <= MAX_DIGITS
        && name
            .split_first()
            .is_some_and(|(first, rest)| starts(first) && rest.iter().all(goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, documented: bool) -> (String, bool) {
        let trail = Trail::of(name.as_bytes(), documented);
        (String::from_utf8(trail.text).unwrap(), trail.known)
    }

    #[test]
    fn only_names_get_into_a_path() {
        assert_eq!(shown("order", false), ("order".to_owned(), true));
        assert_eq!(shown("zqGrumpf", false), ("zqGrumpf".to_owned(), false));
        assert_eq!(shown("zq grumpf", true), ("zq grumpf".to_owned(), true));
        for odd in [
            "jane@example.com",
            "4111111111111111",
            "9b2c6f3e-7d41",
            "a b",
            "x12345",
            "",
            "jose\u{301}",
        ] {
            assert_eq!(shown(odd, false), ("{key}".to_owned(), true), "{odd}");
        }
    }

    #[test]
    fn one_unknown_name_makes_the_path_unknown_until_it_is_left() {
        let mut trail = Trail::root();
        let above = trail.field(b"orders", false);
        let elements = trail.elements();
        let below = trail.field(b"zqgrumpf", false);
        assert_eq!(trail.text, b"$.orders[].zqgrumpf");
        assert!(!trail.known);
        trail.leave(below);
        assert!(trail.known);
        trail.leave(elements);
        trail.leave(above);
        assert_eq!(trail, Trail::root());
    }
}

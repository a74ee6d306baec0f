//! `pattern`: regular expressions of ECMA-262 (JSON Schema 2020-12 validation, section 6.3.3), as far as the linear-time
//! engine of the `regex` crate reads them in the same way. All others are left out and counted.
//!
//! The two dialects differ in what letters, digits and blanks are beyond ASCII, and in what a dot takes: a text with such
//! characters fits every pattern.

use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern (bytes).
const MAX_SOURCE: usize = 1_024;
/// Largest program that a pattern may become (bytes).
const MAX_PROGRAM: usize = 128 << 10;
/// Room for states of the search, for each thread (bytes).
const MAX_STATES: usize = 256 << 10;
/// Longest text that is held against a pattern (bytes).
const MAX_TEXT: usize = 4_096;
/// What the two dialects read differently, wherever it stands: ends of words, a bell, empty classes.
const ODD: [&str; 8] = [r"\<", r"\>", r"\a", r"\U", r"\b{", "{,", "[]", "[^]"];
/// What is an operation on classes in one dialect and stands for itself in the other.
const ODD_IN_CLASS: [&str; 4] = ["[", "&&", "--", "~~"];

/// A pattern that is understood.
#[derive(Debug)]
pub(super) struct Pattern {
    source: Box<str>,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    /// Compiles a pattern; none if it is not understood, or too large.
    pub(super) fn compile(source: &str) -> Option<Self> {
        if source.len() > MAX_SOURCE || is_odd(source) {
            return None;
        }
        // Only ASCII is ever searched. Classes by Unicode are many times larger; some patterns ask for them by name.
        let build = |unicode| {
            RegexBuilder::new(source)
                .unicode(unicode)
                .size_limit(MAX_PROGRAM)
                .dfa_size_limit(MAX_STATES)
                .build()
        };
        let regex = build(false).or_else(|_| build(true)).ok()?;
        Some(Self {
            source: source.into(),
            regex,
        })
    }

    /// Whether a text fits, or may.
    pub(super) fn fits(&self, text: &str) -> bool {
        let is_plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
        !is_plain || text.len() > MAX_TEXT || self.regex.is_match(text.as_bytes())
    }
}

/// Whether the dialects may differ.
fn is_odd(source: &str) -> bool {
    if ODD.iter().any(|odd| source.contains(odd)) {
        return true;
    }
    let (mut rest, mut in_class) = (source, false);
    while let Some(c) = rest.chars().next() {
        if in_class && ODD_IN_CLASS.iter().any(|odd| rest.starts_with(odd)) {
            return true;
        }
        let mut chars = rest.chars();
        chars.next();
        match c {
            // What it stands before is no bracket.
            '\\' => {
                chars.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        rest = chars.as_str();
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_are_searched_for() {
        for (pattern, fits, breaks) in [
            ("^[a-z]{2,3}$", "abc", "abcd"),
            ("b", "abc", "acd"),
            (r"^\d{3}-\w+\.\/$", "123-a_b./", "12-a./"),
            (r"^[\w.+-]+@[\w-]+\.[a-z]+$", "a.b@c.de", "a.b@c"),
            (r"^(?:[01]\d|2[0-3]):[0-5]\d$", "23:59", "24:00"),
            (r"^\p{L}+$", "abc", "a1"),
            (r"^[^\s<>]*$", "abc", "a b"),
            ("^(a|ab)(c|bcd)(d*)$", "abcd", "abce"),
            (r"^[A-Z0-9\[\]]+$", "A[0]", "a"),
        ] {
            let pattern = Pattern::compile(pattern).expect(pattern);
            assert!(pattern.fits(fits), "{pattern:?}");
            assert!(!pattern.fits(breaks), "{pattern:?}");
            // Beyond what both read alike, all fits.
            for text in [
                format!("{breaks}\u{e4}"),
                format!("{breaks}\n"),
                "%".repeat(MAX_TEXT + 1),
            ] {
                assert!(pattern.fits(&text), "{pattern:?}");
            }
        }
    }

    #[test]
    fn what_is_read_otherwise_or_not_at_all_is_left_out() {
        for pattern in [
            "(?=a)b",
            "(?<!a)b",
            r"(a)\1",
            r"\cA",
            "[^]",
            "[]a]",
            "[a&&b]",
            "[a--b]",
            "[a[b]]",
            r"\<a\>",
            "a{,3}",
            "(",
            "[a",
            r"^\w{1,100000}$",
            r"^(\w{1,500}){1,500}$",
        ] {
            assert!(Pattern::compile(pattern).is_none(), "{pattern}");
        }
        assert!(Pattern::compile(&"a".repeat(MAX_SOURCE + 1)).is_none());
    }

    #[test]
    fn no_text_takes_long() {
        let pattern = Pattern::compile("^(a+)+(a*)*b?c$").unwrap();
        for _ in 0..1_000 {
            assert!(!pattern.fits(&"a".repeat(MAX_TEXT)));
        }
    }

    proptest! {
        #[test]
        fn any_pattern_is_read_or_left_out(pattern in r"[ -~]{0,24}", text in "\\PC{0,24}") {
            if let Some(pattern) = Pattern::compile(&pattern) {
                let _fits = pattern.fits(&text);
            }
        }

        #[test]
        fn a_word_fits_itself(word in "[a-zA-Z0-9 _-]{1,20}", others in "[a-z]{0,3}") {
            let pattern = Pattern::compile(&format!("^{word}$")).unwrap();
            prop_assert!(pattern.fits(&word));
            prop_assert_eq!(pattern.fits(&(word + &others)), others.is_empty());
        }
    }
}

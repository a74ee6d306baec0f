//! Names in words, as people write them: camel, snake, kebab, brackets.

use smallvec::SmallVec;

use crate::cleartext::mask::bytes::{ALNUM, DIGIT, LOWER, UPPER, at, before, cut, is, minus, plus};
use crate::cleartext::mask::spelling::{fold, is_filler, long_form};

/// Names longer than this are judged by their last bytes.
pub(in crate::cleartext::mask) const LONGEST_NAME: usize = 96;
/// Names of more words are judged by their last ones.
const MOST_WORDS: usize = 10;

/// A name in words: lower case, without what stood between them.
pub(in crate::cleartext::mask) struct Split {
    pub(super) text: SmallVec<[u8; LONGEST_NAME]>,
    pub(super) spans: SmallVec<[(usize, usize); MOST_WORDS]>,
}

impl Split {
    /// Splits at anything that is no letter or digit, where lower case turns to upper, and before the last letter of an
    /// upper-case run that a lower-case letter follows (`APIKey`). Words of digits only belong to the word before them
    /// (`line_1`), but array indexes in brackets are dropped.
    pub(in crate::cleartext::mask) fn of(raw: &[u8]) -> Self {
        let raw = raw
            .get(minus(raw.len(), LONGEST_NAME)..)
            .unwrap_or_default();
        if raw.is_ascii() {
            Self::of_folded(raw)
        } else {
            Self::of_folded(&fold(raw))
        }
    }

    fn of_folded(raw: &[u8]) -> Self {
        let mut split = Self {
            text: SmallVec::new(),
            spans: SmallVec::new(),
        };
        let mut start = None;
        for i in 0..=raw.len() {
            let now = at(raw, i);
            let inside = i < raw.len() && (is(now, ALNUM) || now >= 128);
            let camel = is(now, UPPER)
                && (is(before(raw, i), LOWER | DIGIT)
                    || (is(before(raw, i), UPPER) && is(at(raw, plus(i, 1)), LOWER)));
            if let Some(from) = start
                && (!inside || camel)
            {
                split.push(cut(raw, from, i), before(raw, from));
                start = None;
            }
            if inside && start.is_none() {
                start = Some(i);
            }
        }
        split
    }

    /// Adds a word that stands behind the byte `lead`.
    fn push(&mut self, word: &[u8], lead: u8) {
        let start = self.text.len();
        if word.iter().all(u8::is_ascii_digit) {
            if lead != b'['
                && let Some((_, end)) = self.spans.last_mut()
            {
                self.text.extend_from_slice(word);
                *end = self.text.len();
            }
            return;
        }
        self.text.extend_from_slice(word);
        if let Some(added) = self.text.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        if self.spans.len() >= MOST_WORDS {
            self.spans.remove(0);
        }
        self.spans.push((start, self.text.len()));
    }

    /// The name without words that only join others; none if there are no such words.
    pub(super) fn without_fillers(&self) -> Option<Self> {
        let spans: SmallVec<[(usize, usize); MOST_WORDS]> = self
            .spans
            .iter()
            .copied()
            .filter(|&(start, end)| !is_filler(cut(&self.text, start, end)))
            .collect();
        let fewer = spans.len() < self.spans.len() && !spans.is_empty();
        fewer.then(|| Self {
            text: self.text.clone(),
            spans,
        })
    }

    /// The name with words written out that are shortened; none if there are no such words.
    pub(super) fn written_out(&self) -> Option<Self> {
        self.words().find_map(long_form)?;
        let mut split = Self {
            text: SmallVec::new(),
            spans: SmallVec::new(),
        };
        for word in self.words() {
            let start = split.text.len();
            split
                .text
                .extend_from_slice(long_form(word).unwrap_or(word));
            split.spans.push((start, split.text.len()));
        }
        Some(split)
    }

    /// How many words there are.
    pub(in crate::cleartext::mask) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The whole name, joined.
    pub(in crate::cleartext::mask) fn whole(&self) -> Box<[u8]> {
        Box::from(self.join(0, self.len()).as_slice())
    }

    /// One word, empty beyond the last.
    pub(in crate::cleartext::mask) fn word(&self, i: usize) -> &[u8] {
        self.spans
            .get(i)
            .map_or(b"", |&(start, end)| cut(&self.text, start, end))
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &[u8]> {
        self.spans
            .iter()
            .map(|&(start, end)| cut(&self.text, start, end))
    }

    /// Words `from..to` without anything between them.
    pub(super) fn join(&self, from: usize, to: usize) -> SmallVec<[u8; LONGEST_NAME]> {
        let mut out = SmallVec::new();
        for i in from..to {
            out.extend_from_slice(self.word(i));
        }
        out
    }

    /// The same with trailing digits of each word removed.
    pub(super) fn join_plain(&self, from: usize, to: usize) -> SmallVec<[u8; LONGEST_NAME]> {
        let mut out = SmallVec::new();
        for i in from..to {
            out.extend_from_slice(without_digits(self.word(i)));
        }
        out
    }
}

pub(super) fn without_digits(word: &[u8]) -> &[u8] {
    let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    cut(word, 0, minus(word.len(), digits))
}

pub(super) fn joined(name: &str) -> Box<[u8]> {
    Split::of(name.as_bytes()).whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> Vec<String> {
        let split = Split::of(name.as_bytes());
        split
            .words()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    #[test]
    fn splits_as_people_write() {
        assert_eq!(
            words("passwordResetRequired"),
            ["password", "reset", "required"]
        );
        assert_eq!(words("X-APIKey"), ["x", "api", "key"]);
        assert_eq!(words("user[card][0].number"), ["user", "card", "number"]);
        assert_eq!(words("userID"), ["user", "id"]);
        assert_eq!(words("line1"), ["line1"]);
        assert_eq!(words("line_1"), ["line1"]);
        assert_eq!(words("PID-3.1 x"), ["pid31", "x"]);
        assert_eq!(words("numéroDeCarte"), ["numero", "de", "carte"]);
        assert!(words("__").is_empty());
    }
}

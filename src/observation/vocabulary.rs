//! The built-in API vocabulary: the words that a path segment may be shown as, whoever sent it.
//!
//! A public list, the same in every deployment, so what is built from it says nothing about anybody. It stands beside the
//! door because both sides need it: the cleartext room reads paths by it, and the release room names labels by it.

use std::collections::HashMap;
use std::sync::LazyLock;

use smallvec::SmallVec;

/// The built-in words: see the head of the file for what may stand in it.
static VOCABULARY: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::parse(include_str!("vocabulary.txt")));

/// Longest segment that can be vocabulary.
pub(crate) const MAX_LITERAL: usize = 48;
/// Most words in one segment.
pub(crate) const MAX_WORDS: usize = 5;

/// A word or format of the vocabulary, by its place in it. Places hold within one build only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Word(pub(super) u16);

impl Word {
    /// The word in lower case; a format without its dot.
    pub(crate) fn text(self) -> &'static str {
        VOCABULARY
            .texts
            .get(usize::from(self.0))
            .copied()
            .unwrap_or_default()
    }

    /// How many words and formats there are.
    #[cfg(test)]
    pub(crate) fn count() -> usize {
        VOCABULARY.texts.len()
    }
}

/// How a piece of a path is joined to what stands before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Join {
    /// It begins a segment.
    Slash,
    /// `-`
    Dash,
    /// `_`
    Underscore,
    /// A capital letter.
    Capital,
    /// `.`: a format.
    Dot,
    /// `:`: a custom verb.
    Colon,
    /// `(…)`: the key in a call.
    Call,
}

/// What a literal segment is built from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Literal {
    /// A word.
    Word(Word),
    /// `v0` to `v9`.
    Version(u8),
}

/// The pieces of a literal segment in order. The first join is [`Join::Slash`].
pub(crate) type Spelling = SmallVec<[(Join, Literal); MAX_WORDS]>;

/// Tells one list of words from another.
pub(crate) fn digest() -> [u8; 32] {
    *blake3::hash(include_str!("vocabulary.txt").as_bytes()).as_bytes()
}

type Table = HashMap<&'static [u8], Word, ahash::RandomState>;

struct Vocabulary {
    texts: Vec<&'static str>,
    words: Table,
    formats: Table,
}

impl Vocabulary {
    /// Words separated by white space; lines that start with `#` are comments, words that start with `*.` formats.
    fn parse(text: &'static str) -> Self {
        let mut texts: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::split_ascii_whitespace)
            .collect();
        texts.sort_unstable();
        texts.dedup();
        let mut out = Self {
            texts: Vec::with_capacity(texts.len()),
            words: Table::default(),
            formats: Table::default(),
        };
        for (place, text) in (0..).zip(texts) {
            let format = text.strip_prefix("*.");
            let text = format.unwrap_or(text);
            let table = match format {
                Some(_) => &mut out.formats,
                None => &mut out.words,
            };
            table.insert(text.as_bytes(), Word(place));
            out.texts.push(text);
        }
        out
    }

    /// The word, in whatever case it is written.
    fn word(&self, bytes: &[u8]) -> Option<Word> {
        if let Some(word) = self.words.get(bytes) {
            return Some(*word);
        }
        let mut lower = [0_u8; MAX_LITERAL];
        let lower = lower.get_mut(..bytes.len())?;
        lower.copy_from_slice(bytes);
        lower.make_ascii_lowercase();
        self.words.get(&*lower).copied()
    }

    fn spell(&self, segment: &[u8]) -> Option<Spelling> {
        if segment.len() > MAX_LITERAL {
            return None;
        }
        let one = |literal| Some(Spelling::from_iter([(Join::Slash, literal)]));
        if let [b'v' | b'V', digit @ b'0'..=b'9'] = segment {
            return one(Literal::Version(digit - b'0'));
        }
        if let Some(word) = self.words.get(segment) {
            return one(Literal::Word(*word));
        }
        let pieces = self.compound(segment)?;
        let capitals = pieces.iter().any(|(join, _)| *join == Join::Capital);
        // `Sign-Up` is `sign-up`, which is a word of its own: one text, one spelling.
        match self.word(segment).filter(|_| !capitals) {
            Some(word) => one(Literal::Word(word)),
            None => Some(pieces),
        }
    }

    /// Words joined by `-`, `_`, or capitals. One of them must have four letters, so that short random letters cannot
    /// pass as a row of short words.
    fn compound(&self, segment: &[u8]) -> Option<Spelling> {
        let mut pieces = Spelling::new();
        let mut long = false;
        let mut join = Join::Slash;
        let mut rest = segment;
        while !rest.is_empty() {
            let (word, after) = next_word(rest);
            if pieces.len() == MAX_WORDS {
                return None;
            }
            pieces.push((join, Literal::Word(self.word(word)?)));
            long |= word.len() >= 4;
            (join, rest) = match after {
                [b'-', tail @ ..] if !tail.is_empty() => (Join::Dash, tail),
                [b'_', tail @ ..] if !tail.is_empty() => (Join::Underscore, tail),
                [b'-' | b'_', ..] => return None,
                other => (Join::Capital, other),
            };
        }
        let plain = pieces.len() == 1 && segment.iter().all(u8::is_ascii_lowercase);
        (long || plain).then_some(pieces)
    }
}

/// The first word of a compound, and what follows it. A word ends before a separator, and before a capital that follows
/// a small letter or is followed by one (`getURLParts` is get, URL, Parts).
fn next_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut end = bytes.len();
    let mut previous = 0_u8;
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at.saturating_add(1)).copied().unwrap_or(0);
        let capital = byte.is_ascii_uppercase()
            && at > 0
            && (previous.is_ascii_lowercase()
                || (previous.is_ascii_uppercase() && next.is_ascii_lowercase()));
        if capital || matches!(byte, b'-' | b'_') {
            end = at;
            break;
        }
        previous = *byte;
    }
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

/// How a decoded segment is built from the vocabulary; none if it is not.
pub(crate) fn spell(segment: &[u8]) -> Option<Spelling> {
    VOCABULARY.spell(segment)
}

/// Whether a decoded segment is built from the vocabulary, and so may be printed.
pub(crate) fn is_literal(segment: &[u8]) -> bool {
    spell(segment).is_some()
}

/// `name.format`, where the format is on the list and its letters have one case.
pub(crate) fn split_format(segment: &[u8]) -> Option<(&[u8], Word)> {
    let dot = memchr::memrchr(b'.', segment)?;
    let (name, extension) = split_around(segment, dot)?;
    let format = VOCABULARY.formats.get(extension)?;
    (!name.is_empty()).then_some((name, *format))
}

/// `name:verb`, where the verb is of the vocabulary (Google's custom methods).
pub(crate) fn split_verb(segment: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memrchr(b':', segment)?;
    let (name, verb) = split_around(segment, colon)?;
    (!name.is_empty() && is_literal(verb)).then_some((name, verb))
}

/// The name in `name(…)` (`OData`), if it is of the vocabulary.
pub(crate) fn call_name(segment: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'(', segment)?;
    let (name, tail) = split_around(segment, open)?;
    (tail.ends_with(b")") && is_literal(name)).then_some(name)
}

fn split_around(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_clean() {
        let mut words: Vec<_> = VOCABULARY.words.keys().copied().collect();
        words.sort_unstable();
        for word in words {
            let text = std::str::from_utf8(word).unwrap();
            assert_eq!(text, text.to_ascii_lowercase());
            assert!(text.len() <= MAX_LITERAL);
            assert!(
                text.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'$')),
                "{text}"
            );
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            assert!(digits <= 4 && digits < text.len(), "{text}");
        }
        assert!(VOCABULARY.words.len() > 2_000, "{}", VOCABULARY.words.len());
    }

    #[test]
    fn words_keep_their_places() {
        for (text, word) in VOCABULARY.words.iter().chain(&VOCABULARY.formats) {
            assert_eq!(word.text().as_bytes(), *text);
        }
        assert_eq!(
            VOCABULARY.words.len() + VOCABULARY.formats.len(),
            Word::count()
        );
    }
}

//! What a request would be called on the public listener if enough principals asked for the like: a candidate for a label.
//!
//! A pure function of the single request and of the built-in vocabulary, never of anything learned from traffic
//! (`privacy.md` 0.2): a template learner would let one principal move what others count in. Its text is built from words
//! of the vocabulary and from classes, so it never holds anything that was sent.

use smallvec::SmallVec;

use super::vocabulary::{self, Join, Literal, Word};
use super::{Method, ServiceId};

/// Most segments of a candidate's path.
const MAX_SEGMENTS: usize = 8;
/// Most words and classes in it: segments such as `payment-methods` have several.
const MAX_PIECES: usize = 10;
/// The bits of a piece that say what it is; those above say how it is joined.
const WHAT_BITS: u32 = 13;
const WHAT: u16 = (1 << WHAT_BITS) - 1;
/// Pieces from here on are `v0` to `v9`, and from [`CLASSES`] on classes; below are the words.
const VERSIONS: u16 = 8_000;
const CLASSES: u16 = 8_064;
/// What stands in a call: `users({key})`.
const CALLED: &str = "({key})";

macro_rules! classes {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// What a path segment is when it is not built from the vocabulary: a function of the segment alone.
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
        )]
        #[allow(missing_docs, reason = "the texts say what each is")]
        pub enum Class { $($name),* }

        impl Class {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The text, such as `{int}`.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

classes! {
    Int = "{int}",
    Number = "{number}",
    Uuid = "{uuid}",
    Hash = "{hash}",
    Hex = "{hex}",
    Date = "{date}",
    Time = "{time}",
    Email = "{email}",
    Handle = "{handle}",
    Ip = "{ip}",
    Phone = "{phone}",
    Domain = "{domain}",
    Version = "{version}",
    Word = "{word}",
    Slug = "{slug}",
    Id = "{id}",
    Token = "{token}",
    List = "{list}",
    Text = "{text}",
}

impl Class {
    /// The class of that text.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|class| class.text().as_bytes() == text).copied()
    }
}

/// A word, version or class, and how it is joined to what stands before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
struct Piece(u16);

impl Piece {
    fn new(join: Join, what: u16) -> Self {
        let join = match join {
            Join::Slash => 0,
            Join::Dash => 1,
            Join::Underscore => 2,
            Join::Capital => 3,
            Join::Dot => 4,
            Join::Colon => 5,
            Join::Call => 6,
        };
        Self(join << WHAT_BITS | what & WHAT)
    }

    fn literal(join: Join, literal: Literal) -> Self {
        Self::new(
            join,
            match literal {
                Literal::Word(word) => word.0,
                Literal::Version(digit) => VERSIONS.saturating_add(u16::from(digit)),
            },
        )
    }

    fn push_to(self, out: &mut String) {
        let join = self.0 >> WHAT_BITS;
        match join {
            0 => out.push('/'),
            1 => out.push('-'),
            2 => out.push('_'),
            4 => out.push('.'),
            5 => out.push(':'),
            6 => return out.push_str(CALLED),
            _ => {}
        }
        let what = self.0 & WHAT;
        if let Some(class) = what.checked_sub(CLASSES) {
            let class = Class::ALL.get(usize::from(class));
            out.push_str(class.map_or("", |class| class.text()));
        } else if let Some(digit) = what.checked_sub(VERSIONS) {
            out.push('v');
            out.extend(char::from_digit(u32::from(digit), 10));
        } else {
            let mut letters = Word(what).text().chars();
            if join == 3 {
                out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            }
            out.push_str(letters.as_str());
        }
    }
}

/// A label that the public listener might learn: a service, a method, and a path of words and classes.
///
/// Places of words hold within one build only: what is kept on disk is the text, which [`Candidate::parse`] reads again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Candidate {
    /// The host group.
    pub service: ServiceId,
    /// The method, one of the allow-list.
    pub method: Method,
    segments: u8,
    len: u8,
    pieces: [Piece; MAX_PIECES],
}

impl Candidate {
    /// Bytes of [`Candidate::to_bytes`].
    pub const SIZE: usize = 3 + 2 * MAX_PIECES;

    /// The candidate for these decoded segments, whose class, where they are not built from the vocabulary, `classify`
    /// says. None for a method on no list, for more than 8 segments, and where a segment has no class.
    pub fn read<'a>(
        service: ServiceId,
        method: Method,
        segments: impl Iterator<Item = &'a [u8]>,
        classify: impl Fn(&[u8]) -> Option<Class>,
    ) -> Option<Self> {
        if matches!(method, Method::Other | Method::Unknown) {
            return None;
        }
        let mut out = Self {
            service,
            method,
            segments: 0,
            len: 0,
            pieces: [Piece::default(); MAX_PIECES],
        };
        for segment in segments {
            if usize::from(out.segments) == MAX_SEGMENTS {
                return None;
            }
            out.segments = out.segments.saturating_add(1);
            out.segment(segment, &classify)?;
        }
        Some(out)
    }

    /// From the texts of [`Candidate::endpoint`] and of the method. None for a text that is not of this build's vocabulary.
    pub fn parse(service: ServiceId, method: &str, endpoint: &str) -> Option<Self> {
        let path = endpoint.strip_prefix('/')?;
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        Self::read(
            service,
            Method::from_wire(method.as_bytes()),
            segments.map(str::as_bytes),
            Class::from_text,
        )
    }

    /// The path in words and classes, such as `/v1/users/{int}`. Words are in lower case.
    pub fn endpoint(&self) -> String {
        let mut out = String::new();
        let pieces = self.pieces.iter().take(usize::from(self.len));
        pieces.for_each(|piece| piece.push_to(&mut out));
        if out.is_empty() {
            out.push('/');
        }
        out
    }

    /// A fixed form to be hashed, different for every candidate.
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let [low, high] = self.service.0.to_le_bytes();
        let head = [low, high, self.method as u8];
        // Unused pieces are all ones, which no piece is: there are six joins.
        let pieces = self.pieces.iter().enumerate().map(|(at, piece)| {
            let used = at < usize::from(self.len);
            if used { piece.0 } else { u16::MAX }
        });
        let mut out = [0; Self::SIZE];
        let bytes = head.into_iter().chain(pieces.flat_map(u16::to_le_bytes));
        out.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        out
    }

    fn segment(
        &mut self,
        segment: &[u8],
        classify: &impl Fn(&[u8]) -> Option<Class>,
    ) -> Option<()> {
        if let Some(words) = vocabulary::spell(segment) {
            self.words(Join::Slash, &words)
        } else if let Some((name, format)) = vocabulary::split_format(segment) {
            self.name(name, classify)?;
            self.push(Piece::new(Join::Dot, format.0))
        } else if let Some((name, verb)) = vocabulary::split_verb(segment) {
            self.name(name, classify)?;
            self.words(Join::Colon, &vocabulary::spell(verb)?)
        } else {
            self.name(segment, classify)
        }
    }

    fn name(&mut self, name: &[u8], classify: &impl Fn(&[u8]) -> Option<Class>) -> Option<()> {
        if let Some(words) = vocabulary::spell(name) {
            self.words(Join::Slash, &words)
        } else if let Some(called) = vocabulary::call_name(name) {
            self.words(Join::Slash, &vocabulary::spell(called)?)?;
            self.push(Piece::new(Join::Call, 0))
        } else {
            let class = classify(name)?;
            self.push(Piece::new(Join::Slash, CLASSES | class as u16))
        }
    }

    fn words(&mut self, first: Join, words: &SmallVec<[(Join, Literal); 5]>) -> Option<()> {
        words.iter().try_for_each(|(join, literal)| {
            let join = if *join == Join::Slash { first } else { *join };
            self.push(Piece::literal(join, *literal))
        })
    }

    fn push(&mut self, piece: Piece) -> Option<()> {
        *self.pieces.get_mut(usize::from(self.len))? = piece;
        self.len = self.len.saturating_add(1);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::vocabulary::Word;

    fn parse(endpoint: &str) -> Option<Candidate> {
        Candidate::parse(ServiceId(2), "GET", endpoint)
    }

    #[test]
    fn codes_do_not_run_together() {
        assert!(Word::count() < usize::from(VERSIONS));
        const { assert!(CLASSES.is_multiple_of(32) && CLASSES + 31 <= WHAT) };
        assert!(Class::ALL.len() <= 32);
        for class in Class::ALL {
            assert_eq!(Class::from_text(class.text().as_bytes()), Some(*class));
        }
    }

    #[test]
    fn texts_are_read_again() {
        for text in [
            "/",
            "/v1/users/{int}",
            "/v0/payment-methods/{uuid}/getOrderStatus",
            "/order_items/{id}:cancel",
            "/{int}:batchGet",
            "/users({key})/reports.pdf",
            "/sign-up",
            "/{word}.json",
            "/.well-known/openid-configuration",
        ] {
            let candidate = parse(text).unwrap();
            assert_eq!(candidate.endpoint(), text);
            assert_eq!(
                (candidate.service, candidate.method),
                (ServiceId(2), Method::Get)
            );
        }
    }

    #[test]
    fn case_is_not_kept() {
        for (text, same) in [
            ("/V1/Users", "/v1/users"),
            ("/Record-Sets", "/record-sets"),
            ("/GetURLStatus", "/getUrlStatus"),
        ] {
            assert_eq!(parse(text), parse(same));
            assert_eq!(parse(text).unwrap().endpoint(), same);
        }
    }

    #[test]
    fn what_is_no_candidate() {
        let deep = |depth| format!("/{}", ["users"; 9].get(..depth).unwrap().join("/"));
        assert!(parse(&deep(8)).is_some());
        assert!(parse(&deep(9)).is_none());
        assert!(parse("/zzgrumpf").is_none());
        assert!(parse("users").is_none());
        assert!(parse("/get-order-status/get-order-status/get-order-status").is_some());
        let more = "/get-order-status/get-order-status/get-order-status/users/users";
        assert!(parse(more).is_none());
        for method in ["", "OTHER", "BREW", "get"] {
            assert!(Candidate::parse(ServiceId(0), method, "/users").is_none());
        }
    }

    #[test]
    fn bytes_tell_candidates_apart() {
        let texts = ["/", "/users", "/users/users", "/user/s", "/v1", "/{int}"];
        let mut seen: Vec<_> = texts
            .iter()
            .filter_map(|text| parse(text))
            .map(|candidate| candidate.to_bytes())
            .collect();
        let post = Candidate::parse(ServiceId(2), "POST", "/users").unwrap();
        let other = Candidate::parse(ServiceId(3), "GET", "/users").unwrap();
        seen.extend([post.to_bytes(), other.to_bytes()]);
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert!(size_of::<Option<Candidate>>() <= 26);
    }
}

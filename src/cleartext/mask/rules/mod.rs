//! The rules: data in `rules/*.toml`, compiled into tables that the scanners ask.
//!
//! A rule says what a sensitive value is called (names), what it looks like (formats with a validator, or a built-in
//! detector), next to which words a weaker shape counts (`near`, `context`), and what replaces it.

mod compile;
mod example;
mod exception;
mod file;
mod packs;
mod pattern;

pub use example::ExampleFailure;
pub use exception::{Exception, ExceptionText, UnknownRule};
pub use file::RuleError;
pub use packs::RuleOrigin;

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use smallvec::SmallVec;

use super::bytes::{DIGIT, RUN, at, is};
use super::names::{Key, NameTable, Slot};
use super::validate::Validator;
use crate::observation::{Category, RuleId, TypeId};
use pattern::Pattern;

/// The fewest digits of a social security or telephone number.
const FEWEST_DIGITS: u32 = 9;

/// How sure a hit of a rule is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Confidence {
    /// A name that often means something else.
    Low,
    /// A shape without a check.
    Medium,
    /// A clear name, a selective prefix, or a check digit.
    High,
}

impl Confidence {
    /// The word in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

macro_rules! detectors {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// Scanners that are code, not a format: a rule switches one on by naming it.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Detector { $($(#[$doc])* $name),+ }

        impl Detector {
            pub(super) const ALL: [Self; [$($text),+].len()] = [$(Self::$name),+];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            #[allow(clippy::as_conversions, reason = "the discriminant of a fieldless enum")]
            const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

detectors! {
    /// Payment card numbers.
    Card = "card",
    /// Track 1 and 2 of a magnetic stripe.
    Track = "track",
    /// International bank account numbers.
    Iban = "iban",
    /// E-mail addresses.
    Email = "email",
    /// US social security numbers with separators.
    Ssn = "ssn",
    /// Telephone numbers in international form.
    Phone = "phone",
    /// IPv4 addresses.
    Ipv4 = "ipv4",
    /// IPv6 addresses.
    Ipv6 = "ipv6",
    /// MAC addresses.
    Mac = "mac",
    /// JSON Web Tokens.
    Jwt = "jwt",
    /// PEM private keys.
    Pem = "pem",
    /// Passwords in the user part of an URL.
    UrlPassword = "url-password",
    /// Credentials after a scheme word in running text.
    Bearer = "bearer",
    /// Whatever a cookie holds, unless it is a preference.
    Cookie = "cookie",
}

/// A rule as the scanners use it.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Its place in the append-only table.
    pub(super) id: RuleId,
    /// Its type's place in the append-only table.
    pub(super) kind: TypeId,
    /// Its category.
    pub(super) category: Category,
    /// `MASKED-` and the type.
    pub(super) placeholder: String,
    /// Whether equal values keep an equal suffix.
    pub(super) keyed: bool,
    /// What a value under one of its names must pass to be taken for it.
    pub(super) accept: Option<Validator>,
    /// Whether objects below one of its names are judged on their own.
    pub(super) shallow: bool,
    /// How sure a hit is.
    pub(super) confidence: Confidence,
    /// Where its values must not be.
    pub(super) exposed: Exposed,
}

/// In which places a value of a rule is exposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, not one state"
)]
pub(super) struct Exposed {
    /// In the body of a response.
    pub(super) response: bool,
    /// In a request target or a referer.
    pub(super) url: bool,
    /// In a body sent to a store of logs, traces or events.
    pub(super) telemetry: bool,
    /// A value of it is known by its format, not by its name alone.
    pub(super) sure: bool,
    /// In a request target, only where the value looks random: the name often means something else.
    pub(super) by_shape: bool,
}

/// A format and whose it is.
#[derive(Clone)]
pub(super) struct Format {
    pub(super) slot: Slot,
    pattern: Pattern,
    validator: Option<Validator>,
    /// The fewest bytes a match has.
    min_len: usize,
    /// The shortest first run, and the byte behind it (see [`Pattern::first_run`]).
    first_run: (usize, Option<u8>),
}

impl Format {
    fn new(slot: Slot, pattern: &Pattern, validator: Option<Validator>) -> Self {
        Self {
            slot,
            pattern: pattern.clone(),
            validator,
            min_len: pattern.min_len(),
            first_run: pattern.first_run(),
        }
    }

    /// The end of a value of this format at `start`.
    pub(super) fn match_at(&self, text: &[u8], start: usize) -> Option<usize> {
        if text.len().saturating_sub(start) < self.min_len {
            return None;
        }
        let end = self.pattern.match_at(text, start)?;
        let valid = self
            .validator
            .is_none_or(|check| check(text.get(start..end).unwrap_or_default()));
        valid.then_some(end)
    }
}

/// Formats that count only next to the words of their rule.
#[derive(Clone)]
pub(super) struct Near {
    pub(super) slot: Slot,
    patterns: Vec<Pattern>,
    validator: Option<Validator>,
}

impl Near {
    /// The end of the longest value of these formats at `start`.
    pub(super) fn match_at(&self, text: &[u8], start: usize) -> Option<usize> {
        let valid = |end: &usize| {
            self.validator
                .is_none_or(|check| check(text.get(start..*end).unwrap_or_default()))
        };
        self.patterns
            .iter()
            .filter_map(|pattern| pattern.match_at(text, start))
            .filter(valid)
            .max()
    }
}

/// A set of rules in force: immutable, shared by all workers.
#[derive(Clone)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) names: NameTable,
    formats: Vec<Format>,
    /// Formats by the first byte of their literal prefix, each with its second byte (0 if any may follow).
    by_first: Vec<SmallVec<[(u16, u8); 4]>>,
    /// Bit (b0 & 63, b1 & 63) is set if a prefix starts with these bytes.
    first_two: [u64; 64],
    /// Formats that start with a class.
    loose: Vec<u16>,
    /// The fewest bytes of any format.
    shortest: usize,
    /// The fewest bytes of any format that digits alone can have, or of a card number.
    shortest_number: usize,
    near: Vec<Near>,
    context: HashMap<Box<[u8]>, SmallVec<[u16; 4]>, RandomState>,
    /// Bit (b0 & 63, b1 & 63) is set if a context word starts with these bytes.
    context_two: [u64; 64],
    /// The same for their second and third byte.
    context_next: [u64; 64],
    detectors: [Option<Slot>; Detector::ALL.len()],
    ids: Ids,
    examples: Vec<example::Examples>,
    /// Rules in dry run: their hits are counted, and they decide nothing.
    trial: Option<Arc<Self>>,
    /// By `METHOD template`: what does not count there.
    exceptions: Vec<(Box<str>, Arc<Exception>)>,
}

/// The append-only names behind [`TypeId`] and [`RuleId`].
#[derive(Clone, Debug, Default)]
struct Ids {
    types: Vec<String>,
    rules: Vec<String>,
}

impl Ids {
    fn of(list: &mut Vec<String>, name: &str) -> u16 {
        let found = list
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                list.push(name.to_owned());
                list.len().saturating_sub(1)
            });
        u16::try_from(found).unwrap_or(u16::MAX)
    }
}

/// The shortest text that is looked at (bytes): `k=v` says nothing yet.
const TINY: usize = 4;

impl RuleSet {
    /// The names of all sensitive types, by [`TypeId`].
    pub fn type_names(&self) -> &[String] {
        &self.ids.types
    }

    /// The ids of all rules, by [`RuleId`].
    pub fn rule_names(&self) -> &[String] {
        &self.ids.rules
    }

    /// The name of a sensitive type, such as `card-number`.
    pub fn type_name(&self, id: TypeId) -> Option<&str> {
        self.ids.types.get(usize::from(id.0)).map(String::as_str)
    }

    /// The id of a rule, such as `secrets.aws-access-key-id`.
    pub fn rule_name(&self, id: RuleId) -> Option<&str> {
        self.ids.rules.get(usize::from(id.0)).map(String::as_str)
    }

    /// How many rules are in force.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules are in dry run, besides those in force.
    pub fn dry_runs(&self) -> usize {
        self.trial().map_or(0, Self::len)
    }

    /// The rules in dry run, as a set of their own: what they find changes nothing for the rules in force.
    pub(super) fn trial(&self) -> Option<&Self> {
        self.trial.as_deref()
    }

    /// Runs the examples of every rule and returns those that fail.
    pub fn check_examples(&self) -> Vec<ExampleFailure> {
        let mut failures = example::check(self, &self.examples);
        failures.extend(self.trial().into_iter().flat_map(Self::check_examples));
        failures
    }

    /// The rule behind a slot.
    pub(super) fn rule(&self, slot: Slot) -> Option<&Rule> {
        self.rules.get(usize::from(slot))
    }

    /// Whether a name triggers a rule whatever the value is.
    #[inline]
    pub(super) fn is_sure(&self, key: Key) -> bool {
        key.hits()
            && self
                .rule(key.slot)
                .is_some_and(|rule| rule.accept.is_none())
    }

    /// The rule that switched a detector on.
    #[inline]
    pub(super) fn detector(&self, detector: Detector) -> Option<Slot> {
        self.detectors.get(detector.index()).copied().flatten()
    }

    /// Whether a single run of letters, digits, `_` and `-` is too short for any format and any built-in detector.
    #[inline]
    pub(super) fn is_too_short(&self, classes: u8, digits: u32, len: usize) -> bool {
        let number = classes == DIGIT && len < self.shortest_number;
        let run = classes & !RUN == 0 && len < self.shortest && digits < FEWEST_DIGITS;
        number || run
    }

    /// Whether nothing can be found in a text so short by its looks, however it is encoded: an address takes more, and so do a
    /// name and its value.
    #[inline]
    pub(super) fn is_tiny(&self, len: usize) -> bool {
        len < TINY && len < self.shortest
    }

    /// The format that matches at `start`, a place where a run of letters and digits begins, and where it ends.
    #[inline]
    pub(super) fn format_at(&self, text: &[u8], start: usize) -> Option<(Slot, usize)> {
        let first = at(text, start);
        let second = at(text, start.saturating_add(1));
        let row = self
            .first_two
            .get(usize::from(first & 63))
            .copied()
            .unwrap_or(0);
        if row.wrapping_shr(u32::from(second & 63)) & 1 == 0 {
            return None;
        }
        self.by_first
            .get(usize::from(first))?
            .iter()
            .filter(|(_, next)| *next == second || *next == 0)
            .filter_map(|&(i, _)| self.formats.get(usize::from(i)))
            .find_map(|format| format.match_at(text, start).map(|end| (format.slot, end)))
    }

    /// The same for formats that start with a class; the run there ends at `end`.
    pub(super) fn loose_format_at(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
    ) -> Option<(Slot, usize)> {
        let (len, next) = (end.saturating_sub(start), at(text, end));
        let fits = |format: &&Format| {
            let (min, behind) = format.first_run;
            len >= min && behind.is_none_or(|byte| byte == next)
        };
        self.loose
            .iter()
            .filter_map(|&i| self.formats.get(usize::from(i)))
            .filter(fits)
            .find_map(|format| format.match_at(text, start).map(|end| (format.slot, end)))
    }

    /// Whether a context word starts like this word, whatever the case of its letters.
    #[inline]
    pub(super) fn may_be_context(&self, word: &[u8]) -> bool {
        let lower = |i: usize| at(word, i).to_ascii_lowercase() & 63;
        let has = |table: &[u64; 64], i: usize| {
            let row = table.get(usize::from(lower(i))).copied().unwrap_or(0);
            let next = lower(i.saturating_add(1));
            row.wrapping_shr(u32::from(next)) & 1 != 0
        };
        let row = self
            .context_two
            .get(usize::from(lower(0)))
            .copied()
            .unwrap_or(0);
        // Digits at its end do not count, and a short word may go on with the next one.
        let alone = is(at(word, 1), DIGIT) && row & 1 != 0;
        let short = word.len() < 3 || is(at(word, 2), DIGIT);
        alone
            || (has(&self.context_two, 0) && (short || has(&self.context_next, 1)))
            || !word.is_ascii()
    }

    /// The groups of formats that count next to `word`.
    #[inline]
    pub(super) fn context(&self, word: &[u8]) -> Option<&SmallVec<[u16; 4]>> {
        let (first, second) = (at(word, 0), at(word, 1));
        let row = self
            .context_two
            .get(usize::from(first & 63))
            .copied()
            .unwrap_or(0);
        match row.wrapping_shr(u32::from(second & 63)) & 1 {
            0 => None,
            _ => self.context.get(word),
        }
    }

    /// Formats that count next to context words, by the number [`Self::context`] gave.
    pub(super) fn near(&self, i: u16) -> Option<&Near> {
        self.near.get(usize::from(i))
    }
}

//! Weaker shapes beside the words that name them: `patient NPI 1234567893`.

use smallvec::SmallVec;

use super::{Found, is_boundary};
use crate::cleartext::mask::bytes::{
    ALNUM, DIGIT, JOIN, LOWER, UPPER, at, before, cut, is, minus, plus, rest,
};
use crate::cleartext::mask::names::LONGEST_NAME;
use crate::cleartext::mask::rules::RuleSet;
use crate::cleartext::mask::spelling::fold;

/// How far, in bytes, a context word reaches.
const REACH: usize = 40;
/// How many words lie between at most.
const WORDS: u8 = 5;
/// How many groups of formats are kept in mind at once.
const MOST: usize = 8;

/// The context words seen lately.
#[derive(Default)]
pub(super) struct Context {
    open: SmallVec<[Open; 4]>,
    /// The word before, from its first byte to one past its last; empty if it does not count.
    previous: (usize, usize),
    /// Whether a context word starts like the word before.
    may_go_on: bool,
}

#[derive(Clone, Copy)]
struct Open {
    group: u16,
    end: usize,
    words: u8,
}

impl Context {
    /// Takes a word of the text into account.
    pub(super) fn word(&mut self, rules: &RuleSet, text: &[u8], start: usize, end: usize) {
        for open in &mut self.open {
            open.words = open.words.saturating_add(1);
        }
        let raw = cut(text, start, end);
        // A number names nothing, but it lies between.
        if !(2..=24).contains(&raw.len()) || is(at(text, start), DIGIT) {
            self.forget_previous();
            return;
        }
        let previous = std::mem::replace(&mut self.previous, (start, end));
        let may_be = rules.may_be_context(raw);
        let may_go_on = std::mem::replace(&mut self.may_go_on, may_be);
        // Most words, and pairs of words, do not even start like a context word.
        if !may_be && !may_go_on {
            return;
        }
        let word = lower(raw);
        if may_go_on {
            let mut pair = lower(cut(text, previous.0, previous.1));
            pair.extend_from_slice(&word);
            self.open(rules, &pair, end);
        }
        if may_be {
            self.open(rules, &word, end);
            let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
            if digits > 0 {
                self.open(rules, cut(&word, 0, minus(word.len(), digits)), end);
            }
        }
    }

    /// Opens the groups that `name`, which ends at `end`, calls for.
    fn open(&mut self, rules: &RuleSet, name: &[u8], end: usize) {
        for &group in rules.context(name).into_iter().flatten() {
            self.open.retain(|open| open.group != group);
            if self.open.len() >= MOST {
                self.open.remove(0);
            }
            self.open.push(Open {
                group,
                end,
                words: 0,
            });
        }
    }

    fn forget_previous(&mut self) {
        self.previous = (0, 0);
        self.may_go_on = false;
    }

    /// A value at `start` of a format that one of the words calls for.
    pub(super) fn near(&mut self, rules: &RuleSet, text: &[u8], start: usize) -> Option<Found> {
        if self.open.is_empty() || is(before(text, start), JOIN) || !is_candidate(text, start) {
            return None;
        }
        self.open
            .retain(|open| open.words <= WORDS && minus(start, open.end) <= REACH);
        // The nearest word wins.
        let found = self
            .open
            .iter()
            .enumerate()
            .rev()
            .find_map(|(place, open)| {
                let group = rules.near(open.group)?;
                let end = group.match_at(text, start)?;
                let free = is_boundary(at(text, end)) || is_boundary(before(text, end));
                free.then_some((
                    place,
                    Found {
                        start,
                        end,
                        slot: group.slot,
                    },
                ))
            });
        // A word names one value.
        let (place, found) = found?;
        self.open.remove(place);
        Some(found)
    }

    /// A line ends: what comes next has words of its own.
    pub(super) fn end_line(&mut self) {
        self.open.clear();
        self.forget_previous();
    }

    /// A full stop at `stop` that ends a sentence: what comes next has words of its own. An abbreviation (`tel.`) ends none.
    pub(super) fn end_sentence(&mut self, text: &[u8], stop: usize) {
        if !at(text, plus(stop, 1)).is_ascii_whitespace() {
            return;
        }
        let head = text.get(minus(stop, 4)..stop).unwrap_or_default();
        let letters = head.iter().rev().take_while(|b| is(**b, UPPER | LOWER));
        let letters = letters.count();
        let lead = before(head, minus(head.len(), letters));
        // `no. 12` and `J. Doe` go on; `30659802C. article 12` and `RZ 20 99 33 A. order 12` do not.
        let goes_on = match letters {
            1 => !is(at(text, plus(stop, 2)), LOWER) && !is(lead, DIGIT),
            2 | 3 => !is(lead, DIGIT),
            _ => false,
        };
        match letters {
            _ if goes_on => {}
            4.. => self.open.retain(|open| open.end == stop),
            _ => self.end_line(),
        }
    }

    /// `=` or `:` at `sign`: what comes next is the value of the name right before, and of no other word.
    pub(super) fn separator(&mut self, sign: usize) {
        self.open.retain(|open| minus(sign, open.end) <= 2);
    }
}

/// A word as names are kept: in lower case, without accents.
fn lower(word: &[u8]) -> SmallVec<[u8; LONGEST_NAME]> {
    let mut word = if word.is_ascii() {
        SmallVec::from_slice(word)
    } else {
        fold(word)
    };
    word.make_ascii_lowercase();
    word
}

/// Values beside context words hold a digit, or start with a capital letter.
fn is_candidate(text: &[u8], start: usize) -> bool {
    let word = rest(text, start)
        .iter()
        .take(40)
        .take_while(|b| is(**b, ALNUM) || matches!(b, b'-' | b'.' | b'/' | b' '));
    is(at(text, start), UPPER) || word.take(24).any(u8::is_ascii_digit)
}

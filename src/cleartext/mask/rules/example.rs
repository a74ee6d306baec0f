//! Runs the examples that every rule carries, with values generated from their notation.

use super::RuleSet;
use super::packs::RuleOrigin;
use super::pattern::Pattern;
use crate::cleartext::mask::bytes::plus;
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::{Slot, Space};
use crate::cleartext::mask::validate;
use crate::cleartext::mask::walk::{Render, State, Stretch, Walk};
use crate::observation::TextId;

/// Values generated from each example.
const SAMPLES: usize = 8;
/// Draws until a value satisfies the validator an example names.
const DRAWS: usize = 200_000;

/// The examples of one rule.
#[derive(Clone, Debug)]
pub(super) struct Examples {
    pub(super) origin: RuleOrigin,
    pub(super) slot: Slot,
    pub(super) positive: Vec<String>,
    pub(super) negative: Vec<String>,
}

/// An example that does not do what it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExampleFailure {
    /// The file of the rule.
    pub file: String,
    /// The line of the rule.
    pub line: usize,
    /// The rule.
    pub rule: String,
    /// The example, as written: it holds no real value.
    pub example: String,
    /// What was expected and what happened.
    pub what: &'static str,
}

/// Runs all examples.
pub(super) fn check(rules: &RuleSet, all: &[Examples]) -> Vec<ExampleFailure> {
    let mut state = State::new([0; 32], Box::new(|_, _| TextId::NONE));
    let mut failures = Vec::new();
    for examples in all {
        let cases = examples
            .positive
            .iter()
            .map(|e| (e, true))
            .chain(examples.negative.iter().map(|e| (e, false)));
        for (number, (example, wanted)) in cases.enumerate() {
            let seed =
                seed_of(&examples.origin.rule).wrapping_add(u64::try_from(number).unwrap_or(0));
            if let Some(what) = run(rules, &mut state, examples.slot, (example, wanted), seed) {
                failures.push(ExampleFailure {
                    file: examples.origin.file.clone(),
                    line: examples.origin.line,
                    rule: examples.origin.rule.clone(),
                    example: example.clone(),
                    what,
                });
            }
        }
    }
    failures
}

impl RuleSet {
    /// Whether an operator's own rule took what an example of a built-in rule is about: that is what it is for.
    fn overrides(&self, of: Slot, by: Slot) -> bool {
        let is_built_in = |slot: Slot| {
            let examples = self.examples.get(usize::from(slot));
            examples.map(|examples| examples.origin.built_in)
        };
        is_built_in(of) == Some(true) && is_built_in(by) == Some(false)
    }
}

/// What is wrong with an example; nothing if it holds.
fn run(
    rules: &RuleSet,
    state: &mut State,
    slot: Slot,
    (example, wanted): (&str, bool),
    seed: u64,
) -> Option<&'static str> {
    let mut draw = Draw(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
    let kind = rules.rule(slot).map(|rule| rule.kind);
    for _ in 0..SAMPLES {
        let (name, value) = match generate(example, &mut draw) {
            Ok(sample) => sample,
            Err(what) => return Some(what),
        };
        state.clear(Render::Count);
        let mut walk = Walk { rules, s: state };
        let key = walk.classify(Space::Field, name.as_bytes());
        walk.leaf(&value, Stretch::new(0, value.len()), Codec::Plain, key);
        if state.hits.iter().any(|hit| rules.overrides(slot, hit.slot)) {
            continue;
        }
        let kinds: Vec<_> = state
            .hits
            .iter()
            .filter_map(|hit| rules.rule(hit.slot))
            .map(|rule| rule.kind)
            .collect();
        match (wanted, kinds.iter().any(|k| Some(*k) == kind)) {
            (true, false) if kinds.is_empty() => {
                return Some("expected to be masked, but was kept");
            }
            (true, false) => {
                return Some("expected to be masked by this rule, but another one did");
            }
            (false, true) => return Some("expected to be kept, but was masked"),
            _ => {}
        }
    }
    None
}

/// `name => format !validator` to a name and a value.
fn generate(example: &str, draw: &mut Draw) -> Result<(String, Vec<u8>), &'static str> {
    let (name, text) = example.split_once(" => ").unwrap_or(("", example));
    let (text, wish) = match text
        .rsplit_once(" !")
        .map(|(t, v)| (t, v, true))
        .or_else(|| text.rsplit_once(" ~").map(|(t, v)| (t, v, false)))
    {
        Some((text, id, pass)) => match validate::by_id(id) {
            Some(check) => (text, Some((check, pass))),
            None => return Err("names an unknown validator"),
        },
        None => (text, None),
    };
    let lead = text.find('{').map_or(0, |brace| {
        text.get(..brace)
            .and_then(|head| head.rfind(' '))
            .map_or(0, |space| space.saturating_add(1))
    });
    for _ in 0..DRAWS {
        let value = expand(text, draw)?;
        let fits = |(check, pass): (validate::Validator, bool)| {
            check(value.get(lead..).unwrap_or_default()) == pass
        };
        if wish.is_none_or(fits) {
            return Ok((name.to_owned(), value));
        }
    }
    Err("no generated value satisfies its validator")
}

/// How many distinct values the examples of each rule come to: positive and negative.
#[cfg(test)]
fn distinct(rules: &RuleSet) -> Vec<(String, [usize; 2])> {
    let count = |examples: &Examples, texts: &[String]| {
        let mut values = std::collections::BTreeSet::new();
        for (number, text) in texts.iter().enumerate() {
            let number = u64::try_from(number).unwrap();
            let mut draw = Draw(seed_of(&examples.origin.rule).wrapping_add(number));
            for _ in 0..SAMPLES {
                values.extend(generate(text, &mut draw));
            }
        }
        values.len()
    };
    let of = |examples: &Examples| {
        let counts = [&examples.positive, &examples.negative].map(|texts| count(examples, texts));
        (examples.origin.rule.clone(), counts)
    };
    rules.examples.iter().map(of).collect()
}

/// By the rule's id (FNV-1a), not its place: other rules before it must not change its samples.
fn seed_of(rule: &str) -> u64 {
    rule.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Expands `{jwt}` and `{crc}`, the rest is a [`Pattern`].
fn expand(text: &str, draw: &mut Draw) -> Result<Vec<u8>, &'static str> {
    const BAD: &str = "is no valid notation";
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((at, special)) = ["{jwt}", "{crc}"]
        .iter()
        .filter_map(|s| rest.find(s).map(|at| (at, *s)))
        .min()
    {
        append(rest.get(..at).unwrap_or_default(), draw, &mut out).map_err(|_| BAD)?;
        if special == "{jwt}" {
            // The header {"alg":"HS256"}, an empty payload, and any signature.
            out.extend_from_slice(b"eyJhbGciOiJIUzI1NiJ9.e30.");
            append("{b64url:43}", draw, &mut out).map_err(|_| BAD)?;
        } else {
            let body = memchr::memrchr(b'_', &out).map_or(0, |at| plus(at, 1));
            let suffix = validate::crc_suffix(out.get(body..).unwrap_or_default());
            out.extend_from_slice(&suffix);
        }
        rest = rest.get(plus(at, special.len())..).unwrap_or_default();
    }
    append(rest, draw, &mut out).map_err(|_| BAD)?;
    Ok(out)
}

fn append(
    text: &str,
    draw: &mut Draw,
    out: &mut Vec<u8>,
) -> Result<(), super::pattern::PatternError> {
    if !text.is_empty() {
        Pattern::parse(text)?.generate(&mut |n| draw.below(n), out);
    }
    Ok(())
}

/// A small generator (`SplitMix64`): examples must be the same at every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let n = u64::try_from(n).unwrap_or(1);
        z.checked_rem(n)
            .and_then(|rest| usize::try_from(rest).ok())
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_does_what_its_examples_say() {
        let rules = RuleSet::built_in().unwrap();
        let failures = rules.check_examples();
        assert_eq!(failures, []);
    }

    #[test]
    fn every_rule_has_five_distinct_examples_of_either_kind() {
        let all = distinct(&RuleSet::built_in().unwrap());
        let few: Vec<_> = all
            .into_iter()
            .filter(|(_, counts)| counts.iter().any(|count| *count < 5))
            .collect();
        assert_eq!(few, []);
    }
}

//! Makes the tables of a rule set out of parsed files. Where two rules claim one name or detector, the first wins.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::file::{self, Parsed, RuleError};
use super::packs::{Pack, RuleOrigin};
use super::{Detector, Format, Ids, Near, Rule, RuleSet, example};
use crate::cleartext::mask::bytes::{Set, at};
use crate::cleartext::mask::names::{Lists, NameTable, Slot, Space, Split};
use crate::observation::{RuleId, TypeId};

/// Rules beyond this number are refused: ids are 16 bits wide and append-only over reloads.
const MAX_RULES: usize = 16_384;

/// The fewest digits of a card number.
const SHORTEST_CARD: usize = 13;

impl RuleSet {
    /// The rules of `packs`, in their order.
    pub(super) fn compile(packs: &[Pack<'_>], ids: Ids) -> Result<Self, RuleError> {
        let mut lists = Lists::default();
        let mut parsed = Vec::new();
        for pack in packs {
            let (more, rules) = file::parse(pack.name, pack.text)?;
            more.add_to(&mut lists);
            parsed.extend(rules.into_iter().map(|rule| (pack, rule)));
        }
        let replaced = drop_replaced(&mut parsed);
        let (trial, active): (Vec<_>, Vec<_>) =
            parsed.into_iter().partition(|(_, rule)| rule.dry_run);
        let mut set = Self::empty(&lists, ids);
        for (pack, rule) in active {
            let replaces = !pack.built_in && replaced.contains(&rule.id);
            set.add(*pack, rule, replaces)?;
        }
        if !trial.is_empty() {
            let mut tried = Self::empty(&lists, std::mem::take(&mut set.ids));
            for (pack, rule) in trial {
                set.refuse_twin(pack.name, &rule, &tried)?;
                tried.add(*pack, rule, false)?;
            }
            set.ids = tried.ids.clone();
            set.trial = Some(Arc::new(tried));
        }
        Ok(set)
    }

    fn empty(lists: &Lists, ids: Ids) -> Self {
        Self {
            rules: Vec::new(),
            names: NameTable::new(lists),
            formats: Vec::new(),
            by_first: vec![SmallVec::new(); 128],
            first_two: [0; 64],
            loose: Vec::new(),
            shortest: usize::MAX,
            shortest_number: SHORTEST_CARD,
            near: Vec::new(),
            context: HashMap::default(),
            context_two: [0; 64],
            context_next: [0; 64],
            detectors: [None; Detector::ALL.len()],
            ids,
            examples: Vec::new(),
            trial: None,
            exceptions: Vec::new(),
        }
    }

    /// A rule in dry run may not have the id of one in force. `tried` holds the names of all ids.
    fn refuse_twin(&self, file: &str, rule: &Parsed, tried: &Self) -> Result<(), RuleError> {
        let twin = |known: &Rule| tried.rule_name(known.id) == Some(rule.id.as_str());
        if self.rules.iter().any(twin) {
            return Err(taken(file, rule.line));
        }
        Ok(())
    }

    fn add(&mut self, pack: Pack<'_>, rule: Parsed, replaces: bool) -> Result<(), RuleError> {
        let file = pack.name;
        let error = |what: &str, hint: &str| RuleError {
            file: file.to_owned(),
            line: rule.line,
            what: what.to_owned(),
            hint: hint.to_owned(),
        };
        let id = RuleId(Ids::of(&mut self.ids.rules, &rule.id));
        if self.rules.iter().any(|known| known.id == id) {
            return Err(taken(file, rule.line));
        }
        let slot = match Slot::try_from(self.rules.len()) {
            Ok(slot) if self.ids.rules.len() <= MAX_RULES => slot,
            _ => return Err(error("too many rules", "at most 16384 over all reloads")),
        };
        self.add_names(slot, &rule);
        self.add_shapes(slot, &rule);
        let kind = TypeId(Ids::of(&mut self.ids.types, &rule.kind));
        self.rules.push(Rule {
            id,
            kind,
            category: rule.category,
            placeholder: ["MASKED-", rule.kind.as_str()].concat(),
            keyed: rule.keyed,
            accept: rule.accept,
            shallow: rule.shallow,
            confidence: rule.confidence,
            exposed: rule.exposed,
        });
        self.examples.push(example::Examples {
            origin: RuleOrigin {
                rule: rule.id,
                file: file.to_owned(),
                line: rule.line,
                built_in: pack.built_in,
                replaces,
                dry_run: rule.dry_run,
            },
            slot,
            positive: rule.positive,
            negative: rule.negative,
        });
        Ok(())
    }

    fn add_names(&mut self, slot: Slot, rule: &Parsed) {
        for name in rule.names.iter().chain(&rule.combined) {
            self.names.add(name, slot, true);
        }
        for name in &rule.exact {
            self.names.add(name, slot, false);
        }
        for word in &rule.tails {
            self.names.add_tail(word, slot);
        }
        for word in &rule.agents {
            self.names.add_agent(word, slot);
        }
        for word in &rule.endings {
            self.names.add_ending(word, slot);
        }
        for (space, names) in [
            (Space::Header, &rule.headers),
            (Space::Cookie, &rule.cookies),
            (Space::Param, &rule.params),
        ] {
            for name in names {
                self.names.add_in(space, name, slot);
            }
        }
    }

    fn add_shapes(&mut self, slot: Slot, rule: &Parsed) {
        if let Some(detector) = rule.detector
            && let Some(entry @ None) = self.detectors.get_mut(detector.index())
        {
            *entry = Some(slot);
            if detector == Detector::Cookie {
                self.names.set_cookie_rule(slot);
            }
        }
        for pattern in &rule.formats {
            self.add_format(Format::new(slot, pattern, rule.validator));
        }
        if rule.near.is_empty() {
            return;
        }
        let number = u16::try_from(self.near.len()).unwrap_or(u16::MAX);
        self.near.push(Near {
            slot,
            patterns: rule.near.clone(),
            validator: rule.validator,
        });
        for word in rule.context.iter().chain(&rule.names).chain(&rule.exact) {
            let whole = Split::of(word.as_bytes()).whole();
            for (table, i) in [(&mut self.context_two, 0), (&mut self.context_next, 1)] {
                if let Some(row) = table.get_mut(usize::from(at(&whole, i) & 63)) {
                    let next = at(&whole, i.saturating_add(1));
                    *row |= 1_u64.wrapping_shl(u32::from(next & 63));
                }
            }
            let list = self.context.entry(whole).or_default();
            if !list.contains(&number) {
                list.push(number);
            }
        }
    }

    fn add_format(&mut self, format: Format) {
        let number = u16::try_from(self.formats.len()).unwrap_or(u16::MAX);
        self.shortest = self.shortest.min(format.min_len);
        if format.pattern.may_be_digits() {
            self.shortest_number = self.shortest_number.min(format.min_len);
        }
        let prefix = format.pattern.prefix();
        if prefix.is_empty() {
            self.loose.push(number);
        } else if let Some(list) = self.by_first.get_mut(usize::from(at(prefix, 0))) {
            list.push((number, at(prefix, 1)));
            let seconds = match prefix.get(1) {
                Some(&second) => Set::of(&[second]),
                None => Set::range(0, 127),
            };
            if let Some(row) = self.first_two.get_mut(usize::from(at(prefix, 0) & 63)) {
                *row |= seconds
                    .members()
                    .fold(0, |bits, b| bits | 1_u64.wrapping_shl(u32::from(b & 63)));
            }
        }
        self.formats.push(format);
    }
}

/// Takes out the built-in rules whose ids the operator's own rules have, and returns these ids. A rule in dry run takes no
/// other's place: it would unmask what the other one masks.
fn drop_replaced(parsed: &mut Vec<(&Pack<'_>, Parsed)>) -> HashSet<String> {
    let replaced: HashSet<String> = parsed
        .iter()
        .filter(|(pack, rule)| !pack.built_in && !rule.dry_run)
        .map(|(_, rule)| rule.id.clone())
        .collect();
    let mut dropped = HashSet::new();
    parsed.retain(|(pack, rule)| {
        let goes = pack.built_in && replaced.contains(&rule.id);
        if goes {
            dropped.insert(rule.id.clone());
        }
        !goes
    });
    dropped
}

fn taken(file: &str, line: usize) -> RuleError {
    RuleError {
        file: file.to_owned(),
        line,
        what: "this id is taken by another rule".to_owned(),
        hint: "give each rule its own id".to_owned(),
    }
}

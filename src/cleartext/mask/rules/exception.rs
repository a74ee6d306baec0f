//! Per-endpoint exceptions: named rules that do not count at one endpoint, or in one field of it.
//!
//! A value that only an excepted rule would take is looked at again by all other rules, so that an exception for e-mail
//! addresses never lets a token through. Fails closed: an endpoint without a name has no exceptions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{RuleSet, Slot};

/// An exception as configured (`[[mask.exception]]`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExceptionText {
    /// `METHOD template`, as reports show it.
    pub endpoint: String,
    /// Ids of the rules that do not count there.
    pub rules: Vec<String>,
    /// The only field it holds for, such as `$.contact.email`; all if none.
    pub field: Option<String>,
}

/// An exception names a rule that is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownRule {
    /// The number of the exception in the list.
    pub exception: usize,
    /// The number of the rule in the exception.
    pub place: usize,
    /// What it names.
    pub rule: String,
}

/// The exceptions of one endpoint.
pub struct Exception {
    everywhere: Option<Arc<Lowering>>,
    fields: Vec<(Box<[u8]>, Arc<Lowering>)>,
}

impl Exception {
    /// What does not count at `path`.
    pub(in crate::cleartext::mask) fn at(&self, path: &[u8]) -> Option<&Lowering> {
        self.fields
            .iter()
            .find(|(field, _)| **field == *path)
            .map(|(_, lowering)| lowering)
            .or(self.everywhere.as_ref())
            .map(Arc::as_ref)
    }
}

/// Rules that do not count, and the rule set without what they look for.
pub(in crate::cleartext::mask) struct Lowering {
    slots: BTreeSet<Slot>,
    /// All other rules; slots mean the same as in the whole set.
    pub(in crate::cleartext::mask) others: RuleSet,
}

impl Lowering {
    pub(in crate::cleartext::mask) fn covers(&self, slot: Slot) -> bool {
        self.slots.contains(&slot)
    }
}

/// By field: the slots that do not count.
type Fields<'a> = BTreeMap<Option<&'a str>, BTreeSet<Slot>>;

impl RuleSet {
    /// These rules with exceptions.
    pub fn with_exceptions(mut self, list: &[ExceptionText]) -> Result<Self, UnknownRule> {
        let mut endpoints: BTreeMap<&str, Fields<'_>> = BTreeMap::new();
        for (number, text) in list.iter().enumerate() {
            let fields = endpoints.entry(&text.endpoint).or_default();
            let slots = fields.entry(text.field.as_deref()).or_default();
            for (place, rule) in text.rules.iter().enumerate() {
                // A rule on trial replaces nothing: there is nothing to except.
                let on_trial = self.trial().is_some_and(|trial| trial.slot(rule).is_some());
                match self.slot(rule) {
                    Some(slot) => _ = slots.insert(slot),
                    None if on_trial => {}
                    None => {
                        return Err(UnknownRule {
                            exception: number,
                            place,
                            rule: rule.clone(),
                        });
                    }
                }
            }
        }
        let mut made: BTreeMap<BTreeSet<Slot>, Arc<Lowering>> = BTreeMap::new();
        let mut exceptions = Vec::new();
        for (endpoint, fields) in endpoints {
            let all = fields.get(&None).cloned().unwrap_or_default();
            let mut exception = Exception {
                everywhere: None,
                fields: Vec::new(),
            };
            for (field, mut slots) in fields {
                slots.extend(&all);
                let lowering = made
                    .entry(slots.clone())
                    .or_insert_with(|| Arc::new(self.without(slots)));
                match field {
                    None => exception.everywhere = Some(Arc::clone(lowering)),
                    Some(field) => exception
                        .fields
                        .push((Box::from(field.as_bytes()), Arc::clone(lowering))),
                }
            }
            exceptions.push((Box::from(endpoint), Arc::new(exception)));
        }
        self.exceptions = exceptions;
        Ok(self)
    }

    /// Whether there are exceptions at all.
    pub fn has_exceptions(&self) -> bool {
        !self.exceptions.is_empty()
    }

    /// What does not count at an endpoint.
    pub fn exception(&self, method: &str, template: &str) -> Option<Arc<Exception>> {
        let named = |endpoint: &str| endpoint.split_once(' ') == Some((method, template));
        self.exceptions
            .iter()
            .find(|(endpoint, _)| named(endpoint))
            .map(|(_, exception)| Arc::clone(exception))
    }

    fn slot(&self, rule: &str) -> Option<Slot> {
        let at = self
            .rules
            .iter()
            .position(|known| self.rule_name(known.id) == Some(rule))?;
        Slot::try_from(at).ok()
    }

    /// The set without the looks that `slots` go by. Their names stay: what they take is decided again.
    fn without(&self, slots: BTreeSet<Slot>) -> Lowering {
        let mut others = self.clone();
        let gone = |slot: Slot| slots.contains(&slot);
        for detector in &mut others.detectors {
            *detector = detector.filter(|slot| !gone(*slot));
        }
        let formats = &self.formats;
        let stays = |number: u16| {
            formats
                .get(usize::from(number))
                .is_some_and(|format| !gone(format.slot))
        };
        for list in &mut others.by_first {
            list.retain(|(number, _)| stays(*number));
        }
        others.loose.retain(|number| stays(*number));
        let near_stays = |number: &mut u16| self.near(*number).is_some_and(|n| !gone(n.slot));
        others.context.retain(|_, list| {
            list.retain(near_stays);
            !list.is_empty()
        });
        others.examples.clear();
        others.exceptions.clear();
        others.trial = None;
        Lowering { slots, others }
    }
}

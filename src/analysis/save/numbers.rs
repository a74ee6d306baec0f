//! Numbers that only a configuration gives a meaning: services, types of values, rules, integrations.

use std::collections::BTreeMap;

use crate::observation::{IntegrationId, RuleId, ServiceId, TypeId};

/// What the numbers of a configuration are called, in order. No text of the wire.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Numbering {
    /// Of services.
    pub services: Vec<String>,
    /// Of types of sensitive values.
    pub types: Vec<String>,
    /// Of masking rules.
    pub rules: Vec<String>,
    /// Of integrations.
    pub integrations: Vec<String>,
}

/// Which number of one configuration is which in another.
#[derive(Debug)]
pub struct Renumbering {
    services: Vec<Option<u16>>,
    types: Vec<Option<u16>>,
    rules: Vec<Option<u16>>,
    integrations: Vec<Option<u16>>,
}

impl Renumbering {
    /// From the numbers of `old` to those of `new`; none if nothing changes.
    pub fn between(old: &Numbering, new: &Numbering) -> Option<Self> {
        (old != new).then(|| Self {
            services: matched(&old.services, &new.services),
            types: matched(&old.types, &new.types),
            rules: matched(&old.rules, &new.rules),
            integrations: matched(&old.integrations, &new.integrations),
        })
    }

    /// A service; the first one if it is no longer there.
    pub(in crate::analysis) fn service(&self, old: ServiceId) -> ServiceId {
        ServiceId(at(&self.services, old.0).unwrap_or(0))
    }

    pub(in crate::analysis) fn kind(&self, old: TypeId) -> Option<TypeId> {
        at(&self.types, old.0).map(TypeId)
    }

    pub(in crate::analysis) fn rule(&self, old: RuleId) -> Option<RuleId> {
        at(&self.rules, old.0).map(RuleId)
    }

    pub(in crate::analysis) fn integration(&self, old: IntegrationId) -> Option<IntegrationId> {
        at(&self.integrations, old.0).map(IntegrationId)
    }
}

fn at(numbers: &[Option<u16>], old: u16) -> Option<u16> {
    numbers.get(usize::from(old)).copied().flatten()
}

fn matched(old: &[String], new: &[String]) -> Vec<Option<u16>> {
    let new: BTreeMap<&str, u16> = new.iter().map(String::as_str).zip(0..).collect();
    old.iter()
        .map(|name| new.get(name.as_str()).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_their_names() {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let old = Numbering {
            services: list(&["default", "shop"]),
            integrations: list(&["a", "b", "c"]),
            ..Numbering::default()
        };
        assert!(Renumbering::between(&old, &old).is_none());
        let new = Numbering {
            services: list(&["default"]),
            integrations: list(&["c", "a"]),
            ..Numbering::default()
        };
        let numbers = Renumbering::between(&old, &new).unwrap();
        let integrations = [0, 1, 2, 3].map(|n| numbers.integration(IntegrationId(n)));
        let expected = [Some(1), None, Some(0), None];
        assert_eq!(integrations, expected.map(|n| n.map(IntegrationId)));
        assert_eq!(numbers.service(ServiceId(1)), ServiceId(0));
    }
}

//! The hygiene of one token: what its credentials say, and what was accepted all the same.

use super::view::HygieneSummary;
use crate::observation::{CredentialTraits, Observation, Proof};

/// Credentials told apart for one token.
const MAX_CREDENTIALS: usize = 8;

/// Facts about the credentials of one token. Boxed by its owner, 88 bytes.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Credentials {
    /// Marks of the first credentials; 0 is none.
    marks: [u32; MAX_CREDENTIALS],
    /// Changes to one that is not among them.
    more: u8,
    last: u32,
    lifetime_seconds: u32,
    traits: CredentialTraits,
    pub(in crate::analysis) clear: u32,
    /// Accepted, by [`Fault`].
    accepted: [u32; 4],
    /// Flags of the faults that an alert has told, for `signals::hygiene`.
    pub(in crate::analysis) told: u8,
    /// The second of the last of these alerts.
    pub(in crate::analysis) told_at: u64,
}

/// What a credential should not be accepted with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::analysis) enum Fault {
    Unsigned,
    Expired,
    Unproven,
    Uncertified,
}

impl Fault {
    /// What is wrong with the credential of an observation, whatever came of it.
    fn of(traits: CredentialTraits) -> [(Self, bool); 4] {
        let lacks = |bound, proof| traits.contains(bound) && !traits.contains(proof);
        [
            (Self::Unsigned, traits.contains(CredentialTraits::UNSIGNED)),
            (Self::Expired, traits.contains(CredentialTraits::EXPIRED)),
            (
                Self::Unproven,
                lacks(CredentialTraits::BOUND_DPOP, CredentialTraits::PROOF),
            ),
            (
                Self::Uncertified,
                lacks(CredentialTraits::BOUND_MTLS, CredentialTraits::CERTIFICATE),
            ),
        ]
    }
}

impl Credentials {
    /// Whether an observation says anything that is kept here.
    pub(in crate::analysis) fn concern(observation: &Observation) -> bool {
        observation.credential.traits != CredentialTraits::default() || !observation.encrypted
    }

    pub(in crate::analysis) fn observe(&mut self, observation: &Observation) {
        let credential = observation.credential;
        if !observation.encrypted {
            self.clear = self.clear.saturating_add(1);
        }
        let traits = credential.traits;
        if traits.contains(CredentialTraits::JWT) {
            self.mark(credential.mark);
            self.lifetime_seconds = self.lifetime_seconds.max(credential.lifetime_seconds);
        }
        self.traits = self.traits.with(traits);
        let accepted =
            observation.proof == Proof::Accepted && matches!(observation.outcome().0, 200..=299);
        if !accepted {
            return;
        }
        for ((_, wrong), count) in Fault::of(traits).iter().zip(&mut self.accepted) {
            *count = count.saturating_add(u32::from(*wrong));
        }
    }

    /// How often a credential was accepted with this fault.
    pub(in crate::analysis) fn accepted(&self, fault: Fault) -> u32 {
        let counts = Fault::of(self.traits).into_iter().zip(self.accepted);
        let found = counts.filter(|((known, _), _)| *known == fault);
        found.map(|(_, count)| count).sum()
    }

    fn mark(&mut self, mark: u32) {
        if mark == self.last || mark == 0 {
            return;
        }
        self.last = mark;
        if self.marks.contains(&mark) {
            return;
        }
        match self.marks.iter_mut().find(|known| **known == 0) {
            Some(free) => *free = mark,
            None => self.more = self.more.saturating_add(1),
        }
    }

    pub(in crate::analysis) fn summary(&self) -> HygieneSummary {
        let known = self.marks.iter().filter(|mark| **mark != 0).count();
        let known = u8::try_from(known).unwrap_or(u8::MAX);
        let accepted = |fault| u64::from(self.accepted(fault));
        let has = |flag| self.traits.contains(flag);
        HygieneSummary {
            credentials: known.saturating_add(self.more),
            lifetime_seconds: self.lifetime_seconds,
            endless: has(CredentialTraits::ENDLESS),
            clear: u64::from(self.clear),
            expired: accepted(Fault::Expired),
            unsigned: accepted(Fault::Unsigned),
            unproven: accepted(Fault::Unproven),
            uncertified: accepted(Fault::Uncertified),
            bound: has(CredentialTraits::BOUND_DPOP) || has(CredentialTraits::BOUND_MTLS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::observation;
    use crate::observation::{Credential, Status};

    fn call(mark: u32, traits: CredentialTraits, status: u16) -> Observation {
        let mut call = observation(0, 1, 1);
        call.status = Status(status);
        call.credential = Credential {
            mark,
            lifetime_seconds: 3_600,
            traits: CredentialTraits::JWT.with(traits),
        };
        call
    }

    #[test]
    fn what_was_accepted_is_counted_and_what_was_refused_is_not() {
        let mut known = Credentials::default();
        for (traits, status) in [
            (CredentialTraits::EXPIRED, 200),
            (CredentialTraits::EXPIRED, 404),
            (CredentialTraits::UNSIGNED, 201),
            (CredentialTraits::BOUND_DPOP, 200),
            (
                CredentialTraits::BOUND_DPOP.with(CredentialTraits::PROOF),
                200,
            ),
        ] {
            known.observe(&call(1, traits, status));
        }
        let summary = known.summary();
        assert_eq!((summary.expired, summary.unsigned), (1, 1));
        assert_eq!((summary.unproven, summary.uncertified), (1, 0));
        assert_eq!((summary.clear, summary.credentials), (5, 1));
        assert!(summary.bound);
    }

    #[test]
    fn credentials_of_one_subject_are_told_apart_and_bounded() {
        let mut known = Credentials::default();
        for mark in [1, 2, 2, 1, 3] {
            known.observe(&call(mark, CredentialTraits::default(), 200));
        }
        assert_eq!(known.summary().credentials, 3);
        for mark in 1..2_000 {
            known.observe(&call(mark, CredentialTraits::default(), 200));
        }
        assert_eq!(known.summary().credentials, u8::MAX);
        assert!(size_of::<Credentials>() <= 88);
    }
}

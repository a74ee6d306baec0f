//! What is wrong with a mirror, and how to mend each: one check a fault that mirrors are known to have.
//!
//! Takes the numbers that [`Examiner`](crate::cleartext::examiner) and the engine's [`Tally`] sheet counted, and says what
//! they mean. Knows no packet. A finding names its evidence, what it does to the results, and the remedy.

mod checks;
mod text;

use crate::cleartext::capture::Drops;
use crate::cleartext::examiner::Facts;
use crate::clock::NANOS_PER_SECOND;
use crate::report::Damage;
use crate::tally::{Tallies, Tally};

pub use text::{json, text};

/// Everything that was counted.
#[derive(Debug)]
pub struct Evidence {
    /// Interface or file.
    pub source: String,
    /// Whether packets came from an interface.
    pub live: bool,
    /// What the packets say.
    pub facts: Facts,
    /// What the engine counted.
    pub tallies: Tallies,
    /// What the kernel and the card dropped.
    pub drops: Drops,
    /// Where a file is damaged.
    pub damage: Option<Damage>,
    /// How long was watched (live), in whole seconds.
    pub watched_seconds: u64,
}

impl Evidence {
    fn tally(&self, tally: Tally) -> u64 {
        self.tallies.total(tally)
    }

    /// Seconds between first and last packet.
    fn seconds(&self) -> u64 {
        let range = self.facts.first.zip(self.facts.last);
        range.map_or(0, |(first, last)| {
            last.nanos_since(first).div_ceil(NANOS_PER_SECOND)
        })
    }
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Looked at, and in order.
    Fine,
    /// Worth knowing; results are right all the same.
    Note,
    /// Results suffer.
    Fault,
}

impl Level {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Note => "note",
            Self::Fault => "FAULT",
        }
    }
}

/// The result of one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was looked at, a stable word for scripts.
    pub name: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was seen, in numbers.
    pub seen: String,
    /// What it does to the results; empty if nothing.
    pub effect: &'static str,
    /// How to mend it; empty if there is nothing to mend.
    pub remedy: &'static str,
}

/// All checks, in the order in which a person would make them.
pub fn examine(evidence: &Evidence) -> Vec<Check> {
    checks::ALL
        .iter()
        .filter_map(|check| check(evidence))
        .collect()
}

/// Whether any of them is a fault.
pub fn has_fault(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.level == Level::Fault)
}

#[cfg(test)]
mod tests;

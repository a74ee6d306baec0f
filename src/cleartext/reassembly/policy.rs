//! What hosts disagree on: whose bytes count where segments overlap, and whether urgent data is part of the stream.
//!
//! A tap hands bytes on as soon as they are in order, as a host does to its application: they cannot be taken back. So a
//! policy decides among segments that wait behind a hole, which is also where hosts differ. Read first: J. Novak,
//! "Target-Based TCP Stream Reassembly" (2007), table 3; RFC 6093 sections 2.2 and 3.1.

use serde::{Deserialize, Serialize};

/// Whose bytes count where two segments overlap with different content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// The copy captured first.
    #[default]
    First,
    /// The copy captured last.
    Last,
    /// The first, unless the second begins before it.
    Bsd,
    /// The first, unless the second begins before it, or with it and ends behind it.
    Linux,
    /// The first, unless the second begins before it and ends behind it.
    Windows,
    /// The last, unless the first begins before it and ends with or behind it.
    Solaris,
}

impl Overlap {
    /// Whether the second of two overlapping segments replaces the first in what they share. Both are positions: begin and
    /// end.
    pub(super) const fn second_wins(self, first: (u64, u64), second: (u64, u64)) -> bool {
        match self {
            Self::First => false,
            Self::Last => true,
            Self::Bsd => second.0 < first.0,
            Self::Linux => second.0 < first.0 || (second.0 == first.0 && second.1 > first.1),
            Self::Windows => second.0 < first.0 && second.1 > first.1,
            Self::Solaris => !(first.0 < second.0 && first.1 >= second.1),
        }
    }
}

/// What becomes of the byte a segment calls urgent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgent {
    /// It is a byte like any other (`SO_OOBINLINE`).
    #[default]
    Keep,
    /// It is taken out, as hosts do for programs that do not ask for it.
    Remove,
}

#[cfg(test)]
mod tests {
    use super::Overlap;

    #[test]
    fn policies_differ_as_the_hosts_they_are_named_after() {
        let first = (10, 20);
        // Begins before and ends within; begins with and ends behind; inside; begins within and ends behind; around.
        let seconds = [(5, 15), (10, 25), (12, 15), (15, 25), (5, 25)];
        for (policy, wins) in [
            (Overlap::First, [false, false, false, false, false]),
            (Overlap::Last, [true, true, true, true, true]),
            (Overlap::Bsd, [true, false, false, false, true]),
            (Overlap::Linux, [true, true, false, false, true]),
            (Overlap::Windows, [false, false, false, false, true]),
            (Overlap::Solaris, [true, true, false, true, true]),
        ] {
            let got = seconds.map(|second| policy.second_wins(first, second));
            assert_eq!(got, wins, "{policy:?}");
        }
    }
}

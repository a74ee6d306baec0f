//! The once-a-day families: a principal counts at most once a period in each cell, and in few cells.
//!
//! A table reports what it sees of a principal for the first time; the releaser, which knows from the ledger what was
//! counted before a restart, decides what is new. Signals are the token-local ones only (`flags`): through baselines or
//! alerts one token would move the flags of others.

use crate::observation::Category;

/// A family of cells in which a principal counts once a period.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OnceFamily {
    /// Distinct principals: one cell.
    Tokens,
    /// Distinct principals by signal, each in its first two.
    Anomalous,
    /// Distinct principals by category of sensitive values, each in its first two.
    Exposed,
}

impl OnceFamily {
    /// All, in the order in which their cells are laid out.
    pub const ALL: [Self; 3] = [Self::Tokens, Self::Anomalous, Self::Exposed];
    /// Cells of all families.
    pub const CELLS: usize = 1 + Signal::COUNT + Category::ALL.len();

    /// The family's cells, among those of all three.
    pub const fn cells(self) -> std::ops::Range<usize> {
        match self {
            Self::Tokens => 0..1,
            Self::Anomalous => 1..1 + Signal::COUNT,
            Self::Exposed => 1 + Signal::COUNT..Self::CELLS,
        }
    }

    /// In how many of its cells one principal counts at most.
    pub const fn cells_per_principal(self) -> u32 {
        match self {
            Self::Tokens => 1,
            Self::Anomalous | Self::Exposed => 2,
        }
    }

    const fn mask(self) -> u32 {
        let range = self.cells();
        (1 << range.end) - (1 << range.start)
    }
}

/// A signal that depends on nothing but a principal's own observations of the period and on public constants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "each is the signal of its name")]
pub enum Signal {
    Agent,
    AuthFailures,
    ConcurrentUse,
    DeniedObjects,
    Enumeration,
    FieldErrors,
    PathScan,
    PayloadRequest,
    PayloadResponse,
    SchemaViolation,
    SecretExposed,
    ShadowEndpoint,
    Volume,
}

impl Signal {
    /// How many there are.
    pub const COUNT: usize = 13;
    /// All, by name.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Agent,
        Self::AuthFailures,
        Self::ConcurrentUse,
        Self::DeniedObjects,
        Self::Enumeration,
        Self::FieldErrors,
        Self::PathScan,
        Self::PayloadRequest,
        Self::PayloadResponse,
        Self::SchemaViolation,
        Self::SecretExposed,
        Self::ShadowEndpoint,
        Self::Volume,
    ];

    /// The value of the label `signal`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::AuthFailures => "auth_failures",
            Self::ConcurrentUse => "concurrent_use",
            Self::DeniedObjects => "denied_objects",
            Self::Enumeration => "enumeration",
            Self::FieldErrors => "field_errors",
            Self::PathScan => "path_scan",
            Self::PayloadRequest => "payload_request",
            Self::PayloadResponse => "payload_response",
            Self::SchemaViolation => "schema_violation",
            Self::SecretExposed => "secret_exposed",
            Self::ShadowEndpoint => "shadow_endpoint",
            Self::Volume => "volume",
        }
    }
}

/// In which once-a-day cells a principal counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct OnceBits(pub u32);

impl OnceBits {
    /// Seen at all.
    pub const SEEN: Self = Self(1);

    /// With a signal.
    #[must_use]
    pub const fn with_signal(self, signal: Signal) -> Self {
        Self(self.0 | 1 << (1 + signal as usize))
    }

    /// With a category.
    #[must_use]
    pub const fn with_category(self, category: Category) -> Self {
        Self(self.0 | 1 << (1 + Signal::COUNT + category as usize))
    }

    /// Both together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What of `more` may be added: nothing twice, and of each family no more cells than one principal may have, the
    /// first by name.
    #[must_use]
    pub fn admit(self, more: Self) -> Self {
        let mut added = 0;
        for family in OnceFamily::ALL {
            let mask = family.mask();
            let mut room = family
                .cells_per_principal()
                .saturating_sub((self.0 & mask).count_ones());
            let mut fresh = more.0 & !self.0 & mask;
            while room > 0 && fresh != 0 {
                let lowest = fresh & fresh.wrapping_neg();
                added |= lowest;
                fresh ^= lowest;
                room -= 1;
            }
        }
        Self(added)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers of the cells.
    pub fn cells(self) -> impl Iterator<Item = usize> {
        (0..OnceFamily::CELLS).filter(move |cell| self.0 >> cell & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_all_there_and_signals_by_name() {
        let all: Vec<_> = OnceFamily::ALL.iter().flat_map(|f| f.cells()).collect();
        assert_eq!(all, (0..OnceFamily::CELLS).collect::<Vec<_>>());
        assert!(Signal::ALL.is_sorted_by_key(|signal| signal.name()));
        for (at, signal) in Signal::ALL.into_iter().enumerate() {
            assert_eq!(signal as usize, at);
            let bits = OnceBits::default().with_signal(signal);
            assert_eq!(bits.cells().collect::<Vec<_>>(), [1 + at]);
        }
    }

    #[test]
    fn a_principal_counts_in_two_cells_of_a_family_and_never_twice() {
        let first = OnceBits::SEEN
            .with_signal(Signal::Volume)
            .with_category(Category::Pii);
        let known = OnceBits::default().admit(first);
        assert_eq!(known, first);
        let more = OnceBits::SEEN
            .with_signal(Signal::Agent)
            .with_signal(Signal::PathScan)
            .with_signal(Signal::Volume)
            .with_category(Category::Secret)
            .with_category(Category::Pci);
        let added = known.admit(more);
        let expected = OnceBits::default()
            .with_signal(Signal::Agent)
            .with_category(Category::Secret);
        assert_eq!(added, expected);
        assert!(known.or(added).admit(more).is_empty());
    }
}

//! What is counted and how: everything by which released integers are read. A function of the configuration and of earlier
//! releases (learned endpoints), and therefore public.

use std::collections::{BTreeMap, BTreeSet};

use super::mechanism::blt::Blt;
use super::plan::{category, direction, line};
use crate::analysis::clip::{LATENCY_BOUNDS_US, OnceFamily, PartnerFamily, VolumeFamily};
use crate::analysis::country;
use crate::observation::{PublicTriple, Status};

/// A listed integration, as far as its counts are concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Partner {
    pub(crate) name: String,
    /// Without noise, by the operator's choice.
    pub(crate) exact: bool,
}

/// The cells of all families.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// The configured triples, sorted; `other`; then the places for learned ones, blank where there is none yet.
    pub(crate) triples: Vec<PublicTriple>,
    /// How many places there are.
    pub(crate) slots: usize,
    /// Listed integrations.
    pub(crate) partners: Vec<Partner>,
    /// Windows of a period.
    pub(crate) windows: u32,
    /// What one body of an integration counts at most, in units.
    pub(crate) body_units: u64,
}

impl Layout {
    /// The configured triples and `other`.
    pub(crate) fn configured(&self) -> &[PublicTriple] {
        let end = self.triples.len().saturating_sub(self.slots);
        self.triples.get(..end).unwrap_or_default()
    }

    /// The places for learned triples.
    pub(crate) fn learned(&self) -> &[PublicTriple] {
        let start = self.triples.len().saturating_sub(self.slots);
        self.triples.get(start..).unwrap_or_default()
    }

    /// The (endpoint, method) pairs of integrations: of the configured triples, whatever their service, each once.
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.configured().iter();
        let pairs: BTreeSet<_> = pairs.map(|t| (&*t.endpoint, &*t.method)).collect();
        pairs.into_iter().collect()
    }

    /// By configured triple, the number of its pair.
    pub(crate) fn pair_of_triple(&self) -> Vec<u32> {
        let pairs = self.pairs();
        let numbers: BTreeMap<_, u32> = pairs.iter().copied().zip(0..).collect();
        self.configured()
            .iter()
            .filter_map(|triple| numbers.get(&(&*triple.endpoint, &*triple.method)).copied())
            .collect()
    }

    /// Cells of the volume families.
    pub(crate) fn cells(&self) -> usize {
        VolumeFamily::ALL
            .iter()
            .map(|family| family.cells(self.triples.len()))
            .sum()
    }

    /// Cells of integrations.
    pub(crate) fn partner_cells(&self) -> usize {
        self.partners.len() * self.pairs().len() * PartnerFamily::CELLS
    }

    /// The cells of a volume family, among all.
    pub(crate) fn range(&self, family: VolumeFamily) -> std::ops::Range<usize> {
        let start: usize = VolumeFamily::ALL
            .iter()
            .take_while(|other| **other != family)
            .map(|other| other.cells(self.triples.len()))
            .sum();
        start..start + family.cells(self.triples.len())
    }

    /// Calls `each` with every volume cell that belongs to a place without a learned triple: nothing is released there.
    pub(crate) fn for_each_blank(&self, mut each: impl FnMut(usize)) {
        let first = self.configured().len();
        for family in VolumeFamily::ALL {
            let per_triple = family.per_triple();
            let start = self.range(family).start;
            for (at, triple) in self.learned().iter().enumerate() {
                if triple.is_blank() {
                    let cell = start + (first + at) * per_triple;
                    (cell..cell + per_triple).for_each(&mut each);
                }
            }
        }
    }

    /// The mechanism of the once-a-day families.
    pub(crate) fn once(&self) -> Blt {
        Blt::new(self.windows, 1)
    }

    /// The mechanism of a family of integrations.
    pub(crate) fn partner(&self, family: PartnerFamily) -> Blt {
        let cap = match family {
            PartnerFamily::Requests | PartnerFamily::Latency => 1,
            PartnerFamily::Bytes => self.body_units,
        };
        Blt::new(self.windows, cap)
    }

    /// By cell of integrations, whether it belongs to one whose numbers are exact.
    pub(crate) fn exact_cells(&self) -> Vec<bool> {
        let per_partner = self.pairs().len() * PartnerFamily::CELLS;
        let exact = self.partners.iter().map(|partner| partner.exact);
        exact
            .flat_map(|exact| std::iter::repeat_n(exact, per_partner))
            .collect()
    }

    /// Names every volume cell by its labels, in order, so that counters find their place in another layout; none for the
    /// cells of a blank place.
    pub(crate) fn cell_names(&self) -> Vec<Option<String>> {
        let mut names = Vec::new();
        for family in VolumeFamily::ALL {
            let kind = line(family).name();
            if family == VolumeFamily::Countries {
                let cells = 0..country::CELLS;
                names.extend(cells.map(|cell| Some(format!("{kind}\n{}", country::label(cell)))));
                continue;
            }
            for triple in &self.triples {
                let PublicTriple {
                    service,
                    endpoint,
                    method,
                } = triple;
                names.extend((0..family.per_triple()).map(|slot| {
                    let slot = slot_name(family, slot);
                    (!triple.is_blank())
                        .then(|| format!("{kind}\n{service}\n{endpoint}\n{method}\n{slot}"))
                }));
            }
        }
        names
    }

    /// Likewise every cell of integrations. Counters with and without noise are different counters.
    pub(crate) fn partner_names(&self) -> Vec<String> {
        let pairs = self.pairs();
        let mut names = Vec::new();
        for partner in &self.partners {
            for (endpoint, method) in &pairs {
                names.extend((0..PartnerFamily::CELLS).map(|cell| {
                    let (name, exact) = (&partner.name, partner.exact);
                    format!("integration\n{name}\n{exact}\n{endpoint}\n{method}\n{cell}")
                }));
            }
        }
        names
    }

    /// The name of a once-a-day cell.
    pub(crate) fn once_name(cell: usize) -> (OnceFamily, &'static str) {
        use crate::analysis::clip::Signal;
        use crate::observation::Category;
        for family in OnceFamily::ALL {
            let range = family.cells();
            if range.contains(&cell) {
                let at = cell - range.start;
                let name = match family {
                    OnceFamily::Tokens => "",
                    OnceFamily::Anomalous => Signal::ALL.get(at).map_or("", |s| s.name()),
                    OnceFamily::Exposed => Category::ALL.get(at).map_or("", |c| c.name()),
                };
                return (family, name);
            }
        }
        (OnceFamily::Tokens, "")
    }
}

/// The last part of a volume cell's name.
pub(crate) fn slot_name(family: VolumeFamily, slot: usize) -> String {
    match family {
        VolumeFamily::Requests => Status::CLASSES.get(slot).copied().unwrap_or("").to_owned(),
        VolumeFamily::Latency => LATENCY_BOUNDS_US
            .get(slot)
            .map_or_else(|| "inf".to_owned(), u64::to_string),
        VolumeFamily::Bytes => direction(slot).to_owned(),
        VolumeFamily::Sensitive => format!("{} {}", category(slot), direction(slot)),
        VolumeFamily::Countries => String::new(),
    }
}

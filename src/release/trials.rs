//! Whole simulated periods for auditors: from observations through the clip, the noise and the ledger to published values, by
//! the code that `hushtap run` uses. Every trial has fresh randomness from the operating system and a ledger of its own.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::budget::{Line, MicroRho, Split};
use super::layout::{Layout, slot_name};
use super::ledger::{Namespace, Opening, WindowRecord, rounded};
use super::plan::{Integration, Plan, PlanError, Settings, line, once_line};
use super::releaser::{ReleaseError, Releaser};
use crate::analysis::clip::{
    ClipTable, OnceBits, OnceFamily, PartnerFamily, VolumeFamily, WindowSums,
};
use crate::analysis::country;
use crate::analysis::window::{Schedule, Window};
use crate::fault::{Fault, planted};
use crate::observation::{Finding, Observation, PublicTriple};

/// Seconds of a simulated window. Any number does.
const WINDOW_SECONDS: u64 = 60;
/// The simulated period: any day.
const PERIOD: u64 = 20_000;

/// A number of equal observations in one window.
#[derive(Clone, Debug)]
pub struct Event {
    /// 1 to the number of windows.
    pub window: u32,
    /// One of them; its cell counts among the public triples of the trial.
    pub observation: Observation,
    /// What each holds.
    pub findings: Vec<Finding>,
    /// Signals that the principal shows with it.
    pub signals: OnceBits,
    /// How many.
    pub count: u32,
}

/// What is audited.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Windows of the period.
    pub windows: u32,
    /// Budgets that differ from the default split.
    pub rho: Vec<(Line, MicroRho)>,
    /// Squared L2 allowances that differ from the default.
    pub u2: Vec<(VolumeFamily, u64)>,
    /// Public triples, sorted, then `other`.
    pub triples: Vec<PublicTriple>,
    /// Names of integrations.
    pub integrations: Vec<String>,
    /// Which families are printed.
    pub families: Vec<Family>,
    /// The process restarts before this window.
    pub restart_before: Option<u32>,
}

/// A family of cells that is audited.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// Sums of clipped counts.
    Volume(VolumeFamily),
    /// Distinct principals.
    Once(OnceFamily),
    /// Named integrations, whose unit is one request.
    Partner(PartnerFamily),
}

impl Family {
    /// All of them: those of the crowd, then those of integrations.
    pub fn all() -> impl Iterator<Item = Self> {
        let crowd = VolumeFamily::ALL.into_iter().map(Self::Volume);
        let once = OnceFamily::ALL.into_iter().map(Self::Once);
        let partners = PartnerFamily::ALL.into_iter().map(Self::Partner);
        crowd.chain(once).chain(partners)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Volume(family) => line(family).name(),
            Self::Once(family) => once_line(family).name(),
            Self::Partner(PartnerFamily::Requests) => "integration_requests",
            Self::Partner(PartnerFamily::Latency) => "integration_latency",
            Self::Partner(PartnerFamily::Bytes) => "integration_bytes",
        }
    }

    /// Whether it is under the claim for principals.
    pub const fn is_of_the_crowd(self) -> bool {
        !matches!(self, Self::Partner(_))
    }

    /// Its line of the budget; none of integrations, which have budgets of their own.
    pub const fn line(self) -> Option<Line> {
        match self {
            Self::Volume(family) => Some(line(family)),
            Self::Once(family) => Some(once_line(family)),
            Self::Partner(_) => None,
        }
    }
}

/// Why trials cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// What was asked for cannot be released.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A window was not released.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Nothing could be written.
    #[error(transparent)]
    Output(#[from] std::io::Error),
}

/// Ready to run.
#[derive(Debug)]
pub struct Trials {
    setup: Setup,
    plan: Arc<Plan>,
}

impl Trials {
    /// Checks the setup.
    pub fn new(setup: Setup) -> Result<Self, TrialError> {
        let mut u2 = Settings::default().u2;
        for (family, allowance) in &setup.u2 {
            if let Some(slot) = u2.get_mut(*family as usize) {
                *slot = *allowance;
            }
        }
        let settings = Settings {
            u2,
            triples: setup.triples.clone(),
            max_series: usize::MAX,
            max_triples_per_principal: u32::MAX,
            integrations: setup
                .integrations
                .iter()
                .map(|name| Integration {
                    name: name.clone(),
                    ..Integration::default()
                })
                .collect(),
            ..Settings::default()
        };
        let schedule =
            Schedule::shrunken(WINDOW_SECONDS, setup.windows).ok_or(PlanError::Window)?;
        let mut split = Split::new(MicroRho::DEFAULT, 1_000_000).map_err(PlanError::from)?;
        for (line, rho) in &setup.rho {
            split = split.with(*line, *rho).map_err(PlanError::from)?;
        }
        let plan = Plan::with_schedule(&settings, schedule, split)?;
        Ok(Self {
            plan: Arc::new(plan),
            setup,
        })
    }

    /// The names of the columns.
    pub fn header(&self) -> Vec<String> {
        let mut names = Vec::new();
        for what in ["raw", "published"] {
            for window in 1..=self.setup.windows {
                for family in &self.setup.families {
                    let cells = self.cell_names(*family);
                    names.extend(cells.map(|cell| format!("{what}:{window}:{cell}")));
                }
            }
        }
        names
    }

    fn cell_names(&self, family: Family) -> impl Iterator<Item = String> {
        let layout = self.plan.layout();
        let mut names = Vec::new();
        let kind = family.name();
        match family {
            Family::Volume(VolumeFamily::Countries) => {
                let cells = 0..country::CELLS;
                names.extend(cells.map(|cell| format!("{kind}:{}", country::label(cell))));
            }
            Family::Volume(family) => {
                for triple in layout.configured() {
                    let PublicTriple {
                        service,
                        endpoint,
                        method,
                    } = triple;
                    let slots = 0..family.per_triple();
                    names.extend(slots.map(|slot| {
                        let slot = slot_name(family, slot).replace(' ', ":");
                        format!("{kind}:{service}:{method}:{endpoint}:{slot}")
                    }));
                }
            }
            Family::Once(family) => names.extend(family.cells().map(|cell| {
                let (_, name) = Layout::once_name(cell);
                format!("{kind}:{name}").trim_end_matches(':').to_owned()
            })),
            Family::Partner(family) => {
                for partner in &layout.partners {
                    for (endpoint, method) in layout.pairs() {
                        let name = &partner.name;
                        let first = family.cells().start;
                        names.extend(family.cells().map(|cell| {
                            format!("{kind}:{name}:{method}:{endpoint}:{}", cell - first)
                        }));
                    }
                }
            }
        }
        names.into_iter()
    }

    /// Runs one trial with a ledger under `dir`, which must be empty, and writes its line: raw values of all windows, then
    /// published values after each.
    pub fn run(&self, events: &[Event], dir: &Path, out: &mut dyn Write) -> Result<(), TrialError> {
        let (mut raw, published) = self.simulate(events, dir)?;
        if planted(Fault::ClockBackRestart) && self.setup.restart_before.is_some() {
            // The same windows released a second time, as if by the process that came back.
            let again = dir.join("again");
            std::fs::create_dir(&again)?;
            let (second, _) = self.simulate(events, &again)?;
            for (one, two) in raw.iter_mut().zip(second) {
                *one = one.mean(two);
            }
        }
        for (at, value) in raw.iter().chain(&published).enumerate() {
            if at > 0 {
                out.write_all(b"\t")?;
            }
            match value {
                Value::Whole(value) => write!(out, "{value}")?,
                Value::Grid(value) => write!(out, "{value}")?,
                Value::Absent => out.write_all(b"-")?,
            }
        }
        out.write_all(b"\n")?;
        Ok(())
    }

    /// One simulated period: its raw and its published values.
    fn simulate(
        &self,
        events: &[Event],
        dir: &Path,
    ) -> Result<(Vec<Value>, Vec<Value>), TrialError> {
        let clip = self.plan.clip();
        let opening = |init| Opening {
            namespace: Namespace::Live,
            init,
        };
        let (mut releaser, start) = Releaser::open(Arc::clone(&self.plan), dir, opening(true))?;
        let mut table = ClipTable::new(Arc::clone(&clip), start.high_water);
        let (mut raw, mut published) = (Vec::new(), Vec::new());
        let mut events = events.iter().peekable();
        for index in 1..=self.setup.windows {
            if self.setup.restart_before == Some(index) {
                drop(releaser);
                let (again, start) = Releaser::open(Arc::clone(&self.plan), dir, opening(false))?;
                releaser = again;
                table = ClipTable::new(Arc::clone(&clip), start.high_water);
            }
            while let Some(event) = events.next_if(|event| event.window <= index) {
                table.observe_equal(
                    &event.observation,
                    &event.findings,
                    event.signals,
                    event.count,
                );
            }
            let window = Window {
                period: PERIOD,
                index,
            };
            let sums: WindowSums = table.close_window(window);
            let outcome = releaser.release(window, &sums);
            if let Some(fault) = outcome.fault {
                return Err(fault.into());
            }
            self.collect((&releaser, &sums), &mut raw, &mut published);
        }
        Ok((raw, published))
    }

    /// What the last release says of the audited families.
    fn collect(
        &self,
        (releaser, sums): (&Releaser, &WindowSums),
        raw: &mut Vec<Value>,
        published: &mut Vec<Value>,
    ) {
        let layout = self.plan.layout();
        let release = releaser.current();
        let (Some(committed), Some(record)) = (release.committed(), releaser.last_record()) else {
            return;
        };
        let WindowRecord { released, .. } = record;
        let counters = &committed.counters;
        for family in &self.setup.families {
            match *family {
                Family::Volume(family) => {
                    let end = layout.configured().len() * family.per_triple();
                    let mut range = layout.range(family);
                    if family != VolumeFamily::Countries {
                        range.end = range.start + end;
                    }
                    let whole =
                        |values: &[i64]| values.get(range.clone()).unwrap_or_default().to_vec();
                    let values = whole(&released.volume).into_iter().zip(range.clone());
                    raw.extend(values.map(|(value, cell)| {
                        if planted(Fault::MissingWhenZero) && sums.cell(cell) == 0 {
                            return Value::Absent;
                        }
                        Value::Whole(value)
                    }));
                    published.extend(whole(&counters.published).into_iter().map(Value::Whole));
                }
                Family::Once(family) => {
                    let unit = layout.once().unit();
                    for cell in family.cells() {
                        raw.push(Value::on_grid(released.once.get(cell), unit));
                        let total = counters.once.get(cell).map(|series| rounded(series.total));
                        published.push(total.map_or(Value::Absent, Value::Whole));
                    }
                }
                Family::Partner(family) => {
                    let unit = layout.partner(family).unit();
                    for cell in 0..layout.partner_cells() {
                        if PartnerFamily::of(cell) != family {
                            continue;
                        }
                        raw.push(Value::on_grid(released.partners.get(cell), unit));
                        let count = counters.partners_published.get(cell);
                        published.push(count.map_or(Value::Absent, |count| Value::Whole(*count)));
                    }
                }
            }
        }
    }
}

/// A number of a trial.
#[derive(Clone, Copy, Debug)]
enum Value {
    Whole(i64),
    /// A released integer over the steps of its grid: exact, since these are a power of two.
    Grid(f64),
    Absent,
}

impl Value {
    #[allow(clippy::cast_precision_loss, reason = "for a planted fault only")]
    fn mean(self, other: Self) -> Self {
        let float = |value| match value {
            Self::Whole(value) => Some(value as f64),
            Self::Grid(value) => Some(value),
            Self::Absent => None,
        };
        float(self)
            .zip(float(other))
            .map_or(Self::Absent, |(one, two)| Self::Grid(one.midpoint(two)))
    }

    fn on_grid(released: Option<&i64>, unit: f64) -> Self {
        #[allow(
            clippy::cast_precision_loss,
            reason = "of 64 bits the noise fills the lowest"
        )]
        released.map_or(Self::Absent, |value| Self::Grid(*value as f64 / unit))
    }
}

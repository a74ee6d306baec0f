//! Door 2: clipped sums of a window go in, a [`Release`] comes out, once, and only after its charge is on disk.
//!
//! Every cell of every family gets its own noise in every window, empty or not. What is published of a window is a function
//! of the integers in the ledger alone, so a restart or a second run over a capture shows the same bytes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::budget::Line;
use super::ledger::{Committed, Ledger, LedgerError, Numbers, Opening, TagKey, WindowRecord};
use super::mechanism::{Noise, NoiseError, random_id};
use super::plan::{Plan, line, once_line};
use crate::analysis::clip::{OnceFamily, PartnerFamily, VolumeFamily, WindowSums};
use crate::analysis::window::Window;
use crate::fault::{Fault, planted};
use crate::observation::Candidate;
use correlated::Correlated;
pub use selection::DELTA_SELECTION;
use selection::{Threshold, select};

mod correlated;
mod selection;

/// What may leave: everything in it was released. There is no way to make one but from what the ledger has committed.
#[derive(Clone, Debug)]
pub struct Release {
    plan: Arc<Plan>,
    /// None: the ledger could not be read, so only what does not depend on traffic is shown.
    committed: Option<Arc<Committed>>,
    stale: bool,
}

/// Marks what the exporter may serve. Sealed: only this room says what that is.
pub trait Exportable: sealed::Sealed {
    /// The public text of it.
    fn render(&self, format: super::render::Format) -> Vec<u8>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Release {}
}

impl Exportable for Release {
    fn render(&self, format: super::render::Format) -> Vec<u8> {
        super::render::render(self, format)
    }
}

impl Release {
    fn new(plan: &Arc<Plan>, committed: Option<Arc<Committed>>, stale: bool) -> Arc<Self> {
        Arc::new(Self {
            plan: Arc::clone(plan),
            committed,
            stale,
        })
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The window released last.
    pub fn window(&self) -> Option<Window> {
        self.committed.as_ref().and_then(|state| state.released)
    }

    /// Whether new windows cannot be released.
    pub const fn is_stale(&self) -> bool {
        self.stale
    }

    pub(super) fn committed(&self) -> Option<&Committed> {
        self.committed.as_deref()
    }
}

/// Why a window was not released. What is served stays as it was, marked stale.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It was released before, or the process died while releasing it.
    #[error("window {} of period {} was released or spent before", .0.index, .0.period)]
    Spent(Window),
    /// The configuration differs from the one this period's budget was committed under.
    #[error(
        "the privacy configuration changed: it takes effect with the next period, until then nothing is released"
    )]
    ConfigChanged,
    /// The period's budget does not cover it.
    #[error("the privacy budget of this period is spent")]
    BudgetSpent,
    /// A sum and its noise do not fit an integer.
    #[error("a sum left the range of integers")]
    Range,
    /// There is no noise.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What the rest of the program must know from the ledger.
#[derive(Debug)]
pub struct StartInfo {
    /// The last window that may have been released. Clip tables start after it.
    pub high_water: Option<Window>,
    /// Why nothing will be released, if so. Say it to the operator.
    pub fault: Option<LedgerError>,
}

/// What became of a window.
#[derive(Debug)]
pub struct Outcome {
    /// What to serve from now on.
    pub release: Arc<Release>,
    /// Why the window was not released, if it was not. Say it to the operator.
    pub fault: Option<ReleaseError>,
}

/// Turns sums into releases. One a process; it owns the ledger and the noise.
#[derive(Debug)]
pub struct Releaser {
    plan: Arc<Plan>,
    ledger: Option<Ledger>,
    noise: Noise,
    /// Noise for the next window, by cell, drawn ahead of time.
    drawn: Option<Numbers>,
    /// What the mechanisms of correlated noise remember, and principals that wait to be counted.
    correlated: Correlated,
    /// The last window that the ledger knew at the start, and the first that came since: where ages count from.
    high_water: Option<Window>,
    session: Option<Window>,
    /// What was released last by this process.
    last: Option<WindowRecord>,
    current: Arc<Release>,
}

impl Releaser {
    /// Opens the ledger under `dir`. A ledger that cannot be used is no error here: the releaser then serves what does not
    /// depend on traffic, stale, and [`StartInfo::fault`] says why. The exception is a capture that was released under
    /// another configuration, which is a mistake to be put right.
    pub fn open(
        plan: Arc<Plan>,
        dir: &Path,
        opening: Opening,
    ) -> Result<(Self, StartInfo), ReleaseError> {
        let noise = Noise::from_os()?;
        let (ledger, fault) = match Ledger::open(dir, opening, &plan) {
            Ok(ledger) => (Some(ledger), None),
            Err(error @ LedgerError::OtherConfig { .. }) => return Err(error.into()),
            Err(error) => (None, Some(error)),
        };
        let start = StartInfo {
            high_water: ledger.as_ref().and_then(Ledger::high_water),
            fault,
        };
        let committed = ledger
            .as_ref()
            .map(|ledger| Arc::new(ledger.committed().clone()));
        let stale = committed.is_none();
        let releaser = Self {
            current: Release::new(&plan, committed, stale),
            plan,
            ledger,
            noise,
            drawn: None,
            correlated: Correlated::default(),
            high_water: start.high_water,
            session: None,
            last: None,
        };
        Ok((releaser, start))
    }

    /// What is served now: before the first release zeros, after a restart what was served before.
    pub fn current(&self) -> Arc<Release> {
        Arc::clone(&self.current)
    }

    /// Learned endpoints as they stand, by the candidates that count in them. A label that was learned by a build with other
    /// words is shown, and nothing counts in it any more.
    pub fn learned(&self) -> BTreeMap<Candidate, u32> {
        let Some(ledger) = &self.ledger else {
            return BTreeMap::new();
        };
        let mut committed = std::borrow::Cow::Borrowed(ledger.committed());
        if committed.config != self.plan.config() {
            let (config, layout) = (self.plan.config(), self.plan.layout());
            committed.to_mut().adopt(config, layout);
        }
        let first = committed.layout.configured().len();
        let places = committed.layout.learned().iter().enumerate();
        places
            .filter_map(|(at, triple)| {
                let service = self.plan.service_id(&triple.service)?;
                let candidate = Candidate::parse(service, &triple.method, &triple.endpoint)?;
                Some((candidate, u32::try_from(first + at).ok()?))
            })
            .collect()
    }

    /// The record of the window that this process released last.
    pub(super) const fn last_record(&self) -> Option<&WindowRecord> {
        self.last.as_ref()
    }

    /// Draws the noise of the next window. Optional: whoever calls it between windows keeps the draws off the release path.
    pub fn prepare(&mut self) -> Result<(), NoiseError> {
        if self.drawn.is_none() {
            self.drawn = Some(draw(&mut self.noise, &self.plan)?);
        }
        Ok(())
    }

    /// Releases a window, or serves it again if it is stored. Every window is to be passed, in order, with or without traffic.
    pub fn release(&mut self, window: Window, sums: &WindowSums) -> Outcome {
        let fault = self.try_release(window, sums).err();
        if fault.is_some() && !self.current.stale {
            self.current = Release::new(&self.plan, self.current.committed.clone(), true);
        }
        Outcome {
            release: self.current(),
            fault,
        }
    }

    fn try_release(&mut self, window: Window, sums: &WindowSums) -> Result<(), ReleaseError> {
        let session = *self.session.get_or_insert(window);
        let ledger = self.ledger.as_mut().ok_or(LedgerError::Failed)?;
        if ledger.recall(window)? {
            // What was released of it was encoded by another process.
            self.correlated = Correlated::default();
        } else {
            if ledger.high_water().is_some_and(|mark| window <= mark) {
                return Err(ReleaseError::Spent(window));
            }
            let committed = ledger.committed();
            let (key, mut charges) = due(committed, &self.plan, window)?;
            let age = self
                .plan
                .schedule()
                .age(window, Some(session), self.high_water);
            let selection = if is_selection(committed, &self.plan, window, age) {
                if let Some(charge) = charges.get_mut(Line::LabelSelection as usize) {
                    *charge = self.plan.split().part(Line::LabelSelection).micro();
                }
                let threshold = Threshold::of(&self.plan).map_err(|_| NoiseError::Range)?;
                let candidates = sums.candidates().iter();
                Some(select(&self.plan, threshold, candidates, &mut self.noise)?)
            } else {
                None
            };
            let noise = match self.drawn.take() {
                Some(drawn) => drawn,
                None => draw(&mut self.noise, &self.plan)?,
            };
            self.correlated.wait(window, sums);
            let step = self
                .correlated
                .step(&self.plan, committed, (window, key), (sums, &noise))
                .ok_or(ReleaseError::Range)?;
            let record = WindowRecord {
                window,
                config: self.plan.config(),
                charges,
                skipped: skipped(committed, &self.plan, window),
                segment: step.segment,
                key,
                tags: step.tags.clone(),
                released: Numbers {
                    volume: add(&self.plan, committed, sums, &noise.volume)
                        .ok_or(ReleaseError::Range)?,
                    once: step.once.clone(),
                    partners: step.partners.clone(),
                },
                selection,
            };
            ledger.commit(&record, &self.plan)?;
            self.correlated.commit(step);
            self.last = Some(record);
        }
        let committed = Arc::new(ledger.committed().clone());
        self.current = Release::new(&self.plan, Some(committed), false);
        Ok(())
    }
}

/// Whether `window` may be released at all, and with what: the key of its period's tags, and what it charges.
fn due(
    committed: &Committed,
    plan: &Plan,
    window: Window,
) -> Result<(TagKey, [u64; Line::COUNT]), ReleaseError> {
    let started = committed
        .released
        .is_some_and(|last| last.period == window.period);
    if started && committed.config != plan.config() {
        return Err(ReleaseError::ConfigChanged);
    }
    let spent = committed.spent_in(window.period);
    let mut charges = [0; Line::COUNT];
    let volume = VolumeFamily::ALL.map(line);
    for family in volume.into_iter().chain(OnceFamily::ALL.map(once_line)) {
        let limit = plan.split().part(family).micro();
        let (Some(charge), Some(spent)) =
            (charges.get_mut(family as usize), spent.get(family as usize))
        else {
            continue;
        };
        // The noise is scaled to a whole period, so the whole period's charge falls due with the first release.
        *charge = if *spent == 0 { limit } else { 0 };
        if spent.saturating_add(*charge) > limit {
            return Err(ReleaseError::BudgetSpent);
        }
    }
    let key = if started {
        committed.key
    } else {
        TagKey(random_id()?)
    };
    Ok((key, charges))
}

/// Whether the period's selection of learned endpoints falls on `window`: once, at its end; the very first of a ledger is made
/// early, so that who just started sees endpoints within minutes. It may find nothing, when few are awake; an early selection
/// every such day would then find nothing ever.
fn is_selection(committed: &Committed, plan: &Plan, window: Window, age: u64) -> bool {
    let is_last = window.index == plan.schedule().windows();
    plan.clip().is_selection(window, age)
        && committed.selected_in != Some(window.period)
        && (is_last || committed.selected_in.is_none())
}

/// Windows that will never be released, with those between the last and `window`.
fn skipped(committed: &Committed, plan: &Plan, window: Window) -> u64 {
    let between = committed
        .released
        .map_or(0, |last| plan.schedule().between(last, window));
    committed.skipped.saturating_add(between)
}

/// Fresh noise for every cell, from a fresh seed.
fn draw(noise: &mut Noise, plan: &Plan) -> Result<Numbers, NoiseError> {
    noise.reseed()?;
    if planted(Fault::NoisePerScrape) {
        return average(noise, plan);
    }
    draw_once(noise, plan)
}

/// What eight scrapers know together who are each served a draw of their own.
fn average(noise: &mut Noise, plan: &Plan) -> Result<Numbers, NoiseError> {
    let mut sum = draw_once(noise, plan)?;
    for _ in 1..8 {
        let more = draw_once(noise, plan)?;
        let pairs = [
            (&mut sum.volume, more.volume),
            (&mut sum.once, more.once),
            (&mut sum.partners, more.partners),
        ];
        for (sum, more) in pairs {
            sum.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        }
    }
    for values in [&mut sum.volume, &mut sum.once, &mut sum.partners] {
        for value in values.iter_mut() {
            *value /= 8;
        }
    }
    Ok(sum)
}

fn draw_once(noise: &mut Noise, plan: &Plan) -> Result<Numbers, NoiseError> {
    let layout = plan.layout();
    let mut drawn = Numbers::default();
    for family in VolumeFamily::ALL {
        let variance = plan.variance(family);
        for _ in layout.range(family) {
            drawn.volume.push(noise.gauss(variance)?);
        }
    }
    for family in OnceFamily::ALL {
        let variance = plan.once_variance(family);
        for _ in family.cells() {
            drawn.once.push(noise.gauss(variance)?);
        }
    }
    for (cell, exact) in layout.exact_cells().into_iter().enumerate() {
        let variance = plan.partner_variance(PartnerFamily::of(cell));
        let draw = if exact { 0 } else { noise.gauss(variance)? };
        drawn.partners.push(draw);
    }
    Ok(drawn)
}

/// Counts with noise, by cell. Of a place without a learned triple nothing is released.
fn add(plan: &Plan, committed: &Committed, sums: &WindowSums, noise: &[i64]) -> Option<Vec<i64>> {
    let mut released = noise
        .iter()
        .enumerate()
        .map(|(cell, noise)| i64::try_from(sums.cell(cell)).ok()?.checked_add(*noise))
        .collect::<Option<Vec<_>>>()?;
    let layout = if committed.config == plan.config() {
        &committed.layout
    } else {
        plan.layout()
    };
    layout.for_each_blank(|cell| {
        if let Some(value) = released.get_mut(cell) {
            *value = 0;
        }
    });
    Some(released)
}

#[cfg(test)]
mod tests;

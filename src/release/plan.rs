//! Everything public about the releases: cells, schedule, bounds, budget and the noise that follows from them.
//!
//! A [`Plan`] is made from configuration alone. It is checked as a whole: what cannot be released under the claim (too many
//! series, noise outside the exact sampler's range) refuses to start and is never clamped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::budget::{BudgetError, DELTA, Line, MicroRho, Split, Variance, epsilon};
use super::layout::{Layout, Partner};
use crate::analysis::clip::{
    ClipPlan, ClipPlanError, FlagLimits, LATENCY_BOUNDS_US, OnceFamily, PartnerFamily, PartnerPlan,
    VolumeFamily,
};
use crate::analysis::country;
use crate::analysis::window::{Schedule, Unit};
use crate::observation::{Category, PublicTriple, SHARDS, ServiceId};

/// What the operator chooses.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Whose presence is hidden (`privacy.unit`).
    pub unit: Unit,
    /// Length of a window in seconds: 10, 30, 60 or 300 (`privacy.window`).
    pub window_seconds: u32,
    /// Micro-rho of zCDP a period (`privacy.rho`).
    pub rho: u64,
    /// This sensor's share of the budget in millionths, where several may see the same principals (`privacy.share`).
    pub share_ppm: u32,
    /// Squared L2 allowance a principal has per window, by family in the order of [`VolumeFamily::ALL`]: requests, requests,
    /// KiB, requests, values. See [`Settings::bounds`].
    pub u2: [u64; VolumeFamily::COUNT],
    /// Ceiling on exported series (`privacy.max_series`).
    pub max_series: usize,
    /// Principals counted in a period; those beyond it stay uncounted until the next (`privacy.max_principals`).
    pub max_principals: usize,
    /// Public triples one principal may touch in a window; what exceeds it is not counted (`privacy.max_endpoints_per_principal`).
    pub max_triples_per_principal: u32,
    /// The public triples in the order that `PublicCell` counts in: sorted, then [`PublicTriple::other`].
    pub triples: Vec<PublicTriple>,
    /// Learned endpoints shown at most (`privacy.max_learned_endpoints`), as far as `max_series` leaves room.
    pub max_learned: usize,
    /// Windows after a start with no learned endpoint until the day's selection is made; none: at the end of the day
    /// (`privacy.bootstrap_window`).
    pub bootstrap_windows: Option<u32>,
    /// The secret under which a principal's proposals for labels are chosen: random, of this process.
    pub proposal_key: [u8; 32],
    /// Names of services, by id. What is learned bears them.
    pub services: Vec<String>,
    /// Thresholds of the public flags.
    pub flags: FlagLimits,
    /// Named integrations, in the order of the configuration.
    pub integrations: Vec<Integration>,
    /// What one body of an integration counts at most, in units of 16 KiB (`privacy.integration_body_limit`).
    pub body_units: u64,
    /// What `hushtap_build_info` says.
    pub build: BuildInfo,
}

/// A named integration, outside the claim for principals.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Integration {
    /// Its name.
    pub name: String,
    /// Labels of its series.
    pub tags: BTreeMap<String, String>,
    /// Cost units of a request, by `METHOD template`.
    pub costs: BTreeMap<String, f64>,
    /// Without noise.
    pub exact: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            unit: Unit::PrincipalDay,
            window_seconds: 60,
            rho: MicroRho::DEFAULT.micro(),
            share_ppm: 1_000_000,
            u2: Self::bounds(20, 60),
            max_series: 10_000,
            max_principals: 200_000,
            max_triples_per_principal: 256,
            triples: vec![PublicTriple::other()],
            max_learned: 0,
            proposal_key: [0; 32],
            services: vec!["default".to_owned()],
            bootstrap_windows: None,
            flags: FlagLimits::default(),
            integrations: Vec::new(),
            body_units: 64,
            build: BuildInfo::default(),
        }
    }
}

impl Settings {
    /// Contribution bounds from what a token sends in a busy minute, by public knowledge (a rate limit times its typical
    /// use): that many requests a minute in requests, latency, countries and sensitive values, and 4 KiB each in bytes.
    pub fn bounds(requests_per_minute: u32, window_seconds: u32) -> [u64; VolumeFamily::COUNT] {
        let requests = (u64::from(requests_per_minute) * u64::from(window_seconds))
            .div_ceil(60)
            .max(1);
        let square = requests.saturating_mul(requests);
        [square, square, square.saturating_mul(16), square, square]
    }
}

/// What was built, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildInfo {
    /// The version.
    pub version: String,
    /// The revision it was built from, `unknown` outside a checkout.
    pub revision: String,
    /// The compiler.
    pub rustc: String,
}

impl Default for BuildInfo {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: option_env!("HUSHTAP_REVISION")
                .unwrap_or("unknown")
                .to_owned(),
            rustc: option_env!("HUSHTAP_RUSTC").unwrap_or("unknown").to_owned(),
        }
    }
}

/// Why a plan cannot be. A configuration error: exit 78.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    /// A window length that is not on offer.
    #[error("privacy.window must be 10 s, 30 s, 60 s or 300 s")]
    Window,
    /// The triples are not sorted, repeat, lack `other`, or one is empty, too long or has a `*`.
    #[error(
        "public endpoints must be sorted, distinct, without `*`, at most 512 bytes, and end with `other`"
    )]
    Triples,
    /// The configuration alone exceeds the ceiling.
    #[error("the public endpoints make {series} series, more than privacy.max_series = {ceiling}")]
    Series {
        /// What there would be.
        series: usize,
        /// What there may be.
        ceiling: usize,
    },
    /// A budget is invalid.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A bound is invalid.
    #[error(transparent)]
    Clip(#[from] ClipPlanError),
}

/// The validated plan. Immutable; shared by the clip tables, the releaser and the renderer.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    unit: Unit,
    clip: Arc<ClipPlan>,
    split: Split,
    variances: [Variance; VolumeFamily::COUNT],
    once_variances: [Variance; OnceFamily::ALL.len()],
    partner_variances: [Variance; PartnerFamily::ALL.len()],
    layout: Arc<Layout>,
    integrations: Vec<Integration>,
    tags: Vec<String>,
    services: Vec<String>,
    max_principals: usize,
    build: BuildInfo,
    config: ConfigHash,
}

/// Identifies everything that the claim depends on. Shown as `hushtap_dp_info{config}`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ConfigHash(pub(super) [u8; 8]);

impl std::fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Plan {
    /// Checks the settings and derives the plan.
    pub fn new(settings: &Settings) -> Result<Self, PlanError> {
        let schedule =
            Schedule::new(settings.unit, settings.window_seconds).ok_or(PlanError::Window)?;
        let split = Split::new(MicroRho::new(settings.rho)?, settings.share_ppm)?;
        Self::with_schedule(settings, schedule, split)
    }

    /// Likewise for a shrunken period or an odd split, as audits need them.
    pub fn with_schedule(
        settings: &Settings,
        schedule: Schedule,
        split: Split,
    ) -> Result<Self, PlanError> {
        let triples = &settings.triples;
        let sorted = triples.split_last().is_some_and(|(last, rest)| {
            *last == PublicTriple::other()
                && rest.is_sorted_by(|a, b| a < b)
                && !rest.contains(last)
        });
        if !sorted || !triples.iter().all(admissible) {
            return Err(PlanError::Triples);
        }
        let layout = layout(settings, schedule)?;
        let clip = ClipPlan::new(
            schedule,
            layout.triples.len(),
            settings.u2,
            settings.max_principals.div_ceil(SHARDS),
            settings.max_triples_per_principal,
        )?
        .with_slots(u32::try_from(layout.slots).unwrap_or(u32::MAX))
        .with_flags(settings.flags)
        .with_selection(settings.proposal_key, settings.bootstrap_windows)
        .with_partners(PartnerPlan {
            pair_of_triple: layout.pair_of_triple(),
            pairs: u32::try_from(layout.pairs().len()).unwrap_or(u32::MAX),
            exact: layout.partners.iter().map(|p| p.exact).collect(),
            body_units: settings.body_units,
        });
        let mut variances = [Variance::new(1)?; VolumeFamily::COUNT];
        for (variance, family) in variances.iter_mut().zip(VolumeFamily::ALL) {
            let sensitivity2 = u128::from(clip.u2(family)) * u128::from(schedule.windows());
            *variance = Variance::for_sensitivity(sensitivity2, split.part(line(family)))?;
        }
        let mut once_variances = [Variance::new(1)?; OnceFamily::ALL.len()];
        for (variance, family) in once_variances.iter_mut().zip(OnceFamily::ALL) {
            let rho = split.part(once_line(family));
            *variance = layout.once().variance(family.cells_per_principal(), rho)?;
        }
        let mut partner_variances = [Variance::new(1)?; PartnerFamily::ALL.len()];
        for (variance, family) in partner_variances.iter_mut().zip(PartnerFamily::ALL) {
            let blt = layout.partner(family);
            *variance = blt.variance(family.cells_per_request(), partner_rho(family)?)?;
        }
        let tags: BTreeSet<&String> = settings
            .integrations
            .iter()
            .flat_map(|integration| integration.tags.keys())
            .collect();
        let mut plan = Self {
            unit: settings.unit,
            clip: Arc::new(clip),
            split,
            variances,
            once_variances,
            partner_variances,
            layout: Arc::new(layout),
            integrations: settings.integrations.clone(),
            tags: tags.into_iter().cloned().collect(),
            services: settings.services.clone(),
            max_principals: settings.max_principals,
            build: settings.build.clone(),
            config: ConfigHash([0; 8]),
        };
        plan.config = plan.hash();
        Ok(plan)
    }

    /// Series that a number of triples makes, with everything that is there without any.
    pub const fn series(triples: usize) -> usize {
        /// `hushtap_dp_*`, `hushtap_build_info`, countries and the period's distinct principals.
        const FIXED: usize = country::CELLS
            + 2 * Line::COUNT
            + (VolumeFamily::COUNT + OnceFamily::ALL.len())
            + 6
            + OnceFamily::CELLS;
        triples
            .saturating_mul(SERIES_PER_TRIPLE)
            .saturating_add(FIXED)
    }

    /// Whose presence is hidden.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// The windows.
    pub fn schedule(&self) -> Schedule {
        self.clip.schedule()
    }

    /// The clip's parameters, for the tables of all shards.
    pub fn clip(&self) -> Arc<ClipPlan> {
        Arc::clone(&self.clip)
    }

    /// The budget.
    pub const fn split(&self) -> &Split {
        &self.split
    }

    /// Epsilon at [`DELTA`] that the budget of a period implies.
    pub fn epsilon(&self) -> f64 {
        epsilon(self.split.total(), DELTA)
    }

    /// The variance of the noise on every cell of a family in every window.
    pub fn variance(&self, family: VolumeFamily) -> Variance {
        let [first, ..] = self.variances;
        self.variances
            .get(family as usize)
            .copied()
            .unwrap_or(first)
    }

    /// The variance on the grid of a once-a-day family.
    pub fn once_variance(&self, family: OnceFamily) -> Variance {
        let [first, ..] = self.once_variances;
        let of = self.once_variances.get(family as usize);
        of.copied().unwrap_or(first)
    }

    /// The variance on the grid of a family of integrations.
    pub fn partner_variance(&self, family: PartnerFamily) -> Variance {
        let [first, ..] = self.partner_variances;
        let of = self.partner_variances.get(family as usize);
        of.copied().unwrap_or(first)
    }

    /// The configured triples, `other` last.
    pub fn triples(&self) -> &[PublicTriple] {
        self.layout.configured()
    }

    /// All cells.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Named integrations.
    pub fn integrations(&self) -> &[Integration] {
        &self.integrations
    }

    /// Names of tags of integrations, each a label of all their series.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Principals counted in a period.
    pub(super) const fn max_principals(&self) -> usize {
        self.max_principals
    }

    /// The name of a service.
    pub(super) fn service(&self, id: ServiceId) -> &str {
        let name = self.services.get(usize::from(id.0));
        name.map_or("default", |name| name)
    }

    /// The service of that name.
    pub(super) fn service_id(&self, name: &str) -> Option<ServiceId> {
        let at = self.services.iter().position(|known| known == name)?;
        u16::try_from(at).ok().map(ServiceId)
    }

    /// What was built.
    pub const fn build(&self) -> &BuildInfo {
        &self.build
    }

    /// Identifies everything the claim depends on.
    pub const fn config(&self) -> ConfigHash {
        self.config
    }

    /// Hashes what the claim depends on, each part with its length in front so that no two plans share a text.
    fn hash(&self) -> ConfigHash {
        let mut hasher = blake3::Hasher::new();
        let mut number = |value: u64| {
            hasher.update(&value.to_le_bytes());
        };
        number(super::ledger::SCHEMA.into());
        number(self.unit.seconds());
        number(self.schedule().window_seconds());
        number(self.schedule().windows().into());
        for family in VolumeFamily::ALL {
            number(self.clip.u2(family));
        }
        for part in Line::all() {
            number(self.split.part(part).micro());
        }
        LATENCY_BOUNDS_US.into_iter().for_each(&mut number);
        number(self.layout.slots as u64);
        number(self.layout.body_units);
        let partners = self.layout.partners.iter();
        partners.for_each(|partner| number(u64::from(partner.exact)));
        let labels = self.layout.triples.iter();
        let labels = labels.flat_map(|t| [&t.service, &t.endpoint, &t.method]);
        let names = self.layout.partners.iter().map(|partner| &partner.name);
        for label in labels.chain(names) {
            hasher.update(&(label.len() as u64).to_le_bytes());
            hasher.update(label.as_bytes());
        }
        let mut short = [0; 8];
        for (to, from) in short.iter_mut().zip(hasher.finalize().as_bytes()) {
            *to = *from;
        }
        ConfigHash(short)
    }
}

/// Series of one public triple: requests twice, 12 buckets with sum and count, bytes twice, 8 kinds of sensitive values.
const SERIES_PER_TRIPLE: usize = 6 + 6 + 14 + 2 + 8;
/// Series of one endpoint of one integration: requests, 12 buckets with sum and count, bytes.
const SERIES_PER_PARTNER_PAIR: usize = 6 + 14 + 1;

/// The cells of the settings, with as many places for learned endpoints as the ceiling on series leaves.
fn layout(settings: &Settings, schedule: Schedule) -> Result<Layout, PlanError> {
    let mut layout = Layout {
        triples: settings.triples.clone(),
        slots: 0,
        partners: settings
            .integrations
            .iter()
            .map(|integration| Partner {
                name: integration.name.clone(),
                exact: integration.exact,
            })
            .collect(),
        windows: schedule.windows(),
        body_units: settings.body_units,
    };
    let pairs = layout.pairs().len().saturating_mul(SERIES_PER_PARTNER_PAIR);
    let partners = layout
        .partners
        .len()
        .saturating_mul(pairs.saturating_add(1));
    let series = Plan::series(layout.triples.len()).saturating_add(partners);
    let Some(room) = settings.max_series.checked_sub(series) else {
        return Err(PlanError::Series {
            series,
            ceiling: settings.max_series,
        });
    };
    layout.slots = settings.max_learned.min(room / SERIES_PER_TRIPLE);
    let blanks = std::iter::repeat_with(PublicTriple::blank).take(layout.slots);
    layout.triples.extend(blanks);
    Ok(layout)
}

/// Whether a triple's labels may be shown.
fn admissible(triple: &PublicTriple) -> bool {
    const MAX_LABEL: usize = 512;
    [&triple.service, &triple.endpoint, &triple.method]
        .into_iter()
        .all(|label| (1..=MAX_LABEL).contains(&label.len()) && !label.contains('*'))
}

/// Triples as `PublicCell` counts them.
#[cfg(test)]
pub(super) fn in_order(mut triples: Vec<PublicTriple>) -> Vec<PublicTriple> {
    triples.sort_unstable();
    triples.dedup();
    triples.push(PublicTriple::other());
    triples
}

/// The budget line of a family.
pub(super) const fn line(family: VolumeFamily) -> Line {
    match family {
        VolumeFamily::Requests => Line::Requests,
        VolumeFamily::Latency => Line::Latency,
        VolumeFamily::Bytes => Line::Bytes,
        VolumeFamily::Countries => Line::Countries,
        VolumeFamily::Sensitive => Line::SensitiveValues,
    }
}

/// The budget line of a once-a-day family.
pub(super) const fn once_line(family: OnceFamily) -> Line {
    match family {
        OnceFamily::Tokens => Line::TokensToday,
        OnceFamily::Anomalous => Line::TokensAnomalousToday,
        OnceFamily::Exposed => Line::TokensExposedToday,
    }
}

/// What one request of a named integration costs in a family: a budget of its own, for requests and not for principals.
fn partner_rho(family: PartnerFamily) -> Result<MicroRho, BudgetError> {
    MicroRho::new(match family {
        PartnerFamily::Requests | PartnerFamily::Latency => 50_000,
        PartnerFamily::Bytes => 25_000,
    })
}

/// The direction of a cell of the bytes or sensitive values families.
pub(super) const fn direction(slot: usize) -> &'static str {
    if slot.is_multiple_of(2) {
        "request"
    } else {
        "response"
    }
}

/// The category of a cell of the sensitive values family.
pub(super) fn category(slot: usize) -> &'static str {
    Category::ALL.get(slot / 2).map_or("", |kind| kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triple(service: &str, template: &str) -> PublicTriple {
        PublicTriple {
            service: service.to_owned(),
            endpoint: template.to_owned(),
            method: "GET".to_owned(),
        }
    }

    fn settings(triples: Vec<PublicTriple>) -> Settings {
        Settings {
            triples,
            ..Settings::default()
        }
    }

    #[test]
    fn default_noise_is_the_documented_one() {
        let plan = Plan::new(&Settings::default()).unwrap();
        // u = 20 requests a window: 20 * sqrt(1440 / (2 * 0.25)) = 1073.3
        let sd = plan.variance(VolumeFamily::Requests).stddev();
        assert!((sd - 1_073.3).abs() < 0.1, "{sd}");
        assert!((plan.epsilon() - 5.22).abs() < 0.021);
    }

    #[test]
    fn triples_must_be_in_order() {
        let good = in_order(vec![
            triple("b", "/x"),
            triple("a", "/y"),
            triple("b", "/x"),
        ]);
        assert_eq!(good.len(), 3);
        assert!(Plan::new(&settings(good.clone())).is_ok());
        let mut swapped = good.clone();
        swapped.swap(0, 1);
        let mut headless = good.clone();
        headless.pop();
        let star = in_order(vec![triple("a", "/*")]);
        for bad in [swapped, headless, star, Vec::new()] {
            assert_eq!(Plan::new(&settings(bad)), Err(PlanError::Triples));
        }
    }

    #[test]
    fn the_ceiling_counts_what_is_rendered() {
        let many = (0..300).map(|n| triple("a", &format!("/{n}"))).collect();
        let found = Plan::new(&settings(in_order(many)));
        assert!(matches!(
            found,
            Err(PlanError::Series {
                ceiling: 10_000,
                ..
            })
        ));
    }

    #[test]
    fn every_parameter_of_the_claim_moves_the_hash() {
        let base = Settings::default();
        let hash = |settings: &Settings| Plan::new(settings).unwrap().config();
        let mut others = vec![base.clone(); 6];
        others[0].rho = 250_000;
        others[1].window_seconds = 30;
        others[2].u2[3] += 1;
        others[3].unit = Unit::PrincipalHour;
        others[4].share_ppm = 500_000;
        others[5].triples = in_order(vec![triple("a", "/x")]);
        for other in &others {
            assert_ne!(hash(&base), hash(other));
        }
        let mut rebuilt = base.clone();
        rebuilt.build.revision = "abc".to_owned();
        assert_eq!(hash(&base), hash(&rebuilt));
    }

    #[test]
    fn cell_names_are_distinct_and_complete() {
        let triples = in_order(vec![triple("a", "/x"), triple("b", "/x")]);
        let plan = Plan::new(&settings(triples)).unwrap();
        let mut names = plan.layout().cell_names();
        assert_eq!(names.len(), plan.clip().cells());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), plan.clip().cells());
    }
}

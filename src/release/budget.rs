//! The privacy budget in integers: micro-rho of zero-concentrated differential privacy (zCDP).
//!
//! Read first: Bun and Steinke, "Concentrated Differential Privacy" (TCC 2016), for zCDP and its additive composition, and
//! Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (NeurIPS 2020), Theorem 4 (noise of
//! variance `s2` on integers of squared L2 sensitivity `d2` is `d2 / (2 s2)`-zCDP) and Proposition 12 (conversion to epsilon).
//!
//! Families add up, because one principal may saturate all of them. Everything that is charged is rounded up, everything
//! that is handed out is rounded down, so that no rounding ever spends what was not booked.

/// A millionth of a unit of zCDP's rho. Never zero: a mechanism with no budget must not run at all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MicroRho(u64);

/// Why a budget cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BudgetError {
    /// Zero or beyond [`MicroRho::MAX`].
    #[error("rho must be at least 0.000001 and at most 100")]
    Rho,
    /// A sensor's part of a shared budget must be in (0, 1].
    #[error("a sensor's share must be more than 0 and at most 1")]
    Share,
    /// The families of the split would sum to more than the whole.
    #[error("the families' budgets add up to more than the budget of the period")]
    Overspent,
    /// The noise would leave the range in which the sampler is exact.
    #[error(
        "the noise variance would be outside 1 to 2^56: lower the contribution bound or raise rho"
    )]
    Variance,
}

impl MicroRho {
    /// Rho 100: far beyond anything that deserves to be called private.
    pub const MAX: u64 = 100_000_000;
    /// Rho 0.5 a period, the default.
    pub const DEFAULT: Self = Self(500_000);

    /// From millionths.
    pub const fn new(micro: u64) -> Result<Self, BudgetError> {
        if micro == 0 || micro > Self::MAX {
            return Err(BudgetError::Rho);
        }
        Ok(Self(micro))
    }

    /// In millionths.
    pub const fn micro(self) -> u64 {
        self.0
    }

    /// As the exact decimal, such as `0.5`.
    pub fn decimal(self) -> String {
        decimal(self.0)
    }
}

/// Micro-rho as a decimal number without trailing zeros.
pub(crate) fn decimal(micro: u64) -> String {
    let text = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a period's budget is spent on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "each is the family of metrics of its name")]
pub enum Line {
    Requests,
    Latency,
    Bytes,
    Countries,
    SensitiveValues,
    TokensToday,
    TokensAnomalousToday,
    TokensExposedToday,
    LabelSelection,
    Reserve,
}

impl Line {
    /// How many lines there are.
    pub const COUNT: usize = 10;
    /// All, in the order of the documentation's table, with their parts of [`MicroRho::DEFAULT`].
    const TABLE: [(Self, &'static str, u64); Self::COUNT] = [
        (Self::Requests, "requests", 250_000),
        (Self::Latency, "latency", 100_000),
        (Self::Bytes, "bytes", 20_000),
        (Self::Countries, "countries", 20_000),
        (Self::SensitiveValues, "sensitive_values", 15_000),
        (Self::TokensToday, "tokens_today", 25_000),
        (Self::TokensAnomalousToday, "tokens_anomalous_today", 25_000),
        (Self::TokensExposedToday, "tokens_exposed_today", 20_000),
        (Self::LabelSelection, "label_selection", 20_000),
        (Self::Reserve, "reserve", 5_000),
    ];

    /// All lines, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.into_iter().map(|(line, _, _)| line)
    }

    /// The value of the `family` label.
    pub fn name(self) -> &'static str {
        Self::TABLE
            .get(self as usize)
            .map_or("", |(_, name, _)| name)
    }
}

/// How the budget of a period is split. The parts never exceed the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split {
    total: MicroRho,
    parts: [MicroRho; Line::COUNT],
}

impl Split {
    /// The documented split, in proportion, of this sensor's share of `total`. `share_ppm` is in millionths: sensors that may
    /// see the same principals must have shares that add up to at most one million.
    pub fn new(total: MicroRho, share_ppm: u32) -> Result<Self, BudgetError> {
        if share_ppm == 0 || share_ppm > 1_000_000 {
            return Err(BudgetError::Share);
        }
        let own = MicroRho::new(total.0 * u64::from(share_ppm) / 1_000_000)?;
        let mut parts = [own; Line::COUNT];
        for (part, (_, _, of_default)) in parts.iter_mut().zip(Line::TABLE) {
            *part = MicroRho::new(of_default * own.0 / MicroRho::DEFAULT.0)?;
        }
        Self { total: own, parts }.checked()
    }

    /// The same split with another budget for one line; the whole grows or shrinks with it. For audits of one family.
    pub fn with(self, line: Line, rho: MicroRho) -> Result<Self, BudgetError> {
        let mut parts = self.parts;
        if let Some(part) = parts.get_mut(line as usize) {
            *part = rho;
        }
        let total = MicroRho::new(parts.iter().map(|part| part.0).sum())?;
        Self { total, parts }.checked()
    }

    /// The whole.
    pub const fn total(&self) -> MicroRho {
        self.total
    }

    /// The part of one line.
    pub fn part(&self, line: Line) -> MicroRho {
        self.parts
            .get(line as usize)
            .copied()
            .unwrap_or(MicroRho(1))
    }

    fn checked(self) -> Result<Self, BudgetError> {
        let sum = self.parts.iter().map(|part| part.0).sum::<u64>();
        if sum > self.total.0 {
            return Err(BudgetError::Overspent);
        }
        Ok(self)
    }
}

/// The variance of discrete Gaussian noise, 1 to 2^56: the range in which the sampler's integers cannot overflow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Variance(u64);

impl Variance {
    /// The largest variance the sampler takes.
    pub const MAX: u64 = 1 << 56;

    /// A checked variance.
    pub const fn new(s2: u64) -> Result<Self, BudgetError> {
        if s2 == 0 || s2 > Self::MAX {
            return Err(BudgetError::Variance);
        }
        Ok(Self(s2))
    }

    /// The variance that makes integers of squared L2 sensitivity `sensitivity2` cost `rho`: rounded up, never clamped.
    pub fn for_sensitivity(sensitivity2: u128, rho: MicroRho) -> Result<Self, BudgetError> {
        let s2 = sensitivity2
            .checked_mul(1_000_000)
            .ok_or(BudgetError::Variance)?
            .div_ceil(u128::from(rho.0) * 2);
        Self::new(u64::try_from(s2).map_err(|_| BudgetError::Variance)?)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The standard deviation, for people.
    #[allow(
        clippy::cast_precision_loss,
        reason = "shown, never computed with; exact to 2^53"
    )]
    pub fn stddev(self) -> f64 {
        libm::sqrt(self.0 as f64)
    }
}

/// The delta at which [`epsilon`] is stated.
pub const DELTA: f64 = 1e-6;

/// The epsilon for which `rho`-zCDP implies (epsilon, delta)-differential privacy, rounded up to two decimals.
///
/// Canonne, Kamath and Steinke, Proposition 12: the minimum over `a > 1` of
/// `a rho + ln(1/(a delta)) / (a - 1) + ln(1 - 1/a)`. Any `a` gives a valid bound; a finite search loses at most a decimal.
pub fn epsilon(rho: MicroRho, delta: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "at most 10^8")]
    let rho = rho.0 as f64 / 1e6;
    let bound = |step: u32| {
        let a = 1.0 + libm::exp(f64::from(step) / 400.0 - 5.0);
        a * rho + libm::log(1.0 / (a * delta)) / (a - 1.0) + libm::log1p(-1.0 / a)
    };
    let best = (0..8_000).map(bound).fold(f64::INFINITY, f64::min);
    libm::ceil(best.max(0.0) * 100.0) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_split_is_the_documented_one() {
        let split = Split::new(MicroRho::DEFAULT, 1_000_000).unwrap();
        let parts: Vec<_> = Line::all().map(|line| split.part(line).micro()).collect();
        assert_eq!(
            parts,
            [
                250_000, 100_000, 20_000, 20_000, 15_000, 25_000, 25_000, 20_000, 20_000, 5_000
            ]
        );
        assert_eq!(parts.iter().sum::<u64>(), split.total().micro());
    }

    #[test]
    fn a_share_never_rounds_up() {
        for share in [1_000, 333_333, 999_999] {
            let split = Split::new(MicroRho::DEFAULT, share).unwrap();
            assert!(split.total().micro() <= 500_000 * u64::from(share) / 1_000_000);
        }
        assert_eq!(Split::new(MicroRho::DEFAULT, 0), Err(BudgetError::Share));
        assert_eq!(
            Split::new(MicroRho::DEFAULT, 1_000_001),
            Err(BudgetError::Share)
        );
        assert_eq!(Split::new(MicroRho::DEFAULT, 10), Err(BudgetError::Rho));
    }

    #[test]
    fn epsilon_agrees_with_the_published_table() {
        let table = [
            (50_000, 1.47),
            (125_000, 2.42),
            (250_000, 3.54),
            (500_000, 5.22),
            (1_000_000, 7.77),
            (2_000_000, 11.7),
        ];
        for (micro, expected) in table {
            let found = epsilon(MicroRho::new(micro).unwrap(), DELTA);
            assert!(
                (found - expected).abs() <= 0.051,
                "{micro}: {found}, not {expected}"
            );
        }
    }

    #[test]
    fn variance_is_rounded_up_and_never_clamped() {
        let rho = MicroRho::new(250_000).unwrap();
        // 400 * 1440 / (2 * 0.25)
        assert_eq!(
            Variance::for_sensitivity(400 * 1_440, rho).unwrap().get(),
            1_152_000
        );
        let third = MicroRho::new(300_000).unwrap();
        assert_eq!(Variance::for_sensitivity(1, third).unwrap().get(), 2);
        assert_eq!(
            Variance::for_sensitivity(1 << 60, rho),
            Err(BudgetError::Variance)
        );
        assert_eq!(
            Variance::for_sensitivity(u128::MAX, rho),
            Err(BudgetError::Variance)
        );
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(MicroRho::DEFAULT.decimal(), "0.5");
        assert_eq!(decimal(1_000_000), "1");
        assert_eq!(decimal(15_000), "0.015");
        assert_eq!(decimal(0), "0");
    }
}

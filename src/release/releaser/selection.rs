//! The selection of learned endpoints: of what principals propose, that which enough of them do.
//!
//! Read first: Korolova, Kenthapadi, Mishra and Ntoulas, "Releasing Search Queries and Clicks Privately" (WWW 2009), for
//! thresholds on counts of distinct users; Wilson et al., "Differentially Private SQL with Bounded User Contribution" (PETS
//! 2020), for the bound on how many a user is counted in.
//!
//! A principal is in at most [`PER_PRINCIPAL`] counts, once in each. A candidate is kept if its count with discrete Gaussian
//! noise reaches the threshold that one which a single principal proposes reaches with probability delta / 3 at most.

use crate::observation::{Candidate, PublicTriple};
use crate::release::budget::{BudgetError, Line, Variance};
use crate::release::mechanism::{Noise, NoiseError};
use crate::release::plan::Plan;

/// Candidates of one principal.
const PER_PRINCIPAL: u32 = 3;
/// The probability, a period, that something only one principal proposed is shown.
pub const DELTA_SELECTION: f64 = 1e-6;

/// The noise and threshold of a selection.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Threshold {
    pub(crate) variance: Variance,
    pub(crate) tau: i64,
}

impl Threshold {
    /// For a plan's budget.
    pub(crate) fn of(plan: &Plan) -> Result<Self, BudgetError> {
        let rho = plan.split().part(Line::LabelSelection);
        let variance = Variance::for_sensitivity(PER_PRINCIPAL.into(), rho)?;
        let z = upper_quantile(DELTA_SELECTION / f64::from(PER_PRINCIPAL));
        #[allow(clippy::cast_possible_truncation, reason = "at most 2^31 or so")]
        let reach = libm::ceil(variance.stddev() * z) as i64;
        Ok(Self {
            variance,
            tau: reach.saturating_add(2),
        })
    }
}

/// Candidates that are kept, by their noisy counts, the largest first. Noise is drawn for those that somebody proposes: one
/// that nobody does is never kept.
pub(super) fn select<'a>(
    plan: &Plan,
    threshold: Threshold,
    candidates: impl Iterator<Item = (&'a Candidate, &'a u64)>,
    noise: &mut Noise,
) -> Result<Vec<PublicTriple>, NoiseError> {
    let mut kept = Vec::new();
    for (candidate, count) in candidates {
        let count = i64::try_from(*count).map_err(|_| NoiseError::Range)?;
        let noisy = count
            .checked_add(noise.gauss(threshold.variance)?)
            .ok_or(NoiseError::Range)?;
        if count < 1 || noisy < threshold.tau {
            continue;
        }
        let triple = PublicTriple {
            service: plan.service(candidate.service).to_owned(),
            endpoint: candidate.endpoint(),
            method: candidate.method.name().to_owned(),
        };
        kept.push((std::cmp::Reverse(noisy), triple));
    }
    kept.sort_unstable();
    kept.dedup_by(|one, other| one.1 == other.1);
    Ok(kept.into_iter().map(|(_, triple)| triple).collect())
}

/// Where the standard normal distribution has `tail` above it.
fn upper_quantile(tail: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 40.0);
    for _ in 0..100 {
        let middle = low.midpoint(high);
        if 0.5 * libm::erfc(middle / core::f64::consts::SQRT_2) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::ServiceId;
    use crate::release::plan::Settings;

    fn plan() -> Plan {
        Plan::new(&Settings {
            max_learned: 5,
            ..Settings::default()
        })
        .unwrap()
    }

    #[test]
    fn the_documented_sizes_are_selected() {
        let threshold = Threshold::of(&plan()).unwrap();
        // rho 0.02, three candidates: half of those with 44 principals are kept, 95 % of those with 58.
        let kept = |size: u64| {
            let mut noise = Noise::from_os().unwrap();
            let candidate = Candidate::parse(ServiceId(0), "GET", "/users/{int}").unwrap();
            let of = [(&candidate, &size)];
            (0..2_000)
                .filter(|_| {
                    let found = select(&plan(), threshold, of.into_iter(), &mut noise).unwrap();
                    !found.is_empty()
                })
                .count()
        };
        assert_eq!(kept(1), 0);
        assert!((700..1_300).contains(&kept(45)), "{}", kept(45));
        assert!(kept(60) > 1_850, "{}", kept(60));
    }

    #[test]
    fn quantiles_are_those_of_the_normal_distribution() {
        for (tail, z) in [(0.5, 0.0), (0.025, 1.959_964), (1e-6, 4.753_424)] {
            assert!((upper_quantile(tail) - z).abs() < 1e-4);
        }
    }

    #[test]
    fn larger_ones_come_first() {
        let plan = plan();
        let parse = |path| Candidate::parse(ServiceId(0), "GET", path).unwrap();
        let (few, many) = (parse("/users"), parse("/orders/{uuid}"));
        let mut noise = Noise::from_os().unwrap();
        let threshold = Threshold::of(&plan).unwrap();
        let counts = [(few, 500), (many, 5_000)];
        let counts = counts.iter().map(|(c, n)| (c, n));
        let found = select(&plan, threshold, counts, &mut noise).unwrap();
        let endpoints: Vec<_> = found.iter().map(|t| &*t.endpoint).collect();
        assert_eq!(endpoints, ["/orders/{uuid}", "/users"]);
        assert!(
            found
                .iter()
                .all(|t| t.service == "default" && t.method == "GET")
        );
    }
}

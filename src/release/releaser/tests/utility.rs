//! Whether the numbers are as good as `hushtap privacy plan` says they will be: a simulated day of 300 tokens that send 100
//! requests a second together, half of each token's on one endpoint.

use rand_distr::{Distribution, Poisson};

use super::*;
use crate::analysis::clip::{ClipTable, OnceBits};
use crate::analysis::tests::observation;
use crate::analysis::window::Unit;
use crate::observation::{Observation, PublicCell};
use crate::release::outlook::{Outlook, Traffic};

const TOKENS: u32 = 300;
/// Endpoints; the first has half of all requests.
const ENDPOINTS: u32 = 10;
const WINDOWS: u32 = 1_440;

/// A plan for that traffic, with the bound that its outlook advises.
fn advised_plan(traffic: Traffic) -> Arc<Plan> {
    let names: Vec<_> = (0..ENDPOINTS).map(|n| format!("/{n}")).collect();
    let mut settings = Settings {
        triples: in_order(names.iter().map(|name| triple(name)).collect()),
        unit: Unit::PrincipalDay,
        ..Settings::default()
    };
    let plan = Plan::new(&settings).unwrap();
    let advised = Outlook::new(&plan, traffic).advised_requests_per_minute();
    settings.u2 = Settings::bounds(advised, 60);
    Arc::new(Plan::new(&settings).unwrap())
}

#[test]
fn hourly_rates_are_as_good_as_planned() {
    let traffic = Traffic {
        tokens: TOKENS,
        per_minute: 20.0,
        on_endpoint: 0.5,
    };
    let plan = advised_plan(traffic);
    let outlook = Outlook::new(&plan, traffic);
    let dir = tempfile::tempdir().unwrap();
    let (mut releaser, _) = open(dir.path(), &plan, LIVE);
    let mut table = ClipTable::new(plan.clip(), None);
    let mut rng = rand::rng();
    let rates = [10.0, 10.0 / f64::from(ENDPOINTS - 1)].map(|rate| Poisson::new(rate).unwrap());
    let classes = 6;
    let cells = usize::try_from(ENDPOINTS).unwrap() * classes;
    let (mut truth, mut shown) = (vec![0.0; cells], vec![0.0; cells]);
    let mut before = 0;
    let (mut hour_true, mut rate_errors, mut noise_square, mut samples) =
        (0.0, Vec::new(), 0.0, 0.0);
    for index in 1..=WINDOWS {
        for token in 0..TOKENS {
            for endpoint in 0..ENDPOINTS {
                let rate = rates[usize::from(endpoint > 0)];
                let count: f64 = rate.sample(&mut rng);
                let seen = Observation {
                    cell: PublicCell(endpoint),
                    ..observation(0, 0, token.into())
                };
                if count > 0.0 {
                    #[allow(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "small"
                    )]
                    table.observe_equal(&seen, &[], OnceBits::default(), count as u32);
                }
                truth[usize::try_from(endpoint).unwrap() * classes + 1] += count;
                hour_true += if endpoint == 0 { count } else { 0.0 };
            }
        }
        let at = window(9, index);
        let outcome = releaser.release(at, &table.close_window(at));
        assert!(outcome.fault.is_none());
        let counters = &outcome.release.committed().unwrap().counters;
        for (sum, value) in shown.iter_mut().zip(&counters.window) {
            *sum += *value as f64;
        }
        if index % 60 == 0 {
            let now = counters.published[1];
            rate_errors.push(((now - before) as f64 / hour_true - 1.0).abs());
            (before, hour_true) = (now, 0.0);
            // Endpoints that nobody is clipped on much, and classes that nobody sees: noise alone.
            for (cell, (shown, truth)) in shown.iter_mut().zip(&mut truth).enumerate() {
                if cell % classes != 1 {
                    noise_square += (*shown - *truth).powi(2);
                    samples += 1.0;
                }
                (*shown, *truth) = (0.0, 0.0);
            }
        }
    }
    rate_errors.sort_unstable_by(f64::total_cmp);
    let median = rate_errors[rate_errors.len() / 2];
    assert!(median <= 0.05, "median error of the hourly rate: {median}");
    let measured = f64::sqrt(noise_square / samples);
    let planned = outlook.volume(VolumeFamily::Requests, 3_600);
    assert!(
        (measured / planned - 1.0).abs() < 0.1,
        "{measured} of {planned}"
    );
    let relative = planned / outlook.requests(3_600);
    // Half of all errors are below 0.674 standard deviations; of 24 hours the median has a standard error of a quarter.
    assert!(median < 2.0 * 0.674 * relative, "{median} of {relative}");
}

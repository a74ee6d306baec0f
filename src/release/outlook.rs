//! What a plan means for the numbers that people will see: the error of every family over a range, before anything is run.

use super::mechanism::blt::Blt;
use super::plan::Plan;
use crate::analysis::clip::{BODY_UNIT, OnceFamily, PartnerFamily, VolumeFamily};

/// What is said of the traffic.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Traffic {
    /// Active principals.
    pub tokens: u32,
    /// Requests a minute of one of them.
    pub per_minute: f64,
    /// Part of them on the endpoint that is looked at.
    pub on_endpoint: f64,
}

/// A plan with the traffic it is for.
#[derive(Clone, Copy, Debug)]
pub struct Outlook<'a> {
    plan: &'a Plan,
    traffic: Traffic,
}

impl<'a> Outlook<'a> {
    /// Of a plan.
    pub const fn new(plan: &'a Plan, traffic: Traffic) -> Self {
        Self { plan, traffic }
    }

    /// The plan.
    pub const fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// Standard deviation of the increase of a volume series over a range: independent noise adds up by squares.
    pub fn volume(&self, family: VolumeFamily, seconds: u64) -> f64 {
        self.plan.variance(family).stddev() * libm::sqrt(self.windows(seconds))
    }

    /// Standard deviation of a once-a-day count, so long after the start of the period.
    pub fn once(&self, family: OnceFamily, seconds: u64) -> f64 {
        let blt = self.plan.layout().once();
        blt.stddev(self.plan.once_variance(family), self.whole_windows(seconds))
    }

    /// Standard deviation of the increase of an integration's series over a range within a period; bytes in KiB.
    pub fn partner(&self, family: PartnerFamily, seconds: u64) -> f64 {
        let blt: Blt = self.plan.layout().partner(family);
        let variance = self.plan.partner_variance(family);
        let period = self.plan.schedule().windows();
        let count = blt.range_stddev(variance, period, self.whole_windows(seconds));
        #[allow(clippy::cast_precision_loss, reason = "16")]
        match family {
            PartnerFamily::Requests | PartnerFamily::Latency => count,
            PartnerFamily::Bytes => count * (BODY_UNIT / 1_024) as f64,
        }
    }

    /// Requests of all principals on the endpoint over a range.
    #[allow(clippy::cast_precision_loss, reason = "seconds of a few days")]
    pub fn requests(&self, seconds: u64) -> f64 {
        self.per_second() * seconds as f64
    }

    /// The part of a principal's requests that the clip leaves on average: the squared norm of its counts in a window (Poisson,
    /// the rest of them on one other endpoint) against the allowance, which is saved over a period.
    pub fn kept(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "at most 2^60, an estimate")]
        let allowance = self.plan.clip().u2(VolumeFamily::Requests) as f64;
        libm::sqrt(allowance / self.square()).min(1.0)
    }

    /// `privacy.requests_per_minute` with which such principals are just not clipped.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, saturates"
    )]
    pub fn advised_requests_per_minute(&self) -> u32 {
        let per_window = libm::sqrt(self.square());
        libm::ceil(per_window * 60.0 / self.window_seconds()).max(1.0) as u32
    }

    /// The range in seconds over which the noise in requests of the endpoint is `part` of them.
    pub fn range_for(&self, part: f64) -> f64 {
        let noise = self.plan.variance(VolumeFamily::Requests).stddev();
        let per_window = self.per_second() * self.window_seconds();
        let windows = noise / (part * per_window);
        windows * windows * self.window_seconds()
    }

    fn per_second(&self) -> f64 {
        let Traffic {
            tokens,
            per_minute,
            on_endpoint,
        } = self.traffic;
        f64::from(tokens) * per_minute / 60.0 * on_endpoint
    }

    /// Mean squared norm of one principal's counts in a window.
    fn square(&self) -> f64 {
        let rate = self.traffic.per_minute * self.window_seconds() / 60.0;
        let here = self.traffic.on_endpoint;
        let there = 1.0 - here;
        rate * rate * (here * here + there * there) + rate
    }

    #[allow(clippy::cast_precision_loss, reason = "300 at most")]
    fn window_seconds(&self) -> f64 {
        self.plan.schedule().window_seconds() as f64
    }

    #[allow(clippy::cast_precision_loss, reason = "seconds of a few days")]
    fn windows(&self, seconds: u64) -> f64 {
        (seconds as f64 / self.window_seconds()).max(1.0)
    }

    /// Whole windows of one period.
    fn whole_windows(&self, seconds: u64) -> u32 {
        let windows = seconds.div_ceil(self.plan.schedule().window_seconds());
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        windows.clamp(1, self.plan.schedule().windows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::plan::Settings;

    #[test]
    fn the_documented_table_comes_out() {
        let settings = Settings {
            u2: Settings::bounds(10, 60),
            ..Settings::default()
        };
        let plan = Plan::new(&settings).unwrap();
        // Documentation: uniform tokens, rho 0.25, one endpoint: sqrt(86400 / R) / (sqrt(2 rho) n).
        for (tokens, seconds, expected) in
            [(300, 3_600, 0.023), (1_000, 900, 0.014), (100, 60, 0.54)]
        {
            let traffic = Traffic {
                tokens,
                per_minute: 10.0,
                on_endpoint: 1.0,
            };
            let outlook = Outlook::new(&plan, traffic);
            let found = outlook.volume(VolumeFamily::Requests, seconds) / outlook.requests(seconds);
            assert!((found / expected - 1.0).abs() < 0.03, "{tokens}: {found}");
        }
        let outlook = Outlook::new(
            &plan,
            Traffic {
                tokens: 300,
                per_minute: 10.0,
                on_endpoint: 1.0,
            },
        );
        assert!((outlook.range_for(0.1) - 192.0).abs() < 2.0);
        for (family, expected) in [
            (OnceFamily::Tokens, 15.0),
            (OnceFamily::Anomalous, 21.0),
            (OnceFamily::Exposed, 24.0),
        ] {
            let found = outlook.once(family, 86_400);
            assert!((found / expected - 1.0).abs() < 0.03, "{family:?}: {found}");
        }
    }
}

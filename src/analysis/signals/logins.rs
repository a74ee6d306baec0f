//! `auth_failures`: one source tries the passwords of many accounts.
//!
//! What tells it from an office full of people is not failing but giving up: people try again until they are in. Accounts
//! tried and given up within an hour are held against a beta-binomial of the population. Many passwords for one account are
//! told by their number.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "short hashes and small counts"
)]

use super::crowd::CrowdSums;
use super::objects::negative_binomial_surprise;
use super::refusals::beta_binomial_surprise;
use super::{Scene, evidence};
use crate::analysis::alert::Signal;
use crate::analysis::book::Finding;
use crate::analysis::short::Exact;

/// Accounts told apart in an hour; more are as good as these.
const MAX_ACCOUNTS: usize = 124;
/// The bit of an account that somebody logged in to.
const CAME_IN: u16 = 1;
/// Seconds after which an hour begins anew.
const SPAN_SECONDS: u32 = 3_600;
/// Failures of a source in an hour that are usual, beyond those of people who got in at last.
const USUAL_GUESSES: f64 = 3.0;
/// How many accounts the population's rate is worth.
const WEIGHT: f64 = 25.0;

/// The accounts that one source tried to log in to.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct LoginHabit {
    /// Short hashes (15 bits), and in the lowest bit whether it came in.
    accounts: Exact<u16>,
    since: u32,
    failed: u32,
    most: u32,
}

impl LoginHabit {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize = Exact::<u16>::most_bytes(MAX_ACCOUNTS);

    /// Looks at an attempt to log in.
    pub(in crate::analysis) fn observe(
        &mut self,
        scene: &Scene<'_>,
        sums: &mut CrowdSums,
    ) -> Option<Finding> {
        let account = scene.observation.account?.0 as u16 & !CAME_IN;
        let status = scene.observation.outcome().0;
        let failed = matches!(status, 400 | 401 | 403 | 422 | 429);
        if !failed && !(200..400).contains(&status) {
            return None;
        }
        let now = scene.seconds();
        if now.saturating_sub(self.since) > SPAN_SECONDS {
            self.close(sums);
            self.since = now;
        }
        self.failed += u32::from(failed);
        let room = self.accounts.len() < MAX_ACCOUNTS;
        let came_in = if failed { 0 } else { CAME_IN };
        let mut accounts = self.accounts.iter_mut();
        match accounts.find(|known| **known & !CAME_IN == account) {
            Some(known) => *known |= came_in,
            None if room => self.accounts.push(account | came_in),
            None => {}
        }
        let given_up = self.given_up();
        let thresholds = scene.thresholds;
        if !failed || !scene.warm {
            return None;
        }
        let rate = scene.crowd.given_up_rate.clamp(0.02, 0.8);
        let tried = self.accounts.len() as u32;
        let prior = (rate * WEIGHT, (1.0 - rate) * WEIGHT);
        let stuffing = if given_up < thresholds.accounts_min {
            0.0
        } else {
            beta_binomial_surprise(given_up, tried, prior)
        };
        // Many passwords for few accounts: more failures than those who got in may have made.
        let in_at_last = tried.saturating_sub(given_up);
        let guesses = self.failed.saturating_sub(2 * in_at_last);
        let guessing = negative_binomial_surprise(f64::from(guesses), USUAL_GUESSES);
        let surprise = stuffing.max(guessing);
        if surprise < -libm::log(thresholds.accounts_p) {
            return None;
        }
        Some(Finding {
            evidence: vec![
                evidence("observed_accounts", f64::from(given_up)),
                evidence("tried_accounts", f64::from(tried)),
                evidence("failed_logins", f64::from(self.failed)),
                evidence("usual_percent", libm::round(rate * 1e3) / 10.0),
                evidence("most_ever_accounts", f64::from(self.most)),
                evidence("window_seconds", f64::from(SPAN_SECONDS)),
            ],
            ..scene.finding(Signal::AuthFailures, surprise, u64::from(SPAN_SECONDS))
        })
    }

    fn given_up(&self) -> u32 {
        let given_up = self.accounts.iter().filter(|known| *known & CAME_IN == 0);
        given_up.count() as u32
    }

    fn close(&mut self, sums: &mut CrowdSums) {
        let given_up = self.given_up();
        self.most = self.most.max(given_up.min(4));
        // Sources that only fail are no measure of people.
        if self.accounts.iter().any(|known| known & CAME_IN != 0) {
            sums.accounts.0 += self.accounts.len() as u32;
            sums.accounts.1 += given_up.min(4);
        }
        self.accounts.clear();
        self.failed = 0;
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.accounts.heap()
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut habit = Self::default();
        (0..MAX_ACCOUNTS).for_each(|account| habit.accounts.push(account as u16));
        habit
    }
}

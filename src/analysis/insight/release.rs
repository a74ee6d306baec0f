//! Releases compared: requests, errors and latency by release, of clients as of servers.

use std::collections::BTreeMap;

use super::Call;
use super::view::ReleaseSummary;
use crate::analysis::histogram::LogHistogram;
use crate::analysis::principal::quantiles;
use crate::clock::EventTime;
use crate::observation::{Status, TextId};

/// Releases told apart in one shard; the one with the fewest calls makes room.
const MAX_RELEASES: usize = 24;

/// Sums by release.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Releases(Vec<(TextId, Sums)>);

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Sums {
    requests: u64,
    errors: [u64; 2],
    latency: LogHistogram,
    first: EventTime,
    last: EventTime,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            requests: 0,
            errors: [0; 2],
            latency: LogHistogram::default(),
            first: EventTime::from_nanos(u64::MAX),
            last: EventTime::ZERO,
        }
    }
}

impl Releases {
    /// Counts a call by or to that release, if there is one.
    pub(super) fn count(&mut self, release: TextId, call: Call<'_>) {
        if !release.is_some() {
            return;
        }
        let observation = call.seen.observation;
        let Some(sums) = self.sums(release) else {
            return;
        };
        sums.requests += 1;
        let Status(status) = observation.outcome();
        let [client, server] = &mut sums.errors;
        *client += u64::from((400..500).contains(&status));
        *server += u64::from((500..600).contains(&status));
        if let Some(micros) = observation.duration_us {
            sums.latency.add(micros);
        }
        sums.first = sums.first.min(observation.end);
        sums.last = sums.last.max(observation.end);
    }

    fn sums(&mut self, release: TextId) -> Option<&mut Sums> {
        let at = self.0.iter().position(|(known, _)| *known == release);
        let at = match at {
            Some(at) => at,
            None if self.0.len() < MAX_RELEASES => {
                self.0.push((release, Sums::default()));
                self.0.len() - 1
            }
            None => {
                let places = self.0.iter_mut().enumerate();
                let (at, fewest) = places.min_by_key(|(_, (id, sums))| (sums.requests, *id))?;
                *fewest = (release, Sums::default());
                at
            }
        };
        self.0.get_mut(at).map(|(_, sums)| sums)
    }
}

/// The releases of all shards.
#[derive(Clone, Debug, Default)]
pub(super) struct AllReleases(BTreeMap<TextId, Sums>);

impl AllReleases {
    pub(super) fn add(&mut self, shard: &Releases) {
        for (release, sums) in &shard.0 {
            let all = self.0.entry(*release).or_default();
            all.requests += sums.requests;
            for (sum, more) in all.errors.iter_mut().zip(sums.errors) {
                *sum += more;
            }
            all.latency.merge(&sums.latency);
            all.first = all.first.min(sums.first);
            all.last = all.last.max(sums.last);
        }
    }

    /// In the order of ids.
    pub(super) fn summaries(&self) -> Vec<ReleaseSummary> {
        self.0
            .iter()
            .map(|(&release, sums)| {
                let [client_errors, server_errors] = sums.errors;
                ReleaseSummary {
                    release,
                    requests: sums.requests,
                    client_errors,
                    server_errors,
                    latency: quantiles(&sums.latency),
                    first: sums.first,
                    last: sums.last,
                }
            })
            .collect()
    }
}

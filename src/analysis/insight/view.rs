//! What the ledgers of all shards come to: the analytics part of a summary. Ids only, in orders that do not depend on arrival.

use std::collections::BTreeMap;

use super::history::History;
use super::partner::Partners;
use super::profile::Profile;
use super::release::AllReleases;
use super::{Heartbeat, Ledger, Throttle};
use crate::analysis::summary::Quantiles;
use crate::clock::EventTime;
use crate::observation::{Country, EndpointId, IntegrationId, PrincipalKey, TextId, TypeId};

pub use super::profile::WINDOWS;

/// Tokens named for one endpoint as its heaviest users.
const HEAVIEST: usize = 5;

/// Analytics at one moment.
#[derive(Clone, Debug, Default)]
pub struct Insights {
    /// Named integrations that were seen, in the order of the configuration.
    pub partners: Vec<PartnerSummary>,
    /// Releases of clients, in the order of ids.
    pub clients: Vec<ReleaseSummary>,
    /// Releases of servers, in the order of ids.
    pub servers: Vec<ReleaseSummary>,
    /// Peaks of the busiest tokens, by endpoint.
    pub peaks: Vec<Peaks>,
    /// Who drives the load, by endpoint.
    pub heaviest: Vec<Heaviest>,
    /// Tokens that peaks and loads are known of.
    pub profiles: u64,
    /// Minutes and hours; empty where none are kept.
    pub history: History,
}

/// One endpoint's share of what somebody did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Load {
    /// Which.
    pub endpoint: EndpointId,
    /// Calls.
    pub calls: u64,
    /// Of these 4xx and 5xx.
    pub errors: u64,
    /// Sum of latencies in microseconds.
    pub latency_us: u64,
    /// Bytes of bodies, both ways.
    pub bytes: u64,
}

impl Load {
    pub(super) const fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.latency_us += other.latency_us;
        self.bytes += other.bytes;
    }
}

/// Sensitive values of one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sensitive {
    /// Its type.
    pub kind: TypeId,
    /// In requests.
    pub sent: u64,
    /// In responses.
    pub received: u64,
}

/// What is known of one of the busiest tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileSummary {
    /// Calls by hour of the week.
    pub heartbeat: Box<Heartbeat>,
    /// Endpoints, busiest first.
    pub loads: Vec<Load>,
    /// Sensitive values by type.
    pub sensitive: Vec<Sensitive>,
    /// Limits on its requests.
    pub throttle: Throttle,
    /// The integration it belongs to.
    pub integration: Option<IntegrationId>,
}

/// Facts about the credentials of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HygieneSummary {
    /// Distinct credentials that stood for it, at most 255; of JSON Web Tokens.
    pub credentials: u8,
    /// The longest time from issue to expiry in seconds; 0 if none says.
    pub lifetime_seconds: u32,
    /// Whether one never expires.
    pub endless: bool,
    /// Calls in clear text.
    pub clear: u64,
    /// Calls answered with success, though expired.
    pub expired: u64,
    /// Calls answered with success, though not signed.
    pub unsigned: u64,
    /// Calls answered with success without the `DPoP` proof that the credential demands.
    pub unproven: u64,
    /// Calls answered with success where the certificate that the credential is bound to was not seen.
    pub uncertified: u64,
    /// Whether a credential is bound to a key or certificate of its holder.
    pub bound: bool,
}

/// One integration, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartnerSummary {
    /// Which.
    pub integration: IntegrationId,
    /// Transactions.
    pub requests: u64,
    /// By status class.
    pub by_class: [u64; 6],
    /// Distinct tokens.
    pub tokens: u64,
    /// Latency.
    pub latency: Quantiles,
    /// Sum of request body bytes.
    pub request_bytes: u64,
    /// Sum of response body bytes.
    pub response_bytes: u64,
    /// Endpoints, busiest first.
    pub loads: Vec<Load>,
    /// Countries, busiest first.
    pub countries: Vec<(Country, u64)>,
    /// Agents, busiest first, at most 8.
    pub agents: Vec<(TextId, u64)>,
    /// Releases, busiest first, at most 8.
    pub releases: Vec<(TextId, u64)>,
    /// Calls by hour of the week.
    pub heartbeat: Box<Heartbeat>,
    /// Sensitive values by type.
    pub sensitive: Vec<Sensitive>,
    /// Limits on its requests.
    pub throttle: Throttle,
    /// First seen.
    pub first: EventTime,
    /// Last seen.
    pub last: EventTime,
}

/// One release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReleaseSummary {
    /// Which.
    pub release: TextId,
    /// Transactions.
    pub requests: u64,
    /// Of these 4xx.
    pub client_errors: u64,
    /// Of these 5xx.
    pub server_errors: u64,
    /// Latency.
    pub latency: Quantiles,
    /// First seen.
    pub first: EventTime,
    /// Last seen.
    pub last: EventTime,
}

/// The most that each token ever called an endpoint, in each of [`WINDOWS`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peaks {
    /// Where.
    pub endpoint: EndpointId,
    /// One number a token, ascending, by window.
    pub by_window: [Vec<u32>; 3],
}

/// What a limit on requests would do, by the peaks so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advised {
    /// The length of the window in seconds.
    pub seconds: u32,
    /// Tokens that were seen at the endpoint.
    pub tokens: u64,
    /// Median of their peaks.
    pub p50: u32,
    /// 90th percentile.
    pub p90: u32,
    /// 99th percentile.
    pub p99: u32,
    /// The most.
    pub max: u32,
    /// A limit that leaves twice the 99th percentile alone, rounded up to one or two digits.
    pub limit: u32,
    /// Tokens that it would touch.
    pub touched: u64,
}

impl Peaks {
    /// Percentiles and a limit for each window; none where nobody called.
    pub fn advice(&self) -> impl Iterator<Item = Advised> {
        let windows = WINDOWS.iter().zip(&self.by_window);
        windows.filter_map(|(minutes, peaks)| {
            let max = *peaks.last()?;
            let p99 = percentile(peaks, 99);
            let limit = rounded(p99.saturating_mul(2));
            Some(Advised {
                seconds: minutes * 60,
                tokens: peaks.len() as u64,
                p50: percentile(peaks, 50),
                p90: percentile(peaks, 90),
                p99,
                max,
                limit,
                touched: above(peaks, limit),
            })
        })
    }

    /// Tokens that a limit of so many calls in the window of that number would touch.
    pub fn touched(&self, window: usize, limit: u32) -> u64 {
        self.by_window
            .get(window)
            .map_or(0, |peaks| above(peaks, limit))
    }
}

fn above(peaks: &[u32], limit: u32) -> u64 {
    (peaks.len() - peaks.partition_point(|peak| *peak <= limit)) as u64
}

/// Nearest rank, of values in ascending order.
fn percentile(peaks: &[u32], hundredths: usize) -> u32 {
    let rank = (peaks.len() * hundredths).div_ceil(100).max(1);
    peaks.get(rank - 1).copied().unwrap_or(0)
}

/// The next number of the form 1, 2, ... 10, 15, 20, ... 100, 150, ...
fn rounded(value: u32) -> u32 {
    let mut step = 1_u32;
    while value > step.saturating_mul(if step == 1 { 10 } else { 20 }) {
        step = step.saturating_mul(if step == 1 { 5 } else { 10 });
    }
    value.div_ceil(step).saturating_mul(step)
}

/// Who drives the load of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heaviest {
    /// Where.
    pub endpoint: EndpointId,
    /// The load of all profiled tokens together.
    pub all: Load,
    /// Tokens with most latency in sum.
    pub by_latency: Vec<(PrincipalKey, Load)>,
    /// Tokens with most bytes.
    pub by_bytes: Vec<(PrincipalKey, Load)>,
}

/// Puts the ledgers of all shards together; the order in which they come does not matter.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Collector {
    partners: Partners,
    clients: AllReleases,
    servers: AllReleases,
    endpoints: BTreeMap<EndpointId, Users>,
    profiles: u64,
}

#[derive(Debug, Default)]
struct Users {
    peaks: [Vec<u32>; 3],
    loads: Vec<(PrincipalKey, Load)>,
}

impl Collector {
    pub(in crate::analysis) fn add(&mut self, ledger: &Ledger) {
        self.partners.add(&ledger.partners);
        self.clients.add(&ledger.clients);
        self.servers.add(&ledger.servers);
        for (token, profile) in ledger.profiles.iter() {
            self.profiles += 1;
            self.add_profile(token, profile);
        }
    }

    fn add_profile(&mut self, token: PrincipalKey, profile: &Profile) {
        for (used, load) in profile.endpoints.iter().zip(profile.loads()) {
            let users = self.endpoints.entry(used.endpoint).or_default();
            for (peaks, peak) in users.peaks.iter_mut().zip(used.peaks) {
                peaks.push(peak);
            }
            users.loads.push((token, load));
        }
    }

    pub(in crate::analysis) fn build(self, history: History) -> Insights {
        let (mut peaks, mut heaviest) = (Vec::new(), Vec::new());
        for (endpoint, mut users) in self.endpoints {
            for list in &mut users.peaks {
                list.sort_unstable();
            }
            heaviest.push(users.heaviest(endpoint));
            peaks.push(Peaks {
                endpoint,
                by_window: users.peaks,
            });
        }
        Insights {
            partners: self.partners.summaries(),
            clients: self.clients.summaries(),
            servers: self.servers.summaries(),
            peaks,
            heaviest,
            profiles: self.profiles,
            history,
        }
    }
}

impl Users {
    fn heaviest(&mut self, endpoint: EndpointId) -> Heaviest {
        let mut all = Load {
            endpoint,
            calls: 0,
            errors: 0,
            latency_us: 0,
            bytes: 0,
        };
        for (_, load) in &self.loads {
            all.merge(load);
        }
        let mut top = |weight: fn(&Load) -> u64| {
            self.loads
                .sort_unstable_by_key(|(token, load)| (std::cmp::Reverse(weight(load)), *token));
            let heavy = self.loads.iter().filter(|(_, load)| weight(load) > 0);
            heavy.take(HEAVIEST).copied().collect()
        };
        Heaviest {
            endpoint,
            all,
            by_latency: top(|load| load.latency_us),
            by_bytes: top(|load| load.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_round_numbers() {
        let pairs = [
            (0, 0),
            (1, 1),
            (9, 9),
            (11, 15),
            (96, 100),
            (101, 150),
            (1_234, 1_500),
        ];
        for (value, limit) in pairs {
            assert_eq!(rounded(value), limit, "{value}");
        }
        assert!(rounded(u32::MAX) >= 4_000_000_000);
    }

    #[test]
    fn advice_leaves_the_usual_alone_and_says_whom_it_touches() {
        let mut peaks: Vec<u32> = (1..=200).map(|n| 5 + n % 4).collect();
        peaks.extend([400, 900]);
        peaks.sort_unstable();
        let all = Peaks {
            endpoint: EndpointId(1),
            by_window: [peaks, Vec::new(), Vec::new()],
        };
        let advised: Vec<_> = all.advice().collect();
        let [minute] = advised.as_slice() else {
            panic!("one window has peaks")
        };
        assert_eq!((minute.p50, minute.p99, minute.max), (7, 8, 900));
        assert_eq!((minute.limit, minute.touched), (20, 2));
        assert_eq!(all.touched(0, 6), 102);
        assert_eq!(all.touched(0, 900), 0);
    }
}

//! The busiest tokens of a shard in detail: 0.9 KiB each, and 64 bytes for each endpoint.

use std::collections::BTreeMap;

use super::view::{Load, ProfileSummary};
use super::{Call, HOURS_OF_WEEK, Heartbeat, Throttle, Types, hour_of_week};
use crate::analysis::save::Renumbering;
use crate::observation::{EndpointId, IntegrationId, PrincipalKey, Status};

/// Endpoints that are told apart in one profile; later ones are not in it.
const MAX_ENDPOINTS: usize = 64;
/// A token takes another's place when it has made so many quarters of its calls.
const QUARTERS: u64 = 5;
/// The windows in which calls are counted for peaks, in minutes: fixed windows of the clock, as rate limits have them.
pub const WINDOWS: [u32; 3] = [1, 5, 60];

/// Profiles by token.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Profiles {
    #[serde(skip)]
    limit: usize,
    /// Calls that a token must have made to be worth a look.
    floor: u64,
    by_token: BTreeMap<PrincipalKey, Box<Profile>>,
}

impl Profiles {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            floor: 0,
            by_token: BTreeMap::new(),
        }
    }

    pub(super) fn count(&mut self, call: Call<'_>) {
        let token = call.who.key;
        if let Some(profile) = self.by_token.get_mut(&token) {
            profile.count(call);
            return;
        }
        if self.by_token.len() >= self.limit && !self.make_room(call.total) {
            return;
        }
        let mut profile = Box::<Profile>::default();
        profile.count(call);
        self.by_token.insert(token, profile);
    }

    pub(super) fn get(&self, token: PrincipalKey) -> Option<&Profile> {
        self.by_token.get(&token).map(AsRef::as_ref)
    }

    /// In the order of keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PrincipalKey, &Profile)> {
        self.by_token
            .iter()
            .map(|(&token, profile)| (token, profile.as_ref()))
    }

    /// The same with another limit: the busiest stay.
    pub(super) fn limited(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        while self.by_token.len() > self.limit {
            let profiles = self.by_token.iter();
            let fewest = profiles.map(|(token, p)| (p.total, *token)).min();
            if let Some((_, token)) = fewest {
                self.by_token.remove(&token);
            }
        }
        self
    }

    /// Drops what is known of a token; false if there was nothing.
    pub(super) fn forget(&mut self, token: PrincipalKey) -> bool {
        self.by_token.remove(&token).is_some()
    }

    /// Drops tokens not seen since before that second.
    pub(super) fn expire(&mut self, oldest: u64) {
        self.by_token
            .retain(|_, profile| u64::from(profile.last) >= oldest / 60);
    }

    /// Gives integrations and types their numbers in another configuration, and drops those that are not in it.
    pub(super) fn renumber(&mut self, numbers: &Renumbering) {
        for profile in self.by_token.values_mut() {
            profile.types.renumber(numbers);
            profile.integration = profile.integration.and_then(|old| numbers.integration(old));
        }
    }

    /// Lets the least busy go if a token with so many calls is busier.
    fn make_room(&mut self, calls: u64) -> bool {
        if calls <= self.floor {
            return false;
        }
        let profiles = self.by_token.iter();
        let Some((fewest, token)) = profiles.map(|(token, p)| (p.total, *token)).min() else {
            return true;
        };
        self.floor = fewest.saturating_mul(QUARTERS) / 4;
        if calls <= self.floor {
            return false;
        }
        self.by_token.remove(&token);
        true
    }
}

/// One token.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Profile {
    /// Calls of the token since it was first seen.
    total: u64,
    /// The minute of the last, counted from the epoch.
    last: u32,
    #[serde(with = "crate::analysis::save::array")]
    heartbeat: Heartbeat,
    /// In the order of ids.
    pub(super) endpoints: Vec<Use>,
    types: Types,
    throttle: Throttle,
    integration: Option<IntegrationId>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            total: 0,
            last: 0,
            heartbeat: [0; HOURS_OF_WEEK],
            endpoints: Vec::new(),
            types: Types::default(),
            throttle: Throttle::default(),
            integration: None,
        }
    }
}

/// One endpoint as one token uses it.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Use {
    pub(super) endpoint: EndpointId,
    calls: u64,
    errors: u32,
    minute: u32,
    latency_us: u64,
    bytes: u64,
    /// Calls in the open window of each length.
    counts: [u32; 3],
    /// The most in any window of that length.
    pub(super) peaks: [u32; 3],
}

impl Profile {
    fn count(&mut self, call: Call<'_>) {
        let time = call.tick.start();
        let observation = call.seen.observation;
        self.total = call.total;
        if let Some(beats) = self.heartbeat.get_mut(hour_of_week(time)) {
            *beats = beats.saturating_add(1);
        }
        self.integration = observation.integration.or(self.integration);
        self.types.count(call);
        self.throttle.count(observation);
        let minute = u32::try_from(time.secs() / 60).unwrap_or(u32::MAX);
        self.last = self.last.max(minute);
        let known = self
            .endpoints
            .binary_search_by_key(&call.endpoint, |used| used.endpoint);
        let at = match known {
            Ok(at) => at,
            Err(_) if self.endpoints.len() >= MAX_ENDPOINTS => return,
            Err(at) => {
                self.endpoints.insert(at, Use::new(call.endpoint, minute));
                at
            }
        };
        if let Some(used) = self.endpoints.get_mut(at) {
            used.count(call, minute);
        }
    }

    /// Endpoints with their load.
    pub(super) fn loads(&self) -> impl Iterator<Item = Load> {
        self.endpoints.iter().map(|used| Load {
            endpoint: used.endpoint,
            calls: used.calls,
            errors: u64::from(used.errors),
            latency_us: used.latency_us,
            bytes: used.bytes,
        })
    }

    pub(super) fn summary(&self) -> ProfileSummary {
        let mut loads: Vec<_> = self.loads().collect();
        loads.sort_unstable_by_key(|load| (std::cmp::Reverse(load.calls), load.endpoint));
        ProfileSummary {
            heartbeat: Box::new(self.heartbeat),
            loads,
            sensitive: self.types.sorted(),
            throttle: self.throttle,
            integration: self.integration,
        }
    }
}

impl Use {
    const fn new(endpoint: EndpointId, minute: u32) -> Self {
        Self {
            endpoint,
            calls: 0,
            errors: 0,
            minute,
            latency_us: 0,
            bytes: 0,
            counts: [0; 3],
            peaks: [0; 3],
        }
    }

    fn count(&mut self, call: Call<'_>, minute: u32) {
        let observation = call.seen.observation;
        self.calls += 1;
        self.errors = self
            .errors
            .saturating_add(u32::from(is_error(observation.outcome())));
        self.latency_us += observation.duration_us.unwrap_or(0);
        self.bytes += observation.request_bytes + observation.response_bytes;
        if minute != self.minute {
            for (length, count) in WINDOWS.iter().zip(&mut self.counts) {
                if minute / length != self.minute / length {
                    *count = 0;
                }
            }
            self.minute = minute;
        }
        for (count, peak) in self.counts.iter_mut().zip(&mut self.peaks) {
            *count = count.saturating_add(1);
            *peak = (*peak).max(*count);
        }
    }
}

/// Whether a call failed: 4xx or 5xx.
pub(super) const fn is_error(status: Status) -> bool {
    matches!(status.0, 400..=599)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::shard::{Seen, Who};
    use crate::analysis::tests::observation;
    use crate::clock::Tick;

    fn call(profiles: &mut Profiles, token: u128, second: u64, total: u64) {
        let mut seen = observation(second * 1_000_000_000, 1, token);
        seen.endpoint = EndpointId(second % 100);
        profiles.count(Call {
            who: Who {
                key: PrincipalKey(token),
                is_token: true,
            },
            endpoint: seen.endpoint,
            seen: Seen {
                observation: &seen,
                findings: &[],
                notes: &[],
            },
            total,
            tick: Tick(second),
        });
    }

    #[test]
    fn the_busiest_have_a_profile() {
        let mut profiles = Profiles::new(2);
        for (token, total) in [(1, 10), (2, 20), (3, 12), (4, 13)] {
            call(&mut profiles, token, 100, total);
        }
        let kept: Vec<_> = profiles.iter().map(|(token, _)| token.0).collect();
        assert_eq!(kept, [2, 4]);
    }

    #[test]
    fn peaks_are_those_of_fixed_windows() {
        let mut profiles = Profiles::new(1);
        // 3 calls in minute 1, 2 in minute 2, 4 in minute 6: of minutes 0 to 4 they are 5.
        let seconds = [60, 80, 100, 120, 160, 360, 360, 400, 400];
        for (n, second) in (1..).zip(seconds) {
            let mut seen = observation(0, 1, 1);
            seen.duration_us = Some(10);
            profiles.count(Call {
                who: Who {
                    key: PrincipalKey(1),
                    is_token: true,
                },
                endpoint: EndpointId(9),
                seen: Seen {
                    observation: &seen,
                    findings: &[],
                    notes: &[],
                },
                total: n,
                tick: Tick(second),
            });
        }
        let profile = profiles.get(PrincipalKey(1)).unwrap();
        assert_eq!(profile.endpoints[0].peaks, [4, 5, 9]);
        let load = profile.loads().next().unwrap();
        assert_eq!((load.calls, load.latency_us, load.bytes), (9, 90, 9_900));
    }

    #[test]
    fn a_profile_is_bounded() {
        let mut profiles = Profiles::new(4);
        for second in 0..10_000 {
            call(&mut profiles, 1, second, second);
        }
        let profile = profiles.get(PrincipalKey(1)).unwrap();
        assert_eq!(profile.endpoints.len(), MAX_ENDPOINTS);
        let bytes = size_of::<Profile>() + profile.endpoints.capacity() * size_of::<Use>();
        assert!(bytes <= 5_120, "{bytes}");
        assert_eq!(size_of::<Use>(), 64);
        let beats: u32 = profile.heartbeat.iter().sum();
        assert_eq!(beats, 10_000);
    }
}

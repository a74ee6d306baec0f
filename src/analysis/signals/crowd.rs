//! What all tokens together teach the signals about one of them: sums of an epoch, totals, and the norms made of them.

#![allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]

use std::collections::BTreeMap;

use super::rhythm::{STRATA, Stratum};
use super::surprises::{Calibrations, Curves, SurpriseSums};
use super::volume;
use crate::analysis::baseline::{Prior, Spread};
use crate::analysis::fixed::Moments;
use crate::analysis::keyed::KeyedMap;
use crate::observation::CollectionKey;

/// Pairs of endpoints that are told apart, of either kind; later ones are not counted.
const MAX_PAIRS: usize = 1 << 18;
/// Collections whose norms are kept.
const MAX_COLLECTIONS: usize = 4_096;
/// Values of a collection's norm remembered.
const MEMORY: f64 = 5_000.0;
/// Values needed for a norm.
const MIN_VALUES: f64 = 20.0;

/// The number of an endpoint, as the population gives it.
pub(in crate::analysis) type Number = u16;

/// A pair of endpoints; of steps also by which kind of program.
pub(in crate::analysis) type Pair = (Number, Number);

/// What one epoch adds. Sums of integers.
#[derive(Debug, Default)]
pub(in crate::analysis) struct CrowdSums {
    pub(in crate::analysis) surprises: SurpriseSums,
    /// Windows with calls, by length: logarithms of counts.
    pub(in crate::analysis) windows: [Moments; 3],
    /// Objects never touched before by hour (0) and day (1): logarithms of counts.
    pub(in crate::analysis) objects: BTreeMap<(CollectionKey, u8), Moments>,
    /// Of objects never touched before: all, and those next to one just touched.
    pub(in crate::analysis) steps: BTreeMap<CollectionKey, (u32, u32)>,
    /// Tokens that came to use both endpoints.
    pub(in crate::analysis) together: BTreeMap<Pair, u32>,
    /// Tokens that went from one endpoint to another for the first time, by kind of program.
    pub(in crate::analysis) follows: BTreeMap<(bool, Number, Number), u32>,
    /// Calls of an endpoint by kind of program, of each token the first few only.
    pub(in crate::analysis) reached: BTreeMap<(bool, Number), u32>,
    /// Those of them that came after a call of another endpoint.
    pub(in crate::analysis) before: BTreeMap<(bool, Number, Number), u32>,
    /// Tokens that have become active.
    pub(in crate::analysis) active: u32,
    /// Principals with a first call on their day.
    pub(in crate::analysis) present: u32,
    /// By stratum: silent hours, and those of them in which a token spoke after all.
    pub(in crate::analysis) silences: BTreeMap<Stratum, (u32, u32)>,
    /// Calls that named an object, and those refused.
    pub(in crate::analysis) named: (u64, u64),
    /// Accounts that somebody tried to log in to, and those given up.
    pub(in crate::analysis) accounts: (u32, u32),
}

fn add_all<K: Ord>(to: &mut BTreeMap<K, u32>, from: &mut BTreeMap<K, u32>) {
    for (key, n) in std::mem::take(from) {
        *to.entry(key).or_default() += n;
    }
}

fn add_bounded<K: Ord>(to: &mut BTreeMap<K, u32>, from: &mut BTreeMap<K, u32>) {
    for (key, n) in std::mem::take(from) {
        if to.len() < MAX_PAIRS || to.contains_key(&key) {
            *to.entry(key).or_default() += n;
        }
    }
}

fn add_pairs<K: Ord>(to: &mut BTreeMap<K, (u32, u32)>, from: &mut BTreeMap<K, (u32, u32)>) {
    for (key, (n, m)) in std::mem::take(from) {
        let sum = to.entry(key).or_default();
        sum.0 += n;
        sum.1 += m;
    }
}

impl CrowdSums {
    /// Takes everything out of `other` and adds it.
    pub(in crate::analysis) fn drain_from(&mut self, other: &mut Self) {
        self.surprises.drain_from(&mut other.surprises);
        for (sum, more) in self.windows.iter_mut().zip(&mut other.windows) {
            sum.merge(&std::mem::take(more));
        }
        for (key, moments) in std::mem::take(&mut other.objects) {
            self.objects.entry(key).or_default().merge(&moments);
        }
        add_pairs(&mut self.steps, &mut other.steps);
        add_all(&mut self.together, &mut other.together);
        add_all(&mut self.follows, &mut other.follows);
        add_all(&mut self.reached, &mut other.reached);
        add_all(&mut self.before, &mut other.before);
        add_pairs(&mut self.silences, &mut other.silences);
        self.active += std::mem::take(&mut other.active);
        self.present += std::mem::take(&mut other.present);
        let (calls, denied) = std::mem::take(&mut other.named);
        self.named = (self.named.0 + calls, self.named.1 + denied);
        let (accounts, given_up) = std::mem::take(&mut other.accounts);
        self.accounts = (self.accounts.0 + accounts, self.accounts.1 + given_up);
    }
}

/// Everything the population has taught so far.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Crowd {
    calibrations: Calibrations,
    windows: [Spread; 3],
    objects: BTreeMap<(CollectionKey, u8), Spread>,
    steps: BTreeMap<CollectionKey, (f64, f64)>,
    together: BTreeMap<Pair, u32>,
    follows: BTreeMap<(bool, Number, Number), u32>,
    reached: BTreeMap<(bool, Number), u32>,
    before: BTreeMap<(bool, Number, Number), u32>,
    active: u32,
    present: u32,
    #[serde(with = "crate::analysis::save::array")]
    silences: [(f64, f64); STRATA],
    named: (f64, f64),
    accounts: (f64, f64),
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            calibrations: Calibrations::default(),
            windows: [Spread::default(); 3],
            objects: BTreeMap::new(),
            steps: BTreeMap::new(),
            together: BTreeMap::new(),
            follows: BTreeMap::new(),
            reached: BTreeMap::new(),
            before: BTreeMap::new(),
            active: 0,
            present: 0,
            silences: [(0.0, 0.0); STRATA],
            // What is usual anywhere: one in 200 calls names nothing, one account in 50 is given up.
            named: (4_000.0, 20.0),
            accounts: (50.0, 1.0),
        }
    }
}

impl Crowd {
    /// Learns the sums of an epoch and forgets them there.
    pub(in crate::analysis) fn learn(&mut self, sums: &mut CrowdSums) {
        self.calibrations.learn(&mut sums.surprises);
        for (spread, windows) in self.windows.iter_mut().zip(&mut sums.windows) {
            spread.absorb(&std::mem::take(windows), volume::PRIOR_MEMORY);
        }
        for (key, moments) in std::mem::take(&mut sums.objects) {
            if self.objects.len() < MAX_COLLECTIONS || self.objects.contains_key(&key) {
                self.objects
                    .entry(key)
                    .or_default()
                    .absorb(&moments, MEMORY);
            }
        }
        for (key, (new, steps)) in std::mem::take(&mut sums.steps) {
            if self.steps.len() < MAX_COLLECTIONS || self.steps.contains_key(&key) {
                let sum = self.steps.entry(key).or_default();
                sum.0 += f64::from(new);
                sum.1 += f64::from(steps);
            }
        }
        add_bounded(&mut self.together, &mut sums.together);
        add_bounded(&mut self.follows, &mut sums.follows);
        add_bounded(&mut self.reached, &mut sums.reached);
        add_bounded(&mut self.before, &mut sums.before);
        for (Stratum(stratum), (hours, broken)) in std::mem::take(&mut sums.silences) {
            if let Some(sum) = self.silences.get_mut(usize::from(stratum)) {
                sum.0 += f64::from(hours);
                sum.1 += f64::from(broken);
            }
        }
        self.active += std::mem::take(&mut sums.active);
        self.present += std::mem::take(&mut sums.present);
        let (calls, denied) = std::mem::take(&mut sums.named);
        self.named.0 += calls as f64;
        self.named.1 += denied as f64;
        let (accounts, given_up) = std::mem::take(&mut sums.accounts);
        self.accounts.0 += f64::from(accounts);
        self.accounts.1 += f64::from(given_up);
    }

    /// Once a day: the older it is, the less it weighs.
    pub(in crate::analysis) fn age(&mut self) {
        self.calibrations.age(std::mem::take(&mut self.present));
        for (new, steps) in self.steps.values_mut() {
            *new *= 0.95;
            *steps *= 0.95;
        }
        for sum in [&mut self.named, &mut self.accounts] {
            sum.0 *= 0.97;
            sum.1 *= 0.97;
        }
    }

    /// Once an hour: what applies from now on. `endpoints`: successful users and first second of each.
    pub(in crate::analysis) fn norms(&mut self, endpoints: &[(u32, u64)]) -> CrowdNorms {
        let mut norms = CrowdNorms {
            curves: self.calibrations.fit(),
            windows: volume::priors(&self.windows),
            users: endpoints.iter().map(|&(users, _)| users).collect(),
            born: endpoints.iter().map(|&(_, born)| born).collect(),
            all_users: endpoints.iter().map(|&(users, _)| f64::from(users)).sum(),
            active: f64::from(self.active.max(1)),
            silences: self.silences,
            denied_rate: self.named.1 / self.named.0,
            given_up_rate: self.accounts.1 / self.accounts.0,
            from: [vec![0; endpoints.len()], vec![0; endpoints.len()]],
            ..CrowdNorms::default()
        };
        for (&key, spread) in &self.objects {
            if spread.n > MIN_VALUES {
                norms.objects.insert(key, norms.priors.len());
                norms.priors.push(Prior {
                    mean: spread.mean,
                    sd: spread.sd().max(0.45),
                });
            }
        }
        for (&key, &(new, steps)) in &self.steps {
            norms.steps.insert(key, norms.step_rates.len());
            norms.step_rates.push((steps + 0.4) / (new + 20.0));
        }
        for (&pair, &n) in &self.together {
            norms.together.insert(pair, n as usize);
        }
        norms.needs = [self.needs(false), self.needs(true)];
        for (&(human, from, to), &n) in &self.follows {
            norms.follows.insert((human, from, to), n as usize);
            let [tools, humans] = &mut norms.from;
            let row = if human { humans } else { tools };
            if let Some(sum) = row.get_mut(usize::from(from)) {
                *sum += n;
            }
        }
        norms
    }
}

/// Least calls of an endpoint that tell what they need.
const MIN_REACHED: u32 = 60;
/// Of so many calls those that came without may be the one in this many.
const NEED_SHARE: f64 = 0.03;
/// What an endpoint needs at most.
const MAX_NEEDS: usize = 6;

impl Crowd {
    /// By endpoint: what hardly ever is not called before it, and the information in its absence.
    fn needs(&self, human: bool) -> Vec<Vec<(Number, f64)>> {
        let mut needs: Vec<Vec<(Number, f64)>> = Vec::new();
        for (&(kind, before, to), &n) in &self.before {
            let all = self.reached.get(&(kind, to)).copied().unwrap_or(0);
            if kind != human || all < MIN_REACHED {
                continue;
            }
            let without = (f64::from(all) - f64::from(n) + 0.5) / (f64::from(all) + 1.0);
            if without <= NEED_SHARE {
                let place = usize::from(to);
                if place >= needs.len() {
                    needs.resize_with(place + 1, Vec::new);
                }
                if let Some(list) = needs.get_mut(place) {
                    list.push((before, -libm::log2(without)));
                }
            }
        }
        for list in &mut needs {
            list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            list.truncate(MAX_NEEDS);
        }
        needs
    }
}

/// What applies for an hour. Shared, immutable.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct CrowdNorms {
    pub(in crate::analysis) curves: Curves,
    windows: [Prior; 3],
    users: Vec<u32>,
    born: Vec<u64>,
    /// Tokens that are active at all.
    pub(in crate::analysis) active: f64,
    pub(in crate::analysis) all_users: f64,
    together: KeyedMap<Pair>,
    follows: KeyedMap<(bool, Number, Number)>,
    from: [Vec<u32>; 2],
    needs: [Vec<Vec<(Number, f64)>>; 2],
    objects: KeyedMap<(CollectionKey, u8)>,
    priors: Vec<Prior>,
    steps: KeyedMap<CollectionKey>,
    step_rates: Vec<f64>,
    #[serde(with = "crate::analysis::save::array")]
    pub(in crate::analysis) silences: [(f64, f64); STRATA],
    pub(in crate::analysis) denied_rate: f64,
    pub(in crate::analysis) given_up_rate: f64,
}

impl Default for CrowdNorms {
    fn default() -> Self {
        Self {
            curves: Curves::default(),
            windows: volume::START,
            users: Vec::new(),
            born: Vec::new(),
            active: 1.0,
            all_users: 0.0,
            together: KeyedMap::default(),
            follows: KeyedMap::default(),
            from: [Vec::new(), Vec::new()],
            needs: [Vec::new(), Vec::new()],
            objects: KeyedMap::default(),
            priors: Vec::new(),
            steps: KeyedMap::default(),
            step_rates: Vec::new(),
            silences: [(0.0, 0.0); STRATA],
            denied_rate: 0.005,
            given_up_rate: 0.02,
        }
    }
}

impl CrowdNorms {
    /// Tokens and clients that an endpoint ever answered with success.
    pub(in crate::analysis) fn users(&self, endpoint: Number) -> f64 {
        f64::from(self.users.get(usize::from(endpoint)).copied().unwrap_or(0))
    }

    /// Seconds since an endpoint was first called; 0 for one that is not known yet.
    pub(in crate::analysis) fn age(&self, endpoint: Number, now: u64) -> u64 {
        let born = self.born.get(usize::from(endpoint)).copied();
        born.map_or(0, |born| now.saturating_sub(born))
    }

    /// Endpoints that are known.
    pub(in crate::analysis) fn endpoints(&self) -> f64 {
        self.users.len() as f64
    }

    /// Tokens that use both.
    pub(in crate::analysis) fn together(&self, a: Number, b: Number) -> f64 {
        self.together.get((a.min(b), a.max(b))).unwrap_or(0) as f64
    }

    /// Tokens of this kind of program that go from one endpoint to another, and that go anywhere from it.
    pub(in crate::analysis) fn follows(&self, human: bool, from: Number, to: Number) -> (f64, f64) {
        let [tools, humans] = &self.from;
        let row = if human { humans } else { tools };
        let all = row.get(usize::from(from)).copied().unwrap_or(0);
        let these = self.follows.get((human, from, to)).unwrap_or(0);
        (these as f64, f64::from(all))
    }

    /// What a call of this endpoint hardly ever comes without, and the information in its absence.
    pub(in crate::analysis) fn needs(&self, human: bool, endpoint: Number) -> &[(Number, f64)] {
        let [tools, humans] = &self.needs;
        let needs = if human { humans } else { tools };
        needs.get(usize::from(endpoint)).map_or(&[], Vec::as_slice)
    }

    /// What is usual in windows with calls, by place in the list of their lengths.
    pub(in crate::analysis) fn calls(&self, at: usize) -> Prior {
        let [.., hour] = self.windows;
        self.windows.get(at).copied().unwrap_or(hour)
    }

    /// What is usual in objects never touched before, by hour (0) or day (1).
    pub(in crate::analysis) fn objects(&self, collection: CollectionKey, span: u8) -> Prior {
        let known = self.objects.get((collection, span));
        let start = Prior {
            mean: if span == 0 { 1.0 } else { 1.2 },
            sd: if span == 0 { 0.8 } else { 0.9 },
        };
        known
            .and_then(|at| self.priors.get(at).copied())
            .unwrap_or(start)
    }

    /// Of objects never touched before, the share next to one just touched.
    pub(in crate::analysis) fn step_rate(&self, collection: CollectionKey) -> f64 {
        let known = self.steps.get(collection);
        known
            .and_then(|at| self.step_rates.get(at).copied())
            .unwrap_or(0.02)
    }
}

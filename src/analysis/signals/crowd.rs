//! What all tokens together teach the signals about one of them: sums of an epoch, totals, and the norms made of them.

#![allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rhythm::{STRATA, Stratum};
use super::surprises::{Calibrations, Curves, SurpriseSums};
use super::volume;
use crate::analysis::baseline::{Prior, Spread};
use crate::analysis::fixed::Moments;
use crate::analysis::keyed::KeyedMap;
use crate::analysis::sums::KeyedSums;
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
    pub(in crate::analysis) objects: KeyedSums<(CollectionKey, u8), Moments>,
    /// Of objects never touched before: all, and those next to one just touched.
    pub(in crate::analysis) steps: KeyedSums<CollectionKey, (u32, u32)>,
    /// Tokens that came to use both endpoints.
    pub(in crate::analysis) together: KeyedSums<Pair, u32>,
    /// Tokens that went from one endpoint to another for the first time, by kind of program.
    pub(in crate::analysis) follows: KeyedSums<(bool, Number, Number), u32>,
    /// Calls of an endpoint by kind of program, of each token the first few only.
    pub(in crate::analysis) reached: KeyedSums<(bool, Number), u32>,
    /// Those of them that came after a call of another endpoint.
    pub(in crate::analysis) before: KeyedSums<(bool, Number, Number), u32>,
    /// Tokens that have become active.
    pub(in crate::analysis) active: u32,
    /// Principals with a first call on their day.
    pub(in crate::analysis) present: u32,
    /// By stratum: silent hours, and those of them in which a token spoke after all.
    pub(in crate::analysis) silences: KeyedSums<Stratum, (u32, u32)>,
    /// Calls that named an object, and those refused.
    pub(in crate::analysis) named: (u64, u64),
    /// Accounts that somebody tried to log in to, and those given up.
    pub(in crate::analysis) accounts: (u32, u32),
}

fn add(sum: &mut u32, more: u32) {
    *sum += more;
}

fn add_both(sum: &mut (u32, u32), more: (u32, u32)) {
    sum.0 += more.0;
    sum.1 += more.1;
}

impl CrowdSums {
    /// Takes everything out of `other` and adds it.
    pub(in crate::analysis) fn drain_from(&mut self, other: &mut Self) {
        self.surprises.drain_from(&mut other.surprises);
        for (sum, more) in self.windows.iter_mut().zip(&mut other.windows) {
            if more.count() > 0 {
                sum.merge(&std::mem::take(more));
            }
        }
        let add_moments = |sum: &mut Moments, more: Moments| sum.merge(&more);
        self.objects.drain_from(&mut other.objects, add_moments);
        self.steps.drain_from(&mut other.steps, add_both);
        self.together.drain_from(&mut other.together, add);
        self.follows.drain_from(&mut other.follows, add);
        self.reached.drain_from(&mut other.reached, add);
        self.before.drain_from(&mut other.before, add);
        self.silences.drain_from(&mut other.silences, add_both);
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
    together: Counted<Pair>,
    follows: Counted<(bool, Number, Number)>,
    reached: Counted<(bool, Number)>,
    before: Counted<(bool, Number, Number)>,
    active: u32,
    present: u32,
    #[serde(with = "crate::analysis::save::array")]
    silences: [(f64, f64); STRATA],
    named: (f64, f64),
    accounts: (f64, f64),
    /// What came before the calls of each endpoint, of all that was told.
    #[serde(skip)]
    befores: BTreeMap<(bool, Number), Vec<Number>>,
    /// Whether the norms in force were made here: then those that follow are made of them.
    #[serde(skip)]
    told: bool,
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            calibrations: Calibrations::default(),
            windows: [Spread::default(); 3],
            objects: BTreeMap::new(),
            steps: BTreeMap::new(),
            together: Counted::default(),
            follows: Counted::default(),
            reached: Counted::default(),
            before: Counted::default(),
            active: 0,
            present: 0,
            silences: [(0.0, 0.0); STRATA],
            // What is usual anywhere: one in 200 calls names nothing, one account in 50 is given up.
            named: (4_000.0, 20.0),
            accounts: (50.0, 1.0),
            befores: BTreeMap::new(),
            told: false,
        }
    }
}

impl Crowd {
    /// Learns the sums of an epoch and forgets them there.
    pub(in crate::analysis) fn learn(&mut self, sums: &mut CrowdSums) {
        self.calibrations.learn(&mut sums.surprises);
        for (spread, windows) in self.windows.iter_mut().zip(&mut sums.windows) {
            if windows.count() > 0 {
                spread.absorb(&std::mem::take(windows), volume::PRIOR_MEMORY);
            }
        }
        for (key, moments) in sums.objects.drain() {
            if self.objects.len() < MAX_COLLECTIONS || self.objects.contains_key(&key) {
                self.objects
                    .entry(key)
                    .or_default()
                    .absorb(&moments, MEMORY);
            }
        }
        for (key, (new, steps)) in sums.steps.drain() {
            if self.steps.len() < MAX_COLLECTIONS || self.steps.contains_key(&key) {
                let sum = self.steps.entry(key).or_default();
                sum.0 += f64::from(new);
                sum.1 += f64::from(steps);
            }
        }
        self.together.learn(&mut sums.together);
        self.follows.learn(&mut sums.follows);
        self.reached.learn(&mut sums.reached);
        self.before.learn(&mut sums.before);
        for (Stratum(stratum), (hours, broken)) in sums.silences.drain() {
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

    /// Once an hour: what applies from now on, in place of `before`. `endpoints`: successful users and first second of each.
    ///
    /// The pairs of endpoints are many, and few of them change in an hour: only those are gone through.
    pub(in crate::analysis) fn norms(
        &mut self,
        before: &CrowdNorms,
        endpoints: &[(u32, u64)],
    ) -> CrowdNorms {
        let mut norms = if std::mem::replace(&mut self.told, true) {
            before.clone()
        } else {
            CrowdNorms::default()
        };
        norms.curves = self.calibrations.fit();
        norms.windows = volume::priors(&self.windows);
        norms.users = endpoints.iter().map(|&(users, _)| users).collect();
        norms.born = endpoints.iter().map(|&(_, born)| born).collect();
        norms.all_users = endpoints.iter().map(|&(users, _)| f64::from(users)).sum();
        norms.active = f64::from(self.active.max(1));
        norms.silences = self.silences;
        norms.denied_rate = self.named.1 / self.named.0;
        norms.given_up_rate = self.accounts.1 / self.accounts.0;
        self.tell_objects(&mut norms);
        let together = &mut norms.together;
        self.together
            .tell(|pair, _, n| together.insert(pair, n as usize));
        self.tell_needs(&mut norms.needs);
        self.tell_follows(&mut norms, endpoints.len());
        norms
    }

    fn tell_objects(&self, norms: &mut CrowdNorms) {
        norms.objects.clear();
        norms.priors.clear();
        norms.steps.clear();
        norms.step_rates.clear();
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
    }

    fn tell_follows(&mut self, norms: &mut CrowdNorms, endpoints: usize) {
        for row in &mut norms.from {
            row.resize(endpoints.max(row.len()), 0);
        }
        self.follows.tell(|(human, from, to), told, n| {
            norms.follows.insert((human, from, to), n as usize);
            let [tools, humans] = &mut norms.from;
            let row = if human { humans } else { tools };
            if let Some(sum) = row.get_mut(usize::from(from)) {
                *sum += n - told;
            }
        });
    }
}

/// Counts that norms are made of, and which of them have changed since.
#[derive(Clone, Debug)]
struct Counted<K> {
    sums: KeyedSums<K, Count>,
    /// Places of those that are others than was told.
    changed: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    n: u32,
    /// What the norms in force say.
    told: u32,
}

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self {
            sums: KeyedSums::default(),
            changed: Vec::new(),
        }
    }
}

impl<K: Copy + Ord + Hash> Counted<K> {
    /// Takes the counts of an epoch, of new keys as many as there is room for.
    fn learn(&mut self, epoch: &mut KeyedSums<K, u32>) {
        if epoch.is_empty() {
            return;
        }
        for (key, n) in epoch.drain() {
            if self.sums.len() < MAX_PAIRS || self.sums.place(key).is_some() {
                self.add(key, n);
            }
        }
    }

    fn add(&mut self, key: K, n: u32) {
        let known = self.sums.place(key);
        let at = known.unwrap_or_else(|| self.sums.begin(key, Count::default()));
        if let Some((_, count)) = self.sums.at(at) {
            if count.n == count.told {
                self.changed.push(at);
            }
            count.n += n;
        }
    }

    fn get(&self, key: K) -> u32 {
        self.sums.get(key).map_or(0, |count| count.n)
    }

    /// Tells what has changed: what was said before, and what is true now.
    fn tell(&mut self, mut tell: impl FnMut(K, u32, u32)) {
        for at in self.changed.drain(..) {
            if let Some((key, count)) = self.sums.at(at) {
                tell(*key, count.told, count.n);
                count.told = count.n;
            }
        }
    }
}

/// The counts, by key. What was told is not kept: all of it is told anew.
impl<K: Copy + Ord + Hash + Serialize> Serialize for Counted<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let counts = self.sums.iter().map(|(key, count)| (*key, count.n));
        let mut counts: Vec<_> = counts.collect();
        counts.sort_unstable();
        to.collect_map(counts)
    }
}

impl<'de, K: Copy + Ord + Hash + Deserialize<'de>> Deserialize<'de> for Counted<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut counted = Self::default();
        for (key, n) in BTreeMap::<K, u32>::deserialize(from)? {
            counted.add(key, n);
        }
        Ok(counted)
    }
}

/// Least calls of an endpoint that tell what they need.
const MIN_REACHED: u32 = 60;
/// Of so many calls those that came without may be the one in this many.
const NEED_SHARE: f64 = 0.03;
/// What an endpoint needs at most.
const MAX_NEEDS: usize = 6;

/// By endpoint: what hardly ever is not called before it, and the information in its absence.
type Needs = Vec<Vec<(Number, f64)>>;

impl Crowd {
    /// Of tools, then of humans.
    fn tell_needs(&mut self, needs: &mut [Needs; 2]) {
        let mut changed = BTreeSet::new();
        self.reached.tell(|key, _, _| {
            changed.insert(key);
        });
        let befores = &mut self.befores;
        self.before.tell(|(human, before, to), told, _| {
            if told == 0 {
                befores.entry((human, to)).or_default().push(before);
            }
            changed.insert((human, to));
        });
        let [tools, humans] = needs;
        for (human, to) in changed {
            let lists = if human { &mut *humans } else { &mut *tools };
            let list = self.needs(human, to);
            let place = usize::from(to);
            if place >= lists.len() && !list.is_empty() {
                lists.resize_with(place + 1, Vec::new);
            }
            if let Some(known) = lists.get_mut(place) {
                *known = list;
            }
        }
        for lists in needs {
            while lists.pop_if(|list| list.is_empty()).is_some() {}
        }
    }

    fn needs(&self, human: bool, to: Number) -> Vec<(Number, f64)> {
        let all = self.reached.get((human, to));
        if all < MIN_REACHED {
            return Vec::new();
        }
        let befores = self.befores.get(&(human, to)).into_iter().flatten();
        let needed = befores.filter_map(|&before| {
            let n = self.before.get((human, before, to));
            let without = (f64::from(all) - f64::from(n) + 0.5) / (f64::from(all) + 1.0);
            (without <= NEED_SHARE).then(|| (before, -libm::log2(without)))
        });
        let mut list: Vec<_> = needed.collect();
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(MAX_NEEDS);
        list
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
    needs: [Needs; 2],
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

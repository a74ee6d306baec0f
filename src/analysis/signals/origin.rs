//! `geo`, `agent` and `concurrent_use`: a token comes from where it never came from, by a program it never used, or from two
//! places in turn.

#![allow(clippy::cast_precision_loss, reason = "counts of days and calls")]

use super::{Scene, evidence};
use crate::analysis::alert::{Severity, Signal};
use crate::analysis::book::Finding;
use crate::analysis::short::{Use, Uses};
use crate::observation::{AgentClass, Country, TextId};

/// Countries and programs remembered per token; the longest unused goes first.
const MAX_KNOWN: usize = 8;
/// Calls further apart are not in turn.
const TURN_SECONDS: u32 = 1_800;
/// Changes of place within this time add up.
const SPAN_SECONDS: u32 = 3_600;
/// A place is new for this many seconds.
const NEW_SECONDS: u32 = 2 * 86_400;

/// A kind of program: the class, and part of the keyed hash of the product where it is no browser or app.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
struct Kind(u32);

impl Kind {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "29 bits of a hash tell the few programs of a token apart"
    )]
    const fn new(class: AgentClass, agent: TextId) -> Self {
        let product = match class {
            AgentClass::Browser | AgentClass::App => 0,
            AgentClass::Unknown | AgentClass::Tool | AgentClass::Bot => agent.0 as u32 >> 3,
        };
        Self((class as u32) << 29 | product)
    }
}

/// Without the gap that an odd number of bytes would leave.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(
    serialize = "T: Copy + serde::Serialize",
    deserialize = "T: Copy + serde::Deserialize<'de>"
))]
#[repr(Rust, packed(2))]
struct Known<T: Copy> {
    value: T,
    first: u32,
    last: u32,
    /// Calls, up to 255, and the active day of the first.
    calls: u8,
    day: u16,
}

impl<T: Copy + Ord> Use for Known<T> {
    type Key = T;

    fn key(&self) -> T {
        self.value
    }

    fn last(&self) -> u32 {
        self.last
    }
}

/// The values of one sort.
type Values<T> = Uses<[Known<T>; 1], MAX_KNOWN>;

/// Where a token comes from, and by what.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Origin {
    countries: Values<Country>,
    kinds: Values<Kind>,
    /// Country and program of the last call.
    place: (Country, Kind),
    /// Its second; 0 before the first.
    last: u32,
    /// Times of the last changes of place, newest first.
    changes: [u32; 3],
}

impl Origin {
    /// Most heap bytes.
    pub(in crate::analysis) const MOST_BYTES: usize =
        Values::<Country>::MOST_BYTES + Values::<Kind>::MOST_BYTES;

    /// Looks at a call; adds what is unusual about where it comes from.
    pub(in crate::analysis) fn observe(&mut self, scene: &Scene<'_>, findings: &mut Vec<Finding>) {
        let (now, seen) = (scene.seconds(), scene.observation);
        let kind = Kind::new(seen.agent_class, seen.agent);
        let days = u16::try_from(scene.days).unwrap_or(u16::MAX);
        let country_news = if seen.country == Country::UNKNOWN {
            None
        } else {
            note(&mut self.countries, seen.country, now, days)
        };
        let kind_news = note(&mut self.kinds, kind, now, days);
        let turns = self.turn((seen.country, kind), now);
        if let Some(turns) = turns.filter(|&turns| turns >= 3 && scene.ripe())
            && (self.is_new(seen.country, kind, now) || self.other_is_new(now))
        {
            findings.push(concurrent(scene, turns));
            return;
        }
        if let Some(news) = country_news {
            findings.extend(judge(scene, &news, Signal::Geo));
        }
        if let Some(news) = kind_news {
            findings.extend(judge(scene, &news, Signal::Agent));
        }
    }

    /// Changes of place in the last hour, if this call is one.
    fn turn(&mut self, place: (Country, Kind), now: u32) -> Option<u32> {
        let before = std::mem::replace(&mut self.place, place);
        let gap = now.saturating_sub(self.last);
        let first = std::mem::replace(&mut self.last, now) == 0;
        if first || before == place || gap >= TURN_SECONDS {
            return None;
        }
        self.changes.rotate_right(1);
        if let Some(first) = self.changes.first_mut() {
            *first = now;
        }
        let recent = self.changes.iter();
        let turns = recent.filter(|&&at| at > 0 && now.saturating_sub(at) < SPAN_SECONDS);
        u32::try_from(turns.count()).ok()
    }

    fn is_new(&self, country: Country, kind: Kind, now: u32) -> bool {
        let new = |first: u32| now.saturating_sub(first) < NEW_SECONDS;
        let country = self
            .countries
            .iter()
            .find(|known| { known.value } == country);
        let kind = self.kinds.iter().find(|known| { known.value } == kind);
        country.is_some_and(|known| new(known.first)) || kind.is_some_and(|known| new(known.first))
    }

    /// Heap bytes held.
    #[cfg(test)]
    pub(in crate::analysis) fn heap(&self) -> usize {
        self.countries.heap() + self.kinds.heap()
    }

    /// As full as can be.
    #[cfg(test)]
    pub(in crate::analysis) fn full() -> Self {
        let mut origin = Self::default();
        for (n, letter) in (0..).zip('A'..='Z') {
            let country = Country::from_code(&format!("A{letter}"));
            note(&mut origin.countries, country, n, 1);
            note(&mut origin.kinds, Kind(n), n, 1);
        }
        origin
    }

    /// Whether anything it came from in the last hour is new.
    fn other_is_new(&self, now: u32) -> bool {
        let new = |first: u32, last: u32| {
            now.saturating_sub(first) < NEW_SECONDS && now.saturating_sub(last) < SPAN_SECONDS
        };
        self.countries
            .iter()
            .any(|known| new(known.first, known.last))
            || self.kinds.iter().any(|known| new(known.first, known.last))
    }
}

/// What is new about a country or program.
struct News {
    /// How many were known before.
    known: usize,
    /// Calls from there so far, at most 255.
    calls: u8,
}

/// Notes a call; says so if it is one of the first.
fn note<T: Copy + Ord>(list: &mut Values<T>, value: T, now: u32, day: u16) -> Option<News> {
    let others = list.len() - usize::from(list.has(value));
    let entry = list.of(value, || Known {
        value,
        first: now,
        last: now,
        calls: 0,
        day,
    });
    entry.calls = entry.calls.saturating_add(1);
    entry.last = now;
    let calls = entry.calls;
    (calls <= 2 && entry.day == day).then_some(News {
        known: others,
        calls,
    })
}

fn judge(scene: &Scene<'_>, news: &News, signal: Signal) -> Option<Finding> {
    if !scene.ripe() || news.known == 0 {
        return None;
    }
    let days = f64::from(scene.days);
    let p = (news.known as f64 - 1.0 + 0.3) / (days + 1.0);
    let settled = news.known == 1 && scene.days >= scene.thresholds.origin_settled_days;
    // A first call may be a slip; of a token that never moved it is news at once.
    if p >= 0.2 || (news.calls < 2 && !settled) {
        return None;
    }
    let severity = if news.calls < 2 {
        Severity::Low
    } else {
        Severity::Medium
    };
    Some(Finding {
        severity: Some(severity),
        evidence: vec![
            evidence("observed_calls", f64::from(news.calls)),
            evidence("usual_calls", 0.0),
            evidence("most_ever_calls", 0.0),
            evidence("known_before", news.known as f64),
            evidence("active_days", days),
            evidence("calls_so_far", scene.calls as f64),
        ],
        ..scene.finding(signal, -libm::log(p * 1e-3), 0)
    })
    .filter(|_| signal == Signal::Geo || scene.observation.agent_class != AgentClass::Unknown)
}

fn concurrent(scene: &Scene<'_>, turns: u32) -> Finding {
    Finding {
        severity: Some(Severity::High),
        evidence: vec![
            evidence("observed_changes", f64::from(turns)),
            evidence("usual_changes", 0.0),
            evidence("window_seconds", f64::from(SPAN_SECONDS)),
            evidence("active_days", f64::from(scene.days)),
            evidence("calls_so_far", scene.calls as f64),
        ],
        ..scene.finding(Signal::ConcurrentUse, 18.4, u64::from(SPAN_SECONDS))
    }
}

//! The release schedule: which window of which budget period a moment lies in. Public data only.
//!
//! A budget period is the UTC day (or, with the weaker unit, the hour). It is cut into `T` windows of equal length, aligned
//! to its start and numbered 1 to `T`. Everything that is clipped, charged or released names a [`Window`].

use crate::clock::{SECONDS_PER_DAY, Tick};

/// Whose presence the public metrics hide, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Unit {
    /// Everything one principal did in one UTC day.
    #[default]
    PrincipalDay,
    /// Everything one principal did in one hour: the named weaker option for small deployments.
    PrincipalHour,
}

impl Unit {
    /// The name in config and in `hushtap_dp_info{unit}`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrincipalDay => "principal-day",
            Self::PrincipalHour => "principal-hour",
        }
    }

    /// Seconds in the budget period.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::PrincipalDay => SECONDS_PER_DAY,
            Self::PrincipalHour => 3_600,
        }
    }
}

/// One window of one budget period. Ordered by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Window {
    /// The budget period, counted from the epoch (for the day unit: days since 1970-01-01).
    pub period: u64,
    /// The window within it, 1 to `T`.
    pub index: u32,
}

/// How budget periods are cut into windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Seconds, at least 1.
    window_seconds: u64,
    /// Windows in a period, at least 1.
    windows: u32,
}

impl Schedule {
    /// The window lengths on offer, in seconds. Shorter ones only hurt sparse principals; longer ones hide incidents.
    pub const WINDOW_SECONDS: [u32; 4] = [10, 30, 60, 300];

    /// For a unit and one of [`Self::WINDOW_SECONDS`]; none for another length.
    pub fn new(unit: Unit, window_seconds: u32) -> Option<Self> {
        if !Self::WINDOW_SECONDS.contains(&window_seconds) {
            return None;
        }
        let seconds = u64::from(window_seconds);
        Self::shrunken(seconds, u32::try_from(unit.seconds() / seconds).ok()?)
    }

    /// A period of any number of windows, for audits on a shrunken day; none if either is 0.
    pub const fn shrunken(window_seconds: u64, windows: u32) -> Option<Self> {
        if window_seconds == 0 || windows == 0 {
            return None;
        }
        Some(Self {
            window_seconds,
            windows,
        })
    }

    /// `T`: the number of windows in a period.
    pub const fn windows(self) -> u32 {
        self.windows
    }

    /// The length of a window in seconds.
    pub const fn window_seconds(self) -> u64 {
        self.window_seconds
    }

    /// The window that `tick` lies in.
    pub fn window_of(self, tick: Tick) -> Window {
        let number = tick.0 / self.window_seconds;
        let windows = u64::from(self.windows);
        Window {
            period: number / windows,
            index: u32::try_from(number % windows)
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        }
    }

    /// The first tick of a window.
    pub fn start(self, window: Window) -> Tick {
        Tick(self.number(window).saturating_mul(self.window_seconds))
    }

    /// The first tick after a window.
    pub fn end(self, window: Window) -> Tick {
        self.start(self.next(window))
    }

    /// The window after `window`.
    #[must_use]
    pub const fn next(self, window: Window) -> Window {
        if window.index < self.windows {
            Window {
                period: window.period,
                index: window.index.saturating_add(1),
            }
        } else {
            Window {
                period: window.period.saturating_add(1),
                index: 1,
            }
        }
    }

    /// How many windows lie strictly between `earlier` and `later`.
    pub fn between(self, earlier: Window, later: Window) -> u64 {
        self.number(later)
            .saturating_sub(self.number(earlier))
            .saturating_sub(1)
    }

    /// `w - s0 + 1`: windows up to `window` of its period in which a process may count. `s0` is the first of them: 1, or
    /// after a start in that period the later of the process's first window (`session`) and the one after the last that may
    /// have been released (`high_water`). 0: nothing may be counted.
    pub fn age(self, window: Window, session: Option<Window>, high_water: Option<Window>) -> u64 {
        let first = |start: Window| match start.period.cmp(&window.period) {
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => u64::from(start.index),
            std::cmp::Ordering::Greater => u64::MAX,
        };
        let released = high_water.map_or(1, |mark| first(self.next(mark)));
        let s0 = session.map_or(1, first).max(released);
        u64::from(window.index)
            .checked_sub(s0)
            .map_or(0, |past| past.saturating_add(1))
    }

    /// Windows since the epoch.
    fn number(self, window: Window) -> u64 {
        window
            .period
            .saturating_mul(u64::from(self.windows))
            .saturating_add(u64::from(window.index.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_cut_at_utc_midnight() {
        let schedule = Schedule::new(Unit::PrincipalDay, 60).unwrap();
        assert_eq!(schedule.windows(), 1_440);
        let last = schedule.window_of(Tick(SECONDS_PER_DAY - 1));
        assert_eq!((last.period, last.index), (0, 1_440));
        assert_eq!(
            schedule.next(last),
            schedule.window_of(Tick(SECONDS_PER_DAY))
        );
        assert_eq!(schedule.end(last), Tick(SECONDS_PER_DAY));
        assert_eq!(schedule.start(last), Tick(SECONDS_PER_DAY - 60));
    }

    #[test]
    fn windows_between_are_counted_over_midnight() {
        let schedule = Schedule::new(Unit::PrincipalHour, 300).unwrap();
        let a = schedule.window_of(Tick(3_000));
        let b = schedule.window_of(Tick(3_900));
        assert_eq!((a.index, b.index), (11, 2));
        assert_eq!(schedule.between(a, b), 2);
        assert_eq!(schedule.between(b, a), 0);
        assert_eq!(schedule.between(a, schedule.next(a)), 0);
    }

    #[test]
    fn odd_lengths_are_refused() {
        assert!(Schedule::new(Unit::PrincipalDay, 7).is_none());
        assert!(Schedule::shrunken(60, 0).is_none());
    }
}

//! Time. Packet time is the only time hushtap knows; this is the one file that may read the wall clock.
//!
//! Everything that ages, expires or closes does so on [`EventTime`], taken from the packets, so that a replay behaves as
//! the live run did. Live idle links advance by [`wall_now`], which only the capture thread calls.

use std::fmt;

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Seconds in a UTC day (leap seconds are smeared by every capture source there is).
pub const SECONDS_PER_DAY: u64 = 86_400;

/// A moment in packet time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct EventTime(u64);

impl EventTime {
    /// The epoch itself; used where no packet was seen yet.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn secs(self) -> u64 {
        self.0 / NANOS_PER_SECOND
    }

    /// Whole microseconds from `earlier` to `self`, 0 if `self` is not later.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }

    /// Nanoseconds from `earlier` to `self`, 0 if `self` is not later.
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `self` plus a span in nanoseconds, saturating.
    #[must_use]
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The tick (1 s of packet time) this moment lies in.
    pub const fn tick(self) -> Tick {
        Tick(self.secs())
    }
}

/// RFC 3339 in UTC with microseconds: `2026-11-22T06:53:00.123456Z`.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = i64::try_from(self.0 / 1_000).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_microsecond(micros) {
            Ok(stamp) => write!(f, "{stamp:.6}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999999Z"),
        }
    }
}

/// One second of packet time, counted from the epoch. Observations are ordered and applied tick by tick.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Tick(pub u64);

impl Tick {
    /// The first moment of this tick.
    pub const fn start(self) -> EventTime {
        EventTime::from_secs(self.0)
    }

    /// The tick after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A running maximum over packet stamps with a guard: one corrupt stamp far in the future must not expire every flow.
///
/// A stamp more than [`PacketClock::JUMP_NANOS`] ahead is believed only once [`PacketClock::CONFIRM`] packets in a row
/// agree with it; until then the clock stands still. Stamps in the past never move it back.
#[derive(Debug, Default)]
pub struct PacketClock {
    now: EventTime,
    started: bool,
    ahead: u32,
    jumps: u64,
}

impl PacketClock {
    /// A stamp further ahead than this (6 hours) is suspect.
    pub const JUMP_NANOS: u64 = 6 * 3_600 * NANOS_PER_SECOND;
    /// Packets in a row that must agree before a far jump is believed.
    pub const CONFIRM: u32 = 4;

    /// Takes the stamp of the next packet and returns the clock after it.
    pub fn advance(&mut self, stamp: EventTime) -> EventTime {
        if !self.started {
            self.started = true;
            self.now = stamp;
        } else if stamp.nanos_since(self.now) > Self::JUMP_NANOS {
            self.ahead += 1;
            if self.ahead >= Self::CONFIRM {
                self.ahead = 0;
                self.jumps += 1;
                self.now = stamp;
            }
        } else {
            self.ahead = 0;
            self.now = self.now.max(stamp);
        }
        self.now
    }

    /// The clock as it stands.
    pub const fn now(&self) -> EventTime {
        self.now
    }

    /// Far jumps that were believed so far.
    pub const fn jumps(&self) -> u64 {
        self.jumps
    }
}

/// The wall clock. Only for live idle links, log lines and file rotation; never for analysis.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that may read the wall clock"
)]
pub fn wall_now() -> EventTime {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    EventTime::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_corrupt_stamp_does_not_move_the_clock() {
        let mut clock = PacketClock::default();
        clock.advance(EventTime::from_secs(100));
        clock.advance(EventTime::from_secs(4_000_000_000));
        assert_eq!(
            clock.advance(EventTime::from_secs(101)),
            EventTime::from_secs(101)
        );
        assert_eq!(clock.jumps(), 0);
    }

    #[test]
    fn a_real_gap_is_believed_after_a_few_packets() {
        let mut clock = PacketClock::default();
        clock.advance(EventTime::from_secs(100));
        for second in 0..PacketClock::CONFIRM {
            clock.advance(EventTime::from_secs(200_000 + u64::from(second)));
        }
        assert_eq!(clock.now(), EventTime::from_secs(200_003));
    }

    #[test]
    fn prints_rfc_3339() {
        let time = EventTime::from_nanos(1_795_330_380_123_456_789);
        assert_eq!(time.to_string(), "2026-11-22T06:53:00.123456Z");
    }
}

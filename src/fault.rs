//! Faults of the privacy mechanism that the audit must catch: planted on purpose, in builds with the feature
//! `planted-faults` only. In every other build [`planted`] is `false` at compile time, and nothing of this is left.

macro_rules! faults {
    ($($fault:ident = $name:literal: $doc:literal),+ $(,)?) => {
        /// A mistake that voids the claim.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Fault { $(#[doc = $doc] $fault),+ }

        impl Fault {
            /// All of them with their names on the command line.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$fault, $name)),+];
        }
    };
}

faults! {
    HalfNoise = "half-noise": "Half of the standard deviation.",
    NoClip = "no-clip": "Contributions are not bounded.",
    NoisePerScrape = "noise-per-scrape": "Eight scrapers are each served a draw of their own.",
    CrashRefund = "crash-refund": "After a restart the allowance is as if nothing had been spent.",
    OnceRecount = "once-recount": "After a restart principals count anew.",
    MissingWhenZero = "missing-when-zero": "A series without traffic is left out.",
    TemplateShift = "template-shift": "One principal more, and requests of all move to another cell.",
    CumulativeBuckets = "cumulative-buckets": "Noise is added to cumulative buckets.",
    RolloverBank = "rollover-bank": "The allowance of the day before is not forgotten.",
    EvictionRefund = "eviction-refund": "A principal that was evicted comes back with nothing spent.",
    ClockBackRestart = "clock-back-restart": "After a restart with the clock set back, windows are released again.",
    CrossTokenFlag = "cross-token-flag": "One principal more, and others show a signal.",
}

/// Principals from which on the faults that let one move others show.
pub const CROWD: usize = 31;

#[cfg(feature = "planted-faults")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(u8::MAX);

/// Plants a fault for the rest of the process.
#[cfg(feature = "planted-faults")]
pub fn plant(fault: Fault) {
    PLANTED.store(fault as u8, std::sync::atomic::Ordering::Relaxed);
}

/// Whether a fault is planted.
#[cfg(feature = "planted-faults")]
pub fn planted(fault: Fault) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::Relaxed) == fault as u8
}

/// Whether a fault is planted: never in this build.
#[cfg(not(feature = "planted-faults"))]
pub const fn planted(_fault: Fault) -> bool {
    false
}

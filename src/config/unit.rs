//! Sizes and times as people write them: `"64 MiB"`, `"10 s"`, `"1.5 days"`.
//!
//! A bare number has no unit and is refused, except `0`. Values are exact: a fraction must come out as a whole number of
//! bytes or nanoseconds.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct ByteSize(u64);

impl ByteSize {
    /// Kibibytes.
    pub const fn kib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 10))
    }

    /// Mebibytes.
    pub const fn mib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 20))
    }

    /// Bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size in memory.
    pub fn of(bytes: usize) -> Self {
        Self(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// As a `usize`, saturating.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// As a `u32`, saturating.
    pub fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    const UNITS: &'static [Unit] = &[
        Unit(&["GiB"], 1 << 30),
        Unit(&["MiB"], 1 << 20),
        Unit(&["KiB"], 1 << 10),
        Unit(&["GB"], 1_000_000_000),
        Unit(&["MB"], 1_000_000),
        Unit(&["kB", "KB"], 1_000),
        Unit(&["B", "bytes"], 1),
    ];
}

/// A length of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Span(u64);

impl Span {
    /// Milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// Nanoseconds.
    pub const fn nanos_of(n: u64) -> Self {
        Self(n)
    }

    /// Seconds.
    pub const fn secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000_000))
    }

    /// Minutes.
    pub const fn mins(n: u64) -> Self {
        Self::secs(n.saturating_mul(60))
    }

    /// Hours.
    pub const fn hours(n: u64) -> Self {
        Self::mins(n.saturating_mul(60))
    }

    /// Days of 24 hours.
    pub const fn days(n: u64) -> Self {
        Self::hours(n.saturating_mul(24))
    }

    /// The number of nanoseconds.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// As the standard library's duration.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }

    const UNITS: &'static [Unit] = &[
        Unit(&["days", "day", "d"], 86_400_000_000_000),
        Unit(&["h", "hours", "hour"], 3_600_000_000_000),
        Unit(&["min", "mins", "minutes", "minute", "m"], 60_000_000_000),
        Unit(&["s", "seconds", "second", "sec"], 1_000_000_000),
        Unit(&["ms", "milliseconds", "millisecond"], 1_000_000),
        Unit(&["us", "µs", "microseconds"], 1_000),
        Unit(&["ns", "nanoseconds"], 1),
    ];
}

/// Spellings (the first is the one printed) and how many base units one is.
struct Unit(&'static [&'static str], u64);

/// Why a text is no quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuantityError {
    /// There is no number at the start.
    NoNumber,
    /// A number without a unit.
    NoUnit,
    /// A unit that is not on the list.
    UnknownUnit,
    /// Too large for 64 bits, or a fraction of a byte or nanosecond.
    OutOfRange,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNumber => "no number",
            Self::NoUnit => "the unit is missing",
            Self::UnknownUnit => "unknown unit",
            Self::OutOfRange => "out of range",
        })
    }
}

/// `NUMBER[.FRACTION] UNIT`, exactly.
fn parse(text: &str, units: &[Unit]) -> Result<u64, QuantityError> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.contains('.') {
        return Err(QuantityError::NoNumber);
    }
    let unit = unit.trim();
    if unit.is_empty() {
        return if whole == "0" && fraction.is_empty() {
            Ok(0)
        } else {
            Err(QuantityError::NoUnit)
        };
    }
    let factor = units
        .iter()
        .find(|Unit(names, _)| names.contains(&unit))
        .map(|Unit(_, factor)| u128::from(*factor))
        .ok_or(QuantityError::UnknownUnit)?;
    scale(whole, fraction, factor).ok_or(QuantityError::OutOfRange)
}

/// `whole.fraction * factor`, if that is a whole number of 64 bits.
fn scale(whole: &str, fraction: &str, factor: u128) -> Option<u64> {
    let fraction = fraction.trim_end_matches('0');
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = digits.checked_mul(factor)?;
    if scaled % scale != 0 {
        return None;
    }
    u64::try_from(scaled / scale).ok()
}

/// In the largest unit that gives a whole number.
fn print(value: u64, units: &[Unit], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fits = |factor: u64| value != 0 && value.is_multiple_of(factor);
    // Decimal multiples of bytes are never chosen: sizes are shown in binary units.
    let shown = units
        .iter()
        .filter(|Unit(names, _)| !names.iter().any(|n| matches!(*n, "GB" | "MB" | "kB")))
        .find(|Unit(_, factor)| fits(*factor));
    match (shown, units.last()) {
        (Some(Unit(names, factor)), _) => {
            write!(f, "{} {}", value / factor, names.first().unwrap_or(&""))
        }
        (None, Some(Unit(names, _))) => write!(f, "{value} {}", names.first().unwrap_or(&"")),
        (None, None) => write!(f, "{value}"),
    }
}

macro_rules! quantity {
    ($name:ident, $example:literal) => {
        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                parse(text, Self::UNITS).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(self.0, Self::UNITS, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a text with a unit, such as ", $example))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|why| {
                            E::custom(format!(
                                "`{text}`: {why}; expected {}",
                                concat!("a text with a unit, such as ", $example)
                            ))
                        })
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

quantity!(ByteSize, "\"64 MiB\"");
quantity!(Span, "\"10 s\"");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, bytes) in [
            ("64 MiB", 64 << 20),
            ("1.5 KiB", 1536),
            ("9kB", 9_000),
            ("0", 0),
            ("17 B", 17),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes, "{text}");
        }
        for (text, span) in [
            ("10 s", Span::secs(10)),
            ("1.5 days", Span::hours(36)),
            ("250ms", Span::millis(250)),
            ("30 days", Span::days(30)),
            ("10 min", Span::mins(10)),
        ] {
            assert_eq!(text.parse::<Span>().unwrap(), span, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        for (text, why) in [
            ("64", QuantityError::NoUnit),
            ("", QuantityError::NoNumber),
            ("-3 s", QuantityError::NoNumber),
            ("1. s", QuantityError::NoNumber),
            ("1.2.3 s", QuantityError::NoNumber),
            ("3 fortnights", QuantityError::UnknownUnit),
            ("0.3 ns", QuantityError::OutOfRange),
            ("99999999999999999999 s", QuantityError::OutOfRange),
        ] {
            assert_eq!(text.parse::<Span>(), Err(why), "{text}");
        }
        assert_eq!("0.3 B".parse::<ByteSize>(), Err(QuantityError::OutOfRange));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(value: u64) {
            prop_assert_eq!(ByteSize(value).to_string().parse::<ByteSize>(), Ok(ByteSize(value)));
            prop_assert_eq!(Span(value).to_string().parse::<Span>(), Ok(Span(value)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,24}") {
            let (size, span) = (text.parse::<ByteSize>(), text.parse::<Span>());
            prop_assert!(size.is_err() || span.is_err() || text.trim() == "0");
        }

        #[test]
        fn fractions_are_exact(whole in 0_u64..1_000_000, tenths in 0_u64..10) {
            let span: Span = format!("{whole}.{tenths} s").parse().unwrap();
            prop_assert_eq!(span.nanos(), whole * 1_000_000_000 + tenths * 100_000_000);
        }
    }
}

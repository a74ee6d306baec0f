//! Rules beyond type, `required` and `enum`: lengths, ranges, numbers of elements, forms of text (JSON Schema 2020-12
//! validation, sections 6.2 to 6.4 and 7; OpenAPI 3.0.3, "Data Types").
//!
//! Documents are less exact here than in their types, so every rule is read in the way that allows most: a number that may
//! have been rounded breaks no bound, and a form of text is broken by what no reader in use would take for it.

use std::cmp::Ordering;
use std::net::Ipv6Addr;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::pattern::Pattern;
use crate::observation::SchemaRule;

/// From here on, whole numbers are not exact as floating point.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Longest text whose form is looked at (bytes).
const MAX_FORM: usize = 128;

/// What a schema asks of a value beyond its type.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Facets {
    /// Characters.
    length: Within,
    /// Elements.
    items: Within,
    /// `minimum` and `maximum`, and both without the bound itself.
    at_least: Option<f64>,
    at_most: Option<f64>,
    above: Option<f64>,
    below: Option<f64>,
    format: Option<Format>,
    pattern: Option<Arc<Pattern>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Within {
    least: Option<u64>,
    most: Option<u64>,
}

/// Forms that are held to. All others are notes for people, as `format` is by default (section 7.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Date,
    DateTime,
    Uuid,
    Ipv4,
    Ipv6,
    Int32,
    Int64,
}

impl Facets {
    /// What a schema says; none if nothing. Patterns are compiled by whoever keeps them.
    pub(super) fn read(
        map: &Map<String, Value>,
        pattern: Option<Arc<Pattern>>,
    ) -> Option<Box<Self>> {
        let count = |key| map.get(key).and_then(Value::as_u64);
        let number = |key| map.get(key).and_then(Value::as_f64);
        // In 3.0 a flag says that the bound itself is out; in 3.1 it is a bound of its own.
        let is_open = |key| map.get(key).and_then(Value::as_bool) == Some(true);
        let (minimum, maximum) = (number("minimum"), number("maximum"));
        let (low_open, high_open) = (is_open("exclusiveMinimum"), is_open("exclusiveMaximum"));
        let facets = Self {
            length: Within {
                least: count("minLength"),
                most: count("maxLength"),
            },
            items: Within {
                least: count("minItems"),
                most: count("maxItems"),
            },
            at_least: minimum.filter(|_| !low_open),
            at_most: maximum.filter(|_| !high_open),
            above: number("exclusiveMinimum").or(minimum.filter(|_| low_open)),
            below: number("exclusiveMaximum").or(maximum.filter(|_| high_open)),
            format: map
                .get("format")
                .and_then(Value::as_str)
                .and_then(Format::named),
            pattern,
        };
        (facets != Self::default()).then(|| Box::new(facets))
    }

    /// The rules that a value breaks.
    pub(super) fn broken(&self, value: &Value) -> impl Iterator<Item = SchemaRule> + use<> {
        let found = match value {
            Value::String(text) => self.text(text),
            Value::Number(number) => self.number(number),
            Value::Array(elements) => {
                let few = (SchemaRule::MinItems, SchemaRule::MaxItems);
                [self.items.broken(few, elements.len()), None, None]
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => [None; 3],
        };
        found.into_iter().flatten()
    }

    fn text(&self, text: &str) -> [Option<SchemaRule>; 3] {
        let rules = (SchemaRule::MinLength, SchemaRule::MaxLength);
        let length = self.length.broken(rules, text.chars().count());
        let format = self.format.is_some_and(|format| !format.fits(text));
        let pattern = self.pattern.as_ref();
        let pattern = pattern.is_some_and(|pattern| !pattern.fits(text));
        [
            length,
            format.then_some(SchemaRule::Format),
            pattern.then_some(SchemaRule::Pattern),
        ]
    }

    fn number(&self, number: &Number) -> [Option<SchemaRule>; 3] {
        let Some(value) = number.as_f64() else {
            return [None; 3];
        };
        // Rounding keeps the order of two numbers, or makes them the same.
        let at = |bound: Option<f64>| {
            bound.is_some_and(|b| b.abs() < EXACT && value.partial_cmp(&b) == Some(Ordering::Equal))
        };
        let low = self.at_least.is_some_and(|least| value < least)
            || self.above.is_some_and(|above| value < above)
            || at(self.above);
        let high = self.at_most.is_some_and(|most| value > most)
            || self.below.is_some_and(|below| value > below)
            || at(self.below);
        let format = self.format;
        let format = format.is_some_and(|format| !format.holds(number, value));
        [
            low.then_some(SchemaRule::Minimum),
            high.then_some(SchemaRule::Maximum),
            format.then_some(SchemaRule::Format),
        ]
    }
}

impl Within {
    fn broken(self, (few, many): (SchemaRule, SchemaRule), count: usize) -> Option<SchemaRule> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if self.least.is_some_and(|least| count < least) {
            Some(few)
        } else {
            self.most.filter(|most| count > *most).map(|_| many)
        }
    }
}

impl Format {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "date" => Self::Date,
            "date-time" => Self::DateTime,
            "uuid" => Self::Uuid,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            _ => return None,
        })
    }

    /// Whether a text may be read as one.
    fn fits(self, text: &str) -> bool {
        // No value at all is often written so.
        let text = text.trim();
        if text.is_empty() {
            return true;
        }
        match self {
            Self::Int32 | Self::Int64 => true,
            _ if text.len() > MAX_FORM => false,
            Self::Date => is_date(text),
            Self::DateTime => is_date_time(text),
            Self::Uuid => is_uuid(text),
            Self::Ipv4 => is_ipv4(text),
            Self::Ipv6 => text
                .split('%')
                .next()
                .is_some_and(|text| text.parse::<Ipv6Addr>().is_ok()),
        }
    }

    /// Whether a number has room in it. Fractions are a matter of the type.
    fn holds(self, number: &Number, value: f64) -> bool {
        match self {
            Self::Int32 => (-2_147_483_648.0..=2_147_483_647.0).contains(&value.trunc()),
            // Of those written with a point or an exponent, 2^63 itself may have been rounded.
            Self::Int64 => {
                number.is_i64() || (number.is_f64() && value.abs() <= 9_223_372_036_854_775_808.0)
            }
            Self::Date | Self::DateTime | Self::Uuid | Self::Ipv4 | Self::Ipv6 => true,
        }
    }
}

/// A `full-date` (RFC 3339 section 5.6) that the calendar has.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let of = |text: &str, digits| number(text).filter(|_| text.len() == digits);
    let (Some(year), Some(month), Some(day)) = (of(year, 4), of(month, 2), of(day, 2)) else {
        return false;
    };
    let small = |number: u16| i8::try_from(number).unwrap_or(0);
    let year = i16::try_from(year).unwrap_or(i16::MIN);
    jiff::civil::Date::new(year, small(month), small(day)).is_ok()
}

/// A `date-time` (RFC 3339 section 5.6), and what ISO 8601 and programs in use make of it: without zone or seconds, with a
/// zone without colon, with a blank for the T or for the plus (as forms decode it), with a zone's name (RFC 9557).
fn is_date_time(text: &str) -> bool {
    let text = match text.split_once('[') {
        Some((text, name)) if name.ends_with(']') => text,
        Some(_) => return false,
        None => text,
    };
    let Some((date, rest)) = text.split_at_checked(10) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix(['T', 't', ' ', '_']) else {
        return false;
    };
    let zone = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone).unwrap_or((rest, ""));
    is_date(date) && is_time(time) && is_zone(zone.trim_start())
}

fn is_time(text: &str) -> bool {
    let (text, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let mut parts = text.split(':');
    let two = |text: &str, most| text.len() == 2 && number(text).is_some_and(|n| n <= most);
    let hours = parts.next().is_some_and(|text| two(text, 24));
    let minutes = parts.next().is_some_and(|text| two(text, 59));
    let seconds = parts.next().is_none_or(|text| two(text, 60));
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    hours && minutes && seconds && digits && parts.next().is_none()
}

fn is_zone(text: &str) -> bool {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return true;
    }
    // Where a form has decoded the plus to a blank there is no sign.
    let digits = text.trim_start_matches(['+', '-']);
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    matches!(digits.len(), 2 | 4) && number(&digits).is_some()
}

fn is_uuid(text: &str) -> bool {
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    let text = inner.unwrap_or(text);
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    let is_hex = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_hex && matches!(lengths.as_slice(), [32] | [8, 4, 4, 4, 12])
}

/// Four numbers, however many zeros stand before them.
fn is_ipv4(text: &str) -> bool {
    let mut parts = text.split('.');
    let fit = |part: &str| part.len() <= 3 && number(part).is_some_and(|n| n <= 255);
    text.split('.').count() == 4 && parts.all(fit)
}

/// Digits, and nothing else.
fn number(text: &str) -> Option<u16> {
    let is_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn broken(schema: &Value, value: &Value) -> Vec<&'static str> {
        let facets = Facets::read(schema.as_object().unwrap(), None).unwrap();
        facets.broken(value).map(SchemaRule::name).collect()
    }

    /// A schema, a value that fits it, one that does not, and the rule that this one breaks.
    const BOUNDS: &str = r#"
{"minLength": 2} | "äö" | "😀" | min_length
{"maxLength": 2} | "😀ä" | "abc" | max_length
{"minimum": 1} | 1 | 0.999 | minimum
{"maximum": 1.5} | 1.5 | 2 | maximum
{"minimum": 1, "exclusiveMinimum": true} | 1.1 | 1 | minimum
{"maximum": 1, "exclusiveMaximum": true} | 0.9 | 1 | maximum
{"minimum": 1, "exclusiveMinimum": false} | 1 | 0 | minimum
{"exclusiveMinimum": 1} | 2 | 1 | minimum
{"exclusiveMaximum": 1} | 0 | 1 | maximum
{"minItems": 1} | [1] | [] | min_items
{"maxItems": 1} | [1] | [1, 2] | max_items
{"format": "int32"} | -2147483648 | 2147483648 | format
{"format": "int64"} | 9223372036854775807 | 9223372036854775808 | format
{"format": "int64"} | -9.223372036854775808e18 | 1e19 | format
"#;

    #[test]
    fn bounds_are_held_to() {
        let mut held = 0;
        for line in BOUNDS.lines().filter(|line| !line.is_empty()) {
            let cells: Vec<_> = line.split(" | ").collect();
            let read = |at: usize| serde_json::from_str::<Value>(cells[at]).unwrap();
            assert!(broken(&read(0), &read(1)).is_empty(), "{line}");
            assert_eq!(broken(&read(0), &read(2)), [cells[3]], "{line}");
            // It says nothing of other types.
            for other in [json!({"a": true}), json!(null), json!(true)] {
                assert!(broken(&read(0), &other).is_empty(), "{line}");
            }
            held += 1;
        }
        assert_eq!(held, 14);
    }

    #[test]
    fn what_is_not_beyond_doubt_breaks_nothing() {
        // Of numbers that are rounded nobody knows on which side they were.
        let large = json!(9_007_199_254_740_993_u64);
        for schema in [
            json!({"exclusiveMinimum": 9_007_199_254_740_993_u64}),
            json!({"minimum": 9_007_199_254_740_992_u64}),
            json!({"format": "int64"}),
        ] {
            assert!(broken(&schema, &large).is_empty(), "{schema}");
        }
        // What is no bound is none.
        for odd in [
            json!({"minLength": "2"}),
            json!({"minimum": null}),
            json!({"maxItems": -1}),
            json!({"format": "email"}),
        ] {
            assert!(Facets::read(odd.as_object().unwrap(), None).is_none());
        }
    }

    /// A form, and texts that have it or break it.
    const FORMS: &str = r"
date + 2024-02-29
date -  2023-02-29
date - 2026-13-01
date - 05.01.2026
date - 2026-1-5
date - 2026-01-05T00:00:00Z
date - +026-01-05
date-time + 2026-01-05T10:00:00Z
date-time + 2026-01-05t10:00:00.123456z
date-time + 2026-01-05T10:00:00+01:00
date-time + 2026-01-05T10:00:00 01:00
date-time + 2026-01-05 10:00:00
date-time + 2026-01-05T10:00Z
date-time + 2026-01-05T10:00:00.000+0000
date-time + 2016-12-31T23:59:60Z
date-time + 2026-01-05T10:00:00+01:00[Europe/Berlin]
date-time - 2026-01-05
date-time - 1767607200
date-time - tomorrow
date-time - 2026-01-05T25:00:00Z
date-time - 2026-01-05T10:60:00Z
date-time - 2026-02-30T10:00:00Z
date-time - 2026-01-05T10:00:00.Z
date-time - Mon, 05 Jan 2026 10:00:00 GMT
date-time - 2026-01-05T10:00:00Z' or 1=1
uuid + 9b2c6f3e-7d41-4c55-8a11-0123456789AB
uuid + 9b2c6f3e7d414c558a110123456789ab
uuid + {9b2c6f3e-7d41-4c55-8a11-0123456789ab}
uuid + urn:uuid:9b2c6f3e-7d41-4c55-8a11-0123456789ab
uuid - 9b2c6f3e
uuid - 7
uuid - 9b2c6f3e-7d41-4c55-8a11-0123456789ag
uuid - 9b2c6f3e-7d414c558a110123456789ab----
ipv4 + 192.0.2.1
ipv4 + 010.0.0.1
ipv4 - 192.0.2.256
ipv4 - 192.0.2
ipv4 - 192.0.2.1.1
ipv4 - ::1
ipv4 - 192.0.2.+1
ipv4 - 192.0.2.
ipv6 + ::1
ipv6 + 2001:db8::1
ipv6 + fe80::1%eth0
ipv6 + ::ffff:192.0.2.1
ipv6 - 192.0.2.1
ipv6 - 2001:db8
ipv6 - g::1
";

    #[test]
    fn forms_of_text_are_read_generously() {
        let mut held = 0;
        for line in FORMS.lines().filter(|line| !line.is_empty()) {
            let mut cells = line.splitn(3, ' ');
            let [format, has, text] = [(); 3].map(|()| cells.next().unwrap());
            let found = broken(&json!({"format": format}), &json!(text));
            assert_eq!(found.is_empty(), has == "+", "{line}");
            // No text at all, or none but blanks, may mean that there is none.
            assert!(broken(&json!({"format": format}), &json!(" ")).is_empty());
            let long = json!("1".repeat(1_000));
            assert_eq!(broken(&json!({"format": format}), &long), ["format"]);
            held += 1;
        }
        assert_eq!(held, 48);
    }

    proptest! {
        #[test]
        fn what_the_standard_library_writes_fits(v4 in any::<[u8; 4]>(), v6 in any::<[u16; 8]>(), seconds in -62_135_596_800_i64..253_402_207_200) {
            let v4 = std::net::Ipv4Addr::from(v4).to_string();
            let v6 = Ipv6Addr::from(v6).to_string();
            let time = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            for (format, text) in [("ipv4", &v4), ("ipv6", &v6), ("date-time", &time), ("date", &time[..10].to_owned())] {
                prop_assert!(broken(&json!({"format": format}), &json!(text)).is_empty(), "{format} {text}");
            }
        }

        #[test]
        fn any_text_is_read(text in "\\PC{0,40}", format in proptest::sample::select(vec!["date", "date-time", "uuid", "ipv4", "ipv6", "int32"])) {
            let _read = broken(&json!({"format": format, "minLength": 3}), &json!(text));
        }

        #[test]
        fn a_number_within_its_bounds_breaks_none(a in any::<i64>(), b in any::<i64>(), c in any::<i64>()) {
            let mut three = [a, b, c];
            three.sort_unstable();
            let schema = json!({"minimum": three[0], "maximum": three[2], "format": "int64"});
            prop_assert!(broken(&schema, &json!(three[1])).is_empty());
        }
    }
}

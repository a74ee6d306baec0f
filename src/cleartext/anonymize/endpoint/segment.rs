//! One path segment in words that are nobody's: a word of the vocabulary, or the class of what stood there.
//!
//! A segment is printed as it is only if it is built from the vocabulary: a word (`users`), words joined by `-`, `_` or
//! capitals (`payment-methods`, `getOrderStatus`), a version (`v1`), a word with a known format behind it (`report.pdf`)
//! or with a custom verb (`{int}:cancel`). Everything else becomes its class, a function of the segment alone:
//!
//! | class | what stood there |
//! |---|---|
//! | `{int}`, `{number}` | digits; digits with sign or point |
//! | `{uuid}` | RFC 9562 text form |
//! | `{hash}`, `{hex}` | hexadecimal digits, of the length of a digest or of any other |
//! | `{date}`, `{time}` | `2026-11-22`; a date with a time of day |
//! | `{email}`, `{handle}` | with an `@` inside; with an `@` in front |
//! | `{ip}`, `{phone}`, `{domain}` | an address; `+` and digits; labels joined by dots |
//! | `{version}` | `v10`, `v1.2`, `v2beta1` |
//! | `{word}`, `{slug}` | letters; letters and digits joined by `-` or `_` |
//! | `{id}`, `{token}` | letters mixed with digits, short; long |
//! | `{list}`, `{key}`, `{text}` | with commas; `name(…)`; anything else |

use crate::observation::Class;
use crate::observation::vocabulary::{call_name, is_literal, split_format, split_verb};

/// Letters and digits in a row from which on a mixture is a `{token}`, not an `{id}`.
const TOKEN_LEN: usize = 16;
/// Letters in a row from which on they are no word.
const MAX_WORD: usize = 24;

/// Appends the segment as it may be printed.
pub(super) fn describe(segment: &[u8], out: &mut String) {
    if is_literal(segment) {
        push_ascii(segment, out);
    } else if let Some((name, format)) = split_format(segment) {
        describe_plain(name, out);
        out.push('.');
        out.push_str(format.text());
    } else if let Some((name, verb)) = split_verb(segment) {
        describe_plain(name, out);
        out.push(':');
        push_ascii(verb, out);
    } else {
        describe_plain(segment, out);
    }
}

fn describe_plain(segment: &[u8], out: &mut String) {
    if is_literal(segment) {
        push_ascii(segment, out);
    } else if let Some(name) = call_name(segment) {
        push_ascii(name, out);
        out.push_str("({key})");
    } else {
        out.push_str(class_of(segment).text());
    }
}

/// Vocabulary is ASCII, so bytes are characters.
fn push_ascii(word: &[u8], out: &mut String) {
    out.extend(word.iter().map(|byte| char::from(*byte)));
}

/// How often each sort of character stands in a segment.
#[derive(Default)]
struct Census {
    digits: usize,
    letters: usize,
    hex_letters: usize,
    joins: usize,
    dots: usize,
    others: usize,
}

impl Census {
    fn of(segment: &[u8]) -> Self {
        let mut census = Self::default();
        for byte in segment {
            let slot = match byte {
                b'0'..=b'9' => &mut census.digits,
                b'a'..=b'f' | b'A'..=b'F' => &mut census.hex_letters,
                b'g'..=b'z' | b'G'..=b'Z' => &mut census.letters,
                b'-' | b'_' | b'~' => &mut census.joins,
                b'.' => &mut census.dots,
                _ => &mut census.others,
            };
            *slot = slot.saturating_add(1);
        }
        census.letters = census.letters.saturating_add(census.hex_letters);
        census
    }

    const fn only_alphanumeric(&self) -> bool {
        self.joins == 0 && self.dots == 0 && self.others == 0
    }
}

/// The class of a segment that is not vocabulary.
pub(super) fn class_of(segment: &[u8]) -> Class {
    let census = Census::of(segment);
    if census.only_alphanumeric() {
        return alphanumeric_class(segment, &census);
    }
    if is_uuid(segment) {
        return Class::Uuid;
    }
    if let Some(class) = date_class(segment) {
        return class;
    }
    if census.letters == 0 && census.others == 0 && census.digits > 0 {
        return number_class(segment, &census);
    }
    if let Some(class) = marked_class(segment, &census) {
        return class;
    }
    if census.others > 0 {
        return if segment.contains(&b',') {
            Class::List
        } else {
            Class::Text
        };
    }
    if census.dots > 0 {
        return dotted_class(segment, &census);
    }
    joined_class(segment, &census)
}

fn alphanumeric_class(segment: &[u8], census: &Census) -> Class {
    let len = segment.len();
    if census.letters == 0 {
        return Class::Int;
    }
    let all_hex = census.letters == census.hex_letters;
    if all_hex && matches!(len, 32 | 40 | 56 | 64 | 96 | 128) {
        return Class::Hash;
    }
    if all_hex && (len >= TOKEN_LEN || (len >= 6 && census.digits > 0)) {
        return Class::Hex;
    }
    match (census.digits, len) {
        (0, ..=MAX_WORD) => Class::Word,
        (0, _) | (_, TOKEN_LEN..) => Class::Token,
        _ if is_version(segment) => Class::Version,
        _ => Class::Id,
    }
}

fn number_class(segment: &[u8], census: &Census) -> Class {
    if is_ip(segment) {
        Class::Ip
    } else if census.joins == 0 && census.dots == 1
        || census.joins == 1 && segment.starts_with(b"-")
    {
        Class::Number
    } else {
        Class::Id
    }
}

/// Classes that one character gives away.
fn marked_class(segment: &[u8], census: &Census) -> Option<Class> {
    match segment {
        [b'@', ..] => Some(Class::Handle),
        [b'+', rest @ ..]
            if !rest.is_empty() && rest.iter().all(|b| b.is_ascii_digit() || *b == b'-') =>
        {
            Some(Class::Phone)
        }
        [b'{', inner @ .., b'}'] if is_uuid(inner) => Some(Class::Uuid),
        _ if segment.contains(&b'@') => Some(Class::Email),
        _ if census.others > 0 && is_ip(segment) => Some(Class::Ip),
        _ => None,
    }
}

fn dotted_class(segment: &[u8], census: &Census) -> Class {
    if is_version(segment) {
        return Class::Version;
    }
    let longest = segment.split(|b| *b == b'.').map(<[u8]>::len).max();
    let last = segment.rsplit(|b| *b == b'.').next().unwrap_or_default();
    if segment.starts_with(b"eyJ") || (longest.unwrap_or(0) >= MAX_WORD && census.digits > 0) {
        Class::Token
    } else if last.len() >= 2 && last.iter().all(u8::is_ascii_alphabetic) {
        Class::Domain
    } else {
        Class::Text
    }
}

/// Letters and digits joined by `-`, `_` or `~`.
fn joined_class(segment: &[u8], census: &Census) -> Class {
    let parts = || segment.split(|b| matches!(b, b'-' | b'_' | b'~'));
    let longest = parts().map(<[u8]>::len).max().unwrap_or(0);
    let mixed = parts().any(|part| {
        part.iter().any(u8::is_ascii_digit) && part.iter().any(u8::is_ascii_alphabetic)
    });
    if longest >= TOKEN_LEN && (census.digits > 0 || longest > MAX_WORD) {
        Class::Token
    } else if mixed {
        Class::Id
    } else {
        Class::Slug
    }
}

/// Hexadecimal digits in groups of 8, 4, 4, 4 and 12 (RFC 9562 section 4).
fn is_uuid(segment: &[u8]) -> bool {
    let bare = segment.strip_prefix(b"urn:uuid:").unwrap_or(segment);
    bare.len() == 36
        && bare.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2026-11-22` or the like, alone or with something behind it that starts with `T`, a space or `_`.
fn date_class(segment: &[u8]) -> Option<Class> {
    let (date, rest) = segment.split_at_checked(10)?;
    let shaped = date.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => matches!(byte, b'-' | b'.' | b'_'),
        _ => byte.is_ascii_digit(),
    });
    match rest {
        _ if !shaped => None,
        [] => Some(Class::Date),
        [b'T' | b't' | b' ' | b'_', digit, ..] if digit.is_ascii_digit() => Some(Class::Time),
        _ => None,
    }
}

fn is_ip(segment: &[u8]) -> bool {
    std::str::from_utf8(segment).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok())
}

/// `v` and a digit, then digits, dots and the words that stand in versions.
fn is_version(segment: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = segment else {
        return false;
    };
    let number = |bytes: &[u8]| {
        bytes.len() <= 8
            && bytes.first().is_some_and(u8::is_ascii_digit)
            && bytes.iter().all(|b| b.is_ascii_digit() || *b == b'.')
    };
    [b"alpha".as_slice(), b"beta", b"rc", b"preview"]
        .iter()
        .find_map(|word| memchr::memmem::find(rest, word).map(|at| (at, word.len())))
        .map_or_else(
            || number(rest),
            |(at, len)| {
                let tail = rest.get(at.saturating_add(len)..).unwrap_or_default();
                number(rest.get(..at).unwrap_or_default()) && (tail.is_empty() || number(tail))
            },
        )
}

/// Classifies anything without harm; called by the fuzzer. What comes out is vocabulary and classes only.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext::anonymize) fn fuzz_segment(data: &[u8]) {
    let mut out = String::new();
    describe(data, &mut out);
    assert!(
        out.is_ascii()
            && !out.is_empty()
            && out.len() <= crate::observation::vocabulary::MAX_LITERAL.saturating_mul(2)
    );
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(segment: &str) -> String {
        let mut out = String::new();
        describe(segment.as_bytes(), &mut out);
        out
    }

    #[test]
    fn vocabulary_is_printed() {
        for segment in [
            "users",
            "v1",
            "V2",
            "payment-methods",
            "order_items",
            "getOrderStatus",
            "me",
            "Oauth2",
            "healthz",
            "users.json",
            "search",
            "graphql",
            ".well-known",
            "openid-configuration",
            "Orders",
        ] {
            assert_eq!(shown(segment), segment);
        }
    }

    #[test]
    fn parameters_become_their_class() {
        for (segment, class) in [
            ("0", "{int}"),
            ("123456789012345678901234", "{int}"),
            ("-5", "{number}"),
            ("48.137", "{number}"),
            ("550e8400-e29b-41d4-a716-446655440000", "{uuid}"),
            ("{550E8400-E29B-41D4-A716-446655440000}", "{uuid}"),
            ("d41d8cd98f00b204e9800998ecf8427e", "{hash}"),
            ("507f1f77bcf86cd799439011", "{hex}"),
            ("1a2b3c", "{hex}"),
            ("2026-11-22", "{date}"),
            ("2026-11-22T06:53:00Z", "{time}"),
            ("alice@example.test", "{email}"),
            ("@alice", "{handle}"),
            ("192.0.2.7", "{ip}"),
            ("2001:db8::1", "{ip}"),
            ("+4915112345678", "{phone}"),
            ("shop.example.test", "{domain}"),
            ("alice", "{word}"),
            ("alice-smith", "{slug}"),
            ("my-first-post-2026", "{slug}"),
            ("cus_9s6XKzk", "{id}"),
            ("XY1234", "{id}"),
            ("xKq82hdPqLmZ91vBt0aa", "{token}"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "{token}"),
            ("zqxjkvbpqwmzlaksjdhfgqpwoeiruty", "{token}"),
            ("v10", "{version}"),
            ("v4beta7", "{version}"),
            ("v1.2", "{version}"),
            ("1,2,3", "{list}"),
            ("Müller", "{text}"),
            ("two words", "{text}"),
            ("123.pdf", "{int}.pdf"),
            ("alice.json", "{word}.json"),
            ("42:cancel", "{int}:cancel"),
            ("42:alice", "{text}"),
            ("users(42)", "users({key})"),
            ("uSeRs", "{word}"),
            ("users-", "{slug}"),
            ("abc-def", "{slug}"),
        ] {
            assert_eq!(shown(segment), class, "{segment}");
        }
    }

    proptest! {
        #[test]
        fn no_random_letters_survive(word in "[a-z]{8,30}") {
            prop_assert!(!shown(&word).contains(&word));
        }

        #[test]
        fn no_mixed_case_letters_survive(word in "[a-zA-Z]{12,30}") {
            prop_assert!(!shown(&word).contains(&word));
        }

        #[test]
        fn no_number_survives(number in any::<u64>()) {
            prop_assert_eq!(shown(&number.to_string()), "{int}");
        }

        #[test]
        fn no_uuid_survives(bits in any::<u128>()) {
            let hex = format!("{bits:032x}");
            let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
            prop_assert_eq!(shown(&uuid), "{uuid}");
        }

        #[test]
        fn anything_is_classified(data in proptest::collection::vec(any::<u8>(), 1..200)) {
            fuzz_segment(&data);
        }

        #[test]
        fn digits_never_survive_in_mixtures(text in "[a-z0-9]{1,8}[0-9]{2}[a-z0-9_-]{0,20}") {
            prop_assert!(!shown(&text).contains(&text), "{}", text);
        }
    }

    #[test]
    fn mutations_of_segments() {
        let seeds: [&[u8]; 4] = [
            b"1234",
            b"9b2c6f3e-7d41-4d55-9d0a-1f2e3d4c5b6a",
            b"2026-11-22",
            b"users",
        ];
        crate::cleartext::mutation::run("segment", fuzz_segment, &seeds);
    }
}

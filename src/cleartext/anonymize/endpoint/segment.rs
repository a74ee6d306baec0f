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

use std::collections::HashSet;
use std::sync::LazyLock;

/// The built-in vocabulary: see its head for what may stand in it.
static VOCABULARY: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::parse(include_str!("vocabulary.txt")));

/// Longest segment that can be vocabulary.
const MAX_LITERAL: usize = 48;
/// Most words in one segment.
const MAX_WORDS: usize = 5;
/// Letters and digits in a row from which on a mixture is a `{token}`, not an `{id}`.
const TOKEN_LEN: usize = 16;
/// Letters in a row from which on they are no word.
const MAX_WORD: usize = 24;

struct Vocabulary {
    words: HashSet<&'static [u8], ahash::RandomState>,
    formats: HashSet<&'static [u8], ahash::RandomState>,
}

impl Vocabulary {
    /// Words separated by white space; lines that start with `#` are comments, words that start with `*.` formats.
    fn parse(text: &'static str) -> Self {
        let all = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::split_ascii_whitespace);
        let (formats, words): (Vec<&str>, Vec<&str>) = all.partition(|word| word.starts_with("*."));
        Self {
            words: words.into_iter().map(str::as_bytes).collect(),
            formats: formats
                .into_iter()
                .filter_map(|format| format.strip_prefix("*."))
                .map(str::as_bytes)
                .collect(),
        }
    }

    fn has(&self, word: &[u8]) -> bool {
        if self.words.contains(word) {
            return true;
        }
        let mut lower = [0_u8; MAX_LITERAL];
        let Some(lower) = lower.get_mut(..word.len()) else {
            return false;
        };
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        self.words.contains(&*lower)
    }

    /// Whether the segment is built from the vocabulary alone.
    fn is_literal(&self, segment: &[u8]) -> bool {
        if segment.len() > MAX_LITERAL {
            return false;
        }
        self.words.contains(segment) || is_plain_version(segment) || self.is_compound(segment)
    }

    /// Words joined by `-`, `_`, or capitals. One of them must have four letters, so that short random letters cannot
    /// pass as a row of short words.
    fn is_compound(&self, segment: &[u8]) -> bool {
        let mut count = 0_usize;
        let mut long = false;
        let mut rest = segment;
        while !rest.is_empty() {
            let (word, after) = next_word(rest);
            count = count.saturating_add(1);
            if count > MAX_WORDS || !self.has(word) {
                return false;
            }
            long |= word.len() >= 4;
            rest = match after {
                [b'-' | b'_', tail @ ..] if !tail.is_empty() => tail,
                [b'-' | b'_', ..] => return false,
                other => other,
            };
        }
        long || (count == 1 && segment.iter().all(u8::is_ascii_lowercase))
    }
}

/// The first word of a compound, and what follows it. A word ends before a separator, and before a capital that follows
/// a small letter or is followed by one (`getURLParts` is get, URL, Parts).
fn next_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut end = bytes.len();
    let mut previous = 0_u8;
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at.saturating_add(1)).copied().unwrap_or(0);
        let capital = byte.is_ascii_uppercase()
            && at > 0
            && (previous.is_ascii_lowercase()
                || (previous.is_ascii_uppercase() && next.is_ascii_lowercase()));
        if capital || matches!(byte, b'-' | b'_') {
            end = at;
            break;
        }
        previous = *byte;
    }
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

/// `v0` to `v9`.
fn is_plain_version(segment: &[u8]) -> bool {
    matches!(segment, [b'v' | b'V', b'0'..=b'9'])
}

/// Whether a decoded segment is built from the vocabulary, and so may be printed.
pub(super) fn is_literal(segment: &[u8]) -> bool {
    VOCABULARY.is_literal(segment)
}

/// Appends the segment as it may be printed.
pub(super) fn describe(segment: &[u8], out: &mut String) {
    if VOCABULARY.is_literal(segment) {
        push_ascii(segment, out);
    } else if let Some((name, extension)) = split_format(segment) {
        describe_plain(name, out);
        out.push('.');
        push_ascii(extension, out);
    } else if let Some((name, verb)) = split_verb(segment) {
        describe_plain(name, out);
        out.push(':');
        push_ascii(verb, out);
    } else {
        describe_plain(segment, out);
    }
}

fn describe_plain(segment: &[u8], out: &mut String) {
    if VOCABULARY.is_literal(segment) {
        push_ascii(segment, out);
    } else if let Some(name) = odata_name(segment) {
        push_ascii(name, out);
        out.push_str("({key})");
    } else {
        out.push_str(class_of(segment));
    }
}

/// Vocabulary is ASCII, so bytes are characters.
fn push_ascii(word: &[u8], out: &mut String) {
    out.extend(word.iter().map(|byte| char::from(*byte)));
}

/// `name.format`, where the format is on the list and its letters have one case.
fn split_format(segment: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = memchr::memrchr(b'.', segment)?;
    let (name, extension) = split_around(segment, dot)?;
    (!name.is_empty() && VOCABULARY.formats.contains(extension)).then_some((name, extension))
}

/// `name:verb`, where the verb is of the vocabulary (Google's custom methods).
fn split_verb(segment: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memrchr(b':', segment)?;
    let (name, verb) = split_around(segment, colon)?;
    (!name.is_empty() && is_literal(verb)).then_some((name, verb))
}

/// The name in `name(…)` (`OData`), if it is of the vocabulary.
fn odata_name(segment: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'(', segment)?;
    let (name, tail) = split_around(segment, open)?;
    (tail.ends_with(b")") && is_literal(name)).then_some(name)
}

fn split_around(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
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
fn class_of(segment: &[u8]) -> &'static str {
    let census = Census::of(segment);
    if census.only_alphanumeric() {
        return alphanumeric_class(segment, &census);
    }
    if is_uuid(segment) {
        return "{uuid}";
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
            "{list}"
        } else {
            "{text}"
        };
    }
    if census.dots > 0 {
        return dotted_class(segment, &census);
    }
    joined_class(segment, &census)
}

fn alphanumeric_class(segment: &[u8], census: &Census) -> &'static str {
    let len = segment.len();
    if census.letters == 0 {
        return "{int}";
    }
    let all_hex = census.letters == census.hex_letters;
    if all_hex && matches!(len, 32 | 40 | 56 | 64 | 96 | 128) {
        return "{hash}";
    }
    if all_hex && (len >= TOKEN_LEN || (len >= 6 && census.digits > 0)) {
        return "{hex}";
    }
    match (census.digits, len) {
        (0, ..=MAX_WORD) => "{word}",
        (0, _) | (_, TOKEN_LEN..) => "{token}",
        _ if is_version(segment) => "{version}",
        _ => "{id}",
    }
}

fn number_class(segment: &[u8], census: &Census) -> &'static str {
    if is_ip(segment) {
        "{ip}"
    } else if census.joins == 0 && census.dots == 1
        || census.joins == 1 && segment.starts_with(b"-")
    {
        "{number}"
    } else {
        "{id}"
    }
}

/// Classes that one character gives away.
fn marked_class(segment: &[u8], census: &Census) -> Option<&'static str> {
    match segment {
        [b'@', ..] => Some("{handle}"),
        [b'+', rest @ ..]
            if !rest.is_empty() && rest.iter().all(|b| b.is_ascii_digit() || *b == b'-') =>
        {
            Some("{phone}")
        }
        [b'{', inner @ .., b'}'] if is_uuid(inner) => Some("{uuid}"),
        _ if segment.contains(&b'@') => Some("{email}"),
        _ if census.others > 0 && is_ip(segment) => Some("{ip}"),
        _ => None,
    }
}

fn dotted_class(segment: &[u8], census: &Census) -> &'static str {
    if is_version(segment) {
        return "{version}";
    }
    let longest = segment.split(|b| *b == b'.').map(<[u8]>::len).max();
    let last = segment.rsplit(|b| *b == b'.').next().unwrap_or_default();
    if segment.starts_with(b"eyJ") || (longest.unwrap_or(0) >= MAX_WORD && census.digits > 0) {
        "{token}"
    } else if last.len() >= 2 && last.iter().all(u8::is_ascii_alphabetic) {
        "{domain}"
    } else {
        "{text}"
    }
}

/// Letters and digits joined by `-`, `_` or `~`.
fn joined_class(segment: &[u8], census: &Census) -> &'static str {
    let parts = || segment.split(|b| matches!(b, b'-' | b'_' | b'~'));
    let longest = parts().map(<[u8]>::len).max().unwrap_or(0);
    let mixed = parts().any(|part| {
        part.iter().any(u8::is_ascii_digit) && part.iter().any(u8::is_ascii_alphabetic)
    });
    if longest >= TOKEN_LEN && (census.digits > 0 || longest > MAX_WORD) {
        "{token}"
    } else if mixed {
        "{id}"
    } else {
        "{slug}"
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
fn date_class(segment: &[u8]) -> Option<&'static str> {
    let (date, rest) = segment.split_at_checked(10)?;
    let shaped = date.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => matches!(byte, b'-' | b'.' | b'_'),
        _ => byte.is_ascii_digit(),
    });
    match rest {
        _ if !shaped => None,
        [] => Some("{date}"),
        [b'T' | b't' | b' ' | b'_', digit, ..] if digit.is_ascii_digit() => Some("{time}"),
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
    assert!(out.is_ascii() && !out.is_empty() && out.len() <= MAX_LITERAL.saturating_mul(2));
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

    #[test]
    fn vocabulary_is_clean() {
        let mut words: Vec<_> = VOCABULARY.words.iter().copied().collect();
        words.sort_unstable();
        for word in words {
            let text = std::str::from_utf8(word).unwrap();
            assert_eq!(text, text.to_ascii_lowercase());
            assert!(text.len() <= MAX_LITERAL);
            assert!(
                text.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'$')),
                "{text}"
            );
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            assert!(digits <= 4 && digits < text.len(), "{text}");
        }
        assert!(VOCABULARY.words.len() > 2_000, "{}", VOCABULARY.words.len());
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

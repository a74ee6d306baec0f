//! The encodings that values hide in, undone before a value is judged and put back on what replaces it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bytes::{DIGIT, at, cut, find, hex, is, minus, plus, rest};
use super::shape::unwrap_bytes;

/// How a value was encoded where it stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Codec {
    /// As it is.
    Plain,
    /// Percent-encoding (RFC 3986 section 2.1).
    Percent,
    /// The same with `+` for a space (WHATWG URL, `application/x-www-form-urlencoded`).
    Form,
    /// A JSON string (RFC 8259 section 7).
    Json,
    /// XML or HTML text with entities.
    Xml,
    /// Quoted-printable (RFC 2045 section 6.7).
    Quoted,
    /// Base64 with line breaks (RFC 2045 section 6.8).
    Base64,
    /// A document over several lines of an event (WHATWG HTML section 9.2.6): only ever put back.
    Event,
}

impl Codec {
    /// Whether `text` holds anything this codec would change.
    #[inline]
    pub(super) fn applies(self, text: &[u8]) -> bool {
        match self {
            Self::Plain | Self::Event => false,
            Self::Percent => memchr::memchr(b'%', text).is_some(),
            Self::Form => memchr::memchr2(b'%', b'+', text).is_some(),
            Self::Json => memchr::memchr(b'\\', text).is_some(),
            Self::Xml => memchr::memchr(b'&', text).is_some(),
            Self::Quoted => memchr::memchr(b'=', text).is_some(),
            Self::Base64 => true,
        }
    }

    /// Appends the decoded form of `text` to `out`. What is no valid escape stays as it is.
    pub(super) fn decode(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain | Self::Event => out.extend_from_slice(text),
            Self::Percent => percent(text, false, out),
            Self::Form => percent(text, true, out),
            Self::Json => unescape_json(text, out),
            Self::Xml => entities(text, out),
            Self::Quoted => quoted_printable(text, out),
            Self::Base64 => match unwrap_bytes(text) {
                Some(bytes) => out.extend(bytes),
                None => out.extend_from_slice(text),
            },
        }
    }

    /// Appends the encoded form of `text` to `out`.
    pub(super) fn encode(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.extend_from_slice(text),
            Self::Percent | Self::Form => {
                for &byte in text {
                    match byte {
                        b' ' if self == Self::Form => out.push(b'+'),
                        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' | b'~' => {
                            out.push(byte);
                        }
                        _ => out.extend([b'%', upper_hex(byte >> 4), upper_hex(byte & 15)]),
                    }
                }
            }
            Self::Json => {
                for &byte in text {
                    match byte {
                        b'"' | b'\\' => out.extend([b'\\', byte]),
                        b'\n' => out.extend(b"\\n"),
                        b'\r' => out.extend(b"\\r"),
                        b'\t' => out.extend(b"\\t"),
                        0..=31 => out.extend([
                            b'\\',
                            b'u',
                            b'0',
                            b'0',
                            upper_hex(byte >> 4),
                            upper_hex(byte & 15),
                        ]),
                        _ => out.push(byte),
                    }
                }
            }
            Self::Quoted => {
                for &byte in text {
                    match byte {
                        b'=' | 127.. => {
                            out.extend([b'=', upper_hex(byte >> 4), upper_hex(byte & 15)]);
                        }
                        _ => out.push(byte),
                    }
                }
            }
            Self::Event => {
                for &byte in text {
                    out.push(byte);
                    if byte == b'\n' {
                        out.extend(b"data: ");
                    }
                }
            }
            Self::Base64 => out.extend_from_slice(STANDARD.encode(text).as_bytes()),
            Self::Xml => {
                for &byte in text {
                    match byte {
                        b'&' => out.extend(b"&amp;"),
                        b'<' => out.extend(b"&lt;"),
                        b'>' => out.extend(b"&gt;"),
                        b'"' => out.extend(b"&quot;"),
                        b'\'' => out.extend(b"&#39;"),
                        _ => out.push(byte),
                    }
                }
            }
        }
    }
}

fn upper_hex(nibble: u8) -> u8 {
    match nibble {
        0..=9 => nibble.wrapping_add(b'0'),
        _ => nibble.wrapping_sub(10).wrapping_add(b'A'),
    }
}

fn percent(text: &[u8], plus_is_space: bool, out: &mut Vec<u8>) {
    let mut i = 0;
    while i < text.len() {
        let byte = at(text, i);
        let pair = (hex(at(text, plus(i, 1))), hex(at(text, plus(i, 2))));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) if !is_track(text, i) => {
                out.push(high << 4 | low);
                i = plus(i, 3);
                continue;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
        i = plus(i, 1);
    }
}

/// `%B4111111111111111^`: the first track of a card (ISO/IEC 7813), whose number would be lost if `%B4` were an escape.
pub(super) fn is_track(text: &[u8], percent: usize) -> bool {
    let start = plus(percent, 2);
    if at(text, plus(percent, 1)) != b'B' || !is(at(text, start), DIGIT) {
        return false;
    }
    let digits = cut(text, start, plus(start, 20))
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let end = plus(start, digits);
    (12..=19).contains(&digits)
        && (at(text, end) == b'^' || cut(text, end, plus(end, 3)).eq_ignore_ascii_case(b"%5e"))
}

/// `=40`, and `=` at the end of a line that goes on (RFC 2045 section 6.7).
fn quoted_printable(text: &[u8], out: &mut Vec<u8>) {
    let mut i = 0;
    while i < text.len() {
        let (byte, tail) = (
            at(text, i),
            cut(text, plus(i, 1), text.len().min(plus(i, 3))),
        );
        let pair = (hex(at(tail, 0)), hex(at(tail, 1)));
        i = plus(i, 1);
        match (byte, tail, pair) {
            (b'=', [b'\r', b'\n'], _) => i = plus(i, 2),
            (b'=', [b'\n', ..], _) => i = plus(i, 1),
            (b'=', _, (Some(high), Some(low))) => {
                out.push(high << 4 | low);
                i = plus(i, 2);
            }
            _ => out.push(byte),
        }
    }
}

fn unescape_json(text: &[u8], out: &mut Vec<u8>) {
    let mut i = 0;
    while i < text.len() {
        let byte = at(text, i);
        if byte != b'\\' {
            out.push(byte);
            i = plus(i, 1);
            continue;
        }
        let escaped = at(text, plus(i, 1));
        i = plus(i, 2);
        match escaped {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => match code_unit(text, i) {
                Some(unit) => i = push_unit(text, plus(i, 4), unit, out),
                None => out.extend(b"\\u"),
            },
            0 => out.push(byte),
            other => out.push(other),
        }
    }
}

fn code_unit(text: &[u8], i: usize) -> Option<u32> {
    cut(text, i, plus(i, 4))
        .iter()
        .map(|b| hex(*b).map(u32::from))
        .try_fold((0_u32, 0_u32), |(value, count), digit| {
            Some((value << 4 | digit?, count.wrapping_add(1)))
        })
        .filter(|(_, count)| *count == 4)
        .map(|(value, _)| value)
}

/// Pushes the character of `unit`, joined with the low surrogate at `i` where one follows; gives where to go on.
fn push_unit(text: &[u8], i: usize, unit: u32, out: &mut Vec<u8>) -> usize {
    let low = match cut(text, i, plus(i, 2)) {
        b"\\u" => code_unit(text, plus(i, 2)).filter(|low| (0xdc00..0xe000).contains(low)),
        _ => None,
    };
    let (value, next) = match low {
        Some(low) if (0xd800..0xdc00).contains(&unit) => {
            let high = unit.wrapping_sub(0xd800) << 10;
            (
                0x1_0000_u32
                    .wrapping_add(high)
                    .wrapping_add(low.wrapping_sub(0xdc00)),
                plus(i, 6),
            )
        }
        _ => (unit, i),
    };
    push_char(value, out);
    next
}

fn push_char(value: u32, out: &mut Vec<u8>) {
    let character = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
    let mut buffer = [0_u8; 4];
    out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
}

fn entities(text: &[u8], out: &mut Vec<u8>) {
    let mut i = 0;
    while let Some(start) = memchr::memchr(b'&', rest(text, i)).map(|at| plus(i, at)) {
        out.extend_from_slice(cut(text, i, start));
        let window = cut(text, start, text.len().min(plus(start, 12)));
        let end = memchr::memchr(b';', window);
        if let Some((value, end)) =
            end.and_then(|end| entity(cut(window, 1, end)).map(|value| (value, end)))
        {
            push_char(value, out);
            i = plus(start, plus(end, 1));
        } else {
            out.push(b'&');
            i = plus(start, 1);
        }
    }
    out.extend_from_slice(rest(text, i));
}

fn entity(name: &[u8]) -> Option<u32> {
    if let Some(number) = name.strip_prefix(b"#") {
        let (digits, radix) = match number.split_first() {
            Some((b'x' | b'X', digits)) => (digits, 16),
            _ => (number, 10),
        };
        return u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    }
    let known: &[(&[u8], char)] = &[
        (b"amp", '&'),
        (b"lt", '<'),
        (b"gt", '>'),
        (b"quot", '"'),
        (b"apos", '\''),
        (b"nbsp", '\u{a0}'),
        (b"commat", '@'),
        (b"period", '.'),
        (b"colon", ':'),
        (b"num", '#'),
        (b"plus", '+'),
        (b"sol", '/'),
        (b"equals", '='),
        (b"lowbar", '_'),
        (b"hyphen", '-'),
        (b"dollar", '$'),
        (b"percnt", '%'),
    ];
    known
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, c)| u32::from(*c))
}

/// The codec that still lies on a text that its format has already been taken off: a second percent layer, entities, or
/// JSON escapes inside a string. Only if it is really there.
pub(super) fn layer(text: &[u8]) -> Option<Codec> {
    memchr::memchr3(b'%', b'\\', b'&', text)?;
    let escape = |i: usize| {
        hex(at(text, plus(i, 1))).is_some()
            && hex(at(text, plus(i, 2))).is_some()
            && !is_track(text, i)
    };
    if memchr::memchr_iter(b'%', text).take(64).any(escape) {
        return Some(Codec::Percent);
    }
    if find(text, 0, b"\\u").is_some_and(|i| code_unit(text, plus(i, 2)).is_some()) {
        return Some(Codec::Json);
    }
    let is_entity = |start: usize| {
        let window = cut(text, start, text.len().min(plus(start, 12)));
        memchr::memchr(b';', window)
            .is_some_and(|end| entity(cut(window, 1, minus(end, 0))).is_some())
    };
    if memchr::memchr_iter(b'&', text).take(64).any(is_entity) {
        return Some(Codec::Xml);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(codec: Codec, text: &str) -> String {
        let mut out = Vec::new();
        codec.decode(text.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn decodes_as_servers_do() {
        assert_eq!(decoded(Codec::Form, "a+b%40c%zz%"), "a b@c%zz%");
        assert_eq!(decoded(Codec::Percent, "a+b"), "a+b");
        assert_eq!(
            decoded(Codec::Json, r"\u0040\/\ud83d\ude00\n\ud800x"),
            "@/\u{1f600}\n\u{fffd}x"
        );
        assert_eq!(decoded(Codec::Xml, "&#64;&#x40;&amp;&nope;&"), "@@&&nope;&");
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let text = "a b&<\">'\\\n\t\u{1}@é%+/";
        for codec in [
            Codec::Percent,
            Codec::Form,
            Codec::Json,
            Codec::Xml,
            Codec::Quoted,
            Codec::Base64,
        ] {
            let mut out = Vec::new();
            codec.encode(text.as_bytes(), &mut out);
            assert_eq!(
                decoded(codec, std::str::from_utf8(&out).unwrap()),
                text,
                "{codec:?}"
            );
        }
    }

    #[test]
    fn a_layer_is_only_seen_where_it_is() {
        assert_eq!(layer(b"100% sure & fine \\o/"), None);
        assert_eq!(layer(b"a%2540b"), Some(Codec::Percent));
        assert_eq!(layer(b"a &#64; b"), Some(Codec::Xml));
    }
}

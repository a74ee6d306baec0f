//! How characters are coded: whatever a body is written in, the walk reads UTF-8.
//!
//! A byte order mark is believed first, then what the sender declares, then the looks: text in UTF-16 or UTF-32 that says
//! nothing shows by its zero bytes (the same order as in WHATWG Encoding and RFC 8259 section 8.1). Bytes that are valid
//! UTF-8 are left alone whatever they are called. What cannot be read as text at all is said to be so.

use encoding_rs::{DecoderResult, Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::bytes::{at, cut, find, plus, rest, trim};

/// Bytes looked at to tell UTF-16 and UTF-32 by their zeros.
const SAMPLE: usize = 512;
/// A declaration stands within so many bytes of an XML document.
const PROLOG: usize = 128;
/// Output is made in steps of this size.
const STEP: usize = 4_096;
/// Charsets without relation to ASCII that no decoder here knows: text in them is masked whole.
const UNREADABLE: [&[u8]; 8] = [
    b"utf-7",
    b"unicode-1-1-utf-7",
    b"ebcdic",
    b"ibm037",
    b"ibm500",
    b"ibm1047",
    b"ibm1140",
    b"cp037",
];

/// A text, as far as it could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading<'a> {
    /// These bytes of it are UTF-8 already, or as good as: one byte of it is one byte of the input.
    As(&'a [u8]),
    /// It was written into the buffer.
    Transcoded,
    /// Nobody can tell.
    Unreadable,
}

/// What a text is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Charset {
    /// Behind a byte order mark of so many bytes.
    Known(&'static Encoding, usize),
    /// Big-endian or not, behind a byte order mark of so many bytes.
    Utf32(bool, usize),
    Unreadable,
}

/// Reads `text`, writing UTF-8 to `out` where it is not that. `declared` is the value of `Content-Type`, or of nothing.
pub(super) fn read<'a>(text: &'a [u8], declared: &[u8], out: &mut Vec<u8>) -> Reading<'a> {
    let Some(charset) = by_mark(text).or_else(|| by_name(text, declared)) else {
        return Reading::As(text);
    };
    match charset {
        Charset::Unreadable => Reading::Unreadable,
        Charset::Utf32(big, mark) => {
            out.clear();
            utf32(rest(text, mark), big, out);
            Reading::Transcoded
        }
        Charset::Known(encoding, mark) => {
            let text = rest(text, mark);
            let wide = encoding == UTF_16LE || encoding == UTF_16BE;
            if encoding == UTF_8 || (!wide && is_utf8(text)) {
                return Reading::As(text);
            }
            out.clear();
            transcode(encoding, text, out);
            Reading::Transcoded
        }
    }
}

/// By the byte order mark (Unicode 23.8).
fn by_mark(text: &[u8]) -> Option<Charset> {
    match text {
        [0xef, 0xbb, 0xbf, ..] => Some(Charset::Known(UTF_8, 3)),
        [0xff, 0xfe, 0, 0, ..] if text.len().is_multiple_of(4) => Some(Charset::Utf32(false, 4)),
        [0, 0, 0xfe, 0xff, ..] => Some(Charset::Utf32(true, 4)),
        [0xff, 0xfe, ..] => Some(Charset::Known(UTF_16LE, 2)),
        [0xfe, 0xff, ..] => Some(Charset::Known(UTF_16BE, 2)),
        _ => None,
    }
}

/// By what was declared, unless the bytes say otherwise; else by the looks.
fn by_name(text: &[u8], declared: &[u8]) -> Option<Charset> {
    let label = parameter(declared, b"charset").or_else(|| prolog(text));
    let looks = by_zeros(text);
    let Some(label) = label else {
        return looks;
    };
    let mut lower = [0_u8; 24];
    for (to, from) in lower.iter_mut().zip(label) {
        *to = from.to_ascii_lowercase();
    }
    let name = cut(&lower, 0, label.len().min(lower.len()));
    if UNREADABLE.contains(&name) {
        return Some(Charset::Unreadable);
    }
    if name.starts_with(b"utf-32") {
        return looks.or(Some(Charset::Utf32(!name.ends_with(b"le"), 0)));
    }
    let encoding = Encoding::for_label(name);
    match encoding {
        Some(one) if one == REPLACEMENT => Some(Charset::Unreadable),
        // "utf-16" does not say which end comes first; and it may be wrong.
        Some(one) if one == UTF_16LE || one == UTF_16BE => looks.or_else(|| {
            let wide = !is_utf8(text) || memchr::memchr(0, text).is_some();
            wide.then_some(Charset::Known(one, 0))
        }),
        Some(one) if one != UTF_8 => looks.or(Some(Charset::Known(one, 0))),
        Some(_) | None => looks,
    }
}

/// UTF-16 and UTF-32 by where their zero bytes are: in most scripts most characters of a document's syntax are ASCII.
fn by_zeros(text: &[u8]) -> Option<Charset> {
    // Every document that can be read begins with a character of ASCII.
    if at(text, 0) != 0 && at(text, 1) != 0 {
        return None;
    }
    let head = cut(text, 0, text.len().min(SAMPLE));
    let (units, _) = head.as_chunks::<4>();
    let mut zeros = [0_usize; 4];
    for unit in units {
        for (count, byte) in zeros.iter_mut().zip(unit) {
            *count = plus(*count, usize::from(*byte == 0));
        }
    }
    let all = units.len();
    let most = |count: usize| count.saturating_mul(4) >= all.saturating_mul(3);
    let few = |count: usize| count.saturating_mul(8) <= all;
    match zeros.map(|count| (most(count), few(count))) {
        _ if all == 0 => None,
        [(_, true), (true, _), (true, _), (true, _)] => Some(Charset::Utf32(false, 0)),
        [(true, _), (true, _), (true, _), (_, true)] => Some(Charset::Utf32(true, 0)),
        [(_, true), (true, _), (_, true), (true, _)] => Some(Charset::Known(UTF_16LE, 0)),
        [(true, _), (_, true), (true, _), (_, true)] => Some(Charset::Known(UTF_16BE, 0)),
        _ => None,
    }
}

/// The value of a parameter of a media type (RFC 9110 section 5.6.6).
fn parameter<'a>(media_type: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    media_type.split(|b| *b == b';').skip(1).find_map(|one| {
        let equals = memchr::memchr(b'=', one)?;
        let (key, value) = (cut(one, 0, equals), rest(one, plus(equals, 1)));
        let value = trim(value);
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        trim(key)
            .eq_ignore_ascii_case(name)
            .then(|| value.strip_suffix(b"\"").unwrap_or(value))
    })
}

/// The encoding that an XML declaration in ASCII names (XML 1.0, 4.3.3).
fn prolog(text: &[u8]) -> Option<&[u8]> {
    let head = text.strip_prefix(b"<?xml ")?;
    let head = cut(head, 0, head.len().min(PROLOG));
    let head = cut(head, 0, find(head, 0, b"?>")?);
    let value = rest(head, plus(find(head, 0, b"encoding=")?, 9));
    let (quote, value) = value.split_first()?;
    Some(cut(value, 0, memchr::memchr(*quote, value)?))
}

/// Whether this is UTF-8, perhaps cut within a character.
pub(super) fn is_utf8(text: &[u8]) -> bool {
    match std::str::from_utf8(text) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Appends `text` as UTF-8; what is no character becomes U+FFFD.
fn transcode(encoding: &'static Encoding, text: &[u8], out: &mut Vec<u8>) {
    Transcoder::new(encoding).push(text, true, out);
}

/// The same piece by piece: a character may lie across pieces.
pub(super) struct Transcoder {
    decoder: encoding_rs::Decoder,
}

impl Transcoder {
    fn new(encoding: &'static Encoding) -> Self {
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
        }
    }

    /// For a stream that begins with `head`, and how long its byte order mark is; none if it can be read as it is.
    pub(super) fn sniff(head: &[u8]) -> Option<(Self, usize)> {
        match by_mark(head).or_else(|| by_zeros(head))? {
            Charset::Known(encoding, mark) if encoding != UTF_8 => {
                Some((Self::new(encoding), mark))
            }
            Charset::Known(..) | Charset::Utf32(..) | Charset::Unreadable => None,
        }
    }

    /// Appends a piece; `last` says that none follows.
    pub(super) fn push(&mut self, text: &[u8], last: bool, out: &mut Vec<u8>) {
        let mut rest_of = text;
        let mut step = [0_u8; STEP];
        loop {
            let (result, read, written) = self
                .decoder
                .decode_to_utf8_without_replacement(rest_of, &mut step, last);
            out.extend_from_slice(cut(&step, 0, written));
            rest_of = rest(rest_of, read);
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => out.extend_from_slice("\u{fffd}".as_bytes()),
            }
        }
    }
}

/// UTF-32 is no encoding of the web, but RFC 4627 allowed JSON in it.
fn utf32(text: &[u8], big: bool, out: &mut Vec<u8>) {
    let (units, _) = text.as_chunks::<4>();
    let mut coded = [0; 4];
    for unit in units {
        let scalar = if big {
            u32::from_be_bytes(*unit)
        } else {
            u32::from_le_bytes(*unit)
        };
        let character = char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(character.encode_utf8(&mut coded).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\"password\": \"grün 5 € 😀\"}";

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    }

    fn utf32_of(text: &str, big: bool) -> Vec<u8> {
        text.chars()
            .flat_map(|c| {
                if big {
                    u32::from(c).to_be_bytes()
                } else {
                    u32::from(c).to_le_bytes()
                }
            })
            .collect()
    }

    fn as_text(bytes: &[u8], declared: &str) -> Option<String> {
        let mut out = Vec::new();
        let read = match read(bytes, declared.as_bytes(), &mut out) {
            Reading::As(text) => text.to_vec(),
            Reading::Transcoded => out,
            Reading::Unreadable => return None,
        };
        Some(String::from_utf8(read).unwrap())
    }

    #[test]
    fn wide_text_is_read_with_and_without_mark_and_name() {
        for declared in [
            "",
            "application/json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8",
            "text/plain; charset=\"UTF-32\"",
            "text/plain; Charset=latin1",
        ] {
            for text in [TEXT.to_owned(), ["\u{feff}", TEXT].concat()] {
                for big in [false, true] {
                    for bytes in [utf16(&text, big), utf32_of(&text, big)] {
                        assert_eq!(
                            as_text(&bytes, declared).as_deref(),
                            Some(TEXT),
                            "{declared}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn utf8_stays_what_it_is_whatever_it_is_called() {
        for declared in [
            "",
            "a/b;charset=utf-16",
            "a/b;charset=latin1",
            "a/b;charset=nonsense",
        ] {
            assert_eq!(
                as_text(TEXT.as_bytes(), declared).as_deref(),
                Some(TEXT),
                "{declared}"
            );
            let marked = ["\u{feff}", TEXT].concat();
            assert_eq!(as_text(marked.as_bytes(), declared).as_deref(), Some(TEXT));
        }
    }

    #[test]
    fn legacy_text_is_read_where_it_is_declared() {
        assert_eq!(
            as_text(b"gr\xfcn", "a/b; charset=iso-8859-1").as_deref(),
            Some("grün")
        );
        let prolog = b"<?xml version='1.0' encoding='windows-1251'?><a>\xcf</a>";
        assert!(as_text(prolog, "text/xml").unwrap().contains("<a>П</a>"));
        assert_eq!(as_text(b"abc", "a/b; charset=utf-7"), None);
        assert_eq!(as_text(b"abc", "a/b; charset=iso-2022-kr"), None);
    }

    #[test]
    fn text_that_is_cut_within_a_character_is_read_up_to_there() {
        let mut bytes = utf16(TEXT, false);
        bytes.pop();
        let read = as_text(&bytes, "").unwrap();
        assert!(read.starts_with(&TEXT[..TEXT.len() - 1]) && read.ends_with('\u{fffd}'));
        assert!(matches!(
            read_bytes(b"\x00\x01\x02\x00\x00\x05"),
            Reading::As(_)
        ));
    }

    fn read_bytes(bytes: &[u8]) -> Reading<'_> {
        read(bytes, b"", &mut Vec::new())
    }
}

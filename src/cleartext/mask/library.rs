//! The engine for programs that hold bodies in their hands: what `hushtap::mask` gives away.

use std::sync::Arc;

use super::charset::{self, Reading};
use super::filter::{Filter, FoundValue};
use super::format::Format;
use super::placeholder;
use super::rules::RuleSet;
use crate::cleartext::http::body::{self, DecodeLimits, Outcome, Scratch};
use crate::tally::TallySheet;

/// A text with every sensitive value replaced.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MaskedValue {
    /// The text. Masking it again changes nothing.
    pub text: String,
    /// What was replaced, in order of the text it was found in (for a body: as decoded, in UTF-8).
    pub found: Vec<FoundValue>,
}

/// Masks texts, HTTP messages and bodies under one set of rules. Keeps caches, so make one a thread and use it again.
pub struct BodyMasker {
    filter: Filter,
    limits: DecodeLimits,
    scratch: Scratch,
    transcoded: Vec<u8>,
    tally: TallySheet,
}

impl BodyMasker {
    /// A masker under `rules`. Under one `key` equal values get equal placeholders where a rule asks for that; keep it
    /// secret, or make a random one where nothing has to be told apart.
    pub fn new(rules: Arc<RuleSet>, key: [u8; 32]) -> Self {
        Self {
            filter: Filter::new(rules, key),
            limits: DecodeLimits::default(),
            scratch: Scratch::default(),
            transcoded: Vec::new(),
            tally: TallySheet::default(),
        }
    }

    /// Masks a text in a known format; [`Format::Auto`] looks what it is.
    pub fn text(&mut self, text: &str, format: Format) -> MaskedValue {
        self.in_utf8(text.as_bytes(), format)
    }

    /// Masks a JSON document, or several one after another.
    pub fn json(&mut self, text: &str) -> MaskedValue {
        self.text(text, Format::Json)
    }

    /// Masks an HTTP message as text: start line, fields, and a body without codings.
    pub fn http(&mut self, message: &str) -> MaskedValue {
        self.text(message, Format::Http)
    }

    /// Masks a body as it goes over the wire. `content_type` and `content_encoding` are the values of those fields, empty
    /// where there are none. Codings and charsets are undone; what cannot be is replaced whole.
    pub fn body(&mut self, content_type: &str, content_encoding: &str, body: &[u8]) -> MaskedValue {
        let format = Format::from_content_type(content_type.as_bytes());
        let mut scratch = std::mem::take(&mut self.scratch);
        let coding = [content_encoding.as_bytes()].into_iter();
        let decoded = body::decode(coding, body, &self.limits, &self.tally, &mut scratch);
        let masked = if decoded.outcome == Outcome::Undecodable {
            whole()
        } else {
            self.decoded(decoded.bytes, content_type, format)
        };
        self.scratch = scratch;
        masked
    }

    fn decoded(&mut self, body: &[u8], content_type: &str, format: Format) -> MaskedValue {
        let mut buffer = std::mem::take(&mut self.transcoded);
        let masked = match charset::read(body, content_type.as_bytes(), &mut buffer) {
            Reading::As(text) => self.in_utf8(text, format),
            Reading::Transcoded => self.in_utf8(&buffer, format),
            Reading::Unreadable => whole(),
        };
        buffer.clear();
        self.transcoded = buffer;
        masked
    }

    fn in_utf8(&mut self, text: &[u8], format: Format) -> MaskedValue {
        let (text, found) = self.filter.mask(text, format);
        MaskedValue { text, found }
    }
}

/// What stands for a body that cannot be read.
fn whole() -> MaskedValue {
    MaskedValue {
        text: String::from_utf8_lossy(placeholder::BINARY).into_owned(),
        found: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn masker() -> BodyMasker {
        BodyMasker::new(Arc::new(RuleSet::built_in().unwrap()), [7; 32])
    }

    #[test]
    fn bodies_are_read_through_codings_and_charsets() {
        let wide: Vec<u8> = "{\"password\": \"größe\"}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&wide).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut masker = masker();
        for _ in 0..2 {
            let masked = masker.body("application/json; charset=utf-16", "gzip", &gzip);
            assert_eq!(masked.text, "{\"password\": \"MASKED-password\"}");
            assert_eq!(masked.found[0].location, "$.password");
        }
    }

    #[test]
    fn what_cannot_be_read_is_replaced_whole() {
        let mut masker = masker();
        for (kind, coding, body) in [
            ("application/json", "gzip", &b"\x1f\x8b\x08\xff\xff"[..]),
            ("text/plain; charset=utf-7", "", b"password=x"),
            ("image/png", "", b"\x89PNG"),
            ("", "zip", b"PK\x03\x04\x00\x00"),
        ] {
            assert_eq!(masker.body(kind, coding, body).text, "MASKED-binary");
        }
        assert_eq!(masker.body("", "", b""), MaskedValue::default());
    }
}

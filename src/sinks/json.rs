//! Just enough JSON writing for lines of fixed shape: no tree, no allocation a line.

use crate::clock::EventTime;

/// Writes the members of one object, in the order of the calls.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    /// Writes `"key":` and gives the buffer to write the value into. `key` needs no escaping.
    pub(super) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        number(self.key(key), value);
    }

    /// Numbers that are not finite do not exist in JSON: they become null.
    pub(super) fn float(&mut self, key: &str, value: f64) {
        let out = self.key(key);
        match serde_json::Number::from_f64(value) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        text(self.key(key), value);
    }

    /// A text that is known to need no escaping: our own words and pseudonyms.
    pub(super) fn word(&mut self, key: &str, value: &str) {
        word(self.key(key), value);
    }
}

/// Decimal digits.
pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
        used += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// A quoted text, escaped.
pub(super) fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    escape(out, value);
    out.push(b'"');
}

/// A quoted text that needs no escaping.
pub(super) fn word(out: &mut Vec<u8>, value: &str) {
    debug_assert!(!value.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\'));
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

/// RFC 8259 section 7: quotation mark, reverse solidus and control characters must be escaped.
pub(super) fn escape(out: &mut Vec<u8>, value: &str) {
    let bytes = value.as_bytes();
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=0x1f | 0x7f => 0,
            _ => continue,
        };
        out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        plain = at + 1;
        if short == 0 {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
    }
    out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
}

/// Moments, most of which lie in the same second as the one before.
#[derive(Default)]
pub(super) struct Stamps {
    second: Option<u64>,
    head: Vec<u8>,
}

impl Stamps {
    /// Quoted, as [`EventTime`] prints itself.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, time: EventTime) {
        if self.second != Some(time.secs()) {
            self.second = Some(time.secs());
            let whole = EventTime::from_secs(time.secs()).to_string();
            let (head, _) = whole.split_once('.').unwrap_or((&whole, ""));
            head.as_bytes().clone_into(&mut self.head);
        }
        let mut micros = time.nanos() % 1_000_000_000 / 1_000;
        let mut digits = *b".000000Z";
        for place in digits.iter_mut().skip(1).take(6).rev() {
            *place = b'0' + u8::try_from(micros % 10).unwrap_or_default();
            micros /= 10;
        }
        out.push(b'"');
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&digits);
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_read_back(value in any::<String>()) {
            let mut out = Vec::new();
            text(&mut out, &value);
            prop_assert!(!out.iter().any(|b| *b < 0x20));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), value);
        }

        #[test]
        fn numbers_read_back(value: u64) {
            let mut out = Vec::new();
            number(&mut out, value);
            prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }

        #[test]
        fn stamps_are_as_printed(nanos: u64) {
            let mut out = Vec::new();
            let time = EventTime::from_nanos(nanos);
            Stamps::default().write(&mut out, time);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{time}\""));
        }
    }
}

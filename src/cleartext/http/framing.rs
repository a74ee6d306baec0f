//! How long a body is: RFC 9112 section 6.3, as an observer who cannot refuse a message must apply it.
//!
//! Where the RFC says "reject", the choice follows what most peers do, and the message is flagged as oddly framed:
//! a length in several fields (the last wins), a negative length (no body), a length besides a transfer coding (the coding
//! wins), `chunked` that is not the last coding (still chunked).

/// What the fields of a head say about the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Framing {
    length: Length,
    coding: Coding,
    /// The fields contradict each other or the grammar.
    pub(super) odd: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Length {
    #[default]
    Unsaid,
    Invalid,
    Bytes(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Coding {
    #[default]
    None,
    Chunked,
    /// A transfer coding that does not delimit itself.
    Other,
}

/// How the end of a body is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Extent {
    /// There is none.
    #[default]
    Empty,
    /// After this many bytes.
    Bytes(u64),
    /// By chunked coding.
    Chunked,
    /// When the connection closes.
    UntilClose,
}

/// What a response's framing depends on besides its own head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Asked {
    /// HEAD: the response has no body.
    Head,
    /// CONNECT: a 2xx response starts a tunnel.
    Connect,
    /// Any other method, or none known.
    #[default]
    Other,
}

impl Asked {
    pub(super) fn from_method(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

impl Framing {
    /// What no fields at all say.
    pub(super) const NONE: Self = Self {
        length: Length::Unsaid,
        coding: Coding::None,
        odd: false,
    };

    /// Takes note of one field.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        // Lengths first: they tell these two from nearly every other field without comparing letters.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value),
            _ => {}
        }
    }

    /// The body of a request (RFC 9112 section 6.3, items 3 to 7).
    pub(super) fn request(&self) -> Extent {
        match (self.coding, self.length) {
            (Coding::Chunked, _) => Extent::Chunked,
            (_, Length::Bytes(bytes)) if bytes > 0 => Extent::Bytes(bytes),
            _ => Extent::Empty,
        }
    }

    /// The body of a response (items 1 to 8).
    pub(super) fn response(&self, status: u16, asked: Asked) -> Extent {
        let bodiless = matches!(status, 100..=199 | 204 | 304)
            || asked == Asked::Head
            || (asked == Asked::Connect && matches!(status, 200..=299));
        if bodiless {
            return Extent::Empty;
        }
        match (self.coding, self.length) {
            (Coding::Chunked, _) => Extent::Chunked,
            (Coding::Other, _) | (_, Length::Unsaid | Length::Invalid) => Extent::UntilClose,
            (_, Length::Bytes(0)) => Extent::Empty,
            (_, Length::Bytes(bytes)) => Extent::Bytes(bytes),
        }
    }

    /// The same without its transfer coding, for a body that turned out not to be chunked.
    pub(super) const fn uncoded(self) -> Self {
        Self {
            coding: Coding::None,
            ..self
        }
    }

    fn content_length(&mut self, value: &[u8]) {
        for item in value.split(|byte| *byte == b',') {
            let (length, odd) = Length::read(item.trim_ascii());
            self.odd |= odd || (self.length != Length::Unsaid && self.length != length);
            self.length = length;
        }
        self.odd |= self.coding != Coding::None;
    }

    /// Anything that names `chunked` is tried as chunked, as lenient peers do; the body shows whether it is
    /// ([`Framing::uncoded`]).
    fn transfer_encoding(&mut self, value: &[u8]) {
        let value = value.trim_ascii();
        let chunked = value.len() >= CHUNKED.len()
            && value
                .windows(CHUNKED.len())
                .any(|window| window.eq_ignore_ascii_case(CHUNKED));
        if chunked {
            self.odd |= value.len() != CHUNKED.len() || self.coding == Coding::Chunked;
            self.coding = Coding::Chunked;
        } else if !value.is_empty() && !value.eq_ignore_ascii_case(b"identity") {
            self.odd |= self.coding == Coding::Chunked;
            if self.coding == Coding::None {
                self.coding = Coding::Other;
            }
        }
        self.odd |= self.length != Length::Unsaid && self.coding != Coding::None;
    }
}

const CHUNKED: &[u8] = b"chunked";

impl Length {
    /// Digits, leading zeros allowed; what does not fit is read as "more than will ever come". Also whether it is odd:
    /// signed, or with something behind the digits, which is passed over.
    fn read(text: &[u8]) -> (Self, bool) {
        let digits = match text {
            [b'-', ..] => return (Self::Bytes(0), true),
            [b'+', rest @ ..] => rest,
            _ => text,
        };
        let count = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let behind = digits.get(count);
        if count == 0 || behind.is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return (Self::Invalid, true);
        }
        let value = digits.iter().take(count).fold(0_u64, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add(u64::from(digit.wrapping_sub(b'0')))
        });
        (Self::Bytes(value), count != text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &[(&str, &str)]) -> Framing {
        let mut framing = Framing::default();
        for (name, value) in fields {
            framing.field(name.as_bytes(), value.as_bytes());
        }
        framing
    }

    #[test]
    fn transfer_coding_wins_over_length() {
        let both = framing(&[("Content-Length", "5"), ("transfer-encoding", "chunked")]);
        assert_eq!(both.request(), Extent::Chunked);
        assert!(both.odd);
        let folded = framing(&[("Transfer-Encoding", "\r\n chunked")]);
        assert_eq!(folded.response(200, Asked::Other), Extent::Chunked);
        assert!(!folded.odd);
        let junk = framing(&[("Transfer-Encoding", ";chunked x")]);
        assert_eq!(junk.uncoded().request(), Extent::Empty);
        assert!(junk.odd && junk.request() == Extent::Chunked);
        let gzip = framing(&[("Transfer-Encoding", "gzip"), ("Content-Length", "3")]);
        assert_eq!(gzip.response(200, Asked::Other), Extent::UntilClose);
        let behind = framing(&[("Transfer-Encoding", "chunked, gzip")]);
        assert_eq!(behind.request(), Extent::Chunked);
        assert!(behind.odd);
    }

    #[test]
    fn the_last_of_several_lengths_wins() {
        let two = framing(&[("Content-Length", "11"), ("Content-Length", "93")]);
        assert_eq!(two.request(), Extent::Bytes(93));
        assert!(two.odd);
        let same = framing(&[("Content-Length", "11, 11")]);
        assert_eq!(same.request(), Extent::Bytes(11));
        assert!(!same.odd);
    }

    #[test]
    fn odd_lengths() {
        assert_eq!(
            framing(&[("content-length", "-3")]).request(),
            Extent::Empty
        );
        assert_eq!(
            framing(&[("content-length", "007")]).request(),
            Extent::Bytes(7)
        );
        let huge = framing(&[("content-length", "99999999999999999999999")]);
        assert_eq!(huge.request(), Extent::Bytes(u64::MAX));
        let junk = framing(&[("content-length", "ten")]);
        assert_eq!(junk.request(), Extent::Empty);
        assert_eq!(junk.response(200, Asked::Other), Extent::UntilClose);
        assert!(junk.odd);
        let two = framing(&[("content-length", "68\r\n 136")]);
        assert_eq!(two.request(), Extent::Bytes(68));
        assert!(two.odd);
    }

    #[test]
    fn responses_without_a_body_whatever_they_say() {
        let lying = framing(&[("content-length", "10")]);
        assert_eq!(lying.response(204, Asked::Other), Extent::Empty);
        assert_eq!(lying.response(304, Asked::Other), Extent::Empty);
        assert_eq!(lying.response(500, Asked::Head), Extent::Empty);
        assert_eq!(lying.response(200, Asked::Connect), Extent::Empty);
        assert_eq!(lying.response(407, Asked::Connect), Extent::Bytes(10));
        assert_eq!(
            Framing::default().response(200, Asked::Other),
            Extent::UntilClose
        );
    }
}

//! gRPC: the messages in a body are counted as they pass, and the outcome is read (gRPC over HTTP/2, "Length-Prefixed-Message"
//! and "Trailers"; gRPC-Web, which puts the trailers in the body behind a prefix with the top bit set).

/// Length of the prefix of a message: a flag octet and 32 bits of length.
const PREFIX: usize = 5;
/// The prefix is that of trailers (gRPC-Web).
const TRAILERS: u8 = 0x80;
/// Most that is kept of the trailers in a body.
const MAX_TRAILERS: usize = 1 << 10;

/// Counts the messages of one direction of a call.
#[derive(Default)]
pub(super) struct Messages {
    prefix: [u8; PREFIX],
    have: usize,
    /// Octets of the current message that are still to come.
    left: u64,
    count: u32,
    /// A hole over the end of a message: from there on nothing is known.
    lost: bool,
    in_trailers: bool,
    trailers: Vec<u8>,
}

impl Messages {
    /// Takes the next bytes of the body.
    pub(super) fn data(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.lost {
            if self.left > 0 {
                let len = usize::try_from(self.left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let (piece, rest) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
                if self.in_trailers {
                    let room = MAX_TRAILERS.saturating_sub(self.trailers.len());
                    self.trailers
                        .extend_from_slice(piece.get(..room).unwrap_or(piece));
                }
                self.left = self
                    .left
                    .saturating_sub(u64::try_from(len).unwrap_or(u64::MAX));
                bytes = rest;
            } else if let Some((first, rest)) = bytes.split_first() {
                if let Some(slot) = self.prefix.get_mut(self.have) {
                    *slot = *first;
                }
                self.have = self.have.saturating_add(1);
                bytes = rest;
                self.begin();
            }
        }
    }

    /// A hole in the body.
    pub(super) fn hole(&mut self, len: u64) {
        match self.left.checked_sub(len) {
            Some(left) if self.left > 0 => self.left = left,
            _ => self.lost = len > 0 || self.lost,
        }
    }

    /// It is not known how much was lost.
    pub(super) const fn lose(&mut self) {
        self.lost = true;
    }

    /// Messages that began; none if it is not known.
    pub(super) fn count(&self) -> Option<u32> {
        (!self.lost).then_some(self.count)
    }

    /// The outcome, if the body holds it.
    pub(super) fn status(&self) -> Option<u8> {
        let mut lines = self.trailers.split(|byte| *byte == b'\n');
        lines.find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            let ours = name.trim_ascii().eq_ignore_ascii_case(b"grpc-status");
            status(value.get(1..)?).filter(|_| ours)
        })
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.trailers.capacity()
    }

    /// A message begins if its prefix is there.
    fn begin(&mut self) {
        if self.have < PREFIX {
            return;
        }
        let [flag, len @ ..] = self.prefix;
        self.have = 0;
        self.left = u64::from(u32::from_be_bytes(len));
        self.in_trailers = flag & TRAILERS != 0;
        match flag {
            // Compressed or not.
            0 | 1 => self.count = self.count.saturating_add(1),
            _ if self.in_trailers => {}
            // No such message.
            _ => self.lost = true,
        }
    }
}

/// Whether a `Content-Type` is that of gRPC or gRPC-Web, but for the base64 form of the latter.
pub(super) fn is_grpc(content_type: &[u8]) -> bool {
    let kind = b"application/grpc";
    let text = b"application/grpc-web-text";
    let starts = |with: &[u8]| {
        content_type
            .get(..with.len())
            .is_some_and(|front| front.eq_ignore_ascii_case(with))
    };
    starts(kind) && !starts(text)
}

/// A status code: one or two digits.
pub(super) fn status(value: &[u8]) -> Option<u8> {
    let digits = value.trim_ascii();
    if !(1..=2).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0_u8, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let body = b"\0\0\0\0\x03abc\x01\0\0\0\0\0\0\0\0\x01x\x80\0\0\0\x10grpc-status:13\r\n";
        for step in 1..=body.len() {
            let mut messages = Messages::default();
            for piece in body.chunks(step) {
                messages.data(piece);
            }
            assert_eq!(
                (messages.count(), messages.status()),
                (Some(3), Some(13)),
                "{step}"
            );
        }
    }

    #[test]
    fn a_hole_inside_a_message_is_skipped() {
        let mut messages = Messages::default();
        messages.data(b"\0\0\0\0\x0aab");
        messages.hole(8);
        messages.data(b"\0\0\0\0\0");
        assert_eq!(messages.count(), Some(2));
        messages.hole(1);
        assert_eq!(messages.count(), None);
    }

    #[test]
    fn statuses_are_digits() {
        assert_eq!(status(b" 16 "), Some(16));
        for junk in [&b""[..], b"1x", b"-1", b"123"] {
            assert_eq!(status(junk), None);
        }
    }
}

//! Chunked transfer coding, taken off byte by byte (RFC 9112 section 7.1).
//!
//! Tolerates bare LF, spaces around the size, extensions of any form and a missing line end behind the data. A size that
//! does not fit saturates: more than will ever come.

use memchr::memchr;

/// Where in the coding the stream stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Chunked {
    /// In a size line.
    Size {
        /// The size so far.
        size: u64,
        /// Whether a digit was seen.
        digits: bool,
        /// Behind the digits: only the line end counts.
        extension: bool,
    },
    /// In chunk data, with this many bytes to come.
    Data(u64),
    /// Behind chunk data, before its line end.
    DataEnd,
    /// In the trailer section; whether the current line has had a byte.
    Trailer {
        /// Whether the current line is still empty.
        blank: bool,
    },
}

/// What a step found at the front of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// This many bytes of coding.
    Coding(usize),
    /// This many bytes of body.
    Body(usize),
    /// This many bytes of trailer.
    Trailer(usize),
    /// This many bytes of trailer, and then the message ends.
    End(usize),
    /// This is no chunked coding.
    Broken,
}

impl Default for Chunked {
    fn default() -> Self {
        Self::Size {
            size: 0,
            digits: false,
            extension: false,
        }
    }
}

impl Chunked {
    /// Takes what it can off the front of `bytes`, which must not be empty. Never takes 0 bytes except to say [`Step::Broken`].
    pub(super) fn step(&mut self, bytes: &[u8]) -> Step {
        match *self {
            Self::Size { .. } => self.size_line(bytes),
            Self::Data(left) => {
                let have = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left.saturating_sub(u64::try_from(have).unwrap_or(u64::MAX));
                *self = if left == 0 {
                    Self::DataEnd
                } else {
                    Self::Data(left)
                };
                Step::Body(have)
            }
            Self::DataEnd => match bytes.first() {
                Some(b'\r') => Step::Coding(1),
                Some(b'\n') => {
                    *self = Self::default();
                    Step::Coding(1)
                }
                _ => {
                    *self = Self::default();
                    self.size_line(bytes)
                }
            },
            Self::Trailer { .. } => self.trailer(bytes),
        }
    }

    /// The state behind a hole of `len` bytes, if it lies within the data of one chunk; else the end is not known any more.
    pub(super) fn skip(self, len: u64) -> Option<Self> {
        let Self::Data(left) = self else { return None };
        match left.checked_sub(len)? {
            0 => Some(Self::DataEnd),
            left => Some(Self::Data(left)),
        }
    }

    /// Whether no chunk size has been read yet.
    pub(super) fn is_at_start(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the body has ended and only (the end of) the trailer is missing.
    pub(super) const fn body_ended(&self) -> bool {
        matches!(self, Self::Trailer { .. })
    }

    fn size_line(&mut self, bytes: &[u8]) -> Step {
        let Self::Size {
            mut size,
            mut digits,
            mut extension,
        } = *self
        else {
            return Step::Broken;
        };
        let mut used = 0_usize;
        for byte in bytes {
            used = used.saturating_add(1);
            match byte {
                b'\n' if digits => {
                    *self = if size == 0 {
                        Self::Trailer { blank: true }
                    } else {
                        Self::Data(size)
                    };
                    return Step::Coding(used);
                }
                _ if extension => {}
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c if !digits => {}
                _ => match char::from(*byte).to_digit(16) {
                    Some(digit) => {
                        digits = true;
                        size = size
                            .checked_mul(16)
                            .map_or(u64::MAX, |size| size | u64::from(digit));
                    }
                    None if digits => extension = true,
                    None => return Step::Broken,
                },
            }
        }
        *self = Self::Size {
            size,
            digits,
            extension,
        };
        Step::Coding(used)
    }

    fn trailer(&mut self, bytes: &[u8]) -> Step {
        let Self::Trailer { mut blank } = *self else {
            return Step::Broken;
        };
        let mut used = 0_usize;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let Some(end) = memchr(b'\n', rest) else {
                blank &= rest.iter().all(|byte| *byte == b'\r');
                *self = Self::Trailer { blank };
                return Step::Trailer(bytes.len());
            };
            let line = rest.get(..end).unwrap_or_default();
            used = used.saturating_add(end).saturating_add(1);
            if blank && line.iter().all(|byte| *byte == b'\r') {
                return Step::End(used);
            }
            blank = true;
        }
        *self = Self::Trailer { blank };
        Step::Trailer(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Body, trailer and bytes used, or none if broken or unfinished.
    fn undo(input: &[u8], piece: usize) -> Option<(Vec<u8>, Vec<u8>, usize)> {
        let (mut body, mut trailer) = (Vec::new(), Vec::new());
        let mut state = Chunked::default();
        let mut at = 0;
        while at < input.len() {
            let window = &input[at..(at + piece).min(input.len())];
            match state.step(window) {
                Step::Coding(n) => at += n,
                Step::Body(n) => {
                    body.extend_from_slice(&window[..n]);
                    at += n;
                }
                Step::Trailer(n) => {
                    trailer.extend_from_slice(&window[..n]);
                    at += n;
                }
                Step::End(n) => {
                    trailer.extend_from_slice(&window[..n]);
                    return Some((body, trailer, at + n));
                }
                Step::Broken => return None,
            }
        }
        None
    }

    #[test]
    fn undoes_the_coding_in_pieces_of_any_size() {
        let input =
            b"\r4;name=\"v\"\r\nWiki\r\n 5 \npedia\nE\r\n in\r\n\r\nchunks.\r\n0\r\nA: b\r\n\r\nrest";
        for piece in 1..input.len() {
            let (body, trailer, used) = undo(input, piece).unwrap();
            assert_eq!(body, b"Wikipedia in\r\n\r\nchunks.");
            assert_eq!(trailer, b"A: b\r\n\r\n");
            assert_eq!(&input[used..], b"rest");
        }
    }

    #[test]
    fn a_size_of_two_to_the_sixty_four_is_endless() {
        let mut state = Chunked::default();
        assert_eq!(state.step(b"10000000000000000\r\n"), Step::Coding(19));
        assert_eq!(state, Chunked::Data(u64::MAX));
    }

    #[test]
    fn junk_is_broken() {
        assert!(undo(b"hello", 5).is_none());
        assert!(undo(b"\r\n", 2).is_none());
    }
}

//! What load balancers put in front of a connection: the PROXY protocol, versions 1 and 2. It is passed over; the addresses
//! in it are not read, for nothing says whether its sender may be believed.
//!
//! Read first: "The PROXY protocol, versions 1 & 2" by Tarreau, sections 2.1 and 2.2.

/// What the first bytes of a direction are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Preface {
    /// Something else.
    None,
    /// Too short to tell, or its end has not come.
    Maybe,
    /// A preface of this many bytes.
    Whole(usize),
}

/// No more bytes than this are needed to judge.
pub(super) const LONGEST: usize = 128;
/// The longest line of version 1, its line end included.
const LONGEST_LINE: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEADER: usize = 16;

/// Judges the beginning of a direction.
pub(super) fn judge(bytes: &[u8]) -> Preface {
    if begins(bytes, b"PROXY ") {
        let line = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
        return match memchr::memchr(b'\n', line) {
            Some(end) if is_line(line.get(..end).unwrap_or_default()) => {
                Preface::Whole(end.saturating_add(1))
            }
            None if line.len() < LONGEST_LINE => Preface::Maybe,
            Some(_) | None => Preface::None,
        };
    }
    // Two blank lines alone are more likely just that.
    if bytes.len() > 4 && begins(bytes, SIGNATURE) {
        return match bytes.get(SIGNATURE.len()..HEADER) {
            None => Preface::Maybe,
            Some([0x20 | 0x21, _, high, low]) => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                Preface::Whole(HEADER.saturating_add(len))
            }
            Some(_) => Preface::None,
        };
    }
    Preface::None
}

/// Whether `bytes` begin with `prefix`, as far as they go.
fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.len() > 2 && bytes.iter().zip(prefix).all(|(byte, want)| byte == want)
}

/// `PROXY TCP4 source target port port`, or `PROXY UNKNOWN` and anything.
fn is_line(line: &[u8]) -> bool {
    let mut words = line.trim_ascii().split(|byte| *byte == b' ').skip(1);
    match words.next() {
        Some(b"UNKNOWN") => true,
        Some(b"TCP4" | b"TCP6") => words.count() == 4,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Preface, SIGNATURE, judge};

    #[test]
    fn both_versions_are_told_from_their_first_bytes_on() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\nGET / HTTP/1.1\r\n";
        assert_eq!(judge(line), Preface::Whole(41));
        for len in 3..41 {
            assert_eq!(judge(&line[..len]), Preface::Maybe, "{len}");
        }
        let mut binary = SIGNATURE.to_vec();
        binary.extend([0x21, 0x11, 0, 12]);
        binary.extend([7; 12]);
        assert_eq!(judge(&binary), Preface::Whole(HEADER + 12));
        for len in 5..HEADER {
            assert_eq!(judge(&binary[..len]), Preface::Maybe, "{len}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for bytes in [
            &b""[..],
            b"\r\n",
            b"\r\n\r\n",
            b"\r\n\r\nGET / HTTP/1.1\r\n",
            b"PUT / HTTP/1.1\r\n",
            b"PROXY / HTTP/1.1\r\n",
            b"PROXY TCP4 1.2.3.4\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
        ] {
            assert_eq!(judge(bytes), Preface::None, "{bytes:?}");
        }
    }
}

//! What load balancers put in front of a connection: the PROXY protocol, versions 1 and 2. It says whose connection it is;
//! whether its sender may be believed is decided where clients are told apart (`anonymize::identity::client`).
//!
//! Read first: "The PROXY protocol, versions 1 & 2" by Tarreau, sections 2.1 and 2.2.

use std::net::IpAddr;

/// What the first bytes of a direction are. No `Debug`: it may hold an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Preface {
    /// Something else.
    None,
    /// Too short to tell, or its end has not come.
    Maybe,
    /// A preface of this many bytes, and the source it names.
    Whole(usize, Option<IpAddr>),
}

/// No more bytes than this are needed to judge.
pub(super) const LONGEST: usize = 128;
/// The longest line of version 1, its line end included.
const LONGEST_LINE: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const HEADER: usize = 16;
/// The longest address block of version 2 that is read: IPv6.
const ADDRESSES: usize = 36;

/// Judges the beginning of a direction.
pub(super) fn judge(bytes: &[u8]) -> Preface {
    if begins(bytes, b"PROXY ") {
        let line = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
        return match memchr::memchr(b'\n', line) {
            Some(end) if is_line(line.get(..end).unwrap_or_default()) => {
                let line = line.get(..end).unwrap_or_default();
                Preface::Whole(end.saturating_add(1), line_source(line))
            }
            None if line.len() < LONGEST_LINE => Preface::Maybe,
            Some(_) | None => Preface::None,
        };
    }
    // Two blank lines alone are more likely just that.
    if bytes.len() > 4 && begins(bytes, SIGNATURE) {
        return match bytes.get(SIGNATURE.len()..HEADER) {
            None => Preface::Maybe,
            Some([command @ (0x20 | 0x21), family, high, low]) => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                let rest = bytes.get(HEADER..).unwrap_or_default();
                if rest.len() < len.min(ADDRESSES) {
                    return Preface::Maybe;
                }
                let rest = rest.get(..len).unwrap_or(rest);
                // LOCAL: the proxy speaks for itself.
                let source = (*command == 0x21).then(|| source(*family, rest));
                Preface::Whole(HEADER.saturating_add(len), source.flatten())
            }
            Some(_) => Preface::None,
        };
    }
    Preface::None
}

/// The source in the address block of version 2, for TCP and UDP over IPv4 and IPv6.
fn source(family: u8, block: &[u8]) -> Option<IpAddr> {
    match family >> 4 {
        1 => {
            // Source, destination, both ports.
            let whole: &[u8; 12] = block.first_chunk()?;
            whole.first_chunk::<4>().map(|v4| IpAddr::from(*v4))
        }
        2 => {
            let whole: &[u8; 36] = block.first_chunk()?;
            whole.first_chunk::<16>().map(|v6| IpAddr::from(*v6))
        }
        _ => None,
    }
}

/// The source in a line of version 1.
fn line_source(line: &[u8]) -> Option<IpAddr> {
    let line = std::str::from_utf8(line).ok()?.trim_ascii();
    let mut words = line.split(' ').skip(1);
    let (family, address) = (words.next()?, words.next()?);
    let address: IpAddr = address.parse().ok()?;
    let fits = match family {
        "TCP4" => address.is_ipv4(),
        "TCP6" => address.is_ipv6(),
        _ => false,
    };
    fits.then_some(address)
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
    use proptest::prelude::*;

    use super::{HEADER, Preface, SIGNATURE, judge};

    fn named(bytes: &[u8]) -> Option<(usize, Option<String>)> {
        match judge(bytes) {
            Preface::Whole(len, source) => Some((len, source.map(|ip| ip.to_string()))),
            Preface::None | Preface::Maybe => None,
        }
    }

    fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family, 0, u8::try_from(block.len()).unwrap()]);
        bytes.extend(block);
        bytes
    }

    #[test]
    fn the_source_is_read() {
        let text = |ip: &str| Some(ip.to_owned());
        for (line, source) in [
            (
                "PROXY TCP4 198.51.100.7 192.0.2.2 40000 80\r\n",
                text("198.51.100.7"),
            ),
            (
                "PROXY TCP6 2001:db8::7 2001:db8::1 40000 80\r\n",
                text("2001:db8::7"),
            ),
            ("PROXY TCP4 2001:db8::7 2001:db8::1 40000 80\r\n", None),
            ("PROXY TCP4 198.51.100 192.0.2.2 40000 80\r\n", None),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN 198.51.100.7 192.0.2.2 1 2\r\n", None),
        ] {
            assert_eq!(named(line.as_bytes()), Some((line.len(), source)), "{line}");
        }
        let v4 = [198, 51, 100, 7, 192, 0, 2, 2, 1, 2, 0, 80];
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        v6[15] = 7;
        let mut with_tlv = v4.to_vec();
        with_tlv.extend([4, 0, 1, 9]);
        for (bytes, source) in [
            (binary(0x21, 0x11, &v4), text("198.51.100.7")),
            (binary(0x21, 0x11, &with_tlv), text("198.51.100.7")),
            (binary(0x21, 0x21, &v6), text("2001:db8::7")),
            (binary(0x20, 0x11, &v4), None),
            (binary(0x21, 0x11, &v4[..8]), None),
            (binary(0x21, 0x31, &[1; 216]), None),
            (binary(0x20, 0x00, &[]), None),
        ] {
            assert_eq!(named(&bytes), Some((bytes.len(), source)));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_the_same_from_some_length_on(
            tail in proptest::collection::vec(any::<u8>(), 0..80),
            start in 0..3_usize,
        ) {
            let mut bytes = [&b"PROXY TCP4 "[..], SIGNATURE, b""][start].to_vec();
            bytes.extend(tail);
            let whole = named(&bytes);
            for len in 0..bytes.len() {
                // Once it is whole, more bytes do not change it.
                let part = named(&bytes[..len]);
                prop_assert!(part.is_none() || part == whole);
            }
        }
    }

    #[test]
    fn both_versions_are_told_from_their_first_bytes_on() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\nGET / HTTP/1.1\r\n";
        assert_eq!(named(line), Some((41, Some("192.0.2.1".to_owned()))));
        for len in 3..41 {
            assert!(judge(&line[..len]) == Preface::Maybe, "{len}");
        }
        let mut binary = SIGNATURE.to_vec();
        binary.extend([0x21, 0x11, 0, 12]);
        binary.extend([7; 12]);
        assert_eq!(
            named(&binary),
            Some((HEADER + 12, Some("7.7.7.7".to_owned())))
        );
        for len in 5..HEADER + 12 {
            assert!(judge(&binary[..len]) == Preface::Maybe, "{len}");
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
            assert!(judge(bytes) == Preface::None, "{bytes:?}");
        }
    }
}

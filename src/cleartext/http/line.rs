//! Start lines: is this the beginning of a request, of a response, or of neither (RFC 9112 sections 2.2, 3 and 4).
//!
//! More tolerant than the grammar, as peers are: letter case of the version, spaces around it, a missing target, a missing
//! version (HTTP/0.9), a status that is no number.

use crate::observation::Protocol;
use memchr::memchr;

/// What the first bytes of a stream, or of a line, can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// A request line.
    Request,
    /// A status line.
    Response,
    /// Too short to tell.
    Maybe,
    /// Neither.
    No,
}

/// The parts of a request line, as ranges of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RequestLine<'a> {
    /// The method.
    pub(super) method: &'a [u8],
    /// The target; empty if missing.
    pub(super) target: &'a [u8],
    /// The version; HTTP/0.9 if missing.
    pub(super) protocol: Protocol,
}

/// The parts of a status line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StatusLine<'a> {
    /// The version.
    pub(super) protocol: Protocol,
    /// The status; 0 if it is no number of three digits.
    pub(super) status: u16,
    /// The reason phrase.
    pub(super) reason: &'a [u8],
}

/// Longest method taken for one; the longest registered has 17 letters.
pub(super) const MAX_METHOD: usize = 24;

/// Methods that are believed before the version is seen, and the only ones for which a missing version is.
const COMMON: [&[u8]; 9] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
];

/// Judges the beginning of a stream or line. Blank lines in front of it must have been skipped ([`blank_len`]).
pub(super) fn probe(bytes: &[u8]) -> Verdict {
    let verdict = probe_status_line(bytes);
    if verdict == Verdict::No {
        probe_request_line(bytes)
    } else {
        verdict
    }
}

/// Judges whether a status line begins here: `HTTP/d.d`, spaces, a digit.
pub(super) fn probe_status_line(bytes: &[u8]) -> Verdict {
    let prefix = b"HTTP/";
    let common = bytes.len().min(prefix.len());
    let starts = bytes
        .iter()
        .zip(prefix)
        .all(|(byte, want)| byte.eq_ignore_ascii_case(want));
    if !starts {
        return Verdict::No;
    }
    let mut rest = bytes.get(common..).unwrap_or_default().iter();
    let mut in_version = true;
    let mut seen = false;
    loop {
        match rest.next() {
            None => return Verdict::Maybe,
            Some(b'0'..=b'9') if !in_version => return Verdict::Response,
            Some(b'0'..=b'9') => seen = true,
            Some(b'.') if in_version && seen => {}
            Some(b' ' | b'\t') if seen => in_version = false,
            Some(_) => return Verdict::No,
        }
    }
}

/// Judges whether a request line begins here. The whole line is needed for a yes.
pub(super) fn probe_request_line(bytes: &[u8]) -> Verdict {
    let method_len = bytes
        .iter()
        .take(MAX_METHOD.saturating_add(1))
        .position(|byte| !is_method(*byte));
    let Some(method_len) = method_len else {
        return if bytes.len() <= MAX_METHOD {
            Verdict::Maybe
        } else {
            Verdict::No
        };
    };
    let delimiter = bytes.get(method_len);
    if method_len == 0 || !matches!(delimiter, Some(b' ' | b'\t')) {
        return Verdict::No;
    }
    match memchr(b'\n', bytes) {
        None => Verdict::Maybe,
        Some(end) => match request_line(bytes.get(..end).unwrap_or_default()) {
            Some(_) => Verdict::Request,
            None => Verdict::No,
        },
    }
}

/// Reads a whole request line, without its line end (a CR may still be on it).
pub(super) fn request_line(line: &[u8]) -> Option<RequestLine<'_>> {
    let line = line.trim_ascii();
    let method_len = line
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|len| (1..=MAX_METHOD).contains(len))?;
    let (method, rest) = line.split_at_checked(method_len)?;
    if !method.iter().all(|byte| is_method(*byte)) {
        return None;
    }
    let rest = rest.trim_ascii();
    let last = rest
        .iter()
        .rposition(|byte| matches!(byte, b' ' | b'\t'))
        .map_or(0, |at| at.saturating_add(1));
    let (before, version) = rest.split_at_checked(last)?;
    let (target, protocol) = match version_of(version) {
        Some(Version::One(protocol)) => (before.trim_ascii(), protocol),
        // HTTP/0.9 (RFC 1945 section 4.1): no version. Only believed with a method everyone knows and a path.
        None if COMMON.contains(&method) && is_target(rest) => (rest, Protocol::Http09),
        Some(Version::Later) | None => return None,
    };
    Some(RequestLine {
        method,
        target,
        protocol,
    })
}

/// Reads a whole status line, without its line end (a CR may still be on it).
pub(super) fn status_line(line: &[u8]) -> Option<StatusLine<'_>> {
    let line = line.trim_ascii();
    let version_len = line
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .unwrap_or(line.len());
    let (version, rest) = line.split_at_checked(version_len)?;
    let protocol = match version_of(version)? {
        Version::One(protocol) => protocol,
        Version::Later => Protocol::Http11,
    };
    let rest = rest.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let status = match rest {
        [a @ b'1'..=b'9', b, c, ..] if digits == 3 => {
            [*a, *b, *c].iter().fold(0_u16, |sum, digit| {
                sum.wrapping_mul(10)
                    .wrapping_add(u16::from(digit.wrapping_sub(b'0')))
            })
        }
        _ => 0,
    };
    let reason = rest.get(digits..).unwrap_or_default().trim_ascii();
    Some(StatusLine {
        protocol,
        status,
        reason,
    })
}

/// How many bytes of blank lines stand in front (RFC 9112 section 2.2: at least one must be ignored).
pub(super) fn blank_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count()
}

enum Version {
    One(Protocol),
    Later,
}

/// Reads `HTTP/d.d` in any letter case. `HTTP/1.` with any minor but 0 is read as 1.1, as recipients must (RFC 9110 section 2.5).
fn version_of(text: &[u8]) -> Option<Version> {
    let (name, number) = text.split_at_checked(5)?;
    if !name.eq_ignore_ascii_case(b"HTTP/") {
        return None;
    }
    match number {
        b"1.0" | b"1" => Some(Version::One(Protocol::Http10)),
        b"0.9" => Some(Version::One(Protocol::Http09)),
        [b'0' | b'1', b'.', b'0'..=b'9', ..] => Some(Version::One(Protocol::Http11)),
        [b'2'..=b'9', ..] => Some(Version::Later),
        _ => None,
    }
}

fn is_target(text: &[u8]) -> bool {
    matches!(text, [b'/', ..]) || memchr::memmem::find(text, b"://").is_some()
}

/// What methods in use are made of; narrower than `tchar` (RFC 9110 section 5.6.2), lest anything pass for a request.
pub(super) const fn is_method(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_requests_from_responses_from_the_rest() {
        for (bytes, verdict) in [
            (&b"GET / HTTP/1.1\r\n"[..], Verdict::Request),
            (b"GET / http/1.1\n", Verdict::Request),
            (b"M-SEARCH * HTTP/1.1\r\n", Verdict::Request),
            (b"GET  HTTP/1.1\r\n", Verdict::Request),
            (b"GET /old\r\n", Verdict::Request),
            (b"GET%00 /x HTTP/1.1\r\n", Verdict::No),
            (b"GET /half", Verdict::Maybe),
            (b"GE", Verdict::Maybe),
            (b"HTTP/1.1 2", Verdict::Response),
            (b"http/1.0  404", Verdict::Response),
            (b"HTTP/1.", Verdict::Maybe),
            (b"HTTP/1.1 OK", Verdict::No),
            (b"PRI * HTTP/2.0\r\n", Verdict::No),
            (b"INVITE sip:a SIP/2.0\r\n", Verdict::No),
            (b"USER anonymous\r\n", Verdict::No),
            (b"SSH-2.0-OpenSSH\r\n", Verdict::No),
            (b"\x16\x03\x01", Verdict::No),
            (b"220 ready\r\n", Verdict::No),
            (b"{\"a\":1}", Verdict::No),
        ] {
            assert_eq!(
                probe(bytes),
                verdict,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn reads_odd_request_lines() {
        let line = request_line(b"GET  /a b  HTTP/1.0 \r").unwrap();
        assert_eq!((line.method, line.target), (&b"GET"[..], &b"/a b"[..]));
        assert_eq!(line.protocol, Protocol::Http10);
        assert_eq!(request_line(b"GET HTTP/1.1").unwrap().target, b"");
        assert_eq!(request_line(b"GET /x").unwrap().protocol, Protocol::Http09);
        assert!(request_line(b"HELO /x").is_none());
    }

    #[test]
    fn reads_odd_status_lines() {
        assert_eq!(status_line(b"HTTP/1.1 200 OK\r").unwrap().reason, b"OK");
        assert_eq!(status_line(b"http/1.0 404").unwrap().status, 404);
        assert_eq!(status_line(b"HTTP/1.1 2XX Fine").unwrap().status, 0);
        assert_eq!(status_line(b"HTTP/1.1").unwrap().status, 0);
        assert!(status_line(b"ICY 200 OK").is_none());
    }
}

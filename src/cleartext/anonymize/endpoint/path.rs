//! A request target, cut into decoded path segments (RFC 9112 section 3.2, RFC 3986 sections 3.3 and 5.2.4).
//!
//! Owns the buffer the segments stand in, which is used again for every request. Empty segments (`//`, a trailing slash)
//! and dot segments fall away, percent escapes are decoded once, matrix parameters (`;v=1`) are cut off. Refuses nothing:
//! what is no path yields no segments and says so in [`Form`].

use smallvec::SmallVec;

/// Most segments that are looked at; what is deeper is `{rest}`.
pub(super) const MAX_DEPTH: usize = 16;
/// Most bytes of a path that are looked at.
const MAX_PATH: usize = 4_096;

/// What the target of a request was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext) enum Form {
    /// A path, alone or behind a scheme and authority.
    Path,
    /// `host:port`, as CONNECT has it.
    Authority,
    /// `*`, as OPTIONS has it.
    Asterisk,
    /// Empty.
    Missing,
}

/// The segments of one path.
#[derive(Default)]
pub(in crate::cleartext) struct PathBuf {
    bytes: Vec<u8>,
    spans: SmallVec<[(usize, usize); MAX_DEPTH]>,
    deeper: bool,
}

impl PathBuf {
    /// Cuts `target`. What was held before is gone.
    pub(in crate::cleartext) fn read(&mut self, target: &[u8]) -> Form {
        self.bytes.clear();
        self.spans.clear();
        self.deeper = false;
        let path = match target {
            [] => return Form::Missing,
            b"*" => return Form::Asterisk,
            [b'/', ..] => target,
            _ => match after_authority(target) {
                Some(path) => path,
                None => return Form::Authority,
            },
        };
        let path = path_only(path);
        let cut = path.get(..MAX_PATH).unwrap_or(path);
        for segment in cut.split(|byte| *byte == b'/') {
            self.push(segment);
        }
        self.deeper |= cut.len() < path.len();
        Form::Path
    }

    /// The decoded segments, at most [`MAX_DEPTH`].
    pub(in crate::cleartext) fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.spans
            .iter()
            .map(|(start, end)| self.bytes.get(*start..*end).unwrap_or_default())
    }

    /// Whether the path went on behind the last segment.
    pub(in crate::cleartext) const fn deeper(&self) -> bool {
        self.deeper
    }

    fn push(&mut self, raw: &[u8]) {
        let raw = raw.split(|byte| *byte == b';').next().unwrap_or_default();
        let start = self.bytes.len();
        decode_into(raw, &mut self.bytes);
        match self.bytes.get(start..) {
            Some(b"" | b".") => self.bytes.truncate(start),
            Some(b"..") => {
                let above = self.spans.pop();
                self.bytes.truncate(above.map_or(start, |(start, _)| start));
            }
            _ if self.spans.len() == MAX_DEPTH => {
                self.deeper = true;
                self.bytes.truncate(start);
            }
            _ => self.spans.push((start, self.bytes.len())),
        }
    }
}

/// The path and query of an absolute-form target; none if it is no such thing.
fn after_authority(target: &[u8]) -> Option<&[u8]> {
    let scheme = memchr::memmem::find(target.get(..16).unwrap_or(target), b"://")?;
    let rest = target.get(scheme.checked_add(3)?..)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    rest.get(end..)
}

/// What stands before the query and fragment.
fn path_only(target: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    target.get(..end).unwrap_or_default()
}

/// The query of a target, without `?` and fragment.
pub(in crate::cleartext) fn query_of(target: &[u8]) -> &[u8] {
    let Some(mark) = memchr::memchr(b'?', target) else {
        return &[];
    };
    let query = target.get(mark.saturating_add(1)..).unwrap_or_default();
    let end = memchr::memchr(b'#', query).unwrap_or(query.len());
    query.get(..end).unwrap_or_default()
}

/// Percent-decodes `raw` (RFC 3986 section 2.1) onto the end of `out`; a broken escape stays as it is.
pub(in crate::cleartext) fn decode_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(mark) = memchr::memchr(b'%', rest) {
        let (plain, escape) = rest.split_at_checked(mark).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        match escape {
            [_, high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push((nibble(*high) << 4) | nibble(*low));
                rest = after;
            }
            [mark, after @ ..] => {
                out.push(*mark);
                rest = after;
            }
            [] => rest = &[],
        }
    }
    out.extend_from_slice(rest);
}

/// The value of a hexadecimal digit; 0 for anything else.
fn nibble(digit: u8) -> u8 {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
        .unwrap_or(0)
}

/// Cuts anything without harm; called by the fuzzer.
#[cfg(any(test, fuzzing))]
pub(in crate::cleartext::anonymize) fn fuzz_path(target: &[u8]) {
    let mut path = PathBuf::default();
    path.read(target);
    assert!(path.segments().count() <= MAX_DEPTH);
    assert!(
        path.segments()
            .all(|s| !s.is_empty() && s != b"." && s != b"..")
    );
    let total: usize = path.segments().map(<[u8]>::len).sum();
    assert!(total <= target.len());
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(target: &[u8]) -> (Form, Vec<String>, bool) {
        let mut path = PathBuf::default();
        let form = path.read(target);
        let segments = path
            .segments()
            .map(|segment| String::from_utf8_lossy(segment).into_owned())
            .collect();
        (form, segments, path.deeper())
    }

    #[test]
    fn paths_are_cut_and_decoded() {
        for (target, segments) in [
            ("/", vec![]),
            ("/v1/users/", vec!["v1", "users"]),
            ("//v1//users?q=/x#f", vec!["v1", "users"]),
            ("/a%2Fb/%75sers/100%", vec!["a/b", "users", "100%"]),
            ("/cars;color=red/9;v=1", vec!["cars", "9"]),
            ("/a/./b/../c/%2e%2e/d", vec!["a", "d"]),
            ("/../../etc", vec!["etc"]),
            ("http://api.shop.test/v1?x", vec!["v1"]),
            ("https://api.shop.test", vec![]),
        ] {
            assert_eq!(
                cut(target.as_bytes()),
                (
                    Form::Path,
                    segments.iter().map(ToString::to_string).collect(),
                    false
                )
            );
        }
    }

    #[test]
    fn other_forms_are_told_apart() {
        assert_eq!(cut(b"*").0, Form::Asterisk);
        assert_eq!(cut(b"").0, Form::Missing);
        assert_eq!(cut(b"db.internal:5432").0, Form::Authority);
    }

    #[test]
    fn depth_is_bounded() {
        let (_, segments, deeper) = cut("/a".repeat(17).as_bytes());
        assert_eq!((segments.len(), deeper), (MAX_DEPTH, true));
        let (_, segments, deeper) = cut("/a".repeat(16).as_bytes());
        assert_eq!((segments.len(), deeper), (MAX_DEPTH, false));
    }

    #[test]
    fn queries_are_found() {
        assert_eq!(query_of(b"/a?x=1&y=2#f"), b"x=1&y=2");
        assert_eq!(query_of(b"/a"), b"");
    }

    proptest! {
        #[test]
        fn any_target_is_cut_within_bounds(target in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_path(&target);
        }
    }

    #[test]
    fn mutations_of_paths() {
        let seeds: [&[u8]; 2] = [
            b"/v1/users/1234;a=b?x=%41&y=2",
            b"https://a.test:8443/x//y/../z",
        ];
        crate::cleartext::mutation::run("path", fuzz_path, &seeds);
    }
}

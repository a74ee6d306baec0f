//! Heads: start line and fields (RFC 9112 sections 2 to 5), by httparse, and by a tolerant reader for what httparse refuses
//! but peers accept: folded fields in requests, junk between fields, odd versions and statuses, more fields than fit.
//!
//! Nothing is copied here: a [`Head`] is spans of the bytes it was read from.

use httparse::{Header, ParserConfig, Request, Response, Status};
use memchr::{memchr, memchr2};
use smallvec::SmallVec;
use std::mem::MaybeUninit;

use super::framing::Framing;
use super::line;
use super::transaction::{Field, Span};
use crate::observation::Protocol;

/// Which of the two kinds of message a direction carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Requests.
    Client,
    /// Responses.
    Server,
}

/// Fields read without an allocation.
const INLINE_FIELDS: usize = 64;

/// Where the fields of a head go: made by the caller, so that a kilobyte of them is not moved about with every head.
pub(super) struct Fields {
    list: SmallVec<[Field; INLINE_FIELDS]>,
    max: usize,
}

impl Fields {
    /// Room for at most `max` fields.
    pub(super) fn new(max: usize) -> Self {
        Self {
            list: SmallVec::new(),
            max,
        }
    }

    /// The fields, as spans of the bytes that were read.
    pub(super) fn as_slice(&self) -> &[Field] {
        &self.list
    }
}

/// A head but for its fields, as spans of the bytes it was read from.
#[derive(Debug)]
pub(super) struct Head {
    /// Its length with the blank line that ends it.
    pub(super) len: usize,
    /// Method or reason phrase.
    pub(super) first: Span,
    /// Target of a request.
    pub(super) target: Span,
    /// Status of a response; 0 if unreadable.
    pub(super) status: u16,
    /// Version.
    pub(super) protocol: Protocol,
    /// What they say about the body.
    pub(super) framing: Framing,
    /// Its end is missing.
    pub(super) cut: bool,
}

impl Head {
    /// That of a message that has none.
    pub(super) const NONE: Self = Self {
        len: 0,
        first: Span { start: 0, end: 0 },
        target: Span { start: 0, end: 0 },
        status: 0,
        protocol: Protocol::Http09,
        framing: Framing::NONE,
        cut: false,
    };
}

/// The outcome of reading a head.
pub(super) enum Read {
    /// It is all there.
    Whole(Head),
    /// It is plausible so far, but its end has not come.
    Partial,
    /// No head begins here.
    Not,
}

/// Reads a head that begins at the front of `src`, where blank lines have been skipped.
pub(super) fn read(role: Role, src: &[u8], fields: &mut Fields) -> Read {
    let parsed = match role {
        Role::Client => read_request(src, fields),
        Role::Server => read_response(src, fields),
    };
    match parsed {
        Ok(Status::Complete(head)) => Read::Whole(head),
        // Its blank line may be one that only the tolerant reader takes for blank.
        Ok(Status::Partial) if find_end(src, 0).is_err() => Read::Partial,
        Ok(Status::Partial) | Err(Refused) => read_tolerant(role, src, fields),
    }
}

/// Reads what there is of a head whose rest will not come. None if its start line cannot be recognised.
pub(super) fn read_cut(role: Role, src: &[u8], fields: &mut Fields) -> Option<Head> {
    let newline = memchr2(b'\r', b'\n', src);
    let end = newline.unwrap_or(src.len());
    let mut head = start_line(role, src.get(..end)?)?;
    if newline.is_none() && head.protocol == Protocol::Http09 {
        // The version was cut off rather than left out.
        head.protocol = Protocol::Http11;
    }
    Some(with_fields(head, src, (end, src.len()), fields))
}

/// Where the head at the front of `src` ends, its blank line included (white space on that line is tolerated).
///
/// Looks only from `from` on. If the end has not come, the error is where to look from next time: so a head that comes in
/// many pieces is scanned once.
pub(super) fn find_end(src: &[u8], from: usize) -> Result<usize, usize> {
    let mut at = from;
    loop {
        let rest = src.get(at..).unwrap_or_default();
        let Some(newline) = memchr(b'\n', rest).map(|found| at.saturating_add(found)) else {
            return Err(src.len());
        };
        let next = newline.saturating_add(1);
        let line = src.get(next..).unwrap_or_default();
        let blank = line
            .iter()
            .position(|byte| !matches!(byte, b'\r' | b' ' | b'\t'));
        match blank {
            None => return Err(newline),
            Some(len) if line.get(len) == Some(&b'\n') => {
                return Ok(next.saturating_add(len).saturating_add(1));
            }
            Some(_) => at = next,
        }
    }
}

/// Reads the lines of a trailer section, as fields relative to its first byte.
pub(super) fn read_trailer(src: &[u8], fields: &mut Vec<Field>, base: usize, max_fields: usize) {
    let mut lines = Lines { src, at: 0 };
    while let Some((start, end)) = lines.next() {
        if fields.len() < max_fields
            && let Some(field) = field_line(src, start, end)
        {
            fields.push(shift(field, base));
        }
    }
}

/// A field whose spans lie `base` bytes further on.
pub(super) fn shift(field: Field, base: usize) -> Field {
    Field {
        name: shift_span(field.name, base),
        value: shift_span(field.value, base),
    }
}

/// A span that lies `base` bytes further on.
pub(super) fn shift_span(span: Span, base: usize) -> Span {
    let base = u32::try_from(base).unwrap_or(u32::MAX);
    Span {
        start: span.start.saturating_add(base),
        end: span.end.saturating_add(base),
    }
}

/// A span from offsets. Out of range for 32 bits, it is empty: the limits keep every arena far below.
pub(super) fn span(start: usize, end: usize) -> Span {
    match (u32::try_from(start), u32::try_from(end)) {
        (Ok(start), Ok(end)) => Span { start, end },
        _ => Span::default(),
    }
}

/// httparse refused; says nothing else, for its reason does not matter.
struct Refused;

impl From<httparse::Error> for Refused {
    fn from(_: httparse::Error) -> Self {
        Self
    }
}

fn read_request(src: &[u8], fields: &mut Fields) -> Result<Status<Head>, Refused> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; INLINE_FIELDS];
    let mut request = Request::new(&mut []);
    let parsed = ParserConfig::default().parse_request_with_uninit_headers(
        &mut request,
        src,
        &mut headers,
    )?;
    let Status::Complete(len) = parsed else {
        return Ok(Status::Partial);
    };
    let framing = spans(src, request.headers, fields);
    Ok(Status::Complete(Head {
        len,
        first: within(src, request.method.unwrap_or_default().as_bytes()),
        target: within(src, request.path.unwrap_or_default().as_bytes()),
        status: 0,
        protocol: protocol(request.version),
        framing,
        cut: false,
    }))
}

fn read_response(src: &[u8], fields: &mut Fields) -> Result<Status<Head>, Refused> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; INLINE_FIELDS];
    let mut response = Response::new(&mut []);
    let mut config = ParserConfig::default();
    config
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true);
    let parsed = config.parse_response_with_uninit_headers(&mut response, src, &mut headers)?;
    let Status::Complete(len) = parsed else {
        return Ok(Status::Partial);
    };
    let framing = spans(src, response.headers, fields);
    Ok(Status::Complete(Head {
        len,
        first: within(src, response.reason.unwrap_or_default().as_bytes()),
        target: Span::default(),
        status: response.code.unwrap_or_default(),
        protocol: protocol(response.version),
        framing,
        cut: false,
    }))
}

fn spans(src: &[u8], headers: &[Header<'_>], fields: &mut Fields) -> Framing {
    let mut framing = Framing::default();
    fields.list.clear();
    fields.list.extend(headers.iter().map(|header| {
        framing.field(header.name.as_bytes(), header.value);
        Field {
            name: within(src, header.name.as_bytes()),
            value: within(src, header.value),
        }
    }));
    framing
}

/// Where `part`, a slice of `src`, lies in it. An empty part, and one that is no slice of `src`, give the empty span.
fn within(src: &[u8], part: &[u8]) -> Span {
    let start = part.as_ptr().addr().wrapping_sub(src.as_ptr().addr());
    let end = start.wrapping_add(part.len());
    if end <= src.len() && start <= end {
        span(start, end)
    } else {
        Span::default()
    }
}

fn protocol(minor: Option<u8>) -> Protocol {
    match minor {
        Some(0) => Protocol::Http10,
        _ => Protocol::Http11,
    }
}

fn read_tolerant(role: Role, src: &[u8], fields: &mut Fields) -> Read {
    fields.list.clear();
    let Some(line_end) = memchr(b'\n', src) else {
        return if probe(role, src) == line::Verdict::No {
            Read::Not
        } else {
            Read::Partial
        };
    };
    // Some peers take a bare CR for a line end (RFC 9112 section 2.2).
    let first_len = memchr2(b'\r', b'\n', src).unwrap_or(line_end);
    let Some(mut head) = start_line(role, src.get(..first_len).unwrap_or_default()) else {
        return Read::Not;
    };
    if head.protocol == Protocol::Http09 && role == Role::Client {
        head.len = line_end.saturating_add(1);
        return Read::Whole(head);
    }
    let Ok(end) = find_end(src, line_end) else {
        return Read::Partial;
    };
    Read::Whole(with_fields(head, src, (first_len, end), fields))
}

/// Judges whether a start line of this role's kind begins here.
pub(super) fn probe(role: Role, src: &[u8]) -> line::Verdict {
    match role {
        Role::Client => line::probe_request_line(src),
        Role::Server => line::probe_status_line(src),
    }
}

/// A head of nothing but its start line.
fn start_line(role: Role, text: &[u8]) -> Option<Head> {
    let (first, target, status, protocol) = match role {
        Role::Client => {
            let line = line::request_line(text)?;
            (line.method, line.target, 0, line.protocol)
        }
        Role::Server => {
            let line = line::status_line(text)?;
            (line.reason, &[][..], line.status, line.protocol)
        }
    };
    Some(Head {
        len: text.len(),
        first: within(text, first),
        target: within(text, target),
        status,
        protocol,
        framing: Framing::default(),
        cut: false,
    })
}

/// Adds the field lines between the end of the start line and the end of the head.
fn with_fields(
    mut head: Head,
    src: &[u8],
    (from, to): (usize, usize),
    fields: &mut Fields,
) -> Head {
    fields.list.clear();
    head.len = to;
    let src = src.get(..to).unwrap_or(src);
    let mut lines = Lines {
        src,
        at: from.saturating_add(1),
    };
    while let Some((start, end)) = lines.next() {
        if fields.list.len() >= fields.max {
            break;
        }
        if let Some(field) = field_line(src, start, end) {
            // No peer takes a name with a NUL behind it for the name.
            let end = usize::try_from(field.name.end).unwrap_or(usize::MAX);
            if src.get(end) != Some(&0) {
                head.framing
                    .field(slice(src, field.name), slice(src, field.value));
            }
            fields.list.push(field);
        }
    }
    head
}

/// Lines with their folded continuations (RFC 9112 section 5.2), as ranges without the line end. A bare CR ends a line too:
/// what hides behind one must not escape the masker, nor the framing.
struct Lines<'a> {
    src: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    fn next(&mut self) -> Option<(usize, usize)> {
        let start = self.at;
        let (mut end, mut next) = self.line_end(start)?;
        while matches!(self.src.get(next), Some(b' ' | b'\t')) {
            (end, next) = self.line_end(next)?;
        }
        self.at = next;
        Some((start, end))
    }

    /// The end of the line at `start` without its line end, and with it.
    fn line_end(&self, start: usize) -> Option<(usize, usize)> {
        let rest = self.src.get(start..).filter(|rest| !rest.is_empty())?;
        let end = memchr2(b'\r', b'\n', rest).map_or(self.src.len(), |at| start.saturating_add(at));
        let len = match self.src.get(end..) {
            Some([b'\r', b'\n', ..]) => 2,
            _ => 1,
        };
        Some((end, end.saturating_add(len)))
    }
}

fn field_line(src: &[u8], start: usize, end: usize) -> Option<Field> {
    let line = src.get(start..end)?;
    let colon = memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = trim_controls(name);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    (!name.is_empty()).then(|| Field {
        name: within(src, name),
        value: within(src, value),
    })
}

/// Without white space and control characters around it.
fn trim_controls(mut text: &[u8]) -> &[u8] {
    while let [(..=b' '), rest @ ..] | [rest @ .., (..=b' ')] = text {
        text = rest;
    }
    text
}

fn slice(src: &[u8], span: Span) -> &[u8] {
    let start = usize::try_from(span.start).unwrap_or(usize::MAX);
    let end = usize::try_from(span.end).unwrap_or(usize::MAX);
    src.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::framing::{Asked, Extent};
    use super::*;

    /// A head with its fields.
    struct Whole {
        head: Head,
        fields: Fields,
    }

    impl std::ops::Deref for Whole {
        type Target = Head;

        fn deref(&self) -> &Head {
            &self.head
        }
    }

    fn whole(role: Role, src: &[u8]) -> Whole {
        let mut fields = Fields::new(256);
        match read(role, src, &mut fields) {
            Read::Whole(head) => Whole { head, fields },
            Read::Partial => panic!("partial"),
            Read::Not => panic!("not a head"),
        }
    }

    fn field<'a>(head: &Whole, src: &'a [u8], index: usize) -> (&'a [u8], &'a [u8]) {
        let field = head.fields.as_slice()[index];
        (slice(src, field.name), slice(src, field.value))
    }

    #[test]
    fn spans_point_into_the_source() {
        let src = b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
        let head = whole(Role::Client, src);
        assert_eq!(slice(src, head.first), b"POST");
        assert_eq!(slice(src, head.target), b"/a?b");
        assert_eq!(field(&head, src, 0), (&b"Host"[..], &b"x"[..]));
        assert_eq!(head.framing.request(), Extent::Bytes(3));
        assert_eq!(&src[head.len..], b"abc");
    }

    #[test]
    fn folded_and_junk_lines_are_read_around() {
        let src =
            b"GET / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\nno colon here\r\nA : b\r\n\r\n";
        let head = whole(Role::Client, src);
        assert_eq!(head.fields.as_slice().len(), 2);
        assert_eq!(head.framing.request(), Extent::Chunked);
        assert_eq!(field(&head, src, 1), (&b"A"[..], &b"b"[..]));
    }

    #[test]
    fn bare_line_feeds_and_odd_status_lines() {
        let src = b"http/1.0 200 OK\nContent-Length: 5\n\nhello";
        let head = whole(Role::Server, src);
        assert_eq!((head.status, head.protocol), (200, Protocol::Http10));
        assert_eq!(head.framing.response(200, Asked::Other), Extent::Bytes(5));
        assert_eq!(whole(Role::Server, b"HTTP/1.1 2XX OK\r\n\r\n").status, 0);
    }

    #[test]
    fn a_bare_cr_hides_nothing() {
        let src = b"HTTP/1.1 200\rTransfer-Encoding:chunked\r\nA: x\rB\x0b: y\r\n\r\n";
        let head = whole(Role::Server, src);
        assert_eq!((head.status, head.fields.as_slice().len()), (200, 3));
        assert_eq!(head.framing.response(200, Asked::Other), Extent::Chunked);
        assert_eq!(field(&head, src, 2), (&b"B"[..], &b"y"[..]));
        assert_eq!(whole(Role::Server, b"HTTP/1.1\r 200 OK\r\n\r\n").status, 0);
    }

    #[test]
    fn a_request_without_version_is_one_line() {
        let src = b"GET /index.html\r\nwhatever";
        let head = whole(Role::Client, src);
        assert_eq!((head.protocol, head.len), (Protocol::Http09, 17));
    }

    #[test]
    fn more_fields_than_fit_inline() {
        let mut src = b"GET / HTTP/1.1\r\n".to_vec();
        for _ in 0..300 {
            src.extend_from_slice(b"A: b\r\n");
        }
        src.extend_from_slice(b"\r\n");
        let head = whole(Role::Client, &src);
        assert_eq!((head.fields.as_slice().len(), head.len), (256, src.len()));
    }

    #[test]
    fn a_cut_head_gives_what_it_has() {
        let mut fields = Fields::new(256);
        let cut = b"GET / HTTP/1.1\r\nHost: a.b\r\nCook";
        assert!(read_cut(Role::Client, cut, &mut fields).is_some());
        assert_eq!(fields.as_slice().len(), 1);
        assert!(
            read_cut(Role::Client, b"GET /half", &mut fields)
                .is_some_and(|h| h.protocol == Protocol::Http11)
        );
        assert!(read_cut(Role::Server, b"<html>", &mut fields).is_none());
    }

    #[test]
    fn the_end_of_a_head_is_found_over_any_cut() {
        let src = b"A: b\r\nC: d\r\n\r\nbody";
        for from in 0..13 {
            assert_eq!(find_end(src, from.min(11)), Ok(14));
        }
        assert_eq!(find_end(b"A: b\n\nx", 0), Ok(6));
        assert_eq!(find_end(b"A: b\n\r\t\r\nx", 0), Ok(9));
        assert_eq!(find_end(b"A: b\r\n \r", 0), Err(5));
        assert_eq!(find_end(b"A: b\r\nC", 0), Err(7));
    }
}

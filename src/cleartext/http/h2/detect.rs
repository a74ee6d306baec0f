//! Whether a flow is HTTP/2 (RFC 9113 sections 3.3 and 3.4): by the preface of either end, or, where the beginning was not
//! seen, by a row of frames that can be nothing else.

use super::frame::{Frame, FrameHeader, HEADER_LEN, Kind, PREFACE, fragment};
use super::hpack::{Decoder, End, FieldList};
use crate::cleartext::http::head::Role;

/// Highest identifier of a setting that is in use, those of extensions included.
const KNOWN_SETTING: u16 = 0x10;
/// Decoded size and number of fields of a header block that is only looked at.
const LOOK: (usize, usize) = (16 << 10, 128);

/// What the first bytes of a stream say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::http) enum Sign {
    /// They are the preface of a client.
    Client,
    /// They are the first frame of a server.
    Server,
    /// They may become one of these.
    Maybe,
    /// Neither.
    No,
}

/// Judges the first bytes of a stream.
pub(in crate::cleartext::http) fn sign(bytes: &[u8]) -> Sign {
    if bytes.starts_with(PREFACE) {
        return Sign::Client;
    }
    if PREFACE.starts_with(bytes) {
        return Sign::Maybe;
    }
    settings(bytes)
}

/// A server begins with SETTINGS, one of which at least is known, and asks for nothing to be acknowledged before.
fn settings(bytes: &[u8]) -> Sign {
    // The length of a plausible frame leaves two octets 0; what follows is fixed but for the third.
    let may_become = bytes.iter().zip([0, 0]).all(|(byte, want)| *byte == want)
        && bytes
            .iter()
            .skip(3)
            .zip([4, 0, 0, 0, 0, 0])
            .all(|(byte, want)| *byte == want);
    if !may_become {
        return Sign::No;
    }
    let Some(header) = FrameHeader::first(bytes) else {
        return Sign::Maybe;
    };
    if !header.is_plausible(Role::Server) {
        return Sign::No;
    }
    let len = usize::try_from(header.len).unwrap_or(usize::MAX);
    let payload = bytes.get(HEADER_LEN..).unwrap_or_default();
    let Some(listed) = payload.get(..len) else {
        return Sign::Maybe;
    };
    if !known_settings(listed) {
        return Sign::No;
    }
    // An empty one is told by what follows: a frame of the same connection.
    match payload.get(len..) {
        None => Sign::Maybe,
        Some(_) if len > 0 => Sign::Server,
        Some(next) => match FrameHeader::first(next) {
            None => Sign::Maybe,
            Some(header) if header.is_plausible(Role::Server) => Sign::Server,
            Some(_) => Sign::No,
        },
    }
}

fn known_settings(payload: &[u8]) -> bool {
    let mut known = payload.is_empty();
    let plausible = payload.chunks_exact(6).all(|setting| match setting {
        [a, b, value @ ..] => {
            let id = u16::from_be_bytes([*a, *b]);
            known |= (1..=KNOWN_SETTING).contains(&id);
            // ENABLE_PUSH and ENABLE_CONNECT_PROTOCOL are switches. Experiments may have any other number.
            id != 0 && (!matches!(id, 2 | 8) || matches!(value, [0, 0, 0, 0 | 1]))
        }
        _ => false,
    });
    plausible && known
}

/// Who sends the frames that a segment consists of, joined midstream: a row of plausible frames from its first byte to its
/// last, one of which holds a whole header block with pseudo-header fields of requests, or of responses, in front.
pub(in crate::cleartext::http) fn midstream(segment: &[u8]) -> Option<Role> {
    let mut rest = segment;
    let mut role = None;
    while let Some(header) = FrameHeader::first(rest) {
        let sender = role.unwrap_or(Role::Server);
        if !header.is_plausible(sender) {
            return None;
        }
        let len = usize::try_from(header.len).ok()?;
        let payload = rest.get(HEADER_LEN..)?;
        let Some(whole) = payload.get(..len) else {
            // Goes on in the next segment.
            return role;
        };
        if matches!(header.kind, Kind::Headers | Kind::PushPromise) && role.is_none() {
            role = block_of(&Frame {
                header,
                payload: whole,
                whole: true,
            })?;
        }
        if header.kind == Kind::Settings && !known_settings(whole) {
            return None;
        }
        rest = payload.get(len..)?;
    }
    role.filter(|_| rest.is_empty())
}

/// Whose header block this is; none if it is none at all.
#[allow(
    clippy::option_option,
    reason = "that a block says nothing is another thing than that it is none"
)]
fn block_of(frame: &Frame<'_>) -> Option<Option<Role>> {
    let (header, fragment) = (&frame.header, fragment(frame)?);
    let whole = header.has(super::frame::END_HEADERS);
    let mut list = FieldList::default();
    list.clear(LOOK.0, LOOK.1);
    match Decoder::midstream().decode(fragment.block, &mut list) {
        End::Whole => {}
        End::Cut if !whole => {}
        End::Cut | End::Broken => return None,
    }
    let (mut request, mut response, mut regular) = (false, false, false);
    for (name, value) in list.iter() {
        let known = match name {
            b":method" => value.iter().all(u8::is_ascii_uppercase) && !value.is_empty(),
            b":scheme" => matches!(value, b"http" | b"https"),
            b":path" => matches!(value, [b'/' | b'*', ..]),
            b":authority" => true,
            b":status" => matches!(value, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']),
            [b'a'..=b'z' | b'0'..=b'9', ..] => {
                regular = true;
                !name.iter().any(u8::is_ascii_uppercase)
            }
            _ => false,
        };
        let pseudo = name.first() == Some(&b':');
        if !known || (pseudo && regular) {
            return None;
        }
        request |= pseudo && name != b":status";
        response |= name == b":status";
    }
    match (request, response, header.kind) {
        // The request in a promise comes from the server.
        (true, false, Kind::PushPromise) | (false, true, Kind::Headers) => Some(Some(Role::Server)),
        (true, false, _) => Some(Some(Role::Client)),
        // Both, or a promise of a response.
        (_, true, _) => None,
        (false, false, _) => Some(None),
    }
}

/// Fuzz entry: any bytes as the beginning of a stream, and as a segment of one.
#[cfg(test)]
pub(in crate::cleartext::http) fn fuzz_signs(data: &[u8]) {
    let told = sign(data);
    // What is told stays so however much follows, and was at most unsure before.
    for len in 0..data.len().min(80) {
        let before = sign(&data[..len]);
        assert!(before == told || before == Sign::Maybe);
    }
    midstream(data);
}

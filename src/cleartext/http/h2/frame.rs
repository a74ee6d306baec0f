//! Frame headers and the layout of the payloads that matter (RFC 9113 sections 4.1, 6.2, 6.4, 6.6 and 6.10).

use crate::cleartext::http::head::Role;

/// Length of a frame header.
pub(super) const HEADER_LEN: usize = 9;
/// What a client sends first (section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Largest frame unless both ends agreed on more (section 4.2).
const USUAL_FRAME: u32 = 1 << 14;
/// Most settings believed to stand in one frame when frames are looked for.
const USUAL_SETTINGS: u32 = 16;
/// Highest stream number believed when frames are looked for.
const USUAL_STREAM: u32 = 1 << 24;

/// Flag: the last frame of its stream in this direction.
pub(super) const END_STREAM: u8 = 0x1;
/// Flag of SETTINGS and PING: an answer.
pub(super) const ACK: u8 = 0x1;
/// Flag: the last frame of a header block.
pub(super) const END_HEADERS: u8 = 0x4;
/// Flag: padding stands behind the payload.
pub(super) const PADDED: u8 = 0x8;
/// Flag of HEADERS: a priority stands in front.
const PRIORITY: u8 = 0x20;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    ResetStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// An extension in use, on the connection: ALTSVC (RFC 7838), ORIGIN (RFC 8336), `PRIORITY_UPDATE` (RFC 9218).
    Extension,
    /// An extension, to be ignored (section 4.1).
    Other,
}

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FrameHeader {
    /// Length of the payload.
    pub(super) len: u32,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    /// Stream number; 0 is the connection.
    pub(super) stream: u32,
    /// The bit that must be sent as 0.
    reserved: bool,
}

impl FrameHeader {
    /// Stands where there was none yet.
    pub(super) const NONE: Self = Self {
        len: 0,
        kind: Kind::Other,
        flags: 0,
        stream: 0,
        reserved: false,
    };

    /// Reads a header.
    pub(super) fn read(octets: &[u8; HEADER_LEN]) -> Self {
        let [a, b, c, kind, flags, id @ ..] = *octets;
        let id = u32::from_be_bytes(id);
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            2 => Kind::Priority,
            3 => Kind::ResetStream,
            4 => Kind::Settings,
            5 => Kind::PushPromise,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            0x0a | 0x0c | 0x10 => Kind::Extension,
            _ => Kind::Other,
        };
        Self {
            len: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: id & 0x7fff_ffff,
            reserved: id >> 31 != 0,
        }
    }

    /// Reads the header at the front of `src`.
    pub(super) fn first(src: &[u8]) -> Option<Self> {
        src.first_chunk().map(Self::read)
    }

    /// Whether a flag is set.
    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether a peer would accept it where a frame is due: stream and length fit the kind. An extension may be anything,
    /// but is not believed to be larger than frames usually are.
    pub(super) const fn is_sane(&self) -> bool {
        let on_stream = self.stream != 0;
        match self.kind {
            Kind::Data | Kind::Headers | Kind::PushPromise | Kind::Continuation => on_stream,
            Kind::Priority => on_stream && self.len == 5,
            Kind::ResetStream => on_stream && self.len == 4,
            Kind::Settings => !on_stream && self.len.is_multiple_of(6),
            Kind::Ping => !on_stream && self.len == 8,
            Kind::GoAway => !on_stream && self.len >= 8,
            Kind::WindowUpdate => self.len == 4,
            Kind::Extension | Kind::Other => self.len <= USUAL_FRAME,
        }
    }

    /// Whether it looks like a frame of that sender where none was to be expected: nothing about it is unusual.
    pub(super) const fn is_plausible(&self, role: Role) -> bool {
        let is_server = matches!(role, Role::Server);
        let on_stream = self.stream != 0;
        let odd = !self.stream.is_multiple_of(2);
        let allowed = match self.kind {
            Kind::Data => END_STREAM | PADDED,
            Kind::Headers => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Kind::Settings | Kind::Ping => ACK,
            Kind::PushPromise => END_HEADERS | PADDED,
            Kind::Continuation => END_HEADERS,
            Kind::Priority
            | Kind::ResetStream
            | Kind::GoAway
            | Kind::WindowUpdate
            | Kind::Extension
            | Kind::Other => 0,
        };
        let fits = match self.kind {
            Kind::Data => self.len > 0 || self.has(END_STREAM),
            Kind::Headers => self.len > 0 && (odd || is_server),
            Kind::Continuation => self.len > 0,
            Kind::PushPromise => self.len > 4 && odd && is_server,
            Kind::Settings => self.len <= 6 * USUAL_SETTINGS && (!self.has(ACK) || self.len == 0),
            Kind::GoAway => self.len <= 1_024,
            Kind::Extension => !on_stream && self.len > 0 && self.len <= 1_024,
            Kind::Other => false,
            Kind::Priority | Kind::ResetStream | Kind::Ping | Kind::WindowUpdate => true,
        };
        self.is_sane()
            && fits
            && !self.reserved
            && self.flags & !allowed == 0
            && self.len <= USUAL_FRAME
            && self.stream <= USUAL_STREAM
    }
}

/// A frame with its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame<'a> {
    pub(super) header: FrameHeader,
    pub(super) payload: &'a [u8],
    /// The payload is all there; else it is its front.
    pub(super) whole: bool,
}

/// The part of a header block that a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fragment<'a> {
    /// The octets of the block.
    pub(super) block: &'a [u8],
    /// The stream that `PUSH_PROMISE` promises.
    pub(super) promised: Option<u32>,
}

/// Takes padding, priority and promise off the payload of HEADERS, `PUSH_PROMISE` or CONTINUATION. Where the end of the
/// payload is missing, the padding is missing too. None if they do not fit.
pub(super) fn fragment<'a>(frame: &Frame<'a>) -> Option<Fragment<'a>> {
    let header = &frame.header;
    let mut rest = frame.payload;
    if header.kind != Kind::Continuation && header.has(PADDED) {
        let (padding, behind) = rest.split_first()?;
        let padding = usize::from(*padding);
        let sent = usize::try_from(header.len).ok()?.checked_sub(1)?;
        let unpadded = sent.checked_sub(padding)?;
        rest = behind
            .get(..unpadded)
            .or((!frame.whole).then_some(behind))?;
    }
    let mut promised = None;
    if header.kind == Kind::Headers && header.has(PRIORITY) {
        rest = rest.get(5..)?;
    } else if header.kind == Kind::PushPromise {
        let (id, behind) = rest.split_first_chunk()?;
        promised = Some(u32::from_be_bytes(*id) & 0x7fff_ffff);
        rest = behind;
    }
    Some(Fragment {
        block: rest,
        promised,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(octets: [u8; 9]) -> FrameHeader {
        FrameHeader::read(&octets)
    }

    #[test]
    fn headers_are_read_and_judged() {
        let settings = header([0, 0, 18, 4, 0, 0, 0, 0, 0]);
        assert_eq!(
            (settings.len, settings.kind, settings.stream),
            (18, Kind::Settings, 0)
        );
        assert!(settings.is_plausible(Role::Server) && settings.is_sane());
        // On a stream, of an odd length, with a length in an acknowledgement.
        assert!(!header([0, 0, 18, 4, 0, 0, 0, 0, 1]).is_sane());
        assert!(!header([0, 0, 17, 4, 0, 0, 0, 0, 0]).is_sane());
        assert!(!header([0, 0, 18, 4, 1, 0, 0, 0, 0]).is_plausible(Role::Client));
        // Zeros are a DATA frame on no stream.
        assert!(!header([0; 9]).is_sane());
        assert!(header([0, 0, 1, 0x20, 9, 0, 0, 0, 0]).is_sane());
    }

    #[test]
    fn padding_and_priority_are_taken_off() {
        let padded = header([0, 0, 9, 1, PADDED | PRIORITY, 0, 0, 0, 1]);
        let payload = [2, 0, 0, 0, 0, 16, b'x', 0, 0];
        let of = |header, payload, whole| {
            fragment(&Frame {
                header,
                payload,
                whole,
            })
        };
        let read = of(padded, &payload, true).unwrap();
        assert_eq!((read.block, read.promised), (&b"x"[..], None));
        // Cut before the padding.
        assert_eq!(of(padded, &payload[..7], false).unwrap().block, b"x");
        assert_eq!(of(padded, &[9, 0], false), None);
        let promise = header([0, 0, 5, 5, 0, 0, 0, 0, 1]);
        assert_eq!(
            of(promise, &[0, 0, 0, 2, b'y'], true).unwrap().promised,
            Some(2)
        );
    }
}

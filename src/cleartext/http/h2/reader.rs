//! Frames out of one direction, however it is cut into segments; through holes that lie inside a frame, and on again behind
//! others (RFC 9113 section 4).
//!
//! Behind a hole over a frame boundary, and where a direction is joined midstream, a frame header is looked for at every
//! octet. One that is plausible is *tentative*: it counts only when another follows where it says, when its header block can be
//! read, or when it ends with its segment.

use super::frame::{FrameHeader, HEADER_LEN, Kind, PREFACE};
use crate::cleartext::http::exchange::Mark;
use crate::cleartext::http::head::Role;

/// Octets of a header that may stand on either side of an edge.
const EDGE: usize = HEADER_LEN - 1;
/// Buffers up to this capacity are used again for the next payload.
const KEPT_BUFFER: usize = 4 << 10;

/// What a direction yields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event<'a> {
    /// Nothing to tell.
    None,
    /// A frame begins.
    Header(FrameHeader),
    /// The next bytes of a DATA frame, without padding.
    Data(FrameHeader, &'a [u8]),
    /// A DATA frame has ended.
    DataEnd(FrameHeader),
    /// A frame whose payload matters, complete, or as far as it is there if not `whole`. Without a payload here it is to be
    /// taken by [`Reader::take_buffer`].
    Frame {
        header: FrameHeader,
        payload: Option<&'a [u8]>,
        whole: bool,
    },
    /// What stands here is no frame: looking for the next.
    Lost,
}

/// What a hole took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Lost {
    /// The frame it lies in, if it lies in one.
    pub(super) header: Option<FrameHeader>,
    /// Octets of DATA.
    pub(super) data: u64,
    /// The DATA frame ended within it.
    pub(super) data_end: bool,
    /// The payload being collected will not be whole.
    pub(super) cut: bool,
    /// Frames may have begun within it.
    pub(super) boundary: bool,
}

/// One direction's frame reader.
pub(super) struct Reader {
    role: Role,
    state: State,
    /// Octets of the header that is not all there yet; while looking for one, the last that came.
    head: [u8; HEADER_LEN],
    have: usize,
    header: FrameHeader,
    /// Where the current frame began.
    mark: Mark,
    buf: Vec<u8>,
    tentative: bool,
    /// Streams above are not believed while frames are looked for.
    bound: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// So much of the client's preface has come.
    Preface(usize),
    Header,
    /// The length of the padding comes next.
    PadLen,
    Data {
        left: u32,
        padding: u32,
    },
    /// A payload that is collected.
    Payload(u32),
    Skip(u32),
    /// Looking for a frame.
    Scan,
}

impl Reader {
    /// For a direction that begins here.
    pub(super) const fn at_start(role: Role) -> Self {
        let state = match role {
            Role::Client => State::Preface(0),
            Role::Server => State::Header,
        };
        Self::with(role, state, false)
    }

    /// For a direction that is joined where a frame seems to begin.
    pub(super) const fn at_frame(role: Role) -> Self {
        Self::with(role, State::Header, true)
    }

    /// For a direction that is joined anywhere.
    pub(super) const fn anywhere(role: Role) -> Self {
        Self::with(role, State::Scan, true)
    }

    /// Whether the current frame is not yet believed.
    pub(super) const fn is_tentative(&self) -> bool {
        self.tentative
    }

    /// Whether it is between two frames.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.state, State::Header) && self.have == 0
    }

    /// Whether it looks for a frame.
    pub(super) fn is_lost(&self) -> bool {
        self.state == State::Scan
    }

    /// Whether the current frame ends without another octet.
    pub(super) const fn is_due(&self) -> bool {
        matches!(
            self.state,
            State::Data {
                left: 0,
                padding: 0
            } | State::Payload(0)
                | State::Skip(0)
        )
    }

    /// Where the current frame began.
    pub(super) const fn mark(&self) -> Mark {
        self.mark
    }

    /// The current frame makes sense.
    pub(super) const fn confirm(&mut self) {
        self.tentative = false;
    }

    /// The current frame makes none: looks for the next, on streams up to `bound`.
    pub(super) fn scan(&mut self, bound: u32) {
        self.state = State::Scan;
        self.bound = bound;
        self.buf.clear();
    }

    /// The payload that was collected.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buf)
    }

    /// Gives the buffer back for the next payload, unless it has grown large.
    pub(super) fn reuse(&mut self, mut buf: Vec<u8>) {
        if buf.capacity() <= KEPT_BUFFER {
            buf.clear();
            self.buf = buf;
        }
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.buf.capacity()
    }

    /// Reads on at the front of `rest`, which stands at `at`; collects payloads up to `max`. Returns how much it took.
    pub(super) fn step<'a>(&mut self, rest: &'a [u8], at: Mark, max: usize) -> (usize, Event<'a>) {
        match self.state {
            State::Preface(have) => self.preface(rest, have),
            State::Header => self.header(rest, at),
            State::PadLen => self.pad_len(rest),
            State::Data { left, padding } => self.data(rest, left, padding),
            State::Payload(left) => self.payload(rest, left, max),
            State::Skip(left) => {
                let used = front(rest, left).len();
                self.state = State::Skip(left.saturating_sub(to_u32(used)));
                if self.state == State::Skip(0) {
                    self.state = State::Header;
                }
                (used, Event::None)
            }
            State::Scan => self.search(rest, at),
        }
    }

    /// A hole of `len` octets.
    pub(super) fn gap(&mut self, len: u64) -> Lost {
        let mut lost = Lost {
            header: Some(self.header),
            ..Lost::default()
        };
        // How much of the frame is left behind the hole, or that the hole goes on behind the frame.
        let behind = |left: u32| {
            u64::from(left)
                .checked_sub(len)
                .and_then(|left| u32::try_from(left).ok())
        };
        match self.state {
            State::Preface(have) => {
                let have = u64::try_from(have).unwrap_or(0).saturating_add(len);
                match usize::try_from(have) {
                    Ok(have) if have < PREFACE.len() => self.state = State::Preface(have),
                    Ok(have) if have == PREFACE.len() => self.state = State::Header,
                    _ => lost.boundary = true,
                }
                lost.header = None;
            }
            State::Data { left, padding } => {
                lost.data = len.min(u64::from(left));
                if let Some(rest) = behind(left.saturating_add(padding)) {
                    let padding = padding.min(rest);
                    let left = rest.saturating_sub(padding);
                    self.state = State::Data { left, padding };
                } else {
                    (lost.boundary, lost.data_end) = (true, true);
                }
            }
            State::Payload(left) => {
                lost.cut = true;
                match behind(left) {
                    Some(left) => self.state = State::Skip(left),
                    None => lost.boundary = true,
                }
            }
            State::Skip(left) => match behind(left) {
                Some(left) => self.state = State::Skip(left),
                None => lost.boundary = true,
            },
            State::PadLen => {
                if let Some(padding) = behind(self.header.len) {
                    // How much of it is padding is lost too: none of it is counted.
                    self.state = State::Data { left: 0, padding };
                } else {
                    (lost.boundary, lost.data_end) = (true, true);
                }
            }
            State::Header | State::Scan => {
                lost.header = None;
                lost.boundary = true;
            }
        }
        if lost.boundary {
            self.have = 0;
        }
        lost
    }

    const fn with(role: Role, state: State, tentative: bool) -> Self {
        Self {
            role,
            state,
            head: [0; HEADER_LEN],
            have: 0,
            header: FrameHeader::NONE,
            mark: Mark::NONE,
            buf: Vec::new(),
            tentative,
            bound: u32::MAX,
        }
    }

    fn preface<'a>(&mut self, rest: &'a [u8], have: usize) -> (usize, Event<'a>) {
        let wanted = PREFACE.get(have..).unwrap_or_default();
        let len = wanted.len().min(rest.len());
        if rest.get(..len) != wanted.get(..len) {
            return (0, Event::Lost);
        }
        let have = have.saturating_add(len);
        self.state = if have < PREFACE.len() {
            State::Preface(have)
        } else {
            State::Header
        };
        (len, Event::None)
    }

    fn header<'a>(&mut self, rest: &'a [u8], at: Mark) -> (usize, Event<'a>) {
        if self.have == 0 {
            self.mark = at;
        }
        let wanted = self.head.get_mut(self.have..).unwrap_or_default();
        let len = wanted.len().min(rest.len());
        for (slot, octet) in wanted.iter_mut().zip(rest) {
            *slot = *octet;
        }
        self.have = self.have.saturating_add(len);
        if self.have < HEADER_LEN {
            return (len, Event::None);
        }
        self.have = 0;
        let header = FrameHeader::read(&self.head);
        let believed = if self.tentative {
            header.is_plausible(self.role)
        } else {
            header.is_sane()
        };
        if !believed {
            self.head.rotate_left(1);
            self.have = EDGE;
            return (len, Event::Lost);
        }
        (len, self.begin(header))
    }

    fn begin<'a>(&mut self, header: FrameHeader) -> Event<'a> {
        self.header = header;
        self.state = match header.kind {
            Kind::Data if header.has(super::frame::PADDED) && header.len > 0 => State::PadLen,
            Kind::Data => State::Data {
                left: header.len,
                padding: 0,
            },
            Kind::Headers | Kind::PushPromise | Kind::Continuation | Kind::ResetStream => {
                State::Payload(header.len)
            }
            Kind::Priority
            | Kind::Settings
            | Kind::Ping
            | Kind::GoAway
            | Kind::WindowUpdate
            | Kind::Extension
            | Kind::Other => State::Skip(header.len),
        };
        Event::Header(header)
    }

    fn pad_len<'a>(&mut self, rest: &'a [u8]) -> (usize, Event<'a>) {
        let Some(padding) = rest.first() else {
            return (0, Event::None);
        };
        let sent = self.header.len.saturating_sub(1);
        // More padding than there is room for is all padding.
        let padding = u32::from(*padding).min(sent);
        self.state = State::Data {
            left: sent.saturating_sub(padding),
            padding,
        };
        (1, Event::None)
    }

    fn data<'a>(&mut self, rest: &'a [u8], left: u32, padding: u32) -> (usize, Event<'a>) {
        if left > 0 {
            let piece = front(rest, left);
            let left = left.saturating_sub(to_u32(piece.len()));
            self.state = State::Data { left, padding };
            return (piece.len(), Event::Data(self.header, piece));
        }
        let used = front(rest, padding).len();
        let padding = padding.saturating_sub(to_u32(used));
        if padding > 0 {
            self.state = State::Data { left, padding };
            return (used, Event::None);
        }
        self.state = State::Header;
        (used, Event::DataEnd(self.header))
    }

    fn payload<'a>(&mut self, rest: &'a [u8], left: u32, max: usize) -> (usize, Event<'a>) {
        let piece = front(rest, left);
        let frame = |payload, whole| Event::Frame {
            header: self.header,
            payload,
            whole,
        };
        let is_all = to_u32(piece.len()) == left;
        if self.buf.is_empty() && is_all && piece.len() <= max {
            self.state = State::Header;
            return (piece.len(), frame(Some(piece), true));
        }
        let room = max.saturating_sub(self.buf.len());
        let taken = piece.get(..room).unwrap_or(piece);
        self.buf.extend_from_slice(taken);
        let left = left.saturating_sub(to_u32(taken.len()));
        if left == 0 {
            self.state = State::Header;
            (taken.len(), frame(None, true))
        } else if self.buf.len() >= max {
            self.state = State::Skip(left);
            (taken.len(), frame(None, false))
        } else {
            self.state = State::Payload(left);
            (taken.len(), Event::None)
        }
    }

    /// Looks for a header at every octet, also over the edge of two segments.
    fn search<'a>(&mut self, rest: &'a [u8], at: Mark) -> (usize, Event<'a>) {
        self.tentative = true;
        let (joint, len) = self.joint(rest);
        let joint = joint.get(..len).unwrap_or_default();
        let over_edge = joint.windows(HEADER_LEN).take(self.have).enumerate();
        let within = rest.windows(HEADER_LEN).enumerate();
        let found = over_edge
            .map(|(start, octets)| (start, octets, self.have))
            .chain(within.map(|(start, octets)| (start, octets, 0)))
            .find_map(|(start, octets, before)| {
                let header = self.likely(octets.first_chunk()?)?;
                Some((start, header, before))
            });
        if let Some((start, header, before)) = found {
            let used = start.saturating_add(HEADER_LEN).saturating_sub(before);
            let back = u64::try_from(used).unwrap_or(0).wrapping_sub(9);
            self.have = 0;
            self.mark = Mark {
                offset: at.offset.wrapping_add(back),
                ..at
            };
            return (used, self.begin(header));
        }
        // A header may begin with the last octets.
        let all = if rest.len() < EDGE { joint } else { rest };
        let tail = all
            .get(all.len().saturating_sub(EDGE)..)
            .unwrap_or_default();
        let mut head = [0; HEADER_LEN];
        for (slot, octet) in head.iter_mut().zip(tail) {
            *slot = *octet;
        }
        (self.head, self.have) = (head, tail.len());
        (rest.len(), Event::None)
    }

    /// The last octets that came, and the first of `rest`; how many they are.
    fn joint(&self, rest: &[u8]) -> ([u8; 2 * EDGE], usize) {
        let mut joint = [0; 2 * EDGE];
        let octets = self.head.iter().take(self.have.min(EDGE));
        let mut len = 0_usize;
        for (slot, octet) in joint.iter_mut().zip(octets.chain(rest.iter().take(EDGE))) {
            *slot = *octet;
            len = len.saturating_add(1);
        }
        (joint, len)
    }

    fn likely(&self, octets: &[u8; HEADER_LEN]) -> Option<FrameHeader> {
        // Most octets fall here: frames are shorter than 64 KiB, and of ten kinds.
        if octets.first() != Some(&0) || octets.get(3).is_none_or(|kind| *kind > 9) {
            return None;
        }
        let header = FrameHeader::read(octets);
        (header.is_plausible(self.role) && header.stream <= self.bound).then_some(header)
    }
}

/// At most `left` octets from the front.
fn front(rest: &[u8], left: u32) -> &[u8] {
    let len = usize::try_from(left).unwrap_or(usize::MAX);
    rest.get(..len).unwrap_or(rest)
}

fn to_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

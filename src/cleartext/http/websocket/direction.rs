//! One direction: frame headers, payloads as they come, messages over several frames.

use super::count;
use super::inflate::Inflater;
use crate::cleartext::http::body::is_text;
use crate::tally::{Tally, TallySheet};

/// Longest frame header: two bytes, a length of eight, a masking key of four (RFC 6455 section 5.2).
const LONGEST_HEADER: usize = 14;
/// Bytes unmasked at once.
const PIECE: usize = 4 << 10;
/// What stands for a message that is no text, among lines of JSON too: what the masker writes for such data.
const BINARY: &[u8] = b"\"MASKED-binary\"";

/// One direction of a WebSocket.
pub(super) struct Direction {
    /// A frame header that is not all there.
    header: [u8; LONGEST_HEADER],
    have: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    inflater: Option<Inflater>,
    /// Clients mask, servers do not (RFC 6455 section 5.1).
    masks: bool,
    lost: bool,
    /// What messages said, a line each; none once nobody asks any more.
    said: Option<Vec<u8>>,
    /// So much of it is kept (bytes).
    limit: usize,
}

/// A frame whose payload is coming.
#[derive(Clone, Copy)]
struct Frame {
    left: u64,
    key: [u8; 4],
    /// Where in the key the next byte stands.
    turn: usize,
    last: bool,
    control: bool,
}

/// A message of which at least one frame has begun.
#[derive(Clone, Copy, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, not one state"
)]
struct Message {
    bytes: u64,
    compressed: bool,
    /// Part of it is missing or did not decompress.
    broken: bool,
    /// Where in `said` it begins; none if it is not kept at all.
    said_from: Option<usize>,
    /// It was sent as binary data, which may be JSON all the same.
    binary: bool,
    /// Not all of it was kept.
    cut: bool,
}

impl Direction {
    /// `forgets`: whether context is lost between compressed messages; none if messages are not compressed.
    /// At most `limit` bytes of what is said are kept.
    pub(super) fn new(forgets: Option<bool>, masks: bool, limit: usize) -> Self {
        Self {
            header: [0; LONGEST_HEADER],
            have: 0,
            frame: None,
            message: None,
            inflater: forgets.map(Inflater::new),
            masks,
            lost: false,
            said: Some(Vec::new()),
            limit,
        }
    }

    pub(super) const fn is_lost(&self) -> bool {
        self.lost
    }

    pub(super) fn memory(&self) -> usize {
        let said = self.said.as_ref().map_or(0, Vec::capacity);
        self.inflater
            .as_ref()
            .map_or(0, Inflater::memory)
            .saturating_add(said)
    }

    /// Whether as much was said as is kept.
    pub(super) fn is_full(&self) -> bool {
        self.said
            .as_ref()
            .is_none_or(|said| said.len() >= self.limit)
    }

    /// What messages said so far; nothing is kept from now on.
    pub(super) fn take_said(&mut self) -> Vec<u8> {
        if let (Some(message), Some(said)) = (&mut self.message, &mut self.said) {
            message.settle(said);
            message.said_from = None;
            message.cut = true;
        }
        let mut said = self.said.take().unwrap_or_default();
        // A message that is not over may yet turn out broken: what is there of it is kept, to be judged as cut off.
        if said.last() == Some(&b'\n') {
            said.pop();
        }
        said
    }

    pub(super) fn data(&mut self, bytes: &[u8], tally: &TallySheet) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.lost {
            let used = match self.frame {
                Some(frame) => self.payload(frame, rest, tally),
                None => self.head(rest, tally),
            };
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    pub(super) fn gap(&mut self, len: Option<u64>, tally: &TallySheet) {
        let Some((mut frame, len)) = self
            .frame
            .zip(len)
            .filter(|(frame, len)| *len <= frame.left)
        else {
            self.give_up(tally);
            return;
        };
        frame.left = frame.left.saturating_sub(len);
        frame.turn = frame
            .turn
            .wrapping_add(usize::try_from(len & 3).unwrap_or(0));
        if !frame.control
            && let Some(message) = &mut self.message
        {
            message.bytes = message.bytes.saturating_add(len);
            message.broken = true;
        }
        // What comes later refers to what is missing.
        if let Some(inflater) = &mut self.inflater {
            inflater.lose();
        }
        self.frame = Some(frame);
        self.end_frame(frame, tally);
    }

    fn give_up(&mut self, tally: &TallySheet) {
        if !self.lost {
            self.lost = true;
            self.inflater = None;
            tally.one(Tally::WebSocketLost);
        }
    }

    /// Takes bytes of a frame header (RFC 6455 section 5.2).
    fn head(&mut self, rest: &[u8], tally: &TallySheet) -> usize {
        let mut used = 0_usize;
        loop {
            let have = self.header.get(..self.have).unwrap_or_default();
            match Frame::read(have, self.masks) {
                Read::Frame(frame, first) => {
                    self.have = 0;
                    self.begin(frame, first, tally);
                    return used;
                }
                Read::Not => {
                    self.give_up(tally);
                    return rest.len();
                }
                Read::Partial => {}
            }
            let (Some(byte), Some(place)) = (rest.get(used), self.header.get_mut(self.have)) else {
                return used;
            };
            *place = *byte;
            self.have = self.have.saturating_add(1);
            used = used.saturating_add(1);
        }
    }

    fn begin(&mut self, frame: Frame, first: u8, tally: &TallySheet) {
        let (opcode, compressed) = (first & 0x0f, first & 0x40 != 0);
        let sound = match (opcode, self.message) {
            (0, Some(_)) => !compressed,
            (1 | 2, None) => {
                let said_from = self.said.as_ref().map(Vec::len);
                self.message = Some(Message {
                    compressed,
                    said_from,
                    binary: opcode == 2,
                    cut: said_from.is_none(),
                    ..Message::default()
                });
                !compressed || self.inflater.is_some()
            }
            (8..=10, _) => !compressed && frame.left <= 125 && frame.last,
            _ => false,
        };
        // Reserved bits belong to extensions that were not agreed on.
        if !sound || first & 0x30 != 0 {
            self.give_up(tally);
            return;
        }
        self.frame = Some(frame);
        self.end_frame(frame, tally);
    }

    fn payload(&mut self, mut frame: Frame, rest: &[u8], tally: &TallySheet) -> usize {
        let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
        let piece = rest.get(..left.min(rest.len()).min(PIECE)).unwrap_or(rest);
        if !frame.control {
            self.say(frame, piece);
        }
        frame.left = frame.left.saturating_sub(wide(piece.len()));
        frame.turn = frame.turn.wrapping_add(piece.len());
        self.frame = Some(frame);
        self.end_frame(frame, tally);
        piece.len()
    }

    /// Takes a piece of the message at hand, as it came.
    fn say(&mut self, frame: Frame, piece: &[u8]) {
        let Some(message) = &mut self.message else {
            return;
        };
        let mut unkept = Vec::new();
        let (said, limit) = match (&mut self.said, message.said_from) {
            (Some(said), Some(_)) => (said, self.limit),
            _ => (&mut unkept, 0),
        };
        if !message.compressed && limit == 0 {
            message.take(Some(wide(piece.len())), 0);
            return;
        }
        let mut plain = [0; PIECE];
        for ((place, byte), turn) in plain.iter_mut().zip(piece).zip(frame.turn..) {
            *place = byte ^ frame.key.get(turn & 3).copied().unwrap_or(0);
        }
        let plain = plain.get(..piece.len()).unwrap_or_default();
        let before = said.len();
        let taken = if message.compressed {
            let inflater = self.inflater.as_mut();
            inflater.and_then(|inflater| inflater.feed(plain, said, limit))
        } else {
            let room = limit.saturating_sub(before).min(plain.len());
            said.extend_from_slice(plain.get(..room).unwrap_or_default());
            Some(wide(plain.len()))
        };
        message.take(taken, said.len().saturating_sub(before));
    }

    /// Ends a frame whose payload is all there, and a message with it.
    fn end_frame(&mut self, frame: Frame, tally: &TallySheet) {
        if frame.left > 0 {
            return;
        }
        self.frame = None;
        if frame.control || !frame.last {
            return;
        }
        let Some(mut message) = self.message.take() else {
            return;
        };
        let limit = self.limit;
        let mut unkept = Vec::new();
        let (said, limit) = match (&mut self.said, message.said_from) {
            (Some(said), Some(_)) => (said, limit),
            _ => (&mut unkept, 0),
        };
        if message.compressed
            && let Some(inflater) = &mut self.inflater
        {
            let before = said.len();
            let taken = inflater.end(said, limit);
            message.take(taken, said.len().saturating_sub(before));
        }
        if message.broken
            && let Some(from) = message.said_from
        {
            said.truncate(from);
        } else {
            message.settle(said);
            if said.len() < limit {
                said.push(b'\n');
            }
        }
        if message.cut && !message.broken {
            tally.one(Tally::LimitWebSocket);
        }
        if message.broken {
            tally.one(Tally::WebSocketBroken);
        }
        count(tally, message.bytes);
    }
}

impl Message {
    /// Counts bytes of which so many were kept; none if they made no sense.
    fn take(&mut self, bytes: Option<u64>, kept: usize) {
        match bytes {
            Some(bytes) => {
                self.bytes = self.bytes.saturating_add(bytes);
                self.cut |= wide(kept) < bytes;
            }
            None => self.broken = true,
        }
    }

    /// Puts the placeholder in the place of binary data that is no JSON.
    fn settle(&self, said: &mut Vec<u8>) {
        let Some(from) = self.said_from.filter(|_| self.binary) else {
            return;
        };
        let sent = said.get(from..).unwrap_or_default();
        let is_json = matches!(sent.trim_ascii_start(), [b'{' | b'[', ..]) && is_text(sent);
        if !is_json {
            said.truncate(from);
            said.extend_from_slice(BINARY);
        }
    }
}

/// What the bytes of a header come to.
enum Read {
    /// A frame, and the first byte of its header.
    Frame(Frame, u8),
    Partial,
    Not,
}

impl Frame {
    fn read(have: &[u8], masks: bool) -> Read {
        let [first, second, rest @ ..] = have else {
            return Read::Partial;
        };
        if (second & 0x80 != 0) != masks {
            return Read::Not;
        }
        let (left, rest) = match second & 0x7f {
            127 => match rest.split_first_chunk::<8>() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Read::Partial,
            },
            126 => match rest.split_first_chunk::<2>() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Read::Partial,
            },
            short => (u64::from(short), rest),
        };
        // The first bit of a length must be 0 (RFC 6455 section 5.2).
        if left >> 63 != 0 {
            return Read::Not;
        }
        let key = match (masks, rest) {
            (true, [a, b, c, d]) => [*a, *b, *c, *d],
            (true, _) => return Read::Partial,
            (false, _) => [0; 4],
        };
        let frame = Self {
            left,
            key,
            turn: 0,
            last: first & 0x80 != 0,
            control: first & 0x08 != 0,
        };
        Read::Frame(frame, *first)
    }
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

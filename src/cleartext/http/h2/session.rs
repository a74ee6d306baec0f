//! One HTTP/2 connection, both directions: frames to streams, streams to transactions.
//!
//! Which response belongs to which request says the stream number (RFC 9113 section 5.1.1), so loss never shifts pairs. What a
//! hole means: inside DATA it is skipped exactly; over a frame boundary every stream that was open may have lost something,
//! and header compression starts anew.

mod blocks;
mod events;

use std::collections::{BTreeMap, VecDeque};

use super::frame::{END_STREAM, Frame, FrameHeader};
use super::head::Draft;
use super::hpack::{Decoder, FieldList};
use super::reader::Reader;
use super::stream::Stream;
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::{Exchange, Mark};
use crate::cleartext::http::head::Role;
use crate::cleartext::reassembly::Gap;
use crate::observation::Notes;
use crate::tally::Tally;
use blocks::Block;

/// Most that all open streams of a connection keep of their bodies; beyond it bodies are counted only.
pub(super) const MAX_HELD: usize = 16 << 20;
/// Streams remembered after they were given up, so that what is still on its way is not taken for something new.
const MAX_GONE: usize = 1_024;
/// While frames are looked for: how far above the last known stream a new one is believed.
const STREAMS_AHEAD: u32 = 1 << 16;

/// How a connection is entered.
#[derive(Clone, Copy)]
pub(in crate::cleartext::http) struct Begin {
    /// Who is the client.
    pub(in crate::cleartext::http) client_is_low: bool,
    /// Number of the first transaction.
    pub(in crate::cleartext::http) next_index: u32,
    /// The connection is inside a CONNECT tunnel.
    pub(in crate::cleartext::http) in_tunnel: bool,
    /// What of the client comes next.
    pub(in crate::cleartext::http) requests: Entry,
    /// What of the server comes next.
    pub(in crate::cleartext::http) responses: Entry,
}

/// What comes next in a direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::http) enum Entry {
    /// The beginning of the connection.
    Start,
    /// The beginning, if it says so itself: nothing else of this direction was captured.
    Perhaps,
    /// Frames, by the looks of them.
    Frames,
    /// Anything.
    Anything,
}

/// HTTP/2 on one flow.
pub(in crate::cleartext::http) struct Session {
    client_is_low: bool,
    in_tunnel: bool,
    /// Frames were missed: streams may turn up whose beginning was not seen.
    missed: bool,
    requests: Direction,
    responses: Direction,
    streams: BTreeMap<u32, Box<Stream>>,
    /// Streams given up lately.
    gone: VecDeque<u32>,
    /// The highest stream the client has opened.
    last_stream: u32,
    next_index: u32,
    /// Bytes held by `streams`.
    held: usize,
    /// Bytes seen since the last header block, while looking for frames.
    lost: u64,
    list: FieldList,
    draft: Draft,
}

/// One direction.
struct Direction {
    reader: Reader,
    decoder: Decoder,
    /// A header block whose CONTINUATION is due.
    block: Option<Block>,
    /// How often frames were lost.
    losses: u32,
    /// DATA of a tentative frame: not counted before it is confirmed.
    pending: Pending,
    /// It may turn out to begin here: what the other side had received of it when that began, if known.
    perhaps: Option<Mark>,
}

/// DATA of a frame that is not believed yet.
#[derive(Clone, Copy, Default)]
struct Pending {
    header: Option<FrameHeader>,
    len: u64,
    ended: bool,
}

impl Session {
    /// A connection entered as `begin` says.
    pub(in crate::cleartext::http) fn new(begin: Begin) -> Self {
        let whole = |entry| matches!(entry, Entry::Start | Entry::Perhaps);
        Self {
            client_is_low: begin.client_is_low,
            in_tunnel: begin.in_tunnel,
            missed: !(whole(begin.requests) && whole(begin.responses)),
            requests: Direction::new(Role::Client, begin.requests),
            responses: Direction::new(Role::Server, begin.responses),
            streams: BTreeMap::new(),
            gone: VecDeque::new(),
            last_stream: 0,
            next_index: begin.next_index,
            held: 0,
            lost: 0,
            list: FieldList::default(),
            draft: Draft::default(),
        }
    }

    /// Which role a direction has.
    pub(in crate::cleartext::http) const fn role(&self, from_low: bool) -> Role {
        if from_low == self.client_is_low {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// The request that was answered by switching to HTTP/2 is stream 1 (RFC 7540 section 3.2).
    pub(in crate::cleartext::http) fn upgraded(&mut self, exchange: Exchange) {
        self.next_index = self.next_index.wrapping_add(1);
        self.last_stream = 1;
        self.insert(1, Stream::asked(exchange));
    }

    /// Whether neither direction has been understood for so long that this is no HTTP/2 any more.
    pub(in crate::cleartext::http) fn is_lost(&self, limit: u64) -> bool {
        self.lost > limit && self.requests.reader.is_lost() && self.responses.reader.is_lost()
    }

    /// Heap bytes held.
    pub(in crate::cleartext::http) fn memory(&self) -> usize {
        let slot = size_of::<(u32, Box<Stream>)>().saturating_mul(2);
        size_of::<Self>()
            .saturating_add(self.held)
            .saturating_add(self.streams.len().saturating_mul(slot))
            .saturating_add(self.gone.capacity().saturating_mul(size_of::<u32>()))
            .saturating_add(self.requests.memory())
            .saturating_add(self.responses.memory())
            .saturating_add(self.list.memory())
            .saturating_add(self.draft.memory())
    }

    /// Takes in-order bytes.
    pub(in crate::cleartext::http) fn data(
        &mut self,
        role: Role,
        bytes: &[u8],
        mark: Mark,
        cx: &mut Context<'_>,
    ) {
        let max = cx.limits.max_head;
        let mut rest = bytes;
        let mut at = mark;
        loop {
            let reader = &mut self.direction(role).reader;
            if rest.is_empty() && !reader.is_due() {
                break;
            }
            let was_lost = reader.is_lost();
            let (used, event) = reader.step(rest, at, max);
            if was_lost {
                self.lost = self.lost.saturating_add(to_u64(used));
            }
            self.event(role, event, at, cx);
            rest = rest.get(used..).unwrap_or_default();
            at.offset = at.offset.wrapping_add(to_u64(used));
        }
        let direction = self.direction(role);
        if direction.reader.is_tentative()
            && direction.pending.ended
            && direction.reader.is_between()
        {
            // It ends where its segment does: no accident.
            direction.reader.confirm();
            self.count_pending(role, at, cx);
        }
    }

    /// A hole.
    pub(in crate::cleartext::http) fn gap(&mut self, role: Role, gap: Gap, cx: &mut Context<'_>) {
        let at = Mark {
            time: gap.time,
            offset: gap.offset,
            ..Mark::NONE
        };
        let direction = self.direction(role);
        direction.perhaps = None;
        let lost = direction.reader.gap(gap.len);
        if lost.boundary {
            self.lose(role);
        }
        let Some(header) = lost.header else {
            self.abandon_block(role, cx);
            return;
        };
        if lost.data > 0 {
            if self.direction(role).reader.is_tentative() {
                self.pend(role, header, lost.data);
            } else {
                self.change(header.stream, |stream| {
                    if stream.is_open(role) {
                        stream.hole(role, lost.data);
                    }
                });
            }
        }
        if lost.data_end && header.has(END_STREAM) {
            self.end_stream(role, header.stream, at, cx);
        }
        if lost.cut {
            let payload = self.direction(role).reader.take_buffer();
            let frame = Frame {
                header,
                payload: &payload,
                whole: false,
            };
            self.frame(role, frame, cx);
            self.direction(role).reader.reuse(payload);
        }
        if lost.boundary {
            self.abandon_block(role, cx);
        }
    }

    /// A direction ends.
    pub(in crate::cleartext::http) fn end(&mut self, role: Role, cx: &mut Context<'_>) {
        self.abandon_block(role, cx);
        if role == Role::Server {
            // No more responses will come.
            let waiting: Vec<u32> = self
                .streams
                .iter()
                .filter(|(_, stream)| stream.is_waiting())
                .map(|(id, _)| *id)
                .collect();
            for id in waiting {
                self.emit(id, cx);
            }
        }
    }

    /// The flow is over: emits all that is left.
    pub(in crate::cleartext::http) fn expire(&mut self, cx: &mut Context<'_>) {
        for role in [Role::Client, Role::Server] {
            self.abandon_block(role, cx);
        }
        while let Some((_, mut stream)) = self.streams.pop_first() {
            stream.cut();
            stream.emit(cx);
        }
        self.held = 0;
    }

    /// Frames were missed in this direction: looks for the next.
    fn lose(&mut self, role: Role) {
        self.missed = true;
        let bound = match self.last_stream {
            0 => u32::MAX,
            last => last.saturating_add(STREAMS_AHEAD),
        };
        let direction = self.direction(role);
        direction.losses = direction.losses.wrapping_add(1);
        direction.decoder.lose();
        direction.pending = Pending::default();
        direction.reader.scan(bound);
    }

    /// Changes a stream and the account of what is held. None if there is no such stream.
    fn change<T>(&mut self, id: u32, change: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let stream = self.streams.get_mut(&id)?;
        let before = stream.footprint();
        let result = change(stream);
        let after = stream.footprint();
        self.held = self.held.wrapping_sub(before).wrapping_add(after);
        Some(result)
    }

    fn insert(&mut self, id: u32, stream: Stream) {
        self.held = self.held.wrapping_add(stream.footprint());
        self.streams.insert(id, Box::new(stream));
    }

    fn emit(&mut self, id: u32, cx: &mut Context<'_>) {
        if let Some(stream) = self.streams.remove(&id) {
            self.held = self.held.wrapping_sub(stream.footprint());
            stream.emit(cx);
        }
    }

    /// Keeps room for one more stream: the oldest is given up.
    fn bound_streams(&mut self, cx: &mut Context<'_>) {
        while self.streams.len() >= cx.limits.max_pipelined.max(2)
            && let Some((id, _)) = self.streams.first_key_value()
        {
            let id = *id;
            cx.tally.one(Tally::LimitPipelined);
            self.change(id, Stream::cut);
            self.emit(id, cx);
            self.forget(id);
        }
    }

    /// What still comes of this stream belongs to nothing.
    fn forget(&mut self, id: u32) {
        if self.gone.len() >= MAX_GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(id);
    }

    fn new_exchange(&mut self, mark: Mark, cx: &Context<'_>) -> Exchange {
        let index = self.next_index;
        self.next_index = index.wrapping_add(1);
        let mut exchange = Exchange::new(index, mark, cx, self.client_is_low);
        if self.in_tunnel {
            exchange.note(Notes::IN_TUNNEL);
        }
        exchange
    }

    const fn direction(&mut self, role: Role) -> &mut Direction {
        match role {
            Role::Client => &mut self.requests,
            Role::Server => &mut self.responses,
        }
    }

    /// The client began at `mark`: so far its server had been heard, if `acked` says so.
    pub(in crate::cleartext::http) fn preface(&mut self, mark: Mark) {
        if self.responses.perhaps.is_some() {
            self.responses.perhaps = Some(mark);
        }
    }
}

impl Direction {
    fn new(role: Role, entry: Entry) -> Self {
        let (reader, decoder) = match entry {
            Entry::Start => (Reader::at_start(role), Decoder::at_start()),
            Entry::Perhaps | Entry::Frames => (Reader::at_frame(role), Decoder::midstream()),
            Entry::Anything => (Reader::anywhere(role), Decoder::midstream()),
        };
        Self {
            reader,
            decoder,
            block: None,
            losses: 0,
            pending: Pending::default(),
            perhaps: (entry == Entry::Perhaps).then_some(Mark::NONE),
        }
    }

    fn memory(&self) -> usize {
        let block = self.block.as_ref().map_or(0, Block::memory);
        self.reader
            .memory()
            .saturating_add(self.decoder.memory())
            .saturating_add(block)
    }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

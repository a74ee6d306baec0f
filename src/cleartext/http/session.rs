//! One flow that speaks HTTP/1: a state machine per direction, and the queue in which requests wait for their responses.
//!
//! Pairing. Without loss a response answers the oldest waiting request. After a hole, or on a flow joined midstream, that
//! would shift every later pair by one; there a request must also fit the bounds that sequence and acknowledgement numbers
//! set ([`Session::answer`]). A response is never paired with a request captured later.

mod bodies;
mod heads;
mod pairing;
mod scan;
mod turns;

use std::collections::VecDeque;
use std::mem::take;

use super::chunked::Chunked;
use super::exchange::{Exchange, Mark, Switch};
use super::framing::Extent;
use super::head::{self, Role};
use super::line::Verdict;
use super::{Context, Part, Piece};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{EndReason, Gap};
use crate::clock::EventTime;
use crate::observation::Notes;
use crate::tally::Tally;
use turns::Turns;

/// Changes of state at one place of a stream before what is there is passed over; a few happen where a message turns out to
/// be framed otherwise than it said.
const MOST_TURNS: usize = 16;

/// HTTP/1 on one flow.
///
/// Invariants: the request being received, if any, is the back of `queue`; the response being received, if `answering`, is
/// that of its front.
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, not one state"
)]
pub(super) struct Session {
    client_is_low: bool,
    in_tunnel: bool,
    /// The flow was joined midstream: the first messages may belong to ones that were not seen.
    joined: bool,
    /// Bytes were lost somewhere.
    holes: bool,
    requests: Direction,
    responses: Direction,
    queue: VecDeque<Exchange>,
    answering: bool,
    turns: Turns,
    /// How far the stream of requests is understood.
    requested: u64,
    /// Requests given up while waiting, whose responses are still to come.
    forgone: u64,
    next_index: u32,
    /// Arena bytes held by `queue`.
    held: usize,
    /// Size of the last exchange, as a guess for the next.
    size_hint: usize,
    fields_hint: usize,
    switch: Option<Switch>,
    /// The request that was answered by switching to HTTP/2, once more.
    upgraded: Option<Box<Exchange>>,
    /// Bytes seen since the last start line, over both directions.
    lost: u64,
}

/// One direction.
#[derive(Default)]
struct Direction {
    state: State,
    /// A head (or trailer, or line under scan) that is not all there yet.
    buf: Vec<u8>,
    /// Where `buf` begins.
    mark: Mark,
    /// How far `buf` was scanned for the end of the head.
    scanned: usize,
    /// Where the next message begins or, after a hole, would have begun; none if that is not known.
    boundary: Option<u64>,
    /// How the body ends if it turns out not to be chunked.
    uncoded: Extent,
    /// After a hole over `boundary`: where it ended.
    hole_end: Option<u64>,
    /// Bytes were passed over to find the next start line.
    strayed: bool,
    /// Capture time of the last bytes.
    seen: EventTime,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Between messages, or in a head that is buffered.
    #[default]
    Head,
    Length(u64),
    UntilClose,
    Chunked(Chunked),
    /// Lost: looking for the next start line.
    Scan,
}

/// What is missing between two messages of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Loss {
    /// Nothing: one follows the other.
    None,
    /// A hole of this many bytes, right where a message would have begun.
    Bytes(u64),
    /// Something, from within a message whose end is not known.
    Unknown,
}

impl Session {
    /// A session whose roles are known.
    pub(super) fn new(client_is_low: bool, next_index: u32, in_tunnel: bool) -> Self {
        Self {
            client_is_low,
            in_tunnel,
            joined: false,
            holes: false,
            requests: Direction::default(),
            responses: Direction::default(),
            queue: VecDeque::new(),
            answering: false,
            turns: Turns::default(),
            requested: 0,
            forgone: 0,
            next_index,
            held: 0,
            size_hint: 0,
            fields_hint: 0,
            switch: None,
            upgraded: None,
            lost: 0,
        }
    }

    /// Which role a direction has.
    pub(super) const fn role(&self, from_low: bool) -> Role {
        if from_low == self.client_is_low {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// Gives a direction the bytes that were buffered before roles were known, or sets it looking for a start line.
    pub(super) fn preload(&mut self, role: Role, lost: bool, buf: Vec<u8>, mark: Mark) {
        let fits = buf.is_empty() || head::probe(role, &buf) != Verdict::No;
        let direction = self.direction(role);
        if fits {
            direction.buf = buf;
            direction.mark = mark;
        }
        if lost || !fits {
            direction.state = State::Scan;
        }
    }

    /// Bytes of a direction were lost before this session began: so many where its first message would have begun, or some
    /// that nobody knows the place of.
    pub(super) fn begins_behind(&mut self, role: Role, first: u32) {
        let direction = self.direction(role);
        direction.strayed = true;
        if first > 0 {
            direction.boundary = Some(0);
            direction.hole_end = Some(u64::from(first));
        }
    }

    /// Before this session began, bytes went by unseen (`joined`) or were lost (`holes`): order alone cannot be trusted.
    pub(super) fn distrust(&mut self, joined: bool, holes: bool) {
        self.joined = joined;
        self.holes = holes;
    }

    /// The next index, for a session that follows this one.
    pub(super) const fn next_index(&self) -> u32 {
        self.next_index
    }

    /// After [`Switch::H2c`]: the request that is stream 1 of what follows.
    pub(super) fn take_upgraded(&mut self) -> Option<Exchange> {
        self.upgraded.take().map(|exchange| *exchange)
    }

    /// What a direction has buffered, for a tunnel that begins there.
    pub(super) fn take_buffer(&mut self, role: Role) -> (Vec<u8>, Mark) {
        let direction = self.direction(role);
        (take(&mut direction.buf), direction.mark)
    }

    /// Whether neither direction has been understood for so long that this is no HTTP any more.
    pub(super) fn is_lost(&self, limit: u64) -> bool {
        self.lost > limit
            && self.requests.state == State::Scan
            && self.responses.state == State::Scan
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.queue
            .capacity()
            .saturating_mul(size_of::<Exchange>())
            .saturating_add(self.held)
            .saturating_add(self.requests.buf.capacity())
            .saturating_add(self.responses.buf.capacity())
            .saturating_add(size_of::<Self>())
    }

    /// Takes in-order bytes. Returns how many were used and, if not all were, why the session is over.
    pub(super) fn data(
        &mut self,
        role: Role,
        bytes: &[u8],
        mark: Mark,
        cx: &mut Context<'_>,
    ) -> (usize, Option<Switch>) {
        self.direction(role).seen = mark.time;
        if mark.conflict {
            self.direction(role).mark.conflict = true;
            if let Some(exchange) = self.current(role) {
                exchange.note(Notes::OVERLAP_CONFLICT);
            }
        }
        let mut used = 0_usize;
        let mut turns = 0_usize;
        loop {
            if turns > MOST_TURNS {
                // A fault of ours, which must not become that of the tap.
                cx.tally.one(Tally::HttpGaveUp);
                self.lose(role, None);
                return (bytes.len(), None);
            }
            if let Some(switch) = self.switch.take() {
                return (used, Some(switch));
            }
            let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) else {
                return (used, None);
            };
            let at = Mark {
                offset: mark.offset.wrapping_add(to_u64(used)),
                ..mark
            };
            let state = self.direction(role).state;
            let taken = match state {
                State::Head => self.head_bytes(role, rest, at, cx),
                State::Length(left) => self.length_bytes(role, (rest, at.offset), left, cx),
                State::UntilClose => self.close_bytes(role, (rest, at.offset), cx),
                State::Chunked(chunked) => self.chunked_bytes(role, (rest, at.offset), chunked, cx),
                State::Scan => self.scan_bytes(role, rest, at),
            };
            used = used.saturating_add(taken);
            turns = if taken == 0 {
                turns.saturating_add(1)
            } else {
                0
            };
            if state != State::Scan && self.direction(role).state != State::Scan {
                self.account(role, at.offset.wrapping_add(to_u64(taken)));
            }
        }
    }

    /// Bytes of the message at hand came twice, with different content.
    pub(super) fn conflict(&mut self, role: Role) {
        let direction = self.direction(role);
        if !direction.buf.is_empty() {
            // A head that came in pieces passes it on when it is whole.
            direction.mark.conflict = true;
            return;
        }
        let exchange = match role {
            Role::Client => self.queue.back_mut(),
            Role::Server if self.answering => self.queue.front_mut(),
            Role::Server => None,
        };
        if let Some(exchange) = exchange {
            exchange.note(Notes::OVERLAP_CONFLICT);
        }
    }

    /// A hole.
    pub(super) fn gap(&mut self, role: Role, gap: Gap, cx: &mut Context<'_>) {
        self.holes = true;
        let end = gap.offset.wrapping_add(gap.len);
        let in_head = !self.direction(role).buf.is_empty();
        match self.direction(role).state {
            State::Length(left) if gap.len <= left => {
                self.hole(role, gap.len);
                let left = left.saturating_sub(gap.len);
                self.direction(role).state = State::Length(left);
                if left == 0 {
                    self.finish(role, cx);
                }
                self.account(role, end);
            }
            State::Length(left) => {
                self.hole(role, left);
                self.finish(role, cx);
                let ended = gap.offset.wrapping_add(left);
                self.account(role, ended);
                self.lose(role, Some(ended));
                self.direction(role).hole_end = Some(end);
            }
            State::UntilClose => {
                self.hole(role, gap.len);
                self.account(role, end);
            }
            State::Chunked(state) => {
                if let Some(state) = state.skip(gap.len) {
                    self.hole(role, gap.len);
                    self.direction(role).state = State::Chunked(state);
                    self.account(role, end);
                } else {
                    self.cut(role, cx);
                    self.lose(role, None);
                }
            }
            State::Head if in_head => {
                self.cut_head(role, false, cx);
                self.lose(role, None);
            }
            State::Head => {
                self.lose(role, Some(gap.offset));
                self.direction(role).hole_end = Some(end);
            }
            State::Scan => {
                let direction = self.direction(role);
                direction.buf.clear();
                direction.hole_end = direction.boundary.map(|_| end);
            }
        }
    }

    /// A stream is understood up to `end`; that may be where a message ended.
    fn account(&mut self, role: Role, end: u64) {
        let direction = self.direction(role);
        let between = direction.state == State::Head && direction.buf.is_empty();
        if between {
            direction.boundary = Some(end);
        }
        match role {
            Role::Client => self.requested = self.requested.max(end),
            Role::Server => self.turns.account(end, between && !self.answering),
        }
    }

    /// A direction ends.
    pub(super) fn end(&mut self, role: Role, reason: EndReason, cx: &mut Context<'_>) {
        let finished = reason == EndReason::Finished;
        match self.direction(role).state {
            State::Head => {
                self.cut_head(role, finished, cx);
                match self.direction(role).state {
                    State::Head => {}
                    State::UntilClose if finished => self.finish(role, cx),
                    State::Length(_) | State::UntilClose | State::Chunked(_) | State::Scan => {
                        self.cut(role, cx);
                    }
                }
            }
            // RFC 9112 section 8: a response that ends with the connection is whole if the connection closed cleanly.
            State::UntilClose if finished => self.finish(role, cx),
            // Peers accept a last chunk without the empty line behind it.
            State::Chunked(state) if finished && state.body_ended() => self.finish(role, cx),
            State::Length(_) | State::UntilClose | State::Chunked(_) => self.cut(role, cx),
            State::Scan => {}
        }
        let direction = self.direction(role);
        direction.buf = Vec::new();
        direction.boundary = None;
        if role == Role::Server {
            self.give_up_waiting(cx);
        }
    }

    /// The flow is over: emits all that is left.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>) {
        for role in [Role::Client, Role::Server] {
            self.end(role, EndReason::TimedOut, cx);
        }
        while let Some(exchange) = self.queue.pop_front() {
            self.release(exchange, cx);
        }
    }

    /// Tells what a stretch of the stream is, where anybody wants to know.
    fn trace(&self, role: Role, (part, offset): (Part, u64), bytes: &[u8], cx: &mut Context<'_>) {
        if let Some(trace) = cx.trace.as_mut() {
            trace(&Piece {
                flow: cx.info.id,
                from_low: (role == Role::Client) == self.client_is_low,
                offset,
                part,
                bytes: Raw::new(bytes),
            });
        }
    }

    fn direction(&mut self, role: Role) -> &mut Direction {
        match role {
            Role::Client => &mut self.requests,
            Role::Server => &mut self.responses,
        }
    }

    /// The exchange whose message is being received in this direction.
    fn current(&mut self, role: Role) -> Option<&mut Exchange> {
        match role {
            Role::Client => self.queue.back_mut().filter(|exchange| exchange.asking),
            Role::Server if self.answering => self.queue.front_mut(),
            Role::Server => None,
        }
    }
}

impl Direction {
    /// What is missing before the message that begins now; the next question is about the next message.
    fn take_loss(&mut self) -> Loss {
        let boundary = self.boundary.take();
        let strayed = take(&mut self.strayed);
        match (boundary, self.hole_end.take()) {
            (Some(boundary), Some(end)) => Loss::Bytes(end.saturating_sub(boundary)),
            _ if strayed => Loss::Unknown,
            _ => Loss::None,
        }
    }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

//! One flow that speaks HTTP/1: a state machine per direction, and the queue in which requests wait for their responses.
//!
//! Pairing. Without loss a response answers the oldest waiting request. After a hole, or on a flow joined midstream, that
//! would shift every later pair by one; there a request must also fit the bounds that sequence and acknowledgement numbers
//! set ([`Session::answer`]). A response is never paired with a request captured later.

use std::collections::VecDeque;
use std::mem::take;

use super::exchange::{Exchange, Mark, Switch};
use super::framing::{Asked, Extent};
use super::head::{self, Head, Read, Role};
use super::line::{Verdict, blank_len};
use super::{Context, chunked};
use crate::cleartext::reassembly::{EndReason, Gap};
use crate::clock::EventTime;
use crate::observation::Notes;
use crate::tally::Tally;
use chunked::{Chunked, Step};

/// How long a first line is waited for while looking for one in lost data.
const SCAN_LINE: usize = 4 << 10;
/// Most that is reserved for a body because its head announces it.
const RESERVE: usize = 64 << 10;

/// HTTP/1 on one flow.
///
/// Invariants: the request being received, if any, is the back of `queue`; the response being received, if `answering`, is
/// that of its front.
pub(super) struct Session {
    client_is_low: bool,
    in_tunnel: bool,
    /// Bytes were lost somewhere: pairing needs its bounds.
    lossy: bool,
    requests: Direction,
    responses: Direction,
    queue: VecDeque<Exchange>,
    answering: bool,
    next_index: u32,
    /// Arena bytes held by `queue`.
    held: usize,
    /// Size of the last exchange, as a guess for the next.
    size_hint: usize,
    fields_hint: usize,
    switch: Option<Switch>,
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
    /// After a hole between messages: where the next message would have begun.
    boundary: Option<u64>,
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

impl Session {
    /// A session whose roles are known.
    pub(super) fn new(client_is_low: bool, next_index: u32, in_tunnel: bool) -> Self {
        Self {
            client_is_low,
            in_tunnel,
            lossy: false,
            requests: Direction::default(),
            responses: Direction::default(),
            queue: VecDeque::new(),
            answering: false,
            next_index,
            held: 0,
            size_hint: 0,
            fields_hint: 0,
            switch: None,
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

    /// Pairing cannot trust the order alone any more.
    pub(super) fn set_lossy(&mut self) {
        self.lossy = true;
    }

    /// The next index, for a session that follows this one.
    pub(super) const fn next_index(&self) -> u32 {
        self.next_index
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

    /// When the oldest unfinished transaction was last heard of.
    pub(super) fn open_since(&self) -> Option<EventTime> {
        let buffered = [&self.requests, &self.responses]
            .into_iter()
            .filter(|direction| !direction.buf.is_empty())
            .map(|direction| direction.mark.time);
        self.queue
            .front()
            .map(Exchange::last_seen)
            .into_iter()
            .chain(buffered)
            .min()
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
        let mut used = 0_usize;
        loop {
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
            used = used.saturating_add(match self.direction(role).state {
                State::Head => self.head_bytes(role, rest, at, cx),
                State::Length(left) => self.length_bytes(role, rest, left, at, cx),
                State::UntilClose => self.close_bytes(role, rest, at, cx),
                State::Chunked(state) => self.chunked_bytes(role, rest, state, at, cx),
                State::Scan => self.scan_bytes(role, rest, at),
            });
        }
    }

    /// A hole.
    pub(super) fn gap(&mut self, role: Role, gap: Gap, cx: &mut Context<'_>) {
        self.lossy = true;
        let in_head = !self.direction(role).buf.is_empty();
        match self.direction(role).state {
            State::Length(left) if gap.len <= left => {
                self.hole(role, gap.len);
                let left = left.saturating_sub(gap.len);
                self.direction(role).state = State::Length(left);
                if left == 0 {
                    self.finish(role, cx);
                }
            }
            State::Length(left) => {
                self.hole(role, left);
                self.finish(role, cx);
                self.lose(role, Some(gap.offset.wrapping_add(left)));
            }
            State::UntilClose => self.hole(role, gap.len),
            State::Chunked(state) => match state.skip(gap.len) {
                Some(state) => {
                    self.hole(role, gap.len);
                    self.direction(role).state = State::Chunked(state);
                }
                None => {
                    self.cut(role, cx);
                    self.lose(role, None);
                }
            },
            State::Head if in_head => {
                self.cut_head(role, false, cx);
                self.lose(role, None);
            }
            State::Head => self.lose(role, Some(gap.offset)),
            State::Scan => self.direction(role).buf.clear(),
        }
    }

    /// A direction ends.
    pub(super) fn end(&mut self, role: Role, reason: EndReason, cx: &mut Context<'_>) {
        let finished = reason == EndReason::Finished;
        match self.direction(role).state {
            State::Head => {
                self.cut_head(role, finished, cx);
                if self.direction(role).state != State::Head {
                    self.cut(role, cx);
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

    // ---- heads -------------------------------------------------------------------------------------------------------

    fn head_bytes(&mut self, role: Role, rest: &[u8], at: Mark, cx: &mut Context<'_>) -> usize {
        if !self.direction(role).buf.is_empty() {
            return self.more_head(role, rest, cx);
        }
        let blank = blank_len(rest);
        let src = rest.get(blank..).unwrap_or_default();
        if src.is_empty() {
            return blank;
        }
        let at = Mark {
            offset: at.offset.wrapping_add(to_u64(blank)),
            ..at
        };
        match head::read(role, src, cx.limits.max_fields) {
            Read::Whole(head) => {
                self.on_head(role, &head, src, at, cx);
                blank.saturating_add(head.len)
            }
            Read::Partial => {
                let direction = self.direction(role);
                direction.mark = at;
                direction.scanned = 0;
                direction.buf.extend_from_slice(src);
                self.check_head_limit(role, cx);
                rest.len()
            }
            Read::Not => {
                cx.tally.one(Tally::HttpGaveUp);
                self.lose(role, None);
                0
            }
        }
    }

    /// Adds bytes to a head that came in pieces, and reads it once its end is there.
    fn more_head(&mut self, role: Role, rest: &[u8], cx: &mut Context<'_>) -> usize {
        let max_head = cx.limits.max_head;
        let direction = self.direction(role);
        let before = direction.buf.len();
        let room = max_head.saturating_sub(before).max(1);
        direction
            .buf
            .extend_from_slice(rest.get(..room).unwrap_or(rest));
        let added = direction.buf.len().saturating_sub(before);
        // The start line is judged as soon as it is whole: what is none must not be buffered, and HTTP/0.9 has nothing else.
        let one_line = memchr::memchr(b'\n', direction.buf.get(before..).unwrap_or_default())
            .is_some()
            && memchr::memchr(b'\n', direction.buf.get(..before).unwrap_or_default()).is_none();
        let end = head::find_end(&direction.buf, direction.scanned);
        direction.scanned = direction.buf.len().saturating_sub(3);
        if end.is_none() && !one_line {
            self.check_head_limit(role, cx);
            return added;
        }
        let buf = take(&mut direction.buf);
        let mark = direction.mark;
        match head::read(role, &buf, cx.limits.max_fields) {
            Read::Whole(head) => {
                self.on_head(role, &head, &buf, mark, cx);
                self.reuse(role, buf);
                head.len.saturating_sub(before)
            }
            Read::Partial => {
                self.direction(role).buf = buf;
                self.check_head_limit(role, cx);
                added
            }
            Read::Not => {
                cx.tally.one(Tally::HttpGaveUp);
                self.reuse(role, buf);
                self.lose(role, None);
                added
            }
        }
    }

    /// Gives the buffer back for the next head, unless it has grown large.
    fn reuse(&mut self, role: Role, mut buf: Vec<u8>) {
        if buf.capacity() <= SCAN_LINE {
            buf.clear();
            self.direction(role).buf = buf;
        }
    }

    fn check_head_limit(&mut self, role: Role, cx: &mut Context<'_>) {
        if self.direction(role).buf.len() >= cx.limits.max_head {
            cx.tally.one(Tally::LimitHead);
            self.cut_head(role, false, cx);
            self.lose(role, None);
        }
    }

    /// The rest of the buffered head will not come: takes what there is, as a whole head if the connection closed behind it.
    fn cut_head(&mut self, role: Role, whole: bool, cx: &mut Context<'_>) {
        let buf = take(&mut self.direction(role).buf);
        let mark = self.direction(role).mark;
        if let Some(mut head) = head::read_cut(role, &buf, cx.limits.max_fields) {
            head.cut = !whole;
            self.on_head(role, &head, &buf, mark, cx);
        }
    }

    fn on_head(&mut self, role: Role, head: &Head, src: &[u8], mark: Mark, cx: &mut Context<'_>) {
        self.lost = 0;
        match role {
            Role::Client => self.open_request(head, src, mark, cx),
            Role::Server if matches!(head.status, 100 | 102..=199) => return,
            Role::Server => self.open_response(head, src, mark, cx),
        }
        let seen = self.direction(role).seen;
        let Some(exchange) = self.current(role) else {
            return;
        };
        exchange.touch(seen);
        let extent = match role {
            _ if head.cut => Extent::Empty,
            Role::Client => head.framing.request(),
            Role::Server => head.framing.response(head.status, exchange.asked),
        };
        if head.cut {
            exchange.truncate(role);
        }
        if let Extent::Bytes(bytes) = extent {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            exchange.reserve(bytes.min(cx.limits.body_limit).min(RESERVE), 0);
        }
        self.direction(role).state = match extent {
            Extent::Empty => State::Head,
            Extent::Bytes(bytes) => State::Length(bytes),
            Extent::Chunked => State::Chunked(Chunked::default()),
            Extent::UntilClose => State::UntilClose,
        };
        if extent == Extent::Empty {
            self.finish(role, cx);
        }
    }

    fn open_request(&mut self, head: &Head, src: &[u8], mark: Mark, cx: &mut Context<'_>) {
        self.bound_queue(cx);
        let mut exchange = self.new_exchange(mark, cx);
        exchange.reserve(
            head.len.max(self.size_hint),
            head.fields.len().max(self.fields_hint),
        );
        exchange.asked_at = Some(mark);
        exchange.asked = Asked::from_method(super::exchange::part(src, head.first));
        exchange.asking = true;
        exchange.head(Role::Client, head, src);
        exchange.begin(Role::Client, mark.time);
        self.held = self.held.saturating_add(exchange.footprint());
        self.queue.push_back(exchange);
    }

    fn open_response(&mut self, head: &Head, src: &[u8], mark: Mark, cx: &mut Context<'_>) {
        let boundary = self.responses.boundary.take();
        if !self.answer(mark, boundary, cx) {
            let exchange = self.new_exchange(mark, cx);
            self.queue.push_front(exchange);
        }
        self.answering = true;
        if let Some(exchange) = self.queue.front_mut() {
            let before = exchange.footprint();
            exchange.head(Role::Server, head, src);
            exchange.begin(Role::Server, mark.time);
            self.held = self
                .held
                .wrapping_sub(before)
                .wrapping_add(exchange.footprint());
        }
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

    // ---- pairing -----------------------------------------------------------------------------------------------------

    /// Brings the request that a response beginning at `mark` answers to the front of the queue; false if there is none.
    ///
    /// Request k was sent when its client had received `acked` bytes of responses, so its response begins at or behind
    /// that. A response was sent when its server had received `mark.acked` bytes of requests, so it answers one that begins
    /// before that. A request whose successor was sent with more acknowledged than was accounted for has had its response,
    /// in the hole.
    fn answer(&mut self, mark: Mark, boundary: Option<u64>, cx: &mut Context<'_>) -> bool {
        // A hole that began where a message would have: the next one in turn has lost its head in it.
        let mut lost_head = boundary.is_some_and(|boundary| boundary < mark.offset);
        loop {
            let Some(front) = self.queue.front() else {
                return false;
            };
            if front.has_response() {
                return false;
            }
            if !self.lossy {
                return true;
            }
            let Some(asked_at) = front.asked_at else {
                return false;
            };
            if asked_at.acked.is_some_and(|acked| acked > mark.offset)
                || mark.acked.is_some_and(|acked| acked <= asked_at.offset)
            {
                return false;
            }
            let floor = asked_at.acked.unwrap_or(0).max(boundary.unwrap_or(0));
            let next = self
                .queue
                .get(1)
                .and_then(|next| next.asked_at)
                .and_then(|next| next.acked);
            let was_answered = next.is_some_and(|acked| floor < acked && acked <= mark.offset);
            let skipped = was_answered || (lost_head && !front.asking);
            if !skipped {
                return true;
            }
            lost_head = false;
            if let Some(exchange) = self.queue.pop_front() {
                self.release(exchange, cx);
            }
        }
    }

    /// Keeps room for one more waiting request.
    fn bound_queue(&mut self, cx: &mut Context<'_>) {
        if self.queue.len() < cx.limits.max_pipelined.max(2) {
            return;
        }
        cx.tally.one(Tally::LimitPipelined);
        let oldest = usize::from(self.answering);
        if let Some(exchange) = self.queue.remove(oldest) {
            self.release(exchange, cx);
        }
    }

    /// No more responses will come: requests that are all there have none.
    fn give_up_waiting(&mut self, cx: &mut Context<'_>) {
        while self.queue.front().is_some_and(|exchange| !exchange.asking) {
            if let Some(exchange) = self.queue.pop_front() {
                self.release(exchange, cx);
            }
        }
    }

    // ---- bodies ------------------------------------------------------------------------------------------------------

    fn length_bytes(
        &mut self,
        role: Role,
        rest: &[u8],
        left: u64,
        at: Mark,
        cx: &mut Context<'_>,
    ) -> usize {
        let take = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.keep(role, rest.get(..take).unwrap_or_default(), at.time, cx);
        let left = left.saturating_sub(to_u64(take));
        self.direction(role).state = State::Length(left);
        if left == 0 {
            self.finish(role, cx);
        }
        take
    }

    fn close_bytes(&mut self, role: Role, rest: &[u8], at: Mark, cx: &mut Context<'_>) -> usize {
        self.keep(role, rest, at.time, cx);
        rest.len()
    }

    fn chunked_bytes(
        &mut self,
        role: Role,
        rest: &[u8],
        mut state: Chunked,
        at: Mark,
        cx: &mut Context<'_>,
    ) -> usize {
        let step = state.step(rest);
        self.direction(role).state = State::Chunked(state);
        match step {
            Step::Coding(used) => used,
            Step::Body(used) => {
                self.keep(role, rest.get(..used).unwrap_or_default(), at.time, cx);
                used
            }
            Step::Trailer(used) => {
                self.keep_trailer(role, rest.get(..used).unwrap_or_default(), cx);
                used
            }
            Step::End(used) => {
                self.keep_trailer(role, rest.get(..used).unwrap_or_default(), cx);
                self.end_trailer(role, cx);
                self.finish(role, cx);
                used
            }
            Step::Broken => {
                cx.tally.one(Tally::HttpGaveUp);
                if let Some(exchange) = self.current(role) {
                    exchange.note(Notes::ODD_FRAMING);
                }
                self.cut(role, cx);
                self.lose(role, None);
                0
            }
        }
    }

    fn keep_trailer(&mut self, role: Role, piece: &[u8], cx: &Context<'_>) {
        let buf = &mut self.direction(role).buf;
        let room = cx.limits.max_head.saturating_sub(buf.len());
        if piece.len() > room {
            cx.tally.one(Tally::LimitHead);
        }
        // Nearly every trailer section is just its blank line.
        if !(buf.is_empty() && matches!(piece, b"\r\n" | b"\n")) {
            buf.extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
    }

    fn end_trailer(&mut self, role: Role, cx: &Context<'_>) {
        let buf = take(&mut self.direction(role).buf);
        if buf.is_empty() {
            return;
        }
        if let Some(exchange) = self.current(role) {
            let before = exchange.footprint();
            exchange.trailer(role, &buf, cx.limits.max_fields);
            let after = exchange.footprint();
            self.held = self.held.wrapping_sub(before).wrapping_add(after);
        }
        self.reuse(role, buf);
    }

    fn keep(&mut self, role: Role, piece: &[u8], time: EventTime, cx: &Context<'_>) {
        let Some(exchange) = self.current(role) else {
            return;
        };
        let before = exchange.footprint();
        if exchange.body(role, piece, cx.limits.body_limit) {
            cx.tally.one(Tally::LimitBody);
        }
        exchange.touch(time);
        let after = exchange.footprint();
        self.held = self.held.wrapping_sub(before).wrapping_add(after);
    }

    fn hole(&mut self, role: Role, len: u64) {
        if let Some(exchange) = self.current(role) {
            exchange.hole(role, len);
        }
    }

    // ---- ends --------------------------------------------------------------------------------------------------------

    /// The current message ends here although it is not whole.
    fn cut(&mut self, role: Role, cx: &mut Context<'_>) {
        if let Some(exchange) = self.current(role) {
            exchange.truncate(role);
        }
        self.finish(role, cx);
    }

    /// The current message has ended.
    fn finish(&mut self, role: Role, cx: &mut Context<'_>) {
        let direction = self.direction(role);
        direction.state = State::Head;
        let seen = direction.seen;
        let Some(exchange) = self.current(role) else {
            return;
        };
        exchange.finish(role, seen);
        match role {
            Role::Client => {
                if exchange.answered
                    && let Some(exchange) = self.queue.pop_back()
                {
                    self.release(exchange, cx);
                }
            }
            Role::Server => {
                let switch = exchange.switch();
                let asking = exchange.asking;
                self.switch = switch;
                self.answering = false;
                if !asking && let Some(exchange) = self.queue.pop_front() {
                    self.release(exchange, cx);
                }
            }
        }
    }

    fn release(&mut self, exchange: Exchange, cx: &mut Context<'_>) {
        self.held = self.held.saturating_sub(exchange.footprint());
        let (bytes, fields) = exchange.used();
        self.size_hint = bytes.min(16 << 10);
        self.fields_hint = fields.min(128);
        exchange.emit(cx);
    }

    // ---- lost and found ----------------------------------------------------------------------------------------------

    fn lose(&mut self, role: Role, boundary: Option<u64>) {
        self.lossy = true;
        let direction = self.direction(role);
        direction.state = State::Scan;
        direction.buf.clear();
        direction.boundary = boundary;
    }

    /// Looks for a start line at the front of the bytes and behind every line end.
    fn scan_bytes(&mut self, role: Role, rest: &[u8], at: Mark) -> usize {
        self.lost = self.lost.saturating_add(to_u64(rest.len()));
        let direction = self.direction(role);
        if !direction.buf.is_empty() {
            return direction.scan_more(role, rest);
        }
        let mut from = 0_usize;
        while let Some(line) = rest.get(from..).filter(|line| !line.is_empty()) {
            match head::probe(role, line) {
                Verdict::Request | Verdict::Response => {
                    direction.state = State::Head;
                    return from;
                }
                Verdict::Maybe if line.len() < SCAN_LINE => {
                    direction.mark = Mark {
                        offset: at.offset.wrapping_add(to_u64(from)),
                        ..at
                    };
                    direction.scanned = 0;
                    direction.buf.extend_from_slice(line);
                    return rest.len();
                }
                _ => {}
            }
            let Some(newline) = memchr::memchr(b'\n', line) else {
                break;
            };
            from = from.saturating_add(newline).saturating_add(1);
        }
        rest.len()
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
    /// Goes on with a line that may become a start line.
    fn scan_more(&mut self, role: Role, rest: &[u8]) -> usize {
        let before = self.buf.len();
        let room = SCAN_LINE.saturating_sub(before);
        self.buf.extend_from_slice(rest.get(..room).unwrap_or(rest));
        match head::probe(role, &self.buf) {
            Verdict::Request | Verdict::Response => {
                // The head reader takes over the buffer as it was; these bytes come again.
                self.buf.truncate(before);
                self.state = State::Head;
                0
            }
            Verdict::Maybe if self.buf.len() < SCAN_LINE => rest.len().min(room),
            _ => {
                self.buf.clear();
                0
            }
        }
    }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

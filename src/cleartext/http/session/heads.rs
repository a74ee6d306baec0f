//! Heads as they come: whole in a segment, in pieces, or cut.

use memchr::memchr;
use std::mem::take;

use super::{Session, State, to_u64};
use crate::cleartext::http::chunked::Chunked;
use crate::cleartext::http::exchange::{Exchange, Mark};
use crate::cleartext::http::framing::{Asked, Extent};
use crate::cleartext::http::head::{self, Fields, Head, Read, Role};
use crate::cleartext::http::line::{Verdict, blank_len, request_line};
use crate::cleartext::http::transaction::Field;
use crate::cleartext::http::{Context, Part};
use crate::observation::Notes;
use crate::tally::Tally;

/// Buffers up to this capacity are used again for the next head.
const KEPT_BUFFER: usize = 4 << 10;
/// Most that is reserved for a body because its head announces it.
const RESERVE: usize = 64 << 10;

/// A head, the bytes that begin with it, and where they stood.
#[derive(Clone, Copy)]
struct Found<'a> {
    head: &'a Head,
    fields: &'a [Field],
    src: &'a [u8],
    mark: Mark,
}

impl Session {
    pub(super) fn head_bytes(
        &mut self,
        role: Role,
        rest: &[u8],
        at: Mark,
        cx: &mut Context<'_>,
    ) -> usize {
        if !self.direction(role).buf.is_empty() {
            return self.more_head(role, rest, cx);
        }
        if role == Role::Server && self.answers_old(rest, at) {
            self.open_old(at, cx);
            return 0;
        }
        let blank = blank_len(rest);
        if blank > 0 {
            let piece = rest.get(..blank).unwrap_or_default();
            self.trace(role, (Part::Blank, at.offset), piece, cx);
        }
        let src = rest.get(blank..).unwrap_or_default();
        if src.is_empty() {
            return blank;
        }
        let at = Mark {
            offset: at.offset.wrapping_add(to_u64(blank)),
            ..at
        };
        let mut fields = Fields::new(cx.limits.max_fields);
        match head::read(role, src, &mut fields) {
            Read::Whole(head) => {
                let found = Found {
                    head: &head,
                    fields: fields.as_slice(),
                    src,
                    mark: at,
                };
                self.on_head(role, &found, cx);
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
                // Past this line: the scan would take it for a start line once more, for ever.
                let line = memchr(b'\n', src).map_or(src.len(), |end| end.saturating_add(1));
                self.lost = self.lost.saturating_add(to_u64(line));
                blank.saturating_add(line)
            }
        }
    }

    /// Whether bytes of the server are the answer to a request without a version: such an answer has no head.
    fn answers_old(&self, rest: &[u8], at: Mark) -> bool {
        let Some(front) = self.queue.front().filter(|front| front.is_old()) else {
            return false;
        };
        let trusted = !self.joined && !self.holes;
        let follows = front.asked_at.and_then(|asked| asked.acked) == Some(at.offset);
        let text = rest.get(blank_len(rest)..).unwrap_or_default();
        !front.has_response()
            && (trusted && self.forgone == 0 || follows)
            && head::probe(Role::Server, text) == Verdict::No
    }

    /// The answer to a request without a version begins: a body until the connection closes (RFC 1945 section 6).
    fn open_old(&mut self, at: Mark, cx: &mut Context<'_>) {
        self.lost = 0;
        self.answering = true;
        if let Some(exchange) = self.queue.front_mut() {
            exchange.head(Role::Server, &Head::NONE, &[], &[]);
            exchange.begin(Role::Server, at.time);
        }
        self.start_body(Role::Server, Extent::UntilClose, cx);
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
        let one_line = memchr(b'\n', direction.buf.get(before..).unwrap_or_default()).is_some()
            && memchr(b'\n', direction.buf.get(..before).unwrap_or_default()).is_none();
        let end = head::find_end(&direction.buf, direction.scanned);
        if let Err(resume) = end {
            direction.scanned = resume;
            if !one_line {
                self.check_head_limit(role, cx);
                return added;
            }
        }
        let buf = take(&mut direction.buf);
        let mark = direction.mark;
        let mut fields = Fields::new(cx.limits.max_fields);
        match head::read(role, &buf, &mut fields) {
            Read::Whole(head) => {
                let found = Found {
                    head: &head,
                    fields: fields.as_slice(),
                    src: &buf,
                    mark,
                };
                self.on_head(role, &found, cx);
                self.reuse(role, buf);
                head.len.saturating_sub(before)
            }
            Read::Partial => {
                self.direction(role).buf = buf;
                self.check_head_limit(role, cx);
                added
            }
            Read::Not => {
                if role == Role::Server && self.answers_old(&buf, mark) {
                    self.open_old(mark, cx);
                    self.keep(role, &buf, mark.offset, cx);
                    return added;
                }
                cx.tally.one(Tally::HttpGaveUp);
                // What is behind the line may be a start line.
                let line = memchr(b'\n', &buf).map_or(buf.len(), |end| end.saturating_add(1));
                self.reuse(role, buf);
                self.lose(role, None);
                self.drop_unread(role, cx);
                self.lost = self.lost.saturating_add(to_u64(line));
                line.saturating_sub(before).min(added)
            }
        }
    }

    /// Gives the buffer back for the next head, unless it has grown large.
    pub(super) fn reuse(&mut self, role: Role, mut buf: Vec<u8>) {
        if buf.capacity() <= KEPT_BUFFER {
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
    pub(super) fn cut_head(&mut self, role: Role, whole: bool, cx: &mut Context<'_>) {
        let buf = take(&mut self.direction(role).buf);
        let mark = self.direction(role).mark;
        let mut fields = Fields::new(cx.limits.max_fields);
        if let Some(mut head) = head::read_cut(role, &buf, &mut fields) {
            head.cut = !whole;
            let found = Found {
                head: &head,
                fields: fields.as_slice(),
                src: &buf,
                mark,
            };
            self.on_head(role, &found, cx);
        } else if role == Role::Server && self.answers_old(&buf, mark) {
            self.open_old(mark, cx);
            self.keep(role, &buf, mark.offset, cx);
        }
        self.drop_unread(role, cx);
    }

    fn on_head(&mut self, role: Role, found: &Found<'_>, cx: &mut Context<'_>) {
        let head = found.head;
        self.lost = 0;
        let piece = found.src.get(..head.len).unwrap_or(found.src);
        self.trace(role, (Part::Head, found.mark.offset), piece, cx);
        match role {
            Role::Client => self.open_request(found, cx),
            Role::Server if matches!(head.status, 100 | 102..=199) => {
                self.trace(role, (Part::End, 0), &[], cx);
                return;
            }
            Role::Server => self.open_response(found, cx),
        }
        let seen = self.direction(role).seen;
        let Some(exchange) = self.current(role) else {
            return;
        };
        exchange.touch(seen);
        let extent = match role {
            _ if head.cut => Extent::Empty,
            Role::Client => head.framing.request(),
            // A status 101 that switches to nothing is read like any other.
            Role::Server if head.status == 101 && !exchange.is_upgraded() => {
                head.framing.response(0, exchange.asked)
            }
            Role::Server => head.framing.response(head.status, exchange.asked),
        };
        if head.cut {
            exchange.truncate(role);
        }
        if let Extent::Bytes(bytes) = extent {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            exchange.reserve(bytes.min(cx.limits.body_limit).min(RESERVE), 0);
        }
        if extent == Extent::Chunked {
            let framing = head.framing.uncoded();
            let uncoded = match role {
                Role::Client => framing.request(),
                Role::Server => framing.response(head.status, Asked::Other),
            };
            self.direction(role).uncoded = uncoded;
        }
        self.start_body(role, extent, cx);
    }

    /// Begins a body of this extent; one of none ends at once.
    pub(super) fn start_body(&mut self, role: Role, extent: Extent, cx: &mut Context<'_>) {
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

    fn open_request(&mut self, found: &Found<'_>, cx: &mut Context<'_>) {
        let Found {
            head,
            fields,
            src,
            mark,
        } = *found;
        if let Some(exchange) = self.queue.back_mut().filter(|back| back.is_unread()) {
            // It was answered before its head had ended.
            let before = exchange.footprint();
            exchange.head(Role::Client, head, fields, src);
            let after = exchange.footprint();
            self.held = self.held.wrapping_sub(before).wrapping_add(after);
            return;
        }
        self.ask(mark, cx);
        self.bound_queue(cx);
        let mut exchange = self.new_exchange(mark, cx);
        exchange.reserve(
            head.len.max(self.size_hint),
            fields.len().max(self.fields_hint),
        );
        exchange.asked_at = Some(mark);
        exchange.asking = true;
        exchange.head(Role::Client, head, fields, src);
        exchange.begin(Role::Client, mark.time);
        self.held = self.held.saturating_add(exchange.footprint());
        self.queue.push_back(exchange);
    }

    /// A response comes while the head of its request is still arriving: makes the exchange, to be filled in when the head
    /// is whole. False if no request is arriving that it could answer.
    fn open_unread(&mut self, mark: Mark, cx: &mut Context<'_>) -> bool {
        let direction = &self.requests;
        let line = memchr(b'\n', &direction.buf)
            .filter(|_| direction.state == State::Head)
            .and_then(|end| request_line(direction.buf.get(..end)?));
        let Some(line) = line else { return false };
        let asked = Asked::from_method(line.method);
        let start = direction.mark;
        let known = mark.acked.is_none_or(|acked| acked > start.offset)
            && start.acked.is_none_or(|acked| acked <= mark.offset);
        if !self.queue.is_empty() || !known {
            return false;
        }
        let mut exchange = self.new_exchange(start, cx);
        exchange.asked_at = Some(start);
        exchange.asked = asked;
        exchange.asking = true;
        exchange.keep_apart();
        exchange.note(Notes::EARLY_RESPONSE);
        self.held = self.held.saturating_add(exchange.footprint());
        self.queue.push_back(exchange);
        true
    }

    /// A head that was answered before it had ended turned out to be none, or its end is lost.
    fn drop_unread(&mut self, role: Role, cx: &mut Context<'_>) {
        let unread = role == Role::Client && self.queue.back().is_some_and(Exchange::is_unread);
        if unread && let Some(exchange) = self.queue.back_mut() {
            exchange.asking = false;
            if exchange.answered
                && let Some(exchange) = self.queue.pop_back()
            {
                self.release(exchange, cx);
            }
        }
    }

    fn open_response(&mut self, found: &Found<'_>, cx: &mut Context<'_>) {
        let Found {
            head,
            fields,
            src,
            mark,
        } = *found;
        if !self.answer(mark, cx) && !self.open_unread(mark, cx) {
            let exchange = self.new_exchange(mark, cx);
            self.queue.push_front(exchange);
        }
        self.answering = true;
        if let Some(exchange) = self.queue.front_mut() {
            let before = exchange.footprint();
            exchange.head(Role::Server, head, fields, src);
            exchange.begin(Role::Server, mark.time);
            self.held = self
                .held
                .wrapping_sub(before)
                .wrapping_add(exchange.footprint());
        }
    }

    pub(super) fn new_exchange(&mut self, mark: Mark, cx: &Context<'_>) -> Exchange {
        let index = self.next_index;
        self.next_index = index.wrapping_add(1);
        let mut exchange = Exchange::new(index, mark, cx, self.client_is_low);
        if self.in_tunnel {
            exchange.note(Notes::IN_TUNNEL);
        }
        exchange
    }
}

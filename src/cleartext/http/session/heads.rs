//! Heads as they come: whole in a segment, in pieces, or cut.

use memchr::memchr;
use std::mem::take;

use super::{Session, State, to_u64};
use crate::cleartext::http::chunked::Chunked;
use crate::cleartext::http::exchange::{Exchange, Mark, part};
use crate::cleartext::http::framing::{Asked, Extent};
use crate::cleartext::http::head::{self, Fields, Head, Read, Role};
use crate::cleartext::http::line::blank_len;
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
                cx.tally.one(Tally::HttpGaveUp);
                self.reuse(role, buf);
                self.lose(role, None);
                added
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
        }
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
        let suspect = self.suspect;
        let Some(exchange) = self.current(role) else {
            return;
        };
        if suspect {
            exchange.note(Notes::OVERLAP_CONFLICT);
        }
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
        self.bound_queue(cx);
        let mut exchange = self.new_exchange(mark, cx);
        exchange.reserve(
            head.len.max(self.size_hint),
            fields.len().max(self.fields_hint),
        );
        exchange.asked_at = Some(mark);
        exchange.asked = Asked::from_method(part(src, head.first));
        exchange.asking = true;
        exchange.head(Role::Client, head, fields, src);
        exchange.begin(Role::Client, mark.time);
        self.held = self.held.saturating_add(exchange.footprint());
        self.queue.push_back(exchange);
    }

    fn open_response(&mut self, found: &Found<'_>, cx: &mut Context<'_>) {
        let Found {
            head,
            fields,
            src,
            mark,
        } = *found;
        if !self.answer(mark, cx) {
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

    fn new_exchange(&mut self, mark: Mark, cx: &Context<'_>) -> Exchange {
        let index = self.next_index;
        self.next_index = index.wrapping_add(1);
        let mut exchange = Exchange::new(index, mark, cx, self.client_is_low);
        if self.in_tunnel {
            exchange.note(Notes::IN_TUNNEL);
        }
        exchange
    }
}

//! Bodies and trailers, and the ends of messages.

use std::mem::take;

use super::{Session, State, to_u64};
use crate::cleartext::http::chunked::{Chunked, Step};
use crate::cleartext::http::exchange::{Exchange, Switch};
use crate::cleartext::http::head::Role;
use crate::cleartext::http::{Context, Part};
use crate::observation::Notes;
use crate::tally::Tally;

impl Session {
    pub(super) fn length_bytes(
        &mut self,
        role: Role,
        (rest, offset): (&[u8], u64),
        left: u64,
        cx: &mut Context<'_>,
    ) -> usize {
        let take = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.keep(role, rest.get(..take).unwrap_or_default(), offset, cx);
        let left = left.saturating_sub(to_u64(take));
        self.direction(role).state = State::Length(left);
        if left == 0 {
            self.finish(role, cx);
        }
        take
    }

    pub(super) fn close_bytes(
        &mut self,
        role: Role,
        (rest, offset): (&[u8], u64),
        cx: &mut Context<'_>,
    ) -> usize {
        self.keep(role, rest, offset, cx);
        rest.len()
    }

    pub(super) fn chunked_bytes(
        &mut self,
        role: Role,
        (rest, offset): (&[u8], u64),
        mut state: Chunked,
        cx: &mut Context<'_>,
    ) -> usize {
        let step = state.step(rest);
        self.direction(role).state = State::Chunked(state);
        match step {
            Step::Coding(used) => {
                let piece = rest.get(..used).unwrap_or_default();
                self.trace(role, (Part::Coding, offset), piece, cx);
                used
            }
            Step::Body(used) => {
                self.keep(role, rest.get(..used).unwrap_or_default(), offset, cx);
                used
            }
            Step::Trailer(used) => {
                self.keep_trailer(role, rest.get(..used).unwrap_or_default(), offset, cx);
                used
            }
            Step::End(used) => {
                self.keep_trailer(role, rest.get(..used).unwrap_or_default(), offset, cx);
                self.end_trailer(role, cx);
                self.finish(role, cx);
                used
            }
            Step::Broken => {
                if let Some(exchange) = self.current(role) {
                    exchange.note(Notes::ODD_FRAMING);
                }
                let blank = rest.iter().find(|byte| **byte != b'\r') == Some(&b'\n');
                if state.is_at_start() && !blank {
                    // Declared chunked and is not, from the first byte on: some other rule must hold.
                    let uncoded = self.direction(role).uncoded;
                    self.start_body(role, uncoded, cx);
                } else {
                    cx.tally.one(Tally::HttpGaveUp);
                    self.cut(role, cx);
                    self.lose(role, None);
                }
                0
            }
        }
    }

    fn keep_trailer(&mut self, role: Role, piece: &[u8], offset: u64, cx: &mut Context<'_>) {
        self.trace(role, (Part::Trailer, offset), piece, cx);
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

    pub(super) fn keep(&mut self, role: Role, piece: &[u8], offset: u64, cx: &mut Context<'_>) {
        self.trace(role, (Part::Body, offset), piece, cx);
        let seen = self.direction(role).seen;
        let Some(exchange) = self.current(role) else {
            return;
        };
        let before = exchange.footprint();
        if exchange.body(role, piece, cx.limits.body_limit) {
            cx.tally.one(Tally::LimitBody);
        }
        exchange.touch(seen);
        let after = exchange.footprint();
        self.held = self.held.wrapping_sub(before).wrapping_add(after);
    }

    pub(super) fn hole(&mut self, role: Role, len: u64) {
        if let Some(exchange) = self.current(role) {
            exchange.hole(role, len);
        }
    }

    /// The current message ends here although it is not whole.
    pub(super) fn cut(&mut self, role: Role, cx: &mut Context<'_>) {
        if let Some(exchange) = self.current(role) {
            exchange.truncate(role);
        }
        self.finish(role, cx);
    }

    /// The current message has ended.
    pub(super) fn finish(&mut self, role: Role, cx: &mut Context<'_>) {
        self.trace(role, (Part::End, 0), &[], cx);
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
                if switch == Some(Switch::H2c) {
                    let client_is_low = self.client_is_low;
                    let index = self.next_index;
                    if let Some(exchange) = self.queue.front() {
                        let again = exchange.again(index, cx, client_is_low);
                        self.upgraded = Some(Box::new(again));
                    }
                }
                let kept = matches!(switch, Some(Switch::WebSocket(_)));
                self.switch = switch;
                self.answering = false;
                // What a WebSocket says belongs to the exchange that led to it.
                if kept
                    && !asking
                    && let Some(exchange) = self.queue.pop_front()
                {
                    self.held = self.held.saturating_sub(exchange.footprint());
                    self.upgraded = Some(Box::new(exchange));
                } else if !asking && let Some(exchange) = self.queue.pop_front() {
                    self.release(exchange, cx);
                }
            }
        }
    }

    pub(super) fn release(&mut self, exchange: Exchange, cx: &mut Context<'_>) {
        self.held = self.held.saturating_sub(exchange.footprint());
        let (bytes, fields) = exchange.used();
        self.size_hint = bytes.min(16 << 10);
        self.fields_hint = fields.min(128);
        exchange.emit(cx);
    }
}

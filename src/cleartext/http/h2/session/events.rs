//! What the frames of a direction mean to the streams.

use super::{MAX_HELD, Session, to_u64};
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::Mark;
use crate::cleartext::http::h2::frame::{ACK, END_STREAM, Frame, FrameHeader, Kind};
use crate::cleartext::http::h2::hpack::Decoder;
use crate::cleartext::http::h2::reader::Event;
use crate::cleartext::http::h2::stream::Place;
use crate::cleartext::http::head::Role;
use crate::tally::Tally;

impl Session {
    pub(super) fn event(&mut self, role: Role, event: Event<'_>, at: Mark, cx: &mut Context<'_>) {
        match event {
            Event::None => {}
            Event::Header(header) => self.header(role, header, at, cx),
            Event::Data(header, bytes) => self.body(role, (header, bytes), at, cx),
            Event::DataEnd(header) => {
                let direction = self.direction(role);
                if direction.reader.is_tentative() {
                    self.pend(role, header, 0);
                    self.direction(role).pending.ended = true;
                } else if header.has(END_STREAM) {
                    self.end_stream(role, header.stream, at, cx);
                }
            }
            Event::Frame {
                header,
                payload: Some(payload),
                whole,
            } => {
                let frame = Frame {
                    header,
                    payload,
                    whole,
                };
                self.frame(role, frame, cx);
            }
            Event::Frame {
                header,
                payload: None,
                whole,
            } => {
                let payload = self.direction(role).reader.take_buffer();
                if !whole {
                    cx.tally.one(Tally::LimitHead);
                }
                let frame = Frame {
                    header,
                    payload: &payload,
                    whole,
                };
                self.frame(role, frame, cx);
                self.direction(role).reader.reuse(payload);
            }
            Event::Lost => {
                if !self.direction(role).reader.is_tentative() {
                    cx.tally.one(Tally::HttpGaveUp);
                }
                self.lose(role);
                self.abandon_block(role, cx);
            }
        }
    }

    fn header(&mut self, role: Role, header: FrameHeader, at: Mark, cx: &mut Context<'_>) {
        let direction = self.direction(role);
        if let Some(preface) = direction.perhaps.take()
            && header.kind == Kind::Settings
            && !header.has(ACK)
            && preface
                .acked
                .is_none_or(|acked| acked == direction.reader.mark().offset)
        {
            direction.decoder = Decoder::at_start();
            direction.reader.confirm();
        }
        if direction.pending.header.is_some() {
            // A second frame stands where the first said it would.
            direction.reader.confirm();
            self.count_pending(role, at, cx);
        }
        if header.kind != Kind::Continuation {
            self.abandon_block(role, cx);
        }
    }

    pub(super) fn frame(&mut self, role: Role, frame: Frame<'_>, cx: &mut Context<'_>) {
        if frame.header.kind == Kind::ResetStream {
            if let (true, Some(error)) = (frame.whole, frame.payload.first_chunk()) {
                self.reset(role, frame.header.stream, u32::from_be_bytes(*error), cx);
            }
        } else if frame.header.kind == Kind::Continuation {
            self.continuation(role, frame, cx);
        } else {
            self.header_block(role, frame, cx);
        }
    }

    fn body(
        &mut self,
        role: Role,
        (header, bytes): (FrameHeader, &[u8]),
        at: Mark,
        cx: &mut Context<'_>,
    ) {
        if self.direction(role).reader.is_tentative() {
            self.pend(role, header, to_u64(bytes.len()));
            return;
        }
        let place = Place {
            at,
            losses: self.direction(role).losses,
            limit: if self.held > MAX_HELD {
                0
            } else {
                cx.limits.body_limit
            },
        };
        let cut = self.change(header.stream, |stream| {
            stream.is_open(role) && stream.data(role, bytes, place, cx)
        });
        if cut == Some(true) {
            cx.tally.one(Tally::LimitBody);
        }
    }

    pub(super) fn end_stream(&mut self, role: Role, id: u32, at: Mark, cx: &mut Context<'_>) {
        let losses = self.direction(role).losses;
        let over = self.change(id, |stream| {
            if stream.is_open(role) {
                stream.end(role, at.time, losses);
            }
            stream.is_over()
        });
        if over == Some(true) {
            self.emit(id, cx);
        }
    }

    fn reset(&mut self, role: Role, id: u32, error: u32, cx: &mut Context<'_>) {
        cx.tally.one(Tally::H2StreamsReset);
        let time = self.direction(role).reader.mark().time;
        if self
            .change(id, |stream| stream.reset(error, time))
            .is_some()
        {
            self.emit(id, cx);
        }
        // What the other side sends before it learns of this belongs to nothing.
        self.forget(id);
    }

    /// Adds octets of a tentative DATA frame to what waits for its confirmation.
    pub(super) fn pend(&mut self, role: Role, header: FrameHeader, len: u64) {
        let pending = &mut self.direction(role).pending;
        pending.header = Some(header);
        pending.len = pending.len.saturating_add(len);
    }

    /// The tentative DATA frame was one. Its bytes are not kept: what stands before them is missing.
    pub(super) fn count_pending(&mut self, role: Role, at: Mark, cx: &mut Context<'_>) {
        let pending = std::mem::take(&mut self.direction(role).pending);
        let Some(header) = pending.header else { return };
        let place = Place {
            at,
            losses: self.direction(role).losses,
            limit: 0,
        };
        self.change(header.stream, |stream| {
            if stream.is_open(role) {
                stream.data(role, &[], place, cx);
                stream.hole(role, pending.len);
            }
        });
        if header.has(END_STREAM) {
            self.end_stream(role, header.stream, at, cx);
        }
    }
}

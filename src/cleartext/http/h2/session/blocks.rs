//! Header blocks: put together from HEADERS or `PUSH_PROMISE` and CONTINUATION, decoded, and given to their stream
//! (RFC 9113 sections 4.3, 6.2, 6.6, 6.10 and 8.1).

use std::mem::take;

use super::Session;
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::Mark;
use crate::cleartext::http::h2::frame::{self, END_HEADERS, END_STREAM, Frame, FrameHeader, Kind};
use crate::cleartext::http::h2::head::{Draft, Pseudo};
use crate::cleartext::http::h2::hpack::{End, FieldList};
use crate::cleartext::http::h2::stream::{Opening, Stream};
use crate::cleartext::http::head::Role;
use crate::tally::Tally;

/// A header block of which more frames are to come.
pub(super) struct Block {
    /// The frame it began with.
    first: First,
    bytes: Vec<u8>,
}

impl Block {
    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The frame a block begins with.
#[derive(Clone, Copy)]
struct First {
    header: FrameHeader,
    promised: Option<u32>,
    mark: Mark,
}

impl Session {
    /// HEADERS or `PUSH_PROMISE`, whole or as far as it came.
    pub(super) fn header_block(&mut self, role: Role, frame: Frame<'_>, cx: &mut Context<'_>) {
        let direction = self.direction(role);
        let mark = direction.reader.mark();
        let Some(fragment) = frame::fragment(&frame) else {
            direction.decoder.lose();
            cx.tally.one(Tally::H2BrokenBlocks);
            return;
        };
        let first = First {
            header: frame.header,
            promised: fragment.promised,
            mark,
        };
        if frame.whole && !frame.header.has(END_HEADERS) {
            direction.block = Some(Block {
                first,
                bytes: fragment.block.to_vec(),
            });
        } else {
            self.block(role, first, (fragment.block, frame.whole), cx);
        }
    }

    /// CONTINUATION, whole or as far as it came.
    pub(super) fn continuation(&mut self, role: Role, frame: Frame<'_>, cx: &mut Context<'_>) {
        let direction = self.direction(role);
        let Some(mut block) = direction.block.take() else {
            // The rest of a block that was given up, or whose beginning was not seen.
            direction.decoder.lose();
            return;
        };
        if block.first.header.stream != frame.header.stream {
            self.block(role, block.first, (&block.bytes, false), cx);
            return;
        }
        let payload = frame.payload;
        let room = cx.limits.max_head.saturating_sub(block.bytes.len());
        block
            .bytes
            .extend_from_slice(payload.get(..room).unwrap_or(payload));
        if payload.len() > room {
            cx.tally.one(Tally::LimitHead);
            self.block(role, block.first, (&block.bytes, false), cx);
        } else if frame.header.has(END_HEADERS) || !frame.whole {
            self.block(role, block.first, (&block.bytes, frame.whole), cx);
        } else {
            self.direction(role).block = Some(block);
        }
    }

    /// The rest of an open block will not come.
    pub(super) fn abandon_block(&mut self, role: Role, cx: &mut Context<'_>) {
        if let Some(block) = self.direction(role).block.take() {
            self.block(role, block.first, (&block.bytes, false), cx);
        }
    }

    /// Decodes a block, as far as it is there if not `whole`, and gives it to its stream.
    fn block(
        &mut self,
        role: Role,
        first: First,
        (bytes, whole): (&[u8], bool),
        cx: &mut Context<'_>,
    ) {
        let mut list = take(&mut self.list);
        list.clear(cx.limits.max_head, cx.limits.max_fields);
        let direction = self.direction(role);
        let end = direction.decoder.decode(bytes, &mut list);
        if !whole {
            direction.decoder.lose();
        }
        let is_read = end == End::Whole || (end == End::Cut && !whole);
        if direction.reader.is_tentative() {
            let makes_sense = is_read && list.iter().next().is_some();
            if !makes_sense {
                self.list = list;
                self.lose(role);
                return;
            }
            direction.reader.confirm();
        }
        if !is_read {
            cx.tally.one(Tally::H2BrokenBlocks);
        }
        if list.over {
            cx.tally.one(Tally::LimitHead);
        }
        cx.tally.add(Tally::H2UnknownFields, list.unknown);
        self.lost = 0;
        let opening = Opening {
            id: first.promised.unwrap_or(first.header.stream),
            last: first.header.has(END_STREAM),
            mark: first.mark,
            cut: !whole || !is_read,
            losses: self.direction(role).losses,
            websocket_limit: cx.limits.websocket_limit,
        };
        let mut draft = take(&mut self.draft);
        match (role, first.promised) {
            (Role::Server, Some(_)) => self.promise(opening, &list, &mut draft, cx),
            (Role::Client, Some(_)) => {}
            (Role::Client, None) => self.ask(opening, &list, &mut draft, cx),
            (Role::Server, None) => self.answer(opening, &list, &mut draft, cx),
        }
        (self.draft, self.list) = (draft, list);
        if first.header.kind == Kind::Headers && first.header.has(END_STREAM) {
            self.end_stream(role, first.header.stream, first.mark, cx);
        }
    }

    /// HEADERS of the client: a request, or its trailer.
    fn ask(&mut self, opening: Opening, list: &FieldList, draft: &mut Draft, cx: &mut Context<'_>) {
        let id = opening.id;
        let known = self.streams.get(&id).map(|stream| stream.has(Role::Client));
        if known == Some(true) {
            self.trail(Role::Client, opening, list, draft);
            return;
        }
        let is_late = id <= self.last_stream && !self.missed;
        let asks = Pseudo::of(list).asks() || list.unknown > 0 || opening.cut;
        if known.is_none() && (id.is_multiple_of(2) || is_late || !asks || self.gone.contains(&id))
        {
            return;
        }
        self.last_stream = self.last_stream.max(id);
        if known.is_none() {
            self.open(id, opening.mark, cx);
        }
        let head = draft.request(list);
        self.change(id, |stream| {
            stream.head(Role::Client, &head, draft, opening);
        });
    }

    /// HEADERS of the server: an interim response, which is passed over, the final one, or its trailer.
    fn answer(
        &mut self,
        opening: Opening,
        list: &FieldList,
        draft: &mut Draft,
        cx: &mut Context<'_>,
    ) {
        let id = opening.id;
        let status = Pseudo::of(list).status;
        if matches!(status, 100..=199) {
            return;
        }
        let known = self
            .streams
            .get(&id)
            .map(|stream| (stream.has(Role::Server), stream.is_unsure()));
        match known {
            // What was taken for the final response was an interim one.
            Some((true, unsure)) if status == 0 || !unsure => {
                self.trail(Role::Server, opening, list, draft);
                return;
            }
            Some(_) => {}
            None => {
                // A response to a request that was not seen; without a status it may be a trailer as well.
                let is_new = if id.is_multiple_of(2) {
                    self.missed
                } else {
                    self.missed || id > self.last_stream
                };
                let is_head = status != 0 || !opening.last && list.unknown > 0;
                if !is_new || !is_head || self.gone.contains(&id) {
                    return;
                }
                self.open(id, opening.mark, cx);
            }
        }
        let head = draft.response(list);
        self.change(id, |stream| {
            stream.head(Role::Server, &head, draft, opening);
        });
    }

    /// `PUSH_PROMISE`: a request that the server makes in the name of its client (section 8.4).
    fn promise(
        &mut self,
        opening: Opening,
        list: &FieldList,
        draft: &mut Draft,
        cx: &mut Context<'_>,
    ) {
        let id = opening.id;
        if !id.is_multiple_of(2) || id == 0 || self.streams.contains_key(&id) {
            return;
        }
        self.open(id, opening.mark, cx);
        let head = draft.request(list);
        self.change(id, |stream| {
            stream.head(Role::Client, &head, draft, opening);
            stream.end(Role::Client, opening.mark.time, opening.losses);
        });
    }

    fn trail(&mut self, role: Role, opening: Opening, list: &FieldList, draft: &mut Draft) {
        draft.trailer(list);
        self.change(opening.id, |stream| {
            if stream.is_open(role) {
                stream.trailer(role, draft, opening);
            }
        });
    }

    fn open(&mut self, id: u32, mark: Mark, cx: &mut Context<'_>) {
        self.bound_streams(cx);
        let exchange = self.new_exchange(mark, cx);
        self.insert(id, Stream::new(exchange));
    }
}

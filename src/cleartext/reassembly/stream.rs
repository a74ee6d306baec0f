//! One direction of a flow: sequence numbers to positions, and what to hand on when.

use super::held::{Early, Held, Passed, wide};
use super::recent::Recent;
use super::{Data, EndReason, Gap, MIDSTREAM_ORIGIN, Settings, StreamChunk};
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::tally::{Tally, TallySheet};

/// The largest window TCP can have (RFC 7323 section 2.3): what is further off belongs to no plausible stream.
const MAX_WINDOW: u32 = 1 << 30;

/// One direction of a flow.
///
/// Invariants: `next` and `position` name the same byte, the next to be handed on; `held` is behind it.
pub(in crate::cleartext) struct Stream {
    next: u32,
    position: u64,
    origin: Origin,
    delivered: bool,
    ended: bool,
    /// Position of the FIN, if it was seen.
    fin: Option<u64>,
    /// Up to where the other side has acknowledged.
    acked: Option<u64>,
    held: Option<Box<Held>>,
    recent: Recent,
}

/// How the first sequence number is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Not at all.
    Unknown,
    /// From what the other side acknowledged first.
    Guessed,
    /// From SYN, or from the first segment of a flow joined later.
    Known,
}

/// A segment as one direction sees it.
pub(super) struct Arrival<'a> {
    pub(super) seq: u32,
    pub(super) bytes: &'a [u8],
    /// Bytes behind `bytes` that the snaplen cut off.
    pub(super) missing: u32,
    pub(super) fin: bool,
    pub(super) time: EventTime,
    /// What it acknowledges, as a position of the other direction.
    pub(super) acked: Option<u64>,
    /// It is an urgent byte to be taken out.
    pub(super) urgent: bool,
}

/// What a stream works with on each packet.
pub(super) struct Work<'a, S> {
    pub(super) settings: &'a Settings,
    pub(super) tally: &'a TallySheet,
    /// Bytes that may still be held by all flows together.
    pub(super) room: usize,
    /// Where chunks go.
    pub(super) sink: S,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            next: 0,
            position: 0,
            origin: Origin::Unknown,
            delivered: false,
            ended: false,
            fin: None,
            acked: None,
            held: None,
            recent: Recent::default(),
        }
    }
}

impl Stream {
    /// A direction whose SYN was seen, with this initial sequence number.
    pub(super) fn after_syn(isn: u32) -> Self {
        Self {
            next: isn.wrapping_add(1),
            origin: Origin::Known,
            ..Self::default()
        }
    }

    /// The SYN of a direction that was only guessed at so far.
    pub(super) fn learn_syn(&mut self, isn: u32) {
        if self.delivered || self.origin == Origin::Known {
            return;
        }
        if self.origin == Origin::Unknown {
            *self = Self::after_syn(isn);
        } else if let Some(position) = self.position_of(isn.wrapping_add(1)) {
            self.next = isn.wrapping_add(1);
            self.position = position;
            self.origin = Origin::Known;
        }
    }

    /// Whether any byte was handed on.
    pub(in crate::cleartext) const fn has_delivered(&self) -> bool {
        self.delivered
    }

    /// Whether anything waits behind a hole.
    pub(super) const fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Sequence number of the next byte to be handed on.
    pub(in crate::cleartext) const fn next(&self) -> u32 {
        self.next
    }

    /// Whether its end was handed on.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.held
            .as_ref()
            .map_or(0, |held| held.memory().saturating_add(size_of::<Held>()))
    }

    /// Takes an acknowledgement of the other side and gives its position.
    pub(super) fn acknowledge(&mut self, ack: u32) -> Option<u64> {
        if self.origin == Origin::Unknown {
            self.next = ack;
            self.position = MIDSTREAM_ORIGIN;
            self.origin = Origin::Guessed;
        }
        let position = self.position_of(ack)?;
        self.acked = self.acked.max(Some(position));
        Some(position)
    }

    /// Takes a segment. False if it lies outside any plausible window.
    pub(super) fn segment(
        &mut self,
        arrival: &Arrival<'_>,
        work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
    ) -> bool {
        let captured = wide(arrival.bytes.len());
        let len = captured.saturating_add(u64::from(arrival.missing));
        if len == 0 && !arrival.fin {
            return true;
        }
        self.settle(arrival.seq);
        let Some(distance) = self.distance(arrival.seq) else {
            work.tally.add(Tally::StreamBytesOutOfWindow, captured);
            return false;
        };
        let behind = u64::from(distance.min(0).unsigned_abs());
        let ahead = u64::from(distance.max(0).unsigned_abs());
        let early = Early {
            start: self.position.saturating_add(ahead),
            bytes: arrival.bytes,
            missing: u64::from(arrival.missing),
            time: arrival.time,
            acked: arrival.acked,
            conflict: false,
            urgent: arrival.urgent,
        };
        if behind > 0
            && self
                .recent
                .differs(self.position.saturating_sub(behind), arrival.bytes)
        {
            work.tally.one(Tally::OverlapConflicts);
            (work.sink)(StreamChunk::Conflict);
        }
        let early = early.without(behind, work.tally);
        let end = early.end();
        if self.fin.is_some_and(|fin| end > fin) {
            work.tally
                .add(Tally::StreamBytesOutOfWindow, wide(early.bytes.len()));
            return true;
        }
        if arrival.fin && behind <= len && self.fin.is_none() {
            self.fin = Some(end);
        }
        if !early.is_empty() {
            self.place(&early, work);
        }
        self.close_if_finished(arrival.time, work);
        true
    }

    /// Chooses the origin by the first segment where no SYN was seen, or moves a guessed one down to it.
    fn settle(&mut self, seq: u32) {
        match self.origin {
            Origin::Known => return,
            Origin::Unknown => {
                self.next = seq;
                self.position = MIDSTREAM_ORIGIN;
            }
            Origin::Guessed if !self.delivered && self.held.is_none() => {
                if let Some(position) = self.position_of(seq)
                    && position < self.position
                {
                    self.next = seq;
                    self.position = position;
                }
            }
            Origin::Guessed => {}
        }
        self.origin = Origin::Known;
    }

    /// Hands a trimmed segment on if it is its turn, else holds it.
    fn place(&mut self, early: &Early<'_>, work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>) {
        let end = early.end();
        let first_held = self.held.as_ref().and_then(|held| held.first());
        if early.start == self.position && first_held.is_none_or(|first| end <= first) {
            self.deliver(early, work);
            if first_held.is_some() {
                self.drain(work);
            }
            return;
        }
        if early.start == self.position || self.make_room(early, work) {
            self.hold(early, work);
            self.drain(work);
            return;
        }
        let passed = self.position.saturating_sub(early.start);
        let start = early.start.max(self.position);
        let rest = Early { start, ..*early }.without(passed, work.tally);
        if rest.is_empty() {
            return;
        }
        if self.held.is_some() {
            self.hold(&rest, work);
            self.drain(work);
        } else {
            // No room even for one segment: the hole before it is given up at once.
            self.skip_to(rest.start, rest.time, work);
            self.deliver(&rest, work);
        }
    }

    /// Gives up holes until the segment may be held; false if it can never be.
    fn make_room(
        &mut self,
        early: &Early<'_>,
        work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
    ) -> bool {
        let limit = work.settings.max_held;
        loop {
            let (memory, segments) = self
                .held
                .as_ref()
                .map_or((0, 0), |held| (held.memory(), held.segments()));
            let more = early.bytes.len();
            let fits = memory.saturating_add(more) <= limit
                && segments < work.settings.max_held_segments
                && (more <= work.room || memory == 0 && more <= limit && work.room > 0);
            if fits {
                return early.start > self.position;
            }
            if segments == 0 {
                return false;
            }
            self.give_up(early.time, work);
            if self.position >= early.start {
                return false;
            }
        }
    }

    fn hold(&mut self, early: &Early<'_>, work: &Work<'_, impl FnMut(StreamChunk<'_>)>) {
        let held = self.held.get_or_insert_with(Box::default);
        if held.is_empty() {
            held.since = early.time;
            held.passed = None;
        }
        let outcome = held.insert(early, work.settings.overlap);
        work.tally
            .add(Tally::StreamBytesDuplicate, outcome.duplicate);
        if outcome.conflict {
            work.tally.one(Tally::OverlapConflicts);
        }
    }

    fn deliver(&mut self, early: &Early<'_>, work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>) {
        if early.urgent {
            let len = wide(early.bytes.len());
            work.tally.add(Tally::StreamBytesUrgent, len);
            self.advance(len);
        } else if !early.bytes.is_empty() {
            work.tally
                .add(Tally::StreamBytesAnalysed, wide(early.bytes.len()));
            let offset = self.position;
            self.recent.remember(offset, early.bytes);
            self.advance(wide(early.bytes.len()));
            (work.sink)(StreamChunk::Data(Data {
                bytes: Raw::new(early.bytes),
                time: early.time,
                offset,
                acked: early.acked,
                conflict: early.conflict,
            }));
        }
        if early.missing > 0 {
            self.gap(early.missing, early.time, work);
        }
    }

    /// Hands on what is held and now in order.
    fn drain(&mut self, work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>) {
        while let Some(piece) = self.held.as_mut().and_then(|held| held.take(self.position)) {
            let early = Early {
                start: self.position,
                bytes: &piece.bytes,
                missing: piece.missing,
                time: piece.time,
                acked: piece.acked,
                conflict: piece.conflict,
                urgent: piece.urgent,
            };
            self.deliver(&early, work);
        }
        if let Some(held) = &mut self.held {
            held.restart();
            if held.is_empty() {
                self.held = None;
            }
        }
    }

    fn gap(&mut self, len: u64, time: EventTime, work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>) {
        work.tally.one(Tally::StreamGaps);
        work.tally.add(Tally::StreamGapBytes, len);
        let offset = self.position;
        self.advance(len);
        (work.sink)(StreamChunk::Gap(Gap { offset, len, time }));
    }

    fn skip_to(
        &mut self,
        position: u64,
        time: EventTime,
        work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
    ) {
        let len = position.saturating_sub(self.position);
        if len > 0 {
            self.gap(len, time, work);
        }
    }

    /// Gives up the first hole and hands on what is behind it.
    fn give_up(&mut self, time: EventTime, work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>) {
        if let Some(first) = self.held.as_ref().and_then(|held| held.first()) {
            self.skip_to(first, time, work);
            self.drain(work);
        }
    }

    /// The other side is about to speak, and has seen bytes up to `acked`: what it can have answered goes first.
    pub(super) fn answer_comes(
        &mut self,
        acked: u64,
        time: EventTime,
        work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
    ) {
        while self
            .held
            .as_ref()
            .and_then(|held| held.first())
            .is_some_and(|first| first < acked)
        {
            self.give_up(time, work);
        }
        self.close_if_finished(time, work);
    }

    /// After each packet of the flow: gives up holes that will not be filled any more.
    pub(super) fn review(
        &mut self,
        now: EventTime,
        one_sided: bool,
        work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
    ) {
        while self.hole_is_lost(now, one_sided, work.settings) {
            self.give_up(now, work);
        }
        self.close_if_finished(now, work);
    }

    fn hole_is_lost(&mut self, now: EventTime, one_sided: bool, settings: &Settings) -> bool {
        let acked = self.acked;
        let Some(held) = &mut self.held else {
            return false;
        };
        let limit = if one_sided {
            settings.hole_nanos_one_sided
        } else {
            settings.hole_nanos
        };
        if now.nanos_since(held.since) >= limit {
            return true;
        }
        if acked.is_none_or(|acked| held.first().is_none_or(|first| acked < first)) {
            return false;
        }
        let passed = held.passed.get_or_insert(Passed {
            time: now,
            packets: 0,
        });
        passed.packets = passed.packets.saturating_add(1);
        passed.packets > settings.reorder_packets
            || now.nanos_since(passed.time) >= settings.reorder_nanos
    }

    /// The flow is over: hands on all that is held, then the end.
    pub(super) fn finish(
        &mut self,
        reason: EndReason,
        time: EventTime,
        work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
    ) {
        while self.held.is_some() {
            self.give_up(time, work);
        }
        self.close_if_finished(time, work);
        if self.ended {
            return;
        }
        // Bytes that were acknowledged and never captured. One of them may have been a FIN.
        if let Some(acked) = self.acked
            && self.delivered
            && acked > self.position.saturating_add(1)
        {
            self.skip_to(acked, time, work);
        }
        self.ended = true;
        (work.sink)(StreamChunk::End(reason, time));
    }

    /// Drops what is held, uncounted by anything else: the flow is of no interest. Gives the number of captured bytes.
    pub(super) fn abandon(&mut self) -> u64 {
        self.held.take().map_or(0, |held| held.payload())
    }

    fn close_if_finished(
        &mut self,
        time: EventTime,
        work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
    ) {
        if !self.ended && self.held.is_none() && self.fin == Some(self.position) {
            self.ended = true;
            (work.sink)(StreamChunk::End(EndReason::Finished, time));
        }
    }

    fn advance(&mut self, n: u64) {
        self.delivered = true;
        self.position = self.position.saturating_add(n);
        let low = u32::try_from(n & u64::from(u32::MAX)).unwrap_or(0);
        self.next = self.next.wrapping_add(low);
    }

    /// Position of a sequence number; none outside any plausible window.
    pub(in crate::cleartext) fn position_of(&self, seq: u32) -> Option<u64> {
        let distance = self.distance(seq)?;
        self.position.checked_add_signed(i64::from(distance))
    }

    /// Bytes from the next byte to `seq`, negative if it lies behind (RFC 9293 section 3.4: modulo 2^32).
    fn distance(&self, seq: u32) -> Option<i32> {
        let distance = seq.wrapping_sub(self.next).cast_signed();
        (distance.unsigned_abs() <= MAX_WINDOW).then_some(distance)
    }
}

//! Which request a response answers.
//!
//! Without loss: the oldest that waits. After one, four facts narrow it down. A request was sent when its client had
//! received so many bytes of responses, so its response begins there or behind. A response was sent when its server had
//! received so many bytes of requests, so it answers one that begins before. A hole over the start of a message held a
//! message. And a client keeps its habits ([`Turns`](super::turns::Turns)). Where they leave more than one way, the nearest
//! is taken and the pair carries the note `pair-doubtful`, until a request comes that settles who waits.

use super::{Loss, Session};
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::{Exchange, Mark};
use crate::observation::Notes;
use crate::tally::Tally;

/// Bytes of a line end: a hole of no more over a boundary holds no message.
const LINE_END: u64 = 2;
/// A shorter message does not exist: `GET / HTTP/1.1` and a blank line.
const SHORTEST: u64 = 18;

impl Loss {
    /// Whether a message was lost.
    fn is_message(self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes > LINE_END)
    }

    /// Whether it is not known how many messages were lost.
    fn may_be_many(self) -> bool {
        match self {
            Self::None => false,
            Self::Bytes(bytes) => bytes >= SHORTEST.saturating_mul(2),
            Self::Unknown => true,
        }
    }
}

impl Session {
    /// A request begins at `mark`. Before it goes into the queue: what its acknowledgement says of those that wait, and
    /// whether requests before it were lost.
    pub(super) fn ask(&mut self, mark: Mark, cx: &mut Context<'_>) {
        let loss = self.requests.take_loss();
        let orphans = std::mem::take(&mut self.turns.orphans);
        let Some(acked) = mark.acked else {
            self.turns.doubt |= loss != Loss::None;
            return;
        };
        // Bytes of responses that the client had received, and that belong to none that was seen.
        let unaccounted = acked > self.turns.accounted.saturating_add(LINE_END);
        let first = self.turns.is_new();
        let news = self.turns.acknowledge(acked);
        let waiting = self.waiting(unaccounted);
        let sure = loss == Loss::None && !unaccounted && !self.turns.is_doubtful() && !self.joined;
        if !news {
            // Of the same burst as the request before it.
            self.suppose_lost(usize::from(loss.is_message()), mark, cx);
            self.turns.doubt |= loss.may_be_many();
            return;
        }
        if sure {
            if !first {
                self.turns.learn(waiting);
            }
            return;
        }
        let habit = self.turns.habit();
        let single = !self.turns.bursts() && !self.joined;
        let waits = waiting == 0 && self.turns.waits();
        if let Some(expected) = habit.or((single || waits).then_some(0)) {
            self.forget_answered(waiting.saturating_sub(expected), cx);
            if loss != Loss::None {
                self.suppose_lost(expected.saturating_sub(waiting), mark, cx);
            }
            self.turns.doubt = false;
            self.turns.unclear = false;
            self.turns.accounted = self.turns.accounted.max(acked);
        } else {
            self.turns.doubt = true;
        }
        if loss == Loss::None || habit.is_some_and(|habit| habit > 0) {
            return;
        }
        // The lost request was the last of those before, and is answered, or it came with this one.
        if loss.is_message() && orphans == 0 && !unaccounted {
            self.turns.pipelines();
            self.suppose_lost(1, mark, cx);
        }
        self.turns.unclear = loss.may_be_many() || (loss.is_message() && unaccounted);
    }

    /// Requests that had no whole answer when the client sent the one at hand; `more`: it had received more than we saw.
    fn waiting(&self, more: bool) -> usize {
        let queued = self
            .queue
            .len()
            .saturating_sub(usize::from(self.answering && more));
        queued.saturating_add(self.turns.unacknowledged())
    }

    /// The oldest `count` requests that wait have been answered in holes.
    fn forget_answered(&mut self, count: usize, cx: &mut Context<'_>) {
        for _ in 0..count {
            let oldest = usize::from(self.answering);
            if let Some(exchange) = self.queue.remove(oldest) {
                self.release(exchange, cx);
            }
        }
    }

    /// Requests were lost right before `mark`: their responses must not go to another.
    fn suppose_lost(&mut self, count: usize, mark: Mark, cx: &mut Context<'_>) {
        for _ in 0..count.min(cx.limits.max_pipelined) {
            self.bound_queue(cx);
            let mut exchange = self.new_exchange(mark, cx);
            exchange.asked_at = Some(mark);
            self.held = self.held.saturating_add(exchange.footprint());
            self.queue.push_back(exchange);
        }
    }

    /// Brings the request that a response beginning at `mark` answers to the front of the queue; false if there is none.
    pub(super) fn answer(&mut self, mark: Mark, cx: &mut Context<'_>) -> bool {
        let boundary = self.responses.boundary.unwrap_or(0);
        let loss = self.responses.take_loss();
        if self.forgone > 0 && !self.holes && !self.joined {
            self.forgone = self.forgone.saturating_sub(1);
            return false;
        }
        let floor = boundary.max(self.turns.accounted);
        let mut skip = loss.is_message() && mark.offset > floor.saturating_add(LINE_END);
        while let Some(front) = self.queue.front() {
            if front.has_response() {
                break;
            }
            if !self.holes && !self.joined {
                return true;
            }
            let Some(asked) = front.asked_at else {
                return false;
            };
            if !self.may_answer(front, mark) {
                break;
            }
            // Its response begins here or further on.
            let begins = floor.max(asked.acked.unwrap_or(0));
            let next = self.queue.get(1).and_then(|next| next.asked_at?.acked);
            let was_answered = next.is_some_and(|acked| begins < acked && acked <= mark.offset);
            let skipped = skip && !front.asking;
            if !was_answered && !skipped {
                self.judge(loss, begins, mark, cx);
                return true;
            }
            skip = false;
            if let Some(exchange) = self.queue.pop_front() {
                self.release(exchange, cx);
            }
        }
        self.turns.orphans = self.turns.orphans.saturating_add(1);
        false
    }

    /// Whether the sequence numbers allow that a response beginning at `mark` answers `request`.
    fn may_answer(&self, request: &Exchange, mark: Mark) -> bool {
        let Some(asked) = request.asked_at else {
            return false;
        };
        // Hosts that acknowledge nothing at all exist in written captures: that alone proves nothing.
        let says_nothing = !self.holes && self.queue.len() == 1 && mark.acked == Some(asked.offset);
        asked.acked.is_none_or(|acked| acked <= mark.offset)
            && (mark.acked.is_none_or(|acked| acked > asked.offset) || says_nothing)
    }

    /// The front of the queue is taken for the request: notes it if the next one fits as well.
    fn judge(&mut self, loss: Loss, begins: u64, mark: Mark, cx: &Context<'_>) {
        let next_fits = self
            .queue
            .get(1)
            .is_some_and(|next| self.may_answer(next, mark))
            || mark
                .acked
                .is_some_and(|acked| acked > self.requested.saturating_add(LINE_END));
        let room = mark.offset.saturating_sub(begins) >= SHORTEST;
        self.turns.doubt |= loss != Loss::None && next_fits && room;
        if self.turns.is_doubtful()
            && let Some(front) = self.queue.front_mut()
            && front.has_request()
        {
            front.note(Notes::PAIR_DOUBTFUL);
            cx.tally.one(Tally::PairsDoubtful);
        }
    }

    /// Keeps room for one more waiting request.
    pub(super) fn bound_queue(&mut self, cx: &mut Context<'_>) {
        if self.queue.len() < cx.limits.max_pipelined.max(2) {
            return;
        }
        cx.tally.one(Tally::LimitPipelined);
        let oldest = usize::from(self.answering);
        if let Some(exchange) = self.queue.remove(oldest) {
            self.release(exchange, cx);
            // Its response is still to come, and must not be taken for that of the next request.
            self.forgone = self.forgone.saturating_add(1);
        }
    }

    /// No more responses will come: requests that are all there have none.
    pub(super) fn give_up_waiting(&mut self, cx: &mut Context<'_>) {
        while self.queue.front().is_some_and(|exchange| !exchange.asking) {
            if let Some(exchange) = self.queue.pop_front() {
                self.release(exchange, cx);
            }
        }
    }
}

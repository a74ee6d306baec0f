//! Which request a response answers.

use super::Session;
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::Mark;
use crate::tally::Tally;

/// Bytes of a line end.
const LINE_END: u64 = 2;

impl Session {
    /// Brings the request that a response beginning at `mark` answers to the front of the queue; false if there is none.
    ///
    /// Request k was sent when its client had received `acked` bytes of responses, so its response begins at or behind
    /// that. A response was sent when its server had received `mark.acked` bytes of requests, so it answers one that begins
    /// before that. A request whose successor was sent with more acknowledged than was accounted for has had its response,
    /// in the hole.
    pub(super) fn answer(&mut self, mark: Mark, cx: &mut Context<'_>) -> bool {
        let boundary = self.responses.boundary.take().unwrap_or(0);
        let hole_end = self.responses.hole_end.take();
        if self.forgone > 0 && !self.holes && !self.joined {
            self.forgone = self.forgone.saturating_sub(1);
            return false;
        }
        let mut first = true;
        while let Some(front) = self.queue.front() {
            if front.has_response() {
                return false;
            }
            if !self.holes && !self.joined {
                return true;
            }
            let Some(asked) = front.asked_at else {
                return false;
            };
            // Hosts that acknowledge nothing at all exist in written captures: that alone proves nothing.
            let says_nothing =
                !self.holes && self.queue.len() == 1 && mark.acked == Some(asked.offset);
            if asked.acked.is_some_and(|acked| acked > mark.offset)
                || (mark.acked.is_some_and(|acked| acked <= asked.offset) && !says_nothing)
            {
                return false;
            }
            // Its response begins here or further on.
            let floor = asked.acked.unwrap_or(0).max(boundary);
            let next = self.queue.get(1).and_then(|next| next.asked_at?.acked);
            let was_answered = next.is_some_and(|acked| floor < acked && acked <= mark.offset);
            // A stray line end behind a body, lost, is no lost head.
            let lost_head = first
                && !front.asking
                && hole_end.is_some_and(|end| end > floor.saturating_add(LINE_END));
            if !was_answered && !lost_head {
                return true;
            }
            first = false;
            if let Some(exchange) = self.queue.pop_front() {
                self.release(exchange, cx);
            }
        }
        false
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

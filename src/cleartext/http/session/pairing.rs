//! Which request a response answers.

use std::mem::take;

use super::Session;
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::Mark;
use crate::tally::Tally;

impl Session {
    /// Brings the request that a response beginning at `mark` answers to the front of the queue; false if there is none.
    ///
    /// Request k was sent when its client had received `acked` bytes of responses, so its response begins at or behind
    /// that. A response was sent when its server had received `mark.acked` bytes of requests, so it answers one that begins
    /// before that. A request whose successor was sent with more acknowledged than was accounted for has had its response,
    /// in the hole.
    pub(super) fn answer(&mut self, mark: Mark, cx: &mut Context<'_>) -> bool {
        // Whichever request was next in turn has lost its response's head.
        let mut lost_head = take(&mut self.responses.lost_head);
        let boundary = self.responses.boundary.take().unwrap_or(0);
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
            let floor = asked_at.acked.unwrap_or(0).max(boundary);
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
    pub(super) fn bound_queue(&mut self, cx: &mut Context<'_>) {
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
    pub(super) fn give_up_waiting(&mut self, cx: &mut Context<'_>) {
        while self.queue.front().is_some_and(|exchange| !exchange.asking) {
            if let Some(exchange) = self.queue.pop_front() {
                self.release(exchange, cx);
            }
        }
    }
}

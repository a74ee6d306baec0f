//! How a flow becomes HTTP/2: what shows it, and where each direction is entered.

use std::mem::take;

use super::{HttpFlow, Phase, Probe};
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::{Exchange, Mark};
use crate::cleartext::http::h2::{self, Begin, Entry, Sign};
use crate::cleartext::http::head::Role;

/// How bytes of one direction showed that a flow is HTTP/2.
#[derive(Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent facts, not one state"
)]
pub(super) struct Shown {
    from_low: bool,
    client_is_low: bool,
    /// They are the preface of the client.
    by_preface: bool,
    /// The beginning of the flow was not seen, or not all of what came since.
    joined: bool,
}

impl Shown {
    /// Where a direction is entered of which this was seen before.
    const fn entry(self, low: bool, probe: &Probe) -> Entry {
        let is_this = low == self.from_low;
        if is_this && self.by_preface {
            Entry::Start
        } else if is_this && self.joined {
            Entry::Frames
        } else if probe.seen > 0 || probe.refused || probe.holes {
            Entry::Anything
        } else if !self.joined {
            Entry::Start
        } else if self.by_preface {
            Entry::Perhaps
        } else {
            Entry::Anything
        }
    }
}

impl HttpFlow {
    /// Whether the bytes at the front of a direction make the flow HTTP/2, and if so how they show it.
    pub(super) fn speaks_h2(
        &self,
        from_low: bool,
        sign: Sign,
        bytes: &[u8],
        cx: &Context<'_>,
    ) -> Option<Shown> {
        let joined = cx.info.midstream || self.holes;
        let client_is_low = match sign {
            Sign::Client => from_low,
            // Where the beginning was not seen, either end may send SETTINGS.
            Sign::Server if !joined && cx.initiator_is_low != Some(from_low) => !from_low,
            Sign::Server | Sign::Maybe | Sign::No if joined => {
                (h2::midstream(bytes)? == Role::Client) == from_low
            }
            Sign::Server | Sign::Maybe | Sign::No => return None,
        };
        Some(Shown {
            from_low,
            client_is_low,
            by_preface: sign == Sign::Client,
            joined,
        })
    }

    /// The flow is HTTP/2, as bytes show which stand at `at`, behind what was buffered of their direction.
    pub(super) fn decide_h2(&mut self, shown: Shown, at: Mark, cx: &mut Context<'_>) {
        let client_is_low = shown.client_is_low;
        let mut session = h2::Session::new(Begin {
            client_is_low,
            next_index: self.next_index,
            in_tunnel: self.in_tunnel,
            requests: shown.entry(client_is_low, self.probe_of(client_is_low)),
            responses: shown.entry(!client_is_low, self.probe_of(!client_is_low)),
        });
        if shown.by_preface {
            let buffered = self.probe_of(shown.from_low);
            session.preface(if buffered.buf.is_empty() {
                at
            } else {
                buffered.mark
            });
        }
        for low in [client_is_low, !client_is_low] {
            let state = take(self.probe_of(low));
            session.data(session.role(low), &state.buf, state.mark, cx);
        }
        self.phase = Phase::Http2(Box::new(session));
    }

    /// A request was answered by switching to HTTP/2, which begins behind the response; `waiting` was sent ahead of that.
    pub(super) fn upgrade_to_h2(
        &mut self,
        begin: Begin,
        asked: Option<Exchange>,
        waiting: &(Vec<u8>, Mark),
        cx: &mut Context<'_>,
    ) {
        let mut session = h2::Session::new(begin);
        if let Some(asked) = asked {
            session.upgraded(asked);
        }
        session.data(Role::Client, &waiting.0, waiting.1, cx);
        self.phase = Phase::Http2(Box::new(session));
    }
}

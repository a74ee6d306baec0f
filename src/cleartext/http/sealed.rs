//! HTTP inside TLS: opened records go to a flow of their own.

use super::exchange::Mark;
use super::{Context, HttpFlow};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{Data, EndReason, Gap, StreamChunk};
use crate::cleartext::tls::{Connection, Looks, Plain, looks};
use crate::clock::EventTime;

/// TLS on a flow, and what was found in it.
pub(super) struct Sealed {
    tls: Connection,
    inner: HttpFlow,
    client_is_low: bool,
    /// Something came from the server, or more than a hello from the client.
    answered: bool,
    /// Position of the next plaintext byte of each direction.
    low: u64,
    high: u64,
}

impl Sealed {
    pub(super) fn new(client_is_low: bool, inner: HttpFlow) -> Self {
        Self {
            tls: Connection::new(client_is_low),
            inner,
            client_is_low,
            answered: false,
            low: 0,
            high: 0,
        }
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.tls
            .memory()
            .saturating_add(self.inner.memory())
            .saturating_add(size_of::<HttpFlow>())
    }

    /// Whether nothing of it will be read any more. A hello alone says little: the server may answer in another protocol.
    pub(super) fn is_over(&self) -> bool {
        self.answered && self.tls.is_over() || self.inner.is_http() == Some(false)
    }

    /// Whether the server answers the hello with something that is no TLS: a server of another protocol does.
    pub(super) fn is_refused_by(&mut self, from_low: bool, bytes: &[u8]) -> bool {
        if self.answered || from_low == self.client_is_low {
            return false;
        }
        self.answered = true;
        looks(bytes) == Looks::No
    }

    /// Takes in-order bytes of a direction.
    pub(super) fn data(&mut self, from_low: bool, bytes: &[u8], mark: Mark, cx: &mut Context<'_>) {
        self.answered |= self.tls.is_over();
        let Self {
            tls,
            inner,
            low,
            high,
            ..
        } = self;
        let shared = cx.tls;
        cx.info.decrypted = true;
        tls.data(from_low, bytes, shared, &mut |from_low, plain| {
            let next = if from_low { &mut *low } else { &mut *high };
            let chunk = match plain {
                Plain::Data(bytes) => StreamChunk::Data(Data {
                    conflict: mark.conflict,
                    bytes: Raw::new(bytes),
                    time: mark.time,
                    offset: advance(next, u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
                    // Acknowledgements count bytes of records, not of what is in them.
                    acked: None,
                }),
                Plain::Gap(len) => StreamChunk::Gap(Gap {
                    offset: advance(next, len),
                    len,
                    time: mark.time,
                }),
            };
            inner.chunk(from_low, chunk, cx);
        });
        cx.info.decrypted = false;
    }

    /// A hole.
    pub(super) fn gap(&mut self, from_low: bool, gap: Gap, cx: &mut Context<'_>) {
        let Self {
            tls,
            inner,
            low,
            high,
            ..
        } = self;
        cx.info.decrypted = true;
        tls.gap(from_low, gap.len, &mut |from_low, plain| {
            let next = if from_low { &mut *low } else { &mut *high };
            if let Plain::Gap(len) = plain {
                let hole = Gap {
                    offset: advance(next, len),
                    len,
                    time: gap.time,
                };
                inner.chunk(from_low, StreamChunk::Gap(hole), cx);
            }
        });
        cx.info.decrypted = false;
    }

    /// A direction ends.
    pub(super) fn end(&mut self, from_low: bool, reason: EndReason, cx: &mut Context<'_>) {
        cx.info.decrypted = true;
        let end = StreamChunk::End(reason, EventTime::ZERO);
        self.inner.chunk(from_low, end, cx);
        cx.info.decrypted = false;
    }

    /// The flow is over: emits what is left, and counts what became of it.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>) {
        cx.info.decrypted = true;
        self.inner.expire(EventTime::ZERO, cx);
        cx.info.decrypted = false;
        let outcome = self.tls.finish(cx.tls);
        cx.tally.one(outcome.tally());
    }
}

/// The position, which then moves on.
fn advance(next: &mut u64, by: u64) -> u64 {
    let at = *next;
    *next = at.saturating_add(by);
    at
}

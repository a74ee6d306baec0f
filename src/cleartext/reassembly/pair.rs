//! Both directions of a flow: what one acknowledges tells what the other lost, and keeps questions before answers.

use super::stream::{Arrival, Stream, Work};
use super::{EndReason, Settings, StreamChunk, Urgent};
use crate::cleartext::decode::Segment;
use crate::clock::EventTime;
use crate::tally::TallySheet;

/// The two streams of a flow.
#[derive(Default)]
pub(in crate::cleartext) struct Pair {
    low: Stream,
    high: Stream,
}

/// What a pair works with on each segment.
pub(in crate::cleartext) struct Bench<'a> {
    /// Bounds.
    pub(in crate::cleartext) settings: &'a Settings,
    /// Where to count.
    pub(in crate::cleartext) tally: &'a TallySheet,
    /// Bytes all flows together may still hold out of order.
    pub(in crate::cleartext) room: usize,
    /// Only one direction of the flow was ever seen.
    pub(in crate::cleartext) one_sided: bool,
}

impl Bench<'_> {
    fn work<S: FnMut(StreamChunk<'_>)>(&self, sink: S) -> Work<'_, S> {
        Work {
            settings: self.settings,
            tally: self.tally,
            room: self.room,
            sink,
        }
    }
}

impl Pair {
    /// Two streams, with the initial sequence numbers as far as their SYN was seen.
    pub(in crate::cleartext) fn new(low: Option<u32>, high: Option<u32>) -> Self {
        Self {
            low: low.map_or_else(Stream::default, Stream::after_syn),
            high: high.map_or_else(Stream::default, Stream::after_syn),
        }
    }

    /// One of the streams.
    pub(in crate::cleartext) const fn stream(&self, low: bool) -> &Stream {
        if low { &self.low } else { &self.high }
    }

    /// Heap bytes held out of order.
    pub(in crate::cleartext) fn held(&self) -> usize {
        self.low.memory().saturating_add(self.high.memory())
    }

    /// Whether both directions have ended.
    pub(in crate::cleartext) const fn has_ended(&self) -> bool {
        self.low.has_ended() && self.high.has_ended()
    }

    /// The SYN of a direction was seen.
    pub(in crate::cleartext) fn learn_syn(&mut self, low: bool, isn: u32) {
        self.streams(low).0.learn_syn(isn);
    }

    /// Both streams take the segment: chunks go to `sink` with whether the smaller peer sent them. False if the segment lies
    /// outside any window. `time` is its stamp as far as the packet clock believes it.
    pub(in crate::cleartext) fn segment(
        &mut self,
        segment: &Segment<'_>,
        time: EventTime,
        bench: &Bench<'_>,
        sink: &mut impl FnMut(bool, StreamChunk<'_>),
    ) -> bool {
        let from_low = segment.from_low;
        let bytes: &[u8] = segment.payload.expose();
        let (own, other) = self.streams(from_low);
        let acked = if segment.flags.ack {
            other.acknowledge(segment.ack)
        } else {
            None
        };
        if other.is_holding() {
            let mut work = bench.work(|chunk| sink(!from_low, chunk));
            if let Some(acked) = acked
                && !bytes.is_empty()
            {
                other.answer_comes(acked, time, &mut work);
            }
            other.review(time, bench.one_sided, &mut work);
        }
        let mut work = bench.work(|chunk| sink(from_low, chunk));
        let arrival = Arrival {
            // Data on a SYN comes after it (RFC 9293 section 3.4).
            seq: segment.seq.wrapping_add(u32::from(segment.flags.syn)),
            bytes,
            missing: segment.missing,
            fin: segment.flags.fin,
            time,
            acked,
            urgent: false,
        };
        let fits = match segment.urgent_byte() {
            Some(at) if bench.settings.urgent == Urgent::Remove => {
                around_urgent(own, &arrival, at, &mut work)
            }
            _ => own.segment(&arrival, &mut work),
        };
        if own.is_holding() {
            own.review(time, bench.one_sided, &mut work);
        }
        fits
    }

    /// The flow is over: one direction, then the other, hands on what is left and its end.
    pub(in crate::cleartext) fn finish(
        &mut self,
        low_first: bool,
        (reason, time): (EndReason, EventTime),
        bench: &Bench<'_>,
        sink: &mut impl FnMut(bool, StreamChunk<'_>),
    ) {
        for low in [low_first, !low_first] {
            let mut work = bench.work(|chunk| sink(low, chunk));
            self.streams(low).0.finish(reason, time, &mut work);
        }
    }

    /// The flow is of no interest: drops what is held and gives the number of captured bytes.
    pub(in crate::cleartext) fn abandon(&mut self) -> u64 {
        self.low.abandon().saturating_add(self.high.abandon())
    }

    /// The sender's own stream, and the other.
    const fn streams(&mut self, low: bool) -> (&mut Stream, &mut Stream) {
        if low {
            (&mut self.low, &mut self.high)
        } else {
            (&mut self.high, &mut self.low)
        }
    }
}

/// Takes a segment in three parts: before, at and behind its urgent byte, which does not go into the stream.
fn around_urgent(
    stream: &mut Stream,
    whole: &Arrival<'_>,
    at: usize,
    work: &mut Work<'_, impl FnMut(StreamChunk<'_>)>,
) -> bool {
    let (before, rest) = whole
        .bytes
        .split_at_checked(at)
        .unwrap_or((whole.bytes, &[]));
    let (urgent, behind) = rest.split_at_checked(1).unwrap_or((rest, &[]));
    let offset = u32::try_from(at).unwrap_or(0);
    let part = |bytes, offset: u32| Arrival {
        bytes,
        seq: whole.seq.wrapping_add(offset),
        missing: 0,
        fin: false,
        ..*whole
    };
    let urgent = Arrival {
        urgent: true,
        ..part(urgent, offset)
    };
    let behind = Arrival {
        missing: whole.missing,
        fin: whole.fin,
        ..part(behind, offset.wrapping_add(1))
    };
    // Each part must be taken, whatever becomes of the others: every byte has one fate.
    let before = stream.segment(&part(before, 0), work);
    let urgent = stream.segment(&urgent, work);
    let behind = stream.segment(&behind, work);
    before && urgent && behind
}

#[cfg(test)]
mod tests;

//! Fuzz entry for whole flows; random scripts of segments, holes and ends.

use super::transaction::Transaction;
use super::{Context, HttpFlow, Limits};
use crate::cleartext::decode::{FlowInfo, FlowKey, Peer};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{Data, EndReason, Gap, StreamChunk};
use crate::clock::EventTime;
use crate::observation::FlowId;
use crate::tally::TallySheet;

/// Words that get random input past the start line.
const WORDS: [&[u8]; 10] = [
    b"GET / HTTP/1.1\r\n",
    b"HEAD /x HTTP/1.0\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 C\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n",
    b"5\r\n",
    b"0\r\n",
];

/// Fuzz entry: the first byte of each record says what happens next in which direction. Checks that memory stays within the
/// limits, that what is emitted is something, and that nothing is left at the end.
pub(in crate::cleartext) fn fuzz_flow(data: &[u8]) {
    let peer = |port| Peer {
        addr: [0; 16],
        port,
    };
    let key = FlowKey {
        low: peer(1),
        high: peer(2),
    };
    let limits = Limits {
        max_head: 512,
        body_limit: 64,
        max_pipelined: 8,
        probe: 256,
        ..Limits::default()
    };
    let mut emit = |tx: Transaction| assert!(tx.request.is_some() || tx.response.is_some());
    let mut cx = Context {
        info: FlowInfo {
            id: FlowId(0),
            midstream: data.len().is_multiple_of(2),
        },
        key: &key,
        initiator_is_low: None,
        limits: &limits,
        tally: &TallySheet::default(),
        spare: &super::transaction::Spare::default(),
        emit: &mut emit,
        trace: None,
    };
    let mut flow = HttpFlow::default();
    let mut ends = [0_u64; 2];
    let mut rest = data;
    while let [control, more @ ..] = rest {
        let side = usize::from(control & 1);
        let (chunk, used) = chunk(*control, more, ends[side], ends[1 - side]);
        ends[side] += match &chunk {
            StreamChunk::Data(data) => data.bytes.expose().len() as u64,
            StreamChunk::Gap(gap) => gap.len,
            StreamChunk::End(..) => 0,
        };
        flow.chunk(side == 0, chunk, &mut cx);
        assert!(flow.memory() < 256 << 10, "memory is bounded");
        rest = &more[used..];
    }
    flow.expire(EventTime::from_secs(2), &mut cx);
    assert_eq!(flow.memory(), 0, "nothing is held after the end");
}

/// What a record says, and how many bytes behind its control byte belong to it.
fn chunk(control: u8, more: &[u8], offset: u64, acked: u64) -> (StreamChunk<'_>, usize) {
    let time = EventTime::from_secs(1);
    let len = usize::from(control >> 4).min(more.len());
    let data = |bytes| {
        StreamChunk::Data(Data {
            bytes: Raw::new(bytes),
            time,
            offset,
            acked: Some(acked),
        })
    };
    match (control >> 1 & 7, more.first()) {
        (0..=3, Some(word)) => (data(WORDS[usize::from(*word) % WORDS.len()]), 1),
        (6, _) => (
            StreamChunk::Gap(Gap {
                offset,
                len: u64::from(control >> 4) + 1,
                time,
            }),
            0,
        ),
        (7, _) if len == 0 => (StreamChunk::End(EndReason::Finished, time), 0),
        _ => (data(&more[..len]), len),
    }
}

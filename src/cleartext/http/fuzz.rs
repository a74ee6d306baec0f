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
const WORDS: [&[u8]; 12] = [
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
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02",
];

/// Words of HTTP/2: both prefaces, heads by the static table and by insertion, what may stand between them.
const FRAMES: [&[u8]; 13] = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64",
    b"\0\0\0\x04\x01\0\0\0\0",
    b"\0\0\x03\x01\x05\0\0\0\x01\x82\x84\x86",
    b"\0\0\x07\x01\x04\0\0\0\x03\x83\x86\x44\x03/ab",
    b"\0\0\x03\x01\x04\0\0\0\x01\x88\xbe\xbf",
    b"\0\0\x01\x01\x05\0\0\0\x03\x8d",
    b"\0\0\x04\0\x01\0\0\0\x03abcd",
    b"\0\0\x04\0\x08\0\0\0\x01\x02a\0\0",
    b"\0\0\x06\x09\x04\0\0\0\x01\x40\x01a\x02bc",
    b"\0\0\x05\x05\x04\0\0\0\x01\0\0\0\x02\x82",
    b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
    b"\0\0\x10",
];

/// Fuzz entry: a flow of HTTP/1 words, see [`flow_of`].
pub(in crate::cleartext) fn fuzz_flow(data: &[u8]) {
    flow_of(&WORDS, data);
}

/// Fuzz entry: a flow of HTTP/2 words, see [`flow_of`].
pub(in crate::cleartext) fn fuzz_flow_h2(data: &[u8]) {
    flow_of(&FRAMES, data);
}

/// The first byte of each record says what happens next in which direction. Checks that memory stays within the
/// limits, that what is emitted is something, and that nothing is left at the end.
fn flow_of(words: &[&[u8]], data: &[u8]) {
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
        websocket_limit: 32,
        max_pipelined: 8,
        probe: 256,
        ..Limits::default()
    };
    let mut emit = |tx: Transaction| assert!(tx.request.is_some() || tx.response.is_some());
    let mut cx = Context {
        info: FlowInfo {
            id: FlowId(0),
            midstream: data.len().is_multiple_of(2),
            decrypted: false,
        },
        key: &key,
        claimed: crate::cleartext::http::Claimed::default(),
        initiator_is_low: None,
        limits: &limits,
        tally: &TallySheet::default(),
        spare: &super::transaction::Spare::default(),
        emit: &mut emit,
        tls: &crate::cleartext::tls::Shared::default(),
        trace: None,
    };
    let mut flow = HttpFlow::default();
    let mut ends = [0_u64; 2];
    let mut rest = data;
    while let [control, more @ ..] = rest {
        let side = usize::from(control & 1);
        let (chunk, used) = chunk(words, *control, more, (ends[side], ends[1 - side]));
        ends[side] += match &chunk {
            StreamChunk::Data(data) => data.bytes.expose().len() as u64,
            StreamChunk::Gap(gap) => gap.len,
            StreamChunk::Conflict | StreamChunk::End(..) => 0,
        };
        flow.chunk(side == 0, chunk, &mut cx);
        assert!(flow.memory() < 256 << 10, "memory is bounded");
        rest = &more[used..];
    }
    flow.expire(EventTime::from_secs(2), &mut cx);
    assert_eq!(flow.memory(), 0, "nothing is held after the end");
}

/// What a record says, and how many bytes behind its control byte belong to it.
fn chunk<'a>(
    words: &[&'a [u8]],
    control: u8,
    more: &'a [u8],
    (offset, acked): (u64, u64),
) -> (StreamChunk<'a>, usize) {
    let time = EventTime::from_secs(1);
    let len = usize::from(control >> 4).min(more.len());
    let data = |bytes| {
        StreamChunk::Data(Data {
            bytes: Raw::new(bytes),
            time,
            offset,
            acked: Some(acked),
            conflict: control & 8 != 0,
        })
    };
    match (control >> 1 & 7, more.first()) {
        (0..=3, Some(word)) => (data(words[usize::from(*word) % words.len()]), 1),
        (6, _) => (
            StreamChunk::Gap(Gap {
                offset,
                len: u64::from(control >> 4) + 1,
                time,
            }),
            0,
        ),
        (7, _) if len == 1 => (StreamChunk::Conflict, 0),
        (7, _) if len == 0 => (StreamChunk::End(EndReason::Finished, time), 0),
        _ => (data(&more[..len]), len),
    }
}

//! Fuzz entry for whole flows; random scripts of segments, holes and ends.

use super::transaction::Transaction;
use super::{Context, HttpFlow, Limits};
use crate::cleartext::decode::{FlowInfo, FlowKey, Peer};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{Data, EndReason, Gap, StreamChunk};
use crate::clock::EventTime;
use crate::observation::FlowId;
use crate::tally::TallySheet;

/// Fuzz entry: the first byte of each record says what happens next in which direction, and how long it is; HTTP-like
/// words are mixed in so that random input gets past the start line. Checks that memory stays within the limits.
pub(in crate::cleartext) fn fuzz_flow(data: &[u8]) {
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
    let tally = TallySheet::default();
    let mut emitted = 0_u64;
    let mut emit = |tx: Transaction| {
        debug_assert!(tx.request.is_some() || tx.response.is_some());
        emitted = emitted.wrapping_add(1);
    };
    let mut cx = Context {
        info: FlowInfo {
            id: FlowId(0),
            midstream: data.len().is_multiple_of(2),
        },
        key: &key,
        initiator_is_low: None,
        limits: &limits,
        tally: &tally,
        emit: &mut emit,
    };
    let mut flow = HttpFlow::default();
    let mut offsets = [0_u64; 2];
    let mut rest = data;
    while let [control, more @ ..] = rest {
        let from_low = control & 1 == 0;
        let [other, own] = if from_low { [1, 0] } else { [0, 1] };
        let acked = offsets.get(other).copied();
        let offset = offsets.get(own).copied().unwrap_or_default();
        let (piece, time): (&[u8], _) = (
            more.get(..usize::from(control >> 4)).unwrap_or(more),
            EventTime::from_secs(1),
        );
        let (bytes, used) = match control >> 1 & 7 {
            0..=3 => {
                let word = usize::from(more.first().copied().unwrap_or_default());
                (
                    WORDS
                        .get(word.checked_rem(WORDS.len()).unwrap_or_default())
                        .copied()
                        .unwrap_or_default(),
                    1,
                )
            }
            _ => (piece, piece.len()),
        };
        let chunk = match control >> 1 & 7 {
            6 => StreamChunk::Gap(Gap {
                offset,
                len: u64::from(control >> 4).saturating_add(1),
                time,
            }),
            7 if control >> 4 == 0 => StreamChunk::End(EndReason::Finished, time),
            _ => StreamChunk::Data(Data {
                bytes: Raw::new(bytes),
                time,
                offset,
                acked,
            }),
        };
        if let Some(at) = offsets.get_mut(own) {
            *at = at.wrapping_add(u64::try_from(bytes.len()).unwrap_or_default());
        }
        flow.chunk(from_low, chunk, &mut cx);
        assert!(flow.memory() < 256 << 10, "memory is bounded");
        rest = more.get(used..).unwrap_or_default();
    }
    flow.expire(EventTime::from_secs(2), &mut cx);
    assert_eq!(flow.memory(), 0, "nothing is held after the end");
}

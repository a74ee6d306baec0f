//! Scripts of both directions of a flow, and the transactions they must give.

mod detect;
mod framing;
mod h2;
mod loss;
mod pairing;
mod segmentation;

use super::transaction::{Message, Transaction};
use super::{Context, HttpFlow, Limits};
use crate::cleartext::decode::{FlowInfo, FlowKey, Peer};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{Data, EndReason, Gap, StreamChunk};
use crate::clock::EventTime;
use crate::observation::FlowId;
use crate::tally::TallySheet;

const KEY: FlowKey = FlowKey {
    low: Peer {
        addr: [0; 16],
        port: 40_000,
    },
    high: Peer {
        addr: [1; 16],
        port: 8_080,
    },
};

/// A flow fed by a script: `c` and `s` send, `lose_*` makes holes, acknowledgements are those of hosts that got everything
/// sent so far.
struct Script {
    flow: HttpFlow,
    limits: Limits,
    tally: TallySheet,
    midstream: bool,
    opened_by_client: bool,
    now: u64,
    client_at: u64,
    server_at: u64,
    seen: Vec<Transaction>,
}

impl Script {
    fn new() -> Self {
        Self {
            flow: HttpFlow::default(),
            limits: Limits::default(),
            tally: TallySheet::default(),
            midstream: false,
            opened_by_client: false,
            now: 0,
            client_at: 0,
            server_at: 0,
            seen: Vec::new(),
        }
    }

    fn midstream() -> Self {
        Self {
            midstream: true,
            ..Self::new()
        }
    }

    fn chunk(&mut self, from_low: bool, chunk: StreamChunk<'_>) {
        let seen = &mut self.seen;
        let mut emit = |tx| seen.push(tx);
        let mut cx = Context {
            info: FlowInfo {
                id: FlowId(7),
                midstream: self.midstream,
                decrypted: false,
            },
            key: &KEY,
            claimed: crate::cleartext::http::Claimed::default(),
            initiator_is_low: self.opened_by_client.then_some(true),
            limits: &self.limits,
            tally: &self.tally,
            spare: &super::transaction::Spare::default(),
            emit: &mut emit,
            tls: &crate::cleartext::tls::Shared::default(),
            trace: None,
        };
        self.flow.chunk(from_low, chunk, &mut cx);
    }

    /// The client sends.
    fn c(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let acked = self.server_at;
        self.send(true, bytes.as_ref(), acked)
    }

    /// The server sends.
    fn s(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let acked = self.client_at;
        self.send(false, bytes.as_ref(), acked)
    }

    fn send(&mut self, from_low: bool, bytes: &[u8], acked: u64) -> &mut Self {
        self.now += 1;
        let at = if from_low {
            &mut self.client_at
        } else {
            &mut self.server_at
        };
        let offset = *at;
        *at += bytes.len() as u64;
        let data = Data {
            bytes: Raw::new(bytes),
            time: EventTime::from_secs(self.now),
            offset,
            acked: Some(acked),
            conflict: false,
        };
        self.chunk(from_low, StreamChunk::Data(data));
        self
    }

    fn lose(&mut self, from_low: bool, len: u64) -> &mut Self {
        self.now += 1;
        let at = if from_low {
            &mut self.client_at
        } else {
            &mut self.server_at
        };
        let offset = *at;
        *at += len;
        let gap = Gap {
            offset,
            len,
            time: EventTime::from_secs(self.now),
        };
        self.chunk(from_low, StreamChunk::Gap(gap));
        self
    }

    /// Bytes of the client that were never captured.
    fn lose_c(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.lose(true, bytes.as_ref().len() as u64)
    }

    /// Bytes of the server that were never captured.
    fn lose_s(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.lose(false, bytes.as_ref().len() as u64)
    }

    fn fin(&mut self, from_low: bool) -> &mut Self {
        let end = StreamChunk::End(EndReason::Finished, EventTime::from_secs(self.now));
        self.chunk(from_low, end);
        self
    }

    /// What came of it, as one line each, in the order of their indexes, after the flow has expired.
    fn lines(&mut self) -> Vec<String> {
        self.expire();
        let mut seen: Vec<_> = self.seen.iter().collect();
        seen.sort_by_key(|tx| tx.index);
        seen.into_iter().map(line).collect()
    }

    fn expire(&mut self) {
        let seen = &mut self.seen;
        let mut emit = |tx| seen.push(tx);
        let mut cx = Context {
            info: FlowInfo {
                id: FlowId(7),
                midstream: self.midstream,
                decrypted: false,
            },
            key: &KEY,
            claimed: crate::cleartext::http::Claimed::default(),
            initiator_is_low: self.opened_by_client.then_some(true),
            limits: &self.limits,
            tally: &self.tally,
            spare: &super::transaction::Spare::default(),
            emit: &mut emit,
            tls: &crate::cleartext::tls::Shared::default(),
            trace: None,
        };
        self.flow.expire(EventTime::from_secs(self.now), &mut cx);
    }
}

/// `GET /x 0 > 200 5 complete`.
fn line(tx: &Transaction) -> String {
    let request = tx.request.as_ref().map(|request| {
        let (method, target) = (tx.slice(request.first), tx.slice(request.target));
        format!("{} {} {} ", text(method), text(target), request.body_bytes)
    });
    let response = tx
        .response
        .as_ref()
        .map(|response| format!(" {} {}", response.status, response.body_bytes));
    let (request, response) = (request.unwrap_or_default(), response.unwrap_or_default());
    format!("{request}>{response} {}", tx.state.name())
}

/// Octets from hexadecimal digits.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: String = digits.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn body(tx: &Transaction, message: Option<&Message>) -> String {
    text(tx.slice(message.unwrap().body))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

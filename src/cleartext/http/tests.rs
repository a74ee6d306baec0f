//! Scripts of both directions of a flow, and the transactions they must give.

use proptest::prelude::*;

use super::transaction::{Message, Transaction};
use super::{Context, HttpFlow, Limits};
use crate::cleartext::decode::{FlowInfo, FlowKey, Peer};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{Data, EndReason, Gap, StreamChunk};
use crate::clock::EventTime;
use crate::observation::{FlowId, Notes, Protocol, TxState};
use crate::tally::{Tally, TallySheet};

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
            },
            key: &KEY,
            initiator_is_low: None,
            limits: &self.limits,
            tally: &self.tally,
            emit: &mut emit,
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
            },
            key: &KEY,
            initiator_is_low: None,
            limits: &self.limits,
            tally: &self.tally,
            emit: &mut emit,
        };
        self.flow.expire(EventTime::from_secs(self.now), &mut cx);
    }
}

/// `GET /x 0 > 200 5 complete`.
fn line(tx: &Transaction) -> String {
    let mut line = String::new();
    if let Some(request) = &tx.request {
        line += &format!(
            "{} {} {} ",
            text(tx.slice(request.first)),
            text(tx.slice(request.target)),
            request.body_bytes
        );
    }
    line += ">";
    if let Some(response) = &tx.response {
        line += &format!(" {} {}", response.status, response.body_bytes);
    }
    line + " " + tx.state.name()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn body(tx: &Transaction, message: &Option<Message>) -> String {
    text(tx.slice(message.as_ref().unwrap().body))
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

#[test]
fn one_exchange() {
    let mut script = Script::new();
    assert_eq!(
        script.c(get("/a")).s(ok("hello")).lines(),
        ["GET /a 0 > 200 5 complete"]
    );
    let tx = &script.seen[0];
    assert_eq!(body(tx, &tx.response), "hello");
    assert_eq!(
        tx.field(tx.request.as_ref().unwrap(), "host"),
        Some(&b"x"[..])
    );
    assert_eq!((tx.start.secs(), tx.request_end.unwrap().secs()), (1, 1));
    assert_eq!((tx.response_start.unwrap().secs(), tx.end.secs()), (2, 2));
    assert_eq!(script.tally.get(Tally::TransactionsComplete), 1);
    assert_eq!(script.flow.memory(), 0);
}

#[test]
fn bodies_of_known_length_and_chunked_bodies() {
    let mut script = Script::new();
    let post = "POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nWiki\r\n5\npedia\r\n0\r\nDigest: z\r\n\r\n";
    script.c(post).s(chunked).c(get("/2")).s(ok(""));
    assert_eq!(
        script.lines(),
        ["POST /p 3 > 200 9 complete", "GET /2 0 > 200 0 complete"]
    );
    let tx = &script.seen[0];
    assert_eq!(
        (body(tx, &tx.request), body(tx, &tx.response)),
        ("abc".into(), "Wikipedia".into())
    );
    let response = tx.response.as_ref().unwrap();
    assert_eq!((response.trailers, response.fields.len()), (1, 2));
    assert_eq!(tx.field(response, "digest"), Some(&b"z"[..]));
}

#[test]
fn heads_and_bodies_in_pieces() {
    let mut script = Script::new();
    for byte in b"POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" {
        script.c([*byte]);
    }
    for byte in b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
    {
        script.s([*byte]);
    }
    assert_eq!(script.lines(), ["POST /p 3 > 201 2 complete"]);
}

#[test]
fn responses_without_a_body() {
    let mut script = Script::new();
    let lying = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    script.c("HEAD /h HTTP/1.1\r\n\r\n").s(lying);
    script.c(get("/n")).s(lying.replace("200", "304"));
    script.c(get("/c")).s("HTTP/1.1 204 No Content\r\n\r\n");
    script.c(get("/e")).s(lying.replace("10", "0"));
    assert_eq!(
        script.lines(),
        [
            "HEAD /h 0 > 200 0 complete",
            "GET /n 0 > 304 0 complete",
            "GET /c 0 > 204 0 complete",
            "GET /e 0 > 200 0 complete"
        ]
    );
}

#[test]
fn a_body_until_close_is_whole_only_if_the_connection_closed_cleanly() {
    let head = "HTTP/1.0 200 OK\r\n\r\n";
    let mut clean = Script::new();
    clean
        .c("GET / HTTP/1.0\r\n\r\n")
        .s(head)
        .s("abc")
        .fin(false);
    assert_eq!(clean.lines(), ["GET / 0 > 200 3 complete"]);
    assert_eq!(clean.seen[0].protocol, Protocol::Http10);
    let mut cut = Script::new();
    cut.c(get("/")).s(head).s("abc");
    assert_eq!(cut.lines(), ["GET / 0 > 200 3 truncated"]);
    let mut short = Script::new();
    short
        .c(get("/"))
        .s("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        .fin(false);
    assert_eq!(short.lines(), ["GET / 0 > 200 3 truncated"]);
}

#[test]
fn interim_responses_are_folded_away() {
    let mut script = Script::new();
    script.c("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    script.s("HTTP/1.1 100 Continue\r\n\r\n").c("ab");
    script.s(format!(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{}",
        ok("x")
    ));
    assert_eq!(script.lines(), ["POST / 2 > 200 1 complete"]);
    assert!(!script.seen[0].notes.contains(Notes::EARLY_RESPONSE));
}

#[test]
fn pipelined_requests_and_surplus_responses() {
    let mut script = Script::new();
    script.c(get("/1") + &get("/2") + &get("/3"));
    script.s(ok("a") + &ok("bb") + &ok("ccc") + &ok("dddd"));
    assert_eq!(
        script.lines(),
        [
            "GET /1 0 > 200 1 complete",
            "GET /2 0 > 200 2 complete",
            "GET /3 0 > 200 3 complete",
            "> 200 4 no-request"
        ]
    );
}

#[test]
fn a_final_response_before_the_request_has_ended() {
    let mut script = Script::new();
    script.c("POST /up HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
    script
        .s("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\n")
        .c("d")
        .s("no")
        .c("ef")
        .s("pe");
    script.c(get("/next")).s(ok("x"));
    assert_eq!(
        script.lines(),
        [
            "POST /up 6 > 413 4 complete",
            "GET /next 0 > 200 1 complete"
        ]
    );
    let tx = &script.seen[0];
    assert!(tx.notes.contains(Notes::EARLY_RESPONSE));
    assert_eq!(
        (body(tx, &tx.request), body(tx, &tx.response)),
        ("abcdef".into(), "nope".into())
    );
    assert_eq!(
        tx.field(tx.response.as_ref().unwrap(), "Content-Length"),
        Some(&b"4"[..])
    );
}

#[test]
fn an_answer_that_is_over_before_the_request_is() {
    let mut script = Script::new();
    script
        .c("POST /up HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc")
        .s(ok("no"))
        .s(ok("surplus"));
    script.c("def").c(get("/next")).s(ok("x"));
    let mut lines = script.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "> 200 7 no-request",
            "GET /next 0 > 200 1 complete",
            "POST /up 6 > 200 2 complete"
        ]
    );
}

#[test]
fn contradicting_framing_is_flagged() {
    let mut script = Script::new();
    script.c("POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 3\r\n\r\nabc");
    script.c("POST /b HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding:\r\n chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    script
        .c("POST /c HTTP/1.1\r\nContent-Length: -5\r\n\r\n")
        .s(ok(""))
        .s(ok(""))
        .s(ok(""));
    assert_eq!(
        script.lines(),
        [
            "POST /a 3 > 200 0 complete",
            "POST /b 1 > 200 0 complete",
            "POST /c 0 > 200 0 complete"
        ]
    );
    assert!(
        script
            .seen
            .iter()
            .all(|tx| tx.notes.contains(Notes::ODD_FRAMING))
    );
}

#[test]
fn messages_inside_bodies_do_not_steer() {
    let inner = "POST /in HTTP/1.1\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n";
    let outer = format!(
        "POST /out HTTP/1.1\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    let mut script = Script::new();
    script
        .c(outer)
        .s(ok(&ok("inner")))
        .c(get("/next"))
        .s(ok("x"));
    assert_eq!(script.lines().len(), 2);
    assert_eq!(script.seen[1].request.as_ref().unwrap().body_bytes, 0);
}

#[test]
fn a_granted_connect_is_a_tunnel_and_content_is_asked_again() {
    let mut script = Script::new();
    script
        .c("CONNECT h:80 HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 200 Connection established\r\n\r\n");
    assert_eq!(script.flow.is_http(), None);
    script.c(get("/in")).s(ok("x"));
    assert_eq!(
        script.lines(),
        [
            "CONNECT h:80 0 > 200 0 complete",
            "GET /in 0 > 200 1 complete"
        ]
    );
    assert!(script.seen[1].notes.contains(Notes::IN_TUNNEL));

    let mut tls = Script::new();
    tls.c("CONNECT h:443 HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 200 OK\r\n\r\n")
        .c("\x16\x03\x01\x02")
        .s("\x16\x03\x03");
    assert_eq!(tls.flow.is_http(), Some(false));

    let mut refused = Script::new();
    refused
        .c("CONNECT h:80 HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno");
    refused.c(get("/next")).s(ok("x"));
    assert_eq!(
        refused.lines(),
        [
            "CONNECT h:80 0 > 407 2 complete",
            "GET /next 0 > 200 1 complete"
        ]
    );
}

#[test]
fn an_upgrade_ends_http() {
    let mut script = Script::new();
    script
        .c("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        .s(b"HTTP/1.1 101 Switching\r\n\r\n\x81\x02hi");
    assert_eq!(script.flow.is_http(), Some(false));
    assert_eq!(
        script.c(b"\x81\x80").lines(),
        ["GET /ws 0 > 101 0 complete"]
    );
    assert!(script.seen[0].notes.contains(Notes::UPGRADED));
}

#[test]
fn a_hole_inside_a_body_is_skipped_exactly() {
    let mut script = Script::new();
    script
        .c(get("/1") + &get("/2"))
        .s("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        .lose_s("cdefg")
        .s("hij")
        .s(ok("x"));
    assert_eq!(
        script.lines(),
        ["GET /1 0 > 200 10 truncated", "GET /2 0 > 200 1 complete"]
    );
    let tx = &script.seen[0];
    assert_eq!(body(tx, &tx.response), "ab");
    assert!(!tx.response.as_ref().unwrap().body_whole);

    let mut to_the_end = Script::new();
    to_the_end
        .c(get("/1"))
        .s("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        .lose_s("cdef")
        .c(get("/2"))
        .s(ok("x"));
    assert_eq!(
        to_the_end.lines(),
        ["GET /1 0 > 200 4 truncated", "GET /2 0 > 200 1 complete"]
    );

    let mut chunk = Script::new();
    chunk
        .c(get("/1"))
        .s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nab")
        .lose_s("cdef")
        .s("gh\r\n0\r\n\r\n");
    assert_eq!(chunk.lines(), ["GET /1 0 > 200 8 truncated"]);
}

#[test]
fn a_lost_response_does_not_shift_the_pairs_behind_it() {
    let mut script = Script::new();
    for k in 0..4 {
        script.c(get(&format!("/{k}")));
        let answer = ok(&"x".repeat(k));
        if k == 1 {
            script.lose_s(answer);
        } else {
            script.s(answer);
        }
    }
    assert_eq!(
        script.lines(),
        [
            "GET /0 0 > 200 0 complete",
            "GET /1 0 > no-response",
            "GET /2 0 > 200 2 complete",
            "GET /3 0 > 200 3 complete"
        ]
    );
}

#[test]
fn a_lost_response_to_the_last_of_several() {
    // The hole begins where a response would have: whichever was next in turn has lost its head.
    let mut script = Script::new();
    script
        .c(get("/1") + &get("/2") + &get("/3"))
        .s(ok("a"))
        .lose_s(ok("bb"))
        .s(ok("ccc"));
    assert_eq!(
        script.lines(),
        [
            "GET /1 0 > 200 1 complete",
            "GET /2 0 > no-response",
            "GET /3 0 > 200 3 complete"
        ]
    );
}

#[test]
fn after_a_loss_acknowledgements_within_an_earlier_response_prove_nothing() {
    let mut script = Script::new();
    script.c(get("/0")).lose_s(ok("zero")).c(get("/1"));
    // Two more requests are pipelined while the response to the first is still on its way.
    script.s("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab");
    script
        .c(get("/2"))
        .s("cd")
        .c(get("/3"))
        .s("ef")
        .s(ok("two"))
        .s(ok("3"));
    assert_eq!(
        script.lines(),
        [
            "GET /0 0 > no-response",
            "GET /1 0 > 200 6 complete",
            "GET /2 0 > 200 3 complete",
            "GET /3 0 > 200 1 complete"
        ]
    );
}

#[test]
fn a_lost_request_leaves_its_response_alone() {
    let mut script = Script::new();
    script
        .c(get("/1"))
        .s(ok("a"))
        .lose_c(get("/2"))
        .s(ok("bb"))
        .c(get("/3"))
        .s(ok("ccc"));
    assert_eq!(
        script.lines(),
        [
            "GET /1 0 > 200 1 complete",
            "> 200 2 no-request",
            "GET /3 0 > 200 3 complete"
        ]
    );
}

#[test]
fn a_hole_over_a_boundary_resynchronises_at_the_next_start_line() {
    let mut script = Script::new();
    let first = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc";
    script.c(get("/1")).s(first).lose_s("def");
    script
        .c(get("/2"))
        .lose_s("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        .s("lines\nand");
    script.c(get("/3")).s(ok("ccc"));
    assert_eq!(
        script.lines(),
        [
            "GET /1 0 > 200 6 truncated",
            "GET /2 0 > no-response",
            "GET /3 0 > 200 3 complete"
        ]
    );

    let mut over = Script::new();
    over.c(get("/1") + &get("/2") + &get("/3"))
        .s(first)
        .lose_s(format!("def{}", &ok("bb")[..20]))
        .s(&ok("bb")[20..])
        .s(ok("ccc"));
    assert_eq!(
        over.lines(),
        [
            "GET /1 0 > 200 6 truncated",
            "GET /2 0 > no-response",
            "GET /3 0 > 200 3 complete"
        ]
    );
}

#[test]
fn a_cut_head_gives_what_it_says_and_no_more() {
    let mut script = Script::new();
    script
        .c("GET /1 HTTP/1.1\r\nHost: x\r\nCook")
        .lose_c([0; 30])
        .s("HTTP/1.1 200 OK\r\nCont")
        .lose_s([0; 99]);
    script.c(get("/2")).s(ok("x"));
    assert_eq!(
        script.lines(),
        ["GET /1 0 > 200 0 truncated", "GET /2 0 > 200 1 complete"]
    );
}

#[test]
fn a_response_is_never_paired_with_a_request_captured_later() {
    let mut script = Script::midstream();
    script.server_at = 0;
    script.s(ok("old")).c(get("/1")).s(ok("a"));
    assert_eq!(
        script.lines(),
        ["> 200 3 no-request", "GET /1 0 > 200 1 complete"]
    );
    assert!(
        script
            .seen
            .iter()
            .all(|tx| tx.notes.contains(Notes::MIDSTREAM))
    );
}

#[test]
fn one_sided_flows_give_half_transactions() {
    let mut asked = Script::midstream();
    assert_eq!(
        asked.c(get("/1")).c(get("/2")).lines(),
        ["GET /1 0 > no-response", "GET /2 0 > no-response"]
    );
    assert_eq!(asked.tally.get(Tally::TransactionsNoResponse), 2);
    let mut answered = Script::midstream();
    assert_eq!(
        answered.s(ok("a")).s(ok("bb")).lines(),
        ["> 200 1 no-request", "> 200 2 no-request"]
    );
    let mut many = Script::new();
    many.limits.max_pipelined = 4;
    for _ in 0..10 {
        many.c(get("/"));
    }
    assert_eq!(many.tally.get(Tally::LimitPipelined), 6);
    assert_eq!(many.lines().len(), 10);
}

#[test]
fn a_flow_joined_within_a_body_is_understood_at_the_next_message() {
    let mut script = Script::midstream();
    script.s("...the rest of some body").c(get("/1")).s(ok("a"));
    assert_eq!(script.lines(), ["GET /1 0 > 200 1 complete"]);
}

#[test]
fn other_protocols_are_refused_soon() {
    for (client, server) in [
        (&b"\x16\x03\x01\x00\xa5"[..], &b"\x16\x03\x03\x00\x7a"[..]),
        (b"SSH-2.0-c\r\n", b"SSH-2.0-s\r\n"),
        (b"EHLO me\r\n", b"220 mail ready\r\n"),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\0\0\x06\x04\0\0\0\0\0",
        ),
    ] {
        let mut script = Script::new();
        script.s(server).c(client);
        assert_eq!(script.flow.is_http(), Some(false));
        assert_eq!(script.flow.memory(), 0);
    }
    let mut silent = Script::new();
    silent.c([0xff; 5_000]);
    assert_eq!(silent.flow.is_http(), Some(false));
}

#[test]
fn a_server_that_speaks_another_protocol_does_not_hide_the_request() {
    let mut script = Script::new();
    script
        .s("SSH-2.0-OpenSSH\r\n")
        .c(get("/ssh"))
        .s("Protocol mismatch.\n");
    assert_eq!(script.lines(), ["GET /ssh 0 > no-response"]);
}

#[test]
fn http_0_9_is_one_line_and_the_answer_is_not_read() {
    let mut script = Script::new();
    script.c("GET /old\r\n").s("<html>hello</html>").fin(false);
    assert_eq!(script.lines(), ["GET /old 0 > no-response"]);
    assert_eq!(script.seen[0].protocol, Protocol::Http09);
}

#[test]
fn odd_but_accepted_heads() {
    let mut script = Script::new();
    script
        .c("\r\n\r\nGET /lf HTTP/1.1\nHost: x\n\n")
        .s("http/1.1 200 ok\ncontent-length: 1\n\nx");
    script
        .c("GET  HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 2XX What\r\nContent-Length: 0\r\n\r\n");
    script
        .c("GET /nocrlf HTTP/1.1\r\nHost: x\r\n")
        .fin(true)
        .s(ok("x"));
    assert_eq!(
        script.lines(),
        [
            "GET /lf 0 > 200 1 complete",
            "GET  0 > 0 0 complete",
            "GET /nocrlf 0 > 200 1 complete"
        ]
    );
}

#[test]
fn what_is_kept_of_bodies_and_heads_is_bounded() {
    let mut script = Script::new();
    script.limits.body_limit = 8;
    script.c(get("/")).s(ok(&"x".repeat(100)));
    assert_eq!(script.lines(), ["GET / 0 > 200 100 complete"]);
    let tx = &script.seen[0];
    assert_eq!(body(tx, &tx.response), "xxxxxxxx");
    assert!(tx.notes.contains(Notes::BODY_CUT) && !tx.response.as_ref().unwrap().body_whole);
    assert_eq!(script.tally.get(Tally::LimitBody), 1);

    let mut long = Script::new();
    long.limits.max_head = 1_000;
    long.c("GET / HTTP/1.1\r\nA: ");
    for _ in 0..100 {
        long.c([b'x'; 100]);
    }
    long.c("\r\n\r\n").c(get("/2"));
    assert_eq!(long.tally.get(Tally::LimitHead), 1);
    assert!(long.flow.memory() < 64 << 10);
    assert_eq!(
        long.lines(),
        ["GET / 0 > no-response", "GET /2 0 > no-response"]
    );
}

/// Streams made of the behaviours above, without loss.
fn exchange() -> impl Strategy<Value = (String, String)> {
    let request = prop_oneof![
        Just(get("/a")),
        Just("POST /b HTTP/1.1\r\nContent-Length: 5\r\nX: \r\n y\r\n\r\nhello".to_owned()),
        Just("PUT /c HTTP/1.0\nTransfer-Encoding: chunked\n\n3\nabc\n0\nT: u\n\n".to_owned()),
        Just("\r\nM-SEARCH * http/1.1\r\n\r\n".to_owned()),
    ];
    let response = prop_oneof![
        "[a-z\r\n]{0,20}".prop_map(|body| ok(&body)),
        Just(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;e\r\nhi\r\n0\r\n\r\n"
                .to_owned()
        ),
        Just(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned()
        ),
        Just("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n".to_owned()),
        Just("HTTP/1.1 500 Oops\nA: b\nContent-Length: 1\n\nx".to_owned()),
    ];
    (request, response)
}

/// Everything about a transaction that must not depend on how the bytes were cut into segments.
fn whole(tx: &Transaction) -> String {
    let fields = |message: &Option<Message>| {
        message.as_ref().map(|message| {
            let fields: Vec<_> = tx
                .fields(message)
                .map(|(n, v)| (text(n), text(v)))
                .collect();
            (
                text(tx.slice(message.head)),
                text(tx.slice(message.body)),
                fields,
                message.trailers,
            )
        })
    };
    format!(
        "{} {:?} {:?} {:?}",
        line(tx),
        fields(&tx.request),
        fields(&tx.response),
        tx.notes
    )
}

proptest! {
    #[test]
    fn segmentation_does_not_matter(
        exchanges in proptest::collection::vec(exchange(), 1..5),
        cuts in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let mut plain = Script::new();
        let mut cut = Script::new();
        let mut sizes = cuts.iter().cycle();
        for (request, response) in &exchanges {
            plain.c(request).s(response);
            for (from_client, mut rest) in [(true, request.as_bytes()), (false, response.as_bytes())] {
                while !rest.is_empty() {
                    let (piece, more) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                    if from_client { cut.c(piece); } else { cut.s(piece); }
                    rest = more;
                }
            }
        }
        plain.expire();
        cut.expire();
        prop_assert_eq!(plain.seen.len(), exchanges.len());
        prop_assert_eq!(
            plain.seen.iter().map(whole).collect::<Vec<_>>(),
            cut.seen.iter().map(whole).collect::<Vec<_>>()
        );
        prop_assert!(plain.seen.iter().all(|tx| tx.state == TxState::Complete));
    }

    #[test]
    fn any_chunks_are_survived_within_bounds(data in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        super::fuzz::fuzz_flow(&data);
    }
}

#[test]
fn hosts_that_acknowledge_nothing_are_paired_by_order() {
    let mut script = Script::midstream();
    script.c(get("/1")).send(false, ok("a").as_bytes(), 0);
    assert_eq!(script.lines(), ["GET /1 0 > 200 1 complete"]);
}

#[test]
fn a_lost_line_end_behind_a_body_loses_no_response() {
    let mut script = Script::new();
    script
        .c(get("/1"))
        .s("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
        .lose_s("abc\r\n")
        .c(get("/2"))
        .s(ok("x"));
    assert_eq!(
        script.lines(),
        ["GET /1 0 > 200 3 truncated", "GET /2 0 > 200 1 complete"]
    );
}

#[test]
fn what_is_declared_chunked_and_is_not() {
    let mut script = Script::new();
    let lying = "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nXhello";
    script
        .c(get("/1"))
        .s(&lying[..lying.len() - 1])
        .c(get("/2"))
        .s(ok("x"));
    assert_eq!(
        script.lines(),
        ["GET /1 0 > 200 5 complete", "GET /2 0 > 200 1 complete"]
    );
    assert!(script.seen[0].notes.contains(Notes::ODD_FRAMING));
    let mut until_close = Script::new();
    until_close
        .c(get("/1"))
        .s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nXhello")
        .fin(false);
    assert_eq!(until_close.lines(), ["GET /1 0 > 200 6 complete"]);
}

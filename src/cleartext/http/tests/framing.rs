//! Heads and bodies.

use super::{Script, body, get, ok};
use crate::cleartext::http::body::{DecodeLimits, Outcome, Scratch, decode_body};
use crate::observation::{Notes, Protocol};
use crate::tally::Tally;

#[test]
fn one_exchange() {
    let mut script = Script::new();
    assert_eq!(
        script.c(get("/a")).s(ok("hello")).lines(),
        ["GET /a 0 > 200 5 complete"]
    );
    let tx = &script.seen[0];
    assert_eq!(body(tx, tx.response.as_ref()), "hello");
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
        (
            body(tx, tx.request.as_ref()),
            body(tx, tx.response.as_ref())
        ),
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
    assert_eq!(body(tx, tx.response.as_ref()), "xxxxxxxx");
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

#[test]
fn what_is_declared_chunked_and_is_not() {
    let mut script = Script::new();
    let lying = "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nXhello";
    script
        .c(get("/1"))
        .s(lying.strip_suffix('o').unwrap())
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

#[test]
fn a_coded_body_is_kept_coded_and_decoded_from_the_transaction() {
    let raw_deflate = [0x4b_u8, 0x4c, 0x4a, 0x06, 0x00];
    let mut answer =
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 5\r\n\r\n".to_vec();
    answer.extend_from_slice(&raw_deflate);
    let mut script = Script::new();
    assert_eq!(
        script.c(get("/")).s(answer).lines(),
        ["GET / 0 > 200 5 complete"]
    );
    let tx = &script.seen[0];
    let mut scratch = Scratch::default();
    let limits = DecodeLimits::default();
    let response = tx.response.as_ref().unwrap();
    let decoded = decode_body(tx, response, &limits, &script.tally, &mut scratch);
    assert_eq!(
        (decoded.bytes, decoded.outcome),
        (&b"abc"[..], Outcome::Decoded)
    );
}

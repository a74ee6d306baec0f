//! What is HTTP/2, from where on.

use super::*;
use crate::observation::{Notes, Protocol};

#[test]
fn a_connection_is_known_by_either_preface() {
    for server_first in [false, true] {
        let mut script = Script::new();
        let client = [PREFACE, &settings(), &get(1, "/x")].concat();
        if server_first {
            script.s(settings()).c(client).s(ok(1, "y"));
        } else {
            script.c(client).s([settings(), ok(1, "y")].concat());
        }
        assert_eq!(script.flow.is_http(), Some(true));
        assert_eq!(script.lines(), ["GET /x 0 > 200 1 complete"]);
        assert_eq!(script.seen[0].protocol, Protocol::H2);
    }
}

#[test]
fn one_side_is_enough() {
    let mut client = Script::new();
    client.c([PREFACE, &settings(), &get(1, "/x")].concat());
    assert_eq!(client.lines(), ["GET /x 0 > no-response"]);
    let mut server = Script::new();
    server.s([settings(), settings_ack(), ok(1, "y")].concat());
    assert_eq!(server.lines(), ["> 200 1 no-request"]);
}

#[test]
fn joined_midstream_frames_show_it() {
    let mut script = Script::midstream();
    script
        .s([7_u8; 900])
        .c(get(7, "/x"))
        .s([status(7, "200"), frame(DATA, END_STREAM, 7, "y")].concat());
    assert_eq!(script.lines(), ["GET /x 0 > 200 1 complete"]);
    assert!(script.seen[0].notes.contains(Notes::MIDSTREAM));

    let mut server = Script::midstream();
    server.s(ok(9, "only")).s(ok(11, "me"));
    assert_eq!(server.lines(), ["> 200 4 no-request", "> 200 2 no-request"]);
}

#[test]
fn a_browser_says_its_priorities_on_the_way() {
    let mut script = Script::midstream();
    let update = frame(0x10, 0, 0, b"\0\0\0\x07u=1, i");
    script.c([update, get(7, "/x")].concat()).s(ok(7, "y"));
    assert_eq!(script.lines(), ["GET /x 0 > 200 1 complete"]);
}

#[test]
fn a_download_under_way_is_waited_out() {
    let mut script = Script::midstream();
    for _ in 0..50 {
        script.s(vec![7_u8; 100_000]);
    }
    script.c(get(7, "/next"));
    script.s([
        &[9_u8; 100][..],
        &frame(DATA, END_STREAM, 5, ""),
        &ok(7, "y"),
    ]
    .concat());
    assert_eq!(script.lines(), ["GET /next 0 > 200 1 complete"]);
}

#[test]
fn joined_midstream_what_the_table_would_tell_is_left_out() {
    let mut script = Script::midstream();
    // GET, http, an unknown path, an unknown field; then 200 from the static table.
    script
        .c(frame(HEADERS, WHOLE, 5, hex("82 86 c0 bf")))
        .s(frame(HEADERS, WHOLE, 5, hex("88 be")))
        // All unknown but the scheme.
        .c(frame(HEADERS, WHOLE, 7, hex("c2 86 c0")))
        .s(frame(HEADERS, WHOLE, 7, hex("c3 c4")));
    assert_eq!(
        script.lines(),
        ["GET  0 > 200 0 complete", "  0 > 0 0 complete"]
    );
    assert_eq!(head(&script, 0), "GET ? HTTP/2\r\n\r\n");
    assert_eq!(script.tally.get(crate::tally::Tally::H2UnknownFields), 7);
}

#[test]
fn a_connection_whose_handshake_alone_is_missing_loses_nothing() {
    let mut script = Script::midstream();
    let fields = inserted(&[(":path", "/x"), ("accept", "*/*")]);
    script
        .c([PREFACE, &settings()].concat())
        .s(settings())
        .c(frame(HEADERS, WHOLE, 1, [&[0x82][..], &fields].concat()))
        .s(frame(HEADERS, WHOLE, 1, inserted(&[(":status", "201")])))
        .c(frame(HEADERS, WHOLE, 3, hex("82 bf be")))
        .s(frame(HEADERS, WHOLE, 3, hex("be")));
    assert_eq!(
        script.lines(),
        ["GET /x 0 > 201 0 complete", "GET /x 0 > 201 0 complete"]
    );
}

#[test]
fn a_request_may_upgrade_to_it() {
    let mut script = Script::new();
    script
        .c("GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")
        .s("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        .s([settings(), ok(1, "first")].concat())
        .c([PREFACE, &settings(), &get(3, "/next")].concat())
        .s(ok(3, "second"));
    assert_eq!(
        script.lines(),
        [
            "GET /up 0 > 101 0 complete",
            "GET /up 0 > 200 5 complete",
            "GET /next 0 > 200 6 complete"
        ]
    );
    let protocols: Vec<_> = script.seen.iter().map(|tx| tx.protocol).collect();
    assert_eq!(protocols, [Protocol::Http11, Protocol::H2, Protocol::H2]);
}

#[test]
fn an_upgrade_that_is_refused_changes_nothing() {
    let mut script = Script::new();
    script
        .c("GET /up HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n")
        .s(super::super::ok("no"))
        .c(super::super::get("/on"))
        .s(super::super::ok("1"));
    assert_eq!(
        script.lines(),
        ["GET /up 0 > 200 2 complete", "GET /on 0 > 200 1 complete"]
    );
}

#[test]
fn a_tunnel_may_hold_it() {
    let mut script = Script::new();
    script
        .c("CONNECT h:80 HTTP/1.1\r\n\r\n")
        .s("HTTP/1.1 200 OK\r\n\r\n")
        .c([PREFACE, &settings(), &get(1, "/in")].concat())
        .s([settings(), ok(1, "x")].concat());
    assert_eq!(
        script.lines(),
        [
            "CONNECT h:80 0 > 200 0 complete",
            "GET /in 0 > 200 1 complete"
        ]
    );
    assert!(script.seen[1].notes.contains(Notes::IN_TUNNEL));
}

#[test]
fn what_only_looks_like_frames_is_not_believed() {
    for segment in [
        // Zeros, counters, a length that fits by accident.
        &[0_u8; 64][..],
        &hex("000001 00 00 00000001 00 000001 00 00 00000002 00"),
        &hex("000004 01 04 00000001 ffffffff"),
        // A request and a response in one block, a pseudo-header field behind another field.
        &frame(
            HEADERS,
            WHOLE,
            1,
            block(&[(":method", "GET"), (":status", "200")]),
        ),
        &frame(HEADERS, WHOLE, 1, block(&[("a", "b"), (":method", "GET")])),
        // Whole frames with junk behind them.
        &[get(1, "/"), vec![0xff; 40]].concat(),
        // On no stream.
        &frame(HEADERS, WHOLE, 0, request("GET", "/")),
        &settings(),
    ] {
        let mut script = Script::midstream();
        script.c(segment).s(segment);
        assert_eq!(script.flow.is_http(), None);
        assert!(script.lines().is_empty());
    }
}

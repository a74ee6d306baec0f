//! What is HTTP, from where on, and until when.

use super::{Script, body, get, ok};
use crate::observation::{Notes, Protocol};

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
        .c("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
        .s("\x16\x03\x03\x00\x04\x02\x00\x00\x00");
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
fn what_a_websocket_says_becomes_the_bodies_of_its_upgrade() {
    let mut script = Script::new();
    script
        .c("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        .s(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
        .c(b"\x81\x85\0\0\0\0hello")
        // Of a binary message that is no JSON only its being there is told; a message in two frames is one.
        .s(b"\x82\x03\x00\x01\x02\x01\x02yo\x80\x01!");
    assert!(script.seen.is_empty(), "it waits for what is said");
    script.fin(true).fin(false);
    assert_eq!(script.lines(), ["GET /ws 0 > 101 0 complete"]);
    let tx = &script.seen[0];
    assert_eq!(body(tx, tx.request.as_ref()), "hello");
    assert_eq!(body(tx, tx.response.as_ref()), "hi\n\"MASKED-binary\"\nyo!");
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
        (
            &b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"[..],
            &b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"[..],
        ),
        (b"SSH-2.0-c\r\n", b"SSH-2.0-s\r\n"),
        (b"EHLO me\r\n", b"220 mail ready\r\n"),
        (b"PRI * HTTP/2.1\r\n\r\n", b"\0\0\x06\x04\0\0\0\0\x01"),
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
fn http_0_9_is_one_line_and_its_answer_a_body() {
    let mut script = Script::new();
    script
        .c("GET /old\r\n")
        .s("\n<html>hel")
        .s("lo</html>")
        .fin(false);
    assert_eq!(script.lines(), ["GET /old 0 > 0 19 complete"]);
    assert_eq!(script.seen[0].protocol, Protocol::Http09);

    // An answer that begins like a status line and is none.
    let mut late = Script::new();
    late.c("GET /old\r\n").s("HT").s("ML").fin(false);
    assert_eq!(late.lines(), ["GET /old 0 > 0 4 complete"]);

    let mut none = Script::new();
    none.c("GET /old\r\n").fin(true).fin(false);
    assert_eq!(none.lines(), ["GET /old 0 > no-response"]);
}

#[test]
fn http_0_9_does_not_stop_the_flow() {
    let mut script = Script::new();
    script
        .c("GET /old\r\nAccept: x\r\n\r\n")
        .s(ok("old"))
        .c(get("/new"))
        .s(ok("x"));
    assert_eq!(
        script.lines(),
        ["GET /old 0 > 200 3 complete", "GET /new 0 > 200 1 complete"]
    );
}

#[test]
fn the_answer_to_an_old_request_is_believed_midstream_only_where_it_must_begin() {
    let mut follows = Script::midstream();
    follows.c("GET /old\r\n").s("text").fin(false);
    assert_eq!(follows.lines(), ["GET /old 0 > 0 4 complete"]);
    let mut lost = Script::midstream();
    lost.c("GET /old\r\n").lose_s("te").s("xt").fin(false);
    assert_eq!(lost.lines(), ["GET /old 0 > no-response"]);
}

#[test]
fn a_status_101_that_switches_to_nothing_is_a_response_like_any_other() {
    let mut script = Script::new();
    script
        .c(get("/1"))
        .s("HTTP/1.1 101 ok\r\nContent-Length: 4\r\n\r\nbody")
        .c(get("/2"))
        .s(ok("x"));
    assert_eq!(
        script.lines(),
        ["GET /1 0 > 101 4 complete", "GET /2 0 > 200 1 complete"]
    );
    assert!(!script.seen[0].notes.contains(Notes::UPGRADED));
}

#[test]
fn what_a_load_balancer_puts_in_front_does_not_hide_the_request() {
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    binary.extend([1; 12]);
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n".to_vec();
    for preface in [line, binary] {
        let stream = [&preface[..], get("/1").as_bytes()].concat();
        // From 5 on: two blank lines alone are taken for blank lines.
        for cut in 5..=preface.len() {
            let (front, rest) = stream.split_at(cut);
            let mut script = Script::new();
            script.c(front).c(rest).s(ok("x"));
            assert_eq!(script.lines(), ["GET /1 0 > 200 1 complete"], "{cut}");
            let claimed = script.seen[0].claimed.as_deref().map(|ip| *ip.expose());
            let wanted = if preface[0] == b'P' {
                "192.0.2.1"
            } else {
                "1.1.1.1"
            };
            assert_eq!(claimed, Some(wanted.parse().unwrap()), "{cut}");
        }
    }
}

#[test]
fn only_the_very_first_bytes_name_a_source() {
    let claimed = |script: &Script| {
        let seen = script.seen[0].claimed.as_deref();
        seen.map(|ip| ip.expose().to_string())
    };
    let line = |source: &str| format!("PROXY TCP4 {source} 192.0.2.9 1 2\r\n");
    // The second is what the client wrote behind the load balancer's.
    let mut script = Script::new();
    script
        .c(line("192.0.2.1"))
        .c(line("192.0.2.2"))
        .c(get("/1"))
        .s(ok("x"));
    assert_eq!(claimed(&script).as_deref(), Some("192.0.2.1"));
    let mut script = Script::midstream();
    script.c(line("192.0.2.1")).c(get("/1")).s(ok("x"));
    assert_eq!(claimed(&script), None);
    // What the server writes says nothing about the client.
    let mut script = Script::new();
    script.s(line("192.0.2.1")).c(get("/1")).s(ok("x"));
    assert_eq!(claimed(&script), None);
}

#[test]
fn another_protocol_behind_http_ends_quietly() {
    let mut script = Script::new();
    script
        .c(get("/1"))
        .s(ok("x"))
        .c("SSH-2.0-OpenSSH_9\r\n")
        .s("SSH-2.0-OpenSSH_9\r\n");
    script.c([0x14; 400]).s([0x14; 400]);
    assert_eq!(script.lines(), ["GET /1 0 > 200 1 complete"]);
}

#[test]
fn a_server_whose_text_reads_like_an_old_request_is_no_client() {
    let mut script = Script::new();
    script.opened_by_client = true;
    script.s("GET /out\r\n").c("bye\r\n");
    assert_eq!(script.flow.is_http(), Some(false));
}

#[test]
fn an_undecided_flow_leaves_nothing_behind() {
    let mut script = Script::new();
    script.c("GET /half").s("HT");
    assert!(script.flow.memory() > 0);
    script.expire();
    assert_eq!(
        (script.flow.memory(), script.flow.is_http()),
        (0, Some(false))
    );
}

#[test]
fn a_server_that_answers_a_tls_hello_in_clear_is_understood() {
    let mut script = Script::new();
    script
        .c("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
        .s("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(script.lines(), ["> 400 0 no-request"]);
}

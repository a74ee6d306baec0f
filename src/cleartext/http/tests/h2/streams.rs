//! What a connection without loss carries.

use super::*;
use crate::cleartext::http::transaction::{Grpc, Message};
use crate::observation::Notes;
use crate::tally::Tally;

#[test]
fn requests_and_responses_interleave() {
    let mut script = open();
    script.c([get(1, "/a"), get(3, "/b")].concat()).s([
        status(3, "200"),
        status(1, "404"),
        frame(DATA, 0, 3, "one"),
        frame(DATA, END_STREAM, 1, "none"),
        frame(DATA, END_STREAM, 3, "two"),
    ]
    .concat());
    assert_eq!(
        script.lines(),
        ["GET /a 0 > 404 4 complete", "GET /b 0 > 200 6 complete"]
    );
    let second = &script.seen[1];
    assert_eq!(body(second, second.response.as_ref()), "onetwo");
}

#[test]
fn heads_are_written_out_as_http_1_has_them() {
    let mut script = open();
    let fields = block(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "shop.test"),
        (":path", "/cart?id=1"),
        ("cookie", "a=1"),
        ("accept", "*/*"),
        ("cookie", "b=2"),
    ]);
    script
        .c([
            frame(HEADERS, END_HEADERS, 1, fields),
            frame(DATA, END_STREAM, 1, "{}"),
        ]
        .concat())
        .s(ok(1, "x"));
    assert_eq!(script.lines(), ["POST /cart?id=1 2 > 200 1 complete"]);
    assert_eq!(
        head(&script, 0),
        "POST /cart?id=1 HTTP/2\r\nhost: shop.test\r\ncookie: a=1; b=2\r\naccept: */*\r\n\r\n"
    );
    let tx = &script.seen[0];
    let response = tx.response.as_ref().unwrap();
    assert_eq!(text(tx.slice(response.head)), "HTTP/2 200\r\n\r\n");
    let request = tx.request.as_ref().unwrap();
    assert_eq!(tx.field(request, "Cookie"), Some(&b"a=1; b=2"[..]));
    assert_eq!(tx.field(request, "host"), Some(&b"shop.test"[..]));
}

#[test]
fn a_method_that_is_no_word_does_not_get_out() {
    let mut script = open();
    script.c(frame(HEADERS, WHOLE, 1, request("4111 1111", "/")));
    assert_eq!(script.lines(), ["OTHER / 0 > no-response"]);
}

#[test]
fn interim_responses_are_folded_and_trailers_kept_apart() {
    let mut script = open();
    script.c(get(1, "/")).s([
        status(1, "100"),
        status(1, "103"),
        status(1, "200"),
        frame(DATA, 0, 1, "body"),
        frame(HEADERS, WHOLE, 1, block(&[("checksum", "9")])),
    ]
    .concat());
    assert_eq!(script.lines(), ["GET / 0 > 200 4 complete"]);
    let tx = &script.seen[0];
    let response = tx.response.as_ref().unwrap();
    assert_eq!(response.trailers, 1);
    assert_eq!(tx.field(response, "checksum"), Some(&b"9"[..]));
    assert_eq!(body(tx, Some(response)), "body");
}

#[test]
fn continuation_padding_and_priority_are_read_around() {
    let mut script = open();
    let fields = request("GET", "/long");
    let (front, back) = fields.split_at(9);
    let (middle, end) = back.split_at(5);
    let padded = [&[3, 0, 0, 0, 0, 200][..], front, &[0; 3]].concat();
    script
        .c([
            frame(HEADERS, END_STREAM | PADDED | PRIORITY, 1, padded),
            frame(CONTINUATION, 0, 1, middle),
            frame(CONTINUATION, 0, 1, ""),
            frame(CONTINUATION, END_HEADERS, 1, end),
        ]
        .concat())
        .s([
            status(1, "200"),
            frame(DATA, PADDED, 1, b"\x04body\0\0\0\0"),
            frame(DATA, PADDED | END_STREAM, 1, b"\x02\0\0"),
        ]
        .concat());
    assert_eq!(script.lines(), ["GET /long 0 > 200 4 complete"]);
}

#[test]
fn a_pushed_response_answers_the_request_in_its_promise() {
    let mut script = open();
    let promise = [&[0, 0, 0, 2][..], &request("GET", "/style.css")].concat();
    script.c(get(1, "/")).s([
        frame(PROMISE, END_HEADERS, 1, promise),
        ok(1, "page"),
        ok(2, "style"),
    ]
    .concat());
    assert_eq!(
        script.lines(),
        [
            "GET / 0 > 200 4 complete",
            "GET /style.css 0 > 200 5 complete"
        ]
    );
}

#[test]
fn a_reset_ends_a_stream() {
    let mut script = open();
    let reset = |stream, error: u32| frame(RESET, 0, stream, error.to_be_bytes());
    // Before the response; within it; behind it, while the request is still on its way.
    script
        .c([
            get(1, "/a"),
            reset(1, 8),
            get(3, "/b"),
            frame(HEADERS, END_HEADERS, 5, request("POST", "/c")),
        ]
        .concat())
        .s([
            // On its way when the reset came.
            ok(1, "late"),
            status(3, "200"),
            frame(DATA, 0, 3, "part"),
            reset(3, 2),
            ok(5, "enough"),
            reset(5, 0),
        ]
        .concat());
    assert_eq!(
        script.lines(),
        [
            "GET /a 0 > no-response",
            "GET /b 0 > 200 4 truncated",
            "POST /c 0 > 200 6 complete",
        ]
    );
}

#[test]
fn streams_still_open_at_the_end_are_what_was_seen_of_them() {
    let mut script = open();
    script
        .c([
            get(1, "/waiting"),
            get(3, "/streaming"),
            frame(HEADERS, END_HEADERS, 5, request("POST", "/uploading")),
            frame(DATA, 0, 5, "part"),
        ]
        .concat())
        .s([status(3, "200"), frame(DATA, 0, 3, "event")].concat());
    assert_eq!(
        script.lines(),
        [
            "GET /waiting 0 > no-response",
            "GET /streaming 0 > 200 5 truncated",
            "POST /uploading 4 > no-response",
        ]
    );
}

#[test]
fn an_early_response_keeps_bodies_apart() {
    let mut script = open();
    script.c(frame(HEADERS, END_HEADERS, 1, request("POST", "/chat")));
    for turn in ["a", "b", "c"] {
        script.c(frame(DATA, 0, 1, turn));
        if turn == "a" {
            script.s(status(1, "200"));
        }
        script.s(frame(DATA, 0, 1, turn.to_uppercase()));
    }
    script
        .s(frame(DATA, END_STREAM, 1, ""))
        .c(frame(DATA, END_STREAM, 1, "!"));
    assert_eq!(script.lines(), ["POST /chat 4 > 200 3 complete"]);
    let tx = &script.seen[0];
    assert_eq!(body(tx, tx.request.as_ref()), "abc!");
    assert_eq!(body(tx, tx.response.as_ref()), "ABC");
    assert!(tx.notes.contains(Notes::EARLY_RESPONSE));
}

#[test]
fn thousands_of_streams_hold_nothing_behind() {
    let mut script = open();
    for stream in 0..5_000 {
        let id = stream * 2 + 1;
        script.c(get(id, "/x")).s(ok(id, "y"));
        assert!(script.flow.memory() < 32 << 10);
    }
    assert_eq!(script.seen.len(), 5_000);
    assert!(
        script
            .seen
            .iter()
            .all(|tx| line(tx) == "GET /x 0 > 200 1 complete")
    );
}

#[test]
fn grpc_messages_are_counted_and_the_outcome_read() {
    let mut script = open();
    let fields = block(&[
        (":method", "POST"),
        (":path", "/pkg.Svc/Get"),
        ("content-type", "application/grpc+proto"),
    ]);
    let head = block(&[(":status", "200"), ("content-type", "application/grpc")]);
    script
        .c([
            frame(HEADERS, END_HEADERS, 1, fields),
            frame(DATA, END_STREAM, 1, b"\0\0\0\0\x02ab"),
        ]
        .concat())
        .s([
            frame(HEADERS, END_HEADERS, 1, head),
            frame(DATA, 0, 1, b"\0\0\0\0\x02a"),
            frame(DATA, 0, 1, b"b\x01\0\0\0\x01c\0\0\0\0\0"),
            frame(HEADERS, WHOLE, 1, block(&[("grpc-status", "5")])),
        ]
        .concat());
    assert_eq!(script.lines(), ["POST /pkg.Svc/Get 7 > 200 18 complete"]);
    let grpc = **script.seen[0].grpc.as_ref().unwrap();
    let want = Grpc {
        status: Some(5),
        request_messages: Some(1),
        response_messages: Some(3),
    };
    assert_eq!(grpc, want);
}

#[test]
fn what_goes_through_a_granted_connect_is_no_body() {
    let mut script = open();
    let fields = block(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":path", "/chat"),
        (":authority", "shop.test"),
    ]);
    script
        .c(frame(HEADERS, END_HEADERS, 1, fields))
        .s(status(1, "200"))
        .c(frame(DATA, 0, 1, b"\x81\x82"))
        .c(frame(DATA, 0, 1, b"\x01\x02\x03\x04ij"))
        .s(frame(DATA, 0, 1, b"\x81\x02hi"));
    assert_eq!(script.lines(), ["CONNECT /chat 0 > 200 0 complete"]);
    let tx = &script.seen[0];
    let said = |message: &Message| tx.slice(message.body).to_vec();
    assert_eq!(tx.request.as_ref().map(said), Some(b"hh".to_vec()));
    assert_eq!(tx.response.as_ref().map(said), Some(b"hi".to_vec()));
    let count = |tally| script.tally.get(tally);
    assert_eq!(count(Tally::WebSocketMessages), 2, "RFC 8441");
    assert_eq!(count(Tally::WebSocketBytes), 4);
    assert!(head(&script, 0).contains("\r\n:protocol: websocket\r\n"));
}

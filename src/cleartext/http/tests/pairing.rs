//! Which response answers which request, without loss.

use super::{Script, body, get, ok};
use crate::observation::Notes;
use crate::tally::Tally;

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
        (
            body(tx, tx.request.as_ref()),
            body(tx, tx.response.as_ref())
        ),
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
fn a_response_before_the_head_of_its_request_has_ended() {
    let mut script = Script::new();
    script.c("GET /long HTTP/1.1\r\nHost: x\r\nA: ");
    script.s("HTTP/1.1 431 Too Large\r\nContent-Length: 2\r\n\r\nno");
    script.c("b\r\n\r\n").c(get("/next")).s(ok("x"));
    assert_eq!(
        script.lines(),
        [
            "GET /long 0 > 431 2 complete",
            "GET /next 0 > 200 1 complete"
        ]
    );
    assert!(script.seen[0].notes.contains(Notes::EARLY_RESPONSE));

    // Its end never comes.
    let mut cut = Script::new();
    cut.c("GET /long HTTP/1.1\r\nHost: x\r\nA: ")
        .s("HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .fin(false);
    assert_eq!(cut.lines(), ["GET /long 0 > 408 0 truncated"]);

    // HEAD means the same before its head has ended.
    let mut head = Script::new();
    head.c("HEAD / HTTP/1.1\r\nHost:")
        .s("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        .c(" x\r\n\r\n")
        .c(get("/next"))
        .s(ok("x"));
    assert_eq!(
        head.lines(),
        ["HEAD / 0 > 200 0 complete", "GET /next 0 > 200 1 complete"]
    );

    // A hole in the head after it was answered.
    let mut hole = Script::new();
    hole.c("GET /1 HTTP/1.1\r\nHost:")
        .s(ok("a"))
        .lose_c(" x\r\n\r\n")
        .c(get("/2"))
        .s(ok("bb"));
    assert_eq!(
        hole.lines(),
        ["GET /1 0 > 200 1 truncated", "GET /2 0 > 200 2 complete"]
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
fn the_response_to_a_request_given_up_is_not_that_of_the_next() {
    let mut script = Script::new();
    script.limits.max_pipelined = 2;
    script.c(get("/1") + &get("/2") + &get("/3"));
    script.s(ok("a") + &ok("bb") + &ok("ccc"));
    script.c(get("/4")).s(ok("dddd"));
    assert_eq!(
        script.lines(),
        [
            "GET /1 0 > no-response",
            "GET /2 0 > 200 2 complete",
            "GET /3 0 > 200 3 complete",
            "> 200 1 no-request",
            "GET /4 0 > 200 4 complete"
        ]
    );
}

#[test]
fn hosts_that_acknowledge_nothing_are_paired_by_order() {
    let mut script = Script::midstream();
    script.c(get("/1")).send(false, ok("a").as_bytes(), 0);
    assert_eq!(script.lines(), ["GET /1 0 > 200 1 complete"]);
}

//! Holes.

use super::{Script, body, get, ok};
use crate::cleartext::reassembly::StreamChunk;
use crate::observation::Notes;
use crate::tally::Tally;

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
    assert_eq!(body(tx, tx.response.as_ref()), "ab");
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
        .lose_s(format!(
            "def{}",
            String::from_utf8_lossy(&ok("bb").as_bytes()[..20])
        ))
        .s(&ok("bb").as_bytes()[20..])
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
fn a_conflicting_copy_is_noted_on_what_it_concerns() {
    let mut script = Script::new();
    script.c(get("/1"));
    script.chunk(true, StreamChunk::Conflict);
    script.s(ok("a")).c(get("/2"));
    script.s("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
    script.chunk(false, StreamChunk::Conflict);
    script.s("b").c(get("/3")).s(ok("c"));
    script.c("GET /4 HTTP/1.1\r\n");
    script.chunk(true, StreamChunk::Conflict);
    script.c("\r\n").s(ok("d"));
    script.lines();
    let noted: Vec<_> = script
        .seen
        .iter()
        .map(|tx| tx.notes.contains(Notes::OVERLAP_CONFLICT))
        .collect();
    assert_eq!(noted, [true, true, false, true]);
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
fn a_lost_request_of_a_burst_takes_its_response_along() {
    let mut script = Script::new();
    script.c(get("/0")).s(ok("")).c(get("/1")).s(ok("1"));
    script.c(get("/2")).lose_c(get("/3")).c(get("/4"));
    script.s(ok("22") + &ok("333") + &ok("4444"));
    script.c(get("/5")).s(ok("55555"));
    let lines = script.lines();
    assert_eq!(
        lines[2..],
        [
            "GET /2 0 > 200 2 complete",
            "> 200 3 no-request",
            "GET /4 0 > 200 4 complete",
            "GET /5 0 > 200 5 complete"
        ]
    );
}

#[test]
fn who_keeps_two_requests_in_flight_is_understood_after_a_loss() {
    let mut script = Script::new();
    script.c(get("/0")).c(get("/1"));
    for n in 2..9 {
        let answer = ok(&"x".repeat(n - 2));
        if n == 6 {
            script.lose_s(answer);
        } else {
            script.s(answer);
        }
        script.c(get(&format!("/{n}")));
    }
    script.s(ok("xxxxxxx")).s(ok("xxxxxxxx"));
    for (n, line) in script.lines().iter().enumerate() {
        let told = if n == 4 {
            "no-response".to_owned()
        } else {
            format!("200 {n} complete")
        };
        assert_eq!(*line, format!("GET /{n} 0 > {told}"));
    }
}

#[test]
fn what_nobody_can_know_is_said_to_be_doubtful() {
    // One response or two were lost: the one that came is that of the second request or of the third.
    let mut script = Script::new();
    script
        .c(get("/0"))
        .s(ok(""))
        .c(get("/1") + &get("/2") + &get("/3"))
        .lose_s(ok(&"a".repeat(100)))
        .s(ok("b"));
    script.c(get("/4")).s(ok("d"));
    assert_eq!(
        script.lines()[1..],
        [
            "GET /1 0 > no-response",
            "GET /2 0 > 200 1 complete",
            "GET /3 0 > no-response",
            "GET /4 0 > 200 1 complete"
        ]
    );
    let doubtful = |n: usize| script.seen[n].notes.contains(Notes::PAIR_DOUBTFUL);
    assert_eq!([doubtful(2), doubtful(4)], [true, false]);
    assert_eq!(script.tally.get(Tally::PairsDoubtful), 1);
}

#[test]
fn a_start_line_that_is_none_after_all_is_passed_over() {
    // While looking for the next start line, these look like one until they are read.
    for odd in [
        "HTTP/1..1 200 OK",
        "HTTP/1.. 2",
        "HTTP/00 200 OK",
        "http/0 0",
    ] {
        for end in ["\r\n\r\n", "\n", "\r\n"] {
            let mut script = Script::new();
            script
                .c(get("/1"))
                .lose_s(ok("lost"))
                .s(format!("{odd}{end}"))
                .s(format!("{odd}{end}{odd}{end}"));
            script.c(get("/2")).s(ok("x"));
            assert!(
                script.lines().contains(&"GET /2 0 > 200 1 complete".into()),
                "{odd:?}"
            );
        }
    }
}

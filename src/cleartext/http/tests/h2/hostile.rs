//! Peers that want to be expensive.

use super::*;
use crate::tally::Tally;

#[test]
fn a_continuation_flood_is_cut_at_the_limit() {
    let mut script = open();
    script.limits.max_head = 4 << 10;
    script.c(frame(HEADERS, END_STREAM, 1, request("GET", "/flood")));
    for _ in 0..200 {
        let piece = block(&[("x", "y".repeat(100).as_str()); 4]);
        script.c(frame(CONTINUATION, 0, 1, piece));
        assert!(script.flow.memory() < 64 << 10);
    }
    script.c(get(3, "/on")).s([ok(1, "a"), ok(3, "b")].concat());
    assert_eq!(
        script.lines(),
        [
            "GET /flood 0 > 200 1 truncated",
            "GET /on 0 > 200 1 complete"
        ]
    );
    assert_eq!(script.tally.get(Tally::LimitHead), 1);
}

#[test]
fn a_frame_larger_than_a_head_may_be_is_read_as_far_as_it_is_kept() {
    let mut script = open();
    script.limits.max_head = 1 << 10;
    let huge = [
        request("GET", "/huge"),
        block(&[("x", "y".repeat(100).as_str()); 100]),
    ]
    .concat();
    script.c(frame(HEADERS, WHOLE, 1, huge)).s(ok(1, "a"));
    assert_eq!(script.lines(), ["GET /huge 0 > 200 1 truncated"]);
    assert!(script.tally.get(Tally::LimitHead) >= 1);
}

#[test]
fn a_rapid_reset_holds_nothing() {
    let mut script = open();
    for stream in 0..3_000 {
        let id = stream * 2 + 1;
        script.c([get(id, "/"), frame(RESET, 0, id, hex("00000008"))].concat());
        assert!(script.flow.memory() < 64 << 10);
    }
    assert_eq!(script.seen.len(), 3_000);
    assert_eq!(script.tally.get(Tally::H2StreamsReset), 3_000);
}

#[test]
fn streams_that_are_never_answered_are_given_up() {
    let mut script = open();
    script.limits.max_pipelined = 4;
    for stream in 0..10 {
        script.c(get(stream * 2 + 1, "/"));
    }
    assert_eq!(
        (script.seen.len(), script.tally.get(Tally::LimitPipelined)),
        (6, 6)
    );
    // What was given up is not taken for something new when it is answered.
    script.s(ok(1, "late")).s(ok(19, "in time"));
    assert_eq!(script.lines().len(), 10);
}

#[test]
fn frames_without_effect_hold_nothing() {
    let mut script = open();
    script.c(get(1, "/")).s(status(1, "200"));
    let before = script.flow.memory();
    let idle = [
        frame(DATA, 0, 1, ""),
        frame(6, 0, 0, [0; 8]),
        settings(),
        frame(2, 0, 99, [0; 5]),
    ];
    for _ in 0..1_000 {
        script.s(idle.concat());
    }
    assert_eq!(script.flow.memory(), before);
}

#[test]
fn a_stream_that_is_no_http_2_any_more_is_given_up() {
    let mut script = open();
    script.limits.lost = 10_000;
    script.c([0xff; 6_000]).s([0xfe; 6_000]);
    assert_eq!(script.flow.is_http(), Some(false));
    assert_eq!(script.flow.memory(), 0);
}

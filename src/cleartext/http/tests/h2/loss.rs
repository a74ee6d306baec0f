//! What holes cost: what was in them, and nothing else.

use super::*;

#[test]
fn a_hole_inside_data_is_skipped_exactly() {
    let mut script = open();
    let data = frame(DATA, 0, 1, [b'x'; 100]);
    script
        .c([get(1, "/a"), get(3, "/b")].concat())
        .s([&status(1, "200"), &data[..30]].concat())
        .lose_s([0; 60])
        .s([
            &data[90..],
            &frame(DATA, END_STREAM, 1, "end"),
            &ok(3, "fine"),
        ]
        .concat());
    assert_eq!(
        script.lines(),
        ["GET /a 0 > 200 103 truncated", "GET /b 0 > 200 4 complete"]
    );
}

#[test]
fn a_hole_inside_a_request_body_is_skipped_exactly() {
    let mut script = open();
    let data = frame(DATA, END_STREAM, 1, [b'x'; 100]);
    script
        .c([
            &frame(HEADERS, END_HEADERS, 1, request("PUT", "/a")),
            &data[..20],
        ]
        .concat())
        .lose_c(&data[20..])
        .s(ok(1, "y"))
        .c(get(3, "/b"))
        .s(ok(3, "z"));
    assert_eq!(
        script.lines(),
        ["PUT /a 100 > 200 1 truncated", "GET /b 0 > 200 1 complete"]
    );
}

#[test]
fn behind_a_hole_over_frames_the_next_are_found() {
    let mut script = open();
    script
        .c([get(1, "/a"), get(3, "/b"), get(5, "/c")].concat())
        .s([status(1, "200"), frame(DATA, 0, 1, "one")].concat())
        .lose_s([frame(DATA, END_STREAM, 1, "two"), ok(3, "lost")].concat())
        .s(ok(5, "found"));
    assert_eq!(
        script.lines(),
        [
            "GET /a 0 > 200 3 truncated",
            "GET /b 0 > no-response",
            "GET /c 0 > 200 5 complete",
        ]
    );
}

#[test]
fn frames_are_found_within_a_segment() {
    let mut script = open();
    script.c([get(1, "/a"), get(3, "/b")].concat()).s([
        status(1, "200"),
        frame(DATA, 0, 1, [b'x'; 50]),
    ]
    .concat());
    let next = frame(DATA, END_STREAM, 1, [b'y'; 1_000]);
    script
        .lose_s(&next[..500])
        .s([&next[500..], &ok(3, "found")].concat());
    assert_eq!(
        script.lines(),
        ["GET /a 0 > 200 50 truncated", "GET /b 0 > 200 5 complete"]
    );
}

#[test]
fn data_is_counted_on_behind_a_hole_once_a_frame_is_confirmed() {
    let mut script = open();
    script
        .c(get(1, "/a"))
        .s([status(1, "200"), frame(DATA, 0, 1, "one")].concat())
        .lose_s(frame(DATA, 0, 1, "two"))
        .s(frame(DATA, END_STREAM, 1, "three"));
    assert_eq!(script.lines(), ["GET /a 0 > 200 8 truncated"]);
    let tx = &script.seen[0];
    assert_eq!(body(tx, tx.response.as_ref()), "one");
}

#[test]
fn behind_a_hole_the_table_is_unknown_and_nothing_is_guessed() {
    let mut script = open();
    let insert = inserted(&[("x-tenant", "blue")]);
    script
        .c(frame(
            HEADERS,
            WHOLE,
            1,
            [request("GET", "/a"), insert].concat(),
        ))
        .s(ok(1, "x"))
        .lose_c(frame(HEADERS, WHOLE, 3, request("GET", "/lost")))
        .s(ok(3, "y"))
        .c(frame(
            HEADERS,
            WHOLE,
            5,
            [request("GET", "/b"), vec![0xbe]].concat(),
        ))
        .s(ok(5, "z"));
    assert_eq!(
        script.lines(),
        [
            "GET /a 0 > 200 1 complete",
            "> 200 1 no-request",
            "GET /b 0 > 200 1 complete"
        ]
    );
    assert!(head(&script, 0).contains("x-tenant: blue"));
    let third = script
        .seen
        .iter()
        .position(|tx| line(tx).contains("/b"))
        .unwrap();
    assert!(!head(&script, third).contains("x-tenant"));
}

#[test]
fn a_head_that_is_cut_gives_what_stands_before_the_cut() {
    let mut script = open();
    let whole = frame(
        HEADERS,
        WHOLE,
        1,
        [request("GET", "/a"), block(&[("b", "c")])].concat(),
    );
    let cut = whole.len() - 4;
    script
        .c(&whole[..cut])
        .lose_c(&whole[cut..])
        .s(ok(1, "x"))
        .c(get(3, "/next"))
        .s(ok(3, "y"));
    assert_eq!(
        script.lines(),
        ["GET /a 0 > 200 1 truncated", "GET /next 0 > 200 1 complete"]
    );
}

#[test]
fn a_response_that_is_captured_before_its_request_is_still_its_own() {
    let mut script = open();
    script
        .s([status(1, "200"), frame(DATA, 0, 1, "ab")].concat())
        .c(frame(HEADERS, END_HEADERS, 1, request("PUT", "/a")))
        .c(frame(DATA, END_STREAM, 1, "xyz"))
        .s(frame(DATA, END_STREAM, 1, "cd"));
    assert_eq!(script.lines(), ["PUT /a 3 > 200 4 complete"]);
    let tx = &script.seen[0];
    assert_eq!(body(tx, tx.request.as_ref()), "xyz");
    assert_eq!(body(tx, tx.response.as_ref()), "abcd");
}

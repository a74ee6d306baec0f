//! The filter from end to end.

use super::*;

fn filter() -> Filter {
    Filter::new(Arc::new(RuleSet::built_in().unwrap()), [7; 32])
}

fn run(input: &str, how: As) -> String {
    let mut out = Vec::new();
    filter().run(input.as_bytes(), &mut out, how, None).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn masks_lines_and_keeps_their_ends() {
    let out = run(
        "a password=hunter2 b\r\nplain\nlast token=0123456789abcdef",
        As::Text,
    );
    assert_eq!(
        out,
        "a password=MASKED-password b\r\nplain\nlast token=MASKED-access-token"
    );
}

#[test]
fn a_pem_block_is_one_value_over_lines() {
    let out = run(
        "x\n-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef\n-----END RSA PRIVATE KEY-----\ny\n",
        As::Text,
    );
    assert_eq!(out, "x\nMASKED-private-key\ny\n");
}

#[test]
fn envelopes_are_answered_in_order_with_offsets() {
    let out = run(
        "{\"id\":1,\"text\":\"{\\\"cvv\\\": 123}\",\"kind\":\"json\"}\n{\"id\":\"b\",\"text\":\"hello\"}\n",
        As::Envelope,
    );
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["masked"], "{\"cvv\": 0}");
    assert_eq!(lines[0]["found"][0]["type"], "card-cvv");
    assert_eq!(
        (&lines[0]["found"][0]["start"], &lines[0]["found"][0]["end"]),
        (&8.into(), &11.into())
    );
    assert_eq!(lines[0]["found"][0]["location"], "$.cvv");
    assert_eq!(lines[1]["id"], "b");
    assert_eq!(lines[1]["masked"], "hello");
}

#[test]
fn json_may_stretch_over_lines() {
    let out = run("{\n \"password\": \"x\"\n}\n{\"a\":1}\n", As::Auto);
    assert_eq!(out, "{\n \"password\": \"MASKED-password\"\n}\n{\"a\":1}\n");
}

#[test]
fn a_line_that_is_no_envelope_is_an_error_with_its_number() {
    let error = filter()
        .run(&b"{\"id\":1}\n"[..], &mut Vec::new(), As::Envelope, None)
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("line 1"));
}

fn run_bytes(input: &[u8], how: As) -> String {
    let mut out = Vec::new();
    filter().run(input, &mut out, how, None).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn utf16_is_read_whatever_the_steps() {
    let text = "{\"password\": \"größe\"}\r\nplain 😀\ncvv=123\n";
    let shown = "{\"password\": \"MASKED-password\"}\r\nplain 😀\ncvv=MASKED-card-cvv\n";
    for (mark, big) in [(true, true), (true, false), (false, true), (false, false)] {
        let marked = if mark {
            ["\u{feff}", text].concat()
        } else {
            text.to_owned()
        };
        let bytes: Vec<u8> = marked
            .encode_utf16()
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect();
        assert_eq!(run_bytes(&bytes, As::Auto), shown);
        let mut out = Vec::new();
        let slow = Slow { rest: &bytes };
        filter().run(slow, &mut out, As::Text, None).unwrap();
        // One byte tells nothing without a mark.
        assert!(
            out == shown.as_bytes(),
            "{mark} {big} {}",
            String::from_utf8_lossy(&out)
        );
    }
    let marked = ["\u{feff}", text].concat();
    assert_eq!(
        run_bytes(marked.as_bytes(), As::Auto),
        ["\u{feff}", shown].concat()
    );
}

/// Gives one byte at a time.
struct Slow<'a> {
    rest: &'a [u8],
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.rest.len().min(1).min(buffer.len());
        self.rest.read(&mut buffer[..len])
    }
}

#[test]
fn an_endless_line_is_masked_whole_and_the_next_one_is_read() {
    for how in [As::Text, As::Json, As::Form, As::Http] {
        let mut input = vec![b'a'; 5 * LONGEST_LINE];
        input.extend_from_slice(b" hunter2\npassword=hunter2\n");
        assert_eq!(
            run_bytes(&input, how),
            "MASKED-unparsed\npassword=MASKED-password\n",
            "{how:?}"
        );
        let endless = vec![b'a'; LONGEST_LINE + 10];
        assert_eq!(run_bytes(&endless, how), "MASKED-unparsed", "{how:?}");
    }
}

#[test]
fn a_long_array_is_masked_in_pieces_that_fit() {
    for (open, comma, close) in [("[", ",", "]\n"), ("[\n  ", ",\n  ", "\n]\n{\"a\":1}\n")] {
        let elements: Vec<String> = (0..60_000)
            .map(|n| format!("{{\"n\": {n}, \"password\": \"hunter{n}\", \"list\": [\"a,b\", 1]}}"))
            .collect();
        let input = [open, &elements.join(comma), close].concat();
        assert!(input.len() > 3 << 20);
        let out = run(&input, As::Json);
        assert!(!out.contains("hunter"));
        let shown: Vec<String> = (0..60_000)
            .map(|n| {
                format!("{{\"n\": {n}, \"password\": \"MASKED-password\", \"list\": [\"a,b\", 1]}}")
            })
            .collect();
        assert!(out == [open, &shown.join(comma), close].concat());
    }
}

#[test]
fn a_document_that_is_too_long_is_one_string() {
    let long = "hunter2 ".repeat(LONGEST_DOCUMENT / 8 + 1);
    let object = format!("{{\"password\": \"{long}\"}}\n{{\"password\":\"x\"}}\n");
    assert_eq!(
        run(&object, As::Json),
        "\"MASKED-unparsed\"\n{\"password\":\"MASKED-password\"}\n"
    );
    let array = format!("[{{\"password\": \"{long}\"}},{{\"password\":\"x\"}}]\n");
    assert_eq!(
        run(&array, As::Json),
        "[\"MASKED-unparsed\",{\"password\":\"MASKED-password\"}]\n"
    );
}

#[test]
fn lines_of_text_between_documents_do_not_hide_them() {
    let out = run(
        "{\"a\":1}\nstarting {\n{\"password\":\"x\"}\ncvv=123\n",
        As::Auto,
    );
    assert_eq!(
        out,
        "{\"a\":1}\nstarting {\n{\"password\":\"MASKED-password\"}\ncvv=MASKED-card-cvv\n"
    );
}

#[test]
fn http_messages_in_a_row() {
    let input = "POST /a?cvv=123 HTTP/1.1\r\nContent-Length: 17\r\n\r\npassword=hunter2!\
        HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
        9\r\n{\"passwor\r\nc;x=y\r\nd\":\"hunter2\"\r\n1\r\n}\r\n0\r\nX-API-Key: abcdef\r\n\r\n\
        \r\nHTTP/1.1 200 OK\nX-API-Key: abc\n\npassword=hunter2\nGET /b HTTP/1.1\r\nCookie: a=b\r\n\r\n";
    let shown = "POST /a?cvv=MASKED-card-cvv HTTP/1.1\r\nContent-Length: 24\r\n\r\npassword=MASKED-password\
        HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
        1e\r\n{\"password\":\"MASKED-password\"}\r\n0\r\nX-API-Key: MASKED-api-key\r\n\r\n\
        \r\nHTTP/1.1 200 OK\nX-API-Key: MASKED-api-key\n\npassword=MASKED-password\n\
        GET /b HTTP/1.1\r\nCookie: a=MASKED-session-id\r\n\r\n";
    let out = run(input, As::Http);
    let cookie = out.rfind("Cookie: ").unwrap();
    assert_eq!(out[..cookie], shown[..cookie]);
    assert!(out[cookie..].starts_with("Cookie: a=MASKED-"));
    assert_eq!(run(&out, As::Auto), out, "masking twice is masking once");
}

#[test]
fn coded_bodies_in_messages_are_masked_whole() {
    let mut input =
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n".to_vec();
    input.extend_from_slice(b"abc\x80password");
    let out = run_bytes(&input, As::Http);
    assert!(
        out.ends_with("Content-Length: 13\r\n\r\nMASKED-binary"),
        "{out}"
    );
}

#[test]
fn a_cut_document_in_a_line_hides_nothing() {
    for (line, shown) in [
        (
            "{\"a\":{\"password\":\"hunt",
            "{\"a\":{\"password\":\"MASKED-password",
        ),
        ("{\"a\":1}{\"cvv\":12", "{\"a\":1}{\"cvv\":0"),
        (
            "{\"password\":[\"one\",\"tw",
            "{\"password\":[\"MASKED-password\",\"MASKED-password",
        ),
        (
            "{\"a\":{\"user_secret\":{\"x\":\"one\"},\"secret\":{\"y\":\"two",
            "{\"a\":{\"user_secret\":{\"x\":\"MASKED-",
        ),
    ] {
        for how in [As::Auto, As::Text, As::Json] {
            let out = run(line, how);
            assert!(out.starts_with(shown), "{how:?} {out}");
            assert!(
                !out.contains("two") && !out.contains("one"),
                "{how:?} {out}"
            );
        }
    }
    for broken in [
        "{\"a\":1, \"password\":{\"x\":\"one\"}, ]",
        "{\"password\":[\"one\",\"two\"]} trailing",
        "{\"a\": nope, \"password\": [\"one\", {\"b\": \"two\"}]}",
    ] {
        for how in [As::Auto, As::Text, As::Json] {
            let out = run(broken, how);
            assert!(
                !out.contains("two") && !out.contains("one"),
                "{how:?} {out}"
            );
        }
    }
}

#[test]
fn the_head_of_a_table_is_remembered_while_rows_fit() {
    for (input, output) in [
        (
            "id,email_x,password\n1,a,hunter2\n\n2,b,\"hun\nter\"\n3,c,x y\nthat was all, folks\n4,d,kept\n",
            "id,email_x,password\n1,MASKED-email-?,MASKED-password\n\n2,MASKED-email-?,\"MASKED-password\"\n3,MASKED-email-?,MASKED-password\nthat was all, folks\n4,d,kept\n",
        ),
        (
            "some log line\nname;ssn;city_x\r\nx;536451234;y\r\n",
            "some log line\nname;ssn;city_x\r\nx;MASKED-us-ssn-?;y\r\n",
        ),
        (
            "| pin | n |\n|---|---|\n| 4821 | 1 |\n",
            "| pin | n |\n|---|---|\n| MASKED-pin | 1 |\n",
        ),
        // Prose is no table, but for the first line, which may be the head of one.
        (
            "x\nmail me, password, or else.\nyes, no, or\n",
            "x\nmail me, password, or else.\nyes, no, or\n",
        ),
        // A lone quote ends nothing.
        (
            "size,password\n5\",hunter2\n6\",hunter3\n",
            "size,password\n5\",MASKED-password\n6\",MASKED-password\n",
        ),
    ] {
        assert_eq!(unkeyed(&run(input, As::Text)), output);
        assert_eq!(unkeyed(&run(&run(input, As::Text), As::Text)), output);
    }
}

#[test]
fn cards_and_logins_are_remembered_over_lines() {
    for (input, output) in [
        (
            "BEGIN:VCARD\nVERSION:3.0\nFN:Jane Doe\nNOTE:one\n two\nEND:VCARD\nFN:kept\n",
            "BEGIN:VCARD\nVERSION:3.0\nFN:MASKED-person-name-?\nNOTE:MASKED-demographic\nEND:VCARD\nFN:kept\n",
        ),
        (
            "machine h.test\n  login jane\n\tpassword hunter2\npassword policy\nend\npassword policy\n",
            "machine h.test\n  login MASKED-username-?\n\tpassword MASKED-password\npassword MASKED-password\nend\npassword policy\n",
        ),
        (
            "MSH|^~\\&|A|B\nPID|1||77^^^H||DOE^JANE||19610615\n",
            "MSH|^~\\&|A|B\nPID|1||MASKED-medical-record-number-?||MASKED-patient-name-?||MASKED-birth-date\n",
        ),
    ] {
        assert_eq!(unkeyed(&run(input, As::Text)), output);
    }
}

#[test]
fn lines_are_counted_behind_keys_and_folds() {
    let input = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\npassword=hunter2\n";
    let (mut out, mut explained) = (Vec::new(), Vec::new());
    filter()
        .run(input.as_bytes(), &mut out, As::Text, Some(&mut explained))
        .unwrap();
    let explained = String::from_utf8(explained).unwrap();
    assert!(
        explained.contains("{\"line\":1,") && explained.contains("{\"line\":4,"),
        "{explained}"
    );
}

/// Without the digits of keyed placeholders.
fn unkeyed(text: &str) -> String {
    let mut out = String::new();
    for (n, part) in text.split("MASKED-").enumerate() {
        if n > 0 {
            out += "MASKED-";
        }
        let end = part
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(part.len());
        let (word, rest) = part.split_at(end);
        let hex = |s: &str| s.len() == 10 && s.bytes().all(|b| b.is_ascii_hexdigit());
        match word.rsplit_once('-') {
            Some((name, suffix)) if n > 0 && hex(suffix) => out += &[name, "-?", rest].concat(),
            _ => out += part,
        }
    }
    out
}

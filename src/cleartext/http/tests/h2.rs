//! HTTP/2 (RFC 9113): scripts of connections, and the transactions they must give.

mod detect;
mod hostile;
mod loss;
mod random;
mod streams;

use super::{Script, body, hex, line, text};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;
const WHOLE: u8 = END_STREAM | END_HEADERS;

/// A frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// SETTINGS that say something.
fn settings() -> Vec<u8> {
    frame(4, 0, 0, hex("0003 0000 0064"))
}

fn settings_ack() -> Vec<u8> {
    frame(4, 1, 0, "")
}

/// A header block of literals that are not indexed, so that blocks can be put together at will.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    literals(0, fields)
}

/// Likewise of literals that are inserted into the table.
fn inserted(fields: &[(&str, &str)]) -> Vec<u8> {
    literals(0x40, fields)
}

fn literals(first: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(first);
        for part in [name, value] {
            out.push(
                u8::try_from(part.len())
                    .ok()
                    .filter(|len| *len < 127)
                    .unwrap(),
            );
            out.extend(part.as_bytes());
        }
    }
    out
}

/// A GET with `END_STREAM`.
fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, request("GET", path))
}

fn request(method: &str, path: &str) -> Vec<u8> {
    block(&[
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "shop.test"),
    ])
}

/// The head of a response, without `END_STREAM`.
fn status(stream: u32, status: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, block(&[(":status", status)]))
}

/// A whole response.
fn ok(stream: u32, content: &str) -> Vec<u8> {
    [
        status(stream, "200"),
        frame(DATA, END_STREAM, stream, content),
    ]
    .concat()
}

/// A connection whose beginnings have passed.
fn open() -> Script {
    let mut script = Script::new();
    script
        .c([PREFACE, &settings()].concat())
        .s([settings(), settings_ack()].concat())
        .c(settings_ack());
    script
}

fn head(script: &Script, at: usize) -> String {
    let tx = &script.seen[at];
    text(tx.slice(tx.request.as_ref().unwrap().head))
}

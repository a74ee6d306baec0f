//! HTTP/1.1 messages in bytes: what the callers send and the shop answers.

use rand::{Rng, RngExt};

use super::api::Sends;
use super::bodies::{self, Body};
use super::people::{hex, uuid};
use super::population::{Caller, Kind};
use super::visit::Call;
use crate::clock::EventTime;

/// The bytes of a request.
pub(super) fn request(caller: &Caller, call: &Call, rng: &mut impl Rng) -> Vec<u8> {
    let operation = call.operation;
    let mut body = bodies::request(operation.sends, caller.user, rng);
    let mut coding = "";
    if operation.sends == Sends::Events
        && let Some(packed) = bodies::gzip(&body.bytes)
    {
        body.bytes = packed;
        coding = "Content-Encoding: gzip\r\n";
    }
    let accepts = if caller.kind == Kind::Web {
        "Accept-Encoding: gzip, br\r\nAccept-Language: en-US,en;q=0.8\r\n"
    } else {
        ""
    };
    let head = format!(
        "{} {} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: {}\r\nAccept: application/json\r\n{accepts}{}X-Request-Id: {}\r\n{coding}",
        operation.method,
        call.target,
        caller.agent,
        caller.credential.header(),
        uuid(rng),
    );
    let needs_length = matches!(operation.method, "POST" | "PUT" | "PATCH");
    finish(head, &body, needs_length)
}

/// The bytes of the answer that the shop begins to send at `at`.
pub(super) fn response(caller: &Caller, call: &Call, at: EventTime, rng: &mut impl Rng) -> Vec<u8> {
    let mut body = if call.status < 400 {
        bodies::answer(call.operation.answers, caller.user, rng)
    } else {
        bodies::error(call.status, call.leaks, rng)
    };
    let mut extra = String::new();
    if call.operation.sends == Sends::Login && call.status == 200 {
        extra = format!(
            "Set-Cookie: sid={}; Path=/; HttpOnly; SameSite=Lax\r\n",
            hex(rng, 32)
        );
    }
    let packs = caller.kind == Kind::Web && body.bytes.len() > GZIP_FROM_BYTES;
    if packs
        && rng.random_bool(0.5)
        && let Some(packed) = bodies::gzip(&body.bytes)
    {
        body.bytes = packed;
        extra.push_str("Content-Encoding: gzip\r\n");
    }
    let head = format!(
        "HTTP/1.1 {} {}\r\nServer: shop\r\nDate: {}\r\nCache-Control: no-store\r\n{extra}",
        call.status,
        reason(call.status),
        http_date(at),
    );
    if call.status == 204 {
        finish(head, &Body::empty(), false)
    } else if body.bytes.len() > CHUNKED_FROM_BYTES {
        finish_chunked(&head, &body)
    } else {
        finish(head, &body, true)
    }
}

/// The host the shop answers for.
const HOST: &str = "api.shop.test";
const GZIP_FROM_BYTES: usize = 400;
const CHUNKED_FROM_BYTES: usize = 6_000;
const CHUNK_BYTES: usize = 4_096;

fn finish(mut head: String, body: &Body, with_length: bool) -> Vec<u8> {
    if !body.bytes.is_empty() {
        head.push_str("Content-Type: ");
        head.push_str(body.content_type);
        head.push_str("\r\n");
    }
    if with_length {
        head.push_str("Content-Length: ");
        head.push_str(&body.bytes.len().to_string());
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let mut message = head.into_bytes();
    message.extend_from_slice(&body.bytes);
    message
}

fn finish_chunked(head: &str, body: &Body) -> Vec<u8> {
    let mut message = format!(
        "{head}Content-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        body.content_type
    )
    .into_bytes();
    for chunk in body.bytes.chunks(CHUNK_BYTES) {
        message.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        message.extend_from_slice(chunk);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"0\r\n\r\n");
    message
}

/// `Date` as RFC 9110 section 5.6.7 wants it.
pub(super) fn http_date(at: EventTime) -> String {
    let seconds = i64::try_from(at.secs()).unwrap_or(0);
    jiff::Timestamp::from_second(seconds)
        .ok()
        .and_then(|stamp| {
            jiff::fmt::rfc2822::DateTimePrinter::new()
                .timestamp_to_rfc9110_string(&stamp)
                .ok()
        })
        .unwrap_or_default()
}

pub(super) const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

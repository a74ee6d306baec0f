//! The capture speed is measured on: 64 keep-alive connections, 200 bearer tokens, small JSON calls, 5 % errors, 30,000
//! transactions a second; a request of about 514 bytes and an answer of about 1,114, two packets a transaction.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp};

use super::capture::CaptureWriter;
use super::message::{http_date, reason};
use super::people::{alphanumeric, hex, test_card, uuid};
use super::tcp::{Connection, ROUND_TRIP_NANOS, Side};
use super::{DemoPlan, DemoTruth};
use crate::clock::EventTime;

/// Writes exactly `plan.transactions` transactions.
pub(super) fn write<W: Write>(
    mut sink: CaptureWriter<W>,
    plan: &DemoPlan,
) -> io::Result<DemoTruth> {
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    let tokens: Vec<String> = (0..TOKENS).map(|_| token(&mut rng)).collect();
    let requests: Vec<String> = (0..REQUESTS).map(|_| request(&tokens, &mut rng)).collect();
    let mut connections = open_all(plan.start, &mut rng, &mut sink);
    let latency = Exp::new(1.0 / MEAN_LATENCY_NANOS).map_err(io::Error::other)?;

    let mut now = plan.start.plus_nanos(2 * ROUND_TRIP_NANOS);
    for number in 0..plan.transactions {
        let round = usize::try_from(number).unwrap_or(usize::MAX);
        let connection = connections.get_mut(round % CONNECTIONS);
        let text = requests.get(rng.random_range(0..requests.len()));
        let (Some(connection), Some(text)) = (connection, text) else {
            break;
        };
        // Turns come round in a fixed order, so a connection's turn must end before its next begins.
        let answered = now.plus_nanos(nanos(latency.sample(&mut rng)));
        let target = text.split(' ').nth(1).unwrap_or("/");
        connection.send(Side::Client, text.as_bytes(), now, &mut sink);
        let response = response(target, answered, &mut rng);
        connection.send(Side::Server, response.as_bytes(), answered, &mut sink);
        now = now.plus_nanos(BETWEEN_NANOS);
        sink.flush_until(now)?;
    }
    let end = now.plus_nanos(TURN_NANOS);
    for connection in connections {
        connection.close(end, &mut sink);
    }
    let (packets, bytes) = sink.finish()?;
    Ok(DemoTruth {
        transactions: plan.transactions,
        connections: CONNECTIONS as u64,
        packets,
        bytes,
        tokens: TOKENS as u64,
        attacks: Vec::new(),
    })
}

const TOKENS: usize = 200;
const CONNECTIONS: usize = 64;
/// Distinct requests, sent again and again.
const REQUESTS: usize = 4_096;
/// From one request of the capture to the next: 30,000 a second.
const BETWEEN_NANOS: u64 = 33_333;
/// From one request of a connection to its next.
const TURN_NANOS: u64 = BETWEEN_NANOS * CONNECTIONS as u64;
const MEAN_LATENCY_NANOS: f64 = 250_000.0;

fn open_all<W: Write>(
    at: EventTime,
    rng: &mut impl Rng,
    sink: &mut CaptureWriter<W>,
) -> Vec<Connection> {
    let server = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 10), 8080);
    (0_u16..)
        .take(CONNECTIONS)
        .map(|number| {
            let client = SocketAddrV4::new(Ipv4Addr::new(198, 18, 0, 1), 40_000 + number);
            Connection::open(client, server, (rng.random(), rng.random()), at, sink)
        })
        .collect()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to one turn"
)]
fn nanos(drawn: f64) -> u64 {
    (60_000.0 + drawn).min(1_500_000.0) as u64
}

fn token(rng: &mut impl Rng) -> String {
    format!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{}.{}",
        alphanumeric(rng, 96),
        alphanumeric(rng, 43)
    )
}

fn request(tokens: &[String], rng: &mut impl Rng) -> String {
    let token = tokens
        .get(rng.random_range(0..tokens.len()))
        .map_or("", String::as_str);
    let (method, path, body) = target(rng);
    let framing = if body.is_empty() {
        String::new()
    } else {
        format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        )
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: api.example.test\r\n\
         User-Agent: shop-mobile/5.12.1 (iPhone; iOS 17.4; Scale/3.00)\r\nAccept: application/json\r\n\
         Authorization: Bearer {token}\r\nX-Request-Id: {}\r\nX-Forwarded-For: 203.0.113.{}\r\n\
         Accept-Language: en-US,en;q=0.8\r\n{framing}\r\n{body}",
        uuid(rng),
        rng.random_range(1..255)
    )
}

fn target(rng: &mut impl Rng) -> (&'static str, String, String) {
    let jane = rng.random_range(1..1_000);
    match rng.random_range(1..=100) {
        1..=35 => (
            "GET",
            format!("/api/v1/users/{}", rng.random_range(1..100_000)),
            String::new(),
        ),
        36..=55 => (
            "GET",
            format!(
                "/api/v1/orders/{}?expand=items&page={}",
                uuid(rng),
                jane % 9
            ),
            String::new(),
        ),
        56..=65 => (
            "GET",
            format!(
                "/api/v1/search?q={}&email=jane{jane}%40example.com",
                alphanumeric(rng, 8)
            ),
            String::new(),
        ),
        66..=75 => (
            "GET",
            format!(
                "/api/v2/accounts/{}/cards",
                rng.random_range(1_000_000..9_000_000)
            ),
            String::new(),
        ),
        76..=85 => (
            "POST",
            "/api/v1/payments".to_owned(),
            format!(
                r#"{{"card":"{}","exp":"12/29","cvv":"123","amount":{},"email":"jane{jane}@example.com"}}"#,
                test_card(rng),
                rng.random_range(100..99_999)
            ),
        ),
        86..=93 => (
            "POST",
            "/auth/login".to_owned(),
            format!(
                r#"{{"username":"jane{jane}@example.com","password":"{}","device":"{}"}}"#,
                alphanumeric(rng, 14),
                uuid(rng)
            ),
        ),
        94..=97 => (
            "PUT",
            format!("/api/v1/users/{}/profile", rng.random_range(1..100_000)),
            r#"{"phone":"+12025550143","ssn":"078-05-1120","dob":"1984-02-29"}"#.to_owned(),
        ),
        _ => (
            "DELETE",
            format!("/api/v1/sessions/{}", alphanumeric(rng, 32)),
            String::new(),
        ),
    }
}

fn response(target: &str, at: EventTime, rng: &mut impl Rng) -> String {
    let id = hex(rng, 32);
    let status = match rng.random_range(0..1_000) {
        0..5 => 500,
        5..15 => 503,
        15..35 => 404,
        35..45 => 401,
        45..50 => 429,
        _ => 200,
    };
    let path = target.split('?').next().unwrap_or(target);
    let body = if status == 200 {
        success(path, &id, rng.random_range(1..100_000))
    } else {
        format!(
            r#"{{"error":"{}","path":"{path}","request_id":"{id}"}}"#,
            reason(status)
        )
    };
    format!(
        "HTTP/1.1 {status} {}\r\nServer: nginx\r\nDate: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: keep-alive\r\nX-Request-Id: {id}\r\nCache-Control: no-store\r\n\
         Strict-Transport-Security: max-age=31536000\r\n\r\n{body}",
        reason(status),
        http_date(at),
        body.len()
    )
}

fn success(path: &str, id: &str, user: u32) -> String {
    format!(
        r#"{{"id":"{id}","path":"{path}","user":{{"name":"Maria Gonzalez-Petrov","email":"user.{user}@mail.example.org","phone":"+1-202-555-0143","address":{{"street":"1600 Example Ave Apt 12","city":"Springfield","zip":"62704","country":"US"}},"ip":"198.18.0.1"}},"session":"sess_{id}","created_at":"2026-01-05T00:00:00+00:00","items":[{{"sku":"A-10023","qty":2,"price":19.99,"title":"Stainless steel bottle 750 ml"}},{{"sku":"B-77120","qty":1,"price":149.50,"title":"Noise cancelling headphones"}},{{"sku":"C-00418","qty":5,"price":3.25,"title":"AA batteries (pack of 4)"}}],"card":{{"brand":"visa","last4":"1111","exp":"12/29","token":"tok_{id}"}},"flags":{{"beta":false,"vip":true,"locale":"en-US"}},"note":"Deliver to the side entrance, call before arrival; leave with the neighbour when nobody answers the door."}}"#
    )
}

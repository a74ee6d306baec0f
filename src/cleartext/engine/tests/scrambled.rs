//! However segments are cut, ordered, repeated and cut again, the transactions are the same: a thousand random connections
//! through decoding, reassembly and HTTP.

use std::fmt::Write as _;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::connection::Connection;
use crate::cleartext::http::transaction::Message;

/// Connections tried with every change; `HUSHTAP_STREAMS` says another number.
const STREAMS: u64 = 1_000;

/// What one side sends before the other answers: a flight.
struct Flight {
    from_client: bool,
    bytes: Vec<u8>,
}

fn body(random: &mut ChaCha8Rng) -> String {
    let length = match random.random_range(0..4) {
        0 => 0,
        1 => random.random_range(1..40),
        2 => random.random_range(40..2_000),
        _ => random.random_range(2_000..9_000),
    };
    (0..length)
        .map(|_| char::from(b"abc\r\n:0 GETHTTP/1.1"[random.random_range(0..19)]))
        .collect()
}

/// A message with its body in a random framing; a response may end with the connection if it is the last.
fn framed(start: &str, random: &mut ChaCha8Rng, last: bool) -> String {
    let body = body(random);
    let mut text = format!(
        "{start}\r\nX-Noise: {}\r\n",
        "n".repeat(random.random_range(0..60))
    );
    match random.random_range(0..3) {
        0 => {
            text += "Transfer-Encoding: chunked\r\n\r\n";
            let mut rest = body.as_str();
            while !rest.is_empty() {
                let (chunk, more) = rest.split_at(random.random_range(1..=rest.len()));
                write!(text, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
                rest = more;
            }
            text += if random.random() {
                "0\r\n\r\n"
            } else {
                "0\r\nT: v\r\n\r\n"
            };
        }
        1 if last && start.starts_with("HTTP") => {
            text += "\r\n";
            text += &body;
        }
        _ => write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap(),
    }
    text
}

/// A connection: pipelines of one to four requests, each answered in order.
fn conversation(random: &mut ChaCha8Rng) -> Vec<Flight> {
    let rounds = random.random_range(1..5);
    let mut flights = Vec::new();
    for round in 0..rounds {
        let pipelined = random.random_range(1..5);
        let (mut requests, mut responses) = (String::new(), String::new());
        for n in 0..pipelined {
            let last = round + 1 == rounds && n + 1 == pipelined;
            let head = random.random_range(0..8) == 0 && !last;
            let method = ["GET", "POST", "PUT", "DELETE"][random.random_range(0..4)];
            if head {
                requests += "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n";
                responses += "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n";
                continue;
            }
            requests += &framed(&format!("{method} /{round}/{n} HTTP/1.1"), random, false);
            if random.random_range(0..6) == 0 {
                responses += "HTTP/1.1 100 Continue\r\n\r\n";
            }
            let status = [200, 201, 404, 500][random.random_range(0..4)];
            responses += &framed(&format!("HTTP/1.1 {status} Text"), random, last);
        }
        flights.push(Flight {
            from_client: true,
            bytes: requests.into_bytes(),
        });
        flights.push(Flight {
            from_client: false,
            bytes: responses.into_bytes(),
        });
    }
    flights
}

/// A segment: offset in its stream and bytes.
type Piece<'a> = (usize, &'a [u8]);

/// Cuts a flight; out of order, some pieces twice, some again with other borders.
fn scrambled<'a>(bytes: &'a [u8], base: usize, random: &mut ChaCha8Rng) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let mut at = 0;
    let largest = [1_460, 40, 400][random.random_range(0..3)];
    while at < bytes.len() {
        let len = random.random_range(1..=largest).min(bytes.len() - at);
        pieces.push((base + at, &bytes[at..at + len]));
        at += len;
    }
    for n in (1..pieces.len()).rev() {
        // Mostly near its place, as on real paths.
        let reach = if random.random_range(0..4) == 0 {
            n
        } else {
            n.min(3)
        };
        pieces.swap(n, n - random.random_range(0..=reach));
    }
    for _ in 0..random.random_range(0..4) {
        let from = random.random_range(0..bytes.len());
        let to = random.random_range(from..bytes.len().min(from + 1_460));
        let place = random.random_range(0..=pieces.len());
        pieces.insert(place, (base + from, &bytes[from..to]));
    }
    pieces
}

/// Feeds a connection; every transaction in words, times left out.
fn replay(
    flights: &[Flight],
    mut cut: impl FnMut(&[u8], usize) -> Vec<(usize, Vec<u8>)>,
) -> Vec<String> {
    let mut connection = Connection::open(|tx| {
        let text = |message: Option<&Message>| {
            message.map_or_else(String::new, |message| {
                let head = String::from_utf8_lossy(tx.slice(message.head)).into_owned();
                let body = blake3::hash(tx.slice(message.body));
                format!("{head} {} {body}", message.body_bytes)
            })
        };
        format!(
            "{} {:?} {} {}",
            tx.index,
            tx.state,
            text(tx.request.as_ref()),
            text(tx.response.as_ref())
        )
    });
    let mut sent = [0_usize; 2];
    for flight in flights {
        let (own, other) = if flight.from_client { (0, 1) } else { (1, 0) };
        for (offset, bytes) in cut(&flight.bytes, sent[own]) {
            connection.send(flight.from_client, offset, sent[other], &bytes);
        }
        sent[own] += flight.bytes.len();
    }
    let mut seen = connection.close(sent);
    seen.sort();
    seen
}

#[test]
fn a_thousand_scrambled_connections_give_what_the_plain_ones_give() {
    let streams = std::env::var("HUSHTAP_STREAMS")
        .ok()
        .and_then(|text| text.parse().ok());
    let mut transactions = 0;
    for seed in 0..streams.unwrap_or(STREAMS) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let flights = conversation(&mut random);
        let plain = replay(&flights, |bytes, base| {
            let pieces = bytes.chunks(60_000).enumerate();
            pieces
                .map(|(n, piece)| (base + n * 60_000, piece.to_vec()))
                .collect()
        });
        let mixed = replay(&flights, |bytes, base| {
            let pieces = scrambled(bytes, base, &mut random);
            pieces
                .into_iter()
                .map(|(offset, piece)| (offset, piece.to_vec()))
                .collect()
        });
        assert!(
            plain.iter().all(|line| line.contains("Complete")),
            "seed {seed}: {plain:#?}"
        );
        assert_eq!(plain, mixed, "seed {seed}");
        transactions += plain.len();
    }
    assert!(transactions > 2_000);
}

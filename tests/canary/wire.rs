//! HTTP messages, and the packets they travel in.

use std::io::Write as _;

use etherparse::PacketBuilder;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::{Rng, RngExt as _};

/// Who sends the planted message, and what answers or asks for it.
pub(crate) struct Message {
    bytes: Vec<u8>,
    response: bool,
}

const REQUEST: &[u8] = b"GET /v1/items HTTP/1.1\r\nHost: api.shop.test\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// The body, or whole message, of a place as an HTTP/1.1 message.
pub(crate) fn message(format: &str, text: &[u8], random: &mut impl Rng) -> Message {
    if format == "http" {
        let end = memchr::memmem::find(text, b"\r\n\r\n").map_or(text.len(), |at| at + 2);
        let (head, body) = (&text[..end], text.get(end + 2..).unwrap_or_default());
        return Message {
            bytes: framed(head, body, random),
            response: text.starts_with(b"HTTP/"),
        };
    }
    let kind: &[u8] = match format {
        "json" => b"application/json",
        "ndjson" => b"application/x-ndjson",
        "form" => b"application/x-www-form-urlencoded",
        "xml" => b"application/xml",
        "multipart" => b"multipart/form-data; boundary=B",
        "sse" => b"text/event-stream",
        "text" => b"text/plain",
        _ => b"",
    };
    let response = random.random();
    let start: &[u8] = if response {
        b"HTTP/1.1 200 OK\r\n"
    } else {
        b"POST /v1/items HTTP/1.1\r\nHost: api.shop.test\r\n"
    };
    let mut head = start.to_vec();
    if !kind.is_empty() {
        head.extend([b"Content-Type: ", kind, b"\r\n"].concat());
    }
    Message {
        bytes: framed(&head, text, random),
        response,
    }
}

/// Head and body in a random framing and coding, where the head does not say any already.
fn framed(head: &[u8], body: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let lower = head.to_ascii_lowercase();
    let says = |name: &[u8]| memchr::memmem::find(&lower, name).is_some();
    let mut out = head.to_vec();
    let mut body = body.to_vec();
    if !body.is_empty() && !says(b"content-encoding") && random.random_range(0..3) == 0 {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&body).unwrap();
        body = gzip.finish().unwrap();
        out.extend(b"Content-Encoding: gzip\r\n");
    }
    let said = says(b"content-length") || says(b"transfer-encoding");
    if said || (body.is_empty() && !head.starts_with(b"HTTP/")) {
        out.extend(b"\r\n");
        out.extend(body);
    } else if random.random() {
        out.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        out.extend(body);
    } else {
        out.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        let mut rest = body.as_slice();
        while !rest.is_empty() {
            let (chunk, more) = rest.split_at(random.random_range(1..=rest.len()));
            out.extend(format!("{:x}\r\n", chunk.len()).bytes());
            out.extend([chunk, b"\r\n"].concat());
            rest = more;
        }
        out.extend(b"0\r\n\r\n");
    }
    out
}

/// A capture being written.
pub(crate) struct Capture {
    bytes: Vec<u8>,
    micros: u64,
    connections: u16,
}

impl Default for Capture {
    fn default() -> Self {
        let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];
        Self {
            bytes: header.iter().flat_map(|n| n.to_le_bytes()).collect(),
            micros: 0,
            connections: 0,
        }
    }
}

/// Initial sequence numbers; the server's wraps soon.
const STARTS: [u32; 2] = [1_000, u32::MAX - 300];

impl Capture {
    /// The capture as a file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A connection in which the message is asked for or answered.
    pub(crate) fn conversation(&mut self, message: &Message, random: &mut impl Rng) {
        self.connections += 1;
        let flights = if message.response {
            [REQUEST, &message.bytes]
        } else {
            [&message.bytes, RESPONSE]
        };
        self.packet(0, [0, 0], "S", b"");
        self.packet(1, [0, 1], "SA", b"");
        let mut sent = [1_u32, 1];
        for (side, flight) in flights.into_iter().enumerate() {
            for (offset, piece) in pieces(flight, random) {
                let seq = sent[side] + u32::try_from(offset).unwrap();
                self.packet(side, [seq, sent[1 - side]], "A", piece);
            }
            sent[side] += u32::try_from(flight.len()).unwrap();
        }
        self.packet(1, [sent[1], sent[0]], "FA", b"");
        self.packet(0, [sent[0], sent[1] + 1], "FA", b"");
    }

    fn packet(&mut self, side: usize, [seq, ack]: [u32; 2], flags: &str, payload: &[u8]) {
        self.micros += 50;
        let ends = [[198, 18, 0, 9], [198, 18, 0, 1]];
        let ports = [20_000 + self.connections, 80];
        let place = |side: usize, at: u32| STARTS[side].wrapping_add(at);
        let mut tcp = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4(ends[side], ends[1 - side], 64)
            .tcp(ports[side], ports[1 - side], place(side, seq), 65_535);
        if flags.contains('A') {
            tcp = tcp.ack(place(1 - side, ack));
        }
        if flags.contains('S') {
            tcp = tcp.syn();
        }
        if flags.contains('F') {
            tcp = tcp.fin();
        }
        let mut frame = Vec::new();
        tcp.write(&mut frame, payload).unwrap();
        let len = u32::try_from(frame.len()).unwrap();
        let seconds = 1_790_000_000 + u32::try_from(self.micros / 1_000_000).unwrap();
        let micros = u32::try_from(self.micros % 1_000_000).unwrap();
        for number in [seconds, micros, len, len] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes.extend(frame);
    }
}

/// Segments of a flight: cut anywhere, a few out of order or twice.
fn pieces<'a>(bytes: &'a [u8], random: &mut impl Rng) -> Vec<(usize, &'a [u8])> {
    let largest = [1_460, 3, 40][random.random_range(0..3)];
    let (mut all, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let len = random.random_range(1..=largest).min(bytes.len() - at);
        all.push((at, &bytes[at..at + len]));
        at += len;
    }
    for n in 1..all.len() {
        if random.random_range(0..4) == 0 {
            all.swap(n, n - 1);
        }
    }
    if random.random_range(0..3) == 0 {
        let from = random.random_range(0..bytes.len());
        let to = random.random_range(from..=bytes.len()).min(from + 1_460);
        let place = random.random_range(0..=all.len());
        all.insert(place, (from, &bytes[from..to]));
    }
    all
}

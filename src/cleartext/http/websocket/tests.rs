//! Frames by hand, messages by a real compressor, anything at all.

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::*;
use crate::cleartext::mutation;

/// What is kept of each direction.
const LIMIT: usize = 64;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame: first byte, payload, masked or not.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(bit | short as u8),
        middle @ 126..65_536 => {
            bytes.push(bit | 0x7e);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(bit | 0x7f);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    if masked {
        bytes.extend(KEY);
        bytes.extend(
            payload
                .iter()
                .zip(KEY.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// Messages compressed one after the other, as permessage-deflate puts them into frames.
fn compressed(messages: &[&[u8]], forgets: bool) -> Vec<Vec<u8>> {
    let mut state = Compress::new(Compression::default(), false);
    messages
        .iter()
        .map(|message| {
            if forgets {
                state.reset();
            }
            let mut out = Vec::with_capacity(message.len() + 1_000);
            state
                .compress_vec(message, &mut out, FlushCompress::Sync)
                .unwrap();
            assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xff, 0xff]);
            out
        })
        .collect()
}

struct Seen {
    session: Session,
    tally: TallySheet,
}

impl Seen {
    fn new(deflate: Option<Deflate>) -> Self {
        Self {
            session: Session::new(deflate, LIMIT),
            tally: TallySheet::default(),
        }
    }

    fn client(mut self, bytes: &[u8]) -> Self {
        self.session.data(Role::Client, bytes, &self.tally);
        self
    }

    fn server(mut self, bytes: &[u8]) -> Self {
        self.session.data(Role::Server, bytes, &self.tally);
        self
    }

    /// Messages, their bytes, broken ones, directions given up.
    fn counts(&self) -> (u64, u64, u64, u64) {
        let of = |tally| self.tally.get(tally);
        (
            of(Tally::WebSocketMessages),
            of(Tally::WebSocketBytes),
            of(Tally::WebSocketBroken),
            of(Tally::WebSocketLost),
        )
    }
}

#[test]
fn messages_are_counted_over_frames_and_between_control_frames() {
    let seen = Seen::new(None)
        .client(&frame(0x81, b"Hello", true))
        .client(&frame(0x01, b"Hel", true))
        .client(&frame(0x89, b"ping", true))
        .client(&frame(0x80, b"lo", true))
        .server(&frame(0x82, &vec![7; 70_000], false))
        .server(&frame(0x88, &[3, 0xe8], false));
    assert_eq!(seen.counts(), (3, 70_010, 0, 0));
}

#[test]
fn compressed_messages_are_undone() {
    let text = br#"{"type":"order","card":"4111111111111111","note":"the same again and again"}"#;
    for forgets in [true, false] {
        let deflate = Deflate {
            client_forgets: forgets,
            server_forgets: forgets,
        };
        let mut seen = Seen::new(Some(deflate));
        for message in compressed(&[text, text, text], forgets) {
            seen = seen.client(&frame(0xc1, &message, true));
        }
        assert_eq!(seen.counts(), (3, 3 * text.len() as u64, 0, 0), "{forgets}");
    }
}

#[test]
fn what_was_agreed_is_read() {
    let agreed = |value: &str| Deflate::agreed(value.as_bytes());
    assert_eq!(agreed("x-webkit-deflate-frame"), None);
    let both = agreed("permessage-deflate; server_no_context_takeover; client_max_window_bits=12")
        .unwrap();
    assert!(both.server_forgets && !both.client_forgets);
}

#[test]
fn a_hole_inside_a_payload_costs_one_message() {
    let bytes = frame(0x82, &[1; 100], false);
    let mut seen = Seen::new(None).server(&bytes[..20]);
    seen.session.gap(Role::Server, Some(50), &seen.tally);
    let seen = seen
        .server(&bytes[70..])
        .server(&frame(0x81, b"next", false));
    assert_eq!(seen.counts(), (2, 104, 1, 0));
    let mut lost = Seen::new(None).server(&bytes);
    lost.session.gap(Role::Server, Some(5), &lost.tally);
    assert_eq!(lost.server(&bytes).counts(), (1, 100, 0, 1));
}

#[test]
fn what_is_no_frame_ends_a_direction() {
    for bytes in [
        frame(0x83, b"reserved opcode", true),
        frame(0xc1, b"compressed without agreement", true),
        frame(0xa1, b"reserved bit", true),
        frame(0x80, b"continues nothing", true),
        frame(0x81, b"not masked", false),
    ] {
        assert_eq!(Seen::new(None).client(&bytes).counts(), (0, 0, 0, 1));
    }
}

#[test]
fn a_bomb_is_given_up() {
    let zeros = vec![0; 64 << 20];
    let deflate = Deflate {
        client_forgets: false,
        server_forgets: false,
    };
    let bomb = compressed(&[&zeros], false).remove(0);
    let (_, bytes, broken, _) = Seen::new(Some(deflate))
        .client(&frame(0xc2, &bomb, true))
        .counts();
    assert!(broken <= 1 && bytes <= 64 << 20);
}

proptest! {
    #[test]
    fn any_cut_gives_the_same(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..400), 1..8),
        cuts in proptest::collection::vec(1_usize..50, 1..20),
        deflate in any::<bool>(),
    ) {
        let agreed = deflate.then_some(Deflate { client_forgets: false, server_forgets: false });
        let parts: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let bytes: Vec<u8> = if deflate {
            compressed(&parts, false).iter().flat_map(|message| frame(0xc2, message, true)).collect()
        } else {
            parts.iter().flat_map(|message| frame(0x82, message, true)).collect()
        };
        let total = messages.iter().map(|message| message.len() as u64).sum::<u64>();
        let mut seen = Seen::new(agreed);
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            seen = seen.client(piece);
            rest = more;
        }
        prop_assert_eq!(seen.counts(), (messages.len() as u64, total, 0, 0));
    }
}

/// The first byte says what was agreed, the rest goes both ways in pieces of 32 bytes.
fn fuzz_websocket(data: &[u8]) {
    let first = data.first().copied().unwrap_or(0);
    let deflate = (first & 1 == 1).then_some(Deflate {
        client_forgets: first & 2 == 2,
        server_forgets: first & 4 == 4,
    });
    let mut seen = Seen::new(deflate);
    for (n, piece) in data.chunks(32).enumerate() {
        let role = if n % 2 == 0 {
            Role::Client
        } else {
            Role::Server
        };
        if n % 5 == 4 {
            seen.session
                .gap(role, Some(u64::from(piece[0])), &seen.tally);
        }
        seen.session.data(role, piece, &seen.tally);
        assert!(seen.session.memory() < 200 << 10);
    }
    Deflate::agreed(data);
}

#[test]
fn mutations_of_websockets() {
    let seeds = [
        frame(0x81, b"Hello", true),
        [
            vec![1],
            frame(0xc1, &compressed(&[b"hello hello hello"], false)[0], true),
        ]
        .concat(),
        frame(0x82, &[9; 300], false),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    mutation::run("websocket", fuzz_websocket, &seeds);
}

#[test]
fn binary_messages_are_kept_where_they_are_json() {
    let mut seen = Seen::new(None)
        .client(&frame(0x82, br#"{"a":1}"#, true))
        .client(&frame(0x82, b"\x0a\x03abc\xff", true))
        .client(&frame(0x81, b"text", true))
        .client(&frame(0x02, b"half\x00", true));
    let said = seen.session.take_said(Role::Client);
    let said = String::from_utf8(said).unwrap();
    assert_eq!(
        said,
        "{\"a\":1}\n\"MASKED-binary\"\ntext\n\"MASKED-binary\""
    );
    let deflate = Deflate {
        client_forgets: false,
        server_forgets: false,
    };
    let mut seen = Seen::new(Some(deflate));
    for message in compressed(&[b"\x00\x01", b"[1]", b"plain"], false) {
        seen = seen.client(&frame(0xc2, &message, true));
    }
    let said = seen.session.take_said(Role::Client);
    assert_eq!(said, b"\"MASKED-binary\"\n[1]\n\"MASKED-binary\"");
}

#[test]
fn what_is_beyond_the_limit_is_counted() {
    let mut seen = Seen::new(None)
        .client(&frame(0x81, &[b'a'; LIMIT - 1], true))
        .client(&frame(0x81, &[b'b'; 10], true))
        .server(&frame(0x81, b"short", false));
    assert!(!seen.session.is_full(), "the server may say more");
    assert_eq!(seen.tally.get(Tally::LimitWebSocket), 1);
    assert_eq!(seen.session.take_said(Role::Client).len(), LIMIT - 1);
    assert_eq!(seen.session.take_said(Role::Server), b"short");
    let seen = seen.server(&frame(0x81, b"later", false));
    assert_eq!(seen.tally.get(Tally::LimitWebSocket), 2);
    assert_eq!(seen.counts(), (4, (LIMIT + 9 + 10) as u64, 0, 0));
}

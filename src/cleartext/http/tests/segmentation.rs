//! However the bytes are cut into segments, the transactions are the same.

use proptest::prelude::*;

use super::{Script, get, hex, line, ok, text};
use crate::cleartext::http::fuzz::{fuzz_flow, fuzz_flow_h2};
use crate::cleartext::http::h2::{fuzz_hpack, fuzz_signs};
use crate::cleartext::http::transaction::{Message, Transaction};
use crate::observation::TxState;

/// Streams made of the behaviours above, without loss.
fn exchange() -> impl Strategy<Value = (String, String)> {
    let request = prop_oneof![
        Just(get("/a")),
        Just("POST /b HTTP/1.1\r\nContent-Length: 5\r\nX: \r\n y\r\n\r\nhello".to_owned()),
        Just("PUT /c HTTP/1.0\nTransfer-Encoding: chunked\n\n3\nabc\n0\nT: u\n\n".to_owned()),
        Just("\r\nM-SEARCH * http/1.1\r\n\r\n".to_owned()),
    ];
    let response = prop_oneof![
        "[a-z\r\n]{0,20}".prop_map(|body| ok(&body)),
        Just(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;e\r\nhi\r\n0\r\n\r\n"
                .to_owned()
        ),
        Just(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned()
        ),
        Just("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n".to_owned()),
        Just("HTTP/1.1 500 Oops\nA: b\nContent-Length: 1\n\nx".to_owned()),
    ];
    (request, response)
}

/// Everything about a transaction that must not depend on how the bytes were cut into segments.
pub(super) fn whole(tx: &Transaction) -> String {
    let fields = |message: Option<&Message>| {
        message.map(|message| {
            let fields: Vec<_> = tx
                .fields(message)
                .map(|(n, v)| (text(n), text(v)))
                .collect();
            (
                text(tx.slice(message.head)),
                text(tx.slice(message.body)),
                fields,
                message.trailers,
            )
        })
    };
    format!(
        "{} {:?} {:?} {:?}",
        line(tx),
        fields(tx.request.as_ref()),
        fields(tx.response.as_ref()),
        tx.notes
    )
}

proptest! {
    #[test]
    fn segmentation_does_not_matter(
        exchanges in proptest::collection::vec(exchange(), 1..5),
        cuts in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let mut plain = Script::new();
        let mut cut = Script::new();
        let mut sizes = cuts.iter().cycle();
        for (request, response) in &exchanges {
            plain.c(request).s(response);
            for (from_client, mut rest) in [(true, request.as_bytes()), (false, response.as_bytes())] {
                while !rest.is_empty() {
                    let (piece, more) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                    if from_client { cut.c(piece); } else { cut.s(piece); }
                    rest = more;
                }
            }
        }
        plain.expire();
        cut.expire();
        prop_assert_eq!(plain.seen.len(), exchanges.len());
        prop_assert_eq!(
            plain.seen.iter().map(whole).collect::<Vec<_>>(),
            cut.seen.iter().map(whole).collect::<Vec<_>>()
        );
        prop_assert!(plain.seen.iter().all(|tx| tx.state == TxState::Complete));
    }

    #[test]
    fn any_chunks_are_survived_within_bounds(data in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        fuzz_flow(&data);
        fuzz_flow_h2(&data);
    }
}

#[test]
fn mutations_of_flows() {
    let seeds: Vec<Vec<u8>> = (0..32_u8)
        .map(|n| {
            (0..64_u8)
                .map(|k| n.wrapping_mul(37) ^ k.wrapping_mul(11))
                .collect()
        })
        .collect();
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    crate::cleartext::mutation::run("http flow", fuzz_flow, &seeds);
    crate::cleartext::mutation::run("http/2 flow", fuzz_flow_h2, &seeds);
}

#[test]
fn mutations_of_header_blocks() {
    let seeds = [
        hex("0e 8286 8441 0a61 612e 6578 6d70 6c65 2e"),
        hex("11 3fe1 0148 8264 0258 85ae c377 1a4b 61be c0 05 8890 bebf c0"),
        hex("20 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    crate::cleartext::mutation::run("hpack", fuzz_hpack, &seeds);
}

#[test]
fn mutations_of_first_bytes() {
    let seeds = [
        hex("0000060400000000000003000000640000000401000000 00"),
        hex("00000301050000000182848600000301050000000382c086"),
        hex("000001010500000003 8d 000004000100000003 61626364"),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    crate::cleartext::mutation::run("http/2 signs", fuzz_signs, &seeds);
}

#[test]
fn mutations_of_bodies() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(vec![0], flate2::Compression::default());
    gzip.write_all(b"{\"a\":1,\"a\":1,\"a\":1}").unwrap();
    let gzip = gzip.finish().unwrap();
    crate::cleartext::mutation::run(
        "body",
        crate::cleartext::http::body::fuzz_decode,
        &[&gzip, b"\x01hello", b"\x02{\"a\":[1,2]}"],
    );
}

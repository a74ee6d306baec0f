//! However the bytes are cut into segments, the transactions are the same.

use proptest::prelude::*;

use super::{Script, get, line, ok, text};
use crate::cleartext::http::fuzz::fuzz_flow;
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
fn whole(tx: &Transaction) -> String {
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

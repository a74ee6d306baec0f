//! Every place of HTTP in which a secret hides, one line of `places.ndjson` each, and the canary: a unique secret planted in
//! one of them, in one of the encodings that the place takes, must not be in any decoded view of the result.

use super::{encoded, mask, rules, views};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::{Filter, Format};
use crate::cleartext::mutation;

/// A secret that only its name gives away, and one that its shape does.
const SECRET: &str = "Zq7xK2mWp9Lt4vRb";
const EMAIL: &str = "jane.q@example.org";

#[derive(serde::Deserialize)]
struct Place {
    what: String,
    format: String,
    text: String,
    gone: String,
}

fn places() -> &'static [Place] {
    static PLACES: std::sync::OnceLock<Vec<Place>> = std::sync::OnceLock::new();
    PLACES.get_or_init(|| {
        include_str!("places.ndjson")
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    })
}

fn format(name: &str) -> Format {
    match name {
        "json" | "ndjson" => Format::Json,
        "form" => Format::Form,
        "http" => Format::Http,
        "xml" => Format::Xml,
        "multipart" => Format::Multipart,
        "sse" => Format::Sse,
        "text" => Format::Text,
        _ => Format::Auto,
    }
}

fn fill(template: &str, secret: &str, email: &str) -> String {
    template.replace("{S}", secret).replace("{E}", email)
}

#[test]
fn no_place_hides_a_secret() {
    let places = places();
    assert!(places.len() >= 150, "{}", places.len());
    let mut leaks = Vec::new();
    for place in places {
        let text = fill(&place.text, SECRET, EMAIL);
        let gone = fill(&place.gone, SECRET, EMAIL);
        let format = format(&place.format);
        let once = mask(&text, format);
        if views(&once).iter().any(|view| view.contains(&gone)) {
            leaks.push(format!("{}: {once}", place.what));
        }
        assert_eq!(
            mask(&once, format),
            once,
            "{}: masking twice is masking once",
            place.what
        );
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// The encodings that a format takes for a value, over and over.
fn chain(format: &str, choice: u8, value: &str) -> String {
    let codec = match format {
        "json" | "ndjson" | "sse" => Codec::Json,
        "form" | "http" => Codec::Form,
        "xml" => Codec::Xml,
        _ => Codec::Plain,
    };
    let each = |prefix: &str, suffix: &str| {
        value.chars().fold(String::new(), |all, c| {
            all + &format!("{prefix}{:04x}{suffix}", u32::from(c))
        })
    };
    let percent = || {
        value
            .bytes()
            .fold(String::new(), |all, b| all + &format!("%{b:02x}"))
    };
    match (codec, choice % 4) {
        (Codec::Json, 1) => each("\\u", ""),
        (Codec::Xml, 1) => each("&#x", ";"),
        (Codec::Form, 1) => percent(),
        (Codec::Form | Codec::Json | Codec::Xml, 2) => {
            encoded(codec, &encoded(Codec::Percent, value))
        }
        (Codec::Form, 3) => encoded(codec, &encoded(Codec::Form, &encoded(codec, value))),
        _ => encoded(codec, value),
    }
}

/// What canaries are made of.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Plants a canary as the bytes say: where, how encoded, and what it is.
fn canary(data: &[u8]) {
    let places = places();
    let byte = |i: usize| data.get(i).copied().unwrap_or(0);
    let number = usize::from(byte(0)) % places.len();
    let place = &places[number];
    let mut mark: String = (2..14)
        .map(|i| char::from(ALPHABET[usize::from(byte(i) & 31)]))
        .collect();
    mark.insert_str(6, "4Q7x");
    let secret = format!("{mark}Zb9K");
    let email = format!("{mark}@example.org");
    // Where the template itself is encoded already, or wants a text of a certain form, the value stands as it is.
    let choice = if place.text.contains('%') || place.text.contains("\\\\") {
        0
    } else {
        byte(1)
    };
    let text = fill(
        &place.text,
        &chain(&place.format, choice, &secret),
        &chain(&place.format, choice, &email),
    );
    if place.gone != "{S}" && place.gone != "{E}" {
        return;
    }
    let masked = mask(&text, format(&place.format));
    for view in views(&masked) {
        assert!(
            !view.contains(&mark),
            "{}: {text} became {masked}",
            place.what
        );
    }
}

#[test]
fn mutations_of_canaries() {
    let seeds: Vec<[u8; 14]> = (0..=255_u8)
        .map(|n| {
            let mut seed = [n; 14];
            for (i, byte) in seed.iter_mut().enumerate().skip(1) {
                *byte = n
                    .wrapping_mul(31)
                    .wrapping_add(u8::try_from(i).unwrap().wrapping_mul(17));
            }
            seed
        })
        .collect();
    let seeds: Vec<&[u8]> = seeds.iter().map(<[u8; 14]>::as_slice).collect();
    mutation::run("canary", canary, &seeds);
}

#[test]
fn grpc_and_protobuf_bodies_keep_their_structure() {
    let mut filter = Filter::new(rules(), [7; 32]);
    let message = b"\x0a\x12jane.q@example.org\x10\x96\x01\x1a\x0d\x0a\x05hello\x10\xd1\xc1\xc1\xf1\x01\x22\x02\xff\xfe";
    let (bare, found) = filter.mask(message, Format::Protobuf);
    assert!(bare.starts_with("{\"1\":\"MASKED-email-"), "{bare}");
    assert!(
        bare.ends_with(
            ",\"2\":150,\"3\":{\"1\":\"hello\",\"2\":506486993},\"4\":\"MASKED-binary\"}"
        ),
        "{bare}"
    );
    assert_eq!((found.len(), found[0].location.as_str()), (1, "$.1"));
    let mut framed = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    framed.extend_from_slice(message);
    // A second frame, compressed, and a third that is cut off.
    framed.extend_from_slice(b"\x01\0\0\0\x02ab\0\0\0\0\x7f\x0a\x70secret");
    let (grpc, found) = filter.mask(&framed, Format::Grpc);
    let lines: Vec<_> = grpc.lines().collect();
    assert_eq!(
        lines,
        [
            bare.as_str(),
            "\"MASKED-binary\"",
            "{\"1\":\"MASKED-unparsed\"}"
        ]
    );
    assert_eq!(found.len(), 1);
    // A card number as a varint.
    let mut card = vec![0x08];
    let mut value = 4_111_111_111_111_111_u64;
    while value >= 128 {
        card.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    card.push(u8::try_from(value).unwrap());
    assert_eq!(filter.mask(&card, Format::Protobuf).0, "{\"1\":0}");
}

#[test]
fn harmless_tables_lists_and_words_stay() {
    for (text, how) in [
        (
            "id,name,total\n1,Blue shoes,12\n2,Red hat,9\n",
            Format::Text,
        ),
        (
            "INSERT INTO items (sku, price) VALUES ('KMG-1', 12)",
            Format::Text,
        ),
        ("run --verbose -u build --mode fast", Format::Text),
        ("größer – als ‘zuvor’, ２ Stück", Format::Text),
        (r#"[["email","asc"],["name","desc"]]"#, Format::Json),
        (
            r#"{"type":"email","data":{"id":"a1","status":"sent"}}"#,
            Format::Json,
        ),
        ("tags:\n  - red\n  - blue\nother: 1\n", Format::Text),
        ("data: {\"a\":1}\ndata: {\"b\":2}\n\n", Format::Sse),
    ] {
        assert_eq!(mask(text, how), text);
    }
}

//! The vectors of RFC 7541 Appendix C, the decoder against another one, and joining midstream against the whole.

use proptest::prelude::*;

use super::{Decoder, End, FieldList, fuzz_hpack};
use crate::cleartext::http::tests::hex;

type Pair = (Vec<u8>, Vec<u8>);

fn read(decoder: &mut Decoder, block: &[u8]) -> (Vec<Pair>, u64, End) {
    let mut list = FieldList::default();
    list.clear(1 << 20, 1 << 16);
    let end = decoder.decode(block, &mut list);
    let fields = list.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    (fields, list.unknown, end)
}

fn text(fields: &[Pair]) -> String {
    let line = |(n, v): &Pair| {
        format!(
            "{}: {}\n",
            String::from_utf8_lossy(n),
            String::from_utf8_lossy(v)
        )
    };
    fields.iter().map(line).collect()
}

/// Blocks of one connection, each with the fields it must give.
fn vectors(blocks: &[(&str, &str)]) {
    let mut decoder = Decoder::at_start();
    for (digits, want) in blocks {
        let (fields, unknown, end) = read(&mut decoder, &hex(digits));
        assert_eq!(
            (text(&fields).as_str(), unknown, end),
            (*want, 0, End::Whole)
        );
    }
}

const REQUESTS: [&str; 3] = [
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n",
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n",
    ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n",
];

const RESPONSES: [&str; 3] = [
    ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n",
    ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n",
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\ncontent-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n",
];

#[test]
fn literals_of_appendix_c_2() {
    vectors(&[(
        "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        "custom-key: custom-header\n",
    )]);
    vectors(&[(
        "040c 2f73 616d 706c 652f 7061 7468",
        ":path: /sample/path\n",
    )]);
    vectors(&[(
        "1008 7061 7373 776f 7264 0673 6563 7265 74",
        "password: secret\n",
    )]);
    vectors(&[("82", ":method: GET\n")]);
}

#[test]
fn requests_of_appendix_c_3_and_c_4() {
    vectors(&[
        (
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            REQUESTS[0],
        ),
        ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1]),
        (
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            REQUESTS[2],
        ),
    ]);
    vectors(&[
        ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", REQUESTS[0]),
        ("8286 84be 5886 a8eb 1064 9cbf", REQUESTS[1]),
        (
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            REQUESTS[2],
        ),
    ]);
}

#[test]
fn responses_of_appendix_c_5_and_c_6_with_a_table_of_256_octets() {
    // The examples set the size by SETTINGS; here the encoder says it.
    vectors(&[
        (
            "3fe1 01 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            RESPONSES[0],
        ),
        ("4803 3330 37c1 c0bf", RESPONSES[1]),
        (
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
            RESPONSES[2],
        ),
    ]);
    vectors(&[
        (
            "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
            RESPONSES[0],
        ),
        ("4883 640e ffc1 c0bf", RESPONSES[1]),
        (
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            RESPONSES[2],
        ),
    ]);
}

#[test]
fn joined_midstream_what_was_not_seen_inserted_is_unknown() {
    let mut decoder = Decoder::midstream();
    let (fields, unknown, end) = read(&mut decoder, &hex("8286 84be 5886 a8eb 1064 9cbf"));
    assert_eq!(
        text(&fields),
        ":method: GET\n:scheme: http\n:path: /\ncache-control: no-cache\n"
    );
    assert_eq!((unknown, end), (1, End::Whole));
    // 62 is the entry just inserted, 63 the one that was not seen.
    let (fields, unknown, _) = read(&mut decoder, &hex("8287 85bf be"));
    assert!(text(&fields).ends_with("/index.html\ncache-control: no-cache\n"));
    assert_eq!(unknown, 1);
}

#[test]
fn a_name_that_is_not_known_leaves_the_index_of_its_entry_right() {
    let mut decoder = Decoder::midstream();
    // A literal whose name stands at 70, inserted; then one that is known; then both by index.
    let (fields, unknown, _) = read(&mut decoder, &hex("7f07 0161 4001 6201 63 be bf"));
    assert_eq!((text(&fields).as_str(), unknown), ("b: c\nb: c\n", 2));
}

#[test]
fn a_cut_block_gives_what_stands_before_the_cut() {
    let whole = hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d");
    let mut decoder = Decoder::at_start();
    let (fields, _, end) = read(&mut decoder, &whole[..10]);
    assert_eq!((fields.len(), end), (3, End::Cut));
    // From there on the table is unknown, not wrong.
    let (fields, unknown, _) = read(&mut decoder, &hex("82be"));
    assert_eq!((fields.len(), unknown), (1, 1));
}

#[test]
fn what_no_peer_accepts_is_broken() {
    for digits in [
        "80",
        "be",
        "ffff ffff ffff 7f",
        "0001 7f 81ff",
        "4088 25a8 49e9 5ba9 7d00 0161",
    ] {
        let (_, _, end) = read(&mut Decoder::at_start(), &hex(digits));
        assert_eq!(end, End::Broken, "{digits}");
    }
}

#[test]
fn a_bomb_is_bounded() {
    let mut decoder = Decoder::at_start();
    let mut block = vec![0x40, 1, b'n', 0x7f, 0xa1, 0x1e];
    block.extend([b'v'; 4_000]);
    block.resize(block.len() + 60_000, 0xbe);
    let mut list = FieldList::default();
    list.clear(64 << 10, 256);
    assert_eq!(decoder.decode(&block, &mut list), End::Whole);
    assert!(list.over && list.memory() < 256 << 10);
}

/// One instruction for a random encoder.
#[derive(Clone, Debug)]
enum Act {
    /// A field by index, counted from the newest of the table if it is dynamic.
    Indexed(u8),
    /// How it is indexed (0 inserted, 1 not, 2 never), whether its name is taken from the table, name and value.
    Literal(u8, Option<u8>, u8, u8),
    Resize(u16),
    /// The block ends.
    Flush,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => any::<u8>().prop_map(Act::Indexed),
        6 => (0_u8..3, proptest::option::of(any::<u8>()), any::<u8>(), 0_u8..200)
            .prop_map(|(how, name, n, len)| Act::Literal(how, name, n, len)),
        1 => (0_u16..600).prop_map(Act::Resize),
        2 => Just(Act::Flush),
    ]
}

/// An encoder that does as it is told, with the table RFC 7541 wants. Names and values never repeat.
struct Encoder {
    table: Vec<Pair>,
    max: usize,
    serial: u32,
}

impl Encoder {
    fn integer(out: &mut Vec<u8>, first: u8, prefix: u8, value: usize) {
        let mask = (1_usize << prefix) - 1;
        if value < mask {
            out.push(first | value as u8);
            return;
        }
        out.push(first | mask as u8);
        let mut rest = value - mask;
        while rest >= 128 {
            out.push((rest % 128) as u8 | 0x80);
            rest /= 128;
        }
        out.push(rest as u8);
    }

    fn string(out: &mut Vec<u8>, text: &[u8]) {
        Self::integer(out, 0, 7, text.len());
        out.extend_from_slice(text);
    }

    fn trim(&mut self) {
        let size = |list: &[Pair]| {
            list.iter()
                .map(|(n, v)| n.len() + v.len() + 32)
                .sum::<usize>()
        };
        while size(&self.table) > self.max {
            self.table.pop();
        }
    }

    fn write(&mut self, act: &Act, out: &mut Vec<u8>) {
        match *act {
            Act::Indexed(at) => {
                let index = usize::from(at) % (61 + self.table.len()) + 1;
                Self::integer(out, 0x80, 7, index);
            }
            Act::Literal(how, name, n, len) => {
                let (first, prefix) = [(0x40, 6), (0, 4), (0x10, 4)][usize::from(how)];
                self.serial += 1;
                let value = format!("{}-{}", self.serial, "v".repeat(usize::from(len)));
                let name = if let Some(at) = name {
                    let index = usize::from(at) % (61 + self.table.len()) + 1;
                    Self::integer(out, first, prefix, index);
                    match index.checked_sub(62) {
                        Some(at) => self.table[at].0.clone(),
                        None => format!("static-{index}").into_bytes(),
                    }
                } else {
                    out.push(first);
                    let name = format!("name-{n}-{}", self.serial).into_bytes();
                    Self::string(out, &name);
                    name
                };
                Self::string(out, value.as_bytes());
                if how == 0 {
                    // Sizes are those of the real names.
                    let real = name.strip_prefix(b"static-").map_or(name.clone(), |index| {
                        let index: usize = String::from_utf8_lossy(index).parse().unwrap();
                        let mut block = Vec::new();
                        Self::integer(&mut block, 0x80, 7, index);
                        read(&mut Decoder::at_start(), &block).0.remove(0).0
                    });
                    self.table.insert(0, (real, value.into_bytes()));
                    self.trim();
                }
            }
            Act::Resize(max) => {
                // Peers want it in front of a block.
                if out.is_empty() {
                    self.max = usize::from(max);
                    Self::integer(out, 0x20, 5, self.max);
                    self.trim();
                    // The other decoder wants a field behind it.
                    out.push(0x82);
                }
            }
            Act::Flush => {}
        }
    }
}

/// The blocks that a list of acts makes.
fn blocks(acts: &[Act]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder {
        table: Vec::new(),
        max: 4_096,
        serial: 0,
    };
    let mut blocks = vec![Vec::new()];
    for act in acts {
        let last = blocks.last_mut().unwrap();
        if matches!(act, Act::Flush) {
            blocks.push(Vec::new());
        } else {
            encoder.write(act, last);
        }
    }
    blocks
}

/// Whether `part` is `whole` with some left out.
fn is_within(part: &[Pair], whole: &[Pair]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|field| rest.any(|other| other == field))
}

proptest! {
    #[test]
    fn another_decoder_reads_the_same(acts in proptest::collection::vec(act(), 1..120)) {
        let mut ours = Decoder::at_start();
        let mut other = loona_hpack::Decoder::new();
        for block in blocks(&acts) {
            let (fields, unknown, end) = read(&mut ours, &block);
            prop_assert_eq!((unknown, end), (0, End::Whole));
            let theirs: Vec<Pair> = other
                .decode(&block)
                .unwrap();
            prop_assert_eq!(fields, theirs);
        }
    }

    #[test]
    fn what_is_read_after_joining_is_what_the_whole_reads(
        acts in proptest::collection::vec(act(), 1..150),
        skip in 0_usize..30,
        hole in 0_usize..30,
    ) {
        let mut whole = Decoder::at_start();
        let mut joined = Decoder::midstream();
        for (at, block) in blocks(&acts).iter().enumerate() {
            let (all, _, _) = read(&mut whole, block);
            if at < skip {
                continue;
            }
            if at == skip + hole {
                joined.lose();
                continue;
            }
            let (some, unknown, end) = read(&mut joined, block);
            prop_assert_eq!(end, End::Whole);
            prop_assert_eq!(some.len() as u64 + unknown, all.len() as u64);
            prop_assert!(is_within(&some, &all), "{} in {}", text(&some), text(&all));
        }
    }

    #[test]
    fn joining_at_the_start_of_an_empty_table_misses_nothing(
        acts in proptest::collection::vec(act(), 1..100),
    ) {
        let mut whole = Decoder::at_start();
        let mut joined = Decoder::midstream();
        for block in blocks(&acts) {
            prop_assert_eq!(read(&mut whole, &block), read(&mut joined, &block));
        }
    }

    #[test]
    fn anything_is_survived(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        fuzz_hpack(&data);
    }

    #[test]
    fn on_anything_both_decoders_agree_as_long_as_both_go_on(
        blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6),
    ) {
        let mut ours = Decoder::at_start();
        let mut other = loona_hpack::Decoder::new();
        for block in &blocks {
            let (fields, _, end) = read(&mut ours, block);
            let Ok(theirs) = other.decode(block) else { break };
            if end != End::Whole {
                break;
            }
            prop_assert_eq!(fields, theirs);
        }
    }
}

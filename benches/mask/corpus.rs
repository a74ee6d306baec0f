//! What is masked: API documents and hostile inputs, the same bytes at every run.

/// `SplitMix64`.
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            b >> 52,
            b & 0xfff,
            (b >> 4) & 0xffff_ffff_ffff
        )
    }

    fn hex(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.next()));
        }
        text.truncate(digits);
        text
    }

    fn time(&mut self) -> String {
        let fraction = ["Z", ".482Z", "+01:00", ".118204+00:00"];
        let (day, hour, minute, second) = (
            1 + self.below(28),
            self.below(24),
            self.below(60),
            self.below(60),
        );
        format!(
            "2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}{}",
            self.pick(&fraction)
        )
    }

    fn sku(&mut self) -> String {
        let letters: String = (0..3)
            .map(|_| char::from(b'A' + self.below(26) as u8))
            .collect();
        format!("{letters}-{}", self.below(100_000))
    }

    fn title(&mut self) -> String {
        let words: Vec<&str> = (0..3 + self.below(5)).map(|_| self.pick(&WORDS)).collect();
        words.join(" ")
    }

    fn price(&mut self) -> String {
        format!("{}.{:02}", self.below(1_000), self.below(100))
    }

    /// A harmless value of a common kind, as it stands in JSON.
    fn value(&mut self) -> String {
        match self.below(12) {
            0 => format!("\"{}\"", self.uuid()),
            1 => format!("\"{}\"", self.time()),
            2 => format!("\"{}\"", self.sku()),
            3 => format!("\"{}\"", self.title()),
            4 => format!("\"{}\"", self.hex(40)),
            5 => self.price(),
            6 => self.below(10_000).to_string(),
            7 => self.pick(&["true", "false", "null"]).to_owned(),
            8 => format!("\"{}\"", self.pick(&WORDS)),
            9 => format!("\"{}.{}.{}\"", self.below(9), self.below(30), self.below(9)),
            10 => format!("\"/v2/{}/{}\"", self.pick(&WORDS), self.below(10_000)),
            _ => format!("[{},{},{}]", self.below(99), self.below(99), self.below(99)),
        }
    }
}

const WORDS: [&str; 24] = [
    "blue", "shoes", "for", "long", "walks", "jacket", "rain", "merino", "layer", "trail",
    "running", "with", "hood", "light", "pack", "tent", "two", "seasons", "warm", "gloves",
    "leather", "belt", "cotton", "shirt",
];

/// Something to mask, as the last member of a document.
fn sensitive(seed: &mut Seed) -> String {
    match seed.below(5) {
        0 => format!(r#""contact":"user{}@example.org""#, seed.below(1_000)),
        1 => format!(r#""password":"{}""#, seed.hex(12)),
        2 => r#""card":{"number":"4111111111111111","brand":"visa"}"#.to_owned(),
        3 => format!(
            r#""note":"call +49 30 5550 {} today""#,
            1_000 + seed.below(9_000)
        ),
        _ => format!(r#""api_key":"{}""#, seed.hex(32)),
    }
}

/// Documents of `members` up to about 2.7 KB; each fifth ends with something to mask.
fn documents(count: usize, seed: u64, member: fn(&mut Seed) -> String) -> Vec<String> {
    let mut seed = Seed(seed);
    (0..count)
        .map(|n| {
            let mut text = String::from("{\"data\":[");
            while text.len() < 2_600 {
                text.push_str(&member(&mut seed));
                text.push(',');
            }
            text.pop();
            text.push(']');
            if n % 5 == 0 {
                text.push(',');
                text.push_str(&sensitive(&mut seed));
            }
            text.push('}');
            text
        })
        .collect()
}

/// One shape of record: identifiers, digests and numbers, hardly any prose.
fn record(seed: &mut Seed) -> String {
    format!(
        r#"{{"id":"{}","sku":"KMG-{}","status":"active","created_at":"2026-11-{:02}T10:{:02}:00Z","sha":"{}","price":{},"title":"Blue shoes for long walks","count":{}}}"#,
        seed.uuid(),
        seed.below(100_000),
        seed.below(28) + 1,
        seed.below(60),
        seed.hex(40),
        seed.price(),
        seed.below(50)
    )
}

/// An order with nested objects, links, escapes, other alphabets, lists and times of several kinds.
fn order(seed: &mut Seed) -> String {
    let items: Vec<String> = (0..=seed.below(3))
        .map(|_| {
            format!(
                r#"{{"sku":"{}","title":"{}","quantity":{},"price":{{"amount":{},"currency":"EUR"}},"digest":"{}","variants":["{}","{}"]}}"#,
                seed.sku(),
                seed.title(),
                seed.below(9) + 1,
                seed.price(),
                seed.hex(64),
                seed.pick(&WORDS),
                seed.pick(&WORDS)
            )
        })
        .collect();
    format!(
        r#"{{"order_id":"ORD-{}","uuid":"{}","state":"{}","created_at":"{}","updated_at":{},"assigned_team":"{}","items":[{}],"total":{},"note":"{} \u2013 {}\n","label":"Größe {}","etag":"{}","version":"{}.{}.{}","links":{{"self":"https://api.shop.test/v1/orders/{}","next":null}},"flags":{{"gift":{},"express":false}}}}"#,
        seed.below(1_000_000),
        seed.uuid(),
        seed.pick(&["shipped", "delivered", "open", "awaiting-stock"]),
        seed.time(),
        1_790_000_000 + seed.below(9_000_000),
        seed.title(),
        items.join(","),
        seed.price(),
        seed.title(),
        seed.title(),
        seed.below(60),
        seed.hex(32),
        seed.below(9),
        seed.below(30),
        seed.below(99),
        seed.below(1_000_000),
        seed.pick(&["true", "false"])
    )
}

/// Members under 300 different names.
fn many_names(seed: &mut Seed) -> String {
    const FIRST: [&str; 20] = [
        "shelf",
        "pallet",
        "bundle",
        "parcel",
        "season",
        "colour",
        "fabric",
        "margin",
        "weight",
        "stock",
        "supplier",
        "catalog",
        "variant",
        "campaign",
        "region",
        "batch",
        "invoice",
        "shipment",
        "warehouse",
        "layout",
    ];
    const LAST: [&str; 15] = [
        "total", "state", "height", "ratio", "rank", "version", "label", "source", "mode",
        "updated", "revision", "score", "limit", "group", "offset",
    ];
    let members: Vec<String> = (0..8)
        .map(|_| {
            let (first, last) = (seed.pick(&FIRST), seed.pick(&LAST));
            let value = seed.value();
            if seed.below(2) == 0 {
                format!("\"{first}_{last}\":{value}")
            } else {
                let (head, tail) = last.split_at(1);
                format!("\"{first}{}{tail}\":{value}", head.to_uppercase())
            }
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The corpora by name.
pub(crate) fn corpora() -> [(&'static str, Vec<String>); 3] {
    [
        ("records", documents(2_000, 22, record)),
        ("orders", documents(2_000, 23, order)),
        ("300 names", documents(2_000, 24, many_names)),
    ]
}

/// Inputs of a MiB that mean to be slow.
pub(crate) fn hostile() -> Vec<(&'static str, String)> {
    let size = 1 << 20;
    [
        ("digits", "1"),
        ("grouped digits", "4111 "),
        ("quotes", "\""),
        ("percent chain", "%25"),
        ("backslashes", "\\"),
        ("base64", "QUJD"),
        ("base64 of text", "aGVsbG8gd29ybGQg"),
        ("at signs", "a@"),
        ("addresses", "a@b.cc "),
        ("arrays", "["),
        ("objects", "{\"a\":"),
        ("colons", "a:"),
        ("jwt heads", "eyJ."),
        ("pem heads", "-----BEGIN PRIVATE KEY"),
        ("slashes", "aB/"),
        ("pairs", "token=1 "),
        ("pairs, escapes", "token=x %41 "),
        ("chained pairs", "auth="),
        ("options", " --pin \""),
        ("rows", "(a)=(b"),
        ("wide digits", "４"),
        ("tags", "<a '>"),
        ("context words", "iban ssn npi cvv "),
        ("urls", "http://a:b@c/"),
        ("ipv6", "a:1::"),
        ("phones", "+4930 "),
        ("json strings", r#"["a@b.cc","4111111111111111"]"#),
        ("json keys", r#"{"a@b.cc":1,"p\u0061ss":2}"#),
        ("json base64", r#"["aGVsbG8gd29ybGQgaGVsbG8gd29ybGQg"]"#),
        ("form", "a=%2525&"),
        ("sse", "data:{}\n\n"),
        ("hl7", "PID|1||a|\r"),
        ("hl7 fields", "PID|1||a|||b|c|d||e|f|g|h\r|"),
        ("cards", "BEGIN:VCARD\nN:a\n"),
        ("folds", "BEGIN:VCARD\nX:a\n b\n c@d.ee\n"),
        ("serialised", "s:9:\""),
        ("serialised pairs", "s:3:\"pin\";i:4821;"),
        ("logins", "machine a login b password c "),
        ("paths", "/pin/12345678"),
        ("csv", "pin,b\n\"1,2\n"),
        (
            "late names",
            r#"{"value":{"value":["x"],"name":"pin"},"name":"pin"},"#,
        ),
        (
            "late columns",
            r#"{"rows":[[1,"a"],[2,"b"]],"columns":["id","pin"]}"#,
        ),
    ]
    .into_iter()
    .map(|(name, unit)| (name, unit.repeat(size / unit.len())))
    .collect()
}

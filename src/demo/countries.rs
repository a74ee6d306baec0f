//! Countries of invented addresses, and a small MaxMind database that knows them: each country of the demo has one /24 of
//! 198.18.0.0/16 (set aside for benchmarks, RFC 2544), so that the demo shows countries without anybody's real address.

use std::net::Ipv4Addr;

use rand::{Rng, RngExt};

/// ISO code, hours ahead of UTC modulo 24, weight.
const COUNTRIES: [(&str, u8, u32); 24] = [
    ("DE", 1, 30),
    ("US", 19, 24),
    ("FR", 1, 12),
    ("GB", 0, 12),
    ("NL", 1, 8),
    ("AT", 1, 7),
    ("CH", 1, 6),
    ("IT", 1, 6),
    ("ES", 1, 6),
    ("PL", 1, 6),
    ("BR", 21, 5),
    ("IN", 6, 5),
    ("CA", 19, 4),
    ("SE", 1, 4),
    ("JP", 9, 3),
    ("AU", 10, 3),
    ("CZ", 1, 3),
    ("DK", 1, 3),
    ("BE", 1, 3),
    ("MX", 18, 2),
    ("ZA", 2, 2),
    ("KR", 9, 2),
    ("TR", 3, 2),
    ("UA", 2, 2),
];

/// A country by its weight, as a position in the list.
pub(super) fn draw(rng: &mut impl Rng) -> u8 {
    let total: u32 = COUNTRIES.iter().map(|(_, _, weight)| weight).sum();
    let mut left = rng.random_range(0..total);
    for (number, (_, _, weight)) in (0..).zip(COUNTRIES) {
        if left < weight {
            return number;
        }
        left -= weight;
    }
    0
}

/// An address in a country.
pub(super) fn address(country: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, country, host)
}

/// How far the clocks there are ahead of UTC, modulo 24.
pub(super) fn hours_ahead(country: u8) -> u8 {
    COUNTRIES
        .get(usize::from(country))
        .map_or(0, |(_, hours, _)| *hours)
}

/// A country database (MaxMind DB format 2.0) for the addresses of the demo.
///
/// The search tree is one path of 16 nodes to 198.18.0.0/16 and below it a full tree of 256 leaves, a country or nothing
/// each. Read the sections on the search tree and the data section in the format's specification first.
pub fn country_database() -> Vec<u8> {
    let path_bits = 16;
    let nodes: u32 = path_bits + LEAVES - 1;
    let prefix = u32::from_be_bytes([0, 0, 198, 18]);
    let mut file = Vec::new();
    for depth in 0..path_bits {
        let bit = prefix >> (path_bits - 1 - depth) & 1;
        let next = depth + 1;
        let pair = if bit == 0 {
            [next, nodes]
        } else {
            [nodes, next]
        };
        for record in pair {
            put_record(&mut file, record);
        }
    }
    let (offsets, data) = data_section();
    // A full binary tree in breadth-first order: node k has the children 2k + 1 and 2k + 2.
    for node in 0..LEAVES - 1 {
        for child in [2 * node + 1, 2 * node + 2] {
            let record = if child < LEAVES - 1 {
                path_bits + child
            } else {
                let country = usize::try_from(child - (LEAVES - 1)).unwrap_or(usize::MAX);
                // Data records count from behind the 16 bytes of zeros that follow the tree.
                offsets.get(country).map_or(nodes, |at| nodes + 16 + at)
            };
            put_record(&mut file, record);
        }
    }
    file.extend_from_slice(&[0; 16]);
    file.extend_from_slice(&data);
    put_metadata(&mut file, nodes);
    file
}

/// The /24 networks below the /16.
const LEAVES: u32 = 256;

fn put_record(file: &mut Vec<u8>, record: u32) {
    let [_, bytes @ ..] = record.to_be_bytes();
    file.extend_from_slice(&bytes);
}

/// `{"country": {"iso_code": CODE}}` for each country, with where each begins.
fn data_section() -> (Vec<u32>, Vec<u8>) {
    let mut offsets = Vec::new();
    let mut data = Vec::new();
    for (code, _, _) in COUNTRIES {
        offsets.push(u32::try_from(data.len()).unwrap_or(0));
        put_map(&mut data, 1);
        put_text(&mut data, "country");
        put_map(&mut data, 1);
        put_text(&mut data, "iso_code");
        put_text(&mut data, code);
    }
    (offsets, data)
}

fn put_metadata(file: &mut Vec<u8>, nodes: u32) {
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    put_map(file, 9);
    put_text(file, "node_count");
    put_number(file, 6, &nodes.to_be_bytes());
    put_text(file, "record_size");
    put_number(file, 5, &[24]);
    put_text(file, "ip_version");
    put_number(file, 5, &[4]);
    put_text(file, "database_type");
    put_text(file, "hushtap-demo-Country");
    put_text(file, "languages");
    file.extend_from_slice(&[0x00, 0x04]); // array of 0: extended type 11
    put_text(file, "binary_format_major_version");
    put_number(file, 5, &[2]);
    put_text(file, "binary_format_minor_version");
    put_number(file, 5, &[]);
    put_text(file, "build_epoch");
    file.extend_from_slice(&[0x04, 0x02]); // 4 bytes of extended type 9, uint64
    file.extend_from_slice(&1_767_571_200_u32.to_be_bytes());
    put_text(file, "description");
    put_map(file, 1);
    put_text(file, "en");
    put_text(file, "invented countries of the hushtap demo");
}

/// Type 7 with up to 28 pairs.
fn put_map(out: &mut Vec<u8>, pairs: u8) {
    out.push(7 << 5 | pairs);
}

/// Type 2; up to 284 bytes.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    if length < LONGER_TEXT {
        out.push(2 << 5 | length);
    } else {
        out.extend_from_slice(&[2 << 5 | LONGER_TEXT, length - LONGER_TEXT]);
    }
    out.extend_from_slice(text.as_bytes());
}

/// This size in the control byte says that the length less so much stands in the next byte.
const LONGER_TEXT: u8 = 29;

/// An unsigned number of type 5 (16 bits) or 6 (32 bits).
fn put_number(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind << 5 | u8::try_from(bytes.len()).unwrap_or(0));
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use maxminddb::{Reader, geoip2};

    #[test]
    fn the_database_knows_every_country_and_nothing_else() {
        let reader = Reader::from_source(country_database()).unwrap();
        for (number, (code, _, _)) in (0..).zip(COUNTRIES) {
            let found: Option<geoip2::Country<'_>> = reader
                .lookup(address(number, 77).into())
                .unwrap()
                .decode()
                .unwrap();
            assert_eq!(found.unwrap().country.iso_code, Some(code));
        }
        for nowhere in ["198.19.0.1", "198.18.200.1", "8.8.8.8", "192.0.2.1"] {
            let found: Option<geoip2::Country<'_>> = reader
                .lookup(nowhere.parse().unwrap())
                .unwrap()
                .decode()
                .unwrap();
            assert!(found.is_none(), "{nowhere}");
        }
    }
}

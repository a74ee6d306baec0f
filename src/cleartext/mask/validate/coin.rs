//! Crypto currency keys and addresses.
//!
//! `Base58Check` would need two rounds of SHA-256 for its checksum. Length, version byte and alphabet together let fewer than
//! one random text in a thousand million through, so the checksum is left out: recall comes first.

/// A base58 text that mixes cases and digits, as a random one of this length always does.
pub(super) fn base58_key(value: &[u8]) -> bool {
    let upper = value.iter().filter(|b| b.is_ascii_uppercase()).count();
    let lower = value.iter().filter(|b| b.is_ascii_lowercase()).count();
    let digit = value.iter().filter(|b| b.is_ascii_digit()).count();
    upper >= 3 && lower >= 3 && digit >= 2
}

/// Bech32 and bech32m (BIP 173, BIP 350): the polymod of prefix and data is 1 or the bech32m constant.
pub(super) fn bech32(value: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let Some(split) = memchr::memrchr(b'1', value) else {
        return false;
    };
    let (prefix, data) = value.split_at(split);
    let expanded = prefix
        .iter()
        .map(|b| u32::from(b.to_ascii_lowercase() >> 5))
        .chain([0])
        .chain(
            prefix
                .iter()
                .map(|b| u32::from(b.to_ascii_lowercase() & 31)),
        );
    let mut check = expanded.fold(1_u32, step);
    for byte in data.iter().skip(1) {
        match memchr::memchr(byte.to_ascii_lowercase(), ALPHABET)
            .and_then(|i| u32::try_from(i).ok())
        {
            Some(number) => check = step(check, number),
            None => return false,
        }
    }
    check == 1 || check == 0x2bc8_30a3
}

fn step(check: u32, number: u32) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let top = check >> 25;
    let shifted = ((check & 0x01ff_ffff) << 5) ^ number;
    GENERATOR
        .iter()
        .zip(0_u32..)
        .filter(|(_, bit)| top.wrapping_shr(*bit) & 1 == 1)
        .fold(shifted, |check, (generator, _)| check ^ generator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_the_vectors_of_bip_173() {
        assert!(bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(!bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"));
        assert!(bech32(
            b"bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
        ));
    }
}

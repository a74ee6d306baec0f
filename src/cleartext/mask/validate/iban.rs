//! International bank account numbers (ISO 13616): country length and mod 97.

/// Lengths by country, from the SWIFT registry.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// The length of an IBAN of the country whose code `value` starts with.
pub(in crate::cleartext::mask) fn iban_length(value: &[u8]) -> Option<usize> {
    let code = [
        value.first()?.to_ascii_uppercase(),
        value.get(1)?.to_ascii_uppercase(),
    ];
    LENGTHS
        .iter()
        .find(|(country, _)| **country == code)
        .map(|(_, length)| *length)
}

/// An IBAN, spaces or dashes allowed: country, its length, and ISO 7064 mod 97-10 equal to 1.
pub(in crate::cleartext::mask) fn iban(value: &[u8]) -> bool {
    let letters = value.iter().filter(|b| b.is_ascii_alphanumeric());
    if iban_length(value) != Some(letters.clone().count()) {
        return false;
    }
    let turned = letters.clone().skip(4).chain(letters.take(4));
    let rest = turned.fold(0_u32, |rest, &byte| {
        let (scale, number) = if byte.is_ascii_digit() {
            (10, u32::from(byte.wrapping_sub(b'0')))
        } else {
            (
                100,
                u32::from(byte.to_ascii_uppercase().wrapping_sub(b'A')).wrapping_add(10),
            )
        };
        rest.wrapping_mul(scale).wrapping_add(number) % 97
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_the_examples_of_the_registry() {
        for good in [
            "GB29 NWBK 6016 1331 9268 19",
            "DE89370400440532013000",
            "fr1420041010050500013m02606",
        ] {
            assert!(iban(good.as_bytes()), "{good}");
        }
        for bad in [
            "GB29NWBK60161331926818",
            "DE8937040044053201300",
            "ZZ89370400440532013000",
            "",
        ] {
            assert!(!iban(bad.as_bytes()), "{bad}");
        }
    }
}

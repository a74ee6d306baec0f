//! Payment cards: issuer ranges, length and Luhn (ISO/IEC 7812-1).

use super::{all_same, digits};
use crate::cleartext::mask::bytes::{cut, minus};

/// Issuer ranges as (first, last) of the leading six digits, and the lengths in use.
const ISSUERS: &[(u32, u32, &[usize])] = &[
    (400_000, 499_999, &[13, 16, 19]),
    (510_000, 559_999, &[16]),
    (222_100, 272_099, &[16]),
    (340_000, 349_999, &[15]),
    (370_000, 379_999, &[15]),
    (601_100, 601_199, &[16, 19]),
    (644_000, 659_999, &[16, 19]),
    (352_800, 358_999, &[16, 17, 18, 19]),
    (360_000, 369_999, &[14, 16, 19]),
    (380_000, 399_999, &[14, 16, 19]),
    (300_000, 305_999, &[14, 16, 19]),
    (620_000, 629_999, &[16, 17, 18, 19]),
    (500_000, 509_999, &[13, 16, 19]),
    (560_000, 589_999, &[12, 13, 16, 18, 19]),
    (600_000, 600_999, &[16]),
    (601_200, 619_999, &[16, 18, 19]),
    (630_000, 643_999, &[16, 18, 19]),
    (660_000, 699_999, &[16, 18, 19]),
    (220_000, 220_499, &[16, 19]),
    (810_000, 817_199, &[16, 19]),
];

/// The Luhn check over all digits (ISO/IEC 7812-1 annex B).
pub(in crate::cleartext::mask) fn luhn(value: &[u8]) -> bool {
    let sum: u32 = digits(value)
        .rev()
        .enumerate()
        .map(|(i, digit)| match (i & 1, digit) {
            (0, _) => digit,
            (_, 0..=4) => digit.wrapping_mul(2),
            _ => digit.wrapping_mul(2).wrapping_sub(9),
        })
        .sum();
    sum.is_multiple_of(10) && digits(value).next().is_some()
}

/// A primary account number: known issuer range, a length that issuer uses, Luhn, not one digit repeated.
pub(in crate::cleartext::mask) fn card(value: &[u8]) -> bool {
    let len = digits(value).count();
    if !(12..=19).contains(&len) {
        return false;
    }
    let leading = digits(value)
        .take(6)
        .fold(0_u32, |n, digit| n.wrapping_mul(10).wrapping_add(digit));
    let issued = ISSUERS
        .iter()
        .any(|(low, high, lens)| (*low..=*high).contains(&leading) && lens.contains(&len));
    issued && !all_same(value) && luhn(value)
}

/// `MM/YY`, `MM/YYYY`, `MM-YY`, `MMYY`, `YYYY-MM`.
pub(super) fn expiry(value: &[u8]) -> bool {
    let number = |part: &[u8]| {
        part.iter().fold(0_u32, |n, b| {
            n.wrapping_mul(10)
                .wrapping_add(crate::cleartext::mask::bytes::digit(*b))
        })
    };
    let month = |part: &[u8]| matches!(number(part), 1..=12);
    let year = |part: &[u8]| matches!(number(part), 15..=60 | 2015..=2060);
    let numeric = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let parts: smallvec::SmallVec<[&[u8]; 3]> = value
        .split(|b| matches!(b, b'/' | b'-' | b' '))
        .filter(|p| !p.is_empty())
        .collect();
    match parts.as_slice() {
        [one] if numeric(one) && one.len() == 4 => one
            .split_at_checked(2)
            .is_some_and(|(m, y)| month(m) && year(y)),
        [a, b] if numeric(a) && numeric(b) && value.len() <= 9 => {
            (month(a) && year(b)) || (year(a) && month(b))
        }
        _ => false,
    }
}

/// Words of names that hold a number of trade.
const ARTICLES: [&[u8]; 8] = [
    b"gtin", b"ean", b"upc", b"isbn", b"issn", b"barcode", b"jan", b"gs1",
];

/// Whether a word, in lower case, names a number of trade: `gtin13`, `ean`.
pub(in crate::cleartext::mask) fn is_article(word: &[u8]) -> bool {
    let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let plain = cut(word, 0, minus(word.len(), digits));
    ARTICLES.contains(&plain) || ARTICLES.contains(&word)
}

/// A number of trade of 13 or 14 digits by its check digit (GS1 General Specifications section 7.9).
pub(in crate::cleartext::mask) fn gtin(value: &[u8]) -> bool {
    let count = digits(value).count();
    let sum: u32 = digits(value)
        .rev()
        .zip([1_u32, 3].into_iter().cycle())
        .map(|(digit, weight)| digit.wrapping_mul(weight))
        .sum();
    matches!(count, 13 | 14) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_test_numbers_of_the_networks() {
        for pan in [
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
        ] {
            assert!(card(pan.as_bytes()), "{pan}");
        }
    }

    #[test]
    fn refuses_wrong_check_digits_and_other_numbers() {
        for other in [
            "4111111111111112",
            "1760752598234",
            "9785027195026",
            "0000000000000000",
            "",
        ] {
            assert!(!card(other.as_bytes()), "{other}");
        }
    }
}

//! National and sector identifiers with check digits or fixed structure.

use super::card::luhn;
use super::{all_same, digits, weighted};
use crate::cleartext::mask::bytes::at;

fn count(value: &[u8]) -> usize {
    digits(value).count()
}

fn nth(value: &[u8], n: usize) -> u32 {
    digits(value).nth(n).unwrap_or(10)
}

fn number(value: &[u8], skip: usize, take: usize) -> u64 {
    digits(value)
        .skip(skip)
        .take(take)
        .fold(0, |n: u64, digit| {
            n.wrapping_mul(10).wrapping_add(u64::from(digit))
        })
}

/// US social security number: area not 000, 666 or 9xx, group not 00, serial not 0000 (SSA, randomised since 2011).
pub(in crate::cleartext::mask) fn ssn(value: &[u8]) -> bool {
    let area = number(value, 0, 3);
    count(value) == 9
        && !matches!(area, 0 | 666 | 900..)
        && number(value, 3, 2) != 0
        && number(value, 5, 4) != 0
        && !all_same(value)
}

/// US individual taxpayer number: 9xx and a group of 50-65, 70-88, 90-92 or 94-99.
pub(super) fn itin(value: &[u8]) -> bool {
    count(value) == 9
        && nth(value, 0) == 9
        && matches!(number(value, 3, 2), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// ABA routing number: weights 3, 7, 1 and a Federal Reserve prefix.
pub(super) fn aba(value: &[u8]) -> bool {
    let sum = weighted(digits(value), &[3, 7, 1, 3, 7, 1, 3, 7, 1]);
    count(value) == 9
        && sum.is_multiple_of(10)
        && matches!(number(value, 0, 2), 1..=12 | 21..=32 | 61..=72 | 80)
}

/// US national provider id: Luhn with the prefix 80840, which adds 24 (CMS).
pub(super) fn npi(value: &[u8]) -> bool {
    let sum: u32 = digits(value)
        .rev()
        .enumerate()
        .map(|(i, digit)| match (i & 1, digit) {
            (0, _) => digit,
            (_, 0..=4) => digit.wrapping_mul(2),
            _ => digit.wrapping_mul(2).wrapping_sub(9),
        })
        .sum();
    count(value) == 10 && matches!(nth(value, 0), 1 | 2) && sum.wrapping_add(24).is_multiple_of(10)
}

/// DEA number: two letters, seven digits, the last one checks the others.
pub(super) fn dea(value: &[u8]) -> bool {
    let odd = weighted(digits(value), &[1, 0, 1, 0, 1, 0]);
    let even = weighted(digits(value), &[0, 1, 0, 1, 0, 1]);
    count(value) == 7
        && at(value, 0).is_ascii_alphabetic()
        && odd.wrapping_add(even.wrapping_mul(2)) % 10 == nth(value, 6)
}

/// Medicare beneficiary id (CMS): eleven places, each with its own alphabet; no S, L, O, I, B, Z.
pub(super) fn mbi(value: &[u8]) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() && !b"SLOIBZ".contains(&b.to_ascii_uppercase());
    let mut places = value.iter().copied().filter(|b| *b != b'-' && *b != b' ');
    let shape = b"1AX9AX9AA99".iter().all(|kind| {
        let Some(byte) = places.next() else {
            return false;
        };
        match kind {
            b'1' => matches!(byte, b'1'..=b'9'),
            b'9' => byte.is_ascii_digit(),
            b'A' => letter(byte),
            _ => letter(byte) || byte.is_ascii_digit(),
        }
    });
    shape && places.next().is_none()
}

/// UK National Insurance number: prefix letters as HMRC allows them.
pub(super) fn nino(value: &[u8]) -> bool {
    let first = at(value, 0).to_ascii_uppercase();
    let second = at(value, 1).to_ascii_uppercase();
    count(value) == 6
        && first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !b"DFIQUV".contains(&first)
        && !b"DFIOQUV".contains(&second)
        && ![*b"BG", *b"GB", *b"NK", *b"KN", *b"TN", *b"NT", *b"ZZ"].contains(&[first, second])
}

/// UK NHS number: weights 10 to 2, mod 11.
pub(super) fn nhs(value: &[u8]) -> bool {
    let sum = weighted(digits(value), &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    count(value) == 10 && (11_u32.wrapping_sub(sum % 11)) % 11 == nth(value, 9) && !all_same(value)
}

/// Brazilian CPF: two check digits mod 11.
pub(super) fn cpf(value: &[u8]) -> bool {
    let check = |weights: &[u32]| weighted(digits(value), weights).wrapping_mul(10) % 11 % 10;
    count(value) == 11
        && check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == nth(value, 9)
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == nth(value, 10)
        && !all_same(value)
}

/// Brazilian CNPJ: two check digits mod 11.
pub(super) fn cnpj(value: &[u8]) -> bool {
    let check = |weights: &[u32]| match weighted(digits(value), weights) % 11 {
        0 | 1 => 0,
        rest => 11_u32.wrapping_sub(rest),
    };
    count(value) == 14
        && check(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == nth(value, 12)
        && check(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) == nth(value, 13)
        && !all_same(value)
}

/// Indian Aadhaar: twelve digits, first 2 to 9, Verhoeff.
pub(super) fn aadhaar(value: &[u8]) -> bool {
    count(value) == 12 && nth(value, 0) >= 2 && verhoeff(value)
}

fn verhoeff(value: &[u8]) -> bool {
    const MUL: [[u8; 10]; 10] = [
        *b"0123456789",
        *b"1234067895",
        *b"2340178956",
        *b"3401289567",
        *b"4012395678",
        *b"5987604321",
        *b"6598710432",
        *b"7659821043",
        *b"8765932104",
        *b"9876543210",
    ];
    const PERM: [[u8; 10]; 8] = [
        *b"0123456789",
        *b"1576283094",
        *b"5803796142",
        *b"8916043527",
        *b"9453126870",
        *b"4286573901",
        *b"2793806415",
        *b"7046913258",
    ];
    let look = |row: &[u8; 10], column: u32| -> u32 {
        let column = usize::try_from(column).unwrap_or(0);
        row.get(column)
            .map_or(0, |b| crate::cleartext::mask::bytes::digit(*b))
    };
    let check = digits(value)
        .rev()
        .zip(0_usize..)
        .fold(0_u32, |check, (digit, i)| {
            let place = PERM.get(i & 7).map_or(0, |row| look(row, digit));
            let row = usize::try_from(check).unwrap_or(0);
            MUL.get(row).map_or(0, |row| look(row, place))
        });
    check == 0
}

/// Spanish DNI and NIE: the letter is the number mod 23.
pub(super) fn dni(value: &[u8]) -> bool {
    let first = at(value, 0).to_ascii_uppercase();
    let lead = match first {
        b'Y' => 1_u64,
        b'Z' => 2,
        _ => 0,
    };
    let places = count(value);
    let number = match (places, first) {
        (8, b'0'..=b'9') => number(value, 0, 8),
        (7, b'X' | b'Y' | b'Z') => number(value, 0, 7).wrapping_add(lead.wrapping_mul(10_000_000)),
        _ => return false,
    };
    let letter = value.last().copied().unwrap_or(0).to_ascii_uppercase();
    let expected = usize::try_from(number % 23).ok();
    expected.and_then(|i| b"TRWAGMYFPDXBNJZSQVHLCKE".get(i)) == Some(&letter)
}

/// French NIR: the key is 97 minus the number mod 97.
pub(super) fn nir(value: &[u8]) -> bool {
    let key = number(value, 13, 2);
    count(value) == 15
        && matches!(nth(value, 0), 1..=4 | 7 | 8)
        && 97_u64.wrapping_sub(number(value, 0, 13) % 97) == key
}

/// Dutch BSN: the eleven test.
pub(super) fn bsn(value: &[u8]) -> bool {
    let sum = weighted(digits(value), &[9, 8, 7, 6, 5, 4, 3, 2]);
    count(value) == 9 && sum % 11 == nth(value, 8) && !all_same(value)
}

/// Polish PESEL: weights 1, 3, 7, 9.
pub(super) fn pesel(value: &[u8]) -> bool {
    let sum = weighted(digits(value), &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    count(value) == 11 && sum.is_multiple_of(10) && !all_same(value)
}

/// Swedish personnummer: Luhn over the last ten digits, which start with a date.
pub(super) fn personnummer(value: &[u8]) -> bool {
    let places = count(value);
    let skip = match places {
        10 => 0,
        12 => 2,
        _ => return false,
    };
    let mut ten = [0_u8; 10];
    for (slot, digit) in ten.iter_mut().zip(digits(value).skip(skip)) {
        *slot = u8::try_from(digit).unwrap_or(0).wrapping_add(b'0');
    }
    matches!(number(&ten, 2, 2), 1..=12)
        && matches!(number(&ten, 4, 2), 1..=31 | 61..=91)
        && luhn(&ten)
}

/// Chinese resident id (GB 11643): ISO 7064 mod 11-2.
pub(super) fn cn_id(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let last = value.last().copied().unwrap_or(0).to_ascii_uppercase();
    let sum = weighted(digits(value).take(17), &WEIGHTS);
    let expected = usize::try_from(sum % 11)
        .ok()
        .and_then(|i| b"10X98765432".get(i));
    value.len() == 18
        && count(value) >= 17
        && expected == Some(&last)
        && matches!(number(value, 10, 2), 1..=12)
}

/// Singapore NRIC and FIN: weights 2765432 and a letter by series.
pub(super) fn nric(value: &[u8]) -> bool {
    let first = at(value, 0).to_ascii_uppercase();
    let sum = weighted(digits(value), &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters): (u32, &[u8]) = match first {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"KLJNPQRTUWX"),
        _ => return false,
    };
    let letter = value.last().copied().unwrap_or(0).to_ascii_uppercase();
    let place = usize::try_from(sum.wrapping_add(offset) % 11).ok();
    value.len() == 9
        && count(value) == 7
        && (first == b'M' || place.and_then(|i| letters.get(i)) == Some(&letter))
}

/// Turkish identity number: two check digits.
pub(super) fn tckn(value: &[u8]) -> bool {
    let odd = weighted(digits(value), &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(digits(value), &[0, 1, 0, 1, 0, 1, 0, 1]);
    let tenth = odd.wrapping_mul(7).wrapping_add(even.wrapping_mul(9)) % 10;
    let eleventh = odd.wrapping_add(even).wrapping_add(nth(value, 9)) % 10;
    count(value) == 11 && nth(value, 0) != 0 && tenth == nth(value, 9) && eleventh == nth(value, 10)
}

/// Australian tax file number: weighted sum mod 11.
pub(super) fn tfn(value: &[u8]) -> bool {
    let sum = weighted(digits(value), &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
    count(value) == 9 && sum.is_multiple_of(11) && !all_same(value)
}

/// IMEI: fifteen digits, Luhn, and a reporting body of the GSMA.
pub(super) fn imei(value: &[u8]) -> bool {
    count(value) == 15
        && matches!(
            number(value, 0, 2),
            1 | 10 | 30 | 33 | 35 | 44 | 45 | 49..=54 | 86 | 91 | 98 | 99
        )
        && luhn(value)
}

/// Vehicle identification number (ISO 3779): the ninth place checks the others (North America, China).
pub(super) fn vin(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let worth = |b: u8| -> Option<u32> {
        Some(match b.to_ascii_uppercase() {
            b'0'..=b'9' => crate::cleartext::mask::bytes::digit(b),
            b'A' | b'J' => 1,
            b'B' | b'K' | b'S' => 2,
            b'C' | b'L' | b'T' => 3,
            b'D' | b'M' | b'U' => 4,
            b'E' | b'N' | b'V' => 5,
            b'F' | b'W' => 6,
            b'G' | b'P' | b'X' => 7,
            b'H' | b'Y' => 8,
            b'R' | b'Z' => 9,
            _ => return None,
        })
    };
    // Nobody mixes cases within one, and an ETag in hexadecimal (`0x8DC4CB23E7A40BC`) is none.
    let both_cases =
        value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    if value.len() != 17 || both_cases || !super::token::mixed(value) {
        return false;
    }
    let Some(worths) = value
        .iter()
        .map(|&b| worth(b))
        .collect::<Option<smallvec::SmallVec<[u32; 17]>>>()
    else {
        return false;
    };
    let rest = weighted(worths.iter().copied(), &WEIGHTS) % 11;
    match at(value, 8).to_ascii_uppercase() {
        b'X' => rest == 10,
        byte => byte.is_ascii_digit() && rest == crate::cleartext::mask::bytes::digit(byte),
    }
}

/// Italian codice fiscale: sixteen places, the last checks the others mod 26.
pub(super) fn codice_fiscale(value: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    if value.len() != 16 || !value.iter().all(u8::is_ascii_alphanumeric) || count(value) < 1 {
        return false;
    }
    let place = |b: u8| -> u32 {
        if b.is_ascii_digit() {
            u32::from(b.wrapping_sub(b'0'))
        } else {
            u32::from(b.to_ascii_uppercase().wrapping_sub(b'A'))
        }
    };
    let sum: u32 = value
        .iter()
        .take(15)
        .enumerate()
        .map(|(i, &b)| match i & 1 {
            0 => usize::try_from(place(b))
                .ok()
                .and_then(|i| ODD.get(i))
                .copied()
                .unwrap_or(0),
            _ => place(b),
        })
        .sum();
    let shape = b"LLLLLLDDLDDLDDDL"
        .iter()
        .zip(value)
        .all(|(kind, b)| match kind {
            b'L' => b.is_ascii_alphabetic(),
            // Digits may be replaced by letters where two people would share a code (omocodia).
            _ => b.is_ascii_digit() || b"LMNPQRSTUV".contains(&b.to_ascii_uppercase()),
        });
    shape && sum % 26 == place(at(value, 15))
}

#[cfg(test)]
mod tests {
    use super::super::Validator;
    use super::*;

    #[test]
    fn accepts_published_examples() {
        let good: &[(Validator, &str)] = &[
            (ssn, "078-05-1120"),
            (npi, "1234567893"),
            (dea, "AB1234563"),
            (nhs, "943 476 5919"),
            (cpf, "529.982.247-25"),
            (cnpj, "11.222.333/0001-81"),
            (aadhaar, "2341 2341 2346"),
            (dni, "12345678Z"),
            (dni, "X1234567L"),
            (bsn, "111222333"),
            (pesel, "44051401359"),
            (personnummer, "811228-9874"),
            (cn_id, "11010519491231002X"),
            (nric, "S1234567D"),
            (tckn, "10000000146"),
            (tfn, "123456782"),
            (imei, "490154203237518"),
            (vin, "1M8GDM9AXKP042788"),
            (aba, "021000021"),
            (codice_fiscale, "RSSMRA85T10A562S"),
            (mbi, "1EG4-TE5-MK73"),
            (nino, "AB123456C"),
            (nir, "255081416802538"),
            (itin, "912-70-1234"),
        ];
        for (check, value) in good {
            assert!(check(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn refuses_one_digit_off() {
        let bad: &[(Validator, &str)] = &[
            (ssn, "666-05-1120"),
            (npi, "1234567894"),
            (dea, "AB1234564"),
            (nhs, "943 476 5918"),
            (cpf, "529.982.247-26"),
            (aadhaar, "2341 2341 2347"),
            (dni, "12345678A"),
            (bsn, "111222334"),
            (pesel, "44051401358"),
            (cn_id, "110105194912310021"),
            (tckn, "10000000147"),
            (imei, "490154203237519"),
            (vin, "1M8GDM9A1KP042788"),
            (aba, "021000022"),
            (codice_fiscale, "RSSMRA85T10A562T"),
        ];
        for (check, value) in bad {
            assert!(!check(value.as_bytes()), "{value}");
        }
    }
}

//! Tokens: JWT headers, the CRC of GitHub and npm tokens, and what looks like an opaque secret at all.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cleartext::mask::bytes::{at, cut, find, minus, plus, rest};

/// A JSON Web Token or a JWE (RFC 7519, RFC 7516): the first part decodes to a JSON object that names an algorithm. A
/// truncated one counts.
pub(in crate::cleartext::mask) fn jwt(value: &[u8]) -> bool {
    let header = value
        .iter()
        .take(1_025)
        .position(|&b| b == b'.')
        .map_or(value, |end| cut(value, 0, end));
    if !(8..=1_024).contains(&header.len()) {
        return false;
    }
    let mut buffer = [0_u8; 1_024];
    let Ok(len) = URL_SAFE_NO_PAD.decode_slice(header, &mut buffer) else {
        return false;
    };
    let json = cut(&buffer, 0, len);
    json.first() == Some(&b'{')
        && [&b"\"alg\""[..], b"\"enc\"", b"\"typ\"", b"\"kid\""]
            .iter()
            .any(|name| find(json, 0, name).is_some())
}

/// The last six of a token are the CRC-32 of what stands between `_` and them, in base 62, zero padded (GitHub, npm).
pub(in crate::cleartext::mask) fn github_crc(value: &[u8]) -> bool {
    let body = memchr::memrchr(b'_', value).map_or(value, |i| {
        value
            .get(i..)
            .unwrap_or_default()
            .get(1..)
            .unwrap_or_default()
    });
    let split = minus(body.len(), 6);
    split > 0 && body.get(split..) == Some(crc_suffix(cut(body, 0, split)).as_slice())
}

/// The six digits in base 62 of the CRC-32 of `body`.
pub(in crate::cleartext::mask) fn crc_suffix(body: &[u8]) -> [u8; 6] {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut crc = crc32(body);
    let mut suffix = [b'0'; 6];
    for place in suffix.iter_mut().rev() {
        let digit = usize::try_from(crc % 62).unwrap_or(0);
        *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
        crc /= 62;
    }
    suffix
}

/// CRC-32 of ISO-HDLC, bit by bit: tokens are short and rare.
fn crc32(body: &[u8]) -> u32 {
    !body.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            (crc >> 1) ^ carry
        })
    })
}

/// Letters and digits mixed: what a random token of some length always has, and a name or a plain number has not.
pub(super) fn mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
}

/// Looks like an opaque secret rather than a word, a number or a readable identifier: eight or more characters, no spaces,
/// and digits among the letters, or sixteen or more of mixed case.
pub(in crate::cleartext::mask) fn opaque(value: &[u8]) -> bool {
    if value.len() < 8 || value.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let both_cases =
        value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    (digits >= 2 && letters >= 2)
        || (both_cases && value.len() >= 16 && digits >= 1)
        || (value.len() >= 16 && letters > 0 && !readable(value))
}

/// Whether at least half of the letters are in words as people write them: in one case or with a capital in front, four to
/// fourteen letters, vowels among them, and never more than four consonants in a row.
fn readable(value: &[u8]) -> bool {
    let (mut letters, mut in_words) = (0_usize, 0_usize);
    let mut i = 0;
    while i < value.len() {
        let head = rest(value, i);
        let upper = head.iter().take_while(|b| b.is_ascii_uppercase()).count();
        let lower = rest(head, upper)
            .iter()
            .take_while(|b| b.is_ascii_lowercase());
        let len = plus(upper, lower.count());
        let word = cut(head, 0, len);
        letters = plus(letters, len);
        // `URLPath` reads as words, but `QRab` does not.
        let cased = upper <= 1 || upper == len;
        if cased && (4..=14).contains(&len) && is_spoken(word) {
            in_words = plus(in_words, len);
        }
        i = plus(i, len.max(1));
    }
    // Base64 that was filled up is no text.
    in_words.saturating_mul(2) >= letters && !value.ends_with(b"=")
}

fn is_spoken(word: &[u8]) -> bool {
    let vowel = |b: &u8| b"aeiouy".contains(&b.to_ascii_lowercase());
    word.iter().any(vowel) && word.split(vowel).all(|consonants| consonants.len() <= 4)
}

/// Looks like random text, as keys are: sixteen or more characters in which the kind of character changes all the time.
/// Readable identifiers, URLs and UUIDs do not look so.
pub(in crate::cleartext::mask) fn random(value: &[u8]) -> bool {
    const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 1_u8,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 0,
    };
    let pairs = value.iter().zip(value.iter().skip(1));
    let turns = pairs
        .map(|(a, b)| (kind(*a), kind(*b)))
        .filter(|(a, b)| a != b && *a > 0 && *b > 0)
        .count();
    let is_uuid = value.len() == 36
        && UUID_DASHES.iter().all(|i| at(value, *i) == b'-')
        && value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let both_cases =
        value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    let turning = mixed(value) && turns.saturating_mul(5) >= value.len();
    value.len() >= 16
        && !is_uuid
        && !value.iter().any(|b| b.is_ascii_whitespace() || *b == b':')
        && (turning || (value.len() >= 20 && both_cases && !readable(value)))
}

/// Enough digits for a card number, or the letters and digits of an Indian permanent account number: what stands under
/// `card` or `pan` may as well be a word.
pub(super) fn card_like(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    (digits >= 12 && letters <= 4) || (value.len() == 10 && digits == 4 && letters == 6)
}

/// Enough digits for a telephone number, and few letters.
pub(super) fn phone_like(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic()).count();
    digits >= 6 && letters <= 4
}

/// Two to five words with capitals, as a person's name is written: `Dr. Giulia Eriksen`, `HAUGEN, TOBIAS`.
pub(super) fn person_like(value: &[u8]) -> bool {
    let mut words = 0_usize;
    for word in value.split(|b| matches!(b, b' ' | b',')) {
        let Some((first, rest)) = word.split_first() else {
            continue;
        };
        let letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 128 || b"'.-".contains(b);
        if !(first.is_ascii_uppercase() || *first >= 128) || !rest.iter().all(letter) {
            return false;
        }
        words = plus(words, 1);
    }
    (2..=5).contains(&words) && value.len() <= 64
}

/// Three to twelve digits and nothing else.
pub(super) fn short_digits(value: &[u8]) -> bool {
    (3..=12).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

/// Holds a digit.
pub(super) fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

/// Digits with points or colons: one or several addresses, not a switch or a word.
pub(super) fn ip_like(value: &[u8]) -> bool {
    let harmless = [&b"127.0.0.1"[..], b"0.0.0.0", b"::1", b"::"].contains(&value);
    !harmless
        && value.len() >= 2
        && has_digit(value)
        && value.iter().any(|b| matches!(b, b'.' | b':'))
}

/// A decimal number or a pair of them, as coordinates are written.
pub(super) fn coordinate(value: &[u8]) -> bool {
    has_digit(value)
        && !value.iter().any(|b| matches!(b, b'/' | b'@'))
        && value.iter().filter(|b| b.is_ascii_alphabetic()).count() <= 12
}

/// Holds a letter: neither empty, nor a number, nor a truth value.
pub(super) fn word_like(value: &[u8]) -> bool {
    value.iter().any(|b| b.is_ascii_alphabetic() || *b >= 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_that_of_iso_hdlc() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut token = b"ghp_abcdefghijklmnopqrstuvwxyz0123".to_vec();
        let suffix = crc_suffix(token.get(4..).unwrap());
        token.extend_from_slice(&suffix);
        assert!(github_crc(&token));
        assert!(!github_crc(b"ghp_abcdefghijklmnopqrstuvwxyz0123aaaaaa"));
    }

    #[test]
    fn a_jwt_is_told_by_its_header() {
        assert!(jwt(b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"));
        assert!(!jwt(b"eyJoZWxsbyI6MX0.e30.c2ln"));
    }
}

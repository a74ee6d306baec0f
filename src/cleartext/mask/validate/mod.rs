//! Validators: does a value that has the right shape also have the right check digits? Rules name them by id.
//!
//! All take the value as it stood in the text and ignore its separators. All are linear and allocate nothing.

mod card;
mod coin;
mod iban;
mod identity;
mod token;

pub(in crate::cleartext::mask) use card::{card, gtin, is_article, luhn};
pub(in crate::cleartext::mask) use iban::{iban, iban_length};
pub(in crate::cleartext::mask) use identity::ssn;
pub(in crate::cleartext::mask) use token::{crc_suffix, github_crc, jwt, opaque, random};

/// A check of a value of the right shape.
pub(in crate::cleartext::mask) type Validator = fn(&[u8]) -> bool;

/// Every validator by the id that rules use.
pub(in crate::cleartext::mask) const VALIDATORS: &[(&str, Validator)] = &[
    ("aba", identity::aba),
    ("aadhaar", identity::aadhaar),
    ("base58-key", coin::base58_key),
    ("bech32", coin::bech32),
    ("bsn", identity::bsn),
    ("card", card),
    ("card-expiry", card::expiry),
    ("card-like", token::card_like),
    ("cn-id", identity::cn_id),
    ("codice-fiscale", identity::codice_fiscale),
    ("cpf", identity::cpf),
    ("cnpj", identity::cnpj),
    ("coordinate", token::coordinate),
    ("has-digit", token::has_digit),
    ("ip-like", token::ip_like),
    ("dea", identity::dea),
    ("dni", identity::dni),
    ("github-crc", github_crc),
    ("iban", iban),
    ("imei", identity::imei),
    ("jwt", jwt),
    ("luhn", luhn),
    ("mbi", identity::mbi),
    ("mixed", token::mixed),
    ("nhs", identity::nhs),
    ("nino", identity::nino),
    ("nir", identity::nir),
    ("npi", identity::npi),
    ("nric", identity::nric),
    ("opaque", opaque),
    ("random", random),
    ("person-like", token::person_like),
    ("phone-like", token::phone_like),
    ("short-digits", token::short_digits),
    ("personnummer", identity::personnummer),
    ("pesel", identity::pesel),
    ("ssn", ssn),
    ("itin", identity::itin),
    ("tckn", identity::tckn),
    ("tfn", identity::tfn),
    ("vin", identity::vin),
    ("word-like", token::word_like),
];

/// The validator of that id.
pub(in crate::cleartext::mask) fn by_id(id: &str) -> Option<Validator> {
    VALIDATORS
        .iter()
        .find(|(name, _)| *name == id)
        .map(|(_, check)| *check)
}

/// The digits of a value as numbers; whatever else stands in it is skipped.
fn digits(value: &[u8]) -> impl DoubleEndedIterator<Item = u32> + Clone + '_ {
    value
        .iter()
        .filter(|b| b.is_ascii_digit())
        .map(|&b| super::bytes::digit(b))
}

/// The sum of digit times weight.
fn weighted(digits: impl Iterator<Item = u32>, weights: &[u32]) -> u32 {
    digits
        .zip(weights)
        .map(|(digit, weight)| digit.wrapping_mul(*weight))
        .sum()
}

/// Whether all digits are the same: no issuer hands such numbers out.
fn all_same(value: &[u8]) -> bool {
    let mut digits = digits(value);
    let first = digits.next();
    digits.all(|digit| Some(digit) == first)
}

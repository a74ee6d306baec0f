//! Invented people and published test values: what the masker must find in the demo.

use rand::{Rng, RngExt};

/// One invented person.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) street: String,
}

impl Person {
    /// The same `number` is the same person, on every call.
    pub(super) fn numbered(number: u32) -> Self {
        let given = pick(&GIVEN_NAMES, number);
        let family = pick(&FAMILY_NAMES, number / 24);
        Self {
            name: format!("{given} {family}"),
            email: format!(
                "{}.{}{}@example.{}",
                given.to_lowercase(),
                family.to_lowercase(),
                number % 97,
                pick(&["com", "net", "org"], number)
            ),
            // 555-0100 to 555-0199 is set aside for fiction.
            phone: format!("+1-202-555-01{:02}", number % 100),
            street: format!("{} {} Street", number % 900 + 1, pick(&STREETS, number / 7)),
        }
    }
}

/// A card number that card schemes publish for tests.
pub(super) fn test_card(rng: &mut impl Rng) -> &'static str {
    choose(rng, &TEST_CARDS)
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(rng: &mut impl Rng, length: usize) -> String {
    text(rng, b"0123456789abcdef", length)
}

/// Letters and digits as credentials use them.
pub(super) fn alphanumeric(rng: &mut impl Rng, length: usize) -> String {
    text(
        rng,
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        length,
    )
}

/// Upper-case letters and digits without 0 and 1 (base32).
pub(super) fn base32(rng: &mut impl Rng, length: usize) -> String {
    text(rng, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length)
}

/// A version 4 UUID.
pub(super) fn uuid(rng: &mut impl Rng) -> String {
    let bits = rng.random::<u128>();
    format_uuid(bits)
}

/// The UUID of object `number` of owner `owner`: the same on every call.
pub(super) fn owned_uuid(owner: u32, number: u32) -> String {
    let low = mix(u64::from(owner) << 32 | u64::from(number));
    format_uuid(u128::from(mix(low)) << 64 | u128::from(low))
}

/// One of `choices`, which must not be empty.
pub(super) fn choose<T: Copy, const N: usize>(rng: &mut impl Rng, choices: &[T; N]) -> T {
    let number = rng.random_range(0..u32::try_from(N).unwrap_or(u32::MAX));
    pick(choices, number)
}

fn pick<T: Copy, const N: usize>(choices: &[T; N], number: u32) -> T {
    const { assert!(N > 0) };
    #[allow(clippy::indexing_slicing, reason = "the remainder is below N")]
    choices[number as usize % N]
}

fn text(rng: &mut impl Rng, alphabet: &'static [u8], length: usize) -> String {
    (0..length)
        .filter_map(|_| alphabet.get(rng.random_range(0..alphabet.len())))
        .map(|byte| char::from(*byte))
        .collect()
}

fn format_uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) | 4 << 76; // version
    let bits = bits & !(0x3 << 62) | 2 << 62; // variant
    let digits = format!("{bits:032x}");
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// `SplitMix64`'s finalizer.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

const GIVEN_NAMES: [&str; 24] = [
    "Ana", "Bo", "Chen", "Dalia", "Emeka", "Freya", "Goran", "Hana", "Ivo", "Jun", "Kavya", "Liam",
    "Mira", "Nils", "Olga", "Pablo", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Viktor", "Wen",
    "Yara",
];
const FAMILY_NAMES: [&str; 16] = [
    "Adler", "Bianchi", "Costa", "Dvorak", "Eriksen", "Fofana", "Garcia", "Haas", "Ito", "Jansen",
    "Kowalski", "Lindt", "Moreau", "Nakamura", "Okafor", "Petrov",
];
const STREETS: [&str; 8] = [
    "Harbour", "Mill", "Station", "Orchard", "Castle", "Bridge", "Meadow", "Chapel",
];
const TEST_CARDS: [&str; 5] = [
    "4111111111111111",
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_version_and_variant() {
        let made = owned_uuid(7, 3);
        assert_eq!(made.len(), 36);
        assert_eq!(made.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&made.as_bytes()[19]));
        assert_eq!(made, owned_uuid(7, 3));
        assert_ne!(made, owned_uuid(7, 4));
    }
}

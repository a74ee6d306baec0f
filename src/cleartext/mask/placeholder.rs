//! What stands in the place of a masked value: letters, digits, `-` and `_` only, so that it survives every encoder.

use smallvec::SmallVec;

use super::rules::Rule;

/// Stands for text that could not be taken apart.
pub(super) const UNPARSED: &[u8] = b"MASKED-unparsed";
/// Stands for bytes that are no text, or whose coding could not be undone.
pub(super) const BINARY: &[u8] = b"MASKED-binary";
/// The same as a string of JSON.
pub(super) const QUOTED_UNPARSED: &[u8] = b"\"MASKED-unparsed\"";
/// Placeholders that belong to no rule.
pub(super) const FIXED: [&[u8]; 2] = [UNPARSED, BINARY];

/// Hex digits of a keyed suffix: 40 bits, enough to tell values apart within a file and far too few to search for one.
const SUFFIX_DIGITS: usize = 10;

/// The suffix of a keyed placeholder: equal values get equal ones under one key.
pub(super) type Suffix = [u8; SUFFIX_DIGITS];

/// Appends the placeholder of `rule`, with the suffix if it has one.
pub(super) fn write(rule: &Rule, suffix: Option<Suffix>, out: &mut Vec<u8>) {
    out.extend_from_slice(rule.placeholder.as_bytes());
    if let Some(suffix) = suffix {
        out.push(b'-');
        out.extend_from_slice(&suffix);
    }
}

/// The suffix of `value` under `rule` and `key`.
pub(super) fn suffix(rule: &Rule, key: &[u8; 32], value: &[u8]) -> Suffix {
    // In one piece: for a short input that is cheaper than a hasher, which has room for a long one.
    let mut input: SmallVec<[u8; 256]> = SmallVec::from_slice(rule.placeholder.as_bytes());
    input.push(0);
    input.extend_from_slice(value);
    let hash = blake3::keyed_hash(key, &input);
    let mut suffix = [0; SUFFIX_DIGITS];
    for (pair, byte) in suffix.chunks_exact_mut(2).zip(hash.as_bytes()) {
        pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
    }
    suffix
}

const fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => nibble.wrapping_add(b'0'),
        _ => nibble.wrapping_sub(10).wrapping_add(b'a'),
    }
}

/// Suffixes made lately, by the keyed hash of rule and value: the same address stands in many records.
pub(super) struct Suffixes {
    slots: Box<[(u64, Suffix)]>,
}

/// Slots; a power of two.
const SLOTS: usize = 256;
/// Selects one.
const SLOT_MASK: u64 = 0xff;

impl Default for Suffixes {
    fn default() -> Self {
        Self {
            slots: vec![(0, [0; SUFFIX_DIGITS]); SLOTS].into(),
        }
    }
}

impl Suffixes {
    /// The suffix of what hashes to `hash`.
    pub(super) fn get(&mut self, hash: u64, make: impl FnOnce() -> Suffix) -> Suffix {
        let index = usize::try_from(hash & SLOT_MASK).unwrap_or(0);
        match self.slots.get_mut(index) {
            Some((known, suffix)) if *known == hash && hash != 0 => *suffix,
            Some(slot) => {
                *slot = (hash, make());
                slot.1
            }
            None => make(),
        }
    }
}

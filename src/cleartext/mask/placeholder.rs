//! What stands in the place of a masked value: letters, digits, `-` and `_` only, so that it survives every encoder.

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

/// Appends the placeholder of `rule` for `value`; equal values get equal suffixes under one key where the rule is keyed.
pub(super) fn write(rule: &Rule, key: &[u8; 32], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(rule.placeholder.as_bytes());
    if !rule.keyed {
        return;
    }
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(rule.placeholder.as_bytes());
    hasher.update(&[0]);
    hasher.update(value);
    let hex = hasher.finalize().to_hex();
    out.push(b'-');
    out.extend(hex.bytes().take(SUFFIX_DIGITS));
}

//! The one decision function: every place of HTTP asks here, and nowhere else is it decided what is sensitive.

use super::bytes::trim;
use super::names::{Key, Slot};
use super::rules::RuleSet;

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Nothing sensitive by its name: its looks decide.
    Look,
    /// Stays as it is whatever it looks like: a switch, an empty value, a placeholder.
    Keep,
    /// Replaced whole.
    Mask(Slot),
}

/// Decides by name: `key` is what the name of the value, or of what it lies in, says.
#[inline]
pub(super) fn decide(rules: &RuleSet, key: Key, value: &[u8]) -> Decision {
    if !key.hits() {
        return Decision::Look;
    }
    if is_harmless(rules, value) {
        return Decision::Keep;
    }
    match rules.rule(key.slot) {
        Some(rule) if rule.accept.is_some_and(|accept| !accept(value)) => Decision::Look,
        Some(_) => Decision::Mask(key.slot),
        None => Decision::Look,
    }
}

/// Values that give nothing away: none, a switch, a template, a mask.
pub(super) fn is_harmless(rules: &RuleSet, value: &[u8]) -> bool {
    let value = trim(value);
    match value {
        []
        | b"true"
        | b"false"
        | b"null"
        | b"None"
        | b"True"
        | b"False"
        | b"nil"
        | b"undefined" => true,
        [b'$' | b'{', b'{', .., b'}'] => {
            value.len() <= 64
                && value
                    .iter()
                    .all(|b| b.is_ascii_alphabetic() || b"${}_- .".contains(b))
        }
        [b'*', ..] => value.iter().all(|b| *b == b'*'),
        [b'[', inner @ .., b']'] => [
            &b"Filtered"[..],
            b"FILTERED",
            b"REDACTED",
            b"redacted",
            b"removed",
            b"hidden",
        ]
        .contains(&inner),
        [b'M', b'A', ..] => is_placeholder(rules, value),
        _ => false,
    }
}

/// Whether `value` is what a rule, or the masker itself, writes.
pub(super) fn is_placeholder(rules: &RuleSet, value: &[u8]) -> bool {
    if !value.starts_with(b"MASKED-") {
        return false;
    }
    let plain = match value
        .iter()
        .rposition(|b| *b == b'-')
        .map(|i| value.split_at(i))
    {
        Some((head, [b'-', suffix @ ..]))
            if suffix.len() == 10
                && suffix
                    .iter()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) =>
        {
            head
        }
        _ => value,
    };
    [plain, value].iter().any(|text| {
        rules
            .rules
            .iter()
            .any(|rule| rule.placeholder.as_bytes() == *text)
            || super::placeholder::FIXED.contains(text)
    })
}

//! Fuzz entries: every format on anything at all. `fuzz/` is a thin shell around them.
#![allow(
    clippy::missing_panics_doc,
    reason = "to panic is how a fuzz entry tells"
)]

use std::sync::{Arc, OnceLock};

use super::filter::{As, Filter};
use super::format::Format;
use super::rules::RuleSet;

/// Every format a body may be said to have.
const FORMATS: [Format; 11] = [
    Format::Auto,
    Format::Json,
    Format::Form,
    Format::Xml,
    Format::Multipart,
    Format::Sse,
    Format::Text,
    Format::Http,
    Format::Binary,
    Format::Protobuf,
    Format::Grpc,
];

/// Passes after which a text of `len` bytes that is broken in many places must stay as it is: each takes in some more of
/// what the one before it laid bare (`<a><b" value=x><b" value=x>...`).
const fn most_passes(len: usize) -> usize {
    len.saturating_div(8).saturating_add(16)
}

fn rules() -> Option<Arc<RuleSet>> {
    static RULES: OnceLock<Option<Arc<RuleSet>>> = OnceLock::new();
    RULES
        .get_or_init(|| RuleSet::built_in().ok().map(Arc::new))
        .clone()
}

/// The first byte says as what the rest is masked. What was found must lie in the text, and masking settles: on text that is
/// broken in the middle, what is masked may change how the rest reads, a few times. (That masking twice is masking once on messages
/// that are not broken is a property test.)
pub fn body(data: &[u8]) {
    let Some((first, text)) = data.split_first() else {
        return;
    };
    let Some(format) = FORMATS.get(usize::from(*first).checked_rem(FORMATS.len()).unwrap_or(0))
    else {
        return;
    };
    let Some(rules) = rules() else { return };
    let mut filter = Filter::new(rules, [7; 32]);
    let (once, found) = filter.mask(text, *format);
    assert!(
        found
            .iter()
            .all(|f| f.start <= f.end && f.end <= text.len()),
        "a finding lies outside the text"
    );
    let mut text = once;
    let settled = (0..most_passes(text.len())).any(|_| {
        let (again, _) = filter.mask(text.as_bytes(), *format);
        let same = again == text;
        text = again;
        same
    });
    assert!(settled, "masking does not settle");
}

/// The filter on a stream of lines, cut anywhere.
pub fn stream(data: &[u8]) {
    let Some(rules) = rules() else { return };
    for how in [As::Auto, As::Text, As::Json, As::Form] {
        let mut out = Vec::new();
        let ran = Filter::new(Arc::clone(&rules), [7; 32]).run(data, &mut out, how, None);
        assert!(ran.is_ok(), "reading from memory cannot fail");
    }
}

/// A rule file: refused with a line within it, or compiled.
pub fn rule_file(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = RuleSet::from_texts(&[("fuzz.toml", text)])
    {
        assert!(
            error.line <= text.lines().count().saturating_add(1),
            "the line of a fault is a line of the file"
        );
    }
}

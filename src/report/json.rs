//! The report as JSON.

use super::View;

/// Pretty-printed, keys in the order of [`View`], ends with a line feed.
pub(super) fn render(view: &View) -> String {
    // A View has string keys only and no fallible serialiser, so this cannot fail; an empty report would be seen at once.
    let mut text = serde_json::to_string_pretty(view).unwrap_or_default();
    text.push('\n');
    text
}

//! The dictionary test: no English word is taken for a secret.

use super::rules;
use crate::cleartext::mask::{Filter, Format};

/// The words of Webster's second edition, from Debian's `miscfiles` (`tests/install.sh`).
const WORDS: &str = "/usr/share/dict/web2";
/// How many there are in it at least.
const MOST: usize = 234_000;
/// Words masked in one go.
const PAGE: usize = 2_000;

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn no_english_word_is_masked() {
    let Ok(bytes) = std::fs::read(WORDS) else {
        eprintln!("SKIPPED: {WORDS} is not there; tests/install.sh installs it");
        return;
    };
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<_> = text.lines().collect();
    assert!(words.len() >= MOST, "{}", words.len());
    let mut filter = Filter::new(rules(), [7; 32]);
    for page in words.chunks(PAGE) {
        let lines = page.join("\n");
        let json = serde_json::json!({ "items": page }).to_string();
        let path = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", page.join("/"));
        let objects: Vec<_> = page
            .iter()
            .map(|word| serde_json::json!({ "title": word }))
            .collect();
        let objects = serde_json::json!(objects).to_string();
        for (text, format) in [
            (lines, Format::Text),
            (json, Format::Json),
            (path, Format::Http),
            (objects, Format::Json),
        ] {
            let (_, found) = filter.mask(text.as_bytes(), format);
            let masked: Vec<_> = found
                .iter()
                .map(|found| (&text[found.start..found.end], found.kind.as_str()))
                .collect();
            assert!(masked.is_empty(), "{masked:?}");
        }
    }
}

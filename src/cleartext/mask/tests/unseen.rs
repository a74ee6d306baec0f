//! Field names that no rule lists: sensitive ones are told by their words, harmless look-alikes are not.

use super::mask;
use crate::cleartext::mask::Format;

/// How many of a hundred names may be judged wrongly: rules are general, not a list of this list.
const SLACK: usize = 1;

#[test]
fn unseen_names_are_told_by_their_words() {
    let (mut wrong, mut all) = (Vec::new(), 0_usize);
    for line in include_str!("names.txt").lines() {
        let Some((how, rest)) = line.split_once(" | ") else {
            continue;
        };
        let (value, names) = rest.split_once(" | ").unwrap();
        for name in names.split(", ") {
            all += 1;
            let text = serde_json::json!({ name: value }).to_string();
            let masked: serde_json::Value =
                serde_json::from_str(&mask(&text, Format::Json)).unwrap();
            let kept = masked.get(name).and_then(|v| v.as_str()) == Some(value);
            if kept != (how == "keep") {
                wrong.push(format!("{how} {name}"));
            }
        }
    }
    assert!(all > 1_500, "{all}");
    assert!(
        wrong.len() * 100 <= all * SLACK,
        "{} of {all}: {wrong:?}",
        wrong.len()
    );
}

#[test]
fn a_number_at_the_end_of_a_rule_name_counts() {
    for (text, kept) in [
        (r#"{"pid":1234}"#, true),
        (r#"{"pid_3":1234}"#, false),
        (r#"{"PID-3":1234}"#, false),
        (r#"{"line":"the first of many words"}"#, true),
        (r#"{"line_1":"4 Long Acre"}"#, false),
        (r#"{"track":"Blue in Green"}"#, true),
        (r#"{"line[1]":"the first of many words"}"#, true),
    ] {
        assert_eq!(mask(text, Format::Json) == text, kept, "{text}");
    }
}

#[test]
fn short_names_ask_for_a_plausible_value() {
    for (text, kept) in [
        (r#"{"card":"profile"}"#, true),
        (r#"{"card":"4111-1111-1111-1234"}"#, false),
        (r#"{"pan":"zoom"}"#, true),
        (r#"{"pan":"ABCPK1234L"}"#, false),
        (r#"{"cc":"team@"}"#, true),
        (r#"{"rfc":"draft"}"#, true),
        (r#"{"rfc":"GODE561231GR8"}"#, false),
    ] {
        assert_eq!(mask(text, Format::Json) == text, kept, "{text}");
    }
}

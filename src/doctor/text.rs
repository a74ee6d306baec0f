//! The findings for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Check, Evidence, has_fault};
use crate::report::printable;

/// Columns of a line.
const WIDTH: usize = 110;
/// Where the words of a check begin.
const INDENT: &str = "                     ";

/// A line a check; what is wrong is followed by what it does and how to mend it.
pub fn text(evidence: &Evidence, checks: &[Check]) -> String {
    let mut out = format!("{}\n\n", printable(&evidence.source));
    for check in checks {
        writeln!(
            out,
            "  {:<5}  {:<12}{}",
            check.level.name(),
            check.name,
            check.seen
        )
        .unwrap_or_default();
        for (word, text) in [("effect", check.effect), ("mend", check.remedy)] {
            if !text.is_empty() {
                paragraph(&mut out, word, text);
            }
        }
    }
    out.push_str(if has_fault(checks) {
        "\nThis mirror has faults.\n"
    } else {
        "\nNothing is wrong with this mirror.\n"
    });
    out
}

/// Words broken into lines behind an indent.
fn paragraph(out: &mut String, word: &str, text: &str) {
    let mut line = format!("{INDENT}{word}:");
    for piece in text.split_whitespace() {
        if line.chars().count() + 1 + piece.chars().count() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = format!("{INDENT} ");
        }
        line.push(' ');
        line.push_str(piece);
    }
    out.push_str(&line);
    out.push('\n');
}

/// The same as one JSON object.
pub fn json(evidence: &Evidence, checks: &[Check]) -> String {
    let checks: Vec<Value> = checks
        .iter()
        .map(|check| {
            json!({
                "check": check.name,
                "level": check.level.name().to_ascii_lowercase(),
                "seen": check.seen,
                "effect": check.effect,
                "remedy": check.remedy,
            })
        })
        .collect();
    let facts = &evidence.facts;
    let object = json!({
        "source": evidence.source,
        "packets": facts.packets,
        "bytes": facts.bytes,
        "flows": facts.flows,
        "healthy": !has_fault_in(&checks),
        "checks": checks,
    });
    format!("{object:#}\n")
}

fn has_fault_in(checks: &[Value]) -> bool {
    checks
        .iter()
        .any(|check| check.get("level").is_some_and(|level| level == "fault"))
}

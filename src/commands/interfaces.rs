//! `hushtap interfaces`: what can be captured from.

use std::fmt::Write as _;

use crate::cleartext::capture::{self, InterfaceInfo};
use crate::error::{Error, Exit};

/// One line each: name, whether it is up, addresses, description.
pub(super) fn run() -> Result<Exit, Error> {
    let list = capture::interfaces().map_err(|fault| super::faults::interface("libpcap", fault))?;
    super::print(describe(&list).as_bytes())
}

fn describe(list: &[InterfaceInfo]) -> String {
    let width = list.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for one in list {
        let state = if one.up { "up" } else { "down" };
        let addresses: Vec<_> = one.addresses.iter().map(ToString::to_string).collect();
        let mut line = format!("{:width$}  {state:<4}  {}", one.name, addresses.join(" "));
        if let Some(description) = &one.description {
            write!(line, "  {description}").unwrap_or_default();
        }
        writeln!(text, "{}", line.trim_end()).unwrap_or_default();
    }
    text
}

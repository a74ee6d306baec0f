//! `hushtap check`: validates everything that is configured and says what is in force and where it comes from.

use std::fmt::Write as _;

use clap::ArgMatches;

use crate::config::Config;
use crate::error::{Error, Exit};

/// Prints the effective configuration. Any fault ends it with exit 78.
pub(super) fn run(matches: &ArgMatches) -> Result<Exit, Error> {
    let config = Config::load(matches)?;
    super::print(describe(&config).as_bytes())
}

fn describe(config: &Config) -> String {
    let lines = config.effective();
    let key_width = lines.iter().map(|line| line.key.len()).max().unwrap_or(0);
    let value_width = lines
        .iter()
        .map(|line| line.value.chars().count())
        .filter(|width| *width <= 40)
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    let mut section = "";
    for line in &lines {
        let own = line.key.split(['.', '[']).next().unwrap_or_default();
        if own != section && !section.is_empty() {
            text.push('\n');
        }
        section = own;
        writeln!(
            text,
            "{:key_width$} = {:value_width$}  # {}",
            line.key, line.value, line.origin
        )
        .unwrap_or_default();
    }
    for name in &config.ignored_variables {
        writeln!(text, "\nnote: {name} is no key of hushtap and was ignored").unwrap_or_default();
    }
    text
}

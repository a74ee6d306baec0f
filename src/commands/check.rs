//! `hushtap check`: validates everything that is configured and says what is in force and where it comes from.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::ArgMatches;

use crate::cleartext::mask::RuleSet;
use crate::config::Config;
use crate::error::{Error, Exit};

/// Prints the effective configuration and what was checked. Any fault ends it with exit 78.
pub(super) fn run(matches: &ArgMatches) -> Result<Exit, Error> {
    let config = Config::load(matches)?;
    let checked = checks(&config)?;
    let mut text = effective(&config);
    text.push('\n');
    for line in checked {
        writeln!(text, "{line}").unwrap_or_default();
    }
    super::print(text.as_bytes())
}

/// Reads everything the config names, and says in a line each what was found.
fn checks(config: &Config) -> Result<Vec<String>, Error> {
    let mut lines = vec![match &config.path {
        Some(path) => format!("ok  config: {}", path.display()),
        None => "ok  config: no file, defaults".to_owned(),
    }];
    lines.extend(rules(config)?);
    for document in config.documents()? {
        let openapi = &document.openapi;
        let skipped = match openapi.skipped {
            0 => String::new(),
            n => format!(", {n} path items behind a $ref passed over"),
        };
        let patterns = match openapi.odd_patterns() {
            0 => String::new(),
            n => format!(", {n} patterns not held to"),
        };
        lines.push(format!(
            "ok  openapi: {}: {} operations, {} with rules{skipped}{patterns}",
            document.place,
            openapi.operations.len(),
            openapi.with_rules()
        ));
    }
    match &config.settings.anonymize.geoip {
        Some(path) => {
            config.countries()?;
            lines.push(format!("ok  geoip: {}", path.display()));
        }
        None => lines.push("--  geoip: none, every country is unknown".to_owned()),
    }
    let shared = config.anonymizer(config.keys(&config.passing_key()?))?;
    let plan = config.plan(shared.triples(), shared.services())?;
    lines.push(format!(
        "ok  privacy: {} public endpoints from documents and hints, and `other`; epsilon {:.2}; config {}",
        shared.triples().len().saturating_sub(1),
        plan.epsilon(),
        plan.config()
    ));
    for name in &config.ignored_variables {
        lines.push(format!(
            "--  environment: {name} is no key of hushtap and was ignored"
        ));
    }
    Ok(lines)
}

/// Reads the masking rules and runs their examples.
fn rules(config: &Config) -> Result<Vec<String>, Error> {
    let rules = config.rules(None)?;
    let failures = rules.check_examples();
    if let Some(first) = failures.first() {
        let more = match failures.len() - 1 {
            0 => String::new(),
            n => format!("; {n} more examples fail"),
        };
        return Err(
            Error::config(format!("rule `{}`: {}{more}", first.rule, first.what))
                .at(format!("{}:{}", first.file, first.line))
                .hint(format!("the example is: {}", first.example)),
        );
    }
    let tried = match rules.dry_runs() {
        0 => String::new(),
        n => format!(" and {n} in dry run"),
    };
    let excepted = match config.settings.mask.exception.len() {
        0 => String::new(),
        n => format!("; {n} exceptions"),
    };
    let mut lines = vec![format!(
        "ok  rules: {} rules{tried}, all their examples hold{excepted}",
        rules.len()
    )];
    lines.extend(origins(&rules));
    Ok(lines)
}

/// Which rules come from where: a line for each built-in pack, and one for each rule of the operator's own.
fn origins(rules: &RuleSet) -> Vec<String> {
    let mut lines = Vec::new();
    let mut packs: Vec<(&str, usize)> = Vec::new();
    let mut replaced = BTreeSet::new();
    for origin in rules.origins() {
        if origin.built_in {
            match packs.iter_mut().find(|(name, _)| *name == origin.file) {
                Some((_, count)) => *count += 1,
                None => packs.push((&origin.file, 1)),
            }
            continue;
        }
        let place = match (origin.replaces, origin.dry_run) {
            (true, _) => ", in place of the built-in rule",
            (false, true) => ", in dry run",
            (false, false) => "",
        };
        replaced.extend(RuleSet::pack_replaced_by(&origin.file).map(|pack| (pack, &origin.file)));
        lines.push(format!(
            "      {} from {}:{}{place}",
            origin.rule, origin.file, origin.line
        ));
    }
    let packs = packs
        .iter()
        .map(|(name, count)| format!("      {count} rules built in, {name}"));
    let replaced = replaced
        .iter()
        .map(|(pack, file)| format!("      {file} stands in place of the built-in {pack}"));
    packs.chain(replaced).chain(lines).collect()
}

/// Every key with its value and origin, a paragraph a section.
fn effective(config: &Config) -> String {
    let lines = config.effective();
    let key_width = lines.iter().map(|line| line.key.len()).max().unwrap_or(0);
    let value_width = lines
        .iter()
        .map(|line| line.value.chars().count())
        .filter(|width| *width <= WIDEST)
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
    text
}

/// Values longer than this do not widen the column.
const WIDEST: usize = 40;

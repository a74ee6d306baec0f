//! The layers above the file: environment variables and flags, each a `section.key` with a text.

use std::fmt;
use std::path::Path;

use clap::ArgMatches;
use clap::parser::ValueSource;
use toml::{Table, Value};

use super::fault;
use super::file::ConfigFile;
use crate::error::Error;

/// A value from above the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// `section.key`.
    pub key: String,
    /// What was typed; more than one for flags that may be repeated.
    pub texts: Vec<String>,
    /// Who said so.
    pub origin: Origin,
}

/// Where an override comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A flag, such as `--listen`.
    Flag(String),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Variable(name) => write!(f, "env {name}"),
        }
    }
}

/// How the texts of a flag make a TOML value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One value.
    One,
    /// A list.
    List,
    /// Several words that make one text.
    Words,
    /// A switch: present is `true`.
    Switch,
}

/// Argument id, configuration key, shape, and the variable that the command line also reads for it.
pub const FLAGS: &[(&str, &str, Shape, &str)] = &[
    (
        "interface",
        "capture.interfaces",
        Shape::List,
        "HUSHTAP_INTERFACE",
    ),
    (
        "listen_vxlan",
        "capture.listen_vxlan",
        Shape::List,
        "HUSHTAP_LISTEN_VXLAN",
    ),
    (
        "listen_geneve",
        "capture.listen_geneve",
        Shape::List,
        "HUSHTAP_LISTEN_GENEVE",
    ),
    ("filter", "capture.filter", Shape::Words, ""),
    ("workers", "capture.workers", Shape::One, "HUSHTAP_WORKERS"),
    ("keylog", "tls.keylogs", Shape::List, "HUSHTAP_KEYLOG"),
    ("rules", "mask.rules", Shape::One, "HUSHTAP_RULES"),
    (
        "pseudonym_key",
        "anonymize.pseudonym_key",
        Shape::One,
        "HUSHTAP_PSEUDONYM_KEY",
    ),
    ("geoip", "anonymize.geoip", Shape::One, "HUSHTAP_GEOIP"),
    (
        "openapi",
        "anonymize.openapi",
        Shape::List,
        "HUSHTAP_OPENAPI",
    ),
    ("listen", "export.listen", Shape::One, "HUSHTAP_LISTEN"),
    (
        "web_config",
        "export.web_config",
        Shape::One,
        "HUSHTAP_WEB_CONFIG",
    ),
    ("live_records", "export.records", Shape::One, ""),
    ("live_alerts", "export.alerts", Shape::One, ""),
    (
        "operator_listen",
        "operator.listen",
        Shape::One,
        "HUSHTAP_OPERATOR_LISTEN",
    ),
    ("state_dir", "state.dir", Shape::One, "HUSHTAP_STATE_DIR"),
    ("allow_root", "sandbox.allow_root", Shape::Switch, ""),
];

/// Keys whose values are paths: in a file they count from the directory of the file.
const PATHS: &[(&str, &str)] = &[
    ("mask", "rules"),
    ("anonymize", "pseudonym_key"),
    ("anonymize", "geoip"),
    ("anonymize", "openapi"),
    ("tls", "keylogs"),
    ("export", "web_config"),
    ("operator", "web_config"),
    ("export", "records"),
    ("export", "alerts"),
    ("state", "dir"),
];

/// What the command line sets, by flag or by the variable of a flag.
pub(super) fn from_flags(matches: &ArgMatches) -> Vec<Override> {
    let mut found = Vec::new();
    for (id, key, shape, variable) in FLAGS {
        // Commands without that flag do not know its id.
        let Ok(Some(raw)) = matches.try_get_raw(id) else {
            continue;
        };
        let mut texts: Vec<String> = raw.map(|v| v.to_string_lossy().into_owned()).collect();
        let origin = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => Origin::Flag(flag_name(id)),
            Some(ValueSource::EnvVariable) => Origin::Variable((*variable).to_owned()),
            _ => continue,
        };
        if *shape == Shape::Words {
            texts = vec![texts.join(" ")];
        }
        found.push(Override {
            key: (*key).to_owned(),
            texts,
            origin,
        });
    }
    found
}

fn flag_name(id: &str) -> String {
    if id == "filter" {
        "BPF".to_owned()
    } else {
        format!("--{}", id.trim_start_matches("live_").replace('_', "-"))
    }
}

/// What the environment holds.
pub(super) struct Variables {
    /// Those that name a key.
    pub(super) known: Vec<Override>,
    /// `HUSHTAP_` names that mean nothing to us. Kubernetes makes such for a service called hushtap, so they are no error.
    pub(super) ignored: Vec<String>,
}

/// `HUSHTAP_HTTP_BODY_LIMIT` is `http.body_limit`. Variables that belong to a flag come through the command line.
pub(super) fn from_environment(
    variables: impl Iterator<Item = (String, String)>,
    file: &Table,
) -> Variables {
    let mut variables: Vec<_> = variables
        .filter(|(name, _)| name.starts_with("HUSHTAP_") && !of_a_flag(name))
        .collect();
    variables.sort();
    let (mut known, mut ignored) = (Vec::new(), Vec::new());
    for (name, text) in variables {
        let key = key_of(&name).filter(|key| is_a_key(key, file));
        match key {
            Some(key) => known.push(Override {
                key,
                texts: vec![text],
                origin: Origin::Variable(name),
            }),
            None => ignored.push(name),
        }
    }
    Variables { known, ignored }
}

fn of_a_flag(name: &str) -> bool {
    matches!(name, "HUSHTAP_CONFIG" | "HUSHTAP_LOG_FORMAT")
        || FLAGS.iter().any(|(_, _, _, variable)| *variable == name)
}

fn key_of(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix("HUSHTAP_")?.to_ascii_lowercase();
    ConfigFile::SECTIONS.iter().find_map(|section| {
        let key = rest.strip_prefix(section)?.strip_prefix('_')?;
        (!key.is_empty()).then(|| format!("{section}.{key}"))
    })
}

/// Whether the reader knows the key, whatever it thinks of a value.
fn is_a_key(key: &str, file: &Table) -> bool {
    let mut probe = file.clone();
    if !put(&mut probe, key, Value::String(String::new())) {
        return false;
    }
    match probe.try_into::<ConfigFile>() {
        Ok(_) => true,
        Err(fault) => !fault.message().starts_with("unknown field"),
    }
}

/// Puts one override into the merged table. What type the key has is found by trying: text first, then number, truth value
/// and list, so that no second list of all keys has to be kept.
pub(super) fn apply(merged: &mut Table, item: &Override) -> Result<(), Error> {
    let mut fault = None;
    for value in interpretations(item) {
        let mut candidate = merged.clone();
        put(&mut candidate, &item.key, value);
        match candidate.clone().try_into::<ConfigFile>() {
            Ok(_) => {
                *merged = candidate;
                return Ok(());
            }
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    let message = fault.map_or_else(String::new, |error| error.message().to_owned());
    Err(fault::explain(&message, Some(&item.key)).at(item.origin.to_string()))
}

fn interpretations(item: &Override) -> Vec<Value> {
    let shape = FLAGS
        .iter()
        .find(|(_, key, _, _)| *key == item.key)
        .map(|(_, _, shape, _)| *shape);
    let list = |texts: &[String]| Value::Array(texts.iter().cloned().map(Value::String).collect());
    match (shape, &item.origin) {
        (Some(Shape::List), Origin::Flag(_)) => return vec![list(&item.texts)],
        (Some(Shape::List), Origin::Variable(_)) => {
            let parts = item.texts.iter().flat_map(|text| text.split(','));
            let parts: Vec<String> = parts.map(|part| part.trim().to_owned()).collect();
            return vec![list(&parts)];
        }
        (Some(Shape::Switch), Origin::Flag(_)) => return vec![Value::Boolean(true)],
        (Some(Shape::One | Shape::Words | Shape::Switch) | None, _) => {}
    }
    let text = item.texts.first().cloned().unwrap_or_default();
    let mut values = Vec::new();
    if let Ok(number) = text.trim().parse::<i64>() {
        values.push(Value::Integer(number));
    }
    if let Ok(truth) = text.trim().parse::<bool>() {
        values.push(Value::Boolean(truth));
    }
    values.push(Value::String(text.clone()));
    if let Ok(number) = text.trim().parse::<f64>() {
        values.push(Value::Float(number));
    }
    let parts: Vec<String> = text.split(',').map(|p| p.trim().to_owned()).collect();
    values.push(list(&parts));
    values
}

/// Sets `section.key`, if the section is one.
fn put(table: &mut Table, key: &str, value: Value) -> bool {
    let Some((section, name)) = key.split_once('.') else {
        return false;
    };
    let section = table
        .entry(section)
        .or_insert_with(|| Value::Table(Table::new()));
    match section.as_table_mut() {
        Some(section) => {
            section.insert(name.to_owned(), value);
            true
        }
        None => false,
    }
}

/// Reads and checks the file by itself, so that its faults are told with their lines.
pub(super) fn read_file(path: &Path) -> Result<Table, Error> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&name, &error))?;
    toml::from_str::<ConfigFile>(&text)
        .and_then(|_| toml::from_str::<Table>(&text))
        .map_err(|fault| fault::describe(&name, &text, &fault))
}

fn unreadable(name: &str, error: &std::io::Error) -> Error {
    let kind = error.kind();
    let what = if kind == std::io::ErrorKind::NotFound {
        "there is no such config file".to_owned()
    } else if kind == std::io::ErrorKind::InvalidData {
        "the config file is not UTF-8 text".to_owned()
    } else {
        format!("the config file cannot be read: {kind}")
    };
    Error::config(what)
        .at(name)
        .hint("give the path with --config, or leave it out to run on defaults")
}

/// Makes relative paths of the file count from its directory.
pub(super) fn anchor_paths(table: &mut Table, base: Option<&Path>) {
    let Some(base) = base.filter(|base| !base.as_os_str().is_empty()) else {
        return;
    };
    let anchor = |value: &mut Value| {
        if let Value::String(text) = value {
            *text = base.join(&*text).display().to_string();
        }
    };
    for (section, key) in PATHS {
        let value = table
            .get_mut(*section)
            .and_then(Value::as_table_mut)
            .and_then(|section| section.get_mut(*key));
        match value {
            Some(Value::Array(items)) => items.iter_mut().for_each(anchor),
            Some(value) => anchor(value),
            None => {}
        }
    }
}

//! Configuration in two steps: what the user typed ([`ConfigFile`], flags, environment) and what the program means
//! ([`Config`]). A flag wins over the environment, the environment over the file, the file over the default.
//!
//! Rooms never import this module: each declares its own settings, which `rooms.rs` fills from here.

mod catalog;
mod exceptions;
mod fault;
mod file;
mod layers;
mod load;
mod rooms;
mod unit;
mod validate;

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use toml::Table;

use crate::error::Error;
use crate::observation::PublicTriple;

pub use fault::{describe, nearest};
pub use file::{
    Anonymize, Baseline, Capture, ConfigFile, Decode, Detect, EndpointHint, Export, Flow,
    ForwardHeader, Http, Integration, Mask, MaskException, Operator, Privacy, PrivacyUnit, Sandbox,
    Service, State, Tls, TrustedProxy, Windows,
};
pub use layers::{FLAGS, Origin, Override, Shape};
pub use load::Document;
pub use rooms::Mode;
pub use unit::{ByteSize, QuantityError, Span};

/// Read when no `--config` is given, if it is there.
pub const DEFAULT_PATH: &str = "/etc/hushtap/hushtap.toml";

/// The configuration in force. Every section is as typed and checked; [`Config::effective`] says where each value is from.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// All sections with their values.
    pub settings: ConfigFile,
    /// The file that was read.
    pub path: Option<PathBuf>,
    overrides: Vec<Override>,
    in_file: Table,
    /// Variables that begin with `HUSHTAP_` and mean nothing.
    pub ignored_variables: Vec<String>,
}

/// One line of `hushtap check`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effective {
    /// `section.key`, or `section[n].key`.
    pub key: String,
    /// The value as TOML.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
}

impl Config {
    /// Reads the file and puts environment and flags over it.
    pub fn load(matches: &ArgMatches) -> Result<Self, Error> {
        let default = Some(PathBuf::from(DEFAULT_PATH)).filter(|path| path.exists());
        Self::load_or(matches, default)
    }

    /// As [`Config::load`], with `default` for the file if `--config` names none.
    pub fn load_or(matches: &ArgMatches, default: Option<PathBuf>) -> Result<Self, Error> {
        let path = named_path(matches).or(default);
        let flags = layers::from_flags(matches);
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::assemble(path, variables, flags)
    }

    /// As [`Config::load`], from values.
    pub fn assemble(
        path: Option<PathBuf>,
        variables: impl Iterator<Item = (String, String)>,
        flags: Vec<Override>,
    ) -> Result<Self, Error> {
        let in_file = read(path.as_deref())?;
        let variables = layers::from_environment(variables, &in_file);
        let mut overrides = variables.known;
        overrides.extend(flags);
        Self::put_together(path, in_file, overrides, variables.ignored)
    }

    /// The same file read again, under the same flags and variables.
    pub fn reread(&self) -> Result<Self, Error> {
        Self::put_together(
            self.path.clone(),
            read(self.path.as_deref())?,
            self.overrides.clone(),
            self.ignored_variables.clone(),
        )
    }

    fn put_together(
        path: Option<PathBuf>,
        in_file: Table,
        overrides: Vec<Override>,
        ignored_variables: Vec<String>,
    ) -> Result<Self, Error> {
        let mut merged = in_file.clone();
        for item in &overrides {
            layers::apply(&mut merged, item)?;
        }
        let settings: ConfigFile = merged
            .try_into()
            .map_err(|fault: toml::de::Error| fault::explain(fault.message(), None))?;
        let config = Self {
            settings,
            path,
            overrides,
            in_file,
            ignored_variables,
        };
        config.check_exceptions()?;
        match (config.validate(), &config.path) {
            (Ok(()), _) => Ok(config),
            (Err(fault), Some(path)) => Err(fault.at(path.display().to_string())),
            (Err(fault), None) => Err(fault),
        }
    }

    /// What can be told without reading other files.
    fn validate(&self) -> Result<(), Error> {
        self.settings.validate()?;
        self.identity()?;
        self.plan(&[PublicTriple::other()], &[])?;
        Ok(())
    }

    /// Every value in force with its origin, section by section.
    pub fn effective(&self) -> Vec<Effective> {
        let table = Table::try_from(&self.settings).unwrap_or_default();
        let mut lines = Vec::new();
        for section in ConfigFile::SECTIONS.iter().chain(ConfigFile::LISTS) {
            match table.get(*section) {
                Some(toml::Value::Table(keys)) => {
                    for (key, value) in keys {
                        let key = format!("{section}.{key}");
                        let origin = self.origin(&key);
                        lines.extend(entries(&key, value, &origin));
                    }
                }
                Some(list) => lines.extend(entries(section, list, &self.origin(section))),
                None => {}
            }
        }
        lines
    }

    /// Where the value of `section.key` comes from.
    fn origin(&self, key: &str) -> String {
        if let Some(item) = self.overrides.iter().rev().find(|item| item.key == key) {
            return item.origin.to_string();
        }
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let present = self.in_file.get(section).is_some_and(|value| {
            name.is_empty()
                || value
                    .as_table()
                    .is_some_and(|table| table.contains_key(name))
        });
        match (&self.path, present) {
            (Some(path), true) => format!("file {}", path.display()),
            _ => "default".to_owned(),
        }
    }

    /// The number of workers: as configured, else the cores less one for the capture thread.
    pub fn workers(&self) -> usize {
        self.settings.capture.workers.unwrap_or_else(|| {
            std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().saturating_sub(1).max(1))
        })
    }
}

/// A value, or the keys of each table where it is a list of tables.
fn entries(key: &str, value: &toml::Value, origin: &str) -> Vec<Effective> {
    let line = |key: String, value: &toml::Value| Effective {
        key,
        value: value.to_string(),
        origin: origin.to_owned(),
    };
    match value.as_array() {
        Some(items) if items.is_empty() && !key.contains('.') => Vec::new(),
        Some(items) if items.iter().any(toml::Value::is_table) => {
            let tables = items.iter().filter_map(toml::Value::as_table).enumerate();
            let keys = tables.flat_map(|(number, table)| {
                let named = move |(name, value)| (number, name, value);
                table.iter().map(named)
            });
            keys.map(|(number, name, value)| line(format!("{key}[{number}].{name}"), value))
                .collect()
        }
        _ => vec![line(key.to_owned(), value)],
    }
}

/// The table of a file, its paths counted from its directory; an empty one without a file.
fn read(path: Option<&Path>) -> Result<Table, Error> {
    let Some(path) = path else {
        return Ok(Table::new());
    };
    let mut table = layers::read_file(path)?;
    layers::anchor_paths(&mut table, path.parent());
    Ok(table)
}

/// `--config`, or the variable for it.
fn named_path(matches: &ArgMatches) -> Option<PathBuf> {
    matches
        .try_get_one::<PathBuf>("config")
        .ok()
        .flatten()
        .cloned()
}

#[cfg(test)]
mod tests;

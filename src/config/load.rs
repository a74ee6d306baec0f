//! The files that the config names: keys, OpenAPI documents, country database. Their faults are told with the file's name.

use std::path::Path;
use std::sync::Arc;

use super::Config;
use super::fault::explain;
use crate::cleartext::anonymize::AnonymizerShared;
use crate::cleartext::anonymize::endpoint::openapi::{OpenApi, OpenApiError};
use crate::cleartext::anonymize::geo::Geo;
use crate::cleartext::anonymize::keys::{KeyError, Keys, STATE_KEY_FILE, StateKey};
use crate::cleartext::mask::RuleSet;
use crate::cleartext::tls::{KeyLogFollower, KeyStore};
use crate::error::{Error, Exit};

/// A document and where it was read from.
pub struct Document {
    /// Its path, as configured.
    pub place: String,
    /// What it says.
    pub openapi: OpenApi,
}

impl Config {
    /// The key of this run: `--pseudonym-key`, else one that is thrown away at the end (replay, mask).
    pub fn passing_key(&self) -> Result<StateKey, Error> {
        match &self.settings.anonymize.pseudonym_key {
            Some(path) => read_key(path),
            None => StateKey::ephemeral().map_err(|fault| {
                Error::failed(format!("cannot make a key for pseudonyms: {fault}"))
            }),
        }
    }

    /// The key of the daemon: `--pseudonym-key`, else the one of the state directory, made at first start.
    pub fn lasting_key(&self) -> Result<StateKey, Error> {
        if let Some(path) = &self.settings.anonymize.pseudonym_key {
            return read_key(path);
        }
        let dir = &self.settings.state.dir;
        StateKey::open_or_create(dir).map_err(|fault| {
            let exit = match fault {
                KeyError::Io(std::io::ErrorKind::PermissionDenied) => Exit::NoPermission,
                KeyError::NotPrivate | KeyError::BadLength => Exit::Config,
                KeyError::Io(_) | KeyError::EmptyOrHuge | KeyError::NoRandomness => Exit::Failed,
            };
            Error::new(exit, format!("the state key cannot be used: {fault}"))
                .at(dir.join(STATE_KEY_FILE).display().to_string())
                .hint("--state-dir names a directory of mode 0700 that belongs to the user hushtap runs as")
        })
    }

    /// All derived keys.
    pub fn keys(&self, key: &StateKey) -> Arc<Keys> {
        Arc::new(Keys::new(key, Some(self.settings.anonymize.rotate.nanos())))
    }

    /// Opens the key logs and reads what is in them.
    pub fn key_logs(&self, keys: &KeyStore) -> Result<Vec<KeyLogFollower>, Error> {
        let paths = &self.settings.tls.keylogs;
        let open = |path: &std::path::PathBuf| {
            let mut log = KeyLogFollower::open(path.clone())?;
            log.read(keys, true)?;
            Ok(log)
        };
        let logs = paths.iter().map(|path| {
            open(path).map_err(|error| {
                Error::io(
                    "cannot read the key log",
                    &path.display().to_string(),
                    &error,
                )
            })
        });
        logs.collect()
    }

    /// The OpenAPI documents.
    pub fn documents(&self) -> Result<Vec<Document>, Error> {
        let paths = &self.settings.anonymize.openapi;
        paths.iter().map(|path| read_document(path)).collect()
    }

    /// The masking rules: those built in and those of the configured directory, or the latter alone. Ids of `previous` keep
    /// their meaning.
    pub fn rules(&self, previous: Option<&RuleSet>) -> Result<RuleSet, Error> {
        let rules = match (&self.settings.mask.rules, self.settings.mask.built_in) {
            (Some(dir), true) => RuleSet::load(dir, previous),
            (Some(dir), false) => RuleSet::load_alone(dir, previous),
            (None, true) => RuleSet::built_in(),
            (None, false) => {
                return Err(Error::config(
                    "`mask.built_in` is false and there are no other rules: nothing would be masked",
                )
                .hint("give a directory of rules: `mask.rules` or --rules"));
            }
        };
        let rules = rules.map_err(|fault| {
            let error = if fault.what.starts_with("unknown ") {
                explain(&fault.what, None)
            } else {
                Error::config(fault.what).hint(fault.hint)
            };
            error.at(match fault.line {
                0 => fault.file,
                line => format!("{}:{line}", fault.file),
            })
        })?;
        self.except(rules)
    }

    /// The country database, if one is configured.
    pub fn countries(&self) -> Result<Option<Geo>, Error> {
        let Some(path) = &self.settings.anonymize.geoip else {
            return Ok(None);
        };
        Geo::open(path).map(Some).map_err(|fault| {
            Error::config(format!("the country database cannot be used: {fault}"))
                .at(path.display().to_string())
                .hint("give a MaxMind database (.mmdb) with countries, such as DB-IP's or GeoLite2's Country edition")
        })
    }

    /// What the workers share to name tokens, clients, endpoints and countries.
    pub fn anonymizer(&self, keys: Arc<Keys>) -> Result<Arc<AnonymizerShared>, Error> {
        let documents: Vec<OpenApi> = self
            .documents()?
            .into_iter()
            .map(|document| document.openapi)
            .collect();
        AnonymizerShared::new(keys, self.identity()?, &documents, self.countries()?).map_err(
            |unknown| {
                let known: Vec<_> = self
                    .settings
                    .service
                    .iter()
                    .map(|s| s.name.as_str())
                    .collect();
                Error::config(format!(
                    "`endpoint.service`: there is no service `{}`",
                    unknown.0
                ))
                .hint(format!(
                    "services that are configured: {}",
                    known.join(", ")
                ))
            },
        )
    }
}

fn read_key(path: &Path) -> Result<StateKey, Error> {
    StateKey::from_file(path).map_err(|fault| {
        let exit = match fault {
            KeyError::Io(std::io::ErrorKind::PermissionDenied) => Exit::NoPermission,
            KeyError::Io(_)
            | KeyError::NotPrivate
            | KeyError::BadLength
            | KeyError::EmptyOrHuge
            | KeyError::NoRandomness => Exit::Config,
        };
        Error::new(exit, format!("the pseudonym key cannot be used: {fault}"))
            .at(path.display().to_string())
            .hint("make one with: (umask 077; head -c 32 /dev/urandom > pseudonym.key)")
    })
}

fn read_document(path: &Path) -> Result<Document, Error> {
    let place = path.display().to_string();
    let fault = |what: String| {
        Error::config(what)
            .at(&*place)
            .hint("give an OpenAPI 3 or Swagger 2 document, as JSON or YAML")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| fault(format!("the document cannot be read: {}", error.kind())))?;
    let openapi = OpenApi::parse(&text).map_err(|error: OpenApiError| fault(error.to_string()))?;
    Ok(Document { place, openapi })
}

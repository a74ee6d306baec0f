//! Builds the rooms from the configuration: what each command needs before its first packet. Faults of the files that the
//! configuration names are found here, and say which file, why, and how to mend it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cleartext::anonymize::endpoint::openapi::{OpenApi, OpenApiError};
use crate::cleartext::anonymize::endpoint::{Hint, UnknownService};
use crate::cleartext::anonymize::geo::Geo;
use crate::cleartext::anonymize::identity::client::{ForwardedBy, TrustedProxy};
use crate::cleartext::anonymize::keys::{KeyError, Keys, StateKey};
use crate::cleartext::anonymize::net::Range;
use crate::cleartext::anonymize::{self, AnonymizerShared, Integration};
use crate::cleartext::anonymize::endpoint::service::Service;
use crate::analysis;
use crate::cleartext::engine;
use crate::cleartext::worker::WorkerShared;
use crate::config::{Config, ForwardHeader};
use crate::error::{Error, Exit};
use crate::observation::{Method, Names};
use crate::report::Documented;

/// The rooms of one run, before any thread is started.
pub(super) struct Rooms {
    pub(super) worker: Arc<WorkerShared>,
    pub(super) workers: usize,
    has_documents: bool,
}

/// Where pseudonyms come from.
pub(super) enum KeySource<'a> {
    /// A key made for this run, unless the configuration fixes one: pseudonyms of two runs cannot be compared.
    Run,
    /// The state directory's, unless the configuration fixes one; display pseudonyms rotate.
    State(&'a Path),
}

impl Rooms {
    /// Reads every file the configuration names.
    pub(super) fn build(config: &Config, key: &KeySource<'_>) -> Result<Self, Error> {
        let keys = Arc::new(keys(config, key)?);
        let settings = &config.settings.anonymize;
        let documents = settings
            .openapi
            .iter()
            .map(|path| read_openapi(path))
            .collect::<Result<Vec<_>, _>>()?;
        let geo = settings.geoip.as_deref().map(open_geo).transpose()?;
        let anonymizer = AnonymizerShared::new(keys, identity(config)?, &documents, geo).map_err(
            |UnknownService(name)| {
                Error::new(Exit::Config, format!("[[endpoint]] names the service `{name}`, which is not configured"))
                    .hint("add a [[service]] of that name with its hosts, or leave `service` out")
            },
        )?;
        Ok(Self {
            worker: Arc::new(WorkerShared { anonymizer }),
            workers: config.workers(),
            has_documents: !documents.is_empty(),
        })
    }

    /// Words for ids.
    pub(super) fn names(&self) -> Arc<dyn Names> {
        let lexicon = Arc::clone(self.worker.anonymizer.lexicon());
        lexicon
    }

    /// What the OpenAPI documents promise; none where there is no document.
    pub(super) fn documents(&self) -> Option<Vec<Documented>> {
        self.has_documents.then(|| {
            let promised = self.worker.anonymizer.promised().iter();
            promised
                .map(|promised| Documented {
                    service: promised.name.service.clone(),
                    endpoint: format!("{} {}", promised.name.method, promised.name.template),
                    deprecated: promised.deprecated,
                })
                .collect()
        })
    }
}

fn keys(config: &Config, source: &KeySource<'_>) -> Result<Keys, Error> {
    let fault = |path: &Path, error: &KeyError| {
        Error::new(Exit::Config, format!("cannot use the key: {error}"))
            .at(path.display().to_string())
            .hint("a key file is private (mode 0600) and not empty; `head -c 32 /dev/urandom` makes one")
    };
    if let Some(path) = &config.settings.anonymize.pseudonym_key {
        let state = StateKey::from_file(path).map_err(|e| fault(path, &e))?;
        return Ok(Keys::new(&state, None));
    }
    match source {
        KeySource::Run => {
            let state = StateKey::ephemeral().map_err(|e| Error::failed(format!("cannot make a key: {e}")))?;
            Ok(Keys::new(&state, None))
        }
        KeySource::State(dir) => {
            let state = StateKey::open_or_create(dir).map_err(|e| fault(dir, &e))?;
            Ok(Keys::new(&state, Some(config.settings.anonymize.rotate.nanos())))
        }
    }
}

fn read_openapi(path: &PathBuf) -> Result<OpenApi, Error> {
    let place = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::new(Exit::Config, format!("cannot read the OpenAPI document: {}", e.kind())).at(&place))?;
    OpenApi::parse(&text).map_err(|error: OpenApiError| {
        Error::new(Exit::Config, error.to_string())
            .at(&place)
            .hint("OpenAPI 3.1, 3.0 and 2.0 are read, as JSON or YAML")
    })
}

fn open_geo(path: &Path) -> Result<Geo, Error> {
    Geo::open(path).map_err(|error| {
        Error::new(Exit::Config, error.to_string())
            .at(path.display().to_string())
            .hint("give a country database in MaxMind format (.mmdb); deploy/get-country-db.sh fetches a free one")
    })
}

fn identity(config: &Config) -> Result<anonymize::Settings, Error> {
    let file = &config.settings;
    let services = file.service.iter();
    let hints = file.endpoint.iter().map(|hint| Hint {
        service: hint.service.clone(),
        methods: hint.methods.iter().map(|name| Method::from_wire(name.as_bytes())).collect(),
        template: hint.template.clone(),
    });
    let integrations = file.integration.iter().map(|integration| {
        Ok(Integration {
            name: integration.name.clone(),
            digests: integration.tokens.clone(),
            claims: integration.claims.clone().into_iter().collect(),
            fields: integration.headers.clone().into_iter().collect(),
            clients: integration.clients.iter().map(|text| range("integration.clients", text)).collect::<Result<_, _>>()?,
        })
    });
    let proxies = file.trusted_proxy.iter().map(|proxy| {
        let field = match proxy.header {
            ForwardHeader::XForwardedFor => ForwardedBy::XForwardedFor,
            ForwardHeader::Forwarded => ForwardedBy::Forwarded,
            ForwardHeader::Proxy => {
                return Err(Error::new(Exit::Config, "`trusted_proxy.header = \"proxy\"` is not supported yet")
                    .hint("allowed: x-forwarded-for, forwarded"));
            }
        };
        Ok(TrustedProxy { range: range("trusted_proxy.address", &proxy.address)?, field })
    });
    Ok(anonymize::Settings {
        services: services.map(|s| Service { name: s.name.clone(), hosts: s.hosts.clone() }).collect(),
        hints: hints.collect(),
        integrations: integrations.collect::<Result<_, Error>>()?,
        trusted_proxies: proxies.collect::<Result<_, Error>>()?,
        ..anonymize::Settings::default()
    })
}

fn range(key: &str, text: &str) -> Result<Range, Error> {
    text.parse().map_err(|_| {
        Error::new(Exit::Config, format!("`{key}`: `{text}` is no address range"))
            .hint("for example 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32")
    })
}

/// What bounds the capture thread.
pub(super) fn engine(config: &Config) -> engine::Settings {
    engine::Settings { http: config.http(), ..engine::Settings::default() }
}

/// What bounds the analysis room in a replay.
pub(super) fn replay_analysis(config: &Config) -> analysis::Settings {
    let default = analysis::Settings::default();
    let k = config.settings.anonymize.k.map_or(REPLAY_K, |k| k as usize);
    analysis::Settings { k, ..default }
}

/// In a replay this many principals must have used a text: an analyst already holds the capture.
const REPLAY_K: usize = 2;

//! The rooms of one run, built from the configuration before any thread is started.

use std::sync::Arc;

use crate::catalog::Documented;
use crate::cleartext::anonymize::keys::StateKey;
use crate::cleartext::anonymize::lexicon::Lexicon;
use crate::cleartext::http::body::DecodeLimits;
use crate::cleartext::mask::Render;
use crate::cleartext::schema::Depth;
use crate::cleartext::tls::{self, Book, KeyLogFollower};
use crate::cleartext::worker::WorkerShared;
use crate::config::Config;
use crate::error::Error;
use crate::observation::Names;

/// What capture thread, workers and outputs share.
pub(super) struct Rooms {
    pub(super) worker: Arc<WorkerShared>,
    pub(super) workers: usize,
    has_documents: bool,
}

impl Rooms {
    /// Reads every file the configuration names; a fault says which one, why, and how to mend it.
    pub(super) fn build(
        config: &Config,
        key: &StateKey,
        (render, survey): (Render, Depth),
    ) -> Result<Self, Error> {
        let anonymizer = config.anonymizer(config.keys(key))?;
        let rules = config.rules(None)?;
        let worker = WorkerShared::new(anonymizer, rules, DecodeLimits::default(), render)
            .with_survey(survey);
        Ok(Self {
            worker: Arc::new(worker),
            workers: config.workers(),
            has_documents: !config.settings.anonymize.openapi.is_empty(),
        })
    }

    /// Reads the masking rules anew. What is wrong with them is logged, and the old ones stay in force.
    pub(super) fn reload(&self, config: &Config) {
        match config.rules(Some(&self.worker.rules())) {
            Ok(rules) => {
                let (count, tried) = (rules.len(), rules.dry_runs());
                tracing::info!("{count} masking rules in force, {tried} in dry run");
                self.worker.set_rules(Arc::new(rules));
            }
            Err(error) => {
                tracing::error!("the old masking rules stay in force: {}", error.one_line());
            }
        }
    }

    /// Reads the country database anew. What is wrong with it is logged, and the old one stays in force.
    pub(super) fn reload_countries(&self, config: &Config) {
        match config.countries() {
            Ok(countries) => {
                if countries.is_some() {
                    tracing::info!("the country database was read again");
                }
                self.worker.anonymizer().set_countries(countries);
            }
            Err(error) => {
                tracing::error!(
                    "the old country database stays in force: {}",
                    error.one_line()
                );
            }
        }
    }

    /// TLS keys as the config names them, and a book for the flows. The logs are to be followed where the run is live.
    pub(super) fn tls(
        config: &Config,
        worker: &Arc<WorkerShared>,
    ) -> Result<(tls::Shared, Vec<KeyLogFollower>), Error> {
        let shared = Arc::clone(worker);
        let book = Book::new(move |host| shared.anonymizer().service_of(host).to_owned());
        let tls = tls::Shared {
            book: Some(Arc::new(book)),
            ..tls::Shared::default()
        };
        let logs = config.key_logs(&tls.keys)?;
        Ok((tls, logs))
    }

    /// Words for ids.
    pub(super) fn names(&self) -> Arc<dyn Names> {
        Arc::<Lexicon>::clone(self.worker.anonymizer().lexicon())
    }

    /// What the OpenAPI documents promise; none where there is no document.
    pub(super) fn documents(&self) -> Option<Vec<Documented>> {
        self.has_documents.then(|| {
            let promised = self.worker.anonymizer().promised().iter();
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

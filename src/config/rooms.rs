//! From the config to each room's own settings. A room's defaults for what the user cannot choose stay its own.

use super::file::ForwardHeader;
use super::{Config, EndpointHint};
use crate::cleartext::anonymize::endpoint::{Hint, service};
use crate::cleartext::anonymize::identity::client::{ForwardedBy, TrustedProxy};
use crate::cleartext::anonymize::net::Range;
use crate::cleartext::{anonymize, http};
use crate::error::Error;
use crate::observation::Method;

/// Whether this run watches live traffic (`run`, also from a file) or looks at a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The daemon.
    Live,
    /// Forensics.
    Replay,
}

impl Config {
    /// Limits of the HTTP layer.
    pub fn http(&self) -> http::Limits {
        let http = &self.settings.http;
        http::Limits {
            max_head: http.max_head.as_usize(),
            max_fields: http.max_fields,
            body_limit: http.body_limit.as_usize(),
            max_pipelined: http.max_pipelined,
            ..http::Limits::default()
        }
    }

    /// Distinct principals that must use a text before it is shown: fewer where the analyst owns the capture.
    pub fn k(&self, mode: Mode) -> usize {
        let k = self.settings.anonymize.k.unwrap_or(match mode {
            Mode::Live => 5,
            Mode::Replay => 2,
        });
        usize::try_from(k).unwrap_or(usize::MAX)
    }

    /// What identity and endpoints go by.
    pub fn identity(&self) -> Result<anonymize::Settings, Error> {
        let settings = &self.settings;
        Ok(anonymize::Settings {
            services: settings
                .service
                .iter()
                .map(|service| service::Service {
                    name: service.name.clone(),
                    hosts: service.hosts.clone(),
                })
                .collect(),
            hints: collect(&settings.endpoint, hint)?,
            integrations: collect(&settings.integration, |integration, place| {
                Ok(anonymize::Integration {
                    name: integration.name.clone(),
                    digests: integration.tokens.clone(),
                    claims: integration.claims.clone().into_iter().collect(),
                    fields: integration.headers.clone().into_iter().collect(),
                    clients: integration
                        .clients
                        .iter()
                        .map(|text| range(text, &format!("integration[{place}].clients")))
                        .collect::<Result<_, _>>()?,
                })
            })?,
            trusted_proxies: collect(&settings.trusted_proxy, |proxy, place| {
                Ok(TrustedProxy {
                    range: range(&proxy.address, &format!("trusted_proxy[{place}].address"))?,
                    field: match proxy.header {
                        ForwardHeader::XForwardedFor => ForwardedBy::XForwardedFor,
                        ForwardHeader::Forwarded => ForwardedBy::Forwarded,
                    },
                })
            })?,
            ..anonymize::Settings::default()
        })
    }
}

/// Converts each item; its number goes into the message of a fault.
fn collect<T, U>(
    items: &[T],
    convert: impl Fn(&T, usize) -> Result<U, Error>,
) -> Result<Vec<U>, Error> {
    let numbered = items.iter().enumerate();
    numbered
        .map(|(number, item)| convert(item, number))
        .collect()
}

fn hint(hint: &EndpointHint, place: usize) -> Result<Hint, Error> {
    let method = |text: &String| match Method::from_wire(text.as_bytes()) {
        Method::Other => Err(Error::config(format!(
            "`endpoint[{place}].methods`: `{text}` is no method that is told apart"
        ))
        .hint(
            "methods are written in capitals: GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, ...",
        )),
        known => Ok(known),
    };
    Ok(Hint {
        service: hint.service.clone(),
        methods: hint.methods.iter().map(method).collect::<Result<_, _>>()?,
        template: hint.template.clone(),
    })
}

fn range(text: &str, key: &str) -> Result<Range, Error> {
    text.parse().map_err(|_| {
        Error::config(format!("`{key}`: `{text}` is no address range"))
            .hint("for example \"10.0.0.0/8\", \"2001:db8::/32\" or a single address")
    })
}

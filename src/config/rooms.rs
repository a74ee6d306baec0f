//! From the config to each room's own settings. A room's defaults for what the user cannot choose stay its own.

use super::file::{ChecksumPolicy, ForwardHeader, PrivacyUnit};
use super::{Config, EndpointHint};
use crate::analysis::clip::{BODY_UNIT, FlagLimits};
use crate::analysis::insight::HistoryLimits;
use crate::analysis::save::SaveSettings;
use crate::analysis::settings as analysis;
use crate::analysis::signals::Thresholds;
use crate::analysis::window::Unit;
use crate::cleartext::anonymize::endpoint::{Hint, service};
use crate::cleartext::anonymize::identity::client::{ForwardedBy, TrustedProxy};
use crate::cleartext::anonymize::lexicon;
use crate::cleartext::anonymize::net::Range;
use crate::cleartext::decode::{Checksums, Ports};
use crate::cleartext::{anonymize, capture, decode, engine, flow, http, reassembly};
use crate::clock::EventTime;
use crate::error::Error;
use crate::observation::{Method, PublicTriple};
use crate::release::plan::{self, Plan};

/// Whether this run watches live traffic (`run`, also from a file) or looks at a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The daemon.
    Live,
    /// Forensics.
    Replay,
}

impl Config {
    /// How interfaces are captured from.
    #[cfg(feature = "live")]
    pub fn live_capture(&self) -> capture::LiveOptions {
        let capture = &self.settings.capture;
        capture::LiveOptions {
            filter: capture.filter.clone(),
            snaplen: capture.snaplen.as_u32(),
            ring_mb: u32::try_from(capture.buffer.bytes() >> 20).unwrap_or(u32::MAX),
            promiscuous: capture.promiscuous,
        }
    }

    /// How files are read: packets in `[from, to)`.
    pub fn file_capture(
        &self,
        from: Option<EventTime>,
        to: Option<EventTime>,
        follow: bool,
    ) -> capture::FileOptions {
        capture::FileOptions {
            filter: self.settings.capture.filter.clone(),
            from,
            to,
            follow,
            ..capture::FileOptions::default()
        }
    }

    /// Limits of everything between the capture and the workers.
    pub fn engine(&self) -> engine::Settings {
        let flow = &self.settings.flow;
        engine::Settings {
            decode: self.decode(),
            flow: flow::Settings {
                half_open_nanos: flow.half_open_timeout.nanos(),
                idle_nanos: flow.idle_timeout.nanos(),
                linger_nanos: flow.linger.nanos(),
                max_flows: flow.max_flows,
                max_memory: flow.memory.as_usize(),
            },
            reassembly: reassembly::Settings {
                max_held: flow.max_held.as_usize(),
                max_held_total: flow.max_held_total.as_usize(),
                hole_nanos: flow.hole_timeout.nanos(),
                hole_nanos_one_sided: flow.hole_timeout_one_sided.nanos(),
                overlap: flow.overlap,
                urgent: flow.urgent,
                ..reassembly::Settings::default()
            },
            http: self.http(),
        }
    }

    /// Limits of decoding, and where tunnels are looked for.
    fn decode(&self) -> decode::Settings {
        let decode = &self.settings.decode;
        decode::Settings {
            max_depth: decode.max_depth,
            vxlan: Ports::new(&decode.vxlan_ports),
            vxlan_gpe: Ports::new(&decode.vxlan_gpe_ports),
            geneve: Ports::new(&decode.geneve_ports),
            gtpu: Ports::new(&decode.gtpu_ports),
            teredo: Ports::new(&decode.teredo_ports),
            ayiya: Ports::new(&decode.ayiya_ports),
            gre: Ports::new(&decode.gre_ports),
            mpls: Ports::new(&decode.mpls_ports),
            l2tp: Ports::new(&decode.l2tp_ports),
            checksums: match decode.checksums {
                ChecksumPolicy::Ignore => Checksums::Ignore,
                ChecksumPolicy::Count => Checksums::Count,
                ChecksumPolicy::Drop => Checksums::Drop,
            },
            fragments: decode::Limits {
                max_memory: decode.fragment_memory.as_usize(),
                timeout_nanos: decode.fragment_timeout.nanos(),
                ..decode::Limits::default()
            },
        }
    }

    /// Limits of the analysis room. Whether rows are wanted and what is released is for the pipeline to add.
    pub fn analysis(&self, mode: Mode) -> analysis::Settings {
        let baseline = &self.settings.baseline;
        let defaults = analysis::Settings::default();
        analysis::Settings {
            max_tokens: baseline.max_tokens,
            max_clients: baseline.max_clients,
            max_endpoints: baseline.max_endpoints,
            max_endpoints_per_principal: baseline.max_endpoints_per_principal,
            max_profiles: baseline.max_profiles,
            // Of a capture there is the report: it is read once, at the end.
            history: matches!(mode, Mode::Live).then(|| HistoryLimits {
                tokens: baseline.history_tokens,
                bytes: baseline.history_memory.as_usize(),
            }),
            k: self.k(mode),
            has_documents: !self.settings.anonymize.openapi.is_empty(),
            max_alerts: self.settings.detect.max_alerts,
            thresholds: Thresholds {
                warm_up_seconds: self.settings.detect.warm_up.as_secs(),
                mature_days: self.settings.detect.mature_days,
                mature_calls: self.settings.detect.mature_calls,
                ..Thresholds::of_budget(self.settings.detect.alert_budget)
            },
            summary_principals: match mode {
                Mode::Live => defaults.summary_principals,
                // A report leaves nobody out.
                Mode::Replay => usize::MAX,
            },
            ..defaults
        }
    }

    /// When habits are saved, if at all.
    pub fn save(&self) -> Option<SaveSettings> {
        let state = &self.settings.state;
        (state.save_every.nanos() > 0).then(|| SaveSettings {
            every_seconds: state.save_every.as_secs(),
            retain_seconds: state.retain.as_secs(),
            overlap_seconds: 0,
        })
    }

    /// Limits of the HTTP layer.
    pub fn http(&self) -> http::Limits {
        let http = &self.settings.http;
        http::Limits {
            max_head: http.max_head.as_usize(),
            max_fields: http.max_fields,
            body_limit: http.body_limit.as_usize(),
            websocket_limit: http.websocket_limit.as_usize(),
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

    /// The privacy plan for public triples and services: what `AnonymizerShared` has of both.
    pub fn plan(&self, triples: &[PublicTriple], services: &[String]) -> Result<Plan, Error> {
        let privacy = &self.settings.privacy;
        let window = u32::try_from(privacy.window.as_secs()).unwrap_or(u32::MAX);
        let mut proposal_key = [0; 32];
        getrandom::fill(&mut proposal_key)
            .map_err(|_| Error::failed("the operating system gave no random key"))?;
        let bootstrap = privacy
            .bootstrap_window
            .as_secs()
            .checked_div(window.into());
        let settings = plan::Settings {
            unit: match privacy.unit {
                PrivacyUnit::PrincipalDay => Unit::PrincipalDay,
                PrivacyUnit::PrincipalHour => Unit::PrincipalHour,
            },
            window_seconds: window,
            rho: millionths(privacy.rho, "privacy.rho", 100.0)?,
            share_ppm: u32::try_from(millionths(privacy.share, "privacy.share", 1.0)?)
                .unwrap_or(u32::MAX),
            u2: plan::Settings::bounds(privacy.requests_per_minute, window),
            max_series: privacy.max_series,
            max_principals: privacy.max_principals,
            max_triples_per_principal: privacy.max_endpoints_per_principal,
            triples: triples.to_vec(),
            max_learned: privacy.max_learned_endpoints,
            bootstrap_windows: bootstrap
                .and_then(|windows| u32::try_from(windows).ok())
                .filter(|windows| *windows > 0),
            proposal_key,
            services: services.to_vec(),
            integrations: self
                .settings
                .integration
                .iter()
                .map(|integration| plan::Integration {
                    name: integration.name.clone(),
                    tags: integration.tags.clone(),
                    costs: integration.costs.clone(),
                    exact: integration.exact,
                })
                .collect(),
            body_units: privacy.integration_body_limit.bytes().div_ceil(BODY_UNIT),
            flags: self.flag_limits(),
            ..plan::Settings::default()
        };
        Plan::new(&settings).map_err(|fault| {
            Error::config(fault.to_string())
                .hint("`hushtap check` shows every [privacy] key; the defaults are sound")
        })
    }

    /// When the public flags of a token or client show.
    pub const fn flag_limits(&self) -> FlagLimits {
        let privacy = &self.settings.privacy;
        FlagLimits {
            requests_per_minute: privacy.flag_requests_per_minute,
            request_bytes: privacy.flag_request_size.bytes(),
            response_bytes: privacy.flag_response_size.bytes(),
            field_errors: privacy.flag_field_errors,
            agents: privacy.flag_agents,
            objects: privacy.flag_objects,
            denied_objects: privacy.flag_denied_objects,
            auth_failures: privacy.flag_auth_failures,
            unknown_paths: privacy.flag_unknown_paths,
            schema_violations: privacy.flag_schema_violations,
            has_documents: !self.settings.anonymize.openapi.is_empty(),
        }
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
                        ForwardHeader::Proxy => ForwardedBy::Proxy,
                    },
                })
            })?,
            limits: lexicon::Limits {
                texts: settings.anonymize.max_texts,
                bytes: settings.anonymize.texts_memory.as_usize(),
                endpoints: settings.anonymize.max_endpoints,
                ..lexicon::Limits::default()
            },
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
    let method = |text: &String| {
        let method = Method::from_wire(text.as_bytes());
        if method == Method::Other {
            return Err(Error::config(format!(
                "`endpoint[{place}].methods`: `{text}` is no method that is told apart"
            ))
            .hint("methods are written in capitals: GET, POST, PUT, PATCH, DELETE, HEAD, ..."));
        }
        Ok(method)
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

/// A share or budget in millionths: above 0, at most `most`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value was just checked to lie between 0 and 100"
)]
fn millionths(value: f64, key: &str, most: f64) -> Result<u64, Error> {
    let millionths = (value * 1e6).round();
    if millionths >= 1.0 && value <= most {
        return Ok(millionths as u64);
    }
    Err(
        Error::config(format!("`{key}`: must be above 0 and at most {most}"))
            .hint("the default budget is rho = 0.5; one sensor alone has share = 1.0"),
    )
}

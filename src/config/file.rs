//! `hushtap.toml` as the user types it. Unknown keys are faults; every key has a default; sizes and times carry units.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::unit::{ByteSize, Span};
use crate::analysis::clip::FlagLimits;
use crate::analysis::insight::HistoryLimits;
use crate::analysis::settings as analysis;
use crate::analysis::signals::Thresholds;
use crate::cleartext::anonymize::lexicon;
use crate::cleartext::{decode, flow, http, reassembly};
use crate::release::plan as release;

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }
    };
}

section! {
    /// The whole file.
    ConfigFile {
        /// Where packets come from.
        capture: Capture = Capture::default(),
        /// Headers below TCP.
        decode: Decode = Decode::default(),
        /// Flow table and reassembly.
        flow: Flow = Flow::default(),
        /// HTTP framing.
        http: Http = Http::default(),
        /// Passive TLS decryption.
        tls: Tls = Tls::default(),
        /// Masking rules.
        mask: Mask = Mask::default(),
        /// Pseudonyms, endpoints, countries.
        anonymize: Anonymize = Anonymize::default(),
        /// Windows of analysis.
        windows: Windows = Windows::default(),
        /// What is remembered of tokens and endpoints.
        baseline: Baseline = Baseline::default(),
        /// Detectors.
        detect: Detect = Detect::default(),
        /// The differential-privacy budget.
        privacy: Privacy = Privacy::default(),
        /// The public listener and local files.
        export: Export = Export::default(),
        /// The operator listener.
        operator: Operator = Operator::default(),
        /// The state directory.
        state: State = State::default(),
        /// Least privilege.
        sandbox: Sandbox = Sandbox::default(),
        /// Host groups.
        service: Vec<Service> = Vec::new(),
        /// Partners that are named in metrics.
        integration: Vec<Integration> = Vec::new(),
        /// Path templates.
        endpoint: Vec<EndpointHint> = Vec::new(),
        /// Proxies whose forwarding headers are believed.
        trusted_proxy: Vec<TrustedProxy> = Vec::new(),
    }
}

impl ConfigFile {
    /// The sections in the order in which they are shown.
    pub const SECTIONS: &'static [&'static str] = &[
        "capture",
        "decode",
        "flow",
        "http",
        "tls",
        "mask",
        "anonymize",
        "windows",
        "baseline",
        "detect",
        "privacy",
        "export",
        "operator",
        "state",
        "sandbox",
    ];

    /// The lists of tables, shown behind the sections.
    pub const LISTS: &'static [&'static str] =
        &["service", "integration", "endpoint", "trusted_proxy"];
}

section! {
    /// `[capture]`
    Capture {
        /// Interfaces to capture from.
        interfaces: Vec<String> = Vec::new(),
        /// Addresses on which VXLAN is received, `HOST:PORT` or `HOST` (port 4789).
        listen_vxlan: Vec<String> = Vec::new(),
        /// Addresses on which Geneve is received, `HOST:PORT` or `HOST` (port 6081).
        listen_geneve: Vec<String> = Vec::new(),
        /// Capture filter in libpcap's language.
        filter: Option<String> = None,
        /// Bytes kept of a packet.
        snaplen: ByteSize = ByteSize::kib(256),
        /// Ring buffer of each interface in the kernel, in whole MiB.
        buffer: ByteSize = ByteSize::mib(64),
        /// Whether the interface is put into promiscuous mode.
        promiscuous: bool = true,
        /// Worker threads; cores less one if unset.
        workers: Option<usize> = None,
    }
}

section! {
    /// `[decode]`
    Decode {
        /// Headers looked through on one packet, tags and tunnels alike.
        max_depth: u8 = decode::Settings::default().max_depth,
        /// UDP ports of VXLAN; eight at most, like those of every tunnel.
        vxlan_ports: Vec<u16> = decode::Settings::default().vxlan.list(),
        /// UDP ports of VXLAN-GPE.
        vxlan_gpe_ports: Vec<u16> = decode::Settings::default().vxlan_gpe.list(),
        /// UDP ports of Geneve.
        geneve_ports: Vec<u16> = decode::Settings::default().geneve.list(),
        /// UDP ports of GTP-U.
        gtpu_ports: Vec<u16> = decode::Settings::default().gtpu.list(),
        /// UDP ports of Teredo.
        teredo_ports: Vec<u16> = decode::Settings::default().teredo.list(),
        /// UDP ports of AYIYA.
        ayiya_ports: Vec<u16> = decode::Settings::default().ayiya.list(),
        /// UDP ports of GRE in UDP.
        gre_ports: Vec<u16> = decode::Settings::default().gre.list(),
        /// UDP ports of MPLS in UDP.
        mpls_ports: Vec<u16> = decode::Settings::default().mpls.list(),
        /// UDP ports of L2TP.
        l2tp_ports: Vec<u16> = decode::Settings::default().l2tp.list(),
        /// TCP segments with a bad checksum: ignore, count or drop. Offload makes bad ones on the sending host.
        checksums: ChecksumPolicy = ChecksumPolicy::Count,
        /// Memory of IP fragments that wait for the rest of their datagram.
        fragment_memory: ByteSize = ByteSize::of(decode::Settings::default().fragments.max_memory),
        /// A datagram is given up when fragments are missing for this long.
        fragment_timeout: Span = Span::nanos_of(decode::Settings::default().fragments.timeout_nanos),
    }
}

section! {
    /// `[flow]`
    Flow {
        /// A flow without payload in both directions or a whole handshake is dropped after this long.
        half_open_timeout: Span = Span::nanos_of(flow::Settings::default().half_open_nanos),
        /// An idle flow is over after this long.
        idle_timeout: Span = Span::nanos_of(flow::Settings::default().idle_nanos),
        /// A closed flow is remembered this long, for stragglers.
        linger: Span = Span::nanos_of(flow::Settings::default().linger_nanos),
        /// Most flows.
        max_flows: usize = flow::Settings::default().max_flows,
        /// Memory of all flows with what they buffer.
        memory: ByteSize = ByteSize::of(flow::Settings::default().max_memory),
        /// Bytes one direction may hold behind a hole.
        max_held: ByteSize = ByteSize::of(reassembly::Settings::default().max_held),
        /// Bytes all flows together may hold behind holes.
        max_held_total: ByteSize = ByteSize::of(reassembly::Settings::default().max_held_total),
        /// A hole is given up after this long.
        hole_timeout: Span = Span::nanos_of(reassembly::Settings::default().hole_nanos),
        /// Likewise where only one direction is captured.
        hole_timeout_one_sided: Span = Span::nanos_of(reassembly::Settings::default().hole_nanos_one_sided),
        /// Whose bytes count where segments overlap with different content: `first`, `last`, or as `bsd`, `linux`,
        /// `windows` or `solaris` hosts do.
        overlap: reassembly::Overlap = reassembly::Settings::default().overlap,
        /// What becomes of the urgent byte of a segment: `keep` or `remove`.
        urgent: reassembly::Urgent = reassembly::Settings::default().urgent,
    }
}

/// What becomes of TCP segments with a bad checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumPolicy {
    /// Not looked at.
    Ignore,
    /// Counted.
    Count,
    /// Counted and dropped.
    Drop,
}

section! {
    /// `[http]`
    Http {
        /// Longest head, and longest trailer, that is read.
        max_head: ByteSize = ByteSize::of(http::Limits::default().max_head),
        /// Most fields read of one head.
        max_fields: usize = http::Limits::default().max_fields,
        /// How much of a body is kept and looked into; the rest is only counted.
        body_limit: ByteSize = ByteSize::of(http::Limits::default().body_limit),
        /// How much of what WebSocket messages say is kept and looked into, in each direction; the rest is only counted.
        websocket_limit: ByteSize = ByteSize::of(http::Limits::default().websocket_limit),
        /// Requests waiting for their response on one flow.
        max_pipelined: usize = http::Limits::default().max_pipelined,
    }
}

section! {
    /// `[tls]`
    Tls {
        /// Key logs in `SSLKEYLOGFILE` form.
        keylogs: Vec<PathBuf> = Vec::new(),
    }
}

section! {
    /// `[mask]`
    Mask {
        /// Directory of rule files that add to the built-in packs. A file named like a built-in pack, and a rule with the id
        /// of a built-in one, stand in their place.
        rules: Option<PathBuf> = None,
        /// Whether the built-in packs are in force; without them, only the rules of the directory.
        built_in: bool = true,
        /// Rules that do not count at an endpoint.
        exception: Vec<MaskException> = Vec::new(),
    }
}

section! {
    /// `[[mask.exception]]`: rules that do not count at one endpoint.
    MaskException {
        /// `METHOD template`, as reports show it.
        endpoint: String = String::new(),
        /// Ids of the rules.
        rules: Vec<String> = Vec::new(),
        /// The only field it holds for, such as `$.contact.email`; all if unset.
        field: Option<String> = None,
    }
}

section! {
    /// `[anonymize]`
    Anonymize {
        /// Distinct principals that must use a text before it is shown; 5 live and 2 in replay if unset.
        k: Option<u32> = None,
        /// How long display pseudonyms stay the same.
        rotate: Span = Span::days(30),
        /// Fixes the pseudonyms over runs.
        pseudonym_key: Option<PathBuf> = None,
        /// Country database in MaxMind format.
        geoip: Option<PathBuf> = None,
        /// OpenAPI documents.
        openapi: Vec<PathBuf> = Vec::new(),
        /// Hosts, agents, releases, operations and field names remembered.
        max_texts: usize = lexicon::Limits::default().texts,
        /// Memory of these texts.
        texts_memory: ByteSize = ByteSize::of(lexicon::Limits::default().bytes),
        /// Endpoints whose names are remembered.
        max_endpoints: usize = lexicon::Limits::default().endpoints,
    }
}

section! {
    /// `[windows]`
    Windows {}
}

section! {
    /// `[baseline]`
    Baseline {
        /// Tokens whose habits are kept (typically 1.5 KiB each, at most 6 KiB); the least recently seen go first.
        max_tokens: usize = analysis::Settings::default().max_tokens,
        /// Clients without a token whose habits are kept (at most 3 KiB each).
        max_clients: usize = analysis::Settings::default().max_clients,
        /// Endpoints told apart; later ones count together.
        max_endpoints: usize = analysis::Settings::default().max_endpoints,
        /// Endpoints remembered of one token or client (8 bytes each, 12 for the first ten seconds).
        max_endpoints_per_principal: usize = analysis::Settings::default().max_endpoints_per_principal,
        /// Tokens known in detail, the busiest (0.9 KiB each, and 64 bytes an endpoint): heartbeat, peaks, load by endpoint.
        max_profiles: usize = analysis::Settings::default().max_profiles,
        /// Tokens with a history on the operator listener, the busiest: a day by minutes, 31 days by hours.
        history_tokens: usize = HistoryLimits::default().tokens,
        /// Memory of that history; beyond it the oldest goes.
        history_memory: ByteSize = ByteSize::of(HistoryLimits::default().bytes),
    }
}

section! {
    /// `[detect]`
    Detect {
        /// Learning before anything alerts.
        warm_up: Span = Span::secs(Thresholds::default().warm_up_seconds),
        /// Days on which a token must have been active before its own habits count.
        mature_days: u32 = Thresholds::default().mature_days,
        /// Calls that a token must have made before its own habits count.
        mature_calls: u64 = Thresholds::default().mature_calls,
        /// False alerts a day that are tolerated for every 1,000 tokens: more find more, and sooner.
        alert_budget: f64 = Thresholds::BUDGET,
        /// Alerts remembered for the report and the operator page; the oldest go first.
        max_alerts: usize = analysis::Settings::default().max_alerts,
    }
}

section! {
    /// `[privacy]`
    Privacy {
        /// Whose presence is hidden: `principal-day`, or the weaker `principal-hour`.
        unit: PrivacyUnit = PrivacyUnit::PrincipalDay,
        /// One release each: 10, 30, 60 or 300 seconds.
        window: Span = Span::secs(u64::from(release::Settings::default().window_seconds)),
        /// zCDP budget of a unit.
        rho: f64 = 0.5,
        /// This sensor's share of the budget, where several may see the same tokens.
        share: f64 = 1.0,
        /// What one token sends in a busy minute, by public knowledge such as a rate limit: beyond it, it is clipped.
        requests_per_minute: u32 = 20,
        /// Endpoints that may be learned from traffic, beyond those of documents and hints; 0 for none.
        max_learned_endpoints: usize = 100,
        /// How soon after a start with none learned the day's selection is made; 0 for the end of the day.
        bootstrap_window: Span = Span::secs(600),
        /// What one body of a named integration counts at most.
        integration_body_limit: ByteSize = ByteSize::mib(1),
        /// Most series on the public listener.
        max_series: usize = release::Settings::default().max_series,
        /// Tokens and clients counted in a day; those beyond it are not.
        max_principals: usize = release::Settings::default().max_principals,
        /// Endpoints one token may count in during one window.
        max_endpoints_per_principal: u32 = release::Settings::default().max_triples_per_principal,
        /// Flag `volume`: more requests of one token or client than this in one clock minute.
        flag_requests_per_minute: u32 = FlagLimits::default().requests_per_minute,
        /// Flag `payload_request`: a request body longer than this.
        flag_request_size: ByteSize = ByteSize::new(FlagLimits::default().request_bytes),
        /// Flag `payload_response`: a response body longer than this.
        flag_response_size: ByteSize = ByteSize::new(FlagLimits::default().response_bytes),
        /// Flag `field_errors`: this many answers 400 or 422.
        flag_field_errors: u32 = FlagLimits::default().field_errors,
        /// Flag `agent`: more distinct agents of one token than this, at most 7.
        flag_agents: u32 = FlagLimits::default().agents,
        /// Flag `enumeration`: more distinct objects in paths than this, about.
        flag_objects: u32 = FlagLimits::default().objects,
        /// Flag `denied_objects`: this many distinct objects answered 403 or 404, about.
        flag_denied_objects: u32 = FlagLimits::default().denied_objects,
        /// Flag `auth_failures`: this many answers 401 to one client.
        flag_auth_failures: u32 = FlagLimits::default().auth_failures,
        /// Flag `path_scan`: this many answers 404 to one client where nothing is documented.
        flag_unknown_paths: u32 = FlagLimits::default().unknown_paths,
        /// Flag `schema_violation`: this many requests that break a rule of the OpenAPI document.
        flag_schema_violations: u32 = FlagLimits::default().schema_violations,
    }
}

/// What one unit of the privacy claim is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyUnit {
    /// Everything one principal did in one UTC day.
    PrincipalDay,
    /// Everything one principal did in one hour.
    PrincipalHour,
}

section! {
    /// `[export]`
    Export {
        /// Address of the public listener.
        listen: String = "127.0.0.1:9843".to_owned(),
        /// TLS and authentication, exporter-toolkit style.
        web_config: Option<PathBuf> = None,
        /// Masked records, one JSON line a transaction.
        records: Option<PathBuf> = None,
        /// Alerts, one JSON line each.
        alerts: Option<PathBuf> = None,
        /// Size at which a records or alerts file is rotated.
        rotate_size: ByteSize = ByteSize::mib(256),
        /// Rotated files that are kept.
        rotate_keep: u32 = 8,
    }
}

section! {
    /// `[operator]`
    Operator {
        /// Address of the operator listener.
        listen: String = "127.0.0.1:9844".to_owned(),
        /// TLS for it; needed on any address but loopback.
        web_config: Option<PathBuf> = None,
        /// Names, without port, by which browsers may reach it besides its address.
        hosts: Vec<String> = Vec::new(),
    }
}

section! {
    /// `[state]`
    State {
        /// Keys, ledger, baselines (mode 0700).
        dir: PathBuf = PathBuf::from("/var/lib/hushtap"),
        /// How often habits are saved, in packet time; also at the end. 0: never, and nothing is restored.
        save_every: Span = Span::mins(10),
        /// Tokens and clients not seen for so long are dropped.
        retain: Span = Span::days(90),
    }
}

section! {
    /// `[sandbox]`
    Sandbox {
        /// As root: keep its capabilities once the sockets are open.
        allow_root: bool = false,
    }
}

section! {
    /// `[[service]]`
    Service {
        /// The name in labels and records.
        name: String = String::new(),
        /// Host names that belong to it; `*.` stands for one or more labels in front.
        hosts: Vec<String> = Vec::new(),
        /// For reports and the operator listener.
        tags: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new(),
    }
}

section! {
    /// `[[integration]]`: a partner whose traffic is named, outside the token-day claim.
    Integration {
        /// The name in labels.
        name: String = String::new(),
        /// Keyed digests of its tokens, as `hushtap pseudonym` prints them.
        tokens: Vec<String> = Vec::new(),
        /// JWT claims and the value each must have.
        claims: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new(),
        /// Header fields and the value each must have.
        headers: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new(),
        /// Client address ranges.
        clients: Vec<String> = Vec::new(),
        /// Labels of its series.
        tags: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new(),
        /// Its numbers without noise. They then show exactly what it does, and what others do to it.
        exact: bool = false,
        /// Cost units by endpoint (`METHOD template`).
        costs: std::collections::BTreeMap<String, f64> = std::collections::BTreeMap::new(),
    }
}

section! {
    /// `[[endpoint]]`: a path template to go by.
    EndpointHint {
        /// Such as `/v1/users/{id}`.
        template: String = String::new(),
        /// Methods; any if empty.
        methods: Vec<String> = Vec::new(),
        /// The service it belongs to; any if unset.
        service: Option<String> = None,
        /// For reports and the operator listener.
        tags: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new(),
    }
}

section! {
    /// `[[trusted_proxy]]`
    TrustedProxy {
        /// Its address or range.
        address: String = String::new(),
        /// How it passes the client's address on: `x-forwarded-for`, `forwarded`, or `proxy`.
        header: ForwardHeader = ForwardHeader::XForwardedFor,
    }
}

/// How a proxy passes the client's address on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY protocol, version 1 or 2, in front of the connection.
    Proxy,
}

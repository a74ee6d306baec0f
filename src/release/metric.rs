//! The catalogue of every metric the public listener may serve. The renderer knows no other name.

/// Prometheus metric types in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Never falls.
    Counter,
    /// May do anything.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

/// What a metric promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// The metric.
    pub metric: Metric,
    /// The name on the wire.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The base unit; empty for counts and flags.
    pub unit: &'static str,
    /// Label names, in order. Integration metrics have one more per configured tag.
    pub labels: &'static [&'static str],
    /// The help text.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($name:ident = $text:literal $kind:ident ($unit:literal) [$($label:literal),*] $help:literal;)+) => {
        /// Every public metric.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[allow(missing_docs, reason = "each is described by its help text")]
        pub enum Metric { $($name),+ }

        impl Metric {
            /// All metrics with what they promise, sorted by name.
            pub const CATALOGUE: &'static [Spec] = &[$(Spec {
                metric: Self::$name,
                name: $text,
                kind: Kind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
            }),+];

            /// What this metric promises.
            pub const fn spec(self) -> Spec {
                match self { $(Self::$name => Spec {
                    metric: Self::$name,
                    name: $text,
                    kind: Kind::$kind,
                    unit: $unit,
                    labels: &[$($label),*],
                    help: $help,
                }),+ }
            }
        }
    };
}

metrics! {
    BuildInfo = "hushtap_build_info" Gauge("") ["version", "revision", "rustc"]
        "Which hushtap this is; always 1.";
    CountryRequests = "hushtap_country_requests_total" Counter("") ["country"]
        "Requests by country of the client (ISO 3166-1), with differential-privacy noise.";
    DpInfo = "hushtap_dp_info" Gauge("") ["unit", "rho", "epsilon", "delta", "window_seconds", "config"]
        "The privacy claim in force: whose presence is hidden (unit), the zCDP budget of a period (rho) and the (epsilon, delta) it implies; always 1.";
    DpLastRelease = "hushtap_dp_last_release_timestamp_seconds" Gauge("seconds") []
        "When the last released window was due, by schedule; 0 before the first.";
    DpNoiseStddev = "hushtap_dp_noise_stddev" Gauge("") ["family"]
        "Standard deviation of the noise in each series of a family, in the unit of its metric: of one window, or for tokens_*_today of the count at the end of the period.";
    DpRhoLimit = "hushtap_dp_rho_limit" Gauge("") ["family"]
        "Privacy budget (zCDP rho) set aside for a family in each period.";
    DpRhoSpent = "hushtap_dp_rho_spent" Gauge("") ["family"]
        "Privacy budget (zCDP rho) of a family committed in the period of the last release.";
    DpStale = "hushtap_dp_stale" Gauge("") []
        "1 while no new windows can be released (disk, clock, restart, budget); what is served is then old.";
    DpWindowIndex = "hushtap_dp_window_index" Gauge("") []
        "Number of the last released window within its period, from 1; 0 before the first.";
    DpWindowsSkipped = "hushtap_dp_windows_skipped_total" Counter("") []
        "Windows that will never be released (disk, clock or restart; never load).";
    Requests = "hushtap_http_requests_total" Counter("") ["service", "endpoint", "method", "code"]
        "HTTP requests by status class (none: no response seen), with differential-privacy noise.";
    RequestsWindow = "hushtap_http_requests_window" Gauge("") ["service", "endpoint", "method", "code"]
        "HTTP requests of the last released window, with unbiased differential-privacy noise: may be negative.";
    RequestBodyBytes = "hushtap_http_request_body_bytes_total" Counter("bytes") ["service", "endpoint", "method"]
        "Bytes of request bodies, counted in KiB, with differential-privacy noise.";
    RequestDuration = "hushtap_http_request_duration_seconds" Histogram("seconds") ["service", "endpoint", "method"]
        "Time from the first byte of a request to the last byte of its response, with differential-privacy noise; the sum is made from bucket midpoints.";
    ResponseBodyBytes = "hushtap_http_response_body_bytes_total" Counter("bytes") ["service", "endpoint", "method"]
        "Bytes of response bodies, counted in KiB, with differential-privacy noise.";
    IntegrationBodyBytes = "hushtap_integration_body_bytes_total" Counter("bytes") ["integration", "endpoint", "method"]
        "Bytes of bodies of a named integration, outside the claim for principals.";
    IntegrationCostUnits = "hushtap_integration_cost_units_total" Counter("") ["integration"]
        "Released request counts of a named integration times the operator's cost per endpoint.";
    IntegrationDuration = "hushtap_integration_request_duration_seconds" Histogram("seconds") ["integration", "endpoint", "method"]
        "Durations of requests of a named integration, outside the claim for principals.";
    IntegrationRequests = "hushtap_integration_requests_total" Counter("") ["integration", "endpoint", "method", "code"]
        "Requests of a named integration, outside the claim for principals.";
    SensitiveValues = "hushtap_sensitive_values_total" Counter("") ["service", "endpoint", "method", "category", "where"]
        "Sensitive values found in traffic, with differential-privacy noise.";
    TokensAnomalousToday = "hushtap_tokens_anomalous_today" Gauge("") ["signal"]
        "Distinct principals that showed a signal since midnight UTC, with unbiased differential-privacy noise: may be negative.";
    TokensExposedToday = "hushtap_tokens_exposed_today" Gauge("") ["category"]
        "Distinct principals whose traffic held sensitive values of a category since midnight UTC, with unbiased differential-privacy noise: may be negative.";
    TokensToday = "hushtap_tokens_today" Gauge("") []
        "Distinct principals since midnight UTC, with unbiased differential-privacy noise: may be negative.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for spec in Metric::CATALOGUE {
            assert!(spec.name.starts_with("hushtap_"), "{}", spec.name);
            assert_eq!(
                spec.kind == Kind::Counter,
                spec.name.ends_with("_total"),
                "{}",
                spec.name
            );
            if !spec.unit.is_empty() {
                let base = spec.name.trim_end_matches("_total");
                assert!(base.ends_with(spec.unit), "{}", spec.name);
            }
            assert!(spec.help.ends_with('.'), "{}", spec.name);
            assert_eq!(spec.metric.spec(), *spec);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Metric::CATALOGUE.iter().map(|spec| spec.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::CATALOGUE.len());
    }
}

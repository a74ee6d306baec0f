//! Which service a request belongs to, by its host.
//!
//! The order is fixed: a configured `[[service]]` whose pattern fits, then a document that names the host among its
//! servers, else `default`. Where the host says nothing (none sent, an address, a name without a dot, as inside a
//! container network), documents are asked by path instead.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::observation::ServiceId;

/// A host group of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Service {
    /// Its name, the value of the label `service`.
    pub name: String,
    /// Host names: exact, or `*.example.test` for all names under one. Compared without case and port.
    pub hosts: Vec<String>,
}

/// Where a host belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Belongs {
    /// The service, `default` if none is known.
    pub(super) service: ServiceId,
    /// The host is listed: it may be shown.
    pub(super) listed: bool,
    /// The host says nothing about the service.
    pub(super) vague: bool,
}

/// All host patterns.
#[derive(Default)]
pub(super) struct Services {
    exact: BTreeMap<String, ServiceId>,
    /// Suffixes with their leading dot, longest first.
    suffixes: Vec<(String, ServiceId)>,
}

impl Services {
    /// Adds a pattern; the first to claim a name keeps it.
    pub(super) fn add(&mut self, pattern: &str, service: ServiceId) {
        let pattern = pattern.trim().to_ascii_lowercase();
        if let Some(suffix) = pattern.strip_prefix('*') {
            let known = self.suffixes.iter().any(|(s, _)| s == suffix);
            if suffix.starts_with('.') && !known {
                self.suffixes.push((suffix.to_owned(), service));
                self.suffixes
                    .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
            }
        } else {
            self.exact.entry(pattern).or_insert(service);
        }
    }

    /// The service of a normalised host ([`normalize`]).
    pub(super) fn of(&self, host: &str) -> Belongs {
        let by_suffix = || {
            self.suffixes
                .iter()
                .find(|(suffix, _)| host.ends_with(suffix.as_str()))
        };
        let found = self
            .exact
            .get(host)
            .or_else(|| by_suffix().map(|(_, service)| service));
        Belongs {
            service: found.copied().unwrap_or_default(),
            listed: found.is_some() && self.exact.contains_key(host),
            vague: found.is_none() && !is_telling(host),
        }
    }
}

/// A host as it is compared: lower case, without port and trailing dot. None if it is no host name at all.
pub(super) fn normalize(host: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(host).ok()?.trim();
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    if text.len() > 255 {
        return None;
    }
    let name = match text.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None if text.bytes().filter(|b| *b == b':').count() > 1 => text,
        None => text.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    (!name.is_empty() && name.bytes().all(fit)).then_some(name)
}

/// Whether a normalised host is an address.
pub(super) fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

/// Whether a normalised host tells services apart.
fn is_telling(host: &str) -> bool {
    host.contains('.') && !is_address(host)
}

/// The normalised host name of an authority, if it tells services apart.
pub(super) fn public_name(authority: &[u8]) -> Option<String> {
    normalize(authority).filter(|host| is_telling(host) && !host.contains(':'))
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_normalised() {
        for (host, name) in [
            ("API.Shop.test:8443", Some("api.shop.test")),
            ("api.shop.test.", Some("api.shop.test")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("user@api.shop.test", Some("api.shop.test")),
            ("192.0.2.1:80", Some("192.0.2.1")),
            ("", None),
            ("a b", None),
            ("<script>", None),
        ] {
            assert_eq!(normalize(host.as_bytes()).as_deref(), name);
        }
    }

    #[test]
    fn exact_names_win_over_patterns_and_long_patterns_over_short() {
        let mut services = Services::default();
        services.add("*.shop.test", ServiceId(1));
        services.add("*.eu.shop.test", ServiceId(2));
        services.add("pay.eu.shop.test", ServiceId(3));
        let of = |host| services.of(host).service.0;
        assert_eq!(of("api.shop.test"), 1);
        assert_eq!(of("api.eu.shop.test"), 2);
        assert_eq!(of("pay.eu.shop.test"), 3);
        assert_eq!(of("shop.test"), 0);
        assert_eq!(of("evilshop.test"), 0);
        assert!(services.of("10.0.0.1").vague && services.of("orders").vague);
        assert!(!services.of("other.test").vague);
    }

    #[test]
    fn only_names_with_a_dot_tell_services_apart() {
        assert_eq!(public_name(b"localhost:8080"), None);
        assert_eq!(public_name(b"192.0.2.1"), None);
        assert_eq!(public_name(b"[2001:db8::1]"), None);
        assert_eq!(
            public_name(b"api.shop.test:443").as_deref(),
            Some("api.shop.test")
        );
    }
}

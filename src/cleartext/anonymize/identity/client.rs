//! Whose request it is, by address: the peer of the connection, or the one a trusted proxy speaks for.
//!
//! A proxy is believed only for the field its configuration names, since another field may be the client's own
//! invention. `X-Forwarded-For` and `Forwarded` (RFC 7239) are read from the right: each address is believed as long as
//! the one that reported it is trusted; the first that is not trusted is the client.

use std::net::{IpAddr, SocketAddr};

use super::fields::Fields;
use crate::cleartext::anonymize::net::Range;

/// Most hops that are followed.
const MAX_HOPS: usize = 32;

/// Which field a proxy appends to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY protocol, in front of the connection.
    Proxy,
}

/// A proxy that is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrustedProxy {
    /// Its addresses.
    pub range: Range,
    /// The field it appends to.
    pub field: ForwardedBy,
}

/// The client's address.
pub(in crate::cleartext::anonymize) fn client(
    (peer, claimed): (IpAddr, Option<IpAddr>),
    fields: &Fields<'_>,
    proxies: &[TrustedProxy],
) -> IpAddr {
    let mut believed = sender(peer, claimed, proxies);
    let Some(nearest) = trusted(believed, proxies) else {
        return believed;
    };
    let chain = match nearest.field {
        ForwardedBy::Forwarded => &fields.forwarded,
        ForwardedBy::XForwardedFor | ForwardedBy::Proxy => &fields.forwarded_for,
    };
    let hops = chain
        .iter()
        .rev()
        .flat_map(|field| field.rsplit(|b| *b == b','))
        .take(MAX_HOPS);
    for hop in hops {
        let address = match nearest.field {
            ForwardedBy::Forwarded => forwarded_for(hop),
            ForwardedBy::XForwardedFor | ForwardedBy::Proxy => address(hop),
        };
        // Hidden (`unknown`, `_name`) or unreadable: the proxy that said so is the last that is known.
        let Some(address) = address else {
            return believed;
        };
        believed = address;
        if trusted(address, proxies).is_none() {
            break;
        }
    }
    believed
}

/// Who sent what is on the connection: the address in its PROXY header, if the peer is trusted to write one.
pub(in crate::cleartext::anonymize) fn sender(
    peer: IpAddr,
    claimed: Option<IpAddr>,
    proxies: &[TrustedProxy],
) -> IpAddr {
    let vouched = proxies
        .iter()
        .any(|proxy| proxy.field == ForwardedBy::Proxy && proxy.range.contains(peer));
    claimed.filter(|_| vouched).unwrap_or(peer)
}

/// The first entry that lists an address for a header field.
fn trusted(address: IpAddr, proxies: &[TrustedProxy]) -> Option<&TrustedProxy> {
    proxies
        .iter()
        .find(|proxy| proxy.field != ForwardedBy::Proxy && proxy.range.contains(address))
}

/// The node of `for=` in one element of `Forwarded`.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    element
        .split(|b| *b == b';')
        .map(<[u8]>::trim_ascii)
        .find_map(|pair| match pair.split_at_checked(4) {
            Some((name, node)) if name.eq_ignore_ascii_case(b"for=") => Some(node),
            _ => None,
        })
        .and_then(address)
}

/// An address as proxies write it: bare, in brackets, with a port, in quotes.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim().trim_matches('"');
    let bare = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|node| node.ip()))
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

    fn seen(peer: &str, header: &str, field: ForwardedBy) -> String {
        let proxies: Vec<TrustedProxy> = ["10.0.0.0/8", "2001:db8:aa::/48"]
            .iter()
            .map(|range| TrustedProxy {
                range: range.parse().unwrap(),
                field,
            })
            .collect();
        let mut fields = Fields::default();
        let lines: Vec<&str> = header.split('|').filter(|l| !l.is_empty()).collect();
        for line in &lines {
            fields.forwarded_for.push(line.as_bytes());
            fields.forwarded.push(line.as_bytes());
        }
        client((peer.parse().unwrap(), None), &fields, &proxies).to_string()
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right() {
        let seen = |peer, header| seen(peer, header, ForwardedBy::XForwardedFor);
        assert_eq!(seen("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "1.2.3.4, 198.51.100.7"), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "198.51.100.7, 10.0.0.2"), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "198.51.100.7|10.0.0.2"), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
        assert_eq!(seen("10.0.0.1", "198.51.100.7:4711"), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "1.2.3.4, unknown"), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn a_proxy_header_is_believed_of_those_listed_for_it() {
        let proxy = |range: &str, field| TrustedProxy {
            range: range.parse().unwrap(),
            field,
        };
        let both = [
            proxy("10.0.0.0/8", ForwardedBy::Proxy),
            proxy("192.0.2.0/24", ForwardedBy::XForwardedFor),
        ];
        let seen = |peer: &str, claimed: &str, header: &str, proxies: &[TrustedProxy]| {
            let mut fields = Fields::default();
            fields.forwarded_for.push(header.as_bytes());
            let claimed = claimed.parse().ok();
            client((peer.parse().unwrap(), claimed), &fields, proxies).to_string()
        };
        assert_eq!(seen("10.0.0.1", "198.51.100.7", "", &both), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "", "", &both), "10.0.0.1");
        assert_eq!(
            seen("203.0.113.9", "198.51.100.7", "", &both),
            "203.0.113.9"
        );
        // What the header of the connection names may be a proxy that sets a field.
        assert_eq!(
            seen("10.0.0.1", "192.0.2.4", "203.0.113.5", &both),
            "203.0.113.5"
        );
        // Trusted for the one is not trusted for the other.
        assert_eq!(
            seen("10.0.0.1", "198.51.100.7", "203.0.113.5", &both),
            "198.51.100.7"
        );
        assert_eq!(seen("192.0.2.4", "198.51.100.7", "", &both), "192.0.2.4");
    }

    #[test]
    fn strangers_are_not_believed() {
        assert_eq!(
            seen("203.0.113.9", "198.51.100.7", ForwardedBy::XForwardedFor),
            "203.0.113.9"
        );
    }

    #[test]
    fn forwarded_is_read() {
        let seen = |header| seen("10.0.0.1", header, ForwardedBy::Forwarded);
        assert_eq!(seen("for=198.51.100.7;proto=https"), "198.51.100.7");
        assert_eq!(
            seen("proto=https; FOR=\"[2001:db8::7]:4711\""),
            "2001:db8::7"
        );
        assert_eq!(
            seen("for=1.2.3.4, for=198.51.100.7, for=\"[2001:db8:aa::1]\""),
            "198.51.100.7"
        );
        assert_eq!(seen("for=_hidden"), "10.0.0.1");
        assert_eq!(seen("by=10.0.0.9"), "10.0.0.1");
    }
}

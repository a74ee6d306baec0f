//! Address ranges of the configuration (RFC 4632, RFC 4291 section 2.3).

use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses in CIDR form: `10.0.0.0/8`, `2001:db8::/32`; a single address is a range of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Address bits, IPv4 as mapped IPv6.
    bits: u128,
    /// Bits that must agree, counted in the mapped form.
    mask: u128,
}

/// The text is no address range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotARange;

impl FromStr for Range {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| NotARange)?;
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let len: u32 = len.map_or(Ok(width), |len| len.trim().parse().map_err(|_| NotARange))?;
        if len > width {
            return Err(NotARange);
        }
        // An IPv4 prefix stands behind the 96 bits of the mapped form.
        let len = len.saturating_add(128_u32.saturating_sub(width));
        let mask = u128::MAX
            .checked_shl(128_u32.saturating_sub(len))
            .unwrap_or(0);
        Ok(Self {
            bits: bits_of(address) & mask,
            mask,
        })
    }
}

impl Range {
    /// Whether the address lies in the range; IPv4 and its mapped form are the same.
    pub(in crate::cleartext) fn contains(self, address: IpAddr) -> bool {
        bits_of(address) & self.mask == self.bits
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
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

    fn holds(range: &str, address: &str) -> bool {
        let range: Range = range.parse().unwrap();
        range.contains(address.parse().unwrap())
    }

    #[test]
    fn ranges_hold_what_they_say() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(holds("10.1.2.3/8", "10.255.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.1", "192.0.2.1"));
        assert!(!holds("192.0.2.1", "192.0.2.2"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("::/0", "8.8.8.8"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "host",
            "10.0.0.0/x",
            "10.0.0.0/-1",
        ] {
            assert_eq!(text.parse::<Range>(), Err(NotARange), "{text}");
        }
    }
}

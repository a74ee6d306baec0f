//! Addresses: e-mail, the user part of URLs, IPv6 and MAC.

use super::{Found, FoundList, is_boundary};
use crate::cleartext::mask::bytes::{
    ALNUM, HIGH, Set, at, before, cut, find, is, minus, plus, rest, skip_set,
};
use crate::cleartext::mask::decide::is_placeholder;
use crate::cleartext::mask::names::Slot;
use crate::cleartext::mask::rules::{Detector, RuleSet};

/// The longest local part (RFC 5321 section 4.5.3.1.1) and some slack.
const LONGEST_LOCAL: usize = 80;
/// The longest domain (RFC 1035 section 2.3.4).
const LONGEST_DOMAIN: usize = 255;

/// Bytes of an IPv6 or MAC address.
const ADDRESS: Set = Set::range(b'0', b'9')
    .and(Set::range(b'a', b'f'))
    .and(Set::range(b'A', b'F'))
    .and(Set::of(b":."));

/// Every e-mail address.
pub(super) fn emails(rules: &RuleSet, text: &[u8], out: &mut FoundList) {
    let Some(slot) = rules.detector(Detector::Email) else {
        return;
    };
    let known = out.len();
    for sign in memchr::memchr_iter(b'@', text) {
        if !is_local(before(text, sign)) {
            continue;
        }
        // What is there so far is sorted: the user part of an URL is no mailbox.
        let known = out.get(..known).unwrap_or_default();
        let last = known.partition_point(|found| found.start <= sign);
        let taken = last
            .checked_sub(1)
            .and_then(|i| known.get(i))
            .is_some_and(|found| found.end >= sign);
        if !taken {
            out.extend(email(slot, text, sign).filter(|found| {
                // The user part of an URL that was masked before is none either.
                before(text, found.start) != b'/'
                    || !is_placeholder(rules, cut(text, found.start, sign))
            }));
        }
    }
}

/// Bytes of a local part that people use (RFC 5321 section 4.1.2 allows more).
fn is_local(byte: u8) -> bool {
    is(byte, ALNUM | HIGH) || b"._%+-'!#$*^~{|}`".contains(&byte)
}

fn email(slot: Slot, text: &[u8], sign: usize) -> Option<Found> {
    let head = text.get(minus(sign, LONGEST_LOCAL)..sign)?;
    let local = head.iter().rev().take_while(|b| is_local(**b)).count();
    if local == 0 {
        return None;
    }
    let tail = rest(text, plus(sign, 1)).iter().take(LONGEST_DOMAIN);
    let domain_len = tail
        .take_while(|b| is(**b, ALNUM | HIGH) || matches!(b, b'.' | b'-'))
        .count();
    let domain = cut(text, plus(sign, 1), plus(plus(sign, 1), domain_len));
    let trimmed = domain
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b'-'))
        .count();
    let domain = cut(domain, 0, minus(domain.len(), trimmed));
    let top = domain.rsplit(|b| *b == b'.').next().unwrap_or_default();
    let named = domain.contains(&b'.') && domain.first() != Some(&b'.');
    let alphabetic = top.len() >= 2
        && (top.iter().all(|b| b.is_ascii_alphabetic() || *b >= 128) || top.starts_with(b"xn--"));
    let found = Found {
        start: minus(sign, local),
        end: plus(plus(sign, 1), domain.len()),
        slot,
    };
    (named && alphabetic).then_some(found)
}

/// `scheme://user:password@host`, `//user:password@host`: the user part of every URL that has a password in it.
pub(super) fn userinfo(rules: &RuleSet, text: &[u8], out: &mut FoundList) {
    let Some(slot) = rules.detector(Detector::UrlPassword) else {
        return;
    };
    let mut from = 0;
    while let Some(slashes) = find(text, from, b"//") {
        let start = plus(slashes, 2);
        let lead = before(text, slashes);
        if lead != b':' && !is_boundary(lead) {
            from = start;
            continue;
        }
        let authority = rest(text, start).iter().take(1_024);
        let len = authority
            .take_while(|b| {
                !matches!(
                    b,
                    b'/' | b'?' | b'#' | b' ' | b'"' | b'\'' | b'<' | b'>' | b'\n' | b'\r'
                )
            })
            .count();
        let end = plus(start, len);
        // The last `@` before the path ends the user part (WHATWG URL).
        if let Some(sign) = memchr::memrchr(b'@', cut(text, start, end))
            && memchr::memchr(b':', cut(text, start, plus(start, sign))).is_some()
        {
            out.push(Found {
                start,
                end: plus(start, sign),
                slot,
            });
        }
        from = end.max(start);
    }
}

/// IPv6 and MAC addresses.
pub(super) fn colon_separated(rules: &RuleSet, text: &[u8], out: &mut FoundList) {
    let mut i = 0;
    while let Some(colon) = memchr::memchr(b':', rest(text, i)).map(|at| plus(i, at)) {
        let floor = text.get(i..colon).unwrap_or_default();
        let back = floor
            .iter()
            .rev()
            .take(5)
            .take_while(|b| ADDRESS.has(**b) && **b != b'.')
            .count();
        let start = minus(colon, back);
        let mut end = skip_set(text, start, ADDRESS, 64);
        while end > start && matches!(before(text, end), b'.') {
            end = minus(end, 1);
        }
        if is_boundary(before(text, start)) && is_boundary(at(text, end)) {
            out.extend(address(rules, text, start, end));
        }
        i = plus(colon, 1).max(end);
    }
}

fn address(rules: &RuleSet, text: &[u8], start: usize, end: usize) -> Option<Found> {
    let mut value = cut(text, start, end);
    let mut end = end;
    // A trailing colon is punctuation unless it is one of two.
    if value.ends_with(b":") && !value.ends_with(b"::") {
        value = cut(value, 0, minus(value.len(), 1));
        end = minus(end, 1);
    }
    let groups = value.split(|b| *b == b':');
    if value.len() == 17 && groups.clone().count() == 6 && groups.clone().all(|g| g.len() == 2) {
        let harmless = value.iter().all(|b| matches!(b, b'0' | b':'))
            || value.iter().all(|b| matches!(b, b'f' | b'F' | b':'));
        let slot = rules.detector(Detector::Mac)?;
        return (!harmless).then_some(Found { start, end, slot });
    }
    let parsed: std::net::Ipv6Addr = std::str::from_utf8(value).ok()?.parse().ok()?;
    let telling =
        value.iter().any(u8::is_ascii_digit) && groups.filter(|g| !g.is_empty()).count() >= 2;
    let slot = rules.detector(Detector::Ipv6)?;
    (telling && !parsed.is_loopback()).then_some(Found { start, end, slot })
}

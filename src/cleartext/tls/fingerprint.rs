//! JA4: which TLS library a client is, from what it offers (FoxIO, JA4 technical details). Nothing of it names a user.

use ring::digest::{SHA256, digest};

use super::hello::ClientHello;

/// Length of a fingerprint over TCP.
pub(super) const LENGTH: usize = 36;

/// The fingerprint of a client, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub(super) fn ja4(hello: &ClientHello, transport: u8) -> [u8; LENGTH] {
    let mut suites: Vec<u16> = hello
        .suites
        .iter()
        .copied()
        .filter(|n| !is_grease(*n))
        .collect();
    let mut extensions: Vec<u16> = hello
        .extensions
        .iter()
        .copied()
        .filter(|n| !is_grease(*n))
        .collect();
    let versions = hello.versions.iter().copied().filter(|n| !is_grease(*n));
    let version = versions.max().unwrap_or(hello.version);
    let mut text = Vec::with_capacity(LENGTH);
    text.push(transport);
    text.extend_from_slice(version_name(version));
    text.push(if extensions.contains(&0) { b'd' } else { b'i' });
    text.extend_from_slice(&two_digits(suites.len()));
    text.extend_from_slice(&two_digits(extensions.len()));
    text.extend_from_slice(&protocol_ends(&hello.protocol));
    text.push(b'_');
    suites.sort_unstable();
    text.extend_from_slice(&short_hash(&listed(&suites)));
    text.push(b'_');
    // Server name and ALPN say where to, not who.
    extensions.retain(|kind| !matches!(kind, 0 | 16));
    extensions.sort_unstable();
    let mut second = listed(&extensions);
    if !hello.signatures.is_empty() {
        second.push(b'_');
        second.extend(listed(&hello.signatures));
    }
    text.extend_from_slice(&short_hash(if extensions.is_empty() {
        &[]
    } else {
        &second
    }));
    let mut fixed = [0; LENGTH];
    for (place, byte) in fixed.iter_mut().zip(text) {
        *place = byte;
    }
    fixed
}

/// Values that clients send to keep servers tolerant (RFC 8701).
fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

const fn version_name(version: u16) -> &'static [u8] {
    match version {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        _ => b"00",
    }
}

fn two_digits(count: usize) -> [u8; 2] {
    let count = u8::try_from(count.min(99)).unwrap_or(99);
    let tens = count.checked_div(10).unwrap_or(0);
    let ones = count.checked_rem(10).unwrap_or(0);
    [tens.saturating_add(b'0'), ones.saturating_add(b'0')]
}

/// First and last character of the first protocol; of their hexadecimal form if they are no letters or digits.
fn protocol_ends(protocol: &[u8]) -> [u8; 2] {
    match (protocol.first(), protocol.last()) {
        (Some(first), Some(last))
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() =>
        {
            [*first, *last]
        }
        (Some(first), Some(last)) => [hex(first >> 4), hex(last & 0x0f)],
        _ => [b'0', b'0'],
    }
}

/// Numbers as four hexadecimal digits each, with commas.
fn listed(numbers: &[u16]) -> Vec<u8> {
    let mut text = Vec::with_capacity(numbers.len().saturating_mul(5));
    for number in numbers {
        if !text.is_empty() {
            text.push(b',');
        }
        let [high, low] = number.to_be_bytes();
        text.extend_from_slice(&[hex(high >> 4), hex(high & 15), hex(low >> 4), hex(low & 15)]);
    }
    text
}

/// The first twelve digits of SHA-256; zeros for nothing.
fn short_hash(text: &[u8]) -> [u8; 12] {
    let mut out = [b'0'; 12];
    if !text.is_empty() {
        let hash = digest(&SHA256, text);
        for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(hash.as_ref()) {
            *pair = [hex(byte >> 4), hex(byte & 15)];
        }
    }
    out
}

const fn hex(nibble: u8) -> u8 {
    match nibble & 15 {
        digit @ 0..=9 => digit.saturating_add(b'0'),
        letter => letter.saturating_add(b'a' - 10),
    }
}

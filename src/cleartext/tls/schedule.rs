//! From secrets to keys: HKDF-Expand-Label (RFC 8446 section 7.1), the PRF of TLS 1.2 (RFC 5246 section 5) by rustls' provider;
//! the PRF of TLS 1.0 and 1.1 (RFC 2246 section 5), which rustls has no part of.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use rustls::crypto::ring::cipher_suite::{
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384,
};
use rustls::crypto::tls13::{HkdfExpander, OkmBlock};
use rustls::{SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};
use sha1::Sha1;
use zeroize::Zeroizing;

/// TLS 1.2.
pub(super) const TLS12: u16 = 0x0303;

/// Key material that is wiped when dropped.
pub(super) type Secret = Zeroizing<Vec<u8>>;

fn tls13(sha384: bool) -> Option<&'static Tls13CipherSuite> {
    let suite = if sha384 {
        TLS13_AES_256_GCM_SHA384
    } else {
        TLS13_AES_128_GCM_SHA256
    };
    match suite {
        SupportedCipherSuite::Tls13(suite) => Some(suite),
        SupportedCipherSuite::Tls12(_) => None,
    }
}

fn tls12(sha384: bool) -> Option<&'static Tls12CipherSuite> {
    let suite = if sha384 {
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
    } else {
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    };
    match suite {
        SupportedCipherSuite::Tls12(suite) => Some(suite),
        SupportedCipherSuite::Tls13(_) => None,
    }
}

/// HKDF-Expand-Label with an empty context.
pub(super) fn expand(secret: &[u8], sha384: bool, label: &[u8], length: usize) -> Option<Secret> {
    let expander: Box<dyn HkdfExpander> = tls13(sha384)?
        .hkdf_provider
        .expander_for_okm(&OkmBlock::new(secret));
    let mut out = Zeroizing::new(vec![0; length]);
    let size = u16::try_from(length).ok()?.to_be_bytes();
    let prefix = [u8::try_from(label.len().checked_add(6)?).ok()?];
    expander
        .expand_slice(&[&size, &prefix, b"tls13 ", label, &[0]], &mut out)
        .ok()?;
    Some(out)
}

/// The key block of TLS 1.0 to 1.2.
pub(super) fn key_block(
    version: u16,
    sha384: bool,
    master: &[u8],
    (client, server): (&[u8; 32], &[u8; 32]),
    length: usize,
) -> Option<Secret> {
    let seed = [server.as_slice(), client].concat();
    let mut out = Zeroizing::new(vec![0; length]);
    if version >= TLS12 {
        let prf = tls12(sha384)?.prf_provider;
        prf.for_secret(&mut out, master, b"key expansion", &seed);
        return Some(out);
    }
    // The secret is halved; an odd byte belongs to both.
    let half = master.len().div_ceil(2);
    let (first, second) = (
        master.get(..half)?,
        master.get(master.len().checked_sub(half)?..)?,
    );
    let seed = [b"key expansion".as_slice(), &seed].concat();
    let mut other = Zeroizing::new(vec![0; length]);
    p_hash(&mut out, &seed, |parts| mac_md5(first, parts))?;
    p_hash(&mut other, &seed, |parts| mac_sha1(second, parts))?;
    for (byte, mask) in out.iter_mut().zip(other.iter()) {
        *byte ^= mask;
    }
    Some(out)
}

/// `P_hash` (RFC 2246 section 5).
fn p_hash(out: &mut [u8], seed: &[u8], mac: impl Fn(&[&[u8]]) -> Option<Vec<u8>>) -> Option<()> {
    let mut a = mac(&[seed])?;
    let mut filled = 0_usize;
    while filled < out.len() {
        let block = mac(&[&a, seed])?;
        for (place, byte) in out.iter_mut().skip(filled).zip(&block) {
            *place = *byte;
        }
        filled = filled.checked_add(block.len())?;
        a = mac(&[&a])?;
    }
    Some(())
}

fn mac_md5(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().to_vec())
}

fn mac_sha1(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().to_vec())
}

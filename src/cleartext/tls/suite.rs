//! Cipher suites by number: which can be opened, and how.

/// How records of a suite are protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protection {
    /// AES-GCM with keys of this length.
    Gcm(usize),
    /// ChaCha20-Poly1305.
    ChaCha,
    /// AES-CBC with keys of this length, and an HMAC.
    Cbc(usize, Mac),
}

/// The hash of an HMAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mac {
    Sha1,
    Sha256,
    Sha384,
}

impl Mac {
    /// Bytes of a tag, and of its key.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// A suite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Suite {
    pub(super) protection: Protection,
    /// The hash of the key schedule is SHA-384, else SHA-256.
    pub(super) sha384: bool,
}

/// The suite of a number, if it can be opened (IANA, TLS cipher suites).
pub(super) const fn suite(number: u16) -> Option<Suite> {
    use Protection::{Cbc, ChaCha, Gcm};
    let (protection, sha384) = match number {
        0x1301 | 0x009c | 0x009e | 0x00a0 | 0x00a2 | 0x00a4 | 0x00a6 | 0x00a8 | 0x00aa | 0x00ac
        | 0xc02b | 0xc02d | 0xc02f | 0xc031 | 0xd001 => (Gcm(16), false),
        0x1302 | 0x009d | 0x009f | 0x00a1 | 0x00a3 | 0x00a5 | 0x00a7 | 0x00a9 | 0x00ab | 0x00ad
        | 0xc02c | 0xc02e | 0xc030 | 0xc032 | 0xd002 => (Gcm(32), true),
        0x1303 | 0xcca8..=0xccae => (ChaCha, false),
        0x002f
        | 0x0030..=0x0034
        | 0x008c
        | 0x0090
        | 0x0094
        | 0xc004
        | 0xc009
        | 0xc00e
        | 0xc013
        | 0xc018
        | 0xc035 => (Cbc(16, Mac::Sha1), false),
        0x0035..=0x003a
        | 0x008d
        | 0x0091
        | 0x0095
        | 0xc005
        | 0xc00a
        | 0xc00f
        | 0xc014
        | 0xc019
        | 0xc036 => (Cbc(32, Mac::Sha1), false),
        0x003c | 0x003e | 0x003f | 0x0040 | 0x0067 | 0x006c | 0x00ae | 0x00b2 | 0x00b6 | 0xc023
        | 0xc025 | 0xc027 | 0xc029 | 0xc037 => (Cbc(16, Mac::Sha256), false),
        0x003d | 0x0068..=0x006b | 0x006d => (Cbc(32, Mac::Sha256), false),
        0x00af | 0x00b3 | 0x00b7 | 0xc024 | 0xc026 | 0xc028 | 0xc02a | 0xc038 => {
            (Cbc(32, Mac::Sha384), true)
        }
        _ => return None,
    };
    Some(Suite { protection, sha384 })
}

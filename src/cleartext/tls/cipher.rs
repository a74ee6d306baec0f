//! Opening one record: AEAD by ring (RFC 8446 section 5.2, RFC 5288, RFC 7905), CBC with HMAC by RustCrypto (RFC 5246 section
//! 6.2.3.2, RFC 7366). A record either verifies or stays shut: nothing is ever guessed.

use aes::{Aes128, Aes256};
use cbc::Decryptor;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _, block_padding::NoPadding};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::record::{HEADER, Record};
use super::schedule::{Secret, expand};
use super::suite::{Mac, Protection, Suite};

/// Bytes of an AEAD tag.
const TAG: usize = 16;
/// Bytes of an AES block.
const BLOCK: usize = 16;

/// Opens the records of one direction under one key.
pub(super) struct Opener {
    how: How,
    /// Number of the next record.
    sequence: u64,
}

enum How {
    /// TLS 1.3: the nonce is the record number over this.
    Tls13 {
        key: LessSafeKey,
        iv: [u8; 12],
    },
    /// TLS 1.2: part of the nonce comes with the record (GCM), or none does (ChaCha20).
    Tls12 {
        key: LessSafeKey,
        iv: Secret,
    },
    Cbc(Cbc),
}

struct Cbc {
    key: Secret,
    mac_key: Secret,
    mac: Mac,
    version: u16,
    encrypt_then_mac: bool,
    /// TLS 1.0: the last block of the record before.
    chained: Option<[u8; BLOCK]>,
}

/// Content of a record, and its type.
pub(super) struct Opened {
    pub(super) kind: u8,
    pub(super) content: Secret,
}

fn aead(protection: Protection, key: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match protection {
        Protection::Gcm(16) => &AES_128_GCM,
        Protection::Gcm(_) => &AES_256_GCM,
        Protection::ChaCha => &CHACHA20_POLY1305,
        Protection::Cbc(..) => return None,
    };
    UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
}

/// Bytes of the key of an AEAD.
const fn key_len(protection: Protection) -> usize {
    match protection {
        Protection::Gcm(length) | Protection::Cbc(length, _) => length,
        Protection::ChaCha => 32,
    }
}

impl Opener {
    /// From a traffic secret of TLS 1.3 (RFC 8446 section 7.3).
    pub(super) fn tls13(suite: Suite, secret: &[u8]) -> Option<Self> {
        let key = expand(secret, suite.sha384, b"key", key_len(suite.protection))?;
        let iv = expand(secret, suite.sha384, b"iv", 12)?;
        Some(Self {
            how: How::Tls13 {
                key: aead(suite.protection, &key)?,
                iv: *iv.first_chunk()?,
            },
            sequence: 0,
        })
    }

    /// Both directions of TLS 1.0 to 1.2, client first, from a function that gives the key block (RFC 5246 section 6.3).
    pub(super) fn tls12(
        suite: Suite,
        version: u16,
        encrypt_then_mac: bool,
        block: impl FnOnce(usize) -> Option<Secret>,
    ) -> Option<[Self; 2]> {
        let key = key_len(suite.protection);
        let (mac, iv) = match suite.protection {
            Protection::Gcm(_) => (0, 4),
            Protection::ChaCha => (0, 12),
            Protection::Cbc(_, mac) if version < 0x0302 => (mac.len(), BLOCK),
            Protection::Cbc(_, mac) => (mac.len(), 0),
        };
        let total = mac.checked_add(key)?.checked_add(iv)?.checked_mul(2)?;
        let block = block(total)?;
        let part = |start: usize, length: usize, side: usize| {
            let from = start.checked_add(length.checked_mul(side)?)?;
            Some(Secret::new(
                block.get(from..from.checked_add(length)?)?.to_vec(),
            ))
        };
        let one = |side: usize| {
            let keys = mac.checked_mul(2)?;
            let ivs = keys.checked_add(key.checked_mul(2)?)?;
            let (mac_key, key, iv_bytes) = (
                part(0, mac, side)?,
                part(keys, key, side)?,
                part(ivs, iv, side)?,
            );
            let how = match suite.protection {
                Protection::Cbc(_, mac) => How::Cbc(Cbc {
                    key,
                    mac_key,
                    mac,
                    version,
                    encrypt_then_mac,
                    chained: iv_bytes.first_chunk().copied(),
                }),
                Protection::Gcm(_) | Protection::ChaCha => How::Tls12 {
                    key: aead(suite.protection, &key)?,
                    iv: iv_bytes,
                },
            };
            Some(Self { how, sequence: 0 })
        };
        Some([one(0)?, one(1)?])
    }

    /// Opens the next record. None if it does not verify; then it was not the next one, or the key is another.
    pub(super) fn open(&mut self, record: &Record<'_>) -> Option<Opened> {
        let opened = match &mut self.how {
            How::Tls13 { key, iv } => open_13(key, iv, self.sequence, record),
            How::Tls12 { key, iv } => open_12(key, iv, self.sequence, record),
            How::Cbc(cbc) => cbc.open(self.sequence, record),
        }?;
        self.sequence = self.sequence.checked_add(1)?;
        Some(opened)
    }

    /// Passes over a record that was not captured.
    pub(super) fn skip(&mut self, records: u64) {
        self.sequence = self.sequence.saturating_add(records);
    }
}

/// The nonce: the record number, padded, over the IV.
fn nonce(iv: &[u8; 12], sequence: u64) -> Nonce {
    let mut bytes = *iv;
    for (place, byte) in bytes.iter_mut().skip(4).zip(sequence.to_be_bytes()) {
        *place ^= byte;
    }
    Nonce::assume_unique_for_key(bytes)
}

fn open_13(key: &LessSafeKey, iv: &[u8; 12], sequence: u64, record: &Record<'_>) -> Option<Opened> {
    let mut content = Secret::new(record.body.to_vec());
    let length = key
        .open_in_place(nonce(iv, sequence), Aad::from(record.header), &mut content)
        .ok()?
        .len();
    content.truncate(length);
    // The type stands behind the content, before the padding.
    while content.last() == Some(&0) {
        content.pop();
    }
    let kind = content.pop()?;
    Some(Opened { kind, content })
}

fn open_12(key: &LessSafeKey, iv: &[u8], sequence: u64, record: &Record<'_>) -> Option<Opened> {
    let (nonce, sealed) = if let Ok(iv) = <&[u8; 12]>::try_from(iv) {
        (nonce(iv, sequence), record.body)
    } else {
        let (explicit, sealed) = record.body.split_at_checked(8)?;
        let mut bytes = [0; 12];
        for (place, byte) in bytes.iter_mut().zip(iv.iter().chain(explicit)) {
            *place = *byte;
        }
        (Nonce::assume_unique_for_key(bytes), sealed)
    };
    let length = sealed.len().checked_sub(TAG)?;
    let aad = Aad::from(pseudo_header(sequence, record, length)?);
    let mut content = Secret::new(sealed.to_vec());
    key.open_in_place(nonce, aad, &mut content).ok()?;
    content.truncate(length);
    Some(Opened {
        kind: record.kind,
        content,
    })
}

/// What a MAC covers beside the content: number, type, version, length.
fn pseudo_header(sequence: u64, record: &Record<'_>, length: usize) -> Option<[u8; 8 + HEADER]> {
    let mut bytes = [0; 8 + HEADER];
    let length = u16::try_from(length).ok()?.to_be_bytes();
    let version = record.version.to_be_bytes();
    let parts = sequence
        .to_be_bytes()
        .into_iter()
        .chain([record.kind])
        .chain(version)
        .chain(length);
    for (place, byte) in bytes.iter_mut().zip(parts) {
        *place = byte;
    }
    Some(bytes)
}

impl Cbc {
    fn open(&mut self, sequence: u64, record: &Record<'_>) -> Option<Opened> {
        let mut body = record.body;
        if self.encrypt_then_mac {
            let (sealed, tag) = body.split_at_checked(body.len().checked_sub(self.mac.len())?)?;
            let header = pseudo_header(sequence, record, sealed.len())?;
            self.verify(&[&header, sealed], tag)?;
            body = sealed;
        }
        let last = *body.last_chunk::<BLOCK>()?;
        let (iv, sealed) = match self.chained {
            Some(iv) if self.version < 0x0302 => (iv, body),
            _ => {
                let (iv, sealed) = body.split_first_chunk::<BLOCK>()?;
                (*iv, sealed)
            }
        };
        let mut content = Secret::new(sealed.to_vec());
        self.decrypt(&iv, &mut content)?;
        // Each byte of the padding is its length (RFC 5246 section 6.2.3.2).
        let padding = usize::from(*content.last()?).checked_add(1)?;
        let unpadded = content.len().checked_sub(padding)?;
        content.truncate(unpadded);
        if !self.encrypt_then_mac {
            let length = content.len().checked_sub(self.mac.len())?;
            let (plain, tag) = content.split_at_checked(length)?;
            let header = pseudo_header(sequence, record, length)?;
            self.verify(&[&header, plain], tag)?;
            content.truncate(length);
        }
        if self.version < 0x0302 {
            self.chained = Some(last);
        }
        Some(Opened {
            kind: record.kind,
            content,
        })
    }

    fn decrypt(&self, iv: &[u8; BLOCK], content: &mut [u8]) -> Option<()> {
        if content.is_empty() || !content.len().is_multiple_of(BLOCK) {
            return None;
        }
        let key = self.key.as_slice();
        if key.len() == 16 {
            let cipher = Decryptor::<Aes128>::new_from_slices(key, iv).ok()?;
            cipher.decrypt_padded::<NoPadding>(content).ok()?;
        } else {
            let cipher = Decryptor::<Aes256>::new_from_slices(key, iv).ok()?;
            cipher.decrypt_padded::<NoPadding>(content).ok()?;
        }
        Some(())
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Option<()> {
        let key = self.mac_key.as_slice();
        macro_rules! verify {
            ($hash:ty) => {{
                let mut mac = Hmac::<$hash>::new_from_slice(key).ok()?;
                for part in parts {
                    mac.update(part);
                }
                mac.verify_slice(tag).ok()
            }};
        }
        match self.mac {
            Mac::Sha1 => verify!(Sha1),
            Mac::Sha256 => verify!(Sha256),
            Mac::Sha384 => verify!(Sha384),
        }
    }
}

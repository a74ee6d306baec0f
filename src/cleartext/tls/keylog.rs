//! Secrets by client random, from key logs (draft-ietf-tls-keylogfile) and pcapng secrets blocks.
//!
//! The most sensitive thing in the process: no type here can be printed, everything is wiped when dropped, and the number of
//! connections remembered is bounded ([`MAX_CONNECTIONS`]; the oldest are forgotten).

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ahash::RandomState;
use zeroize::{Zeroize as _, Zeroizing};

use super::schedule::Secret;

/// Connections whose secrets are remembered.
const MAX_CONNECTIONS: usize = 262_144;
/// Longest secret (bytes): SHA-384 and master secrets have 48.
const LONGEST_SECRET: usize = 64;
/// Longest line of a key log that is read.
const LONGEST_LINE: usize = 512;
/// Read from a key log at once (bytes).
const PIECE: usize = 64 << 10;

/// The secrets of a connection, as far as known.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    /// Master secret of TLS 1.2 and before.
    pub(super) master: Option<Secret>,
    /// `CLIENT_EARLY_TRAFFIC_SECRET`.
    pub(super) early: Option<Secret>,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`, `SERVER_HANDSHAKE_TRAFFIC_SECRET`.
    pub(super) handshake: [Option<Secret>; 2],
    /// `CLIENT_TRAFFIC_SECRET_0`, `SERVER_TRAFFIC_SECRET_0`.
    pub(super) traffic: [Option<Secret>; 2],
}

#[derive(Default)]
struct Inner {
    connections: RwLock<Connections>,
    /// Raised whenever secrets were added.
    generation: AtomicU64,
    /// There is a key log, or was a secrets block.
    used: AtomicBool,
    /// Key logs grow.
    followed: AtomicBool,
}

#[derive(Default)]
struct Connections {
    known: HashMap<[u8; 32], Secrets, RandomState>,
    order: VecDeque<[u8; 32]>,
}

/// All secrets. Cheap to clone; one a process.
#[derive(Clone, Default)]
pub struct KeyStore(Arc<Inner>);

/// Prints nothing of what it holds.
impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyStore")
    }
}

impl KeyStore {
    /// Takes lines of a key log. Lines that are none are passed over, as other readers do.
    pub fn add(&self, text: &[u8]) {
        self.0.used.store(true, Ordering::Relaxed);
        let mut added = false;
        let mut connections = self
            .0
            .connections
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for line in text.split(|byte| *byte == b'\n') {
            added |= connections.line(line).is_some();
        }
        drop(connections);
        if added {
            self.0.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// The secrets of a connection.
    pub(super) fn secrets(&self, random: &[u8; 32]) -> Option<Secrets> {
        let connections = self
            .0
            .connections
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        connections.known.get(random).cloned()
    }

    /// Changes whenever secrets are added.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Whether there is a key log at all.
    pub(super) fn is_used(&self) -> bool {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Whether missing secrets may still come.
    pub(super) fn is_followed(&self) -> bool {
        self.0.followed.load(Ordering::Relaxed)
    }

    /// Says that key logs are followed while they grow.
    pub fn follow(&self) {
        self.0.followed.store(true, Ordering::Relaxed);
        self.0.used.store(true, Ordering::Relaxed);
    }
}

impl Connections {
    /// `LABEL <client random> <secret>`, in hexadecimal.
    fn line(&mut self, line: &[u8]) -> Option<()> {
        let line = line.trim_ascii();
        if line.len() > LONGEST_LINE || line.starts_with(b"#") {
            return None;
        }
        let mut words = line
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty());
        let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
        let random: [u8; 32] = unhex(random)?.as_slice().try_into().ok()?;
        let secret = unhex(secret).filter(|secret| !secret.is_empty())?;
        let slot = self.slot(random);
        let place = match label {
            b"CLIENT_RANDOM" => &mut slot.master,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => &mut slot.early,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => slot.handshake.first_mut()?,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => slot.handshake.last_mut()?,
            b"CLIENT_TRAFFIC_SECRET_0" => slot.traffic.first_mut()?,
            b"SERVER_TRAFFIC_SECRET_0" => slot.traffic.last_mut()?,
            _ => return None,
        };
        *place = Some(secret);
        Some(())
    }

    fn slot(&mut self, random: [u8; 32]) -> &mut Secrets {
        if !self.known.contains_key(&random) {
            if self.order.len() >= MAX_CONNECTIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(random);
        }
        self.known.entry(random).or_default()
    }
}

fn unhex(text: &[u8]) -> Option<Secret> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() > LONGEST_SECRET {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(bytes)
}

/// Reads a key log, and what is added to it later.
pub struct KeyLogFollower {
    path: PathBuf,
    file: File,
    /// The beginning of a line.
    partial: Zeroizing<Vec<u8>>,
}

impl KeyLogFollower {
    /// Opens a key log.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        Ok(Self {
            file: File::open(&path)?,
            path,
            partial: Zeroizing::new(Vec::new()),
        })
    }

    /// Reads what is there; a last line without its end waits for the rest, unless `all`.
    pub fn read(&mut self, store: &KeyStore, all: bool) -> io::Result<()> {
        self.reopen();
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        loop {
            let count = self.file.read(&mut piece)?;
            if count == 0 {
                break;
            }
            self.partial
                .extend_from_slice(piece.get(..count).unwrap_or_default());
            let end = memchr::memrchr(b'\n', &self.partial).map_or(0, |at| at.saturating_add(1));
            if end > 0 {
                store.add(self.partial.get(..end).unwrap_or_default());
                let rest = self.partial.split_off(end);
                self.partial.zeroize();
                *self.partial = rest;
            } else if self.partial.len() > PIECE {
                // No line is that long.
                self.partial.zeroize();
            }
        }
        if all && !self.partial.is_empty() {
            store.add(&self.partial);
            self.partial.zeroize();
        }
        Ok(())
    }

    /// A log that was rotated or truncated is read from its start.
    fn reopen(&mut self) {
        let (Ok(there), Ok(here)) = (std::fs::metadata(&self.path), self.file.metadata()) else {
            return;
        };
        let replaced = (there.dev(), there.ino()) != (here.dev(), here.ino());
        let position = io::Seek::stream_position(&mut self.file).unwrap_or(0);
        if (replaced || there.len() < position)
            && let Ok(file) = File::open(&self.path)
        {
            self.file = file;
            self.partial.zeroize();
        }
    }
}

/// Takes any bytes for a key log, for fuzzing.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz_keylog(bytes: &[u8]) {
    let store = KeyStore::default();
    store.add(bytes);
    let connections = store
        .0
        .connections
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    assert!(connections.known.len() == connections.order.len());
}

//! TLS on a tap: what a handshake says, and records opened where their keys are known.
//!
//! ```text
//!  bytes of a direction -> record       whole records                                             (record)
//!                       -> handshake    ClientHello, ServerHello: names, versions, suite          (hello, fingerprint)
//!                       -> keys         secrets from key logs, by client random                   (keylog, schedule)
//!                       -> connection   which key opens the next record                           (connection, cipher)
//!                    -> plaintext, in order; or the one reason why there is none                  (outcome)
//! ```
//! Nothing here is an endpoint: no certificate is checked, nothing is sent. Keys come from `SSLKEYLOGFILE`s and pcapng secrets
//! blocks. rustls' provider does the key schedule and names the suites, ring opens AEAD records. Read first: RFC 8446 sections
//! 4.1, 5 and 7; RFC 5246 sections 6 and 7.4; draft-ietf-tls-keylogfile.

mod book;
mod cipher;
mod connection;
mod fingerprint;
mod hello;
mod keylog;
mod outcome;
mod record;
mod schedule;
mod suite;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use book::{Book, BookEntry};
pub(in crate::cleartext) use connection::{Connection, Plain};
pub use keylog::{KeyLogFollower, KeyStore};
pub use outcome::Outcome;

/// What bounds decryption of one flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of records kept while their keys are not known yet, where a key log is followed.
    pub max_waiting: usize,
    /// Records that do not open before a flow is given up.
    pub max_failed: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_waiting: 256 << 10,
            max_failed: 64,
        }
    }
}

/// What all connections share.
#[derive(Clone, Default)]
pub struct Shared {
    /// Secrets.
    pub keys: KeyStore,
    /// Bounds.
    pub limits: Limits,
    /// Where flows are written down for the operator.
    pub book: Option<Arc<Book>>,
}

/// Whether bytes begin as a TLS connection does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext) enum Looks {
    /// A ClientHello.
    Hello,
    /// A record of a connection whose beginning was not seen.
    Joined,
    /// So far; more bytes are needed.
    Maybe,
    /// No.
    No,
}

/// Judges the first bytes of a direction.
pub(in crate::cleartext) fn looks(bytes: &[u8]) -> Looks {
    // Type, version 3.x, length up to 2^14 + 2048 (RFC 5246 section 6.2.3), type of the first message.
    let kind = match bytes.first() {
        Some(kind @ 20..=23) => *kind,
        Some(_) => return Looks::No,
        None => return Looks::Maybe,
    };
    if bytes.get(1).is_some_and(|major| *major != 3)
        || bytes.get(2).is_some_and(|minor| *minor > 4)
        || bytes.get(3).is_some_and(|high| *high > 0x48)
    {
        return Looks::No;
    }
    match (kind, bytes.get(5)) {
        (_, None) => Looks::Maybe,
        (record::HANDSHAKE, Some(1)) => Looks::Hello,
        _ => Looks::Joined,
    }
}

/// Reads a ClientHello out of QUIC and writes it down; what the flow counts as.
pub(in crate::cleartext) fn quic_hello(body: &[u8], shared: &Shared) -> Outcome {
    let Some(hello) = hello::client(body) else {
        return Outcome::QuicIncomplete;
    };
    if let Some(book) = &shared.book {
        let ja4 = fingerprint::ja4(&hello, b'q');
        book.note(&hello.name, &hello.protocol, Some(&ja4), Outcome::Quic);
    }
    Outcome::Quic
}

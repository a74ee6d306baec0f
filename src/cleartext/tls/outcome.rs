//! What became of a TLS flow: each has exactly one of these.

use crate::tally::Tally;

/// The result of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// Opened.
    Decrypted,
    /// There is no key log at all.
    NoKeyLog,
    /// The key logs do not know this connection.
    NoKeys,
    /// The beginning was not seen.
    Joined,
    /// The handshake did not come to an end.
    Incomplete,
    /// Its cipher suite is not one we can open.
    Suite,
    /// Its version is none we can open (SSL 3, drafts).
    Version,
    /// Bytes are missing.
    Hole,
    /// Keys were known, but records did not open.
    Failed,
    /// QUIC; its hello was read.
    Quic,
    /// QUIC of another version.
    QuicVersion,
    /// QUIC whose hello did not come whole.
    QuicIncomplete,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Decrypted,
        Self::NoKeyLog,
        Self::NoKeys,
        Self::Joined,
        Self::Incomplete,
        Self::Suite,
        Self::Version,
        Self::Hole,
        Self::Failed,
        Self::Quic,
        Self::QuicVersion,
        Self::QuicIncomplete,
    ];

    /// Where it is counted.
    pub const fn tally(self) -> Tally {
        match self {
            Self::Decrypted => Tally::TlsDecrypted,
            Self::NoKeyLog => Tally::TlsNoKeyLog,
            Self::NoKeys => Tally::TlsNoKeys,
            Self::Joined => Tally::TlsJoined,
            Self::Incomplete => Tally::TlsIncomplete,
            Self::Suite => Tally::TlsSuite,
            Self::Version => Tally::TlsVersion,
            Self::Hole => Tally::TlsHole,
            Self::Failed => Tally::TlsFailed,
            Self::Quic => Tally::TlsQuic,
            Self::QuicVersion => Tally::TlsQuicVersion,
            Self::QuicIncomplete => Tally::TlsQuicIncomplete,
        }
    }
}

//! HTTP from in-order bytes: heads, framing, bodies, and the pairing of requests with responses.
//!
//! ```text
//!  StreamChunk -> HttpFlow   content decides: request or status line, in either direction, on any port   (flow, line)
//!                   Session  one per flow that speaks HTTP: a state machine per direction                (session)
//!                     head   httparse, and a tolerant reader for what it refuses but peers accept        (head)
//!                     body   RFC 9112 section 6 as a passive observer must apply it                      (framing, chunked)
//!                     pair   by sequence and acknowledgement bounds, never by counting after a loss      (session, exchange)
//!                -> Transaction
//! ```
//! [`body`] undoes content codings later, on the workers. Read RFC 9112 sections 2, 6 and 7 first.
//! HTTP/2 is another session with another reader of frames: [`h2`].

pub mod body;
pub mod transaction;

mod chunked;
mod exchange;
mod flow;
mod framing;
#[cfg(test)]
mod fuzz;
mod h2;
mod head;
mod line;
mod preface;
mod sealed;
mod session;
#[cfg(test)]
mod tests;
mod websocket;

pub(in crate::cleartext) use flow::HttpFlow;

use std::net::IpAddr;

use crate::cleartext::decode::{FlowInfo, FlowKey};
use crate::cleartext::raw::Raw;
use crate::cleartext::tls;
use crate::observation::FlowId;
use crate::tally::TallySheet;
use transaction::{Spare, Transaction};

/// What bounds the HTTP layer. Sizes are in bytes and hold per flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest head (start line and fields), and longest trailer, that is read.
    pub max_head: usize,
    /// Most fields read of one head.
    pub max_fields: usize,
    /// How much of a body is kept; the rest is only counted.
    pub body_limit: usize,
    /// How much of what WebSocket messages say is kept, in each direction; the rest is only counted.
    pub websocket_limit: usize,
    /// Requests waiting for their response on one flow; beyond it the oldest is given up.
    pub max_pipelined: usize,
    /// A first line is searched for this long before a direction is refused.
    pub probe: usize,
    /// Bytes one direction may carry undecided, while the other is silent, before the flow is called no HTTP.
    pub undecided: u64,
    /// Likewise for a flow joined midstream or with holes, where a message may begin anywhere, also behind a long download.
    pub undecided_midstream: u64,
    /// Bytes without any start line, over both directions, before a flow that was HTTP is given up.
    pub lost: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_head: 64 << 10,
            max_fields: 256,
            body_limit: 256 << 10,
            websocket_limit: 64 << 10,
            max_pipelined: 1_024,
            probe: 8 << 10,
            undecided: 4 << 10,
            undecided_midstream: 16 << 20,
            lost: 16 << 20,
        }
    }
}

/// What a stretch of a stream is to HTTP, for who rewrites captures (`scrub`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext) enum Part {
    /// A whole head.
    Head,
    /// Bytes of a body, transfer coding removed.
    Body,
    /// Chunk sizes, extensions and line ends.
    Coding,
    /// Bytes of a trailer section.
    Trailer,
    /// Line ends before a start line.
    Blank,
    /// Bytes of a TLS connection.
    Sealed,
    /// The message has ended; no bytes.
    End,
}

/// A stretch of one direction of a flow, in order of its stream.
pub(in crate::cleartext) struct Piece<'a> {
    /// Which flow.
    pub(in crate::cleartext) flow: FlowId,
    /// Which direction.
    pub(in crate::cleartext) from_low: bool,
    /// Position of its first byte in the stream.
    pub(in crate::cleartext) offset: u64,
    /// What it is.
    pub(in crate::cleartext) part: Part,
    /// Its bytes.
    pub(in crate::cleartext) bytes: Raw<&'a [u8]>,
}

/// Where pieces go.
pub(in crate::cleartext) type Trace = dyn FnMut(&Piece<'_>) + Send;

/// Whose connection a PROXY header in front of it says it is: the side that said so, and the address. No `Debug`.
#[derive(Clone, Copy, Default)]
pub(in crate::cleartext) struct Claimed(Option<(bool, IpAddr)>);

impl Claimed {
    /// By the side that is `low` or not.
    const fn by(from_low: bool, address: IpAddr) -> Self {
        Self(Some((from_low, address)))
    }

    /// What that side claimed of itself.
    fn of(self, low: bool) -> Option<IpAddr> {
        let (from_low, address) = self.0?;
        (from_low == low).then_some(address)
    }
}

/// What a flow lends to its HTTP layer with every chunk.
pub(in crate::cleartext) struct Context<'a> {
    /// Which flow.
    pub(in crate::cleartext) info: FlowInfo,
    /// Its addresses.
    pub(in crate::cleartext) key: &'a FlowKey,
    /// Whose connection it says it is.
    pub(in crate::cleartext) claimed: Claimed,
    /// Who opened the connection, where the handshake was seen. Only a hint: content decides who is the client.
    pub(in crate::cleartext) initiator_is_low: Option<bool>,
    /// Bounds.
    pub(in crate::cleartext) limits: &'a Limits,
    /// Where to count.
    pub(in crate::cleartext) tally: &'a TallySheet,
    /// Memory for new transactions.
    pub(in crate::cleartext) spare: &'a Spare,
    /// Where finished transactions go.
    pub(in crate::cleartext) emit: &'a mut dyn FnMut(Transaction),
    /// TLS keys and where its flows are counted.
    pub(in crate::cleartext) tls: &'a tls::Shared,
    /// Who wants to know what each byte is; none but for `scrub`.
    pub(in crate::cleartext) trace: Option<&'a mut Trace>,
}

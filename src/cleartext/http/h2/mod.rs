//! HTTP/2 from in-order bytes, both directions of a flow (RFC 9113).
//!
//! ```text
//!  bytes -> Reader    frames out of any segmentation; skips holes inside frames, finds frames again after others  (reader, frame)
//!           Session   header blocks, HPACK, streams; which request a response belongs to says the stream number  (session)
//!           Stream    one exchange: heads, DATA, trailers, RST_STREAM; gRPC messages are counted as they pass     (stream, grpc)
//!        -> Transaction, whose heads are written out as HTTP/1 heads, for everything behind expects one           (head)
//! ```
//! A connection is recognised by the preface of its client, by the first frame of its server, by an upgrade to `h2c`, or,
//! joined midstream, by frames that can be nothing else ([`detect`]). What loss and joining midstream mean for header
//! compression stands in [`hpack`].
//!
//! Hostile peers: open streams are bounded by `Limits::max_pipelined` (rapid reset, CVE-2023-44487, holds nothing: a stream
//! that was reset is emitted at once), header blocks by `Limits::max_head` in their coded and in their decoded form
//! (CONTINUATION flood, CVE-2024-27316; HPACK bombs), bodies by [`session::MAX_HELD`] a connection. Frames without effect
//! (empty DATA, PING, SETTINGS) hold nothing. Flow control is not checked: an observer has no say in it.

mod detect;
mod frame;
mod grpc;
mod head;
mod hpack;
mod reader;
mod session;
mod stream;
mod tunnel;

#[cfg(test)]
pub(super) use detect::fuzz_signs;
pub(super) use detect::{Sign, midstream, sign};
#[cfg(test)]
pub(super) use hpack::fuzz_hpack;
pub(super) use session::{Begin, Entry, Session};

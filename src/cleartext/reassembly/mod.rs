//! Segments to in-order bytes, one direction at a time.
//!
//! A [`Stream`](stream::Stream) is one direction. What comes in order is handed on without a copy; what comes early is held, within limits,
//! until the hole before it is filled or given up. A hole is given up when the receiver has acknowledged it (it was sent, but
//! not captured), when the limits are reached, or when the flow ends: then a [`Gap`] says how long it was. On overlap the
//! first copy wins, unless a policy of some host is set ([`Overlap`]); urgent data may be taken out ([`Urgent`]). Read first: RFC
//! 9293 sections 3.4 and 3.10.7.4, RFC 7323 section 2.3, RFC 6093 section 2 (urgent data as hosts really treat it).

mod held;
mod pair;
mod policy;
mod recent;
mod stream;

pub(in crate::cleartext) use pair::{Bench, Pair};
pub use policy::{Overlap, Urgent};

use super::raw::Raw;
use crate::clock::EventTime;

/// What one direction of a flow yields, in order.
pub enum StreamChunk<'a> {
    /// The next bytes.
    Data(Data<'a>),
    /// A hole: bytes that were never captured.
    Gap(Gap),
    /// Bytes handed on before came again, with other content.
    Conflict,
    /// Nothing more will come.
    End(EndReason, EventTime),
}

/// In-order bytes with what pairing needs to know about where they stood.
pub struct Data<'a> {
    /// The bytes.
    pub bytes: Raw<&'a [u8]>,
    /// Capture time of the segment that carried them.
    pub time: EventTime,
    /// Position of the first byte in this direction's stream, gaps included: 0 is the byte after SYN. A flow joined later
    /// counts from [`MIDSTREAM_ORIGIN`] instead, so that bytes which turn up from before still have a position.
    pub offset: u64,
    /// The acknowledgement the sender gave with them, as a position in the *other* direction's stream; none if unknown.
    pub acked: Option<u64>,
    /// Another copy of some of them had other content.
    pub conflict: bool,
}

/// A hole in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Position of its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// When it was given up.
    pub time: EventTime,
}

/// Why a direction ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// FIN.
    Finished,
    /// RST.
    Reset,
    /// No packet for longer than the timeout.
    TimedOut,
    /// Evicted under the byte budget, or a new connection took over the 4-tuple.
    Evicted,
    /// The capture ended.
    CaptureEnd,
}

/// Where positions start in a direction whose SYN was not seen.
pub const MIDSTREAM_ORIGIN: u64 = 1 << 32;

/// What bounds reassembly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Bytes one direction may hold behind a hole; beyond it the hole is given up.
    pub max_held: usize,
    /// Segments one direction may hold behind a hole.
    pub max_held_segments: usize,
    /// Bytes all flows together may hold; beyond it a flow that would hold more gives up its hole.
    pub max_held_total: usize,
    /// A hole the receiver has acknowledged is still waited for during so many packets of the flow (they may have been
    /// captured out of order) ...
    pub reorder_packets: u32,
    /// ... and so many nanoseconds of packet time, whichever ends first.
    pub reorder_nanos: u64,
    /// A hole is given up after so many nanoseconds in any case.
    pub hole_nanos: u64,
    /// Likewise where only one direction is captured, so that no acknowledgement can tell.
    pub hole_nanos_one_sided: u64,
    /// Which copy counts where segments behind a hole overlap with different content.
    pub overlap: Overlap,
    /// What becomes of urgent data.
    pub urgent: Urgent,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_held: 1 << 20,
            max_held_segments: 2_048,
            max_held_total: 64 << 20,
            reorder_packets: 16,
            reorder_nanos: 20_000_000,
            hole_nanos: 30_000_000_000,
            hole_nanos_one_sided: 2_000_000_000,
            overlap: Overlap::First,
            urgent: Urgent::Keep,
        }
    }
}

//! Segments to in-order bytes, one direction at a time.

use super::raw::Raw;
use crate::clock::EventTime;

/// What one direction of a flow yields, in order.
pub enum StreamChunk<'a> {
    /// The next bytes.
    Data(Data<'a>),
    /// A hole: bytes that were never captured.
    Gap(Gap),
    /// Nothing more will come.
    End(EndReason, EventTime),
}

/// In-order bytes with what pairing needs to know about where they stood.
pub struct Data<'a> {
    /// The bytes.
    pub bytes: Raw<&'a [u8]>,
    /// Capture time of the segment that carried them.
    pub time: EventTime,
    /// Position of the first byte in this direction's stream, counted from the first byte seen or after SYN, gaps included.
    pub offset: u64,
    /// The acknowledgement the sender gave with them, as a position in the *other* direction's stream; none if unknown.
    pub acked: Option<u64>,
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

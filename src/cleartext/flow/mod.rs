//! The flow table: who talks to whom, on packet time, under a byte budget.
//!
//! [`table`] finds and ages entries and knows nothing of TCP; [`state`] is what a flow is: its handshake, how it closes, and,
//! once there is payload, its two streams and their HTTP layer. No wall clock, no work per packet that grows with the table.

pub(in crate::cleartext) mod state;
pub(in crate::cleartext) mod table;

use crate::clock::NANOS_PER_SECOND;

/// What bounds the flow table. Times are in nanoseconds of packet time, sizes in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// A flow without payload in both directions or a complete handshake is dropped after this long.
    pub half_open_nanos: u64,
    /// An idle flow is over after this long.
    pub idle_nanos: u64,
    /// A flow closed by FIN or RST is remembered this long, for stragglers.
    pub linger_nanos: u64,
    /// Flows at most; beyond it the one that was idle for longest goes.
    pub max_flows: usize,
    /// Memory of all flows with what they buffer; beyond it the one that was idle for longest goes.
    pub max_memory: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            half_open_nanos: 30 * NANOS_PER_SECOND,
            idle_nanos: 300 * NANOS_PER_SECOND,
            linger_nanos: 5 * NANOS_PER_SECOND,
            max_flows: 1_000_000,
            max_memory: 256 << 20,
        }
    }
}

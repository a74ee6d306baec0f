//! What decoding gives: a TCP segment of a flow.

use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::observation::FlowId;

/// One endpoint of a flow: address and port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// IPv4 as mapped IPv6, or IPv6.
    pub(in crate::cleartext) addr: [u8; 16],
    /// TCP port.
    pub(in crate::cleartext) port: u16,
}

/// Both endpoints of a flow in a fixed order, so that both directions have one key. Holds addresses: no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The smaller peer.
    pub(in crate::cleartext) low: Peer,
    /// The larger peer.
    pub(in crate::cleartext) high: Peer,
}

/// One TCP segment with its payload borrowed from the packet.
pub struct Segment<'a> {
    /// Capture time.
    pub time: EventTime,
    /// The flow.
    pub key: FlowKey,
    /// Whether `key.low` sent it.
    pub from_low: bool,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number; meaningful where `flags.ack`.
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// Payload as far as it was captured.
    pub payload: Raw<&'a [u8]>,
    /// Payload bytes the snaplen cut off behind `payload`: a hole of known length.
    pub missing: u32,
    /// Urgent pointer (RFC 9293 section 3.1); 0 where there is none.
    pub urgent: u16,
}

impl Segment<'_> {
    /// Which byte of the payload is urgent: the one before that the pointer points at, as hosts have it (RFC 6093 section
    /// 2.2). None if there is none in this payload.
    pub(in crate::cleartext) fn urgent_byte(&self) -> Option<usize> {
        let at = usize::from(self.urgent).checked_sub(1)?;
        let at = at.checked_sub(usize::from(self.flags.syn))?;
        (at < self.payload.expose().len()).then_some(at)
    }
}

/// TCP control bits (RFC 9293 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent bits on the wire"
)]
pub struct Flags {
    /// Synchronise.
    pub syn: bool,
    /// Acknowledgement field is valid.
    pub ack: bool,
    /// No more data from sender.
    pub fin: bool,
    /// Reset.
    pub rst: bool,
}

/// Who sends in one direction of a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// From initiator to responder, as far as known.
    Client,
    /// From responder to initiator.
    Server,
}

/// What a flow tells the layers above when it hands them bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowInfo {
    /// Its number.
    pub id: FlowId,
    /// Joined without a handshake.
    pub midstream: bool,
    /// The bytes were opened from TLS.
    pub decrypted: bool,
}

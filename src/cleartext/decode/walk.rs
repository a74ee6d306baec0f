//! The walk from header to header: a loop with a depth, never a recursion, and no allocation.

use super::fragment::{Fragment, Whole};
use super::segment::{Flags, FlowKey, Peer, Segment};
use super::{Checksums, Settings, inet, link, radio, tunnel, u8_at, u16_at};
use crate::cleartext::capture::Packet;
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::tally::{Tally, TallySheet};
use etherparse::TcpSlice;

/// What a packet turned out to be.
pub(in crate::cleartext) enum Decoded<'a> {
    /// A TCP segment.
    Segment(Segment<'a>),
    /// Part of an IP datagram.
    Fragment(Fragment<'a>),
    /// A datagram that looks like QUIC.
    Quic(FlowKey, Raw<&'a [u8]>),
    /// None of these; counted under this.
    Other(Tally),
}

/// How to read what comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layer {
    /// Ethernet (IEEE 802.3).
    Ethernet,
    /// By this EtherType.
    Type(u16),
    /// IEEE 802.2 logical link control.
    Llc,
    /// PPP, with or without address and control field.
    Ppp,
    /// IEEE 802.11.
    Radio,
    /// MPLS label stack.
    Mpls,
    /// GRE.
    Gre,
    /// Network service header (RFC 8300).
    Nsh,
    /// IPv4 or IPv6, by its version.
    Ip,
    /// What IP carries.
    Transport(Hosts, u8),
}

/// Who sends to whom in the IP header at hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hosts {
    pub(super) from: [u8; 16],
    pub(super) to: [u8; 16],
    /// Bytes of the payload that were not captured.
    pub(super) missing: u32,
}

/// What a step came to.
pub(super) enum Step<'a> {
    Next(Layer, &'a [u8]),
    Fragment(Fragment<'a>),
    Tcp(Hosts, &'a [u8]),
    /// A UDP payload that looks like QUIC, with its ports.
    Quic(Hosts, (u16, u16), &'a [u8]),
}

/// One walk.
pub(super) struct Walk<'s> {
    pub(super) settings: &'s Settings,
    pub(super) tally: &'s TallySheet,
    /// Headers gone through.
    depth: u8,
    /// Bytes cut from the end of the packet.
    pub(super) cut: u32,
    /// Inside UDP, where random bytes may look like anything: only what is consistent is believed.
    pub(super) doubtful: bool,
}

impl<'s> Walk<'s> {
    pub(super) fn new(packet: &Packet<'_>, settings: &'s Settings, tally: &'s TallySheet) -> Self {
        let captured = u32::try_from(packet.data.expose().len()).unwrap_or(u32::MAX);
        Self {
            settings,
            tally,
            depth: 0,
            cut: packet.wire_len.saturating_sub(captured),
            doubtful: false,
        }
    }

    /// A walk that goes on inside a datagram.
    pub(super) fn within(whole: &Whole, settings: &'s Settings, tally: &'s TallySheet) -> Self {
        Self {
            settings,
            tally,
            depth: whole.depth,
            cut: 0,
            doubtful: whole.doubtful,
        }
    }

    /// From the first header of a packet.
    pub(super) fn run<'a>(mut self, packet: &Packet<'a>) -> Decoded<'a> {
        let start = link::start(packet.link, packet.data.expose());
        self.go(start, packet.time)
    }

    /// From the payload of a datagram.
    pub(super) fn finish(mut self, whole: &Whole) -> Decoded<'_> {
        let hosts = Hosts {
            from: whole.key.from,
            to: whole.key.to,
            missing: 0,
        };
        let layer = Layer::Transport(hosts, whole.protocol);
        let payload: &[u8] = whole.payload.expose();
        self.go(Ok(Step::Next(layer, payload)), whole.time)
    }

    fn go<'a>(&mut self, start: Result<Step<'a>, Tally>, time: EventTime) -> Decoded<'a> {
        let mut step = start;
        loop {
            match step {
                Ok(Step::Next(layer, data)) => {
                    self.depth = self.depth.saturating_add(1);
                    if self.depth > self.settings.max_depth {
                        return Decoded::Other(Tally::PacketTooDeep);
                    }
                    step = self.step(layer, data);
                }
                Ok(Step::Tcp(hosts, data)) => {
                    if self.is_bad(&hosts, data) {
                        return Decoded::Other(Tally::PacketBadChecksum);
                    }
                    return tcp(&hosts, data, time);
                }
                Ok(Step::Quic(hosts, (from, to), payload)) => {
                    let (key, _) = key(&hosts, from, to);
                    return Decoded::Quic(key, Raw::new(payload));
                }
                Ok(Step::Fragment(mut fragment)) => {
                    fragment.depth = self.depth;
                    fragment.doubtful = self.doubtful;
                    return Decoded::Fragment(fragment);
                }
                // What looked like a tunnel was plain UDP.
                Err(Tally::PacketNotIp | Tally::PacketMalformed) if self.doubtful => {
                    return Decoded::Other(Tally::PacketNotTcp);
                }
                Err(reason) => return Decoded::Other(reason),
            }
        }
    }

    /// Whether a segment is to be dropped for its checksum; one that does not verify is counted.
    fn is_bad(&self, hosts: &Hosts, data: &[u8]) -> bool {
        // Of a cut segment nothing can be said.
        if self.settings.checksums == Checksums::Ignore || hosts.missing > 0 || self.cut > 0 {
            return false;
        }
        if inet::verifies(hosts, data) {
            return false;
        }
        self.tally.one(Tally::TcpChecksums);
        self.settings.checksums == Checksums::Drop
    }

    fn step<'a>(&mut self, layer: Layer, data: &'a [u8]) -> Result<Step<'a>, Tally> {
        match layer {
            Layer::Ethernet => {
                let kind = u16_at(data, 12)?;
                next(Layer::Type(kind), data, 14)
            }
            Layer::Type(kind) => link::by_type(kind, data),
            Layer::Llc => link::llc(data),
            Layer::Ppp => link::ppp(data),
            Layer::Radio => radio::frame(data),
            Layer::Mpls => mpls(data),
            Layer::Gre => tunnel::gre(data),
            Layer::Nsh => tunnel::nsh(data),
            Layer::Ip => match data.first().map(|byte| byte >> 4) {
                Some(4) => inet::ipv4(self, data),
                Some(6) => inet::ipv6(self, data),
                Some(_) => Err(Tally::PacketNotIp),
                None => Err(Tally::PacketMalformed),
            },
            Layer::Transport(hosts, protocol) => inet::transport(self, hosts, protocol, data),
        }
    }
}

/// The next layer, behind a header of this length.
pub(super) fn next(layer: Layer, data: &[u8], header: usize) -> Result<Step<'_>, Tally> {
    Ok(Step::Next(layer, super::rest(data, header)?))
}

/// Labels to the bottom of the stack (RFC 3032); below it IP, or a pseudowire with or without control word (RFC 4385).
fn mpls(data: &[u8]) -> Result<Step<'_>, Tally> {
    let mut at = 0_usize;
    loop {
        let bottom = u8_at(data, at.saturating_add(2))? & 1 == 1;
        at = at.saturating_add(4);
        if bottom {
            break;
        }
    }
    match u8_at(data, at)? >> 4 {
        4 | 6 => next(Layer::Ip, data, at),
        0 => next(Layer::Ethernet, data, at.saturating_add(4)),
        _ => next(Layer::Ethernet, data, at),
    }
}

/// The flow between two ports, and whether its smaller peer has the first.
fn key(hosts: &Hosts, from: u16, to: u16) -> (FlowKey, bool) {
    let from = Peer {
        addr: hosts.from,
        port: from,
    };
    let to = Peer {
        addr: hosts.to,
        port: to,
    };
    let from_low = from <= to;
    let (low, high) = if from_low { (from, to) } else { (to, from) };
    (FlowKey { low, high }, from_low)
}

/// The segment itself (RFC 9293 section 3.1).
fn tcp<'a>(hosts: &Hosts, data: &'a [u8], time: EventTime) -> Decoded<'a> {
    let Ok(tcp) = TcpSlice::from_slice(data) else {
        return Decoded::Other(Tally::PacketMalformed);
    };
    let (key, from_low) = key(hosts, tcp.source_port(), tcp.destination_port());
    Decoded::Segment(Segment {
        time,
        key,
        from_low,
        seq: tcp.sequence_number(),
        ack: tcp.acknowledgment_number(),
        flags: Flags {
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
        },
        payload: Raw::new(tcp.payload()),
        missing: hosts.missing,
        urgent: if tcp.urg() { tcp.urgent_pointer() } else { 0 },
    })
}

//! One TCP connection as a tap next to the server sees it: handshake, segments of at most one MSS, acknowledgements, FIN;
//! timestamps and checksums are right. Read RFC 9293 section 3.5 and RFC 7323 first. Nothing is ever lost here.

use std::io::Write;
use std::net::SocketAddrV4;

use etherparse::{PacketBuilder, TcpOptionElement};

use super::capture::CaptureWriter;
use crate::clock::EventTime;

/// Which end speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Client,
    Server,
}

/// An open connection.
pub(super) struct Connection {
    client: End,
    server: End,
}

struct End {
    address: SocketAddrV4,
    hardware: [u8; 6],
    /// The sequence number of the next byte this end sends.
    next: u32,
}

impl Connection {
    /// Shakes hands; the connection is usable [`ROUND_TRIP_NANOS`] after `at`.
    pub(super) fn open<W: Write>(
        client: SocketAddrV4,
        server: SocketAddrV4,
        first_sequence: (u32, u32),
        at: EventTime,
        sink: &mut CaptureWriter<W>,
    ) -> Self {
        let mut connection = Self {
            client: End {
                address: client,
                hardware: CLIENT_HARDWARE,
                next: first_sequence.0,
            },
            server: End {
                address: server,
                hardware: SERVER_HARDWARE,
                next: first_sequence.1,
            },
        };
        connection.emit(Side::Client, (Flags::Syn, &[]), at, sink);
        let answered = at.plus_nanos(TURNAROUND_NANOS);
        connection.emit(Side::Server, (Flags::SynAck, &[]), answered, sink);
        let done = at.plus_nanos(ROUND_TRIP_NANOS);
        connection.emit(Side::Client, (Flags::Ack, &[]), done, sink);
        connection
    }

    /// Sends `message` in segments and returns the time of the last one. The other end acknowledges on the way when the
    /// message is long; the end of it is acknowledged by whatever the other end sends next.
    pub(super) fn send<W: Write>(
        &mut self,
        from: Side,
        message: &[u8],
        at: EventTime,
        sink: &mut CaptureWriter<W>,
    ) -> EventTime {
        let last = message.len().div_ceil(SEGMENT_BYTES).saturating_sub(1);
        let mut now = at;
        for (number, segment) in message.chunks(SEGMENT_BYTES).enumerate() {
            if number > 0 {
                now = now.plus_nanos(SEGMENT_NANOS);
            }
            let flags = if number == last {
                Flags::Push
            } else {
                Flags::Ack
            };
            self.emit(from, (flags, segment), now, sink);
            if number % SEGMENTS_PER_ACK == SEGMENTS_PER_ACK - 1 && number != last {
                self.emit(from.other(), (Flags::Ack, &[]), now.plus_nanos(1_000), sink);
            }
        }
        now
    }

    /// A bare acknowledgement by `from`.
    pub(super) fn acknowledge<W: Write>(
        &mut self,
        from: Side,
        at: EventTime,
        sink: &mut CaptureWriter<W>,
    ) {
        self.emit(from, (Flags::Ack, &[]), at, sink);
    }

    /// The client closes, the server follows.
    pub(super) fn close<W: Write>(mut self, at: EventTime, sink: &mut CaptureWriter<W>) {
        self.emit(Side::Client, (Flags::Fin, &[]), at, sink);
        let answered = at.plus_nanos(TURNAROUND_NANOS);
        self.emit(Side::Server, (Flags::Fin, &[]), answered, sink);
        let done = at.plus_nanos(ROUND_TRIP_NANOS);
        self.emit(Side::Client, (Flags::Ack, &[]), done, sink);
    }

    fn emit<W: Write>(
        &mut self,
        from: Side,
        (flags, payload): (Flags, &[u8]),
        at: EventTime,
        sink: &mut CaptureWriter<W>,
    ) {
        let (sender, receiver) = match from {
            Side::Client => (&mut self.client, &self.server),
            Side::Server => (&mut self.server, &self.client),
        };
        let builder = PacketBuilder::ethernet2(sender.hardware, receiver.hardware)
            .ipv4(
                sender.address.ip().octets(),
                receiver.address.ip().octets(),
                HOP_LIMIT,
            )
            .tcp(
                sender.address.port(),
                receiver.address.port(),
                sender.next,
                WINDOW,
            );
        let builder = match flags {
            Flags::Syn => builder.syn(),
            Flags::SynAck => builder.syn().ack(receiver.next),
            Flags::Ack => builder.ack(receiver.next),
            Flags::Push => builder.ack(receiver.next).psh(),
            Flags::Fin => builder.ack(receiver.next).fin(),
        };
        let stamp = TcpOptionElement::Timestamp(millis(at), millis(at).wrapping_sub(1));
        let with_options = if matches!(flags, Flags::Syn | Flags::SynAck) {
            builder.options(&[
                TcpOptionElement::MaximumSegmentSize(MAXIMUM_SEGMENT),
                TcpOptionElement::SelectiveAcknowledgementPermitted,
                stamp,
                TcpOptionElement::Noop,
                TcpOptionElement::WindowScale(7),
            ])
        } else {
            builder.options(&[TcpOptionElement::Noop, TcpOptionElement::Noop, stamp])
        };
        // Neither can fail: the options take 20 bytes of 40, and a segment is far below 64 KiB.
        let Ok(builder) = with_options else { return };
        let mut frame = Vec::with_capacity(builder.size(payload.len()));
        if builder.write(&mut frame, payload).is_err() {
            return;
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        sender.next = sender.next.wrapping_add(length);
        if matches!(flags, Flags::Syn | Flags::SynAck | Flags::Fin) {
            sender.next = sender.next.wrapping_add(1); // RFC 9293 section 3.4: SYN and FIN take a number
        }
        sink.push(at, frame);
    }
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

#[derive(Clone, Copy)]
enum Flags {
    Syn,
    SynAck,
    Ack,
    Push,
    Fin,
}

/// The sender's timestamp clock: milliseconds, wrapping.
fn millis(at: EventTime) -> u32 {
    u32::try_from((at.nanos() / 1_000_000) & u64::from(u32::MAX)).unwrap_or(0)
}

/// From a packet to the answer it causes, seen next to the server.
pub(super) const ROUND_TRIP_NANOS: u64 = 900_000;
const TURNAROUND_NANOS: u64 = 60_000;
/// Between two segments of one message: about 1 Gbit/s.
const SEGMENT_NANOS: u64 = 12_000;
const SEGMENTS_PER_ACK: usize = 8;
const MAXIMUM_SEGMENT: u16 = 1_460;
/// The MSS less the 12 bytes of timestamps.
const SEGMENT_BYTES: usize = 1_448;
const WINDOW: u16 = 64_240;
const HOP_LIMIT: u8 = 63;
/// Locally administered hardware addresses.
const CLIENT_HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SERVER_HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 2];

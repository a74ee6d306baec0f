//! One flow: what is known of its handshake and its end, and its two streams once there is payload.
//!
//! Before the first payload a flow is a few dozen bytes, so that scans and floods cost little. Read first: RFC 9293 sections
//! 3.5 (handshake, simultaneous open), 3.6 (closing), 3.10.7 (which SYN and RST to believe).

use crate::cleartext::decode::{FlowInfo, FlowKey, Segment};
use crate::cleartext::flow::table::Age;
use crate::cleartext::http::transaction::{Spare, Transaction};
use crate::cleartext::http::{self, Context, HttpFlow, Trace};
use crate::cleartext::reassembly::{self, Bench, EndReason, Pair, StreamChunk};
use crate::cleartext::tls;
use crate::clock::EventTime;
use crate::observation::FlowId;
use crate::tally::{Tally, TallySheet};

/// A late SYN belongs to a stream that was joined at most this many bytes behind it.
const LATE_SYN: u32 = 1 << 20;
/// After so many segments in a row outside any window the flow is taken for a new connection whose handshake was missed.
const STRAYS: u8 = 3;

/// State of a flow.
pub(in crate::cleartext) struct Flow {
    info: FlowInfo,
    low: Peer,
    high: Peer,
    /// Who opened the connection, if the handshake shows it.
    initiator_is_low: Option<bool>,
    progress: Progress,
    strays: u8,
    /// When it was reset.
    reset: Option<EventTime>,
    connection: Option<Box<Connection>>,
}

/// What one side has shown.
#[derive(Clone, Copy, Default)]
struct Peer {
    isn: Option<u32>,
    /// Sequence number behind its last byte, once the flow is done.
    end: u32,
    seen: bool,
    fin: bool,
}

/// What the payload is worth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// No payload yet.
    Silent,
    /// Payload, and HTTP or not yet known.
    Speaking,
    /// Payload is of no interest.
    NotHttp,
    /// Both directions have ended.
    Done,
}

/// The part of a flow that exists once there is payload.
#[derive(Default)]
struct Connection {
    pair: Pair,
    http: HttpFlow,
}

/// What a flow needs from the engine with each packet.
pub(in crate::cleartext) struct Tools<'a> {
    pub(in crate::cleartext) reassembly: &'a reassembly::Settings,
    pub(in crate::cleartext) http: &'a http::Limits,
    pub(in crate::cleartext) tally: &'a TallySheet,
    /// Bytes all flows together may still hold out of order.
    pub(in crate::cleartext) room: usize,
    /// Memory for new transactions.
    pub(in crate::cleartext) spare: &'a Spare,
    pub(in crate::cleartext) emit: &'a mut dyn FnMut(Transaction),
    /// TLS keys.
    pub(in crate::cleartext) tls: &'a tls::Shared,
    /// Who wants to know what each byte is.
    pub(in crate::cleartext) trace: Option<&'a mut Trace>,
    /// Where the payload at hand stands in its stream, as far as the flow is read.
    pub(in crate::cleartext) place: Option<u64>,
}

impl Flow {
    /// A flow whose first segment this is; give it to [`Flow::segment`] next.
    pub(in crate::cleartext) fn new(id: FlowId, first: &Segment<'_>) -> Self {
        Self {
            info: FlowInfo {
                id,
                midstream: !first.flags.syn,
                decrypted: false,
            },
            low: Peer::default(),
            high: Peer::default(),
            initiator_is_low: None,
            progress: Progress::Silent,
            strays: 0,
            reset: None,
            connection: None,
        }
    }

    /// Whether it was joined without a handshake.
    pub(in crate::cleartext) const fn is_midstream(&self) -> bool {
        self.info.midstream
    }

    /// Its number.
    pub(in crate::cleartext) const fn id(&self) -> FlowId {
        self.info.id
    }

    /// Whether payload came, but all from one side.
    pub(in crate::cleartext) fn is_one_sided(&self) -> bool {
        self.progress != Progress::Silent && !(self.low.seen && self.high.seen)
    }

    /// Which timeout applies.
    pub(in crate::cleartext) fn age(&self) -> Age {
        let closed = self.reset.is_some() || self.low.fin && self.high.fin;
        if closed || self.progress == Progress::Done {
            Age::Closed
        } else if self.progress != Progress::Silent || self.low.seen && self.high.seen {
            Age::Open
        } else {
            Age::HalfOpen
        }
    }

    /// Heap bytes.
    pub(in crate::cleartext) fn memory(&self) -> usize {
        self.connection.as_ref().map_or(0, |connection| {
            size_of::<Connection>()
                .saturating_add(connection.pair.held())
                .saturating_add(connection.http.memory())
        })
    }

    /// Bytes held out of order.
    pub(in crate::cleartext) fn held(&self) -> usize {
        self.connection
            .as_ref()
            .map_or(0, |connection| connection.pair.held())
    }

    /// Whether this segment opens another connection between the same endpoints.
    pub(in crate::cleartext) fn is_superseded_by(&self, segment: &Segment<'_>) -> bool {
        if !segment.flags.syn || segment.flags.rst {
            return self.strays >= STRAYS;
        }
        let peer = if segment.from_low {
            self.low
        } else {
            self.high
        };
        let delivered = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.pair.stream(segment.from_low).has_delivered());
        let closed = self.age() == Age::Closed;
        match peer.isn {
            Some(isn) if isn == segment.seq => false,
            // Another SYN-ACK to a handshake that goes on is an answer to a repeated SYN.
            Some(_) => !segment.flags.ack || closed || delivered,
            None if closed => true,
            None => delivered && !self.is_late_syn(segment),
        }
    }

    /// Whether a SYN fits the stream that was picked up without it.
    fn is_late_syn(&self, segment: &Segment<'_>) -> bool {
        self.connection.as_ref().is_some_and(|connection| {
            let next = connection.pair.stream(segment.from_low).next();
            next.wrapping_sub(segment.seq) <= LATE_SYN
        })
    }

    /// Takes a segment. `time` is its stamp as far as the packet clock believes it.
    pub(in crate::cleartext) fn segment(
        &mut self,
        key: &FlowKey,
        segment: &Segment<'_>,
        time: EventTime,
        tools: &mut Tools<'_>,
    ) {
        self.note(segment, time);
        let payload = segment.payload.expose().len();
        if payload == 0 && segment.missing == 0 && self.connection.is_none() {
            return;
        }
        let bytes = u64::try_from(payload).unwrap_or(u64::MAX);
        tools.tally.add(Tally::StreamBytesIn, bytes);
        match self.progress {
            Progress::NotHttp => tools.tally.add(Tally::StreamBytesNotHttp, bytes),
            Progress::Done => tools.tally.add(self.straggler(segment), bytes),
            // Data on a RST explains it and is no part of the stream (RFC 9293 section 3.10.7.4, RFC 1122 section 4.2.2.12).
            Progress::Silent | Progress::Speaking if segment.flags.rst => {
                tools.tally.add(Tally::StreamBytesOutOfWindow, bytes);
            }
            Progress::Silent | Progress::Speaking => {
                self.speak(key, segment, time, tools);
            }
        }
    }

    /// What payload is that comes after the end: most often a repetition.
    fn straggler(&self, segment: &Segment<'_>) -> Tally {
        let peer = if segment.from_low {
            self.low
        } else {
            self.high
        };
        let behind = peer.end.wrapping_sub(segment.seq).cast_signed();
        if i64::try_from(segment.payload.expose().len()).is_ok_and(|len| len <= i64::from(behind)) {
            Tally::StreamBytesDuplicate
        } else {
            Tally::StreamBytesOutOfWindow
        }
    }

    /// What the flags say.
    fn note(&mut self, segment: &Segment<'_>, time: EventTime) {
        let flags = segment.flags;
        let peer = if segment.from_low {
            &mut self.low
        } else {
            &mut self.high
        };
        peer.seen = true;
        peer.fin |= flags.fin;
        if flags.rst {
            self.reset.get_or_insert(time);
        } else if flags.syn {
            peer.isn = Some(segment.seq);
            self.initiator_is_low
                .get_or_insert(segment.from_low != flags.ack);
            if let Some(connection) = &mut self.connection {
                connection.pair.learn_syn(segment.from_low, segment.seq);
            }
        }
    }

    /// A segment of a flow that has, or now gets, streams.
    fn speak(
        &mut self,
        key: &FlowKey,
        segment: &Segment<'_>,
        time: EventTime,
        tools: &mut Tools<'_>,
    ) {
        self.progress = Progress::Speaking;
        let (low, high) = (self.low, self.high);
        let connection = self.connection.get_or_insert_with(|| {
            Box::new(Connection {
                pair: Pair::new(low.isn, high.isn),
                http: HttpFlow::default(),
            })
        });
        let one_sided = !(low.seen && high.seen);
        let mut context = Context {
            info: self.info,
            key,
            claimed: http::Claimed::default(),
            initiator_is_low: self.initiator_is_low,
            limits: tools.http,
            tally: tools.tally,
            spare: tools.spare,
            emit: &mut *tools.emit,
            tls: tools.tls,
            trace: tools.trace.as_deref_mut(),
        };
        let bench = Bench {
            settings: tools.reassembly,
            tally: tools.tally,
            room: tools.room,
            one_sided,
        };
        let Connection { pair, http } = &mut **connection;
        let mut sink =
            |from_low: bool, chunk: StreamChunk<'_>| http.chunk(from_low, chunk, &mut context);
        if pair.segment(segment, time, &bench, &mut sink) {
            self.strays = 0;
        } else {
            self.strays = self.strays.saturating_add(1);
        }
        let first = segment.seq.wrapping_add(u32::from(segment.flags.syn));
        tools.place = pair.stream(segment.from_low).position_of(first);
        if http.is_http() == Some(false) {
            let dropped = pair.abandon();
            tools.tally.add(Tally::StreamBytesNotHttp, dropped);
            self.progress = Progress::NotHttp;
            self.connection = None;
        } else if pair.has_ended() {
            http.expire(time, &mut context);
            self.low.end = pair.stream(true).next();
            self.high.end = pair.stream(false).next();
            self.progress = Progress::Done;
            self.connection = None;
        }
    }

    /// The flow is over: hands on all that is left.
    pub(in crate::cleartext) fn finish(
        mut self,
        key: &FlowKey,
        reason: EndReason,
        now: EventTime,
        tools: &mut Tools<'_>,
    ) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let (reason, time) = match self.reset {
            Some(time) => (EndReason::Reset, time),
            None => (reason, now),
        };
        let mut context = Context {
            info: self.info,
            key,
            claimed: http::Claimed::default(),
            initiator_is_low: self.initiator_is_low,
            limits: tools.http,
            tally: tools.tally,
            spare: tools.spare,
            emit: &mut *tools.emit,
            tls: tools.tls,
            trace: tools.trace.as_deref_mut(),
        };
        let bench = Bench {
            settings: tools.reassembly,
            tally: tools.tally,
            room: tools.room,
            one_sided: false,
        };
        // Requests before responses, where it is known who asks.
        let low_first = self.initiator_is_low.unwrap_or(true);
        let Connection { pair, http } = &mut *connection;
        pair.finish(low_first, (reason, time), &bench, &mut |from_low, chunk| {
            http.chunk(from_low, chunk, &mut context);
        });
        http.expire(time, &mut context);
    }
}

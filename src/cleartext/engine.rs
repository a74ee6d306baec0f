//! Packets in, transactions out: decoding, the flow table, reassembly and HTTP, driven by packet time.
//!
//! One engine per capture thread, which owns it. It does no I/O, reads no clock, and starts no thread. Each packet has one
//! outcome, and each payload byte one fate, so that the loss account closes (see [`Tally`]).

use std::sync::Arc;

use super::capture::{self, Packet};
use super::decode::{self, Decoded, FlowKey, Fragment, Fragments, Segment, Whole};
use super::flow::state::{Flow, Tools};
use super::flow::table::{Age, Slot, Table};
use super::http::transaction::{Spare, Storage, Transaction};
use super::reassembly::EndReason;
use super::{flow, http, quic, reassembly, tls};
use crate::clock::{EventTime, PacketClock};
use crate::observation::FlowId;
use crate::tally::{Tally, TallySheet};

/// Timeouts are looked at this often, in nanoseconds of packet time.
const SWEEP_NANOS: u64 = 100_000_000;

/// What bounds an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Decoding.
    pub decode: decode::Settings,
    /// The flow table.
    pub flow: flow::Settings,
    /// Reassembly.
    pub reassembly: reassembly::Settings,
    /// HTTP.
    pub http: http::Limits,
}

/// Everything between a capture source and the workers.
pub struct Engine {
    settings: Settings,
    tally: Arc<TallySheet>,
    clock: PacketClock,
    spare: Spare,
    fragments: Fragments,
    quic: quic::Flows,
    table: Table<Flow>,
    /// Heap bytes of all flows.
    memory: usize,
    /// Bytes all flows hold out of order.
    held: usize,
    opened: u64,
    next_sweep: EventTime,
    tls: tls::Shared,
    trace: Option<Box<http::Trace>>,
    place: Option<Place>,
}

/// Where the payload of a packet stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext) struct Place {
    /// In which flow.
    pub(in crate::cleartext) flow: FlowId,
    /// In which direction.
    pub(in crate::cleartext) from_low: bool,
    /// Position of its first byte in the stream; none where the flow is not read (any more).
    pub(in crate::cleartext) offset: Option<u64>,
}

impl Engine {
    /// An engine that counts in `tally`, which belongs to the thread that drives it.
    pub fn new(settings: Settings, tally: Arc<TallySheet>) -> Self {
        Self {
            settings,
            tally,
            clock: PacketClock::default(),
            spare: Spare::default(),
            fragments: Fragments::default(),
            quic: quic::Flows::default(),
            table: Table::new(),
            memory: 0,
            held: 0,
            opened: 0,
            next_sweep: EventTime::ZERO,
            tls: tls::Shared::default(),
            trace: None,
            place: None,
        }
    }

    /// From now on TLS is opened where `shared` has the keys.
    pub fn set_tls(&mut self, shared: tls::Shared) {
        self.tls = shared;
    }

    /// From now on `trace` is told what each byte of a stream is.
    pub(in crate::cleartext) fn set_trace(&mut self, trace: Box<http::Trace>) {
        self.trace = Some(trace);
    }

    /// Where the payload of the last packet stands; none if it has no TCP segment, or a flow that is not tracked.
    pub(in crate::cleartext) const fn place(&self) -> Option<Place> {
        self.place
    }

    /// Takes a packet and emits the transactions it completes.
    pub fn packet(&mut self, packet: &Packet<'_>, emit: &mut dyn FnMut(Transaction)) {
        self.tally.one(Tally::PacketsIn);
        self.place = None;
        let now = self.clock.advance(packet.time);
        if now >= self.next_sweep {
            self.sweep(now, emit);
        }
        match decode::walk(packet, &self.settings.decode, &self.tally) {
            Decoded::Segment(segment) => self.segment(&segment, now, emit),
            Decoded::Other(reason) => self.tally.one(reason),
            Decoded::Quic(key, data) => self.quic(&key, data.expose()),
            Decoded::Fragment(fragment) => {
                let whole = self.fragment(&fragment, now);
                self.datagram(whole, now, emit);
            }
        }
    }

    /// A datagram of QUIC: no TCP, but its hello may be read.
    fn quic(&mut self, key: &FlowKey, data: &[u8]) {
        self.tally.one(Tally::PacketNotTcp);
        self.quic.datagram(key, data, &self.tls, &self.tally);
    }

    fn fragment(&mut self, fragment: &Fragment<'_>, now: EventTime) -> Option<Whole> {
        let limits = &self.settings.decode.fragments;
        self.fragments.add(fragment, now, limits, &self.tally)
    }

    /// Goes on with a datagram that a fragment has completed; it may be a fragment again, of a tunnel's inner datagram.
    fn datagram(
        &mut self,
        mut whole: Option<Whole>,
        now: EventTime,
        emit: &mut dyn FnMut(Transaction),
    ) {
        while let Some(datagram) = whole.take() {
            match decode::resume(&datagram, &self.settings.decode, &self.tally) {
                Decoded::Segment(segment) => return self.segment(&segment, now, emit),
                Decoded::Other(reason) => return self.tally.one(reason),
                Decoded::Quic(key, data) => return self.quic(&key, data.expose()),
                Decoded::Fragment(fragment) => {
                    whole = self.fragment(&fragment, now);
                }
            }
        }
        self.tally.one(Tally::PacketFragment);
    }

    /// No packet came for a while; `now` is the wall clock of a live capture. Ends flows that timed out.
    pub fn idle(&mut self, now: EventTime, emit: &mut dyn FnMut(Transaction)) {
        let now = self.clock.advance(now);
        if now >= self.next_sweep {
            self.sweep(now, emit);
        }
    }

    /// The capture is over: emits what is left, in order of flows.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Transaction)) {
        let now = self.clock.now();
        let mut rest = Vec::with_capacity(self.table.len());
        for age in Age::ALL {
            while let Some((slot, _)) = self.table.oldest(age) {
                rest.extend(self.table.remove(slot));
            }
        }
        rest.sort_unstable_by_key(|(_, flow)| flow.id());
        for (key, flow) in rest {
            self.count_end(&flow);
            flow.finish(&key, EndReason::CaptureEnd, now, &mut self.tools(emit));
        }
        self.memory = 0;
        self.held = 0;
        self.fragments = Fragments::default();
        self.quic.finish(&self.tally);
    }

    /// Takes back the memory of transactions that were masked and forgotten.
    pub fn reuse(&self, storages: Vec<Storage>) {
        self.spare.put(storages);
    }

    /// The packet clock.
    pub const fn now(&self) -> EventTime {
        self.clock.now()
    }

    /// Flows in the table.
    pub fn flows(&self) -> usize {
        self.table.len()
    }

    /// Memory of all flows with what they buffer, in bytes.
    pub fn memory(&self) -> usize {
        self.table
            .len()
            .saturating_mul(Table::<Flow>::ENTRY)
            .saturating_add(self.memory)
            .saturating_add(self.fragments.memory())
    }

    fn segment(
        &mut self,
        segment: &Segment<'_>,
        now: EventTime,
        emit: &mut dyn FnMut(Transaction),
    ) {
        let Some(slot) = self.flow_of(segment, now, emit) else {
            self.tally.one(Tally::PacketNoFlowRoom);
            return;
        };
        self.tally.one(Tally::PacketsAnalysed);
        if segment.missing > 0 {
            self.tally.one(Tally::PacketsTruncated);
        }
        // A stamp the clock does not believe must not reach anything that is measured.
        let time = segment.time.min(now);
        let room = self.settings.reassembly.max_held_total;
        let mut tools = Tools {
            reassembly: &self.settings.reassembly,
            http: &self.settings.http,
            tally: &self.tally,
            room: room.saturating_sub(self.held),
            spare: &self.spare,
            emit,
            tls: &self.tls,
            trace: self.trace.as_deref_mut(),
            place: None,
        };
        let Some((key, flow)) = self.table.get_mut(slot) else {
            return;
        };
        let before = (flow.memory(), flow.held());
        flow.segment(key, segment, time, &mut tools);
        self.place = Some(Place {
            flow: flow.id(),
            from_low: segment.from_low,
            offset: tools.place,
        });
        let after = (flow.memory(), flow.held());
        let age = flow.age();
        self.memory = self.memory.saturating_add(after.0).saturating_sub(before.0);
        self.held = self.held.saturating_add(after.1).saturating_sub(before.1);
        self.table.touch(slot, age, now);
        while self.memory() > self.settings.flow.max_memory && self.evict(now, emit) {}
    }

    /// Finds the flow of a segment, or opens one. None if the table may hold none at all.
    fn flow_of(
        &mut self,
        segment: &Segment<'_>,
        now: EventTime,
        emit: &mut dyn FnMut(Transaction),
    ) -> Option<Slot> {
        if let Some(slot) = self.table.find(&segment.key) {
            let (_, flow) = self.table.get_mut(slot)?;
            if !flow.is_superseded_by(segment) {
                return Some(slot);
            }
            self.end(slot, EndReason::Evicted, now, emit);
        }
        while self.table.len() >= self.settings.flow.max_flows {
            if !self.evict(now, emit) {
                return None;
            }
        }
        self.opened = self.opened.saturating_add(1);
        let flow = Flow::new(FlowId(self.opened), segment);
        self.tally.one(Tally::FlowsOpened);
        if flow.is_midstream() {
            self.tally.one(Tally::FlowsMidstream);
        }
        self.table.insert(segment.key, flow, now)
    }

    /// Ends the flow that can best be spared; false if there is none.
    fn evict(&mut self, now: EventTime, emit: &mut dyn FnMut(Transaction)) -> bool {
        let oldest = Age::ALL.into_iter().find_map(|age| self.table.oldest(age));
        let Some((slot, _)) = oldest else {
            return false;
        };
        self.tally.one(Tally::FlowsEvicted);
        self.end(slot, EndReason::Evicted, now, emit);
        true
    }

    /// Ends flows that timed out.
    fn sweep(&mut self, now: EventTime, emit: &mut dyn FnMut(Transaction)) {
        self.next_sweep = now.plus_nanos(SWEEP_NANOS);
        self.tally.set(Tally::ClockJumps, self.clock.jumps());
        for age in Age::ALL {
            let limit = match age {
                Age::HalfOpen => self.settings.flow.half_open_nanos,
                Age::Open => self.settings.flow.idle_nanos,
                Age::Closed => self.settings.flow.linger_nanos,
            };
            while let Some((slot, last)) = self.table.oldest(age)
                && now.nanos_since(last) >= limit
            {
                if age != Age::Closed {
                    self.tally.one(Tally::FlowsTimedOut);
                }
                self.end(slot, EndReason::TimedOut, last.plus_nanos(limit), emit);
            }
        }
    }

    /// Takes a flow out of the table and hands on what it still had.
    fn end(
        &mut self,
        slot: Slot,
        reason: EndReason,
        now: EventTime,
        emit: &mut dyn FnMut(Transaction),
    ) {
        let Some((key, flow)) = self.table.remove(slot) else {
            return;
        };
        self.memory = self.memory.saturating_sub(flow.memory());
        self.held = self.held.saturating_sub(flow.held());
        self.count_end(&flow);
        flow.finish(&key, reason, now, &mut self.tools(emit));
    }

    fn count_end(&self, flow: &Flow) {
        if flow.is_one_sided() {
            self.tally.one(Tally::FlowsOneSided);
        }
    }

    fn tools<'a>(&'a mut self, emit: &'a mut dyn FnMut(Transaction)) -> Tools<'a> {
        Tools {
            reassembly: &self.settings.reassembly,
            http: &self.settings.http,
            tally: &self.tally,
            room: self.settings.reassembly.max_held_total,
            spare: &self.spare,
            emit,
            tls: &self.tls,
            trace: self.trace.as_deref_mut(),
            place: None,
        }
    }
}

/// Takes any bytes for a capture file and analyses it, for fuzzing. False if the account of packets, or that of stream bytes,
/// does not close.
#[doc(hidden)]
pub fn fuzz_capture(bytes: &[u8]) -> bool {
    let tally = Arc::new(TallySheet::default());
    let mut engine = Engine::new(Settings::default(), Arc::clone(&tally));
    let mut emit = |transaction: Transaction| drop(transaction);
    capture::for_each_record(bytes, &mut |packet| engine.packet(&packet, &mut emit));
    engine.finish(&mut emit);
    let closes = |whole: Tally| {
        let parts = Tally::ALL
            .iter()
            .filter(|part| part.group() == whole.group() && **part != whole);
        let sum = parts
            .map(|part| tally.get(*part))
            .fold(0, u64::wrapping_add);
        sum == tally.get(whole)
    };
    closes(Tally::PacketsIn) && closes(Tally::StreamBytesIn) && engine.memory() == 0
}

#[cfg(test)]
mod tests;

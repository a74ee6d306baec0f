//! `hushtap scrub`: a capture that may be shared. Same packets, times and lengths; nothing of the payload as it was.
//!
//! Two passes over the file with the same engine, and one between them where there are IP fragments ([`fragment`]). The first gathers every HTTP/1 message, masks it at equal length
//! ([`message`]) and writes it to a [`spool`]. The second writes each packet anew ([`packet`]): headers with mapped addresses
//! ([`address`]) and fresh checksums, payload from the spool or, where there is none (other protocols, coded bodies, HTTP/2,
//! what TLS encrypts), filler. Of TLS the records and the clear handshake keep their shape ([`tls`]). No byte of payload goes from input to output but through the masking engine: what is not understood
//! cannot get through. Read first: RFC 1071 (checksum), RFC 1035 section 4 (names).

mod address;
mod der;
mod dns;
mod fragment;
mod host;
mod message;
mod packet;
mod spool;
#[cfg(test)]
mod tests;
mod tls;
mod write;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ahash::RandomState;

use super::capture::{Packet, Polled, Source, SourceError};
use super::engine::{Engine, Settings};
use super::http::transaction::Transaction;
use super::http::{Part, Piece};
use super::mask::{Filter, RuleSet};
use crate::observation::FlowId;
use crate::tally::{Tally, TallySheet};
use address::Addresses;
use fragment::Fragments;
use message::Message;
use spool::Spool;

pub use write::Layout;

/// What a scrubbed byte becomes.
const FILLER: u8 = b'x';

/// What a scrub has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Packets written.
    pub packets: u64,
    /// Packets of other flows, left out on request.
    pub left_out: u64,
    /// Payload bytes written as they were masked.
    pub kept_bytes: u64,
    /// Payload bytes replaced by filler.
    pub filler_bytes: u64,
    /// Values masked.
    pub values: u64,
}

/// Why a scrub failed.
#[derive(Debug)]
pub enum ScrubError {
    /// The spool or the output cannot be written.
    Write(io::Error),
    /// The input cannot be read any further (everything before was written).
    Read(SourceError),
}

impl From<io::Error> for ScrubError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Scrubs captures under one key: addresses and names are mapped the same way under the same key.
pub struct Scrubber {
    settings: Settings,
    rules: Arc<RuleSet>,
    key: [u8; 32],
    layout: Layout,
    /// Only packets of these flows are written; all if empty.
    pub flows: Vec<FlowId>,
    spool: Spool,
    fragments: Fragments,
    values: u64,
    tally: Arc<TallySheet>,
}

impl Scrubber {
    /// `key` decides how addresses and names are mapped; `spool` is an empty file that can be read and written.
    pub fn new(
        settings: Settings,
        rules: Arc<RuleSet>,
        key: &[u8; 32],
        spool: std::fs::File,
    ) -> Self {
        Self {
            settings,
            rules,
            key: blake3::derive_key("hushtap 2026-11 scrub", key),
            layout: Layout::default(),
            flows: Vec::new(),
            spool: Spool::new(spool),
            fragments: Fragments::default(),
            values: 0,
            tally: Arc::new(TallySheet::default()),
        }
    }

    /// First pass: masks every message of the capture.
    pub fn read(&mut self, source: &mut dyn Source) -> Result<Option<SourceError>, ScrubError> {
        let gathered = Arc::new(Mutex::new(Gathered {
            filter: Filter::new(Arc::clone(&self.rules), self.key),
            messages: HashMap::with_hasher(RandomState::with_seeds(9, 9, 9, 9)),
            sealed: HashMap::with_hasher(RandomState::with_seeds(9, 9, 9, 9)),
            addresses: Addresses::new(&self.key),
            spool: self.spool.writer()?,
            values: 0,
            failed: None,
        }));
        let mut engine = self.engine();
        let sink = Arc::clone(&gathered);
        engine.set_trace(Box::new(move |piece| {
            lock(&sink).take(piece);
        }));
        let layout = &mut self.layout;
        let damage = each(source, |packet| {
            layout.note(packet);
            engine.packet(packet, &mut forget);
            Ok(())
        })?;
        engine.finish(&mut forget);
        drop(engine);
        let mut gathered = lock(&gathered);
        gathered.flush();
        self.values = gathered.values;
        if let Some(error) = gathered.failed.take() {
            return Err(error.into());
        }
        self.spool.index(gathered.spool.finish()?);
        Ok(damage)
    }

    /// Whether [`Self::read`] met IP fragments.
    pub fn is_fragmented(&self) -> bool {
        self.tally.get(Tally::PacketFragment) > 0
    }

    /// A pass over the same capture that is needed where it [is fragmented](Self::is_fragmented): rewrites datagrams.
    pub fn gather(&mut self, source: &mut dyn Source) -> Result<(), ScrubError> {
        let mut engine = self.engine();
        engine.set_trace(Box::new(|_| {}));
        let mut addresses = Addresses::new(&self.key);
        let Self {
            spool, fragments, ..
        } = self;
        let mut bytes = Vec::new();
        let mut number = 0_u64;
        each(source, |packet| {
            engine.packet(packet, &mut forget);
            number = number.saturating_add(1);
            bytes.clear();
            bytes.extend_from_slice(packet.data.expose());
            let mut whole = None;
            let part = &mut |part: &mut packet::Part<'_>| {
                let found = fragments.gather(number, part);
                whole = found.map(|whole| (whole, part.key.protocol, part.pseudo));
                false
            };
            let tcp = &mut |payload: &mut [u8]| payload.fill(FILLER);
            packet::rewrite(&mut bytes, packet.link, &mut addresses, tcp, part);
            let Some((mut whole, protocol, pseudo)) = whole else {
                return Ok(());
            };
            let mut failed = Ok(0);
            let tcp = &mut |payload: &mut [u8]| failed = spool.fill(engine.place(), payload);
            packet::rewrite_datagram(&mut whole.payload, protocol, pseudo, &mut addresses, tcp);
            fragments.keep(&whole);
            failed.map(|_| ())
        })?;
        Ok(())
    }

    /// Second pass, over the same capture: writes it anew.
    pub fn write(
        &mut self,
        source: &mut dyn Source,
        out: &mut dyn Write,
    ) -> Result<(Outcome, Option<SourceError>), ScrubError> {
        let mut outcome = Outcome {
            values: self.values,
            ..Outcome::default()
        };
        let mut engine = self.engine();
        // With one who listens, flows are followed as far as in the first pass.
        engine.set_trace(Box::new(|_| {}));
        let mut addresses = Addresses::new(&self.key);
        let mut writer = self.layout.writer(out)?;
        let mut bytes = Vec::new();
        let Self {
            spool,
            flows,
            fragments,
            ..
        } = self;
        let mut number = 0_u64;
        let damage = each(source, |packet| {
            engine.packet(packet, &mut forget);
            number = number.saturating_add(1);
            let place = engine.place();
            if !flows.is_empty() && place.is_none_or(|place| !flows.contains(&place.flow)) {
                outcome.left_out = outcome.left_out.saturating_add(1);
                return Ok(());
            }
            bytes.clear();
            bytes.extend_from_slice(packet.data.expose());
            let mut failed = None;
            let tcp = &mut |payload: &mut [u8]| {
                let kept = match spool.fill(place, payload) {
                    Ok(kept) => kept,
                    Err(error) => {
                        failed = Some(error);
                        0
                    }
                };
                let all = u64::try_from(payload.len()).unwrap_or(u64::MAX);
                outcome.kept_bytes = outcome.kept_bytes.saturating_add(kept);
                outcome.filler_bytes = outcome
                    .filler_bytes
                    .saturating_add(all.saturating_sub(kept));
            };
            let part = &mut |part: &mut packet::Part<'_>| fragments.fill(number, part);
            packet::rewrite(&mut bytes, packet.link, &mut addresses, tcp, part);
            if let Some(error) = failed {
                return Err(error);
            }
            outcome.packets = outcome.packets.saturating_add(1);
            writer.packet(packet, &bytes)
        })?;
        writer.finish()?;
        Ok((outcome, damage))
    }

    fn engine(&self) -> Engine {
        Engine::new(self.settings, Arc::clone(&self.tally))
    }
}

/// Messages on their way, by flow and direction.
struct Gathered {
    filter: Filter,
    messages: HashMap<(FlowId, bool), Message, RandomState>,
    sealed: HashMap<(FlowId, bool), tls::Stream, RandomState>,
    addresses: Addresses,
    spool: spool::Writer,
    values: u64,
    failed: Option<io::Error>,
}

impl Gathered {
    fn take(&mut self, piece: &Piece<'_>) {
        let key = (piece.flow, piece.from_low);
        if piece.part == Part::Sealed {
            return self.seal(key, piece.offset, piece.bytes.expose());
        }
        let message = self.messages.entry(key).or_default();
        if message.take(piece) {
            let whole = std::mem::take(message);
            self.settle(key, whole);
        }
    }

    /// What has not ended when the capture does, in order of flows so that two runs agree.
    fn flush(&mut self) {
        let mut rest: Vec<_> = self.messages.drain().collect();
        rest.sort_unstable_by_key(|(key, _)| *key);
        for (key, message) in rest {
            self.settle(key, message);
        }
        let mut rest: Vec<_> = self.sealed.drain().collect();
        rest.sort_unstable_by_key(|(key, _)| *key);
        for (key, stream) in rest {
            let Self {
                addresses,
                spool,
                failed,
                ..
            } = self;
            stream.finish(addresses, &mut putter(spool, key, failed));
        }
    }

    fn seal(&mut self, key: (FlowId, bool), offset: u64, bytes: &[u8]) {
        let Self {
            sealed,
            addresses,
            spool,
            failed,
            ..
        } = self;
        let stream = sealed.entry(key).or_default();
        stream.take(offset, bytes, addresses, &mut putter(spool, key, failed));
    }

    fn settle(&mut self, key: (FlowId, bool), message: Message) {
        let Self {
            filter,
            addresses,
            spool,
            values,
            failed,
            ..
        } = self;
        let masked = message.mask(filter, addresses, &mut putter(spool, key, failed));
        *values = values.saturating_add(masked);
    }
}

/// Writes stretches of a direction to the spool; the first error is kept.
fn putter(
    spool: &mut spool::Writer,
    key: (FlowId, bool),
    failed: &mut Option<io::Error>,
) -> impl FnMut(u64, &[u8]) {
    move |offset, bytes| {
        if let Err(error) = spool.put(key, offset, bytes) {
            failed.get_or_insert(error);
        }
    }
}

fn lock(gathered: &Mutex<Gathered>) -> std::sync::MutexGuard<'_, Gathered> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forget(transaction: Transaction) {
    drop(transaction);
}

/// Every packet of a source. Damage ends it and is given back: what stood before it was taken.
fn each(
    source: &mut dyn Source,
    mut take: impl FnMut(&Packet<'_>) -> io::Result<()>,
) -> Result<Option<SourceError>, ScrubError> {
    loop {
        match source.poll() {
            Ok(Polled::Packet(packet)) => take(&packet)?,
            Ok(Polled::Idle) => {}
            Ok(Polled::End) => return Ok(None),
            Err(damage @ SourceError::Damaged { .. }) => return Ok(Some(damage)),
            Err(error) => return Err(ScrubError::Read(error)),
        }
    }
}

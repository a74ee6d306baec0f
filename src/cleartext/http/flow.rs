//! A flow that may speak HTTP: undecided until a start line of either kind is seen in either direction, on any port.
//!
//! Content decides who is the client. What is refused is passed over unread; nothing is allocated before a first line is
//! under suspicion. Inside a CONNECT tunnel the question is asked again. HTTP/2 is told by its preface, by the first frame of a
//! server, by an upgrade, or, midstream, by a row of frames ([`h2`]).

mod http2;

use memchr::memchr;
use std::mem::take;

use super::exchange::{Exchange, Mark, Switch};
use super::h2::{self, Begin, Entry, Sign};
use super::head::Role;
use super::line::{Verdict, blank_len, probe, request_line};
use super::preface::{self, Preface};
use super::sealed::Sealed;
use super::session::Session;
use super::{Claimed, Context, Limits, Part, Piece, websocket};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{EndReason, StreamChunk};
use crate::cleartext::tls;
use crate::clock::{EventTime, NANOS_PER_SECOND};
use crate::observation::Protocol;
use crate::tally::Tally;

/// HTTP on one flow, both directions.
#[derive(Default)]
pub(in crate::cleartext) struct HttpFlow {
    phase: Phase,
    low: Probe,
    high: Probe,
    next_index: u32,
    in_tunnel: bool,
    /// Bytes were lost before HTTP was recognised.
    holes: bool,
    /// TLS connections around it.
    depth: u8,
    /// Whose connection the first bytes of a direction say it is.
    claimed: Option<Box<Claimed>>,
}

/// So long after the upgrade what was said so far is given away (nanoseconds).
const MOST_WAIT: u64 = 10 * NANOS_PER_SECOND;
/// TLS inside TLS, as proxies make it, is looked into so deep.
const MOST_TLS: u8 = 2;
/// Bytes that tell whether a direction begins as TLS does.
const TLS_START: usize = 6;

#[derive(Default)]
enum Phase {
    #[default]
    Undecided,
    Http(Box<Session>),
    Http2(Box<h2::Session>),
    Tls(Box<Sealed>),
    WebSocket(Box<Upgraded>),
    Refused,
}

/// A WebSocket and who is its client.
struct Upgraded {
    client_is_low: bool,
    session: websocket::Session,
    /// What led to it, until as much was said as is kept.
    exchange: Option<Box<Exchange>>,
}

impl Upgraded {
    const fn role(&self, from_low: bool) -> Role {
        if from_low == self.client_is_low {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// Gives the exchange away, with what was said.
    fn emit(&mut self, cx: &mut Context<'_>) {
        let said = [Role::Client, Role::Server].map(|role| (role, self.session.take_said(role)));
        if let Some(mut exchange) = self.exchange.take() {
            for (role, text) in said {
                exchange.said(role, &text);
            }
            exchange.emit(cx);
        }
    }

    /// Gives the exchange away if enough was said, or enough time has passed.
    fn emit_if_full(&mut self, now: EventTime, cx: &mut Context<'_>) {
        let late = |exchange: &Exchange| now.nanos_since(exchange.last()) > MOST_WAIT;
        if self.session.is_full() || self.exchange.as_deref().is_some_and(late) {
            self.emit(cx);
        }
    }
}

/// What is known of one direction before a decision.
#[derive(Default)]
struct Probe {
    /// The first line as far as it came.
    buf: Vec<u8>,
    mark: Mark,
    seen: u64,
    refused: bool,
    /// Bytes of a preface that are still to be passed over.
    skip: u32,
    /// Bytes of it were lost.
    holes: bool,
    /// Its very first bytes were, so many; 0 if they were not.
    first_hole: u32,
}

impl HttpFlow {
    /// Takes what one direction of the flow yields next.
    pub(in crate::cleartext) fn chunk(
        &mut self,
        from_low: bool,
        chunk: StreamChunk<'_>,
        cx: &mut Context<'_>,
    ) {
        if let Some(claimed) = &self.claimed {
            cx.claimed = **claimed;
        }
        match chunk {
            StreamChunk::Data(data) => {
                let mark = Mark {
                    time: data.time,
                    offset: data.offset,
                    acked: data.acked,
                    conflict: data.conflict,
                };
                self.data(from_low, data.bytes.expose(), mark, cx);
            }
            StreamChunk::Gap(gap) => match &mut self.phase {
                Phase::Undecided => {
                    self.holes = true;
                    let midstream = cx.info.midstream;
                    let probe = self.probe_of(from_low);
                    if gap.offset == 0 && !midstream {
                        probe.first_hole = u32::try_from(gap.len).unwrap_or(u32::MAX);
                    }
                    probe.holes = true;
                    probe.buf.clear();
                }
                Phase::Http(session) => {
                    session.gap(session.role(from_low), gap, cx);
                    self.settle(cx);
                }
                Phase::Http2(session) => {
                    session.gap(session.role(from_low), gap, cx);
                    self.settle(cx);
                }
                Phase::Tls(sealed) => {
                    sealed.gap(from_low, gap, cx);
                    self.settle(cx);
                }
                Phase::WebSocket(upgraded) => {
                    let role = upgraded.role(from_low);
                    upgraded.session.gap(role, Some(gap.len), cx.tally);
                    self.settle(cx);
                }
                Phase::Refused => {}
            },
            StreamChunk::Conflict => {
                if let Phase::Http(session) = &mut self.phase {
                    session.conflict(session.role(from_low));
                }
            }
            StreamChunk::End(reason, _) => self.end(from_low, reason, cx),
        }
    }

    /// Heap bytes held.
    pub(in crate::cleartext) fn memory(&self) -> usize {
        let session = match &self.phase {
            Phase::Http(session) => session.memory(),
            Phase::Http2(session) => session.memory(),
            Phase::Tls(sealed) => sealed.memory(),
            Phase::WebSocket(upgraded) => {
                let exchange = upgraded.exchange.as_ref().map_or(0, |e| e.footprint());
                upgraded.session.memory().saturating_add(exchange)
            }
            Phase::Undecided | Phase::Refused => 0,
        };
        session
            .saturating_add(self.low.buf.capacity())
            .saturating_add(self.high.buf.capacity())
    }

    /// Whether the flow speaks HTTP. None while undecided; after `Some(false)` its bytes need not be handed over any more.
    pub(in crate::cleartext) fn is_http(&self) -> Option<bool> {
        match self.phase {
            Phase::Undecided => None,
            Phase::Http(_) | Phase::Http2(_) | Phase::Tls(_) | Phase::WebSocket(_) => Some(true),
            Phase::Refused => Some(false),
        }
    }

    /// The flow is over (timeout, eviction, end of capture): emits what is left. Transactions end with the last byte that
    /// was seen of them, so the time at which the flow is given up does not matter.
    pub(in crate::cleartext) fn expire(&mut self, _now: EventTime, cx: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Http(session) => session.expire(cx),
            Phase::Http2(session) => session.expire(cx),
            Phase::Tls(sealed) => sealed.expire(cx),
            Phase::WebSocket(upgraded) => upgraded.emit(cx),
            Phase::Undecided | Phase::Refused => {}
        }
        self.refuse();
    }

    fn data(&mut self, from_low: bool, bytes: &[u8], mark: Mark, cx: &mut Context<'_>) {
        let mut used = 0_usize;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let at = Mark {
                offset: mark.offset.wrapping_add(to_u64(used)),
                ..mark
            };
            match &mut self.phase {
                Phase::Refused => return,
                Phase::Undecided => {
                    let taken = self.undecided(from_low, rest, at, cx);
                    used = used.saturating_add(taken);
                }
                Phase::Http(session) => {
                    let role = session.role(from_low);
                    let (taken, switch) = session.data(role, rest, at, cx);
                    used = used.saturating_add(taken);
                    if let Some(switch) = switch {
                        self.switch(switch, cx);
                    } else {
                        self.settle(cx);
                    }
                }
                Phase::Http2(session) => {
                    session.data(session.role(from_low), rest, at, cx);
                    used = bytes.len();
                    self.settle(cx);
                }
                Phase::WebSocket(upgraded) => {
                    let role = upgraded.role(from_low);
                    upgraded.session.data(role, rest, cx.tally);
                    upgraded.emit_if_full(mark.time, cx);
                    used = bytes.len();
                    self.settle(cx);
                }
                Phase::Tls(sealed) => {
                    if sealed.is_refused_by(from_low, rest) {
                        sealed.expire(cx);
                        self.phase = Phase::Undecided;
                        self.probe_of(!from_low).refused = true;
                        continue;
                    }
                    trace_sealed(from_low, rest, at.offset, cx);
                    sealed.data(from_low, rest, at, cx);
                    used = bytes.len();
                    self.settle(cx);
                }
            }
        }
    }

    fn end(&mut self, from_low: bool, reason: EndReason, cx: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Http(session) => session.end(session.role(from_low), reason, cx),
            Phase::Http2(session) => session.end(session.role(from_low), cx),
            Phase::Tls(sealed) => sealed.end(from_low, reason, cx),
            Phase::WebSocket(upgraded) => upgraded.emit(cx),
            Phase::Undecided | Phase::Refused => {}
        }
    }

    /// Looks at the first line of a direction; returns how many bytes it took.
    fn undecided(&mut self, from_low: bool, rest: &[u8], at: Mark, cx: &mut Context<'_>) -> usize {
        if let Some(taken) = self.undecided_tls(from_low, rest, at, cx) {
            return taken;
        }
        if let Some(taken) = self.undecided_preface(from_low, rest, at, cx) {
            return taken;
        }
        let limit = cx.limits.probe;
        let state = self.probe_of(from_low);
        let before = state.buf.len();
        let blank = if before == 0 { blank_len(rest) } else { 0 };
        let line = rest.get(blank..).unwrap_or_default();
        if line.is_empty() {
            return blank;
        }
        // The usual case, a whole first line in one segment, is judged where it lies.
        let (verdict, sign) = if before == 0 {
            (probe(line), h2::sign(line))
        } else {
            let room = limit.saturating_sub(before);
            state
                .buf
                .extend_from_slice(line.get(..room).unwrap_or(line));
            (probe(&state.buf), h2::sign(&state.buf))
        };
        if let Some(shown) = self.speaks_h2(from_low, sign, line, cx) {
            self.probe_of(from_low).buf.truncate(before);
            self.decide_h2(shown, at, cx);
            return blank;
        }
        let verdict = match (verdict, sign) {
            (Verdict::No, Sign::Maybe) => Verdict::Maybe,
            (verdict, _) => verdict,
        };
        let state = self.probe_of(from_low);
        match verdict {
            Verdict::Request if before == 0 && is_answer_like(line, from_low, cx) => {
                self.undecided_no(from_low, rest, cx)
            }
            Verdict::Request | Verdict::Response => {
                // The session reads these bytes again, behind what was buffered before them.
                state.buf.truncate(before);
                self.decide((verdict == Verdict::Request) == from_low, cx);
                0
            }
            Verdict::Maybe if before.saturating_add(line.len()) < limit => {
                if before == 0 {
                    state.mark = Mark {
                        offset: at.offset.wrapping_add(to_u64(blank)),
                        ..at
                    };
                    state.buf.extend_from_slice(line);
                }
                rest.len()
            }
            Verdict::No if before > 0 => {
                // What was buffered is no first line, but this segment may begin with one.
                state.buf = Vec::new();
                state.refused = true;
                0
            }
            Verdict::Maybe | Verdict::No => self.undecided_no(from_low, rest, cx),
        }
    }

    /// Looks whether a direction begins with what a load balancer put there. None if not; else how many bytes were taken.
    fn undecided_preface(
        &mut self,
        from_low: bool,
        rest: &[u8],
        at: Mark,
        cx: &mut Context<'_>,
    ) -> Option<usize> {
        let probe = self.probe_of(from_low);
        if probe.skip > 0 {
            let taken = rest
                .len()
                .min(usize::try_from(probe.skip).unwrap_or(usize::MAX));
            probe.skip = probe
                .skip
                .saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
            return Some(taken);
        }
        let before = probe.buf.len();
        if probe.refused || before > preface::LONGEST {
            return None;
        }
        let judged = if before == 0 {
            preface::judge(rest)
        } else {
            let room = preface::LONGEST.saturating_sub(before);
            let more = rest.get(..room).unwrap_or(rest);
            preface::judge(&[&probe.buf, more].concat())
        };
        match judged {
            Preface::None => None,
            Preface::Maybe => {
                if before == 0 {
                    probe.mark = at;
                }
                probe.buf.extend_from_slice(rest);
                Some(rest.len())
            }
            Preface::Whole(len, source) => {
                let start = if before == 0 { at } else { probe.mark };
                let taken = len.saturating_sub(before).min(rest.len());
                let left = len.saturating_sub(before).saturating_sub(taken);
                probe.skip = u32::try_from(left).unwrap_or(0);
                probe.buf = Vec::new();
                // Only the very first bytes are the proxy's; a second header would be its client's.
                if let Some(source) = source.filter(|_| start.offset == 0 && !cx.info.midstream) {
                    cx.claimed = Claimed::by(from_low, source);
                    self.claimed = Some(Box::new(cx.claimed));
                }
                Some(taken)
            }
        }
    }

    /// Looks whether a direction begins as TLS does. None if not; else how many bytes were taken.
    fn undecided_tls(
        &mut self,
        from_low: bool,
        rest: &[u8],
        at: Mark,
        cx: &mut Context<'_>,
    ) -> Option<usize> {
        let depth = self.depth;
        let probe = self.probe_of(from_low);
        if probe.refused
            || !matches!(
                (probe.buf.first(), rest.first()),
                (Some(20..=23), _) | (None, Some(20..=23))
            )
        {
            return None;
        }
        let before = probe.buf.len();
        let looks = if before == 0 {
            tls::looks(rest)
        } else {
            let start = rest.get(..TLS_START.min(rest.len())).unwrap_or_default();
            tls::looks(&[&probe.buf, start].concat())
        };
        match looks {
            tls::Looks::No => None,
            tls::Looks::Maybe => {
                if before == 0 {
                    probe.mark = at;
                }
                probe.buf.extend_from_slice(rest);
                Some(rest.len())
            }
            tls::Looks::Joined => {
                cx.tally.one(tls::Outcome::Joined.tally());
                self.refuse();
                Some(rest.len())
            }
            tls::Looks::Hello if depth >= MOST_TLS => None,
            tls::Looks::Hello => {
                let (buf, mark) = (take(&mut probe.buf), probe.mark);
                let inner = Self {
                    next_index: self.next_index,
                    in_tunnel: self.in_tunnel,
                    depth: depth.saturating_add(1),
                    ..Self::default()
                };
                let mut sealed = Box::new(Sealed::new(from_low, inner));
                if !buf.is_empty() {
                    trace_sealed(from_low, &buf, mark.offset, cx);
                    sealed.data(from_low, &buf, mark, cx);
                }
                self.low = Probe::default();
                self.high = Probe::default();
                self.phase = Phase::Tls(sealed);
                Some(0)
            }
        }
    }

    fn undecided_no(&mut self, from_low: bool, rest: &[u8], cx: &Context<'_>) -> usize {
        let probe_state = self.probe_of(from_low);
        probe_state.buf = Vec::new();
        probe_state.refused = true;
        probe_state.seen = probe_state.seen.saturating_add(to_u64(rest.len()));
        if self.is_no_http(cx) {
            self.refuse();
        }
        rest.len()
    }

    /// Whether enough was seen of an undecided flow to give it up.
    fn is_no_http(&self, cx: &Context<'_>) -> bool {
        let Limits {
            undecided,
            undecided_midstream,
            ..
        } = *cx.limits;
        let most = self.low.seen.max(self.high.seen);
        if cx.info.midstream || self.holes {
            // A message may begin anywhere: refusing one segment says little.
            return most > undecided_midstream;
        }
        (self.low.refused && self.high.refused) || most > undecided
    }

    /// A start line was recognised: the roles are known.
    fn decide(&mut self, client_is_low: bool, cx: &Context<'_>) {
        let mut session = Box::new(Session::new(client_is_low, self.next_index, self.in_tunnel));
        session.distrust(cx.info.midstream, self.holes);
        for low in [true, false] {
            let state = take(self.probe_of(low));
            let role = session.role(low);
            if state.holes {
                session.begins_behind(role, state.first_hole);
            }
            session.preload(role, state.refused, state.buf, state.mark);
        }
        self.phase = Phase::Http(session);
    }

    /// The session is over because the protocol changed.
    fn switch(&mut self, switch: Switch, cx: &mut Context<'_>) {
        let Phase::Http(mut session) = take(&mut self.phase) else {
            return;
        };
        let waiting = session.take_buffer(Role::Client);
        let client_is_low = session.role(true) == Role::Client;
        let asked = session.take_upgraded();
        session.expire(cx);
        if switch == Switch::H2c {
            let begin = Begin {
                client_is_low,
                next_index: session.next_index(),
                in_tunnel: self.in_tunnel,
                requests: Entry::Start,
                responses: Entry::Start,
            };
            self.upgrade_to_h2(begin, asked, &waiting, cx);
            return;
        }
        if let Switch::WebSocket(deflate) = switch {
            let mut upgraded = Box::new(Upgraded {
                client_is_low,
                session: websocket::Session::new(deflate, cx.limits.websocket_limit),
                exchange: asked.map(Box::new),
            });
            let (sent, _) = &waiting;
            upgraded.session.data(Role::Client, sent, cx.tally);
            self.phase = Phase::WebSocket(upgraded);
            return;
        }
        if switch == Switch::Upgrade {
            self.refuse();
            return;
        }
        self.next_index = session.next_index();
        self.in_tunnel = true;
        let client = self.probe_of(client_is_low);
        (client.buf, client.mark) = waiting;
    }

    /// Gives up a flow that has not made sense for long.
    fn settle(&mut self, cx: &mut Context<'_>) {
        let limit = cx.limits.lost;
        match &mut self.phase {
            // Who rewrites the flow wants to see it to the end.
            Phase::Tls(sealed) if sealed.is_over() && cx.trace.is_none() => {
                sealed.expire(cx);
                self.refuse();
                return;
            }
            Phase::Http(session) if session.is_lost(limit) => session.expire(cx),
            Phase::Http2(session) if session.is_lost(limit) => session.expire(cx),
            Phase::WebSocket(upgraded) if upgraded.session.is_lost() => {
                upgraded.emit(cx);
                self.refuse();
                return;
            }
            Phase::Undecided
            | Phase::Http(_)
            | Phase::Http2(_)
            | Phase::Tls(_)
            | Phase::WebSocket(_)
            | Phase::Refused => return,
        }
        cx.tally.one(Tally::HttpGaveUp);
        self.refuse();
    }

    /// No HTTP, or none any more: nothing is kept.
    fn refuse(&mut self) {
        self.phase = Phase::Refused;
        self.low = Probe::default();
        self.high = Probe::default();
    }

    fn probe_of(&mut self, from_low: bool) -> &mut Probe {
        if from_low {
            &mut self.low
        } else {
            &mut self.high
        }
    }
}

/// Whether a request line without a version comes from the side that did not open the connection: any text may read so.
fn is_answer_like(line: &[u8], from_low: bool, cx: &Context<'_>) -> bool {
    let end = memchr(b'\n', line).unwrap_or(line.len());
    cx.initiator_is_low == Some(!from_low)
        && line
            .get(..end)
            .and_then(request_line)
            .is_some_and(|line| line.protocol == Protocol::Http09)
}

/// Tells of bytes of TLS, where anybody wants to know. Not of those within TLS: they stand nowhere in the capture.
fn trace_sealed(from_low: bool, bytes: &[u8], offset: u64, cx: &mut Context<'_>) {
    let (flow, decrypted) = (cx.info.id, cx.info.decrypted);
    if let Some(trace) = cx.trace.as_mut().filter(|_| !decrypted) {
        trace(&Piece {
            flow,
            from_low,
            offset,
            part: Part::Sealed,
            bytes: Raw::new(bytes),
        });
    }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

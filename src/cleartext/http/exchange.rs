//! A transaction in the making: one arena of bytes, filled by the request and then by its response.

use std::net::{IpAddr, Ipv6Addr};

use super::Context;
use super::framing::Asked;
use super::head::{Head, Role, read_trailer, shift, shift_span, span};
use super::transaction::{Field, Grpc, Message, Span, Storage, Transaction};
use super::websocket::Deflate;
use crate::cleartext::decode::Peer;
use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::observation::{Notes, Protocol, TxState};
use crate::tally::Tally;

/// Where and when bytes stood in their stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Mark {
    /// Capture time.
    pub(super) time: EventTime,
    /// Position in the stream.
    pub(super) offset: u64,
    /// What the sender had received of the other stream by then.
    pub(super) acked: Option<u64>,
    /// Another copy of them had other content.
    pub(super) conflict: bool,
}

impl Mark {
    /// Nowhere.
    pub(super) const NONE: Self = Self {
        time: EventTime::ZERO,
        offset: 0,
        acked: None,
        conflict: false,
    };
}

/// What makes a flow stop being plain HTTP/1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Switch {
    /// CONNECT was granted: what follows is another conversation, perhaps HTTP.
    Tunnel,
    /// 101 to `h2c`: what follows is HTTP/2, whose stream 1 is this request.
    H2c,
    /// 101 to `websocket`: frames follow, compressed if that was agreed.
    WebSocket(Option<Deflate>),
    /// 101: what follows is another protocol.
    Upgrade,
}

/// One exchange until it is emitted.
///
/// Invariant: `side` is some only if the response began before the request had ended; its bytes move behind those of the
/// request at emission.
pub(super) struct Exchange {
    tx: Transaction,
    /// Where the request began, and what the client had received by then. None for a response without request.
    pub(super) asked_at: Option<Mark>,
    /// What the request's method means for its response.
    pub(super) asked: Asked,
    /// The request has not ended yet.
    pub(super) asking: bool,
    /// The response has ended.
    pub(super) answered: bool,
    /// A hole, a cut or an early end.
    truncated: bool,
    side: Option<Box<Side>>,
}

#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

impl Exchange {
    /// An exchange of which nothing is known yet but where it begins.
    pub(super) fn new(index: u32, start: Mark, cx: &Context<'_>, client_is_low: bool) -> Self {
        let (client, server) = if client_is_low {
            (cx.key.low, cx.key.high)
        } else {
            (cx.key.high, cx.key.low)
        };
        let mut notes = Notes::default();
        if cx.info.midstream {
            notes.insert(Notes::MIDSTREAM);
        }
        if cx.info.decrypted {
            notes.insert(Notes::DECRYPTED);
        }
        if start.conflict {
            notes.insert(Notes::OVERLAP_CONFLICT);
        }
        let Storage { fields, bytes } = cx.spare.take();
        Self {
            tx: Transaction {
                flow: cx.info.id,
                index,
                client: Raw::new(address(client)),
                claimed: cx
                    .claimed
                    .of(client_is_low)
                    .map(|ip| Box::new(Raw::new(ip))),
                server: Raw::new((address(server), server.port)),
                request: None,
                response: None,
                protocol: Protocol::Http11,
                start: start.time,
                request_end: None,
                response_start: None,
                end: start.time,
                state: TxState::Complete,
                notes,
                grpc: None,
                fields,
                bytes,
            },
            asked_at: None,
            asked: Asked::Other,
            asking: false,
            answered: false,
            truncated: false,
            side: None,
        }
    }

    /// Makes room once for what is likely to come.
    pub(super) fn reserve(&mut self, bytes: usize, fields: usize) {
        self.tx.bytes.expose_mut().reserve(bytes);
        self.tx.fields.reserve(fields);
    }

    /// Takes in the head of a message, read from the front of `src`.
    pub(super) fn head(&mut self, role: Role, head: &Head, read: &[Field], src: &[u8]) {
        if role == Role::Server && self.asking && self.side.is_none() {
            self.side = Some(Box::default());
            self.tx.notes.insert(Notes::EARLY_RESPONSE);
        }
        let (bytes, fields) = self.arena(role);
        let base = bytes.len();
        bytes.extend_from_slice(src.get(..head.len).unwrap_or(src));
        let end = bytes.len();
        let first_field = fields.len();
        fields.extend(read.iter().map(|field| shift(*field, base)));
        let message = Message {
            head: span(base, end),
            first: shift_span(head.first, base),
            target: shift_span(head.target, base),
            status: head.status,
            protocol: head.protocol,
            fields: first_field..fields.len(),
            trailers: 0,
            body: span(end, end),
            body_bytes: 0,
            body_whole: true,
        };
        if head.framing.odd {
            self.tx.notes.insert(Notes::ODD_FRAMING);
        }
        match role {
            Role::Client => {
                self.tx.protocol = head.protocol;
                self.tx.request = Some(message);
                self.asked = Asked::from_method(part(src, head.first));
            }
            Role::Server => {
                if self.tx.request.is_none() {
                    self.tx.protocol = head.protocol;
                }
                self.tx.response = Some(message);
            }
        }
    }

    /// Takes in the next bytes of a body; keeps what the limit allows and says whether it was hit just now.
    pub(super) fn body(&mut self, role: Role, piece: &[u8], limit: usize) -> bool {
        let (bytes, message) = self.message(role);
        let Some(message) = message else { return false };
        let seen = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        message.body_bytes = message.body_bytes.saturating_add(seen);
        if !message.body_whole {
            return false;
        }
        let room = limit.saturating_sub(bytes.len().saturating_sub(to_usize(message.body.start)));
        let kept = piece.get(..room).unwrap_or(piece);
        bytes.extend_from_slice(kept);
        message.body.end = u32::try_from(bytes.len()).unwrap_or(message.body.end);
        let cut = kept.len() < piece.len();
        if cut {
            message.body_whole = false;
            self.tx.notes.insert(Notes::BODY_CUT);
        }
        cut
    }

    /// Takes in what the text messages of a WebSocket said. It is no content of the message, so it counts for no size.
    pub(super) fn said(&mut self, role: Role, text: &[u8]) {
        self.join_side();
        let (bytes, message) = self.message(role);
        if let (Some(message), false) = (message, text.is_empty()) {
            let start = bytes.len();
            bytes.extend_from_slice(text);
            message.body = span(start, bytes.len());
        }
    }

    /// Counts a hole of `len` bytes in a body. What comes behind it is not kept: joined, the two sides would read as
    /// something that never stood on the wire.
    pub(super) fn hole(&mut self, role: Role, len: u64) {
        self.truncated = true;
        if let (_, Some(message)) = self.message(role) {
            message.body_bytes = message.body_bytes.saturating_add(len);
            message.body_whole = false;
        }
    }

    /// Takes in a whole trailer section.
    pub(super) fn trailer(&mut self, role: Role, section: &[u8], max_fields: usize) {
        let (bytes, fields) = self.arena(role);
        let base = bytes.len();
        let before = fields.len();
        read_trailer(section, fields, base, before.saturating_add(max_fields));
        let count = fields.len().saturating_sub(before);
        if count > 0 {
            bytes.extend_from_slice(section);
            if let (_, Some(message)) = self.message(role) {
                message.fields.end = message.fields.end.saturating_add(count);
                message.trailers = count;
            }
        }
    }

    /// Takes in a trailer section whose fields have been read.
    pub(super) fn trailer_fields(&mut self, role: Role, section: &[u8], read: &[Field]) {
        let (bytes, fields) = self.arena(role);
        let base = bytes.len();
        bytes.extend_from_slice(section);
        fields.extend(read.iter().map(|field| shift(*field, base)));
        if let (_, Some(message)) = self.message(role) {
            message.fields.end = message.fields.end.saturating_add(read.len());
            message.trailers = message.trailers.saturating_add(read.len());
        }
    }

    /// The response comes although no request is there: it is kept apart, for the request may yet come.
    pub(super) fn keep_apart(&mut self) {
        self.side = Some(Box::default());
    }

    /// Says what became of a gRPC call.
    pub(super) fn set_grpc(&mut self, grpc: Grpc) {
        self.tx.grpc = Some(Box::new(grpc));
    }

    /// The status of the response, 0 if it could not be read; none if there is no response.
    pub(super) fn status(&self) -> Option<u16> {
        self.tx.response.as_ref().map(|message| message.status)
    }

    /// The same request once more, whole and not yet answered, now as HTTP/2: one that was answered by upgrading to it.
    pub(super) fn again(&self, index: u32, cx: &Context<'_>, client_is_low: bool) -> Self {
        let start = self.asked_at.unwrap_or(Mark {
            time: self.tx.start,
            ..Mark::NONE
        });
        let mut other = Self::new(index, start, cx, client_is_low);
        other.tx.protocol = Protocol::H2;
        other.tx.notes = self.tx.notes;
        if let Some(request) = &self.tx.request {
            let bytes = self.tx.bytes.expose();
            let until = request.head.end.max(request.body.end);
            let kept = bytes.get(..to_usize(until)).unwrap_or_default();
            other.tx.bytes.expose_mut().extend_from_slice(kept);
            let fields = self.tx.fields.get(..request.fields.end).unwrap_or_default();
            other.tx.fields.extend_from_slice(fields);
            other.tx.request = Some(Message {
                fields: request.fields.clone(),
                protocol: Protocol::H2,
                ..*request
            });
            other.tx.request_end = self.tx.request_end;
            other.asked = self.asked;
        }
        other
    }

    /// Marks that something of it is missing.
    pub(super) fn truncate(&mut self, role: Role) {
        self.truncated = true;
        if let (_, Some(message)) = self.message(role) {
            message.body_whole = false;
        }
    }

    /// Adds a note.
    pub(super) fn note(&mut self, notes: Notes) {
        self.tx.notes.insert(notes);
    }

    /// The message has begun at `time`.
    pub(super) fn begin(&mut self, role: Role, time: EventTime) {
        if role == Role::Server {
            self.tx.response_start = Some(time);
            if self.is_supposed() {
                self.tx.start = time;
            }
        }
        self.touch(time);
    }

    /// The message has ended with bytes of `time`.
    pub(super) fn finish(&mut self, role: Role, time: EventTime) {
        match role {
            Role::Client => {
                self.tx.request_end = Some(time);
                self.asking = false;
            }
            Role::Server => self.answered = true,
        }
        self.touch(time);
    }

    /// Something of it was seen at `time`.
    pub(super) fn touch(&mut self, time: EventTime) {
        self.tx.end = self.tx.end.max(time);
    }

    /// When something of it was last seen.
    pub(super) const fn last(&self) -> EventTime {
        self.tx.end
    }

    /// Whether it was answered while the head of its request is still arriving.
    pub(super) fn is_unread(&self) -> bool {
        self.asking && self.tx.request.is_none()
    }

    /// Whether the request has no version, so that its answer may have no head (RFC 1945 section 4.1).
    pub(super) fn is_old(&self) -> bool {
        self.tx
            .request
            .as_ref()
            .is_some_and(|message| message.protocol == Protocol::Http09)
    }

    /// Whether the request was seen.
    pub(super) const fn has_request(&self) -> bool {
        self.tx.request.is_some()
    }

    /// Whether the response has begun.
    pub(super) const fn has_response(&self) -> bool {
        self.tx.response.is_some()
    }

    /// Whether this exchange, now answered, ends plain HTTP/1 on the flow; if so that is noted.
    pub(super) fn switch(&mut self) -> Option<Switch> {
        let status = self
            .tx
            .response
            .as_ref()
            .map_or(0, |message| message.status);
        match (status, self.asked) {
            (101, _) if self.is_upgraded() => {
                self.tx.notes.insert(Notes::UPGRADED);
                Some(self.upgrade())
            }
            (200..=299, Asked::Connect) => Some(Switch::Tunnel),
            _ => None,
        }
    }

    /// Bytes of arena it holds.
    pub(super) fn footprint(&self) -> usize {
        let fields = |fields: &Vec<Field>| fields.capacity().saturating_mul(size_of::<Field>());
        let side = self.side.as_ref().map_or(0, |side| {
            side.bytes.capacity().saturating_add(fields(&side.fields))
        });
        self.tx
            .bytes
            .expose()
            .capacity()
            .saturating_add(fields(&self.tx.fields))
            .saturating_add(side)
    }

    /// How many bytes and fields it came to, as a guess for the next one.
    pub(super) fn used(&self) -> (usize, usize) {
        (self.tx.bytes.expose().len(), self.tx.fields.len())
    }

    /// Whether it stands for a request of which nothing was seen, but which must have been there.
    const fn is_supposed(&self) -> bool {
        self.asked_at.is_some() && self.tx.request.is_none() && !self.asking
    }

    /// Gives the transaction away, counted; but not one of which nothing was seen.
    pub(super) fn emit(mut self, cx: &mut Context<'_>) {
        if self.is_supposed() && self.tx.response.is_none() {
            return;
        }
        self.join_side();
        let (state, tally) = match (&self.tx.request, &self.tx.response) {
            (None, _) => (TxState::NoRequest, Tally::TransactionsNoRequest),
            (_, None) => (TxState::NoResponse, Tally::TransactionsNoResponse),
            _ if self.truncated => (TxState::Truncated, Tally::TransactionsTruncated),
            _ => (TxState::Complete, Tally::TransactionsComplete),
        };
        self.tx.state = state;
        cx.tally.one(tally);
        (cx.emit)(self.tx);
    }

    /// The first field of that name in the response.
    pub(super) fn answered_with(&self, name: &[u8]) -> Option<&[u8]> {
        let response = self.tx.response.as_ref()?;
        let (bytes, fields) = match &self.side {
            Some(side) => (&side.bytes, &side.fields),
            None => (self.tx.bytes.expose(), &self.tx.fields),
        };
        let fields = fields.get(response.fields.clone())?;
        let field = fields
            .iter()
            .find(|field| part(bytes, field.name).eq_ignore_ascii_case(name))?;
        Some(part(bytes, field.value))
    }

    /// What 101 leads to.
    fn upgrade(&self) -> Switch {
        let to = self.answered_with(b"upgrade").unwrap_or_default();
        if to.eq_ignore_ascii_case(b"h2c") {
            Switch::H2c
        } else if to.eq_ignore_ascii_case(b"websocket") {
            let extensions = self.answered_with(b"sec-websocket-extensions");
            Switch::WebSocket(extensions.and_then(Deflate::agreed))
        } else {
            Switch::Upgrade
        }
    }

    /// Whether a response 101 ends HTTP here: one that neither names a protocol nor was asked to does not (RFC 9110
    /// section 15.2.2 wants both).
    pub(super) fn is_upgraded(&self) -> bool {
        let asked = |request: &Message| {
            let fields = self.tx.fields.get(request.fields.clone());
            fields.unwrap_or_default().iter().any(|field| {
                part(self.tx.bytes.expose(), field.name).eq_ignore_ascii_case(b"upgrade")
            })
        };
        self.answered_with(b"upgrade").is_some() || self.tx.request.as_ref().is_none_or(asked)
    }

    fn join_side(&mut self) {
        let Some(side) = self.side.take() else { return };
        let bytes = self.tx.bytes.expose_mut();
        let (base, first_field) = (bytes.len(), self.tx.fields.len());
        bytes.extend_from_slice(&side.bytes);
        self.tx
            .fields
            .extend(side.fields.iter().map(|field| shift(*field, base)));
        if let Some(message) = &mut self.tx.response {
            for part in [
                &mut message.head,
                &mut message.first,
                &mut message.target,
                &mut message.body,
            ] {
                *part = shift_span(*part, base);
            }
            message.fields.start = message.fields.start.saturating_add(first_field);
            message.fields.end = message.fields.end.saturating_add(first_field);
        }
    }

    fn arena(&mut self, role: Role) -> (&mut Vec<u8>, &mut Vec<Field>) {
        match (&mut self.side, role) {
            (Some(side), Role::Server) => (&mut side.bytes, &mut side.fields),
            _ => (self.tx.bytes.expose_mut(), &mut self.tx.fields),
        }
    }

    fn message(&mut self, role: Role) -> (&mut Vec<u8>, Option<&mut Message>) {
        let bytes = match (&mut self.side, role) {
            (Some(side), Role::Server) => &mut side.bytes,
            _ => self.tx.bytes.expose_mut(),
        };
        let message = match role {
            Role::Client => &mut self.tx.request,
            Role::Server => &mut self.tx.response,
        };
        (bytes, message.as_mut())
    }
}

/// IPv4 comes as mapped IPv6.
fn address(peer: Peer) -> IpAddr {
    Ipv6Addr::from(peer.addr).to_canonical()
}

fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The bytes of a span.
pub(super) fn part(src: &[u8], span: Span) -> &[u8] {
    src.get(to_usize(span.start)..to_usize(span.end))
        .unwrap_or_default()
}

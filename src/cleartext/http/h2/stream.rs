//! One stream: a request and its response (RFC 9113 section 8.1).

use super::grpc::{self, Messages};
use super::head::Draft;
use super::tunnel::Tunnel;
use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::{Exchange, Mark};
use crate::cleartext::http::framing::Asked;
use crate::cleartext::http::head::{Head, Role};
use crate::cleartext::http::transaction::Grpc;
use crate::cleartext::http::websocket::Deflate;
use crate::clock::EventTime;

/// A stream until it is emitted.
pub(super) struct Stream {
    exchange: Exchange,
    request: Half,
    response: Half,
    /// CONNECT was granted.
    tunnel: Option<Tunnel>,
    /// The request asks for a WebSocket (RFC 8441).
    for_websocket: bool,
    grpc_status: Option<u8>,
}

/// One of its directions.
#[derive(Default)]
struct Half {
    phase: Phase,
    /// How often frames of this direction were lost before the last of its own came.
    losses: u32,
    /// The messages of a gRPC call.
    messages: Option<Box<Messages>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Open,
    Done,
}

/// Where bytes of DATA stand.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Where they stood on the connection.
    pub(super) at: Mark,
    /// How often frames of their direction were lost so far.
    pub(super) losses: u32,
    /// How much of the body may be kept.
    pub(super) limit: usize,
}

/// Facts about a header block besides its fields.
#[derive(Clone, Copy)]
pub(super) struct Opening {
    /// The stream.
    pub(super) id: u32,
    /// Nothing follows it on its stream.
    pub(super) last: bool,
    /// Where its first frame began.
    pub(super) mark: Mark,
    /// Something of it is missing.
    pub(super) cut: bool,
    /// How often frames of its direction were lost so far.
    pub(super) losses: u32,
    /// How much is kept of what is said in a WebSocket that begins with it.
    pub(super) websocket_limit: usize,
}

impl Stream {
    /// A stream of which nothing was seen yet but that it begins.
    pub(super) fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            request: Half::default(),
            response: Half::default(),
            tunnel: None,
            for_websocket: false,
            grpc_status: None,
        }
    }

    /// A stream whose request was seen before (RFC 9113 section 3.1, as RFC 7540 section 3.2 defines the upgrade).
    pub(super) fn asked(exchange: Exchange) -> Self {
        let mut stream = Self::new(exchange);
        stream.request.phase = Phase::Done;
        stream
    }

    /// Whether a head of that direction was seen.
    pub(super) const fn has(&self, role: Role) -> bool {
        !matches!(self.half(role).phase, Phase::Idle)
    }

    /// Whether that direction is between its head and its end.
    pub(super) const fn is_open(&self, role: Role) -> bool {
        matches!(self.half(role).phase, Phase::Open)
    }

    /// Whether a response head was seen whose status is not known: it may have been that of an interim response.
    pub(super) fn is_unsure(&self) -> bool {
        matches!(self.exchange.status(), Some(0)) && self.is_open(Role::Server)
    }

    /// Whether nothing more will come.
    pub(super) const fn is_over(&self) -> bool {
        let answered = matches!(self.response.phase, Phase::Done);
        answered && !matches!(self.request.phase, Phase::Open)
    }

    /// Whether the request has ended and no response has begun.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.request.phase, Phase::Done) && matches!(self.response.phase, Phase::Idle)
    }

    /// Bytes held.
    pub(super) fn footprint(&self) -> usize {
        let messages = |half: &Half| {
            half.messages.as_ref().map_or(0, |messages| {
                size_of::<Messages>().saturating_add(messages.memory())
            })
        };
        self.exchange
            .footprint()
            .saturating_add(size_of::<Self>())
            .saturating_add(messages(&self.request))
            .saturating_add(messages(&self.response))
            .saturating_add(self.tunnel.as_ref().map_or(0, Tunnel::memory))
    }

    /// Takes in the head of a request or of a final response.
    pub(super) fn head(&mut self, role: Role, head: &Head, draft: &Draft, opening: Opening) {
        if role == Role::Client {
            self.exchange.asked_at = Some(opening.mark);
            self.exchange.asked = Asked::from_method(crate::cleartext::http::exchange::part(
                draft.text(),
                head.first,
            ));
            self.exchange.asking = true;
            self.for_websocket = field(draft, b":protocol") == Some(b"websocket".as_slice());
        } else if !self.has(Role::Client) {
            // The request may yet come: reordered between the directions, it was captured later.
            self.exchange.keep_apart();
        }
        self.exchange.head(role, head, draft.fields(), draft.text());
        self.exchange.begin(role, opening.mark.time);
        let is_grpc = field(draft, b"content-type").is_some_and(grpc::is_grpc);
        let half = self.half_mut(role);
        half.phase = Phase::Open;
        half.losses = opening.losses;
        half.messages = is_grpc.then(Box::default);
        if opening.cut {
            self.exchange.truncate(role);
        }
        if role == Role::Server {
            self.read_status(draft);
            let granted =
                self.exchange.asked == Asked::Connect && (200..300).contains(&head.status);
            self.tunnel = granted.then(|| {
                if self.for_websocket {
                    let extensions = field(draft, b"sec-websocket-extensions");
                    let deflate = extensions.and_then(Deflate::agreed);
                    Tunnel::websocket(deflate, opening.websocket_limit)
                } else {
                    Tunnel::opaque()
                }
            });
        }
    }

    /// Takes in a trailer section.
    pub(super) fn trailer(&mut self, role: Role, draft: &Draft, opening: Opening) {
        self.exchange
            .trailer_fields(role, draft.text(), draft.fields());
        if opening.cut {
            self.exchange.truncate(role);
        }
        if role == Role::Server {
            self.read_status(draft);
        }
    }

    /// Takes in bytes of DATA; keeps what the limit allows of the body, and says whether that was hit just now.
    pub(super) fn data(
        &mut self,
        role: Role,
        bytes: &[u8],
        place: Place,
        cx: &Context<'_>,
    ) -> bool {
        self.notice_losses(role, place.losses);
        self.exchange.touch(place.at.time);
        if let Some(tunnel) = &mut self.tunnel {
            tunnel.data(role, bytes, cx);
            return false;
        }
        if let Some(messages) = &mut self.half_mut(role).messages {
            messages.data(bytes);
        }
        self.exchange.body(role, bytes, place.limit)
    }

    /// A hole of `len` bytes in DATA.
    pub(super) fn hole(&mut self, role: Role, len: u64) {
        if let Some(tunnel) = &mut self.tunnel {
            tunnel.gap();
            return;
        }
        if let Some(messages) = &mut self.half_mut(role).messages {
            messages.hole(len);
        }
        self.exchange.hole(role, len);
    }

    /// A direction has ended, with a frame of `time`.
    pub(super) fn end(&mut self, role: Role, time: EventTime, losses: u32) {
        self.notice_losses(role, losses);
        self.exchange.finish(role, time);
        self.half_mut(role).phase = Phase::Done;
    }

    /// `RST_STREAM`: nothing more comes, in either direction. Without an error (`error` 0) behind a whole response it only says
    /// that the rest of the request is not wanted (RFC 9113 section 8.1).
    pub(super) fn reset(&mut self, error: u32, time: EventTime) {
        self.exchange.touch(time);
        if error == 0 && self.response.phase == Phase::Done {
            self.exchange.asking = false;
            self.request.phase = Phase::Done;
        }
        self.cut();
    }

    /// Nothing more comes: what is not whole is truncated.
    pub(super) fn cut(&mut self) {
        for role in [Role::Client, Role::Server] {
            // A tunnel has no end that could be missed.
            if self.is_open(role) && self.tunnel.is_none() {
                self.exchange.truncate(role);
            }
        }
    }

    /// Gives the transaction away.
    pub(super) fn emit(mut self, cx: &mut Context<'_>) {
        let said = self.tunnel.as_mut().and_then(Tunnel::take_said);
        for (role, text) in said.iter().flatten() {
            self.exchange.said(*role, text);
        }
        let count = |half: &Half| half.messages.as_ref().map(|messages| messages.count());
        let (request, response) = (count(&self.request), count(&self.response));
        let in_body = self.response.messages.as_ref().and_then(|m| m.status());
        if request.is_some() || response.is_some() {
            self.exchange.set_grpc(Grpc {
                status: self.grpc_status.or(in_body),
                request_messages: request.flatten(),
                response_messages: response.flatten(),
            });
        }
        self.exchange.emit(cx);
    }

    /// What of this direction was lost since its last frame may have been of this stream.
    fn notice_losses(&mut self, role: Role, losses: u32) {
        let half = self.half_mut(role);
        if half.losses == losses || half.phase != Phase::Open {
            return;
        }
        half.losses = losses;
        if let Some(messages) = &mut half.messages {
            messages.lose();
        }
        match &mut self.tunnel {
            Some(tunnel) => tunnel.gap(),
            None => self.exchange.truncate(role),
        }
    }

    fn read_status(&mut self, draft: &Draft) {
        if let Some(status) = field(draft, b"grpc-status").and_then(grpc::status) {
            self.grpc_status = Some(status);
        }
    }

    const fn half(&self, role: Role) -> &Half {
        match role {
            Role::Client => &self.request,
            Role::Server => &self.response,
        }
    }

    const fn half_mut(&mut self, role: Role) -> &mut Half {
        match role {
            Role::Client => &mut self.request,
            Role::Server => &mut self.response,
        }
    }
}

/// The first field of that name; names are sent in lower case (RFC 9113 section 8.2.1).
fn field<'a>(draft: &'a Draft, name: &[u8]) -> Option<&'a [u8]> {
    let part = |span| crate::cleartext::http::exchange::part(draft.text(), span);
    draft
        .fields()
        .iter()
        .find(|field| part(field.name) == name)
        .map(|field| part(field.value))
}

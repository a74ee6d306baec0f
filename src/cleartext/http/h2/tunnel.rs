//! What a stream carries once CONNECT was granted on it: bytes of another protocol, not content (RFC 9113 section 8.5), such as
//! the frames of a WebSocket (RFC 8441), which are read. Anything else passes unread.

use crate::cleartext::http::Context;
use crate::cleartext::http::head::Role;
use crate::cleartext::http::websocket::{Deflate, Session};
use crate::tally::Tally;

/// The inside of a granted CONNECT.
pub(super) struct Tunnel {
    websocket: Option<Box<Session>>,
    /// Bytes are missing; nothing behind them is read.
    lost: bool,
}

impl Tunnel {
    /// A tunnel for bytes that are not read.
    pub(super) const fn opaque() -> Self {
        Self {
            websocket: None,
            lost: false,
        }
    }

    /// A WebSocket.
    pub(super) fn websocket(deflate: Option<Deflate>) -> Self {
        Self {
            websocket: Some(Box::new(Session::new(deflate))),
            lost: false,
        }
    }

    /// Takes the next bytes that `role` sends through it.
    pub(super) fn data(&mut self, role: Role, bytes: &[u8], cx: &Context<'_>) {
        if std::mem::take(&mut self.lost) {
            cx.tally.one(Tally::WebSocketLost);
            self.websocket = None;
        }
        if let Some(websocket) = &mut self.websocket {
            websocket.data(role, bytes, cx.tally);
        }
    }

    /// A hole.
    pub(super) const fn gap(&mut self) {
        self.lost = self.websocket.is_some();
    }
}

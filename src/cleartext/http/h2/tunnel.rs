//! What a stream carries once CONNECT was granted on it: bytes of another protocol, not content (RFC 9113 section 8.5), such as
//! the frames of a WebSocket (RFC 8441), which are read. Anything else passes unread.

use crate::cleartext::http::Context;
use crate::cleartext::http::head::Role;
use crate::cleartext::http::websocket::{Deflate, Session};

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

    /// A WebSocket; `limit` bytes of what is said in it are kept in each direction.
    pub(super) fn websocket(deflate: Option<Deflate>, limit: usize) -> Self {
        Self {
            websocket: Some(Box::new(Session::new(deflate, limit))),
            lost: false,
        }
    }

    /// Takes the next bytes that `role` sends through it.
    pub(super) fn data(&mut self, role: Role, bytes: &[u8], cx: &Context<'_>) {
        let Some(websocket) = &mut self.websocket else {
            return;
        };
        if std::mem::take(&mut self.lost) {
            // Of unknown place: both directions may have lost something.
            for role in [Role::Client, Role::Server] {
                websocket.gap(role, None, cx.tally);
            }
        }
        websocket.data(role, bytes, cx.tally);
    }

    /// A hole.
    pub(super) const fn gap(&mut self) {
        self.lost = self.websocket.is_some();
    }

    /// What the messages of either side said so far; nothing is kept from now on.
    pub(super) fn take_said(&mut self) -> Option<[(Role, Vec<u8>); 2]> {
        let websocket = self.websocket.as_mut()?;
        Some([Role::Client, Role::Server].map(|role| (role, websocket.take_said(role))))
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.websocket
            .as_ref()
            .map_or(0, |websocket| websocket.memory())
    }
}

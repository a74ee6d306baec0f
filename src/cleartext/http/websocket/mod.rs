//! WebSocket frames after an upgrade: messages and their bytes counted, per-message compression undone.
//!
//! ```text
//!  101 -> Session     both directions, what was agreed on compression
//!         Direction   frame headers, payload as it comes, messages over several frames        (direction)
//!         Inflater    permessage-deflate, with or without context between messages             (inflate)
//! ```
//! What the first messages say becomes the bodies of the exchange that upgraded, a line each; of binary data that is no
//! JSON, only that it was there. A hole inside a payload of known length costs its
//! message; a hole over a frame boundary ends the direction. Read first: RFC 6455 section 5, RFC 7692 section 7.

mod direction;
mod inflate;
#[cfg(test)]
mod tests;

use super::head::Role;
use crate::tally::{Tally, TallySheet};
use direction::Direction;

/// What both ends agreed on (RFC 7692 section 7.1). None: messages are not compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Deflate {
    /// The client forgets between messages.
    pub(super) client_forgets: bool,
    /// The server forgets between messages.
    pub(super) server_forgets: bool,
}

impl Deflate {
    /// Reads `Sec-WebSocket-Extensions` of the response. Other extensions change what frames mean and are not read.
    pub(super) fn agreed(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        if !parts.next()?.eq_ignore_ascii_case(b"permessage-deflate") {
            return None;
        }
        let mut deflate = Self {
            client_forgets: false,
            server_forgets: false,
        };
        for part in parts {
            deflate.client_forgets |= part.eq_ignore_ascii_case(b"client_no_context_takeover");
            deflate.server_forgets |= part.eq_ignore_ascii_case(b"server_no_context_takeover");
        }
        Some(deflate)
    }
}

/// A connection that was upgraded.
pub(super) struct Session {
    client: Direction,
    server: Direction,
}

impl Session {
    /// Keeps `limit` bytes of what is said in each direction.
    pub(super) fn new(deflate: Option<Deflate>, limit: usize) -> Self {
        Self {
            client: Direction::new(deflate.map(|agreed| agreed.client_forgets), true, limit),
            server: Direction::new(deflate.map(|agreed| agreed.server_forgets), false, limit),
        }
    }

    /// Takes the next bytes that `role` sends.
    pub(super) fn data(&mut self, role: Role, bytes: &[u8], tally: &TallySheet) {
        self.side(role).data(bytes, tally);
    }

    /// A hole; of unknown length if none.
    pub(super) fn gap(&mut self, role: Role, len: Option<u64>, tally: &TallySheet) {
        self.side(role).gap(len, tally);
    }

    /// Whether as much was said on both sides as is kept.
    pub(super) fn is_full(&self) -> bool {
        self.client.is_full() && self.server.is_full()
    }

    /// What the messages of `role` said so far; nothing is kept from now on.
    pub(super) fn take_said(&mut self, role: Role) -> Vec<u8> {
        self.side(role).take_said()
    }

    /// Whether both directions have been given up.
    pub(super) const fn is_lost(&self) -> bool {
        self.client.is_lost() && self.server.is_lost()
    }

    /// Heap bytes held, with what decompression needs.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            .saturating_add(self.client.memory())
            .saturating_add(self.server.memory())
    }

    const fn side(&mut self, role: Role) -> &mut Direction {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }
}

/// Counts a message that has ended.
fn count(tally: &TallySheet, bytes: u64) {
    tally.one(Tally::WebSocketMessages);
    tally.add(Tally::WebSocketBytes, bytes);
}

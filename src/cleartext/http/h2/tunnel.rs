//! What a stream carries once CONNECT was granted on it: bytes of another protocol, not content (RFC 9113 section 8.5), such as
//! the frames of a WebSocket (RFC 8441).
//!
//! Nothing looks into them yet; here is where they pass, in order, both ways.

use crate::cleartext::http::Context;
use crate::cleartext::http::exchange::Mark;
use crate::cleartext::http::head::Role;

/// The inside of a granted CONNECT.
#[derive(Default)]
pub(super) struct Tunnel {}

impl Tunnel {
    /// Takes the next bytes that `role` sends through it. `at` is where the frame that carries them began on the connection.
    #[allow(
        clippy::unused_self,
        reason = "the place where readers of what is inside are called from"
    )]
    pub(super) const fn data(&mut self, _role: Role, _bytes: &[u8], _at: Mark, _cx: &Context<'_>) {}

    /// A hole of `len` bytes; of unknown length if none.
    #[allow(clippy::unused_self, reason = "likewise")]
    pub(super) const fn gap(&mut self, _role: Role, _len: Option<u64>) {}
}

//! permessage-deflate (RFC 7692 section 7.2.2): raw deflate whose last four bytes were left out.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes inflated at once.
const PIECE: usize = 8 << 10;
/// What is put behind every message before it is inflated.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// A message may grow to so many times its size and [`ALWAYS`] bytes; what grows more is given up.
const MOST_GROWTH: u64 = 1_100;
/// Any message may grow to this (bytes).
const ALWAYS: u64 = 1 << 20;
/// What a decompressor costs (bytes): a window of 32 KiB and tables.
const COST: usize = 48 << 10;

/// Inflates the messages of one direction.
pub(super) struct Inflater {
    state: Decompress,
    /// Each message starts afresh.
    forgets: bool,
    /// What later messages may refer to is not known.
    lost: bool,
    taken: u64,
    given: u64,
}

impl Inflater {
    pub(super) fn new(forgets: bool) -> Self {
        Self {
            state: Decompress::new(false),
            forgets,
            lost: false,
            taken: 0,
            given: 0,
        }
    }

    #[allow(clippy::unused_self, reason = "every one costs the same")]
    pub(super) const fn memory(&self) -> usize {
        COST
    }

    /// Part of a message will not come: nothing is inflated until context is fresh.
    pub(super) const fn lose(&mut self) {
        self.lost = true;
    }

    /// Takes compressed bytes; gives how many came out. None if they make no sense. What comes out is added to `said` as
    /// long as that has less than `limit` bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], said: &mut Vec<u8>, limit: usize) -> Option<u64> {
        if self.lost {
            return None;
        }
        let mut out = [0; PIECE];
        let mut rest = bytes;
        let mut given = 0_u64;
        loop {
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let Ok(status) = self.state.decompress(rest, &mut out, FlushDecompress::None) else {
                self.lost = true;
                return None;
            };
            let used = self.state.total_in().wrapping_sub(before_in);
            let made = self.state.total_out().wrapping_sub(before_out);
            self.taken = self.taken.saturating_add(used);
            self.given = self.given.saturating_add(made);
            let room = limit.saturating_sub(said.len());
            let fresh = usize::try_from(made).unwrap_or(usize::MAX).min(room);
            said.extend_from_slice(out.get(..fresh).unwrap_or_default());
            given = given.saturating_add(made);
            rest = rest
                .get(usize::try_from(used).unwrap_or(usize::MAX)..)
                .unwrap_or_default();
            if self.given
                > self
                    .taken
                    .saturating_mul(MOST_GROWTH)
                    .saturating_add(ALWAYS)
            {
                self.lost = true;
                return None;
            }
            // A final block inside a message: what follows starts afresh (RFC 7692 section 7.2.3.4).
            if status == Status::StreamEnd {
                self.state.reset(false);
                if rest.is_empty() {
                    return Some(given);
                }
                continue;
            }
            if made == 0 && (used == 0 || rest.is_empty()) {
                return Some(given);
            }
        }
    }

    /// Ends a message.
    pub(super) fn end(&mut self, said: &mut Vec<u8>, limit: usize) -> Option<u64> {
        let given = self.feed(&TAIL, said, limit);
        (self.taken, self.given) = (0, 0);
        if self.forgets {
            self.state.reset(false);
            self.lost = false;
        }
        given
    }
}

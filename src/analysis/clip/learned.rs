//! Learned endpoints: what principals propose, and where the selected ones are counted.
//!
//! A selection is made at one window of the day. The map from request to cell that follows from it is a function of released
//! values, and is in force from the next window but one on: by then every live sensor has released the window, and nobody
//! waits; a capture that is read faster than that waits for it here, so that the number of threads does not show.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::analysis::window::Window;
use crate::observation::{Candidate, PrincipalKey};

/// Cells of learned endpoints, by candidate.
pub type LearnedMap = BTreeMap<Candidate, u32>;

/// Candidates one principal proposes in a period.
const PER_PRINCIPAL: usize = 3;

/// Where the releaser says what was learned.
#[derive(Debug, Default)]
pub struct LearnedBoard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    map: Arc<LearnedMap>,
    /// The last window that was dealt with.
    done: Option<Window>,
    closed: bool,
}

impl LearnedBoard {
    /// A window was released, or will never be: from here on this is the map.
    pub fn post(&self, window: Option<Window>, map: Option<LearnedMap>) {
        let mut state = self.lock();
        state.done = state.done.max(window);
        if let Some(map) = map {
            state.map = Arc::new(map);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing will be posted any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The map now.
    pub(super) fn current(&self) -> Arc<LearnedMap> {
        Arc::clone(&self.lock().map)
    }

    /// The map after `window` was dealt with.
    pub(super) fn after(&self, window: Window) -> Arc<LearnedMap> {
        let mut state = self.lock();
        while !state.closed && state.done.is_none_or(|done| done < window) {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Arc::clone(&state.map)
    }

    /// A thread that panicked ends the process; what stands here is whole at any time.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a principal proposes: of all candidates it has asked for in a period, the three that come first under a key that
/// nobody knows. Which those are does not depend on when or how often it asked, nor on anybody else.
#[derive(Clone, Debug, Default)]
pub(super) struct Proposals(Option<Box<[Proposal; PER_PRINCIPAL]>>);

/// A candidate with its rank, if there is one in this place.
type Proposal = Option<(u64, Candidate)>;

impl Proposals {
    /// Takes a candidate into account.
    pub(super) fn add(&mut self, key: &[u8; 32], principal: PrincipalKey, candidate: Candidate) {
        if self.iter().any(|known| known == candidate) {
            return;
        }
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(&principal.0.to_le_bytes());
        hasher.update(&candidate.to_bytes());
        let rank = hasher.finalize();
        let rank = u64::from_le_bytes(rank.as_bytes().first_chunk().copied().unwrap_or_default());
        let slots = self.0.get_or_insert_default();
        // The worst of them, an empty one first, makes room.
        let worst = slots
            .iter_mut()
            .max_by_key(|slot| slot.map_or(u64::MAX, |(rank, _)| rank));
        if let Some(worst) = worst
            && worst.is_none_or(|(known, _)| rank < known)
        {
            *worst = Some((rank, candidate));
        }
    }

    /// The proposals.
    pub(super) fn iter(&self) -> impl Iterator<Item = Candidate> {
        let slots = self.0.iter().flat_map(|slots| slots.iter());
        slots.filter_map(|slot| slot.map(|(_, candidate)| candidate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::ServiceId;

    fn candidate(path: &str) -> Candidate {
        Candidate::parse(ServiceId(0), "GET", path).unwrap()
    }

    #[test]
    fn proposals_depend_on_no_order() {
        let paths = [
            "/users",
            "/orders",
            "/v1/search",
            "/login",
            "/health",
            "/items/{int}",
        ];
        let of = |paths: &mut dyn Iterator<Item = &&str>| {
            let mut proposals = Proposals::default();
            for path in paths {
                for _ in 0..2 {
                    proposals.add(&[7; 32], PrincipalKey(5), candidate(path));
                }
            }
            let mut found: Vec<_> = proposals.iter().collect();
            found.sort_unstable();
            found
        };
        let forward = of(&mut paths.iter());
        assert_eq!(forward.len(), PER_PRINCIPAL);
        assert_eq!(forward, of(&mut paths.iter().rev()));
        assert_eq!(of(&mut paths.iter().take(2)).len(), 2);
    }

    #[test]
    fn who_waits_goes_on_when_the_board_is_closed() {
        let board = Arc::new(LearnedBoard::default());
        let window = |index| Window { period: 1, index };
        let waiter = {
            let board = Arc::clone(&board);
            std::thread::spawn(move || board.after(window(3)).len())
        };
        let map = LearnedMap::from([(candidate("/users"), 7)]);
        board.post(Some(window(2)), None);
        board.post(Some(window(3)), Some(map));
        assert_eq!(waiter.join().unwrap(), 1);
        board.close();
        assert_eq!(board.after(window(9)).len(), 1);
    }
}

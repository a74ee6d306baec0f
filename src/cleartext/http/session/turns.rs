//! How a client takes turns with its server, as far as acknowledgements tell, and whether order can be relied on.
//!
//! A request says which part of the response stream its client had received by then. How many earlier requests were still
//! unanswered at that point is a habit of the client: none for nearly all (one request at a time, or bursts that wait for
//! all answers), a constant number for those that keep a window full. The habit is learned while nothing is lost. After a
//! loss it tells how many requests must be waiting, and so which of them were answered where nobody looked.

use smallvec::SmallVec;

/// Ends of responses remembered at most until a request acknowledges them.
const MOST_ENDS: usize = 1_024;

/// What is known of the turns on one flow. Positions are those of the response stream.
#[derive(Default)]
pub(super) struct Turns {
    /// The most that a request acknowledged.
    acked: Option<u64>,
    /// Ends of responses that no request has acknowledged yet, ascending.
    ends: SmallVec<[u64; 2]>,
    /// Requests that were waiting when the last one came with a new acknowledgement, and whether it was so before.
    waiting: Option<(u32, Steady)>,
    /// There was an acknowledgement before the last one.
    renewed: bool,
    /// Several requests came with the first acknowledgement, or with a later one.
    bursts: (bool, bool),
    /// Before this, all bytes of responses are accounted for: seen, or known to be lost.
    pub(super) accounted: u64,
    /// Responses without a request since the last request.
    pub(super) orphans: u32,
    /// A loss left more than one way to pair.
    pub(super) doubt: bool,
    /// It is not clear how many requests were lost: that matters if the client sends several at once.
    pub(super) unclear: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Steady {
    Once,
    Yes,
    No,
}

impl Turns {
    /// The response stream is understood up to `end`, where a response may have `ended`.
    pub(super) fn account(&mut self, end: u64, ended: bool) {
        self.accounted = self.accounted.max(end);
        if ended && self.acked.is_none_or(|acked| end > acked) && self.ends.last() != Some(&end) {
            if self.ends.len() >= MOST_ENDS {
                self.ends.remove(0);
            }
            self.ends.push(end);
        }
    }

    /// Whether no request was seen yet.
    pub(super) const fn is_new(&self) -> bool {
        self.acked.is_none()
    }

    /// A request acknowledges the response stream up to `acked`; whether that is news.
    pub(super) fn acknowledge(&mut self, acked: u64) -> bool {
        if self.acked.is_some_and(|before| acked <= before) {
            if self.renewed {
                self.bursts.1 = true;
            } else {
                self.bursts.0 = true;
            }
            return false;
        }
        self.renewed = self.acked.is_some();
        self.acked = Some(acked);
        self.ends.retain(|end| *end > acked);
        true
    }

    /// Responses seen whole that the client had not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.ends.len()
    }

    /// Learns from a request that came with news while nothing was lost and `waiting` earlier ones were unanswered.
    pub(super) fn learn(&mut self, waiting: usize) {
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let steady = match self.waiting {
            None => Steady::Once,
            Some((before, _)) if before == waiting => Steady::Yes,
            Some(_) => Steady::No,
        };
        self.waiting = Some((waiting, steady));
    }

    /// Whether it was ever seen to send several requests at once.
    pub(super) const fn bursts(&self) -> bool {
        self.bursts.0 || self.bursts.1
    }

    /// Whether a pair made now may be wrong.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.doubt || (self.unclear && self.bursts())
    }

    /// It sent a request while another, lost one was not answered yet.
    pub(super) const fn pipelines(&mut self) {
        self.bursts.0 = true;
    }

    /// Whether it may be taken to wait for all answers before it sends more. Who keeps a window full sends several requests
    /// at the start and then never again.
    pub(super) const fn waits(&self) -> bool {
        !self.bursts.0 || self.bursts.1
    }

    /// How many requests are waiting whenever this client sends one with news; none if that is not known.
    pub(super) fn habit(&self) -> Option<usize> {
        self.waiting
            .filter(|(_, steady)| *steady != Steady::No)
            .map(|(waiting, _)| usize::try_from(waiting).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_is_what_was_seen_last_unless_it_wavers() {
        let mut turns = Turns::default();
        assert_eq!(turns.habit(), None);
        turns.learn(0);
        assert_eq!(turns.habit(), Some(0));
        turns.learn(2);
        assert_eq!(turns.habit(), None);
        turns.learn(2);
        assert_eq!(turns.habit(), Some(2));
    }

    #[test]
    fn responses_wait_for_their_acknowledgement() {
        let mut turns = Turns::default();
        turns.account(10, true);
        turns.account(15, false);
        turns.account(20, true);
        assert!(turns.acknowledge(10));
        assert!(!turns.acknowledge(10));
        assert_eq!((turns.unacknowledged(), turns.accounted), (1, 20));
        assert!(turns.acknowledge(25));
        turns.account(25, true);
        assert_eq!(turns.unacknowledged(), 0);
    }
}

//! Which answers are read for fields that no document has, while the traffic runs: as many bytes of each endpoint as a bucket
//! holds that fills slowly. Requests are parsed for the rules they may break anyway; answers would be parsed for this alone.
//!
//! One bucket an endpoint, so that a busy one leaves the others their part; bytes rather than bodies, because bytes are what
//! parsing costs. A bucket may go into debt with one large body, so that those are read too, only seldom.

use crate::clock::{EventTime, NANOS_PER_SECOND};

/// Bytes of the answers of one endpoint that a worker reads at once, having read none for long.
const BURST: i64 = 256 << 10;
/// Bytes that it may read of them in a minute.
const PER_MINUTE: u64 = 64 << 10;
/// What reading one costs beside its bytes (bytes).
const EACH: i64 = 512;

/// The buckets of one worker, by number of the endpoint among those of the documents.
#[derive(Default)]
pub(super) struct Sample(Vec<Bucket>);

#[derive(Clone, Copy)]
struct Bucket {
    /// Bytes that may be read; below zero: owed.
    left: i64,
    at: EventTime,
}

impl Sample {
    /// Whether an answer of that length may be read now. An endpoint that was never asked has a full bucket.
    pub(super) fn admits(&mut self, endpoint: usize, bytes: usize, now: EventTime) -> bool {
        if self.0.len() <= endpoint {
            let full = Bucket {
                left: BURST,
                at: now,
            };
            self.0.resize(endpoint.saturating_add(1), full);
        }
        let Some(bucket) = self.0.get_mut(endpoint) else {
            return false;
        };
        bucket.fill(now);
        let is_open = bucket.left > 0;
        if is_open {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            bucket.left = bucket.left.saturating_sub(bytes.saturating_add(EACH));
        }
        is_open
    }
}

impl Bucket {
    fn fill(&mut self, now: EventTime) {
        const NANOS_PER_BYTE: u64 = 60 * NANOS_PER_SECOND / PER_MINUTE;
        let more = now
            .nanos_since(self.at)
            .checked_div(NANOS_PER_BYTE)
            .unwrap_or(0);
        // Less than a byte's time is kept for the next call. Answers of several flows may come out of order.
        if more > 0 {
            let more = i64::try_from(more).unwrap_or(i64::MAX);
            self.left = self.left.saturating_add(more).min(BURST);
            self.at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60 * NANOS_PER_SECOND;

    fn at(nanos: u64) -> EventTime {
        EventTime::from_nanos(nanos)
    }

    #[test]
    fn a_new_endpoint_is_read_at_once_and_a_busy_one_seldom() {
        let mut sample = Sample::default();
        let body = (8 << 10) - 512;
        let read = |sample: &mut Sample, endpoint, minutes: std::ops::Range<u64>| {
            let calls = minutes.flat_map(|minute| {
                (0..600).map(move |number| minute * MINUTE + number * MINUTE / 600)
            });
            calls
                .filter(|now| sample.admits(endpoint, body, at(*now)))
                .count()
        };
        // 256 KiB at once, and 64 KiB a minute.
        let first = read(&mut sample, 3, 0..1);
        assert!((39..=41).contains(&first), "{first}");
        let then = read(&mut sample, 3, 1..11);
        assert!((78..=82).contains(&then), "{then}");
        // Another has its own.
        assert!(sample.admits(1, body, at(11 * MINUTE)));
        // After a quiet hour it is full again, and no fuller.
        assert_eq!(read(&mut sample, 3, 71..72), first);
    }

    #[test]
    fn a_large_body_is_read_and_paid_back() {
        let mut sample = Sample::default();
        assert!(sample.admits(0, 512 << 10, at(0)));
        assert!(!sample.admits(0, 1, at(0)));
        assert!(!sample.admits(0, 1, at(4 * MINUTE)));
        assert!(sample.admits(0, 1, at(5 * MINUTE)));
    }

    proptest! {
        /// Whatever comes, in whatever order: no more bytes than a full bucket, what it is filled with, and one body.
        #[test]
        fn no_more_is_read_than_is_let_in(calls in proptest::collection::vec((0..4_usize, 0..600_000_usize, 0..10 * MINUTE), 0..300)) {
            let mut sample = Sample::default();
            let mut read = [0_u64; 4];
            for (endpoint, bytes, now) in calls {
                if sample.admits(endpoint, bytes, at(now)) {
                    read[endpoint] += bytes as u64;
                }
            }
            for read in read {
                prop_assert!(read <= BURST as u64 + 600_000 + 10 * PER_MINUTE + 64, "{read}");
            }
        }
    }
}

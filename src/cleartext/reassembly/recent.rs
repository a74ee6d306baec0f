//! What was handed on last, remembered by its sum only: enough to tell a repetition from a forgery.
//!
//! In-order bytes are handed on without a copy, so a later copy cannot be compared with them. But forged segments come right
//! beside the true one and begin where it begins: the sums of the last few segments show whether the two are the same. A copy
//! that is cut at another place than the first is not compared.

/// Segments remembered for each direction.
const KEPT: usize = 2;

/// The last segments of one direction.
#[derive(Clone, Copy, Default)]
pub(super) struct Recent {
    kept: [Delivered; KEPT],
}

#[derive(Clone, Copy, Default)]
struct Delivered {
    /// Low bits of the position: what is compared lies close behind.
    start: u32,
    len: u32,
    sum: u32,
}

impl Recent {
    /// Bytes that begin at `start` are handed on.
    pub(super) fn remember(&mut self, start: u64, bytes: &[u8]) {
        let [last, before] = &mut self.kept;
        *before = *last;
        *last = Delivered {
            start: low(start),
            len: u32::try_from(bytes.len()).unwrap_or(0),
            sum: sum(bytes),
        };
    }

    /// Whether bytes that begin at `start`, and were handed on before, differ from what was handed on.
    pub(super) fn differs(&self, start: u64, bytes: &[u8]) -> bool {
        self.kept.iter().any(|kept| {
            kept.start == low(start)
                && usize::try_from(kept.len)
                    .ok()
                    .filter(|len| *len > 0)
                    .and_then(|len| bytes.get(..len))
                    .is_some_and(|bytes| sum(bytes) != kept.sum)
        })
    }
}

/// The sum of the bytes as little-endian words: a change shows, but for one in four billion, at the speed of reading.
fn sum(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0_u64, |sum, word| {
        sum.wrapping_add(u64::from_le_bytes(*word))
    });
    let mut last = [0_u8; 8];
    for (byte, from) in last.iter_mut().zip(rest) {
        *byte = *from;
    }
    let sum = sum.wrapping_add(u64::from_le_bytes(last));
    low(sum) ^ low(sum >> 32)
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn a_changed_copy_differs_and_a_cut_one_cannot_tell() {
        let mut recent = Recent::default();
        recent.remember(0, b"GET /good HTTP/1.1");
        recent.remember(18, b"more");
        assert!(!recent.differs(0, b"GET /good HTTP/1.1"));
        assert!(!recent.differs(0, b"GET /good HTTP/1.1 and what came behind"));
        assert!(recent.differs(0, b"GET /evil HTTP/1.1"));
        assert!(!recent.differs(0, b"GET /evil"));
        assert!(!recent.differs(4, b"/evil HTTP/1.1"));
        recent.remember(22, b"x");
        assert!(!recent.differs(0, b"GET /evil HTTP/1.1"));
    }
}

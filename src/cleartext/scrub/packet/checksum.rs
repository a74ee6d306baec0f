//! Checksums (RFC 1071).

use super::put;

/// Writes a transport checksum, or 0 where not all of the data is there.
pub(super) fn seal(bytes: &mut [u8], at: usize, pseudo: Sum, whole: bool) {
    put(bytes, at, 0);
    if whole {
        let mut sum = pseudo;
        sum.add(bytes);
        let value = match sum.finish() {
            0 if at == 6 => u16::MAX,
            value => value,
        };
        put(bytes, at, value);
    }
}

/// A ones' complement sum in the making (RFC 1071). Parts must be of even length, save the last.
#[derive(Clone, Copy, Default)]
pub(in crate::cleartext::scrub) struct Sum(u64);

impl Sum {
    pub(in crate::cleartext::scrub) fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<2>();
        let words = words
            .iter()
            .map(|word| u64::from(u16::from_be_bytes(*word)));
        self.0 = self.0.wrapping_add(words.fold(0, u64::wrapping_add));
        if let [last] = rest {
            self.0 = self
                .0
                .wrapping_add(u64::from(u16::from_be_bytes([*last, 0])));
        }
    }

    fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff).wrapping_add(sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

pub(super) fn checksum(start: u64, bytes: &[u8]) -> u16 {
    let mut sum = Sum(start);
    sum.add(bytes);
    sum.finish()
}

//! Bytes of the ledger: little-endian fixed numbers, LEB128 varints, zigzag for signed ones. Decoding never trusts a length.

use crate::observation::PublicTriple;

/// Builds a payload.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    pub(super) fn numbers(&mut self, values: &[i64]) {
        self.varint(values.len() as u64);
        for value in values {
            self.signed(*value);
        }
    }

    pub(super) fn float(&mut self, value: f64) {
        self.bytes(&value.to_bits().to_le_bytes());
    }

    pub(super) fn triples(&mut self, triples: &[PublicTriple]) {
        self.varint(triples.len() as u64);
        for triple in triples {
            self.text(&triple.service);
            self.text(&triple.endpoint);
            self.text(&triple.method);
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a payload; none where it does not hold what is asked for.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits.checked_shl(shift)? >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A count of things of at least one byte each: never more than there are bytes left.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let len = self.count()?;
        String::from_utf8(self.bytes(len)?.to_vec()).ok()
    }

    pub(super) fn numbers(&mut self) -> Option<Vec<i64>> {
        let count = self.count()?;
        (0..count).map(|_| self.signed()).collect()
    }

    pub(super) fn float(&mut self) -> Option<f64> {
        self.array().map(u64::from_le_bytes).map(f64::from_bits)
    }

    pub(super) fn triples(&mut self) -> Option<Vec<PublicTriple>> {
        (0..self.count()?)
            .map(|_| {
                Some(PublicTriple {
                    service: self.text()?,
                    endpoint: self.text()?,
                    method: self.text()?,
                })
            })
            .collect()
    }

    /// Nothing may be left over.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(values: Vec<i64>, text: String) {
            let mut writer = Writer::default();
            writer.numbers(&values);
            writer.text(&text);
            let bytes = writer.into_bytes();
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.numbers(), Some(values));
            prop_assert_eq!(reader.text(), Some(text));
            prop_assert_eq!(reader.end(), Some(()));
        }

        #[test]
        fn garbage_is_refused_without_panic(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            let found = (reader.numbers(), reader.text(), reader.varint());
            prop_assert!(found.0.is_none_or(|numbers| numbers.len() <= bytes.len()));
        }
    }

    #[test]
    fn extremes_survive() {
        for value in [i64::MIN, -1, 0, 1, i64::MAX] {
            let mut writer = Writer::default();
            writer.signed(value);
            assert_eq!(Reader(&writer.into_bytes()).signed(), Some(value));
        }
    }
}

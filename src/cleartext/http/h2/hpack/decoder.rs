//! Header blocks to fields (RFC 7541 sections 3 and 6).

use super::table::{Slot, Table};
use super::{huffman, integer};

/// Why reading stopped before the end of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The block ends in the middle of a field.
    Cut,
    /// This is no HPACK.
    Broken,
}

/// How far a block was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::http::h2) enum End {
    /// To its end.
    Whole,
    /// Up to where it is cut: the fields before that are right, the table is unknown from here on.
    Cut,
    /// Up to something no peer would accept: likewise.
    Broken,
}

/// Fields as they come out of a block, within limits. Used again for the next block.
#[derive(Default)]
pub(in crate::cleartext::http::h2) struct FieldList {
    /// Names and values, one behind the other.
    text: Vec<u8>,
    /// Ends of name and value of each field in `text`.
    ends: Vec<(usize, usize)>,
    /// Fields left out because they refer to entries whose insertion was not seen.
    pub(in crate::cleartext::http::h2) unknown: u64,
    /// Some were left out because of the limits.
    pub(in crate::cleartext::http::h2) over: bool,
    max_text: usize,
    max_fields: usize,
}

impl FieldList {
    /// Empties the list and sets what it may hold.
    pub(in crate::cleartext::http::h2) fn clear(&mut self, max_text: usize, max_fields: usize) {
        self.text.clear();
        self.ends.clear();
        self.unknown = 0;
        self.over = false;
        (self.max_text, self.max_fields) = (max_text, max_fields);
    }

    /// Names and values in order.
    pub(in crate::cleartext::http::h2) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0_usize;
        self.ends.iter().map(move |(name_end, end)| {
            let name = self.text.get(start..*name_end).unwrap_or_default();
            let value = self.text.get(*name_end..*end).unwrap_or_default();
            start = *end;
            (name, value)
        })
    }

    /// Heap bytes held.
    pub(in crate::cleartext::http::h2) fn memory(&self) -> usize {
        let ends = self
            .ends
            .capacity()
            .saturating_mul(size_of::<(usize, usize)>());
        self.text.capacity().saturating_add(ends)
    }

    fn push(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let (Some(name), Some(value)) = (name, value) else {
            self.unknown = self.unknown.saturating_add(1);
            return;
        };
        let after = self
            .text
            .len()
            .saturating_add(name.len())
            .saturating_add(value.len());
        if after > self.max_text || self.ends.len() >= self.max_fields {
            self.over = true;
            return;
        }
        self.text.extend_from_slice(name);
        let name_end = self.text.len();
        self.text.extend_from_slice(value);
        self.ends.push((name_end, after));
    }
}

/// The decoder of one direction of a connection.
pub(in crate::cleartext::http::h2) struct Decoder {
    table: Table,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// For a direction that is seen from its first block on.
    pub(in crate::cleartext::http::h2) const fn at_start() -> Self {
        Self::with(Table::at_start())
    }

    /// For a direction that is joined somewhere.
    pub(in crate::cleartext::http::h2) const fn midstream() -> Self {
        Self::with(Table::unknown())
    }

    /// Blocks, or parts of blocks, were missed: nothing is known of the table any more.
    pub(in crate::cleartext::http::h2) fn lose(&mut self) {
        self.table = Table::unknown();
    }

    /// Heap bytes held.
    pub(in crate::cleartext::http::h2) fn memory(&self) -> usize {
        self.table
            .memory()
            .saturating_add(self.name.capacity())
            .saturating_add(self.value.capacity())
    }

    /// Reads a block, adding its fields to `out`. One that was cut on the wire may be read as far as it goes.
    pub(in crate::cleartext::http::h2) fn decode(
        &mut self,
        block: &[u8],
        out: &mut FieldList,
    ) -> End {
        let mut rest = block;
        while !rest.is_empty() {
            match self.field(rest, out) {
                Ok(used) => rest = rest.get(used..).unwrap_or_default(),
                Err(fault) => {
                    self.lose();
                    return match fault {
                        Fault::Cut => End::Cut,
                        Fault::Broken => End::Broken,
                    };
                }
            }
        }
        End::Whole
    }

    const fn with(table: Table) -> Self {
        Self {
            table,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Reads one representation; returns the octets it took.
    fn field(&mut self, src: &[u8], out: &mut FieldList) -> Result<usize, Fault> {
        match src.first().copied().unwrap_or_default() {
            // Section 6.1.
            0x80.. => {
                let (index, used) = integer::decode(src, 7)?;
                match self.table.get(index) {
                    Slot::Known(name, value) => out.push(name, value),
                    Slot::Unknown => out.push(None, None),
                    Slot::Invalid => return Err(Fault::Broken),
                }
                Ok(used)
            }
            // Section 6.2.1.
            0x40..=0x7f => self.literal(src, 6, out),
            // Section 6.3. Peers want it in front of the block only; where else it stands does not matter here.
            0x20..=0x3f => {
                let (max, used) = integer::decode(src, 5)?;
                self.table.resize(max);
                Ok(used)
            }
            // Sections 6.2.2 and 6.2.3.
            0x00..=0x1f => self.literal(src, 4, out),
        }
    }

    /// A literal whose name is an index in `prefix` bits, or a literal too. Six bits mean that it is inserted.
    fn literal(&mut self, src: &[u8], prefix: u8, out: &mut FieldList) -> Result<usize, Fault> {
        let (index, mut used) = integer::decode(src, prefix)?;
        let name_known = if index == 0 {
            used = used.saturating_add(string(src.get(used..), &mut self.name)?);
            true
        } else {
            self.name.clear();
            match self.table.get(index) {
                Slot::Known(Some(name), _) => {
                    self.name.extend_from_slice(name);
                    true
                }
                Slot::Known(None, _) | Slot::Unknown => false,
                Slot::Invalid => return Err(Fault::Broken),
            }
        };
        used = used.saturating_add(string(src.get(used..), &mut self.value)?);
        let name = name_known.then_some(&*self.name);
        out.push(name, Some(&self.value));
        if prefix == 6 {
            self.table.insert(name, Some(&self.value));
        }
        Ok(used)
    }
}

/// Reads a string literal (section 5.2) into `out`; returns the octets it took.
fn string(src: Option<&[u8]>, out: &mut Vec<u8>) -> Result<usize, Fault> {
    let src = src.unwrap_or_default();
    let (len, used) = integer::decode(src, 7)?;
    let len = usize::try_from(len).map_err(|_| Fault::Broken)?;
    let end = used.saturating_add(len);
    let octets = src.get(used..end).ok_or(Fault::Cut)?;
    out.clear();
    if src.first().is_some_and(|first| first & 0x80 != 0) {
        huffman::decode(octets, out)?;
    } else {
        out.extend_from_slice(octets);
    }
    Ok(end)
}

/// Fuzz entry: any bytes as a row of blocks, each with its length in front; one that knows the table from the beginning and
/// one that joins later must never disagree on a field both know.
#[cfg(test)]
pub(in crate::cleartext::http) fn fuzz_hpack(data: &[u8]) {
    let mut decoder = Decoder::at_start();
    let mut list = FieldList::default();
    let mut rest = data;
    while let [len, more @ ..] = rest {
        let (block, next) = more.split_at(usize::from(*len).min(more.len()));
        list.clear(1 << 10, 16);
        decoder.decode(block, &mut list);
        assert!(list.text.len() <= 1 << 10 && list.ends.len() <= 16);
        assert!(decoder.memory() <= 256 << 10, "memory is bounded");
        rest = next;
    }
}

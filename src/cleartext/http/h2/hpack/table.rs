//! The static table, and the dynamic table as far as it is known (RFC 7541 sections 2.3 and 4, Appendix A).

use std::collections::VecDeque;

/// Size of the dynamic table until the encoder says otherwise (RFC 9113 section 6.5.2).
const INITIAL_SIZE: usize = 4_096;
/// What an entry costs besides its octets (RFC 7541 section 4.1).
const OVERHEAD: usize = 32;
/// Most that is kept of a dynamic table, counted as RFC 7541 counts; what a larger one holds beyond is unknown.
const MAX_SIZE: usize = 64 << 10;

/// What stands at an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot<'a> {
    /// A field; a part that was itself taken from an unknown entry is none.
    Known(Option<&'a [u8]>, Option<&'a [u8]>),
    /// An entry whose insertion was not seen.
    Unknown,
    /// No peer would accept this index.
    Invalid,
}

/// The dynamic table.
///
/// Invariant: `entries` are the newest insertions without a break, newest first.
pub(super) struct Table {
    entries: VecDeque<Entry>,
    /// Size of `entries` by RFC 7541 section 4.1; unknown parts count nothing.
    size: usize,
    /// The maximum the encoder uses, if known.
    max: Option<usize>,
    /// There is nothing in the table besides `entries`.
    exact: bool,
}

struct Entry {
    text: Box<[u8]>,
    name_len: usize,
    name_known: bool,
    value_known: bool,
}

impl Entry {
    fn size(&self) -> usize {
        self.text.len().saturating_add(OVERHEAD)
    }
}

impl Table {
    /// The table of a connection seen from its beginning.
    pub(super) const fn at_start() -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            max: Some(INITIAL_SIZE),
            exact: true,
        }
    }

    /// A table of which nothing is known.
    pub(super) const fn unknown() -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            max: None,
            exact: false,
        }
    }

    /// What stands at `index`, in the address space of RFC 7541 section 2.3.3.
    pub(super) fn get(&self, index: u32) -> Slot<'_> {
        let Some(at) = usize::try_from(index).ok().and_then(|i| i.checked_sub(1)) else {
            return Slot::Invalid;
        };
        if let Some((name, value)) = STATIC.get(at) {
            return Slot::Known(Some(name.as_bytes()), Some(value.as_bytes()));
        }
        match self.entries.get(at.saturating_sub(STATIC.len())) {
            Some(entry) => {
                let (name, value) = entry
                    .text
                    .split_at_checked(entry.name_len)
                    .unwrap_or_default();
                Slot::Known(
                    entry.name_known.then_some(name),
                    entry.value_known.then_some(value),
                )
            }
            None if self.exact => Slot::Invalid,
            None => Slot::Unknown,
        }
    }

    /// Inserts a field, of which parts may be unknown (section 4.4).
    pub(super) fn insert(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let mut text = Vec::with_capacity(
            name.map_or(0, <[u8]>::len)
                .saturating_add(value.map_or(0, <[u8]>::len)),
        );
        text.extend_from_slice(name.unwrap_or_default());
        text.extend_from_slice(value.unwrap_or_default());
        let entry = Entry {
            text: text.into_boxed_slice(),
            name_len: name.map_or(0, <[u8]>::len),
            name_known: name.is_some(),
            value_known: value.is_some(),
        };
        let size = entry.size();
        if let Some(max) = self.max
            && size > max
        {
            self.empty();
            return;
        }
        self.evict(size);
        if size > MAX_SIZE {
            // Too large to be kept: the invariant holds again from the next insertion on.
            self.exact = false;
            return;
        }
        self.size = self.size.saturating_add(size);
        self.entries.push_front(entry);
    }

    /// The encoder sets the maximum (section 4.3).
    pub(super) fn resize(&mut self, max: u32) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        self.max = Some(max);
        if max == 0 {
            self.empty();
        } else {
            self.evict(0);
        }
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        let slots = self.entries.capacity().saturating_mul(size_of::<Entry>());
        slots.saturating_add(self.size)
    }

    /// Nothing is left in it, and that is certain.
    fn empty(&mut self) {
        self.entries.clear();
        self.size = 0;
        self.exact = true;
    }

    /// Makes room for an entry of this size.
    fn evict(&mut self, coming: usize) {
        let by_encoder = self.max.unwrap_or(usize::MAX);
        while self.size.saturating_add(coming) > by_encoder.min(MAX_SIZE)
            && let Some(oldest) = self.entries.pop_back()
        {
            // The encoder evicts from the old end, so behind an entry it has evicted there is nothing.
            self.exact = self.size.saturating_add(coming) > by_encoder;
            self.size = self.size.saturating_sub(oldest.size());
        }
    }
}

/// The static table (Appendix A).
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'a>(name: &'a str, value: &'a str) -> Slot<'a> {
        Slot::Known(Some(name.as_bytes()), Some(value.as_bytes()))
    }

    #[test]
    fn indices_count_from_the_newest() {
        let mut table = Table::unknown();
        assert_eq!(table.get(62), Slot::Unknown);
        table.insert(Some(b"a"), Some(b"1"));
        table.insert(None, Some(b"2"));
        assert_eq!(table.get(62), Slot::Known(None, Some(b"2")));
        assert_eq!(table.get(63), known("a", "1"));
        assert_eq!(table.get(64), Slot::Unknown);
        assert_eq!(table.get(61), known("www-authenticate", ""));
        assert_eq!(table.get(0), Slot::Invalid);
    }

    #[test]
    fn a_table_becomes_known_by_what_is_evicted() {
        let mut table = Table::unknown();
        table.insert(Some(b"a"), Some(b"1"));
        table.resize(80);
        assert_eq!(table.get(63), Slot::Unknown);
        table.insert(Some(b"b"), Some(b"2"));
        assert_eq!(table.get(64), Slot::Unknown);
        table.insert(Some(b"c"), Some(b"3"));
        assert_eq!(table.get(63), known("b", "2"));
        assert_eq!(table.get(64), Slot::Invalid);
    }

    #[test]
    fn an_entry_larger_than_the_table_empties_it() {
        let mut table = Table::at_start();
        table.insert(Some(b"a"), Some(b"1"));
        table.insert(Some(b"b"), Some(&[b'x'; 4_096]));
        assert_eq!(table.get(62), Slot::Invalid);
    }

    #[test]
    fn a_table_larger_than_what_is_kept_is_forgotten_at_its_old_end() {
        let mut table = Table::at_start();
        table.resize(1 << 20);
        for _ in 0..20 {
            table.insert(Some(b"name"), Some(&[b'v'; 8_000]));
        }
        assert!(table.memory() <= MAX_SIZE + 4_096);
        assert_eq!(table.get(62 + 10), Slot::Unknown);
        assert_eq!(
            table.get(62 + 7),
            Slot::Known(Some(b"name"), Some(&[b'v'; 8_000]))
        );
    }
}

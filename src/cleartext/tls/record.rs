//! The record layer (RFC 8446 section 5.1, RFC 5246 section 6.2.1): in-order bytes to whole records.

/// `change_cipher_spec`.
pub(super) const CHANGE: u8 = 20;
/// `handshake`.
pub(super) const HANDSHAKE: u8 = 22;
/// `application_data`.
pub(super) const APPLICATION: u8 = 23;

/// Bytes of a record header.
pub(super) const HEADER: usize = 5;
/// Longest record: 2^14 and what protection may add (RFC 5246 section 6.2.3).
const LONGEST: usize = 16_384 + 2_048;

/// Cuts a direction into records.
#[derive(Default)]
pub(super) struct Records {
    buf: Vec<u8>,
    /// Bytes still to come of a record that is not captured whole.
    drop: usize,
}

/// A record with its header.
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    pub(super) version: u16,
    pub(super) header: [u8; HEADER],
    pub(super) body: &'a [u8],
}

/// These bytes are no records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoRecord;

impl Records {
    /// Takes bytes and hands out the records they complete. `take` says whether to go on.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&Record<'_>) -> bool,
    ) -> Result<(), NoRecord> {
        let dropped = self.drop.min(bytes.len());
        self.drop = self.drop.saturating_sub(dropped);
        let bytes = bytes.get(dropped..).unwrap_or_default();
        // The usual case, whole records in a segment, is not copied.
        if self.buf.is_empty() {
            let used = each(bytes, &mut take)?;
            self.buf
                .extend_from_slice(bytes.get(used..).unwrap_or_default());
            return Ok(());
        }
        let mut buf = std::mem::take(&mut self.buf);
        buf.extend_from_slice(bytes);
        let used = each(&buf, &mut take)?;
        buf.drain(..used);
        self.buf = buf;
        Ok(())
    }

    /// A hole of `len` bytes. If it lies within a record whose header was seen, gives the length of its body and passes over
    /// the rest of it; else nothing is known of what comes next.
    pub(super) fn gap(&mut self, len: u64) -> Option<u64> {
        let [_, _, _, high, low] = *self.buf.first_chunk::<HEADER>()?;
        let body = usize::from(u16::from_be_bytes([high, low]));
        let left = body.checked_add(HEADER)?.checked_sub(self.buf.len())?;
        let len = usize::try_from(len).ok()?;
        self.drop = left.checked_sub(len)?;
        self.buf.clear();
        u64::try_from(body).ok()
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.buf.capacity()
    }
}

/// Whole records at the front; gives how many bytes they are.
fn each(bytes: &[u8], take: &mut impl FnMut(&Record<'_>) -> bool) -> Result<usize, NoRecord> {
    let mut used = 0_usize;
    loop {
        let rest = bytes.get(used..).unwrap_or_default();
        let Some(header) = rest.first_chunk::<HEADER>() else {
            return Ok(used);
        };
        let [kind, major, minor, high, low] = *header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !matches!(kind, 20..=24) || major != 3 || length > LONGEST {
            return Err(NoRecord);
        }
        let end = length.saturating_add(HEADER);
        let Some(body) = rest.get(HEADER..end) else {
            return Ok(used);
        };
        used = used.saturating_add(end);
        let record = Record {
            kind,
            version: u16::from_be_bytes([major, minor]),
            header: *header,
            body,
        };
        if !take(&record) {
            return Ok(bytes.len());
        }
    }
}

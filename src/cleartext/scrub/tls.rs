//! TLS as it goes over the wire: records and the clear part of the handshake keep their shape; names in hellos and
//! certificates are mapped, random values and keys become filler, and what is encrypted is filler behind its header.
//!
//! Read first: RFC 8446 sections 4.1.2, 4.1.3, 4.2 and 5.1, RFC 5246 section 7.4.2, RFC 6066 section 3, RFC 7301.

use super::address::Addresses;
use super::{FILLER, der};

/// Bytes of a record header.
const HEADER: usize = 5;
/// Most bytes of clear handshake that are gathered: certificate chains fit.
const LONGEST_CLEAR: usize = 128 << 10;
/// Extensions of more bytes than this become filler even where they only hold numbers.
const LONGEST_NUMBERS: usize = 256;
/// Protocol names that are no secret (RFC 7301 section 6); others are mapped.
const PROTOCOLS: [&[u8]; 8] = [
    b"h2",
    b"h3",
    b"http/1.1",
    b"http/1.0",
    b"http/0.9",
    b"spdy/3",
    b"spdy/3.1",
    b"acme-tls/1",
];
/// The random value that makes a ServerHello a request to try again (RFC 8446 section 4.1.3).
const RETRY: [u8; 4] = [0xcf, 0x21, 0xad, 0x74];

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Stream {
    state: State,
    /// Clear handshake that was not given out yet, or the beginning of a record header.
    pending: Vec<u8>,
    /// Position in the stream of what comes next.
    next: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// The handshake in clear.
    #[default]
    Clear,
    /// Behind it; so many bytes of a record are still to come.
    Protected(usize),
    /// Nobody knows where the next record begins.
    Lost,
}

impl Stream {
    /// Takes bytes of the direction; what may stand in the copy goes to `put`.
    pub(super) fn take(
        &mut self,
        offset: u64,
        bytes: &[u8],
        addresses: &mut Addresses,
        put: &mut dyn FnMut(u64, &[u8]),
    ) {
        if let Some(next) = self.next.filter(|next| *next != offset) {
            self.hole(offset.saturating_sub(next), addresses, put);
        }
        self.next = Some(offset.saturating_add(wide(bytes.len())));
        if self.state == State::Clear {
            self.pending.extend_from_slice(bytes);
            if let Some(end) = clear_end(&self.pending) {
                self.settle(end, addresses, put);
            }
        } else {
            self.protected(offset, bytes, put);
        }
    }

    /// The capture is over.
    pub(super) fn finish(mut self, addresses: &mut Addresses, put: &mut dyn FnMut(u64, &[u8])) {
        if self.state == State::Clear {
            let end = records(&self.pending).last().map_or(0, |one| one.end);
            self.settle(end, addresses, put);
        }
    }

    fn hole(&mut self, len: u64, addresses: &mut Addresses, put: &mut dyn FnMut(u64, &[u8])) {
        if self.state == State::Clear {
            let end = records(&self.pending).last().map_or(0, |one| one.end);
            self.settle(end, addresses, put);
            self.state = State::Lost;
        }
        self.state = match (self.state, usize::try_from(len)) {
            (State::Protected(left), Ok(len)) if len <= left && len > 0 => {
                State::Protected(left.saturating_sub(len))
            }
            _ => State::Lost,
        };
        self.pending.clear();
    }

    /// Gives out the clear handshake, `end` bytes of what is pending, and goes on behind it.
    fn settle(&mut self, end: usize, addresses: &mut Addresses, put: &mut dyn FnMut(u64, &[u8])) {
        let mut pending = std::mem::take(&mut self.pending);
        let start = self.next.unwrap_or(0).saturating_sub(wide(pending.len()));
        let rest = pending.split_off(end.min(pending.len()));
        handshake(&mut pending, addresses);
        put(start, &pending);
        self.state = State::Protected(0);
        self.protected(start.saturating_add(wide(pending.len())), &rest, put);
    }

    /// Gives out headers of records; their bodies are left to be filler.
    fn protected(&mut self, offset: u64, bytes: &[u8], put: &mut dyn FnMut(u64, &[u8])) {
        let (mut at, mut rest) = (offset, bytes);
        while let State::Protected(left) = self.state {
            let skip = left.min(rest.len());
            at = at.saturating_add(wide(skip));
            rest = rest.get(skip..).unwrap_or_default();
            self.state = State::Protected(left.saturating_sub(skip));
            if rest.is_empty() {
                return;
            }
            let missing = HEADER.saturating_sub(self.pending.len()).min(rest.len());
            let (part, behind) = rest.split_at(missing);
            self.pending.extend_from_slice(part);
            at = at.saturating_add(wide(missing));
            rest = behind;
            if let Some(header) = self.pending.first_chunk::<HEADER>() {
                match body_of(*header) {
                    Some(len) => {
                        put(at.saturating_sub(wide(HEADER)), header);
                        self.state = State::Protected(len);
                    }
                    None => self.state = State::Lost,
                }
                self.pending.clear();
            }
        }
    }
}

/// A whole record.
struct Record {
    kind: u8,
    start: usize,
    body: usize,
    end: usize,
}

/// The length of the body that a record header announces; none if it is no record header.
fn body_of(header: [u8; HEADER]) -> Option<usize> {
    let [kind, major, minor, high, low] = header;
    let len = usize::from(u16::from_be_bytes([high, low]));
    (matches!(kind, 20..=24) && major == 3 && minor <= 4 && len <= 16_384 + 2_048).then_some(len)
}

/// The whole records at the front.
fn records(bytes: &[u8]) -> impl Iterator<Item = Record> {
    let mut start = 0_usize;
    std::iter::from_fn(move || {
        let header = *bytes.get(start..)?.first_chunk::<HEADER>()?;
        let body = start.checked_add(HEADER)?;
        let end = body.checked_add(body_of(header)?)?;
        bytes.get(body..end)?;
        let [kind, ..] = header;
        let record = Record {
            kind,
            start,
            body,
            end,
        };
        start = end;
        Some(record)
    })
}

/// Where the clear handshake ends, once that can be told: before the first record that is none, or behind the word that
/// keys are in use now.
fn clear_end(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for record in records(bytes) {
        match record.kind {
            22 => end = record.end,
            20 => return Some(record.end),
            _ => return Some(record.start),
        }
    }
    let next = bytes.get(end..).and_then(<[u8]>::first_chunk::<HEADER>);
    let strange = next.is_some_and(|header| {
        let [kind, ..] = *header;
        body_of(*header).is_none() || matches!(kind, 21 | 23 | 24)
    });
    (strange || bytes.len() > LONGEST_CLEAR).then_some(end)
}

/// Rewrites whole records of a clear handshake in place. Messages may lie across records.
fn handshake(bytes: &mut [u8], addresses: &mut Addresses) {
    let bodies: Vec<_> = records(bytes)
        .filter(|record| record.kind == 22)
        .map(|record| record.body..record.end)
        .collect();
    let mut messages = Vec::new();
    for body in &bodies {
        messages.extend_from_slice(bytes.get(body.clone()).unwrap_or_default());
    }
    let done = each_message(&mut messages, addresses);
    if let Some(rest) = messages.get_mut(done..) {
        rest.fill(FILLER);
    }
    let mut from = messages.as_slice();
    for body in bodies {
        let Some(place) = bytes.get_mut(body) else {
            return;
        };
        let (part, rest) = from.split_at(place.len().min(from.len()));
        place.copy_from_slice(part);
        from = rest;
    }
}

/// Gives how far the messages were whole.
fn each_message(bytes: &mut [u8], addresses: &mut Addresses) -> usize {
    let mut at = 0_usize;
    while let Some([kind, high, mid, low]) =
        bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).copied()
    {
        let len = usize::try_from(u32::from_be_bytes([0, high, mid, low])).unwrap_or(usize::MAX);
        let start = at.saturating_add(4);
        let end = start.saturating_add(len);
        let Some(body) = bytes.get_mut(start..end) else {
            break;
        };
        let done = match kind {
            1 => hello(body, true, addresses),
            2 => hello(body, false, addresses),
            11 => certificates(body, addresses),
            _ => 0,
        };
        if let Some(rest) = body.get_mut(done..) {
            rest.fill(FILLER);
        }
        at = end;
    }
    at
}

/// A place in a message. What was passed stays.
struct Cursor<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The next `len` bytes, and passes them.
    fn pass(&mut self, len: usize) -> Option<&mut [u8]> {
        let end = self.at.checked_add(len)?;
        let part = self.bytes.get_mut(self.at..end)?;
        self.at = end;
        Some(part)
    }

    fn blot(&mut self, len: usize) -> Option<()> {
        self.pass(len)?.fill(FILLER);
        Some(())
    }

    /// A number of `len` bytes.
    fn number(&mut self, len: usize) -> Option<usize> {
        let bytes = self.pass(len)?;
        let number = bytes.iter().fold(0_usize, |sum, byte| {
            sum.wrapping_shl(8) | usize::from(*byte)
        });
        Some(number)
    }
}

/// Rewrites a hello; gives how much of it was understood.
fn hello(body: &mut [u8], from_client: bool, addresses: &mut Addresses) -> usize {
    let mut cursor = Cursor { bytes: body, at: 0 };
    hello_fields(&mut cursor, from_client, addresses);
    cursor.at
}

fn hello_fields(
    cursor: &mut Cursor<'_>,
    from_client: bool,
    addresses: &mut Addresses,
) -> Option<()> {
    cursor.pass(2)?;
    let random = cursor.pass(32)?;
    if !random.starts_with(&RETRY) {
        random.fill(FILLER);
    }
    let session = cursor.number(1)?;
    cursor.blot(session)?;
    if from_client {
        let suites = cursor.number(2)?;
        cursor.pass(suites)?;
        let compressions = cursor.number(1)?;
        cursor.pass(compressions)?;
    } else {
        cursor.pass(3)?;
    }
    cursor.number(2)?;
    while cursor.at < cursor.bytes.len() {
        let kind = cursor.number(2)?;
        let len = cursor.number(2)?;
        let data = cursor.pass(len)?;
        let done = extension(kind, data, from_client, addresses);
        if let Some(rest) = data.get_mut(done..) {
            rest.fill(FILLER);
        }
    }
    Some(())
}

/// Gives how much of an extension may stay as it is now.
fn extension(kind: usize, data: &mut [u8], from_client: bool, addresses: &mut Addresses) -> usize {
    let len = data.len();
    let mut cursor = Cursor { bytes: data, at: 0 };
    match kind {
        0 => names(&mut cursor, addresses),
        16 => protocols(&mut cursor, addresses),
        51 => shares(&mut cursor, from_client),
        // Nothing but numbers that are registered somewhere: groups, formats, algorithms, versions, limits.
        1 | 10 | 11 | 13 | 22 | 23 | 27 | 28 | 43 | 45 | 49 | 50 if len <= LONGEST_NUMBERS => {
            return len;
        }
        // Status of certificates: OCSP, without more.
        5 if *cursor.bytes == [1, 0, 0, 0, 0] => return len,
        // Renegotiation, for the first time.
        65_281 if *cursor.bytes == [0] => return len,
        // Padding.
        21 => {
            cursor.bytes.fill(0);
            return len;
        }
        _ => None,
    };
    cursor.at
}

/// RFC 6066 section 3.
fn names(cursor: &mut Cursor<'_>, addresses: &mut Addresses) -> Option<()> {
    cursor.number(2)?;
    while cursor.at < cursor.bytes.len() {
        cursor.number(1)?;
        let len = cursor.number(2)?;
        addresses.host(cursor.pass(len)?);
    }
    Some(())
}

/// RFC 7301 section 3.1.
fn protocols(cursor: &mut Cursor<'_>, addresses: &mut Addresses) -> Option<()> {
    cursor.number(2)?;
    while cursor.at < cursor.bytes.len() {
        let len = cursor.number(1)?;
        let name = cursor.pass(len)?;
        if !PROTOCOLS.contains(&&*name) {
            addresses.label(name);
        }
    }
    Some(())
}

/// RFC 8446 section 4.2.8: groups stay, keys do not.
fn shares(cursor: &mut Cursor<'_>, from_client: bool) -> Option<()> {
    if from_client {
        cursor.number(2)?;
    }
    while cursor.at < cursor.bytes.len() {
        cursor.number(2)?;
        // A request to try again names only a group.
        let len = cursor.number(2)?;
        cursor.blot(len)?;
    }
    Some(())
}

/// RFC 5246 section 7.4.2; gives how much of the message was understood.
fn certificates(body: &mut [u8], addresses: &mut Addresses) -> usize {
    let mut cursor = Cursor { bytes: body, at: 0 };
    let mut each = || {
        cursor.number(3)?;
        while cursor.at < cursor.bytes.len() {
            let len = cursor.number(3)?;
            der::rewrite(cursor.pass(len)?, addresses);
        }
        Some(())
    };
    each();
    cursor.at
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

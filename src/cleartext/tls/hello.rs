//! What ClientHello and ServerHello say in clear (RFC 8446 section 4.1, RFC 5246 section 7.4.1, RFC 6066 section 3, RFC 7301).

use smallvec::SmallVec;

/// Type of a ClientHello.
pub(super) const CLIENT_HELLO: u8 = 1;
/// Type of a ServerHello.
pub(super) const SERVER_HELLO: u8 = 2;
/// The random of a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
/// Numbers kept of a list at most.
const MOST: usize = 128;

/// A list of numbers of two bytes.
pub(super) type Numbers = SmallVec<[u16; 32]>;

/// What a client offers. Borrows nothing: names are copied out, bounded by the record.
#[derive(Default)]
pub(super) struct ClientHello {
    pub(super) random: [u8; 32],
    pub(super) version: u16,
    pub(super) suites: Numbers,
    pub(super) extensions: Numbers,
    pub(super) versions: Numbers,
    pub(super) signatures: Numbers,
    /// Server name, if one is given.
    pub(super) name: Vec<u8>,
    /// First protocol of ALPN.
    pub(super) protocol: Vec<u8>,
    /// Whether early data will be sent.
    pub(super) early: bool,
}

/// What a server chose.
#[derive(Clone, Copy)]
pub(super) struct ServerHello {
    pub(super) random: [u8; 32],
    pub(super) version: u16,
    pub(super) suite: u16,
    /// MAC over the ciphertext (RFC 7366).
    pub(super) encrypt_then_mac: bool,
    /// A HelloRetryRequest.
    pub(super) retry: bool,
    pub(super) compressed: bool,
}

/// Reads through a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?
            .first_chunk()
            .map(|pair| u16::from_be_bytes(*pair))
    }

    /// A vector with a length of one byte.
    fn short(&mut self) -> Option<&'a [u8]> {
        let n = self.u8()?;
        self.take(usize::from(n))
    }

    /// A vector with a length of two bytes.
    fn long(&mut self) -> Option<&'a [u8]> {
        let n = self.u16()?;
        self.take(usize::from(n))
    }
}

fn numbers(bytes: &[u8]) -> Numbers {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs
        .iter()
        .take(MOST)
        .map(|pair| u16::from_be_bytes(*pair))
        .collect()
}

/// Reads the body of a ClientHello.
pub(super) fn client(body: &[u8]) -> Option<ClientHello> {
    let mut reader = Reader(body);
    let mut hello = ClientHello {
        version: reader.u16()?,
        random: *reader.take(32)?.first_chunk()?,
        ..ClientHello::default()
    };
    reader.short()?;
    hello.suites = numbers(reader.long()?);
    reader.short()?;
    // A hello without extensions ends here.
    let Some(extensions) = reader.long() else {
        return Some(hello);
    };
    let mut reader = Reader(extensions);
    while let (Some(kind), Some(data)) = (reader.u16(), reader.long()) {
        if hello.extensions.len() < MOST {
            hello.extensions.push(kind);
        }
        client_extension(&mut hello, kind, data);
    }
    Some(hello)
}

fn client_extension(hello: &mut ClientHello, kind: u16, data: &[u8]) {
    let mut reader = Reader(data);
    match kind {
        // server_name: a list, of which only host_name (0) exists.
        0 => {
            if let Some(list) = reader.long()
                && let [0, _, _, name @ ..] = list
            {
                let length = list.get(1..).and_then(<[u8]>::first_chunk);
                let length = length.map_or(0, |pair| usize::from(u16::from_be_bytes(*pair)));
                hello.name = name.get(..length).unwrap_or(name).to_vec();
            }
        }
        // signature_algorithms
        13 => hello.signatures = reader.long().map(numbers).unwrap_or_default(),
        // application_layer_protocol_negotiation
        16 => {
            let first = reader.long().and_then(|list| Reader(list).short());
            hello.protocol = first.unwrap_or_default().to_vec();
        }
        // early_data
        42 => hello.early = true,
        // supported_versions
        43 => hello.versions = reader.short().map(numbers).unwrap_or_default(),
        _ => {}
    }
}

/// Reads the body of a ServerHello.
pub(super) fn server(body: &[u8]) -> Option<ServerHello> {
    let mut reader = Reader(body);
    let version = reader.u16()?;
    let random: [u8; 32] = *reader.take(32)?.first_chunk()?;
    reader.short()?;
    let suite = reader.u16()?;
    let compressed = reader.u8()? != 0;
    let mut hello = ServerHello {
        random,
        version,
        suite,
        encrypt_then_mac: false,
        retry: random == RETRY,
        compressed,
    };
    let mut reader = Reader(reader.long().unwrap_or_default());
    while let (Some(kind), Some(data)) = (reader.u16(), reader.long()) {
        match (kind, data) {
            (22, _) => hello.encrypt_then_mac = true,
            (43, [high, low]) => hello.version = u16::from_be_bytes([*high, *low]),
            _ => {}
        }
    }
    Some(hello)
}

/// Handshake messages put together from records (RFC 8446 section 5.1: they may be split and joined at will).
#[derive(Default)]
pub(super) struct Messages {
    buf: Vec<u8>,
}

/// Longest handshake message that is put together (bytes): certificate chains fit.
const LONGEST_MESSAGE: usize = 256 << 10;

impl Messages {
    /// Takes the content of a handshake record and hands out whole messages: type and body. False if it makes no sense.
    pub(super) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(u8, &[u8])) -> bool {
        self.buf.extend_from_slice(bytes);
        let mut used = 0_usize;
        while let Some([kind, high, mid, low]) = self
            .buf
            .get(used..)
            .and_then(<[u8]>::first_chunk::<4>)
            .copied()
        {
            let length =
                usize::try_from(u32::from_be_bytes([0, high, mid, low])).unwrap_or(usize::MAX);
            if length > LONGEST_MESSAGE {
                return false;
            }
            let start = used.saturating_add(4);
            let Some(body) = self.buf.get(start..start.saturating_add(length)) else {
                break;
            };
            take(kind, body);
            used = start.saturating_add(length);
        }
        self.buf.drain(..used.min(self.buf.len()));
        true
    }

    /// Heap bytes held.
    pub(super) fn memory(&self) -> usize {
        self.buf.capacity()
    }
}

//! One content coding at a time: gzip (RFC 1952), zlib and raw deflate (RFC 1950, 1951), Brotli (RFC 7932), Zstandard (RFC 8878).

use std::io::Read;

use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
    /// The block format.
    Snappy,
}

impl Coding {
    /// By its registered name, in any letter case.
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        [
            (&b"gzip"[..], Self::Gzip),
            (b"x-gzip", Self::Gzip),
            (b"deflate", Self::Deflate),
            (b"br", Self::Brotli),
            (b"zstd", Self::Zstd),
            (b"snappy", Self::Snappy),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, coding)| coding)
    }

    /// By the first bytes: gzip and Zstandard cannot be taken for anything else.
    pub(super) const fn by_magic(input: &[u8]) -> Option<Self> {
        match input {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What coded bytes are that are not what they were said to be. The header of zlib is a weak sign: only good enough here.
    pub(super) fn instead_of(self, input: &[u8]) -> Option<Self> {
        Self::by_magic(input)
            .or_else(|| is_zlib(input).then_some(Self::Deflate))
            .filter(|found| *found != self)
    }
}

/// Whether this begins like the zlib format (RFC 1950 section 2.2).
fn is_zlib(input: &[u8]) -> bool {
    matches!(input, [cmf, flags, ..] if cmf & 0x0f == 8
        && u16::from_be_bytes([*cmf, *flags]) % 31 == 0)
}

/// Why a decoder stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// The stream has ended.
    End,
    /// The input ended before the stream did.
    Short,
    /// The output reached its limit.
    Limit,
    /// This is no such stream, from here on.
    Broken,
}

/// Largest window a Zstandard frame may ask for: what RFC 9659 allows on the web.
const ZSTD_WINDOW: u64 = 8 << 20;
/// Output is grown in steps of this size.
const STEP: usize = 16 << 10;
/// Input buffer of the Brotli decoder.
const BROTLI_BUFFER: usize = 4 << 10;

/// Decoder state that is used again.
#[derive(Default)]
pub(super) struct Decoders {
    inflate: Option<Decompress>,
    zstd: Option<Box<FrameDecoder>>,
}

impl Decoders {
    /// Undoes `coding`, appending at most `limit` bytes to `out`, which must be empty.
    pub(super) fn undo(
        &mut self,
        coding: Coding,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Stop {
        match coding {
            Coding::Gzip => self.gzip(input, out, limit),
            Coding::Deflate => self.deflate(input, out, limit),
            Coding::Brotli => {
                let mut reader = brotli_decompressor::Decompressor::new(input, BROTLI_BUFFER);
                pour(&mut reader, out, limit)
            }
            Coding::Zstd => self.zstd(input, out, limit),
            Coding::Snappy => super::snappy::undo(input, out, limit),
        }
    }

    /// All members of a gzip file (RFC 1952 section 2.2). Their checksums are not looked at: a body that was cut has none.
    fn gzip(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Stop {
        let mut rest = input;
        loop {
            let Some(header) = gzip_header_len(rest) else {
                // Junk behind the last member is padding.
                return if out.is_empty() {
                    Stop::Broken
                } else {
                    Stop::End
                };
            };
            let Some(data) = rest.get(header..) else {
                return Stop::Short;
            };
            let (stop, used) = self.inflate(false, data, out, limit);
            if stop != Stop::End {
                return stop;
            }
            // Checksum and length.
            match data.get(used.saturating_add(8)..) {
                Some(next) if !next.is_empty() => rest = next,
                _ => return Stop::End,
            }
        }
    }

    /// `deflate` means the zlib format, but some servers send the bare one.
    fn deflate(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Stop {
        if is_zlib(input) {
            let (stop, _) = self.inflate(true, input, out, limit);
            if stop != Stop::Broken || !out.is_empty() {
                return stop;
            }
        }
        // The bare format has no signature: some text is a short stream with a long tail.
        match self.inflate(false, input, out, limit) {
            (Stop::End, used) if used < input.len() => Stop::Broken,
            (stop, _) => stop,
        }
    }

    /// Inflates one stream; also says how much of the input it took.
    fn inflate(
        &mut self,
        zlib: bool,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> (Stop, usize) {
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(zlib));
        inflate.reset(zlib);
        loop {
            let used = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
            if out.len() >= limit {
                return (Stop::Limit, used);
            }
            out.reserve(STEP.min(limit.saturating_sub(out.len())));
            let before = out.len();
            let rest = input.get(used..).unwrap_or_default();
            let status = inflate.decompress_vec(rest, out, FlushDecompress::None);
            out.truncate(limit);
            let now_used = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
            match status {
                Err(_) => return (Stop::Broken, now_used),
                Ok(Status::StreamEnd) => return (Stop::End, now_used),
                Ok(Status::Ok | Status::BufError) => {
                    if out.len() == before && now_used == used {
                        return (Stop::Short, now_used);
                    }
                }
            }
        }
    }

    /// All frames (RFC 8878 section 3.1).
    fn zstd(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Stop {
        let decoder = self.zstd.get_or_insert_with(|| {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(ZSTD_WINDOW);
            Box::new(decoder)
        });
        let mut rest = input;
        loop {
            let mut stream = match StreamingDecoder::new_with_decoder(rest, &mut **decoder) {
                Ok(stream) => stream,
                Err(_) if rest.len() < 18 && !out.is_empty() => return Stop::Short,
                Err(_) => return Stop::Broken,
            };
            let stop = pour(&mut stream, out, limit);
            rest = stream.into_inner();
            // The decoder calls a frame that was cut broken.
            match (stop, rest.is_empty()) {
                (Stop::End, false) => {}
                (Stop::Broken, true) => return Stop::Short,
                (Stop::End | Stop::Broken | Stop::Short | Stop::Limit, _) => return stop,
            }
        }
    }
}

/// Reads until the stream ends, fails or has given `limit` bytes.
fn pour(reader: &mut impl Read, out: &mut Vec<u8>, limit: usize) -> Stop {
    let mut step = [0_u8; STEP];
    loop {
        let room = limit.saturating_sub(out.len());
        let Some(window) = step
            .get_mut(..STEP.min(room))
            .filter(|window| !window.is_empty())
        else {
            return Stop::Limit;
        };
        match reader.read(window) {
            Ok(0) => return Stop::End,
            Ok(count) => out.extend_from_slice(window.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Stop::Short,
            Err(_) => return Stop::Broken,
        }
    }
}

/// The length of a gzip member header (RFC 1952 section 2.3); more than there is if the input ends within it; none if
/// this is none.
fn gzip_header_len(input: &[u8]) -> Option<usize> {
    let [0x1f, 0x8b, 8, flags, ..] = input else {
        return None;
    };
    let mut len = 10_usize;
    if flags & 4 != 0 {
        let extra = match input.get(len..len.saturating_add(2)) {
            Some([low, high]) => usize::from(u16::from_le_bytes([*low, *high])),
            _ => return Some(usize::MAX),
        };
        len = len.saturating_add(2).saturating_add(extra);
    }
    for text in [8, 16] {
        if flags & text != 0 {
            let Some(end) = input.get(len..).and_then(|rest| memchr::memchr(0, rest)) else {
                return Some(usize::MAX);
            };
            len = len.saturating_add(end).saturating_add(1);
        }
    }
    if flags & 2 != 0 {
        len = len.saturating_add(2);
    }
    Some(len)
}

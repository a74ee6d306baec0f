//! Bytes of a capture file: opened, counted for the progress bar, unpacked if gzip (RFC 1952) or Zstandard (RFC 8878).
//!
//! Owns no format beyond the first header, which it reads whole, since `pcap-parser` judges a file by its first `read`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::OpenFault;

/// Compressed bytes read at a time.
const COMPRESSED_BLOCK: usize = 128 * 1024;
/// Longest section header of a pcapng file that is accepted. Real ones have some hundred bytes.
const MAX_HEADER: usize = 64 * 1024;

/// An opened capture, positioned at its first byte.
pub(super) struct Input {
    /// Its bytes, unpacked. The first `read` gives exactly the file header.
    pub(super) reader: Box<dyn Read + Send>,
    /// Whether they were packed.
    pub(super) compressed: bool,
}

/// Opens a file, or standard input for `-`. `read` counts the bytes as they are on disk.
pub(super) fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Input, OpenFault> {
    let raw: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|e| fault(&e))?)
    };
    unpack(Counted {
        inner: raw,
        read: Arc::clone(read),
    })
}

/// A capture from anything that can be read.
pub(super) fn from_reader(reader: Box<dyn Read + Send>) -> Result<Input, OpenFault> {
    unpack(Counted {
        inner: reader,
        read: Arc::default(),
    })
}

/// Looks at the magic number, unpacks if need be, and reads the header.
fn unpack(mut raw: Counted) -> Result<Input, OpenFault> {
    let magic = read_up_to(&mut raw, 4).map_err(|e| fault(&e))?;
    let packed = |magic: Vec<u8>, raw| {
        BufReader::with_capacity(COMPRESSED_BLOCK, Cursor::new(magic).chain(raw))
    };
    match magic.as_slice() {
        [] => Err(OpenFault::Empty),
        [0x1f, 0x8b, ..] => with_header(
            Box::new(MultiGzDecoder::new(packed(magic, raw))),
            Vec::new(),
            true,
        ),
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => with_header(
            Box::new(ZstdFrames::new(packed(magic, raw))),
            Vec::new(),
            true,
        ),
        _ => with_header(Box::new(raw), magic, false),
    }
}

/// Reads the rest of the file header behind `head` and puts it in front again.
fn with_header(
    mut inner: Box<dyn Read + Send>,
    mut head: Vec<u8>,
    compressed: bool,
) -> Result<Input, OpenFault> {
    let unreadable = |e: &io::Error| {
        if compressed {
            OpenFault::BadCompression
        } else {
            fault(e)
        }
    };
    let mut fill = |head: &mut Vec<u8>, len: usize| -> Result<(), OpenFault> {
        let more =
            read_up_to(&mut inner, len.saturating_sub(head.len())).map_err(|e| unreadable(&e))?;
        head.extend_from_slice(&more);
        Ok(())
    };
    fill(&mut head, 4)?;
    let Some(kind) = HeaderKind::of(&head) else {
        return Err(match head.len() {
            0 => OpenFault::Empty,
            _ => OpenFault::NotCapture,
        });
    };
    let mut len = match kind {
        HeaderKind::Pcap => 24,
        HeaderKind::PcapNg => 12,
    };
    fill(&mut head, len)?;
    if head.len() == len && matches!(kind, HeaderKind::PcapNg) {
        len = section_length(&head).ok_or(OpenFault::NotCapture)?;
        fill(&mut head, len)?;
    }
    if head.len() < len {
        return Err(OpenFault::HeaderCut);
    }
    Ok(Input {
        reader: Box::new(HeaderFirst { head, inner }),
        compressed,
    })
}

enum HeaderKind {
    Pcap,
    PcapNg,
}

impl HeaderKind {
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            [0xd4, 0xc3, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0xc3, 0xd4]
            | [0x4d, 0x3c, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0x3c, 0x4d]
            | [0x34, 0xcd, 0xb2, 0xa1] => Some(Self::Pcap),
            [0x0a, 0x0d, 0x0d, 0x0a] => Some(Self::PcapNg),
            _ => None,
        }
    }
}

/// Total length of a section header block, by its byte-order magic (draft-ietf-opsawg-pcapng section 4.1).
pub(super) fn section_length(head: &[u8]) -> Option<usize> {
    let length: [u8; 4] = head.get(4..8)?.try_into().ok()?;
    let length = match head.get(8..12)? {
        [0x4d, 0x3c, 0x2b, 0x1a] => u32::from_le_bytes(length),
        [0x1a, 0x2b, 0x3c, 0x4d] => u32::from_be_bytes(length),
        _ => return None,
    };
    let length = usize::try_from(length).ok()?;
    (28..=MAX_HEADER).contains(&length).then_some(length)
}

/// What an I/O error at open means to the user.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "all other kinds are told as they are"
)]
pub(super) fn fault(error: &io::Error) -> OpenFault {
    match error.kind() {
        io::ErrorKind::NotFound => OpenFault::NotFound,
        io::ErrorKind::PermissionDenied => OpenFault::NoPermission,
        kind => OpenFault::Unreadable(kind),
    }
}

/// Reads `len` bytes, fewer only at the end of the input.
fn read_up_to(reader: &mut impl Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    reader.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Counts what is read from the file itself.
struct Counted {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        let count = u64::try_from(n).unwrap_or(0);
        self.read.fetch_add(count, Ordering::Relaxed);
        Ok(n)
    }
}

/// Gives the header in the first `read`, then the rest.
struct HeaderFirst {
    head: Vec<u8>,
    inner: Box<dyn Read + Send>,
}

impl Read for HeaderFirst {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.inner.read(buf);
        }
        let n = self.head.as_slice().read(buf)?;
        self.head.drain(..n.min(self.head.len()));
        Ok(n)
    }
}

/// Zstandard frames one after the other, skippable frames left out. Memory is bounded by `ruzstd`'s window limit (128 MiB).
struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            in_frame: false,
        }
    }

    /// Starts the next frame; false at the end of the input.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skip = u64::from(length);
                    let skipped = io::copy(&mut (&mut self.source).take(skip), &mut io::sink())?;
                    if skipped < skip {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() < buf.len() && !self.decoder.is_finished() {
                let wanted = buf.len().saturating_sub(self.decoder.can_collect());
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBytes(wanted))
                    .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            }
            let n = Read::read(&mut self.decoder, buf)?;
            if self.decoder.is_finished() && self.decoder.can_collect() == 0 {
                self.in_frame = false;
            }
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
        }
    }
}

//! Undoes content codings (RFC 9110 section 8.4) on the workers: gzip, deflate, br, zstd, in up to four layers.
//!
//! Every layer is capped in size and in ratio, so that a bomb costs at most the cap. What peers get wrong is read as they
//! mean it: `deflate` without its zlib wrapper, a coding that was declared but not applied. A stream that ends early gives
//! what it has. What cannot be undone is said to be so; the masker then masks it whole.

mod coding;

use crate::tally::{Tally, TallySheet};
use coding::{Coding, Decoders, Stop};

/// What bounds decoding, for one body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeLimits {
    /// Most bytes that come out of a layer.
    pub max_decoded: usize,
    /// Most bytes that come out of a layer per byte that went in, above the first 64 KiB.
    pub max_ratio: usize,
    /// Most layers of coding.
    pub max_layers: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            max_decoded: 1 << 20,
            max_ratio: 200,
            max_layers: 4,
        }
    }
}

/// Output up to this size is allowed whatever went in: short bodies of JSON may be repetitive beyond any sane ratio.
const RATIO_FREE: usize = 64 << 10;

impl DecodeLimits {
    fn output(&self, input: usize) -> usize {
        let by_ratio = input.saturating_mul(self.max_ratio).max(RATIO_FREE);
        self.max_decoded.min(by_ratio)
    }
}

/// How decoding went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext) enum Outcome {
    /// No coding was declared: these are the bytes as they came.
    Identity,
    /// All layers were undone.
    Decoded,
    /// The coded stream ended early: this is the front part.
    Short,
    /// A size or ratio cap was reached: this is the front part.
    Capped,
    /// A coding was declared but not applied: these are the bytes as they came, and they are text.
    Mislabelled,
    /// Unknown or broken coding: there are no bytes.
    Undecodable,
}

/// A body with its content codings undone.
#[derive(Clone, Copy)]
pub(in crate::cleartext) struct Decoded<'a> {
    /// The bytes: of the body itself where there was nothing to undo, else of the scratch space.
    pub(in crate::cleartext) bytes: &'a [u8],
    /// How it went.
    pub(in crate::cleartext) outcome: Outcome,
}

/// Decoders and buffers that are used again for every body. Allocates nothing until a coded body comes.
#[derive(Default)]
pub(in crate::cleartext) struct Scratch {
    decoders: Decoders,
    out: Vec<u8>,
    spare: Vec<u8>,
}

impl Scratch {
    /// Heap bytes held by the buffers.
    pub(in crate::cleartext) fn memory(&self) -> usize {
        self.out.capacity().saturating_add(self.spare.capacity())
    }
}

/// Undoes the content codings that the values of the `Content-Encoding` fields declare, in order.
pub(in crate::cleartext) fn decode<'a, 'b>(
    codings: impl Iterator<Item = &'b [u8]>,
    body: &'a [u8],
    limits: &DecodeLimits,
    tally: &TallySheet,
    scratch: &'a mut Scratch,
) -> Decoded<'a> {
    let Some((layers, count)) = layers(codings, limits) else {
        return if is_text(body) {
            mislabelled(body)
        } else {
            undecodable(tally)
        };
    };
    if count == 0 || body.is_empty() {
        return Decoded {
            bytes: body,
            outcome: Outcome::Identity,
        };
    }
    let mut outcome = Outcome::Decoded;
    // The last coding listed was applied last.
    for (undone, coding) in layers.iter().take(count).rev().enumerate() {
        let Scratch {
            decoders,
            out,
            spare,
        } = &mut *scratch;
        std::mem::swap(out, spare);
        let input = if undone == 0 { body } else { spare.as_slice() };
        out.clear();
        let stop = decoders.undo(*coding, input, out, limits.output(input.len()));
        match stop {
            Stop::End => {}
            Stop::Limit => outcome = worse(outcome, Outcome::Capped),
            Stop::Short | Stop::Broken => {
                let input = if undone == 0 { body } else { &scratch.spare };
                // Coded bytes are no text: what is was never coded, even where a decoder made something of its front.
                if is_text(input) {
                    let bytes = if undone == 0 { body } else { &scratch.spare };
                    return mislabelled(bytes);
                }
                if stop == Stop::Broken && scratch.out.is_empty() {
                    return undecodable(tally);
                }
                outcome = worse(outcome, Outcome::Short);
            }
        }
    }
    if outcome == Outcome::Capped {
        tally.one(Tally::LimitDecoded);
    }
    Decoded {
        bytes: &scratch.out,
        outcome,
    }
}

/// Fuzz entry: any bytes under any codings.
pub(in crate::cleartext) fn fuzz_decode(data: &[u8]) {
    let (codings, body) = data.split_at_checked(1).unwrap_or((&[0], data));
    let names: [&[u8]; 4] = [b"gzip", b"deflate", b"br", b"zstd"];
    let pick = codings.first().copied().unwrap_or(0);
    let layers = [pick & 3, (pick >> 2) & 3]
        .map(|at| names.get(usize::from(at)).copied().unwrap_or_default());
    let count = usize::from(pick >> 4 & 1).saturating_add(1);
    let limits = DecodeLimits {
        max_decoded: 1 << 16,
        ..DecodeLimits::default()
    };
    let mut scratch = Scratch::default();
    let decoded = decode(
        layers.into_iter().take(count),
        body,
        &limits,
        &TallySheet::default(),
        &mut scratch,
    );
    debug_assert!(decoded.bytes.len() <= limits.max_decoded.max(body.len()));
}

const MAX_LAYERS: usize = 8;

/// The codings in the order they were applied, without `identity`; none if one is unknown or there are too many.
fn layers<'b>(
    codings: impl Iterator<Item = &'b [u8]>,
    limits: &DecodeLimits,
) -> Option<([Coding; MAX_LAYERS], usize)> {
    let mut layers = [Coding::Gzip; MAX_LAYERS];
    let mut count = 0_usize;
    for value in codings {
        for name in value.split(|byte| *byte == b',') {
            let name = name.trim_ascii();
            if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            if count >= limits.max_layers {
                return None;
            }
            *layers.get_mut(count)? = Coding::from_name(name)?;
            count = count.saturating_add(1);
        }
    }
    Some((layers, count))
}

/// What was declared to be coded and is not.
const fn mislabelled(bytes: &[u8]) -> Decoded<'_> {
    Decoded {
        bytes,
        outcome: Outcome::Mislabelled,
    }
}

fn undecodable<'a>(tally: &TallySheet) -> Decoded<'a> {
    tally.one(Tally::BodyUndecodable);
    Decoded {
        bytes: &[],
        outcome: Outcome::Undecodable,
    }
}

/// The first thing that went wrong is what is told.
fn worse(so_far: Outcome, now: Outcome) -> Outcome {
    if so_far == Outcome::Decoded {
        now
    } else {
        so_far
    }
}

/// UTF-8 without control characters but white space. A body cut within a character is still text.
fn is_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid
        && !bytes
            .iter()
            .any(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    const JSON: &[u8] = br#"{"name":"Wikipedia","tags":["a","a","a","a","a","a"]}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    /// `printf hello | brotli`.
    const BROTLI_HELLO: &[u8] = &[0x0f, 0x02, 0x80, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x03];

    fn undo(codings: &[&str], body: &[u8]) -> (Vec<u8>, Outcome) {
        let mut scratch = Scratch::default();
        // Twice, so that nothing of the first body is left in the decoders.
        let mut results = [(); 2].map(|()| {
            let decoded = decode(
                codings.iter().map(|c| c.as_bytes()),
                body,
                &DecodeLimits::default(),
                &TallySheet::default(),
                &mut scratch,
            );
            (decoded.bytes.to_vec(), decoded.outcome)
        });
        assert_eq!(results[0], results[1]);
        std::mem::take(&mut results[0])
    }

    impl Default for Outcome {
        fn default() -> Self {
            Self::Identity
        }
    }

    #[test]
    fn undoes_every_coding() {
        for (coding, body) in [
            ("gzip", gzip(JSON)),
            ("x-gzip", gzip(JSON)),
            ("GZIP", gzip(JSON)),
            ("deflate", zlib(JSON)),
            ("deflate", raw_deflate(JSON)),
            ("zstd", zstd(JSON)),
            ("identity, gzip", gzip(JSON)),
            ("gzip, deflate", zlib(&gzip(JSON))),
            ("deflate, zstd, gzip", gzip(&zstd(&raw_deflate(JSON)))),
        ] {
            assert_eq!(
                undo(&[coding], &body),
                (JSON.to_vec(), Outcome::Decoded),
                "{coding}"
            );
        }
        assert_eq!(
            undo(&["br"], BROTLI_HELLO),
            (b"hello".to_vec(), Outcome::Decoded)
        );
        assert_eq!(undo(&["gzip", "deflate"], &zlib(&gzip(JSON))).0, JSON);
        assert_eq!(
            undo(&["gzip"], &[gzip(b"ab"), gzip(b"cd")].concat()).0,
            b"abcd"
        );
        assert_eq!(
            undo(&["zstd"], &[zstd(b"ab"), zstd(b"cd")].concat()).0,
            b"abcd"
        );
    }

    #[test]
    fn without_coding_the_body_itself_is_given() {
        let mut scratch = Scratch::default();
        let tally = TallySheet::default();
        let decoded = decode(
            std::iter::empty(),
            JSON,
            &DecodeLimits::default(),
            &tally,
            &mut scratch,
        );
        assert!(std::ptr::eq(decoded.bytes, JSON));
        assert_eq!((decoded.outcome, scratch.memory()), (Outcome::Identity, 0));
    }

    #[test]
    fn a_coding_that_was_not_applied() {
        for coding in [
            "gzip",
            "deflate",
            "br",
            "zstd",
            "gzip, br",
            "lzma",
            "gzip, gzip, gzip, gzip, gzip",
        ] {
            assert_eq!(
                undo(&[coding], JSON),
                (JSON.to_vec(), Outcome::Mislabelled),
                "{coding}"
            );
        }
        // One of two layers was left out.
        assert_eq!(
            undo(&["gzip, deflate"], &zlib(JSON)),
            (JSON.to_vec(), Outcome::Mislabelled)
        );
    }

    #[test]
    fn what_cannot_be_undone_gives_nothing() {
        let binary = [0x89, b'P', b'N', b'G', 0, 1, 2, 0xff, 0xfe];
        for coding in ["gzip", "zstd", "lzma", "gzip, zstd"] {
            assert_eq!(
                undo(&[coding], &binary),
                (Vec::new(), Outcome::Undecodable),
                "{coding}"
            );
        }
        assert_eq!(
            undo(&["zstd, gzip"], &gzip(&binary)).1,
            Outcome::Undecodable
        );
    }

    #[test]
    fn a_stream_that_ends_early_gives_its_front() {
        let long: Vec<u8> = (0..50_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        for (coding, body) in [
            ("gzip", gzip(&long)),
            ("deflate", zlib(&long)),
            ("zstd", zstd(&long)),
        ] {
            let (front, outcome) = undo(&[coding], &body[..body.len() / 2]);
            // The ratio cap is far away, and the size cap as well.
            assert_eq!(outcome, Outcome::Short, "{coding}");
            assert!(long.starts_with(&front), "{coding}");
            assert!(coding == "zstd" || !front.is_empty(), "{coding}");
        }
    }

    #[test]
    fn bombs_stop_at_the_cap() {
        let zeros = vec![b'0'; 20 << 20];
        for (coding, body) in [
            ("gzip", gzip(&zeros)),
            ("deflate", raw_deflate(&zeros)),
            ("zstd", zstd(&zeros)),
            ("gzip, gzip", gzip(&gzip(&zeros))),
        ] {
            let (front, outcome) = undo(&[coding], &body);
            assert_eq!(outcome, Outcome::Capped, "{coding}");
            assert!(
                front.len() <= DecodeLimits::default().max_decoded,
                "{coding}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..600)) {
            fuzz_decode(&data);
        }

        #[test]
        fn broken_streams_are_survived(at in 0_usize..60, with: u8, pick: u8) {
            let mut body = match pick & 3 {
                0 => gzip(JSON),
                1 => zlib(JSON),
                2 => BROTLI_HELLO.to_vec(),
                _ => zstd(JSON),
            };
            let len = body.len();
            body[at % len] = with;
            body.insert(0, pick & 3);
            fuzz_decode(&body);
        }
    }
}

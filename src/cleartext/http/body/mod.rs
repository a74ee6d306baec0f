//! Undoes content codings (RFC 9110 section 8.4) on the workers: gzip, deflate, br, zstd, and the snappy of Prometheus and
//! Loki, in up to four layers.
//!
//! Every layer is capped in size and in ratio, so that a bomb costs at most the cap. What peers get wrong is read as they
//! mean it: `deflate` without its zlib wrapper, a coding that was declared but not applied, applied but not declared, or
//! declared under another's name. A stream that ends early gives what it has. What cannot be undone is said to be so; the
//! masker then masks it whole.

mod coding;
mod snappy;

use super::transaction::{Message, Transaction};
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
    /// No coding was declared, but one was applied and undone, as far as it went.
    Found,
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
    /// What the last body that was decoded into this space came to.
    pub(in crate::cleartext) fn decoded(&self) -> &[u8] {
        &self.out
    }
}

/// Undoes the content codings of a message's body, as far as it was kept.
pub(in crate::cleartext) fn decode_body<'a>(
    transaction: &'a Transaction,
    message: &Message,
    limits: &DecodeLimits,
    tally: &TallySheet,
    scratch: &'a mut Scratch,
) -> Decoded<'a> {
    let mut codings = transaction
        .fields(message)
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"))
        .map(|(_, value)| value)
        .peekable();
    let body = transaction.slice(message.body);
    // Loki's clients compress their protobuf by agreement, without a field that says so.
    let is_protobuf = |(name, value): (&[u8], &[u8])| {
        name.eq_ignore_ascii_case(b"content-type")
            && memchr::memmem::find(value, b"protobuf").is_some()
    };
    let agreed = transaction.fields(message).any(is_protobuf)
        && snappy::is_block(body)
        && codings.peek().is_none();
    let agreed = agreed.then_some(&b"snappy"[..]);
    decode(codings.chain(agreed), body, limits, tally, scratch)
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
    let mut outcome = Outcome::Identity;
    let mut undone = 0_usize;
    // The last coding listed was applied last.
    for coding in layers.iter().take(count).rev() {
        if body.is_empty() {
            break;
        }
        let (stop, input) = scratch.undo(*coding, body, undone, limits);
        undone = undone.saturating_add(1);
        match stop {
            Stop::End => outcome = worse(outcome, Outcome::Decoded),
            Stop::Limit => outcome = worse(outcome, Outcome::Capped),
            Stop::Short | Stop::Broken => {
                // Coded bytes are no text: what is was never coded, even where a decoder made something of its front.
                if is_text(input) {
                    if undone == 1 {
                        return mislabelled(body);
                    }
                    std::mem::swap(&mut scratch.out, &mut scratch.spare);
                } else if scratch.out.is_empty() {
                    return undecodable(tally);
                } else {
                    outcome = worse(outcome, Outcome::Short);
                }
            }
        }
    }
    outcome = scratch.undeclared(body, undone, limits, outcome);
    if outcome == Outcome::Capped {
        tally.one(Tally::LimitDecoded);
    }
    Decoded {
        bytes: if outcome == Outcome::Identity {
            body
        } else {
            &scratch.out
        },
        outcome,
    }
}

impl Scratch {
    /// Undoes one coding, or the one that it really is, into `out`; gives what it was undone from.
    fn undo<'a>(
        &'a mut self,
        coding: Coding,
        body: &'a [u8],
        undone: usize,
        limits: &DecodeLimits,
    ) -> (Stop, &'a [u8]) {
        std::mem::swap(&mut self.out, &mut self.spare);
        let input = if undone == 0 { body } else { &self.spare };
        let limit = limits.output(input.len());
        self.out.clear();
        let mut stop = self.decoders.undo(coding, input, &mut self.out, limit);
        if stop == Stop::Broken
            && let Some(other) = coding.instead_of(input)
        {
            self.out.clear();
            stop = self.decoders.undo(other, input, &mut self.out, limit);
        }
        (stop, input)
    }

    /// Undoes codings that nobody declared, as far as limits allow. What then turns out to be broken stays as it is.
    fn undeclared(
        &mut self,
        body: &[u8],
        already: usize,
        limits: &DecodeLimits,
        so_far: Outcome,
    ) -> Outcome {
        let mut outcome = so_far;
        for undone in already..limits.max_layers {
            let input = if undone == 0 { body } else { &self.out };
            let Some(coding) = Coding::by_magic(input) else {
                break;
            };
            let (stop, _) = self.undo(coding, body, undone, limits);
            if stop == Stop::Broken && self.out.is_empty() {
                std::mem::swap(&mut self.out, &mut self.spare);
                break;
            }
            outcome = match (outcome, stop) {
                (Outcome::Identity | Outcome::Found, Stop::End | Stop::Short | Stop::Broken) => {
                    Outcome::Found
                }
                (_, Stop::Limit) => Outcome::Capped,
                (other, _) => other,
            };
        }
        outcome
    }
}

/// Fuzz entry: any bytes under any codings.
#[cfg(any(test, fuzzing))]
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
    if matches!(so_far, Outcome::Identity | Outcome::Decoded) {
        now
    } else {
        so_far
    }
}

/// UTF-8 without control characters but white space. A body cut within a character is still text.
pub(super) fn is_text(bytes: &[u8]) -> bool {
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
mod tests;

//! QUIC: the ClientHello out of Initial packets, for server name, ALPN and fingerprint. Nothing else of QUIC is read.
//!
//! Initial packets are protected with keys that follow from the connection id they carry, so that anybody may open them. A
//! hello may be spread over several packets and out of order. Each flow is counted once, by what became of it. Read first: RFC
//! 9000 sections 17.2 and 19.6, RFC 9001 sections 5.2 to 5.4 and appendix A, RFC 9369 section 3.

use std::collections::{BTreeMap, HashMap, VecDeque};

use ahash::RandomState;
use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{DirectionalKeys, Keys, Version};

use super::decode::FlowKey;
use super::tls::{Outcome, Shared, quic_hello};
use crate::tally::TallySheet;

/// Flows remembered; the oldest is forgotten for a new one.
const MOST_FLOWS: usize = 4_096;
/// Longest hello put together (bytes).
const LONGEST_HELLO: usize = 16 << 10;
/// Initial packets of a flow looked at before it is given up.
const MOST_PACKETS: u8 = 16;
/// Version 1.
const V1: u32 = 1;
/// Version 2.
const V2: u32 = 0x6b33_43cf;

/// Whether a datagram may begin with a long header of QUIC: both top bits, a version, a connection id of legal length.
pub(in crate::cleartext) fn is_long(data: &[u8]) -> bool {
    matches!(data, [first, v0, v1, v2, v3, length, ..]
        if first & 0xc0 == 0xc0 && (*v0, *v1, *v2, *v3) != (0, 0, 0, 0) && *length <= 20 && data.len() >= 1_200)
}

/// QUIC flows whose hello is not whole yet, and those that are done with.
#[derive(Default)]
pub(in crate::cleartext) struct Flows {
    flows: HashMap<FlowKey, Flow, RandomState>,
    order: VecDeque<FlowKey>,
}

#[derive(Default)]
struct Flow {
    keys: Option<DirectionalKeys>,
    pieces: BTreeMap<u64, Vec<u8>>,
    held: usize,
    packets: u8,
    done: bool,
}

impl Flows {
    /// Takes a datagram that [`is_long`] holds for.
    pub(in crate::cleartext) fn datagram(
        &mut self,
        key: &FlowKey,
        data: &[u8],
        shared: &Shared,
        tally: &TallySheet,
    ) {
        if !self.flows.contains_key(key) {
            if self.order.len() >= MOST_FLOWS
                && let Some(oldest) = self.order.pop_front()
                && let Some(flow) = self.flows.remove(&oldest)
            {
                flow.finish(tally);
            }
            self.order.push_back(*key);
        }
        let flow = self.flows.entry(*key).or_default();
        if flow.done {
            return;
        }
        flow.packets = flow.packets.saturating_add(1);
        let outcome = match flow.take(data, shared) {
            Some(outcome) => outcome,
            None if flow.packets >= MOST_PACKETS => Outcome::QuicIncomplete,
            None => return,
        };
        flow.end();
        tally.one(outcome.tally());
    }

    /// The capture is over: what is not done with is counted.
    pub(in crate::cleartext) fn finish(&mut self, tally: &TallySheet) {
        self.order.clear();
        #[allow(clippy::iter_over_hash_type, reason = "a sum does not depend on order")]
        for (_, flow) in self.flows.drain() {
            flow.finish(tally);
        }
    }
}

impl Flow {
    fn finish(&self, tally: &TallySheet) {
        if !self.done {
            tally.one(Outcome::QuicIncomplete.tally());
        }
    }

    fn end(&mut self) {
        *self = Self {
            done: true,
            ..Self::default()
        };
    }

    /// Opens the Initial packets of a datagram; gives the result once it is known.
    fn take(&mut self, data: &[u8], shared: &Shared) -> Option<Outcome> {
        let mut rest = data;
        while let Some(packet) = Initial::read(rest) {
            let Ok(initial) = packet else {
                return Some(Outcome::QuicVersion);
            };
            if let Some(crypto) = self.open(&initial) {
                self.frames(&crypto);
            }
            rest = rest.get(initial.end..).unwrap_or_default();
        }
        let hello = self.hello()?;
        Some(quic_hello(&hello, shared))
    }

    fn open(&mut self, initial: &Initial<'_>) -> Option<Vec<u8>> {
        // The keys follow from the first id a client chose; later packets may carry another.
        if let Some(keys) = &self.keys
            && let Some(plain) = initial.open(keys)
        {
            return Some(plain);
        }
        let keys = keys_of(initial.id, initial.version)?;
        let plain = initial.open(&keys)?;
        self.keys = Some(keys);
        Some(plain)
    }

    /// Keeps what CRYPTO frames carry (RFC 9000 section 19.6); the others of an Initial are passed over.
    fn frames(&mut self, plain: &[u8]) {
        let mut reader = Reader(plain);
        while let Some(kind) = reader.number() {
            match kind {
                // PADDING and PING
                0 | 1 => {}
                // ACK, with ECN counts or without
                2 | 3 => {
                    if reader.acknowledgement(kind == 3).is_none() {
                        return;
                    }
                }
                6 => {
                    let (Some(offset), Some(data)) = (reader.number(), reader.vector()) else {
                        return;
                    };
                    self.held = self.held.saturating_add(data.len());
                    if self.held <= LONGEST_HELLO {
                        self.pieces.entry(offset).or_insert_with(|| data.to_vec());
                    }
                }
                _ => return,
            }
        }
    }

    /// The body of the ClientHello, once all of it is there.
    fn hello(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for (offset, piece) in &self.pieces {
            let offset = usize::try_from(*offset).ok()?;
            let known = bytes.len().checked_sub(offset)?;
            bytes.extend_from_slice(piece.get(known..).unwrap_or_default());
        }
        let [1, high, mid, low] = *bytes.first_chunk::<4>()? else {
            return None;
        };
        let length = usize::try_from(u32::from_be_bytes([0, high, mid, low])).ok()?;
        let body = bytes.get(4..length.checked_add(4)?)?;
        Some(body.to_vec())
    }
}

/// The keys that a client's Initial packets have (RFC 9001 section 5.2).
fn keys_of(id: &[u8], version: u32) -> Option<DirectionalKeys> {
    let SupportedCipherSuite::Tls13(suite) = TLS13_AES_128_GCM_SHA256 else {
        return None;
    };
    let version = if version == V2 {
        Version::V2
    } else {
        Version::V1
    };
    let keys: Keys = suite.quic_suite()?.keys(id, rustls::Side::Server, version);
    Some(keys.remote)
}

/// An Initial packet, still protected.
struct Initial<'a> {
    version: u32,
    /// Destination connection id.
    id: &'a [u8],
    /// From the first byte to the end of the payload.
    whole: &'a [u8],
    /// Where the packet number stands.
    number_at: usize,
    /// Where the packet ends.
    end: usize,
}

/// A version that is not known.
struct OtherVersion;

impl<'a> Initial<'a> {
    /// Reads the long header at the front of a datagram (RFC 9000 section 17.2.2). None if there is no Initial.
    fn read(data: &'a [u8]) -> Option<Result<Self, OtherVersion>> {
        let first = *data.first()?;
        if first & 0xc0 != 0xc0 {
            return None;
        }
        let mut reader = Reader(data.get(1..)?);
        let version = u32::from_be_bytes(*reader.take(4)?.first_chunk()?);
        let kind = first >> 4 & 3;
        // Version 2 gave the types other numbers (RFC 9369 section 3.2).
        let is_initial = match version {
            V1 => kind == 0,
            V2 => kind == 1,
            _ => return Some(Err(OtherVersion)),
        };
        if !is_initial {
            return None;
        }
        let id_length = usize::from(*reader.take(1)?.first()?);
        let id = reader.take(id_length)?;
        let source_length = usize::from(*reader.take(1)?.first()?);
        reader.take(source_length)?;
        reader.vector()?;
        let length = usize::try_from(reader.number()?).ok()?;
        let number_at = data.len().checked_sub(reader.0.len())?;
        let end = number_at.checked_add(length)?;
        Some(Ok(Self {
            version,
            id,
            whole: data.get(..end)?,
            number_at,
            end,
        }))
    }

    /// Takes off header protection and opens the payload (RFC 9001 section 5.4).
    fn open(&self, keys: &DirectionalKeys) -> Option<Vec<u8>> {
        let mut packet = self.whole.to_vec();
        let sample_at = self.number_at.checked_add(4)?;
        let sample = self
            .whole
            .get(sample_at..sample_at.checked_add(keys.header.sample_len())?)?;
        let (head, tail) = packet.split_at_mut_checked(self.number_at)?;
        let first = head.first_mut()?;
        let number = tail.get_mut(..4)?;
        keys.header.decrypt_in_place(sample, first, number).ok()?;
        let length = usize::from(*first & 3).checked_add(1)?;
        let number = number
            .iter()
            .take(length)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let payload_at = self.number_at.checked_add(length)?;
        // The bytes of the number behind its length were not protected.
        let kept = self.whole.get(payload_at..sample_at)?;
        packet.get_mut(payload_at..sample_at)?.copy_from_slice(kept);
        let (header, payload) = packet.split_at_mut_checked(payload_at)?;
        let plain = keys.packet.decrypt_in_place(number, header, payload).ok()?;
        Some(plain.to_vec())
    }
}

/// Reads numbers of variable length (RFC 9000 section 16).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let first = *self.0.first()?;
        let bytes = self.take(1_usize << (first >> 6))?;
        let value = bytes
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        // The top two bits are the length.
        let bits = u32::try_from(bytes.len())
            .ok()?
            .checked_mul(8)?
            .checked_sub(2)?;
        Some(value & (1_u64 << bits).wrapping_sub(1))
    }

    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// The rest of an ACK frame (RFC 9000 section 19.3).
    fn acknowledgement(&mut self, with_counts: bool) -> Option<()> {
        self.number()?;
        self.number()?;
        let ranges = self.number()?;
        self.number()?;
        // A range takes two bytes at least: their number is bounded by the packet.
        for _ in 0..ranges.min(u64::try_from(self.0.len()).ok()?) {
            self.number()?;
            self.number()?;
        }
        if with_counts {
            for _ in 0..3 {
                self.number()?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleartext::decode::Peer;
    use crate::cleartext::mutation;
    use crate::tally::Tally;

    const KEY: FlowKey = FlowKey {
        low: Peer {
            addr: [0; 16],
            port: 443,
        },
        high: Peer {
            addr: [1; 16],
            port: 50_000,
        },
    };

    /// A ClientHello for example.com with nothing else in it.
    fn hello() -> Vec<u8> {
        let name = b"example.com";
        let list = [&[0, 0, name.len() as u8][..], name].concat();
        let extension = [
            &[0, 0, 0, list.len() as u8 + 2, 0, list.len() as u8][..],
            &list,
        ]
        .concat();
        let body = [
            &[3, 3][..],
            &[7; 32],
            &[0, 0, 2, 0x13, 0x01, 1, 0, 0, extension.len() as u8],
            &extension,
        ]
        .concat();
        [&[1, 0, 0, body.len() as u8][..], &body].concat()
    }

    /// An Initial packet of a client that carries these frames, protected as RFC 9001 section 5 says.
    fn protected(frames: &[u8]) -> Vec<u8> {
        let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let SupportedCipherSuite::Tls13(suite) = TLS13_AES_128_GCM_SHA256 else {
            panic!("TLS 1.3");
        };
        let suite = suite.quic_suite().unwrap();
        let keys = suite.keys(&id, rustls::Side::Client, Version::V1).local;
        let mut payload = frames.to_vec();
        payload.resize(1_162, 0);
        let length = (payload.len() + 16 + 4) as u16 | 0x4000;
        let header = [
            &[0xc3, 0, 0, 0, 1, 8][..],
            &id,
            &[0, 0],
            &length.to_be_bytes(),
            &[0, 0, 0, 2],
        ]
        .concat();
        let tag = keys
            .packet
            .encrypt_in_place(2, &header, &mut payload)
            .unwrap();
        let mut packet = [header.as_slice(), &payload, tag.as_ref()].concat();
        let sample = packet[22..38].to_vec();
        let (head, tail) = packet.split_at_mut(18);
        keys.header
            .encrypt_in_place(&sample, &mut head[0], &mut tail[..4])
            .unwrap();
        packet
    }

    fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
        [&[6, offset as u8, 0x40, data.len() as u8][..], data].concat()
    }

    fn sample() -> Vec<u8> {
        protected(&crypto(0, &hello()))
    }

    fn counted(datagrams: &[Vec<u8>]) -> Vec<(&'static str, u64)> {
        let (shared, tally) = (Shared::default(), TallySheet::default());
        let mut flows = Flows::default();
        for data in datagrams {
            if is_long(data) {
                flows.datagram(&KEY, data, &shared, &tally);
            }
        }
        flows.finish(&tally);
        Tally::ALL
            .iter()
            .filter(|one| tally.get(**one) > 0)
            .map(|one| (one.name(), tally.get(*one)))
            .collect()
    }

    #[test]
    fn header_protection_is_that_of_the_rfc() {
        // RFC 9001 appendix A.2: sample and mask of the client's Initial.
        let keys = keys_of(&[0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08], V1).unwrap();
        let sample = 0xd1b1_c98d_d768_9fb8_ec11_d242_b123_dc9b_u128.to_be_bytes();
        let (mut first, mut number) = (0xc0, [0x7b, 0x9a, 0xec, 0x34]);
        keys.header
            .decrypt_in_place(&sample, &mut first, &mut number)
            .unwrap();
        assert_eq!((first, number), (0xc3, [0, 0, 0, 2]));
    }

    #[test]
    fn a_hello_in_two_packets_and_out_of_order_is_read() {
        let hello = hello();
        let (first, second) = hello.split_at(20);
        let packets = [protected(&crypto(20, second)), protected(&crypto(0, first))];
        assert_eq!(counted(&packets), [("quic", 1)]);
        assert_eq!(counted(&packets[..1]), [("quic_incomplete", 1)]);
    }

    #[test]
    fn a_hello_is_opened() {
        let data = sample();
        assert_eq!(data.len(), 1_200);
        let mut flow = Flow::default();
        let Some(Ok(initial)) = Initial::read(&data) else {
            panic!("an Initial");
        };
        let plain = flow.open(&initial).unwrap();
        flow.frames(&plain);
        let hello = flow.hello().unwrap();
        assert!(memchr::memmem::find(&hello, b"example.com").is_some());
        assert_eq!(counted(&[data.clone(), data]), [("quic", 1)]);
    }

    #[test]
    fn every_flow_is_counted_once() {
        let mut other = sample();
        other[1..5].copy_from_slice(&[0xfa, 0xce, 0xb0, 0x02]);
        assert_eq!(counted(&[other]), [("quic_version", 1)]);
        let mut broken = sample();
        broken[600] ^= 1;
        assert_eq!(counted(&[broken]), [("quic_incomplete", 1)]);
        assert!(counted(&[vec![0x40; 1_300]]).is_empty());
    }

    #[test]
    fn mutations_of_datagrams() {
        let entry = |data: &[u8]| {
            let (shared, tally) = (Shared::default(), TallySheet::default());
            let mut flows = Flows::default();
            flows.datagram(&KEY, data, &shared, &tally);
            let mut flow = Flow::default();
            flow.frames(data);
            assert!(
                flow.hello()
                    .is_none_or(|hello| hello.len() <= LONGEST_HELLO)
            );
            flows.finish(&tally);
        };
        let crypto = [&[6, 0, 0x10][..], &[1, 0, 0, 12], &[3; 12]].concat();
        mutation::run("quic", entry, &[&sample(), &crypto]);
    }
}

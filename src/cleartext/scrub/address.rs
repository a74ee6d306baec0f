//! Addresses mapped one to one: IP addresses so that a common prefix stays one (Xu, Fan, Ammar and Moon, "Prefix-preserving
//! IP address anonymization", 2002), link-layer addresses and names so that equal ones stay equal.
//!
//! Group addresses stay group addresses, and the unspecified and the broadcast address stay what they are, or the capture
//! would tell another story.

use std::collections::HashMap;

use ahash::RandomState;

/// Mapped addresses remembered; then the memory starts anew (the map itself does not change).
const REMEMBERED: usize = 65_536;
/// Rounds of the permutation of link-layer addresses (Luby and Rackoff, 1988, ask for four).
const ROUNDS: u8 = 6;

/// The map under one key.
pub(super) struct Addresses {
    bits: [u8; 32],
    links: [u8; 32],
    names: [u8; 32],
    v4: HashMap<u32, u32, RandomState>,
    v6: HashMap<u128, u128, RandomState>,
}

impl Addresses {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self {
            bits: blake3::derive_key("hushtap 2026-11 scrub IP", key),
            links: blake3::derive_key("hushtap 2026-11 scrub MAC", key),
            names: blake3::derive_key("hushtap 2026-11 scrub names", key),
            v4: HashMap::default(),
            v6: HashMap::default(),
        }
    }

    /// Maps an IPv4 address.
    pub(super) fn v4(&mut self, address: [u8; 4]) -> [u8; 4] {
        let plain = u32::from_be_bytes(address);
        if fixed_v4(plain) {
            return address;
        }
        if let Some(known) = self.v4.get(&plain) {
            return known.to_be_bytes();
        }
        // The first four bits stay: 224.0.0.0/4 is the groups.
        let step = |from: u32| {
            let wide = u128::from(from) << 96;
            u32::try_from(self.prefix(wide, 4, 32, 4) >> 96).unwrap_or(from)
        };
        let mut mapped = step(plain);
        // Cycle walking keeps it one to one around the fixed points.
        while fixed_v4(mapped) {
            mapped = step(mapped);
        }
        if self.v4.len() >= REMEMBERED {
            self.v4.clear();
        }
        self.v4.insert(plain, mapped);
        mapped.to_be_bytes()
    }

    /// Maps an IPv6 address; a mapped IPv4 address as that.
    pub(super) fn v6(&mut self, address: [u8; 16]) -> [u8; 16] {
        if let [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] = address {
            let mut mapped = address;
            if let Some(tail) = mapped.last_chunk_mut() {
                *tail = self.v4([a, b, c, d]);
            }
            return mapped;
        }
        let plain = u128::from_be_bytes(address);
        // ::, ::1, and ff00::/8 with its scopes.
        if plain <= 1 || plain >> 120 == 0xff {
            return address;
        }
        if let Some(known) = self.v6.get(&plain) {
            return known.to_be_bytes();
        }
        // The first eight bits stay: fe80::/10 next to fd00::/8 next to the rest.
        let step = |from: u128| self.prefix(from, 8, 128, 6);
        let mut mapped = step(plain);
        while mapped <= 1 {
            mapped = step(mapped);
        }
        if self.v6.len() >= REMEMBERED {
            self.v6.clear();
        }
        self.v6.insert(plain, mapped);
        mapped.to_be_bytes()
    }

    /// Flips each bit behind the first `kept` by a keyed function of the bits before it.
    fn prefix(&self, plain: u128, kept: u32, bits: u32, family: u8) -> u128 {
        let mut mapped = plain;
        for bit in kept..bits {
            let before = plain & !(u128::MAX.checked_shr(bit).unwrap_or(0));
            let mut hasher = blake3::Hasher::new_keyed(&self.bits);
            hasher.update(&[family, u8::try_from(bit).unwrap_or(u8::MAX)]);
            hasher.update(&before.to_be_bytes());
            let flip = hasher
                .finalize()
                .as_bytes()
                .first()
                .is_some_and(|byte| byte & 1 == 1);
            if flip {
                mapped ^= 1_u128 << 127_u32.saturating_sub(bit);
            }
        }
        mapped
    }

    /// Maps a link-layer address. Group addresses (broadcast, multicast) stay.
    pub(super) fn link(&self, address: [u8; 6]) -> [u8; 6] {
        if address == [0; 6] || address.first().is_some_and(|first| first & 1 == 1) {
            return address;
        }
        let mut mapped = self.permute(address);
        while mapped == [0; 6] || mapped.first().is_some_and(|first| first & 1 == 1) {
            mapped = self.permute(mapped);
        }
        mapped
    }

    /// A keyed permutation of 48 bits: a Feistel network over two halves.
    fn permute(&self, address: [u8; 6]) -> [u8; 6] {
        let mut halves = address;
        for round in 0..ROUNDS {
            let (left, right) = halves.split_at_mut(3);
            let mut hasher = blake3::Hasher::new_keyed(&self.links);
            hasher.update(&[round]);
            hasher.update(right);
            let hash = hasher.finalize();
            for (byte, mask) in left.iter_mut().zip(hash.as_bytes()) {
                *byte ^= mask;
            }
            halves.rotate_left(3);
        }
        halves
    }

    /// Maps the labels of a name written with dots, or the words of a text; what stands between them stays.
    pub(super) fn host(&self, name: &mut [u8]) {
        for label in name.split_mut(|byte| matches!(byte, b'.' | b'@' | b'/' | b':' | b' ')) {
            // A wildcard is no name.
            if *label != *b"*" {
                self.label(label);
            }
        }
    }

    /// Overwrites a label of a name by letters that depend on it, case aside.
    pub(super) fn label(&self, label: &mut [u8]) {
        let folded = label.to_ascii_lowercase();
        let mut letters = blake3::Hasher::new_keyed(&self.names)
            .update(&folded)
            .finalize_xof();
        let mut noise = [0; 1];
        for byte in label {
            letters.fill(&mut noise);
            let [noise] = noise;
            *byte = b'a'.saturating_add(noise % 26);
        }
    }
}

const fn fixed_v4(address: u32) -> bool {
    address == 0 || address == u32::MAX || address >> 24 == 127 || address >> 28 == 14
}

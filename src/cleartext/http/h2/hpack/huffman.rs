//! String literals in the static Huffman code (RFC 7541 section 5.2 and Appendix B).
//!
//! The code is canonical: sorted by length, then by symbol, the codes count upwards. So the table is nothing but lengths, and
//! everything else follows from it at compile time.

use super::decoder::Fault;

/// Longest code, in bits.
const LONGEST: usize = 30;
/// The symbol that no string may hold: a prefix of it is the padding.
const END_OF_STRING: u16 = 256;
/// Length of the code of each symbol, in bits (Appendix B).
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// Everything that decoding needs to know.
static CODE: Code = Code::new();

/// The code, arranged for decoding.
struct Code {
    /// Symbol and length by the first eight bits; length 0 where the code is longer.
    short: [(u8, u8); 256],
    /// The first code of each length, as a number.
    first: [u32; LONGEST + 1],
    /// How many codes have that length.
    count: [u32; LONGEST + 1],
    /// Where their symbols begin in `symbols`.
    offset: [u32; LONGEST + 1],
    /// All symbols, sorted by length of their code.
    symbols: [u16; 257],
}

/// Decodes `src`, appending to `out`.
///
/// Broken are a string that holds the end-of-string symbol and one padded with anything but fewer than eight ones.
pub(super) fn decode(src: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut input = src.iter();
    let mut bits = 0_u64;
    let mut have = 0_u32;
    loop {
        while have <= 56
            && let Some(octet) = input.next()
        {
            bits = bits.wrapping_shl(8) | u64::from(*octet);
            have = have.saturating_add(8);
        }
        if have == 0 {
            return Ok(());
        }
        // The next bits stand leftmost; behind the last one the padding goes on for ever.
        let ones = u64::MAX.checked_shr(have).unwrap_or(0);
        let window = bits.wrapping_shl(64_u32.saturating_sub(have)) | ones;
        let (symbol, len) = CODE.next(window);
        if len > have {
            let is_padding = have < 8 && window == u64::MAX;
            return if is_padding {
                Ok(())
            } else {
                Err(Fault::Broken)
            };
        }
        match u8::try_from(symbol) {
            Ok(octet) => out.push(octet),
            Err(_) => return Err(Fault::Broken),
        }
        have = have.saturating_sub(len);
    }
}

impl Code {
    /// The symbol whose code stands leftmost, and the length of that code.
    fn next(&self, window: u64) -> (u16, u32) {
        let front = usize::try_from(window.wrapping_shr(56)).unwrap_or(0);
        if let Some((symbol, len @ 1..)) = self.short.get(front) {
            return (u16::from(*symbol), u32::from(*len));
        }
        let mut len = 9_u32;
        let lengths = self.first.iter().zip(&self.count).zip(&self.offset).skip(9);
        for ((first, count), offset) in lengths {
            let code = window.wrapping_shr(64_u32.saturating_sub(len));
            let within = u32::try_from(code)
                .ok()
                .and_then(|code| code.checked_sub(*first))
                .filter(|within| within < count);
            if let Some(within) = within {
                let at = usize::try_from(offset.saturating_add(within)).unwrap_or(usize::MAX);
                return (self.symbols.get(at).copied().unwrap_or(END_OF_STRING), len);
            }
            len = len.saturating_add(1);
        }
        // Not reached: the code is complete.
        (END_OF_STRING, len)
    }

    #[allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "runs at compile time only, where a fault fails the build; const code has no safe conversions"
    )]
    const fn new() -> Self {
        let mut this = Self {
            short: [(0, 0); 256],
            first: [0; LONGEST + 1],
            count: [0; LONGEST + 1],
            offset: [0; LONGEST + 1],
            symbols: [0; 257],
        };
        let (mut code, mut placed, mut len) = (0_u32, 0_usize, 1_usize);
        while len <= LONGEST {
            code <<= 1;
            this.first[len] = code;
            this.offset[len] = placed as u32;
            let mut symbol = 0_usize;
            while symbol < LENGTHS.len() {
                if LENGTHS[symbol] as usize == len {
                    this.symbols[placed] = symbol as u16;
                    if len <= 8 {
                        let spread = 1_usize << (8 - len);
                        let mut at = (code as usize) << (8 - len);
                        let end = at + spread;
                        while at < end {
                            this.short[at] = (symbol as u8, len as u8);
                            at += 1;
                        }
                    }
                    placed += 1;
                    code += 1;
                    this.count[len] += 1;
                }
                symbol += 1;
            }
            len += 1;
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(hex: &str) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        decode(&crate::cleartext::http::tests::hex(hex), &mut out).map(|()| out)
    }

    #[test]
    fn examples_of_appendix_c_4() {
        assert_eq!(
            text("f1e3c2e5f23a6ba0ab90f4ff").unwrap(),
            b"www.example.com"
        );
        assert_eq!(text("a8eb10649cbf").unwrap(), b"no-cache");
        assert_eq!(text("25a849e95ba97d7f").unwrap(), b"custom-key");
        assert_eq!(text("").unwrap(), b"");
    }

    #[test]
    fn padding_is_fewer_than_eight_ones() {
        // "0" is 00000; three bits of padding follow.
        assert_eq!(text("07").unwrap(), b"0");
        assert_eq!(text("06"), Err(Fault::Broken));
        assert_eq!(text("07ff"), Err(Fault::Broken));
        assert_eq!(text("ff"), Err(Fault::Broken));
        assert_eq!(text("ffffffff"), Err(Fault::Broken));
    }

    #[test]
    fn every_symbol_comes_back() {
        let mut model = loona_hpack::huffman::HuffmanDecoder::new();
        // Every pair of octets that is a whole string reads as the reference reads it.
        for pair in 0..=u16::MAX {
            let octets = pair.to_be_bytes();
            let mut out = Vec::new();
            let ours = decode(&octets, &mut out).map(|()| out).ok();
            assert_eq!(ours, model.decode(&octets).ok(), "{pair:04x}");
        }
    }
}

//! Integers with a prefix (RFC 7541 section 5.1).

use super::decoder::Fault;

/// Octets an integer may take behind its prefix: enough for 32 bits, as in every implementation in use.
const MAX_OCTETS: usize = 5;

/// Reads an integer whose prefix is the low `prefix` bits of the first octet; also says how many octets it took.
///
/// A value of more than 32 bits is broken: no length, index or size comes near.
pub(super) fn decode(src: &[u8], prefix: u8) -> Result<(u32, usize), Fault> {
    let first = *src.first().ok_or(Fault::Cut)?;
    let mask = u8::MAX.wrapping_shr(8_u32.saturating_sub(u32::from(prefix)));
    let start = first & mask;
    if start < mask {
        return Ok((u32::from(start), 1));
    }
    let mut value = u64::from(start);
    let mut shift = 0_u32;
    let mut used = 1_usize;
    for octet in src.iter().skip(1).take(MAX_OCTETS) {
        used = used.saturating_add(1);
        value = value.saturating_add(u64::from(octet & 0x7f).wrapping_shl(shift));
        shift = shift.saturating_add(7);
        if octet & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| Fault::Broken)?;
            return Ok((value, used));
        }
    }
    Err(if used > MAX_OCTETS {
        Fault::Broken
    } else {
        Fault::Cut
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_appendix_c_1() {
        assert_eq!(decode(&[0b1110_1010], 5), Ok((10, 1)));
        assert_eq!(
            decode(&[0b1111_1111, 0b1001_1010, 0b0000_1010], 5),
            Ok((1_337, 3))
        );
        assert_eq!(decode(&[0b0010_1010], 8), Ok((42, 1)));
    }

    #[test]
    fn what_is_cut_is_told_from_what_is_too_large() {
        assert_eq!(decode(&[], 5), Err(Fault::Cut));
        assert_eq!(decode(&[0x1f], 5), Err(Fault::Cut));
        assert_eq!(decode(&[0x1f, 0x80, 0x80], 5), Err(Fault::Cut));
        assert_eq!(
            decode(&[0x1f, 0xff, 0xff, 0xff, 0xff, 0x7f], 5),
            Err(Fault::Broken)
        );
        assert_eq!(
            decode(&[0x1f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 5),
            Err(Fault::Broken)
        );
        assert_eq!(
            decode(&[0xff, 0x80, 0xfe, 0xff, 0xff, 0x0f], 8),
            Ok((u32::MAX, 6))
        );
    }
}

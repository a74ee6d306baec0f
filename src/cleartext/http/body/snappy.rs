//! The block format of Snappy, as Prometheus and Loki send it (google/snappy, `format_description.txt`). The output is
//! built from back references into itself, so a cut block gives what its front says.

use super::coding::Stop;

/// Undoes a block, appending at most `limit` bytes to `out`, which must be empty.
pub(super) fn undo(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Stop {
    let Some((length, mut rest)) = length(input) else {
        return Stop::Broken;
    };
    let most = length.min(limit);
    while out.len() < most {
        let stop = match element(rest) {
            Element::Literal(bytes, then) => {
                let room = most.saturating_sub(out.len());
                if bytes.len() > room && most == length {
                    return Stop::Broken;
                }
                out.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
                rest = then;
                continue;
            }
            Element::Copy { back, len, then } => {
                let room = most.saturating_sub(out.len());
                if back == 0 || back > out.len() || len > room && most == length {
                    return Stop::Broken;
                }
                copy(out, back, len.min(room));
                rest = then;
                continue;
            }
            Element::Short(bytes) => {
                let room = most.saturating_sub(out.len());
                out.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
                Stop::Short
            }
        };
        return stop;
    }
    match (most < length, rest.is_empty()) {
        (true, _) => Stop::Limit,
        (false, true) => Stop::End,
        (false, false) => Stop::Broken,
    }
}

/// Whether these bytes are one whole block, by its length alone and its tags: there is no signature. Nothing that is not
/// one has all its elements come to exactly the length in front.
pub(super) fn is_block(input: &[u8]) -> bool {
    let Some((length, mut rest)) = length(input) else {
        return false;
    };
    let mut made = 0_usize;
    while !rest.is_empty() && made < length {
        let (len, then) = match element(rest) {
            Element::Literal(bytes, then) => (bytes.len(), then),
            Element::Copy { back, len, then } if back > 0 && back <= made => (len, then),
            Element::Copy { .. } | Element::Short(_) => return false,
        };
        made = made.saturating_add(len);
        rest = then;
    }
    length > 0 && made == length && rest.is_empty()
}

enum Element<'a> {
    Literal(&'a [u8], &'a [u8]),
    Copy {
        back: usize,
        len: usize,
        then: &'a [u8],
    },
    /// The input ends within it: what is there of a literal.
    Short(&'a [u8]),
}

fn element(input: &[u8]) -> Element<'_> {
    let Some((&tag, rest)) = input.split_first() else {
        return Element::Short(&[]);
    };
    let upper = usize::from(tag >> 2);
    let (extra, is_literal) = match tag & 3 {
        0 => (upper.saturating_sub(59), true),
        1 => (1, false),
        2 => (2, false),
        _ => (4, false),
    };
    let Some((number, then)) = rest.split_at_checked(extra) else {
        return Element::Short(&[]);
    };
    let number = little_endian(number);
    if is_literal {
        let len = if extra == 0 { upper } else { number }.saturating_add(1);
        return match then.split_at_checked(len) {
            Some((bytes, then)) => Element::Literal(bytes, then),
            None => Element::Short(then),
        };
    }
    let (back, len) = match tag & 3 {
        1 => (
            usize::from(tag >> 5) << 8 | number,
            (upper & 7).saturating_add(4),
        ),
        _ => (number, upper.saturating_add(1)),
    };
    Element::Copy { back, len, then }
}

/// Up to four bytes, the lowest first.
fn little_endian(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Appends `len` bytes from `back` bytes before the end; they may reach into what is being appended.
fn copy(out: &mut Vec<u8>, back: usize, len: usize) {
    let start = out.len().saturating_sub(back);
    for at in start..start.saturating_add(len) {
        let byte = out.get(at).copied().unwrap_or(0);
        out.push(byte);
    }
}

/// The length of the output, and what follows it.
fn length(input: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0_u64;
    for (at, byte) in input.iter().enumerate().take(5) {
        let shift = u32::try_from(at).ok()?.saturating_mul(7);
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let rest = input.get(at.saturating_add(1)..)?;
            let length = u32::try_from(length).ok()?;
            return Some((usize::try_from(length).ok()?, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 22 times `a`, as the Python package writes it.
    const BLOCK: &[u8] = b"\x16\x00aR\x01\x00";

    fn undone(input: &[u8], limit: usize) -> (Stop, Vec<u8>) {
        let mut out = Vec::new();
        let stop = undo(input, &mut out, limit);
        (stop, out)
    }

    #[test]
    fn blocks_are_undone() {
        assert_eq!(undone(BLOCK, 100), (Stop::End, vec![b'a'; 22]));
        assert!(is_block(BLOCK));
        // A literal of 60 bytes and more has its length in bytes of its own; a near copy is two bytes.
        let literal = [&b"\x48\xf0\x43"[..], &[b'x'; 68], b"\x01\x02"].concat();
        assert_eq!(undone(&literal, 100), (Stop::End, vec![b'x'; 72]));
    }

    #[test]
    fn what_is_cut_or_no_block_is_told() {
        assert_eq!(undone(BLOCK, 5), (Stop::Limit, vec![b'a'; 5]));
        assert_eq!(undone(b"\x16\x10ab", 100), (Stop::Short, b"ab".to_vec()));
        // A reference to before the beginning, more than was said, junk behind the end.
        for broken in [
            &b"\x08\x01\x05"[..],
            b"\x02\x10abcde",
            b"\x01\x00ab",
            b"\xff",
        ] {
            assert_eq!(undone(broken, 100).0, Stop::Broken, "{broken:?}");
            assert!(!is_block(broken));
        }
    }
}

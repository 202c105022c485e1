//! Scans of long strings, at the speed of memory: over the alphabet of base64 (RFC 4648 §4), and over
//! what neither ends a string nor a line.

/// This many bytes are checked at a time.
const BLOCK_BYTES: usize = 128;

/// The alphabet by the low and the high half of a byte. The byte is in the alphabet if the two have
/// a bit in common. There is one bit each for `+` and `/`, the digits with `=`, the letters up to
/// `O`, and those from `P`.
const LOW: [u8; 16] = [
    0b1010, 0b1110, 0b1110, 0b1110, 0b1110, 0b1110, 0b1110, 0b1110, 0b1110, 0b1110, 0b1100, 0b0101,
    0b0100, 0b0110, 0b0100, 0b0101,
];
const HIGH: [u8; 16] =
    [0, 0, 0b0001, 0b0010, 0b0100, 0b1000, 0b0100, 0b1000, 0, 0, 0, 0, 0, 0, 0, 0];

/// How many bytes at the start of `bytes` are in the base64 alphabet, `=` included.
///
/// In a well-formed string the first other byte is the closing quote. So one pass both finds the
/// end and proves that a client can decode, and JSON can carry, the bytes before it.
pub(super) fn prefix_len(bytes: &[u8]) -> usize {
    run_len(bytes, is_base64, is_base64_block)
}

/// How many bytes at the start of `bytes` are plain: none is a control character, a space, `!`, `"`
/// or `\`. So none ends a string of JSON, escapes anything in it, or ends a line.
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    run_len(bytes, is_plain, is_plain_block)
}

/// How many bytes at the start of `bytes` are in a set.
fn run_len(bytes: &[u8], has: fn(u8) -> bool, has_block: impl Fn(&[u8]) -> bool) -> usize {
    let mut len = 0_usize;
    for block in bytes.chunks_exact(BLOCK_BYTES) {
        if !has_block(block) {
            break;
        }
        len = len.saturating_add(BLOCK_BYTES);
    }
    let rest = bytes.get(len..).unwrap_or_default();
    let more = rest.iter().position(|byte| !has(*byte)).unwrap_or(rest.len());
    len.saturating_add(more)
}

fn is_base64(byte: u8) -> bool {
    let low = LOW.get(usize::from(byte & 15)).copied().unwrap_or_default();
    let high = HIGH.get(usize::from(byte >> 4)).copied().unwrap_or_default();
    low & high != 0
}

const fn is_plain(byte: u8) -> bool {
    byte > b'"' && byte != b'\\'
}

#[cfg(not(target_arch = "wasm32"))]
use scalar::{is_base64_block, is_plain_block};
#[cfg(target_arch = "wasm32")]
use vector::{is_base64_block, is_plain_block};

#[cfg(not(target_arch = "wasm32"))]
mod scalar {
    pub(super) fn is_base64_block(block: &[u8]) -> bool {
        block.iter().all(|byte| super::is_base64(*byte))
    }

    pub(super) fn is_plain_block(block: &[u8]) -> bool {
        block.iter().all(|byte| super::is_plain(*byte))
    }
}

/// Sixteen bytes at a time. What a byte comes to is 0 if it is not in the set, so the least of a block
/// says whether all are. With that and the shift of pairs, base64 takes three quarters of the time
/// that it takes with a comparison for each vector and a shift of bytes (Node.js 20, x86).
#[cfg(target_arch = "wasm32")]
mod vector {
    use core::arch::wasm32::{
        i8x16_swizzle, u8x16, u8x16_all_true, u8x16_min, u8x16_splat, u8x16_sub_sat, u16x8_shr,
        v128, v128_and, v128_xor,
    };

    use super::{HIGH, LOW};

    /// A comparison for each range of the alphabet takes twice as long as this look-up.
    pub(super) fn is_base64_block(block: &[u8]) -> bool {
        let (low, high, half) = (vector(LOW), vector(HIGH), u8x16_splat(15));
        has_no_zero(block, |bytes| {
            let low = i8x16_swizzle(low, v128_and(bytes, half));
            // x86 shifts no bytes, but pairs of them: the mask drops what comes from the neighbour.
            let high = i8x16_swizzle(high, v128_and(u16x8_shr(bytes, 4), half));
            v128_and(low, high)
        })
    }

    pub(super) fn is_plain_block(block: &[u8]) -> bool {
        let (quote, backslash) = (u8x16_splat(b'"'), u8x16_splat(b'\\'));
        has_no_zero(block, |bytes| {
            u8x16_min(u8x16_sub_sat(bytes, quote), v128_xor(bytes, backslash))
        })
    }

    fn has_no_zero(block: &[u8], value: impl Fn(v128) -> v128) -> bool {
        let lanes = block.chunks_exact(16).filter_map(|lane| <[u8; 16]>::try_from(lane).ok());
        let least =
            lanes.fold(u8x16_splat(u8::MAX), |least, lane| u8x16_min(least, value(vector(lane))));
        u8x16_all_true(least)
    }

    fn vector([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]: [u8; 16]) -> v128 {
        u8x16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_that_of_the_standard() {
        let alphabet: Vec<u8> = (0..=255).filter(|byte| is_base64(*byte)).collect();
        assert_eq!(
            String::from_utf8(alphabet).unwrap(),
            "+/0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        );
    }

    #[test]
    fn what_is_plain_neither_ends_nor_escapes_anything() {
        let strange: Vec<u8> = (0..=255).filter(|byte| !is_plain(*byte)).collect();
        let expected: Vec<u8> = (0..=b'"').chain([b'\\']).collect();
        assert_eq!(strange, expected);
    }

    #[test]
    fn the_prefix_ends_at_the_first_other_byte_wherever_it_stands() {
        for len in 0..300 {
            let mut bytes = vec![b'A'; len];
            assert_eq!((prefix_len(&bytes), plain_len(&bytes)), (len, len));
            bytes.extend_from_slice(b"\"AAAA");
            assert_eq!((prefix_len(&bytes), plain_len(&bytes)), (len, len));
        }
    }
}

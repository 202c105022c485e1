//! The alphabet of base64 (RFC 4648 §4), as a scan at the speed of memory.

/// This many bytes are checked at a time.
const BLOCK_BYTES: usize = 64;

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
    let mut len = 0_usize;
    for block in bytes.chunks_exact(BLOCK_BYTES) {
        if !is_base64_block(block) {
            break;
        }
        len = len.saturating_add(BLOCK_BYTES);
    }
    let rest = bytes.get(len..).unwrap_or_default();
    let more = rest.iter().position(|byte| !is_base64(*byte)).unwrap_or(rest.len());
    len.saturating_add(more)
}

fn is_base64(byte: u8) -> bool {
    let low = LOW.get(usize::from(byte & 15)).copied().unwrap_or_default();
    let high = HIGH.get(usize::from(byte >> 4)).copied().unwrap_or_default();
    low & high != 0
}

#[cfg(not(target_arch = "wasm32"))]
fn is_base64_block(block: &[u8]) -> bool {
    block.iter().all(|byte| is_base64(*byte))
}

/// Sixteen bytes in some six instructions. A comparison for each range compiles to code that takes
/// twice as long as this look-up by vector (measured in Envoy 1.40).
#[cfg(target_arch = "wasm32")]
fn is_base64_block(block: &[u8]) -> bool {
    use core::arch::wasm32::{
        i8x16_eq, i8x16_swizzle, u8x16, u8x16_shr, u8x16_splat, v128_and, v128_any_true, v128_or,
    };
    let vector = |[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]: [u8; 16]| {
        u8x16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
    };
    let (low, high, zero) = (vector(LOW), vector(HIGH), u8x16_splat(0));
    let lanes = block.chunks_exact(16).filter_map(|lane| <[u8; 16]>::try_from(lane).ok());
    let strange = lanes.fold(zero, |strange, lane| {
        let bytes = vector(lane);
        let low = i8x16_swizzle(low, v128_and(bytes, u8x16_splat(15)));
        let high = i8x16_swizzle(high, u8x16_shr(bytes, 4));
        v128_or(strange, i8x16_eq(v128_and(low, high), zero))
    });
    !v128_any_true(strange)
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
    fn the_prefix_ends_at_the_first_other_byte_wherever_it_stands() {
        for len in 0..300 {
            let mut bytes = vec![b'A'; len];
            assert_eq!(prefix_len(&bytes), len);
            bytes.extend_from_slice(b"\"AAAA");
            assert_eq!(prefix_len(&bytes), len);
        }
    }
}

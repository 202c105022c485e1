//! A number that follows from some bytes, the same on every run and in every build.

use sha2::{Digest, Sha256};

/// The first 64 bits of the SHA-256 of `bytes`.
pub fn hash(bytes: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(bytes));
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_give_the_same_number() {
        assert_eq!(hash(b"abc"), 0xba78_16bf_8f01_cfea);
        assert_ne!(hash(b"abc"), hash(b"abd"));
    }
}

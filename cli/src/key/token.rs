//! The form of a key: `PREFIX_RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRCCCCCC`.
//!
//! 34 random letters and digits R, each of the 62 equally likely (202 bits), and the CRC-32 of
//! everything before it in six such digits C, as in GitHub's tokens. So a scanner recognises a key
//! with certainty, and a mistyped key differs from an unknown one. The checksum guards against
//! accidents only.

/// Characters after the prefix and its `_`.
pub(crate) const BODY_CHARS: usize = RANDOM_CHARS + CHECKSUM_CHARS;

/// The state of a key's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// The key is as it was minted.
    Valid,
    /// The key starts with the prefix, and the checksum is wrong.
    Mistyped,
    /// Not a key of this form.
    None,
}

/// Mints a key from the random bytes of `fill`.
pub(crate) fn mint<E>(
    prefix: &str,
    fill: &mut dyn FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<String, E> {
    let mut key = format!("{prefix}_");
    let mut left = RANDOM_CHARS;
    while left > 0 {
        let mut bytes = [0_u8; RANDOM_CHARS];
        fill(&mut bytes)?;
        // Bytes from 248 on are dropped, since they would make the first letters more likely.
        let digits = bytes.iter().filter(|byte| **byte < LAST_FAIR_BYTE).map(|byte| byte % BASE);
        for digit in digits.take(left) {
            key.push(char_of(digit));
            left -= 1;
        }
    }
    let checksum = checksum_of(&key);
    key.push_str(&checksum);
    Ok(key)
}

/// Checks the checksum of `key`. Our keys start with `prefix`.
pub(crate) fn checksum(key: &str, prefix: &str) -> Checksum {
    let ours = key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'));
    let fits = key
        .len()
        .checked_sub(CHECKSUM_CHARS)
        .and_then(|at| key.split_at_checked(at))
        .is_some_and(|(before, checksum)| has_form(key) && checksum_of(before) == checksum);
    match (fits, ours) {
        (true, _) => Checksum::Valid,
        (false, true) => Checksum::Mistyped,
        (false, false) => Checksum::None,
    }
}

/// Whether `text` may be the prefix of keys.
pub(crate) fn is_prefix(text: &str) -> bool {
    (2..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn has_form(key: &str) -> bool {
    key.rsplit_once('_').is_some_and(|(prefix, body)| {
        is_prefix(prefix)
            && body.len() == BODY_CHARS
            && body.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// The CRC-32 in base 62, with zeros in front.
fn checksum_of(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [0_u8; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = u8::try_from(rest % u32::from(BASE)).unwrap_or_default();
        rest /= u32::from(BASE);
    }
    digits.into_iter().map(char_of).collect()
}

/// The digit as `0-9A-Za-z`.
fn char_of(digit: u8) -> char {
    char::from(match digit {
        0..=9 => b'0' + digit,
        10..=35 => b'A' + (digit - 10),
        _ => b'a' + (digit - 36),
    })
}

const BASE: u8 = 62;
/// The largest multiple of 62 in a byte.
const LAST_FAIR_BYTE: u8 = 248;
/// 34 × log2(62) = 202 bits.
const RANDOM_CHARS: usize = 34;
/// 62^6 > 2^32.
const CHECKSUM_CHARS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), ()> {
        let mut next = 0_u8;
        move |bytes| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(1);
            }
            Ok(())
        }
    }

    #[test]
    fn a_minted_key_has_the_form_and_a_checksum_that_fits() {
        let key = mint("imagegate", &mut counting()).unwrap();
        assert!(key.starts_with("imagegate_0123456789ABCDEFGHIJKLMNOPQRSTUVWX"), "{key}");
        assert_eq!(key.len(), "imagegate_".len() + 40);
        assert_eq!(checksum(&key, "imagegate"), Checksum::Valid);
        // The form of a key shows its prefix.
        assert_eq!(checksum(&key, "acme"), Checksum::Valid);
    }

    #[test]
    fn a_change_of_one_character_is_found() {
        let key = mint("imagegate", &mut counting()).unwrap();
        for at in "imagegate_".len()..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(checksum(&changed, "imagegate"), Checksum::Mistyped, "{changed}");
        }
        assert_eq!(checksum(key.get(..49).unwrap(), "imagegate"), Checksum::Mistyped);
        assert_eq!(checksum(&format!("{key}x"), "imagegate"), Checksum::Mistyped);
    }

    #[test]
    fn other_keys_have_no_checksum() {
        for key in ["sk-proj-1234", "x", "", "é", "acme_0000000000000000000000000000000000000000"]
        {
            assert_eq!(checksum(key, "imagegate"), Checksum::None, "{key}");
        }
    }

    #[test]
    fn letters_are_equally_likely() {
        use sha2::{Digest, Sha256};
        let (mut round, mut count) = (0_u32, [0_i32; 128]);
        let mut source = |bytes: &mut [u8]| {
            round += 1;
            let noise =
                [Sha256::digest(round.to_be_bytes()), Sha256::digest((!round).to_be_bytes())]
                    .concat();
            bytes.copy_from_slice(&noise[..bytes.len()]);
            Ok::<_, ()>(())
        };
        for _ in 0..62 * 34 {
            let key = mint("ab", &mut source).unwrap();
            key.bytes().skip(3).take(34).for_each(|byte| count[usize::from(byte)] += 1);
        }
        let letters: Vec<_> = count.iter().filter(|n| **n > 0).collect();
        assert_eq!(letters.len(), 62);
        // Each is expected 34 × 34 times, with a deviation of 34. A plain remainder would give
        // eight letters a quarter more.
        assert!(letters.iter().all(|n| (*n - 34 * 34).abs() < 5 * 34), "{letters:?}");
    }

    #[test]
    fn a_prefix_is_lower_case_letters_digits_and_underscores() {
        for prefix in ["ab", "imagegate", "acme_prod2"] {
            assert!(is_prefix(prefix), "{prefix}");
        }
        for prefix in ["", "a", "Ab", "1a", "a-b", "ab_", "_ab", "é1", &"a".repeat(33)] {
            assert!(!is_prefix(prefix), "{prefix}");
        }
    }
}

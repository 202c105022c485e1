//! Decimal numbers as integers of their smallest unit: exact, because they are never binary
//! fractions.
//!
//! `number = 1*DIGIT [ "." 1*DIGIT ]`: no sign, no exponent, no separators.

/// Reads a decimal number with at most `places` digits after the point, in units of 10^-`places`.
/// `None` if it is not one, has more digits, or does not fit 64 bits.
#[must_use]
pub fn parse(text: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > places || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// The bytes of most numbers at most: the digits of 64 bits, and the point.
const MOSTLY_LEN: usize = 21;

/// `units` of 10^-`places` each as a decimal number that [`parse`] reads, without trailing zeros.
#[must_use]
pub fn text(units: u64, places: usize) -> String {
    let scale = u32::try_from(places).ok().and_then(|places| 10_u64.checked_pow(places));
    // A unit that is smaller than 64 bits can count has no whole numbers.
    let whole = scale.and_then(|scale| units.checked_div(scale)).unwrap_or(0);
    let fraction = scale.and_then(|scale| units.checked_rem(scale)).unwrap_or(units);
    let mut text = String::with_capacity(MOSTLY_LEN);
    text.push_str(itoa::Buffer::new().format(whole));
    if fraction > 0 {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(fraction);
        text.push('.');
        text.extend((digits.len()..places).map(|_| '0'));
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_numbers_are_exact() {
        for (text, places, units) in [
            ("0", 9, 0),
            ("0.211", 9, 211_000_000),
            ("25.00", 2, 2_500),
            ("007.5", 1, 75),
            ("1.5", 6, 1_500_000),
            ("12", 0, 12),
            ("18446744073.709551615", 9, u64::MAX),
        ] {
            assert_eq!(parse(text, places), Some(units), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_a_decimal_number() {
        for text in
            ["", ".", ".5", "1.", "1..2", "-1", "+1", "1e3", "1,000", " 1", "1 ", "0x1", "inf", "١"]
        {
            assert_eq!(parse(text, 9), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_too_fine_or_too_large_are_rejected() {
        assert_eq!(parse("1.5", 0), None);
        assert_eq!(parse("0.0000000001", 9), None);
        assert_eq!(parse("18446744073.709551616", 9), None);
        assert_eq!(parse(&"9".repeat(1_000), 9), None);
    }

    #[test]
    fn a_number_is_written_without_trailing_zeros() {
        for (units, places, written) in
            [(0, 9, "0"), (1, 9, "0.000000001"), (2_500, 2, "25"), (7, 0, "7"), (1_050, 2, "10.5")]
        {
            assert_eq!(text(units, places), written);
        }
    }

    proptest! {
        #[test]
        fn written_numbers_parse_back(units: u64, places in 0..=25_usize) {
            prop_assert_eq!(parse(&text(units, places), places), Some(units));
        }
    }
}

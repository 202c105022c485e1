//! The types that Envoy's own loader (yaml-cpp) gives to plain scalars.

use crate::check::tree::{Kind, Text};

/// 2^53, up to which a double holds every whole number.
const MAX_EXACT: i64 = 9_007_199_254_740_992;

/// What a plain scalar is, if not text.
pub(super) fn resolve(value: &str) -> Option<Kind> {
    if matches!(value, "" | "~" | "null" | "Null" | "NULL") {
        return Some(Kind::Null);
    }
    for (yes, no) in [("y", "n"), ("yes", "no"), ("true", "false"), ("on", "off")] {
        for (word, truth) in [(yes, true), (no, false)] {
            if is_spelling(value, word) {
                return Some(Kind::Bool(truth));
            }
        }
    }
    number(value)
}

/// Whether `value` is `word` in lower case, in upper case, or with one capital in front.
fn is_spelling(value: &str, word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    let (first, rest) = (upper.get(..1), word.get(1..));
    value == word
        || value == upper
        || first.zip(rest).is_some_and(|(first, rest)| value == format!("{first}{rest}"))
}

fn number(value: &str) -> Option<Kind> {
    let (sign, digits) = match value.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, value.strip_prefix('+').unwrap_or(value)),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let octal = digits.strip_prefix('0').filter(|rest| !rest.is_empty());
    let whole = match (hexadecimal, octal) {
        (Some(digits), _) => i64::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) => i64::from_str_radix(digits, 8).ok(),
        (None, None) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        (None, None) => None,
    };
    if let Some(whole) = whole {
        // Envoy makes text of a number that a double cannot hold exactly.
        #[expect(clippy::cast_precision_loss, reason = "up to 2^53")]
        let double = whole as f64;
        let exact = whole <= MAX_EXACT;
        return Some(if exact {
            Kind::Number(sign * double)
        } else {
            Kind::Text(Text::opaque(value.to_owned()))
        });
    }
    if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Some(Kind::Number(f64::NAN));
    }
    let decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    // A double that overflows is no number to yaml-cpp.
    let double = decimal.then(|| digits.parse::<f64>().ok()).flatten()?;
    double.is_finite().then_some(Kind::Number(sign * double))
}

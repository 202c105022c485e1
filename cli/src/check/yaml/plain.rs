//! The types that loaders give to plain scalars.

use crate::check::tree::{Kind, Text};

/// 2^53, up to which a double holds every whole number.
const MAX_EXACT: i64 = 9_007_199_254_740_992;

/// What a plain scalar is to Envoy's own loader, if not text.
///
/// That loader (`MessageUtil::loadFromYaml`) asks yaml-cpp for a truth value, then for a whole
/// number. So `0.5`, `12e3` and `.inf` are text.
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
    whole_number(value)
}

/// Whether `value` is `word` in lower case, in upper case, or with one capital in front.
fn is_spelling(value: &str, word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    let (first, rest) = (upper.get(..1), word.get(1..));
    value == word
        || value == upper
        || first.zip(rest).is_some_and(|(first, rest)| value == format!("{first}{rest}"))
}

/// The sign of a number, and the rest.
fn signed(value: &str) -> (f64, &str) {
    match value.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, value.strip_prefix('+').unwrap_or(value)),
    }
}

fn whole_number(value: &str) -> Option<Kind> {
    let (sign, digits) = signed(value);
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let octal = digits.strip_prefix('0').filter(|rest| !rest.is_empty());
    let whole = match (hexadecimal, octal) {
        (Some(digits), _) => i64::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) => i64::from_str_radix(digits, 8).ok(),
        (None, None) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        (None, None) => None,
    };
    let whole = whole?;
    // Envoy makes text of a number that a double cannot hold exactly.
    #[expect(clippy::cast_precision_loss, reason = "up to 2^53")]
    let double = whole as f64;
    Some(match whole <= MAX_EXACT {
        true => Kind::Number(sign * double),
        false => Kind::Text(Text::opaque(value.to_owned())),
    })
}

/// What a plain scalar with a point or an exponent is to Kubernetes and to Helm, if not text.
pub(super) fn decimal(value: &str) -> Option<Kind> {
    let (sign, digits) = signed(value);
    if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Some(Kind::Number(f64::NAN));
    }
    let decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    // A double that overflows is no number.
    let double = decimal.then(|| digits.parse::<f64>().ok()).flatten()?;
    double.is_finite().then_some(Kind::Number(sign * double))
}

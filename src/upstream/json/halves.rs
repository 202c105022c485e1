//! Escapes of half a surrogate pair, which are no Unicode.

/// `text` with `\ufffd` in the place of each escape of half a surrogate pair. `None` if it has none.
pub(super) fn without_halves(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let (mut rest, mut has_half) = (text, false);
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, tail) = rest.split_at_checked(at)?;
        let (len, is_half) = escape(tail);
        let (escape, after) = tail.split_at_checked(len)?;
        mended.extend([before, if is_half { HALF } else { escape }]);
        (rest, has_half) = (after, has_half | is_half);
    }
    mended.push_str(rest);
    has_half.then_some(mended)
}

/// The length of the escape that `text` begins with, or of the two of a surrogate pair, and whether
/// it is half a pair.
fn escape(text: &str) -> (usize, bool) {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(HALF.len())) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (HALF.len().saturating_mul(2), false),
        (Some(unit), _) => (HALF.len(), matches!(unit, 0xd800..=0xdfff)),
        // A backslash and a character.
        (None, _) => (2, false),
    }
}

/// The escape of the character that stands for one that is lost.
const HALF: &str = "\\ufffd";

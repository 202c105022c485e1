//! Finds a family of words in a text.
//!
//! A family has one string for each script, with bars between its patterns. A star in a pattern
//! matches a few words: `_too_many_*_requests_`.

/// Whether `text` has any of the patterns.
pub(super) fn has(text: &str, patterns: &[&str]) -> bool {
    let trigrams = Trigrams::of(text);
    let is_in = |pattern: &str| match pattern.split_once(GAP) {
        Some((head, tail)) => {
            around(text, head).any(|(_, rest)| near(rest, GAP_BYTES).contains(tail))
        }
        None => text.contains(pattern),
    };
    each(patterns).any(|pattern| trigrams.may_have(pattern) && is_in(pattern))
}

/// The patterns of a family.
pub(super) fn each<'a>(patterns: &'a [&str]) -> impl Iterator<Item = &'a str> {
    patterns.iter().flat_map(|line| line.split('|'))
}

/// The text before and after each match of `pattern`. Both include the border between them.
pub(super) fn around<'a>(
    text: &'a str,
    pattern: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let first = usize::from(pattern.starts_with(BORDER));
    let last = usize::from(pattern.ends_with(BORDER));
    text.match_indices(pattern).filter_map(move |(at, found)| {
        let end = at.saturating_add(found.len()).saturating_sub(last);
        Some((text.get(..at.saturating_add(first))?, text.get(end..)?))
    })
}

/// The start of `text`, of at most `bytes`.
pub(super) fn near(text: &str, bytes: usize) -> &str {
    let mut ends = (0..=bytes.min(text.len())).rev();
    ends.find_map(|end| text.get(..end)).unwrap_or_default()
}

/// The runs of three bytes in a text, approximately. They rule out most patterns without a search.
struct Trigrams([u64; WORDS]);

impl Trigrams {
    fn of(text: &str) -> Self {
        let mut bits = [0; WORDS];
        for run in text.as_bytes().windows(3) {
            let (word, bit) = place(run);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self(bits)
    }

    /// Whether the text may have the part of `pattern` before its gap.
    fn may_have(&self, pattern: &str) -> bool {
        let runs = pattern.as_bytes().windows(3).take_while(|run| !run.contains(&b'*'));
        runs.map(place).all(|(word, bit)| self.0.get(word).is_some_and(|it| it & bit != 0))
    }
}

/// The word and the bit of a run.
fn place(run: &[u8]) -> (usize, u64) {
    let hash = run.iter().fold(0_u32, |hash, byte| {
        (hash.rotate_left(5) ^ u32::from(*byte)).wrapping_mul(0x9e37_79b1)
    });
    // The high bits are the best mixed.
    let (word, bit) = (hash >> 27, (hash >> 21) & 63);
    (usize::try_from(word).unwrap_or_default(), 1 << bit)
}

/// The mark at both ends of a word.
pub(super) const BORDER: char = '_';
const GAP: char = '*';
/// About three words.
const GAP_BYTES: usize = 32;
/// As many as five bits of a hash can address.
const WORDS: usize = 32;

#[cfg(test)]
mod tests {
    use super::{around, has, near};

    #[test]
    fn a_pattern_is_found_anywhere() {
        assert!(has("_no_image_", &["x|_image_"]));
        assert!(has("_限流_", &["_too_many_|限流"]));
        assert!(!has("_images_", &["_image_"]));
        assert!(!has("", &["_a_"]));
    }

    #[test]
    fn a_star_matches_a_few_words() {
        let many = ["_too_many_*_requests_"];
        assert!(has("_too_many_requests_", &many));
        assert!(has("_too_many_concurrent_image_requests_", &many));
        assert!(has("_too_many_cooks_but_so_it_is_with_soup_too_many_requests_", &many));
        assert!(!has("_too_many_people_in_this_scene_and_then_some_requests_", &many));
        assert!(!has("_requests_too_many_", &many));
    }

    #[test]
    fn borders_are_shared_and_characters_stay_whole() {
        assert_eq!(around("_a_b_c_", "_b_").collect::<Vec<_>>(), [("_a_", "_c_")]);
        assert_eq!(near("ééé", 3), "é");
    }
}

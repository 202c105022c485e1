//! The words that tell what a model means, by family, in the eight languages that are tested: English,
//! German, Spanish, French, Portuguese, Russian, Chinese in both scripts, and Japanese.
//!
//! A pattern is a part of a [`Text`](super::text::Text): lower case, with an underline at the border of
//! a word. A family has one string for each script, with bars between its patterns.
//! To teach another language, add its words to each family.

pub(super) mod failure;
pub(super) mod refusal;

#[cfg(test)]
mod tests {
    use super::{failure, refusal};

    #[test]
    fn a_pattern_can_match() {
        for family in [
            refusal::CANNOT,
            refusal::WILL_NOT,
            refusal::NOT,
            refusal::MAY,
            refusal::WEAK,
            refusal::IMPOSSIBLE,
            refusal::DECLINE,
            refusal::BLOCKED,
            refusal::BREAK,
            refusal::RULE,
            refusal::SUBJECT,
            refusal::NOT_THE_RULES,
            refusal::MAKE,
            refusal::HELP,
            refusal::THIS,
            refusal::UNTIL,
            refusal::ACCEPT,
            failure::COULD_NOT,
            failure::IMAGES,
            failure::THIS_IMAGE,
            failure::NOW,
            failure::TOOL,
            failure::ABSENT,
            failure::OUTAGE,
            failure::LIMITED,
            failure::ALLOWANCE,
            failure::SPENT,
            failure::AGAIN,
            failure::PER,
            failure::REPORTS,
            failure::BUT,
        ] {
            for pattern in family.iter().flat_map(|line| line.split('|')) {
                assert!(!pattern.trim_matches('_').is_empty(), "{family:?}");
                assert_eq!(pattern, pattern.to_lowercase());
                assert!(!pattern.replace("_,_", "").contains([' ', '’', ',']), "{pattern}");
            }
        }
    }
}

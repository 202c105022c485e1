//! The words that show what a model means, by family, in the ten tested languages: English, German,
//! Spanish, French, Portuguese, Italian, Russian, Chinese in both scripts, Japanese and Korean.
//!
//! A pattern is a part of a [`Text`](super::text::Text): lower case, with an underline at the
//! border of a word. A family has one string for each script, with bars between its patterns. A
//! star in a pattern matches a few words. To support another language, add its words to each
//! family.

pub(super) mod ability;
pub(super) mod failure;
pub(super) mod limit;
pub(super) mod policy;
pub(super) mod refusal;
pub(super) mod text;
pub(super) mod tool;

#[cfg(test)]
mod tests {
    use super::{ability, failure, limit, policy, refusal, text, tool};

    #[test]
    fn every_pattern_can_match() {
        for family in [
            ability::OWN_CANNOT,
            ability::OWN_WILL_NOT,
            ability::OWNERS,
            ability::CANNOT,
            ability::WILL_NOT,
            ability::NOT,
            ability::MAY,
            ability::WEAK,
            ability::IMPOSSIBLE,
            ability::MAKE,
            ability::INCLUDE,
            ability::HELP,
            ability::THIS,
            ability::REQUEST,
            failure::COULD_NOT,
            tool::IMAGES,
            tool::THIS_IMAGE,
            tool::NOW,
            tool::TOOL,
            tool::ABSENT,
            failure::OUTAGE,
            limit::LIMITED,
            limit::ALLOWANCE,
            limit::SPENT,
            limit::AGAIN,
            limit::PER,
            policy::BLOCKED,
            policy::BREAK,
            policy::RULE,
            policy::SUBJECT,
            refusal::DECLINE,
            refusal::SOFT,
            refusal::ME,
            refusal::CAUSE,
            refusal::NO,
            refusal::OFFER,
            refusal::BARE_NO,
            refusal::REJECTED,
            refusal::NOT_THE_RULES,
            refusal::UNTIL,
            refusal::PLAN,
            refusal::ACCEPT,
            refusal::CLAIM,
            text::REPORTS,
            text::SAYS,
            text::SPEAKERS,
            text::BUT,
        ] {
            for pattern in family.iter().flat_map(|line| line.split('|')) {
                assert!(!pattern.trim_matches(['_', '*']).is_empty(), "{family:?}");
                assert_eq!(pattern, pattern.to_lowercase());
                let words = pattern.replace("_,_", "");
                assert!(!words.contains([' ', '’', ',', '，', ':']), "{pattern}");
                assert!(pattern.matches('*').count() < 2, "{pattern}");
            }
        }
    }
}

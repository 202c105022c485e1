//! Finds what the model says that it cannot or will not do.
//!
//! In English the subject is right before "can't", and the verb right after it. So only the model's
//! own negations count: a child in the scene may be unable to draw. Other languages put words
//! between them or have no subject. There a sentence counts as a whole.

use super::lexicon::ability::{CANNOT, MAY, NOT, OWN_CANNOT, OWN_WILL_NOT, OWNERS, WEAK, WILL_NOT};
use super::pattern::{BORDER, around, each, has, near};
use super::text::COMMA;

/// Whether a sentence says that the model is not able to do what `verbs` name.
pub(super) fn cannot(sentence: &str, verbs: &[&str]) -> bool {
    if owns(sentence, OWN_CANNOT, verbs) {
        return true;
    }
    let is_next = |rest: &str| each(verbs).any(|verb| rest.starts_with(verb));
    let not_here = || has(sentence, CANNOT) || has(sentence, NOT) && has(sentence, MAY);
    not_here() && has(sentence, verbs)
        || each(WEAK).any(|weak| around(sentence, weak).any(|(_, rest)| is_next(rest)))
}

/// Whether a sentence says that the model does not want to do what `verbs` name.
pub(super) fn will_not(sentence: &str, verbs: &[&str]) -> bool {
    owns(sentence, OWN_WILL_NOT, verbs) || has(sentence, WILL_NOT) && has(sentence, verbs)
}

/// Whether one of the English negations is the model's own and is followed by one of `verbs`.
fn owns(sentence: &str, negations: &[&str], verbs: &[&str]) -> bool {
    each(negations).flat_map(|negation| around(sentence, negation)).any(|(before, rest)| {
        (is_own(before) || rest.starts_with("_be_")) && has(near(rest, VERB_BYTES), verbs)
    })
}

/// Whether the words before a negation say that it is the model's: "I", or no subject.
fn is_own(before: &str) -> bool {
    let words = before.trim_end_matches(BORDER);
    let is_first = words.is_empty() || before.ends_with(COMMA);
    let start = words.rmatch_indices(BORDER).nth(OWNER_WORDS.saturating_sub(1));
    let last = words.get(start.map_or(0, |(at, _)| at)..).unwrap_or_default();
    is_first || has(&format!("{last}{BORDER}"), OWNERS)
}

/// Its owner is among this many words before a negation: "I really can't".
const OWNER_WORDS: usize = 2;
/// How far the verb may be from its negation: "can't, in good conscience, draw".
const VERB_BYTES: usize = 80;

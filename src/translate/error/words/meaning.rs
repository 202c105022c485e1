//! What a model means by words in place of an image.
//!
//! Only a refusal is the client's, so a text counts as one only if nothing speaks against it: a limit and an
//! outage come first, what the service itself says about safety apart. A refusal is one of these, in one sentence:
//!
//! * words of a rule that is broken ("violates … policy"), or of declining;
//! * "can't" or "won't" with a verb of making, and somewhere a subject of policy (violence, a real person);
//! * "can't help", or "can't make *this*", unless it speaks of images in general or of now.

use std::time::Duration;

use super::{
    lexicon::{failure as fail, refusal as say},
    text::{Sentence, Text, each, has},
};

/// What a model means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It will not make this image.
    Refusal,
    /// A limit is reached, for as long as this, if it says.
    Limit(Option<Duration>),
    /// It has no image tool, or the tool failed.
    NoTool,
    /// Anything else: a question, chatter, a claim that there is an image.
    Other,
}

impl Meaning {
    /// The meaning of `text`.
    pub(super) fn of(text: &str) -> Self {
        let text = Text::read(text);
        if is_limit(&text) {
            return Self::Limit(super::wait::told(&text));
        }
        let is_broken = is_broken(&text);
        if is_refusal(&text, is_broken) {
            Self::Refusal
        } else if is_broken || text.is_code {
            Self::NoTool
        } else {
            Self::Other
        }
    }
}

fn is_limit(text: &Text) -> bool {
    let spent = |it: &Sentence| has(&it.words, fail::ALLOWANCE) && has(&it.words, fail::SPENT);
    text.says(fail::LIMITED) || text.sentences.iter().any(spent)
}

/// Whether the tool is missing, or failed.
fn is_broken(text: &Text) -> bool {
    let broken = |it: &Sentence| lacks_tool(&it.words) || makes_none(&it.words);
    text.says(fail::OUTAGE) || text.says(fail::COULD_NOT) || text.sentences.iter().any(broken)
}

fn lacks_tool(sentence: &str) -> bool {
    has(sentence, fail::TOOL) && has(sentence, fail::ABSENT)
}

/// Whether a sentence says that no images are made, in general or now.
fn makes_none(sentence: &str) -> bool {
    let in_general = has(sentence, fail::IMAGES) && !has(sentence, fail::THIS_IMAGE);
    let makes_not = cannot(sentence) || has(sentence, say::WEAK);
    makes_not && has(sentence, say::MAKE) && (in_general || has(sentence, fail::NOW))
}

fn is_refusal(text: &Text, is_broken: bool) -> bool {
    let accepts = |it: &Sentence| each(say::ACCEPT).any(|start| it.words.starts_with(start));
    if text.states(say::NOT_THE_RULES) || text.sentences.first().is_some_and(accepts) {
        return false;
    }
    if text.states(say::BLOCKED) || text.sentences.iter().any(breaks_a_rule) {
        return true;
    }
    // What a tool lacks may be a subject: "no ability to make images of real people".
    let lacks = |it: &Sentence| lacks_tool(&it.words) && !has(&it.words, say::SUBJECT);
    if text.says(fail::OUTAGE) || text.sentences.iter().any(lacks) {
        return false;
    }
    let subject = match text.states(say::SUBJECT) {
        true => Subject::Named,
        false => Subject::Unnamed,
    };
    text.states(say::DECLINE) || text.sentences.iter().any(|it| refuses(it, subject, is_broken))
}

/// Whether a sentence says that the request breaks a rule, and not that a tool is missing besides.
fn breaks_a_rule(sentence: &Sentence) -> bool {
    let says = |patterns| has(&sentence.statement, patterns);
    says(say::BREAK) && says(say::RULE) && !lacks_tool(&sentence.statement)
}

/// Whether the text names a subject of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Named,
    Unnamed,
}

/// Whether a sentence says that the model does not make this image.
fn refuses(sentence: &Sentence, subject: Subject, is_broken: bool) -> bool {
    let says = |patterns| has(&sentence.statement, patterns);
    let will_not = says(say::WILL_NOT);
    if !(will_not || cannot(&sentence.statement)) || says(say::UNTIL) {
        return false;
    }
    match subject {
        // It makes no images at all, and what it names belongs to another thought.
        Subject::Named if makes_none(&sentence.statement) && !says(say::SUBJECT) => false,
        Subject::Named => [say::MAKE, say::HELP, say::IMPOSSIBLE].into_iter().any(says),
        Subject::Unnamed if is_broken => false,
        Subject::Unnamed => says(say::HELP) || says(say::MAKE) && (says(say::THIS) || will_not),
    }
}

fn cannot(sentence: &str) -> bool {
    let makes_next = |rest: &str| each(say::MAKE).any(|verb| rest.starts_with(verb));
    // The border behind the pattern is the one before the verb.
    let of_weak = |weak: &str| {
        let rest = sentence.find(weak)?.saturating_add(weak.len()).saturating_sub(1);
        sentence.get(rest..).map(makes_next)
    };
    has(sentence, say::CANNOT)
        || has(sentence, say::NOT) && has(sentence, say::MAY)
        || each(say::WEAK).filter_map(of_weak).any(|it| it)
}

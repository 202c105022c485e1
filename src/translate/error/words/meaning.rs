//! Decides what a model means by words instead of an image.
//!
//! Only a refusal is the client's, so a text counts as one only if nothing contradicts it. A limit,
//! an outage and a claim that there is an image take precedence. What the service itself says about
//! safety takes precedence over an outage. A refusal is one of these, in one sentence:
//!
//! * words about breaking a rule ("violates … policy"), or of declining;
//! * "can't" or "won't" with a verb of making, and somewhere a subject of policy (violence, a real
//!   person);
//! * "can't help", or "can't make *this*", unless it is about images in general or about now;
//! * with a subject of policy: "no" alone, softer words ("not permitted here"), a rejected request,
//!   or an image that could not be made because of the subject.

use std::time::Duration;

use super::{
    denial::{cannot, will_not},
    lexicon::{ability as able, failure as fail, limit, policy, refusal as say, tool},
    pattern::{each, has},
    text::{COMMA, Sentence, Text},
};

/// What a model means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It will not make this image.
    Refusal,
    /// A limit is reached. The wait is known if the model names it.
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
            return Self::Limit(super::wait::named(&text));
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
    let spent =
        |it: &Sentence| has(&it.statement, limit::ALLOWANCE) && has(&it.statement, limit::SPENT);
    text.states(limit::LIMITED) || text.sentences.iter().any(spent)
}

/// Whether the tool is missing or failed.
fn is_broken(text: &Text) -> bool {
    let broken = |it: &Sentence| lacks_tool(&it.statement) || makes_none(&it.statement);
    text.states(fail::OUTAGE) || text.states(fail::COULD_NOT) || text.sentences.iter().any(broken)
}

fn lacks_tool(sentence: &str) -> bool {
    has(sentence, tool::TOOL) && has(sentence, tool::ABSENT)
}

/// Whether a sentence says that no images are made, in general or now.
fn makes_none(sentence: &str) -> bool {
    let in_general = has(sentence, tool::IMAGES) && !has(sentence, tool::THIS_IMAGE);
    (in_general || has(sentence, tool::NOW)) && cannot(sentence, able::MAKE)
}

fn is_refusal(text: &Text, is_broken: bool) -> bool {
    if goes_on(text) {
        return false;
    }
    if text.sentences.iter().any(|it| is_blocked(it) || breaks_a_rule(it)) {
        return true;
    }
    // What the tool cannot do may include a subject of policy: "no ability to make images of real
    // people".
    let lacks = |it: &Sentence| {
        let mut clauses = it.statement.split(',');
        clauses.any(|clause| lacks_tool(clause) && !has(clause, policy::SUBJECT))
    };
    if text.states(fail::OUTAGE) || text.sentences.iter().any(lacks) {
        return false;
    }
    let subject = match text.states(policy::SUBJECT) {
        true => Subject::Named,
        false => Subject::Unnamed,
    };
    text.states(say::DECLINE)
        || subject == Subject::Named && text.sentences.first().is_some_and(is_no)
        || text.sentences.iter().any(|it| refuses(it, subject, is_broken))
}

/// Whether the text accepts the task, says that it is done, or says that no rule forbids it.
fn goes_on(text: &Text) -> bool {
    let accepts = |it: &Sentence| each(say::ACCEPT).any(|start| it.words.starts_with(start));
    let claims = |it: &Sentence| has(&it.words, say::CLAIM) && !has(&it.words, say::NO);
    let is_allowed =
        |it: &Sentence| has(&it.statement, say::NOT_THE_RULES) && !has(&it.statement, say::OFFER);
    text.sentences.first().is_some_and(accepts)
        || text.sentences.iter().any(|it| claims(it) || is_allowed(it))
}

/// Whether a sentence is "no" or starts with it.
fn is_no(sentence: &Sentence) -> bool {
    let start = sentence.statement.split_once(COMMA).map_or("", |(start, _)| start);
    let is_short = start.chars().count() > 4;
    each(say::BARE_NO).any(|no| sentence.statement == no || is_short && start == no)
}

/// Whether a sentence says that a content filter stopped the request.
fn is_blocked(sentence: &Sentence) -> bool {
    let says = |patterns| has(&sentence.statement, patterns);
    says(policy::BLOCKED)
        && (says(say::REJECTED) || says(policy::BREAK) || cannot(&sentence.statement, able::MAKE))
}

/// Whether a sentence says that the request breaks a rule, and does not also say that a tool is
/// missing.
fn breaks_a_rule(sentence: &Sentence) -> bool {
    let says = |patterns| has(&sentence.statement, patterns);
    says(policy::BREAK) && says(policy::RULE) && !lacks_tool(&sentence.statement)
}

/// Whether the text names a subject of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Named,
    Unnamed,
}

/// Whether a sentence says that the model will not make this image.
fn refuses(sentence: &Sentence, subject: Subject, is_broken: bool) -> bool {
    let statement = sentence.statement.as_str();
    let says = |patterns| has(statement, patterns);
    if says(say::UNTIL) || says(say::PLAN) {
        return false;
    }
    let denies = |verbs| cannot(statement, verbs) || will_not(statement, verbs);
    match subject {
        // It makes no images at all, and the subject belongs to another sentence.
        Subject::Named if makes_none(statement) && !says(policy::SUBJECT) => false,
        Subject::Named => {
            denies(able::MAKE)
                || denies(able::HELP)
                || cannot(statement, able::INCLUDE)
                || says(able::IMPOSSIBLE) && (says(able::THIS) || says(policy::SUBJECT))
                || says(say::SOFT) && says(say::ME)
                || says(able::REQUEST) && says(say::REJECTED)
                || says(policy::SUBJECT) && says(fail::COULD_NOT) && says(say::CAUSE)
        }
        Subject::Unnamed if is_broken => false,
        Subject::Unnamed => denies(able::HELP) || says(able::THIS) && denies(able::MAKE),
    }
}

//! A model's words, made ready for matching.
//!
//! Lower case, one underline before, between and after words, straight apostrophes, no Markdown. Code
//! blocks are left out, and so is what stands in quotation marks: a poster's text says nothing
//! about the answer. A quotation after a word such as "returned" is kept, for it is an error message.

use super::{
    lexicon::text::BUT,
    pattern::{BORDER, each, has},
    plain::plain,
    prose::{without_code, without_quotations},
};

/// Sentences of a text, ready for matching.
#[derive(Debug)]
pub(super) struct Text {
    /// In their order; a comma with "but" ends one, too.
    pub(super) sentences: Vec<Sentence>,
    /// Code or JSON stands in place of an image.
    pub(super) is_code: bool,
}

/// One sentence.
#[derive(Debug)]
pub(super) struct Sentence {
    /// All of it.
    pub(super) words: String,
    /// What it states: without the clause that asks, if it is a question.
    pub(super) statement: String,
}

impl Text {
    /// Reads the first [`MAX_CHARS`](super::plain::MAX_CHARS) characters.
    pub(super) fn read(text: &str) -> Self {
        let (prose, code) = without_code(&plain(text));
        let says = |word: &str| code.contains(word);
        let is_code = ["<svg", "<!doctype", "<html", "import ", "canvas"].into_iter().any(says)
            || prose.iter().find(|it| !it.is_whitespace()) == Some(&'{');
        Self { sentences: sentences(&without_quotations(&prose)), is_code }
    }

    /// Whether the text states any of the patterns, rather than asks.
    pub(super) fn states(&self, patterns: &[&str]) -> bool {
        self.sentences.iter().any(|it| has(&it.statement, patterns))
    }
}

fn sentences(text: &[char]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut words = BORDER.to_string();
    for (at, char) in text.iter().enumerate() {
        if sentences.len() >= MAX_SENTENCES {
            return sentences;
        }
        let next = text.get(at.saturating_add(1));
        let ends = match char {
            '?' | '？' | '!' | '！' | '。' | '\n' | ';' | '；' | '—' | '–' | '…' | '¿' => {
                true
            }
            // A point within a number or a name ends nothing.
            '.' => next.is_none_or(|it| it.is_whitespace() || "*_)\"'".contains(*it)),
            _ => false,
        };
        if ends {
            push_sentence(&mut sentences, &mut words, matches!(char, '?' | '？'));
            continue;
        }
        match char {
            '’' | '\'' | 'ʼ' => words.push('\''),
            '.' => words.push('.'),
            it if it.is_alphanumeric() => words.push(*it),
            it => {
                if !words.ends_with(BORDER) {
                    words.push(BORDER);
                }
                if ",，、:：".contains(*it) {
                    words.push_str(COMMA);
                }
            }
        }
    }
    push_sentence(&mut sentences, &mut words, false);
    sentences
}

/// Ends the sentence. What asks is the last clause of a question, or all of it before a tag: "right?".
fn push_sentence(sentences: &mut Vec<Sentence>, words: &mut String, is_question: bool) {
    let mut words = std::mem::replace(words, BORDER.to_string());
    if words.len() <= 1 {
        return;
    }
    words.push(BORDER);
    let statement = match is_question {
        true => match words.rsplit_once(COMMA) {
            Some((stated, asked)) if asked.len() > MAX_TAG_BYTES => stated.to_owned(),
            _ => String::new(),
        },
        false => words.clone(),
    };
    let (mut words, mut statement) = (words.as_str(), statement.as_str());
    while let Some(at) = thought_len(words).filter(|_| sentences.len() < MAX_SENTENCES) {
        let (first, rest) = words.split_at_checked(at).unwrap_or_default();
        let stated = statement.len().min(at);
        let (first_stated, rest_stated) = statement.split_at_checked(stated).unwrap_or_default();
        sentences.push(Sentence { words: first.to_owned(), statement: first_stated.to_owned() });
        (words, statement) = (rest, rest_stated);
    }
    sentences.push(Sentence { words: words.to_owned(), statement: statement.to_owned() });
}

/// Where the first thought of a sentence ends: after a comma, before "but".
fn thought_len(words: &str) -> Option<usize> {
    let commas = words.match_indices(COMMA).map(|(at, _)| at.saturating_add(COMMA.len()));
    let mut ends = commas.map(|at| at.saturating_sub(BORDER.len_utf8()));
    ends.find(|at| each(BUT).any(|it| words.get(*at..).is_some_and(|rest| begins(rest, it))))
}

fn begins(rest: &str, word: &str) -> bool {
    rest.starts_with(word) || rest.strip_prefix(BORDER).is_some_and(|it| it.starts_with(word))
}

/// Stands after the border of a word.
pub(super) const COMMA: &str = ",_";
/// A short clause that makes a question of what stands before it.
const MAX_TAG_BYTES: usize = 12;
/// What follows this many is not read: each is compared with every pattern.
pub(super) const MAX_SENTENCES: usize = 64;

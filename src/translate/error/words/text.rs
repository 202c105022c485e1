//! Prepares a model's words for matching.
//!
//! The result has lower case, one underline before, between and after words, straight apostrophes
//! and no Markdown. Code blocks and quotations are left out, because the text of a poster says
//! nothing about the outcome. A quotation after a word such as "returned" is kept, because it is an
//! error message.

use super::{
    lexicon::text::BUT,
    pattern::{BORDER, each, has},
    plain::plain,
    prose::{without_code, without_quotations},
};

/// Sentences of a text, ready for matching.
#[derive(Debug)]
pub(super) struct Text {
    /// In their order. A comma with "but" also ends a sentence.
    pub(super) sentences: Vec<Sentence>,
    /// Whether the text has code or JSON instead of an image.
    pub(super) is_code: bool,
}

/// One sentence.
#[derive(Debug)]
pub(super) struct Sentence {
    /// All of it.
    pub(super) words: String,
    /// Its statement. If it is a question, the clause that asks is left out.
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

    /// Whether the text has any of the patterns in a statement, not in a question.
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
            // A period within a number or a name does not end a sentence.
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

/// Ends the sentence. The last clause of a question asks, or the whole sentence if the last clause
/// is a tag such as "right?".
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
    while let Some(at) = statement_len(words).filter(|_| sentences.len() < MAX_SENTENCES) {
        let (first, rest) = words.split_at_checked(at).unwrap_or_default();
        let stated = statement.len().min(at);
        let (first_stated, rest_stated) = statement.split_at_checked(stated).unwrap_or_default();
        sentences.push(Sentence { words: first.to_owned(), statement: first_stated.to_owned() });
        (words, statement) = (rest, rest_stated);
    }
    sentences.push(Sentence { words: words.to_owned(), statement: statement.to_owned() });
}

/// Where the first statement of a sentence ends: after a comma, before "but".
fn statement_len(words: &str) -> Option<usize> {
    let commas = words.match_indices(COMMA).map(|(at, _)| at.saturating_add(COMMA.len()));
    let mut ends = commas.map(|at| at.saturating_sub(BORDER.len_utf8()));
    ends.find(|at| each(BUT).any(|it| words.get(*at..).is_some_and(|rest| begins(rest, it))))
}

fn begins(rest: &str, word: &str) -> bool {
    rest.starts_with(word) || rest.strip_prefix(BORDER).is_some_and(|it| it.starts_with(word))
}

/// A comma after the border of a word.
pub(super) const COMMA: &str = ",_";
/// The longest clause that turns the words before it into a question.
const MAX_TAG_BYTES: usize = 12;
/// Further sentences are not read, because each one is compared with every pattern.
pub(super) const MAX_SENTENCES: usize = 64;

//! A model's words, made ready for matching.
//!
//! Lower case, one underline before, between and after words, straight apostrophes, no Markdown. Code
//! blocks are left out, and so is what stands in quotation marks: a poster's text says nothing
//! about the answer. A quotation after a word such as "returned" is kept, for it is an error message.

use super::lexicon::failure::{BUT, REPORTS};

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
    /// Reads the first [`MAX_CHARS`] characters.
    pub(super) fn read(text: &str) -> Self {
        let start: Vec<char> = text.chars().take(MAX_CHARS).flat_map(char::to_lowercase).collect();
        let (prose, code) = without_code(&start);
        let says = |word: &str| code.contains(word);
        let is_code = ["<svg", "<!doctype", "<html", "import ", "canvas"].into_iter().any(says)
            || prose.iter().find(|it| !it.is_whitespace()) == Some(&'{');
        Self { sentences: sentences(&without_quotations(&prose)), is_code }
    }

    /// Whether the text has any of the patterns.
    pub(super) fn says(&self, patterns: &[&str]) -> bool {
        self.sentences.iter().any(|it| has(&it.words, patterns))
    }

    /// Whether the text states any of the patterns, rather than asks.
    pub(super) fn states(&self, patterns: &[&str]) -> bool {
        self.sentences.iter().any(|it| has(&it.statement, patterns))
    }
}

/// Whether `text` has any of the patterns.
pub(super) fn has(text: &str, patterns: &[&str]) -> bool {
    each(patterns).any(|pattern| text.contains(pattern))
}

/// The patterns of a family, which stand in lines with bars between them.
pub(super) fn each<'a>(patterns: &'a [&str]) -> impl Iterator<Item = &'a str> {
    patterns.iter().flat_map(|line| line.split('|'))
}

/// The text outside code blocks, and all code: what stands in such blocks, and tags outside of them.
fn without_code(text: &[char]) -> (Vec<char>, String) {
    let mut prose = Vec::with_capacity(text.len());
    let mut code = String::new();
    let mut inside = false;
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if let ['`', '`', '`', after @ ..] = rest {
            inside = !inside;
            prose.push('\n');
            rest = after;
            continue;
        }
        if inside {
            code.push(*first)
        } else {
            prose.push(*first)
        }
        rest = after;
    }
    // A drawing needs no fence.
    let bare: String = prose.iter().collect();
    if let Some(at) = ["<svg", "<!doctype", "<html"].iter().filter_map(|it| bare.find(it)).min() {
        let (before, tags) = bare.split_at_checked(at).unwrap_or_default();
        code.push_str(tags);
        prose = before.chars().collect();
    }
    (prose, code)
}

/// The text without what stands in quotation marks.
fn without_quotations(text: &[char]) -> Vec<char> {
    let mut kept: Vec<char> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let length = quotation_len(*first, after, kept.last().copied());
        match length.and_then(|length| after.get(length.saturating_add(1)..)) {
            Some(behind) if !is_report(&kept) => {
                kept.push(' ');
                rest = behind;
            }
            _ => {
                kept.push(*first);
                rest = after;
            }
        }
    }
    kept
}

/// How many characters stand between a quotation mark and the one that closes it.
fn quotation_len(mark: char, after: &[char], before: Option<char>) -> Option<usize> {
    let closers: &[char] = match mark {
        '"' => &['"'],
        '“' | '„' => &['”', '“'],
        '«' => &['»'],
        '「' => &['」'],
        '『' => &['』'],
        '‘' => &['’'],
        // An apostrophe stands after a letter.
        '\'' if !before.is_some_and(char::is_alphanumeric) => &['\''],
        _ => return None,
    };
    let is_apostrophe = |at: usize| {
        matches!(mark, '\'' | '‘')
            && after.get(at.saturating_add(1)).is_some_and(|it| it.is_alphanumeric())
    };
    let near = after.iter().take(MAX_QUOTATION_CHARS).take_while(|it| **it != '\n').enumerate();
    near.filter(|(at, it)| closers.contains(it) && !is_apostrophe(*at)).map(|(at, _)| at).next()
}

/// Whether the words before a quotation say that it is an error message.
fn is_report(before: &[char]) -> bool {
    let from = before.len().saturating_sub(REPORT_CHARS);
    let near: String = before.get(from..).unwrap_or_default().iter().collect();
    has(&near, REPORTS)
}

fn sentences(text: &[char]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut words = BORDER.to_string();
    for (at, char) in text.iter().enumerate() {
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

/// Ends the sentence. What asks is the last clause of a question.
fn push_sentence(sentences: &mut Vec<Sentence>, words: &mut String, is_question: bool) {
    let mut words = std::mem::replace(words, BORDER.to_string());
    if words.len() <= 1 {
        return;
    }
    words.push(BORDER);
    let statement = match is_question {
        true => words.rsplit_once(COMMA).map(|(it, _)| it.to_owned()).unwrap_or_default(),
        false => words.clone(),
    };
    let (mut words, mut statement) = (words.as_str(), statement.as_str());
    while let Some(at) = thought_len(words) {
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

/// Stands at both ends of a word.
const BORDER: char = '_';
/// Stands after the border of a word.
const COMMA: &str = ",_";
/// An answer tells what it means in its first lines.
const MAX_CHARS: usize = 2000;
const MAX_QUOTATION_CHARS: usize = 200;
const REPORT_CHARS: usize = 40;

//! Extracts the model's own statements from a text, without code and quotations.

use super::lexicon::text::{REPORTS, SAYS, SPEAKERS};
use super::pattern::has;

/// The text outside code blocks, and all code: the blocks, and tags outside them.
pub(super) fn without_code(text: &[char]) -> (Vec<char>, String) {
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
    // Tags may come without a fence.
    let bare: String = prose.iter().collect();
    if let Some(at) = ["<svg", "<!doctype", "<html"].iter().filter_map(|it| bare.find(it)).min() {
        let (before, tags) = bare.split_at_checked(at).unwrap_or_default();
        code.push_str(tags);
        prose = before.chars().collect();
    }
    (prose, code)
}

/// The text without quotations and quoted lines.
pub(super) fn without_quotations(text: &[char]) -> Vec<char> {
    let mut kept: Vec<char> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let length = quotation_len(*first, after, kept.last().copied());
        match length.and_then(|length| after.get(length.saturating_add(1)..)) {
            Some(beyond) if !is_report(&kept) => {
                kept.push(' ');
                rest = beyond;
            }
            _ => {
                kept.push(*first);
                rest = after;
            }
        }
    }
    kept
}

/// The number of characters between a quotation mark and the one that closes it.
fn quotation_len(mark: char, after: &[char], before: Option<char>) -> Option<usize> {
    let closers: &[char] = match mark {
        '"' => &['"'],
        '“' | '„' => &['”', '“'],
        '«' => &['»'],
        '»' => &['«'],
        '‹' => &['›'],
        '「' => &['」'],
        '『' => &['』'],
        '《' => &['》'],
        '‘' => &['’'],
        '‚' => &['‘', '’'],
        '＂' => &['＂'],
        // After a letter it is an apostrophe.
        '\'' if !before.is_some_and(char::is_alphanumeric) => &['\''],
        '>' if before.is_none_or(|it| it == '\n') => &['\n'],
        _ => return None,
    };
    let is_apostrophe = |at: usize| {
        matches!(mark, '\'' | '‘')
            && after.get(at.saturating_add(1)).is_some_and(|it| it.is_alphanumeric())
    };
    let limit = if mark == '>' { after.len() } else { MAX_QUOTATION_CHARS };
    let near = after.iter().take(limit).enumerate();
    let near = near.take_while(|(_, it)| **it != '\n' || mark == '>');
    let end = near.filter(|(at, it)| closers.contains(it) && !is_apostrophe(*at)).map(|it| it.0);
    // The last line of a text ends without a line break.
    let last = (mark == '>').then(|| after.len().checked_sub(1)).flatten();
    end.into_iter().next().or(last)
}

/// Whether the words before a quotation say that it is an error message.
fn is_report(before: &[char]) -> bool {
    let from = before.len().saturating_sub(REPORT_CHARS);
    let near: String = before.get(from..).unwrap_or_default().iter().collect();
    has(&near, REPORTS) || has(&near, SAYS) && has(&near, SPEAKERS)
}

const MAX_QUOTATION_CHARS: usize = 200;
const REPORT_CHARS: usize = 40;

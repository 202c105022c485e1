//! Edits of a list by its text, so that comments, order and spaces stay as they are.
//!
//! A list is written in one of two ways: `[a, b]`, in JSON and YAML ([`brackets`]), or in lines
//! that begin with `-`, in YAML ([`lines`]). The caller reads the edited text again: what is not
//! understood here makes an edit fail, and never damages a file.

mod brackets;
mod lines;

use crate::check::tree::{Kind, Node};

/// What is put into a list: the same in either way to write it.
pub(crate) struct Item {
    /// As one value of JSON.
    pub(crate) json: String,
    /// As lines of YAML.
    pub(crate) lines: Vec<String>,
}

/// `source` with one more item at the end of `list`. `None` if the list is written in some other
/// way.
pub(crate) fn append(source: &str, list: &Node, item: &Item) -> Option<String> {
    match has_brackets(source, list)? {
        true => brackets::append(source, list, &item.json),
        false => lines::append(source, list, &item.lines),
    }
}

/// `source` without the item at `index` of `list`. `None` if the list is written in some other way.
pub(crate) fn remove(source: &str, list: &Node, index: usize) -> Option<String> {
    match has_brackets(source, list)? {
        true => brackets::remove(source, list, index),
        false => lines::remove(source, list, index),
    }
}

fn splice(source: &str, from: usize, to: usize, text: &str) -> Option<String> {
    Some(format!("{}{text}{}", source.get(..from)?, source.get(to..)?))
}

fn has_brackets(source: &str, node: &Node) -> Option<bool> {
    let text = source.get(node.span.start..)?;
    Some(match node.kind {
        Kind::List(_) => text.starts_with('['),
        Kind::Object(_) => text.starts_with('{'),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => false,
    })
}

/// The end of the text of a value. The end of lines of YAML is that of what is last in them.
fn end_of(source: &str, node: &Node) -> Option<usize> {
    if has_brackets(source, node)? {
        return brackets::close(source, node).map(|close| close + 1);
    }
    match last_in(node) {
        // A field without a value ends with its name and colon, in the same line.
        Some(last) if last.span.is_empty() => Some(last.span.start),
        Some(last) => end_of(source, last),
        None => {
            let text = source.get(node.span.clone())?;
            // The parser counts the end of the last line to a block of text.
            Some(node.span.start + text.trim_end().len())
        }
    }
}

/// The last value in a list or an object.
fn last_in(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::List(items) => items.last(),
        Kind::Object(fields) => fields.last().map(|field| &field.value),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => None,
    }
}

fn line_start(source: &str, at: usize) -> usize {
    source.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// Where the line with `at` ends, before its line break.
fn line_end(source: &str, at: usize) -> usize {
    let rest = source.get(at..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    at + line.strip_suffix('\r').unwrap_or(line).len()
}

/// Where the line after the one with `at` starts; the end of the text if there is none.
fn next_line(source: &str, at: usize) -> usize {
    source.get(at..).and_then(|rest| rest.find('\n')).map_or(source.len(), |len| at + len + 1)
}

/// The line break of the file.
fn line_break(source: &str) -> &'static str {
    match source.find('\n').and_then(|at| source.get(..at)) {
        Some(line) if line.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Whether there is nothing or only a comment.
fn is_blank(line: &str) -> bool {
    let text = line.trim_start();
    text.is_empty() || text.starts_with('#')
}

//! Lists in lines that begin with `-`.

use super::{end_of, is_blank, line_break, line_end, line_start, next_line, splice};
use crate::check::tree::Node;

/// `source` with these lines as one more item of `list`.
pub(super) fn append(source: &str, list: &Node, lines: &[String]) -> Option<String> {
    let indent = indent(source, dash(source, list, 0)?)?;
    let at = line_end(source, end_of(source, list.items().last()?)?);
    let end = line_break(source);
    let text: String = lines.iter().map(|line| format!("{end}{indent}{line}")).collect();
    splice(source, at, at, &text)
}

/// `source` without the lines of the item at `index` of `list`.
pub(super) fn remove(source: &str, list: &Node, index: usize) -> Option<String> {
    let dash = dash(source, list, index)?;
    let indent = indent(source, dash)?;
    let mut from = line_start(source, dash);
    let to = next_line(source, end_of(source, list.items().get(index)?)?);
    if index > 0 && to == source.len() && !source.ends_with('\n') {
        // The line before is the last one now, without a line break.
        from = source.get(..from)?.trim_end_matches(['\r', '\n']).len();
    }
    // Without an item, the name alone would stand for nothing at all.
    let rest = match list.items().len() {
        1 => format!("{indent}  []{}", line_break(source)),
        _ => String::new(),
    };
    splice(source, from, to, &rest)
}

/// The place of the `-` of an item: in the first line after the one before that is no comment.
fn dash(source: &str, list: &Node, index: usize) -> Option<usize> {
    let mut at = match index.checked_sub(1) {
        None => first_line(source, list.span.start)?,
        Some(before) => next_line(source, end_of(source, list.items().get(before)?)?),
    };
    loop {
        let line = source.get(at..line_end(source, at))?;
        let text = line.trim_start_matches(' ');
        if text == "-" || text.starts_with("- ") || text.starts_with("-\t") {
            return Some(at + line.len() - text.len());
        }
        let next = next_line(source, at);
        if next == at || !(is_blank(line) || is_anchor(text)) {
            return None;
        }
        at = next;
    }
}

/// Where to look for the first `-`. The parser reports the place of the `-`, that of the first item
/// after it, in the same line or a later one, or that of the anchor of the list.
fn first_line(source: &str, start: usize) -> Option<usize> {
    let mut line = line_start(source, start);
    let mut before = source.get(line..start)?;
    while is_blank(before) && !source.get(start..)?.starts_with('-') && line > 0 {
        let end = line - 1;
        line = line_start(source, end);
        before = source.get(line..end)?;
    }
    let dash = before.trim_start().strip_prefix('-');
    Some(if dash.is_some_and(is_blank) { line } else { start })
}

/// Whether this begins with the anchor or the tag of the list.
fn is_anchor(text: &str) -> bool {
    text.starts_with(['&', '!'])
}

/// What is before the `-`. `None` if that is not spaces alone.
fn indent(source: &str, dash: usize) -> Option<&str> {
    let indent = source.get(line_start(source, dash)..dash)?;
    indent.bytes().all(|byte| byte == b' ').then_some(indent)
}

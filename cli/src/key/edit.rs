//! Edits of a list by its text, so that comments, order and spaces stay as they are.
//!
//! A list is written in one of two ways: `[a, b]`, in JSON and YAML, or in lines that begin with
//! `-`, in YAML.

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
    let last = list.items().last();
    if is_flow(source, list)? {
        let (at, text) = match last {
            None => (list.span.start + 1, item.json.clone()),
            Some(last) => {
                let before = source.get(list.span.start..last.span.start)?;
                let space = before.len() - before.trim_end().len();
                let space = before.get(before.len() - space..)?;
                (
                    end_of(source, last)?,
                    format!(",{}{}", if space.is_empty() { " " } else { space }, item.json),
                )
            }
        };
        return splice(source, at, at, &text);
    }
    let indent = indent_of(source, list.items().first()?)?;
    let at = line_end(source, end_of(source, last?)?);
    let lines: String = item.lines.iter().map(|line| format!("\n{indent}{line}")).collect();
    splice(source, at, at, &lines)
}

/// `source` without the item at `index` of `list`. `None` if the list is written in some other way.
pub(crate) fn remove(source: &str, list: &Node, index: usize) -> Option<String> {
    let items = list.items();
    let item = items.get(index)?;
    let end = end_of(source, item)?;
    if is_flow(source, list)? {
        let (from, to) = match (index.checked_sub(1), items.get(index + 1)) {
            (Some(before), _) => (end_of(source, items.get(before)?)?, end),
            (None, Some(next)) => (item.span.start, next.span.start),
            // Without the comma that may follow the only item.
            (None, None) => (item.span.start, list_close(source, list)?),
        };
        return splice(source, from, to, "");
    }
    let indent = indent_of(source, item)?;
    let from = line_start(source, item.span.start);
    let to = (line_end(source, end) + 1).min(source.len());
    // Without an item, the name alone would stand for nothing at all.
    let rest = if items.len() == 1 { format!("{indent}  []\n") } else { String::new() };
    splice(source, from, to, &rest)
}

fn splice(source: &str, from: usize, to: usize, text: &str) -> Option<String> {
    Some(format!("{}{text}{}", source.get(..from)?, source.get(to..)?))
}

/// Whether the value is written with brackets.
fn is_flow(source: &str, node: &Node) -> Option<bool> {
    Some(source.get(node.span.start..)?.starts_with(['[', '{']))
}

/// The end of the text of a value. The end of a block of YAML is that of what is last in it.
fn end_of(source: &str, node: &Node) -> Option<usize> {
    let last = match &node.kind {
        _ if is_flow(source, node)? => None,
        Kind::List(items) => Some(items.last()?),
        Kind::Object(fields) => Some(&fields.last()?.value),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => None,
    };
    match last {
        // A field without a value ends with its name and colon, in the same line.
        Some(last) if last.span.is_empty() => Some(last.span.start),
        Some(last) => end_of(source, last),
        None if is_flow(source, node)? => flow_end(source, node),
        None => Some(node.span.end),
    }
}

/// The place of the closing bracket of a list.
fn list_close(source: &str, list: &Node) -> Option<usize> {
    flow_end(source, list).map(|end| end - 1)
}

/// The end of a value with brackets. YAML's parser may leave the closing one out.
fn flow_end(source: &str, node: &Node) -> Option<usize> {
    let end = node.span.end;
    let closes = |at: usize| source.get(at..).is_some_and(|rest| rest.starts_with([']', '}']));
    if closes(end.checked_sub(1)?) {
        return Some(end);
    }
    closes(end).then_some(end + 1)
}

fn line_start(source: &str, at: usize) -> usize {
    source.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

fn line_end(source: &str, at: usize) -> usize {
    source.get(at..).and_then(|rest| rest.find('\n')).map_or(source.len(), |len| at + len)
}

/// What is before the `-` of an item. `None` if that is not white space alone.
fn indent_of<'s>(source: &'s str, item: &Node) -> Option<&'s str> {
    let line = source.get(line_start(source, item.span.start)..item.span.start)?;
    let (indent, dash) = line.split_at(line.find('-')?);
    (indent.trim().is_empty() && dash.trim_end() == "-").then_some(indent)
}

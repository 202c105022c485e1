//! Lists in brackets, with or without a comma after the last item, and with comments between.

use super::{end_of, is_blank, line_break, line_end, line_start, next_line, splice};
use crate::check::tree::{Kind, Node};

/// `source` with `json` as one more item of `list`.
pub(super) fn append(source: &str, list: &Node, json: &str) -> Option<String> {
    let Some(last) = list.items().last() else { return fill(source, list, json) };
    let end = end_of(source, last)?;
    let before = source.get(list.span.start..last.span.start)?;
    let space = match before.get(before.trim_end().len()..)?.rsplit_once('\n') {
        Some((_, indent)) => format!("{}{indent}", line_break(source)),
        None => " ".to_owned(),
    };
    let comma = comma(source, end);
    let (at, item) = match comma {
        // As the others, the new one has a comma after it.
        Some(comma) => (comma + 1, format!("{space}{json},")),
        None => (end, format!(",{space}{json}")),
    };
    let line = line_end(source, at);
    if !space.contains('\n') || line > close(source, list)? {
        return splice(source, at, at, &item);
    }
    // In a line of its own: a comment at the end of the line stays with the item before it.
    let with_item = splice(source, line, line, item.strip_prefix(',').unwrap_or(&item))?;
    match comma {
        Some(_) => Some(with_item),
        None => splice(&with_item, end, end, ","),
    }
}

/// `source` with `json` as the only item of an empty list.
fn fill(source: &str, list: &Node, json: &str) -> Option<String> {
    let (open, close) = (list.span.start + 1, close(source, list)?);
    let inside = source.get(open..close)?;
    if !inside.contains('#') {
        return splice(source, open, open, json);
    }
    // After the comments, in a line of its own: a comment has to begin after a space.
    let at = line_start(source, close);
    let end = source.get(at..close)?;
    let last = inside.lines().rfind(|line| line.trim_start().starts_with('#')).unwrap_or_default();
    let beside = last.get(..last.len() - last.trim_start().len())?;
    let indent = match beside.len() > end.len() && !inside.starts_with(last) {
        true => beside.to_owned(),
        false => format!("{end}  "),
    };
    splice(source, at, at, &format!("{indent}{json}{}", line_break(source)))
}

/// `source` without the item at `index` of `list`.
pub(super) fn remove(source: &str, list: &Node, index: usize) -> Option<String> {
    let (open, close) = (list.span.start + 1, close(source, list)?);
    let inside = source.get(open..close)?;
    if list.items().len() == 1 && !inside.contains('#') {
        return splice(source, open, close, "");
    }
    let before = match index.checked_sub(1) {
        None => None,
        Some(before) => Some(comma(source, end_of(source, list.items().get(before)?)?)?),
    };
    // Its anchor or tag included.
    let start = skip_space(source, before.map_or(open, |comma| comma + 1));
    let end = end_of(source, list.items().get(index)?)?;
    let after = comma(source, end);
    let end = after.map_or(end, |comma| comma + 1);
    let (from, to) = lines_of(source, start, end, close).unwrap_or_else(|| {
        // A comment keeps the space before it.
        let space = |rest: &str| {
            let text = rest.trim_start_matches(' ');
            if text.starts_with('#') { 0 } else { rest.len() - text.len() }
        };
        let gap =
            |comma: &usize| source.get(comma + 1..start).is_some_and(|it| it.trim().is_empty());
        match before.filter(gap) {
            Some(comma) => (comma + 1, end),
            None => (start, end + source.get(end..close).map_or(0, space)),
        }
    });
    let without = splice(source, from, to, "")?;
    match (before, after) {
        // The item before is the last one now.
        (Some(comma), None) => splice(&without, comma, comma + 1, ""),
        _ => Some(without),
    }
}

/// The lines from `start` to `end`, if nothing but comments is in them besides.
fn lines_of(source: &str, start: usize, end: usize, close: usize) -> Option<(usize, usize)> {
    let (from, to) = (line_start(source, start), next_line(source, end));
    let alone = is_blank(source.get(from..start)?)
        && is_blank(source.get(end..line_end(source, end))?)
        && to <= close;
    alone.then_some((from, to))
}

/// The place of the bracket that closes a list or an object. The parser does not report it
/// reliably: it is the first one after what is last in it.
pub(super) fn close(source: &str, node: &Node) -> Option<usize> {
    let mut at = node.span.start + 1;
    if let Kind::Object(fields) = &node.kind {
        at = fields.last().map_or(at, |field| field.span.end.max(at));
        // A name without a value may have a colon.
        let next = skip_space(source, at);
        let colon = source.get(next..)?.starts_with(':');
        at = if colon { next + 1 } else { at };
    }
    if let Some(last) = super::last_in(node).filter(|last| !last.span.is_empty()) {
        at = end_of(source, last)?.max(at);
    }
    let at = comma(source, at).map_or(at, |comma| comma + 1);
    let at = skip_space(source, at);
    source.get(at..)?.starts_with([']', '}']).then_some(at)
}

/// The place of the comma that is the next thing after `at`.
fn comma(source: &str, at: usize) -> Option<usize> {
    let next = skip_space(source, at);
    source.get(next..)?.starts_with(',').then_some(next)
}

/// The place of the next thing from `at` on that is neither white space nor a comment.
fn skip_space(source: &str, mut at: usize) -> usize {
    loop {
        let rest = source.get(at..).unwrap_or_default();
        let text = rest.trim_start();
        at += rest.len() - text.len();
        if !text.starts_with('#') {
            return at;
        }
        at = line_end(source, at);
    }
}

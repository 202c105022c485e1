//! The source with every value hidden: what may be shown beside a fault.
//!
//! Only the names of fields and punctuation between values are kept. What takes a place of its own is hidden behind
//! a character of the same number of bytes, so that columns stay what they are.

use std::ops::Range;

use super::tree::{Kind, Node};

/// `source` without its values and comments.
pub(crate) fn mask(source: &str, trees: &[Node]) -> String {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for tree in trees {
        tree.walk(&mut |node| {
            names.extend(node.fields().iter().map(|field| field.span.clone()));
            if !matches!(node.kind, Kind::List(_) | Kind::Object(_)) {
                values.push(node.span.clone());
            }
        });
    }
    // Text that was read as JSON is not one value: the names and values in it are known.
    let blocks: Vec<_> = trees.iter().map(|tree| tree.span.clone()).collect();
    values.retain(|value| {
        !blocks.iter().any(|block| {
            value.start <= block.start && block.end <= value.end && !same(value, block, trees)
        })
    });
    let (names, values) = (merged(names), merged(values));
    let shown = |at: usize, c: char| {
        c.is_whitespace() || within(&names, at) || (PUNCTUATION.contains(c) && !within(&values, at))
    };
    source.char_indices().map(|(at, c)| if shown(at, c) { c } else { hidden(c) }).collect()
}

/// Whether the tree of this span is a single value itself.
fn same(value: &Range<usize>, block: &Range<usize>, trees: &[Node]) -> bool {
    value == block
        && trees.iter().any(|tree| {
            tree.span == *block && !matches!(tree.kind, Kind::List(_) | Kind::Object(_))
        })
}

/// Ranges in order, none touching another.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn within(ranges: &[Range<usize>], at: usize) -> bool {
    let behind = ranges.partition_point(|range| range.start <= at);
    behind.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|range| at < range.end)
}

/// Something of the same length.
fn hidden(c: char) -> char {
    match c.len_utf8() {
        1 => '*',
        2 => '·',
        3 => '•',
        _ => '\u{1F512}',
    }
}

/// What stands between values.
const PUNCTUATION: &str = "{}[],:-\"'|>#&";

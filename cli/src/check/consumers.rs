//! The lists of consumers in a file, with their places: of a configuration in any form that `check`
//! reads, or of a list that the filter fetches.

use std::ops::Range;
use std::path::Path;

use super::tree::{Kind, Node, Text};
use super::{input, json};

/// Each value of a field `consumers` that is an array, in the order of the file.
///
/// # Errors
///
/// What is wrong with the file, if it is neither JSON nor YAML.
pub(crate) fn consumer_lists(source: &str, path: &Path) -> Result<Vec<Node>, String> {
    let parsed = input::parse(source, path).map_err(|finding| finding.title)?;
    if let Some(finding) = parsed.repeated.into_iter().next() {
        return Err(finding.title);
    }
    let mut lists = Vec::new();
    parsed.documents.iter().for_each(|document| collect(document, &mut lists));
    Ok(lists)
}

fn collect(node: &Node, lists: &mut Vec<Node>) {
    if let Kind::Text(text) = &node.kind {
        if let Some(inner) = embedded(text) {
            collect(&inner, lists);
        }
    }
    node.items().iter().for_each(|item| collect(item, lists));
    for field in node.fields() {
        match (&field.value.kind, field.name.as_str()) {
            (Kind::List(items), "consumers") if items.iter().all(is_object) => {
                lists.push(field.value.clone());
            }
            _ => collect(&field.value, lists),
        }
    }
}

fn is_object(node: &Node) -> bool {
    matches!(node.kind, Kind::Object(_))
}

/// JSON in a text whose characters are those of the file, with the places of the file.
fn embedded(text: &Text) -> Option<Node> {
    if text.lines.is_empty() || !text.value.trim_start().starts_with('{') {
        return None;
    }
    let mut tree = json::parse(&text.value)?;
    let place = |at| text.place(at).unwrap_or_default();
    let range = |span: Range<usize>| place(span.start)..place(span.end);
    tree.relocate(&range);
    Some(tree)
}

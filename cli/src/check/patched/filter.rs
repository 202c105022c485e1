//! imagegate's filter while the patches of a mesh go over it, and where a patch meets it.

use super::super::find::{self, Found};
use super::super::tree::{Node, segments};

/// A filter that a patch adds.
pub(super) struct Filter {
    /// The number of its resource.
    pub(super) resource: usize,
    /// Its pointer in the document of the resource.
    pub(super) pointer: String,
    /// The listener, by the name that the patches have for it.
    pub(super) listener: String,
    /// Its place in the listener.
    pub(super) path: Vec<String>,
    /// What it is after the patches so far.
    pub(super) tree: Node,
    /// The resources whose patches have changed it.
    pub(super) changed_by: Vec<String>,
}

impl Filter {
    /// The pointer to the patch that adds it, in its resource.
    pub(super) fn patch(&self) -> String {
        // `/spec/configPatches/0/…`
        self.pointer.split('/').take(4).collect::<Vec<_>>().join("/")
    }
}

/// Pointers to imagegate's filters in a value: entries of `http_filters`.
pub(super) fn entries(value: &Node) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect(node: &Node, pointer: String, found: &mut Vec<String>) {
    if node.get("typed_config").and_then(find::settings).is_some() {
        if matches!(find::find(node), Found::Plugins(_)) {
            found.push(pointer);
        }
        return;
    }
    for (index, item) in node.items().iter().enumerate() {
        collect(item, format!("{pointer}/{index}"), found);
    }
    for field in node.fields() {
        let name = field.name.replace('~', "~0").replace('/', "~1");
        collect(&field.value, format!("{pointer}/{name}"), found);
    }
}

/// What a patch means for a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing.
    Beside,
    /// It has another place now.
    Moved(Vec<String>),
    /// The operation applies inside it: the path there, and the pointer `from`.
    Inside(String, Option<String>),
    /// It is gone.
    Lost,
    /// It changes, and how is not known here.
    Unknown(&'static str),
}

/// How an operation with pointers into the listener meets the filter at `filter`.
pub(super) fn reach(filter: &[String], op: &str, path: &str, from: Option<&str>) -> Reach {
    let path: Vec<_> = segments(path).collect();
    let from = from.map(|it| segments(it).collect::<Vec<_>>());
    let own = |it: &[String]| it.strip_prefix(filter).filter(|it| !it.is_empty()).map(pointer);
    let source = from.as_deref().and_then(own);
    match (op, own(&path)) {
        ("move" | "copy", Some(inside)) => match source {
            Some(source) => Reach::Inside(inside, Some(source)),
            None => Reach::Unknown("it takes a value from elsewhere in the listener"),
        },
        (_, Some(inside)) => Reach::Inside(inside, None),
        ("move", None) if source.is_some() => Reach::Unknown("it moves a value out of the filter"),
        ("test", None) => Reach::Beside,
        ("replace", None) if path == filter => Reach::Inside(String::new(), None),
        ("replace", None) if filter.starts_with(&path) => Reach::Lost,
        ("remove", None) => without(filter, &path),
        // After or before others.
        ("move", None) if from.as_deref() == Some(filter) && !filter.starts_with(&path) => {
            Reach::Moved(path)
        }
        ("move", None) => match without(filter, from.as_deref().unwrap_or_default()) {
            Reach::Moved(filter) => match with(&filter, &path) {
                Reach::Beside => Reach::Moved(filter),
                reach => reach,
            },
            Reach::Beside => with(filter, &path),
            reach => reach,
        },
        ("add" | "copy", None) => with(filter, &path),
        _ => Reach::Beside,
    }
}

/// The filter's place after a value is added at `path`.
fn with(filter: &[String], path: &[String]) -> Reach {
    match siblings(filter, path) {
        Some((added, own)) if added <= own => Reach::Moved(renumbered(filter, path, own + 1)),
        None if filter.starts_with(path) => Reach::Lost,
        _ => Reach::Beside,
    }
}

/// The filter's place after the value at `path` is removed.
fn without(filter: &[String], path: &[String]) -> Reach {
    match siblings(filter, path) {
        _ if filter.starts_with(path) => Reach::Lost,
        Some((removed, own)) if removed < own => Reach::Moved(renumbered(filter, path, own - 1)),
        _ => Reach::Beside,
    }
}

/// The index at the end of `path`, and the filter's own in the same list.
fn siblings(filter: &[String], path: &[String]) -> Option<(usize, usize)> {
    let (last, owner) = path.split_last()?;
    let own = filter.strip_prefix(owner)?.first()?;
    Some((last.parse().ok()?, own.parse().ok()?))
}

fn renumbered(filter: &[String], path: &[String], index: usize) -> Vec<String> {
    let mut filter = filter.to_vec();
    if let Some(own) = path.len().checked_sub(1).and_then(|depth| filter.get_mut(depth)) {
        *own = index.to_string();
    }
    filter
}

fn pointer(names: &[String]) -> String {
    names.iter().map(|it| format!("/{}", it.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests;

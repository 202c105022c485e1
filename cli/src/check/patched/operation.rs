//! The operations of RFC 6902 on a tree with places.
//!
//! A crate for JSON would lose the places, and Envoy Gateway makes missing objects and lists for an
//! `add`, which the RFC does not. The tests compare the rest with the crate `json-patch`.

use std::ops::Range;

use super::super::configurations::value as json;
use super::super::tree::{Field, Kind, Node, camel_case, segments, split};
use super::super::words::named;
use super::super::yaml::{MAX_DEPTH, MAX_NODES};

/// One operation.
pub(super) struct Operation<'p> {
    pub(super) op: &'p str,
    /// Where it applies.
    pub(super) path: &'p str,
    /// What `move` and `copy` take.
    pub(super) from: Option<&'p str>,
    pub(super) value: Option<&'p Node>,
    /// The place of the path, for what it makes.
    pub(super) at: Range<usize>,
}

/// Why an operation fails.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no such operation.
    Unknown,
    /// A field of the patch is missing.
    Lacks(&'static str),
    /// The pointer leads nowhere: where it ends, and what could follow there.
    Nothing { end: String, accepted: String },
    /// `test` compares with another value.
    Differs,
    /// The settings are in a `TypedStruct`, and the path does not say so.
    Wrapped,
    /// A `StringValue` has something else than text.
    NotText,
    /// The tree would be deeper or larger than any configuration.
    Large,
}

/// The tree after an operation of a patch at this path. A field that is not known may be one that
/// Envoy Gateway has made, so a `replace` may add it. `None` if the operation fails.
pub(crate) fn patched(tree: &Node, operation: &Node, path: &str) -> Option<Node> {
    if !path.is_empty() && !path.starts_with('/') {
        return None;
    }
    let text = |name: &str| operation.get(name).and_then(Node::text);
    let run = |op: &str| {
        let mut tree = tree.clone();
        let at = operation.get("path").unwrap_or(operation).span.clone();
        let value = operation.get("value");
        let operation = Operation { op, path, from: text("from"), value, at };
        operation.run(&mut tree).ok().map(|()| tree)
    };
    let op = text("op").unwrap_or_default();
    run(op).or_else(|| if op == "replace" { run("add") } else { None })
}

impl Operation<'_> {
    /// Changes the tree; after a fault it is of no use.
    pub(super) fn run(&self, tree: &mut Node) -> Result<(), Fault> {
        let value = || self.value.cloned().ok_or(Fault::Lacks("value"));
        let from = || self.from.ok_or(Fault::Lacks("from"));
        if self.path.matches('/').count() > MAX_DEPTH {
            return Err(Fault::Large);
        }
        match self.op {
            "add" => self.add(tree, value()?)?,
            "remove" => drop(remove(tree, self.path)?),
            "replace" => *find(tree, self.path)? = value()?,
            "copy" => {
                let copied = find(tree, from()?)?.clone();
                self.add(tree, copied)?;
            }
            "move" => {
                let moved = remove(tree, from()?)?;
                self.add(tree, moved)?;
            }
            "test" => {
                let is_equal = json(find(tree, self.path)?) == json(&value()?);
                return if is_equal { Ok(()) } else { Err(Fault::Differs) };
            }
            _ => return Err(Fault::Unknown),
        }
        // `copy` may double it each time.
        let mut left = MAX_NODES;
        if fits(tree, MAX_DEPTH, &mut left) { Ok(()) } else { Err(Fault::Large) }
    }

    fn add(&self, tree: &mut Node, value: Node) -> Result<(), Fault> {
        let Some((owner, last)) = split(self.path) else {
            *tree = value;
            return Ok(());
        };
        let names: Vec<_> = segments(owner).collect();
        let (mut node, mut end) = (tree, String::new());
        for (depth, name) in names.iter().enumerate() {
            self.ensure(node, name, names.get(depth + 1).unwrap_or(&last));
            node = enter(node, name, &mut end)?;
        }
        match &mut node.kind {
            Kind::Object(fields) => match position(fields, &last).and_then(|at| fields.get_mut(at))
            {
                Some(field) => field.value = value,
                None => fields.push(Field { name: last, span: self.at.clone(), value }),
            },
            Kind::List(items) => match index(&last).filter(|at| *at <= items.len()) {
                Some(at) => items.insert(at, value),
                None if last == "-" => items.push(value),
                None => return Err(nothing(node, end, true)),
            },
            _ => return Err(nothing(node, end, true)),
        }
        Ok(())
    }

    /// Makes what a path names and an object lacks: a list if an index follows.
    fn ensure(&self, node: &mut Node, name: &str, next: &str) {
        let Kind::Object(fields) = &mut node.kind else { return };
        if position(fields, name).is_none() {
            let is_list = next == "-" || next == "0";
            let kind = if is_list { Kind::List(Vec::new()) } else { Kind::Object(Vec::new()) };
            let value = Node { span: self.at.clone(), kind };
            fields.push(Field { name: name.to_owned(), span: self.at.clone(), value });
        }
    }
}

fn remove(tree: &mut Node, path: &str) -> Result<Node, Fault> {
    let Some((owner, last)) = split(path) else {
        return Err(nothing(tree, String::new(), false));
    };
    let node = find(tree, owner)?;
    let removed = match &mut node.kind {
        Kind::Object(fields) => position(fields, &last).map(|at| fields.remove(at).value),
        Kind::List(items) => index(&last).filter(|at| *at < items.len()).map(|at| items.remove(at)),
        _ => None,
    };
    removed.ok_or_else(|| nothing(node, owner.to_owned(), false))
}

fn find<'n>(tree: &'n mut Node, path: &str) -> Result<&'n mut Node, Fault> {
    let mut end = String::new();
    segments(path).try_fold(tree, |node, name| enter(node, &name, &mut end))
}

/// The value of this name in `node`; then `end` leads to it.
fn enter<'n>(node: &'n mut Node, name: &str, end: &mut String) -> Result<&'n mut Node, Fault> {
    let at = match &node.kind {
        Kind::Object(fields) => position(fields, name),
        Kind::List(items) => index(name).filter(|at| *at < items.len()),
        _ => None,
    };
    let Some(at) = at else { return Err(nothing(node, end.clone(), false)) };
    end.push('/');
    end.push_str(&name.replace('~', "~0").replace('/', "~1"));
    let child = match &mut node.kind {
        Kind::Object(fields) => fields.get_mut(at).map(|field| &mut field.value),
        Kind::List(items) => items.get_mut(at),
        _ => None,
    };
    child.ok_or_else(|| Fault::Nothing { end: end.clone(), accepted: String::new() })
}

/// A field of this name. Envoy Gateway writes the names of Envoy as `snake_case`, also where a
/// manifest has the other spelling.
fn position(fields: &[Field], name: &str) -> Option<usize> {
    let of_name = |name: &str| fields.iter().rposition(|field| field.name == name);
    of_name(name).or_else(|| of_name(&camel_case(name)))
}

/// Whether the tree has at most this many levels, and this many values.
fn fits(node: &Node, depth: usize, left: &mut usize) -> bool {
    let (Some(depth), Some(rest)) = (depth.checked_sub(1), left.checked_sub(1)) else {
        return false;
    };
    *left = rest;
    node.items().iter().all(|it| fits(it, depth, left))
        && node.fields().iter().all(|it| fits(&it.value, depth, left))
}

fn index(name: &str) -> Option<usize> {
    let is_index = name == "0" || !name.starts_with(['0', '+']);
    is_index.then(|| name.parse().ok()).flatten()
}

/// The path ends at `node`.
fn nothing(node: &Node, end: String, is_add: bool) -> Fault {
    let accepted = match &node.kind {
        Kind::List(items) if is_add => format!("an index up to {}, or `-`", items.len()),
        Kind::List(items) if items.is_empty() => "nothing: the list is empty".to_owned(),
        Kind::List(items) => format!("an index up to {}", items.len() - 1),
        Kind::Object(fields) if fields.is_empty() => "nothing: the object is empty".to_owned(),
        Kind::Object(fields) => {
            let mut names: Vec<_> =
                fields.iter().map(|it| format!("`{}`", named(&it.name))).collect();
            names.sort();
            names.join(", ")
        }
        _ => "nothing: it is a single value".to_owned(),
    };
    Fault::Nothing { end, accepted }
}

#[cfg(test)]
mod tests;

//! The lists of consumers in a file, with their places: of a configuration in any form that `check`
//! reads, or of a list that the filter fetches.

use std::ops::Range;
use std::path::Path;

use super::finding::Finding;
use super::input;
use super::tree::{Field, Kind, Node, Text};

/// A file that may have lists of consumers.
pub(crate) struct ConsumerLists {
    documents: Vec<Node>,
    /// Each value of a field `consumers` that is an array of objects, in the order of the file.
    pub(crate) lists: Vec<Node>,
    /// The values of a field `consumers` of a list or a configuration that are something else.
    pub(crate) others: Vec<Node>,
    /// The places of the texts with such a list whose characters are not those of the file.
    pub(crate) escaped: Vec<Range<usize>>,
}

impl ConsumerLists {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, if it is neither JSON nor YAML.
    pub(crate) fn read(source: &str, path: &Path) -> Result<Self, Finding> {
        let parsed = input::parse(source, path)?;
        if let Some(finding) = parsed.repeated.into_iter().next() {
            return Err(finding);
        }
        let mut all = Self {
            documents: Vec::new(),
            lists: Vec::new(),
            others: Vec::new(),
            escaped: Vec::new(),
        };
        parsed.documents.iter().for_each(|document| all.collect(document, true));
        all.documents = parsed.documents;
        Ok(all)
    }

    /// Whether there is nothing in the file.
    pub(crate) fn is_empty(&self) -> bool {
        self.documents.iter().all(|document| matches!(document.kind, Kind::Null))
    }

    fn collect(&mut self, node: &Node, is_document: bool) {
        if let Kind::Text(text) = &node.kind {
            for inner in embedded(text) {
                match text.lines.is_empty() {
                    true if has_list(&inner) => self.escaped.push(node.span.clone()),
                    true => {}
                    false => self.collect(&inner, true),
                }
            }
        }
        node.items().iter().for_each(|item| self.collect(item, false));
        // Not the names of consumers in a rule.
        let has_list = is_document || node.get("upstreams").is_some();
        for field in node.fields() {
            if is_list(field) {
                self.lists.push(field.value.clone());
                continue;
            }
            if has_list && field.name == "consumers" {
                self.others.push(field.value.clone());
            }
            self.collect(&field.value, false);
        }
    }

    /// Whether two files differ in nothing but the items of their lists.
    pub(crate) fn differ_in_items_only(&self, other: &Self) -> bool {
        let [one, other] = [self, other].map(|it| it.documents.iter().map(without_items));
        one.len() == other.len() && one.zip(other).all(|(one, other)| same(&one, &other))
    }
}

/// Whether two values are the same, wherever they are.
pub(crate) fn same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool(one), Kind::Bool(other)) => one == other,
        (Kind::Number(one), Kind::Number(other)) => one.to_bits() == other.to_bits(),
        (Kind::Text(one), Kind::Text(other)) => one.value == other.value,
        (Kind::List(one), Kind::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Kind::Object(one), Kind::Object(other)) => {
            let is_same = |(one, other): (&Field, &Field)| {
                one.name == other.name && same(&one.value, &other.value)
            };
            one.len() == other.len() && one.iter().zip(other).all(is_same)
        }
        _ => false,
    }
}

/// The value with empty lists of consumers.
fn without_items(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Text(text) => match embedded(text) {
            inner if inner.iter().any(has_list) => {
                Kind::List(inner.iter().map(without_items).collect())
            }
            _ => node.kind.clone(),
        },
        Kind::List(items) => Kind::List(items.iter().map(without_items).collect()),
        Kind::Object(fields) => Kind::Object(fields.iter().map(field_without_items).collect()),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => node.kind.clone(),
    };
    Node { span: node.span.clone(), kind }
}

fn field_without_items(field: &Field) -> Field {
    let value = match is_list(field) {
        true => Node { span: field.value.span.clone(), kind: Kind::List(Vec::new()) },
        false => without_items(&field.value),
    };
    Field { value, ..field.clone() }
}

/// Whether a field is a list of consumers.
fn is_list(field: &Field) -> bool {
    let is_object = |item: &Node| matches!(item.kind, Kind::Object(_));
    field.name == "consumers"
        && matches!(&field.value.kind, Kind::List(items) if items.iter().all(is_object))
}

fn has_list(node: &Node) -> bool {
    let mut found = false;
    node.walk(&mut |node| found |= node.fields().iter().any(is_list));
    found
}

/// The documents in a text: of JSON, or of YAML. They have the places of the file if the text's
/// characters are those of the file.
fn embedded(text: &Text) -> Vec<Node> {
    // A list has this name.
    if !text.value.contains("consumers") {
        return Vec::new();
    }
    let Ok(parsed) = input::parse(&text.value, Path::new("")) else { return Vec::new() };
    let mut documents = if parsed.repeated.is_empty() { parsed.documents } else { Vec::new() };
    // A single text, such as a path, is a document of YAML, too, and has itself in it.
    documents.retain(|it| !matches!(it.kind, Kind::Text(_)));
    if !text.lines.is_empty() {
        let place = |at| text.place(at).unwrap_or_default();
        let range = |span: Range<usize>| place(span.start)..place(span.end);
        documents.iter_mut().for_each(|document| document.relocate(&range));
    }
    documents
}

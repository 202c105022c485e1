//! Values that stand in no file.

use std::ops::Range;

use super::super::tree::{Field, Kind, Node, Text};

/// The place in the file that stands for them.
pub(super) struct Place(pub(super) Range<usize>);

impl Place {
    pub(super) fn object(&self, fields: Vec<Field>) -> Node {
        Node { span: self.0.clone(), kind: Kind::Object(fields) }
    }

    pub(super) fn list(&self, items: Vec<Node>) -> Node {
        Node { span: self.0.clone(), kind: Kind::List(items) }
    }

    pub(super) fn text(&self, text: &str) -> Node {
        Node { span: self.0.clone(), kind: Kind::Text(Text::opaque(text.to_owned())) }
    }

    pub(super) fn field(&self, name: &str, value: Node) -> Field {
        Field { name: name.to_owned(), span: self.0.clone(), value }
    }
}

/// Adds fields; one of the same name is replaced.
pub(super) fn merge(fields: &mut Vec<Field>, more: Vec<Field>) {
    for field in more {
        fields.retain(|it| it.name != field.name);
        fields.push(field);
    }
}

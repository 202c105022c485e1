//! The resources of a list, as `kubectl get -o yaml` prints it. Each is a document of its own.

use super::tree::{Field, Kind, Node, Text};

/// The documents, with the resources of each list in place of the list.
pub(super) fn flattened(documents: Vec<Node>) -> Vec<Node> {
    documents.into_iter().flat_map(resources).collect()
}

/// The resources of a list, which may hold further lists, or else the document itself.
fn resources(document: Node) -> Vec<Node> {
    let items = document.items_of_list().to_vec();
    if items.is_empty() {
        return vec![document];
    }
    let kind = document.field("kind");
    flattened(items.into_iter().map(|item| with_kind(item, kind)).collect())
}

/// The list of one kind may leave the kind out of its items, which then have its name in front of
/// `List`.
fn with_kind(mut item: Node, list: Option<&Field>) -> Node {
    let of_list = list.and_then(|it| it.value.text()?.strip_suffix("List"));
    let kind = of_list.filter(|kind| !kind.is_empty() && item.get("kind").is_none());
    if let (Some(kind), Some(list), Kind::Object(fields)) = (kind, list, &mut item.kind) {
        let text = Kind::Text(Text::opaque(kind.to_owned()));
        let value = Node { span: list.value.span.clone(), kind: text };
        fields.push(Field { value, ..list.clone() });
    }
    item
}

impl Node {
    /// The items, if it is a list of resources of Kubernetes.
    fn items_of_list(&self) -> &[Self] {
        let items = self.get("items").map(Self::items).unwrap_or_default();
        let has_kind = |node: &Self| node.get("kind").and_then(Self::text).is_some();
        let is_list = has_kind(self) || items.iter().any(has_kind);
        if is_list { items } else { &[] }
    }
}

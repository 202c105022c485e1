//! `MERGE`, as Istio does it: the messages of protobuf, field by field.

use super::super::super::tree::{Field, Kind, Node, camel_case};

/// Merges the entry of `http_filters` that a patch has into the filter. Returns why the result is
/// not known here.
pub(super) fn merge(filter: &mut Node, patch: &Node) -> Result<(), &'static str> {
    let patched = patch.get("typed_config");
    let is_wrapped = |it: &Node| kind(it).is_some_and(|it| it.ends_with(TYPED_STRUCT));
    let own = filter.get("typed_config");
    let are_wrapped = own.is_some_and(is_wrapped) && patched.is_some_and(is_wrapped);
    if !are_wrapped && patched.is_some() && patched.and_then(kind) != own.and_then(kind) {
        return Err("its `typed_config` has another `@type` than the filter");
    }
    if own.and_then(kind).is_none() {
        return Err("the filter's `typed_config` has no `@type`");
    }
    let Kind::Object(fields) = &patch.kind else { return Ok(()) };
    // Istio takes only these from the patch.
    let is_taken = |it: &&Field| ["name", "typed_config", "typedConfig"].contains(&&*it.name);
    let kind = Kind::Object(fields.iter().filter(is_taken).cloned().collect());
    let patch = Node { span: patch.span.clone(), kind };
    let depth = if are_wrapped { Some(FIELDS_OF_STRUCT) } else { None };
    object(filter, &patch, depth);
    Ok(())
}

/// Merges the message of a patch into another.
pub(crate) fn merge_message(into: &mut Node, patch: &Node) {
    object(into, patch, None);
}

/// Merges as protobuf does: objects by field, lists by their elements. An `Any` is one value, and a
/// value that is the default changes nothing. The fields `replaced` levels below are entries of a
/// map, which the patch replaces.
fn object(into: &mut Node, patch: &Node, replaced: Option<usize>) {
    let Kind::Object(fields) = &mut into.kind else { return };
    for field in patch.fields() {
        let is_it = |name: &str| {
            name == field.name || camel_case(name) == field.name || name == camel_case(&field.name)
        };
        let is_same = |it: &&mut Field| match replaced {
            // Names of users, which have one spelling.
            Some(0) => it.name == field.name,
            _ => is_it(&it.name),
        };
        let Some(own) = fields.iter_mut().find(is_same) else {
            fields.push(field.clone());
            continue;
        };
        let is_any = field.value.get("@type").is_some() && !is_it("typed_config");
        match (&mut own.value.kind, &field.value.kind) {
            _ if replaced == Some(0) => *own = field.clone(),
            (Kind::Object(_), Kind::Object(_)) if !is_any => {
                object(&mut own.value, &field.value, replaced.and_then(|it| it.checked_sub(1)));
            }
            (Kind::List(items), Kind::List(more)) => items.extend(more.iter().cloned()),
            _ if is_default(&field.value) => {}
            _ => *own = field.clone(),
        }
    }
}

fn is_default(node: &Node) -> bool {
    match &node.kind {
        Kind::Null | Kind::Bool(false) => true,
        Kind::Number(number) => *number == 0.0,
        Kind::Text(text) => text.value.is_empty(),
        _ => false,
    }
}

fn kind(config: &Node) -> Option<&str> {
    config.get("@type").and_then(Node::text)
}

/// Of two packages, with the same fields.
const TYPED_STRUCT: &str = ".TypedStruct";
/// From the filter to the fields of `value` in a `TypedStruct`: `typed_config`, `value`.
const FIELDS_OF_STRUCT: usize = 2;

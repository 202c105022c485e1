//! The merge key of YAML 1.1, `<<`: kubectl puts the fields of its value into the object around it.
//! Envoy takes it for a name.

use super::tree::{Field, Kind, Node};

/// Puts the fields of merge keys in their places, in a resource of Kubernetes.
pub(super) fn resolve(document: &mut Node) {
    if document.get("kind").and_then(Node::text).is_some() {
        merge(document);
    }
}

fn merge(node: &mut Node) {
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(merge),
        Kind::Object(fields) => {
            fields.iter_mut().for_each(|it| merge(&mut it.value));
            let (merged, own): (Vec<_>, Vec<_>) =
                std::mem::take(fields).into_iter().partition(|it| it.name == "<<");
            *fields = own;
            // The first of several objects counts.
            let objects = merged.iter().flat_map(|it| match &it.value.kind {
                Kind::List(items) => items.as_slice(),
                _ => std::slice::from_ref(&it.value),
            });
            for field in objects.flat_map(Node::fields) {
                if !has(fields, &field.name) {
                    fields.push(field.clone());
                }
            }
        }
        _ => {}
    }
}

fn has(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|it| it.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::configurations::value;
    use super::super::yaml;
    use super::*;

    #[test]
    fn own_fields_come_before_those_that_are_merged() {
        for (text, expected) in [
            ("{kind: a, x: {<<: {a: 1, b: 2}, b: 3}}", r#"{"kind":"a","x":{"b":3,"a":1}}"#),
            ("{kind: a, x: {<<: [{a: 1}, {a: 2, b: 2}]}}", r#"{"kind":"a","x":{"a":1,"b":2}}"#),
            ("{kind: a, x: [{<<: {<<: {a: 1}}}]}", r#"{"kind":"a","x":[{"a":1}]}"#),
            ("{kind: a, x: {<<: text}, y: {<<: }}", r#"{"kind":"a","x":{},"y":{}}"#),
            // Envoy's own.
            ("{x: {<<: {a: 1}}}", r#"{"x":{"<<":{"a":1}}}"#),
        ] {
            let mut documents = yaml::parse(text).unwrap().documents;
            resolve(&mut documents[0]);
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(value(&documents[0]), expected, "{text}");
        }
    }
}

//! Patches of the filters that Envoy Gateway makes of EnvoyExtensionPolicies. It writes the
//! configuration of a policy as one text: a patch can replace it, and cannot change a part of it.

use super::super::super::encode;
use super::super::super::policy;
use super::super::super::tree::{Field, Kind, Node, Text};
use super::super::Resource;
use super::super::filter::Filter;
use super::super::log::{Entry, Log, fault, no_gate};
use super::super::operation::{Fault, Operation};
use super::{Patch, SETTINGS};

/// An entry of `wasm` in a policy, which becomes a filter.
pub(super) struct Wasm<'r> {
    /// The filter's name, and its entry.
    made: policy::Filter<'r>,
    /// The entry while patches go over it.
    entry: Filter,
    /// As much of the filter as patches of its configuration see.
    tree: Node,
}

impl<'r> Wasm<'r> {
    /// Those of all policies.
    pub(super) fn all(policies: &'r [Resource]) -> Vec<Self> {
        let mut all = Vec::new();
        for (resource, it) in policies.iter().enumerate() {
            for (index, made) in policy::filters(&it.tree).enumerate() {
                let tree = filter_of(made.entry);
                let entry = Filter {
                    resource,
                    pointer: format!("/spec/wasm/{index}"),
                    listener: String::new(),
                    path: Vec::new(),
                    tree: made.entry.clone(),
                    changed_by: Vec::new(),
                };
                all.push(Self { made, entry, tree });
            }
        }
        all
    }

    /// The entry of the policy, as the patches leave it.
    pub(super) fn into_entry(self) -> Filter {
        self.entry
    }

    /// Whether the patch searches for its filter.
    pub(super) fn is_found_by(&self, patch: &Patch<'_>) -> bool {
        patch.search.as_ref().is_some_and(|search| search.finds(&self.made))
    }

    /// Applies the patch. What it changes beside the configuration is the business of the lints.
    pub(super) fn meet(&mut self, patch: &Patch<'_>, log: &mut Log) {
        let Some(search) = &patch.search else { return };
        let entry = patch.entry(&search.field);
        match (patch.op, search.field.as_str()) {
            ("remove", "") => log.failed(&entry, no_gate(entry.at.clone())),
            (_, "" | "/typed_config" | "/typed_config/config") => {
                log.unknown(&entry, "it replaces what Envoy Gateway has made of the policy");
            }
            ("copy" | "move" | "test", field) if field.starts_with(SETTINGS) => {
                log.unknown(&entry, super::TEXT);
            }
            (_, field) if field.starts_with(SETTINGS) => self.change(patch, &entry, log),
            _ => {}
        }
    }

    /// Changes the configuration.
    fn change(&mut self, patch: &Patch<'_>, entry: &Entry<'_>, log: &mut Log) {
        let Some(search) = &patch.search else { return };
        let operation = Operation {
            op: patch.op,
            path: &search.field,
            from: None,
            value: search.value,
            at: entry.at.clone(),
        };
        let mut tree = self.tree.clone();
        let configuration = match operation.run(&mut tree) {
            Ok(()) => tree.pointed(SETTINGS).cloned(),
            Err(it) => return log.failed(entry, fault(entry, &it)),
        };
        // Text is not what is there, and the value of this type has to be text.
        if configuration.as_ref().is_some_and(is_no_text) {
            return log.failed(entry, fault(entry, &Fault::NotText));
        }
        self.tree = tree;
        self.entry.changed_by.push(patch.resource.label.clone());
        if let Kind::Object(fields) = &mut self.entry.tree.kind {
            let span = entry.at.clone();
            fields.retain(|it| it.name != "config");
            fields.extend(configuration.map(|value| Field {
                name: "config".to_owned(),
                span,
                value,
            }));
        }
        log.applied(entry);
    }
}

/// A `StringValue` whose value is an object or a list.
fn is_no_text(configuration: &Node) -> bool {
    let is_string = configuration
        .get("@type")
        .and_then(Node::text)
        .is_some_and(|it| it.ends_with(".StringValue"));
    is_string && configuration.get("value").is_some_and(|it| it.text().is_none())
}

/// The filter of an entry, with the parts on the way to its configuration.
fn filter_of(entry: &Node) -> Node {
    let object = |fields| Node { span: entry.span.clone(), kind: Kind::Object(fields) };
    let text = |text: &str| {
        let kind = Kind::Text(Text::opaque(text.to_owned()));
        Node { span: entry.span.clone(), kind }
    };
    let field = |name: &str, value| {
        let name = name.to_owned();
        Field { name, span: entry.span.clone(), value }
    };
    let json = entry.get("config").map(encode::as_json).unwrap_or_default();
    let value = field("value", text(&String::from_utf8_lossy(&json)));
    let configuration = object(vec![field("@type", text(STRING_VALUE)), value]);
    let config = object(vec![field("configuration", configuration)]);
    object(vec![field("typed_config", object(vec![field("config", config)]))])
}

const STRING_VALUE: &str = "type.googleapis.com/google.protobuf.StringValue";

//! `EnvoyFilter`.

mod hosts;
mod manager;

use super::super::find;
use super::super::patched::Resource;
use super::super::tree::{Kind, Node};
use super::Share;
use super::parts::{Manager, Parts};

/// The kind of its resources.
pub(super) const KIND: &str = "EnvoyFilter";

/// A patch that belongs to a gate.
struct Patch<'t> {
    node: &'t Node,
    apply_to: &'t str,
    operation: &'t str,
    value: Option<&'t Node>,
}

impl<'t> Patch<'t> {
    fn of(node: &'t Node) -> Self {
        let text = |path: &[&str]| node.at(path).and_then(Node::text).unwrap_or_default();
        Self {
            node,
            apply_to: text(&["applyTo"]),
            operation: text(&["patch", "operation"]),
            value: node.at(&["patch", "value"]),
        }
    }

    /// Whether it adds something. Istio takes an `INSERT_` as `ADD` where there is no order.
    fn is_added(&self) -> bool {
        self.operation == "ADD" || self.operation.starts_with("INSERT_")
    }
}

/// What the patches of the EnvoyFilters add to the `gate`, one of them.
pub(super) fn parts(gate: &Resource, together: &[(&Resource, Share)]) -> Option<Parts> {
    let list = gate.tree.get("spec")?.field("configPatches")?;
    let mut parts = Parts::new(list, KIND);
    let context = list.value.items().iter().find(is_filter).map(context);
    let mut patches = Vec::new();
    for (resource, share) in together {
        let all = resource.tree.at(&["spec", "configPatches"]).map(Node::items);
        for patch in all.unwrap_or_default() {
            let own = self::context(patch);
            let is_here = [own, context.unwrap_or(ANY)].contains(&ANY) || Some(own) == context;
            if *share != Share::Own && !is_here {
                continue;
            }
            let patch = Patch::of(patch);
            match patch.apply_to {
                "CLUSTER" => cluster(&mut parts, &patch),
                _ if *share == Share::Clusters => {}
                _ => patches.push(patch),
            }
        }
    }
    let mut manager = Manager::default();
    manager.fields = manager::fields(&mut parts, &patches);
    manager.table = hosts::table(&mut parts, &patches);
    let filters = patches.iter().filter(|it| it.apply_to == "HTTP_FILTER");
    manager.filters = filters.filter_map(|it| it.value).cloned().collect();
    parts.managers.push(manager);
    patches.iter().for_each(|it| add(&mut parts, it));
    let kind = parts.at.field("@type", parts.at.text(INTERNAL_LISTENER));
    parts.extensions = Some(parts.at.list(vec![parts.at.object(vec![kind])]));
    Some(parts)
}

/// The filters of an EnvoyFilter that Envoy discovers. None in other documents.
pub(crate) fn extensions(document: &Node) -> impl Iterator<Item = &Node> {
    let is_ours = document.get("kind").and_then(Node::text) == Some(KIND);
    let patches = document.at(&["spec", "configPatches"]).filter(|_| is_ours).map(Node::items);
    let all = patches.unwrap_or_default().iter().filter(|it| is_extension(it));
    all.filter_map(|it| it.at(&["patch", "value"]))
}

fn is_extension(patch: &Node) -> bool {
    patch.get("applyTo").and_then(Node::text) == Some("EXTENSION_CONFIG")
}

/// Adds these filters to what was put together.
pub(super) fn keep_extensions(document: &Node, tree: &mut Node) {
    let Kind::Object(fields) = &mut tree.kind else { return };
    let (Some(kind), Some(spec)) = (document.field("kind"), document.field("spec")) else { return };
    if extensions(document).next().is_none() {
        return;
    }
    let mut spec = spec.clone();
    if let Some(list) = spec.value.pointed_mut("/configPatches")
        && let Kind::List(items) = &mut list.kind
    {
        items.retain(is_extension);
    }
    fields.extend([kind.clone(), spec]);
}

/// Istio changes and removes its own clusters only, and not those that patches add.
fn cluster(parts: &mut Parts, patch: &Patch<'_>) {
    if patch.is_added() {
        parts.clusters.extend(patch.value.cloned());
    } else if patch.operation == "REMOVE" {
        let place = patch.node.at(&["match", "cluster"]).cloned();
        parts.removed.push(place.unwrap_or_else(|| parts.at.object(Vec::new())));
    }
}

fn add(parts: &mut Parts, patch: &Patch<'_>) {
    let Some(value) = patch.value else { return };
    match patch.apply_to {
        "LISTENER" if patch.is_added() => parts.listeners.push(value.clone()),
        // Beside those that Istio has made, which get the HTTP filters.
        "FILTER_CHAIN" if patch.is_added() => {
            let chain = parts.at.list(vec![value.clone()]);
            parts.listeners.push(parts.at.object(vec![parts.at.field("filter_chains", chain)]));
        }
        _ => {}
    }
}

/// Whether a patch adds a filter of ours.
fn is_filter(patch: &&Node) -> bool {
    let patch = Patch::of(patch);
    let may_have = ["HTTP_FILTER", "NETWORK_FILTER"].contains(&patch.apply_to);
    may_have && patch.value.is_some_and(find::mentions)
}

/// The part of the mesh that a patch is for.
fn context(patch: &Node) -> &str {
    patch.at(&["match", "context"]).and_then(Node::text).unwrap_or(ANY)
}

const ANY: &str = "ANY";
const INTERNAL_LISTENER: &str =
    "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener";

//! `EnvoyFilter`.

use super::super::patched::Resource;
use super::super::tree::{Kind, Node};
use super::node::merge;
use super::{MANAGER, Parts, Share};

/// The kind of its resources.
pub(super) const KIND: &str = "EnvoyFilter";

/// What the patches of the EnvoyFilters add to the `gate`, one of them.
pub(super) fn parts(gate: &Resource, together: &[(&Resource, Share)]) -> Option<Parts> {
    let list = gate.tree.get("spec")?.field("configPatches")?;
    let mut parts = Parts::new(list, KIND);
    let context = list.value.items().iter().find(is_filter).map(context);
    for (resource, share) in together {
        let patches = resource.tree.at(&["spec", "configPatches"]).map(Node::items);
        for patch in patches.unwrap_or_default() {
            let own = self::context(patch);
            let is_here = [own, context.unwrap_or(ANY)].contains(&ANY) || Some(own) == context;
            if *share == Share::Own || is_here {
                add(&mut parts, patch, *share);
            }
        }
    }
    defaults(&mut parts);
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

fn add(parts: &mut Parts, patch: &Node, share: Share) {
    let apply_to = patch.get("applyTo").and_then(Node::text).unwrap_or_default();
    let operation = patch.at(&["patch", "operation"]).and_then(Node::text).unwrap_or_default();
    let Some(value) = patch.at(&["patch", "value"]) else { return };
    // The others are about what the mesh itself has made, and not about what patches add.
    let is_added = operation == "ADD" || operation.starts_with("INSERT_");
    match apply_to {
        "CLUSTER" if is_added => parts.clusters.push(value.clone()),
        _ if share == Share::Clusters => {}
        "HTTP_FILTER" => parts.filters.push(value.clone()),
        "NETWORK_FILTER" => {
            let fields = value.get("typed_config").map(Node::fields).unwrap_or_default();
            merge(&mut parts.manager, fields.to_vec());
        }
        "VIRTUAL_HOST" => merge(&mut parts.host, value.fields().to_vec()),
        "HTTP_ROUTE" if ["INSERT_FIRST", "INSERT_BEFORE"].contains(&operation) => {
            parts.routes.insert(0, value.clone());
        }
        "HTTP_ROUTE" if is_added => parts.routes.push(value.clone()),
        "LISTENER" if is_added => parts.listeners.push(value.clone()),
        _ => {}
    }
}

/// Whether a patch adds a filter of ours.
fn is_filter(patch: &&Node) -> bool {
    let apply_to = patch.get("applyTo").and_then(Node::text);
    apply_to == Some("HTTP_FILTER")
        && patch.at(&["patch", "value"]).is_some_and(super::find::mentions)
}

/// The part of the mesh that a patch is for.
fn context(patch: &Node) -> &str {
    patch.at(&["match", "context"]).and_then(Node::text).unwrap_or(ANY)
}

/// What istio-proxy has without a patch.
fn defaults(parts: &mut Parts) {
    let at = &parts.at;
    let kind = at.field("@type", at.text(INTERNAL_LISTENER));
    parts.extensions = Some(at.list(vec![at.object(vec![kind])]));
    let mut manager = vec![
        at.field("@type", at.text(MANAGER)),
        // No limit.
        at.field("stream_idle_timeout", at.text("0s")),
    ];
    merge(&mut manager, std::mem::take(&mut parts.manager));
    parts.manager = manager;
}

const ANY: &str = "ANY";
const INTERNAL_LISTENER: &str =
    "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener";

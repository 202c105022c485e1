//! `EnvoyPatchPolicy`, with the `ClientTrafficPolicy`, the `EnvoyProxy` and the
//! `EnvoyExtensionPolicy` of the same file, or else of the same folder.

mod made;
mod routes;

use super::super::patched::Resource;
use super::super::policy::{self, EXTENSION_POLICY, Search};
use super::super::tree::{Field, Kind, Node};
use super::{Mesh, Parts, Share};
use made::Made;

/// The kind of its resources.
pub(super) const KIND: &str = "EnvoyPatchPolicy";
/// The other kinds that belong to them.
pub(super) const OTHERS: [&str; 3] = ["ClientTrafficPolicy", "EnvoyProxy", EXTENSION_POLICY];

/// What the patches of the EnvoyPatchPolicies add to the `gate`, one of them.
pub(super) fn parts(
    gate: &Resource,
    together: &[(&Resource, Share)],
    mesh: &Mesh,
) -> Option<Parts> {
    let list = gate.tree.get("spec")?.field("jsonPatches")?;
    let mut parts = Parts::new(list, KIND);
    if let Some(proxy) = other(mesh, gate, "EnvoyProxy") {
        bootstrap(&mut parts, proxy);
    }
    let policy = other(mesh, gate, "ClientTrafficPolicy");
    let timeouts = policy.and_then(|it| it.at(&["spec", "timeout", "http"]));
    let idle = timeouts.and_then(|it| it.field("streamIdleTimeout"));
    let fields = idle.map(|it| renamed(it, "stream_idle_timeout")).into_iter().collect();
    let mut made = Made::new(parts, fields);
    filters_of_policies(&mut made, gate, list.value.items(), mesh);
    for (resource, share) in together {
        let patches = resource.tree.at(&["spec", "jsonPatches"]).map(Node::items);
        for patch in patches.unwrap_or_default() {
            if *share == Share::Own || is_of(list.value.items(), patch) {
                made.patch(patch, *share);
            }
        }
    }
    Some(made.into_parts())
}

/// Whether both policies patch the same Gateway.
pub(super) fn is_beside(it: &Resource, gate: &Resource) -> bool {
    let is_same = |name: &str| {
        let [one, other] = [it, gate].map(|it| it.tree.at(&["spec", "targetRef", name]));
        one.and_then(Node::text) == other.and_then(Node::text)
    };
    is_same("kind") && is_same("name") && it.metadata("namespace") == gate.metadata("namespace")
}

/// Whether the patch is about a resource of Envoy that those of the gate patch, too.
fn is_of(gate: &[Node], patch: &Node) -> bool {
    let is_same = |it: &Node, name: &str| {
        it.get(name).and_then(Node::text) == patch.get(name).and_then(Node::text)
    };
    let of_kind: Vec<_> = gate.iter().filter(|it| is_same(it, "type")).collect();
    let kind = patch.get("type").and_then(Node::text).unwrap_or_default();
    kind.ends_with(".Cluster") || of_kind.is_empty() || of_kind.iter().any(|it| is_same(it, "name"))
}

/// The resource of this kind in the file of the gate, or else the only one in its folder.
fn other<'m>(mesh: &'m Mesh, gate: &Resource, kind: &str) -> Option<&'m Node> {
    let of_kind = |it: &&Resource| it.tree.get("kind").and_then(Node::text) == Some(kind);
    let all: Vec<_> = mesh.others.iter().filter(of_kind).collect();
    let near: Vec<_> = all.iter().filter(|it| it.folder == gate.folder).collect();
    let own = all.iter().find(|it| it.file == gate.file);
    let only = near.first().copied().filter(|_| near.len() == 1);
    own.or(only).map(|it| &it.tree)
}

/// The filters that Envoy Gateway makes of the EnvoyExtensionPolicies, and that the `patches` of
/// the gate search for.
fn filters_of_policies(made: &mut Made, gate: &Resource, patches: &[Node], mesh: &Mesh) {
    let is_near = |it: &&Resource| it.folder == gate.folder;
    for filter in mesh.others.iter().filter(is_near).flat_map(|it| policy::filters(&it.tree)) {
        let all = mesh.resources.iter().filter(is_near).flat_map(|it| policy::searches(&it.tree));
        let mut all = all.filter(|it| it.finds(&filter));
        let is_enabled = all.any(|it| it.field == "/disabled" && it.is_false());
        made.add_filter(&filter, patches, is_enabled);
    }
}

/// What the patches of an EnvoyProxy add to the bootstrap.
fn bootstrap(parts: &mut Parts, proxy: &Node) {
    let patches = proxy.at(&["spec", "bootstrap", "jsonPatches"]);
    for it in patches.map(Node::items).unwrap_or_default() {
        let path = it.get("path").and_then(Node::text).unwrap_or_default();
        let is_set = ["add", "replace"].map(Some).contains(&it.get("op").and_then(Node::text));
        let Some(value) = it.field("value").filter(|_| is_set) else { continue };
        if path == "/bootstrap_extensions" {
            parts.extensions = Some(value.value.clone());
        } else if let Some((_, name)) = path.split_once("/static_layer/") {
            parts.runtime.push(renamed(value, name));
        }
    }
}

/// Adds the patches that search for their place to what was put together.
pub(super) fn keep_searches(document: &Node, tree: &mut Node) {
    let Kind::Object(fields) = &mut tree.kind else { return };
    if policy::searches(document).next().is_none() {
        return;
    }
    fields.extend(document.field("kind").cloned());
    let Some(spec) = document.field("spec") else { return };
    let mut spec = spec.clone();
    if let Some(list) = spec.value.pointed_mut("/jsonPatches")
        && let Kind::List(items) = &mut list.kind
    {
        items.retain(|it| Search::of(it).is_some());
    }
    fields.push(spec);
}

fn renamed(field: &Field, name: &str) -> Field {
    Field { name: name.to_owned(), ..field.clone() }
}

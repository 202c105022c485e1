//! `EnvoyPatchPolicy`, with the `ClientTrafficPolicy` and the `EnvoyProxy` of the same file.

use super::super::tree::{Field, Node};
use super::Parts;
use super::node::merge;

/// What the patches of an EnvoyPatchPolicy add.
pub(super) fn parts<'t>(
    document: &Node,
    mut others: impl Iterator<Item = &'t Node> + Clone,
) -> Option<Parts> {
    let list = document.get("spec")?.field("jsonPatches")?;
    let mut parts = Parts::new(list);
    let of_kind =
        |kind: &'static str| move |it: &&Node| it.get("kind").and_then(Node::text) == Some(kind);
    if let Some(policy) = others.clone().find(of_kind("ClientTrafficPolicy")) {
        let timeouts = policy.at(&["spec", "timeout", "http"]);
        let idle = timeouts.and_then(|it| it.field("streamIdleTimeout"));
        parts.manager.extend(idle.map(|it| renamed(it, "stream_idle_timeout")));
    }
    if let Some(proxy) = others.find(of_kind("EnvoyProxy")) {
        let patches = proxy.at(&["spec", "bootstrap", "jsonPatches"]);
        let mut patches = patches.map(Node::items).unwrap_or_default().iter();
        let adds =
            |it: &&Node| it.get("path").and_then(Node::text) == Some("/bootstrap_extensions");
        parts.extensions = patches.find(adds).and_then(|it| it.get("value")).cloned();
    }
    for it in list.value.items() {
        let Some(operation) = it.get("operation") else { continue };
        let path = operation.get("path").and_then(Node::text).unwrap_or_default();
        let Some(value) = operation.field("value") else { continue };
        match it.get("type").and_then(Node::text).and_then(|it| it.rsplit('.').next()) {
            Some("Listener") if path.is_empty() => parts.listeners.push(value.value.clone()),
            Some("Listener") => manager(&mut parts, path, value),
            Some("RouteConfiguration") => routes(&mut parts, path, value),
            Some("Cluster") if path.is_empty() => parts.clusters.push(value.value.clone()),
            _ => {}
        }
    }
    Some(parts)
}

/// A patch inside the connection manager.
fn manager(parts: &mut Parts, path: &str, value: &Field) {
    let Some((_, path)) = path.split_once("/typed_config/") else { return };
    match path.split_once('/') {
        None => merge(&mut parts.manager, vec![renamed(value, path)]),
        Some(("http_filters", at)) if !at.contains('/') => parts.filters.push(value.value.clone()),
        Some(_) => {}
    }
}

/// A patch inside a virtual host.
fn routes(parts: &mut Parts, path: &str, value: &Field) {
    let mut names = path.split('/').skip(1);
    let (Some("virtual_hosts"), Some(_), Some(name)) = (names.next(), names.next(), names.next())
    else {
        return;
    };
    match (name, names.next()) {
        ("routes", None) => parts.routes = value.value.items().to_vec(),
        ("routes", Some("0")) => parts.routes.insert(0, value.value.clone()),
        ("routes", Some(_)) => parts.routes.push(value.value.clone()),
        (name, None) => merge(&mut parts.host, vec![renamed(value, name)]),
        _ => {}
    }
}

fn renamed(field: &Field, name: &str) -> Field {
    Field { name: name.to_owned(), ..field.clone() }
}

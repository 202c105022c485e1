//! `EnvoyPatchPolicy`, with the `ClientTrafficPolicy`, the `EnvoyProxy` and the
//! `EnvoyExtensionPolicy` of the same file.

use super::super::policy::{self, Search};
use super::super::tree::{Field, Kind, Node};
use super::Parts;
use super::node::{Place, merge};

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
    let policies = others.clone();
    if let Some(proxy) = others.find(of_kind("EnvoyProxy")) {
        bootstrap(&mut parts, proxy);
    }
    for filter in policies.flat_map(policy::filters) {
        let searches: Vec<_> = policy::searches(document).filter(|it| it.finds(&filter)).collect();
        if !searches.is_empty() {
            let is_enabled = searches.iter().any(|it| it.field == "/disabled" && it.is_false());
            parts.filters.push(filter_of_policy(&parts.at, &filter.name, !is_enabled));
        }
    }
    for it in list.value.items() {
        let Some(operation) = it.get("operation").filter(|it| it.get("jsonPath").is_none()) else {
            continue;
        };
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

/// What the patches of an EnvoyProxy add to the bootstrap.
fn bootstrap(parts: &mut Parts, proxy: &Node) {
    let patches = proxy.at(&["spec", "bootstrap", "jsonPatches"]);
    for it in patches.map(Node::items).unwrap_or_default() {
        let path = it.get("path").and_then(Node::text).unwrap_or_default();
        let Some(value) = it.field("value") else { continue };
        if path == "/bootstrap_extensions" {
            parts.extensions = Some(value.value.clone());
        } else if let Some((_, name)) = path.split_once("/static_layer/") {
            parts.runtime.push(renamed(value, name));
        }
    }
}

/// The filter that Envoy Gateway makes of a policy. Its configuration is in the policy.
fn filter_of_policy(at: &Place, name: &str, is_disabled: bool) -> Node {
    let disabled = Node { span: at.0.clone(), kind: Kind::Bool(is_disabled) };
    at.object(vec![
        at.field("name", at.text(name)),
        at.field("disabled", disabled),
        at.field("config_discovery", at.object(Vec::new())),
    ])
}

/// Adds the patches that search for their place to what was put together.
pub(super) fn keep_searches(document: &Node, tree: &mut Node) {
    let Kind::Object(fields) = &mut tree.kind else { return };
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

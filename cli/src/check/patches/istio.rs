//! `EnvoyFilter`.

use super::super::tree::Node;
use super::node::merge;
use super::{MANAGER, Parts};

/// What the patches of an EnvoyFilter add.
pub(super) fn parts(document: &Node) -> Option<Parts> {
    let list = document.get("spec")?.field("configPatches")?;
    let mut parts = Parts::new(list);
    for it in list.value.items() {
        let apply_to = it.get("applyTo").and_then(Node::text).unwrap_or_default();
        let Some(value) = it.at(&["patch", "value"]) else { continue };
        let is_first = it.at(&["patch", "operation"]).and_then(Node::text) == Some("INSERT_FIRST");
        match apply_to {
            "HTTP_FILTER" => parts.filters.push(value.clone()),
            "NETWORK_FILTER" => {
                let fields = value.get("typed_config").map(Node::fields).unwrap_or_default();
                merge(&mut parts.manager, fields.to_vec());
            }
            "VIRTUAL_HOST" => merge(&mut parts.host, value.fields().to_vec()),
            "HTTP_ROUTE" if is_first => parts.routes.insert(0, value.clone()),
            "HTTP_ROUTE" => parts.routes.push(value.clone()),
            "CLUSTER" => parts.clusters.push(value.clone()),
            "LISTENER" => parts.listeners.push(value.clone()),
            _ => {}
        }
    }
    defaults(&mut parts);
    Some(parts)
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

const INTERNAL_LISTENER: &str =
    "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener";

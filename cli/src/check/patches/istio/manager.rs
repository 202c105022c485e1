//! The connection manager that Istio makes, with the patches of network filters. Istio replaces it
//! before it merges.

use super::super::super::patched::{MANAGER, merge_message};
use super::super::super::tree::{Field, Kind, Node};
use super::super::parts::{MANAGER_TYPE, Parts};
use super::Patch;

/// Its fields. Further connection managers become listeners of the parts.
pub(super) fn fields(parts: &mut Parts, patches: &[Patch<'_>]) -> Vec<Field> {
    let own = patches.iter().filter(|it| it.apply_to == "NETWORK_FILTER");
    let mut manager = made(parts);
    for patch in own.clone() {
        let name = |node: &Node| node.get("name").and_then(Node::text) == Some(MANAGER);
        let Some(value) = patch.value else { continue };
        match patch.operation {
            "REPLACE" if name(value) && filter_of(patch) == Some(MANAGER) => {
                manager = value.get("typed_config").cloned().unwrap_or(manager);
            }
            // Another filter, before or after it.
            _ if patch.is_added() => {
                let chain = parts
                    .at
                    .object(vec![parts.at.field("filters", parts.at.list(vec![value.clone()]))]);
                let chains = parts.at.field("filter_chains", parts.at.list(vec![chain]));
                parts.listeners.push(parts.at.object(vec![chains]));
            }
            _ => {}
        }
    }
    for patch in own.filter(|it| it.operation == "MERGE") {
        let config = patch.value.and_then(|it| it.get("typed_config"));
        let kind = config.and_then(|it| it.get("@type")).and_then(Node::text);
        let is_manager = match filter_of(patch) {
            Some(name) => name == MANAGER,
            None => kind == Some(MANAGER_TYPE),
        };
        if let Some(config) = config.filter(|_| is_manager) {
            merge_message(&mut manager, &as_manager(config));
        }
    }
    match manager.kind {
        Kind::Object(fields) => fields,
        _ => Vec::new(),
    }
}

/// What istio-proxy has without a patch.
fn made(parts: &Parts) -> Node {
    let at = &parts.at;
    at.object(vec![
        at.field("@type", at.text(MANAGER_TYPE)),
        // No limit.
        at.field("stream_idle_timeout", at.text("0s")),
    ])
}

/// Istio reads each typed configuration as one of the manager's type.
fn as_manager(config: &Node) -> Node {
    let is_other = |it: &Field| it.name == "@type" && it.value.text() != Some(MANAGER_TYPE);
    let fields = config.fields().iter().filter(|it| !is_other(it)).cloned();
    Node { span: config.span.clone(), kind: Kind::Object(fields.collect()) }
}

/// The name of the network filter that a patch looks for.
fn filter_of<'t>(patch: &Patch<'t>) -> Option<&'t str> {
    let path = ["match", "listener", "filterChain", "filter", "name"];
    patch.node.at(&path).and_then(Node::text)
}

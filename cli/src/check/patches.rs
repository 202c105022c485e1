//! The patches of a mesh, put together to the bootstrap that they amount to: an EnvoyFilter of
//! Istio, or an EnvoyPatchPolicy of Envoy Gateway, that adds both the filter and its routes. So the
//! lints see the routes, the clusters and the loopback listener too. All values keep their places
//! in the file.

mod gateway;
mod istio;
mod node;

use super::find;
use super::input::Document;
use super::policy;
use super::tree::{Field, Node};
use node::{Place, merge};

/// What the patches of one resource add.
struct Parts {
    at: Place,
    /// Fields of the connection manager.
    manager: Vec<Field>,
    filters: Vec<Node>,
    /// Fields of the virtual host.
    host: Vec<Field>,
    routes: Vec<Node>,
    listeners: Vec<Node>,
    clusters: Vec<Node>,
    extensions: Option<Node>,
    /// Values of the runtime.
    runtime: Vec<Field>,
}

/// Puts together what belongs together in a file.
pub(crate) fn assemble(documents: &mut [Document]) {
    let assembled: Vec<_> = documents
        .iter()
        .map(|it| {
            let others = || documents.iter().map(|document| &document.tree);
            match it.tree.get("kind").and_then(Node::text)? {
                "EnvoyFilter" => istio::parts(&it.tree)?.bootstrap(),
                "EnvoyPatchPolicy" => {
                    let mut tree = gateway::parts(&it.tree, others())?.bootstrap()?;
                    gateway::keep_searches(&it.tree, &mut tree);
                    Some(tree)
                }
                _ => None,
            }
        })
        .collect();
    for (document, tree) in documents.iter_mut().zip(assembled) {
        document.assembled = tree;
    }
}

impl Parts {
    /// Nothing yet; `list` holds the patches.
    fn new(list: &Field) -> Self {
        Self {
            at: Place(list.span.clone()),
            manager: Vec::new(),
            filters: Vec::new(),
            host: Vec::new(),
            routes: Vec::new(),
            listeners: Vec::new(),
            clusters: Vec::new(),
            extensions: None,
            runtime: Vec::new(),
        }
    }

    /// The bootstrap. `None` without the filter or without routes: those are then elsewhere.
    fn bootstrap(self) -> Option<Node> {
        let at = &self.at;
        let of_policy = |name: &str| name.starts_with(policy::PREFIX);
        let is_ours = |it: &Node| {
            find::mentions(it) || it.get("name").and_then(Node::text).is_some_and(of_policy)
        };
        if self.routes.is_empty() || !self.filters.iter().any(is_ours) {
            return None;
        }
        let mut host = vec![at.field("name", at.text("images"))];
        merge(&mut host, self.host);
        host.push(at.field("routes", at.list(self.routes)));
        let table = at.object(vec![at.field("virtual_hosts", at.list(vec![at.object(host)]))]);
        let mut manager = vec![at.field("@type", at.text(MANAGER))];
        merge(&mut manager, self.manager);
        manager.push(at.field("route_config", table));
        manager.push(at.field("http_filters", at.list(self.filters)));
        let filter = at.object(vec![at.field("typed_config", at.object(manager))]);
        let chain = at.object(vec![at.field("filters", at.list(vec![filter]))]);
        let gate = at.object(vec![at.field("filter_chains", at.list(vec![chain]))]);
        let listeners = std::iter::once(gate).chain(self.listeners).collect();
        let resources = at.object(vec![
            at.field("listeners", at.list(listeners)),
            at.field("clusters", at.list(self.clusters)),
        ]);
        // Other clusters come from the control plane.
        let dynamic = at.object(vec![at.field("cds_config", at.object(Vec::new()))]);
        let mut bootstrap =
            vec![at.field("static_resources", resources), at.field("dynamic_resources", dynamic)];
        bootstrap.extend(self.extensions.map(|it| at.field("bootstrap_extensions", it)));
        if !self.runtime.is_empty() {
            let layer = at.object(vec![at.field("static_layer", at.object(self.runtime))]);
            let layers = at.object(vec![at.field("layers", at.list(vec![layer]))]);
            bootstrap.push(at.field("layered_runtime", layers));
        }
        Some(at.object(bootstrap))
    }
}

const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.\
                       http_connection_manager.v3.HttpConnectionManager";

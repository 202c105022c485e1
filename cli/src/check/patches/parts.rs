//! What patches of a mesh add, and the bootstrap that it amounts to.

use super::super::find;
use super::super::finding::Finding;
use super::super::policy;
use super::super::tree::{Field, Node, camel_case};
use super::node::{Place, merge};

/// What the patches of some resources add.
pub(super) struct Parts {
    pub(super) at: Place,
    /// The mesh, by its kind of patches.
    pub(super) mesh: &'static str,
    /// Fields of the connection manager.
    pub(super) manager: Vec<Field>,
    pub(super) filters: Vec<Node>,
    /// Fields of the virtual host.
    pub(super) host: Vec<Field>,
    pub(super) routes: Vec<Node>,
    /// Further virtual hosts.
    pub(super) hosts: Vec<Node>,
    /// Fields of the route configuration.
    pub(super) table: Vec<Field>,
    pub(super) listeners: Vec<Node>,
    pub(super) clusters: Vec<Node>,
    pub(super) extensions: Option<Node>,
    /// Values of the runtime.
    pub(super) runtime: Vec<Field>,
    /// What is wrong with the patches themselves, with places of any file (`spans::sent`).
    pub(super) findings: Vec<Finding>,
}

impl Parts {
    /// Nothing yet; `list` holds the patches.
    pub(super) fn new(list: &Field, mesh: &'static str) -> Self {
        Self {
            at: Place(list.span.clone()),
            mesh,
            manager: Vec::new(),
            filters: Vec::new(),
            host: Vec::new(),
            routes: Vec::new(),
            hosts: Vec::new(),
            table: Vec::new(),
            listeners: Vec::new(),
            clusters: Vec::new(),
            extensions: None,
            runtime: Vec::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn has_filter(&self) -> bool {
        let of_policy = |name: &str| name.starts_with(policy::PREFIX);
        let is_ours = |it: &Node| {
            find::mentions(it) || it.get("name").and_then(Node::text).is_some_and(of_policy)
        };
        self.filters
            .iter()
            .chain(self.own("http_filters").map_or(&[][..], Node::items))
            .any(is_ours)
    }

    /// A field of the connection manager.
    fn own(&self, name: &str) -> Option<&Node> {
        let is_it = |it: &&Field| it.name == name || it.name == camel_case(name);
        self.manager.iter().rfind(is_it).map(|it| &it.value)
    }

    /// The bootstrap. `None` without the filter or without routes: those are then elsewhere.
    pub(super) fn bootstrap(self) -> Option<Node> {
        let has_routes = self.own("route_config").is_some()
            || !(self.routes.is_empty() && self.hosts.is_empty());
        if !has_routes || !self.has_filter() {
            return None;
        }
        let at = &self.at;
        let filter = at.object(vec![at.field("typed_config", self.manager())]);
        let chain = at.object(vec![at.field("filters", at.list(vec![filter]))]);
        let gate = at.object(vec![at.field("filter_chains", at.list(vec![chain]))]);
        let listeners = std::iter::once(gate).chain(self.listeners).collect();
        let resources = at.object(vec![
            at.field("listeners", at.list(listeners)),
            at.field("clusters", at.list(self.clusters)),
        ]);
        // Other clusters come from the control plane, which has names of its own for them.
        let dynamic = at.object(vec![at.field("cds_config", at.object(Vec::new()))]);
        let mut bootstrap = vec![
            at.field("static_resources", resources),
            at.field("dynamic_resources", dynamic),
            at.field(MESH, at.text(self.mesh)),
        ];
        bootstrap.extend(self.extensions.map(|it| at.field("bootstrap_extensions", it)));
        if !self.runtime.is_empty() {
            let layer = at.object(vec![at.field("static_layer", at.object(self.runtime))]);
            let layers = at.object(vec![at.field("layers", at.list(vec![layer]))]);
            bootstrap.push(at.field("layered_runtime", layers));
        }
        Some(at.object(bootstrap))
    }

    fn manager(&self) -> Node {
        let at = &self.at;
        let mut filters = self.own("http_filters").map_or(&[][..], Node::items).to_vec();
        filters.extend(self.filters.iter().cloned());
        let table = self.own("route_config").cloned().unwrap_or_else(|| self.table());
        let mut manager = vec![at.field("@type", at.text(MANAGER_TYPE))];
        merge(&mut manager, self.manager.clone());
        let parts =
            vec![at.field("route_config", table), at.field("http_filters", at.list(filters))];
        merge(&mut manager, parts);
        at.object(manager)
    }

    /// The route configuration.
    fn table(&self) -> Node {
        let at = &self.at;
        let mut hosts = self.hosts.clone();
        if !self.routes.is_empty() {
            let mut host = vec![at.field("name", at.text("images"))];
            merge(&mut host, self.host.clone());
            host.push(at.field("routes", at.list(self.routes.clone())));
            hosts.insert(0, at.object(host));
        }
        let mut table = self.table.clone();
        table.push(at.field("virtual_hosts", at.list(hosts)));
        at.object(table)
    }
}

pub(super) const MANAGER_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.network.\
                       http_connection_manager.v3.HttpConnectionManager";
/// No field of Envoy's: it says that the bootstrap is made of the patches of a mesh.
pub(crate) const MESH: &str = "mesh of the patches";

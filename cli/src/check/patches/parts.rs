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
    pub(super) managers: Vec<Manager>,
    pub(super) listeners: Vec<Node>,
    pub(super) clusters: Vec<Node>,
    /// What selects the clusters of the mesh's own that patches remove.
    pub(super) removed: Vec<Node>,
    pub(super) extensions: Option<Node>,
    /// Values of the runtime.
    pub(super) runtime: Vec<Field>,
    /// What is wrong with the patches themselves, with places of any file (`spans::sent`).
    pub(super) findings: Vec<Finding>,
}

/// A connection manager that the mesh makes.
#[derive(Default)]
pub(super) struct Manager {
    pub(super) fields: Vec<Field>,
    /// HTTP filters.
    pub(super) filters: Vec<Node>,
    /// The route configuration. `None` if no patch adds routes.
    pub(super) table: Option<Node>,
}

impl Manager {
    fn get(&self, name: &str) -> Option<&Node> {
        let is_it = |it: &&Field| it.name == name || it.name == camel_case(name);
        self.fields.iter().rfind(is_it).map(|it| &it.value)
    }

    /// Whether it has imagegate's filter.
    fn has_filter(&self) -> bool {
        let of_policy = |name: &str| name.starts_with(policy::PREFIX);
        let is_ours = |it: &Node| {
            find::mentions(it) || it.get("name").and_then(Node::text).is_some_and(of_policy)
        };
        let own = self.get("http_filters").map(Node::items).unwrap_or_default();
        own.iter().chain(&self.filters).any(is_ours)
    }

    /// It and its listener. Its own routes hold, if it has some in place.
    fn into_listener(self, at: &Place) -> Node {
        let mut filters = self.get("http_filters").map(Node::items).unwrap_or_default().to_vec();
        filters.extend(self.filters.iter().cloned());
        let table = self.get("route_config").cloned().or_else(|| self.table.clone());
        let mut fields = vec![at.field("@type", at.text(MANAGER_TYPE))];
        merge(&mut fields, self.fields);
        merge(&mut fields, vec![at.field("http_filters", at.list(filters))]);
        merge(&mut fields, table.map(|it| at.field("route_config", it)).into_iter().collect());
        let filter = at.object(vec![at.field("typed_config", at.object(fields))]);
        let chain = at.object(vec![at.field("filters", at.list(vec![filter]))]);
        at.object(vec![at.field("filter_chains", at.list(vec![chain]))])
    }
}

impl Parts {
    /// Nothing yet; `list` holds the patches.
    pub(super) fn new(list: &Field, mesh: &'static str) -> Self {
        Self {
            at: Place(list.span.clone()),
            mesh,
            managers: Vec::new(),
            listeners: Vec::new(),
            clusters: Vec::new(),
            removed: Vec::new(),
            extensions: None,
            runtime: Vec::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn has_filter(&self) -> bool {
        self.managers.iter().any(Manager::has_filter)
    }

    /// The bootstrap. `None` without the filter or without routes: those are then elsewhere.
    pub(super) fn bootstrap(self) -> Option<Node> {
        let at = &self.at;
        let has_routes = |it: &Manager| it.table.is_some() || it.get("route_config").is_some();
        let gates: Vec<_> = self.managers.into_iter().filter(Manager::has_filter).collect();
        if !gates.iter().any(has_routes) {
            return None;
        }
        let gates = gates.into_iter().map(|it| it.into_listener(at));
        let resources = at.object(vec![
            at.field("listeners", at.list(gates.chain(self.listeners).collect())),
            at.field("clusters", at.list(self.clusters)),
        ]);
        // Other clusters come from the control plane, which has names of its own for them.
        let dynamic = at.object(vec![at.field("cds_config", at.object(Vec::new()))]);
        let mut bootstrap = vec![
            at.field("static_resources", resources),
            at.field("dynamic_resources", dynamic),
            at.field(MESH, at.text(self.mesh)),
            at.field(REMOVED, at.list(self.removed)),
        ];
        bootstrap.extend(self.extensions.map(|it| at.field("bootstrap_extensions", it)));
        if !self.runtime.is_empty() {
            let layer = at.object(vec![at.field("static_layer", at.object(self.runtime))]);
            let layers = at.object(vec![at.field("layers", at.list(vec![layer]))]);
            bootstrap.push(at.field("layered_runtime", layers));
        }
        Some(at.object(bootstrap))
    }
}

impl Place {
    /// A route configuration with these fields and virtual hosts.
    pub(super) fn table(&self, mut fields: Vec<Field>, hosts: Vec<Node>) -> Node {
        fields.push(self.field("virtual_hosts", self.list(hosts)));
        self.object(fields)
    }

    /// A virtual host with these fields and routes.
    pub(super) fn host(&self, fields: Vec<Field>, routes: Vec<Node>) -> Node {
        let mut host = vec![self.field("name", self.text("images"))];
        merge(&mut host, fields);
        host.push(self.field("routes", self.list(routes)));
        self.object(host)
    }
}

pub(super) const MANAGER_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.network.\
                                       http_connection_manager.v3.HttpConnectionManager";
/// No field of Envoy's: it says that the bootstrap is made of the patches of a mesh.
pub(crate) const MESH: &str = "mesh of the patches";
/// No field of Envoy's either: what selects the clusters that patches remove.
pub(crate) const REMOVED: &str = "removed clusters";

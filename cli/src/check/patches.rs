//! The patches of a mesh, put together to the bootstrap that they amount to: an EnvoyFilter of
//! Istio, or an EnvoyPatchPolicy of Envoy Gateway, that adds the filter, with all others for the
//! same proxies that add routes, clusters and listeners, in any file. So the lints see these, too.
//! All values keep their places in their files.

mod gateway;
mod istio;
mod node;

use super::File;
use super::find;
use super::patched::{self, Resource};
use super::policy;
use super::spans;
use super::tree::{Field, Node};
pub(crate) use istio::extensions;
use node::{Place, merge};

/// What the patches of some resources add.
struct Parts {
    at: Place,
    /// The mesh, by its kind of patches.
    mesh: &'static str,
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

/// What a resource adds to a gate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// It is the gate.
    Own,
    /// It has no filter of ours.
    More,
    /// It has another one, with routes of its own.
    Clusters,
}

/// The resources of a mesh, with what they are called.
struct Mesh {
    kind: &'static str,
    resources: Vec<Resource>,
    /// Those of other kinds that Envoy Gateway reads.
    others: Vec<Resource>,
}

/// Puts together what belongs together.
pub(crate) fn assemble(files: &mut [File]) {
    for kind in [istio::KIND, gateway::KIND] {
        let others = if kind == gateway::KIND { &gateway::OTHERS[..] } else { &[] };
        let others = others.iter().flat_map(|kind| patched::resources(files, kind)).collect();
        let mesh = Mesh { kind, resources: patched::resources(files, kind), others };
        let is_gate: Vec<bool> = mesh.resources.iter().map(|it| mesh.adds_filter(it)).collect();
        for (number, gate) in mesh.resources.iter().enumerate() {
            if is_gate.get(number) == Some(&true) {
                mesh.assemble(gate, &is_gate, files);
            }
        }
    }
}

impl Mesh {
    /// Puts together what belongs to this gate.
    fn assemble(&self, gate: &Resource, is_gate: &[bool], files: &mut [File]) {
        let gates = || self.resources.iter().zip(is_gate).filter(|(_, is)| **is);
        let is_home = |it: &Resource| gates().any(|(other, _)| other.folder == it.folder);
        let mut together: Vec<(&Resource, Share)> = Vec::new();
        for (it, is_gate) in self.resources.iter().zip(is_gate) {
            let is_near = it.folder == gate.folder || !is_home(it);
            if std::ptr::eq(it, gate) {
                together.push((it, Share::Own));
            } else if is_near && self.is_for_proxies_of(it, gate) {
                together.push((it, if *is_gate { Share::Clusters } else { Share::More }));
            }
        }
        let parts = self.parts(gate, &mut together);
        let Some(mut tree) = parts.and_then(Parts::bootstrap) else { return };
        if self.kind == istio::KIND {
            istio::keep_extensions(&gate.tree, &mut tree);
        } else {
            gateway::keep_searches(&gate.tree, &mut tree);
        }
        spans::receive(&mut tree, gate.file);
        let document = files.get_mut(gate.file).and_then(|it| it.documents.get_mut(gate.document));
        if let Some(document) = document {
            document.assembled = Some(tree);
        }
        for (it, _) in together.iter().filter(|(_, share)| *share == Share::More) {
            if let Some(file) = files.get_mut(it.file) {
                file.patches.are_followed = true;
            }
        }
    }

    fn parts(&self, gate: &Resource, together: &mut [(&Resource, Share)]) -> Option<Parts> {
        if self.kind == istio::KIND {
            together.sort_by(|(a, _), (b, _)| a.in_istio(b));
            istio::parts(gate, together)
        } else {
            together.sort_by(|(a, _), (b, _)| a.in_envoy_gateway(b));
            gateway::parts(gate, together, self)
        }
    }

    /// Whether each proxy of the gate has the patches of `it`, too.
    fn is_for_proxies_of(&self, it: &Resource, gate: &Resource) -> bool {
        if self.kind == istio::KIND {
            it.is_for_workload_of(gate)
        } else {
            gateway::is_beside(it, gate)
        }
    }

    /// Whether it adds a filter of ours.
    fn adds_filter(&self, resource: &Resource) -> bool {
        let parts = self.parts(resource, &mut [(resource, Share::Own)]);
        parts.is_some_and(|it| it.has_filter())
    }
}

impl Parts {
    /// Nothing yet; `list` holds the patches.
    fn new(list: &Field, mesh: &'static str) -> Self {
        Self {
            at: Place(list.span.clone()),
            mesh,
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

    fn has_filter(&self) -> bool {
        let of_policy = |name: &str| name.starts_with(policy::PREFIX);
        let is_ours = |it: &Node| {
            find::mentions(it) || it.get("name").and_then(Node::text).is_some_and(of_policy)
        };
        self.filters.iter().any(is_ours)
    }

    /// The bootstrap. `None` without the filter or without routes: those are then elsewhere.
    fn bootstrap(self) -> Option<Node> {
        if self.routes.is_empty() || !self.has_filter() {
            return None;
        }
        let at = &self.at;
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
}

const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.\
                       http_connection_manager.v3.HttpConnectionManager";
/// No field of Envoy's: it says that the bootstrap is made of the patches of a mesh.
pub(crate) const MESH: &str = "mesh of the patches";
